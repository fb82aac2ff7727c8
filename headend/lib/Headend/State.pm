# SPDX-License-Identifier: BSL-1.0
# The state folder of run-headend: keys, configurations, logs. It holds nothing that cannot be made
# again, so it may be deleted at any time. headend.pl prepares and restores it.
package Headend::State;

use strict;
use warnings FATAL => 'all';

use Errno qw(ENOENT);
use Fcntl qw(:flock O_CREAT O_RDWR O_WRONLY O_TRUNC);
use File::Path qw(make_path);

my $FORMAT = 1;              # of the folder; raise it when an older folder cannot be used
my $FREE_KIB = 100 << 10;    # what must be free at the start
my @FOLDERS = qw(log run samples);

# Dies with a sentence when the folder cannot be used.
sub open_folder {
    my ($class, $folder) = @_;
    my $self = bless {folder => $folder, files => {}}, $class;
    if (!-d $folder && !mkdir $folder, 0700) {
        die "$folder: the state folder cannot be made: $!; name another one with --state FOLDER\n";
    }
    opendir my $handle, $folder
        or die "$folder: the state folder cannot be read: $!; name another one with"
        . " --state FOLDER\n";
    my @there = grep { !/\A\.\.?\z/ } readdir $handle;
    closedir $handle;
    $self->look_at_version(@there);
    $self->lock_folder;
    $self->look_at_space;
    $self->put('version', "$FORMAT\n");
    $self->make_folders;
    return $self;
}

sub path { return "$_[0]{folder}/$_[1]" }

sub look_at_version {
    my ($self, @there) = @_;
    return if !@there || (@there == 1 && $there[0] eq 'lock');
    my $folder = $self->{folder};
    open my $in, '<', "$folder/version"
        or die $! == ENOENT
        ? "$folder is not empty, and was not made by run-headend; name another folder with"
        . " --state FOLDER\n"
        : "$folder/version cannot be read: $!; start as the user who made $folder, or delete it\n";
    my $version = <$in>;
    $version = '' if not defined $version;
    chomp $version;
    die "$folder was made by another version of run-headend (format '$version', this one has"
        . " $FORMAT); delete it: rm -r $folder\n" if $version ne $FORMAT;
    return;
}

# One head-end at a time. The lock ends with the process.
sub lock_folder {
    my ($self) = @_;
    my $path = $self->path('lock');
    sysopen $self->{lock}, $path, O_RDWR | O_CREAT, 0600
        or die "$path cannot be written: $!; start as the user who made $self->{folder}, or name"
        . " another folder with --state FOLDER\n";
    if (not flock $self->{lock}, LOCK_EX | LOCK_NB) {
        my $pid = readline $self->{lock};
        chomp($pid = defined $pid ? $pid : '');
        die "$self->{folder} is in use by another head-end"
            . ($pid =~ /\A\d+\z/ ? " (process $pid)" : '')
            . "; end that one, or name another folder with --state FOLDER\n";
    }
    truncate $self->{lock}, 0;
    syswrite $self->{lock}, "$$\n";
    return;
}

sub look_at_space {
    my ($self) = @_;
    open my $df, '-|', 'df', '-Pk', $self->{folder} or return;
    my @lines = <$df>;
    close $df or return;
    my ($free) = $lines[-1] =~ /\s(\d+)\s+\d+%/;
    return if !defined $free || $free >= $FREE_KIB;
    die sprintf "%s: only %d MiB are free there, and %d MiB are needed; free some space, or name"
        . " another folder with --state FOLDER\n", $self->{folder}, $free >> 10, $FREE_KIB >> 10;
}

sub make_folders {
    my ($self) = @_;
    for my $name (@FOLDERS) {
        my $path = $self->path($name);
        next if -d $path;
        make_path($path, {mode => 0700, error => \my $errors});
        die "$path cannot be made: ${\(values %{$errors->[0]})}\n" if $errors && @$errors;
    }
    return;
}

# Writes a file of the folder, and remembers it for restore().
sub put {
    my ($self, $name, $content) = @_;
    my $path = $self->path($name);
    $self->{files}{$name} = $content;
    sysopen my $out, "$path.new", O_WRONLY | O_CREAT | O_TRUNC, 0600
        or die "$path cannot be written: $!\n";
    my $is_good = print({$out} $content) && close $out;
    die "$path cannot be written: $!\n" if !$is_good || !rename "$path.new", $path;
    return $path;
}

# Remembers a file that a program has made.
sub keep {
    my ($self, $name) = @_;
    my $path = $self->path($name);
    open my $in, '<:raw', $path or die "$path cannot be read: $!\n";
    local $/ = undef;
    $self->{files}{$name} = <$in>;
    return;
}

# Makes again what somebody has deleted. Returns how many files that were.
sub restore {
    my ($self) = @_;
    mkdir $self->{folder}, 0700;
    $self->make_folders;
    my @gone = grep { !-e $self->path($_) } keys %{$self->{files}};
    $self->put($_, $self->{files}{$_}) for @gone;
    return scalar @gone;
}

sub has {
    my ($self, $name) = @_;
    return -s $self->path($name);
}

1;
