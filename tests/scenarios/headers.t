#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# What a program outside of this tree meets: each installed header compiles alone in C and C++, and
# after `make install` pkg-config leads to a library that works. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Make;
use Simc::Message;
use Simc::Run;

my @headers = map { m{include/(simulcrypt/\w+\.h)$} } make_words('simulcryptinclude_HEADERS');
cmp_ok(scalar @headers, '>=', 3, "headers: @headers");

# Parts of other headers, which tell by an #error what to include instead.
my %part_of;
for my $header (@headers) {
    my $text = read_file(srcdir() . "/include/$header");
    $part_of{$header} = $1 if $text =~ /^#error "include (\S+), which includes this file"/m;
}

# Flags of a sanitizer build, without which nothing would link.
my ($sanitize) = read_file(builddir() . '/config.h') =~ /sanitizers=([\w,]+)/;
my @link_flags = $sanitize && $sanitize ne 'no' ? ("-fsanitize=$sanitize") : ();

# The compilers as [words, options]: the ones of this build, and others that are there.
sub compilers {
    my @c = qw(-std=c11 -x c);
    my @cxx = qw(-std=c++17 -x c++);
    my %seen;
    # A build for another word size (-m32) wants all of them to make the same.
    my @size = grep { /^-m\d+$/ } tool('CC', 'cc');
    my $other = sub { my @words = tool('', $_[0]); return @words ? [@words, @size] : [] };
    my @all = ([[tool('CC', 'cc')], \@c], [[tool('CXX', 'c++')], \@cxx], [$other->('gcc'), \@c],
        [$other->('clang'), \@c], [$other->('g++'), \@cxx], [$other->('clang++'), \@cxx]);
    return grep { @{$_->[0]} && !$seen{"@{$_->[0]}"}++ } @all;
}

subtest 'each header alone' => sub {
    my @used;
    for my $compiler (compilers()) {
        my ($words, $options) = @$compiler;
        push @used, "@$words";
        for my $header (@headers) {
            # A part of another header is reached through that one, and says so.
            my $whole = $part_of{$header} || $header;
            # Twice, because of its guard.
            my $source = write_file(scratch('header.txt'),
                join '', map { qq{#include "$_"\n} } $whole, $header, $header);
            my $run = run([@$words, @$options, qw(-Wall -Wextra -Wpedantic -Werror
                -fsyntax-only -I), srcdir() . '/include', $source]);
            is("$run->{status} $run->{err}", '0 ', "$header: @$words $options->[0]");
        }
    }
    ok((grep { /\+\+/ } @used), "C++ is among them: @used")
        or diag('a C++ compiler is missing (set SIMC_ALLOW_SKIP=1 to leave it out)')
        if !$ENV{SIMC_ALLOW_SKIP};
};

# ---- installing ----

my $root = scratch('root');
my $installed = make('install', "DESTDIR=$root");
is($installed->{status}, 0, 'make install') or diag($installed->{err});

my ($prefix, $libdir, $includedir, $bindir, $man) =
    map { (make_words($_))[0] } qw(prefix libdir includedir bindir man1dir);
for my $header (@headers) {
    ok(-s "$root$includedir/$header", "$header is installed");
}
if (has_component('cli')) {
    ok(-x "$root$bindir/simulcrypt", 'the command is installed');
    ok(-s "$root$man/simulcrypt-dump.1", 'and its man page');
}
my @unwanted = grep { !m{/(?:bin|lib\w*|include|share)(?:/|$)} } glob "$root$prefix/*";
is("@unwanted", '', 'and nothing anywhere else');

# A consumer: decodes the bytes in argv[1], says what it sees, and builds the message again from
# what it has read, with public calls only.
my $CONSUMER = <<'END';
#include <simulcrypt/msg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    uint8_t bytes[256], again[256];
    size_t size;
    struct simc_msg msg;
    struct simc_fault fault;
    struct simc_rules rules;
    struct simc_parameter parameter;
    memset(&rules, 0, sizeof rules);
    if (argc != 2 || simc_hex_read(simc_slice_text(argv[1]), bytes, sizeof bytes, &size, NULL))
        return 2;
    if (simc_msg_decode(&rules, simc_slice(bytes, size), &msg, &fault))
        return 3;
    struct simc_writer out = simc_writer(again, sizeof again);
    size_t start = simc_msg_begin(&out, msg.version, msg.type);
    struct simc_parameter_cursor cursor = simc_msg_parameters(&msg);
    while (simc_parameter_next(&cursor, &parameter) == 0)
        simc_msg_put(&out, parameter.code, parameter.value);
    if (simc_msg_end(&out, start))
        return 4;
    printf("%s %s %s\n", msg.interface->name, msg.row->name,
           simc_slice_equal(simc_slice(again, out.at), msg.bytes) ? "same" : "different");
    return 0;
}
END

# The example ECM-17: control words 16 and 17 for crypto period 16.
my $provision = hex_of(message(3, 0x0201, 0x000e => '0001', 0x000f => '0002', 0x0012 => '0010',
    0x0014 => '001011223366445566ff', 0x0014 => '0017a1b2c316d4e5f6af'));

subtest 'a program of somebody else' => sub {
    my @pkg_config = tool('PKG_CONFIG', 'pkg-config');
    if (not @pkg_config) {
        plan skip_all => 'pkg-config is not installed' if $ENV{SIMC_ALLOW_SKIP};
        fail('pkg-config is not installed (set SIMC_ALLOW_SKIP=1 to leave this out)');
        return;
    }
    my %env = (PKG_CONFIG_LIBDIR => "$root$libdir/pkgconfig", PKG_CONFIG_PATH => '',
        PKG_CONFIG_SYSROOT_DIR => $root);
    my $flags = run([@pkg_config, '--cflags', '--libs', 'simulcrypt'], env => \%env);
    is("$flags->{status} $flags->{err}", '0 ', 'pkg-config knows simulcrypt');
    my $version = run([@pkg_config, '--modversion', 'simulcrypt'], env => \%env);
    my ($ours) = make_words('PACKAGE_VERSION');
    is($version->{out}, "$ours\n", 'in this version');

    my $source = write_file(scratch('consumer.c'), $CONSUMER);
    for my $compiler (compilers()) {
        my ($words, $options) = @$compiler;
        # Objects of one compiler's sanitizer do not fit another's runtime.
        next if @link_flags && "@$words" ne join ' ', tool('CC', 'cc');
        my $program = scratch('consumer');
        my $built = run([@$words, @$options, $source, '-x', 'none', '-Wall', '-Wextra', '-Werror',
            @link_flags, '-o', $program, split ' ', $flags->{out}]);
        is("$built->{status} $built->{err}", '0 ', "builds with @$words");
        my $run = run([$program, $provision], env => {LD_LIBRARY_PATH => "$root$libdir"});
        is("$run->{status} $run->{out}$run->{err}", "0 ECMG-SCS CW_provision same\n", 'and runs');
    }
};

# ---- and back ----

my $gone = make('uninstall', "DESTDIR=$root");
my @left = split /\n/, run(['find', $root, '-type', 'f'])->{out};
is("$gone->{status} @left", '0 ', 'make uninstall leaves no file');

done_testing;
