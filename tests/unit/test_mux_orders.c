/* SPDX-License-Identifier: BSL-1.0 */
/* Orders of the SCS that are late, overlap, leave gaps, come again, lack something or contradict
 * each other: what goes on air, and what the engine says about it. */
#include "mux_rig.h"

#include <string.h>

#include "link/link.h"
#include "unit.h"

static const uint16_t ecm_pid = 0x600;

/* A live engine with one programme and SCG 1 on it, 1 s old. */
static struct rig *start(void)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct rig *rig = rig_new(&config, 1500000, 1);
    rig->stream.has_data = true;
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig->checker->trace_pid = ecm_pid;
    rig_run(rig, 1000);
    rig_define(rig, 1, 1, &ecm_pid, 1);
    return rig;
}

static void expect_cp(struct rig *rig, uint16_t cp, uint64_t tick)
{
    uint8_t cw[16];
    rig_cw(1, cp, cw);
    rig_expect_word(rig->checker, 1, tick, cp & 1, cw);
}

static uint64_t ms(uint64_t value)
{
    return value * RIG_MS;
}

START_TEST(the_newer_window_wins_and_a_gap_is_a_gap)
{
    struct rig *rig = start();
    for (uint16_t cp = 1; cp <= 3; cp++)
        rig_ecm(rig, 1, 0, cp);
    rig_window(rig, 1, 0, 1, ms(2000), ms(4000), 100);
    rig_window(rig, 1, 0, 2, ms(3050), SIMC__SCS_MUX_OPEN, 100); /* wins over 1 from 3050 on */
    rig_run(rig, 3000);
    rig_window(rig, 1, 0, 2, ms(3050), ms(5000), 100); /* its stop, told later */
    rig_window(rig, 1, 0, 3, ms(6000), ms(7000), 50);  /* a gap of a second before it */
    rig_run(rig, 5000);
    unsigned counts[4] = {0};
    for (uint32_t i = 0; i < rig->checker->trace_count; i++) {
        uint64_t tick = rig->checker->trace_ticks[i];
        unsigned cp = rig->checker->trace_tags[i];
        ck_assert_uint_le(cp, 3);
        counts[cp]++;
        if (cp == 1)
            ck_assert(tick >= ms(2000) && tick < ms(3050));
        if (cp == 2)
            ck_assert(tick >= ms(3050) && tick < ms(5000));
        if (cp == 3)
            ck_assert(tick >= ms(6000) && tick < ms(7000));
    }
    ck_assert_uint_eq(counts[1], 11);
    ck_assert_uint_eq(counts[2], 20);
    ck_assert_uint_eq(counts[3], 20);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_ECM_LAST), 3);
    for (uint32_t i = 0; i < rig->report_count; i++)
        if (rig->reports[i].type == SIMC__SCS_MUX_REPORT_ECM_LAST)
            ck_assert_uint_eq(rig->reports[i].count, counts[rig->reports[i].cp]);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(late_orders_are_obeyed_at_once_and_reported)
{
    struct rig *rig = start();
    rig_word(rig, 1, 1);
    rig_ecm(rig, 1, 0, 1);
    rig_run(rig, 2000);
    uint64_t now = simc__mux_tick(rig->mux, rig->now_ns) + ms(20);
    rig_period(rig, 1, 1, ms(2000));
    rig_window(rig, 1, 0, 1, ms(1500), SIMC__SCS_MUX_OPEN, 100);
    rig_run(rig, 1000);
    const struct rig_pid *video = &rig->checker->pids[RIG_VIDEO_PID];
    ck_assert_uint_ge(video->first_scrambled, now - ms(2));
    ck_assert_uint_le(video->first_scrambled, now + ms(20));
    expect_cp(rig, 1, 0);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_LATE), 2);
    for (uint32_t i = 0; i < rig->report_count; i++) {
        const struct simc__scs_mux_report *report = &rig->reports[i];
        if (report->type != SIMC__SCS_MUX_REPORT_LATE)
            continue;
        uint64_t wanted = report->order == SIMC__SCS_MUX_ORDER_PERIOD ? ms(2000) : ms(1500);
        ck_assert_uint_eq(report->tick - report->late_ticks, wanted);
    }
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_LATE, true));
    ck_assert_uint_ge(rig->checker->trace_count, 9);
    rig_free(rig);
}
END_TEST

START_TEST(of_several_late_periods_the_last_one_is_on_air)
{
    struct rig *rig = start();
    for (uint16_t cp = 1; cp <= 4; cp++)
        rig_word(rig, 1, cp);
    rig_run(rig, 5000);
    rig_period(rig, 1, 3, ms(4000));
    rig_period(rig, 1, 1, ms(2000));
    rig_period(rig, 1, 2, ms(3000));
    rig_period(rig, 1, 4, ms(8000));
    uint64_t now = simc__mux_tick(rig->mux, rig->now_ns);
    expect_cp(rig, 3, now);
    expect_cp(rig, 4, ms(8000));
    rig_run(rig, 4000);
    rig_check_end(rig->checker);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_PERIOD), 2);
    rig_free(rig);
}
END_TEST

START_TEST(a_period_without_word_never_goes_on_air)
{
    struct rig *rig = start();
    rig_word(rig, 1, 1);
    rig_period(rig, 1, 1, ms(2000));
    rig_period(rig, 1, 2, ms(4000)); /* its word comes only at 6 s */
    expect_cp(rig, 1, ms(2000));
    rig_run(rig, 5000);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_NO_WORD, true));
    ck_assert(!rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_NO_WORD, false));
    rig_check_end(rig->checker);
    struct simc__mux_scg_status status;
    ck_assert_int_eq(simc__mux_scg_status(rig->mux, 0, &status), 0);
    ck_assert_uint_eq(status.cp, 1);
    rig_word(rig, 1, 2);
    ck_assert_int_eq(simc__mux_scg_status(rig->mux, 0, &status), 0);
    ck_assert_uint_eq(status.cp, 2);
    expect_cp(rig, 2, status.start_tick);
    rig_run(rig, 2000);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_NO_WORD, false));
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_LATE), 1);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(another_word_for_a_cp_is_refused_with_an_alarm)
{
    struct rig *rig = start();
    struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = 1, .cp = 1};
    rig_word(rig, 1, 1);
    rig_word(rig, 1, 1); /* the same again is nothing */
    rig_run(rig, 10);
    ck_assert(!rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_OTHER_WORD, true));
    ck_assert_int_eq(simc_secret_set(&order.cw, simc_slice("0123456789abcdef", 16)), 0);
    ck_assert_int_eq(simc__mux_order(rig->mux, &order), 0);
    rig_run(rig, 10);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_OTHER_WORD, true));
    ck_assert_int_eq(simc_secret_set(&order.cw, simc_slice("01234567", 8)), 0);
    unit_expect_error(simc__mux_order(rig->mux, &order), SIMC_EINVAL);
    rig_period(rig, 1, 1, ms(2000));
    expect_cp(rig, 1, ms(2000));
    rig_run(rig, 3000);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(cycled_periods_use_their_words_again)
{
    struct rig *rig = start();
    for (uint16_t cp = 0; cp < 4; cp++)
        rig_word(rig, 1, cp);
    for (unsigned i = 0; i < 20; i++) {
        rig_period(rig, 1, i % 4, ms(2000 + 500 * i));
        expect_cp(rig, i % 4, ms(2000 + 500 * i));
    }
    rig_run(rig, 12000);
    rig_check_end(rig->checker);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_PERIOD), 20);
    rig_free(rig);
}
END_TEST

START_TEST(scrambling_ends_and_begins_by_the_transition_rules)
{
    struct rig *rig = start();
    uint16_t ca[8];
    rig_word(rig, 1, 1);
    rig_ecm(rig, 1, 0, 1);
    rig_period(rig, 1, 1, ms(3000));
    rig_window(rig, 1, 0, 1, ms(2500), ms(7000), 100);
    rig_clear(rig, 1, ms(6000));
    expect_cp(rig, 1, ms(3000));
    rig_expect_clear(rig->checker, 1, ms(6000));
    rig_run(rig, 1000);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 1);
    ck_assert_int_eq(rig_sdt_free_ca(rig->checker, 1), 1);
    ck_assert_uint_gt(rig->checker->cat_size, 0);
    rig_run(rig, 4500);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 1);
    rig_run(rig, 2500);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 0);
    ck_assert_int_eq(rig_pmt_mode(rig->checker, 1), -1);
    rig_run(rig, 1500);
    ck_assert_int_eq(rig_sdt_free_ca(rig->checker, 1), 0);
    ck_assert_uint_eq(rig->checker->pmt_versions[0], 3);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_CLEAR), 1);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(components_have_words_of_their_own)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct rig *rig = rig_new(&config, 1500000, 2);
    static const uint16_t pids[2] = {0x600, 0x601};
    uint16_t ca[8];
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 2);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig_expect_pid(rig->checker, RIG_VIDEO_PID + 0x10, 3);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID + 0x10, 3);
    rig_run(rig, 1000);
    rig_define(rig, 1, 1, &pids[0], 1); /* the programme... */
    struct simc__scs_mux_scg_service service = {
        SIMC__SCS_MUX_ANY, SIMC__SCS_MUX_ANY, 1, 1, {RIG_VIDEO_PID}};
    struct simc__scs_mux_stream stream = {.super_cas_id = 0x4ad40000, .pid = pids[1]};
    struct simc__scs_mux_scg scg = {.scg_id = 2,
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .stream_count = 1,
                                    .services = &service,
                                    .streams = &stream};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    /* ...and its video for itself. */
    ck_assert_int_eq(simc__mux_define(rig->mux, &scg, &defined, &code, why), 0);
    rig_define(rig, 3, 2, NULL, 1);
    for (uint32_t id = 1; id <= 3; id++) {
        for (uint16_t cp = 0; cp < 6; cp++) {
            uint64_t tick = ms(2000 + 100 * id + 1000u * cp);
            uint8_t cw[16];
            rig_word(rig, id, cp);
            rig_period(rig, id, cp, tick);
            rig_cw(id, cp, cw);
            rig_expect_word(rig->checker, id, tick, cp & 1, cw);
        }
    }
    rig_run(rig, 8000);
    rig_check_end(rig->checker);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 1);
    ck_assert_uint_eq(ca[0], pids[0]);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, RIG_VIDEO_PID, ca), 1);
    ck_assert_uint_eq(ca[0], pids[1]);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, RIG_AUDIO_PID, ca), 0);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 2, 0, ca), 1);
    ck_assert_uint_gt(rig->checker->pids[RIG_AUDIO_PID].scrambled, 100);
    rig_free(rig);
}
END_TEST

START_TEST(the_plan_tells_what_a_restarted_scs_needs)
{
    struct rig *rig = start();
    struct simc__scs_mux_plan_scg plan;
    for (uint16_t cp = 65534; cp != 3; cp++) {
        rig_word(rig, 1, cp);
        rig_ecm(rig, 1, 0, cp);
    }
    rig_period(rig, 1, 65534, ms(2000));
    rig_period(rig, 1, 65535, ms(4000));
    rig_period(rig, 1, 0, ms(6000));
    rig_window(rig, 1, 0, 65535, ms(3500), SIMC__SCS_MUX_OPEN, 100);
    expect_cp(rig, 65534, ms(2000));
    expect_cp(rig, 65535, ms(4000));
    expect_cp(rig, 0, ms(6000));
    rig_run(rig, 4000);
    simc__mux_scs(rig->mux, true);
    ck_assert_int_eq(simc__mux_plan(rig->mux, false, 0, &plan), 0);
    ck_assert_uint_eq(plan.scg_id, 1);
    ck_assert(!plan.is_clear);
    ck_assert_uint_eq(plan.period_count, 5);
    static const uint16_t cps[] = {65534, 65535, 0, 1, 2};
    static const uint64_t starts[] = {2000, 4000, 6000, 0, 0};
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_uint_eq(plan.periods[i].cp, cps[i]);
        ck_assert_uint_eq(plan.periods[i].start_tick,
                          starts[i] ? ms(starts[i]) : SIMC__SCS_MUX_OPEN);
        ck_assert_uint_eq(plan.periods[i].cw.size, 16);
    }
    ck_assert_uint_eq(plan.ecm_count, 1);
    ck_assert_uint_eq(plan.ecms[0].cp, 65535);
    ck_assert_uint_eq(plan.streams[0].pid, ecm_pid);
    ck_assert_int_eq(simc__mux_plan(rig->mux, true, 1, &plan), SIMC_EEND);
    /* A definition that is alike changes nothing on air; the SCS being away neither. */
    rig_define(rig, 1, 1, &ecm_pid, 1);
    simc__mux_scs(rig->mux, false);
    rig_run(rig, 6500);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_STRETCHED, true));
    ck_assert_uint_eq(rig->checker->pmt_versions[0], 2);
    ck_assert_uint_ge(rig->checker->trace_count, 75);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(no_ecm_and_bad_ecms_are_alarms)
{
    struct rig *rig = start();
    struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_ECM,
                                        .scg_id = 1,
                                        .cp = 1,
                                        .datagram = simc_slice("\x80\x70\x05garbage", 9)};
    ck_assert_int_eq(simc__mux_order(rig->mux, &order), 0);
    order.is_ts = true;
    ck_assert_int_eq(simc__mux_order(rig->mux, &order), 0);
    rig_window(rig, 1, 0, 1, ms(2000), SIMC__SCS_MUX_OPEN, 100);
    rig_run(rig, 2000);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_BAD_ECM, true));
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_NO_ECM, true));
    ck_assert_uint_eq(rig->checker->trace_count, 0);
    rig_ecm(rig, 1, 0, 1);
    rig_run(rig, 1000);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_NO_ECM, false));
    ck_assert_uint_ge(rig->checker->trace_count, 9);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(definitions_that_contradict_are_refused)
{
    struct rig *rig = start();
    struct simc__scs_mux_scg_service service = {
        .original_network_id = SIMC__SCS_MUX_ANY,
        .transport_stream_id = SIMC__SCS_MUX_ANY,
        .service_id = 1,
    };
    struct simc__scs_mux_stream stream = {.super_cas_id = 0x4ad40000};
    struct simc__scs_mux_scg scg = {.scg_id = 2,
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .stream_count = 1,
                                    .services = &service,
                                    .streams = &stream};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    unit_expect_error(simc__mux_define(rig->mux, &scg, &defined, &code, why), SIMC_EINVAL);
    ck_assert_uint_eq(code, SIMC__LINK_CONFLICT);
    service.service_id = 9; /* not there: a remark */
    ck_assert_int_eq(simc__mux_define(rig->mux, &scg, &defined, &code, why), 0);
    ck_assert_ptr_nonnull(strstr(defined.remark, "0x0009"));
    scg.scg_id = 3;
    service.service_id = 8;
    stream.pid = RIG_VIDEO_PID;
    unit_expect_error(simc__mux_define(rig->mux, &scg, &defined, &code, why), SIMC_EINVAL);
    ck_assert_uint_eq(code, SIMC__LINK_CONFLICT);
    stream.pid = ecm_pid;
    unit_expect_error(simc__mux_define(rig->mux, &scg, &defined, &code, why), SIMC_EINVAL);
    ck_assert_uint_eq(code, SIMC__LINK_CONFLICT);
    stream.pid = 0;
    scg.scrambling_mode = 0x33;
    unit_expect_error(simc__mux_define(rig->mux, &scg, &defined, &code, why), SIMC_EINVAL);
    ck_assert_uint_eq(code, SIMC__LINK_BAD_REQUEST);
    ck_assert_int_eq(simc__mux_remove(rig->mux, 2), 0);
    unit_expect_error(simc__mux_remove(rig->mux, 2), SIMC_ENOTFOUND);
    rig_run(rig, 100);
    rig_free(rig);
}
END_TEST

START_TEST(a_removed_scg_is_clear_at_once)
{
    struct rig *rig = start();
    rig_word(rig, 1, 1);
    rig_ecm(rig, 1, 0, 1);
    rig_period(rig, 1, 1, ms(2000));
    rig_window(rig, 1, 0, 1, ms(1500), SIMC__SCS_MUX_OPEN, 100);
    expect_cp(rig, 1, ms(2000));
    rig_run(rig, 2000);
    uint64_t last = rig->checker->last_tick;
    ck_assert_int_eq(simc__mux_remove(rig->mux, 1), 0);
    rig_expect_clear(rig->checker, 1, last + 1);
    rig_run(rig, 2000);
    ck_assert_uint_le(rig->checker->pids[ecm_pid].last_tick, last);
    uint16_t ca[8];
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 0);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(static_words_need_no_scs)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct rig *rig = rig_new(&config, 1500000, 1);
    struct simc__scs_mux_scg_service service = {
        .original_network_id = SIMC__SCS_MUX_ANY,
        .transport_stream_id = SIMC__SCS_MUX_ANY,
        .service_id = 1,
    };
    struct simc__scs_mux_scg scg = {.scg_id = 1,
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .services = &service};
    struct simc_secret words[2];
    uint8_t cw[2][16];
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    for (unsigned i = 0; i < 2; i++) {
        rig_cw(1, (uint16_t)i, cw[i]);
        ck_assert_int_eq(simc_secret_set(&words[i], simc_slice(cw[i], 16)), 0);
    }
    ck_assert_int_eq(simc__mux_define_static(rig->mux, &scg, words, 2000, &code, why), 0);
    for (unsigned i = 0; i < 5; i++)
        rig_expect_word(rig->checker, 1, ms(2000 * i), i & 1, cw[i & 1]);
    rig_run(rig, 1000);
    /* Packets that came before the first PMT could not be known. */
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig->checker->clear_errors = 0;
    rig_run(rig, 8000);
    rig_check_end(rig->checker);
    ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID].scrambled, 3000);
    rig_free(rig);
}
END_TEST

Suite *suite_mux_orders(void);
Suite *suite_mux_orders(void)
{
    Suite *suite = suite_create("mux_orders");
    TCase *tests = tcase_create("orders");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_newer_window_wins_and_a_gap_is_a_gap);
    tcase_add_test(tests, late_orders_are_obeyed_at_once_and_reported);
    tcase_add_test(tests, of_several_late_periods_the_last_one_is_on_air);
    tcase_add_test(tests, a_period_without_word_never_goes_on_air);
    tcase_add_test(tests, another_word_for_a_cp_is_refused_with_an_alarm);
    tcase_add_test(tests, cycled_periods_use_their_words_again);
    tcase_add_test(tests, scrambling_ends_and_begins_by_the_transition_rules);
    tcase_add_test(tests, components_have_words_of_their_own);
    tcase_add_test(tests, the_plan_tells_what_a_restarted_scs_needs);
    tcase_add_test(tests, no_ecm_and_bad_ecms_are_alarms);
    tcase_add_test(tests, definitions_that_contradict_are_refused);
    tcase_add_test(tests, a_removed_scg_is_clear_at_once);
    tcase_add_test(tests, static_words_need_no_scs);
    suite_add_tcase(suite, tests);
    return suite;
}
