/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of lib/daemon share. Nobody else includes it, but for the unit tests. */
#ifndef SIMC__DAEMON_INTERNAL_H
#define SIMC__DAEMON_INTERNAL_H

#include "daemon/daemon.h"
#include "daemon/notify.h"

/* ---- command.c: the command line ---- */

/* The values of the options that all daemons have. */
struct simc__daemon_options {
    const char *config;
    bool check, print_config, print_sample, print_reference, version;
    unsigned log_level, log_form; /* index of the choice; 0: as configured */
};

/* A command line that was read. */
struct simc__daemon_line {
    struct simc__command command; /* of all options, the daemon's own included */
    struct simc__option *rows;
    struct simc__daemon_options *common;
    void *own; /* the daemon's own values, behind `common` in one block; NULL: it has none */
};

/* Makes the rows of the whole command line. @return 0, SIMC_ENOMEM. */
int simc__daemon_line_init(struct simc__daemon_line *line,
                           const struct simc__daemon *daemon) SIMC_MUST_CHECK;
void simc__daemon_line_fini(struct simc__daemon_line *line);
/* Reads the arguments behind the name of the program. */
enum simc__options_result simc__daemon_line_read(struct simc__daemon_line *line,
                                                 const struct simc__daemon *daemon, int argc,
                                                 char **argv, char why[SIMC__DAEMON_WHY_SIZE]);

/* ---- manual.c ---- */

void simc__daemon_put_help(struct simc_writer *out, const struct simc__daemon *daemon,
                           const struct simc__command *command);
void simc__daemon_put_man(struct simc_writer *out, const struct simc__daemon *daemon,
                          const struct simc__command *command);
void simc__daemon_put_version(struct simc_writer *out, const struct simc__daemon *daemon);

/* ---- config.c: values with an owner ---- */

/* Loads what the command line asks for, checks it, and lays the command line's log over it.
 * @param values on success to be released with simc__daemon_values_release().
 * @param faults on SIMC_ESYNTAX one sentence or line for each fault, in a buffer that is empty.
 * @return 0, SIMC_ESYNTAX, SIMC_ENOMEM. */
int simc__daemon_config_load(const struct simc__daemon *daemon,
                             const struct simc__daemon_line *line, void **values,
                             struct simc_buffer *faults) SIMC_MUST_CHECK;
/* What faults and logs call the configuration: its file, or "the command line". */
const char *simc__daemon_config_name(const struct simc__daemon_line *line);
/* The part of a configuration that all daemons have. */
struct simc__daemon_conf *simc__daemon_common(const struct simc__daemon *daemon,
                                              const void *values);
/* The kind of log that a form stands for. */
enum simc__log_sink_kind simc__daemon_log_kind(enum simc__daemon_log_form form);

/* ---- run.c: from start to end ---- */

enum simc__daemon_state {
    SIMC__DAEMON_STARTING,
    SIMC__DAEMON_RUNNING,
    SIMC__DAEMON_DRAINING,
    SIMC__DAEMON_STOPPING,
};

/* How a reload ended; the order is that of the label's values in admin.c. */
enum simc__daemon_reload_result {
    SIMC__DAEMON_RELOAD_GOOD,
    SIMC__DAEMON_RELOAD_FAULTY,
    SIMC__DAEMON_RELOAD_NEEDS_RESTART,
    SIMC__DAEMON_RELOAD_REFUSED,
    SIMC__DAEMON_RELOAD_RESULT_COUNT,
};

enum { SIMC__DAEMON_SIGNALS = 3 };

struct simc__daemon_run {
    const struct simc__daemon *daemon;
    const struct simc__daemon_line *line;
    void *values;
    struct simc__daemon_conf *conf; /* inside of `values` */
    void *service;
    bool is_started; /* stop() is due */
    enum simc__daemon_state state;
    int status; /* of the process */
    struct simc__log_sink sink;
    _Atomic int log_level, log_kind; /* for the threads' own sinks */
    struct simc__metrics *metrics;
    struct simc__metric_set *figures; /* of this layer */
    struct simc__http_server *http;   /* NULL: no admin side */
    struct simc__notify notify;
    uint64_t start_us, loaded_us; /* wall clock */
    uint64_t start_ms;            /* monotonic */
    uint64_t reloads[SIMC__DAEMON_RELOAD_RESULT_COUNT];
    bool was_healthy;
    uv_loop_t loop;
    uv_signal_t signals[SIMC__DAEMON_SIGNALS];
    uv_timer_t tick;  /* health and watchdog */
    uv_timer_t drain; /* the bound of drain() */
    uv_timer_t guard; /* the bound of stop() */
};

/* Runs a daemon with a good configuration, which it takes over. @return the exit status. */
int simc__daemon_run_take(const struct simc__daemon *daemon, const struct simc__daemon_line *line,
                          void *values);

/* ---- reload.c ---- */

void simc__daemon_reload(struct simc__daemon_run *run);

/* ---- files.c: the limit of descriptors ---- */

/* Raises the limit, and warns when it stays below. @param wanted by the configuration. */
void simc__daemon_files_raise(uint64_t wanted, const struct simc_log *log);
/* How many a configuration wants, those of this layer included. */
uint64_t simc__daemon_files_wanted(const struct simc__daemon *daemon, const void *values);

/* ---- admin.c ---- */

/* Makes the figures, and the HTTP server where the configuration has one.
 * @return 0, or an error and `why`; simc__daemon_admin_stop() in either case. */
int simc__daemon_admin_start(struct simc__daemon_run *run,
                             char why[SIMC__DAEMON_WHY_SIZE]) SIMC_MUST_CHECK;
void simc__daemon_admin_stop(struct simc__daemon_run *run);
/* The daemon's own routes get this from now on. */
void simc__daemon_admin_serve(struct simc__daemon_run *run, void *service);
bool simc__daemon_is_ready(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE]);
bool simc__daemon_is_healthy(struct simc__daemon_run *run, char why[SIMC__DAEMON_WHY_SIZE]);

/* A log line without fields. */
static inline void simc__daemon_note(const struct simc__daemon_run *run, enum simc_log_level level,
                                     const char *message)
{
    simc_log_line(&run->sink.log, level, message, NULL, 0);
}

/* ---- main.c ---- */

/* Writes "ecmgd: " and a sentence to standard error. @return SIMC__DAEMON_EXIT_TROUBLE. */
int simc__daemon_trouble(const struct simc__daemon *daemon, const char *format, ...)
    SIMC_PRINTF(2, 3);

#endif
