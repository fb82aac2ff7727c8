#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Writes the seeds of the two capture fuzz targets, each a file of its own in capture/ and
# capture_file/ beside this script. Run it again after a change; the result is always the same.
use strict;
use warnings;
use FindBin qw($Bin);

sub save {
    my ($folder, $name, $bytes) = @_;
    mkdir "$Bin/$folder" unless -d "$Bin/$folder";
    open my $out, '>:raw', "$Bin/$folder/$name" or die "$folder/$name: $!";
    print $out $bytes;
    close $out or die "$folder/$name: $!";
}

# ---- packets ----

my @v4 = map { pack 'C4', 10, 0, 0, $_ } 1, 2;
my @v6 = map { pack 'H32', 'fd' . '0' x 29 . $_ } 1, 2;

sub ipv4 {
    my ($side, $protocol, $payload, $fragment) = @_;
    return pack('n4 C2 n', 0x4500, 20 + length $payload, 7, $fragment // 0, 64, $protocol, 0)
        . $v4[$side] . $v4[!$side] . $payload;
}

sub ipv6 {
    my ($side, $next, $payload) = @_;
    return pack('N n C2', 0x60000000, length $payload, $next, 64)
        . $v6[$side] . $v6[!$side] . $payload;
}

sub udp { return pack('n4', 1000, 2222, 8 + length $_[0], 0) . $_[0] }

sub tcp {
    my ($side, $flags, $seq, $ack, $payload) = @_;
    return pack('n2 N2 C2 n3', $side ? (2222, 1000) : (1000, 2222), $seq, $ack, 0x50, $flags,
        65535, 0, 0) . $payload;
}

my @talk = ([0, 2, 99, 0, ''], [1, 18, 499, 100, ''], [0, 24, 103, 500, 'defg'],
    [0, 24, 100, 500, 'abc'], [1, 24, 500, 107, 'hello'], [0, 24, 110, 505, 'x'],
    [1, 16, 505, 111, ''], [0, 17, 111, 505, ''], [1, 17, 505, 112, '']);
my @talk4 = map { ipv4($_->[0], 6, tcp(@$_)) } @talk;
my @talk6 = map { ipv6($_->[0], 6, tcp(@$_)) } @talk;
my $long = udp('0123456789' x 4);
my @fragments4 = (ipv4(0, 17, substr($long, 0, 24), 0x2000), ipv4(0, 17, substr($long, 24), 3));
my @fragments6 = (ipv6(0, 44, pack('n2 N', 0x1100, 1, 9) . substr $long, 0, 24),
    ipv6(0, 44, pack('n2 N', 0x1100, 24, 9) . substr $long, 24));
my $mac = pack 'H24', '02000000000a02000000000b';
my $extended = ipv6(0, 0, pack('H16', '2b00050200000100') . pack('H16', '3c00040000000000')
        . pack('H16', '1100050200000100') . udp 'abc');

# ---- fuzz_capture: packets ----

sub packets { return join '', map { pack 'C n/a*', 1, $_ } @_ }

my $sll = pack('n3', 0, 1, 6) . "\2\0\0\0\0\n\0\0";
my %packets = (
    'null' => "\0" . packets(map { pack('V', 2) . $_ } ipv4(0, 17, udp 'abc'), @fragments4),
    'ethernet' => "\1" . packets(map { $mac . "\x08\x00" . $_ } @talk4, $fragments4[1]),
    'ethernet-vlan' => "\1" . packets(map { $mac . pack('n3', 0x8100, 5, 0x86dd) . $_ } @talk6),
    'raw' => "\2" . packets(@talk4, @talk6, @fragments4, @fragments6, $extended),
    'raw-fragments' => "\2"
        . packets(reverse(@fragments4), reverse(@fragments6), @fragments4[0, 0]),
    'loop' => "\3" . packets(map { pack('N', 2) . $_ } @talk4),
    'sll' => "\4" . packets(map { $sll . "\x08\x00" . $_ } @talk4),
    'ipv4-cut' => "\5" . join('', map { pack 'C n/a*', 0x81, $_ } @talk4),
    'ipv6' => "\6" . packets($extended, @talk6),
    'sll2' => "\7" . packets(map { pack('n', 0x86dd) . "\0" x 18 . $_ } @talk6, @fragments6),
);
save('capture', $_, $packets{$_}) for keys %packets;

# ---- fuzz_capture: scripts ----

# [control, flags, seq, ack, size], numbers with 0x4000 for the number 0.
sub script { return "\x80" . join '', map { pack 'C2 n3', @$_ } @_ }

my @hello = ([0, 2, 0x3fff, 0, 0], [16, 18, 0x3fff, 0x4000, 0], [0, 16, 0x4000, 0x4000, 0]);
my %scripts = (
    'order' => [@hello, [1, 16, 0x4020, 0, 32], [1, 16, 0x4040, 0, 32], [1, 16, 0x4000, 0, 32]],
    'gap' => [@hello, [1, 16, 0x4020, 0, 32], [16, 16, 0x4000, 0x4040, 0], [0, 17, 0x4080, 0, 9]],
    'overlap' => [@hello, [1, 16, 0x4002, 0, 1], [1, 16, 0x4004, 0, 1], [1, 16, 0x4006, 0, 1],
        [1, 16, 0x4001, 0, 9], [1, 16, 0x4000, 0, 20]],
    'different' => [@hello, [0, 16, 0x4000, 0, 9], [0x20, 16, 0x4000, 0, 9], [0, 16, 0x4009, 0, 9]],
    'wrap' => [[0, 2, 0x3f00, 0, 0], map { [0, 16, 0x3f01 + 64 * $_, 0, 64] } 0 .. 9],
    'reset' => [@hello, [0, 16, 0x4000, 0x4000, 5], [16, 20, 0x4000, 0x4005, 0],
        [0, 2, 0x7000, 0, 0], [16, 18, 0x7000, 0x7001, 0]],
    'reuse' => [@hello, [0, 16, 0x4000, 0x4000, 5], [15, 2, 0x9000, 0, 0], [0, 16, 0x9001, 0, 7],
        [0, 2, 0x5000, 0, 3], [0, 16, 0x5001, 0, 3]],
    'cut' => [@hello, [0x40, 16, 0x4000, 0, 100], [0x40, 16, 0x4200, 0, 100],
        [0, 17, 0x4064, 0, 100]],
    'far' => [@hello, [0, 16, 0x4000, 0, 1], [0, 16, 0xf100, 0, 9], [15, 16, 0xf100, 0, 9]],
    'fin' => [@hello, [0, 16, 0x4010, 0, 32], [0, 17, 0x4018, 0, 0], [0, 16, 0x4000, 0, 32]],
    'ports' => [map { ([0, 2, 0x3fff, 0, 0], [0x80, 2, 0x3fff, 0, 0], [0x80 * ($_ & 1), 16,
        0x4000 + 50 * $_, 0, 40]) } 1 .. 5],
    'keep-alive' => [@hello, [0, 16, 0x4000, 0, 8], [0, 16, 0x4007, 0, 1], [0, 16, 0x4007, 0, 0],
        [0, 16, 0x4008, 0, 1]],
);
save('capture', "script-$_", script(@{ $scripts{$_} })) for keys %scripts;

# ---- fuzz_capture_file ----

sub pcap {
    my ($order, $magic, $link, @packets) = @_;
    my $time = 0;
    return pack("L$order S${order}2 L${order}4", $magic, 2, 4, 0, 0, 65535, $link)
        . join '', map { pack("L${order}4", 1700000000, $time++, length, length) . $_ } @packets;
}

sub block {
    my ($type, $body) = @_;
    $body .= "\0" x (-length($body) % 4);
    my $size = 12 + length $body;
    return pack('V2', $type, $size) . $body . pack('V', $size);
}

sub pcapng {
    my ($options, $link, @packets) = @_;
    my $time = 0;
    return block(0x0a0d0d0a, pack('V v2 V2', 0x1a2b3c4d, 1, 0, 0xffffffff, 0xffffffff))
        . block(1, pack('v2 V', $link, 0, 65535) . $options)
        . join '', map { block(6, pack('V5', 0, 0x60a24, $time++, length, length) . $_) } @packets;
}

my $damaged = pcap('<', 0xa1b2c3d4, 101, @talk4);
my %files = (
    'pcap' => pcap('<', 0xa1b2c3d4, 101, @talk4, @fragments4),
    'pcap-big-endian' => pcap('>', 0xa1b2c3d4, 101, @talk6, @fragments6, $extended),
    'pcap-nanoseconds' => pcap('<', 0xa1b23c4d, 1, map { $mac . "\x08\x00" . $_ } @talk4),
    'pcap-unsupported' => pcap('<', 0xa1b2c3d4, 105, 'abc'),
    'pcap-cut-off' => substr($damaged, 0, -9),
    'pcapng' => pcapng('', 101, @talk4),
    'pcapng-nanoseconds' => pcapng(pack('v2 V v2', 9, 1, 9, 0, 0), 1,
        map { $mac . "\x86\xdd" . $_ } @talk6),
    'pcapng-two-links' => pcapng('', 101, @talk4) . block(1, pack 'v2 V', 1, 0, 65535),
    'pcapng-simple' => pcapng('', 101) . block(3, pack('V', length $talk4[0]) . $talk4[0]),
    'not' => 'this is not a capture file',
);
save('capture_file', $_, $files{$_}) for keys %files;
