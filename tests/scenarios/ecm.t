#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt ecm` over the vectors of the CA profile, over ECMs that this test seals in Perl, and
# over transport streams: what is told with and without keys. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Gcm;
use Simc::Json;
use Simc::Run;

my ($GOOD, $FOUND, $TROUBLE) = (0, 1, 2);
my ($PACKET, $PID) = (188, 0x0201);
my $KEY = 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf';
my @CWS = ('00112233445566778899aabbccddeeff', '0f1e2d3c4b5a69788796a5b4c3d2e1f0');

program('simulcrypt', 'cli');
for my $component (qw(conf cas)) {
    plan skip_all => "configured without $component" if not has_component($component);
}

my $dir = scratch();

# A key file; each row is package, version, key.
sub key_file {
    my ($name, @rows) = @_;
    my $text = "format: 1\nkeys:\n";
    $text .= "- {package: $_->[0], version: $_->[1], start: 2020-01-01T00:00:00Z, "
        . "end: 2100-01-01T00:00:00Z, key: \"$_->[2]\"}\n" for @rows;
    my $path = write_file("$dir/$name", $text);
    chmod 0600, $path;
    return $path;
}

# Runs `ecm`; returns the run. Nothing that is secret may be printed unless it was asked for.
sub ecm {
    my ($status, $name, $arguments, %how) = @_;
    my $run = simulcrypt(['ecm', @$arguments], %how);
    is($run->{status}, $status, $name) or diag("$run->{out}$run->{err}");
    if (!grep { $_ eq '--show-secrets' } @$arguments) {
        my @leaks = grep { index("$run->{out}$run->{err}", $_) >= 0 } $KEY, @CWS;
        is("@leaks", '', '...and no secret is printed');
    }
    return $run;
}

# The objects of a run with --json: those of ECMs and faults, and the summary.
sub objects {
    my ($run) = @_;
    my @all = json_lines($run->{out});
    my $summary = pop @all;
    return ($summary->{summary}, @all);
}

sub refused {
    my ($arguments, $sentence, %how) = @_;
    my $run = simulcrypt(['ecm', @$arguments], %how);
    is("$run->{status} $run->{out}", "$TROUBLE ", "refused: ecm @$arguments");
    my $is_it = ref $sentence ? $run->{err} =~ $sentence
        : $run->{err} eq "simulcrypt: $sentence\n";
    ok($is_it, "...with: $sentence") or diag($run->{err});
    return;
}

# ---- an ECM made here ----

sub cbor_uint {
    my ($type, $n) = @_;
    $type <<= 5;
    return pack 'C', $type | $n if $n < 24;
    return pack 'CC', $type | 24, $n if $n < 256;
    return pack 'Cn', $type | 25, $n if $n < 65536;
    return pack 'CN', $type | 26, $n;
}

sub cbor_bytes { return cbor_uint(2, length $_[0]) . $_[0] }

my $serial = 0;

# A section. What: package, version, id (of the ECM), cp, cws (hex), key (hex), content.
sub seal {
    my %what = (package => 3, version => 412, id => 33, cp => 1000, cws => \@CWS, key => $KEY,
        @_);
    my $cw_count = @{$what{cws}};
    my $payload = cbor_uint(5, $what{content} ? 4 : 3) . cbor_uint(0, 1) . cbor_uint(0, 1764938624)
        . cbor_uint(0, 2) . cbor_uint(0, 57);
    $payload .= cbor_uint(0, 3) . cbor_uint(0, $what{content}) if $what{content};
    $payload .= cbor_uint(0, 5) . cbor_uint(4, 2 * $cw_count);
    for my $i (0 .. $cw_count - 1) {
        $payload .= cbor_uint(0, $what{cp} + $i) . cbor_bytes(pack 'H*', $what{cws}[$i]);
    }
    my $kid = pack 'NNNn', $what{package}, $what{version}, 0x4af10001, $what{id};
    my $protected = "\xa2\x01\x01\x04" . cbor_bytes($kid);
    my $nonce = pack 'H16N', '5555555555555555', ++$serial;
    my $size = 16 + length $payload;
    my $head = "\x83" . cbor_bytes($protected) . "\xa1\x05" . cbor_bytes($nonce)
        . cbor_uint(2, $size);
    my $prefix = pack 'CnC', 0x80 | $what{cp} & 1, 0x7000 | (1 + $size + length $head), 0x11;
    my $aad = "\x83" . cbor_uint(3, 8) . 'Encrypt0' . cbor_bytes($protected) . cbor_bytes($prefix);
    return $prefix . $head . gcm_seal(pack('H*', $what{key}), $nonce, $aad, $payload);
}

sub hex_of { return join '', map { unpack 'H*', $_ } @_ }

# TS packets with one section.
sub packets {
    my ($section, $pid, $cc) = @_;
    my $rest = "\0$section";
    my ($out, $first) = ('', 1);
    while ($rest ne '') {
        my $part = substr $rest, 0, 184, '';
        $out .= pack('CnC', 0x47, ($first ? 0x4000 : 0) | $pid, 0x10 | $$cc++ & 15) . $part
            . "\xff" x (184 - length $part);
        $first = 0;
    }
    return $out;
}

# ---- vectors ----

sub vectors {
    my @vectors;
    for my $block (split /\n{2,}/, read_file(srcdir() . '/tests/vectors/ecm.txt')) {
        $block =~ s/^#[^\n]*\n?//mg;
        $block =~ s/\n  //g;
        my %vector = $block =~ /^(\w+): ?(.*)$/mg;
        push @vectors, \%vector if $vector{name};
    }
    return @vectors;
}

subtest 'vectors that open' => sub {
    my @vectors = grep { !$_->{reason} && $_->{package} > 0 && $_->{version} > 0 } vectors();
    cmp_ok(scalar @vectors, '>=', 8, 'there are some');
    for my $vector (@vectors) {
        my $keys = key_file('vector.yaml', [$vector->{package}, $vector->{version}, $KEY]);
        for my $form (qw(section packets)) {
            next if not $vector->{$form};
            my $run = simulcrypt(['ecm', '-k', $keys, '-j', '--show-secrets', '-'],
                in => $vector->{$form});
            is($run->{status}, $GOOD, "$vector->{name}: $form") or diag($run->{out} . $run->{err});
            my ($summary, $ecm) = objects($run);
            is($summary->{opened}, 1, 'opened');
            is($ecm->{package}, $vector->{package}, 'package');
            is($ecm->{key_version}, $vector->{version}, 'version');
            is($ecm->{super_cas_id}, "0x$vector->{super_cas_id}", 'Super_CAS_id');
            is($ecm->{ecm_id}, hex $vector->{ecm_id}, 'ECM_id');
            is($ecm->{lowest_epoch}, $vector->{lowest_epoch}, 'epoch');
            is($ecm->{content}, $vector->{content}, 'content');
            is($ecm->{conditions}, $vector->{conditions}, 'conditions');
            my %cws = map { $_->{cp} => $_->{cw} } @{$ecm->{cws}};
            my %wanted = map { /^cw_(\d+)$/ ? ($1 => $vector->{$_}) : () } keys %$vector;
            is_deeply(\%cws, \%wanted, 'control words');
            is($ecm->{size} * 2, length $vector->{section}, 'size');
        }
    }
};

subtest 'vectors that do not' => sub {
    my @vectors = grep { $_->{reason} && $_->{section} } vectors();
    cmp_ok(scalar @vectors, '>=', 30, 'there are some');
    my $keys = key_file('keys.yaml', [3, 412, $KEY]);
    for my $vector (@vectors) {
        my $run = simulcrypt(['ecm', '-k', $keys, '-j', '-'], in => $vector->{section});
        is($run->{status}, $FOUND, $vector->{name}) or diag($run->{out} . $run->{err});
        my ($summary, $ecm) = objects($run);
        is($summary->{opened}, 0, 'not opened');
        next if $vector->{reason} eq 'length' || $vector->{reason} eq 'wrong stream';
        is($ecm->{fault}{reason}, $vector->{reason}, $vector->{reason});
        cmp_ok(length $ecm->{fault}{text}, '>', 20, $ecm->{fault}{text});
    }
};

# ---- text ----

my $worked = (vectors())[0]{section};
my $keys = key_file('keys.yaml', [3, 412, $KEY], [3, 410, 'c' . '0' x 31], [7, 1, 'c' . '1' x 31]);

subtest 'with a key' => sub {
    my $head = "ECM 1: 116 bytes, table_id 0x80 (crypto period with an even number), at byte 0 of "
        . "the command line\n"
        . "  kid         package 3, key version 412, Super_CAS_id 0x4af10001, ECM_id 33 (0x0021)\n"
        . "  prefix      80707111\n"
        . "  nonce       0102030405060708 00000009\n"
        . "  ciphertext  58 bytes and a tag of 16\n";
    my $payload = "  issued      2025-12-05T12:43:44Z\n"
        . "  epoch       57 or later\n"
        . "  content     66051 (0x00010203)\n";
    my $run = ecm($GOOD, 'masked', ['--key-file', $keys, $worked]);
    my @prints = $run->{out} =~ /fingerprint ([0-9a-f]{8})$/mg;
    is($run->{out}, $head . $payload
        . "  CP 1000     CW of 16 bytes, fingerprint $prints[0]\n"
        . "  CP 1001     CW of 16 bytes, fingerprint $prints[1]\n"
        . "# 1 ECM, 1 opened, 0 faults\n", 'the whole ECM');
    is($run->{err}, '', 'and no more');
    isnt($prints[0], $prints[1], 'two control words');
    $run = ecm($GOOD, 'shown', ['-k', $keys, '--show-secrets', $worked]);
    is($run->{out}, $head . $payload
        . "  CP 1000     CW of 16 bytes, $CWS[0]\n"
        . "  CP 1001     CW of 16 bytes, $CWS[1]\n"
        . "# 1 ECM, 1 opened, 0 faults\n", 'the same with control words');
    $run = ecm($GOOD, 'without a key', [$worked]);
    is($run->{out}, "$head# 1 ECM, 0 faults\n", 'what everybody can see');
};

subtest 'reasons' => sub {
    my @cases = (
        ['no such version', seal(version => 411),
            "$keys has no key for package 3 version 411; it has versions 410 to 412"],
        ['no such version, one other', seal(package => 7, version => 2),
            "$keys has no key for package 7 version 2; it has version 1"],
        ['no such package', seal(package => 4),
            "$keys has no key for package 4 version 412, nor for another version of this package"],
        ['another key', seal(key => 'c' . '0' x 31), qr/^the tag is wrong: .*another key/],
        ['damaged', do { my $ecm = seal(); substr($ecm, 50, 1) ^= "\x01"; $ecm },
            qr/^the tag is wrong/],
        ['another CA system', "\x80\x70\x08\x01\x02\x03\x04\x05\x06\x07\x08",
            qr/^it is no ECM of profile 1.*\(an ECM of another CA system\?\)$/],
        ['an EMM', "\x82\x70\x01\x11", qr/^table_id is not 0x80 or 0x81/],
    );
    for my $case (@cases) {
        my ($name, $section, $wanted) = @$case;
        my $run = ecm($FOUND, $name, ['-k', $keys, hex_of($section)]);
        my ($why) = $run->{out} =~ /^  (?:not opened|fault): (.*)$/m;
        ok(ref $wanted ? $why =~ $wanted : $why eq $wanted, "...$wanted") or diag($run->{out});
        like($run->{out}, qr/^# 1 ECM, 0 opened, 1 fault$/m, '...and counted');
    }
    my $run = ecm($GOOD, 'the right stream', ['-k', $keys, '-s', '0x4af10001', '-e', 33, $worked]);
    for my $other (['-s', '0x4af10002'], ['-e', 34]) {
        $run = ecm($FOUND, 'another stream', ['-k', $keys, @$other, $worked]);
        like($run->{out}, qr/^  not opened: the kid names another ECM stream/m, '...is told');
    }
};

# ---- inputs ----

subtest 'several in one input' => sub {
    my @sections = map { seal(cp => 100 + $_, cws => ['01' x 8]) } 0 .. 4;
    my $cc = 3;
    my $packed = join '', map { packets($_, 0x1fff, \$cc) } @sections;
    my $same_cc = join '', map { my $zero = 0; packets($_, 0x1fff, \$zero) } @sections;
    my %inputs = (
        'sections' => join('', @sections),
        'packets' => $packed,
        'packets that all begin with the same continuity_counter' => $same_cc,
        'sections and packets' => join('', @sections[0, 1]) . substr($packed, 2 * $PACKET),
        'hex' => join("\n", map { hex_of($_) } @sections) . "\n",
        'hex with comments' => "# five\n" . join(" # one\n", map { hex_of($_) } @sections) . "\n",
        'hex of packets' => hex_of($packed) =~ s/(..)/$1 /gr,
    );
    for my $name (sort keys %inputs) {
        my $file = write_file("$dir/input", $inputs{$name});
        for my $how (['a file', [$file]], ['standard input', ['-'], in_file => $file],
            ['nothing named', [], in_file => $file]) {
            my ($what, $operands, @how) = @$how;
            my $run = ecm($GOOD, "$name, $what", ['-k', $keys, '-j', @$operands], @how);
            my ($summary, @ecms) = objects($run);
            is("$summary->{ecms} $summary->{opened} $summary->{faults}", '5 5 0', '...five');
            is(join(' ', map { $_->{cws}[0]{cp} } @ecms), '100 101 102 103 104', '...in order');
        }
    }
    my @words = map { hex_of($_) } @sections;
    my ($summary) = objects(ecm($GOOD, 'the command line', ['-j', '-k', $keys, @words]));
    is($summary->{opened}, 5, '...five');
    my @bytes = $words[0] =~ /(..)/g;
    ($summary) = objects(ecm($GOOD, 'byte by byte', ['-j', '-k', $keys, @bytes]));
    is($summary->{opened}, 1, '...one');
};

subtest 'inputs that are no ECM' => sub {
    my $section = seal();
    my @cases = (
        ['nothing', '', qr/there are no bytes/],
        ['a section cut off', substr($section, 0, 60), qr/the section is shorter or longer/],
        ['a packet cut off', substr(packets($section, $PID, \my $c), 0, 100),
            qr/a TS packet has 188 bytes, but only 100 are left/],
        ['a packet without a section', "\x47\x02\x01\x10" . "\xff" x 184,
            qr/these TS packets hold no whole section/],
        ['something behind', $section . "\x80", qr/the section is shorter or longer/],
        ['zeros', "\0" x 1000, qr/^byte 0 of .*: 0x00 begins neither .* the 1000 bytes from/m],
        ['zeros behind an ECM', "$section\0\0\0", qr/^byte 110 of .*: 0x00 begins .* the 3 bytes/m],
    );
    for my $case (@cases) {
        my ($name, $bytes, $wanted) = @$case;
        for my $keyed ([], ['-k', $keys]) {
            my $file = write_file("$dir/input", $bytes);
            my $run = ecm($FOUND, $name, [@$keyed, $file]);
            like($run->{out}, $wanted, '...says why');
            $run = ecm($FOUND, "$name, JSON", [@$keyed, '-j', $file]);
            my ($summary, @all) = objects($run);
            cmp_ok($summary->{faults}, '>=', 1, '...and counts it');
        }
    }
    my $failures = 0;
    srand 7;
    for my $round (1 .. 40) {
        my $noise = join '', map { chr int rand 256 } 1 .. 1 + rand 600;
        my $run = simulcrypt(['ecm', '-k', $keys, '-j', '-'], in => $noise);
        $failures++ if $run->{status} != $FOUND && $run->{status} != $TROUBLE;
        eval { json_lines($run->{out}); 1 } or $failures++;
    }
    is($failures, 0, 'noise is no trouble');
};

# ---- transport streams ----

subtest 'a transport stream' => sub {
    my ($cc, $other, $fill) = (0, 5, 0);
    my $stream = '';
    for my $cp (200 .. 204) {
        my $section = seal(cp => $cp);
        my $foreign = seal(cp => $cp, package => 4);
        for my $repetition (1 .. 4) {
            $stream .= packets($section, $PID, \$cc) . packets($foreign, $PID + 1, \$other);
            $stream .= pack('CnC', 0x47, 0x0100, 0x10 | $fill++ & 15) . "\0" x 184 for 1 .. 3;
        }
    }
    my $file = write_file("$dir/stream.ts", $stream);
    my ($summary, @ecms) = objects(ecm($GOOD, 'a PID', ['-k', $keys, '-j', '--ts', $file,
        '--pid', $PID]));
    is_deeply($summary, {ecms => 5, opened => 5, faults => 0, repetitions => 15}, 'each one once');
    is(join(' ', map { $_->{cws}[0]{cp} } @ecms), '200 201 202 203 204', 'in order');
    is(join(' ', map { $_->{packet} } @ecms), '0 20 40 60 80', 'with its packet');
    ($summary) = objects(ecm($GOOD, 'all', ['-k', $keys, '-j', '-t', $file, '-p', '0x0201', '-a']));
    is($summary->{ecms}, 20, 'and the repetitions');
    ($summary) = objects(ecm($FOUND, 'the other PID', ['-k', $keys, '-j', '-t', $file, '-p',
        $PID + 1]));
    is("$summary->{ecms} $summary->{opened} $summary->{faults}", '5 0 5', 'is for another package');
    ($summary) = objects(ecm($GOOD, 'standard input', ['-k', $keys, '-j', '-t', '-', '-p', $PID],
        in_file => $file));
    is($summary->{opened}, 5, 'the same');
    my $run = ecm($GOOD, 'as text', ['-k', $keys, '-t', $file, '-p', $PID]);
    like($run->{out}, qr/^# 5 ECMs, 5 opened, 0 faults, 15 repetitions$/m, 'with a summary');
    like($run->{out}, qr/^ECM 2: .*, at packet 20 of \Q$file\E$/m, 'and the packets');
    $run = ecm($FOUND, 'a PID that is not there', ['-t', $file, '-p', 77]);
    like($run->{out}, qr/: no packet has PID 0x004d$/m, 'is told');
    refused(['-t', $file], "say which PID of $file carries the ECMs: --pid N ('simulcrypt ts "
        . "analyze' lists them)");
    refused(['-t', $file, '-p', '0x1fff'],
        '--pid is 0x1fff, but must be a number from 0 to 0x1ffe');
    refused(['-t', $file, '-p', $PID, $worked], "--ts names the input; '$worked' is one too many");
    refused(['-t', "$dir/none", '-p', $PID], qr/none: No such file or directory/);
};

# ---- usage ----

subtest 'wrong usage' => sub {
    refused(['-p', 1, $worked], '--pid is for transport streams: --ts FILE');
    refused(['-a', $worked], '--all is for transport streams: --ts FILE');
    refused(['--show-secrets', $worked], 'nothing is opened without keys: --key-file FILE');
    refused(['-s', 1, $worked], 'nothing is opened without keys: --key-file FILE');
    refused(['-k', "$dir/none", $worked], "cannot read $dir/none: No such file or directory");
    refused(['-k', $keys, '-s', 'x', $worked],
        '--super-cas-id is x, but must be a number of 32 bits, such as 0x12340001');
    refused(['-k', $keys, '-e', 65536, $worked],
        '--ecm-id is 65536, but must be a number up to 65535');
    refused(['nonsense'], "'nonsense' is neither a file nor hex digits");
    refused(["$dir/none"], qr/cannot read \Q$dir\E\/none: No such file or directory/);
    refused(['807'], 'the command line:1:4: here is no pair of hex digits');
    refused(['-'], 'standard input:2:3: here is no pair of hex digits', in => "8070\n80zz\n");
    my $open = key_file('open.yaml', [3, 412, $KEY]);
    chmod 0640, $open;
    refused(['-k', $open, $worked], "$open holds keys but is open to others than its owner (mode "
        . "0640); say: chmod 600 $open");
    my $faulty = key_file('faulty.yaml', [3, 412, $KEY], [3, 412, $KEY]);
    refused(['-k', $faulty, $worked], qr/\A\Q$faulty\E:4:3: keys\[1\]: keys\[0\] is version 412 /);
};

done_testing;
