/* SPDX-License-Identifier: BSL-1.0 */
/* The synchroniser on the network: connections to ECMGs, the link for muxes, reload and shutdown.
 * main.c describes it to lib/daemon. */
#ifndef SIMC__SCS_SERVICE_H
#define SIMC__SCS_SERVICE_H

#include "daemon/daemon.h"

/* The callbacks of struct simc__daemon, which says what each does. */
int simc__scs_service_check(const void *values, char why[SIMC__DAEMON_WHY_SIZE]);
uint64_t simc__scs_service_files(const void *values);
int simc__scs_service_start(struct simc__daemon_run *run, const void *values, void **service,
                            char why[SIMC__DAEMON_WHY_SIZE]);
int simc__scs_service_reload(void *service, const void *old_values, const void *new_values,
                             char why[SIMC__DAEMON_WHY_SIZE]);
void simc__scs_service_drain(void *service, uint32_t drain_ms);
void simc__scs_service_stop(void *service);
void simc__scs_service_release(void *service);
void simc__scs_service_status(void *service, struct simc__json *json);
void simc__scs_service_collect(void *service);
bool simc__scs_service_is_ready(void *service, char why[SIMC__DAEMON_WHY_SIZE]);

#endif
