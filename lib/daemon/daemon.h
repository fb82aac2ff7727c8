/* SPDX-License-Identifier: BSL-1.0 */
/* What all daemons share: command line, configuration, log, signals, reload, drain, systemd, and
 * the admin side with health, status and metrics. A daemon is a row of facts and callbacks here;
 * its main.c is one call of simc__daemon_main(). */
#ifndef SIMC__DAEMON_DAEMON_H
#define SIMC__DAEMON_DAEMON_H

#include <uv.h>

#include "base/json.h"
#include "base/options.h"
#include "conf/conf.h"
#include "daemon/metrics.h"
#include "http/http.h"
#include "sys/log_sink.h"

/* ---- the configuration rows that all daemons have ---- */

enum simc__daemon_log_form {
    SIMC__DAEMON_LOG_AUTO, /* by what standard error is */
    SIMC__DAEMON_LOG_JSON,
    SIMC__DAEMON_LOG_PLAIN,
    SIMC__DAEMON_LOG_JOURNAL,
    SIMC__DAEMON_LOG_TERMINAL,
};

struct simc__daemon_log_conf {
    enum simc_log_level level;
    enum simc__daemon_log_form form;
};

struct simc__daemon_admin_conf {
    struct simc__conf_address listen; /* host NULL: no TCP */
    const char *socket;               /* NULL: no unix socket */
    bool allow_remote;
};

/* A member of the configuration struct of each daemon. */
struct simc__daemon_conf {
    struct simc__daemon_log_conf log;
    struct simc__daemon_admin_conf admin;
    uint32_t drain_ms;
    uint16_t threads; /* see SIMC__DAEMON_THREADS_ROW; 0 without it, or for "all processors" */
};

/* The keys log, admin and drain. A daemon writes, with the address of its own admin side:
 *
 *     static const struct simc__conf_row admin_rows[] =
 * {SIMC__DAEMON_ADMIN_ROWS("127.0.0.1:12222")}; static const struct simc__conf_table admin_table =
 * SIMC__DAEMON_ADMIN_TABLE(admin_rows); static const struct simc__conf_row rows[] = {
 *         ...
 *         SIMC__DAEMON_THREADS_ROW(ecmgd_conf, common, "1"),
 *         SIMC__DAEMON_ROWS(ecmgd_conf, common, admin_table),
 *     };
 */
#define SIMC__DAEMON_ROWS(type_, member_, admin_table_)                                       \
    {.name = "log",                                                                           \
     .type = SIMC__CONF_MAP,                                                                  \
     SIMC__CONF_AT(type_, member_.log),                                                       \
     .table = &simc__daemon_log_table,                                                        \
     .reloadable = true,                                                                      \
     .help = "the log, which goes to standard error"},                                        \
        {.name = "admin",                                                                     \
         .type = SIMC__CONF_MAP,                                                              \
         SIMC__CONF_AT(type_, member_.admin),                                                 \
         .table = &(admin_table_),                                                            \
         .help = "HTTP for health, status and metrics"},                                      \
    {                                                                                         \
        .name = "drain", .type = SIMC__CONF_DURATION, SIMC__CONF_AT(type_, member_.drain_ms), \
        .unit = "ms", .max = 600000, .fallback = "10s", .reloadable = true,                   \
        .help = "how long work in progress may take after the "                               \
                "signal to end"                                                               \
    }

/* How many threads work; 0: one for each processor. For daemons that have such threads. */
#define SIMC__DAEMON_THREADS_ROW(type_, member_, fallback_)                                \
    {                                                                                      \
        .name = "threads", .type = SIMC__CONF_UINT, SIMC__CONF_AT(type_, member_.threads), \
        .max = 64, .fallback = (fallback_),                                                \
        .help = "threads that serve connections; 0 for one each processor"                 \
    }

#define SIMC__DAEMON_ADMIN_ROWS(listen_)                                                  \
    {.name = "listen",                                                                    \
     .type = SIMC__CONF_ADDRESS,                                                          \
     SIMC__CONF_AT(simc__daemon_admin_conf, listen),                                      \
     .null_allowed = true,                                                                \
     .fallback = (listen_),                                                               \
     .help = "address and port, or null for none"},                                       \
        {.name = "socket",                                                                \
         .type = SIMC__CONF_PATH,                                                         \
         SIMC__CONF_AT(simc__daemon_admin_conf, socket),                                  \
         .null_allowed = true,                                                            \
         .fallback = "null",                                                              \
         .help = "path of a unix socket, or null for none; who may open it (mode 0660) "  \
                 "may ask"},                                                              \
    {                                                                                     \
        .name = "allow_remote", .type = SIMC__CONF_BOOL,                                  \
        SIMC__CONF_AT(simc__daemon_admin_conf, allow_remote), .fallback = "false",        \
        .help = "listen may be an address that other hosts reach; a firewall or gateway " \
                "must guard it"                                                           \
    }

#define SIMC__DAEMON_ADMIN_TABLE(rows_)                                                   \
    {                                                                                     \
        .name = "admin", .rows = (rows_), .count = sizeof(rows_) / sizeof(rows_)[0],      \
        .size = sizeof(struct simc__daemon_admin_conf), .check = simc__daemon_admin_check \
    }

extern const struct simc__conf_table simc__daemon_log_table;
/** The rule of SIMC__DAEMON_ADMIN_TABLE: loopback unless allow_remote. */
void simc__daemon_admin_check(const void *values, struct simc__conf_check *check);

/** The number of threads that a configuration asks for: 1..64. */
unsigned simc__daemon_threads(const struct simc__daemon_conf *conf);

/* ---- the description of a daemon ---- */

enum { SIMC__DAEMON_WHY_SIZE = 512 };

/* A running daemon, as its callbacks see it. */
struct simc__daemon_run;

/* All callbacks run in the main thread. `why` is a sentence without a full stop. `service` is what
 * start() has made. Optional ones may be NULL. */
struct simc__daemon {
    const char *name;        /* "ecmgd" */
    const char *summary;     /* one line, lower case, no full stop */
    const char *description; /* paragraphs for --help and the man page */
    const char *version;     /* SIMC_VERSION */
    const char *build;       /* further lines of --version, each with its line end; NULL: none */

    const struct simc__conf_table *table;
    size_t common_offset; /* of the struct simc__daemon_conf in the struct of the table */

    /* Options of the daemon's own; their values are a struct of `options_size`. They describe a
     * configuration without a file: compose() turns them into YAML, which is then checked like a
     * file. Together with --config they are refused. */
    const struct simc__option *options;
    size_t option_count;
    size_t options_size;
    const struct simc__example *examples;
    size_t example_count;
    /* Writes the configuration. NULL: --config must be given.
     * @return 0, or SIMC_EINVAL: `why` says what is missing. */
    int (*compose)(const void *options, struct simc_writer *yaml, char why[SIMC__DAEMON_WHY_SIZE]);

    /* Looks at what the rows cannot know, such as key files, and leaves no trace: for --check, and
     * before start() and reload(). Optional. @return 0, or an error and `why`. */
    int (*check)(const void *values, char why[SIMC__DAEMON_WHY_SIZE]);
    /* How many descriptors the configuration may need, besides the daemon's few. Optional. */
    uint64_t (*files)(const void *values);
    /* Starts the work. @param service what the other callbacks get; NULL is allowed; on failure
     * nothing of it is left but handles that are closing. @return 0, or an error and `why`. */
    int (*start)(struct simc__daemon_run *run, const void *values, void **service,
                 char why[SIMC__DAEMON_WHY_SIZE]);
    /* Takes a new configuration over, whole or not at all; only reloadable rows differ. Called at
     * each SIGHUP with a good configuration, also when nothing in it has changed: files that it
     * names may have. Optional. @param old_values released when this returns 0, unless held.
     * @return 0, or an error and `why`: the old one goes on. */
    int (*reload)(void *service, const void *old_values, const void *new_values,
                  char why[SIMC__DAEMON_WHY_SIZE]);
    /* Takes no new work from now on and finishes what it has, then calls simc__daemon_drained().
     * After `drain` milliseconds, or at a second signal, stop() comes anyway. Optional. */
    void (*drain)(void *service, uint32_t drain_ms);
    /* Ends at once: closes every handle, joins every thread. Handles may close later; the loop runs
     * until they have (for at most two seconds). */
    void (*stop)(void *service);
    /* The loop is empty: release. Optional. */
    void (*release)(void *service);

    /* Members of /v1/status, into an open object. Optional. */
    void (*status)(void *service, struct simc__json *json);
    /* Brings gauges up to date before each scrape. Optional. */
    void (*collect)(void *service);
    /* False: /readyz says 503 and why. Optional; start, drain and stop are known anyway. */
    bool (*is_ready)(void *service, char why[SIMC__DAEMON_WHY_SIZE]);
    /* False: /healthz says 503 and the watchdog is not fed, so systemd restarts the daemon.
     * Optional; called every second or so. */
    bool (*is_healthy)(void *service, char why[SIMC__DAEMON_WHY_SIZE]);
    /* Routes of the daemon's own on the admin side; their context is the service. Optional. */
    const struct simc__http_route *routes;
    size_t route_count;
};

/* The exit statuses of all daemons. */
enum {
    SIMC__DAEMON_EXIT_GOOD = 0,   /* ended by a signal, or printed what was asked for */
    SIMC__DAEMON_EXIT_FAULTY = 1, /* the configuration has faults */
    SIMC__DAEMON_EXIT_TROUBLE = 2 /* wrong usage, could not start, or could not go on */
};

/** Does everything from the command line to the end. @return the exit status of the process. */
int simc__daemon_main(const struct simc__daemon *daemon, int argc, char **argv);

/* ---- for compose() ---- */

/** Writes text as a YAML value that can only be text: '' stands for one quote. */
void simc__daemon_put_quoted(struct simc_writer *yaml, const char *text);
/** Looks at text that goes into the YAML as it is, for the rows to judge: nothing else may come in
 *  with it. NULL is fine. @return 0, or SIMC_EINVAL and a sentence. */
int simc__daemon_check_plain(const char *program, const char *option, const char *text,
                             char why[SIMC__DAEMON_WHY_SIZE]) SIMC_MUST_CHECK;
/** Writes the key admin for "ADDRESS:PORT" or "null"; nothing for NULL. */
void simc__daemon_put_admin(struct simc_writer *yaml, const char *admin);

/* ---- what callbacks may ask for: main thread only, unless a comment says otherwise ---- */

/** The loop of the main thread. */
uv_loop_t *simc__daemon_loop(struct simc__daemon_run *run);
/** The log of the main thread. */
const struct simc_log *simc__daemon_log(struct simc__daemon_run *run);
/** Fills a log for another thread, as the configuration is now. Threads do not share one: each
 *  has its own sink and takes this again after a reload, in its own turn. */
void simc__daemon_log_make(const struct simc__daemon_run *run, struct simc__log_sink *sink);
/** The registry: thread 0 is the main thread, 1..simc__daemon_threads() are for the workers. */
struct simc__metrics *simc__daemon_metrics(struct simc__daemon_run *run);
/** The configuration in force. */
const void *simc__daemon_values(const struct simc__daemon_run *run);
/** Holds a configuration over the next reload, for threads that still look into it. Any thread
 *  that has it may call these two; each hold needs a release. @return `values`. */
const void *simc__daemon_values_hold(const void *values);
void simc__daemon_values_release(const void *values);
/** Tells systemd what goes on, for `systemctl status`: one line. */
void simc__daemon_say(struct simc__daemon_run *run, const char *format, ...) SIMC_PRINTF(2, 3);
/** The work in progress is done: drain() need not wait any longer. */
void simc__daemon_drained(struct simc__daemon_run *run);
/** The work had an end, and is done: logs the sentence, stops, and ends with
 *  SIMC__DAEMON_EXIT_GOOD. */
void simc__daemon_done(struct simc__daemon_run *run, const char *format, ...) SIMC_PRINTF(2, 3);
/** Cannot go on: logs the sentence, stops, and ends with SIMC__DAEMON_EXIT_TROUBLE. */
void simc__daemon_fail(struct simc__daemon_run *run, const char *format, ...) SIMC_PRINTF(2, 3);

#endif
