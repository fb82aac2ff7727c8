/* SPDX-License-Identifier: BSL-1.0 */
/* The two clocks; see clock.h. Programs read them and hand the values to the sans-IO core. */
#include "sys/clock.h"

#include <time.h>

uint64_t simc__clock_monotonic_ns(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t simc__clock_monotonic_ms(void)
{
    return simc__clock_monotonic_ns() / 1000000;
}

uint64_t simc__clock_wall_us(void *unused)
{
    struct timespec now = {0, 0};
    (void)unused;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
