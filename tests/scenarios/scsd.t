#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# scsd as a process between real ECMGs and a simulated mux: two CA systems with other delays and a
# backup each, and everything that can happen to an ECMG. SIMC_SCSD_ROUNDS repeats the faults (the
# long tests do). `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;

use Simc::Daemon;
use Simc::Json;
use Simc::Run;

my $ROUNDS = $ENV{SIMC_SCSD_ROUNDS} || 1;
my $TICKS = 27_000_000;
my ($A, $B) = ('0x12340001', '0x56780001');

my $scsd = program('scsd', 'scs');
my $ecmgd = program('ecmgd', 'ecmg');
my $simulcrypt = program('simulcrypt', 'cli');
my $mux_sim = builddir() . '/mux-sim';
-x $mux_sim or skip_or_fail('mux-sim is not built');

my $keys = scratch('keys.yaml');
my $made = run([$simulcrypt, 'keys', 'new', $keys, '--package', 1, '--package', 2]);
is($made->{status}, 0, 'keys are made') or diag($made->{err});

# ---- ECMGs ----

my @ecmgs = (
    {name => 'a1', id => $A, more => ''},
    {name => 'a2', id => $A, more => ''},
    {name => 'b1', id => $B, more => 'delay_start: -300, delay_stop: 200, max_comp_time: 300ms, '},
    {name => 'b2', id => $B, more => 'delay_start: -300, delay_stop: 200, max_comp_time: 300ms, '},
);
my %ecmg = map { $_->{name} => $_ } @ecmgs;
$_->{port} = free_port() for @ecmgs;

sub start_ecmg {
    my ($name) = @_;
    my $is = $ecmg{$name};
    my $path = write_file(scratch("$name.yaml"), <<"END");
listen: [{address: '127.0.0.1:$is->{port}'}]
admin: {listen: null}
systems:
  - {super_cas_id: $is->{id}, key_file: '$keys', $is->{more}min_cp_duration: 500ms}
END
    $is->{daemon} = Simc::Daemon->start([$ecmgd, '--config', $path]);
    ok($is->{daemon}{is_ready}, "$name runs") or diag($is->{daemon}->log_text);
    return;
}

sub kill_ecmg {
    my ($name) = @_;
    $ecmg{$name}{daemon}->signal('KILL');
    $ecmg{$name}{daemon}->finish;
    return;
}

# ---- faults between scsd and an ECMG ----

# Passes bytes on as a file says: "pass", "slow" (each answer a second late), "mute" (what the ECMG
# sends is dropped, the connection stands), "wrong" (sections whose length is a lie).
sub start_faults {
    my ($name) = @_;
    my $is = $ecmg{$name};
    my $listen = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', ReuseAddr => 1)
        or die "no socket: $!\n";
    $is->{front} = $listen->sockport;
    $is->{manner} = write_file(scratch("$name.manner"), 'pass');
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid) {
        $is->{proxy} = $pid;
        return;
    }
    $SIG{TERM} = 'DEFAULT';
    $SIG{PIPE} = 'IGNORE';
    eval { pass_on($listen, $is->{port}, $is->{manner}); 1 } or warn $@;
    POSIX::_exit(0);
}

# The bytes of an answer of the ECMG as the manner has them.
sub altered {
    my ($manner, $bytes) = @_;
    return '' if $manner eq 'mute';
    # table_id, section_length and the first bytes behind them of an ECM of CA profile 1.
    $bytes =~ s/([\x80\x81])\x70(?=.\x11\x83)/$1\x71/gs if $manner eq 'wrong';
    return $bytes;
}

sub pass_on {
    my ($listen, $port, $file) = @_;
    my $select = IO::Select->new($listen);
    my (%other, %is_server, @late);
    my $parent = getppid;
    while (getppid == $parent) {
        my $manner = read_file($file);
        my $now = POSIX::floor(1000 * time_now());
        while (@late && $late[0][0] <= $now) {
            my ($due, $to, $bytes) = @{shift @late};
            syswrite $to, $bytes if fileno $to;
        }
        for my $from ($select->can_read(0.02)) {
            if ($from == $listen) {
                my $client = $listen->accept or next;
                my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 2);
                if (!$server) {
                    close $client;
                    next;
                }
                @other{$client, $server} = ($server, $client);
                $is_server{$server} = 1;
                $select->add($client, $server);
                next;
            }
            my $got = sysread $from, my $bytes, 65536;
            my $to = $other{$from};
            if (!$got) {
                for ($from, $to) {
                    $select->remove($_);
                    close $_;
                }
                next;
            }
            $bytes = altered($manner, $bytes) if $is_server{$from};
            if ($manner eq 'slow' && $is_server{$from}) {
                push @late, [$now + 1500, $to, $bytes];
            } elsif (length $bytes) {
                syswrite $to, $bytes;
            }
        }
    }
    return;
}

sub time_now {
    require Time::HiRes;
    return Time::HiRes::time();
}

END {
    my $status = $?;
    kill KILL => map { $_->{proxy} || () } @ecmgs;
    $? = $status;
}

# ---- scsd and the mux ----

my $socket = scratch('link');
my $admin = free_port();

sub configuration {
    my ($more) = @_;
    my %port = map { $_->{name} => $_->{front} || $_->{port} } @ecmgs;
    my $timers = 'idle_test: 1s, test: 1s, setup: 500ms, retry_first: 200ms, retry_most: 500ms';
    return <<"END";
admin: {listen: '127.0.0.1:$admin'}
link: {socket: '$socket', listen: null}
hold: 1s
ecmgs:
  - {name: a1, super_cas_id: $A, address: '127.0.0.1:$port{a1}', $timers}
  - {name: a2, super_cas_id: $A, address: '127.0.0.1:$port{a2}', priority: 1, $timers}
  - {name: b1, super_cas_id: $B, address: '127.0.0.1:$port{b1}', $timers}
  - {name: b2, super_cas_id: $B, address: '127.0.0.1:$port{b2}', priority: 1, $timers}
scgs:
  - id: 1
    name: channel one
    services: [{service_id: 1}]
    crypto_period: 1s
    margin: 3s
    streams:
      - {super_cas_id: $A, ecm_id: 1, package: 1}
      - {super_cas_id: $A, ecm_id: 2, package: 2}
      - {super_cas_id: $B, ecm_id: 1, package: 1}
$more
END
}

my ($scs, $mux);

sub start_scsd {
    my ($more) = @_;
    my $path = write_file(scratch('scsd.yaml'), configuration($more || ''));
    $scs = Simc::Daemon->start([$scsd, '--config', $path]);
    ok($scs->{is_ready}, 'scsd runs') or diag($scs->log_text);
    return;
}

sub start_mux {
    my (@options) = @_;
    $mux = Simc::Daemon->start([$mux_sim, '--connect', $socket, '--service', '1:1:1:256,257',
        '--name', 'mux', @options], ready => 0, no_systemd => 1);
    return;
}

# What the mux says so far. A line that is being written is left out.
sub said {
    my $text = -e $mux->{out} ? read_file($mux->{out}) : ''; # it may not have begun yet
    $text =~ s/[^\n]*\z//;
    return json_lines($text);
}

sub periods {
    return grep { $_->{event} eq 'period' } said();
}

# Waits until so many further periods are on air; bounded.
sub pass_periods {
    my ($count) = @_;
    my $wanted = periods() + $count;
    my $end = time + 3 * $count + 30;
    while (time < $end) {
        return 1 if periods() >= $wanted;
        select undef, undef, undef, 0.1; # what is waited for is a file that grows
    }
    diag($scs->log_text);
    return 0;
}

# Waits until a line of the mux fits; bounded.
sub wait_for_mux {
    my ($fits, $seconds) = @_;
    my $end = time + $seconds;
    while (time < $end) {
        return 1 if grep { $fits->($_) } said();
        select undef, undef, undef, 0.1;
    }
    return 0;
}

sub metric {
    my ($name) = @_;
    my $reply = http_get("127.0.0.1:$admin", '/metrics');
    return $reply->{body} =~ /^\Q$name\E ([0-9.e+]+)$/m ? $1 : undef;
}

# How many periods did not last as long as they should.
sub stretched {
    my @at = map { $_->{at} } grep { $_->{event} eq 'period' } @_;
    return scalar grep { $at[$_] - $at[$_ - 1] != $TICKS } 1 .. $#at;
}

sub end_mux {
    $mux->stop;
    my @lines = said();
    my ($summary) = grep { $_->{event} eq 'summary' } @lines;
    return ($summary || {}, @lines);
}

# What must never happen, whatever fails.
sub is_consistent {
    my ($summary, $what) = @_;
    is($summary->{$_}, 0, "$what: $_ 0")
        for qw(cw_conflicts parity_repeats cp_gaps periods_without_word windows_without_ecm
            overfull);
    return;
}

start_faults($_) for qw(a1 b1);
start_ecmg($_) for map { $_->{name} } @ecmgs;

# ---- faults of the preferred ECMGs, while the backups live ----

subtest 'a backup lives' => sub {
    start_scsd();
    start_mux();
    ok(pass_periods(3), 'periods are on air');
    is(http_get("127.0.0.1:$admin", '/readyz')->{status}, 200, 'it is ready');
    my @primaries = qw(a1 b1);
    my $manner = sub { write_file($ecmg{$_}{manner}, $_[0]) for @primaries; return };
    for my $round (1 .. $ROUNDS) {
        kill_ecmg($_) for @primaries;
        ok(pass_periods(3), 'kill -9');
        start_ecmg($_) for @primaries;
        ok(pass_periods(2), 'started again');
        $ecmg{$_}{daemon}->signal('STOP') for @primaries;
        ok(pass_periods(4), 'SIGSTOP');
        $ecmg{$_}{daemon}->signal('CONT') for @primaries;
        ok(pass_periods(2), 'SIGCONT');
        for my $fault (qw(slow mute wrong)) {
            $manner->($fault);
            ok(pass_periods(3), $fault);
            $manner->('pass');
            ok(pass_periods(4), 'over'); # they go back to it after the hold
        }
        for (1 .. 3) {
            kill_ecmg('a1');
            start_ecmg('a1');
            ok(pass_periods(1), 'a restart in a loop');
        }
    }
    my $late = metric('scs_late_ecms_total');
    my $stretched = metric('scs_stretched_total');
    my $switches = metric('scs_switches_total');
    my %label = map { $_ => "{ecmg=\"$_\",super_cas_id=\"$ecmg{$_}{id}\"}" } @primaries;
    cmp_ok(metric("scs_ecmg_bad_ecms_total$label{$_}"), '>', 0, "$_ has sent wrong ECMs")
        for @primaries;
    cmp_ok(metric("scs_ecmg_timeouts_total$label{$_}"), '>', 0, "$_ has not answered in time")
        for @primaries;
    my ($summary, @lines) = end_mux();
    is_consistent($summary, 'faults');
    is($summary->{late_orders}, 0, 'no order was late');
    is($summary->{missed_windows}, 0, 'no window was missed');
    is($summary->{periods_without_ecm}, 0, 'no period was without an ECM');
    is(stretched(@lines), 0, 'no period was stretched');
    is($late, 0, 'no ECM was late');
    is($stretched, 0, 'scsd says the same');
    cmp_ok($switches, '>=', 10 * $ROUNDS, 'streams went to the backups and back');
    note("$summary->{periods} periods, $summary->{ecms} ECMs, $switches switches, ",
        "$late late ECMs, $stretched stretched periods");
    is($scs->stop, 0, 'scsd ends') or diag($scs->log_text);
};

# ---- the policy, when all are dead ----

subtest 'all are dead' => sub {
    start_scsd("    on_loss: [{action: keep, limit: 2s}, {action: clear}]");
    start_mux();
    ok(pass_periods(4), 'periods are on air');
    kill_ecmg($_) for qw(a1 a2);
    ok(wait_for_mux(sub { $_[0]{event} eq 'clear' }, 30), 'it becomes clear');
    my $status = http_get("127.0.0.1:$admin", '/v1/status')->{body};
    like($status, qr/"alarm":"NO_ECMG","grade":"major"/, 'a major alarm: no ECMG');
    like($status, qr/"alarm":"LOSS","grade":"critical"/, 'a critical one: clear');
    is(http_get("127.0.0.1:$admin", '/readyz')->{status}, 503, 'it is not ready');
    my @before = said();
    start_ecmg($_) for qw(a1 a2);
    ok(pass_periods(3), 'scrambled again');
    my ($summary, @lines) = end_mux();
    is_consistent($summary, 'policy');
    is($summary->{clears}, 1, 'it was clear once');
    my @periods = grep { $_->{event} eq 'period' } @before;
    my ($clear) = grep { $_->{event} eq 'clear' } @before;
    my $length = ($clear->{at} - $periods[-1]{at}) / $TICKS;
    note(sprintf 'the last period lasted %.2f s before it became clear', $length);
    cmp_ok($length, '>=', 2.5, 'the word was kept for two seconds beyond its period and lead');
    cmp_ok($length, '<', 5, 'and not much longer');
    is($scs->stop, 0, 'scsd ends');
};

# ---- restarts of scsd, while the mux goes on ----

subtest 'scsd is killed' => sub {
    start_scsd();
    start_mux();
    ok(pass_periods(3), 'periods are on air');
    for (1 .. 3) {
        $scs->signal('KILL');
        $scs->finish;
        start_scsd();
        ok(pass_periods(2), 'it goes on');
    }
    my ($summary, @lines) = end_mux();
    is_consistent($summary, 'restarts');
    is(scalar(grep { $_->{event} eq 'period' && $_->{first} } @lines), 1,
        'scrambling began only once');
    is(stretched(@lines), 0, 'no period was stretched');
    is($scs->stop, 0, 'scsd ends');
};

# ---- --print ----

subtest 'print' => sub {
    my $run = Simc::Daemon->start([$scsd, '--ecmg', "127.0.0.1:$ecmg{a2}{port}", '--super-cas-id',
        $A, '--access-criteria', 'a10101', '--cp-duration', '1s', '--json', '--admin', 'null']);
    ok($run->{is_ready}, 'it runs without a mux') or diag($run->log_text);
    my @lines;
    my $end = time + 20;
    while (time < $end && 4 > grep { $_->{event} eq 'period' } @lines) {
        select undef, undef, undef, 0.1;
        my $text = read_file($run->{out});
        $text =~ s/[^\n]*\z//;
        @lines = json_lines($text);
    }
    is($run->stop, 0, 'it ends');
    my @periods = grep { $_->{event} eq 'period' } @lines;
    cmp_ok(scalar @periods, '>=', 4, 'it prints periods');
    is($periods[1]{start} - $periods[0]{start}, 1, 'they last a second');
    is($periods[0]{parity}, 'even', 'and take turns');
    is($periods[1]{parity}, 'odd', 'and take turns');
    my @ecms = map { $_->{datagram} . "\n" } grep { $_->{event} eq 'ecm' } @lines;
    my $saved = write_file(scratch('ecms'), join '', @ecms);
    my $opened = run([$simulcrypt, 'ecm', '--json', '--key-file', $keys, $saved]);
    is($opened->{status}, 0, 'its ECMs open') or diag(substr $opened->{err}, 0, 500);
    is(scalar(grep { $_->{opened} } json_lines($opened->{out})), scalar @ecms, 'all of them');
};

# ---- what it says to mistakes ----

subtest 'mistakes' => sub {
    my $run = run([$scsd, '--print']);
    is($run->{status}, 1, 'options that are missing');
    like($run->{err}, qr/--ecmg HOST:PORT is missing/, 'are named');
    $run = run([$scsd, '--print-sample']);
    is($run->{status}, 0, 'a sample');
    my $path = write_file(scratch('sample.yaml'), $run->{out});
    $run = run([$scsd, '--config', $path, '--check']);
    is($run->{status}, 0, 'is good') or diag($run->{out} . $run->{err});
    $path = write_file(scratch('bad.yaml'), "ecmgs: [{name: a, super_cas_id: 1, address: 'h:1'}]\n"
        . "scgs: [{id: 1, streams: [{super_cas_id: 2, ecm_id: 1}]}]\n");
    $run = run([$scsd, '--config', $path, '--check']);
    is($run->{status}, 1, 'a fault');
    like($run->{err} . $run->{out}, qr/no entry of ecmgs has Super_CAS_id 0x00000002/, 'is told');
};

done_testing();
