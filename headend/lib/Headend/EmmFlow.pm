# SPDX-License-Identifier: BSL-1.0
# How much flows through the EMM server of muxd: its newest state, and rates made of its counters.
# Headend::Run feeds it, the screen reads it.
package Headend::EmmFlow;

use strict;
use warnings FATAL => 'all';

my $WINDOW_SECONDS = 3;

sub new {
    my ($class) = @_;
    return bless {seen => []}, $class;
}

# The state of muxd, and when it came. Streams of one client are enough here.
sub take {
    my ($self, $status, $at) = @_;
    my $emmg = ref $status eq 'HASH' && $status->{emmg} or return;
    my ($channel) = grep { @{$_->{streams} || []} } @{$emmg->{channels} || []};
    if (not $channel) {
        @$self{qw(stream seen)} = (undef, []);
        return;
    }
    my $stream = $channel->{streams}[0];
    my ($pid) = grep { $_->{pid} == $stream->{pid} } @{$emmg->{pids} || []};
    my $seen = $self->{seen};
    return if @$seen && $seen->[-1][0] == $at;
    # Counters begin anew with a new connection.
    @$seen = () if @$seen && $seen->[-1][1] > $stream->{received_bytes};
    push @$seen, [$at, @$stream{qw(received_bytes inserted_bytes)}];
    shift @$seen while @$seen > 2 && $seen->[1][0] <= $at - $WINDOW_SECONDS;
    $self->{client} = $channel->{client_id};
    $self->{stream} = $stream;
    $self->{queued} = $pid ? $pid->{queued_bytes} : undef;
    return;
}

# Kilobits a second that were received (1) or inserted (2), or undef.
sub rate {
    my ($self, $which) = @_;
    my $seen = $self->{seen};
    return if @$seen < 2 || $seen->[-1][0] - $seen->[0][0] < 1;
    return ($seen->[-1][$which] - $seen->[0][$which]) * 8 / 1000 / ($seen->[-1][0] - $seen->[0][0]);
}

# Two lines: who it is, and how much flows.
sub lines {
    my ($self, $equal) = @_;
    my $stream = $self->{stream} or return ('not connected', '');
    my $rate_of = sub { defined $_[0] ? sprintf '%.1f', $_[0] : '-' };
    return (
        sprintf('client %s stream %d, PID 0x%04x', $self->{client}, $stream->{data_stream_id},
            $stream->{pid}) . ($equal ? ", $equal EMMs equal" : ''),
        sprintf('asked %s kbit/s, allocated %d, received %s, inserted %s, queue %s B',
            $stream->{wanted_kbitps} // '-', $stream->{allocated_kbitps},
            $rate_of->($self->rate(1)), $rate_of->($self->rate(2)), $self->{queued} // '-'),
    );
}

1;
