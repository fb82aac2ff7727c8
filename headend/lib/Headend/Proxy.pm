# SPDX-License-Identifier: BSL-1.0
# Stands between the synchroniser and an ECM generator and spoils each ECM: the exercise bad-ecm of
# run-headend. break-ecm.pl runs it.
package Headend::Proxy;

use strict;
use warnings FATAL => 'all';

use IO::Select;
use IO::Socket::INET;

my $PIECE = 65536;
my $ECM_RESPONSE = 0x0202;
my $ECM_DATAGRAM = 0x0015;

# Spoils what is whole of a stream of messages. Returns it; what is not whole stays in `$$rest`.
sub spoil {
    my ($rest) = @_;
    my $done = '';
    while (length $$rest >= 5) {
        my ($version, $type, $size) = unpack 'Cnn', $$rest;
        last if length $$rest < 5 + $size;
        my $head = substr $$rest, 0, 5, '';
        my $body = substr $$rest, 0, $size, '';
        $done .= $head . ($type == $ECM_RESPONSE ? spoil_datagram($body) : $body);
    }
    return $done;
}

# Turns a bit of the last byte of the ECM, which belongs to its proof of origin.
sub spoil_datagram {
    my ($body) = @_;
    for (my $at = 0; $at + 4 <= length $body;) {
        my ($parameter, $size) = unpack 'nn', substr $body, $at, 4;
        last if $at + 4 + $size > length $body;
        if ($parameter == $ECM_DATAGRAM && $size) {
            my $last = $at + 4 + $size - 1;
            substr $body, $last, 1, chr(ord(substr $body, $last, 1) ^ 1);
        }
        $at += 4 + $size;
    }
    return $body;
}

# Passes connections from a port of this host to another, for ever.
sub run {
    my ($from, $to) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $from,
        Listen => 16, ReuseAddr => 1) or die "port $from cannot be listened on: $!\n";
    my $select = IO::Select->new($listener);
    my %of;    # socket => [the other one, bytes that are not whole, spoil?]
    local $SIG{PIPE} = 'IGNORE';
    while (1) {
        for my $socket ($select->can_read) {
            if ($socket == $listener) {
                my $client = $listener->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $to);
                next if not $server;
                $of{$client} = [$server, '', 0];
                $of{$server} = [$client, '', 1];
                $select->add($client, $server);
                next;
            }
            my $way = $of{$socket} or next;
            my $got = sysread $socket, $way->[1], $PIECE, length $way->[1];
            my $bytes = $way->[2] ? spoil(\$way->[1]) : substr $way->[1], 0, length $way->[1], '';
            my $is_sent = $got && ($bytes eq '' || syswrite $way->[0], $bytes);
            next if $is_sent;
            $select->remove($socket, $way->[0]);
            delete @of{$socket, $way->[0]};
            close $_ for $socket, $way->[0];
        }
    }
    return;
}

1;
