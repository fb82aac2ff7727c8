/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server of muxd without memory: each allocation of its life fails once, from the first
 * channel to a reload. Nothing leaks, nothing half made stays behind, and the next EMMG is served
 * as if nothing had been. Run by the unit test runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux/emmg.h"
#include "unit/unit.h"

Suite *suite_mux_emmg_memory(void);

enum { STEP_MS = 5, BOUND_MS = 100, TEXT_SIZE = 16384, LINGER_MS = 10100 };

/* Ids of the messages: client_id, data_channel_id. */
#define IDS        "00 01 00 04 12 34 00 01 00 03 00 02 00 "
#define SETUP      "03 00 11 00 13 " IDS "01 00 02 00 01 00"
#define SETUP_TS   "03 00 11 00 13 " IDS "02 00 02 00 01 01"
#define STREAM_EMM "03 01 11 00 1f " IDS "01 00 04 00 02 00 01 00 08 00 02 00 07 00 07 00 01 00"
#define STREAM_OWN "03 01 11 00 1f " IDS "01 00 04 00 02 00 02 00 08 00 02 00 08 00 07 00 01 01"
#define STREAM_TS  "03 01 11 00 1f " IDS "02 00 04 00 02 00 01 00 08 00 02 00 09 00 07 00 01 00"
#define REQUEST    "03 01 17 00 1a " IDS "01 00 04 00 02 00 01 00 06 00 02 01 f4"
#define STREAM_1   "00 04 00 02 00 01 "
#define SECTION    "82 70 15 53 45 43 54 49 4f 4e 2d 4f 4e 2d 41 49 52 00 11 22 33 44 55 66"
#define DATA       "03 02 11 00 36 " IDS "01 " STREAM_1 "00 08 00 02 00 07 00 05 00 18 " SECTION
#define UDP        "03 02 11 00 2a 00 01 00 04 12 34 00 01 00 08 00 02 00 07 00 05 00 18 " SECTION
#define CLOSE      "03 01 14 00 14 " IDS "01 00 04 00 02 00 01"

struct life {
    uint64_t fail_at; /* 0: none fails */
    struct simc__emmg_conf conf;
    struct simc__emmg_client_conf clients[2];
    struct simc__emmg_pid_conf pids[1];
    uint8_t versions[1];
    struct simc__mux *mux;
    bool has_no_mux;
    bool is_calm; /* nothing fails */
    struct simc__emmg *emmg;
    struct simc__metrics *metrics;
    uint64_t now_ms;
    unsigned found; /* sections on air */
};

static struct simc__mux *find(void *context, const char *multiplex)
{
    const struct life *life = context;
    return multiplex || life->has_no_mux ? NULL : life->mux;
}

static void flush(void *context, struct simc__emmg_channel *channel)
{
    (void)context;
    (void)channel;
}

static void configure(struct life *life)
{
    life->versions[0] = 3;
    life->clients[0] = (struct simc__emmg_client_conf){.has_client_id = true,
                                                       .client_id = 0x12340001,
                                                       .priority = 4,
                                                       .bandwidth_kbitps = 2000,
                                                       .default_bandwidth_kbitps = 100};
    life->conf = (struct simc__emmg_conf){
        .versions = life->versions,
        .versions_count = 1,
        .bandwidth_kbitps = 1000,
        .burst_ms = 1000,
        .clients = life->clients,
        .clients_count = 1,
        .limits = {.channels = 8,
                   .streams_per_channel = 4,
                   .streams = 8,
                   .message_length = 65535,
                   .faults = 32,
                   .takeovers = 4,
                   .queue = 70000},
        .timers = {.setup_ms = 30000, .close_ms = 1000, .test_ms = 5000, .takeover_ms = BOUND_MS},
    };
}

static int begin(struct life *life)
{
    static const struct simc__mux_input_config input = {.name = "in", .delay_ms = 200};
    const struct simc__mux_config config = {.name = "out",
                                            .timeline_id = 1,
                                            .rate = SIMC__MUX_CONSTANT,
                                            .bitrate = 2000000,
                                            .choice = SIMC__MUX_TRANSPARENT,
                                            .ts_id = 1,
                                            .network_id = 1,
                                            .program_limit = 1,
                                            .input_count = 1,
                                            .inputs = &input};
    const struct simc__emmg_environment environment = {
        .context = life, .find = find, .flush = flush};
    char why[SIMC__MUX_TEXT_SIZE];
    configure(life);
    life->now_ms = 1000;
    int error = simc__mux_new(&config, &life->mux, why);
    if (!error)
        error = simc__emmg_new(&environment, &life->conf, &life->emmg);
    if (!error) {
        life->metrics = simc__metrics_new(1);
        error = life->metrics ? 0 : SIMC_ENOMEM;
    }
    return error;
}

static void run(struct life *life, uint64_t ms)
{
    static const struct simc_slice wanted = {(const uint8_t *)"SECTION-ON-AIR", 14};
    struct simc__mux_block block;
    for (uint64_t end = life->now_ms + ms; life->now_ms < end;) {
        life->now_ms += STEP_MS;
        simc__emmg_run(life->emmg, life->now_ms);
        while (simc__mux_run(life->mux, life->now_ms * 1000000, &block) == 0)
            for (size_t at = 0; at + wanted.size <= block.count * 188; at++)
                life->found += memcmp(block.packets + at, wanted.data, wanted.size) == 0;
    }
}

/* ---- an EMMG, byte for byte ---- */

static struct simc__emmg_channel *connect(struct life *life)
{
    static const char *const names[] = {"emmg.example.com", "emmg"};
    static const struct simc__emmg_peer peer = {
        .address = "192.0.2.1:40000", .names = names, .name_count = 2};
    struct simc__emmg_channel *channel;
    int error = simc__emmg_channel_new(life->emmg, &peer, life->now_ms, &channel);
    ck_assert(error == 0 ? channel != NULL : (error == SIMC_ENOMEM && !channel));
    return channel;
}

/* @return the message_type of the last message that came back; 0: none. */
static unsigned say(struct life *life, struct simc__emmg_channel *channel, const char *hex)
{
    struct unit_bytes bytes = unit_hex(hex);
    unsigned type = 0;
    if (!channel)
        return 0;
    struct simc_session *session = simc__emmg_channel_session(channel);
    simc_session_feed(session, unit_slice(&bytes), life->now_ms);
    simc__emmg_channel_events(channel, life->now_ms);
    while (simc__emmg_deadline_ms(life->emmg) <= life->now_ms) {
        /* A stream was opened: the next message is for the next turn. */
        simc__emmg_run(life->emmg, life->now_ms);
        simc__emmg_channel_events(channel, life->now_ms);
    }
    struct simc_slice out = simc_session_output(session);
    for (size_t at = 0; at + 5 <= out.size;
         at += 5u + (size_t)(out.data[at + 3] << 8 | out.data[at + 4]))
        type = (unsigned)(out.data[at + 1] << 8 | out.data[at + 2]);
    simc_session_sent(session, out.size);
    return type;
}

static void leave(struct life *life, struct simc__emmg_channel *channel)
{
    if (channel)
        simc__emmg_channel_free(channel, "it left", life->now_ms);
}

/* What it tells is whole, whatever failed. */
static void look(struct life *life)
{
    static char text[TEXT_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text);
    struct simc__json json;
    size_t fault_at;
    simc__json_init(&json, &out);
    simc__json_object(&json, NULL);
    simc__emmg_status(life->emmg, &json, life->now_ms);
    simc__json_end(&json);
    ck_assert_int_eq(simc__json_finish(&json), 0);
    ck_assert(unit_json_is_valid(simc_slice(text, out.at), &fault_at));
    simc__emmg_collect(life->emmg, life->metrics, life->now_ms);
    out = simc_writer(text, sizeof text);
    simc__metrics_put(&out, life->metrics);
}

static void udp(struct life *life)
{
    struct unit_bytes bytes = unit_hex(UDP);
    simc__emmg_udp(life->emmg, unit_slice(&bytes), life->now_ms);
    simc__emmg_run(life->emmg, life->now_ms);
}

/* The multiplex goes and comes, other PIDs and bandwidths hold. */
static void reload(struct life *life)
{
    simc__emmg_mux_gone(life->emmg, life->mux);
    life->has_no_mux = true;
    simc__emmg_change(life->emmg, &life->conf, life->now_ms);
    look(life);
    life->has_no_mux = false;
    life->pids[0] = (struct simc__emmg_pid_conf){.data_id = 7};
    life->clients[0].pids = life->pids;
    life->clients[0].pids_count = 1;
    life->conf.bandwidth_kbitps = 300;
    simc__emmg_change(life->emmg, &life->conf, life->now_ms);
}

/* ---- lives ---- */

/* Says it; `life->is_calm`: this must come back. */
static void expect(struct life *life, struct simc__emmg_channel *channel, const char *hex,
                   unsigned wanted)
{
    unsigned type = say(life, channel, hex);
    ck_assert_msg(!life->is_calm || type == wanted, "0x%04x comes back, not 0x%04x: %s", type,
                  wanted, hex);
}

static void first_life(struct life *life)
{
    static char packet[188 * 2 + 1], data[2048];
    struct simc__emmg_channel *old = connect(life), *packets = connect(life), *late;
    expect(life, old, SETUP, SIMC_EMMG_MSG_CHANNEL_STATUS);
    expect(life, old, STREAM_EMM, SIMC_EMMG_MSG_STREAM_STATUS);
    expect(life, old, STREAM_OWN, SIMC_EMMG_MSG_STREAM_STATUS);
    expect(life, old, REQUEST, SIMC_EMMG_MSG_STREAM_BW_ALLOCATION);
    expect(life, old, DATA, 0);
    udp(life);
    expect(life, packets, SETUP_TS, SIMC_EMMG_MSG_CHANNEL_STATUS);
    expect(life, packets, STREAM_TS, SIMC_EMMG_MSG_STREAM_STATUS);
    /* A TS packet of PID 0x100. */
    memset(packet, '0', sizeof packet - 1);
    memcpy(packet, "47010010", 8);
    snprintf(data, sizeof data,
             "03 02 11 00 da %s 02 00 04 00 02 00 01 00 08 00 02 00 09 00 05 00 bc %s", IDS,
             packet);
    expect(life, packets, data, 0);
    look(life);
    run(life, 50);
    reload(life);
    expect(life, old, DATA, SIMC_EMMG_MSG_STREAM_BW_ALLOCATION);
    /* It is lost, and another one waits for its channel. */
    late = connect(life);
    expect(life, late, SETUP, 0);
    look(life);
    run(life, BOUND_MS + 2 * STEP_MS);
    expect(life, late, STREAM_EMM, SIMC_EMMG_MSG_STREAM_STATUS);
    expect(life, late, CLOSE, SIMC_EMMG_MSG_STREAM_CLOSE_RESPONSE);
    leave(life, late);
    leave(life, packets);
    leave(life, old);
}

static void expect_nothing(struct life *life)
{
    struct simc__mux_status status;
    run(life, LINGER_MS);
    simc__mux_status(life->mux, &status);
    ck_assert_uint_eq(status.source_count, 0);
    ck_assert_uint_eq(simc__emmg_deadline_ms(life->emmg), SIMC_DEADLINE_NONE);
}

/* With memory again everything works. */
static void next_life(struct life *life, bool must_work)
{
    struct simc__emmg_channel *channel = connect(life);
    unsigned types[4];
    types[0] = say(life, channel, SETUP);
    types[1] = say(life, channel, STREAM_EMM);
    types[2] = say(life, channel, REQUEST);
    life->found = 0;
    types[3] = say(life, channel, DATA);
    udp(life);
    run(life, 500);
    if (must_work) {
        ck_assert_uint_eq(types[0], SIMC_EMMG_MSG_CHANNEL_STATUS);
        ck_assert_uint_eq(types[1], SIMC_EMMG_MSG_STREAM_STATUS);
        ck_assert_uint_eq(types[2], SIMC_EMMG_MSG_STREAM_BW_ALLOCATION);
        ck_assert_uint_eq(types[3], 0);
        ck_assert_uint_eq(life->found, 2);
    }
    look(life);
    leave(life, channel);
}

static int live(void *context)
{
    struct life *life = context;
    uint64_t fail_at = life->fail_at;
    memset(life, 0, sizeof *life);
    life->is_calm = fail_at == 0;
    int error = begin(life);
    if (!error) {
        first_life(life);
        bool has_failed = fail_at > 0 && unit_alloc_count() >= fail_at;
        expect_nothing(life);
        next_life(life, fail_at == 0 || has_failed);
        expect_nothing(life);
    }
    simc__emmg_free(life->emmg);
    simc__metrics_free(life->metrics);
    simc__mux_free(life->mux);
    life->fail_at = fail_at + 1;
    return error;
}

START_TEST(every_failed_allocation_is_survived)
{
    static struct life life;
    unit_alloc_start(0);
    ck_assert_int_eq(live(&life), 0);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
    ck_assert_uint_eq(life.fail_at, 1);
    uint64_t count = unit_fail_each_allocation(live, &life, false);
    ck_assert_uint_gt(count, 50);
}
END_TEST

Suite *suite_mux_emmg_memory(void)
{
    Suite *suite = suite_create("mux_emmg_memory");
    TCase *tcase = tcase_create("mux_emmg_memory");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, every_failed_allocation_is_survived);
    suite_add_tcase(suite, tcase);
    return suite;
}
