/* SPDX-License-Identifier: BSL-1.0 */
/* The figures of a daemon's SimulCrypt connections, kept by the gate that they come through. Every
 * daemon that listens with lib/uv adds them to its metrics. */
#ifndef SIMC__DAEMON_NETWORK_H
#define SIMC__DAEMON_NETWORK_H

#include "daemon/metrics.h"
#include "simulcrypt/uv.h"

extern const struct simc__metric_table simc__network_stats;

/** Brings the set up to date from the gate; call it before each scrape, as thread 0. */
void simc__network_collect(struct simc__metric_set *set, struct simc_uv_gate *gate);

#endif
