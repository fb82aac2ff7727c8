#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# scsd against scripted ECMGs: every conversation with an SCS, in versions 2 and 3, and known ECMGs
# with their quirks, all at the same time. What would be on air is judged by what scsd prints, what
# was sent by a capture that tshark reads too. docs/conformance-scs.md has the table of rows.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use List::Util qw(first min);
use Test::More;

use Simc::Daemon;
use Simc::Json;
use Simc::Pcap;
use Simc::Proxy;
use Simc::Run;
use Simc::ScriptedEcmgs;
use Simc::Tshark;

my %program = (scsd => program('scsd', 'scs'), converse => program('converse'));
my $dir = srcdir() . '/tests/conversations';
my @rows = glob "$dir/scs/*.conv";
my @peers = glob "$dir/ecmg-peers/*.conv";
my $ROWS = 86;

# Differences that are ours, each with its reason.
my %WARNED = ();
# Rows that no conversation can show, and where they are shown.
my %ELSEWHERE = (
    'SCS-086' => 'scsd has no EIS interface; changes of access criteria at a time are in the unit '
        . 'tests of the scheduler, at a reload in SCS-060 to 062',
);
# Rows of one version.
my %VERSION_3 = map { $_ => 'it begins with version 3' } qw(SCS-005 SCS-006);

# ---- what is on air ----

# Seconds with three digits behind the point, cut and not rounded.
my $TOLERANCE = 0.0025;
my $DELAY = -0.2;

sub near {
    my ($got, $wanted) = @_;
    return defined $got && abs($got - $wanted) <= $TOLERANCE;
}

sub period {
    my ($row, $cp) = @_;
    return first { $_->{cp} == $cp } @{$row->{air}{periods}};
}

# When a period ends: the next one begins, or scrambling ends.
sub end_of {
    my ($row, $cp) = @_;
    my $start = period($row, $cp)->{start};
    return min grep { $_ > $start } map { $_->{start} } @{$row->{air}{periods}},
        @{$row->{air}{clear}};
}

# The windows of the n-th ECM stream.
sub windows {
    my ($row, $n) = @_;
    my @keys = sort keys %{$row->{air}{windows}};
    return $row->{air}{windows}{$keys[$n || 0]} || {};
}

# The first thing that is wrong with the windows of some periods; %delay: start and stop, and
# start_of => {cp => ...}, stop_of => {cp => ...} for single ones.
sub windows_fault {
    my ($row, $from, $to, %delay) = @_;
    my $windows = windows($row, $delay{stream});
    for my $cp ($from .. $to) {
        my ($window, $period) = ($windows->{$cp}, period($row, $cp));
        return "CP $cp has no period" if not $period;
        return "CP $cp has no window" if not $window;
        my $start = exists $delay{start_of}{$cp} ? $delay{start_of}{$cp} : $delay{start};
        my $stop = exists $delay{stop_of}{$cp} ? $delay{stop_of}{$cp} : $delay{stop};
        my ($begins, $ends) = ($period->{start}, end_of($row, $cp));
        return "CP $cp begins at $begins, its ECM at $window->{start}"
            if !near($window->{start}, $begins + $start);
        return "CP $cp does not end" if not defined $ends;
        return "CP $cp ends at $ends, its ECM at " . ($window->{stop} // 'no time')
            if !near($window->{stop}, $ends + $stop);
    }
    return '';
}

sub durations_fault {
    my ($row, %wanted) = @_;
    for my $cp (sort { $a <=> $b } keys %wanted) {
        my $period = period($row, $cp) or return "CP $cp has no period";
        my $end = end_of($row, $cp);
        return "CP $cp does not end" if not defined $end;
        my $lasts = $end - $period->{start};
        return "CP $cp lasts $lasts s and not $wanted{$cp} s" if !near($lasts, $wanted{$cp});
    }
    return '';
}

sub repetition_fault {
    my ($row, $n, $wanted) = @_;
    my @others = grep { $_->{repetition_ms} != $wanted } values %{windows($row, $n)};
    return 'there is no window' if !%{windows($row, $n)};
    return @others ? "an ECM is repeated every $others[0]{repetition_ms} ms" : '';
}

# The datagram that was taken for a period is the one that tells this period.
sub datagram_fault {
    my ($row, @cps) = @_;
    for my $cp (@cps) {
        my @came = grep { $_->{cp} == $cp } @{$row->{air}{ecms}};
        return "for CP $cp " . @came . ' ECMs were taken' if @came != 1;
        my $wanted = sprintf '%02x7008%04x454d', 0x80 + $cp % 2, $cp;
        return "the ECM of CP $cp is $came[0]{datagram}" if $came[0]{datagram} !~ /$wanted/;
    }
    return '';
}

sub changed_at {
    my ($row) = @_;
    my ($cp) = $row->{said} =~ /note: changed at (\d+)/;
    return $cp;
}

# With the plain delays, up to some period.
sub plain {
    my ($row, $to) = @_;
    return windows_fault($row, 16, $to, start => $DELAY, stop => $DELAY);
}

# What has to be on air, row by row; each says what is wrong, or ''.
my %AIR = (
    'SCS-011' => sub { plain($_[0], 19) },
    'SCS-012' => sub {
        windows_fault($_[0], 16, 17, start => $DELAY, stop => $DELAY, start_of => {16 => -0.4});
    },
    'SCS-021' => sub { durations_fault($_[0], 16 => 1.5, 17 => 1.5) },
    'SCS-022' => sub {
        my $last = $_[0]{air}{periods}[-2] or return 'there are too few periods';
        return durations_fault($_[0], $last->{cp} => 1.3);
    },
    'SCS-023' => sub {
        my $lasts = end_of($_[0], 16) - period($_[0], 16)->{start};
        return $lasts < 1.5 - $TOLERANCE ? "a period lasts $lasts s" : '';
    },
    'SCS-028' => sub { plain($_[0], 18) },
    'SCS-039' => sub {
        my ($row) = @_;
        my @periods = @{$row->{air}{periods}};
        my @wrong = grep { $_->{parity} ne ($_->{cp} % 2 ? 'odd' : 'even') } @periods;
        my @same = grep { $periods[$_]{parity} eq $periods[$_ - 1]{parity} } 1 .. $#periods;
        return @periods < 5 ? 'there are too few periods'
            : @wrong ? "CP $wrong[0]{cp} has the $wrong[0]{parity} key"
            : @same ? 'two periods have the same parity' : '';
    },
    'SCS-042' => sub {
        my ($row) = @_;
        my ($cp) = $row->{said} =~ /note: changed at (\d+)/ or return 'it has not changed';
        return durations_fault($row, 16 => 1, $cp - 1 => 1, $cp => 1.3, $cp + 1 => 1.3);
    },
    'SCS-043' => sub { plain($_[0], 18) },
    'SCS-044' => sub {
        my ($row) = @_;
        my ($before, $late) = (period($row, 18), period($row, 19));
        return 'CP 19 did not begin' if not $late;
        my $lasts = $late->{start} - $before->{start};
        return "CP 18 was not stretched: $lasts s" if $lasts < 1.3;
        return windows_fault($row, 18, 18, start => $DELAY, stop => $DELAY) && ''
            || datagram_fault($row, 16 .. 20);
    },
    (map { $_ => sub { datagram_fault($_[0], 16 .. 19) } } qw(SCS-045 SCS-046 SCS-047 SCS-048
        SCS-049 SCS-052 SCS-054)),
    'SCS-050' => sub {
        my ($row) = @_;
        return 'there is an ECM for CP 18' if windows($row)->{18};
        return windows_fault($row, 16, 17, start => $DELAY, stop => $DELAY)
            || windows_fault($row, 19, 20, start => $DELAY, stop => $DELAY);
    },
    'SCS-051' => sub {
        repetition_fault($_[0], 0, 150) || datagram_fault($_[0], 16 .. 19) || plain($_[0], 19);
    },
    'SCS-053' => sub {
        my @others = grep { $_->{size} != 376 } @{$_[0]{air}{ecms}};
        return @{$_[0]{air}{ecms}} < 3 ? 'there are too few ECMs'
            : @others ? "an ECM has $others[0]{size} bytes" : plain($_[0], 18);
    },
    'SCS-055' => sub { windows_fault($_[0], 16, 19, start => -0.5, stop => -0.5) },
    'SCS-056' => sub { windows_fault($_[0], 16, 19, start => 0.2, stop => 0.2) },
    'SCS-057' => sub { windows_fault($_[0], 16, 19, start => 0, stop => -0.3) },
    'SCS-058' => sub {
        windows_fault($_[0], 16, 17, start => $DELAY, stop => $DELAY, start_of => {16 => -2});
    },
    'SCS-059' => sub {
        my ($row) = @_;
        return 'scrambling has not ended' if not @{$row->{air}{clear}};
        my $last = $row->{air}{periods}[-1]{cp};
        return windows_fault($row, 16, $last, start => $DELAY, stop => $DELAY,
            stop_of => {$last => 1});
    },
    'SCS-060' => sub {
        my ($row) = @_;
        my $cp = changed_at($row);
        return windows_fault($row, 16, $cp + 1, start => $DELAY, stop => $DELAY,
            start_of => {$cp => -0.7});
    },
    'SCS-061' => sub {
        my ($row) = @_;
        my $cp = changed_at($row);
        return windows_fault($row, 16, $cp + 1, start => -0.3, stop => -0.3,
            start_of => {$cp => -0.1}, stop_of => {$cp - 1 => -0.1});
    },
    'SCS-062' => sub { plain($_[0], changed_at($_[0]) + 1) },
    'SCS-063' => sub { repetition_fault($_[0], 0, 100) || repetition_fault($_[0], 1, 500) },
    'SCS-064' => sub { repetition_fault($_[0], 0, 100) },
    'SCS-066' => sub { plain($_[0], 19) },
    'SCS-075' => sub {
        durations_fault($_[0], map { $_ => 1 } 16 .. 22)
            || windows_fault($_[0], 16, 22, start => $DELAY, stop => $DELAY);
    },
    'peer-cisco-overrides' => sub {
        repetition_fault($_[0], 0, 120)
            || windows_fault($_[0], 16, 20, start => -0.3, stop => -0.3, start_of => {16 => -0.5});
    },
    'peer-empty-ecms' => sub {
        my ($row) = @_;
        my @there = grep { windows($row)->{$_} } 16 .. 21;
        return "@there" eq '18 21' ? '' : "ECMs of CP @there are on air";
    },
);

# Nothing is scrambled in a period whose ECMs had not come before it, and nothing has a second
# control word or ECM.
sub air_fault {
    my ($row) = @_;
    my %came;
    for my $ecm (@{$row->{air}{ecms}}) {
        my $key = "$ecm->{super_cas_id}/$ecm->{ecm_id}";
        $came{$key}{$ecm->{cp}} //= $ecm->{time};
        return "the dead ECM was taken" if $ecm->{datagram} =~ /44454144/;
    }
    # An empty ECM is no order to a mux.
    return '' if $row->{id} eq 'SCS-050';
    for my $period (@{$row->{air}{periods}}) {
        for my $stream (keys %came) {
            my $time = $came{$stream}{$period->{cp}};
            next if !defined $time && $row->{needs}{set}{stream}{required};
            next if !defined $time && $row->{needs}{set}{stream_2}{required};
            return "CP $period->{cp} begins at $period->{start}, but its ECM of $stream came at "
                . ($time // 'no time') if !defined $time || $time > $period->{start};
        }
    }
    return '';
}

# ---- what the log says ----

# All of these must be found in what it says of the row.
my %LOG = (
    'SCS-004' => [qr/"DOWN_LAST"/],
    'SCS-006' => [qr/"DOWN_LAST"/, qr/version/],
    'SCS-007' => [qr/"DOWN_LAST"/, qr/unknown Super_CAS_id/, qr/"super_cas_id":"0x4A/i],
    'SCS-008' => [qr/already in use/],
    'SCS-009' => [qr/0x9001/],
    'SCS-010' => [qr/0x0008/, qr/0x000c/i, qr/no licence left/],
    'SCS-018' => [qr/version/],
    'SCS-045' => [qr/too late|was dropped|dropped/],
    'SCS-046' => [qr/dropped/],
    'SCS-048' => [qr/dropped/],
    'SCS-073' => [qr/0x000d/i],
    'SCS-084' => [qr/forty bytes of text/],
);

sub log_fault {
    my ($row) = @_;
    my $text = join "\n", map { JSON::PP->new->canonical->encode($_) } @{$row->{log}};
    for my $pattern (@{$LOG{$row->{id}} || []}) {
        return "the log has nothing of $pattern:\n$text" if $text !~ $pattern;
    }
    return '';
}

# ---- the runs ----

sub prepare {
    my ($name, $files, %how) = @_;
    return Simc::ScriptedEcmgs->prepare(%program, files => $files, name => $name, %how);
}

# The verdict of a row by all that is known of it.
sub judge {
    my ($row) = @_;
    my $id = $row->{id};
    return $row->{why} if $row->{verdict} eq 'not ok';
    return $row->{why} if $row->{verdict} eq 'warning' && !$WARNED{$id};
    note("$id: $WARNED{$id}") if $row->{verdict} eq 'warning';
    return $AIR{$id} && eval { $AIR{$id}->($row) } || $@ || air_fault($row) || log_fault($row);
}

sub report {
    my ($run) = @_;
    my %seen;
    for my $row (@{$run->{rows}}) {
        my $fault = $row->{verdict} eq 'skip' ? '' : judge($row);
        $seen{$row->{id}} = 1 if $row->{verdict} ne 'skip';
        ok($fault eq '', "$row->{id} ($run->{name})") or diag($fault);
    }
    is($run->{status}, 0, "$run->{name}: scsd ends well");
    return \%seen if !$run->{mux};
    is($run->{mux_status}, 0, "$run->{name}: the mux too");
    is($run->{summary}{$_}, 0, "$run->{name}: it counts no $_")
        for qw(cw_conflicts periods_without_word windows_without_ecm);
    return \%seen;
}

my %is_term = map { $_ => 1 } grep { conversation_of($_)->{needs}{term} } @rows;
sub conversation_of { return Simc::ScriptedEcmgs::conversation($_[0]) }

my @runs;
# In version 3 scsd prints what would be on air, in version 2 a mux obeys its orders.
for my $version (3, 2) {
    push @runs, prepare("version $version", [grep { !$is_term{$_} } @rows], version => $version,
        $version == 2 ? (mux_sim => program('mux-sim')) : ());
    push @runs, prepare("version $version, the end", [grep { $is_term{$_} } @rows],
        version => $version);
}
push @runs, prepare('known ECMGs', \@peers, version => 3);
Simc::ScriptedEcmgs::begin(@runs);
for my $run (@runs) {
    ok($run->{scsd}{is_ready}, "$run->{name}: scsd is ready") or BAIL_OUT($run->{scsd}->log_text);
}
Simc::ScriptedEcmgs::finish(@runs);

subtest 'every row' => sub {
    my %seen_in;
    for my $run (@runs[0 .. 3]) {
        my $seen = report($run);
        $seen_in{$run->{version}}{$_} = 1 for keys %$seen;
    }
    for my $number (1 .. $ROWS) {
        my $id = sprintf 'SCS-%03d', $number;
        next if $ELSEWHERE{$id};
        ok($seen_in{3}{$id}, "$id has been run in version 3");
        ok($seen_in{2}{$id}, "$id has been run in version 2") if !$VERSION_3{$id};
    }
    is(scalar @rows + keys %ELSEWHERE, $ROWS, 'each row has a file or a reason');
};
subtest 'known ECMGs' => sub { report($runs[4]) };

# ---- what was sent ----

# Faulty messages are no question to other readers, and tshark 4.0 cannot read empty parameters.
my %FAULTY = map { $_ => 1 } qw(SCS-013 SCS-014 SCS-015 SCS-017 SCS-049 SCS-080);
$FAULTY{$_} = 1 for qw(SCS-050 peer-empty-ecms peer-priming-vendor);
my (%row_of_port, @captures);
my $port = 1024;
for my $is_faulty (0, 1) {
    my $capture = Simc::Pcap->new;
    for my $run (@runs) {
        for my $row (grep { ($FAULTY{$_->{id}} || 0) == $is_faulty } @{$run->{rows}}) {
            next if !-e $row->{record};
            my $next = Simc::Proxy::add_record($capture, $port, $row->{record});
            $row_of_port{$_} = $row for $port .. $next - 1;
            $port = $next;
        }
    }
    push @captures, write_file(scratch("capture$is_faulty.pcap"), $capture->pcap);
}

# A parameter's values, in their order.
sub values_of {
    my ($message, $name) = @_;
    return map { defined $_->{cw} ? $_ : $_->{value} } grep { ($_->{name} || '') eq $name }
        @{$message->{parameters}};
}

# The first thing that a CW_provision has wrong.
sub provision_fault {
    my ($row, $message, $status, $words) = @_;
    my ($cp) = values_of($message, 'CP_number');
    my ($lead) = values_of($status, 'lead_CW');
    my ($per_msg) = values_of($status, 'CW_per_msg');
    my @cws = values_of($message, 'CP_CW_combination');
    my $size = $row->{id} eq 'SCS-040' ? 16 : 8;
    my $wanted = join ' ', map { ($cp + $lead - $per_msg + 1 + $_) & 0xffff } 0 .. $per_msg - 1;
    my $got = join ' ', map { $_->{cp_number} } @cws;
    return "CP $cp has the control words of $got and not of $wanted" if $got ne $wanted;
    return 'there is a CW_encryption' if values_of($message, 'CW_encryption');
    for my $cw (@cws) {
        return 'a control word of another size' if length $cw->{cw} != 2 * $size;
        my $known = $words->{$cw->{cp_number}} ||= $cw->{cw};
        return "CP $cw->{cp_number} has a second control word" if $known ne $cw->{cw};
        my @bytes = unpack 'C*', pack 'H*', $cw->{cw};
        return 'check bytes of CSA1 are wrong' if $row->{id} eq 'SCS-041'
            && ($bytes[3] != ($bytes[0] + $bytes[1] + $bytes[2]) % 256
            || $bytes[7] != ($bytes[4] + $bytes[5] + $bytes[6]) % 256);
    }
    return '';
}

subtest 'every CW_provision' => sub {
    plan skip_all => 'configured without capture' if !has_component('capture');
    my (%setups, %status, %words, %asked, @faults);
    my $provisions = 0;
    for my $file (@captures) {
        my $dump = simulcrypt(['dump', '--json', '--show-secrets', '-p', 2222, $file]);
        for my $line (json_lines($dump->{out})) {
            my $message = $line->{message} or next;
            my ($from_us) = $line->{from} =~ /^10\.0\.0\.2:/;
            my ($number) = ($from_us ? $line->{to} : $line->{from}) =~ /:(\d+)$/;
            my $row = $row_of_port{$number};
            my $name = $message->{message} || '';
            $setups{$number}++ if $name eq 'channel_setup';
            push @faults, "$row->{id}: $name comes before channel_setup"
                if !$from_us && !$setups{$number};
            $status{$number} ||= $message if $name eq 'channel_status' && $from_us;
            my ($stream) = values_of($message, 'ECM_stream_id');
            my $key = defined $stream ? "$number/$stream" : '';
            delete $asked{$key} if $name eq 'ECM_response' || $name eq 'stream_error';
            next if $from_us || $name ne 'CW_provision';
            $provisions++;
            push @faults, "$row->{id}: a second question before the answer"
                if $asked{$key}++ && $row->{id} eq 'SCS-043';
            my $fault = provision_fault($row, $message, $status{$number}, $words{$row} ||= {});
            push @faults, "$row->{id}: $fault" if $fault;
        }
    }
    my @twice = map { $row_of_port{$_}{id} } grep { $setups{$_} > 1 } keys %setups;
    is("@twice", '', 'each connection has one channel_setup');
    is(join("\n", @faults), '', 'and all CW_provisions are right');
    cmp_ok($provisions, '>', 500, "CW_provisions: $provisions");
};

subtest 'Wireshark agrees' => sub {
    plan skip_all => 'configured without capture' if !has_component('capture');
    needs('tshark');
    compare_capture($captures[0], 'tcp');
    cmp_ok(compared('messages'), '>', 1500, 'messages compared: ' . compared('messages'));
    ok(seen("ECMG-SCS $_"), "$_ was among them") for qw(channel_setup channel_test channel_status
        channel_close channel_error stream_setup stream_test stream_status stream_close_request
        stream_close_response stream_error CW_provision ECM_response);
};

done_testing();
