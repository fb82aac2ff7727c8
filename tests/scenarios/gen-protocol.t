#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Holds build-aux/gen-protocol.pl to its word: it refuses every kind of wrong row, with the place,
# and the committed files are what the rows say. `make check` runs it; it works on copies only.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp;
use FindBin;
use JSON::PP;
use Test::More;

my $source = $ENV{SIMC_SRCDIR} // "$FindBin::Bin/../..";
my $generator = "$source/build-aux/gen-protocol.pl";

my @SPECS = map { "specs/protocol/$_.yaml" } qw(cpsig-psig ecmg-scs eis-scs emmg-mux psig-mux);
my @OUTPUTS = qw(
    lib/proto/tables.c include/simulcrypt/messages.h lib/proto/messages.c specs/protocol/tables.md
    tests/fuzz/dict/simulcrypt.dict
);

# A parameter that no message holds.
my $SPARE = '  - {code: 0x001A, name: spare, type: uint, min: 1, max: 1, since: 1, '
    . 'clause: "5.3", sources: [S]}';

# One deliberate fault each: what is wrong, the file, and the pattern of the line to change; in that
# line, what becomes what; what the complaint must say, and the pattern of the line that it must
# blame when that is another one.
my @FAULTS = (
    # the form of a line
    ['tab', 'ecmg-scs', 'code: 0x0003',
        'code: ' => "code:\t", 'only printable ASCII'],
    ['carriage return', 'ecmg-scs', 'code: 0x0003',
        '$' => "\r", 'only printable ASCII'],
    ['not ASCII', 'ecmg-scs', '3..255: reserved',
        'reserved' => "r\xe9serv\xe9", 'only printable ASCII'],
    ['space at the end', 'ecmg-scs', 'code: 0x0003',
        '$' => ' ', 'spaces at the end'],
    ['row over two lines', 'ecmg-scs', 'code: 0x0003',
        ', type' => ",\n    type", 'neither .* nor'],
    ['row without braces', 'ecmg-scs', 'code: 0x0003',
        '\{(.*)\}' => 'code', 'neither .* nor'],
    ['wrong indent', 'ecmg-scs', 'code: 0x0003',
        '^  -' => '    -', 'neither .* nor'],
    ['comment behind a row', 'ecmg-scs', 'code: 0x0003',
        '$' => ' # why', 'neither .* nor'],
    ['quote not closed', 'ecmg-scs', 'code: 0x0003',
        'table 5"' => 'table 5', 'a word, "quoted text"'],
    ['list not closed', 'ecmg-scs', 'code: 0x0003',
        'P\]' => 'P', "comma or '\\]' is expected"],
    ['comma missing', 'ecmg-scs', 'code: 0x0003',
        ', type' => ' type', 'a word, "quoted text"'],
    ['value missing', 'ecmg-scs', 'code: 0x0003',
        'code: 0x0003' => 'code: ', 'a word, "quoted text"'],
    ['key missing', 'ecmg-scs', 'code: 0x0003',
        'code: 0x0003' => '0x0003', "'key: value' is expected"],
    ['comma at the end', 'ecmg-scs', 'code: 0x0003',
        '\}$' => ', }', "'key: value' is expected"],
    ['words that YAML readers disagree about', 'ecmg-scs', 'typed_structs',
        'true' => 'yes', 'must be quoted'],
    ['clause without quotes', 'ecmg-scs', 'name: channel_setup, dir',
        '"5\.4\.1"' => '5.4', 'must be quoted'],
    ['row before any section', 'ecmg-scs', '^# ECMG',
        '^.*' => '  - {code: 0x0001}', 'a section .* expected first'],
    ['text behind a value', 'ecmg-scs', 'version: 3',
        '3' => '"3" 4', "behind the value of 'version'"],

    # sections and columns
    ['rows in the head', 'ecmg-scs', 'typed_structs',
        '^.*' => '  - {typed_structs: true}', "needs 'key: value' lines, not rows", '^interface:'],
    ['unknown section', 'ecmg-scs', '^errors:',
        'errors' => 'faults', "unknown section 'faults'"],
    ['repeated section', 'ecmg-scs', '^errors:',
        'errors' => 'messages', "section 'messages' is repeated"],
    ['pairs among the rows', 'ecmg-scs', 'status: 0x0002',
        '  - \{.*' => '  status: 0x0002', 'needs rows'],
    ['unknown column', 'ecmg-scs', 'code: 0x0003',
        'unit:' => 'units:', "unknown column 'units'"],
    ['unknown column in the head', 'ecmg-scs', '^  server',
        'server' => 'host', "unknown column 'host'"],
    ['repeated column', 'ecmg-scs', 'code: 0x0003',
        'since: 1' => 'since: 1, since: 1', "column 'since' is repeated"],
    ['repeated column in the head', 'ecmg-scs', '^  server',
        'server' => 'client', "column 'client' is repeated"],
    ['missing column', 'ecmg-scs', 'code: 0x0003',
        'min: 2, ' => '', "missing column 'min'"],
    ['missing clause', 'ecmg-scs', 'code: 0x0003',
        'clause: "5.3, table 5", ' => '', "missing column 'clause'"],
    ['missing sources', 'ecmg-scs', 'code: 0x0003',
        ', sources: .*\]' => '', "missing column 'sources'"],
    ['unknown source', 'ecmg-scs', 'code: 0x0003',
        '\[S,' => '[X,', "sources: 'X' is not one of"],
    ['source twice', 'ecmg-scs', 'code: 0x0003',
        '\[S,' => '[S, S,', "sources: 'S' is listed twice"],
    ['clause that is none', 'ecmg-scs', 'code: 0x0003',
        '5.3, table 5' => 'chapter 5', "clause: 'chapter 5' is not"],
    ['note that is no sentence', 'ecmg-scs', 'code: 0x0007',
        'on air\.' => 'on air', 'note: .* full stop'],
    ['code in another form', 'ecmg-scs', 'code: 0x0003',
        '0x0003' => '3', "code: '3' is not four digits"],
    ['list for a word', 'ecmg-scs', 'code: 0x0003',
        'type: int' => 'type: [int]', 'type: a list is not expected'],
    ['word for a list', 'ecmg-scs', 'code: 0x0003',
        'sources: .*\]' => 'sources: S', 'sources: a list is expected'],
    ['unknown type', 'ecmg-scs', 'code: 0x0003',
        'type: int' => 'type: float', "type: 'float' is not one of"],
    ['unknown unit', 'ecmg-scs', 'code: 0x0003',
        'unit: ms' => 'unit: us', "unit: 'us' is not one of"],
    ['unknown direction', 'ecmg-scs', 'type: 0x0101',
        'to_server' => 'to_ecmg', "direction: 'to_ecmg' is not one of"],
    ['unknown transport', 'ecmg-scs', 'type: 0x0101',
        'tcp' => 'sctp', "transports: 'sctp' is not one of"],
    ['unknown fault', 'ecmg-scs', 'status: 0x0001',
        'framing' => 'syntax', "fault: 'syntax' is not one of"],
    ['count that is none', 'ecmg-scs', 'ECM_response, param: CP_number',
        'count: 1' => 'count: 0', "count: '0' is not"],

    # versions
    ['versions not ascending', 'ecmg-scs', '^  versions',
        '2, 3' => '3, 2', 'versions: they must ascend'],
    ['version over the ceiling', 'ecmg-scs', '^  versions',
        '5\]' => '6]', 'versions: 6 is over SIMC_VERSION_MAX, 5'],
    ['current version unknown', 'ecmg-scs', '^  version:',
        '3' => '4', 'version: 4 is not among the versions'],
    ['since a version that does not exist', 'ecmg-scs', 'code: 0x0019',
        'since: 2' => 'since: 4', 'since: 4 is no version of ECMG-SCS'],
    ['empty version range', 'ecmg-scs', 'code: 0x0003',
        'since: 1' => 'since: 3, until: 2', 'empty version range: since 3 until 2'],
    ['gap between version rows', 'ecmg-scs', 'min: 3, max: n',
        'since: 2' => 'since: 3', "gap between the version rows of 'CP_CW_combination': version 2"],
    ['version rows apart', 'ecmg-scs', 'min: 3, max: n',
        '^' => "$SPARE\n", "version rows of 'CP_CW_combination' must stand", 'max: n, secret'],
    ['overlap of version rows', 'ecmg-scs', 'min: 3, max: n',
        'since: 2' => 'since: 1', 'duplicate code 0x0014, first seen on line \d+'],
    ['version rows of different names', 'ecmg-scs', 'min: 3, max: n',
        'CP_CW_combination' => 'CP_CW', 'version rows of 0x0014 differ'],
    ['version rows of different types', 'ecmg-scs', 'min: 3, max: n',
        'cp_cw' => 'bytes', 'version rows of 0x0014 differ'],
    ['content before its parameter', 'ecmg-scs', 'stream_setup, param: ECM_id',
        'since: 2' => 'since: 1', "'ECM_id' exists in versions 2 to 5 only"],

    # parameters
    ['duplicate code', 'ecmg-scs', 'code: 0x0004',
        '0x0004' => '0x0003', 'duplicate code 0x0003, first seen on line \d+'],
    ['duplicate name', 'ecmg-scs', 'code: 0x0004',
        'delay_stop' => 'delay_start', "duplicate name 'delay_start', first seen on line"],
    ['names equal but for case', 'ecmg-scs', 'code: 0x0004',
        'delay_stop' => 'Delay_Start', "duplicate name 'Delay_Start'"],
    ['code outside the windows', 'ecmg-scs', 'code: 0x0003',
        '0x0003' => '0x0040', 'code 0x0040 is outside the windows'],
    ['min above max', 'ecmg-scs', 'code: 0x0003',
        'min: 2' => 'min: 3', 'min 3 is above max 2'],
    ['uint of nine bytes', 'ecmg-scs', 'code: 0x0001',
        'max: 4' => 'max: 9', 'uint: 1 to 8 bytes, not 4 to 9'],
    ['bool of two bytes', 'ecmg-scs', 'code: 0x0011',
        'max: 1' => 'max: 2', 'bool: 1 to 1 bytes, not 1 to 2'],
    ['date of seven bytes', 'eis-scs', 'code: 0x000B',
        'min: 8, max: 8' => 'min: 7, max: 7', 'date: 8 to 8 bytes, not 7 to 7'],
    ['size over the largest', 'ecmg-scs', 'code: 0x000D',
        'max: n' => 'max: 65536', 'bytes: 0 to 65535 bytes, not 0 to 65536'],
    ['values on bytes', 'ecmg-scs', 'code: 0x000D',
        'max: n' => 'max: n, values: 0..1', "column 'values' does not fit type bytes"],
    ['unit on bytes', 'ecmg-scs', 'code: 0x000D',
        'max: n' => 'max: n, unit: ms', "column 'unit' does not fit type bytes"],
    ['show on int', 'ecmg-scs', 'code: 0x0003',
        'unit: ms' => 'unit: ms, show: hex', "column 'show' does not fit type int"],
    ['secret on uint', 'ecmg-scs', 'code: 0x0012',
        'since' => 'secret: true, since', "column 'secret' does not fit type uint"],
    ['control word that is no secret', 'ecmg-scs', 'min: 3, max: n',
        'secret: true, ' => '', 'cp_cw needs secret: true'],
    ['values upside down', 'emmg-mux', 'values: 0..1',
        '0\.\.1' => '1..0', 'values: 1 is above 0'],
    ['values over the size', 'emmg-mux', 'values: 0..1',
        '0\.\.1' => '0..256', 'values: 256 does not fit into uint of 1 bytes'],
    ['values over a bool', 'ecmg-scs', 'code: 0x0011',
        'since' => 'values: 0..2, since', 'values: 2 does not fit into bool'],
    ['int that no struct can hold', 'ecmg-scs', 'code: 0x0003',
        'max: 2' => 'max: 4', 'can only hold an int of 2 bytes'],
    ['error_status of another name', 'ecmg-scs', 'code: 0x7000',
        'error_status' => 'status', 'parameter 0x7000 must be error_status of type uint', '^  id:'],
    ['error_information of a fixed size', 'ecmg-scs', 'code: 0x7001',
        'min: 0' => 'min: 2', 'parameter 0x7001 must be error_information .* min 0', '^  id:'],
    ['parameter that nobody uses', 'ecmg-scs', 'code: 0x0019',
        '^' => "$SPARE\n", "nobody uses 'spare'"],
    ['excuse that nobody needs', 'ecmg-scs', 'code: 0x0003',
        'since' => 'unused: "Because.", since', "'delay_start' is used, or may be"],
    ['excuse where content is unknown', 'cpsig-psig', 'code: 0x0100',
        'since' => 'unused: "Because.", since', "'bouquet_id' is used, or may be"],

    # messages
    ['duplicate message name', 'ecmg-scs', 'type: 0x0102',
        'stream_test' => 'stream_setup', "duplicate message 'stream_setup', first seen on line"],
    ['duplicate type in one interface', 'ecmg-scs', 'type: 0x0102',
        '0x0102' => '0x0101',
        'duplicate type 0x0101, first seen in specs/protocol/ecmg-scs.yaml:\d+'],
    ['duplicate type over interfaces', 'emmg-mux', 'type: 0x0011',
        '0x0011' => '0x0001',
        'duplicate type 0x0001, first seen in specs/protocol/ecmg-scs.yaml:\d+'],
    ['type outside the table', 'emmg-mux', 'type: 0x0011',
        '0x0011' => '0x0444', 'type 0x0444 is outside 0x0001..0x0443'],
    ['type 0', 'emmg-mux', 'type: 0x0011',
        '0x0011' => '0x0000', 'type 0x0000 is outside'],
    ['content without rows', 'cpsig-psig', 'type: 0x0301',
        'unknown, c' => 'known, c', "content of 'channel_setup' is known, but no row"],
    ['typed struct of unknown content', 'cpsig-psig', 'typed_structs',
        'false' => 'true', "typed_structs need known content", 'type: 0x0301'],

    # content
    ['unknown message', 'ecmg-scs', 'ECM_response, param: CP_number',
        'ECM_response' => 'ECM_reply', "unknown message 'ECM_reply'"],
    ['unknown parameter', 'ecmg-scs', 'ECM_response, param: CP_number',
        'CP_number' => 'CP_no', "unknown parameter 'CP_no'"],
    ['unknown group', 'eis-scs', 'ECM_Group, param: ECM_id',
        'ECM_Group' => 'ECM_group', "unknown group 'ECM_group'"],
    ['group that is none', 'eis-scs', 'ECM_Group, param: ECM_id',
        'ECM_Group' => 'SCG_id', "'SCG_id' is no group but uint"],
    ['neither message nor group', 'ecmg-scs', 'ECM_response, param: CP_number',
        'message: ECM_response, ' => '', "either 'message' or 'group' is needed"],
    ['both message and group', 'eis-scs', 'ECM_Group, param: ECM_id',
        'group' => 'message: SCG_test, group', "either 'message' or 'group' is needed"],
    ['content of unknown content', 'eis-scs', 'type: 0x0403',
        'content: known' => 'content: unknown',
        "content of 'channel_status' is unknown, says line \\d+", 'channel_status, param: EIS'],
    ['parameter twice in a message', 'ecmg-scs', 'ECM_response, param: CP_number',
        'CP_number' => 'ECM_stream_id', "duplicate content 'ECM_stream_id', first seen on line"],
    ['rows of a message apart', 'ecmg-scs', 'ECM_response, param: CP_number',
        'ECM_response, param: CP_number' => 'channel_test, param: CP_number',
        "rows of 'channel_test' must stand together"],
    ['count upside down', 'ecmg-scs', 'ECM_response, param: CP_number',
        'count: 1' => 'count: 2..1', 'count: 2 is above 1'],
    ['count over the ceiling', 'ecmg-scs', 'ECM_response, param: CP_number',
        'count: 1' => 'count: 65536', 'count: 65536 is over 65535'],
    ['transport of another message', 'ecmg-scs', 'ECM_response, param: CP_number',
        'clause' => 'transport: [udp], clause', "'ECM_response' is not carried by udp"],
    ['transport that says nothing', 'ecmg-scs', 'ECM_response, param: CP_number',
        'clause' => 'transport: [tcp], clause', "column 'transport' says what holds without it"],
    ['transport of a group', 'eis-scs', 'ECM_Group, param: ECM_id',
        'clause' => 'transport: [tcp], clause', "column 'transport' does not fit a group"],
    ['group within itself', 'eis-scs', 'ECM_Group, param: ECM_id',
        'param: ECM_id' => 'param: ECM_Group', 'recursion of groups: ECM_Group > ECM_Group'],
    ['group of nothing', 'eis-scs', 'code: 0x000A',
        'type: bytes' => 'type: group', "no row tells what group 'access_criteria' holds"],

    # errors
    ['duplicate status', 'ecmg-scs', 'status: 0x0006',
        '0x0006' => '0x0005', 'duplicate status 0x0005, first seen on line'],
    ['duplicate error name', 'ecmg-scs', 'status: 0x0006',
        'unknown_ECM_channel_id' => 'unknown_Super_CAS_id',
        "duplicate error 'unknown_Super_CAS_id'"],
    ['fault answered twice', 'ecmg-scs', 'status: 0x0006',
        'clause' => 'fault: [value], clause',
        "duplicate answer to fault 'value'", 'status: 0x0011'],

    # interfaces
    ['duplicate id', 'emmg-mux', '^  id:',
        'emmg' => 'ecmg', "duplicate id 'ecmg', as in specs/protocol/ecmg-scs.yaml"],
    ['duplicate name of an interface', 'emmg-mux', '^  name:',
        'EMMG-MUX' => 'ECMG-SCS', "duplicate name 'ECMG-SCS'"],
);

# A group within a group, which holds the first one.
my $NESTED = '  - {group: access_criteria, param: ECM_Group, count: 1, clause: "10", '
    . "sources: [H]}\n";

# Faults that take more than one line: what is wrong, the file, how its text is changed, what the
# complaint must say, and the pattern of the line that it must blame.
my @LARGER_FAULTS = (
    ['section missing', 'ecmg-scs', sub { s/^errors:.*//ms },
        "section 'errors' is missing", '^# SPDX'],
    ['section empty', 'ecmg-scs', sub { s/^(errors:\n).*/$1/ms },
        "section 'errors' is empty", '^errors:'],
    ['no line end at the end', 'ecmg-scs', sub { s/\n\z// },
        'no line end', 'status: 0x7001'],
    ['17 parameters in a message', 'ecmg-scs',
        sub { s/(?=^.*status, param: max_comp_time)/content()/me },
        "'channel_status' has more than 16 rows, SIMC_MSG_CONTENT_MAX", 'param: max_comp_time'],
    ['groups within each other', 'eis-scs',
        sub { s/(access_criteria, type: )bytes/$1group/; s/\n(?=\nerrors:)/\n$NESTED/ },
        'recursion of groups: ECM_Group > access_criteria > ECM_Group', '\{group: access_criteria'],
    ['version rows descending', 'emmg-mux',
        sub { s/since: 5/since: 1, until: 3/; s/since: 1, until: 3/since: 5/ },
        "version rows of 'section_TSpkt_flag' must stand together and ascend", 'values: 0..2'],
    ['255 parameters', 'ecmg-scs', sub { s/^(messages:)/parameters() . $1/me },
        'more than 254 rows', 'code: 0x0001'],
);

# Rows that make a message, and an interface, too large.
sub content {
    my $row =
        "  - {message: channel_status, param: %s, count: 1, clause: \"5.4.3\", sources: [S]}\n";
    return join '', map { sprintf $row, $_ } qw(ECM_stream_id CP_number Super_CAS_id);
}

sub parameters {
    my $row = "  - {code: 0x%04X, name: p%d, type: bool, min: 1, max: 1, since: 1, clause: \"5\", "
        . "sources: [S]}\n";
    return join '', map { sprintf $row, 0x100 + $_, $_ } 1 .. 227;
}

sub read_text {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "cannot read $path: $!";
    local $/;
    return scalar <$in>;
}

sub write_text {
    my ($path, $text) = @_;
    make_path(dirname($path));
    open my $out, '>:raw', $path or die "cannot write $path: $!";
    print {$out} $text;
    close $out or die "cannot write $path: $!";
    return;
}

# A new copy of the files named.
sub tree {
    my (@files) = @_;
    my $root = File::Temp->newdir;
    write_text("$root/$_", read_text("$source/$_")) for @files;
    return $root;
}

# Runs the generator. Returns its exit status, standard output and standard error.
sub run {
    my ($root, @options) = @_;
    my $logs = File::Temp->newdir;
    my @command = ($^X, $generator, '--root', "$root", @options);
    my $status = system 'sh', '-c', 'out=$1 err=$2; shift 2; exec "$@" >"$out" 2>"$err"', 'run',
        "$logs/out", "$logs/err", @command;
    return ($status >> 8, read_text("$logs/out"), read_text("$logs/err"));
}

# What a command writes; nothing when it fails or does not exist.
sub output_of {
    my (@command) = @_;
    open my $in, '-|', 'sh', '-c', 'exec "$@" 2>/dev/null', 'sh', @command or return '';
    my $text = do { local $/; <$in> };
    return close $in ? $text : '';
}

# The number of the first line that a pattern matches.
sub line_number {
    my ($text, $pattern) = @_;
    my @lines = split /\n/, $text;
    my @found = grep { $lines[$_ - 1] =~ $pattern } 1 .. @lines;
    return @found ? $found[0] : undef;
}

# Changes one file of a copy, and checks that the generator refuses it as expected.
sub refuses {
    my ($name, $file, $change, $says, $blamed) = @_;
    my $path = "specs/protocol/$file.yaml";
    my $root = tree(@SPECS);
    my $text = my $old = read_text("$root/$path");
    my $line = $change->(\$text);
    $line = line_number($text, $blamed) if defined $blamed;
    write_text("$root/$path", $text);
    my ($status, $out, $errors) = run($root);
    my $good = $text ne $old && $line && $status != 0 && $errors =~ /^\Q$path:$line:\E [^\n]*$says/m
        && $errors =~ /^gen-protocol: nothing written/m && !grep { -e "$root/$_" } @OUTPUTS;
    ok($good, "refused: $name")
        or diag('expected at line ' . ($line // '?') . ": $says\nfound: $errors");
    return;
}

for my $fault (@FAULTS) {
    my ($name, $file, $at, $from, $to, $says, $blamed) = @$fault;
    my $change = sub {
        my ($text) = @_;
        my @lines = split /\n/, $$text;
        my @found = grep { $lines[$_] =~ $at } 0 .. $#lines;
        return if not @found or $lines[$found[0]] !~ s/$from/$to/;
        $$text = join '', map { "$_\n" } @lines;
        return $found[0] + 1;
    };
    refuses($name, $file, $change, $says, $blamed);
}

for my $fault (@LARGER_FAULTS) {
    my ($name, $file, $edit, @rest) = @$fault;
    refuses($name, $file, sub { local *_ = $_[0]; $edit->(); return }, @rest);
}

subtest 'an interface too few' => sub {
    my $root = tree(@SPECS[1 .. $#SPECS]);
    my ($status, $out, $errors) = run($root);
    isnt($status, 0, 'refused');
    like($errors, qr/^specs\/protocol:0: 4 interfaces found, .* is 5$/m, 'told');
};

subtest 'several faults are all told' => sub {
    my $root = tree(@SPECS);
    for my $file (@SPECS[0, 1]) {
        write_text("$root/$file", read_text("$root/$file") =~ s/\btype: uint/type: unit/gr);
    }
    my ($status, $out, $errors) = run($root);
    isnt($status, 0, 'refused');
    my @told = $errors =~ /^specs\/protocol\/\S+\.yaml:\d+: type: 'unit' is not one of /mg;
    cmp_ok(scalar @told, '>', 40, 'each at its line');
};

subtest 'the committed files are what the rows say' => sub {
    my ($status, $out, $errors) = run($source, '--check');
    is($status, 0, 'no difference');
    is($out . $errors, '', 'nothing said');
};

subtest 'a changed row is noticed' => sub {
    my $root = tree(@SPECS, @OUTPUTS);
    my $spec = "$root/specs/protocol/ecmg-scs.yaml";
    write_text($spec, read_text($spec) =~ s/(name: max_comp_time.*unit: )ms/${1}s/r);
    my %before = map { $_ => read_text("$root/$_") } @OUTPUTS;
    my ($status, $out, $errors) = run($root, '--check');
    isnt($status, 0, 'refused');
    like($out, qr/^--- lib\/proto\/tables\.c\n\+\+\+ /m, 'a unified diff says where');
    like($out, qr/^-.*\bmax_comp_time_ms\b/m, 'and what goes');
    like($out, qr/^\+.*\bmax_comp_time_s\b/m, 'and what comes');
    like($errors, qr/run build-aux\/gen-protocol\.pl/, 'and how to mend it');
    is_deeply({map { $_ => read_text("$root/$_") } @OUTPUTS}, \%before, 'nothing is written');
    run($root);
    is((run($root, '--check'))[0], 0, 'and after a run all is well');
};

subtest 'a changed or lost output is noticed' => sub {
    for my $output (@OUTPUTS) {
        my $root = tree(@SPECS, @OUTPUTS);
        write_text("$root/$output", read_text("$root/$output") . "\n");
        is((run($root, '--check'))[0] != 0, 1, "$output changed");
        unlink "$root/$output";
        is((run($root, '--check'))[0] != 0, 1, "$output lost");
    }
};

subtest 'output is the same on every run' => sub {
    for my $seed (0, 1, 12345) {
        local $ENV{PERL_HASH_SEED} = $seed;
        my $root = tree(@SPECS);
        is((run($root))[0], 0, "written with hash seed $seed");
        for my $output (@OUTPUTS) {
            ok(read_text("$root/$output") eq read_text("$source/$output"), "$output is the same");
        }
    }
};

subtest 'generated files keep to the form' => sub {
    for my $output (grep { /\.[ch]\z/ } @OUTPUTS) {
        my @lines = split /\n/, read_text("$source/$output");
        like($lines[0], qr/Generated by build-aux\/gen-protocol\.pl/, "$output says what it is");
        my @bad = grep { length > 100 or /\s\z/ or /[^\x20-\x7e]/ } @lines;
        is_deeply(\@bad, [], 'and has good lines');
    }
};

subtest 'a wrong call is refused' => sub {
    for my $options (['--chekc'], ['more'], ['--root']) {
        my ($status, $out, $errors) = run($source, @$options);
        isnt($status, 0, "refused: @$options");
        like($errors, qr/^usage: /m, 'with the usage');
    }
    isnt((run(File::Temp->newdir))[0], 0, 'refused: a folder without specs');
};

# Any YAML reader must see the same text in every column as our own small one does.
subtest 'another YAML reader sees the same rows' => sub {
    my $python = 'import json, sys, yaml; '
        . 'print(json.dumps([yaml.load(open(f), Loader=yaml.BaseLoader) for f in sys.argv[1:]])); '
        . '[yaml.safe_load(open(f)) for f in sys.argv[1:]]';
    my @paths = map { "$source/$_" } @SPECS;
    my $json = output_of('python3', '-c', $python, @paths);
    plan skip_all => 'python3 with its yaml module is not at hand' if $json eq '';
    my $theirs = decode_json($json);
    unshift @INC, "$source/build-aux/gen-protocol";
    require Reader;
    for my $i (0 .. $#SPECS) {
        my $sections = Reader::read_file($paths[$i], $SPECS[$i], sub { die $_[1] });
        my %ours;
        for my $name (keys %$sections) {
            my @rows = map { columns($_) } $sections->{$name}{pairs} // @{$sections->{$name}{rows}};
            $ours{$name} = $sections->{$name}{pairs} ? $rows[0] : \@rows;
        }
        is_deeply(\%ours, $theirs->[$i], $SPECS[$i]);
    }
};

# A row without the places that our reader notes in it.
sub columns {
    my ($row) = @_;
    return {map { $_ => $row->{$_} } grep { !/^ / } keys %$row};
}

done_testing();
