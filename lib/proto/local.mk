simulcryptinclude_HEADERS += \
	include/simulcrypt/messages.h \
	include/simulcrypt/msg.h
libsimc_core_la_SOURCES += \
	%D%/decode.c \
	%D%/fault.c \
	%D%/find.c \
	%D%/messages.c \
	%D%/parse.c \
	%D%/print.c \
	%D%/print.h \
	%D%/print_json.c \
	%D%/print_text.c \
	%D%/table.h \
	%D%/tables.c \
	%D%/typed.c \
	%D%/value.h
