# Tests of the inputs and outputs of transport streams.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_tsio_address.c \
	%D%/unit/test_tsio_bed.c \
	%D%/unit/test_tsio_bed.h \
	%D%/unit/test_tsio_input.c \
	%D%/unit/test_tsio_output.c
unit_tests_parts += libsimc-tsio.la
endif

fuzz_programs += fuzz_tsio
fuzz_tsio_SOURCES = %D%/fuzz/fuzz_tsio.c
fuzz_tsio_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
fuzz_tsio_LDADD = libsimc-tsio.la libsimc-sys.la $(fuzz_ldadd)
fuzz_tsio_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_tsio
bench_tsio_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_tsio.c
bench_tsio_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
bench_tsio_LDADD = libsimc-tsio.la libsimc-sys.la libsimc-core.la
