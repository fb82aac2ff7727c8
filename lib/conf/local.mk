# Configuration files by rows; the only user of libyaml.
noinst_LTLIBRARIES += libsimc-conf.la
libsimc_conf_la_SOURCES = \
	%D%/arena.c \
	%D%/conf.h \
	%D%/effective.c \
	%D%/fault.c \
	%D%/inline.c \
	%D%/internal.h \
	%D%/load.c \
	%D%/member.c \
	%D%/open.c \
	%D%/sample.c \
	%D%/scalar.c \
	%D%/table.c \
	%D%/text.c \
	%D%/text_check.c \
	%D%/time.c \
	%D%/tree.c \
	%D%/unit.c \
	%D%/value.c
libsimc_conf_la_CPPFLAGS = $(AM_CPPFLAGS) $(CONF_CFLAGS)
libsimc_conf_la_LIBADD = $(CONF_LIBS)
