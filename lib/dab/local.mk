simulcryptinclude_HEADERS += include/simulcrypt/dab.h
libsimc_core_la_SOURCES += \
	%D%/carousel.c \
	%D%/crc16.c \
	%D%/crc16_table.h \
	%D%/eti.c \
	%D%/eti_file.c \
	%D%/fib.c \
	%D%/fig0.c \
	%D%/fig6.c \
	%D%/fig6_read.c \
	%D%/insert.c
