# SPDX-License-Identifier: BSL-1.0
# Asks the build about itself: what a variable of the Makefile holds; and runs its targets. The
# scenarios that look at libraries, headers and man pages use it.
package Simc::Make;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

use Simc::Run;

our @EXPORT = qw(make make_words tool);

# What `make check` has set for its own jobs would confuse a make of ours.
my %CLEAN = map { $_ => '' } qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS);

# Runs make in the build folder.
sub make {
    my (@arguments) = @_;
    return run(['make', '-s', '--no-print-directory', '-C', builddir(), @arguments],
        env => \%CLEAN, seconds => 300);
}

# The words of a variable, after all conditionals.
sub make_words {
    my ($variable) = @_;
    my $run = make("--eval=simc-print: ; \@echo words: \$($variable)", 'simc-print');
    my ($words) = $run->{out} =~ /^words: ?(.*)$/m;
    die "make does not tell $variable: $run->{err}\n" if $run->{status} or not defined $words;
    return split ' ', $words;
}

# A tool that configure has found, as a list of words; empty when it is missing.
sub tool {
    my ($variable, $fallback) = @_;
    my @words = split ' ', defined $ENV{$variable} ? $ENV{$variable} : $fallback;
    return () if not @words;
    return @words if $words[0] =~ m{/};
    return (grep { -x "$_/$words[0]" } split /:/, $ENV{PATH}) ? @words : ();
}

1;
