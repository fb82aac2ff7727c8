# Packets, sections and statistics. One file is compiled for instructions that not every processor
# has; it is entered only after a look at the processor (see also lib/scramble).
simulcryptinclude_HEADERS += include/simulcrypt/ts.h
noinst_LTLIBRARIES += libsimc-ts-clmul.la
libsimc_core_la_LIBADD = libsimc-ts-clmul.la
libsimc_core_la_SOURCES += \
	%D%/crc32.c \
	%D%/crc32.h \
	%D%/crc32_table.h \
	%D%/pack.c \
	%D%/packet.c \
	%D%/pcr.c \
	%D%/section.c \
	%D%/stats.c \
	%D%/sync.c

libsimc_ts_clmul_la_SOURCES = %D%/crc32_clmul.c %D%/crc32.h %D%/crc32_powers.h
libsimc_ts_clmul_la_CFLAGS = $(AM_CFLAGS) $(SIMC_CLMUL_CFLAGS)
