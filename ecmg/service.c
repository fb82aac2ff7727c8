/* SPDX-License-Identifier: BSL-1.0 */
/* The ECM generator on the network. Threads of lib/uv run the workers of ecmg.c; this file puts
 * sessions on connections and keeps threads still while something common changes. */
#include "ecmg/service.h"

#include <dlfcn.h>
#include <string.h>

#include "base/text.h"
#include "daemon/network.h"
#include "ecmg/internal.h"
#include "keys/keys.h"
#include "simulcrypt/uv.h"
#include "sys/clock.h"

enum { LISTEN_MAX = 16, FILES_OF_A_THREAD = 16, DRAIN_POLL_MS = 20, US_PER_S = 1000000 };

struct service;

/* What one thread has. */
struct thread {
    struct service *service;
    struct simc__ecmg_worker *worker;
    struct simc_uv_loop *loop;
    struct simc__log_sink sink;
    bool has_ended; /* under the service's lock: nothing can be posted to the loop any more */
    struct simc_uv_server *servers[LISTEN_MAX]; /* one for each listening address */
    struct listener {
        struct thread *thread;
        size_t index;
    } listeners[LISTEN_MAX];
};

struct service {
    struct simc__daemon_run *run;
    struct simc__ecmg *ecmg;
    struct simc_uv_gate *gate;
    struct simc_uv_tls *tls[LISTEN_MAX]; /* of the listening addresses; NULL: plain */
    size_t listen_count;
    struct simc_uv_threads *threads;
    struct thread *thread;
    size_t thread_count;
    uv_mutex_t lock;
    struct simc__metric_set *network;
    uv_timer_t drain_timer;
    bool is_draining; /* the timer is in use */
};

/* ---- what the core needs from outside ---- */

static uint64_t wall_s(void *context)
{
    (void)context;
    return simc__clock_wall_us(NULL) / US_PER_S;
}

static uint64_t monotonic_ns(void *context)
{
    (void)context;
    return simc__clock_monotonic_ns();
}

/* A plug-in stays loaded: its code may be in use until the process ends. */
static const struct simc_ecm_plugin *plugin_load(void *context, const char *path,
                                                 char why[SIMC__ECMG_WHY_SIZE])
{
    (void)context;
    const struct simc_ecm_plugin *(*get)(uint32_t abi) = NULL;
    const struct simc_ecm_plugin *plugin = NULL;
    struct simc_writer out = simc_writer(why, SIMC__ECMG_WHY_SIZE - 1);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library) {
        /* The way that POSIX gives from an object pointer to a function pointer. */
        *(void **)&get = dlsym(library, "simc_ecm_plugin_get");
        plugin = get ? get(SIMC_ECM_PLUGIN_ABI) : NULL;
    }
    if (!library)
        simc__text_printf(&out, "%s", dlerror());
    else if (!get)
        simc__text_printf(&out, "%s has no function simc_ecm_plugin_get", path);
    else if (!plugin)
        simc__text_printf(&out, "%s does not support interface %d of this ecmgd", path,
                          SIMC_ECM_PLUGIN_ABI);
    why[out.error ? SIMC__ECMG_WHY_SIZE - 1 : out.at] = '\0';
    return plugin;
}

/* An ECM of a CA system that may block. */
struct work {
    uv_work_t request;
    struct simc__ecmg_job *job;
};

static void work_run(uv_work_t *request)
{
    struct work *work = request->data;
    simc__ecmg_job_run(work->job);
}

static void work_done(uv_work_t *request, int status)
{
    struct work *work = request->data;
    struct simc_uv_connection *connection = simc__ecmg_job_done(work->job);
    (void)status;
    simc_free(work);
    if (connection)
        simc_uv_connection_pump(connection);
}

static int submit(void *context, size_t worker_index, struct simc__ecmg_job *job)
{
    struct service *service = context;
    struct work *work = simc_alloc(sizeof *work);
    if (!work)
        return SIMC_ENOMEM;
    work->job = job;
    work->request.data = work;
    int error = uv_queue_work(simc_uv_loop_uv(service->thread[worker_index].loop), &work->request,
                              work_run, work_done);
    if (error)
        simc_free(work);
    return error ? SIMC_ENOMEM : 0;
}

static bool is_ended(void *context, void *owner)
{
    (void)context;
    return owner && simc_uv_connection_is_ended(owner);
}

static void flush(void *context, void *owner)
{
    (void)context;
    if (owner)
        simc_uv_connection_pump(owner);
}

static void run_question(void *context)
{
    simc__ecmg_question_run(context);
}

static int ask(void *context, size_t worker_index, struct simc__ecmg_question *question)
{
    struct service *service = context;
    struct thread *thread = &service->thread[worker_index];
    uv_mutex_lock(&service->lock);
    int error =
        thread->has_ended ? SIMC_EEND : simc_uv_loop_post(thread->loop, run_question, question);
    uv_mutex_unlock(&service->lock);
    return error;
}

static struct simc__ecmg_environment environment_of(struct service *service,
                                                    const struct simc_log *log,
                                                    struct simc__metrics *metrics)
{
    struct simc__ecmg_environment environment = {
        .context = service,
        .submit = service ? submit : NULL,
        .is_ended = is_ended,
        .flush = flush,
        .ask = service ? ask : NULL,
        .log = log,
        .metrics = metrics,
        .wall_s = wall_s,
        .monotonic_ns = monotonic_ns,
        .plugin_load = plugin_load,
    };
    return environment;
}

/* ---- TLS and the gate, from the configuration ---- */

static struct simc_uv_gate_settings gate_settings(const struct simc__ecmg_conf *conf)
{
    struct simc_uv_gate_settings settings = {
        .allow = conf->allow,
        .allow_count = conf->allow_count,
        .connections = conf->limits.connections,
        .connections_per_address = conf->limits.connections_per_address,
    };
    return settings;
}

static int make_tls(const struct simc__ecmg_listen_conf *listen, struct simc_uv_tls **tls,
                    char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc_uv_tls_settings settings = {
        .is_server = true,
        .certificate_file = listen->tls.certificate_file,
        .key_file = listen->tls.key_file,
        .ca_file = listen->tls.client_ca_file,
        .tls12 = listen->tls.tls12,
    };
    *tls = NULL;
    return listen->has_tls ? simc_uv_tls_new(&settings, why, tls) : 0;
}

int simc__ecmg_service_check(const void *values, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__ecmg_conf *conf = values;
    const struct simc__ecmg_environment environment = environment_of(NULL, NULL, NULL);
    struct simc_uv_gate_settings settings = gate_settings(conf);
    struct simc_uv_gate *gate = NULL;
    int error = simc_uv_gate_new(&settings, why, &gate);
    simc_uv_gate_free(gate);
    for (size_t i = 0; !error && i < conf->listen_count; i++) {
        struct simc_uv_tls *tls = NULL;
        error = make_tls(&conf->listen[i], &tls, why);
        simc_uv_tls_free(tls);
    }
    for (size_t i = 0; !error && i < conf->systems_count; i++)
        error = simc__ecmg_system_check(&environment, &conf->systems[i], why);
    return error;
}

uint64_t simc__ecmg_service_files(const void *values)
{
    const struct simc__ecmg_conf *conf = values;
    return conf->limits.connections +
           (uint64_t)simc__daemon_threads(&conf->daemon) * (FILES_OF_A_THREAD + conf->listen_count);
}

/* ---- connections ---- */

static int on_open(void *context, struct simc_uv_connection *connection)
{
    const struct listener *listener = context;
    struct thread *thread = listener->thread;
    const struct simc__ecmg_conf *conf = simc__ecmg_conf(thread->service->ecmg);
    const struct simc__ecmg_listen_conf *listen = &conf->listen[listener->index];
    const struct simc_uv_identity *identity = simc_uv_connection_identity(connection);
    struct simc__ecmg_connection *made;
    const struct simc__ecmg_peer peer = {
        .address = simc_uv_connection_peer(connection),
        .host = simc_uv_connection_host(connection),
        .tls = listen->has_tls ? &listen->tls : NULL,
        .names = identity ? identity->names : NULL,
        .names_count = identity ? identity->name_count : 0,
    };
    int error = simc__ecmg_connection_new(
        thread->worker, &peer, simc_uv_loop_now_ms(simc_uv_connection_loop(connection)), &made);
    if (error)
        return error;
    simc__ecmg_connection_owner_set(made, connection);
    simc_uv_attach_session(connection, simc__ecmg_connection_session(made), made);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    (void)context;
    simc__ecmg_connection_events(simc_uv_connection_owner(connection), now_ms);
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    (void)context;
    simc__ecmg_connection_free(simc_uv_connection_owner(connection), end->text);
}

static void on_refused(void *context, struct simc_uv_server *server, const char *peer,
                       const struct simc_uv_end *end)
{
    const struct listener *listener = context;
    (void)server;
    simc_log(&listener->thread->sink.log, SIMC_LOG_WARNING, "connection refused",
             simc_log_text("peer", peer), simc_log_text("why", end->text));
}

/* ---- threads ---- */

static int start_server(struct thread *thread, struct simc_uv_loop *loop, size_t index,
                        char why[SIMC_UV_TEXT_SIZE])
{
    struct service *service = thread->service;
    const struct simc__ecmg_conf *conf = simc__ecmg_conf(service->ecmg);
    const struct simc__ecmg_listen_conf *listen = &conf->listen[index];
    const struct simc_uv_address address = {.host = listen->address.host,
                                            .port = listen->address.port};
    uint32_t keepalive_s = (conf->timers.keepalive_ms + 999) / 1000;
    thread->listeners[index] = (struct listener){thread, index};
    const struct simc_uv_server_settings settings = {
        .listen = &address,
        .listen_count = 1,
        .reuse_port = true,
        .transport = {.keepalive_idle_s = keepalive_s ? keepalive_s : SIMC_UV_OFF,
                      .write_stall_ms = conf->timers.stall_ms},
        .gate = service->gate,
        .tls = service->tls[index],
        .handlers = {.on_open = on_open,
                     .on_events = on_events,
                     .on_end = on_end,
                     .on_refused = on_refused},
        .context = &thread->listeners[index],
    };
    return simc_uv_server_new(loop, &settings, why, &thread->servers[index]);
}

static int start_thread(void *context, struct simc_uv_loop *loop, size_t index,
                        char why[SIMC_UV_TEXT_SIZE])
{
    struct service *service = context;
    int error = 0;
    service->thread[index].loop = loop;
    for (size_t i = 0; !error && i < service->listen_count; i++)
        error = start_server(&service->thread[index], loop, i, why);
    return error;
}

static void stop_thread(void *context, struct simc_uv_loop *loop, size_t index)
{
    struct service *service = context;
    (void)loop;
    uv_mutex_lock(&service->lock);
    service->thread[index].has_ended = true;
    uv_mutex_unlock(&service->lock);
}

static void set_logs(struct service *service)
{
    for (size_t i = 0; i < service->thread_count; i++) {
        simc__daemon_log_make(service->run, &service->thread[i].sink);
        simc__ecmg_worker_log_set(service->thread[i].worker, &service->thread[i].sink.log);
    }
}

/* ---- start ---- */

static int make_threads(struct service *service, const struct simc__ecmg_conf *conf,
                        char why[SIMC__DAEMON_WHY_SIZE])
{
    service->thread_count = simc__daemon_threads(&conf->daemon);
    service->thread = simc_calloc(service->thread_count, sizeof *service->thread);
    if (!service->thread)
        return SIMC_ENOMEM;
    for (size_t i = 0; i < service->thread_count; i++) {
        service->thread[i].service = service;
        service->thread[i].worker = simc__ecmg_worker(service->ecmg, i);
    }
    set_logs(service);
    const struct simc_uv_threads_settings settings = {.count = service->thread_count,
                                                      .start = start_thread,
                                                      .stop = stop_thread,
                                                      .context = service};
    return simc_uv_threads_start(&settings, why, &service->threads);
}

static int start(struct service *service, const struct simc__ecmg_conf *conf,
                 char why[SIMC__DAEMON_WHY_SIZE])
{
    struct simc__metrics *metrics = simc__daemon_metrics(service->run);
    const struct simc__ecmg_environment environment =
        environment_of(service, simc__daemon_log(service->run), metrics);
    struct simc_uv_gate_settings settings = gate_settings(conf);
    int error = simc_uv_gate_new(&settings, why, &service->gate);
    if (!error)
        error = simc__metrics_add(metrics, &simc__network_stats, NULL, 0, &service->network);
    for (; !error && service->listen_count < conf->listen_count; service->listen_count++)
        error = make_tls(&conf->listen[service->listen_count], &service->tls[service->listen_count],
                         why);
    if (!error)
        error = simc__ecmg_new(&environment, conf, simc__daemon_threads(&conf->daemon),
                               &service->ecmg, why);
    if (!error)
        error = make_threads(service, conf, why);
    return error;
}

static void log_start(const struct service *service)
{
    const struct simc_log *log = simc__daemon_log(service->run);
    const struct simc__ecmg_conf *conf = simc__ecmg_conf(service->ecmg);
    for (size_t i = 0; i < service->listen_count; i++)
        simc_log(log, SIMC_LOG_INFO, "listening for SCSs",
                 simc_log_text("host", conf->listen[i].address.host),
                 simc_log_uint("port", simc_uv_server_port(service->thread[0].servers[i], 0)),
                 simc_log_text("transport", conf->listen[i].has_tls ? "TLS" : "TCP"));
    for (size_t i = 0; i < conf->systems_count; i++)
        simc_log(log, SIMC_LOG_INFO, "serving a CA system",
                 simc_log_hex("super_cas_id", conf->systems[i].super_cas_id, 8),
                 simc_log_text("system", conf->systems[i].plugin_file ? conf->systems[i].plugin_file
                                                                      : "CA profile 1"));
}

int simc__ecmg_service_start(struct simc__daemon_run *run, const void *values, void **out,
                             char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = simc_calloc(1, sizeof *service);
    if (!service)
        return SIMC_ENOMEM;
    service->run = run;
    if (uv_mutex_init(&service->lock)) {
        simc_free(service);
        return SIMC_ENOMEM;
    }
    int error = start(service, values, why);
    if (error) {
        simc__ecmg_service_stop(service);
        simc__ecmg_service_release(service);
        return error;
    }
    log_start(service);
    *out = service;
    return 0;
}

/* ---- reload ---- */

/* Channels whose CA system is gone have to be ended: their connections are looked at again. */
static void pump(void *context, struct simc_uv_connection *connection)
{
    (void)context;
    simc_uv_connection_pump(connection);
}

static void pump_all(void *context)
{
    struct thread *thread = context;
    for (size_t i = 0; i < thread->service->listen_count; i++)
        simc_uv_server_each(thread->servers[i], pump, NULL);
}

int simc__ecmg_service_reload(void *context, const void *old_values, const void *new_values,
                              char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    struct simc_uv_gate_settings settings = gate_settings(new_values);
    struct simc_uv_gate_settings old_settings = gate_settings(old_values);
    int error = simc_uv_gate_change(service->gate, &settings, why);
    /* Certificates are read again from the files of the old configuration, which are those of the
     * new one: the paths need a restart. */
    for (size_t i = 0; !error && i < service->listen_count; i++)
        if (service->tls[i])
            error = simc_uv_tls_reload(service->tls[i], why);
    if (!error) {
        simc_uv_threads_park(service->threads);
        error = simc__ecmg_change(service->ecmg, new_values, why);
        set_logs(service);
        simc_uv_threads_resume(service->threads);
    }
    if (error) {
        char unused[SIMC_UV_TEXT_SIZE];
        if (simc_uv_gate_change(service->gate, &old_settings, unused))
            simc_log(simc__daemon_log(service->run), SIMC_LOG_ERROR,
                     "the old limits cannot be restored; restart ecmgd",
                     simc_log_text("why", unused));
        return error;
    }
    for (size_t i = 0; i < service->thread_count; i++)
        if (simc_uv_loop_post(simc_uv_threads_loop(service->threads, i), pump_all,
                              &service->thread[i]))
            simc_log_line(simc__daemon_log(service->run), SIMC_LOG_ERROR,
                          "connections of CA systems that are gone stay until their next message",
                          NULL, 0);
    return 0;
}

/* ---- end ---- */

static void drain_connection(void *context, struct simc_uv_connection *connection)
{
    (void)context;
    simc__ecmg_connection_drain(simc_uv_connection_owner(connection),
                                simc_uv_loop_now_ms(simc_uv_connection_loop(connection)));
    simc_uv_connection_close(connection, "this ECMG is shutting down");
}

static void drain_thread(void *context)
{
    struct thread *thread = context;
    for (size_t i = 0; i < thread->service->listen_count; i++) {
        simc_uv_server_stop(thread->servers[i]);
        simc_uv_server_each(thread->servers[i], drain_connection, NULL);
    }
}

static void look_whether_drained(uv_timer_t *timer)
{
    struct service *service = timer->data;
    struct simc_uv_stats stats;
    simc_uv_gate_stats(service->gate, &stats);
    if (stats.connections == 0)
        simc__daemon_drained(service->run);
}

void simc__ecmg_service_drain(void *context, uint32_t drain_ms)
{
    struct service *service = context;
    (void)drain_ms;
    for (size_t i = 0; i < service->thread_count; i++)
        if (simc_uv_loop_post(simc_uv_threads_loop(service->threads, i), drain_thread,
                              &service->thread[i]))
            simc__daemon_drained(service->run); /* no memory to end them in order */
    uv_timer_init(simc__daemon_loop(service->run), &service->drain_timer);
    service->drain_timer.data = service;
    service->is_draining = true;
    uv_timer_start(&service->drain_timer, look_whether_drained, 0, DRAIN_POLL_MS);
}

void simc__ecmg_service_stop(void *context)
{
    struct service *service = context;
    if (service->is_draining)
        uv_close((uv_handle_t *)&service->drain_timer, NULL);
    /* Ends all connections, which give back what they have in the core. */
    simc_uv_threads_free(service->threads);
    service->threads = NULL;
}

void simc__ecmg_service_release(void *context)
{
    struct service *service = context;
    simc__ecmg_free(service->ecmg);
    simc_uv_gate_free(service->gate);
    for (size_t i = 0; i < LISTEN_MAX; i++)
        simc_uv_tls_free(service->tls[i]);
    simc__metrics_remove(simc__daemon_metrics(service->run), service->network);
    simc_free(service->thread);
    uv_mutex_destroy(&service->lock);
    simc_free(service);
}

/* ---- what it tells ---- */

void simc__ecmg_service_collect(void *context)
{
    struct service *service = context;
    simc__network_collect(service->network, service->gate);
}

static void put_listeners(const struct service *service, struct simc__json *json)
{
    const struct simc__ecmg_conf *conf = simc__ecmg_conf(service->ecmg);
    simc__json_array(json, "listen");
    for (size_t i = 0; i < service->listen_count; i++) {
        simc__json_object(json, NULL);
        simc__json_text(json, "host", conf->listen[i].address.host);
        simc__json_uint(json, "port", simc_uv_server_port(service->thread[0].servers[i], 0));
        simc__json_bool(json, "tls", conf->listen[i].has_tls);
        simc__json_end(json);
    }
    simc__json_end(json);
}

/* The keys of CA profile 1: which version of each package is in force. Never a key. */
static void put_keys(const struct service *service, uint32_t super_cas_id, struct simc__json *json)
{
    struct simc__ecmg_system *system = simc__ecmg_system_find(service->ecmg, super_cas_id);
    size_t count, of_package;
    if (!system || system->plugin != &simc__ecmg_profile1)
        return;
    const struct simc__keys *keys = simc__ecmg_profile1_keys(system->state);
    const struct simc__keys_entry *all = simc__keys_all(keys, &count);
    simc__json_array(json, "packages");
    for (size_t i = 0; i < count; i += of_package) {
        struct simc__package_key key;
        int error = simc__keys_find(keys, all[i].package, wall_s(NULL), &key);
        simc__json_object(json, NULL);
        simc__json_uint(json, "package", all[i].package);
        simc__json_text(json, "key",
                        error                               ? "not yet valid"
                        : key.standing == SIMC__KEY_EXPIRED ? "expired"
                                                            : "in force");
        if (!error) {
            simc__json_uint(json, "version", key.version);
            simc__json_utc(json, "valid_until", key.end_s * US_PER_S);
            simc_secret_wipe(&key.key);
        }
        simc__json_end(json);
        simc__keys_of(keys, all[i].package, &of_package);
    }
    simc__json_end(json);
}

static void put_systems(const struct service *service, struct simc__json *json)
{
    const struct simc__metric_set *stats;
    const char *kind;
    uint32_t super_cas_id;
    simc__json_array(json, "systems");
    for (size_t i = 0;
         (stats = simc__ecmg_system_stats(service->ecmg, i, &super_cas_id, &kind)) != NULL; i++) {
        simc__json_object(json, NULL);
        simc__json_hex(json, "super_cas_id", super_cas_id, 8);
        simc__json_text(json, "system", kind);
        simc__json_uint(json, "channels", simc__metric_total(stats, SIMC__ECMG_STAT_CHANNELS, 0));
        simc__json_uint(json, "streams", simc__metric_total(stats, SIMC__ECMG_STAT_STREAMS, 0));
        simc__json_uint(json, "cw_provisions",
                        simc__metric_total(stats, SIMC__ECMG_STAT_PROVISIONS, 0));
        simc__json_uint(json, "ecms", simc__metric_total(stats, SIMC__ECMG_STAT_ECMS, 0));
        put_keys(service, super_cas_id, json);
        simc__json_end(json);
    }
    simc__json_end(json);
}

void simc__ecmg_service_status(void *context, struct simc__json *json)
{
    const struct service *service = context;
    struct simc_uv_stats stats;
    simc_uv_gate_stats(service->gate, &stats);
    simc__json_uint(json, "threads", service->thread_count);
    simc__json_uint(json, "connections", stats.connections);
    put_listeners(service, json);
    put_systems(service, json);
}
