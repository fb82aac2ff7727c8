/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server of muxd: bandwidth, PIDs, refusals, pace, and that what comes out is what went
 * in. Run by the unit test runner. */
#include <stdio.h>
#include <string.h>

#include "mux/emmg_internal.h"
#include "unit/emmg_world.h"
#include "unit/unit.h"

Suite *suite_mux_emmg(void);

/* ---- bandwidth ---- */

START_TEST(test_first_come_first_served)
{
    struct emmg_world *world = emmg_world_new();
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    struct emmg_peer *b = emmg_connect(world, 1, EMMG_CLIENT + 1, 1, 0, 2);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_open_stream(world, b, 1, 1, 0);
    ck_assert_uint_eq(a->open + b->open, 2);
    emmg_ask(world, a, 1, 1500);
    ck_assert_uint_eq(a->allocated[1], 1500);
    emmg_ask(world, b, 1, 1500);
    ck_assert_uint_eq(b->allocated[1], 500);
    /* What becomes free goes to the one that wants more, and it is told without asking. */
    emmg_ask(world, a, 1, 800);
    ck_assert_uint_eq(a->allocated[1], 800);
    emmg_pump(world, b);
    ck_assert_uint_eq(b->allocated[1], 1200);
    ck_assert_uint_eq(b->told[1], 2);
    emmg_ask(world, b, 1, 0);
    ck_assert_uint_eq(b->allocated[1], 0);
    emmg_leave(world, a);
    emmg_ask(world, b, 1, 5000);
    ck_assert_uint_eq(b->allocated[1], 2000);
    /* A smaller total holds at once. */
    world->conf.bandwidth_kbitps = 300;
    simc__emmg_change(world->emmg, &world->conf, world->now_ms);
    emmg_pump(world, b);
    ck_assert_uint_eq(b->allocated[1], 300);
    emmg_world_free(world);
}
END_TEST

START_TEST(test_limit_of_client)
{
    struct emmg_world *world = emmg_world_new();
    world->clients[0].bandwidth_kbitps = 700;
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_open_stream(world, a, 2, 2, 0);
    emmg_ask(world, a, 1, 400);
    emmg_ask(world, a, 2, 400);
    ck_assert_uint_eq(a->allocated[1], 400);
    ck_assert_uint_eq(a->allocated[2], 300);
    emmg_world_free(world);
}
END_TEST

/* The rule, written down plainly: in the order of opening each has what it wants, as far as its
 * client and the multiplex have it left. */
enum { RULE_PEERS = 6, RULE_STREAMS = 4, RULE_OF_CLIENT = 700, RULE_OF_MULTIPLEX = 1100 };

struct rule_stream {
    unsigned peer, stream;
    bool has_asked;
    uint32_t wanted;
};

struct rule {
    struct rule_stream open[RULE_PEERS * RULE_STREAMS]; /* in the order of opening */
    unsigned count;
};

static struct rule_stream *rule_find(struct rule *rule, unsigned peer, unsigned stream)
{
    for (unsigned i = 0; i < rule->count; i++)
        if (rule->open[i].peer == peer && rule->open[i].stream == stream)
            return &rule->open[i];
    return NULL;
}

static void rule_close(struct rule *rule, struct rule_stream *stream)
{
    size_t behind = (size_t)(rule->open + rule->count - stream - 1);
    memmove(stream, stream + 1, behind * sizeof *stream);
    rule->count--;
}

static void rule_check(struct emmg_world *world, const struct rule *rule)
{
    uint32_t of_client[2] = {0}, of_multiplex = 0;
    /* What one of them has said may be told to others in the second round. */
    for (unsigned i = 0; i < 2 * RULE_PEERS; i++)
        if (world->peers[i % RULE_PEERS].session)
            emmg_pump(world, &world->peers[i % RULE_PEERS]);
    for (unsigned i = 0; i < rule->count; i++) {
        const struct rule_stream *stream = &rule->open[i];
        uint32_t *taken = &of_client[stream->peer % 2], share = stream->wanted;
        share = share < RULE_OF_CLIENT - *taken ? share : RULE_OF_CLIENT - *taken;
        share = share < RULE_OF_MULTIPLEX - of_multiplex ? share : RULE_OF_MULTIPLEX - of_multiplex;
        *taken += share;
        of_multiplex += share;
        if (stream->has_asked)
            ck_assert_uint_eq(world->peers[stream->peer].allocated[stream->stream], share);
    }
    /* A PID leaves at the sum of its streams. */
    for (const struct simc__emmg_carrier *carrier = world->emmg->carriers; carrier;
         carrier = carrier->next) {
        uint64_t kbitps = 0;
        for (const struct simc__emmg_stream *stream = world->emmg->streams; stream;
             stream = stream->next)
            kbitps += stream->carrier == carrier ? stream->allocated_kbitps : 0;
        ck_assert(carrier->users == 0 || carrier->kbitps == kbitps);
    }
}

START_TEST(test_random_shares)
{
    static const uint16_t most[] = {60, 150, 400}; /* enough for all, for some, for few */
    struct unit_random random = unit_random((uint64_t)_i + 1);
    struct emmg_world *world = emmg_world_new();
    struct rule rule = {.count = 0};
    world->conf.bandwidth_kbitps = RULE_OF_MULTIPLEX;
    world->clients[0].bandwidth_kbitps = RULE_OF_CLIENT;
    world->clients[0].default_bandwidth_kbitps = 20;
    emmg_world_start(world, 8000000);
    for (unsigned step = 0; step < 3000; step++) {
        unsigned p = (unsigned)unit_random_below(&random, RULE_PEERS);
        unsigned k = (unsigned)unit_random_below(&random, RULE_STREAMS);
        struct emmg_peer *peer = &world->peers[p];
        struct rule_stream *stream = rule_find(&rule, p, k);
        if (!peer->session)
            emmg_connect(world, p, EMMG_CLIENT + p % 2, (uint16_t)p, 0, 3);
        if (!stream) {
            /* EMMs share a PID, private data have PIDs of their own. */
            emmg_open_stream(world, peer, (uint16_t)k, (uint16_t)(p * RULE_STREAMS + k), k % 2);
            rule.open[rule.count++] = (struct rule_stream){p, k, false, 20};
        } else if (unit_random_below(&random, 40) == 0) {
            emmg_leave(world, peer);
            for (unsigned i = 0; i < RULE_STREAMS; i++)
                if ((stream = rule_find(&rule, p, i)))
                    rule_close(&rule, stream);
        } else if (unit_random_below(&random, 4) == 0) {
            /* What still waits then keeps its PID for a time. */
            emmg_send_section(world, peer, (uint16_t)k, 1 + p * RULE_STREAMS + k, 1000);
            ck_assert_int_eq(simc_emmg_stream_close(peer->session, (uint16_t)k, world->now_ms), 0);
            rule_close(&rule, stream);
        } else {
            stream->has_asked = true;
            stream->wanted = (uint32_t)unit_random_below(&random, most[_i % 3]);
            emmg_ask(world, peer, (uint16_t)k, (uint16_t)stream->wanted);
        }
        rule_check(world, &rule);
        /* The engine stands still, so that data waits. */
        world->now_ms += EMMG_STEP_MS;
        simc__emmg_run(world->emmg, world->now_ms);
    }
    emmg_world_free(world);
}
END_TEST

/* @return the sections of `key` that were sent at `per_step` each step. */
static void send_for(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream,
                     uint32_t key, unsigned per_step, size_t size, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += EMMG_STEP_MS) {
        for (unsigned i = 0; i < per_step; i++)
            if (!emmg_send_section(world, peer, stream, key, size))
                break;
        emmg_step(world, EMMG_STEP_MS);
    }
}

START_TEST(test_excess_is_an_error)
{
    struct emmg_world *world = emmg_world_new();
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    /* The default: 100 kbit/s. Ten times as much comes; what is taken stays in order. */
    uint8_t bytes[EMMG_SECTION_ROOM];
    uint64_t bytes_sent = 0;
    for (unsigned i = 0; i < 2000; i++) {
        struct simc_slice datagram = simc_slice(bytes, emmg_make_section(bytes, 5, 0, 625));
        int error = simc_emmg_send(a->session, 1, &datagram, 1, world->now_ms);
        if (error != SIMC_EAGAIN)
            ck_assert_int_eq(error, 0);
        bytes_sent += error ? 0 : 625;
        world->got[5] = 0; /* all are the same one */
        emmg_step(world, EMMG_STEP_MS);
        world->got[5] = 0;
    }
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH);
    /* 10 s: one error a second at most, and the allocation with its burst came through. */
    ck_assert_uint_ge(a->errors, 5);
    ck_assert_uint_le(a->errors, 11);
    ck_assert_uint_gt(bytes_sent, 1000000);
    ck_assert_uint_ge(world->section_bytes, 110000);
    ck_assert_uint_le(world->section_bytes, 10 * 12500 + 70000);
    emmg_world_free(world);
}
END_TEST

START_TEST(test_excess_waits)
{
    struct emmg_world *world = emmg_world_new();
    world->conf.excess = SIMC__EMMG_EXCESS_WAIT;
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_ask(world, a, 1, 200);
    send_for(world, a, 1, 7, 10, 625, 4000);
    ck_assert_uint_eq(a->errors, 0);
    ck_assert_uint_lt(world->got[7], world->sent[7]);
    for (unsigned i = 0; i < 600 && world->got[7] < world->sent[7]; i++)
        emmg_step(world, 1000);
    ck_assert_uint_eq(world->got[7], world->sent[7]);
    emmg_world_free(world);
}
END_TEST

/* ---- who, and where ---- */

START_TEST(test_pids)
{
    struct emmg_world *world = emmg_world_new();
    world->pids[0] = (struct simc__emmg_pid_conf){.data_id = 3, .pid = 0x700};
    world->clients[0].pid = 0x500;
    world->clients[0].pids = world->pids;
    world->clients[0].pids_count = 1;
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    struct emmg_peer *b = emmg_connect(world, 1, EMMG_CLIENT, 2, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_open_stream(world, b, 1, 2, 0);
    emmg_open_stream(world, a, 2, 3, 0);
    emmg_open_stream(world, a, 3, 4, 1);
    emmg_open_stream(world, a, 4, 5, 1);
    ck_assert_uint_eq(a->open, 4);
    for (unsigned i = 0; i < 400; i++) {
        emmg_send_section(world, a, 1, 1, 60 + i);
        emmg_send_section(world, b, 1, 2, 4096 - i);
        emmg_send_section(world, a, 2, 3, 100);
        emmg_send_section(world, a, 3, 4, 200);
        emmg_send_section(world, a, 4, 5, 17);
        emmg_step(world, 500);
    }
    emmg_step(world, 2000);
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
    emmg_world_free(world);
}
END_TEST

START_TEST(test_channels_that_are_refused)
{
    struct emmg_world *world = emmg_world_new();
    world->clients[0].has_client_id = true;
    world->clients[0].client_id = EMMG_CLIENT;
    world->conf.is_exclusive = true;
    emmg_world_start(world, 8000000);
    ck_assert_uint_eq(emmg_refused(world, 0, EMMG_CLIENT + 1, 1, 0),
                      SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID);
    ck_assert_uint_eq(emmg_refused(world, 1, EMMG_CLIENT, 1, 2), SIMC_EMMG_STATUS_INVALID_VALUE);
    ck_assert_uint_eq(emmg_refused(world, 2, EMMG_CLIENT, 1, 0), 0);
    ck_assert_uint_eq(emmg_refused(world, 3, EMMG_CLIENT, 1, 0),
                      SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    ck_assert_uint_eq(emmg_refused(world, 4, EMMG_CLIENT, 2, 0), SIMC_EMMG_STATUS_CLIENT_ID_IN_USE);
    world->conf.limits.channels = 1;
    world->clients[0].has_client_id = false;
    ck_assert_uint_eq(emmg_refused(world, 6, EMMG_CLIENT + 1, 1, 0),
                      SIMC_EMMG_STATUS_TOO_MANY_CHANNELS);
    world->clients[0].name = "emmg.example.com";
    ck_assert_uint_eq(emmg_refused(world, 5, EMMG_CLIENT, 3, 0),
                      SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID);
    emmg_world_free(world);
}
END_TEST

/* The old channel gives way with its streams and its ids. */
START_TEST(test_channels_are_taken_over)
{
    struct emmg_world *world = emmg_world_new();
    world->conf.is_exclusive = _i & 1;
    world->conf.takeover = _i & 2 ? SIMC__EMMG_TAKEOVER_SAME_PEER : SIMC__EMMG_TAKEOVER_ENDED;
    emmg_world_start(world, 8000000);
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    uint16_t early = emmg_refused(world, 1, EMMG_CLIENT, 1, 0);
    ck_assert_uint_eq(early, _i & 2 ? 0 : SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    world->ended = old->channel;
    ck_assert_uint_eq(emmg_refused(world, 2, EMMG_CLIENT, 1, 0), 0);
    emmg_open_stream(world, &world->peers[2], 1, 7, SIMC_DATA_TYPE_EMM);
    ck_assert_uint_eq(world->peers[2].errors, 0);
    ck_assert(simc_session_wants_close(simc__emmg_channel_session(old->channel)) != 0);
    emmg_leave(world, old);
    emmg_step(world, 100);
    ck_assert_uint_eq(simc_session_stream_count(world->peers[2].session), 1);
    emmg_world_free(world);
}
END_TEST

/* It comes back with another channel id and the data_id of before. */
START_TEST(test_data_ids_are_taken_over)
{
    struct emmg_world *world = emmg_world_new();
    emmg_world_start(world, 8000000);
    for (uint16_t i = 0; i < 2; i++) {
        struct emmg_peer *peer = emmg_connect(world, i, EMMG_CLIENT, i, 0, 3);
        emmg_open_stream(world, peer, 1, 7, SIMC_DATA_TYPE_EMM);
        ck_assert_uint_eq(peer->errors, 0);
        world->ended = peer->channel;
    }
    world->ended = NULL;
    emmg_open_stream(world, emmg_connect(world, 2, EMMG_CLIENT, 2, 0, 3), 1, 7, SIMC_DATA_TYPE_EMM);
    ck_assert_uint_eq(world->peers[2].status, SIMC_EMMG_STATUS_DATA_ID_IN_USE);
    emmg_world_free(world);
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
    struct emmg_world *world = emmg_world_new();
    world->conf.takeover = SIMC__EMMG_TAKEOVER_SAME_PEER;
    emmg_world_start(world, 8000000);
    ck_assert_uint_eq(emmg_refused(world, 0, EMMG_CLIENT, 1, 0), 0);
    for (unsigned i = 0; i < 2; i++)
        ck_assert_uint_eq(emmg_connect_from(world, 1 + i, EMMG_CLIENT, 1, 0, 3, &others[i])->status,
                          SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    emmg_world_free(world);
}
END_TEST

START_TEST(test_streams_that_are_refused)
{
    struct emmg_world *world = emmg_world_new();
    world->pids[0] = (struct simc__emmg_pid_conf){.data_id = 1};
    world->clients[0].pids = world->pids;
    world->clients[0].pids_count = 1;
    world->clients[0].only_these = true;
    world->clients[0].no_private = true;
    world->conf.limits.streams = 2;
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    struct emmg_peer *b = emmg_connect(world, 1, EMMG_CLIENT, 2, 0, 3);
    struct emmg_peer *c = emmg_connect(world, 2, EMMG_CLIENT + 1, 2, 0, 3);
    emmg_open_stream(world, a, 1, 2, 0);
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_UNKNOWN_DATA_ID);
    emmg_open_stream(world, a, 1, 1, 1);
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_INVALID_VALUE);
    emmg_open_stream(world, a, 1, 1, 0);
    ck_assert_uint_eq(a->open, 1);
    emmg_open_stream(world, b, 1, 1, 0);
    ck_assert_uint_eq(b->status, SIMC_EMMG_STATUS_DATA_ID_IN_USE);
    emmg_open_stream(world, c, 1, 1, 0);
    ck_assert_uint_eq(c->open, 1);
    emmg_open_stream(world, c, 2, 1, 0);
    ck_assert_uint_ne(c->errors, 0);
    emmg_world_free(world);
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
        struct emmg_world *world = emmg_world_new();
        emmg_world_start(world, 8000000);
        struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, rows[i].form, 3);
        emmg_open_stream(world, a, 1, 1, 0);
        memcpy(bytes, start.data, start.size);
        struct simc_slice datagram = simc_slice(bytes, rows[i].size);
        ck_assert_int_eq(simc_emmg_send(a->session, 1, &datagram, 1, world->now_ms), 0);
        emmg_step(world, 100);
        ck_assert_msg(a->errors == 1, "row %zu: %u errors", i, a->errors);
        ck_assert_uint_eq(world->section_bytes, 0);
        ck_assert(!a->is_over);
        if (rows[i].form == 0)
            emmg_send_section(world, a, 1, 9, 100);
        emmg_step(world, 500);
        ck_assert_uint_eq(world->got[9], world->sent[9]);
        emmg_world_free(world);
    }
}
END_TEST

START_TEST(test_udp)
{
    struct emmg_world *world = emmg_world_new();
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 2);
    emmg_open_stream(world, a, 1, 0x21, 0);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t section[EMMG_SECTION_ROOM], message[4096];
        struct simc_slice datagram = simc_slice(section, emmg_make_section(section, 3, i, 100));
        struct simc_writer out = simc_writer(message, sizeof message);
        ck_assert_int_eq(simc_emmg_udp_write(2, EMMG_CLIENT, 0x21, &datagram, 1, &out), 0);
        simc__emmg_udp(world->emmg, simc_slice(message, out.at), world->now_ms);
        /* What is broken, or of nobody, changes nothing. */
        simc__emmg_udp(world->emmg, simc_slice(message, out.at - 1), world->now_ms);
        simc__emmg_udp(world->emmg, simc_slice(message, i % 5), world->now_ms);
        message[9] ^= 0x55;
        simc__emmg_udp(world->emmg, simc_slice(message, out.at), world->now_ms);
        world->sent[3]++;
        emmg_step(world, 20);
    }
    emmg_step(world, 1000);
    ck_assert_uint_eq(world->got[3], 300);
    ck_assert_uint_eq(a->errors, 0);
    emmg_world_free(world);
}
END_TEST

/* ---- many ---- */

START_TEST(test_many_streams)
{
    struct emmg_world *world = emmg_world_new();
    world->conf.bandwidth_kbitps = 30000;
    world->clients[0].default_bandwidth_kbitps = 20;
    emmg_world_start(world, 40000000);
    for (unsigned i = 0; i < 64; i++) {
        struct emmg_peer *peer = emmg_connect(world, i, EMMG_CLIENT, (uint16_t)i, 0, 3);
        for (unsigned k = 0; k < EMMG_STREAMS; k++) /* private: each has a PID of its own */
            emmg_open_stream(world, peer, (uint16_t)k, (uint16_t)(i * EMMG_STREAMS + k), 1);
        ck_assert_uint_eq(peer->open, EMMG_STREAMS);
    }
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 64; i++)
            for (unsigned k = 0; k < EMMG_STREAMS; k++)
                ck_assert(emmg_send_section(world, &world->peers[i], (uint16_t)k,
                                            i * EMMG_STREAMS + k, 40 + (i + k + round) % 60));
        emmg_step(world, 100);
    }
    emmg_step(world, 3000);
    for (unsigned key = 0; key < 64 * EMMG_STREAMS; key++) {
        ck_assert_uint_eq(world->got[key], 20);
        ck_assert(key == 0 || world->pid_of[key] != world->pid_of[key - 1]);
    }
    emmg_world_free(world);
}
END_TEST

START_TEST(test_queue_is_full)
{
    struct emmg_world *world = emmg_world_new();
    world->conf.limits.queue = 70000;
    world->conf.burst_ms = 10000;
    emmg_world_start(world, 1000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_ask(world, a, 1, 2000); /* more than the whole output has */
    for (unsigned i = 0; i < 40; i++)
        emmg_send_section(world, a, 1, 1, 4000);
    emmg_step(world, 10);
    ck_assert_uint_eq(a->status, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH);
    emmg_step(world, 5000);
    ck_assert_uint_ge(world->got[1], 70000 / 4000);
    ck_assert_uint_lt(world->got[1], 40);
    emmg_world_free(world);
}
END_TEST

START_TEST(test_engine_goes_and_comes)
{
    struct emmg_world *world = emmg_world_new();
    emmg_world_start(world, 8000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_send_section(world, a, 1, 1, 100);
    emmg_step(world, 500);
    ck_assert_uint_eq(world->got[1], 1);
    simc__emmg_mux_gone(world->emmg, world->mux);
    world->has_no_mux = true;
    uint8_t bytes[200];
    struct simc_slice datagram = simc_slice(bytes, emmg_make_section(bytes, 2, 0, 100));
    ck_assert_int_eq(simc_emmg_send(a->session, 1, &datagram, 1, world->now_ms), 0);
    emmg_step(world, 500);
    ck_assert_uint_eq(world->got[2], 0);
    ck_assert_uint_eq(a->errors, 1);
    world->has_no_mux = false;
    simc__emmg_change(world->emmg, &world->conf, world->now_ms);
    emmg_send_section(world, a, 1, 1, 100);
    emmg_step(world, 500);
    ck_assert_uint_eq(world->got[1], 2);
    /* What waits when a stream ends is still sent. */
    for (unsigned i = 0; i < 100; i++)
        emmg_send_section(world, a, 1, 1, 100);
    emmg_pump(world, a);
    emmg_leave(world, a);
    emmg_step(world, 3000);
    ck_assert_uint_eq(world->got[1], 102);
    emmg_world_free(world);
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
    struct emmg_world *world = emmg_world_new();
    world->conf.excess = SIMC__EMMG_EXCESS_WAIT;
    world->conf.bandwidth_kbitps = 30000;
    world->clients[0].pid = world->watched = 0x500;
    emmg_world_start(world, paces[_i].output);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_ask(world, a, 1, paces[_i].kbitps);
    uint64_t wanted = (uint64_t)paces[_i].kbitps * 10000 / (EMMG_PACKET * 8); /* packets in 10 s */
    uint64_t worst = 0;
    for (uint64_t at = 0; at < paces[_i].seconds * 1000u; at += EMMG_STEP_MS) {
        uint64_t due = (at + 1000) * paces[_i].kbitps / 8 / 100 + 2;
        while (world->sent[1] < due && emmg_send_section(world, a, 1, 1, 100))
            ;
        emmg_step(world, EMMG_STEP_MS);
    }
    unsigned last = paces[_i].seconds * 1000 / EMMG_BIN_MS, first = 50;
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
    emmg_world_free(world);
}
END_TEST

/* Sends sections of 100 bytes as long as the MUX takes them, a second ahead at most. */
static void keep_fed(struct emmg_world *world, struct emmg_peer *peer, unsigned kbitps)
{
    uint64_t due = (world->now_ms + 1000) * kbitps / 8 / 100;
    while (world->sent[1] < due && emmg_send_section(world, peer, 1, 1, 100))
        ;
}

/* A program that is late keeps the pace of what waits, with what the engine has ahead and, filled,
 * with the queue. Not filled it cannot: that shows that the queue is needed. */
START_TEST(test_late_program)
{
    enum { KBITPS = 20000, BEFORE_MS = 3000, LATE_MS = 800, BINS = LATE_MS / EMMG_BIN_MS };
    const uint64_t wanted = (uint64_t)KBITPS * EMMG_BIN_MS / (EMMG_PACKET * 8);
    bool is_filled = _i;
    struct emmg_world *world = emmg_world_new();
    world->conf.excess = SIMC__EMMG_EXCESS_WAIT;
    world->conf.bandwidth_kbitps = 30000;
    world->conf.limits.queue = 3 << 20;
    world->clients[0].pid = world->watched = 0x500;
    emmg_world_start(world, 40000000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_ask(world, a, 1, KBITPS);
    while (world->now_ms < BEFORE_MS) {
        keep_fed(world, a, KBITPS);
        emmg_step(world, EMMG_STEP_MS);
    }
    unsigned first = (unsigned)((world->now_ms - EMMG_START_MS) / EMMG_BIN_MS) + 1, most = 0,
             full = 0;
    emmg_late(world, LATE_MS, is_filled);
    for (unsigned i = first; i < first + BINS - 2; i++) {
        most = world->bins[i] > most ? world->bins[i] : most;
        full += world->bins[i] + wanted / 100 + 2 >= wanted;
    }
    ck_assert_uint_le(most, wanted + wanted / 100 + 2);
    if (is_filled)
        ck_assert_uint_eq(full, BINS - 2);
    else
        ck_assert_uint_lt(full, BINS - 2);
    emmg_world_free(world);
}
END_TEST

/* Two hours of EMMs (SIMC_EMMG_HOURS): no byte more or less comes out than went in. */
START_TEST(test_soak)
{
    struct emmg_world *world = emmg_world_new();
    uint64_t seconds = 3600 * unit_number("SIMC_EMMG_HOURS", 2);
    uint64_t bytes = 0;
    emmg_world_start(world, 500000);
    struct emmg_peer *a = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    struct emmg_peer *b = emmg_connect(world, 1, EMMG_CLIENT, 2, 0, 2);
    emmg_open_stream(world, a, 1, 1, 0);
    emmg_open_stream(world, b, 1, 2, 0);
    emmg_ask(world, a, 1, 100);
    emmg_ask(world, b, 1, 50);
    for (uint64_t second = 0; second < seconds; second++) {
        for (unsigned i = 0; i < 20; i++) {
            size_t size = 20 + (second * 31 + i * 57) % 600;
            ck_assert(emmg_send_section(world, a, 1, 1, size));
            bytes += size;
            if (i % 4 == 0) {
                ck_assert(emmg_send_section(world, b, 1, 2, 1000));
                bytes += 1000;
            }
            emmg_step(world, 50);
        }
    }
    emmg_step(world, 3000);
    ck_assert_uint_eq(a->errors + b->errors, 0);
    ck_assert(world->got[1] == world->sent[1] && world->got[2] == world->sent[2]);
    ck_assert_uint_eq(world->section_bytes, bytes);
    printf("# %llu s: %llu bytes went in and came out\n", (unsigned long long)seconds,
           (unsigned long long)bytes);
    fflush(stdout);
    emmg_world_free(world);
}
END_TEST

Suite *suite_mux_emmg(void)
{
    Suite *suite = suite_create("mux_emmg");
    TCase *tcase = tcase_create("mux_emmg");
    tcase_set_timeout(tcase, 1200);
    tcase_add_test(tcase, test_first_come_first_served);
    tcase_add_test(tcase, test_limit_of_client);
    tcase_add_loop_test(tcase, test_random_shares, 0, 12);
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
    tcase_add_loop_test(tcase, test_late_program, 0, 2);
    tcase_add_test(tcase, test_soak);
    suite_add_tcase(suite, tcase);
    return suite;
}
