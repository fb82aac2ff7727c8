# SPDX-License-Identifier: BSL-1.0
# The configurations of the daemons: those of deploy/examples with this host's ports and the
# services of the input. headend.pl writes them into the state folder.
package Headend::Config;

use strict;
use warnings FATAL => 'all';

# Reads an example.
sub new {
    my ($class, $folder, $name) = @_;
    my $path = "$folder/$name";
    open my $in, '<', $path or die "$path cannot be read: $!; the source tree is not complete\n";
    local $/ = undef;
    my $text = <$in>;
    $text =~ s/ Copy to \S+\n/\n/;
    return bless {name => $name, text => $text}, $class;
}

# Puts a value in the place of another one. The line must be there once.
sub set {
    my ($self, $from, $to) = @_;
    my $count = () = $self->{text} =~ /^\s*(?:- )?\Q$from\E$/mg;
    die "$self->{name} of deploy/examples has '$from' $count times instead of once\n"
        if $count != 1;
    $self->{text} =~ s/^(\s*(?:- )?)\Q$from\E$/$1$to/m;
    return $self;
}

# The same for every line that has it.
sub set_all {
    my ($self, $from, $to) = @_;
    $self->{text} =~ s/^(\s*(?:- )?)\Q$from\E$/$1$to/mg
        or die "$self->{name} of deploy/examples has no '$from'\n";
    return $self;
}

# Puts another list in the place of that of a key of the outermost map.
sub set_list {
    my ($self, $key, @lines) = @_;
    my $list = join '', map { "$_\n" } @lines;
    $self->{text} =~ s/^\Q$key\E:\n(?:(?:[ ]+[^\n]*)?\n)*?(?=^[^\s]|\z)/$key:\n$list\n/m
        or die "$self->{name} of deploy/examples has no list '$key'\n";
    return $self;
}

sub text { return $_[0]{text} }

# Quoted as YAML wants text that may hold anything.
sub quoted {
    my ($text) = @_;
    $text =~ s/'/''/g;
    return "'$text'";
}

# ---- the SCGs ----

# The lines of `scgs` of scsd.yaml: services with an odd place are in package 1, those between in
# packages 1 and 2, as the two of the example are.
sub scg_lines {
    my ($services, $super_cas_id, $cp_seconds) = @_;
    my ($ecm_id, $place, @lines) = (1, 0);
    for my $service (@$services) {
        my @packages = $place++ % 2 ? (1, 2) : (1);
        push @lines, '  # In package ' . join(' and package ', @packages) . '.',
            "  - id: $place", '    name: ' . quoted(substr $service->{name}, 0, 60),
            '    services:', "      - service_id: $service->{id}", '    algorithm: cissa',
            "    crypto_period: ${cp_seconds}s", '    start: all', '    on_loss:',
            '      - action: keep', '    streams:';
        for my $package (@packages) {
            push @lines, "      - super_cas_id: $super_cas_id", "        ecm_id: $ecm_id",
                "        package: $package";
            $ecm_id++;
        }
        $service->{packages} = \@packages;
        $service->{scg} = $place;
    }
    return @lines;
}

1;
