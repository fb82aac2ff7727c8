# Tests of ecmgd.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/ecmg_bench.c \
	%D%/unit/ecmg_bench.h \
	%D%/unit/test_ecmg.c
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
