/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server of muxd in memory: real sessions of EMMGs on one side, a real engine on the
 * other, one clock for both. Sections are found in the output by a reader of its own, and each must
 * be whole, in its order and byte for byte what was sent. Run by the unit test runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux/emmg.h"
#include "unit/unit.h"

Suite *suite_mux_emmg(void);

enum {
    PEERS = 128,
    STREAMS = 16,
    KEYS = 4096, /* streams in all */
    CLIENT = 0x12340001,
    STEP_MS = 5,
    BIN_MS = 100,
    BINS = 80000,
    PACKET = 188,
    SECTION_ROOM = 4200,
};

/* ---- the output ---- */

struct pid {
    bool is_seen;
    uint8_t cc;
    uint64_t packets;
    uint8_t section[SECTION_ROOM];
    size_t size; /* of the section so far */
};

struct peer {
    struct simc_session *session;
    struct simc__emmg_channel *channel;
    uint32_t client_id;
    unsigned open;
    uint32_t allocated[STREAMS], told[STREAMS];
    unsigned errors;
    uint16_t status;
    bool is_over;
};

struct world {
    const struct simc__emmg_channel *ended; /* its peer has ended the connection, unread */
    struct simc__emmg_conf conf;
    struct simc__emmg_client_conf clients[4];
    struct simc__emmg_pid_conf pids[4];
    uint8_t versions[4];
    struct simc__mux *mux;
    bool has_no_mux;
    struct simc__emmg *emmg;
    uint64_t now_ms, bitrate;
    struct peer peers[PEERS];
    struct pid out[8192];
    uint64_t sent[KEYS], got[KEYS], section_bytes; /* sections by key */
    uint16_t pid_of[KEYS];
    uint16_t cat_pids[64];
    unsigned cat_count;
    uint16_t watched; /* PID whose packets are counted in bins */
    uint32_t *bins;
};

static size_t make_section(uint8_t *out, uint32_t key, uint64_t count, size_t size)
{
    uint64_t x = (key + 1) * UINT64_C(0x9e3779b97f4a7c15) + count;
    out[0] = (uint8_t)(0x80 + count % 16);
    out[1] = (uint8_t)(0x70 | (size - 3) >> 8);
    out[2] = (uint8_t)(size - 3);
    for (unsigned i = 0; i < 4; i++)
        out[3 + i] = (uint8_t)(key >> (24 - 8 * i));
    for (unsigned i = 0; i < 8; i++)
        out[7 + i] = (uint8_t)(count >> (56 - 8 * i));
    for (size_t i = 15; i < size; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
        out[i] = (uint8_t)(x >> 56);
    }
    return size;
}

static void read_cat(struct world *world, const uint8_t *section, size_t size)
{
    world->cat_count = 0;
    for (size_t at = 8; at + 6 <= size - 4; at += 2u + section[at + 1])
        if (section[at] == 9 && world->cat_count < 64)
            world->cat_pids[world->cat_count++] =
                (uint16_t)((section[at + 4] & 0x1f) << 8 | section[at + 5]);
}

static void whole_section(struct world *world, unsigned pid, const uint8_t *section, size_t size)
{
    uint8_t wanted[SECTION_ROOM];
    uint32_t key = 0;
    uint64_t count = 0;
    if (pid == 1)
        read_cat(world, section, size);
    if (section[0] < 0x80 || section[0] > 0x8f)
        return;
    ck_assert_uint_ge(size, 15);
    for (unsigned i = 0; i < 4; i++)
        key = key << 8 | section[3 + i];
    for (unsigned i = 0; i < 8; i++)
        count = count << 8 | section[7 + i];
    ck_assert_uint_lt(key, KEYS);
    ck_assert_msg(count == world->got[key], "key %u: section %llu came, %llu was next",
                  (unsigned)key, (unsigned long long)count, (unsigned long long)world->got[key]);
    make_section(wanted, key, count, size);
    ck_assert_int_eq(memcmp(wanted, section, size), 0);
    world->got[key]++;
    world->section_bytes += size;
    world->pid_of[key] = (uint16_t)pid;
}

static void section_bytes(struct world *world, unsigned pid, const uint8_t *bytes, size_t size)
{
    struct pid *out = &world->out[pid];
    while (size > 0) {
        if (out->size == 0 && bytes[0] == 0xff)
            return; /* stuffing up to the end of the packet */
        size_t wanted = 3;
        if (out->size >= 3)
            wanted = 3u + ((out->section[1] & 0x0fu) << 8 | out->section[2]);
        size_t count = wanted - out->size < size ? wanted - out->size : size;
        ck_assert_uint_lt(out->size + count, SECTION_ROOM);
        memcpy(out->section + out->size, bytes, count);
        out->size += count;
        bytes += count;
        size -= count;
        if (out->size > 3 && out->size == 3u + ((out->section[1] & 0x0fu) << 8 | out->section[2])) {
            whole_section(world, pid, out->section, out->size);
            out->size = 0;
        }
    }
}

static void read_packet(struct world *world, const uint8_t *packet, uint64_t tick)
{
    unsigned pid = (packet[1] & 0x1fu) << 8 | packet[2];
    struct pid *out = &world->out[pid];
    if (pid == 0x1fff)
        return;
    ck_assert_uint_eq(packet[0], 0x47);
    ck_assert_uint_eq(packet[3] & 0xf0, 0x10);
    ck_assert_msg(!out->is_seen || (packet[3] & 0xf) == ((out->cc + 1) & 0xf), "PID %u: continuity",
                  pid);
    out->is_seen = true;
    out->cc = packet[3] & 0xf;
    out->packets++;
    if (pid == world->watched && tick / (SIMC_PCR_HZ / 1000 * BIN_MS) < BINS)
        world->bins[tick / (SIMC_PCR_HZ / 1000 * BIN_MS)]++;
    const uint8_t *payload = packet + 4;
    if (packet[1] & 0x40) {
        size_t pointer = payload[0];
        section_bytes(world, pid, payload + 1, pointer);
        ck_assert_uint_eq(out->size, 0);
        section_bytes(world, pid, payload + 1 + pointer, 183 - pointer);
    } else {
        section_bytes(world, pid, payload, 184);
    }
}

static void run_engine(struct world *world)
{
    struct simc__mux_block block;
    while (simc__mux_run(world->mux, world->now_ms * 1000000, &block) == 0)
        for (size_t i = 0; i < block.count; i++)
            read_packet(world, block.packets + i * PACKET, block.ticks[i]);
}

/* ---- the world ---- */

static struct simc__mux *find(void *context, const char *multiplex)
{
    struct world *world = context;
    return multiplex || world->has_no_mux ? NULL : world->mux;
}

static void flush(void *context, struct simc__emmg_channel *channel)
{
    (void)context; /* peers are pumped at each step */
    (void)channel;
}

static bool is_ended(void *context, const struct simc__emmg_channel *channel)
{
    const struct world *world = context;
    return channel == world->ended;
}

static void world_start(struct world *world, uint64_t bitrate)
{
    static const struct simc__mux_input_config input = {.name = "in", .delay_ms = 200};
    const struct simc__mux_config config = {.name = "out",
                                            .timeline_id = 1,
                                            .rate = SIMC__MUX_CONSTANT,
                                            .bitrate = bitrate,
                                            .choice = SIMC__MUX_TRANSPARENT,
                                            .ts_id = 1,
                                            .network_id = 1,
                                            .program_limit = 4,
                                            .input_count = 1,
                                            .inputs = &input};
    const struct simc__emmg_environment environment = {
        .context = world, .find = find, .flush = flush, .is_ended = is_ended};
    char why[SIMC__MUX_TEXT_SIZE] = "";
    int error = simc__mux_new(&config, &world->mux, why);
    ck_assert_msg(error == 0, "%s: %s", simc_error_name(error), why);
    ck_assert_int_eq(simc__emmg_new(&environment, &world->conf, &world->emmg), 0);
    world->bitrate = bitrate;
    run_engine(world);
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    world->bins = calloc(BINS, sizeof *world->bins);
    ck_assert_ptr_nonnull(world->bins);
    world->now_ms = 1000;
    memcpy(world->versions, (const uint8_t[]){1, 2, 3, 5}, 4);
    world->clients[0] = (struct simc__emmg_client_conf){
        .priority = 4, .bandwidth_kbitps = 65535, .default_bandwidth_kbitps = 100};
    world->conf = (struct simc__emmg_conf){
        .versions = world->versions,
        .versions_count = 4,
        .bandwidth_kbitps = 2000,
        .burst_ms = 1000,
        .clients = world->clients,
        .clients_count = 1,
        .limits = {.streams_per_channel = 16,
                   .streams = 2048,
                   .message_length = 65535,
                   .faults = 32,
                   .queue = 262144},
        .timers = {.setup_ms = 30000, .close_ms = 1000, .test_ms = 5000},
    };
    return world;
}

static void peer_event(struct peer *peer, const struct simc_session_event *event)
{
    switch (event->type) {
    case SIMC_EVENT_STREAM_OPEN:
        peer->open++;
        break;
    case SIMC_EVENT_BW_ALLOCATION:
        peer->allocated[event->data_stream_id % STREAMS] = event->bandwidth.kbitps;
        peer->told[event->data_stream_id % STREAMS]++;
        break;
    case SIMC_EVENT_PEER_ERROR:
    case SIMC_EVENT_STREAM_CLOSED:
    case SIMC_EVENT_CHANNEL_CLOSED:
        if (event->status_count) {
            peer->errors++;
            peer->status = event->statuses[0];
        }
        peer->is_over = peer->is_over || event->type == SIMC_EVENT_CHANNEL_CLOSED;
        break;
    default:
        break;
    }
}

/* Bytes are borrowed until the events were asked for. */
static bool pass(struct world *world, struct peer *peer, bool is_to_mux)
{
    struct simc_session *mux = simc__emmg_channel_session(peer->channel);
    struct simc_session *from = is_to_mux ? peer->session : mux;
    struct simc_session *to = is_to_mux ? mux : peer->session;
    struct simc_slice bytes = simc_session_output(from);
    struct simc_session_event event;
    if (bytes.size == 0 || simc_session_is_blocked(to))
        return false;
    size_t size = bytes.size;
    uint8_t *copy = unit_exact(bytes);
    simc_session_sent(from, size);
    simc_session_feed(to, simc_slice(copy, size), world->now_ms);
    if (is_to_mux)
        simc__emmg_channel_events(peer->channel, world->now_ms);
    else
        while (simc_session_next_event(peer->session, &event))
            peer_event(peer, &event);
    free(copy);
    return true;
}

static void pump(struct world *world, struct peer *peer)
{
    struct simc_session_event event;
    simc__emmg_channel_events(peer->channel, world->now_ms);
    while (simc_session_next_event(peer->session, &event))
        peer_event(peer, &event);
    while (pass(world, peer, true) || pass(world, peer, false))
        ;
}

static void step(struct world *world, uint64_t ms)
{
    for (uint64_t end = world->now_ms + ms; world->now_ms < end;) {
        world->now_ms += STEP_MS;
        simc__emmg_run(world->emmg, world->now_ms);
        for (unsigned i = 0; i < PEERS; i++)
            if (world->peers[i].session)
                pump(world, &world->peers[i]);
        run_engine(world);
    }
}

static struct peer *connect_from(struct world *world, unsigned index, uint32_t client_id,
                                 uint16_t channel_id, uint8_t form, uint8_t version,
                                 const struct simc__emmg_peer *from)
{
    const struct simc_emmg_settings settings = {.version = version,
                                                .client_id = client_id,
                                                .data_channel_id = channel_id,
                                                .section_tspkt_flag = form,
                                                .common = {.idle_ms = SIMC_IDLE_TEST_OFF}};
    struct peer *peer = &world->peers[index];
    memset(peer, 0, sizeof *peer);
    peer->client_id = client_id;
    ck_assert_int_eq(simc_emmg_session_new(&settings, world->now_ms, &peer->session), 0);
    ck_assert_int_eq(simc__emmg_channel_new(world->emmg, from, world->now_ms, &peer->channel), 0);
    pump(world, peer);
    return peer;
}

static struct peer *connect_peer(struct world *world, unsigned index, uint32_t client_id,
                                 uint16_t channel_id, uint8_t form, uint8_t version)
{
    static const struct simc__emmg_peer from = {.address = "192.0.2.1:40000"};
    return connect_from(world, index, client_id, channel_id, form, version, &from);
}

static void leave(struct world *world, struct peer *peer)
{
    simc__emmg_channel_free(peer->channel, "it left", world->now_ms);
    simc_session_free(peer->session);
    memset(peer, 0, sizeof *peer);
}

static void open_stream(struct world *world, struct peer *peer, uint16_t stream, uint16_t data_id,
                        uint8_t type)
{
    ck_assert_int_eq(simc_emmg_stream_open(peer->session, stream, data_id, type, world->now_ms), 0);
    pump(world, peer);
}

static void ask(struct world *world, struct peer *peer, uint16_t stream, uint16_t kbitps)
{
    const struct simc_session_bandwidth wanted = {true, kbitps};
    ck_assert_int_eq(simc_emmg_request_bandwidth(peer->session, stream, wanted, world->now_ms), 0);
    pump(world, peer);
}

/* Sends the next section of a key. @return false: the session does not take it now. */
static bool send_section(struct world *world, struct peer *peer, uint16_t stream, uint32_t key,
                         size_t size)
{
    uint8_t bytes[SECTION_ROOM];
    struct simc_slice datagram =
        simc_slice(bytes, make_section(bytes, key, world->sent[key], size));
    int error = simc_emmg_send(peer->session, stream, &datagram, 1, world->now_ms);
    if (error == SIMC_EAGAIN)
        return false;
    ck_assert_int_eq(error, 0);
    world->sent[key]++;
    return true;
}

static void world_free(struct world *world)
{
    for (unsigned i = 0; i < PEERS; i++)
        if (world->peers[i].session)
            leave(world, &world->peers[i]);
    simc__emmg_free(world->emmg);
    simc__mux_free(world->mux);
    free(world->bins);
    free(world);
}

/* ---- bandwidth ---- */

START_TEST(test_first_come_first_served)
{
    struct world *world = world_new();
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    struct peer *b = connect_peer(world, 1, CLIENT + 1, 1, 0, 2);
    open_stream(world, a, 1, 1, 0);
    open_stream(world, b, 1, 1, 0);
    ck_assert_uint_eq(a->open + b->open, 2);
    ask(world, a, 1, 1500);
    ck_assert_uint_eq(a->allocated[1], 1500);
    ask(world, b, 1, 1500);
    ck_assert_uint_eq(b->allocated[1], 500);
    /* What becomes free goes to the one that wants more, and it is told without asking. */
    ask(world, a, 1, 800);
    ck_assert_uint_eq(a->allocated[1], 800);
    pump(world, b);
    ck_assert_uint_eq(b->allocated[1], 1200);
    ck_assert_uint_eq(b->told[1], 2);
    ask(world, b, 1, 0);
    ck_assert_uint_eq(b->allocated[1], 0);
    leave(world, a);
    ask(world, b, 1, 5000);
    ck_assert_uint_eq(b->allocated[1], 2000);
    /* A smaller total holds at once. */
    world->conf.bandwidth_kbitps = 300;
    simc__emmg_change(world->emmg, &world->conf, world->now_ms);
    pump(world, b);
    ck_assert_uint_eq(b->allocated[1], 300);
    world_free(world);
}
END_TEST

START_TEST(test_limit_of_client)
{
    struct world *world = world_new();
    world->clients[0].bandwidth_kbitps = 700;
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, a, 1, 1, 0);
    open_stream(world, a, 2, 2, 0);
    ask(world, a, 1, 400);
    ask(world, a, 2, 400);
    ck_assert_uint_eq(a->allocated[1], 400);
    ck_assert_uint_eq(a->allocated[2], 300);
    world_free(world);
}
END_TEST

/* @return the sections of `key` that were sent at `per_step` each step. */
static void send_for(struct world *world, struct peer *peer, uint16_t stream, uint32_t key,
                     unsigned per_step, size_t size, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += STEP_MS) {
        for (unsigned i = 0; i < per_step; i++)
            if (!send_section(world, peer, stream, key, size))
                break;
        step(world, STEP_MS);
    }
}

START_TEST(test_excess_is_an_error)
{
    struct world *world = world_new();
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, a, 1, 1, 0);
    /* The default: 100 kbit/s. Ten times as much comes; what is taken stays in order. */
    uint8_t bytes[SECTION_ROOM];
    uint64_t bytes_sent = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct simc_slice datagram = simc_slice(bytes, make_section(bytes, 5, 0, 625));
        int error = simc_emmg_send(a->session, 1, &datagram, 1, world->now_ms);
        if (error != SIMC_EAGAIN)
            ck_assert_int_eq(error, 0);
        bytes_sent += error ? 0 : 625;
        world->got[5] = 0; /* all are the same one */
        step(world, STEP_MS);
        world->got[5] = 0;
    }
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH);
    /* 10 s: one error a second at most, and the allocation with its burst came through. */
    ck_assert_uint_ge(a->errors, 5);
    ck_assert_uint_le(a->errors, 11);
    ck_assert_uint_gt(bytes_sent, 1000000);
    ck_assert_uint_ge(world->section_bytes, 110000);
    ck_assert_uint_le(world->section_bytes, 10 * 12500 + 70000);
    world_free(world);
}
END_TEST

START_TEST(test_excess_waits)
{
    struct world *world = world_new();
    world->conf.excess = SIMC__EMMG_EXCESS_WAIT;
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, a, 1, 1, 0);
    ask(world, a, 1, 200);
    send_for(world, a, 1, 7, 10, 625, 4000);
    ck_assert_uint_eq(a->errors, 0);
    ck_assert_uint_lt(world->got[7], world->sent[7]);
    for (unsigned i = 0; i < 600 && world->got[7] < world->sent[7]; i++)
        step(world, 1000);
    ck_assert_uint_eq(world->got[7], world->sent[7]);
    world_free(world);
}
END_TEST

/* ---- who, and where ---- */

START_TEST(test_pids)
{
    struct world *world = world_new();
    world->pids[0] = (struct simc__emmg_pid_conf){.data_id = 3, .pid = 0x700};
    world->clients[0].pid = 0x500;
    world->clients[0].pids = world->pids;
    world->clients[0].pids_count = 1;
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    struct peer *b = connect_peer(world, 1, CLIENT, 2, 0, 3);
    open_stream(world, a, 1, 1, 0);
    open_stream(world, b, 1, 2, 0);
    open_stream(world, a, 2, 3, 0);
    open_stream(world, a, 3, 4, 1);
    open_stream(world, a, 4, 5, 1);
    ck_assert_uint_eq(a->open, 4);
    for (unsigned i = 0; i < 400; i++) {
        send_section(world, a, 1, 1, 60 + i);
        send_section(world, b, 1, 2, 4096 - i);
        send_section(world, a, 2, 3, 100);
        send_section(world, a, 3, 4, 200);
        send_section(world, a, 4, 5, 17);
        step(world, 500);
    }
    step(world, 2000);
    for (unsigned key = 1; key <= 5; key++) {
        ck_assert_uint_eq(world->sent[key], 400);
        ck_assert_uint_eq(world->got[key], 400);
    }
    /* Two EMMGs share the PID of their client, whole sections each. */
    ck_assert_uint_eq(world->pid_of[1], 0x500);
    ck_assert_uint_eq(world->pid_of[2], 0x500);
    ck_assert_uint_eq(world->pid_of[3], 0x700);
    ck_assert_uint_ne(world->pid_of[4], world->pid_of[5]);
    /* The CAT names the PIDs of EMMs, not those of private data. */
    bool has_shared = false, has_own = false;
    for (unsigned i = 0; i < world->cat_count; i++) {
        has_shared = has_shared || world->cat_pids[i] == 0x500;
        has_own = has_own || world->cat_pids[i] == 0x700;
    }
    ck_assert(has_shared && has_own);
    ck_assert_uint_eq(world->cat_count, 2);
    world_free(world);
}
END_TEST

static uint16_t refused(struct world *world, unsigned index, uint32_t client_id, uint16_t channel,
                        uint8_t form)
{
    struct peer *peer = connect_peer(world, index, client_id, channel, form, form == 2 ? 5 : 3);
    return peer->errors ? peer->status : 0;
}

START_TEST(test_channels_that_are_refused)
{
    struct world *world = world_new();
    world->clients[0].has_client_id = true;
    world->clients[0].client_id = CLIENT;
    world->conf.is_exclusive = true;
    world_start(world, 8000000);
    ck_assert_uint_eq(refused(world, 0, CLIENT + 1, 1, 0), SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID);
    ck_assert_uint_eq(refused(world, 1, CLIENT, 1, 2), SIMC_EMMG_STATUS_INVALID_VALUE);
    ck_assert_uint_eq(refused(world, 2, CLIENT, 1, 0), 0);
    ck_assert_uint_eq(refused(world, 3, CLIENT, 1, 0), SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    ck_assert_uint_eq(refused(world, 4, CLIENT, 2, 0), SIMC_EMMG_STATUS_CLIENT_ID_IN_USE);
    world->clients[0].name = "emmg.example.com";
    ck_assert_uint_eq(refused(world, 5, CLIENT, 3, 0), SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID);
    world_free(world);
}
END_TEST

/* The old channel gives way with its streams and its ids. */
START_TEST(test_channels_are_taken_over)
{
    struct world *world = world_new();
    world->conf.is_exclusive = _i & 1;
    world->conf.takeover = _i & 2 ? SIMC__EMMG_TAKEOVER_SAME_PEER : SIMC__EMMG_TAKEOVER_ENDED;
    world_start(world, 8000000);
    struct peer *old = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    uint16_t early = refused(world, 1, CLIENT, 1, 0);
    ck_assert_uint_eq(early, _i & 2 ? 0 : SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    world->ended = old->channel;
    ck_assert_uint_eq(refused(world, 2, CLIENT, 1, 0), 0);
    open_stream(world, &world->peers[2], 1, 7, SIMC_DATA_TYPE_EMM);
    ck_assert_uint_eq(world->peers[2].errors, 0);
    ck_assert(simc_session_wants_close(simc__emmg_channel_session(old->channel)) != 0);
    leave(world, old);
    step(world, 100);
    ck_assert_uint_eq(simc_session_stream_count(world->peers[2].session), 1);
    world_free(world);
}
END_TEST

/* It comes back with another channel id and the data_id of before. */
START_TEST(test_data_ids_are_taken_over)
{
    struct world *world = world_new();
    world_start(world, 8000000);
    for (uint16_t i = 0; i < 2; i++) {
        struct peer *peer = connect_peer(world, i, CLIENT, i, 0, 3);
        open_stream(world, peer, 1, 7, SIMC_DATA_TYPE_EMM);
        ck_assert_uint_eq(peer->errors, 0);
        world->ended = peer->channel;
    }
    world->ended = NULL;
    open_stream(world, connect_peer(world, 2, CLIENT, 2, 0, 3), 1, 7, SIMC_DATA_TYPE_EMM);
    ck_assert_uint_eq(world->peers[2].status, SIMC_EMMG_STATUS_DATA_ID_IN_USE);
    world_free(world);
}
END_TEST

/* Another address, or another certificate, takes nothing over at once. */
START_TEST(test_others_take_nothing_over)
{
    static const char *const names[] = {"emmg.example.com"};
    static const struct simc__emmg_peer others[] = {
        {.address = "192.0.2.10:40000"},
        {.address = "192.0.2.1:40000", .names = names, .name_count = 1},
    };
    struct world *world = world_new();
    world->conf.takeover = SIMC__EMMG_TAKEOVER_SAME_PEER;
    world_start(world, 8000000);
    ck_assert_uint_eq(refused(world, 0, CLIENT, 1, 0), 0);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_uint_eq(connect_from(world, 1 + i, CLIENT, 1, 0, 3, &others[i])->status,
                          SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    world_free(world);
}
END_TEST

START_TEST(test_streams_that_are_refused)
{
    struct world *world = world_new();
    world->pids[0] = (struct simc__emmg_pid_conf){.data_id = 1};
    world->clients[0].pids = world->pids;
    world->clients[0].pids_count = 1;
    world->clients[0].only_these = true;
    world->clients[0].no_private = true;
    world->conf.limits.streams = 2;
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    struct peer *b = connect_peer(world, 1, CLIENT, 2, 0, 3);
    struct peer *c = connect_peer(world, 2, CLIENT + 1, 2, 0, 3);
    open_stream(world, a, 1, 2, 0);
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_UNKNOWN_DATA_ID);
    open_stream(world, a, 1, 1, 1);
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_INVALID_VALUE);
    open_stream(world, a, 1, 1, 0);
    ck_assert_uint_eq(a->open, 1);
    open_stream(world, b, 1, 1, 0);
    ck_assert_uint_eq(b->status, SIMC_EMMG_STATUS_DATA_ID_IN_USE);
    open_stream(world, c, 1, 1, 0);
    ck_assert_uint_eq(c->open, 1);
    open_stream(world, c, 2, 1, 0);
    ck_assert_uint_ne(c->errors, 0);
    world_free(world);
}
END_TEST

/* ---- data that is wrong, and UDP ---- */

START_TEST(test_malformed_datagrams)
{
    static const struct {
        uint8_t form;
        size_t size;
        const char *start;
    } rows[] = {
        {1, 188, "00"},     {1, 187, "471fff10"}, {1, 189, "471fff10"}, {1, 3, "471fff"},
        {0, 100, "80ffff"}, {0, 2, "8070"},       {0, 50, "807010"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t bytes[256] = {0};
        struct unit_bytes start = unit_hex(rows[i].start);
        struct world *world = world_new();
        world_start(world, 8000000);
        struct peer *a = connect_peer(world, 0, CLIENT, 1, rows[i].form, 3);
        open_stream(world, a, 1, 1, 0);
        memcpy(bytes, start.data, start.size);
        struct simc_slice datagram = simc_slice(bytes, rows[i].size);
        ck_assert_int_eq(simc_emmg_send(a->session, 1, &datagram, 1, world->now_ms), 0);
        step(world, 100);
        ck_assert_msg(a->errors == 1, "row %zu: %u errors", i, a->errors);
        ck_assert_uint_eq(world->section_bytes, 0);
        ck_assert(!a->is_over);
        if (rows[i].form == 0)
            send_section(world, a, 1, 9, 100);
        step(world, 500);
        ck_assert_uint_eq(world->got[9], world->sent[9]);
        world_free(world);
    }
}
END_TEST

START_TEST(test_udp)
{
    struct world *world = world_new();
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 2);
    open_stream(world, a, 1, 0x21, 0);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t section[SECTION_ROOM], message[4096];
        struct simc_slice datagram = simc_slice(section, make_section(section, 3, i, 100));
        struct simc_writer out = simc_writer(message, sizeof message);
        ck_assert_int_eq(simc_emmg_udp_write(2, CLIENT, 0x21, &datagram, 1, &out), 0);
        simc__emmg_udp(world->emmg, simc_slice(message, out.at), world->now_ms);
        /* What is broken, or of nobody, changes nothing. */
        simc__emmg_udp(world->emmg, simc_slice(message, out.at - 1), world->now_ms);
        simc__emmg_udp(world->emmg, simc_slice(message, i % 5), world->now_ms);
        message[9] ^= 0x55;
        simc__emmg_udp(world->emmg, simc_slice(message, out.at), world->now_ms);
        world->sent[3]++;
        step(world, 20);
    }
    step(world, 1000);
    ck_assert_uint_eq(world->got[3], 300);
    ck_assert_uint_eq(a->errors, 0);
    world_free(world);
}
END_TEST

/* ---- many ---- */

START_TEST(test_many_streams)
{
    struct world *world = world_new();
    world->conf.bandwidth_kbitps = 30000;
    world->clients[0].default_bandwidth_kbitps = 20;
    world_start(world, 40000000);
    for (unsigned i = 0; i < 64; i++) {
        struct peer *peer = connect_peer(world, i, CLIENT, (uint16_t)i, 0, 3);
        for (unsigned k = 0; k < STREAMS; k++) /* private: each has a PID of its own */
            open_stream(world, peer, (uint16_t)k, (uint16_t)(i * STREAMS + k), 1);
        ck_assert_uint_eq(peer->open, STREAMS);
    }
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 64; i++)
            for (unsigned k = 0; k < STREAMS; k++)
                ck_assert(send_section(world, &world->peers[i], (uint16_t)k, i * STREAMS + k,
                                       40 + (i + k + round) % 60));
        step(world, 100);
    }
    step(world, 3000);
    for (unsigned key = 0; key < 64 * STREAMS; key++) {
        ck_assert_uint_eq(world->got[key], 20);
        ck_assert(key == 0 || world->pid_of[key] != world->pid_of[key - 1]);
    }
    world_free(world);
}
END_TEST

START_TEST(test_queue_is_full)
{
    struct world *world = world_new();
    world->conf.limits.queue = 70000;
    world->conf.burst_ms = 10000;
    world_start(world, 1000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, a, 1, 1, 0);
    ask(world, a, 1, 2000); /* more than the whole output has */
    for (unsigned i = 0; i < 40; i++)
        send_section(world, a, 1, 1, 4000);
    step(world, 10);
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH);
    step(world, 5000);
    ck_assert_uint_ge(world->got[1], 70000 / 4000);
    ck_assert_uint_lt(world->got[1], 40);
    world_free(world);
}
END_TEST

START_TEST(test_engine_goes_and_comes)
{
    struct world *world = world_new();
    world_start(world, 8000000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, a, 1, 1, 0);
    send_section(world, a, 1, 1, 100);
    step(world, 500);
    ck_assert_uint_eq(world->got[1], 1);
    simc__emmg_mux_gone(world->emmg, world->mux);
    world->has_no_mux = true;
    uint8_t bytes[200];
    struct simc_slice datagram = simc_slice(bytes, make_section(bytes, 2, 0, 100));
    ck_assert_int_eq(simc_emmg_send(a->session, 1, &datagram, 1, world->now_ms), 0);
    step(world, 500);
    ck_assert_uint_eq(world->got[2], 0);
    ck_assert_uint_eq(a->errors, 1);
    world->has_no_mux = false;
    simc__emmg_change(world->emmg, &world->conf, world->now_ms);
    send_section(world, a, 1, 1, 100);
    step(world, 500);
    ck_assert_uint_eq(world->got[1], 2);
    /* What waits when a stream ends is still sent. */
    for (unsigned i = 0; i < 100; i++)
        send_section(world, a, 1, 1, 100);
    pump(world, a);
    leave(world, a);
    step(world, 3000);
    ck_assert_uint_eq(world->got[1], 102);
    world_free(world);
}
END_TEST

/* ---- pacing: any 10 s, within 1 % of the allocation, give or take a packet at each end ---- */

static const struct {
    uint16_t kbitps;
    unsigned seconds;
    uint64_t output;
} paces[] = {{1, 200, 500000}, {100, 60, 2000000}, {2000, 40, 8000000}, {20000, 25, 40000000}};

START_TEST(test_pacing)
{
    struct world *world = world_new();
    world->conf.excess = SIMC__EMMG_EXCESS_WAIT;
    world->conf.bandwidth_kbitps = 30000;
    world->clients[0].pid = world->watched = 0x500;
    world_start(world, paces[_i].output);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    open_stream(world, a, 1, 1, 0);
    ask(world, a, 1, paces[_i].kbitps);
    uint64_t wanted = (uint64_t)paces[_i].kbitps * 10000 / (PACKET * 8); /* packets in 10 s */
    uint64_t worst = 0;
    for (uint64_t at = 0; at < paces[_i].seconds * 1000u; at += STEP_MS) {
        uint64_t due = (at + 1000) * paces[_i].kbitps / 8 / 100 + 2;
        while (world->sent[1] < due && send_section(world, a, 1, 1, 100))
            ;
        step(world, STEP_MS);
    }
    unsigned last = paces[_i].seconds * 1000 / BIN_MS, first = 50;
    for (unsigned from = first; from + 100 < last; from++) {
        uint64_t packets = 0;
        for (unsigned i = from; i < from + 100; i++)
            packets += world->bins[i];
        uint64_t off = packets > wanted ? packets - wanted : wanted - packets;
        worst = off > worst ? off : worst;
        ck_assert_msg(off <= wanted / 100 + 2, "%u kbit/s: %llu packets in 10 s, not %llu",
                      paces[_i].kbitps, (unsigned long long)packets, (unsigned long long)wanted);
    }
    ck_assert_uint_eq(a->errors, 0);
    world_free(world);
}
END_TEST

/* Two hours of EMMs: no byte more or less comes out than went in. */
START_TEST(test_soak)
{
    struct world *world = world_new();
    uint64_t bytes = 0;
    world_start(world, 500000);
    struct peer *a = connect_peer(world, 0, CLIENT, 1, 0, 3);
    struct peer *b = connect_peer(world, 1, CLIENT, 2, 0, 2);
    open_stream(world, a, 1, 1, 0);
    open_stream(world, b, 1, 2, 0);
    ask(world, a, 1, 100);
    ask(world, b, 1, 50);
    for (unsigned second = 0; second < 7200; second++) {
        for (unsigned i = 0; i < 20; i++) {
            size_t size = 20 + (second * 31 + i * 57) % 600;
            ck_assert(send_section(world, a, 1, 1, size));
            bytes += size;
            if (i % 4 == 0) {
                ck_assert(send_section(world, b, 1, 2, 1000));
                bytes += 1000;
            }
            step(world, 50);
        }
    }
    step(world, 3000);
    ck_assert_uint_eq(a->errors + b->errors, 0);
    ck_assert_uint_eq(world->got[1], world->sent[1]);
    ck_assert_uint_eq(world->got[2], world->sent[2]);
    ck_assert_uint_eq(world->section_bytes, bytes);
    world_free(world);
}
END_TEST

Suite *suite_mux_emmg(void)
{
    Suite *suite = suite_create("mux_emmg");
    TCase *tcase = tcase_create("mux_emmg");
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, test_first_come_first_served);
    tcase_add_test(tcase, test_limit_of_client);
    tcase_add_test(tcase, test_excess_is_an_error);
    tcase_add_test(tcase, test_excess_waits);
    tcase_add_test(tcase, test_pids);
    tcase_add_test(tcase, test_channels_that_are_refused);
    tcase_add_loop_test(tcase, test_channels_are_taken_over, 0, 4);
    tcase_add_test(tcase, test_data_ids_are_taken_over);
    tcase_add_test(tcase, test_others_take_nothing_over);
    tcase_add_test(tcase, test_streams_that_are_refused);
    tcase_add_test(tcase, test_malformed_datagrams);
    tcase_add_test(tcase, test_udp);
    tcase_add_test(tcase, test_many_streams);
    tcase_add_test(tcase, test_queue_is_full);
    tcase_add_test(tcase, test_engine_goes_and_comes);
    tcase_add_loop_test(tcase, test_pacing, 0, (int)UNIT_COUNT(paces));
    tcase_add_test(tcase, test_soak);
    suite_add_tcase(suite, tcase);
    return suite;
}
