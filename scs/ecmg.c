/* SPDX-License-Identifier: BSL-1.0 */
/* ECMGs as the configuration names them, and their channels: sessions come and go, and each event
 * of them finds its lane here. service.c carries the connections; pool.c decides who uses them. */
#include <stdio.h>
#include <string.h>

#include "scs/internal.h"

enum {
    SESSION_OUTPUT = 16 << 20,
    SESSION_STREAMS = 65535,
    VERSION_FIRST = 3,
    LANES_FIRST = 16,
    LANES_MOST = 65536,
    ID_FIRST = 1,
    IDS_TRIED = 8,        /* at once, when an ECMG says that the id of a stream is in use */
    SUSPECT_TIMEOUTS = 2, /* in a row, without an ECM for anybody */
};

const struct simc__scs_ecmg_conf *simc__scs_channel_conf(const struct simc__scs_channel *channel)
{
    return channel->conf;
}

void simc__scs_channel_owner_set(struct simc__scs_channel *channel, void *owner)
{
    channel->owner = owner;
}

void *simc__scs_channel_owner(const struct simc__scs_channel *channel)
{
    return channel->owner;
}

static uint16_t channel_id(const struct simc__scs_channel *channel)
{
    return (uint16_t)(channel->conf->channel_id + channel->index);
}

static void log_channel(const struct simc__scs_channel *channel, enum simc_log_level level,
                        const char *message, const char *why)
{
    simc_log(
        simc__scs_log(channel->scs), level, message, simc_log_text("ecmg", channel->conf->name),
        simc_log_uint("channel", channel_id(channel)),
        simc_log_hex("super_cas_id", channel->conf->super_cas_id, 8), simc_log_text("why", why));
}

/* ---- making and releasing ---- */

static int channel_new(struct simc__scs_ecmg *ecmg)
{
    struct simc__scs *scs = ecmg->scs;
    struct simc__scs_channel *channel = simc_calloc(1, sizeof *channel);
    if (!channel)
        return SIMC_ENOMEM;
    channel->scs = scs;
    channel->ecmg = ecmg;
    channel->conf = ecmg->conf;
    channel->index = ecmg->channel_count;
    channel->free_from = ID_FIRST;
    channel->version = ecmg->conf->version ? ecmg->conf->version : VERSION_FIRST;
    int error = scs->environment.connect(scs->environment.context, channel);
    if (error) {
        simc_free(channel);
        return error;
    }
    ecmg->channels[ecmg->channel_count++] = channel;
    return 0;
}

int simc__scs_ecmg_grow(struct simc__scs_ecmg *ecmg)
{
    return ecmg->channel_count < ecmg->conf->channels ? channel_new(ecmg) : SIMC_EFULL;
}

int simc__scs_ecmg_new(struct simc__scs *scs, const struct simc__scs_ecmg_conf *conf,
                       struct simc__scs_ecmg *old, struct simc__scs_ecmg **out)
{
    struct simc__scs_ecmg *ecmg = simc_calloc(1, sizeof *ecmg);
    char id[16];
    if (!ecmg)
        return SIMC_ENOMEM;
    ecmg->scs = scs;
    ecmg->conf = conf;
    ecmg->replaces = old;
    snprintf(id, sizeof id, "0x%08X", (unsigned)conf->super_cas_id);
    const struct simc__metric_label labels[] = {{"ecmg", conf->name}, {"super_cas_id", id}};
    int error = old ? 0
                    : simc__metrics_add(scs->environment.metrics, &simc__scs_ecmg_stats, labels,
                                        sizeof labels / sizeof labels[0], &ecmg->stats);
    if (!error)
        error = channel_new(ecmg);
    if (error) {
        simc__metrics_remove(scs->environment.metrics, ecmg->stats);
        simc_free(ecmg);
        return error;
    }
    *out = ecmg;
    return 0;
}

void simc__scs_ecmg_add(struct simc__scs_ecmg *ecmg)
{
    struct simc__scs *scs = ecmg->scs;
    if (ecmg->replaces) {
        ecmg->stats = ecmg->replaces->stats;
        ecmg->replaces->stats = NULL;
        ecmg->replaces = NULL;
    }
    ecmg->next = scs->ecmgs;
    scs->ecmgs = ecmg;
}

static void channel_free(struct simc__scs_channel *channel)
{
    struct simc__scs_channel **at = &channel->scs->gone;
    while (*at && *at != channel)
        at = &(*at)->next_gone;
    if (*at)
        *at = channel->next_gone;
    /* It may wait to be flushed. */
    struct simc__scs_channel **dirty = &channel->scs->dirty_channels;
    while (*dirty && *dirty != channel)
        dirty = &(*dirty)->next_dirty;
    if (*dirty)
        *dirty = channel->next_dirty;
    for (size_t i = 0; i < channel->lane_size; i++)
        simc_free(channel->lanes[i]);
    simc_free(channel->lanes);
    simc_session_free(channel->session);
    simc_free(channel);
}

/* All its streams look for another ECMG. */
static void lose_lanes(struct simc__scs_channel *channel, uint64_t now_ms)
{
    channel->is_open = false;
    for (size_t i = 0; i < channel->lane_size; i++) {
        struct simc__scs_lane *lane = channel->lanes[i];
        channel->lanes[i] = NULL;
        if (!lane)
            continue;
        channel->lane_count--;
        simc__scs_lane_lost(lane, now_ms);
        simc_free(lane);
    }
    channel->free_from = ID_FIRST;
    channel->id_floor = channel->ids_refused = 0;
    channel->active_count = 0;
}

static void channel_close(struct simc__scs_channel *channel, uint64_t now_ms)
{
    struct simc__scs *scs = channel->scs;
    /* The configuration it comes from may go before it. */
    snprintf(channel->gone_name, sizeof channel->gone_name, "%s", channel->conf->name);
    channel->gone_conf = *channel->conf;
    channel->gone_conf.name = channel->gone_name;
    channel->conf = &channel->gone_conf;
    channel->is_gone = true;
    channel->ecmg = NULL;
    lose_lanes(channel, now_ms);
    channel->next_gone = scs->gone;
    scs->gone = channel;
    if (channel->session) {
        simc_session_close(channel->session, now_ms);
        simc__scs_dirty_channel(channel);
        return;
    }
    scs->environment.disconnect(scs->environment.context, channel);
    channel_free(channel);
}

void simc__scs_ecmg_free(struct simc__scs_ecmg *ecmg, uint64_t now_ms)
{
    struct simc__scs *scs = ecmg->scs;
    struct simc__scs_ecmg **at = &scs->ecmgs;
    while (*at && *at != ecmg)
        at = &(*at)->next;
    if (*at)
        *at = ecmg->next;
    size_t count = ecmg->channel_count;
    ecmg->channel_count = 0; /* so that nobody is placed there again */
    for (size_t i = 0; i < count; i++)
        channel_close(ecmg->channels[i], now_ms);
    simc__scs_alarms_drop(scs, &ecmg->alarms);
    simc__metrics_remove(scs->environment.metrics, ecmg->stats);
    simc_free(ecmg);
}

void simc__scs_channels_drop(struct simc__scs *scs)
{
    while (scs->gone) {
        struct simc__scs_channel *channel = scs->gone;
        scs->environment.disconnect(scs->environment.context, channel);
        channel_free(channel);
    }
}

/* ---- lanes ---- */

static uint32_t least(uint32_t limit, uint32_t other)
{
    return other && other < limit ? other : limit;
}

bool simc__scs_channel_has_room(const struct simc__scs_channel *channel, uint64_t now_ms)
{
    const struct simc_ecmg_channel_status *status =
        channel->is_open ? simc_scs_channel_status(channel->session) : NULL;
    if (!status || channel->is_gone)
        return false;
    uint32_t limit = least(least(SESSION_STREAMS, status->max_streams), channel->conf->max_streams);
    uint64_t again_ms = simc_deadline_after(channel->full_ms, channel->scs->conf->hold_ms);
    if (channel->is_full && now_ms < again_ms)
        limit = least(limit, channel->learned_limit);
    return channel->lane_count < limit;
}

static int slot_take(struct simc__scs_channel *channel, size_t *slot)
{
    size_t at = channel->free_from > channel->id_floor ? channel->free_from : channel->id_floor;
    while (at < channel->lane_size && channel->lanes[at])
        at++;
    if (at >= LANES_MOST)
        return SIMC_EFULL;
    if (at >= channel->lane_size) {
        size_t size = channel->lane_size ? 2 * channel->lane_size : LANES_FIRST;
        struct simc__scs_lane **lanes =
            simc_realloc(channel->lanes, size * sizeof(struct simc__scs_lane *));
        if (!lanes)
            return SIMC_ENOMEM;
        memset(&lanes[channel->lane_size], 0,
               (size - channel->lane_size) * sizeof(struct simc__scs_lane *));
        channel->lanes = lanes;
        channel->lane_size = size;
    }
    *slot = at;
    return 0;
}

void simc__scs_channel_announced(const struct simc__scs_channel *channel,
                                 struct simc_ecmg_channel_status *status)
{
    const struct simc__scs_announced_conf *conf = &channel->conf->announced;
    const struct simc_ecmg_channel_status *is = simc_scs_channel_status(channel->session);
    memset(status, 0, sizeof *status);
    if (is)
        *status = *is;
    if (conf->delay_start.is_set)
        status->delay_start_ms = conf->delay_start.ms;
    if (conf->delay_stop.is_set)
        status->delay_stop_ms = conf->delay_stop.ms;
#define OPTIONAL(member)                       \
    if (conf->member.is_set) {                 \
        status->has_##member = true;           \
        status->member##_ms = conf->member.ms; \
    }
    OPTIONAL(ac_delay_start)
    OPTIONAL(ac_delay_stop)
    OPTIONAL(transition_delay_start)
    OPTIONAL(transition_delay_stop)
#undef OPTIONAL
    if (conf->has_ecm_rep_period)
        status->ecm_rep_period_ms = conf->ecm_rep_period_ms;
    if (conf->has_max_comp_time)
        status->max_comp_time_ms = conf->max_comp_time_ms;
    if (conf->has_min_cp_duration)
        status->min_cp_duration_100ms = (uint16_t)(conf->min_cp_duration_ms / 100);
}

/* The shortest period that the ECMG of an open channel can serve [5.3]. */
static uint32_t need_100ms(const struct simc__scs_channel *channel)
{
    struct simc_ecmg_channel_status announced;
    simc__scs_channel_announced(channel, &announced);
    uint32_t comp_ms = announced.max_comp_time_ms ? announced.max_comp_time_ms
                                                  : channel->conf->max_comp_default_ms;
    uint32_t reply_100ms = (comp_ms + channel->conf->reply_allowance_ms + 99) / 100;
    uint32_t need = announced.min_cp_duration_100ms > reply_100ms ? announced.min_cp_duration_100ms
                                                                  : reply_100ms;
    return need < SIMC__SCHED_CP_MAX_100MS ? need : SIMC__SCHED_CP_MAX_100MS;
}

/* What stream_setup says: the period in force, raised to what this ECMG needs. */
static uint16_t nominal_of(const struct simc__scs_channel *channel,
                           const struct simc__scs_stream *stream)
{
    struct simc__sched_status status;
    simc__sched_status(stream->scg->sched, &status);
    uint32_t need = need_100ms(channel);
    return need > status.nominal_100ms ? (uint16_t)need : status.nominal_100ms;
}

int simc__scs_lane_open(struct simc__scs_channel *channel, struct simc__scs_stream *stream,
                        uint64_t now_ms, struct simc__scs_lane **out)
{
    size_t slot;
    int error = slot_take(channel, &slot);
    struct simc__scs_lane *lane = error ? NULL : simc_calloc(1, sizeof *lane);
    if (!lane)
        return error ? error : SIMC_ENOMEM;
    lane->channel = channel;
    lane->stream = stream;
    lane->id = (uint16_t)slot;
    lane->nominal_100ms = nominal_of(channel, stream);
    error = simc_scs_stream_open(channel->session, lane->id, stream->ecm_id, lane->nominal_100ms,
                                 now_ms);
    simc__scs_dirty_channel(channel); /* a session that has failed wants to be closed */
    if (error) {
        simc_free(lane);
        return error;
    }
    channel->lanes[slot] = lane;
    channel->lane_count++;
    channel->free_from = slot + 1;
    *out = lane;
    return 0;
}

static void lane_free(struct simc__scs_lane *lane)
{
    struct simc__scs_channel *channel = lane->channel;
    channel->lanes[lane->id] = NULL;
    channel->lane_count--;
    if (lane->id < channel->free_from)
        channel->free_from = lane->id;
    simc_free(lane);
}

void simc__scs_lane_close(struct simc__scs_lane *lane, uint64_t now_ms)
{
    if (!lane)
        return;
    lane->stream = NULL;
    lane->state = SIMC__SCS_LANE_CLOSING;
    simc__scs_dirty_channel(lane->channel);
    if (simc_scs_stream_close(lane->channel->session, lane->id, now_ms))
        lane_free(lane);
}

/* ---- CW_provision ---- */

static int words_get(const struct simc__sched *sched, const struct simc__sched_action *action,
                     struct simc_control_word *words)
{
    int error = action->cw_count > SIMC__SCHED_PER_MSG_MAX ? SIMC_EINVAL : 0;
    for (unsigned i = 0; !error && i < action->cw_count; i++) {
        words[i].cp_number = (uint16_t)(action->cw_first + i);
        error = simc__sched_cw_get(sched, words[i].cp_number, &words[i].cw);
    }
    return error;
}

int simc__scs_lane_provide(struct simc__scs_stream *stream, const struct simc__sched_action *action,
                           uint64_t now_ms)
{
    struct simc__scs_channel *channel = stream->active->channel;
    struct simc_control_word words[SIMC__SCHED_PER_MSG_MAX];
    const struct simc__scs_ac *ac = simc__scs_stream_ac(stream, action->ac);
    int error = words_get(stream->scg->sched, action, words);
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream->active->id,
        .cp_number = action->cp,
        .cws = words,
        .cw_count = action->cw_count,
        .priming = action->is_priming,
        .has_cp_duration = action->has_cp_duration,
        .cp_duration_100ms = action->cp_duration_100ms,
        /* The session sends them where transfer mode and change ask for it. With mode 1 they stand
         * in each message, empty where there are none. */
        .has_access_criteria = ac->is_given || stream->active->transfer_mode,
        .access_criteria = simc_slice(ac->bytes, ac->size),
    };
    if (!error)
        error = simc_scs_provide(channel->session, &provision, now_ms);
    simc_wipe(words, sizeof words);
    simc__scs_dirty_channel(channel); /* a session that has failed wants to be closed */
    if (error)
        return error;
    simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_PROVISIONS);
    simc__scs_count_stream(stream, SIMC__SCS_STREAM_PROVISIONS);
    return 0;
}

/* ---- events ---- */

static struct simc__scs_lane *lane_of(const struct simc__scs_channel *channel,
                                      const struct simc_session_event *event)
{
    return event->has_stream && event->ecm_stream_id < channel->lane_size
               ? channel->lanes[event->ecm_stream_id]
               : NULL;
}

/* The stream whose CW_provision this answers; NULL: it went elsewhere meanwhile. */
static struct simc__scs_stream *asker_of(const struct simc__scs_lane *lane)
{
    return lane && lane->stream && lane->stream->active == lane && lane->stream->is_asking
               ? lane->stream
               : NULL;
}

static void channel_opened(struct simc__scs_channel *channel, uint64_t now_ms)
{
    channel->failed_ms = now_ms; /* the hold begins now, if it had failed */
    channel->is_open = true;
    channel->is_full = false;
    channel->timeouts = 0;
    channel->why[0] = channel->told[0] = '\0';
    if (channel->ecmg)
        channel->ecmg->need_100ms = (uint16_t)need_100ms(channel);
    simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_OPENED);
    log_channel(channel, SIMC_LOG_INFO, "channel open", NULL);
    simc__scs_print_ecmg(channel, true, NULL);
    channel->scs->wants_settle = true;
}

/* One sentence for each new reason: an ECMG that refuses says so at each attempt. */
static void tell_closed(struct simc__scs_channel *channel, const char *why, bool was_open,
                        bool is_planned)
{
    bool is_news = was_open || strcmp(channel->told, why) != 0;
    snprintf(channel->why, sizeof channel->why, "%s", why);
    snprintf(channel->told, sizeof channel->told, "%s", why);
    simc__scs_print_ecmg(channel, false, why);
    if (is_news)
        log_channel(channel, is_planned ? SIMC_LOG_INFO : SIMC_LOG_WARNING,
                    was_open ? "channel closed" : "no channel", why);
}

static void channel_closed(struct simc__scs_channel *channel,
                           const struct simc_session_event *event, uint64_t now_ms)
{
    bool was_open = channel->is_open;
    const char *why = event->text[0] ? event->text : simc_session_reason_text(event->reason);
    channel->has_failed = channel->has_failed || was_open;
    channel->failed_ms = now_ms;
    bool is_planned = event->reason == SIMC_REASON_REQUESTED;
    bool is_changed = event->reason == SIMC_REASON_PARAMETERS_CHANGED;
    /* The connection knows better why it was lost: TLS 1.3 refuses a certificate behind its
     * handshake. */
    channel->is_lost = event->reason == SIMC_REASON_DISCONNECTED;
    channel->was_open = was_open;
    if (channel->is_lost)
        snprintf(channel->why, sizeof channel->why, "%s", why);
    else
        tell_closed(channel, why, was_open, is_planned);
    lose_lanes(channel, now_ms);
    channel->scs->wants_settle = true;
    channel->retries_at_once = is_changed;
    if (event->reason != SIMC_REASON_VERSION_REFUSED || channel->conf->version)
        return;
    uint8_t next = simc_scs_version_after(channel->version);
    channel->retries_at_once = next != 0;
    channel->version = next ? next : VERSION_FIRST;
}

bool simc__scs_channel_retries_at_once(struct simc__scs_channel *channel)
{
    bool at_once = channel->retries_at_once;
    channel->retries_at_once = false;
    return at_once;
}

/* True when the ECMG only minds the ECM_stream_id: the stream is tried with another one at once. */
static bool wants_other_id(struct simc__scs_channel *channel, const struct simc__scs_lane *lane,
                           const struct simc_session_event *event)
{
    enum { ID_IN_USE = 0x0014 };
    bool minds = false;
    for (size_t i = 0; i < event->status_count; i++)
        minds = minds || event->statuses[i] == ID_IN_USE;
    if (!minds || channel->ids_refused >= IDS_TRIED)
        return false;
    channel->ids_refused++;
    channel->id_floor = (size_t)lane->id + 1;
    return true;
}

static void stream_closed(struct simc__scs_channel *channel, const struct simc_session_event *event,
                          uint64_t now_ms)
{
    enum { NO_MORE_OF_CHANNEL = 0x0009, NO_MORE_OF_ECMG = 0x000A };
    struct simc__scs_lane *lane = lane_of(channel, event);
    if (!lane)
        return;
    struct simc__scs_stream *stream = lane->stream;
    for (size_t i = 0; i < event->status_count; i++) {
        if (event->statuses[i] != NO_MORE_OF_CHANNEL && event->statuses[i] != NO_MORE_OF_ECMG)
            continue;
        channel->is_full = true;
        channel->full_ms = now_ms;
        channel->learned_limit = (uint32_t)(channel->lane_count > 1 ? channel->lane_count - 1 : 1);
    }
    if (stream) {
        log_channel(channel, SIMC_LOG_WARNING, "stream closed by the ECMG",
                    event->text[0] ? event->text : simc_session_reason_text(event->reason));
        if (!wants_other_id(channel, lane, event)) {
            stream->refused_by = channel;
            stream->refused_ms = now_ms;
        }
        simc__scs_lane_lost(lane, now_ms);
        simc__scs_dirty_scg(stream->scg);
    }
    lane_free(lane);
}

static void ecm_came(struct simc__scs_channel *channel, const struct simc_session_event *event,
                     uint64_t now_ms)
{
    struct simc__scs_lane *lane = lane_of(channel, event);
    struct simc__scs_stream *stream = asker_of(lane);
    enum { US_PER_MS = 1000 };
    channel->timeouts = 0;
    if (!stream) {
        simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_LATE);
        return;
    }
    if (channel->ecmg)
        simc__metric_observe(channel->ecmg->stats, 0, SIMC__SCS_ECMG_REPLY,
                             event->waited_ms * US_PER_MS);
    if (event->ecm.datagram_fault) {
        simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_BAD);
        log_channel(channel, SIMC_LOG_WARNING, "an ECM cannot be used", event->ecm.datagram_fault);
        if (!simc__scs_lane_failed(lane, false, now_ms))
            simc__scs_stream_no_ecm(stream, event->cp_number, SIMC__SCHED_NO_REPLY);
        return;
    }
    const struct simc_ecmg_channel_status *status = simc_scs_channel_status(channel->session);
    simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_ECMS);
    simc__scs_stream_ecm(stream, event->cp_number, event->ecm.datagram,
                         status && status->section_tspkt_flag != 0);
    simc__scs_lane_served(lane, now_ms);
}

static void ecm_missing(struct simc__scs_channel *channel, const struct simc_session_event *event,
                        uint64_t now_ms)
{
    enum { NOT_ENOUGH_CWS = 0x000B };
    struct simc__scs_lane *lane = lane_of(channel, event);
    struct simc__scs_stream *stream = asker_of(lane);
    bool is_timeout = event->status_count == 0;
    bool lacks_history = event->status_count == 1 && event->statuses[0] == NOT_ENOUGH_CWS;
    if (is_timeout)
        simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_TIMEOUTS);
    if (!stream)
        return;
    simc__scs_count_stream(stream,
                           is_timeout ? SIMC__SCS_STREAM_TIMEOUTS : SIMC__SCS_STREAM_ERRORS);
    if (is_timeout) {
        log_channel(channel, SIMC_LOG_WARNING, "no ECM in time", NULL);
        /* Tells soon whether anybody is there; EFULL: it is being asked already. */
        (void)!simc_session_test(channel->session, -1, now_ms);
        simc__scs_dirty_channel(channel);
        if (++channel->timeouts >= SUSPECT_TIMEOUTS) {
            channel->is_suspect = channel->has_failed = true;
            channel->failed_ms = now_ms;
        }
    }
    /* An ECMG that lacks control words is not broken: it is primed anew, once. */
    if (lacks_history && lane->failures == 0) {
        lane->failures++;
        simc__scs_stream_no_ecm(stream, event->cp_number, SIMC__SCHED_NO_HISTORY);
        return;
    }
    if (!simc__scs_lane_failed(lane, is_timeout, now_ms))
        simc__scs_stream_no_ecm(stream, event->cp_number,
                                is_timeout      ? SIMC__SCHED_NO_REPLY
                                : lacks_history ? SIMC__SCHED_NO_HISTORY
                                                : SIMC__SCHED_REFUSED);
}

static void primed(struct simc__scs_channel *channel, const struct simc_session_event *event)
{
    struct simc__scs_stream *stream = asker_of(lane_of(channel, event));
    channel->timeouts = 0;
    simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_PRIMED);
    if (stream)
        simc__scs_stream_ecm(stream, event->cp_number, simc_slice(NULL, 0), false);
}

static void peer_error(struct simc__scs_channel *channel, const struct simc_session_event *event)
{
    for (size_t i = 0; i < event->status_count; i++)
        if (channel->ecmg)
            simc__metric_add(channel->ecmg->stats, 0, SIMC__SCS_ECMG_ERRORS,
                             simc__scs_status_value(event->statuses[i]), 1);
    log_channel(channel, SIMC_LOG_WARNING, "the ECMG reports an error", event->text);
}

static void notice(struct simc__scs_channel *channel, const struct simc_session_event *event)
{
    bool is_grave = event->notice == SIMC_NOTICE_FAULT || event->notice == SIMC_NOTICE_CHANGED;
    if (event->notice == SIMC_NOTICE_LATE)
        simc__scs_count_ecmg(channel, SIMC__SCS_ECMG_LATE);
    log_channel(channel, is_grave ? SIMC_LOG_WARNING : SIMC_LOG_DEBUG, "notice", event->text);
}

static void lane_open(struct simc__scs_channel *channel, const struct simc_session_event *event,
                      uint64_t now_ms)
{
    struct simc__scs_lane *lane = lane_of(channel, event);
    if (!lane || lane->state != SIMC__SCS_LANE_OPENING)
        return;
    lane->state = SIMC__SCS_LANE_OPEN;
    lane->transfer_mode = event->stream_status.access_criteria_transfer_mode;
    simc__scs_lane_opened(lane, now_ms);
}

void simc__scs_channel_events(struct simc__scs_channel *channel, uint64_t now_ms)
{
    struct simc_session_event event;
    while (channel->session && simc_session_next_event(channel->session, &event)) {
        switch (event.type) {
        case SIMC_EVENT_CHANNEL_OPEN:
            channel_opened(channel, now_ms);
            break;
        case SIMC_EVENT_CHANNEL_CLOSED:
            channel_closed(channel, &event, now_ms);
            break;
        case SIMC_EVENT_STREAM_OPEN:
            lane_open(channel, &event, now_ms);
            break;
        case SIMC_EVENT_STREAM_CLOSED:
            stream_closed(channel, &event, now_ms);
            break;
        case SIMC_EVENT_ECM:
            ecm_came(channel, &event, now_ms);
            break;
        case SIMC_EVENT_NO_ECM:
            ecm_missing(channel, &event, now_ms);
            break;
        case SIMC_EVENT_PRIMED:
            primed(channel, &event);
            break;
        case SIMC_EVENT_PEER_ERROR:
            peer_error(channel, &event);
            break;
        case SIMC_EVENT_NOTICE:
            notice(channel, &event);
            break;
        default:
            break;
        }
    }
}

/* ---- the connection ---- */

int simc__scs_channel_connected(struct simc__scs_channel *channel, uint64_t now_ms,
                                struct simc_session **session)
{
    const struct simc__scs_ecmg_conf *conf = channel->conf;
    const struct simc_scs_settings settings = {
        .common = {.strict = conf->strict,
                   .stream_limit = SESSION_STREAMS,
                   .output_limit = SESSION_OUTPUT,
                   .setup_ms = conf->setup_ms,
                   .test_ms = conf->test_ms,
                   .idle_ms = conf->idle_ms ? conf->idle_ms : SIMC_IDLE_TEST_OFF},
        .version = channel->version,
        .ecm_channel_id = channel_id(channel),
        .super_cas_id = conf->super_cas_id,
        .reply_allowance_ms = conf->reply_allowance_ms,
        .reply_max_comp_ms = conf->max_comp_default_ms,
    };
    if (channel->is_gone || channel->scs->is_draining)
        return SIMC_EEND;
    simc_session_free(channel->session);
    channel->session = NULL;
    channel->is_suspect = false;
    int error = simc_scs_session_new(&settings, now_ms, &channel->session);
    *session = channel->session;
    return error;
}

void simc__scs_channel_disconnected(struct simc__scs_channel *channel, const char *why,
                                    uint64_t now_ms)
{
    struct simc__scs *scs = channel->scs;
    if (channel->is_open) { /* the session did not tell, because memory was short */
        snprintf(channel->why, sizeof channel->why, "%s", why);
        channel->has_failed = true;
        channel->failed_ms = now_ms;
        lose_lanes(channel, now_ms);
    }
    if (channel->is_lost)
        tell_closed(channel, why, channel->was_open, false);
    channel->is_lost = false;
    simc_session_free(channel->session);
    channel->session = NULL;
    scs->wants_settle = true;
    if (!channel->is_gone)
        return;
    scs->environment.disconnect(scs->environment.context, channel);
    channel_free(channel);
}

void simc__scs_channel_unreachable(struct simc__scs_channel *channel, const char *why,
                                   uint64_t now_ms)
{
    (void)now_ms;
    bool is_news = strcmp(channel->why, why) != 0;
    snprintf(channel->why, sizeof channel->why, "%s", why);
    if (is_news)
        log_channel(channel, SIMC_LOG_WARNING, "no connection", why);
    channel->scs->wants_settle = true;
}

/* ---- alarms of ECMGs ---- */

static bool is_open(const struct simc__scs_ecmg *ecmg)
{
    bool open = false;
    for (size_t i = 0; i < ecmg->channel_count; i++)
        open = open || ecmg->channels[i]->is_open;
    return open;
}

void simc__scs_ecmg_alarms(struct simc__scs *scs)
{
    for (struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next) {
        /* At the start it may take a moment, and is no alarm before an attempt has failed. */
        bool up = is_open(ecmg) || !ecmg->channel_count || !ecmg->channels[0]->why[0];
        bool other_is_up = false;
        for (const struct simc__scs_ecmg *other = scs->ecmgs; other; other = other->next)
            other_is_up = other_is_up || (other != ecmg && is_open(other) &&
                                          other->conf->super_cas_id == ecmg->conf->super_cas_id);
        simc__scs_alarm(scs, &ecmg->alarms, SIMC__SCS_ALARM_DOWN_SPARE, !up && other_is_up, NULL,
                        NULL, ecmg);
        simc__scs_alarm(scs, &ecmg->alarms, SIMC__SCS_ALARM_DOWN_LAST, !up && !other_is_up, NULL,
                        NULL, ecmg);
    }
}
