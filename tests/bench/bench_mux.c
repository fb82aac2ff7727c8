/* SPDX-License-Identifier: BSL-1.0 */
/* Measures the engine of muxd on one core, from memory to memory: passing a stream through,
 * remultiplexing it, and scrambling it with ECMs; and a thousand services in one process. `make
 * bench` runs it. It prints figures and judges nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "mux/mux.h"

enum {
    PACKETS = 32768, /* 6 MB: larger than the second cache */
    BATCH = 448,     /* fed at once: 64 datagrams */
    PROGRAMS = 10,
    RUN_S = 2,
    SERVICES = 1000,
};

static uint8_t stream[PACKETS][188];

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(int error, const char *what)
{
    if (!error)
        return;
    fprintf(stderr, "bench_mux: %s: %s\n", what, simc_error_name(error));
    exit(1);
}

/* ---- a stream: PROGRAMS programmes, PCRs every 25 ms, tables every 100 ms, 5 % null packets ----
 */

static void head(uint8_t *packet, unsigned pid, uint8_t *cc, bool starts)
{
    memset(packet, 0xff, 188);
    packet[0] = 0x47;
    packet[1] = (uint8_t)((starts ? 0x40 : 0) | pid >> 8);
    packet[2] = (uint8_t)pid;
    packet[3] = (uint8_t)(0x10 | (cc[pid]++ & 0xf));
}

static void make_stream(uint64_t bitrate, unsigned programs)
{
    static uint8_t cc[8192];
    uint64_t pcr_last[PROGRAMS] = {0}, tables = 0;
    unsigned table = 0;
    memset(cc, 0, sizeof cc);
    uint32_t random = 1;
    for (uint64_t n = 0; n < PACKETS; n++) {
        uint8_t *packet = stream[n];
        uint64_t time = n * 1504 * 27000000 / bitrate;
        random = random * 1664525 + 1013904223;
        unsigned program = (random >> 8) % programs;
        if (table <= programs && (n == 0 || table > 0 || time - tables > 2700000)) {
            uint8_t bytes[1024];
            struct simc_writer out = simc_writer(bytes, sizeof bytes);
            struct simc_pat_entry entries[PROGRAMS];
            for (unsigned i = 0; i < programs; i++)
                entries[i] = (struct simc_pat_entry){(uint16_t)(i + 1), (uint16_t)(0x1000 + i)};
            unsigned p = table - 1;
            struct simc_pmt pmt = {.program = (uint16_t)table,
                                   .pcr_pid = (uint16_t)(0x100 + 16 * p)};
            struct simc_pmt_stream streams[2] = {{.type = 0x1b, .pid = (uint16_t)(0x100 + 16 * p)},
                                                 {.type = 0x0f, .pid = (uint16_t)(0x101 + 16 * p)}};
            must(table == 0 ? simc_pat_build(&out, 1, 0, entries, programs)
                            : simc_pmt_build(&out, &pmt, 0, streams, 2),
                 "table");
            head(packet, table == 0 ? 0 : 0x1000 + p, cc, true);
            packet[4] = 0;
            memcpy(packet + 5, bytes, out.at);
            tables = time;
            table = table == programs ? 0 : table + 1;
            continue;
        }
        if (random >> 24 < 13) {
            memset(packet, 0xff, 188);
            packet[0] = 0x47;
            packet[1] = 0x1f;
            packet[3] = 0x10;
            continue;
        }
        bool is_audio = (random >> 16) % 10 == 0;
        head(packet, 0x100 + 16 * program + is_audio, cc, false);
        if (!is_audio && (pcr_last[program] == 0 || time - pcr_last[program] > 25 * 27000)) {
            packet[3] |= 0x20;
            packet[4] = 7;
            packet[5] = 0x10;
            simc_pcr_put(packet + 6, time);
            pcr_last[program] = time + 1;
        }
    }
}

/* ---- one fast stream ---- */

struct row {
    const char *name;
    enum simc__mux_rate rate;
    bool is_scrambled;
};

static const struct row rows[] = {
    {"pass-through", SIMC__MUX_REPLACE, false},
    {"remultiplex", SIMC__MUX_CONSTANT, false},
    {"pass-through + CISSA + ECM", SIMC__MUX_REPLACE, true},
    {"remultiplex + CISSA + ECM", SIMC__MUX_CONSTANT, true},
};

/* The orders for one CP of 10 s of an SCG: ECMs every 100 ms on one PID. */
static void order_period(struct simc__mux *mux, uint32_t scg_id, uint16_t cp)
{
    static const uint8_t ecm[120] = {0x80, 0x70, 117};
    struct simc__scs_mux_order order = {.scg_id = scg_id, .cp = cp, .parity = cp & 1};
    uint8_t cw[16];
    memset(cw, (int)(scg_id * 7 + cp), sizeof cw);
    order.type = SIMC__SCS_MUX_ORDER_WORD;
    must(simc_secret_set(&order.cw, simc_slice(cw, sizeof cw)), "word");
    must(simc__mux_order(mux, &order), "word");
    order.type = SIMC__SCS_MUX_ORDER_ECM;
    order.datagram = simc_slice(ecm, sizeof ecm);
    must(simc__mux_order(mux, &order), "ecm");
    order.type = SIMC__SCS_MUX_ORDER_PERIOD;
    order.start_tick = cp * UINT64_C(270000000);
    must(simc__mux_order(mux, &order), "period");
    order.type = SIMC__SCS_MUX_ORDER_WINDOW;
    order.stop_tick = order.start_tick + 270000000;
    order.repetition_ms = 100;
    must(simc__mux_order(mux, &order), "window");
    order.type = SIMC__SCS_MUX_ORDER_PLANNED;
    order.start_tick = order.stop_tick;
    must(simc__mux_order(mux, &order), "planned");
}

static void define(struct simc__mux *mux, uint32_t scg_id, uint16_t service_id)
{
    struct simc__scs_mux_scg_service service = {.original_network_id = SIMC__SCS_MUX_ANY,
                                                .transport_stream_id = SIMC__SCS_MUX_ANY,
                                                .service_id = service_id};
    struct simc__scs_mux_stream ecm = {.super_cas_id = 0x4ad40000};
    struct simc__scs_mux_scg scg = {.scg_id = scg_id,
                                    .name = "bench",
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .stream_count = 1,
                                    .services = &service,
                                    .streams = &ecm};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    must(simc__mux_define(mux, &scg, &defined, &code, why), "define");
}

static struct simc__mux_config config_of(enum simc__mux_rate rate, uint64_t bitrate, bool is_file)
{
    static struct simc__mux_input_config input = {.name = "in", .pass = SIMC__MUX_PASS_ALL};
    input.delay_ms = is_file ? 0 : 200;
    input.buffer_count = is_file ? 65536 : 2048;
    struct simc__mux_config config = {
        .name = "bench",
        .rate = rate,
        .bitrate = bitrate,
        .is_file = is_file,
        .choice = SIMC__MUX_TRANSPARENT,
        .ts_id = SIMC__MUX_ANY,
        .network_id = SIMC__MUX_ANY,
        .program_limit = is_file ? 16 : 2,
        .scg_limit = is_file ? 16 : 2,
        .input_count = 1,
        .inputs = &input,
    };
    return config;
}

static void measure(const struct row *row, uint64_t bitrate)
{
    struct simc__mux_config config = config_of(row->rate, bitrate, true);
    struct simc__mux *mux;
    struct simc__mux_block block = {.wait = SIMC__MUX_WAIT_SCS};
    char why[SIMC__MUX_TEXT_SIZE] = "";
    must(simc__mux_new(&config, &mux, why), why);
    for (uint16_t i = 1; row->is_scrambled && i <= PROGRAMS; i++)
        define(mux, i, i);
    uint16_t cp = 0;
    size_t at = 0;
    uint64_t packets = 0, scrambled = 0;
    double start = cpu_s(), spent = 0;
    while (spent < RUN_S) {
        bool is_asked = row->is_scrambled && block.wait == SIMC__MUX_WAIT_SCS;
        for (uint16_t i = 1; is_asked && i <= PROGRAMS; i++)
            order_period(mux, i, cp);
        cp += is_asked;
        for (int turn = 0; turn < 32; turn++) {
            size_t count = PACKETS - at < BATCH ? PACKETS - at : BATCH;
            size_t taken;
            must(simc__mux_input_feed(mux, 0, stream[at], count, 188, 0, &taken), "feed");
            at += taken;
            if (at == PACKETS) {
                simc__mux_input_break(mux, 0);
                at = 0;
            }
            while (simc__mux_run(mux, 0, &block) == 0)
                packets += block.count;
            if (block.wait == SIMC__MUX_WAIT_SCS)
                break;
        }
        spent = cpu_s() - start;
    }
    struct simc__mux_status status;
    simc__mux_status(mux, &status);
    scrambled = status.packets[SIMC__MUX_CLASS_SCRAMBLED];
    printf("  %-28s %6.2f Gbit/s  %6.1f ns per packet  %3.0f %% scrambled  %llu ECMs\n", row->name,
           (double)packets * 1504 / spent / 1e9, spent * 1e9 / (double)packets,
           100.0 * (double)scrambled / (double)packets,
           (unsigned long long)status.packets[SIMC__MUX_CLASS_ECM]);
    simc__mux_free(mux);
}

/* ---- a thousand services of 8 Mbit/s, each with an output of its own, live ---- */

static void measure_services(void)
{
    const uint64_t bitrate = 8000000;
    const uint64_t seconds = 4;
    struct simc__mux_config config = config_of(SIMC__MUX_CONSTANT, bitrate + 200000, false);
    struct simc__mux **muxes = (struct simc__mux **)calloc(SERVICES, sizeof *muxes);
    struct simc__mux_status status = {0};
    struct simc__mux_block block;
    char why[SIMC__MUX_TEXT_SIZE] = "";
    if (!muxes)
        exit(1);
    make_stream(bitrate, 1);
    for (unsigned i = 0; i < SERVICES; i++) {
        must(simc__mux_new(&config, &muxes[i], why), why);
        define(muxes[i], 1, 1);
        for (uint16_t cp = 0; cp < 2; cp++)
            order_period(muxes[i], 1, cp);
    }
    double start = 0;
    uint64_t sent = 0, packets = 0;
    for (uint64_t now_ns = 1000000000; now_ns < (2 + seconds) * 1000000000; now_ns += 10000000) {
        if (now_ns == 2000000000) {
            /* The first second touches all memory and finds the tables. */
            start = cpu_s();
            packets = 0;
        }
        uint64_t due = (now_ns - 1000000000) * (bitrate / 1000) / (1504 * UINT64_C(1000000));
        size_t count = (size_t)(due - sent) / 7 * 7;
        for (unsigned i = 0; i < SERVICES; i++) {
            size_t taken;
            must(simc__mux_input_feed(muxes[i], 0, stream[sent], count, 188, now_ns, &taken),
                 "feed");
            while (simc__mux_run(muxes[i], now_ns, &block) == 0)
                packets += block.count;
        }
        sent += count;
    }
    double spent = cpu_s() - start;
    simc__mux_status(muxes[0], &status);
    printf("  %u services of 8 Mbit/s, CISSA and ECM: %.0f %% of a core (%.1f ns per packet), %zu "
           "KiB each\n",
           SERVICES, 100 * spent / (double)seconds, spent * 1e9 / (double)packets,
           status.memory / 1024);
    for (unsigned i = 0; i < SERVICES; i++)
        simc__mux_free(muxes[i]);
    free(muxes);
}

int main(void)
{
    const uint64_t bitrate = 1000000000;
    bench_head("muxd's engine, memory to memory, one core");
    make_stream(bitrate, PROGRAMS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        measure(&rows[i], bitrate);
    measure_services();
    return 0;
}
