/* SPDX-License-Identifier: BSL-1.0 */
/* The property test of the mux's engine: random orders in random sequence, faults of the input and
 * an SCS that goes and comes, under a fake clock; what leaves keeps the rules. SIMC_MUX_RUNS sets
 * how many worlds there are, SIMC_MUX_SEED begins with another one, SIMC_MUX_VERBOSE prints
 * figures. A world that breaks a rule names its seed. */
#include "mux_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum {
    RUNS = 24,
    RUNS_SANITIZED = 4,
    TIMEOUT_S = 7200,
    STEPS = 60,
    WINDOWS = 512,
    REPETITION_MS = 50,
    ECM_PID = 0x600,
    BITRATE = 2000000,
};

/* What the test knows of a window of stream 0. */
struct span {
    uint16_t cp;
    uint64_t ordered, start, stop; /* `start` is later than ordered when the order was late */
    uint64_t packets;
};

struct figures {
    uint64_t runs, periods, clears, late, late_words, removals, definitions, away, silences, jumps,
        garbage, tables, again, conflicts, scrambled, ecms;
};

struct world {
    struct rig *rig;
    uint64_t seed, state;
    struct figures *figures;
    enum simc__mux_rate rate;
    enum simc__mux_hold hold;
    bool is_defined, is_away, has_pending, is_clear;
    bool has_word; /* the engine has that of the last period */
    unsigned away_steps;
    uint16_t cp;         /* of the last period ordered */
    uint64_t last_start; /* where it begins, or where scrambling ends */
    uint16_t pending_cp; /* whose word is still to come */
    uint64_t pending_start;
    unsigned streams;
    uint8_t mark; /* private data: changes with a definition */
    struct span spans[WINDOWS];
    unsigned span_count;
    bool has_open; /* the last window has no end so far */
};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t value = world->state;
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return (value ^ value >> 31) % below;
}

static bool chance(struct world *world, unsigned percent)
{
    return draw(world, 100) < percent;
}

static uint64_t ms(uint64_t value)
{
    return value * RIG_MS;
}

/* The next slot: what is ordered late begins there. */
static uint64_t tick_of(const struct world *world)
{
    struct simc__mux_status status;
    simc__mux_status(world->rig->mux, &status);
    /* In replacement it is known only with the next packet, which is behind the last one. */
    return status.tick + (status.tick == world->rig->checker->last_tick);
}

/* ---- orders ---- */

static void expect_cp(struct world *world, uint16_t cp, uint64_t tick)
{
    uint8_t cw[16];
    rig_cw(1, cp, cw);
    rig_expect_word(world->rig->checker, 1, tick, cp & 1, cw);
}

static void define(struct world *world)
{
    struct simc__scs_mux_scg_service service = {.original_network_id = SIMC__SCS_MUX_ANY,
                                                .transport_stream_id = SIMC__SCS_MUX_ANY,
                                                .service_id = 1};
    struct simc__scs_mux_stream streams[3] = {0};
    for (unsigned i = 0; i < world->streams; i++)
        streams[i] = (struct simc__scs_mux_stream){.stream = (uint8_t)i,
                                                   .super_cas_id = 0x4ad40000 + i,
                                                   .ecm_id = (uint16_t)(100 + i),
                                                   .pid = (uint16_t)(ECM_PID + i),
                                                   .private_size = 2,
                                                   .private_data = {world->mark, (uint8_t)i}};
    struct simc__scs_mux_scg scg = {.scg_id = 1,
                                    .name = "random",
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .stream_count = (uint8_t)world->streams,
                                    .services = &service,
                                    .streams = streams};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    int error = simc__mux_define(world->rig->mux, &scg, &defined, &code, why);
    ck_assert_msg(error == 0, "%s: %s", simc_error_name(error), why);
    world->is_defined = true;
    world->figures->definitions++;
}

static void window(struct world *world, const struct span *span)
{
    for (unsigned i = 0; i < world->streams; i++)
        rig_window(world->rig, 1, (uint8_t)i, span->cp, span->ordered, span->stop, REPETITION_MS);
}

/* The window that is open ends at a tick. */
static void close_open(struct world *world, uint64_t stop)
{
    struct span *last = world->span_count ? &world->spans[world->span_count - 1] : NULL;
    if (!world->has_open || !last)
        return;
    world->has_open = false;
    last->stop = stop > last->start ? stop : last->start + 1;
    window(world, last);
}

/* The orders of a period, in any sequence: the engine looks at them before the next packet. */
static void order_period(struct world *world, uint64_t start, bool is_late)
{
    struct rig *rig = world->rig;
    uint64_t tick = tick_of(world);
    uint64_t ordered = start - ms(draw(world, 200));
    bool has_word = is_late || chance(world, 85);
    unsigned parts[4] = {0, 1, 2, 3};
    world->cp++;
    if (!is_late && ordered < tick + ms(10))
        ordered = start;
    struct span *last = world->span_count ? &world->spans[world->span_count - 1] : NULL;
    if (last && ordered <= last->start)
        ordered = start;
    if (is_late)
        ordered = start;
    close_open(world, (is_late ? tick : ordered) + ms(draw(world, 100)));
    struct span *span = &world->spans[world->span_count++];
    *span = (struct span){
        .cp = world->cp, .ordered = ordered, .start = ordered, .stop = SIMC__SCS_MUX_OPEN};
    world->has_open = true;
    for (unsigned i = 0; i < 4; i++) {
        unsigned other = (unsigned)draw(world, 4), held = parts[i];
        parts[i] = parts[other];
        parts[other] = held;
    }
    for (unsigned i = 0; i < 4; i++) {
        if (parts[i] == 0 && has_word)
            rig_word(rig, 1, world->cp);
        for (unsigned s = 0; parts[i] == 1 && s < world->streams; s++)
            rig_ecm(rig, 1, (uint8_t)s, world->cp);
        if (parts[i] == 2)
            window(world, span);
        if (parts[i] == 3)
            rig_period(rig, 1, world->cp, start);
    }
    if (is_late)
        span->start = tick;
    world->last_start = start;
    world->is_clear = false;
    world->figures->periods++;
    world->has_word = has_word;
    if (has_word) {
        expect_cp(world, world->cp, is_late ? tick : start);
    } else {
        world->has_pending = true;
        world->pending_cp = world->cp;
        world->pending_start = start;
    }
}

static void order_next(struct world *world)
{
    uint64_t start = world->last_start + ms(300 + draw(world, 1200));
    uint64_t soon = tick_of(world) + ms(250);
    order_period(world, start > soon ? start : soon, false);
}

static void order_late(struct world *world)
{
    struct simc__mux_scg_status status;
    uint64_t tick = tick_of(world);
    ck_assert_int_eq(simc__mux_scg_status(world->rig->mux, 0, &status), 0);
    uint64_t start = tick - ms(60 + draw(world, 200));
    const struct span *last = world->span_count ? &world->spans[world->span_count - 1] : NULL;
    if (status.periods_ahead > 0 || start <= status.start_tick || start <= world->last_start ||
        (last && start <= last->start))
        return;
    order_period(world, start, true);
    world->last_start = tick;
    world->figures->late++;
}

static void order_clear(struct world *world)
{
    if (world->is_clear)
        return;
    uint64_t start = world->last_start + ms(300 + draw(world, 700));
    uint64_t soon = tick_of(world) + ms(250);
    start = start > soon ? start : soon;
    rig_clear(world->rig, 1, start);
    rig_expect_clear(world->rig->checker, 1, start);
    close_open(world, start + ms(20));
    world->last_start = start;
    world->is_clear = true;
    world->figures->clears++;
}

/* The word that was missing comes, in time or not. */
static void give_word(struct world *world)
{
    uint64_t tick = tick_of(world);
    bool is_late = world->pending_start < tick;
    rig_word(world->rig, 1, world->pending_cp);
    expect_cp(world, world->pending_cp, is_late ? tick : world->pending_start);
    world->has_pending = false;
    world->figures->late_words += is_late;
}

static void order_again(struct world *world)
{
    if (world->span_count == 0)
        return;
    rig_word(world->rig, 1, world->has_pending ? (uint16_t)(world->cp - 1) : world->cp);
    world->figures->again++;
}

static void order_other_word(struct world *world)
{
    if (!world->has_word)
        return;
    struct simc__scs_mux_order order = {
        .type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = 1, .cp = world->cp};
    if (world->has_pending || world->span_count == 0)
        return;
    ck_assert_int_eq(simc_secret_set(&order.cw, simc_slice("0123456789abcdef", 16)), 0);
    rig_order(world->rig, &order);
    world->figures->conflicts++;
}

/* The group goes: clear at once, and nothing that was ordered comes any more. */
static void remove_scg(struct world *world)
{
    uint64_t tick = tick_of(world);
    struct rig_checker *checker = world->rig->checker;
    ck_assert_int_eq(simc__mux_remove(world->rig->mux, 1), 0);
    while (checker->word_counts[1] > 0 &&
           checker->words[1][checker->word_counts[1] - 1].from_tick >= tick)
        checker->words[1][--checker->word_counts[1]].is_clear = false;
    rig_expect_clear(checker, 1, tick);
    while (world->span_count > 0 && world->spans[world->span_count - 1].start >= tick)
        world->span_count--;
    for (unsigned i = 0; i < world->span_count; i++)
        if (world->spans[i].stop > tick)
            world->spans[i].stop = tick;
    world->has_open = world->has_pending = world->is_defined = world->has_word = false;
    world->is_clear = true;
    world->last_start = tick;
    world->figures->removals++;
}

/* Streams come and go, private data changes: the periods go on. A new stream begins with the next
 * period. */
static void redefine(struct world *world)
{
    world->mark++;
    if (chance(world, 60))
        world->streams = 1 + (unsigned)draw(world, 3);
    define(world);
}

/* What a restarted SCS finds must be what was ordered. */
static void check_plan(struct world *world)
{
    struct simc__scs_mux_plan_scg plan;
    ck_assert_int_eq(simc__mux_plan(world->rig->mux, false, 0, &plan), 0);
    ck_assert_uint_eq(plan.scg_id, 1);
    ck_assert_uint_eq(plan.stream_count, world->streams);
    if (world->span_count > 0 && !world->has_pending)
        ck_assert_int_eq(plan.is_clear, world->is_clear);
    for (unsigned i = 0; i < plan.period_count; i++) {
        uint8_t cw[16];
        rig_cw(1, plan.periods[i].cp, cw);
        unit_expect_bytes(simc_secret_bytes(&plan.periods[i].cw), simc_slice(cw, sizeof cw));
    }
    simc__scs_mux_plan_scg_wipe(&plan);
}

static void orders(struct world *world)
{
    if (world->is_away) {
        if (world->away_steps-- > 0)
            return;
        world->is_away = false;
        simc__mux_scs(world->rig->mux, true);
        if (world->is_defined)
            check_plan(world);
    }
    if (!world->is_defined) {
        if (chance(world, 70))
            define(world);
        return;
    }
    if (world->has_pending) {
        if (chance(world, 50))
            give_word(world);
        return;
    }
    unsigned what = (unsigned)draw(world, 100);
    if (what < 6 && world->span_count > 0) {
        order_late(world);
    } else if (what < 12) {
        order_clear(world);
    } else if (what < 15) {
        remove_scg(world);
    } else if (what < 27) {
        redefine(world);
    } else if (what < 33) {
        order_again(world);
    } else if (what < 36) {
        order_other_word(world);
    } else if (what < 40) {
        world->is_away = true;
        world->away_steps = (unsigned)draw(world, 8);
        simc__mux_scs(world->rig->mux, false);
        world->figures->away++;
    }
    if (!world->is_defined || world->is_away)
        return;
    for (unsigned i = (unsigned)draw(world, 4);
         i > 0 && !world->has_pending && world->last_start < tick_of(world) + ms(6000); i--)
        order_next(world);
}

/* ---- faults of the input ---- */

/* Packets that belong to nobody, or to tables, and are nonsense. */
static void feed_garbage(struct world *world)
{
    static const uint16_t pids[] = {0, 0x11, RIG_PMT_PID, 0x1e00, 0x1e01};
    uint8_t packets[16 * 188];
    size_t taken;
    for (size_t i = 0; i < sizeof packets; i++)
        packets[i] = (uint8_t)draw(world, 256);
    for (size_t i = 0; i < 16; i++) {
        uint8_t *packet = packets + 188 * i;
        unsigned kind = (unsigned)draw(world, 4);
        if (kind == 0)
            continue; /* no sync byte, mostly */
        uint16_t pid = pids[draw(world, UNIT_COUNT(pids))];
        packet[0] = 0x47;
        packet[1] = (uint8_t)((packet[1] & 0x40) | pid >> 8 | (kind == 1 ? 0x80 : 0));
        packet[2] = (uint8_t)pid;
        packet[3] = (uint8_t)(0x10 | (packet[3] & 0xf));
    }
    for (size_t i = 0; i < 16; i++)
        if (packets[188 * i] == 0x47 && (packets[188 * i + 1] & 0x80) == 0 &&
            (packets[188 * i + 3] & 0xf0) != 0x10)
            packets[188 * i] = 0x46;
    ck_assert_int_eq(
        simc__mux_input_feed(world->rig->mux, 0, packets, 16, 188, world->rig->now_ns, &taken), 0);
    world->figures->garbage++;
}

static void faults(struct world *world)
{
    struct rig_stream *stream = &world->rig->stream;
    unsigned what = (unsigned)draw(world, 100);
    world->rig->is_silent = false;
    if (what < 8) {
        world->rig->is_silent = true;
        world->figures->silences++;
    } else if (what < 14) {
        stream->pcr_start =
            (stream->pcr_start + draw(world, UINT64_C(300) << 33)) % (UINT64_C(300) << 33);
        world->figures->jumps++;
    } else if (what < 24) {
        feed_garbage(world);
    } else if (what < 34) {
        stream->has_data = !stream->has_data;
        stream->pmt_version = (uint8_t)((stream->pmt_version + 1) % 32);
        world->figures->tables++;
    }
}

/* ---- rules ---- */

static void check_buffers(const struct world *world)
{
    struct simc__mux_input_status status;
    ck_assert_int_eq(simc__mux_input_status(world->rig->mux, 0, &status), 0);
    ck_assert_uint_le(status.buffered, status.buffer_count);
}

/* Each ECM within the newest window that has begun, and in each window at least one. */
static void check_ecms(struct world *world)
{
    const struct rig_checker *checker = world->rig->checker;
    for (uint32_t i = 0; i < checker->trace_count; i++) {
        uint64_t tick = checker->trace_ticks[i];
        struct span *newest = NULL;
        for (unsigned k = 0; k < world->span_count; k++)
            if (world->spans[k].start <= tick)
                newest = &world->spans[k];
        ck_assert_msg(
            newest && tick < newest->stop && checker->trace_tags[i] == (uint8_t)newest->cp,
            "the ECM of CP %u at %llu ms is outside of its window (CP %u, %llu..%llu)",
            checker->trace_tags[i], (unsigned long long)(tick / RIG_MS), newest ? newest->cp : 0,
            (unsigned long long)(newest ? newest->start / RIG_MS : 0),
            (unsigned long long)(newest ? newest->stop / RIG_MS : 0));
        newest->packets++;
    }
    for (unsigned k = 0; k < world->span_count; k++) {
        const struct span *span = &world->spans[k];
        uint64_t end = span->stop < checker->last_tick ? span->stop : checker->last_tick;
        if (k + 1 < world->span_count && world->spans[k + 1].start < end)
            end = world->spans[k + 1].start;
        if (end < span->start + ms(REPETITION_MS) * 2)
            continue;
        uint64_t wanted = (end - span->start) / ms(REPETITION_MS) - 1;
        /* Slots of an input that is away or jumps are missing, and with them those of ECMs. */
        bool has_all = world->rate == SIMC__MUX_REPLACE || span->packets >= wanted;
        ck_assert_msg(has_all && span->packets <= wanted + 2,
                      "CP %u: %llu ECMs in its window of %llu ms", span->cp,
                      (unsigned long long)span->packets,
                      (unsigned long long)((end - span->start) / RIG_MS));
        world->figures->ecms += span->packets;
    }
}

/* Slot n of a constant rate begins at floor(n * 188 * 8 * 27000000 / bitrate). */
static void check_rate(const struct world *world)
{
    const struct rig_checker *checker = world->rig->checker;
    if (world->rate != SIMC__MUX_CONSTANT)
        return;
    uint64_t n = checker->packets - 1;
    uint64_t wanted = n * 1504 / BITRATE * RIG_SECOND + n * 1504 % BITRATE * RIG_SECOND / BITRATE;
    ck_assert_uint_eq(checker->last_tick, wanted);
}

static void check_end(struct world *world)
{
    const struct rig_checker *checker = world->rig->checker;
    const struct rig_pid *video = &checker->pids[RIG_VIDEO_PID];
    struct simc__mux_status status;
    simc__mux_status(world->rig->mux, &status);
    rig_check_end(checker);
    check_ecms(world);
    check_rate(world);
    ck_assert_uint_eq(status.counters[SIMC__MUX_COUNTER_SLOTS_SKIPPED], 0);
    ck_assert_uint_eq(status.counters[SIMC__MUX_COUNTER_REPORTS_LOST], 0);
    if (world->hold == SIMC__MUX_HOLD_WHILE_CLEAR) {
        ck_assert_uint_eq(video->clear_payloads, 0);
        ck_assert_uint_eq(checker->pids[RIG_AUDIO_PID].clear_payloads, 0);
    }
    world->figures->scrambled += video->scrambled;
}

static void run(struct figures *figures, uint64_t seed)
{
    static const enum simc__mux_rate rates[] = {SIMC__MUX_CONSTANT, SIMC__MUX_VARIABLE,
                                                SIMC__MUX_CONSTANT, SIMC__MUX_REPLACE};
    struct world world = {.seed = seed, .state = seed, .figures = figures, .streams = 1};
    world.is_clear = true;
    world.rate = rates[seed % UNIT_COUNT(rates)];
    world.hold = (enum simc__mux_hold)(1 + draw(&world, 3));
    struct simc__mux_config config =
        rig_config(world.rate, world.rate == SIMC__MUX_REPLACE ? 0 : BITRATE);
    config.hold = world.hold;
    world.rig = rig_new(&config, 1500000, 1);
    struct rig *rig = world.rig;
    rig->stream.state = seed * 77 + 1;
    rig->checker->trace_pid = ECM_PID;
    rig->checker->pcr_tolerance = INT64_MAX;
    rig_expect_clear(rig->checker, 1, 0);
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig_run(rig, 500);
    for (unsigned i = 0; i < STEPS; i++) {
        orders(&world);
        faults(&world);
        rig_run(rig, 20 + draw(&world, 600));
        check_buffers(&world);
    }
    rig->is_silent = false;
    rig_run(rig, 3000);
    check_buffers(&world);
    check_end(&world);
    figures->runs++;
    rig_free(rig);
}

START_TEST(no_rule_is_broken_in_random_worlds)
{
    static struct figures figures;
    uint64_t runs = unit_number("SIMC_MUX_RUNS", UNIT_SANITIZED ? RUNS_SANITIZED : RUNS);
    uint64_t first = unit_number("SIMC_MUX_SEED", 1);
    for (uint64_t i = 0; i < runs; i++) {
        /* Check shows what a test wrote before it failed. */
        fprintf(stderr, "# mux_random: seed %llu\n", (unsigned long long)(first + i));
        run(&figures, first + i);
    }
    if (getenv("SIMC_MUX_VERBOSE"))
        printf("# runs %llu periods %llu clears %llu late %llu late words %llu removals %llu "
               "definitions %llu away %llu silences %llu jumps %llu garbage %llu tables %llu "
               "again %llu conflicts %llu scrambled %llu ecms %llu\n",
               (unsigned long long)figures.runs, (unsigned long long)figures.periods,
               (unsigned long long)figures.clears, (unsigned long long)figures.late,
               (unsigned long long)figures.late_words, (unsigned long long)figures.removals,
               (unsigned long long)figures.definitions, (unsigned long long)figures.away,
               (unsigned long long)figures.silences, (unsigned long long)figures.jumps,
               (unsigned long long)figures.garbage, (unsigned long long)figures.tables,
               (unsigned long long)figures.again, (unsigned long long)figures.conflicts,
               (unsigned long long)figures.scrambled, (unsigned long long)figures.ecms);
    if (runs < RUNS)
        return;
    /* The worlds must be such that everything happens. */
    ck_assert_uint_gt(figures.periods, 10 * runs);
    ck_assert_uint_gt(figures.scrambled, 1000 * runs);
    ck_assert_uint_gt(figures.ecms, 20 * runs);
    ck_assert_uint_gt(figures.clears, runs / 4);
    ck_assert_uint_gt(figures.late, runs / 8);
    ck_assert_uint_gt(figures.late_words, runs / 8);
    ck_assert_uint_gt(figures.removals, runs / 8);
    ck_assert_uint_gt(figures.definitions, runs);
    ck_assert_uint_gt(figures.away, runs / 4);
    ck_assert_uint_gt(figures.silences, runs);
    ck_assert_uint_gt(figures.jumps, runs);
    ck_assert_uint_gt(figures.garbage, runs);
    ck_assert_uint_gt(figures.tables, runs);
}
END_TEST

Suite *suite_mux_random(void);
Suite *suite_mux_random(void)
{
    Suite *suite = suite_create("mux_random");
    TCase *tests = tcase_create("worlds");
    tcase_set_timeout(tests, TIMEOUT_S);
    tcase_add_test(tests, no_rule_is_broken_in_random_worlds);
    suite_add_tcase(suite, tests);
    return suite;
}
