/* SPDX-License-Identifier: BSL-1.0 */
/* Runs a conversation in memory, under a fake clock, against sessions of lib/session: the test ECMG
 * for files whose role is ECMG, SCS sessions for the others. Unit tests call it. */
#ifndef SIMC_TESTS_CONVERSATION_MEMORY_H
#define SIMC_TESTS_CONVERSATION_MEMORY_H

#include "conversation/conversation.h"
#include "simulcrypt/session.h"

struct conversation_memory {
    /* Settings, "lead_CW=1 CW_per_msg=1": for the test ECMG, and for the parameters of the file. */
    const char *settings;
    bool one_byte;   /* all bytes come one at a time */
    bool *rows_used; /* by row of the session state machine; NULL: not wanted */
    bool verbose;
    /* Changes an answer of the equipment; NULL: nothing. @param count of the sends before. */
    void (*mutate)(void *context, struct simc_buffer *bytes, unsigned count);
    void *mutate_context;
    /* Results. */
    enum simc__conversation_verdict verdict;
    char last[SIMC__CONVERSATION_TEXT_SIZE + 300]; /* the last step that was not good */
    unsigned last_line;
    char id[64];
    uint64_t took_ms; /* of the fake clock */
    unsigned steps;   /* reported */
};

/** Reads and runs a file. What cannot be read or run has the verdict BROKEN. */
void conversation_memory_run(const char *path, struct conversation_memory *memory);
/** The same for a text. */
void conversation_memory_run_text(const char *name, struct simc_slice text,
                                  struct conversation_memory *memory);
/** Reads an included file, for simc__conversation_new(). */
int conversation_memory_read(void *context, const char *from, const char *path,
                             struct simc_buffer *text, char name[256], char why[256]);

#endif
