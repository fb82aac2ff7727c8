#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt receive` on streams that ffmpeg makes, `ts scramble` scrambles and a helper gives
# ECMs: files, pipes, a FIFO and UDP, with the original packets, ffprobe and ffmpeg's hashes as
# witnesses.
# `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Socket::INET;
use POSIX qw(mkfifo);
use Socket qw(INADDR_LOOPBACK sockaddr_in);
use Test::More;

use Simc::Json;
use Simc::Run;

my ($GOOD, $FOUND, $TROUBLE) = (0, 1, 2);
my $PACKET = 188;
my $SECONDS = 6;

program(qw(simulcrypt cli));
for my $component (qw(receiver)) {
    plan skip_all => "configured without $component" if not has_component($component);
}
needs(qw(ffmpeg ffprobe));
my $insert = program('receive-insert');

sub tool { my $run = run([@_], seconds => 120); return $run }

# ---- streams and keys ----

sub key_file {
    my ($name, @packages) = @_;
    my $text = "format: 1\nkeys:\n";
    for my $package (@packages) {
        my ($number, $wrong) = $package =~ /^(\d+)(w?)$/;
        $text .= "- {package: $number, version: 4, start: 2020-01-01T00:00:00Z, "
            . sprintf("end: 2100-01-01T00:00:00Z, key: \"%032x\"}\n", 0x1111 * $number + !!$wrong);
    }
    my $path = write_file(scratch($name), $text);
    chmod 0600, $path;
    return $path;
}

my $all_keys = key_file('all.yaml', 1, 2);
my $first = key_file('first.yaml', 1);
my $second = key_file('second.yaml', 2);
my $wrong = key_file('wrong.yaml', '1w', '2w');
my $other = key_file('other.yaml', 3, 5);

my @SOURCES = (-f => 'lavfi', -i => 'testsrc2=size=320x180:rate=25', -f => 'lavfi',
    -i => 'sine=frequency=440:sample_rate=48000', -f => 'lavfi',
    -i => 'smptebars=size=320x180:rate=25',
    -f => 'lavfi', -i => 'sine=frequency=880:sample_rate=48000');
my $clear = scratch('clear.ts');
my $made = tool(qw(ffmpeg -hide_banner -loglevel error -y), @SOURCES,
    qw(-map 0:v -map 1:a -map 2:v -map 3:a -t), $SECONDS,
    qw(-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 -b:v 400k -c:a aac),
    -program => 'program_num=1:title=One:st=0:st=1',
    -program => 'program_num=2:title=Two:st=2:st=3',
    qw(-streamid 0:257 -streamid 1:258 -streamid 2:513 -streamid 3:514 -f mpegts -muxrate 3000k
    -pcr_period 20 -pat_period 0.1), $clear);
is($made->{status}, 0, 'ffmpeg makes a stream') or diag($made->{err});

# Scrambles with a control word each second and puts ECMs in: service 1 is in package 1, service 2
# in packages 1 and 2.
my %MODES = (cissa => 0x10, csa1 => 1, csa2 => 2, idsa => 0x70);

sub pay_stream {
    my ($algorithm, $more) = @_;
    my $digits = $algorithm =~ /csa/ ? 16 : 32;
    my @words = map { join '', map { sprintf '%02x', int rand 256 } 1 .. $digits / 2 } 1 .. 8;
    my $words = write_file(scratch("$algorithm.words"), map { "$_\n" } @words);
    my $out = scratch($algorithm . ($more || '') . '.ts');
    my $scrambled = scratch("$algorithm.s");
    my $run = simulcrypt([qw(ts scramble --cp-duration 1000 -q -m), $algorithm, '-f', $words,
        $clear, $scrambled]);
    is($run->{status}, 0, "$algorithm: scrambled") or diag($run->{err});
    $run = tool($insert, $scrambled, $out, $words, $all_keys, $MODES{$algorithm} . ($more || ''),
        '1=1', '2=1,2');
    is($run->{status}, 0, "$algorithm: with ECMs") or diag($run->{err});
    return $out;
}

srand 42;
my $pay = pay_stream('cissa');

# ---- witnesses ----

sub packets { return unpack "(a$PACKET)*", read_file($_[0]) }
sub pid { return unpack('n', substr $_[0], 1, 2) & 0x1fff }
sub tsc { return unpack('C', substr $_[0], 3, 1) >> 6 }

# The packets of a PID, one behind the other.
sub of_pids {
    my ($path, @pids) = @_;
    my %wanted = map { $_ => 1 } @pids;
    return join '', grep { $wanted{pid($_)} } packets($path);
}

sub stream_hash {
    my ($path, $program) = @_;
    return tool(qw(ffmpeg -v error -i), $path, '-map', "0:p:$program",
        qw(-c copy -f streamhash -hash md5 -))->{out};
}

sub frames {
    my ($path) = @_;
    my $run = tool(qw(ffprobe -v error -count_frames -select_streams v:0 -show_entries
        stream=nb_read_frames -of csv=p=0), $path);
    return $run->{out} =~ /^(\d+)/m ? $1 : 0;
}

sub receive {
    my ($keys, $in, $out, @more) = @_;
    return simulcrypt(['receive', '-k', $keys, defined $out ? ('-o', $out) : (), @more, $in],
        seconds => 60);
}

# ---- files ----

subtest 'a recording, every algorithm' => sub {
    for my $algorithm (qw(cissa csa1 csa2 idsa)) {
        my $in = $algorithm eq 'cissa' ? $pay : pay_stream($algorithm);
        my $out = scratch('out.ts');
        my $run = receive($all_keys, $in, $out);
        is($run->{status}, $GOOD, "$algorithm: everything is decoded") or diag($run->{err});
        ok(of_pids($out, 257, 258, 513, 514) eq of_pids($clear, 257, 258, 513, 514),
            "$algorithm: each packet as it was");
        is(scalar packets($out), scalar packets($in), 'and none is missing');
        is(stream_hash($out, $_), stream_hash($clear, $_), "$algorithm: ffmpeg agrees, service $_")
            for 1, 2;
    }
};

subtest 'either key opens a service with two ECM PIDs' => sub {
    my $out = scratch('out.ts');
    is(receive($first, $pay, $out)->{status}, $GOOD, 'package 1 opens both services');
    ok(of_pids($out, 257, 258, 513, 514) eq of_pids($clear, 257, 258, 513, 514), 'all of them');
    my $run = receive($second, $pay, $out);
    is($run->{status}, $FOUND, 'package 2 does not open service 1');
    like($run->{err}, qr/service 1 needs package 1; the key file has package 2$/m, 'and says why');
    ok(of_pids($out, 513, 514) eq of_pids($clear, 513, 514), 'service 2 is opened');
    ok(of_pids($out, 257, 258) eq of_pids($pay, 257, 258), 'and no packet of service 1 is touched');
    is(receive($second, $pay, $out, qw(-s 2))->{status}, $GOOD, 'it is enough to want service 2');
    is(receive($second, $pay, $out, qw(-r none))->{status}, $GOOD, 'or nothing');
};

subtest 'what does not open' => sub {
    my $out = scratch('out.ts');
    my $run = receive($other, $pay, $out);
    is($run->{status}, $FOUND, 'keys of other packages');
    like($run->{err}, qr/service 2 needs package 1 or 2; the key file has packages 3, 5$/m, 'told');
    ok(read_file($out) eq read_file($pay), 'the stream goes through as it is');
    is(frames($out), 0, 'and ffprobe finds no frame');
    $run = receive($wrong, $pay, $out);
    is($run->{status}, $FOUND, 'wrong keys');
    like($run->{err}, qr/service 1: ECM on PID 0x600 refused: the tag is wrong/, 'told');
    $run = receive($all_keys, pay_stream('cissa', ',damage'), $out);
    is($run->{status}, $FOUND, 'damaged ECMs');
    like($run->{err}, qr/refused: the tag is wrong/, 'told');
    is(frames($out), 0, 'ffprobe finds no frame');
    $run = receive($all_keys, $pay, $out, qw(-s 7));
    is($run->{status}, $FOUND, 'a service that is not there');
    like($run->{err}, qr/service 7 is not in the stream, which has 1, 2$/m, 'told');
    $run = receive($all_keys, $pay, $out, qw(--ca-system-id 0x0b00));
    like($run->{err}, qr/no CA_descriptor with CA_system_id 0x0b00/, 'another CA system');
    is(receive($all_keys, $pay, $out, qw(--ca-system-id 0x4af1))->{status}, $GOOD, 'the right one');
};

subtest 'one service, clean tables' => sub {
    my $out = scratch('out.ts');
    my $run = receive($all_keys, $pay, $out, qw(-s 1 --clean-psi));
    is($run->{status}, $GOOD, 'decoded') or diag($run->{err});
    my %pids = map { pid($_) => 1 } packets($out);
    ok(!$pids{513} && !$pids{0x600}, 'no other service and no ECM');
    is(frames($out), $SECONDS * 25, 'ffprobe counts the frames');
    my ($length) = map { unpack('x6 n', $_) & 0xfff } grep { pid($_) == 0 } packets($out);
    is(($length - 9) / 4, 1, 'one service in the PAT');
    my $shown = simulcrypt([qw(ts analyze --json), $out])->{out};
    unlike($shown, qr/4af1/, 'no CA_descriptor is left');
    is(stream_hash($out, 1), stream_hash($clear, 1), 'ffmpeg sees the original');
    receive($second, $pay, $out, qw(--drop-scrambled));
    is(scalar(grep { tsc($_) } packets($out)), 0, '--drop-scrambled leaves nothing scrambled');
};

# ---- pipes, FIFO, UDP ----

subtest 'pipes and a FIFO' => sub {
    my $program = program(qw(simulcrypt cli));
    my $out = scratch('piped.ts');
    my $run = tool('sh', '-c', "$program receive -q -k $all_keys -o - - <$pay >$out");
    is("$run->{status} $run->{err}", "$GOOD ", 'standard input and output, quiet');
    ok(of_pids($out, 257, 513) eq of_pids($clear, 257, 513), 'the same');
    $run = tool('sh', '-c', "cat $pay | $program receive -q -k $all_keys -o - - | cat >$out");
    ok(of_pids($out, 257, 513) eq of_pids($clear, 257, 513), 'through pipes');
    my $fifo = scratch('fifo');
    mkfifo($fifo, 0600) or die "mkfifo: $!\n";
    $run = tool('sh', '-c', "cat $pay >$fifo & $program receive -q -k $all_keys -o $out $fifo");
    is($run->{status}, $GOOD, 'a FIFO');
    ok(of_pids($out, 257, 513) eq of_pids($clear, 257, 513), 'the same');
};

# A program that is started and ended by the test.
sub start {
    my ($err, @command) = @_;
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        open STDERR, '>', $err or POSIX::_exit(126);
        open STDOUT, '>', '/dev/null' or POSIX::_exit(126);
        exec @command or POSIX::_exit(127);
    }
    return $pid;
}

sub free_port {
    my $probe = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die $!;
    return $probe->sockport;
}

# RTP as ffmpeg and encoders send it, by RFC 3550 and RFC 2250.
sub rtp { return pack('CCnNN', 0x80, 33, $_[0] & 0xffff, $_[0] * 90, 0x5eed) . $_[1] }

sub receive_over_network {
    my ($in_scheme, $out_scheme) = @_;
    my ($from, $to) = map { $_ eq 'rtp' ? 12 : 0 } $in_scheme, $out_scheme;
    my $in_port = free_port();
    my $sink = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die $!;
    setsockopt $sink, SOL_SOCKET, SO_RCVBUF, 8 << 20;
    my $out_port = $sink->sockport;
    my $pid = start(scratch('udp.err'), program(qw(simulcrypt cli)), 'receive', '-k', $all_keys,
        '-o', "$out_scheme://127.0.0.1:$out_port", qw(--for 60), "$in_scheme://127.0.0.1:$in_port");
    my $source = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $in_port,
        Proto => 'udp') or die $!;
    my @packets = (packets($pay))[0 .. 6999];
    my ($got, $sent, $sequence, @sequences) = ('', 0, 0);
    my $give = sub { $source->send($from ? rtp($sequence++, $_[0]) : $_[0]) };
    my $take = sub {
        $sink->recv(my $datagram, 65536);
        push @sequences, unpack 'x2 n', $datagram if $to;
        return substr $datagram, $to;
    };
    my $deadline = time + 50;
    # The first datagram is sent until the receiver is there: it is a null packet.
    my $null = pack('C4', 0x47, 0x1f, 0xff, 0x10) . "\xff" x 184;
    while ($got eq '' && time < $deadline) {
        $give->($null x 7);
        my $ready = '';
        vec($ready, fileno $sink, 1) = 1;
        next if !select $ready, undef, undef, 0.05;
        $got = $take->();
    }
    $got = '';
    # Never more under way than sockets hold.
    while (length $got < (@packets - 700) * $PACKET && time < $deadline) {
        my $may_send = $sent < @packets && $sent - length($got) / $PACKET < 420;
        if ($may_send) {
            $give->(join '', grep { defined } @packets[$sent .. $sent + 6]);
            $sent += 7;
        }
        my $ready = '';
        vec($ready, fileno $sink, 1) = 1;
        while (select my $now = $ready, undef, undef, $may_send ? 0 : 0.5) {
            $got .= $take->();
            last if !$may_send;
        }
    }
    kill TERM => $pid;
    waitpid $pid, 0;
    is($?, 0, 'it ends when it is asked to') or diag(read_file(scratch('udp.err')));
    my $path = write_file(scratch('udp.ts'), $got);
    my $opened = of_pids($path, 257, 513);
    cmp_ok(length $opened, '>', 1000 * $PACKET, 'packets come out')
        or diag(read_file(scratch('udp.err')));
    my $original = of_pids($clear, 257, 513);
    ok(index($original, $opened) == 0, 'and are the original ones, from the first one on');
    is(scalar(grep { ($sequences[$_] - $sequences[$_ - 1]) % 65536 != 1 } 1 .. $#sequences), 0,
        'the sequence numbers count on') if $to;
    unlike(read_file(scratch('udp.err')), qr/did not come|too slow/, 'and nothing was lost');
    return;
}

for my $pair (['udp', 'udp'], ['rtp', 'rtp']) {
    my ($from, $to) = @$pair;
    subtest "$from to $to" => sub { receive_over_network($from, $to) };
}

# An encoder of another kind, which begins at any sequence number; and a datagram that is lost.
subtest 'RTP of ffmpeg, with a loss' => sub {
    my ($port, $own) = (free_port(), free_port());
    my $out = scratch('rtp.ts');
    my $pid = start(scratch('rtp.err'), program(qw(simulcrypt cli)), 'receive', '-k', $all_keys,
        '-o', $out, qw(--for 60), "udp://127.0.0.1:$port");
    my $relay = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $own, Proto => 'udp')
        or die $!;
    setsockopt $relay, SOL_SOCKET, SO_RCVBUF, 8 << 20;
    my $sender = start('/dev/null', 'ffmpeg', qw(-v error -nostdin -re -t 2 -i), $clear,
        qw(-map 0 -c copy -f rtp_mpegts), "rtp://127.0.0.1:$own");
    my $to = sockaddr_in($port, INADDR_LOOPBACK);
    my ($count, $deadline) = (0, time + 30);
    while (time < $deadline) {
        my $ready = '';
        vec($ready, fileno $relay, 1) = 1;
        last if !select($ready, undef, undef, $count ? 0.8 : 0.5) && $count;
        next if !vec $ready, fileno $relay, 1;
        $relay->recv(my $datagram, 65536);
        send $relay, $datagram, 0, $to if ++$count != 60;
    }
    waitpid $sender, 0;
    kill TERM => $pid;
    waitpid $pid, 0;
    cmp_ok($count, '>', 100, 'datagrams have come');
    like(read_file(scratch('rtp.err')), qr/input: RTP datagrams that did not come: 1$/m,
        'one is missed');
    cmp_ok(frames($out), '>', 30, 'and frames go through');
};

# ---- figures ----

subtest 'JSON' => sub {
    my $run = receive($second, $pay, undef, '--json');
    is($run->{status}, $FOUND, 'service 1 is not decoded');
    my @lines = json_lines($run->{out});
    my $report = pop @lines;
    my ($one, $two) = @{$report->{services}};
    is("$one->{service} $one->{state}", '1 not decoded', 'service 1');
    is($one->{why}, 'service 1 needs package 1; the key file has package 2', 'why');
    is("$two->{service} $two->{state}", '2 decoded', 'service 2');
    is($two->{opened} + $two->{lost_start}, $two->{scrambled}, 'its packets add up');
    is($two->{lost_start}, 0, 'from the first one on');
    is($two->{crypto_periods}, $two->{cw_changes}, 'a control word for each period');
    cmp_ok($two->{crypto_periods}, '>=', $SECONDS - 1, 'one a second');
    is($two->{why}, undef, 'nothing to explain');
    is($two->{ecms}[0]{refused}{'no key'}, $two->{ecms}[0]{seen}, 'ECMs of package 1 are refused');
    is($two->{ecms}[1]{opened}, $two->{ecms}[1]{seen}, 'those of package 2 are opened');
    my %events = map { $_->{event} => 1 } @lines;
    ok($events{$_}, "event '$_'") for 'service', 'ecm opened', 'ecm refused', 'decoded';
};

subtest 'rights' => sub {
    my $run = simulcrypt(['receive', '-k', $other, '--dump-rights']);
    is($run->{status}, $GOOD, 'without an input');
    is($run->{out}, join('', map { "package $_, version 4: 2020-01-01T00:00:00Z to "
        . "2100-01-01T00:00:00Z, in force\n" } 3, 5), 'the packages');
    my @rights = json_lines(simulcrypt(['receive', '-k', $other, qw(--dump-rights --json)])->{out});
    is_deeply([map { $_->{package} } @rights], [3, 5], 'as JSON');
};

subtest 'words' => sub {
    my $run = receive($first, $pay, undef);
    is($run->{status}, $GOOD, 'decoded');
    like($run->{err}, qr/ECMs on PID 0x600 are opened with version 4 of package 1/, 'an event');
    like($run->{err}, qr/^service 1: decoded, \d+ packets, \d+ scrambled, \d+ opened/m,
        'a summary');
    unlike("$run->{out}$run->{err}", qr/0{28}1111/, 'and no key');
};

# ---- what a user can do wrong ----

subtest 'mistakes' => sub {
    my $out = scratch('never.ts');
    my $open = key_file('open.yaml', 1);
    chmod 0644, $open;
    my $text = write_file(scratch('text.ts'), "no stream\n" x 1000);
    my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die $!;
    my @cases = (
        [['receive', $pay], qr/no key file is given: --key-file FILE/],
        [['receive', '-k', scratch('none'), $pay], qr/none: No such file/],
        [['receive', '-k', $open, $pay], qr/open\.yaml/],
        [['receive', '-k', $first], qr/no input is named/],
        [['receive', '-k', $first, scratch('none.ts')],
            qr/none\.ts cannot be opened: No such file/],
        [['receive', '-k', $first, '-o', $pay, $pay], qr/is the input too: name another output/],
        [['receive', '-k', $first, '-o', '/nowhere/x', $pay],
            qr{/nowhere/x cannot be opened: No such file}],
        [['receive', '-k', $first, '-o', '/dev/full', $pay],
            qr{/dev/full cannot be written: No space left}],
        [['receive', '-k', $first, '-s', '0', $pay], qr/--service is 0, but must be 1 to 65535/],
        [['receive', '-k', $first, '--ca-system-id', '70000', $pay], qr/but must be 0 to 0xffff/],
        [['receive', '-k', $first, '-r', 'much', $pay], qr/--require knows no 'much'/],
        [['receive', '-k', $first, scratch()], qr/is a folder; name a file/],
        [['receive', '-k', $first, 'http://127.0.0.1/x.ts'], qr/'http:' is no kind of address/],
        [['receive', '-k', $first, 'udp://127.0.0.1:5000?ttl=3'], qr/'ttl' is no option of an in/],
        [['receive', '-k', $first, '-o', 'udp://127.0.0.1', $pay], qr/has no port/],
        [['receive', '-k', $first, "udp://127.0.0.1:" . $busy->sockport],
            qr/cannot receive at 127\.0\.0\.1:\d+: Address already in use/],
        [['receive', '-k', $first, '--for', 2, 'udp://127.0.0.1:' . free_port()],
            qr/input: no packet came for 1000 ms.*no transport stream packet came/s],
        [['receive', '-k', $first, $text], qr/text\.ts holds no transport packets/],
    );
    for my $case (@cases) {
        my ($arguments, $says) = @$case;
        my $run = simulcrypt($arguments);
        is($run->{status}, $TROUBLE, "status: $says") or diag($run->{err});
        like($run->{err}, $says, 'and says so');
    }
};

done_testing();
