# Tests of muxd.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/mux_checker.c \
	%D%/unit/mux_rig.c \
	%D%/unit/mux_rig.h \
	%D%/unit/test_mux_basic.c \
	%D%/unit/test_mux_clock.c \
	%D%/unit/test_mux_define.c \
	%D%/unit/test_mux_hold.c \
	%D%/unit/test_mux_orders.c \
	%D%/unit/test_mux_random.c \
	%D%/unit/test_mux_route.c
# In front of what it needs: libsimc-scramble.la stands in the list of tests/streams.mk, too.
unit_tests_parts += libsimc-mux.la libsimc-scramble.la
endif

bench_programs += bench_mux
bench_mux_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_mux.c
bench_mux_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
bench_mux_LDADD = libsimc-mux.la libsimc-scramble.la libsimc-core.la

fuzz_programs += fuzz_mux
fuzz_mux_SOURCES = %D%/fuzz/fuzz_mux.c
fuzz_mux_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
fuzz_mux_LDADD = libsimc-mux.la libsimc-scramble.la $(fuzz_ldadd)
fuzz_mux_LDFLAGS = $(fuzz_ldflags)
