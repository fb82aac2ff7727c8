# Tests of muxd's EMMG server under load. Its parts are in the lists of muxd.mk.
EXTRA_DIST += %D%/bench/bench-muxd.pl
if HAVE_CHECK
unit_tests_SOURCES += %D%/unit/test_mux_emmg_age.c
endif

if WITH_CLI
scenarios += %D%/scenarios/muxd-emmg-load.t
endif
