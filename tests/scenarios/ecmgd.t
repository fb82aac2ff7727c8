#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# ecmgd as a process: started as its page says, under load, with keys that rotate, reloads, kills,
# stalled connections, TLS, and a CA system of somebody else. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use IO::Select;
use IO::Socket::INET;
use Test::More;

use Simc::Certificates;
use Simc::Daemon;
use Simc::Json;
use Simc::Message;
use Simc::Run;

my $SYSTEM = '0x12340001';
my $STALLED = 1000;

my $ecmgd = program('ecmgd', 'ecmg');
my $simulcrypt = program('simulcrypt', 'cli');
needs('openssl', 'curl');

my $keys = scratch('keys.yaml');

sub new_keys {
    my ($path, @packages) = @_;
    unlink $path;
    my $run = simulcrypt(['keys', 'new', $path, map { ('--package', $_) } @packages]);
    is($run->{status}, 0, 'keys are made') or diag($run->{err});
    return $path;
}

# Starts ecmgd without a configuration file. Returns it with its port and that of its admin side.
sub start {
    my (@options) = @_;
    my ($port, $admin) = (free_port(), free_port());
    my $daemon = Simc::Daemon->start([$ecmgd, '--listen', "127.0.0.1:$port", '--super-cas-id',
        $SYSTEM, '--key-file', $keys, '--admin', "127.0.0.1:$admin", @options]);
    ok($daemon->{is_ready}, 'it is ready') or diag($daemon->log_text);
    return ($daemon, $port, $admin);
}

# Starts ecmgd with a configuration.
sub start_with {
    my ($yaml, $name) = @_;
    my $path = write_file(scratch($name || 'ecmgd.yaml'), $yaml);
    my $daemon = Simc::Daemon->start([$ecmgd, '--config', $path]);
    ok($daemon->{is_ready}, 'it is ready') or diag($daemon->log_text);
    return $daemon;
}

sub load_command {
    my ($port, @options) = @_;
    return [$simulcrypt, 'load', 'ecmg', '--connect', "127.0.0.1:$port", '--super-cas-id', $SYSTEM,
        '--json', @options];
}

# Puts load on it to the end of the load. Returns the figures.
sub load_on {
    my ($port, @options) = @_;
    my $run = run(load_command($port, @options));
    is($run->{status}, 0, "load @options") or diag($run->{err});
    return $run->{out} ? (json_lines($run->{out}))[0] : {ecms => 0};
}

# The load in the background.
sub start_load {
    my ($port, @options) = @_;
    return Simc::Daemon->start(load_command($port, @options), ready => 0, no_systemd => 1);
}

# What `simulcrypt ecm` reads in saved ECMs.
sub opened {
    my ($file, $key_file) = @_;
    my $run = simulcrypt(['ecm', '--json', '--key-file', $key_file || $keys, $file]);
    is($run->{status}, 0, 'the ECMs open') or diag(substr $run->{err}, 0, 500);
    return grep { $_->{opened} } json_lines($run->{out});
}

# The same ECMs by the decoder that knows nothing but the specification.
sub witnessed {
    my ($file) = @_;
    my @options;
    my $text = read_file($keys);
    push @options, '--key', "$1:$2:$3"
        while $text =~ /package: (\d+), version: (\d+),.* key: "?([0-9a-f]{32})/g;
    my @lines = split /\n/, read_file($file);
    my $run = run(['perl', srcdir() . '/tests/support/ecm-decode.pl', @options],
        in => join "\n", @lines[0 .. ($#lines < 99 ? $#lines : 99)], '');
    is($run->{status}, 0, 'the decoder runs') or diag($run->{err});
    return split /\n/, $run->{out};
}

# A figure of /metrics by its name and labels.
sub metric {
    my ($admin, $name) = @_;
    my $reply = http_get("127.0.0.1:$admin", '/metrics');
    return $reply->{body} =~ /^\Q$name\E ([0-9.e+]+)$/m ? $1 : undef;
}

# ---- in two commands ----

subtest 'in two commands' => sub {
    new_keys($keys, 1, 2);
    is((stat $keys)[2] & 07777, 0600, 'the keys are their owner\'s alone');
    my ($daemon, $port, $admin) = start('--default-package', 1);
    my $saved = scratch('ecms');
    my $figures = load_on($port, '--channels', 3, '--streams', 5, '--count', 600, '--save', $saved);
    cmp_ok($figures->{ecms}, '>=', 600, 'ECMs come');
    my @ecms = opened($saved);
    cmp_ok(scalar @ecms, '>=', 600, 'all of them are there');
    is(scalar(grep { $_->{package} != 1 } @ecms), 0, 'for the default package');
    my @witnessed = witnessed($saved);
    is(scalar @witnessed, 100, 'an independent decoder has read a hundred of them');
    is(join("\n", grep { !/^opened/ } @witnessed), '', 'and has opened all');

    my $ac = simulcrypt(['keys', 'ac', $keys, '--package', 2]);
    is($ac->{status}, 0, 'access criteria');
    chomp $ac->{out};
    load_on($port, '--count', 50, '--access-criteria', $ac->{out}, '--save', $saved,
        '--cw-size', 16);
    is(scalar(grep { $_->{package} != 2 } opened($saved)), 0, 'for the package they name');

    my $labels = "{super_cas_id=\"$SYSTEM\",system=\"profile1\"}";
    cmp_ok(metric($admin, "ecmg_ecms_total$labels"), '>=', 650, 'ECMs are counted');
    is(metric($admin, "ecmg_streams$labels"), 0, 'and no stream is left over');
    my ($status) = json_lines(http_get("127.0.0.1:$admin", "/v1/status")->{body});
    is($status->{systems}[0]{super_cas_id}, lc $SYSTEM, 'the status page knows the system');
    is(http_get("127.0.0.1:$admin", '/healthz')->{status}, 200, 'healthy');

    my $text = read_file($keys);
    my @secrets = $text =~ /key: "?([0-9a-f]{32})/g;
    is(scalar(grep { index($daemon->log_text, $_) >= 0 } @secrets), 0, 'no key is in the log');
    is($daemon->stop, 0, 'SIGTERM ends it with status 0');
    $daemon->log_lines;
};

# ---- what a user does wrong ----

subtest 'every mistake gets a sentence' => sub {
    my $open = scratch('open.yaml');
    write_file($open, read_file($keys));
    chmod 0644, $open;
    my $listen = ['--listen', '127.0.0.1:' . free_port()];
    my @rows = (
        [[], qr/--listen/],
        [[@$listen], qr/--super-cas-id ID is missing/],
        [[@$listen, '--super-cas-id', $SYSTEM], qr/--key-file FILE is missing/],
        [[@$listen, '--super-cas-id', $SYSTEM, '--key-file', '/nowhere/k'], qr{/nowhere/k}],
        [[@$listen, '--super-cas-id', $SYSTEM, '--key-file', $open], qr/chmod 600/],
        [[@$listen, '--super-cas-id', '0x1234567890', '--key-file', $keys], qr/super_cas_id/],
        [['--listen', '127.0.0.1', '--super-cas-id', $SYSTEM, '--key-file', $keys], qr/port/],
        [['--config', '/nowhere/ecmgd.yaml'], qr{/nowhere/ecmgd.yaml}],
    );
    for my $row (@rows) {
        my ($options, $pattern) = @$row;
        my $run = run([$ecmgd, @$options]);
        isnt($run->{status}, 0, "refused: @$options");
        like($run->{err}, $pattern, 'and says why');
    }
};

subtest 'a configuration is checked as a whole' => sub {
    my $path = write_file(scratch('bad.yaml'), <<"END");
listen:
  - address: 127.0.0.1:99999
systems:
  - super_cas_id: $SYSTEM
    delay_start: 40000
    lead_cw: 9
  - super_cas_id: $SYSTEM
    key_file: $keys
    min_cp_duration: 150ms
versions: [3, 4]
colour: blue
END
    my $run = run([$ecmgd, '--config', $path, '--check']);
    is($run->{status}, 1, 'refused');
    like($run->{err}, $_, 'told: ' . $_) for qr/:2:\d+: listen\[0\].address/,
        qr/:5:\d+: .*delay_start/, qr/:6:\d+: .*lead_cw/, qr/:11:1: colour/;
    my $sample = run([$ecmgd, '--print-sample']);
    is($sample->{status}, 0, 'there is a sample');
    write_file(scratch('sample.yaml'), $sample->{out} =~ s/key_file: keys.yaml/key_file: $keys/r);
    my $checked = run([$ecmgd, '--config', scratch('sample.yaml'), '--check']);
    is($checked->{status}, 0, 'which is good') or diag($checked->{err});
};

# ---- keys that rotate ----

subtest 'keys rotate under load' => sub {
    new_keys($keys, 1);
    my ($daemon, $port, $admin) = start('--default-package', 1);
    my $saved = scratch('rotated');
    my $load = start_load($port, '--streams', 4, '--for', 0, '--count', 20000, '--rate', 8000,
        '--save', $saved);
    my $ecms = sub {
        return metric($admin, qq(ecmg_ecms_total{super_cas_id="$SYSTEM",system="profile1"})) || 0;
    };
    ok(eventually(sub { $ecms->() > 0 }), 'ECMs flow');
    for my $round (1 .. 3) {
        my $before = $ecms->();
        my $rotate = simulcrypt(['keys', 'rotate', $keys, '--package', 1, '--at',
            'now']);
        is($rotate->{status}, 0, 'a new version') or diag($rotate->{err});
        ok($daemon->reload, 'is taken over');
        ok(eventually(sub { $ecms->() > $before + 100 }), 'and ECMs go on');
    }
    # A faulty file changes nothing.
    my $good = read_file($keys);
    write_file($keys, "format: 1\nkeys: []\n");
    $daemon->signal('HUP');
    ok($daemon->wait_for(qr/^READY=1$/m), 'a faulty file is refused');
    like($daemon->log_text, qr/keys\.yaml/, 'and named');
    write_file($keys, $good);
    is($load->finish(60), 0, 'no CW_provision went without its ECM');
    my %versions = map { $_->{key_version} => 1 } opened($saved);
    cmp_ok(scalar keys %versions, '>=', 4,
        'versions in the ECMs: ' . join ' ', sort keys %versions);
    is($daemon->stop, 0, 'ends well');
};

# ---- kills ----

sub eventually {
    my ($holds, $seconds) = @_;
    my $end = time + ($seconds || 30);
    my $select = IO::Select->new;
    while (time < $end) {
        return 1 if $holds->();
        select undef, undef, undef, 0.02;
    }
    return 0;
}

subtest 'kill -9 and restart, twice at once, with one key file' => sub {
    new_keys($keys, 1);
    my (@saved, @loads, @daemons, @ports);
    for my $n (0, 1) {
        ($daemons[$n], $ports[$n]) = start('--default-package', 1);
        push @saved, scratch("killed$n");
        $loads[$n] = start_load($ports[$n], '--channels', 2, '--streams', 10, '--for', 0, '--count',
            8000, '--rate', 2000, '--go-on', '--save', $saved[$n]);
    }
    for my $round (1 .. 2) {
        my @sizes = map { -s $_ || 0 } @saved;
        ok(eventually(sub { (-s $saved[0] || 0) > $sizes[0] + 5000
            && (-s $saved[1] || 0) > $sizes[1] + 5000 }), 'ECMs flow');
        $_->signal('KILL') for @daemons;
        is($_->finish, -1, 'killed') for @daemons;
        for my $n (0, 1) {
            $daemons[$n] = Simc::Daemon->start([$ecmgd, '--listen', "127.0.0.1:$ports[$n]",
                '--super-cas-id', $SYSTEM, '--key-file', $keys, '--admin', 'null',
                '--default-package', 1]);
            ok($daemons[$n]{is_ready}, 'back again') or diag($daemons[$n]->log_text);
        }
    }
    my %nonces;
    my $count = 0;
    for my $n (0, 1) {
        my $status = $loads[$n]->finish(60);
        ok(defined $status && $status != 2, 'the client has recovered')
            or diag($loads[$n]->log_text);
        my ($figures) = json_lines(read_file($loads[$n]{out}));
        cmp_ok($figures->{reconnects}, '>=', 2, 'after reconnects');
        # The last line may be cut, where the client was when it ended.
        for my $ecm (opened($saved[$n])) {
            $nonces{$ecm->{nonce}}++;
            $count++;
        }
    }
    cmp_ok($count, '>=', 16000, "ECMs looked at: $count");
    is(scalar(grep { $_ > 1 } values %nonces), 0, 'no nonce comes twice');
    $_->stop for @daemons;
};

# ---- connections that stall ----

subtest "$STALLED connections that open and stall" => sub {
    new_keys($keys, 1);
    my ($daemon, $port) = start('--default-package', 1);
    my $before = load_on($port, '--count', 2000);
    my @stalled;
    for my $n (1 .. $STALLED) {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or last;
        # Some say nothing, some half a header, some half a message.
        syswrite $socket, substr(message(3, 1, 0x000e, sprintf('%04x', $n), 1, '12340001'), 0,
            $n % 3 * 6);
        push @stalled, $socket;
    }
    cmp_ok(scalar @stalled, '==', $STALLED, 'they are connected');
    my $with = load_on($port, '--first-channel', 60000, '--count', 2000);
    note("answers after $before->{p50_us} us without them, $with->{p50_us} us with them (p50); "
        . "p99 $before->{p99_us} and $with->{p99_us} us");
    is($with->{ecms}, 2000, 'a working channel has its ECMs');
    undef @stalled;
    is($daemon->stop, 0, 'ends well');
};

# ---- what happens to channels at the end ----

subtest 'SIGTERM ends channels in order' => sub {
    my ($daemon, $port) = start('--default-package', 1);
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    syswrite $socket, message(3, 1, 0x000e, '0001', 1, '12340001');
    my $bytes = '';
    ok(eventually(sub { sysread $socket, $bytes, 1000, length $bytes; length $bytes > 5 }),
        'a channel is open');
    $daemon->signal('TERM');
    my $rest = '';
    my $select = IO::Select->new($socket);
    while ($select->can_read(20) and sysread $socket, $rest, 1000, length $rest) { }
    my ($version, $type, $length) = unpack 'Cnn', $rest;
    is($type, 5, 'channel_error');
    my %parameters = map { $_->[0] => $_->[2] } split_parameters(substr $rest, 5, $length);
    is($parameters{0x7000}, '7001', 'says that it is over');
    is($daemon->finish, 0, 'and the process ends with 0');
};

# ---- TLS ----

subtest 'TLS, with certificates bound to CA systems' => sub {
    new_keys($keys, 1);
    ca('ca');
    certificate('ecmg', 'ca', 'IP:127.0.0.1');
    certificate("scs$_", 'ca', "DNS:scs$_.example") for 1, 2;
    my ($pem, $key) = map { scratch("ecmg.$_") } qw(pem key);
    my @good = map { scratch("scs1.$_") } qw(pem key);
    my @other = map { scratch("scs2.$_") } qw(pem key);
    my ($port, $admin) = (free_port(), free_port());
    my $daemon = start_with(<<"END", 'tls.yaml');
admin: {listen: 127.0.0.1:$admin}
listen:
  - address: 127.0.0.1:$port
    tls:
      certificate_file: $pem
      key_file: $key
      client_ca_file: ${\scratch('ca.pem')}
      clients:
        - {name: scs1.example, super_cas_ids: [$SYSTEM]}
        - {name: scs2.example, super_cas_ids: [0x4AF10001]}
systems:
  - {super_cas_id: $SYSTEM, key_file: $keys, default_package: 1}
END
    my @tls = ('--tls', '--ca-file', scratch('ca.pem'), '--count', 100);
    my $figures = load_on($port, @tls, '--certificate-file', $good[0], '--key-file', $good[1]);
    cmp_ok($figures->{ecms}, '>=', 100, 'a client with the right certificate is served');
    my @rows = (
        [['--certificate-file', $other[0], '--key-file', $other[1]], qr/0x0005|Super_CAS_id/i,
            'that of another system'],
        [[], qr/certificate/i, 'none'],
    );
    for my $row (@rows) {
        my ($options, $pattern, $what) = @$row;
        my $run = run(load_command($port, @tls, @$options));
        is($run->{status}, 2, "refused: $what");
        like($run->{err}, $pattern, 'with a reason');
    }
    my $plain = run(load_command($port, '--count', 1));
    is($plain->{status}, 2, 'refused: plain TCP');
    is($daemon->stop, 0, 'ends well');
};

# ---- a CA system of somebody else ----

subtest 'the example plug-in' => sub {
    my $path = builddir() . '/.libs/ecm-example.so';
    plan skip_all => 'configured without shared libraries' if not -e $path;
    my ($port, $admin) = (free_port(), free_port());
    my $yaml = <<"END";
admin: {listen: 127.0.0.1:$admin}
listen: [{address: 127.0.0.1:$port}]
systems:
  - super_cas_id: $SYSTEM
    key_file: null
    plugin_file: $path
    settings: [label=one]
    ts_packets: true
END
    my $daemon = start_with($yaml, 'plugin.yaml');
    like($daemon->log_text, qr/TEST ECMs IN THE CLEAR/, 'says what it is');
    my $saved = scratch('clear');
    load_on($port, '--count', 10, '--save', $saved);
    my @lines = split /\n/, read_file($saved);
    cmp_ok(scalar @lines, '>=', 10, 'ECMs');
    my $marked = grep { /^47[0-9a-f]{6}00/ && bytes_of($_) =~ /CLEAR TEST ECM \x03one/ } @lines;
    is($marked, scalar @lines, 'all are marked, and in TS packets');
    write_file(scratch('plugin.yaml'), $yaml =~ s/label=one/label=two/r);
    ok($daemon->reload, 'other settings are taken over');
    load_on($port, '--count', 10, '--save', $saved);
    is(scalar(grep { bytes_of($_) =~ /CLEAR TEST ECM \x03two/ } split /\n/, read_file($saved)),
        scalar(() = read_file($saved) =~ /\n/g), 'at once');
    write_file(scratch('plugin.yaml'), $yaml =~ s/label=one/colour=blue/r);
    $daemon->signal('HUP');
    ok($daemon->wait_for(qr/^READY=1$/m), 'wrong ones are refused');
    like($daemon->log_text, qr/has one setting/, 'with the sentence of the plug-in');
    is($daemon->stop, 0, 'ends well');

    my $none = run([$ecmgd, '--config', write_file(scratch('none.yaml'),
        $yaml =~ s/plugin_file: .*/plugin_file: \/nowhere\/x.so/r), '--check']);
    is($none->{status}, 1, 'a plug-in that is not there');
    like($none->{err}, qr{cannot be loaded.*/nowhere/x\.so}s, 'is named');
};

# ---- an SCS that was cut off ----

sub connection {
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10)
        || BAIL_OUT("no connection: $!");
}

subtest 'an SCS that was cut off comes back at once' => sub {
    my @channel = (0x000e, '0001');
    my $setup = message(3, 1, 1, substr($SYSTEM, 2), @channel);
    my $test = message(3, 2, @channel);
    my $run_with = sub {
        my ($name, $more) = @_;
        my $port = free_port();
        return ($port, start_with(<<"END", "$name.yaml"));
admin: {listen: null}
listen: [{address: 127.0.0.1:$port}]
$more
systems: [{super_cas_id: $SYSTEM, key_file: $keys, default_package: 1}]
END
    };
    # ecmgd stands still, so that it finds the end of the old connection behind its data, and the
    # new connection beside it; with several threads mostly in another one.
    for my $threads (1, 3) {
        my ($port, $daemon) = $run_with->("cut$threads", "threads: $threads");
        my %answers;
        for my $round (1 .. 20) {
            my $old = connection($port);
            syswrite $old, $setup;
            $answers{next_type($old)}++;
            kill 'STOP', $daemon->{pid};
            syswrite $old, $test x 5000;
            close $old;
            my $new = connection($port);
            syswrite $new, $setup;
            kill 'CONT', $daemon->{pid};
            $answers{next_type($new)}++;
            syswrite $new, message(3, 4, @channel);
            is(next_type($new), 'the end', 'closed in due order') if $round == 20;
            close $new;
        }
        is_deeply(\%answers, {'0x0003' => 40}, "threads: $threads, its channel is open every time")
            or diag($daemon->log_text);
        like($daemon->log_text, qr/has come back on another connection/, 'some were taken over');
        my ($old, $other) = map { connection($port) } 1 .. 2;
        syswrite $old, $setup;
        is(next_type($old), '0x0003', 'one that stays');
        syswrite $other, $setup;
        is(next_type($other), '0x0005', 'keeps its channel');
        is($daemon->stop, 0, 'ends well') or diag($daemon->log_text);
    }
    my ($port, $daemon) = $run_with->('same', "threads: 3\ntakeover: same_peer");
    for my $round (1 .. 10) {
        my ($old, $other) = map { connection($port) } 1 .. 2;
        syswrite $old, $setup;
        my @told = next_type($old);
        syswrite $other, $setup;
        push @told, next_type($other), next_type($old), next_type($old);
        is_deeply(\@told, ['0x0003', '0x0003', '0x0005', 'the end'],
            'takeover: same_peer, the first one gives way, and is told');
    }
    is($daemon->stop, 0, 'ends well') or diag($daemon->log_text);
};

# ---- several listeners, IPv6, threads ----

subtest 'IPv6, two listeners and threads' => sub {
    my $v6 = IO::Socket::INET->can('new') && eval {
        require IO::Socket::IP;
        IO::Socket::IP->new(LocalHost => '::1', Listen => 1, Family => Socket::AF_INET6());
    };
    plan skip_all => 'this system has no IPv6 on loopback' if not $v6;
    close $v6;
    my ($one, $two, $admin) = (free_port(), free_port(), free_port());
    my $daemon = start_with(<<"END", 'many.yaml');
admin: {listen: 127.0.0.1:$admin}
threads: 3
listen:
  - address: 127.0.0.1:$one
  - address: "[::1]:$two"
systems:
  - {super_cas_id: $SYSTEM, key_file: $keys, default_package: 1}
END
    load_on($one, '--channels', 12, '--streams', 5, '--count', 1000);
    my $run = run([$simulcrypt, 'load', 'ecmg', '--connect', "[::1]:$two", '--super-cas-id',
        $SYSTEM, '--channels', 12, '--streams', 5, '--count', 1000]);
    is($run->{status}, 0, 'over IPv6') or diag($run->{err});
    is($daemon->stop, 0, 'ends well');
};

done_testing;
