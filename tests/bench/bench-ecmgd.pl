#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# How fast ecmgd is as a process: `simulcrypt load ecmg` against it in the shapes that matter, with
# real ECMs and, as the baseline of the same run, with test ECMs in the clear. `make bench` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";

use Simc::Daemon;
use Simc::Json;
use Simc::Run;

my $SYSTEM = '0x12340001';
my $SECONDS = $ENV{BENCH_SECONDS} || 4;

my ($ecmgd, $simulcrypt) = (builddir() . '/ecmgd', builddir() . '/simulcrypt');
exit 0 if !has_component('ecmg') || !has_component('cli');
my $keys = scratch('keys.yaml');
die "no keys\n" if run([$simulcrypt, 'keys', 'new', $keys, '--package', 1])->{status};

# Name and options of each shape.
my @shapes = (
    ['one stream alone', '--channels', 1, '--streams', 1],
    ['10 channels x 100 streams', '--channels', 10, '--streams', 100],
    ['the same, CISSA words', '--channels', 10, '--streams', 100, '--cw-size', 16],
    ['100 x 80, 100,000 ECM/s', '--channels', 100, '--streams', 80, '--rate', 100_000],
);

sub rss_kb {
    my ($pid) = @_;
    return read_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

sub measure {
    my ($what, $system) = @_;
    my ($port, $admin) = (free_port(), free_port());
    my $path = write_file(scratch('bench.yaml'), <<"END");
admin: {listen: 127.0.0.1:$admin}
log: {level: warning}
listen: [{address: 127.0.0.1:$port}]
limits: {connections_per_address: 4096}
systems: [{super_cas_id: $SYSTEM, $system}]
END
    my $daemon = Simc::Daemon->start([$ecmgd, '--config', $path]);
    die "ecmgd did not start: " . $daemon->log_text if not $daemon->{is_ready};
    print "\n$what:\n";
    printf "  %-27s %10s %10s %9s %9s %9s\n", '', 'ECM/s', 'CPU us/ECM', 'p50 us', 'p99 us',
        'p99.9 us';
    for my $shape (@shapes) {
        my ($name, @options) = @$shape;
        my $run = run([$simulcrypt, 'load', 'ecmg', '--connect', "127.0.0.1:$port",
            '--super-cas-id', $SYSTEM, '--for', $SECONDS, '--server-pid', $daemon->{pid}, '--json',
            @options], seconds => $SECONDS + 30);
        die $run->{err} if $run->{status};
        my ($got) = json_lines($run->{out});
        printf "  %-27s %10d %10.3f %9.1f %9.1f %9.1f\n", $name,
            @$got{qw(ecms_per_second server_cpu_us_per_ecm p50_us p99_us p999_us)};
    }
    my $before = rss_kb($daemon->{pid});
    my $hold = Simc::Daemon->start([$simulcrypt, 'load', 'ecmg', '--connect', "127.0.0.1:$port",
        '--super-cas-id', $SYSTEM, '--channels', 20, '--streams', 1000, '--for', 2], ready => 0,
        no_systemd => 1);
    my $most = $before;
    until ($hold->has_ended) {
        my $now = rss_kb($daemon->{pid});
        $most = $now if $now > $most;
        select undef, undef, undef, 0.05;
    }
    printf "  memory with 20,000 streams more: %.0f bytes each (%d kB over %d kB)\n",
        ($most - $before) * 1024 / 20000, $most - $before, $before;
    $daemon->stop;
    return;
}

my $plugin = builddir() . '/.libs/ecm-example.so';
print "ecmgd under load, client and server on the same processors, $SECONDS s each\n";
measure('CA profile 1 (AES-128-GCM)', "key_file: $keys, default_package: 1");
measure('baseline: test ECMs in the clear, no encryption',
    "key_file: null, plugin_file: $plugin") if -e $plugin;
