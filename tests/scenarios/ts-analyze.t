#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt ts analyze` and `ts sections` on streams made by ffmpeg: no false alarm on any of
# them, what is broken is found, and tshark, tsinfo and tsreport read the same. ts-decoder.t does
# the same for decoder buffers and the clocks of PCRs. `make check` runs it.
use strict;
use warnings;

use FindBin;
use IO::Socket::INET;
use POSIX qw(_exit);
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Json;
use Simc::Run;

my $EXIT_GOOD = 0;
my $EXIT_FOUND = 1;
my $EXIT_TROUBLE = 2;
my $PACKET = 188;
my $NULL_PID = 0x1fff;

program('simulcrypt', 'cli');
needs(qw(ffmpeg tshark tsinfo tsreport));

# ---- the streams ----

my @VIDEO = qw(-f lavfi -i testsrc2=size=320x180:rate=25);
my @SOUND = qw(-f lavfi -i sine=frequency=440:sample_rate=48000);
my @TWO = (@VIDEO, @SOUND, qw(-f lavfi -i smptebars=size=320x180:rate=25),
    qw(-f lavfi -i sine=frequency=880:sample_rate=48000), qw(-map 0:v -map 1:a -map 2:v -map 3:a),
    qw(-program program_num=1:title=First:st=0:st=1),
    qw(-program program_num=2:title=Second:st=2:st=3),
    qw(-streamid 0:257 -streamid 1:258 -streamid 2:513 -streamid 3:514));
my @H264 = qw(-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac -b:a 64k);
my @CBR = qw(-pcr_period 20 -pat_period 0.1 -sdt_period 0.5);

# name, services, stream types, arguments of ffmpeg
my @streams = (
    ['one programme, H.264 and AAC', 1, [0x1b, 0x0f],
        [@VIDEO, @SOUND, '-t', 6, @H264, qw(-tune zerolatency -b:v 300k -muxrate 1000k), @CBR]],
    ['one programme, variable bit rate', 1, [0x1b, 0x0f], [@VIDEO, @SOUND, '-t', 6, @H264]],
    ['two programmes, H.264 and AAC', 2, [0x1b, 0x0f],
        [@TWO, '-t', 6, @H264, qw(-tune zerolatency -b:v 400k -muxrate 3000k -nit_period 0.5),
            qw(-mpegts_flags +nit), @CBR]],
    ['HEVC', 1, [0x24, 0x0f],
        [@VIDEO, @SOUND, '-t', 4, qw(-c:v libx265 -preset ultrafast -x265-params log-level=none),
            qw(-g 25 -b:v 300k -c:a aac -muxrate 1500k), @CBR]],
    ['MPEG-2 and MP2, two programmes', 2, [0x02, 0x03],
        [@TWO, '-t', 6, qw(-c:v mpeg2video -pix_fmt yuv420p -g 12 -bf 2 -b:v 1500k -minrate 1500k),
            qw(-maxrate 1500k -bufsize 1000k -c:a mp2 -b:a 192k -muxrate 5000k),
            qw(-mpegts_flags +system_b+nit), @CBR]],
);

sub make_stream {
    my ($path, $arguments) = @_;
    my $run = run(['ffmpeg', qw(-hide_banner -loglevel error -y), @$arguments,
        qw(-f mpegts), $path], seconds => 120);
    is("$run->{status} $run->{err}", '0 ', 'ffmpeg makes it');
    return $path;
}

sub analyze {
    my ($path, %how) = @_;
    my $run = simulcrypt(['ts', 'analyze', '--json', @{$how{options} || []}, $path],
        in_file => $how{in_file});
    my $json = eval { json_read($run->{out} =~ s/\n\z//r) };
    is($@, '', 'the report is JSON');
    return ($run->{status}, $json, $run->{err});
}

sub failed_checks {
    my ($json) = @_;
    return join ' ', map { $_->{number} } grep { $_->{count} } @{$json->{checks}};
}

sub pids_of {
    my ($json) = @_;
    return map { $_->{pid} => $_ } @{$json->{pids}};
}

# ---- the witnesses ----

# Fields of all packets of a file, as tshark reads them. Its first pass is needed for reassembly.
sub tshark {
    my ($path, $filter, @fields) = @_;
    my $run = run(['tshark', '-o', 'mpeg_sect.verify_crc:TRUE', '-r', $path,
        ($filter ? ('-Y', $filter) : ()), '-T', 'fields', map { ('-e', $_) } @fields]);
    is($run->{status}, 0, "tshark reads @fields");
    return map { [split /\t/, $_, -1] } split /\n/, $run->{out};
}

sub compare_with_tshark {
    my ($path, $json) = @_;
    my %ours = pids_of($json);
    my (%packets, %pcrs, %first, %last, @values);
    my $index = 0;
    for my $row (tshark($path, '', 'mp2t.pid', 'mp2t.af.pcr')) {
        my $pid = hex $row->[0];
        $packets{$pid}++;
        $index++;
        next if $row->[1] eq '';
        $pcrs{$pid}++;
        push @values, hex $row->[1];
        $last{$pid} = [$index, hex $row->[1]];
        $first{$pid} ||= $last{$pid};
    }
    # The bit rate by the first and last PCR that tshark reads. [13818-1 2.4.2.2]
    my $clock = (grep { $_->{pcr_pid} } @{$json->{services}})[0]{pcr_pid};
    my $count = $last{$clock}[0] - $first{$clock}[0];
    my $ticks = $last{$clock}[1] - $first{$clock}[1];
    my $bitrate = $count * 188 * 8 * 27_000_000 / $ticks;
    cmp_ok(abs($json->{bitrate_bps} / $bitrate - 1), '<', 0.001,
        "the bit rate by tshark's PCRs: " . int $bitrate);
    is_deeply({map { $_ => $ours{$_}{packets} } keys %ours}, \%packets,
        'packets per PID as tshark');
    is_deeply({map { $_ => $ours{$_}{pcrs} } grep { $ours{$_}{pcrs} } keys %ours}, \%pcrs,
        'PCRs per PID as tshark');

    my %programs;
    for my $row (tshark($path, 'mpeg_pat', 'mpeg_pat.prog_num', 'mpeg_pat.prog_map_pid')) {
        my @numbers = split /,/, $row->[0];
        my @pids = split /,/, $row->[1];
        $programs{hex $numbers[$_]} = hex $pids[$_] for 0 .. $#pids;
    }
    delete $programs{0};
    is_deeply({map { $_->{id} => $_->{pmt_pid} } @{$json->{services}}}, \%programs,
        'programmes as tshark');

    my %pmts;
    for my $row (tshark($path, 'mpeg_pmt', 'mpeg_pmt.pg_num', 'mpeg_pmt.pcr_pid',
            'mpeg_pmt.stream.type', 'mpeg_pmt.stream.elementary_pid')) {
        my ($number, $pcr, $types, $pids) = @$row;
        $pmts{hex $number} = join ' ', map { hex } $pcr, split(/,/, $types), split /,/, $pids;
    }
    is_deeply({map {
        my $service = $_;
        $service->{id} => join ' ', $service->{pcr_pid},
            (map { $_->{type} } @{$service->{streams}}), map { $_->{pid} } @{$service->{streams}}
    } @{$json->{services}}}, \%pmts, 'PMTs as tshark');
    return @values;
}

# tsinfo names programmes, PMT PIDs and streams; tsreport counts packets and looks at PCRs.
sub compare_with_tstools {
    my ($path, $json, $is_constant, @pcrs) = @_;
    my $info = run(['tsinfo', '-max', 1000, $path]);
    my %programs;
    $programs{$1} = hex $2
        while $info->{out} =~ /Program 0*(\d+) -> PID ([0-9a-f]+)/g;
    is_deeply({map { $_->{id} => $_->{pmt_pid} } @{$json->{services}}}, \%programs,
        'programmes as tsinfo') or diag($info->{out}, $info->{err});
    my %streams;
    $streams{hex $1} = hex $2
        while $info->{out} =~ /PID ([0-9a-f]+) \(\s*\d+\) -> Stream type ([0-9a-f]+)/g;
    my %first = map { $_->{pid} => $_->{type} } map { @{$_->{streams}} } @{$json->{services}};
    my @strangers = grep { !defined $first{$_} || $first{$_} != $streams{$_} } keys %streams;
    is("@strangers", '', 'streams as tsinfo') or diag($info->{out});
    my $report = run(['tsreport', $path]);
    my ($packets) = $report->{out} =~ /(\d+) TS packets/;
    is($packets, $json->{packets}, 'packets as tsreport') or diag($report->{out}, $report->{err});

    # Its own list of PCRs, and the bytes per second between the first and the last of them.
    my $timing = run(['tsreport', '-timing', $path]);
    my @theirs = $timing->{out} =~ /^ \.\. PCR\s+(\d+)/mg;
    is("@theirs", "@pcrs", 'every PCR as tsreport and tshark: ' . @theirs);
    my $mine = 0;
    $mine += $_->{pcrs} for @{$json->{pids}};
    is(scalar @theirs, $mine, 'and as many');
    my ($byterate) = $timing->{out} =~ /.*Mean byterate\s+(\d+)/s;
    cmp_ok(abs($json->{bitrate_bps} / (8 * $byterate) - 1), '<', 0.001, 'the bit rate as tsreport');
    compare_delays($path, $json) if $is_constant;
    return;
}

# How far time stamps are ahead of the PCR, by tsreport; it knows the time between two PCRs at a
# constant bit rate only.
sub compare_delays {
    my ($path, $json) = @_;
    my %ours = pids_of($json);
    for my $service (@{$json->{services}}) {
        my $report = run(['tsreport', '-b', '-prog', $service->{id}, $path]);
        my ($bad) = $report->{out} =~ /Bad \(>\.1s\) gaps: (\d+)/;
        my ($found) = $report->{out} =~ /PCRs found: (\d+)/;
        is("$found $bad", "$ours{$service->{pcr_pid}}{pcrs} 0", 'PCRs of the service as tsreport');
        # Of streams with PTS and DTS it tells both; the DTS come last.
        for my $part (split /^Stream \d+: PID /m, $report->{out}) {
            my ($pid) = $part =~ /\A[0-9a-f]{4} \( *(\d+)\)/ or next;
            my @least = $part =~ /Minimum difference was (\d+)t/g;
            my @most = $part =~ /Maximum difference was (\d+)t/g;
            my $delay = $ours{$pid}{data_delay};
            cmp_ok(abs($delay->{min_ms} * 90 - $least[-1]), '<=', 2,
                "PID $pid is decoded after $delay->{min_ms} ms at least");
            cmp_ok(abs($delay->{max_ms} * 90 - $most[-1]), '<=', 2, "and $delay->{max_ms} at most");
        }
    }
    return;
}

my $first_path;
for my $row (@streams) {
    my ($name, $services, $types, $arguments) = @$row;
    subtest $name => sub {
        my $path = make_stream(scratch("$services-$types->[0]-" . @$arguments . '.ts'), $arguments);
        $first_path ||= $path;
        my ($status, $json, $err) = analyze($path);
        is($err, '', 'nothing on standard error');
        is($status, $EXIT_GOOD, 'exit status');
        is(failed_checks($json), '', 'no alarm');
        is($json->{packets}, (-s $path) / $PACKET, 'all packets');
        is($json->{skipped_bytes}, 0, 'no byte skipped');
        is(scalar @{$json->{services}}, $services, 'services');
        for my $service (@{$json->{services}}) {
            is_deeply([sort map { $_->{type} } @{$service->{streams}}], [sort @$types],
                "streams of service $service->{id}");
            ok(length $service->{name}, "it has a name: $service->{name}");
        }
        my @pcrs = compare_with_tshark($path, $json);
        my $is_constant = grep { $_ eq '-muxrate' } @$arguments;
        is($json->{pcr_arrival}, 'constant bit rate', 'how PCRs are taken to come');
        for my $pid ($is_constant ? (grep { $_->{pcrs} } @{$json->{pids}}) : ()) {
            next if $json->{duration_ms} < 6000;
            cmp_ok(abs $pid->{pcr_drift_mhz_per_s}, '<', 75, "no drift of PID $pid->{pid}");
            cmp_ok($pid->{pcr_overall_jitter_ns}, '<', 500, 'and no jitter');
            is($pid->{pcr_frequency_offset_hz}, undef, 'of an offset nobody can know');
        }
        compare_with_tstools($path, $json, $is_constant, @pcrs);
        my $dvb = simulcrypt(['ts', 'analyze', '--priority', 0, '--dvb', $path]);
        is($dvb->{status}, $EXIT_GOOD, 'text, and --priority 0 forgives everything');
        like($dvb->{out}, qr/^Services\n.*^TR 101 290\n/ms, 'the text has its parts');
    };
}

# ---- sections ----

subtest 'sections' => sub {
    my $run = simulcrypt(['ts', 'sections', '--json', '--all', $first_path]);
    is($run->{status}, $EXIT_GOOD, 'exit status');
    my @sections = json_lines($run->{out});
    my %ours;
    $ours{$_->{table_id}}++ for @sections;
    is(scalar(grep { !$_->{good} } @sections), 0, 'all good');
    my %theirs;
    for my $row (tshark($first_path, 'mpeg_sect.tid', 'mpeg_sect.tid', 'mpeg_sect.crc.status')) {
        my @statuses = split /,/, $row->[1];
        my @tables = split /,/, $row->[0];
        $theirs{hex $_}++ for @tables;
        is("@statuses", join(' ', (1) x @statuses), 'tshark finds the CRC good')
            if grep { $_ ne '1' } @statuses;
    }
    is_deeply(\%ours, \%theirs, 'as many sections of each table as tshark finds');
    my $changes = simulcrypt(['ts', 'sections', '--brief', '--table-id', '0x02', $first_path]);
    is(scalar(() = $changes->{out} =~ /^packet/mg), 1, 'repetitions are left out');
};

# ---- damage ----

my $clean = read_file($first_path);
my @packets = unpack "(a$PACKET)*", $clean;

sub pid_of { return unpack('n', substr $_[0], 1, 2) & 0x1fff }

# The first packet of a PID with nothing but payload from an index on.
sub find_packet {
    my ($pid, $from) = @_;
    my ($at) = grep { pid_of($packets[$_]) == $pid && (vec($packets[$_], 3, 8) & 0x30) == 0x10 }
        $from .. $#packets;
    return $at;
}

my $video = find_packet(0x100, 2000);
my $pat = find_packet(0, 2000);

# name, checks wanted, how the stream is damaged
my @damages = (
    ['a packet lost', '1.4', sub { splice @{$_[0]}, $video, 1 }],
    ['a packet sent three times', '1.4', sub {
        splice @{$_[0]}, $video, 0, ($_[0][$video]) x 2;
    }],
    ['a bit error in a PAT', '2.2', sub { vec($_[0][$pat], 12, 8) ^= 4 }],
    ['a bit error in a counter', '1.4', sub { vec($_[0][$video], 3, 8) ^= 1 }],
    ['transport_error_indicator', '2.1', sub { vec($_[0][$video], 1, 8) |= 0x80 }],
    ['a wrong sync byte', '1.2', sub { vec($_[0][$video], 0, 8) = 0x46 }],
    ['a packet cut short', '1.1', sub { $_[0][$video] = substr $_[0][$video], 0, 100 }],
    ['bytes in between', '1.1', sub { $_[0][$video] .= 'G' x 30 . "\0" x 70 }],
    ['no PAT for a second', '1.3.a', sub {
        my $seen = 0;
        for my $packet (@{$_[0]}) {
            next if pid_of($packet) != 0;
            $packet = "\x47\x1f\xff\x10" . "\xff" x 184 if $seen > 20 && $seen < 31;
            $seen++;
        }
    }],
    ['a stranger PID', '3.4.a', sub {
        my $found = 0;
        for my $packet (@{$_[0]}) {
            next if pid_of($packet) != $NULL_PID;
            substr($packet, 1, 3) = pack 'nC', 0x0777, 0x10 | $found++ & 15;
        }
    }],
    ['scrambled packets without a CAT', '2.6', sub {
        for my $packet (@{$_[0]}) {
            vec($packet, 3, 8) |= 0x80 if pid_of($packet) == 0x101;
        }
    }],
);

for my $row (@damages) {
    my ($name, $wanted, $damage) = @$row;
    subtest $name => sub {
        my @damaged = @packets;
        $damage->(\@damaged);
        my $path = write_file(scratch('damaged.ts'), @damaged);
        my ($status, $json) = analyze($path);
        is($status, $EXIT_FOUND, 'exit status');
        my ($check) = grep { $_->{number} eq $wanted } @{$json->{checks}};
        cmp_ok($check->{count}, '>', 0, "check $wanted finds it: " . failed_checks($json));
        # Where continuity breaks, tshark sees it at the same PID.
        if ($wanted eq '1.4' && $name !~ /three/) {
            my %ours = pids_of($json);
            my @rows = tshark($path, 'mp2t.cc.drop', 'mp2t.pid');
            is_deeply([sort grep { $ours{$_}{continuity_errors} } keys %ours],
                [sort keys %{{map { hex $_->[0] => 1 } @rows}}], 'and tshark too');
        }
    };
}

# ---- inputs ----

subtest 'standard input, 204-byte packets, and inputs that are none' => sub {
    my ($status, $json) = analyze('-', in_file => $first_path);
    is("$status $json->{packets}", "$EXIT_GOOD " . @packets, 'standard input');
    my $long = write_file(scratch('204.ts'), map { $_ . "\0" x 16 } @packets);
    ($status, $json) = analyze($long);
    is("$status $json->{packets} $json->{skipped_bytes}", "$EXIT_GOOD " . @packets . ' 0',
        '204 bytes, found out');
    for my $bad (['no file', scratch('none.ts'), qr/cannot (?:open|read)/],
        ['no packets', write_file(scratch('text.txt'), 'hello ' x 1000), qr/no transport stream/],
        ['no address', 'udp://nonsense', qr/udp:/]) {
        my ($name, $place, $why) = @$bad;
        my $run = simulcrypt(['ts', 'analyze', $place]);
        is($run->{status}, $EXIT_TROUBLE, $name);
        like($run->{err}, qr/^simulcrypt: .*$why/, 'and the reason');
    }
    my $run = simulcrypt(['ts', 'analyze', '--packet-size', 189, $first_path]);
    is($run->{status}, $EXIT_TROUBLE, 'a packet size that does not exist');
};

# A child sends the stream as datagrams until the analyser, which stops by itself, has ended.
sub analyze_datagrams {
    my ($rtp) = @_;
    my $probe = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die $@;
    my $port = $probe->sockport;
    close $probe;
    my $child = fork;
    die "cannot fork: $!\n" if not defined $child;
    if (!$child) {
        my $to = IO::Socket::INET->new(Proto => 'udp', PeerAddr => "127.0.0.1:$port") or _exit(1);
        my $sequence = 0;
        while (1) {
            for (my $at = 0; $at + 7 <= @packets; $at += 7) {
                my $head = $rtp ? pack('C2 n N2', 0x80, 33, $sequence++ & 0xffff, 0, 1) : '';
                $to->send($head . join '', @packets[$at .. $at + 6]);
                select undef, undef, undef, 0.005;
            }
        }
    }
    my ($status, $json) = analyze("udp://127.0.0.1:$port", options => ['--for', 2]);
    kill KILL => $child;
    waitpid $child, 0;
    return $json;
}

for my $rtp (0, 1) {
    subtest $rtp ? 'RTP' : 'UDP' => sub {
        my $json = analyze_datagrams($rtp);
        cmp_ok($json->{packets}, '>', 500, "packets: $json->{packets}");
        is($json->{skipped_bytes}, 0, 'nothing but packets');
        is(scalar @{$json->{services}}, 1, 'the service');
    };
}

done_testing;
