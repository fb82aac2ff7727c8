/* SPDX-License-Identifier: BSL-1.0 */
/* The plan as a mux holds it: a restarted SCS takes it over, so that CP numbers and CWs that ECMs
 * have published stay what they are. [4.4] */
#include "sched/internal.h"

#include <string.h>

/* ---- import ---- */

static bool is_valid(const struct simc__sched *sched, const struct simc__sched_plan *plan)
{
    if (plan->period_count > SIMC__SCHED_WORDS_MAX || plan->ecm_count > 2 * SIMC__SCHED_STREAMS_MAX)
        return false;
    for (unsigned i = 0; i < plan->period_count; i++) {
        const struct simc__sched_plan_period *period = &plan->periods[i];
        uint16_t wanted = (uint16_t)(plan->periods[0].cp + i);
        if (period->cp != wanted || period->cw.size != sched->cw_size)
            return false;
    }
    for (unsigned i = 0; i < plan->ecm_count; i++) {
        if (plan->ecms[i].stream >= sched->stream_count)
            return false;
    }
    return true;
}

static void take_word(struct simc__sched *sched, uint64_t n,
                      const struct simc__sched_plan_period *period)
{
    struct simc__sched_word *word = &sched->words[n % SIMC__SCHED_WORDS_MAX];
    word->n = n;
    word->is_set = word->is_asked = word->is_reserved = true;
    memcpy(word->cw, period->cw.bytes, sched->cw_size);
}

static void take_periods(struct simc__sched *sched, const struct simc__sched_plan *plan)
{
    uint64_t first = SIMC__SCHED_BASE + plan->periods[0].cp;
    uint64_t last_tick = 0;
    bool has_started = false;
    sched->live_first = first;
    sched->newest = first - 1;
    for (unsigned i = 0; i < plan->period_count; i++) {
        const struct simc__sched_plan_period *period = &plan->periods[i];
        uint64_t n = first + i;
        take_word(sched, n, period);
        if (period->start_tick == SIMC__SCHED_OPEN)
            continue;
        if (!has_started)
            sched->span_first = n;
        sched->newest = n;
        sched->starts[n % SIMC__SCHED_AHEAD_MAX] = period->start_tick;
        if (!has_started || period->start_tick >= last_tick) {
            sched->last_n = n;
            last_tick = period->start_tick;
        }
        has_started = true;
    }
    sched->last_tick = last_tick;
    /* Only the one before the newest can have been put on air again. */
    if (sched->last_n + 1 < sched->newest)
        sched->last_n = sched->newest;
    sched->state = has_started && !plan->is_clear ? SIMC__SCHED_RUNNING : SIMC__SCHED_WAITING;
    sched->end_tick = plan->is_clear ? plan->end_tick : 0;
}

static void take_ecms(struct simc__sched *sched, const struct simc__sched_plan *plan)
{
    for (unsigned i = 0; i < plan->ecm_count; i++) {
        const struct simc__sched_plan_ecm *ecm = &plan->ecms[i];
        struct simc__sched_stream *stream = &sched->streams[ecm->stream];
        uint64_t n = simc__sched_number(sched, ecm->cp);
        if (n != sched->newest && n + 1 != sched->newest)
            continue;
        sched->playable[n & 1] |= simc__sched_bit(sched, stream);
        stream->air[n & 1].repetition_ms = ecm->repetition_ms;
        stream->air_is_unknown = true;
        if (n == sched->newest && ecm->ac)
            stream->air_ac = ecm->ac;
        if (n != sched->last_n)
            continue;
        sched->open |= simc__sched_bit(sched, stream);
        stream->window_tick = ecm->start_tick;
    }
}

int simc__sched_import(struct simc__sched *sched, const struct simc__sched_plan *plan)
{
    if (!is_valid(sched, plan))
        return SIMC_EINVAL;
    if (plan->period_count == 0)
        return 0;
    take_periods(sched, plan);
    sched->last_is_foreign = sched->state == SIMC__SCHED_RUNNING;
    sched->last_nominal_100ms = simc__sched_nominal(sched);
    sched->last_duration = simc__sched_ticks((uint64_t)sched->last_nominal_100ms * 100);
    if (sched->state == SIMC__SCHED_RUNNING)
        take_ecms(sched, plan);
    simc__sched_start(sched, SIMC__SCHED_AT_ONCE);
    if (!sched->is_wanted && sched->state == SIMC__SCHED_RUNNING)
        simc__sched_stop(sched, SIMC__SCHED_AT_ONCE);
    return 0;
}

/* ---- export ---- */

static uint64_t start_of(const struct simc__sched *sched, uint64_t n)
{
    bool has_begun = sched->last_n != 0 && n <= sched->newest && n >= sched->span_first &&
                     n + SIMC__SCHED_AHEAD_MAX > sched->newest;
    if (n == sched->last_n)
        return sched->last_tick;
    return has_begun ? sched->starts[n % SIMC__SCHED_AHEAD_MAX] : SIMC__SCHED_OPEN;
}

static void give_periods(const struct simc__sched *sched, struct simc__sched_plan *plan)
{
    uint64_t low = simc__sched_next_n(sched) + 1 - SIMC__SCHED_PER_MSG_MAX;
    for (uint64_t n = low; n < low + SIMC__SCHED_WORDS_MAX; n++) {
        const struct simc__sched_word *word = simc__sched_word(sched, n);
        bool is_given = word && word->is_set && word->is_reserved;
        if (!is_given && plan->period_count)
            return;
        if (!is_given)
            continue;
        struct simc__sched_plan_period *period = &plan->periods[plan->period_count++];
        period->cp = (uint16_t)n;
        period->start_tick = start_of(sched, n);
        period->cw.size = sched->cw_size;
        memcpy(period->cw.bytes, word->cw, sched->cw_size);
    }
}

static void give_ecms(const struct simc__sched *sched, struct simc__sched_plan *plan)
{
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        if ((sched->open & simc__sched_bit(sched, stream)) == 0)
            continue;
        plan->ecms[plan->ecm_count++] = (struct simc__sched_plan_ecm){
            .stream = (uint8_t)i,
            .cp = (uint16_t)sched->last_n,
            .start_tick = stream->window_tick,
            .repetition_ms = stream->air[sched->last_n & 1].repetition_ms,
            .ac = stream->air_ac,
        };
    }
}

void simc__sched_export(const struct simc__sched *sched, struct simc__sched_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan->is_clear = sched->state != SIMC__SCHED_RUNNING;
    plan->end_tick = sched->end_tick;
    give_periods(sched, plan);
    if (!plan->is_clear)
        give_ecms(sched, plan);
}

void simc__sched_plan_wipe(struct simc__sched_plan *plan)
{
    simc_wipe(plan, sizeof *plan);
}
