# SPDX-License-Identifier: BSL-1.0
# Runs scsd against many scripted ECMGs at once: each conversation file is an ECMG of its own, in a
# thread of one converse, with a group of its own in one scsd, so that all of them take as long as
# the longest one. The scenarios of conformance use it.
package Simc::ScriptedEcmgs;

use strict;
use warnings FATAL => 'all';

use IO::Socket::INET;
use Time::HiRes qw(sleep time);

use Simc::Daemon;
use Simc::Json;
use Simc::Run;

my $SECONDS = 110;     # for all conversations of one scsd
my $FIRST_CP = 16;
my $TICKS = 27_000_000;
my $PAUSE = 0.05;      # between two looks at what they say
my $count = 0;
my @running;           # those whose conversations are under way

# What a group gets unless its file says otherwise.
my %ECMG = (
    connect => '2s',
    setup => '1s',
    test => '1s',
    idle_test => '0s',
    retry_first => '500ms',
    retry_most => '2s',
    reply_allowance => '400ms',
);
my %SCG = (
    algorithm => 'csa2',
    crypto_period => '1s',
    first_cp => $FIRST_CP,
    margin => '300ms',
    retry => '300ms',
);
my %STREAM = (access_criteria => '"01020304"');

# ---- files ----

# What a file needs of the configuration, from its line "# scsd:".
sub needs_of {
    my ($line) = @_;
    my %needs = (systems => 1, streams => 1, backup => 0, term => 0, set => {}, reload => undef);
    my $set = $needs{set};
    while ($line =~ /\G\s*(\w+)(?:=(\d+)|\s+(\w+)=(\{[^}]*\}|\S+))?/gc) {
        my ($word, $number, $name, $value) = ($1, $2, $3, $4);
        if ($word eq 'reload') {
            $set = $needs{reload} = {};
            # "reload scg x=y" is read as one thing.
            ($word, $name, $value) = ($1, $2, $3)
                if !defined $name && $line =~ /\G\s*(\w+)\s+(\w+)=(\{[^}]*\}|\S+)/gc;
        }
        $needs{$word} = defined $number ? $number : 1 if not defined $name;
        $set->{$word}{$name} = $value if defined $name;
    }
    die "'$line' is not understood\n" if $line !~ /\G\s*\z/gc;
    return \%needs;
}

# Reads the head of a file: {path, id, needs}.
sub conversation {
    my ($path) = @_;
    my $text = read_file($path);
    my ($id) = $text =~ /^id (\S+)/m or die "$path has no id\n";
    my ($line) = $text =~ /^# scsd: (.*)$/m;
    return {path => $path, id => $id, needs => needs_of(defined $line ? $line : '')};
}

# ---- the configuration ----

sub yaml_map {
    my (%values) = @_;
    my @pairs = map { "$_: $values{$_}" } sort keys %values;
    return '{' . join(', ', @pairs) . '}';
}

# The settings of one kind, those of a reload behind the others.
sub settings {
    my ($row, $kind) = @_;
    my @sets = ($row->{needs}{set}, $row->{is_reloaded} ? $row->{needs}{reload} : {});
    return map { %{$_->{$kind} || {}} } @sets;
}

sub ecmg_lines {
    my ($self, $row) = @_;
    my @lines;
    my $total = $row->{needs}{systems} + $row->{needs}{backup};
    for my $n (1 .. $total) {
        my $is_backup = $n > $row->{needs}{systems};
        my %values = (
            %ECMG,
            name => $row->{id} . ($n > 1 ? "-$n" : ''),
            super_cas_id => sprintf('0x%08X', $row->{super_cas_id} + ($is_backup ? 0 : $n - 1)),
            address => "127.0.0.1:$row->{port}",
            channel_id => $row->{channel} + 4 * ($n - 1),
            version => $self->{version},
            priority => $is_backup ? 1 : 0,
            settings($row, 'ecmg'),
            $n > 1 ? settings($row, 'ecmg_2') : (),
        );
        push @lines, '  - ' . yaml_map(%values);
    }
    return @lines;
}

sub scg_lines {
    my ($row) = @_;
    my @lines = ('  - ' . yaml_map(%SCG, id => $row->{number}, name => $row->{id},
        services => "[{service_id: $row->{number}}]", settings($row, 'scg')));
    $lines[0] =~ s/\}\z/, streams: [/;
    for my $system (1 .. $row->{needs}{systems}) {
        for my $n (0 .. $row->{needs}{streams} - 1) {
            my %values = (
                %STREAM,
                super_cas_id => sprintf('0x%08X', $row->{super_cas_id} + $system - 1),
                ecm_id => 0x21 + $n,
                settings($row, 'stream'),
                $system > 1 ? settings($row, 'stream_2') : (),
            );
            push @lines, '      ' . yaml_map(%values) . ',';
        }
    }
    return (@lines, '    ]}');
}

sub write_configuration {
    my ($self) = @_;
    my @rows = @{$self->{rows}};
    my @air = $self->{mux_sim} ? "link: {listen: null, socket: $self->{socket}}"
        : ('link: {listen: null}', 'print: json');
    my @lines = ('admin: {listen: null}', 'log: {level: debug}', 'hold: 2s', @air, 'ecmgs:',
        (map { $self->ecmg_lines($_) } @rows), 'scgs:', map { scg_lines($_) } @rows);
    return write_file($self->{file}, map { "$_\n" } @lines);
}

# ---- running ----

# Ports that nobody listens on. None is given twice, as scsd goes on connecting to those of ECMGs
# that have ended; and they are none of those that the system gives to clients (32768 and above).
my $next_port = 20_000 + $$ * 97 % 10_000;

sub free_ports {
    my ($number) = @_;
    my @ports;
    while (@ports < $number) {
        my $port = $next_port++;
        die "no ports are free\n" if $port >= 32_768;
        push @ports, $port
            if IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1);
    }
    return @ports;
}

sub said {
    my ($row, $pattern) = @_;
    my $file = $row->{out};    # made by the new process
    return -e $file && read_file($file) =~ $pattern;
}

# Whether the conversation is over, or nobody is there to go on with it.
sub has_ended {
    my ($self, $row) = @_;
    return $row->{has_ended} ||=
        said($row, qr/^(?:not )?ok 1 /m) || $self->{converses}->has_ended;
}

# Waits until something holds. Returns whether it does.
sub until_true {
    my ($check) = @_;
    my $end = time + $SECONDS;
    until ($check->()) {
        return 0 if time > $end;
        $_->look for @running;
        sleep $PAUSE;
    }
    return 1;
}

# Starts the scripted ECMGs of some files. %how: the programs scsd and converse, version, sets (a
# list of NAME=VALUE for all files), name; mux_sim: that program is the mux, and what it tells is
# what is on air. Without it scsd prints what would be. begin() goes on with it.
sub prepare {
    my ($class, %how) = @_;
    my @rows = map { conversation($_) } @{$how{files}};
    my @ports = free_ports(scalar @rows);
    $count++;
    my $self = bless {%how, rows => \@rows, file => scratch("scsd$count.yaml"),
        socket => scratch("mux$count.sock")}, $class;
    my @jobs;
    for my $n (0 .. $#rows) {
        my $row = $rows[$n];
        @{$row}{qw(number port super_cas_id channel)} =
            ($n + 1, $ports[$n], 0x4a000000 + 16 * ($n + 1), 8 * ($n + 1) + 1);
        @{$row}{qw(record out)} = (scratch("record$count.$n"), scratch("converse$count.$n"));
        my $channel_2 = $row->{channel} + 4;
        push @jobs, join "\t", $row->{out}, "127.0.0.1:$row->{port}", $row->{record}, $row->{path},
            "version=" . ($how{version} || 3),
            sprintf('super_cas_id=0x%08X', $row->{super_cas_id}),
            sprintf('super_cas_id_2=0x%08X', $row->{super_cas_id} + 1),
            "channel=$row->{channel}",
            "channel_2=$channel_2",
            @{$how{sets} || []};
    }
    $self->{converses} = Simc::Daemon->start([$how{converse}, '--verbose', '--limit', $SECONDS,
        '--jobs', write_file(scratch("jobs$count"), map { "$_\n" } @jobs)], ready => 0);
    return $self;
}

# Starts scsd, and the mux, of all that are prepared. All scripted ECMGs listen before the first
# scsd begins: from then on the clocks of the conversations run, and hundreds of processes that
# start would make a small machine too slow for them.
sub begin {
    my (@runs) = @_;
    my @waiting = map { @{$_->{rows}} } @runs;
    until_true(sub {
        @waiting = grep { !said($_, qr/^(?:# listens on|1\.\.1\n.)/m) } @waiting;
        return !@waiting;
    }) or die "some scripted ECMGs do not listen\n";
    for my $self (@runs) {
        my $file = $self->write_configuration;
        $self->{scsd} = Simc::Daemon->start([$self->{scsd}, '--config', $file]);
        if ($self->{mux_sim}) {
            $self->{mux} = Simc::Daemon->start([$self->{mux_sim}, '--connect', $self->{socket},
                '--services', scalar @{$self->{rows}}, '--show-ecms', '--air-lead', 150],
                ready => 0);
        }
        push @running, $self;
        $_->look for @running;
    }
    return;
}

# Whether all files that wait for something have said so, or are over.
sub all_wait {
    my ($self, $word, @rows) = @_;
    return !grep { !$self->has_ended($_) && !said($_, qr/ note: $word/) } @rows;
}

# One look: does what the conversations wait for, and notes whether all of them have ended.
sub look {
    my ($self) = @_;
    return if $self->{has_ended};
    my @reloads = grep { $_->{needs}{reload} && !$_->{is_reloaded} } @{$self->{rows}};
    if (@reloads && $self->all_wait('reload', @reloads)) {
        $_->{is_reloaded} = 1 for @reloads;
        $self->write_configuration;
        $self->{was_reloaded} = $self->{scsd}->reload;
    }
    my @terms = grep { $_->{needs}{term} } @{$self->{rows}};
    if (@terms && !$self->{is_ending} && $self->all_wait('term', @terms)) {
        $self->{is_ending} = 1;
        $self->{scsd}->signal('TERM');
    }
    $self->{has_ended} = !grep { !$self->has_ended($_) } @{$self->{rows}};
    return;
}

# Waits for the end of all conversations of several runs, then ends every scsd.
sub finish {
    my (@runs) = @_;
    until_true(sub { !grep { !$_->{has_ended} } @runs });
    @running = ();
    for my $self (@runs) {
        $self->{converses}->finish(5);
        $self->{status} = $self->{is_ending} ? $self->{scsd}->finish : $self->{scsd}->stop;
        $self->{mux_status} = $self->{mux}->stop if $self->{mux};
        $self->read_results;
    }
    return;
}

# ---- results ----

# Fills in {verdict, why, air, log} of each row. The verdict is ok, warning, skip or not ok.
sub read_results {
    my ($self) = @_;
    my %by_scg = map { $_->{number} => $_ } @{$self->{rows}};
    my %by_ecmg;
    for my $row (@{$self->{rows}}) {
        my $out = -e $row->{out} ? read_file($row->{out}) : '';
        my ($line) = $out =~ /^((?:not )?ok 1 .*)$/m;
        $line = 'not ok: it has not ended' if not defined $line;
        $row->{verdict} = $line =~ /^ok.*# SKIP/ ? 'skip'
            : $line =~ /^ok.*\(warning\)$/ ? 'warning'
            : $line =~ /^ok/ ? 'ok' : 'not ok';
        ($row->{why}) = $out =~ /^# ((?:fail|broken|warn) .*)$/m;
        $row->{said} = $out;
        $row->{why} ||= $line;
        $row->{air} = {periods => [], windows => {}, ecms => [], clear => [], alarms => []};
        $row->{log} = [];
        $by_ecmg{$row->{id} . ($_ > 1 ? "-$_" : '')} = $row for 1 .. 4;
    }
    # What was cut off by the end is no line.
    my ($told) = read_file(($self->{mux} || $self->{scsd})->{out}) =~ /\A(.*\n|)/s;
    for my $line (json_lines($told)) {
        my $row = defined $line->{scg} ? $by_scg{$line->{scg}} : $by_ecmg{$line->{ecmg} || ''};
        $self->{summary} = $line if $line->{event} eq 'summary';
        next if not $row;
        note_mux($row->{air}, $line) if $self->{mux};
        note_air($row->{air}, $line) if !$self->{mux};
    }
    for my $line ($self->{scsd}->log_lines) {
        my $row = defined $line->{scg} ? $by_scg{$line->{scg}} : $by_ecmg{$line->{ecmg} || ''};
        push @{$row->{log}}, $line if $row;
    }
    return;
}

# A window comes with an open end first, and then with its end.
sub note_air {
    my ($air, $line) = @_;
    my $event = $line->{event};
    push @{$air->{periods}}, $line if $event eq 'period';
    push @{$air->{ecms}}, $line if $event eq 'ecm';
    push @{$air->{clear}}, $line if $event eq 'clear';
    push @{$air->{alarms}}, $line if $event eq 'alarm';
    $air->{windows}{"$line->{super_cas_id}/$line->{ecm_id}"}{$line->{cp}} = $line
        if $event eq 'window';
    return;
}

# The same in the words of a mux, which tells what really happened.
sub note_mux {
    my ($air, $line) = @_;
    my $event = $line->{event};
    my $seconds = ($line->{at} // $line->{tick}) / $TICKS;
    my %common = (cp => $line->{cp}, start => $seconds);
    push @{$air->{periods}}, {%common, parity => $line->{parity} ? 'odd' : 'even'}
        if $event eq 'period';
    push @{$air->{ecms}}, {cp => $line->{cp}, time => $seconds, datagram => $line->{hex},
        size => $line->{size}, super_cas_id => $line->{stream}, ecm_id => 0} if $event eq 'ecm';
    push @{$air->{clear}}, \%common if $event eq 'clear';
    my $windows = $air->{windows}{"$line->{stream}/0"} ||= {} if defined $line->{stream};
    $windows->{$line->{cp}} = {%common, repetition_ms => $line->{repetition_ms}}
        if $event eq 'window';
    $windows->{$line->{cp}}{stop} = $seconds if $event eq 'window-end';
    return;
}

1;
