# Conversations: files of named messages and times, and the engine that runs them. No I/O.
noinst_LTLIBRARIES += libsimc-conversation.la
libsimc_conversation_la_SOURCES = \
	%D%/arena.c \
	%D%/arrive.c \
	%D%/body.c \
	%D%/check.c \
	%D%/conversation.h \
	%D%/expand.c \
	%D%/expression.c \
	%D%/file.c \
	%D%/form.c \
	%D%/found.c \
	%D%/internal.h \
	%D%/match.c \
	%D%/match.h \
	%D%/message.c \
	%D%/parse.c \
	%D%/parse.h \
	%D%/reader.c \
	%D%/reader.h \
	%D%/run.c \
	%D%/run.h \
	%D%/step.c
