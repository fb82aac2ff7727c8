# Tests of the network adapter.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_uv_bed.c \
	%D%/unit/test_uv_bed.h \
	%D%/unit/test_uv_cert.c \
	%D%/unit/test_uv_cert.h \
	%D%/unit/test_uv_client.c \
	%D%/unit/test_uv_gate.c \
	%D%/unit/test_uv_local.c \
	%D%/unit/test_uv_loop.c \
	%D%/unit/test_uv_server.c \
	%D%/unit/test_uv_session.c \
	%D%/unit/test_uv_tls.c \
	%D%/unit/test_uv_tls_life.c
unit_tests_parts += libsimc-uv.la
endif

check_PROGRAMS += uv-echo
uv_echo_SOURCES = %D%/support/uv-echo.c
uv_echo_LDADD = libsimc-uv.la libsimc-core.la
scenarios += %D%/scenarios/uv-tls.t

bench_programs += bench_uv
bench_uv_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_uv.c
bench_uv_LDADD = libsimc-uv.la libsimc-core.la
