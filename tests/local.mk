# Unit tests mirror the sources; scenarios start real processes; fuzz targets replay their corpus.
# ---- unit tests ------------------------------------------------------------------------------
if HAVE_CHECK
check_PROGRAMS += unit-tests
TESTS += unit-tests
unit_tests_SOURCES = \
	%D%/unit/main.c \
	%D%/unit/suites.def \
	%D%/unit/test_base.c \
	%D%/unit/test_buffer.c \
	%D%/unit/test_locked.c \
	%D%/unit/test_log.c \
	%D%/unit/test_log_sink.c \
	%D%/unit/test_options.c \
	%D%/unit/test_secret.c \
	%D%/unit/test_sys.c \
	%D%/unit/test_text.c \
	%D%/unit/unit.c \
	%D%/unit/unit.h
unit_tests_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
unit_tests_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
unit_tests_LDADD = $(unit_tests_parts) libsimc-sys.la libsimc-core.la $(CHECK_LIBS)
unit_tests_parts =
endif

