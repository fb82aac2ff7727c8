simulcryptinclude_HEADERS += include/simulcrypt/base.h
libsimc_core_la_SOURCES += \
	%D%/alloc.c \
	%D%/buffer.c \
	%D%/error.c \
	%D%/internal.h \
	%D%/json.c \
	%D%/json.h \
	%D%/log.c \
	%D%/options.c \
	%D%/options.h \
	%D%/options_help.c \
	%D%/secret.c \
	%D%/slice.c \
	%D%/text.c \
	%D%/text.h \
	%D%/text_read.c
