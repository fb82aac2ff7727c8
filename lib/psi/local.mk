simulcryptinclude_HEADERS += include/simulcrypt/psi.h
libsimc_core_la_SOURCES += \
	%D%/analyze.c \
	%D%/analyze.h \
	%D%/analyze_buffer.c \
	%D%/analyze_buffer.h \
	%D%/analyze_checks.c \
	%D%/analyze_clock.c \
	%D%/analyze_crypt.c \
	%D%/analyze_internal.h \
	%D%/analyze_json.c \
	%D%/analyze_pcr.c \
	%D%/analyze_stream.c \
	%D%/analyze_tables.c \
	%D%/analyze_text.c \
	%D%/bits.h \
	%D%/charsets.h \
	%D%/codec.c \
	%D%/codec.h \
	%D%/descriptor.c \
	%D%/internal.h \
	%D%/names.c \
	%D%/pcr_filter.c \
	%D%/pcr_filter.h \
	%D%/section.c \
	%D%/si.c \
	%D%/split.c \
	%D%/tables.c \
	%D%/text.c \
	%D%/time.c \
	%D%/time.h \
	%D%/tstd.c \
	%D%/tstd.h
