# The reference receiver: a convenience library without input and output. `simulcrypt receive` of
# cli/ and the tests drive it.
noinst_LTLIBRARIES += libsimc-receiver.la
libsimc_receiver_la_SOURCES = \
	%D%/clean.c \
	%D%/ecm.c \
	%D%/internal.h \
	%D%/receiver.c \
	%D%/receiver.h \
	%D%/rights.c \
	%D%/ring.c \
	%D%/services.c \
	%D%/stats.c \
	%D%/text.c \
	%D%/words.c
libsimc_receiver_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
EXTRA_DIST += %D%/README.md
