/* SPDX-License-Identifier: BSL-1.0 */
/* The checker of the scheduler's world: what each action must be, by rules of its own.
 * test_sched_world.c makes things happen and shows it every action. */
#include "test_sched_world.h"

#include <string.h>

enum { PLAIN, AC, TRANSITION };

void world__fail(int line, const struct world *world, const char *what,
                 const struct simc__sched_action *action)
{
    static const struct simc__sched_action none;
    const struct simc__sched_action *a = action ? action : &none;
    ck_abort_msg("seed %llu, %llu ms, tick %llu, rule in line %d: %s; action %d stream %d cp %d "
                 "start %llu stop %llu; newest %d air %d from %llu",
                 (unsigned long long)world->seed, (unsigned long long)world->now_ms,
                 (unsigned long long)world->tick, line, what, a->type, a->stream, a->cp,
                 (unsigned long long)a->start_tick, (unsigned long long)a->stop_tick, world->newest,
                 world->air, (unsigned long long)world->air_start);
}

/* ---- arithmetic of the standard, once more ---- */

static uint32_t reply_ms(const struct world_ecmg *ecmg)
{
    uint32_t comp_ms = ecmg->announced.status.max_comp_time_ms;
    if (comp_ms == 0)
        comp_ms = ecmg->announced.max_comp_ms ? ecmg->announced.max_comp_ms : 1000;
    return comp_ms + ecmg->announced.allowance_ms;
}

uint16_t world_nominal(const struct world *world)
{
    uint32_t nominal = world->config.cp_100ms;
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        const struct world_ecmg *ecmg = &world->ecmgs[i];
        if (!ecmg->known)
            continue;
        uint32_t reply = (reply_ms(ecmg) + 99) / 100;
        uint32_t least = ecmg->announced.status.min_cp_duration_100ms;
        nominal = reply > nominal ? reply : nominal;
        nominal = least > nominal ? least : nominal;
    }
    return (uint16_t)nominal;
}

static int32_t cut(int32_t delay, int32_t most)
{
    return delay > most ? most : delay < -most ? -most : delay;
}

static void read_delays(struct world_ecm *ecm, const struct simc_ecmg_channel_status *status,
                        uint16_t nominal)
{
    int32_t repetition = status->ecm_rep_period_ms ? status->ecm_rep_period_ms : 100;
    int32_t most = nominal * 100 - repetition;
    most = most < 0 ? 0 : most;
    int32_t start = status->delay_start_ms, stop = status->delay_stop_ms;
    ecm->repetition_ms = (uint16_t)repetition;
    ecm->start_ms[PLAIN] = cut(start, most);
    ecm->stop_ms[PLAIN] = cut(stop, most);
    ecm->start_ms[AC] = cut(status->has_ac_delay_start ? status->ac_delay_start_ms : start, most);
    ecm->stop_ms[AC] = cut(status->has_ac_delay_stop ? status->ac_delay_stop_ms : stop, most);
    ecm->start_ms[TRANSITION] =
        cut(status->has_transition_delay_start ? status->transition_delay_start_ms : start, most);
    ecm->stop_ms[TRANSITION] =
        cut(status->has_transition_delay_stop ? status->transition_delay_stop_ms : stop, most);
}

static uint64_t wait_ticks(const struct world *world, uint64_t ms)
{
    uint32_t rate = world->told.rate_hz ? world->told.rate_hz : 27000000;
    return ms * rate / 1000;
}

static uint64_t lead_tick(const struct world *world)
{
    return world->tick + wait_ticks(world, world->config.air_lead_ms);
}

void world_note_reach(struct world *world, const struct world_ecmg *ecmg)
{
    const struct simc_ecmg_channel_status *status = &ecmg->announced.status;
    const int32_t delays[] = {
        status->delay_start_ms,
        status->delay_stop_ms,
        status->has_ac_delay_start ? status->ac_delay_start_ms : 0,
        status->has_ac_delay_stop ? status->ac_delay_stop_ms : 0,
        status->has_transition_delay_start ? status->transition_delay_start_ms : 0,
        status->has_transition_delay_stop ? status->transition_delay_stop_ms : 0,
    };
    for (unsigned i = 0; i < UNIT_COUNT(delays); i++) {
        if (-delays[i] > world->reach_ms)
            world->reach_ms = -delays[i];
    }
}

/* ---- control words ---- */

uint64_t world_cw(struct world *world, uint16_t cp)
{
    struct world_word *word = &world->words[cp];
    return word->stamp == world->stamp ? word->cw : 0;
}

/* The scheduler's CW of a period is the one that was drawn for it, always. */
static void check_cw(struct world *world, const struct simc__sched_action *action, uint16_t cp,
                     bool is_live)
{
    struct simc_secret cw;
    uint64_t value = 0;
    WORLD_RULE(simc__sched_cw_get(world->sched, cp, &cw) == 0, action);
    WORLD_RULE(cw.size == 8, action);
    memcpy(&value, cw.bytes, sizeof value);
    WORLD_RULE(value != 0 && value == world_cw(world, cp), action);
    if (is_live)
        WORLD_RULE(world->words[cp].reserved && !world->words[cp].thrown, action);
}

static void check_need(struct world *world, const struct simc__sched_action *action)
{
    WORLD_RULE(action->cw_count > 0 && action->cw_count <= SIMC__SCHED_WORDS_MAX, action);
    for (unsigned i = 0; i < action->cw_count; i++) {
        uint16_t cp = (uint16_t)(action->cp + i);
        /* A CW that was live once must not be asked for again. */
        WORLD_RULE(world_cw(world, cp) == 0 || !world->words[cp].reserved, action);
        if (action->is_throw_away)
            WORLD_RULE(simc_cp_distance(cp, world->any ? world->newest : world->first_cp) < 0,
                       action);
    }
}

/* ---- CW_provision ---- */

static void check_words_of(struct world *world, const struct simc__sched_action *action,
                           struct world_ecmg *ecmg)
{
    const struct simc_ecmg_channel_status *status = &ecmg->announced.status;
    int x = status->lead_cw, y = status->cw_per_msg;
    uint16_t first = (uint16_t)(ecmg->announced.from_n ? action->cp : action->cp + x - y + 1);
    WORLD_RULE(action->cw_first == first && action->cw_count == y, action);
    for (int i = 0; i < y; i++) {
        uint16_t cp = (uint16_t)(first + i);
        int ahead = simc_cp_distance(cp, action->cp);
        check_cw(world, action, cp, !world->words[cp].thrown);
        if (ahead >= 0 && !action->is_priming)
            WORLD_RULE(!world->words[cp].thrown, action);
    }
    ecmg->message_first = first;
    ecmg->message_count = y;
    if (action->is_priming || ecmg->announced.from_n)
        return;
    /* One that remembers gets the numbers in turn. */
    if (y <= x)
        WORLD_RULE(ecmg->has_taken && simc_cp_distance(action->cp, ecmg->taken) <= 1, action);
    /* Whatever it remembers: now it must have all CWs that ECM n is made of. */
    for (int i = 0; i <= x; i++) {
        uint16_t cp = (uint16_t)(action->cp + i);
        int at = simc_cp_distance(cp, first);
        WORLD_RULE((at >= 0 && at < y) || ecmg->seen[cp % WORLD_RING] == cp + 1u, action);
    }
}

static bool is_event(const struct world *world, uint64_t tick)
{
    for (unsigned i = 0; i < world->event_count; i++) {
        if (world->events[i] == tick)
            return true;
    }
    return false;
}

static void check_provide(struct world *world, const struct simc__sched_action *action)
{
    struct world_ecmg *ecmg = &world->ecmgs[action->stream];
    uint16_t next = (uint16_t)(world->any ? world->newest + 1 : world->first_cp);
    WORLD_RULE(action->stream < world->config.stream_count && ecmg->up, action);
    WORLD_RULE(!ecmg->busy || world->now_ms >= ecmg->give_up_ms, action);
    int k = ecmg->announced.status.lead_cw - ecmg->announced.status.cw_per_msg + 1;
    if (action->is_priming) {
        int before = -simc_cp_distance(action->cp, next);
        WORLD_RULE(!ecmg->announced.from_n && before >= 1 && before <= k, action);
    } else {
        WORLD_RULE(action->cp == next, action);
    }
    check_words_of(world, action, ecmg);
    /* It gets criteria with the first message, with changed ones, and always in mode 1. */
    bool differs = !ecmg->has_ac || ecmg->ac != action->ac;
    WORLD_RULE(action->send_ac || !(differs || ecmg->announced.transfer_mode), action);
    if (action->is_priming)
        return;
    if (!world->settled) {
        world->settled = true;
        world->next_nominal = world_nominal(world);
    }
    bool is_nominal = action->cp_duration_100ms == ecmg->announced.nominal_cp_100ms;
    WORLD_RULE(action->has_cp_duration == !is_nominal, action);
    WORLD_RULE(action->cp_duration_100ms <= 2 * world->next_nominal, action);
    if (action->cp_duration_100ms != world->next_nominal)
        WORLD_RULE(world->event_count > 0 || world->next_nominal > action->cp_duration_100ms,
                   action);
    struct world_ecm *ecm = world_ecm(world, action->stream, action->cp);
    if (ecm->mark != action->cp + 1u)
        memset(ecm, 0, sizeof *ecm);
    bool is_asked_again = ecm->asked && action->ac == ecm->ac;
    WORLD_RULE(action->ac == ecmg->wish || action->ac == ecmg->force || !ecmg->force_known ||
                   is_asked_again,
               action);
    ecm->mark = action->cp + 1u;
    ecm->asked = true;
    ecm->there = false;
    ecm->ac = action->ac;
}

void world_check_ecm(struct world *world, unsigned stream, bool wanted)
{
    struct world_ecmg *ecmg = &world->ecmgs[stream];
    struct world_ecm *ecm = world_ecm(world, stream, ecmg->cp);
    if (!wanted && !(ecm->mark == ecmg->cp + 1u && ecmg->outcome == 1))
        return;
    if (ecmg->priming) {
        if (wanted)
            world_fail(world, "the answer to a priming message is to be played");
        return;
    }
    bool is_late = world->any && ecmg->cp == world->newest;
    bool is_next = ecmg->cp == (uint16_t)(world->any ? world->newest + 1 : world->first_cp);
    if (wanted && (!(is_late || is_next) || ecm->ac != ecmg->asked_ac))
        world_fail(world, "an ECM of the past or with other criteria is taken");
    if (wanted && is_late && !world->running)
        world_fail(world, "a late ECM is taken in the clear");
    if (is_late ? !wanted && ecmg->outcome != 1 : false)
        return;
    ecm->there = is_next || is_late;
    ecm->foreign = false;
    ecm->late = is_late;
    ecm->empty = ecmg->outcome == 1;
    read_delays(ecm, &ecmg->announced.status,
                is_late ? world_period(world, ecmg->cp)->nominal : world->next_nominal);
    if (ecm->there && !is_late)
        world->figures->ecms++;
}

/* ---- windows ---- */

/* A window must begin at the tick that the delays give. */
static void check_opening(struct world *world, const struct simc__sched_action *action)
{
    struct world_ecmg *ecmg = &world->ecmgs[action->stream];
    struct world_ecm *ecm = world_ecm(world, action->stream, action->cp);
    const struct world_period *period = world_period(world, action->cp);
    WORLD_RULE(world->running && action->cp == world->air, action);
    if (ecm->foreign)
        return;
    WORLD_RULE(ecm->mark == action->cp + 1u && ecm->there && !ecm->empty, action);
    WORLD_RULE(action->repetition_ms == ecm->repetition_ms, action);
    bool is_again = world->air != world->newest || period->start != world->air_start;
    int kind = is_again ? PLAIN : period->first ? TRANSITION : ecmg->changed ? AC : PLAIN;
    int64_t wanted = (int64_t)world->air_start + (int64_t)ecm->start_ms[kind] * 27000;
    int64_t other = (int64_t)world->air_start + (int64_t)ecm->start_ms[AC] * 27000;
    int64_t start = (int64_t)action->start_tick;
    if (ecm->late && !is_again) {
        int64_t soonest = (int64_t)lead_tick(world);
        wanted = wanted > soonest ? wanted : soonest;
        other = other > soonest ? other : soonest;
        world->figures->late++;
    }
    bool is_exact = start == wanted || (!ecmg->changed_known && kind == PLAIN && start == other);
    WORLD_RULE(is_exact, action);
    WORLD_RULE(action->start_tick >= lead_tick(world), action);
    ecm->window = action->start_tick;
    ecm->open = true;
}

/* Windows are closed by what comes next: a period, the end of scrambling, or silence. */
static void check_closings(struct world *world, const struct simc__sched_action *by, bool is_next)
{
    for (unsigned i = 0; i < world->closing_count; i++) {
        const struct simc__sched_action *action = &world->closing[i];
        struct world_ecmg *ecmg = &world->ecmgs[action->stream];
        struct world_ecm *ecm = world_ecm(world, action->stream, action->cp);
        uint64_t end = by->start_tick;
        WORLD_RULE(ecm->open || ecm->foreign, action);
        ecm->open = false;
        WORLD_RULE(action->stop_tick >= action->start_tick, action);
        if (ecm->foreign)
            continue;
        WORLD_RULE(action->start_tick == ecm->window && action->cp == world->air, action);
        bool is_change = is_next && ecmg->changed;
        int kind = by->type == SIMC__SCHED_CLEAR ? TRANSITION : is_change ? AC : PLAIN;
        int64_t stop = (int64_t)end + (int64_t)ecm->stop_ms[kind] * 27000;
        int64_t other = (int64_t)end + (int64_t)ecm->stop_ms[AC] * 27000;
        if (by->type == SIMC__SCHED_SILENT)
            stop = other = (int64_t)end;
        int64_t least = (int64_t)ecm->window;
        stop = stop < least ? least : stop;
        other = other < least ? least : other;
        bool is_exact = (int64_t)action->stop_tick == stop ||
                        (!ecmg->changed_known && is_next && (int64_t)action->stop_tick == other);
        WORLD_RULE(is_exact, action);
        WORLD_RULE(action->stop_tick >= lead_tick(world) || stop == least, action);
    }
    world->closing_count = 0;
    /* And none may stay open but those just closed. */
    for (unsigned i = 0; world->running && i < world->config.stream_count; i++) {
        struct world_ecm *ecm = world_ecm(world, i, world->air);
        WORLD_RULE(ecm->mark != world->air + 1u || !ecm->open, by);
    }
}

static void check_window(struct world *world, const struct simc__sched_action *action)
{
    WORLD_RULE(action->stream < world->config.stream_count, action);
    if (action->stop_tick == SIMC__SCHED_OPEN) {
        check_opening(world, action);
        return;
    }
    WORLD_RULE(world->closing_count < WORLD_STREAMS, action);
    world->closing[world->closing_count++] = *action;
}

/* ---- periods ---- */

/* Which ECMs are there, and whether that is enough. */
static void check_needs(struct world *world, const struct simc__sched_action *action)
{
    unsigned there = 0, up = 0, count = world->config.stream_count;
    bool required = true;
    for (unsigned i = 0; i < count; i++) {
        const struct world_ecm *ecm = world_ecm(world, i, action->cp);
        bool is_there = ecm->mark == action->cp + 1u && ecm->there;
        there += is_there;
        up += world->ecmgs[i].up;
        required = required && (is_there || !world->config.streams[i].required);
    }
    WORLD_RULE(world->config.start != SIMC__SCHED_START_NEVER, action);
    if (!action->is_first || world->config.start == SIMC__SCHED_START_ANY)
        WORLD_RULE(required && there > 0, action);
    else if (world->config.start == SIMC__SCHED_START_ALL)
        WORLD_RULE(there == count && up == count && count > 0, action);
}

/* The criteria of the new period, per stream, and whether they are new. */
static void note_criteria(struct world *world, const struct simc__sched_action *action)
{
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        struct world_ecmg *ecmg = &world->ecmgs[i];
        const struct world_ecm *ecm = world_ecm(world, i, action->cp);
        bool is_asked = ecm->mark == action->cp + 1u && ecm->asked;
        bool is_known = ecmg->force_known;
        ecmg->changed_known = is_asked && is_known && (ecm->there || ecmg->wish == ecm->ac);
        ecmg->changed = ecmg->changed_known && !action->is_first && ecm->ac != ecmg->force;
        if (is_asked)
            ecmg->force = ecm->ac;
        ecmg->force_known = ecmg->changed_known || (is_asked && ecm->there);
        world->figures->changes += ecmg->changed;
    }
}

/* Where the boundary had to be: at the end of the period, at an event, or as soon as possible. */
static void check_boundary(struct world *world, const struct simc__sched_action *action)
{
    uint64_t start = action->start_tick;
    WORLD_RULE(start >= lead_tick(world), action);
    if (!world->running) {
        WORLD_RULE(start >= world->clear_tick, action);
        return;
    }
    /* In a cycle both CWs last as long as the newest period does. */
    const struct world_period *period = world_period(world, world->newest);
    uint64_t nominal = (uint64_t)period->nominal * 2700000;
    uint64_t planned = world->air_start + nominal;
    uint64_t soonest = lead_tick(world) + (uint64_t)world->reach_ms * 27000;
    WORLD_RULE(start >= planned || world->restarted, action);
    if (start == planned || world->restarted)
        return;
    world->figures->stretches += !is_event(world, start);
    if (is_event(world, start) && start < planned + nominal) {
        world->figures->aligned++;
        return;
    }
    WORLD_RULE(start <= soonest || (start < planned + nominal && world->event_count), action);
    WORLD_RULE(!world->calm || world->event_count, action);
}

static void note_too_long(struct world *world)
{
    uint64_t longest = 65535 * (uint64_t)2700000;
    if (world->running && world->tick >= world->air_start + longest)
        world->too_long = true;
}

static void check_period(struct world *world, const struct simc__sched_action *action)
{
    bool is_next = action->cp == (uint16_t)(world->any ? world->newest + 1 : world->first_cp);
    WORLD_RULE(action->parity == (action->cp & 1), action);
    WORLD_RULE(action->is_first == !world->running, action);
    if (world->running)
        WORLD_RULE((world->air & 1) != action->parity, action);
    check_cw(world, action, action->cp, true);
    if (!is_next) {
        bool may_cycle = false;
        for (unsigned i = 0; i < world->config.loss_count; i++)
            may_cycle = may_cycle || world->config.loss[i].action == SIMC__SCHED_LOSS_CYCLE;
        int back = -simc_cp_distance(action->cp, world->newest);
        WORLD_RULE((may_cycle || world->restarted) && world->running, action);
        WORLD_RULE(back == 0 || (back == 1 && world->span_periods >= 2), action);
        world->figures->cycles++;
    } else {
        check_needs(world, action);
        note_criteria(world, action);
    }
    note_too_long(world);
    check_boundary(world, action);
    check_closings(world, action, is_next);
    if (is_next && world->span_periods >= SIMC__SCHED_AHEAD_MAX && world->running)
        WORLD_RULE(world_period(world, (uint16_t)(action->cp - SIMC__SCHED_AHEAD_MAX))->start <=
                       world->tick,
                   action);
    if (is_next) {
        struct world_period *period = world_period(world, action->cp);
        *period = (struct world_period){action->cp + 1u, action->start_tick,
                                        world->settled ? world->next_nominal : world_nominal(world),
                                        action->is_first};
        world->settled = world->restarted = false;
        /* The policy on loss begins anew with each period. Where the one after this is late
         * already, the alarm stays raised without a word. */
        world->stretched_ms = world->now_ms;
        world->newest = action->cp;
        world->span_periods = action->is_first ? 1 : world->span_periods + 1;
        world->figures->periods++;
    }
    world->air = action->cp;
    world->air_start = action->start_tick;
    world->running = world->any = true;
    world->silent = false;
}

static void check_clear(struct world *world, const struct simc__sched_action *action)
{
    bool may_clear = world->stop_asked;
    for (unsigned i = 0; i < world->config.loss_count; i++)
        may_clear = may_clear ||
                    (world->config.loss[i].action == SIMC__SCHED_LOSS_CLEAR && world->stretched);
    for (unsigned i = 0; i < world->config.loss_count; i++)
        may_clear = may_clear || world->config.loss[i].action == SIMC__SCHED_LOSS_CLEAR;
    WORLD_RULE(world->running && may_clear, action);
    WORLD_RULE(action->start_tick >= lead_tick(world), action);
    uint64_t nominal = (uint64_t)world_period(world, world->newest)->nominal * 2700000;
    WORLD_RULE(action->start_tick >= world->air_start + nominal || world->restarted, action);
    check_closings(world, action, false);
    world->running = world->settled = world->silent = world->restarted = false;
    world->stop_asked = false;
    world->clear_tick = action->start_tick;
    world->figures->clears++;
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        struct world_ecm *ecm = world_ecm(world, i, (uint16_t)(world->newest + 1));
        ecm->there = ecm->asked = false;
    }
}

static void check_silent(struct world *world, const struct simc__sched_action *action)
{
    bool may_be = false;
    for (unsigned i = 0; i < world->config.loss_count; i++)
        may_be = may_be || world->config.loss[i].action == SIMC__SCHED_LOSS_SILENT;
    WORLD_RULE(may_be && world->running && !world->silent, action);
    check_closings(world, action, false);
    world->silent = true;
    world->figures->silents++;
}

/* ---- what else must hold ---- */

static void check_alarm(struct world *world, const struct simc__sched_action *action)
{
    if (action->alarm == SIMC__SCHED_ALARM_STRETCHED) {
        WORLD_RULE(action->is_raised != world->stretched, action);
        world->stretched = action->is_raised;
        world->stretched_ms = world->now_ms;
        world->too_long = false;
    }
    /* Who changes criteria just before the start of ANY or ALWAYS may begin without that ECM. */
    bool is_begun_without = action->alarm == SIMC__SCHED_ALARM_LATE_ECM &&
                            world->config.start != SIMC__SCHED_START_ALL &&
                            world->span_periods <= 1;
    if (world->calm && action->is_raised && !is_begun_without)
        WORLD_RULE(action->alarm != SIMC__SCHED_ALARM_STRETCHED &&
                       action->alarm != SIMC__SCHED_ALARM_LATE_ECM &&
                       action->alarm != SIMC__SCHED_ALARM_LOSS,
                   action);
}

void world_check(struct world *world, const struct simc__sched_action *action)
{
    WORLD_RULE(world->closing_count == 0 || action->type == SIMC__SCHED_WINDOW ||
                   action->type == SIMC__SCHED_PERIOD || action->type == SIMC__SCHED_CLEAR ||
                   action->type == SIMC__SCHED_SILENT,
               action);
    switch ((enum simc__sched_action_type)action->type) {
    case SIMC__SCHED_NEED_CW:
        check_need(world, action);
        break;
    case SIMC__SCHED_RESERVE:
        for (unsigned i = 0; i < action->cw_count; i++) {
            struct world_word *word = &world->words[(uint16_t)(action->cp + i)];
            WORLD_RULE(word->stamp == world->stamp && !word->thrown, action);
            word->reserved = true;
        }
        break;
    case SIMC__SCHED_PROVIDE:
        check_provide(world, action);
        break;
    case SIMC__SCHED_PERIOD:
        check_period(world, action);
        break;
    case SIMC__SCHED_WINDOW:
        check_window(world, action);
        break;
    case SIMC__SCHED_CLEAR:
        check_clear(world, action);
        break;
    case SIMC__SCHED_SILENT:
        check_silent(world, action);
        break;
    case SIMC__SCHED_ALARM:
        check_alarm(world, action);
        break;
    case SIMC__SCHED_NONE:
        WORLD_RULE(false, action);
        break;
    }
}

/* Where the policy on loss has to be, from the time that the stretch has lasted. */
static void check_loss(struct world *world, const struct simc__sched_status *status)
{
    uint64_t limit_ms = 0;
    if (!world->stretched || !world->running || world->restarted)
        return;
    note_too_long(world);
    uint64_t lasted_ms = world->now_ms - world->stretched_ms;
    for (int i = 0; i + 1 < world->config.loss_count; i++) {
        if (world->config.loss[i].limit_ms == 0)
            break;
        limit_ms += world->config.loss[i].limit_ms;
        if (world->too_long)
            break;
        if (status->loss_step > i && lasted_ms < limit_ms)
            world_fail(world, "a step of the policy on loss was left too early");
        /* A cycle is left at the end of its two periods. */
        bool in_cycle = world->config.loss[i].action == SIMC__SCHED_LOSS_CYCLE;
        uint64_t slack_ms = in_cycle ? 60000 : 1500;
        if (status->loss_step <= i && status->loss_step >= 0 && lasted_ms > limit_ms + slack_ms &&
            !in_cycle)
            world_fail(world, "a step of the policy on loss was not left");
        if (in_cycle)
            break;
    }
}

void world_check_state(struct world *world)
{
    struct simc__sched_status status;
    simc__sched_status(world->sched, &status);
    if (world->closing_count)
        world_fail(world, "a window was closed by nothing");
    if (status.has_timeline && status.now_tick != world->tick)
        world_fail(world, "the timeline of the scheduler is another one");
    if (status.is_scrambled != world->running)
        world_fail(world, "it scrambles, or not, without having said so");
    if (world->any && status.cp != world->newest)
        world_fail(world, "its newest period is another one");
    check_loss(world, &status);
    /* It may give up an ECM in hand for one with other criteria. */
    uint16_t next = (uint16_t)(world->any ? world->newest + 1 : world->first_cp);
    for (unsigned i = 0; i < world->config.stream_count; i++) {
        if ((status.streams_ready >> i & 1u) == 0)
            world_ecm(world, i, next)->there = false;
    }
}
