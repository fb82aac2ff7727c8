/* SPDX-License-Identifier: BSL-1.0 */
/* SCSs that were cut off and come back before the end of their old connection has been read: they
 * have their channel and ECM_ids again, whichever worker the two connections belong to. Run by the
 * unit test runner. */
#include <stdlib.h>

#include "unit/ecmg_bench.h"

Suite *suite_ecmg_takeover(void);

static const char here[] = "192.0.2.1", there[] = "192.0.2.2";
static struct ecmg_bench *bench;
static struct ecmg_scs old, new;

static void setup(void)
{
    bench = malloc(sizeof *bench);
    ck_assert_ptr_nonnull(bench);
    ecmg_bench_init(bench);
    bench->worker_count = 2;
}

static void teardown(void)
{
    ecmg_bench_fini(bench);
    free(bench);
}

/* The error_status that a channel_setup got; 0: the channel is open; -1: no answer so far. */
static int told(const struct ecmg_scs *scs)
{
    const struct simc_session_event *closed = ecmg_scs_event(scs, SIMC_EVENT_CHANNEL_CLOSED);
    if (closed)
        return closed->status_count ? closed->statuses[0] : -2;
    return ecmg_scs_event(scs, SIMC_EVENT_CHANNEL_OPEN) ? 0 : -1;
}

static uint64_t channels(void)
{
    struct simc__ecmg_totals totals;
    simc__ecmg_totals(bench->ecmg, &totals);
    return totals.channels;
}

static uint64_t streams(void)
{
    struct simc__ecmg_totals totals;
    simc__ecmg_totals(bench->ecmg, &totals);
    return totals.streams;
}

static void connect_old(void)
{
    bench->worker = 0;
    ecmg_scs_connect(&old, bench, here, 1, ECMG_SYSTEM);
    ck_assert_int_eq(told(&old), 0);
    ecmg_scs_stream(&old, 1, 7);
}

/* The same, or another one, connects; the questions of workers are run. */
static void connect_new(size_t worker, const char *host)
{
    bench->worker = worker;
    ecmg_scs_connect(&new, bench, host, 1, ECMG_SYSTEM);
    if (worker) {
        ck_assert_int_eq(told(&new), -1);
        ck_assert_uint_eq(bench->question_count, 1);
        ck_assert_uint_eq(bench->question_workers[0], 0);
        ecmg_bench_ask(bench);
        ecmg_scs_pump(&new);
    }
    ck_assert_uint_eq(bench->question_count, 0);
}

static void serve(struct ecmg_scs *scs)
{
    uint8_t memory[64];
    const struct simc_slice criteria = ecmg_criteria(1, memory);
    ecmg_scs_stream(scs, 1, 7);
    ecmg_scs_provide(scs, 1, 1, &criteria);
    ck_assert_ptr_nonnull(ecmg_scs_event(scs, SIMC_EVENT_ECM));
}

static void end(void)
{
    ecmg_scs_disconnect(&old);
    ecmg_scs_disconnect(&new);
    ck_assert_uint_eq(channels(), 0);
    ck_assert_uint_eq(streams(), 0);
}

START_TEST(one_that_was_cut_off_has_its_channel_again)
{
    ecmg_bench_start(bench);
    connect_old();
    old.is_cut_off = true;
    connect_new((size_t)_i, here);
    ck_assert_int_eq(told(&new), 0);
    ck_assert_uint_eq(channels(), 1);
    ck_assert_uint_eq(streams(), 0);
    ck_assert(ecmg_bench_has_logged(bench, "come back on another connection"));
    serve(&new);
    /* The end of the old one takes nothing from the new one. */
    ecmg_scs_disconnect(&old);
    ck_assert_uint_eq(channels(), 1);
    ck_assert_uint_eq(streams(), 1);
    ecmg_scs_pump(&new);
    ck_assert_ptr_null(ecmg_scs_event(&new, SIMC_EVENT_CHANNEL_CLOSED));
    end();
}
END_TEST

START_TEST(one_that_stays_keeps_its_channel)
{
    ecmg_bench_start(bench);
    connect_old();
    connect_new((size_t)_i, here);
    ck_assert_int_eq(told(&new), 0x0013);
    ck_assert_uint_eq(channels(), 1);
    ck_assert(ecmg_bench_has_logged(bench, "set takeover: same_peer"));
    ecmg_scs_pump(&old);
    ck_assert_ptr_null(ecmg_scs_event(&old, SIMC_EVENT_CHANNEL_CLOSED));
    end();
}
END_TEST

START_TEST(the_same_peer_may_push_its_old_connection_out)
{
    bench->conf.takeover = SIMC__ECMG_TAKEOVER_SAME_PEER;
    ecmg_bench_start(bench);
    connect_old();
    ecmg_scs_forget(&old);
    connect_new((size_t)_i, here);
    ck_assert_int_eq(told(&new), 0);
    serve(&new);
    ecmg_scs_pump(&old);
    ck_assert_ptr_nonnull(ecmg_scs_event(&old, SIMC_EVENT_CHANNEL_CLOSED));
    end();
}
END_TEST

START_TEST(another_peer_may_not)
{
    bench->conf.takeover = SIMC__ECMG_TAKEOVER_SAME_PEER;
    bench->conf.id_scope = SIMC__ECMG_IDS_PER_ECMG;
    ecmg_bench_start(bench);
    connect_old();
    connect_new((size_t)_i, there);
    ck_assert_int_eq(told(&new), 0x0013);
    /* But it has the ids of one that has ended. */
    ecmg_scs_disconnect(&new);
    old.is_cut_off = true;
    connect_new((size_t)_i, there);
    ck_assert_int_eq(told(&new), 0);
    end();
}
END_TEST

/* What may happen while a question is under way between workers. */
START_TEST(whoever_goes_meanwhile_leaves_no_trace)
{
    ecmg_bench_start(bench);
    connect_old();
    old.is_cut_off = true;
    bench->worker = 1;
    ecmg_scs_connect(&new, bench, here, 1, ECMG_SYSTEM);
    ck_assert_int_eq(told(&new), -1);
    if (_i == 0) {
        ecmg_scs_disconnect(&new);
        ecmg_bench_ask(bench);
        ck_assert_uint_eq(channels(), 0);
    } else if (_i == 1) {
        ecmg_scs_disconnect(&old);
        ecmg_bench_ask(bench);
        ecmg_scs_pump(&new);
        ck_assert_int_eq(told(&new), 0);
    } else {
        /* The answer cannot go back. */
        bench->refuses_questions = true;
        ecmg_bench_ask(bench);
        ecmg_scs_pump(&new);
        ck_assert_int_eq(told(&new), -1);
    }
    end();
}
END_TEST

START_TEST(workers_that_cannot_ask_refuse)
{
    bench->refuses_questions = true;
    ecmg_bench_start(bench);
    connect_old();
    old.is_cut_off = true;
    bench->worker = 1;
    ecmg_scs_connect(&new, bench, here, 1, ECMG_SYSTEM);
    ck_assert_int_eq(told(&new), 0x0013);
    end();
}
END_TEST

Suite *suite_ecmg_takeover(void)
{
    enum { WORKERS = 2, MOMENTS = 3 };
    Suite *suite = suite_create("ecmg_takeover");
    TCase *tests = tcase_create("takeover");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, one_that_was_cut_off_has_its_channel_again, 0, WORKERS);
    tcase_add_loop_test(tests, one_that_stays_keeps_its_channel, 0, WORKERS);
    tcase_add_loop_test(tests, the_same_peer_may_push_its_old_connection_out, 0, WORKERS);
    tcase_add_loop_test(tests, another_peer_may_not, 0, WORKERS);
    tcase_add_loop_test(tests, whoever_goes_meanwhile_leaves_no_trace, 0, MOMENTS);
    tcase_add_test(tests, workers_that_cannot_ask_refuse);
    suite_add_tcase(suite, tests);
    return suite;
}
