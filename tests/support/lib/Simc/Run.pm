# SPDX-License-Identifier: BSL-1.0
# Starts programs for the scenarios: with an end to every wait, in a temporary folder that is
# removed at the end. All *.t files use it.
package Simc::Run;

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Handle;
use POSIX qw(:sys_wait_h);
use Test::More;

our @EXPORT = qw(builddir has_component is_sanitized needs program read_file run scratch simulcrypt
    skip_or_fail srcdir write_file);

my $SECONDS = 60;    # a program that has not ended by then is killed, and the run says so

my $scratch;

# The folder of the sources and that of the build; `make check` names both.
sub srcdir { return abs_path($ENV{SIMC_SRCDIR} || dirname(__FILE__) . '/../../../..') }
sub builddir { return abs_path($ENV{SIMC_BUILDDIR} || '.') }

# A temporary folder of this scenario, or the path of a name in it.
sub scratch {
    my ($name) = @_;
    # Short and in the open: unix sockets fit, and other users may be let in.
    $scratch ||= tempdir('simc-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    return defined $name ? "$scratch/$name" : $scratch;
}

sub write_file {
    my ($path, @content) = @_;
    open my $out, '>:raw', $path or die "cannot write $path: $!\n";
    print {$out} @content;
    close $out or die "cannot write $path: $!\n";
    return $path;
}

sub read_file {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "cannot read $path: $!\n";
    local $/ = undef;
    my $content = <$in>;
    close $in;
    return defined $content ? $content : '';
}

# What configure has decided, from config.h.
sub has_component {
    my ($name) = @_;
    my $config = builddir() . '/config.h';
    return 1 if not -e $config;
    return read_file($config) =~ /^#define SIMC_WITH_\U$name\E 1$/m;
}

sub is_sanitized {
    my $config = builddir() . '/config.h';
    return -e $config && read_file($config) !~ /sanitizers=no/;
}

# Ends the scenario because something is missing: as a skip where the user allows it, else as a
# failure, so that nothing goes untested unnoticed.
sub skip_or_fail {
    my ($why) = @_;
    plan skip_all => $why if $ENV{SIMC_ALLOW_SKIP};
    plan tests => 1;
    fail("$why (set SIMC_ALLOW_SKIP=1 to leave this out)");
    exit 1;
}

# Ends the scenario unless these programs are in the PATH.
sub needs {
    for my $tool (@_) {
        next if grep { -x "$_/$tool" } split /:/, $ENV{PATH};
        skip_or_fail("$tool is not installed");
    }
    return;
}

# The path of a program of this build. A component that was left out is a skip.
sub program {
    my ($name, $component) = @_;
    my $path = builddir() . "/$name";
    plan skip_all => "configured without $component" if $component && !has_component($component);
    skip_or_fail("$path has not been built") if not -x $path;
    return $path;
}

# In the child: puts a file in the place of a descriptor.
sub redirect {
    my ($handle, $mode, $path) = @_;
    open $handle, $mode, $path or POSIX::_exit(126);
    return;
}

# Runs a command to its end. Options: in (bytes), in_file, out_file, seconds, user (an id, for
# root only), env (a hash). Returns {status, signal, timed_out, out, err}; status -1: killed.
sub run {
    my ($command, %how) = @_;
    my $in = $how{in_file} || '/dev/null';
    $in = write_file(scratch('.in'), $how{in}) if defined $how{in};
    my ($out, $err) = ($how{out_file} || scratch('.out'), scratch('.err'));
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        # A group of its own, so that what it starts is ended with it.
        setpgrp 0, 0;
        redirect(\*STDIN, '<', $in);
        redirect(\*STDOUT, '>', $out);
        redirect(\*STDERR, '>', $err);
        %ENV = (%ENV, %{$how{env} || {}});
        ($(, $)) = ($how{user}, "$how{user} $how{user}") if $how{user};
        POSIX::setuid($how{user}) if $how{user};
        exec {$command->[0]} @$command or POSIX::_exit(127);
    }
    my ($status, $timed_out) = (0, 0);
    my $ended = eval {
        local $SIG{ALRM} = sub { die "late\n" };
        alarm($how{seconds} || $SECONDS);
        waitpid $pid, 0;
        $status = $?;
        alarm 0;
        1;
    };
    die $@ if not $ended and $@ ne "late\n";
    # What it has left behind in the background ends with it too.
    kill KILL => -$pid;
    if (not $ended) {
        $timed_out = 1;
        waitpid $pid, 0;
        $status = $?;
    }
    return {
        status => WIFEXITED($status) ? WEXITSTATUS($status) : -1,
        signal => WIFSIGNALED($status) ? WTERMSIG($status) : 0,
        timed_out => $timed_out,
        out => $how{out_file} ? '' : read_file($out),
        err => read_file($err),
    };
}

# Runs the simulcrypt command.
sub simulcrypt {
    my ($arguments, %how) = @_;
    return run([program('simulcrypt', 'cli'), @$arguments], %how);
}

1;
