/* SPDX-License-Identifier: BSL-1.0 */
/* The multiplexer as a daemon: threads with their multiplexes, reload, titles that end, shutdown.
 * main.c describes it to lib/daemon. */
#ifndef SIMC__MUX_SERVICE_H
#define SIMC__MUX_SERVICE_H

#include "mux/multiplex.h"

/* The callbacks of struct simc__daemon, which says what each does. */
int simc__muxd_service_check(const void *values, char why[SIMC__DAEMON_WHY_SIZE]);
uint64_t simc__muxd_service_files(const void *values);
int simc__muxd_service_start(struct simc__daemon_run *run, const void *values, void **service,
                             char why[SIMC__DAEMON_WHY_SIZE]);
int simc__muxd_service_reload(void *service, const void *old_values, const void *new_values,
                              char why[SIMC__DAEMON_WHY_SIZE]);
void simc__muxd_service_drain(void *service, uint32_t drain_ms);
void simc__muxd_service_stop(void *service);
void simc__muxd_service_release(void *service);
void simc__muxd_service_status(void *service, struct simc__json *json);
void simc__muxd_service_collect(void *service);
bool simc__muxd_service_is_ready(void *service, char why[SIMC__DAEMON_WHY_SIZE]);

/* ---- page.c ---- */

/** One multiplex as an object of /v1/status. Its thread stands still. */
void simc__muxd_status_put(struct simc__muxd_multiplex *multiplex, struct simc__json *json);
/** What keeps it from being ready: a sentence, or NULL. */
const char *simc__muxd_status_fault(const struct simc__muxd_multiplex *multiplex);

/* ---- stats.c ---- */

/* The figures of all multiplexes, inputs and outputs. */
struct simc__muxd_stats;
/** @return NULL: no memory. */
struct simc__muxd_stats *simc__muxd_stats_new(struct simc__metrics *metrics);
void simc__muxd_stats_free(struct simc__muxd_stats *stats);
/** Between these two, each multiplex is looked at once; what was not is taken out. */
void simc__muxd_stats_begin(struct simc__muxd_stats *stats);
void simc__muxd_stats_look(struct simc__muxd_stats *stats, struct simc__muxd_multiplex *multiplex);
void simc__muxd_stats_end(struct simc__muxd_stats *stats);

extern const struct simc__metric_table simc__muxd_stats_table, simc__muxd_input_stats_table,
    simc__muxd_output_stats_table;

#endif
