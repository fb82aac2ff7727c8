/* SPDX-License-Identifier: BSL-1.0 */
/* The packet buffer of an input: packets come in with simc__mux_input_feed(), get their due ticks
 * (timing.c), and output.c takes them from the front. */
#include <string.h>

#include "mux/internal.h"

enum { BUFFER_DEFAULT = 4096, CC_NONE = 0x80 };

int simc__mux_input_new(struct simc__mux *mux, const struct simc__mux_input_config *config,
                        struct simc__mux_input **made)
{
    uint32_t limit = mux->config->program_limit;
    uint64_t count = 1;
    while (count < (config->buffer_count ? config->buffer_count : BUFFER_DEFAULT))
        count *= 2;
    struct simc__mux_input *input =
        (struct simc__mux_input *)simc_calloc(1, sizeof(struct simc__mux_input));
    *made = NULL;
    if (!input)
        return SIMC_ENOMEM;
    input->config = *config;
    input->mask = count - 1;
    input->program_limit = limit;
    input->clock_limit = limit + 4 < SIMC__MUX_CLOCKS_MAX ? limit + 4 : SIMC__MUX_CLOCKS_MAX;
    input->watch_count = limit + SIMC__MUX_WATCH_PMT;
    input->head_due = SIMC__MUX_NEVER;
    input->ts_id = 1;
    input->network_id = 1;
    size_t sizes[] = {count * sizeof(struct simc__mux_entry),
                      input->clock_limit * sizeof(struct simc__mux_clock),
                      input->watch_count * sizeof(struct simc__mux_watch),
                      limit * sizeof(struct simc__mux_program),
                      SIMC_TS_PID_COUNT * sizeof(struct simc__mux_route)};
    input->entries = (struct simc__mux_entry *)simc_alloc(sizes[0]);
    input->clocks = (struct simc__mux_clock *)simc_calloc(1, sizes[1]);
    input->watches = (struct simc__mux_watch *)simc_calloc(1, sizes[2]);
    input->programs = (struct simc__mux_program *)simc_calloc(1, sizes[3]);
    input->routes = (struct simc__mux_route *)simc_calloc(1, sizes[4]);
    bool is_good =
        input->entries && input->clocks && input->watches && input->programs && input->routes;
    for (uint32_t i = 0; is_good && i < input->watch_count; i++)
        is_good = simc_section_assembler_init(&input->watches[i].assembler, SIMC_PSI_SIZE_MAX) == 0;
    if (!is_good) {
        simc__mux_input_free(NULL, input);
        return SIMC_ENOMEM;
    }
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
        input->routes[pid].cc = CC_NONE;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        mux->memory += sizes[i];
    mux->memory += sizeof *input + (size_t)input->watch_count * SIMC_PSI_SIZE_MAX;
    *made = input;
    return 0;
}

void simc__mux_input_free(struct simc__mux *mux, struct simc__mux_input *input)
{
    if (!input)
        return;
    if (mux)
        mux->memory -= sizeof *input + (input->mask + 1) * sizeof(struct simc__mux_entry) +
                       input->clock_limit * sizeof(struct simc__mux_clock) +
                       input->watch_count * sizeof(struct simc__mux_watch) +
                       input->program_limit * sizeof(struct simc__mux_program) +
                       SIMC_TS_PID_COUNT * sizeof(struct simc__mux_route) +
                       (size_t)input->watch_count * SIMC_PSI_SIZE_MAX;
    for (uint32_t i = 0; input->watches && i < input->watch_count; i++)
        simc_section_assembler_fini(&input->watches[i].assembler);
    simc_free(input->entries);
    simc_free(input->clocks);
    simc_free(input->watches);
    simc_free(input->programs);
    simc_free(input->routes);
    simc_free(input);
}

/* ---- reading ---- */

void simc__mux_input_due(struct simc__mux_input *input)
{
    if (input->read == input->timed) {
        input->head_due = SIMC__MUX_NEVER;
        return;
    }
    while (input->segments[input->segment_read % SIMC__MUX_SEGMENTS].end <= input->read)
        input->segment_read++;
    const struct simc__mux_segment *segment =
        &input->segments[input->segment_read % SIMC__MUX_SEGMENTS];
    uint32_t steps = input->entries[input->read & input->mask].position - segment->position;
    input->head_due = segment->due_tick + ((uint64_t)steps * segment->step_q16 >> 16);
}

void simc__mux_input_pop(struct simc__mux_input *input)
{
    input->read++;
    simc__mux_input_due(input);
}

/* ---- feeding ---- */

/* A counter that is not the next one: a repeated packet, which goes no further, or a loss. */
static bool is_duplicate(struct simc__mux_input *input, const struct simc__mux_route *route,
                         const uint8_t *packet)
{
    if ((packet[3] & 0xf) != route->cc) {
        if (!simc_ts_discontinuity(packet))
            input->counters[SIMC__MUX_INPUT_LOST_COUNT]++;
        return false;
    }
    /* The packet before it may still stand in the buffer. Its PCR may differ. */
    uint32_t back = (uint32_t)input->write - route->entry;
    const uint8_t *before = input->entries[route->entry & input->mask].packet;
    unsigned at = simc_ts_has_pcr(packet) ? 12 : 4;
    if (back == 0 || back > input->mask || simc_ts_pid(before) != simc_ts_pid(packet) ||
        memcmp(before + at, packet + at, SIMC_TS_SIZE - at) != 0) {
        input->counters[SIMC__MUX_INPUT_LOST_COUNT]++;
        return false;
    }
    input->counters[SIMC__MUX_INPUT_DUPLICATES_COUNT]++;
    return true;
}

/* No room. File mode waits; a live input without a clock starts anew, others lose the packet. */
static bool make_room(struct simc__mux *mux, struct simc__mux_input *input)
{
    if (input->timed == input->read && mux->config->is_file) {
        simc__mux_timing_force(mux, input);
        simc__mux_alarm_raise(mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_NO_CLOCK, input->index),
                              10000,
                              "input \"%s\" had no PCR in %llu packets; they go out at the last "
                              "rate known",
                              input->config.name, (unsigned long long)(input->mask + 1));
        return false;
    }
    if (mux->config->is_file)
        return false;
    if (!input->has_step) {
        input->counters[SIMC__MUX_INPUT_DROPPED_COUNT] += input->write - input->read;
        input->read = input->timed = input->write;
        input->has_open = false;
        input->has_first = false;
        return true;
    }
    return false;
}

static void note_null(struct simc__mux_input *input, bool is_bad)
{
    input->counters[is_bad ? SIMC__MUX_INPUT_BAD_COUNT : SIMC__MUX_INPUT_NULLS_COUNT]++;
}

/* One packet. @return false: file mode, and the buffer is full. */
static inline bool take(struct simc__mux *mux, struct simc__mux_input *input, const uint8_t *packet,
                        uint64_t arrival)
{
    static const uint8_t null_head[4] = {0x47, 0x1f, 0xff, 0x10};
    uint16_t pid = simc_ts_pid(packet);
    bool is_bad = !simc_ts_valid(packet) || simc_ts_error(packet);
    bool is_null = pid == SIMC_PID_NULL || is_bad;
    bool keeps_nulls = mux->config->rate == SIMC__MUX_REPLACE;
    struct simc__mux_route *route = &input->routes[pid];
    bool has_payload = packet[3] & 0x10;
    if (SIMC_UNLIKELY(is_null && !keeps_nulls)) {
        note_null(input, is_bad);
        input->position++;
        return true;
    }
    if (SIMC_UNLIKELY(route->kind == SIMC__MUX_KIND_SKIP && !keeps_nulls &&
                      !simc_ts_has_pcr(packet))) {
        input->position++;
        return true;
    }
    if (SIMC_UNLIKELY(input->write - input->read > input->mask) && !make_room(mux, input)) {
        if (mux->config->is_file)
            return false;
        input->counters[SIMC__MUX_INPUT_DROPPED_COUNT]++;
        input->position++;
        return true;
    }
    if (SIMC_UNLIKELY(is_null))
        note_null(input, is_bad);
    if (!is_null && has_payload) {
        uint8_t cc = packet[3] & 0xf;
        if (SIMC_UNLIKELY(cc != ((route->cc + 1) & 0xf)) && route->cc != CC_NONE &&
            is_duplicate(input, route, packet)) {
            if (!keeps_nulls) {
                input->position++;
                return true;
            }
            is_null = true;
        }
        route->cc = cc;
        if (!is_null)
            route->entry = (uint32_t)input->write;
    }
    if (SIMC_UNLIKELY(!input->has_open)) {
        input->has_open = true;
        input->open_position = input->position;
    }
    struct simc__mux_entry *entry = &input->entries[input->write & input->mask];
    memcpy(entry->packet, packet, SIMC_TS_SIZE);
    entry->position = input->position;
    if (SIMC_UNLIKELY(is_null))
        memcpy(entry->packet, null_head, sizeof null_head);
    else if ((packet[3] & 0x20) && simc_ts_has_pcr(packet))
        simc__mux_timing_pcr(mux, input, input->write, input->position, arrival);
    input->write++;
    input->position++;
    return true;
}

int simc__mux_input_feed(struct simc__mux *mux, uint32_t index, const uint8_t *packets,
                         size_t count, size_t stride, uint64_t arrival_ns, size_t *taken)
{
    *taken = 0;
    if (stride < SIMC_TS_SIZE || stride > SIMC_TS_STRIDE_MAX)
        return SIMC_EINVAL;
    if (index >= mux->input_count)
        return SIMC_ENOTFOUND;
    struct simc__mux_input *input = mux->inputs[index];
    if (!mux->has_started) {
        mux->has_started = true;
        mux->start_ns = arrival_ns;
    }
    uint64_t arrival = mux->config->is_file ? 0 : simc__mux_tick(mux, arrival_ns);
    if (input->config.timing != SIMC__MUX_TIMING_PCR)
        simc__mux_timing_arrival(mux, input, arrival);
    else if (!mux->config->is_file)
        simc__mux_timing_return(input, arrival, count);
    size_t i = 0;
    for (; i < count; i++) {
        uint64_t early = input->has_step ? (count - 1 - i) * input->step_q16 >> 16 : 0;
        if (!take(mux, input, packets + i * stride, arrival > early ? arrival - early : 0))
            break;
    }
    if (input->config.timing != SIMC__MUX_TIMING_PCR)
        simc__mux_timing_force(mux, input);
    input->counters[SIMC__MUX_INPUT_PACKETS_COUNT] += i;
    if (i > 0) {
        input->arrival_tick = arrival;
        input->has_arrived = true;
        if (input->state != SIMC__MUX_INPUT_RUNNING) {
            input->state = SIMC__MUX_INPUT_RUNNING;
            simc__mux_alarm_clear(
                mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_INPUT_LOST, input->index));
        }
    }
    uint32_t buffered = (uint32_t)(input->write - input->read);
    if (buffered > input->buffered_max)
        input->buffered_max = buffered;
    *taken = i;
    return 0;
}

void simc__mux_input_break(struct simc__mux *mux, uint32_t index)
{
    if (index >= mux->input_count)
        return;
    struct simc__mux_input *input = mux->inputs[index];
    simc__mux_timing_break(mux, input);
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
        input->routes[pid].cc = CC_NONE;
}

void simc__mux_input_end(struct simc__mux *mux, uint32_t index)
{
    if (index >= mux->input_count || !mux->config->is_file)
        return;
    struct simc__mux_input *input = mux->inputs[index];
    simc__mux_timing_force(mux, input);
    input->has_ended = true;
    input->state = SIMC__MUX_INPUT_ENDED;
}

size_t simc__mux_input_room(const struct simc__mux *mux, uint32_t index)
{
    if (index >= mux->input_count)
        return 0;
    const struct simc__mux_input *input = mux->inputs[index];
    return (size_t)(input->mask + 1 - (input->write - input->read));
}
