# muxd: the engine is a library without input, output, clocks and threads, so that tests drive it
# in memory.
noinst_LTLIBRARIES += libsimc-mux.la
libsimc_mux_la_SOURCES = \
	%D%/alarm.c \
	%D%/clock.c \
	%D%/emit.c \
	%D%/engine.c \
	%D%/follow.c \
	%D%/hold.c \
	%D%/input.c \
	%D%/internal.h \
	%D%/mux.h \
	%D%/orders.c \
	%D%/output.c \
	%D%/period.c \
	%D%/player.c \
	%D%/route.c \
	%D%/scg.c \
	%D%/second.c \
	%D%/settings.c \
	%D%/source.c \
	%D%/status.c \
	%D%/tables.c \
	%D%/timer.c \
	%D%/timing.c
libsimc_mux_la_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
EXTRA_DIST += %D%/README.md
