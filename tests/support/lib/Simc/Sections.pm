# SPDX-License-Identifier: BSL-1.0
# Makes sections and a small transport stream, and reads what a multiplexer makes of them, by a
# strict reader of its own: continuity, payload_unit_start_indicator, pointer_field and stuffing.
# The scenarios of muxd use it.
package Simc::Sections;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT = qw(packets_of pattern_section section_of service_stream);

my $PACKET = 188;
my $CLOCK = 27_000_000;

my @CRC = map {
    my $crc = $_ << 24;
    $crc = $crc & 0x80000000 ? ($crc << 1 ^ 0x04c11db7) & 0xffffffff : $crc << 1 for 1 .. 8;
    $crc;
} 0 .. 255;

# A section with a CRC. @param $flags of section_length: 0xb000, or 0xf000 for private tables.
sub section_of {
    my ($table, $body, $flags) = @_;
    my $bytes = pack('C n', $table, ($flags || 0xb000) | length($body) + 4) . $body;
    my $crc = 0xffffffff;
    $crc = ($crc << 8 & 0xffffffff) ^ $CRC[$crc >> 24 ^ $_] for unpack 'C*', $bytes;
    return $bytes . pack 'N', $crc;
}

# Sections in packets, each beginning in one of its own; PID and continuity_counter are 0.
sub packets_of {
    my (@sections) = @_;
    my @packets;
    for my $section (@sections) {
        my $left = "\0$section";
        my $flags = 0x40;
        while ($left ne '') {
            push @packets, pack 'C C C C a*', 0x47, $flags, 0, 0x10,
                substr substr($left, 0, 184, '') . "\xff" x 184, 0, 184;
            $flags = 0;
        }
    }
    return @packets;
}

# What `simulcrypt emmg` makes where it has no file.
sub pattern_section {
    use integer;
    my ($size, $stream, $count) = @_;
    my $x = $count * -7046029254386353131 + $stream; # 0x9e3779b97f4a7c15
    my @bytes;
    for (16 .. $size) {
        $x ^= $x << 13;
        $x ^= $x >> 7 & (1 << 57) - 1;
        $x ^= $x << 17;
        push @bytes, $x & 0xff;
    }
    return pack 'C n N N N C*', 0x82 + $count % 14, 0x7000 | $size - 3, $stream, $count >> 32,
        $count & 0xffffffff, @bytes;
}

# Services 1 to $services, each with a component that carries its PCR, at $bitrate; two seconds.
sub service_stream {
    my ($services, $bitrate) = @_;
    my ($out, %cc) = ('');
    my %tables = (0 => section_of(0, pack 'n C C C (n n)*', 1, 0xc1, 0, 0,
        map { ($_, 0xe000 | $_ << 8) } 1 .. $services));
    $tables{$_ << 8} = section_of(2, pack 'n C C C n n C n n', $_, 0xc1, 0, 0,
        0xe000 | $_ << 8 | 1, 0xf000, 0x06, 0xe000 | $_ << 8 | 1, 0xf000) for 1 .. $services;
    my $size = $bitrate / 4;
    for (my $i = 0; length $out < $size; $i++) {
        if ($i % int($bitrate / 20_000) == 0) {
            $out .= pack 'C n C a*', 0x47, 0x4000 | $_, 0x10 | $cc{$_}++ & 15,
                substr "\0$tables{$_}" . "\xff" x 184, 0, 184 for sort { $a <=> $b } keys %tables;
        }
        for my $pid (map { $_ << 8 | 1 } 1 .. $services) {
            my $at = length($out) * 8 * $CLOCK / $bitrate;
            my ($base, $rest) = (int($at / 300), $at % 300);
            $out .= pack 'C n C C C N n a*', 0x47, $pid, 0x30 | $cc{$pid}++ & 15, 7, 0x10,
                $base >> 1, ($base & 1) << 15 | 0x7e00 | $rest, pack('N', $i) x 44;
        }
    }
    return $out;
}

# ---- the reader ----

# Reads all packets of a file. %how: sections, packets: hashes of PID => what is called with each of
# its sections, or with (payload, payload_unit_start_indicator); packets_from: a hash of PID => the
# place in the file from which on the latter holds; watched: a hash of PID => what is called with
# (place in the file, packet). Returns {count, faults, pids: packets of each PID}.
sub read_stream {
    my ($class, $path, %how) = @_;
    my ($sections, $packets, $watched) = map { $_ || {} } @how{qw(sections packets watched)};
    my $from = $how{packets_from} || {};
    my (%cc, %left, %count, @faults);
    my $at = 0;
    open my $in, '<:raw', $path or die "cannot read $path: $!\n";
    while (read $in, my $block, $PACKET * 4096) {
        for my $packet (unpack "(a$PACKET)*", $block) {
            my ($sync, $word, $control) = unpack 'C n C', $packet;
            my $pid = $word & 0x1fff;
            $count{$pid}++;
            $watched->{$pid}->($at, $packet) if $watched->{$pid};
            $at++;
            next if $pid == 0x1fff;
            push @faults, "packet $at is none" if $sync != 0x47 || length $packet != $PACKET;
            if ($control & 0x10) {
                push @faults, sprintf 'PID 0x%04x: continuity at packet %d', $pid, $at
                    if defined $cc{$pid} && (($cc{$pid} + 1) & 15) != ($control & 15);
                $cc{$pid} = $control & 15;
            }
            if ($packets->{$pid} && $at > ($from->{$pid} || 0)) {
                $packets->{$pid}->(substr($packet, 4), $word & 0x4000 ? 1 : 0);
            } elsif ($sections->{$pid}) {
                my $fault = read_sections(\$left{$pid}, $packet, $word, $control,
                    $sections->{$pid});
                push @faults, sprintf 'PID 0x%04x, packet %d: %s', $pid, $at, $fault if $fault;
            }
        }
    }
    return {count => $at, faults => \@faults, pids => \%count};
}

# One packet of sections. @param $left what is there of the section that is begun; undef: nothing.
sub read_sections {
    my ($left, $packet, $word, $control, $take) = @_;
    return 'it has more than payload' if ($control & 0xf0) != 0x10;
    my $payload = substr $packet, 4;
    my $begun = defined $$left ? $$left : '';
    $$left = undef;
    if ($word & 0x4000) {
        my $pointer = unpack 'C', $payload;
        return 'the pointer_field leads out of the packet' if $pointer > 182;
        if ($begun ne '' || $pointer) {
            my $whole = $begun . substr $payload, 1, $pointer;
            return 'bytes before the first section' if $begun eq '';
            return 'the pointer_field does not lead to the end of the section before'
                if length $whole < 3 || length $whole != 3 + (unpack('x n', $whole) & 0xfff);
            $take->($whole);
        }
        $payload = substr $payload, 1 + $pointer;
        return 'payload_unit_start_indicator, and no section begins' if $payload =~ /^\xff/;
    } else {
        return 'no section has begun' if $begun eq '';
        $payload = $begun . $payload;
        my $size = 3 + (unpack('x n', $payload) & 0xfff);
        if (length $payload >= $size) {
            $take->(substr $payload, 0, $size, '');
            return $payload =~ /[^\xff]/ ? 'a section begins, and nothing says so' : '';
        }
        $$left = $payload;
        return '';
    }
    while (length $payload >= 3 && $payload !~ /^\xff/) {
        my $size = 3 + (unpack('x n', $payload) & 0xfff);
        last if length $payload < $size;
        $take->(substr $payload, 0, $size, '');
    }
    return $payload =~ /[^\xff]/ ? 'bytes behind the stuffing' : '' if $payload =~ /^\xff/;
    $$left = $payload if $payload ne '';
    return '';
}

1;
