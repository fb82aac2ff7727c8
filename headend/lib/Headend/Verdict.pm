# SPDX-License-Identifier: BSL-1.0
# Decides whether a run of the head-end was good, from what the judge has counted outside the
# receivers and what has happened to the programs. Each finding is a sentence. Headend::Run asks at
# the end, and the screen all the time.
package Headend::Verdict;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT_OK = qw(findings numbered);

my $LEAST = 20;              # packets that are enough to speak of a service

# 1234567 as 1,234,567.
sub numbered {
    my ($number) = @_;
    $number = int $number;
    1 while $number =~ s/^(\d+)(\d{3})/$1,$2/;
    return $number;
}

sub count_of {
    my ($number, $word) = @_;
    return numbered($number) . " $word" . ($number == 1 ? '' : 's');
}

# All that is to be said, as [is it good, sentence, may it still become good]. Facts: services (a
# list), figures (the newest report of the judge, with {emms}), receivers (entitled, other:
# Headend::Receivers), samples (entitled, other: {count, frames, seconds, per_service}), faults
# (sentences), killed (undef, or {name, by, second, back, taken_over, is_for_good}), scs (the status
# of scsd).
sub findings {
    my ($facts) = @_;
    return (
        (map { on_air($facts, $_) } @{$facts->{services}}),
        (map { entitled($facts, $_) } @{$facts->{services}}),
        (map { not_entitled($facts, $_) } @{$facts->{services}}),
        frames($facts),
        emms($facts),
        generators($facts),
        (map { [0, $_] } @{$facts->{faults}}),
    );
}

sub name_of {
    my ($service) = @_;
    return "service $service->{id} ($service->{name})";
}

sub reason_of {
    my ($receiver, $service) = @_;
    my $why = $receiver && $receiver->why($service->{id});
    return defined $why ? "; it says: $why" : '';
}

# What the mux sent.
sub on_air {
    my ($facts, $service) = @_;
    my $air = $facts->{figures}{air}{$service->{id}};
    my $name = name_of($service);
    return [0, "$name was never scrambled"] if !$air || !$air->{scrambled};
    return [0, "$name went out in the clear behind its first scrambled packet: "
        . count_of($air->{clear}, 'packet')] if $air->{clear};
    return;
}

sub entitled {
    my ($facts, $service) = @_;
    my $name = name_of($service);
    my $of = $facts->{figures}{entitled}{services}{$service->{id}};
    my $why = reason_of($facts->{receivers}{entitled}, $service);
    return [0, "$name: no ECM reached the entitled receiver$why"] if !$of || !$of->{has_ecm};
    my @wrong;
    push @wrong, count_of($of->{unopened}, 'packet') . ' not opened' if $of->{unopened};
    push @wrong, count_of($of->{differs}, 'packet') . ' not as they went in' if $of->{differs};
    push @wrong, count_of($of->{lost}, 'packet') . ' lost' if $of->{lost};
    push @wrong, count_of($of->{missing}, 'packet') . ' never came' if $of->{missing};
    return [0, "$name: the entitled receiver, behind its first ECM: " . join(', ', @wrong) . $why]
        if @wrong;
    return [0, "$name: the entitled receiver gave nothing$why"] if $of->{equal} < $LEAST;
    # Each PID is judged on its own.
    my @silent = grep { !$of->{pids}{$_}{equal} } keys %{$of->{pids}};
    return [1, "$name: all " . count_of($of->{equal}, 'packet') . ' that the entitled receiver gave'
        . ' equal those that went in' . (@silent ? ' (PID ' . join(', ', @silent) . ' is silent)'
        : '')];
}

sub not_entitled {
    my ($facts, $service) = @_;
    my $name = name_of($service);
    my $of = $facts->{figures}{other}{services}{$service->{id}};
    return [0, "$name: no ECM reached the receiver that is not entitled, so nothing is proved"]
        if !$of || !$of->{has_ecm};
    return [0, "$name: the receiver that is not entitled gave nothing, so nothing is proved"]
        if $of->{equal} < $LEAST;
    return [0, "$name: the receiver that is not entitled gave " . count_of($of->{opened}, 'packet')
        . ' in the clear'] if $of->{opened};
    return [1, "$name: none of " . count_of($of->{equal}, 'packet') . ' was opened by the receiver'
        . ' that is not entitled' . reason_of($facts->{receivers}{other}, $service)];
}

# What ffprobe found in the samples.
sub frames {
    my ($facts) = @_;
    my @found;
    my ($entitled, $other) = @{$facts->{samples}}{qw(entitled other)};
    if (!$entitled->{count}) {
        push @found, [0, 'ffprobe has seen nothing of the entitled receiver: the run was too short,'
            . ' or nothing came', 1];
    } elsif (my @dark = grep { !$entitled->{per_service}{$_->{id}} } @{$facts->{services}}) {
        push @found, [0, 'ffprobe finds no frame of ' . join(', ', map { name_of($_) } @dark)
            . ' at the entitled receiver'];
    } else {
        push @found, [1, sprintf 'ffprobe finds %s in %.0f s of the entitled receiver',
            count_of($entitled->{frames}, 'frame'), $entitled->{seconds}];
    }
    if (!$other->{count}) {
        push @found, [0, 'ffprobe has seen nothing of the receiver that is not entitled: the run'
            . ' was too short, or nothing came', 1];
    } elsif ($other->{frames}) {
        push @found, [0, 'ffprobe finds ' . count_of($other->{frames}, 'frame')
            . ' at the receiver that is not entitled'];
    } else {
        push @found, [1, sprintf 'ffprobe finds no frame in %.0f s of the receiver that is not'
            . ' entitled', $other->{seconds}];
    }
    return @found;
}

# EMMs on their PID.
sub emms {
    my ($facts) = @_;
    my $of = $facts->{figures}{emms} || {};
    return [0, 'the CAT of the mux names no EMM PID', 1] if not defined $of->{pid};
    my $where = sprintf 'PID 0x%04x', $of->{pid};
    my @wrong;
    push @wrong, count_of($of->{differs}, 'section') . ' not as they were sent' if $of->{differs};
    push @wrong, count_of($of->{lost}, 'section') . ' lost' if $of->{lost};
    push @wrong, count_of($of->{broken}, 'break') . ' of the continuity counter' if $of->{broken};
    return [0, "EMMs on $where: " . join ', ', @wrong] if @wrong;
    return [0, "EMMs on $where: the mux gave nothing", 1] if $of->{equal} < $LEAST;
    return [1, "EMMs on $where, which the CAT names: all " . count_of($of->{equal}, 'section')
        . ' equal those that were sent, in their order'];
}

# The alarms of scsd that are more than a word to the wise, each once.
sub alarms {
    my ($scs) = @_;
    my (@found, %is_told);
    for my $alarm (grep { ($_->{grade} || '') ne 'minor' } @{$scs->{alarms} || []}) {
        my $text = $alarm->{text};
        $text .= " ($alarm->{ecmg})" if defined $alarm->{ecmg};
        $text .= " (service group $alarm->{scg})" if defined $alarm->{scg};
        my ($since) = ($alarm->{since} || '') =~ /T(\d+:\d+:\d+)/;
        push @found, [0, "alarm of scsd: $text" . (defined $since ? ", since $since UTC" : '')]
            if !$is_told{$text}++;
    }
    return @found;
}

# ECM generators and crypto periods.
sub generators {
    my ($facts) = @_;
    my ($scs, $killed) = @$facts{qw(scs killed)};
    my @found;
    if (not $scs) {
        push @found, [0, 'scsd did not tell its state'];
    } else {
        push @found, alarms($scs);
        push @found, [0, count_of($scs->{stretched}, 'crypto period')
            . ' lasted longer than planned, because no ECM came'] if $scs->{stretched};
        push @found, [0, count_of($scs->{late_ecms}, 'ECM') . ' came too late']
            if $scs->{late_ecms};
    }
    if (not $killed) {
        push @found, [0, 'the run was too short to kill the active ECM generator', 1];
    } elsif ($killed->{is_for_good}) {
        unshift @found, [0, 'both ECM generators are gone; no service may go clear, so the last'
            . ' control word stays on air'];
    } elsif (not $killed->{back}) {
        push @found, [0, "ECM generator '$killed->{name}' did not come back after it was killed",
            1];
    } elsif ($scs) {
        push @found, [1, "ECM generator '$killed->{name}' was killed at second $killed->{second}; "
            . ($killed->{taken_over} ? sprintf("'%s' took over after %.1f s",
            $killed->{by}, $killed->{taken_over}) : 'no ECM was needed meanwhile')
            . '; ' . count_of($scs->{periods}, 'crypto period') . ', '
            . ($scs->{stretched} || 'none') . ' longer than planned'];
    }
    return @found;
}

1;
