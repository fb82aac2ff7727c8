# Tests of the sessions.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/session_script.c \
	%D%/unit/session_script.h \
	%D%/unit/session_text.c \
	%D%/unit/session_text.h \
	%D%/unit/test_session_ecmg.c \
	%D%/unit/test_session_pair.c \
	%D%/unit/test_session_rows.c \
	%D%/unit/test_session_scs.c
endif

fuzz_programs += fuzz_session
fuzz_session_SOURCES = %D%/fuzz/fuzz_session.c
fuzz_session_LDADD = $(fuzz_ldadd)
fuzz_session_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_session
bench_session_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_session.c
bench_session_LDADD = libsimc-core.la

# Prints specs/sessions/ecmg-scs.md from the rows.
check_PROGRAMS += session-rows
session_rows_SOURCES = %D%/support/session-rows.c
session_rows_LDADD = libsimc-core.la
scenarios += %D%/scenarios/session-rows.t

# Writes the seeds of fuzz_session: cc it with the two scripts above, libsimc-core and Check.
EXTRA_DIST += %D%/fuzz/session-seeds.c
