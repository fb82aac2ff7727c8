# SPDX-License-Identifier: BSL-1.0
# The source files of the tree, and C sources without their comments and strings. The scenarios that
# check the tree itself (layers, style, headers) use it.
package Simc::Tree;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use File::Find;

use Simc::Run;

our @EXPORT = qw(code_of is_generated source_files);

# What autoreconf puts into the tree.
my $IS_AUTOTOOLS = qr{^(?:aclocal\.m4|m4/(?:libtool|lt\w+|lt~\w+)\.m4
    |build-aux/(?:ltmain|tap-driver)\.sh)$}x;

# A hidden folder, a build tree, or where distcheck installs.
sub is_no_source_folder {
    my ($path) = @_;
    return $path =~ m{/(?:\.[^/]*|_inst|autom4te\.cache)$} || -e "$path/config.status";
}

# Paths of all sources, from the top folder on, sorted: what git knows or would take, or in a
# release archive all that is there, without the results of builds.
sub source_files {
    my $top = srcdir();
    my @files;
    if (-e "$top/.git") {
        my $listed = run(['git', '-c', "safe.directory=$top", '-C', $top, 'ls-files', '-co', '-z',
            '--exclude-standard']);
        @files = split /\0/, $listed->{out} if $listed->{status} == 0;
    }
    if (not @files) {
        find({
            no_chdir => 1,
            wanted => sub {
                $File::Find::prune = 1 if $_ ne $top && -d && is_no_source_folder($_);
                push @files, substr $_, 1 + length $top
                    if -f && /\.(?:c|h|pl|pm|t|mk|ac|m4|sh|md|yaml)$/;
            },
        }, $top);
    }
    return sort grep { -f "$top/$_" && $_ !~ $IS_AUTOTOOLS } @files;
}

# Generated files say so on their first line.
sub is_generated {
    my ($content) = @_;
    return $content =~ m{\A(?:/\*|#) Generated\b};
}

# C code with comments and the insides of strings blanked; lines stay where they are.
sub code_of {
    my ($content) = @_;
    my $blank = sub { my ($text) = @_; $text =~ s/[^\n]/ /g; return $text };
    $content =~ s{(/\*.*?\*/|//[^\n]*)|"((?:[^"\\\n]|\\.)*)"|('(?:[^'\\\n]|\\.)+')}
                 {defined $1 ? $blank->($1) : defined $2 ? '"' . $blank->($2) . '"' : $3}gse;
    return $content;
}

1;
