/* SPDX-License-Identifier: BSL-1.0 */
/* When the packets of an input are due: the reference PCR puts a line through the packets between
 * two of its values; other PCRs follow it. input.c calls this for each PCR, output.c when packets
 * wait longer than they should. */
#include "mux/internal.h"

enum {
    SILENCE = 16,   /* PCRs of other PIDs after which the reference is another one */
    PHASE_MS = 100, /* an arrival this far from its place is no jitter any more */
    IDLE_POSITIONS = 100000,
};

#define STEP_MAX (SIMC__MUX_SECOND << 16)

uint64_t simc__mux_timing_at(const struct simc__mux_input *input, uint32_t position)
{
    return input->open_tick +
           ((uint64_t)(uint32_t)(position - input->open_position) * input->step_q16 >> 16);
}

static int64_t threshold(const struct simc__mux_input *input)
{
    uint32_t ms = input->config.delay_ms > PHASE_MS ? input->config.delay_ms : PHASE_MS;
    return (int64_t)simc__mux_ms(ms);
}

/* Gives the entries before `end` their places. @return false: no room for one more segment. */
static bool close_segment(struct simc__mux_input *input, uint64_t end, uint64_t step_q16)
{
    if (end == input->timed)
        return true;
    if (input->segment_write - input->segment_read >= SIMC__MUX_SEGMENTS)
        return false;
    struct simc__mux_segment *segment =
        &input->segments[input->segment_write++ % SIMC__MUX_SEGMENTS];
    segment->end = end;
    segment->due_tick = input->open_tick;
    segment->step_q16 = step_q16;
    segment->position = input->open_position;
    bool was_empty = input->timed == input->read;
    input->timed = end;
    if (was_empty)
        simc__mux_input_due(input);
    return true;
}

static struct simc__mux_clock *clock_of(struct simc__mux_input *input, uint16_t pid,
                                        uint32_t position)
{
    struct simc__mux_route *route = &input->routes[pid];
    if (route->clock > 0)
        return &input->clocks[route->clock - 1];
    struct simc__mux_clock *clock = NULL;
    if (input->clock_count < input->clock_limit) {
        clock = &input->clocks[input->clock_count++];
    } else {
        for (uint32_t i = 0; i < input->clock_count; i++) {
            struct simc__mux_clock *old = &input->clocks[i];
            if (position - old->position > IDLE_POSITIONS && i + 1 != input->reference)
                clock = old;
        }
        if (!clock)
            return NULL;
        input->routes[clock->pid].clock = 0;
    }
    *clock = (struct simc__mux_clock){.pid = pid, .position = position};
    route->clock = (uint8_t)(clock - input->clocks + 1);
    return clock;
}

/* Writes into the packet what restamping needs: PCR = base + the tick at which it leaves. */
static void mark(const struct simc__mux *mux, uint8_t *packet, uint64_t pcr, uint64_t tick,
                 enum simc__mux_clock_event event)
{
    if (event != SIMC__MUX_CLOCK_GOOD)
        packet[5] |= 0x80;
    if (mux->config->rate == SIMC__MUX_REPLACE)
        return;
    uint64_t base = (pcr + SIMC_PCR_WRAP - tick % SIMC_PCR_WRAP) % SIMC_PCR_WRAP;
    for (int i = 0; i < 6; i++)
        packet[6 + i] = (uint8_t)(base >> (40 - 8 * i));
}

static void note_jump(struct simc__mux *mux, struct simc__mux_input *input,
                      const struct simc__mux_clock *clock, enum simc__mux_clock_event event,
                      bool is_announced)
{
    if (event != SIMC__MUX_CLOCK_JUMP)
        return;
    input->counters[SIMC__MUX_INPUT_JUMPS_COUNT]++;
    if (!is_announced)
        simc__mux_alarm_raise(
            mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_CLOCK_JUMP, input->index), 10000,
            "the PCRs of PID 0x%04x of input \"%s\" jumped, %llu jumps so far", clock->pid,
            input->config.name, (unsigned long long)input->counters[SIMC__MUX_INPUT_JUMPS_COUNT]);
}

/* A PCR that the reference, or the packets themselves, have put in its place already. */
static void follow(struct simc__mux *mux, struct simc__mux_input *input,
                   struct simc__mux_clock *clock, uint8_t *packet, uint32_t position, uint64_t due)
{
    uint64_t pcr = simc_pcr_get(packet + 6);
    uint64_t expected = (uint64_t)(uint32_t)(position - clock->position) * input->step_q16 >> 16;
    int64_t off = simc_pcr_distance(pcr, clock->pcr) - (int64_t)expected;
    struct simc__mux_clock_look look = {
        .tick = due,
        .is_consistent = off < threshold(input) && off > -threshold(input),
        .threshold = threshold(input),
    };
    bool is_announced = packet[5] & 0x80;
    uint64_t tick;
    enum simc__mux_clock_event event = simc__mux_clock_push(clock, pcr, &look, &tick);
    clock->position = position;
    note_jump(mux, input, clock, event, is_announced);
    mark(mux, packet, pcr, tick, event);
}

/* The PCRs of entries that came before any step was known. */
static void convert(struct simc__mux *mux, struct simc__mux_input *input, uint64_t from,
                    uint64_t to, uint32_t position, uint64_t tick)
{
    for (uint64_t at = from; at < to; at++) {
        struct simc__mux_entry *entry = &input->entries[at & input->mask];
        if (!simc_ts_has_pcr(entry->packet))
            continue;
        struct simc__mux_clock *clock =
            clock_of(input, simc_ts_pid(entry->packet), entry->position);
        uint64_t due =
            tick + ((uint64_t)(uint32_t)(entry->position - position) * input->step_q16 >> 16);
        if (clock)
            follow(mux, input, clock, entry->packet, entry->position, due);
    }
}

/* The second PCR of the reference makes the first step: everything before it gets its place. */
static void start(struct simc__mux *mux, struct simc__mux_input *input,
                  struct simc__mux_clock *clock, uint64_t entry, uint32_t position, uint64_t pcr,
                  uint64_t arrival)
{
    int64_t distance = simc_pcr_distance(pcr, input->first_pcr);
    uint32_t count = position - input->first_position;
    if (!input->has_first || distance <= 0 || distance > (int64_t)SIMC__MUX_SECOND || count == 0) {
        input->has_first = true;
        input->first_pcr = pcr;
        input->first_position = position;
        input->first_tick = arrival + simc__mux_ms(input->config.delay_ms);
        if (!mux->config->is_file) {
            /* Without a clock these packets have no place, and no programme can start with
             * them. */
            input->read = input->timed = entry;
            input->open_position = position;
        }
        return;
    }
    input->has_step = true;
    input->step_q16 = ((uint64_t)distance << 16) / count;
    uint64_t before =
        (uint64_t)(uint32_t)(input->first_position - input->open_position) * input->step_q16 >> 16;
    if (!mux->config->is_file)
        input->open_tick = input->first_tick;
    else if (input->open_tick < simc__mux_ms(input->config.delay_ms))
        input->open_tick = simc__mux_ms(input->config.delay_ms);
    if (mux->config->is_file)
        input->first_tick = input->open_tick + before;
    simc__mux_clock_anchor(clock, input->first_pcr, input->first_tick);
    clock->position = input->first_position;
    uint64_t from = input->timed;
    if (!close_segment(input, entry, input->step_q16))
        return;
    convert(mux, input, from, entry, input->open_position, input->open_tick);
}

/* The step between the last place and this one. */
static void advance(struct simc__mux_input *input, uint64_t entry, uint32_t position, uint64_t tick)
{
    uint32_t count = position - input->open_position;
    uint64_t step = input->step_q16;
    if (count > 0 && tick > input->open_tick) {
        uint64_t distance = tick - input->open_tick;
        if (distance <= SIMC__MUX_SECOND)
            input->step_q16 = step = (distance << 16) / count;
    } else if (count > 0) {
        step = 0;
    }
    uint64_t end = input->open_tick + ((uint64_t)count * step >> 16);
    if (!close_segment(input, entry, step))
        return;
    input->open_position = position;
    input->open_tick = tick > end ? tick : end;
}

static void reference(struct simc__mux *mux, struct simc__mux_input *input,
                      struct simc__mux_clock *clock, uint64_t entry, uint32_t position,
                      uint64_t arrival)
{
    uint8_t *packet = input->entries[entry & input->mask].packet;
    uint64_t pcr = simc_pcr_get(packet + 6);
    bool is_file = mux->config->is_file;
    uint64_t expected = simc__mux_timing_at(input, position);
    uint64_t steps = (uint64_t)(uint32_t)(position - clock->position) * input->step_q16 >> 16;
    int64_t off = simc_pcr_distance(pcr, clock->pcr) - (int64_t)steps;
    struct simc__mux_clock_look look = {
        .tick = is_file ? expected : arrival + simc__mux_ms(input->config.delay_ms),
        .is_exact = is_file,
        .is_consistent = off < threshold(input) && off > -threshold(input),
        .threshold = threshold(input),
    };
    bool is_announced = packet[5] & 0x80;
    uint64_t tick;
    enum simc__mux_clock_event event = simc__mux_clock_push(clock, pcr, &look, &tick);
    clock->position = position;
    input->reference_silence = 0;
    note_jump(mux, input, clock, event, is_announced);
    if (event == SIMC__MUX_CLOCK_GOOD) {
        advance(input, entry, position, tick);
    } else {
        /* The packets before it keep the old pace. */
        if (tick < expected) {
            tick = expected;
            simc__mux_clock_anchor(clock, pcr, tick);
        }
        if (close_segment(input, entry, input->step_q16)) {
            input->open_position = position;
            input->open_tick = tick;
        }
    }
    mark(mux, packet, pcr, tick, event);
}

void simc__mux_timing_pcr(struct simc__mux *mux, struct simc__mux_input *input, uint64_t entry,
                          uint32_t position, uint64_t arrival)
{
    uint8_t *packet = input->entries[entry & input->mask].packet;
    struct simc__mux_clock *clock = clock_of(input, simc_ts_pid(packet), position);
    if (!clock) {
        /* Too many PCR PIDs: this one loses its PCR rather than carry a wrong one. */
        packet[5] &= 0xef;
        return;
    }
    uint32_t number = (uint32_t)(clock - input->clocks) + 1;
    bool is_by_pcr = input->config.timing == SIMC__MUX_TIMING_PCR;
    if (is_by_pcr && (input->reference == 0 ||
                      (input->reference != number && ++input->reference_silence >= SILENCE))) {
        input->reference = number;
        input->reference_silence = 0;
        input->has_first = false;
    }
    if (is_by_pcr && input->reference == number && !input->has_step)
        start(mux, input, clock, entry, position, simc_pcr_get(packet + 6), arrival);
    if (!input->has_step)
        return;
    if (is_by_pcr && input->reference == number)
        reference(mux, input, clock, entry, position, arrival);
    else
        follow(mux, input, clock, packet, position, simc__mux_timing_at(input, position));
}

void simc__mux_timing_force(struct simc__mux *mux, struct simc__mux_input *input)
{
    if (input->timed == input->write)
        return;
    if (!input->has_step) {
        uint64_t bitrate = mux->config->bitrate ? mux->config->bitrate : 1000000;
        input->has_step = true;
        input->step_q16 = (UINT64_C(188 * 8) * SIMC_PCR_HZ << 16) / bitrate;
        if (mux->config->is_file && input->open_tick < simc__mux_ms(input->config.delay_ms))
            input->open_tick = simc__mux_ms(input->config.delay_ms);
        convert(mux, input, input->timed, input->write, input->open_position, input->open_tick);
    }
    uint64_t end = simc__mux_timing_at(input, input->position);
    if (close_segment(input, input->write, input->step_q16)) {
        input->open_position = input->position;
        input->open_tick = end;
    }
}

void simc__mux_timing_return(struct simc__mux_input *input, uint64_t arrival, size_t count)
{
    if (!input->has_step || input->timed != input->write)
        return;
    uint64_t early = (uint64_t)count * input->step_q16 >> 16;
    uint64_t wished = arrival + simc__mux_ms(input->config.delay_ms);
    wished -= early < wished ? early : wished;
    if (wished <= simc__mux_timing_at(input, input->position) + simc__mux_ms(PHASE_MS))
        return;
    input->open_position = input->position;
    input->open_tick = wished;
}

void simc__mux_timing_arrival(struct simc__mux *mux, struct simc__mux_input *input,
                              uint64_t arrival)
{
    /* Called in front of the packets: they are put one step apart, from the arrival of the packets
     * before them on. */
    uint64_t wished = arrival + simc__mux_ms(input->config.delay_ms);
    bool is_far = input->open_tick > wished ? input->open_tick - wished > simc__mux_ms(PHASE_MS)
                                            : wished - input->open_tick > simc__mux_ms(PHASE_MS);
    if (input->timed == input->write)
        input->open_position = input->position;
    bool is_free = input->timed == input->write;
    if (input->config.timing == SIMC__MUX_TIMING_BITRATE) {
        input->step_q16 = (UINT64_C(188 * 8) * SIMC_PCR_HZ << 16) / input->config.bitrate;
        if (input->step_q16 > STEP_MAX)
            input->step_q16 = STEP_MAX;
        if (!input->has_step || (is_far && is_free && !mux->config->is_file))
            input->open_tick = wished;
    } else {
        input->step_q16 = 0;
        if (is_free)
            input->open_tick = wished > input->open_tick || is_far ? wished : input->open_tick;
    }
    input->has_step = true;
}

void simc__mux_timing_break(struct simc__mux *mux, struct simc__mux_input *input)
{
    if (input->has_step)
        simc__mux_timing_force(mux, input);
    input->reference = 0;
    input->has_first = false;
    for (uint32_t i = 0; i < input->clock_count; i++)
        input->clocks[i].is_broken = true;
}
