/* SPDX-License-Identifier: BSL-1.0 */
/* The admin side of a daemon: health, status and metrics over HTTP, on this host only unless the
 * configuration says otherwise. run.c starts and stops it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/internal.h"
#include "sys/clock.h"

/* ---- the figures of this layer ---- */

enum figure {
    FIGURE_READY,
    FIGURE_RELOADS,
    FIGURE_LOG_LOST,
    FIGURE_CONNECTIONS,
    FIGURE_CONNECTIONS_NOW,
    FIGURE_REFUSED,
    FIGURE_CUT_OFF,
    FIGURE_REQUESTS,
};

static const char *const reload_results[] = {"good", "faulty", "needs_restart", "refused", NULL};

static const struct simc__metric_row figures[] = {
    [FIGURE_READY] = {.name = "simc_ready",
                      .type = SIMC__METRIC_GAUGE,
                      .help = "1 when /readyz says so, else 0"},
    [FIGURE_RELOADS] = {.name = "simc_reloads_total",
                        .type = SIMC__METRIC_COUNTER,
                        .label = "result",
                        .values = reload_results,
                        .help = "Reloads of the configuration by result"},
    [FIGURE_LOG_LOST] = {.name = "simc_log_lines_lost_total",
                         .type = SIMC__METRIC_COUNTER,
                         .help = "Log lines of the main thread that could not be written"},
    [FIGURE_CONNECTIONS] = {.name = "simc_admin_connections_total",
                            .type = SIMC__METRIC_COUNTER,
                            .help = "Connections to the admin side"},
    [FIGURE_CONNECTIONS_NOW] = {.name = "simc_admin_connections",
                                .type = SIMC__METRIC_GAUGE,
                                .help = "Connections to the admin side that are open"},
    [FIGURE_REFUSED] = {.name = "simc_admin_refused_total",
                        .type = SIMC__METRIC_COUNTER,
                        .help = "Connections to the admin side over its limit"},
    [FIGURE_CUT_OFF] = {.name = "simc_admin_cut_off_total",
                        .type = SIMC__METRIC_COUNTER,
                        .help = "Connections to the admin side that were too slow"},
    [FIGURE_REQUESTS] = {.name = "simc_admin_requests_total",
                         .type = SIMC__METRIC_COUNTER,
                         .help = "Requests to the admin side that were served"},
};

static const struct simc__metric_table figure_table = {.rows = figures,
                                                       .count = sizeof figures / sizeof figures[0]};

static void store(struct simc__daemon_run *run, enum figure figure, unsigned value, uint64_t amount)
{
    simc__metric_store(run->figures, 0, figure, value, amount);
}

static void collect(struct simc__daemon_run *run)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    struct simc__http_counts counts;
    simc__http_counts(run->http, &counts);
    store(run, FIGURE_READY, 0, simc__daemon_is_ready(run, why));
    for (unsigned i = 0; i < SIMC__DAEMON_RELOAD_RESULT_COUNT; i++)
        store(run, FIGURE_RELOADS, i, run->reloads[i]);
    store(run, FIGURE_LOG_LOST, 0, run->sink.lost_count);
    store(run, FIGURE_CONNECTIONS, 0, counts.connections);
    store(run, FIGURE_CONNECTIONS_NOW, 0, counts.now);
    store(run, FIGURE_REFUSED, 0, counts.refused);
    store(run, FIGURE_CUT_OFF, 0, counts.cut_off);
    store(run, FIGURE_REQUESTS, 0, counts.requests);
    if (run->is_started && run->daemon->collect)
        run->daemon->collect(run->service);
}

/* ---- health ---- */

static const char *const state_names[] = {
    [SIMC__DAEMON_STARTING] = "starting",
    [SIMC__DAEMON_RUNNING] = "running",
    [SIMC__DAEMON_DRAINING] = "draining",
    [SIMC__DAEMON_STOPPING] = "stopping",
};

bool simc__daemon_is_ready(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE])
{
    why[0] = '\0';
    if (run->state == SIMC__DAEMON_RUNNING)
        return !run->daemon->is_ready || run->daemon->is_ready(run->service, why);
    snprintf(why, SIMC__DAEMON_WHY_SIZE, "%s is %s", run->daemon->name, state_names[run->state]);
    return false;
}

bool simc__daemon_is_healthy(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE])
{
    why[0] = '\0';
    return !run->is_started || !run->daemon->is_healthy ||
           run->daemon->is_healthy(run->service, why);
}

static void get_healthz(void *context, const struct simc__http_request *request,
                        struct simc__http_reply *reply)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    (void)request;
    if (simc__daemon_is_healthy(context, why))
        simc__text_put(reply->body, "ok\n");
    else
        simc__http_problem(reply, 503, "%s", why);
}

static void get_readyz(void *context, const struct simc__http_request *request,
                       struct simc__http_reply *reply)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    (void)request;
    if (simc__daemon_is_ready(context, why)) {
        simc__text_put(reply->body, "ready\n");
        return;
    }
    simc__http_problem(reply, 503, "%s", why);
    reply->retry_after_s = 1;
}

/* ---- metrics and status ---- */

static void get_metrics(void *context, const struct simc__http_request *request,
                        struct simc__http_reply *reply)
{
    struct simc__daemon_run *run = context;
    (void)request;
    collect(run);
    simc__metrics_put(reply->body, run->metrics);
    simc__metrics_put_process(reply->body, run->start_us / 1000);
    simc__metrics_put_build(reply->body, run->daemon->name, run->daemon->version);
}

static void put_common(struct simc__daemon_run *run, struct simc__json *json)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    simc__json_text(json, "program", run->daemon->name);
    simc__json_text(json, "version", run->daemon->version);
    simc__json_uint(json, "pid", (uint64_t)getpid());
    simc__json_text(json, "state", state_names[run->state]);
    simc__json_bool(json, "ready", simc__daemon_is_ready(run, why));
    simc__json_text(json, "not_ready_because", why[0] ? why : NULL);
    simc__json_bool(json, "healthy", simc__daemon_is_healthy(run, why));
    simc__json_utc(json, "started", run->start_us);
    simc__json_uint(json, "uptime_s", (simc__clock_monotonic_ms() - run->start_ms) / 1000);
    simc__json_uint(json, "threads", simc__daemon_threads(run->conf));
    simc__json_object(json, "configuration");
    simc__json_text(json, "source", simc__daemon_config_name(run->line));
    simc__json_utc(json, "loaded", run->loaded_us);
    simc__json_object(json, "reloads");
    for (unsigned i = 0; reload_results[i]; i++)
        simc__json_uint(json, reload_results[i], run->reloads[i]);
    simc__json_end(json);
    simc__json_end(json);
    simc__json_text(json, "log_level", simc_log_level_name(run->sink.log.level));
}

static void get_status(void *context, const struct simc__http_request *request,
                       struct simc__http_reply *reply)
{
    struct simc__daemon_run *run = context;
    struct simc__json json;
    (void)request;
    simc__json_init(&json, reply->body);
    simc__json_object(&json, NULL);
    simc__json_object(&json, "daemon");
    put_common(run, &json);
    simc__json_end(&json);
    if (run->is_started && run->daemon->status)
        run->daemon->status(run->service, &json);
    simc__json_end(&json);
    if (simc__json_finish(&json) == 0)
        simc_writer_u8(reply->body, '\n');
}

/* ---- routes ---- */

static void get_index(void *context, const struct simc__http_request *request,
                      struct simc__http_reply *reply);

static const struct simc__http_route routes[] = {
    {SIMC__HTTP_GET, "/", "text/plain; charset=utf-8", get_index, "this list"},
    {SIMC__HTTP_GET, "/healthz", "text/plain; charset=utf-8", get_healthz,
     "200 as long as the daemon need not be restarted"},
    {SIMC__HTTP_GET, "/readyz", "text/plain; charset=utf-8", get_readyz,
     "200 while the daemon takes work"},
    {SIMC__HTTP_GET, "/metrics", SIMC__METRICS_CONTENT_TYPE, get_metrics,
     "figures in the text format of Prometheus"},
    {SIMC__HTTP_GET, "/v1/status", "application/json", get_status, "what goes on, for people"},
};

enum { ROUTE_COUNT = sizeof routes / sizeof routes[0], OWN_ROUTES = 1 };

static void put_routes(struct simc_writer *out, const struct simc__http_route *rows, size_t count)
{
    static const char *const names[] = {
        [SIMC__HTTP_GET] = "GET",
        [SIMC__HTTP_POST] = "POST",
        [SIMC__HTTP_PUT] = "PUT",
        [SIMC__HTTP_DELETE] = "DELETE",
    };
    for (size_t i = 0; i < count; i++)
        simc__text_printf(out, "%-6s %-24s %s\n", names[rows[i].method], rows[i].path,
                          rows[i].help);
}

static void get_index(void *context, const struct simc__http_request *request,
                      struct simc__http_reply *reply)
{
    const struct simc__daemon_run *run = context;
    (void)request;
    simc__text_printf(reply->body, "%s %s\n\n", run->daemon->name, run->daemon->version);
    put_routes(reply->body, routes, ROUTE_COUNT);
    put_routes(reply->body, run->daemon->routes, run->daemon->route_count);
}

/* ---- life ---- */

static int listen_all(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__daemon_admin_conf *admin = &run->conf->admin;
    char http_why[SIMC__HTTP_WHY_SIZE] = "";
    int error = 0;
    if (admin->listen.host)
        error = simc__http_listen_tcp(run->http, admin->listen.host, admin->listen.port, http_why);
    if (!error && admin->socket)
        error = simc__http_listen_unix(run->http, admin->socket, http_why);
    if (error)
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "admin: %.480s", http_why);
    return error;
}

int simc__daemon_admin_start(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__http_routes sets[] = {
        {routes, ROUTE_COUNT, run},
        {run->daemon->routes, run->daemon->route_count, NULL},
    };
    const struct simc__http_settings settings = {
        .sets = sets, .set_count = sizeof sets / sizeof sets[0], .log = &run->sink.log};
    char http_why[SIMC__HTTP_WHY_SIZE];
    run->metrics = simc__metrics_new(simc__daemon_threads(run->conf) + 1);
    int error = run->metrics
                    ? simc__metrics_add(run->metrics, &figure_table, NULL, 0, &run->figures)
                    : SIMC_ENOMEM;
    if (error) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "no memory for the figures");
        return error;
    }
    error = simc__http_server_new(&run->http, &run->loop, &settings, http_why);
    if (error) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "admin: %.480s", http_why);
        return error;
    }
    return listen_all(run, why);
}

void simc__daemon_admin_serve(struct simc__daemon_run *run, void *service)
{
    simc__http_context_set(run->http, OWN_ROUTES, service);
}

void simc__daemon_admin_stop(struct simc__daemon_run *run)
{
    simc__http_server_stop(run->http);
    run->http = NULL;
}
