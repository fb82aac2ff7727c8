#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# What a reviewer need not look for: format, headers of files, calls that are banned, and leftovers.
# `make check` runs it over all sources.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Make;
use Simc::Run;
use Simc::Tree;

my $COLUMNS = 100;
my $LINES = 900;
my $FORMAT_SECONDS = 120;

# ---- the files ----

my $IS_C = qr/\.[ch]$/;
my $IS_PERL = qr/\.(?:pl|pm|t)$/;
my $IS_SHELL = qr{\.sh$|^(?:run-\w+|\.ci/run|tests/check-long)$};
my $IS_ROWS = qr/\.(?:yaml|cddl|sql)$/;
my $IS_OTHER = qr/\.(?:md|mk|am|ac|m4|in|def|txt)$/;

# Inputs for parsers may hold anything; licences are as their authors wrote them.
my $IS_FOREIGN = qr{^(?:tests/fuzz/corpus|tests/data)/|^LICENSE};

my @files = grep { $_ !~ $IS_FOREIGN } source_files();
my %content = map { $_ => read_file(srcdir() . "/$_") } @files;
my @c_files = grep { $_ =~ $IS_C } @files;
my @own = grep { !is_generated($content{$_}) } @files;
my %code = map { $_ => code_of($content{$_}) } @c_files;

# Says in one test what is wrong in many files.
sub report {
    my ($name, @faults) = @_;
    is(join("\n", @faults), '', $name);
    return;
}

# Every line of some files for which the check gives a reason.
sub lines_with {
    my ($texts, $paths, $check) = @_;
    my @faults;
    for my $path (@$paths) {
        my $number = 0;
        for my $line (split /\n/, $texts->{$path}) {
            $number++;
            my $why = $check->($line, $path);
            push @faults, "$path:$number: $why" if $why;
        }
    }
    return @faults;
}

cmp_ok(scalar @c_files, '>', 30, 'C files: ' . @c_files);

# ---- text ----

my @texts = grep { $_ =~ $IS_C || $_ =~ $IS_PERL || $_ =~ $IS_SHELL || $_ =~ $IS_ROWS
    || $_ =~ $IS_OTHER } @files;
my @written = grep { !is_generated($content{$_}) } @texts;
my @programs = grep { $_ =~ $IS_C || $_ =~ $IS_PERL || $_ =~ $IS_SHELL } @written;

report("lines of at most $COLUMNS columns", lines_with(\%content, \@programs, sub {
    my ($line) = @_;
    utf8::decode($line);
    return length $line > $COLUMNS && length($line) . ' columns';
}));
report('no tabs in C, Perl and shell', lines_with(\%content, \@programs, sub {
    return $_[0] =~ /\t/ && 'a tab';
}));
report('no blanks at line ends', lines_with(\%content, \@texts, sub {
    return $_[0] =~ /[ \t\r]$/ && 'a blank or a carriage return at the end';
}));
report('files end with one line end', grep {
    $content{$_} !~ /[^\n]\n\z/ && length $content{$_}
} @texts);
report("files of at most $LINES lines", grep { ($content{$_} =~ tr/\n//) > $LINES } @programs);

# ---- heads of files ----

report('a licence line in each C, Perl and YAML file', grep {
    ($_ =~ $IS_C || $_ =~ $IS_PERL || $_ =~ $IS_ROWS)
        && $content{$_} !~ m{\A(?:(?:\#!|/\*\ Generated)\N*\n)?
            (?:/\*|\#|--|;)\ SPDX-License-Identifier:\ BSL-1\.0\b}x
} @texts);
report('a first comment that tells what a file is', grep {
    ($_ =~ $IS_C && $content{$_} !~ m{^/\*(?:\*)? (?!SPDX|Generated)(?:(?!\*/).){30,}|^/\*\*\n}ms)
        || ($_ =~ $IS_PERL && $content{$_} !~ /^# SPDX[^\n]*\n# [^\n]{20,}/m)
} @written);
report('a guard or a use in each header', grep {
    /\.h$/ && !/_table\.h$/ && $content{$_} !~ /^#ifndef SIM(?:C__|ULCRYPT_)\w*_H$/m
} grep { m{^(?:include|lib|cli)/} } @own);

# ---- leftovers ----

my $leftover = join '|', map { join '', @$_ } ['TO', 'DO'], ['FIX', 'ME'], ['X', 'XX'];
report('nothing left to do', lines_with(\%content, \@texts, sub {
    return $_[0] =~ /\b(?:$leftover)\b/ && "'$&'";
}));
report('no paths of a machine', lines_with(\%content, \@texts, sub {
    return $_[0] =~ m{(?<![\w.*])/(?:root|home|work|Users)/\w} && "'$&'";
}));

# ---- calls ----

# Which calls, in which files, and what to do instead.
my $IS_LIB = qr{^lib/(?!base/alloc\.c$)};
my $IS_PRODUCT = qr{^(?:lib|cli|ecmg|emmg|scs|mux|ams|kms|receiver)/};
my @BANNED = (
    ['strcpy, strcat', qr/str(?:n?cpy|n?cat)|stpcpy/, qr/./, 'a writer, or snprintf'],
    ['sprintf', qr/v?sprintf/, qr/./, 'snprintf'],
    ['gets, mktemp', qr/gets|tmpnam|mktemp/, qr/./, 'there is no safe use'],
    ['strtok', qr/strtok(?:_r)?/, qr/./, 'a cursor'],
    ['alloca', qr/alloca/, qr/./, 'an array with a fixed size'],
    ['atoi', qr/ato(?:i|l|ll|f)/, qr/./, 'simc__text_read_uint'],
    ['cbor_load', qr/cbor_load/, qr/./, 'cbor_stream_decode, which takes no memory by itself'],
    ['malloc in lib', qr/malloc|calloc|realloc(?:array)?|free|strn?dup|v?asprintf/, $IS_LIB,
        'simc_alloc'],
    ['rand', qr/s?rand(?:om)?|drand48/, $IS_PRODUCT, 'simc__process_random'],
    ['printf in lib', qr/v?f?printf|f?puts|f?putc(?:har)?/, $IS_LIB, 'a writer, or a log line'],
);
for my $row (@BANNED) {
    my ($name, $calls, $where, $instead) = @$row;
    my @paths = grep { $_ =~ $where } @c_files;
    report("no $name: $instead", lines_with(\%code, \@paths, sub {
        return $_[0] =~ /(?<![>.\w])($calls)\s*\(/ && $1;
    }));
}

# Names of what holds a control word or a key, and what may not be done with their bytes. What a
# table is searched by is called a key too, but not in the folders that deal with cryptography.
my $SECRET = qr/\b(?:\w*_)?(?:secret|cw|cw_ek|(?:device|master|group|package|private)_key)s?\b/i;
my $KEY = qr/\b(?:\w*_)?keys?\b/i;
my $HAS_KEYS = qr{^(?:lib/(?:base|cas|scramble)|kms|ecmg|receiver)/};
my @product = grep { $_ =~ $IS_PRODUCT } @c_files;
report('secrets are compared in constant time only', lines_with(\%code, \@product, sub {
    my ($line, $path) = @_;
    my ($call) = $line =~ /(?<![>.\w])((?:memcmp|bcmp|simc_slice_equal)\s*\(.*)/ or return;
    return ($call =~ $SECRET || ($path =~ $HAS_KEYS && $call =~ $KEY)) && $call;
}));
report('secrets are printed by their fingerprints only', lines_with(\%code, \@product, sub {
    my ($line, $path) = @_;
    my ($call) = $line =~ /(?<![>.])\b(\w*printf\s*\(.*)/ or return;
    my $name = $path =~ $HAS_KEYS ? qr/$SECRET|$KEY/ : $SECRET;
    return $call =~ /$name(?:\.|->)(?:bytes|data|memory)\b/ && $call;
}));

# ---- tools ----

subtest 'clang-format' => sub {
    my @clang_format = tool('CLANG_FORMAT', 'clang-format');
    if (not @clang_format) {
        plan skip_all => 'clang-format is not installed' if $ENV{SIMC_ALLOW_SKIP};
        fail('clang-format is not installed (set SIMC_ALLOW_SKIP=1 to leave this out)');
        return;
    }
    # Generated files switch it off themselves, or are formatted too.
    my $run = run([@clang_format, '--dry-run', '-Werror', '--style=file',
        map { srcdir() . "/$_" } @c_files], seconds => $FORMAT_SECONDS);
    my %first;
    for my $line (split /\n/, $run->{err}) {
        my ($path, $place) = $line =~ /^(\S+?):(\d+:\d+): error/ or next;
        $first{$path} ||= "$path:$place";
    }
    report('every C file has the format of .clang-format (see make format)',
        map { $first{$_} } sort keys %first);
    is($run->{status}, 0, 'and clang-format says so') if not %first;
};

subtest 'scripts' => sub {
    my @scripts = grep { $_ =~ $IS_PERL } @files;
    report('strict and warnings in each Perl file', grep {
        $content{$_} !~ /^use strict;$/m || $content{$_} !~ /^use warnings\b/m
    } @scripts);
    for my $path (grep { $_ =~ $IS_SHELL } @files) {
        my ($shell) = $content{$path} =~ m{\A#!/bin/(\w+)};
        next if not $shell;
        my $run = run([$shell, '-n', srcdir() . "/$path"]);
        is("$run->{status} $run->{err}", '0 ', "$path is $shell");
    }
};

done_testing;
