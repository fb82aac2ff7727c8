# scsd: a convenience library with the synchroniser, so that tests drive it in memory, and the
# program.
noinst_LTLIBRARIES += libsimc-scs.la
libsimc_scs_la_SOURCES = \
	%D%/alarm.c \
	%D%/conf.c \
	%D%/conf.h \
	%D%/ecmg.c \
	%D%/group.c \
	%D%/internal.h \
	%D%/mux.c \
	%D%/pool.c \
	%D%/print.c \
	%D%/scg.c \
	%D%/scs.c \
	%D%/scs.h \
	%D%/stats.c \
	%D%/status.c \
	%D%/words.c \
	%D%/words.h
libsimc_scs_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
libsimc_scs_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(CAS_CFLAGS)

bin_PROGRAMS += scsd
scsd_SOURCES = %D%/main.c %D%/service.c %D%/service.h
scsd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
scsd_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
scsd_LDADD = \
	libsimc-scs.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-conf.la \
	libsimc-link.la \
	libsimc-cas.la \
	libsimc-sys.la \
	libsimc-core.la
EXTRA_DIST += %D%/README.md

if !CROSS_COMPILING
man8_MANS += scsd.8
CLEANFILES += scsd.8
scsd.8: scsd$(EXEEXT)
	$(AM_V_GEN)./scsd manual > $@.tmp && mv $@.tmp $@
endif
