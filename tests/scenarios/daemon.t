#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# What all daemons share, shown on one that does nothing else: command line, configuration, reload,
# drain, systemd, and the admin side under attack. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;
use Time::HiRes qw(time);

use Simc::Daemon;
use Simc::Json;
use Simc::Make;
use Simc::Metrics;
use Simc::Run;

my $demo = program('demo-daemon', 'http');
needs('curl');

sub demo { return run([$demo, @_]) }

sub config {
    my ($name, @lines) = @_;
    return write_file(scratch("$name.yaml"), map { "$_\n" } @lines);
}

sub expect_run {
    my ($run, $status, $out, $err, $name) = @_;
    is($run->{status}, $status, "$name: exit status");
    like($run->{out}, $out, "$name: output");
    like($run->{err}, $err, "$name: errors");
    return;
}

my $NOTHING = qr/\A\z/;

subtest 'command line' => sub {
    my $good = config('good', 'greeting: from a file', 'port: 1');
    my $bad = config('bad', 'greting: x', 'port: 0', 'drain: 10', 'log: {level: loud}');
    my $remote = config('remote', 'admin: {listen: "0.0.0.0:12299"}');
    my $allowed = config('allowed', 'admin: {listen: "0.0.0.0:12299", allow_remote: true}');
    my $name = config('name', 'admin: {listen: "example.org:12299"}');
    my @cases = (
        [[], 1, $NOTHING, qr/\Ademo-daemon: give --config FILE, or --greeting TEXT\n\z/],
        [['--version'], 0, qr/\Ademo-daemon 1\.2\.3 \(OpenSimulCrypt\)\ncomponents: none\nLicence/,
            $NOTHING],
        [['--config', $good, '--check'], 0, qr/\Ademo-daemon: \Q$good\E is good\n\z/, $NOTHING],
        [["-c$good", '--print-config'], 0, qr/^greeting: "from a file"\n.*^port: 1$/ms, $NOTHING],
        [["--config=$bad", '--check'], 1, $NOTHING, qr/\A\Q$bad\E:1:1:\ greting:\ .*did\ you\ mean
            .*\n\Q$bad\E:2:7:\ port:\ 0\ is\ .*\n\Q$bad\E:3:8:\ drain:\ 10\ has\ no\ unit.*\n
            \Q$bad\E:4:14:\ log\.level:\ .*\n\z/x],
        [['--config', $bad], 1, $NOTHING, qr/greting/],
        [['--config', $bad, '--print-config'], 1, $NOTHING, qr/greting/],
        [['--config', '/nowhere.yaml'], 1, $NOTHING, qr{/nowhere\.yaml: No such file}],
        [['--config', $remote, '--check'], 1, $NOTHING,
            qr/admin\.listen: 0\.0\.0\.0 can be reached by other hosts.*allow_remote: true\n\z/],
        [['--config', $allowed, '--check'], 0, qr/is good/, $NOTHING],
        [['--config', $name, '--check'], 1, $NOTHING, qr/is a name; write an address in figures/],
        [['--greeting', 'hi', '--check'], 0, qr/: the command line is good\n/, $NOTHING],
        [['--greeting', 'hi', '--port', '70000'], 1, $NOTHING,
            qr/\Athe command line: port: 70000 is not between 1 and 65535\n\z/],
        [['--greeting', 'hi', '--config', $good], 2, $NOTHING,
            qr/--greeting and --config cannot be given together/],
        [['--greeting', 'hi', '--check', '--print-config'], 2, $NOTHING, qr/one at a time/],
        [['--greting', 'hi'], 2, $NOTHING, qr/no option --greting; did you mean --greeting\?/],
        [['--log-level', 'loud', '--check'], 2, $NOTHING, qr/--log-level knows no 'loud'/],
        [['stray'], 2, $NOTHING, qr/'stray' is one too many/],
        [['--greeting', 'hi', '--log-level', 'debug', '--log-form', 'json', '--print-config'], 0,
            qr/^  level: debug\n  form: json$/m, $NOTHING],
        [['--config', config('file', 'must_exist: not/here'), '--check'], 1, $NOTHING,
            qr{file\.yaml: must_exist: .*/not/here: No such file or directory\n\z}],
        [['--print-reference'], 0, qr/^\| `admin\.listen` \| address:port, or null \|/m, $NOTHING],
    );
    for my $case (@cases) {
        my ($arguments, @wanted) = @$case;
        expect_run(demo(@$arguments), @wanted, "demo-daemon @$arguments");
    }
    my $in = run([$demo, '--config', '-', '--check'], in => "port: 1\n");
    is("$in->{status} $in->{out}", "0 demo-daemon: standard input is good\n", 'standard input');
    $in = run([$demo, '--config', '-', '--check'], in => "port: 0\n");
    like($in->{err}, qr/\Astandard input:1:7: port: /, 'and its faults');
    is(run([$demo, '--version'], out_file => '/dev/full')->{status}, 2, 'a full device is told');
};

subtest 'what it prints loads again' => sub {
    my $sample = demo('--print-sample');
    my $path = write_file(scratch('sample.yaml'), $sample->{out});
    is(demo('--config', $path, '--check')->{status}, 0, 'the sample');
    my $effective = demo('--config', $path, '--print-config');
    my $again = write_file(scratch('again.yaml'), $effective->{out});
    is(demo('--config', $again, '--print-config')->{out}, $effective->{out}, 'the values in use');
    my $options = demo('--greeting', 'hi', '--print-config');
    my $file = write_file(scratch('options.yaml'), $options->{out});
    is(demo('--config', $file, '--print-config')->{out}, $options->{out}, 'those of options');
};

subtest 'manual' => sub {
    my $help = demo('--help');
    is("$help->{status} $help->{err}", '0 ', '--help');
    is(demo('-h')->{out}, $help->{out}, '-h is the same');
    my @wide = grep { length > 80 } split /\n/, $help->{out};
    is("@wide", '', 'is at most 80 columns wide');
    like($help->{out}, qr/\AUsage: demo-daemon \[OPTION\.\.\.\]\n\n\w/, 'usage');
    my $page = demo('manual');
    is("$page->{status} $page->{err}", '0 ', 'manual');
    (my $plain = $page->{out}) =~ s/\\f[BIR]|\\&//g;
    $plain =~ s/\\-/-/g;
    for my $option ($help->{out} =~ /^  (?:-\w,|   ) (--[a-z-]+)/mg) {
        like($plain, qr/^\.TP\n(?:-\w, )?\Q$option\E\b/m, "the page has $option");
    }
    like($plain, qr/^\.SH $_$/m, "and a section $_") for 'NAME', 'OPTIONS', 'SIGNALS',
        'EXIT STATUS', 'CONFIGURATION', 'ENVIRONMENT';
    my @mandoc = tool('MANDOC', 'mandoc') or return;
    my $lint = run([@mandoc, '-T', 'lint', '-W', 'warning',
        write_file(scratch('demo-daemon.8'), $page->{out})]);
    my @faults = grep { !/missing date, using "": TH$/ } split /\n/, "$lint->{out}$lint->{err}";
    is(join("\n", @faults), '', 'mandoc finds nothing');
};

# ---- a daemon for most of what follows ----

my $port = free_port();
my $web = "127.0.0.1:$port";
my $socket = scratch('admin.sock');
my @base = ("admin: {listen: \"$web\", socket: \"$socket\"}", 'log: {form: json, level: debug}');

sub base_config { return config('base', @base, @_) }

my $file = base_config('greeting: first');
my $daemon = Simc::Daemon->start([$demo, '--config', $file]);
ok($daemon->{is_ready}, 'started') or diag($daemon->log_text);
is_deeply($daemon->{said}, ['STATUS=first: 2 threads', 'READY=1'], 'systemd is told');

# Cut off after ten seconds, while everything else goes on; looked at near the end.
my @slow = map { http_connect($_) } $web, $web, $socket;
syswrite $slow[0], "GET /healthz HTTP/1.1\r\nHost: a\r\n";
my $slow_since = time;

# One of them sends a byte now and then.
sub drip { syswrite $slow[1], 'G' if @slow; return }

sub status { return json_read(http_get($web, '/v1/status')->{body} =~ s/\n\z//r) }

subtest 'admin routes' => sub {
    for my $where ($web, $socket) {
        my $health = http_get($where, '/healthz');
        is("$health->{status} $health->{body}", "200 ok\n", "$where: /healthz");
        is(http_get($where, '/readyz')->{body}, "ready\n", '/readyz');
        is($health->{headers}{connection}, 'close', 'one request per connection');
        is($health->{headers}{'cache-control'}, 'no-store', 'nothing is stored');
        ok($health->{is_closed}, 'and it is closed');
    }
    my $status = status();
    is($status->{greeting}, 'first', '/v1/status: the daemon');
    is($status->{daemon}{$_->[0]}, $_->[1], "/v1/status: $_->[0]") for ['state', 'running'],
        ['ready', 1], ['healthy', 1], ['pid', $daemon->{pid}], ['version', '1.2.3'], ['threads', 2];
    is($status->{daemon}{configuration}{source}, $file, 'and its configuration');
    for my $path ('/v1/nothing', '/healthz/', '/metrics%00', '/%68ealthz', '//healthz', '*',
        '/<script>') {
        my $reply = http_get($web, $path);
        is($reply->{status}, 404, "$path is not there");
        is($reply->{headers}{'content-type'}, 'application/problem+json', 'and says so in JSON');
        my $problem = json_read($reply->{body} =~ s/\n\z//r);
        is_deeply([@$problem{qw(type title status)}], ['about:blank', 'Not Found', 404],
            'as RFC 9457 says');
    }
    is(http_get($web, "http://test/healthz")->{status}, 200, 'a target with the host');
    is(http_get($web, '/healthz?x=1')->{status}, 200, 'a target with a query');
    my $head = http($web, "HEAD /v1/status HTTP/1.1\r\nHost: a\r\n\r\n");
    is("$head->{status}$head->{body}", '200', 'HEAD has no body');
    cmp_ok($head->{headers}{'content-length'}, '>', 100, 'but its length');
    for my $row (['PUT', '/healthz', 'GET, HEAD'], ['OPTIONS', '/metrics', 'GET, HEAD'],
        ['BREW', '/v1/job', 'POST, DELETE'], ['get', '/healthz', 'GET, HEAD']) {
        my ($method, $path, $allow) = @$row;
        my $reply = http($web, "$method $path HTTP/1.1\r\nHost: a\r\n\r\n");
        is("$reply->{status} $reply->{headers}{allow}", "405 $allow", "$method $path");
    }
    drip();
};

subtest 'curl agrees' => sub {
    for my $how (["http://$web/v1/status"], ['--unix-socket', $socket, 'http://x/v1/status']) {
        my $run = run(['curl', '-sS', '--fail', '--http1.1', @$how]);
        is("$run->{status} $run->{err}", '0 ', "curl @$how");
        is(json_read($run->{out} =~ s/\n\z//r)->{greeting}, 'first', 'JSON');
    }
    my $run = run(['curl', '-sS', '-d', 'x' x 1000, '-H', 'Expect: 100-continue',
        "http://$web/v1/job"]);
    like($run->{out}, qr/^1000 bytes from 127\.0\.0\.1:\d+$/, 'a body after 100 Continue');
    $run = run(['curl', '-sS', '-X', 'DELETE', '-o', '/dev/null', '-w', '%{http_code}',
        "http://$web/v1/job?up"]);
    is($run->{out}, 204, 'DELETE');
};

subtest 'metrics' => sub {
    my $reply = http_get($web, '/metrics');
    is($reply->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'the type');
    my $families = eval { metrics_read($reply->{body}) };
    is($@, '', 'a strict reader takes the page') or return;
    my $value = sub {
        my ($name, %labels) = @_;
        my ($family) = $name =~ /^(.*?)(?:_bucket|_sum|_count)?$/;
        for my $sample (@{($families->{$name} || $families->{$family})->{samples}}) {
            next if $sample->{name} ne $name;
            next if grep { ($sample->{labels}{$_} // '') ne $labels{$_} } keys %labels;
            return $sample->{value};
        }
        return;
    };
    is($value->('simc_ready'), 1, 'ready');
    is($value->('demo_jobs_total', result => 'given "up"', site => "a\\b\n\"c\""), 1,
        'labels with all escapes');
    cmp_ok($value->('demo_turns_total'), '>=', 4, 'the threads have counted');
    is($value->('demo_turn_seconds_bucket', le => '+Inf'), $value->('demo_turns_total'),
        'into the histogram too');
    is($value->('simc_build_info', program => 'demo-daemon', version => '1.2.3'), 1, 'the build');
    cmp_ok($value->('process_open_fds'), '>', 8, 'open files');
    SKIP: {
        my @open = glob "/proc/$daemon->{pid}/fd/*";
        skip 'the kernel does not show the files', 1 if not @open;
        # One more was the connection of the scrape itself, if it is gone by now.
        my $more = $value->('process_open_fds') - @open;
        ok($more == 0 || $more == 1, "are those that the kernel lists: $more more");
    }
    cmp_ok($value->('process_threads'), '>=', 3, 'threads');
    cmp_ok(abs($value->('process_start_time_seconds') - time), '<', 60, 'start time');
    drip();
};

subtest 'sizes' => sub {
    my $post = sub { return http($web, "POST /v1/job HTTP/1.1\r\nHost: a\r\n" . $_[0]) };
    my $body = 'x' x 65536;
    is($post->("Content-Length: 65536\r\n\r\n$body")->{status}, 201, '64 KiB of body');
    is($post->("Content-Length: 0065536\r\n\r\n$body")->{status}, 201, 'with zeros in front');
    my $large = $post->("Content-Length: 65537\r\n\r\n");
    is($large->{status}, 413, 'one more is refused before it comes');
    like($large->{body}, qr/more than 65536 bytes/, 'and told');
    is($post->("Transfer-Encoding: chunked\r\n\r\n10000\r\n$body\r\n0\r\n\r\n")->{status}, 201,
        'the same in chunks');
    is($post->("Transfer-Encoding: chunked\r\n\r\n10000\r\n$body\r\n1\r\nx\r\n0\r\n\r\n")->{status},
        413, 'and one byte more');
    is(http_get($web, '/healthz?' . 'q' x 2000)->{status}, 200, 'a long target');
    is(http_get($web, '/healthz?' . 'q' x 2100)->{status}, 414, 'a longer one is refused');
    for my $row (['target', '/' . 'x' x 40000, ''], ['header', '/', 'X: ' . 'y' x 40000 . "\r\n"],
        ['number of headers', '/', "X: y\r\n" x 10000]) {
        my ($name, $path, $headers) = @$row;
        my $reply = http($web, "GET $path HTTP/1.1\r\nHost: a\r\n$headers\r\n");
        like($reply->{status}, qr/^(?:0|4(?:00|13|14|31))$/, "a huge $name ends the connection");
        ok($reply->{is_closed}, 'which is closed');
    }
    my $bytes = http_get($web, '/v1/bytes?1000000');
    is(length $bytes->{body}, 1000000, 'a large reply');
    is(http_get($web, '/v1/bytes?9000000')->{status}, 500, 'one over the ceiling is an error');
    is(http($web, "DELETE /v1/job HTTP/1.1\r\nHost: a\r\n\r\n")->{status}, 204, 'done') for 1 .. 3;
    drip();
};

subtest 'no request hides in another one' => sub {
    my $hidden = "DELETE /v1/bytes?666 HTTP/1.1\r\nHost: a\r\n\r\n";
    my $length = length $hidden;
    my $chunked = "Transfer-Encoding: chunked\r\n";
    my $post = "POST /v1/job HTTP/1.1\r\nHost: a\r\n";
    my @cases = (
        ['both lengths', "${post}Content-Length: $length\r\n$chunked\r\n0\r\n\r\n$hidden"],
        ['both, the other way', "${post}${chunked}Content-Length: 4\r\n\r\n0\r\n\r\n$hidden"],
        ['two lengths', "${post}Content-Length: 0\r\nContent-Length: $length\r\n\r\n$hidden"],
        ['one length twice', "${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\nxx$hidden"],
        ['a list of lengths', "${post}Content-Length: 2, 2\r\n\r\nxx$hidden"],
        (map { ["length '$_'", "${post}Content-Length: $_\r\n\r\nxx$hidden"] }
            '+2', '-2', '0x2', '2x', ' 2 2', '', '99999999999999999999', '18446744073709551618'),
        ['chunked twice', "$post$chunked$chunked\r\n0\r\n\r\n$hidden"],
        (map { ["coding '$_'", "${post}Transfer-Encoding: $_\r\n\r\n0\r\n\r\n$hidden"] }
            'xchunked', 'chunked, identity', 'identity', 'gzip, chunked', "\x0bchunked", ''),
        ['chunked in HTTP/1.0', "POST /v1/job HTTP/1.0\r\nHost: a\r\n$chunked\r\n0\r\n\r\n$hidden"],
        ['a blank before the colon', "${post}Content-Length : $length\r\n\r\n$hidden"],
        ['a folded header',
            "${post}X: y\r\n Content-Length: 3\r\nContent-Length: 2\r\n\r\nxx$hidden"],
        ['a folded first header', "POST /v1/job HTTP/1.1\r\n Host: a\r\n\r\n$hidden"],
        ['a tab before the colon', "${post}Content-Length\t: $length\r\n\r\n$hidden"],
        ['a strange name', "${post}Content-Length\x0b: 2\r\n\r\n$hidden"],
        ['no host', "GET /healthz HTTP/1.1\r\n\r\n$hidden"],
        ['two hosts', "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n$hidden"],
        ['HTTP/2', "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n$hidden"],
        ['the preface of HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
        ['HTTP/0.9', "GET /healthz\r\n$hidden"],
        ['a zero in a header', "GET /healthz HTTP/1.1\r\nHost: a\0b\r\n\r\n$hidden"],
        ['a zero in the target', "GET /hea\0lthz HTTP/1.1\r\nHost: a\r\n\r\n$hidden"],
        (map { ["chunk size '$_'", "$post$chunked\r\n$_\r\nxx\r\n0\r\n\r\n$hidden"] }
            'zz', '-2', '+2', '0x2', '', 'fffffffffffffffff'),
        ['TLS', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" . "\0" x 100 . "\r\n\r\n"],
        ['another protocol', "\x03\x00\x01\x00\x00" . "\xff" x 100 . "\r\n\r\n"],
        ['an empty request', "\r\n\r\n\r\n\r\n"],
        ['a good one with another behind it', "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n$hidden"],
    );
    for my $case (@cases) {
        my ($name, $bytes) = @$case;
        # The end of our side: who waits for more would wait for ever.
        my $peer = http_connect($web);
        local $SIG{PIPE} = 'IGNORE';
        syswrite $peer, $bytes;
        shutdown $peer, 1;
        my $reply = http_read($peer);
        # libmicrohttpd writes the head of its own 400 twice for a bad Content-Length.
        my %seen = map { $_ => 1 } $reply->{raw} =~ m{^HTTP/1\.1 (?!100)(\d+)}mg;
        cmp_ok(scalar keys %seen, '<=', 1, "$name: one reply at most");
        # A text ends at a zero for it, which hides nothing.
        my $is_good = $name =~ /^a (?:good|zero)/;
        my $wanted = $is_good ? qr/^(?:2|404)/ : qr/^(?:0|400|405|411|413|501|505)$/;
        like($reply->{status}, $wanted, "$name: $reply->{status}");
        ok($reply->{is_closed}, "$name: and the end");
        unlike($reply->{raw}, qr/Allow: GET, HEAD/, "$name: the hidden request is not served");
    }
    is(http_get($web, '/healthz')->{status}, 200, 'the daemon goes on');
    drip();
};

subtest 'a thousand connections' => sub {
    my (@open, %status);
    for my $i (1 .. 1000) {
        my $peer = http_connect($web) or next;
        push @open, $peer;
    }
    is(scalar @open, 1000, 'all connect');
    my $refused = 0;
    for my $peer (@open) {
        my $ready = IO::Select->new($peer)->can_read(0);
        my $reply = $ready ? http_read($peer, 5) : undef;
        next if not $reply;
        $refused++;
        next if $status{$reply->{status}}++;
        is($reply->{status}, 503, 'one too many is told so');
        is($reply->{headers}{'retry-after'}, 1, 'and when to try again');
        is(length $reply->{body}, $reply->{headers}{'content-length'}, 'with a whole body');
        is(json_read($reply->{body} =~ s/\n\z//r)->{status}, 503, 'in JSON');
    }
    is_deeply([keys %status], [503], 'nothing else is said');
    cmp_ok($refused, '>=', 1000 - 64, "$refused were refused");
    is(http_get($web, '/healthz')->{status}, 503, 'as long as they are open');
    close $_ for @open;
    my $end = time + 10;
    my $again;
    do { $again = http_get($web, '/healthz')->{status} } while ($again != 200 && time < $end);
    is($again, 200, 'and served again when they are gone');
    my $families = metrics_read(http_get($web, '/metrics')->{body});
    cmp_ok($families->{simc_admin_refused_total}{samples}[0]{value}, '>=', $refused, 'counted');
    drip();
};

# ---- reload ----

sub last_warnings {
    my ($from) = @_;
    my @lines = $daemon->log_lines;
    return grep { $_->{level} =~ /^(?:error|warning)$/ } @lines[$from .. $#lines];
}

subtest 'reload' => sub {
    my @steps = (
        [['greeting: second'], 'good', 'second', qr/\A\z/],
        [['greeting: second'], 'good', 'second', qr/\A\z/],
        [['greeting: third', 'port: 3'], 'needs_restart', 'second',
            qr/needs a restart key=port from=2222 to=3;.*old configuration stays/],
        [['greting: third', 'port: 0'], 'faulty', 'second',
            qr/has a fault fault=\S+base\.yaml:3:1: greting: .*fault=\S+:4:7: port.*old config/],
        [['greeting: third', 'refuse: true'], 'refused', 'second', qr/it asks to be refused/],
        [['greeting: third', 'must_exist: nowhere'], 'faulty', 'second', qr/must_exist: .*nowhere/],
        [['greeting: third'], 'good', 'third', qr/\A\z/],
    );
    my %count;
    for my $step (@steps) {
        my ($lines, $result, $greeting, $warnings) = @$step;
        my $from = $daemon->log_lines;
        base_config(@$lines);
        ok($daemon->reload, "@$lines: systemd sees the reload");
        like($daemon->{said}[-2], qr/\ARELOADING=1\nMONOTONIC_USEC=\d+\z/, 'with its time');
        my $status = status();
        is($status->{greeting}, $greeting, "the greeting is '$greeting'");
        $count{$result}++;
        is($status->{daemon}{configuration}{reloads}{$_}, $count{$_} || 0, "$_ is counted")
            for qw(good faulty needs_restart refused);
        my $said = join '; ', map {
            my $line = $_;
            join ' ', $line->{message}, map { "$_=$line->{$_}" }
                grep { exists $line->{$_} } qw(key from to fault why);
        } last_warnings($from);
        like($said, $warnings, 'the log says why');
    }
    unlink $file;
    $daemon->reload;
    is(status()->{greeting}, 'third', 'without its file it goes on');
    write_file($file, $base[0], "\n", "log: {form: json, level: warning}\ngreeting: fourth\n");
    $daemon->reload;
    is(status()->{daemon}{log_level}, 'warning', 'the level of the log changes at run time');
    drip();
};

subtest 'readiness and health' => sub {
    my $mood = sub { return http($web, "POST /v1/mood?$_[0] HTTP/1.1\r\nHost: a\r\n\r\n") };
    $mood->('busy');
    my $reply = http_get($web, '/readyz');
    is($reply->{status}, 503, 'not ready');
    is(json_read($reply->{body} =~ s/\n\z//r)->{detail}, 'it is busy', 'and why');
    is($reply->{headers}{'retry-after'}, 1, 'and when to ask again');
    is(http_get($web, '/healthz')->{status}, 200, 'but healthy');
    $mood->('sick');
    is(http_get($web, '/healthz')->{status}, 503, 'not healthy');
    ok(!status()->{daemon}{healthy}, 'as the status says');
    $mood->('well');
    is(http_get($web, '/healthz')->{status}, 200, 'healthy again');
    drip();
};

# ---- the slow ones of the beginning ----

subtest 'slow requests are cut off' => sub {
    for my $i (0 .. $#slow) {
        my $reply = http_read($slow[$i], 20);
        is($reply->{raw}, '', "slow connection $i gets nothing");
        ok($reply->{is_closed}, 'and is closed');
    }
    cmp_ok(time - $slow_since, '>', 9, 'not before its ten seconds');
    @slow = ();
    my $families = metrics_read(http_get($web, '/metrics')->{body});
    cmp_ok($families->{simc_admin_cut_off_total}{samples}[0]{value}, '>=', 3, 'they are counted');
};

subtest 'a unix socket in use is not taken' => sub {
    my $second = run([$demo, '--config',
        config('second', "admin: {listen: null, socket: \"$socket\"}")]);
    is($second->{status}, 2, 'does not start');
    like($second->{err}, qr/cannot listen on \Q$socket\E: another program listens there/, 'told');
    my $third = run([$demo, '--config', config('third', "admin: {listen: \"$web\"}")]);
    like($third->{err}, qr/cannot listen on \Q$web\E: another program listens there/, 'TCP too');
    is($third->{status}, 2, 'does not start either');
    my $plain = write_file(scratch('plain'), 'precious');
    my $fourth = run([$demo, '--config',
        config('fourth', "admin: {listen: null, socket: $plain}")]);
    like($fourth->{err}, qr/it is no socket; remove it or choose another path/, 'nor a file');
    is(read_file($plain), 'precious', 'which stays');
    my $long = scratch('x' x 120);
    my $fifth = run([$demo, '--config', config('fifth', "admin: {listen: null, socket: $long}")]);
    like($fifth->{err}, qr/has 1 to 107 bytes/, 'nor a path that is too long');
    is(http_get($socket, '/healthz')->{status}, 200, 'the first one still serves');
};

# ---- the end ----

subtest 'SIGTERM with work in progress' => sub {
    my $post = "POST /v1/job HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    is(http($web, $post)->{status}, 201, 'a job');
    is(sprintf('%04o', (stat $socket)[2] & 07777), '0660', 'the mode of the unix socket');
    $daemon->signal('TERM');
    ok($daemon->wait_for(qr/^STOPPING=1$/m), 'systemd is told');
    ok($daemon->wait_for(qr/^STATUS=finishing/m), 'and why it takes a while');
    my $ready = http_get($web, '/readyz');
    is($ready->{status}, 503, 'not ready any more');
    like($ready->{body}, qr/is draining/, 'because it drains');
    is(http_get($web, '/healthz')->{status}, 200, 'but healthy');
    $daemon->signal('HUP');
    is(status()->{daemon}{state}, 'draining', 'SIGHUP changes nothing now');
    is(http($web, "DELETE /v1/job HTTP/1.1\r\nHost: a\r\n\r\n")->{status}, 204, 'the job is done');
    is($daemon->finish, 0, 'it ends by itself');
    ok(!-e $socket, 'the unix socket is gone');
    is(http_get($web, '/healthz')->{status}, 0, 'the port too');
    my @lines = $daemon->log_lines;
    cmp_ok(scalar @lines, '>', 10, 'every line of its log is JSON');
};

# A daemon of its own for each of these.
sub start {
    my ($lines, @how) = @_;
    my $own = free_port();
    my $path = config("own$own", "admin: {listen: \"127.0.0.1:$own\"}", 'log: {form: json}',
        @$lines);
    my $started = Simc::Daemon->start([$demo, '--config', $path], @how);
    return ($started, "127.0.0.1:$own");
}

sub job { return http($_[0], "POST /v1/job HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx") }

subtest 'the bound of the drain' => sub {
    my ($one, $where) = start(['drain: 300ms']);
    job($where);
    my $begin = time;
    $one->signal('TERM');
    is($one->finish, 0, 'it ends without the job');
    cmp_ok(time - $begin, '>', 0.29, 'not before its time');
    like($one->log_text, qr/work in progress took too long/, 'and says so');
};

subtest 'a second signal' => sub {
    my ($one, $where) = start(['drain: 10min']);
    job($where);
    $one->signal('INT');
    ok($one->wait_for(qr/^STATUS=finishing/m), 'the first one drains');
    $one->signal('TERM');
    is($one->finish, 0, 'the second one ends it');
    like($one->log_text, qr/a second signal: ends at once/, 'and the log says so');
};

subtest 'no drain' => sub {
    my ($one, $where) = start(['drain: 0ms']);
    job($where);
    is($one->stop, 0, 'ends at once');
};

subtest 'a handle that is not closed' => sub {
    my ($one) = start(['stuck: true']);
    is($one->stop, 2, 'ends all the same, with a status that says so');
    like($one->log_text, qr/"a handle was not closed","type":"async"/, 'and names it');
};

subtest 'a daemon that cannot go on' => sub {
    my ($one, $where) = start([]);
    is(http($where, "POST /v1/mood?fail HTTP/1.1\r\nHost: a\r\n\r\n")->{status}, 200, 'is told');
    is($one->finish, 2, 'ends with 2');
    like($one->log_text, qr/"cannot go on","why":"somebody has said so"/, 'and why');
};

subtest 'a daemon that cannot start' => sub {
    my ($one) = start(['greeting: fail'], ready => 0);
    is($one->finish, 2, 'ends with 2');
    like($one->log_text, qr/"cannot start","why":"the greeting says so"/, 'and why');
    is_deeply([grep { /READY/ } @{$one->{said}}], [], 'without saying that it is ready');
};

subtest 'watchdog' => sub {
    my ($one, $where) = start([], watchdog_us => 200000);
    ok($one->wait_for(qr/^WATCHDOG=1$/), 'it is fed') for 1 .. 3;
    http($where, "POST /v1/mood?sick HTTP/1.1\r\nHost: a\r\n\r\n");
    1 while defined $one->message(0);
    is($one->message(0.5), undef, 'but not when the daemon is not healthy');
    http($where, "POST /v1/mood?well HTTP/1.1\r\nHost: a\r\n\r\n");
    ok($one->wait_for(qr/^WATCHDOG=1$/), 'and again when it is');
    like($one->log_text, qr/"not healthy","why":"it is sick".*"healthy again"/s, 'the log tells');
    is($one->stop, 0, 'ended');
};

subtest 'without systemd, or with one that is not there' => sub {
    for my $how ([no_systemd => 1], [env => {NOTIFY_SOCKET => '/nowhere'}]) {
        my ($one, $where) = start([], @$how, ready => 0);
        my $end = time + 20;
        1 while http_get($where, '/healthz')->{status} != 200 && time < $end;
        is(http_get($where, '/healthz')->{status}, 200, "@$how: it serves");
        is($one->stop, 0, 'and ends');
        my $warns = $one->log_text =~ /systemd is not told what goes on.*NOTIFY_SOCKET=/ ? 1 : 0;
        is($warns, $how->[0] eq 'env' ? 1 : 0, 'a socket of no use is told in the log');
    }
};

subtest 'descriptors' => sub {
    my ($one, $where) = start(['files: 500'], limit_files => 400);
    my $text = http_get($where, '/metrics')->{body};
    my ($limit) = $text =~ /^process_max_fds (\d+)$/m;
    # Root may raise the limit, unless a container has taken that right away.
    if ($limit != 400) {
        is($limit, 628, 'the limit is raised');
    } else {
        like($one->log_text, qr/may need more file descriptors.*"wanted":628,"allowed":400/,
            'the log says what is wanted');
    }
    is($one->stop, 0, 'ended');
};

subtest 'options instead of a file' => sub {
    my $own = free_port();
    my $one = Simc::Daemon->start([$demo, '--greeting', 'typed', '--admin', "127.0.0.1:$own",
        '--log-form', 'plain', '--log-level', 'debug']);
    my $reply = http_get("127.0.0.1:$own", '/v1/status');
    my $status = json_read($reply->{body} =~ s/\n\z//r);
    is($status->{greeting}, 'typed', 'it runs');
    is($status->{daemon}{configuration}{source}, 'the command line', 'and knows from what');
    is($status->{daemon}{log_level}, 'debug', 'the level is that of the command line');
    ok($one->reload, 'SIGHUP reads the options again');
    like($one->log_text, qr/^\d\d:\d\d:\d\d\.\d{3} notice  configuration read again/m, 'in plain');
    is($one->stop, 0, 'ended');
};

subtest 'a unix socket that was left behind' => sub {
    my $left = scratch('left.sock');
    my $path = config('left', "admin: {listen: null, socket: $left}", 'log: {form: json}');
    my $one = Simc::Daemon->start([$demo, '--config', $path]);
    $one->signal('KILL');
    is($one->finish, -1, 'killed');
    ok(-S $left, 'its socket is still there');
    my $two = Simc::Daemon->start([$demo, '--config', $path]);
    is(http_get($left, '/healthz')->{status}, 200, 'the next one takes the place');
    is($two->stop, 0, 'ended');
};

done_testing;
