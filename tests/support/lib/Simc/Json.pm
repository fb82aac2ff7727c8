# SPDX-License-Identifier: BSL-1.0
# Reads JSON strictly: what any reader on earth would take, and the same way. Scenarios that look at
# output in JSON use it.
package Simc::Json;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use JSON::PP;

our @EXPORT = qw(json_lines json_read);

# Dies when a name occurs twice in an object; JSON::PP would keep the last one.
sub refuse_repeated_names {
    my ($text) = @_;
    my @open;    # the names of each open object; undef for an array
    while ($text =~ /\G(?:[^"{}\[\]]+|([{\[])|([}\]])|"((?:[^"\\]|\\.)*)"(\s*:)?)/gc) {
        my ($opens, $closes, $string, $is_name) = ($1, $2, $3, $4);
        push @open, $opens eq '{' ? {} : undef if $opens;
        pop @open if $closes;
        die "the name '$string' is repeated\n" if $is_name && $open[-1]{$string}++;
    }
    return;
}

# One value; dies with the reason when it is not strict JSON in UTF-8.
sub json_read {
    my ($text) = @_;
    die "a control character\n" if $text =~ /[\x00-\x1f\x7f]/;
    my $value = JSON::PP->new->utf8->decode($text);
    refuse_repeated_names($text);
    return $value;
}

# The values of a text with one object per line.
sub json_lines {
    my ($text) = @_;
    die "the last line has no end\n" if $text ne '' && $text !~ /\n\z/;
    my @values;
    my $line = 0;
    for my $row (split /\n/, $text) {
        $line++;
        my $value = eval { json_read($row) };
        die "line $line: $@" if not defined $value;
        die "line $line is no object\n" if ref $value ne 'HASH';
        push @values, $value;
    }
    return @values;
}

1;
