/* SPDX-License-Identifier: BSL-1.0 */
/* What the synchroniser tells about itself: the status page, gauges, readiness. service.c hands it
 * to the admin side. */
#include <stdio.h>

#include "scs/internal.h"

enum { SHOWN_SCGS_MAX = 256, SHOWN_ALARMS_MAX = 256 };

/* ---- gauges ---- */

static void collect_ecmg(struct simc__scs_ecmg *ecmg)
{
    uint64_t open = 0, active = 0, lanes = 0;
    for (size_t i = 0; i < ecmg->channel_count; i++) {
        open += ecmg->channels[i]->is_open;
        active += ecmg->channels[i]->active_count;
        lanes += ecmg->channels[i]->lane_count;
    }
    simc__metric_store(ecmg->stats, 0, SIMC__SCS_ECMG_CHANNELS, 0, open);
    simc__metric_store(ecmg->stats, 0, SIMC__SCS_ECMG_ACTIVE, 0, active);
    simc__metric_store(ecmg->stats, 0, SIMC__SCS_ECMG_STANDBY, 0, lanes - active);
}

void simc__scs_collect(struct simc__scs *scs)
{
    uint64_t scrambled = 0, streams = 0, served = 0, muxes = 0;
    for (size_t i = 0; i < scs->scg_count; i++) {
        const struct simc__scs_scg *scg = scs->scgs[i];
        struct simc__sched_status status;
        simc__sched_status(scg->sched, &status);
        scrambled += status.is_scrambled;
        streams += scg->stream_count;
        for (unsigned k = 0; k < scg->stream_count; k++)
            served += scg->streams[k].is_up;
    }
    for (const struct simc__scs_mux *mux = scs->muxes; mux; mux = mux->next)
        muxes += mux->state == SIMC__SCS_MUX_ACTIVE;
    simc__metric_store(scs->stats, 0, SIMC__SCS_STAT_SCGS, 0, scs->scg_count);
    simc__metric_store(scs->stats, 0, SIMC__SCS_STAT_SCRAMBLED, 0, scrambled);
    simc__metric_store(scs->stats, 0, SIMC__SCS_STAT_STREAMS, 0, streams);
    simc__metric_store(scs->stats, 0, SIMC__SCS_STAT_SERVED, 0, served);
    simc__metric_store(scs->stats, 0, SIMC__SCS_STAT_MUXES, 0, muxes);
    for (unsigned grade = 0; grade < SIMC__SCS_GRADES; grade++)
        simc__metric_store(scs->stats, 0, SIMC__SCS_STAT_ALARMS, grade, scs->alarm_counts[grade]);
    for (struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next)
        collect_ecmg(ecmg);
}

/* ---- readiness ---- */

bool simc__scs_is_ready(const struct simc__scs *scs, char why[SIMC__SCS_WHY_SIZE])
{
    for (size_t i = 0; i < scs->scg_count; i++) {
        const struct simc__scs_scg *scg = scs->scgs[i];
        struct simc__sched_status status;
        const char *what = NULL;
        simc__sched_status(scg->sched, &status);
        if (!scg->is_live)
            what = "has no mux yet";
        else if (status.is_wanted && !status.is_scrambled)
            what = "is to be scrambled, and is not yet";
        for (unsigned k = 0; !what && k < scg->stream_count; k++)
            if (!scg->streams[k].is_up && scg->streams[k].conf->required)
                what = "has an ECM stream without an ECMG";
        if (!what)
            continue;
        snprintf(why, SIMC__SCS_WHY_SIZE, "scg %u %s", (unsigned)scg->id, what);
        return false;
    }
    return true;
}

/* ---- the status page ---- */

/* Left out until it is known. */
static void put_margin(const struct simc__scs_margin *margin, struct simc__json *json)
{
    if (!margin->is_known)
        return;
    simc__json_object(json, "margin_ms");
    simc__json_int(json, "last", margin->last_ms);
    simc__json_int(json, "lowest", margin->lowest_ms);
    simc__json_utc(json, "lowest_at", margin->lowest_us);
    simc__json_end(json);
}

static void put_ecmgs(const struct simc__scs *scs, struct simc__json *json)
{
    simc__json_array(json, "ecmgs");
    for (const struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next) {
        simc__json_object(json, NULL);
        simc__json_text(json, "name", ecmg->conf->name);
        simc__json_hex(json, "super_cas_id", ecmg->conf->super_cas_id, 8);
        simc__json_format(json, "address", "%s:%u", ecmg->conf->address.host,
                          (unsigned)ecmg->conf->address.port);
        simc__json_uint(json, "priority", ecmg->conf->priority);
        simc__json_array(json, "channels");
        for (size_t i = 0; i < ecmg->channel_count; i++) {
            const struct simc__scs_channel *channel = ecmg->channels[i];
            simc__json_object(json, NULL);
            simc__json_text(json, "state",
                            channel->is_suspect ? "suspect"
                            : channel->is_open  ? "open"
                                                : "down");
            if (!channel->is_open && channel->why[0])
                simc__json_text(json, "why", channel->why);
            if (channel->session)
                simc__json_uint(json, "version", simc_session_version(channel->session));
            simc__json_uint(json, "active", channel->active_count);
            simc__json_uint(json, "standby", channel->lane_count - channel->active_count);
            simc__json_end(json);
        }
        simc__json_end(json);
        simc__json_uint(json, "cw_provisions",
                        simc__metric_total(ecmg->stats, SIMC__SCS_ECMG_PROVISIONS, 0));
        simc__json_uint(json, "ecms", simc__metric_total(ecmg->stats, SIMC__SCS_ECMG_ECMS, 0));
        simc__json_uint(json, "timeouts",
                        simc__metric_total(ecmg->stats, SIMC__SCS_ECMG_TIMEOUTS, 0));
        put_margin(&ecmg->margin, json);
        simc__json_end(json);
    }
    simc__json_end(json);
}

static void put_streams(const struct simc__scs_scg *scg, struct simc__json *json)
{
    simc__json_array(json, "streams");
    for (unsigned i = 0; i < scg->stream_count; i++) {
        const struct simc__scs_stream *stream = &scg->streams[i];
        simc__json_object(json, NULL);
        simc__json_hex(json, "super_cas_id", stream->conf->super_cas_id, 8);
        simc__json_uint(json, "ecm_id", stream->ecm_id);
        simc__json_text(json, "ecmg", stream->active ? stream->active->channel->conf->name : NULL);
        simc__json_text(json, "standby",
                        stream->spare && stream->spare->state == SIMC__SCS_LANE_OPEN
                            ? stream->spare->channel->conf->name
                            : NULL);
        put_margin(&stream->margin, json);
        simc__json_end(json);
    }
    simc__json_end(json);
}

static void put_scgs(const struct simc__scs *scs, struct simc__json *json)
{
    simc__json_array(json, "scgs");
    for (size_t i = 0; i < scs->scg_count && i < SHOWN_SCGS_MAX; i++) {
        const struct simc__scs_scg *scg = scs->scgs[i];
        struct simc__sched_status status;
        simc__sched_status(scg->sched, &status);
        simc__json_object(json, NULL);
        simc__json_uint(json, "id", scg->id);
        if (scg->conf->name)
            simc__json_text(json, "name", scg->conf->name);
        simc__json_text(json, "mux", scg->mux ? scg->mux->name : NULL);
        simc__json_text(json, "state",
                        !scg->is_live          ? "waits for its mux"
                        : status.loss_step > 0 ? "on loss"
                        : status.is_stretched  ? "frozen"
                        : status.is_scrambled  ? "scrambled"
                                               : "clear");
        simc__json_uint(json, "cp", status.air_cp);
        put_streams(scg, json);
        simc__json_end(json);
    }
    simc__json_end(json);
}

static void put_muxes(const struct simc__scs *scs, struct simc__json *json)
{
    simc__json_array(json, "muxes");
    for (const struct simc__scs_mux *mux = scs->muxes; mux; mux = mux->next) {
        simc__json_object(json, NULL);
        simc__json_text(json, "name", mux->name);
        simc__json_text(json, "peer", mux->peer);
        simc__json_bool(json, "active", mux->state == SIMC__SCS_MUX_ACTIVE);
        simc__json_uint(json, "late_orders", mux->late_count);
        simc__json_end(json);
    }
    simc__json_end(json);
}

struct alarm_list {
    struct simc__json *json;
    size_t count;
};

static void put_alarms_of(struct alarm_list *list, const struct simc__scs_alarms *alarms,
                          const struct simc__scs_scg *scg, const struct simc__scs_stream *stream,
                          const struct simc__scs_ecmg *ecmg)
{
    struct simc__json *json = list->json;
    for (unsigned i = 0; i < SIMC__SCS_ALARM_COUNT; i++) {
        if ((alarms->raised >> i & 1) == 0 || list->count++ >= SHOWN_ALARMS_MAX)
            continue;
        simc__json_object(json, NULL);
        simc__json_text(json, "alarm", simc__scs_alarm_name((enum simc__scs_alarm)i));
        simc__json_text(json, "grade",
                        simc__scs_grade_name(simc__scs_alarm_grade((enum simc__scs_alarm)i)));
        simc__json_text(json, "text", simc__scs_alarm_text((enum simc__scs_alarm)i));
        simc__json_utc(json, "since", alarms->since_us[i]);
        if (scg)
            simc__json_uint(json, "scg", scg->id);
        if (stream) {
            simc__json_hex(json, "super_cas_id", stream->conf->super_cas_id, 8);
            simc__json_uint(json, "ecm_id", stream->ecm_id);
        }
        if (ecmg)
            simc__json_text(json, "ecmg", ecmg->conf->name);
        simc__json_end(json);
    }
}

static void put_alarms(const struct simc__scs *scs, struct simc__json *json)
{
    struct alarm_list list = {json, 0};
    simc__json_array(json, "alarms");
    for (const struct simc__scs_ecmg *ecmg = scs->ecmgs; ecmg; ecmg = ecmg->next)
        put_alarms_of(&list, &ecmg->alarms, NULL, NULL, ecmg);
    for (size_t i = 0; i < scs->scg_count; i++) {
        const struct simc__scs_scg *scg = scs->scgs[i];
        put_alarms_of(&list, &scg->alarms, scg, NULL, NULL);
        for (unsigned k = 0; k < scg->stream_count; k++)
            put_alarms_of(&list, &scg->streams[k].alarms, scg, &scg->streams[k], NULL);
    }
    simc__json_end(json);
    for (unsigned grade = 0; grade < SIMC__SCS_GRADES; grade++)
        simc__json_uint(json, simc__scs_grade_name((enum simc__scs_grade)grade),
                        scs->alarm_counts[grade]);
}

void simc__scs_status(struct simc__scs *scs, struct simc__json *json)
{
    simc__json_uint(json, "scg_count", scs->scg_count);
    simc__json_uint(json, "periods", simc__metric_total(scs->stats, SIMC__SCS_STAT_PERIODS, 0));
    simc__json_uint(json, "stretched", simc__metric_total(scs->stats, SIMC__SCS_STAT_STRETCHED, 0));
    simc__json_uint(json, "late_ecms", simc__metric_total(scs->stats, SIMC__SCS_STAT_LATE, 0));
    simc__json_uint(json, "switches", simc__metric_total(scs->stats, SIMC__SCS_STAT_SWITCHES, 0));
    put_alarms(scs, json);
    put_ecmgs(scs, json);
    put_muxes(scs, json);
    put_scgs(scs, json);
}
