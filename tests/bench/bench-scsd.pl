#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# What scsd costs: 2,000 groups with two ECM streams each and crypto periods of ten seconds, against
# two ecmgd and a simulated mux. `make bench` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";

use Simc::Daemon;
use Simc::Run;

my $SYSTEM = '0x12340001';
my $GROUPS = $ENV{BENCH_GROUPS} || 2000;
my $SECONDS = 10 * ($ENV{BENCH_PERIODS} || 2);

my ($scsd, $ecmgd, $simulcrypt, $mux_sim) =
    map { builddir() . "/$_" } qw(scsd ecmgd simulcrypt mux-sim);
exit 0 if !has_component('scs') || !has_component('ecmg') || !has_component('cli');
die "mux-sim is not built: make check TESTS=\n" if not -x $mux_sim;
my $keys = scratch('keys.yaml');
die "no keys\n"
    if run([$simulcrypt, 'keys', 'new', $keys, '--package', 1, '--package', 2])->{status};

# Hundredths of a second of processor time, so far.
sub cpu {
    my ($pid) = @_;
    my @fields = split ' ', (read_file("/proc/$pid/stat") =~ /\) (.*)/)[0];
    return $fields[11] + $fields[12];
}

sub memory_kb {
    my ($pid) = @_;
    return read_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m ? $1 : 0;
}

my (@ports, @ecmgds);
for (1 .. 2) {
    my $port = free_port();
    my $path = write_file(scratch("ecmgd$port.yaml"), <<"END");
admin: {listen: null}
log: {level: warning}
listen: [{address: '127.0.0.1:$port'}]
limits: {streams_per_channel: 65535}
systems: [{super_cas_id: $SYSTEM, key_file: '$keys'}]
END
    my $daemon = Simc::Daemon->start([$ecmgd, '--config', $path]);
    die "ecmgd did not start: " . $daemon->log_text if not $daemon->{is_ready};
    push @ports, $port;
    push @ecmgds, $daemon;
}
my ($admin, $socket) = (free_port(), scratch('link'));
my $path = write_file(scratch('scsd.yaml'), <<"END");
admin: {listen: '127.0.0.1:$admin'}
log: {level: warning}
link: {socket: '$socket', listen: null}
ecmgs:
  - {name: a, super_cas_id: $SYSTEM, address: '127.0.0.1:$ports[0]'}
  - {name: b, super_cas_id: $SYSTEM, address: '127.0.0.1:$ports[1]', priority: 1}
scgs:
  - id: 1
    repeat: $GROUPS
    services: [{service_id: 1}]
    crypto_period: 10s
    streams:
      - {super_cas_id: $SYSTEM, ecm_id: 0, package: 1}
      - {super_cas_id: $SYSTEM, ecm_id: 1, package: 2}
END
my $scs = Simc::Daemon->start([$scsd, '--config', $path]);
die "scsd did not start: " . $scs->log_text if not $scs->{is_ready};
my $mux = Simc::Daemon->start([$mux_sim, '--connect', $socket, '--services', $GROUPS,
    '--scg-limit', 4096], ready => 0, no_systemd => 1);

sub metric {
    my ($name) = @_;
    return http_get("127.0.0.1:$admin", '/metrics')->{body} =~ /^\Q$name\E ([0-9.e+]+)$/m ? $1 : 0;
}

my $end = time + 60;
select undef, undef, undef, 0.2 while time < $end && metric('scs_scgs_scrambled') < $GROUPS;
printf "scsd with %d groups of two ECM streams, CP 10 s, backups open:\n", $GROUPS;
printf "  scrambled: %d groups\n", metric('scs_scgs_scrambled');
my ($cpu, $periods) = (cpu($scs->{pid}), metric('scs_periods_total'));
my $begin = time;
select undef, undef, undef, 0.5 while time < $begin + $SECONDS;
printf "  %.2f %% of a core, %.1f MB, %d periods, %d stretched, %d ECMs late in %d s\n",
    (cpu($scs->{pid}) - $cpu) / $SECONDS, memory_kb($scs->{pid}) / 1024,
    metric('scs_periods_total') - $periods, metric('scs_stretched_total'),
    metric('scs_late_ecms_total'), $SECONDS;

# All at once to the backup.
$periods = metric('scs_periods_total');
$ecmgds[0]->signal('KILL');
$begin = time;
select undef, undef, undef, 0.5 while time < $begin + 12;
printf "  after kill -9 of the ECMG: %d switches, %d periods, %d stretched, %d ECMs late\n",
    metric('scs_switches_total'), metric('scs_periods_total') - $periods,
    metric('scs_stretched_total'), metric('scs_late_ecms_total');
$_->stop for $mux, $scs, $ecmgds[1];
