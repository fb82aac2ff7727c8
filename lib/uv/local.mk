# The network adapter: the only user of libuv's sockets and of OpenSSL's TLS.
simulcryptinclude_HEADERS += include/simulcrypt/uv.h
noinst_LTLIBRARIES += libsimc-uv.la
libsimc_uv_la_SOURCES = \
	%D%/address.c \
	%D%/client.c \
	%D%/connection.c \
	%D%/end.c \
	%D%/gate.c \
	%D%/identity.c \
	%D%/internal.h \
	%D%/local.c \
	%D%/loop.c \
	%D%/output.c \
	%D%/server.c \
	%D%/session.c \
	%D%/socket.c \
	%D%/threads.c \
	%D%/tls.c \
	%D%/tls_fault.c \
	%D%/tls_stream.c
libsimc_uv_la_CPPFLAGS = $(AM_CPPFLAGS) $(UV_CFLAGS)
libsimc_uv_la_LIBADD = $(UV_LIBS)

# The third library: what drives sessions over TCP and TLS.
lib_LTLIBRARIES += libsimulcrypt-uv.la
libsimulcrypt_uv_la_SOURCES =
libsimulcrypt_uv_la_LIBADD = libsimc-uv.la libsimulcrypt.la
libsimulcrypt_uv_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(SIMC_LIBTOOL_VERSION)
pkgconfig_DATA += simulcrypt-uv.pc
