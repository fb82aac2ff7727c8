/* SPDX-License-Identifier: BSL-1.0 */
/* Services that must not be clear: nothing of them leaves before a control word is in force, in
 * each mode of the output, and what is said about it. */
#include "mux_rig.h"

#include <string.h>

#include "unit.h"

static const uint16_t ecm_pid = 0x600;

static uint64_t ms(uint64_t value)
{
    return value * RIG_MS;
}

static struct rig *start(enum simc__mux_rate rate, enum simc__mux_hold hold)
{
    struct simc__mux_config config = rig_config(rate, 2000000);
    config.hold = hold;
    struct rig *rig = rig_new(&config, 1500000, 1);
    rig->stream.has_data = true;
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    return rig;
}

static void expect_cp(struct rig *rig, uint16_t cp, uint64_t tick)
{
    uint8_t cw[16];
    rig_cw(1, cp, cw);
    rig_expect_word(rig->checker, 1, tick, cp & 1, cw);
}

/* Packets that carry something: one that is only a PCR may go on for a while. */
static uint64_t packets(const struct rig *rig, uint16_t pid)
{
    const struct rig_pid *of = &rig->checker->pids[pid];
    return of->scrambled + of->clear_payloads + of->short_payloads;
}

static uint64_t held(const struct rig *rig)
{
    struct simc__mux_status status;
    simc__mux_status(rig->mux, &status);
    return status.counters[SIMC__MUX_COUNTER_PACKETS_HELD];
}

/* The sentence of the alarm that is raised now; "" when it is not. */
static const char *alarm_text(const struct rig *rig)
{
    static struct simc__mux_alarm alarm;
    for (size_t i = 0; simc__mux_alarm_get(rig->mux, i, &alarm); i++)
        if (alarm.type == SIMC__MUX_ALARM_HELD_BACK)
            return alarm.text;
    return "";
}

static void expect_nothing(const struct rig *rig)
{
    ck_assert_uint_eq(packets(rig, RIG_VIDEO_PID), 0);
    ck_assert_uint_eq(packets(rig, RIG_AUDIO_PID), 0);
}

START_TEST(nothing_leaves_before_the_first_control_word)
{
    static const enum simc__mux_rate rates[] = {SIMC__MUX_CONSTANT, SIMC__MUX_VARIABLE,
                                                SIMC__MUX_REPLACE};
    for (size_t i = 0; i < UNIT_COUNT(rates); i++) {
        struct rig *rig = start(rates[i], SIMC__MUX_HOLD_UNTIL_SCRAMBLED);
        rig_run(rig, 1000);
        expect_nothing(rig);
        rig_define(rig, 1, 1, &ecm_pid, 1);
        rig_run(rig, 1000);
        rig_word(rig, 1, 1);
        rig_period(rig, 1, 1, ms(3000));
        rig_clear(rig, 1, ms(5000));
        expect_cp(rig, 1, ms(3000));
        rig_expect_clear(rig->checker, 1, ms(5000));
        rig_run(rig, 950);
        expect_nothing(rig);
        ck_assert_uint_gt(rig->checker->pmt_size[0], 0);
        ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID + 2].packets, 0);
        uint64_t before = held(rig);
        ck_assert_uint_gt(before, 1500);
        rig_run(rig, 1950);
        ck_assert_uint_ge(rig->checker->pids[RIG_VIDEO_PID].first_tick, ms(3000));
        ck_assert_uint_lt(rig->checker->pids[RIG_VIDEO_PID].first_tick, ms(3020));
        ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].clear_payloads, 0);
        ck_assert_uint_eq(rig->checker->pids[RIG_AUDIO_PID].clear_payloads, 0);
        /* The SCS orders that it is clear now. */
        rig_run(rig, 1500);
        ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID].clear_payloads, 100);
        ck_assert_uint_lt(held(rig), before + 150);
        ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_CLEAR), 1);
        rig->checker->pcr_tolerance = rates[i] == SIMC__MUX_REPLACE ? INT64_MAX : 0;
        rig_check_end(rig->checker);
        rig_free(rig);
    }
}
END_TEST

START_TEST(what_is_never_clear_is_not_clear_by_order_either)
{
    struct rig *rig = start(SIMC__MUX_CONSTANT, SIMC__MUX_HOLD_WHILE_CLEAR);
    rig_run(rig, 500);
    rig_define(rig, 1, 1, &ecm_pid, 1);
    for (uint16_t cp = 1; cp <= 2; cp++)
        rig_word(rig, 1, cp);
    rig_period(rig, 1, 1, ms(2000));
    rig_clear(rig, 1, ms(4000));
    rig_period(rig, 1, 2, ms(6000));
    expect_cp(rig, 1, ms(2000));
    rig_expect_clear(rig->checker, 1, ms(4000));
    expect_cp(rig, 2, ms(6000));
    rig_run(rig, 4000);
    uint64_t before = packets(rig, RIG_VIDEO_PID) + packets(rig, RIG_AUDIO_PID);
    uint64_t pmts = rig->checker->pids[RIG_PMT_PID].packets;
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_CLEAR), 1);
    rig_run(rig, 1400);
    ck_assert_uint_eq(packets(rig, RIG_VIDEO_PID) + packets(rig, RIG_AUDIO_PID), before);
    ck_assert_uint_gt(rig->checker->pids[RIG_PMT_PID].packets, pmts + 10);
    rig_run(rig, 1000);
    /* The SCS goes: the control word stays. */
    simc__mux_scs(rig->mux, false);
    before = packets(rig, RIG_VIDEO_PID);
    rig_run(rig, 2000);
    ck_assert_uint_gt(packets(rig, RIG_VIDEO_PID), before + 500);
    /* A definition with another cipher begins anew, a group that is removed does not begin. */
    ck_assert_int_eq(simc__mux_remove(rig->mux, 1), 0);
    before = packets(rig, RIG_VIDEO_PID) + packets(rig, RIG_AUDIO_PID);
    rig_run(rig, 1000);
    ck_assert_uint_eq(packets(rig, RIG_VIDEO_PID) + packets(rig, RIG_AUDIO_PID), before);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].clear_payloads, 0);
    ck_assert_uint_eq(rig->checker->pids[RIG_AUDIO_PID].clear_payloads, 0);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(another_cipher_and_a_removed_group_hold_back_again)
{
    struct rig *rig = start(SIMC__MUX_CONSTANT, SIMC__MUX_HOLD_UNTIL_SCRAMBLED);
    struct simc__scs_mux_scg_service service = {SIMC__SCS_MUX_ANY, SIMC__SCS_MUX_ANY, 1, 0, {0}};
    struct simc__scs_mux_scg scg = {.scg_id = 1,
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CSA2,
                                    .service_count = 1,
                                    .services = &service};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    rig_run(rig, 500);
    rig_define(rig, 1, 1, &ecm_pid, 1);
    rig_word(rig, 1, 1);
    rig_period(rig, 1, 1, ms(1000));
    expect_cp(rig, 1, ms(1000));
    rig_run(rig, 1500);
    uint64_t before = packets(rig, RIG_VIDEO_PID);
    ck_assert_uint_gt(before, 200);
    scg.scrambling_mode = SIMC_SCRAMBLING_MODE_IDSA;
    ck_assert_int_eq(simc__mux_define(rig->mux, &scg, &defined, &code, why), 0);
    rig_run(rig, 1000);
    ck_assert_uint_eq(packets(rig, RIG_VIDEO_PID), before);
    rig_define(rig, 1, 1, &ecm_pid, 1);
    rig_word(rig, 1, 2);
    rig_period(rig, 1, 2, ms(4000));
    expect_cp(rig, 2, ms(4000));
    rig_run(rig, 2000);
    ck_assert_uint_gt(packets(rig, RIG_VIDEO_PID), before + 200);
    ck_assert_int_eq(simc__mux_remove(rig->mux, 1), 0);
    before = packets(rig, RIG_VIDEO_PID);
    rig_run(rig, 1000);
    ck_assert_uint_eq(packets(rig, RIG_VIDEO_PID), before);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(a_component_that_no_scg_names_waits_for_the_others)
{
    struct rig *rig = start(SIMC__MUX_CONSTANT, SIMC__MUX_HOLD_WHILE_CLEAR);
    struct simc__scs_mux_scg_service service = {
        SIMC__SCS_MUX_ANY, SIMC__SCS_MUX_ANY, 1, 1, {RIG_VIDEO_PID}};
    struct simc__scs_mux_scg scg = {.scg_id = 1,
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .services = &service};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    rig_expect_clear(rig->checker, 2, 0);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 2);
    rig_run(rig, 1000);
    ck_assert_int_eq(simc__mux_define(rig->mux, &scg, &defined, &code, why), 0);
    rig_word(rig, 1, 1);
    rig_period(rig, 1, 1, ms(2000));
    expect_cp(rig, 1, ms(2000));
    rig_run(rig, 900);
    expect_nothing(rig);
    rig_run(rig, 1500);
    ck_assert_uint_ge(rig->checker->pids[RIG_AUDIO_PID].first_tick, ms(2000));
    ck_assert_uint_gt(rig->checker->pids[RIG_AUDIO_PID].clear_payloads, 50);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].clear_payloads, 0);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(a_service_says_it_for_itself_and_a_reload_changes_it)
{
    struct simc__mux_service_config services[2] = {
        {.service_id = 1, .hold = SIMC__MUX_HOLD_NOTHING},
        {.service_id = 2},
    };
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    char why[SIMC__MUX_TEXT_SIZE];
    config.choice = SIMC__MUX_SELECT;
    config.hold = SIMC__MUX_HOLD_WHILE_CLEAR;
    config.services = services;
    config.service_count = 2;
    struct rig *rig = rig_new(&config, 1500000, 2);
    rig_expect_clear(rig->checker, 1, 0);
    for (unsigned p = 0; p < 2; p++) {
        rig_expect_pid(rig->checker, (uint16_t)(RIG_VIDEO_PID + 0x10 * p), 1);
        rig_expect_pid(rig->checker, (uint16_t)(RIG_AUDIO_PID + 0x10 * p), 1);
    }
    rig_run(rig, 1500);
    const struct rig_pid *pids = rig->checker->pids;
    ck_assert_uint_gt(pids[RIG_VIDEO_PID].packets, 100);
    ck_assert_uint_eq(pids[RIG_VIDEO_PID + 0x10].packets, 0);
    struct simc__mux_service_status status;
    ck_assert_int_eq(simc__mux_service_status(rig->mux, 0, &status), 0);
    ck_assert(!status.is_held);
    ck_assert_int_eq(simc__mux_service_status(rig->mux, 1, &status), 0);
    ck_assert(status.is_held);
    services[0].hold = SIMC__MUX_HOLD_UNTIL_SCRAMBLED;
    services[1].hold = SIMC__MUX_HOLD_NOTHING;
    ck_assert_int_eq(simc__mux_change(rig->mux, &config, why), 0);
    uint64_t before = packets(rig, RIG_VIDEO_PID);
    rig_run(rig, 1500);
    ck_assert_uint_eq(packets(rig, RIG_VIDEO_PID), before);
    ck_assert_uint_gt(pids[RIG_VIDEO_PID + 0x10].packets, 100);
    services[0].hold = (enum simc__mux_hold)7;
    unit_expect_error(simc__mux_change(rig->mux, &config, why), SIMC_EINVAL);
    config.hold = (enum simc__mux_hold)7;
    unit_expect_error(simc__mux_change(rig->mux, &config, why), SIMC_EINVAL);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(the_alarm_says_what_is_missing)
{
    struct rig *rig = start(SIMC__MUX_CONSTANT, SIMC__MUX_HOLD_WHILE_CLEAR);
    rig_run(rig, 1500);
    ck_assert_str_eq(alarm_text(rig), ""); /* an SCS may take a moment */
    rig_run(rig, 3000);
    ck_assert_ptr_nonnull(strstr(alarm_text(rig), "1 services"));
    ck_assert_ptr_nonnull(strstr(alarm_text(rig), "0x0001"));
    ck_assert_ptr_nonnull(strstr(alarm_text(rig), "start scsd"));
    simc__mux_scs(rig->mux, true);
    rig_run(rig, 1000);
    ck_assert_ptr_nonnull(strstr(alarm_text(rig), "name it in an SCG"));
    rig_define(rig, 1, 1, &ecm_pid, 1);
    rig_run(rig, 1000);
    ck_assert_ptr_nonnull(strstr(alarm_text(rig), "no control word in force yet"));
    rig_word(rig, 1, 1);
    rig_period(rig, 1, 1, ms(7000));
    rig_clear(rig, 1, ms(9000));
    expect_cp(rig, 1, ms(7000));
    rig_run(rig, 2000);
    ck_assert_str_eq(alarm_text(rig), "");
    ck_assert(rig_has_alarm(rig, SIMC__MUX_ALARM_HELD_BACK, false));
    rig_run(rig, 4500);
    ck_assert_ptr_nonnull(strstr(alarm_text(rig), "ordered it to be clear"));
    rig_free(rig);
}
END_TEST

START_TEST(a_title_holds_back_too)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    config.is_file = true;
    config.scgs_awaited = 1;
    config.hold = SIMC__MUX_HOLD_UNTIL_SCRAMBLED;
    struct rig *rig = rig_new(&config, 1500000, 1);
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig_run_file(rig, 1);
    ck_assert_int_eq(rig->wait, SIMC__MUX_WAIT_SCS);
    rig_define(rig, 1, 1, &ecm_pid, 1);
    rig_word(rig, 1, 1);
    rig_period(rig, 1, 1, ms(1000));
    expect_cp(rig, 1, ms(1000));
    struct simc__scs_mux_order planned = {
        .type = SIMC__SCS_MUX_ORDER_PLANNED, .scg_id = 1, .start_tick = ms(4000)};
    rig_order(rig, &planned);
    rig_run_file(rig, ms(4000));
    ck_assert_uint_ge(rig->checker->pids[RIG_VIDEO_PID].first_tick, ms(1000));
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].clear_payloads, 0);
    ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID].scrambled, 500);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(tables_that_are_on_their_way_are_no_alarm)
{
    struct rig *rig = start(SIMC__MUX_CONSTANT, SIMC__MUX_HOLD_NOTHING);
    rig_expect_clear(rig->checker, 1, 0);
    rig_define(rig, 1, 1, &ecm_pid, 1);
    rig_define(rig, 2, 9, NULL, 1);
    rig_run(rig, 1900);
    ck_assert(!rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_SERVICE_GONE, true));
    rig_run(rig, 1500);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_SERVICE_GONE, true));
    for (uint32_t i = 0; i < rig->alarm_count; i++)
        if (rig->alarms[i].type == SIMC__SCS_MUX_ALARM_SERVICE_GONE)
            ck_assert_uint_eq(rig->alarms[i].scg_id, 2);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

Suite *suite_mux_hold(void);
Suite *suite_mux_hold(void)
{
    Suite *suite = suite_create("mux_hold");
    TCase *tests = tcase_create("held back");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, nothing_leaves_before_the_first_control_word);
    tcase_add_test(tests, what_is_never_clear_is_not_clear_by_order_either);
    tcase_add_test(tests, another_cipher_and_a_removed_group_hold_back_again);
    tcase_add_test(tests, a_component_that_no_scg_names_waits_for_the_others);
    tcase_add_test(tests, a_service_says_it_for_itself_and_a_reload_changes_it);
    tcase_add_test(tests, the_alarm_says_what_is_missing);
    tcase_add_test(tests, a_title_holds_back_too);
    tcase_add_test(tests, tables_that_are_on_their_way_are_no_alarm);
    suite_add_tcase(suite, tests);
    return suite;
}
