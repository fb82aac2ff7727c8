# SPDX-License-Identifier: BSL-1.0
# The live screen of the head-end: one page that is drawn again in its place, or plain lines when
# standard output is no terminal. Headend::Run gives it a view, a hash of what there is to show.
package Headend::Screen;

use strict;
use warnings FATAL => 'all';

use Headend::Verdict qw(numbered);

my $TIOCGWINSZ = 0x5413;     # Linux
my $NAME = 12;               # letters of a service
my $ALARMS = 3;              # lines
my $EVENTS = 3;              # lines, and more when there is room
my ($BOLD, $RED, $GREEN, $YELLOW, $DIM, $PLAIN) = map { "\e[${_}m" } 1, 31, 32, 33, 2, 0;

sub new {
    my ($class, $out) = @_;
    my $is_terminal = -t $out && ($ENV{TERM} || 'dumb') ne 'dumb';
    return bless {
        out => $out, is_terminal => $is_terminal, is_open => 0,
        has_colours => $is_terminal && !defined $ENV{NO_COLOR}, last_line => '',
    }, $class;
}

sub is_terminal { return $_[0]{is_terminal} }

# Lines and columns.
sub size {
    my ($self) = @_;
    my $answer = pack 'S4', 0, 0, 0, 0;
    my ($lines, $columns) = (0, 0);
    ($lines, $columns) = unpack 'SS', $answer if ioctl $self->{out}, $TIOCGWINSZ, $answer;
    return ($lines || 24, $columns || 80);
}

sub open_screen {
    my ($self) = @_;
    return if !$self->{is_terminal} || $self->{is_open};
    $self->{is_open} = 1;
    $self->put("\e[?1049h\e[?25l\e[2J");
    return;
}

# Brings back what was on the terminal before.
sub close_screen {
    my ($self) = @_;
    return if not $self->{is_open};
    $self->{is_open} = 0;
    $self->put("\e[?25h\e[?1049l");
    return;
}

sub put {
    my ($self, $bytes) = @_;
    # A terminal that is gone is no reason to end.
    local $SIG{PIPE} = 'IGNORE';
    syswrite $self->{out}, $bytes;
    return;
}

# A line that stays; it is shown at once when there is no page.
sub say_line {
    my ($self, $text) = @_;
    $self->put("$text\n") if not $self->{is_open};
    return;
}

# A line with its line end; on a terminal words that do not fit stand below it, indented.
sub wrapped {
    my ($self, $text, $indent) = @_;
    return "$text\n" if not $self->{is_terminal};
    my (undef, $columns) = $self->size;
    my $done = '';
    while (length $text >= $columns) {
        my $at = rindex $text, ' ', $columns - 1;
        last if $at <= $indent;
        $done .= substr($text, 0, $at) . "\n";
        $text = ' ' x $indent . substr $text, $at + 1;
    }
    return "$done$text\n";
}

# ---- the page ----

sub draw {
    my ($self, $view) = @_;
    my ($most, $columns) = $self->size;
    my @lines = page($view, $most, $columns);
    my $bytes = "\e[H";
    for my $i (0 .. $most - 1) {
        my $line = $lines[$i];
        my ($text, $colour) = ref $line ? @$line : ($line, '');
        $text = substr defined $text ? $text : '', 0, $columns;
        $text = $colour . $text . $PLAIN if $self->{has_colours} && $colour;
        $bytes .= "$text\e[K" . ($i < $most - 1 ? "\r\n" : '');
    }
    $self->put($bytes);
    return;
}

# The page as lines, or [line, colour].
sub page {
    my ($view, $most, $columns) = @_;
    my $right = $view->{clock} . '   Ctrl-C ends it';
    my $gap = $columns - length("OpenSimulCrypt head-end") - length $right;
    my @lines = ['OpenSimulCrypt head-end' . ' ' x ($gap > 1 ? $gap : 1) . $right, $BOLD];
    if (not $view->{services}) {
        push @lines, '', map { "  $_" } @{$view->{events}};
        return @lines;
    }
    my @tail = tail_lines($view, $columns, $EVENTS);
    my @emms = @{$view->{emms} || []};
    # What must fit besides the services, which take two lines each.
    my $room = int(($most - @lines - @tail - 6 - @{$view->{ecmgs}} - @emms) / 2);
    my @services = @{$view->{services}};
    my $left_out = @services > $room ? @services - ($room > 1 ? $room - 1 : 1) : 0;
    splice @services, -$left_out if $left_out;
    push @lines, ['SERVICES' . ($left_out ? " (and $left_out more)" : ''), $BOLD];
    push @lines, map { service_line($_) } @services;
    push @lines, ['ECM GENERATORS', $BOLD], map { ecmg_line($_) } @{$view->{ecmgs}};
    push @lines, mux_line($view->{mux});
    push @lines, ['EMM GENERATOR  ' . $emms[0], $BOLD], '    ' . $emms[1] if @emms;
    my $half = int(($columns - 3) / 2);
    push @lines, [sprintf('%-*s   %s', $half, "ENTITLED (package $view->{rights}{entitled})",
        "NOT ENTITLED (package $view->{rights}{other})"), $BOLD];
    for my $service (@services) {
        my @cells = map { cell($service->{$_}, $half) } qw(entitled other);
        push @lines, [sprintf('%-*s | %s', $half, @cells), cell_colour($service)];
    }
    my $spare = $most - @lines - @tail;
    return (@lines, $spare > 0 ? tail_lines($view, $columns, $EVENTS + $spare) : @tail);
}

sub service_line {
    my ($service) = @_;
    my $state = sprintf '%5d %-*.*s in %-14.14s', $service->{id}, $NAME, $NAME, $service->{name},
        $service->{packages};
    return [$state . $service->{state}, $YELLOW] if not defined $service->{cp};
    return [sprintf('%sCP %5d %-4s %s  %s', $state, $service->{cp},
        $service->{cp} % 2 ? 'odd' : 'even', $service->{next}, $service->{state}),
        $service->{is_good} ? '' : $RED];
}

sub ecmg_line {
    my ($ecmg) = @_;
    return [sprintf('    %-7.7s %-15s %-7s %s', @$ecmg{qw(name address state text)}),
        {active => $GREEN, standby => ''}->{$ecmg->{state}} // $RED];
}

sub mux_line {
    my ($mux) = @_;
    return ['MULTIPLEX  ' . ($mux || 'muxd does not tell its state'), $BOLD];
}

sub cell {
    my ($text, $width) = @_;
    return length $text > $width ? substr($text, 0, $width - 2) . '..' : $text;
}

sub cell_colour {
    my ($service) = @_;
    return $service->{is_judged_good} ? $GREEN : $service->{is_judged} ? $RED : $YELLOW;
}

sub tail_lines {
    my ($view, $columns, $event_count) = @_;
    my @lines;
    my ($alarms, $judge) = @$view{qw(alarms judge)};
    my @shown = @$alarms > $ALARMS
        ? (@$alarms[0 .. $ALARMS - 2], @$alarms - $ALARMS + 1 . ' more') : @$alarms;
    push @lines, 'ALARMS     none' if !@shown;
    for my $i (0 .. $#shown) {
        push @lines, [cell(sprintf('%-10s %s', $i ? '' : 'ALARMS', $shown[$i]), $columns),
            $shown[$i] =~ /\A(?:minor|muxd)/ ? $YELLOW : $RED];
    }
    push @lines, [cell('JUDGE      ' . $judge->{text}, $columns),
        $judge->{is_good} ? $GREEN : $judge->{is_begun} ? $RED : ''];
    push @lines, map { sprintf '%-10s %s', @$_ } @{$view->{watch}};
    my @events = @{$view->{events}};
    splice @events, 0, @events - $event_count if @events > $event_count;
    push @lines, map { [cell("  $_", $columns), $DIM] } @events;
    return @lines;
}

# ---- without a terminal ----

sub plain_line {
    my ($view) = @_;
    my @parts = $view->{clock};
    for my $service (@{$view->{services} || []}) {
        push @parts, sprintf '%d %s: CP %s, entitled %s, not entitled %s', $service->{id},
            $service->{name}, defined $service->{cp} ? $service->{cp} : '-',
            $service->{entitled_short}, $service->{other_short};
        last if @parts > 4;
    }
    my @ecmgs = map { "$_->{name} $_->{state}" } @{$view->{ecmgs} || []};
    push @parts, join ', ', @ecmgs if @ecmgs;
    push @parts, 'EMMs ' . $view->{emms}[1] if @{$view->{emms} || []} && $view->{emms}[1];
    push @parts, @{$view->{alarms}} ? 'alarms: ' . join(', ', @{$view->{alarms}}) : 'no alarm';
    return join '; ', @parts;
}

1;
