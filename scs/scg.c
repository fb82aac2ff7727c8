/* SPDX-License-Identifier: BSL-1.0 */
/* A scrambling control group: obeys its scheduler, draws its control words, keeps its ECMs, and
 * tells its mux. scs.c runs it when it is due; ecmg.c and mux.c bring it what happens. */
#include <string.h>

#include "scs/internal.h"

enum {
    ROUNDS_MOST = 16, /* of one call: each CW that is drawn makes the scheduler go on */
    WORD_RETRY_MS = 100,
    CLEAR_GRACE_MS = 10000, /* a group that is to be scrambled has so long before it alarms */
};

/* ---- datagrams ---- */

static void ecms_drop(struct simc__scs_stream *stream, uint16_t oldest_cp)
{
    struct simc__scs_ecm_kept **at = &stream->ecms;
    unsigned kept = 0;
    while (*at) {
        struct simc__scs_ecm_kept *ecm = *at;
        if (simc_cp_distance(ecm->cp, oldest_cp) >= 0 && kept < SIMC__SCS_ECMS_KEPT) {
            kept++;
            at = &ecm->next;
            continue;
        }
        *at = ecm->next;
        simc_free(ecm);
    }
}

static int ecm_keep(struct simc__scs_stream *stream, uint16_t cp, struct simc_slice datagram,
                    bool is_ts)
{
    struct simc__scs_ecm_kept *ecm = simc_alloc(sizeof *ecm + datagram.size);
    if (!ecm)
        return SIMC_ENOMEM;
    ecm->start_tick = ecm->stop_tick = 0;
    ecm->repetition_ms = 0;
    ecm->cp = cp;
    ecm->is_ts = is_ts;
    ecm->size = (uint32_t)datagram.size;
    memcpy(ecm->datagram, datagram.data, datagram.size);
    ecm->next = stream->ecms;
    stream->ecms = ecm;
    ecms_drop(stream, simc__sched_oldest_cp(stream->scg->sched));
    return 0;
}

/* Notes the window of an ECM: a mux that comes later, or is slow to take the definition, must be
 * told of it although the scheduler has done with it. */
static void window_note(struct simc__scs_stream *stream, const struct simc__sched_action *action)
{
    for (struct simc__scs_ecm_kept *ecm = stream->ecms; ecm; ecm = ecm->next) {
        if (ecm->cp != action->cp)
            continue;
        ecm->start_tick = action->start_tick;
        ecm->stop_tick = action->stop_tick;
        ecm->repetition_ms = action->repetition_ms;
        return;
    }
}

/* ---- orders to the mux ---- */

static struct simc__scs_mux *mux_of(const struct simc__scs_scg *scg)
{
    return scg->mux && scg->is_defined ? scg->mux : NULL;
}

static void order_word(struct simc__scs_scg *scg, uint16_t cp)
{
    struct simc__scs_mux_order order = {
        .type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = scg->id, .cp = cp};
    if (mux_of(scg) && simc__sched_cw_get(scg->sched, cp, &order.cw) == 0)
        simc__scs_mux_order(mux_of(scg), &order);
    simc_secret_wipe(&order.cw);
}

static void order_ecm(const struct simc__scs_stream *stream, uint16_t cp,
                      struct simc_slice datagram, bool is_ts)
{
    const struct simc__scs_mux_order order = {
        .type = SIMC__SCS_MUX_ORDER_ECM,
        .scg_id = stream->scg->id,
        .stream = stream->index,
        .cp = cp,
        .is_ts = is_ts,
        .datagram = datagram,
    };
    if (mux_of(stream->scg))
        simc__scs_mux_order(mux_of(stream->scg), &order);
}

static void order_action(struct simc__scs_scg *scg, const struct simc__sched_action *action,
                         enum simc__scs_mux_order_type type)
{
    bool is_window = type == SIMC__SCS_MUX_ORDER_WINDOW;
    const struct simc__scs_mux_order order = {
        .type = type,
        .scg_id = scg->id,
        .stream = is_window ? action->stream : 0,
        .parity = action->parity,
        .cp = action->cp,
        .repetition_ms = action->repetition_ms,
        .is_first = action->is_first,
        .start_tick = action->start_tick,
        .stop_tick = is_window ? action->stop_tick : 0,
    };
    if (mux_of(scg))
        simc__scs_mux_order(mux_of(scg), &order);
}

/* Where the timeline is now, as far as this side knows. */
static uint64_t mapped_tick(const struct simc__scs_scg *scg)
{
    const struct simc__sched_mapping *mapping = &scg->mapping;
    enum { MS_PER_S = 1000 };
    uint64_t now_ms = scg->scs->now_ms;
    uint64_t passed_ms = now_ms > mapping->ms ? now_ms - mapping->ms : 0;
    return mapping->tick + passed_ms * mapping->rate_hz / MS_PER_S;
}

/* Windows that are not over, the oldest first; their ends are known or open. */
static void resend_windows(const struct simc__scs_stream *stream, uint64_t now_tick)
{
    const struct simc__scs_ecm_kept *kept[SIMC__SCS_ECMS_KEPT + 1];
    unsigned count = 0;
    for (const struct simc__scs_ecm_kept *ecm = stream->ecms; ecm; ecm = ecm->next)
        if (ecm->stop_tick > now_tick && count < SIMC__SCS_ECMS_KEPT + 1)
            kept[count++] = ecm;
    while (count--) {
        const struct simc__sched_action action = {.start_tick = kept[count]->start_tick,
                                                  .stop_tick = kept[count]->stop_tick,
                                                  .cp = kept[count]->cp,
                                                  .stream = stream->index,
                                                  .repetition_ms = kept[count]->repetition_ms};
        order_action(stream->scg, &action, SIMC__SCS_MUX_ORDER_WINDOW);
    }
}

void simc__scs_mux_resend(struct simc__scs_scg *scg)
{
    struct simc__sched_plan plan;
    uint64_t now_tick = mapped_tick(scg);
    simc__sched_export(scg->sched, &plan);
    for (unsigned i = 0; i < plan.period_count; i++)
        order_word(scg, plan.periods[i].cp);
    for (unsigned i = 0; i < scg->stream_count; i++)
        for (const struct simc__scs_ecm_kept *ecm = scg->streams[i].ecms; ecm; ecm = ecm->next)
            order_ecm(&scg->streams[i], ecm->cp, simc_slice(ecm->datagram, ecm->size), ecm->is_ts);
    for (unsigned i = 0; !plan.is_clear && i < plan.period_count; i++) {
        const struct simc__sched_plan_period *period = &plan.periods[i];
        const struct simc__sched_action action = {
            .start_tick = period->start_tick, .cp = period->cp, .parity = period->cp & 1};
        /* What is on air, and what comes: older ones are over. */
        bool is_over = i + 1 < plan.period_count && period[1].start_tick <= now_tick;
        if (period->start_tick != SIMC__SCHED_OPEN && !is_over)
            order_action(scg, &action, SIMC__SCS_MUX_ORDER_PERIOD);
    }
    for (unsigned i = 0; i < plan.ecm_count; i++) {
        const struct simc__sched_action action = {.start_tick = plan.ecms[i].start_tick,
                                                  .stop_tick = SIMC__SCHED_OPEN,
                                                  .cp = plan.ecms[i].cp,
                                                  .stream = plan.ecms[i].stream,
                                                  .repetition_ms = plan.ecms[i].repetition_ms};
        order_action(scg, &action, SIMC__SCS_MUX_ORDER_WINDOW);
    }
    for (unsigned i = 0; i < scg->stream_count; i++)
        resend_windows(&scg->streams[i], now_tick);
    simc__sched_plan_wipe(&plan);
}

/* ---- control words ---- */

static int draw_word(struct simc__scs_scg *scg, uint16_t cp)
{
    struct simc__scs *scs = scg->scs;
    struct simc_secret before, word;
    bool reduce = scg->conf->reduce_entropy && scg->conf->algorithm == 1;
    int error = simc__sched_cw_get(scg->sched, (uint16_t)(cp - 1), &before);
    error = simc__scs_word_draw(&scs->environment.source, scg->cw_size, reduce,
                                error ? NULL : &before, &word);
    if (!error)
        error = simc__sched_cw_set(scg->sched, cp, &word);
    simc_secret_wipe(&before);
    simc_secret_wipe(&word);
    simc__metric_count(scs->stats, 0, error ? SIMC__SCS_STAT_WORD_FAILURES : SIMC__SCS_STAT_WORDS);
    return error;
}

/* Those that the source would not give are asked for again later. */
static bool draw_words(struct simc__scs_scg *scg, uint64_t now_ms)
{
    bool has_drawn = false;
    scg->words_ms = SIMC_DEADLINE_NONE;
    for (unsigned i = 0; i < SIMC__SCHED_WORDS_MAX; i++) {
        if ((scg->wanted_words >> i & 1) == 0)
            continue;
        int error = draw_word(scg, scg->wanted_cps[i]);
        if (error && error != SIMC_ENOTFOUND && error != SIMC_EPROTO) {
            scg->words_ms = simc_deadline_after(now_ms, WORD_RETRY_MS);
            continue;
        }
        scg->wanted_words &= ~((uint32_t)1 << i);
        has_drawn = true;
    }
    simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_NO_CW, scg->wanted_words != 0);
    return has_drawn;
}

static void want_words(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    for (unsigned i = 0; i < action->cw_count; i++) {
        uint16_t cp = (uint16_t)(action->cp + i);
        scg->wanted_words |= (uint32_t)1 << cp % SIMC__SCHED_WORDS_MAX;
        scg->wanted_cps[cp % SIMC__SCHED_WORDS_MAX] = cp;
    }
}

/* ---- actions of the scheduler ---- */

static void obey_alarm(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    static const uint8_t alarms[SIMC__SCHED_ALARM_COUNT] = {
        [SIMC__SCHED_ALARM_NO_ECMG] = SIMC__SCS_ALARM_NO_ECMG,
        [SIMC__SCHED_ALARM_LATE_ECM] = SIMC__SCS_ALARM_LATE_ECM,
        [SIMC__SCHED_ALARM_CLAMPED] = SIMC__SCS_ALARM_CLAMPED,
        [SIMC__SCHED_ALARM_EMPTY_WINDOW] = SIMC__SCS_ALARM_EMPTY_WINDOW,
        [SIMC__SCHED_ALARM_CP_RAISED] = SIMC__SCS_ALARM_CP_RAISED,
        [SIMC__SCHED_ALARM_STRETCHED] = SIMC__SCS_ALARM_STRETCHED,
        [SIMC__SCHED_ALARM_LOSS] = SIMC__SCS_ALARM_LOSS,
        [SIMC__SCHED_ALARM_NO_CW] = SIMC__SCS_ALARM_NO_CW,
        [SIMC__SCHED_ALARM_CP_LIMIT] = SIMC__SCS_ALARM_CP_LIMIT,
    };
    enum simc__scs_alarm alarm = (enum simc__scs_alarm)alarms[action->alarm];
    struct simc__metric_set *stats = scg->scs->stats;
    /* These two are watched here: at the start their time has not come. */
    if (alarm == SIMC__SCS_ALARM_NO_CW || alarm == SIMC__SCS_ALARM_NO_ECMG)
        return;
    if (alarm == SIMC__SCS_ALARM_STRETCHED && action->is_raised)
        simc__metric_count(stats, 0, SIMC__SCS_STAT_STRETCHED);
    if (action->stream >= scg->stream_count) {
        simc__scs_alarm_scg(scg, alarm, action->is_raised);
        return;
    }
    struct simc__scs_stream *stream = &scg->streams[action->stream];
    if (alarm == SIMC__SCS_ALARM_LATE_ECM && action->is_raised) {
        simc__metric_count(stats, 0, SIMC__SCS_STAT_LATE);
        simc__scs_count_stream(stream, SIMC__SCS_STREAM_LATE);
    }
    simc__scs_alarm_stream(stream, alarm, action->is_raised);
}

static void obey(struct simc__scs_scg *scg, const struct simc__sched_action *action)
{
    struct simc__scs_stream *stream =
        action->stream < scg->stream_count ? &scg->streams[action->stream] : NULL;
    switch ((enum simc__sched_action_type)action->type) {
    case SIMC__SCHED_NEED_CW:
        want_words(scg, action);
        break;
    case SIMC__SCHED_RESERVE:
        for (unsigned i = 0; i < action->cw_count; i++)
            order_word(scg, (uint16_t)(action->cp + i));
        break;
    case SIMC__SCHED_PROVIDE:
        stream->provide = *action;
        stream->has_provide = scg->has_provides = true;
        break;
    case SIMC__SCHED_PERIOD:
        simc__metric_count(scg->scs->stats, 0, SIMC__SCS_STAT_PERIODS);
        order_action(scg, action, SIMC__SCS_MUX_ORDER_PERIOD);
        for (unsigned i = 0; i < scg->stream_count; i++)
            ecms_drop(&scg->streams[i], simc__sched_oldest_cp(scg->sched));
        break;
    case SIMC__SCHED_WINDOW:
        if (stream)
            window_note(stream, action);
        order_action(scg, action, SIMC__SCS_MUX_ORDER_WINDOW);
        break;
    case SIMC__SCHED_CLEAR:
        order_action(scg, action, SIMC__SCS_MUX_ORDER_CLEAR);
        break;
    case SIMC__SCHED_ALARM:
        obey_alarm(scg, action);
        break;
    default:
        break;
    }
    simc__scs_print_action(scg, action);
}

static void look_at_state(struct simc__scs_scg *scg, uint64_t now_ms)
{
    struct simc__sched_status status;
    simc__sched_status(scg->sched, &status);
    bool is_clear = status.is_wanted && !status.is_scrambled;
    if (!is_clear)
        scg->clear_ms = SIMC_DEADLINE_NONE;
    else if (scg->clear_ms == SIMC_DEADLINE_NONE)
        scg->clear_ms = simc_deadline_after(now_ms, CLEAR_GRACE_MS);
    simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_NOT_SCRAMBLED,
                        is_clear && simc_deadline_due(scg->clear_ms, now_ms));
    for (unsigned i = 0; i < scg->stream_count; i++) {
        struct simc__scs_stream *stream = &scg->streams[i];
        bool is_time = stream->was_served || simc_deadline_due(scg->grace_ms, now_ms);
        simc__scs_alarm_stream(stream, SIMC__SCS_ALARM_NO_ECMG, !stream->is_up && is_time);
    }
    if (!scg->mux || !scg->mux->is_file)
        return;
    const struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_PLANNED,
                                              .scg_id = scg->id,
                                              .start_tick = simc__sched_planned_to(scg->sched)};
    if (order.start_tick == scg->planned_tick)
        return;
    scg->planned_tick = order.start_tick;
    if (mux_of(scg))
        simc__scs_mux_order(mux_of(scg), &order);
}

static uint64_t next_deadline(const struct simc__scs_scg *scg, uint64_t now_ms)
{
    uint64_t deadline_ms = simc_deadline_first(simc__sched_deadline_ms(scg->sched), scg->words_ms);
    if (scg->clear_ms > now_ms)
        deadline_ms = simc_deadline_first(deadline_ms, scg->clear_ms);
    if (scg->grace_ms > now_ms)
        deadline_ms = simc_deadline_first(deadline_ms, scg->grace_ms);
    for (unsigned i = 0; i < scg->stream_count; i++)
        deadline_ms = simc_deadline_first(deadline_ms, scg->streams[i].retry_ms);
    return deadline_ms;
}

static bool is_parted(struct simc__scs_scg *scg, uint64_t now_ms)
{
    uint64_t end_ms = simc_deadline_after(scg->lost_ms, scg->scs->conf->mux_hold_ms);
    return scg->is_lost && now_ms >= end_ms;
}

void simc__scs_scg_run(struct simc__scs_scg *scg, uint64_t now_ms)
{
    struct simc__sched_action action;
    for (unsigned i = 0; i < scg->stream_count; i++)
        if (simc_deadline_due(scg->streams[i].retry_ms, now_ms))
            simc__scs_settle(&scg->streams[i], now_ms);
    if (!scg->is_live || is_parted(scg, now_ms)) {
        uint64_t retry_ms = SIMC_DEADLINE_NONE;
        for (unsigned i = 0; i < scg->stream_count; i++)
            retry_ms = simc_deadline_first(retry_ms, scg->streams[i].retry_ms);
        simc__scs_schedule(scg, retry_ms);
        return;
    }
    /* Control words of CW_provisions that wait must not be dropped meanwhile. */
    if (scg->has_provides) {
        simc__scs_schedule(scg, simc_deadline_after(now_ms, SIMC__SCS_LINK_POLL_MS));
        return;
    }
    scg->run_ms = now_ms;
    bool goes_on = true;
    for (unsigned i = 0; goes_on && i < ROUNDS_MOST; i++) {
        simc__sched_run(scg->sched, now_ms);
        while (simc__sched_next(scg->sched, &action))
            obey(scg, &action);
        goes_on = (scg->wanted_words && draw_words(scg, now_ms)) ||
                  simc_deadline_due(simc__sched_deadline_ms(scg->sched), now_ms);
        goes_on = goes_on && !scg->has_provides;
    }
    look_at_state(scg, now_ms);
    simc__scs_schedule(scg, next_deadline(scg, now_ms));
}

void simc__scs_scg_provide(struct simc__scs_scg *scg, uint64_t now_ms)
{
    scg->has_provides = false;
    for (unsigned i = 0; i < scg->stream_count; i++) {
        struct simc__scs_stream *stream = &scg->streams[i];
        if (!stream->has_provide)
            continue;
        stream->has_provide = false;
        if (!stream->active || simc__scs_lane_avoid(stream, now_ms))
            continue;
        if (simc__scs_lane_provide(stream, &stream->provide, now_ms) == 0)
            stream->is_asking = true;
        else if (!simc__scs_lane_failed(stream->active, false, now_ms))
            simc__scs_stream_no_ecm(stream, stream->provide.cp, SIMC__SCHED_NO_REPLY);
    }
    /* The deadline is that of a scheduler which may have had more to do. */
    simc__scs_dirty_scg(scg);
}

/* ---- what comes from ECMGs ---- */

void simc__scs_stream_up(struct simc__scs_stream *stream)
{
    const struct simc__scs_lane *lane = stream->active;
    const struct simc__scs_ecmg_conf *conf = lane->channel->conf;
    struct simc__sched_ecmg ecmg = {
        .nominal_cp_100ms = lane->nominal_100ms,
        .allowance_ms = conf->reply_allowance_ms,
        .max_comp_ms = conf->max_comp_default_ms,
        .transfer_mode = lane->transfer_mode,
        .from_n = conf->from_n,
    };
    simc__scs_channel_announced(lane->channel, &ecmg.status);
    stream->is_up = simc__sched_stream_up(stream->scg->sched, stream->index, &ecmg) == 0;
    if (!stream->is_up)
        simc_log(simc__scs_log(stream->scg->scs), SIMC_LOG_ERROR,
                 "an ECMG announces a lead_CW over 15, or a CW_per_msg of 0 or over 16",
                 simc_log_text("ecmg", conf->name), simc_log_uint("lead_cw", ecmg.status.lead_cw),
                 simc_log_uint("cw_per_msg", ecmg.status.cw_per_msg));
}

void simc__scs_stream_down(struct simc__scs_stream *stream)
{
    stream->is_up = false;
    simc__scs_alarm_stream(stream, SIMC__SCS_ALARM_ON_BACKUP, false);
    simc__sched_stream_down(stream->scg->sched, stream->index);
}

/* How long before the last moment for it an ECM came; negative: behind it. */
static int64_t margin_of(const struct simc__scs_stream *stream)
{
    struct simc__sched_status status;
    struct simc_ecmg_channel_status announced;
    const struct simc__scs_ecmg_conf *conf = stream->active->channel->conf;
    simc__sched_status(stream->scg->sched, &status);
    /* Before the first period there is no last moment. */
    if (!status.is_scrambled)
        return SIMC__SCS_MARGIN_UNKNOWN;
    simc__scs_channel_announced(stream->active->channel, &announced);
    uint32_t comp_ms =
        announced.max_comp_time_ms ? announced.max_comp_time_ms : conf->max_comp_default_ms;
    int64_t last_ms = (int64_t)(stream->provide.latest_tick / SIMC__SCHED_TICKS_PER_MS) + comp_ms +
                      conf->reply_allowance_ms;
    /* The scheduler's clock is that of its last run; this is now. */
    int64_t now_ms = (int64_t)(status.now_tick / SIMC__SCHED_TICKS_PER_MS) +
                     (int64_t)(stream->scg->scs->now_ms - stream->scg->run_ms);
    return last_ms - now_ms;
}

static void note_margin(struct simc__scs_margin *margin, int64_t margin_ms, uint64_t wall_us)
{
    if (!margin->is_known || margin_ms < margin->lowest_ms) {
        margin->lowest_ms = margin_ms;
        margin->lowest_us = wall_us;
    }
    margin->last_ms = margin_ms;
    margin->is_known = true;
}

static void count_ecm(struct simc__scs_stream *stream, int64_t margin_ms)
{
    const struct simc__scs_environment *environment = &stream->scg->scs->environment;
    struct simc__scs_ecmg *ecmg = stream->active->channel->ecmg;
    uint64_t wall_us = environment->wall_us(environment->context);
    simc__scs_count_stream(stream, SIMC__SCS_STREAM_ECMS);
    if (margin_ms == SIMC__SCS_MARGIN_UNKNOWN)
        return;
    if (stream->stats)
        simc__metric_observe(stream->stats, 0, SIMC__SCS_STREAM_MARGIN,
                             margin_ms > 0 ? (uint64_t)margin_ms : 0);
    note_margin(&stream->margin, margin_ms, wall_us);
    if (ecmg)
        note_margin(&ecmg->margin, margin_ms, wall_us);
}

void simc__scs_stream_ecm(struct simc__scs_stream *stream, uint16_t cp, struct simc_slice datagram,
                          bool is_ts)
{
    struct simc__scs_scg *scg = stream->scg;
    bool wanted;
    stream->is_asking = false;
    int error = simc__sched_ecm(scg->sched, stream->index, cp, datagram.size == 0, &wanted);
    simc__scs_dirty_scg(scg);
    if (error)
        return;
    if (!stream->provide.is_priming) {
        int64_t margin_ms = margin_of(stream);
        count_ecm(stream, margin_ms);
        simc__scs_print_ecm(stream, cp, datagram, margin_ms);
    }
    if (!wanted)
        return;
    if (ecm_keep(stream, cp, datagram, is_ts))
        simc_log(simc__scs_log(scg->scs), SIMC_LOG_ERROR,
                 "no memory: an ECM is sent, but not kept for a mux that comes back",
                 simc_log_uint("scg", scg->id));
    order_ecm(stream, cp, datagram, is_ts);
}

void simc__scs_stream_no_ecm(struct simc__scs_stream *stream, uint16_t cp,
                             enum simc__sched_failure failure)
{
    stream->is_asking = false;
    /* It may have been forgotten: then nothing is outstanding. */
    (void)!simc__sched_no_ecm(stream->scg->sched, stream->index, cp, failure);
    simc__scs_dirty_scg(stream->scg);
}

/* ---- the timeline ---- */

void simc__scs_scg_timeline(struct simc__scs_scg *scg, bool is_new)
{
    enum { US_PER_MS = 1000, SAME_HOST_MS = 5000 };
    uint64_t now_ms = scg->scs->now_ms;
    struct simc__sched_mapping mapping = {
        .tick = now_ms * SIMC__SCHED_TICKS_PER_MS,
        .ms = now_ms,
        .rate_hz = SIMC__SCHED_TICKS_PER_MS * 1000,
        .is_new = is_new,
    };
    if (scg->mux) {
        const struct simc__scs_mux_timeline *timeline = &scg->mux->timeline;
        uint64_t ms = timeline->monotonic_us / US_PER_MS;
        uint64_t apart_ms = ms > now_ms ? ms - now_ms : now_ms - ms;
        mapping.tick = timeline->tick;
        mapping.rate_hz = timeline->rate_hz;
        mapping.horizon_tick = timeline->horizon_tick;
        /* A mux on another host has another monotonic clock. */
        if (apart_ms < SAME_HOST_MS)
            mapping.ms = ms;
    }
    simc__sched_timeline(scg->sched, &mapping);
    mapping.is_new = false;
    scg->mapping = mapping;
    scg->has_mapping = true;
    simc__scs_dirty_scg(scg);
}

/* ---- the scheduler ---- */

static void fill_config(const struct simc__scs_scg *scg, struct simc__sched_config *config)
{
    const struct simc__scs_scg_conf *conf = scg->conf;
    memset(config, 0, sizeof *config);
    config->stream_count = scg->stream_count;
    config->cw_size = scg->cw_size;
    config->first_cp = scg->first_cp;
    config->cp_100ms = (uint16_t)(conf->cp_ms / 100);
    config->air_lead_ms = scg->air_lead_ms;
    config->margin_ms = conf->margin_ms;
    config->retry_ms = conf->retry_ms;
    config->start_wait_ms = conf->start_wait_ms;
    config->start = (enum simc__sched_start)conf->start;
    config->loss_count = (uint8_t)conf->loss_count;
    for (size_t i = 0; i < conf->loss_count; i++) {
        config->loss[i].action = (enum simc__sched_loss)conf->loss[i].action;
        config->loss[i].limit_ms = conf->loss[i].limit_ms;
    }
    for (unsigned i = 0; i < scg->stream_count; i++) {
        config->streams[i].required = scg->streams[i].conf->required;
        config->streams[i].ac = scg->streams[i].ac_number;
    }
}

int simc__scs_scg_begin(struct simc__scs_scg *scg, const struct simc__sched_plan *plan)
{
    struct simc__sched_config config;
    struct simc__sched *sched;
    fill_config(scg, &config);
    int error = simc__sched_new(&config, &sched);
    if (error)
        return error;
    if (plan)
        error = simc__sched_import(sched, plan);
    if (error) {
        simc__sched_free(sched);
        return error;
    }
    simc__sched_free(scg->sched);
    scg->sched = sched;
    simc__sched_cp_floor(sched, scg->floor_100ms);
    scg->wanted_words = 0;
    scg->words_ms = SIMC_DEADLINE_NONE;
    scg->has_provides = false;
    if (scg->has_mapping)
        simc__sched_timeline(sched, &scg->mapping);
    simc__sched_start(sched, SIMC__SCHED_AT_ONCE);
    for (unsigned i = 0; i < scg->stream_count; i++) {
        struct simc__scs_stream *stream = &scg->streams[i];
        stream->is_asking = stream->has_provide = false;
        if (stream->active)
            simc__scs_stream_up(stream);
    }
    return 0;
}

int simc__scs_scg_begin_anew(struct simc__scs_scg *scg)
{
    struct simc__sched_plan plan;
    simc__sched_export(scg->sched, &plan);
    int error = simc__scs_scg_begin(scg, &plan);
    simc__sched_plan_wipe(&plan);
    return error;
}
