#!/usr/bin/perl
# SPDX-License-Identifier: BSL-1.0
# The arrows between the layers, proved by what each folder includes and by what its objects want
# from others; and the surface of the shared libraries. `make check` runs it.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../support/lib";
use Test::More;

use Simc::Make;
use Simc::Run;
use Simc::Tree;

# What a folder may use besides itself, and the headers of the system and of other libraries that it
# may include besides @EVERYWHERE. A folder that has no row here is a fault.
my @DAEMON = qw(base tlv proto session sched ts psi dab cbor cas link scramble sys conf keys uv tsio
    pg http daemon capture);
my @SYS = qw(errno.h fcntl.h poll.h sched.h signal.h stdatomic.h stdlib.h strings.h sys/.* time.h
    unistd.h);
my %LAYERS = (
    base => {uses => [], includes => ['stdlib.h']},
    tlv => {uses => ['base']},
    proto => {uses => ['base', 'tlv']},
    session => {uses => ['base', 'tlv', 'proto']},
    sched => {uses => ['base', 'tlv', 'proto']},
    ts => {uses => ['base'], includes => ['immintrin.h']},
    psi => {uses => ['base', 'ts']},
    dab => {uses => ['base']},
    cbor => {uses => ['base'], includes => ['cbor.*']},
    cas => {uses => ['base', 'cbor'], includes => ['openssl/.*']},
    link => {uses => ['base', 'cbor']},
    scramble => {uses => ['base'],
        includes => ['openssl/.*', 'dlfcn.h', 'cpuid.h', 'immintrin.h', 'stdlib.h']},
    capture => {uses => ['base'], includes => ['pcap/.*', 'errno.h']},
    sys => {uses => ['base'], includes => [@SYS]},
    conf => {uses => ['base'], includes => ['yaml.h', 'arpa/inet.h']},
    keys => {uses => ['base', 'cbor', 'cas', 'conf', 'sys'], includes => [@SYS]},
    conversation => {uses => ['base', 'tlv', 'proto'], includes => ['stdlib.h']},
    uv => {uses => ['base', 'tlv', 'proto', 'session', 'sys'],
        includes => ['uv.h', 'openssl/.*', 'netinet/.*', 'arpa/inet.h', 'grp.h', @SYS]},
    tsio => {uses => ['base', 'ts', 'sys', 'uv'],
        includes => ['uv.h', 'netinet/.*', 'arpa/inet.h', 'net/if.h', 'ifaddrs.h', @SYS]},
    pg => {uses => ['base', 'sys', 'uv'], includes => ['libpq-fe.h', @SYS]},
    http => {uses => ['base', 'sys', 'uv'],
        includes => ['uv.h', 'microhttpd.h', 'jansson.h', 'netinet/.*', 'arpa/inet.h', @SYS]},
    daemon => {uses => [grep { $_ ne 'daemon' } @DAEMON], includes => ['uv.h', 'getopt.h', @SYS]},
);
my @EVERYWHERE = qw(inttypes.h limits.h stdarg.h stdbool.h stddef.h stdint.h stdio.h string.h);

# Where the installed headers belong; generated ones stand with those that include them.
my %LAYER_OF_HEADER = (base => 'base', msg => 'tlv', messages => 'tlv', ts => 'ts', psi => 'psi',
    dab => 'dab', scramble => 'scramble', session => 'session', emmg_session => 'session',
    ecm_plugin => 'session', cas => 'cas', uv => 'uv');

# The folders without input, output, clocks and threads: of <stdio.h> they use what prints to
# memory.
my @SILENT = qw(base tlv proto session sched ts psi dab cbor cas link conversation);
my $IS_LOUD = qr/\b(?:FILE|stdin|stdout|stderr|errno|environ)\b
    |(?<![>.\w])(?:(?:f|v|vf|d|vd)?printf|f?put[sc]|putchar|f?get[sc]|getchar|v?f?scanf|perror
    |fopen|fdopen|freopen|fclose|fread|fwrite|fflush|tmpfile|remove|rename|open|read|write|close
    |time|clock|clock_gettime|gettimeofday|getenv|system|exit|_exit|pthread_\w+)\s*\(/x;

# What compilers add to a library: profiles, and the sanitizer's mark on each variable.
my $IS_TOOLCHAIN = qr/^(?:_(?:init|fini|_gcov\w*|_llvm\w*)|__odr_asan\..*)$/;

# What libsimulcrypt may want from the C library.
my $IS_LIBC = qr/^(?:mem(?:cpy|move|set|cmp|chr)|bcmp|str(?:len|cmp|ncmp|chr|rchr|str|spn|cspn|nlen)
    |v?snprintf|malloc|realloc|calloc|free|qsort|bsearch|explicit_bzero
    |__(?:mem(?:cpy|move|set)|v?snprintf)_chk|__stack_chk_fail|__tls_get_addr
    |_ITM_\w+|__cxa_finalize|__gmon_start__
    |__(?:asan|ubsan|sanitizer|sancov|tsan|lsan|gcov|llvm)_\w+|_GLOBAL_OFFSET_TABLE_)$/x;

my @sources = grep { /\.[ch]$/ } source_files();
my %content = map { $_ => read_file(srcdir() . "/$_") } @sources;
my %code = map { $_ => code_of($content{$_}) } @sources;

sub layer_of {
    my ($path) = @_;
    return $1 if $path =~ m{^lib/([^/]+)/};
    return $LAYER_OF_HEADER{$1} if $path =~ m{^include/simulcrypt/(\w+)\.h$};
    return;
}

sub may_use {
    my ($layer, $other) = @_;
    return scalar grep { $_ eq $other } $layer, @{$LAYERS{$layer}{uses}};
}

subtest 'includes' => sub {
    my (@faults, %met);
    for my $path (grep { m{^(?:lib|include)/} } @sources) {
        my $layer = layer_of($path);
        if (not $layer or not $LAYERS{$layer}) {
            push @faults, "$path: its folder has no row in the table of this test";
            next;
        }
        $met{$layer}++;
        my @system = (@EVERYWHERE, @{$LAYERS{$layer}{includes} || []});
        while ($content{$path} =~ /^[ \t]*#[ \t]*include[ \t]*(<([^>]*)>|"([^"]*)")/mg) {
            my ($shown, $angled, $quoted) = ($1, $2, $3);
            if (defined $angled) {
                push @faults, "$path includes $shown" if not grep { $angled =~ /^(?:$_)$/ } @system;
                next;
            }
            my $other = $quoted =~ m{/} ? layer_of("lib/$quoted") || layer_of("include/$quoted")
                : $layer;
            $other = $LAYER_OF_HEADER{$1} if $quoted =~ m{^simulcrypt/(\w+)\.h$};
            push @faults, "$path includes $shown"
                if not defined $other or not may_use($layer, $other);
        }
    }
    is(join("\n", @faults), '', 'every folder includes only what is below it');
    cmp_ok(scalar keys %met, '>=', 6, 'folders looked at: ' . join ' ', sort keys %met);
    my @cycles = grep { my $layer = $_; grep { may_use($_, $layer) } @{$LAYERS{$layer}{uses}} }
        sort keys %LAYERS;
    is("@cycles", '', 'and the table has no circles');
};

subtest 'no input, no output, no clock' => sub {
    my %is_silent = map { $_ => 1 } @SILENT;
    my @faults;
    for my $path (grep { m{^lib/} && $is_silent{layer_of($_)} } @sources) {
        my $line = 0;
        for my $text (split /\n/, $code{$path}) {
            $line++;
            push @faults, "$path:$line uses $1" if $text =~ /($IS_LOUD)/;
        }
    }
    is(join("\n", @faults), '', 'in the core');
};

# ---- objects ----

my @nm = tool('NM', 'nm');
skip_or_fail('nm is not installed') if not @nm;

# The symbols of a file: {name => its letter}; undefined ones have U or w.
sub symbols_of {
    my ($path, @options) = @_;
    my $run = run([@nm, '-P', @options, $path]);
    die "nm $path: $run->{err}" if $run->{status};
    my %symbols;
    for my $row (split /\n/, $run->{out}) {
        my ($name, $letter) = $row =~ /^(\S+) (\S)/ or next;
        $symbols{$name =~ s/\@.*//r} = $letter;
    }
    return \%symbols;
}

subtest 'objects of a layer want only what is below them' => sub {
    my @objects = glob builddir() . '/lib/*/.libs/*.o';
    # A build without shared libraries has them one folder up.
    @objects = glob builddir() . '/lib/*/*.o' if not @objects;
    my (%home, %wants, @faults);
    for my $object (@objects) {
        my ($layer, $name) = $object =~ m{/lib/([^/]+)/(?:\.libs/)?(?:\w+-)?(\w+)\.o$} or next;
        # What is left of sources that are gone wants what may be gone too.
        next if not -e srcdir() . "/lib/$layer/$name.c";
        my $symbols = symbols_of($object);
        for my $symbol (grep { /^simc_/ } keys %$symbols) {
            $home{$symbol} = $layer if $symbols->{$symbol} =~ /[A-TV-Z]/;
            push @{$wants{$layer}}, [$object, $symbol] if $symbols->{$symbol} eq 'U';
        }
    }
    my $count = 0;
    for my $layer (sort keys %wants) {
        for my $want (@{$wants{$layer}}) {
            my ($object, $name) = @$want;
            $count++;
            my $other = $home{$name};
            push @faults, "$object wants $name of " . ($other || 'nobody')
                if not $other or not $LAYERS{$layer} or not may_use($layer, $other);
        }
    }
    is(join("\n", @faults), '', "none of $count references points upwards");
    cmp_ok($count, '>', 100, 'there are references');
};

subtest 'the shared libraries' => sub {
    my @libraries = map { builddir() . '/' . s{([^/]+)\.la$}{.libs/$1.so}r }
        make_words('lib_LTLIBRARIES');
    @libraries = grep { -e } @libraries;
    plan skip_all => 'configured without shared libraries' if not @libraries;
    my %exported;
    for my $library (@libraries) {
        my ($name) = $library =~ m{([^/]+)$};
        my $exports = symbols_of($library, '-D', '-g', '--defined-only');
        $exported{$_} = 1 for grep { $_ !~ $IS_TOOLCHAIN } keys %$exports;
        next if $name ne 'libsimulcrypt.so';
        my $wants = symbols_of($library, '-D', '--undefined-only');
        my @foreign = grep { $_ !~ $IS_LIBC } sort keys %$wants;
        is("@foreign", '', "$name wants nothing but plain functions of the C library");
    }
    my @strange = grep { !/^simc_[a-z]/ } sort keys %exported;
    is("@strange", '', 'exported names begin with simc_, and none is internal (simc__)');

    my %declared;
    for my $header (make_words('simulcryptinclude_HEADERS')) {
        my ($path) = $header =~ m{(include/simulcrypt/\w+\.h)$};
        $declared{$1} = 1
            while $code{$path} =~ /^[ \t]*SIMC_API\b[^;{]*?\b(simc_\w+)\s*(?:\(|\[|;|=)/mg;
    }
    my @missing = grep { !$exported{$_} } sort keys %declared;
    my @hidden = grep { !$declared{$_} } sort keys %exported;
    is("@missing", '', 'what the installed headers declare is exported');
    is("@hidden", '', 'what is exported is declared in an installed header');
    cmp_ok(scalar keys %declared, '>', 100, 'functions: ' . keys %declared);
};

done_testing;
