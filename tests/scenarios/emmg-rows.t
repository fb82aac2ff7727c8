#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# Rows of an EMMG and of a MUX that need times, UDP, or a MUX that comes and goes: `simulcrypt emmg`
# against scripted MUXes, all of them side by side, and muxd with data by UDP. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Socket::INET;
use Socket qw(IPPROTO_IP inet_aton pack_sockaddr_in);
use Test::More;
use Time::HiRes qw(time);

use Simc::Daemon;
use Simc::Json;
use Simc::Make;
use Simc::Message;
use Simc::Run;
use Simc::ScriptedMux;
use Simc::Sections;

my $program = program('simulcrypt', 'cli');
my $muxd = program('muxd', 'mux');
my $witness = program('multicast-witness');
my $SECONDS = 30;
my $GROUP = '239.255.42.7';
my $IP_MULTICAST_IF = 32; # Linux
my %ids = (client => '12340001', channel => '0001', stream => '0001', data => '0001');

# ---- what is put in front of the system's functions ----

my $library = scratch('preload.so');
my @compiler = tool('CC', 'cc');
# Perl is to load it too, so its word size counts.
my $is_made = @compiler && !grep({ /^-m\d+$/ } @compiler) && !run([@compiler,
    qw(-shared -fPIC -o), $library, srcdir() . '/tests/support/emmg-preload.c'])->{status};
# Sanitizers want to be the first library otherwise.
my %preload = (LD_PRELOAD => $library,
    ASAN_OPTIONS => join ':', grep { $_ } $ENV{ASAN_OPTIONS}, 'verify_asan_link_order=0');
my $connects = scratch('connects');

# ---- sections and packets that are sent ----

my @sections = map { section_of(0x82, pack 'N a*', $_, chr($_ % 251) x (40 + $_ % 100), 0xf000) }
    1 .. 50;
my $emms = write_file(scratch('emms.bin'), @sections);
my %place = map { $sections[$_] => $_ } 0 .. $#sections;
my $forever = ['--file', $emms, qw(--loops 0)];

# ---- all MUXes ----

# An EMMG that sends packets by UDP, so that bits on air are those of the datagrams.
sub paced {
    my ($name, $wanted, %how) = @_;
    return Simc::ScriptedMux->start($name, udp => 1, %how, arguments => ['--packets', '--pattern',
        180, '--bandwidth', $wanted, '--for', $how{seconds} || 6]);
}

my $equal = paced('equal', 400);
my $less = paced('less', 400, allocation => 100);
my ($lowered, $raised);
my $told = paced('told', 400, seconds => 9);
Simc::ScriptedMux::after(3, sub { $lowered = $told->allocate(100) });
Simc::ScriptedMux::after(6, sub { $raised = time; $told->allocate(300) });
my $stepped = $is_made && paced('stepped', 400, env => {%preload, SIMC_TEST_CLOCK => 1});

my %ends = (count => [qw(--for 0 --count 60)], time => [qw(--for 2)], signal => [qw(--for 0)]);
my %by_udp = map {
    $_ => Simc::ScriptedMux->start("udp-$_", udp => 1, arguments => [@{$ends{$_}}, @$forever])
} sort keys %ends;
Simc::ScriptedMux::after(3, sub { kill 'INT', $by_udp{signal}{pid} });

# Its connection is cut, and for two seconds there is no other one; then streams are answered late.
my $cut = Simc::ScriptedMux->start('cut', udp => 1, arguments => [qw(--go-on --for 0), @$forever],
    on => {0x111 => sub {
        my ($mux, $connection, $message) = @_;
        return $mux->answer($message) if $connection->{number} == 0;
        Simc::ScriptedMux::after(1, sub {
            $mux->{answered} = time;
            $mux->send($connection, $mux->answer($message));
        });
        return;
    }});
Simc::ScriptedMux::after(2, sub { $cut->refuse; $cut->{cut} = $cut->drop($cut->connection, 1) });
Simc::ScriptedMux::after(4, sub { $cut->listen });
Simc::ScriptedMux::after(10, sub { kill 'INT', $cut->{pid} });

# Its MUX is gone for a time, first for data, and comes back.
my $gone = Simc::ScriptedMux->start('gone', udp => 1, arguments => [qw(--go-on --for 0),
    @$forever]);
Simc::ScriptedMux::after(2, sub { $gone->refuse_udp });
Simc::ScriptedMux::after(2.5, sub { $gone->refuse; $gone->drop($gone->connection) });
Simc::ScriptedMux::after(4, sub { $gone->{back} = time; $gone->listen_udp; $gone->listen });
Simc::ScriptedMux::after(8, sub { kill 'INT', $gone->{pid} });

# Its MUX resets the connection in the middle of data, three times.
my $reset = Simc::ScriptedMux->start('reset', arguments => [qw(--go-on --for 0 --per-message 3),
    @$forever], on => {0x211 => sub {
        my ($mux, $connection) = @_;
        $mux->drop($connection, 1) if ++$connection->{count} == 20 && $connection->{number} < 3;
        return;
    }});
Simc::ScriptedMux::after(8, sub { kill 'INT', $reset->{pid} });

my $all_refused = sub { my (undef, undef, $message) = @_;
    return Simc::ScriptedMux::refusal($message, '0002') };
my %refused = map {
    my ($name, @arguments) = @$_;
    $name => Simc::ScriptedMux->start("refused-$name", on => {0x11 => $all_refused},
        arguments => \@arguments)
} ['once'], [qw(fixed --version 5)], [qw(on --go-on --for 0)];
Simc::ScriptedMux::after(9, sub { kill 'INT', $refused{on}{pid} });

my %away_env = $is_made ? (%preload, SIMC_TEST_CONNECTS => $connects) : ();
my $away = Simc::ScriptedMux->start('away', refuses => 1, env => \%away_env,
    arguments => [qw(--go-on --for 2), @$forever]);
Simc::ScriptedMux::after(7, sub { $away->{cpu_s} = $away->cpu_of; $away->listen;
    $away->{listens} = time });
my $given_up = Simc::ScriptedMux->start('given-up', refuses => 1, arguments => []);

my $multicast = Simc::Daemon->start([$witness, $GROUP, '127.0.0.1'], ready => 0, no_systemd => 1);
my $group_end = time + 10;
my $port;
select undef, undef, undef, 0.02
    until time > $group_end || -e $multicast->{out}
        && (($port) = read_file($multicast->{out}) =~ /^port (\d+)$/m);
my $to_group = Simc::ScriptedMux->start('group', arguments => ['--udp', "$GROUP:" . ($port || 9),
    qw(--interface 127.0.0.2 --ttl 7 --for 2), @$forever]);

# Carousels: one that fits, and one that does not.
my $PERIOD_S = 1;
my %carousel = map {
    $_->[0] => Simc::ScriptedMux->start($_->[0], udp => 1, arguments => ['--file', $emms,
        '--period', 1000 * $PERIOD_S, '--bandwidth', $_->[1], qw(--loops 0 --for 8)])
} ['carousel', 400], ['narrow', 20];

# Two MUXes of one EMMG; the second one is away for a time.
my $second = Simc::ScriptedMux->new('second', udp => 1, allocation => 100);
my $first = Simc::ScriptedMux->start('first', udp => 1, beside => [$second], allocation => 400,
    arguments => [qw(--bandwidth 400 --go-on --for 0 --loops 0), '--file', $emms]);
Simc::ScriptedMux::after(3, sub { $second->refuse; $second->{cut} = time;
    $second->drop($second->connection) });
Simc::ScriptedMux::after(5, sub { $second->listen });
Simc::ScriptedMux::after(10, sub { kill 'INT', $first->{pid} });

my @late = Simc::ScriptedMux::serve($SECONDS);
is("@late", '', 'every EMMG has ended');

# ---- rates ----

# The most bits of datagrams in any window of so many seconds between two times; and all of them.
sub most_bits {
    my ($mux, $window_s, $from, $to) = @_;
    my @at = map { [$_->{time}, 8 * length join '', @{$_->{items}}] }
        grep { $_->{time} >= $from && $_->{time} < $to } @{$mux->{datagrams}};
    my ($most, $sum, $all, $begin) = (0, 0, 0, 0);
    for my $one (@at) {
        $sum += $one->[1];
        $all += $one->[1];
        $sum -= $at[$begin++][1] while $at[$begin][0] <= $one->[0] - $window_s;
        $most = $sum if $sum > $most;
    }
    return ($most, $all);
}

# The two clocks may differ by a thousandth.
my $WINDOW_S = 0.999;

sub rate_is_kept {
    my ($mux, $name, $kbitps, $from, $to, $slower) = @_;
    $from = $mux->{datagrams}[0]{time} if !defined $from;
    $to = $mux->{datagrams}[-1]{time} if !defined $to;
    my ($most, $all) = most_bits($mux, $WINDOW_S, $from, $to);
    my $mean = $all / 1000 / ($to - $from);
    cmp_ok($most, '<=', $kbitps * 1000, sprintf '%s: at most %.1f kbit in any second, of %d', $name,
        $most / 1000, $kbitps)
        or diag(join ' ', map { sprintf '%.4f', $_->{time} - $from }
            grep { $_->{time} >= $from && $_->{time} < $to } @{$mux->{datagrams}});
    # A busy machine may not let it run.
    cmp_ok($mean, '>', $kbitps * 0.6, sprintf '%s: %.1f kbit/s in the mean', $name, $mean);
    return;
}

subtest 'EMMG-028: what was asked for is allocated' => sub {
    is($equal->{status}, 0, 'it ended well') or diag($equal->err);
    my ($asked) = $equal->of_type(0x117);
    is($asked->{value}{6}, '0190', 'it asked for 400 kbit/s');
    rate_is_kept($equal, 'all the time', 400);
};

subtest 'EMMG-029: less is allocated' => sub {
    is($less->{status}, 0, 'it ended well') or diag($less->err);
    rate_is_kept($less, 'from the first datagram on', 100);
};

subtest 'EMMG-032, EMMG-033: allocations that nobody asked for' => sub {
    is($told->{status}, 0, 'it ended well') or diag($told->err);
    is(scalar(() = $told->of_type(0x117)), 1, 'it asked once');
    rate_is_kept($told, 'at first', 400, undef, $lowered);
    my ($most) = most_bits($told, $WINDOW_S, $lowered + 1, $raised);
    cmp_ok($most, '<=', 100_000, 'lowered: the rate is that one within a second');
    rate_is_kept($told, 'lowered', 100, $lowered + 1, $raised);
    rate_is_kept($told, 'raised', 300, $raised + 1);
};

subtest 'EMMG-049: a carousel' => sub {
    my ($mux, $narrow) = @carousel{qw(carousel narrow)};
    is($mux->{status}, 0, 'it ended well') or diag($mux->err);
    my %times;
    push @{$times{$place{$_->[1]}}}, $_->[0]
        for map { my $one = $_; map { [$one->{time}, $_] } @{$one->{items}} } @{$mux->{datagrams}};
    is(scalar keys %times, scalar @sections, 'each section came');
    my @means = map { ($_->[-1] - $_->[0]) / $#$_ } values %times;
    my ($least, $most) = (sort { $a <=> $b } @means)[0, -1];
    cmp_ok($least, '>', $PERIOD_S * 0.95, sprintf 'in the mean every %.3f s at least', $least);
    cmp_ok($most, '<', $PERIOD_S * 1.05, sprintf 'and every %.3f s at most', $most);
    unlike(read_file($mux->{out}), qr/late/, 'none was left out');
    is($narrow->{status}, 0, 'one with too little bandwidth ended well') or diag($narrow->err);
    my ($peak) = most_bits($narrow, $WINDOW_S, $narrow->{datagrams}[0]{time},
        $narrow->{datagrams}[-1]{time});
    cmp_ok($peak, '<=', 20_000, "at most $peak bits in any second, of 20000");
    like(read_file($narrow->{out}), qr/carousel was a whole period late \d+ times/,
        'and says that the period is not kept');
};

subtest 'EMMG-070: two MUXes' => sub {
    is($first->{status}, 0, 'it ended well') or diag($first->err);
    is(scalar @{$first->{connections}}, 1, 'one of them has been there all the time');
    is(scalar @{$second->{connections}}, 2, 'the other one was away and is there again');
    for my $mux ($first, $second) {
        my @setups = $mux->of_type(0x111);
        is(scalar @setups, scalar @{$mux->{connections}}, "$mux->{name}: a stream each time");
        is(join(' ', map { $setups[-1]{value}{$_} } 1, 3, 4, 8),
            join(' ', @ids{qw(client channel stream data)}), 'with the same ids');
        my @places = map { $place{$_} } map { @{$_->{items}} } @{$mux->{datagrams}};
        my @wrong = grep { ($places[$_] + 1) % @sections != $places[$_ + 1] } 0 .. $#places - 1;
        is("@wrong", '', @places . ' sections, one behind the other');
    }
    rate_is_kept($first, 'first', 400);
    rate_is_kept($second, 'second', 100, undef, $second->{cut});
    my @while_away = grep { $_->{time} > $second->{cut} && $_->{time} < $second->{cut} + 2 }
        @{$first->{datagrams}};
    cmp_ok(scalar @while_away, '>', 100, 'the first one got ' . @while_away . ' meanwhile');
    like($first->err, qr/^simulcrypt: 127\.0\.0\.1:$second->{port}: /m, 'the user was told which');
    unlike($first->err, qr/127\.0\.0\.1:$first->{port}/, 'and nothing of the other one');
};

subtest 'EMMG-072: the system clock is stepped' => sub {
    plan skip_all => 'no compiler' if !$is_made;
    my $clock = run([$^X, '-MTime::HiRes=clock_gettime,CLOCK_REALTIME', '-e',
        'print clock_gettime(CLOCK_REALTIME)'], env => {LD_PRELOAD => $library,
        SIMC_TEST_CLOCK => 1});
    cmp_ok(abs($clock->{out} - time), '>', 3000, 'the clock is another one');
    is($stepped->{status}, 0, 'it ended well') or diag($stepped->err);
    rate_is_kept($stepped, 'stepped by an hour each second', 400);
    my $ran = $stepped->{end} - $stepped->{start};
    cmp_ok($ran, '>', 5.9, sprintf 'it ran %.1f s, as it should', $ran);
    cmp_ok($ran, '<', 12, 'and not longer');
};

# ---- UDP ----

subtest 'EMMG-044: data by UDP' => sub {
    for my $mux (values %by_udp) {
        my %tcp = map { sprintf('0x%03x', $_->{type}) => 1 } @{$mux->{messages}};
        is(join(' ', sort keys %tcp), '0x011 0x014 0x111 0x114 0x117', "$mux->{name}: all control "
            . 'is on TCP, and no data');
        my %udp = map { sprintf('0x%03x', $_->{type}) => 1 } @{$mux->{datagrams}};
        is(join(' ', sort keys %udp), '0x211', 'there is data only on UDP');
        my @wrong = grep {
            my %value = %{$_->{value}};
            !$_->{is_whole} || $_->{version} != 3 || join(' ', sort keys %value) ne '1 8'
                || $value{1} ne $ids{client} || $value{8} ne $ids{data}
        } @{$mux->{datagrams}};
        is(scalar @wrong, 0, 'a whole message each, with client_id and data_id only');
    }
};

subtest 'EMMG-047: a guard time behind the data' => sub {
    is(scalar @{$by_udp{count}{datagrams}}, 60, 'all datagrams came');
    for my $name (sort keys %by_udp) {
        my $mux = $by_udp{$name};
        is($mux->{status}, 0, "ended by $name") or diag($mux->err);
        my ($close) = $mux->of_type(0x114);
        my $guard = $close->{time} - $mux->{datagrams}[-1]{time};
        cmp_ok($guard, '>=', 0.099, sprintf 'stream_close_request came %.3f s behind the data',
            $guard);
    }
};

subtest 'EMMG-045: the connection is lost' => sub {
    is($cut->{status}, 0, 'it ended well') or diag($cut->err);
    my @at = map { $_->{time} } @{$cut->{datagrams}};
    my ($second) = @{$cut->{connections}}[1];
    ok($second && $cut->{answered}, 'it came back') or return;
    cmp_ok(scalar(grep { $_ < $cut->{cut} } @at), '>', 50, 'there was data before');
    my ($last) = sort { $b <=> $a } grep { $_ < $second->{start} } @at;
    cmp_ok($last - $cut->{cut}, '<', 1, sprintf 'the last data came %.3f s behind the end',
        $last - $cut->{cut});
    is(scalar(grep { $_ >= $second->{start} && $_ < $cut->{answered} } @at), 0,
        'none until the stream was set up again');
    cmp_ok(scalar(grep { $_ > $cut->{answered} } @at), '>', 50, 'then it went on');
    like($cut->err, qr/the run goes on/, 'the user was told');
    is($gone->{status}, 0, 'one whose MUX has gone ended well') or diag($gone->err);
    my ($setup) = grep { $_->{connection} == 1 } $gone->of_type(0x111);
    ok($setup, 'it came back') or return;
    my @early = grep { $_->{time} > $gone->{back} && $_->{time} < $setup->{time} }
        @{$gone->{datagrams}};
    is(scalar @early, 0, 'without data before its stream is set up');
    cmp_ok(scalar(grep { $_->{time} > $setup->{time} } @{$gone->{datagrams}}), '>', 50,
        'and goes on');
};

subtest 'EMMG-046: multicast' => sub {
    is($to_group->{status}, 0, 'it ended well') or diag($to_group->err);
    my @lines = grep { !/^port/ } split /\n/, read_file($multicast->{out});
    cmp_ok(scalar @lines, '>', 50, 'datagrams came to the group: ' . @lines);
    my %kinds = map { $_ => 1 } @lines;
    is_deeply([keys %kinds], ["ttl 7 interface lo from 127.0.0.2 to $GROUP"],
        'by the interface that was named, with the TTL that was named');
    $multicast->signal('KILL');
    $multicast->finish;
};

# ---- MUXes that come and go ----

subtest 'EMMG-066: the connection is reset during data' => sub {
    is($reset->{status}, 0, 'it ended well') or diag($reset->err);
    is(scalar @{$reset->{connections}}, 4, 'it connected again each time');
    my %setups;
    $setups{join ' ', map { defined ? $_ : '-' } @{$_->{value}}{1, 3, 4, 8}}++
        for $reset->of_type(0x111);
    is_deeply(\%setups, {join(' ', @ids{qw(client channel stream data)}) => 4},
        'with the ids of before');
    for my $number (0 .. 3) {
        my @places = map { $place{$_} } map { @{$_->{items}} }
            grep { $_->{connection} == $number } $reset->of_type(0x211);
        my @wrong = grep { ($places[$_] + 1) % @sections != $places[$_ + 1] } 0 .. $#places - 1;
        is("@wrong", '', "connection $number: " . @places . ' sections, one behind the other');
        cmp_ok(scalar @places, '>', 50, 'data goes on');
    }
    my @ends = map { $_->{end} } @{$reset->{connections}}[0 .. 2];
    my @gaps = map { $reset->{connections}[$_ + 1]{start} - $ends[$_] } 0 .. 2;
    cmp_ok((sort { $b <=> $a } @gaps)[0], '<', 2, sprintf 'it was back within %.2f s at most',
        (sort { $b <=> $a } @gaps)[0]);
};

subtest 'EMMG-007: all versions are refused' => sub {
    my %versions = map {
        $_ => join ' ', map { $_->{version} } $refused{$_}->of_type(0x11)
    } keys %refused;
    is($versions{once}, '3 2', 'each version is tried once');
    is($versions{fixed}, '5', 'with --version only that one');
    for my $mux (@refused{qw(once fixed)}) {
        is($mux->{status}, 2, 'that ends it');
        like($mux->err, qr/^simulcrypt: 127\.0\.0\.1:$mux->{port}: .*0x0002/m,
            'with a sentence: ' . $mux->err =~ s/\n//r);
    }
    like($versions{on}, qr/^(?:3 2 ){2}/, "with --go-on they are tried again: $versions{on}");
    my @attempts = map { $_->{time} } grep { $_->{version} == 3 } $refused{on}->of_type(0x11);
    cmp_ok(scalar @attempts, '<=', 10, @attempts . ' times in 9 s');
    backs_off(@attempts);
    my @said = split /\n/, $refused{on}->err;
    is(scalar(grep { /0x0002/ } @said), 1, 'the user is told, once') or diag("@said");
};

# Each distance is longer than the one before, up to two seconds.
sub backs_off {
    my @distances = map { $_[$_ + 1] - $_[$_] } 0 .. $#_ - 1;
    my ($at_least, @early) = (0.09);
    for my $distance (@distances) {
        push @early, $distance if $distance < $at_least;
        $at_least = $at_least * 2 > 1.9 ? 1.9 : $at_least * 2;
    }
    is("@early", '', 'each time it waits longer: '
        . join ', ', map { sprintf '%.2f s', $_ } @distances);
    return;
}

subtest 'EMMG-005: nobody listens' => sub {
    is($given_up->{status}, 2, 'without --go-on that ends it');
    like($given_up->err, qr/^simulcrypt: 127\.0\.0\.1:$given_up->{port}: connection refused/m,
        'with a sentence');
    is($away->{status}, 0, 'with --go-on it ended well') or diag($away->err);
    my ($first) = @{$away->{connections}};
    cmp_ok($first->{start} - $away->{listens}, '<', 5, 'it was there soon after the MUX');
    like($away->err, qr/connection refused; the run goes on$/m, 'the user was told');
    SKIP: {
        skip 'this system does not tell CPU times', 1 if !defined $away->{cpu_s};
        cmp_ok($away->{cpu_s}, '<', 2, "7 s of waiting took $away->{cpu_s} s of CPU");
    }
    SKIP: {
        skip 'no compiler', 2 if !$is_made;
        my @attempts = map { $_ / 1000 } split /\n/, read_file($connects);
        cmp_ok(scalar @attempts, '<=', 10, @attempts . ' attempts');
        backs_off(@attempts);
    }
};

# ---- muxd ----

subtest 'MUX-069, MUX-070: datagrams that come twice, and to a group' => sub {
    my ($tcp, $admin, $udp_port, $group_port) = map { free_port() } 1 .. 4;
    my $input = write_file(scratch('in.ts'), service_stream(1, 500_000));
    my $words = write_file(scratch('words.txt'), "00112233445566778899aabbccddeeff\n");
    my $output = scratch('out.ts');
    my $path = write_file(scratch('muxd.yaml'), <<"YAML");
admin: {listen: '127.0.0.1:$admin'}
emmg:
  listen: [{address: '127.0.0.1:$tcp'}]
  udp:
    - {address: '127.0.0.1:$udp_port'}
    - {address: '$GROUP:$group_port', interface: 127.0.0.1}
  clients: [{client_id: 0x12340001, pid: 0x500, bandwidth: 500kbit/s}]
multiplexes:
  - name: a
    bitrate: 4Mbit/s
    pass_services: true
    inputs: [{address: '$input', loop: true}]
    static: [{cw_file: '$words', services: [1]}]
    outputs: ['$output']
YAML
    my $daemon = Simc::Daemon->start([$muxd, '--config', $path]);
    ok($daemon->{is_ready}, 'muxd is ready') or return diag($daemon->log_text);
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tcp") or die "no connection: $!\n";
    my @open = (1 => $ids{client}, 3 => $ids{channel});
    syswrite $socket, message(3, 0x11, @open, 2 => '00')
        . message(3, 0x111, @open, 4 => $ids{stream}, 8 => $ids{data}, 7 => '00')
        . message(3, 0x117, @open, 4 => $ids{stream}, 6 => '0064');
    my $status = sub {
        my ($object) = json_lines(http_get("127.0.0.1:$admin", '/v1/status')->{body});
        my ($channel) = @{$object->{emmg}{channels}};
        return $channel && $channel->{streams}[0] || {};
    };
    ok(wait_until(sub { ($status->()->{allocated_kbitps} || 0) == 100 }), 'the stream is open')
        or diag(explain($status->()));

    my %to = (address => pack_sockaddr_in($udp_port, inet_aton('127.0.0.1')),
        group => pack_sockaddr_in($group_port, inet_aton($GROUP)));
    my $sender = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp');
    setsockopt $sender, IPPROTO_IP, $IP_MULTICAST_IF, inet_aton('127.0.0.1') or die "group: $!\n";
    my $data = sub { message(3, 0x211, 1 => $ids{client}, 8 => $ids{data},
        map { (5 => unpack 'H*', $_) } @_) };
    my @sent = @sections[0 .. 3];
    for my $row ([address => $sent[0]], [address => $sent[0]], [group => $sent[1]],
        [group => $sent[2]], [group => $sent[2]], [address => $sent[3]]) {
        my ($where, $section) = @$row;
        my $before = $status->()->{datagrams} || 0;
        defined send $sender, $data->($section), 0, $to{$where} or die "send: $!\n";
        ok(wait_until(sub { ($status->()->{datagrams} || 0) > $before }), "taken: $where");
    }
    my (@got, $report);
    wait_until(sub {
        @got = ();
        $report = Simc::Sections->read_stream($output,
            sections => {0x500 => sub { push @got, $place{$_[0]} }});
        return @got >= 6;
    });
    is($daemon->stop, 0, 'muxd ends well');
    is("@{$report->{faults}}", '', "no fault in $report->{count} packets");
    is("@got", '0 0 1 2 2 3', 'what came twice is inserted twice, and what came to the group is');
};

sub wait_until {
    my ($is_true) = @_;
    my $end = time + $SECONDS;
    while (time < $end) {
        return 1 if $is_true->();
        select undef, undef, undef, 0.02;
    }
    return 0;
}

done_testing();
