/* SPDX-License-Identifier: BSL-1.0 */
/* Times in slots that grow with them: 64 to each power of two. The load generators fill them. */
#include "cli/latency.h"

enum { MILLION = 1000000 };

/* The first 64 slots are single nanoseconds, then 64 for each doubling. */
static unsigned slot_of(uint64_t ns)
{
    unsigned power = 0;
    while (ns >= 2 * SIMC__LATENCY_STEPS) {
        ns >>= 1;
        power++;
    }
    if (ns >= SIMC__LATENCY_STEPS)
        return power < SIMC__LATENCY_POWERS
                   ? SIMC__LATENCY_STEPS * (power + 1) + (unsigned)ns - SIMC__LATENCY_STEPS
                   : SIMC__LATENCY_SLOTS - 1;
    return (unsigned)ns;
}

/* The largest time of a slot. */
static uint64_t top_of(unsigned slot)
{
    unsigned power = slot / SIMC__LATENCY_STEPS;
    uint64_t step = slot % SIMC__LATENCY_STEPS;
    return power ? ((SIMC__LATENCY_STEPS + step + 1) << (power - 1)) - 1 : step;
}

void simc__latency_add(struct simc__latency *latency, uint64_t ns)
{
    latency->slots[slot_of(ns)]++;
    latency->count++;
    if (ns > latency->most_ns)
        latency->most_ns = ns;
}

uint64_t simc__latency_quantile(const struct simc__latency *latency, uint32_t share)
{
    uint64_t wanted = (latency->count * share + MILLION - 1) / MILLION, seen = 0;
    for (unsigned slot = 0; latency->count && slot < SIMC__LATENCY_SLOTS; slot++) {
        seen += latency->slots[slot];
        if (seen >= wanted && seen)
            return top_of(slot) < latency->most_ns ? top_of(slot) : latency->most_ns;
    }
    return 0;
}
