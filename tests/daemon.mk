# Tests of what the daemons share, and of their HTTP side.
if HAVE_CHECK
unit_tests_SOURCES += %D%/unit/test_json.c
endif

if WITH_DAEMON
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_daemon.c \
	%D%/unit/test_http.c \
	%D%/unit/test_metrics.c \
	%D%/unit/test_notify.c
unit_tests_CPPFLAGS += $(HTTP_CFLAGS) $(UV_CFLAGS)
unit_tests_parts += libsimc-daemon.la libsimc-http.la libsimc-conf.la
unit_tests_LDADD += -lpthread
endif

check_PROGRAMS += demo-daemon
demo_daemon_SOURCES = %D%/support/demo-daemon.c
demo_daemon_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
demo_daemon_LDADD = \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-conf.la \
	libsimc-sys.la \
	libsimc-core.la \
	-lpthread

scenarios += %D%/scenarios/daemon.t
endif
