#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# How many datagrams muxd takes as a process, from TCP to an output of 900 Mbit/s, what each costs,
# and what a thousand streams take in memory. `make bench` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";

use Simc::Daemon;
use Simc::Json;
use Simc::Run;
use Simc::Sections;

my $SECONDS = $ENV{BENCH_SECONDS} || 4;
my ($muxd, $simulcrypt) = (builddir() . '/muxd', builddir() . '/simulcrypt');
exit 0 if !has_component('mux') || !has_component('cli');

my $input = write_file(scratch('in.ts'), service_stream(1, 1_000_000));
my ($port, $admin) = (free_port(), free_port());
my $path = write_file(scratch('bench.yaml'), <<"END");
admin: {listen: '127.0.0.1:$admin'}
log: {level: warning}
emmg:
  listen: [{address: '127.0.0.1:$port'}]
  excess: wait
  bandwidth: 800Mbit/s
  clients: [{client_id: null, bandwidth: 800Mbit/s}]
  limits: {connections: 256, connections_per_address: 256, streams: 2048, queue: 1MiB}
multiplexes:
  - name: a
    bitrate: 900Mbit/s
    pass_services: true
    inputs: [{address: '$input', loop: true}]
    outputs: ['/dev/null']
END
my $daemon = Simc::Daemon->start([$muxd, '--config', $path]);
die "muxd did not start: " . $daemon->log_text if not $daemon->{is_ready};

sub rss_kb {
    return read_file("/proc/$daemon->{pid}/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

sub cpu_s {
    my @fields = split ' ', read_file("/proc/$daemon->{pid}/stat") =~ s/^.*\) //sr;
    return ($fields[11] + $fields[12]) / 100;
}

sub load {
    my ($id, @options) = @_;
    return [$simulcrypt, 'load', 'mux', '--connect', "127.0.0.1:$port", '--client-id', $id,
        '--json', '--server-pid', $daemon->{pid}, qw(--type private --for), $SECONDS, @options];
}

print "\nmuxd under load, client and server on the same processors, $SECONDS s each; sections of "
    . "100 bytes\n";
my $before = cpu_s();
select undef, undef, undef, $SECONDS;
my $idle = (cpu_s() - $before) / $SECONDS;
printf "  the output of 900 Mbit/s alone, without EMMs, takes %.0f %% of a core\n", $idle * 100;
print "  with 800 Mbit/s of EMMs, about 970,000 datagrams/s, the output included:\n";
printf "  %-42s %12s %12s\n", '', 'datagrams/s', 'CPU us each';
my $id = 0x20000000;
for my $shape (['1 channel, 12 streams, 7 in a message', 1, 12, 7],
    ['12 channels, 1 stream, 7 in a message', 12, 1, 7],
    ['12 channels, 1 stream, 1 in a message', 12, 1, 1],
    ['12 channels, 1 stream, 64 in a message', 12, 1, 64]) {
    my ($name, $channels, $streams, $per_message) = @$shape;
    my $run = run(load($id++, '--channels', $channels, '--streams', $streams, '--per-message',
        $per_message, '--probe', 5000), seconds => $SECONDS + 30);
    my ($got) = json_lines($run->{out});
    die $run->{err} if !$got;
    printf "  %-42s %12d %12.3f\n", $name,
        @$got{qw(datagrams_per_second server_cpu_us_per_datagram)};
}
my $rss = rss_kb();
my $hold = Simc::Daemon->start(load($id, qw(--channels 63 --streams 16)), ready => 0,
    no_systemd => 1);
my $most = $rss;
until ($hold->has_ended) {
    my $now = rss_kb();
    $most = $now if $now > $most;
    select undef, undef, undef, 0.05;
}
printf "  memory with 1,008 streams more, each with a PID of its own: %.0f bytes each\n",
    ($most - $rss) * 1024 / 1008;
$daemon->stop;
