# SPDX-License-Identifier: BSL-1.0
# Runs suites of the unit tests, each in a process of its own, as one stream of TAP.
package Simc::Units;
use strict;
use warnings;
use Exporter qw(import);

use Simc::Run;

our @EXPORT = qw(run_half);

my $SUITE_S = 1200; # a suite that hangs ends

# Prints what a suite says, numbered from $count on. Returns how many tests it had.
sub run_suite {
    my ($program, $suite, $count) = @_;
    local $ENV{SIMC_SUITE} = $suite;
    my ($tests, $planned) = (0);
    open my $out, '-|', 'timeout', $SUITE_S, $program or die "cannot run $program: $!\n";
    while (my $line = <$out>) {
        if ($line =~ /^1\.\.(\d+)/) {
            $planned = $1;
        } elsif ($line =~ s/^((?:not )?ok) \d+/"$1 " . ($count + ++$tests)/e) {
            print $line;
        } else {
            print $line;
        }
    }
    close $out;
    my ($status, $signal) = ($? >> 8, $? & 127);
    # 1 says that tests have failed.
    if ($signal || $status > 1 || !defined $planned || $planned != $tests) {
        $tests++;
        print 'not ok ', $count + $tests, " - suite $suite ended with ",
            $signal ? "signal $signal" : "status $status", "; its log stands above\n";
    }
    return $tests;
}

# Every second suite, from the first or the second one on, so that two processes share the work.
sub run_half {
    my ($half) = @_;
    my $program = builddir() . '/unit-tests';
    $| = 1;
    # A process for each test takes far longer than the test where a sanitizer has to copy its maps
    # and looks for leaks at each end. The normal build keeps tests apart.
    $ENV{CK_FORK} = 'no' if is_sanitized() && !defined $ENV{CK_FORK};
    my @suites = split /\n/, `$program --list`;
    die "$program lists no suites\n" if !@suites;
    my $count = 0;
    for my $i (grep { $_ % 2 == $half } 0 .. $#suites) {
        $count += run_suite($program, $suites[$i], $count);
    }
    print "1..$count\n";
    return;
}

1;
