/* SPDX-License-Identifier: BSL-1.0 */
/* The coordinator: what is due now, and when something is due next. The caller's loop calls it
 * after each input and at the deadline. */
#include "sched/internal.h"

/* A stretched period or a late ECM never needs more steps than this in one call. */
enum { STEPS_MAX = 2 * SIMC__SCHED_AHEAD_MAX + 8 };

/* ---- what is needed ---- */

struct count {
    unsigned ecms;             /* streams whose ECM of the next period is there */
    bool all, all_up;          /* of all streams; of all that have an ECMG, or had it by now */
    bool required, all_served; /* of all required ones; and nobody lacks an ECMG */
};

static struct count count_ecms(const struct simc__sched *sched)
{
    struct count count = {0, true, true, true, true};
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        /* The clock of a file does not pass: there a failure has to do for a time-out. */
        bool given_up = sched->mapping.horizon_tick && stream->has_failed && !stream->required;
        count.ecms += stream->has_ecm;
        count.all = count.all && stream->has_ecm;
        count.all_up = count.all_up && (stream->has_ecm || !stream->is_up || given_up);
        count.required = count.required && (stream->has_ecm || !stream->required);
        count.all_served = count.all_served && stream->is_up;
    }
    return count;
}

static bool may_start(const struct simc__sched *sched, const struct count *count)
{
    switch ((enum simc__sched_start)sched->start_policy) {
    case SIMC__SCHED_START_ALL:
        return count->all && count->all_served && count->ecms > 0;
    case SIMC__SCHED_START_ANY:
        return count->required && count->ecms > 0;
    case SIMC__SCHED_START_ALWAYS:
        return true;
    case SIMC__SCHED_START_NEVER:
        break;
    }
    return false;
}

static bool is_over(const struct simc__sched *sched)
{
    return sched->now_tick >= simc__sched_decision(sched);
}

/* The policy on loss goes on by the monotonic clock, even when the decision has moved since. Only
 * the CWs of a cycle keep to the timeline. */
static bool is_lost(const struct simc__sched *sched)
{
    if (sched->loss >= 0 && sched->losses[sched->loss].action != SIMC__SCHED_LOSS_CYCLE)
        return true;
    return is_over(sched);
}

/* Whether the next period can be put on air now. */
static bool is_ready(const struct simc__sched *sched)
{
    const struct count count = count_ecms(sched);
    if (!simc__sched_words_are_usable(sched, simc__sched_next_n(sched), 1) ||
        simc__sched_is_full(sched))
        return false;
    if (sched->state == SIMC__SCHED_RUNNING)
        return count.required && count.ecms > 0 && (count.all_up || is_over(sched));
    if (!may_start(sched, &count))
        return false;
    bool is_awaited = sched->now_ms < sched->grace_ms || !is_over(sched);
    return count.all || !is_awaited;
}

/* ---- starting and ending ---- */

/* How long the first period waits for ECMs that it could do without. */
static void begin_waiting(struct simc__sched *sched)
{
    uint64_t wait_ms = 0;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        unsigned messages = stream->per_msg > stream->lead || stream->from_n
                                ? 1u
                                : 2u + stream->lead - stream->per_msg;
        uint64_t needed_ms = (uint64_t)messages * stream->reply_time_ms;
        wait_ms = stream->is_up && needed_ms > wait_ms ? needed_ms : wait_ms;
    }
    wait_ms = simc__sched_later(wait_ms, sched->start_wait_ms);
    sched->grace_ms = simc_deadline_after(sched->now_ms, wait_ms);
    sched->must_wait = false;
}

void simc__sched_start(struct simc__sched *sched, uint64_t tick)
{
    if (sched->start_policy == SIMC__SCHED_START_NEVER)
        return;
    sched->is_wanted = true;
    sched->has_stop = false;
    if (sched->state == SIMC__SCHED_RUNNING)
        return;
    sched->start_tick = tick;
    sched->state = SIMC__SCHED_WAITING;
    sched->must_wait = true;
}

void simc__sched_stop(struct simc__sched *sched, uint64_t tick)
{
    sched->is_wanted = false;
    sched->has_stop = sched->state == SIMC__SCHED_RUNNING;
    sched->stop_tick = tick;
    if (sched->state == SIMC__SCHED_RUNNING)
        return;
    sched->state = SIMC__SCHED_IDLE;
    simc__sched_forget_next(sched);
}

static void go_clear(struct simc__sched *sched)
{
    simc__sched_go_clear(sched);
    sched->has_stop = false;
    sched->start_tick = SIMC__SCHED_AT_ONCE;
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_STRETCHED, false);
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_CP_LIMIT, false);
    sched->must_wait = true;
}

/* ---- loss ---- */

static bool is_too_long(const struct simc__sched *sched)
{
    uint64_t longest = simc__sched_ticks((uint64_t)SIMC__SCHED_CP_MAX_100MS * 100);
    return sched->now_tick >= sched->last_tick + longest;
}

static bool is_last_step(const struct simc__sched *sched)
{
    return sched->loss + 1 >= sched->loss_count;
}

/* Moves to the next step when the limit of this one is reached. */
static void next_loss(struct simc__sched *sched)
{
    if (sched->loss < 0) {
        sched->loss = 0;
        sched->loss_ms = sched->now_ms;
        simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_STRETCHED, true);
    }
    while (!is_last_step(sched)) {
        const struct simc__sched_loss_step *step = &sched->losses[sched->loss];
        bool is_out_of_time =
            step->limit_ms && sched->now_ms >= simc_deadline_after(sched->loss_ms, step->limit_ms);
        if (!is_out_of_time && !(step->action == SIMC__SCHED_LOSS_KEEP && is_too_long(sched)))
            break;
        sched->loss++;
        sched->loss_ms = sched->now_ms;
    }
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_CP_LIMIT, is_too_long(sched));
}

/* @return whether something was put on air. */
static bool run_loss(struct simc__sched *sched)
{
    next_loss(sched);
    enum simc__sched_loss action = sched->losses[sched->loss].action;
    if (action != SIMC__SCHED_LOSS_KEEP)
        simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_LOSS, true);
    switch (action) {
    case SIMC__SCHED_LOSS_KEEP:
        return false;
    case SIMC__SCHED_LOSS_CYCLE:
        if (sched->newest == sched->span_first)
            return false;
        simc__sched_put_on_air(sched, sched->newest - 1);
        return true;
    case SIMC__SCHED_LOSS_CLEAR:
        go_clear(sched);
        return true;
    case SIMC__SCHED_LOSS_SILENT:
        if (!sched->is_silent)
            simc__sched_go_silent(sched);
        return false;
    }
    return false;
}

/* ---- one step ---- */

/* In a cycle the older CW has been on air for its period, and the newer one follows. */
static bool run_cycle(struct simc__sched *sched)
{
    uint64_t ahead =
        simc__sched_reach(sched, false) + simc__sched_wait_ticks(sched, sched->air_lead_ms);
    uint64_t end = sched->last_tick + sched->last_duration;
    if (sched->now_tick < simc__sched_less(end, ahead))
        return false;
    simc__sched_put_on_air(sched, sched->newest);
    return true;
}

static void note_late(struct simc__sched *sched)
{
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if (stream->is_up && !stream->has_ecm)
            simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_LATE_ECM, true);
    }
}

/* @return whether the plan has moved, so that there may be more to do. */
static bool step(struct simc__sched *sched)
{
    bool is_running = sched->state == SIMC__SCHED_RUNNING;
    if (is_running && sched->has_stop &&
        sched->last_tick + sched->last_duration >= sched->stop_tick) {
        go_clear(sched);
        return true;
    }
    if (sched->must_wait)
        begin_waiting(sched);
    simc__sched_plan_next(sched);
    simc__sched_wishes_run(sched);
    simc__sched_words_run(sched);
    simc__sched_play_late(sched);
    simc__sched_streams_run(sched);
    if (sched->state == SIMC__SCHED_IDLE)
        return false;
    if (is_running && sched->last_n != sched->newest)
        return run_cycle(sched);
    if (is_ready(sched)) {
        simc__sched_put_on_air(sched, simc__sched_next_n(sched));
        for (enum simc__sched_alarm alarm = SIMC__SCHED_ALARM_STRETCHED;
             alarm < SIMC__SCHED_ALARM_COUNT; alarm++)
            simc__sched_alarm(sched, NULL, alarm, false);
        return true;
    }
    if (!is_running || !is_lost(sched) || simc__sched_is_full(sched))
        return false;
    note_late(sched);
    return run_loss(sched);
}

/* ---- deadline ---- */

static uint64_t stream_deadline(const struct simc__sched *sched,
                                const struct simc__sched_stream *stream)
{
    if (stream->is_asking)
        return stream->reply_ms;
    if (!stream->is_up || stream->has_ecm)
        return SIMC_DEADLINE_NONE;
    if (stream->retry_ms > sched->now_ms)
        return stream->retry_ms;
    /* What is due and was not sent waits for CWs; priming is always due. */
    uint64_t tick = simc__sched_request_tick(sched, stream);
    return tick > sched->now_tick ? simc__sched_tick_ms(sched, tick) : SIMC_DEADLINE_NONE;
}

static uint64_t loss_deadline(const struct simc__sched *sched)
{
    if (sched->loss < 0 || is_last_step(sched))
        return SIMC_DEADLINE_NONE;
    const struct simc__sched_loss_step *loss = &sched->losses[sched->loss];
    uint64_t deadline_ms =
        loss->limit_ms ? simc_deadline_after(sched->loss_ms, loss->limit_ms) : SIMC_DEADLINE_NONE;
    uint64_t longest = simc__sched_ticks((uint64_t)SIMC__SCHED_CP_MAX_100MS * 100);
    if (loss->action != SIMC__SCHED_LOSS_KEEP || is_too_long(sched))
        return deadline_ms;
    return simc_deadline_first(deadline_ms, simc__sched_tick_ms(sched, sched->last_tick + longest));
}

static uint64_t deadline(const struct simc__sched *sched)
{
    uint64_t deadline_ms = SIMC_DEADLINE_NONE;
    if (!sched->has_timeline || sched->state == SIMC__SCHED_IDLE)
        return deadline_ms;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        uint64_t stream_ms = stream_deadline(sched, &sched->streams[i]);
        deadline_ms = simc_deadline_first(deadline_ms, stream_ms);
    }
    if (sched->state == SIMC__SCHED_WAITING && sched->grace_ms > sched->now_ms)
        deadline_ms = simc_deadline_first(deadline_ms, sched->grace_ms);
    if (simc__sched_is_full(sched)) {
        uint64_t tick = sched->starts[simc__sched_next_n(sched) % SIMC__SCHED_AHEAD_MAX];
        return simc_deadline_first(deadline_ms, simc__sched_tick_ms(sched, tick));
    }
    bool in_cycle = sched->state == SIMC__SCHED_RUNNING && sched->last_n != sched->newest;
    uint64_t tick = simc__sched_decision(sched);
    if (in_cycle) {
        uint64_t ahead =
            simc__sched_reach(sched, false) + simc__sched_wait_ticks(sched, sched->air_lead_ms);
        tick = simc__sched_less(sched->last_tick + sched->last_duration, ahead);
    }
    if (tick > sched->now_tick)
        deadline_ms = simc_deadline_first(deadline_ms, simc__sched_tick_ms(sched, tick));
    /* A cycle is left at the end of its periods only. */
    return in_cycle || !is_lost(sched) ? deadline_ms
                                       : simc_deadline_first(deadline_ms, loss_deadline(sched));
}

void simc__sched_run(struct simc__sched *sched, uint64_t now_ms)
{
    simc__sched_clock(sched, now_ms);
    const size_t needed = 4u * sched->stream_count + 8u;
    bool has_more = sched->has_timeline;
    for (unsigned i = 0; i < STEPS_MAX && has_more && simc__sched_room(sched) >= needed; i++)
        has_more = step(sched);
    simc__sched_tell_alarms(sched);
    has_more = has_more || sched->alarms != sched->alarms_told;
    sched->deadline_ms = has_more || (sched->has_timeline && simc__sched_room(sched) < needed)
                             ? sched->now_ms
                             : deadline(sched);
}

uint64_t simc__sched_deadline_ms(const struct simc__sched *sched)
{
    return sched->deadline_ms;
}
