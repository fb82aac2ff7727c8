# Tests of ecmgd.
EXTRA_DIST += %D%/bench/bench-ecmgd.pl
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/ecmg_bench.c \
	%D%/unit/ecmg_bench.h \
	%D%/unit/test_ecmg.c \
	%D%/unit/test_ecmg_takeover.c
# Each in front of what it needs; some of them stand in the list of another file too.
unit_tests_parts += \
	libsimc-ecmg.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-keys.la \
	libsimc-conf.la \
	libsimc-cas.la
endif
if WITH_CLI
scenarios += %D%/scenarios/ecmgd.t
endif

fuzz_programs += fuzz_ecmgd_conf
fuzz_ecmgd_conf_SOURCES = %D%/fuzz/fuzz_conf_run.h %D%/fuzz/fuzz_ecmgd_conf.c
fuzz_ecmgd_conf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(UV_CFLAGS)
fuzz_ecmgd_conf_LDADD = \
	libsimc-ecmg.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-keys.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-sys.la \
	$(fuzz_ldadd)
fuzz_ecmgd_conf_LDFLAGS = $(fuzz_ldflags)
