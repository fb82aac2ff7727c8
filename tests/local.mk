# Unit tests mirror the sources; scenarios start real processes; fuzz targets replay their corpus.
EXTRA_DIST += \
	%D%/check-long \
	%D%/data \
	%D%/fuzz/corpus \
	%D%/fuzz/dict \
	%D%/fuzz/fuzz.pl \
	%D%/fuzz/make-seeds.pl \
	%D%/support/lib \
	%D%/vectors

# ---- unit tests ------------------------------------------------------------------------------
if HAVE_CHECK
check_PROGRAMS += unit-tests
dist_check_SCRIPTS += %D%/unit/half-0.t %D%/unit/half-1.t
TESTS += %D%/unit/half-0.t %D%/unit/half-1.t
unit_tests_SOURCES = \
	%D%/unit/main.c \
	%D%/unit/naive.c \
	%D%/unit/naive.h \
	%D%/unit/suites.def \
	%D%/unit/test_base.c \
	%D%/unit/test_buffer.c \
	%D%/unit/test_decode.c \
	%D%/unit/test_decode_order.c \
	%D%/unit/test_examples.c \
	%D%/unit/test_framer.c \
	%D%/unit/test_locked.c \
	%D%/unit/test_log.c \
	%D%/unit/test_log_sink.c \
	%D%/unit/test_masking.c \
	%D%/unit/test_options.c \
	%D%/unit/test_parameter.c \
	%D%/unit/test_secret.c \
	%D%/unit/test_sys.c \
	%D%/unit/test_text.c \
	%D%/unit/test_text_faults.c \
	%D%/unit/test_text_form.c \
	%D%/unit/test_typed.c \
	%D%/unit/typed.def \
	%D%/unit/unit.c \
	%D%/unit/unit.h
unit_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests -include unit/unit.h
unit_tests_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
unit_tests_LDADD = $(unit_tests_parts) libsimc-sys.la libsimc-core.la $(CHECK_LIBS)
unit_tests_parts =
if WITH_CAPTURE
unit_tests_SOURCES += \
	%D%/unit/test_capture.c \
	%D%/unit/test_capture_build.h \
	%D%/unit/test_capture_file.c \
	%D%/unit/test_capture_random.c \
	%D%/unit/test_capture_stream.c
unit_tests_parts += libsimc-capture.la
endif
endif

# ---- fuzz targets: replay their corpus, or fuzz (--enable-fuzzers) ---------------------------
fuzz_ldadd = libsimc-core.la
fuzz_ldflags = $(AM_LDFLAGS) $(SIMC_FUZZ_LDFLAGS)
if !FUZZERS
noinst_LTLIBRARIES += libsimc-replay.la
libsimc_replay_la_SOURCES = %D%/fuzz/replay.c
fuzz_ldadd += libsimc-replay.la
endif
check_PROGRAMS += $(fuzz_programs)

fuzz_programs += fuzz_decode fuzz_framer fuzz_text
fuzz_decode_SOURCES = %D%/fuzz/fuzz_decode.c
fuzz_decode_LDADD = $(fuzz_ldadd)
fuzz_decode_LDFLAGS = $(fuzz_ldflags)
fuzz_framer_SOURCES = %D%/fuzz/fuzz_framer.c
fuzz_framer_LDADD = $(fuzz_ldadd)
fuzz_framer_LDFLAGS = $(fuzz_ldflags)
fuzz_text_SOURCES = %D%/fuzz/fuzz_text.c
fuzz_text_LDADD = $(fuzz_ldadd)
fuzz_text_LDFLAGS = $(fuzz_ldflags)
if WITH_CAPTURE
fuzz_programs += fuzz_capture fuzz_capture_file
fuzz_capture_SOURCES = %D%/fuzz/fuzz_capture.c %D%/fuzz/fuzz_capture_check.h
fuzz_capture_LDADD = libsimc-capture.la $(fuzz_ldadd)
fuzz_capture_LDFLAGS = $(fuzz_ldflags)
fuzz_capture_file_SOURCES = %D%/fuzz/fuzz_capture_check.h %D%/fuzz/fuzz_capture_file.c
fuzz_capture_file_LDADD = libsimc-capture.la $(fuzz_ldadd)
fuzz_capture_file_LDFLAGS = $(fuzz_ldflags)
endif

# ---- scenarios -------------------------------------------------------------------------------
dist_check_SCRIPTS += $(scenarios)
TESTS += $(scenarios)
scenarios = \
	%D%/scenarios/gen-protocol.t \
	%D%/scenarios/headers.t \
	%D%/scenarios/layers.t \
	%D%/scenarios/style.t
if !FUZZERS
scenarios += %D%/scenarios/fuzz-replay.t
endif
if WITH_CLI
scenarios += \
	%D%/scenarios/dump.t \
	%D%/scenarios/encode.t \
	%D%/scenarios/manual.t
if WITH_CAPTURE
scenarios += \
	%D%/scenarios/capture.t \
	%D%/scenarios/dump-capture.t \
	%D%/scenarios/tshark.t
check_PROGRAMS += capture-print
capture_print_SOURCES = %D%/support/capture-print.c
capture_print_LDADD = libsimc-capture.la libsimc-core.la
endif
endif

# ---- benchmarks ------------------------------------------------------------------------------
EXTRA_PROGRAMS += $(bench_programs)
bench_programs += bench_proto
bench_proto_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_proto.c
bench_proto_LDADD = libsimc-core.la

# The judge of the end-to-end scenarios. It shares nothing with the libraries.
if WITH_CA
check_PROGRAMS += ts-judge
ts_judge_SOURCES = %D%/support/ts-judge.c
ts_judge_CFLAGS = $(AM_CFLAGS) $(LIBCRYPTO_CFLAGS)
ts_judge_LDADD = -lcrypto
endif
