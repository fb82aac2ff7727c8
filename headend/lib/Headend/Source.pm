# SPDX-License-Identifier: BSL-1.0
# The stream that goes into the mux: bytes of a pipe or file paced by their PCRs, or datagrams as
# they come. judge.pl sends on what it gives.
package Headend::Source;

use strict;
use warnings FATAL => 'all';

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK SEEK_SET);
use IO::Socket::INET;
use Socket qw(:all);
use Time::HiRes qw(time);

use Headend::Packets;

my $DATAGRAM = 7 * $PACKET;
my $READ = 131072;
my $WAITING = 4 << 20;       # bytes that wait for their PCR, at most
my $LATE = 0.5;              # seconds behind after which the clock is set anew
my $JUMP = 1;                # seconds between two PCRs that are no jump
my $WRAP = 300 * 2**33;

# The size of packets and where the first one is: 188, 192 (time stamps) or 204 bytes (parity), or
# nothing when this is no transport stream.
sub layout_of {
    my ($bytes) = @_;
    for my $size (188, 192, 204) {
        for my $at (0 .. $size - 1) {
            last if $at + 5 * $size > length $bytes;
            return ($size, $at) if !grep { substr($bytes, $at + $_ * $size, 1) ne 'G' } 0 .. 4;
        }
    }
    return;
}

# The same for the beginning of a file.
sub layout_of_file {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path cannot be read: $!\n";
    my $got = sysread $in, my $bytes, 8192;
    die "$path cannot be read: $!\n" if not defined $got;
    return layout_of($bytes);
}

# An input that is a transport stream already: a file (looped), standard input (bytes of a program),
# or udp:// and rtp://.
sub new {
    my ($class, $where) = @_;
    my $self = bless {
        where => $where, bytes => '', segments => [], due => [], last_step => 0, size => $PACKET,
        breaks => 0, packets => 0,
    }, $class;
    if ($where eq '-') {
        $self->{handle} = \*STDIN;
        binmode STDIN;
        fcntl STDIN, F_SETFL, fcntl(STDIN, F_GETFL, 0) | O_NONBLOCK;
    } elsif ($where =~ m{^(udp|rtp)://}) {
        $self->{is_datagrams} = 1;
        $self->{is_rtp} = $1 eq 'rtp';
        $self->{handle} = open_socket($where);
    } else {
        ($self->{size}, $self->{start}) = layout_of_file($where);
        die "$where is no transport stream\n" if not $self->{size};
        open $self->{handle}, '<:raw', $where or die "$where cannot be read: $!\n";
        sysseek $self->{handle}, $self->{start}, SEEK_SET;
        $self->{is_file} = 1;
    }
    return $self;
}

# Takes udp://[SOURCE@]HOST:PORT[?interface=ADDRESS] apart.
sub address_of {
    my ($where) = @_;
    $where =~ m{^(?:udp|rtp)://(?:([\d.]+)@|@)?([\w.-]*):(\d+)/?(?:\?(.*))?\z}
        or die "$where is no address; write it as udp://239.1.1.1:5000 or udp://0.0.0.0:5000\n";
    my ($from, $host, $port, $more) = ($1, $2, $3, $4);
    my ($interface) = ($more || '') =~ /(?:^|&)(?:interface|localaddr)=([\d.]+)/;
    die "$where: $port is no port; ports go from 1 to 65535\n" if $port < 1 || $port > 65535;
    return {source => $from, host => $host || '0.0.0.0', port => $port, interface => $interface};
}

sub open_socket {
    my ($where) = @_;
    my $address = address_of($where);
    my $host = inet_aton($address->{host})
        or die "$where: the host $address->{host} is not known; write its IPv4 address\n";
    my $is_group = (ord($host) & 0xf0) == 0xe0;
    socket my $socket, PF_INET, SOCK_DGRAM, 0 or die "no socket: $!\n";
    setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, 1 if $is_group;
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 8 << 20;
    bind $socket, pack_sockaddr_in($address->{port}, $host)
        or die "$where: this host cannot receive there: $!\n";
    if ($is_group) {
        my $interface = inet_aton($address->{interface} || '0.0.0.0');
        setsockopt $socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, pack_ip_mreq($host, $interface)
            or die "$where: the group cannot be joined: $!; name an interface with"
            . " ?interface=ADDRESS\n";
    }
    fcntl $socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK;
    return $socket;
}

sub handle { return $_[0]{handle} }

# True when it is to be read now; files always can, as long as not too much waits.
sub wants_bytes {
    my ($self) = @_;
    return 1 if $self->{is_datagrams};
    return @{$self->{due}} < 256 && length $self->{bytes} < $WAITING;
}

sub is_file { return $_[0]{is_file} }

# Seconds until the next datagram is due; undef: none waits.
sub wait_seconds {
    my ($self, $now) = @_;
    return if not @{$self->{due}};
    my $left = $self->{due}[0][0] - $now;
    return $left > 0 ? $left : 0;
}

# Reads what there is.
sub read_some {
    my ($self, $now) = @_;
    return $self->read_datagrams($now) if $self->{is_datagrams};
    my $got = sysread $self->{handle}, $self->{bytes}, $READ, length $self->{bytes};
    if (not defined $got) {
        return if $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        die "$self->{where} cannot be read: $!\n";
    }
    if ($got == 0) {
        die "the source has ended\n" if not $self->{is_file};
        die "$self->{where} is empty now\n" if $self->{was_rewound};
        sysseek $self->{handle}, $self->{start}, SEEK_SET;
        $self->{bytes} = '';
        $self->{breaks}++;
        $self->{was_rewound} = 1;
        return;
    }
    $self->{was_rewound} = 0;
    $self->pace($now);
    return;
}

sub read_datagrams {
    my ($self, $now) = @_;
    for (1 .. 200) {
        my $from = recv $self->{handle}, my $bytes, 65536, 0;
        last if not defined $from;
        if ($self->{is_rtp} && length $bytes >= 12) {
            my ($first) = unpack 'C', $bytes;
            my $head = 12 + 4 * ($first & 0x0f);
            $head += 4 + 4 * unpack('x2n', substr $bytes, $head, 4)
                if $first & 0x10 && length $bytes >= $head + 4;
            $bytes = length $bytes > $head ? substr $bytes, $head : '';
        }
        next if length($bytes) < $PACKET || length($bytes) % $PACKET || $bytes !~ /\AG/;
        push @{$self->{due}}, [$now, $bytes];
    }
    return;
}

# Cuts off 188 bytes packets up to the newest PCR, and gives each datagram its time.
sub pace {
    my ($self, $now) = @_;
    my $size = $self->{size};
    my $at = $self->{looked} || 0;
    while ($at + $size <= length $self->{bytes}) {
        my $packet = substr $self->{bytes}, $at, $PACKET;
        if (ord $packet != 0x47) {
            $self->resynchronise($at) or last;
            next;
        }
        my $pcr = pcr_of($packet);
        my $pid = pid_of($packet);
        if (defined $pcr && (!defined $self->{clock_pid} || $self->{clock_pid} == $pid)) {
            $self->{clock_pid} = $pid;
            $self->schedule($at, $pcr, $now);
            $at = 0;
        }
        $at += $size;
        # A clock that went silent is no clock any more.
        undef $self->{clock_pid} if $at > $WAITING / 2;
    }
    $self->{looked} = $at;
    if (length $self->{bytes} >= $WAITING) {
        die "$self->{where} has no PCR in " . ($WAITING >> 20) . " MiB: no service can be timed\n"
            if not $self->{packets};
        $self->schedule($at, undef, $now);
        $self->{looked} = 0;
    }
    return;
}

# Behind bytes that are no packet; false: more are needed.
sub resynchronise {
    my ($self, $at) = @_;
    my (undef, $skip) = layout_of(substr $self->{bytes}, $at, 4096);
    if (not defined $skip) {
        return 0 if length($self->{bytes}) - $at < 4096;
        $skip = 2048;
    }
    substr $self->{bytes}, $at, $skip, '';
    return 1;
}

# The bytes in front of a PCR leave evenly between the PCR before and this one.
sub schedule {
    my ($self, $end, $pcr, $now) = @_;
    my $bytes = substr $self->{bytes}, 0, $end, '';
    my $count = $end / $self->{size};
    if ($self->{size} != $PACKET && $count) {
        $bytes = join '', map { substr $bytes, $_ * $self->{size}, $PACKET } 0 .. $count - 1;
    }
    my $seconds;
    if (defined $pcr && defined $self->{last_pcr}) {
        $seconds = (($pcr - $self->{last_pcr}) % $WRAP) / 27e6;
        undef $seconds if $seconds > $JUMP;
    }
    $seconds = $self->{last_step} * $count if not defined $seconds;
    $self->{last_step} = $seconds / $count if $count;
    $self->{last_pcr} = $pcr;
    my $start = $self->{clock};
    $start = $now + 0.01 if !defined $start || $start < $now - $LATE;
    $self->{clock} = $start + $seconds;
    for (my $at = 0; $at < length $bytes; $at += $DATAGRAM) {
        my $when = $start + $seconds * $at / length $bytes;
        push @{$self->{due}}, [$when, substr $bytes, $at, $DATAGRAM];
    }
    return;
}

# The next datagram whose time has come, or undef.
sub next_due {
    my ($self, $now) = @_;
    return if !@{$self->{due}} || $self->{due}[0][0] > $now;
    my $bytes = (shift @{$self->{due}})->[1];
    $self->{packets} += length($bytes) / $PACKET;
    return $bytes;
}

1;
