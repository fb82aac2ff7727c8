# The HTTP side of the daemons; the only user of libmicrohttpd.
noinst_LTLIBRARIES += libsimc-http.la
libsimc_http_la_SOURCES = \
	%D%/exchange.c \
	%D%/http.h \
	%D%/internal.h \
	%D%/listen.c \
	%D%/listen.h \
	%D%/problem.c \
	%D%/server.c
libsimc_http_la_CPPFLAGS = $(AM_CPPFLAGS) $(HTTP_CFLAGS) $(UV_CFLAGS)
libsimc_http_la_LIBADD = $(HTTP_LIBS) $(UV_LIBS)
