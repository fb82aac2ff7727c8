# Deterministic CBOR on libcbor's streaming layer: the ground of the CA profile's library, which
# lib/cas/local.mk completes. libsimulcrypt-ca takes it over whole.
noinst_LTLIBRARIES += libsimc-cas.la
libsimc_cas_la_CPPFLAGS = $(AM_CPPFLAGS) $(CAS_CFLAGS)
libsimc_cas_la_LIBADD = $(CAS_LIBS)
libsimc_cas_la_SOURCES = \
	%D%/cbor.h \
	%D%/reader.c \
	%D%/writer.c
