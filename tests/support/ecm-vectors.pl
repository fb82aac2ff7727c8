#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Makes tests/vectors/ecm.txt (`ecm`) or ecm-access-criteria.txt (`access-criteria`) on the standard
# output, without the library: bytes put together by hand, sealed by Simc::Gcm. tests/scenarios/
# ecm-decoder.t holds the files against it.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::Bin/lib";
use Simc::Gcm;

my $KEY = pack 'H*', 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf';
my $NONCE = pack 'H*', '010203040506070800000009';
my $COLUMNS = 96;

# ---- CBOR: heads in their shortest form, unless a case writes its bytes itself ----

sub head {
    my ($major, $n) = @_;
    my $type = $major << 5;
    return $n < 24 ? pack('C', $type | $n)
        : $n < 1 << 8 ? pack('CC', $type | 24, $n)
        : $n < 1 << 16 ? pack('Cn', $type | 25, $n)
        : $n < 1 << 32 ? pack('CN', $type | 26, $n)
        : pack('CQ>', $type | 27, $n);
}

sub uint { return head(0, $_[0]) }
sub bytes { return head(2, length $_[0]) . $_[0] }
sub array { return head(4, scalar @_) . join '', @_ }
sub map_of { return head(5, @_ / 2) . join '', @_ }
sub hex_of { my ($bytes) = @_; return unpack 'H*', $bytes }
sub raw { my ($hex) = @_; return pack 'H*', $hex =~ s/\s//gr }

# ---- an ECM, from parts that a case may replace ----

my %PLAIN = (package => 3, version => 412, super_cas_id => 0x4af10001, ecm_id => 0x21,
    cp_number => 1000, issued => 1764938624, lowest_epoch => 57);
my @CWS = ([1000, raw('00112233445566778899aabbccddeeff')],
    [1001, raw('0f1e2d3c4b5a69788796a5b4c3d2e1f0')]);

sub numbered_cws {
    my ($count, $size, $first) = @_;
    my @bytes = map { $_ & 0xff } 0 .. 16 * $count;
    return map {
        [($first + $_) & 0xffff, pack 'C*', @bytes[16 * $_ .. 16 * $_ + $size - 1]]
    } 0 .. $count - 1;
}

sub payload_of {
    my ($case) = @_;
    return $case->{payload} if defined $case->{payload};
    my @pairs = (uint(1), uint($case->{issued}), uint(2), uint($case->{lowest_epoch}));
    push @pairs, uint(3), uint($case->{content}) if defined $case->{content};
    push @pairs, uint(4), bytes($case->{conditions}) if defined $case->{conditions};
    push @pairs, uint(5), array(map { (uint($_->[0]), bytes($_->[1])) } @{$case->{cws}});
    return map_of(@pairs, @{$case->{more} || []});
}

# All steps of an ECM.
sub make {
    my ($case) = @_;
    my %ecm = (payload => payload_of($case), nonce => $case->{nonce} || $NONCE);
    my $kid = pack 'NNNn', @$case{qw(package version super_cas_id ecm_id)};
    $ecm{protected} = defined $case->{protected} ? $case->{protected}
        : map_of(uint(1), uint(1), uint(4), bytes($kid));
    my $unprotected = defined $case->{unprotected} ? $case->{unprotected}
        : map_of(uint(5), bytes($ecm{nonce}));
    my $before = ($case->{before} || "\x83") . bytes($ecm{protected}) . $unprotected;
    my $size = length($ecm{payload}) + 16;
    my $behind = defined $case->{behind} ? $case->{behind} : '';
    my $sealed_head = $case->{sealed_head} || head(2, $size);
    my $length = 1 + length($before) + length($sealed_head) + $size + length $behind;
    $ecm{external_aad} = pack 'CnC', $case->{table_id} || 0x80 | ($case->{cp_number} & 1),
        ($case->{bits} || 7) << 12 | $length + ($case->{lie} || 0), $case->{format} || 0x11;
    $ecm{enc_structure} = "\x83\x68" . ($case->{context} || 'Encrypt0') . bytes($ecm{protected})
        . bytes($ecm{external_aad});
    $ecm{ciphertext} = gcm_seal($case->{key} || $KEY, $ecm{nonce}, $ecm{enc_structure},
        $ecm{payload});
    $ecm{ciphertext} = $case->{ciphertext} if defined $case->{ciphertext};
    $ecm{section} = $ecm{external_aad} . $before . $sealed_head . $ecm{ciphertext} . $behind;
    $ecm{section} = $case->{edit}->($ecm{section}) if $case->{edit};
    $ecm{packets} = packets($ecm{section});
    return \%ecm;
}

sub packets {
    my ($section) = @_;
    my ($first, @more) = grep { length } unpack 'a183 (a184)*', $section;
    my $out = "\x47\x5f\xff\x10\x00" . $first . "\xff" x (183 - length $first);
    my $cc = 0;
    $out .= pack('CnC', 0x47, 0x1fff, 0x10 | ++$cc) . $_ . "\xff" x (184 - length) for @more;
    return $out;
}

# ---- the cases ----

my @GOOD = (
    ['worked example of the specification', content => 66051],
    ['one control word of 8 bytes, odd period', cp_number => 77, lowest_epoch => 0,
        cws => [numbered_cws(1, 8, 77)]],
    ['two control words of 8 bytes', cws => [numbered_cws(2, 8, 1000)]],
    ['three control words, the middle one is that of the period', cp_number => 1001,
        cws => [numbered_cws(3, 16, 1000)]],
    ['8 and 16 bytes in one ECM', cws => [(numbered_cws(1, 8, 4))[0], [5, $CWS[1][1]]]],
    ['largest access criteria', content => 66051, conditions => 'c' x 52],
    ['no conditions and conditions of no bytes differ', conditions => ''],
    ['183 bytes: just fits one TS packet', content => 66051, conditions => 'd' x 64],
    ['184 bytes: two TS packets', content => 66051, conditions => 'd' x 64,
        lowest_epoch => 65535],
    ['256 bytes: the largest', content => 66051, conditions => 'e' x 18,
        cws => [numbered_cws(8, 16, 1000)]],
    ['all numbers are 0', package => 0, version => 0, super_cas_id => 0, ecm_id => 0,
        cp_number => 0, issued => 0, lowest_epoch => 0, content => 0,
        cws => [numbered_cws(2, 16, 0)]],
    ['all numbers are the largest, CP_number wraps', package => 0xffffffff, version => 0xffffffff,
        super_cas_id => 0xffffffff, ecm_id => 0xffff, cp_number => 0xffff, issued => 0xffffffff,
        lowest_epoch => 0xffffffff, content => 0xffffffff, cws => [numbered_cws(2, 16, 0xffff)]],
    ['an ignorable key is skipped', makes => 'no', more => [uint(64), raw('f5')]],
    ['ignorable keys with anything in them', makes => 'no',
        more => [uint(1000), raw('8282010243000000')]],
);

my $HEADERS = raw('01 01 04 4e 000000030000019c4af100010021');
my $IV = raw('05 4c') . $NONCE;
my $PAIR = uint(1000) . bytes($CWS[0][1]);
my $FRONT = raw('01 1a6932d380 02 1839');

sub with_cws { my ($array) = @_; return payload => "\xa3" . $FRONT . "\x05" . $array }

my @BAD = (
    ['length', 'section_length says one less', lie => -1],
    ['length', 'section_length says one more', lie => 1],
    ['length', 'an empty section', edit => sub { return raw('807000') }],
    ['length', '257 bytes', content => 66051, conditions => 'e' x 19,
        cws => [numbered_cws(8, 16, 1000)]],
    ['table_id', 'an EMM', table_id => 0x82],
    ['section header', 'section_syntax_indicator 1', bits => 0xf],
    ['section header', 'reserved bits 0', bits => 4],
    ['format', 'layout 2', format => 0x12],
    ['format', 'a section of another CA system',
        edit => sub { return raw('8070 08 00 0102030405 0607') }],
    ['cose', 'nothing behind the prefix', edit => sub { return raw('80700111') }],
    ['cose', 'tag 16 in front', before => "\xd0\x83"],
    ['cose', 'COSE_Sign1 in shape', before => "\x84", behind => bytes('x' x 4)],
    ['cose', 'array of two', before => "\x82"],
    ['cose', 'array of indefinite length', before => "\x9f", behind => "\xff"],
    ['cose', 'byte string of indefinite length', sealed_head => raw('5f 584a'), behind => "\xff"],
    ['cose', 'a byte behind the array', behind => "\x00"],
    ['cose', 'length of the ciphertext not in its shortest form', sealed_head => raw('59004a')],
    ['cose', 'length of the ciphertext 2^31', sealed_head => raw('5a80000000')],
    ['cose', 'length of the ciphertext 2^63', sealed_head => raw('5b8000000000000000')],
    ['cose', 'array of 2^32', before => raw('9b0000000100000000')],
    ['cose', 'ciphertext of 15 bytes', sealed_head => "\x4f", ciphertext => 'x' x 15,
        lie => -53],
    ['cose', 'empty protected map as an empty string', protected => ''],
    ['cose', 'protected map: alg in two bytes',
        protected => raw('a2 01 1801') . substr $HEADERS, 2],
    ['cose', 'protected map: kid before alg',
        protected => "\xa2" . substr($HEADERS, 2) . substr $HEADERS, 0, 2],
    ['cose', 'protected map: alg twice', protected => raw('a3 01 01') . $HEADERS],
    ['cose', 'protected map: a byte behind it', protected => "\xa2" . $HEADERS . "\x00"],
    ['cose', 'protected is an array', protected => "\x84" . $HEADERS],
    ['cose', 'a text label', unprotected => "\xa2" . $IV . raw('616100')],
    ['cose', 'five arrays in each other', unprotected => "\xa2" . $IV . raw('06 818181818100')],
    ['headers', 'empty map protected', protected => raw('a0')],
    ['headers', 'no alg', protected => "\xa1" . substr $HEADERS, 2],
    ['headers', 'alg unprotected only', protected => "\xa1" . substr($HEADERS, 2),
        unprotected => raw('a2 01 01') . $IV],
    ['headers', 'alg in both maps', unprotected => raw('a2 01 01') . $IV],
    ['headers', 'no kid', protected => raw('a1 01 01')],
    ['headers', 'kid unprotected', protected => raw('a1 01 01'),
        unprotected => "\xa2" . substr($HEADERS, 2) . $IV],
    ['headers', 'kid is a number', protected => raw('a2 01 01 04 05')],
    ['headers', 'no IV', unprotected => raw('a0')],
    ['headers', 'IV in the protected map', protected => "\xa3" . $HEADERS . $IV,
        unprotected => raw('a0')],
    ['headers', 'IV is a number', unprotected => raw('a1 05 0c')],
    ['headers', 'Partial IV beside IV', unprotected => "\xa2" . $IV . raw('06 4100')],
    ['headers', 'crit', protected => raw('a3 01 01 02 81 1903e8') . substr $HEADERS, 2],
    ['headers', 'content type', protected => raw('a3 01 01 03 00') . substr $HEADERS, 2],
    ['headers', 'a private label', unprotected => "\xa2" . $IV . raw('3a00010000 00')],
    ['algorithm', 'A256GCM', protected => raw('a2 01 03') . substr $HEADERS, 2],
    ['algorithm', 'EdDSA', protected => raw('a2 01 27') . substr $HEADERS, 2],
    ['algorithm', 'a byte string', protected => raw('a2 01 4101') . substr $HEADERS, 2],
    ['algorithm', 'the largest number',
        protected => raw('a2 01 1bffffffffffffffff') . substr $HEADERS, 2],
    ['nonce', 'IV of 0 bytes', unprotected => raw('a1 05 40')],
    ['nonce', 'IV of 11 bytes', unprotected => raw('a1 05 4b') . substr $NONCE, 1],
    ['nonce', 'IV of 13 bytes', unprotected => raw('a1 05 4d 00') . $NONCE],
    ['kid', 'kid of 13 bytes', protected => raw('a2 01 01 04 4d') . substr $HEADERS, 5],
    ['kid', 'kid of 15 bytes', protected => raw('a2 01 01 04 4f 00') . substr $HEADERS, 4],
    ['kid', 'kid of 2 bytes, as of an EMM', protected => raw('a2 01 01 04 42 0001')],
    ['no key', 'another package', package => 4],
    ['no key', 'another key version', version => 413],
    ['tag', 'sealed with another key', key => raw('a0a1a2a3a4a5a6a7a8a9aaabacadaeae')],
    ['tag', 'context Encrypt1', context => 'Encrypt1'],
    ['tag', 'all-zero ciphertext and tag', ciphertext => "\0" x 68],
    ['tag', 'table_id changed from 80 to 81',
        edit => sub { my ($section) = @_; return "\x81" . substr $section, 1 }],
    ['payload', 'plaintext of 0 bytes', payload => ''],
    ['payload', 'a byte behind the map', payload => "\xa3" . $FRONT . "\x05\x82" . $PAIR . "\x00"],
    ['payload', 'a number not in its shortest form',
        payload => "\xa3" . raw('01 1a6932d380 02 190039') . "\x05\x82" . $PAIR],
    ['payload', 'keys not in order', payload => "\xa3" . raw('02 1839 01 1a6932d380') . "\x05\x82"
        . $PAIR],
    ['payload', 'a key twice', payload => "\xa4" . $FRONT . raw('02 1839') . "\x05\x82" . $PAIR],
    ['payload', 'a map of indefinite length',
        payload => "\xbf" . $FRONT . "\x05\x82" . $PAIR . "\xff"],
    ['payload', 'a tag', with_cws("\x82" . "\xc1" . $PAIR)],
    ['payload', 'a text', payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('1840 6161')],
    ['payload', 'null', payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('1840 f6')],
    ['payload', 'a float', payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('1840 f93c00')],
    ['payload', 'five arrays in each other below the map',
        payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('1840 818181818100')],
    ['payload', 'array of 2^32', with_cws(raw('9b0000000100000000') . $PAIR)],
    ['payload', 'byte string of 2^63', with_cws(raw('82 1903e8 5b8000000000000000'))],
    ['payload', 'cut off', with_cws("\x82" . substr $PAIR, 0, -1)],
    ['payload', 'damage behind an unknown key',
        payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('1828 1801')],
    ['critical key', 'key 40', payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('1828 00')],
    ['critical key', 'key 63', payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('183f 00')],
    ['critical key', 'key 6 beside a wrong value',
        payload => raw('a4 01 20 02 1839') . "\x05\x82" . $PAIR . raw('06 00')],
    ['critical key', 'key 0', payload => raw('a4 00 00') . $FRONT . "\x05\x82" . $PAIR],
    ['value', 'an array', payload => "\x80"],
    ['value', 'an empty map', payload => "\xa0"],
    ['value', 'no time of issue', payload => raw('a2 02 1839') . "\x05\x82" . $PAIR],
    ['value', 'no epoch', payload => raw('a2 01 00') . "\x05\x82" . $PAIR],
    ['value', 'no control words', payload => "\xa2" . $FRONT],
    ['value', 'a negative time of issue', payload => raw('a3 01 20 02 00') . "\x05\x82" . $PAIR],
    ['value', 'an epoch of 2^32', payload => raw('a3 01 00 02 1b0000000100000000') . "\x05\x82"
        . $PAIR],
    ['value', 'content is a byte string',
        payload => "\xa4" . $FRONT . raw('03 4100') . "\x05\x82" . $PAIR],
    ['value', 'conditions of 65 bytes', conditions => 'f' x 65],
    ['value', 'conditions are a number',
        payload => "\xa4" . $FRONT . raw('04 00') . "\x05\x82" . $PAIR],
    ['value', 'no pair', with_cws("\x80")],
    ['value', 'half a pair', with_cws(raw('81 1903e8'))],
    ['value', 'one and a half pairs', with_cws("\x83" . $PAIR . raw('1903e9'))],
    ['value', 'nine control words', cws => [numbered_cws(9, 8, 1000)]],
    ['value', 'a CP_number of 65536', with_cws("\x82" . uint(65536) . bytes($CWS[0][1]))],
    ['value', 'a CP_number twice', with_cws("\x84" . $PAIR . $PAIR)],
    ['value', 'a control word of 0 bytes', with_cws(raw('82 1903e8 40'))],
    ['value', 'a control word of 12 bytes', with_cws(raw('82 1903e8') . bytes('x' x 12))],
    ['value', 'a control word of 17 bytes', with_cws(raw('82 1903e8') . bytes('x' x 17))],
    ['value', 'control words in a map', with_cws("\xa1" . $PAIR)],
    ['value', 'control word before CP_number',
        with_cws("\x82" . bytes($CWS[0][1]) . uint(1000))],
    ['value', 'a negative key', payload => "\xa4" . $FRONT . "\x05\x82" . $PAIR . raw('20 00')],
);

# name, bytes, and what they say, or why they are refused
my @CRITERIA = (
    ['package alone', 'a10102', package => 2],
    ['package 0', 'a10100', package => 0],
    ['largest package', 'a1011affffffff', package => 4294967295],
    ['content', 'a20103021a00010203', package => 3, content => 66051],
    ['content 0 is not no content', 'a201030200', package => 3, content => 0],
    ['conditions', 'a20103034101', package => 3, conditions => '01'],
    ['conditions of no bytes', 'a201030340', package => 3, conditions => ''],
    ['64 bytes with content', 'a30103021a00010203035834' . 'c5' x 52, package => 3,
        content => 66051, conditions => 'c5' x 52],
    ['64 bytes without content', 'a2010303583a' . 'c5' x 58, package => 3, conditions => 'c5' x 58],
    ['an ignorable key', 'a20103184000', package => 3, makes => 'no'],
    ['an ignorable key with an array', 'a2010318ff820142ffff', package => 3, makes => 'no'],
    ['no bytes', '', reason => 'empty'],
    ['65 bytes', 'a2010303583b' . 'c5' x 59, reason => 'too long'],
    ['4096 bytes of nothing', '00' x 100, reason => 'too long'],
    ['a plain number', '01', reason => 'not ours'],
    ['ASCII text', '7061636b6167652032', reason => 'not ours'],
    ['TLV of another system', '000100040000000a', reason => 'not ours'],
    ['a CBOR array', '8101', reason => 'not ours'],
    ['a CBOR map with text keys', 'a1677061636b61676502', reason => 'not ours'],
    ['a CBOR map with negative keys', 'a12002', reason => 'not ours'],
    ['a map of indefinite length', 'bf0102ff', reason => 'malformed'],
    ['a tag in front', 'd90100a10102', reason => 'not ours'],
    ['a byte behind the map', 'a1010200', reason => 'malformed'],
    ['cut off', 'a101', reason => 'malformed'],
    ['cut off in a number', 'a1011a0000', reason => 'malformed'],
    ['a number not in its shortest form', 'a1011802', reason => 'malformed'],
    ['a key not in its shortest form', 'a1180102', reason => 'malformed'],
    ['keys not in order', 'a202000102', reason => 'malformed'],
    ['a key twice', 'a201020102', reason => 'malformed'],
    ['count of pairs too large', 'a3010202', reason => 'malformed'],
    ['conditions of 2^63 bytes', 'a20103035b8000000000000000', reason => 'malformed'],
    ['conditions as text', 'a20103036161', reason => 'malformed'],
    ['a float', 'a101f93c00', reason => 'malformed'],
    ['nesting of five', 'a20103184081818181818100', reason => 'malformed'],
    ['an empty map', 'a0', reason => 'no package'],
    ['content alone', 'a10205', reason => 'no package'],
    ['key 4', 'a201020400', reason => 'unknown key'],
    ['key 63', 'a20102183f00', reason => 'unknown key'],
    ['key 0', 'a200000102', reason => 'unknown key'],
    ['package as a byte string', 'a1014102', reason => 'bad value'],
    ['package 2^32', 'a1011b0000000100000000', reason => 'bad value'],
    ['package -1', 'a10120', reason => 'bad value'],
    ['package true', 'a101f5', reason => 'bad value'],
    ['content as an array', 'a20102028100', reason => 'bad value'],
    ['conditions as a number', 'a201020300', reason => 'bad value'],
    ['a negative key behind the others', 'a201022000', reason => 'bad value'],
);

# ---- output ----

sub field {
    my ($name, $value) = @_;
    my @lines = length $value ? unpack "(a$COLUMNS)*", $value : ('');
    my $first = shift @lines;
    return join("\n  ", length $first ? "$name: $first" : "$name:", @lines) . "\n";
}

sub print_good {
    my ($name, %own) = @_;
    my $case = {%PLAIN, cws => \@CWS, %own};
    my $ecm = make($case);
    print "\n", field('name', $name);
    print field('makes', $case->{makes}) if $case->{makes};
    print map { field($_, $case->{$_}) } qw(package version);
    print field('super_cas_id', sprintf '%08x', $case->{super_cas_id});
    print field('ecm_id', sprintf '%04x', $case->{ecm_id});
    print map { field($_, $case->{$_}) } qw(cp_number issued lowest_epoch);
    print field('content', $case->{content}) if defined $case->{content};
    print field('conditions', hex_of($case->{conditions})) if defined $case->{conditions};
    print map { field("cw_$_->[0]", hex_of($_->[1])) } @{$case->{cws}};
    print map { field($_, hex_of($ecm->{$_})) }
        qw(nonce payload protected external_aad enc_structure ciphertext section packets);
    return;
}

sub print_bad {
    my ($reason, $name, %own) = @_;
    my $ecm = make({%PLAIN, cws => \@CWS, %own});
    print "\n", field('name', $name), field('reason', $reason),
        field('section', hex_of($ecm->{section}));
    return;
}

my $what = shift @ARGV || '';
if ($what eq 'ecm') {
    print <<"END";
# ECMs of CA profile 1 (specs/ca-profile/ecm.md), made by tests/support/ecm-vectors.pl.
# Key of every one that opens: ${\ hex_of($KEY)}. Numbers are decimal, but
# super_cas_id and ecm_id; bytes are hex. `packets`: PID 1fff, continuity_counter from 0.
# `makes: no`: has what a maker of today does not put in. Those with a reason are refused for it,
# with the key of package 3 version 412.
END
    print_good(@$_) for @GOOD;
    print_bad(@$_) for @BAD;
} elsif ($what eq 'access-criteria') {
    print <<'END';
# Access criteria of CA profile 1 (specs/ca-profile/ecm.md 1.5), made by
# tests/support/ecm-vectors.pl.
# Numbers are decimal, bytes are hex. `makes: no`: reads well, but is not written like this.
END
    for my $row (@CRITERIA) {
        my ($name, $hex, %field) = @$row;
        print "\n", field('name', $name), field('bytes', $hex);
        print map { field($_, $field{$_}) }
            grep { defined $field{$_} } qw(makes reason package content conditions);
    }
} else {
    die "usage: $0 ecm|access-criteria\n";
}
