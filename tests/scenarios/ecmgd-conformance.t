#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# ecmgd against every conversation with an ECMG, over TCP, in versions 2 and 3, and against known
# SCSs with all their quirks. What one CA system does not suit is run against the next one.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Daemon;
use Simc::Proxy;
use Simc::Run;
use Simc::Tshark;

my $ecmgd = program('ecmgd', 'ecmg');
my $converse = program('converse');
my $dir = srcdir() . '/tests/conversations';
my @rows = glob "$dir/ecmg/*.conv";
my @peers = glob "$dir/peers/*.conv";
my $SECONDS = 150;

# Differences that are ours, each with its reason.
my %WARNED = (
    'ECMG-051' => 'with CW_per_msg 1 two control words are taken: known SCSs always send two',
);
my %NEVER = ('ECMG-069' => 'CA profile 1 makes an ECM for every period');

my $keys = scratch('keys.yaml');
simulcrypt(['keys', 'new', $keys, '--package', 1, '--package', 2]);
my @common = ('ac=bytes:' . access_criteria(1), 'other_ac=bytes:' . access_criteria(2),
    'unknown_super_cas_id=0x12340099', 'quiet=250');

sub access_criteria {
    my ($package) = @_;
    my $hex = simulcrypt(['keys', 'ac', $keys, '--package', $package])->{out};
    chomp $hex;
    return $hex;
}

sub start {
    my ($name, $yaml) = @_;
    my $port = free_port();
    my $path = write_file(scratch($name),
        "admin: {listen: null}\nlisten:\n  - address: 127.0.0.1:$port\n$yaml");
    my $daemon = Simc::Daemon->start([$ecmgd, '--config', $path]);
    ok($daemon->{is_ready}, "$name: it is ready") or BAIL_OUT($daemon->log_text);
    return ($daemon, $port);
}

# Runs files. Returns {ok, skipped}; anything else but a warning with a reason is a failure.
sub converse {
    my ($port, $sets, @files) = @_;
    my @options = ('--connect', "127.0.0.1:$port", map { ('--set', $_) } @common, @$sets);
    my $run = run([$converse, @options, @files], seconds => $SECONDS);
    my @lines = split /\n/, $run->{out};
    my @wrong = grep { /^not ok/ } @lines;
    for my $line (grep { /\(warning\)$/ } @lines) {
        my ($id) = $line =~ /^ok \d+ - (\S+)/;
        push @wrong, $line if not $WARNED{$id};
        note("$id: $WARNED{$id}") if $WARNED{$id};
    }
    my $ok = grep { /^ok/ && !/# SKIP/ } @lines;
    is("@wrong", '', "[@$sets] $ok of " . @files . ' apply') or diag($run->{out} . $run->{err});
    is($run->{status}, 0, 'and the status says so');
    my %skipped = map { /^ok \d+ - (\S+).*# SKIP/ ? ($1 => 1) : () } @lines;
    return {ok => $ok, skipped => \%skipped};
}

my $system = "key_file: $keys, default_package: 1";
my ($daemon, $port) = start('systems.yaml', <<"END");
systems:
  - {super_cas_id: 0x12340001, $system}
  - {super_cas_id: 0x12340002, $system, ts_packets: true, access_criteria_in_each_message: true}
  - {super_cas_id: 0x12340003, $system, lead_cw: 1, cw_per_msg: 1}
  - {super_cas_id: 0x12340004, $system, max_streams: 3, ecm_ids: [0x21, 0x22, 0x23, 0x24]}
  - {super_cas_id: 0x12340005, $system, lead_cw: 0, cw_per_msg: 1, ts_packets: true}
  - {super_cas_id: 0x12340006, $system, lead_cw: 1, cw_per_msg: 3}
  - {super_cas_id: 0x12340007, $system, lead_cw: 2, cw_per_msg: 3, long_sections: true}
END
my ($limited, $limited_port) = start('limited.yaml', <<"END");
systems:
  - {super_cas_id: 0x12340001, $system}
limits: {channels: 4, streams: 5}
timers: {idle_test: 2s, test: 2s}
END

for my $version (3, 2) {
    subtest "all rows, version $version" => sub {
        my @left = @rows;
        is(scalar @left, 85, 'a file for each row');
        for my $case (
            [$port, 'super_cas_id=0x12340001'],
            [$port, 'super_cas_id=0x12340002'],
            [$port, 'super_cas_id=0x12340003'],
            [$port, 'super_cas_id=0x12340004', 'closed_ecm_ids=1'],
            [$limited_port, 'super_cas_id=0x12340001', 'max_channels=4', 'max_streams_all=5',
                'idle_ms=2000'],
        ) {
            my ($to, @sets) = @$case;
            my $found = converse($to, ["version=$version", @sets], @left);
            @left = grep { /([^\/]+)\.conv$/ && $found->{skipped}{$1} } @left;
        }
        my @never = map { /(ECMG-\d+)/ } @left;
        is("@never", join(' ', sort keys %NEVER), 'only what has a reason is left out');
    };
}

my $proxy = Simc::Proxy->start($port);

subtest 'known SCSs' => sub {
    my %applied;
    for my $id (1, 2, 3, 5, 6, 7) {
        for my $form ('version=2', 'version=3 cw_size=16') {
            my $sets = ["super_cas_id=0x1234000$id", split / /, $form];
            my $found = converse($proxy->{port}, $sets, @peers);
            $applied{$_}++ for grep { !$found->{skipped}{"peer-$_"} }
                map { /([^\/]+)\.conv$/ } @peers;
        }
    }
    is($applied{$_} ? '' : $_, '', "$_ has been run") for map { /([^\/]+)\.conv$/ } @peers;
};

# All that they and ecmgd have said, as another reader sees it.
subtest 'Wireshark agrees' => sub {
    my $capture = $proxy->capture;
    plan skip_all => 'configured without capture' if !has_component('capture');
    needs('tshark');
    compare_capture(write_file(scratch('peers.pcap'), $capture->pcap), 'tcp');
    cmp_ok(compared('messages'), '>', 2000, 'messages compared: ' . compared('messages'));
    ok(seen("ECMG-SCS $_"), "$_ was among them") for qw(channel_setup channel_test channel_status
        channel_close stream_setup stream_test stream_status stream_close_request
        stream_close_response CW_provision ECM_response);
};

is($_->stop, 0, 'ecmgd ends well') for $daemon, $limited;
done_testing();
