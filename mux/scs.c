/* SPDX-License-Identifier: BSL-1.0 */
/* The connection of a multiplex to the SCS: what is announced, reported and asked goes over the
 * internal link here; the engine obeys. multiplex.c starts it and has it tell. */
#include <stdio.h>
#include <string.h>

#include "daemon/link.h"
#include "mux/multiplex.h"
#include "sys/clock.h"

enum {
    RETRY_FIRST_MS = 100,
    RETRY_MOST_MS = 100,   /* it costs little, and each second counts for the next period */
    MESSAGE_SIZE = 229376, /* below the link's frame_limit */
    /* Reports wait in the engine, which keeps them longer than any message of ours does. */
    OUTPUT_MOST = 1 << 20,
};

static const char *name_of(const struct simc__muxd_multiplex *multiplex)
{
    return multiplex->conf->name;
}

static bool is_open(const struct simc__muxd_multiplex *multiplex)
{
    return multiplex->link && multiplex->connection && simc__link_is_open(multiplex->link);
}

static struct simc_writer message(struct simc__muxd_multiplex *multiplex)
{
    return simc_writer(multiplex->message, MESSAGE_SIZE);
}

/* Sends an event; what the link cannot take now is counted: the SCS asks for the plan when it comes
 * back. */
static void send_event(struct simc__muxd_multiplex *multiplex, uint32_t topic,
                       const struct simc_writer *out)
{
    int error = out->error ? out->error
                           : simc__link_send(multiplex->link, topic,
                                             simc_slice(multiplex->message, out->at), NULL);
    if (error)
        multiplex->messages_lost++;
}

/* Inside of on_events the adapter sends anyway. */
static void send_now(struct simc__muxd_multiplex *multiplex)
{
    if (multiplex->connection && !multiplex->is_in_events)
        simc_uv_connection_pump(multiplex->connection);
}

/* ---- to the SCS ---- */

static void send_announce(struct simc__muxd_multiplex *multiplex)
{
    struct simc__scs_mux_announce announce;
    struct simc_writer out = message(multiplex);
    if (simc__mux_announce(multiplex->mux, &announce)) {
        multiplex->messages_lost++;
        return;
    }
    if (simc__scs_mux_announce_write(&out, &announce) == 0 || out.error)
        send_event(multiplex, SIMC__SCS_MUX_ANNOUNCE, &out);
    simc__scs_mux_announce_fini(&announce);
}

static void send_timeline(struct simc__muxd_multiplex *multiplex)
{
    struct simc__scs_mux_timeline timeline;
    struct simc_writer out = message(multiplex);
    simc__mux_timeline(multiplex->mux, simc__clock_monotonic_ns(), &timeline);
    if (simc__scs_mux_timeline_write(&out, &timeline) == 0 || out.error)
        send_event(multiplex, SIMC__SCS_MUX_TIMELINE, &out);
}

void simc__muxd_scs_timeline(struct simc__muxd_multiplex *multiplex)
{
    if (!is_open(multiplex))
        return;
    send_timeline(multiplex);
    send_now(multiplex);
}

void simc__muxd_scs_alarm(struct simc__muxd_multiplex *multiplex,
                          const struct simc__mux_alarm *alarm)
{
    struct simc__scs_mux_alarm told = {.type = (enum simc__scs_mux_alarm_type)alarm->type,
                                       .scg_id = alarm->scg_id,
                                       .stream = alarm->stream,
                                       .is_raised = alarm->is_raised};
    /* The others are about the multiplex, not about an SCG. */
    if (!is_open(multiplex) || !alarm->has_scg || alarm->type >= SIMC__MUX_ALARM_INPUT_LOST)
        return;
    struct simc_writer out = message(multiplex);
    snprintf(told.text, sizeof told.text, "%s", alarm->text);
    if (simc__scs_mux_alarm_write(&out, &told) == 0 || out.error)
        send_event(multiplex, SIMC__SCS_MUX_ALARM, &out);
    multiplex->has_unsent = true;
}

/* As many messages as it takes. A report that does not fit one begins the next. */
static void send_reports(struct simc__muxd_multiplex *multiplex)
{
    struct simc__scs_mux_orders reports;
    struct simc__scs_mux_report report;
    bool has_one = simc__mux_report_next(multiplex->mux, &report);
    while (has_one && simc__link_waiting(multiplex->link) < OUTPUT_MOST) {
        struct simc_writer out = message(multiplex);
        simc__scs_mux_reports_begin(&reports, &out);
        while (has_one && simc__scs_mux_reports_put(&reports, &report) == 0)
            has_one = simc__mux_report_next(multiplex->mux, &report);
        if (simc__scs_mux_reports_end(&reports) || !reports.count) {
            multiplex->messages_lost++;
            return;
        }
        send_event(multiplex, SIMC__SCS_MUX_REPORTS, &out);
    }
}

void simc__muxd_scs_tell(struct simc__muxd_multiplex *multiplex)
{
    if (!is_open(multiplex))
        return;
    size_t before = simc__link_waiting(multiplex->link);
    unsigned news = simc__mux_news(multiplex->mux);
    if (news & SIMC__MUX_NEWS_ANNOUNCE)
        send_announce(multiplex);
    if (news & SIMC__MUX_NEWS_TIMELINE)
        send_timeline(multiplex);
    if (simc__link_waiting(multiplex->link) < OUTPUT_MOST)
        send_reports(multiplex);
    if (simc__link_waiting(multiplex->link) != before || multiplex->has_unsent)
        send_now(multiplex);
    multiplex->has_unsent = false;
}

/* ---- from the SCS ---- */

static void refuse(struct simc__muxd_multiplex *multiplex, uint32_t id, enum simc__link_code code,
                   const char *text)
{
    if (simc__link_fail(multiplex->link, id, code, text) == SIMC_ENOMEM)
        multiplex->messages_lost++;
}

static void respond(struct simc__muxd_multiplex *multiplex, uint32_t id,
                    const struct simc_writer *out)
{
    int error = out->error ? out->error
                           : simc__link_respond(multiplex->link, id,
                                                simc_slice(multiplex->message, out->at));
    /* It was cancelled: nobody waits for it. */
    if (error && error != SIMC_ENOTFOUND)
        refuse(multiplex, id, SIMC__LINK_INTERNAL, "the answer cannot be sent");
}

/* A part of the plan: as many SCGs as fit. */
static void answer_plan(struct simc__muxd_multiplex *multiplex,
                        const struct simc__link_event *event)
{
    struct simc__scs_mux_orders plan;
    struct simc__scs_mux_plan_scg scg;
    struct simc_writer out = message(multiplex);
    bool has_after = false, is_last = true;
    uint32_t after = 0;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    if (simc__scs_mux_plan_request_read(event->body, &has_after, &after, why)) {
        refuse(multiplex, event->id, SIMC__LINK_BAD_REQUEST, why);
        return;
    }
    simc__scs_mux_plan_begin(&plan, &out, multiplex->timeline_id);
    while (simc__mux_plan(multiplex->mux, has_after, after, &scg) == 0) {
        int error = simc__scs_mux_plan_put(&plan, &scg);
        has_after = true;
        after = scg.scg_id;
        simc__scs_mux_plan_scg_wipe(&scg);
        is_last = !error;
        if (error)
            break;
    }
    if (simc__scs_mux_plan_end(&plan, is_last))
        refuse(multiplex, event->id, SIMC__LINK_INTERNAL, "the plan cannot be written");
    else
        respond(multiplex, event->id, &out);
    /* It holds control words. */
    simc_wipe(multiplex->message, out.at < MESSAGE_SIZE ? out.at : MESSAGE_SIZE);
}

static void answer_define(struct simc__muxd_multiplex *multiplex,
                          const struct simc__link_event *event)
{
    struct simc__scs_mux_scg scg;
    struct simc__scs_mux_defined defined;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    uint32_t code = SIMC__LINK_BAD_REQUEST;
    struct simc_writer out = message(multiplex);
    memset(&defined, 0, sizeof defined);
    if (simc__scs_mux_scg_read(event->body, &scg, why)) {
        refuse(multiplex, event->id, SIMC__LINK_BAD_REQUEST, why);
        return;
    }
    int error = simc__mux_define(multiplex->mux, &scg, &defined, &code, why);
    if (error) {
        simc_log(multiplex->log, SIMC_LOG_WARNING, "an SCG is refused",
                 simc_log_text("multiplex", name_of(multiplex)), simc_log_uint("scg", scg.scg_id),
                 simc_log_text("name", scg.name), simc_log_text("why", why));
        refuse(multiplex, event->id,
               error == SIMC_ENOMEM ? SIMC__LINK_INTERNAL : (enum simc__link_code)code,
               error == SIMC_ENOMEM ? "no memory" : why);
    } else {
        simc_log(multiplex->log, SIMC_LOG_INFO, "an SCG is defined",
                 simc_log_text("multiplex", name_of(multiplex)), simc_log_uint("scg", scg.scg_id),
                 simc_log_text("name", scg.name), simc_log_uint("services", scg.service_count),
                 simc_log_uint("ecm_streams", scg.stream_count),
                 simc_log_text("remark", defined.remark));
        if (simc__scs_mux_defined_write(&out, &defined) == 0 || out.error)
            respond(multiplex, event->id, &out);
    }
    simc__scs_mux_scg_fini(&scg);
}

static void answer_remove(struct simc__muxd_multiplex *multiplex,
                          const struct simc__link_event *event)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    uint32_t scg_id = 0;
    struct simc_writer out = message(multiplex);
    if (simc__scs_mux_remove_read(event->body, &scg_id, why)) {
        refuse(multiplex, event->id, SIMC__LINK_BAD_REQUEST, why);
        return;
    }
    if (simc__mux_remove(multiplex->mux, scg_id)) {
        refuse(multiplex, event->id, SIMC__LINK_NOT_FOUND, "there is no such SCG");
        return;
    }
    simc_log(multiplex->log, SIMC_LOG_NOTICE, "an SCG is removed; its services are clear",
             simc_log_text("multiplex", name_of(multiplex)), simc_log_uint("scg", scg_id));
    respond(multiplex, event->id, &out);
}

static void on_request(struct simc__muxd_multiplex *multiplex, const struct simc__link_event *event)
{
    static const struct {
        uint32_t method;
        void (*answer)(struct simc__muxd_multiplex *multiplex,
                       const struct simc__link_event *event);
    } rows[] = {
        {SIMC__SCS_MUX_PLAN, answer_plan},
        {SIMC__SCS_MUX_DEFINE, answer_define},
        {SIMC__SCS_MUX_REMOVE, answer_remove},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].method == event->method) {
            rows[i].answer(multiplex, event);
            return;
        }
    }
    refuse(multiplex, event->id, SIMC__LINK_UNKNOWN_METHOD, "a mux knows PLAN, DEFINE and REMOVE");
}

static void obey(struct simc__muxd_multiplex *multiplex, struct simc__scs_mux_order *order)
{
    int error = simc__mux_order(multiplex->mux, order);
    simc_secret_wipe(&order->cw);
    if (!error)
        return;
    /* The first of many is enough for a log; the status has their number. */
    if (multiplex->orders_bad++ == 0)
        simc_log(multiplex->log, SIMC_LOG_WARNING, "an order of the SCS cannot be obeyed",
                 simc_log_text("multiplex", name_of(multiplex)),
                 simc_log_uint("scg", order->scg_id), simc_log_uint("type", order->type),
                 simc_log_text("why", simc_error_text(error)));
}

static void on_orders(struct simc__muxd_multiplex *multiplex, struct simc_slice body)
{
    struct simc__scs_mux_reader reader;
    struct simc__scs_mux_order order;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    int error = simc__scs_mux_orders_open(body, &reader, why);
    while (!error) {
        memset(&order, 0, sizeof order);
        error = simc__scs_mux_orders_next(&reader, &order, why);
        if (!error)
            obey(multiplex, &order);
    }
    simc_secret_wipe(&order.cw);
    if (error == SIMC_EEND)
        return;
    simc_log(multiplex->log, SIMC_LOG_ERROR, "orders of the SCS cannot be read",
             simc_log_text("multiplex", name_of(multiplex)), simc_log_text("why", why));
    simc__link_close(multiplex->link, why[0] ? why : simc_error_text(error));
}

static void on_link_open(struct simc__muxd_multiplex *multiplex,
                         const struct simc__link_event *event)
{
    snprintf(multiplex->scs_name, sizeof multiplex->scs_name, "%s", event->peer);
    multiplex->link_opened++;
    multiplex->link_trouble.is_raised = false;
    simc__mux_scs(multiplex->mux, true);
    simc_log(multiplex->log, SIMC_LOG_NOTICE, "connected to the SCS",
             simc_log_text("multiplex", name_of(multiplex)), simc_log_text("scs", event->peer));
    /* What the engine had to tell before is in these. */
    (void)simc__mux_news(multiplex->mux);
    send_announce(multiplex);
    send_timeline(multiplex);
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct simc__muxd_multiplex *multiplex = context;
    struct simc__link_event event;
    (void)connection;
    (void)now_ms;
    if (multiplex->is_gone)
        return;
    multiplex->is_in_events = true;
    while (multiplex->link && simc__link_next_event(multiplex->link, &event)) {
        if (event.type == SIMC__LINK_EVENT_OPEN)
            on_link_open(multiplex, &event);
        else if (event.type == SIMC__LINK_EVENT_REQUEST)
            on_request(multiplex, &event);
        else if (event.type == SIMC__LINK_EVENT_EVENT && event.method == SIMC__SCS_MUX_ORDERS)
            on_orders(multiplex, event.body);
        else if (event.type == SIMC__LINK_EVENT_NOTICE)
            simc_log(multiplex->log, SIMC_LOG_INFO, "the SCS link",
                     simc_log_text("multiplex", name_of(multiplex)),
                     simc_log_text("notice", event.text));
    }
    multiplex->is_in_events = false;
    /* A title goes on with its orders at once. A live engine runs soon. */
    if (multiplex->is_title && !multiplex->is_stopped)
        simc__muxd_multiplex_pump(multiplex);
}

/* ---- the connection ---- */

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct simc__muxd_multiplex *multiplex = context;
    char name[SIMC__LINK_NAME_MAX + 1];
    snprintf(name, sizeof name, "muxd: %.50s", name_of(multiplex));
    const struct simc__link_settings settings = {.service = SIMC__SCS_MUX_SERVICE,
                                                 .version_min = SIMC__SCS_MUX_VERSION,
                                                 .version_max = SIMC__SCS_MUX_VERSION,
                                                 .name = name};
    int error = simc__link_attach(connection, &settings, multiplex, &multiplex->link);
    if (!error)
        multiplex->connection = connection;
    return error;
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct simc__muxd_multiplex *multiplex = context;
    (void)connection;
    simc__link_free(multiplex->link);
    multiplex->link = NULL;
    multiplex->connection = NULL;
    if (multiplex->mux)
        simc__mux_scs(multiplex->mux, false);
    if (multiplex->is_gone)
        return;
    if (!multiplex->link_trouble.is_raised)
        simc_log(multiplex->log, SIMC_LOG_WARNING,
                 "the SCS is away; what it has planned goes on, it is tried again",
                 simc_log_text("multiplex", name_of(multiplex)), simc_log_text("why", end->text));
    simc__muxd_trouble_raise(&multiplex->link_trouble, end->text);
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    struct simc__muxd_multiplex *multiplex = context;
    (void)client;
    (void)delay_ms;
    if (multiplex->is_gone)
        return;
    if (!multiplex->link_trouble.is_raised)
        simc_log(multiplex->log, SIMC_LOG_WARNING, "the SCS cannot be reached; it is tried again",
                 simc_log_text("multiplex", name_of(multiplex)),
                 simc_log_text("address", multiplex->link_conf->address),
                 simc_log_text("why", end->text));
    simc__muxd_trouble_raise(&multiplex->link_trouble, end->text);
}

/* The last call of the client: the memory of a multiplex that was freed goes with it. */
static void on_gone(void *context)
{
    struct simc__muxd_multiplex *multiplex = context;
    simc_free(multiplex->message);
    simc_free(multiplex);
}

int simc__muxd_scs_start(struct simc__muxd_multiplex *multiplex, char why[SIMC__MUXD_WHY_SIZE])
{
    const struct simc__muxd_link_conf *conf = multiplex->link_conf;
    char host[64], text[SIMC__CONF_WHY_SIZE] = "";
    struct simc_uv_client_settings settings = {
        .retry_first_ms = RETRY_FIRST_MS,
        .retry_most_ms = RETRY_MOST_MS,
        .tls = multiplex->tls,
        .handlers = {.on_open = on_open,
                     .on_events = on_events,
                     .on_end = on_end,
                     .on_retry = on_retry,
                     .on_gone = on_gone},
        .context = multiplex,
    };
    if (!simc__muxd_link_read(conf->address, &settings.remote.path, host, &settings.remote.port,
                              text)) {
        snprintf(why, SIMC__MUXD_WHY_SIZE, "link: '%.200s' %.200s", conf->address, text);
        return SIMC_EINVAL;
    }
    settings.remote.host = settings.remote.path ? NULL : host;
    settings.server_name = conf->has_tls ? conf->tls.server_name : NULL;
    multiplex->message = simc_alloc(MESSAGE_SIZE);
    int error = multiplex->message
                    ? simc_uv_client_new(multiplex->loop, &settings, &multiplex->client)
                    : SIMC_ENOMEM;
    if (error)
        snprintf(why, SIMC__MUXD_WHY_SIZE, "link: %s", simc_error_text(error));
    return error;
}

void simc__muxd_scs_stop(struct simc__muxd_multiplex *multiplex)
{
    multiplex->is_gone = true;
    if (multiplex->client)
        simc_uv_client_free(multiplex->client);
}
