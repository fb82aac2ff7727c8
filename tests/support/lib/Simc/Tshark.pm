# SPDX-License-Identifier: BSL-1.0
# Compares what Wireshark's dissector reads in a capture with what `simulcrypt dump` reads in it, to
# the last byte. The scenarios with captures use it.
package Simc::Tshark;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);
use JSON::PP;
use Test::More;

use Simc::Json;
use Simc::Message;
use Simc::Run;

our @EXPORT = qw(compare_capture compared seen);

our $PORT = 2222;

# Wireshark waits for eight bytes before it reads the length of a message on TCP: messages without
# parameters are left out.
our $SIZE_MIN = 8;

# Where its names differ from ours in more than letter case, '-' and '_': ours => its. It calls the
# messages of the CiP mode CIM too.
my %ITS_NAME = (
    'CW_per_msg' => 'CW_PER_MESSAGE',
    'channel_id' => 'PSIG_CHANNEL_ID',
    map { ("CiP_stream_$_" => "CIM_STREAM_\U$_") } qw(BW_request BW_allocation data_provision),
);

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

# How many messages and parameters were the same, and which kinds of them there were.
sub compared { my ($what) = @_; return $compared{$what} }
sub seen { my ($name) = @_; return $seen{$name} }

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

# Compares all messages of a capture file. @param $layer "tcp" or "udp".
sub compare_capture {
    my ($file, $layer) = @_;
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

1;
