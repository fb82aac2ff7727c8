# The internal link and its services, on lib/cbor: programs link it in front of libsimc-cas.la.
noinst_LTLIBRARIES += libsimc-link.la
libsimc_link_la_SOURCES = \
	%D%/fields.c \
	%D%/fields.h \
	%D%/frame.c \
	%D%/internal.h \
	%D%/link.c \
	%D%/link.h \
	%D%/receive.c \
	%D%/requests.c \
	%D%/scs_mux.h \
	%D%/scs_mux_announce.c \
	%D%/scs_mux_orders.c \
	%D%/scs_mux_plan.c \
	%D%/scs_mux_reports.c \
	%D%/scs_mux_scg.c
