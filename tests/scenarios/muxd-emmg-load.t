#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# EMMGs and PDGs at muxd in quantity: sections and packets come out byte for byte and at their pace,
# at 1 kbit/s and 20 Mbit/s, on one stream and a thousand; and a flood, connections that say nothing
# and messages of 64 KB leave the scrambled services as they were. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Simc::Daemon;
use Simc::Json;
use Simc::Message;
use Simc::Recorder;
use Simc::Run;
use Simc::Sections;

needs(qw(tshark));
my $muxd = program('muxd', 'mux');
my $stub = program('scs-stub', 'mux');
my $converse = program('converse');
my $program = program('simulcrypt', 'cli');

my $PACKET = 188;
my $CLOCK = 27_000_000;
my $ECM_PID = 0x1f00;
my $ECM_MS = 100; # scs-stub's repetition
# Sanitizers take most of the time: then it is a part of everything.
my $small = is_sanitized();
my $WINDOW_S = $small ? 4 : 10;
# How long it sends and suffers; tests/check-long has more time.
my $SECONDS = $ENV{SIMC_EMMG_SECONDS} || $WINDOW_S + 1;
my $CHANNELS = $small ? 8 : 63;
my $STREAMS = 16;
my $RATE = $small ? 2000 : 20000; # kbit/s of what is to be much
my $QUEUE = $small ? '512KiB' : '3MiB'; # more than a second of it
my $TSHARK_PACKETS = 30_000;

# A live multiplexer does not wait for a slow disk: outputs go to memory where that can be.
my $memory = '/dev/shm';
my $outputs = -d $memory && -w $memory && (split ' ', `df -k $memory | tail -n 1`)[3] > 1 << 20
    ? tempdir('simc-XXXXXX', DIR => $memory, CLEANUP => 1) : scratch();

my $input = write_file(scratch('in.ts'), service_stream(2, 1_000_000));
my $words = write_file(scratch('words.txt'), "00112233445566778899aabbccddeeff\n");

# ---- what is sent ----

# Their CRCs let tshark say which section is which, and that it is whole.
my @emms = map { section_of(0x82 + $_ % 14, pack('n C C C N', 1, 0xc1, 0, 0, $_)
    . substr('what a receiver is to know of ' x 20, $_ % 31, 20 + $_ * 37 % 500), 0xf000) }
    0 .. 1999;
my $emm_file = write_file(scratch('emms.bin'), join '', @emms);
my @packets = packets_of(@emms);
my $packet_file = write_file(scratch('packets.ts'), join '', @packets);

# ---- muxd, with a service scrambled by an SCS and one in a laboratory ----

sub start {
    my ($name, $rate, $emmg, @outputs) = @_;
    my ($port, $admin, $socket) = (free_port(), free_port(), scratch("$name.s"));
    my $scs = Simc::Daemon->start([$stub, $socket, 1, 2000], ready => 0, no_systemd => 1);
    my $output = "$outputs/$name.ts";
    my $all = join ', ', map { "'$_'" } $output, @outputs;
    my $path = write_file(scratch("$name.yaml"), <<"END");
admin: {listen: '127.0.0.1:$admin'}
link: {address: '$socket'}
emmg:
  listen: [{address: '127.0.0.1:$port'}]
$emmg
multiplexes:
  - name: a
    bitrate: ${rate}kbit/s
    pass_services: true
    inputs: [{address: '$input', loop: true}]
    static: [{cw_file: '$words', services: [2]}]
    outputs: [$all]
END
    my $daemon = Simc::Daemon->start([$muxd, '--config', $path]);
    ok($daemon->{is_ready}, "$name: it is ready") or BAIL_OUT($daemon->log_text);
    my $mux = {name => $name, daemon => $daemon, scs => $scs, port => $port, admin => $admin,
        output => $output, rate => $rate * 1000};
    ok(wait_until(sub { figure($mux, 'muxd_ecm_sent_total') }), 'ECMs are on air');
    return $mux;
}

sub stop {
    my ($mux) = @_;
    my ($lost) = http_get("127.0.0.1:$mux->{admin}", '/metrics')->{body} =~
        /^muxd_output_dropped_packets_total\{[^}]*output="\Q$mux->{output}\E"\} (\d+)/m;
    is($lost, 0, "$mux->{name}: the file has all that was made");
    is($mux->{daemon}->stop, 0, "$mux->{name}: muxd ends well");
    $mux->{scs}->stop;
    return;
}

sub wait_until {
    my ($condition) = @_;
    my $end = time + 30;
    while (time < $end) {
        return 1 if $condition->();
        sleep 0.05;
    }
    return 0;
}

# A figure of /metrics, summed up over its labels.
sub figure {
    my ($mux, $name) = @_;
    my $sum = 0;
    $sum += $_ for http_get("127.0.0.1:$mux->{admin}", '/metrics')->{body}
        =~ /^\Q$name\E(?:\{[^}]*\})? (\d+)/mg;
    return $sum;
}

sub status_of {
    my ($mux) = @_;
    return (json_lines(http_get("127.0.0.1:$mux->{admin}", '/v1/status')->{body}))[0]{emmg};
}

# A laboratory EMMG in the background.
sub emmg {
    my ($mux, $id, @options) = @_;
    return Simc::Daemon->start([$program, 'emmg', '--json', '-c', "127.0.0.1:$mux->{port}",
        '--client-id', $id, @options], ready => 0, no_systemd => 1);
}

# Waits for it. Returns what it tells, and its exit status.
sub end_of {
    my ($client) = @_;
    my $status = $client->finish($SECONDS + 60);
    my ($told) = json_lines(read_file($client->{out}));
    diag(read_file($client->{err})) if !$told;
    return ($told || {}, $status);
}

# Milliseconds of stream time, from packets of an output of constant rate; and the other way.
sub ms_of { my ($mux, $packets) = @_; return $packets * $PACKET * 8000 / $mux->{rate} }
sub packets_now { my ($mux) = @_; return int((-s $mux->{output}) / $PACKET) }

# Collects where packets of a PID stand in the file.
sub places { my ($list) = @_; return sub { push @$list, $_[0] } }

sub most_distance {
    my ($at, $from, $to) = @_;
    my ($most, $last) = (0);
    for my $place (@$at) {
        next if $place < $from || $place > $to;
        $most = $place - $last if defined $last && $place - $last > $most;
        $last = $place;
    }
    return $most;
}

# The packets of a PID in any window of the stream, against a rate: most that there are too few and
# too many, how many there should be, and how many windows were looked at. The first packets of a
# stream may leave at once, and the last ones come when it is cut off: they are left out.
sub off_pace {
    my ($mux, $at, $kbitps) = @_;
    my $window = int($WINDOW_S * $mux->{rate} / ($PACKET * 8));
    my $wanted = $window * $kbitps * 1000 / $mux->{rate};
    my ($few, $many, $windows, $end) = (0, 0, 0, 0);
    for (my $begin = 20; $begin < @$at && $at->[$begin] + $window <= $at->[-20]; $begin++) {
        $end++ while $at->[$end] < $at->[$begin] + $window;
        my $more = $end - $begin - $wanted;
        $many = $more if $more > $many;
        $few = -$more if -$more > $few;
        $windows++;
    }
    return ($few, $many, $wanted, $windows);
}

# @param $is_fed the EMMG has sent enough; otherwise only what is too much is judged.
sub pace_is_kept {
    my ($mux, $name, $at, $kbitps, $is_fed) = @_;
    my ($few, $many, $wanted, $windows) = off_pace($mux, $at, $kbitps);
    cmp_ok($windows, '>', 10, "$name: $windows windows of $WINDOW_S s");
    my $text = sprintf '%.0f packets less %.1f or more %.1f (%.2f %%)', $wanted, $few, $many,
        ($few > $many ? $few : $many) * 100 / $wanted;
    $few = 0 if !$is_fed;
    cmp_ok($few > $many ? $few : $many, '<=', $wanted / 100 + 2, "$name: any of them has $text"
        . ($is_fed ? '' : '; the EMMG had no time to send enough'));
    return;
}

# Our analysis over a file and tshark over a piece of it, in the background.
sub witnesses {
    my ($path, $piece) = @_;
    return {
        analysis => Simc::Daemon->start([$program, 'ts', 'analyze', $path], ready => 0,
            no_systemd => 1),
        tshark => Simc::Daemon->start(['tshark', '-r', $piece, '-Y', 'mp2t.cc.drop'], ready => 0,
            no_systemd => 1),
    };
}

sub witnesses_agree {
    my ($witnesses, $name) = @_;
    $_->finish(120) for values %$witnesses;
    my $analysis = read_file($witnesses->{analysis}{out});
    for my $check ('Sync_byte_error', 'Continuity_count_error', 'CRC_error', 'PAT_error',
        'PMT_error', 'PCR_repetition_error') {
        like($analysis, qr/\Q$check\E\S*\s+good/, "$name: our analysis: $check good")
            or diag($analysis);
    }
    is(read_file($witnesses->{tshark}{out}), '', "$name: tshark finds no gap");
    return;
}

# ---- byte for byte ----

# What read_stream() calls with the sections of a PID: each must be the next one of the file.
sub from_file {
    my ($seen) = @_;
    @$seen{qw(count wrong)} = (0, 0);
    return sub { $seen->{wrong}++ if $_[0] ne $emms[$seen->{count}++ % @emms] };
}

my @expected = map { [substr($_, 4), unpack('x C', $_) >> 6] } @packets;

sub from_packets {
    my ($seen) = @_;
    @$seen{qw(count wrong)} = (0, 0);
    return sub {
        my $wanted = $expected[$seen->{count}++ % @expected];
        $seen->{wrong}++ if $_[0] ne $wanted->[0] || $_[1] != $wanted->[1];
    };
}

# Of sections that are made: each tells its stream and its number. Every $step-th is made again.
sub from_pattern {
    my ($seen, $size, $step) = @_;
    @$seen{qw(count wrong)} = (0, 0);
    return sub {
        my ($stream, $high, $low) = unpack 'x3 N N N', $_[0];
        my $next = $seen->{streams}{$stream}++ || 0;
        $seen->{count}++;
        $seen->{wrong}++ if $low != $next || length $_[0] != $size
            || $next % $step == 0 && $_[0] ne pattern_section($size, $stream, $next);
    };
}

# The streams that a client has now; those from a data_id on.
sub streams_of {
    my ($mux, $client, $first) = @_;
    return grep { $_->{data_id} >= $first } map { @{$_->{streams}} }
        grep { $_->{client_id} eq $client } @{status_of($mux)->{channels}};
}

sub pids_of { return map { $_->{pid} } streams_of(@_) }
sub ages_of { return map { $_->{queue_age_ms} } streams_of(@_, 1) }

# Copies packets of the output to a file of its own, for tshark.
sub piece_of {
    my ($mux, $from, $count, $path) = @_;
    my $bytes;
    open my $in, '<:raw', $mux->{output} or die "$!\n";
    seek $in, $from * $PACKET, 0 or die "$!\n";
    read $in, $bytes, $count * $PACKET;
    return write_file($path, $bytes);
}

# Extracts the first packets of a PID, for tshark.
sub extract {
    my ($mux, $pid, $path, $most) = @_;
    open my $in, '<:raw', $mux->{output} or die "$!\n";
    my ($out, $count) = ('', 0);
    while ($count < $most && read $in, my $block, $PACKET * 4096) {
        for my $packet (unpack "(a$PACKET)*", $block) {
            next if (unpack('x n', $packet) & 0x1fff) != $pid;
            $out .= $packet;
            last if ++$count == $most;
        }
    }
    return write_file($path, $out);
}

# tshark puts the sections together and checks their CRCs: these must be the CRCs of what was sent.
sub tshark_sections {
    my ($path) = @_;
    return Simc::Daemon->start(['tshark', '-o', 'mpeg_sect.verify_crc:TRUE', '-r', $path, qw(-T
        fields -e mp2t.cc.drop -e mpeg_sect.crc.status -e mpeg_sect.crc)], ready => 0,
        no_systemd => 1);
}

sub tshark_agrees {
    my ($tshark, $name) = @_;
    $tshark->finish(120);
    my @lines = map { [split /\t/, $_, -1] } split /\n/, read_file($tshark->{out});
    my @crcs = map { split /,/, $_->[2] } @lines;
    my $good = grep { $_ eq '1' } map { split /,/, $_->[1] } @lines;
    is((grep { $_->[0] ne '' } @lines)[0], undef, "$name: tshark finds no gap");
    is($good, scalar @crcs, "$name: nor a wrong CRC");
    my $wrong = grep { hex $crcs[$_] != unpack 'N', substr $emms[$_ % @emms], -4 } 0 .. $#crcs;
    is($wrong, 0, "$name: its " . @crcs . ' sections are those that were sent, in their order');
    cmp_ok(scalar @crcs, '>', $small ? 100 : 1000, "$name: they are many");
    return;
}

sub all_came {
    my ($name, $seen, $told, $sent) = @_;
    is($told->{errors}, 0, "$name: no error");
    is($seen->{count}, $sent, "$name: $sent came out");
    is($seen->{wrong}, 0, "$name: byte for byte, in their order");
    return;
}

# ---- an EMMG whose data come by UDP, and whose connection is silent ----

my %udp;

# It takes as long as muxd needs to test a silent connection three times: others go on meanwhile.
sub start_udp {
    my $port = free_port();
    my $mux = start('udp', 2000, <<"END");
  udp: [{address: '127.0.0.1:$port'}]
  clients: [{client_id: 0, pid: 0x1600, default_bandwidth: 100kbit/s}]
  timers: {idle_test: 1500ms, test: 5s}
END
    my $run = Simc::Daemon->start([$converse, '--connect', "127.0.0.1:$mux->{port}", '--set',
        'version=2', srcdir() . '/tests/conversations/peers/emmg/peer-tsemmg-udp.conv'],
        ready => 0, no_systemd => 1);
    ok(wait_until(sub { streams_of($mux, '0x00000000', 0) }), 'udp: its stream is open');
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'udp')
        or die "$!\n";
    # Ids of channel and stream are of no use there, and several sections come in a message.
    my $count = 120;
    for my $i (0 .. $count / 3 - 1) {
        my $data = message(2, 0x211, 3, '0001', 4, '0001', 1, '00000000', 8, '0000',
            map { (5, hex_of($emms[$_])) } $i * 3 .. $i * 3 + 2);
        $socket->send($data);
        sleep 0.01;
    }
    %udp = (mux => $mux, run => $run, count => $count);
    return;
}

sub end_udp {
    my ($mux, $run) = @udp{qw(mux run)};
    is($run->finish(60), 0, 'the conversation is as it should be') or diag(read_file($run->{out}));
    like(read_file($run->{out}), qr/^ok 1 - peer-tsemmg-udp/m, 'and it was run');
    stop($mux);
    my $seen = {};
    my $report = Simc::Sections->read_stream($mux->{output},
        sections => {0x1600 => from_file($seen)});
    is(join("\n", @{$report->{faults}}), '', 'its output has no fault');
    all_came('data by UDP', $seen, {errors => 0}, $udp{count});
    return;
}

my @later;
subtest 'an EMMG whose data come by UDP begins' => \&start_udp;

subtest 'sections and packets come out as they went in' => sub {
    my $all = $RATE * 2 + 2000;
    my $mux = start('exact', $all + 2000, <<"END");
  bandwidth: ${all}kbit/s
  excess: wait
  clients:
    - {client_id: 0x12340001, pid: 0x1501, bandwidth: ${RATE}kbit/s}
    - {client_id: 0x12340002, pid: 0x1502, bandwidth: ${RATE}kbit/s}
    - {client_id: 0x12340011, pid: 0x1511}
    - {client_id: 0x12340012, pid: 0x1512}
    - {client_id: null}
  limits: {connections: 256, connections_per_address: 256, streams: 2048, queue: $QUEUE}
END
    my (%seen, %told, %client);
    my @many = ('0x20000001', qw(--type private --channels), $CHANNELS, '--streams', $STREAMS);
    my ($part_s, $each) = (int $SECONDS / 3, int $RATE / ($CHANNELS * $STREAMS));
    my @file = ('--file', $emm_file, qw(--loops 0 --per-message 8));
    my @packet_file = ('--packets', '--file', $packet_file, qw(--loops 0));
    # More than it may: then only TCP slows it down, and its queue holds a second of its rate, which
    # is what a run that is late makes good at most.
    my @more = ('--ignore-allocation', '--bandwidth', int $RATE * 3);
    my $fast_s = $SECONDS + 2;
    my $began = time;
    my $slow_s = $fast_s + 2;
    $client{slow} = emmg($mux, '0x12340011', '--bandwidth', 1, '--pattern', 60, '--for', $slow_s);
    $client{slow_packets} = emmg($mux, '0x12340012', @packet_file, '--bandwidth', 1, '--for',
        $slow_s);
    $client{fast} = emmg($mux, '0x12340001', @file, @more, '--for', $fast_s);
    my $delay_ms = sub {
        my ($pid) = grep { $_->{pid} == 0x1501 } @{status_of($mux)->{pids}};
        return $pid ? $pid->{queue_delay_ms} : 0;
    };
    ok(wait_until(sub { $delay_ms->() > 800 }), 'the queue of a fast one is full');
    my $full_from = packets_now($mux);
    $client{many_slow} = emmg($mux, @many, '--bandwidth', 1, '--pattern', 60, '--for',
        $fast_s - 2);
    my @many_pids;
    ok(wait_until(sub { @many_pids = pids_of($mux, '0x20000001', 1);
        @many_pids == $CHANNELS * $STREAMS }), @many_pids . ' streams are open');
    my $age_ms;
    ok(wait_until(sub { ($age_ms) = grep { $_ > 100 } ages_of($mux, '0x12340011'); $age_ms }),
        'the status tells how long data of a slow stream has been waiting: ' . ($age_ms || 0));
    like(http_get("127.0.0.1:$mux->{admin}", '/metrics')->{body},
        qr/^mux_emmg_queue_age_ms\{client_id="0x12340011"\} \d/m, 'and so do the metrics');
    ($told{$_}) = end_of($client{$_}) for qw(many_slow fast);
    ok(wait_until(sub { !grep { $_->{streams} == 0 } @{status_of($mux)->{pids}} }),
        'what waited is on air');

    $client{packets} = emmg($mux, '0x12340002', @packet_file, @more, '--packets-each', 7, '--for',
        $part_s);
    $client{many} = emmg($mux, @many, '--first-data-id', 2001, '--bandwidth', $each, '--pattern',
        200, '--for', $part_s);
    my @fast_pids;
    ok(wait_until(sub { @fast_pids = pids_of($mux, '0x20000001', 2001);
        @fast_pids == $CHANNELS * $STREAMS }), @fast_pids . ' streams are open');
    ($told{$_}) = end_of($client{$_}) for qw(packets many);
    ($told{$_}) = end_of($client{$_}) for qw(slow slow_packets);
    ok(wait_until(sub { !@{status_of($mux)->{pids}} }), 'what waited is on air');
    sleep 0.2;

    my $packets_from = packets_now($mux);
    $client{many_packets} = emmg($mux, @many, @packet_file, '--bandwidth', $each, '--for',
        $part_s);
    my @packet_pids;
    ok(wait_until(sub { @packet_pids = pids_of($mux, '0x20000001', 1);
        @packet_pids == $CHANNELS * $STREAMS }), @packet_pids . ' streams are open');
    ($told{many_packets}) = end_of($client{many_packets});
    ok(wait_until(sub { !@{status_of($mux)->{pids}} }), 'what waited is on air');
    my $skipped = figure($mux, 'muxd_slots_skipped_total');
    is(figure($mux, 'mux_emmg_dropped_bytes_total'), 0, 'nothing was dropped');
    is(figure($mux, 'muxd_ecm_missed_total'), 0, 'no ECM was left out');
    stop($mux);
    note(sprintf 'it took %.1f s; %d packets left out because the process stood still',
        time - $began, $skipped);

    $began = time;
    my (%sections, %packets, %at);
    my $from_pattern = from_pattern($seen{many} = {}, 200, 16);
    my $from_slow_pattern = from_pattern($seen{many_slow} = {}, 60, 1);
    # PIDs are used again: the number of a stream tells whose a section is.
    $sections{$_} = sub { length $_[0] == 60 ? $from_slow_pattern->(@_) : $from_pattern->(@_) }
        for @many_pids, @fast_pids;
    $packets{$_} = from_packets($seen{many_packets}{$_} = {}) for @packet_pids;
    $sections{0x1501} = from_file($seen{fast} = {});
    $packets{0x1502} = from_packets($seen{packets} = {});
    $sections{0x1511} = from_pattern($seen{slow} = {}, 60, 1);
    $packets{0x1512} = from_packets($seen{slow_packets} = {});
    my $report = Simc::Sections->read_stream($mux->{output}, sections => \%sections,
        packets => \%packets, packets_from => {map { $_ => $packets_from } @packet_pids},
        watched => {map { $_ => places($at{$_} = []) } 0, 0x1501, $ECM_PID});
    is(join("\n", @{$report->{faults}}), '', "no fault in $report->{count} packets");
    all_came('one stream, sections', $seen{fast}, $told{fast}, $told{fast}{datagrams});
    all_came('one stream, packets', $seen{packets}, $told{packets},
        $told{packets}{bytes} / $PACKET);
    all_came('one slow stream, sections', $seen{slow}, $told{slow}, $told{slow}{datagrams});
    all_came('one slow stream, packets', $seen{slow_packets}, $told{slow_packets},
        $told{slow_packets}{datagrams});
    all_came('many streams, sections', $seen{many}, $told{many}, $told{many}{datagrams});
    all_came('many slow streams, sections', $seen{many_slow}, $told{many_slow},
        $told{many_slow}{datagrams});
    my %sum = (count => 0, wrong => 0);
    for my $one (values %{$seen{many_packets}}) {
        $sum{$_} += $one->{$_} for qw(count wrong);
    }
    all_came('many streams, packets', \%sum, $told{many_packets}, $told{many_packets}{datagrams});
    is(scalar keys %{$seen{many}{streams}}, $CHANNELS * $STREAMS, 'of all streams');

    # What it sent, in seconds of its allocation: its queue holds one of them. If there is less, the
    # queue was empty for a time, because the machine did not let the EMMG run.
    my $sent_s = $told{fast}{bytes} * 8 / 1000 * 188 / 184 / $RATE;
    pace_is_kept($mux, "$RATE kbit/s", [grep { $_ > $full_from } @{$at{0x1501}}], $RATE,
        $sent_s > $told{fast}{seconds} + 1 - 0.008 * $WINDOW_S);
    for my $row ([$ECM_PID, 'ECMs', $ECM_MS + 10], [0, 'PATs', 100]) {
        my ($pid, $name, $limit_ms) = @$row;
        my $most = ms_of($mux, most_distance($at{$pid}, @{$at{0x1501}}[0, -1]));
        cmp_ok($most, '<=', $limit_ms, sprintf "beside them, $name are %.1f ms apart at most",
            $most);
    }
    note(sprintf 'reading it took %.1f s', time - $began);

    my $piece = piece_of($mux, $packets_from - $TSHARK_PACKETS, 2 * $TSHARK_PACKETS,
        scratch('piece.ts'));
    push @later, ['exact', witnesses($mux->{output}, $piece)];
    push @later, [$_->[0], undef, tshark_sections(extract($mux, $_->[1], scratch($_->[0]),
        $TSHARK_PACKETS))] for ['fast', 0x1501], ['packets', 0x1502];
};

# ---- beside trouble ----

# Connections that stay: every other one has said the beginning of a message.
sub half_open {
    my ($mux, $count, $end) = @_;
    my $pid = fork;
    die "cannot fork: $!\n" if !defined $pid;
    return $pid if $pid;
    my @sockets;
    for my $i (1 .. $count) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mux->{port},
            Timeout => 10) or POSIX::_exit(1);
        syswrite $socket, pack 'C n n n n', 3, 0x11, 26, 1, 4 if $i % 2;
        push @sockets, $socket;
    }
    sleep $end - time if $end > time;
    POSIX::_exit(0);
}

# As many messages of 64 KB as the MUX reads: data that are far too much, one parameter that fills a
# message, and a type that nobody knows. Connections that the MUX ends are made anew.
sub long_messages {
    my ($mux, $end, $path) = @_;
    my $pid = fork;
    die "cannot fork: $!\n" if !defined $pid;
    return $pid if $pid;
    my @channel = (1, '12340003', 3, '0001');
    my @stream = (@channel, 4, '0001');
    my $section = '827ffd' . '78' x 4093;
    my $open = message(3, 0x11, @channel, 2, '00')
        . message(3, 0x111, @stream, 8, '0001', 7, '00');
    my $data = message(3, 0x211, @stream, 8, '0001', 5, $section x 15);
    my @bad = (message(3, 0x211, @stream, 8, '0001', 5, '82' x 65_000),
        message(3, 0x7777, 0x7777, '78' x 65_531), message(3, 0x12, 0x8000, '78' x 65_531));
    my ($sent, $messages, $connections) = (0, 0, 0);
    while (time < $end) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $mux->{port},
            Timeout => 10) or next;
        $socket->blocking(0);
        my ($bytes, $select) = ($open, IO::Select->new($socket));
        $connections++;
        while (time < $end) {
            my ($read, $write) = IO::Select->select($select, $select, undef, 0.1);
            last if $read && @$read && !sysread $socket, my $answer, 65536;
            next if !$write || !@$write;
            $bytes .= (($data) x 20, @bad)[$messages++ % 23] if length $bytes < 65_536;
            my $size = syswrite $socket, $bytes;
            last if !defined $size && !$!{EAGAIN};
            substr($bytes, 0, $size) = '' if $size;
            $sent += $size || 0;
        }
    }
    write_file($path, "$messages $sent $connections");
    POSIX::_exit(0);
}

# The longest time between two datagrams, the one that 1 % exceed, and how much of the time they
# cover, of those between two times.
sub timing_of {
    my ($mux, $from, $to, @datagrams) = @_;
    my ($last, $packets, @gaps) = (undef, 0);
    for my $datagram (@datagrams) {
        my ($time, $bytes) = @$datagram;
        next if $time < $from || $time > $to;
        push @gaps, ($time - $last) * 1000 if defined $last;
        $packets += length($bytes) / $PACKET;
        $last = $time;
    }
    @gaps = sort { $a <=> $b } @gaps;
    return {most => $gaps[-1], usual => $gaps[$#gaps * 0.99], datagrams => scalar @gaps,
        share => ms_of($mux, $packets) / (($to - $from) * 1000)};
}

subtest 'a flood, a thousand half-open connections and long messages disturb nobody' => sub {
    my $socket = Simc::Recorder::udp_socket();
    my $to = $socket->sockport;
    my $mux = start('trouble', 8000, <<"END", "udp://127.0.0.1:$to");
  bandwidth: 5Mbit/s
  clients:
    - {client_id: 0x12340001, pid: 0x1501, bandwidth: 500kbit/s}
    - {client_id: 0x12340002, pid: 0x1502, bandwidth: 2Mbit/s}
    - {client_id: 0x12340003, pid: 0x1503, bandwidth: 100kbit/s, default_bandwidth: 100kbit/s}
  limits: {connections: 2048, connections_per_address: 2048}
END
    my $recorder = Simc::Recorder->start($socket, scratch('record'));
    my $quiet_s = $small ? 3 : 5;
    my $load_s = $SECONDS + 1;
    my $good = emmg($mux, '0x12340002', '--file', $emm_file, qw(--loops 0 --bandwidth 1800 --for),
        $quiet_s + $load_s + 3);
    ok(wait_until(sub { streams_of($mux, '0x12340002', 1) }), 'one EMMG keeps to its allocation');
    my @quiet = (time, packets_now($mux));
    my $skipped = figure($mux, 'muxd_slots_skipped_total');
    sleep $quiet_s;
    my @change = (time, packets_now($mux));
    my $skipped_quiet = figure($mux, 'muxd_slots_skipped_total') - $skipped;
    my $count = $small ? 100 : 500;
    my @helpers = map { half_open($mux, $count, $change[0] + $load_s) } 1 .. 2;
    push @helpers, long_messages($mux, $change[0] + $load_s, scratch('long'));
    my $flood = emmg($mux, '0x12340001', qw(--bandwidth 5000 --ignore-allocation --for), $load_s);
    ok(wait_until(sub { figure($mux, 'mux_emmg_connections') >= 2 * $count }),
        2 * $count . ' connections that are half open');
    my ($told_flood, $flood_status) = end_of($flood);
    my @over = (time, packets_now($mux));
    my $skipped_loaded = figure($mux, 'muxd_slots_skipped_total') - $skipped - $skipped_quiet;
    waitpid $_, 0 for @helpers;
    my ($told, $status) = end_of($good);
    ok(wait_until(sub { !@{status_of($mux)->{pids}} }), 'what waited is on air');
    my ($dropped) = http_get("127.0.0.1:$mux->{admin}", '/metrics')->{body} =~
        /^mux_emmg_dropped_bytes_total\{client_id="0x12340001",reason="excess"\} (\d+)/m;
    is(figure($mux, 'muxd_ecm_missed_total'), 0, 'no ECM was left out');
    stop($mux);
    my ($messages, $bytes, $connections) = split ' ', read_file(scratch('long'));
    note("long messages: $messages with $bytes bytes on $connections connections");
    cmp_ok($messages, '>', 100, 'the MUX has read many long messages');
    is($flood_status, 1, 'the flood is told');
    cmp_ok($dropped, '>', $told_flood->{bytes} / 2, "and what is too much dropped: $dropped of "
        . "$told_flood->{bytes}");

    my (%seen, %at);
    my $report = Simc::Sections->read_stream($mux->{output}, sections => {0x1502 =>
        from_file($seen{good} = {}), map { $_ => sub { return } } 0x1501, 0x1503},
        watched => {map { $_ => places($at{$_} = []) } 0, 0x101, 0x201, 0x1501, $ECM_PID});
    is(join("\n", @{$report->{faults}}), '', "no fault in $report->{count} packets");
    is($status, 0, 'the EMMG that keeps to its allocation has no errors');
    all_came('its sections', $seen{good}, $told, $told->{datagrams});
    pace_is_kept($mux, 'the flood, 500 kbit/s', $at{0x1501}, 500, 1);
    my @datagrams = $recorder->stop;
    my ($quiet, $loaded) = map { timing_of($mux, @$_, @datagrams) } [$quiet[0], $change[0]],
        [$change[0], $over[0]];
    note(sprintf '%s: %d datagrams, %.2f ms apart at most, 99 %% below %.2f ms, %.1f %% of the '
        . 'time', @$_{qw(name datagrams most usual)}, $_->{share} * 100)
        for {%$quiet, name => 'quiet'}, {%$loaded, name => 'loaded'};
    note("left out because the process stood still: $skipped_quiet packets before, "
        . "$skipped_loaded under load");
    # The machine may have other things to do. A MUX that is disturbed stands still for seconds.
    cmp_ok(ms_of($mux, $skipped_loaded), '<', 500 + ms_of($mux, $skipped_quiet),
        'the process did not stand still');
    cmp_ok($loaded->{most}, '<', 500 + 3 * $quiet->{most}, 'nor did the output');
    cmp_ok($loaded->{share}, '>', 0.8 * ($quiet->{share} < 1 ? $quiet->{share} : 1),
        'and it was complete');
    # Where the machine lets the process wait, its input comes late, too.
    my $late_ms = $loaded->{most};
    for my $row ([0x101, 'packets of the service of the SCS', 3 + $late_ms],
        [0x201, 'packets of the service of the laboratory', 3 + $late_ms], [$ECM_PID, 'ECMs', 10],
        [0, 'PATs', 10]) {
        my ($pid, $name, $more_ms) = @$row;
        my ($before, $beside) = map { ms_of($mux, most_distance($at{$pid}, @$_)) }
            [$quiet[1], $change[1]], [$change[1], $over[1]];
        cmp_ok($beside, '<=', $before + $more_ms, sprintf
            '%s are %.2f ms apart at most, %.2f ms without load', $name, $beside, $before);
    }

    my $first = (grep { $datagrams[$_][0] >= $change[0] } 0 .. $#datagrams)[0];
    my $capture = write_file(scratch('udp.pcap'), capture_of($to,
        @datagrams[$first .. ($first + 3000 < @datagrams ? $first + 3000 : $#datagrams)]));
    my $drops = run(['tshark', '-r', $capture, '-d', "udp.port==$to,mp2t", qw(-Y
        mp2t.cc.drop||!mp2t)]);
    my $lost = grep { /\S/ } split /\n/, $drops->{out};
    cmp_ok($lost, '<', 300, "tshark reads its datagrams; $lost gaps of what the recorder lost");
    push @later, ['trouble', witnesses($mux->{output}, piece_of($mux, $change[1], $TSHARK_PACKETS,
        scratch('piece2.ts')))];
};

subtest 'the EMMG whose data came by UDP was tested, and ends' => \&end_udp;

subtest 'other readers agree' => sub {
    for my $row (@later) {
        my ($name, $witnesses, $tshark) = @$row;
        witnesses_agree($witnesses, $name) if $witnesses;
        tshark_agrees($tshark, $name) if $tshark;
    }
};

done_testing();
