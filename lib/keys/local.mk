# Key files. They are read by rows, so the layer needs lib/conf, and it fills lib/cas' key source.
noinst_LTLIBRARIES += libsimc-keys.la
libsimc_keys_la_SOURCES = \
	%D%/difference.c \
	%D%/file.c \
	%D%/file.h \
	%D%/internal.h \
	%D%/issue.c \
	%D%/keys.c \
	%D%/keys.h \
	%D%/save.c \
	%D%/store.c
