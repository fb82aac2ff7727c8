#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# scsd and its ECMGs over TLS, each side with a certificate. The preferred ECMG comes back with
# certificates that are not to be trusted, or without TLS: the backup serves, nothing on air is
# late, and one sentence tells how to mend it. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Certificates;
use Simc::Daemon;
use Simc::Json;
use Simc::Run;

needs('openssl');
my $TICKS = 27_000_000;
my $A = '0x12340001';

my $scsd = program('scsd', 'scs');
my $ecmgd = program('ecmgd', 'ecmg');
my $simulcrypt = program('simulcrypt', 'cli');
my $mux_sim = builddir() . '/mux-sim';
-x $mux_sim or skip_or_fail('mux-sim is not built');

my $keys = scratch('keys.yaml');
is(run([$simulcrypt, 'keys', 'new', $keys, '--package', 1])->{status}, 0, 'keys are made');

# ---- certificates ----

ca('ca');
ca('other');
certificate('good', 'ca', 'DNS:ecmg.example.org');
certificate('stranger', 'other', 'DNS:ecmg.example.org');
certificate('old', 'ca', 'DNS:ecmg.example.org', -1);
certificate('misnamed', 'ca', 'DNS:elsewhere.example.org');
certificate('scs', 'ca', 'DNS:scs.example.org');

# ---- processes ----

my %port = map { $_ => free_port() } qw(a1 a2);
my %ecmg;

# @param certificate undef: without TLS.
sub start_ecmg {
    my ($name, $certificate) = @_;
    my $tls = defined $certificate ? <<"END" : '';
    tls:
      certificate_file: '${\scratch("$certificate.pem")}'
      key_file: '${\scratch("$certificate.key")}'
      client_ca_file: '${\scratch('ca.pem')}'
      clients: [{name: scs.example.org, super_cas_ids: [$A]}]
END
    my $path = write_file(scratch("$name.yaml"), <<"END");
listen:
  - address: '127.0.0.1:$port{$name}'
${tls}admin: {listen: null}
systems: [{super_cas_id: $A, key_file: '$keys', min_cp_duration: 500ms}]
END
    $ecmg{$name} = Simc::Daemon->start([$ecmgd, '--config', $path]);
    ok($ecmg{$name}{is_ready}, "$name runs") or diag($ecmg{$name}->log_text);
    return;
}

sub kill_ecmg {
    my ($name) = @_;
    $ecmg{$name}->signal('KILL');
    $ecmg{$name}->finish;
    return;
}

my ($socket, $admin) = (scratch('link'), free_port());

sub write_configuration {
    my $timers = 'idle_test: 1s, test: 1s, setup: 500ms, retry_first: 200ms, retry_most: 500ms';
    my $tls = sprintf "tls: {ca_file: '%s', certificate_file: '%s', key_file: '%s', "
        . 'server_name: ecmg.example.org}', map { scratch($_) } qw(ca.pem scs.pem scs.key);
    return write_file(scratch('scsd.yaml'), <<"END");
admin: {listen: '127.0.0.1:$admin'}
link: {socket: '$socket', listen: null}
hold: 1s
ecmgs:
  - {name: a1, super_cas_id: $A, address: '127.0.0.1:$port{a1}', $timers, $tls}
  - {name: a2, super_cas_id: $A, address: '127.0.0.1:$port{a2}', priority: 1, $timers, $tls}
scgs:
  - id: 1
    services: [{service_id: 1}]
    crypto_period: 1s
    margin: 3s
    streams: [{super_cas_id: $A, ecm_id: 1, package: 1}]
END
}

start_ecmg($_, 'good') for qw(a1 a2);
my $scs = Simc::Daemon->start([$scsd, '--config', write_configuration()]);
ok($scs->{is_ready}, 'scsd runs') or BAIL_OUT($scs->log_text);
my $mux = Simc::Daemon->start([$mux_sim, '--connect', $socket, '--service', '1:1:1:256,257',
    '--name', 'mux'], ready => 0, no_systemd => 1);

sub said {
    my $text = -e $mux->{out} ? read_file($mux->{out}) : ''; # it may not have begun yet
    $text =~ s/[^\n]*\z//;
    return json_lines($text);
}

sub periods { return grep { $_->{event} eq 'period' } said() }

# Waits until something holds; bounded.
sub wait_until {
    my ($holds) = @_;
    my $end = time + 30;
    while (time < $end) {
        return 1 if $holds->();
        select undef, undef, undef, 0.1; # what is waited for are files that grow
    }
    return 0;
}

sub pass_periods {
    my ($count) = @_;
    my $wanted = periods() + $count;
    return wait_until(sub { periods() >= $wanted }) || do { diag($scs->log_text); 0 };
}

sub status { return json_read(http_get("127.0.0.1:$admin", '/v1/status')->{body}) }

# The ECMG that serves the stream, as /metrics tells it.
sub serves {
    my ($name) = @_;
    my $body = http_get("127.0.0.1:$admin", '/metrics')->{body};
    return $body =~ /^scs_ecmg_active_streams\{ecmg="$name",[^}]*\} 1$/m;
}

# Log lines about the first ECMG behind an offset that are no success.
sub complaints {
    my ($from) = @_;
    return grep { /"ecmg":"a1"/ && /no connection|no channel/ }
        split /\n/, substr $scs->log_text, $from;
}

# ---- what happens ----

ok(pass_periods(3), 'periods are on air over TLS');
ok(wait_until(sub { serves('a1') }), 'the preferred ECMG serves');

my @rows = (
    ['stranger', 'another CA', qr/a CA that is not in the CA file of this side; put it there, or/],
    ['old', 'an expired certificate', qr/certificate has expired .*the peer needs a new one/],
    ['misnamed', 'another name',
        qr/does not have the expected name .*; configure a server name that it has, or/],
    [undef, 'no TLS', qr/during the TLS handshake; switch TLS on there/],
);
for my $row (@rows) {
    my ($certificate, $what, $pattern) = @$row;
    kill_ecmg('a1');
    my $from = length $scs->log_text;
    start_ecmg('a1', $certificate);
    ok(wait_until(sub { grep { /$pattern/ } complaints($from) }), "$what: told with what to do")
        or diag($scs->log_text);
    ok(pass_periods(3), "$what: periods go on");
    ok(serves('a2'), "$what: the backup serves");
    my @told = grep { /$pattern/ } complaints($from);
    is(scalar @told, 1, "$what: told once, not at each attempt") or diag(join "\n", @told);
    my $page = http_get("127.0.0.1:$admin", '/v1/status')->{body};
    like($page, qr/"alarm":"DOWN_SPARE","grade":"minor"/, "$what: an alarm stands");
    like($page, $pattern, "$what: the status page has the sentence too");
    kill_ecmg('a1');
    start_ecmg('a1', 'good');
    ok(wait_until(sub { serves('a1') }), "$what: mended, the preferred one serves again");
}

# The other side: an scsd without a certificate of its own.
my $other = Simc::Daemon->start([$scsd, '--config', write_file(scratch('other.yaml'), <<"END")]);
admin: {listen: null}
print: text
ecmgs:
  - name: a1
    super_cas_id: $A
    address: '127.0.0.1:$port{a1}'
    tls: {ca_file: '${\scratch('ca.pem')}', server_name: ecmg.example.org}
scgs: [{id: 1, streams: [{super_cas_id: $A, ecm_id: 1}]}]
END
my $wants = qr/wants a certificate from this side.*; configure one that its CA has made/;
ok(wait_until(sub { $other->log_text =~ $wants }), 'no certificate: told with what to do')
    or diag($other->log_text);
is($other->stop, 0, 'and it ends');
ok(serves('a1'), 'nobody else minds');

$mux->stop;
my @lines = said();
my ($summary) = grep { $_->{event} eq 'summary' } @lines;
is($summary->{$_}, 0, "$_ 0")
    for qw(cw_conflicts parity_repeats cp_gaps periods_without_word windows_without_ecm
        late_orders missed_windows periods_without_ecm);
my @at = map { $_->{at} } grep { $_->{event} eq 'period' } @lines;
is(scalar(grep { $at[$_] - $at[$_ - 1] != $TICKS } 1 .. $#at), 0, 'no period was stretched');
note("$summary->{periods} periods, $summary->{ecms} ECMs");
is($scs->stop, 0, 'scsd ends') or diag($scs->log_text);
is($ecmg{$_}->stop, 0, "$_ ends") for qw(a1 a2);

done_testing();
