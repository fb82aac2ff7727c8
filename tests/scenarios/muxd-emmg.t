#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# EMMGs and PDGs at muxd: every conversation with a MUX in all versions, our laboratory EMMG against
# every conversation with an EMMG, sections that come out byte for byte, and services that nobody's
# flood disturbs. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(time);

use Simc::Daemon;
use Simc::Json;
use Simc::Message;
use Simc::Proxy;
use Simc::Run;
use Simc::Tshark;

needs(qw(tshark));
my $muxd = program('muxd', 'mux');
my $converse = program('converse');
my $program = program('simulcrypt', 'cli');
my $dir = srcdir() . '/tests/conversations';
my @rows = glob "$dir/mux/*.conv";
my @peers = glob "$dir/peers/emmg/*.conv";
my @emmg_rows = glob "$dir/emmg/*.conv";
my $SECONDS = 100;
my $PACKET = 188;

# ---- muxd ----

my $input = scratch('in.ts');
make_input($input);
my $words = write_file(scratch('words.txt'), "00112233445566778899aabbccddeeff\n");

# A service with one component of its own, 500 kbit/s, whose PCR is on it; two seconds of it.
sub make_input {
    my ($path) = @_;
    my ($cc, $out) = (0, '');
    my $pat = section(0, pack 'n C C C n n', 1, 0xc1, 0, 0, 1, 0xe000 | 0x100);
    my $pmt = section(2, pack 'n C C C n n C n n', 1, 0xc1, 0, 0, 0xe000 | 0x101, 0xf000, 0x06,
        0xe000 | 0x101, 0xf000);
    my %table_cc = (0 => 0, 0x100 => 0);
    for my $i (0 .. 664) {
        if ($i % 30 == 0) {
            for my $table ([0, $pat], [0x100, $pmt]) {
                my ($pid, $bytes) = @$table;
                $out .= pack 'C n C a*', 0x47, 0x4000 | $pid, 0x10 | $table_cc{$pid}++ & 15,
                    substr "\0$bytes" . "\xff" x 184, 0, 184;
            }
        }
        my $at = length($out) * 8 * 27_000_000 / 500_000;
        my $base = int($at / 300);
        my $extra = $at % 300;
        $out .= pack 'C n C C C N n a*', 0x47, 0x101, 0x30 | $cc++ & 15, 7, 0x10, $base >> 1,
            ($base & 1) << 15 | 0x7e00 | $extra, pack('N', $i) x 44;
    }
    write_file($path, $out);
    return;
}

sub section {
    my ($table, $body) = @_;
    my $bytes = pack('C n', $table, 0xb000 | length($body) + 4) . $body;
    my $crc = 0xffffffff;
    for my $byte (unpack 'C*', $bytes) {
        $crc ^= $byte << 24;
        $crc = $crc & 0x80000000 ? ($crc << 1 ^ 0x04c11db7) & 0xffffffff : $crc << 1 for 1 .. 8;
    }
    return $bytes . pack 'N', $crc;
}

sub start {
    my ($name, $emmg, %how) = @_;
    my ($port, $admin) = (free_port(), free_port());
    my $output = scratch("$name.ts");
    my $rate = $how{rate} || '8Mbit/s';
    my $path = write_file(scratch("$name.yaml"), <<"END");
admin: {listen: '127.0.0.1:$admin'}
emmg:
  listen: [{address: '127.0.0.1:$port'}]
$emmg
multiplexes:
  - name: a
    bitrate: $rate
    pass_services: true
    inputs: [{address: '$input', loop: true}]
    static: [{cw_file: '$words', services: [1]}]
    outputs: ['$output']
END
    my $daemon = Simc::Daemon->start([$muxd, '--config', $path]);
    ok($daemon->{is_ready}, "$name: it is ready") or BAIL_OUT($daemon->log_text);
    return {daemon => $daemon, port => $port, admin => $admin, output => $output};
}

sub status_of {
    my ($mux) = @_;
    my ($object) = json_lines(http_get("127.0.0.1:$mux->{admin}", '/v1/status')->{body});
    return $object->{emmg};
}

sub packets { return unpack "(a$PACKET)*", read_file($_[0]) }
sub pid { return unpack('n', substr $_[0], 1, 2) & 0x1fff }

# The sections of a PID, by a reader of its own; the continuity is looked at, too.
sub sections {
    my ($path, $wanted) = @_;
    my ($bytes, $cc, @found) = ('');
    for my $packet (grep { pid($_) == $wanted } packets($path)) {
        my ($flags, $control) = unpack 'x C x C', $packet;
        fail("PID $wanted: continuity") if defined $cc && (($cc + 1) & 15) != ($control & 15);
        $cc = $control & 15;
        my $payload = substr $packet, 4;
        $payload = substr($payload, 1, unpack 'C', $payload) . substr $payload,
            1 + unpack 'C', $payload if $flags & 0x40;
        $bytes .= $payload;
        while (length $bytes >= 3) {
            if (substr($bytes, 0, 1) eq "\xff") { $bytes = ''; last }
            my $size = 3 + (unpack('x n', $bytes) & 0xfff);
            last if length $bytes < $size;
            push @found, substr $bytes, 0, $size, '';
        }
        $bytes = '' if $bytes =~ /^\xff/;
    }
    return @found;
}

# Runs files. Returns the ids that do not apply.
sub converse {
    my ($to, $sets, @files) = @_;
    my $run = run([$converse, '--connect', "127.0.0.1:$to", map({ ('--set', $_) } 'quiet=250',
        @$sets), @files], seconds => $SECONDS);
    my @lines = split /\n/, $run->{out};
    my @wrong = grep { /^not ok|\(warning\)$/ } @lines;
    my $ok = grep { /^ok/ && !/# SKIP/ } @lines;
    is("@wrong", '', "[@$sets] $ok of " . @files . ' apply') or diag($run->{out} . $run->{err});
    is($run->{status}, 0, 'and the status says so');
    return map { /^ok \d+ - (\S+).*# SKIP/ ? $1 : () } @lines;
}

subtest 'what is wrong in a configuration is named' => sub {
    my $good = "emmg: {listen: [{address: '127.0.0.1:2240'}], clients: [{client_id: 1}]}\n"
        . "multiplexes:\n  - {name: a, bitrate: 5Mbit/s, pass_services: true, inputs: [{address: "
        . "'x.ts'}], outputs: ['y.ts']}\n";
    for my $row (
        ['', '', qr/is good/],
        ['^', "threads: 2\n", qr/emmg needs threads: 1/],
        ['name: a,', 'name: a, mode: title,', qr/to live multiplexes, not to titles/],
        ['client_id: 1', 'client_id: 1, multiplex: b', qr/there is no multiplex 'b'/],
        ['client_id: 1', 'client_id: 1, pid: 0x10', qr/PIDs below 0x0020 are reserved/],
        ['client_id: 1', 'client_id: 1}, {client_id: 1', qr/two entries are for the same/],
        ['client_id: 1', 'client_id: 1, only_these: true', qr/every stream would be refused/],
        ['emmg: \{', 'emmg: {versions: [4], ', qr/4 is no protocol_version/],
        ['emmg: \{', "emmg: {allow: ['nonsense'], ", qr/nonsense/],
    ) {
        my ($from, $to, $wanted) = @$row;
        (my $text = $good) =~ s/$from/$to/;
        my $check = run([$muxd, '--check', '--config', write_file(scratch('check.yaml'), $text)]);
        like($check->{out} . $check->{err}, $wanted, $to || 'a good one');
    }
};

subtest 'the table of rows' => sub {
    my ($table) = read_file(srcdir() . '/docs/conformance-emmg.md') =~
        /<!-- rows -->\n\n(?:[^\n]*\n){2}(.*?)\n\n<!-- end of rows -->/s;
    my @wanted;
    for my $file (@rows, @emmg_rows) {
        my $text = read_file($file);
        push @wanted, '| ' . join(' | ', map { $text =~ /^$_ "?(.*?)"?$/m } qw(id title verdict))
            . ' |';
    }
    is($table, join("\n", @wanted), 'docs/conformance-emmg.md has the rows of the files');
};

my $ids = 'pids: [' . join(', ', map { "{data_id: $_}" } 0x21 .. 0x30) . ']';
my $room = 'limits: {connections: 512, connections_per_address: 512';
my $open = start('open', "  bandwidth: 6Mbit/s\n  $room}");
my $closed = start('closed', <<"END");
  exclusive_clients: true
  clients: [{client_id: 0xABCD0001, only_these: true, $ids}]
  $room, streams_per_channel: 3}
  timers: {idle_test: 2s, test: 2s}
END
my $few = start('few', "  $room, channels: 3, streams: 4}");

for my $version (3, 2) {
    subtest "all rows of a MUX, version $version" => sub {
        my %left = map { /([^\/]+)\.conv$/ ? ($1 => $_) : () } @rows;
        for my $case (
            [$open, "version=$version"],
            [$closed, "version=$version", qw(closed_clients=1 exclusive_clients=1
                closed_data_ids=1 max_streams=3 idle_ms=2000)],
            [$few, "version=$version", qw(max_streams_all=4 max_channels=3)],
        ) {
            my ($mux, @sets) = @$case;
            my %skipped = map { $_ => 1 } converse($mux->{port}, \@sets, map { $left{$_} }
                sort keys %left);
            %left = map { $skipped{$_} ? ($_ => $left{$_}) : () } keys %left;
        }
        delete $left{'MUX-029'}; # of version 1, see below
        is(join(' ', sort keys %left), '', 'none is left');
    };
}

subtest 'version 1, which has no data_id' => sub {
    converse($open->{port}, ['version=1'], @rows);
    converse($few->{port}, [qw(version=1 max_streams_all=4)], grep { /MUX-038/ } @rows);
};

# ---- known EMMGs, as another reader sees them ----

my $proxy = Simc::Proxy->start($open->{port});
subtest 'known EMMGs' => sub {
    converse($proxy->{port}, ["version=$_"], grep { !/udp/ } @peers) for 2, 3;
    my $run = run([$program, 'emmg', '-c', "127.0.0.1:$proxy->{port}", qw(--client-id 0x12340009
        --count 200 --for 5 --per-message 7 --streams 2)]);
    is($run->{status}, 0, 'and ours') or diag($run->{err});
};

subtest 'Wireshark agrees' => sub {
    plan skip_all => 'configured without capture' if !has_component('capture');
    my $capture = $proxy->capture;
    compare_capture(write_file(scratch('emmg.pcap'), $capture->pcap), 'tcp');
    cmp_ok(compared('messages'), '>', 50, 'messages compared: ' . compared('messages'));
};

# ---- our EMMG against a MUX that is scripted ----

# Starts our EMMG and the rows. They run side by side, as some of them wait for 10 s of silence.
sub begin_rows {
    my ($name, $version, $sets, $options, @files) = @_;
    my ($port, $report) = (free_port(), scratch("rows-$name.txt"));
    my @pids;
    for my $command (
        [$converse, '--listen', "127.0.0.1:$port", map({ ('--set', $_) } 'quiet=250',
            "version=$version", @$sets), @files],
        [$program, 'emmg', '-c', "127.0.0.1:$port", qw(--client-id 0xABCD0001 --first-stream 2
            --first-data-id 33 --go-on --for 0 --version), $version, @$options],
    ) {
        my $pid = fork;
        die "cannot fork: $!\n" if !defined $pid;
        if ($pid == 0) {
            open STDOUT, '>', @pids ? '/dev/null' : $report or POSIX::_exit(126);
            open STDERR, '>', '/dev/null' or POSIX::_exit(126);
            exec @$command or POSIX::_exit(127);
        }
        push @pids, $pid;
    }
    return {name => $name, pids => \@pids, report => $report, count => scalar @files};
}

sub end_rows {
    my ($rows, $end) = @_;
    my ($converse_pid, $emmg_pid) = @{$rows->{pids}};
    select undef, undef, undef, 0.05 while time < $end && waitpid($converse_pid, WNOHANG) == 0;
    kill 'KILL', $converse_pid, $emmg_pid;
    waitpid $_, 0 for $converse_pid, $emmg_pid;
    my $text = read_file($rows->{report});
    my @lines = split /\n/, $text;
    my $ok = grep { /^ok/ && !/# SKIP|\(warning\)/ } @lines;
    my $skipped = grep { /# SKIP/ } @lines;
    my @wrong = grep { /^not ok|\(warning\)/ } @lines;
    is("@wrong", '', "$rows->{name}: $ok of $rows->{count}, $skipped do not apply");
    is($ok + $skipped, $rows->{count}, 'all were run') or diag($text);
    return map { /^ok \d+ - (\S+)/ && !/# SKIP/ ? $1 : () } @lines;
}

subtest 'all rows of an EMMG' => sub {
    my %special = map { $_ => 1 } qw(EMMG-020 EMMG-024 EMMG-027 EMMG-034 EMMG-038 EMMG-039
        EMMG-054 EMMG-055 EMMG-057);
    my ($common, %file) = ([]);
    for my $path (@emmg_rows) {
        my ($id) = $path =~ /([^\/]+)\.conv$/;
        $special{$id} ? ($file{$id} = $path) : push @$common, $path;
    }
    my @rows = (
        (map { begin_rows("version $_", $_, ['emmg_bandwidth=10'], [qw(--bandwidth 10)], @$common) }
            3, 2, 1),
        (map { begin_rows($_, 3, [], [], $file{$_}) } qw(EMMG-024 EMMG-034 EMMG-054 EMMG-055
            EMMG-057)),
        begin_rows('EMMG-020', 3, [], [qw(--streams 2)], $file{'EMMG-020'}),
        begin_rows('EMMG-027', 3, [], [qw(--no-negotiation)], $file{'EMMG-027'}),
        begin_rows('EMMG-038', 3, [], [qw(--per-message 2)], $file{'EMMG-038'}),
        begin_rows('EMMG-039', 3, [], [qw(--per-message 2 --packets)], $file{'EMMG-039'}),
    );
    my $end = time + $SECONDS;
    my %run = map { $_ => 1 } map { end_rows($_, $end) } @rows;
    is(scalar keys %run, scalar @emmg_rows, 'each of them applied once');
};

# ---- an EMMG that was cut off ----

sub connection {
    my ($mux) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mux->{port}, Timeout => 10)
        || BAIL_OUT("no connection: $!");
}

subtest 'an EMMG that was cut off comes back at once' => sub {
    my @ids = (1, '77770001', 3, '0001');
    my $setup = message(3, 0x11, @ids, 2, '00');
    my $test = message(3, 0x12, @ids);
    my %answers;
    # muxd stands still, so that it finds the end of the old connection behind its data, and the new
    # connection beside it.
    for my $round (1 .. 20) {
        my $old = connection($open);
        syswrite $old, $setup;
        $answers{next_type($old)}++;
        kill 'STOP', $open->{daemon}{pid};
        syswrite $old, $test x 5000;
        close $old;
        my $new = connection($open);
        syswrite $new, $setup;
        kill 'CONT', $open->{daemon}{pid};
        $answers{next_type($new)}++;
        syswrite $new, message(3, 0x14, @ids);
        close $new;
    }
    is_deeply(\%answers, {'0x0013' => 40}, 'its channel is open every time');
    my ($old, $other) = map { connection($open) } 1 .. 2;
    syswrite $old, $setup;
    is(next_type($old), '0x0013', 'one that stays');
    syswrite $other, $setup;
    is(next_type($old), '0x0012', 'is tested when another one wants its channel');
    syswrite $old, message(3, 0x13, @ids, 2, '00');
    is(next_type($other), '0x0015', 'answers, and keeps it');
    # As one whose connection was lost without an end: it says nothing, and is no more there.
    my @lost = (1, '77770002', 3, '0001');
    ($old, my $new) = map { connection($open) } 1 .. 2;
    syswrite $old, message(3, 0x11, @lost, 2, '00');
    is(next_type($old), '0x0013', 'one that is lost later');
    syswrite $new, message(3, 0x11, @lost, 2, '00')
        . message(3, 0x111, @lost, 4, '0001', 8, '0007', 7, '00');
    is(next_type($old), '0x0012', 'is tested');
    is(next_type($new), '0x0013', 'the new one waits, and has the channel');
    is(next_type($new), '0x0113', 'and what it sent meanwhile is looked at');
    is(next_type($old), '0x0015', 'the lost one is told');
    is(next_type($old), 'the end', 'and closed');
    like($open->{daemon}->log_text, qr/its EMMG does not answer/, 'the log says why');
    close $new;
    close $_ for $old, $other;
    my $same = start('same', "  takeover: same_peer\n  $room}");
    ($old, $other) = map { connection($same) } 1 .. 2;
    syswrite $old, $setup;
    is(next_type($old), '0x0013', 'takeover: same_peer, the first one');
    syswrite $other, $setup;
    is(next_type($other), '0x0013', 'gives way to the second');
    is(next_type($old), '0x0015', 'and is told');
    is(next_type($old), 'the end', 'and closed');
    is($same->{daemon}->stop, 0, 'muxd ends well');
};
is($_->{daemon}->stop, 0, 'muxd ends well') for $open, $closed, $few;

# ---- sections, byte for byte, beside a flood ----

# PIDs of the component's packets: where each stands among all packets of the output.
sub gap_of {
    my ($path, $wanted) = @_;
    my ($at, $last, $most) = (0, undef, 0);
    for my $packet (packets($path)) {
        if (pid($packet) == $wanted) {
            $most = $at - $last if defined $last && $at - $last > $most;
            $last = $at;
        }
        $at++;
    }
    return $most;
}

subtest 'a flood, half-open connections and a hundred clients disturb nobody' => sub {
    my $mux = start('flood', "  bandwidth: 4Mbit/s\n"
        . "  clients: [{client_id: 0x12340001, pid: 0x500}, {client_id: 0x12340002, pid: 0x501,"
        . " bandwidth: 100kbit/s}, {client_id: null, default_bandwidth: 5kbit/s}]\n  $room}");
    my @sent = map { section(0x82, pack 'N a*', $_, join '', map { chr(($_ * 7) % 251) }
        1 .. 20 + $_ % 300) } 1 .. 400;
    my $file = write_file(scratch('emms.bin'), join '', @sent);
    my @half = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mux->{port}) }
        1 .. 200;
    is(scalar(grep { defined } @half), 200, '200 connections that say nothing');
    my %clients;
    for my $options (
        [qw(--client-id 0x12340001 --bandwidth 300 --for 20 --file), $file],
        [qw(--client-id 0x12340002 --bandwidth 1000 --ignore-allocation --for 4)],
        [qw(--client-id 0x20000001 --channels 100 --no-negotiation --bandwidth 4 --for 4)],
    ) {
        my $pid = fork;
        die "cannot fork: $!\n" if !defined $pid;
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null' or POSIX::_exit(126);
            exec $program, 'emmg', '-c', "127.0.0.1:$mux->{port}", @$options or POSIX::_exit(127);
        }
        $clients{$pid} = $options->[1];
    }
    my ($most_channels, $end) = (0, time + 40);
    my %result;
    while (%clients && time < $end) {
        my $status = status_of($mux);
        my $channels = grep { $_->{is_open} } @{$status->{channels}};
        $most_channels = $channels if $channels > $most_channels;
        while ((my $pid = waitpid -1, WNOHANG) > 0) {
            $result{delete $clients{$pid}} = $? >> 8 if $clients{$pid};
        }
        select undef, undef, undef, 0.2;
    }
    kill 'KILL', keys %clients;
    is($result{'0x12340001'}, 0, 'the client that keeps to its allocation has no errors');
    is($result{'0x12340002'}, 1, 'the one that does not is told');
    is($result{'0x20000001'}, 0, 'and a hundred channels have no errors');
    is($most_channels, 102, 'all were open at the same time');
    my $metrics = http_get("127.0.0.1:$mux->{admin}", '/metrics')->{body};
    my ($dropped) = $metrics =~
        /mux_emmg_dropped_bytes_total\{client_id="0x12340002",reason="excess"\} (\d+)/;
    cmp_ok($dropped || 0, '>', 100_000, 'what was too much was dropped: ' . ($dropped || 0));
    is($mux->{daemon}->stop, 0, 'muxd ends well');
    my @got = sections($mux->{output}, 0x500);
    is(scalar @got, scalar @sent, 'all sections came out');
    ok("@got" eq "@sent", 'byte for byte, in their order');
    my $gap = gap_of($mux->{output}, 0x101);
    # 16 packets lie between two of them; the process may be late on a busy machine.
    cmp_ok($gap, '<', 400, "no packet of the service was kept waiting: $gap packets at most");
    my $analysis = simulcrypt(['ts', 'analyze', $mux->{output}]);
    like($analysis->{out}, qr/0x0500 EMM of 0x1234/, 'the CAT names the PID of the EMMs');
    like($analysis->{out}, qr/Continuity_count_error\s+good/, 'our analysis finds no gap');
    my $drops = run(['tshark', '-r', $mux->{output}, '-Y', 'mp2t.cc.drop']);
    is($drops->{out}, '', 'and tshark none');
};

done_testing();
