/* SPDX-License-Identifier: BSL-1.0 */
/* The timeline of the mux's engine against clocks that run away, jump, begin anew or go silent: its
 * ECM grid and crypto periods keep steady, PCRs stay right, and no buffer grows. */
#include "mux_rig.h"

#include <string.h>

#include "unit.h"

enum { ECM_PID = 0x600, CP_MS = 10000, LEAD_CPS = 3 };

/* An SCS that plans the periods of one SCG three ahead; parity and CW follow the CP. */
struct planner {
    struct rig *rig;
    uint64_t next; /* tick of the next period to be ordered */
    uint16_t cp;
};

static void plan(struct planner *planner)
{
    struct rig *rig = planner->rig;
    uint64_t tick = simc__mux_tick(rig->mux, rig->now_ns);
    while (planner->next < tick + LEAD_CPS * CP_MS * (uint64_t)RIG_MS) {
        uint16_t cp = planner->cp++;
        uint8_t cw[16];
        rig_word(rig, 1, cp);
        rig_ecm(rig, 1, 0, cp);
        rig_period(rig, 1, cp, planner->next);
        rig_window(rig, 1, 0, cp, planner->next - 1000 * RIG_MS,
                   planner->next + (CP_MS - 1000) * (uint64_t)RIG_MS, 500);
        rig_cw(1, cp, cw);
        rig_expect_word(rig->checker, 1, planner->next, cp & 1, cw);
        planner->next += CP_MS * (uint64_t)RIG_MS;
    }
}

static struct planner start(struct rig *rig)
{
    static const uint16_t pid = ECM_PID;
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig->checker->trace_pid = ECM_PID;
    rig_run(rig, 500);
    rig_define(rig, 1, 1, &pid, 1);
    struct planner planner = {.rig = rig, .next = 3 * RIG_SECOND, .cp = 0};
    plan(&planner);
    return planner;
}

/* Every ECM packet of the trace stands on the grid of 500 ms. */
static void expect_steady_ecms(const struct rig *rig, uint64_t seconds)
{
    const struct rig_checker *checker = rig->checker;
    ck_assert_uint_ge(checker->trace_count, seconds * 2);
    for (uint32_t i = 0; i < checker->trace_count; i++) {
        uint64_t off = (checker->trace_ticks[i] - 2 * RIG_SECOND) % (500 * RIG_MS);
        ck_assert_uint_le(off, 3 * RIG_MS);
        if (i > 0)
            ck_assert_uint_le(checker->trace_ticks[i] - checker->trace_ticks[i - 1], 503 * RIG_MS);
    }
}

static void run_hour(int64_t ppb)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 700000);
    struct rig *rig = rig_new(&config, 600000, 1);
    struct simc__mux_input_status status;
    uint32_t most = 0, least = UINT32_MAX;
    rig->stream.pcr_ppb = ppb;
    rig->checker->pcr_ppb = ppb;
    /* The rate is learned in the first minutes; the line is bent by 1.5 ppm a second then. */
    rig->checker->skip_pcr_until = 240 * RIG_SECOND;
    struct planner planner = start(rig);
    for (unsigned second = 0; second < 3600; second++) {
        plan(&planner);
        rig_run(rig, 1000);
        ck_assert_int_eq(simc__mux_input_status(rig->mux, 0, &status), 0);
        if (second < 10)
            continue;
        most = status.buffered_max > most ? status.buffered_max : most;
        least = status.buffered < least ? status.buffered : least;
    }
    rig_check_end(rig->checker);
    expect_steady_ecms(rig, 3590);
    /* 200 ms of 600 kbit/s are 80 packets: 30 ppm of an hour would be 43 more or less. */
    ck_assert_uint_le(most, 110);
    ck_assert_uint_ge(least, 20);
    ck_assert_int_le(status.clock_ppb - ppb, 200);
    ck_assert_int_ge(status.clock_ppb - ppb, -200);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].pcr_announced, 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_DROPPED_COUNT], 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_LATE_COUNT], 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_JUMPS_COUNT], 0);
    ck_assert_uint_eq(rig->alarm_count, 0);
    rig_free(rig);
}

START_TEST(an_hour_of_an_input_30_ppm_fast_is_steady)
{
    run_hour(30000);
}
END_TEST

START_TEST(an_hour_of_an_input_30_ppm_slow_is_steady)
{
    run_hour(-30000);
}
END_TEST

START_TEST(an_input_that_is_gone_for_10_s_does_not_disturb_the_timeline)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 1500000);
    struct rig *rig = rig_new(&config, 1000000, 1);
    struct simc__mux_input_status status;
    struct planner planner = start(rig);
    for (unsigned second = 0; second < 60; second++) {
        plan(&planner);
        rig->is_silent = second >= 20 && second < 30;
        rig_run(rig, 1000);
    }
    ck_assert_int_eq(simc__mux_input_status(rig->mux, 0, &status), 0);
    ck_assert_int_eq(status.state, SIMC__MUX_INPUT_RUNNING);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_LOSSES_COUNT], 1);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_LATE_COUNT], 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_JUMPS_COUNT], 0);
    ck_assert(rig_has_alarm(rig, SIMC__MUX_ALARM_INPUT_LOST, true));
    ck_assert(rig_has_alarm(rig, SIMC__MUX_ALARM_INPUT_LOST, false));
    rig_check_end(rig->checker);
    expect_steady_ecms(rig, 55);
    ck_assert_uint_le(rig->checker->pat_interval_max, 100 * RIG_MS);
    ck_assert_uint_eq(rig->checker->pmt_versions[0], 2);
    /* The clock of the service goes on as if nothing had been: no new time base. */
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].pcr_announced, 0);
    ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID].pcr_interval_max, 9 * RIG_SECOND);
    rig_free(rig);
}
END_TEST

START_TEST(jumps_of_the_pcr_are_announced_once_and_change_nothing_else)
{
    static const int64_t jumps[] = {5 * 27000000LL, -7 * 27000000LL, 3600 * 27000000LL,
                                    300 * 27000LL};
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 1500000);
    struct rig *rig = rig_new(&config, 1000000, 1);
    struct simc__mux_input_status status;
    struct planner planner = start(rig);
    for (unsigned i = 0; i < UNIT_COUNT(jumps); i++) {
        plan(&planner);
        rig_run(rig, 10000);
        rig->stream.pcr_start += (uint64_t)jumps[i];
    }
    rig_run(rig, 10000);
    ck_assert_int_eq(simc__mux_input_status(rig->mux, 0, &status), 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_JUMPS_COUNT], UNIT_COUNT(jumps));
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_LATE_COUNT], 0);
    ck_assert_uint_le(status.buffered_max, 200);
    ck_assert(rig_has_alarm(rig, SIMC__MUX_ALARM_CLOCK_JUMP, true));
    rig_check_end(rig->checker);
    expect_steady_ecms(rig, 45);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].pcr_announced, UNIT_COUNT(jumps));
    rig_free(rig);
}
END_TEST

START_TEST(a_file_that_begins_again_goes_on_without_a_gap)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 1500000);
    static const struct simc__mux_input_config input = {.name = "in", .pass = SIMC__MUX_PASS_ALL};
    config.is_file = true;
    config.inputs = &input;
    struct rig *rig = rig_new(&config, 1000000, 1);
    for (unsigned loop = 0; loop < 5; loop++) {
        rig_run_file(rig, (loop + 1) * 10 * RIG_SECOND);
        rig_stream_init(&rig->stream, 1000000, 1);
        simc__mux_input_break(rig->mux, 0);
    }
    simc__mux_input_end(rig->mux, 0);
    struct simc__mux_block block;
    while (simc__mux_run(rig->mux, 0, &block) == 0)
        rig_check(rig->checker, &block);
    ck_assert_int_eq(block.wait, SIMC__MUX_WAIT_END);
    rig_check_end(rig->checker);
    /* Every packet of all loops has left: 5 times the PCRs, no time lost between them. */
    const struct rig_pid *video = &rig->checker->pids[RIG_VIDEO_PID];
    ck_assert_uint_eq(video->pcr_announced, 4);
    ck_assert_uint_le(video->pcr_interval_max, 40 * RIG_MS);
    ck_assert_uint_ge(rig->checker->last_tick, 50 * RIG_SECOND - RIG_SECOND / 10);
    ck_assert_uint_le(rig->checker->last_tick, 51 * RIG_SECOND);
    ck_assert_uint_le(rig->checker->pat_interval_max, 100 * RIG_MS);
    struct simc__mux_input_status status;
    ck_assert_int_eq(simc__mux_input_status(rig->mux, 0, &status), 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_LOST_COUNT], 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_JUMPS_COUNT], 0);
    rig_free(rig);
}
END_TEST

START_TEST(a_source_with_few_pcrs_gets_more_of_them)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct rig *rig = rig_new(&config, 1500000, 2);
    rig->stream.pcr_ms = 90;
    /* The first PCRs pass before the tables say whose they are. */
    rig->checker->skip_pcr_until = RIG_SECOND;
    rig_run(rig, 20000);
    rig_check_end(rig->checker);
    for (unsigned p = 0; p < 2; p++) {
        const struct rig_pid *video = &rig->checker->pids[rig_video(&rig->stream, p)];
        ck_assert_uint_le(video->pcr_interval_max, 40 * RIG_MS);
        ck_assert_uint_ge(video->pcrs, 500);
    }
    rig_free(rig);
}
END_TEST

START_TEST(arrivals_that_jitter_leave_pcrs_straight)
{
    /* Datagrams wait up to 8 ms at random; the PCRs of the output stay on their line. */
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct rig *rig = rig_new(&config, 1500000, 1);
    struct unit_random random = unit_random(5);
    struct simc__mux_block block;
    uint8_t packets[7 * 188];
    uint64_t now_ns = rig->start_ns;
    for (unsigned i = 0; i < 30000; i++) {
        size_t taken;
        for (int n = 0; n < 7; n++)
            rig_stream_packet(&rig->stream, packets + 188 * n);
        uint64_t sent_ns = rig->start_ns + rig->stream.packet * UINT64_C(1504000000) / 1500;
        uint64_t arrival_ns = sent_ns + unit_random_below(&random, 8000000);
        now_ns = arrival_ns > now_ns ? arrival_ns : now_ns;
        ck_assert_int_eq(simc__mux_input_feed(rig->mux, 0, packets, 7, 188, now_ns, &taken), 0);
        while (simc__mux_run(rig->mux, now_ns, &block) == 0)
            rig_check(rig->checker, &block);
    }
    rig_check_end(rig->checker);
    struct simc__mux_input_status status;
    ck_assert_int_eq(simc__mux_input_status(rig->mux, 0, &status), 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_JUMPS_COUNT], 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_INPUT_LATE_COUNT], 0);
    rig_free(rig);
}
END_TEST

Suite *suite_mux_clock(void);
Suite *suite_mux_clock(void)
{
    Suite *suite = suite_create("mux_clock");
    TCase *tests = tcase_create("clocks");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, an_hour_of_an_input_30_ppm_fast_is_steady);
    tcase_add_test(tests, an_hour_of_an_input_30_ppm_slow_is_steady);
    tcase_add_test(tests, an_input_that_is_gone_for_10_s_does_not_disturb_the_timeline);
    tcase_add_test(tests, jumps_of_the_pcr_are_announced_once_and_change_nothing_else);
    tcase_add_test(tests, a_file_that_begins_again_goes_on_without_a_gap);
    tcase_add_test(tests, a_source_with_few_pcrs_gets_more_of_them);
    tcase_add_test(tests, arrivals_that_jitter_leave_pcrs_straight);
    suite_add_tcase(suite, tests);
    return suite;
}
