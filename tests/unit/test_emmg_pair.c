/* SPDX-License-Identifier: BSL-1.0 */
/* Both roles of EMMG-MUX against each other in memory, under a clock of their own: every byte of
 * the messages, all versions and segmentations, every allocation that fails, and random walks with
 * damaged bytes. Run by the unit test runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/emmg_session.h"
#include "unit/unit.h"

Suite *suite_emmg_pair(void);

enum { STREAMS = 6, WALKS = 1000, STEPS = 200, CLIENT = 0x7fff0001 };

struct side {
    struct simc_session *session;
    bool is_over;
};

struct pair {
    struct side mux, emmg;
    uint64_t now_ms;
    size_t piece;   /* bytes delivered at once; 0: all */
    bool is_faulty; /* bytes are damaged: promises to the application still hold */
    bool is_refused, is_quiet;
    uint8_t form;
    /* What was seen. */
    bool is_open;
    uint8_t stream_state[STREAMS]; /* 0 closed, 1 opening, 2 open, 3 closing */
    bool waits[STREAMS];           /* for an allocation */
    bool mux_has[STREAMS];
    uint64_t sent_datagrams, got_datagrams, got_bytes, sent_sum, got_sum;
    uint64_t allocations, failures, requests, opened;
};

/* Adds bytes up so that order counts. */
static uint64_t add_up(uint64_t sum, struct simc_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        sum = (sum ^ bytes.data[i]) * UINT64_C(1099511628211);
    return sum;
}

static void mux_data(struct pair *pair, const struct simc_session_event *event)
{
    struct simc_values datagrams = event->data.datagrams;
    struct simc_slice datagram;
    size_t count = 0, bytes = 0;
    ck_assert_ptr_eq(event->data.context, &pair->mux_has[event->data_stream_id % STREAMS]);
    while (simc_values_next(&datagrams, &datagram) == 0) {
        count++;
        bytes += datagram.size;
        pair->got_sum = add_up(pair->got_sum, datagram);
    }
    ck_assert_uint_eq(count, event->data.datagrams.count);
    ck_assert_uint_eq(bytes, event->data.bytes);
    pair->got_datagrams += count;
    pair->got_bytes += bytes;
}

static void mux_event(struct pair *pair, const struct simc_session_event *event)
{
    struct simc_session *session = pair->mux.session;
    uint16_t stream = event->data_stream_id;
    int error = 0;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        error = pair->is_refused ? simc_session_refuse(session, 7, simc_slice(NULL, 0))
                                 : simc_mux_channel_accept(session);
        break;
    case SIMC_EVENT_STREAM_SETUP:
        error = pair->is_refused
                    ? simc_session_refuse(session, 9, simc_slice("no", 2))
                    : simc_mux_stream_accept(session, &pair->mux_has[stream % STREAMS]);
        break;
    case SIMC_EVENT_BW_REQUEST:
        pair->requests++;
        if (!pair->is_quiet)
            error = simc_mux_allocate(session, stream, event->bandwidth);
        break;
    case SIMC_EVENT_DATA:
        mux_data(pair, event);
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        ck_assert_ptr_eq(simc_mux_stream_context(session, stream),
                         &pair->mux_has[stream % STREAMS]);
        break;
    default:
        break;
    }
    /* Without room the session has ended; without memory it may refuse by itself. */
    ck_assert(error == 0 || error == SIMC_ENOMEM ||
              simc_session_wants_close(session) != SIMC_REASON_NONE);
}

/* What the header promises an EMMG's application. */
static void emmg_event(struct pair *pair, const struct simc_session_event *event)
{
    uint16_t stream = event->data_stream_id;
    ck_assert_msg(!pair->emmg.is_over, "%s behind the last event",
                  simc_session_event_name(event->type));
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_OPEN:
        ck_assert(!pair->is_open);
        pair->is_open = true;
        break;
    case SIMC_EVENT_STREAM_OPEN:
        ck_assert_uint_eq(pair->stream_state[stream], 1);
        pair->stream_state[stream] = 2;
        pair->opened++;
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        ck_assert_uint_ne(pair->stream_state[stream], 0);
        pair->stream_state[stream] = 0;
        pair->waits[stream] = false;
        break;
    case SIMC_EVENT_BW_ALLOCATION:
        pair->allocations++;
        pair->waits[stream] = false;
        break;
    case SIMC_EVENT_NO_BW_ALLOCATION:
        ck_assert(pair->waits[stream]);
        pair->failures++;
        pair->waits[stream] = false;
        break;
    case SIMC_EVENT_CHANNEL_CLOSED:
        pair->emmg.is_over = true;
        pair->is_open = false;
        ck_assert(simc_session_wants_close(pair->emmg.session) != SIMC_REASON_NONE);
        break;
    default:
        break;
    }
}

static void pump(struct pair *pair, struct side *side)
{
    static struct simc_session_event event;
    while (simc_session_next_event(side->session, &event)) {
        ck_assert_ptr_nonnull(memchr(event.text, '\0', sizeof event.text));
        if (side == &pair->mux)
            mux_event(pair, &event);
        else
            emmg_event(pair, &event);
    }
    bool is_over = simc_session_wants_close(side->session) != SIMC_REASON_NONE;
    ck_assert(!is_over || !simc_session_is_open(side->session));
    ck_assert(!is_over || simc_session_stream_count(side->session) == 0);
}

static bool deliver(struct pair *pair, struct side *from, struct side *to)
{
    struct simc_slice output = simc_session_output(from->session);
    size_t size = pair->piece && pair->piece < output.size ? pair->piece : output.size;
    if (size == 0)
        return false;
    uint8_t *copy = unit_exact(simc_slice(output.data, size));
    simc_session_sent(from->session, size);
    simc_session_feed(to->session, simc_slice(copy, size), pair->now_ms);
    pump(pair, to);
    memset(copy, 0xee, size);
    free(copy);
    return true;
}

static void exchange(struct pair *pair)
{
    pump(pair, &pair->mux);
    pump(pair, &pair->emmg);
    bool moved = true;
    while (moved) {
        moved = deliver(pair, &pair->emmg, &pair->mux);
        moved = deliver(pair, &pair->mux, &pair->emmg) || moved;
    }
}

static int start(struct pair *pair, uint8_t version)
{
    const struct simc_emmg_settings emmg = {.version = version,
                                            .client_id = CLIENT,
                                            .data_channel_id = 1,
                                            .section_tspkt_flag = pair->form};
    int error = simc_mux_session_new(NULL, pair->now_ms, &pair->mux.session);
    return error ? error : simc_emmg_session_new(&emmg, pair->now_ms, &pair->emmg.session);
}

static void stop(struct pair *pair)
{
    simc_session_free(pair->mux.session);
    simc_session_free(pair->emmg.session);
}

static int open_stream(struct pair *pair, uint16_t stream)
{
    int error = simc_emmg_stream_open(pair->emmg.session, stream, (uint16_t)(100 + stream),
                                      stream % 2, pair->now_ms);
    if (!error)
        pair->stream_state[stream] = 1;
    return error;
}

static int ask(struct pair *pair, uint16_t stream, bool is_known)
{
    const struct simc_session_bandwidth wanted = {is_known, (uint16_t)(stream * 10)};
    int error = simc_emmg_request_bandwidth(pair->emmg.session, stream, wanted, pair->now_ms);
    if (!error)
        pair->waits[stream] = true;
    return error;
}

static int send(struct pair *pair, uint16_t stream, unsigned count, uint64_t seed)
{
    static uint8_t bytes[40][64];
    struct simc_slice datagrams[40] = {{NULL, 0}};
    struct unit_random random = unit_random(seed);
    for (unsigned i = 0; i < count; i++) {
        unit_random_fill(&random, bytes[i], sizeof bytes[i]);
        datagrams[i] = simc_slice(bytes[i], unit_random_below(&random, sizeof bytes[i] + 1));
    }
    int error = simc_emmg_send(pair->emmg.session, stream, datagrams, count, pair->now_ms);
    for (unsigned i = 0; !error && i < count; i++)
        pair->sent_sum = add_up(pair->sent_sum, datagrams[i]);
    pair->sent_datagrams += error ? 0 : count;
    return error;
}

/* ---- the life of a channel ---- */

static void live(uint8_t version, uint8_t form, size_t piece)
{
    static struct pair pair;
    memset(&pair, 0, sizeof pair);
    pair.piece = piece;
    pair.form = form;
    ck_assert_int_eq(start(&pair, version), 0);
    exchange(&pair);
    ck_assert(pair.is_open);
    ck_assert_uint_eq(simc_session_version(pair.mux.session), version);
    ck_assert_uint_eq(simc_emmg_channel(pair.mux.session)->section_tspkt_flag, form);
    ck_assert_uint_eq(simc_emmg_channel(pair.emmg.session)->client_id, CLIENT);
    for (uint16_t stream = 0; stream < STREAMS; stream++)
        ck_assert_int_eq(open_stream(&pair, stream), 0);
    exchange(&pair);
    ck_assert_uint_eq(simc_session_stream_count(pair.mux.session), STREAMS);
    for (uint16_t stream = 0; stream < STREAMS; stream++)
        ck_assert_int_eq(ask(&pair, stream, stream % 3), 0);
    exchange(&pair);
    ck_assert_uint_eq(pair.allocations, STREAMS);
    for (unsigned i = 0; i < 60; i++) {
        ck_assert_int_eq(send(&pair, (uint16_t)(i % STREAMS), 1 + i % 40, i), 0);
        if (i % 7 == 0)
            exchange(&pair);
    }
    exchange(&pair);
    ck_assert_uint_eq(pair.got_datagrams, pair.sent_datagrams);
    ck_assert_uint_eq(pair.got_sum, pair.sent_sum);
    uint32_t next = 0;
    uint16_t id;
    void *context;
    unsigned walked = 0;
    while (simc_mux_stream_next(pair.mux.session, &next, &id, &context))
        walked += context == &pair.mux_has[id];
    ck_assert_uint_eq(walked, STREAMS);
    ck_assert_int_eq(simc_emmg_stream_close(pair.emmg.session, 0, pair.now_ms), 0);
    exchange(&pair);
    ck_assert_uint_eq(pair.stream_state[0], 0);
    simc_session_close(pair.emmg.session, pair.now_ms);
    exchange(&pair);
    ck_assert(pair.emmg.is_over);
    ck_assert_int_eq(simc_session_wants_close(pair.emmg.session), SIMC_REASON_REQUESTED);
    ck_assert(!simc_session_is_open(pair.mux.session));
    ck_assert_ptr_null(simc_emmg_channel(pair.mux.session));
    stop(&pair);
}

START_TEST(a_channel_lives_in_every_version_and_any_pieces)
{
    static const uint8_t versions[] = {1, 2, 3, 5};
    for (size_t v = 0; v < UNIT_COUNT(versions); v++) {
        for (uint8_t form = 0; form <= (versions[v] == 5 ? 2 : 1); form++) {
            for (size_t piece = 0; piece < 40; piece++)
                live(versions[v], form, piece);
        }
    }
}
END_TEST

/* ---- bytes of the messages ---- */

static void expect_output(struct simc_session *session, const char *hex)
{
    unit_expect_hex(simc_session_output(session), hex);
    simc_session_sent(session, simc_session_output(session).size);
}

static void feed_hex(struct simc_session *session, const char *hex)
{
    static struct simc_session_event event;
    struct unit_bytes bytes = unit_hex(hex);
    simc_session_feed(session, unit_slice(&bytes), 0);
    while (simc_session_next_event(session, &event)) {
    }
}

#define IDS    "00 01 00 04  ab cd 00 01  00 03 00 02  00 01 "
#define STREAM "00 04 00 02  00 02 "
#define DATA   "00 05 00 08  82 70 05 11 22 33 44 55 "

START_TEST(an_emmg_sends_exactly_these_bytes)
{
    static const uint8_t section[] = {0x82, 0x70, 0x05, 0x11, 0x22, 0x33, 0x44, 0x55};
    const struct simc_slice two[] = {{section, sizeof section}, {section, sizeof section}};
    const struct simc_emmg_settings settings = {.client_id = 0xabcd0001, .data_channel_id = 1};
    const struct simc_session_bandwidth wanted = {true, 100}, query = {false, 0};
    struct simc_session *session;
    ck_assert_int_eq(simc_emmg_session_new(&settings, 0, &session), 0);
    expect_output(session, "03 00 11 00 13 " IDS "00 02 00 01 00");
    feed_hex(session, "03 00 13 00 13 " IDS "00 02 00 01 00");
    ck_assert_int_eq(simc_emmg_stream_open(session, 2, 0x21, 0, 0), 0);
    expect_output(session, "03 01 11 00 1f " IDS STREAM "00 08 00 02  00 21  00 07 00 01  00");
    feed_hex(session, "03 01 13 00 1f " IDS STREAM "00 08 00 02  00 21  00 07 00 01  00");
    ck_assert_int_eq(simc_emmg_request_bandwidth(session, 2, wanted, 0), 0);
    expect_output(session, "03 01 17 00 1a " IDS STREAM "00 06 00 02  00 64");
    feed_hex(session, "03 01 18 00 1a " IDS STREAM "00 06 00 02  00 40");
    ck_assert_int_eq(simc_emmg_request_bandwidth(session, 2, query, 0), 0);
    expect_output(session, "03 01 17 00 14 " IDS STREAM);
    ck_assert_int_eq(simc_emmg_send(session, 2, two, 2, 0), 0);
    expect_output(session, "03 02 11 00 32 " IDS STREAM "00 08 00 02  00 21 " DATA DATA);
    ck_assert_int_eq(simc_session_test(session, -1, 0), 0);
    expect_output(session, "03 00 12 00 0e " IDS);
    ck_assert_int_eq(simc_session_test(session, 2, 0), 0);
    expect_output(session, "03 01 12 00 14 " IDS STREAM);
    simc_session_close(session, 0);
    expect_output(session, "03 01 14 00 14 " IDS STREAM);
    feed_hex(session, "03 01 15 00 14 " IDS STREAM);
    expect_output(session, "03 00 14 00 0e " IDS);
    simc_session_free(session);
}
END_TEST

START_TEST(version_1_has_no_data_id)
{
    static const uint8_t section[] = {0x82, 0x70, 0x05, 0x11, 0x22, 0x33, 0x44, 0x55};
    const struct simc_slice one = {section, sizeof section};
    const struct simc_emmg_settings settings = {
        .version = 1, .client_id = 0xabcd0001, .data_channel_id = 1};
    struct simc_session *session;
    ck_assert_int_eq(simc_emmg_session_new(&settings, 0, &session), 0);
    expect_output(session, "01 00 11 00 13 " IDS "00 02 00 01 00");
    feed_hex(session, "01 00 13 00 13 " IDS "00 02 00 01 00");
    ck_assert_int_eq(simc_emmg_stream_open(session, 2, 0x21, 0, 0), 0);
    expect_output(session, "01 01 11 00 19 " IDS STREAM "00 07 00 01  00");
    feed_hex(session, "01 01 13 00 19 " IDS STREAM "00 07 00 01  00");
    ck_assert_int_eq(simc_emmg_send(session, 2, &one, 1, 0), 0);
    expect_output(session, "01 02 11 00 20 " IDS STREAM DATA);
    simc_session_free(session);
}
END_TEST

START_TEST(a_mux_sends_exactly_these_bytes)
{
    static struct simc_session_event event;
    static struct pair pair;
    struct unit_bytes setup = unit_hex("03 00 11 00 13 " IDS "00 02 00 01 00");
    memset(&pair, 0, sizeof pair);
    ck_assert_int_eq(simc_mux_session_new(NULL, 0, &pair.mux.session), 0);
    struct simc_session *session = pair.mux.session;
    simc_session_feed(session, unit_slice(&setup), 0);
    pump(&pair, &pair.mux);
    expect_output(session, "03 00 13 00 13 " IDS "00 02 00 01 00");
    struct unit_bytes stream =
        unit_hex("03 01 11 00 1f " IDS STREAM "00 08 00 02  00 21  00 07 00 01  00");
    simc_session_feed(session, unit_slice(&stream), 0);
    pump(&pair, &pair.mux);
    expect_output(session, "03 01 13 00 1f " IDS STREAM "00 08 00 02  00 21  00 07 00 01  00");
    feed_hex(session, "03 01 17 00 14 " IDS STREAM); /* nobody answers */
    expect_output(session, "03 01 18 00 14 " IDS STREAM);
    ck_assert_int_eq(simc_mux_allocate(session, 2, (struct simc_session_bandwidth){true, 64}), 0);
    expect_output(session, "03 01 18 00 1a " IDS STREAM "00 06 00 02  00 40");
    ck_assert_int_eq(simc_session_send_error(session, 2, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH,
                                             simc_slice(NULL, 0)),
                     0);
    expect_output(session, "03 01 16 00 1a " IDS STREAM "70 00 00 02  00 0f");
    feed_hex(session, "03 00 11 00 13 " IDS "00 02 00 01 00");
    expect_output(session, "03 00 15 00 14 " IDS "70 00 00 02  00 11");
    ck_assert(!simc_session_next_event(session, &event));
    simc_session_free(session);
}
END_TEST

/* ---- without memory ---- */

static int live_without_memory(void *context)
{
    static struct pair pair;
    (void)context;
    memset(&pair, 0, sizeof pair);
    int error = start(&pair, 3);
    if (!error) {
        pair.piece = 13;
        exchange(&pair);
        for (uint16_t stream = 0; stream < STREAMS; stream++) {
            if (!error)
                error = open_stream(&pair, stream);
            exchange(&pair);
        }
        for (unsigned i = 0; !error && i < STREAMS; i++) {
            error = ask(&pair, (uint16_t)i, true);
            if (!error)
                error = send(&pair, (uint16_t)i, 20, i);
            exchange(&pair);
        }
        simc_session_close(pair.emmg.session, pair.now_ms);
        exchange(&pair);
    }
    bool is_out_of_memory =
        (pair.emmg.session &&
         simc_session_wants_close(pair.emmg.session) == SIMC_REASON_NO_MEMORY) ||
        (pair.mux.session && simc_session_wants_close(pair.mux.session) == SIMC_REASON_NO_MEMORY);
    stop(&pair);
    return error == SIMC_ENOMEM || is_out_of_memory ? SIMC_ENOMEM : 0;
}

START_TEST(every_failed_allocation_is_survived)
{
    ck_assert_uint_gt(unit_fail_each_allocation(live_without_memory, NULL, false), 10);
}
END_TEST

START_TEST(data_is_received_without_allocations)
{
    static struct pair pair;
    memset(&pair, 0, sizeof pair);
    ck_assert_int_eq(start(&pair, 3), 0);
    exchange(&pair);
    ck_assert_int_eq(open_stream(&pair, 0), 0);
    exchange(&pair);
    for (unsigned i = 0; i < 20; i++)
        ck_assert_int_eq(send(&pair, 0, 40, i), 0);
    struct simc_slice output = simc_session_output(pair.emmg.session);
    uint8_t *copy = unit_exact(output);
    unit_alloc_start(0);
    for (unsigned i = 0; i < 100; i++) {
        simc_session_feed(pair.mux.session, simc_slice(copy, output.size), 0);
        pump(&pair, &pair.mux);
    }
    ck_assert_uint_eq(unit_alloc_count(), 0);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
    ck_assert_uint_eq(pair.got_datagrams, 100 * 20 * 40);
    free(copy);
    stop(&pair);
}
END_TEST

/* ---- random walks ---- */

static void damage(struct pair *pair, struct unit_random *random, struct side *from,
                   struct side *to)
{
    struct simc_slice output = simc_session_output(from->session);
    if (output.size == 0)
        return;
    uint8_t *copy = unit_exact(output);
    size_t size = output.size;
    unsigned changes = (unsigned)unit_random_below(random, 4);
    for (unsigned i = 0; i < changes; i++)
        copy[unit_random_below(random, size)] ^= (uint8_t)(1u << unit_random_below(random, 8));
    simc_session_sent(from->session, size);
    simc_session_feed(to->session, simc_slice(copy, size), pair->now_ms);
    pump(pair, to);
    free(copy);
}

static void expire(struct pair *pair, struct side *side)
{
    simc_session_expire(side->session, pair->now_ms);
    pump(pair, side);
    ck_assert(!simc_deadline_due(simc_session_deadline_ms(side->session), pair->now_ms));
}

static void step(struct pair *pair, struct unit_random *random)
{
    uint16_t stream = (uint16_t)unit_random_below(random, STREAMS);
    switch (unit_random_below(random, 14)) {
    case 0:
    case 1:
        if (pair->stream_state[stream] == 0)
            (void)!open_stream(pair, stream);
        break;
    case 2:
        if (unit_random_below(random, 4) == 0)
            (void)!simc_emmg_stream_close(pair->emmg.session, stream, pair->now_ms);
        break;
    case 3:
        (void)!ask(pair, stream, unit_random_below(random, 2));
        break;
    case 4:
    case 5:
        (void)!send(pair, stream, 1 + (unsigned)unit_random_below(random, 40), stream);
        break;
    case 6:
        (void)!simc_session_test(pair->mux.session, unit_random_below(random, 2) ? -1 : (int)stream,
                                 pair->now_ms);
        break;
    case 7:
        (void)!simc_session_test(pair->emmg.session,
                                 unit_random_below(random, 2) ? -1 : (int)stream, pair->now_ms);
        break;
    case 8:
        (void)!simc_mux_allocate(pair->mux.session, stream,
                                 (struct simc_session_bandwidth){true, 9});
        break;
    case 9:
        (void)!simc_session_send_error(
            pair->mux.session, unit_random_below(random, 3) ? (int)stream : -1,
            (uint16_t)(unit_random_below(random, 16) ? unit_random_below(random, 20) : 0x7001),
            simc_slice("information", unit_random_below(random, 4)));
        break;
    case 10:
        if (unit_random_below(random, 40) == 0)
            simc_session_close(unit_random_below(random, 2) ? pair->emmg.session
                                                            : pair->mux.session,
                               pair->now_ms);
        break;
    case 11:
        if (unit_random_below(random, 3) == 0) {
            simc_session_hold(pair->mux.session);
            exchange(pair);
            simc_session_release(pair->mux.session, pair->now_ms);
        }
        break;
    case 12:
        pair->now_ms += unit_random_below(random, 3000);
        expire(pair, &pair->mux);
        expire(pair, &pair->emmg);
        break;
    default:
        if (pair->is_faulty) {
            damage(pair, random, &pair->emmg, &pair->mux);
            damage(pair, random, &pair->mux, &pair->emmg);
        }
        exchange(pair);
        break;
    }
}

START_TEST(random_walks_keep_every_promise)
{
    static struct pair pair;
    uint64_t opened = 0, allocations = 0, datagrams = 0, failures = 0;
    static const uint8_t versions[] = {1, 2, 3, 5};
    for (uint64_t walk = 0; walk < WALKS; walk++) {
        struct unit_random random = unit_random(walk + 1);
        memset(&pair, 0, sizeof pair);
        pair.now_ms = 5;
        pair.piece = walk % 5 == 0 ? 1 + unit_random_below(&random, 30) : 0;
        pair.is_faulty = walk % 2;
        pair.is_quiet = walk % 7 == 0;
        ck_assert_int_eq(start(&pair, versions[walk % 4]), 0);
        exchange(&pair);
        for (unsigned i = 0; i < STEPS; i++)
            step(&pair, &random);
        if (!pair.is_faulty && simc_session_is_open(pair.mux.session)) {
            exchange(&pair);
            ck_assert_uint_eq(pair.got_datagrams, pair.sent_datagrams);
            ck_assert_uint_eq(pair.got_sum, pair.sent_sum);
        }
        opened += pair.opened;
        allocations += pair.allocations;
        datagrams += pair.got_datagrams;
        failures += pair.failures;
        stop(&pair);
    }
    ck_assert_uint_gt(opened, WALKS);
    ck_assert_uint_gt(allocations, WALKS);
    ck_assert_uint_gt(datagrams, WALKS * 20);
    ck_assert_uint_gt(failures, 10);
}
END_TEST

/* ---- settings ---- */

START_TEST(settings_out_of_range_are_refused)
{
    const struct simc_mux_settings mux[] = {{.common.length_limit = 65536},
                                            {.common.stream_limit = 65537},
                                            {.common.output_limit = 4095},
                                            {.versions = 1u << 4},
                                            {.versions = 1u << 31}};
    const struct simc_emmg_settings emmg[] = {
        {.version = 4},
        {.version = 6},
        {.version = 255},
        {.common.length_limit = 70000},
        {.section_tspkt_flag = 2},
        {.version = 5, .section_tspkt_flag = 3},
    };
    struct simc_session *session;
    for (size_t i = 0; i < UNIT_COUNT(mux); i++) {
        unit_expect_error(simc_mux_session_new(&mux[i], 0, &session), SIMC_EINVAL);
        ck_assert_ptr_null(session);
    }
    for (size_t i = 0; i < UNIT_COUNT(emmg); i++)
        unit_expect_error(simc_emmg_session_new(&emmg[i], 0, &session), SIMC_EINVAL);
    ck_assert_uint_eq(simc_emmg_version_after(3), 2);
    ck_assert_uint_eq(simc_emmg_version_after(2), 0);
    ck_assert_uint_eq(simc_emmg_version_after(5), 0);
}
END_TEST

START_TEST(functions_of_other_roles_are_refused)
{
    struct simc_session *mux, *emmg, *ecmg;
    struct simc_slice datagram = simc_slice("x", 1);
    ck_assert_int_eq(simc_mux_session_new(NULL, 0, &mux), 0);
    ck_assert_int_eq(simc_emmg_session_new(NULL, 0, &emmg), 0);
    ck_assert_int_eq(simc_ecmg_session_new(NULL, 0, &ecmg), 0);
    unit_expect_error(simc_mux_channel_accept(emmg), SIMC_EINVAL);
    unit_expect_error(simc_mux_channel_accept(mux), SIMC_EINVAL);
    unit_expect_error(simc_mux_stream_accept(ecmg, NULL), SIMC_EINVAL);
    unit_expect_error(simc_mux_allocate(emmg, 0, (struct simc_session_bandwidth){0}),
                      SIMC_ENOTFOUND);
    unit_expect_error(simc_emmg_stream_open(mux, 0, 0, 0, 0), SIMC_ENOTFOUND);
    unit_expect_error(simc_emmg_stream_close(mux, 0, 0), SIMC_ENOTFOUND);
    unit_expect_error(simc_emmg_send(mux, 0, &datagram, 1, 0), SIMC_ENOTFOUND);
    unit_expect_error(simc_emmg_send(emmg, 0, NULL, 0, 0), SIMC_EINVAL);
    unit_expect_error(simc_emmg_request_bandwidth(mux, 0, (struct simc_session_bandwidth){0}, 0),
                      SIMC_ENOTFOUND);
    unit_expect_error(simc_scs_stream_open(emmg, 0, 0, 0, 0), SIMC_ENOTFOUND);
    ck_assert_ptr_null(simc_mux_stream_context(ecmg, 0));
    ck_assert_ptr_null(simc_emmg_channel(ecmg));
    simc_session_free(mux);
    simc_session_free(emmg);
    simc_session_free(ecmg);
}
END_TEST

Suite *suite_emmg_pair(void)
{
    Suite *suite = suite_create("emmg_pair");
    TCase *tcase = tcase_create("pair");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_channel_lives_in_every_version_and_any_pieces);
    tcase_add_test(tcase, an_emmg_sends_exactly_these_bytes);
    tcase_add_test(tcase, version_1_has_no_data_id);
    tcase_add_test(tcase, a_mux_sends_exactly_these_bytes);
    tcase_add_test(tcase, every_failed_allocation_is_survived);
    tcase_add_test(tcase, data_is_received_without_allocations);
    tcase_add_test(tcase, random_walks_keep_every_promise);
    tcase_add_test(tcase, settings_out_of_range_are_refused);
    tcase_add_test(tcase, functions_of_other_roles_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
