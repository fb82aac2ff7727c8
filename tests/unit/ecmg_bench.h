/* SPDX-License-Identifier: BSL-1.0 */
/* An ECM generator and SCSs in one process, without network: both sides' sessions exchange bytes
 * under a clock of the test. The tests of ecmg/ share it. */
#ifndef SIMC_TESTS_ECMG_BENCH_H
#define SIMC_TESTS_ECMG_BENCH_H

#include "ecmg/ecmg.h"
#include "simulcrypt/session.h"
#include "unit/unit.h"

enum { ECMG_SYSTEM = 0x12340001, ECMG_EVENTS_MAX = 64 };

/* The ECM generator, its files, and what it has logged. */
struct ecmg_bench {
    struct simc__ecmg *ecmg;
    struct simc__metrics *metrics;
    struct simc__ecmg_conf conf;
    struct simc__ecmg_system_conf systems[4];
    struct simc__ecmg_listen_conf listen;
    uint8_t versions[4];
    struct simc_log log;
    char lines[16384];
    size_t lines_size;
    char key_file[128];
    uint64_t wall_s, now_ms;
    const struct simc_ecm_plugin *plugin; /* what a plugin_file stands for */
    struct simc__ecmg_job *jobs[16];      /* submitted, not run yet */
    size_t job_count;
    bool has_pool;
    size_t worker_count, worker; /* 0: one; the one that connections come to */
    struct simc__ecmg_question *questions[16];
    size_t question_workers[16];
    size_t question_count;
    bool refuses_questions;
};

/* An SCS that is connected to it. */
struct ecmg_scs {
    struct ecmg_bench *bench;
    struct simc_session *session;
    struct simc__ecmg_connection *connection;
    /* The events of the SCS's side since the last time that the test looked; their slices are
     * copied into `bytes`. */
    struct simc_session_event events[ECMG_EVENTS_MAX];
    uint8_t bytes[ECMG_EVENTS_MAX][256];
    size_t event_count;
    bool is_cut_off; /* its end can be seen, and has not been read */
};

/* Makes a configuration with one system, its key file with packages 1 and 2 (version 1), and the
 * service. Change `conf` between the two calls where a test wants other settings. */
void ecmg_bench_init(struct ecmg_bench *bench);
void ecmg_bench_start(struct ecmg_bench *bench);
void ecmg_bench_fini(struct ecmg_bench *bench);
/* Replaces the key file: `versions` versions of each of `packages` packages, in force one after the
 * other from `start_s`, each for `length_s` seconds. The key of a package and version is always the
 * same. */
void ecmg_bench_keys(struct ecmg_bench *bench, uint32_t packages, uint32_t versions,
                     uint64_t start_s, uint64_t length_s);
/* The key of a package and version. */
void ecmg_bench_key(uint32_t package, uint32_t version, struct simc_secret *key);
/* Runs the questions of workers, and what they set off. */
void ecmg_bench_ask(struct ecmg_bench *bench);
/* Whether a line with this text was logged. */
bool ecmg_bench_has_logged(const struct ecmg_bench *bench, const char *text);

/* Connects an SCS of a host, which sends its channel_setup. */
void ecmg_scs_connect(struct ecmg_scs *scs, struct ecmg_bench *bench, const char *host,
                      uint16_t channel_id, uint32_t super_cas_id);
void ecmg_scs_disconnect(struct ecmg_scs *scs);
/* Exchanges bytes until both sides are quiet. */
void ecmg_scs_pump(struct ecmg_scs *scs);
/* The event of a type among those that came; NULL: none. */
const struct simc_session_event *ecmg_scs_event(const struct ecmg_scs *scs,
                                                enum simc_session_event_type type);
void ecmg_scs_forget(struct ecmg_scs *scs);
/* Opens a stream and expects that it is open. */
void ecmg_scs_stream(struct ecmg_scs *scs, uint16_t stream_id, uint16_t ecm_id);
/* Sends a CW_provision for a period with its CW and the next one. @param criteria NULL: none.
 * The answer is among the events. */
void ecmg_scs_provide(struct ecmg_scs *scs, uint16_t stream_id, uint16_t cp_number,
                      const struct simc_slice *criteria);
/* The control word that the SCS uses for a period. */
void ecmg_scs_cw(uint16_t cp_number, struct simc_secret *cw);
/* Access criteria of a package. */
struct simc_slice ecmg_criteria(uint32_t package, uint8_t memory[64]);

#endif
