# Conversations: the files, the engine's tests, and the programs that run them over sockets.
EXTRA_DIST += %D%/conversations
# The report of the unit tests: which conversations use which rows of the sessions.
CLEANFILES += conversation-coverage.txt

if HAVE_CHECK
unit_tests_SOURCES += \
	%D%/support/conversation_memory.c \
	%D%/support/conversation_memory.h \
	%D%/support/conversation_requests.c \
	%D%/support/conversation_requests.h \
	%D%/support/test_ecmg.c \
	%D%/support/test_ecmg.h \
	%D%/support/test_mux.c \
	%D%/support/test_mux.h \
	%D%/unit/test_conversation.c \
	%D%/unit/test_conversation_files.c \
	%D%/unit/test_conversation_run.c
unit_tests_parts += libsimc-conversation.la
endif

fuzz_programs += fuzz_conversation
fuzz_conversation_SOURCES = %D%/fuzz/fuzz_conversation.c
fuzz_conversation_LDADD = libsimc-conversation.la $(fuzz_ldadd)
fuzz_conversation_LDFLAGS = $(fuzz_ldflags)

check_PROGRAMS += converse ecmg-stub
converse_SOURCES = %D%/support/converse.c
converse_LDADD = libsimc-conversation.la libsimc-sys.la libsimc-core.la
ecmg_stub_SOURCES = \
	%D%/support/ecmg-stub.c \
	%D%/support/test_ecmg.c \
	%D%/support/test_ecmg.h
ecmg_stub_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
ecmg_stub_LDADD = libsimc-core.la
scenarios += %D%/scenarios/converse.t
if WITH_ECMG
if WITH_CLI
scenarios += %D%/scenarios/ecmgd-conformance.t
endif
endif
