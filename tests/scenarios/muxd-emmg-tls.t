#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# EMMGs at muxd by TLS: our laboratory EMMG and openssl s_client with the right certificate, with
# another one, with none, with one of another CA; what each side says, and certificates that change.
# `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Select;
use IO::Socket::INET;
use IPC::Open2;
use Test::More;
use Time::HiRes qw(time);

use Simc::Certificates;
use Simc::Daemon;
use Simc::Run;

needs('openssl');
my $muxd = program('muxd', 'mux');
my $program = program('simulcrypt', 'cli');
my $SECONDS = 20;    # for anything to happen

# ---- certificates ----

ca($_) for qw(ca other);
certificate('mux', 'ca', 'IP:127.0.0.1');
certificate('emmg1', 'ca', 'DNS:emmg1.example');
certificate('emmg2', 'ca', 'DNS:emmg2.example');
certificate('stranger', 'other', 'DNS:emmg1.example');
certificate('elsewhere', 'ca', 'DNS:mux.example');

# ---- muxd ----

# 200 packets of a stream without any service.
my $input = scratch('in.ts');
write_file($input, join '', map { pack 'C n C a*', 0x47, 0x101, 0x10 | $_ & 15, "\0" x 184 }
    0 .. 199);

sub start {
    my ($name, $tls) = @_;
    my ($port, $plain, $admin) = map { free_port() } 1 .. 3;
    my $path = write_file(scratch("$name.yaml"), <<"END");
admin: {listen: '127.0.0.1:$admin'}
emmg:
  listen:
    - {address: '127.0.0.1:$port', tls: {$tls}}
    - {address: '127.0.0.1:$plain'}
  clients:
    - {client_id: 0x12340001, name: emmg1.example}
    - {client_id: 0x12340002, name: emmg2.example}
    - {client_id: 0x12340003}
multiplexes:
  - name: a
    bitrate: 2Mbit/s
    pass_services: true
    inputs: [{address: '$input', loop: true}]
    outputs: ['${\scratch("$name.ts")}']
END
    my $daemon = Simc::Daemon->start([$muxd, '--config', $path]);
    ok($daemon->{is_ready}, "$name: it is ready") or BAIL_OUT($daemon->log_text);
    return {daemon => $daemon, port => $port, plain => $plain, admin => $admin};
}

sub files_of {
    my ($name) = @_;
    return "certificate_file: '${\scratch(\"$name.pem\")}', key_file: '${\scratch(\"$name.key\")}'";
}

my $mux = start('tls', files_of('mux') . ", client_ca_file: '${\scratch('ca.pem')}'");

sub emmg {
    my ($port, $client_id, @options) = @_;
    return run([$program, 'emmg', '-c', "127.0.0.1:$port", '--client-id', $client_id, '--count', 5,
        @options], seconds => $SECONDS);
}

sub tls {
    my ($name) = @_;
    return ('--tls', '--ca-file', scratch('ca.pem'), $name ? ('--certificate-file',
        scratch("$name.pem"), '--key-file', scratch("$name.key")) : ());
}

# The log comes a little later than what it is about.
sub logs {
    my ($daemon, $pattern, $what) = @_;
    my $end = time + $SECONDS;
    select undef, undef, undef, 0.02 while time < $end && $daemon->log_text !~ $pattern;
    like($daemon->log_text, $pattern, $what);
    return;
}

# ---- our EMMG ----

subtest 'our EMMG' => sub {
    my $good = emmg($mux->{port}, '0x12340001', tls('emmg1'));
    is($good->{status}, 0, 'is served with the certificate that its entry names')
        or diag($good->{err});
    is(emmg($mux->{port}, '0x12340003', tls('emmg2'))->{status}, 0,
        'and with any of the CA where the entry names none');
    for my $row (
        [[tls('emmg2')], '0x12340001', qr/0x000e \(unknown client_id value\)/,
            'that of another EMMG',
            qr/the certificate of this EMMG has not the name that emmg\.clients asks for/],
        [[tls()], '0x12340001', qr/none was sent; configure one that its CA has made/, 'none',
            qr/the peer has sent no certificate, and this side wants one of a CA in its CA file/],
        [[tls('stranger')], '0x12340001', qr/the peer does not know the CA of this side/,
            'that of another CA', qr/made by a CA that is not in the CA file of this side/],
        [['--tls', '--ca-file', scratch('other.pem')], '0x12340001',
            qr/made by a CA that is not in the CA file of this side/,
            'the EMMG trusts another CA', qr/the peer does not know the CA of this side/],
        [[], '0x12340001', qr/the peer closed it/, 'plain TCP at the address for TLS',
            qr/configure TLS on its side, or a plain port here/],
    ) {
        my ($options, $client_id, $wanted, $what, $log) = @$row;
        my $run = emmg($mux->{port}, $client_id, @$options);
        is($run->{status}, 2, "refused: $what");
        like($run->{err}, $wanted, 'with a reason') && note($run->{err});
        logs($mux->{daemon}, $log, 'and muxd tells its own');
    }
    my $run = emmg($mux->{plain}, '0x12340001');
    is($run->{status}, 2, 'refused: its client_id without a certificate, by plain TCP');
    is(emmg($mux->{plain}, '0x12340003')->{status}, 0, 'others are served there');
    $run = emmg($mux->{plain}, '0x12340003', tls('emmg1'));
    is($run->{status}, 2, 'refused: TLS at the address for plain TCP');
    logs($mux->{daemon}, qr/the peer speaks TLS, and TLS is not configured on this side/,
        'muxd says what is to be configured');
};

# ---- another implementation ----

# Sends a channel_setup by s_client. Returns what came back, and what s_client says.
sub s_client {
    my ($port, @options) = @_;
    my $errors = scratch('s_client.txt');
    open my $saved, '>&', \*STDERR or die "dup: $!\n";
    open STDERR, '>', $errors or die "$errors: $!\n";
    my $pid = open2(my $out, my $in, 'openssl', 's_client', '-quiet', '-connect',
        "127.0.0.1:$port", @options);
    open STDERR, '>&', $saved or die "dup: $!\n";
    my $ids = pack 'n n N n n n n n C', 1, 4, 0x12340001, 3, 2, 1, 2, 1, 0;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $in, pack('C n n', 3, 0x11, length $ids) . $ids;
    my ($bytes, $end) = ('', time + $SECONDS);
    while (length $bytes < 24 && time < $end) {
        last if !IO::Select->new($out)->can_read($end - time);
        last if !sysread $out, $bytes, 4096, length $bytes;
    }
    kill 'KILL', $pid;
    waitpid $pid, 0;
    return ($bytes, read_file($errors));
}

subtest 'openssl s_client' => sub {
    my @cert = map { [-cert => scratch("$_.pem"), -key => scratch("$_.key")] } qw(emmg1 stranger);
    my @check = ('-verify_return_error', '-verify_ip', '127.0.0.1');
    my ($bytes) = s_client($mux->{port}, @{$cert[0]}, -CAfile => scratch('ca.pem'), @check);
    is(unpack('H10', $bytes), '0300130013', 'gets channel_status with the right certificate');
    for my $row (
        [$cert[1], 'ca', qr/unknown ca/i, 'that of another CA is refused with an alert'],
        [[], 'ca', qr/certificate required/i, 'none is refused with an alert'],
        [$cert[0], 'other', qr/verify error|certificate verify failed/i,
            'whoever trusts another CA does not accept ours'],
    ) {
        my ($options, $ca, $wanted, $what) = @$row;
        ($bytes, my $errors) = s_client($mux->{port}, @$options, -CAfile => scratch("$ca.pem"),
            @check);
        is($bytes, '', 'nothing comes');
        like($errors, $wanted, $what);
    }
    (undef, my $errors) = s_client($mux->{port}, @{$cert[0]}, '-tls1_2');
    like($errors, qr/protocol version|alert/i, 'TLS 1.2 is refused unless tls12 is set');
};

# ---- the name of muxd, certificates that change ----

subtest 'certificates that change' => sub {
    my $other = start('elsewhere', files_of('elsewhere'));
    my $run = emmg($other->{port}, '0x12340003', tls());
    is($run->{status}, 2, 'a certificate that does not name the address of muxd is not accepted');
    like($run->{err}, qr/does not have the expected IP address among/, 'with a reason')
        && note($run->{err});
    rename scratch("mux.$_"), scratch("elsewhere.$_") for qw(pem key);
    ok($other->{daemon}->reload, 'another certificate in the same files');
    is(emmg($other->{port}, '0x12340003', tls())->{status}, 0,
        'holds for new connections; without client_ca_file EMMGs need none');
    write_file(scratch('elsewhere.pem'), "no certificate\n");
    $other->{daemon}->signal('HUP');
    logs($other->{daemon}, qr/elsewhere\.pem/, 'a broken one is named');
    is(emmg($other->{port}, '0x12340003', tls())->{status}, 0, 'and the old one stays');
    is($other->{daemon}->stop, 0, 'muxd ends well');
};

is($mux->{daemon}->stop, 0, 'muxd ends well');
done_testing;
