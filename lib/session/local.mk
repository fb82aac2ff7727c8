# Sessions: the state machines of the interfaces, without input, output and clocks.
simulcryptinclude_HEADERS += include/simulcrypt/ecm_plugin.h include/simulcrypt/session.h
libsimc_core_la_SOURCES += \
	%D%/actions.def \
	%D%/ecmg.c \
	%D%/ecmg_provision.c \
	%D%/event.c \
	%D%/index.c \
	%D%/internal.h \
	%D%/output.c \
	%D%/receive.c \
	%D%/rows.c \
	%D%/rows.def \
	%D%/rows.h \
	%D%/run.c \
	%D%/scs.c \
	%D%/scs_stream.c \
	%D%/session.c \
	%D%/settings.c \
	%D%/streams.c \
	%D%/timers.c
