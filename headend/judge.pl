#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Sends the source into the mux and compares what the receivers give with it. headend.pl starts it.
#
#     judge.pl SOURCE MUX_PORT COPY_PORT WATCH_PORT PACKAGES SAMPLES EMMS SYSTEM
#
# SOURCE is a file, udp://, rtp://, or - for standard input. Descriptors 3 and 4 are the outputs of
# the entitled receiver and of the other one. COPY_PORT receives a copy of the output of the mux;
# all three are sent on for players to WATCH_PORT of this host and the two behind it, where nobody
# needs to listen. PACKAGES, "1,2", are those of the entitled receiver. Into the folder SAMPLES go
# pieces of the outputs for ffprobe. EMMS is a file with the sections that the EMM generator sends
# again and again under the CA_system_id SYSTEM. Reports go to standard output, a JSON object per
# line; SIGTERM asks for the last one.
use strict;
use warnings FATAL => 'all';

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use FindBin;
use JSON::PP;
use Socket qw(:all);
use Time::HiRes qw(time);
use lib "$FindBin::Bin/lib";

use Headend::Compare;
use Headend::Emms;
use Headend::Packets;
use Headend::Source;

my $REPORT_SECONDS = 0.5;
my $SAMPLE_SECONDS = 5;
my $SAMPLE_EVERY = 20;       # from the start of one sample to that of the next
my $SAMPLE_BYTES = 32 << 20;
my $FORWARD = 7 * $PACKET;
my $PIECE = 65536;
my $F_SETPIPE_SZ = 1031;     # Linux

die "usage: judge.pl SOURCE MUX_PORT COPY_PORT WATCH_PORT PACKAGES SAMPLES EMMS SYSTEM\n"
    if @ARGV != 8;
my ($where, $mux_port, $copy_port, $watch_port, $packages, $samples, $emms_file, $system) = @ARGV;
my %packages = map { $_ => 1 } split /,/, $packages;
my $json = JSON::PP->new->canonical;
my $is_over = 0;
$SIG{TERM} = sub { $is_over = 1 };
$SIG{INT} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
$| = 1;

sub report {
    my ($what) = @_;
    print $json->encode($what), "\n";
    return;
}

sub loopback { return pack_sockaddr_in($_[0], INADDR_LOOPBACK) }

sub set_nonblocking {
    my ($handle) = @_;
    fcntl $handle, F_SETFL, fcntl($handle, F_GETFL, 0) | O_NONBLOCK;
    return $handle;
}

# ---- what goes in ----

socket my $sender, PF_INET, SOCK_DGRAM, 0 or die "no socket: $!\n";
setsockopt $sender, SOL_SOCKET, SO_SNDBUF, 4 << 20;
my $source = eval { Headend::Source->new($where) };
if (not $source) {
    report({failed => $@ =~ s/\n\z//r});
    exit 1;
}
my $reference = Headend::Packets->new;
my ($in_count, $was_told, $in_scrambled) = (0, -1, 0);

sub send_in {
    my ($bytes) = @_;
    send $sender, $bytes, 0, loopback($mux_port);
    $in_count += length($bytes) / $PACKET;
    for (my $at = 0; $at < length $bytes; $at += $PACKET) {
        my $packet = substr $bytes, $at, $PACKET;
        my $pid = unpack('n', substr $packet, 1, 2) & 0x1fff;
        next if $pid == 0x1fff;
        if ($reference->wants($pid)) {
            $reference->push_packet($pid, $packet);
            next;
        }
        $in_scrambled++ if ord(substr $packet, 3, 1) & 0xc0;
        keep_reference($pid, $packet);
    }
    return;
}

# Tells the services once all of them are known, and again when they change.
sub tell_services {
    return if $reference->{changes} == $was_told || !$reference->is_complete;
    $was_told = $reference->{changes};
    my $services = $reference->{services};
    report({services => [map { {
        id => $_ + 0, name => $reference->{names}{$_} || "service $_",
        pids => [map { $_ + 0 } @{$services->{$_}{pids}}],
        types => [map { $_ + 0 } values %{$services->{$_}{types}}],
        is_scrambled => %{$services->{$_}{ecms}} ? JSON::PP::true : JSON::PP::false,
    } } sort { $a <=> $b } keys %$services]});
    return;
}

# ---- what comes out ----

my %outputs = (
    entitled => {name => 'entitled', fd => 3, watch => loopback($watch_port + 1), bytes => '',
        compare => Headend::Compare->new(is_entitled => 1, packages => \%packages)},
    other => {name => 'other', fd => 4, watch => loopback($watch_port + 2), bytes => '',
        compare => Headend::Compare->new(is_entitled => 0)},
);
for my $output (values %outputs) {
    open $output->{handle}, '<&=', $output->{fd} or die "descriptor $output->{fd}: $!\n";
    binmode $output->{handle};
    set_nonblocking($output->{handle});
    fcntl $output->{handle}, $F_SETPIPE_SZ, 1 << 20;
}

sub keep_reference {
    my ($pid, $packet) = @_;
    my $at = payload_at($packet);
    return if $at >= $PACKET;
    $_->{compare}->push_reference($pid, $packet, $at) for values %outputs;
    return;
}

sub read_output {
    my ($output) = @_;
    my $got = sysread $output->{handle}, $output->{bytes}, $PIECE, length $output->{bytes};
    if (not $got) {
        return if !defined $got && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
        $output->{is_closed} = 1;
        return;
    }
    my $whole = length($output->{bytes}) - length($output->{bytes}) % $PACKET;
    my $bytes = substr $output->{bytes}, 0, $whole, '';
    for (my $at = 0; $at < $whole; $at += $PACKET) {
        my $packet = substr $bytes, $at, $PACKET;
        if (ord $packet != 0x47) {
            $output->{out_of_step}++;
            next;
        }
        $output->{compare}->push_output($packet);
    }
    take_sample($output, $bytes);
    for (my $at = 0; $at < $whole; $at += $FORWARD) {
        send $sender, substr($bytes, $at, $FORWARD), 0, $output->{watch};
    }
    return;
}

# Pieces of an output, for ffprobe.
sub take_sample {
    my ($output, $bytes) = @_;
    my $now = time;
    if (not $output->{sample}) {
        return if !$output->{compare}->has_begun || $now < ($output->{sample_next} || 0);
        my $path = "$samples/$output->{name}.ts";
        open $output->{sample}, '>:raw', $path or return sample_failed($output, $path);
        @$output{qw(sample_path sample_start sample_size sample_next)}
            = ($path, $now, 0, $now + $SAMPLE_EVERY);
    }
    syswrite $output->{sample}, $bytes or return sample_failed($output, $output->{sample_path});
    $output->{sample_size} += length $bytes;
    finish_sample($output, $now) if $now - $output->{sample_start} >= $SAMPLE_SECONDS
        || $output->{sample_size} > $SAMPLE_BYTES;
    return;
}

sub sample_failed {
    my ($output, $path) = @_;
    report({trouble => "$path cannot be written: $!"});
    delete $output->{sample};
    $output->{sample_next} = time + $SAMPLE_EVERY;
    return;
}

sub finish_sample {
    my ($output, $now) = @_;
    close delete $output->{sample};
    report({sample => $output->{name}, file => $output->{sample_path},
        seconds => $now - $output->{sample_start}});
    return;
}

# ---- the copy of the mux's output ----

# service => what went out in the clear behind its first scrambled packet
my $air = Headend::Packets->new;
my $emms = Headend::Emms->new($emms_file);
my (%on_air, %component_of, $copy_changes);
my $air_count = 0;
socket my $copy, PF_INET, SOCK_DGRAM, 0 or die "no socket: $!\n";
setsockopt $copy, SOL_SOCKET, SO_RCVBUF, 4 << 20;
if (not bind $copy, loopback($copy_port)) {
    report({failed => "UDP port $copy_port is in use: $!"});
    exit 1;
}
set_nonblocking($copy);

sub read_copy {
    for (1 .. 100) {
        last if not defined recv $copy, my $bytes, 65536, 0;
        send $sender, $bytes, 0, loopback($watch_port);
        $air_count += int(length($bytes) / $PACKET);
        for (my $at = 0; $at + $PACKET <= length $bytes; $at += $PACKET) {
            my $packet = substr $bytes, $at, $PACKET;
            my $pid = unpack('n', substr $packet, 1, 2) & 0x1fff;
            if ($air->wants($pid)) {
                $air->push_packet($pid, $packet);
                next;
            }
            if (defined $emms->{pid} && $emms->{pid} == $pid) {
                $emms->push_packet($packet);
                next;
            }
            my $program = $component_of{$pid};
            look_at_air($program, $pid, $packet) if defined $program;
        }
        learn_air() if $air->{changes} != ($copy_changes || 0);
    }
    return;
}

sub learn_air {
    $copy_changes = $air->{changes};
    # The first PID that the CAT names; a mux that moves it has lost sections.
    $emms->{pid} //= (grep { $air->{emms}{$_} == oct $system } sort keys %{$air->{emms}})[0];
    my $services = $air->{services};
    for my $program (keys %$services) {
        $component_of{$_} = $program for @{$services->{$program}{pids} || []};
    }
    return;
}

sub look_at_air {
    my ($program, $pid, $packet) = @_;
    my $of = $on_air{$program} ||= {scrambled => 0, clear => 0, clear_now => 0, pids => {}};
    if (ord(substr $packet, 3, 1) & 0xc0) {
        $of->{scrambled}++;
        $of->{pids}{$pid} = 1;
        $of->{clear_now} = 0;
    } elsif ($of->{pids}{$pid} && $PACKET - payload_at($packet) >= 16) {
        $of->{clear}++;
        $of->{clear_now} = 1;
    }
    return;
}

# ---- the loop ----

my ($start, $next_report, $next_prune) = (time, 0, 0);

sub tell_figures {
    my ($is_final) = @_;
    report({
        seconds => time - $start, in => $in_count, breaks => $source->{breaks},
        in_scrambled => $in_scrambled, out => $air_count, air => {map {
            my ($program, $of) = ($_, $on_air{$_});
            ($program => {map { $_ => $of->{$_} } qw(scrambled clear clear_now)});
        } keys %on_air}, emms => $emms->figures,
        (map { $_ => $outputs{$_}{compare}->figures } keys %outputs),
        $is_final ? (final => JSON::PP::true) : (),
    });
    return;
}

# Waits for something to do. Files can always be read, so they do not take part.
sub wait_for_bytes {
    my ($now) = @_;
    my $wait = $next_report - $now;
    my $due = $source->wait_seconds($now);
    $wait = $due if defined $due && $due < $wait;
    $wait = 0.002 if $wait < 0.002 && defined $due;
    my $bits = '';
    my @handles = ($copy, map { $_->{handle} } grep { !$_->{is_closed} } values %outputs);
    if ($source->wants_bytes) {
        if ($source->is_file) {
            $wait = 0;
        } else {
            push @handles, $source->handle;
        }
    }
    vec($bits, fileno $_, 1) = 1 for @handles;
    my $count = select my $ready = $bits, undef, undef, $wait < 0 ? 0 : $wait;
    return $count > 0 ? sub { vec $ready, fileno $_[0], 1 } : sub { 0 };
}

sub run_once {
    my $is_ready = wait_for_bytes(time);
    my $now = time;
    $source->read_some($now)
        if $source->wants_bytes && ($source->is_file || $is_ready->($source->handle));
    while (defined(my $bytes = $source->next_due($now))) {
        send_in($bytes);
    }
    read_copy() if $is_ready->($copy);
    for my $output (values %outputs) {
        read_output($output) if !$output->{is_closed} && $is_ready->($output->{handle});
    }
    tell_services();
    if ($now >= $next_report) {
        tell_figures(0);
        $next_report = $now + $REPORT_SECONDS;
    }
    if ($now >= $next_prune) {
        $_->{compare}->prune($now) for values %outputs;
        $next_prune = $now + 1;
    }
    return;
}

until ($is_over) {
    next if eval { run_once(); 1 };
    report({failed => $@ =~ s/\n\z//r});
    last;
}
for my $output (values %outputs) {
    finish_sample($output, time) if $output->{sample} && time - $output->{sample_start} > 2;
}
tell_figures(1);
