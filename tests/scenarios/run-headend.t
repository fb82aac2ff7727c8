#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# ./run-headend with the programs of this build: a run that must be good although the ECM generator
# in use is killed, three that must not be and say why, and what it says when something is missing.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Socket::INET;
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(sleep time);

use Simc::Run;

needs(qw(ffmpeg ffprobe setpriv ps));
program('muxd', 'mux');
program('scsd', 'scs');

my $SECONDS = 20;
my $EXERCISE = 10;
my $AROUND = 60;             # for start and end

my @command = ('bash', srcdir() . '/run-headend', '--build', builddir());
my $count = 0;

sub headend {
    my ($arguments, %how) = @_;
    my $state = delete $how{state} || scratch('state' . $count++);
    my $run = run([@command, '--state', $state, @$arguments], seconds => $AROUND + $SECONDS, %how);
    $run->{state} = $state;
    return $run;
}

# What is left of a run: processes that name its folder.
sub left_of {
    my ($state) = @_;
    my $ps = run(['ps', '-eo', 'pid,args', '-ww']);
    return join "\n", grep { index($_, $state) >= 0 && $_ !~ /run-headend\.t/ }
        split /\n/, $ps->{out};
}

# One line on standard error, and the status.
sub refuses {
    my ($name, $run, $pattern, $status) = @_;
    subtest $name => sub {
        is($run->{status}, $status // 1, 'status');
        my @lines = split /\n/, $run->{err};
        is(scalar @lines, 1, 'one sentence');
        like($run->{err}, qr/^run-headend: $pattern/, 'that says it');
        unlike($run->{err}, qr/ at \S+ line \d+/, 'without the place in the program');
    };
    return;
}

subtest 'a good run' => sub {
    my $run = headend(['--for', $SECONDS]);
    is($run->{status}, 0, 'status 0') or diag($run->{out}, $run->{err});
    is($run->{err}, '', 'nothing on standard error');
    like($run->{out}, qr/^GOOD, after $SECONDS s:$/m, 'judged good');
    for my $service ('1 \(News\)', '2 \(Cinema\)') {
        like($run->{out}, qr/good   service $service: all [\d,]+ packets .* equal those that went/,
            "service $service came out as it went in");
        like($run->{out}, qr/good   service $service: none of [\d,]+ packets was opened .* needs/,
            'and for the other receiver not at all, and it says why');
    }
    like($run->{out}, qr/ffprobe finds [1-9][\d,]* frames in/, 'frames');
    like($run->{out}, qr/ffprobe finds no frame in/, 'and no frame');
    like($run->{out}, qr/'main' was killed at second 8; 'backup' took over after [\d.]+ s/,
        'although an ECM generator was killed');
    like($run->{out},
        qr/good   EMMs on PID 0x\w+, which the CAT names: all [\d,]{3,} sections equal/,
        'EMMs came out as they were sent');
    like($run->{out}, qr/EMMs asked 100 kbit\/s, allocated 100, received 9\d\.\d, inserted 9\d/,
        'and their flow is shown');
    my @hashes = $run->{out} =~ /^  PID 0x\w+ +([\d,]+) packets  SHA-256 in (\w+), out (\w+)$/mg;
    is(scalar @hashes, 12, 'four PIDs');
    is(join(' ', grep { $hashes[3 * $_ + 1] ne $hashes[3 * $_ + 2] } 0 .. 3), '',
        'have the same hash on both sides');
    is(left_of($run->{state}), '', 'no process is left');
    is(join(' ', grep { read_file($_) =~ /ERROR: \w+Sanitizer|runtime error:/ }
        glob "$run->{state}/log/*.log"), '', 'no log has anything of a sanitizer');
    for my $name (qw(ecmgd ecmgd-backup scsd muxd)) {
        ok(-s "$run->{state}/$name.yaml", "$name.yaml is there to be read");
        my $own = read_file("$run->{state}/$name.yaml");
        my ($line) = grep { /^#/ && !/SPDX/ } split /\n/, $own;
        ok(index(read_file(srcdir() . "/deploy/examples/$name.yaml"), $line) >= 0,
            'with the comments of the example');
    }
    is((stat "$run->{state}/keys.yaml")[2] & 077, 0, 'keys are for the owner only');
    run(['rm', '-r', $run->{state}]);
};

# ---- ends ----

# What follows is about the judge and about words: nothing of it is new for sanitizers.
if (is_sanitized()) {
    done_testing;
    exit;
}

# Starts it in the background and waits until its output has a line.
sub begin {
    my ($state, $pattern, @arguments) = @_;
    my $out = write_file(scratch('out' . $count++), '');
    my $pid = fork;
    die "cannot fork: $!\n" if not defined $pid;
    if ($pid == 0) {
        setpgrp 0, 0;
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        exec @command, '--state', $state, @arguments or POSIX::_exit(127);
    }
    my $end = time + $AROUND;
    sleep 0.1 while time < $end && read_file($out) !~ $pattern && !waitpid $pid, WNOHANG;
    return ($pid, $out);
}

sub ended {
    my ($pid, $seconds) = @_;
    my $end = time + $seconds;
    while (time < $end) {
        return $? if waitpid($pid, WNOHANG) == $pid;
        sleep 0.05;
    }
    kill KILL => -$pid;
    waitpid $pid, 0;
    return;
}

subtest 'Ctrl-C' => sub {
    my $state = scratch('interrupted');
    my ($pid, $out) = begin($state, qr/running until Ctrl-C/);
    like(read_file($out), qr{ffplay udp://127\.0\.0\.1:\d+}, 'it tells where to watch');
    my $second = headend([], state => $state);
    refuses('a second one in the same folder', $second, qr/.* in use by another head-end \(/);
    kill INT => $pid;
    my $status = ended($pid, 20);
    ok(defined $status, 'it ends');
    is($status >> 8, 1, 'with status 1, since it was too short');
    like(read_file($out), qr/FAULT  the run was too short to kill/, 'and says so');
    is(left_of($state), '', 'no process is left');
};

subtest 'SIGKILL' => sub {
    my $state = scratch('killed');
    my ($pid, $out) = begin($state, qr/running until Ctrl-C/);
    isnt(left_of($state), '', 'it runs');
    kill KILL => $pid;
    ok(defined ended($pid, 20), 'it is gone');
    my $end = time + 10;
    sleep 0.1 while time < $end && left_of($state) ne '';
    is(left_of($state), '', 'and everything that it started');
};

# ---- exercises: runs that must fail, and why ----

my @EXERCISES = (
    ['wrong-key',
        qr/FAULT  service 1 .*: the entitled receiver, behind its first ECM:.* not opened/,
        qr/it says: service 1: ECM .* refused: the tag is wrong/],
    ['no-ecmg', qr/FAULT  both ECM generators are gone; no service may go clear/,
        qr/FAULT  alarm of scsd: frozen: the crypto period lasts longer/],
    ['bad-ecm', qr/FAULT  service 2 .*: the entitled receiver, behind its first ECM:.* not opened/,
        qr/it says: service 2: ECM .* refused: the tag is wrong/],
);
# Side by side, since most of their time passes with waiting: each finds ports when the one before
# has its own.
my @running = map {
    my $state = scratch("exercise-$_->[0]");
    my ($pid, $out) = begin($state, qr/ running for $EXERCISE s$/m, '--break', $_->[0], '--for',
        $EXERCISE);
    {row => $_, state => $state, pid => $pid, out => $out};
} @EXERCISES;
# This one waits as well.
my $null = "G\x1f\xff\x10" . "\xff" x 184;
my $pcr = "G\x01\x01\x20\xb7\x10";
my $nulls = write_file(scratch('nulls.ts'), map {
    ($null) x 50, $pcr . pack('Nn', 900 * $_, 0x7e00) . "\xff" x 176;
} 1 .. 500);
refuses('an input without services', headend(['--input', $nulls]),
    qr/the input .*nulls\.ts has no services/);
for my $run (@running) {
    my ($name, @patterns) = @{$run->{row}};
    subtest "the exercise $name" => sub {
        my $status = ended($run->{pid}, $AROUND);
        my $out = read_file($run->{out});
        is(defined $status ? $status >> 8 : 'no end', 1, 'status 1');
        like($out, qr/^NOT GOOD, after $EXERCISE s:$/m, 'judged not good');
        like($out, $_, 'and it says why') for @patterns;
        unlike($out, qr/went out in the clear/, 'nothing was clear');
        like($out, qr/good   service 1 .*: none of/, 'nor opened without rights');
        is(left_of($run->{state}), '', 'no process is left');
    };
}

# ---- what can be missing ----

subtest 'words for everything that is missing' => sub {
    refuses('an option', headend(['--nonsense']), qr/there is no option '--nonsense'/, 2);
    refuses('a value', headend(['--for', 'soon']), qr/--for: 'soon' is no number of seconds/, 2);
    refuses('an input', headend(['--input', '/nowhere.ts']), qr/--input: there is no file/, 2);
    my $help = headend(['--help']);
    is($help->{status}, 0, '--help');
    like($help->{out}, qr/--break WHAT\n(?:.*\n)*?.*bad-ecm/, 'tells of the exercises');

    my $text = write_file(scratch('letter'), "Dear reader\n" x 100);
    refuses('an input that is none', headend(['--input', $text]),
        qr/the input .*letter.* (?:Invalid data|cannot be played)/);
    my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp');
    my $port = $busy->sockport < 65534 ? $busy->sockport : 65533;
    refuses('a port in use', headend(['--watch', $port]), qr/UDP port $port is in use/);

    my $bin = scratch('bin');
    mkdir $bin;
    for my $tool (qw(bash perl dirname df id cat)) {
        my ($path) = grep { -x } map { "$_/$tool" } split /:/, $ENV{PATH};
        symlink $path, "$bin/$tool";
    }
    refuses('no ffmpeg', headend([], env => {PATH => $bin}),
        qr/ffmpeg is not installed; .*apt-get install ffmpeg/);

    my $file = write_file(scratch('file'), "x\n");
    refuses('a state folder that is a file', headend([], state => $file),
        qr/.*the state folder cannot be/);
    my $foreign = scratch('foreign');
    mkdir $foreign;
    write_file("$foreign/letter", "x\n");
    refuses('a folder of others', headend([], state => $foreign),
        qr/.*was not made by run-headend/);
    my $old = scratch('old');
    mkdir $old;
    write_file("$old/version", "0\n");
    refuses('a folder of another version', headend([], state => $old),
        qr/.*made by another version.*rm -r/);
    SKIP: {
        skip 'only root can become another user', 1 if $> != 0;
        chmod 0755, scratch();
        my $closed = scratch('closed');
        mkdir $closed, 0700;
        refuses('a folder of another user', headend([], state => $closed, user => 65534),
            qr/.*state folder cannot be read: Permission denied/);
        skip 'no mount namespaces here', 1 if run(['unshare', '-m', 'true'])->{status};
        my $small = scratch('small');
        mkdir $small;
        my $full = run(['unshare', '-m', 'sh', '-c',
            'mount -t tmpfs -o size=4m none "$0" && exec "$@"', $small, @command, '--state',
            "$small/state"]);
        refuses('no space', $full, qr/.*only \d+ MiB are free/);
    }
};

done_testing;
