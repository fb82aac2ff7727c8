#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The bytes of the link against its CDDL, by a decoder that knows nothing of the library: the
# vectors, what they mean, and damaged ones. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Cbor;
use Simc::Cddl;
use Simc::Notation;
use Simc::Run;

my $SECONDS = 60;
my $DAMAGES = 4000;    # for each vector

$Simc::Cbor::WITH_TEXT = $Simc::Cbor::WITH_NULL = 1;
$Simc::Cbor::DEPTH_MAX = 8;

my $program = builddir() . '/link-vectors';
my %cddl = map { $_ => Simc::Cddl->new(read_file(srcdir() . "/specs/cddl/$_.cddl")) }
    'link', 'scs-mux';

for my $row (['scs-mux', []], ['link', ['frames']]) {
    my ($name, $arguments) = @$row;
    my $run = run([$program, @$arguments], seconds => $SECONDS);
    is($run->{status}, 0, "$name: the program has written its vectors") or diag $run->{err};
    my (@made, @seen);
    for my $paragraph (split /\n\n+/, $run->{out}) {
        my %made = $paragraph =~ /^(\w+): (\N*)$/mg;
        my $item = cbor(pack 'H*', $made{hex});
        ok($item && $cddl{$name}->matches($made{rule}, $item), "$made{rule} ($made{note}): CDDL");
        ok($name ne 'link' || $cddl{link}->matches('frame', $item), 'and it is a frame');
        my $means = $item ? notation($item) : 'nothing';
        is(unpack('H*', encode($means)), $made{hex}, 'its meaning gives its bytes');
        push @made, {%made, means => $means};
        push @seen, $made{rule};
    }
    my $title = "# Written by the check program link-vectors; see specs/cddl/$name.cddl.\n";
    my $text = join "\n", $title,
        map { my $vector = $_; join '', map { "$_: $vector->{$_}\n" } qw(rule note hex means) }
        @made;
    my $file = srcdir() . "/tests/vectors/link/$name.txt";
    if ($ENV{SIMC_WRITE_VECTORS}) {
        open my $out, '>', $file or die "$file: $!\n";
        print {$out} $text;
        close $out or die "$file: $!\n";
    }
    is($text, read_file($file), "tests/vectors/link/$name.txt is what the program writes");
    my %seen = map { $_ => 1 } @seen;
    cmp_ok(scalar keys %seen, '>=', 9, 'kinds: ' . join ' ', sort keys %seen);
    next if $name eq 'link';

    # What the CDDL refuses, the library refuses. What it allows and the library does not breaks a
    # rule that CDDL cannot say: order, stops, twins, control characters, UTF-8.
    my (@lines, @fine);
    srand 7;
    for my $vector (grep { $_->{note} eq 'usual' } @made) {
        my $bytes = pack 'H*', $vector->{hex};
        for (1 .. $DAMAGES) {
            my $damaged = $bytes;
            for (0 .. int rand 2) {
                substr $damaged, int rand length $damaged, 1, chr int rand 256;
            }
            push @lines, "$vector->{rule} " . unpack 'H*', $damaged;
            my $item = cbor($damaged);
            push @fine, $item && $cddl{$name}->matches($vector->{rule}, $item) ? 1 : 0;
        }
    }
    my $read = run([$program, 'read'], seconds => $SECONDS, in => join '', map { "$_\n" } @lines);
    my @says = split /\n/, $read->{out};
    is(scalar @says, scalar @lines, 'damaged ones: ' . @lines);
    my $beyond = qr/does not belong here|not well-formed UTF-8/;
    my @wrong = grep { ($says[$_] eq 'good') != $fine[$_] && !($fine[$_] && $says[$_] =~ $beyond) }
        0 .. $#lines;
    is(join("\n", map { "$lines[$_]: $says[$_]" } @wrong[0 .. ($#wrong < 4 ? $#wrong : 4)]), '',
        'library and CDDL agree on them');
    my $good = grep { $_ eq 'good' } @says;
    ok($good > 1000 && $good < @lines - 1000, "of which are good: $good");
}

done_testing;
