# Inputs and outputs of transport streams. Programs link it in front of libsimc-sys.la and
# libsimc-core.la.
noinst_LTLIBRARIES += libsimc-tsio.la
libsimc_tsio_la_SOURCES = \
	%D%/address.c \
	%D%/input.c \
	%D%/input_file.c \
	%D%/input_udp.c \
	%D%/internal.h \
	%D%/output.c \
	%D%/output_file.c \
	%D%/output_udp.c \
	%D%/rtp.c \
	%D%/socket.c \
	%D%/tsio.c \
	%D%/tsio.h
libsimc_tsio_la_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
libsimc_tsio_la_LIBADD = $(UV_LIBS)
