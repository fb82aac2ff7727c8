/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the ECM generator share: systems, the register of ids, connections. */
#ifndef SIMC__ECMG_INTERNAL_H
#define SIMC__ECMG_INTERNAL_H

#include <pthread.h>

#include "ecmg/ecmg.h"

/* What identifies an id in the register: whose it is, and the id. Channels and ECM_ids share it. */
struct simc__ecmg_id {
    uint64_t scope; /* hash of the peer, the connection, or 0 */
    uint32_t super_cas_id;
    uint16_t value;
    bool is_ecm_id; /* else ECM_channel_id */
    uint64_t owner; /* own_scope of the connection that has it; no part of the id */
};

/* All ids in use, and how many channels and streams there are. */
struct simc__ecmg_register {
    pthread_mutex_t lock;
    struct simc__ecmg_id *slots; /* open addressing; a power of two, never over 3/4 full */
    bool *taken;
    size_t slot_count, count;
    uint64_t channels, streams;
};

int simc__ecmg_register_init(struct simc__ecmg_register *ids) SIMC_MUST_CHECK;
void simc__ecmg_register_fini(struct simc__ecmg_register *ids);
/** Takes an id and counts one in `*counter` (one of the register's own). @return 0; SIMC_EINVAL (it
 *  is in use); SIMC_EFULL (`limit` are counted already); SIMC_ENOMEM. */
int simc__ecmg_register_take(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id,
                             uint64_t *counter, uint64_t limit) SIMC_MUST_CHECK;
/** The `owner` of an id that is taken; 0: it is not. */
uint64_t simc__ecmg_register_owner(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id);
/** Gives an id back that was taken. */
void simc__ecmg_register_give(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id,
                              uint64_t *counter);

/* A CA system that is served. */
struct simc__ecmg_system {
    struct simc__ecmg *ecmg;
    const struct simc__ecmg_system_conf *conf;
    const struct simc_ecm_plugin *plugin;
    struct simc_ecm_host host;
    void *state; /* of the plug-in */
    struct simc_ecmg_channel_status status;
    size_t
        users; /* channels that are open or on their way out; counted under the register's lock */
    bool is_gone; /* not in the configuration any more: its channels end */
    void *workers[SIMC__ECMG_WORKERS_MAX];
    bool worker_is_open[SIMC__ECMG_WORKERS_MAX];
    struct simc__metric_set *stats;
    struct simc__ecmg_system *next;
};

struct simc__ecmg {
    struct simc__ecmg_environment environment;
    const struct simc__ecmg_conf *conf;
    struct simc__ecmg_system
        *systems; /* those that are gone too, until their channels have ended */
    struct simc__ecmg_register ids;
    struct simc__metric_set *peer_stats;
    struct simc__ecmg_worker *workers;
    size_t worker_count;
};

struct simc__ecmg_worker {
    struct simc__ecmg *ecmg;
    const struct simc_log *log;
    size_t index;
    struct simc__ecmg_connection *connections;
    uint64_t next_scope; /* tells connections from each other in the register */
    uint8_t section[SIMC_ECM_PLUGIN_DATAGRAM_MAX];
    uint8_t packets[(SIMC_ECM_PLUGIN_DATAGRAM_MAX / 184 + 2) * 188];
};

/* A stream as the session's context of it. */
struct simc__ecmg_stream {
    void *state; /* of the plug-in */
    struct simc__ecmg_id id;
    bool is_busy;   /* a job uses `state` */
    bool is_closed; /* and the stream has ended: the job releases it */
};

struct simc__ecmg_connection {
    struct simc__ecmg_worker *worker;
    struct simc_session *session;
    struct simc__ecmg_system *system; /* of the open channel, or NULL */
    bool sends_packets;               /* what section_TSpkt_flag says in it */
    struct simc__ecmg_id channel;
    uint64_t scope, own_scope;
    uint64_t names;                    /* a hash of those of its certificate */
    bool is_waiting;                   /* until an older connection has given way, or not */
    struct simc_session_event waiting; /* its channel_setup */
    char address[SIMC__ECMG_NAME_SIZE];
    /* The Super_CAS_ids that its certificate may use; `allows_all`: any. */
    uint32_t *allowed;
    size_t allowed_count;
    bool allows_all;
    void *owner;
    uint32_t job_count; /* that will come back to it */
    bool is_freed;      /* and it is gone: the last of them releases it */
    struct simc__ecmg_connection *next, *previous;
};

/* ---- channels that are open elsewhere (takeover.c) ---- */

/* Has the older connection looked at that has the channel id of this one: it may have given way
 * when this returns. @return true: it is asked, and simc__ecmg_connection_resume() will follow. */
bool simc__ecmg_take_over(struct simc__ecmg_connection *connection);
/* Answers the channel_setup that waits, and goes on. */
void simc__ecmg_connection_resume(struct simc__ecmg_connection *connection, uint64_t now_ms);

/* ---- ECMs (make.c) ---- */

/* Has the ECM made that an event of the session asks for, now or by a job. */
void simc__ecmg_make(struct simc__ecmg_connection *connection,
                     const struct simc_session_event *event);
/* Closes a stream in the plug-in and forgets it, or leaves that to the job that uses it. */
void simc__ecmg_stream_free(struct simc__ecmg_connection *connection,
                            struct simc__ecmg_stream *stream);
/* Counts an error message that was sent. */
void simc__ecmg_count_error(const struct simc__ecmg_connection *connection, uint16_t status);

static inline unsigned simc__ecmg_thread(const struct simc__ecmg_connection *connection)
{
    return (unsigned)connection->worker->index + 1;
}

/* ---- systems (system.c) ---- */

/* Looks whether a system could be opened, and leaves no trace but loaded plug-ins. */
int simc__ecmg_system_check(const struct simc__ecmg_environment *environment,
                            const struct simc__ecmg_system_conf *conf,
                            char why[SIMC__ECMG_WHY_SIZE]) SIMC_MUST_CHECK;
/* Opens a system of the configuration. @return 0, or an error with `why`. */
int simc__ecmg_system_open(struct simc__ecmg *ecmg, const struct simc__ecmg_system_conf *conf,
                           struct simc__ecmg_system **system,
                           char why[SIMC__ECMG_WHY_SIZE]) SIMC_MUST_CHECK;
void simc__ecmg_system_close(struct simc__ecmg_system *system);
/* Whether a changed configuration can be taken over without opening the system anew. */
bool simc__ecmg_system_fits(const struct simc__ecmg_system *system,
                            const struct simc__ecmg_system_conf *conf);
/* Tries the new settings of a system. @return 0: simc__ecmg_system_conf_set() may follow. */
int simc__ecmg_system_reload(struct simc__ecmg_system *system,
                             const struct simc__ecmg_system_conf *conf,
                             char why[SIMC__ECMG_WHY_SIZE]) SIMC_MUST_CHECK;
/* Takes back a simc__ecmg_system_reload() that was good, because another system's was not. */
void simc__ecmg_system_undo(struct simc__ecmg_system *system,
                            const struct simc__ecmg_system_conf *conf);
void simc__ecmg_system_conf_set(struct simc__ecmg_system *system,
                                const struct simc__ecmg_system_conf *conf);
/* The system of a Super_CAS_id, or NULL. */
struct simc__ecmg_system *simc__ecmg_system_find(struct simc__ecmg *ecmg, uint32_t super_cas_id);

/* ---- CA profile 1, behind the interface of plug-ins (profile1.c) ---- */

struct simc__ecmg_profile1; /* its state of a system */
struct simc__keys;

/* Looks whether a configuration can be used. */
int simc__ecmg_profile1_check(const struct simc__ecmg_system_conf *conf,
                              char why[SIMC_ECM_PLUGIN_WHY_SIZE]) SIMC_MUST_CHECK;
/* Its system_open is this one, since it reads the rows of the configuration. */
int simc__ecmg_profile1_open(struct simc__ecmg_system *system,
                             char why[SIMC_ECM_PLUGIN_WHY_SIZE]) SIMC_MUST_CHECK;
/* Reads the key file of a configuration, without using it yet. */
int simc__ecmg_profile1_prepare(struct simc__ecmg_profile1 *profile,
                                const struct simc__ecmg_system_conf *conf,
                                char why[SIMC_ECM_PLUGIN_WHY_SIZE]) SIMC_MUST_CHECK;
/* Uses what was prepared, and logs what changed. */
void simc__ecmg_profile1_commit(struct simc__ecmg_profile1 *profile,
                                const struct simc__ecmg_system_conf *conf);
void simc__ecmg_profile1_cancel(struct simc__ecmg_profile1 *profile);
/* The keys in use, for the status page. */
const struct simc__keys *simc__ecmg_profile1_keys(const struct simc__ecmg_profile1 *profile);

extern const struct simc_ecm_plugin simc__ecmg_profile1;

#endif
