/* SPDX-License-Identifier: BSL-1.0 */
/* ECM streams: which CW_provision is due at which ECMG, priming where CW_per_msg is not more than
 * lead_CW, and what becomes of the answers. run.c calls it before it decides on a period. [4.4] */
#include "sched/internal.h"

/* ---- which control words ---- */

uint64_t simc__sched_message_first(const struct simc__sched_stream *stream, uint64_t n)
{
    return stream->from_n ? n : n + stream->lead + 1 - stream->per_msg;
}

static uint64_t message_last(const struct simc__sched_stream *stream, uint64_t n)
{
    return simc__sched_message_first(stream, n) + stream->per_msg - 1;
}

bool simc__sched_is_primed(const struct simc__sched *sched, const struct simc__sched_stream *stream)
{
    uint64_t n = simc__sched_next_n(sched);
    uint64_t first = simc__sched_message_first(stream, n);
    /* An ECMG that remembers gets every number in turn, whether its CWs are new or not. */
    return first <= n || (stream->known_from <= n && stream->known_to + 1 >= first &&
                          stream->last_taken + 1 >= n);
}

/* The message to send now: that of the next period, or one that primes for it. */
static uint64_t message_number(const struct simc__sched *sched,
                               const struct simc__sched_stream *stream)
{
    uint64_t n = simc__sched_next_n(sched);
    if (simc__sched_is_primed(sched, stream))
        return n;
    uint64_t first = n + stream->per_msg - 1 - stream->lead;
    bool goes_on = stream->known_from <= n && stream->known_to >= n;
    return goes_on ? simc__sched_later(first, stream->last_taken + 1) : first;
}

/* The ECMG took a message: its CWs follow those known without a hole, or are all there is. */
static void note_taken(struct simc__sched_stream *stream, uint64_t n)
{
    uint64_t first = simc__sched_message_first(stream, n);
    uint64_t last = message_last(stream, n);
    bool joins = stream->known_to && first <= stream->known_to + 1 && first >= stream->known_from;
    if (!joins)
        stream->known_from = first;
    if (!joins || last > stream->known_to)
        stream->known_to = last;
    stream->last_taken = n;
    stream->told_ac = stream->asked_ac;
    stream->has_told = true;
}

static void forget_history(struct simc__sched_stream *stream)
{
    stream->known_from = UINT64_MAX;
    stream->known_to = stream->last_taken = 0;
}

/* ---- inputs ---- */

static struct simc__sched_stream *find(struct simc__sched *sched, unsigned stream)
{
    return stream < sched->stream_count ? &sched->streams[stream] : NULL;
}

void simc__sched_forget_next(struct simc__sched *sched)
{
    sched->is_settled = false;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        stream->has_ecm = stream->has_next_ac = stream->has_failed = stream->is_late = false;
        stream->wish_waits = false;
        simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_LATE_ECM, false);
    }
}

/* An ECMG that needs longer periods has come while the next one is settled. On air that one just
 * lasts longer than the others were told, as if it were stretched; in the clear there is time to
 * ask everybody again. */
static void raise_settled(struct simc__sched *sched, uint16_t nominal)
{
    if (!sched->is_settled || nominal <= sched->next_nominal_100ms)
        return;
    sched->next_nominal_100ms = nominal;
    if (sched->state == SIMC__SCHED_RUNNING)
        return;
    simc__sched_forget_next(sched);
}

int simc__sched_stream_up(struct simc__sched *sched, unsigned stream_index,
                          const struct simc__sched_ecmg *ecmg)
{
    struct simc__sched_stream *stream = find(sched, stream_index);
    const struct simc_ecmg_channel_status *status = &ecmg->status;
    if (!stream)
        return SIMC_ENOTFOUND;
    if (status->lead_cw > SIMC__SCHED_LEAD_MAX || status->cw_per_msg == 0 ||
        status->cw_per_msg > SIMC__SCHED_PER_MSG_MAX)
        return SIMC_EUNSUPPORTED;
    uint32_t default_ms = ecmg->max_comp_ms ? ecmg->max_comp_ms : SIMC__SCHED_COMP_DEFAULT_MS;
    uint32_t comp_ms = status->max_comp_time_ms ? status->max_comp_time_ms : default_ms;
    const uint32_t most_ms = SIMC__SCHED_CP_MAX_100MS * 100;
    uint32_t room_ms = comp_ms < most_ms ? most_ms - comp_ms : 0;
    stream->reply_time_ms = (comp_ms < most_ms ? comp_ms : most_ms) +
                            (ecmg->allowance_ms < room_ms ? ecmg->allowance_ms : room_ms);
    simc__sched_delays_read(status, &stream->now);
    stream->min_cp_100ms = status->min_cp_duration_100ms;
    stream->nominal_100ms = ecmg->nominal_cp_100ms;
    stream->lead = status->lead_cw;
    stream->per_msg = status->cw_per_msg;
    stream->from_n = ecmg->from_n;
    stream->transfer_mode = ecmg->transfer_mode;
    stream->is_up = stream->is_known = true;
    stream->is_asking = stream->has_told = stream->has_failed = stream->must_pause = false;
    stream->retry_ms = 0;
    forget_history(stream);
    uint16_t nominal = simc__sched_nominal(sched);
    raise_settled(sched, nominal);
    struct simc__sched_delays delays = simc__sched_delays_cut(&stream->now, nominal);
    for (unsigned i = 0; stream->air_is_unknown && i < 2; i++) {
        uint16_t repetition_ms = stream->air[i].repetition_ms;
        stream->air[i] = delays;
        stream->air[i].repetition_ms = repetition_ms;
    }
    stream->air_is_unknown = false;
    simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_CLAMPED, delays.is_cut);
    simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_NO_ECMG, false);
    return 0;
}

void simc__sched_stream_down(struct simc__sched *sched, unsigned stream_index)
{
    struct simc__sched_stream *stream = find(sched, stream_index);
    if (!stream)
        return;
    stream->is_up = stream->is_asking = false;
    simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_NO_ECMG, true);
    simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_LATE_ECM, false);
}

/* Takes what is outstanding off the books. @return NULL: nothing of the sort is outstanding. */
static struct simc__sched_stream *answered(struct simc__sched *sched, unsigned stream_index,
                                           uint16_t cp)
{
    struct simc__sched_stream *stream = find(sched, stream_index);
    if (!stream || !stream->is_asking || (uint16_t)stream->asked_n != cp)
        return NULL;
    stream->is_asking = false;
    return stream;
}

int simc__sched_ecm(struct simc__sched *sched, unsigned stream_index, uint16_t cp, bool is_empty,
                    bool *wanted)
{
    struct simc__sched_stream *stream = answered(sched, stream_index, cp);
    *wanted = false;
    if (!stream)
        return SIMC_ENOTFOUND;
    uint64_t n = stream->asked_n;
    note_taken(stream, n);
    if (stream->asking_priming)
        return 0;
    if (n == simc__sched_next_n(sched) && stream->has_next_ac &&
        stream->asked_ac == stream->next_ac) {
        stream->has_ecm = true;
        stream->ecm_is_empty = is_empty;
        stream->got = simc__sched_delays_cut(&stream->now, sched->next_nominal_100ms);
        *wanted = !is_empty;
    } else if (n == sched->newest && sched->state == SIMC__SCHED_RUNNING &&
               stream->asked_ac == stream->air_ac) {
        stream->is_late = true;
        stream->late_is_empty = is_empty;
        stream->air[n & 1] =
            simc__sched_delays_cut(&stream->now, (uint16_t)sched->last_nominal_100ms);
        *wanted = !is_empty;
    }
    return 0;
}

static void pause(struct simc__sched_stream *stream)
{
    stream->must_pause = stream->has_failed = true;
}

int simc__sched_no_ecm(struct simc__sched *sched, unsigned stream_index, uint16_t cp,
                       enum simc__sched_failure failure)
{
    struct simc__sched_stream *stream = answered(sched, stream_index, cp);
    if (!stream)
        return SIMC_ENOTFOUND;
    if (failure == SIMC__SCHED_NO_HISTORY && stream->asking_priming) {
        note_taken(stream, stream->asked_n);
        return 0;
    }
    if (failure == SIMC__SCHED_NO_HISTORY)
        forget_history(stream);
    pause(stream);
    return 0;
}

int simc__sched_access_criteria(struct simc__sched *sched, unsigned stream_index, uint32_t ac,
                                enum simc__sched_when when, uint64_t tick)
{
    struct simc__sched_stream *stream = find(sched, stream_index);
    if (!stream)
        return SIMC_ENOTFOUND;
    stream->has_wish = ac != (stream->has_next_ac ? stream->next_ac : stream->air_ac);
    /* Back to what is on air: a period that was asked for with other criteria is on its way all the
     * same, and the wish follows it. */
    stream->wish_ac = ac;
    stream->ac_when = (uint8_t)when;
    stream->ac_tick = when == SIMC__SCHED_AT_TICK ? tick : 0;
    stream->wish_is_new = true;
    stream->wish_waits = false;
    return 0;
}

/* ---- requests ---- */

bool simc__sched_is_full(const struct simc__sched *sched)
{
    uint64_t n = simc__sched_next_n(sched);
    if (sched->state != SIMC__SCHED_RUNNING || n < sched->span_first + SIMC__SCHED_AHEAD_MAX)
        return false;
    return sched->starts[n % SIMC__SCHED_AHEAD_MAX] > sched->now_tick;
}

static uint64_t latest_tick(const struct simc__sched *sched,
                            const struct simc__sched_stream *stream)
{
    return simc__sched_less(simc__sched_decision(sched),
                            simc__sched_wait_ticks(sched, stream->reply_time_ms));
}

uint64_t simc__sched_request_tick(const struct simc__sched *sched,
                                  const struct simc__sched_stream *stream)
{
    return simc__sched_less(latest_tick(sched, stream),
                            simc__sched_wait_ticks(sched, sched->margin_ms));
}

static bool is_due(const struct simc__sched *sched, const struct simc__sched_stream *stream)
{
    uint64_t horizon = sched->mapping.horizon_tick;
    if (horizon && simc__sched_next_start(sched) <= horizon)
        return true;
    return sched->now_tick >= simc__sched_request_tick(sched, stream);
}

/* When the ECM of the next period is there at the latest, if the ECMG keeps to its time. */
static uint64_t answer_tick(const struct simc__sched *sched,
                            const struct simc__sched_stream *stream)
{
    uint64_t next = simc__sched_next_n(sched), wait_ms = 0;
    uint64_t asked = stream->is_asking ? stream->asked_n : message_number(sched, stream) - 1;
    if (stream->is_asking)
        wait_ms = simc__sched_less(stream->reply_ms, sched->now_ms + SIMC__SCHED_GUARD_MS);
    wait_ms += simc__sched_less(next, asked) * stream->reply_time_ms;
    return sched->now_tick + simc__sched_wait_ticks(sched, wait_ms);
}

/* True when the ECM of this stream would come in time, but not before an earlier decision. */
static bool is_overtaken(const struct simc__sched *sched, const struct simc__sched_stream *stream,
                         uint64_t decision)
{
    if (!stream->is_up || stream->has_ecm)
        return false;
    uint64_t answer = answer_tick(sched, stream);
    return answer > decision && answer <= simc__sched_decision(sched);
}

/* Whether the ECM of a new question, and those of the other streams, would be there before the
 * decision, with the delays of a change of criteria: a change must not stretch a period. */
static bool fits(const struct simc__sched *sched, const struct simc__sched_stream *stream)
{
    if (sched->state != SIMC__SCHED_RUNNING)
        return true;
    uint64_t wait_ticks = simc__sched_wait_ticks(sched, stream->reply_time_ms);
    /* The question that is open is asked anew, and priming takes as many as are missing. */
    uint64_t again = sched->now_tick + wait_ticks + (stream->is_asking ? wait_ticks : 0);
    uint64_t answer = simc__sched_later(again, answer_tick(sched, stream));
    uint64_t decision = simc__sched_decision_with_ac(sched, stream);
    bool fit = stream->is_up && answer <= decision;
    for (unsigned i = 0; i < sched->stream_count && fit; i++)
        fit = &sched->streams[i] == stream || !is_overtaken(sched, &sched->streams[i], decision);
    return fit;
}

/* Wishes that are there when a period becomes the next one are met by it in any case. */
void simc__sched_wishes_run(struct simc__sched *sched)
{
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if (!stream->wish_is_new)
            continue;
        stream->wish_is_new = false;
        stream->wish_waits = stream->has_wish; /* what would be without it is compared with it */
        if (stream->has_wish && fits(sched, stream))
            stream->wish_waits = false;
    }
}

/* An ECM with the old criteria is given up for one with the new ones where there is time left, and
 * always while nothing is on air. */
static void ask_again(struct simc__sched *sched, struct simc__sched_stream *stream)
{
    if (!stream->has_wish || !stream->has_next_ac || stream->wish_ac == stream->next_ac)
        return;
    if (stream->ac_when == SIMC__SCHED_AT_BOUNDARY && sched->state == SIMC__SCHED_RUNNING)
        return;
    if (simc__sched_next_start(sched) < stream->ac_tick || !fits(sched, stream))
        return;
    stream->has_next_ac = stream->has_ecm = stream->wish_waits = false;
}

static void settle(struct simc__sched *sched, struct simc__sched_stream *stream)
{
    stream->next_ac = simc__sched_next_ac(sched, stream);
    stream->has_next_ac = true;
    simc__sched_plan_next(sched);
    sched->is_settled = true;
}

static void provide(struct simc__sched *sched, struct simc__sched_stream *stream, uint64_t n)
{
    bool is_priming = n != simc__sched_next_n(sched);
    uint64_t latest = is_priming ? 0 : latest_tick(sched, stream);
    if (!is_priming)
        settle(sched, stream);
    struct simc__sched_action *action = simc__sched_put(sched, SIMC__SCHED_PROVIDE, stream, n);
    stream->asked_ac = simc__sched_next_ac(sched, stream);
    action->is_priming = is_priming;
    action->latest_tick = latest;
    action->cw_first = (uint16_t)simc__sched_message_first(stream, n);
    action->cw_count = stream->per_msg;
    action->ac = stream->asked_ac;
    action->send_ac =
        stream->transfer_mode || !stream->has_told || stream->told_ac != stream->asked_ac;
    uint64_t unit = SIMC__SCHED_TICKS_PER_100MS;
    action->cp_duration_100ms = (uint16_t)((sched->next_duration + unit - 1) / unit);
    action->has_cp_duration = !is_priming && action->cp_duration_100ms != stream->nominal_100ms;
    stream->is_asking = true;
    stream->asking_priming = is_priming;
    stream->asked_n = n;
    stream->reply_ms =
        simc_deadline_after(sched->now_ms, (uint64_t)stream->reply_time_ms + SIMC__SCHED_GUARD_MS);
}

static void run_stream(struct simc__sched *sched, struct simc__sched_stream *stream)
{
    if (stream->is_asking && simc_deadline_due(stream->reply_ms, sched->now_ms)) {
        stream->is_asking = false;
        pause(stream);
    }
    if (stream->must_pause)
        stream->retry_ms = simc_deadline_after(sched->now_ms, sched->retry_ms);
    stream->must_pause = false;
    ask_again(sched, stream);
    if (!stream->is_up || stream->is_asking || stream->has_ecm || simc__sched_is_full(sched) ||
        stream->retry_ms > sched->now_ms || simc__sched_room(sched) == 0)
        return;
    uint64_t n = message_number(sched, stream);
    if (n == simc__sched_next_n(sched) && !is_due(sched, stream))
        return;
    if (simc__sched_words_are_usable(sched, simc__sched_message_first(stream, n), stream->per_msg))
        provide(sched, stream, n);
    else
        simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_NO_CW,
                          sched->now_tick >= latest_tick(sched, stream));
}

void simc__sched_streams_run(struct simc__sched *sched)
{
    if (sched->state == SIMC__SCHED_IDLE)
        return;
    for (unsigned i = 0; i < sched->stream_count; i++)
        run_stream(sched, &sched->streams[i]);
}
