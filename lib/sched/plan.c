/* SPDX-License-Identifier: BSL-1.0 */
/* The arithmetic of crypto periods: nominal durations, delays and their precedence, boundaries that
 * meet an event, and the last moment to decide. Only reads the state; run.c and air.c act on it. */
#include "sched/internal.h"

/* ---- durations ---- */

static uint32_t whole_100ms(uint32_t ms)
{
    return (ms + 99) / 100;
}

uint16_t simc__sched_nominal(struct simc__sched *sched)
{
    uint32_t nominal = sched->cp_100ms > sched->floor_100ms ? sched->cp_100ms : sched->floor_100ms;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        if (!stream->is_known)
            continue;
        if (stream->min_cp_100ms > nominal)
            nominal = stream->min_cp_100ms;
        if (whole_100ms(stream->reply_time_ms) > nominal)
            nominal = whole_100ms(stream->reply_time_ms);
    }
    if (nominal > SIMC__SCHED_CP_MAX_100MS)
        nominal = SIMC__SCHED_CP_MAX_100MS;
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_CP_RAISED, nominal > sched->cp_100ms);
    return (uint16_t)nominal;
}

/* The first event that a boundary can be moved to: behind the nominal end of a period that begins
 * at `start`, and before another whole period would fit in. 0: none. */
static uint64_t event_within(const struct simc__sched *sched, uint64_t start, uint16_t nominal)
{
    uint64_t duration = simc__sched_ticks((uint64_t)nominal * 100);
    uint64_t longest = simc__sched_ticks((uint64_t)SIMC__SCHED_CP_MAX_100MS * 100);
    uint64_t first = start + duration;
    uint64_t found = 0;
    if (2 * duration - 1 < longest)
        longest = 2 * duration - 1;
    if (sched->has_stop && sched->stop_tick > first && sched->stop_tick - start <= longest)
        found = sched->stop_tick;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        uint64_t tick = stream->ac_tick;
        if (stream->has_wish && stream->ac_when == SIMC__SCHED_AT_TICK && tick > first &&
            tick - start <= longest && (!found || tick < found))
            found = tick;
    }
    return found;
}

void simc__sched_plan_next(struct simc__sched *sched)
{
    if (sched->is_settled)
        return;
    sched->next_nominal_100ms = simc__sched_nominal(sched);
    if (sched->last_is_foreign) {
        sched->last_nominal_100ms = sched->next_nominal_100ms;
        sched->last_duration = simc__sched_ticks((uint64_t)sched->last_nominal_100ms * 100);
    }
    uint64_t start = simc__sched_next_start(sched);
    sched->next_align_tick = event_within(sched, start, sched->next_nominal_100ms);
    sched->next_duration = sched->next_align_tick
                               ? sched->next_align_tick - start
                               : simc__sched_ticks((uint64_t)sched->next_nominal_100ms * 100);
}

uint64_t simc__sched_next_start(const struct simc__sched *sched)
{
    if (sched->state != SIMC__SCHED_RUNNING)
        return simc__sched_later(sched->start_tick, sched->end_tick);
    uint64_t end = sched->last_tick + sched->last_duration;
    /* In a cycle the older CW has to make room for the newer one first: parities take turns. */
    if (sched->last_n != sched->newest)
        end += simc__sched_ticks((uint64_t)sched->last_nominal_100ms * 100);
    return end;
}

/* ---- delays ---- */

void simc__sched_delays_read(const struct simc_ecmg_channel_status *status,
                             struct simc__sched_delays *delays)
{
    delays->start_ms = status->delay_start_ms;
    delays->stop_ms = status->delay_stop_ms;
    delays->ac_start_ms =
        status->has_ac_delay_start ? status->ac_delay_start_ms : status->delay_start_ms;
    delays->ac_stop_ms =
        status->has_ac_delay_stop ? status->ac_delay_stop_ms : status->delay_stop_ms;
    delays->transition_start_ms = status->has_transition_delay_start
                                      ? status->transition_delay_start_ms
                                      : status->delay_start_ms;
    delays->transition_stop_ms = status->has_transition_delay_stop
                                     ? status->transition_delay_stop_ms
                                     : status->delay_stop_ms;
    delays->repetition_ms = status->ecm_rep_period_ms ? status->ecm_rep_period_ms
                                                      : (uint16_t)SIMC__SCHED_REP_DEFAULT_MS;
    delays->is_cut = false;
}

static int32_t cut(int32_t delay_ms, int32_t most_ms, bool *is_cut)
{
    int32_t result = delay_ms > most_ms ? most_ms : delay_ms < -most_ms ? -most_ms : delay_ms;
    *is_cut = *is_cut || result != delay_ms;
    return result;
}

struct simc__sched_delays simc__sched_delays_cut(const struct simc__sched_delays *delays,
                                                 uint16_t cp_100ms)
{
    struct simc__sched_delays result = *delays;
    int32_t cp_ms = (int32_t)cp_100ms * 100;
    int32_t most_ms = cp_ms > delays->repetition_ms ? cp_ms - delays->repetition_ms : 0;
    result.start_ms = cut(delays->start_ms, most_ms, &result.is_cut);
    result.stop_ms = cut(delays->stop_ms, most_ms, &result.is_cut);
    result.ac_start_ms = cut(delays->ac_start_ms, most_ms, &result.is_cut);
    result.ac_stop_ms = cut(delays->ac_stop_ms, most_ms, &result.is_cut);
    result.transition_start_ms = cut(delays->transition_start_ms, most_ms, &result.is_cut);
    result.transition_stop_ms = cut(delays->transition_stop_ms, most_ms, &result.is_cut);
    return result;
}

int64_t simc__sched_d_start(const struct simc__sched_delays *delays, bool is_first, bool ac_changes)
{
    int32_t delay_ms = is_first     ? delays->transition_start_ms
                       : ac_changes ? delays->ac_start_ms
                                    : delays->start_ms;
    return (int64_t)delay_ms * SIMC__SCHED_TICKS_PER_MS;
}

int64_t simc__sched_d_stop(const struct simc__sched_delays *delays, bool is_last, bool ac_changes)
{
    int32_t delay_ms = is_last      ? delays->transition_stop_ms
                       : ac_changes ? delays->ac_stop_ms
                                    : delays->stop_ms;
    return (int64_t)delay_ms * SIMC__SCHED_TICKS_PER_MS;
}

/* ---- access criteria ---- */

uint32_t simc__sched_next_ac(const struct simc__sched *sched,
                             const struct simc__sched_stream *stream)
{
    if (stream->has_next_ac)
        return stream->next_ac;
    if (!stream->has_wish || stream->wish_waits)
        return stream->air_ac;
    bool is_early =
        stream->ac_when == SIMC__SCHED_AT_TICK && simc__sched_next_start(sched) < stream->ac_tick;
    return is_early ? stream->air_ac : stream->wish_ac;
}

bool simc__sched_ac_changes(const struct simc__sched *sched,
                            const struct simc__sched_stream *stream)
{
    return sched->state == SIMC__SCHED_RUNNING &&
           simc__sched_next_ac(sched, stream) != stream->air_ac;
}

/* ---- when to decide ---- */

static void reach_back(uint64_t *reach, int64_t delay)
{
    if (delay < 0 && (uint64_t)-delay > *reach)
        *reach = (uint64_t)-delay;
}

uint64_t simc__sched_reach(const struct simc__sched *sched, bool with_next)
{
    uint64_t reach = 0;
    bool is_first = sched->state != SIMC__SCHED_RUNNING;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        bool changes = with_next && simc__sched_ac_changes(sched, stream);
        if (sched->open & simc__sched_bit(sched, stream))
            reach_back(&reach, simc__sched_d_stop(&stream->air[sched->last_n & 1], false, changes));
        if (!with_next) {
            if ((sched->playable[(sched->last_n + 1) & 1] & simc__sched_bit(sched, stream)) == 0)
                continue;
            reach_back(&reach,
                       simc__sched_d_start(&stream->air[(sched->last_n + 1) & 1], false, false));
        } else if (stream->has_ecm) {
            reach_back(&reach, simc__sched_d_start(&stream->got, is_first, changes));
        } else if (stream->is_up) {
            struct simc__sched_delays delays =
                simc__sched_delays_cut(&stream->now, sched->next_nominal_100ms);
            reach_back(&reach, simc__sched_d_start(&delays, is_first, changes));
        }
    }
    return reach;
}

uint64_t simc__sched_reach_clear(const struct simc__sched *sched)
{
    uint64_t reach = 0;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        if (sched->open & simc__sched_bit(sched, stream))
            reach_back(&reach, simc__sched_d_stop(&stream->air[sched->last_n & 1], true, false));
    }
    return reach;
}

uint64_t simc__sched_planned_to(struct simc__sched *sched)
{
    if (sched->state == SIMC__SCHED_IDLE)
        return SIMC__SCHED_OPEN;
    uint64_t reach = simc__sched_later(
        simc__sched_reach(sched, true),
        simc__sched_later(simc__sched_reach(sched, false), simc__sched_reach_clear(sched)));
    uint64_t tick = simc__sched_less(simc__sched_next_start(sched), reach);
    sched->told_tick = simc__sched_later(sched->told_tick, tick);
    return sched->told_tick;
}

uint64_t simc__sched_decision(const struct simc__sched *sched)
{
    uint64_t ahead =
        simc__sched_reach(sched, true) + simc__sched_wait_ticks(sched, sched->air_lead_ms);
    return simc__sched_less(simc__sched_next_start(sched), ahead);
}

uint64_t simc__sched_decision_with_ac(const struct simc__sched *sched,
                                      const struct simc__sched_stream *stream)
{
    struct simc__sched_delays delays =
        simc__sched_delays_cut(&stream->now, sched->next_nominal_100ms);
    uint64_t reach = simc__sched_reach(sched, true);
    reach_back(&reach, simc__sched_d_start(&delays, false, true));
    if (sched->open & simc__sched_bit(sched, stream))
        reach_back(&reach, simc__sched_d_stop(&stream->air[sched->last_n & 1], false, true));
    uint64_t ahead = reach + simc__sched_wait_ticks(sched, sched->air_lead_ms);
    return simc__sched_less(simc__sched_next_start(sched), ahead);
}
