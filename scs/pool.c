/* SPDX-License-Identifier: BSL-1.0 */
/* Which ECMG serves which stream. A stream has one lane in use and, where there is a second ECMG of
 * its CA system, one that waits; it changes to that one when the first fails, and goes back to a
 * better one only when that has been in order for `hold`, between two crypto periods. ecmg.c and
 * scg.c call it. */
#include "scs/internal.h"

enum { RETRY_MS = 500, REFUSED_MS = 5000, SHARE = 8, OTHERS_MS = 1000, OTHERS_POLL_MS = 100 };

/* ---- health and rank ---- */

static bool holds(const struct simc__scs *scs, uint64_t failed_ms, uint64_t now_ms)
{
    return now_ms >= simc_deadline_after(failed_ms, scs->conf->hold_ms);
}

static bool channel_is_healthy(const struct simc__scs_channel *channel, uint64_t now_ms)
{
    return channel->is_open &&
           (!channel->has_failed || holds(channel->scs, channel->failed_ms, now_ms));
}

static bool lane_is_healthy(const struct simc__scs_lane *lane, uint64_t now_ms)
{
    return channel_is_healthy(lane->channel, now_ms) &&
           (!lane->has_failed || holds(lane->channel->scs, lane->failed_ms, now_ms));
}

static bool is_open(const struct simc__scs_lane *lane)
{
    return lane && lane->state == SIMC__SCS_LANE_OPEN && lane->channel->is_open;
}

/* True when `a` is to be preferred to `b`, which may be NULL. A channel that answers nobody comes
 * last; then priorities count, then how many streams each has. */
static bool is_better(const struct simc__scs_channel *a, const struct simc__scs_channel *b)
{
    if (!b)
        return true;
    if (a->is_suspect != b->is_suspect)
        return b->is_suspect;
    if (a->conf->priority != b->conf->priority)
        return a->conf->priority < b->conf->priority;
    return a->lane_count < b->lane_count;
}

static bool is_refused(const struct simc__scs_stream *stream,
                       const struct simc__scs_channel *channel, uint64_t now_ms)
{
    return stream->refused_by == channel &&
           now_ms < simc_deadline_after(stream->refused_ms, REFUSED_MS);
}

/* The best channel with room, on an ECMG other than `not_this`. */
static struct simc__scs_channel *find(const struct simc__scs_stream *stream,
                                      const struct simc__scs_ecmg *not_this, uint64_t now_ms)
{
    struct simc__scs_channel *best = NULL;
    for (struct simc__scs_ecmg *ecmg = stream->scg->scs->ecmgs; ecmg; ecmg = ecmg->next) {
        bool has_room = false, is_open_somewhere = false;
        if (ecmg == not_this || ecmg->conf->super_cas_id != stream->conf->super_cas_id)
            continue;
        for (size_t i = 0; i < ecmg->channel_count; i++) {
            struct simc__scs_channel *channel = ecmg->channels[i];
            is_open_somewhere = is_open_somewhere || channel->is_open;
            if (!simc__scs_channel_has_room(channel, now_ms) || is_refused(stream, channel, now_ms))
                continue;
            has_room = true;
            if (is_better(channel, best))
                best = channel;
        }
        bool all_are_up = ecmg->channel_count && ecmg->channels[ecmg->channel_count - 1]->is_open;
        if (!has_room && is_open_somewhere && all_are_up && simc__scs_ecmg_grow(ecmg) == 0)
            continue; /* streams go there when it is open */
    }
    return best;
}

/* ---- changes ---- */

static unsigned lowest_priority(const struct simc__scs_stream *stream)
{
    unsigned lowest = UINT16_MAX;
    for (const struct simc__scs_ecmg *ecmg = stream->scg->scs->ecmgs; ecmg; ecmg = ecmg->next)
        if (ecmg->conf->super_cas_id == stream->conf->super_cas_id && ecmg->conf->priority < lowest)
            lowest = ecmg->conf->priority;
    return lowest;
}

static void count_switch(struct simc__scs_stream *stream, const struct simc__scs_channel *from,
                         const struct simc__scs_channel *to)
{
    struct simc__scs *scs = stream->scg->scs;
    simc__metric_count(scs->stats, 0, SIMC__SCS_STAT_SWITCHES);
    simc__scs_count_stream(stream, SIMC__SCS_STREAM_SWITCHES);
    simc_log(simc__scs_log(scs), SIMC_LOG_INFO, "ECM stream goes to another ECMG",
             simc_log_uint("scg", stream->scg->id), simc_log_uint("ecm_id", stream->ecm_id),
             simc_log_text("from", from ? from->conf->name : NULL),
             simc_log_text("to", to->conf->name));
}

static void use(struct simc__scs_stream *stream, struct simc__scs_lane *lane)
{
    stream->active = lane;
    lane->channel->active_count++;
    lane->failures = 0;
    stream->is_asking = stream->has_provide = false;
    simc__scs_alarm_stream(stream, SIMC__SCS_ALARM_ON_BACKUP,
                           lane->channel->conf->priority > lowest_priority(stream));
    simc__scs_stream_up(stream);
    simc__scs_dirty_scg(stream->scg);
}

static void promote(struct simc__scs_stream *stream)
{
    struct simc__scs_lane *lane = stream->spare;
    stream->spare = NULL;
    if (stream->was_served)
        count_switch(stream, NULL, lane->channel);
    stream->was_served = true;
    use(stream, lane);
}

static void swap(struct simc__scs_stream *stream)
{
    struct simc__scs_lane *old = stream->active;
    count_switch(stream, old->channel, stream->spare->channel);
    old->channel->active_count--;
    old->failures = 0;
    struct simc__scs_lane *lane = stream->spare;
    stream->spare = old;
    use(stream, lane);
}

/* ---- what a stream lacks ---- */

static bool open_spare(struct simc__scs_stream *stream, struct simc__scs_channel *channel,
                       uint64_t now_ms)
{
    if (simc__scs_lane_open(channel, stream, now_ms, &stream->spare) == 0)
        return true;
    stream->spare = NULL;
    return false;
}

static bool wants_spare(const struct simc__scs_stream *stream,
                        const struct simc__scs_channel *channel, uint64_t now_ms)
{
    const struct simc__scs_channel *active = stream->active->channel;
    bool outranks =
        channel->conf->priority < active->conf->priority && channel_is_healthy(channel, now_ms);
    return channel->conf->warm || outranks || active->is_suspect;
}

/* A lane on an ECMG that should rather be used than the one that waits. */
static bool is_worth_it(const struct simc__scs_stream *stream,
                        const struct simc__scs_channel *channel)
{
    const struct simc__scs_channel *spare = stream->spare->channel;
    return spare->is_suspect > channel->is_suspect ||
           (spare->is_suspect == channel->is_suspect &&
            channel->conf->priority < spare->conf->priority);
}

/* ---- the other CA systems of a group ---- */

/* All ECMGs of a group are told one period: the longest that one of them needs. */
static void raise_floor(struct simc__scs_scg *scg)
{
    uint16_t floor = 0;
    for (unsigned k = 0; k < scg->stream_count; k++) {
        uint32_t id = scg->streams[k].conf->super_cas_id;
        if (k > 0 && id == scg->streams[k - 1].conf->super_cas_id)
            continue;
        for (const struct simc__scs_ecmg *ecmg = scg->scs->ecmgs; ecmg; ecmg = ecmg->next)
            if (ecmg->conf->super_cas_id == id && ecmg->need_100ms > floor)
                floor = ecmg->need_100ms;
    }
    scg->floor_100ms = floor;
    simc__sched_cp_floor(scg->sched, floor);
}

/* Neither open nor failed so far: its channel_status may come at any moment. */
static bool is_in_first_attempt(const struct simc__scs *scs, uint32_t super_cas_id)
{
    bool waits = false;
    for (const struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next) {
        if (ecmg->conf->super_cas_id != super_cas_id || ecmg->channel_count == 0)
            continue;
        const struct simc__scs_channel *channel = ecmg->channels[0];
        if (channel->is_open || ecmg->need_100ms)
            return false;
        waits = waits || !channel->why[0];
    }
    return waits;
}

/* True when a first stream is better set up a moment later, when its group's other ECMGs have said
 * what they need. */
static bool waits_for_others(struct simc__scs_stream *stream, uint64_t now_ms)
{
    const struct simc__scs_scg *scg = stream->scg;
    bool waits = false;
    if (stream->was_served)
        return false;
    if (!stream->others_ms)
        stream->others_ms = simc_deadline_after(now_ms, OTHERS_MS);
    for (unsigned k = 0; k < scg->stream_count && !waits; k++)
        waits = is_in_first_attempt(scg->scs, scg->streams[k].conf->super_cas_id);
    return waits && now_ms < stream->others_ms;
}

void simc__scs_settle(struct simc__scs_stream *stream, uint64_t now_ms)
{
    stream->retry_ms = SIMC_DEADLINE_NONE;
    if (stream->scg->scs->is_draining)
        return;
    if (!stream->active && is_open(stream->spare))
        promote(stream);
    const struct simc__scs_ecmg *in_use = stream->active ? stream->active->channel->ecmg : NULL;
    struct simc__scs_channel *best = find(stream, in_use, now_ms);
    if (stream->spare && best && best->ecmg != stream->spare->channel->ecmg &&
        is_worth_it(stream, best)) {
        simc__scs_lane_close(stream->spare, now_ms);
        stream->spare = NULL;
    }
    if (stream->spare)
        return;
    if (!stream->active && best && waits_for_others(stream, now_ms)) {
        stream->retry_ms = simc_deadline_after(now_ms, OTHERS_POLL_MS);
    } else if (!stream->active) {
        if (!best || !open_spare(stream, best, now_ms))
            stream->retry_ms = simc_deadline_after(now_ms, RETRY_MS);
    } else if (best && wants_spare(stream, best, now_ms)) {
        if (!open_spare(stream, best, now_ms))
            stream->retry_ms = simc_deadline_after(now_ms, REFUSED_MS);
    } else if (best) {
        /* A cold backup is no use yet, but a preferred one that comes back is, after the hold. */
        bool may_return = best->conf->priority < stream->active->channel->conf->priority;
        if (may_return)
            stream->retry_ms = simc_deadline_after(now_ms, RETRY_MS);
    } else if (is_refused(stream, stream->refused_by, now_ms)) {
        stream->retry_ms = simc_deadline_after(now_ms, REFUSED_MS);
    }
}

void simc__scs_settle_all(struct simc__scs *scs, uint64_t now_ms)
{
    if (scs->is_draining)
        return;
    for (size_t i = 0; i < scs->scg_count; i++) {
        struct simc__scs_scg *scg = scs->scgs[i];
        raise_floor(scg);
        for (unsigned k = 0; k < scg->stream_count; k++)
            simc__scs_settle(&scg->streams[k], now_ms);
        simc__scs_dirty_scg(scg);
    }
    simc__scs_ecmg_alarms(scs);
}

/* ---- what happens to lanes ---- */

void simc__scs_lane_opened(struct simc__scs_lane *lane, uint64_t now_ms)
{
    struct simc__scs_stream *stream = lane->stream;
    if (!stream)
        return;
    simc__scs_settle(stream, now_ms);
    simc__scs_dirty_scg(stream->scg);
}

void simc__scs_lane_lost(struct simc__scs_lane *lane, uint64_t now_ms)
{
    struct simc__scs_stream *stream = lane->stream;
    if (!stream)
        return;
    lane->stream = NULL;
    if (stream->spare == lane)
        stream->spare = NULL;
    if (stream->active == lane) {
        stream->active = NULL;
        if (lane->channel->active_count)
            lane->channel->active_count--;
        stream->is_asking = stream->has_provide = false;
        if (!is_open(stream->spare))
            simc__scs_stream_down(stream);
    }
    simc__scs_settle(stream, now_ms);
    simc__scs_dirty_scg(stream->scg);
}

bool simc__scs_lane_failed(struct simc__scs_lane *lane, bool is_timeout, uint64_t now_ms)
{
    struct simc__scs_stream *stream = lane->stream;
    (void)is_timeout;
    lane->has_failed = true;
    lane->failed_ms = now_ms;
    lane->failures++;
    if (!is_open(stream->spare)) {
        simc__scs_settle(stream, now_ms);
        return false;
    }
    /* Where both have failed lately they take turns, but not at each failure. */
    if (!lane_is_healthy(stream->spare, now_ms) && lane->failures < SIMC__SCS_FAILURES_MOST)
        return false;
    swap(stream);
    return true;
}

void simc__scs_lane_served(struct simc__scs_lane *lane, uint64_t now_ms)
{
    struct simc__scs_stream *stream = lane->stream;
    lane->failures = 0;
    if (!is_open(stream->spare) || stream->is_asking || !lane_is_healthy(stream->spare, now_ms))
        return;
    const struct simc__scs_channel *spare = stream->spare->channel;
    bool outranks = spare->conf->priority < lane->channel->conf->priority;
    bool is_idler =
        spare->conf->priority == lane->channel->conf->priority &&
        lane->channel->active_count > spare->active_count + 1 + spare->active_count / SHARE;
    if (outranks || is_idler)
        swap(stream);
}

bool simc__scs_lane_avoid(struct simc__scs_stream *stream, uint64_t now_ms)
{
    if (!stream->active->channel->is_suspect || !is_open(stream->spare) ||
        !lane_is_healthy(stream->spare, now_ms))
        return false;
    swap(stream);
    return true;
}
