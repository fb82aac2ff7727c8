/* SPDX-License-Identifier: BSL-1.0 */
/* Tables of the scheduler: the worked examples of the standard's clauses, delays, durations,
 * policies, hand-over. test_sched_random.c tests the same rules in random worlds. */
#include <string.h>

#include "sched/sched.h"
#include "unit.h"

Suite *suite_sched(void);

enum { RUN_MAX = 512, MS = 27000, CP_MS = 10000 };

/* A scheduler with ECMGs that answer at once, and all actions that came. */
struct bed {
    struct simc__sched *sched;
    struct simc__sched_config config;
    struct simc__sched_ecmg ecmg;
    uint64_t now_ms;
    bool mute[4];   /* this stream's ECMG does not answer */
    bool refuses;   /* priming messages are answered 0x000B */
    bool keeps_cws; /* CWs are not given */
    struct simc__sched_action actions[RUN_MAX];
    unsigned count;
};

static struct bed bed_new(unsigned streams)
{
    struct bed bed;
    memset(&bed, 0, sizeof bed);
    bed.config.stream_count = (uint8_t)streams;
    bed.config.cw_size = 8;
    bed.config.first_cp = 100;
    bed.config.cp_100ms = CP_MS / 100;
    bed.config.air_lead_ms = 100;
    for (unsigned i = 0; i < streams; i++)
        bed.config.streams[i] = (struct simc__sched_stream_config){true, 1};
    bed.ecmg.status.lead_cw = 1;
    bed.ecmg.status.cw_per_msg = 2;
    bed.ecmg.status.max_comp_time_ms = 200;
    bed.ecmg.status.ecm_rep_period_ms = 100;
    bed.ecmg.allowance_ms = 300;
    bed.ecmg.nominal_cp_100ms = CP_MS / 100;
    bed.now_ms = 1000;
    return bed;
}

static void give(struct bed *bed, const struct simc__sched_action *action)
{
    for (unsigned i = 0; i < action->cw_count && !bed->keeps_cws; i++) {
        uint16_t cp = (uint16_t)(action->cp + i);
        struct simc_secret cw = {.size = 8, .bytes = {1, (uint8_t)(cp >> 8), (uint8_t)cp}};
        unit_expect_error(simc__sched_cw_set(bed->sched, cp, &cw), 0);
    }
}

static void answer(struct bed *bed, const struct simc__sched_action *action)
{
    bool wanted;
    if (bed->mute[action->stream])
        return;
    if (action->is_priming && bed->refuses) {
        unit_expect_error(
            simc__sched_no_ecm(bed->sched, action->stream, action->cp, SIMC__SCHED_NO_HISTORY), 0);
        return;
    }
    unit_expect_error(simc__sched_ecm(bed->sched, action->stream, action->cp, false, &wanted), 0);
    ck_assert_int_eq(wanted, !action->is_priming);
}

/* Obeys until nothing is due, and moves the clock until `end_ms`. */
static void bed_until(struct bed *bed, uint64_t end_ms)
{
    for (;;) {
        struct simc__sched_action action;
        bool any = false;
        simc__sched_run(bed->sched, bed->now_ms);
        while (simc__sched_next(bed->sched, &action)) {
            any = true;
            ck_assert_uint_lt(bed->count, RUN_MAX);
            bed->actions[bed->count++] = action;
            if (action.type == SIMC__SCHED_NEED_CW)
                give(bed, &action);
            else if (action.type == SIMC__SCHED_PROVIDE)
                answer(bed, &action);
        }
        uint64_t deadline = simc__sched_deadline_ms(bed->sched);
        if (any || deadline <= bed->now_ms)
            continue;
        if (deadline > end_ms) {
            bed->now_ms = end_ms;
            return;
        }
        bed->now_ms = deadline;
    }
}

/* The timeline begins at tick 0 at 1000 ms, and runs at its nominal rate. */
static void bed_begin(struct bed *bed)
{
    struct simc__sched_mapping mapping = {.tick = 0, .ms = 1000, .rate_hz = 27000000};
    unit_expect_error(simc__sched_new(&bed->config, &bed->sched), 0);
    simc__sched_timeline(bed->sched, &mapping);
    for (unsigned i = 0; i < bed->config.stream_count; i++)
        unit_expect_error(simc__sched_stream_up(bed->sched, i, &bed->ecmg), 0);
    simc__sched_start(bed->sched, 20000 * (uint64_t)MS);
}

static const struct simc__sched_action *bed_find(const struct bed *bed, int type, unsigned stream,
                                                 uint16_t cp, bool is_last)
{
    const struct simc__sched_action *found = NULL;
    for (unsigned i = 0; i < bed->count; i++) {
        const struct simc__sched_action *action = &bed->actions[i];
        if (action->type == type && action->stream == stream && action->cp == cp &&
            (!found || is_last))
            found = action;
    }
    return found;
}

static unsigned bed_alarms(const struct bed *bed, int alarm)
{
    unsigned count = 0;
    for (unsigned i = 0; i < bed->count; i++)
        count += bed->actions[i].type == SIMC__SCHED_ALARM && bed->actions[i].alarm == alarm &&
                 bed->actions[i].is_raised;
    return count;
}

static void expect_start(const struct bed *bed, uint16_t cp, int64_t start_ms)
{
    const struct simc__sched_action *action =
        bed_find(bed, SIMC__SCHED_PERIOD, SIMC__SCHED_NO_STREAM, cp, false);
    ck_assert_msg(action, "no period %d", cp);
    ck_assert_int_eq((int64_t)action->start_tick, start_ms * MS);
    ck_assert_int_eq(action->parity, cp & 1);
}

static void expect_window(const struct bed *bed, unsigned stream, uint16_t cp, int64_t start_ms,
                          int64_t stop_ms)
{
    const struct simc__sched_action *action = bed_find(bed, SIMC__SCHED_WINDOW, stream, cp, true);
    ck_assert_msg(action, "no window for ECM %d", cp);
    ck_assert_int_eq((int64_t)action->start_tick, start_ms * MS);
    ck_assert_int_eq((int64_t)action->stop_tick, stop_ms * MS);
}

/* ---- lead_CW and CW_per_msg [4.4] ---- */

struct words_row {
    uint8_t x, y;
    int first; /* of the message of CP n, from n */
    unsigned priming;
};

static const struct words_row words_rows[] = {
    {0, 1, 0, 0},   {0, 2, -1, 0},   {0, 3, -2, 0}, {1, 1, 1, 1}, {1, 2, 0, 0},
    {1, 3, -1, 0},  {2, 1, 2, 2},    {2, 2, 1, 1},  {2, 3, 0, 0}, {15, 1, 15, 15},
    {15, 16, 0, 0}, {0, 16, -15, 0}, {15, 8, 8, 8},
};

START_TEST(each_message_has_the_words_of_its_number)
{
    const struct words_row *row = &words_rows[_i];
    static const uint16_t firsts[] = {100, 65534, 0};
    for (unsigned i = 0; i < UNIT_COUNT(firsts) * 4; i++) {
        struct bed bed = bed_new(1);
        bool from_n = (i & 1) != 0;
        bed.refuses = (i & 2) != 0;
        bed.config.first_cp = firsts[i / 4];
        bed.ecmg.status.lead_cw = row->x;
        bed.ecmg.status.cw_per_msg = row->y;
        bed.ecmg.from_n = from_n;
        bed_begin(&bed);
        bed_until(&bed, 70000);
        unsigned priming = 0, messages = 0;
        uint16_t wanted = (uint16_t)(bed.config.first_cp - (from_n ? 0 : row->priming));
        for (unsigned j = 0; j < bed.count; j++) {
            const struct simc__sched_action *action = &bed.actions[j];
            if (action->type != SIMC__SCHED_PROVIDE)
                continue;
            ck_assert_uint_eq(action->cp, wanted);
            wanted++;
            int first = from_n ? 0 : row->first;
            ck_assert_uint_eq(action->cw_first, (uint16_t)(action->cp + first));
            ck_assert_uint_eq(action->cw_count, row->y);
            priming += action->is_priming;
            messages++;
        }
        ck_assert_uint_eq(priming, from_n ? 0 : row->priming);
        ck_assert_uint_ge(messages, priming + 4);
        for (uint16_t k = 0; k < 4; k++)
            expect_start(&bed, (uint16_t)(bed.config.first_cp + k), 20000 + k * CP_MS);
        ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_STRETCHED), 0);
        simc__sched_free(bed.sched);
    }
}
END_TEST

/* ---- delays and their precedence [4.2] ---- */

enum { ABSENT = 32767 };

struct delay_row {
    int16_t start, stop, ac_start, ac_stop, transition_start, transition_stop;
    /* From S(n) and E(n): the first ECM, an ordinary one, the last before other criteria, the first
     * with them, the last of all. */
    int first, plain_start, plain_stop, before, after, last;
};

static const struct delay_row delay_rows[] = {
    {0, 0, ABSENT, ABSENT, ABSENT, ABSENT, 0, 0, 0, 0, 0, 0},
    {-500, -500, ABSENT, ABSENT, ABSENT, ABSENT, -500, -500, -500, -500, -500, -500},
    {200, 200, ABSENT, ABSENT, ABSENT, ABSENT, 200, 200, 200, 200, 200, 200},
    {0, -300, ABSENT, ABSENT, ABSENT, ABSENT, 0, 0, -300, -300, 0, -300},
    {-500, 400, ABSENT, ABSENT, ABSENT, ABSENT, -500, -500, 400, 400, -500, 400},
    {-100, -100, -1500, ABSENT, ABSENT, ABSENT, -100, -100, -100, -100, -1500, -100},
    {-100, -100, ABSENT, -700, ABSENT, ABSENT, -100, -100, -100, -700, -100, -100},
    {100, 100, -1500, -1100, -2000, 1000, -2000, 100, 100, -1100, -1500, 1000},
    {200, 200, 200, 200, -500, 0, -500, 200, 200, 200, 200, 0},
    {-9900, -9900, -9900, 9900, -9900, 9900, -9900, -9900, -9900, 9900, -9900, 9900},
    {-20000, 20000, ABSENT, ABSENT, ABSENT, ABSENT, -9900, -9900, 9900, 9900, -9900, 9900},
};

static void set_delays(struct simc_ecmg_channel_status *status, const struct delay_row *row)
{
    status->delay_start_ms = row->start;
    status->delay_stop_ms = row->stop;
    status->has_ac_delay_start = row->ac_start != ABSENT;
    status->ac_delay_start_ms = row->ac_start;
    status->has_ac_delay_stop = row->ac_stop != ABSENT;
    status->ac_delay_stop_ms = row->ac_stop;
    status->has_transition_delay_start = row->transition_start != ABSENT;
    status->transition_delay_start_ms = row->transition_start;
    status->has_transition_delay_stop = row->transition_stop != ABSENT;
    status->transition_delay_stop_ms = row->transition_stop;
}

START_TEST(windows_follow_the_delays_by_precedence)
{
    const struct delay_row *row = &delay_rows[_i];
    struct bed bed = bed_new(2);
    set_delays(&bed.ecmg.status, row);
    bed_begin(&bed);
    bed_until(&bed, 21500);
    /* CP 103 begins with other criteria, CP 105 is the last one. */
    for (unsigned i = 0; i < 2; i++)
        unit_expect_error(
            simc__sched_access_criteria(bed.sched, i, 2, SIMC__SCHED_AT_TICK, 50000 * (uint64_t)MS),
            0);
    bed_until(&bed, 55000);
    simc__sched_stop(bed.sched, 80000 * (uint64_t)MS);
    bed_until(&bed, 200000);
    for (unsigned i = 0; i < 2; i++) {
        expect_window(&bed, i, 100, 20000 + row->first, 30000 + row->plain_stop);
        expect_window(&bed, i, 101, 30000 + row->plain_start, 40000 + row->plain_stop);
        expect_window(&bed, i, 102, 40000 + row->plain_start, 50000 + row->before);
        expect_window(&bed, i, 103, 50000 + row->after, 60000 + row->plain_stop);
        expect_window(&bed, i, 105, 70000 + row->plain_start, 80000 + row->last);
        ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_WINDOW, i, 106, false));
    }
    const struct simc__sched_action *clear =
        bed_find(&bed, SIMC__SCHED_CLEAR, SIMC__SCHED_NO_STREAM, 105, false);
    ck_assert_ptr_nonnull(clear);
    ck_assert_int_eq((int64_t)clear->start_tick, 80000ll * MS);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_CLAMPED), row->start == -20000 ? 2 : 0);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_STRETCHED), 0);
    simc__sched_free(bed.sched);
}
END_TEST

/* ---- durations ---- */

struct duration_row {
    uint16_t cp, min_cp, comp, allowance, nominal;
    bool raised;
};

static const struct duration_row duration_rows[] = {
    {100, 0, 200, 300, 100, false},     {100, 100, 200, 300, 100, false},
    {100, 150, 200, 300, 150, true},    {100, 0, 11000, 500, 115, true},
    {100, 0, 11001, 500, 116, true},    {10, 10, 0, 500, 15, true},
    {65535, 0, 200, 300, 65535, false}, {10, 65535, 200, 300, 65535, true},
};

START_TEST(periods_are_as_long_as_every_ecmg_needs)
{
    const struct duration_row *row = &duration_rows[_i];
    struct bed bed = bed_new(2);
    bed.config.cp_100ms = row->cp;
    bed.ecmg.nominal_cp_100ms = row->nominal;
    bed_begin(&bed);
    bed.ecmg.status.min_cp_duration_100ms = row->min_cp;
    bed.ecmg.status.max_comp_time_ms = row->comp;
    bed.ecmg.allowance_ms = row->allowance;
    unit_expect_error(simc__sched_stream_up(bed.sched, 1, &bed.ecmg), 0);
    struct simc__sched_status status;
    simc__sched_status(bed.sched, &status);
    ck_assert_uint_eq(status.nominal_100ms, row->nominal);
    bed_until(&bed, 21000 + row->nominal * 350u);
    for (uint16_t k = 0; k < 4; k++)
        expect_start(&bed, (uint16_t)(100 + k), 20000 + k * row->nominal * 100);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_CP_RAISED), row->raised);
    const struct simc__sched_action *provide = bed_find(&bed, SIMC__SCHED_PROVIDE, 1, 101, false);
    ck_assert(provide && !provide->has_cp_duration);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(a_nominal_change_waits_for_the_next_period)
{
    struct bed bed = bed_new(1);
    bed_begin(&bed);
    bed_until(&bed, 23000);
    unit_expect_error(simc__sched_cp_duration(bed.sched, 0), SIMC_EINVAL);
    unit_expect_error(simc__sched_cp_duration(bed.sched, 200), 0);
    bed_until(&bed, 80000);
    expect_start(&bed, 101, 30000);
    expect_start(&bed, 102, 50000);
    const struct simc__sched_action *provide = bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 101, false);
    ck_assert(provide->has_cp_duration && provide->cp_duration_100ms == 200);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(a_floor_of_others_raises_the_period_with_an_alarm)
{
    struct bed bed = bed_new(1);
    struct simc__sched_status status;
    bed_begin(&bed);
    simc__sched_cp_floor(bed.sched, 130);
    simc__sched_status(bed.sched, &status);
    ck_assert_uint_eq(status.nominal_100ms, 130);
    bed_until(&bed, 60000);
    expect_start(&bed, 100, 20000);
    expect_start(&bed, 101, 33000);
    expect_start(&bed, 102, 46000);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_CP_RAISED), 1);
    simc__sched_cp_floor(bed.sched, 0);
    bed_until(&bed, 120000);
    simc__sched_status(bed.sched, &status);
    ck_assert_uint_eq(status.nominal_100ms, 100);
    expect_start(&bed, 105, 82000);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(a_boundary_meets_an_event_by_a_longer_period)
{
    struct bed bed = bed_new(1);
    bed_begin(&bed);
    bed_until(&bed, 21500);
    unit_expect_error(
        simc__sched_access_criteria(bed.sched, 0, 2, SIMC__SCHED_AT_TICK, 55250 * (uint64_t)MS + 7),
        0);
    bed_until(&bed, 90000);
    expect_start(&bed, 102, 40000);
    const struct simc__sched_action *period =
        bed_find(&bed, SIMC__SCHED_PERIOD, SIMC__SCHED_NO_STREAM, 103, false);
    ck_assert_uint_eq(period->start_tick, 55250 * (uint64_t)MS + 7);
    const struct simc__sched_action *long_one = bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 102, false);
    ck_assert(long_one->has_cp_duration && long_one->cp_duration_100ms == 153);
    ck_assert(!long_one->send_ac && long_one->ac == 1);
    const struct simc__sched_action *changed = bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 103, false);
    ck_assert(changed->send_ac && changed->ac == 2 && !changed->has_cp_duration);
    simc__sched_free(bed.sched);
}
END_TEST

/* ---- requests ---- */

START_TEST(a_request_leaves_in_time)
{
    struct bed bed = bed_new(1);
    bed.config.margin_ms = 1000;
    bed.ecmg.status.delay_start_ms = -2000;
    bed_begin(&bed);
    bed_until(&bed, 26000);
    ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 101, false));
    /* S 30000 - 2000 - lead 100 - reply 500 - margin 1000, and the clock is 1000 ahead. */
    bed_until(&bed, 27399);
    ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 101, false));
    bed_until(&bed, 27400);
    const struct simc__sched_action *provide = bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 101, false);
    ck_assert_ptr_nonnull(provide);
    ck_assert_uint_eq(provide->latest_tick, 27400 * (uint64_t)MS);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(a_change_of_criteria_waits_for_answers_of_others)
{
    struct bed bed = bed_new(2);
    bool wanted;
    bed_begin(&bed);
    struct simc__sched_ecmg quick = bed.ecmg;
    bed.ecmg.status.max_comp_time_ms = 2000;
    quick.status.has_ac_delay_start = true;
    quick.status.ac_delay_start_ms = -1000;
    unit_expect_error(simc__sched_stream_up(bed.sched, 0, &bed.ecmg), 0);
    unit_expect_error(simc__sched_stream_up(bed.sched, 1, &quick), 0);
    bed_until(&bed, 28000);
    bed.mute[0] = true;
    bed_until(&bed, 28700);
    /* The slow ECMG has been asked for ECM 101, and may take until 29900. With other criteria of
     * the quick one, ECM 101 would have to be there by 28900. */
    ck_assert_ptr_nonnull(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 101, false));
    ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_PROVIDE, 1, 101, false));
    unit_expect_error(simc__sched_access_criteria(bed.sched, 1, 2, SIMC__SCHED_AT_BOUNDARY, 0), 0);
    bed_until(&bed, 30800);
    unit_expect_error(simc__sched_ecm(bed.sched, 0, 101, false, &wanted), 0);
    bed.mute[0] = false;
    bed_until(&bed, 60000);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_STRETCHED), 0);
    expect_start(&bed, 101, 30000);
    expect_start(&bed, 102, 40000);
    ck_assert_uint_eq(bed_find(&bed, SIMC__SCHED_PROVIDE, 1, 101, false)->ac, 1);
    ck_assert_uint_eq(bed_find(&bed, SIMC__SCHED_PROVIDE, 1, 102, false)->ac, 2);
    expect_window(&bed, 1, 102, 39000, 50000);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(criteria_are_sent_as_the_transfer_mode_says)
{
    for (unsigned mode = 0; mode < 2; mode++) {
        struct bed bed = bed_new(1);
        bed.ecmg.transfer_mode = mode != 0;
        bed_begin(&bed);
        bed_until(&bed, 60000);
        ck_assert(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 100, false)->send_ac);
        ck_assert_int_eq(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 101, false)->send_ac, mode != 0);
        simc__sched_stream_down(bed.sched, 0);
        unit_expect_error(simc__sched_stream_up(bed.sched, 0, &bed.ecmg), 0);
        bed_until(&bed, 90000);
        ck_assert(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 104, false)->send_ac);
        simc__sched_free(bed.sched);
    }
}
END_TEST

/* ---- policies ---- */

START_TEST(loss_goes_through_its_steps)
{
    struct bed bed = bed_new(1);
    bed.config.loss_count = 4;
    bed.config.loss[0] = (struct simc__sched_loss_step){SIMC__SCHED_LOSS_KEEP, 12000};
    bed.config.loss[1] = (struct simc__sched_loss_step){SIMC__SCHED_LOSS_CYCLE, 25000};
    bed.config.loss[2] = (struct simc__sched_loss_step){SIMC__SCHED_LOSS_SILENT, 30000};
    bed.config.loss[3] = (struct simc__sched_loss_step){SIMC__SCHED_LOSS_CLEAR, 0};
    bed_begin(&bed);
    bed_until(&bed, 35000);
    bed.mute[0] = true;
    bed_until(&bed, 300000);
    /* CP 102 should have begun at 40000; its decision was 100 ms before. KEEP for 12 s, then CP 100
     * and 101 in turns. */
    const struct simc__sched_action *again =
        bed_find(&bed, SIMC__SCHED_PERIOD, SIMC__SCHED_NO_STREAM, 100, true);
    ck_assert_uint_ge(again->start_tick, 52000 * (uint64_t)MS);
    const struct simc__sched_action *silent =
        bed_find(&bed, SIMC__SCHED_SILENT, SIMC__SCHED_NO_STREAM, 101, false);
    const struct simc__sched_action *clear =
        bed_find(&bed, SIMC__SCHED_CLEAR, SIMC__SCHED_NO_STREAM, 101, false);
    ck_assert(silent && clear);
    ck_assert_int_eq((int64_t)(clear->start_tick - silent->start_tick), 30000ll * MS);
    /* Recovery: a new span, with the number that follows. */
    bed.mute[0] = false;
    bed_until(&bed, 320000);
    const struct simc__sched_action *anew =
        bed_find(&bed, SIMC__SCHED_PERIOD, SIMC__SCHED_NO_STREAM, 102, false);
    ck_assert(anew && anew->is_first);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(each_period_has_the_whole_policy_on_loss)
{
    struct bed bed = bed_new(1);
    struct simc__sched_status status;
    bool wanted;
    bed.config.loss_count = 2;
    bed.config.loss[0] = (struct simc__sched_loss_step){SIMC__SCHED_LOSS_KEEP, 12000};
    bed.config.loss[1] = (struct simc__sched_loss_step){SIMC__SCHED_LOSS_SILENT, 0};
    bed_begin(&bed);
    bed_until(&bed, 35000);
    bed.mute[0] = true;
    bed_until(&bed, 45000);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_STRETCHED), 1);
    /* ECM 102 comes late. The ECMG of the next one needs it on air so early that the time to decide
     * on CP 103 has passed when CP 102 is put on air: KEEP begins anew, and nobody says that the
     * stretch were over. */
    unit_expect_error(simc__sched_ecm(bed.sched, 0, 102, false, &wanted), 0);
    bed.ecmg.status.delay_start_ms = -20000;
    unit_expect_error(simc__sched_stream_up(bed.sched, 0, &bed.ecmg), 0);
    simc__sched_cp_floor(bed.sched, 120);
    bed_until(&bed, 56999);
    expect_start(&bed, 102, 44100);
    simc__sched_status(bed.sched, &status);
    ck_assert(status.is_stretched && status.loss_step == 0);
    ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_SILENT, SIMC__SCHED_NO_STREAM, 102, false));
    bed_until(&bed, 57001);
    simc__sched_status(bed.sched, &status);
    ck_assert_int_eq(status.loss_step, 1);
    ck_assert_ptr_nonnull(bed_find(&bed, SIMC__SCHED_SILENT, SIMC__SCHED_NO_STREAM, 102, false));
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_STRETCHED), 1);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(a_late_ecm_stretches_and_moves_all_that_follows)
{
    struct bed bed = bed_new(2);
    bool wanted;
    bed.ecmg.status.delay_start_ms = -500;
    bed_begin(&bed);
    bed_until(&bed, 35000);
    bed.mute[1] = true;
    bed_until(&bed, 41300);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_STRETCHED), 1);
    ck_assert_uint_eq(bed_alarms(&bed, SIMC__SCHED_ALARM_LATE_ECM), 1);
    unit_expect_error(simc__sched_ecm(bed.sched, 1, 102, false, &wanted), 0);
    bed.mute[1] = false;
    bed_until(&bed, 60000);
    /* Tick of 41300 is 40300; + lead 100 + 500 for delay_start. */
    expect_start(&bed, 102, 40900);
    expect_window(&bed, 0, 101, 29500, 40900);
    expect_window(&bed, 1, 102, 40400, 50900);
    expect_start(&bed, 103, 50900);
    simc__sched_free(bed.sched);
}
END_TEST

struct start_row {
    enum simc__sched_start start;
    bool up[2], required[2], starts;
};

static const struct start_row start_rows[] = {
    {SIMC__SCHED_START_ALL, {true, true}, {false, false}, true},
    {SIMC__SCHED_START_ALL, {true, false}, {false, false}, false},
    {SIMC__SCHED_START_ANY, {true, false}, {false, false}, true},
    {SIMC__SCHED_START_ANY, {true, false}, {false, true}, false},
    {SIMC__SCHED_START_ANY, {false, false}, {false, false}, false},
    {SIMC__SCHED_START_ALWAYS, {false, false}, {true, true}, true},
    {SIMC__SCHED_START_NEVER, {true, true}, {true, true}, false},
};

START_TEST(scrambling_starts_as_the_policy_says)
{
    const struct start_row *row = &start_rows[_i];
    struct bed bed = bed_new(2);
    bed.config.start = row->start;
    for (unsigned i = 0; i < 2; i++)
        bed.config.streams[i].required = row->required[i];
    bed_begin(&bed);
    for (unsigned i = 0; i < 2; i++) {
        if (!row->up[i])
            simc__sched_stream_down(bed.sched, i);
    }
    bed_until(&bed, 40000);
    const struct simc__sched_action *period =
        bed_find(&bed, SIMC__SCHED_PERIOD, SIMC__SCHED_NO_STREAM, 100, false);
    ck_assert_int_eq(period != NULL, row->starts);
    simc__sched_free(bed.sched);
}
END_TEST

/* ---- hand-over ---- */

START_TEST(a_successor_goes_on_with_the_plan)
{
    struct simc__sched_plan plan;
    struct bed bed = bed_new(2);
    bed_begin(&bed);
    bed_until(&bed, 45000);
    simc__sched_export(bed.sched, &plan);
    simc__sched_free(bed.sched);
    ck_assert_uint_gt(plan.period_count, 2);
    ck_assert_uint_eq(plan.ecm_count, 2);
    bed.config.first_cp = 7;
    unit_expect_error(simc__sched_new(&bed.config, &bed.sched), 0);
    unit_expect_error(simc__sched_import(bed.sched, &plan), 0);
    struct simc__sched_mapping mapping = {.tick = 44000ull * MS, .ms = 45000, .rate_hz = 27000000};
    simc__sched_timeline(bed.sched, &mapping);
    for (unsigned i = 0; i < 2; i++)
        unit_expect_error(simc__sched_stream_up(bed.sched, i, &bed.ecmg), 0);
    bed.count = 0;
    bed_until(&bed, 70000);
    expect_start(&bed, 103, 50000);
    expect_start(&bed, 104, 60000);
    /* CW 103 was published by ECM 102 already: nobody is asked for it again. */
    ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_NEED_CW, SIMC__SCHED_NO_STREAM, 103, false));
    expect_window(&bed, 0, 102, 40000, 50000);
    simc__sched_free(bed.sched);
    plan.periods[1].cp++;
    unit_expect_error(simc__sched_new(&bed.config, &bed.sched), 0);
    unit_expect_error(simc__sched_import(bed.sched, &plan), SIMC_EINVAL);
    plan.periods[1].cp--;
    plan.ecms[0].stream = 2;
    unit_expect_error(simc__sched_import(bed.sched, &plan), SIMC_EINVAL);
    plan.ecms[0].stream = 0;
    plan.periods[0].cw.size = 16;
    unit_expect_error(simc__sched_import(bed.sched, &plan), SIMC_EINVAL);
    simc__sched_free(bed.sched);
    simc__sched_plan_wipe(&plan);
}
END_TEST

/* ---- bad input, memory ---- */

START_TEST(bad_input_is_refused)
{
    struct bed bed = bed_new(1);
    bool wanted;
    struct simc_secret cw = {.size = 8, .bytes = {9}};
    struct simc__sched *none;
    struct simc__sched_config bad = bed.config;
    bad.stream_count = 33;
    unit_expect_error(simc__sched_new(&bad, &none), SIMC_EINVAL);
    bad = bed.config;
    bad.cw_size = 17;
    unit_expect_error(simc__sched_new(&bad, &none), SIMC_EINVAL);
    bad = bed.config;
    bad.cp_100ms = 0;
    unit_expect_error(simc__sched_new(&bad, &none), SIMC_EINVAL);
    bad = bed.config;
    bad.start = SIMC__SCHED_START_ALWAYS;
    bad.loss_count = 1;
    bad.loss[0].action = SIMC__SCHED_LOSS_CLEAR;
    unit_expect_error(simc__sched_new(&bad, &none), SIMC_EINVAL);
    bed_begin(&bed);
    bed_until(&bed, 25000);
    unit_expect_error(simc__sched_stream_up(bed.sched, 1, &bed.ecmg), SIMC_ENOTFOUND);
    bed.ecmg.status.cw_per_msg = 0;
    unit_expect_error(simc__sched_stream_up(bed.sched, 0, &bed.ecmg), SIMC_EUNSUPPORTED);
    bed.ecmg.status.cw_per_msg = 17;
    unit_expect_error(simc__sched_stream_up(bed.sched, 0, &bed.ecmg), SIMC_EUNSUPPORTED);
    bed.ecmg.status.cw_per_msg = 1;
    bed.ecmg.status.lead_cw = 16;
    unit_expect_error(simc__sched_stream_up(bed.sched, 0, &bed.ecmg), SIMC_EUNSUPPORTED);
    unit_expect_error(simc__sched_ecm(bed.sched, 0, 100, false, &wanted), SIMC_ENOTFOUND);
    unit_expect_error(simc__sched_ecm(bed.sched, 99, 100, false, &wanted), SIMC_ENOTFOUND);
    unit_expect_error(simc__sched_no_ecm(bed.sched, 0, 99, SIMC__SCHED_REFUSED), SIMC_ENOTFOUND);
    unit_expect_error(simc__sched_cw_set(bed.sched, 100, &cw), SIMC_EPROTO);
    unit_expect_error(simc__sched_cw_set(bed.sched, 30000, &cw), SIMC_ENOTFOUND);
    unit_expect_error(simc__sched_cw_get(bed.sched, 30000, &cw), SIMC_ENOTFOUND);
    simc__sched_free(bed.sched);
    simc__sched_free(NULL);
}
END_TEST

static int make_and_free(void *context)
{
    const struct bed *bed = context;
    struct simc__sched *sched;
    int error = simc__sched_new(&bed->config, &sched);
    simc__sched_free(sched);
    return error;
}

START_TEST(memory_is_small_and_taken_once)
{
    struct bed bed = bed_new(2);
    ck_assert_uint_eq(unit_fail_each_allocation(make_and_free, &bed, true), 1);
    unit_alloc_start(0);
    bed_begin(&bed);
    bed_until(&bed, 100000);
    ck_assert_uint_eq(unit_alloc_count(), 1);
    ck_assert_uint_lt(simc__sched_memory(bed.sched), 6000);
    simc__sched_free(bed.sched);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

START_TEST(nothing_is_lost_when_actions_are_pulled_late)
{
    struct bed bed = bed_new(2);
    bed.config.margin_ms = 200000;
    bed_begin(&bed);
    /* One action for each call: the queue is full again and again. */
    unsigned periods = 0, closed = 0;
    for (unsigned i = 0; i < 3000; i++) {
        struct simc__sched_action action;
        simc__sched_run(bed.sched, bed.now_ms);
        if (!simc__sched_next(bed.sched, &action)) {
            bed.now_ms = simc__sched_deadline_ms(bed.sched);
            continue;
        }
        if (action.type == SIMC__SCHED_NEED_CW)
            give(&bed, &action);
        else if (action.type == SIMC__SCHED_PROVIDE)
            answer(&bed, &action);
        periods += action.type == SIMC__SCHED_PERIOD;
        closed += action.type == SIMC__SCHED_WINDOW && action.stop_tick != SIMC__SCHED_OPEN;
    }
    ck_assert_uint_gt(periods, 100);
    ck_assert_uint_ge(closed, 2 * (periods - 1));
    struct simc__sched_status status;
    simc__sched_status(bed.sched, &status);
    ck_assert_int_le(simc_cp_distance(status.cp, status.air_cp), SIMC__SCHED_AHEAD_MAX);
    simc__sched_free(bed.sched);
}
END_TEST

START_TEST(a_file_is_planned_up_to_its_horizon)
{
    struct bed bed = bed_new(1);
    bed_begin(&bed);
    struct simc__sched_mapping mapping = {
        .tick = 0, .ms = 1000, .rate_hz = 0, .horizon_tick = 65000ull * MS};
    simc__sched_timeline(bed.sched, &mapping);
    bed_until(&bed, 5000);
    expect_start(&bed, 104, 60000);
    ck_assert_ptr_null(bed_find(&bed, SIMC__SCHED_PROVIDE, 0, 105, false));
    simc__sched_free(bed.sched);
}
END_TEST

Suite *suite_sched(void)
{
    Suite *suite = suite_create("sched");
    TCase *tables = tcase_create("tables");
    tcase_set_timeout(tables, 60);
    tcase_add_loop_test(tables, each_message_has_the_words_of_its_number, 0,
                        (int)UNIT_COUNT(words_rows));
    tcase_add_loop_test(tables, windows_follow_the_delays_by_precedence, 0,
                        (int)UNIT_COUNT(delay_rows));
    tcase_add_loop_test(tables, periods_are_as_long_as_every_ecmg_needs, 0,
                        (int)UNIT_COUNT(duration_rows));
    tcase_add_loop_test(tables, scrambling_starts_as_the_policy_says, 0,
                        (int)UNIT_COUNT(start_rows));
    tcase_add_test(tables, a_nominal_change_waits_for_the_next_period);
    tcase_add_test(tables, a_floor_of_others_raises_the_period_with_an_alarm);
    tcase_add_test(tables, a_boundary_meets_an_event_by_a_longer_period);
    tcase_add_test(tables, a_request_leaves_in_time);
    tcase_add_test(tables, a_change_of_criteria_waits_for_answers_of_others);
    tcase_add_test(tables, criteria_are_sent_as_the_transfer_mode_says);
    tcase_add_test(tables, loss_goes_through_its_steps);
    tcase_add_test(tables, each_period_has_the_whole_policy_on_loss);
    tcase_add_test(tables, a_late_ecm_stretches_and_moves_all_that_follows);
    tcase_add_test(tables, a_successor_goes_on_with_the_plan);
    tcase_add_test(tables, bad_input_is_refused);
    tcase_add_test(tables, memory_is_small_and_taken_once);
    tcase_add_test(tables, nothing_is_lost_when_actions_are_pulled_late);
    tcase_add_test(tables, a_file_is_planned_up_to_its_horizon);
    suite_add_tcase(suite, tables);
    return suite;
}
