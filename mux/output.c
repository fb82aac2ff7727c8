/* SPDX-License-Identifier: BSL-1.0 */
/* The output, packet by packet: which slot comes next, what goes into it, and the blocks that the
 * program takes with simc__mux_run(). */
#include <string.h>

#include "mux/internal.h"

enum {
    STALL_MS = 1000,
    FILL_MS = 100,
    ROOM_MS = 20,       /* that a title waits for a free slot, where it has no null packets now */
    NULL_ROOM_MS = 200, /* and where it has: it keeps its constant rate if at all possible */
    AHEAD = 6,
};

/* Ticks of one packet at 1 bit per second. */
#define PACKET_TICKS (UINT64_C(188 * 8) * SIMC_PCR_HZ)

uint64_t simc__mux_tick(const struct simc__mux *mux, uint64_t now_ns)
{
    if (now_ns <= mux->start_ns)
        return 0;
    uint64_t ns = now_ns - mux->start_ns;
    return ns / 1000 * 27 + ns % 1000 * 27 / 1000;
}

uint64_t simc__mux_tick_ns(const struct simc__mux *mux, uint64_t tick)
{
    return mux->start_ns + tick / 27 * 1000 + tick % 27 * 1000 / 27;
}

void simc__mux_slot_rate(struct simc__mux *mux)
{
    uint64_t bitrate = mux->config->bitrate ? mux->config->bitrate : 1;
    mux->slot_ticks = PACKET_TICKS / bitrate;
    mux->slot_rest = PACKET_TICKS % bitrate;
    mux->rest = 0;
}

static inline void next_slot(struct simc__mux *mux)
{
    mux->tick += mux->slot_ticks;
    mux->rest += mux->slot_rest;
    if (mux->rest >= mux->config->bitrate) {
        mux->rest -= mux->config->bitrate;
        mux->tick++;
    }
}

/* The first slot at or behind a tick. @return slots passed over. */
static uint64_t skip_slots(struct simc__mux *mux, uint64_t target)
{
    uint64_t skipped = 0;
    while (mux->tick < target) {
        uint64_t bitrate = mux->config->bitrate;
        uint64_t ticks =
            target - mux->tick < SIMC__MUX_SECOND ? target - mux->tick : SIMC__MUX_SECOND;
        uint64_t way = ticks * bitrate;
        uint64_t count = way > mux->rest ? (way - mux->rest + PACKET_TICKS - 1) / PACKET_TICKS : 1;
        uint64_t sum = count * PACKET_TICKS + mux->rest;
        mux->tick += sum / bitrate;
        mux->rest = sum % bitrate;
        skipped += count;
    }
    return skipped;
}

/* ---- packets of the inputs ---- */

void simc__mux_scramble_jobs(struct simc__mux *mux)
{
    if (mux->job_count == 0)
        return;
    if (simc_scramble(mux->scrambler, mux->jobs, mux->job_count))
        mux->is_failed = true;
    for (uint32_t i = 0; i < mux->job_count; i++)
        if (mux->scgs[mux->jobs[i].slot])
            mux->scgs[mux->jobs[i].slot]->jobs = 0;
    mux->job_count = 0;
}

static void restamp(struct simc__mux *mux, struct simc__mux_input *input,
                    const struct simc__mux_route *route, const struct simc__mux_out *out,
                    uint8_t *packet, uint64_t tick)
{
    struct simc__mux_pcr *pcr = out->pcr ? mux->pcrs[out->pcr - 1] : NULL;
    if (route->clock == 0 || mux->config->rate == SIMC__MUX_REPLACE)
        return;
    struct simc__mux_clock *clock = &input->clocks[route->clock - 1];
    uint64_t base = 0;
    for (int i = 0; i < 6; i++)
        base = base << 8 | packet[6 + i];
    clock->has_left = true;
    clock->left_base = base % SIMC_PCR_WRAP;
    clock->left_due = input->head_due;
    simc_pcr_put(packet + 6, simc__mux_clock_pcr(clock, clock->left_base, clock->left_due, tick));
    if (pcr) {
        pcr->clock = route->clock;
        simc__mux_pcr_left(mux, pcr, tick, true);
    }
}

static inline enum simc__mux_class scramble_later(struct simc__mux *mux,
                                                  const struct simc__mux_out *out, uint8_t *packet,
                                                  uint64_t tick)
{
    struct simc__mux_scg *scg = mux->scgs[out->scg - 1];
    /* With a payload, and not scrambled by somebody else. */
    bool is_for_us = (packet[3] & 0xd0) == 0x10;
    if (!is_for_us)
        return SIMC__MUX_CLASS_CLEAR;
    if (SIMC_UNLIKELY(scg->report != 0) && simc_ts_payload_at(packet) <= SIMC_TS_SIZE - 16)
        simc__mux_period_first(mux, scg, tick);
    if (!scg->is_on)
        return SIMC__MUX_CLASS_CLEAR;
    struct simc_scramble_job *job = &mux->jobs[mux->job_count++];
    job->packet = packet;
    job->slot = scg->index;
    job->parity = scg->parity;
    scg->jobs |= (uint8_t)(1u << scg->parity);
    scg->packets++;
    return SIMC__MUX_CLASS_SCRAMBLED;
}

/* Puts the first packet of an input into the block, if it goes there at all. */
static inline bool emit_input(struct simc__mux *mux, struct simc__mux_input *input, uint64_t tick)
{
    const uint8_t *from = input->entries[input->read & input->mask].packet;
    struct simc__mux_route *route = &input->routes[simc_ts_pid(from)];
    __builtin_prefetch(&input->entries[(input->read + AHEAD) & input->mask]);
    __builtin_prefetch(&input->entries[(input->read + AHEAD) & input->mask].packet[64]);
    __builtin_prefetch(&input->entries[(input->read + AHEAD) & input->mask].packet[128]);
    if (SIMC_UNLIKELY(route->kind != SIMC__MUX_KIND_PASS)) {
        if (route->kind >= SIMC__MUX_KIND_PSI)
            simc__mux_follow(mux, input, &input->watches[route->watch], from);
        mux->counters[SIMC__MUX_COUNTER_PACKETS_HELD] += route->kind == SIMC__MUX_KIND_HELD;
        return false;
    }
    struct simc__mux_out *out = &mux->outs[route->out];
    uint8_t *packet = mux->packets + (size_t)mux->block_count * SIMC_TS_SIZE;
    memcpy(packet, from, SIMC_TS_SIZE);
    packet[1] = (uint8_t)((from[1] & 0xe0) | route->out >> 8);
    packet[2] = (uint8_t)route->out;
    if (from[3] & 0x10) {
        packet[3] = (uint8_t)((from[3] & 0xf0) | out->cc);
        out->cc = (out->cc + 1) & 0xf;
    } else {
        packet[3] = (uint8_t)((from[3] & 0xf0) | ((out->cc - 1) & 0xf));
    }
    if ((from[3] & 0x20) && simc_ts_has_pcr(from))
        restamp(mux, input, route, out, packet, tick);
    out->packets++;
    enum simc__mux_class class_index = (enum simc__mux_class)out->class_index;
    if (out->scg != 0)
        class_index = scramble_later(mux, out, packet, tick);
    mux->classes[class_index]++;
    return true;
}

static inline void commit(struct simc__mux *mux, uint64_t tick)
{
    mux->ticks[mux->block_count++] = tick;
}

static void put_null(struct simc__mux *mux, uint64_t tick)
{
    static const uint8_t head[4] = {0x47, 0x1f, 0xff, 0x10};
    uint8_t *packet = mux->packets + (size_t)mux->block_count * SIMC_TS_SIZE;
    memset(packet + 4, 0xff, SIMC_TS_SIZE - 4);
    memcpy(packet, head, sizeof head);
    mux->classes[SIMC__MUX_CLASS_NULLS]++;
    commit(mux, tick);
}

/* Puts the most urgent packet of those that wait into the block. */
static bool insert(struct simc__mux *mux, uint64_t tick)
{
    while (mux->ready.count > 0) {
        if (simc__mux_emit(mux, tick, mux->packets + (size_t)mux->block_count * SIMC_TS_SIZE)) {
            commit(mux, tick);
            return true;
        }
    }
    return false;
}

/* Timers, and what they and the packets before have changed. */
static void settle(struct simc__mux *mux)
{
    for (int i = 0; i < 3 && (mux->next_tick <= mux->tick || mux->is_route_due || mux->is_psi_due);
         i++) {
        if (mux->is_route_due)
            simc__mux_route(mux);
        if (mux->next_tick <= mux->tick)
            simc__mux_fire(mux, mux->tick);
        if (mux->is_psi_due)
            simc__mux_tables(mux);
    }
}

static bool is_settled(const struct simc__mux *mux)
{
    return mux->next_tick > mux->tick && !mux->is_route_due && !mux->is_psi_due;
}

/* The input whose first packet is due first, and how long it stays that. */
static struct simc__mux_input *earliest(struct simc__mux *mux, uint64_t *until)
{
    struct simc__mux_input *best = NULL;
    uint64_t second = SIMC__MUX_NEVER;
    for (uint32_t i = 0; i < mux->input_count; i++) {
        struct simc__mux_input *input = mux->inputs[i];
        if (SIMC_UNLIKELY(input->head_due == SIMC__MUX_NEVER && input->timed != input->write &&
                          !mux->config->is_file && input->has_step &&
                          mux->tick >= input->open_tick))
            simc__mux_timing_force(mux, input);
        if (input->head_due == SIMC__MUX_NEVER) {
            if (mux->config->is_file && !input->has_ended && input->open_tick < second)
                second = input->open_tick;
            continue;
        }
        if (!best || input->head_due < best->head_due) {
            second = best && best->head_due < second ? best->head_due : second;
            best = input;
        } else if (input->head_due < second) {
            second = input->head_due;
        }
    }
    *until = second;
    return best;
}

/* File mode: the input that must be fed before this slot can be filled. */
static const struct simc__mux_input *starving(const struct simc__mux *mux)
{
    for (uint32_t i = 0; i < mux->input_count; i++) {
        const struct simc__mux_input *input = mux->inputs[i];
        bool is_empty = input->head_due == SIMC__MUX_NEVER;
        bool is_now = mux->tick >= input->open_tick || mux->config->rate == SIMC__MUX_REPLACE;
        if (is_empty && !input->has_ended && is_now)
            return input;
    }
    return NULL;
}

static bool is_drained(const struct simc__mux *mux)
{
    for (uint32_t i = 0; i < mux->input_count; i++)
        if (!mux->inputs[i]->has_ended || mux->inputs[i]->read != mux->inputs[i]->write)
            return false;
    return true;
}

/* ---- slots of a constant grid ---- */

/* Fills slots from one input as long as nothing else wants one. @return false: this slot is left.
 */
static bool fill_run(struct simc__mux *mux, struct simc__mux_input *input, uint64_t until,
                     uint64_t limit)
{
    uint64_t late = simc__mux_ms(mux->config->late_ms);
    while (input->head_due <= mux->tick && input->head_due <= until) {
        if (SIMC_UNLIKELY(mux->tick - input->head_due > late)) {
            input->late_drops++;
            mux->counters[SIMC__MUX_COUNTER_PACKETS_LATE]++;
            simc__mux_input_pop(input);
            continue;
        }
        if (emit_input(mux, input, mux->tick)) {
            commit(mux, mux->tick);
            next_slot(mux);
            simc__mux_input_pop(input);
            if (mux->ready.count > 0 || mux->next_tick <= mux->tick || mux->tick >= limit ||
                mux->block_count >= mux->block_limit)
                return true;
            continue;
        }
        simc__mux_input_pop(input);
        if (SIMC_UNLIKELY(!is_settled(mux)))
            return true;
    }
    return false;
}

static void fill_grid(struct simc__mux *mux, uint64_t limit)
{
    bool is_file = mux->config->is_file;
    while (mux->block_count < mux->block_limit && mux->tick < limit) {
        if (!is_settled(mux))
            settle(mux);
        if (mux->ready.count > 0 && insert(mux, mux->tick)) {
            next_slot(mux);
            continue;
        }
        uint64_t until;
        uint64_t before = mux->block_count;
        struct simc__mux_input *input = earliest(mux, &until);
        if (is_file && (starving(mux) || is_drained(mux)))
            break;
        if (input && input->head_due <= mux->tick) {
            uint64_t read = input->read;
            if (fill_run(mux, input, until, limit) || mux->block_count != before ||
                input->read != read)
                continue;
        }
        if (mux->config->rate == SIMC__MUX_CONSTANT) {
            put_null(mux, mux->tick);
            next_slot(mux);
            continue;
        }
        uint64_t target = mux->next_tick < limit ? mux->next_tick : limit;
        if (input && input->head_due < target)
            target = input->head_due;
        for (uint32_t i = 0; i < mux->input_count; i++) {
            /* Packets without a place wait until then, at most. */
            const struct simc__mux_input *other = mux->inputs[i];
            bool waits = other->head_due == SIMC__MUX_NEVER && !other->has_ended &&
                         (is_file || (other->timed != other->write && other->has_step));
            if (waits && other->open_tick < target && other->open_tick > mux->tick)
                target = other->open_tick;
        }
        skip_slots(mux, target > mux->tick ? target : mux->tick + 1);
    }
}

/* ---- slots of the input ---- */

/* A title grows where it has no room: what has waited for too long goes in front of a packet, and
 * in front of the first one goes all that is due, so that a player knows its tables. Slots that are
 * free later make up for it. */
static bool grow(struct simc__mux *mux, const struct simc__mux_input *input, uint64_t tick)
{
    const uint8_t *packet = input->entries[input->read & input->mask].packet;
    bool has_nulls = mux->has_nulls && tick - mux->null_tick < SIMC__MUX_SECOND;
    uint32_t patience_ms = has_nulls ? NULL_ROOM_MS : ROOM_MS;
    if (!mux->config->is_file || mux->ready.count == 0 ||
        (mux->has_passed && tick - mux->room_tick <= simc__mux_ms(patience_ms)) ||
        input->routes[simc_ts_pid(packet)].kind != SIMC__MUX_KIND_PASS || !insert(mux, tick))
        return false;
    mux->grown++;
    return true;
}

static void fill_slot(struct simc__mux *mux, uint64_t tick)
{
    mux->room_tick = tick;
    if (mux->ready.count > 0 && insert(mux, tick))
        return;
    if (mux->grown > 0)
        mux->grown--;
    else
        put_null(mux, tick);
}

static void fill_replace(struct simc__mux *mux, uint64_t limit)
{
    struct simc__mux_input *input = mux->inputs[0];
    uint64_t until;
    while (mux->block_count < mux->block_limit) {
        uint64_t tick;
        bool has_packet = earliest(mux, &until) != NULL;
        if (has_packet) {
            tick = input->head_due;
        } else if (mux->config->is_file) {
            break;
        } else {
            uint64_t step = input->has_step ? input->step_q16 >> 16 : 0;
            if (mux->config->bitrate > 0)
                step = PACKET_TICKS / mux->config->bitrate;
            if (step == 0)
                break;
            /* Null packets go on at the old pace, a little behind, so that an input that comes
             * back in time finds its place free. */
            tick = mux->tick + step;
            if (tick + simc__mux_ms(FILL_MS) > limit)
                break;
        }
        tick = tick > mux->tick ? tick : mux->tick;
        if (tick >= limit)
            break;
        mux->tick = tick;
        if (!is_settled(mux))
            settle(mux);
        if (has_packet && grow(mux, input, tick))
            continue;
        bool is_passed = has_packet && emit_input(mux, input, tick);
        if (has_packet) {
            const uint8_t *packet = input->entries[input->read & input->mask].packet;
            if (simc_ts_pid(packet) == SIMC_PID_NULL) {
                mux->has_nulls = true;
                mux->null_tick = tick;
            }
            simc__mux_input_pop(input);
        }
        if (!is_passed) {
            fill_slot(mux, tick);
            continue;
        }
        commit(mux, tick);
        mux->has_passed = true;
    }
}

/* ---- blocks ---- */

/* File mode: orders are complete up to here. */
static uint64_t granted(const struct simc__mux *mux, uint32_t *scg_id)
{
    uint64_t limit = SIMC__MUX_NEVER;
    uint32_t count = 0;
    *scg_id = 0;
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *scg = mux->scgs[i];
        if (!scg || scg->is_static)
            continue;
        count++;
        if (scg->planned_tick < limit) {
            limit = scg->planned_tick;
            *scg_id = scg->scg_id;
        }
    }
    return count < mux->config->scgs_awaited ? 0 : limit;
}

static void explain(struct simc__mux *mux, uint64_t limit, uint32_t scg_id,
                    struct simc__mux_block *block)
{
    block->wait_tick = mux->tick;
    if (!mux->config->is_file) {
        uint64_t lead = simc__mux_ms(mux->config->lead_ms);
        block->wait = SIMC__MUX_WAIT_CLOCK;
        uint64_t next = mux->tick > mux->live_tick + lead ? mux->tick : mux->live_tick + lead;
        block->wait_ns = simc__mux_tick_ns(mux, next - lead + SIMC__MUX_TICKS_PER_MS);
        return;
    }
    const struct simc__mux_input *input = starving(mux);
    if (is_drained(mux)) {
        block->wait = SIMC__MUX_WAIT_END;
        if (!mux->is_ended)
            mux->news |= SIMC__MUX_NEWS_TIMELINE;
        mux->is_ended = true;
    } else if (input) {
        block->wait = SIMC__MUX_WAIT_INPUT;
        block->wait_input = input->index;
    } else {
        block->wait = SIMC__MUX_WAIT_SCS;
        block->wait_scg = scg_id;
        block->wait_tick = limit > mux->tick ? limit : mux->tick;
    }
}

/* A live engine that was not called for long does not make up for it. */
static void skip_stall(struct simc__mux *mux)
{
    if (mux->config->rate == SIMC__MUX_REPLACE ||
        mux->live_tick <= mux->tick + simc__mux_ms(STALL_MS))
        return;
    uint64_t ms = (mux->live_tick - mux->tick) / SIMC__MUX_TICKS_PER_MS;
    mux->counters[SIMC__MUX_COUNTER_SLOTS_SKIPPED] += skip_slots(mux, mux->live_tick);
    simc__mux_alarm_raise(mux, simc__mux_alarm_of(SIMC__MUX_ALARM_STALLED), 10000,
                          "the output stood still for %llu ms, because the program did not get to "
                          "run",
                          (unsigned long long)ms);
}

int simc__mux_run(struct simc__mux *mux, uint64_t now_ns, struct simc__mux_block *block)
{
    *block = (struct simc__mux_block){0};
    mux->block_count = 0;
    if (mux->is_failed)
        return SIMC_ENOMEM;
    if (!mux->has_started) {
        mux->has_started = true;
        mux->start_ns = now_ns;
    }
    uint32_t scg_id = 0;
    uint64_t limit;
    if (mux->config->is_file) {
        limit = granted(mux, &scg_id);
    } else {
        mux->live_tick = simc__mux_tick(mux, now_ns);
        limit = mux->live_tick + simc__mux_ms(mux->config->lead_ms);
        skip_stall(mux);
    }
    if (mux->config->rate == SIMC__MUX_REPLACE)
        fill_replace(mux, limit);
    else
        fill_grid(mux, limit);
    simc__mux_scramble_jobs(mux);
    if (mux->is_failed)
        return SIMC_ENOMEM;
    if (mux->block_count == 0) {
        explain(mux, limit, scg_id, block);
        return SIMC_EAGAIN;
    }
    mux->last_tick = mux->ticks[mux->block_count - 1];
    mux->counters[SIMC__MUX_COUNTER_PACKETS_OUT] += mux->block_count;
    if (mux->config->is_file &&
        mux->tick - mux->told_tick > simc__mux_ms(mux->config->horizon_ms) / 8) {
        mux->told_tick = mux->tick;
        mux->news |= SIMC__MUX_NEWS_TIMELINE;
    }
    block->packets = mux->packets;
    block->ticks = mux->ticks;
    block->count = mux->block_count;
    return 0;
}
