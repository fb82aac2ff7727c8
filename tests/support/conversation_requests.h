/* SPDX-License-Identifier: BSL-1.0 */
/* Requests of conversations to sessions in memory, and events of sessions as conversations see
 * them. conversation_memory.c calls it. */
#ifndef SIMC_TESTS_CONVERSATION_REQUESTS_H
#define SIMC_TESTS_CONVERSATION_REQUESTS_H

#include "conversation/conversation.h"
#include "support/test_ecmg.h"
#include "support/test_mux.h"

/* The equipment's end of a connection. */
struct memory_end {
    struct simc_session *session; /* NULL: none */
    enum { MEMORY_ECMG, MEMORY_SCS, MEMORY_MUX, MEMORY_EMMG } role;
    bool is_stalled;      /* what it sends is not taken */
    struct test_mux *mux; /* EMMG-MUX */
    union {
        struct test_ecmg_connection app;
        struct test_mux_connection mux_app;
    };
};

/** Carries out a request, "provide stream=2 cp=16". @return the name of its result. */
const char *memory_request(struct memory_end *end, const char *request, uint64_t now_ms);
/** Gives an event of that end to the conversation. */
void memory_tell_event(struct simc__conversation_run *run, unsigned connection,
                       const struct memory_end *end, const struct simc_session_event *event,
                       uint64_t now_ms);

#endif
