# SPDX-License-Identifier: BSL-1.0
# AES-128-GCM (FIPS 197, SP 800-38D) in plain Perl, slow and short: the second opinion on what the
# library seals through OpenSSL. The independent ECM decoder and the maker of its vectors use it.
package Simc::Gcm;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT = qw(gcm_open gcm_seal);

my ($BLOCK, $ROUNDS, $TAG) = (16, 10, 16);
my @SBOX = sbox();

# ---- AES-128 ----

# Doubles in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
sub double { my ($x) = @_; return (($x << 1) ^ ($x & 0x80 ? 0x11b : 0)) & 0xff }

# The inverse of each byte in GF(2^8), by the powers of the generator 3, then the affine map.
sub sbox {
    my (@power, @log);
    my $x = 1;
    for my $i (0 .. 254) {
        ($power[$i], $log[$x]) = ($x, $i);
        $x ^= double($x);
    }
    my @box = (0x63);
    for my $byte (1 .. 255) {
        my $y = $power[(255 - $log[$byte]) % 255];
        my $s = $y;
        $s ^= (($y << $_) | ($y >> (8 - $_))) & 0xff for 1 .. 4;
        $box[$byte] = $s ^ 0x63;
    }
    return @box;
}

# The round keys as lists of 16 bytes.
sub expand {
    my ($key) = @_;
    my @words = map { [unpack 'C4', $_] } unpack '(a4)4', $key;
    my $constant = 1;
    for my $i (4 .. 4 * ($ROUNDS + 1) - 1) {
        my @word = @{$words[$i - 1]};
        if ($i % 4 == 0) {
            @word = map { $SBOX[$_] } @word[1, 2, 3, 0];
            $word[0] ^= $constant;
            $constant = double($constant);
        }
        push @words, [map { $word[$_] ^ $words[$i - 4][$_] } 0 .. 3];
    }
    return map { my $round = $_; [map { @{$words[4 * $round + $_]} } 0 .. 3] } 0 .. $ROUNDS;
}

sub mix_column {
    my @in = @_;
    return map {
        double($in[$_]) ^ double($in[($_ + 1) % 4]) ^ $in[($_ + 1) % 4] ^ $in[($_ + 2) % 4]
            ^ $in[($_ + 3) % 4]
    } 0 .. 3;
}

# One block under expanded keys.
sub encrypt_block {
    my ($keys, $block) = @_;
    my @state = unpack 'C16', $block;
    @state = map { $state[$_] ^ $keys->[0][$_] } 0 .. 15;
    for my $round (1 .. $ROUNDS) {
        # Row r of the state moves r columns to the left; byte i is row i % 4 of column i / 4.
        my @shifted = map { $SBOX[$state[($_ + 4 * ($_ % 4)) % 16]] } 0 .. 15;
        @shifted = map { mix_column(@shifted[4 * $_ .. 4 * $_ + 3]) } 0 .. 3 if $round < $ROUNDS;
        @state = map { $shifted[$_] ^ $keys->[$round][$_] } 0 .. 15;
    }
    return pack 'C16', @state;
}

# ---- GCM ----

# Multiplies in GF(2^128), where the first bit is the lowest power. Both are pairs of 64-bit halves.
sub multiply {
    my ($x, $y) = @_;
    my ($high, $low, @v) = (0, 0, @$y);
    for my $bit (0 .. 127) {
        my $is_set = $bit < 64 ? $x->[0] >> (63 - $bit) & 1 : $x->[1] >> (127 - $bit) & 1;
        ($high, $low) = ($high ^ $v[0], $low ^ $v[1]) if $is_set;
        my $out = $v[1] & 1;
        @v = ($v[0] >> 1, $v[1] >> 1 | ($v[0] & 1) << 63);
        $v[0] ^= 0xe1 << 56 if $out;
    }
    return [$high, $low];
}

sub padded { my ($bytes) = @_; return $bytes . "\0" x (-length($bytes) % $BLOCK) }

sub ghash {
    my ($h, $aad, $ciphertext) = @_;
    my $data = padded($aad) . padded($ciphertext)
        . pack('Q>2', 8 * length $aad, 8 * length $ciphertext);
    my ($y, $factor) = ([0, 0], [unpack 'Q>2', $h]);
    for my $block (unpack "(a$BLOCK)*", $data) {
        my @x = unpack 'Q>2', $block;
        $y = multiply([$y->[0] ^ $x[0], $y->[1] ^ $x[1]], $factor);
    }
    return pack 'Q>2', @$y;
}

# Counter mode, and the tag over what is the ciphertext on this side.
sub crypt_and_tag {
    my ($key, $nonce, $aad, $data, $is_sealing) = @_;
    my @keys = expand($key);
    my ($out, $counter) = ('', 2);
    for my $block (unpack "(a$BLOCK)*", $data) {
        my $stream = encrypt_block(\@keys, $nonce . pack 'N', $counter++);
        $out .= $block ^ substr $stream, 0, length $block;
    }
    my $h = encrypt_block(\@keys, "\0" x $BLOCK);
    my $tag = ghash($h, $aad, $is_sealing ? $out : $data)
        ^ encrypt_block(\@keys, $nonce . pack 'N', 1);
    return ($out, $tag);
}

# Ciphertext with its tag. The nonce has 12 bytes.
sub gcm_seal {
    my ($key, $nonce, $aad, $plaintext) = @_;
    my ($out, $tag) = crypt_and_tag($key, $nonce, $aad, $plaintext, 1);
    return $out . $tag;
}

# The plaintext, or undef: the tag is wrong.
sub gcm_open {
    my ($key, $nonce, $aad, $sealed) = @_;
    return if length $sealed < $TAG;
    my ($out, $tag) = crypt_and_tag($key, $nonce, $aad, substr($sealed, 0, -$TAG), 0);
    return $tag eq substr($sealed, -$TAG) ? $out : undef;
}

1;
