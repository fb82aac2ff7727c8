# The EMMG server without network, which tests drive in memory.
noinst_LTLIBRARIES += libsimc-mux-emmg.la
libsimc_mux_emmg_la_SOURCES = \
	%D%/emmg.c \
	%D%/emmg.h \
	%D%/emmg_age.c \
	%D%/emmg_age.h \
	%D%/emmg_carrier.c \
	%D%/emmg_channel.c \
	%D%/emmg_internal.h \
	%D%/emmg_stats.c \
	%D%/emmg_takeover.c
libsimc_mux_emmg_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)

# muxd: a convenience library with its parts, so that tests can link them, and the program.
noinst_LTLIBRARIES += libsimc-muxd.la
libsimc_muxd_la_SOURCES = \
	%D%/conf.c \
	%D%/conf.h \
	%D%/emmg_conf.c \
	%D%/emmg_conf.h \
	%D%/make.c \
	%D%/multiplex.c \
	%D%/multiplex.h \
	%D%/pacer.c \
	%D%/pacer.h \
	%D%/page.c \
	%D%/scs.c \
	%D%/service.h \
	%D%/stats.c
libsimc_muxd_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
libsimc_muxd_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)

bin_PROGRAMS += muxd
muxd_SOURCES = %D%/emmg_service.c %D%/emmg_service.h %D%/main.c %D%/service.c
muxd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
muxd_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
muxd_LDADD = \
	libsimc-muxd.la \
	libsimc-mux-emmg.la \
	libsimc-mux.la \
	libsimc-scramble.la \
	libsimc-tsio.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-link.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-sys.la \
	libsimc-core.la \
	$(SIMC_DLOPEN_LIBS)

if !CROSS_COMPILING
man8_MANS += muxd.8
CLEANFILES += muxd.8
muxd.8: muxd$(EXEEXT)
	$(AM_V_GEN)./muxd manual > $@.tmp && mv $@.tmp $@
endif
