#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# An independent witness: what Wireshark's dissector reads in messages made from our rows must be
# what `simulcrypt dump` reads in them, to the last byte. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Pcap;
use Simc::Run;
use Simc::Specs;
use Simc::Tshark;

# What was compared when this was written; it must not become less unnoticed.
my $MESSAGES_MIN = 672;
my $PARAMETERS_MIN = 2642;

# It does not know C(P)SIG-(P)SIG.
my %IS_UNKNOWN = map { $_ => 1 } 'C(P)SIG-(P)SIG';

program('simulcrypt', 'cli');
plan skip_all => 'configured without capture' if !has_component('capture');
needs('tshark');

# The messages of some texts, without those too short for Wireshark.
sub encoded {
    my (@texts) = @_;
    my $run = simulcrypt(['encode', '--form=binary'], in => join '', @texts);
    is($run->{err}, '', 'encode takes what the rows allow');
    my ($bytes, @messages) = $run->{out};
    while (length $bytes) {
        push @messages, substr $bytes, 0, 5 + unpack('x3n', $bytes), '';
    }
    return grep { length >= $Simc::Tshark::SIZE_MIN } @messages;
}

my @known = grep { !$IS_UNKNOWN{$_->{head}{name}} } interfaces();
for my $interface (@known) {
    my $name = $interface->{head}{name};
    my @messages = encoded(message_texts($interface));
    subtest "$name, a message per packet" => sub {
        my $capture = Simc::Pcap->new;
        my $connection = $capture->tcp;
        $connection->send_bytes(0, $_) for @messages;
        compare_capture(write_file(scratch('messages.pcap'), $capture->pcap), 'tcp');
    };
    subtest "$name, in segments that begin anywhere" => sub {
        my $capture = Simc::Pcap->new;
        $capture->tcp->send_bytes(0, join('', @messages), 211);
        compare_capture(write_file(scratch('messages.pcap'), $capture->pcap), 'tcp');
    };
}

subtest 'data_provision over UDP' => sub {
    my ($emmg) = grep { $_->{head}{name} eq 'EMMG-MUX' } @known;
    my @messages = encoded(grep { /data_provision/ } message_texts($emmg));
    my $capture = Simc::Pcap->new;
    $capture->udp(['10.0.0.1', 40000], ['10.0.0.2', $Simc::Tshark::PORT], $_) for @messages;
    compare_capture(write_file(scratch('messages.pcap'), $capture->pcap), 'udp');
};

# Nothing that the rows have may be missing.
my @missing;
for my $interface (@known) {
    for my $row (@{$interface->{messages}}, @{$interface->{parameters}}) {
        my $name = "$interface->{head}{name} $row->{name}";
        push @missing, $name if !seen($name);
    }
}
is("@missing", '', 'every message and parameter was compared');
cmp_ok(compared('messages'), '>=', $MESSAGES_MIN, 'messages compared: ' . compared('messages'));
cmp_ok(compared('parameters'), '>=', $PARAMETERS_MIN,
    'parameters compared: ' . compared('parameters'));

done_testing;
