# SPDX-License-Identifier: BSL-1.0
# Reads the text format 0.0.4 of Prometheus strictly: what its own parser refuses dies here with the
# line, and so does what a linter would complain about. Scenarios that look at /metrics use it.
package Simc::Metrics;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT = qw(metrics_read);

my $NAME = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $LABEL = qr/[a-zA-Z_][a-zA-Z0-9_]*/;
my $VALUE = qr/"(?:[^"\\\n]|\\\\|\\"|\\n)*"/;
my $NUMBER = qr/[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN/;
my %IS_TYPE = map { $_ => 1 } qw(counter gauge histogram summary untyped);

# The family that a sample belongs to, and what part of it: '', _bucket, _sum or _count.
sub family_of {
    my ($families, $name) = @_;
    return ($name, '') if $families->{$name};
    my ($base, $part) = $name =~ /^(.*)(_bucket|_sum|_count)$/ or return;
    return if not $families->{$base} or $families->{$base}{type} ne 'histogram';
    return ($base, $part);
}

sub labels_of {
    my ($text) = @_;
    my (%labels, @order);
    return ({}, '') if not defined $text;
    while ($text =~ /\G($LABEL)=($VALUE)(,|\z)/gc) {
        my ($name, $value) = ($1, $2);
        die "the label $name is repeated\n" if exists $labels{$name};
        die "the label $name is reserved\n" if $name =~ /^__/;
        $value =~ s/^"|"$//g;
        $value =~ s/\\(.)/$1 eq 'n' ? "\n" : $1/ge;
        $labels{$name} = $value;
        push @order, $name;
    }
    die "bad labels {$text}\n" if not @order or (pos($text) || 0) != length $text or $text =~ /,\z/;
    my $key = join "\0", map { "$_=$labels{$_}" } grep { $_ ne 'le' } @order;
    return (\%labels, $key);
}

# What must hold within each histogram: buckets that grow, +Inf at the end, count and sum.
sub check_histogram {
    my ($name, $family) = @_;
    for my $key (sort keys %{$family->{parts}}) {
        my $parts = $family->{parts}{$key};
        my @buckets = @{$parts->{_bucket} || []};
        die "$name has no buckets\n" if not @buckets;
        die "$name: the last bucket is not +Inf\n" if $buckets[-1][0] ne '+Inf';
        for my $i (1 .. $#buckets) {
            die "$name: the buckets do not grow\n" if $buckets[$i][1] < $buckets[$i - 1][1]
                or ($i < $#buckets and $buckets[$i][0] <= $buckets[$i - 1][0]);
        }
        die "$name: _count is not that of +Inf\n"
            if not defined $parts->{_count} or $parts->{_count} != $buckets[-1][1];
        die "$name has no _sum\n" if not defined $parts->{_sum};
    }
    return;
}

sub read_sample {
    my ($families, $seen, $last, $line) = @_;
    my ($name, $labels_text, $number) =
        $line =~ /^($NAME)(?:\{(.*)\})? ($NUMBER)$/ or die "no sample: $line\n";
    my ($base, $part) = family_of($families, $name) or die "no TYPE before $name\n";
    die "$name stands apart from its family\n" if $base ne $last;
    my ($labels, $key) = labels_of($labels_text);
    my $family = $families->{$base};
    my $le = $labels->{le};
    die "$name: le belongs to buckets\n" if (defined $le ? 1 : 0) != ($part eq '_bucket' ? 1 : 0);
    die "a histogram has no sample $name\n" if $family->{type} eq 'histogram' && $part eq '';
    my $whole = join "\1", $name, $key, defined $le ? $le : '';
    die "$name is repeated with the same labels\n" if $seen->{$whole}++;
    die "$name is negative\n" if $number =~ /^-/ && $family->{type} ne 'gauge';
    push @{$family->{samples}}, {name => $name, labels => $labels, value => $number};
    if ($part eq '_bucket') {
        push @{$family->{parts}{$key}{$part}}, [$le, $number];
    } elsif ($part ne '') {
        $family->{parts}{$key}{$part} = $number;
    }
    return;
}

# The families of a page: name => {type, help, samples => [{name, labels, value}...]}. Dies with the
# reason.
sub metrics_read {
    my ($text) = @_;
    my (%families, %seen);
    my ($last, $number) = ('', 0);
    die "the last line has no end\n" if $text !~ /\n\z/;
    for my $line (split /\n/, $text, -1) {
        $number++;
        my $good = eval {
            if ($line =~ /^# HELP ($NAME) (.*)$/) {
                my ($name, $help) = ($1, $2);
                die "HELP of $name is repeated\n" if $families{$name};
                die "bad escapes in HELP\n" if $help !~ /^(?:[^\\]|\\\\|\\n)*$/;
                $families{$name} = {help => $help, samples => []};
                $last = $name;
            } elsif ($line =~ /^# TYPE ($NAME) (\w+)$/) {
                my ($name, $type) = ($1, $2);
                die "TYPE of $name without its HELP right before\n" if $name ne $last;
                die "TYPE of $name is repeated\n" if $families{$name}{type};
                die "no such type: $type\n" if not $IS_TYPE{$type};
                my $is_total = $name =~ /_total$/ ? 1 : 0;
                die "$name: counters end in _total, and nothing else does\n"
                    if ($type eq 'counter' ? 1 : 0) != $is_total;
                $families{$name}{type} = $type;
            } elsif ($line ne '') {
                die "no TYPE before $line\n" if not $families{$last} or not $families{$last}{type};
                read_sample(\%families, \%seen, $last, $line);
            }
            1;
        };
        die "line $number: $@" if not $good;
    }
    for my $name (sort keys %families) {
        check_histogram($name, $families{$name}) if $families{$name}{type} eq 'histogram';
    }
    return \%families;
}

1;
