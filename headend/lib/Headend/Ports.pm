# SPDX-License-Identifier: BSL-1.0
# Finds ports of this host that nobody uses. headend.pl asks for all of them before it starts
# anything.
package Headend::Ports;

use strict;
use warnings FATAL => 'all';

use Socket qw(:all);

my $TRIES = 500;

my %taken;

# True when it can be listened on; `kind` is tcp or udp.
sub is_free {
    my ($kind, $port) = @_;
    return 0 if $port > 65535 || $taken{"$kind $port"};
    socket my $socket, PF_INET, $kind eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0
        or die "no socket: $!\n";
    # As the daemons do: connections that have just ended do not count.
    setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, 1 if $kind eq 'tcp';
    bind $socket, pack_sockaddr_in($port, INADDR_ANY) or return 0;
    return $kind eq 'udp' || listen $socket, 1;
}

# The wanted one, or the next that is free; `count` of them side by side. Returns the first.
sub pick {
    my ($kind, $wanted, $count) = @_;
    $count ||= 1;
    for my $port ($wanted .. $wanted + $TRIES) {
        next if grep { !is_free($kind, $_) } $port .. $port + $count - 1;
        take($kind, $_) for $port .. $port + $count - 1;
        return $port;
    }
    die "no free \U$kind\E port from $wanted to @{[$wanted + $TRIES]}\n";
}

# Players listen at the ports for watching, so nothing of a head-end does: that another one sends
# there is known by a name that both would take.
my @names;

sub is_watched {
    my ($port) = @_;
    socket my $name, PF_UNIX, SOCK_DGRAM, 0 or die "no socket: $!\n";
    # The zero byte keeps it out of the file system; it goes with the process.
    bind $name, pack_sockaddr_un("\0simulcrypt-head-end-watch-$port") or return 1;
    push @names, $name;
    return 0;
}

# Three ports side by side for players, from the wanted one on.
sub pick_watch {
    my ($wanted) = @_;
    for my $port (map { $wanted + 3 * $_ } 0 .. $TRIES) {
        next if grep { !is_free('udp', $_) } $port .. $port + 2;
        next if is_watched($port);
        take('udp', $_) for $port .. $port + 2;
        return $port;
    }
    die "no free UDP ports from $wanted on\n";
}

sub take {
    my ($kind, $port) = @_;
    $taken{"$kind $port"} = 1;
    return $port;
}

1;
