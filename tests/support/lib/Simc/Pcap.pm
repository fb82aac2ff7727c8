# SPDX-License-Identifier: BSL-1.0
# Writes network captures packet by packet: Ethernet, IPv4, TCP connections with any order and loss,
# UDP with fragments. The scenarios of dump and tshark use it.
package Simc::Pcap;

use strict;
use warnings FATAL => 'all';

my $BEGIN_US = 1_795_262_400_000_000;    # 2026-11-21 12:00 UTC
my $STEP_US = 1000;                      # from packet to packet
my %FLAG = (fin => 0x01, syn => 0x02, rst => 0x04, psh => 0x08, ack => 0x10);

sub new { my ($class) = @_; return bless {packets => [], ip_id => 1}, $class }

sub checksum {
    my ($bytes) = @_;
    my $sum = unpack '%32n*', length($bytes) % 2 ? "$bytes\0" : $bytes;
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    return ~$sum & 0xffff;
}

# One IPv4 packet. @param $offset_flags as in the header.
sub add_ip {
    my ($self, $from, $to, $protocol, $payload, $offset_flags) = @_;
    my @fields = (0x45, 0, 20 + length $payload, $self->{ip_id}, $offset_flags || 0, 64, $protocol);
    my @addresses = map { pack 'C4', split /\./ } $from, $to;
    my $sum = checksum(pack 'CCnnnCCna4a4', @fields, 0, @addresses);
    push @{$self->{packets}},
        pack('H12 H12 n', '020000000001', '020000000002', 0x0800)
        . pack('CCnnnCCna4a4', @fields, $sum, @addresses)
        . $payload;
    return;
}

# A UDP datagram, in fragments of at most $fragment bytes when that is given.
sub udp {
    my ($self, $from, $to, $bytes, $fragment) = @_;
    my $datagram = pack('nnnn', $from->[1], $to->[1], 8 + length $bytes, 0) . $bytes;
    $fragment ||= length $datagram;
    for (my $at = 0; $at < length $datagram; $at += $fragment) {
        my $more = $at + $fragment < length $datagram ? 0x2000 : 0;
        $self->add_ip($from->[0], $to->[0], 17, substr($datagram, $at, $fragment), $at / 8 | $more);
    }
    $self->{ip_id}++;
    return;
}

# A TCP connection; each side an [address, port]. With midstream => 1 its begin is not captured.
sub tcp {
    my ($self, %how) = @_;
    my $connection = bless {
        pcap => $self,
        sides => [$how{client} || ['10.0.0.1', 40000], $how{server} || ['10.0.0.2', 2222]],
        seq => [1000, 4_294_967_000],    # the second one wraps soon
        sent => [0, 0],
    }, 'Simc::Pcap::Connection';
    if (not $how{midstream}) {
        $connection->packet(0, -1, '', 'syn');
        $connection->packet(1, -1, '', 'syn', 'ack');
        $connection->packet(0, 0, '', 'ack');
    }
    return $connection;
}

# The capture file. %how: cut => snap length.
sub pcap {
    my ($self, %how) = @_;
    my $snap = $how{cut} || 262144;
    my $file = pack 'VvvVVVV', 0xa1b2c3d4, 2, 4, 0, 0, $snap, 1;
    my $time = $BEGIN_US;
    for my $packet (@{$self->{packets}}) {
        my $there = substr $packet, 0, $snap;
        $file .= pack('VVVV', int($time / 1_000_000), $time % 1_000_000, length $there,
            length $packet) . $there;
        $time += $STEP_US;
    }
    return $file;
}

# The same as pcapng, big-endian, with a comment and an unknown block that readers must skip.
sub pcapng {
    my ($self) = @_;
    my $block = sub {
        my ($type, $body) = @_;
        $body .= "\0" x (-length($body) % 4);
        return pack('NN', $type, 12 + length $body) . $body . pack('N', 12 + length $body);
    };
    my $file = $block->(0x0a0d0d0a, pack('NnnNN', 0x1a2b3c4d, 1, 0, 0xffffffff, 0xffffffff)
            . pack('nna4nn', 1, 4, 'test', 0, 0));
    $file .= $block->(1, pack 'nnN', 1, 0, 0);
    $file .= $block->(0x0bad0bad, 'skip me');
    my $time = $BEGIN_US;
    for my $packet (@{$self->{packets}}) {
        $file .= $block->(6, pack('NNNNN', 0, int($time / 2**32), $time % 2**32, length $packet,
            length $packet) . $packet);
        $time += $STEP_US;
    }
    return $file;
}

package Simc::Pcap::Connection;

# One packet. @param $side 0: sent by the client. @param $at offset in that side's stream.
sub packet {
    my ($self, $side, $at, $bytes, @flags) = @_;
    my ($from, $to) = @{$self->{sides}}[$side, 1 - $side];
    my $seq = ($self->{seq}[$side] + 1 + $at) % 2**32;
    my $ack = (grep { $_ eq 'ack' } @flags)
        ? ($self->{seq}[1 - $side] + 1 + $self->{sent}[1 - $side]) % 2**32 : 0;
    my $flags = 0;
    $flags |= $FLAG{$_} for @flags;
    $self->{pcap}->add_ip($from->[0], $to->[0], 6,
        pack('nnNNCCnnn', $from->[1], $to->[1], $seq, $ack, 0x50, $flags, 65535, 0, 0) . $bytes);
    $self->{pcap}{ip_id}++;
    return;
}

# Sends bytes in their order, in one segment or in pieces of $size.
sub send_bytes {
    my ($self, $side, $bytes, $size) = @_;
    $size ||= length $bytes || 1;
    for (my $at = 0; $at < length $bytes; $at += $size) {
        my $piece = substr $bytes, $at, $size;
        $self->packet($side, $self->{sent}[$side], $piece, 'psh', 'ack');
        $self->{sent}[$side] += length $piece;
    }
    return;
}

# Bytes that were sent, but that the capture does not have.
sub lose { my ($self, $side, $size) = @_; $self->{sent}[$side] += $size; return }

# An acknowledgement of all that the other side has sent.
sub ack { my ($self, $side) = @_; $self->packet($side, $self->{sent}[$side], '', 'ack'); return }

sub finish {
    my ($self, @sides) = @_;
    $self->packet($_, $self->{sent}[$_], '', 'fin', 'ack') for @sides ? @sides : (0, 1);
    return;
}

1;
