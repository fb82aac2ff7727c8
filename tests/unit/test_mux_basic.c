/* SPDX-License-Identifier: BSL-1.0 */
/* The engine of muxd in its three ways of making an output: packets, tables, PCRs, scrambling and
 * ECMs, looked at packet by packet. */
#include "mux_rig.h"

#include <string.h>

#include "unit.h"

/* Orders for `count` periods of `ms` each, from `start` on: ECM n from half a second before its
 * period to half a second before the next. */
static void plan_periods(struct rig *rig, uint32_t scg_id, unsigned streams, uint16_t first,
                         unsigned count, uint64_t start, uint64_t ms)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t cp = (uint16_t)(first + i);
        uint64_t tick = start + i * ms * RIG_MS;
        uint8_t cw[16];
        rig_word(rig, scg_id, cp);
        rig_period(rig, scg_id, cp, tick);
        rig_cw(scg_id, cp, cw);
        rig_expect_word(rig->checker, scg_id, tick, cp & 1, cw);
        for (unsigned s = 0; s < streams; s++) {
            rig_ecm(rig, scg_id, (uint8_t)s, cp);
            rig_window(rig, scg_id, (uint8_t)s, cp, tick - 500 * RIG_MS, tick + (ms - 500) * RIG_MS,
                       100);
        }
    }
}

/* Each packet of the traced ECM PID stands in its window and on its grid. */
static void expect_grid(const struct rig *rig, uint64_t start, uint64_t ms, uint16_t first,
                        unsigned count, uint64_t slack)
{
    const struct rig_checker *checker = rig->checker;
    uint32_t seen[64] = {0};
    for (uint32_t i = 0; i < checker->trace_count; i++) {
        uint64_t tick = checker->trace_ticks[i];
        unsigned n = (unsigned)(uint8_t)(checker->trace_tags[i] - first);
        ck_assert_uint_lt(n, count);
        uint64_t from = start + n * ms * RIG_MS - 500 * RIG_MS;
        ck_assert_uint_ge(tick, from);
        ck_assert_uint_lt(tick, from + ms * RIG_MS);
        ck_assert_uint_le((tick - from) % (100 * RIG_MS), slack);
        seen[n]++;
    }
    for (unsigned n = 0; n + 1 < count; n++)
        ck_assert_uint_eq(seen[n], ms / 100);
}

static void run_scrambled(enum simc__mux_rate rate, uint64_t bitrate, uint64_t slack)
{
    static const uint16_t ecm_pids[2] = {0x600, 0x601};
    struct simc__mux_config config = rig_config(rate, bitrate);
    struct rig *rig = rig_new(&config, 5000000, 2);
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig_expect_pid(rig->checker, RIG_VIDEO_PID + 0x10, 2);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID + 0x10, 2);
    rig->checker->trace_pid = 0x601;
    rig_run(rig, 1000);
    ck_assert_uint_eq(rig->checker->cat_first, 0);
    rig_define(rig, 1, 1, ecm_pids, 2);
    plan_periods(rig, 1, 2, 4, 6, 2 * RIG_SECOND, 2000);
    rig_run(rig, 12000);

    rig_check_end(rig->checker);
    expect_grid(rig, 2 * RIG_SECOND, 2000, 4, 6, slack);
    ck_assert_uint_eq(rig->checker->program_count, 2);
    uint16_t ca[8];
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 2);
    ck_assert_uint_eq(ca[0], 0x600);
    ck_assert_uint_eq(ca[1], 0x601);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 2, 0, ca), 0);
    ck_assert_int_eq(rig_pmt_mode(rig->checker, 1), 0x10);
    ck_assert_int_eq(rig_sdt_free_ca(rig->checker, 1), 1);
    ck_assert_int_eq(rig_sdt_free_ca(rig->checker, 2), 0);
    ck_assert_uint_eq(rig->checker->pmt_versions[0], 2);
    ck_assert_uint_eq(rig->checker->pmt_versions[1], 1);
    ck_assert_uint_eq(rig->checker->pat_versions, 1);
    ck_assert_uint_le(rig->checker->pat_interval_max, 100 * RIG_MS);
    ck_assert_uint_le(rig->checker->pmt_interval_max[0], 100 * RIG_MS);
    ck_assert_uint_le(rig->checker->cat_interval_max, 200 * RIG_MS);
    ck_assert_uint_le(rig->checker->sdt_interval_max, 2 * RIG_SECOND);
    const struct rig_pid *video = &rig->checker->pids[RIG_VIDEO_PID];
    ck_assert_uint_gt(video->scrambled, 3000);
    ck_assert_uint_gt(video->short_payloads, 5);
    ck_assert_uint_lt(rig->checker->cat_first, video->first_scrambled);
    ck_assert_uint_le(video->pcr_interval_max, 40 * RIG_MS);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID + 0x10].scrambled, 0);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_PERIOD), 6);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_ECM_FIRST), 12);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_ECM_LAST), 10);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_LATE), 0);
    ck_assert_uint_eq(rig->alarm_count, 0);
    rig_free(rig);
}

START_TEST(a_constant_output_is_scrambled_by_the_packet)
{
    run_scrambled(SIMC__MUX_CONSTANT, 6000000, 3 * RIG_MS);
}
END_TEST

START_TEST(a_variable_output_is_scrambled_by_the_packet)
{
    run_scrambled(SIMC__MUX_VARIABLE, 8000000, 3 * RIG_MS);
}
END_TEST

START_TEST(null_packets_are_replaced_in_place)
{
    run_scrambled(SIMC__MUX_REPLACE, 0, 20 * RIG_MS);
}
END_TEST

Suite *suite_mux_basic(void);
Suite *suite_mux_basic(void)
{
    Suite *suite = suite_create("mux_basic");
    TCase *tests = tcase_create("outputs");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_constant_output_is_scrambled_by_the_packet);
    tcase_add_test(tests, a_variable_output_is_scrambled_by_the_packet);
    tcase_add_test(tests, null_packets_are_replaced_in_place);
    suite_add_tcase(suite, tests);
    return suite;
}
