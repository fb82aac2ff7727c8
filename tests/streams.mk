# Tests of transport streams, tables and scrambling.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_psi_codec.c \
	%D%/unit/test_psi_tables.c \
	%D%/unit/test_psi_text.c \
	%D%/unit/test_psi_tstd.c \
	%D%/unit/test_ts_analyze.c \
	%D%/unit/test_ts_packet.c \
	%D%/unit/test_ts_section.c \
	%D%/unit/test_ts_stats.c \
	%D%/unit/test_ts_sync.c
if WITH_SCRAMBLE
unit_tests_SOURCES += \
	%D%/unit/test_scramble.c \
	%D%/unit/test_scramble_engines.c \
	%D%/unit/test_scramble_vectors.c
unit_tests_parts += libsimc-scramble.la
unit_tests_CPPFLAGS += $(SCRAMBLE_CFLAGS)
endif
endif

fuzz_programs += fuzz_psi fuzz_ts_analyze fuzz_ts_packets fuzz_ts_sections
fuzz_psi_SOURCES = %D%/fuzz/fuzz_psi.c
fuzz_psi_LDADD = $(fuzz_ldadd)
fuzz_psi_LDFLAGS = $(fuzz_ldflags)
fuzz_ts_analyze_SOURCES = %D%/fuzz/fuzz_ts_analyze.c
fuzz_ts_analyze_LDADD = $(fuzz_ldadd)
fuzz_ts_analyze_LDFLAGS = $(fuzz_ldflags)
fuzz_ts_packets_SOURCES = %D%/fuzz/fuzz_ts_packets.c
fuzz_ts_packets_LDADD = $(fuzz_ldadd)
fuzz_ts_packets_LDFLAGS = $(fuzz_ldflags)
fuzz_ts_sections_SOURCES = %D%/fuzz/fuzz_ts_sections.c
fuzz_ts_sections_LDADD = $(fuzz_ldadd)
fuzz_ts_sections_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_ts
bench_ts_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_ts.c
bench_ts_LDADD = libsimc-core.la

if WITH_SCRAMBLE
fuzz_programs += fuzz_scramble
fuzz_scramble_SOURCES = %D%/fuzz/fuzz_scramble.c
fuzz_scramble_LDADD = libsimc-scramble.la $(fuzz_ldadd)
fuzz_scramble_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_scramble
bench_scramble_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_scramble.c
bench_scramble_CPPFLAGS = $(AM_CPPFLAGS) $(SCRAMBLE_CFLAGS)
bench_scramble_LDADD = libsimc-scramble.la libsimc-core.la
endif

if WITH_CLI
scenarios += %D%/scenarios/ts-analyze.t %D%/scenarios/ts-decoder.t
if WITH_SCRAMBLE
scenarios += %D%/scenarios/ts-scramble.t
endif
endif
