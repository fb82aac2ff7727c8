# Tests of the internal link and its services.
if WITH_CAS
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/link_pair.h \
	%D%/unit/scs_mux_codecs.h \
	%D%/unit/scs_mux_samples.h \
	%D%/unit/test_link.c \
	%D%/unit/test_link_faults.c \
	%D%/unit/test_scs_mux.c
unit_tests_parts += libsimc-link.la
if WITH_DAEMON
unit_tests_SOURCES += %D%/unit/test_link_uv.c
endif
endif

fuzz_programs += fuzz_link fuzz_scs_mux
fuzz_link_SOURCES = %D%/fuzz/fuzz_link.c %D%/unit/link_pair.h
fuzz_link_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
fuzz_link_LDADD = libsimc-link.la libsimc-cas.la $(fuzz_ldadd)
fuzz_link_LDFLAGS = $(fuzz_ldflags)
fuzz_scs_mux_SOURCES = %D%/fuzz/fuzz_scs_mux.c %D%/unit/scs_mux_codecs.h
fuzz_scs_mux_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
fuzz_scs_mux_LDADD = libsimc-link.la libsimc-cas.la $(fuzz_ldadd)
fuzz_scs_mux_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_link
bench_link_SOURCES = \
	%D%/bench/bench.c \
	%D%/bench/bench.h \
	%D%/bench/bench_link.c \
	%D%/unit/link_pair.h \
	%D%/unit/scs_mux_samples.h
bench_link_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
bench_link_LDADD = libsimc-link.la libsimc-cas.la libsimc-core.la

check_PROGRAMS += link-vectors
link_vectors_SOURCES = \
	%D%/support/link-vectors.c \
	%D%/unit/link_pair.h \
	%D%/unit/scs_mux_codecs.h \
	%D%/unit/scs_mux_samples.h
link_vectors_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
link_vectors_LDADD = libsimc-link.la libsimc-cas.la libsimc-core.la
scenarios += %D%/scenarios/link.t

if WITH_DAEMON
check_PROGRAMS += mux-sim
mux_sim_SOURCES = \
	%D%/support/mux-plan.c \
	%D%/support/mux-plan.h \
	%D%/support/mux-sim.c
mux_sim_LDADD = \
	libsimc-daemon.la \
	libsimc-link.la \
	libsimc-cas.la \
	libsimc-uv.la \
	libsimc-sys.la \
	libsimc-core.la
scenarios += %D%/scenarios/mux-sim.t
endif
endif
