/* SPDX-License-Identifier: BSL-1.0 */
/* An engine of muxd under hostile packets and orders: whatever comes, ticks never fall, every
 * packet has its sync byte, what the engine makes has the right continuity and is clear, and
 * buffers keep to their ceilings. Run by libFuzzer, or over the corpus by the replay driver.
 *
 * Input: one byte of configuration (bits 0..1 rate, bit 2 file mode, bit 3 select, bit 4 keep CA),
 * then operations: one byte (low three bits: which, high bits: how much) and what it needs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mux/mux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

enum operation { FEED, FEED_ZEROS, RUN, ORDER, DEFINE, REMOVE, PUSH, BREAK };

struct state {
    struct simc__mux *mux;
    struct simc_reader in;
    uint64_t now_ns, last_tick;
    uint8_t cc[8192];
    uint16_t made[64]; /* PIDs that the engine owns: ECMs and sources */
    unsigned made_count;
    bool is_file;
    unsigned blocks;
};

static bool is_made(const struct state *state, uint16_t pid)
{
    for (unsigned i = 0; i < state->made_count; i++)
        if (state->made[i] == pid)
            return true;
    return pid == SIMC_PID_PAT || pid == SIMC_PID_CAT;
}

static void note(struct state *state, uint16_t pid)
{
    if (state->made_count < 64 && !is_made(state, pid))
        state->made[state->made_count++] = pid;
}

static void check(struct state *state, const struct simc__mux_block *block)
{
    for (size_t i = 0; i < block->count; i++) {
        const uint8_t *packet = block->packets + i * SIMC_TS_SIZE;
        uint16_t pid = simc_ts_pid(packet);
        CHECK(packet[0] == SIMC_TS_SYNC);
        CHECK(block->ticks[i] >= state->last_tick);
        state->last_tick = block->ticks[i];
        if (pid == SIMC_PID_NULL)
            continue;
        CHECK(simc_ts_valid(packet) && !simc_ts_error(packet));
        unsigned step = packet[3] & 0x10 ? 1 : 0;
        CHECK(!(state->cc[pid] & 0x80) || simc_ts_cc(packet) == ((state->cc[pid] + step) & 0xf));
        state->cc[pid] = 0x80 | simc_ts_cc(packet);
        CHECK(!is_made(state, pid) || simc_ts_tsc(packet) == SIMC_TSC_CLEAR);
    }
}

static void run(struct state *state, unsigned amount)
{
    struct simc__mux_block block;
    struct simc__mux_input_status status;
    state->now_ns += amount * UINT64_C(3000000);
    while (state->blocks < 400 && simc__mux_run(state->mux, state->now_ns, &block) == 0) {
        CHECK(block.count > 0);
        check(state, &block);
        state->blocks++;
    }
    struct simc__scs_mux_report report;
    struct simc__mux_alarm alarm;
    while (simc__mux_report_next(state->mux, &report))
        CHECK(report.type < SIMC__SCS_MUX_REPORT_COUNT);
    while (simc__mux_alarm_next(state->mux, &alarm))
        CHECK(memchr(alarm.text, 0, sizeof alarm.text) != NULL);
    CHECK(simc__mux_input_status(state->mux, 0, &status) == 0);
    CHECK(status.buffered <= status.buffer_count);
    struct simc__scs_mux_plan_scg plan;
    if (simc__mux_plan(state->mux, false, 0, &plan) == 0)
        CHECK(plan.period_count <= SIMC__SCS_MUX_WORDS_KEPT);
    (void)simc__mux_news(state->mux);
}

/* Packets of which the head and some bytes are given, so that short inputs say much. */
static void feed(struct state *state, unsigned amount, bool is_bare)
{
    uint8_t packets[4][SIMC_TS_SIZE];
    size_t count = 1 + amount % 4;
    size_t taken;
    for (size_t i = 0; i < count; i++) {
        memset(packets[i], 0xff, SIMC_TS_SIZE);
        size_t given = is_bare ? 12 : 4u + simc_reader_u8(&state->in);
        for (size_t n = 0; n < given && n < SIMC_TS_SIZE && simc_reader_left(&state->in) > 0; n++)
            packets[i][n] = simc_reader_u8(&state->in);
        packets[i][0] = packets[i][0] == 0 ? 0 : SIMC_TS_SYNC;
    }
    CHECK(simc__mux_input_feed(state->mux, 0, packets[0], count, SIMC_TS_SIZE, state->now_ns,
                               &taken) == 0);
    CHECK(taken <= count && (taken == count || state->is_file));
}

static uint64_t some_tick(struct state *state)
{
    uint64_t now = state->is_file ? state->last_tick : simc__mux_tick(state->mux, state->now_ns);
    uint64_t offset = simc_reader_u16(&state->in) * UINT64_C(2700);
    return now + offset > 27000000 ? now + offset - 27000000 : 0;
}

static void order(struct state *state, unsigned amount)
{
    uint8_t bytes[400];
    struct simc__scs_mux_order order = {
        .type = (enum simc__scs_mux_order_type)(amount % SIMC__SCS_MUX_ORDER_COUNT),
        .scg_id = simc_reader_u8(&state->in) % 3,
        .stream = amount / 8 % 2,
        .cp = simc_reader_u8(&state->in) % 40,
        .repetition_ms = simc_reader_u8(&state->in),
        .is_ts = amount & 16,
    };
    order.parity = order.cp & 1;
    order.start_tick = some_tick(state);
    order.stop_tick = amount & 8 ? SIMC__SCS_MUX_OPEN : some_tick(state);
    memset(bytes, order.cp, sizeof bytes);
    bytes[0] = 0x80;
    bytes[1] = 0x70;
    bytes[2] = simc_reader_u8(&state->in);
    order.datagram = simc_slice(bytes, order.is_ts ? 376 : 3u + bytes[2]);
    if (order.is_ts)
        bytes[0] = bytes[188] = SIMC_TS_SYNC;
    if (simc_secret_set(&order.cw, simc_slice(bytes + 4, 16)))
        abort();
    int error = simc__mux_order(state->mux, &order);
    (void)error;
}

static void define(struct state *state)
{
    struct simc__scs_mux_scg_service services[2] = {
        {.original_network_id = SIMC__SCS_MUX_ANY, .transport_stream_id = SIMC__SCS_MUX_ANY},
        {.original_network_id = SIMC__SCS_MUX_ANY, .transport_stream_id = SIMC__SCS_MUX_ANY},
    };
    struct simc__scs_mux_stream streams[2] = {{.stream = 0}, {.stream = 1}};
    struct simc__scs_mux_scg scg = {.scg_id = simc_reader_u8(&state->in) % 3,
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .stream_count = 2,
                                    .services = services,
                                    .streams = streams};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    scg.service_count = 1 + simc_reader_u8(&state->in) % 2;
    for (unsigned i = 0; i < 2; i++) {
        services[i].service_id = simc_reader_u16(&state->in) % 8;
        services[i].component_count = simc_reader_u8(&state->in) % 2;
        services[i].components[0] = simc_reader_u16(&state->in);
        streams[i].pid = simc_reader_u16(&state->in) % 0x2000;
        streams[i].private_size = simc_reader_u8(&state->in) % 252;
    }
    if (simc__mux_define(state->mux, &scg, &defined, &code, why))
        return;
    /* PIDs change hands: their counters begin anew for this check. */
    memset(state->cc, 0, sizeof state->cc);
    state->made_count = 0;
}

static void push(struct state *state, unsigned amount)
{
    uint8_t section[64] = {0x82, 0x70, 61};
    struct simc_slice slices[2] = {{section, 64}, {section, 64}};
    struct simc__mux_source_config config = {.name = "source",
                                             .bitrate = 100000 + amount * 1000u,
                                             .queue_count = 1 + amount,
                                             .has_ca = amount & 1};
    uint32_t id;
    char why[SIMC__MUX_TEXT_SIZE];
    if (amount > 28) {
        simc__mux_source_remove(state->mux, simc_reader_u8(&state->in) % 4);
        memset(state->cc, 0, sizeof state->cc);
        state->made_count = 0;
        return;
    }
    struct simc__mux_source_status status;
    id = amount % 4;
    if (simc__mux_source_status(state->mux, id, &status)) {
        if (simc__mux_source_add(state->mux, &config, &id, why))
            return;
        memset(state->cc, 0, sizeof state->cc);
    }
    int error = simc__mux_source_push_sections(
        state->mux, id, slices, 2, amount & 2 ? SIMC_SECTIONS_JOINED : SIMC_SECTIONS_APART);
    CHECK(error == 0 || error == SIMC_EFULL);
    if (simc__mux_source_status(state->mux, id, &status) == 0) {
        CHECK(status.queued <= status.queue_count);
        note(state, status.pid);
    }
}

static void step(struct state *state)
{
    uint8_t byte = simc_reader_u8(&state->in);
    unsigned amount = byte >> 3;
    switch ((enum operation)(byte & 7)) {
    case FEED:
        feed(state, amount, false);
        break;
    case FEED_ZEROS:
        feed(state, amount, true);
        break;
    case RUN:
        run(state, amount);
        break;
    case ORDER:
        order(state, amount);
        break;
    case DEFINE:
        define(state);
        break;
    case REMOVE:
        if (simc__mux_remove(state->mux, amount % 3) == 0) {
            memset(state->cc, 0, sizeof state->cc);
            state->made_count = 0;
        }
        break;
    case PUSH:
        push(state, amount);
        break;
    case BREAK:
        simc__mux_input_break(state->mux, 0);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct state state;
    static const struct simc__mux_input_config input = {
        .name = "in", .delay_ms = 100, .buffer_count = 256, .pass = SIMC__MUX_PASS_ALL};
    static const struct simc__mux_service_config service = {
        .input = 0, .service_id = 1, .new_service_id = 2};
    char why[SIMC__MUX_TEXT_SIZE] = "";
    memset(&state, 0, sizeof state);
    state.in = simc_reader(simc_slice(data, size));
    uint8_t byte = simc_reader_u8(&state.in);
    state.is_file = byte & 4;
    state.now_ns = 1000000000;
    struct simc__mux_config config = {
        .name = "fuzz",
        .is_file = state.is_file,
        .rate = (enum simc__mux_rate)((byte & 3) % 3),
        .bitrate = 1000000,
        .choice = byte & 8 ? SIMC__MUX_SELECT : SIMC__MUX_TRANSPARENT,
        .source_ca = byte & 16 ? SIMC__MUX_SOURCE_CA_KEEP : SIMC__MUX_SOURCE_CA_DROP,
        .ts_id = SIMC__MUX_ANY,
        .network_id = SIMC__MUX_ANY,
        .program_limit = 4,
        .scg_limit = 2,
        .block_count = 64,
        .input_count = 1,
        .inputs = &input,
        .service_count = byte & 8 ? 1 : 0,
        .services = &service,
    };
    CHECK(simc__mux_new(&config, &state.mux, why) == 0);
    while (simc_reader_left(&state.in) > 0)
        step(&state);
    if (state.is_file)
        simc__mux_input_end(state.mux, 0);
    run(&state, 100);
    simc__mux_free(state.mux);
    return 0;
}
