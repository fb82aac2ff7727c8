#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt dab`: FIGs of type 6 are inserted in time and nothing else changes, as an independent
# checker sees it; what could not be done is reported. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;
use Time::HiRes qw(time);

use Simc::Run;

my ($EXIT_GOOD, $EXIT_FOUND, $EXIT_TROUBLE) = (0, 1, 2);
my ($FRAME_SIZE, $SIZE, $FIC_AT, $EOF_AT) = (6144, 368, 24, 360);
my $PERIOD = 41;    # frames of 24 ms in a second

my $dir = scratch();
my $program = program('simulcrypt', 'cli');
my $data = srcdir() . '/tests/data/dab';
my %sample = (
    raw => "$data/ensemble.eti",
    streamed => "$data/ensemble-streamed.eti",
    framed => "$data/ensemble-framed.eti",
);
my @frames = map { substr read_file($sample{raw}), $_ * $FRAME_SIZE, $FRAME_SIZE } 0 .. 39;

# The configuration of the sample. Options: ca (more of conditional_access), services (lines), id.
sub config {
    my ($name, %how) = @_;
    my $enabled = defined $how{enabled} ? $how{enabled} : 'true';
    my $systems = $how{systems} || '[0x5601, 0x4A10]';
    my $ca = join '', map { ", $_" } @{$how{ca} || []};
    my $id = $how{id} || '0x4FFE';
    my $services = $how{services} || <<'END';
  - {uid: pay_music, id: 0x4001, label: {text: 'Pay Music'}, ca_system: 0x5601}
  - {uid: free_news, id: 0x4002, label: {text: 'Free News'}, ca_system: null}
  - {uid: pay_data, id: 0xE1400003, label: {text: 'Pay Data'}, ca_system: 0x4A10}
END
    return write_file("$dir/$name.yaml", <<"END");
ensemble:
  id: $id
  ecc: 0xE1
  label: {text: 'CA Test Ensemble', short_text: 'CA Test'}
  conditional_access: {enabled: $enabled, systems: $systems$ca}
services:
$services
END
}

# What the independent reader finds: {status, figs => [[frame, hex, reading]], faults, and names}.
sub check {
    my ($path, @original) = @_;
    my $run = run([$^X, srcdir() . '/tests/support/dab-check.pl', $path, @original]);
    my %found = (status => $run->{status}, figs => [], faults => [], err => $run->{err});
    for my $line (split /\n/, $run->{out}) {
        if ($line =~ /^fig (\d+) \d+ (\S+) (\S+)$/) {
            push @{$found{figs}}, [$1, $2, $3];
        } elsif ($line =~ /^fault (.*)/) {
            push @{$found{faults}}, $1;
        } elsif ($line =~ /^(\w+) (\S+)$/) {
            $found{$1} = $2;
        }
    }
    return \%found;
}

sub sound {
    my ($found, $name) = @_;
    is("@{$found->{faults}}$found->{err}", '', "$name: every CRC is right, nothing else changed");
    return is($found->{status}, 0, "$name: the checker agrees");
}

sub inject {
    my ($config, $in, @rest) = @_;
    return simulcrypt(['dab', 'inject', '--config', $config, $in, @rest]);
}

# The sample over and over in streamed form, with a frame count that goes on.
sub long_stream {
    my ($path, $count) = @_;
    my $stream = '';
    for my $i (0 .. $count - 1) {
        my $frame = substr $frames[$i % 40], 0, $SIZE;
        substr $frame, 4, 1, chr($i % 250);
        substr $frame, 22, 2, pack 'n', crc(substr $frame, 4, 18);
        $stream .= pack('v', $SIZE) . $frame;
    }
    return write_file($path, $stream);
}

# The CRC, a bit at a time: short, and not that of the checker.
sub crc {
    my ($bytes) = @_;
    my $crc = 0xffff;
    for my $byte (unpack 'C*', $bytes) {
        for my $bit (reverse 0 .. 7) {
            my $out = ($crc >> 15) ^ ($byte >> $bit & 1);
            $crc = ($crc << 1 & 0xffff) ^ ($out ? 0x1021 : 0);
        }
    }
    return $crc ^ 0xffff;
}

# A frame of the sample with another FIB.
sub with_fib {
    my ($frame, $index, $figs) = @_;
    my $fib = pack 'H*', $figs;
    $fib .= "\xff" if length $fib < 30;
    $fib .= "\0" x (30 - length $fib);
    substr $frame, $FIC_AT + 32 * $index, 32, $fib . pack 'n', crc($fib);
    return $frame;
}

my $config = config('good');
my @SIMPLE = ('6/0:5601,4a10', '6/1:4001>5601', '6/1:e1400003>4a10');

subtest 'all three forms, files and pipes' => sub {
    my $first;
    for my $form (sort keys %sample) {
        my $run = inject($config, $sample{$form}, "$dir/out-$form");
        is($run->{status}, $EXIT_GOOD, "$form: status");
        like($run->{err}, qr/\A$form: 40 frames, 0\.960 s, 1 changed; 3 FIGs inserted/,
            "$form: report");
        my $found = check("$dir/out-$form", $sample{$form});
        sound($found, $form);
        is("$found->{form} $found->{frames}", "$form 40", "$form: the form stays");
        is_deeply([map { $_->[2] } @{$found->{figs}}], \@SIMPLE, "$form: the FIGs");
        $first ||= $found->{figs};
        is_deeply($found->{figs}, $first, "$form: the same as in the other forms");
        $run = run(['sh', '-c', "dd bs=777 if=$sample{$form} 2>/dev/null"
                . " | $program dab inject -q -c $config - - | cmp - $dir/out-$form"]);
        is("$run->{status} $run->{out}$run->{err}", '0 ', "$form: the same through pipes");
        $run = simulcrypt(['dab', 'inject', '-qc', $config, $sample{$form}]);
        is($run->{out}, read_file("$dir/out-$form"), "$form: to standard output");
    }
};

subtest 'FIG 6 comes at its rate' => sub {
    my $count = 2050;
    my $in = long_stream("$dir/long", $count);
    my @rows = (
        ['1s', $PERIOD, []],
        ['500ms', 20, ['period: 500ms']],
        ['EN 300 401', $PERIOD, ['layout: en300401']],
    );
    for my $row (@rows) {
        my ($name, $period, $ca) = @$row;
        my $run = inject(config('rate', ca => $ca), $in, "$dir/out");
        is($run->{status}, $EXIT_GOOD, "$name: status") or diag $run->{err};
        my $found = check("$dir/out", $in);
        sound($found, $name);
        my %seen;
        push @{$seen{$_->[2]}}, $_->[0] for @{$found->{figs}};
        my $cycles = int(($count + $period - 1) / $period);
        for my $fig (sort keys %seen) {
            my @at = @{$seen{$fig}};
            is(scalar @at, $cycles, "$name: $fig as often as promised");
            # Some frames have no room: a FIG may be three frames late, but later ones are not.
            is(scalar(grep { $at[$_] < $_ * $period || $at[$_] > $_ * $period + 3 } 0 .. $#at), 0,
                "$name: $fig on its grid");
        }
        my @wanted = $name =~ /EN/ ? ('long:4001>1=5601', 'long:e1400003>2=4a10') : @SIMPLE;
        is("@{[sort keys %seen]}", "@{[sort @wanted]}", "$name: these FIGs");
    }
};

subtest 'nothing is sent that should not be' => sub {
    my %nothing = (
        'disabled' => config('off', enabled => 'false'),
        'no systems, no services' => config('empty', systems => '[]',
            services => "  - {uid: free, id: 0x4002}\n"),
        'not configured' => write_file("$dir/none.yaml", "ensemble: {id: 0x4FFE}\n"),
    );
    for my $name (sort keys %nothing) {
        my $run = inject($nothing{$name}, $sample{raw}, "$dir/out");
        is($run->{status}, $EXIT_GOOD, "$name: status") or diag $run->{err};
        ok(read_file("$dir/out") eq read_file($sample{raw}), "$name: byte for byte");
    }
};

subtest 'what has no room is reported' => sub {
    my $in = long_stream("$dir/long", 400);
    my $run = inject(config('narrow', ca => ['displace: false']), $in, "$dir/out");
    is($run->{status}, $EXIT_FOUND, 'status');
    like($run->{err}, qr{FIG 6/0 CA organization found too little room: }, 'named');
    like($run->{err},
        qr{FIG 6/1 CA service: 0 FIGs, 0 of 10 cycles of 984 ms; 400 frames had no room},
        'counted');
    my $found = check("$dir/out", $in);
    sound($found, 'the output is whole');
    is($found->{frames}, 400, 'no frame is missing');
};

subtest 'damage is passed on and told' => sub {
    my %where = (header => 20, stream => 200, fib => $FIC_AT + 5, sync => 2, error => 0);
    my %says = (
        header => qr/1 frames: the header CRC is wrong\n.*1 faulty frames were left/s,
        stream => qr/1 frames: the CRC at the end of the frame is wrong\n.*1 faulty frames were/s,
        fib => qr/1 frames: the CRC at the end of the frame is wrong\n/,
        sync => qr/1 frames: no synchronisation word\n/,
        error => qr/1 frames: the error level is not 0xff\n/,
    );
    for my $name (sort keys %where) {
        my $bytes = read_file($sample{raw});
        substr $bytes, $where{$name}, 1, chr(0x0f ^ ord substr $bytes, $where{$name}, 1);
        # The first frame decides on the form; put a good one in front.
        my $in = write_file("$dir/in", $frames[39] . $bytes);
        my $run = inject(config('often', ca => ['period: 24ms']), $in, "$dir/out");
        is($run->{status}, $EXIT_FOUND, "$name: status");
        like($run->{err}, $says{$name}, "$name: told");
        my $out = read_file("$dir/out");
        ok(substr($out, $FRAME_SIZE, $FRAME_SIZE) eq substr($bytes, 0, $FRAME_SIZE),
            "$name: the frame is as it was");
        my $found = check("$dir/out");
        cmp_ok(scalar(grep { $_->[0] > 1 } @{$found->{figs}}), '>', 30,
            "$name: the others are used");
    }
    my $bytes = read_file($sample{raw});
    substr $bytes, 200, 1, 'x';
    my $run = inject($config, write_file("$dir/in", $bytes), "$dir/out", '--repair');
    is($run->{status}, $EXIT_FOUND, 'repair: status');
    like($run->{err}, qr/1 frames were repaired/, 'repair: told');
    is_deeply(check("$dir/out")->{faults}, [], 'repair: the CRC is right now');

    # A FIB with a wrong CRC in a frame whose own CRC is right.
    $bytes = read_file($sample{raw});
    substr $bytes, $FIC_AT + 31, 1, 'x';
    substr $bytes, $EOF_AT, 2, pack 'n', crc(substr $bytes, $FIC_AT, 336);
    $run = inject($config, write_file("$dir/in", $bytes), "$dir/out");
    like($run->{err}, qr/1 FIBs with a wrong CRC and 0 malformed ones were left as they are/,
        'FIB: told');
    ok(substr(read_file("$dir/out"), 0, $FIC_AT + 32) eq substr($bytes, 0, $FIC_AT + 32),
        'FIB: it is as it was');
    is("@{check(\"$dir/out\")->{faults}}", 'frame 0 FIB 0: CRC', 'FIB: nothing else is wrong');

    for my $form (sort keys %sample) {
        my $cut = substr read_file($sample{$form}), 0, -5;
        $run = inject($config, write_file("$dir/in", $cut), "$dir/out");
        is($run->{status}, $EXIT_FOUND, "$form, cut: status");
        like($run->{err}, qr/39 frames.*the last frame is cut off/s, "$form, cut: told");
        is(-s "$dir/out", length $cut, "$form, cut: no byte is missing");
        ok(substr(read_file("$dir/out"), -300) eq substr($cut, -300), "$form, cut: the tail too");
    }
    $run = inject($config, write_file("$dir/in", 'garbage' . read_file($sample{raw})), "$dir/out");
    like($run->{err}, qr/raw: 40 frames.*7 bytes are no ETI/s, 'garbage in front');
    is(substr(read_file("$dir/out"), 0, 7), 'garbage', 'garbage in front is kept');
};

subtest 'FIGs of the input are kept or replaced' => sub {
    inject($config, $sample{raw}, "$dir/once");
    my $other = config('other', systems => '[0x0B00]',
        services => "  - {uid: a, id: 0x4001, ca_system: 0x0B00}\n");
    my $run = inject($other, "$dir/once", "$dir/twice");
    like($run->{err}, qr/the input has 3 FIGs of type 6 of its own/, 'kept: told');
    is(scalar @{check("$dir/twice")->{figs}}, 5, 'kept: both are there');
    $run = inject(config('replace', systems => '[0x0B00]', ca => ['existing: replace'],
            services => "  - {uid: a, id: 0x4001, ca_system: 0x0B00}\n"), "$dir/once",
                "$dir/twice");
    is($run->{status}, $EXIT_GOOD, 'replaced: status') or diag $run->{err};
    my $found = check("$dir/twice", $sample{raw});
    sound($found, 'replaced');
    is_deeply([map { $_->[2] } @{$found->{figs}}], ['6/0:0b00', '6/1:4001>0b00'], 'replaced');
};

subtest 'the output can have another form' => sub {
    my $off = config('off', enabled => 'false');
    for my $from (sort keys %sample) {
        for my $to (sort keys %sample) {
            my $run = inject($off, $sample{$from}, "$dir/out", '--form', $to);
            is($run->{status}, $EXIT_GOOD, "$from to $to: status") or diag $run->{err};
            ok(read_file("$dir/out") eq read_file($sample{$to}), "$from to $to: bytes");
        }
    }
};

subtest 'live pace' => sub {
    my $start = time;
    my $run = inject($config, $sample{streamed}, "$dir/out", '--live');
    my $seconds = time - $start;
    is($run->{status}, $EXIT_GOOD, 'status');
    cmp_ok($seconds, '>=', 0.93, '40 frames take 0.96 s');
    ok(read_file("$dir/out") eq read_file("$dir/out-streamed"), 'the same bytes as at full speed');
};

subtest 'dab show' => sub {
    for my $form (sort keys %sample) {
        my $run = simulcrypt(['dab', 'show', $sample{$form}]);
        is($run->{status}, $EXIT_GOOD, "$form: status");
        like($run->{out},
            qr/: $form, 40 frames, 0\.960 s\nensemble 0x4FFE "CA Test Ensemble", mode I/,
            "$form: head");
        like($run->{out}, qr{^  0/0   10 FIGs, 10 frames, every 96 ms$}m, "$form: rates");
        like($run->{out}, qr/^FIG 6, conditional access\n  none$/m, "$form: no FIG 6");
    }
    my $run = simulcrypt(['dab', 'show', "$dir/out-raw"]);
    like($run->{out}, qr/^  c50140015601  1 time\n    layout      simple\n/m, 'the layout');
    like($run->{out}, qr{^    simple      FIG 6/1 CA service: 0xE1400003 -> 0x4A10$}m, 'simple');
    like($run->{out}, qr/^    EN 300 401  short form: service 0x4001 -> CA number 1, 2 surplus/m,
        'read as the other layout');
    $run = run(['sh', '-c', "cat $dir/out-framed | $program dab show -"]);
    like($run->{out}, qr/\Astandard input: framed, 40 frames/, 'standard input');

    # CA fields and both layouts, in FIBs of our own.
    my @own = (
        with_fib($frames[0], 0, '06025001113f07' . '0803' . '12313c24052001' . '0404010001'),
        with_fib($frames[0], 0, '0a0d5001010044cc3c4001' . 'c50950015601' . 'c50056014a10'),
        with_fib($frames[0], 1, 'cb2150015601e14000034a10'),
    );
    $run = simulcrypt(['dab', 'show', write_file("$dir/in", @own)]);
    is($run->{status}, $EXIT_FOUND, 'own: status');
    my @lines = (
        'service 0x5001: CAId 1',
        'stream audio sub-channel 1, primary: CA flag 1',
        'SCId 291: sub-channel 9, packet address 5, DSCTy 60, '
            . 'CAOrg 0x2001 (data group CA, SharedFlag 0x01)',
        'sub-channel 1, CAOrg 0x0001 (sub-channel CA, SharedFlag 0x01)',
        'service 0x5001, component 0: user application 2, CA flag 1, '
            . 'CAOrg 0x4001 (MOT CA, SharedFlag 0x01)',
        'EN 300 401  long form: service 0x5001 -> CA number 1, CA system 0x5601',
        'layout      unknown',
        'fault: both layouts of FIG 6 in one ensemble',
        'fault: 1 FIG of type 6 of unknown layout',
    );
    like($run->{out}, qr/^ *\Q$_\E$/m, $_) for @lines;

    my $bytes = read_file($sample{raw});
    substr $bytes, $FIC_AT + 7, 1, 'x';
    $run = simulcrypt(['dab', 'show', write_file("$dir/in", $bytes)]);
    is($run->{status}, $EXIT_FOUND, 'CRC errors: status');
    like($run->{out}, qr/^fault: 1 FIB with a wrong CRC$/m, 'CRC errors');
};

# [what is wrong, the line that replaces one, its number, line:column, sentence]
my @MISTAKES = (
    ['a system id over 16 bits', 5, '  conditional_access: {enabled: true, systems: [0x15601]}',
        '5:49',
        qr/ensemble\.conditional_access\.systems\[0\]: /],
    ['a system that is listed twice', 5,
        '  conditional_access: {enabled: true, systems: [1, 2, 1]}',
        '5:55', qr/systems\[2\]: this CA system is listed twice/],
    ['eight systems in EN 300 401', 5,
        '  conditional_access: {layout: en300401, systems: [1, 2, 3, 4, 5, 6, 7, 8]}', '5:73',
        qr/numbers at most 7/],
    ['a service id over 32 bits', 7, '  - {uid: a, id: 0x100000000}', '7:18',
        qr/services\[0\]\.id: /],
    ['an id too wide for 16 bits', 7, '  - {uid: a, id: 0x10000, id_bits: 16}', '7:18',
        qr/0x10000 does not fit into 16 bits/],
    ['an undeclared system', 7, '  - {uid: pay_music, id: 0x4001, ca_system: 0x1234}', '7:5',
        qr/services\[0\]: .*does not list.*pay_music/],
    ['a service that is there twice', 8, '  - {uid: other, id: 0x4001}', '8:5', qr/listed twice/],
    ['a uid that is there twice', 8, '  - {uid: pay_music, id: 0x4009}', '8:5',
        qr/pay_music is there twice/],
    ['CAIntChar in the simple layout', 7,
        '  - {uid: a, id: 1, ca_system: 0x5601, ca_int_char: "aabb"}',
        '7:5', qr/only the EN 300 401 layout/],
    ['CAIntChar that is no hex', 7, '  - {uid: a, id: 1, ca_system: 0x5601, ca_int_char: "xyz"}',
        '7:53',
        qr/hex digits/],
    ['a misspelt key', 5, '  conditional_acess: {enabled: true}', '5:3',
        qr/did you mean conditional_access/],
    ['a short label of other characters', 4, "  label: {text: 'Example', short_text: 'Axe'}",
        '4:40',
        qr/leaving out characters/],
    ['a long label', 4, "  label: {text: 'Seventeen letters'}", '4:17', qr/at most 16 characters/],
    ['a period without unit', 5, '  conditional_access: {period: 1000}', '5:32', qr/period: /],
);
subtest 'mistakes in the configuration' => sub {
    my @good = split /\n/, read_file(config('good'));
    for my $row (@MISTAKES) {
        my ($name, $line, $text, $place, $sentence) = @$row;
        my @lines = @good;
        $lines[$line - 1] = $text;
        my $file = write_file("$dir/bad.yaml", map { "$_\n" } @lines);
        my $run = simulcrypt(['dab', 'config', 'check', $file]);
        like($run->{err}, qr/^\Q$file\E:$place: .*$sentence/m, $name);
        is("$run->{status} $run->{out}", "$EXIT_FOUND ", "$name: status");
        my $same = inject($file, $sample{raw}, "$dir/never");
        is("$same->{status} $same->{err}", "$EXIT_TROUBLE $run->{err}",
            "$name: inject says the same");
        ok(!-e "$dir/never", "$name: no output is made");
    }
    my $run = simulcrypt(['dab', 'config', 'check', $config]);
    is("$run->{status} $run->{err}", "$EXIT_GOOD ", 'a good one');
    like($run->{out}, qr{^  FIG 6/1 CA service +c721e14000034a10$}m, 'shows what is sent');
    like($run->{out}, qr/^20 bytes every 41 frames \(984 ms\)$/m, 'and how often');
    $run = simulcrypt(['dab', 'config', 'sample']);
    is($run->{status}, $EXIT_GOOD, 'a sample');
    $run = simulcrypt(['dab', 'config', 'check', '-'], in => $run->{out});
    is("$run->{status} $run->{err}", "$EXIT_GOOD ", 'the sample has no faults');
};

subtest 'another ensemble than the configured one' => sub {
    my $run = inject(config('elsewhere', id => '0xCE15'), $sample{raw}, "$dir/out");
    is($run->{status}, $EXIT_FOUND, 'ensemble: status');
    like($run->{err}, qr/the ensemble of the stream is 0x4FFE, that of .* is 0xCE15/,
        'ensemble: told');
    $run = inject(config('nowhere', services => "  - {uid: lost, id: 0x4123, ca_system: 0x5601}\n"),
        $sample{raw}, "$dir/out");
    is($run->{status}, $EXIT_FOUND, 'service: status');
    like($run->{err}, qr/the stream has no service 0x4123 \(lost\)/, 'service: told');
};

subtest 'mistakes and failing outputs' => sub {
    my $copy = write_file("$dir/copy", read_file($sample{raw}));
    my @cases = (
        ['no configuration', ['inject', $copy], qr/--config FILE is missing/],
        ['a missing configuration', ['inject', '-c', "$dir/no", $copy],
            qr{cannot read \Q$dir\E/no: No such}],
        ['a missing input', ['inject', '-c', $config, "$dir/no"],
            qr{cannot read \Q$dir\E/no: No such}],
        ['a missing folder', ['inject', '-c', $config, $copy, "$dir/no/out"],
            qr{cannot write \Q$dir\E/no/out: No such}],
        ['a full device', ['inject', '-c', $config, $copy, '/dev/full'],
            qr{cannot write /dev/full: No space left}],
        ['the input as output', ['inject', '-c', $config, $copy, $copy], qr/is the input too/],
        ['both from standard input', ['inject', '-c', '-', '-'], qr/cannot both be standard input/],
        ['no ETI', ['inject', '-c', $config, $config], qr/holds no ETI frames/],
        ['nothing', ['show', '/dev/null'], qr/holds no ETI frames/],
        ['a folder', ['show', $dir], qr/cannot read \Q$dir\E: Is a directory/],
        ['an unknown form', ['inject', '-f', 'edi', '-c', $config, $copy],
            qr/--form knows no 'edi'/],
    );
    for my $case (@cases) {
        my ($name, $arguments, $sentence) = @$case;
        my $run = simulcrypt(['dab', @$arguments]);
        like($run->{err}, qr/\Asimulcrypt: .*$sentence/, $name);
        is($run->{status}, $EXIT_TROUBLE, "$name: status");
    }
    ok(read_file($copy) eq read_file($sample{raw}), 'the input is as it was');
    my $in = long_stream("$dir/long", 4000);
    my $run = run(['sh', '-c',
        "{ $program dab inject -c $config $in; echo status \$? >&2; } | head -c 100"]);
    is($run->{err}, "status 0\n", '| head ends it quietly');
};

done_testing;
