#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The manual: man pages without a fault, every option in --help and in its page, and a --version
# that tells what configure decided. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Make;
use Simc::Run;

my $COLUMNS = 80;

program('simulcrypt', 'cli');    # without it there is nothing to test

my $overview = simulcrypt(['help']);
is("$overview->{status} $overview->{err}", '0 ', 'help');
my %summary = $overview->{out} =~ /^  ([a-z]+(?: [a-z]+)*) {2,}(\S.*)$/mg;
my @commands = grep { !/^(?:help|version)\b/ } sort keys %summary;
cmp_ok(scalar @commands, '>=', 2, "commands: @commands");
for my $word ([], ['--help'], ['-h']) {
    is(simulcrypt($word)->{out}, $overview->{out}, "'simulcrypt @$word' prints the same");
}

# ---- each command ----

# What bash would show in the place of a page; troff's escapes are gone.
sub plain {
    my ($page) = @_;
    $page =~ s/\\f[BIR]//g;
    $page =~ s/\\-/-/g;
    $page =~ s/\\e/\\/g;
    $page =~ s/\\&//g;
    return $page;
}

for my $command (@commands) {
    subtest $command => sub {
        my @words = split / /, $command;
        my $help = simulcrypt([@words, '--help']);
        is("$help->{status} $help->{err}", '0 ', '--help');
        is(simulcrypt([@words, '-h'])->{out}, $help->{out}, '-h is the same');
        is(simulcrypt(['help', @words])->{out}, $help->{out}, 'help is the same');
        my ($options) = $help->{out} =~ /^Options:\n(.*?)(?:^\S|\z)/ms;
        my ($examples) = $help->{out} =~ /^Examples:\n(.*?)(?:^\S|\z)/ms;
        my @wide = grep { length > $COLUMNS } split /\n/, $help->{out} =~ s/\Q$examples\E//r;
        is("@wide", '', "is at most $COLUMNS columns wide, but for examples");
        for my $section (qw(Usage Options Examples), 'Exit status') {
            like($help->{out}, qr/^$section:/m, "has $section");
        }

        my $page = simulcrypt(['manual', @words]);
        is("$page->{status} $page->{err}", '0 ', 'manual');
        my $text = plain($page->{out});
        my @names = $options =~ /(--[a-z][a-z-]*)/g;
        my %is_option;
        for my $row (split /\n(?=  (?:-\w,|   ) --)/, $options) {
            my ($letter, $name) = $row =~ /^  (-\w|  ),? +(--[a-z-]+)/ or next;
            $is_option{$name} = 1;
            my $both = $letter =~ /-/ ? "$letter, $name" : $name;
            like($text, qr/^\.TP\n\Q$both\E\b/m, "the page has $both");
        }
        my @unknown = grep { !$is_option{$_} } @names;
        is("@unknown", '', 'its sentences name no option that does not exist');
        like($text, qr/^simulcrypt-\Q@{[join '-', @words]}\E - \Q$summary{$command}\E$/m,
            'and the line that apropos shows');

        my $file = builddir() . '/simulcrypt-' . join('-', @words) . '.1';
        is(read_file($file), $page->{out}, 'the page that is installed is this one') if -e $file;
    };
}

subtest 'the page of the whole' => sub {
    my $page = simulcrypt(['manual']);
    my $text = plain($page->{out});
    like($text, qr/^\.TP\n\Q$_\E\n\Q$summary{$_}\E$/m, "tells $_") for @commands;
};

# ---- mandoc ----

my @pages = map { my $command = $_; {name => "simulcrypt-$command" =~ tr/ /-/r,
    text => simulcrypt(['manual', split / /, $command])->{out}} } @commands;
push @pages, {name => 'simulcrypt', text => simulcrypt(['manual'])->{out}};

subtest 'mandoc' => sub {
    my @mandoc = tool('MANDOC', 'mandoc');
    if (not @mandoc) {
        plan skip_all => 'mandoc is not installed' if $ENV{SIMC_ALLOW_SKIP};
        fail('mandoc is not installed (set SIMC_ALLOW_SKIP=1 to leave this out)');
        return;
    }
    for my $page (@pages) {
        my $file = write_file(scratch("$page->{name}.1"), $page->{text});
        my $run = run([@mandoc, '-T', 'lint', '-W', 'warning', $file]);
        # Pages have no date: one that changed with the day of the build would make two builds of
        # the same sources differ.
        my @faults = grep { !/missing date, using "": TH$/ } split /\n/, "$run->{out}$run->{err}";
        is(join("\n", @faults), '', "$page->{name} is clean");
    }
};

# ---- version ----

subtest 'version' => sub {
    my $run = simulcrypt(['--version']);
    is("$run->{status} $run->{err}", '0 ', '--version');
    is(simulcrypt(['version'])->{out}, $run->{out}, 'version is the same');
    my ($version) = make_words('PACKAGE_VERSION');
    like($run->{out}, qr/\Asimulcrypt \Q$version\E /, 'the version of the package');
    my $summary = read_file(builddir() . '/config.log');
    my @components = $run->{out} =~ /([a-z]+)=(?:yes|no|planned)/g;
    for my $component (grep { !/^(?:werror|sanitizers|fuzzers|coverage)$/ } @components) {
        my ($state) = $run->{out} =~ /\b$component=(\w+)/;
        is($state eq 'yes' ? 1 : '', has_component($component) ? 1 : '',
            "$component is $state, as config.h says");
    }
    cmp_ok(scalar @components, '>=', 4, 'the components and switches of configure');
    my ($compiler) = $run->{out} =~ /^compiler: +(.+)$/m;
    like($summary, qr/^CC='\Q$compiler\E/m, 'the compiler');
    like($run->{out}, qr/^protocols: +ECMG-SCS, EMMG-MUX, .*EIS-SCS/m, 'the protocols');
    is(simulcrypt(['--version'], out_file => '/dev/full')->{status}, 2, 'a full device is told');
};

done_testing;
