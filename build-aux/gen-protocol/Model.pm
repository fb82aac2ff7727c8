# SPDX-License-Identifier: BSL-1.0
# Holds the rows of specs/protocol against each other, and joins them to the model that the writers
# print. gen-protocol.pl calls it; the writers rely on all that is checked here.
package Model;

use strict;
use warnings FATAL => 'all';

use Columns;

# The windows of simc_interface.parameter_index: codes first..last stand from `at` on.
my @WINDOWS = (
    {first => 0x0000, last => 0x003f, at => 0x00},
    {first => 0x0100, last => 0x013f, at => 0x40},
    {first => 0x7000, last => 0x7003, at => 0x80},
);
our $INDEX_SIZE = 0x84;

# Parameters that every interface has: code, name, type, smallest size.
my @COMMON = ([0x7000, 'error_status', 'uint', 2], [0x7001, 'error_information', 'bytes', 0]);

my $complain;
my $faults;

# Notes that something is wrong with a row, with a text as for sprintf. Returns an empty list.
sub fault {
    my ($row, $format, @values) = @_;
    $complain->($row, sprintf $format, @values);
    $faults++;
    return;
}

# The C form of a name: letters, digits and underlines, in lower case.
sub c_name {
    my ($name) = @_;
    $name =~ s/[()]//g;
    $name =~ s/-/_/g;
    return lc $name;
}

# Where a code stands in parameter_index, or undef.
sub index_of_code {
    my ($code) = @_;
    for my $window (@WINDOWS) {
        return $window->{at} + $code - $window->{first}
            if $code >= $window->{first} and $code <= $window->{last};
    }
    return;
}

# Builds the model of all files: a list of interfaces in the order of their message types. $report
# is called with a row and a text for each fault; the model may only be used when it was not.
#
# An interface is {head, parameters, messages, content, errors: the rows; first, last: its versions;
# by_index, by_name: parameters as {name, code, index, rows, group}; by_fault; transports}. Messages
# and groups carry their content in `rows`. Rows have since, until and other defaults filled in.
sub build {
    my ($files, $report) = @_;
    $complain = $report;
    my @interfaces;
    for my $file (@$files) {
        my $model = {file => $file->{shown}};
        my @steps = (
            sub { read_sections($model, $file) },
            sub { check_head($model) },
            sub { check_parameters($model); check_messages($model); check_errors($model) },
            sub { check_content($model) },
            sub { check_use($model); check_typed($model) },
            sub { push @interfaces, $model },
        );
        $faults = 0;
        while (not $faults and my $step = shift @steps) {
            $step->();
        }
    }
    check_all(\@interfaces);
    return [sort { first_type($a) <=> first_type($b) } @interfaces];
}

sub first_type {
    my ($model) = @_;
    my ($first) = sort { $a <=> $b } map { $_->{type} } @{$model->{messages}};
    return $first;
}

# -------------------------------------------------------------------------------------- sections

sub read_sections {
    my ($model, $file) = @_;
    my $sections = $file->{sections};
    $model->{content} = [];
    for my $name (sort keys %$sections) {
        my $place = {' file' => $file->{shown}, ' line' => $sections->{$name}{line}};
        fault($place, "unknown section '%s'", $name) if not $Columns::SECTIONS{$name};
    }
    for my $name (qw(interface parameters messages content errors)) {
        my $section = $sections->{$name};
        if ($section) {
            read_section($model, $name, $section, $file->{shown});
        } elsif ($name ne 'content') {
            fault({' file' => $file->{shown}, ' line' => 1}, "section '%s' is missing", $name);
        }
    }
    return;
}

sub read_section {
    my ($model, $name, $section, $shown) = @_;
    my ($rows, $pairs) = @{$section}{qw(rows pairs)};
    my $place = {' file' => $shown, ' line' => $section->{line}};
    my $head = $name eq 'interface';
    return fault($place, "section '%s' needs 'key: value' lines, not rows", $name)
        if $head and @$rows;
    return fault($pairs, "section '%s' needs rows, not 'key: value' lines", $name)
        if $pairs and not $head;
    return fault($place, "section '%s' is empty", $name) if not $pairs and not @$rows;
    return fault($rows->[0], 'more than %d rows', $Columns::LIMIT{rows})
        if @$rows > $Columns::LIMIT{rows};
    my @read = map { Columns::read_row($name, $_, \&row_fault) } $head ? $pairs : @$rows;
    $model->{$head ? 'head' : $name} = $head ? $read[0] : \@read;
    return;
}

sub row_fault {
    my ($row, $text) = @_;
    return fault($row, '%s', $text);
}

sub check_head {
    my ($model) = @_;
    my $head = $model->{head};
    my $at = Columns::place($head, 'versions');
    my @versions = @{$head->{versions}};
    for my $i (1 .. $#versions) {
        fault($at, 'versions: they must ascend') if $versions[$i] <= $versions[$i - 1];
    }
    my $limit = $Columns::LIMIT{version};
    fault($at, 'versions: %d is over SIMC_VERSION_MAX, %d', $versions[-1], $limit)
        if $versions[-1] > $limit;
    $at = Columns::place($head, 'version');
    fault($at, 'version: %d is not among the versions', $head->{version})
        if not grep { $_ == $head->{version} } @versions;
    ($model->{first}, $model->{last}) = @versions[0, -1];
    return;
}

# Checks since and until of a row and fills in the bounds of what the row belongs to.
sub check_versions {
    my ($model, $row, $first, $last) = @_;
    my %known = map { $_ => 1 } @{$model->{head}{versions}};
    for my $key (grep { exists $row->{$_} } qw(since until)) {
        return fault($row, '%s: %d is no version of %s', $key, $row->{$key}, $model->{head}{name})
            if not $known{$row->{$key}};
    }
    $row->{since} //= $first;
    $row->{until} //= $last;
    return fault($row, 'empty version range: since %d until %d', @{$row}{qw(since until)})
        if $row->{since} > $row->{until};
    return 1;
}

# ------------------------------------------------------------------------------------ parameters

sub check_parameters {
    my ($model) = @_;
    my (%by_code, %by_name);
    my $before = {};
    for my $i (0 .. $#{$model->{parameters}}) {
        my $row = $model->{parameters}[$i];
        check_versions($model, $row, $model->{first}, $model->{last}) or next;
        check_form($row);
        fault($row, 'code 0x%04X is outside the windows of parameter_index', $row->{code})
            if not defined index_of_code($row->{code});
        my $parameter = $by_code{$row->{code}};
        my $named = $by_name{c_name($row->{name})};
        if ($named and $named != ($parameter // 0)) {
            fault($row, "duplicate name '%s', first seen on line %d", $row->{name}, $named->{line});
        } elsif ($parameter) {
            check_next_form($model, $parameter, $row, $before);
            push @{$parameter->{rows}}, $row;
        } else {
            $parameter = {%{$row}{qw(name code)}, index => $i, rows => [$row]};
            $parameter->{line} = $row->{' line'};
            $by_code{$row->{code}} = $by_name{c_name($row->{name})} = $parameter;
            push @{$model->{by_index}}, $parameter;
        }
        $row->{index} = $i;
        $row->{parameter} = $before = $parameter;
    }
    $model->{by_name} = {map { $_->{name} => $_ } @{$model->{by_index}}};
    for my $need (@COMMON) {
        my ($code, $name, $type, $min) = @$need;
        my $row = $by_code{$code} ? $by_code{$code}{rows}[0] : {name => '', type => '', min => -1};
        fault($model->{head}, 'parameter 0x%04X must be %s of type %s, min %d', @$need)
            if $row->{name} ne $name or $row->{type} ne $type or $row->{min} != $min;
    }
    return;
}

# A further row of a parameter: the same in other versions, right behind those of the row before.
sub check_next_form {
    my ($model, $parameter, $row, $before) = @_;
    my ($first, $last) = @{$parameter->{rows}}[0, -1];
    return fault($row, 'duplicate code 0x%04X, first seen on line %d', @{$parameter}{qw(code line)})
        if $row->{since} <= $last->{until} and $row->{until} >= $first->{since};
    return fault($row, "version rows of '%s' must stand together and ascend", $parameter->{name})
        if $before != $parameter or $row->{since} < $last->{since};
    return fault($row, 'version rows of 0x%04X differ in name or type', $row->{code})
        if $row->{name} ne $last->{name} or $row->{type} ne $last->{type};
    my ($gap) = grep { $_ > $last->{until} and $_ < $row->{since} } @{$model->{head}{versions}};
    fault($row, "gap between the version rows of '%s': version %d has none", $row->{name}, $gap)
        if $gap;
    return;
}

# Sizes, values and marks of one parameter row.
sub check_form {
    my ($row) = @_;
    my $type = $Columns::TYPES{$row->{type}};
    my ($min, $max) = @{$row}{qw(min max)};
    return fault($row, 'min %d is above max %d', $min, $max) if $min > $max;
    my ($least, $most) = @{$type}{qw(min max)};
    return fault($row, '%s: %d to %d bytes, not %d to %d', $row->{type}, $least, $most, $min, $max)
        if $min < $least or $max > $most;
    for my $key (grep { exists $row->{$_} } qw(unit values show secret)) {
        return fault($row, "column '%s' does not fit type %s", $key, $row->{type})
            if not $type->{columns}{$key};
    }
    return fault($row, 'type cp_cw needs secret: true')
        if $row->{type} eq 'cp_cw' and not $row->{secret};
    return if not $type->{columns}{values};
    my $largest = $row->{type} eq 'bool' ? 1 : $max < 8 ? 256**$max - 1 : undef;
    $row->{range} = join '..', @{$row->{values}} if $row->{values};
    $row->{values} //= [0, $largest];
    my ($low, $high) = @{$row->{values}};
    fault($row, 'values: %s is above %s', $low, $high) if defined $high and $low > $high;
    fault($row, 'values: %s does not fit into %s of %d bytes', $high, $row->{type}, $max)
        if defined $largest and $high > $largest;
    return;
}

# ----------------------------------------------------------------------------- messages and errors

# Refuses a row whose key was seen before; $seen is the hash of those.
sub check_unique {
    my ($seen, $key, $row, $what) = @_;
    my $other = $seen->{$key} //= $row;
    fault($row, 'duplicate %s, first seen on line %d', $what, $other->{' line'}) if $other != $row;
    return;
}

sub check_messages {
    my ($model) = @_;
    my $end = $Columns::LIMIT{type_end};
    my %by_name;
    for my $i (0 .. $#{$model->{messages}}) {
        my $row = $model->{messages}[$i];
        check_unique(\%by_name, c_name($row->{name}), $row, "message '$row->{name}'");
        fault($row, 'type 0x%04X is outside 0x0001..0x%04X', $row->{type}, $end - 1)
            if $row->{type} < 1 or $row->{type} >= $end;
        $row->{rows} = [];
        $row->{index} = $i;
        $model->{transports}{$_} = 1 for @{$row->{transports}};
    }
    $model->{message_by_name} = {map { $_->{name} => $_ } @{$model->{messages}}};
    return;
}

sub check_errors {
    my ($model) = @_;
    my (%by_status, %by_name, %by_fault);
    for my $row (@{$model->{errors}}) {
        check_unique(\%by_status, $row->{status}, $row, sprintf 'status 0x%04X', $row->{status});
        check_unique(\%by_name, c_name($row->{name}), $row, "error '$row->{name}'");
        check_unique(\%by_fault, $_, $row, "answer to fault '$_'") for @{$row->{fault} // []};
    }
    $model->{by_fault} = \%by_fault;
    return;
}

# --------------------------------------------------------------------------------------- content

# Hangs the content rows on their messages and groups.
sub check_content {
    my ($model) = @_;
    my $before = {};
    for my $row (@{$model->{content}}) {
        my $holder = holder($model, $row) or next;
        my $parameter = $row->{parameter} = $model->{by_name}{$row->{param}};
        if (not $parameter) {
            fault($row, "unknown parameter '%s'", $row->{param});
            next;
        }
        check_content_row($row, $holder, $before);
        check_scope($model, $row, $holder, $parameter);
        push @{$holder->{rows}}, $row;
        $before = $holder;
    }
    for my $message (@{$model->{messages}}) {
        fault($message, "content of '%s' is known, but no row tells it", $message->{name})
            if $message->{content} eq 'known' and not @{$message->{rows}};
    }
    for my $group (grep { $_->{rows}[0]{type} eq 'group' } @{$model->{by_index}}) {
        fault($group->{rows}[0], "no row tells what group '%s' holds", $group->{name})
            if not $group->{group};
        check_recursion($group, []);
    }
    return;
}

# The message or group that a content row belongs to.
sub holder {
    my ($model, $row) = @_;
    return fault($row, "either 'message' or 'group' is needed")
        if defined $row->{message} == defined $row->{group};
    if (defined $row->{message}) {
        my $message = $model->{message_by_name}{$row->{message}};
        return fault($row, "unknown message '%s'", $row->{message}) if not $message;
        return $message if $message->{content} eq 'known';
        my $line = $message->{' line'};
        return fault($row, "content of '%s' is unknown, says line %d", $row->{message}, $line);
    }
    my $group = $model->{by_name}{$row->{group}};
    return fault($row, "unknown group '%s'", $row->{group}) if not $group;
    my $type = $group->{rows}[0]{type};
    return fault($row, "'%s' is no group but %s", $row->{group}, $type) if $type ne 'group';
    return $group->{group} //= {name => $row->{group}, rows => []};
}

sub check_content_row {
    my ($row, $holder, $before) = @_;
    my $rows = $holder->{rows};
    my ($other) = grep { $_->{param} eq $row->{param} } @$rows;
    fault($row, "duplicate content '%s', first seen on line %d", $row->{param}, $other->{' line'})
        if $other;
    fault($row, "rows of '%s' must stand together", $holder->{name})
        if @$rows and $before != $holder;
    my ($content, $many) = @Columns::LIMIT{qw(content many)};
    fault($row, "'%s' has more than %d rows, SIMC_MSG_CONTENT_MAX", $holder->{name}, $content)
        if @$rows == $content;
    my ($min, $max) = @{$row->{count}};
    fault($row, 'count: %d is above %d', $min, $max) if $min > $max;
    fault($row, 'count: %d is over %d', $max, $many) if $max > $many;
    return;
}

# Versions and transports of a content row lie within those of its parameter and message.
sub check_scope {
    my ($model, $row, $holder, $parameter) = @_;
    my ($first, $last) = ($parameter->{rows}[0]{since}, $parameter->{rows}[-1]{until});
    check_versions($model, $row, $first, $last) or return;
    fault($row, "'%s' exists in versions %d to %d only", $row->{param}, $first, $last)
        if $row->{since} < $first or $row->{until} > $last;
    my @all = $holder->{transports} ? @{$holder->{transports}} : sort keys %{$model->{transports}};
    my %known = map { $_ => 1 } @all;
    if ($row->{transport}) {
        fault($row, "column 'transport' does not fit a group") if not $holder->{transports};
        fault($row, "'%s' is not carried by %s", $holder->{name}, $_)
            for grep { not $known{$_} } @{$row->{transport}};
        fault($row, "column 'transport' says what holds without it")
            if @{$row->{transport}} == @all;
        $row->{partial} = 1;
    }
    $row->{transport} //= \@all;
    $row->{optional} = $row->{partial} || $row->{count}[0] == 0
        || $row->{since} > $model->{first} || $row->{until} < $model->{last};
    return;
}

sub check_recursion {
    my ($group, $path) = @_;
    my @path = (@$path, $group->{name});
    for my $row (@{$group->{group} ? $group->{group}{rows} : []}) {
        my $inner = $row->{parameter};
        next if $inner->{rows}[0]{type} ne 'group';
        if (not grep { $_ eq $inner->{name} } @path) {
            check_recursion($inner, \@path);
        } elsif ($inner->{name} eq $path[0]) {
            fault($row, 'recursion of groups: %s', join ' > ', @path, $inner->{name});
        }
    }
    return;
}

# ---------------------------------------------------------------------------------- the last looks

# Refuses rows that nobody uses, and excuses that nobody needs.
sub check_use {
    my ($model) = @_;
    my %used = map { $_->{param} => 1 } @{$model->{content}};
    my $open = grep { $_->{content} eq 'unknown' } @{$model->{messages}};
    for my $row (@{$model->{parameters}}) {
        my $used = $used{$row->{name}} || $open;
        fault($row, "nobody uses '%s': name it in a content row or mark it unused", $row->{name})
            if not $used and not $row->{unused};
        fault($row, "'%s' is used, or may be, and needs no mark 'unused'", $row->{name})
            if $used and $row->{unused};
    }
    return;
}

# What the members of typed structs need.
sub check_typed {
    my ($model) = @_;
    return if not $model->{head}{typed_structs};
    for my $row (@{$model->{messages}}) {
        fault($row, "typed_structs need known content, and '%s' has none", $row->{name})
            if $row->{content} eq 'unknown';
    }
    for my $row (grep { $_->{type} eq 'int' } @{$model->{parameters}}) {
        fault($row, 'typed_structs can only hold an int of 2 bytes')
            if $row->{min} != 2 or $row->{max} != 2;
    }
    return;
}

# What must be unique over all interfaces.
sub check_all {
    my ($interfaces) = @_;
    my (%by_head, %by_type);
    for my $model (@$interfaces) {
        for my $key (qw(id name)) {
            my $value = $model->{head}{$key};
            my $other = $by_head{lc $value};
            my $at = Columns::place($model->{head}, $key);
            fault($at, "duplicate %s '%s', as in %s", $key, $value, $other->{file}) if $other;
        }
        $by_head{lc $_} = $model for @{$model->{head}}{qw(id name)};
        for my $row (@{$model->{messages}}) {
            my $other = $by_type{$row->{type}} //= $row;
            my @place = @{$other}{' file', ' line'};
            fault($row, 'duplicate type 0x%04X, first seen in %s:%d', $row->{type}, @place)
                if $other != $row;
        }
    }
    return;
}

1;
