# SPDX-License-Identifier: BSL-1.0
# What a row of specs/protocol may look like by itself: its columns, their kinds, and the words and
# ceilings that they refer to. Model.pm calls it for every row before rows are held against others.
package Columns;

use strict;
use warnings FATAL => 'all';

# Ceilings of the C side; tables.c asserts that they are the same there.
our %LIMIT = (
    content => 16,         # SIMC_MSG_CONTENT_MAX
    version => 5,          # SIMC_VERSION_MAX
    interfaces => 5,       # SIMC__INTERFACE_COUNT
    type_end => 0x0444,    # SIMC__MESSAGE_TYPE_END
    rows => 254,           # what a uint8_t can count, below SIMC__NO_ROW
    many => 65535,         # SIMC_COUNT_MANY, and the longest parameter_length
);

our @FAULTS =
    qw(framing version message_type too_long parameter_type length missing too_many value);

# Units: their enum simc_unit, how names end that carry them, and how comments say them.
our %UNITS = (
    'ms' => {enum => 'MS', suffix => 'ms', text => 'ms'},
    '100ms' => {enum => '100MS', suffix => '100ms', text => 'in units of 100 ms'},
    's' => {enum => 'S', suffix => 's', text => 'seconds'},
    'kbit/s' => {enum => 'KBITPS', suffix => 'kbitps', text => 'kbit/s'},
);

# Value types: the smallest and largest sizes that they allow, and the columns that only fit some.
our %TYPES = (
    uint => {min => 1, max => 8, columns => {unit => 1, values => 1, show => 1}},
    int => {min => 1, max => 8, columns => {unit => 1}},
    bool => {min => 1, max => 1, columns => {values => 1}},
    bytes => {min => 0, max => $LIMIT{many}, columns => {secret => 1}},
    text => {min => 0, max => $LIMIT{many}, columns => {}},
    date => {min => 8, max => 8, columns => {}},
    cp_cw => {min => 3, max => $LIMIT{many}, columns => {secret => 1}},
    group => {min => 0, max => $LIMIT{many}, columns => {}},
);

# Kinds of columns: what a value must look like (a pattern and its description, or a list of words),
# whether it is a list, and how it is kept.
my $NUMBER = qr/(?:0|[1-9][0-9]{0,4})/;
my $CLAUSE = qr/(?:[0-9]+(?:\.[0-9]+)*|annex [A-Z]|table [0-9]+)/;
my %VERSION = (like => qr/^[1-9][0-9]?$/, is => 'a protocol_version', keep => sub { $_[0] + 0 });
my %KINDS = (
    code => {
        like => qr/^0x[0-9A-F]{4}$/,
        is => 'four digits as in 0x001A',
        keep => sub { hex $_[0] },
    },
    size => {
        like => qr/^(?:$NUMBER|n)$/,
        is => 'a number of bytes, or n',
        keep => sub { $_[0] eq 'n' ? $LIMIT{many} : $_[0] + 0 },
    },
    range => {
        like => qr/^(?:0|[1-9][0-9]{0,14})\.\.(?:0|[1-9][0-9]{0,14})$/,
        is => 'a range as in 0..2',
        keep => sub { [map { $_ + 0 } split /\.\./, $_[0]] },
    },
    count => {
        like => qr/^(?:[1-9][0-9]{0,4}|$NUMBER\.\.(?:[1-9][0-9]{0,4}|n))$/,
        is => 'a number of occurrences as in 1, 0..1 or 1..n',
        keep => sub {
            my ($min, $max) = split /\.\./, $_[0];
            $max //= $min;
            return [$min + 0, $max eq 'n' ? $LIMIT{many} : $max + 0];
        },
    },
    version => {%VERSION},
    versions => {%VERSION, list => 1},
    truth => {like => qr/^(?:true|false)$/, is => 'true or false', keep => sub { $_[0] eq 'true' }},
    id => {like => qr/^[a-z][a-z0-9]*$/, is => 'a word in lower case'},
    name => {like => qr/^[A-Za-z(][A-Za-z0-9_()-]*$/, is => 'a name of letters, digits, _ - ( )'},
    text => {like => qr/^\S.*$/, is => 'text'},
    sentence => {like => qr/^\S.*\.$/, is => 'a sentence with a full stop'},
    clause => {like => qr/^$CLAUSE(?:, $CLAUSE)*$/, is => 'a clause as in "5.3, table 5"'},
    type => {one_of => [sort keys %TYPES]},
    unit => {one_of => [sort keys %UNITS]},
    show => {one_of => ['hex']},
    direction => {one_of => [qw(to_server to_client either unknown)]},
    knowledge => {one_of => [qw(known unknown)]},
    transports => {one_of => [qw(tcp udp)], list => 1},
    faults => {one_of => \@FAULTS, list => 1},
    sources => {one_of => [qw(S W T B P H C Q)], list => 1},
);

# The columns of each section with their kinds; those with a question mark may be left out.
my %ORIGIN =
    (clause => 'clause', sources => 'sources?', confirmed => 'truth?', note => 'sentence?');
my %SCOPE = (since => 'version?', until => 'version?');
our %SECTIONS = (
    interface => {
        id => 'id', name => 'name', client => 'name', server => 'name', clause => 'clause',
        versions => 'versions', version => 'version', typed_structs => 'truth', note => 'sentence?',
    },
    parameters => {
        %ORIGIN, %SCOPE, since => 'version',
        code => 'code', name => 'name', type => 'type', min => 'size', max => 'size',
        unit => 'unit?', values => 'range?', show => 'show?', secret => 'truth?',
        unused => 'sentence?',
    },
    messages => {
        %ORIGIN,
        type => 'code', name => 'name', direction => 'direction', transports => 'transports',
        content => 'knowledge',
    },
    content => {
        %ORIGIN, %SCOPE,
        message => 'name?', group => 'name?', param => 'name', count => 'count',
        transport => 'transports?',
    },
    errors => {
        %ORIGIN,
        status => 'code', name => 'name', text => 'text', fault => 'faults?',
    },
);

# Reads the columns of one row. Returns {column => value}; `confirmed` is always there. $fault is
# called with the row and a text for everything that is wrong.
sub read_row {
    my ($section, $row, $fault) = @_;
    my $columns = $SECTIONS{$section};
    my %read = map { $_ => $row->{$_} } grep { /^ / } keys %$row;
    for my $key (grep { !/^ / } sort keys %$row) {
        if (not $columns->{$key}) {
            $fault->(place($row, $key), "unknown column '$key' in section '$section'");
            next;
        }
        my ($kind) = $columns->{$key} =~ /^(\w+)/;
        my $wrong = sub { $fault->(place($row, $key), @_) };
        $read{$key} = read_value($key, $row->{$key}, $KINDS{$kind}, $wrong);
    }
    for my $key (sort grep { $columns->{$_} !~ /\?$/ } keys %$columns) {
        $fault->($row, "missing column '$key'") if not exists $row->{$key};
    }
    $read{confirmed} //= 1;
    $fault->($row, "missing column 'sources', which only a row with confirmed: false may leave out")
        if $columns->{sources} and not $row->{sources} and $read{confirmed};
    return \%read;
}

# Where a column stands: rows are one line, the pairs of a head have one each.
sub place {
    my ($row, $key) = @_;
    return {%$row, ' line' => $row->{" line of $key"} // $row->{' line'}};
}

sub read_value {
    my ($key, $value, $kind, $fault) = @_;
    return $fault->("$key: a list is " . ($kind->{list} ? '' : 'not ') . 'expected')
        if !$kind->{list} ne !ref $value;
    return read_one($key, $value, $kind, $fault) if not $kind->{list};
    my %seen;
    for my $item (@$value) {
        $fault->("$key: '$item' is listed twice") if $seen{$item}++;
    }
    return [map { read_one($key, $_, $kind, $fault) } @$value];
}

sub read_one {
    my ($key, $item, $kind, $fault) = @_;
    my $words = $kind->{one_of};
    my $good = $words ? grep { $_ eq $item } @$words : $item =~ $kind->{like};
    return $kind->{keep} ? $kind->{keep}->($item) : $item if $good;
    my $expected = $words ? 'one of ' . join(', ', @$words) : $kind->{is};
    return $fault->("$key: '$item' is not $expected");
}

1;
