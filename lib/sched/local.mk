# The crypto-period scheduler of the SCS, without input, output and clocks.
libsimc_core_la_SOURCES += \
	%D%/action.c \
	%D%/air.c \
	%D%/clock.c \
	%D%/handover.c \
	%D%/internal.h \
	%D%/plan.c \
	%D%/run.c \
	%D%/sched.c \
	%D%/sched.h \
	%D%/stream.c \
	%D%/words.c
