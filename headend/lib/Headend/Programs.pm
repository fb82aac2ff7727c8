# SPDX-License-Identifier: BSL-1.0
# The programs of the head-end: with which arguments and configurations each is started.
# Headend::Run starts and watches them.
package Headend::Programs;

use strict;
use warnings FATAL => 'all';

use Headend::Config;
use Headend::Ports;
use Headend::Source;

our $SUPER_CAS_ID = '0x12340001';
our $CP_SECONDS = 5;
our $EMM_KBITPS = 100;

my $SOURCE_BITS = 4_500_000;
my $LINK_PATH = 100;         # bytes of a unix socket's path that fit everywhere

# What ffmpeg makes when no input is given: name, picture, sound.
my @CHANNELS = (
    ['News', 'testsrc2=size=640x360:rate=25', 'sine=frequency=440:beep_factor=4:sample_rate=48000'],
    ['Cinema', 'testsrc=size=640x360:rate=25', 'sine=frequency=300:sample_rate=48000'],
);

# ---- the source ----

# The command that writes the stream to its standard output, or nothing when the judge reads it.
sub source_command {
    my ($input) = @_;
    return test_command() if not defined $input;
    return if $input =~ m{^(?:udp|rtp)://};
    my ($packet_size) = -f $input ? Headend::Source::layout_of_file($input) : ();
    return if $packet_size;
    return ffmpeg(-f $input ? ('-stream_loop', -1) : (), '-i', $input, '-map', '0:v?', '-map',
        '0:a?', '-c', 'copy', '-f', 'mpegts', '-pcr_period', 30, '-');
}

sub ffmpeg { return ('ffmpeg', '-v', 'error', '-nostdin', @_) }

sub test_command {
    my (@inputs, @maps, @programs, @ids);
    for my $i (0 .. $#CHANNELS) {
        my ($name, $picture, $sound) = @{$CHANNELS[$i]};
        my ($video, $audio) = (2 * $i, 2 * $i + 1);
        push @inputs, '-f', 'lavfi', '-i', $picture, '-f', 'lavfi', '-i', $sound;
        push @maps, '-map', "$video:v", '-map', "$audio:a";
        push @programs, '-program',
            sprintf 'program_num=%d:title=%s:st=%d:st=%d', $i + 1, $name, $video, $audio;
        push @ids, '-streamid', sprintf('%d:%d', $video, 0x101 + 0x100 * $i),
            '-streamid', sprintf('%d:%d', $audio, 0x102 + 0x100 * $i);
    }
    return ffmpeg(@inputs, @maps, qw(-c:v mpeg2video -b:v 1500k -maxrate 1500k -bufsize 600k -g 12),
        qw(-bf 0 -c:a mp2 -b:a 128k), @programs, @ids, '-muxrate', $SOURCE_BITS,
        qw(-pcr_period 30 -f mpegts -));
}

# ---- ports ----

# All that is needed, as a hash. `watch` is the port asked for, or undef.
sub ports {
    my ($watch, $has_proxy) = @_;
    if (defined $watch) {
        for my $port ($watch .. $watch + 2) {
            die "UDP port $port is in use; name another one with --watch PORT (three in a row are"
                . " needed)\n" if !Headend::Ports::is_free('udp', $port);
            Headend::Ports::take('udp', $port);
        }
        die "another head-end sends to UDP port $watch; name another one with --watch PORT\n"
            if Headend::Ports::is_watched($watch);
    }
    my %ports = (
        watch => $watch || Headend::Ports::pick_watch(5001),
        mux_input => Headend::Ports::pick('udp', 5101),
        copy => Headend::Ports::pick('udp', 5102),
        receiver_input => Headend::Ports::pick('udp', 5103, 2),
    );
    return {%ports, tcp_ports($has_proxy)};
}

# Those of the daemons; another call gives others.
sub tcp_ports {
    my ($has_proxy) = @_;
    return (
        ecmgd => Headend::Ports::pick('tcp', 2222),
        ecmgd_backup => Headend::Ports::pick('tcp', 2223),
        ecmgd_admin => Headend::Ports::pick('tcp', 12222),
        ecmgd_backup_admin => Headend::Ports::pick('tcp', 12223),
        link => Headend::Ports::pick('tcp', 2231),
        scsd_admin => Headend::Ports::pick('tcp', 12231),
        muxd_admin => Headend::Ports::pick('tcp', 12240),
        emmg => Headend::Ports::pick('tcp', 2240),
        $has_proxy ? (proxy => Headend::Ports::pick('tcp', 22220, 2)) : (),
    );
}

# ---- the EMM generator ----

# It sends the sections of a file again and again, and connects anew when muxd was away.
sub emmg_command {
    my ($build, $ports, $path) = @_;
    return ["$build/simulcrypt", 'emmg', '--connect', "127.0.0.1:$ports->{emmg}", '--client-id',
        $SUPER_CAS_ID, '--bandwidth', $EMM_KBITPS, '--file', $path, qw(--loops 0 --for 0 --go-on)];
}

# ---- configurations ----

sub ecmgd_text {
    my ($examples, $ports, $name) = @_;
    my ($file, $listen, $admin) = $name eq 'main'
        ? ('ecmgd.yaml', '127.0.0.1:2222', '127.0.0.1:12222')
        : ('ecmgd-backup.yaml', '127.0.0.1:2223', '127.0.0.1:12223');
    my $key = $name eq 'main' ? 'ecmgd' : 'ecmgd_backup';
    return Headend::Config->new($examples, $file)
        ->set("address: $listen", "address: 127.0.0.1:$ports->{$key}")
        ->set("listen: $admin", "listen: 127.0.0.1:$ports->{\"${key}_admin\"}")
        ->text;
}

sub scsd_text {
    my ($examples, $ports, $socket, $services) = @_;
    my $config = Headend::Config->new($examples, 'scsd.yaml');
    if (length $socket > $LINK_PATH) {
        $config->set('socket: /run/opensimulcrypt/scs-mux.sock', 'socket: null')
            ->set('listen: null', "listen: 127.0.0.1:$ports->{link}");
    } else {
        $config->set('socket: /run/opensimulcrypt/scs-mux.sock',
            'socket: ' . Headend::Config::quoted($socket));
    }
    my ($main, $backup) = $ports->{proxy}
        ? ($ports->{proxy}, $ports->{proxy} + 1)
        : @$ports{qw(ecmgd ecmgd_backup)};
    return $config->set('address: 127.0.0.1:2222', "address: 127.0.0.1:$main")
        ->set('address: 127.0.0.1:2223', "address: 127.0.0.1:$backup")
        ->set('hold: 30s', 'hold: 5s')
        ->set('listen: 127.0.0.1:12231', "listen: 127.0.0.1:$ports->{scsd_admin}")
        ->set_list('scgs', Headend::Config::scg_lines($services, $SUPER_CAS_ID, $CP_SECONDS))
        ->text;
}

# `output` is where the stream goes besides, or undef; `is_own` says that ffmpeg makes the input.
sub muxd_text {
    my ($examples, $ports, $socket, $output, $is_own) = @_;
    my $link = length $socket > $LINK_PATH ? "127.0.0.1:$ports->{link}"
        : Headend::Config::quoted($socket);
    my @outputs = map { "udp://127.0.0.1:$_" } $ports->{copy}, $ports->{receiver_input},
        $ports->{receiver_input} + 1;
    push @outputs, Headend::Config::quoted($output) if defined $output;
    my $config = Headend::Config->new($examples, 'muxd.yaml')
        ->set('address: /run/opensimulcrypt/scs-mux.sock', "address: $link")
        ->set('address: udp://127.0.0.1:5101', "address: udp://127.0.0.1:$ports->{mux_input}")
        ->set('address: 127.0.0.1:2240', "address: 127.0.0.1:$ports->{emmg}")
        ->set('udp://127.0.0.1:5001', join "\n      - ", @outputs)
        ->set('listen: 127.0.0.1:12240', "listen: 127.0.0.1:$ports->{muxd_admin}");
    # What others make may have any rate.
    $config->set('rate: constant', 'rate: variable')->set('bitrate: 5Mbit/s', 'bitrate: 1Gbit/s')
        if not $is_own;
    return $config->text;
}

1;
