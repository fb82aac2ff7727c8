/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server of muxd in memory, see emmg_world.h. */
#include "unit/emmg_world.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

/* ---- the output ---- */

size_t emmg_make_section(uint8_t *out, uint32_t key, uint64_t count, size_t size)
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

static void read_cat(struct emmg_world *world, const uint8_t *section, size_t size)
{
    world->cat_count = 0;
    for (size_t at = 8; at + 6 <= size - 4; at += 2u + section[at + 1])
        if (section[at] == 9 && world->cat_count < 64)
            world->cat_pids[world->cat_count++] =
                (uint16_t)((section[at + 4] & 0x1f) << 8 | section[at + 5]);
}

static void whole_section(struct emmg_world *world, unsigned pid, const uint8_t *section,
                          size_t size)
{
    uint8_t wanted[EMMG_SECTION_ROOM];
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
    ck_assert_uint_lt(key, EMMG_KEYS);
    ck_assert_msg(count == world->got[key], "key %u: section %llu came, %llu was next",
                  (unsigned)key, (unsigned long long)count, (unsigned long long)world->got[key]);
    emmg_make_section(wanted, key, count, size);
    ck_assert_int_eq(memcmp(wanted, section, size), 0);
    world->got[key]++;
    world->section_bytes += size;
    world->pid_of[key] = (uint16_t)pid;
}

static void section_bytes(struct emmg_world *world, unsigned pid, const uint8_t *bytes, size_t size)
{
    struct emmg_pid *out = &world->out[pid];
    while (size > 0) {
        if (out->size == 0 && bytes[0] == 0xff)
            return; /* stuffing up to the end of the packet */
        size_t wanted = 3;
        if (out->size >= 3)
            wanted = 3u + ((out->section[1] & 0x0fu) << 8 | out->section[2]);
        size_t count = wanted - out->size < size ? wanted - out->size : size;
        ck_assert_uint_lt(out->size + count, EMMG_SECTION_ROOM);
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

static void read_packet(struct emmg_world *world, const uint8_t *packet, uint64_t tick)
{
    unsigned pid = (packet[1] & 0x1fu) << 8 | packet[2];
    struct emmg_pid *out = &world->out[pid];
    if (pid == 0x1fff)
        return;
    ck_assert_uint_eq(packet[0], 0x47);
    ck_assert_uint_eq(packet[3] & 0xf0, 0x10);
    ck_assert_msg(!out->is_seen || (packet[3] & 0xf) == ((out->cc + 1) & 0xf), "PID %u: continuity",
                  pid);
    out->is_seen = true;
    out->cc = packet[3] & 0xf;
    out->packets++;
    if (pid == world->watched && tick / (SIMC_PCR_HZ / 1000 * EMMG_BIN_MS) < EMMG_BINS)
        world->bins[tick / (SIMC_PCR_HZ / 1000 * EMMG_BIN_MS)]++;
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

static void run_engine(struct emmg_world *world)
{
    struct simc__mux_block block;
    while (simc__mux_run(world->mux, world->now_ms * 1000000, &block) == 0)
        for (size_t i = 0; i < block.count; i++)
            read_packet(world, block.packets + i * EMMG_PACKET, block.ticks[i]);
}

/* ---- the world ---- */

static struct simc__mux *find(void *context, const char *multiplex)
{
    struct emmg_world *world = context;
    return multiplex || world->has_no_mux ? NULL : world->mux;
}

static void flush(void *context, struct simc__emmg_channel *channel)
{
    (void)context; /* peers are pumped at each step */
    (void)channel;
}

static bool is_ended(void *context, const struct simc__emmg_channel *channel)
{
    const struct emmg_world *world = context;
    return channel == world->ended;
}

void emmg_world_start(struct emmg_world *world, uint64_t bitrate)
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

struct emmg_world *emmg_world_new(void)
{
    struct emmg_world *world = calloc(1, sizeof *world);
    ck_assert_ptr_nonnull(world);
    world->bins = calloc(EMMG_BINS, sizeof *world->bins);
    ck_assert_ptr_nonnull(world->bins);
    world->now_ms = EMMG_START_MS;
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
        .limits = {.channels = EMMG_PEERS,
                   .streams_per_channel = 16,
                   .streams = 2048,
                   .message_length = 65535,
                   .faults = 32,
                   .queue = 262144},
        .timers = {.setup_ms = 30000, .close_ms = 1000, .test_ms = 5000},
    };
    return world;
}

static void peer_event(struct emmg_peer *peer, const struct simc_session_event *event)
{
    switch (event->type) {
    case SIMC_EVENT_STREAM_OPEN:
        peer->open++;
        break;
    case SIMC_EVENT_BW_ALLOCATION:
        peer->allocated[event->data_stream_id % EMMG_STREAMS] = event->bandwidth.kbitps;
        peer->told[event->data_stream_id % EMMG_STREAMS]++;
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

static void count_tests(struct emmg_peer *peer, struct simc_slice bytes)
{
    for (size_t at = 0; at + 5 <= bytes.size;
         at += 5u + (size_t)(bytes.data[at + 3] << 8 | bytes.data[at + 4]))
        peer->tests += (bytes.data[at + 1] << 8 | bytes.data[at + 2]) == SIMC_EMMG_MSG_CHANNEL_TEST;
}

/* Bytes are borrowed until the events were asked for. */
static bool pass(struct emmg_world *world, struct emmg_peer *peer, bool is_to_mux)
{
    struct simc_session *mux = simc__emmg_channel_session(peer->channel);
    struct simc_session *from = is_to_mux ? peer->session : mux;
    struct simc_session *to = is_to_mux ? mux : peer->session;
    struct simc_slice bytes = simc_session_output(from);
    struct simc_session_event event;
    if (bytes.size == 0 || simc_session_is_blocked(to))
        return false;
    size_t size = bytes.size;
    if (!is_to_mux)
        count_tests(peer, bytes);
    if (peer->is_lost || (peer->is_deaf && !is_to_mux)) {
        simc_session_sent(from, size);
        return true;
    }
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

void emmg_pump(struct emmg_world *world, struct emmg_peer *peer)
{
    struct simc_session_event event;
    simc__emmg_channel_events(peer->channel, world->now_ms);
    while (simc_session_next_event(peer->session, &event))
        peer_event(peer, &event);
    for (;;) {
        while (pass(world, peer, true) || pass(world, peer, false))
            ;
        if (simc__emmg_deadline_ms(world->emmg) > world->now_ms)
            break;
        /* A stream was opened: the next message is for the next turn. */
        simc__emmg_run(world->emmg, world->now_ms);
        simc__emmg_channel_events(peer->channel, world->now_ms);
    }
}

void emmg_step(struct emmg_world *world, uint64_t ms)
{
    for (uint64_t end = world->now_ms + ms; world->now_ms < end;) {
        world->now_ms += EMMG_STEP_MS;
        simc__emmg_run(world->emmg, world->now_ms);
        for (unsigned i = 0; i < EMMG_PEERS; i++)
            if (world->peers[i].session)
                emmg_pump(world, &world->peers[i]);
        run_engine(world);
    }
}

void emmg_late(struct emmg_world *world, uint64_t ms, bool is_filled)
{
    for (uint64_t end = world->now_ms + ms; world->now_ms < end;) {
        world->now_ms += EMMG_STEP_MS;
        if (is_filled)
            simc__emmg_fill(world->emmg, world->mux);
        run_engine(world);
    }
}

struct emmg_peer *emmg_connect_from(struct emmg_world *world, unsigned index, uint32_t client_id,
                                    uint16_t channel_id, uint8_t form, uint8_t version,
                                    const struct simc__emmg_peer *from)
{
    const struct simc_emmg_settings settings = {.version = version,
                                                .client_id = client_id,
                                                .data_channel_id = channel_id,
                                                .section_tspkt_flag = form,
                                                .common = {.idle_ms = SIMC_IDLE_TEST_OFF}};
    struct emmg_peer *peer = &world->peers[index];
    memset(peer, 0, sizeof *peer);
    peer->client_id = client_id;
    ck_assert_int_eq(simc_emmg_session_new(&settings, world->now_ms, &peer->session), 0);
    ck_assert_int_eq(simc__emmg_channel_new(world->emmg, from, world->now_ms, &peer->channel), 0);
    emmg_pump(world, peer);
    return peer;
}

struct emmg_peer *emmg_connect(struct emmg_world *world, unsigned index, uint32_t client_id,
                               uint16_t channel_id, uint8_t form, uint8_t version)
{
    static const struct simc__emmg_peer from = {.address = "192.0.2.1:40000"};
    return emmg_connect_from(world, index, client_id, channel_id, form, version, &from);
}

void emmg_leave(struct emmg_world *world, struct emmg_peer *peer)
{
    simc__emmg_channel_free(peer->channel, "it left", world->now_ms);
    simc_session_free(peer->session);
    memset(peer, 0, sizeof *peer);
}

void emmg_open_stream(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream,
                      uint16_t data_id, uint8_t type)
{
    ck_assert_int_eq(simc_emmg_stream_open(peer->session, stream, data_id, type, world->now_ms), 0);
    emmg_pump(world, peer);
}

void emmg_ask(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream, uint16_t kbitps)
{
    const struct simc_session_bandwidth wanted = {true, kbitps};
    ck_assert_int_eq(simc_emmg_request_bandwidth(peer->session, stream, wanted, world->now_ms), 0);
    emmg_pump(world, peer);
}

/* Sends the next section of a key. @return false: the session does not take it now. */
bool emmg_send_section(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream,
                       uint32_t key, size_t size)
{
    uint8_t bytes[EMMG_SECTION_ROOM];
    struct simc_slice datagram =
        simc_slice(bytes, emmg_make_section(bytes, key, world->sent[key], size));
    int error = simc_emmg_send(peer->session, stream, &datagram, 1, world->now_ms);
    if (error == SIMC_EAGAIN)
        return false;
    ck_assert_int_eq(error, 0);
    world->sent[key]++;
    return true;
}

void emmg_world_free(struct emmg_world *world)
{
    for (unsigned i = 0; i < EMMG_PEERS; i++)
        if (world->peers[i].session)
            emmg_leave(world, &world->peers[i]);
    simc__emmg_free(world->emmg);
    simc__mux_free(world->mux);
    free(world->bins);
    free(world);
}

uint16_t emmg_refused(struct emmg_world *world, unsigned index, uint32_t client_id,
                      uint16_t channel, uint8_t form)
{
    struct emmg_peer *peer =
        emmg_connect(world, index, client_id, channel, form, form == 2 ? 5 : 3);
    return peer->errors ? peer->status : 0;
}
