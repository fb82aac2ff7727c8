/* SPDX-License-Identifier: BSL-1.0 */
/* The synchroniser in memory: several CA systems, ECMGs that fail in all ways, restarts of each
 * side, reloads, policies. Run by the unit test runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scs/internal.h"
#include "unit/scs_world.h"

Suite *suite_scs(void);

enum { CP_MS = 1000, TICKS_PER_MS = 27000 };

/* Two streams of one CA system with a backup, and one of another with a backup. */
#define ECMG_A                                                                                  \
    "  - {name: a1, super_cas_id: 0x11110001, address: '127.0.0.1:1001', idle_test: 1s, test: " \
    "1s}\n"
#define ECMG_A_BACKUP                                                                   \
    "  - {name: a2, super_cas_id: 0x11110001, address: '127.0.0.1:1002', priority: 1, " \
    "idle_test: 1s, test: 1s}\n"
#define ECMG_B                                                                                  \
    "  - {name: b1, super_cas_id: 0x22220001, address: '127.0.0.1:2001', idle_test: 1s, test: " \
    "1s}\n"
#define ECMG_B_BACKUP                                                                   \
    "  - {name: b2, super_cas_id: 0x22220001, address: '127.0.0.1:2002', priority: 1, " \
    "idle_test: 1s, test: 1s}\n"
#define STREAMS                                                                   \
    "    streams:\n"                                                              \
    "      - {super_cas_id: 0x11110001, ecm_id: 10, access_criteria: 'a10101'}\n" \
    "      - {super_cas_id: 0x11110001, ecm_id: 11, access_criteria: 'a10102'}\n" \
    "      - {super_cas_id: 0x22220001, ecm_id: 12, required: false}\n"
#define SCG                             \
    "scgs:\n"                           \
    "  - id: 1\n"                       \
    "    services: [{service_id: 1}]\n" \
    "    crypto_period: 1s\n"           \
    "    margin: 2500ms\n" STREAMS
#define ALL "hold: 3s\necmgs:\n" ECMG_A ECMG_A_BACKUP ECMG_B ECMG_B_BACKUP SCG

static struct world *world;
static struct world_node *a1, *a2, *b1, *b2;

static void setup(void)
{
    world = world_new();
    world->has_mux = true;
    world->cp_ticks = CP_MS * TICKS_PER_MS;
    a1 = world_node(world, 1001);
    a2 = world_node(world, 1002);
    b1 = world_node(world, 2001);
    b2 = world_node(world, 2002);
    b1->announces.delay_start_ms = b2->announces.delay_start_ms = -500;
    b1->announces.delay_stop_ms = b2->announces.delay_stop_ms = 200;
    b1->announces.max_comp_time_ms = b2->announces.max_comp_time_ms = 400;
    b1->reply_ms = b2->reply_ms = 300;
}

static void teardown(void)
{
    world_free(world);
}

static void expect_clean(const char *what)
{
    const struct world_scg *scg = world_scg(world, 1);
    ck_assert_msg(scg->stretched == 0, "%s: %llu periods were stretched", what,
                  (unsigned long long)scg->stretched);
    ck_assert_msg(scg->late == 0, "%s: %llu orders came late", what, (unsigned long long)scg->late);
    ck_assert_msg(world_figure(world, "scs_late_ecms_total") == 0, "%s: ECMs were late", what);
    ck_assert_msg(world->unreserved == 0, "%s: CWs went to ECMGs before the mux had them", what);
}

static bool is_raised(enum simc__scs_alarm alarm)
{
    const struct simc__scs *scs = world->scs;
    uint32_t bit = (uint32_t)1 << alarm, raised = 0;
    for (size_t i = 0; i < scs->scg_count; i++) {
        raised |= scs->scgs[i]->alarms.raised;
        for (unsigned k = 0; k < scs->scgs[i]->stream_count; k++)
            raised |= scs->scgs[i]->streams[k].alarms.raised;
    }
    for (const struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next)
        raised |= ecmg->alarms.raised;
    return (raised & bit) != 0;
}

static unsigned alarm_count(void)
{
    return world->scs->alarm_counts[0] + world->scs->alarm_counts[1] + world->scs->alarm_counts[2];
}

static const char *server_of(unsigned stream)
{
    const struct simc__scs_lane *lane = world->scs->scgs[0]->streams[stream].active;
    return lane ? lane->channel->conf->name : "none";
}

/* ---- the good case ---- */

START_TEST(several_systems_with_other_delays_share_the_words)
{
    world_start(world, ALL);
    world_pass(world, 31 * CP_MS);
    const struct world_scg *scg = world_scg(world, 1);
    expect_clean("good ECMGs");
    ck_assert_uint_ge(scg->periods, 30);
    ck_assert_uint_ge(scg->ecms, 3 * 30);
    ck_assert_uint_ge(scg->windows, 3 * 30);
    ck_assert_uint_eq(scg->firsts, 1);
    ck_assert_uint_eq(alarm_count(), 0);
    ck_assert_str_eq(server_of(0), "a1");
    ck_assert_str_eq(server_of(2), "b1");
    /* The window of the second system begins half a second before the period. */
    ck_assert_uint_eq(scg->starts[scg->newest] - scg->open_ticks[2], 500 * TICKS_PER_MS);
    ck_assert_uint_eq(scg->open_ticks[0], scg->starts[scg->newest]);
    ck_assert_str_eq(a1->last_ac, "a10102");
    char why[SIMC__SCS_WHY_SIZE];
    ck_assert(simc__scs_is_ready(world->scs, why));
}
END_TEST

/* The first number behind a text in the status page, from an offset on. */
static long long number_behind(const char *page, const char *before, const char *text)
{
    const char *at = strstr(page, before);
    ck_assert_msg(at, "the status has no %s", before);
    at = strstr(at, text);
    ck_assert_msg(at, "the status has no %s behind %s", text, before);
    return strtoll(at + strlen(text), NULL, 10);
}

START_TEST(the_status_tells_margins)
{
    static uint8_t memory[65536];
    const char *page = (const char *)memory;
    world_start(world, ALL);
    world_pass(world, 10 * CP_MS);
    for (unsigned i = 0; i < 2; i++) {
        struct simc_writer out = simc_writer(memory, sizeof memory - 1);
        struct simc__json json;
        simc__json_init(&json, &out);
        simc__json_object(&json, NULL);
        simc__scs_status(world->scs, &json);
        simc__json_end(&json);
        unit_expect_error(simc__json_finish(&json), 0);
        memory[out.at] = '\0';
        size_t fault_at = 0;
        ck_assert(unit_json_is_valid(simc_slice(memory, out.at), &fault_at));
        static const char *const places[] = {"\"name\":\"a1\"", "\"ecm_id\":10", "\"ecm_id\":12"};
        for (unsigned k = 0; k < UNIT_COUNT(places); k++) {
            long long last = number_behind(page, places[k], "\"margin_ms\":{\"last\":");
            long long lowest = number_behind(page, places[k], "\"lowest\":");
            bool is_b = k == 2;
            /* What is asked for a margin and a reply time ahead comes back behind reply_ms. */
            long long usual = is_b ? 2500 + 900 - 300 : 2500 + 600 - 20;
            ck_assert_int_le(lowest, last);
            ck_assert_int_ge(last, usual - 100);
            ck_assert_int_le(last, usual + 100);
            if (i == 1 && !is_b)
                ck_assert_int_lt(lowest, usual - 400);
        }
        /* For a while the first system is slow, but not too slow. */
        a1->reply_ms = 550;
        world_pass(world, 3 * CP_MS);
        a1->reply_ms = 20;
        world_pass(world, 3 * CP_MS);
    }
    expect_clean("a slow ECMG");
}
END_TEST

START_TEST(standby_streams_are_open_and_idle)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_eq(a2->streams, 2);
    ck_assert_uint_eq(b2->streams, 1);
    ck_assert_uint_eq(a2->provisions, 0);
    ck_assert_uint_eq(
        world_figure(world, "scs_ecmg_standby_streams{ecmg=\"a2\",super_cas_id=\"0x11110001\"}"),
        2);
}
END_TEST

START_TEST(a_cold_backup_has_no_streams)
{
    world_start(world, "ecmgs:\n" ECMG_A
                       "  - {name: a2, super_cas_id: 0x11110001, address: '127.0.0.1:1002', "
                       "priority: 1, warm: false}\n" ECMG_B SCG);
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_eq(a2->streams, 0);
    a1->manner = WORLD_DEAD;
    world_break(world, a1);
    world_pass(world, 20 * CP_MS);
    ck_assert_str_eq(server_of(0), "a2");
    expect_clean("a cold backup");
}
END_TEST

/* ---- failures ---- */

static const struct failure {
    const char *what;
    enum world_manner manner;
    uint16_t status;
    bool breaks;
} failures[] = {
    {"killed", WORLD_DEAD, 0, true},
    {"stopped", WORLD_FROZEN, 0, false},
    {"half-open", WORLD_FROZEN, 0, false},
    {"silent", WORLD_SILENT, 0, false},
    {"slow", WORLD_SLOW, 0, false},
    {"wrong answers", WORLD_WRONG, 0, false},
    {"refuses with an unknown error", WORLD_REFUSES, 0x7000, false},
    {"refuses access criteria", WORLD_REFUSES, 0x0011, false},
    {"refuses for want of control words", WORLD_REFUSES, 0x000B, false},
    {"refuses as not enough", WORLD_REFUSES, 0x000D, false},
    {"gives the stream up", WORLD_REFUSES, 0x7001, false},
    {"does not know the stream", WORLD_REFUSES, 0x0007, false},
};

START_TEST(a_backup_takes_over_within_the_period)
{
    const struct failure *failure = &failures[_i];
    world_start(world, ALL);
    world_pass(world, 3 * CP_MS + 300);
    a1->manner = b1->manner = failure->manner;
    a1->status = b1->status = failure->status;
    a1->slow_ms = b1->slow_ms = 5000;
    if (failure->breaks) {
        world_break(world, a1);
        world_break(world, b1);
    }
    world_pass(world, 20 * CP_MS);
    expect_clean(failure->what);
    ck_assert_uint_ge(world_scg(world, 1)->periods, 22);
    ck_assert_uint_ge(world_scg(world, 1)->ecms, 3 * 22);
    ck_assert_msg(world_figure(world, "scs_switches_total") >= 3, "%s: nobody went to the backup",
                  failure->what);
}
END_TEST

START_TEST(the_preferred_one_is_taken_again_after_the_hold_only)
{
    world_start(world, ALL);
    world_pass(world, 3 * CP_MS);
    a1->manner = WORLD_DEAD;
    world_break(world, a1);
    world_pass(world, 2 * CP_MS);
    ck_assert_str_eq(server_of(0), "a2");
    ck_assert(is_raised(SIMC__SCS_ALARM_ON_BACKUP));
    ck_assert(is_raised(SIMC__SCS_ALARM_DOWN_SPARE));
    a1->manner = WORLD_GOOD;
    world_pass(world, 2 * CP_MS);
    /* It is back, but not for long enough. */
    ck_assert_str_eq(server_of(0), "a2");
    ck_assert(!is_raised(SIMC__SCS_ALARM_DOWN_SPARE));
    world_pass(world, 5 * CP_MS);
    ck_assert_str_eq(server_of(0), "a1");
    ck_assert_str_eq(server_of(1), "a1");
    ck_assert_uint_eq(alarm_count(), 0);
    ck_assert_uint_eq(world_figure(world, "scs_switches_total"), 4);
    expect_clean("there and back");
}
END_TEST

START_TEST(an_ecmg_that_comes_and_goes_does_not_make_streams_flap)
{
    world_start(world, ALL);
    world_pass(world, 3 * CP_MS);
    for (unsigned i = 0; i < 20; i++) {
        a1->manner = WORLD_DEAD;
        world_break(world, a1);
        world_pass(world, 700);
        a1->manner = WORLD_GOOD;
        world_pass(world, 1500);
    }
    expect_clean("restarts in a loop");
    ck_assert_str_eq(server_of(0), "a2");
    ck_assert_uint_eq(world_figure(world, "scs_switches_total"), 2);
}
END_TEST

START_TEST(a_dead_backup_raises_an_alarm_before_it_is_needed)
{
    world_start(world, ALL);
    world_pass(world, 3 * CP_MS);
    ck_assert_uint_eq(alarm_count(), 0);
    a2->manner = WORLD_FROZEN; /* the connection stands: only the tests can tell */
    world_pass(world, 4 * CP_MS);
    ck_assert(is_raised(SIMC__SCS_ALARM_DOWN_SPARE));
    ck_assert_str_eq(server_of(0), "a1");
    expect_clean("the backup is dead");
}
END_TEST

START_TEST(primes_the_new_ecmg)
{
    a1->announces.lead_cw = a2->announces.lead_cw = 2;
    a1->announces.cw_per_msg = a2->announces.cw_per_msg = 1;
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    uint64_t before = a2->provisions;
    a1->manner = WORLD_DEAD;
    world_break(world, a1);
    world_pass(world, 5 * CP_MS);
    expect_clean("priming");
    ck_assert_uint_eq(before, 0);
    ck_assert_uint_ge(
        world_figure(world, "scs_ecmg_primed_total{ecmg=\"a2\",super_cas_id=\"0x11110001\"}"), 4);
}
END_TEST

/* ---- policies ---- */

static void lose_all(void)
{
    a1->manner = a2->manner = WORLD_DEAD;
    world_break(world, a1);
    world_break(world, a2);
}

static void regain_all(void)
{
    a1->manner = a2->manner = WORLD_GOOD;
}

START_TEST(with_all_dead_the_word_stays)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    lose_all();
    world_pass(world, 20 * CP_MS);
    const struct world_scg *scg = world_scg(world, 1);
    uint64_t periods = scg->periods;
    ck_assert_uint_le(periods, 10);
    ck_assert(is_raised(SIMC__SCS_ALARM_STRETCHED));
    ck_assert(is_raised(SIMC__SCS_ALARM_NO_ECMG));
    ck_assert(is_raised(SIMC__SCS_ALARM_DOWN_LAST));
    ck_assert_uint_ge(world->scs->alarm_counts[SIMC__SCS_CRITICAL], 1);
    ck_assert_uint_eq(scg->clears, 0);
    ck_assert(scg->has_open[0]);
    char why[SIMC__SCS_WHY_SIZE];
    ck_assert(!simc__scs_is_ready(world->scs, why));
    regain_all();
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_ge(scg->periods, periods + 3);
    ck_assert_uint_eq(scg->stretched, 1);
    ck_assert(!is_raised(SIMC__SCS_ALARM_STRETCHED));
    ck_assert_uint_eq(scg->late, 0);
}
END_TEST

START_TEST(steps_of_the_policy_follow_each_other)
{
    world_start(world, ALL "    on_loss: [{action: keep, limit: 3s}, {action: cycle, limit: 4s}, "
                           "{action: silent, limit: 2s}, {action: clear}]\n");
    world->cp_ticks = 0;
    struct world_scg *scg = world_scg(world, 1);
    world_pass(world, 5 * CP_MS);
    lose_all();
    /* The plan reaches three seconds; then it is kept for three. */
    world_pass(world, 5500);
    uint64_t periods = scg->periods;
    ck_assert(is_raised(SIMC__SCS_ALARM_STRETCHED));
    ck_assert(!is_raised(SIMC__SCS_ALARM_LOSS));
    ck_assert_uint_eq(scg->clears, 0);
    ck_assert(scg->has_open[0]);
    /* Cycling: the older word comes again. The check of rising numbers is that of a new plan. */
    scg->has_newest = false;
    (void)periods;
    world_pass(world, 20 * CP_MS);
    ck_assert(is_raised(SIMC__SCS_ALARM_LOSS));
    ck_assert_uint_ge(scg->clears, 1);
    ck_assert(!scg->has_open[0]);
    scg->has_newest = false;
    regain_all();
    world_pass(world, 8 * CP_MS);
    ck_assert(!scg->is_clear);
    ck_assert_uint_ge(scg->firsts, 2);
}
END_TEST

START_TEST(a_system_that_is_not_required_stops_nobody)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    b1->manner = b2->manner = WORLD_DEAD;
    world_break(world, b1);
    world_break(world, b2);
    world_pass(world, 20 * CP_MS);
    const struct world_scg *scg = world_scg(world, 1);
    ck_assert_uint_eq(scg->stretched, 0);
    ck_assert_uint_ge(scg->periods, 24);
    ck_assert(is_raised(SIMC__SCS_ALARM_NO_ECMG));
    ck_assert(!is_raised(SIMC__SCS_ALARM_STRETCHED));
    b1->manner = WORLD_GOOD;
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_eq(scg->stretched, 0);
    ck_assert_str_eq(server_of(2), "b1");
    ck_assert(!is_raised(SIMC__SCS_ALARM_NO_ECMG));
}
END_TEST

/* ---- places at ECMGs ---- */

START_TEST(streams_spread_over_channels_when_max_streams_is_reached)
{
    a1->announces.max_streams = 1;
    world_start(world, "ecmgs:\n"
                       "  - {name: a1, super_cas_id: 0x11110001, address: '127.0.0.1:1001', "
                       "channels: 4}\n" ECMG_B SCG);
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_eq(a1->streams, 2);
    ck_assert_uint_eq(world->scs->ecmgs->next->channel_count + world->scs->ecmgs->channel_count, 3);
    expect_clean("two channels");
    ck_assert_uint_ge(world_scg(world, 1)->periods, 3);
}
END_TEST

START_TEST(equal_priorities_share_the_streams)
{
    world_start(world, "hold: 1s\necmgs:\n" ECMG_A
                       "  - {name: a2, super_cas_id: 0x11110001, address: '127.0.0.1:1002'}\n"
                       "  - {name: b1, super_cas_id: 0x22220001, address: '127.0.0.1:2001'}\n"
                       "scgs:\n"
                       "  - id: 1\n"
                       "    repeat: 8\n"
                       "    crypto_period: 1s\n"
                       "    streams: [{super_cas_id: 0x11110001, ecm_id: 10}]\n");
    world_pass(world, 10 * CP_MS);
    uint64_t one =
        world_figure(world, "scs_ecmg_active_streams{ecmg=\"a1\",super_cas_id=\"0x11110001\"}");
    uint64_t other =
        world_figure(world, "scs_ecmg_active_streams{ecmg=\"a2\",super_cas_id=\"0x11110001\"}");
    ck_assert_uint_eq(one + other, 8);
    ck_assert_uint_ge(one, 3);
    ck_assert_uint_ge(other, 3);
    a1->manner = WORLD_DEAD;
    world_break(world, a1);
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_eq(
        world_figure(world, "scs_ecmg_active_streams{ecmg=\"a2\",super_cas_id=\"0x11110001\"}"), 8);
    a1->manner = WORLD_GOOD;
    world_pass(world, 10 * CP_MS);
    one = world_figure(world, "scs_ecmg_active_streams{ecmg=\"a1\",super_cas_id=\"0x11110001\"}");
    ck_assert_uint_ge(one, 3);
    ck_assert_uint_eq(world_figure(world, "scs_stretched_total"), 0);
}
END_TEST

START_TEST(a_stream_that_is_refused_goes_elsewhere)
{
    a1->refuse_streams = 1;
    world_start(world, ALL);
    world_pass(world, 10 * CP_MS);
    expect_clean("0x000A");
    ck_assert_uint_eq(a1->streams, 1);
    ck_assert_uint_ge(world_scg(world, 1)->periods, 8);
    ck_assert_uint_ge(
        world_figure(world, "scs_ecmg_active_streams{ecmg=\"a2\",super_cas_id=\"0x11110001\"}"), 1);
}
END_TEST

START_TEST(version_two_is_tried_when_three_is_refused)
{
    a1->versions = 1u << 2;
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    ck_assert_str_eq(server_of(0), "a1");
    ck_assert_uint_eq(
        simc_session_version(world->scs->scgs[0]->streams[0].active->channel->session), 2);
    ck_assert_uint_ge(world_scg(world, 1)->periods, 3);
}
END_TEST

/* ---- restarts ---- */

START_TEST(a_restart_goes_on_with_the_plan)
{
    world_start(world, ALL);
    for (unsigned i = 0; i < 10; i++) {
        world_pass(world, 1300 + 170 * i);
        uint16_t before = world_scg(world, 1)->newest;
        world_restart(world, ALL);
        world_pass(world, 1500);
        /* take_period() of the world has compared numbers and words. */
        ck_assert_int_ge(simc_cp_distance(world_scg(world, 1)->newest, before), 1);
    }
    ck_assert_uint_eq(world_scg(world, 1)->firsts, 1);
    ck_assert_uint_eq(world_scg(world, 1)->clears, 0);
    expect_clean("restarts of the SCS");
}
END_TEST

START_TEST(a_mux_that_comes_back_has_all_it_needs)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    const struct world_scg *scg = world_scg(world, 1);
    uint64_t periods = scg->periods;
    world_mux_disconnect(world);
    ck_assert(is_raised(SIMC__SCS_ALARM_NO_MUX));
    world_pass(world, 1500);
    ck_assert_uint_eq(scg->periods, periods);
    /* Numbers have gone on meanwhile. */
    world_scg(world, 1)->has_newest = false;
    world_mux_connect(world);
    world_pass(world, 5 * CP_MS);
    ck_assert(!is_raised(SIMC__SCS_ALARM_NO_MUX));
    ck_assert_uint_ge(scg->periods, periods + 5);
    ck_assert_uint_eq(scg->firsts, 1);
    ck_assert_uint_eq(world->unreserved, 0);
}
END_TEST

START_TEST(without_its_mux_a_group_stops_asking)
{
    world_start(world, "mux_hold: 5s\n" ALL);
    world_pass(world, 5 * CP_MS);
    world_mux_disconnect(world);
    world_pass(world, 10 * CP_MS);
    uint64_t provisions = a1->provisions;
    world_pass(world, 10 * CP_MS);
    ck_assert_uint_eq(a1->provisions, provisions);
    world_scg(world, 1)->has_newest = false;
    world_mux_connect(world);
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_gt(a1->provisions, provisions);
    ck_assert_uint_eq(world_scg(world, 1)->firsts, 1);
    ck_assert_uint_eq(world->unreserved, 0);
}
END_TEST

START_TEST(a_new_timeline_begins_a_new_span)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    uint16_t newest = world_scg(world, 1)->newest;
    world_mux_disconnect(world);
    world->timeline_id++;
    world->tick_base = 99;
    memset(world_scg(world, 1), 0, sizeof(struct world_scg));
    memset(&world->plans[0], 0, sizeof world->plans[0]);
    world_mux_connect(world);
    world_pass(world, 5 * CP_MS);
    const struct world_scg *scg = world_scg(world, 1);
    ck_assert_uint_eq(scg->firsts, 1);
    ck_assert_uint_ge(scg->periods, 4);
    ck_assert_int_gt(simc_cp_distance(scg->newest, newest), 0);
    expect_clean("a new mux");
}
END_TEST

START_TEST(control_words_wait_for_a_mux_that_does_not_read)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    world->mux_is_frozen = true;
    world_pass(world, 2 * CP_MS);
    uint64_t provisions = a1->provisions;
    world_pass(world, 2 * CP_MS);
    ck_assert_uint_eq(a1->provisions, provisions);
    world->mux_is_frozen = false;
    world->cp_ticks = 0;
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_gt(a1->provisions, provisions);
    ck_assert_uint_eq(world->unreserved, 0);
}
END_TEST

/* ---- reload ---- */

START_TEST(a_reload_changes_access_criteria_at_a_boundary)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    ck_assert_int_eq(
        world_reload(world,
                     "hold: 3s\necmgs:\n" ECMG_A ECMG_A_BACKUP ECMG_B ECMG_B_BACKUP
                     "scgs:\n  - id: 1\n    services: [{service_id: 1}]\n"
                     "    crypto_period: 1s\n    margin: 2500ms\n    streams:\n"
                     "      - {super_cas_id: 0x11110001, ecm_id: 10, access_criteria: 'aa'}\n"
                     "      - {super_cas_id: 0x11110001, ecm_id: 11, access_criteria: 'bb'}\n"
                     "      - {super_cas_id: 0x22220001, ecm_id: 12, required: false}\n"),
        0);
    world_pass(world, 5 * CP_MS);
    ck_assert_str_eq(a1->last_ac, "bb");
    ck_assert_uint_eq(a1->setups, 2);
    expect_clean("other access criteria");
}
END_TEST

START_TEST(groups_come_and_go_without_disturbing_the_others)
{
    const char *two = ALL "  - id: 2\n    crypto_period: 2s\n    services: [{service_id: 2}]\n"
                          "    streams: [{super_cas_id: 0x11110001, ecm_id: 20}]\n";
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    ck_assert_int_eq(world_reload(world, two), 0);
    world_pass(world, 5 * CP_MS);
    ck_assert_uint_eq(world->scs->scg_count, 2);
    ck_assert(world_scg(world, 2)->is_defined);
    ck_assert_uint_ge(world_scg(world, 2)->periods, 2);
    ck_assert_int_eq(world_reload(world, ALL), 0);
    world_pass(world, 5 * CP_MS);
    ck_assert(!world_scg(world, 2)->is_defined);
    ck_assert_uint_eq(a1->streams, 2);
    ck_assert_uint_eq(world_scg(world, 1)->firsts, 1);
    expect_clean("the first group");
}
END_TEST

START_TEST(a_group_with_other_streams_goes_on_with_its_numbers)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    ck_assert_int_eq(
        world_reload(world,
                     "hold: 3s\necmgs:\n" ECMG_A ECMG_A_BACKUP ECMG_B ECMG_B_BACKUP
                     "scgs:\n  - id: 1\n    services: [{service_id: 1}]\n"
                     "    crypto_period: 1s\n    margin: 2500ms\n    streams:\n"
                     "      - {super_cas_id: 0x11110001, ecm_id: 11, access_criteria: 'bb'}\n"
                     "      - {super_cas_id: 0x11110001, ecm_id: 13}\n"),
        0);
    memset(world_scg(world, 1)->has_ecm, 1, sizeof world_scg(world, 1)->has_ecm);
    world_pass(world, 10 * CP_MS);
    ck_assert_uint_eq(world_scg(world, 1)->firsts, 1);
    ck_assert_uint_eq(a1->streams, 2);
    ck_assert_uint_ge(world_scg(world, 1)->periods, 14);
    ck_assert_uint_eq(b1->streams, 0);
}
END_TEST

START_TEST(an_ecmg_that_is_removed_gives_its_streams_away)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    ck_assert_int_eq(world_reload(world, "hold: 3s\necmgs:\n" ECMG_A_BACKUP ECMG_B SCG), 0);
    world_pass(world, 5 * CP_MS);
    ck_assert_str_eq(server_of(0), "a2");
    ck_assert_uint_eq(a1->streams, 0);
    expect_clean("the preferred ECMG is gone");
    ck_assert_int_eq(world_reload(world, ALL), 0);
    world_pass(world, 10 * CP_MS);
    ck_assert_str_eq(server_of(0), "a1");
    expect_clean("and there again");
}
END_TEST

START_TEST(another_period_holds_from_the_next_one_on)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    world->cp_ticks = 0;
    ck_assert_int_eq(world_reload(world,
                                  "hold: 3s\necmgs:\n" ECMG_A ECMG_A_BACKUP ECMG_B ECMG_B_BACKUP
                                  "scgs:\n  - id: 1\n"
                                  "    services: [{service_id: 1}]\n"
                                  "    crypto_period: 2s\n    margin: 2500ms\n" STREAMS),
                     0);
    world_pass(world, 12 * CP_MS);
    ck_assert_uint_eq(world_scg(world, 1)->lengths_ticks, 2 * CP_MS * TICKS_PER_MS);
    ck_assert_uint_eq(world_scg(world, 1)->late, 0);
}
END_TEST

/* ---- control words ---- */

START_TEST(weak_words_are_refused)
{
    struct simc_secret word = {.size = 8, .bytes = {1, 2, 3, 4, 5, 6, 7, 8}};
    struct simc_secret same = word;
    struct simc_secret half = {.size = 16, .bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
    struct simc_secret other = {.size = 16, .bytes = {1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23, 24}};
    struct simc_secret equal = {.size = 8, .bytes = {9, 9, 9, 9, 9, 9, 9, 9}};
    struct simc_secret few = {.size = 8, .bytes = {1, 2, 3, 1, 2, 3, 1, 2}};
    ck_assert(!simc__scs_word_is_weak(&word, NULL));
    ck_assert(simc__scs_word_is_weak(&word, &same));
    ck_assert(simc__scs_word_is_weak(&equal, NULL));
    ck_assert(simc__scs_word_is_weak(&few, NULL));
    ck_assert(!simc__scs_word_is_weak(&half, NULL));
    ck_assert(simc__scs_word_is_weak(&other, &half));
}
END_TEST

static int draw_constant(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    memset(bytes, 7, size);
    return 0;
}

START_TEST(words_come_from_the_source_and_can_be_reduced)
{
    struct simc_secret word, before = {0};
    const struct simc__scs_source constant = {draw_constant, NULL};
    for (unsigned i = 0; i < 1000; i++) {
        uint8_t size = i % 2 ? 8 : 16;
        ck_assert_int_eq(
            simc__scs_word_draw(&simc__scs_source_openssl, size, i % 4 == 1, &before, &word), 0);
        ck_assert_uint_eq(word.size, size);
        if (i % 4 == 1) {
            ck_assert_uint_eq(word.bytes[3],
                              (uint8_t)(word.bytes[0] + word.bytes[1] + word.bytes[2]));
            ck_assert_uint_eq(word.bytes[7],
                              (uint8_t)(word.bytes[4] + word.bytes[5] + word.bytes[6]));
        }
        before = word;
    }
    ck_assert_int_eq(simc__scs_word_draw(&constant, 8, false, NULL, &word), SIMC_EIO);
    ck_assert_uint_eq(word.size, 0);
    ck_assert_int_eq(simc__scs_word_draw(&constant, 7, false, NULL, &word), SIMC_EINVAL);
}
END_TEST

START_TEST(a_source_that_fails_for_a_while_is_asked_again)
{
    world_start(world, ALL);
    world_pass(world, 5 * CP_MS);
    world->source_fails = true;
    world_pass(world, 1500);
    ck_assert(is_raised(SIMC__SCS_ALARM_NO_CW));
    world->source_fails = false;
    world_pass(world, 5 * CP_MS);
    ck_assert(!is_raised(SIMC__SCS_ALARM_NO_CW));
    expect_clean("a source that pauses");
}
END_TEST

/* ---- file mode ---- */

START_TEST(a_file_is_planned_as_far_as_the_mux_grants)
{
    world->is_file = true;
    world->tick_base = 0;
    world->horizon_tick = UINT64_C(60) * 1000 * TICKS_PER_MS;
    world_start(world, ALL);
    /* The clock of the file stands until what is before it is planned. */
    for (unsigned i = 0; i < 200; i++) {
        world_pass(world, 100);
        struct world_scg *scg = world_scg(world, 1);
        if (scg->planned_tick == SIMC__SCS_MUX_OPEN || !scg->has_newest)
            continue;
        world->tick_base = scg->planned_tick;
        world->timeline_ms = world->now_ms;
    }
    ck_assert_uint_ge(world_scg(world, 1)->periods, 55);
    ck_assert_uint_ge(world_scg(world, 1)->planned_tick, UINT64_C(55) * 1000 * TICKS_PER_MS);
    ck_assert_uint_eq(world_scg(world, 1)->stretched, 0);
}
END_TEST

/* ---- the rest ---- */

START_TEST(tables_are_well_formed)
{
    char why[256];
    const struct simc__metric_table *tables[] = {&simc__scs_stats, &simc__scs_ecmg_stats,
                                                 &simc__scs_stream_stats};
    for (size_t i = 0; i < UNIT_COUNT(tables); i++)
        ck_assert_msg(simc__metric_table_check(tables[i], why) == 0, "%s", why);
    int error = simc__conf_table_check(&simc__scs_conf_table, why);
    ck_assert_msg(error == 0, "%s", error ? why : "");
}
END_TEST

static const struct bad {
    const char *yaml, *why;
} bads[] = {
    {"ecmgs: []\nscgs: []\n", "ecmgs"},
    {"ecmgs:\n" ECMG_A ECMG_A "scgs: []\n", "is there twice"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, streams: [{super_cas_id: 5, ecm_id: 1}]}]\n",
     "no entry of ecmgs has"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, streams: [{super_cas_id: 0x11110001, ecm_id: 1}, "
     "{super_cas_id: 0x11110001, ecm_id: 1}]}]\n",
     "is used by"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, repeat: 5, streams: [{super_cas_id: 0x11110001, ecm_id: "
     "1}]}, {id: 9, streams: [{super_cas_id: 0x11110001, ecm_id: 3}]}]\n",
     "is used by"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, repeat: 5, streams: [{super_cas_id: 0x11110001, ecm_id: "
     "1}]}, {id: 3, streams: [{super_cas_id: 0x11110001, ecm_id: 90}]}]\n",
     "its ids are those of"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, crypto_period: 1234ms, streams: [{super_cas_id: "
     "0x11110001, ecm_id: 1}]}]\n",
     "whole tenths"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, start: always, on_loss: [{action: clear}], streams: "
     "[{super_cas_id: 0x11110001, ecm_id: 1}]}]\n",
     "contradict"},
    {"ecmgs:\n" ECMG_A "scgs: [{id: 1, streams: [{super_cas_id: 0x11110001, ecm_id: 1, "
     "access_criteria: 'xyz'}]}]\n",
     "no hex text"},
    {"ecmgs:\n" ECMG_A
     "scgs: [{id: 1, streams: [{super_cas_id: 0x11110001, ecm_id: 1, pid: 5}]}]\n",
     "reserved"},
    {"ecmgs:\n" ECMG_A "link: {listen: '192.0.2.1:2231'}\nscgs: []\n", "allow_remote"},
};

START_TEST(bad_configurations_are_refused_with_a_reason)
{
    struct simc__scs_conf conf;
    struct simc__conf *owner = NULL;
    static struct simc__conf_faults faults;
    int error = simc__conf_load(&simc__scs_conf_table, simc_slice_text(bads[_i].yaml), "scsd.yaml",
                                &conf, &owner, &faults);
    ck_assert_int_eq(error, SIMC_ESYNTAX);
    bool is_told = false;
    for (size_t i = 0; i < faults.count; i++)
        is_told = is_told || strstr(faults.items[i].why, bads[_i].why) ||
                  strstr(faults.items[i].where, bads[_i].why);
    ck_assert_msg(is_told, "%s is not told, but: %s: %s", bads[_i].why, faults.items[0].where,
                  faults.items[0].why);
}
END_TEST

Suite *suite_scs(void)
{
    Suite *suite = suite_create("scs");
    TCase *tests = tcase_create("synchroniser");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, several_systems_with_other_delays_share_the_words);
    tcase_add_test(tests, the_status_tells_margins);
    tcase_add_test(tests, standby_streams_are_open_and_idle);
    tcase_add_test(tests, a_cold_backup_has_no_streams);
    tcase_add_loop_test(tests, a_backup_takes_over_within_the_period, 0, UNIT_COUNT(failures));
    tcase_add_test(tests, the_preferred_one_is_taken_again_after_the_hold_only);
    tcase_add_test(tests, an_ecmg_that_comes_and_goes_does_not_make_streams_flap);
    tcase_add_test(tests, a_dead_backup_raises_an_alarm_before_it_is_needed);
    tcase_add_test(tests, primes_the_new_ecmg);
    tcase_add_test(tests, with_all_dead_the_word_stays);
    tcase_add_test(tests, steps_of_the_policy_follow_each_other);
    tcase_add_test(tests, a_system_that_is_not_required_stops_nobody);
    tcase_add_test(tests, streams_spread_over_channels_when_max_streams_is_reached);
    tcase_add_test(tests, equal_priorities_share_the_streams);
    tcase_add_test(tests, a_stream_that_is_refused_goes_elsewhere);
    tcase_add_test(tests, version_two_is_tried_when_three_is_refused);
    tcase_add_test(tests, a_restart_goes_on_with_the_plan);
    tcase_add_test(tests, a_mux_that_comes_back_has_all_it_needs);
    tcase_add_test(tests, without_its_mux_a_group_stops_asking);
    tcase_add_test(tests, a_new_timeline_begins_a_new_span);
    tcase_add_test(tests, control_words_wait_for_a_mux_that_does_not_read);
    tcase_add_test(tests, a_reload_changes_access_criteria_at_a_boundary);
    tcase_add_test(tests, groups_come_and_go_without_disturbing_the_others);
    tcase_add_test(tests, a_group_with_other_streams_goes_on_with_its_numbers);
    tcase_add_test(tests, an_ecmg_that_is_removed_gives_its_streams_away);
    tcase_add_test(tests, another_period_holds_from_the_next_one_on);
    tcase_add_test(tests, weak_words_are_refused);
    tcase_add_test(tests, words_come_from_the_source_and_can_be_reduced);
    tcase_add_test(tests, a_source_that_fails_for_a_while_is_asked_again);
    tcase_add_test(tests, a_file_is_planned_as_far_as_the_mux_grants);
    tcase_add_test(tests, tables_are_well_formed);
    tcase_add_loop_test(tests, bad_configurations_are_refused_with_a_reason, 0, UNIT_COUNT(bads));
    suite_add_tcase(suite, tests);
    return suite;
}
