# SPDX-License-Identifier: BSL-1.0
# The part of CDDL (RFC 8610) that specs/cddl uses: rules, choices, ranges, literals, .size, arrays
# and maps with occurrences. Parses a file strictly and holds CBOR items against its rules; the
# scenarios of the CA profile use it.
package Simc::Cddl;

use strict;
use warnings FATAL => 'all';

use Simc::Cbor;

my $TOKEN = qr/\G\s*(=>|\.\.|\.size|\d+\*\d*|\*\d*|[A-Za-z][\w-]*|\d+|"[^"]*"|[\[\]{}()\/,:=?])/;

# ---- parsing: a list of tokens becomes trees [kind, ...] ----

sub new {
    my ($class, $text) = @_;
    $text =~ s/;[^\n]*//g;
    my @tokens;
    push @tokens, $1 while $text =~ /$TOKEN/gc;
    die 'CDDL: cannot read: ' . substr($text, pos($text) || 0, 40) . "\n"
        if $text !~ /\G\s*\z/gc;
    my $self = bless {rules => {}, tokens => \@tokens}, $class;
    while (@tokens) {
        my $name = shift @tokens;
        $self->expect('=');
        die "CDDL: $name stands there twice\n" if $self->{rules}{$name};
        $self->{rules}{$name} = $self->type;
    }
    $self->check_names;
    return $self;
}

sub next_is {
    my ($self, $token) = @_;
    return @{$self->{tokens}} && $self->{tokens}[0] eq $token;
}

sub expect {
    my ($self, $token) = @_;
    my $found = shift @{$self->{tokens}};
    die 'CDDL: ' . (defined $found ? $found : 'the end') . " where $token belongs\n"
        if not defined $found or $found ne $token;
    return;
}

sub accept_token {
    my ($self, $token) = @_;
    return $self->next_is($token) && shift @{$self->{tokens}};
}

sub type {
    my ($self) = @_;
    my @choices = $self->type1;
    push @choices, $self->type1 while $self->accept_token('/');
    return @choices > 1 ? ['choice', @choices] : $choices[0];
}

sub type1 {
    my ($self) = @_;
    my $type = $self->primary;
    $type = ['range', $type, $self->primary] if $self->accept_token('..');
    $type = ['size', $type, $self->primary] if $self->accept_token('.size');
    return $type;
}

sub primary {
    my ($self) = @_;
    my $token = shift @{$self->{tokens}};
    die "CDDL: a type is missing at the end\n" if not defined $token;
    if ($token eq '(') {
        my $type = $self->type;
        $self->expect(')');
        return $type;
    }
    return ['array', $self->group(']')] if $token eq '[';
    return ['map', $self->group('}')] if $token eq '{';
    return ['number', $token] if $token =~ /^\d+$/;
    return ['text', substr $token, 1, -1] if $token =~ /^"/;
    return ['name', $token] if $token =~ /^[A-Za-z]/;
    die "CDDL: $token where a type belongs\n";
}

# Entries [min, max, key or undef, type or group]; a group is [entries].
sub group {
    my ($self, $end) = @_;
    my @entries;
    while (not $self->accept_token($end)) {
        my ($min, $max) = (1, 1);
        if ($self->accept_token('?')) {
            $min = 0;
        } elsif (@{$self->{tokens}} && $self->{tokens}[0] =~ /^(\d*)\*(\d*)$/) {
            ($min, $max) = ($1 || 0, length $2 ? $2 : ~0);
            shift @{$self->{tokens}};
        }
        if ($self->next_is('(') && $self->opens_group) {
            $self->expect('(');
            push @entries, [$min, $max, undef, ['group', $self->group(')')]];
        } else {
            my ($key, $type) = (undef, $self->type);
            if ($self->accept_token('=>')) {
                ($key, $type) = ($type, $self->type);
            } elsif ($self->accept_token(':')) {
                # In an array a name is for people; in a map it would be a text key.
                die "CDDL: text keys are not used here\n" if $end eq '}';
                $type = $self->type;
            }
            push @entries, [$min, $max, $key, $type];
        }
        last if not $self->accept_token(',') and do { $self->expect($end); 1 };
    }
    return @entries;
}

# A parenthesis that holds a list or named members, not a type.
sub opens_group {
    my ($self) = @_;
    my $inside = '';
    for my $token (@{$self->{tokens}}[1 .. $#{$self->{tokens}}]) {
        last if $token eq ')';
        $inside .= $token;
    }
    return $inside =~ /[,:]|=>/;
}

sub check_names {
    my ($self) = @_;
    my @left = values %{$self->{rules}};
    while (my $node = shift @left) {
        next if not ref $node;
        die "CDDL: no rule $node->[1]\n" if !ref $node->[0] && defined $node->[0]
            && $node->[0] eq 'name' && $node->[1] !~ /^(?:uint|bstr|tstr|bool|null|any)$/
            && !$self->{rules}{$node->[1]};
        push @left, grep { ref } @$node;
    }
    return;
}

sub rules { my ($self) = @_; return sort keys %{$self->{rules}} }

# ---- matching ----

# True when an item of Simc::Cbor is what a rule says.
sub matches {
    my ($self, $rule, $item) = @_;
    my $type = $self->{rules}{$rule} or die "CDDL: no rule $rule\n";
    return $self->is_type($type, $item);
}

sub is_type {
    my ($self, $type, $item) = @_;
    my ($kind, @of) = @$type;
    return !!grep { $self->is_type($_, $item) } @of if $kind eq 'choice';
    return has_type($item, UINT) && $item->[1] == $of[0] if $kind eq 'number';
    return has_type($item, TEXT) && $item->[1] eq $of[0] if $kind eq 'text';
    return has_type($item, UINT) && $item->[1] >= $of[0][1] && $item->[1] <= $of[1][1]
        if $kind eq 'range';
    return $self->is_type($of[0], $item) && $self->has_size($of[1], $item) if $kind eq 'size';
    return has_type($item, ARRAY) && $self->is_array(\@of, $item->[1]) if $kind eq 'array';
    return has_type($item, MAP) && $self->is_map(\@of, $item->[1]) if $kind eq 'map';
    return 1 if $of[0] eq 'any';
    return has_type($item, UINT) if $of[0] eq 'uint';
    return has_type($item, BYTES) if $of[0] eq 'bstr';
    return has_type($item, TEXT) if $of[0] eq 'tstr';
    return has_type($item, SIMPLE) && $item->[1] != 22 if $of[0] eq 'bool';
    return has_type($item, SIMPLE) && $item->[1] == 22 if $of[0] eq 'null';
    return $self->is_type($self->{rules}{$of[0]}, $item);
}

# Bytes of a string; for a number, how many bytes hold it.
sub has_size {
    my ($self, $size, $item) = @_;
    my ($min, $max) = $size->[0] eq 'range' ? ($size->[1][1], $size->[2][1]) : ($size->[1]) x 2;
    return $item->[1] < 256**$max if has_type($item, UINT);
    return length $item->[1] >= $min && length $item->[1] <= $max;
}

sub is_array {
    my ($self, $entries, $items) = @_;
    my @left = @$items;
    return $self->take_group($entries, \@left) && !@left;
}

# Takes what a group describes from the front; as much as fits.
sub take_group {
    my ($self, $entries, $left) = @_;
    for my $entry (@$entries) {
        my ($min, $max, undef, $type) = @$entry;
        my $count = 0;
        while ($count < $max) {
            my @before = @$left;
            my $fits = $type->[0] eq 'group' ? $self->take_group([@{$type}[1 .. $#$type]], $left)
                : @$left && $self->is_type($type, $left->[0]) && (shift @$left, 1);
            if (!$fits) {
                @$left = @before;
                last;
            }
            $count++;
            last if @before == @$left;
        }
        return 0 if $count < $min;
    }
    return 1;
}

sub is_map {
    my ($self, $entries, $pairs) = @_;
    my @left = @$pairs;
    for my $entry (@$entries) {
        my ($min, $max, $key, $type) = @$entry;
        my @fitting = grep { $self->is_type($key, $_->[0]) } @left;
        return 0 if @fitting < $min || @fitting > $max;
        return 0 if grep { !$self->is_type($type, $_->[1]) } @fitting;
        @left = grep { !$self->is_type($key, $_->[0]) } @left;
    }
    return !@left;
}

1;
