# SPDX-License-Identifier: BSL-1.0
# MUXes that are scripted, many side by side, and the EMMGs that are tested against them: what comes
# by TCP and UDP is kept with its time, and answered in due form where a scenario does not say
# otherwise. The scenario of the EMMG's rows uses it.
package Simc::ScriptedMux;

use strict;
use warnings FATAL => 'all';

use IO::Select;
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(time);

use Simc::Message;
use Simc::Run;

my $SIOCGSTAMP = 0x8906; # when the datagram that was read last came: Linux
my $BUFFER = 4 << 20;

# Answers in due form: the type, and codes of the parameters that are repeated in it.
my %ANSWER = (
    0x11 => [0x13, 1, 3, 2],
    0x12 => [0x13, 1, 3, 2],
    0x111 => [0x113, 1, 3, 4, 8, 7],
    0x112 => [0x113, 1, 3, 4, 8, 7],
    0x114 => [0x115, 1, 3, 4],
    0x117 => [0x118, 1, 3, 4, 6],
);

my @all;
my $select = IO::Select->new;
my %reader; # fileno => what is called when there is something to read
my @timers; # [time, what is called]

# Makes a MUX. Options: udp (1: data comes by UDP), on (a hash of message type => what is called
# with (mux, connection, message) and returns an answer; undef: none is sent), allocation (kbit/s;
# otherwise what is asked for), refuses (1: nobody listens).
sub new {
    my ($class, $name, %how) = @_;
    my $self = bless {name => $name, on => $how{on} || {}, allocation => $how{allocation},
        connections => [], messages => [], datagrams => [], err => scratch("mux-$name.err"),
        out => scratch("mux-$name.out")}, $class;
    $self->listen;
    $self->refuse if $how{refuses};
    $self->listen_udp if $how{udp};
    return $self;
}

# Makes a MUX and starts an EMMG for it. Further options: arguments (for `simulcrypt emmg`), env
# (for it), beside (a list of other MUXes that it is for, too).
sub start {
    my ($class, $name, %how) = @_;
    my $self = $class->new($name, %how);
    my @muxes = ($self, @{$how{beside} || []});
    my @udp = map { "127.0.0.1:$_->{udp_port}" } grep { $_->{udp_port} } @muxes;
    my @command = (program('simulcrypt', 'cli'), 'emmg',
        '-c', join(',', map { "127.0.0.1:$_->{port}" } @muxes),
        '--client-id', '0x12340001', @udp ? ('--udp', join ',', @udp) : (), @{$how{arguments}});
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        open STDOUT, '>', $self->{out} or POSIX::_exit(126);
        open STDERR, '>', $self->{err} or POSIX::_exit(126);
        %ENV = (%ENV, %{$how{env} || {}});
        exec @command or POSIX::_exit(127);
    }
    ($self->{pid}, $self->{start}) = ($pid, time);
    push @all, $self;
    return $self;
}

sub listen {
    my ($self) = @_;
    my $listener = delete $self->{held} || $self->bound;
    CORE::listen $listener, 16 or die "cannot listen: $!\n";
    $self->{listener} = $listener;
    watch($listener, sub { $self->accept });
    return;
}

# From now on connections are refused. Those that are there stay; nobody else gets the port.
sub refuse {
    my ($self) = @_;
    my $listener = delete $self->{listener};
    unwatch($listener);
    close $listener;
    $self->{held} = $self->bound;
    return;
}

sub bound {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $self->{port} || 0,
        Proto => 'tcp', ReuseAddr => 1) or die "no port $self->{name}: $@\n";
    $self->{port} = $socket->sockport;
    return $socket;
}

sub listen_udp {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp',
        LocalPort => $self->{udp_port} || 0) or die "no socket: $@\n";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $BUFFER;
    my $stamp = "\0" x 16;
    ioctl $socket, $SIOCGSTAMP, $stamp; # from now on there are times
    $self->{udp} = $socket;
    $self->{udp_port} = $socket->sockport;
    watch($socket, sub {
        $socket->recv(my $bytes, 65536);
        my $now = time;
        # The kernel's time, since this process may be late; a pair of longs.
        if (length pack('l!', 0) == 8 && ioctl $socket, $SIOCGSTAMP, $stamp) {
            my ($seconds, $us) = unpack 'q q', $stamp;
            $now = $seconds + $us / 1e6 if abs($seconds - $now) < 60;
        }
        push @{$self->{datagrams}}, {time => $now, bytes => $bytes, %{message_of($bytes)}};
    });
    return;
}

# From now on the system says that nobody listens there.
sub refuse_udp {
    my ($self) = @_;
    my $socket = delete $self->{udp};
    unwatch($socket);
    close $socket;
    return;
}

# ---- connections ----

sub accept {
    my ($self) = @_;
    my $socket = $self->{listener}->accept or return;
    my $connection = {socket => $socket, bytes => '', start => time,
        number => scalar @{$self->{connections}}};
    push @{$self->{connections}}, $connection;
    watch($socket, sub { $self->read($connection) });
    return;
}

sub read {
    my ($self, $connection) = @_;
    my $size = sysread $connection->{socket}, $connection->{bytes}, 65536,
        length $connection->{bytes};
    return $self->drop($connection) if !$size;
    my $now = time;
    while (length $connection->{bytes} >= 5) {
        my $whole = 5 + unpack 'x3 n', $connection->{bytes};
        last if length $connection->{bytes} < $whole;
        my $message = message_of(substr $connection->{bytes}, 0, $whole, '');
        @$message{qw(time connection)} = ($now, $connection->{number});
        push @{$self->{messages}}, $message;
        my $on = $self->{on}{$message->{type}};
        my $answer = $on ? $on->($self, $connection, $message) : $self->answer($message);
        $self->send($connection, $answer) if defined $answer;
        last if !$connection->{socket};
    }
    return;
}

sub send {
    my ($self, $connection, $bytes) = @_;
    syswrite $connection->{socket}, $bytes if $connection->{socket};
    return time;
}

# Ends a connection; with `reset` by a TCP reset.
sub drop {
    my ($self, $connection, $reset) = @_;
    my $socket = delete $connection->{socket} or return;
    unwatch($socket);
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'i i', 1, 0 if $reset;
    close $socket;
    return $connection->{end} = time;
}

# The connection that is open, or undef.
sub connection {
    my ($self) = @_;
    my ($open) = grep { $_->{socket} } reverse @{$self->{connections}};
    return $open;
}

# ---- messages ----

sub message_of {
    my ($bytes) = @_;
    my ($version, $type, $size) = unpack 'C n n', $bytes;
    my (%value, @datagrams);
    for my $parameter (eval { split_parameters(substr $bytes, 5) }) {
        my ($code, undef, $hex) = @$parameter;
        $code == 5 ? push @datagrams, bytes_of($hex) : ($value{$code} = $hex);
    }
    return {version => $version, type => $type, value => \%value, items => \@datagrams,
        is_whole => $size + 5 == length $bytes};
}

# The answer in due form; undef: there is none.
sub answer {
    my ($self, $message) = @_;
    my $row = $ANSWER{$message->{type}} or return;
    my ($type, @codes) = @$row;
    my %value = (2 => '00', %{$message->{value}});
    $value{6} = sprintf '%04x', $self->{allocation} if defined $self->{allocation};
    return message($message->{version}, $type,
        map { defined $value{$_} ? ($_ => $value{$_}) : () } @codes);
}

sub refusal { return message($_[0]{version}, 0x15, 1 => $_[0]{value}{1}, 3 => $_[0]{value}{3},
    0x7000 => $_[1]) }

# Tells the first stream another bandwidth. Returns when.
sub allocate {
    my ($self, $kbitps) = @_;
    my ($setup) = $self->of_type(0x111);
    my %value = %{$setup->{value}};
    return $self->send($self->connection, message($setup->{version}, 0x118,
        map({ $_ => $value{$_} } 1, 3, 4), 6 => sprintf '%04x', $kbitps));
}

sub of_type {
    my ($self, $type) = @_;
    return grep { $_->{type} == $type } @{$self->{messages}};
}

# ---- the loop of all of them ----

sub watch {
    my ($socket, $call) = @_;
    $reader{fileno $socket} = $call;
    return $select->add($socket);
}

sub unwatch {
    my ($socket) = @_;
    delete $reader{fileno $socket};
    return $select->remove($socket);
}

# A connection may have been dropped by what came just before.
sub call_reader {
    my ($socket) = @_;
    my $number = fileno $socket;
    $reader{$number}->() if defined $number && $reader{$number};
    return;
}

# Calls something so many seconds after now.
sub after { my ($seconds, $call) = @_; push @timers, [time + $seconds, $call]; return }

# The CPU time of an EMMG, in seconds; undef where the system does not tell it.
sub cpu_of {
    my ($self) = @_;
    my $text = -e "/proc/$self->{pid}/stat" ? read_file("/proc/$self->{pid}/stat") : '';
    my (undef, $user, $system) = $text =~ /^\d+ \(.*\) \S( \d+| -\d+){10} (\d+) (\d+)/ or return;
    return ($user + $system) / POSIX::sysconf(&POSIX::_SC_CLK_TCK);
}

sub has_ended {
    my ($self) = @_;
    return 1 if defined $self->{status};
    return 0 if waitpid($self->{pid}, WNOHANG) != $self->{pid};
    ($self->{status}, $self->{end}) = (WIFEXITED($?) ? WEXITSTATUS($?) : -1, time);
    return 1;
}

sub err { return read_file($_[0]{err}) }

# Serves all until every EMMG has ended, or the time is over. Returns the names of those that have
# not ended.
sub serve {
    my ($seconds) = @_;
    my $end = time + $seconds;
    while (time < $end && grep { !$_->has_ended } @all) {
        call_reader($_) for $select->can_read(0.01);
        my $now = time;
        my @due = grep { $_->[0] <= $now } @timers;
        @timers = grep { $_->[0] > $now } @timers;
        $_->[1]->() for @due;
    }
    # What has come until then is looked at, too.
    while (my @ready = $select->can_read(0)) {
        call_reader($_) for @ready;
    }
    return map { $_->{name} } grep { !$_->has_ended } @all;
}

END {
    my $status = $?;
    for my $one (grep { !defined $_->{status} } @all) {
        kill 'KILL', $one->{pid};
        waitpid $one->{pid}, 0;
    }
    $? = $status;
}

1;
