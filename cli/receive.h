/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt receive`: what its files share. receive.c runs it, receive_show.c prints,
 * receive_flow.c moves packets. */
#ifndef SIMC__CLI_RECEIVE_H
#define SIMC__CLI_RECEIVE_H

#include <stdio.h>

#include "cli/commands.h"
#include "keys/keys.h"
#include "receiver/receiver.h"

extern const struct simc__command simc__command_receive;

/* How a run is told: lines of JSON, or words and, on a terminal, a line that is drawn again and
 * again. */
struct simc__receive_show {
    FILE *to;
    bool json;
    bool quiet;       /* no words; JSON is what was asked for and stays */
    bool is_terminal; /* of words */
    bool is_drawn;    /* a line is there */
    char *page;       /* SIMC__RECEIVE_PAGE_SIZE bytes */
};

enum { SIMC__RECEIVE_PAGE_SIZE = 1 << 20 };

/* Prints what has happened since the last call. */
void simc__receive_show_events(struct simc__receive_show *show, struct simc__receiver *receiver);
/* Prints something that happened beside the receiver, such as the loss of an input. @param about
 * the word of the event in JSON. */
void simc__receive_show_note(struct simc__receive_show *show, const struct simc__receiver *receiver,
                             const char *about, const char *text);
/* Prints the figures: a line of JSON, or the live line. */
void simc__receive_show_now(struct simc__receive_show *show, const struct simc__receiver *receiver);
/* Prints the figures at the end: JSON, or a summary. */
void simc__receive_show_end(struct simc__receive_show *show, const struct simc__receiver *receiver);
/* Prints which packages there are keys for. @param now_s seconds since 1970. */
void simc__receive_show_rights(struct simc__receive_show *show, const struct simc__keys *keys,
                               uint64_t now_s);

#endif
