#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Conversations over TCP: all files of an ECMG and of known SCSs against the test ECMG behind a
# socket, and `converse` itself: what it says of files, equipment and arguments that are wrong.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IPC::Open2;
use Test::More;

use Simc::Run;

my $converse = program('converse');
my $stub = program('ecmg-stub');
my $dir = srcdir() . '/tests/conversations';
my @rows = glob "$dir/ecmg/*.conv";
my @peers = glob "$dir/peers/*.conv";

# Starts the test ECMG; it ends when the handle is closed. Returns {port, in, pid}.
sub start_ecmg {
    my @settings = @_;
    my $pid = open2(my $out, my $in, $stub, @settings);
    my $port = readline $out;
    chomp $port;
    return {port => $port, in => $in, pid => $pid};
}

sub stop_ecmg {
    my ($ecmg) = @_;
    close $ecmg->{in};
    waitpid $ecmg->{pid}, 0;
    return $? == 0;
}

# Runs files and returns {ok, skipped, wrong (lines), run}.
sub converse {
    my ($ecmg, $sets, @files) = @_;
    my @options = ('--connect', "127.0.0.1:$ecmg->{port}", '--set', 'quiet=250',
        map { ('--set', $_) } @$sets);
    my $run = run([$converse, @options, @files], seconds => 120);
    my @lines = split /\n/, $run->{out};
    return {
        run => $run,
        ok => scalar(grep { /^ok/ && !/# SKIP/ } @lines),
        skipped => {map { /^ok \d+ - (\S+).*# SKIP/ ? ($1 => 1) : () } @lines},
        wrong => join("\n", grep { /^not ok|^# (?!pass)|\(warning\)/ } @lines),
    };
}

my @profiles = (
    [],
    ['section_TSpkt_flag=1', 'transfer_mode=1', 'max_streams=3', 'max_channels=5'],
    ['lead_CW=1', 'CW_per_msg=1', 'exact_cws=1'],
    ['closed_ecm_ids=1', 'max_streams_all=5', 'empty_cp=17'],
);

# What one ECMG does not suit is run against the next one.
subtest 'all files' => sub {
    my @left = @rows;
    is(scalar @rows, 85, 'a file for each row');
    for my $settings (@profiles) {
        my $ecmg = start_ecmg(@$settings);
        my $found = converse($ecmg, ['clear_ecm=1', @$settings], @left);
        is($found->{wrong}, '', "[@$settings]: $found->{ok} files");
        cmp_ok($found->{ok}, '>', 0, 'some of them apply');
        ok(stop_ecmg($ecmg), 'the ECMG ends well');
        @left = grep { /([^\/]+)\.conv$/ && $found->{skipped}{$1} } @left;
    }
    is(join(' ', map { /(ECMG-\d+)/ } @left), 'ECMG-080 ECMG-081',
        'only files on idle times are skipped everywhere');
};

subtest 'known SCSs' => sub {
    for my $settings ([], ['section_TSpkt_flag=1', 'cw_size=16', 'version=2'],
        ['lead_CW=0', 'CW_per_msg=1'], ['lead_CW=1', 'CW_per_msg=3'])
    {
        my $ecmg = start_ecmg(grep { !/cw_size|version/ } @$settings);
        my $found = converse($ecmg, $settings, @peers);
        is($found->{wrong}, '', "[@$settings]: $found->{ok} files");
        cmp_ok($found->{ok}, '>=', 6, 'most of them apply');
        ok(stop_ecmg($ecmg), 'the ECMG ends well');
    }
};

subtest 'what is wrong is told' => sub {
    my $ecmg = start_ecmg();
    my $file = write_file(scratch('wrong.conv'), "id wrong title \"a test\"\nopen s\nwait 0 s\n"
            . "send s channel_test { ECM_channel_id = 1 }\nexpect s channel_status {}\n");
    my $run = run([$converse, '-c', "127.0.0.1:$ecmg->{port}", $file]);
    is($run->{status}, 1, 'the wrong answer: status');
    like($run->{out}, qr/^# fail \S+:5: channel_status was expected on s, and .*channel_error/m,
        'the wrong answer');
    like($run->{out}, qr/^not ok 1 - wrong a test$/m, 'as TAP');
    $run = run([$converse, '-c', '127.0.0.1:1', $file]);
    like($run->{out}, qr/:2: the connection s cannot be opened/, 'nobody listens');
    write_file($file, "id x\nopne s\n");
    $run = run([$converse, '-c', '127.0.0.1:1', $file]);
    like($run->{out}, qr/^# \S+:2:1: .*did you mean open/m, 'a file that cannot be understood');
    is($run->{status}, 1, 'and its status');
    write_file($file, "open s\nsend s bytes:0300\nwait 30 s\n");
    $run = run([$converse, '--limit', '1', '-c', "127.0.0.1:$ecmg->{port}", $file]);
    like($run->{out}, qr/takes longer than 1 s/, 'a file that takes too long');
    write_file($file, "open s\nrequest s test\n");
    $run = run([$converse, '-c', "127.0.0.1:$ecmg->{port}", $file]);
    like($run->{out}, qr/^ok .*# SKIP it asks a session in memory/m, 'requests');
    is(run([$converse])->{status}, 2, 'no file');
    is(run([$converse, '--set', 'x', '-c', "127.0.0.1:$ecmg->{port}", $rows[0]])->{status}, 1,
        'no NAME=VALUE');
    ok(stop_ecmg($ecmg), 'the ECMG ends well');
};

done_testing();
