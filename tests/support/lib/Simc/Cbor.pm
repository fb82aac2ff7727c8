# SPDX-License-Identifier: BSL-1.0
# Deterministic CBOR as specs/ca-profile/ecm.md 1.4 describes it, written from that page and not
# from the library. The independent ECM decoder and the CDDL checker read with it, and the scenario
# of the link, which has text and null too.
package Simc::Cbor;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT = qw(cbor has_type UINT NEGATIVE BYTES TEXT ARRAY MAP TAG SIMPLE);

use constant {UINT => 0, NEGATIVE => 1, BYTES => 2, TEXT => 3, ARRAY => 4, MAP => 5, TAG => 6,
    SIMPLE => 7};

our $DEPTH_MAX = 4;

our $WITH_TEXT = 0;    # the profile has text in one place only, which is never sent
our $WITH_NULL = 0;    # of the link only

# An item is [type, value]; arrays hold items, maps hold [key, item] pairs.
sub cbor_item {
    my ($data, $at, $depth) = @_;
    my $take = sub {
        my ($size) = @_;
        die "short\n" if $size > length($$data) - $$at;
        $$at += $size;
        return substr $$data, $$at - $size, $size;
    };
    my $head = ord $take->(1);
    my ($type, $info) = ($head >> 5, $head & 0x1f);
    die "indefinite\n" if $info >= 28;
    die "tag or text\n" if $type == TAG || ($type == TEXT && !$WITH_TEXT);
    if ($type == SIMPLE) {
        die "simple\n" if $info != 20 && $info != 21 && !($info == 22 && $WITH_NULL);
        return [$type, $info];
    }
    my $value = $info;
    if ($info >= 24) {
        my $size = 1 << ($info - 24);
        $value = unpack 'Q>', "\0" x (8 - $size) . $take->($size);
        my $least = $size == 1 ? 24 : 2**(4 * $size);
        die "not shortest\n" if $value < $least;
    }
    return [$type, $value] if $type == UINT || $type == NEGATIVE;
    my $left = length($$data) - $$at;
    die "count\n" if $value > ($type == MAP ? int($left / 2) : $left);
    return [$type, $take->($value)] if $type == BYTES || $type == TEXT;
    die "depth\n" if $depth >= $DEPTH_MAX;
    return [$type, [map { cbor_item($data, $at, $depth + 1) } 1 .. $value]] if $type == ARRAY;

    my ($last, @pairs) = ('');
    for (1 .. $value) {
        my $from = $$at;
        my $key = cbor_item($data, $at, $depth + 1);
        my $encoded = substr $$data, $from, $$at - $from;
        die "key\n" if $key->[0] == ARRAY || $key->[0] == MAP || $encoded le $last;
        $last = $encoded;
        push @pairs, [$key, cbor_item($data, $at, $depth + 1)];
    }
    return [$type, \@pairs];
}

# The one item that the data is, or undef.
sub cbor {
    my ($data) = @_;
    my $at = 0;
    my $item = eval { cbor_item(\$data, \$at, 0) };
    return $item && $at == length $data ? $item : undef;
}

sub has_type { my ($item, $type) = @_; return $item && $item->[0] == $type }

1;
