#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Makes the seeds of the framer's, decoder's and text parser's fuzz targets from the examples:
# make-seeds.pl (no arguments; writes into tests/fuzz/corpus). Run it when the examples change and
# commit what it writes. Seeds that a fuzzer found have other names and stay.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);

my $here = dirname($0);
my $vectors = "$here/../vectors/simulcrypt/examples.txt";

# The examples as hashes: name, rules, bytes.
sub read_examples {
    open my $in, '<', $vectors or die "$vectors: $!\n";
    my (@examples, $current);
    while (my $line = <$in>) {
        chomp $line;
        next if $line =~ /^#/;
        if ($line eq '') {
            undef $current;
            next;
        }
        my ($key, $value) = $line =~ /^(\w+): (.*)$/ or die "$vectors:$.: not understood\n";
        push @examples, $current = {rules => '', bytes => ''} unless $current;
        if ($key eq 'hex') {
            $value =~ s/\s+//g;
            $current->{bytes} .= pack 'H*', $value;
        } else {
            $current->{$key} = $value;
        }
    }
    return @examples;
}

sub write_seed {
    my ($target, $name, $bytes) = @_;
    make_path("$here/corpus/$target");
    open my $out, '>:raw', "$here/corpus/$target/seed-$name" or die "seed-$name: $!\n";
    print {$out} $bytes;
    close $out or die "seed-$name: $!\n";
}

# First byte of fuzz_decode: 0..4 interface, 5 none, 7 none and all versions; then flag bits.
my %interface = ('ECMG-SCS' => 0, 'EMMG-MUX' => 1, 'C(P)SIG-(P)SIG' => 2, 'EIS-SCS' => 3,
    '(P)SIG-MUX' => 4);

sub decode_choice {
    my ($example) = @_;
    my ($name) = $example->{message} =~ /^(\S+) /;
    my $choice = $interface{$name} // die "$name: no such interface\n";
    $choice |= 8 if $example->{rules} =~ /strict/;
    $choice |= 16 if $example->{rules} =~ /unconfirmed/;
    $choice |= 32 if $example->{rules} =~ /udp/;
    return $choice;
}

# A message by its codes alone, as the text form allows it.
sub coded_text {
    my ($bytes) = @_;
    my ($version, $type, $length) = unpack 'Cnn', $bytes;
    my $text = sprintf "unknown 0x%04x version=%d length=%d {\n", $type, $version, $length;
    my $at = 5;
    while ($at + 4 <= length $bytes) {
        my ($code, $size) = unpack 'nn', substr $bytes, $at, 4;
        last if $at + 4 + $size > length $bytes;
        $text .= sprintf "  0x%04x = bytes:%s\n", $code, unpack 'H*', substr $bytes, $at + 4, $size;
        $at += 4 + $size;
    }
    $text .= sprintf "  raw = bytes:%s\n", unpack 'H*', substr $bytes, $at if $at < length $bytes;
    return "$text}\n";
}

# Texts with every kind of value, and some that are refused.
my %texts = (
    cw => <<'END',
ECMG-SCS CW_provision version=3 {
  ECM_channel_id = 1
  ECM_stream_id = 2
  CP_number = 16
  CP_CW_combination = CP 16 CW 10203060405060f0  # one
  CP_CW_combination = CP 0x11 CW 11213163415161f3
  CP_duration = 120
  access_criteria = "a \"text\"\\"
  CW_encryption = bytes:
}
END
    status => <<'END',
ecmg channel_status {
  section_TSpkt_flag = 0
  AC_delay_start = -800
  delay_start = +500
  lead_CW = 0x01
}

EMMG-MUX data_provision version=5 length=7 {
  client_id = 0xABCD0001
  datagram = bytes:8270051122334455
}
END
    scg => <<'END',
EIS-SCS SCG_provision {
  activation_time = 2026-11-21T12:00:00.00
  ECM_Group = {
    ECM_id = 33
    AC_changed_flag = true
    0x8000 = bytes:4142
    raw = bytes:00
  }
  ECM_Group = bytes:00
}
EIS-SCS SCG_error {
  error_description = "too near"
  error_status = 0x000D
}
END
    raw => "# nothing\n\n  raw = bytes:0300\n\nunknown 0x8001 version=255 {}\n",
    psig => "(P)SIG-MUX stream_setup {\r\n\tpacket_id = 8191\r\n}\r\n",
    cpsig => "C(P)SIG-(P)SIG trigger {\n insertion_delay = -1\n}\n",
    masked => "ECMG-SCS CW_provision {\n CP_CW_combination = CP 1 CW masked:8:00000000\n}\n",
    misspelt => "ECMG-SCS chanel_test {\n}\n",
    unclosed => "ECMG-SCS channel_test {\n  error_information = \"abc\n",
);

my @examples = read_examples();
for my $example (@examples) {
    write_seed('decode', lc $example->{name}, chr(decode_choice($example)) . $example->{bytes});
}
# Streams of several messages: each choice of limit and of piece size once.
for my $choice (0 .. 31) {
    my @some = map { $examples[($choice * 5 + $_ * 7) % @examples]{bytes} } 0 .. 3;
    write_seed('framer', sprintf('%02d', $choice), chr($choice) . join '', @some);
}
for my $i (grep { $_ % 4 == 0 } 0 .. $#examples) {
    write_seed('text', lc $examples[$i]{name}, coded_text($examples[$i]{bytes}));
}
write_seed('text', $_, $texts{$_}) for sort keys %texts;
