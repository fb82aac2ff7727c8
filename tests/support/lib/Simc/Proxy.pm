# SPDX-License-Identifier: BSL-1.0
# Stands between two programs that talk over TCP and keeps every byte, as a capture that other tools
# read. It needs no rights, unlike a real capture. Scenarios with captures of daemons use it.
package Simc::Proxy;

use strict;
use warnings FATAL => 'all';

use IO::Select;
use IO::Socket::INET;
use POSIX ();

use Simc::Pcap;
use Simc::Run;

my $PIECE = 65536;
my $SEGMENT = 1400;
my $count = 0;
my %running;

# Begins to pass connections on to a port of 127.0.0.1. Returns the proxy; its {port} is where to
# connect to.
sub start {
    my ($class, $target) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
        or die "no port: $!\n";
    my $self = bless {port => $listener->sockport, file => scratch('proxy' . $count++)}, $class;
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        pass($listener, $target, $self->{file});
        POSIX::_exit(0);
    }
    $running{$pid} = 1;
    $self->{pid} = $pid;
    return $self;
}

# Each record of the file: number of the connection, who (0: client, 1: server, 2: end), length,
# bytes.
sub record {
    my ($out, $number, $who, $bytes) = @_;
    syswrite $out, pack('NCN', $number, $who, length $bytes) . $bytes;
    return;
}

sub pass {
    my ($listener, $target, $file) = @_;
    open my $out, '>:raw', $file or return;
    my $is_over = 0;
    local $SIG{TERM} = sub { $is_over = 1 };
    local $SIG{PIPE} = 'IGNORE';
    my $select = IO::Select->new($listener);
    my (%other, %about);
    my $number = 0;
    until ($is_over) {
        # Older connections first: what has ended there ends before a newer one goes on, as it does
        # without a proxy.
        my @ready = sort { ($about{$a} || [-1])->[0] <=> ($about{$b} || [-1])->[0] }
            $select->can_read(0.2);
        for my $socket (@ready) {
            if ($socket == $listener) {
                my $client = $listener->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $target);
                next if not $server;
                ($other{$client}, $other{$server}) = ($server, $client);
                ($about{$client}, $about{$server}) = ([$number, 0], [$number, 1]);
                $number++;
                $select->add($client, $server);
                next;
            }
            next if not $other{$socket};
            my $bytes;
            my $got = sysread $socket, $bytes, $PIECE;
            if ($got) {
                record($out, @{$about{$socket}}, $bytes);
                my $at = 0;
                while ($at < $got) {
                    my $put = syswrite $other{$socket}, $bytes, $got - $at, $at;
                    last if not $put;
                    $at += $put;
                }
                next;
            }
            record($out, $about{$socket}[0], 2, '');
            my $partner = $other{$socket};
            $select->remove($socket, $partner);
            delete @other{$socket, $partner};
            close $_ for $socket, $partner;
        }
    }
    return;
}

# Ends it. Returns what passed, as a Simc::Pcap with all clients connecting to port 2222.
sub capture {
    my ($self) = @_;
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    delete $running{$self->{pid}};
    my $capture = Simc::Pcap->new;
    add_record($capture, 40000, $self->{file});
    return $capture;
}

# Adds a file of records to a capture; the programs of tests/support write them too. Clients have
# ports from $port on. Returns the first port that is free behind it.
sub add_record {
    my ($capture, $port, $file) = @_;
    my $bytes = read_file($file);
    my (%connections, %is_over);
    for (my $at = 0; $at + 9 <= length $bytes;) {
        my ($number, $who, $length) = unpack 'NCN', substr $bytes, $at, 9;
        my $connection = $connections{$number} ||=
            $capture->tcp(client => ['10.0.0.1', $port + $number], server => ['10.0.0.2', 2222]);
        $connection->send_bytes($who, substr($bytes, $at + 9, $length), $SEGMENT) if $who < 2;
        $connection->finish if $who == 2 && !$is_over{$number}++;
        $at += 9 + $length;
    }
    my ($last) = sort { $b <=> $a } keys %connections;
    return defined $last ? $port + $last + 1 : $port;
}

END {
    my $status = $?;
    kill KILL => keys %running if %running;
    $? = $status;
}

1;
