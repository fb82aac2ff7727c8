# Network captures as ordered byte streams and datagrams; the only user of libpcap.
noinst_LTLIBRARIES += libsimc-capture.la
libsimc_capture_la_SOURCES = \
	%D%/capture.c \
	%D%/capture.h \
	%D%/connection.c \
	%D%/file.c \
	%D%/fragment.c \
	%D%/internal.h \
	%D%/packet.c \
	%D%/stream.c \
	%D%/text.c
libsimc_capture_la_CPPFLAGS = $(AM_CPPFLAGS) $(CAPTURE_CFLAGS)
libsimc_capture_la_LIBADD = $(CAPTURE_LIBS)
