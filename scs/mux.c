/* SPDX-License-Identifier: BSL-1.0 */
/* The link to a mux: who it is, how its timeline runs, what it still carries of earlier orders, and
 * the orders for it. service.c carries the connections; scg.c gives the orders. */
#include <stdio.h>
#include <string.h>

#include "scs/internal.h"

enum {
    ORDERS_SIZE = 128 << 10, /* of one event; an ECM may have 65000 bytes */
    DEFINE_SIZE = 64 << 10,
    DEFINES_MOST = 64, /* without an answer */
    REQUEST_MS = 10000,
    LINK_MS = 50, /* that an order may be under way */
};

struct simc__link *simc__scs_mux_link(struct simc__scs_mux *mux)
{
    return mux->link;
}

void simc__scs_mux_owner_set(struct simc__scs_mux *mux, void *owner)
{
    mux->owner = owner;
}

void *simc__scs_mux_owner(const struct simc__scs_mux *mux)
{
    return mux->owner;
}

static void log_mux(const struct simc__scs_mux *mux, enum simc_log_level level, const char *message,
                    const char *why)
{
    simc_log(simc__scs_log(mux->scs), level, message, simc_log_text("mux", mux->name),
             simc_log_text("peer", mux->peer), simc_log_text("why", why));
}

/* Ends the link: what it holds goes on air, and a new one begins with the plan. */
static void fail(struct simc__scs_mux *mux, const char *why)
{
    if (mux->is_failed)
        return;
    mux->is_failed = true;
    log_mux(mux, SIMC_LOG_ERROR, "the link to a mux is given up", why);
    simc__link_close(mux->link, why);
    simc__scs_dirty_mux(mux);
}

/* ---- orders ---- */

void simc__scs_mux_orders_flush(struct simc__scs_mux *mux)
{
    if (mux->orders.count == 0)
        return;
    simc__metric_add(mux->scs->stats, 0, SIMC__SCS_STAT_ORDERS, 0, mux->orders.count);
    int error = simc__scs_mux_orders_end(&mux->orders);
    if (!error && !mux->is_failed)
        error = simc__link_send(mux->link, SIMC__SCS_MUX_ORDERS,
                                simc_slice(mux->memory, mux->writer.at), NULL);
    simc_wipe(mux->memory, ORDERS_SIZE);
    mux->writer = simc_writer(mux->memory, ORDERS_SIZE);
    simc__scs_mux_orders_begin(&mux->orders, &mux->writer);
    if (error)
        fail(mux, "its orders cannot be sent");
    simc__scs_dirty_mux(mux);
}

void simc__scs_mux_order(struct simc__scs_mux *mux, const struct simc__scs_mux_order *order)
{
    int error = simc__scs_mux_orders_put(&mux->orders, order);
    if (error == SIMC_ENOSPC) {
        simc__scs_mux_orders_flush(mux);
        error = simc__scs_mux_orders_put(&mux->orders, order);
    }
    if (error)
        fail(mux, "an order cannot be written");
}

/* ---- definitions ---- */

static void fill_service(const struct simc__scs_scg *scg, size_t index,
                         struct simc__scs_mux_scg_service *service)
{
    const struct simc__scs_service_conf *conf = &scg->conf->services[index];
    memset(service, 0, sizeof *service);
    service->original_network_id =
        conf->has_original_network_id ? conf->original_network_id : SIMC__SCS_MUX_ANY;
    service->transport_stream_id =
        conf->has_transport_stream_id ? conf->transport_stream_id : SIMC__SCS_MUX_ANY;
    service->service_id = simc__scs_service_id(scg, index);
    service->component_count = (uint8_t)conf->components_count;
    for (size_t i = 0; i < conf->components_count; i++)
        service->components[i] = conf->components[i];
}

/* Private bytes of the CA_descriptor: as configured, or those of CA profile 1. */
static uint8_t fill_private(const struct simc__scs_stream *stream, uint8_t *bytes)
{
    size_t size = 0;
    if (stream->conf->private_data) {
        int error = simc_hex_read(simc_slice_text(stream->conf->private_data), bytes,
                                  SIMC__SCS_MUX_PRIVATE_MAX, &size, NULL);
        return error ? 0 : (uint8_t)size;
    }
    if (!stream->conf->has_package)
        return 0;
    struct simc_writer writer = simc_writer(bytes, SIMC__SCS_MUX_PRIVATE_MAX);
    simc_writer_u32(&writer, stream->conf->package);
    simc_writer_u16(&writer, stream->ecm_id);
    return (uint8_t)writer.at;
}

static void fill_stream(const struct simc__scs_stream *stream, struct simc__scs_mux_stream *out)
{
    memset(out, 0, sizeof *out);
    out->stream = stream->index;
    out->super_cas_id = stream->conf->super_cas_id;
    out->ecm_id = stream->ecm_id;
    out->pid = stream->conf->pid;
    out->is_hidden = stream->conf->is_hidden;
    out->private_size = fill_private(stream, out->private_data);
}

static int write_scg(const struct simc__scs_scg *scg, struct simc_writer *writer)
{
    struct simc__scs_mux_scg_service services[SIMC__SCS_MUX_SCG_SERVICES_MAX];
    struct simc__scs_mux_stream streams[SIMC__SCS_MUX_STREAMS_MAX];
    struct simc__scs_mux_scg out = {
        .scg_id = scg->id,
        .scrambling_mode = scg->conf->algorithm,
        .no_scrambling_descriptor = scg->conf->no_scrambling_descriptor,
        .service_count = (uint8_t)scg->conf->services_count,
        .stream_count = scg->stream_count,
        .services = services,
        .streams = streams,
    };
    if (scg->conf->name)
        snprintf(out.name, sizeof out.name, "%s", scg->conf->name);
    for (size_t i = 0; i < scg->conf->services_count; i++)
        fill_service(scg, i, &services[i]);
    for (unsigned i = 0; i < scg->stream_count; i++)
        fill_stream(&scg->streams[i], &streams[i]);
    return simc__scs_mux_scg_write(writer, &out);
}

/* The group alone is the worse for it, as when the mux refuses it. */
static int cannot_define(struct simc__scs_scg *scg)
{
    simc_log(simc__scs_log(scg->scs), SIMC_LOG_ERROR,
             "a group cannot be defined: give it services, no more than a mux takes",
             simc_log_text("mux", scg->mux->name), simc_log_uint("scg", scg->id),
             simc_log_uint("services", scg->conf->services_count));
    simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_MUX, true);
    return 0;
}

/* Sends the definition, and behind it all that a mux which had the group before may lack. */
static int send_definition(struct simc__scs_scg *scg)
{
    struct simc__scs_mux *mux = scg->mux;
    uint8_t *memory = simc_alloc(DEFINE_SIZE);
    if (!memory)
        return SIMC_ENOMEM;
    struct simc_writer writer = simc_writer(memory, DEFINE_SIZE);
    bool is_written = write_scg(scg, &writer) == 0;
    int error = is_written ? simc__link_request(mux->link, SIMC__SCS_MUX_DEFINE,
                                                simc_slice(memory, writer.at), REQUEST_MS, NULL,
                                                mux->scs->now_ms, &scg->define_request)
                           : 0;
    simc_free(memory);
    if (!is_written)
        return cannot_define(scg);
    if (error)
        return error;
    mux->define_count++;
    scg->is_asked = true;
    simc__scs_dirty_mux(mux);
    if (scg->is_defined)
        return 0;
    scg->is_defined = true;
    scg->planned_tick = 0;
    simc__scs_mux_resend(scg);
    return 0;
}

/* Sends as many definitions that wait as may be outstanding. */
static void define_more(struct simc__scs_mux *mux)
{
    struct simc__scs *scs = mux->scs;
    for (size_t i = 0; i < scs->scg_count && mux->define_count < DEFINES_MOST; i++) {
        struct simc__scs_scg *scg = scs->scgs[i];
        if (scg->mux != mux || !scg->wants_define)
            continue;
        int error = send_definition(scg);
        if (error == SIMC_EFULL)
            return;
        scg->wants_define = false;
        if (error)
            fail(mux, "a group cannot be defined");
    }
}

/* What has no room waits for an answer to another request. */
void simc__scs_mux_define(struct simc__scs_scg *scg)
{
    if (!scg->mux || scg->mux->state != SIMC__SCS_MUX_ACTIVE || scg->mux->is_failed)
        return;
    scg->wants_define = true;
    if (scg->mux->define_count >= DEFINES_MOST)
        return;
    int error = send_definition(scg);
    if (error == SIMC_EFULL)
        return;
    scg->wants_define = false;
    if (error)
        fail(scg->mux, "a group cannot be defined");
}

static void send_remove(struct simc__scs_mux *mux, uint32_t scg_id)
{
    uint8_t memory[16];
    uint32_t id;
    struct simc_writer writer = simc_writer(memory, sizeof memory);
    int error = simc__scs_mux_remove_write(&writer, scg_id);
    if (!error)
        error = simc__link_request(mux->link, SIMC__SCS_MUX_REMOVE, simc_slice(memory, writer.at),
                                   REQUEST_MS, NULL, mux->scs->now_ms, &id);
    if (error)
        fail(mux, "a group cannot be removed");
    simc__scs_dirty_mux(mux);
}

void simc__scs_mux_remove(struct simc__scs_scg *scg)
{
    if (scg->mux && scg->is_defined && !scg->mux->is_failed) {
        simc__scs_mux_orders_flush(scg->mux);
        send_remove(scg->mux, scg->id);
    }
    scg->mux = NULL;
    scg->is_defined = scg->is_live = scg->is_asked = false;
    scg->has_timeline_id = false;
}

/* ---- groups of a mux ---- */

/* What the mux needs, and the way to it. */
static uint32_t lead_of(const struct simc__scs_mux *mux)
{
    return mux->announce.air_lead_ms + LINK_MS;
}

static bool belongs(const struct simc__scs_scg *scg, const struct simc__scs_mux *mux)
{
    if (scg->mux && scg->mux != mux)
        return false;
    return !scg->conf->mux || strcmp(scg->conf->mux, mux->name) == 0;
}

static void begin_scg(struct simc__scs_scg *scg, struct simc__scs_mux *mux)
{
    bool is_new = scg->has_timeline_id && scg->timeline_id != mux->announce.timeline_id;
    uint32_t old_lead_ms = scg->air_lead_ms;
    scg->mux = mux;
    scg->air_lead_ms = lead_of(mux);
    if (scg->air_lead_ms != old_lead_ms && simc__scs_scg_begin_anew(scg)) {
        scg->air_lead_ms = old_lead_ms;
        fail(mux, "no memory for a group");
        return;
    }
    scg->has_timeline_id = true;
    scg->timeline_id = mux->announce.timeline_id;
    scg->is_lost = scg->is_defined = false;
    scg->is_live = true;
    simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_NO_MUX, false);
    simc__scs_scg_timeline(scg, is_new);
    simc__scs_mux_define(scg);
}

void simc__scs_mux_assign(struct simc__scs_scg *scg)
{
    for (struct simc__scs_mux *mux = scg->scs->muxes; mux; mux = mux->next)
        if (!scg->mux && mux->state == SIMC__SCS_MUX_ACTIVE && !mux->is_failed && belongs(scg, mux))
            begin_scg(scg, mux);
    simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_NO_MUX,
                        !scg->mux && scg->scs->conf->print == SIMC__SCS_PRINT_NONE);
}

/* ---- the plan that a mux hands back ---- */

static int find_stream(const struct simc__scs_scg *scg, const struct simc__scs_mux_plan_scg *from,
                       uint8_t stream)
{
    for (unsigned i = 0; i < from->stream_count; i++)
        for (unsigned k = 0; from->streams[i].stream == stream && k < scg->stream_count; k++)
            if (scg->streams[k].conf->super_cas_id == from->streams[i].super_cas_id &&
                scg->streams[k].ecm_id == from->streams[i].ecm_id)
                return (int)k;
    return -1;
}

void simc__scs_plan_read(const struct simc__scs_scg *scg, const struct simc__scs_mux_plan_scg *from,
                         struct simc__sched_plan *plan)
{
    memset(plan, 0, sizeof *plan);
    plan->is_clear = from->is_clear;
    plan->end_tick = from->end_tick;
    /* A mux keeps numbers in a ring, so there may be holes: what is behind the last one counts. */
    uint8_t first = from->period_count;
    while (first > 0 && (first == from->period_count ||
                         (uint16_t)(from->periods[first - 1].cp + 1) == from->periods[first].cp))
        first--;
    for (uint8_t i = first; i < from->period_count; i++) {
        struct simc__sched_plan_period *period = &plan->periods[plan->period_count++];
        period->cp = from->periods[i].cp;
        period->start_tick = from->periods[i].start_tick;
        period->cw = from->periods[i].cw;
    }
    for (uint8_t i = 0; i < from->ecm_count; i++) {
        int stream = find_stream(scg, from, from->ecms[i].stream);
        if (stream < 0)
            continue;
        plan->ecms[plan->ecm_count++] = (struct simc__sched_plan_ecm){
            .stream = (uint8_t)stream,
            .cp = from->ecms[i].cp,
            .start_tick = from->ecms[i].start_tick,
            .repetition_ms = from->ecms[i].repetition_ms,
        };
    }
}

/* Only a group that has not run yet takes a plan over: afterwards its own is the newer one. */
static void take_plan(struct simc__scs_mux *mux, const struct simc__scs_mux_plan_scg *from)
{
    struct simc__scs_scg *scg = simc__scs_find(mux->scs, from->scg_id);
    struct simc__sched_plan plan;
    if (!scg || !belongs(scg, mux)) {
        send_remove(mux, from->scg_id);
        return;
    }
    if (scg->has_timeline_id || from->period_count == 0)
        return;
    simc__scs_plan_read(scg, from, &plan);
    uint32_t old_lead_ms = scg->air_lead_ms;
    uint16_t old_first_cp = scg->first_cp;
    scg->air_lead_ms = lead_of(mux);
    /* Numbers that ECMs have published do not come again, whatever becomes of the plan. */
    uint16_t last_cp = from->periods[from->period_count - 1].cp;
    scg->first_cp = (uint16_t)(last_cp + 1);
    int error = simc__scs_scg_begin(scg, &plan);
    simc__sched_plan_wipe(&plan);
    bool is_taken = error == 0;
    if (error && error != SIMC_ENOMEM)
        error = simc__scs_scg_begin(scg, NULL);
    if (error) {
        scg->air_lead_ms = old_lead_ms;
        scg->first_cp = old_first_cp;
        fail(mux, "no memory for the plan of a group");
        return;
    }
    simc_log(simc__scs_log(mux->scs), is_taken ? SIMC_LOG_INFO : SIMC_LOG_ERROR,
             is_taken ? "goes on with the plan of a mux"
                      : "the plan of a mux cannot be taken over; the group begins anew",
             simc_log_uint("scg", scg->id), simc_log_uint("cp", last_cp),
             simc_log_text("mux", mux->name));
}

static void ask_plan(struct simc__scs_mux *mux, bool has_after, uint32_t after)
{
    uint8_t memory[16];
    struct simc_writer writer = simc_writer(memory, sizeof memory);
    int error = simc__scs_mux_plan_request_write(&writer, has_after, after);
    if (!error)
        error = simc__link_request(mux->link, SIMC__SCS_MUX_PLAN, simc_slice(memory, writer.at),
                                   REQUEST_MS, NULL, mux->scs->now_ms, &mux->plan_request);
    if (error)
        fail(mux, "its plan cannot be asked for");
    mux->state = SIMC__SCS_MUX_ASKING;
    simc__scs_dirty_mux(mux);
}

static void activate(struct simc__scs_mux *mux)
{
    struct simc__scs *scs = mux->scs;
    mux->state = SIMC__SCS_MUX_ACTIVE;
    log_mux(mux, SIMC_LOG_INFO, "mux connected", NULL);
    for (size_t i = 0; i < scs->scg_count && !mux->is_failed; i++)
        if (belongs(scs->scgs[i], mux))
            begin_scg(scs->scgs[i], mux);
}

static void plan_came(struct simc__scs_mux *mux, struct simc_slice body)
{
    struct simc__scs_mux_plan_scg *scg = simc_calloc(1, sizeof *scg);
    struct simc__scs_mux_reader reader;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "no memory";
    uint64_t timeline_id;
    bool is_last = false;
    uint32_t last_id = 0;
    size_t count = 0;
    int error =
        scg ? simc__scs_mux_plan_open(body, &reader, &timeline_id, &is_last, why) : SIMC_ENOMEM;
    while (!error && !mux->is_failed) {
        error = simc__scs_mux_plan_next(&reader, scg, why);
        if (error)
            break;
        last_id = scg->scg_id;
        count++;
        take_plan(mux, scg);
        simc__scs_mux_plan_scg_wipe(scg);
    }
    if (scg)
        simc__scs_mux_plan_scg_wipe(scg);
    simc_free(scg);
    if (error && error != SIMC_EEND) {
        fail(mux, why);
        return;
    }
    if (mux->is_failed)
        return; /* the plan is asked for again on the next link */
    if (is_last || count == 0)
        activate(mux);
    else
        ask_plan(mux, true, last_id);
}

/* ---- what a mux says ---- */

static void close_namesake(struct simc__scs_mux *mux)
{
    for (struct simc__scs_mux *other = mux->scs->muxes; other; other = other->next)
        if (other != mux && other->has_announce && strcmp(other->name, mux->name) == 0) {
            simc__scs_mux_part(other);
            fail(other, "another mux of this name has connected");
        }
}

static void announced(struct simc__scs_mux *mux, struct simc_slice body)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    struct simc__scs_mux_announce announce;
    int error = simc__scs_mux_announce_read(body, &announce, why);
    if (error) {
        fail(mux, why[0] ? why : simc_error_text(error));
        return;
    }
    bool is_first = !mux->has_announce;
    bool is_other = !is_first && (announce.timeline_id != mux->announce.timeline_id ||
                                  strcmp(announce.name, mux->name) != 0);
    simc__scs_mux_announce_fini(&mux->announce);
    mux->announce = announce;
    mux->has_announce = true;
    mux->is_file = announce.is_file;
    snprintf(mux->name, sizeof mux->name, "%s", announce.name);
    if (is_other)
        fail(mux, "it has changed its name or timeline on one connection");
    else if (is_first)
        close_namesake(mux);
}

static void timeline_came(struct simc__scs_mux *mux, struct simc_slice body)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    struct simc__scs *scs = mux->scs;
    int error = simc__scs_mux_timeline_read(body, &mux->timeline, why);
    if (error) {
        fail(mux, why[0] ? why : simc_error_text(error));
        return;
    }
    mux->has_timeline = true;
    for (size_t i = 0; mux->state == SIMC__SCS_MUX_ACTIVE && i < scs->scg_count; i++)
        if (scs->scgs[i]->mux == mux)
            simc__scs_scg_timeline(scs->scgs[i], false);
}

static void reports_came(struct simc__scs_mux *mux, struct simc_slice body)
{
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_report report;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    int error = simc__scs_mux_reports_open(body, &reader, why);
    while (!error) {
        error = simc__scs_mux_reports_next(&reader, &report, why);
        if (error || report.type != SIMC__SCS_MUX_REPORT_LATE)
            continue;
        mux->late_count++;
        simc_log(simc__scs_log(mux->scs), SIMC_LOG_WARNING, "an order came too late at the mux",
                 simc_log_text("mux", mux->name), simc_log_uint("scg", report.scg_id),
                 simc_log_uint("cp", report.cp), simc_log_uint("order", report.order),
                 simc_log_uint("late_ms", report.late_ticks / SIMC__SCHED_TICKS_PER_MS));
    }
    if (error != SIMC_EEND)
        fail(mux, why[0] ? why : simc_error_text(error));
}

static void alarm_came(struct simc__scs_mux *mux, struct simc_slice body)
{
    struct simc__scs_mux_alarm alarm;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    int error = simc__scs_mux_alarm_read(body, &alarm, why);
    if (error) {
        fail(mux, why[0] ? why : simc_error_text(error));
        return;
    }
    struct simc__scs_scg *scg = simc__scs_find(mux->scs, alarm.scg_id);
    simc_log(simc__scs_log(mux->scs), alarm.is_raised ? SIMC_LOG_WARNING : SIMC_LOG_INFO,
             alarm.is_raised ? "alarm of a mux" : "alarm of a mux is over",
             simc_log_text("mux", mux->name), simc_log_uint("scg", alarm.scg_id),
             simc_log_text("why", alarm.text));
    if (!scg || scg->mux != mux || (unsigned)alarm.type >= 32)
        return;
    uint32_t bit = (uint32_t)1 << alarm.type;
    scg->mux_alarms = alarm.is_raised ? scg->mux_alarms | bit : scg->mux_alarms & ~bit;
    simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_MUX, scg->mux_alarms != 0);
}

/* ---- answers ---- */

static struct simc__scs_scg *find_definer(const struct simc__scs_mux *mux, uint32_t request)
{
    for (size_t i = 0; i < mux->scs->scg_count; i++) {
        struct simc__scs_scg *scg = mux->scs->scgs[i];
        if (scg->mux == mux && scg->is_asked && scg->define_request == request)
            return scg;
    }
    return NULL;
}

static void defined(struct simc__scs_mux *mux, const struct simc__link_event *event)
{
    struct simc__scs_mux_defined answer;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    struct simc__scs_scg *scg = find_definer(mux, event->id);
    if (mux->define_count)
        mux->define_count--;
    int error = simc__scs_mux_defined_read(event->body, &answer, why);
    if (error) {
        fail(mux, why[0] ? why : simc_error_text(error));
        return;
    }
    if (scg) {
        scg->is_asked = false;
        simc_log(simc__scs_log(mux->scs), answer.remark[0] ? SIMC_LOG_WARNING : SIMC_LOG_DEBUG,
                 "group defined", simc_log_text("mux", mux->name), simc_log_uint("scg", scg->id),
                 simc_log_text("remark", answer.remark[0] ? answer.remark : NULL));
    }
    define_more(mux);
}

static void request_failed(struct simc__scs_mux *mux, const struct simc__link_event *event)
{
    if (event->method == SIMC__SCS_MUX_PLAN) {
        fail(mux, event->text);
        return;
    }
    log_mux(mux, SIMC_LOG_ERROR, "the mux refuses", event->text);
    if (event->method != SIMC__SCS_MUX_DEFINE)
        return;
    struct simc__scs_scg *scg = find_definer(mux, event->id);
    if (mux->define_count)
        mux->define_count--;
    if (scg) {
        scg->is_asked = false;
        simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_MUX, true);
    }
    define_more(mux);
}

static void answered(struct simc__scs_mux *mux, const struct simc__link_event *event)
{
    if (event->method == SIMC__SCS_MUX_PLAN)
        plan_came(mux, event->body);
    else if (event->method == SIMC__SCS_MUX_DEFINE)
        defined(mux, event);
    else
        define_more(mux);
}

static void told(struct simc__scs_mux *mux, const struct simc__link_event *event)
{
    switch (event->method) {
    case SIMC__SCS_MUX_ANNOUNCE:
        announced(mux, event->body);
        break;
    case SIMC__SCS_MUX_TIMELINE:
        timeline_came(mux, event->body);
        break;
    case SIMC__SCS_MUX_REPORTS:
        reports_came(mux, event->body);
        break;
    case SIMC__SCS_MUX_ALARM:
        alarm_came(mux, event->body);
        break;
    default:
        break;
    }
    if (mux->state == SIMC__SCS_MUX_WAITING && mux->has_announce && mux->has_timeline &&
        !mux->is_failed)
        ask_plan(mux, false, 0);
}

void simc__scs_mux_events(struct simc__scs_mux *mux, uint64_t now_ms)
{
    struct simc__link_event event;
    mux->scs->now_ms = now_ms > mux->scs->now_ms ? now_ms : mux->scs->now_ms;
    while (simc__link_next_event(mux->link, &event)) {
        switch (event.type) {
        case SIMC__LINK_EVENT_OPEN:
            mux->state = SIMC__SCS_MUX_WAITING;
            snprintf(mux->name, sizeof mux->name, "%.*s", SIMC__SCS_NAME_SIZE - 1, event.peer);
            break;
        case SIMC__LINK_EVENT_EVENT:
            told(mux, &event);
            break;
        case SIMC__LINK_EVENT_RESPONSE:
            answered(mux, &event);
            break;
        case SIMC__LINK_EVENT_FAILURE:
            request_failed(mux, &event);
            break;
        case SIMC__LINK_EVENT_REQUEST:
            if (simc__link_fail(mux->link, event.id, SIMC__LINK_UNKNOWN_METHOD,
                                "scsd answers no requests"))
                fail(mux, "no memory");
            break;
        case SIMC__LINK_EVENT_NOTICE:
            log_mux(mux, SIMC_LOG_INFO, "link", event.text);
            break;
        case SIMC__LINK_EVENT_CLOSED:
            log_mux(mux, SIMC_LOG_WARNING, "the link to a mux has ended", event.text);
            break;
        default:
            break;
        }
    }
}

/* ---- coming and going ---- */

int simc__scs_mux_connected(struct simc__scs *scs, const char *peer, uint64_t now_ms,
                            struct simc__scs_mux **out)
{
    const struct simc__link_settings settings = {
        .service = SIMC__SCS_MUX_SERVICE,
        .version_min = SIMC__SCS_MUX_VERSION,
        .version_max = SIMC__SCS_MUX_VERSION,
        .name = "scsd",
        .output_limit = 32 << 20,
    };
    size_t count = 0;
    for (const struct simc__scs_mux *mux = scs->muxes; mux; mux = mux->next)
        count++;
    if (count >= SIMC__SCS_MUXES_MAX || scs->is_draining)
        return SIMC_EFULL;
    struct simc__scs_mux *mux = simc_calloc(1, sizeof *mux);
    if (!mux)
        return SIMC_ENOMEM;
    mux->scs = scs;
    snprintf(mux->peer, sizeof mux->peer, "%s", peer);
    mux->memory = simc_alloc(ORDERS_SIZE);
    int error = mux->memory ? simc__link_new(&settings, now_ms, &mux->link) : SIMC_ENOMEM;
    if (error) {
        simc_free(mux->memory);
        simc_free(mux);
        return error;
    }
    mux->writer = simc_writer(mux->memory, ORDERS_SIZE);
    simc__scs_mux_orders_begin(&mux->orders, &mux->writer);
    mux->next = scs->muxes;
    scs->muxes = mux;
    *out = mux;
    return 0;
}

/* Its groups go on for a while as if it were there. */
void simc__scs_mux_part(struct simc__scs_mux *mux)
{
    struct simc__scs *scs = mux->scs;
    for (size_t i = 0; i < scs->scg_count; i++) {
        struct simc__scs_scg *scg = scs->scgs[i];
        if (scg->mux != mux)
            continue;
        scg->mux = NULL;
        scg->is_lost = true;
        scg->lost_ms = scs->now_ms;
        scg->is_defined = scg->is_asked = scg->wants_define = false;
        scg->mux_alarms = 0;
        simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_MUX, false);
        simc__scs_alarm_scg(scg, SIMC__SCS_ALARM_NO_MUX, true);
        simc__scs_dirty_scg(scg);
    }
}

void simc__scs_mux_free(struct simc__scs_mux *mux)
{
    struct simc__scs *scs = mux->scs;
    struct simc__scs_mux **at = &scs->muxes, **dirty = &scs->dirty_muxes;
    simc__scs_mux_part(mux);
    while (*at != mux)
        at = &(*at)->next;
    *at = mux->next;
    while (*dirty && *dirty != mux)
        dirty = &(*dirty)->next_dirty;
    if (*dirty)
        *dirty = mux->next_dirty;
    simc_wipe(mux->memory, ORDERS_SIZE);
    simc_free(mux->memory);
    simc__scs_mux_announce_fini(&mux->announce);
    simc__link_free(mux->link);
    simc_free(mux);
}

void simc__scs_mux_disconnected(struct simc__scs_mux *mux, const char *why, uint64_t now_ms)
{
    struct simc__scs *scs = mux->scs;
    scs->now_ms = now_ms > scs->now_ms ? now_ms : scs->now_ms;
    log_mux(mux, SIMC_LOG_WARNING, "mux disconnected", why);
    simc__scs_mux_free(mux);
    /* Another mux may be there for groups that name none. */
    for (size_t i = 0; i < scs->scg_count && !scs->is_draining; i++)
        if (!scs->scgs[i]->mux)
            simc__scs_mux_assign(scs->scgs[i]);
}
