# Tests of the CA profile and its CBOR.
EXTRA_DIST += \
	%D%/support/ecm-decode.pl \
	%D%/support/ecm-vectors.pl
if WITH_CAS
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_cas_ecm.c \
	%D%/unit/test_cas_vectors.c \
	%D%/unit/test_cbor.c
unit_tests_parts += libsimc-cas.la
unit_tests_CPPFLAGS += $(CAS_CFLAGS)
endif

fuzz_programs += fuzz_access_criteria fuzz_cbor fuzz_ecm_open
fuzz_access_criteria_SOURCES = %D%/fuzz/fuzz_access_criteria.c
fuzz_access_criteria_LDADD = libsimc-cas.la $(fuzz_ldadd)
fuzz_access_criteria_LDFLAGS = $(fuzz_ldflags)
fuzz_cbor_SOURCES = %D%/fuzz/fuzz_cbor.c
fuzz_cbor_LDADD = libsimc-cas.la $(fuzz_ldadd)
fuzz_cbor_LDFLAGS = $(fuzz_ldflags)
fuzz_ecm_open_SOURCES = %D%/fuzz/fuzz_ecm_open.c %D%/unit/test_cas_seal.h
fuzz_ecm_open_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CAS_CFLAGS)
fuzz_ecm_open_LDADD = libsimc-cas.la $(fuzz_ldadd)
fuzz_ecm_open_LDFLAGS = $(fuzz_ldflags)

bench_programs += bench_cas
bench_cas_SOURCES = %D%/bench/bench.c %D%/bench/bench.h %D%/bench/bench_cas.c
bench_cas_CPPFLAGS = $(AM_CPPFLAGS) $(CAS_CFLAGS)
bench_cas_LDADD = libsimc-cas.la libsimc-core.la

check_PROGRAMS += ecm-make
ecm_make_SOURCES = %D%/support/ecm-make.c %D%/unit/test_cas_seal.h
ecm_make_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests $(CAS_CFLAGS)
ecm_make_LDADD = libsimc-cas.la libsimc-core.la
scenarios += %D%/scenarios/ecm-decoder.t
endif
