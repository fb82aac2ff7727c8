#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# muxd as a process: titles and live multiplexes, with fixed control words and with a scripted SCS,
# whose results ffmpeg, openssl, tshark, tstools and our analysis judge; and what it says when
# something is wrong. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Simc::Daemon;
use Simc::Json;
use Simc::Metrics;
use Simc::Run;

needs(qw(ffmpeg ffprobe openssl tshark tsinfo));
my $muxd = program('muxd', 'mux');
my $stub = program('scs-stub', 'mux');
my $simulcrypt = program('simulcrypt', 'cli');

my $PACKET = 188;
my $CISSA_IV = '445642544d4350544145534349535341';
my @CW = ('00112233445566778899aabbccddeeff', 'ffeeddccbbaa99887766554433221100');
my $SECONDS = 60;

# ---- streams and witnesses ----

my @SOURCES = (-f => 'lavfi', -i => 'testsrc2=size=320x180:rate=25', -f => 'lavfi',
    -i => 'sine=frequency=440:sample_rate=48000', -f => 'lavfi',
    -i => 'smptehdbars=size=320x180:rate=25', -f => 'lavfi',
    -i => 'sine=frequency=880:sample_rate=48000');
my $input = scratch('in.ts');
my $made = run(['ffmpeg', qw(-hide_banner -loglevel error -y), @SOURCES,
    qw(-map 0:v -map 1:a -map 2:v -map 3:a -t 12 -c:v libx264 -preset ultrafast -tune zerolatency
    -pix_fmt yuv420p -g 25 -keyint_min 25 -sc_threshold 0 -b:v 900k -maxrate 900k -bufsize 450k
    -x264-params nal-hrd=cbr -c:a aac -b:a 128k -ac 2),
    -program => 'program_num=1:title=TestOne:st=0:st=1',
    -program => 'program_num=2:title=TestTwo:st=2:st=3',
    qw(-streamid 0:257 -streamid 1:258 -streamid 2:513 -streamid 3:514 -f mpegts -muxrate 3500k
    -pcr_period 20 -pat_period 0.1 -sdt_period 0.5 -nit_period 0.5 -mpegts_flags +nit
    -mpegts_transport_stream_id 1 -mpegts_original_network_id 0xFF01 -mpegts_pmt_start_pid 0x1000),
    $input]);
is($made->{status}, 0, 'ffmpeg makes a stream of two programmes') or diag($made->{err});
my $words = write_file(scratch('words.txt'), "# for this test\n$CW[0]\n$CW[1]\n");

sub packets { return unpack "(a$PACKET)*", read_file($_[0]) }
sub pid { return unpack('n', substr $_[0], 1, 2) & 0x1fff }
sub tsc { return unpack('C', substr $_[0], 3, 1) >> 6 }

sub payload {
    my ($packet) = @_;
    my ($control, $length) = unpack 'x3 C C', $packet;
    return '' if !($control & 0x10);
    return substr $packet, $control & 0x20 ? 5 + $length : 4;
}

# ffmpeg's MD5 of each elementary stream of a programme, copied without decoding.
sub stream_hash {
    my ($path, $program) = @_;
    my $run = run([qw(ffmpeg -v error -i), $path, '-map', "0:p:$program",
        qw(-c copy -f streamhash -hash md5 -)]);
    is($run->{err}, '', 'ffmpeg reads it without a message');
    return $run->{out};
}

# A recording of a live stream begins and ends anywhere. Copies what a decoder can use whole: from
# the first packet on in which a PID says that its decoder can begin, and of each PID without the
# unit that is begun last; the tables, which are needed for that, from the beginning.
sub whole_units {
    my ($path, $wanted, $to) = @_;
    my ($begun, %last, @kept);
    for my $packet (packets($path)) {
        my ($pid, $length, $indicators) = (pid($packet), unpack 'x4 C C', $packet);
        my $has_field = unpack('x3 C', $packet) & 0x20;
        my $is_table = $pid == 0 || $pid >= 0x1000;
        $begun ||= $pid == $wanted && $has_field && $length && $indicators & 0x40;
        next if !$begun && !$is_table;
        $last{$pid} = @kept if !$is_table && unpack('x C', $packet) & 0x40;
        push @kept, $packet;
    }
    ok($begun, 'there is a key frame');
    return write_file($to, map { $kept[$_] }
        grep { my $last = $last{pid($kept[$_])}; !defined $last || $_ < $last } 0 .. $#kept);
}

# What our analysis says of a stream, as an object.
sub analysis {
    my ($path) = @_;
    my $run = simulcrypt(['ts', 'analyze', '--json', $path]);
    my ($report) = json_lines($run->{out});
    return $report;
}

# Errors that TR 101 290 counts, by our analysis, tshark and tstools. What is allowed is a pattern.
sub expect_clean {
    my ($path, $what, $allowed) = @_;
    my $run = simulcrypt(['ts', 'analyze', $path]);
    $allowed ||= qr/^$/;
    my @bad = grep { !/$allowed/ && /^  [123]\.\d+\S*\s+\S+\s+(?!\s|good|not judged)/ }
        split /\n/, $run->{out};
    is(join("\n", @bad), '', "$what: simulcrypt ts analyze finds no error");
    note(join "\n", grep { /accuracy|every/ } split /\n/, $run->{out});
    my $drops = run(['tshark', '-r', $path, '-Y', 'mp2t.cc.drop']);
    is($drops->{out}, '', "$what: tshark finds no gap");
    my $crcs = run(['tshark', '-o', 'mpeg_sect.verify_crc:TRUE', '-r', $path, '-Y',
        'mpeg_sect.crc.status==0']);
    is($crcs->{out}, '', "$what: and no wrong CRC");
    my $info = run(['tsinfo', $path]);
    is($info->{status}, 0, "$what: tsinfo reads its tables");
    unlike($info->{out} . $info->{err}, qr/error|wrong|discontinuity/i, "$what: without complaint");
    return $run->{out};
}

# Runs muxd to its end. Options as for run().
sub title {
    my (@arguments) = @_;
    return run([$muxd, @arguments]);
}

# The sentences of a log: messages and reasons.
sub log_of {
    my ($run) = @_;
    return join "\n", map { join ': ', grep { defined } @$_{qw(message why text)} }
        json_lines($run->{err});
}

# ---- configuration ----

subtest 'what is wrong in a configuration is named' => sub {
    my $sample = run([$muxd, '--print-sample']);
    my $path = write_file(scratch('sample.yaml'), $sample->{out});
    like($sample->{out}, qr/^multiplexes:/m, 'the sample has multiplexes');
    my $good = "multiplexes:\n  - name: a\n    bitrate: 5Mbit/s\n    pass_services: true\n"
        . "    inputs: [{address: 'x.ts'}]\n    outputs: ['y.ts']\n";
    my $check = run([$muxd, '--check', '--config', write_file(scratch('good.yaml'), $good)]);
    is($check->{status}, 0, 'a good one is good') or diag($check->{err});
    my @rows = (
        ['bitrate: 5Mbit/s', 'rate: constant', qr/bitrate: it is needed/],
        ["'x.ts'", "'srt://x'", qr/'srt:' is no kind of address/],
        ["'y.ts'", "'udp://239.1.1.1'", qr/has no port/],
        ["'y.ts'", "'file:x.ts'", qr/it would overwrite the input/],
        ["['y.ts']", "['y.ts', 'y.ts']", qr/it is there twice/],
        ['pass_services: true', 'services: []', qr/nothing would be in the output/],
        ['pass_services: true', 'services: [{service_id: 1, input: b}]', qr/there is no input 'b'/],
        ['pass_services: true', 'services: [{service_id: 1}, {service_id: 2, as: 1}]',
            qr/service_id 1 would be in the output twice/],
        ["{address: 'x.ts'}", "{address: 'udp://:1', loop: true}", qr/only a file can loop/],
        ['name: a', "name: a\n    mode: title\n    rate: constan",
            qr/constan/],
        ["{address: 'x.ts'}", "{address: 'x.ts'}, {address: 'z.ts', name: input1}",
            qr/the name 'input1' is there twice/],
        ['multiplexes:', "link: {address: '192.0.2.1:2231'}\nmultiplexes:",
            qr/control words would cross the network in the clear/],
        ['multiplexes:', "link: {address: 'nonsense'}\nmultiplexes:",
            qr/is neither the path of a unix socket/],
        ['pass_services: true',
            "pass_services: true\n    static: [{services: [1], cw_file: no.txt}]", qr/no\.txt/],
    );
    for my $row (@rows) {
        my ($from, $to, $why) = @$row;
        (my $bad = $good) =~ s/\Q$from\E/$to/ or die "no $from";
        my $run = run([$muxd, '--check', '--config', write_file(scratch('bad.yaml'), $bad)]);
        isnt($run->{status}, 0, "$to is refused");
        like($run->{err} . $run->{out}, $why, 'for its reason');
    }
    for my $row ([['--output', 'x'], qr/--input ADDRESS is missing/],
        [['--input', 'x', '--output', 'y', '--cw-file', $words], qr/--scramble ID/],
        [['--input', 'x', '--output', 'y', '--service', "1\n"], qr/is no service_id/],
        [['--input', 'x', '--output', 'y', '--bitrate', '5 M'], qr/no such value/]) {
        my $run = title(@{$row->[0]});
        isnt($run->{status}, 0, 'a wrong command line is refused');
        like($run->{err}, $row->[1], 'for its reason');
    }
};

# ---- titles ----

my @hashes = map { stream_hash($input, $_) } 1, 2;

subtest 'a title passes' => sub {
    my $output = scratch('pass.ts');
    my $run = title('--input', $input, '--output', $output);
    is($run->{status}, 0, 'it ends well') or diag($run->{err});
    is(stream_hash($output, $_), $hashes[$_ - 1], "programme $_ is as it was") for 1, 2;
    expect_clean($output, 'passed');
};

subtest 'a title is multiplexed anew from two inputs' => sub {
    my $output = scratch('remux.ts');
    my $yaml = write_file(scratch('remux.yaml'), <<"END");
admin: {listen: null}
multiplexes:
  - name: remux
    mode: title
    bitrate: 6Mbit/s
    transport_stream_id: 0x1234
    original_network_id: 0xff02
    inputs: [{name: first, address: '$input'}, {name: second, address: '$input'}]
    services:
      - {input: first, service_id: 1, as: 101, pmt_pid: 0x0100, name: New One,
         pids: [{from: 0x0101, to: 0x0110}, {from: 0x0102, to: 0x0111}]}
      - {input: second, service_id: 2, as: 202, drop: [0x0202]}
    outputs: ['file:$output']
END
    my $run = title('--config', $yaml);
    is($run->{status}, 0, 'it ends well') or diag($run->{err});
    my $probe = run([qw(ffprobe -v error -show_programs -of compact), $output]);
    is($probe->{err}, '', 'ffprobe has nothing to say');
    like($probe->{out}, qr/program_id=101\|.*pmt_pid=256\|pcr_pid=272\|tag:service_name=New One/,
        'the first service has its new name and PIDs');
    like($probe->{out}, qr/program_id=202\|program_num=202\|nb_streams=1\|/,
        'the second has lost a component');
    is(stream_hash($output, 101), $hashes[0], 'its components are as they were');
    my $text = expect_clean($output, 'multiplexed');
    like($text, qr/6000\.\d+ kbit\/s/, 'at the rate that was asked for');
    like($text, qr/transport_stream_id 4660, original_network_id 65282/, 'under its new ids');
};

# Every scrambled packet of a file against the same packet of the clear input, by openssl: as many
# as can be checked in a while.
sub witness_cissa {
    my ($clear_path, $scrambled_path, $words_of) = @_;
    my (%clear, %at, $checked);
    push @{$clear{pid($_)}}, $_ for grep { payload($_) ne '' } packets($clear_path);
    my $number = 0;
    for my $packet (grep { payload($_) ne '' } packets($scrambled_path)) {
        my $pid = pid($packet);
        my $before = $clear{$pid} && $clear{$pid}[$at{$pid}++] or next;
        next if tsc($packet) == 0 || $number++ % 150;
        my $word = $words_of->(tsc($packet)) or next;
        my ($in, $whole) = (payload($packet), length(payload($packet)) & ~15);
        my $run = run(['openssl', 'enc', '-d', '-aes-128-cbc', '-nopad', '-K', $word, '-iv',
            $CISSA_IV], in => substr $in, 0, $whole);
        return "a packet of PID $pid is not what it was"
            if $run->{out} . substr($in, $whole) ne payload($before);
        $checked++;
    }
    return $checked && $checked > 5 ? '' : 'too few packets could be checked';
}

subtest 'a title is scrambled in a laboratory' => sub {
    my ($output, $clear) = (scratch('laboratory.ts'), scratch('clear.ts'));
    my $run = title('--input', $input, '--output', $output, '--cw-file', $words, '--scramble', 1,
        '--cp', '2s');
    is($run->{status}, 0, 'it ends well') or diag($run->{err});
    my ($marked, $other, %parities) = (0, 0);
    for my $packet (packets($output)) {
        $parities{tsc($packet)}++;
        $marked++ if tsc($packet) && (pid($packet) == 0x101 || pid($packet) == 0x102);
        $other++ if tsc($packet) && pid($packet) != 0x101 && pid($packet) != 0x102;
    }
    cmp_ok($marked, '>', 1000, "packets of service 1 are scrambled: $marked");
    is($other, 0, 'nothing else is');
    ok($parities{2} && $parities{3}, 'with both parities');
    is(witness_cissa(scratch('pass.ts'), $output, sub { return $CW[$_[0] - 2] }), '',
        'openssl opens them');
    my $probe = run([qw(ffprobe -v quiet -show_programs -of compact), $output]);
    like($probe->{out}, qr/program_id=1\|.*\nstream|program_id=2/s, 'its tables are there');
    $run = simulcrypt(['ts', 'descramble', '-q', '--cw-file', $words, $output, $clear]);
    is($run->{status}, 0, 'descrambled') or diag($run->{err});
    is(stream_hash($clear, $_), $hashes[$_ - 1], "programme $_ is as it was") for 1, 2;
    expect_clean($output, 'scrambled');
    unlike($run->{err} . read_file($output), qr/\Q$CW[0]\E/i, 'no control word is shown');
};

# ---- an SCS ----

my $stubs = 0;

# Starts the scripted SCS. Returns it with its socket.
sub start_stub {
    my ($socket, @options) = @_;
    my $scs = Simc::Daemon->start([$stub, $socket, 1, @options], ready => 0, no_systemd => 1);
    until_true($scs, sub { return said($scs) =~ /^listening/m }) or diag(read_file($scs->{err}));
    return $scs;
}

sub said { return -e $_[0]{out} ? read_file($_[0]{out}) : '' }

# Waits for a condition, as long as the process lives.
sub until_true {
    my ($daemon, $condition) = @_;
    my $end = time + $SECONDS;
    while (time < $end) {
        return 1 if $condition->();
        return 0 if $daemon->has_ended;
        $daemon->message(0.05);
    }
    return 0;
}

# The control words that the SCS has ordered, one a line, first of them the one of CP 0.
sub ordered_words {
    my ($scs) = @_;
    my %word = said($scs) =~ /^cp (\d+) \w+ start \d+ cw ([0-9a-f]{32})$/mg;
    return write_file(scratch('ordered' . $stubs++), map { "$word{$_}\n" }
        sort { $a <=> $b } keys %word);
}

subtest 'a title is scrambled by an SCS' => sub {
    my ($output, $clear, $socket) = (scratch('title.ts'), scratch('clear.ts'), scratch('s1'));
    my $scs = start_stub($socket, 2000);
    my $run = title('--input', $input, '--output', $output, '--link', $socket);
    is($run->{status}, 0, 'it ends well') or diag($run->{err});
    like(said($scs), qr/^announce muxd services 0 file$/m, 'the SCS was told that it is a title');
    my $text = expect_clean($output, 'by an SCS');
    like($text, qr/CA system 0x1234 .* ECM on PID 0x1f00, private data abcd/,
        'the ECM PID and its private data are in the PMT');
    cmp_ok(abs((-s $output) - (-s $input)), '<', 10 * $PACKET, 'it is as long as before: what was '
        . 'inserted took null packets');
    is((grep { pid($_) != 0x1fff && tsc($_) == 0 && payload($_) ne '' && (pid($_) == 0x101)
        && length(payload($_)) >= 16 } packets($output))[0], undef, 'no packet is clear');
    $run = simulcrypt(['ts', 'descramble', '-q', '--cw-file', ordered_words($scs), $output,
        $clear]);
    is($run->{status}, 0, 'descrambled with the ordered words') or diag($run->{err});
    is(stream_hash($clear, $_), $hashes[$_ - 1], "programme $_ is as it was") for 1, 2;
    my %start = said($scs) =~ /^cp (\d+) \w+ start (\d+)/mg;
    my %began = said($scs) =~ /^report period cp (\d+) tick (\d+)/mg;
    my %first = said($scs) =~ /^report ecm_first cp (\d+) tick (\d+)/mg;
    cmp_ok(scalar keys %began, '>=', 5, 'periods are reported: ' . keys %began);
    is(join(' ', grep { $began{$_} < $start{$_} || $began{$_} > $start{$_} + 27000 * 100 }
        keys %began), '', 'they began when they were to');
    is(join(' ', grep { $_ > 0 && !($first{$_} && $first{$_} < $began{$_}) } keys %began), '',
        'each behind its ECM');
    $scs->stop;
};

# Most files are like this one: nothing has been left free in it.
subtest 'a title without null packets grows' => sub {
    my ($tight, $output, $clear, $socket) = (scratch('tight.ts'), scratch('grown.ts'),
        scratch('clear.ts'), scratch('s2'));
    my $run = run(['ffmpeg', qw(-v error -y -i), $input, qw(-map 0:p:1 -c copy -f mpegts), $tight]);
    is($run->{status}, 0, 'ffmpeg makes it') or diag($run->{err});
    is((grep { pid($_) == 0x1fff } packets($tight))[0], undef, 'it has no null packet');
    my $scs = start_stub($socket, 2000);
    $run = title('--input', $tight, '--output', $output, '--link', $socket);
    is($run->{status}, 0, 'it ends well') or diag($run->{err});
    unlike($run->{err}, qr/alarm/, 'without an alarm: all that is due has room');
    my @packets = packets($output);
    my ($first) = grep { pid($packets[$_]) == 0x100 } 0 .. $#packets;
    my %before = map { pid($_) => 1 } @packets[0 .. $first - 1];
    ok($before{$_}, sprintf 'PID 0x%04x stands before the first packet of a stream', $_)
        for 0, 1, 0x1000, 0x1f00;
    my $more = @packets - (-s $tight) / $PACKET;
    cmp_ok($more, '>', 50, "it has $more packets more");
    cmp_ok($more, '<', 400, 'and no more than ECMs and tables need');
    is((grep { tsc($_) } @packets) + 0, (grep { tsc($_) == 0 && pid($_) >= 0x100
        && pid($_) < 0x110 && length(payload($_)) >= 16 } packets($tight)) + 0,
        'all packets of the service are scrambled');
    $run = simulcrypt(['ts', 'descramble', '-q', '--cw-file', ordered_words($scs), $output,
        $clear]);
    is($run->{status}, 0, 'descrambled with the ordered words') or diag($run->{err});
    is(stream_hash($clear, 1), stream_hash($tight, 1), 'the programme is as it was');
    expect_clean($output, 'grown', qr/PCR_accuracy|NIT_actual/);
    $scs->stop;
};

subtest 'waiting has an end' => sub {
    my ($output, $socket) = (scratch('never.ts'), scratch('s2'));
    my @title = ('--input', $input, '--output', $output, '--answer', '2s', '--link', $socket);
    my $start = time;
    my $run = title(@title);
    is($run->{status}, 2, 'an SCS that is not there ends it');
    like(log_of($run), qr/the SCS at \Q$socket\E cannot be reached for 2 s; is scsd running\?/,
        'it is named');
    my $scs = start_stub($socket, 2000, 'mute');
    $run = title(@title);
    is($run->{status}, 2, 'an SCS without an SCG ends it');
    like(log_of($run), qr/the SCS has ordered nothing for 2 s/, 'it is said');
    $scs->stop;
    $scs = start_stub($socket, 2000, 'half');
    $run = title(@title);
    is($run->{status}, 2, 'an SCS that stops half way ends it');
    like(log_of($run), qr/the SCS has ordered nothing for 2 s \(SCG 7\)/, 'with its SCG');
    $scs->stop;
    cmp_ok(time - $start, '<', 30, 'all of that in good time');
};

subtest 'a title that cannot be written is none' => sub {
    my $run = title('--input', $input, '--output', '/dev/full');
    is($run->{status}, 2, 'a full disk ends it');
    like(log_of($run), qr{/dev/full cannot be written: No space left on device; free space},
        'and says so');
    my $limited = scratch('limited.ts');
    $run = run(['sh', '-c', 'ulimit -f 1000 && exec "$0" "$@"', $muxd, '--input', $input,
        '--output', $limited]);
    is($run->{status}, 2, 'a limit of the system ends it');
    like(log_of($run), qr/cannot be written: File too large/, 'and is named');
    $run = title('--input', $input, '--output', '/nonexistent/x.ts');
    is($run->{status}, 2, 'an output that cannot be opened ends it');
    like(log_of($run), qr{/nonexistent/x\.ts cannot be opened: No such file}, 'by its name');
    $run = title('--input', '/nonexistent/x.ts', '--output', scratch('x.ts'));
    is($run->{status}, 2, 'an input that is not there ends it');
    like(log_of($run), qr{input input1: /nonexistent/x\.ts cannot be opened}, 'by its name');
    my $garbage = write_file(scratch('garbage'), join '', map { chr(rand 256) } 1 .. 200000);
    $run = title('--input', $garbage, '--output', scratch('x.ts'));
    is($run->{status}, 2, 'garbage is no title');
    like(log_of($run), qr/garbage holds (?:no|hardly any) transport packets/, 'and is told so');
};

subtest 'a title goes through pipes' => sub {
    my $out = scratch('piped.ts');
    my $run = run(['sh', '-c', 'cat "$1" | "$0" --input - --output - > "$2"', $muxd, $input,
        $out]);
    is($run->{status}, 0, 'standard input to standard output') or diag($run->{err});
    is(read_file($out), read_file(scratch('pass.ts')), 'the same as with files');
    $run = run(['sh', '-c', '"$0" --input "$1" --output - | head -c 1000 > /dev/null', $muxd,
        $input]);
    like(log_of($run), qr/standard output cannot be written|everything is done/,
        'a reader that goes is survived');
};

# ---- live ----

sub status_of {
    my ($admin) = @_;
    my $reply = http_get("127.0.0.1:$admin", '/v1/status');
    return $reply->{status} == 200 ? (json_lines($reply->{body}))[0]{multiplexes}[0] : {};
}

sub alarms_of {
    my ($admin) = @_;
    return join ' ', map { $_->{alarm} } @{status_of($admin)->{alarms} || []};
}

# A UDP port that is free now.
sub free_udp {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die "$!\n";
    return $socket->sockport;
}

# Plays the input again and again to a port.
sub start_player {
    my ($port) = @_;
    my $player = Simc::Daemon->start([$muxd, '--live', '--loop', '--input', $input, '--output',
        "udp://127.0.0.1:$port", '--admin', 'null']);
    ok($player->{is_ready}, 'a player plays') or diag($player->log_text);
    return $player;
}

subtest 'live, with an SCS that comes and goes' => sub {
    my ($port, $admin, $socket) = (free_udp(), free_port(), scratch('s3'));
    my ($recorded, $clear) = (scratch('live.ts'), scratch('live-clear.ts'));
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die "$!\n";
    my $heard = $listener->sockport;
    my $yaml = sub {
        my ($output, $name) = @_;
        return join '', "admin: {listen: '127.0.0.1:$admin'}\nlink: {address: '$socket'}\n",
            "multiplexes:\n  - name: live\n    bitrate: 5Mbit/s\n",
            "    inputs: [{name: net, address: 'udp://127.0.0.1:$port', loss: 500ms}]\n",
            "    outputs: ['file:$recorded', 'udp://127.0.0.1:$heard', ",
            "'udp://239.1.1.1:5000?interface=nosuch0'", $output ? ", '$output'" : '', "]\n",
            "    services: [{service_id: 1}, {service_id: 2", $name ? ", name: $name" : '', "}]\n";
    };
    my $path = write_file(scratch('live.yaml'), $yaml->());
    my $scs = start_stub($socket, 1000);
    my $player = start_player($port);
    my $daemon = Simc::Daemon->start([$muxd, '--config', $path]);
    ok($daemon->{is_ready}, 'muxd runs') or diag($daemon->log_text);
    ok(until_true($daemon, sub {
        return grep { $_->{scrambled} } @{status_of($admin)->{services} || []};
    }), 'the service is scrambled');
    my $status = status_of($admin);
    is($status->{inputs}[0]{state}, 'running', 'the input runs');
    is($status->{link}{scs}, 'scs-stub', 'the SCS is known by its name');
    like(alarms_of($admin), qr/OUTPUT_TROUBLE/, 'an output without an interface is an alarm');
    like(http_get("127.0.0.1:$admin", '/readyz')->{body}, qr/an output does not work/,
        'and keeps it from being ready');
    my $metrics = http_get("127.0.0.1:$admin", '/metrics')->{body};
    ok(metrics_read($metrics), 'the metrics are well-formed');
    like($metrics, qr/^muxd_packets_total\{multiplex="live",class="ecm"\} [1-9]/m,
        'ECMs are counted');
    like($metrics, qr/^muxd_output_in_trouble\{.*nosuch0"\} 1$/m, 'and the output in trouble');

    # The SCS is killed within a period, and comes again.
    my $before = said($scs);
    $scs->signal('KILL');
    $scs->finish;
    ok(until_true($daemon, sub { return alarms_of($admin) =~ /SCS_AWAY/ }), 'it is missed');
    my $second = start_stub($socket, 1000);
    ok(until_true($daemon, sub { return alarms_of($admin) !~ /SCS_AWAY/ }), 'it comes again');
    ok(until_true($daemon, sub { return said($second) =~ /^plan scg 7 periods [1-9]/m }),
        'it takes the plan over');
    ok(until_true($daemon, sub {
        my ($own) = said($second) =~ /^cp (\d+) /m;
        return defined $own && said($second) =~ /^report period cp $own /m;
    }), 'and its periods come on air');

    # A reload: an output more, and service 2 gets a name. Service 1 goes on.
    my $more = scratch('more.ts');
    write_file($path, $yaml->("file:$more", 'Renamed'));
    ok($daemon->reload, 'a reload') or diag($daemon->log_text);
    ok(until_true($daemon, sub { return -s $more && -s $more > 200000 }), 'the new output fills');
    my ($one, $two) = @{status_of($admin)->{services}};
    is($one->{pmt_version}, 0, 'the table of service 1 stays');
    is($two->{name}, 'Renamed', 'service 2 has its name');
    write_file($path, $yaml->() =~ s/bitrate: 5Mbit/bitrate: nonsense/r);
    $daemon->reload;
    is(status_of($admin)->{bitrate} > 4900000, 1, 'a faulty configuration changes nothing');
    write_file($path, $yaml->("file:$more", 'Renamed'));
    is($daemon->stop, 0, 'it ends well');
    my $words_of_both = $before . said($second);
    my %word = $words_of_both =~ /^cp (\d+) \w+ start \d+ cw ([0-9a-f]{32})$/mg;
    my $list = write_file(scratch('live-words'), map { "$word{$_}\n" } sort { $a <=> $b }
        keys %word);
    my $run = simulcrypt(['ts', 'descramble', '-q', '--cw-file', $list, $recorded, $clear]);
    is($run->{status}, 0, 'the recording is descrambled') or diag($run->{err});
    expect_clean($recorded, 'recorded');
    my $whole = whole_units($clear, 0x101, scratch('live-whole.ts'));
    $run = run([qw(ffmpeg -v error -err_detect explode -i), $whole, qw(-map 0:p:1 -f null -)]);
    is($run->{err}, '', 'ffmpeg decodes it without a message');
    my ($bytes, $datagrams) = ('', 0);
    while (IO::Select->new($listener)->can_read(0)) {
        last if not defined $listener->recv(my $datagram, 65536) or ++$datagrams > 5000;
        $bytes .= length $datagram == 1316 ? '' : length($datagram) . ' ';
    }
    cmp_ok($datagrams, '>', 50, 'datagrams were heard');
    like($bytes, qr/^(?:\d+ )?$/, 'all of seven packets, but the last');
    $player->stop;
    $second->stop;
};

# Packets of service 1 in a file that carry something, by whether they are scrambled. A payload that
# is shorter than a block of the cipher is always clear.
sub counts_of {
    my ($path) = @_;
    my %count = (clear => 0, scrambled => 0, pmt => 0);
    for my $packet (packets($path)) {
        $count{pmt}++ if pid($packet) == 0x1000;
        next if pid($packet) != 0x101 && pid($packet) != 0x102;
        $count{scrambled}++ if tsc($packet);
        $count{clear}++ if !tsc($packet) && length payload($packet) >= 16;
    }
    return \%count;
}

subtest 'a service that is held back is never clear' => sub {
    my ($port, $admin, $socket) = (free_udp(), free_port(), scratch('s5'));
    my $yaml = sub {
        my ($recorded) = @_;
        return write_file(scratch('held.yaml'), <<"END");
admin: {listen: '127.0.0.1:$admin'}
link: {address: '$socket'}
multiplexes:
  - name: held
    bitrate: 5Mbit/s
    inputs: [{address: 'udp://127.0.0.1:$port'}]
    outputs: ['file:$recorded']
    services: [{service_id: 1, hold_back: until-scrambled}, {service_id: 2}]
END
    };
    my $player = start_player($port);
    my $on_air = sub {
        return grep { $_->{scrambled} } @{status_of($admin)->{services} || []};
    };

    # Without an SCS: the tables go on, and the other service.
    my @recorded = map { scratch("held$_.ts") } 0 .. 2;
    my $daemon = Simc::Daemon->start([$muxd, '--config', $yaml->($recorded[0])]);
    ok(until_true($daemon, sub { return alarms_of($admin) =~ /HELD_BACK/ }), 'it is an alarm');
    my ($text) = grep { /held back/ } map { $_->{text} } @{status_of($admin)->{alarms}};
    like($text, qr/among them 0x0001 since \d+ s: the SCS is away; start scsd/, 'with its reason');
    my ($one, $two) = @{status_of($admin)->{services}};
    ok($one->{held_back} && !$two->{held_back}, 'the status says which service');
    ok(until_true($daemon, sub { return status_of($admin)->{services}[1]{bitrate} > 500000 }),
        'the other service is on air');

    # The SCS comes; muxd is killed within a period and starts again.
    my $scs = start_stub($socket, 1000);
    ok(until_true($daemon, $on_air), 'it is on air as soon as it is scrambled');
    ok(until_true($daemon, sub { return alarms_of($admin) !~ /HELD_BACK/ }), 'that is told');
    my $then = -s $recorded[0];
    ok(until_true($daemon, sub { return -s $recorded[0] > $then + 400000 }), 'it goes on');
    for my $round (1, 2) {
        $daemon->signal('KILL');
        $daemon->finish;
        $daemon = Simc::Daemon->start([$muxd, '--config', $yaml->($recorded[$round])]);
        ok(until_true($daemon, $on_air), "killed and started again: $round");
        $then = -s $recorded[$round];
        ok(until_true($daemon, sub { return -s $recorded[$round] > $then + 400000 }),
            'it is recorded');
    }
    # The SCS goes: the period of now stays.
    $scs->signal('KILL');
    $scs->finish;
    $then = -s $recorded[2];
    ok(until_true($daemon, sub { return -s $recorded[2] > $then + 400000 }), 'without an SCS');
    is($daemon->stop, 0, 'it ends well');
    for my $round (0 .. 2) {
        my $count = counts_of($recorded[$round]);
        is($count->{clear}, 0, "no packet of recording $round is clear");
        cmp_ok($count->{scrambled}, '>', 50, "of $count->{scrambled}");
        cmp_ok($count->{pmt}, '>', 5, 'and its table is there all the time');
    }
    $player->stop;
};

subtest 'an input that goes, comes, and is full of garbage' => sub {
    my ($port, $admin) = (free_udp(), free_port());
    my $recorded = scratch('lost.ts');
    my $daemon = Simc::Daemon->start([$muxd, '--input', "udp://127.0.0.1:$port", '--output',
        $recorded, '--bitrate', '5M', '--admin', "127.0.0.1:$admin"]);
    ok($daemon->{is_ready}, 'muxd runs') or diag($daemon->log_text);
    my $player = start_player($port);
    ok(until_true($daemon, sub {
        return (status_of($admin)->{inputs}[0]{state} || '') eq 'running';
    }), 'its input runs');
    $player->signal('KILL');
    $player->finish;
    ok(until_true($daemon, sub { return alarms_of($admin) =~ /INPUT_LOST/ }), 'it is lost');
    my $sender = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
        Proto => 'udp') or die "$!\n";
    $sender->send(join '', map { chr(rand 256) } 1 .. 1316) for 1 .. 200;
    ok(until_true($daemon, sub {
        return (status_of($admin)->{inputs}[0]{skipped_bytes} || 0) > 100000;
    }), 'garbage is counted');
    my $at = status_of($admin)->{counters}{packets_out};
    ok(until_true($daemon, sub {
        return status_of($admin)->{counters}{packets_out} > $at + 1000;
    }), 'the output goes on');
    $player = start_player($port);
    ok(until_true($daemon, sub { return alarms_of($admin) !~ /INPUT_LOST/ }), 'it returns');
    ok(until_true($daemon, sub {
        return (status_of($admin)->{services}[0]{bitrate} || 0) > 500000;
    }), 'and so does its service');
    is($daemon->stop, 0, 'it ends well');
    $player->stop;
    my $run = run(['tshark', '-o', 'mpeg_sect.verify_crc:TRUE', '-r', $recorded, '-Y',
        'mpeg_sect.crc.status==0']);
    is($run->{out}, '', 'its tables are right all the time');
};

subtest 'killed and started again' => sub {
    my ($port, $admin, $socket) = (free_udp(), free_port(), scratch('s4'));
    my @command = ($muxd, '--live', '--loop', '--input', $input, '--output',
        "udp://127.0.0.1:$port", '--bitrate', '5M', '--link', $socket, '--admin',
        "127.0.0.1:$admin");
    my $scs = start_stub($socket, 1000);
    for my $round (1, 2) {
        my $daemon = Simc::Daemon->start(\@command);
        ok($daemon->{is_ready}, "muxd runs, round $round") or diag($daemon->log_text);
        ok(until_true($daemon, sub {
            my @reports = said($scs) =~ /^report period cp 1 /mg;
            return @reports >= $round;
        }), 'periods come on air');
        $daemon->signal('KILL');
        $daemon->finish;
        ok(until_true($scs, sub { my @ends = said($scs) =~ /^ended/mg; return @ends >= $round }),
            'the SCS sees it go');
    }
    $scs->stop;
};

done_testing;
