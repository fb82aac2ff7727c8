#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt dump` on network captures: whatever the network, or the capturing, did to the bytes,
# the messages come out whole and in their order, or a gap is told. `make check` runs it.
use strict;
use warnings;

use FindBin;
use POSIX qw(mkfifo);
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Json;
use Simc::Message;
use Simc::Pcap;
use Simc::Run;

program('simulcrypt', 'cli');
plan skip_all => 'configured without capture' if !has_component('capture');

my ($SCS, $ECMG) = (0, 1);    # the sides of a connection
my $EXIT_GOOD = 0;
my $EXIT_FOUND = 1;
my $EXIT_TROUBLE = 2;

# A conversation: side, name, bytes.
my @talk = (
    [$SCS, 'channel_setup', message(3, 0x0001, 0x000e => '0001', 0x0001 => 'abcd0001')],
    [$ECMG, 'channel_status', message(3, 0x0003, 0x000e => '0001', 0x0002 => '00',
        0x0003 => 'fe0c', 0x0004 => '0000', 0x0007 => '0064', 0x0008 => '0000', 0x0009 => '0064',
        0x000a => '01', 0x000b => '02', 0x000c => '01f4')],
    [$SCS, 'stream_setup', message(3, 0x0101, 0x000e => '0001', 0x000f => '0002',
        0x0010 => '0064', 0x0019 => '0021')],
    [$ECMG, 'stream_status', message(3, 0x0103, 0x000e => '0001', 0x000f => '0002',
        0x0019 => '0021', 0x0011 => '00')],
    [$SCS, 'CW_provision', message(3, 0x0201, 0x000e => '0001', 0x000f => '0002', 0x0012 => '0010',
        0x0014 => '00101f2e3d4c5b6a7988', 0x0014 => '0011a1b2c3d4e5f60718')],
    [$ECMG, 'ECM_response', message(3, 0x0202, 0x000e => '0001', 0x000f => '0002',
        0x0012 => '0010', 0x0015 => '8070' . '00' x 100)],
    [$SCS, 'channel_close', message(3, 0x0004, 0x000e => '0001')],
);
my @all_names = map { $_->[1] } @talk;

# Writes a capture, dumps it and takes its JSON apart: {status, err, messages, names, notes,
# summary}.
my $number = 0;
sub dumped {
    my ($capture, @options) = @_;
    my $bytes = ref $capture ? $capture->pcap : $capture;
    my $file = write_file(scratch('capture-' . $number++), $bytes);
    my $run = simulcrypt(['dump', '--json', @options, $file]);
    my @lines = eval { json_lines($run->{out}) };
    fail("the output is strict JSON: $@") if $@;
    my @messages = grep { $_->{message} } @lines;
    return {
        %$run,
        messages => \@messages,
        names => [map { $_->{message}{message} || '?' } @messages],
        notes => [map { $_->{note} } grep { defined $_->{note} } @lines],
        summary => $lines[-1]{summary},
    };
}

# A capture of the conversation; $send is called with the connection, the side and the bytes.
sub captured {
    my ($send, %how) = @_;
    my $capture = Simc::Pcap->new;
    my $connection = $capture->tcp(%how);
    for my $turn (@talk) {
        my ($side, undef, $bytes) = @$turn;
        $send->($connection, $side, $bytes);
        $connection->ack(1 - $side);
    }
    $connection->finish;
    return $capture;
}

sub send_whole {
    my ($connection, $side, $bytes) = @_;
    $connection->send_bytes($side, $bytes);
    return;
}

# ---- what the network does ----

# Two halves in the wrong order.
sub send_swapped {
    my ($connection, $side, $bytes) = @_;
    my $at = $connection->{sent}[$side];
    my $half = int(length($bytes) / 2);
    $connection->packet($side, $at + $half, substr($bytes, $half), 'ack');
    $connection->packet($side, $at, substr($bytes, 0, $half), 'ack');
    $connection->{sent}[$side] += length $bytes;
    return;
}

# All of it, then all again, then the second half again together with nothing new.
sub send_repeated {
    my ($connection, $side, $bytes) = @_;
    my $at = $connection->{sent}[$side];
    $connection->send_bytes($side, $bytes);
    $connection->packet($side, $at, $bytes, 'ack');
    $connection->packet($side, $at + 7, substr($bytes, 7), 'ack');
    return;
}

my @TRANSPORTS = (
    ['one message per packet', \&send_whole],
    ['one byte per packet', sub { $_[0]->send_bytes($_[1], $_[2], 1) }],
    ['seven bytes per packet', sub { $_[0]->send_bytes($_[1], $_[2], 7) }],
    ['packets out of order', \&send_swapped],
    ['packets sent again', \&send_repeated],
);
subtest 'a conversation, however it travelled' => sub {
    for my $row (@TRANSPORTS) {
        my ($name, $send) = @$row;
        my $dump = dumped(captured($send));
        is_deeply($dump->{names}, \@all_names, "$name: all messages in their order");
        is_deeply([$dump->{status}, $dump->{err}, @{$dump->{notes}}], [$EXIT_GOOD, ''],
            "$name: nothing is wrong");
        my %offset;
        my @faults;
        for my $n (0 .. $#talk) {
            my ($side, $message, $bytes) = @{$talk[$n]};
            my $got = $dump->{messages}[$n];
            push @faults, "$message at $got->{stream_offset}"
                if $got->{stream_offset} != ($offset{$side} || 0)
                or $got->{message}{size} != length $bytes
                or $got->{from} ne ($side == $SCS ? '10.0.0.1:40000' : '10.0.0.2:2222');
            $offset{$side} += length $bytes;
        }
        is("@faults", '', "$name: offsets, sizes and senders");
    }
    my $whole = Simc::Pcap->new;
    my $connection = $whole->tcp;
    $connection->send_bytes($SCS, join '', map { $_->[2] } grep { $_->[0] == $SCS } @talk);
    is_deeply(dumped($whole)->{names}, [map { $_->[1] } grep { $_->[0] == $SCS } @talk],
        'several messages in one packet');
};

subtest 'where and when' => sub {
    my $dump = dumped(captured(\&send_whole));
    my $first = $dump->{messages}[0];
    is($first->{time}, '2026-11-21T12:00:00.003000Z', 'the time of the packet');
    is($first->{packet}, 4, 'its number');
    is($first->{to}, '10.0.0.2:2222', 'its receiver');
    is($first->{connection}, 0, 'its connection');
    my $file = write_file(scratch('talk.pcap'), captured(\&send_whole)->pcap);
    my $text = simulcrypt(['dump', $file])->{out};
    my ($head) = $text =~ /\A(.*\n.*)/;
    is($head, "# 2026-11-21T12:00:00.003000Z packet 4, 10.0.0.1:40000 > 10.0.0.2:2222, "
            . "connection 0, offset 0\nECMG-SCS channel_setup version=3 {", 'as text');
    my $brief = simulcrypt(['dump', '-b', $file])->{out};
    like($brief, qr/\A\Q12:00:00.003 10.0.0.1:40000 > 10.0.0.2:2222 ECMG-SCS channel_setup v3 /,
        'as a line');
};

# ---- what the capture lacks ----

# The conversation, with what happens to one of the SCS's messages told by the caller.
sub captured_with {
    my ($victim, $do, %how) = @_;
    my $n = 0;
    return captured(sub {
        my ($connection, $side, $bytes) = @_;
        return $n++ == $victim ? $do->($connection, $side, $bytes)
            : send_whole($connection, $side, $bytes);
    }, %how);
}

subtest 'lost packets' => sub {
    my $stream_setup = 2;
    my $lost = sub { $_[0]->lose($_[1], length $_[2]) };
    my $dump = dumped(captured_with($stream_setup, $lost));
    is_deeply($dump->{names}, [grep { $_ ne 'stream_setup' } @all_names],
        'the messages around a lost one are there');
    is_deeply($dump->{notes}, ['GAP: 29 bytes were not captured; going on at the next message'],
        'the gap is explained');
    is("$dump->{status} $dump->{summary}{gaps}", "$EXIT_FOUND 1", 'and counted');

    # The first half of a message is there; its second half and the next message are not.
    my $cut = sub {
        my ($connection, $side, $bytes) = @_;
        $connection->send_bytes($side, substr $bytes, 0, 10);
        $connection->lose($side, length($bytes) - 10);
    };
    $dump = dumped(captured_with($stream_setup, $cut));
    is_deeply($dump->{names}, [grep { $_ ne 'stream_setup' } @all_names], 'half a message lost');
    like($dump->{notes}[0], qr/^GAP: 19 bytes/, 'is a gap of its other half');

    # The end of a message must not be taken for the begin of one.
    my $head_lost = sub {
        my ($connection, $side, $bytes) = @_;
        $connection->lose($side, 8);
        $connection->send_bytes($side, substr $bytes, 8);
    };
    $dump = dumped(captured_with($stream_setup, $head_lost));
    is_deeply($dump->{names}, [grep { $_ ne 'stream_setup' } @all_names], 'the head lost');

    for my $options ([], ['-p', '2222']) {
        $dump = dumped(captured_with(0, $head_lost), @$options);
        is_deeply($dump->{names}, [grep { $_ ne 'channel_setup' } @all_names],
            "@$options: the first packet of all lost");
    }
    is("$dump->{status} $dump->{summary}{gaps}", "$EXIT_FOUND 1",
        'that is a gap when the port is known to carry SimulCrypt');
};

# A stream of long messages in full packets, in which hardly a packet begins with a message.
subtest 'lost packets of a bulk stream' => sub {
    my $full = 1448;
    my @provisions = map {
        message(3, 0x0211, 0x0001 => 'abcd0001', 0x0003 => '0001', 0x0004 => '0001',
            0x0008 => sprintf('%04x', $_), 0x0005 => '82' x 3000)
    } 1 .. 100;
    my ($size, $bulk) = (length $provisions[0], join '', @provisions);
    for my $midstream (0, 1) {
        my $capture = Simc::Pcap->new;
        my $connection = $capture->tcp(midstream => $midstream);
        my $skipped = $midstream ? 500 : 0;
        for (my $at = $skipped; $at < length $bulk; $at += $full) {
            my $packet = substr $bulk, $at, $full;
            if (int($at / $full) % 20 == 10) {
                $connection->lose(0, length $packet);
            } else {
                $connection->send_bytes(0, $packet);
            }
            $connection->ack(1);
        }
        $connection->finish;
        my $dump = dumped($capture);
        my $gaps = $dump->{summary}{gaps};
        cmp_ok($gaps, '>=', 10, "gaps: $gaps");
        cmp_ok(scalar @{$dump->{names}}, '>=', @provisions - 2 * $gaps - $midstream,
            'a lost packet costs the two messages that it touches at most');
        my @wrong = grep { $_->{message}{fault} || $_->{message}{size} != $size
            || ($_->{stream_offset} + $skipped) % $size } @{$dump->{messages}};
        is(scalar @wrong, 0, 'the others are whole, and where they were');
    }
};

subtest 'begin and end of the capture' => sub {
    my $dump = dumped(captured(\&send_whole, midstream => 1));
    is_deeply($dump->{names}, \@all_names, 'a connection older than the capture');

    my $capture = Simc::Pcap->new;
    my $connection = $capture->tcp(midstream => 1);
    $connection->send_bytes($SCS, substr $talk[2][2], 12);
    $connection->ack($ECMG);
    $connection->send_bytes($SCS, $talk[4][2]);
    is_deeply(dumped($capture)->{names}, ['CW_provision'], 'begun in the middle of a message');

    $capture = Simc::Pcap->new;
    $connection = $capture->tcp;
    $connection->send_bytes($SCS, $talk[0][2] . substr $talk[2][2], 0, 12);
    $dump = dumped($capture);
    is_deeply($dump->{names}, ['channel_setup'], 'ended in the middle of a message');
    is_deeply($dump->{notes}, ['the capture ends inside a message, after 12 bytes of it'],
        'which is a remark');
    is($dump->{status}, $EXIT_GOOD, 'and no fault');
    $connection->finish($SCS);
    $dump = dumped($capture);
    is($dump->{status}, $EXIT_FOUND, 'but it is one when the sender ended the stream there');
    is($dump->{messages}[1]{message}{fault}{text},
        'message_length is 24, but 7 bytes follow the header', 'and it says what is missing');

    # The file ends inside a packet: what was before is shown.
    my $file = captured(\&send_whole)->pcap;
    $dump = dumped(substr $file, 0, length($file) - 300);
    is_deeply([@{$dump->{names}}[0 .. 2]], [@all_names[0 .. 2]], 'a file that is cut off');
    like($dump->{err}, qr/\Asimulcrypt: \S+ packet \d+ cannot be read: the file is cut off\n\z/,
        'says so');
    is($dump->{status}, $EXIT_TROUBLE, 'in its status too');

    # A snap length of 100 bytes cuts the ECM_response and nothing else.
    $dump = dumped(captured(\&send_whole)->pcap(cut => 120));
    is_deeply($dump->{names}, [grep { !/ECM_response/ } @all_names], 'packets that are cut');
    is(scalar @{$dump->{notes}}, 1, 'are gaps');
};

# ---- which streams ----

my $HTTP = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";

subtest 'other traffic' => sub {
    my $capture = captured(\&send_whole);
    my $web = $capture->tcp(client => ['10.0.0.3', 50000], server => ['10.0.0.4', 80]);
    $web->send_bytes($SCS, $HTTP);
    $web->send_bytes($ECMG, "HTTP/1.1 200 OK\r\n\r\nhello");
    $web->finish;
    $capture->udp(['10.0.0.5', 5353], ['224.0.0.251', 5353], bytes_of('000084000000000100000000'));
    my $dump = dumped($capture);
    is_deeply($dump->{names}, \@all_names, 'HTTP and DNS are left out');
    is("$dump->{status} $dump->{summary}{ignored}", "$EXIT_GOOD 3",
        'and counted: two directions and a datagram');
    is_deeply(dumped($capture, '--port', '2222')->{names}, \@all_names, '--port of the ECMG');
    is_deeply(dumped($capture, '-p', '9', '-p', '40000')->{names}, \@all_names,
        'of the SCS, among others');
    is_deeply(dumped($capture, '-p', '9')->{names}, [], 'of nobody');
    $dump = dumped($capture, '-p', '80');
    is($dump->{status}, $EXIT_FOUND, 'a port is taken at its word: HTTP is faulty SimulCrypt');

    my $slow = Simc::Pcap->new;
    $slow->tcp(server => ['10.0.0.4', 80])->send_bytes($SCS, $HTTP, 1);
    $dump = dumped($slow);
    is("@{$dump->{names}} $dump->{status}", " $EXIT_GOOD", 'HTTP byte by byte');
    my $middle = Simc::Pcap->new;
    $middle->tcp(server => ['10.0.0.4', 80], midstream => 1)->send_bytes($SCS, $HTTP);
    $dump = dumped($middle);
    is("@{$dump->{names}} $dump->{status} $dump->{summary}{ignored}", " $EXIT_GOOD 1",
        'HTTP that was under way');
};

subtest 'several connections' => sub {
    my $capture = Simc::Pcap->new;
    my @connections = map { $capture->tcp(client => ['10.0.0.1', 41000 + $_]) } 0 .. 2;
    for my $turn (@talk) {
        my ($side, undef, $bytes) = @$turn;
        # Byte by byte in turns: nothing of one may end up in another.
        for my $at (0 .. length($bytes) - 1) {
            $_->send_bytes($side, substr $bytes, $at, 1) for @connections;
        }
    }
    my $dump = dumped($capture);
    is(scalar @{$dump->{names}}, 3 * @talk, 'all messages of all of them');
    for my $n (0 .. 2) {
        my @own = grep { $_->{connection} == $n } @{$dump->{messages}};
        is_deeply([map { $_->{message}{message} } @own], \@all_names, "connection $n");
    }
};

# ---- datagrams ----

my ($EMMG, $MUX) = (['10.0.0.6', 40001], ['10.0.0.2', 2240]);
my $datagrams = message(3, 0x0211, 0x0001 => 'abcd0001', 0x0008 => '0007', 0x0005 => '82' x 1400,
    0x0005 => '83' x 1400, 0x0005 => '84' x 180);

subtest 'data_provision over UDP' => sub {
    for my $fragment (undef, 1480, 80) {
        my $capture = Simc::Pcap->new;
        $capture->udp($EMMG, $MUX, $datagrams, $fragment) for 1 .. 2;
        my $dump = dumped($capture);
        my $what = $fragment ? "in IP fragments of $fragment bytes" : 'whole';
        is_deeply($dump->{names}, [('data_provision') x 2], $what);
        is_deeply([map { $_->{length} } @{$dump->{messages}[1]{message}{parameters}}],
            [4, 2, 1400, 1400, 180], "$what: lengths");
        is($dump->{messages}[0]{transport}, 'udp', "$what: says how it came");
        is($dump->{status}, $EXIT_GOOD, "$what: needs neither data_channel_id nor data_stream_id");
    }
    my $capture = Simc::Pcap->new;
    $capture->udp($EMMG, $MUX, $datagrams);
    my $dump = dumped($capture->pcap(cut => 200));
    is_deeply($dump->{notes}, ["the capture holds 158 of the datagram's "
            . length($datagrams) . ' bytes'], 'a datagram that was cut');
    is($dump->{status}, $EXIT_FOUND, 'is not clean');
    my $over_tcp = Simc::Pcap->new;
    $over_tcp->tcp->send_bytes($SCS, $datagrams);
    $dump = dumped($over_tcp);
    is($dump->{messages}[0]{message}{fault}{text},
        'data_channel_id is missing in data_provision, must occur once', 'the same over TCP');
};

# ---- files ----

subtest 'kinds of files' => sub {
    my $capture = captured(\&send_whole);
    my $program = program('simulcrypt', 'cli');
    my $expected = join '', map { "$_\n" } @all_names;
    my %file = (pcap => $capture->pcap, pcapng => $capture->pcapng);
    for my $form (sort keys %file) {
        my $file = write_file(scratch("talk.$form"), $file{$form});
        my $names = "sed -n 's/^.*ECMG-SCS \\([A-Za-z_]*\\) v3.*/\\1/p'";
        for my $script ("$program dump -b $file", "$program dump -b <$file",
            "cat $file | $program dump -b", "cat $file | $program dump -b --input capture -",
            "cat $file | $program dump -b /dev/stdin") {
            my $run = run(['sh', '-c', "$script | $names"]);
            is($run->{out}, $expected, "$form: " . $script =~ s{/\S*/}{}gr);
            is($run->{err}, '', 'no complaint');
        }
    }
    my $big = Simc::Pcap->new;
    my $connection = $big->tcp;
    $connection->send_bytes($SCS, $talk[4][2] x 1000, 1400) for 1 .. 200;
    $connection->ack($ECMG);
    my $file = write_file(scratch('big.pcap'), $big->pcap);
    my @limit = is_sanitized() ? () : ('sh', '-c', 'ulimit -v 98304; exec "$@"', 'sh');
    my $run = run([@limit, $program, 'dump', '-b', $file], out_file => scratch('big.out'));
    is("$run->{status} $run->{err}", "$EXIT_GOOD ", '10 MB');
    is(read_file(scratch('big.out')) =~ tr/\n//, 200_001, '10 MB: every message of it');
};

# A capture without an end, as tcpdump gives one, must not keep dump alive when nobody reads.
subtest 'live' => sub {
    my $program = program('simulcrypt', 'cli');
    my $capture = Simc::Pcap->new;
    $capture->udp($EMMG, $MUX, $datagrams);
    my $pcap = $capture->pcap;
    write_file(scratch('head'), substr $pcap, 0, 24);
    write_file(scratch('packets'), substr $pcap, 24);
    my $endless = 'cat ' . scratch('head') . '; while cat ' . scratch('packets') . '; do :; done';
    my $run = run(['sh', '-c',
        "{ $endless; } 2>/dev/null | $program dump -b -I capture - | head -n 3"]);
    is($run->{timed_out}, 0, 'it ends with its reader');
    is($run->{out} =~ tr/\n//, 3, 'who has got the lines asked for');

    # One message, and then a long silence: it must be seen at once.
    my $quiet = 'cat ' . scratch('head') . ' ' . scratch('packets') . '; exec sleep 1000';
    my $seen = scratch('seen');
    mkfifo($seen, 0600) or die "mkfifo: $!\n";
    $run = run(['sh', '-c', "{ $quiet; } | $program dump -b -I capture - >$seen &"
            . " read line <$seen; kill 0; echo \"\$line\""]);
    is($run->{timed_out}, 0, 'a message is printed when it comes, not when a buffer is full');
};

done_testing;
