/* SPDX-License-Identifier: BSL-1.0 */
/* The ECM generator on the network: listeners, threads, reload and shutdown. main.c describes it to
 * lib/daemon. */
#ifndef SIMC__ECMG_SERVICE_H
#define SIMC__ECMG_SERVICE_H

#include "daemon/daemon.h"

/* The callbacks of struct simc__daemon, which says what each does. */
int simc__ecmg_service_check(const void *values, char why[SIMC__DAEMON_WHY_SIZE]);
uint64_t simc__ecmg_service_files(const void *values);
int simc__ecmg_service_start(struct simc__daemon_run *run, const void *values, void **service,
                             char why[SIMC__DAEMON_WHY_SIZE]);
int simc__ecmg_service_reload(void *service, const void *old_values, const void *new_values,
                              char why[SIMC__DAEMON_WHY_SIZE]);
void simc__ecmg_service_drain(void *service, uint32_t drain_ms);
void simc__ecmg_service_stop(void *service);
void simc__ecmg_service_release(void *service);
void simc__ecmg_service_status(void *service, struct simc__json *json);
void simc__ecmg_service_collect(void *service);

#endif
