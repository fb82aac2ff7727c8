# Tests of the crypto-period scheduler.
if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/unit/test_sched.c \
	%D%/unit/test_sched_check.c \
	%D%/unit/test_sched_random.c \
	%D%/unit/test_sched_world.c \
	%D%/unit/test_sched_world.h
endif
