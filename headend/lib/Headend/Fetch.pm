# SPDX-License-Identifier: BSL-1.0
# Asks the daemons of this host for their state over HTTP, again and again, without ever waiting for
# an answer. headend.pl reads the newest answer.
package Headend::Fetch;

use strict;
use warnings FATAL => 'all';

use Errno qw(EAGAIN EINPROGRESS EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use JSON::PP;
use Socket qw(:all);
use Time::HiRes qw(time);

my $SECONDS = 2;             # for an answer
my $ANSWER = 4 << 20;        # bytes

# Asks a port of this host for a path every so many seconds. Read {value}, the JSON of the last good
# answer, and {at}, when it came; undef: there is no answer. With `on_text` that is called with each
# answer instead.
sub new {
    my ($class, $loop, $port, $path, $every, $on_text) = @_;
    my $self = bless {loop => $loop, port => $port, path => $path, is_asking => 0,
        on_text => $on_text}, $class;
    $self->{timer} = $loop->after(0, sub { $self->ask }, $every);
    return $self;
}

# Asks no more.
sub stop {
    my ($self) = @_;
    $self->{loop}->cancel($self->{timer});
    $self->finish if $self->{is_asking};
    return;
}

sub ask {
    my ($self) = @_;
    if ($self->{is_asking}) {
        $self->finish if time > $self->{since} + $SECONDS;
        return;
    }
    socket my $socket, PF_INET, SOCK_STREAM, 0 or return;
    fcntl $socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK;
    if (!connect($socket, pack_sockaddr_in($self->{port}, INADDR_LOOPBACK))
        && $! != EINPROGRESS) {
        delete @$self{qw(value at)};
        return;
    }
    @$self{qw(socket is_asking since bytes)} = ($socket, 1, time, '');
    $self->{loop}->on_write($socket, sub { $self->send_request });
    return;
}

sub send_request {
    my ($self) = @_;
    my $socket = $self->{socket};
    $self->{loop}->remove($socket);
    local $SIG{PIPE} = 'IGNORE';
    # It is short: a new connection takes it whole.
    my $request = "GET $self->{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    return $self->finish if not syswrite $socket, $request;
    $self->{loop}->on_read($socket, sub { $self->read_answer });
    return;
}

sub read_answer {
    my ($self) = @_;
    my $got = sysread $self->{socket}, $self->{bytes}, 65536, length $self->{bytes};
    return if !defined $got && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
    return if $got && length $self->{bytes} < $ANSWER;
    my ($status, $body) = $self->{bytes} =~ m{\AHTTP/1\.\d (\d{3})[^\r\n]*\r\n.*?\r\n\r\n(.*)\z}s;
    my $is_good = defined $status && $status == 200;
    if ($self->{on_text}) {
        $self->{on_text}->($body) if $is_good;
        return $self->finish;
    }
    my $value = $is_good && eval { JSON::PP->new->utf8->decode($body) };
    return $self->finish($value);
}

sub finish {
    my ($self, $value) = @_;
    $self->{loop}->remove($self->{socket});
    close delete $self->{socket};
    $self->{is_asking} = 0;
    if (ref $value) {
        @$self{qw(value at)} = ($value, time);
    } else {
        delete @$self{qw(value at)};
    }
    return;
}

1;
