#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The judge of run-headend must notice every way in which a receiver can be wrong: here it gets
# streams that are right, and the same with one thing spoilt. The other parts that can be tried
# without a head-end are here too.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib", "$FindBin::Bin/../../headend/lib";
use Test::More;

use Headend::Compare;
use Headend::Config;
use Headend::EmmFlow;
use Headend::Emms;
use Headend::Options qw(parse);
use Headend::Packets;
use Headend::Proxy;
use Headend::Screen;
use Headend::Source;
use Headend::State;
use Headend::Verdict qw(findings);
use Simc::Run;

my ($PMT_PID, $VIDEO, $ECM_PID) = (0x100, 0x101, 0x1f00);

# ---- streams ----

sub packet {
    my ($pid, $payload, %how) = @_;
    my $size = 184 - length $payload;
    my $field = $size == 0 ? '' : $size == 1 ? "\0"
        : pack('CC', $size - 1, 0) . "\xff" x ($size - 2);
    my $control = ($how{scrambled} || 0) << 6 | ($size ? 0x30 : 0x10) | ($how{count} || 0) & 15;
    return pack('CnC', 0x47, $pid | ($how{is_start} ? 0x4000 : 0), $control) . $field . $payload;
}

sub section {
    my ($table, $id, $body) = @_;
    my $section = pack('Cnn CCC', $table, 0xb000 | (length($body) + 9), $id, 0xc1, 0, 0) . $body;
    return "\0" . $section . "\0\0\0\0";
}

sub tables {
    my $private = pack 'nnNn', 0x1234, 0xe000 | $ECM_PID, 1, 7;
    my $descriptor = pack('CC', 9, length $private) . $private;
    return (
        packet(0, section(0, 1, pack 'nn', 5, 0xe000 | $PMT_PID), is_start => 1),
        packet($PMT_PID, section(2, 5, pack('nn', 0xe000 | $VIDEO, 0xf000 | length $descriptor)
            . $descriptor . pack('Cnn', 2, 0xe000 | $VIDEO, 0xf000)), is_start => 1),
    );
}

sub ecm { return packet($ECM_PID, "\0\x80\x70\x10" . 'e' x 16, is_start => 1) }

# Packet number n of the video; a few have the same content, as stuffing does.
sub video {
    my ($n, %how) = @_;
    return packet($VIDEO, $n % 7 == 3 ? "\xff" x 184 : sprintf('%-184s', "picture $n"), %how,
        count => $n);
}

sub compare_with {
    my ($is_entitled, $count, $output) = @_;
    my $compare = Headend::Compare->new(is_entitled => $is_entitled, packages => {1 => 1, 2 => 1});
    for my $n (0 .. $count - 1) {
        $compare->push_reference($VIDEO, video($n), 4);
    }
    $compare->push_output($_) for @$output;
    return $compare->figures->{services}{5};
}

sub says {
    my ($figures, %wanted) = @_;
    my @faults = grep { $_ !~ /^(?:equal|has_ecm|pids)$/ && $figures->{$_} } sort keys %$figures;
    my %got = map { $_ => $figures->{$_} } 'equal', @faults;
    my $name = delete $wanted{name};
    return is_deeply(\%got, \%wanted, $name);
}

subtest 'the entitled receiver' => sub {
    my @start = (tables(), ecm());
    my $good = compare_with(1, 100, [@start, map { video($_) } 10 .. 79]);
    says($good, name => 'all equal', equal => 70);
    my ($pid) = values %{$good->{pids}};
    is($pid->{sent}, $pid->{received}, 'and the hashes');
    like($pid->{sent}, qr/\A[0-9a-f]{64}\z/, 'which are SHA-256');

    says(compare_with(1, 100, [tables(), (map { video($_, scrambled => 2) } 10 .. 19), ecm(),
        map { video($_) } 20 .. 79]), name => 'scrambled in front of the first ECM', equal => 60);
    says(compare_with(1, 100, [@start, (map { video($_) } 10 .. 29),
        (map { video($_) } 32 .. 79)]), name => 'two are lost', equal => 68, lost => 2);
    says(compare_with(1, 100, [@start, (map { video($_) } 10 .. 29), video(30, scrambled => 3),
        map { video($_) } 31 .. 79]), name => 'one is not opened', equal => 69, unopened => 1);
    my $spoilt = video(30);
    substr $spoilt, 100, 1, '!';
    says(compare_with(1, 100, [@start, (map { video($_) } 10 .. 29), $spoilt,
        map { video($_) } 31 .. 79]), name => 'one byte is wrong', equal => 69, differs => 1,
        lost => 1);
    says(compare_with(1, 100, [@start, (map { video($_) } 10 .. 29), video(31), video(30),
        map { video($_) } 32 .. 79]), name => 'two are exchanged', equal => 69, lost => 1,
        differs => 1);
    my $garbage = compare_with(1, 100, [@start, map { video($_) } grep { $_ % 7 != 3 }
        1010 .. 1029]);
    is($garbage->{equal}, 0, 'nothing of it went in: nothing is equal');
    cmp_ok($garbage->{differs}, '>', 15, 'and it differs');
    my $silent = compare_with(1, 100, [tables(), map { video($_) } 10 .. 79]);
    is($silent->{has_ecm}, 0, 'without an ECM nothing is judged');
};

subtest 'a receiver that stops' => sub {
    my $compare = Headend::Compare->new(is_entitled => 1, packages => {1 => 1});
    for my $second (0 .. 29) {
        $compare->push_reference($VIDEO, video($_), 4) for 10 * $second .. 10 * $second + 9;
        $compare->push_output($_) for $second == 0 ? (tables(), ecm()) : ();
        if ($second < 10) {
            $compare->push_output(video($_)) for 10 * $second .. 10 * $second + 9;
        }
        $compare->prune(1000 + $second);
    }
    my $figures = $compare->figures->{services}{5};
    is($figures->{equal}, 100, 'what came is equal');
    cmp_ok($figures->{missing}, '>', 50, 'what did not come in time is missing');
    my ($component) = values %{$compare->{of_pid}};
    cmp_ok(scalar @{$component->{queue}}, '<', 150, 'and no longer in memory');
};

subtest 'a receiver without rights' => sub {
    my @start = (tables(), ecm());
    my $garbage = sub {
        my ($n) = @_;
        return packet($VIDEO, pack('NN', $n, 0x5eed) x 23, scrambled => 2, count => $n);
    };
    says(compare_with(0, 100, [@start, map { $garbage->($_) } 10 .. 79]),
        name => 'nothing is opened', equal => 70);
    says(compare_with(0, 100, [@start, (map { $garbage->($_) } 10 .. 29), video(30),
        map { $garbage->($_) } 31 .. 79]), name => 'one is opened', equal => 70, opened => 1);
    says(compare_with(0, 100, [@start, (map { $garbage->($_) } 10 .. 29), video(30, scrambled => 2),
        map { $garbage->($_) } 31 .. 79]), name => 'one is opened, and marked as scrambled',
        equal => 70, opened => 1);
    says(compare_with(0, 100, [@start, (map { $garbage->($_) } 10 .. 29),
        packet($VIDEO, 'short', count => 30), map { $garbage->($_) } 31 .. 79]),
        name => 'a short payload may be clear', equal => 69);
};

# ---- EMMs ----

# Sections in packets of a PID, one behind the other, as a mux puts them there.
sub emm_packets {
    my ($sections, $count) = @_;
    my ($bytes, %starts) = ('');
    for my $section (@$sections) {
        $starts{length $bytes} = 1;
        $bytes .= $section;
    }
    my ($at, @packets) = (0);
    while ($at < length $bytes) {
        my ($start) = grep { $starts{$_} } $at .. $at + 182;
        my $payload = substr $bytes, $at, defined $start ? 183 : 184;
        $payload = chr($start - $at) . $payload if defined $start;
        $at += length($payload) - (defined $start ? 1 : 0);
        $payload .= "\xff" x (184 - length $payload);
        push @packets, packet(0x200, $payload, is_start => defined $start, count => $count++);
    }
    return @packets;
}

subtest 'EMMs' => sub {
    my $path = write_file(scratch('emms.txt'), Headend::Emms::made_text());
    my $sections = Headend::Emms->new($path)->{sections};
    is(scalar @$sections, 250, 'sections are made');
    is(scalar(grep { length $_ != 3 + (unpack('xn', $_) & 0xfff) } @$sections), 0, 'all whole');
    is(keys %{{map { $_ => 1 } @$sections}}, 250, 'no two are the same');
    my $judge = sub {
        my ($name, $packets, %wanted) = @_;
        my $emms = Headend::Emms->new($path);
        $emms->push_packet($_) for @$packets;
        my %got = map { $_ => $emms->{$_} } grep { $emms->{$_} } qw(equal lost differs broken);
        is_deeply(\%got, \%wanted, $name);
    };
    my @all = (@$sections) x 3;
    my @good = emm_packets(\@all, 5);
    $judge->('three times the file', \@good, equal => 750);
    my @from = emm_packets([@all[100 .. 400]], 0);
    $judge->('from any section on', \@from, equal => 301);
    $judge->('one is left out', [emm_packets([@all[0 .. 99, 101 .. 300]], 0)],
        equal => 300, lost => 1);
    $judge->('two are exchanged', [emm_packets([@all[0 .. 99, 101, 100, 102 .. 200]], 0)],
        equal => 201, lost => 1 + 248 + 1);
    $judge->('one comes twice', [emm_packets([@all[0 .. 99, 99 .. 200]], 0)],
        equal => 202, lost => 249);
    my @spoilt = @all[0 .. 200];
    substr $spoilt[50], 12, 1, chr(1 ^ ord substr $spoilt[50], 12, 1);
    $judge->('one bit is wrong', [emm_packets(\@spoilt, 0)], equal => 200, differs => 1,
        lost => 1);
    my @gap = @good;
    splice @gap, 40, 1;
    my $emms = Headend::Emms->new($path);
    $emms->push_packet($_) for @gap;
    is($emms->{broken}, 1, 'a packet is missing: the counter tells');
    cmp_ok($emms->{lost} + $emms->{differs}, '>', 0, 'and so do the sections');
};

subtest 'the CAT' => sub {
    my $tables = Headend::Packets->new;
    my $cat = pack('CCnn', 9, 4, 0x0b00, 0xe123) . pack('CCnn', 9, 4, 0x1234, 0xe200);
    ok($tables->wants(1), 'it is wanted');
    $tables->push_packet(1, packet(1, section(1, 0xffff, $cat), is_start => 1));
    is_deeply($tables->{emms}, {0x123 => 0x0b00, 0x200 => 0x1234}, 'names EMM PIDs');
};

subtest 'the flow of EMMs' => sub {
    my $flow = Headend::EmmFlow->new;
    is(($flow->lines)[0], 'not connected', 'nobody is there');
    my $status = sub {
        my ($received) = @_;
        return {emmg => {channels => [{client_id => '0x12340001', streams => [{data_stream_id => 1,
            pid => 0x200, wanted_kbitps => 100, allocated_kbitps => 90,
            received_bytes => $received, inserted_bytes => $received / 2}]}],
            pids => [{pid => 0x200, queued_bytes => 564}]}};
    };
    $flow->take($status->(1000 + 11250 * $_), 100 + $_) for 0 .. 5;
    is_deeply([$flow->lines('1,234')], ['client 0x12340001 stream 1, PID 0x0200, 1,234 EMMs equal',
        'asked 100 kbit/s, allocated 90, received 90.0, inserted 45.0, queue 564 B'], 'two lines');
    $flow->take($status->(10), 106);
    is($flow->rate(1), undef, 'a new connection has no rate yet');
    $flow->take(undef, undef);
    $flow->take({emmg => {channels => []}}, 107);
    is(($flow->lines)[0], 'not connected', 'it is gone');
};

# ---- the verdict ----

subtest 'the verdict' => sub {
    my $service = {id => 5, name => 'News'};
    my $facts = sub {
        my (%change) = @_;
        my %of = (equal => 100, has_ecm => 1, map { $_ => 0 }
            qw(lost differs missing unopened opened));
        return {
            services => [$service], faults => [], receivers => {},
            figures => {
                air => {5 => {scrambled => 100, clear => $change{clear} || 0}},
                entitled => {services => {5 => {%of, pids => {257 => {%of}},
                    %{$change{entitled} || {}}}}},
                other => {services => {5 => {%of, %{$change{other} || {}}}}},
                emms => {pid => 0x200, equal => 100, lost => 0, differs => 0, broken => 0,
                    %{$change{emms} || {}}},
            },
            samples => {entitled => {count => 1, frames => 10, seconds => 5,
                per_service => {5 => 10}}, other => {count => 1, frames => 0, seconds => 5},
                %{$change{samples} || {}}},
            killed => {name => 'main', by => 'backup', second => 5, back => 1, taken_over => 0.2},
            scs => {alarms => [], stretched => 0, late_ecms => 0, periods => 9,
                %{$change{scs} || {}}},
            %{$change{top} || {}},
        };
    };
    is_deeply([grep { !$_->[0] } findings($facts->())], [], 'all is good');
    my @bad = (
        ['clear on air', {clear => 3}, qr/went out in the clear.*3 packets/],
        ['no ECM', {entitled => {has_ecm => 0}}, qr/no ECM reached the entitled/],
        ['nothing came', {entitled => {equal => 0}}, qr/gave nothing/],
        ['lost', {entitled => {lost => 1}}, qr/1 packet lost/],
        ['differs', {entitled => {differs => 2}}, qr/2 packets not as they went in/],
        ['missing', {entitled => {missing => 2}}, qr/2 packets never came/],
        ['not opened', {entitled => {unopened => 1, equal => 0}}, qr/1 packet not opened/],
        ['opened', {other => {opened => 1}}, qr/not entitled gave 1 packet in the clear/],
        ['nothing proved', {other => {equal => 3}}, qr/nothing is proved/],
        ['no frames', {samples => {entitled => {count => 1, frames => 0, per_service => {}}}},
            qr/no frame of service 5/],
        ['frames', {samples => {other => {count => 1, frames => 2}}},
            qr/2 frames at the receiver that is not entitled/],
        ['no sample', {samples => {entitled => {count => 0}}}, qr/has seen nothing/],
        ['no CAT', {emms => {pid => undef}}, qr/CAT of the mux names no EMM PID/],
        ['no EMM', {emms => {equal => 0}}, qr/EMMs on PID 0x0200: the mux gave nothing/],
        ['EMMs are lost', {emms => {lost => 2, differs => 1}},
            qr/EMMs .*: 1 section not as they were sent, 2 sections lost/],
        ['EMM packets are lost', {emms => {broken => 1}}, qr/1 break of the continuity counter/],
        ['stretched', {scs => {stretched => 2}}, qr/2 crypto periods lasted longer/],
        ['late', {scs => {late_ecms => 1}}, qr/1 ECM came too late/],
        ['alarm', {scs => {alarms => [{grade => 'major', text => 'no ECMG',
            since => '2026-01-02T10:11:12.1Z'}]}},
            qr/no ECMG, since 10:11:12 UTC/],
        ['not back', {top => {killed => {name => 'main'}}}, qr/'main' did not come back/],
        ['not killed', {top => {killed => undef}}, qr/too short to kill/],
        ['a program ended', {top => {faults => ['muxd has ended']}}, qr/muxd has ended/],
        ['scsd silent', {top => {scs => undef}}, qr/scsd did not tell/],
    );
    for my $row (@bad) {
        my ($name, $change, $pattern) = @$row;
        my @found = map { $_->[1] } grep { !$_->[0] } findings($facts->(%$change));
        like(join('; ', @found), $pattern, $name);
    }
};

# ---- the source ----

subtest 'the source is played in time' => sub {
    my $pcr = sub {
        my ($ms) = @_;
        my $base = $ms * 90;
        return pack('CnCCC', 0x47, $VIDEO, 0x20, 183, 0x10)
            . pack('Nn', $base >> 1, ($base & 1) << 15 | 0x7e00) . "\xff" x 176;
    };
    my $bytes = join '', map { $pcr->(40 * $_), map { video($_) } 1 .. 9 } 0 .. 50;
    my $path = write_file(scratch('in.ts'), 'garbage', $bytes);
    my @layout = Headend::Source::layout_of_file($path);
    is_deeply(\@layout, [188, 7], 'packets are found behind garbage');
    is_deeply([Headend::Source::layout_of('x' x 4000)], [], 'and not where there are none');
    my $source = Headend::Source->new($path);
    my ($now, $count, $first, $last) = (100, 0);
    while ($now < 110) {
        $source->read_some($now) if $source->wants_bytes;
        while (defined(my $datagram = $source->next_due($now))) {
            $first = $now if not $count;
            $last = $now;
            $count += length($datagram) / 188;
        }
        $now += 0.01;
    }
    my $rate = $count / ($last - $first);
    cmp_ok(abs($rate - 250), '<', 5, "250 packets per second: $rate");
    cmp_ok($source->{breaks}, '>=', 3, 'the file was played again and again');
    ok(!eval { Headend::Source->new(scratch()); 1 }, 'a folder is no source');
    for my $wrong ('udp://', 'udp://host', 'udp://1.2.3.4:0', 'udp://1.2.3.4:99999') {
        ok(!eval { Headend::Source::address_of($wrong); 1 }, "$wrong is refused: $@");
    }
    is_deeply(Headend::Source::address_of('udp://10.0.0.1@239.1.2.3:5000?interface=10.0.0.2'),
        {source => '10.0.0.1', host => '239.1.2.3', port => 5000, interface => '10.0.0.2'},
        'an address with everything');
};

# ---- options, configurations, the folder ----

subtest 'options' => sub {
    is(parse('--for', '60')->{for}, 60, 'a value behind it');
    is(parse('--for=60')->{for}, 60, 'a value in it');
    for my $row ([['--for'], qr/needs an argument/], [['--for', '0'], qr/no number/],
        [['--nonsense'], qr/no option/], [['file'], qr/no option/], [['--for', '1', '--for', '2'],
        qr/twice/], [['--input', '/nowhere'], qr/no file/], [['--watch', '80'], qr/no port/],
        [['--output', '1.2.3.4'], qr/no address/], [['--break', 'all'], qr/no exercise/]) {
        like(parse(@{$row->[0]})->{fault}, $row->[1], "@{$row->[0]}");
    }
};

subtest 'configurations' => sub {
    my $examples = srcdir() . '/deploy/examples';
    my $config = Headend::Config->new($examples, 'scsd.yaml');
    ok(!eval { $config->set('no such: line', 'x'); 1 }, 'a line that is not there is refused');
    ok(!eval { $config->set('algorithm: cissa', 'x'); 1 }, 'one that is there twice, too');
    $config->set_list('scgs', Headend::Config::scg_lines([{id => 9, name => "it's"}], '0x1', 3));
    like($config->text, qr/^scgs:\n(?:  [^\n]*\n)+\n# Health[^\n]*\nadmin:\n/m,
        'a list is replaced up to the next key');
    like($config->text, qr/name: 'it''s'/, 'names are quoted');
    unlike($config->text, qr/Cinema/, 'and nothing of the old one is left');
};

subtest 'ECMs are spoilt' => sub {
    my $message = sub {
        my ($type, @parameters) = @_;
        my $body = '';
        while (my ($parameter, $value) = splice @parameters, 0, 2) {
            $body .= pack('nn', $parameter, length $value) . $value;
        }
        return pack('Cnn', 3, $type, length $body) . $body;
    };
    my $other = $message->(0x0201, 0x15, 'not an ECM');
    my $bytes = $other . $message->(0x0202, 0x0e, "\0\1", 0x15, "section\x10");
    my ($rest, $done) = ('', '');
    for my $byte (split //, $bytes) {
        $rest .= $byte;
        $done .= Headend::Proxy::spoil(\$rest);
    }
    is($done, $other . $message->(0x0202, 0x0e, "\0\1", 0x15, "section\x11"),
        'one bit of the ECM, and nothing else');
};

subtest 'the state folder' => sub {
    my $folder = scratch('state');
    my $state = Headend::State->open_folder($folder);
    $state->put('scsd.yaml', "a\n");
    ok(!eval { Headend::State->open_folder($folder); 1 }, 'one head-end at a time');
    like($@, qr/in use by another head-end \(process $$\)/, 'and it says which');
    run(['rm', '-r', $folder]);
    is($state->restore, 2, 'what was deleted is made again');
    is(read_file("$folder/scsd.yaml"), "a\n", 'as it was');
    undef $state;
    write_file("$folder/version", "0\n");
    ok(!eval { Headend::State->open_folder($folder); 1 }, 'another version is refused');
    like($@, qr/made by another version.*rm -r/, 'with what to do');
    run(['mkdir', scratch('foreign')]);
    write_file(scratch('foreign/letter'), "x\n");
    ok(!eval { Headend::State->open_folder(scratch('foreign')); 1 }, 'so is a folder of others');
    like($@, qr/not made by run-headend/, 'which stays as it is');
};

subtest 'the page fits the terminal' => sub {
    my $view = sub {
        my ($services, $alarms) = @_;
        return {
            clock => '0:00:12 of 0:01:00', mux => '5.00 Mbit/s: scrambled 2.41',
            emms => ['client 0x12340001 stream 1, PID 0x0200, 1,234,567 EMMs equal',
                'asked 100 kbit/s, allocated 100, received 97.9, inserted 97.9, queue 1,234 B'],
            services => [map { {id => $_, name => 'A long name of a service', packages =>
                'packages 1, 2', cp => $_, next => 'next in  3.2 s', state => 'scrambled',
                is_good => 1, is_judged => 1, is_judged_good => 1,
                entitled => "$_ decoded, 1,234,567,890 equal", other => 'needs package 1' x 5,
            } } 1 .. $services],
            ecmgs => [map { {name => $_, address => '127.0.0.1:2222', state => 'active',
                text => '3 streams, 1,234 ECMs in 0.5 ms, 3.1 s early'} } qw(main backup)],
            rights => {entitled => '1, 2', other => '3'},
            alarms => [('minor: something') x $alarms],
            judge => {is_good => 1, is_begun => 1, text => 'good so far'},
            watch => [map { [$_, 'ffplay udp://127.0.0.1:5001'] } qw(SCRAMBLED ENTITLED OTHER)],
            events => [map { "12:00:00 event $_" } 1 .. 50],
        };
    };
    my @places = ([24, 80, 2, 0], [24, 80, 2, 9], [24, 80, 40, 9], [50, 132, 12, 2]);
    for my $place (@places) {
        my ($most, $columns, $services, $alarms) = @$place;
        my @lines = map { ref $_ ? $_->[0] : $_ }
            Headend::Screen::page($view->($services, $alarms), $most, $columns);
        my $name = "$services services, $alarms alarms in ${columns}x$most";
        is(scalar @lines, $most, "$name: every line is used");
        is(join('|', grep { length $_ > $columns } @lines), '', 'and none is too long');
        my $page = join "\n", @lines;
        like($page, qr/^JUDGE +good so far$/m, 'the verdict is there');
        like($page, qr/event 50/, 'and the last event');
        like($page, qr/and \d+ more/, 'what has no room is counted') if $services > 20;
    }
    my $line = Headend::Screen->new(\*STDERR)->wrapped('one two', 4);
    is($line, "one two\n", 'a pipe gets whole lines');
};

done_testing;
