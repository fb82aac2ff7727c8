# ecmgd: a convenience library with the service, so that tests drive it in memory, and the program.
noinst_LTLIBRARIES += libsimc-ecmg.la
libsimc_ecmg_la_SOURCES = \
	%D%/conf.c \
	%D%/conf.h \
	%D%/connection.c \
	%D%/ecmg.c \
	%D%/ecmg.h \
	%D%/internal.h \
	%D%/make.c \
	%D%/profile1.c \
	%D%/register.c \
	%D%/stats.c \
	%D%/system.c \
	%D%/takeover.c
libsimc_ecmg_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
libsimc_ecmg_la_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)

bin_PROGRAMS += ecmgd
ecmgd_SOURCES = %D%/main.c %D%/service.c %D%/service.h
ecmgd_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
ecmgd_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
ecmgd_LDADD = \
	libsimc-ecmg.la \
	libsimc-daemon.la \
	libsimc-http.la \
	libsimc-uv.la \
	libsimc-keys.la \
	libsimc-conf.la \
	libsimc-cas.la \
	libsimc-sys.la \
	libsimc-core.la \
	$(SIMC_DLOPEN_LIBS)
EXTRA_DIST += %D%/README.md

# The example of docs/ecm-plugin.md. It is not installed: it protects nothing. It links the shared
# library, as a vendor's own would.
if SHARED
check_LTLIBRARIES += ecm-example.la
ecm_example_la_SOURCES = %D%/example_plugin.c
ecm_example_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere
ecm_example_la_LIBADD = libsimulcrypt.la
else
EXTRA_DIST += %D%/example_plugin.c
endif

if !CROSS_COMPILING
man8_MANS += ecmgd.8
CLEANFILES += ecmgd.8
ecmgd.8: ecmgd$(EXEEXT)
	$(AM_V_GEN)./ecmgd manual > $@.tmp && mv $@.tmp $@
endif
