/* SPDX-License-Identifier: BSL-1.0 */
/* The follower of a capture: its limits, the queue of events and the pull. Callers see this file,
 * file.c and text.c; packets go down into packet.c, events come up through simc__capture_emit(). */
#include <string.h>

#include "capture/internal.h"

enum { QUEUE_CAPACITY_MIN = 16 };

/* Fills in the defaults. SIMC_EINVAL when a limit is outside its row. */
static int limits_read(struct simc__capture_limits *limits)
{
#define LIMIT(name, preset, min, max, text)           \
    if (limits->name == 0)                            \
        limits->name = (preset);                      \
    if (limits->name < (min) || limits->name > (max)) \
        return SIMC_EINVAL;
    SIMC__CAPTURE_LIMIT_ROWS(LIMIT)
#undef LIMIT
    return 0;
}

static size_t power_of_two(size_t at_least)
{
    size_t size = 1;
    while (size < at_least)
        size *= 2;
    return size;
}

int simc__capture_new(const struct simc__capture_limits *limits, struct simc__capture **result)
{
    *result = NULL;
    struct simc__capture_limits read = {0};
    if (limits)
        read = *limits;
    int error = limits_read(&read);
    if (error)
        return error;
    struct simc__capture *capture = simc_calloc(1, sizeof *capture);
    if (!capture)
        return SIMC_ENOMEM;
    capture->limits = read;
    capture->end_error = SIMC_EEND;
    /* Where the heap lies differs from run to run; that is enough to keep a hostile capture from
     * aiming at one bucket, and the order of events does not depend on it. */
    capture->seed = (uint64_t)(uintptr_t)capture * 0x9e3779b97f4a7c15u;
    capture->bucket_count = power_of_two(read.connections_max);
    capture->buckets = simc_calloc(capture->bucket_count, sizeof *capture->buckets);
    capture->fragment_bucket_count = power_of_two(read.fragments_max);
    capture->fragment_buckets =
        simc_calloc(capture->fragment_bucket_count, sizeof *capture->fragment_buckets);
    if (!capture->buckets || !capture->fragment_buckets) {
        simc__capture_free(capture);
        return SIMC_ENOMEM;
    }
    *result = capture;
    return 0;
}

/* Releases what was lent with the last event, and the events that nobody pulled. */
static void queue_clear(struct simc__capture *capture)
{
    simc_free(capture->lent);
    capture->lent = NULL;
    while (capture->queue_at < capture->queue_count)
        simc_free(capture->queue[capture->queue_at++].owned);
    capture->queue_at = capture->queue_count = 0;
}

void simc__capture_free(struct simc__capture *capture)
{
    if (!capture)
        return;
    queue_clear(capture);
    if (capture->buckets)
        simc__connection_free_all(capture);
    if (capture->fragment_buckets)
        simc__fragment_free_all(capture);
    if (capture->source.close)
        capture->source.close(capture->source.context);
    simc_free(capture->joined);
    simc_free(capture->queue);
    simc_free(capture->buckets);
    simc_free(capture->fragment_buckets);
    simc_free(capture);
}

void simc__capture_starve(struct simc__capture *capture)
{
    capture->error = SIMC_ENOMEM;
}

/* The queue has no ceiling of its own: one packet releases at most what was held before it, and
 * that has one. */
static bool queue_grow(struct simc__capture *capture)
{
    if (capture->queue_count < capture->queue_capacity)
        return true;
    size_t capacity =
        capture->queue_capacity ? capture->queue_capacity * 2 : (size_t)QUEUE_CAPACITY_MIN;
    struct simc__queued *queue = simc_realloc(capture->queue, capacity * sizeof *queue);
    if (!queue)
        return false;
    capture->queue = queue;
    capture->queue_capacity = capacity;
    return true;
}

void simc__capture_emit(struct simc__capture *capture, const struct simc__capture_event *event,
                        struct simc__segment *owned)
{
    if (capture->error || !queue_grow(capture)) {
        simc__capture_starve(capture);
        simc_free(owned);
        return;
    }
    struct simc__queued *queued = &capture->queue[capture->queue_count++];
    queued->event = *event;
    queued->owned = owned;
    queued->event.ready_packet = capture->packet;
    queued->event.ready_us = capture->time_us;
    if (queued->event.packet == 0) {
        queued->event.packet = capture->packet;
        queued->event.time_us = capture->time_us;
    }
}

static void take(struct simc__capture *capture, uint32_t link_type, struct simc_slice captured,
                 size_t wire_size, uint64_t time_us)
{
    simc_free(capture->joined);
    capture->joined = NULL;
    capture->packet++;
    capture->time_us = time_us;
    SIMC__COUNT(capture, packets);
    simc__packet_take(capture, link_type, captured, wire_size);
}

int simc__capture_packet(struct simc__capture *capture, uint32_t link_type,
                         struct simc_slice captured, size_t wire_size, uint64_t time_us)
{
    if (capture->error)
        return capture->error;
    if (capture->ended || capture->source.read || capture->queue_at < capture->queue_count)
        return SIMC_EINVAL;
    take(capture, link_type, captured, wire_size, time_us);
    return capture->error;
}

void simc__capture_end(struct simc__capture *capture)
{
    capture->ended = true;
}

/* Makes more events, when the queue is empty. 0 says look again, also when there are still none. */
static int more(struct simc__capture *capture)
{
    if (capture->error)
        return capture->error;
    if (capture->ended) {
        if (!capture->oldest) {
            simc__fragment_free_all(capture);
            return capture->end_error;
        }
        simc__connection_end(capture, capture->oldest, SIMC__CAPTURE_CAUSE_END);
        return 0;
    }
    if (!capture->source.read)
        return SIMC_EAGAIN;
    struct simc__capture_packet packet;
    int error =
        capture->source.read(capture->source.context, &packet, capture->why, sizeof capture->why);
    if (error) {
        capture->ended = true;
        capture->end_error = error;
        return 0;
    }
    take(capture, packet.link_type, packet.captured, packet.wire_size, packet.time_us);
    return 0;
}

int simc__capture_next(struct simc__capture *capture, struct simc__capture_event *event)
{
    simc_free(capture->lent);
    capture->lent = NULL;
    while (capture->error || capture->queue_at == capture->queue_count) {
        /* After a failed allocation the queue may lack an event in its middle: stop at once. */
        queue_clear(capture);
        int error = more(capture);
        if (error)
            return error;
    }
    const struct simc__queued *queued = &capture->queue[capture->queue_at++];
    *event = queued->event;
    capture->lent = queued->owned;
    return 0;
}

const char *simc__capture_why(const struct simc__capture *capture)
{
    return capture->why;
}

const struct simc__capture_stats *simc__capture_stats(const struct simc__capture *capture)
{
    return &capture->stats;
}

uint64_t simc__capture_hash(uint64_t seed, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint64_t hash = seed ^ size;
    while (size) {
        uint64_t word = 0;
        size_t step = size < sizeof word ? size : sizeof word;
        memcpy(&word, p, step);
        p += step;
        size -= step;
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32 ^ seed;
        hash *= 0xc4ceb9fe1a85ec53u;
        hash ^= hash >> 29;
    }
    return hash;
}
