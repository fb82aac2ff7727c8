#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Runs a whole head-end on this host, shows it and judges it. run-headend starts it with its own
# arguments, when everything is built. Needs no module that Debian's perl does not have.
#
#     headend.pl SOURCE_FOLDER BUILD_FOLDER [OPTION...]
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::Bin/lib";

use Cwd qw(abs_path getcwd);
use Headend::Options qw(parse);
use Headend::Process;
use Headend::Run;

my ($source, $build, @arguments) = @ARGV;
die "usage: headend.pl SOURCE_FOLDER BUILD_FOLDER [OPTION...]\n" if not defined $build;
my $given = parse(@arguments);
if ($given->{help} || $given->{fault}) {
    Headend::Options::check(@arguments);
}
$given->{state} = defined $given->{state} ? $given->{state} : "$source/state";
# Programs are started in this folder, and some take paths from that of their configuration.
$given->{state} = getcwd() . "/$given->{state}" if $given->{state} !~ m{\A/};
$given->{input} = abs_path($given->{input})
    if defined $given->{input} && $given->{input} !~ m{\A\w[\w+.-]*://};

umask 0077;
$| = 1;
$SIG{PIPE} = 'IGNORE';
my $run = Headend::Run->new(given => $given, source => abs_path($source),
    build => abs_path($build));
my $signals = 0;
for my $name (qw(INT TERM HUP)) {
    $SIG{$name} = sub {
        $run->ask_to_end;
        return if ++$signals < 3;
        Headend::Process::kill_all();
        $run->{screen}->close_screen;
        POSIX::_exit(1);
    };
}
my $status = eval { $run->run };
if (not defined $status) {
    my $why = $@;
    chomp $why;
    eval { $run->stop; 1 } or Headend::Process::kill_all();
    $run->{screen}->close_screen;
    print STDERR "run-headend: $why\n";
    $status = 1;
}
exit $status;
