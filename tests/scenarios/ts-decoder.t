#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt ts analyze` on what decoders suffer from: buffers (3.3, 3.9), delay of data (3.10) and
# the clocks behind PCRs (PCR_FO, PCR_DR, PCR_OJ). Streams made by ffmpeg pass, what is bent is
# found by its check and by no other, and a small decoder in Perl has the same levels. `make check`
# runs it.
use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use List::Util qw(max min);
use POSIX qw(_exit);
use Time::HiRes qw(time);
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Json;
use Simc::Run;

my $EXIT_GOOD = 0;
my $EXIT_FOUND = 1;
my $PACKET = 188;
my $NULL_PID = 0x1fff;
my $HZ = 27_000_000;

program('simulcrypt', 'cli');
needs(qw(ffmpeg));

# ---- the streams ----

# ffmpeg sends data as early as it may and packet after packet. What keeps to the buffers of a
# decoder: a level of video that is not slower than the multiplex, little delay, and one frame of
# sound in a PES packet, of two transport packets at most.
my @VIDEO = qw(-f lavfi -i testsrc2=size=320x180:rate=25);
my @SOUND = qw(-f lavfi -i sine=frequency=440:sample_rate=48000);
my @TWO = (@VIDEO, @SOUND, qw(-f lavfi -i smptebars=size=320x180:rate=25),
    qw(-f lavfi -i sine=frequency=880:sample_rate=48000), qw(-map 0:v -map 1:a -map 2:v -map 3:a),
    qw(-program program_num=1:title=First:st=0:st=1),
    qw(-program program_num=2:title=Second:st=2:st=3),
    qw(-streamid 0:257 -streamid 1:258 -streamid 2:513 -streamid 3:514));
my @H264 = qw(-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -tune zerolatency -level 3.1
    -c:a aac -b:a 64k);
my @CBR = qw(-pcr_period 20 -pat_period 0.1 -sdt_period 0.5 -pes_payload_size 0
    -muxdelay 0.25 -muxpreload 0.25);

# name, services, bit rate, arguments of ffmpeg
my @streams = (
    ['H.264 and AAC', 1, 1_000_000, [@VIDEO, @SOUND, '-t', 8, @H264, qw(-b:v 300k)]],
    ['two programmes, H.264 and AAC', 2, 3_000_000,
        [@TWO, '-t', 8, @H264, qw(-b:v 400k -nit_period 0.5 -mpegts_flags +nit)]],
    ['HEVC', 1, 1_500_000,
        [@VIDEO, @SOUND, '-t', 8, qw(-c:v libx265 -preset ultrafast -x265-params log-level=none),
            qw(-g 25 -b:v 300k -c:a aac -b:a 64k)]],
    ['MPEG-2 and MP2, two programmes', 2, 3_000_000,
        [@TWO, '-t', 8, qw(-c:v mpeg2video -pix_fmt yuv420p -g 12 -bf 2 -b:v 800k -minrate 800k),
            qw(-maxrate 800k -bufsize 600k -c:a mp2 -b:a 96k -mpegts_flags +system_b+nit)]],
);

sub make_stream {
    my ($path, $bitrate, $arguments) = @_;
    my $run = run(['ffmpeg', qw(-hide_banner -loglevel error -y), @$arguments, @CBR, '-muxrate',
        $bitrate, qw(-f mpegts), $path], seconds => 120);
    is("$run->{status} $run->{err}", '0 ', 'ffmpeg makes it');
    return $path;
}

sub analyze {
    my ($path, @options) = @_;
    my $run = simulcrypt(['ts', 'analyze', '--json', @options, $path]);
    my $json = eval { json_read($run->{out} =~ s/\n\z//r) };
    is("$@$run->{err}", '', 'the report is JSON, and nothing is on standard error');
    return ($run->{status}, $json);
}

sub failed_checks {
    my ($json) = @_;
    return join ' ', map { $_->{number} } grep { $_->{count} } @{$json->{checks}};
}

sub check_of {
    my ($json, $number) = @_;
    return (grep { $_->{number} eq $number } @{$json->{checks}})[0];
}

sub pids_of {
    my ($json) = @_;
    return map { $_->{pid} => $_ } @{$json->{pids}};
}

sub pid_of { return unpack('n', substr $_[0], 1, 2) & 0x1fff }

sub packets_of { return unpack "(a$PACKET)*", read_file($_[0]) }

# ---- packets ----

sub payload_of {
    my ($packet) = @_;
    my $control = vec($packet, 3, 8) >> 4 & 3;
    return $control == 1 ? substr $packet, 4
        : $control == 3 ? substr $packet, 5 + vec $packet, 4, 8
        : '';
}

sub has_pcr { return vec($_[0], 3, 8) & 0x20 && vec($_[0], 4, 8) >= 7 && vec($_[0], 5, 8) & 0x10 }

sub pcr_of {
    my ($high, $low) = unpack 'Nn', substr $_[0], 6, 6;
    return ($high * 2 + ($low >> 15)) * 300 + ($low & 0x1ff);
}

sub set_pcr {
    my ($packet, $pcr) = @_;
    my $base = int $pcr / 300;
    substr $_[0], 6, 6,
        pack 'Nn', $base >> 1, ($base & 1) << 15 | 0x7e00 | $pcr - $base * 300;
    return;
}

sub read_stamp {
    my ($first, $middle, $last) = unpack 'Cnn', $_[0];
    return ($first & 0xe) << 29 | ($middle & 0xfffe) << 14 | $last >> 1;
}

sub write_stamp {
    my ($mark, $value) = @_;
    return pack 'Cnn', $mark & 0xf1 | $value >> 29 & 0xe, ($value >> 14 & 0xfffe) | 1,
        ($value << 1 & 0xfffe) | 1;
}

# Where the time stamps of a packet stand: offsets in it.
sub stamps_at {
    my ($packet) = @_;
    my $payload = payload_of($packet);
    return if not vec($packet, 1, 8) & 0x40 or substr($payload, 0, 3) ne "\0\0\1";
    my $at = $PACKET - length($payload) + 9;
    my $flags = vec $payload, 7, 8;
    return ($flags & 0x80 ? $at : (), ($flags & 0xc0) == 0xc0 ? $at + 5 : ());
}

# ---- a small decoder ----

# The levels of TB and of the last buffer of a PID, by the definition and nothing else: TB drains
# while and between packets; of video and sound, a PES packet leaves its buffer at its DTS.
sub decoder_levels {
    my ($packets, $pid, $bitrate, $rate) = @_;
    my ($first_pcr, $at_pcr) = first_pcr($packets);
    my $ticks = $PACKET * 8 * $HZ / $bitrate;
    my ($level, $emptied, $most, $most_main, $main) = (0, 0, 0, 0, 0);
    my (@waiting, $header, $begun);
    for my $index (0 .. $#$packets) {
        next if pid_of($packets->[$index]) != $pid;
        my $payload = payload_of($packets->[$index]);
        my ($start, $end) = ($index * $ticks, ($index + 1) * $ticks);
        my @stamps = stamps_at($packets->[$index]);
        if (@stamps) {
            my $due = read_stamp(substr $packets->[$index], $stamps[-1], 5) * 300;
            push @waiting, [$due - $first_pcr + $at_pcr * $ticks, 0];
            $header = 9 + vec $payload, 8, 8;
        }
        next if not @waiting and not $begun;
        $begun = 1;
        $level = max(0, $level - ($start - $emptied) * $rate / 8 / $HZ);
        $level = max(0, $level + $PACKET - ($end - $start) * $rate / 8 / $HZ);
        $emptied = $end;
        $most = max($most, $level);
        my $out = $end + $level * 8 * $HZ / $rate;
        while (@waiting && $waiting[0][0] <= $out) {
            $main -= (shift @waiting)->[1];
        }
        my $skip = min($header || 0, length $payload);
        $header -= $skip;
        my $bytes = length($payload) - $skip;
        $waiting[-1][1] += $bytes if @waiting;
        $main += $bytes if @waiting;
        $most_main = max($most_main, $main);
    }
    return ($most, $most_main);
}

sub first_pcr {
    my ($packets) = @_;
    for my $index (0 .. $#$packets) {
        return (pcr_of($packets->[$index]), $index) if has_pcr($packets->[$index]);
    }
    die "no PCR\n";
}

my %made;
for my $row (@streams) {
    my ($name, $services, $bitrate, $arguments) = @$row;
    subtest $name => sub {
        my $path = make_stream(scratch(keys(%made) . '.ts'), $bitrate, $arguments);
        $made{$name} = $path;
        my ($status, $json) = analyze($path, '--buffers', '--bitrate', $bitrate);
        is($status, $EXIT_GOOD, 'exit status');
        is(failed_checks($json), '', 'no alarm');
        is(join(' ', map { check_of($json, $_)->{judged} ? 'judged' : $_ }
            qw(3.3 3.9 3.10 PCR_FO PCR_DR)), join(' ', ('judged') x 5), 'all are judged');
        is(check_of($json, 'PCR_OJ')->{judged}, 0, 'but jitter only with a limit');
        my @packets = packets_of($path);
        my %ours = pids_of($json);
        for my $service (@{$json->{services}}) {
            ok($service->{psi_buffers}{judged}, "PSI of service $service->{id}");
            for my $stream (@{$service->{streams}}) {
                my $pid = $ours{$stream->{pid}};
                my $buffers = $pid->{buffers};
                is($buffers->{not_judged_because}, undef, "PID $stream->{pid} is judged");
                my ($transport, $main) =
                    decoder_levels(\@packets, $stream->{pid}, $bitrate, $buffers->{transport_bps});
                cmp_ok(abs($buffers->{transport_most} - $transport), '<=', 3,
                    "TB holds $buffers->{transport_most} at most, as the small decoder finds");
                # Its video leaves MB in no time, and its PES packets are not parted into frames.
                cmp_ok(abs($buffers->{main_most} - $main), '<=', 200,
                    "the main buffer $buffers->{main_most}");
            }
            my $clock = $ours{$service->{pcr_pid}};
            cmp_ok(abs $clock->{pcr_frequency_offset_hz}, '<', 5, 'no offset of its clock');
            cmp_ok(abs $clock->{pcr_drift_mhz_per_s}, '<', 75, 'no drift');
            cmp_ok($clock->{pcr_overall_jitter_ns}, '<', 100, 'no jitter');
        }
        my $text = simulcrypt(['ts', 'analyze', '--buffers', $path]);
        like($text->{out}, qr/^Buffers of.*^  PID 0x\w+ .*; TB \d+ of 512; MB .*; EB /ms,
            'the text');
        like($text->{out}, qr/PCR_FO .* not judged: wants --bitrate/, 'and what it does not judge');
    };
}

# A level that is too low for the multiplex: that is how ffmpeg works if nobody says otherwise.
subtest 'ffmpeg as it is breaks the model, and the small decoder sees it too' => sub {
    my $path = scratch('plain.ts');
    my $run = run(['ffmpeg', qw(-hide_banner -loglevel error -y), @VIDEO, @SOUND, qw(-t 6),
        qw(-c:v libx264 -preset ultrafast -pix_fmt yuv420p -level 1.2 -b:v 200k -tune zerolatency),
        qw(-c:a aac -b:a 64k -muxrate 1000k -pcr_period 20 -f mpegts), $path]);
    is($run->{status}, 0, 'ffmpeg makes it');
    my ($status, $json) = analyze($path, '--buffers');
    is("$status " . failed_checks($json), "$EXIT_FOUND 3.3", 'and 3.3 finds it');
    my @packets = packets_of($path);
    my ($buffers) = map { $_->{buffers} } grep { $_->{pid} == 0x101 } @{$json->{pids}};
    my ($transport, $main) = decoder_levels(\@packets, 0x101, 1_000_000, 2_000_000);
    cmp_ok($main, '>', 3584, 'B of the sound overflows');
    cmp_ok($buffers->{main_most}, '>', 3584, 'in both');
    ($transport) = decoder_levels(\@packets, 0x100, 1_000_000, 384_000 * 1.2);
    cmp_ok($transport, '>', 512, 'and so does TB of the video');
    my ($silent) = analyze($path);
    is($silent, $EXIT_GOOD, 'without --buffers nobody is told');
};

# ---- damage ----

my $two = $made{'two programmes, H.264 and AAC'};
my $bitrate = 3_000_000;
my @packets = packets_of($two);

# Moves the time stamps of a PID from a packet on.
sub shift_stamps {
    my ($packets, $pid, $from, $ms) = @_;
    for my $packet (@$packets[$from .. $#$packets]) {
        next if pid_of($packet) != $pid;
        for my $at (stamps_at($packet)) {
            my $stamp = read_stamp(substr $packet, $at, 5) + $ms * 90;
            substr $packet, $at, 5, write_stamp(vec($packet, $at, 8), $stamp);
        }
    }
    return;
}

# Sends so many packets of a PID in a row, as early as there is room for them.
sub send_burst {
    my ($packets, $pid, $from, $count) = @_;
    my $run = 0;
    my ($end) = grep {
        $run = pid_of($packets->[$_]) == $NULL_PID ? $run + 1 : 0;
        $run == $count
    } $from .. $#$packets;
    my @moved = grep { pid_of($packets->[$_]) == $pid } $end + 1 .. $#$packets;
    for my $n (0 .. $count - 1) {
        my $to = $end - $count + 1 + $n;
        @$packets[$to, $moved[$n]] = @$packets[$moved[$n], $to];
    }
    return;
}

# Gives every PCR (or those of one PID) a new value: the function gets seconds since the first, and
# the number of the PCR, and tells the ticks to add.
sub bend_pcrs {
    my ($packets, $ticks, $only) = @_;
    my ($first, $count) = (undef, 0);
    for my $packet (@$packets) {
        next if not has_pcr($packet) or $only && pid_of($packet) != $only;
        my $pcr = pcr_of($packet);
        $first = $pcr if not defined $first;
        set_pcr($packet, $pcr + int $ticks->(($pcr - $first) / $HZ, $count++));
    }
    return;
}

# name, checks wanted, options, how the stream is damaged, a look at the clock of service 1
my @damages = (
    ['video 600 ms too late', '3.3', ['--buffers'],
        sub { shift_stamps($_[0], 0x101, 5000, -600) }],
    ['sound 300 ms too late', '3.3', ['--buffers'],
        sub { shift_stamps($_[0], 0x102, 5000, -300) }],
    ['video 900 ms too early', '3.10', ['--buffers'],
        sub { shift_stamps($_[0], 0x101, 5000, 900) }],
    ['the same without buffers', '3.10', [], sub { shift_stamps($_[0], 0x101, 5000, 900) }],
    ['the same where it is allowed', '', ['--buffers', '--data-delay', 1500],
        sub { shift_stamps($_[0], 0x101, 5000, 900) }],
    ['twelve packets of sound in a row', '3.3', ['--buffers'],
        sub { send_burst($_[0], 0x102, 5000, 12) }],
    ['the same without buffers', '', [], sub { send_burst($_[0], 0x102, 5000, 12) }],
    ['PCRs that drift by 20 Hz per second', 'PCR_DR', [],
        sub { bend_pcrs($_[0], sub { 10 * $_[0] ** 2 }) },
        ['pcr_drift_mhz_per_s', 19_000, 21_000]],
    ['the same of one programme', 'PCR_DR', ['--buffers'],
        sub { bend_pcrs($_[0], sub { 10 * $_[0] ** 2 }, 0x101) },
        ['pcr_drift_mhz_per_s', 19_000, 21_000]],
    ['PCRs that are fast by 100 ppm', 'PCR_FO', ['--bitrate', $bitrate],
        sub { bend_pcrs($_[0], sub { 2700 * $_[0] }) },
        ['pcr_frequency_offset_hz', 2650, 2750]],
    ['PCRs that are slow by 100 ppm', 'PCR_FO', ['--bitrate', $bitrate],
        sub { bend_pcrs($_[0], sub { -2700 * $_[0] }) },
        ['pcr_frequency_offset_hz', -2750, -2650]],
    ['PCRs that are fast by 25 ppm', '', ['--bitrate', $bitrate],
        sub { bend_pcrs($_[0], sub { 675 * $_[0] }) }, ['pcr_frequency_offset_hz', 670, 680]],
    ['PCRs that jump by 2 us', '2.4', [],
        sub { bend_pcrs($_[0], sub { $_[1] % 10 == 5 ? 54 : 0 }) },
        ['pcr_overall_jitter_ns', 1500, 2100]],
    ['the same, where 1 us of jitter is allowed', '2.4 PCR_OJ', ['--pcr-jitter', 1000],
        sub { bend_pcrs($_[0], sub { $_[1] % 10 == 5 ? 54 : 0 }) }],
);

for my $row (@damages) {
    my ($name, $wanted, $options, $damage, $look) = @$row;
    subtest $name => sub {
        my @damaged = @packets;
        $damage->(\@damaged);
        my $path = write_file(scratch('damaged.ts'), @damaged);
        my ($status, $json) = analyze($path, @$options);
        is(failed_checks($json), $wanted, 'the check that finds it, and no other');
        is($status, $wanted eq '' ? $EXIT_GOOD : $EXIT_FOUND, 'exit status');
        return if not $look;
        my ($member, $least, $most) = @$look;
        my %ours = pids_of($json);
        cmp_ok($ours{0x101}{$member}, '>=', $least, "$member: $ours{0x101}{$member}");
        cmp_ok($ours{0x101}{$member}, '<=', $most, "at most $most");
    };
}

# ---- what cannot be judged ----

subtest 'scrambled streams, unknown codecs, and streams without a constant bit rate' => sub {
    my @scrambled = @packets;
    for my $packet (@scrambled) {
        vec($packet, 3, 8) |= 0x80 if pid_of($packet) == 0x101 and payload_of($packet) ne '';
    }
    my $path = write_file(scratch('scrambled.ts'), @scrambled);
    my ($status, $json) = analyze($path, '--buffers');
    is("$status " . failed_checks($json), "$EXIT_FOUND 2.6", 'only the CAT is missed');
    my %ours = pids_of($json);
    is($ours{0x101}{buffers}{not_judged_because}, 'its payload is scrambled', 'why not');
    is($ours{0x101}{data_delay}{not_judged_because}, 'its payload is scrambled', 'nor its delay');
    ok($ours{0x201}{buffers}{judged}, 'the other programme is judged');
    like(simulcrypt(['ts', 'analyze', '--buffers', $path])->{out},
        qr/^  PID 0x0101 not judged, because its payload is scrambled$/m, 'the text says so');

    my $unknown = scratch('unknown.ts');
    my $made = run(['ffmpeg', qw(-hide_banner -loglevel error -y), @VIDEO, @SOUND, qw(-t 4),
        qw(-c:v mpeg4 -b:v 300k -c:a ac3 -b:a 128k -f mpegts), $unknown]);
    is($made->{status}, 0, 'ffmpeg makes MPEG-4 and AC-3, at a variable bit rate');
    ($status, $json) = analyze($unknown, '--buffers');
    is("$status " . failed_checks($json), "$EXIT_GOOD ", 'no alarm');
    %ours = pids_of($json);
    for my $pid (0x100, 0x101) {
        like($ours{$pid}{buffers}{not_judged_because}, qr/stream type are not known/,
            "PID $pid: why not");
    }
    is($ours{0x100}{pcr_drift_mhz_per_s}, undef, 'no drift without a constant bit rate');
};

# ---- live ----

# A child sends the stream on time, as far as a busy computer lets it, until the analyser has ended.
sub analyze_live {
    my (@options) = @_;
    my $probe = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die $@;
    my $port = $probe->sockport;
    close $probe;
    my $child = fork;
    die "cannot fork: $!\n" if not defined $child;
    if (!$child) {
        my $to = IO::Socket::INET->new(Proto => 'udp', PeerAddr => "127.0.0.1:$port") or _exit(1);
        my $start = time;
        for (my $at = 0; $at + 7 <= @packets; $at += 7) {
            my $wait = $start + $at * $PACKET * 8 / $bitrate - time;
            select undef, undef, undef, $wait if $wait > 0;
            $to->send(join '', @packets[$at .. $at + 6]);
        }
        _exit(0);
    }
    my ($status, $json) = analyze("udp://127.0.0.1:$port", '--for', 4, @options);
    kill KILL => $child;
    waitpid $child, 0;
    return ($status, $json);
}

# What is measured depends on how busy this computer is; unit tests know their clocks.
subtest 'PCRs against the clock of this computer' => sub {
    my ($status, $json) = analyze_live('--buffers', '--priority', 0);
    my %ours = pids_of($json);
    is($status, $EXIT_GOOD, 'exit status');
    is($json->{pcr_arrival}, 'clock', 'packets come by a clock');
    is(check_of($json, $_)->{judged}, 0, "$_ is not judged so soon") for qw(PCR_FO PCR_DR);
    my ($offset, $jitter) = @{$ours{0x101}}{qw(pcr_frequency_offset_hz pcr_overall_jitter_ns)};
    note("an offset of $offset Hz, $jitter ns of jitter") if defined $offset;
};

done_testing;
