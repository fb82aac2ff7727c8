#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# An ECM decoder that was written from specs/ca-profile/ecm.md alone and shares nothing with the
# library: the witness of tests/scenarios/ecm-decoder.t.
#
#     ecm-decode.pl --key PACKAGE:VERSION:HEX... [--stream PACKAGE:SUPER_CAS_ID:ECM_ID] <SECTIONS
#
# Reads one section in hex per line (what follows behind a space is left alone). Writes for each of
# them one line: `opened` and all fields, or `refused` and the reason of section 4.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::Bin/lib";
use Simc::Cbor;
use Simc::Gcm;

my ($CRITICAL_MAX, $SECTION_MAX, $CWS_MAX) = (63, 256, 8);

# ---- the ECM, sections 1 and 4 ----

sub is_u32 { my ($item) = @_; return has_type($item, UINT) && $item->[1] < 2**32 }

sub bytes_head {
    my ($size) = @_;
    return $size < 24 ? chr(0x40 + $size) : "\x58" . chr $size;
}

sub enc_structure {
    my ($protected, $aad) = @_;
    return "\x83\x68Encrypt0" . bytes_head(length $protected) . $protected . bytes_head(length $aad)
        . $aad;
}

# Checks 5 to 7. Dies with the reason.
sub read_cose {
    my ($cose) = @_;
    my $message = cbor($cose);
    die "cose\n" if not has_type($message, ARRAY) or @{$message->[1]} != 3;
    my ($protected, $unprotected, $sealed) = @{$message->[1]};
    die "cose\n" if !has_type($protected, BYTES) || !has_type($unprotected, MAP)
        || !has_type($sealed, BYTES) || length $sealed->[1] < 16;
    my $headers = cbor($protected->[1]);
    die "cose\n" if not has_type($headers, MAP);
    my @labels = map { [map { has_type($_->[0], UINT) ? $_->[0][1] : 'other' } @{$_->[1]}] }
        $headers, $unprotected;
    die "headers\n" if "@{$labels[0]}" ne '1 4' || "@{$labels[1]}" ne '5';
    my ($alg, $kid, $iv) = map { $_->[1] } @{$headers->[1]}, @{$unprotected->[1]};
    die "headers\n" if !has_type($kid, BYTES) || !has_type($iv, BYTES);
    die "algorithm\n" if not has_type($alg, UINT) or $alg->[1] != 1;
    die "nonce\n" if length $iv->[1] != 12;
    die "kid\n" if length $kid->[1] != 14;
    return ($protected->[1], $kid->[1], $iv->[1], $sealed->[1]);
}

# Checks 10 to 12. Returns the values by their keys.
sub read_payload {
    my ($plaintext) = @_;
    my $map = cbor($plaintext) or die "payload\n";
    die "value\n" if not has_type($map, MAP);
    my %value;
    my $is_strange = 0;
    for my $pair (@{$map->[1]}) {
        my ($key, $item) = @$pair;
        if (not has_type($key, UINT)) {
            $is_strange = 1;
            last;
        }
        die "critical key\n" if $key->[1] == 0 || ($key->[1] > 5 && $key->[1] <= $CRITICAL_MAX);
        $value{$key->[1]} = $item;
    }
    die "value\n" if $is_strange || grep { !$value{$_} } 1, 2, 5;
    die "value\n" if grep { $value{$_} && !is_u32($value{$_}) } 1 .. 3;
    die "value\n" if $value{4} && (!has_type($value{4}, BYTES) || length $value{4}[1] > 64);
    die "value\n" if not has_type($value{5}, ARRAY);
    my @pairs = @{$value{5}[1]};
    die "value\n" if @pairs < 2 || @pairs > 2 * $CWS_MAX || @pairs % 2;
    my %met;
    my @cws;
    while (my ($cp, $cw) = splice @pairs, 0, 2) {
        die "value\n" if !has_type($cp, UINT) || $cp->[1] > 0xffff || $met{$cp->[1]}++;
        die "value\n" if !has_type($cw, BYTES) || length($cw->[1]) !~ /^(?:8|16)$/;
        push @cws, sprintf '%d:%s', $cp->[1], unpack 'H*', $cw->[1];
    }
    return (\%value, \@cws);
}

# One line for a section.
sub decode {
    my ($section, $keys, $stream) = @_;
    die "length\n" if length $section < 4 || length $section > $SECTION_MAX;
    my ($table_id, $length, $format) = unpack 'C n C', $section;
    die "length\n" if length $section != 3 + ($length & 0xfff);
    die "table_id\n" if $table_id != 0x80 && $table_id != 0x81;
    die "section header\n" if $length >> 12 != 7;
    die "format\n" if $format != 0x11;
    my ($protected, $kid, $nonce, $sealed) = read_cose(substr $section, 4);
    my ($package, $version, $super_cas_id, $ecm_id) = unpack 'N N N n', $kid;
    die "wrong stream\n" if $stream && $stream ne "$package:$super_cas_id:$ecm_id";
    my $key = $keys->{"$package:$version"} or die "no key\n";
    my $aad = enc_structure($protected, substr $section, 0, 4);
    my $plaintext = gcm_open($key, $nonce, $aad, $sealed);
    die "tag\n" if not defined $plaintext;
    my ($value, $cws) = read_payload($plaintext);
    return sprintf 'opened %02x %d %d %08x %04x issued %d epoch %d content %s conditions %s cws %s',
        $table_id, $package, $version, $super_cas_id, $ecm_id, $value->{1}[1], $value->{2}[1],
        $value->{3} ? $value->{3}[1] : 'none',
        $value->{4} ? '0x' . unpack('H*', $value->{4}[1]) : 'none', join ',', @$cws;
}

my (%keys, $stream);
while (my $option = shift @ARGV) {
    my $value = shift @ARGV;
    if ($option eq '--key' && $value =~ /^(\d+:\d+):([0-9a-fA-F]{32})$/) {
        $keys{$1} = pack 'H*', $2;
    } elsif ($option eq '--stream' && $value =~ /^\d+:\d+:\d+$/) {
        $stream = $value;
    } else {
        die "usage: $0 --key PACKAGE:VERSION:HEX... [--stream PACKAGE:SUPER_CAS_ID:ECM_ID]\n";
    }
}
while (my $line = <STDIN>) {
    my ($hex) = $line =~ /^([0-9a-fA-F]*)/;
    my $result = eval { decode(pack('H*', $hex), \%keys, $stream) };
    if (not defined $result) {
        chomp(my $reason = $@);
        $result = "refused $reason";
    }
    print "$result\n";
}
