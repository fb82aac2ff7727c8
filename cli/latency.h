/* SPDX-License-Identifier: BSL-1.0 */
/* Collects times and tells their quantiles to one part in 64, in constant memory. The load
 * generators use it. */
#ifndef SIMC__CLI_LATENCY_H
#define SIMC__CLI_LATENCY_H

#include <stdint.h>

enum {
    SIMC__LATENCY_STEPS = 64,  /* of each power of two */
    SIMC__LATENCY_POWERS = 36, /* up to 64 * 2^35 ns: over half an hour */
    SIMC__LATENCY_SLOTS = SIMC__LATENCY_STEPS * (SIMC__LATENCY_POWERS + 1),
};

struct simc__latency {
    uint64_t slots[SIMC__LATENCY_SLOTS];
    uint64_t count;
    uint64_t most_ns;
};

/** Adds a time; those over the last slot count there. */
void simc__latency_add(struct simc__latency *latency, uint64_t ns);
/** The time that `share` millionths of all times do not exceed; 0 when there are none. */
uint64_t simc__latency_quantile(const struct simc__latency *latency, uint32_t share);

#endif
