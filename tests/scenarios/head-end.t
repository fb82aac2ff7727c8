#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# A head-end from end to end: two ecmgd, scsd and muxd make one programme of two that ffmpeg has
# made, in two packages: as a title, and live with kills. tests/support/ts-judge, which shares
# nothing with the libraries, opens every packet with OpenSSL; the control words come from the ECMs
# on air by a decoder that knows only the specification. SIMC_HEAD_END_SECONDS makes the live part
# longer (the long tests do). `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Select;
use Test::More;
use Time::HiRes qw(time);

use Simc::Daemon;
use Simc::Json;
use Simc::Run;

my $LIVE_SECONDS = $ENV{SIMC_HEAD_END_SECONDS} || 30;
my $SYSTEM = '0x12340001';
my $TICKS = 27_000_000;
my $PERIOD_S = 2;
my $BITRATE = 6_000_000;
my $PACKET_TICKS = 188 * 8 * $TICKS / $BITRATE;
my ($VIDEO, $AUDIO) = (0x201, 0x202);
my %ECM_PID = (1 => 0x700, 2 => 0x701);    # by package

my $ecmgd = program('ecmgd', 'ecmg');
my $scsd = program('scsd', 'scs');
my $muxd = program('muxd', 'mux');
my $simulcrypt = program('simulcrypt', 'cli');
my $judge = program('ts-judge');
needs('ffmpeg', 'ffprobe', 'tshark', 'tsinfo', 'perl');

# ---- the stream that goes in ----

my $clear = scratch('clear.ts');
my $made = run(['ffmpeg', '-hide_banner', '-loglevel', 'error', '-y',
    '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25',
    '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000',
    '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25',
    '-f', 'lavfi', '-i', 'sine=frequency=880:sample_rate=48000',
    '-map', '0:v', '-map', '1:a', '-map', '2:v', '-map', '3:a', '-t', 12,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p',
    '-g', 25, '-b:v', '600k', '-maxrate', '600k', '-bufsize', '300k',
    '-c:a', 'aac', '-b:a', '96k',
    '-program', 'program_num=1:title=One:st=0:st=1',
    '-program', 'program_num=2:title=Two:st=2:st=3',
    '-streamid', '0:257', '-streamid', '1:258', '-streamid', "2:$VIDEO", '-streamid', "3:$AUDIO",
    '-f', 'mpegts', '-muxrate', '3000k', '-pcr_period', 20, '-pat_period', 0.1,
    '-sdt_period', 0.5, '-nit_period', 0.5, '-mpegts_flags', '+nit',
    '-mpegts_pmt_start_pid', '0x1000', $clear], seconds => 120);
is($made->{status}, 0, 'ffmpeg makes two programmes') or BAIL_OUT($made->{err});

# ---- keys, configurations, daemons ----

my $keys = scratch('keys.yaml');
is(simulcrypt(['keys', 'new', $keys, '--package', 1, '--package', 2])->{status}, 0, 'keys');
my %keys_of;    # by package: options of the decoder, one for each version
for my $line (split /\n/, read_file($keys)) {
    push @{$keys_of{$1}}, '--key', "$1:$2:$3"
        if $line =~ /package: (\d+), version: (\d+),.* key: "?([0-9a-f]{32})/;
}

my %ecmg;    # name => {port, daemon}
my ($socket, $scs_admin) = (scratch('scs.sock'), free_port());

sub start_ecmg {
    my ($name) = @_;
    $ecmg{$name}{port} ||= free_port();
    $ecmg{$name}{daemon} = Simc::Daemon->start([$ecmgd, '--listen',
        "127.0.0.1:$ecmg{$name}{port}", '--super-cas-id', $SYSTEM, '--key-file', $keys, '--admin',
        'null']);
    ok($ecmg{$name}{daemon}{is_ready}, "$name ECMG") or diag($ecmg{$name}{daemon}->log_text);
    return;
}

sub start_scs {
    my $daemon = Simc::Daemon->start([$scsd, '--config', scratch('scsd.yaml')]);
    ok($daemon->{is_ready}, 'scsd') or diag($daemon->log_text);
    return $daemon;
}

start_ecmg('main');
start_ecmg('backup');
write_file(scratch('scsd.yaml'), <<"END");
link: {socket: '$socket', listen: null}
admin: {listen: '127.0.0.1:$scs_admin'}
ecmgs:
  - {name: main, super_cas_id: $SYSTEM, address: '127.0.0.1:$ecmg{main}{port}', channel_id: 1}
  - {name: backup, super_cas_id: $SYSTEM, address: '127.0.0.1:$ecmg{backup}{port}', channel_id: 2,
     priority: 1}
hold: 5s
scgs:
  - id: 2
    name: Two
    services: [{service_id: 2}]
    algorithm: cissa
    crypto_period: ${PERIOD_S}s
    streams:
      - {super_cas_id: $SYSTEM, ecm_id: 1, package: 1, pid: $ECM_PID{1}}
      - {super_cas_id: $SYSTEM, ecm_id: 2, package: 2, pid: $ECM_PID{2}}
END
my $scs = start_scs();

# ---- judging ----

# What ts-judge found of ECMs: a hash for each run of equal sections.
sub ecms_of {
    my ($file, $pid) = @_;
    my $run = run([$judge, $BITRATE, 'ecms', $file, $pid]);
    is($run->{status}, 0, sprintf 'ECMs on PID 0x%03x', $pid) or diag($run->{err});
    return json_lines($run->{out});
}

# The control words of a package's ECMs, by nothing but its key: {CP => hex}. A CP that is
# published twice must have one control word.
sub words_of {
    my ($package, @ecms) = @_;
    my $run = run(['perl', srcdir() . '/tests/support/ecm-decode.pl',
        @{$keys_of{$package}}],
        in => join '', map { "$_->{section}\n" } @ecms);
    is($run->{status}, 0, "the decoder reads the ECMs of package $package") or diag($run->{err});
    my @lines = split /\n/, $run->{out};
    is(join("\n", grep { !/^opened/ } @lines), '', 'and opens all of them');
    my (%words, @contradicted);
    for my $i (0 .. $#lines) {
        my $line = $lines[$i];
        ($ecms[$i]{cp}) = $line =~ /\bcws (\d+):/;
        while ($line =~ /\b(\d+):([0-9a-f]{32})\b/g) {
            push @contradicted, $1 if exists $words{$1} && $words{$1} ne $2;
            $words{$1} = $2;
        }
    }
    is("@contradicted", '', 'no CP has two control words');
    return \%words;
}

sub judged {
    my ($file, $words) = @_;
    my $list = write_file(scratch('words.txt'),
        map { "$_ $words->{$_}\n" } sort { $a <=> $b } keys %$words);
    my $run = run([$judge, $BITRATE, 'check', $clear, $file, $list, $VIDEO, $AUDIO],
        seconds => 120);
    is($run->{status}, 0, 'the judge has looked at it') or diag($run->{err});
    return (json_lines($run->{out} =~ s/\n//gr . "\n"))[0];
}

# Everything that must hold for any output, however it was made.
sub judge_output {
    my ($file, %how) = @_;
    my %ecms = map { $_ => [ecms_of($file, $ECM_PID{$_})] } 1, 2;
    my %words = map { $_ => words_of($_, @{$ecms{$_}}) } 1, 2;
    is_deeply($words{1}, $words{2}, 'both packages have the same control words');
    my $found = judged($file, $words{1});
    my @runs = @{$found->{runs}};
    my @clear = grep { $_->{parity} < 0 } @runs;
    my @scrambled = grep { $_->{parity} >= 0 } @runs;
    is($found->{clear_behind_scrambled}, 0, 'no clear packet inside');
    is($found->{unknown_words}, 0, 'every packet opens with a control word that an ECM published');
    is($found->{returned_words}, 0, 'no packet of an old period behind a new one');
    my $of_video = $found->{pids}{$VIDEO};
    cmp_ok($of_video->{scrambled}, '>', 1000, "$of_video->{scrambled} packets were scrambled");
    is($found->{pids}{$_}{mismatched}, 0, "PID $_: opened, every byte is what went in")
        for $VIDEO, $AUDIO;
    is($found->{pids}{$_}{lost}, 0, "PID $_: and none is lost") for $VIDEO, $AUDIO;
    my @jumps = grep { $scrambled[$_]{cp} != (($scrambled[$_ - 1]{cp} + 1) & 0xffff) }
        1 .. $#scrambled;
    is(scalar @jumps, 0, 'periods follow each other');
    is(scalar(grep { ($_->{cp} & 1) != $_->{parity} } @scrambled), 0, 'parity is that of the CP');
    judge_windows(\%ecms, \@scrambled, %how);
    return (\@clear, \@scrambled, \%ecms);
}

# Each ECM comes at its boundary (delays are 0) and every 100 ms, to the packet: only what else is
# inserted may be in the way for a moment. The first packet of a period is seen when its components
# have one.
sub judge_windows {
    my ($ecms, $runs, %how) = @_;
    my $slack = 12 * $PACKET_TICKS;
    for my $package (1, 2) {
        # Another ECMG may make the ECM of a period again.
        my @all = @{$ecms->{$package}};
        my @sections = @all[grep { $_ == 0 || $all[$_]{cp} != $all[$_ - 1]{cp} } 0 .. $#all];
        my %run_of = map { $_->{cp} => $_ } @$runs;
        my $gap_most = 0;
        my (@off, @lengths);
        for my $i (0 .. $#sections) {
            my $is = $sections[$i];
            my $run = $run_of{$is->{cp}} or next;
            $gap_most = $is->{gap_most} if $is->{gap_most} > $gap_most;
            push @lengths, ($sections[$i + 1]{first_tick} - $is->{first_tick}) / $TICKS
                if $i > 0 && $i < $#sections;
            next if $i == 0;
            my $before = ($run->{first_tick} - $is->{first_tick}) / $TICKS;
            push @off, "CP $run->{cp}: $before s" if $before < -0.01 || $before > 0.06;
        }
        # Where a file begins again its components make a pause.
        cmp_ok(scalar @off, '<=', $how{pauses} || 0,
            "ECMs of package $package begin with their periods") or diag("@off");
        cmp_ok($gap_most, '<', 0.1 * $TICKS + $slack, sprintf
            'and come every 100 ms (%.1f ms at most)', $gap_most / $TICKS * 1000);
        my @uneven = grep { abs($_ - $PERIOD_S) * $TICKS > 2 * $slack } @lengths;
        cmp_ok(scalar @uneven, '<=', $how{stretched} || 0, sprintf 'for %d s each (%s)', $PERIOD_S,
            join ' ', map { sprintf '%.4f', $_ } @lengths[0 .. ($#lengths < 5 ? $#lengths : 5)]);
    }
    return;
}

# What others say of the file: tshark and our own analyser.
sub judge_tables {
    my ($file) = @_;
    my $drops = run(['tshark', '-r', $file, '-Y', 'mp2t.cc.drop', '-T', 'fields', '-e', 'mp2t.pid'],
        seconds => 120);
    is($drops->{out}, '', 'tshark finds continuity right');
    my $crc = run(['tshark', '-o', 'mpeg_sect.verify_crc:TRUE', '-r', $file, '-Y',
        'mpeg_sect.crc.status==0', '-T', 'fields', '-e', 'mp2t.pid'], seconds => 120);
    is($crc->{out}, '', 'and every CRC');
    my $ca = run(['tshark', '-r', $file, '-Y', 'mpeg_descr.ca.pid', '-T', 'fields',
        '-e', 'mpeg_descr.ca.sys_id', '-e', 'mpeg_descr.ca.pid'], seconds => 120);
    like($ca->{out}, qr/^0x1234,0x1234\t(?:0x0?700,0x0?701|0x0?701,0x0?700)$/m,
        'the PMT names both ECM PIDs');
    return;
}

# tstools, and what TR 101 290 asks, by our own analyser.
sub judge_stream {
    my ($file) = @_;
    my $info = run(['tsinfo', $file]);
    like($info->{out}, qr/Program 2 -> PID 1001/, 'tsinfo finds the programmes');
    my $run = simulcrypt(['ts', 'analyze', '--json', $file], seconds => 120);
    my ($found) = json_lines($run->{out});
    my @raised = map { "$_->{number} $_->{name}" } grep { $_->{count} } @{$found->{checks}};
    is("@raised", '', 'no check of TR 101 290 is raised');
    my ($clock) = grep { $_->{pid} == $VIDEO } @{$found->{pids}};
    note(join ', ', map { "$_ " . (defined $clock->{$_} ? $clock->{$_} : 'not known') }
        grep { /^pcr_/ && !ref $clock->{$_} } sort keys %$clock);
    return;
}

# A receiver with one of the keys alone. What begins in the middle of a picture makes ffprobe talk.
sub receive {
    my ($file, $package, %how) = @_;
    my $own = scratch("package$package.yaml");
    my $text = read_file($keys);
    my $other = 3 - $package;
    $text =~ s/^.*package: $other,.*\n//mg;
    write_file($own, $text);
    chmod 0600, $own;
    my $out = scratch("opened$package.ts");
    my $run = simulcrypt(['receive', '--key-file', $own, '--service', 2, '--clean-psi', '--output',
        $out, $file]);
    is($run->{status}, 0, "the key of package $package alone opens it") or diag($run->{err});
    my $probe = run(['ffprobe', '-v', 'error', '-count_frames', '-show_entries',
        'stream=codec_name,nb_read_frames', '-of', 'csv=p=0', $out]);
    is($probe->{err}, '', 'ffprobe decodes it without a message') if !$how{is_live};
    like($probe->{out}, qr/h264,\d{2,}/, 'with pictures');
    return $out;
}

sub hash_of {
    my ($file) = @_;
    my $run = run(['ffmpeg', '-v', 'error', '-i', $file, '-map', '0:p:2', '-c', 'copy', '-f',
        'streamhash', '-hash', 'md5', '-']);
    return $run->{err} . $run->{out};
}

# ---- a title ----

subtest 'a title' => sub {
    my $out = scratch('title.ts');
    my $run = run([$muxd, '--input', $clear, '--output', $out, '--bitrate', $BITRATE, '--link',
        $socket], seconds => 60);
    is($run->{status}, 0, 'is made') or diag($run->{err});
    my @loud = grep { ($_->{level} || '') =~ /^(?:warning|error)$/
        && ($_->{alarm} || '') ne 'SERVICE_GONE' } grep { ref } json_lines($run->{err});
    is(join("\n", map { join ' ', $_->{message}, map { $_ || () } @$_{qw(alarm why text)} } @loud),
        '', 'without an alarm');
    my ($lead, $runs) = judge_output($out);
    cmp_ok(scalar @$runs, '>=', 6, scalar(@$runs) . ' periods');
    judge_tables($out);
    judge_stream($out);
    my $hash = hash_of($clear);
    is(hash_of(receive($out, $_)), $hash, 'and is what went in') for 1, 2;
};

# ---- live ----

sub status_of {
    my ($port) = @_;
    my ($status) = json_lines(http_get("127.0.0.1:$port", '/v1/status')->{body});
    return $status;
}

# Waits until the mux has come to a period. Returns false when it does not in time.
sub wait_for_period {
    my ($admin, $periods, $seconds) = @_;
    my $end = time + $seconds;
    while (time < $end) {
        my $status = status_of($admin);
        return 1 if $status && ($status->{multiplexes}[0]{counters}{periods} || 0) >= $periods;
        select undef, undef, undef, 0.2;
    }
    return 0;
}

subtest 'live' => sub {
    my ($port, $admin) = (free_port(), free_port());
    my $out = scratch('live.ts');
    write_file(scratch('muxd.yaml'), <<"END");
link: {address: '$socket'}
admin: {listen: '127.0.0.1:$admin'}
multiplexes:
  - name: live
    rate: constant
    bitrate: ${BITRATE}bit/s
    pass_services: true
    inputs: [{name: feed, address: 'udp://127.0.0.1:$port', delay: 1s}]
    outputs: ['$out']
END
    my $mux = Simc::Daemon->start([$muxd, '--config', scratch('muxd.yaml')]);
    ok($mux->{is_ready}, 'muxd') or diag($mux->log_text);
    my $player = Simc::Daemon->start([$muxd, '--live', '--loop', '--input', $clear, '--output',
        "udp://127.0.0.1:$port", '--admin', 'null']);
    ok($player->{is_ready}, 'a player');
    ok(wait_for_period($admin, 2, 30), 'it is scrambled');

    $ecmg{main}{daemon}->signal('KILL');
    $ecmg{main}{daemon}->finish;
    ok(wait_for_period($admin, 4, 30), 'the backup takes over when the ECMG is killed');
    start_ecmg('main');
    $scs->signal('KILL');
    $scs->finish;
    $scs = start_scs();
    ok(wait_for_period($admin, 7, 30), 'it goes on when scsd is killed and started again');
    $scs->signal('STOP');
    ok(wait_for_period($admin, 8, 30), 'and while it stands still, by what it has planned');
    $scs->signal('CONT');
    my $periods = int($LIVE_SECONDS / $PERIOD_S);
    ok(wait_for_period($admin, $periods, $LIVE_SECONDS + 30), "$periods periods");

    my $status = status_of($admin);
    my $multiplex = $status->{multiplexes}[0];
    is($multiplex->{counters}{ecm_missed}, 0, 'no ECM was left out for want of room');
    is($multiplex->{counters}{orders_refused}, 0, 'no order was refused');
    note(sprintf 'late orders: %d, PCR interval at most %.1f ms',
        $multiplex->{counters}{orders_late}, $multiplex->{pcr_interval_max_ms});
    my $scs_status = status_of($scs_admin);
    note("late ECMs: $scs_status->{late_ecms}, stretched: $scs_status->{stretched}");
    is($player->stop, 0, 'the player ends');
    is($mux->stop, 0, 'muxd ends');

    my ($lead, $runs) = judge_output($out, stretched => 3, pauses => $LIVE_SECONDS / 10);
    is(scalar @$lead, 1, 'one clear lead-in');
    receive($out, 2, is_live => 1);
};

is($scs->stop, 0, 'scsd ends');
is($_->stop, 0, 'an ECMG ends') for map { $_->{daemon} } values %ecmg;
done_testing;
