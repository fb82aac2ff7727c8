# SPDX-License-Identifier: BSL-1.0
# A program that runs beside others: it is started with the descriptors it needs, its log is kept,
# and it ends with the head-end whatever becomes of that. headend.pl has one for each program.
package Headend::Process;

use strict;
use warnings FATAL => 'all';

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFD F_SETFL O_NONBLOCK);
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time);

my $LOG_BYTES = 8 << 20;    # then the log begins anew, and the one before is kept
my $LINE = 65536;
my $KEPT_LINES = 20;

my %running;                # pid => process

# Options: loop, name, command (a list), log (path), descriptors (number => handle), on_line (called
# with each line of standard error), on_out (likewise of standard output; without it both are the
# log), env (a hash).
sub new {
    my ($class, %how) = @_;
    return bless {%how, lines => [], starts => 0, ends => 0, how => ''}, $class;
}

sub start {
    my ($self) = @_;
    $self->open_log;
    pipe my $err_in, my $err_out or die "no pipe: $!\n";
    my ($out_in, $out_out);
    if ($self->{on_out}) {
        pipe $out_in, $out_out or die "no pipe: $!\n";
    }
    my $pid = fork;
    die "no process can be started: $!\n" if not defined $pid;
    $self->run_command($err_out, $out_out) if $pid == 0;
    close $err_out;
    close $out_out if $out_out;
    @$self{qw(pid is_running started ended)} = ($pid, 1, time, undef);
    $self->{starts}++;
    $self->{lines} = [];
    $running{$pid} = $self;
    $self->listen_to($err_in, sub { $self->take_line($_[0]) });
    $self->listen_to($out_in, $self->{on_out}) if $out_in;
    return $self;
}

# In the child. It has a process group of its own, so that Ctrl-C reaches headend.pl alone, and is
# killed when headend.pl is gone.
sub run_command {
    my ($self, $err, $out) = @_;
    my %descriptors = (%{$self->{descriptors} || {}}, 2 => $err);
    $descriptors{1} = $out || $err if not $descriptors{1};
    setpgrp 0, 0;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE WINCH);
    # Out of the way first, so that none is overwritten before it is in its place.
    my %at = map { $_ => fcntl_dup($descriptors{$_}) } keys %descriptors;
    POSIX::dup2($at{$_}, $_) for keys %at;
    if (not $descriptors{0}) {
        my $null = POSIX::open('/dev/null', POSIX::O_RDONLY());
        POSIX::dup2($null, 0);
    }
    POSIX::close($_) for grep { !exists $descriptors{$_} } 3 .. 255;
    delete @ENV{qw(NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID JOURNAL_STREAM)};
    %ENV = (%ENV, %{$self->{env} || {}});
    my @command = ('setpriv', '--pdeathsig', 'KILL', '--', @{$self->{command}});
    exec {$command[0]} @command or POSIX::_exit(127);
}

# A copy of a descriptor above those that are given.
sub fcntl_dup {
    my ($handle) = @_;
    my $number = fcntl $handle, Fcntl::F_DUPFD(), 100;
    POSIX::_exit(126) if not $number;
    return $number + 0;
}

# ---- what it says ----

sub open_log {
    my ($self) = @_;
    return if $self->{log_handle};
    open $self->{log_handle}, '>>:raw', $self->{log}
        or die "$self->{log} cannot be written: $!\n";
    $self->{log_size} = -s $self->{log_handle};
    $self->{log_handle}->autoflush(1);
    return;
}

sub listen_to {
    my ($self, $handle, $call) = @_;
    fcntl $handle, F_SETFL, fcntl($handle, F_GETFL, 0) | O_NONBLOCK;
    my $bytes = '';
    my $loop = $self->{loop};
    $self->{open}++;
    $loop->on_read($handle, sub {
        my $got = sysread $handle, $bytes, $LINE, length $bytes;
        return if !defined $got && ($! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR);
        while ($bytes =~ s/\A([^\n]*)\n//) {
            $call->($1);
        }
        $bytes = '' if length $bytes > 16 * $LINE;
        return if $got;
        $call->($bytes) if $bytes ne '';
        $loop->remove($handle);
        close $handle;
        $self->{open}--;
    });
    return;
}

sub take_line {
    my ($self, $line) = @_;
    push @{$self->{lines}}, $line;
    shift @{$self->{lines}} if @{$self->{lines}} > $KEPT_LINES;
    if ($self->{log_size} + length $line > $LOG_BYTES) {
        close delete $self->{log_handle};
        rename $self->{log}, "$self->{log}.1";
        eval { $self->open_log; 1 } or return;
    }
    # A full disk costs log lines, nothing else.
    no warnings;
    $self->{log_size} += 1 + length $line if print {$self->{log_handle}} "$line\n";
    $self->{on_line}->($line) if $self->{on_line};
    return;
}

# The last line of its log that tells of trouble, or the last one at all, as a sentence. What a
# signal has ended told nothing of that in its last line.
sub last_words {
    my ($self) = @_;
    my ($said, $trouble) = ('', '');
    for my $line (@{$self->{lines}}) {
        my $entry = $line =~ /\A\{/ && eval { JSON::PP->new->utf8->decode($line) };
        if (ref $entry eq 'HASH' && defined $entry->{message}) {
            $said = sentence_of($entry);
            $trouble = $said if ($entry->{level} || '') =~ /\A(?:error|critical|alert)\z/;
        } elsif ($line =~ /\S/) {
            $said = $trouble = $line;
        }
    }
    return $trouble || ($self->{how} =~ /signal/ ? '' : $said) || 'it said nothing of that';
}

# A log line for people.
sub sentence_of {
    my ($entry) = @_;
    my $text = $entry->{message};
    for my $name (qw(why text peer address host port file path)) {
        next if !defined $entry->{$name} || ref $entry->{$name};
        $text .= $name eq 'why' || $name eq 'text' ? ': ' : ", $name ";
        $text .= $entry->{$name};
    }
    return $text;
}

# ---- its end ----

# Notices who has ended; returns those processes.
sub collect {
    my @ended;
    while ((my $pid = waitpid -1, WNOHANG) > 0) {
        my $status = $?;
        my $self = delete $running{$pid} or next;
        $self->{is_running} = 0;
        $self->{ended} = time;
        $self->{ends}++;
        $self->{status} = WIFEXITED($status) ? WEXITSTATUS($status) : 128 + WTERMSIG($status);
        $self->{how} = WIFEXITED($status)
            ? 'status ' . WEXITSTATUS($status)
            : 'signal ' . WTERMSIG($status);
        # What it has started itself.
        kill KILL => -$pid;
        push @ended, $self;
    }
    return @ended;
}

sub signal {
    my ($self, $name) = @_;
    return if not $self->{is_running};
    # Before it has its own group, only the process is there.
    kill $name => -$self->{pid} or kill $name => $self->{pid};
    return;
}

# Asks processes to end, and kills those that do not within the time.
sub stop_all {
    my ($loop, $seconds, @processes) = @_;
    my @left = grep { $_->{is_running} } @processes;
    $_->signal('TERM') for @left;
    my $gone = sub { collect(); return !grep { $_->{is_running} || $_->{open} } @left };
    return if $loop->until_true($seconds, $gone);
    $_->signal('KILL') for @left;
    $loop->until_true(2, $gone);
    return;
}

# For an end in a hurry.
sub kill_all {
    for my $pid (keys %running) {
        kill KILL => -$pid or kill KILL => $pid;
    }
    return;
}

1;
