#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt ts scramble` and `ts descramble` on whole streams made by ffmpeg, with openssl,
# tsdecrypt and ffmpeg's stream hashes as outside witnesses. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Socket::INET;
use Test::More;

use Simc::Json;
use Simc::Run;

needs(qw(ffmpeg ffprobe openssl tsdecrypt));

my $PACKET = 188;
my $CISSA_IV = '445642544d4350544145534349535341';
my $CW = '00112233445566778899aabbccddeeff';
my @CW8 = ('10203060405060f0', '11213163415161f3');

sub tool { return run([@_]) }
sub cli { return simulcrypt([@_]) }

# ---- streams ----

my @SOURCES = (-f => 'lavfi', -i => 'testsrc2=size=320x180:rate=25', -f => 'lavfi',
    -i => 'sine=frequency=440:sample_rate=48000', -f => 'lavfi',
    -i => 'smptebars=size=320x180:rate=25',
    -f => 'lavfi', -i => 'sine=frequency=880:sample_rate=48000');
my @X264 = qw(-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 -b:v 400k
    -c:a aac -b:a 64k);
my @MPEG2 = qw(-c:v mpeg2video -pix_fmt yuv420p -g 12 -b:v 800k -c:a mp2 -b:a 128k);

sub stream {
    my ($name, $codecs, $seconds) = @_;
    my $path = scratch("$name.ts");
    my $made = tool('ffmpeg', qw(-hide_banner -loglevel error -y), @SOURCES,
        qw(-map 0:v -map 1:a -map 2:v -map 3:a -t), $seconds, @$codecs,
        -program => 'program_num=1:title=One:st=0:st=1',
        -program => 'program_num=2:title=Two:st=2:st=3',
        qw(-streamid 0:257 -streamid 1:258 -streamid 2:513 -streamid 3:514 -f mpegts -muxrate 3000k
        -pcr_period 20 -pat_period 0.1), $path);
    is($made->{status}, 0, "ffmpeg makes $name") or diag($made->{err});
    return $path;
}

sub packets { return unpack "(a$PACKET)*", read_file($_[0]) }
sub pid { return unpack('n', substr $_[0], 1, 2) & 0x1fff }
sub tsc { return unpack('C', substr $_[0], 3, 1) >> 6 }

# Payload of a packet; '' when it has none.
sub payload {
    my ($packet) = @_;
    my ($control, $length) = unpack 'x3 C C', $packet;
    return '' if !($control & 0x10);
    return substr $packet, $control & 0x20 ? 5 + $length : 4;
}

# ffmpeg's MD5 of each elementary stream of a programme, copied without decoding.
sub stream_hash {
    my ($path, $program) = @_;
    my $run = tool(qw(ffmpeg -v error -i), $path, '-map', "0:p:$program",
        qw(-c copy -f streamhash -hash md5 -));
    return $run->{out};
}

my $h264 = stream('h264', \@X264, 6);
my $mpeg2 = stream('mpeg2', \@MPEG2, 6);

# ---- there and back ----

subtest 'every mode gives the stream back, byte for byte' => sub {
    my %words = (cissa => $CW, idsa => $CW, 'aes-cbc' => $CW, 'aes-ecb' => $CW, csa1 => $CW8[0],
        csa2 => $CW8[1]);
    for my $mode (sort keys %words) {
        for my $in ($h264, $mpeg2) {
            my ($scrambled, $clear) = (scratch('scrambled.ts'), scratch('clear.ts'));
            my $run = cli(qw(ts scramble -m), $mode, '--cw', $words{$mode}, $in, $scrambled);
            is($run->{status}, 0, "$mode: scrambles") or diag($run->{err});
            like($run->{err}, qr/\d+ scrambled with $mode \(/, "$mode: says what was done");
            isnt(read_file($scrambled), read_file($in), "$mode: the stream is another one");
            $run = cli(qw(ts descramble -m), $mode, '--cw', $words{$mode}, $scrambled, $clear);
            is($run->{status}, 0, "$mode: descrambles") or diag($run->{err});
            ok(read_file($clear) eq read_file($in), "$mode: the same bytes come back");
        }
    }
};

subtest 'only elementary streams of the services asked for are scrambled' => sub {
    my $out = scratch('one.ts');
    is(cli(qw(ts scramble --service 1 --cw), $CW, $h264, $out)->{status}, 0, 'service 1');
    my (%scrambled, %clear);
    my @before = packets($h264);
    my @after = packets($out);
    is(@after, @before, 'no packet is lost or added');
    my $others_changed = 0;
    for my $i (0 .. $#before) {
        my $pid = pid($before[$i]);
        tsc($after[$i]) ? $scrambled{$pid}++ : $clear{$pid}++;
        $others_changed++ if $pid != 257 && $pid != 258 && $before[$i] ne $after[$i];
    }
    is_deeply([sort { $a <=> $b } keys %scrambled], [257, 258], 'the PIDs of service 1');
    is($others_changed, 0, 'nothing else changed');
    cmp_ok($scrambled{257}, '>', 100, 'and most of their packets');
    is(cli(qw(ts scramble --pid 514 --cw), $CW, $h264, $out)->{status}, 0, 'by PID');
    my @pids = map { tsc($_) ? pid($_) : () } packets($out);
    is_deeply([keys %{{map { $_ => 1 } @pids}}], [514], 'only that PID');
    is(stream_hash($out, 1), stream_hash($h264, 1), 'ffmpeg still reads service 1');
};

# ---- witnesses ----

# CBC is ECB with an XOR, so one run of openssl opens the blocks of all packets of the file at once;
# each payload is its own chain, and begins with the IV.
subtest 'openssl agrees with CISSA and IDSA on whole files' => sub {
    my %iv = (cissa => $CISSA_IV, idsa => '0' x 32);
    for my $mode (sort keys %iv) {
        my $out = scratch("$mode.ts");
        cli(qw(ts scramble -m), $mode, '--cw', $CW, $h264, $out);
        my @clear = packets($h264);
        my @scrambled = packets($out);
        my (@plain, @blocks);
        for my $i (grep { tsc($scrambled[$_]) } 0 .. $#clear) {
            my $cipher = payload($scrambled[$i]);
            my $size = length($cipher) - length($cipher) % 16;
            next if !$size;
            push @plain, substr payload($clear[$i]), 0, $size;
            push @blocks, substr $cipher, 0, $size;
        }
        my $in = write_file(scratch('blocks'), @blocks);
        my $opened = tool(qw(openssl enc -d -aes-128-ecb -nopad -K), $CW, '-in', $in)->{out};
        my ($at, $wrong) = (0, 0);
        for my $i (0 .. $#blocks) {
            my $size = length $blocks[$i];
            my $chain = substr pack('H*', $iv{$mode}) . $blocks[$i], 0, $size;
            $wrong++ if (substr($opened, $at, $size) ^ $chain) ne $plain[$i];
            $at += $size;
        }
        cmp_ok(scalar @blocks, '>', 2000, "$mode: thousands of packets compared");
        is($wrong, 0, "$mode: all the same");
    }
};

subtest 'tsdecrypt descrambles what we scrambled with CSA, keys changing' => sub {
    my $words = write_file(scratch('words.txt'), "# even, odd\n$CW8[0]\n\n$CW8[1]  # odd\n");
    my ($scrambled, $clear) = (scratch('csa.ts'), scratch('tsdecrypt.ts'));
    for my $in ($h264, $mpeg2) {
        my $run = cli(qw(ts scramble -m csa1 --cp-duration 1000 -s 1 -f), $words, $in, $scrambled);
        is($run->{status}, 0, 'scrambles') or diag($run->{err});
        like($run->{err}, qr/\b[5-7] crypto periods/, 'a crypto period each second');
        $run = tool('tsdecrypt', '-I', "file://$scrambled", '-O', "file://$clear", '-Y',
            "$CW8[0]$CW8[1]", qw(-M 1 -p -z));
        ok(read_file($clear) eq read_file($in), 'tsdecrypt gives the original back');
        is(stream_hash($clear, 1), stream_hash($in, 1), 'ffmpeg sees the same streams');
    }
};

subtest 'ffmpeg sees the original after descrambling and not before' => sub {
    my ($scrambled, $clear) = (scratch('s.ts'), scratch('c.ts'));
    for my $program (1, 2) {
        cli(qw(ts scramble --cw), $CW, $h264, $scrambled);
        cli(qw(ts descramble --cw), $CW, $scrambled, $clear);
        my $original = stream_hash($h264, $program);
        like($original, qr/MD5=\w{32}.*MD5=\w{32}/s, 'two streams');
        is(stream_hash($clear, $program), $original, "programme $program after descrambling");
        isnt(stream_hash($scrambled, $program), $original, "programme $program scrambled");
    }
};

# ---- crypto periods ----

subtest 'a list of control words' => sub {
    my @list = map { sprintf '%032x', 0x1000 + $_ } 1 .. 5;
    my $words = write_file(scratch('list.txt'), map { "$_\n" } @list);
    my ($scrambled, $clear) = (scratch('s.ts'), scratch('c.ts'));
    cli(qw(ts scramble --cp-duration 700 -f), $words, $h264, $scrambled);
    my $run = cli(qw(ts descramble -f), $words, $scrambled, $clear);
    is($run->{status}, 0, 'descrambles');
    ok(read_file($clear) eq read_file($h264), 'with the same list the original comes back');
    my @parities = map { tsc($_) || () } packets($scrambled);
    my $changes = grep { $parities[$_] != $parities[$_ - 1] } 1 .. $#parities;
    cmp_ok($changes, '>=', 7, 'parity changed every 700 ms');
    cmp_ok($changes, '<=', 9, 'and no more often');
    my $report = (json_lines(cli(qw(ts analyze --json), $scrambled)->{out}))[0];
    for my $service (@{$report->{services}}) {
        my @whole = grep { $_->{entire} } @{$service->{crypto_periods}};
        cmp_ok(scalar @whole, '>=', 6, "service $service->{id}: ts analyze sees crypto periods");
        my @odd = grep { abs($_->{duration_ms} - 700) > 60 } @whole;
        is(scalar @odd, 0, 'of 700 ms each');
    }
    $run = cli(qw(ts scramble --odd --cp-duration 700 -f), $words, $h264, $scrambled);
    is(tsc((grep { tsc($_) } packets($scrambled))[0]), 3, '--odd begins with the odd key');
    cli(qw(ts descramble -f), $words, $scrambled, $clear);
    ok(read_file($clear) eq read_file($h264), 'a stream that begins odd comes back too');
    my @args = map { ('--cw', $_) } @list;
    my $other = scratch('o.ts');
    cli(qw(ts scramble --odd --cp-duration 700), @args, $h264, $other);
    ok(read_file($other) eq read_file($scrambled), '--cw several times is the same as the file');
};

# ---- pipes, other packet sizes, UDP ----

subtest 'pipes, 204-byte packets and garbage' => sub {
    my $ts = program(qw(simulcrypt cli)) . ' ts';
    my $run = tool('sh', '-c', "$ts scramble -q --cw $CW - - <$h264 | "
            . "$ts descramble -q --cw $CW - - >" . scratch('piped.ts'));
    is($run->{err}, '', 'quiet');
    ok(read_file(scratch('piped.ts')) eq read_file($h264), 'through two pipes');
    my $long = write_file(scratch('204.ts'), map { $_ . 'R' x 16 } packets($h264));
    is(cli(qw(ts scramble --cw), $CW, $long, scratch('188.ts'))->{status}, 0, '204 bytes');
    cli(qw(ts scramble --cw), $CW, $h264, scratch('plain.ts'));
    ok(read_file(scratch('188.ts')) eq read_file(scratch('plain.ts')), 'come out as 188');
    my $dirty = write_file(scratch('dirty.ts'), "\x47garbage" x 100, read_file($h264));
    cli(qw(ts scramble --cw), $CW, $dirty, scratch('clean.ts'));
    my $clean = read_file(scratch('clean.ts'));
    my $plain = read_file(scratch('plain.ts'));
    cmp_ok(index($plain, substr $clean, length($clean) - 100 * $PACKET), '>', 0,
        'garbage in front is left out, the packets behind it are not');
};

subtest 'UDP' => sub {
    my $receiver = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or die $!;
    setsockopt $receiver, SOL_SOCKET, SO_RCVBUF, 4 << 20;
    my $short = write_file(scratch('short.ts'), (packets($h264))[0 .. 499]);
    my $port = $receiver->sockport;
    my $run = cli(qw(ts scramble --cw), $CW, $short, "udp://127.0.0.1:$port");
    is($run->{status}, 0, 'sends') or diag($run->{err});
    cli(qw(ts scramble --cw), $CW, $short, scratch('short-s.ts'));
    my ($got, $largest) = ('', 0);
    while (length $got < 500 * $PACKET) {
        my $ready = '';
        vec($ready, fileno $receiver, 1) = 1;
        last if !select $ready, undef, undef, 5;
        $receiver->recv(my $datagram, 65536);
        $largest = length $datagram if length $datagram > $largest;
        $got .= $datagram;
    }
    is($largest, 7 * $PACKET, 'seven packets per datagram');
    ok($got eq read_file(scratch('short-s.ts')), 'the same packets as in a file');
};

# ---- what a user can do wrong ----

subtest 'mistakes' => sub {
    my $out = scratch('never.ts');
    my $bad_words = write_file(scratch('bad.txt'), "$CW\n# fine so far\n001122\n");
    my $empty = write_file(scratch('empty.txt'), "# nothing\n");
    my @cases = (
        [2, [$h264, $out], qr/no control word is given: --cw HEX or --cw-file FILE/],
        [2, ['--cw', '0011', $h264, $out], qr/--cw: a control word of cissa has 16 bytes \(32 hex/],
        [2, ['--cw', 'xyz', $h264, $out], qr/--cw: character 1 is no hex digit/],
        [2, ['-f', $bad_words, $h264, $out], qr/bad\.txt:3: a control word of cissa has 16 bytes/],
        [2, ['-f', $empty, $h264, $out], qr/empty\.txt holds no control word/],
        [2, ['-f', scratch('none'), $h264, $out], qr/cannot read .*none: No such file/],
        [2, ['--cw', $CW, scratch('none.ts'), $out], qr/none\.ts: No such file/],
        [2, ['--cw', $CW, $h264, $h264], qr/is the input too: name another output/],
        [2, ['--cw', $CW, $h264, '/nowhere/x.ts'], qr{cannot write /nowhere/x.ts: No such file}],
        [2, ['--cw', $CW, $h264, '/dev/full'], qr{cannot write /dev/full: No space left}],
        [2, ['-m', 'des', '--cw', $CW, $h264, $out], qr/--mode knows no 'des'; it is one of: c/],
        [2, ['--pid', '8191', '--cw', $CW, $h264, $out], qr/--pid is 8191, but must be 2 to 8190/],
        [2, ['--service', '0', '--cw', $CW, $h264, $out], qr/--service is 0, but must be 1 to/],
        [2, ['--cw', $CW, $h264], qr/something is missing: ts scramble IN OUT/],
        [1, ['--service', 9, '--cw', $CW, $h264, $out], qr/not in the stream, which has 1, 2/],
        [1, ['--pid', 4000, '--cw', $CW, $h264, $out], qr/nothing was scrambled/],
    );
    for my $case (@cases) {
        my ($status, $arguments, $says) = @$case;
        my $run = cli(qw(ts scramble), @$arguments);
        is($run->{status}, $status, "status $status: $says");
        like($run->{err}, $says, 'and says so');
        unlike($run->{err}, qr/$CW/i, 'without a control word');
    }
    my $run = cli(qw(ts descramble --cw), $CW, $h264, $out);
    is($run->{status}, 1, 'a clear stream');
    like($run->{err}, qr/nothing was descrambled: no packet .* is scrambled/, 'is told');
};

done_testing();
