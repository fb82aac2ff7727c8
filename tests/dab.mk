# Tests of DAB signalling.
EXTRA_DIST += %D%/support/dab-check.pl
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_dab_eti.c \
	%D%/unit/test_dab_fib.c \
	%D%/unit/test_dab_fig6.c \
	%D%/unit/test_dab_insert.c \
	%D%/unit/test_dab_sample.h
endif

fuzz_programs += fuzz_dab_eti fuzz_dab_fig
fuzz_dab_eti_SOURCES = %D%/fuzz/fuzz_dab_eti.c
fuzz_dab_eti_LDADD = $(fuzz_ldadd)
fuzz_dab_eti_LDFLAGS = $(fuzz_ldflags)
fuzz_dab_fig_SOURCES = %D%/fuzz/fuzz_dab_fig.c
fuzz_dab_fig_LDADD = $(fuzz_ldadd)
fuzz_dab_fig_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_dab
bench_dab_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_dab.c
bench_dab_LDADD = libsimc-core.la

if WITH_CLI
if WITH_CONF
scenarios += %D%/scenarios/dab.t
endif
endif
