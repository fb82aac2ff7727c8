# Tests of scsd.
EXTRA_DIST += %D%/bench/bench-scsd.pl
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/scs_world.c \
	%D%/unit/scs_world.h \
	%D%/unit/test_scs.c \
	%D%/unit/test_scs_memory.c
# Each in front of what it needs; some of them stand in the list of another file too.
unit_tests_parts += \
	libsimc-scs.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-conf.la \
	libsimc-link.la \
	libsimc-cas.la
endif
if WITH_CLI
if WITH_ECMG
scenarios += %D%/scenarios/scsd-tls.t %D%/scenarios/scsd.t
endif
endif

fuzz_programs += fuzz_scsd_conf
fuzz_scsd_conf_SOURCES = %D%/fuzz/fuzz_conf_run.h %D%/fuzz/fuzz_scsd_conf.c
fuzz_scsd_conf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(UV_CFLAGS)
fuzz_scsd_conf_LDADD = \
	libsimc-scs.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-conf.la \
	libsimc-link.la \
	libsimc-cas.la \
	libsimc-sys.la \
	$(fuzz_ldadd)
fuzz_scsd_conf_LDFLAGS = $(fuzz_ldflags)
