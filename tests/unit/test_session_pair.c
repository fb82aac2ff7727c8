/* SPDX-License-Identifier: BSL-1.0 */
/* Both roles of ECMG-SCS against each other in memory, under a clock of their own: all sets of
 * control words, random walks with faults, thousands of deadlines, and that control words are wiped
 * from memory. Run by the unit test runner. */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/session.h"

Suite *suite_session_pair(void);

enum { STREAMS = 6, WALKS = 1000, STEPS = 300 };

struct side {
    struct simc_session *session;
    struct unit_bytes wire; /* bytes under way to this side */
};

struct pair {
    struct side ecmg, scs;
    uint64_t now_ms;
    size_t piece; /* bytes delivered at once; 0: all */
    struct simc_ecmg_channel_status status;
    bool transfer_mode, is_late; /* is_late: the ECMG answers by ecmg_answer() */
    bool is_faulty;              /* bytes are damaged: promises to the application still hold */
    /* What was seen. */
    bool is_open, is_over;
    uint8_t stream_state[STREAMS]; /* 0 closed, 1 opening, 2 open, 3 closing */
    bool waits[STREAMS];
    uint16_t cp[STREAMS];
    bool asked[STREAMS];
    uint16_t asked_cp[STREAMS];
    uint64_t ecms, failures, primed, provisions, opened;
    uint8_t ac[8];
    size_t ac_size;
};

/* The control word of a period: the same wherever it is made or checked. */
static struct simc_control_word cw_of(unsigned stream, uint16_t cp, size_t size)
{
    uint8_t bytes[16];
    struct simc_control_word word = {.cp_number = cp};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(0x40 + stream * 31 + cp * 7 + (unsigned)(cp >> 8) * 3 + i);
    ck_assert_int_eq(simc_secret_set(&word.cw, simc_slice(bytes, size)), 0);
    return word;
}

static void check_provision(struct pair *pair, const struct simc_session_event *event)
{
    const struct simc_ecmg_provision *provision = &event->provision;
    unsigned needed = 0, lead = pair->status.lead_cw;
    for (size_t i = 0; i < provision->cw_count; i++) {
        const struct simc_control_word *word = &provision->cws[i];
        struct simc_control_word wanted =
            cw_of(event->ecm_stream_id, word->cp_number, word->cw.size);
        ck_assert(pair->is_faulty || simc_secret_equal(&word->cw, &wanted.cw));
        ck_assert(i == 0 || simc_cp_distance(word->cp_number, word[-1].cp_number) > 0);
        int ahead = simc_cp_distance(word->cp_number, provision->cp_number);
        needed += ahead >= 0 && ahead <= (int)lead;
    }
    ck_assert_uint_eq(needed, lead + 1);
    ck_assert_uint_eq(event->cp_number, provision->cp_number);
    if (!pair->is_faulty && pair->ac_size) {
        ck_assert(provision->has_access_criteria);
        unit_expect_bytes(provision->access_criteria, simc_slice(pair->ac, pair->ac_size));
    }
}

static void ecmg_event(struct pair *pair, const struct simc_session_event *event)
{
    struct simc_session *session = pair->ecmg.session;
    static const uint8_t ecm[5] = {0x80, 0x70, 2, 1, 2};
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        if (simc_ecmg_channel_accept(session, &pair->status))
            ck_assert(simc_session_wants_close(session) != SIMC_REASON_NONE);
        break;
    case SIMC_EVENT_STREAM_SETUP:
        if (simc_ecmg_stream_accept(session, pair->transfer_mode, pair))
            ck_assert(simc_session_wants_close(session) != SIMC_REASON_NONE);
        break;
    case SIMC_EVENT_CW_PROVISION:
        check_provision(pair, event);
        pair->provisions++;
        ck_assert_ptr_eq(simc_ecmg_stream_context(session, event->ecm_stream_id), pair);
        if (!pair->is_late) {
            ck_assert_int_eq(simc_ecmg_respond(session, event->ecm_stream_id, event->cp_number,
                                               simc_slice(ecm, sizeof ecm)),
                             0);
        } else if (event->ecm_stream_id < STREAMS) {
            pair->asked[event->ecm_stream_id] = true;
            pair->asked_cp[event->ecm_stream_id] = event->cp_number;
        }
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        ck_assert_ptr_eq(simc_ecmg_stream_context(session, event->ecm_stream_id), pair);
        break;
    default:
        break;
    }
}

static void answered(struct pair *pair, const struct simc_session_event *event)
{
    uint16_t stream = event->ecm_stream_id;
    ck_assert_uint_lt(stream, STREAMS);
    ck_assert(pair->waits[stream]);
    ck_assert_uint_eq(pair->cp[stream], event->cp_number);
    pair->waits[stream] = false;
}

/* What the header promises an SCS's application. */
static void scs_event(struct pair *pair, const struct simc_session_event *event)
{
    uint16_t stream = event->ecm_stream_id;
    ck_assert_msg(!pair->is_over, "%s behind the last event", simc_session_event_name(event->type));
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
    case SIMC_EVENT_ECM:
        answered(pair, event);
        pair->ecms++;
        break;
    case SIMC_EVENT_PRIMED:
        answered(pair, event);
        pair->primed++;
        break;
    case SIMC_EVENT_NO_ECM:
        answered(pair, event);
        pair->failures++;
        break;
    case SIMC_EVENT_CHANNEL_CLOSED:
        pair->is_over = true;
        pair->is_open = false;
        ck_assert(simc_session_wants_close(pair->scs.session) != SIMC_REASON_NONE);
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
        if (side == &pair->ecmg)
            ecmg_event(pair, &event);
        else
            scs_event(pair, &event);
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
    pump(pair, &pair->ecmg);
    pump(pair, &pair->scs);
    bool moved = true;
    while (moved) {
        moved = deliver(pair, &pair->scs, &pair->ecmg);
        moved = deliver(pair, &pair->ecmg, &pair->scs) || moved;
    }
}

static void expire(struct pair *pair, struct side *side)
{
    simc_session_expire(side->session, pair->now_ms);
    pump(pair, side);
    uint64_t deadline_ms = simc_session_deadline_ms(side->session);
    ck_assert(!simc_deadline_due(deadline_ms, pair->now_ms));
}

static int start(struct pair *pair, uint8_t version, unsigned lead, unsigned per)
{
    const struct simc_scs_settings scs = {.version = version, .super_cas_id = 7};
    pair->status = (struct simc_ecmg_channel_status){
        .lead_cw = (uint8_t)lead, .cw_per_msg = (uint8_t)per, .max_comp_time_ms = 1000};
    int error = simc_ecmg_session_new(NULL, pair->now_ms, &pair->ecmg.session);
    return error ? error : simc_scs_session_new(&scs, pair->now_ms, &pair->scs.session);
}

static void stop(struct pair *pair)
{
    simc_session_free(pair->ecmg.session);
    simc_session_free(pair->scs.session);
}

/* A CW_provision as lead_CW and CW_per_msg ask for it. */
static int provide(struct pair *pair, uint16_t stream, uint16_t cp, bool is_priming, size_t cw_size)
{
    struct simc_control_word cws[16];
    unsigned per = pair->status.cw_per_msg;
    for (unsigned i = 0; i < per; i++)
        cws[i] = cw_of(stream, (uint16_t)(cp + pair->status.lead_cw - i), cw_size);
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream,
        .cp_number = cp,
        .cws = cws,
        .cw_count = per,
        .priming = is_priming,
        .has_access_criteria = pair->ac_size != 0,
        .access_criteria = simc_slice(pair->ac, pair->ac_size),
    };
    int error = simc_scs_provide(pair->scs.session, &provision, pair->now_ms);
    if (!error) {
        pair->waits[stream] = true;
        pair->cp[stream] = cp;
    }
    return error;
}

static int open_stream(struct pair *pair, uint16_t stream)
{
    int error = simc_scs_stream_open(pair->scs.session, stream, (uint16_t)(100 + stream), 100,
                                     pair->now_ms);
    if (!error)
        pair->stream_state[stream] = 1;
    return error;
}

/* ---- all sets of control words ---- */

static void run_periods(uint8_t version, unsigned lead, unsigned per, size_t piece)
{
    static struct pair pair;
    size_t cw_size = version == 1 ? 8 : 16;
    memset(&pair, 0, sizeof pair);
    pair.piece = piece;
    ck_assert_int_eq(start(&pair, version, lead, per), 0);
    exchange(&pair);
    ck_assert(pair.is_open);
    ck_assert_uint_eq(simc_session_version(pair.ecmg.session), version);
    for (uint16_t stream = 0; stream < 2; stream++)
        ck_assert_int_eq(open_stream(&pair, stream), 0);
    exchange(&pair);
    unsigned priming = per <= lead ? lead - per + 1 : 0;
    uint16_t cp = (uint16_t)(65533 - priming);
    for (unsigned i = 0; i < priming + 10; i++, cp++) {
        if (i % 3 == 0) {
            pair.ac_size = 1 + i % 4;
            memset(pair.ac, (int)i, sizeof pair.ac);
        }
        for (uint16_t stream = 0; stream < 2; stream++)
            ck_assert_int_eq(provide(&pair, stream, cp, i < priming, cw_size), 0);
        pair.now_ms += 100;
        exchange(&pair);
    }
    ck_assert_uint_eq(pair.ecms, 20);
    ck_assert_uint_eq(pair.primed, 2 * priming);
    simc_session_close(pair.scs.session, pair.now_ms);
    exchange(&pair);
    ck_assert(pair.is_over);
    ck_assert_int_eq(simc_session_wants_close(pair.scs.session), SIMC_REASON_REQUESTED);
    ck_assert(!simc_session_is_open(pair.ecmg.session));
    stop(&pair);
}

START_TEST(every_set_of_control_words_in_every_version)
{
    static const uint8_t versions[] = {1, 2, 3, 5};
    for (size_t v = 0; v < UNIT_COUNT(versions); v++) {
        for (unsigned lead = 0; lead < 16; lead = lead < 4 ? lead + 1 : lead + 11) {
            for (unsigned per = 1; per <= 16; per = per < 5 ? per + 1 : per + 11) {
                run_periods(versions[v], lead, per, 0);
                run_periods(versions[v], lead, per, 1);
            }
        }
    }
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
    copy[unit_random_below(random, output.size)] = (uint8_t)unit_random_next(random);
    simc_session_sent(from->session, output.size);
    simc_session_feed(to->session, simc_slice(copy, output.size), pair->now_ms);
    pump(pair, to);
    free(copy);
}

static void request_of_scs(struct pair *pair, struct unit_random *random, uint16_t stream)
{
    struct simc_session *scs = pair->scs.session;
    int error = 0;
    switch (unit_random_below(random, 8)) {
    case 0:
    case 1:
        error = open_stream(pair, stream);
        break;
    case 2:
        error = simc_scs_stream_close(scs, stream, pair->now_ms);
        ck_assert(error || pair->stream_state[stream] != 0);
        break;
    case 3:
        error =
            simc_session_test(scs, (int)unit_random_below(random, STREAMS + 1) - 1, pair->now_ms);
        break;
    case 4:
        if (unit_random_below(random, 60) == 0)
            simc_session_close(scs, pair->now_ms);
        break;
    default: {
        bool is_waiting = pair->waits[stream];
        uint16_t cp = (uint16_t)(pair->cp[stream] + 1);
        error = provide(pair, stream, cp, unit_random_below(random, 4) == 0, 8);
        ck_assert(error || !is_waiting);
        break;
    }
    }
    ck_assert(simc_error_family(error) != SIMC_FAMILY_FAULT || error == SIMC_EINVAL);
}

static void request_of_ecmg(struct pair *pair, struct unit_random *random, uint16_t stream)
{
    static const uint8_t ecm[5] = {0x80, 0x70, 2, 1, 2};
    struct simc_session *ecmg = pair->ecmg.session;
    int error = 0;
    switch (unit_random_below(random, 6)) {
    case 0:
        error =
            simc_session_test(ecmg, (int)unit_random_below(random, STREAMS + 1) - 1, pair->now_ms);
        break;
    case 1:
        error = simc_session_send_error(ecmg, (int)unit_random_below(random, STREAMS + 1) - 1,
                                        unit_random_below(random, 12) ? 0x000d : 0x7001,
                                        simc_slice_text("text"));
        break;
    default:
        if (!pair->asked[stream])
            break;
        pair->asked[stream] = false;
        if (unit_random_below(random, 4) == 0)
            error = simc_ecmg_respond_error(ecmg, stream, pair->asked_cp[stream], 0x000b,
                                            simc_slice(NULL, 0));
        else
            error = simc_ecmg_respond(ecmg, stream, pair->asked_cp[stream],
                                      simc_slice(ecm, sizeof ecm));
        break;
    }
    ck_assert(simc_error_family(error) != SIMC_FAMILY_FAULT);
}

static void step(struct pair *pair, struct unit_random *random)
{
    uint16_t stream = (uint16_t)unit_random_below(random, STREAMS);
    switch (unit_random_below(random, 10)) {
    case 0:
        pair->now_ms += unit_random_below(random, unit_random_below(random, 8) ? 200 : 3000);
        expire(pair, &pair->ecmg);
        expire(pair, &pair->scs);
        break;
    case 1:
        if (pair->is_faulty && unit_random_below(random, 4) == 0)
            damage(pair, random, &pair->scs, &pair->ecmg);
        else
            exchange(pair);
        break;
    case 2:
        if (pair->is_faulty && unit_random_below(random, 4) == 0)
            damage(pair, random, &pair->ecmg, &pair->scs);
        else
            exchange(pair);
        break;
    case 3:
        deliver(pair, &pair->ecmg, &pair->scs);
        break;
    case 4:
        deliver(pair, &pair->scs, &pair->ecmg);
        break;
    case 5:
        request_of_ecmg(pair, random, stream);
        break;
    default:
        request_of_scs(pair, random, stream);
        break;
    }
}

/* Without damage both sides agree in the end on what is open. */
static void settle(struct pair *pair)
{
    pair->piece = 0;
    pair->is_late = false;
    exchange(pair);
    if (pair->is_faulty)
        return;
    if (!pair->is_open) {
        ck_assert(pair->is_over || !simc_session_is_open(pair->ecmg.session));
        return;
    }
    if (simc_session_wants_close(pair->ecmg.session))
        return;
    /* What the ECMG has not answered yet does not matter here. */
    size_t open = 0;
    for (unsigned i = 0; i < STREAMS; i++)
        open += pair->stream_state[i] == 2;
    ck_assert_uint_le(simc_session_stream_count(pair->scs.session), open);
    ck_assert_uint_ge(simc_session_stream_count(pair->ecmg.session),
                      simc_session_stream_count(pair->scs.session));
}

START_TEST(random_walks_keep_every_promise)
{
    static struct pair pair;
    uint64_t ecms = 0, failures = 0, opened = 0, ended = 0;
    for (uint64_t walk = 0; walk < WALKS; walk++) {
        struct unit_random random = unit_random(walk);
        memset(&pair, 0, sizeof pair);
        pair.is_faulty = walk % 3 == 2;
        pair.is_late = walk % 2;
        pair.piece = walk % 5 == 0 ? 1 : walk % 5 == 1 ? 13 : 0;
        pair.transfer_mode = walk % 7 == 0;
        pair.ac_size = walk % 7 == 0 ? 3 : 0;
        ck_assert_int_eq(
            start(&pair, walk % 4 ? 3 : 2, (unsigned)(walk % 3), 1 + (unsigned)(walk / 3 % 3)), 0);
        if (walk % 11)
            exchange(&pair);
        for (unsigned i = 0; i < STEPS; i++)
            step(&pair, &random);
        settle(&pair);
        if (walk % 2) {
            simc_session_disconnected(pair.scs.session, pair.now_ms);
            simc_session_disconnected(pair.ecmg.session, pair.now_ms);
            pump(&pair, &pair.scs);
            pump(&pair, &pair.ecmg);
            ck_assert(pair.is_over);
        }
        ecms += pair.ecms;
        failures += pair.failures;
        opened += pair.opened;
        ended += pair.is_over;
        stop(&pair);
    }
    /* The walks go somewhere. */
    ck_assert_uint_gt(ecms, 2000);
    ck_assert_uint_gt(failures, 500);
    ck_assert_uint_gt(opened, 1000);
    ck_assert_uint_gt(ended, WALKS / 2);
}
END_TEST

/* ---- many streams ---- */

START_TEST(thousands_of_deadlines_fall_in_order)
{
    enum { MANY = 3000 };
    const struct simc_scs_settings settings = {.common.stream_limit = 65536};
    struct simc_session *ecmg, *scs;
    static struct simc_session_event event;
    struct simc_slice output;
    const struct simc_ecmg_channel_status status = {.cw_per_msg = 1, .max_comp_time_ms = 1000};
    ck_assert_int_eq(simc_ecmg_session_new(NULL, 0, &ecmg), 0);
    ck_assert_int_eq(simc_scs_session_new(&settings, 0, &scs), 0);
    for (unsigned round = 0; round < MANY + 3; round++) {
        if (round >= 2 && round < MANY + 2)
            ck_assert_int_eq(
                simc_scs_stream_open(scs, (uint16_t)(round * 21), (uint16_t)round, 100, 0), 0);
        output = simc_session_output(scs);
        simc_session_feed(ecmg, output, 0);
        while (simc_session_next_event(ecmg, &event)) {
            if (event.type == SIMC_EVENT_CHANNEL_SETUP)
                ck_assert_int_eq(simc_ecmg_channel_accept(ecmg, &status), 0);
            else if (event.type == SIMC_EVENT_STREAM_SETUP)
                ck_assert_int_eq(simc_ecmg_stream_accept(ecmg, false, NULL), 0);
        }
        simc_session_sent(scs, output.size);
        output = simc_session_output(ecmg);
        simc_session_feed(scs, output, 0);
        while (simc_session_next_event(scs, &event)) {
        }
        simc_session_sent(ecmg, output.size);
    }
    ck_assert_uint_eq(simc_session_stream_count(scs), MANY);
    uint32_t next = 0;
    uint16_t id;
    void *context;
    unsigned walked = 0;
    while (simc_ecmg_stream_next(ecmg, &next, &id, &context))
        walked++;
    ck_assert_uint_eq(walked, MANY);
    struct unit_random random = unit_random(1);
    for (unsigned i = 0; i < MANY; i++) {
        struct simc_control_word word = cw_of(0, 1, 8);
        const struct simc_scs_provision provision = {
            .ecm_stream_id = (uint16_t)((i + 2) * 21), .cp_number = 1, .cws = &word, .cw_count = 1};
        uint64_t now_ms = i / 4 + unit_random_below(&random, 2);
        ck_assert_int_eq(simc_scs_provide(scs, &provision, now_ms), 0);
    }
    unsigned expired = 0;
    uint64_t last_ms = 0;
    while (expired < MANY) {
        uint64_t deadline_ms = simc_session_deadline_ms(scs);
        ck_assert_uint_gt(deadline_ms, last_ms);
        ck_assert_uint_le(deadline_ms, MANY + 1502);
        last_ms = deadline_ms;
        simc_session_expire(scs, deadline_ms);
        while (simc_session_next_event(scs, &event)) {
            ck_assert_int_eq(event.type, SIMC_EVENT_NO_ECM);
            ck_assert_uint_eq(event.waited_ms, 1500);
            expired++;
        }
    }
    simc_session_free(ecmg);
    simc_session_free(scs);
}
END_TEST

/* ---- memory ---- */

START_TEST(a_stream_is_small)
{
    static struct pair pair;
    size_t before[2], after[2];
    memset(&pair, 0, sizeof pair);
    pair.ac_size = 0;
    ck_assert_int_eq(start(&pair, 3, 1, 2), 0);
    exchange(&pair);
    before[0] = simc_session_memory(pair.ecmg.session);
    before[1] = simc_session_memory(pair.scs.session);
    for (uint16_t i = 0; i < STREAMS; i++)
        ck_assert_int_eq(open_stream(&pair, i), 0);
    exchange(&pair);
    memcpy(pair.ac, "01234567", 8);
    pair.ac_size = 8;
    for (uint16_t i = 0; i < STREAMS; i++)
        ck_assert_int_eq(provide(&pair, i, 1, false, 8), 0);
    exchange(&pair);
    after[0] = simc_session_memory(pair.ecmg.session);
    after[1] = simc_session_memory(pair.scs.session);
    ck_assert_uint_lt((after[0] - before[0] - 2048) / STREAMS, 400);
    ck_assert_uint_lt((after[1] - before[1] - 2048) / STREAMS, 400);
    stop(&pair);
}
END_TEST

/* An allocator that knows its blocks, and what they held when they were released. */
struct block {
    struct block *next, **link;
    size_t size;
};

static struct block *blocks;
static bool marks_released;
static const uint8_t mark[8] = {0xc3, 0x5a, 0x17, 0xe9, 0x88, 0x2d, 0x71, 0xbe};

static bool holds_mark(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i + sizeof mark <= size; i++) {
        if (memcmp(bytes + i, mark, sizeof mark) == 0)
            return true;
    }
    return false;
}

static void *marking_resize(void *context, void *pointer, size_t size)
{
    struct block *old = pointer ? (struct block *)pointer - 1 : NULL;
    struct block *made = NULL;
    (void)context;
    if (size) {
        made = malloc(sizeof *made + size);
        if (!made)
            return NULL;
        made->size = size;
        if (old)
            memcpy(made + 1, old + 1, old->size < size ? old->size : size);
        made->next = blocks;
        made->link = &blocks;
        if (blocks)
            blocks->link = &made->next;
        blocks = made;
    }
    if (old) {
        marks_released = marks_released || holds_mark(old + 1, old->size);
        *old->link = old->next;
        if (old->next)
            old->next->link = old->link;
        free(old);
    }
    return made ? made + 1 : NULL;
}

static bool marks_are_held(void)
{
    for (const struct block *block = blocks; block; block = block->next) {
        if (holds_mark(block + 1, block->size))
            return true;
    }
    return false;
}

static int provide_mark(struct pair *pair, uint16_t stream, uint16_t cp)
{
    struct simc_control_word word = {.cp_number = (uint16_t)(cp + 1)};
    ck_assert_int_eq(simc_secret_set(&word.cw, simc_slice(mark, sizeof mark)), 0);
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream, .cp_number = cp, .cws = &word, .cw_count = 1, .priming = true};
    pair->waits[stream] = true;
    pair->cp[stream] = cp;
    return simc_scs_provide(pair->scs.session, &provision, pair->now_ms);
}

START_TEST(control_words_leave_no_trace)
{
    static struct pair pair;
    const struct simc_allocator marking = {marking_resize, NULL};
    simc_allocator_set(&marking);
    for (size_t piece = 0; piece < 40; piece += 13) {
        memset(&pair, 0, sizeof pair);
        pair.piece = piece;
        pair.is_faulty = true; /* these are not the control words of cw_of() */
        ck_assert_int_eq(start(&pair, 3, 1, 1), 0);
        exchange(&pair);
        for (uint16_t i = 0; i < 3; i++)
            ck_assert_int_eq(open_stream(&pair, i), 0);
        exchange(&pair);
        for (uint16_t cp = 1; cp < 4; cp++) {
            for (uint16_t i = 0; i < 3; i++)
                ck_assert_int_eq(provide_mark(&pair, i, cp), 0);
            ck_assert(marks_are_held());
            /* A part is sent, so that the rest moves in its buffer. */
            deliver(&pair, &pair.scs, &pair.ecmg);
            exchange(&pair);
        }
        ck_assert_msg(marks_are_held(), "the ECMG keeps them for the next period");
        ck_assert_uint_gt(pair.provisions, 3);
        for (uint16_t i = 0; i < 2; i++)
            ck_assert_int_eq(simc_scs_stream_close(pair.scs.session, i, pair.now_ms), 0);
        exchange(&pair);
        if (piece == 0)
            simc_session_close(pair.scs.session, pair.now_ms);
        else
            ck_assert_int_eq(simc_scs_stream_close(pair.scs.session, 2, pair.now_ms), 0);
        exchange(&pair);
        ck_assert_msg(!marks_are_held(), "all streams have ended");
        stop(&pair);
        ck_assert_ptr_null(blocks);
        ck_assert_msg(!marks_released, "released memory was wiped before");
    }
    simc_allocator_set(NULL);
}
END_TEST

/* ---- settings ---- */

START_TEST(settings_out_of_range_are_refused)
{
    const struct simc_ecmg_settings ecmg[] = {
        {.common.length_limit = 65536}, {.common.stream_limit = 65537},
        {.common.output_limit = 4095},  {.versions = 1u << 4},
        {.versions = 1u << 31},         {.cw_sizes = 1},
        {.pending_limit = 17},          {.access_criteria_limit = 65536},
    };
    const struct simc_scs_settings scs[] = {
        {.version = 4}, {.version = 6}, {.version = 255}, {.common.length_limit = 70000}};
    struct simc_session *session;
    for (size_t i = 0; i < UNIT_COUNT(ecmg); i++) {
        unit_expect_error(simc_ecmg_session_new(&ecmg[i], 0, &session), SIMC_EINVAL);
        ck_assert_ptr_null(session);
    }
    for (size_t i = 0; i < UNIT_COUNT(scs); i++)
        unit_expect_error(simc_scs_session_new(&scs[i], 0, &session), SIMC_EINVAL);
    simc_session_free(NULL);
    ck_assert_uint_eq(simc_scs_version_after(3), 2);
    ck_assert_uint_eq(simc_scs_version_after(2), 0);
    ck_assert_uint_eq(simc_scs_version_after(5), 0);
    ck_assert_str_eq(simc_session_event_name((enum simc_session_event_type)999), "?");
    ck_assert_ptr_nonnull(simc_session_reason_text((enum simc_session_reason)999));
}
END_TEST

START_TEST(channel_values_out_of_range_are_refused)
{
    static const uint8_t setup[] = {3, 0, 1, 0, 14, 0, 0x0e, 0, 2, 0, 1, 0, 1, 0, 4, 0, 0, 0, 1};
    static const struct simc_ecmg_channel_status bad[] = {
        {.lead_cw = 16, .cw_per_msg = 1},
        {.cw_per_msg = 0},
        {.cw_per_msg = 17},
        {.cw_per_msg = 1, .section_tspkt_flag = 2},
        {.cw_per_msg = 1, .section_tspkt_flag = 3},
    };
    static struct simc_session_event event;
    struct simc_session *session;
    ck_assert_int_eq(simc_ecmg_session_new(NULL, 0, &session), 0);
    simc_session_feed(session, simc_slice(setup, sizeof setup), 0);
    ck_assert(simc_session_next_event(session, &event));
    for (size_t i = 0; i < UNIT_COUNT(bad); i++)
        unit_expect_error(simc_ecmg_channel_accept(session, &bad[i]), SIMC_EINVAL);
    const struct simc_ecmg_channel_status good = {.lead_cw = 15, .cw_per_msg = 16};
    ck_assert_int_eq(simc_ecmg_channel_accept(session, &good), 0);
    ck_assert_ptr_null(simc_scs_channel_status(session));
    unit_expect_error(simc_scs_stream_open(session, 1, 1, 1, 0), SIMC_ENOTFOUND);
    unit_expect_error(simc_ecmg_stream_accept(session, false, NULL), SIMC_EINVAL);
    simc_session_free(session);
}
END_TEST

Suite *suite_session_pair(void)
{
    Suite *suite = suite_create("session_pair");
    TCase *tcase = tcase_create("pair");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, every_set_of_control_words_in_every_version);
    tcase_add_test(tcase, random_walks_keep_every_promise);
    tcase_add_test(tcase, thousands_of_deadlines_fall_in_order);
    tcase_add_test(tcase, a_stream_is_small);
    tcase_add_test(tcase, control_words_leave_no_trace);
    tcase_add_test(tcase, settings_out_of_range_are_refused);
    tcase_add_test(tcase, channel_values_out_of_range_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
