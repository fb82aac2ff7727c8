# SPDX-License-Identifier: BSL-1.0
# Builds and takes apart SimulCrypt messages byte by byte, without any code of the product. The
# scenarios of dump, encode and tshark use it.
package Simc::Message;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use IO::Select;
use Time::HiRes qw(time);

our @EXPORT = qw(bytes_of group hex_of message next_type parameter split_parameters);

# Bytes of hex digits with blanks, and back.
sub bytes_of { my $hex = join '', @_; $hex =~ s/\s+//g; return pack 'H*', $hex }
sub hex_of { return unpack 'H*', $_[0] }

# One TLV: a code and its value in hex. [TS 103 197 4.4.1]
sub parameter {
    my ($code, $hex) = @_;
    my $value = bytes_of($hex);
    return pack('nn', $code, length $value) . $value;
}

# A message: version, type, then pairs of code and value in hex.
sub message {
    my ($version, $type, @pairs) = @_;
    my $body = '';
    while (my ($code, $hex) = splice @pairs, 0, 2) {
        $body .= parameter($code, $hex);
    }
    return pack('Cnn', $version, $type, length $body) . $body;
}

# The value, in hex, of a parameter that holds parameters.
sub group {
    my (@pairs) = @_;
    return hex_of(substr message(0, 0, @pairs), 5);
}

# The type of the next message on a socket, or what came instead of one within ten seconds.
sub next_type {
    my ($socket) = @_;
    my ($bytes, $end) = ('', time + 10);
    while (length $bytes < 5 || length $bytes < 5 + unpack 'x3 n', $bytes) {
        my $left = $end - time;
        return 'nothing' if $left <= 0 || !IO::Select->new($socket)->can_read($left);
        return 'the end' if !sysread $socket, $bytes, 1, length $bytes;
    }
    return sprintf '0x%04x', unpack 'x n', $bytes;
}

# [code, length, value in hex] of each TLV in some bytes; dies when they are not well-formed.
sub split_parameters {
    my ($bytes) = @_;
    my @parameters;
    while (length $bytes) {
        my ($code, $length) = unpack 'nn', $bytes;
        die "half a parameter\n" if length $bytes < 4 or length $bytes < 4 + $length;
        push @parameters, [$code, $length, hex_of(substr $bytes, 4, $length)];
        substr $bytes, 0, 4 + $length, '';
    }
    return @parameters;
}

1;
