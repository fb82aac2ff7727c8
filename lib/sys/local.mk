# What touches the operating system, so that libsimulcrypt need not.
noinst_LTLIBRARIES += libsimc-sys.la
libsimc_sys_la_SOURCES = \
	%D%/clock.c \
	%D%/clock.h \
	%D%/file.c \
	%D%/file.h \
	%D%/locked.c \
	%D%/locked.h \
	%D%/log_sink.c \
	%D%/log_sink.h \
	%D%/process.c \
	%D%/process.h
