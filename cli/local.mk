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
simulcrypt_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir) $(UV_CFLAGS)
simulcrypt_LDADD = $(simulcrypt_parts) libsimc-sys.la libsimc-core.la
simulcrypt_parts =

if WITH_CAPTURE
simulcrypt_SOURCES += %D%/dump_capture.c
simulcrypt_parts += libsimc-capture.la
else
simulcrypt_SOURCES += %D%/dump_no_capture.c
endif

# Streams: `simulcrypt ts ...`.
simulcrypt_SOURCES += \
	%D%/ts.c \
	%D%/ts.h \
	%D%/ts_analyze.c \
	%D%/ts_sections.c
if WITH_SCRAMBLE
simulcrypt_SOURCES += \
	%D%/ts_output.c \
	%D%/ts_output.h \
	%D%/ts_scramble.c \
	%D%/ts_select.c \
	%D%/ts_select.h \
	%D%/ts_words.c \
	%D%/ts_words.h
simulcrypt_parts += libsimc-scramble.la
endif

# DAB: `simulcrypt dab ...`.
simulcrypt_SOURCES += \
	%D%/dab.c \
	%D%/dab.h \
	%D%/dab_show.c \
	%D%/dab_show.h \
	%D%/dab_show_text.c
if WITH_CONF
simulcrypt_SOURCES += \
	%D%/dab_conf.c \
	%D%/dab_config.c \
	%D%/dab_inject.c
simulcrypt_parts += libsimc-conf.la
endif

# Keys and ECMs of CA profile 1.
if WITH_KEYS
simulcrypt_SOURCES += \
	%D%/ecm.c \
	%D%/ecm.h \
	%D%/ecm_print.c \
	%D%/keys.c \
	%D%/keys.h \
	%D%/keys_change.c
simulcrypt_parts += libsimc-keys.la libsimc-conf.la libsimc-cas.la
endif

# The reference receiver.
if WITH_RECEIVER
simulcrypt_SOURCES += \
	%D%/receive.c \
	%D%/receive.h \
	%D%/receive_flow.c \
	%D%/receive_flow.h \
	%D%/receive_show.c
simulcrypt_parts += libsimc-receiver.la libsimc-tsio.la libsimc-keys.la libsimc-conf.la libsimc-cas.la \
	libsimc-scramble.la
endif

# Load generators: `simulcrypt load ...`.
if WITH_UV
simulcrypt_SOURCES += \
	%D%/emmg.c \
	%D%/emmg.h \
	%D%/emmg_client.c \
	%D%/emmg_data.c \
	%D%/emmg_pace.c \
	%D%/emmg_udp.c \
	%D%/latency.c \
	%D%/latency.h \
	%D%/load.c \
	%D%/load.h \
	%D%/load_ecmg.c
simulcrypt_parts += libsimc-uv.la
endif

if !CROSS_COMPILING
simulcrypt_pages = simulcrypt.1 simulcrypt-dump.1 simulcrypt-encode.1 \
	simulcrypt-dab-show.1 simulcrypt-ts-analyze.1 simulcrypt-ts-sections.1
if WITH_CONF
simulcrypt_pages += simulcrypt-dab-config-check.1 simulcrypt-dab-config-sample.1 \
	simulcrypt-dab-inject.1
endif
if WITH_SCRAMBLE
simulcrypt_pages += simulcrypt-ts-scramble.1 simulcrypt-ts-descramble.1
endif
if WITH_KEYS
simulcrypt_pages += simulcrypt-ecm.1 simulcrypt-keys-ac.1 simulcrypt-keys-add.1 \
	simulcrypt-keys-check.1 simulcrypt-keys-new.1 simulcrypt-keys-rotate.1 \
	simulcrypt-keys-show.1
endif
if WITH_RECEIVER
simulcrypt_pages += simulcrypt-receive.1
endif
if WITH_UV
simulcrypt_pages += simulcrypt-emmg.1 simulcrypt-load-ecmg.1 simulcrypt-load-mux.1
endif
man1_MANS += $(simulcrypt_pages)
CLEANFILES += $(simulcrypt_pages)

# simulcrypt-ts-analyze.1 is the page of `simulcrypt ts analyze`.
$(simulcrypt_pages): simulcrypt$(EXEEXT)
	$(AM_V_GEN)./simulcrypt manual `echo $@ | sed -e 's/\.1$$//' -e 's/^simulcrypt-*//' -e 's/-/ /g'` > $@.tmp && mv $@.tmp $@
endif
