# Tests of the reference receiver.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/receiver_bed.c \
	%D%/unit/receiver_bed.h \
	%D%/unit/test_receiver.c
unit_tests_parts += \
	libsimc-receiver.la \
	libsimc-keys.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-scramble.la
endif

check_PROGRAMS += receive-insert
receive_insert_SOURCES = %D%/support/receive-insert.c
receive_insert_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
receive_insert_LDADD = libsimc-keys.la libsimc-conf.la libsimc-cas.la libsimc-sys.la \
	libsimc-core.la
if WITH_CLI
scenarios += %D%/scenarios/receive.t
endif

fuzz_programs += fuzz_receiver
fuzz_receiver_SOURCES = %D%/fuzz/fuzz_receiver.c
fuzz_receiver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
fuzz_receiver_LDADD = libsimc-receiver.la libsimc-keys.la libsimc-conf.la libsimc-cas.la \
	libsimc-scramble.la libsimc-sys.la $(fuzz_ldadd)
fuzz_receiver_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_receiver
bench_receiver_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_receiver.c
bench_receiver_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
bench_receiver_LDADD = libsimc-receiver.la libsimc-keys.la libsimc-conf.la libsimc-cas.la \
	libsimc-scramble.la libsimc-sys.la libsimc-core.la
