/* SPDX-License-Identifier: BSL-1.0 */
/* The world of the scheduler: what ECMGs, mux and operator do, by chance but reproducibly. Every
 * action goes to the checker (test_sched_check.c) first. test_sched_random.c makes the worlds. */
#include "test_sched_world.h"

#include <string.h>

enum { OUTCOME_ECM, OUTCOME_EMPTY, OUTCOME_ERROR, OUTCOME_NO_HISTORY, OUTCOME_MUTE };
enum { SPIN_MAX = 400 };

static uint64_t below(struct world *world, uint64_t limit)
{
    return unit_random_below(&world->random, limit);
}

static bool chance(struct world *world, unsigned percent)
{
    return below(world, 100) < percent;
}

static int16_t delay(struct world *world, uint32_t most_ms)
{
    uint64_t most = most_ms > 32767 ? 32767 : most_ms;
    return (int16_t)((int64_t)below(world, 2 * most + 1) - (int64_t)most);
}

/* ---- what there is ---- */

static void make_loss(struct world *world)
{
    struct simc__sched_config *config = &world->config;
    config->loss_count = (uint8_t)below(world, 4);
    for (unsigned i = 0; i < config->loss_count; i++) {
        struct simc__sched_loss_step *loss = &config->loss[i];
        loss->action = (enum simc__sched_loss)below(world, 4);
        loss->limit_ms = (uint32_t)below(world, 4 * config->cp_100ms * 100u + 1);
        if (config->start == SIMC__SCHED_START_ALWAYS && loss->action == SIMC__SCHED_LOSS_CLEAR)
            loss->action = SIMC__SCHED_LOSS_KEEP;
    }
}

static void make_config(struct world *world)
{
    struct simc__sched_config *config = &world->config;
    memset(config, 0, sizeof *config);
    config->stream_count = (uint8_t)(1 + below(world, WORLD_STREAMS));
    config->cw_size = 8;
    config->first_cp =
        (uint16_t)(chance(world, 50) ? 65520 + below(world, 16) : below(world, 65536));
    config->cp_100ms = (uint16_t)(10 + below(world, 190));
    if (chance(world, 3))
        config->cp_100ms = (uint16_t)(1 + below(world, 65535));
    uint32_t cp_ms = config->cp_100ms * 100u;
    config->air_lead_ms = (uint32_t)below(world, 1 + cp_ms / 8);
    config->margin_ms =
        (uint32_t)(chance(world, 50) ? below(world, cp_ms) : below(world, 20 * (uint64_t)cp_ms));
    config->retry_ms = (uint32_t)(20 + below(world, cp_ms));
    config->start_wait_ms = (uint32_t)below(world, cp_ms);
    config->start = (enum simc__sched_start)below(world, 3);
    make_loss(world);
    for (unsigned i = 0; i < config->stream_count; i++)
        config->streams[i] = (struct simc__sched_stream_config){chance(world, 50), 1};
}

static void make_ecmg(struct world *world, struct world_ecmg *ecmg)
{
    struct simc__sched_ecmg *announced = &ecmg->announced;
    struct simc_ecmg_channel_status *status = &announced->status;
    uint32_t cp_ms = world->config.cp_100ms * 100u;
    uint32_t reach = world->calm ? cp_ms / 8 : chance(world, 10) ? 32767 : cp_ms;
    memset(announced, 0, sizeof *announced);
    status->lead_cw = (uint8_t)below(world, chance(world, 10) ? 16 : 4);
    status->cw_per_msg = (uint8_t)(1 + below(world, chance(world, 10) ? 16 : 4));
    status->delay_start_ms = delay(world, reach);
    status->delay_stop_ms = chance(world, 30) ? status->delay_start_ms : delay(world, reach);
    status->has_ac_delay_start = chance(world, 50);
    status->has_ac_delay_stop = chance(world, 50);
    status->has_transition_delay_start = chance(world, 50);
    status->has_transition_delay_stop = chance(world, 50);
    status->ac_delay_start_ms = delay(world, reach);
    status->ac_delay_stop_ms = delay(world, reach);
    status->transition_delay_start_ms = delay(world, reach);
    status->transition_delay_stop_ms = delay(world, reach);
    status->ecm_rep_period_ms = (uint16_t)(chance(world, 10) ? 0 : below(world, 500));
    status->min_cp_duration_100ms = (uint16_t)below(world, world->config.cp_100ms + 20u);
    uint32_t comp = (uint32_t)(50 + below(world, world->calm ? cp_ms / 16 + 1 : cp_ms));
    status->max_comp_time_ms = (uint16_t)(comp > 65535 ? 65535 : comp);
    announced->allowance_ms = (uint32_t)(50 + below(world, cp_ms / 16 + 1));
    announced->transfer_mode = chance(world, 30);
    announced->from_n = chance(world, 15);
    ecmg->late_percent = ecmg->fail_percent = ecmg->mute_percent = 0;
    ecmg->empty_percent = chance(world, 20) ? 20 : 0;
    if (world->calm || chance(world, 40))
        return;
    ecmg->late_percent = (unsigned)below(world, 30);
    ecmg->fail_percent = (unsigned)below(world, 30);
    ecmg->mute_percent = (unsigned)below(world, 15);
}

/* ---- the timeline ---- */

static void pass(struct world *world)
{
    world->true_tick += (world->now_ms - world->true_ms) * world->true_rate / 1000;
    world->true_ms = world->now_ms;
}

/* The tick that follows from the mappings; it is looked at when the scheduler looks. */
static void look(struct world *world)
{
    const struct simc__sched_mapping *told = &world->told;
    uint64_t ticks = (world->now_ms - told->ms) * told->rate_hz / 1000;
    if (told->tick + ticks > world->tick)
        world->tick = told->tick + ticks;
}

static void tell_timeline(struct world *world, bool is_new)
{
    pass(world);
    world->told = (struct simc__sched_mapping){
        .tick = world->true_tick,
        .ms = world->now_ms,
        .rate_hz = world->true_rate,
        .is_new = is_new,
    };
    if (is_new)
        world->tick = 0;
    simc__sched_timeline(world->sched, &world->told);
    world->mapping_ms = world->now_ms + 1000;
}

/* ---- CWs ---- */

static void give_word(struct world *world, uint16_t cp)
{
    uint64_t value = world_cw(world, cp);
    struct simc_secret cw;
    ck_assert_int_eq(simc_secret_set(&cw, simc_slice(&value, sizeof value)), 0);
    unit_expect_error(simc__sched_cw_set(world->sched, cp, &cw), 0);
    if (!chance(world, 5))
        return;
    cw.bytes[0] ^= 1;
    unit_expect_error(simc__sched_cw_set(world->sched, cp, &cw), SIMC_EPROTO);
}

static void draw(struct world *world, const struct simc__sched_action *action)
{
    for (unsigned i = 0; i < action->cw_count; i++) {
        uint16_t cp = (uint16_t)(action->cp + i);
        struct world_word *word = &world->words[cp];
        if (word->stamp != world->stamp)
            *word = (struct world_word){world->stamp, unit_random_next(&world->random) | 1, false,
                                        action->is_throw_away};
        word->thrown = action->is_throw_away;
        if (world->calm || chance(world, 90)) {
            give_word(world, cp);
            continue;
        }
        if (world->owed_count == UNIT_COUNT(world->owed))
            world_fail(world, "it asks for more CWs than it can keep");
        world->owed[world->owed_count].cp = cp;
        world->owed[world->owed_count++].due_ms = world->now_ms + below(world, 3000);
    }
}

static void give_owed(struct world *world)
{
    for (unsigned i = 0; i < world->owed_count; i++) {
        if (world->owed[i].due_ms > world->now_ms)
            continue;
        /* Another one may have taken its place meanwhile: then it is not asked for any more. */
        uint64_t value = world_cw(world, world->owed[i].cp);
        struct simc_secret cw;
        ck_assert_int_eq(simc_secret_set(&cw, simc_slice(&value, sizeof value)), 0);
        int error = simc__sched_cw_set(world->sched, world->owed[i].cp, &cw);
        if (error && error != SIMC_ENOTFOUND)
            world_fail(world, "a CW that it asked for is refused");
        world->owed[i--] = world->owed[--world->owed_count];
    }
}

/* ---- ECMGs ---- */

static uint64_t reply_time(const struct world_ecmg *ecmg)
{
    return ecmg->announced.status.max_comp_time_ms + ecmg->announced.allowance_ms;
}

static void take_provision(struct world *world, const struct simc__sched_action *action)
{
    struct world_ecmg *ecmg = &world->ecmgs[action->stream];
    uint64_t reply = reply_time(ecmg);
    uint64_t late = chance(world, ecmg->late_percent) ? below(world, 3 * reply) : 0;
    ecmg->busy = true;
    ecmg->priming = action->is_priming;
    ecmg->cp = action->cp;
    ecmg->asked_ac = action->ac;
    ecmg->reply_ms = world->now_ms + below(world, reply * 9 / 10 - 8) + late;
    ecmg->give_up_ms = world->now_ms + reply + 1000;
    ecmg->outcome = chance(world, ecmg->empty_percent) ? OUTCOME_EMPTY : OUTCOME_ECM;
    if (action->is_priming && chance(world, 70))
        ecmg->outcome = OUTCOME_NO_HISTORY;
    else if (!action->is_priming && !world->calm && chance(world, 1))
        ecmg->outcome = OUTCOME_NO_HISTORY;
    if (chance(world, ecmg->fail_percent))
        ecmg->outcome = OUTCOME_ERROR;
    if (chance(world, ecmg->mute_percent))
        ecmg->outcome = OUTCOME_MUTE;
    if (ecmg->outcome == OUTCOME_MUTE)
        ecmg->reply_ms = chance(world, 50) ? world->now_ms + reply : SIMC_DEADLINE_NONE;
    world->figures->primes += action->is_priming;
}

static void note_success(struct world_ecmg *ecmg)
{
    for (int i = 0; i < ecmg->message_count; i++) {
        uint16_t cp = (uint16_t)(ecmg->message_first + i);
        ecmg->seen[cp % WORLD_RING] = cp + 1u;
    }
    ecmg->has_ac = ecmg->has_taken = true;
    ecmg->ac = ecmg->asked_ac;
    ecmg->taken = ecmg->cp;
}

static void reply(struct world *world, unsigned stream)
{
    struct world_ecmg *ecmg = &world->ecmgs[stream];
    bool wanted = false;
    int error;
    ecmg->busy = false;
    if (ecmg->outcome <= OUTCOME_EMPTY) {
        error = simc__sched_ecm(world->sched, stream, ecmg->cp, ecmg->outcome == OUTCOME_EMPTY,
                                &wanted);
        if (!error)
            note_success(ecmg);
        if (!error)
            world_check_ecm(world, stream, wanted);
    } else {
        enum simc__sched_failure failure = ecmg->outcome == OUTCOME_NO_HISTORY
                                               ? SIMC__SCHED_NO_HISTORY
                                           : chance(world, 50) ? SIMC__SCHED_NO_REPLY
                                                               : SIMC__SCHED_REFUSED;
        error = simc__sched_no_ecm(world->sched, stream, ecmg->cp, failure);
        if (!error && failure == SIMC__SCHED_NO_HISTORY && ecmg->priming)
            note_success(ecmg);
        else if (!error && failure == SIMC__SCHED_NO_HISTORY)
            memset(ecmg->seen, 0, sizeof ecmg->seen);
    }
    if (error && world->now_ms < ecmg->give_up_ms)
        world_fail(world, "an answer in time finds no question");
    if (!error && simc__sched_ecm(world->sched, stream, ecmg->cp, false, &wanted) == 0)
        world_fail(world, "an answer is taken twice");
}

static void come_up(struct world *world, unsigned stream)
{
    struct world_ecmg *ecmg = &world->ecmgs[stream];
    if (!world->calm && chance(world, 30))
        make_ecmg(world, ecmg);
    memset(ecmg->seen, 0, sizeof ecmg->seen);
    ecmg->has_ac = ecmg->has_taken = ecmg->busy = false;
    ecmg->up = ecmg->known = true;
    world_note_reach(world, ecmg);
    uint16_t nominal = world_nominal(world);
    ecmg->announced.nominal_cp_100ms = nominal;
    unit_expect_error(simc__sched_stream_up(world->sched, stream, &ecmg->announced), 0);
    if (!world->settled || nominal <= world->next_nominal)
        return;
    world->next_nominal = nominal;
    if (world->running)
        return;
    world->settled = false;
    uint16_t next = (uint16_t)(world->any ? world->newest + 1 : world->first_cp);
    for (unsigned i = 0; i < world->config.stream_count; i++)
        world_ecm(world, i, next)->there = false;
}

static void go_down(struct world *world, unsigned stream)
{
    struct world_ecmg *ecmg = &world->ecmgs[stream];
    ecmg->up = ecmg->busy = false;
    simc__sched_stream_down(world->sched, stream);
}

static void change_state(struct world *world, unsigned stream)
{
    struct world_ecmg *ecmg = &world->ecmgs[stream];
    uint32_t cp_ms = world->config.cp_100ms * 100u;
    if (ecmg->up)
        go_down(world, stream);
    else
        come_up(world, stream);
    ecmg->change_ms = SIMC_DEADLINE_NONE;
    if (!ecmg->up)
        ecmg->change_ms = world->now_ms + below(world, (chance(world, 30) ? 12u : 1u) * cp_ms);
}

/* ---- restart ---- */

static void plan_periods(struct world *world, struct simc__sched_plan *plan)
{
    uint16_t cp = (uint16_t)(world->any ? world->newest - 15 : world->first_cp);
    for (unsigned i = 0; i < SIMC__SCHED_WORDS_MAX; i++, cp++) {
        const struct world_word *word = &world->words[cp];
        bool is_held = word->stamp == world->stamp && word->reserved;
        if (!is_held && plan->period_count)
            return;
        if (!is_held)
            continue;
        struct simc__sched_plan_period *period = &plan->periods[plan->period_count++];
        const struct world_period *known = world_period(world, cp);
        int back = world->any ? simc_cp_distance(world->newest, cp) : -1;
        bool has_begun = back == 0 || (back > 0 && (uint64_t)back < world->span_periods);
        period->cp = cp;
        period->start_tick = has_begun && known->mark == cp + 1u ? known->start : SIMC__SCHED_OPEN;
        if (has_begun && cp == world->air)
            period->start_tick = world->air_start;
        ck_assert_int_eq(simc_secret_set(&period->cw, simc_slice(&word->cw, sizeof word->cw)), 0);
    }
}

static void plan_ecms(struct world *world, struct simc__sched_plan *plan)
{
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        for (uint16_t back = 0; world->running && back < 2; back++) {
            uint16_t cp = (uint16_t)(world->newest - back);
            const struct world_ecm *ecm = world_ecm(world, i, cp);
            bool is_open = cp == world->air && ecm->open;
            bool is_played = cp != world->air && world->span_periods > back && ecm->there;
            if (ecm->mark != cp + 1u || ecm->empty || !(is_open || is_played))
                continue;
            plan->ecms[plan->ecm_count++] = (struct simc__sched_plan_ecm){
                (uint8_t)i, cp, ecm->window, ecm->repetition_ms, ecm->ac};
        }
    }
}

static void forget_asked(struct world *world)
{
    uint16_t next = (uint16_t)(world->any ? world->newest + 1 : world->first_cp);
    world->settled = false;
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        struct world_ecm *ecm = world_ecm(world, i, next);
        ecm->there = ecm->asked = false;
    }
}

static void restart(struct world *world)
{
    struct simc__sched_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.is_clear = !world->running;
    plan.end_tick = world->clear_tick;
    plan_periods(world, &plan);
    plan_ecms(world, &plan);
    simc__sched_free(world->sched);
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        struct world_ecmg *ecmg = &world->ecmgs[i];
        world->config.streams[i].ac = ecmg->wish;
        ecmg->force = ecmg->wish;
        ecmg->force_known = true;
        ecmg->up = ecmg->known = ecmg->busy = false;
        for (uint16_t back = 0; back < 2; back++)
            world_ecm(world, i, (uint16_t)(world->newest - back))->foreign = true;
        ecmg->change_ms = world->now_ms + below(world, 4000);
    }
    unit_expect_error(simc__sched_new(&world->config, &world->sched), 0);
    unit_expect_error(simc__sched_import(world->sched, &plan), 0);
    for (unsigned i = 0; i < plan.ecm_count; i++) {
        struct world_ecmg *ecmg = &world->ecmgs[plan.ecms[i].stream];
        if (plan.ecms[i].cp != world->newest)
            continue;
        ecmg->force = plan.ecms[i].ac;
        unit_expect_error(simc__sched_access_criteria(world->sched, plan.ecms[i].stream, ecmg->wish,
                                                      SIMC__SCHED_AT_BOUNDARY, 0),
                          0);
    }
    forget_asked(world);
    world->stretched = world->silent = world->stop_asked = false;
    world->restarted = world->running;
    world->owed_count = 0;
    world->tick = 0;
    if (world->wanted)
        simc__sched_start(world->sched, SIMC__SCHED_AT_ONCE);
    else
        simc__sched_stop(world->sched, SIMC__SCHED_AT_ONCE);
    world->stop_asked = !world->wanted && world->running;
    tell_timeline(world, false);
    world->figures->restarts++;
    simc__sched_plan_wipe(&plan);
}

/* ---- the operator ---- */

static uint64_t some_tick(struct world *world)
{
    uint64_t cp = world->config.cp_100ms * 2700000ull;
    uint64_t tick = world->tick + below(world, 6 * cp);
    world->events[world->event_count++ % WORLD_EVENTS] = tick;
    if (world->event_count > WORLD_EVENTS)
        world->event_count = WORLD_EVENTS;
    return tick;
}

static void change_criteria(struct world *world)
{
    unsigned stream = (unsigned)below(world, world->config.stream_count);
    enum simc__sched_when when = (enum simc__sched_when)below(world, 3);
    uint64_t tick = when == SIMC__SCHED_AT_TICK ? some_tick(world) : 0;
    world->ecmgs[stream].wish = (uint32_t)(1 + below(world, 3));
    unit_expect_error(
        simc__sched_access_criteria(world->sched, stream, world->ecmgs[stream].wish, when, tick),
        0);
}

static void start_or_stop(struct world *world)
{
    uint64_t tick = chance(world, 50) ? some_tick(world) : SIMC__SCHED_AT_ONCE;
    world->wanted = !world->wanted;
    if (world->wanted) {
        simc__sched_start(world->sched, tick);
        return;
    }
    simc__sched_stop(world->sched, tick);
    world->stop_asked = world->running;
    if (!world->running)
        forget_asked(world);
}

static void upset_timeline(struct world *world)
{
    static const uint32_t rates[] = {27000000, 27002700, 26990000, 13500000, 54000000, 0};
    pass(world);
    if (chance(world, 30)) {
        uint64_t jump = below(world, 30 * 27000000ull);
        bool is_back = chance(world, 50) && world->true_tick > jump;
        world->true_tick = is_back ? world->true_tick - jump : world->true_tick + jump;
    }
    world->true_rate = rates[below(world, UNIT_COUNT(rates))];
    bool is_new = chance(world, 5);
    if (is_new)
        world->true_tick = below(world, 1000000000);
    if (is_new) {
        forget_asked(world);
        world->running = world->silent = world->restarted = world->stop_asked = false;
        world->clear_tick = 0;
        for (unsigned i = 0; i < world->config.stream_count; i++) {
            world_ecm(world, i, world->air)->open = false;
        }
    }
    tell_timeline(world, is_new);
}

static void make_trouble(struct world *world)
{
    uint32_t cp_ms = world->config.cp_100ms * 100u;
    unsigned kind = (unsigned)below(world, 12);
    unsigned stream = (unsigned)below(world, world->config.stream_count);
    world->chaos_ms = world->now_ms + below(world, 6 * (uint64_t)cp_ms);
    if (kind < 4) {
        change_criteria(world);
    } else if (kind == 4 && chance(world, 50)) {
        start_or_stop(world);
    } else if (world->calm) {
        world->true_rate = (uint32_t)(27000000 - 2700 + below(world, 5400));
    } else if (kind < 7) {
        change_state(world, stream);
    } else if (kind < 9) {
        upset_timeline(world);
    } else if (kind < 11) {
        restart(world);
    } else {
        world->config.cp_100ms =
            (uint16_t)(world->config.cp_100ms / 2 + below(world, world->config.cp_100ms / 2 + 10));
        unit_expect_error(simc__sched_cp_duration(world->sched, world->config.cp_100ms), 0);
    }
}

/* ---- the loop ---- */

static void pull(struct world *world)
{
    struct simc__sched_action action;
    uint64_t count = 0;
    while (simc__sched_next(world->sched, &action)) {
        count++;
        world_check(world, &action);
        if (action.type == SIMC__SCHED_NEED_CW)
            draw(world, &action);
        else if (action.type == SIMC__SCHED_PROVIDE)
            take_provision(world, &action);
    }
    if (count > world->figures->most_queued)
        world->figures->most_queued = count;
}

static void run(struct world *world)
{
    for (unsigned i = 0;; i++) {
        if (i == SPIN_MAX)
            world_fail(world, "it has always something to do, and does nothing");
        look(world);
        simc__sched_run(world->sched, world->now_ms);
        pull(world);
        world_check_state(world);
        /* CWs were given: run again. */
        simc__sched_run(world->sched, world->now_ms);
        pull(world);
        if (simc__sched_deadline_ms(world->sched) > world->now_ms)
            break;
    }
}

static uint64_t next_ms(const struct world *world)
{
    uint64_t next = simc__sched_deadline_ms(world->sched);
    next = simc_deadline_first(next, world->mapping_ms);
    next = simc_deadline_first(next, world->chaos_ms);
    for (unsigned i = 0; i < world->owed_count; i++)
        next = simc_deadline_first(next, world->owed[i].due_ms);
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        next = simc_deadline_first(next, world->ecmgs[i].change_ms);
        if (world->ecmgs[i].busy)
            next = simc_deadline_first(next, world->ecmgs[i].reply_ms);
    }
    return next;
}

static void happen(struct world *world)
{
    give_owed(world);
    if (world->now_ms >= world->mapping_ms)
        tell_timeline(world, false);
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        struct world_ecmg *ecmg = &world->ecmgs[i];
        if (ecmg->busy && simc_deadline_due(ecmg->reply_ms, world->now_ms))
            reply(world, i);
        if (simc_deadline_due(ecmg->change_ms, world->now_ms))
            change_state(world, i);
    }
    if (world->now_ms >= world->chaos_ms)
        make_trouble(world);
}

static void begin(struct world *world, uint64_t seed)
{
    struct world_figures *figures = world->figures;
    struct world_word *words = world->words;
    uint64_t stamp = world->stamp + 1;
    memset(world, 0, sizeof *world);
    world->figures = figures;
    world->words = words;
    world->stamp = stamp;
    world->seed = seed;
    world->random = unit_random(seed * 0x9e3779b97f4a7c15ull + 1);
    world->calm = chance(world, 35);
    make_config(world);
    world->first_cp = world->config.first_cp;
    world->now_ms = 1 + below(world, 1000000);
    world->true_ms = world->now_ms;
    world->true_tick =
        chance(world, 50) ? below(world, 1000000) : unit_random_next(&world->random) >> 4;
    world->true_rate = 27000000;
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        struct world_ecmg *ecmg = &world->ecmgs[i];
        make_ecmg(world, ecmg);
        ecmg->force = ecmg->wish = 1;
        ecmg->force_known = true;
        ecmg->change_ms = world->calm ? SIMC_DEADLINE_NONE : world->now_ms + below(world, 3000);
    }
    unit_expect_error(simc__sched_new(&world->config, &world->sched), 0);
    tell_timeline(world, false);
    for (unsigned i = 0; world->calm && i < world->config.stream_count; i++)
        come_up(world, i);
    world->wanted = true;
    world->chaos_ms = world->now_ms + below(world, 1 + 6 * world->config.cp_100ms * 100u);
    simc__sched_start(world->sched, chance(world, 30) ? some_tick(world) : SIMC__SCHED_AT_ONCE);
    world->end_ms = world->now_ms + (8 + below(world, 16)) * world->config.cp_100ms * 100u;
}

void world_run(struct world *world, uint64_t seed)
{
    begin(world, seed);
    run(world);
    while (world->now_ms < world->end_ms) {
        uint64_t next = next_ms(world);
        world->now_ms = next > world->now_ms ? next : world->now_ms;
        pass(world);
        happen(world);
        run(world);
    }
    if (world->calm && world->wanted && !world->any && world->event_count == 0)
        world_fail(world, "nothing was ever on air");
    simc__sched_free(world->sched);
    world->sched = NULL;
    world->figures->runs++;
}
