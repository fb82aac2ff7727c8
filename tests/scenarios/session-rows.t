#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The pages of the state machines in specs/sessions are what the rows say. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Make;
use Simc::Run;

my $program = builddir() . '/session-rows';
-x $program or BAIL_OUT('session-rows is not built');

my @COMMON = ('Both sides, channel', 'Both sides, streams', 'Timers', 'Errors', 'Versions', 'End');
my %TITLES = (
    'ecmg-scs' => [@COMMON, 'What the ECMG may receive', 'What the SCS may receive',
        'ECMG, channel', 'ECMG, streams', 'SCS, channel', 'SCS, streams', 'Control words'],
    'emmg-mux' => [@COMMON, 'What the MUX may receive', 'What the EMMG may receive', 'MUX, channel',
        'MUX, streams', 'EMMG, channel', 'EMMG, streams', 'Bandwidth', 'Data'],
);

for my $page (sort keys %TITLES) {
    my $run = run([$program, $page]);
    is("$run->{status} $run->{err}", '0 ', "$page: the program prints the page");
    my $committed = read_file(srcdir() . "/specs/sessions/$page.md");
    my @printed = split /\n/, $run->{out};
    my @wanted = split /\n/, $committed;
    my ($line) = grep { ($printed[$_] // '') ne ($wanted[$_] // '') } 0 .. ($#printed > $#wanted
        ? $#printed : $#wanted);
    ok($run->{out} eq $committed, "$page: the committed one is the same (see make generate)")
        or diag(defined $line ? 'first difference at line ' . ($line + 1) . ":\n< "
            . ($wanted[$line] // '')
            . "\n> " . ($printed[$line] // '') : 'the last line end differs');
    subtest "$page is whole" => sub {
        like($committed, qr/^## \Q$_\E$/m, $_) for @{$TITLES{$page}};
        my @ragged = grep { /^\|/ && /\|\s*$/ == 0 } @wanted;
        is("@ragged", '', 'its tables have closed rows');
    };
}
my $run = run([$program, 'nothing']);
is($run->{status}, 2, 'another page is refused');

done_testing;
