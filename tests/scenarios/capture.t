#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Captures of every kind put in order by lib/capture, with tshark as the witness: the same bytes in
# the same connections, the same gaps, the same times. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Run;

needs(qw(tshark editcap mergecap reordercap));
my $printer = program('capture-print', 'capture');
srand 103197;

# ---- packets: [time in microseconds, bytes from the IP header on] ----

my $now_us;

sub ip {
    my ($family, $side, $protocol, $payload, $fragment) = @_;
    my @sides = $side ? (2, 1) : (1, 2);
    my $ip = $family == 4
        ? pack('n4 C2 n', 0x4500, 20 + length $payload, 7, $fragment || 0, 64, $protocol, 0)
            . join '', map { pack 'C4', 10, 0, 0, $_ } @sides
        : pack('N n C2', 0x60000000, length $payload, $protocol, 64)
            . join '', map { pack 'H30 C', 'fd', $_ } @sides;
    $now_us += 1 + int rand 900;
    return [$now_us, $ip . $payload];
}

# A connection: a port and the first sequence numbers. [RFC 9293 3.1]
sub connection {
    my ($port, %how) = @_;
    return {port => $port, seq => $how{seq} || [1000, 4_294_967_000], family => $how{family} || 4};
}

# @param $at offset in the side's stream, -1 for its SYN. @param $acked bytes of the other side.
sub tcp {
    my ($connection, $side, $flags, $at, $acked, $bytes) = @_;
    my @ports = ($connection->{port}, 2222);
    my @numbers = map { $_ % 2**32 } $connection->{seq}[$side] + 1 + $at,
        $connection->{seq}[!$side] + 1 + $acked;
    return ip($connection->{family}, $side, 6,
        pack('n2 N2 C2 n3', @ports[$side, !$side], @numbers, 0x50, $flags, 65535, 0, 0) . $bytes);
}

my ($FIN, $SYN, $ACK) = (1, 2, 16);

sub hello {
    my ($connection) = @_;
    return (tcp($connection, 0, $SYN, -1, 0, ''), tcp($connection, 1, $SYN | $ACK, -1, 0, ''),
        tcp($connection, 0, $ACK, 0, 0, ''));
}

sub random_bytes { return join '', map { chr int rand 256 } 1 .. $_[0] }

# One exchange after another: side 0 sends some segments, side 1 acknowledges and answers. Order,
# loss and repetition happen inside of a window, so that what is acknowledged is decided.
sub talk {
    my ($connection, %how) = @_;
    my @packets = $how{midstream} ? () : hello($connection);
    my @sent = (0, 0);
    my $before = '';
    for my $round (1 .. $how{rounds} || 8) {
        my @window;
        for (1 .. 2 + rand 6) {
            my $bytes = random_bytes(1 + int rand($how{size} || 300));
            push @window, [$sent[0], $bytes] if rand >= ($how{loss} || 0);
            push @window, [$sent[0], $bytes] if rand() < ($how{repeat} || 0);
            my $tail = $how{forge} || length $before < 5 ? random_bytes(5) : substr $before, -5;
            push @window, [$sent[0] - 5, $tail . $bytes]
                if $sent[0] > 5 && rand() < ($how{overlap} || 0);
            $before .= $bytes;
            $sent[0] += length $bytes;
        }
        @window = sort { $a->[2] <=> $b->[2] } map { [@$_, rand] } @window if $how{shuffle};
        push @packets, map { tcp($connection, 0, $ACK, $_->[0], $sent[1], $_->[1]) } @window;
        my $answer = random_bytes(1 + int rand 50);
        push @packets, tcp($connection, 1, $ACK, $sent[1], $sent[0], $answer);
        $sent[1] += length $answer;
    }
    push @packets, tcp($connection, 0, $FIN | $ACK, $sent[0], $sent[1], ''),
        tcp($connection, 1, $FIN | $ACK, $sent[1], $sent[0] + 1, '')
        unless $how{open};
    return @packets;
}

# ---- files ----

my %link = (
    raw => [101, sub { '' }],
    ethernet => [1, sub { pack 'H24 n', '02000000000a02000000000b', $_[0] == 4 ? 0x800 : 0x86dd }],
    vlan => [1, sub { pack 'H24 n3', '02000000000a02000000000b', 0x8100, 100,
        $_[0] == 4 ? 0x800 : 0x86dd }],
    sll => [113, sub { pack 'n3 H16 n', 0, 1, 6, '02000000000a0000', $_[0] == 4 ? 0x800 : 0x86dd }],
    null => [0, sub { pack 'V', $_[0] == 4 ? 2 : 30 }],
);

sub pcap {
    my ($name, $link, @packets) = @_;
    my ($number, $header) = @{$link{$link}};
    my $file = pack 'V v2 V4', 0xa1b2c3d4, 2, 4, 0, 0, 65535, $number;
    for (@packets) {
        my ($time, $ip) = @$_;
        my $bytes = $header->(ord($ip) >> 4) . $ip;
        $file .= pack('V4', 1_700_000_000 + int $time / 1_000_000, $time % 1_000_000,
            length $bytes, length $bytes) . $bytes;
    }
    return write_file(scratch($name), $file);
}

sub good {
    my (@command) = @_;
    my $ran = run(\@command);
    die "@command: $ran->{err}\n" if $ran->{status} != 0;
    return $ran->{out};
}

# ---- the two views ----

# {streams}{connection}{port of the sender}, {times}{packet}, {connections}{packet}, {datagrams}
sub parse {
    my ($text) = @_;
    my %view = (streams => {}, times => {}, connections => {}, datagrams => [], stats => {});
    for (split /\n/, $text) {
        my ($kind, @word) = split / /;
        if ($kind eq 'stat') {
            $view{stats}{$word[0]} = $word[1];
            next;
        }
        $view{times}{$word[0]} = $word[1];
        if ($kind eq 'datagram') {
            push @{$view{datagrams}}, $word[7] eq '-' ? '' : $word[7] if $word[6] eq 'whole';
            next;
        }
        my ($from) = $word[7] =~ /:(\d+)$/;
        $view{connections}{$word[0]} = $word[3];
        $view{streams}{$word[3]}{$from} .= $word[10] if $kind eq 'data';
        $view{streams}{$word[3]}{$from} .= "<$word[9]>" if $kind eq 'gap';
    }
    return \%view;
}

sub our_view { return parse(good($printer, @_)) }

# What tshark says of a file, in one go since it is slow to start: {frames}{packet} with its time
# and connection, {datagrams}, {streams}{connection}{port of the sender}.
sub tshark_view {
    my ($file, $connections) = @_;
    my %view = (frames => {}, datagrams => [], streams => {});
    my ($stream, @ports);
    for (split /\n/, good(qw(tshark -n -r), $file, qw(-T fields -e frame.number -e frame.time_epoch
        -e tcp.stream -e udp.payload), map { ('-z', "follow,tcp,raw,$_") } 0 .. $connections - 1)) {
        if (/^(\d+)\t([\d.]+)\t(\d*)\t([0-9a-f]*)$/) {
            $view{frames}{$1} = {time => $2, stream => $3};
            push @{$view{datagrams}}, $4 if $4 ne '';
        }
        $stream = $1 if /^Filter: tcp\.stream eq (\d+)$/;
        $ports[$1] = $2 if /^Node (\d): .*:(\d+)$/;
        next unless /^(\t?)((?:[0-9a-f]{2})+)$/;
        my ($side, $hex) = ($1 ? 1 : 0, $2);
        my ($gap) = pack('H*', $hex) =~ /^\[(\d+) bytes missing in capture file\]\0$/;
        $view{streams}{$stream}{$ports[$side]} .= $gap ? "<$gap>" : $hex;
    }
    return \%view;
}

# Everything about a file that tshark and we must agree on. %how: no_gaps, any_connection.
sub agree {
    my ($what, $file, %how) = @_;
    my $ours = our_view($file);
    # The files are the same ones again under sanitizers, which look at how we read them.
    return $ours if is_sanitized();
    subtest $what => sub {
        my $theirs = tshark_view($file, $ours->{stats}{connections});
        my $frame = $theirs->{frames};
        my @wrong = grep { $frame->{$_}{time} !~ /^\Q$ours->{times}{$_}\E/ } keys %{$ours->{times}};
        is("@wrong", '', 'the times of all packets');
        @wrong = grep { $frame->{$_}{stream} ne $ours->{connections}{$_} }
            keys %{$ours->{connections}};
        # A gap or close may be told with a packet of another connection, at the end of the file.
        @wrong = () if $how{any_connection};
        is("@wrong", '', 'the connections of all packets');
        my %streams = map { $_->{stream} => 1 } grep { $_->{stream} ne '' } values %$frame;
        is($ours->{stats}{connections}, scalar(keys %streams), 'as many connections');
        for my $stream (sort { $a <=> $b } keys %streams) {
            my $mine = $ours->{streams}{$stream} || {};
            $mine = {map { $_ => $mine->{$_} =~ s/<\d+>//gr } keys %$mine} if $how{no_gaps};
            # tshark is silent about bytes that are missing right before the end.
            s/<\d+>$// for values %$mine;
            delete @$mine{grep { $mine->{$_} eq '' } keys %$mine};
            is_deeply($mine, $theirs->{streams}{$stream}, "the bytes of connection $stream");
        }
        my @datagrams = grep { $_ ne '' } @{$ours->{datagrams}};
        is_deeply(\@datagrams, $theirs->{datagrams}, 'the datagrams');
    };
    return $ours;
}

# ---- link types, formats, times ----

$now_us = 0;
my @plain = talk(connection(1000));
for my $link (sort keys %link) {
    agree("IPv4 over $link", pcap("4-$link", $link, @plain));
    agree("IPv6 over $link", pcap("6-$link", $link, talk(connection(1000, family => 6))));
}
my $plain = pcap('plain', 'ethernet', @plain);
for my $format (qw(pcapng nsecpcap)) {
    my $file = scratch("plain.$format");
    # A time that is no whole number of microseconds.
    good('editcap', '-F', $format, '-t', '0.0000001', $plain, $file);
    agree($format, $file);
}
{
    my $ran = run([$printer, '-'], in_file => $plain);
    is($ran->{out}, good($printer, $plain), 'standard input gives the same as the file');
}

# ---- order, loss, repetition ----

my %ways = (
    'out of order' => [shuffle => 1],
    'with repetitions' => [repeat => 0.3],
    'with loss' => [loss => 0.2],
    'with overlaps of the same bytes' => [overlap => 0.3],
    'with overlaps of other bytes' => [overlap => 0.3, forge => 1],
    'with everything' => [shuffle => 1, repeat => 0.2, loss => 0.2, overlap => 0.2],
    'midstream' => [midstream => 1],
    'with large segments' => [size => 30000, rounds => 3],
);
my %stats;
for my $way (sort keys %ways) {
    my ($order) = agree($way, pcap('way', 'raw', talk(connection(1000), @{$ways{$way}})));
    $stats{$_} += $order->{stats}{$_} for keys %{$order->{stats}};
}
cmp_ok($stats{$_}, '>', 0, "all that made $_") for qw(out_of_order retransmitted_bytes gaps
    overlaps_different);

# ---- many connections, port reuse ----

sub by_time { return sort { $a->[0] <=> $b->[0] } @_ }

{
    my @packets;
    for my $port (1001 .. 1008) {
        $now_us = 0;
        push @packets, talk(connection($port, family => $port % 2 ? 4 : 6), shuffle => 1);
    }
    my $many = agree('connections side by side', pcap('many', 'vlan', by_time(@packets)));
    is($many->{stats}{connections}, 8, 'eight of them');

    $now_us = 0;
    my @first = talk(connection(1000));
    my @second = talk(connection(1000, seq => [700_000, 800_000]));
    agree('a port used again', pcap('reuse', 'raw', @first, @second));
}

# ---- files joined, sorted, cut ----

{
    $now_us = 0;
    my $one = pcap('one', 'ethernet', talk(connection(1001), open => 1));
    $now_us = 300;
    my $two = pcap('two', 'ethernet', talk(connection(1002), open => 1));
    good('mergecap', '-w', scratch('merged'), $one, $two);
    agree('merged', scratch('merged'), any_connection => 1);
    good('mergecap', '-a', '-w', scratch('joined'), $two, $one);
    good('reordercap', scratch('joined'), scratch('sorted'));
    agree('joined and sorted', scratch('sorted'), any_connection => 1);

    good('editcap', '-s', '120', $plain, scratch('cut'));
    my $cut = agree('cut by the snap length', scratch('cut'), no_gaps => 1);
    cmp_ok($cut->{stats}{cut_packets}, '>', 0, 'packets were cut');
    my %whole = %{our_view($plain)->{stats}};
    is($cut->{stats}{stream_bytes} + $cut->{stats}{gap_bytes}, $whole{stream_bytes},
        'what was cut is in the gaps');

    my $bytes = read_file($plain);
    my $ran = run([$printer, write_file(scratch('damaged'), substr $bytes, 0, -20)]);
    is($ran->{status}, 1, 'a file that is cut off ends with a fault');
    like($ran->{err}, qr/^SIMC_EPROTO \S+: packet \d+ cannot be read: the file is cut off$/m,
        'and says where');
    is_deeply(parse($ran->{out})->{streams}, our_view($plain)->{streams},
        'after all that was readable');
}

# ---- datagrams and fragments ----

{
    my @packets;
    for my $round (1 .. 20) {
        my $bytes = random_bytes(1 + int rand 4000);
        my $datagram = pack('n4', 1000, 2222, 8 + length $bytes, 0) . $bytes;
        my $at = 0;
        my @pieces;
        while (length $datagram) {
            my $piece = substr $datagram, 0, 800, '';
            my $fragment = $at / 8 | (length $datagram ? 0x2000 : 0);
            push @pieces, ip(4, 0, 17, $piece, $fragment);
            substr $pieces[-1][1], 4, 2, pack 'n', $round;
            $at += 800;
        }
        @pieces = reverse @pieces if $round % 3 == 0;
        splice @pieces, 0, 1 if $round % 7 == 0;
        push @packets, @pieces;
    }
    my $ours = agree('fragments', pcap('fragments', 'raw', @packets));
    cmp_ok($ours->{stats}{fragments_joined}, '>', 10, 'datagrams were put together');
    cmp_ok($ours->{stats}{fragments_dropped}, '>', 0, 'and others were not whole');
}

# ---- what libpcap cannot read: the way out that the message names works ----

{
    my $raw = pcap('raw', 'raw', talk(connection(1000)));
    good('mergecap', '-w', scratch('mixed'), $plain, $raw);
    my $ran = run([$printer, scratch('mixed')]);
    is($ran->{status}, 1, 'two link types in one file are refused');
    my ($tshark, $editcap) = $ran->{err} =~ /with (tshark .*?) and (editcap .*?) \(/;
    for my $number (0, 1) {
        my $file = scratch('mixed');
        my @commands = ($tshark, $editcap);
        for (@commands) {
            s/\bFILE\b/$file/;
            s/interface_id == 0/interface_id == $number/;
            s/\bA\.pcap/scratch("part-$number.pcap")/ge;
            s/-T ether/-T rawip/ if $number;
            good('sh', '-c', "$_ 2>/dev/null");
        }
        is_deeply(our_view(scratch("part-$number.pcap"))->{streams},
            our_view($number ? $raw : $plain)->{streams}, "interface $number taken out of it");
    }
}

done_testing();
