# SPDX-License-Identifier: BSL-1.0
# The options of run-headend, as rows. run-headend checks them before it installs or builds
# anything, so this needs no more than the smallest Perl; headend.pl reads them again.
package Headend::Options;

use strict;
use warnings FATAL => 'all';

use Exporter qw(import);

our @EXPORT_OK = qw(check parse);

my $GO_ON = 0;
my $HELP = 10;
my $WRONG = 2;

# ---- what values may be ----

sub is_seconds {
    my ($text) = @_;
    return "'$text' is no number of seconds; write a whole number, such as 60"
        if $text !~ /\A\d{1,9}\z/ || $text == 0;
    return;
}

sub is_port {
    my ($text) = @_;
    return "'$text' is no port; ports for watching go from 1024 to 65533"
        if $text !~ /\A\d{1,5}\z/ || $text < 1024 || $text > 65533;
    return;
}

sub is_input {
    my ($text) = @_;
    return 'the name is empty' if $text eq '';
    return if $text =~ m{^\w[\w+.-]*://};
    return "there is no file $text" if !-e $text;
    return "$text is a folder" if -d _;
    return "$text cannot be read by this user" if !-r _;
    return "$text is empty" if -f _ && -z _;
    return;
}

sub is_output {
    my ($text) = @_;
    return "'$text' is no address; write it as udp://239.1.1.1:5000"
        if $text !~ m{\A(?:udp|rtp)://[^\s]+:\d{1,5}(?:\?\S+)?\z};
    return;
}

sub is_break {
    my ($text) = @_;
    return if grep { $text eq $_ } qw(wrong-key no-ecmg bad-ecm);
    return "there is no exercise '$text'; there are wrong-key, no-ecmg and bad-ecm";
}

sub is_given { return $_[0] eq '' ? 'the name is empty' : undef }

# ---- the rows: name, value, check, help ----

my @ROWS = (
    ['input', 'FILE|URL', \&is_input, 'the stream to scramble: a transport stream file (it is'
        . ' played in a loop), udp:// or rtp://, or whatever ffmpeg can read; without it ffmpeg'
        . ' makes two channels'],
    ['for', 'SECONDS', \&is_seconds, 'end so many seconds after everything is running; without it'
        . ' the head-end runs until Ctrl-C'],
    ['output', 'udp://HOST:PORT', \&is_output, 'send the scrambled stream there as well'],
    ['watch', 'PORT', \&is_port, 'UDP port of this host where the scrambled stream can be watched;'
        . ' the two ports behind it have the two receivers [5001, or the next that are free]'],
    ['state', 'FOLDER', \&is_given, 'where keys, configurations and logs are put; it may be deleted'
        . ' at any time [state]'],
    ['build', 'FOLDER', \&is_given, 'take the programs of this build tree; nothing is installed or'
        . ' built'],
    ['break', 'WHAT', \&is_break, 'an exercise, which must end with status 1 and say why: wrong-key'
        . ' (the entitled receiver has other keys than the head-end), no-ecmg (both ECM generators'
        . ' end and stay away, and no service may go clear), bad-ecm (one byte of each ECM is'
        . ' wrong)'],
);

sub usage_text {
    my @lines = ('Usage: ./run-headend [OPTION...]', '',
        'Starts a head-end on this host: two ECM generators, synchroniser, multiplexer and',
        'scrambler, an EMM generator, and two receivers, one of which has the keys. Shows',
        'what goes on, kills the active ECM generator once, and judges at the end whether the',
        'entitled receiver gave back exactly what went in, and the other one nothing. Ctrl-C ends',
        'it.', '');
    for my $row (@ROWS) {
        my ($name, $value, undef, $help) = @$row;
        push @lines, "  --$name $value", map { "      $_" } wrap($help, 82);
    }
    push @lines, '  --help', '      this text', '',
        'Exit status: 0 judged good; 1 judged not good, or something has failed; 2 wrong usage.';
    return join '', map { "$_\n" } @lines;
}

sub wrap {
    my ($text, $width) = @_;
    my @lines = ('');
    for my $word (split / /, $text) {
        push @lines, '' if length($lines[-1]) + length($word) >= $width;
        $lines[-1] .= ($lines[-1] eq '' ? '' : ' ') . $word;
    }
    return @lines;
}

# ---- reading ----

# Returns a hash of what is given; {fault} says what is wrong.
sub parse {
    my (@arguments) = @_;
    my %given;
    while (@arguments) {
        my $argument = shift @arguments;
        return {help => 1} if $argument eq '--help' || $argument eq '-h';
        my ($name, $value) = $argument =~ /\A--([a-z-]+)(?:=(.*))?\z/s;
        my ($row) = grep { defined $name && $_->[0] eq $name } @ROWS;
        return {fault => "there is no option '$argument'; see ./run-headend --help"} if not $row;
        if (not defined $value) {
            return {fault => "--$name needs an argument ($row->[1])"} if not @arguments;
            $value = shift @arguments;
        }
        return {fault => "--$name is given twice"} if exists $given{$name};
        my $why = $row->[2]->($value);
        return {fault => "--$name: $why"} if defined $why;
        $given{$name} = $value;
    }
    return \%given;
}

# For run-headend: prints what there is to say, and leaves.
sub check {
    my $given = parse(@_);
    if ($given->{help}) {
        print usage_text();
        exit $HELP;
    }
    if ($given->{fault}) {
        print STDERR "run-headend: $given->{fault}\n";
        exit $WRONG;
    }
    exit $GO_ON;
}

1;
