# SPDX-License-Identifier: BSL-1.0
# Records UDP datagrams with the times at which they come, for scenarios that judge the timing of an
# output, and makes captures of them.
package Simc::Recorder;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time);

use Simc::Run;

our @EXPORT = qw(capture_of);

my $BUFFER = 4 << 20;
my $SO_RCVBUFFORCE = 33; # root may have more than the system allows

sub udp_socket {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp')
        or die "no socket: $!\n";
    setsockopt $socket, SOL_SOCKET, $SO_RCVBUFFORCE, $BUFFER
        or setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $BUFFER;
    return $socket;
}

# Records the datagrams that come to a socket, with their times, until it is told to end.
sub start {
    my ($class, $socket, $path) = @_;
    my $pid = fork;
    die "cannot fork: $!\n" if !defined $pid;
    return bless {pid => $pid, path => $path}, $class if $pid;
    my $is_over = 0;
    local $SIG{TERM} = sub { $is_over = 1 };
    open my $out, '>:raw', $path or POSIX::_exit(1);
    my $select = IO::Select->new($socket);
    until ($is_over) {
        next if !$select->can_read(0.1);
        $socket->recv(my $bytes, 65536);
        print {$out} pack('d n', time, length $bytes), $bytes;
    }
    close $out;
    POSIX::_exit(0);
}

# Ends it. Returns its datagrams: [time, bytes].
sub stop {
    my ($self) = @_;
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    my ($bytes, $at, @datagrams) = (read_file($self->{path}), 0);
    while ($at + 10 <= length $bytes) {
        my ($time, $size) = unpack 'd n', substr $bytes, $at, 10;
        push @datagrams, [$time, substr $bytes, $at + 10, $size];
        $at += 10 + $size;
    }
    return @datagrams;
}

# Datagrams as a capture for tshark.
sub capture_of {
    my ($port, @datagrams) = @_;
    my $out = pack 'V v v V4', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101; # raw IP
    for my $datagram (@datagrams) {
        my ($time, $bytes) = @$datagram;
        my $packet = pack 'C C n N C C n N N n n n n a*', 0x45, 0, 28 + length $bytes, 0, 64, 17, 0,
            0x7f000001, 0x7f000001, 40000, $port, 8 + length $bytes, 0, $bytes;
        $out .= pack 'V4 a*', int $time, int(($time - int $time) * 1e6), (length $packet) x 2,
            $packet;
    }
    return $out;
}

1;
