#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Every fuzz target runs over its whole corpus: what a fuzzer once found stays mended.
use strict;
use warnings;
use Test::More;

my $source = $ENV{SIMC_SRCDIR} // '.';
my $build = $ENV{SIMC_BUILDDIR} // '.';
my @programs = grep { -x && !-d } glob "$build/fuzz_*";
ok(@programs >= 3, 'the fuzz targets are built');

for my $program (@programs) {
    my ($name) = $program =~ /fuzz_(\w+)$/ or next;
    my $corpus = "$source/tests/fuzz/corpus/$name";
    my $output = qx{timeout 300 '$program' '$corpus' 2>&1};
    my $status = $?;
    is($status, 0, "$name: no finding in its corpus") or diag($output);
    like($output, qr/^ok\b/m, "$name: the corpus is not empty");
}
done_testing();
