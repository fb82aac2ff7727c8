#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt encode`: what dump prints comes back byte for byte, and a text that cannot be
# understood is told with its place. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Message;
use Simc::Run;

my $EXIT_GOOD = 0;
my $EXIT_TROUBLE = 2;
my $EXAMPLES_MIN = 60;    # what there was when this was written

my $dir = scratch();
my $program = program('simulcrypt', 'cli');

# The byte-exact examples: {name, bytes, udp}.
sub examples {
    my @examples;
    my $path = srcdir() . '/tests/vectors/simulcrypt/examples.txt';
    for my $block (split /\n{2,}/, read_file($path)) {
        my ($name) = $block =~ /^name: +(\S+)/m or next;
        my $bytes = bytes_of($block =~ /^hex: +([0-9a-fA-F ]+)$/mg);
        my ($rules) = $block =~ /^rules: +(.*)/m;
        my $udp = ($rules || '') =~ /\budp\b/;
        push @examples, {name => $name, bytes => $bytes, udp => $udp};
    }
    return @examples;
}

subtest 'there and back' => sub {
    my @examples = examples();
    cmp_ok(scalar @examples, '>=', $EXAMPLES_MIN, 'there are examples');
    for my $example (@examples) {
        my $file = write_file("$dir/message.bin", $example->{bytes});
        my @udp = $example->{udp} ? '--udp' : ();
        my $text = simulcrypt(['dump', '--show-secrets', '--input', 'binary', @udp, $file]);
        # What is no message, such as half a header, has no text form.
        next if $text->{out} !~ /^(?!#)./m;
        my $back = simulcrypt(['encode', '--form=binary'], in => $text->{out});
        is(hex_of($back->{out}), hex_of($example->{bytes}), $example->{name});
        is("$back->{status} $back->{err}", "$EXIT_GOOD ", "$example->{name}: status");
    }
    my @good = grep { !/\A.{0,4}\z/s } map { $_->{bytes} } grep { !$_->{udp} } @examples;
    my $stream = join '', grep { length == 5 + unpack 'x3n', $_ } @good;
    write_file("$dir/stream.bin", $stream);
    my $run = run(['sh', '-c', "$program dump --show-secrets -I binary $dir/stream.bin"
            . " | $program encode -f binary | cmp - $dir/stream.bin"]);
    is("$run->{status} $run->{out}", '0 ', 'all of them in one stream');
};

my $text = <<'END';
# a comment
ECMG-SCS channel_setup version=3 {   # another
  ECM_channel_id = 1
  Super_CAS_id = 0xABCD0001
}

ecmg CHANNEL_TEST {
  ecm_channel_id = 0x0001
}
END
$text =~ s/  ecm/\tecm/;
my $setup = message(3, 0x0001, 0x000e => '0001', 0x0001 => 'abcd0001');
my $test = message(3, 0x0002, 0x000e => '0001');

subtest 'forms, inputs and outputs' => sub {
    my $file = write_file("$dir/text", $text);
    my $lines = hex_of($setup) . "\n" . hex_of($test) . "\n";
    is(simulcrypt(['encode', $file])->{out}, $lines, 'a line of hex per message');
    is(simulcrypt(['encode'], in => $text)->{out}, $lines, 'from standard input');
    is(simulcrypt(['encode', '-', $file], in => $text)->{out}, $lines x 2, 'from both');
    is(simulcrypt(['encode', '/dev/stdin'], in => $text)->{out}, $lines, 'from /dev/stdin');
    is(simulcrypt(['encode', $file, '--form', 'hex'])->{out}, $lines, '--form hex');
    is(simulcrypt(['encode', '-fbinary', $file])->{out}, $setup . $test, '--form binary');
    is(simulcrypt(['encode'], in => $text =~ s/\n/\r\n/gr)->{out}, $lines, 'with CR LF');
    is(simulcrypt(['encode'], in => "# nothing\n\n")->{out}, '', 'nothing but comments');

    my $run = simulcrypt(['encode', $file, '-f', 'binary', '-o', "$dir/out"]);
    is("$run->{status} $run->{out}$run->{err}", "$EXIT_GOOD ", '--output');
    is(read_file("$dir/out"), $setup . $test, '--output writes the file');
    $run = simulcrypt(['encode', "--output=$dir/out"], in => '');
    is(-s "$dir/out", 0, 'and replaces what was in it');

    my $longest = 'ECMG-SCS ECM_response { ECM_datagram = bytes:' . 'ab' x 65531 . "\n}\n";
    is(length simulcrypt(['encode', '-f', 'binary'], in => $longest)->{out}, 65540,
        'the longest message');
};

subtest 'faulty messages can be made' => sub {
    my @cases = (
        ['a message_length that lies', "ECMG-SCS channel_test length=9 {\n ECM_channel_id = 1\n}",
            '0300020009 000e00020001'],
        ['another version', "ECMG-SCS channel_test version=255 {\n}", 'ff00020000'],
        ['a value of another size', "ECMG-SCS channel_test {\n ECM_channel_id = bytes:01\n}",
            '0300020005 000e000101'],
        ['an unknown parameter', "ECMG-SCS channel_test {\n 0x7777 = bytes:\n}",
            '0300020004 77770000'],
        ['an unknown message', "ECMG-SCS 0x0299 {\n}", '0302990000'],
        ['an unknown interface', "unknown 0x0300 version=1 {\n 0x0001 = bytes:ff\n}",
            '0103000005 00010001ff'],
        ['bytes that are no parameter', "ECMG-SCS channel_test {\n raw = bytes:00\n}",
            '030002000100'],
        ['bytes that are no message', 'raw = bytes:0300', '0300'],
    );
    for my $case (@cases) {
        my ($name, $source, $hex) = @$case;
        my $run = simulcrypt(['encode'], in => "$source\n");
        is($run->{out} . $run->{err}, $hex =~ s/ //gr . "\n", $name);
    }
};

# A channel_test with one line in it; its text begins in line 2.
sub with_line { return "ECMG-SCS channel_test {\n$_[0]\n}" }

# [what is wrong, text, line:column, the sentence]
my @MISTAKES = (
    ['an interface', "ECMG-SCX channel_setup {\n}", '1:1',
        qr/.*'ECMG-SCX'; did you mean ECMG-SCS\?/],
    ['a message', "ECMG-SCS chanel_setup {\n}", '1:10', qr/.*did you mean channel_setup\?/],
    ['a parameter', with_line('  ECM_chanel_id = 1'), '2:3', qr/.*did you mean ECM_channel_id\?/],
    ['a number', with_line('  ECM_channel_id = 1x'), '2:20', qr/'1x' is no number.*/],
    ['a number too large', with_line('  ECM_channel_id = 65536'), '2:20',
        qr/ECM_channel_id has 2 bytes and holds 0 to 65535/],
    ['half a byte', with_line('  ECM_channel_id = bytes:001'), '2:26',
        qr/an odd number of hex digits.*/],
    ['a digit', with_line('  ECM_channel_id = bytes:0g'), '2:26', qr/'0g' is no hex byte/],
    ['no value', with_line('  ECM_channel_id ='), '2:19', qr/a value is missing here/],
    ['no end', "ECMG-SCS channel_test {\n  ECM_channel_id = 1\n", '4:1',
        qr/the text ends before the closing '\}'/],
    ['two parameters in a line', with_line('  ECM_channel_id = 1 ECM_id = 2'), '2:22',
        qr/the line should end here/],
    ['a masked control word', "ECMG-SCS CW_provision {\n"
            . "  CP_CW_combination = CP 1 CW masked:8:01234567\n}", '2:31',
        qr/the .* is masked; print the message with --show-secrets/],
    ['something behind a message', "ECMG-SCS channel_test {\n} x", '2:3',
        qr/the line should end here/],
    ['a control character', with_line("  \x1b[2J = 1"), '2:3', qr/[ -~]*/],
);
subtest 'a text that cannot be understood' => sub {
    for my $row (@MISTAKES) {
        my ($name, $source, $place, $sentence) = @$row;
        my ($line, $column) = split /:/, $place;
        my $file = write_file("$dir/bad.txt", "$source\n");
        my $run = simulcrypt(['encode', $file]);
        like($run->{err}, qr/\Asimulcrypt: \Q$file\E:$place: $sentence\n\z/, $name);
        is("$run->{status} $run->{out}", "$EXIT_TROUBLE ", "$name: status");
        # The same behind another message and in another column.
        my $indented = join "\n", map { "   $_" } split /\n/, "$source\n", -1;
        $run = simulcrypt(['encode'], in => $text . $indented);
        my $next = sprintf '%d:%d', $line + ($text =~ tr/\n//), $column + 3;
        like($run->{err}, qr/\Asimulcrypt: standard input:$next: /, "$name: in a second message");
        is($run->{out}, hex_of($setup) . "\n" . hex_of($test) . "\n",
            "$name: what was before it is written");
    }
    my $too_long = 'ECMG-SCS ECM_response { ECM_datagram = bytes:' . 'ab' x 65532 . "\n}\n";
    my $run = simulcrypt(['encode'], in => "\n$too_long");
    is($run->{err}, "simulcrypt: standard input:2: the message is longer than 65540 bytes\n",
        'a message that is too long');
};

subtest 'mistakes and failing outputs' => sub {
    my $file = write_file("$dir/text", $text);
    my @cases = (
        ['a missing file', ["$dir/none"], qr{cannot read \Q$dir\E/none: No such file or directory}],
        ['a folder', [$dir], qr{cannot read \Q$dir\E: Is a directory}],
        ['an unknown form', ['-f', 'xml', $file],
            qr{--form knows no 'xml'; it is one of: hex, binary}],
        ['an unknown option', ['--from', 'hex'],
            qr{there is no option --from; did you mean --form\?}],
        ['a folder that is missing', ['-o', "$dir/none/out", $file],
            qr{cannot write \Q$dir\E/none/out: No such file or directory}],
        ['a folder as output', ['-o', $dir, $file], qr{cannot write \Q$dir\E: Is a directory}],
        ['a full device', ['-o', '/dev/full', $file],
            qr{cannot write the output: No space left on device}],
    );
    for my $case (@cases) {
        my ($name, $arguments, $sentence) = @$case;
        my $run = simulcrypt(['encode', @$arguments]);
        like($run->{err}, qr/\Asimulcrypt: $sentence\n\z/, $name);
        is("$run->{status} $run->{out}", "$EXIT_TROUBLE ", "$name: status");
    }
    my $run = simulcrypt(['encode', $file], out_file => '/dev/full');
    is($run->{err}, "simulcrypt: cannot write the output: No space left on device\n",
        'a full device as standard output');
    my $many = write_file("$dir/many", $text x 20_000);
    $run = run(['sh', '-c', "{ $program encode $many; echo status \$? >&2; } | head -n 1"]);
    is("$run->{out}$run->{err}", hex_of($setup) . "\nstatus 0\n", '| head ends it quietly');
};

done_testing;
