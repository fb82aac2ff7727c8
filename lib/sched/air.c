/* SPDX-License-Identifier: BSL-1.0 */
/* What goes on air: periods, the windows of their ECMs, the end of scrambling. run.c decides when;
 * here every tick follows from the boundary and the delays. [4.2] */
#include "sched/internal.h"

uint64_t simc__sched_first_tick(const struct simc__sched *sched)
{
    /* In file mode the mux waits for the plan, so it needs no lead. */
    uint64_t lead_ms = sched->mapping.horizon_tick ? 0 : sched->air_lead_ms;
    uint64_t tick = sched->now_tick + simc__sched_wait_ticks(sched, lead_ms);
    return simc__sched_later(tick, sched->told_tick);
}

/* A boundary is never told later than the mux needs, even when that moves it. */
static uint64_t boundary(const struct simc__sched *sched, uint64_t planned, uint64_t reach)
{
    return simc__sched_later(planned, simc__sched_first_tick(sched) + reach);
}

static uint64_t shift(uint64_t tick, int64_t delay)
{
    return delay < 0 ? simc__sched_less(tick, (uint64_t)-delay) : tick + (uint64_t)delay;
}

static void open_window(struct simc__sched *sched, struct simc__sched_stream *stream, uint64_t n,
                        uint64_t tick)
{
    struct simc__sched_action *action = simc__sched_put(sched, SIMC__SCHED_WINDOW, stream, n);
    action->start_tick = stream->window_tick = tick;
    action->stop_tick = SIMC__SCHED_OPEN;
    action->repetition_ms = stream->air[n & 1].repetition_ms;
    sched->open |= simc__sched_bit(sched, stream);
}

static void close_window(struct simc__sched *sched, struct simc__sched_stream *stream,
                         uint64_t tick)
{
    struct simc__sched_action *action =
        simc__sched_put(sched, SIMC__SCHED_WINDOW, stream, sched->last_n);
    action->start_tick = stream->window_tick;
    action->stop_tick = simc__sched_later(tick, stream->window_tick);
    action->repetition_ms = stream->air[sched->last_n & 1].repetition_ms;
    sched->open &= ~simc__sched_bit(sched, stream);
    simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_EMPTY_WINDOW, tick <= stream->window_tick);
}

static void close_windows(struct simc__sched *sched, uint64_t end, bool is_last, bool with_next)
{
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if ((sched->open & simc__sched_bit(sched, stream)) == 0)
            continue;
        bool changes = with_next && simc__sched_ac_changes(sched, stream);
        int64_t delay = simc__sched_d_stop(&stream->air[sched->last_n & 1], is_last, changes);
        close_window(sched, stream, shift(end, delay));
    }
}

/* The next period's ECM becomes that of the newest one. */
static void take_over(struct simc__sched *sched, struct simc__sched_stream *stream)
{
    uint64_t n = simc__sched_next_n(sched);
    uint32_t bit = simc__sched_bit(sched, stream);
    uint32_t ac = simc__sched_next_ac(sched, stream);
    stream->air_is_changed = simc__sched_ac_changes(sched, stream);
    stream->air_ac = ac;
    if (stream->has_wish && stream->wish_ac == ac)
        stream->has_wish = false;
    sched->playable[n & 1] &= ~bit;
    if (stream->has_ecm) {
        stream->air[n & 1] = stream->got;
        if (!stream->ecm_is_empty)
            sched->playable[n & 1] |= bit;
    }
    simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_LATE_ECM, stream->is_up && !stream->has_ecm);
    stream->air_is_unknown = stream->wish_waits = false;
    stream->has_ecm = stream->has_failed = stream->has_next_ac = stream->is_late = false;
}

/* The duration settled for the next period, and its event met even when its start has moved. */
static uint64_t duration_from(const struct simc__sched *sched, uint64_t start)
{
    uint64_t nominal = simc__sched_ticks((uint64_t)sched->next_nominal_100ms * 100);
    if (!sched->next_align_tick)
        return nominal;
    uint64_t left = simc__sched_less(sched->next_align_tick, start);
    return simc__sched_later(left, nominal);
}

void simc__sched_put_on_air(struct simc__sched *sched, uint64_t n)
{
    bool is_next = n == simc__sched_next_n(sched);
    bool is_first = sched->state != SIMC__SCHED_RUNNING;
    uint64_t planned =
        is_next ? simc__sched_next_start(sched) : sched->last_tick + sched->last_duration;
    uint64_t start = boundary(sched, planned, simc__sched_reach(sched, is_next));
    uint64_t duration = is_next ? duration_from(sched, start)
                                : simc__sched_ticks((uint64_t)sched->last_nominal_100ms * 100);
    close_windows(sched, start, false, is_next);
    struct simc__sched_action *action = simc__sched_put(sched, SIMC__SCHED_PERIOD, NULL, n);
    action->start_tick = start;
    action->parity = n & 1;
    action->is_first = is_first;
    for (unsigned i = 0; is_next && i < sched->stream_count; i++)
        take_over(sched, &sched->streams[i]);
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if ((sched->playable[n & 1] & simc__sched_bit(sched, stream)) == 0)
            continue;
        int64_t delay = simc__sched_d_start(&stream->air[n & 1], is_first && is_next,
                                            is_next && stream->air_is_changed);
        open_window(sched, stream, n, shift(start, delay));
    }
    sched->last_n = n;
    sched->last_tick = start;
    sched->last_duration = duration;
    sched->last_is_foreign = false;
    sched->state = SIMC__SCHED_RUNNING;
    sched->is_silent = false;
    if (is_first)
        sched->span_first = n;
    if (!is_next)
        return;
    sched->last_nominal_100ms = sched->next_nominal_100ms;
    sched->newest = n;
    sched->starts[n % SIMC__SCHED_AHEAD_MAX] = start;
    sched->is_settled = false;
    sched->loss = -1;
    simc__sched_words_drop(sched);
}

void simc__sched_go_clear(struct simc__sched *sched)
{
    uint64_t planned = sched->last_tick + sched->last_duration;
    uint64_t end = boundary(sched, planned, simc__sched_reach_clear(sched));
    close_windows(sched, end, true, false);
    simc__sched_put(sched, SIMC__SCHED_CLEAR, NULL, sched->last_n)->start_tick = end;
    sched->end_tick = end;
    sched->state = sched->is_wanted ? SIMC__SCHED_WAITING : SIMC__SCHED_IDLE;
    sched->is_silent = false;
    sched->loss = -1;
    /* An ECM in hand may be old when the next span begins, so it is asked for again. */
    simc__sched_forget_next(sched);
}

void simc__sched_go_silent(struct simc__sched *sched)
{
    uint64_t tick = simc__sched_first_tick(sched);
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if (sched->open & simc__sched_bit(sched, stream))
            close_window(sched, stream, tick);
    }
    simc__sched_put(sched, SIMC__SCHED_SILENT, NULL, sched->last_n)->start_tick = tick;
    sched->is_silent = true;
}

void simc__sched_play_late(struct simc__sched *sched)
{
    uint64_t n = sched->newest;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if (!stream->is_late || simc__sched_room(sched) == 0)
            continue;
        stream->is_late = false;
        if (sched->state != SIMC__SCHED_RUNNING || sched->last_n != n || stream->late_is_empty)
            continue;
        sched->playable[n & 1] |= simc__sched_bit(sched, stream);
        if (sched->is_silent)
            continue;
        int64_t delay = simc__sched_d_start(&stream->air[n & 1], n == sched->span_first,
                                            stream->air_is_changed);
        uint64_t tick = boundary(sched, shift(sched->last_tick, delay), 0);
        open_window(sched, stream, n, tick);
    }
}
