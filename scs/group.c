/* SPDX-License-Identifier: BSL-1.0 */
/* Making, changing and releasing scrambling control groups. scs.c calls it at the start and at each
 * reload. */
#include <stdio.h>
#include <string.h>

#include "scs/internal.h"
#include "simulcrypt/cas.h"

/* ---- access criteria ---- */

/* What the configuration says as bytes. @return bytes in `out`, or -1: there are none. */
static int ac_bytes(const struct simc__scs_ecm_conf *conf, uint8_t out[SIMC__SCS_AC_MAX])
{
    size_t size = 0;
    if (conf->has_package) {
        const struct simc_access_criteria criteria = {
            .package = conf->package, .has_content = conf->has_content, .content = conf->content};
        struct simc_writer writer = simc_writer(out, SIMC__SCS_AC_MAX);
        int error = simc_access_criteria_put(&writer, &criteria);
        return error ? -1 : (int)writer.at;
    }
    if (!conf->access_criteria ||
        simc_hex_read(simc_slice_text(conf->access_criteria), out, SIMC__SCS_AC_MAX, &size, NULL))
        return -1;
    return (int)size;
}

const struct simc__scs_ac *simc__scs_stream_ac(const struct simc__scs_stream *stream,
                                               uint32_t number)
{
    const struct simc__scs_ac *newest = &stream->ac[stream->ac_number % SIMC__SCS_AC_KEPT];
    for (unsigned i = 0; i < SIMC__SCS_AC_KEPT; i++)
        if (stream->ac[i].number == number)
            return &stream->ac[i];
    return newest;
}

/* Makes access criteria ready to be taken, if they differ from those of now. */
static int ac_prepare(struct simc__scs_stream *stream, const struct simc__scs_ecm_conf *conf)
{
    uint8_t bytes[SIMC__SCS_AC_MAX];
    int size = ac_bytes(conf, bytes);
    const struct simc__scs_ac *now = simc__scs_stream_ac(stream, stream->ac_number);
    bool is_given = size >= 0;
    bool is_new = stream->ac_number == 0 || now->is_given != is_given ||
                  !simc_slice_equal(simc_slice(now->bytes, now->size),
                                    simc_slice(bytes, is_given ? (size_t)size : 0));
    if (!is_new)
        return 0;
    uint8_t *copy = size > 0 ? simc_alloc((size_t)size) : NULL;
    if (size > 0 && !copy)
        return SIMC_ENOMEM;
    if (copy)
        memcpy(copy, bytes, (size_t)size);
    stream->ac_next = (struct simc__scs_ac){.number = stream->ac_number + 1,
                                            .size = (uint16_t)(is_given ? size : 0),
                                            .is_given = is_given,
                                            .bytes = copy};
    return 0;
}

/* @return true: they are other ones. */
static bool ac_take(struct simc__scs_stream *stream)
{
    if (stream->ac_next.number == 0)
        return false;
    stream->ac_number = stream->ac_next.number;
    struct simc__scs_ac *ac = &stream->ac[stream->ac_number % SIMC__SCS_AC_KEPT];
    simc_free(ac->bytes);
    *ac = stream->ac_next;
    memset(&stream->ac_next, 0, sizeof stream->ac_next);
    return true;
}

static void ac_forget(struct simc__scs_stream *stream)
{
    simc_free(stream->ac_next.bytes);
    memset(&stream->ac_next, 0, sizeof stream->ac_next);
}

/* ---- parts ---- */

static int add_figures(struct simc__scs_stream *stream)
{
    struct simc__scs *scs = stream->scg->scs;
    char scg[16], id[16], ecm_id[8];
    if (scs->stream_total > SIMC__SCS_STREAM_FIGURES_MAX)
        return 0;
    snprintf(scg, sizeof scg, "%u", (unsigned)stream->scg->id);
    snprintf(id, sizeof id, "0x%08X", (unsigned)stream->conf->super_cas_id);
    snprintf(ecm_id, sizeof ecm_id, "%u", (unsigned)stream->ecm_id);
    const struct simc__metric_label labels[] = {
        {"scg", scg}, {"super_cas_id", id}, {"ecm_id", ecm_id}};
    return simc__metrics_add(scs->environment.metrics, &simc__scs_stream_stats, labels,
                             sizeof labels / sizeof labels[0], &stream->stats);
}

static uint16_t ecm_id_of(const struct simc__scs_scg_conf *conf, uint32_t repetition, size_t stream)
{
    return (uint16_t)(conf->streams[stream].ecm_id + repetition * conf->streams_count);
}

static bool is_same_stream(const struct simc__scs_stream *stream,
                           const struct simc__scs_scg_conf *conf, uint32_t repetition, size_t index)
{
    return stream->conf->super_cas_id == conf->streams[index].super_cas_id &&
           stream->ecm_id == ecm_id_of(conf, repetition, index);
}

static void stream_fini(struct simc__scs_stream *stream)
{
    struct simc__scs *scs = stream->scg->scs;
    for (unsigned i = 0; i < SIMC__SCS_AC_KEPT; i++)
        simc_free(stream->ac[i].bytes);
    ac_forget(stream);
    while (stream->ecms) {
        struct simc__scs_ecm_kept *ecm = stream->ecms;
        stream->ecms = ecm->next;
        simc_free(ecm);
    }
    simc__scs_alarms_drop(scs, &stream->alarms);
    simc__metrics_remove(scs->environment.metrics, stream->stats);
}

static void scg_release(struct simc__scs_scg *scg)
{
    struct simc__scs *scs = scg->scs;
    for (unsigned i = 0; i < scg->stream_count; i++)
        stream_fini(&scg->streams[i]);
    struct simc__scs_scg **dirty = &scs->dirty_scgs;
    while (*dirty && *dirty != scg)
        dirty = &(*dirty)->next_dirty;
    if (*dirty)
        *dirty = scg->next_dirty;
    simc__scs_unschedule(scg);
    simc__scs_alarms_drop(scs, &scg->alarms);
    simc__sched_free(scg->sched);
    simc_free(scg);
}

/* ---- what a group has of the one that it replaces ---- */

/* The plan of the old group with the streams of the new one. */
static void translate(const struct simc__scs_scg *old, const struct simc__scs_scg *scg,
                      struct simc__sched_plan *plan)
{
    uint8_t kept = 0;
    for (unsigned i = 0; i < plan->ecm_count; i++) {
        struct simc__sched_plan_ecm ecm = plan->ecms[i];
        for (unsigned k = 0; k < scg->stream_count; k++) {
            if (!is_same_stream(&old->streams[ecm.stream], scg->conf, scg->repetition, k))
                continue;
            ecm.stream = (uint8_t)k;
            ecm.ac = 0;
            plan->ecms[kept++] = ecm;
            break;
        }
    }
    plan->ecm_count = kept;
}

/* The new group plans on where the old one stands; both live until the change is made. */
static int begin_behind(struct simc__scs_scg *scg, const struct simc__scs_scg *old)
{
    struct simc__sched_plan plan;
    simc__sched_export(old->sched, &plan);
    translate(old, scg, &plan);
    scg->air_lead_ms = old->air_lead_ms;
    scg->floor_100ms = old->floor_100ms;
    scg->has_mapping = old->has_mapping;
    scg->mapping = old->mapping;
    if (plan.period_count)
        scg->first_cp = (uint16_t)(plan.periods[plan.period_count - 1].cp + 1);
    /* Another cipher begins with CWs of its own, and the numbers go on. */
    bool is_alike = old->cw_size == scg->cw_size;
    int error = simc__scs_scg_begin(scg, is_alike ? &plan : NULL);
    if (error && error != SIMC_ENOMEM) {
        simc_log(simc__scs_log(scg->scs), SIMC_LOG_ERROR,
                 "the plan of a changed group cannot be taken over; it begins anew",
                 simc_log_uint("scg", scg->id), simc_log_text("why", simc_error_text(error)));
        error = simc__scs_scg_begin(scg, NULL);
    }
    simc__sched_plan_wipe(&plan);
    return error;
}

/* Figures that the old group has go over with their stream. */
static int make_figures(struct simc__scs_scg *scg, const struct simc__scs_scg *old)
{
    int error = 0;
    for (unsigned i = 0; i < scg->stream_count && !error; i++) {
        bool is_there = false;
        for (unsigned k = 0; old && k < old->stream_count; k++)
            is_there =
                is_there || (old->streams[k].stats &&
                             is_same_stream(&old->streams[k], scg->conf, scg->repetition, i));
        if (!is_there)
            error = add_figures(&scg->streams[i]);
    }
    if (!error || error == SIMC_ENOMEM)
        return error;
    simc_log(simc__scs_log(scg->scs), SIMC_LOG_WARNING, "a group has no figures of its own",
             simc_log_uint("scg", scg->id), simc_log_text("why", simc_error_text(error)));
    return 0;
}

/* ---- making ---- */

int simc__scs_scg_new(struct simc__scs *scs, const struct simc__scs_scg_conf *conf,
                      uint32_t repetition, const struct simc__scs_scg *old,
                      struct simc__scs_scg **out)
{
    struct simc__scs_scg *scg =
        simc_calloc(1, sizeof *scg + conf->streams_count * sizeof scg->streams[0]);
    if (!scg)
        return SIMC_ENOMEM;
    scg->scs = scs;
    scg->conf = conf;
    scg->repetition = repetition;
    scg->id = conf->id + repetition;
    scg->cw_size = simc__scs_cw_size(conf->algorithm);
    scg->air_lead_ms = SIMC__SCS_AIR_LEAD_MS;
    scg->first_cp = conf->first_cp;
    scg->deadline_ms = scg->words_ms = scg->clear_ms = SIMC_DEADLINE_NONE;
    scg->grace_ms = simc_deadline_after(scs->now_ms, SIMC__SCS_GRACE_MS);
    scg->stream_count = (uint8_t)conf->streams_count;
    int error = 0;
    for (unsigned i = 0; i < scg->stream_count; i++) {
        struct simc__scs_stream *stream = &scg->streams[i];
        stream->scg = scg;
        stream->conf = &conf->streams[i];
        stream->index = (uint8_t)i;
        stream->ecm_id = ecm_id_of(conf, repetition, i);
        stream->retry_ms = SIMC_DEADLINE_NONE;
        if (!error)
            error = ac_prepare(stream, stream->conf);
        if (!error)
            (void)ac_take(stream);
    }
    if (!error)
        error = old ? begin_behind(scg, old) : simc__scs_scg_begin(scg, NULL);
    if (!error)
        error = make_figures(scg, old);
    if (error) {
        scg_release(scg);
        return error;
    }
    *out = scg;
    return 0;
}

void simc__scs_scg_free(struct simc__scs_scg *scg, uint64_t now_ms)
{
    for (unsigned i = 0; i < scg->stream_count; i++) {
        struct simc__scs_stream *stream = &scg->streams[i];
        if (stream->active && stream->active->channel->active_count)
            stream->active->channel->active_count--;
        simc__scs_lane_close(stream->active, now_ms);
        simc__scs_lane_close(stream->spare, now_ms);
    }
    scg_release(scg);
}

/* ---- changing ---- */

static bool losses_are_equal(const struct simc__scs_scg_conf *a, const struct simc__scs_scg_conf *b)
{
    bool equal = a->loss_count == b->loss_count;
    for (size_t i = 0; equal && i < a->loss_count; i++)
        equal =
            a->loss[i].action == b->loss[i].action && a->loss[i].limit_ms == b->loss[i].limit_ms;
    return equal;
}

bool simc__scs_scg_fits(const struct simc__scs_scg *scg, const struct simc__scs_scg_conf *conf,
                        uint32_t repetition)
{
    const struct simc__scs_scg_conf *old = scg->conf;
    bool fits = old->streams_count == conf->streams_count && losses_are_equal(old, conf) &&
                old->algorithm == conf->algorithm && old->start == conf->start &&
                old->margin_ms == conf->margin_ms && old->start_wait_ms == conf->start_wait_ms &&
                old->retry_ms == conf->retry_ms;
    for (size_t i = 0; fits && i < conf->streams_count; i++)
        fits = is_same_stream(&scg->streams[i], conf, repetition, i) &&
               scg->streams[i].conf->required == conf->streams[i].required;
    return fits;
}

static bool texts_are_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool services_are_equal(const struct simc__scs_scg_conf *a,
                               const struct simc__scs_scg_conf *b)
{
    bool equal = a->services_count == b->services_count;
    for (size_t i = 0; equal && i < a->services_count; i++) {
        const struct simc__scs_service_conf *one = &a->services[i], *other = &b->services[i];
        equal = one->service_id == other->service_id &&
                one->has_transport_stream_id == other->has_transport_stream_id &&
                one->transport_stream_id == other->transport_stream_id &&
                one->has_original_network_id == other->has_original_network_id &&
                one->original_network_id == other->original_network_id &&
                one->components_count == other->components_count;
        for (size_t k = 0; equal && k < one->components_count; k++)
            equal = one->components[k] == other->components[k];
    }
    return equal;
}

/* Whether the mux would be told the same. */
static bool is_defined_alike(const struct simc__scs_scg *scg, const struct simc__scs_scg_conf *conf,
                             uint32_t repetition)
{
    const struct simc__scs_scg_conf *old = scg->conf;
    bool alike = services_are_equal(old, conf) && texts_are_equal(old->name, conf->name) &&
                 old->no_scrambling_descriptor == conf->no_scrambling_descriptor &&
                 scg->repetition == repetition;
    for (size_t i = 0; alike && i < conf->streams_count; i++) {
        const struct simc__scs_ecm_conf *one = &old->streams[i], *other = &conf->streams[i];
        alike = one->pid == other->pid && one->is_hidden == other->is_hidden &&
                one->has_package == other->has_package && one->package == other->package &&
                texts_are_equal(one->private_data, other->private_data);
    }
    return alike;
}

int simc__scs_scg_prepare(struct simc__scs_scg *scg, const struct simc__scs_scg_conf *conf)
{
    int error = 0;
    for (unsigned i = 0; i < scg->stream_count && !error; i++)
        error = ac_prepare(&scg->streams[i], &conf->streams[i]);
    if (error)
        simc__scs_scg_forget(scg);
    return error;
}

void simc__scs_scg_forget(struct simc__scs_scg *scg)
{
    for (unsigned i = 0; i < scg->stream_count; i++)
        ac_forget(&scg->streams[i]);
}

int simc__scs_scg_take(struct simc__scs_scg *scg, const struct simc__scs_scg_conf *conf,
                       uint32_t repetition)
{
    bool is_alike = is_defined_alike(scg, conf, repetition);
    bool same_mux = texts_are_equal(scg->conf->mux, conf->mux);
    int error = 0;
    if (scg->conf->cp_ms != conf->cp_ms)
        error = simc__sched_cp_duration(scg->sched, (uint16_t)(conf->cp_ms / 100));
    scg->conf = conf;
    scg->repetition = repetition;
    for (unsigned i = 0; i < scg->stream_count; i++) {
        struct simc__scs_stream *stream = &scg->streams[i];
        stream->conf = &conf->streams[i];
        int ac_error = ac_take(stream)
                           ? simc__sched_access_criteria(scg->sched, i, stream->ac_number,
                                                         SIMC__SCHED_AT_BOUNDARY, 0)
                           : 0;
        error = error ? error : ac_error;
    }
    if (!same_mux) {
        simc__scs_mux_remove(scg);
        simc__scs_mux_assign(scg);
    } else if (!is_alike) {
        simc__scs_mux_define(scg);
    }
    simc__scs_dirty_scg(scg);
    return error;
}

static void lane_move(struct simc__scs_lane **from, struct simc__scs_lane **to,
                      struct simc__scs_stream *stream)
{
    *to = *from;
    *from = NULL;
    if (*to)
        (*to)->stream = stream;
}

static void stream_move(struct simc__scs_stream *from, struct simc__scs_stream *to)
{
    lane_move(&from->active, &to->active, to);
    lane_move(&from->spare, &to->spare, to);
    to->was_served = from->was_served;
    to->margin = from->margin;
    to->ecms = from->ecms;
    from->ecms = NULL;
    if (from->stats) {
        to->stats = from->stats;
        from->stats = NULL;
    }
    if (to->active)
        simc__scs_stream_up(to);
    bool is_on_backup = (from->alarms.raised >> SIMC__SCS_ALARM_ON_BACKUP & 1) != 0;
    simc__scs_alarm_stream(to, SIMC__SCS_ALARM_ON_BACKUP, is_on_backup);
}

void simc__scs_scg_inherit(struct simc__scs_scg *scg, struct simc__scs_scg *old)
{
    for (unsigned i = 0; i < scg->stream_count; i++)
        for (unsigned k = 0; k < old->stream_count; k++)
            if (is_same_stream(&old->streams[k], scg->conf, scg->repetition, i))
                stream_move(&old->streams[k], &scg->streams[i]);
}
