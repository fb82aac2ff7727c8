# Tests of the program muxd; those of its engine are in mux.mk. Both stand in front of what they
# need in the list of the test runner.
if HAVE_CHECK
unit_tests_SOURCES += %D%/unit/test_muxd.c
unit_tests_parts += \
	libsimc-muxd.la \
	libsimc-mux.la \
	libsimc-scramble.la \
	libsimc-tsio.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-link.la \
	libsimc-conf.la
endif

check_PROGRAMS += scs-stub
scs_stub_SOURCES = %D%/support/scs-stub.c
scs_stub_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
scs_stub_LDADD = \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-link.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-sys.la \
	libsimc-core.la

if WITH_CLI
scenarios += %D%/scenarios/muxd.t %D%/scenarios/muxd-emmg.t %D%/scenarios/muxd-emmg-tls.t
endif

if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/emmg_world.c \
	%D%/unit/emmg_world.h \
	%D%/unit/test_mux_emmg.c \
	%D%/unit/test_mux_emmg_memory.c \
	%D%/unit/test_mux_emmg_takeover.c
unit_tests_parts += libsimc-mux-emmg.la libsimc-mux.la libsimc-scramble.la
endif

mux_emmg_parts = \
	libsimc-mux-emmg.la \
	libsimc-mux.la \
	libsimc-scramble.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-sys.la
bench_programs += bench_mux_emmg
bench_mux_emmg_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_mux_emmg.c
bench_mux_emmg_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
bench_mux_emmg_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
bench_mux_emmg_LDADD = $(mux_emmg_parts) libsimc-core.la

fuzz_programs += fuzz_mux_emmg
fuzz_mux_emmg_SOURCES = %D%/fuzz/fuzz_mux_emmg.c
fuzz_mux_emmg_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
fuzz_mux_emmg_LDADD = $(mux_emmg_parts) $(fuzz_ldadd)
fuzz_mux_emmg_LDFLAGS = $(fuzz_ldflags)

fuzz_programs += fuzz_muxd_conf
fuzz_muxd_conf_SOURCES = %D%/fuzz/fuzz_conf_run.h %D%/fuzz/fuzz_muxd_conf.c
fuzz_muxd_conf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(UV_CFLAGS)
fuzz_muxd_conf_LDADD = \
	libsimc-muxd.la \
	libsimc-tsio.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-link.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-sys.la \
	$(fuzz_ldadd)
fuzz_muxd_conf_LDFLAGS = $(fuzz_ldflags)
