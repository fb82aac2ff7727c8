# SPDX-License-Identifier: BSL-1.0
# The EMMs of the laboratory: what the EMM generator is given to send, and whether it comes out of
# the mux byte for byte, in its order. headend.pl makes them, judge.pl judges.
package Headend::Emms;

use strict;
use warnings FATAL => 'all';

use Headend::Packets;

my $COUNT = 250;             # sections; then they begin again
my ($LEAST, $MOST) = (20, 420);
my $TABLE = 0x82;            # the first table_id of CA systems for EMMs
my $TABLES = 14;
my $HELD = 1 << 13;          # bytes of a section that has not ended

# A line of hex digits for each section. Nobody can open them: each has its number and noise.
sub made_text {
    return join '', map {
        my $noise = join '', map { chr int rand 256 } 1 .. $LEAST - 7 + int rand $MOST - $LEAST;
        my $body = pack('N', $_) . $noise;
        unpack('H*', pack('Cn', $TABLE + $_ % $TABLES, 0x7000 | length $body) . $body) . "\n";
    } 0 .. $COUNT - 1;
}

# Reads what made_text() gave. Counters: equal, lost (sections that did not come between two that
# did), differs, broken (packets that did not count on).
sub new {
    my ($class, $path) = @_;
    open my $in, '<', $path or die "$path cannot be read: $!\n";
    chomp(my @lines = <$in>);
    my @sections = map { pack 'H*', $_ } @lines;
    return bless {
        sections => \@sections, place_of => {map { $sections[$_] => $_ } 0 .. $#sections},
        bytes => undef, next => undef, count => undef,
        equal => 0, lost => 0, differs => 0, broken => 0,
    }, $class;
}

# A packet of the EMM PID.
sub push_packet {
    my ($self, $packet) = @_;
    my $at = payload_at($packet);
    return if $at >= $PACKET;
    my $count = ord(substr $packet, 3, 1) & 15;
    if (defined $self->{count} && $count != ($self->{count} + 1) % 16) {
        $self->{broken}++;
        undef $self->{bytes};
    }
    $self->{count} = $count;
    my $payload = substr $packet, $at;
    if (ord(substr $packet, 1, 1) & 0x40) {
        my $pointer = ord $payload;
        my $end = substr $payload, 1, $pointer;
        $self->add_bytes($end) if defined $self->{bytes};
        # What has not ended here is cut.
        $self->{differs}++ if defined $self->{bytes} && length $self->{bytes};
        $self->{bytes} = '';
        $payload = $pointer + 1 < length $payload ? substr $payload, $pointer + 1 : '';
    }
    $self->add_bytes($payload) if defined $self->{bytes};
    return;
}

sub add_bytes {
    my ($self, $bytes) = @_;
    $self->{bytes} .= $bytes;
    while (length $self->{bytes} >= 3) {
        # Stuffing up to the end of the packet.
        if (ord $self->{bytes} == 0xff) {
            $self->{bytes} = '';
            return;
        }
        my $size = 3 + (unpack('n', substr $self->{bytes}, 1, 2) & 0x0fff);
        last if length $self->{bytes} < $size;
        $self->judge(substr $self->{bytes}, 0, $size, '');
    }
    # One or two bytes of stuffing are no beginning of a section.
    $self->{bytes} = '' if $self->{bytes} =~ /\A\xff/;
    undef $self->{bytes} if length $self->{bytes} > $HELD;
    return;
}

# What comes must be the section behind the one before.
sub judge {
    my ($self, $section) = @_;
    my $place = $self->{place_of}{$section};
    if (not defined $place) {
        $self->{differs}++;
        return;
    }
    my $count = @{$self->{sections}};
    $self->{lost} += ($place - $self->{next}) % $count if defined $self->{next};
    $self->{equal}++;
    $self->{next} = ($place + 1) % $count;
    return;
}

# For a report.
sub figures {
    my ($self) = @_;
    return {map { $_ => $self->{$_} } qw(pid equal lost differs broken)};
}

1;
