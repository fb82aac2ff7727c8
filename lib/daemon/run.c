/* SPDX-License-Identifier: BSL-1.0 */
/* A daemon from its start to its end: loop, signals, watchdog, drain with a bound, stop with a
 * bound; see daemon.h. main.c calls it with a good configuration. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/internal.h"
#include "sys/clock.h"

enum {
    TICK_MS = 1000,
    STOP_MS = 2000, /* for handles to close */
};

static const int signal_numbers[SIMC__DAEMON_SIGNALS] = {SIGHUP, SIGTERM, SIGINT};

/* ---- what callbacks may ask for ---- */

uv_loop_t *simc__daemon_loop(struct simc__daemon_run *run)
{
    return &run->loop;
}

const struct simc_log *simc__daemon_log(struct simc__daemon_run *run)
{
    return &run->sink.log;
}

void simc__daemon_log_make(const struct simc__daemon_run *run, struct simc__log_sink *sink)
{
    int kind = atomic_load(&run->log_kind), level = atomic_load(&run->log_level);
    simc__log_sink_init(sink, STDERR_FILENO, (enum simc__log_sink_kind)kind,
                        (enum simc_log_level)level);
}

struct simc__metrics *simc__daemon_metrics(struct simc__daemon_run *run)
{
    return run->metrics;
}

const void *simc__daemon_values(const struct simc__daemon_run *run)
{
    return run->values;
}

void simc__daemon_say(struct simc__daemon_run *run, const char *format, ...)
{
    char text[sizeof run->notify.said];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= 0)
        simc__notify_status(&run->notify, text);
}

/* ---- the end ---- */

static void name_handle(uv_handle_t *handle, void *context)
{
    struct simc__daemon_run *run = context;
    if (handle != (uv_handle_t *)&run->guard && !uv_is_closing(handle))
        simc_log(&run->sink.log, SIMC_LOG_ERROR, "a handle was not closed",
                 simc_log_text("type", uv_handle_type_name(handle->type)));
}

/* What is still open after two seconds will not close by itself; its memory may be in use, so the
 * process ends here. */
static void on_guard(uv_timer_t *timer)
{
    struct simc__daemon_run *run = timer->data;
    simc__daemon_note(run, SIMC_LOG_ERROR, "could not close everything in time; ends anyway");
    uv_walk(&run->loop, name_handle, run);
    _exit(SIMC__DAEMON_EXIT_TROUBLE);
}

static void stop(struct simc__daemon_run *run)
{
    if (run->state == SIMC__DAEMON_STOPPING)
        return;
    run->state = SIMC__DAEMON_STOPPING;
    simc__notify_stopping(&run->notify);
    simc__notify_status(&run->notify, "ending");
    /* The guard does not keep the loop alive: it only fires when something else does. */
    uv_timer_start(&run->guard, on_guard, STOP_MS, 0);
    uv_unref((uv_handle_t *)&run->guard);
    if (run->is_started)
        run->daemon->stop(run->service);
    simc__daemon_admin_stop(run);
    for (size_t i = 0; i < SIMC__DAEMON_SIGNALS; i++)
        uv_close((uv_handle_t *)&run->signals[i], NULL);
    uv_close((uv_handle_t *)&run->tick, NULL);
    uv_close((uv_handle_t *)&run->drain, NULL);
}

static void on_drain_over(uv_timer_t *timer)
{
    struct simc__daemon_run *run = timer->data;
    simc_log(&run->sink.log, SIMC_LOG_WARNING, "work in progress took too long; ends now",
             simc_log_uint("drain_ms", run->conf->drain_ms));
    stop(run);
}

/* Stopping from inside of a callback of the service would pull the ground from under it: it comes
 * with the next turn of the loop. */
static void on_drained(uv_timer_t *timer)
{
    struct simc__daemon_run *run = timer->data;
    if (run->status == SIMC__DAEMON_EXIT_GOOD)
        simc__daemon_note(run, SIMC_LOG_INFO, "work in progress is done");
    stop(run);
}

void simc__daemon_drained(struct simc__daemon_run *run)
{
    if (run->state == SIMC__DAEMON_DRAINING)
        uv_timer_start(&run->drain, on_drained, 0, 0);
}

void simc__daemon_fail(struct simc__daemon_run *run, const char *format, ...)
{
    char why[SIMC__DAEMON_WHY_SIZE];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(why, sizeof why, format, arguments) < 0)
        why[0] = '\0';
    va_end(arguments);
    simc_log(&run->sink.log, SIMC_LOG_ERROR, "cannot go on", simc_log_text("why", why));
    run->status = SIMC__DAEMON_EXIT_TROUBLE;
    if (run->state != SIMC__DAEMON_STOPPING)
        uv_timer_start(&run->drain, on_drained, 0, 0);
}

void simc__daemon_done(struct simc__daemon_run *run, const char *format, ...)
{
    char text[SIMC__DAEMON_WHY_SIZE];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    if (run->state == SIMC__DAEMON_STOPPING)
        return;
    simc_log_line(&run->sink.log, SIMC_LOG_NOTICE, text, NULL, 0);
    run->state = SIMC__DAEMON_DRAINING;
    uv_timer_start(&run->drain, on_drained, 0, 0);
}

static void drain(struct simc__daemon_run *run, int number)
{
    uint32_t drain_ms = run->conf->drain_ms;
    simc_log(&run->sink.log, SIMC_LOG_NOTICE, "ending: no new work is taken",
             simc_log_text("signal", number == SIGINT ? "SIGINT" : "SIGTERM"),
             simc_log_uint("drain_ms", drain_ms));
    run->state = SIMC__DAEMON_DRAINING;
    if (!run->daemon->drain || drain_ms == 0) {
        stop(run);
        return;
    }
    simc__notify_stopping(&run->notify);
    simc__notify_status(&run->notify, "finishing work in progress");
    uv_timer_start(&run->drain, on_drain_over, drain_ms, 0);
    run->daemon->drain(run->service, drain_ms);
}

/* ---- signals and ticks ---- */

static void on_signal(uv_signal_t *signal, int number)
{
    struct simc__daemon_run *run = signal->data;
    bool is_running = run->state == SIMC__DAEMON_RUNNING;
    if (number == SIGHUP && is_running) {
        simc__daemon_reload(run);
    } else if (number == SIGHUP) {
        simc__daemon_note(run, SIMC_LOG_INFO, "SIGHUP is ignored: the daemon is ending");
    } else if (is_running) {
        drain(run, number);
    } else if (run->state == SIMC__DAEMON_DRAINING) {
        simc__daemon_note(run, SIMC_LOG_NOTICE, "a second signal: ends at once");
        stop(run);
    }
}

/* Feeds the watchdog as long as the daemon is healthy, and says once when that changes. */
static void on_tick(uv_timer_t *timer)
{
    struct simc__daemon_run *run = timer->data;
    char why[SIMC__DAEMON_WHY_SIZE];
    bool is_healthy = simc__daemon_is_healthy(run, why);
    if (is_healthy != run->was_healthy)
        simc_log(&run->sink.log, is_healthy ? SIMC_LOG_NOTICE : SIMC_LOG_ERROR,
                 is_healthy ? "healthy again" : "not healthy", simc_log_text("why", why));
    run->was_healthy = is_healthy;
    if (is_healthy)
        simc__notify_alive(&run->notify);
}

static void start_watching(struct simc__daemon_run *run)
{
    uint64_t tick_ms = TICK_MS, half_ms = run->notify.watchdog_us / 2000;
    for (size_t i = 0; i < SIMC__DAEMON_SIGNALS; i++)
        (void)uv_signal_start(&run->signals[i], on_signal, signal_numbers[i]);
    if (run->notify.watchdog_us && half_ms < tick_ms)
        tick_ms = half_ms ? half_ms : 1;
    uv_timer_start(&run->tick, on_tick, tick_ms, tick_ms);
}

/* ---- the start ---- */

static void init_timer(struct simc__daemon_run *run, uv_timer_t *timer)
{
    uv_timer_init(&run->loop, timer);
    timer->data = run;
}

static int init_handles(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE])
{
    int error = uv_loop_init(&run->loop);
    size_t count = 0;
    if (error) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "no event loop: %s", uv_strerror(error));
        return SIMC_EIO;
    }
    while (count < SIMC__DAEMON_SIGNALS && !error) {
        error = uv_signal_init(&run->loop, &run->signals[count]);
        run->signals[count].data = run;
        count += error == 0;
    }
    if (!error) {
        init_timer(run, &run->tick);
        init_timer(run, &run->drain);
        init_timer(run, &run->guard);
        return 0;
    }
    while (count > 0)
        uv_close((uv_handle_t *)&run->signals[--count], NULL);
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&run->loop);
    snprintf(why, SIMC__DAEMON_WHY_SIZE, "no signal handling: %s", uv_strerror(error));
    return SIMC_EIO;
}

static void open_notify(struct simc__daemon_run *run)
{
    char why[256];
    if (simc__notify_open(&run->notify, why) != 0)
        simc_log(&run->sink.log, SIMC_LOG_WARNING, "systemd is not told what goes on",
                 simc_log_text("why", why));
}

static int start(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE])
{
    int error = simc__daemon_admin_start(run, why);
    if (!error)
        error = run->daemon->start(run, run->values, &run->service, why);
    if (error)
        return error;
    run->is_started = true;
    simc__daemon_admin_serve(run, run->service);
    return 0;
}

static void serve(struct simc__daemon_run *run)
{
    run->state = SIMC__DAEMON_RUNNING;
    start_watching(run);
    simc_log(&run->sink.log, SIMC_LOG_NOTICE, "started",
             simc_log_text("version", run->daemon->version),
             simc_log_text("configuration", simc__daemon_config_name(run->line)),
             simc_log_uint("admin_port", simc__http_port(run->http)));
    if (!run->notify.said[0])
        simc__notify_status(&run->notify, "serving");
    simc__notify_ready(&run->notify);
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
}

static void fini(struct simc__daemon_run *run)
{
    /* stop() has been called, so only what is closing keeps the loop running, and the guard bounds
     * that. */
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    if (run->is_started && run->daemon->release)
        run->daemon->release(run->service);
    uv_close((uv_handle_t *)&run->guard, NULL);
    (void)uv_run(&run->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&run->loop);
    simc__metrics_free(run->metrics);
    simc_log(&run->sink.log, SIMC_LOG_NOTICE, "ended", simc_log_int("status", run->status));
    simc__notify_close(&run->notify);
}

static int run_all(struct simc__daemon_run *run)
{
    char why[SIMC__DAEMON_WHY_SIZE] = "";
    if (init_handles(run, why) != 0) {
        simc_log(&run->sink.log, SIMC_LOG_ERROR, "cannot start", simc_log_text("why", why));
        simc__notify_close(&run->notify);
        return SIMC__DAEMON_EXIT_TROUBLE;
    }
    int error = start(run, why);
    if (error) {
        simc_log(&run->sink.log, SIMC_LOG_ERROR, "cannot start",
                 simc_log_text("why", why[0] ? why : simc_error_text(error)));
        run->status = SIMC__DAEMON_EXIT_TROUBLE;
        stop(run);
    } else {
        serve(run);
    }
    fini(run);
    return run->status;
}

int simc__daemon_run_take(const struct simc__daemon *daemon, const struct simc__daemon_line *line,
                          void *values)
{
    struct simc__daemon_run *run = simc_calloc(1, sizeof *run);
    if (!run) {
        simc__daemon_values_release(values);
        return simc__daemon_trouble(daemon, "no memory");
    }
    run->daemon = daemon;
    run->line = line;
    run->values = values;
    run->conf = simc__daemon_common(daemon, values);
    run->was_healthy = true;
    run->start_us = run->loaded_us = simc__clock_wall_us(NULL);
    run->start_ms = simc__clock_monotonic_ms();
    enum simc__log_sink_kind kind = simc__daemon_log_kind(run->conf->log.form);
    simc__log_sink_init(&run->sink, STDERR_FILENO, kind, run->conf->log.level);
    atomic_init(&run->log_level, (int)run->conf->log.level);
    atomic_init(&run->log_kind, (int)kind);
    open_notify(run);
    simc__daemon_files_raise(simc__daemon_files_wanted(daemon, values), &run->sink.log);
    int status = run_all(run);
    simc__daemon_values_release(run->values);
    simc_free(run);
    return status;
}
