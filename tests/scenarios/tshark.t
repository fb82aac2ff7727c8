#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# An independent witness: what Wireshark's dissector reads in messages made from our rows must be
# what `simulcrypt dump` reads in them, to the last byte. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Json;
use Simc::Message;
use Simc::Pcap;
use Simc::Run;
use Simc::Specs;

# What was compared when this was written; it must not become less unnoticed.
my $MESSAGES_MIN = 672;
my $PARAMETERS_MIN = 2642;

my $PORT = 2222;

# Wireshark waits for eight bytes before it reads the length of a message on TCP: messages without
# parameters are left out.
my $SIZE_MIN = 8;

# It does not know C(P)SIG-(P)SIG.
my %IS_UNKNOWN = map { $_ => 1 } 'C(P)SIG-(P)SIG';

# Where its names differ from ours in more than letter case, '-' and '_': ours => its. It calls the
# messages of the CiP mode CIM too.
my %ITS_NAME = (
    'CW_per_msg' => 'CW_PER_MESSAGE',
    'channel_id' => 'PSIG_CHANNEL_ID',
    map { ("CiP_stream_$_" => "CIM_STREAM_\U$_") } qw(BW_request BW_allocation data_provision),
);

program('simulcrypt', 'cli');
plan skip_all => 'configured without capture' if !has_component('capture');
needs('tshark');

# ---- what tshark reads ----

# Takes PDML apart: a list of {type, version, length, parameters}; a parameter is {code, length,
# name, value, parameters}.
sub pdml_messages {
    my ($pdml) = @_;
    my (@messages, @open);
    my $message;
    for my $line (split /\n/, $pdml) {
        if ($line =~ /<proto name="simulcrypt"/) {
            push @messages, $message = {parameters => []};
            @open = ($message);
            next;
        }
        $message = undef if $line =~ m{</proto>};
        next if not $message;
        pop @open if $line =~ m{^\s*</field>};
        my ($name, $shown, $value) =
            $line =~ /<field name="([^"]*)" showname="([^"]*)".*? value="([0-9a-f]*)"/ or next;
        my $in = $open[-1];
        if ($name eq 'simulcrypt.parameter') {
            my ($type, $begin) = $shown =~ /Type=([^,]*).* Value=0x([0-9a-f]*)/;
            push @{$in->{parameters}}, $in = {name => $type, begin => $begin, parameters => []};
        } elsif ($name eq 'simulcrypt.parameter.type') {
            $in->{code} = hex $value;
        } elsif ($name eq 'simulcrypt.parameter.len') {
            $in->{length} = hex $value;
        } elsif ($name =~ /^simulcrypt\.(version|message\.type|message\.len)$/) {
            $message->{$1} = hex $value;
            $message->{name} = $1 if $shown =~ /^Message Type: (\S+) \(/;
        } elsif (defined $in->{length} and not defined $in->{value}) {
            $in->{value} = $value;
        }
        push @open, $in if $line !~ m{/>\s*$};
    }
    return @messages;
}

sub tshark_messages {
    my ($file, $layer) = @_;
    # As root it warns, and it reads the user's settings: neither is wanted.
    my $run = run(['tshark', '-n', '-r', $file, '-d', "$layer.port==$PORT,simulcrypt", '-T',
        'pdml'], env => {HOME => scratch(), WIRESHARK_CONFIG_DIR => scratch()});
    is($run->{status}, 0, 'tshark reads the capture');
    is($run->{err} =~ s/^Running as user.*\n//mr, '', 'without complaint');
    unlike($run->{out}, qr/_ws\.malformed|Dissector bug/, 'and nothing is malformed');
    return pdml_messages($run->{out});
}

# ---- what we read ----

# The bytes, in hex, that a value in JSON stands for.
sub value_hex {
    my ($parameter) = @_;
    my ($value, $length) = @{$parameter}{qw(value length)};
    return $parameter->{bytes} if defined $parameter->{bytes};
    return sprintf '%04x%s', @{$parameter}{qw(cp_number cw)} if defined $parameter->{cw};
    return join '', map { sprintf '%04x%04x%s', @{$_}{qw(code length)}, value_hex($_) }
        @{$parameter->{parameters}} if $parameter->{parameters};
    return sprintf '%0*x', 2 * $length, $value if JSON::PP::is_bool($value);
    return hex_of(pack 'nC6', split /[-T:.]/, $value) if $value =~ /^\d+-\d+-\d+T/;
    return hex_of($value) if $value !~ /^-?\d+$/;
    return sprintf '%0*x', 2 * $length, $value < 0 ? $value + 256**$length : $value;
}

sub our_messages {
    my ($file) = @_;
    my $run = simulcrypt(['dump', '--json', '--show-secrets', '-p', $PORT, $file]);
    is($run->{err}, '', 'dump reads the capture');
    my @lines = json_lines($run->{out});
    is($lines[-1]{summary}{gaps}, 0, 'without gaps');
    return grep { $_->{message_length} >= $SIZE_MIN - 5 } map { $_->{message} || () } @lines;
}

# ---- comparing ----

my %compared = (messages => 0, parameters => 0);
my %seen;

sub plain_name {
    my ($name) = @_;
    return uc(($ITS_NAME{$name} || $name) =~ tr/-/_/r);
}

# Our value and its. It shows no field of a CW_encryption, but the begin of its bytes in words.
sub shown_value {
    my ($ours, $other) = @_;
    return [$ours, $other->{value}] if $other->{value} ne '' or not length $other->{begin};
    return [substr($ours, 0, length $other->{begin}), $other->{begin}];
}

# The first difference between two lists of parameters, or ''.
sub parameters_difference {
    my ($interface, $ours, $its) = @_;
    return @$ours . ' parameters, but tshark sees ' . @$its if @$ours != @$its;
    for my $n (0 .. $#$ours) {
        my ($our, $other) = ($ours->[$n], $its->[$n]);
        my $name = $our->{name} || 'no name';
        my %pairs = (
            code => [$our->{code}, $other->{code}],
            length => [$our->{length}, $other->{length}],
            value => shown_value(value_hex($our), $other),
            name => [plain_name($name), plain_name($other->{name})],
        );
        for my $what (sort keys %pairs) {
            my ($one, $two) = map { defined $_ ? $_ : 'nothing' } @{$pairs{$what}};
            return "$name: $what is $one, but tshark sees $two" if $one ne $two;
        }
        $compared{parameters}++;
        $seen{"$interface $name"} = 1;
        if ($our->{parameters}) {
            my $inner = parameters_difference($interface, $our->{parameters}, $other->{parameters});
            return "$name: $inner" if $inner;
        }
    }
    return '';
}

sub message_difference {
    my ($our, $its) = @_;
    my $is_same = $our->{type} == $its->{'message.type'} && $our->{version} == $its->{version}
        && $our->{message_length} == $its->{'message.len'};
    return "type, version or message_length differ" if not $is_same;
    return "$our->{message}, but tshark sees $its->{name}"
        if plain_name($our->{message}) ne plain_name($its->{name});
    $compared{messages}++;
    $seen{"$our->{interface} $our->{message}"} = 1;
    return parameters_difference($our->{interface}, $our->{parameters}, $its->{parameters});
}

sub compare {
    my ($capture, $layer) = @_;
    my $file = write_file(scratch('messages.pcap'), $capture->pcap);
    my @ours = our_messages($file);
    my @its = tshark_messages($file, $layer);
    is(scalar @its, scalar @ours, 'both see as many messages');
    my @differences;
    for my $n (0 .. ($#ours < $#its ? $#ours : $#its)) {
        my $difference = message_difference($ours[$n], $its[$n]) or next;
        push @differences, "$ours[$n]{message} version $ours[$n]{version}: $difference";
    }
    is(join("\n", @differences), '', 'the same in all of them');
    return;
}

# The messages of some texts, without those too short for Wireshark.
sub encoded {
    my (@texts) = @_;
    my $run = simulcrypt(['encode', '--form=binary'], in => join '', @texts);
    is($run->{err}, '', 'encode takes what the rows allow');
    my ($bytes, @messages) = $run->{out};
    while (length $bytes) {
        push @messages, substr $bytes, 0, 5 + unpack('x3n', $bytes), '';
    }
    return grep { length >= $SIZE_MIN } @messages;
}

my @known = grep { !$IS_UNKNOWN{$_->{head}{name}} } interfaces();
for my $interface (@known) {
    my $name = $interface->{head}{name};
    my @messages = encoded(message_texts($interface));
    subtest "$name, a message per packet" => sub {
        my $capture = Simc::Pcap->new;
        my $connection = $capture->tcp;
        $connection->send_bytes(0, $_) for @messages;
        compare($capture, 'tcp');
    };
    subtest "$name, in segments that begin anywhere" => sub {
        my $capture = Simc::Pcap->new;
        $capture->tcp->send_bytes(0, join('', @messages), 211);
        compare($capture, 'tcp');
    };
}

subtest 'data_provision over UDP' => sub {
    my ($emmg) = grep { $_->{head}{name} eq 'EMMG-MUX' } @known;
    my @messages = encoded(grep { /data_provision/ } message_texts($emmg));
    my $capture = Simc::Pcap->new;
    $capture->udp(['10.0.0.1', 40000], ['10.0.0.2', $PORT], $_) for @messages;
    compare($capture, 'udp');
};

# Nothing that the rows have may be missing.
my @missing;
for my $interface (@known) {
    for my $row (@{$interface->{messages}}, @{$interface->{parameters}}) {
        my $name = "$interface->{head}{name} $row->{name}";
        push @missing, $name if !$seen{$name};
    }
}
is("@missing", '', 'every message and parameter was compared');
cmp_ok($compared{messages}, '>=', $MESSAGES_MIN, "messages compared: $compared{messages}");
cmp_ok($compared{parameters}, '>=', $PARAMETERS_MIN, "parameters compared: $compared{parameters}");

done_testing;
