/* SPDX-License-Identifier: BSL-1.0 */
/* SIGHUP: reads the configuration again, and takes all of it over or nothing. run.c calls it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/internal.h"
#include "sys/clock.h"

/* A log line for each line of a text. */
static void log_lines(const struct simc_log *log, enum simc_log_level level, const char *message,
                      const char *field, struct simc_slice text)
{
    while (text.size) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        struct simc_log_field value = simc_log_text(field, NULL);
        value.bytes = simc_slice(text.data, size);
        simc_log_line(log, level, message, &value, 1);
        size += end != NULL;
        text = simc_slice(text.data + size, text.size - size);
    }
}

/* Says what changes. @return true when all of it can come into force now. */
static bool compare(struct simc__daemon_run *run, const void *values, bool *is_same)
{
    const struct simc_log *log = &run->sink.log;
    struct simc__conf_changes *changes = simc_alloc(sizeof *changes);
    if (!changes)
        return false;
    simc__conf_compare(run->daemon->table, run->values, values, changes);
    bool is_reloadable = changes->reloadable;
    *is_same = changes->total == 0;
    for (size_t i = 0; i < changes->count; i++) {
        const struct simc__conf_change *change = &changes->items[i];
        if (!is_reloadable && change->reloadable)
            continue;
        simc_log(log, is_reloadable ? SIMC_LOG_NOTICE : SIMC_LOG_WARNING,
                 is_reloadable ? "configuration changes"
                               : "this change of the configuration needs a restart",
                 simc_log_text("key", change->where), simc_log_text("from", change->from),
                 simc_log_text("to", change->to));
    }
    if (changes->total > changes->count)
        simc_log(log, SIMC_LOG_NOTICE, "and more changes",
                 simc_log_uint("count", changes->total - changes->count));
    simc_free(changes);
    return is_reloadable;
}

static void take_over(struct simc__daemon_run *run, void *values)
{
    const void *old_values = run->values;
    run->values = values;
    run->conf = simc__daemon_common(run->daemon, values);
    run->loaded_us = simc__clock_wall_us(NULL);
    simc__daemon_values_release(old_values);
}

/* The log as configured, for this thread and for those that ask. What was lost is not forgotten. */
static void set_log(struct simc__daemon_run *run)
{
    uint64_t lost_count = run->sink.lost_count;
    bool torn = run->sink.torn;
    enum simc__log_sink_kind kind = simc__daemon_log_kind(run->conf->log.form);
    simc__log_sink_init(&run->sink, run->sink.fd, kind, run->conf->log.level);
    run->sink.lost_count = lost_count;
    run->sink.torn = torn;
    atomic_store(&run->log_level, (int)run->conf->log.level);
    atomic_store(&run->log_kind, (int)kind);
}

static enum simc__daemon_reload_result reload(struct simc__daemon_run *run)
{
    const struct simc_log *log = &run->sink.log;
    const char *name = simc__daemon_config_name(run->line);
    char why[SIMC__DAEMON_WHY_SIZE] = "";
    struct simc_buffer faults;
    void *values;
    bool is_same = false;
    if (run->line->common->config && strcmp(run->line->common->config, "-") == 0) {
        simc__daemon_note(
            run, SIMC_LOG_ERROR,
            "the configuration came from standard input and cannot be read again; restart");
        return SIMC__DAEMON_RELOAD_REFUSED;
    }
    int error = simc__daemon_config_load(run->daemon, run->line, &values, &faults);
    if (error) {
        log_lines(log, SIMC_LOG_ERROR, "the configuration has a fault", "fault",
                  simc_buffer_bytes(&faults));
        if (error == SIMC_ENOMEM)
            simc__daemon_note(run, SIMC_LOG_ERROR, "no memory for a new configuration");
        simc_buffer_fini(&faults);
        return SIMC__DAEMON_RELOAD_FAULTY;
    }
    simc_buffer_fini(&faults);
    if (!compare(run, values, &is_same)) {
        simc__daemon_values_release(values);
        return SIMC__DAEMON_RELOAD_NEEDS_RESTART;
    }
    if (run->daemon->reload)
        error = run->daemon->reload(run->service, run->values, values, why);
    if (error) {
        simc_log(log, SIMC_LOG_ERROR, "the new configuration cannot be taken over",
                 simc_log_text("file", name), simc_log_text("why", why));
        simc__daemon_values_release(values);
        return SIMC__DAEMON_RELOAD_REFUSED;
    }
    simc__daemon_files_raise(simc__daemon_files_wanted(run->daemon, values), log);
    take_over(run, values);
    set_log(run);
    simc_log(log, SIMC_LOG_NOTICE,
             is_same ? "configuration read again: nothing in it has changed"
                     : "the new configuration is in force",
             simc_log_text("file", name));
    return SIMC__DAEMON_RELOAD_GOOD;
}

void simc__daemon_reload(struct simc__daemon_run *run)
{
    simc__notify_reloading(&run->notify);
    enum simc__daemon_reload_result result = reload(run);
    run->reloads[result]++;
    if (result != SIMC__DAEMON_RELOAD_GOOD)
        simc__daemon_note(run, SIMC_LOG_WARNING, "the old configuration stays in force");
    simc__notify_ready(&run->notify);
}
