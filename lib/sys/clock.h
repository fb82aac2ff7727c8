/* SPDX-License-Identifier: BSL-1.0 */
/* The two clocks: deadlines run on the monotonic one, log lines carry the wall clock's time. */
#ifndef SIMC__SYS_CLOCK_H
#define SIMC__SYS_CLOCK_H

#include <stdint.h>

/** Milliseconds of the monotonic clock; never runs backwards, its zero point means nothing. */
uint64_t simc__clock_monotonic_ms(void);
/** Nanoseconds of the monotonic clock, for measurements. */
uint64_t simc__clock_monotonic_ns(void);
/** Microseconds since 1970-01-01 UTC. The argument is not used: it fits simc_log.now_us. */
uint64_t simc__clock_wall_us(void *unused);

#endif
