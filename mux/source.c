/* SPDX-License-Identifier: BSL-1.0 */
/* Packets and sections of others (EMMs, private data, tables): a queue with a ceiling that leaves
 * at the rate that was agreed on. The program's servers fill the queues, emit.c empties them. */
#include <stdio.h>
#include <string.h>

#include "mux/internal.h"

enum {
    QUEUE_DEFAULT = 1024,
    QUEUE_MAX = 1048576,
    BURST_DEFAULT = 2,
    BITRATE_MIN = 200,
    LATE_MS = 100,
    RELAY_BITRATE = 200000,
};

#define PACKET_TICKS (UINT64_C(188 * 8) * SIMC_PCR_HZ)

static struct simc__mux_source *find(const struct simc__mux *mux, uint32_t id)
{
    struct simc__mux_source *source = mux->sources[id % SIMC__MUX_SOURCES_MAX];
    return source && source->id == id ? source : NULL;
}

static void set_bitrate(struct simc__mux_source *source, uint64_t bitrate)
{
    source->config.bitrate = bitrate;
    source->status.bitrate = bitrate;
    source->interval = PACKET_TICKS / bitrate;
    source->interval_rest = PACKET_TICKS % bitrate;
    source->rest = 0;
}

static int make(struct simc__mux *mux, const struct simc__mux_source_config *config, uint16_t pid,
                struct simc__mux_source **made)
{
    struct simc__mux_source *source =
        (struct simc__mux_source *)simc_calloc(1, sizeof(struct simc__mux_source));
    if (!source || simc__mux_timers_reserve(mux, 1)) {
        simc_free(source);
        return SIMC_ENOMEM;
    }
    source->queue_count = config->queue_count ? config->queue_count : QUEUE_DEFAULT;
    source->queue = (uint8_t *)simc_alloc((size_t)source->queue_count * SIMC_TS_SIZE);
    if (!source->queue) {
        mux->timer_count--;
        simc_free(source);
        return SIMC_ENOMEM;
    }
    source->config = *config;
    if (source->config.burst_count == 0)
        source->config.burst_count = BURST_DEFAULT;
    source->status.pid = pid;
    source->status.queue_count = source->queue_count;
    source->item.timer.kind = SIMC__MUX_TIMER_SOURCE;
    source->item.rank = (uint8_t)(SIMC__MUX_RANK_SOURCE + config->priority);
    source->item.pid = pid;
    set_bitrate(source, config->bitrate);
    mux->memory += sizeof *source + (size_t)source->queue_count * SIMC_TS_SIZE;
    *made = source;
    return 0;
}

void simc__mux_source_free(struct simc__mux *mux, struct simc__mux_source *source)
{
    if (!source)
        return;
    simc__mux_item_stop(mux, &source->item);
    mux->timer_count--;
    mux->memory -= sizeof *source + (size_t)source->queue_count * SIMC_TS_SIZE;
    simc_free(source->queue);
    simc_free(source);
}

int simc__mux_source_add(struct simc__mux *mux, const struct simc__mux_source_config *config,
                         uint32_t *id, char why[SIMC__MUX_TEXT_SIZE])
{
    uint32_t at = 0;
    uint16_t pid = config->pid;
    if (config->priority >= SIMC__MUX_PRIORITIES || config->bitrate < BITRATE_MIN ||
        config->queue_count > QUEUE_MAX || config->ca_private_size > SIMC_CA_PRIVATE_MAX) {
        snprintf(why, SIMC__MUX_TEXT_SIZE,
                 "priority over %d, bit rate under %d bit/s, or a queue over %d packets",
                 SIMC__MUX_PRIORITIES - 1, BITRATE_MIN, QUEUE_MAX);
        return SIMC_EINVAL;
    }
    while (at < SIMC__MUX_SOURCES_MAX && mux->sources[at])
        at++;
    if (at == SIMC__MUX_SOURCES_MAX) {
        snprintf(why, SIMC__MUX_TEXT_SIZE, "there are %d sources already", SIMC__MUX_SOURCES_MAX);
        return SIMC_EFULL;
    }
    if (mux->is_route_due)
        simc__mux_route(mux);
    if (pid == 0)
        pid = simc__mux_pid_free(mux, mux->config->pid_first);
    if (pid == 0) {
        snprintf(why, SIMC__MUX_TEXT_SIZE, "no PID of the output is free");
        return SIMC_EFULL;
    }
    if (!simc__mux_pid_is_free(mux, pid)) {
        snprintf(why, SIMC__MUX_TEXT_SIZE,
                 "PID 0x%04x is taken or reserved; name another one, or 0 for any", pid);
        return SIMC_EINVAL;
    }
    struct simc__mux_source *source;
    int error = make(mux, config, pid, &source);
    if (error)
        return error;
    /* The place is in the id, so that it is found at once; an id of the past is none again soon. */
    source->id = *id = mux->next_source++ * SIMC__MUX_SOURCES_MAX + at;
    mux->sources[at] = source;
    mux->source_count++;
    mux->outs[pid].use = SIMC__MUX_USE_SOURCE;
    mux->outs[pid].class_index = SIMC__MUX_CLASS_SOURCE;
    mux->is_route_due = true;
    mux->is_psi_due = true;
    return 0;
}

void simc__mux_source_remove(struct simc__mux *mux, uint32_t id)
{
    for (uint32_t i = 0; i < SIMC__MUX_SOURCES_MAX; i++) {
        struct simc__mux_source *source = mux->sources[i];
        if (!source || source->id != id)
            continue;
        mux->outs[source->item.pid].use = SIMC__MUX_USE_FREE;
        mux->sources[i] = NULL;
        mux->source_count--;
        simc__mux_source_free(mux, source);
        mux->is_route_due = true;
        mux->is_psi_due = true;
    }
}

/* ---- pacing ---- */

static void advance(struct simc__mux_source *source)
{
    source->due_tick += source->interval;
    source->rest += source->interval_rest;
    if (source->rest >= source->config.bitrate) {
        source->rest -= source->config.bitrate;
        source->due_tick++;
    }
}

/* After silence the first packets may leave at once, up to the burst; what was not used before
 * that is lost. */
static void wake(struct simc__mux *mux, struct simc__mux_source *source)
{
    uint64_t burst = (source->config.burst_count - 1) * source->interval;
    uint64_t earliest = mux->tick > burst ? mux->tick - burst : 0;
    if (source->due_tick < earliest)
        source->due_tick = earliest;
    simc__mux_timer_arm(mux, &source->item.timer,
                        source->due_tick > mux->tick ? source->due_tick : mux->tick);
}

bool simc__mux_source_emit(struct simc__mux *mux, struct simc__mux_source *source, uint64_t tick,
                           uint8_t *packet)
{
    if (source->queued == 0)
        return false;
    memcpy(packet, source->queue + (size_t)source->read * SIMC_TS_SIZE, SIMC_TS_SIZE);
    source->read = source->read + 1 == source->queue_count ? 0 : source->read + 1;
    source->queued--;
    source->status.sent++;
    uint64_t burst = (uint64_t)source->config.burst_count * source->interval;
    if (tick > source->due_tick + burst + simc__mux_ms(LATE_MS))
        source->status.late++;
    /* Room that was not there in time is made good in a short while, not in one burst. */
    uint64_t behind = burst + simc__mux_ms(LATE_MS);
    if (tick > source->due_tick + behind)
        source->due_tick = tick - behind;
    advance(source);
    if (source->queued > 0)
        simc__mux_timer_arm(mux, &source->item.timer,
                            source->due_tick > tick ? source->due_tick : tick);
    return true;
}

/* ---- filling ---- */

static void put(struct simc__mux *mux, struct simc__mux_source *source, const uint8_t *packets,
                size_t count)
{
    bool was_empty = source->queued == 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)(((uint64_t)source->read + source->queued++) % source->queue_count);
        memcpy(source->queue + (size_t)at * SIMC_TS_SIZE, packets + i * SIMC_TS_SIZE, SIMC_TS_SIZE);
    }
    source->status.pushed += count;
    if (was_empty && count > 0)
        wake(mux, source);
}

int simc__mux_source_push(struct simc__mux *mux, uint32_t id, const uint8_t *packets, size_t count)
{
    struct simc__mux_source *source = find(mux, id);
    if (!source)
        return SIMC_ENOTFOUND;
    for (size_t i = 0; i < count; i++)
        if (!simc_ts_valid(packets + i * SIMC_TS_SIZE) ||
            simc_ts_tsc(packets + i * SIMC_TS_SIZE) != SIMC_TSC_CLEAR)
            return SIMC_EPROTO;
    if (count > source->queue_count - source->queued) {
        source->status.rejected += count;
        return SIMC_EFULL;
    }
    put(mux, source, packets, count);
    return 0;
}

/* Turns the ring until its first packet stands at the front: three times a part of it is reversed,
 * packet by packet. */
static void reverse(uint8_t *packets, size_t count)
{
    uint8_t held[SIMC_TS_SIZE];
    for (size_t a = 0, b = count; a + 1 < b; a++) {
        b--;
        memcpy(held, packets + a * SIMC_TS_SIZE, SIMC_TS_SIZE);
        memcpy(packets + a * SIMC_TS_SIZE, packets + b * SIMC_TS_SIZE, SIMC_TS_SIZE);
        memcpy(packets + b * SIMC_TS_SIZE, held, SIMC_TS_SIZE);
    }
}

static void straighten(struct simc__mux_source *source)
{
    reverse(source->queue, source->read);
    reverse(source->queue + (size_t)source->read * SIMC_TS_SIZE,
            source->queue_count - source->read);
    reverse(source->queue, source->queue_count);
    source->read = 0;
}

/* Sections are packed right into the queue. */
static int put_sections(struct simc__mux *mux, struct simc__mux_source *source,
                        const struct simc_slice *sections, size_t count,
                        enum simc_section_layout layout)
{
    struct simc_writer out = simc_writer(NULL, 0);
    uint8_t cc = 0;
    if (count == 0)
        return 0;
    int error = simc_sections_pack(sections, count, layout, SIMC_PID_FREE, &cc, &out);
    if (error != SIMC_ENOSPC)
        return SIMC_EINVAL;
    size_t packets = out.at / SIMC_TS_SIZE;
    if (packets > source->queue_count - source->queued) {
        source->status.rejected += packets;
        return SIMC_EFULL;
    }
    bool was_empty = source->queued == 0;
    if (was_empty)
        source->read = 0;
    uint32_t write = (uint32_t)(((uint64_t)source->read + source->queued) % source->queue_count);
    if (source->queue_count - write < packets) {
        straighten(source);
        write = source->queued;
    }
    out = simc_writer(source->queue + (size_t)write * SIMC_TS_SIZE, packets * SIMC_TS_SIZE);
    error = simc_sections_pack(sections, count, layout, SIMC_PID_FREE, &cc, &out);
    if (error)
        return error;
    source->queued += (uint32_t)packets;
    source->status.pushed += packets;
    if (was_empty)
        wake(mux, source);
    return 0;
}

int simc__mux_source_push_sections(struct simc__mux *mux, uint32_t id,
                                   const struct simc_slice *sections, size_t count,
                                   enum simc_section_layout layout)
{
    struct simc__mux_source *source = find(mux, id);
    return source ? put_sections(mux, source, sections, count, layout) : SIMC_ENOTFOUND;
}

int simc__mux_source_bitrate(struct simc__mux *mux, uint32_t id, uint64_t bitrate)
{
    struct simc__mux_source *source = find(mux, id);
    if (!source)
        return SIMC_ENOTFOUND;
    if (bitrate < BITRATE_MIN)
        return SIMC_EINVAL;
    set_bitrate(source, bitrate);
    return 0;
}

int simc__mux_source_status(const struct simc__mux *mux, uint32_t id,
                            struct simc__mux_source_status *status)
{
    const struct simc__mux_source *source = find(mux, id);
    if (!source)
        return SIMC_ENOTFOUND;
    *status = source->status;
    status->queued = source->queued;
    return 0;
}

/* ---- sections of PID 0x11 that pass beside the SDT ---- */

int simc__mux_relay_new(struct simc__mux *mux)
{
    struct simc__mux_source_config config = {.bitrate = RELAY_BITRATE,
                                             .queue_count = SIMC__MUX_RELAY_PACKETS};
    int error = make(mux, &config, SIMC_PID_SDT, &mux->relay);
    if (error)
        return error;
    mux->relay->is_relay = true;
    mux->relay->item.rank = SIMC__MUX_RANK_PSI;
    return 0;
}

void simc__mux_relay(struct simc__mux *mux, struct simc_slice section)
{
    /* What does not fit comes again: these tables are repeated. It is counted as rejected. */
    int error = put_sections(mux, mux->relay, &section, 1, SIMC_SECTIONS_APART);
    (void)error;
}
