/* SPDX-License-Identifier: BSL-1.0 */
/* The configuration of a daemon: from a file or from options, checked as one, with the command
 * line's log over it, and held as long as somebody looks into it. Start and reload load it. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/internal.h"
#include "sys/file.h"

enum { COMPOSED_SIZE_MAX = 64 << 10, FAULTS_SIZE_MAX = 64 << 10 };

/* Values and what they point to. */
struct held {
    _Atomic unsigned count;
    struct simc__conf *owner;
    max_align_t values[];
};

static struct held *held_of(const void *values)
{
    return (struct held *)((uintptr_t)values - offsetof(struct held, values));
}

const void *simc__daemon_values_hold(const void *values)
{
    atomic_fetch_add_explicit(&held_of(values)->count, 1, memory_order_relaxed);
    return values;
}

void simc__daemon_values_release(const void *values)
{
    struct held *held = values ? held_of(values) : NULL;
    if (!held || atomic_fetch_sub_explicit(&held->count, 1, memory_order_acq_rel) != 1)
        return;
    simc__conf_free(held->owner);
    simc_free(held);
}

struct simc__daemon_conf *simc__daemon_common(const struct simc__daemon *daemon, const void *values)
{
    return (struct simc__daemon_conf *)((uintptr_t)values + daemon->common_offset);
}

const char *simc__daemon_config_name(const struct simc__daemon_line *line)
{
    const char *file = line->common->config;
    if (!file)
        return "the command line";
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

/* ---- faults ---- */

static int add_fault(struct simc_buffer *faults, const char *name, const char *why)
{
    return simc_buffer_printf(faults, "%s: %s\n", name, why) == SIMC_ENOMEM ? SIMC_ENOMEM
                                                                            : SIMC_ESYNTAX;
}

/* Faults of a file name line and column; those of options cannot. */
static int add_faults(struct simc_buffer *faults, const struct simc__conf_faults *found,
                      const struct simc__daemon_line *line)
{
    const char *name = simc__daemon_config_name(line);
    struct simc_writer measure = simc_writer(NULL, 0);
    if (!line->common->config) {
        for (size_t i = 0; i < found->count; i++) {
            const struct simc__conf_fault *fault = &found->items[i];
            char text[SIMC__CONF_WHERE_SIZE + SIMC__CONF_WHY_SIZE + 8];
            snprintf(text, sizeof text, "%s%s%s", fault->where, fault->where[0] ? ": " : "",
                     fault->why);
            int error = add_fault(faults, name, text);
            if (error == SIMC_ENOMEM)
                return error;
        }
        return SIMC_ESYNTAX;
    }
    simc__conf_faults_put(&measure, found, name);
    uint8_t *text = simc_alloc(measure.at + 1);
    if (!text)
        return SIMC_ENOMEM;
    struct simc_writer out = simc_writer(text, measure.at + 1);
    simc__conf_faults_put(&out, found, name);
    int error = simc_buffer_append(faults, simc_slice(text, out.error ? 0 : out.at));
    simc_free(text);
    return error == SIMC_ENOMEM ? SIMC_ENOMEM : SIMC_ESYNTAX;
}

/* ---- loading ---- */

static int load_composed(const struct simc__daemon *daemon, const struct simc__daemon_line *line,
                         struct held *held, struct simc__conf_faults *found,
                         struct simc_buffer *faults)
{
    char why[SIMC__DAEMON_WHY_SIZE] = "";
    uint8_t *yaml = simc_alloc(COMPOSED_SIZE_MAX);
    if (!yaml)
        return SIMC_ENOMEM;
    struct simc_writer out = simc_writer(yaml, COMPOSED_SIZE_MAX);
    int error = daemon->compose(line->own, &out, why);
    if (!error && out.error) {
        error = out.error;
        snprintf(why, sizeof why, "its options are too long; write a file");
    }
    if (error) {
        simc_free(yaml);
        return error == SIMC_ENOMEM ? error : add_fault(faults, daemon->name, why);
    }
    /* The name has no folder, so relative paths start where the program was started. */
    error = simc__conf_load(daemon->table, simc_slice(yaml, out.at), "options", held->values,
                            &held->owner, found);
    simc_wipe(yaml, out.at);
    simc_free(yaml);
    if (!error)
        error = simc__conf_secrets_read(held->owner, simc__file_read, found);
    return error == SIMC_ESYNTAX ? add_faults(faults, found, line) : error;
}

static int load(const struct simc__daemon *daemon, const struct simc__daemon_line *line,
                struct held *held, struct simc_buffer *faults)
{
    const char *file = line->common->config;
    struct simc__conf_faults *found = simc_alloc(sizeof *found);
    int error;
    if (!found)
        return SIMC_ENOMEM;
    if (file) {
        error = simc__conf_open(daemon->table, file, simc__file_read, held->values, &held->owner,
                                found);
        if (error == SIMC_ESYNTAX)
            error = add_faults(faults, found, line);
    } else if (daemon->compose) {
        error = load_composed(daemon, line, held, found, faults);
    } else {
        char why[256];
        snprintf(why, sizeof why,
                 "--config FILE is missing; '%.100s --print-sample' prints one to start from",
                 daemon->name);
        error = add_fault(faults, daemon->name, why);
    }
    simc_free(found);
    return error;
}

/* The order of the choices in command.c: index 0 leaves what is configured. */
static void lay_over(struct simc__daemon_conf *conf, const struct simc__daemon_options *options)
{
    static const enum simc_log_level levels[] = {SIMC_LOG_ERROR, SIMC_LOG_WARNING, SIMC_LOG_NOTICE,
                                                 SIMC_LOG_INFO, SIMC_LOG_DEBUG};
    if (options->log_level)
        conf->log.level = levels[options->log_level - 1];
    if (options->log_form)
        conf->log.form = (enum simc__daemon_log_form)(options->log_form - 1);
}

int simc__daemon_config_load(const struct simc__daemon *daemon,
                             const struct simc__daemon_line *line, void **values,
                             struct simc_buffer *faults)
{
    char why[SIMC__DAEMON_WHY_SIZE] = "";
    struct held *held = simc_calloc(1, sizeof *held + daemon->table->size);
    *values = NULL;
    simc_buffer_init(faults, FAULTS_SIZE_MAX);
    if (!held)
        return SIMC_ENOMEM;
    atomic_init(&held->count, 1);
    int error = load(daemon, line, held, faults);
    if (!error) {
        lay_over(simc__daemon_common(daemon, held->values), line->common);
        error = daemon->check ? daemon->check(held->values, why) : 0;
        if (error && error != SIMC_ENOMEM)
            error = add_fault(faults, simc__daemon_config_name(line), why);
    }
    if (error)
        simc__daemon_values_release(held->values);
    else
        *values = held->values;
    return error;
}
