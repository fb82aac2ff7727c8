#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# An independent reader of ETI files for the tests of `simulcrypt dab`: written from the format
# alone, it shares nothing with lib/dab. Prints every FIG of type 6 and a summary; status 1:
# something is wrong.
#
#   dab-check.pl FILE             "fig FRAME FIB HEX READING" lines, then "name value" lines
#   dab-check.pl FILE ORIGINAL    also: what differs must be FIBs that gained or lost FIGs, and no
#                                 FIG of a frame may be lost
use strict;
use warnings FATAL => 'all';

my $FRAME_SIZE = 6144;
my @faults;

# CRC-16, polynomial 0x1021, all ones in front, inverted at the end.
my @crc_table = map {
    my $crc = $_ << 8;
    $crc = $crc & 0x8000 ? ($crc << 1 ^ 0x1021) & 0xffff : $crc << 1 for 1 .. 8;
    $crc;
} 0 .. 255;

sub crc {
    my ($bytes) = @_;
    my $crc = 0xffff;
    $crc = (($crc << 8) & 0xffff) ^ $crc_table[($crc >> 8) ^ $_] for unpack 'C*', $bytes;
    return $crc ^ 0xffff;
}

sub fault {
    push @faults, join ' ', @_;
    return;
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "cannot read $path: $!\n";
    local $/ = undef;
    my $bytes = <$in>;
    close $in;
    return defined $bytes ? $bytes : '';
}

# The frames of a file, each as {at, bytes}, and its form.
sub frames {
    my ($file) = @_;
    my $word = qr/\xff(?:\x07\x3a\xb6|\xf8\xc5\x49)/;
    my ($form, @frames);
    if ($file =~ /\A$word/) {
        $form = 'raw';
        for (my $at = 0; $at < length $file; $at += $FRAME_SIZE) {
            push @frames, {at => $at, bytes => substr $file, $at, $FRAME_SIZE};
        }
    } else {
        my $at = 0;
        if ($file =~ /\A..$word/s) {
            $form = 'streamed';
        } elsif ($file =~ /\A.{6}$word/s) {
            $form = 'framed';
            $at = 4;
        } else {
            die "no ETI file\n";
        }
        while ($at + 2 <= length $file) {
            my $size = unpack 'v', substr $file, $at, 2;
            push @frames, {at => $at + 2, bytes => substr $file, $at + 2, $size};
            $at += 2 + $size;
        }
    }
    return ($form, @frames);
}

# The bits of some bytes as a text of 0 and 1: fields are then cut out by their widths.
sub fields {
    my ($bytes, @widths) = @_;
    my $bits = unpack 'B*', $bytes;
    my $at = 0;
    return map { $at += $_; oct '0b' . substr $bits, $at - $_, $_ } @widths;
}

# Checks a frame, returns its FIBs as {at, bytes, figs}.
sub fibs {
    my ($number, $frame) = @_;
    my $bytes = $frame->{bytes};
    my ($err, $sync, $fct, $ficf, $nst, $fp, $mid, $fl) = fields($bytes, 8, 24, 8, 1, 7, 3, 2, 11);
    fault("frame $number: error level") if $err != 0xff;
    fault("frame $number: sync") if $sync != 0x073ab6 && $sync != 0xf8c549;
    my $fic_size = !$ficf ? 0 : $mid == 3 ? 128 : 96;
    my $streams = 0;
    for my $i (0 .. $nst - 1) {
        my ($scid, $sad, $tpl, $stl) = fields(substr($bytes, 8 + 4 * $i, 4), 6, 10, 6, 10);
        $streams += 8 * $stl;
    }
    my $mst = 12 + 4 * $nst;
    my $eof = $mst + $fic_size + $streams;
    return fault("frame $number: lengths")
        if 4 * ($fl - 1 - $nst) != $fic_size + $streams || $eof + 8 > length $bytes;
    fault("frame $number: header CRC")
        if crc(substr $bytes, 4, 6 + 4 * $nst) != unpack 'n', substr $bytes, $mst - 2, 2;
    fault("frame $number: EOF CRC")
        if crc(substr $bytes, $mst, $fic_size + $streams) != unpack 'n', substr $bytes, $eof, 2;
    my @fibs;
    for (my $at = $mst; $at < $mst + $fic_size; $at += 32) {
        push @fibs, fib("frame $number FIB " . scalar @fibs, $at, substr $bytes, $at, 32);
    }
    return @fibs;
}

sub fib {
    my ($name, $at, $bytes) = @_;
    my @figs;
    my $p = 0;
    fault("$name: CRC") if crc(substr $bytes, 0, 30) != unpack 'n', substr $bytes, 30, 2;
    while ($p < 30) {
        my $head = ord substr $bytes, $p, 1;
        last if $head == 0xff;
        my $size = 1 + ($head & 31);
        if ($size == 1 || $p + $size > 30) {
            fault("$name: malformed");
            last;
        }
        push @figs, substr $bytes, $p, $size;
        $p += $size;
    }
    my $padding = $p < 29 ? substr $bytes, $p + 1, 29 - $p : '';
    return {at => $at, bytes => $bytes, figs => \@figs, used => $p, padding => $padding};
}

# What a FIG 6 says, by the lengths that tell the two layouts apart.
sub reading {
    my ($fig) = @_;
    my ($length, $head) = (length($fig) - 1, ord substr $fig, 1, 1);
    my $body = substr $fig, 2;
    if ($head == 0 && $length % 2 == 1) {
        return '6/0:' . join ',', map { sprintf '%04x', $_ } unpack 'n*', $body;
    }
    if ($head == 1 && $length > 1 && $length % 4 == 1) {
        return '6/1:' . join ',',
            map { unpack('H4', $_) . '>' . unpack 'x2H4', $_ } $body =~ /(.{4})/gs;
    }
    if ($head == 0x21 && $length > 1 && $length % 6 == 1) {
        return '6/1:' . join ',',
            map { unpack('H8', $_) . '>' . unpack 'x4H4', $_ } $body =~ /(.{6})/gs;
    }
    my ($rfu, $next, $other, $wide, $long, $id) = fields($fig, 9, 1, 1, 1, 1, 3);
    my $sid_size = $wide ? 4 : 2;
    my $sid = unpack 'H*', substr $body, 0, $sid_size;
    return "long:$sid>$id=" . unpack 'H*', substr $body, $sid_size
        if $long && length $body >= $sid_size + 2;
    return "short:$sid>$id" if !$long && $id && length $body == $sid_size;
    return 'unknown';
}

# Compares a frame with the one that it was made from.
sub compare {
    my ($number, $frame, $original, $fibs, $old_fibs) = @_;
    my ($new, $old) = ($frame->{bytes}, $original->{bytes});
    return fault("frame $number: another size") if length $new != length $old;
    my %now;
    $now{$_}++ for map { @{$_->{figs}} } @$fibs;
    for my $i (0 .. $#$old_fibs) {
        my ($was, $is) = ($old_fibs->[$i], $fibs->[$i]);
        for my $fig (@{$was->{figs}}) {
            next if $now{$fig} || ord($fig) >> 5 == 6;
            fault("frame $number FIB $i: lost " . unpack 'H*', $fig);
        }
        next if $was->{bytes} eq $is->{bytes};
        my @kept = grep { ord($_) >> 5 != 6 } @{$is->{figs}};
        my @had = @{$was->{figs}};
        # What stays keeps its order, and what has a fixed place keeps that.
        for my $fig (@kept) {
            shift @had while @had && $had[0] ne $fig;
            fault("frame $number FIB $i: order") if !@had;
            shift @had;
        }
        my @fixed = grep { /\A[\x00-\x1f][\x00\x07\x0a\x20\x27\x2a\x40\x47\x4a]/ } @{$was->{figs}};
        my %kept = map { $_ => 1 } @kept;
        fault("frame $number FIB $i: a fixed FIG is gone") if grep { !$kept{$_} } @fixed;
        fault("frame $number FIB $i: padding") if $is->{padding} =~ /[^\x00]/;
        fault("frame $number FIB $i: changed for nothing")
            if join('', @{$was->{figs}}) eq join '', @{$is->{figs}};
        substr $new, $is->{at}, 32, $was->{bytes};
    }
    # Right FIBs leave the EOF CRC alone; so nothing else may differ at all.
    fault("frame $number: changed outside of the FIBs") if $new ne $old;
    return;
}

my ($path, $original_path) = @ARGV;
die "usage: dab-check.pl FILE [ORIGINAL]\n" if !defined $path;
my $file = slurp($path);
my ($form, @frames) = frames($file);
my ($original_form, @original) = defined $original_path ? frames(slurp($original_path)) : ();
my ($fib_count, $fig_count, $changed) = (0, 0, 0);
for my $number (0 .. $#frames) {
    my @fibs = fibs($number, $frames[$number]);
    for my $i (0 .. $#fibs) {
        $fib_count++;
        for my $fig (grep { ord($_) >> 5 == 6 } @{$fibs[$i]{figs}}) {
            print "fig $number $i ", unpack('H*', $fig), ' ', reading($fig), "\n";
            $fig_count++;
        }
    }
    if ($original[$number]) {
        my @before = @faults;
        my @old_fibs = fibs("$number of the original", $original[$number]);
        @faults = @before;
        compare($number, $frames[$number], $original[$number], \@fibs, \@old_fibs);
        $changed++ if $frames[$number]{bytes} ne $original[$number]{bytes};
    }
}
if (defined $original_path) {
    fault('another number of frames') if @frames != @original;
    fault('another form') if $form ne $original_form;
    print "changed $changed\n";
}
print "form $form\nframes ", scalar @frames, "\nfibs $fib_count\nfig_count $fig_count\n";
print "fault $_\n" for @faults;
exit(@faults ? 1 : 0);
