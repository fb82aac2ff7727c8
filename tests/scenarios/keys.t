#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# `simulcrypt keys`: files that are made, changed, shown and checked; read back by a parser of this
# test, which knows the lines only from docs/key-file.md. `make check` runs it.
use strict;
use warnings;

use Fcntl qw(:mode);
use FindBin;
use lib "$FindBin::Bin/../support/lib";
use POSIX qw(:sys_wait_h);
use Test::More;
use Time::HiRes qw(usleep);
use Time::Local qw(timegm);

use Simc::Json;
use Simc::Run;

my ($GOOD, $FOUND, $TROUBLE) = (0, 1, 2);
my ($HOUR, $DAY) = (3600, 86400);
my $TIME = qr/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/;
my $LINE = join ', ', '^  - \{package: (\d+)', 'version: (\d+)', "start: ($TIME)", "end: ($TIME)",
    'key: "([0-9a-f]{32})"\}$';

program('simulcrypt', 'cli');
for my $component (qw(conf cas)) {
    plan skip_all => "configured without $component" if not has_component($component);
}

my $dir = scratch();
my %shown;    # everything that the program has printed, to look for keys in it

sub keys_of { my @arguments = @_; return simulcrypt(['keys', @arguments]) }

# Runs a verb. Returns what it printed when it ended with the status.
sub expect {
    my ($status, $arguments, $name, %how) = @_;
    my $run = simulcrypt(['keys', @$arguments], %how);
    $shown{$run->{out} . $run->{err}} = 1;
    is($run->{status}, $status, $name) or diag("$run->{out}$run->{err}");
    return $run;
}

# Expects one sentence on standard error and nothing else.
sub refused {
    my ($arguments, $sentence, %how) = @_;
    my $run = expect($TROUBLE, $arguments, "refused: keys @$arguments", %how);
    is($run->{out}, '', '...nothing is printed');
    my $is_it = ref $sentence ? $run->{err} =~ /\Asimulcrypt: $sentence\n\z/
        : $run->{err} eq "simulcrypt: $sentence\n";
    ok($is_it, "...with: $sentence") or diag($run->{err});
    return;
}

sub seconds {
    my ($text) = @_;
    my ($year, $month, $day, $hour, $minute, $second) = split /[-T:Z]/, $text;
    return timegm($second, $minute, $hour, $day, $month - 1, $year);
}

# The keys of a file: a list of {package, version, start, end, key}; dies at any other line.
sub parse {
    my ($path) = @_;
    my ($is_headed, $has_list, @rows) = (0, 0);
    for my $line (split /\n/, read_file($path)) {
        next if $line =~ /^#/;
        if ($line eq 'format: 1') {
            $is_headed++;
        } elsif ($line eq 'keys:') {
            $has_list++;
        } elsif ($line =~ $LINE) {
            push @rows, {package => $1, version => $2, start => seconds($3), end => seconds($4),
                key => $5};
        } else {
            die "$path: strange line: $line\n";
        }
    }
    die "$path: no head\n" if $is_headed != 1 || $has_list != 1;
    return @rows;
}

sub of_package { my ($package, @rows) = @_; return grep { $_->{package} == $package } @rows }
sub mode_of { return S_IMODE((stat $_[0])[2]) }
sub files { my ($pattern) = @_; return sort map { s{.*/}{}r } glob "$dir/$pattern" }

# A file by hand. Each row: package, version, first and last hour from now, key.
my $now = time;
my $count = 0;

sub utc {
    my ($time) = @_;
    my ($second, $minute, $hour, $day, $month, $year) = gmtime $time;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $year + 1900, $month + 1, $day, $hour, $minute,
        $second;
}

sub make_file {
    my ($name, @rows) = @_;
    my $path = "$dir/$name";
    my $text = "format: 1\nkeys:\n";
    for my $row (@rows) {
        my ($package, $version, $from, $to, $key) = @$row;
        $key ||= sprintf '%08x0123456789abcdef%08x', ++$count, $version;
        $text .= sprintf "- package: %d\n  version: %d\n  start: %s\n  end: %s\n  key: '%s'\n",
            $package, $version, utc($now + $from * $HOUR), utc($now + $to * $HOUR), $key;
    }
    write_file($path, $text);
    chmod 0600, $path;
    return $path;
}

# ---- new ----

my $file = "$dir/keys.yaml";

subtest 'new' => sub {
    my $before = time;
    my $run = expect($GOOD, ['new', $file, '--package', 1, '--package', 2], 'two packages');
    is($run->{err}, '', 'without a warning');
    my $line = qr/\Q$file\E: package [12], versions 1 to 12 from $TIME to $TIME\n/;
    like($run->{out}, qr/\A$line$line\z/, 'it says what it made');
    is(mode_of($file), 0600, 'for its owner alone');
    my @rows = parse($file);
    is(scalar @rows, 24, 'two packages with twelve versions');
    my $start = $rows[0]{start};
    ok($start % $HOUR == 0 && $start <= $before && $start > $before - $HOUR - 60,
        'from the current hour on');
    for my $package (1, 2) {
        my @own = of_package($package, @rows);
        is(join(' ', map { $_->{version} } @own), join(' ', 1 .. 12), "versions of $package");
        my @wrong = grep {
            $own[$_]{start} != $start + 30 * $DAY * $_
                || $own[$_]{end} != $own[$_]{start} + 31 * $DAY
        } 0 .. $#own;
        is("@wrong", '', 'each for 30 days and a day of overlap');
    }
    my %keys = map { $_->{key} => 1 } @rows;
    is(scalar keys %keys, 24, 'each with a key of its own');
    my $bits = join '', map { unpack 'B128', pack 'H32', $_ } keys %keys;
    my $ones = ($bits =~ tr/1//);
    ok($ones > 24 * 128 * 0.44 && $ones < 24 * 128 * 0.56, "about half of the bits are 1: $ones");

    refused(['new', $file, '-p', 9], "$file exists already, and keys are never overwritten; name "
        . "another file, or say 'simulcrypt keys add' or 'rotate'");
    is_deeply([parse($file)], \@rows, 'the file is as it was');
    symlink 'nowhere', "$dir/link.yaml" or die;
    refused(['new', "$dir/link.yaml", '-p', 9], qr/\Q$dir\E\/link.yaml exists already.*/);
    is_deeply([files('*.new')], [], 'nothing is left beside it');
};

subtest 'new with options' => sub {
    my $path = "$dir/day.yaml";
    expect($GOOD, ['new', $path, qw(-p 0x10 --days 1 --versions 400)], 'a version each day');
    my @rows = parse($path);
    is(scalar @rows, 400, '400 of them');
    is($rows[399]{start} - $rows[0]{start}, 399 * $DAY, 'day after day');
    is($rows[0]{end} - $rows[0]{start}, $DAY + $DAY / 10, 'with a tenth of overlap');
    is($rows[0]{package}, 16, 'the package in hex');
    # Whatever the umask of the shell is.
    for my $umask ('000', '077', '777') {
        my $run = run(['sh', '-c', "umask $umask; exec \"\$@\"", 'sh', program('simulcrypt', 'cli'),
            qw(keys new), "$dir/umask$umask", qw(-p 1)]);
        is($run->{status}, 0, "with umask $umask") or diag($run->{err});
        is(mode_of("$dir/umask$umask"), 0600, '...mode 600');
    }
};

subtest 'wrong usage of new' => sub {
    my $path = "$dir/wrong.yaml";
    refused(['new', $path], 'say for which packages: --package N, once for each');
    refused(['new', $path, qw(-p 0)], '--package is 0, but must be a number from 1 to 4294967295');
    refused(['new', $path, qw(-p x)], '--package is x, but must be a number from 1 to 4294967295');
    refused(['new', $path, qw(-p 4294967296)],
        '--package is 4294967296, but must be a number from 1 to 4294967295');
    refused(['new', $path, qw(-p 1 -p 2 -p 0x1)], 'package 1 is named twice');
    refused(['new', $path, qw(-p 1 --days 0)], qr/--days .* 0.*1.*3650.*/);
    refused(['new', $path, qw(-p 1 --versions 1001)], qr/--versions .*1001.*1000.*/);
    refused(['new', $path, qw(-p 1 --days 3650 --versions 10)], 'package 1: the last version would '
        . 'end after the year 2106, where times of 32 bits end; ask for fewer days or versions');
    refused(['new', $path, qw(--days 1 -n 1000 -p 1 -p 2 -p 3 -p 4 -p 5)],
        'there would be more than 4096 keys, the most that a file holds; make fewer versions, or a '
        . 'second file');
    refused(['new', '-', qw(-p 1)],
        'keys go into a file of their own, not to standard output: name a FILE');
    refused(['new', "$dir/no/such/file", qw(-p 1)],
        "cannot write $dir/no/such/file.new: No such file or directory");
    refused(['new'], qr/.*FILE.*/);
    ok(!-e $path && !-e "$path.new", 'nothing was made');
};

# ---- add and rotate ----

subtest 'add' => sub {
    my @before = parse($file);
    my $run = expect($GOOD, ['add', $file, '--package', 3, '--versions', 2], 'a third package');
    is($run->{err}, '', 'without a warning');
    like($run->{out}, qr/\A\Q$file\E: package 3, versions 1 to 2 from $TIME to $TIME\n\z/, 'said');
    my @after = parse($file);
    is_deeply([grep { $_->{package} != 3 } @after], \@before, 'the others are as they were');
    is(scalar of_package(3, @after), 2, 'and two versions of it');
    is(mode_of($file), 0600, 'mode 600');
    refused(['add', $file, qw(-p 4 -p 3)], "$file has package 3 already, up to version 2; say "
        . "'simulcrypt keys rotate' for a newer one");
    refused(['add', $file], 'say which package to add: --package N');
    refused(['add', "$dir/none", qw(-p 1)], "cannot read $dir/none: No such file or directory");
    is_deeply([parse($file)], \@after, 'nothing has changed by that');
};

subtest 'rotate' => sub {
    my @before = parse($file);
    my $run = expect($GOOD, ['rotate', $file], 'all packages');
    is($run->{err}, '', 'without a warning');
    my @after = parse($file);
    is(scalar @after, @before + 3, 'one more version of each');
    for my $package (1, 2, 3) {
        my @own = of_package($package, @after);
        my ($last, $next) = @own[-2, -1];
        is($next->{version}, $last->{version} + 1, "package $package: the next version");
        is($next->{start}, $last->{start} + 30 * $DAY, '...where the last one leaves off');
        is($next->{end}, $last->{end} + 30 * $DAY, '...as long as that one');
        my $said = qr/^\Q$file\E: package $package, version $next->{version} from $TIME to /m;
        like($run->{out}, $said, '...and says so');
    }
    my %had = map { join(' ', %$_{sort keys %$_}) => 1 } @after;
    is(scalar(grep { $had{join(' ', %$_{sort keys %$_})} } @before), scalar @before,
        'no old key has changed');

    expect($GOOD, ['rotate', $file, qw(-p 2 --at 2099-01-01T00:00:00Z --days 7 -n 3)],
        'one package');
    my @own = (of_package(2, parse($file)))[-3 .. -1];
    is(utc($own[0]{start}), '2099-01-01T00:00:00Z', '--at');
    is($own[2]{start} - $own[0]{start}, 14 * $DAY, '--days and --versions');
    is(scalar parse($file), @after + 3, 'the others are left alone');

    refused(['rotate', $file, qw(-p 7)],
        "$file has no package 7; say 'simulcrypt keys add' for a new one");
    refused(['rotate', $file, qw(--at tomorrow)],
        '--at: tomorrow is no time in UTC; write it as 2026-11-21T00:00:00Z, or now');
    refused(['rotate', $file, '--at', '2106-02-07T00:00:00Z'],
        qr/package 1: the last version would .*/);
    refused(['rotate', make_file('top.yaml', [1, 4294967295, 0, 1])],
        'package 1 has the highest version there is; take another package');
    is_deeply([files('*.new')], [], 'nothing is left beside it');
};

subtest 'rotate at once, and after the end' => sub {
    my $path = make_file('late.yaml', [1, 1, -100, -50], [1, 2, -60, -10]);
    expect($FOUND, ['check', $path], 'before');
    my $run = expect($GOOD, ['rotate', $path], 'keys that have ended');
    my $row = (parse($path))[-1];
    ok($row->{start} <= time && $row->{start} > time - 2 * $HOUR, 'begin in this hour');
    is($row->{end} - $row->{start}, 50 * $HOUR, 'and hold as long as those before');
    expect($GOOD, ['check', $path], 'after');

    $path = make_file('ahead.yaml', [1, 1, -1, 100], [1, 2, 90, 200], [1, 3, 190, 300]);
    $run = expect($GOOD, ['rotate', $path, qw(--at now)], 'in an emergency');
    $row = (parse($path))[-1];
    ok(abs($row->{start} - time) < 60, 'from now on');
    is($row->{version}, 4, 'with the highest version');
    my $warning = 'simulcrypt: mind that package 1 goes back from version 4 to version 2 at ';
    like($run->{err}, qr/\A$warning$TIME, .* 'simulcrypt keys rotate'\n\z/,
        'and a warning that older ones come back');
    $path = make_file('ahead2.yaml', [1, 1, -1, 100], [1, 2, 90, 200], [1, 3, 190, 300]);
    $run = expect($GOOD, ['rotate', $path, qw(--at now --versions 3)], 'with enough versions');
    is($run->{err}, '', 'no warning');
};

subtest 'owner, mode, links and comments' => sub {
    my $path = make_file('own.yaml', [1, 1, 0, 100]);
    chmod 0400, $path;
    symlink 'own.yaml', "$dir/to-own.yaml";
    my $is_root = $> == 0;
    chown 65534, 65533, $path if $is_root;
    my $run = expect($GOOD, ['rotate', "$dir/to-own.yaml"], 'through a link');
    is($run->{err}, '', 'without a warning');
    ok(-l "$dir/to-own.yaml", 'the link is a link');
    is(mode_of($path), 0400, 'the mode stays');
    is(join(' ', (stat $path)[4, 5]), '65534 65533', 'and the owner') if $is_root;
    write_file("$dir/noted.yaml", "# my own words\n" . read_file($path));
    chmod 0600, "$dir/noted.yaml";
    $run = expect($GOOD, ['rotate', "$dir/noted.yaml"], 'a file with comments');
    is($run->{err}, "simulcrypt: mind that the comments in $dir/noted.yaml are lost, for it is "
        . "written anew\n", 'says that they are lost');
    is(expect($GOOD, ['rotate', "$dir/noted.yaml"], 'again')->{err}, '', 'now there are none');
};

# ---- show, check, ac ----

subtest 'show' => sub {
    my $path = make_file('show.yaml', [1, 1, -100, -50], [1, 2, -60, 10], [1, 3, -5, 20],
        [1, 4, 10, 30], [9, 7, 10, 20]);
    my $run = expect($GOOD, ['show', $path], 'a file');
    my @lines = split /\n/, $run->{out};
    like(shift @lines, qr/^package +version +start +end +key +now$/, 'a head');
    my @wanted = ('1 1 over', '1 2 valid', '1 3 in force', '1 4 ahead', '9 7 ahead');
    for my $i (0 .. $#wanted) {
        my ($package, $version, $start, $end, $print, $state) = $lines[$i]
            =~ /^(\d+) +(\d+) +($TIME)  ($TIME)  ([0-9a-f]{8})  (.*)$/;
        is("$package $version $state", $wanted[$i], $wanted[$i]);
    }
    is(scalar @lines, 5, 'a line for each key');
    my @objects = json_lines(expect($GOOD, ['show', '--json', $path], 'as JSON')->{out});
    is_deeply([map { "$_->{package} $_->{version} $_->{state}" } @objects], \@wanted, 'the same');
    is($objects[0]{file}, $path, 'with the file');
    is($objects[1]{end}, utc($now + 10 * $HOUR), 'and the times');

    my $copy = write_file("$dir/copy.yaml", read_file($path));
    chmod 0600, $copy;
    @objects = json_lines(expect($GOOD, ['show', '-j', $path, $copy], 'two files')->{out});
    my %prints = map { $_->{fingerprint} => 1 } @objects;
    is(scalar keys %prints, 5, 'the same key has the same fingerprint, others have others');
    $run = expect($GOOD, ['show', $path, $copy], 'two files as text');
    like($run->{out}, qr/\A\Q$path\E\n.*\n\n\Q$copy\E\n/s, 'with their names');
    $run = expect($GOOD, ['show', '-'], 'standard input', in_file => $path);
    is(scalar(split /\n/, $run->{out}), 6, 'the same lines');
    my $piped = run(['sh', '-c', 'cat "$2" | "$1" keys show /dev/stdin', 'sh',
        program('simulcrypt', 'cli'), $path]);
    is("$piped->{status} $piped->{err}", '0 ', 'a pipe');
    is(scalar(split /\n/, $piped->{out}), 6, 'the same lines');
    expect($TROUBLE, ['show', $path, "$dir/none"], 'the worst of several counts');
    expect($FOUND, ['show', $path, write_private('bad.yaml', "format: 1\n")], 'so do faults');
};

sub write_private {
    my ($name, $text) = @_;
    my $path = write_file("$dir/$name", $text);
    chmod 0600, $path;
    return $path;
}

subtest 'check' => sub {
    my $path = make_file('check.yaml', [1, 1, -100, 50], [1, 2, 40, 500], [2, 1, -1, 10]);
    my $run = expect($GOOD, ['check', $path], 'a good file');
    is($run->{out}, "$path: no faults, 3 keys\n"
        . "package 1: version 1 is in force; covered until " . utc($now + 500 * $HOUR) . "\n"
        . "package 2: version 1 is in force; covered until " . utc($now + 10 * $HOUR)
        . "; say 'simulcrypt keys rotate' soon\n", 'says how long the keys last');
    $path = make_file('over.yaml', [1, 4, -100, -50], [2, 1, 10, 20], [3, 1, -5, 500]);
    $run = expect($FOUND, ['check', $path], 'packages without a key');
    is($run->{out}, "$path: no faults, 3 keys\n"
        . "package 1: version 4 ended at " . utc($now - 50 * $HOUR)
        . " and no other is valid; say 'simulcrypt keys rotate'\n"
        . "package 2: no version is valid yet; the first begins at " . utc($now + 10 * $HOUR) . "\n"
        . "package 3: version 1 is in force; covered until " . utc($now + 500 * $HOUR) . "\n",
        'says which');
    my $key = 'c0ffee0123456789c0ffee0123456789';
    $path = write_private('faulty.yaml', "format: 1\nkeys:\n"
        . "- {package: 1, version: 1, start: 2026-11-21, end: 2026-11-20T00:00:00Z, key: $key}\n"
        . "- {package: 1, version: 1, start: 2026-11-21T00:00:00Z, end: 2026-11-20T00:00:00Z, "
        . "key: ${key}00}\n- {package: $key, version: 2}\n");
    $run = expect($FOUND, ['check', $path], 'a file with faults');
    is($run->{out}, '', 'nothing good about it');
    is($run->{err}, "$path:3:35: keys[0].start: 2026-11-21 has no time of day; write "
        . "2026-11-21T00:00:00Z\n"
        . "$path:4:89: keys[1].key: there are 34 hex digits, but there must be 32\n"
        . "$path:5:3: keys[2].start: must be given, such as start: 2026-11-21T00:00:00Z (when ECMs "
        . "begin to be made with it)\n"
        . "$path:5:3: keys[2].end: must be given, such as end: 2026-12-21T00:00:00Z (when it is no "
        . "longer valid)\n"
        . "$path:5:3: keys[2].key: must be given (random bytes, such as 'simulcrypt keys new' "
        . "makes)\n"
        . "$path:5:13: keys[2].package: " . 'x' x 32 . " is no whole number; write decimal digits, "
        . "or 0x and hex digits\n", 'all faults at once, and no key');
    refused(['check', "$dir/none"], "cannot read $dir/none: No such file or directory");
    refused(['check', $dir], "$dir is no file, so it cannot be a key file");
};

subtest 'permissions' => sub {
    my $path = make_file('open.yaml', [1, 1, -1, 1000]);
    for my $mode (0640, 0604, 0660, 0644) {
        chmod $mode, $path;
        my $text = sprintf '%04o', $mode;
        my $sentence = "$path holds keys but is open to others than its owner (mode $text); say: "
            . "chmod 600 $path";
        refused(['check', $path], $sentence);
        refused(['show', $path], $sentence);
        refused(['rotate', $path], $sentence);
        refused(['add', $path, qw(-p 2)], $sentence);
        refused(['ac', $path, qw(-p 1)], $sentence);
    }
    for my $mode (0600, 0400, 0700) {
        chmod $mode, $path;
        expect($GOOD, ['check', $path], sprintf 'mode %o is good', $mode);
    }
    chmod 0644, $path;
    refused(['check', '-'], 'the file behind standard input holds keys but is open to others than '
        . 'its owner (mode 0644); make its mode 600', in_file => $path);
    is_deeply([files('*.new')], [], 'nothing is left beside it');
};

subtest 'access criteria' => sub {
    my $path = make_file('ac.yaml', [2, 1, -1, 1000], [65536, 1, -1, 1000], [3, 1, -1, 1000]);
    my @cases = (
        [[qw(-p 2)], 'a10102'],
        [[qw(--package 65536)], 'a1011a00010000'],
        [[qw(-p 3 --content 66051)], 'a20103021a00010203'],
        [[qw(-p 3 -c 0)], 'a201030200'],
        [[qw(-p 3 --conditions 01)], 'a20103034101'],
        [['-p', 3, '-C', ''], 'a201030340'],
        [['-p', 3, '-c', '0x00010203', '-C', 'c5' x 52], 'a30103021a00010203035834' . 'c5' x 52],
    );
    for my $case (@cases) {
        my ($arguments, $wanted) = @$case;
        is(expect($GOOD, ['ac', $path, @$arguments], "@$arguments")->{out}, "$wanted\n", $wanted);
    }
    refused(['ac', $path], 'say for which package: --package N');
    refused(['ac', $path, qw(-p 1)],
        "$path has no key for package 1; 'simulcrypt keys add' makes one");
    refused(['ac', $path, qw(-p two)],
        '--package is two, but must be a number from 1 to 4294967295');
    refused(['ac', $path, qw(-p 2 -c -1)],
        '--content is -1, but must be a number up to 4294967295');
    refused(['ac', $path, qw(-p 2 -C 0x1)], "--conditions is '0x1', but must be hex digits");
    refused(['ac', $path, qw(-p 2 -C), '00' x 65], 'the conditions have more than 64 bytes');
    refused(['ac', $path, qw(-p 2 -C), '00' x 64],
        'the access criteria would take more than 64 bytes; make the conditions shorter');
};

# ---- interruptions ----

subtest 'killed while it rotates' => sub {
    my $path = make_file('kill.yaml', map { [$_, 1, -1, 1000] } 1 .. 50);
    expect($GOOD, ['rotate', $path], 'once');
    my ($killed, $strange, $versions) = (0, 0, 2);
    for my $round (0 .. 59) {
        my $pid = fork;
        die "cannot fork: $!\n" if not defined $pid;
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            exec program('simulcrypt', 'cli'), qw(keys rotate), $path or POSIX::_exit(127);
        }
        usleep(200 * $round);    # another moment each time
        kill KILL => $pid;
        waitpid $pid, 0;
        $killed++ if WIFSIGNALED($?);
        my %count;
        $count{$_->{package}}++ for parse($path);
        my ($least, $most) = (sort { $a <=> $b } values %count)[0, -1];
        $strange++ if keys %count != 50 || $least != $most || $most < $versions
            || $most > $versions + 1 || mode_of($path) != 0600;
        $versions = $most;
    }
    is($strange, 0, "each time the whole old file or the whole new one ($killed killed)");
    cmp_ok($killed, '>', 3, 'some were killed');
    expect($GOOD, ['rotate', $path], 'and the next one goes on');
    ok(!-e "$path.new", 'nothing is left beside it');
};

subtest 'no room' => sub {
    my $path = make_file('full.yaml', map { [$_, 1, -1, 1000] } 1 .. 50);
    my $before = read_file($path);
    my $run = run(['sh', '-c', 'ulimit -f 2; exec "$@"', 'sh', program('simulcrypt', 'cli'),
        qw(keys rotate), $path]);
    isnt($run->{status}, 0, 'it does not work');
    is(read_file($path), $before, 'the old file is there');
    expect($GOOD, ['rotate', $path], 'and later it works');
};

subtest 'eight at once' => sub {
    my $path = make_file('race.yaml', [1, 1, -1, 1000]);
    my %err;
    my @pids = map {
        my $name = $err{$_} = "$dir/race.err$_";
        my $pid = fork;
        die "cannot fork: $!\n" if not defined $pid;
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', $name;
            exec program('simulcrypt', 'cli'), qw(keys rotate), $path or POSIX::_exit(127);
        }
        $pid;
    } 1 .. 8;
    my $good = 0;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $good++ if $? == 0;
    }
    is(scalar parse($path), 1 + $good, "$good of them have added a version");
    cmp_ok($good, '>=', 1, 'at least one');
    my @strange = grep { $_ ne '' && !/ is being changed by (?:an)?other programs?; try again$/ }
        map { read_file($_) } values %err;
    is("@strange", '', 'the others say why not');
};

# ---- secrecy ----

subtest 'no key was printed' => sub {
    my %secrets = map { $_ => 1 } map { /([0-9a-f]{32})/g } map { read_file($_) }
        grep { -f } glob "$dir/*.yaml";
    cmp_ok(scalar keys %secrets, '>', 500, 'keys: ' . keys %secrets);
    my @leaks;
    for my $text (keys %shown) {
        # Half of a key is too much.
        push @leaks, $1 while $text =~ /((?:[0-9a-f]{2}){8,})/g;
    }
    @leaks = grep {
        my $leak = substr $_, 0, 16;
        grep { index($_, $leak) >= 0 } keys %secrets
    } @leaks;
    is("@leaks", '', 'in anything that was said');
};

done_testing;
