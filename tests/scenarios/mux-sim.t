#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The mux simulator obeys an SCS that is played here: definitions, orders, what goes on air when,
# what it reports, its plan behind a restart, and what it counts as wrong. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;
use Time::HiRes qw(time);

use Simc::Daemon;
use Simc::Json;
use Simc::Link;
use Simc::Run;

my ($ANNOUNCE, $TIMELINE, $REPORTS, $ALARM, $PLAN, $DEFINE, $REMOVE, $ORDERS) = (1 .. 4, 16 .. 19);
my $MS = 27000;    # ticks
my $SECONDS = 20;
my $KEY = '00112233445566778899aabbccddeeff';
my $program = program('mux-sim', 'uv');
my $path = scratch('scs.sock');
my $scs = Simc::Link->new($path, 'scs-mux');

sub mux {
    my (@options) = @_;
    my $mux = Simc::Daemon->start([$program, '--connect', $path, '--fingerprint-key', $KEY,
        @options], ready => 0);
    $scs->accept_peer;
    return $mux;
}

sub lines { my ($mux) = @_; return json_lines(read_file($mux->{out})) }

sub line {
    my ($mux, $event, %want) = @_;
    my @found = grep {
        my $line = $_;
        $line->{event} eq $event && !grep { $line->{$_} ne $want{$_} } keys %want;
    } lines($mux);
    return $found[0];
}

# Waits for a line while the link is served.
sub wait_line {
    my ($mux, $event, %want) = @_;
    return $scs->wait_until(sub { line($mux, $event, %want) });
}

sub tick_now {
    my ($timeline) = $scs->event($TIMELINE);
    return ($timeline =~ /^\[(\d+), (\d+)/)[1];
}

my $define = '[7, "channel 7", 2, false, [[null, null, 5, []], [null, null, 99, []]], '
    . '[[0, 19136513, 1, 0, false, h\'abcd\'], [1, 19136513, 2, 1280, true, h\'\']]]';

# ---- an order of things as it should be ----

my $state = scratch('mux.state');
my $mux = mux('--service', '1:2:5:0x100,0x101', '--state', $state, '--name', 'a mux',
    '--show-secrets', '--show-ecms', '--air-lead', 50);
my $announced = '50, 4096, false, [[1, 2, 5, 8191, "service 5", [[256, 27], [257, 27]]]]]';
like($scs->event($ANNOUNCE), qr/^\["a mux", \d+, \Q$announced\E$/, 'it announces its services');
my $now = tick_now();
is($scs->request($PLAN, 'null')->{body} =~ /, true, \[\]\]$/ ? 'empty' : 'not', 'empty',
    'a new mux has no plan');
is($scs->request($DEFINE, $define)->{body}, '[[7936, 1280], "service 0x0063 is not in the '
    . 'multiplex now"]', 'a definition is answered with PIDs and a remark');
is($scs->request($REMOVE, '8')->{code}, 3, 'an SCG that is not there cannot be removed');
is($scs->request(77, 'null')->{code}, 2, 'another request is not known');

my $start = $now + 400 * $MS;
my ($second, $stop) = ($start + 300 * $MS, $start + 600 * $MS);
my @words = map { [10 + $_, sprintf '%016x', 0x1000 + $_] } 0, 1;
$scs->send_event($ORDERS, '[' . join(', ', map({ "[0, 7, $_->[0], h'$_->[1]']" } @words),
    map({ my $stream = $_; map { "[1, 7, $stream, $_, false, h'8070010$stream']" } 10, 11 } 0, 1),
    "[2, 7, 10, $start, 0, true]", "[2, 7, 11, $second, 1, false]",
    map({ my $stream = $_; "[3, 7, $stream, 10, " . ($start - 100 * $MS) . ", null, 100]",
        "[3, 7, $stream, 10, " . ($start - 100 * $MS) . ', ' . ($second - 50 * $MS) . ', 100]',
        "[3, 7, $stream, 11, " . ($second - 50 * $MS) . ", null, 100]" } 0, 1)) . ']');
ok(wait_line($mux, 'word', cp => 10, cw => $words[0][1]), 'a control word is shown when wanted');
ok(wait_line($mux, 'ecm', cp => 11, stream => 1, hex => '80700101'), 'an ECM too');
like($scs->event($REPORTS, qr/\[0, 7, 11,/), qr/\[0, 7, 11, $second, 1\]/,
    'the second period began at its tick');
is(line($mux, 'period', cp => 10)->{at}, $start, 'the first one too');
is(line($mux, 'window', cp => 10, stream => 1)->{at}, $start - 100 * $MS, 'windows as ordered');
is(line($mux, 'window-end', cp => 10, stream => 0)->{at}, $second - 50 * $MS, 'their ends too');
is(line($mux, 'window-end', cp => 10, stream => 0)->{count}, 4, 'with the repetitions');
is(line($mux, 'period', cp => 11)->{print}, line($mux, 'word', cp => 11)->{print},
    'the word on air is the one that was ordered');

# ---- kill -9, and the plan ----

$scs->send_event($ORDERS, "[[0, 7, 12, h'0000000000001002']]");
ok(wait_line($mux, 'word', cp => 12), 'a word in reserve');
$scs->wait_until(sub { read_file($state) =~ /\0\0\0\0\0\0\x10\x02/ });
$mux->signal('KILL');
$mux->finish;
$scs->hang_up;
$mux = mux('--state', $state, '--services', 2);
my $plan = $scs->request($PLAN, 'null')->{body};
like($plan, qr/, true, \[\[7, false, 0, \[\[0, 19136513, 1, 7936\], \[1, 19136513, 2, 1280\]\], /,
    'the plan has the SCG and its streams');
my $kept = "[[10, $start, h'$words[0][1]'], [11, $second, h'$words[1][1]'], "
    . "[12, null, h'0000000000001002']]";
like($plan, qr/\Q$kept\E/, 'periods and the word in reserve');
my $open = $second - 50 * $MS;
like($plan, qr/, \[\[0, 11, $open, 100\], \[1, 11, $open, 100\]\]\]\]\]$/, 'and open windows');
is($scs->request($PLAN, '7')->{body} =~ /, true, \[\]\]$/ ? 'none' : 'some', 'none',
    'nothing behind the last SCG');
$scs->request($DEFINE, $define);
is(wait_line($mux, 'define')->{alike}, 1, 'the same definition goes on');

# ---- what is wrong is counted and told ----

$now = tick_now();
my $late = $now - 1000 * $MS;
$scs->send_event($ORDERS, "[[0, 7, 12, h'0000000000009999'], [2, 7, 12, $late, 0, false]]");
like($scs->event($ALARM), qr/^\[5, 7, null, true, /, 'another word for a CP is an alarm');
ok(wait_line($mux, 'late', cp => 12, order => 2), 'a late order is told');
$scs->send_event($ORDERS, '[[2, 7, 13, ' . ($now + 300 * $MS) . ', 0, false], [3, 7, 0, 13, '
    . ($now + 310 * $MS) . ', null, 100], [3, 7, 1, 11, ' . ($open) . ', ' . ($now - 1) . ', 100], '
    . '[4, 7, ' . ($now + 500 * $MS) . ']]');
like($scs->event($ALARM), qr/^\[3, 7, null, true, /, 'a period without its word is an alarm');
like($scs->event($ALARM), qr/^\[4, 7, 0, true, /, 'a window without its ECM is an alarm');
ok(wait_line($mux, 'clear', scg => 7), 'the end of scrambling');
is($scs->request($REMOVE, '7')->{body}, 'null', 'the SCG is removed');
$scs->send_event($ORDERS, '[[9]]');
ok($scs->wait_until(sub { $scs->{closed} }), 'orders that break the rules end the link');
is($mux->stop, 0, 'it ends when it is told to');
my $summary = line($mux, 'summary');
my %want = (late_orders => 1, cw_conflicts => 1, periods_without_word => 1,
    windows_without_ecm => 1, periods_without_ecm => 1, parity_repeats => 1, cp_gaps => 0,
    clears => 1, periods => 2);
is_deeply({map { $_ => $summary->{$_} } keys %want}, \%want, 'the summary counts it');
$scs->hang_up;

# ---- timelines ----

$mux = mux('--services', 1, '--ppm', 200, '--jump', '300:5000', '--jump', '600:-400');
like($scs->event($TIMELINE), qr/, 27005400, 0, false\]$/, 'a timeline with another rate');
my $before = ($scs->event($TIMELINE) =~ /^\[\d+, (\d+)/)[0];
my $jump = wait_line($mux, 'jump', by_ms => 5000);
cmp_ok($jump->{tick}, '>', $before - 700 * $MS, 'it jumps');
like($scs->event($TIMELINE, qr/, 0, 0, false\]/), qr/, 0, 0, false\]/, 'and stands');
$mux->stop;
my @ticks = map { $_->{tick} } lines($mux);
ok(!grep({ $ticks[$_] < $ticks[$_ - 1] } 1 .. $#ticks), 'but never runs backwards');
$scs->hang_up;

$mux = mux('--services', 1, '--file', '1000:2000');
is($scs->request($DEFINE, '[1, "", 2, false, [[null, null, 1, []]], []]')->{body}, '[[], ""]',
    'file mode');
for my $ms (500, 1500, 2500) {
    $scs->send_event($ORDERS, '[[5, 1, ' . $ms * $MS . ']]');
    my $at = ($ms > 2000 ? 2000 : $ms) * $MS;
    my $horizon = $at + 1000 * $MS;
    ok($scs->event($TIMELINE, qr/^\[\d+, $at, \d+, \d+, $horizon, /),
        "the timeline comes to what is planned: $ms ms");
}
is($mux->finish($SECONDS), 0, 'and ends with its input');
$scs->hang_up;

# ---- stalls ----

$mux = mux('--services', 1, '--stall', '0:700');
ok(wait_line($mux, 'stall'), 'it stops reading');
$scs->send_event($ORDERS, "[[4, 1, 5]]");
ok(wait_line($mux, 'stray', scg => 1), 'and reads on afterwards');
cmp_ok(line($mux, 'stray')->{us}, '>=', line($mux, 'stall-end')->{us}, 'not before');
$mux->stop;

done_testing;
