# Tests of key files, and of the commands around them.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_keys.c \
	%D%/unit/test_keys_file.c \
	%D%/unit/test_keys_store.c
unit_tests_parts += libsimc-keys.la libsimc-conf.la
endif

fuzz_programs += fuzz_keys
fuzz_keys_SOURCES = %D%/fuzz/fuzz_keys.c
fuzz_keys_LDADD = libsimc-keys.la libsimc-conf.la libsimc-sys.la $(fuzz_ldadd)
fuzz_keys_LDFLAGS = $(fuzz_ldflags)

if WITH_CLI
scenarios += \
	%D%/scenarios/ecm.t \
	%D%/scenarios/keys.t
endif
