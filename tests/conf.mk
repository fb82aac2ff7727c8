# Tests of configuration files.
if WITH_CONF
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_conf.c \
	%D%/unit/test_conf_demo.h \
	%D%/unit/test_conf_open.c \
	%D%/unit/test_conf_print.c \
	%D%/unit/test_conf_secret.c \
	%D%/unit/test_conf_yaml.c
unit_tests_parts += libsimc-conf.la
endif

fuzz_programs += fuzz_conf
fuzz_conf_SOURCES = \
	%D%/fuzz/fuzz_conf.c \
	%D%/fuzz/fuzz_conf_run.h \
	%D%/unit/test_conf_demo.h
fuzz_conf_LDADD = libsimc-conf.la $(fuzz_ldadd)
fuzz_conf_LDFLAGS = $(fuzz_ldflags)
endif
