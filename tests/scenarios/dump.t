#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt dump` as its users meet it: every kind of input, every form of output, every mistake.
# Captures have a scenario of their own, dump-capture.t. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Json;
use Simc::Message;
use Simc::Run;

my $EXIT_GOOD = 0;
my $EXIT_FOUND = 1;
my $EXIT_TROUBLE = 2;

program('simulcrypt', 'cli');    # without it there is nothing to test

my @CW = ('1f2e3d4c5b6a7988', 'a1b2c3d4e5f60718');

my $setup = message(3, 0x0001, 0x000e => '0001', 0x0001 => 'abcd0001');
my $test = message(3, 0x0002, 0x000e => '0001');
my $provision = message(3, 0x0201, 0x000e => '0001', 0x000f => '0002', 0x0012 => '0010',
    0x0014 => "0010$CW[0]", 0x0014 => "0011$CW[1]");
my $status = message(3, 0x0003, 0x000e => '0001', 0x0002 => '00', 0x0003 => 'fe0c',
    0x0004 => '0000', 0x0007 => '0064', 0x0008 => '0000', 0x0009 => '0064', 0x000a => '01',
    0x000b => '02', 0x000c => '01f4');
my $setup_text = <<'END';
ECMG-SCS channel_setup version=3 {
  ECM_channel_id = 1
  Super_CAS_id = 0xABCD0001
}
END
my $setup_brief = 'ECMG-SCS channel_setup v3 ECM_channel_id=1 Super_CAS_id=0xABCD0001';

# ---- where messages come from ----

subtest 'sources of messages' => sub {
    my $hex = hex_of($setup);
    my $spaced = join ' ', $hex =~ /../g;
    my $commented = "# a set-up\n\n$spaced\n";
    $commented =~ s/(00 0e) (00 0e)/$1 # the header\n\t$2/;
    my %file = (
        hex => write_file(scratch('setup.hex'), $commented),
        crlf => write_file(scratch('crlf.hex'), $commented =~ s/\n/\r\n/gr),
        binary => write_file(scratch('setup.bin'), $setup),
        fifth => write_file(scratch('5 names'), $hex),
    );
    my @digits = $hex =~ /../g;
    my @cases = (
        ['hex operands', [@digits]],
        ['one hex operand', [$hex]],
        ['upper case, colons and 0x', ['0x' . uc join ':', @digits]],
        ['hex file with comments', [$file{hex}]],
        ['hex file with CR LF', [$file{crlf}]],
        ['hex file, said to be one', ['--input', 'hex', $file{hex}]],
        ['binary file', [$file{binary}]],
        ['binary file, said to be one', ['-I', 'binary', $file{binary}]],
        ['file with a blank in its name', [$file{fifth}]],
        ['options behind operands', [$file{hex}, '--strict']],
        ['end of options', ['--', $file{hex}]],
        ['hex on standard input', [], in => $commented],
        ['binary on standard input', ['-'], in => $setup],
        ['/dev/stdin', ['/dev/stdin'], in => $setup],
        ['/dev/fd/0', ['/dev/fd/0'], in => $setup],
    );
    for my $case (@cases) {
        my ($name, $arguments, @how) = @$case;
        my $run = simulcrypt(['dump', @$arguments], @how);
        is($run->{out}, "# offset 0\n$setup_text\n# 1 message, 0 faults\n", $name);
        is("$run->{status} $run->{err}", "$EXIT_GOOD ", "$name: status, and no complaint");
    }
    my $several = simulcrypt(['dump', '-b', $file{hex}, $file{binary}, $file{fifth}]);
    is($several->{out}, "       0 $setup_brief\n" x 3 . "# 3 messages, 0 faults\n",
        'several files');
    my $joined = simulcrypt(['dump', '-b'], in => $setup . $test);
    is($joined->{out}, "       0 $setup_brief\n"
            . '      ' . length($setup) . " ECMG-SCS channel_test v3 ECM_channel_id=1\n"
            . "# 2 messages, 0 faults\n", 'several messages in a file, with their offsets');
    my $nothing = simulcrypt(['dump'], in => '');
    is("$nothing->{status} $nothing->{out}", "$EXIT_GOOD # 0 messages, 0 faults\n", 'empty input');
};

# A pipe gives its bytes once. Nobody else than root may open what /dev/fd names in a process that
# keeps itself from being traced, so it is tried as nobody too.
subtest 'pipes' => sub {
    my $nobody = 65534;
    my $program = program('simulcrypt', 'cli');
    my $copy = write_file(scratch('simulcrypt'), read_file($program));
    chmod 0755, $copy, scratch();
    my $file = write_file(scratch('pipe.bin'), $setup);
    for my $user ($> == 0 ? (0, $nobody) : (0)) {
        for my $script ("cat $file | $copy dump -b", "cat $file | $copy dump -b /dev/stdin",
            "cat $file | $copy dump -b /dev/fd/5 5<&0 </dev/null",
            "cat $file | $copy dump -b --input binary -") {
            my $run = run(['sh', '-c', $script], user => $user);
            is($run->{out} . $run->{err}, "       0 $setup_brief\n# 1 message, 0 faults\n",
                ($user ? 'as nobody: ' : '') . $script =~ s{/\S*/}{}gr);
        }
    }
};

# ---- forms of output ----

subtest 'json' => sub {
    my $run = simulcrypt(['dump', '--json'], in => $setup . $provision . $status);
    my @lines = eval { json_lines($run->{out}) };
    is($@, '', 'each line is strict JSON');
    is(scalar @lines, 4, 'a line per message, and a summary');
    is_deeply($lines[0], {
        stream_offset => 0,
        message => {
            interface => 'ECMG-SCS', message => 'channel_setup', type => 1, version => 3,
            size => 19, message_length => 14,
            parameters => [
                {name => 'ECM_channel_id', code => 14, offset => 5, length => 2, value => 1},
                {name => 'Super_CAS_id', code => 1, offset => 11, length => 4,
                    value => 0xabcd0001},
            ],
        },
    }, 'the members of a message');
    my ($cw) = grep { $_->{name} eq 'CP_CW_combination' } @{$lines[1]{message}{parameters}};
    is("$cw->{cp_number} $cw->{cw_size}", '16 8', 'a control word tells its period and size');
    my ($delay) = grep { $_->{name} eq 'delay_start' } @{$lines[2]{message}{parameters}};
    is("$delay->{value} $delay->{unit}", '-500 ms', 'a signed value and its unit');
    is_deeply($lines[3], {summary => {messages => 3, faults => 0, gaps => 0, ignored => 0}},
        'the summary');

    my $error = message(3, 0x0005, 0x000e => '0001', 0x7000 => '0005', 0x7001 => '22c3a95c0a');
    my $datagram = simulcrypt(['dump', '-j', '--udp'], in => $error);
    @lines = eval { json_lines($datagram->{out}) };
    is($@, '', 'hostile error_information leaves it strict JSON');
    is($lines[0]{transport}, 'udp', 'a datagram says so');
    is($lines[0]{message}{fault}{kind}, 'message type', 'and may not hold this message');
};

subtest 'brief' => sub {
    my $run = simulcrypt(['dump', '--brief'], in => $status . $provision);
    my @lines = split /\n/, $run->{out};
    like($lines[0], qr/^ +0 ECMG-SCS channel_status v3 .*delay_start=-500 .*max_comp_time=500$/,
        'values without their units');
    like($lines[1], qr/ CW_provision v3 .* CP_CW_combination=CP16 CP_CW_combination=CP17$/,
        'control words as their periods');
    is(scalar @lines, 3, 'a line per message');
};

# ---- faults ----

# [what is wrong, bytes, options, the sentence]
my $with_extra = message(3, 0x0101, 0x7777 => '00000000', 0x000e => '0001', 0x000f => '0001',
    0x0010 => '0064', 0x0019 => '0021');
my $longer = sub { my ($message, $more) = @_; return substr($message, 0, 3)
    . pack('n', length($message) - 5 + length $more) . substr($message, 5) . $more };
my $delay_4 = $status =~ s/\x00\x03\x00\x02\xfe\x0c/\x00\x03\x00\x04\x00\x00\xfe\x0c/r;
substr $delay_4, 3, 2, pack 'n', length($delay_4) - 5;
my @FAULTS = (
    ['a trailing byte', $longer->($with_extra, "\0"), [],
        '1 trailing byte 0x00 at offset 37 after parameter ECM_id in stream_setup',
        'error_status 0x0001'],
    ['a length that its row forbids', $delay_4, [],
        'length of delay_start is 4, must be 2, at offset 16 in channel_status',
        'error_status 0x000F'],
    ['a parameter that is missing', message(3, 0x0002), [],
        'ECM_channel_id is missing in channel_test, must occur once', 'error_status 0x0010'],
    ['a parameter too many', message(3, 0x0002, 0x000e => '0001', 0x000e => '0001'), [],
        'ECM_channel_id occurs 2 times in channel_test, must occur once', 'error_status 0x0010'],
    ['a version', message(4, 0x0002, 0x000e => '0001'), [],
        'protocol_version is 4, must be 1, 2, 3 or 5', 'error_status 0x0002'],
    ['a value', message(3, 0x0103, 0x000e => '0001', 0x000f => '0001', 0x0019 => '0001',
        0x0011 => '02'), [],
        'value of access_criteria_transfer_mode is 2, must be 0 to 1, at offset 23 in '
            . 'stream_status', 'error_status 0x0011'],
    ['a parameter that runs out of the message',
        message(3, 0x0002, 0x000e => '0001') =~ s/\x00\x02\x00\x01\z/\x00\x03\x00\x01/r, [],
        'length of ECM_channel_id at offset 5 is 3, but only 2 bytes are left in channel_test',
        'error_status 0x0001'],
    ['a stream that ends inside a message', substr($setup, 0, 15), [],
        'message_length is 14, but 10 bytes follow the header', 'error_status 0x0001'],
    ['a stream that ends inside a header', "\x03\x00", [],
        'the stream ends with 2 bytes, but a message header has 5', undef],
    ['an unknown parameter, strictly', $with_extra, ['--strict'],
        'parameter 0x7777 at offset 5 is unknown in stream_setup of version 3',
        'error_status 0x000E'],
    ['an unknown message, strictly', message(3, 0x0300), ['-s', '-i', 'ecmg'],
        'message_type 0x0300 is unknown on ECMG-SCS', 'error_status 0x0003'],
    ['a message of another interface', message(3, 0x0011), ['-s', '--interface=ECMG-SCS'],
        'message_type 0x0011 is unknown on ECMG-SCS (it is channel_setup of EMMG-MUX)',
        'error_status 0x0003'],
    ['a message that does not travel over UDP', $test, ['-u'],
        'channel_test of ECMG-SCS does not travel over UDP', 'error_status 0x0003'],
    ['two messages in a datagram', $test . $test, ['-u'],
        'message_length is 6, but 17 bytes follow the header', 'error_status 0x0001'],
    ['an unconfirmed rule, when asked for', message(4, 0x0403, 0x0001 => '0001'),
        ['--unconfirmed'],
        'service_flag is missing in channel_status, must occur once (unconfirmed rule)',
        'error_status 0x0006'],
);
subtest 'faults are explained to the byte' => sub {
    for my $row (@FAULTS) {
        my ($name, $bytes, $options, $sentence, $error_status) = @$row;
        my $text = simulcrypt(['dump', @$options], in => $bytes);
        my $tail = $error_status ? " \\($error_status\\)" : '';
        like($text->{out}, qr/# FAULT: \Q$sentence\E$tail\n/, $name);
        is($text->{status}, $EXIT_FOUND, "$name: status");
        like($text->{out}, qr/, 1 fault\n\z/, "$name: counted");
        my $brief = simulcrypt(['dump', '-b', @$options], in => $bytes);
        like($brief->{out}, qr/FAULT: \Q$sentence\E\n/, "$name: brief");
        my $json = simulcrypt(['dump', '-j', @$options], in => $bytes);
        my @lines = eval { json_lines($json->{out}) };
        my $told = $error_status ? $lines[0]{message}{fault}{text} : $lines[0]{note};
        is($told, $error_status ? $sentence : "FAULT: $sentence", "$name: JSON");
    }
};

subtest 'what is no fault without --strict' => sub {
    my $skipped = simulcrypt(['dump'], in => $with_extra);
    is($skipped->{status}, $EXIT_GOOD, 'an unknown parameter');
    like($skipped->{out}, qr/0x7777 = bytes:00000000  # unknown: skipped\n/, 'it is shown');
    is(simulcrypt(['dump'], in => message(3, 0x7fff))->{status}, $EXIT_GOOD, 'an unknown message');
    my $unconfirmed = simulcrypt(['dump', '-s'], in => message(4, 0x0403, 0x0001 => '0001'));
    is($unconfirmed->{status}, $EXIT_GOOD, 'a rule that is not confirmed, even strictly');
};

# ---- secrets ----

subtest 'control words' => sub {
    my $masked = 0;
    my @streams = map { substr $provision, 0, $_ } 1 .. length $provision;
    # Lengths that lie, so that the control word is taken for something else.
    for my $length (0 .. 12) {
        my $lying = $provision;
        substr $lying, index($lying, bytes_of("0014000a0010$CW[0]")) + 3, 1, chr $length;
        push @streams, $lying;
    }
    # A message_type that does not exist, so that nothing is known of what follows.
    push @streams, "\x03\x02\x99" . substr $provision, 3;
    my @modes = ([], ['-b'], ['-j'], ['-s'], ['-u'], ['-j', '-u'], ['-i', 'ecmg', '-U'],
        ['-i', 'emmg'], ['-i', 'eis', '-j']);
    my $all = '';
    for my $stream (@streams) {
        my $file = write_file(scratch('provision.bin'), $stream);
        for my $mode (@modes) {
            my $run = simulcrypt(['dump', @$mode, $file]);
            $all .= $run->{out} . $run->{err};
            $masked++;
        }
    }
    for my $cw (@CW) {
        my $tail = substr $cw, 6;
        my ($leak) = $all =~ /(.*$tail.*)/i;
        is($leak, undef, "the control word $cw is in none of $masked outputs");
    }
    my $shown = simulcrypt(['dump', '--show-secrets'], in => $provision);
    like($shown->{out}, qr/CP_CW_combination = CP 16 CW $CW[0]\n.* = CP 17 CW $CW[1]\n/,
        '--show-secrets shows them');
    my @lines = json_lines(simulcrypt(['dump', '--show-secrets', '-j'], in => $provision)->{out});
    is($lines[0]{message}{parameters}[3]{cw}, $CW[0], 'in JSON too');

    my $twice = simulcrypt(['dump'], in => $provision . $provision);
    my @marks = $twice->{out} =~ /CW (masked:8:[0-9a-f]{8})/g;
    is(scalar @marks, 4, 'masked words show their size and a fingerprint');
    is($marks[0], $marks[2], 'the same word has the same fingerprint');
    isnt($marks[0], $marks[1], 'another word has another one');
    my ($next_run) = simulcrypt(['dump'], in => $provision)->{out} =~ /CW (masked:\S+)/;
    isnt($marks[0], $next_run, 'and in another run they differ: nobody can build a table');
};

# ---- mistakes ----

my $dir = scratch();
write_file("$dir/bad-digit", "03 00\n# comment with zz\n01 0g\n");
write_file("$dir/half-byte", "03 00 01\n00 0\n00 0e\n");
write_file("$dir/half-at-end", '03 00 01 0');
write_file("$dir/noise", 'neither hex nor a capture');
write_file("$dir/empty", '');
my $truncated = write_file("$dir/truncated.pcap", pack 'VvvVVVV', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1);
open my $grow, '>>:raw', $truncated or die;
print {$grow} pack('VVVV', 1, 0, 100, 100), 'short';
close $grow;

# [what is wrong, arguments, the sentence behind "simulcrypt: "]
my @MISTAKES = (
    ['a missing file', ["$dir/none"], qr{cannot read \Q$dir\E/none: No such file or directory}],
    ['a word that is neither', ['setup'], qr{'setup' is neither a file nor hex digits}],
    ['half a byte', ['030'], qr{'030' is no file, and as hex digits it has half a byte too much}],
    ['a folder', [$dir], qr{cannot read \Q$dir\E: Is a directory}],
    ['a bad digit', ["$dir/bad-digit"], qr{\Q$dir\E/bad-digit:3:5: 'g' is no hex digit}],
    ['half a byte in a file', ["$dir/half-byte"],
        qr{\Q$dir\E/half-byte:2:5: a byte has two hex digits, and the second is missing}],
    ['half a byte at the end', ["$dir/half-at-end"],
        qr{\Q$dir\E/half-at-end:1:11: a byte has two hex digits, and the second is missing}],
    ['text', ["$dir/noise"], qr{\Q$dir\E/noise:1:1: 'n' is no hex digit}],
    ['hex that is none', ['--input=hex', 'xy'], qr{'xy' is neither a file nor hex digits}],
    ['an unknown option', ['--breif'], qr{there is no option --breif; did you mean --brief\?}],
    ['an option like no other', ['--frobnicate'],
        qr{there is no option --frobnicate; --help lists them}],
    ['an unknown letter', ['-x'], qr{there is no option -x; --help lists them}],
    ['no argument', ['--port'], qr{--port needs an argument: --port PORT}],
    ['no argument of a letter', ['-bp'], qr{-p needs an argument: -p PORT}],
    ['an argument too many', ['--brief=yes'], qr{--brief takes no argument}],
    ['port 0', ['-p', '0', $truncated], qr{--port is 0, but must be 1 to 65535}],
    ['port 65536', ['--port=65536', $truncated], qr{--port is 65536, but must be 1 to 65535}],
    ['a port by name', ['--port', 'ecmg', $truncated], qr{--port is ecmg, but must be 1 to 65535}],
    ['a port below 0', ['--port', '-1', $truncated], qr{--port is -1, but must be 1 to 65535}],
    ['too many ports', [map { ('-p', $_) } 1 .. 65], qr{--port may be given 64 times at most}],
    ['an unknown interface', ['-i', 'x25', '03'],
        qr{there is no interface 'x25'; there are ECMG-SCS \(ecmg\), EMMG-MUX \(emmg\), .*}],
    ['an unknown kind of input', ['-I', 'pcap', '03'],
        qr{--input knows no 'pcap'; it is one of: auto, hex, binary, capture}],
);
my @CAPTURE_MISTAKES = (
    ['a capture that is none', ['-I', 'capture', "$dir/noise"],
        qr{\Q$dir\E/noise: this is not a capture file \(pcap or pcapng\)}],
    ['a capture that is empty', ['-I', 'capture', "$dir/empty"], qr{\Q$dir\E/empty: .*}],
    ['a capture that is missing', ['-I', 'capture', "$dir/none.pcap"],
        qr{\Q$dir\E/none.pcap: cannot be opened: No such file or directory}],
    ['a capture that is cut off', [$truncated],
        qr{\Q$truncated\E: packet 1 cannot be read: the file is cut off}],
);
subtest 'mistakes get one sentence' => sub {
    for my $row (@MISTAKES, has_component('capture') ? @CAPTURE_MISTAKES : ()) {
        my ($name, $arguments, $sentence) = @$row;
        my $run = simulcrypt(['dump', @$arguments]);
        like($run->{err}, qr/\Asimulcrypt: $sentence\n\z/, $name);
        is($run->{status}, $EXIT_TROUBLE, "$name: status");
        is($run->{out}, '', "$name: nothing on standard output");
    }
    my $first = simulcrypt(['dump', '-b', write_file("$dir/good", $setup), "$dir/none"]);
    is($first->{out}, "       0 $setup_brief\n# 1 message, 0 faults\n",
        'a good file before a missing one is shown');
    is($first->{status}, $EXIT_TROUBLE, 'and the status tells of the other');

    my %how = (
        'no command' => [[], qr/\A\z/, qr/^Usage: simulcrypt COMMAND/],
        'an unknown command' => [['dmup'], qr/no command 'dmup'; did you mean dump\?/, qr/\A\z/],
        'a command like no other' =>
            [['frobnicate'], qr/no command 'frobnicate'; 'simulcrypt help' lists them/, qr/\A\z/],
    );
    for my $name (sort keys %how) {
        my ($arguments, $err, $out) = @{$how{$name}};
        my $run = simulcrypt($arguments);
        like($run->{err}, $err, $name);
        like($run->{out}, $out, "$name: output");
        is($run->{status}, $EXIT_TROUBLE, "$name: status");
    }
};

# ---- outputs that fail ----

subtest 'outputs' => sub {
    my $many = write_file(scratch('many.bin'), $test x 200_000);
    for my $case (['a little', [hex_of($setup)]], ['much', [$many]], ['help', ['--help']],
        ['JSON', ['-j', $many]]) {
        my $run = simulcrypt(['dump', @{$case->[1]}], out_file => '/dev/full');
        is($run->{err}, "simulcrypt: cannot write the output: No space left on device\n",
            "full device: $case->[0]");
        is($run->{status}, $EXIT_TROUBLE, "full device: $case->[0]: status");
    }
    my $program = program('simulcrypt', 'cli');
    my $run = run(['sh', '-c', "{ $program dump -b $many; echo status \$? >&2; } | head -n 2"]);
    is($run->{out} =~ tr/\n//, 2, '| head');
    is($run->{err}, "status 0\n", 'ends it quietly');
    # A source that never ends must not keep it alive when nobody reads.
    $run = run(['sh', '-c', "{ while :; do cat $many || exit; done; } 2>/dev/null"
            . " | head -c 30000000 | $program dump -b | head -n 1"], seconds => 100);
    is($run->{timed_out}, 0, 'much input and | head ends');
};

# ---- sizes ----

subtest 'sizes' => sub {
    my $longest = message(3, 0x0202, 0x000e => '0001', 0x000f => '0001', 0x0012 => '0001',
        0x0015 => 'ab' x (65535 - 3 * 6 - 4));
    is(length $longest, 65540, 'the longest message there is');
    for my $mode ([], ['-j'], ['-b']) {
        my $run = simulcrypt(['dump', @$mode], in => $longest . $test);
        is($run->{status}, $EXIT_GOOD, "@$mode: is read");
        is(scalar(() = $run->{out} =~ /channel_test/g), 1, "@$mode: and what follows it");
    }
    my $empty_ones = message(3, 0x7ffe, (0x7777 => '') x 16383);
    my $run = simulcrypt(['dump', '-j'], in => $empty_ones);
    my @lines = eval { json_lines($run->{out}) };
    is($@ || scalar @{$lines[0]{message}{parameters}}, 16383, '16383 empty parameters');

    # 10 MB in bounded memory; a sanitizer wants terabytes of address space.
    my $count = int 10_000_000 / length $provision;
    my $big = write_file(scratch('big.bin'), $provision x $count);
    my @limit = is_sanitized() ? () : ('sh', '-c', 'ulimit -v 131072; exec "$@"', 'sh');
    for my $mode (['-b'], ['-j']) {
        my $big_run = run([@limit, program('simulcrypt', 'cli'), 'dump', @$mode, $big],
            out_file => scratch('big.out'));
        is("$big_run->{status} $big_run->{err}", "$EXIT_GOOD ", "@$mode: 10 MB");
        my $lines = read_file(scratch('big.out')) =~ tr/\n//;
        is($lines, $count + 1, "@$mode: every message of it");
    }
};

done_testing;
