# SPDX-License-Identifier: BSL-1.0
# Runs daemons for the scenarios: a socket in the place of systemd's tells when they are ready,
# every wait is bounded, and none outlives the scenario. Requests in HTTP are sent as bytes, so that
# there can be bad ones.
package Simc::Daemon;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Socket qw(SOCK_DGRAM SOCK_STREAM);
use Time::HiRes qw(time);

use Simc::Json;
use Simc::Run;

our @EXPORT = qw(free_port http http_connect http_read http_get);

my $SECONDS = 30;    # for anything to happen

# Servers close connections while requests are still being written: that is an error of the write,
# not the end of the scenario. A handler, unlike 'IGNORE', is not passed on to other programs.
$SIG{PIPE} = sub { };

my %running;         # pid => 1
my $count = 0;

# A TCP port of 127.0.0.1 that nobody listens on.
sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no port: $!\n";
    return $socket->sockport;
}

# ---- the process ----

# Starts a command and waits until it says READY=1, or ends. Options: env (a hash), ready (0: do not
# wait), watchdog_us, no_systemd (1: there is nobody to tell), limit_files.
sub start {
    my ($class, $command, %how) = @_;
    my $name = scratch('notify' . $count++);
    my $self = bless {name => $name, err => "$name.err", out => "$name.out", said => []}, $class;
    $self->{notify} = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $name)
        or die "no socket: $!\n";
    my %env = ($how{no_systemd} ? () : (NOTIFY_SOCKET => $name), %{$how{env} || {}});
    $env{WATCHDOG_USEC} = $how{watchdog_us} if $how{watchdog_us};
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        open STDIN, '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>', $self->{out} or POSIX::_exit(126);
        open STDERR, '>', $self->{err} or POSIX::_exit(126);
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        delete @ENV{qw(NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID JOURNAL_STREAM)};
        %ENV = (%ENV, %env);
        my @limited = $how{limit_files}
            ? ('sh', '-c', "ulimit -n $how{limit_files} && exec \"\$0\" \"\$@\"", @$command)
            : @$command;
        exec {$limited[0]} @limited or POSIX::_exit(127);
    }
    $running{$pid} = 1;
    $self->{pid} = $pid;
    $self->{is_ready} = $self->wait_for(qr/^READY=1$/m) if not exists $how{ready} or $how{ready};
    return $self;
}

# The next message to systemd; undef when the time is over or the process has ended.
sub message {
    my ($self, $seconds) = @_;
    my $end = time + (defined $seconds ? $seconds : $SECONDS);
    my $select = IO::Select->new($self->{notify});
    while ((my $left = $end - time) > 0) {
        my $text = '';
        if ($select->can_read($left < 0.1 ? $left : 0.1)) {
            $self->{notify}->recv($text, 4096);
            push @{$self->{said}}, $text;
            return $text;
        }
        return if $self->has_ended;
    }
    return;
}

# Waits for a message that fits. Earlier ones are passed over.
sub wait_for {
    my ($self, $pattern) = @_;
    my $end = time + $SECONDS;
    while (time < $end) {
        my $text = $self->message($end - time);
        return 0 if not defined $text;
        return 1 if $text =~ $pattern;
    }
    return 0;
}

sub has_ended {
    my ($self) = @_;
    return 1 if defined $self->{status};
    return 0 if waitpid($self->{pid}, WNOHANG) != $self->{pid};
    $self->{status} = WIFEXITED($?) ? WEXITSTATUS($?) : -1;
    delete $running{$self->{pid}};
    return 1;
}

sub signal {
    my ($self, $name) = @_;
    return kill $name => $self->{pid};
}

# Waits for the end. Returns the exit status; -1 for a signal; undef: killed because it was late.
sub finish {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds || $SECONDS);
    until ($self->has_ended) {
        if (time > $end) {
            kill KILL => $self->{pid};
            waitpid $self->{pid}, 0;
            delete $running{$self->{pid}};
            return;
        }
        # Something to wait on: a message, or the time in between.
        $self->message(0.1);
    }
    return $self->{status};
}

sub stop {
    my ($self) = @_;
    $self->signal('TERM');
    return $self->finish;
}

# Sends SIGHUP and waits until the reload is over.
sub reload {
    my ($self) = @_;
    $self->signal('HUP');
    return $self->wait_for(qr/^RELOADING=1$/m) && $self->wait_for(qr/^READY=1$/m);
}

sub log_text {
    my ($self) = @_;
    return read_file($self->{err});
}

# The log as objects; it must be one JSON object per line.
sub log_lines {
    my ($self) = @_;
    return json_lines($self->log_text);
}

# A scenario that is ended from outside takes its daemons along.
for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { exit 1 };
}

END {
    my $status = $?;
    kill KILL => keys %running if %running;
    $? = $status;
}

# ---- HTTP ----

# Connects to "HOST:PORT" or to the path of a unix socket.
sub http_connect {
    my ($where) = @_;
    my $socket = $where =~ m{^/}
        ? IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $where)
        : IO::Socket::INET->new(PeerAddr => $where, Timeout => $SECONDS);
    return $socket;
}

# Reads to the end of the stream. Returns {raw, status, headers, body, is_closed}.
sub http_read {
    my ($socket, $seconds) = @_;
    my $end = time + ($seconds || $SECONDS);
    my $select = IO::Select->new($socket);
    my %reply = (raw => '', status => 0, headers => {}, body => '', is_closed => 0);
    while ((my $left = $end - time) > 0 && !$reply{is_closed}) {
        next if not $select->can_read($left);
        my $got = sysread $socket, my $piece, 65536;
        $reply{is_closed} = 1 if not $got;
        $reply{raw} .= $piece if $got;
    }
    if ($reply{raw} =~ m{\AHTTP/1\.1 (\d{3}) [^\r\n]*\r\n(.*?)\r\n\r\n(.*)\z}s) {
        (my $status, my $head, $reply{body}) = ($1, $2, $3);
        $reply{status} = $status;
        $reply{headers}{lc $1} = $2 while $head =~ /^([^:\r\n]+): ([^\r\n]*)\r?$/mg;
    }
    return \%reply;
}

# Sends bytes on a connection of its own and reads what comes back.
sub http {
    my ($where, $bytes, $seconds) = @_;
    my $socket = http_connect($where);
    return {raw => '', status => 0, headers => {}, body => '', is_closed => 1} if not $socket;
    my $at = 0;
    while ($at < length $bytes) {
        my $put = syswrite $socket, $bytes, length($bytes) - $at, $at;
        last if not $put;
        $at += $put;
    }
    return http_read($socket, $seconds);
}

sub http_get {
    my ($where, $path) = @_;
    return http($where, "GET $path HTTP/1.1\r\nHost: test\r\n\r\n");
}

1;
