# The libraries. A convenience library holds the objects of its layers; programs and tests link it
# directly and so reach what is internal (docs/adr/0003); the shared library is what others link.
noinst_LTLIBRARIES += libsimc-core.la
libsimc_core_la_SOURCES =

lib_LTLIBRARIES += libsimulcrypt.la
libsimulcrypt_la_SOURCES =
libsimulcrypt_la_LIBADD = libsimc-core.la
libsimulcrypt_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(SIMC_LIBTOOL_VERSION)

# The second library: scrambling and the CA profile. It needs OpenSSL, the CA profile libcbor too.
if WITH_CA
lib_LTLIBRARIES += libsimulcrypt-ca.la
libsimulcrypt_ca_la_SOURCES =
libsimulcrypt_ca_la_LIBADD = $(ca_parts) libsimulcrypt.la
libsimulcrypt_ca_la_LDFLAGS = $(AM_LDFLAGS) -no-undefined -version-info $(SIMC_LIBTOOL_VERSION)
pkgconfig_DATA += simulcrypt-ca.pc
ca_parts =
if WITH_SCRAMBLE
ca_parts += libsimc-scramble.la
endif
if WITH_CAS
ca_parts += libsimc-cas.la
endif
endif
