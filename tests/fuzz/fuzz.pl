#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Runs fuzz targets for some seconds each, from a copy of their corpus, and prints executions per
# second: fuzz.pl SECONDS PROGRAM... (`make fuzz` calls it; a finding ends with status 1).
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my ($seconds, @programs) = @ARGV;
die "usage: fuzz.pl SECONDS PROGRAM...\n" unless @programs && $seconds =~ /^\d+$/;
my $here = dirname($0);
my $failed = 0;

for my $program (@programs) {
    (my $name = $program) =~ s/^.*fuzz_//;
    my $corpus = "$here/corpus/$name";
    my $work = tempdir("fuzz-$name-XXXXXX", CLEANUP => 1, TMPDIR => 1);
    my @dictionary = -f "$here/dict/$name.dict" ? ("-dict=$here/dict/$name.dict")
        : -f "$here/dict/simulcrypt.dict" ? ("-dict=$here/dict/simulcrypt.dict") : ();
    my $log = "$work.log";
    my @command = ("./$program", "-max_total_time=$seconds", '-print_final_stats=1', '-timeout=10',
        '-rss_limit_mb=2048', "-artifact_prefix=fuzz-finding-$name-", @dictionary, $work, $corpus);
    my $status = do {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', $log or die;
            open STDERR, '>&', \*STDOUT or die;
            exec @command or die;
        }
        waitpid $pid, 0;
        $?;
    };
    open my $in, '<', $log or die "$log: $!";
    my @lines = <$in>;
    close $in;
    my ($rate) = map { /average_exec_per_sec:\s*(\d+)/ ? $1 : () } @lines;
    my ($count) = map { /number_of_executed_units:\s*(\d+)/ ? $1 : () } @lines;
    printf "%-24s %12s executions %10s per second  %s\n", $name, $count // '?', $rate // '?',
        $status == 0 ? 'no finding' : 'FINDING';
    if ($status) {
        $failed = 1;
        print @lines > 60 ? @lines[-60 .. -1] : @lines;
    }
    unlink $log;
}
exit $failed;
