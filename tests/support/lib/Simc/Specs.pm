# SPDX-License-Identifier: BSL-1.0
# The protocol rows of specs/protocol, and messages in text form made from them. The scenario that
# compares what tshark and we see in messages uses it.
package Simc::Specs;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

use Simc::Run;

our @EXPORT = qw(interfaces message_texts);

my $VERSION_MAX = 255;

# The interfaces as [{head, parameters, messages, content}, ...]; rows are hashes of their columns.
sub interfaces {
    require(srcdir() . '/build-aux/gen-protocol/Reader.pm');
    my @interfaces;
    for my $path (sort glob srcdir() . '/specs/protocol/*.yaml') {
        my $file = Reader::read_file($path, $path, sub { die "$path: $_[1]\n" });
        push @interfaces, {
            head => $file->{interface}{pairs},
            map { $_ => $file->{$_}{rows} } qw(parameters messages content),
        };
    }
    return @interfaces;
}

sub exists_in {
    my ($row, $version) = @_;
    return $version >= ($row->{since} || 0) && $version <= ($row->{until} || $VERSION_MAX);
}

# A number that fits a row and that no other row has, so that mixed up bytes are seen.
sub number_for {
    my ($row, $salt) = @_;
    my ($least, $most) = ($row->{values} || '') =~ /^(\d+)\.\.(\d+)$/;
    return $least + ($salt + hex $row->{code}) % ($most - $least + 1) if defined $most;
    return (0x71 + 29 * $salt + 3 * hex $row->{code}) % 256 if $row->{max} == 1;
    return (0xc0de + 4099 * $salt + 257 * hex $row->{code}) % 65536 if $row->{max} == 2;
    return (0x81234567 + 65537 * $salt + 257 * hex $row->{code}) % 2**32;
}

# A value of a parameter in text form. Empty ones are left out: Wireshark 4.0 fails on them.
sub value_text {
    my ($interface, $row, $version, $salt) = @_;
    my %text_of = (
        uint => sub { number_for($row, $salt) },
        int => sub { -500 - 3 * $salt },
        bool => sub { $salt % 2 ? 'true' : 'false' },
        bytes => sub { 'bytes:' . unpack 'H*', join '', map { chr((7 * $_ + $salt) % 256) }
            1 .. (1, 5, 100, 300)[$salt % 4] },
        text => sub { qq{"fault number $salt"} },
        date => sub { sprintf '20%02d-%02d-%02dT%02d:%02d:%02d.%02d', $salt % 100, 1 + $salt % 12,
            1 + $salt % 28, $salt % 24, $salt % 60, 59 - $salt % 60, $salt % 100 },
        cp_cw => sub { 'CP ' . ((65000 + $salt) % 65536) . ' CW ' . unpack 'H*', join '',
            map { chr((0x80 + $_ + $salt) % 256) }
            1 .. ($row->{max} eq 'n' && $salt % 2 ? 16 : 8) },
        group => sub { "{\n" . content_text($interface, 'group', $row->{name}, $version, 0,
            $salt) . '  }' },
    );
    return $text_of{$row->{type}}->();
}

# The lines of the parameters that a message or group holds. @param $least only what it must hold.
sub content_text {
    my ($interface, $kind, $name, $version, $least, $salt) = @_;
    my $text = '';
    for my $content (@{$interface->{content}}) {
        next if ($content->{$kind} || '') ne $name || !exists_in($content, $version);
        next if $least && $content->{count} =~ /^0/;
        my ($row) = grep { $_->{name} eq $content->{param} && exists_in($_, $version) }
            @{$interface->{parameters}};
        $text .= "  $row->{name} = " . value_text($interface, $row, $version, $salt++) . "\n"
            if $row;
    }
    return $text;
}

# Messages of an interface in all its versions: each with all that it may hold, each with the least,
# and one with every parameter that there is, wherever it belongs.
sub message_texts {
    my ($interface) = @_;
    my $head = $interface->{head};
    my @texts;
    my $salt = 0;
    for my $version (@{$head->{versions}}) {
        for my $message (@{$interface->{messages}}) {
            for my $least (0, 1) {
                my $content = content_text($interface, 'message', $message->{name}, $version,
                    $least, $salt += 7);
                push @texts, "$head->{name} $message->{name} version=$version {\n$content}\n";
            }
        }
        my $all = join '', map { "  $_->{name} = " . value_text($interface, $_, $version, $salt++)
            . "\n" } grep { exists_in($_, $version) } @{$interface->{parameters}};
        push @texts, "$head->{name} $interface->{messages}[0]{name} version=$version {\n$all}\n";
    }
    return @texts;
}

1;
