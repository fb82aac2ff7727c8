#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# ECMs of the library against a decoder that was written from the specification alone, AES-GCM
# included: vectors, fresh ECMs, and damaged ones that are sealed with the right key. `make check`
# runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Cbor;
use Simc::Cddl;
use Simc::Run;

my $COUNT = 1000;    # ECMs, one half of them damaged
my @SEEDS = (1, 2);
my $SECONDS = 120;

my $support = srcdir() . '/tests/support';
my %file = map { $_ => srcdir() . "/tests/vectors/$_" } 'ecm.txt', 'ecm-access-criteria.txt';

# Paragraphs of `name: value` lines, as hashes.
sub vectors {
    my ($path) = @_;
    my $text = read_file($path);
    $text =~ s/^#[^\n]*\n//mg;
    $text =~ s/\n  //g;
    return map { { /^(\w+): ?(\N*)$/mg } } grep { /\S/ } split /\n\n+/, $text;
}

sub decode {
    my ($sections, @options) = @_;
    my $run = run(['perl', "$support/ecm-decode.pl", @options], seconds => $SECONDS,
        in => join '', map { "$_\n" } @$sections);
    is($run->{err}, '', 'the decoder has nothing to complain about');
    return split /\n/, $run->{out};
}

# ---- the files ----

for my $row (['ecm', 'ecm.txt'], ['access-criteria', 'ecm-access-criteria.txt']) {
    my ($what, $name) = @$row;
    my $run = run(['perl', "$support/ecm-vectors.pl", $what], seconds => $SECONDS);
    ok($run->{status} == 0 && $run->{out} eq read_file($file{$name}),
        "$name is what tests/support/ecm-vectors.pl $what makes") or diag $run->{err};
}

my @vectors = vectors($file{'ecm.txt'});
my @good = grep { !$_->{reason} } @vectors;
my @bad = grep { $_->{reason} } @vectors;
cmp_ok(scalar @good, '>=', 14, 'good vectors: ' . @good);
cmp_ok(scalar @bad, '>=', 90, 'bad vectors: ' . @bad);

# ---- the decoder against the vectors ----

subtest 'vectors' => sub {
    my $key = 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf';
    my %ids = map { ("$_->{package}:$_->{version}" => 1) } @good;
    my @got = decode([map { $_->{section} } @vectors],
        map { ('--key', "$_:$key") } '3:412', sort keys %ids);
    my @want = map {
        my $vector = $_;
        my @cws = sort { (($a - $vector->{first}) & 0xffff) <=> (($b - $vector->{first}) & 0xffff) }
            map { /^cw_(\d+)$/ ? $1 : () } keys %$vector;
        $vector->{reason} ? "refused $vector->{reason}"
            : join ' ', 'opened', substr($vector->{section}, 0, 2), @$vector{qw(package version
            super_cas_id ecm_id)}, 'issued', $vector->{issued}, 'epoch', $vector->{lowest_epoch},
            'content', defined $vector->{content} ? $vector->{content} : 'none', 'conditions',
            defined $vector->{conditions} ? "0x$vector->{conditions}" : 'none', 'cws',
            join ',', map { "$_:$vector->{qq(cw_$_)}" } @cws;
    } map { { %$_, first => first_cp($_) } } @vectors;
    is_deeply(\@got, \@want, 'each opens or is refused as it should be');
    my ($stream) = decode([$vectors[0]{section}], '--key', "3:412:$key", '--stream',
        '3:1257308161:34');
    is($stream, 'refused wrong stream', 'and an ECM of another stream is refused');
};

# The CP_number that the payload names first.
sub first_cp {
    my ($vector) = @_;
    return 0 if $vector->{reason};
    my $map = cbor(pack 'H*', $vector->{payload});
    my ($pair) = grep { $_->[0][1] == 5 } @{$map->[1]};
    return $pair->[1][1][0][1];
}

# ---- the decoder against the library ----

my @keys = map { ('--key', $_) } '3:411:' . 'aa' x 16, '3:412:' . 'bb' x 16, '3:413:' . 'cc' x 16;
for my $seed (@SEEDS) {
    my $made = run([builddir() . '/ecm-make', $COUNT, $seed], seconds => $SECONDS);
    is("$made->{status} $made->{err}", '0 ', "the library makes $COUNT ECMs, seed $seed");
    my @lines = map { [split / /, $_, 2] } split /\n/, $made->{out};
    is(scalar @lines, $COUNT, 'all of them');
    my @got = decode([map { $_->[0] } @lines], @keys);
    my @differ = grep { $got[$_] ne $lines[$_][1] } 0 .. $#lines;
    is(scalar @differ, 0, 'both say the same of each')
        or diag map { "$lines[$_][0]\n  $lines[$_][1]\n  $got[$_]\n" } $differ[0];
    my @opened = grep { /^opened/ } @got;
    my %reasons = map { /^refused (.*)/ ? ($1 => 1) : () } @got;
    cmp_ok(scalar @opened, '>=', $COUNT / 4, 'opened: ' . @opened);
    cmp_ok(scalar keys %reasons, '>=', 5, 'reasons met: ' . join ', ', sort keys %reasons);
}

# ---- CDDL ----

subtest 'specs/cddl/ecm.cddl' => sub {
    my $cddl = Simc::Cddl->new(read_file(srcdir() . '/specs/cddl/ecm.cddl'));
    my %is = map { $_ => 1 } $cddl->rules;
    ok($is{$_}, "has a rule $_")
        for qw(ecm ecm-protected ecm-enc-structure ecm-payload access-criteria);
    my @faults;
    for my $vector (@good) {
        my %part = (ecm => substr($vector->{section}, 8), 'ecm-protected' => $vector->{protected},
            'ecm-payload' => $vector->{payload}, 'ecm-enc-structure' => $vector->{enc_structure});
        for my $rule (sort keys %part) {
            local $Simc::Cbor::WITH_TEXT = $rule eq 'ecm-enc-structure';
            my $item = cbor(pack 'H*', $part{$rule});
            push @faults, "$vector->{name}: $rule" if !$item || !$cddl->matches($rule, $item);
        }
    }
    is_deeply(\@faults, [], 'all parts of the good vectors are what it says');

    my %criteria = map { $_->{name} => $_ } vectors($file{'ecm-access-criteria.txt'});
    cmp_ok(scalar keys %criteria, '>=', 40, 'access criteria: ' . keys %criteria);
    my @wrong;
    for my $vector (values %criteria) {
        my $item = cbor(pack 'H*', $vector->{bytes});
        my $fits = $item && length $vector->{bytes} <= 128
            && $cddl->matches('access-criteria', $item);
        push @wrong, $vector->{name} if !!$fits != !$vector->{reason};
    }
    is_deeply(\@wrong, [], 'it takes the good access criteria and no bad ones');

    # The payloads that an ECM is refused for, opened with the witness's help.
    my @refused = map { cbor(pack 'H*', $_) } 'a0', 'a3010002000580', 'a3010002000581' . '1903e8',
        'a301000200058200' . '4c' . '00' x 12, 'a4010002000582004800000000000000001828' . '00',
        'a3012002000582004800000000000000' . '00';
    ok((!grep { !$_ } @refused), 'payloads that are good CBOR');
    ok((!grep { $cddl->matches('ecm-payload', $_) } @refused), 'and no payloads');
    for my $bad ('a = ', 'a = [', 'a = b', "a = 1\na = 2", 'a = { x: 1 }', 'a = @', 'a = 1 )') {
        ok(!eval { Simc::Cddl->new($bad); 1 }, "'$bad' is no CDDL");
    }
};

done_testing;
