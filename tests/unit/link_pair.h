/* SPDX-License-Identifier: BSL-1.0 */
/* Two links that are joined in memory, with a clock of their own. The unit tests of lib/link and
 * the bench move the bytes by it. */
#ifndef SIMC_TESTS_LINK_PAIR_H
#define SIMC_TESTS_LINK_PAIR_H

#include <stdlib.h>
#include <string.h>

#include "link/internal.h"

enum { PAIR_A, PAIR_B, PAIR_ENDS };

struct link_pair {
    struct simc__link *ends[PAIR_ENDS];
    uint64_t now_ms;
    size_t piece;             /* bytes that are moved at once; 0: all there are */
    bool is_stuck[PAIR_ENDS]; /* what this end sends is not taken */
    uint32_t frame_limit, output_limit, request_limit;
};

static inline struct simc__link_settings link_pair_settings(const struct link_pair *pair, int end)
{
    return (struct simc__link_settings){.service = "test",
                                        .version_min = 1,
                                        .version_max = 2,
                                        .name = end == PAIR_A ? "end a" : "end b",
                                        .frame_limit = pair->frame_limit,
                                        .output_limit = pair->output_limit,
                                        .request_limit = pair->request_limit};
}

static inline int link_pair_start(struct link_pair *pair)
{
    for (int end = 0; end < PAIR_ENDS; end++) {
        struct simc__link_settings settings = link_pair_settings(pair, end);
        int error = simc__link_new(&settings, pair->now_ms, &pair->ends[end]);
        if (error)
            return error;
    }
    return 0;
}

static inline void link_pair_free(struct link_pair *pair)
{
    for (int end = 0; end < PAIR_ENDS; end++) {
        simc__link_free(pair->ends[end]);
        pair->ends[end] = NULL;
    }
}

/* Gives one piece of what `end` has to the other one. The bytes lie in a block of exactly their
 * size, which must live until the events are pulled: free() it then. NULL: there are none. */
static inline uint8_t *link_pair_carry(struct link_pair *pair, int end)
{
    struct simc_slice output = simc__link_output(pair->ends[end]);
    size_t size = pair->piece && pair->piece < output.size ? pair->piece : output.size;
    if (size == 0 || pair->is_stuck[end] || simc__link_is_blocked(pair->ends[1 - end]))
        return NULL;
    uint8_t *block = malloc(size);
    if (!block)
        abort();
    memcpy(block, output.data, size);
    simc__link_sent(pair->ends[end], size);
    simc__link_feed(pair->ends[1 - end], simc_slice(block, size), pair->now_ms);
    return block;
}

/* Moves bytes both ways until nothing moves any more; `handle` gets every event. */
typedef void link_pair_handle(void *context, struct link_pair *pair, int end,
                              const struct simc__link_event *event);

static inline void link_pair_pull(struct link_pair *pair, int end, link_pair_handle *handle,
                                  void *context)
{
    struct simc__link_event event;
    while (simc__link_next_event(pair->ends[end], &event))
        handle(context, pair, end, &event);
}

static inline void link_pair_run(struct link_pair *pair, link_pair_handle *handle, void *context)
{
    bool moved = true;
    for (int end = 0; end < PAIR_ENDS; end++)
        link_pair_pull(pair, end, handle, context);
    while (moved) {
        moved = false;
        for (int end = 0; end < PAIR_ENDS; end++) {
            uint8_t *block = link_pair_carry(pair, end);
            link_pair_pull(pair, 1 - end, handle, context);
            /* An end whose output was taken looks at what it has kept meanwhile. */
            link_pair_pull(pair, end, handle, context);
            /* What is read after its event is found by the sanitizer. */
            free(block);
            moved = moved || block;
        }
    }
}

/* Lets the time pass to `now_ms`, deadline by deadline. */
static inline void link_pair_wait(struct link_pair *pair, uint64_t now_ms, link_pair_handle *handle,
                                  void *context)
{
    for (;;) {
        uint64_t due_ms = now_ms;
        for (int end = 0; end < PAIR_ENDS; end++)
            due_ms = simc_deadline_first(due_ms, simc__link_deadline_ms(pair->ends[end]));
        if (due_ms > pair->now_ms)
            pair->now_ms = due_ms;
        for (int end = 0; end < PAIR_ENDS; end++)
            simc__link_expire(pair->ends[end], pair->now_ms);
        link_pair_run(pair, handle, context);
        if (due_ms >= now_ms)
            return;
    }
}

#endif
