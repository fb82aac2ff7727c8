#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# What deploy holds can be installed as it is: the daemons take the example configurations, and
# systemd takes the units.
use strict;
use warnings;

use File::Basename qw(basename);
use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Run;

my $deploy = srcdir() . '/deploy';
my %program_of = ('ecmgd.yaml' => 'ecmgd', 'ecmgd-backup.yaml' => 'ecmgd', 'scsd.yaml' => 'scsd',
    'muxd.yaml' => 'muxd');
my @WANTED = qw(NoNewPrivileges ProtectSystem MemoryDenyWriteExecute SystemCallFilter LimitMEMLOCK
    WatchdogSec User RestrictAddressFamilies);

subtest 'examples' => sub {
    my $folder = scratch('etc');
    mkdir $folder, 0700;
    my $keys = simulcrypt(['keys', 'new', "$folder/keys.yaml", '--package', 1, '--package', 2]);
    is($keys->{status}, 0, 'keys');
    is_deeply([sort map { basename $_ } glob "$deploy/examples/*.yaml"], [sort keys %program_of],
        'each example belongs to a daemon');
    for my $name (sort keys %program_of) {
        my $path = write_file("$folder/$name", read_file("$deploy/examples/$name"));
        my $check = run([program($program_of{$name}), '--config', $path, '--check']);
        is("$check->{status} $check->{err}", '0 ', "$program_of{$name} takes $name");
        write_file($path, read_file($path), "nonsense: 1\n");
        $check = run([program($program_of{$name}), '--config', $path, '--check']);
        is($check->{status}, 1, 'and would say what is wrong');
    }
};

subtest 'units' => sub {
    my @units = glob "$deploy/systemd/*.service";
    my $users = read_file("$deploy/systemd/opensimulcrypt.sysusers");
    for my $unit (@units) {
        my $name = basename($unit);
        my %value = read_file($unit) =~ /^(\w+)=(.*)$/mg;
        is(join(' ', grep { !$value{$_} } @WANTED), '', "$name is hardened");
        is($value{Type}, 'notify', "$name waits for READY=1");
        my ($program, $config) = $value{ExecStart}
            =~ m{^/usr/bin/(\w+) --config /etc/opensimulcrypt/([\w%-]+\.yaml)$};
        $config =~ s/%i/backup/;
        is($program_of{$config}, $program, "$name starts $program with an example");
        like($users, qr/^u $value{User} /m, "there is a user $value{User}");
    }
    my ($analyze) = grep { -x } map { "$_/systemd-analyze" } split /:/, $ENV{PATH};
    SKIP: {
        skip 'systemd-analyze is not installed', 1 if not $analyze;
        # The programs need not be installed here.
        my $folder = scratch('units');
        mkdir $folder;
        my @copies = map {
            my $text = read_file($_);
            $text =~ s{^ExecStart=/usr/bin/(\w+)}{'ExecStart=' . program($1)}me;
            write_file("$folder/" . basename($_), $text);
        } @units;
        my $verify = run([$analyze, 'verify', '--man=no', @copies]);
        is($verify->{err} . $verify->{out}, '', 'systemd has nothing to say');
    }
};

done_testing;
