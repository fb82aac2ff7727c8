# Tests of the rows of the EMMG and of the MUX that need times, or another transport than TCP.
EXTRA_DIST += %D%/support/emmg-preload.c

if WITH_CLI
check_PROGRAMS += multicast-witness
multicast_witness_SOURCES = %D%/support/multicast-witness.c

scenarios += %D%/scenarios/emmg-rows.t
endif
