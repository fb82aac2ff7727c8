# SPDX-License-Identifier: BSL-1.0
# Waits for many handles and times at once; headend.pl and its parts give it what to call.
package Headend::Loop;

use strict;
use warnings FATAL => 'all';

use Time::HiRes qw(time);

sub new { return bless {readers => {}, writers => {}, timers => []}, $_[0] }

# Calls when a handle can be read (or is at its end), until it is removed.
sub on_read {
    my ($self, $handle, $call) = @_;
    $self->{readers}{fileno $handle} = $call;
    return;
}

sub on_write {
    my ($self, $handle, $call) = @_;
    $self->{writers}{fileno $handle} = $call;
    return;
}

# To be called before the handle is closed.
sub remove {
    my ($self, $handle) = @_;
    delete $self->{$_}{fileno $handle} for qw(readers writers);
    return;
}

# Calls once, or again and again when `every` is given.
sub after {
    my ($self, $seconds, $call, $every) = @_;
    my $timer = {at => time + $seconds, call => $call, every => $every};
    push @{$self->{timers}}, $timer;
    return $timer;
}

sub every { return $_[0]->after($_[1], $_[2], $_[1]) }

sub cancel {
    my ($self, $timer) = @_;
    $self->{timers} = [grep { $_ != $timer } @{$self->{timers}}];
    return;
}

# Waits for the next thing and does it.
sub run_once {
    my ($self, $longest) = @_;
    my $now = time;
    my $wait = $longest;
    for my $timer (@{$self->{timers}}) {
        $wait = $timer->{at} - $now if $timer->{at} - $now < $wait;
    }
    my ($read, $write) = ('', '');
    vec($read, $_, 1) = 1 for keys %{$self->{readers}};
    vec($write, $_, 1) = 1 for keys %{$self->{writers}};
    my $count = select $read, $write, undef, $wait > 0 ? $wait : 0;
    if ($count > 0) {
        for my $of ([readers => $read], [writers => $write]) {
            my ($kind, $ready) = @$of;
            for my $number (keys %{$self->{$kind}}) {
                my $call = vec($ready, $number, 1) && $self->{$kind}{$number} or next;
                $call->();
            }
        }
    }
    $now = time;
    # A copy: what is called may cancel.
    my @due = grep { $_->{at} <= $now } @{$self->{timers}};
    for my $timer (@due) {
        if ($timer->{every}) {
            $timer->{at} += $timer->{every};
            $timer->{at} = $now + $timer->{every} if $timer->{at} < $now;
        } else {
            $self->cancel($timer);
        }
        $timer->{call}->();
    }
    return;
}

# Goes on until the check is true, or the time is over. Returns what the check says.
sub until_true {
    my ($self, $seconds, $check) = @_;
    my $end = time + $seconds;
    while (time < $end) {
        my $result = $check->();
        return $result if $result;
        $self->run_once(0.1);
    }
    return $check->();
}

1;
