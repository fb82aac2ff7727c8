# Sessions: the state machines of the interfaces, without input, output and clocks.
simulcryptinclude_HEADERS += \
	include/simulcrypt/ecm_plugin.h include/simulcrypt/emmg_session.h include/simulcrypt/session.h
libsimc_core_la_SOURCES += \
	%D%/actions.def \
	%D%/client.c \
	%D%/datagram.c \
	%D%/ecmg.c \
	%D%/ecmg_provision.c \
	%D%/ecmg_receive.c \
	%D%/emmg.c \
	%D%/emmg_receive.c \
	%D%/emmg_rows.def \
	%D%/emmg_udp.c \
	%D%/event.c \
	%D%/index.c \
	%D%/internal.h \
	%D%/mux.c \
	%D%/output.c \
	%D%/receive.c \
	%D%/rows.c \
	%D%/rows.def \
	%D%/rows.h \
	%D%/run.c \
	%D%/scs.c \
	%D%/scs_stream.c \
	%D%/server.c \
	%D%/session.c \
	%D%/settings.c \
	%D%/streams.c \
	%D%/timers.c
