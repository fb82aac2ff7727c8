libsimc_core_la_SOURCES += \
	%D%/framer.c \
	%D%/parameter.c
