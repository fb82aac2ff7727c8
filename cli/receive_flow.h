/* SPDX-License-Identifier: BSL-1.0 */
/* The way of packets from an input through the receiver to an output, on a loop of its own:
 * receive.c says what, receive_flow.c does it. */
#ifndef SIMC__CLI_RECEIVE_FLOW_H
#define SIMC__CLI_RECEIVE_FLOW_H

#include "cli/receive.h"

struct simc__receive_flow {
    const char *input;   /* docs/addresses.md */
    const char *output;  /* likewise; NULL: only figures are wanted */
    uint64_t seconds;    /* end then; 0: when the input ends */
    uint64_t hold_ms;    /* of silence, then what waits goes on as it is */
    uint64_t figures_ms; /* from figures to figures; 0: only at the end */
    struct simc__receiver *receiver;
    struct simc__receive_show *show;
    void (*tick)(void *context); /* ten times a second */
    void *context;
};

/** Runs until the input ends, the time is over, or SIGINT or SIGTERM comes. What the receiver still
 *  holds then is written, too. @return SIMC__EXIT_GOOD, or SIMC__EXIT_TROUBLE after a sentence. */
int simc__receive_flow_run(const struct simc__receive_flow *flow) SIMC_MUST_CHECK;

#endif
