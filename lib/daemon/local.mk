# What all daemons share. Programs link it in front of libsimc-http.la, libsimc-conf.la,
# libsimc-sys.la and libsimc-core.la, and libsimc-uv.la when they use network.h.
noinst_LTLIBRARIES += libsimc-daemon.la
libsimc_daemon_la_SOURCES = \
	%D%/admin.c \
	%D%/command.c \
	%D%/compose.c \
	%D%/config.c \
	%D%/daemon.h \
	%D%/files.c \
	%D%/internal.h \
	%D%/main.c \
	%D%/manual.c \
	%D%/metrics.c \
	%D%/metrics.h \
	%D%/metrics_process.c \
	%D%/network.c \
	%D%/network.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/reload.c \
	%D%/rows.c \
	%D%/run.c
libsimc_daemon_la_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
if WITH_CAS
libsimc_daemon_la_SOURCES += \
	%D%/link.c \
	%D%/link.h
endif
