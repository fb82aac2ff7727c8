# SPDX-License-Identifier: BSL-1.0
# A run of the head-end from the first program to the verdict. headend.pl makes one.
package Headend::Run;

use strict;
use warnings FATAL => 'all';

use JSON::PP;
use POSIX ();
use Time::HiRes qw(time);

use Headend::Config;
use Headend::EmmFlow;
use Headend::Emms;
use Headend::Fetch;
use Headend::Loop;
use Headend::Margins;
use Headend::Ports;
use Headend::Process;
use Headend::Programs;
use Headend::Receivers;
use Headend::Screen;
use Headend::State;
use Headend::Verdict qw(findings);
use Headend::View;

my $SERVICES_SECONDS = 10;   # for the input to tell its services
my $READY_SECONDS = 20;      # for a daemon to answer
my $SCRAMBLED_SECONDS = 30;  # for all services to be scrambled
my $DECODED_SECONDS = 12;    # for the entitled receiver
my $END_SECONDS = 5;         # for a program that is asked to end
my $DRAW_SECONDS = 0.33;
my $PLAIN_SECONDS = 5;
my $EXERCISE_SECONDS = 30;
my $KILL_SECOND = 20;        # without --for
my $PORT_TRIES = 4;
my $RESTARTS = 5;            # of one program; the next end ends the run

# Options: given (Headend::Options), source (folder of the sources), build (folder of the programs).
sub new {
    my ($class, %how) = @_;
    my $given = $how{given};
    my $self = bless {
        %how, loop => Headend::Loop->new, screen => Headend::Screen->new(\*STDOUT),
        events => [], faults => [], programs => [], asked => {}, figures => {},
        break => $given->{break} || '', margins => Headend::Margins->new,
        emm_flow => Headend::EmmFlow->new,
        receivers => {map { $_ => Headend::Receivers->new } qw(entitled other)},
        samples => {map { $_ => {count => 0, frames => 0, seconds => 0, per_service => {}} }
            qw(entitled other)},
    }, $class;
    $self->{seconds} = $given->{for} || ($self->{break} ? $EXERCISE_SECONDS : undef);
    return $self;
}

# The whole run. Returns the exit status; dies with a sentence when it could not go on.
sub run {
    my ($self) = @_;
    $self->prepare;
    $self->start_source;
    $self->start_daemons_somewhere;
    $self->start_receivers;
    $self->live;
    return $self->finish;
}

# What has happened, for the screen.
sub event {
    my ($self, $text) = @_;
    my @now = localtime;
    push @{$self->{events}}, sprintf '%02d:%02d:%02d %s', @now[2, 1, 0], $text;
    shift @{$self->{events}} if @{$self->{events}} > 50;
    $self->{screen}->say_line($self->{events}[-1]);
    return;
}

sub fault {
    my ($self, $text) = @_;
    push @{$self->{faults}}, $text if @{$self->{faults}} < 100;
    $self->event($text);
    return;
}

# ---- before anything runs ----

sub prepare {
    my ($self) = @_;
    for my $tool (qw(ffmpeg ffprobe setpriv)) {
        next if grep { -x "$_/$tool" } split /:/, $ENV{PATH} || '/usr/bin:/bin';
        my $package = $tool eq 'setpriv' ? 'util-linux' : 'ffmpeg';
        die "$tool is not installed; it is in the Debian package $package: apt-get install"
            . " $package\n";
    }
    for my $name (qw(simulcrypt ecmgd scsd muxd)) {
        die "$self->{build} has no program $name; build the tree first\n"
            if !-x "$self->{build}/$name";
    }
    $self->{state} = Headend::State->open_folder($self->{given}{state});
    $self->{ports} = Headend::Programs::ports($self->{given}{watch}, $self->{break} eq 'bad-ecm');
    $self->make_keys('keys.yaml', 1, 2);
    $self->make_keys('keys-other.yaml', 3);
    $self->{state}->put('emms.txt', Headend::Emms::made_text());
    $self->make_keys('keys-wrong.yaml', 1, 2) if $self->{break} eq 'wrong-key';
    return;
}

# A command that ends at once. Returns what it says and its status.
sub output_of {
    my ($self, @command) = @_;
    my $pid = open my $out, '-|';
    die "no process can be started: $!\n" if not defined $pid;
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec {$command[0]} @command or POSIX::_exit(127);
    }
    local $/ = undef;
    my $said = <$out>;
    close $out;
    return (defined $said ? $said : '', $? >> 8);
}

sub make_keys {
    my ($self, $name, @packages) = @_;
    my $path = $self->{state}->path($name);
    if (!$self->{state}->has($name)) {
        unlink $path;
        my ($said, $status) = $self->output_of("$self->{build}/simulcrypt", 'keys', 'new', $path,
            map { ('--package', $_) } @packages);
        die "no keys could be made: $said\n" if $status;
    }
    my ($said, $status) = $self->output_of("$self->{build}/simulcrypt", 'keys', 'check', $path);
    die "$path cannot be used; delete it: rm $path. " . ($said =~ s/\n.*//sr) . "\n" if $status;
    $self->{state}->keep($name);
    return;
}

# ---- programs ----

sub add {
    my ($self, %how) = @_;
    my $log = $self->{state}->path("log/$how{name}.log");
    my $process = Headend::Process->new(loop => $self->{loop}, log => $log, %how);
    push @{$self->{programs}}, $process;
    return $process->start;
}

# Looks after those that have ended. What must go on is started again; what must not end ends the
# run.
sub look_after {
    my ($self) = @_;
    for my $process (Headend::Process::collect()) {
        next if $process->{is_done} || $self->{is_ending};
        # The reason may still be on its way.
        $self->{loop}->until_true(0.5, sub { !$process->{open} });
        my $why = "$process->{title} has ended ($process->{how}): " . $process->last_words;
        die "$why\n" if !$process->{can_restart} || !$self->{is_live}
            || $process->{ends} > $RESTARTS;
        if ($process->{is_source}) {
            $self->event($process->{status} ? $why : "$process->{title} is at its end");
        } else {
            $self->fault($why);
        }
        $self->{loop}->after(1, sub { $self->restart($process) });
    }
    return;
}

sub restart {
    my ($self, $process) = @_;
    return if $self->{is_ending};
    my $count = $self->{state}->restore;
    $self->event("$self->{given}{state} was deleted; it was made again") if $count;
    $process->start;
    $self->event("$process->{title} was started again");
    return;
}

# Waits for something; programs are looked after meanwhile. Dies when the user has ended it.
sub wait_until {
    my ($self, $seconds, $check) = @_;
    return $self->{loop}->until_true($seconds, sub {
        die "ended before everything was running\n" if $self->{is_stopped};
        $self->look_after;
        return $check->();
    });
}

sub checked {
    my ($self, $program, $name) = @_;
    my $path = $self->{state}->path($name);
    my ($said, $status) = $self->output_of("$self->{build}/$program", '--config', $path, '--check');
    $said =~ s/\n.*//s;
    die "$program does not take its configuration: $said\n" if $status;
    return $path;
}

# ---- the source and the judge ----

sub start_source {
    my ($self) = @_;
    my $input = $self->{given}{input};
    my @command = Headend::Programs::source_command($input);
    my $ports = $self->{ports};
    my %pipes;
    for my $name (qw(source entitled other)) {
        pipe $pipes{$name}[0], $pipes{$name}[1] or die "no pipe: $!\n";
    }
    $self->{pipes} = \%pipes;
    $self->{judge} = $self->add(
        name => 'judge', title => 'the judge', is_first => 1,
        command => [$^X, "$self->{source}/headend/judge.pl", @command ? '-' : $input,
            $ports->{mux_input}, $ports->{copy}, $ports->{watch}, '1,2',
            $self->{state}->path('samples'), $self->{state}->path('emms.txt'),
            substr $Headend::Programs::SUPER_CAS_ID, 0, 6],
        descriptors => {0 => $pipes{source}[0], 3 => $pipes{entitled}[0], 4 => $pipes{other}[0]},
        on_out => sub { $self->take_report($_[0]) },
    );
    # Only the judge reads them: when it ends, those who write notice.
    close $_->[0] for values %pipes;
    my $title = defined $input ? "the input $input" : 'ffmpeg, which makes the channels,';
    $self->{ffmpeg} = $self->add(name => 'source', title => $title, command => \@command,
        descriptors => {1 => $pipes{source}[1]}, can_restart => 1, is_source => 1,
        is_first => 1) if @command;
    $self->event(defined $input ? "reading $input" : 'ffmpeg makes two channels');
    my $is_there = $self->wait_until($SERVICES_SECONDS, sub {
        return $self->{services} && @{$self->{services}};
    });
    die "nothing comes from the input $input\n" if !$is_there && !$self->{figures}{in};
    die "the input $input has no services: no PAT with PMTs came in $SERVICES_SECONDS s\n"
        if !$is_there;
    my @scrambled = grep { $_->{is_scrambled} } @{$self->{services}};
    die "the input is scrambled already (service $scrambled[0]{id}); it must be clear\n"
        if @scrambled || $self->{figures}{in_scrambled};
    $self->event('the input has ' . join ', ', map { "service $_->{id} ($_->{name})" }
        @{$self->{services}});
    return;
}

# A line of the judge.
sub take_report {
    my ($self, $line) = @_;
    my $report = eval { JSON::PP->new->decode($line) } or return;
    if (defined $report->{failed}) {
        my $end = $self->{ffmpeg} && !$self->{ffmpeg}{is_running} && $self->{ffmpeg}->last_words;
        die "the input cannot be played: " . ($end || $report->{failed}) . "\n";
    }
    $self->take_services($report->{services}) if $report->{services};
    $self->take_sample($report) if $report->{sample};
    $self->fault($report->{trouble}) if defined $report->{trouble};
    return if not exists $report->{in};
    $self->{figures_before} = $self->{figures};
    $self->{figures} = $report;
    return;
}

sub take_services {
    my ($self, $services) = @_;
    # Once the synchroniser knows them they stay as they are.
    return if $self->{is_configured};
    $self->{services} = [grep { @{$_->{pids}} } @$services];
    return;
}

sub take_sample {
    my ($self, $report) = @_;
    my $of = $self->{samples}{$report->{sample}};
    my $json = '';
    my $process = Headend::Process->new(
        loop => $self->{loop}, name => 'ffprobe', title => 'ffprobe', is_done => 1,
        log => $self->{state}->path('log/ffprobe.log'),
        command => ['ffprobe', '-v', 'error', '-count_frames', '-show_entries',
            'program=program_num:stream=codec_type,nb_read_frames', '-of', 'json', $report->{file}],
        on_out => sub { $json .= "$_[0]\n" },
    );
    $of->{waiting}++;
    $process->start;
    my $look;
    $look = $self->{loop}->every(0.2, sub {
        return if $process->{is_running} || $process->{open};
        $self->{loop}->cancel($look);
        $of->{waiting}--;
        my $found = eval { JSON::PP->new->utf8->decode($json) };
        # It leaves with an error when it finds nothing at all.
        my $programs = ref $found eq 'HASH' ? $found->{programs} || [] : [];
        $of->{count}++;
        $of->{seconds} += $report->{seconds};
        $of->{last} = 0;
        for my $program (@$programs) {
            for my $stream (@{$program->{streams} || []}) {
                my $count = $stream->{nb_read_frames} || 0;
                $of->{frames} += $count;
                $of->{last} += $count;
                $of->{per_service}{$program->{program_num}} += $count;
            }
        }
    });
    return;
}

# ---- the head-end ----

# A port that was free may be taken a moment later: then others are tried.
sub start_daemons_somewhere {
    my ($self) = @_;
    for my $try (1 .. $PORT_TRIES) {
        return if eval { $self->start_daemons; 1 };
        die $@ if $@ !~ /cannot listen/ || $try == $PORT_TRIES;
        $self->event("others are tried, for a port was taken by another program: $@" =~ s/\n//r);
        my @others = grep { !$_->{is_first} } @{$self->{programs}};
        $_->{is_done} = 1 for @others;
        Headend::Process::stop_all($self->{loop}, $END_SECONDS, @others);
        $_->stop for values %{$self->{asked}};
        $self->{programs} = [grep { $_->{is_first} } @{$self->{programs}}];
        my $ports = $self->{ports};
        %$ports = (%$ports, Headend::Programs::tcp_ports($ports->{proxy}));
    }
    return;
}

sub start_daemons {
    my ($self) = @_;
    my ($state, $ports, $build) = @$self{qw(state ports build)};
    my $examples = "$self->{source}/deploy/examples";
    my $socket = $state->path('run/scs-mux.sock');
    unlink $socket;
    $state->put('ecmgd.yaml', Headend::Programs::ecmgd_text($examples, $ports, 'main'));
    $state->put('ecmgd-backup.yaml', Headend::Programs::ecmgd_text($examples, $ports, 'backup'));
    $state->put('scsd.yaml',
        Headend::Programs::scsd_text($examples, $ports, $socket, $self->{services}));
    $state->put('muxd.yaml', Headend::Programs::muxd_text($examples, $ports, $socket,
        $self->{given}{output}, !defined $self->{given}{input}));
    $self->{is_configured} = 1;
    $self->{main} = $self->add_daemon('ecmgd', 'ecmgd', 'ECM generator main', 'ecmgd_admin');
    $self->{backup} = $self->add_daemon('ecmgd', 'ecmgd-backup', 'ECM generator backup',
        'ecmgd_backup_admin');
    $self->start_proxies if $ports->{proxy};
    $self->{scsd} = $self->add_daemon('scsd', 'scsd', 'scsd', 'scsd_admin');
    $self->{muxd} = $self->add_daemon('muxd', 'muxd', 'muxd', 'muxd_admin');
    for my $name (qw(ecmgd ecmgd-backup scsd muxd)) {
        $self->wait_until($READY_SECONDS, sub { $self->{asked}{$name}{value} })
            or die "$name does not answer on its admin port; its log is "
            . $state->path("log/$name.log") . "\n";
    }
    $self->{asked}{metrics} = Headend::Fetch->new($self->{loop}, $ports->{scsd_admin}, '/metrics',
        2, sub {
            my %ecmg_of = map { ("$_->{super_cas_id} $_->{ecm_id}" => $_->{ecmg}) }
                Headend::View::streams_of($self->{asked}{scsd}{value} || {});
            $self->{margins}->take_text($_[0], \%ecmg_of);
        });
    $self->event('ECM generators, scsd and muxd are running');
    $self->{emmg} = $self->add(name => 'emmg', title => 'the EMM generator', can_restart => 1,
        command => Headend::Programs::emmg_command($build, $ports, $state->path('emms.txt')));
    return if $self->wait_until($SCRAMBLED_SECONDS, sub { $self->is_all_scrambled });
    my $why = ($self->{asked}{scsd}{value} || {})->{daemon}{not_ready_because};
    die 'the services are not scrambled after ' . $SCRAMBLED_SECONDS . ' s'
        . (defined $why ? ": $why" : '') . "\n";
}

sub add_daemon {
    my ($self, $program, $name, $title, $port) = @_;
    my $path = $self->checked($program, "$name.yaml");
    my $process = $self->add(name => $name, title => $title, can_restart => 1,
        command => ["$self->{build}/$program", '--config', $path, '--log-form', 'json']);
    $self->{asked}{$name} = Headend::Fetch->new($self->{loop}, $self->{ports}{$port}, '/v1/status',
        0.4);
    return $process;
}

sub start_proxies {
    my ($self) = @_;
    my $ports = $self->{ports};
    for my $of ([$ports->{proxy}, $ports->{ecmgd}], [$ports->{proxy} + 1, $ports->{ecmgd_backup}]) {
        $self->add(name => "break-$of->[0]", title => 'the program that spoils ECMs',
            command => [$^X, "$self->{source}/headend/break-ecm.pl", @$of]);
    }
    return;
}

# True when the mux has sent scrambled packets of every service.
sub is_all_scrambled {
    my ($self) = @_;
    my $air = $self->{figures}{air} || {};
    return !grep { !$air->{$_->{id}} || !$air->{$_->{id}}{scrambled} } @{$self->{services}};
}

sub start_receivers {
    my ($self) = @_;
    my %keys = (
        entitled => $self->{break} eq 'wrong-key' ? 'keys-wrong.yaml' : 'keys.yaml',
        other => 'keys-other.yaml',
    );
    my $port = $self->{ports}{receiver_input};
    for my $name (qw(entitled other)) {
        my $receiver = $self->{receivers}{$name};
        $self->{$name} = $self->add(
            name => "receiver-$name", can_restart => 1,
            title => $name eq 'entitled' ? 'the entitled receiver' : 'the receiver without rights',
            command => ["$self->{build}/simulcrypt", 'receive', '--key-file',
                $self->{state}->path($keys{$name}), '--json', '--interval', 1, '--require', 'none',
                '--output', '-', "udp://127.0.0.1:$port"],
            descriptors => {1 => $self->{pipes}{$name}[1]},
            on_line => sub { $receiver->take_line($_[0]) },
        );
        $port++;
    }
    my @services = map { $_->{id} } @{$self->{services}};
    # What cannot be decoded is not waited for.
    my $is_hopeless = $self->{break} =~ /\A(?:wrong-key|bad-ecm)\z/;
    $self->wait_until($is_hopeless ? 2 : $DECODED_SECONDS, sub {
        return $self->{receivers}{entitled}->decodes(@services);
    });
    my @watch = Headend::View::watch_commands($self->{ports}{watch});
    $self->{screen}->say_line($_) for map { sprintf '  %-14s %s', @$_ } @watch;
    return;
}

# ---- while it runs ----

sub live {
    my ($self) = @_;
    my $screen = $self->{screen};
    @$self{qw(is_live live_since)} = (1, time);
    $self->event($self->{seconds} ? "running for $self->{seconds} s" : 'running until Ctrl-C');
    my $second = $self->{seconds} ? int($self->{seconds} * 0.4) : $KILL_SECOND;
    my $gap = $self->{seconds} && $self->{seconds} < 24 ? $self->{seconds} / 4 : 6;
    $self->{loop}->after($second, sub { $self->kill_generator($second, $gap) });
    $screen->open_screen;
    my $every = $screen->is_terminal ? $DRAW_SECONDS : $PLAIN_SECONDS;
    $self->{drawing} = $self->{loop}->every($every, sub {
        $self->{emm_flow}->take(@{$self->{asked}{muxd}}{qw(value at)});
        my $view = Headend::View::of_run($self);
        return $screen->draw($view) if $screen->is_terminal;
        $screen->say_line(Headend::Screen::plain_line($view));
    });
    until ($self->{is_stopped}) {
        last if $self->{seconds} && time - $self->{live_since} >= $self->{seconds};
        $self->look_after;
        $self->watch_takeover;
        $self->{loop}->run_once(0.1);
    }
    return;
}

# Kills the ECM generator that is in use, as a power failure would; some seconds later it is back.
sub kill_generator {
    my ($self, $second, $gap) = @_;
    return if $self->{is_ending};
    my $status = $self->{asked}{scsd}{value} || {};
    my $name = Headend::View::active_ecmg($status) || 'main';
    my %killed = (name => $name, second => $second, at => time,
        by => $name eq 'main' ? 'backup' : 'main');
    $self->{killed} = \%killed;
    if ($self->{break} eq 'no-ecmg') {
        $killed{is_for_good} = 1;
        for my $process (@$self{qw(main backup)}) {
            $process->{is_done} = 1;
            $process->signal('KILL');
        }
        $self->event('both ECM generators were killed, and stay away');
        return;
    }
    my $process = $self->{$name};
    $process->{is_done} = 1;
    $process->signal('KILL');
    $self->event("ECM generator '$name' was killed (SIGKILL)");
    $self->{loop}->after($gap, sub {
        return if $self->{is_ending};
        $process->{is_done} = 0;
        $self->restart($process);
        $killed{restarted} = time;
    });
    return;
}

# When the other generator has taken over, and when the killed one is back.
sub watch_takeover {
    my ($self) = @_;
    my $killed = $self->{killed} or return;
    my $asked = $self->{asked}{scsd};
    return if $killed->{is_for_good} || !$asked->{value} || $asked->{at} < $killed->{at} + 0.1;
    my $scs = $asked->{value};
    if (!$killed->{taken_over} && Headend::View::serves_all($scs, $killed->{by})) {
        $killed->{taken_over} = time - $killed->{at};
        $self->event(sprintf "ECM generator '%s' has taken over after %.1f s", $killed->{by},
            $killed->{taken_over});
    }
    return if $killed->{back} || !$killed->{restarted};
    return if $asked->{at} < $killed->{restarted} || !Headend::View::is_open($scs, $killed->{name});
    $killed->{back} = 1;
    $self->event("ECM generator '$killed->{name}' is back");
    return;
}

# ---- the end ----

sub facts {
    my ($self) = @_;
    return {
        (map { $_ => $self->{$_} } qw(services figures receivers samples faults killed)),
        scs => $self->{asked}{scsd}{value},
    };
}

sub finish {
    my ($self) = @_;
    my $seconds = time - $self->{live_since};
    $self->{loop}->cancel($self->{drawing});
    # Before the judge ends, so that its last report is of a stream that still runs.
    $self->{judge}{is_done} = 1;
    $self->{judge}->signal('TERM');
    $self->{loop}->until_true($END_SECONDS, sub {
        Headend::Process::collect();
        return $self->{figures}{final}
            && !grep { $self->{samples}{$_}{waiting} } qw(entitled other);
    });
    my @found = findings($self->facts);
    $self->stop;
    $self->{screen}->close_screen;
    my @bad = grep { !$_->[0] } @found;
    print "\n", @bad ? 'NOT GOOD' : 'GOOD', sprintf ", after %d s:\n", $seconds;
    print $self->{screen}->wrapped(($_->[0] ? '  good   ' : '  FAULT  ') . $_->[1], 9) for @found;
    $self->print_hashes;
    print "  logs and configurations are in $self->{given}{state}\n";
    return @bad ? 1 : 0;
}

# The same hash over what went in and what came out, PID by PID.
sub print_hashes {
    my ($self) = @_;
    my $services = $self->{figures}{entitled}{services} || {};
    for my $service (@{$self->{services}}) {
        my $pids = ($services->{$service->{id}} || {})->{pids} || {};
        for my $pid (sort { $a <=> $b } keys %$pids) {
            my $of = $pids->{$pid};
            next if not defined $of->{sent};
            printf "  PID 0x%04x  %9s packets  SHA-256 in %.12s, out %.12s\n", $pid,
                Headend::Verdict::numbered($of->{equal}), @$of{qw(sent received)};
        }
    }
    return;
}

# Ends all programs: those first that others hang on.
sub stop {
    my ($self) = @_;
    $self->{is_ending} = 1;
    Headend::Process::stop_all($self->{loop}, $END_SECONDS, @{$self->{programs}});
    return;
}

# For signals.
sub ask_to_end { $_[0]{is_stopped} = 1; return }

1;
