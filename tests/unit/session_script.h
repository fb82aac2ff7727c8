/* SPDX-License-Identifier: BSL-1.0 */
/* Scripts for sessions: what the peer sends, what the application does, what comes back. One line
 * each:
 *   > MESSAGE      the peer sends (shorthand of session_text.h); `>>` sends together with the next
 *   < MESSAGE      this is in the output now; a '*' at the end stands for any rest
 *   ! EVENT        this event was pulled; notices may be left out
 *   @ N            N milliseconds pass, then timers are acted on
 *   $ REQUEST      the application calls the session; `= SIMC_E...` at the end: with this result
 *   # ...          a comment
 * Behind each stimulus (> @ $) all output and all events but notices must be named. */
#ifndef SIMC_TESTS_SESSION_SCRIPT_H
#define SIMC_TESTS_SESSION_SCRIPT_H

#include "simulcrypt/session.h"

struct session_script {
    const char *name;
    bool is_scs;
    const char *options; /* "strict", "lead=1 per=2 max=0 min=5 mode=1 ...", see the runner */
    const char *text;
};

/** How a script is run. */
struct session_run {
    size_t piece;    /* bytes fed at once; 0: all */
    bool is_checked; /* false: only that nothing breaks */
    uint8_t *rows;   /* counts the rows used; may be NULL */
};

/** Runs a script; a difference ends the test, naming script and line. @return 0, or SIMC_ENOMEM:
 *  the session could not be made, or ended for want of memory. */
int session_script_run(const struct session_script *script, const struct session_run *run);

/** The scripts of all files. */
extern const struct session_script session_scripts_ecmg[];
extern const size_t session_scripts_ecmg_count;
extern const struct session_script session_scripts_scs[];
extern const size_t session_scripts_scs_count;

/** An event as a line. */
void session_event_text(const struct simc_session_event *event, char *text, size_t size);

#endif
