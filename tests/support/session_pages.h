/* SPDX-License-Identifier: BSL-1.0 */
/* The pages of the sessions' state machines: what stands around the tables that session-rows prints
 * from the rows. session-rows.c includes it, and each page is a file of its own. */
#ifndef SIMC_TESTS_SESSION_PAGES_H
#define SIMC_TESTS_SESSION_PAGES_H

#include "session/rows.h"

/* A line of the legality matrix. */
struct session_line {
    const char *message;
    bool of_stream;
    enum simc__event closed, open, stream_open; /* the event in each column */
};

#define SESSION_LINE(message, of_stream, closed, open, stream_open)                    \
    {                                                                                  \
        message, of_stream, SIMC__EV_##closed, SIMC__EV_##open, SIMC__EV_##stream_open \
    }

struct session_page {
    const char *name; /* of the interface, "ecmg-scs" */
    enum simc__role server, client;
    const char *server_name, *client_name;
    const struct session_line *server_lines, *client_lines;
    size_t server_line_count, client_line_count;
    const char *intro, *policy, *checks; /* before the tables, and behind them */
};

extern const struct session_page session_page_ecmg, session_page_emmg;

#endif
