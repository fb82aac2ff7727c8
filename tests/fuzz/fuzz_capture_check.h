/* SPDX-License-Identifier: BSL-1.0 */
/* What must hold for every sequence of capture events, whatever the packets. The two fuzz targets
 * of lib/capture pull through fuzz_pull(). */
#ifndef FUZZ_CAPTURE_CHECK_H
#define FUZZ_CAPTURE_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

enum { FUZZ_CONNECTIONS_MAX = 4096 };

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            abort();          \
    } while (0)

struct fuzz_direction {
    uint64_t offset;
    bool closed;
    bool has_byte; /* `byte` was the last one reported, at offset byte_at */
    uint8_t byte;
    uint64_t byte_at;
};

struct fuzz_state {
    struct fuzz_direction directions[FUZZ_CONNECTIONS_MAX][2];
    uint32_t opened;
    uint32_t closes;
    uint64_t ready_packet;
    uint64_t data_bytes, gap_bytes, datagrams;
    unsigned sum;   /* so that all bytes are read */
    bool patterned; /* the byte with sequence number n is n * 7 */
};

static inline void fuzz_bytes(struct fuzz_state *state, struct fuzz_direction *direction,
                              const struct simc__capture_event *event)
{
    for (size_t i = 0; i < event->bytes.size; i++) {
        uint8_t byte = event->bytes.data[i];
        uint64_t at = event->offset + i;
        state->sum += byte;
        if (state->patterned && direction && direction->has_byte)
            FUZZ_CHECK((uint8_t)(byte - direction->byte) ==
                       (uint8_t)((at - direction->byte_at) * 7));
        if (direction) {
            direction->has_byte = true;
            direction->byte = byte;
            direction->byte_at = at;
        }
    }
}

static inline void fuzz_event(struct fuzz_state *state, const struct simc__capture_event *event)
{
    FUZZ_CHECK(event->packet >= 1 && event->packet <= event->ready_packet);
    FUZZ_CHECK(event->ready_packet >= state->ready_packet);
    state->ready_packet = event->ready_packet;
    char text[SIMC__CAPTURE_ENDPOINT_SIZE];
    simc__capture_endpoint_text(&event->from, text);
    FUZZ_CHECK(memchr(text, '\0', sizeof text));
    if (event->kind == SIMC__CAPTURE_DATAGRAM) {
        FUZZ_CHECK(event->connection == SIMC__CAPTURE_NO_CONNECTION);
        FUZZ_CHECK(event->bytes.size <= event->size);
        FUZZ_CHECK(event->cut == (event->bytes.size < event->size));
        state->datagrams++;
        fuzz_bytes(state, NULL, event);
        return;
    }
    if (event->kind == SIMC__CAPTURE_OPEN) {
        FUZZ_CHECK(event->connection == state->opened && event->direction == 0);
        FUZZ_CHECK(state->opened < FUZZ_CONNECTIONS_MAX);
        state->opened++;
        return;
    }
    FUZZ_CHECK(event->connection < state->opened && event->direction < 2);
    struct fuzz_direction *direction = &state->directions[event->connection][event->direction];
    FUZZ_CHECK(!direction->closed && event->offset == direction->offset);
    if (event->kind == SIMC__CAPTURE_CLOSE) {
        direction->closed = true;
        state->closes++;
        return;
    }
    FUZZ_CHECK(event->size > 0);
    direction->offset += event->size;
    if (event->kind == SIMC__CAPTURE_GAP) {
        state->gap_bytes += event->size;
        return;
    }
    FUZZ_CHECK(event->kind == SIMC__CAPTURE_DATA && event->size == event->bytes.size);
    state->data_bytes += event->size;
    fuzz_bytes(state, direction, event);
}

static inline int fuzz_pull(struct fuzz_state *state, struct simc__capture *capture)
{
    struct simc__capture_event event;
    int error;
    while ((error = simc__capture_next(capture, &event)) == 0)
        fuzz_event(state, &event);
    return error;
}

/** What must hold when all events have been pulled. */
static inline void fuzz_end(const struct fuzz_state *state, const struct simc__capture *capture)
{
    const struct simc__capture_stats *stats = simc__capture_stats(capture);
    FUZZ_CHECK(state->closes == state->opened * 2);
    FUZZ_CHECK(stats->connections == state->opened && stats->datagrams == state->datagrams);
    FUZZ_CHECK(stats->stream_bytes == state->data_bytes && stats->gap_bytes == state->gap_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
