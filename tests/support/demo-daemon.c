/* SPDX-License-Identifier: BSL-1.0 */
/* A daemon that does nothing useful but uses all of lib/daemon: jobs that wait to be finished,
 * threads that count, and ways to be sick, stuck or refused. tests/scenarios/daemon.t runs it. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "daemon/daemon.h"

/* ---- configuration ---- */

struct demo_conf {
    struct simc__daemon_conf common;
    const char *greeting;
    const char *must_exist;
    uint16_t port;
    uint32_t files;
    bool refuse, stuck;
};

static const struct simc__conf_row admin_rows[] = {SIMC__DAEMON_ADMIN_ROWS("127.0.0.1:12299")};
static const struct simc__conf_table admin_table = SIMC__DAEMON_ADMIN_TABLE(admin_rows);

static const struct simc__conf_row rows[] = {
    {.name = "greeting",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(demo_conf, greeting),
     .fallback = "hello",
     .reloadable = true,
     .help = "what the status says"},
    {.name = "must_exist",
     .type = SIMC__CONF_PATH,
     SIMC__CONF_AT(demo_conf, must_exist),
     .null_allowed = true,
     .fallback = "null",
     .reloadable = true,
     .help = "a file without which the configuration is not good"},
    {.name = "port",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo_conf, port),
     .min = 1,
     .max = 65535,
     .fallback = "2222",
     .help = "a number that needs a restart"},
    {.name = "files",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(demo_conf, files),
     .fallback = "0",
     .reloadable = true,
     .help = "descriptors to ask for"},
    {.name = "refuse",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(demo_conf, refuse),
     .fallback = "false",
     .reloadable = true,
     .help = "refuse to take this configuration over"},
    {.name = "stuck",
     .type = SIMC__CONF_BOOL,
     SIMC__CONF_AT(demo_conf, stuck),
     .fallback = "false",
     .help = "leave a handle open at the end"},
    SIMC__DAEMON_THREADS_ROW(demo_conf, common, "2"),
    SIMC__DAEMON_ROWS(demo_conf, common, admin_table),
};

static const struct simc__conf_table table = {
    .name = "demo-daemon",
    .help = "Configuration of the demonstration.",
    .rows = rows,
    .count = sizeof rows / sizeof rows[0],
    .size = sizeof(struct demo_conf),
};

/* ---- options ---- */

struct options {
    const char *greeting, *admin;
    uint64_t port;
};

static const struct simc__option option_rows[] = {
    {.name = "greeting",
     .type = SIMC__OPTION_TEXT,
     .argument = "TEXT",
     .offset = offsetof(struct options, greeting),
     .help = "what the status says"},
    {.name = "port",
     .type = SIMC__OPTION_UINT,
     .argument = "PORT",
     .max = 99999,
     .fallback = "2222",
     .offset = offsetof(struct options, port),
     .help = "a number"},
    {.name = "admin",
     .type = SIMC__OPTION_TEXT,
     .argument = "ADDRESS:PORT",
     .offset = offsetof(struct options, admin),
     .help = "where the admin side listens"},
};

static int compose(const void *values, struct simc_writer *yaml, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct options *options = values;
    if (!options->greeting) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "give --config FILE, or --greeting TEXT");
        return SIMC_EINVAL;
    }
    simc__text_printf(yaml, "greeting: %s\nport: %u\n", options->greeting, (unsigned)options->port);
    if (options->admin)
        simc__text_printf(yaml, "admin: {listen: %s}\n", options->admin);
    return 0;
}

static int check(const void *values, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct demo_conf *conf = values;
    struct stat status;
    if (!conf->must_exist || stat(conf->must_exist, &status) == 0)
        return 0;
    snprintf(why, SIMC__DAEMON_WHY_SIZE, "must_exist: %.300s: %s", conf->must_exist,
             strerror(errno));
    return SIMC_EIO;
}

static uint64_t files(const void *values)
{
    const struct demo_conf *conf = values;
    return conf->files;
}

/* ---- figures ---- */

enum figure { FIGURE_TURNS, FIGURE_JOBS, FIGURE_JOBS_NOW, FIGURE_DURATION };

static const char *const results[] = {"done", "given \"up\"", NULL};

static const struct simc__metric_row figures[] = {
    [FIGURE_TURNS] = {.name = "demo_turns_total",
                      .type = SIMC__METRIC_COUNTER,
                      .help = "Turns of the threads"},
    [FIGURE_JOBS] = {.name = "demo_jobs_total",
                     .type = SIMC__METRIC_COUNTER,
                     .label = "result",
                     .values = results,
                     .help = "Jobs by result; a \\ and a second label value need escapes"},
    [FIGURE_JOBS_NOW] = {.name = "demo_jobs",
                         .type = SIMC__METRIC_GAUGE,
                         .help = "Jobs in progress"},
    [FIGURE_DURATION] = {.name = "demo_turn_seconds",
                         .type = SIMC__METRIC_HISTOGRAM,
                         .bounds = simc__metric_latency_us,
                         .bound_count = SIMC__METRIC_LATENCY_COUNT,
                         .per = 1000000,
                         .help = "Duration of a turn in seconds"},
};

static const struct simc__metric_table figure_table = {figures, sizeof figures / sizeof figures[0]};

/* ---- the service ---- */

enum { THREADS_MAX = 64 };

struct service;

struct worker {
    struct service *service;
    unsigned number; /* from 1: the main thread is 0 */
    pthread_t thread;
    struct simc__log_sink sink;
};

struct service {
    struct simc__daemon_run *run;
    struct simc__metric_set *figures;
    const struct demo_conf *conf;
    unsigned jobs;
    bool is_draining, is_sick, is_busy;
    uv_async_t handle; /* stands for the listeners of a real daemon */
    pthread_mutex_t mutex;
    pthread_cond_t turn;
    bool ended;
    unsigned worker_count;
    struct worker workers[THREADS_MAX];
};

/* A thread that counts a turn each time it is woken. */
static void *work(void *context)
{
    struct worker *worker = context;
    struct service *service = worker->service;
    simc_log(&worker->sink.log, SIMC_LOG_DEBUG, "a thread works",
             simc_log_uint("number", worker->number));
    pthread_mutex_lock(&service->mutex);
    while (!service->ended) {
        simc__metric_count(service->figures, worker->number, FIGURE_TURNS);
        simc__metric_observe(service->figures, worker->number, FIGURE_DURATION,
                             30 * (uint64_t)worker->number);
        pthread_cond_wait(&service->turn, &service->mutex);
    }
    pthread_mutex_unlock(&service->mutex);
    return NULL;
}

static void on_async(uv_async_t *handle)
{
    (void)handle;
}

static int start(struct simc__daemon_run *run, const void *values, void **out,
                 char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__metric_label labels[] = {{"site", "a\\b\n\"c\""}};
    struct service *service = simc_calloc(1, sizeof *service);
    if (!service)
        return SIMC_ENOMEM;
    service->run = run;
    service->conf = values;
    if (strcmp(service->conf->greeting, "fail") == 0 ||
        simc__metrics_add(simc__daemon_metrics(run), &figure_table, labels, 1, &service->figures)) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "the greeting says so");
        simc_free(service);
        return SIMC_EIO;
    }
    uv_async_init(simc__daemon_loop(run), &service->handle, on_async);
    pthread_mutex_init(&service->mutex, NULL);
    pthread_cond_init(&service->turn, NULL);
    service->worker_count = simc__daemon_threads(&service->conf->common);
    for (unsigned i = 0; i < service->worker_count; i++) {
        struct worker *worker = &service->workers[i];
        worker->service = service;
        worker->number = i + 1;
        simc__daemon_log_make(run, &worker->sink);
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            service->worker_count = i;
    }
    simc__daemon_say(run, "%s: %u threads", service->conf->greeting, service->worker_count);
    *out = service;
    return 0;
}

static int reload(void *context, const void *old_values, const void *new_values,
                  char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    const struct demo_conf *conf = new_values;
    (void)old_values;
    if (conf->refuse) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "it asks to be refused");
        return SIMC_EINVAL;
    }
    service->conf = conf;
    return 0;
}

static void finish_drain(struct service *service)
{
    if (service->is_draining && service->jobs == 0)
        simc__daemon_drained(service->run);
}

static void drain(void *context, uint32_t drain_ms)
{
    struct service *service = context;
    (void)drain_ms;
    service->is_draining = true;
    finish_drain(service);
}

static void stop(void *context)
{
    struct service *service = context;
    pthread_mutex_lock(&service->mutex);
    service->ended = true;
    pthread_cond_broadcast(&service->turn);
    pthread_mutex_unlock(&service->mutex);
    for (unsigned i = 0; i < service->worker_count; i++)
        pthread_join(service->workers[i].thread, NULL);
    if (!service->conf->stuck)
        uv_close((uv_handle_t *)&service->handle, NULL);
}

static void release(void *context)
{
    struct service *service = context;
    pthread_cond_destroy(&service->turn);
    pthread_mutex_destroy(&service->mutex);
    simc_free(service);
}

static void status(void *context, struct simc__json *json)
{
    struct service *service = context;
    simc__json_text(json, "greeting", service->conf->greeting);
    simc__json_uint(json, "jobs", service->jobs);
}

static void collect(void *context)
{
    struct service *service = context;
    simc__metric_store(service->figures, 0, FIGURE_JOBS_NOW, 0, service->jobs);
}

static bool is_ready(void *context, char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    if (service->is_busy)
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "it is busy");
    return !service->is_busy;
}

static bool is_healthy(void *context, char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    if (service->is_sick)
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "it is sick");
    return !service->is_sick;
}

/* ---- routes ---- */

static void post_job(void *context, const struct simc__http_request *request,
                     struct simc__http_reply *reply)
{
    struct service *service = context;
    if (request->body.size == 0) {
        simc__http_problem(reply, 400, "a job needs a body");
        return;
    }
    service->jobs++;
    reply->status = 201;
    simc__text_printf(reply->body, "%zu bytes from %s\n", request->body.size, request->peer);
    pthread_mutex_lock(&service->mutex);
    pthread_cond_broadcast(&service->turn);
    pthread_mutex_unlock(&service->mutex);
}

static void delete_job(void *context, const struct simc__http_request *request,
                       struct simc__http_reply *reply)
{
    struct service *service = context;
    bool given_up = strcmp(request->query, "up") == 0;
    if (service->jobs == 0) {
        simc__http_problem(reply, 409, "there is no job");
        return;
    }
    service->jobs--;
    simc__metric_add(service->figures, 0, FIGURE_JOBS, given_up, 1);
    reply->status = 204;
    finish_drain(service);
}

/* `?sick`, `?busy`, `?fail`, `?well`. */
static void post_mood(void *context, const struct simc__http_request *request,
                      struct simc__http_reply *reply)
{
    struct service *service = context;
    service->is_sick = strcmp(request->query, "sick") == 0;
    service->is_busy = strcmp(request->query, "busy") == 0;
    if (strcmp(request->query, "fail") == 0)
        simc__daemon_fail(service->run, "somebody has said so");
    simc__text_put(reply->body, "noted\n");
}

/* As many bytes as the query says. */
static void get_bytes(void *context, const struct simc__http_request *request,
                      struct simc__http_reply *reply)
{
    uint64_t count = 0;
    (void)context;
    if (simc__text_read_uint(simc_slice_text(request->query), &count) || count > 100000000) {
        simc__http_problem(reply, 400, "the query must be a number, not '%.20s'", request->query);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        simc_writer_u8(reply->body, 'x');
}

static const struct simc__http_route routes[] = {
    {SIMC__HTTP_POST, "/v1/job", "text/plain", post_job, "begins a job"},
    {SIMC__HTTP_DELETE, "/v1/job", "text/plain", delete_job, "finishes a job"},
    {SIMC__HTTP_POST, "/v1/mood", "text/plain", post_mood, "how the daemon feels"},
    {SIMC__HTTP_GET, "/v1/bytes", "text/plain", get_bytes, "that many bytes"},
};

static const struct simc__example examples[] = {
    {"demo-daemon --greeting hello", "runs until a signal ends it"},
};

static const struct simc__daemon demo = {
    .name = "demo-daemon",
    .summary = "shows what daemons share",
    .description = "Does nothing useful.\n\nBut it does it with all of lib/daemon.",
    .version = "1.2.3",
    .build = "components: none\n",
    .table = &table,
    .common_offset = offsetof(struct demo_conf, common),
    .options = option_rows,
    .option_count = sizeof option_rows / sizeof option_rows[0],
    .options_size = sizeof(struct options),
    .examples = examples,
    .example_count = 1,
    .compose = compose,
    .check = check,
    .files = files,
    .start = start,
    .reload = reload,
    .drain = drain,
    .stop = stop,
    .release = release,
    .status = status,
    .collect = collect,
    .is_ready = is_ready,
    .is_healthy = is_healthy,
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
};

int main(int argc, char **argv)
{
    return simc__daemon_main(&demo, argc, argv);
}
