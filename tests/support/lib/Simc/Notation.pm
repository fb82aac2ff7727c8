# SPDX-License-Identifier: BSL-1.0
# The diagnostic notation of CBOR (RFC 8949 8), both ways and without the library: numbers, strings,
# arrays, maps with numbers as keys, false, true, null. The scenarios of the link use it.
package Simc::Notation;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

use Simc::Cbor;

our @EXPORT = qw(notation encode);

my %SIMPLE = (false => 20, true => 21, null => 22);
my %NAME = reverse %SIMPLE;

# The notation of an item of Simc::Cbor.
sub notation {
    my ($item) = @_;
    my ($type, $value) = @$item;
    return $value if $type == UINT;
    return -1 - $value if $type == NEGATIVE;
    return "h'" . unpack('H*', $value) . "'" if $type == BYTES;
    return "\"$value\"" if $type == TEXT;
    return $NAME{$value} if $type == SIMPLE;
    return '[' . join(', ', map { notation($_) } @$value) . ']' if $type == ARRAY;
    return '{' . join(', ', map { notation($_->[0]) . ': ' . notation($_->[1]) } @$value) . '}';
}

sub head {
    my ($major, $value) = @_;
    my $top = $major << 5;
    return $value < 24 ? chr($top | $value) : $value < 256 ? pack('CC', $top | 24, $value)
        : $value < 65536 ? pack('Cn', $top | 25, $value)
        : $value < 2**32 ? pack('CN', $top | 26, $value) : pack('CQ>', $top | 27, $value);
}

# Takes one item off the front of a text (by reference).
sub encode_item {
    my ($text) = @_;
    $$text =~ /\G[\s,]+/gc;
    return head(UINT, $1) if $$text =~ /\G(\d+)/gc;
    return head(BYTES, length($1) / 2) . pack('H*', $1) if $$text =~ /\Gh'([0-9a-f]*)'/gc;
    return head(TEXT, length $1) . $1 if $$text =~ /\G"([^"]*)"/gc;
    return chr(SIMPLE << 5 | $SIMPLE{$1}) if $$text =~ /\G(false|true|null)/gc;
    my ($close, $per, $major) = $$text =~ /\G\[/gc ? (']', 1, ARRAY)
        : $$text =~ /\G\{/gc ? ('}', 2, MAP)
        : die 'no notation: ' . substr($$text, pos($$text) || 0, 20) . "\n";
    my @parts;
    while ($$text !~ /\G[\s,]*\Q$close\E/gc) {
        push @parts, encode_item($text);
        $$text =~ /\G\s*:/gc;
    }
    return head($major, @parts / $per) . join '', @parts;
}

# The CBOR of a notation, in its one form when the keys of maps rise.
sub encode {
    my ($text) = @_;
    return encode_item(\$text);
}

1;
