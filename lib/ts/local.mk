simulcryptinclude_HEADERS += include/simulcrypt/ts.h
libsimc_core_la_SOURCES += \
	%D%/crc32.c \
	%D%/crc32_table.h \
	%D%/pack.c \
	%D%/packet.c \
	%D%/pcr.c \
	%D%/section.c \
	%D%/stats.c \
	%D%/sync.c
