/* SPDX-License-Identifier: BSL-1.0 */
/* EMMGs whose connection is lost without an end, and those that come back for their channels and
 * data_ids: who waits, who gives way, who stays. Run by the unit test runner. */
#include <stdlib.h>
#include <string.h>

#include "unit/emmg_world.h"
#include "unit/unit.h"

Suite *suite_mux_emmg_takeover(void);

enum { BOUND_MS = 2000, SHORT_MS = 100 };

static struct emmg_world *start(void)
{
    struct emmg_world *world = emmg_world_new();
    world->conf.timers.takeover_ms = BOUND_MS;
    world->conf.limits.takeovers = 4;
    emmg_world_start(world, 8000000);
    return world;
}

static bool is_open(const struct emmg_peer *peer)
{
    return simc_session_is_open(peer->session);
}

/* ---- channels ---- */

/* The old one answers: it stays, and the new one has its refusal at once. */
START_TEST(one_that_lives_stays)
{
    struct emmg_world *world = start();
    world->conf.is_exclusive = _i;
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, _i ? 2 : 1, 0, 3);
    ck_assert_uint_eq(other->errors, 0); /* it waits: the old one has not been asked yet */
    emmg_step(world, SHORT_MS);
    ck_assert_uint_eq(old->tests, 1);
    ck_assert_uint_eq(other->status, _i ? SIMC_EMMG_STATUS_CLIENT_ID_IN_USE
                                        : SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    ck_assert(emmg_send_section(world, old, 1, 1, 500));
    emmg_step(world, 1000);
    ck_assert_uint_eq(world->got[1], 1);
    /* As it has just answered, others are refused without a test. */
    for (unsigned i = 2; i < 8; i++)
        ck_assert_uint_ne(emmg_refused(world, i, EMMG_CLIENT, _i ? 2 : 1, 0), 0);
    ck_assert_uint_eq(old->tests, 1);
    emmg_step(world, BOUND_MS);
    emmg_connect(world, 8, EMMG_CLIENT, 1, 0, 3);
    emmg_step(world, SHORT_MS);
    ck_assert_uint_eq(old->tests, 2);
    ck_assert(is_open(old) && !old->is_over);
    emmg_world_free(world);
}
END_TEST

/* The old one is lost: the new one waits no longer than the bound, and has all that was its. */
START_TEST(one_that_is_lost_gives_way)
{
    static const uint8_t test[] = {3,    0, 0x12, 0, 14, 0, 1, 0, 4, 0x12,
                                   0x34, 0, 1,    0, 3,  0, 2, 0, 1};
    struct emmg_world *world = start();
    world->conf.is_exclusive = _i;
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    old->is_lost = true;
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, 1, 0, 3);
    /* What it sends behind its channel_setup is kept until that has its answer. */
    struct simc_session *session = simc__emmg_channel_session(other->channel);
    ck_assert(simc_session_is_blocked(session));
    simc_session_feed(session, simc_slice(test, sizeof test), world->now_ms);
    emmg_pump(world, other);
    ck_assert_uint_eq(simc_session_output(session).size, 0);
    ck_assert_uint_le(simc__emmg_deadline_ms(world->emmg), world->now_ms + BOUND_MS);
    emmg_step(world, BOUND_MS - 2 * EMMG_STEP_MS);
    ck_assert(!is_open(other) && other->errors == 0);
    emmg_step(world, 3 * EMMG_STEP_MS);
    ck_assert(is_open(other));
    ck_assert(simc_session_wants_close(simc__emmg_channel_session(old->channel)) != 0);
    emmg_open_stream(world, other, 1, 7, SIMC_DATA_TYPE_EMM);
    ck_assert_uint_eq(other->open, 1);
    ck_assert(emmg_send_section(world, other, 1, 1, 500));
    emmg_leave(world, old);
    emmg_step(world, 1000);
    ck_assert_uint_eq(world->got[1], 1);
    ck_assert_uint_eq(other->errors, 0);
    ck_assert_uint_eq(simc__emmg_deadline_ms(world->emmg), SIMC_DEADLINE_NONE);
    emmg_world_free(world);
}
END_TEST

START_TEST(the_end_of_the_old_one_ends_the_wait)
{
    struct emmg_world *world = start();
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    old->is_lost = true;
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, 1, 0, 3);
    emmg_step(world, SHORT_MS);
    ck_assert(!is_open(other));
    emmg_leave(world, old);
    emmg_step(world, SHORT_MS);
    ck_assert(is_open(other));
    emmg_world_free(world);
}
END_TEST

/* The one that waited is gone before the answer: the old one has its place still. */
START_TEST(one_that_waits_no_more_takes_nothing)
{
    struct emmg_world *world = start();
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    old->is_lost = true;
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, 1, 0, 3);
    if (_i == 0)
        emmg_leave(world, other);
    else if (_i == 1)
        world->ended = other->channel;
    else
        simc_session_disconnected(simc__emmg_channel_session(other->channel), world->now_ms);
    emmg_step(world, 2 * BOUND_MS);
    ck_assert_int_eq(simc_session_wants_close(simc__emmg_channel_session(old->channel)), 0);
    ck_assert(_i == 0 || !is_open(other));
    world->ended = NULL;
    emmg_world_free(world);
}
END_TEST

/* Some EMMGs answer no tests: one that goes on bringing data lives. What came right behind the test
 * may have been under way when it was lost. */
START_TEST(data_shows_life)
{
    struct emmg_world *world = start();
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    old->is_deaf = true;
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, 1, 0, 3);
    for (unsigned ms = 0; ms < BOUND_MS + SHORT_MS; ms += SHORT_MS) {
        if (_i || ms < BOUND_MS / 4)
            ck_assert(emmg_send_section(world, old, 1, 1, 100));
        emmg_step(world, SHORT_MS);
        ck_assert(ms >= BOUND_MS - SHORT_MS || (!is_open(other) && !other->errors));
    }
    ck_assert_int_eq(is_open(other), !_i);
    ck_assert_uint_eq(other->status, _i ? SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE : 0);
    emmg_world_free(world);
}
END_TEST

/* Of one that is held for its bandwidth nothing is read: nothing is known of it, so it stays. */
START_TEST(one_that_is_held_stays)
{
    struct emmg_world *world = start();
    world->conf.excess = SIMC__EMMG_EXCESS_WAIT;
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    /* 100 kbit/s: 160 kB are beyond its burst for 7 s. */
    for (unsigned i = 0; i < 160; i++)
        if (emmg_send_section(world, old, 1, 1, 1000))
            emmg_pump(world, old);
    ck_assert(simc_session_is_blocked(simc__emmg_channel_session(old->channel)));
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, 1, 0, 3);
    emmg_step(world, BOUND_MS + SHORT_MS);
    ck_assert_uint_eq(other->status, SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    ck_assert(!old->is_over);
    emmg_world_free(world);
}
END_TEST

/* Of two that wait the first has it; and no more may wait than the ceiling says. */
START_TEST(first_come_first_served)
{
    struct emmg_world *world = start();
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3), *waiting[4];
    old->is_lost = true;
    for (unsigned i = 0; i < 4; i++)
        waiting[i] = emmg_connect(world, 1 + i, EMMG_CLIENT, 1, 0, 3);
    ck_assert_uint_eq(emmg_refused(world, 5, EMMG_CLIENT, 1, 0),
                      SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    emmg_pump(world, old);
    ck_assert_uint_eq(old->tests, 1);
    emmg_step(world, BOUND_MS + SHORT_MS);
    ck_assert(is_open(waiting[0]));
    for (unsigned i = 1; i < 4; i++)
        ck_assert_uint_eq(waiting[i]->status, SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    /* There is room again. */
    waiting[0]->is_lost = true;
    struct emmg_peer *next = emmg_connect(world, 6, EMMG_CLIENT, 1, 0, 3);
    emmg_step(world, BOUND_MS + SHORT_MS);
    ck_assert(is_open(next));
    emmg_world_free(world);
}
END_TEST

START_TEST(without_a_bound_nobody_waits)
{
    struct emmg_world *world = start();
    world->conf.timers.takeover_ms = 0;
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    ck_assert_uint_eq(emmg_refused(world, 1, EMMG_CLIENT, 1, 0),
                      SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE);
    ck_assert_uint_eq(old->tests, 0);
    emmg_world_free(world);
}
END_TEST

/* ---- data_ids ---- */

/* It comes back with another channel id and the data_id of before. */
START_TEST(data_ids_of_one_that_is_lost)
{
    struct emmg_world *world = start();
    struct emmg_peer *old = emmg_connect(world, 0, EMMG_CLIENT, 1, 0, 3);
    emmg_open_stream(world, old, 1, 7, SIMC_DATA_TYPE_EMM);
    old->is_lost = _i == 0;
    struct emmg_peer *other = emmg_connect(world, 1, EMMG_CLIENT, 2, 0, 3);
    ck_assert(is_open(other));
    emmg_open_stream(world, other, 1, 8, SIMC_DATA_TYPE_EMM);
    emmg_open_stream(world, other, 2, 7, SIMC_DATA_TYPE_EMM);
    ck_assert_uint_eq(other->open, 1);
    ck_assert_uint_eq(other->errors, 0);
    emmg_step(world, _i ? SHORT_MS : BOUND_MS + SHORT_MS);
    ck_assert_uint_eq(other->open, _i ? 1 : 2);
    ck_assert_uint_eq(other->status, _i ? SIMC_EMMG_STATUS_DATA_ID_IN_USE : 0);
    ck_assert_int_eq(is_open(old) && !old->is_lost, _i);
    /* What it has goes on in both cases. */
    ck_assert(emmg_send_section(world, other, 1, 1, 500));
    ck_assert(_i || emmg_send_section(world, other, 2, 2, 500));
    emmg_step(world, 1000);
    ck_assert_uint_eq(world->got[1], 1);
    ck_assert_uint_eq(world->got[2], !_i);
    emmg_world_free(world);
}
END_TEST

/* ---- the session ---- */

/* An answer that is put off is asked for again when the session is released. */
START_TEST(an_answer_is_put_off)
{
    static const uint8_t setup[] = {3, 0, 0x11, 0, 19, 0, 1, 0, 4, 0x12, 0x34, 0,
                                    1, 0, 3,    0, 2,  0, 1, 0, 2, 0,    1,    0};
    struct simc_session *session;
    struct simc_session_event event;
    ck_assert_int_eq(simc_mux_session_new(NULL, 0, &session), 0);
    unit_expect_error(simc_session_defer(session), SIMC_EINVAL);
    simc_session_feed(session, simc_slice(setup, sizeof setup), 0);
    ck_assert(simc_session_next_event(session, &event));
    ck_assert_int_eq(event.type, SIMC_EVENT_CHANNEL_SETUP);
    unit_expect_error(simc_session_defer(session), 0);
    ck_assert(!simc_session_next_event(session, &event));
    /* Neither its timer nor a message of the peer disturbs that. */
    simc_session_expire(session, 60000);
    ck_assert(!simc_session_next_event(session, &event));
    ck_assert_uint_eq(simc_session_output(session).size, 0);
    simc_session_release(session, 60000);
    if (_i == 0)
        ck_assert_int_eq(simc_mux_channel_accept(session), 0);
    else if (_i == 1)
        ck_assert_int_eq(simc_session_refuse(session, 0x0011, simc_slice(NULL, 0)), 0);
    while (simc_session_next_event(session, &event))
        ck_assert_int_eq(event.type, SIMC_EVENT_NOTICE);
    struct simc_slice out = simc_session_output(session);
    ck_assert_uint_ge(out.size, 24);
    ck_assert_uint_eq(out.data[2], _i == 0 ? 0x13 : 0x15);
    ck_assert_int_eq(simc_session_is_open(session), _i == 0);
    /* 0x7000 where there is still no answer. The time to close is counted from the refusal. */
    ck_assert(_i == 0 || memcmp(out.data + out.size - 2, _i == 1 ? "\0\x11" : "\x70\0", 2) == 0);
    ck_assert(_i == 0 || simc_session_deadline_ms(session) == 61000);
    simc_session_free(session);
}
END_TEST

Suite *suite_mux_emmg_takeover(void)
{
    Suite *suite = suite_create("mux_emmg_takeover");
    TCase *tcase = tcase_create("mux_emmg_takeover");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, one_that_lives_stays, 0, 2);
    tcase_add_loop_test(tcase, one_that_is_lost_gives_way, 0, 2);
    tcase_add_test(tcase, the_end_of_the_old_one_ends_the_wait);
    tcase_add_loop_test(tcase, one_that_waits_no_more_takes_nothing, 0, 3);
    tcase_add_loop_test(tcase, data_shows_life, 0, 2);
    tcase_add_test(tcase, one_that_is_held_stays);
    tcase_add_test(tcase, first_come_first_served);
    tcase_add_test(tcase, without_a_bound_nobody_waits);
    tcase_add_loop_test(tcase, data_ids_of_one_that_is_lost, 0, 2);
    tcase_add_loop_test(tcase, an_answer_is_put_off, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
