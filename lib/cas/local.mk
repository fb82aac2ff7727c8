# CA profile 1.
simulcryptinclude_HEADERS += include/simulcrypt/cas.h
libsimc_cas_la_SOURCES += \
	%D%/access_criteria.c \
	%D%/ecm_make.c \
	%D%/ecm_open.c \
	%D%/ecm_read.c \
	%D%/fault.c \
	%D%/gcm.c \
	%D%/internal.h \
	%D%/key_source.h
