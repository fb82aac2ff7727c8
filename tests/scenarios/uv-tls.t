#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# TLS of the network adapter against another implementation's programs: openssl s_client talks to
# our server, our client to openssl s_server; what works, and what each side says when it does not.
# `make check` runs it.
use strict;
use warnings;

use FindBin;
use IO::Select;
use IO::Socket::INET;
use lib "$FindBin::Bin/../support/lib";
use Test::More;
use Time::HiRes qw(time);

use Simc::Certificates;
use Simc::Run;

my $SECONDS = 30;    # for anything to happen
my $ECHO = program('uv-echo', 'uv');
needs('openssl');

# ---- certificates ----

ca('ca');
ca('other');
certificate('server', 'ca', 'DNS:ecmg.example.org,IP:127.0.0.1');
certificate('client', 'ca', 'DNS:scs.example.org,URI:spiffe://example.org/scs');
certificate('stranger', 'other', 'IP:127.0.0.1');

# Words of uv-echo and options of openssl for the files of a name.
sub files { my ($name) = @_; return map { "$_->[0]=" . scratch("$name.$_->[1]") }
    ['cert', 'pem'], ['key', 'key'] }
sub ca_file { my ($name) = @_; return 'ca=' . scratch("$name.pem") }
sub cert_options { my ($name) = @_; return ('-cert', scratch("$name.pem"), '-key',
    scratch("$name.key")) }
sub ca_options { my ($name) = @_; return ('-CAfile', scratch("$name.pem")) }

# ---- programs in the background ----

my %running;
END { local $?; kill KILL => $_ for keys %running; waitpid $_, 0 for keys %running }

# Starts a command: {pid, out, in, text}; what it prints on both outputs comes through `out`.
sub begin {
    my (@command) = @_;
    pipe my $out, my $out_end or die "pipe: $!\n";
    pipe my $in_end, my $in or die "pipe: $!\n";
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        open STDIN, '<&', $in_end or POSIX::_exit(126);
        open STDOUT, '>&', $out_end or POSIX::_exit(126);
        open STDERR, '>&', $out_end or POSIX::_exit(126);
        close $_ for $out, $in;
        exec {$command[0]} @command or POSIX::_exit(127);
    }
    close $_ for $out_end, $in_end;
    $in->autoflush(1);
    $running{$pid} = 1;
    return {pid => $pid, out => $out, in => $in, text => ''};
}

# Waits until the output has the pattern, or the program has ended. Returns the first group.
sub wait_for {
    my ($program, $pattern) = @_;
    my $end = time + $SECONDS;
    my $select = IO::Select->new($program->{out});
    while ($program->{text} !~ $pattern) {
        my $left = $end - time;
        last if $left <= 0 || !$select->can_read($left);
        last if !sysread $program->{out}, $program->{text}, 65536, length $program->{text};
    }
    return $program->{text} =~ $pattern ? (defined $1 ? $1 : 1) : undef;
}

# Ends a program. Returns its exit status, -1: a signal.
sub finish {
    my ($program, $signal) = @_;
    close $program->{in};
    kill $signal => $program->{pid} if $signal;
    wait_for($program, qr/\A\z.\A/s);
    kill KILL => $program->{pid};
    waitpid $program->{pid}, 0;
    my $status = $?;
    delete $running{$program->{pid}};
    return $status & 127 ? -1 : $status >> 8;
}

# Our server with these words: (program, port).
sub our_server {
    my (@words) = @_;
    my $server = begin($ECHO, 'server', @words);
    my $port = wait_for($server, qr/^listening (\d+)$/m);
    die "uv-echo does not listen: $server->{text}" if not $port;
    return ($server, $port);
}

# ---- our server, their client ----

sub s_client {
    my ($port, @options) = @_;
    return begin('openssl', 's_client', '-connect', "127.0.0.1:$port", '-verify_return_error',
        '-servername', 'ecmg.example.org', @options);
}

subtest 'openssl s_client talks to our server' => sub {
    my ($server, $port) = our_server('tls', files('server'), ca_file('ca'));
    my $client = s_client($port, cert_options('client'), ca_options('ca'), '-verify_hostname',
        'ecmg.example.org');
    print {$client->{in}} "Greetings from s_client\n";
    ok(wait_for($client, qr/^Greetings from s_client$/m), 'and gets its words back')
        or diag($client->{text});
    like($client->{text}, qr/^New, TLSv1\.3,/m, 'by TLS 1.3');
    like($client->{text}, qr/^Verify return code: 0 \(ok\)$/m, 'with a good certificate');
    unlike($client->{text}, qr/Session-ID|session ticket/, 'without a ticket');
    ok(wait_for($server,
        qr{^open 127\.0\.0\.1 TLS DNS:scs\.example\.org URI:spiffe://example\.org/scs$}m),
        'who it is stands in its certificate');
    is(finish($client), 0, 'it goes');
    ok(wait_for($server, qr/^end PEER_CLOSED the peer closed it$/m), 'which is told');
    is(finish($server, 'TERM'), 0, 'and the server ends');
};

# Name, options of s_client, words of our server, what the server and s_client say.
my @refused = (
    ['a client without a certificate', [ca_options('ca')], [ca_file('ca')],
        qr/^refused TLS TLS: the peer has sent no certificate/m, qr/certificate required/],
    ['a client of an unknown CA', [ca_options('ca'), cert_options('stranger')], [ca_file('ca')],
        qr/^refused TLS TLS: the peer's certificate was made by a CA that is not/m,
        qr/unknown ca/],
    ['a client that does not know our CA', [ca_options('other')], [],
        qr/^refused TLS TLS: the peer does not know the CA of this side's certificate; configure/m,
        qr/unable to get local issuer/],
    ['a client with TLS 1.2 only', [ca_options('ca'), '-tls1_2'], [],
        qr/^refused TLS TLS: the peer speaks older versions of TLS only/m,
        qr/alert protocol version/],
);
for my $row (@refused) {
    my ($name, $options, $words, $ours, $theirs) = @$row;
    subtest $name => sub {
        my ($server, $port) = our_server('tls', files('server'), @$words);
        my $client = s_client($port, @$options);
        ok(wait_for($server, $ours), 'is refused with the reason') or diag($server->{text});
        ok(wait_for($client, $theirs), 'which it hears') or diag($client->{text});
        isnt(finish($client), 0, 'and it fails');
        is(finish($server, 'TERM'), 0, 'the server goes on until it is ended');
    };
}

subtest 'TLS 1.2 where it is allowed' => sub {
    my ($server, $port) = our_server('tls12', files('server'));
    my $client = s_client($port, ca_options('ca'), '-tls1_2');
    print {$client->{in}} "old friends\n";
    ok(wait_for($client, qr/^old friends$/m), 'works') or diag($client->{text});
    like($client->{text}, qr/ECDHE-ECDSA-(?:AES256-GCM|CHACHA20)/, 'with forward secrecy and AEAD');
    # "R" at the beginning of a line asks for a renegotiation.
    print {$client->{in}} "R\n";
    ok(wait_for($client, qr/no renegotiation/i), 'and without renegotiation')
        or diag($client->{text});
    finish($client, 'TERM');
    is(finish($server, 'TERM'), 0, 'the server ends');
};

subtest 'plain text on the TLS port, and TLS on a plain port' => sub {
    my ($server, $port) = our_server('tls', files('server'));
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "connect: $!\n";
    print {$socket} "GET / HTTP/1.0\r\n\r\n";
    my $says = 'the peer does not speak TLS (its first byte is 0x47), but this port is for TLS';
    ok(wait_for($server, qr/^refused TLS \Q$says\E/m), 'plain text is told apart')
        or diag($server->{text});
    close $socket;
    is(finish($server, 'TERM'), 0, 'the server ends');

    ($server, $port) = our_server();
    my $client = s_client($port, ca_options('ca'));
    $says = 'the peer speaks TLS, and TLS is not configured on this side';
    ok(wait_for($server, qr/^end TLS \Q$says\E$/m), 'TLS is told apart')
        or diag($server->{text});
    isnt(finish($client), 0, 's_client fails');
    is(finish($server, 'TERM'), 0, 'the server ends');
};

# ---- their server, our client ----

# openssl s_server on a free port: (program, port).
sub s_server {
    my (@options) = @_;
    my $server = begin('openssl', 's_server', '-accept', '127.0.0.1:0', '-naccept', '1',
        cert_options('server'), @options);
    my $port = wait_for($server, qr/^ACCEPT 127\.0\.0\.1:(\d+)$/m);
    die "s_server does not listen: $server->{text}" if not $port;
    return ($server, $port);
}

# Name, options of s_server, words of our client, its exit status or undef (still running), what it
# says.
my @clients = (
    ['our client talks to openssl s_server', ['-rev'], ['tls', ca_file('ca')], undef,
        qr/^open 127\.0\.0\.1 TLS DNS:ecmg\.example\.org IP:127\.0\.0\.1\nreceived olleh$/m],
    ['by name', ['-rev'], ['tls', ca_file('ca'), 'name=ecmg.example.org'], undef,
        qr/^received olleh$/m],
    ['with a certificate of its own', ['-rev', '-Verify', '1', ca_options('ca'),
        '-verify_return_error'], ['tls', ca_file('ca'), files('client')], undef,
        qr/^received olleh$/m],
    ['with the wrong name', ['-rev'], ['tls', ca_file('ca'), 'name=mux.example.org'], 1,
        qr/^retry TLS \S+: TLS: the peer's certificate does not have the expected name/m],
    ['with an unknown CA', ['-rev'], ['tls', ca_file('other')], 1,
        qr/^retry TLS \S+: TLS: the peer's certificate was made by a CA that is not in the CA/m],
    ['without the certificate that is asked for', ['-rev', '-Verify', '1', ca_options('ca'),
        '-verify_return_error'], ['tls', ca_file('ca')], 1,
        qr/^retry TLS TLS: the peer wants a certificate from this side, and none was sent/m],
    ['against TLS 1.2 only', ['-rev', '-tls1_2'], ['tls', ca_file('ca')], 1,
        qr/^retry TLS \S+: TLS: the peer accepts other versions of TLS only$/m],
    ['without TLS against TLS', ['-rev'], [], 1, qr/^retry (?:PEER_CLOSED|RESET) /m],
);
for my $row (@clients) {
    my ($name, $options, $words, $status, $says) = @$row;
    subtest $name => sub {
        my ($server, $port) = s_server(@$options);
        my $client = begin($ECHO, 'client', "port=$port", @$words);
        ok(wait_for($client, $says), 'says so') or diag("$client->{text}\n$server->{text}");
        is(finish($client, defined $status ? undef : 'TERM'), $status || 0, 'and ends');
        finish($server, 'TERM');
    };
}

subtest 'our client and our server' => sub {
    my ($server, $port) = our_server('tls', files('server'), ca_file('ca'));
    my $client = begin($ECHO, 'client', "port=$port", 'tls', files('client'), ca_file('ca'));
    ok(wait_for($client, qr/^received hello$/m), 'talk') or diag($client->{text});
    finish($server, 'TERM');
    ok(wait_for($client, qr/^end (PEER_CLOSED|RESET) /m), 'and the end is told');
    is(finish($client), 1, 'to both');
};

subtest 'files that are wrong end the program with a sentence' => sub {
    my %rows = (
        'no such file' => [['cert=' . scratch('none.pem')],
            qr/none\.pem: No such file or directory/],
        'the key of another certificate' => [['cert=' . scratch('server.pem'), 'key='
            . scratch('client.key')], qr/does not belong to the certificate/],
        'no certificate' => [[], qr/a TLS server needs a certificate file/],
    );
    for my $name (sort keys %rows) {
        my ($words, $says) = @{$rows{$name}};
        my $run = run([$ECHO, 'server', 'tls', @$words]);
        is($run->{status}, 1, $name);
        like($run->{out}, $says, 'says so');
    }
};

done_testing;
