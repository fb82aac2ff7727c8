# SPDX-License-Identifier: BSL-1.0
# Reads the rows of specs/protocol: a small, strict subset of YAML in which every line is a fact.
# gen-protocol.pl calls it, and every later complaint about a row names the line found here.
package Reader;

use strict;
use warnings FATAL => 'all';

# The subset: comment lines, `section:`, and under a section either `  key: value` lines or
# `  - {key: value, ...}` rows, each on one line. Values are plain words, "quoted text" (with \" and
# \\ inside) or [flow, lists] of them. All of it means the same to any YAML reader.
my $KEY = qr/[a-z][a-z_]*/;
my $PLAIN = qr{[A-Za-z0-9(][A-Za-z0-9_().+/-]*};
my $QUOTED = qr/"(?:[^"\\]|\\["\\])*"/;

# Words that YAML readers take for something else than the text that stands there: truth values,
# numbers with a fraction or an exponent.
my $AMBIGUOUS = qr{^(?:yes|no|on|off|null|[0-9]+\.[0-9]*|[0-9.]+e[0-9]+)$}i;

# Reads one file. Returns {section => {line, rows, pairs}}: rows is a list, pairs one row or undef.
# A row is a hash of its columns, with the place it was read from under ' file' and ' line'; pairs
# have ' line of KEY' too.
sub read_file {
    my ($path, $shown, $complain) = @_;
    my %sections;
    my $section;
    open my $in, '<', $path or die "gen-protocol: cannot read $path: $!\n";
    while (my $line = <$in>) {
        my %place = (' file' => $shown, ' line' => $.);
        my $fault = sub { $complain->(\%place, @_); return };
        $line =~ s/\n\z// or $fault->('the last line has no line end');
        if ($line =~ /[^\x20-\x7e]/) {
            $fault->('only printable ASCII may stand here (no tabs, no carriage returns)');
        } elsif ($line =~ /\s$/) {
            $fault->('spaces at the end of the line');
        } elsif ($line eq '' or $line =~ /^\s*#/) {
            next;
        } elsif ($line =~ /^($KEY):$/) {
            $fault->("section '$1' is repeated") if $sections{$1};
            $section = $sections{$1} = {line => $., rows => []};
        } elsif (not $section) {
            $fault->("a section such as 'parameters:' is expected first");
        } elsif ($line =~ /^  - \{(.*)\}$/) {
            my $row = columns($1, \%place, $fault) or next;
            push @{$section->{rows}}, $row;
        } elsif ($line =~ /^  ($KEY): (.*)$/) {
            my $pairs = $section->{pairs} //= {%place};
            my ($key, $rest) = ($1, $2);
            my $value = value(\$rest, $fault);
            next if not defined $value;
            if ($rest ne '') {
                $fault->("'$rest' behind the value of '$key'");
            } elsif (exists $pairs->{$key}) {
                $fault->("column '$key' is repeated");
            } else {
                $pairs->{$key} = $value;
                $pairs->{" line of $key"} = $.;
            }
        } else {
            $fault->("neither '# comment', 'section:', '  key: value' nor '  - {key: value, ...}'");
        }
    }
    close $in;
    return \%sections;
}

# The columns of a row: `key: value, key: value`.
sub columns {
    my ($text, $place, $fault) = @_;
    my %row = %$place;
    while ($text =~ s/^($KEY): //) {
        my $key = $1;
        my $value = value(\$text, $fault);
        return if not defined $value;
        return $fault->("column '$key' is repeated") if exists $row{$key};
        $row{$key} = $value;
        return \%row if $text eq '';
        next if $text =~ s/^, //;
        return $fault->("a comma or the end of the row is expected before '$text'");
    }
    return $fault->("'key: value' is expected before '$text'");
}

# One value at the front of the text: a scalar or a reference to a list of scalars.
sub value {
    my ($text, $fault) = @_;
    return scalar_value($text, $fault) if $$text !~ s/^\[//;
    my @list;
    while (1) {
        my $item = scalar_value($text, $fault);
        return if not defined $item;
        push @list, $item;
        return \@list if $$text =~ s/^\]//;
        $$text =~ s/^, // or return $fault->("a comma or ']' is expected before '$$text'");
    }
}

sub scalar_value {
    my ($text, $fault) = @_;
    if ($$text =~ s/^($QUOTED)//) {
        my $value = substr $1, 1, -1;
        $value =~ s/\\(["\\])/$1/g;
        return $value;
    }
    if ($$text =~ s/^($PLAIN)(?=[,\]]|\z)//) {
        my $value = $1;
        return $value if $value !~ $AMBIGUOUS;
        return $fault->("'$value' must be quoted: YAML readers disagree about what it means");
    }
    return $fault->("a word, \"quoted text\" or a list is expected before '$$text'");
}

1;
