/* SPDX-License-Identifier: BSL-1.0 */
/* The multiplexer as a daemon. Threads of lib/uv run the multiplexes; this file makes and changes
 * them, keeps threads still while somebody looks into them, and ends when titles do. */
#include "mux/service.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mux/emmg_service.h"
#include "tsio/tsio.h"

enum {
    FILES_OF_A_THREAD = 16,
    PROGRESS_MS = 250,
    BAR_SIZE = 30,
    PERCENT = 100,
};

struct thread {
    struct service *service;
    struct simc_uv_loop *loop;
    struct simc__tsio *tsio;
    struct simc__log_sink sink;
};

/* A multiplex and where it runs. */
struct place {
    struct simc__muxd_multiplex *multiplex;
    size_t thread;
};

struct service {
    struct simc__daemon_run *run;
    const struct simc__muxd_conf *conf;
    struct simc_uv_tls *tls;
    struct simc_uv_threads *threads;
    struct thread *thread;
    size_t thread_count;
    struct place places[SIMC__MUXD_MULTIPLEXES_MAX];
    size_t place_count;
    struct simc__muxd_stats *stats;
    struct simc__emmg_service *emmg; /* on thread 0, which is the only one then; NULL: none */
    uv_async_t wake;                 /* a multiplex has ended */
    uv_timer_t progress;
    bool has_handles, is_draining, has_drawn;
};

static bool is_title(const struct simc__muxd_conf *conf)
{
    return conf->multiplexes[0].mode == SIMC__MUXD_TITLE;
}

/* ---- TLS ---- */

static int make_tls(const struct simc__muxd_conf *conf, struct simc_uv_tls **tls,
                    char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc__muxd_tls_conf *from = &conf->link.tls;
    const struct simc_uv_tls_settings settings = {
        .certificate_file = from->certificate_file,
        .key_file = from->key_file,
        .ca_file = from->ca_file,
    };
    *tls = NULL;
    return conf->has_link && conf->link.has_tls ? simc_uv_tls_new(&settings, why, tls) : 0;
}

int simc__muxd_service_check(const void *values, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__muxd_conf *conf = values;
    struct simc_uv_tls *tls;
    int error = make_tls(conf, &tls, why);
    simc_uv_tls_free(tls);
    for (size_t i = 0; i < conf->multiplexes_count && !error; i++)
        error = simc__muxd_multiplex_check(&conf->multiplexes[i], why);
    if (!error && conf->has_emmg)
        error = simc__emmg_service_check(&conf->emmg, why);
    return error;
}

uint64_t simc__muxd_service_files(const void *values)
{
    const struct simc__muxd_conf *conf = values;
    uint64_t count = (uint64_t)simc__daemon_threads(&conf->daemon) * FILES_OF_A_THREAD;
    for (size_t i = 0; i < conf->multiplexes_count; i++)
        count += 2 + conf->multiplexes[i].inputs_count + conf->multiplexes[i].outputs_count;
    return conf->has_emmg ? count + simc__emmg_service_files(&conf->emmg) : count;
}

/* ---- multiplexes that come to their end ---- */

/* Any thread. */
static void ended(void *context)
{
    struct service *service = context;
    uv_async_send(&service->wake);
}

static void clear_progress(struct service *service)
{
    if (service->has_drawn)
        fprintf(stderr, "\r\033[K");
    service->has_drawn = false;
}

/* One that has failed ends all of it; a live one whose inputs have ended is not missed while others
 * go on. */
static void look_for_ends(uv_async_t *wake)
{
    struct service *service = wake->data;
    size_t done = 0;
    uint64_t packets = 0;
    char why[SIMC__DAEMON_WHY_SIZE] = "";
    simc_uv_threads_park(service->threads);
    for (size_t i = 0; i < service->place_count; i++) {
        const struct simc__muxd_multiplex *multiplex = service->places[i].multiplex;
        struct simc__mux_status status;
        done += multiplex->result != SIMC__MUXD_RUNNING;
        if (multiplex->result == SIMC__MUXD_FAILED && !why[0])
            snprintf(why, sizeof why, "%.400s", multiplex->result_text);
        simc__mux_status(multiplex->mux, &status);
        packets += status.counters[SIMC__MUX_COUNTER_PACKETS_OUT];
    }
    bool is_all = done == service->place_count;
    simc_uv_threads_resume(service->threads);
    clear_progress(service);
    if (why[0])
        simc__daemon_fail(service->run, "%s", why);
    else if (is_all && service->is_draining)
        simc__daemon_drained(service->run);
    else if (is_all)
        simc__daemon_done(service->run, "everything is done: %llu packets",
                          (unsigned long long)packets);
}

/* How far a title is, by the bytes of its input files. */
static void draw_progress(uv_timer_t *timer)
{
    struct service *service = timer->data;
    uint64_t size = 0, done = 0;
    simc_uv_threads_park(service->threads);
    for (size_t i = 0; i < service->place_count; i++) {
        struct simc__muxd_multiplex *multiplex = service->places[i].multiplex;
        size += multiplex->input_size;
        for (size_t k = 0; k < multiplex->feed_count; k++) {
            struct simc__tsio_input_stats stats;
            simc__tsio_input_stats(multiplex->feeds[k]->input, &stats);
            done += stats.bytes + stats.skipped_bytes;
        }
    }
    simc_uv_threads_resume(service->threads);
    char bar[BAR_SIZE + 1];
    size_t filled = size ? (size_t)(done * BAR_SIZE / size) : 0;
    filled = filled < BAR_SIZE ? filled : BAR_SIZE;
    memset(bar, '.', BAR_SIZE);
    memset(bar, '#', filled);
    bar[BAR_SIZE] = '\0';
    if (size)
        fprintf(stderr, "\r[%s] %3u %%, %llu of %llu MB\033[K", bar,
                (unsigned)(done < size ? done * PERCENT / size : PERCENT),
                (unsigned long long)(done / 1000000), (unsigned long long)(size / 1000000));
    else
        fprintf(stderr, "\r%llu MB\033[K", (unsigned long long)(done / 1000000));
    service->has_drawn = true;
}

/* ---- threads ---- */

/* EMMs that wait for an engine. */
static void fill(void *context, struct simc__mux *mux)
{
    struct service *service = context;
    if (service->emmg)
        simc__emmg_service_fill(service->emmg, mux);
}

static int make_multiplex(struct service *service, const struct simc__muxd_conf *conf, size_t index,
                          struct place *place, char why[SIMC__MUXD_WHY_SIZE])
{
    struct thread *thread = &service->thread[index % service->thread_count];
    const struct simc__muxd_multiplex_settings settings = {
        .loop = thread->loop,
        .tsio = thread->tsio,
        .log = &thread->sink.log,
        .conf = &conf->multiplexes[index],
        .link = conf->has_link ? &conf->link : NULL,
        .tls = service->tls,
        .ended = ended,
        .ended_context = service,
        .fill = fill,
        .fill_context = service,
    };
    place->thread = index % service->thread_count;
    why[0] = '\0';
    int error = simc__muxd_multiplex_new(&settings, &place->multiplex, why);
    if (error && !why[0])
        snprintf(why, SIMC__MUXD_WHY_SIZE, "multiplex '%s' cannot be made: %s",
                 conf->multiplexes[index].name, simc_error_text(error));
    return error;
}

static void stop_thread(void *context, struct simc_uv_loop *loop, size_t index)
{
    struct service *service = context;
    struct thread *thread = &service->thread[index];
    (void)loop;
    if (index == 0) {
        simc__emmg_service_free(service->emmg);
        service->emmg = NULL;
    }
    for (size_t i = 0; i < service->place_count; i++) {
        if (service->places[i].thread == index) {
            simc__muxd_multiplex_free(service->places[i].multiplex);
            service->places[i].multiplex = NULL;
        }
    }
    simc__tsio_free_now(thread->tsio);
    thread->tsio = NULL;
}

/* The engine of a multiplex, by its name; NULL: of the first one. */
static struct simc__mux *find_engine(void *context, const char *name)
{
    struct service *service = context;
    for (size_t i = 0; i < service->place_count; i++)
        if (service->places[i].multiplex &&
            (!name || strcmp(service->places[i].multiplex->conf->name, name) == 0))
            return service->places[i].multiplex->mux;
    return NULL;
}

/* A turn of the loop may bring events of a thousand streams. */
static void turn_engines(void *context)
{
    struct service *service = context;
    for (size_t i = 0; i < service->place_count; i++)
        if (service->places[i].multiplex)
            simc__muxd_multiplex_turn(service->places[i].multiplex);
}

static int start_emmg(struct service *service, struct thread *thread, char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc__emmg_service_settings settings = {.loop = thread->loop,
                                                         .log = &thread->sink.log,
                                                         .conf = &service->conf->emmg,
                                                         .context = service,
                                                         .find = find_engine,
                                                         .turn = turn_engines};
    return simc__emmg_service_new(&settings, why, &service->emmg);
}

static int start_thread(void *context, struct simc_uv_loop *loop, size_t index,
                        char why[SIMC_UV_TEXT_SIZE])
{
    struct service *service = context;
    struct thread *thread = &service->thread[index];
    char text[SIMC__MUXD_WHY_SIZE] = "no memory, or no timer, for inputs and outputs";
    thread->loop = loop;
    int error = simc__tsio_new(simc_uv_loop_uv(loop), &thread->tsio);
    for (size_t i = index; i < service->place_count && !error; i += service->thread_count)
        error = make_multiplex(service, service->conf, i, &service->places[i], text);
    if (!error && index == 0 && service->conf->has_emmg)
        error = start_emmg(service, thread, text);
    if (error) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "%.*s", SIMC_UV_TEXT_SIZE - 1, text);
        stop_thread(service, loop, index);
    }
    return error;
}

/* ---- start ---- */

static int make_threads(struct service *service, char why[SIMC__DAEMON_WHY_SIZE])
{
    service->thread_count = simc__daemon_threads(&service->conf->daemon);
    if (service->thread_count > service->conf->multiplexes_count)
        service->thread_count = service->conf->multiplexes_count;
    service->thread = simc_calloc(service->thread_count, sizeof *service->thread);
    service->stats = simc__muxd_stats_new(simc__daemon_metrics(service->run));
    if (!service->thread || !service->stats)
        return SIMC_ENOMEM;
    for (size_t i = 0; i < service->thread_count; i++) {
        service->thread[i].service = service;
        simc__daemon_log_make(service->run, &service->thread[i].sink);
    }
    const struct simc_uv_threads_settings settings = {.count = service->thread_count,
                                                      .start = start_thread,
                                                      .stop = stop_thread,
                                                      .context = service};
    return simc_uv_threads_start(&settings, why, &service->threads);
}

static int start(struct service *service, char why[SIMC__DAEMON_WHY_SIZE])
{
    uv_loop_t *loop = simc__daemon_loop(service->run);
    int error = make_tls(service->conf, &service->tls, why);
    if (!error && uv_async_init(loop, &service->wake, look_for_ends))
        error = SIMC_EIO;
    if (error)
        return error;
    service->wake.data = service;
    uv_timer_init(loop, &service->progress);
    service->progress.data = service;
    service->has_handles = true;
    error = make_threads(service, why);
    if (!error && is_title(service->conf) && isatty(STDERR_FILENO))
        uv_timer_start(&service->progress, draw_progress, PROGRESS_MS, PROGRESS_MS);
    return error;
}

int simc__muxd_service_start(struct simc__daemon_run *run, const void *values, void **out,
                             char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = simc_calloc(1, sizeof *service);
    if (!service)
        return SIMC_ENOMEM;
    /* A file that grows too large is an error of its output. */
    signal(SIGXFSZ, SIG_IGN);
    service->run = run;
    service->conf = values;
    service->place_count = service->conf->multiplexes_count;
    int error = start(service, why);
    if (error) {
        simc__muxd_service_stop(service);
        simc__muxd_service_release(service);
        return error;
    }
    simc_log(simc__daemon_log(run), SIMC_LOG_INFO, "multiplexing",
             simc_log_uint("multiplexes", service->place_count),
             simc_log_uint("threads", service->thread_count),
             simc_log_text("link", service->conf->has_link ? service->conf->link.address : "none"));
    *out = service;
    return 0;
}

/* ---- reload ---- */

static struct place *find_place(struct service *service, const char *name)
{
    for (size_t i = 0; i < service->place_count; i++)
        if (strcmp(service->places[i].multiplex->conf->name, name) == 0)
            return &service->places[i];
    return NULL;
}

/* Makes what is new and changes what was there. On failure `*count` says how far it came. */
static int change_all(struct service *service, const struct simc__muxd_conf *conf,
                      struct place *places, size_t *count, char why[SIMC__DAEMON_WHY_SIZE])
{
    int error = 0;
    for (*count = 0; *count < conf->multiplexes_count && !error; *count += !error) {
        const struct simc__muxd_multiplex_conf *wanted = &conf->multiplexes[*count];
        struct place *had = find_place(service, wanted->name);
        if (had) {
            places[*count] = *had;
            error = simc__muxd_multiplex_change(had->multiplex, wanted, why);
        } else {
            error = make_multiplex(service, conf, *count, &places[*count], why);
        }
    }
    return error;
}

static bool is_placed(const struct place *places, size_t count,
                      const struct simc__muxd_multiplex *multiplex)
{
    for (size_t i = 0; i < count; i++)
        if (places[i].multiplex == multiplex)
            return true;
    return false;
}

/* Takes back what change_all() has done to the first `count`. */
static void change_back(struct service *service, const struct simc__muxd_conf *old_conf,
                        const struct place *places, size_t count)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    for (size_t i = 0; i < count; i++) {
        struct simc__muxd_multiplex *multiplex = places[i].multiplex;
        if (!is_placed(service->places, service->place_count, multiplex)) {
            simc__muxd_multiplex_free(multiplex);
            continue;
        }
        for (size_t k = 0; k < old_conf->multiplexes_count; k++)
            if (strcmp(old_conf->multiplexes[k].name, multiplex->conf->name) == 0 &&
                simc__muxd_multiplex_change(multiplex, &old_conf->multiplexes[k], why))
                simc__daemon_fail(service->run, "the old configuration cannot be restored: %s",
                                  why);
    }
}

static int reload(struct service *service, const struct simc__muxd_conf *old_conf,
                  const struct simc__muxd_conf *conf, struct place *places,
                  char why[SIMC__DAEMON_WHY_SIZE])
{
    size_t count;
    int error = service->emmg ? simc__emmg_service_prepare(service->emmg, &conf->emmg, why) : 0;
    if (error)
        return error;
    error = change_all(service, conf, places, &count, why);
    if (error) {
        change_back(service, old_conf, places, count);
        if (service->emmg)
            simc__emmg_service_restore(service->emmg);
        return error;
    }
    for (size_t i = 0; i < service->place_count; i++) {
        struct simc__muxd_multiplex *multiplex = service->places[i].multiplex;
        if (is_placed(places, count, multiplex))
            continue;
        if (service->emmg)
            simc__emmg_service_mux_gone(service->emmg, multiplex->mux);
        simc__muxd_multiplex_free(multiplex);
    }
    memcpy(service->places, places, count * sizeof *places);
    service->place_count = count;
    service->conf = conf;
    for (size_t i = 0; i < count; i++)
        if (places[i].multiplex->link_conf)
            places[i].multiplex->link_conf = &conf->link;
    for (size_t i = 0; i < service->thread_count; i++)
        simc__daemon_log_make(service->run, &service->thread[i].sink);
    if (service->emmg)
        simc__emmg_service_change(service->emmg, &conf->emmg);
    return 0;
}

int simc__muxd_service_reload(void *context, const void *old_values, const void *new_values,
                              char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    const struct simc__muxd_conf *conf = new_values;
    struct place *places = simc_calloc(conf->multiplexes_count, sizeof *places);
    if (!places)
        return SIMC_ENOMEM;
    int error = service->tls ? simc_uv_tls_reload(service->tls, why) : 0;
    if (!error) {
        simc_uv_threads_park(service->threads);
        error = reload(service, old_values, conf, places, why);
        simc_uv_threads_resume(service->threads);
    }
    simc_free(places);
    return error;
}

/* ---- end ---- */

/* Files get what was made for them. A title that is not whole yet is none. */
void simc__muxd_service_drain(void *context, uint32_t drain_ms)
{
    struct service *service = context;
    (void)drain_ms;
    clear_progress(service);
    service->is_draining = true;
    if (is_title(service->conf)) {
        simc__daemon_fail(service->run, "stopped before the title was complete");
        return;
    }
    simc_uv_threads_park(service->threads);
    if (service->emmg)
        simc__emmg_service_drain(service->emmg);
    for (size_t i = 0; i < service->place_count; i++)
        simc__muxd_multiplex_drain(service->places[i].multiplex);
    simc_uv_threads_resume(service->threads);
}

void simc__muxd_service_stop(void *context)
{
    struct service *service = context;
    clear_progress(service);
    simc_uv_threads_free(service->threads);
    service->threads = NULL;
    if (service->has_handles) {
        uv_close((uv_handle_t *)&service->wake, NULL);
        uv_close((uv_handle_t *)&service->progress, NULL);
    }
    service->has_handles = false;
}

void simc__muxd_service_release(void *context)
{
    struct service *service = context;
    simc__muxd_stats_free(service->stats);
    simc_uv_tls_free(service->tls);
    simc_free(service->thread);
    simc_free(service);
}

/* ---- what it tells ---- */

void simc__muxd_service_status(void *context, struct simc__json *json)
{
    struct service *service = context;
    simc__json_uint(json, "threads", service->thread_count);
    simc__json_array(json, "multiplexes");
    simc_uv_threads_park(service->threads);
    for (size_t i = 0; i < service->place_count; i++)
        simc__muxd_status_put(service->places[i].multiplex, json);
    simc__json_end(json);
    if (service->emmg) {
        simc__json_object(json, "emmg");
        simc__emmg_service_status(service->emmg, json);
        simc__json_end(json);
    }
    simc_uv_threads_resume(service->threads);
}

void simc__muxd_service_collect(void *context)
{
    struct service *service = context;
    simc__muxd_stats_begin(service->stats);
    simc_uv_threads_park(service->threads);
    for (size_t i = 0; i < service->place_count; i++)
        simc__muxd_stats_look(service->stats, service->places[i].multiplex);
    if (service->emmg)
        simc__emmg_service_collect(service->emmg, simc__daemon_metrics(service->run));
    simc_uv_threads_resume(service->threads);
    simc__muxd_stats_end(service->stats);
}

bool simc__muxd_service_is_ready(void *context, char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    const char *fault = NULL;
    simc_uv_threads_park(service->threads);
    for (size_t i = 0; i < service->place_count && !fault; i++) {
        const struct simc__muxd_multiplex *multiplex = service->places[i].multiplex;
        fault = simc__muxd_status_fault(multiplex);
        if (fault)
            snprintf(why, SIMC__DAEMON_WHY_SIZE, "multiplex '%s': %s", multiplex->conf->name,
                     fault);
    }
    simc_uv_threads_resume(service->threads);
    return !fault;
}
