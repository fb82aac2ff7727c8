#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Generates C tables, typed messages, a documentation page and a dictionary for fuzzers from the
# rows in specs/protocol. Engineers run it after they changed a row; tests run it with --check.
use strict;
use warnings FATAL => 'all';

use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use File::Spec;
use File::Temp;
use FindBin;
use Getopt::Long;

use lib "$FindBin::Bin/gen-protocol";
use CSource;
use Columns;
use Model;
use Pages;
use Reader;

my $USAGE = <<'END';
usage: gen-protocol.pl [--check] [--root DIR]
Reads DIR/specs/protocol/*.yaml (DIR is the source tree if not given) and writes what is generated.
  --check  write nothing; print what would change, and fail if there is something
END

# What is written, and who writes it.
my @OUTPUTS = (
    ['lib/proto/tables.c', \&CSource::tables_c],
    ['include/simulcrypt/messages.h', \&CSource::messages_h],
    ['lib/proto/messages.c', \&CSource::messages_c],
    ['specs/protocol/tables.md', \&Pages::tables_md],
    ['tests/fuzz/dict/simulcrypt.dict', \&Pages::dictionary],
);

my ($check, $root) = (0, dirname($FindBin::Bin));
GetOptions('check' => \$check, 'root=s' => \$root) && !@ARGV or die $USAGE;

my $faults = 0;
my $models = read_models();
die "gen-protocol: nothing written, faults: $faults\n" if $faults;

my $stale = 0;
for my $output (@OUTPUTS) {
    my ($path, $writer) = @$output;
    my $text = $writer->($models);
    $check ? ($stale += compare($path, $text)) : write_file("$root/$path", $text);
}
die "gen-protocol: run build-aux/gen-protocol.pl and commit what it writes\n" if $stale;

sub complain {
    my ($place, $text) = @_;
    print STDERR "$place->{' file'}:$place->{' line'}: $text\n";
    $faults++;
    return;
}

# Reads and checks all specs.
sub read_models {
    my $folder = 'specs/protocol';
    opendir my $listing, "$root/$folder" or die "gen-protocol: cannot read $root/$folder: $!\n";
    my @names = sort grep { /\.yaml\z/ } readdir $listing;
    closedir $listing;
    my @files;
    for my $name (@names) {
        my $sections = Reader::read_file("$root/$folder/$name", "$folder/$name", \&complain);
        push @files, {shown => "$folder/$name", sections => $sections};
    }
    return if $faults;
    complain({' file' => $folder, ' line' => 0},
        @files . " interfaces found, but SIMC__INTERFACE_COUNT is $Columns::LIMIT{interfaces}")
        if @files != $Columns::LIMIT{interfaces};
    return Model::build(\@files, \&complain);
}

sub read_text {
    my ($path) = @_;
    open my $in, '<:raw', $path or return;
    local $/;
    return scalar <$in>;
}

# Compares one generated file. Returns 1 when it differs, after a unified diff of it.
sub compare {
    my ($path, $text) = @_;
    my $old = read_text("$root/$path");
    return 0 if defined $old and $old eq $text;
    my $new = File::Temp->new;
    print {$new} $text;
    close $new or die "gen-protocol: cannot write $new: $!\n";
    my $file = defined $old ? "$root/$path" : File::Spec->devnull;
    my @labels = ('-L', $path, '-L', "$path as the rows say");
    $| = 1;
    system('diff', '-u', @labels, $file, "$new") >= 0 or print "$path is not as the rows say\n";
    return 1;
}

# Writes a file whole or not at all, and leaves it alone when nothing changed.
sub write_file {
    my ($path, $text) = @_;
    my $old = read_text($path);
    return if defined $old and $old eq $text;
    make_path(dirname($path));
    open my $out, '>:raw', "$path.new" or die "gen-protocol: cannot write $path.new: $!\n";
    print {$out} $text and close $out and rename "$path.new", $path
        or die "gen-protocol: cannot write $path: $!\n";
    return;
}
