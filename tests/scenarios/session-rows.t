#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The page of the state machine, specs/sessions/ecmg-scs.md, is what the rows say. `make check` runs
# it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Make;
use Simc::Run;

my $program = builddir() . '/session-rows';
-x $program or BAIL_OUT('session-rows is not built');

my $run = run([$program]);
is("$run->{status} $run->{err}", '0 ', 'the program prints the page');
my $committed = read_file(srcdir() . '/specs/sessions/ecmg-scs.md');
my @printed = split /\n/, $run->{out};
my @wanted = split /\n/, $committed;
my ($line) = grep { ($printed[$_] // '') ne ($wanted[$_] // '') } 0 .. ($#printed > $#wanted
    ? $#printed : $#wanted);
ok($run->{out} eq $committed, 'the committed page is the same (make generate rewrites it)')
    or diag(defined $line ? 'first difference at line ' . ($line + 1) . ":\n< "
        . ($wanted[$line] // '') . "\n> " . ($printed[$line] // '') : 'the last line end differs');

subtest 'the page is whole' => sub {
    for my $title ('What the ECMG may receive', 'What the SCS may receive', 'ECMG, channel',
        'ECMG, streams', 'SCS, channel', 'SCS, streams', 'Timers', 'Errors', 'Versions',
        'Control words') {
        like($committed, qr/^## \Q$title\E$/m, $title);
    }
    my @ragged = grep { /^\|/ && /\|\s*$/ == 0 } @wanted;
    is("@ragged", '', 'its tables have closed rows');
};

done_testing;
