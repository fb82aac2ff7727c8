# Tests of the sessions.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/session_script.c \
	%D%/unit/session_script.h \
	%D%/unit/session_text.c \
	%D%/unit/session_text.h \
	%D%/unit/test_emmg_data.c \
	%D%/unit/test_emmg_pair.c \
	%D%/unit/test_session_ecmg.c \
	%D%/unit/test_session_pair.c \
	%D%/unit/test_session_rows.c \
	%D%/unit/test_session_scs.c
endif

fuzz_programs += fuzz_session
fuzz_session_SOURCES = %D%/fuzz/fuzz_session.c
fuzz_session_LDADD = $(fuzz_ldadd)
fuzz_session_LDFLAGS = $(fuzz_ldflags)
fuzz_programs += fuzz_emmg_session fuzz_emmg_udp
fuzz_emmg_session_SOURCES = %D%/fuzz/fuzz_emmg_session.c
fuzz_emmg_session_LDADD = $(fuzz_ldadd)
fuzz_emmg_session_LDFLAGS = $(fuzz_ldflags)
fuzz_emmg_udp_SOURCES = %D%/fuzz/fuzz_emmg_udp.c
fuzz_emmg_udp_LDADD = $(fuzz_ldadd)
fuzz_emmg_udp_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_session
bench_session_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_session.c
bench_session_LDADD = libsimc-core.la
bench_programs += bench_emmg_session
bench_emmg_session_SOURCES = \
	%D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_emmg_session.c
bench_emmg_session_LDADD = libsimc-core.la

# Prints the pages of specs/sessions from the rows.
check_PROGRAMS += session-rows
session_rows_SOURCES = \
	%D%/support/session-rows.c \
	%D%/support/session_page_ecmg.c \
	%D%/support/session_page_emmg.c \
	%D%/support/session_pages.h
session_rows_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
session_rows_LDADD = libsimc-core.la
scenarios += %D%/scenarios/session-rows.t

# Writes the seeds of fuzz_session: cc it with the two scripts above, libsimc-core and Check.
EXTRA_DIST += %D%/fuzz/emmg-seeds.pl %D%/fuzz/session-seeds.c
