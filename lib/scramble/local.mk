# Scrambling engines. Two of them are compiled for instructions that not every processor has; they
# are entered only after a look at the processor. configure leaves their flags empty where the
# compiler does not know them, and the engine's row then says that it cannot run.
simulcryptinclude_HEADERS += include/simulcrypt/scramble.h
noinst_LTLIBRARIES += libsimc-scramble.la libsimc-scramble-aesni.la libsimc-scramble-vaes.la
libsimc_scramble_la_SOURCES = \
	%D%/aes_evp.c \
	%D%/algorithm.c \
	%D%/csa_dvbcsa.c \
	%D%/engine.h \
	%D%/keys.c \
	%D%/scramble.c \
	%D%/scrambler.h
libsimc_scramble_la_CPPFLAGS = $(AM_CPPFLAGS) $(SCRAMBLE_CFLAGS)
libsimc_scramble_la_LIBADD = \
	libsimc-scramble-aesni.la \
	libsimc-scramble-vaes.la \
	$(SCRAMBLE_LIBS) \
	$(SIMC_DLOPEN_LIBS)

libsimc_scramble_aesni_la_SOURCES = %D%/aes_aesni.c %D%/aes_x86.h %D%/engine.h
libsimc_scramble_aesni_la_CFLAGS = $(AM_CFLAGS) $(SIMC_AESNI_CFLAGS)
libsimc_scramble_vaes_la_SOURCES = %D%/aes_vaes.c %D%/aes_x86.h %D%/engine.h
libsimc_scramble_vaes_la_CFLAGS = $(AM_CFLAGS) $(SIMC_VAES_CFLAGS)
