# The simulcrypt command, one file per verb. Its man pages are printed by the program itself.
bin_PROGRAMS += simulcrypt
simulcrypt_SOURCES = \
	%D%/commands.h \
	%D%/dump.c \
	%D%/dump.h \
	%D%/dump_message.c \
	%D%/dump_stream.c \
	%D%/encode.c \
	%D%/main.c
simulcrypt_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)
simulcrypt_LDADD = $(simulcrypt_parts) libsimc-sys.la libsimc-core.la
simulcrypt_parts =

if WITH_CAPTURE
simulcrypt_SOURCES += %D%/dump_capture.c
simulcrypt_parts += libsimc-capture.la
else
simulcrypt_SOURCES += %D%/dump_no_capture.c
endif

if !CROSS_COMPILING
simulcrypt_pages = simulcrypt.1 simulcrypt-dump.1 simulcrypt-encode.1
man1_MANS += $(simulcrypt_pages)
CLEANFILES += $(simulcrypt_pages)

# simulcrypt-ts-analyze.1 is the page of `simulcrypt ts analyze`.
$(simulcrypt_pages): simulcrypt$(EXEEXT)
	$(AM_V_GEN)./simulcrypt manual `echo $@ | sed -e 's/\.1$$//' -e 's/^simulcrypt-*//' -e 's/-/ /g'` > $@.tmp && mv $@.tmp $@
endif
