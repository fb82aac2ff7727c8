# SPDX-License-Identifier: BSL-1.0
# What the screen shows of a run: the states of the daemons, the receivers and the judge as the
# words of one page. Headend::Run asks for it a few times a second.
package Headend::View;

use strict;
use warnings FATAL => 'all';

use Time::HiRes qw(time);

use Headend::Programs;
use Headend::Verdict qw(findings numbered);

my $CP_SECONDS = $Headend::Programs::CP_SECONDS;

# ---- what scsd says ----

sub streams_of { return map { @{$_->{streams} || []} } @{$_[0]{scgs} || []} }

# The ECMG that makes most ECMs.
sub active_ecmg {
    my ($scs) = @_;
    my %count;
    $count{$_}++ for grep { defined } map { $_->{ecmg} } streams_of($scs);
    return (sort { $count{$b} <=> $count{$a} || $b cmp $a } keys %count)[0];
}

sub serves_all {
    my ($scs, $name) = @_;
    my @streams = streams_of($scs);
    return @streams && !grep { ($_->{ecmg} || '') ne $name } @streams;
}

sub is_open {
    my ($scs, $name) = @_;
    my ($ecmg) = grep { $_->{name} eq $name } @{$scs->{ecmgs} || []};
    return $ecmg && grep { $_->{state} eq 'open' } @{$ecmg->{channels} || []};
}

# ---- the page ----

sub clock_of {
    my ($seconds, $of) = @_;
    my $text = sub { sprintf '%d:%02d:%02d', $_[0] / 3600, $_[0] / 60 % 60, $_[0] % 60 };
    return $text->($seconds) . (defined $of ? ' of ' . $text->($of) : '');
}

sub of_run {
    my ($run) = @_;
    my @found = findings($run->facts);
    my $scs = $run->{asked}{scsd}{value} || {};
    my $elapsed = time - $run->{live_since};
    return {
        clock => clock_of($elapsed, $run->{seconds}),
        services => [map { service($run, $scs, $_) } @{$run->{services}}],
        ecmgs => [map { ecmg($run, $scs, $_) } qw(main backup)],
        mux => mux_line($run), emms => [$run->{emm_flow}->lines(emms_equal($run))],
        rights => {entitled => $run->{break} eq 'wrong-key' ? '1, 2, but other keys' : '1, 2',
            other => '3'},
        alarms => [alarms($run, $scs)],
        judge => judge($run, $elapsed, @found),
        watch => [watch_commands($run->{ports}{watch})],
        events => $run->{events},
    };
}

sub watch_commands {
    my @at = map { "127.0.0.1:$_" } $_[0] .. $_[0] + 2;
    return (
        ['SCRAMBLED', "ffplay udp://$at[0]"],
        ['ENTITLED', "mpv udp://$at[1]   or   ffplay udp://$at[1]"],
        ['NOT ENT.', "vlc udp://\@$at[2]"],
    );
}

# ---- services ----

sub service {
    my ($run, $scs, $service) = @_;
    my ($scg) = grep { $_->{id} == $service->{scg} } @{$scs->{scgs} || []};
    my $air = $run->{figures}{air}{$service->{id}} || {};
    my $state = $air->{clear_now} ? 'CLEAR' : $scg ? $scg->{state} : 'unknown';
    my $seconds = seconds_left($run, $service);
    my %of = map { $_ => $run->{figures}{$_}{services}{$service->{id}} || {} } qw(entitled other);
    my ($is_judged, $is_good) = judged(%of);
    return {
        id => $service->{id}, name => $service->{name},
        packages => 'package' . (@{$service->{packages}} > 1 ? 's ' : ' ')
            . join(', ', @{$service->{packages}}),
        cp => $scg ? $scg->{cp} : undef,
        next => defined $seconds ? sprintf('next in %4.1f s', $seconds) : 'next is late   ',
        state => $state, is_good => $state eq 'scrambled',
        is_judged => $is_judged, is_judged_good => $is_good,
        entitled => name_cell($service, receiver_words($run, $service, 'entitled', $of{entitled})),
        other => receiver_words($run, $service, 'other', $of{other}),
        entitled_short => short_words($of{entitled}, 'equal'),
        other_short => short_words($of{other}, 'closed'),
    };
}

sub name_cell { return sprintf '%d %s', $_[0]{id}, $_[1] }

sub faults_of {
    my ($of) = @_;
    my $count = 0;
    $count += $of->{$_} || 0 for qw(unopened differs lost missing opened);
    return $count;
}

sub judged {
    my (%of) = @_;
    my $is_judged = !grep { !$of{$_}{has_ecm} } qw(entitled other);
    return ($is_judged, $is_judged && $of{entitled}{equal} && !faults_of($of{entitled})
        && !faults_of($of{other}));
}

sub short_words {
    my ($of, $word) = @_;
    return 'waits' if !$of->{has_ecm};
    my $faults = faults_of($of);
    return numbered($of->{equal} || 0) . " $word" . ($faults ? ", $faults faults" : '');
}

# What a receiver says, and what the judge has counted.
sub receiver_words {
    my ($run, $service, $name, $of) = @_;
    my $receiver = $run->{receivers}{$name};
    my $state = $receiver->state_of($service->{id});
    my $why = $receiver->why($service->{id});
    my $faults = faults_of($of);
    my $judged = $faults ? numbered($faults) . ' FAULTS' : $of->{equal}
        ? numbered($of->{equal}) . ($name eq 'entitled' ? ' equal' : ' closed') : 'no packet yet';
    return "$state, $judged" if !defined $why || ($name eq 'entitled' && !$faults);
    # The package that it has stands above.
    $why =~ s/\Aservice \d+:? //;
    $why =~ s/; the key file has .*//s;
    return $name eq 'other' && !$faults ? "$why: $judged" : $why;
}

# Seconds until the next crypto period: by the plan of the mux.
sub seconds_left {
    my ($run, $service) = @_;
    my $scg = mux_scg($run, $service->{scg}) or return;
    my ($now, $start, $next) = @$scg{qw(tick start_tick next_start_tick)};
    # A period that is not ordered yet comes when this one is over.
    $next = $start + $CP_SECONDS * 27e6 if !defined $next && $start;
    return if !defined $next || !defined $now;
    my $seconds = ($next - $now) / 27e6 - (time - $run->{asked}{muxd}{at});
    return $seconds > -1 ? ($seconds > 0 ? $seconds : 0) : undef;
}

# ---- ECM generators ----

sub ecmg {
    my ($run, $scs, $name) = @_;
    my ($ecmg) = grep { $_->{name} eq $name } @{$scs->{ecmgs} || []};
    my $address = $ecmg ? $ecmg->{address} : '';
    return {name => $name, address => $address, state => 'down', text => 'was killed'}
        if !$run->{$name}{is_running};
    return {name => $name, address => '', state => 'unknown', text => ''} if not $ecmg;
    my @channels = @{$ecmg->{channels} || []};
    my ($active, $standby) = (0, 0);
    $active += $_->{active} for @channels;
    $standby += $_->{standby} for @channels;
    my $is_open = grep { $_->{state} eq 'open' } @channels;
    my $state = !$is_open ? 'down' : $active ? 'active' : 'standby';
    my $text = sprintf '%d streams, %s ECMs', $active + $standby, numbered($ecmg->{ecms} || 0);
    my ($reply, $margin) = ($run->{margins}->reply($name), $run->{margins}->margin($name));
    $text .= sprintf ' in %.1f ms', 1000 * $reply if defined $reply;
    $text .= sprintf ', %.1f s early', $margin if defined $margin && $active;
    $text = $channels[0]{why} || 'not connected' if !$is_open && @channels;
    return {name => $name, address => $address, state => $state, text => $text};
}

# The gravest first; what several services have is told once.
sub alarms {
    my ($run, $scs) = @_;
    my %rank = (critical => 0, major => 1, minor => 2);
    my (@alarms, %of);
    for my $alarm (sort { ($rank{$a->{grade}} // 3) <=> ($rank{$b->{grade}} // 3) }
        @{$scs->{alarms} || []}) {
        my $text = "$alarm->{grade}: $alarm->{text}";
        push @alarms, $text if !$of{$text};
        my $about = defined $alarm->{ecmg} ? $alarm->{ecmg} : defined $alarm->{scg}
            ? "service $alarm->{scg}" : '';
        push @{$of{$text}}, $about if $about ne '' && !grep { $_ eq $about } @{$of{$text} || []};
    }
    return ((map { $_ . ($of{$_} ? ' (' . join(', ', @{$of{$_}}) . ')' : '') } @alarms),
        mux_alarms($run));
}

# ---- the multiplexer ----

sub mux_of {
    my ($run) = @_;
    my $status = $run->{asked}{muxd}{value} or return;
    return ($status->{multiplexes} || [])->[0];
}

sub mux_scg {
    my ($run, $id) = @_;
    my $mux = mux_of($run) or return;
    my ($scg) = grep { $_->{scg} == $id } @{$mux->{scgs} || []};
    return $scg && {%$scg, tick => $mux->{tick}};
}

sub mux_alarms {
    my ($run) = @_;
    my $mux = mux_of($run) or return;
    return map { "muxd: $_->{text}" } @{$mux->{alarms} || []};
}

sub mux_line {
    my ($run) = @_;
    my $mux = mux_of($run) or return;
    my $rates = $mux->{bitrates} || {};
    # Everything but null packets.
    my @parts = map { sprintf '%s %.2f', $_ eq 'source' ? 'emm' : $_, $rates->{$_} / 1e6 }
        grep { $rates->{$_} } qw(scrambled clear ecm source psi);
    return sprintf '%.2f Mbit/s: %s', ($mux->{bitrate} || 0) / 1e6, join ', ', @parts;
}

# How many EMMs were judged good; nothing when one was not.
sub emms_equal {
    my ($run) = @_;
    my $emms = $run->{figures}{emms} || {};
    return if !$emms->{equal} || grep { $emms->{$_} } qw(lost differs broken);
    return numbered($emms->{equal});
}

# ---- the judge ----

sub judge {
    my ($run, $elapsed, @found) = @_;
    # What cannot be there yet is no fault yet.
    my @bad = grep { !$_->[0] && !$_->[2] } @found;
    my $frames = $run->{samples}{entitled}{count}
        ? sprintf 'ffprobe: entitled %d frames, not entitled %d', $run->{samples}{entitled}{last},
        $run->{samples}{other}{last} || 0 : 'ffprobe waits';
    return {is_good => 0, is_begun => 0, text => 'waits for the first packets'}
        if !$run->{figures}{entitled}{packets};
    return {is_good => 0, is_begun => $elapsed > 5, text => $bad[0][1]} if @bad;
    return {is_good => 1, is_begun => 1, text => "good so far; $frames"};
}

1;
