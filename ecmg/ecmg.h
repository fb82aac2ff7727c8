/* SPDX-License-Identifier: BSL-1.0 */
/* The ECM generator without network: CA systems, workers and connections, driven by sessions.
 * main.c puts it on libuv; tests drive it in memory with a clock of their own. */
#ifndef SIMC__ECMG_ECMG_H
#define SIMC__ECMG_ECMG_H

#include "ecmg/conf.h"
#include "simulcrypt/ecm_plugin.h"

/* ---- figures ---- */

/* The figures of each Super_CAS_id; rows of ecmg/stats.c. */
enum simc__ecmg_stat {
    SIMC__ECMG_STAT_CHANNELS,
    SIMC__ECMG_STAT_STREAMS,
    SIMC__ECMG_STAT_CHANNELS_OPENED,
    SIMC__ECMG_STAT_STREAMS_OPENED,
    SIMC__ECMG_STAT_PROVISIONS,
    SIMC__ECMG_STAT_ECMS,
    SIMC__ECMG_STAT_EMPTY,
    SIMC__ECMG_STAT_ERRORS, /* by status */
    SIMC__ECMG_STAT_DURATION,
    SIMC__ECMG_STAT_COUNT,
};

/* The figures of connections, which may not have a Super_CAS_id yet. */
enum simc__ecmg_peer_stat {
    SIMC__ECMG_STAT_CONNECTIONS,
    SIMC__ECMG_STAT_CONNECTIONS_OPENED,
    SIMC__ECMG_STAT_REFUSED, /* channels, by status */
    SIMC__ECMG_STAT_PEER_ERRORS,
    SIMC__ECMG_PEER_STAT_COUNT,
};

extern const struct simc__metric_table simc__ecmg_stats, simc__ecmg_peer_stats;

/* The value of the label `status` for an error_status; value 0 stands for those of no row. */
unsigned simc__ecmg_status_value(uint16_t status);

/* ---- the service ---- */

struct simc__ecmg;            /* all of it; shared by the workers */
struct simc__ecmg_worker;     /* a thread */
struct simc__ecmg_connection; /* an SCS that is connected */
struct simc__ecmg_job;        /* an ECM that is made in a thread of a pool */
struct simc__ecmg_question;   /* of one worker to another */

enum { SIMC__ECMG_WORKERS_MAX = 64, SIMC__ECMG_NAME_SIZE = 96, SIMC__ECMG_WHY_SIZE = 512 };

/* What the service needs from outside; tests give their own. */
struct simc__ecmg_environment {
    const struct simc_log *log;              /* of the main thread */
    struct simc__metrics *metrics;           /* worker n counts as thread n + 1 */
    uint64_t (*wall_s)(void *context);       /* seconds since 1970, UTC */
    uint64_t (*monotonic_ns)(void *context); /* for the latency figures */
    void *context;
    /* Reads a plug-in; NULL: plug-ins cannot be loaded. */
    const struct simc_ecm_plugin *(*plugin_load)(void *context, const char *path,
                                                 char why[SIMC__ECMG_WHY_SIZE]);
    /* Has simc__ecmg_job_run() called in a thread of a pool, then simc__ecmg_job_done() in that of
     * the worker. Called by the worker. @return 0, or an error: nothing of it will be called.
     * NULL: plug-ins that may block are called like all the others. */
    int (*submit)(void *context, size_t worker_index, struct simc__ecmg_job *job);
    /* Whether the peer has ended the connection of an owner, also when that has not been read so
     * far. In the thread of its worker. NULL: nobody knows. */
    bool (*is_ended)(void *context, void *owner);
    /* The session of an owner's connection has output, or wants to be closed. Likewise. */
    void (*flush)(void *context, void *owner);
    /* Has simc__ecmg_question_run() called in the thread of a worker. Called by any worker.
     * @return 0, or an error: it will not be called. NULL: they cannot ask each other. */
    int (*ask)(void *context, size_t worker_index, struct simc__ecmg_question *question);
};

/** Makes the service. @param conf stays the caller's, and must outlive the service or the next
 *  simc__ecmg_change(). @param why on failure one or more sentences.
 *  @return 0, or an error of SIMC_ERROR_ROWS. */
int simc__ecmg_new(const struct simc__ecmg_environment *environment,
                   const struct simc__ecmg_conf *conf, size_t worker_count,
                   struct simc__ecmg **ecmg, char why[SIMC__ECMG_WHY_SIZE]) SIMC_MUST_CHECK;
/** All connections must be gone. NULL is fine. */
void simc__ecmg_free(struct simc__ecmg *ecmg);
/** Takes another configuration over, all or nothing; the connections stay. Nothing else may run
 *  meanwhile: the workers are to be parked. Channels of systems that are gone are ended by the next
 *  simc__ecmg_connection_events(). */
int simc__ecmg_change(struct simc__ecmg *ecmg, const struct simc__ecmg_conf *conf,
                      char why[SIMC__ECMG_WHY_SIZE]) SIMC_MUST_CHECK;
const struct simc__ecmg_conf *simc__ecmg_conf(const struct simc__ecmg *ecmg);
/** Worker `index`; it logs to the log of the main thread until told otherwise. */
struct simc__ecmg_worker *simc__ecmg_worker(struct simc__ecmg *ecmg, size_t index);
/** Gives a worker its own log. @param log outlives the worker. */
void simc__ecmg_worker_log_set(struct simc__ecmg_worker *worker, const struct simc_log *log);

/* Channels and streams that are open now. */
struct simc__ecmg_totals {
    uint64_t channels, streams;
};
void simc__ecmg_totals(struct simc__ecmg *ecmg, struct simc__ecmg_totals *totals);

/** The figures of a system. @param index counted from 0. @return NULL: there are no more. Main
 *  thread. */
const struct simc__metric_set *simc__ecmg_system_stats(struct simc__ecmg *ecmg, size_t index,
                                                       uint32_t *super_cas_id, const char **kind);

/* ---- connections: called by the thread of their worker ---- */

/* Who is connected. Copied. */
struct simc__ecmg_peer {
    const char *address;                   /* "192.0.2.1:40000" */
    const char *host;                      /* "192.0.2.1" */
    const struct simc__ecmg_tls_conf *tls; /* NULL: plain TCP */
    const char *const *names;              /* of its certificate */
    size_t names_count;
};

/** Makes the connection and its session. @return 0, or an error of SIMC_ERROR_ROWS. */
int simc__ecmg_connection_new(struct simc__ecmg_worker *worker, const struct simc__ecmg_peer *peer,
                              uint64_t now_ms,
                              struct simc__ecmg_connection **connection) SIMC_MUST_CHECK;
struct simc_session *simc__ecmg_connection_session(struct simc__ecmg_connection *connection);
/** Handles all events of the session; call it after anything was given to the session. */
void simc__ecmg_connection_events(struct simc__ecmg_connection *connection, uint64_t now_ms);
/** Ends its channel in due order; for a shutdown. */
void simc__ecmg_connection_drain(struct simc__ecmg_connection *connection, uint64_t now_ms);
/** Releases it and what it had open. @param why a sentence for the log. */
void simc__ecmg_connection_free(struct simc__ecmg_connection *connection, const char *why);

/** Makes the ECM of a job. Any thread. */
void simc__ecmg_job_run(struct simc__ecmg_job *job);
/** Gives the ECM to its session and releases the job. @return the owner of the connection, which
 *  has output now; NULL: it is gone. */
void *simc__ecmg_job_done(struct simc__ecmg_job *job) SIMC_MUST_CHECK;

/** Asks or answers, and releases the question at the end. */
void simc__ecmg_question_run(struct simc__ecmg_question *question);

/* Whoever carries the connection: what simc__ecmg_job_done() returns, and functions of the
 * environment are called with. */
void simc__ecmg_connection_owner_set(struct simc__ecmg_connection *connection, void *owner);

#endif
