/* SPDX-License-Identifier: BSL-1.0 */
/* The CA systems of the ECM generator: opening, changing and closing what makes their ECMs. The
 * service calls it at the start and at each reload. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ecmg/internal.h"

/* ---- what a channel_status announces [5.4.3] ---- */

static void fill_status(const struct simc__ecmg_system_conf *conf,
                        struct simc_ecmg_channel_status *status)
{
    *status = (struct simc_ecmg_channel_status){
        .section_tspkt_flag = conf->ts_packets,
        .has_ac_delay_start = conf->has_ac_delay_start,
        .ac_delay_start_ms = conf->ac_delay_start_ms,
        .has_ac_delay_stop = conf->has_ac_delay_stop,
        .ac_delay_stop_ms = conf->ac_delay_stop_ms,
        .delay_start_ms = conf->delay_start_ms,
        .delay_stop_ms = conf->delay_stop_ms,
        .has_transition_delay_start = conf->has_transition_delay_start,
        .transition_delay_start_ms = conf->transition_delay_start_ms,
        .has_transition_delay_stop = conf->has_transition_delay_stop,
        .transition_delay_stop_ms = conf->transition_delay_stop_ms,
        .ecm_rep_period_ms = conf->ecm_rep_period_ms,
        .max_streams = conf->max_streams,
        .min_cp_duration_100ms = (uint16_t)(conf->min_cp_duration_ms / 100),
        .lead_cw = conf->lead_cw,
        .cw_per_msg = conf->cw_per_msg,
        .max_comp_time_ms = conf->max_comp_time_ms,
    };
}

/* ---- settings of plug-ins ---- */

/* Splits "name=value". The copies live in one block; release it with simc_free(). */
static int split_settings(const struct simc__ecmg_system_conf *conf,
                          struct simc_ecm_setting settings[SIMC_ECM_PLUGIN_SETTINGS_MAX],
                          char **memory)
{
    size_t size = 1;
    for (size_t i = 0; i < conf->settings_count; i++)
        size += strlen(conf->settings[i]) + 1;
    char *at = *memory = simc_alloc(size);
    if (!at)
        return SIMC_ENOMEM;
    for (size_t i = 0; i < conf->settings_count; i++) {
        size_t length = strlen(conf->settings[i]) + 1;
        memcpy(at, conf->settings[i], length);
        char *equals = strchr(at, '='); /* the configuration's rows saw to it that there is one */
        if (equals)
            *equals = '\0';
        settings[i] = (struct simc_ecm_setting){at, equals ? equals + 1 : ""};
        at += length;
    }
    return 0;
}

/* Calls system_open or system_reload with the settings of a configuration. */
static int call_plugin(struct simc__ecmg_system *system, const struct simc__ecmg_system_conf *conf,
                       bool reload, char why[SIMC_ECM_PLUGIN_WHY_SIZE])
{
    struct simc_ecm_setting settings[SIMC_ECM_PLUGIN_SETTINGS_MAX];
    char *memory;
    int error = split_settings(conf, settings, &memory);
    if (error)
        return error;
    if (reload)
        error = system->plugin->system_reload(system->state, settings, conf->settings_count, why);
    else
        error = system->plugin->system_open(&system->host, settings, conf->settings_count,
                                            &system->state, why);
    simc_free(memory);
    return error;
}

/* Our own profile reads the rows of the configuration; a vendor's plug-in has words of its own. */
static bool is_profile1(const struct simc__ecmg_system *system)
{
    return system->plugin == &simc__ecmg_profile1;
}

static void say(char why[SIMC__ECMG_WHY_SIZE], uint32_t super_cas_id, const char *what,
                const char *reason)
{
    struct simc_writer out = simc_writer(why, SIMC__ECMG_WHY_SIZE - 1);
    simc__text_printf(&out, "Super_CAS_id 0x%08X: %s%s%s", (unsigned)super_cas_id, what,
                      reason[0] ? ": " : "", reason);
    why[out.at < SIMC__ECMG_WHY_SIZE ? out.at : SIMC__ECMG_WHY_SIZE - 1] = '\0';
}

static bool is_complete(const struct simc_ecm_plugin *plugin)
{
    return plugin->abi == SIMC_ECM_PLUGIN_ABI && plugin->name && plugin->version &&
           plugin->system_open && plugin->system_close && plugin->worker_open &&
           plugin->worker_close && plugin->stream_open && plugin->ecm_make && plugin->stream_close;
}

static int load_plugin(const struct simc__ecmg_environment *environment,
                       const struct simc__ecmg_system_conf *conf,
                       const struct simc_ecm_plugin **plugin, char why[SIMC__ECMG_WHY_SIZE])
{
    char reason[SIMC__ECMG_WHY_SIZE] = "";
    *plugin = &simc__ecmg_profile1;
    if (!conf->plugin_file)
        return 0;
    *plugin = environment->plugin_load
                  ? environment->plugin_load(environment->context, conf->plugin_file, reason)
                  : NULL;
    if (!*plugin) {
        say(why, conf->super_cas_id, "the plug-in cannot be loaded", reason);
        return SIMC_EUNSUPPORTED;
    }
    if (!is_complete(*plugin)) {
        say(why, conf->super_cas_id,
            "the plug-in was made for another interface, or lacks a function; compile it with the "
            "simulcrypt/ecm_plugin.h of this version",
            conf->plugin_file);
        return SIMC_EUNSUPPORTED;
    }
    return 0;
}

int simc__ecmg_system_check(const struct simc__ecmg_environment *environment,
                            const struct simc__ecmg_system_conf *conf,
                            char why[SIMC__ECMG_WHY_SIZE])
{
    const struct simc_ecm_plugin *plugin;
    char reason[SIMC_ECM_PLUGIN_WHY_SIZE] = "";
    int error = load_plugin(environment, conf, &plugin, why);
    if (error || conf->plugin_file)
        return error;
    error = simc__ecmg_profile1_check(conf, reason);
    if (error)
        say(why, conf->super_cas_id, reason[0] ? reason : simc_error_text(error), "");
    return error;
}

static void host_log(const struct simc_ecm_host *host, enum simc_log_level level,
                     const char *message)
{
    /* The host is the member of a system. */
    const struct simc__ecmg_system *system =
        (const void *)((const char *)host - offsetof(struct simc__ecmg_system, host));
    simc_log(system->ecmg->environment.log, level, message,
             simc_log_hex("super_cas_id", host->super_cas_id, 8),
             simc_log_text("system", system->plugin->name));
}

static int open_workers(struct simc__ecmg_system *system)
{
    for (size_t i = 0; i < system->ecmg->worker_count; i++) {
        int error = system->plugin->worker_open(system->state, &system->workers[i]);
        if (error)
            return error;
        system->worker_is_open[i] = true;
    }
    return 0;
}

static int open_state(struct simc__ecmg_system *system, char why[SIMC__ECMG_WHY_SIZE])
{
    char reason[SIMC_ECM_PLUGIN_WHY_SIZE] = "";
    int error = is_profile1(system) ? simc__ecmg_profile1_open(system, reason)
                                    : call_plugin(system, system->conf, false, reason);
    if (error) {
        system->state = NULL;
        say(why, system->conf->super_cas_id, reason[0] ? reason : simc_error_text(error), "");
    }
    return error;
}

static int add_stats(struct simc__ecmg_system *system)
{
    char id[16];
    snprintf(id, sizeof id, "0x%08X", (unsigned)system->host.super_cas_id);
    const struct simc__metric_label labels[] = {{"super_cas_id", id},
                                                {"system", system->plugin->name}};
    return simc__metrics_add(system->ecmg->environment.metrics, &simc__ecmg_stats, labels, 2,
                             &system->stats);
}

int simc__ecmg_system_open(struct simc__ecmg *ecmg, const struct simc__ecmg_system_conf *conf,
                           struct simc__ecmg_system **system, char why[SIMC__ECMG_WHY_SIZE])
{
    struct simc__ecmg_system *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->ecmg = ecmg;
    made->conf = conf;
    made->host = (struct simc_ecm_host){SIMC_ECM_PLUGIN_ABI, conf->super_cas_id, host_log};
    fill_status(conf, &made->status);
    int error = load_plugin(&ecmg->environment, conf, &made->plugin, why);
    if (!error)
        error = add_stats(made);
    if (!error)
        error = open_state(made, why);
    if (!error)
        error = open_workers(made);
    if (error) {
        if (!why[0])
            say(why, conf->super_cas_id, simc_error_text(error), "");
        simc__ecmg_system_close(made);
        return error;
    }
    *system = made;
    return 0;
}

void simc__ecmg_system_close(struct simc__ecmg_system *system)
{
    if (!system)
        return;
    for (size_t i = 0; i < SIMC__ECMG_WORKERS_MAX; i++)
        if (system->worker_is_open[i])
            system->plugin->worker_close(system->workers[i]);
    if (system->state)
        system->plugin->system_close(system->state);
    simc__metrics_remove(system->ecmg->environment.metrics, system->stats);
    simc_free(system);
}

bool simc__ecmg_system_fits(const struct simc__ecmg_system *system,
                            const struct simc__ecmg_system_conf *conf)
{
    const char *old_file = system->conf->plugin_file;
    if (!old_file || !conf->plugin_file)
        return old_file == conf->plugin_file;
    return strcmp(old_file, conf->plugin_file) == 0;
}

static bool settings_differ(const struct simc__ecmg_system_conf *a,
                            const struct simc__ecmg_system_conf *b)
{
    if (a->settings_count != b->settings_count)
        return true;
    for (size_t i = 0; i < a->settings_count; i++)
        if (strcmp(a->settings[i], b->settings[i]) != 0)
            return true;
    return false;
}

int simc__ecmg_system_reload(struct simc__ecmg_system *system,
                             const struct simc__ecmg_system_conf *conf,
                             char why[SIMC__ECMG_WHY_SIZE])
{
    char reason[SIMC_ECM_PLUGIN_WHY_SIZE] = "";
    int error = 0;
    if (is_profile1(system))
        error = simc__ecmg_profile1_prepare(system->state, conf, reason);
    else if (settings_differ(system->conf, conf))
        error = system->plugin->system_reload ? call_plugin(system, conf, true, reason)
                                              : SIMC_EUNSUPPORTED;
    if (error == SIMC_EUNSUPPORTED && !reason[0])
        say(why, conf->super_cas_id, "the plug-in takes changed settings over at a restart only",
            "");
    else if (error)
        say(why, conf->super_cas_id, reason[0] ? reason : simc_error_text(error), "");
    return error;
}

void simc__ecmg_system_undo(struct simc__ecmg_system *system,
                            const struct simc__ecmg_system_conf *conf)
{
    char reason[SIMC_ECM_PLUGIN_WHY_SIZE] = "";
    if (is_profile1(system))
        simc__ecmg_profile1_cancel(system->state);
    else if (settings_differ(system->conf, conf) && call_plugin(system, system->conf, true, reason))
        host_log(&system->host, SIMC_LOG_ERROR,
                 "a plug-in refuses the settings that it had before; restart ecmgd");
}

void simc__ecmg_system_conf_set(struct simc__ecmg_system *system,
                                const struct simc__ecmg_system_conf *conf)
{
    system->conf = conf;
    fill_status(conf, &system->status);
    if (is_profile1(system))
        simc__ecmg_profile1_commit(system->state, conf);
}

struct simc__ecmg_system *simc__ecmg_system_find(struct simc__ecmg *ecmg, uint32_t super_cas_id)
{
    struct simc__ecmg_system *system = ecmg->systems;
    while (system && (system->is_gone || system->conf->super_cas_id != super_cas_id))
        system = system->next;
    return system;
}
