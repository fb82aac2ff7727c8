#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Makes the seeds of fuzz_emmg_session, fuzz_emmg_udp and fuzz_mux_emmg: emmg-seeds.pl (no
# arguments; writes into tests/fuzz/corpus). Run it when the operations of the targets change and
# commit what it writes. Seeds that a fuzzer found have other names and stay.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);

my $here = dirname($0);
my ($FEED, $TIME, $REQUEST, $TAKE, $POLICY, $CROSS) = 0 .. 5;
my %TYPE = (
    channel_setup => 0x11, channel_test => 0x12, channel_status => 0x13, channel_close => 0x14,
    channel_error => 0x15, stream_setup => 0x111, stream_test => 0x112, stream_status => 0x113,
    stream_close_request => 0x114, stream_close_response => 0x115, stream_error => 0x116,
    bw_request => 0x117, bw_allocation => 0x118, data => 0x211,
);

sub write_seed {
    my ($target, $name, $bytes) = @_;
    make_path("$here/corpus/$target");
    open my $out, '>:raw', "$here/corpus/$target/seed-$name" or die "seed-$name: $!\n";
    print {$out} $bytes;
    close $out or die "seed-$name: $!\n";
}

sub tlv { my ($code, $value) = @_; return pack('nn', $code, length $value) . $value }
sub client { return tlv(1, pack 'N', 0xabcd0001) }
sub channel { return tlv(3, pack 'n', $_[0] // 1) }
sub stream { return tlv(4, pack 'n', $_[0] // 2) }
sub data_id { return tlv(8, pack 'n', $_[0] // 0x21) }
sub datagram { return tlv(5, $_[0] // pack 'H*', '8270051122334455') }
sub flag { return tlv(2, pack 'C', $_[0] // 0) }
sub type { return tlv(7, pack 'C', $_[0] // 0) }
sub bandwidth { return tlv(6, pack 'n', $_[0] // 100) }
sub status { return tlv(0x7000, pack 'n', $_[0]) }

sub message {
    my ($version, $name, @parameters) = @_;
    my $body = join '', @parameters;
    return pack('Cnn', $version, $TYPE{$name} // $name, length $body) . $body;
}

sub feed { my ($bytes) = @_; return pack('Cn', $FEED, length $bytes) . $bytes . pack 'C', $TAKE }
sub later { return pack 'Cn', $TIME, $_[0] }
sub policy { return pack 'CC', $POLICY, $_[0] }
sub request { my ($side, $what, $how, $stream, $number) = @_;
    return pack 'CCCCn', $REQUEST | $side << 4, $what, $how, $stream, $number }
sub cross { my ($how, $at) = @_;
    return join '', map { pack 'CCn', $CROSS | $_ << 4, $how, $at // 0 } 1, 0 }

my $ch = client() . channel(); # the ids of our channel and stream
my $st = $ch . stream();

# A MUX alone: the life of a channel in each version, and what is wrong.
for my $version (1, 2, 3, 5) {
    my @id = $version > 1 ? data_id() : ();
    my $open = feed(message($version, 'channel_setup', $ch, flag()))
        . feed(message($version, 'stream_setup', $st, @id, type()));
    my $data = feed(message($version, 'data', $st, @id, datagram(), datagram()));
    my $head = pack 'CC', 0, 0;
    write_seed('emmg_session', "mux-v$version", $head . $open . $data
        . feed(message($version, 'bw_request', $st, bandwidth()))
        . feed(message($version, 'bw_request', $st))
        . feed(message($version, 'stream_test', $st)) . later(12000) . later(6000)
        . feed(message($version, 'stream_close_request', $st)) . $data
        . feed(message($version, 'channel_close', $ch)) . later(1100));
    write_seed('emmg_session', "mux-wrong-v$version", pack('CC', 4, 0) . $data . $open
        . feed(message($version, 'data', $ch, stream(7), @id, datagram()))
        . feed(message($version, 'data', client(), channel(9), stream(), @id, datagram()))
        . feed(message($version, 'data', tlv(1, "abcd"), channel(), stream(), @id, datagram()))
        . feed(message($version, 'data', $st, data_id(9), datagram()))
        . feed(message($version, 'data', $st, @id))
        . feed(message($version, 'data', datagram(), tlv(0x6000, 'x'), stream(), channel(),
            client(), @id))
        . feed(message($version, 'channel_error', $ch, status(0x7000)))
        . feed(message($version, 'stream_error', $st, status(0x7001)))
        . feed(message(9, 'channel_test', $ch)) . feed("\0" x 40));
    write_seed('emmg_session', "mux-policy-v$version", pack('CC', 0x40, 0) . policy(1)
        . feed(message($version, 'channel_setup', $ch, flag(1))) . policy(2)
        . feed(message($version, 'channel_setup', $ch, flag(1))) . policy(4)
        . $open . policy(8) . feed(message($version, 'stream_setup', $st, @id, type()))
        . policy(48) . feed(message($version, 'stream_setup', $st, @id, type()))
        . feed(message($version, 'bw_request', $st, bandwidth())) . $data
        . request(0, 0x86, 0, 2, 0) . $data . request(0, 0x88, 0, 2, 0) . later(4000)
        . later(6000));
    # An EMMG alone.
    write_seed('emmg_session', "emmg-v$version", pack('CC', 1, {3 => 0, 2 => 64, 1 => 128,
            5 => 192}->{$version})
        . feed(message($version, 'channel_status', $ch, flag()))
        . request(1, 0, 0, 2, 0x21) . feed(message($version, 'stream_status', $st, @id, type()))
        . request(1, 2, 1, 2, 100) . feed(message($version, 'bw_allocation', $st, bandwidth()))
        . request(1, 3, 3, 2, 90) . feed(message($version, 'channel_test', $ch))
        . feed(message($version, 'stream_error', $st, status(0x0f)))
        . feed(message($version, 'channel_error', $ch, status(7))) . later(6000)
        . request(1, 1, 0, 2, 0) . feed(message($version, 'stream_close_response', $st))
        . request(1, 0x80, 0, 0, 0));
}
# Both, with damage at some places.
for my $number (0 .. 11) {
    my $seed = pack 'CC', 2 | ($number & 1) << 3, ($number % 4) << 6;
    my $moves = 0;
    my $move = sub { return cross($number > 5 && $moves++ % 5 == $number % 5 ? 3 : 1,
            $moves * 7) };
    $seed .= $move->();
    $seed .= request(1, 0, $_ & 1, $_, 40 + $_) for 1 .. 3;
    $seed .= $move->();
    for my $round (1 .. 6) {
        $seed .= request(1, 2, $round & 1, $_, $round * 10)
        . request(1, 3, $round, $_, 50 * $round) for 1 .. 3;
        $seed .= $move->() . later($round % 3 ? 100 : 6000);
    }
    $seed .= request(0, 0x8b, 0, 1, 0) . request(1, 0x8a, 0, 1, 0) . $move->()
        . request(1, 1, 0, 1, 0) . $move->();
    $seed .= request(0, 0, 1, 2, 9) . request(0, 0x84, 0, 2, 15) . $move->()
        . request(1, 0x80, 0, 0, 0) . $move->() . $move->();
    write_seed('emmg_session', sprintf('pair-%02d', $number), $seed);
}

my $packet = "\x47" . "\x20" x 187;
my %udp = (
    right => message(3, 'data', client(), data_id(), datagram()),
    version2 => message(2, 'data', client(), data_id(), datagram(), datagram()),
    version5 => message(5, 'data', client(), data_id(), datagram('anything')),
    version1 => message(1, 'data', client(), datagram()),
    ids => message(2, 'data', channel(), stream(), client(), data_id(), datagram()),
    unknown => message(3, 'data', tlv(0x6000, ''), client(), data_id(), datagram()),
    packets => message(3, 'data', client(), data_id(), datagram($packet x 7)),
    empty => message(3, 'data', client(), data_id(), datagram('')),
    twice => message(3, 'data', client(), data_id(), datagram()) x 2,
    cut => substr(message(3, 'data', client(), data_id(), datagram()), 0, 20),
    control => message(3, 'channel_setup', $ch, flag()),
    missing => message(3, 'data', client(), datagram()),
    sections => pack('H*', '827001018370010284700103'),
);
for my $name (sort keys %udp) {
    write_seed('emmg_udp', "$name-$_", chr($_) . $udp{$name}) for 0, 1;
}

# Operations of fuzz_mux_emmg: [kind, stream 0 or 1, datagrams...], or a number of steps of time.
my %KIND = (sections => 0, packets => 1, udp => 2);
my $HOW = {wrong_length => 0x40, too_many => 0x20, sync => 0x40, too_few => 0x20};
sub op {
    my ($kind, $stream, @datagrams) = @_;
    return chr($KIND{$kind} | $stream << 2 | (@datagrams - 1) << 3) . join '', @datagrams;
}
sub steps { return chr(3 | ($_[0] - 1) << 2) }
# Sections of [table_id, size]; packets of [byte 1, byte 3, byte 4].
sub sections { my ($how, @each) = @_;
    return chr(($HOW->{$how} // 0) | $#each) . join '', map { pack 'Cn', $_->[0], $_->[1] - 3 }
        @each }
sub packets { my ($how, @each) = @_;
    return chr(($HOW->{$how} // 0) | $#each) . join '', map { pack 'C3', @$_ } @each }
sub raw { return pack('CC', 0x80, length $_[0]) . $_[0] }

for my $settings (0 .. 15) {
    my $seed = chr $settings;
    for my $i (0 .. 11) {
        $seed .= op('sections', $i & 1, map { sections('', [0x80 + $i, 3 + ($i * 977 + $_ * 131)
            % 4094]) } 0 .. ($i & 3)) . steps($i + 1);
    }
    write_seed('mux_emmg', "sections-$settings", $seed);
}
my $several = join '', map { op('sections', $_ & 1, (sections('', [0x82, 10 + $_], [0x83, 173],
    [0x84, 4096])) x 4) } 0 .. 19;
write_seed('mux_emmg', "several-$_", chr($_) . $several) for 0, 1, 2, 12;
write_seed('mux_emmg', 'sizes', "\0" . join '', map { op('sections', 0, sections('', [0x82, $_]))
    . steps(1) } 3, 4, 180 .. 187, 366 .. 368, 4095, 4096);
# Each ends one byte before the end of a packet, where no other can begin.
write_seed('mux_emmg', 'edges', "\0" . op('sections', 0, sections('', map { [$_, 366] } 0x82
    .. 0x84)) . op('sections', 0, sections('', [0x82, 30])) . steps(10));
write_seed('mux_emmg', 'broken', "\0" . join '', map { op('sections', 0, $_) }
    sections('', [0xff, 100]), sections('', [0x82, 100], [0xff, 50]),
    sections('wrong_length', [0x82, 100]), sections('too_many', [0x82, 100]), raw(''),
    raw("\x82\x70"), raw("\x82\x70\0"), sections('', [0x82, 30]));
write_seed('mux_emmg', 'packets', "\0" . join '', map { my $i = $_; op('packets', 0, (packets('',
    ([0x40 | $i, 0x10 | $i, $i]) x ($i + 1))) x (1 + ($i & 3))) . steps(2) } 0 .. 7);
write_seed('mux_emmg', 'packets-broken', "\0" . join '', map { op('packets', 0, $_) }
    (map { packets('', $_) } [0, 0x30, 100], [0, 0x20, 183], [0, 0, 0], [0, 0x30, 183],
        [0, 0x20, 182], [0, 0xd0, 0], [0x80, 0x10, 0], [0xff, 0x1f, 7]),
    packets('sync', [0, 0x10, 0]), packets('too_few', [0, 0x10, 0]), raw("\x47\x01\x02\x10\x04"));
write_seed('mux_emmg', 'mixed', "\0" . join '', map { op('udp', $_ & 1, sections('', [0x82, 100
    + $_]), sections('', [0x83, 200])) . op('sections', $_ & 1, sections('', [0x84, 300 + $_]))
    . op('packets', 0, packets('', [0, 0x10, 1], [0, 0x10, 2])) } 0 .. 9);
