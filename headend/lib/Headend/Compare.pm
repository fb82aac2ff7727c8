# SPDX-License-Identifier: BSL-1.0
# Compares what a receiver gives with what went into the mux, packet by packet while it runs, in
# bounded memory. judge.pl has one for each receiver.
package Headend::Compare;

use strict;
use warnings FATAL => 'all';

use Digest::SHA;

use Headend::Packets;

my $KEPT_SECONDS = 12;      # of the reference; what has not come out by then is missing
my $AHEAD = 4096;           # packets in which the place is looked for behind a loss
my $SHORT = 16;             # bytes; a shorter payload may be clear at any time
my @COUNTERS = qw(equal lost differs missing unopened opened);

# Options: packages (a hash of those that the receiver has keys for; undef: any ECM counts),
# is_entitled.
sub new {
    my ($class, %how) = @_;
    return bless {
        %how,
        tables => Headend::Packets->new,
        of_pid => {},       # PID => component
        services => {},     # program_number => {has_ecm, ...}
        packets => 0,
    }, $class;
}

# ---- the reference ----

# A packet that went into the mux. `$packet` has a payload that begins at `$at`.
sub push_reference {
    my ($self, $pid, $packet, $at) = @_;
    # Tables of the output come later than the packets, so all PIDs are kept for a while.
    my $component = $self->component($pid);
    push @{$component->{queue}}, substr $packet, $at;
    $component->{hashes}{substr $packet, $at}++ if not $self->{is_entitled};
    return;
}

# Once a second: forgets what is old.
sub prune {
    my ($self, $now) = @_;
    for my $component (values %{$self->{of_pid}}) {
        my ($queue, $marks) = @$component{qw(queue marks)};
        push @$marks, [$now, $component->{base} + @$queue];
        my $until = 0;
        $until = (shift @$marks)->[1] while @$marks && $marks->[0][0] < $now - $KEPT_SECONDS;
        my $count = $until - $component->{base};
        next if $count <= 0;
        $self->forget($component, $count);
        next if !$component->{is_synced};
        $component->{missing} += $count;
    }
    return;
}

# Takes packets off the front of a queue.
sub forget {
    my ($self, $component, $count) = @_;
    my @gone = splice @{$component->{queue}}, 0, $count;
    $component->{base} += @gone;
    $component->{candidates} = [grep { $_->[0] >= $component->{base} } @{$component->{candidates}}]
        if $component->{candidates};
    return if $self->{is_entitled};
    for my $payload (@gone) {
        delete $component->{hashes}{$payload} if --$component->{hashes}{$payload} <= 0;
    }
    return;
}

# ---- the output ----

# Learns of the components of the services; called when tables have changed.
sub learn {
    my ($self) = @_;
    my $services = $self->{tables}{services};
    for my $program (keys %$services) {
        my $service = $services->{$program};
        next if not $service->{pids};
        my $own = $self->{services}{$program} ||= {has_ecm => 0};
        $own->{ecms} = $service->{ecms};
        for my $pid (@{$service->{pids}}) {
            $self->component($pid)->{service} = $own;
            $self->{of_pid}{$pid}{program} = $program;
        }
        for my $pid (keys %{$service->{ecms}}) {
            my $package = $service->{ecms}{$pid};
            next if $self->{packages} && defined $package && !$self->{packages}{$package}
                && $self->{is_entitled};
            push @{$self->{of_ecm}{$pid}}, $own;
        }
    }
    $self->{learned} = $self->{tables}{changes};
    return;
}

sub component {
    my ($self, $pid) = @_;
    return $self->{of_pid}{$pid} ||= {
        queue => [], base => 0, marks => [], hashes => {}, is_synced => 0,
        sent => Digest::SHA->new(256), received => Digest::SHA->new(256),
        map { $_ => 0 } @COUNTERS,
    };
}

# True when the first ECM of every service has come.
sub has_begun {
    my ($self) = @_;
    my @services = values %{$self->{services}};
    return @services && !grep { !$_->{has_ecm} } @services;
}

# A packet of the receiver's output.
sub push_output {
    my ($self, $packet) = @_;
    my $pid = pid_of($packet);
    $self->{packets}++;
    if ($self->{tables}->wants($pid)) {
        $self->{tables}->push_packet($pid, $packet);
        $self->learn if $self->{tables}{changes} != ($self->{learned} || 0);
        return;
    }
    my $component = $self->{of_pid}{$pid};
    if (not $component) {
        my $of_ecm = $self->{of_ecm}{$pid} or return;
        $_->{has_ecm} ||= ord(substr $packet, 1, 1) & 0x40 ? 1 : 0 for @$of_ecm;
        return;
    }
    return if !$component->{service} || !$component->{service}{has_ecm};
    my $at = payload_at($packet);
    return if $at >= $PACKET;
    my $is_scrambled = ord(substr $packet, 3, 1) & 0xc0;
    if ($self->{is_entitled}) {
        # What was not opened has a place in the order all the same.
        $component->{unopened}++ if $is_scrambled;
        $self->compare($component, $is_scrambled ? undef : substr $packet, $at);
    } elsif ($PACKET - $at >= $SHORT) {
        $component->{equal}++;
        # A packet that says it is scrambled may have been opened all the same.
        $component->{opened}++ if !$is_scrambled || $component->{hashes}{substr $packet, $at};
    }
    return;
}

# The next packet of a PID that is clear; undef: it was not opened.
sub compare {
    my ($self, $component, $payload) = @_;
    return $self->find_place($component, $payload) if not $component->{is_synced};
    my $queue = $component->{queue};
    if (not defined $payload) {
        $self->forget($component, 1) if @$queue;
        return;
    }
    my $ahead = 0;
    if (!@$queue || $queue->[0] ne $payload) {
        my $most = @$queue < $AHEAD ? @$queue : $AHEAD;
        $ahead++ while $ahead < $most && $queue->[$ahead] ne $payload;
        if ($ahead == $most) {
            $component->{differs}++;
            return;
        }
        # A mux drops packets that are there twice.
        my $last = $component->{last};
        for my $skipped (@$queue[0 .. $ahead - 1]) {
            $component->{lost}++ if $skipped ne $last;
            $last = $skipped;
        }
    }
    $component->{equal}++;
    $component->{last} = $payload;
    $component->{sent}->add($queue->[$ahead]);
    $component->{received}->add($payload);
    $self->forget($component, $ahead + 1);
    return;
}

# Where in the reference the output begins: what comes must fit one place only.
sub find_place {
    my ($self, $component, $payload) = @_;
    return if not defined $payload;
    my ($queue, $base) = @$component{qw(queue base)};
    my $candidates = $component->{candidates};
    if ($candidates) {
        @$candidates = grep {
            my $next = $_->[1] - $base;
            $next < @$queue && $queue->[$next] eq $payload && ++$_->[1];
        } @$candidates;
    } else {
        $candidates = [map { [$base + $_, $base + $_ + 1] }
            grep { $queue->[$_] eq $payload } 0 .. $#$queue];
    }
    if (not @$candidates) {
        $component->{differs}++;
        delete $component->{candidates};
        return;
    }
    $component->{candidates} = $candidates;
    return if @$candidates > 1;
    my ($first, $next) = @{$candidates->[0]};
    my @fitting = @$queue[$first - $base .. $next - $base - 1];
    delete $component->{candidates};
    $component->{is_synced} = 1;
    $component->{equal} += @fitting;
    $component->{last} = $payload;
    $component->{$_}->add(@fitting) for qw(sent received);
    $self->forget($component, $next - $base);
    return;
}

# ---- figures ----

# For a report: services and PIDs with their counters.
sub figures {
    my ($self) = @_;
    my %services;
    for my $pid (sort { $a <=> $b } keys %{$self->{of_pid}}) {
        my $component = $self->{of_pid}{$pid};
        next if not $component->{service};
        my $service = $services{$component->{program}} ||= {
            has_ecm => $component->{service}{has_ecm}, pids => {}, map { $_ => 0 } @COUNTERS,
        };
        $service->{$_} += $component->{$_} for @COUNTERS;
        $service->{pids}{$pid} = {map { $_ => $component->{$_} } @COUNTERS};
        next if !$self->{is_entitled} || !$component->{equal};
        $service->{pids}{$pid}{$_} = $component->{$_}->clone->hexdigest for qw(sent received);
    }
    return {packets => $self->{packets}, services => \%services};
}

1;
