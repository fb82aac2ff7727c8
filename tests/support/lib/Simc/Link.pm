# SPDX-License-Identifier: BSL-1.0
# The serving end of the internal link, written from specs/link/link.md and not from the library.
# Bodies are given and shown in the notation of CBOR. Scenarios play an SCS with it.
package Simc::Link;

use strict;
use warnings FATAL => 'all';

use IO::Select;
use IO::Socket::UNIX;
use Socket qw(MSG_DONTWAIT MSG_PEEK);
use Time::HiRes qw(time);

use Simc::Cbor;
use Simc::Notation;

my ($HELLO, $REQUEST, $RESPONSE, $FAILURE, $EVENT, $CANCEL, $PING, $PONG, $CLOSE) = 0 .. 8;
my $SECONDS = 20;

# Listens on a path.
sub new {
    my ($class, $path, $service) = @_;
    my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 4) or die "$path: $!\n";
    return bless {listener => $listener, service => $service, path => $path}, $class;
}

sub write_frame {
    my ($self, $text) = @_;
    my $item = encode($text);
    my $left = pack('N', length $item) . $item;
    while (length $left) {
        my $size = syswrite $self->{peer}, $left;
        die "write: $!\n" if not defined $size;
        substr $left, 0, $size, '';
    }
    return;
}

# Takes the next connection and says hello.
sub accept_peer {
    my ($self) = @_;
    die "no peer came\n" if not IO::Select->new($self->{listener})->can_read($SECONDS);
    $self->{peer} = $self->{listener}->accept or die "accept: $!\n";
    @$self{qw(buffer events next_id answers)} = ('', [], 1, {});
    $self->write_frame("[$HELLO, 1, {1: \"$self->{service}\", 2: 1, 3: 1, 4: \"a test\", "
        . '5: 1048576, 6: 64}]');
    $self->wait_until(sub { $self->{hello} });
    return;
}

sub hang_up {
    my ($self) = @_;
    close $self->{peer};
    delete @$self{qw(peer hello)};
    return;
}

# One frame, if it is there in time.
sub read_frame {
    my ($self, $seconds) = @_;
    my $end = time + $seconds;
    until (length $self->{buffer} >= 4
        && length $self->{buffer} >= 4 + unpack 'N', $self->{buffer}) {
        my $left = $end - time;
        return if $left <= 0 || !IO::Select->new($self->{peer})->can_read($left);
        return if !sysread $self->{peer}, $self->{buffer}, 65536, length $self->{buffer};
    }
    my $size = unpack 'N', $self->{buffer};
    local ($Simc::Cbor::WITH_TEXT, $Simc::Cbor::WITH_NULL, $Simc::Cbor::DEPTH_MAX) = (1, 1, 8);
    my $item = cbor(substr $self->{buffer}, 4, $size) or die "a frame is no CBOR\n";
    substr $self->{buffer}, 0, 4 + $size, '';
    return $item;
}

# Handles one frame. False: none came in time.
sub turn {
    my ($self, $seconds) = @_;
    my $item = $self->read_frame($seconds) or return 0;
    my ($type, @rest) = ($item->[1][0][1], map { notation($_) } @{$item->[1]}[1 .. $#{$item->[1]}]);
    push @{$self->{frames}}, notation($item);
    $self->{hello} = $rest[1] if $type == $HELLO;
    $self->write_frame("[$PONG, $rest[0]]") if $type == $PING;
    push @{$self->{events}}, {topic => $rest[0], body => $rest[2]} if $type == $EVENT;
    $self->{answers}{$rest[0]} = {body => $rest[1]} if $type == $RESPONSE;
    $self->{answers}{$rest[0]} = {code => $rest[1], text => $rest[2]} if $type == $FAILURE;
    $self->{closed} = $rest[0] if $type == $CLOSE;
    return 1;
}

sub wait_until {
    my ($self, $condition) = @_;
    my $end = time + $SECONDS;
    my $met;
    until ($met = $condition->()) {
        my $left = $end - time;
        return if $left <= 0 || !$self->turn($left < 0.1 ? $left : 0.1) && eof_of($self->{peer});
    }
    return $met;
}

sub eof_of {
    my ($peer) = @_;
    my $byte = '';
    return IO::Select->new($peer)->can_read(0)
        && defined recv($peer, $byte, 1, MSG_PEEK | MSG_DONTWAIT) && $byte eq '';
}

# The first event of a topic whose body fits; it and those before it are taken.
sub event {
    my ($self, $topic, $pattern) = @_;
    return $self->wait_until(sub {
        while (my $event = shift @{$self->{events}}) {
            return $event->{body}
                if $event->{topic} == $topic && (!$pattern || $event->{body} =~ $pattern);
        }
        return;
    });
}

# Asks, and waits for the answer: {body} or {code, text}.
sub request {
    my ($self, $method, $body) = @_;
    my $id = $self->{next_id}++;
    $self->write_frame("[$REQUEST, $id, $method, {1: 5000}, $body]");
    return $self->wait_until(sub { delete $self->{answers}{$id} });
}

sub send_event {
    my ($self, $topic, $body) = @_;
    $self->write_frame("[$EVENT, $topic, {}, $body]");
    return;
}

1;
