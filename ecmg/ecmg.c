/* SPDX-License-Identifier: BSL-1.0 */
/* The ECM generator as a whole: its start, its reload, its figures. main.c makes one; its workers
 * serve the connections of connection.c. */
#include "ecmg/ecmg.h"

#include <string.h>

#include "ecmg/internal.h"

/* ---- start ---- */

static int open_systems(struct simc__ecmg *ecmg, char why[SIMC__ECMG_WHY_SIZE])
{
    for (size_t i = 0; i < ecmg->conf->systems_count; i++) {
        struct simc__ecmg_system *system = NULL;
        int error = simc__ecmg_system_open(ecmg, &ecmg->conf->systems[i], &system, why);
        if (error)
            return error;
        system->next = ecmg->systems;
        ecmg->systems = system;
    }
    return 0;
}

int simc__ecmg_new(const struct simc__ecmg_environment *environment,
                   const struct simc__ecmg_conf *conf, size_t worker_count,
                   struct simc__ecmg **ecmg, char why[SIMC__ECMG_WHY_SIZE])
{
    why[0] = '\0';
    *ecmg = NULL;
    if (worker_count == 0 || worker_count > SIMC__ECMG_WORKERS_MAX)
        return SIMC_EINVAL;
    struct simc__ecmg *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->environment = *environment;
    made->conf = conf;
    made->worker_count = worker_count;
    made->workers = simc_calloc(worker_count, sizeof *made->workers);
    if (!made->workers || simc__ecmg_register_init(&made->ids)) {
        simc_free(made->workers);
        simc_free(made);
        return SIMC_ENOMEM;
    }
    for (size_t i = 0; i < worker_count; i++) {
        made->workers[i].ecmg = made;
        made->workers[i].log = environment->log;
        made->workers[i].index = i;
    }
    int error =
        simc__metrics_add(environment->metrics, &simc__ecmg_peer_stats, NULL, 0, &made->peer_stats);
    if (!error)
        error = open_systems(made, why);
    if (error) {
        simc__ecmg_free(made);
        return error;
    }
    *ecmg = made;
    return 0;
}

void simc__ecmg_free(struct simc__ecmg *ecmg)
{
    if (!ecmg)
        return;
    while (ecmg->systems) {
        struct simc__ecmg_system *next = ecmg->systems->next;
        simc__ecmg_system_close(ecmg->systems);
        ecmg->systems = next;
    }
    simc__ecmg_register_fini(&ecmg->ids);
    simc__metrics_remove(ecmg->environment.metrics, ecmg->peer_stats);
    for (size_t i = 0; i < ecmg->worker_count; i++)
        simc_wipe(ecmg->workers[i].section, sizeof ecmg->workers[i].section);
    simc_free(ecmg->workers);
    simc_free(ecmg);
}

const struct simc__ecmg_conf *simc__ecmg_conf(const struct simc__ecmg *ecmg)
{
    return ecmg->conf;
}

struct simc__ecmg_worker *simc__ecmg_worker(struct simc__ecmg *ecmg, size_t index)
{
    return &ecmg->workers[index];
}

void simc__ecmg_worker_log_set(struct simc__ecmg_worker *worker, const struct simc_log *log)
{
    worker->log = log;
}

/* ---- reload: first everything that can fail, then what cannot ---- */

/* The system that goes on under a changed configuration, or NULL: it is to be opened. */
static struct simc__ecmg_system *kept(struct simc__ecmg *ecmg,
                                      const struct simc__ecmg_system_conf *conf)
{
    struct simc__ecmg_system *system = simc__ecmg_system_find(ecmg, conf->super_cas_id);
    return system && simc__ecmg_system_fits(system, conf) ? system : NULL;
}

static int prepare(struct simc__ecmg *ecmg, const struct simc__ecmg_conf *conf, size_t *done,
                   struct simc__ecmg_system **opened, char why[SIMC__ECMG_WHY_SIZE])
{
    for (*done = 0; *done < conf->systems_count; (*done)++) {
        const struct simc__ecmg_system_conf *wanted = &conf->systems[*done];
        struct simc__ecmg_system *system = kept(ecmg, wanted);
        int error;
        if (system) {
            error = simc__ecmg_system_reload(system, wanted, why);
        } else {
            error = simc__ecmg_system_open(ecmg, wanted, &system, why);
            if (!error) {
                system->next = *opened;
                *opened = system;
            }
        }
        if (error)
            return error;
    }
    return 0;
}

static void undo(struct simc__ecmg *ecmg, const struct simc__ecmg_conf *conf, size_t done,
                 struct simc__ecmg_system *opened)
{
    for (size_t i = 0; i < done; i++) {
        struct simc__ecmg_system *system = kept(ecmg, &conf->systems[i]);
        if (system)
            simc__ecmg_system_undo(system, &conf->systems[i]);
    }
    while (opened) {
        struct simc__ecmg_system *next = opened->next;
        simc__ecmg_system_close(opened);
        opened = next;
    }
}

static const struct simc__ecmg_system_conf *wanted_by(const struct simc__ecmg_conf *conf,
                                                      const struct simc__ecmg_system *system)
{
    for (size_t i = 0; i < conf->systems_count; i++)
        if (conf->systems[i].super_cas_id == system->host.super_cas_id &&
            simc__ecmg_system_fits(system, &conf->systems[i]))
            return &conf->systems[i];
    return NULL;
}

/* A system that is gone stays until its channels have ended. Its configuration does not: what a
 * session still needs of it stands in the session. */
static void sweep(struct simc__ecmg *ecmg)
{
    for (struct simc__ecmg_system **link = &ecmg->systems; *link;) {
        struct simc__ecmg_system *system = *link;
        if (system->is_gone && system->users == 0) {
            *link = system->next;
            simc__ecmg_system_close(system);
        } else {
            link = &system->next;
        }
    }
}

int simc__ecmg_change(struct simc__ecmg *ecmg, const struct simc__ecmg_conf *conf,
                      char why[SIMC__ECMG_WHY_SIZE])
{
    struct simc__ecmg_system *opened = NULL;
    size_t done;
    why[0] = '\0';
    int error = prepare(ecmg, conf, &done, &opened, why);
    if (error) {
        undo(ecmg, conf, done, opened);
        return error;
    }
    for (struct simc__ecmg_system *system = ecmg->systems; system; system = system->next) {
        /* The configuration of one that was gone before is released already. */
        const struct simc__ecmg_system_conf *wanted =
            system->is_gone ? NULL : wanted_by(conf, system);
        if (wanted)
            simc__ecmg_system_conf_set(system, wanted);
        else
            system->is_gone = true;
    }
    while (opened) {
        struct simc__ecmg_system *next = opened->next;
        opened->next = ecmg->systems;
        ecmg->systems = opened;
        opened = next;
    }
    ecmg->conf = conf;
    sweep(ecmg);
    return 0;
}

/* ---- figures ---- */

void simc__ecmg_totals(struct simc__ecmg *ecmg, struct simc__ecmg_totals *totals)
{
    pthread_mutex_lock(&ecmg->ids.lock);
    totals->channels = ecmg->ids.channels;
    totals->streams = ecmg->ids.streams;
    pthread_mutex_unlock(&ecmg->ids.lock);
}

const struct simc__metric_set *simc__ecmg_system_stats(struct simc__ecmg *ecmg, size_t index,
                                                       uint32_t *super_cas_id, const char **kind)
{
    const struct simc__ecmg_system *system = ecmg->systems;
    while (system && index--)
        system = system->next;
    if (!system)
        return NULL;
    *super_cas_id = system->host.super_cas_id;
    *kind = system->plugin->name;
    return system->stats;
}
