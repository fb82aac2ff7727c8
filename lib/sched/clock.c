/* SPDX-License-Identifier: BSL-1.0 */
/* The two clocks: monotonic milliseconds and the ticks of the stream timeline, which never runs
 * backwards here whatever the mappings say. The other files ask it what time it is. */
#include "sched/internal.h"

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - 1 - b ? UINT64_MAX - 1 : a + b;
}

/* Floor of ms * rate / 1000 without a wider type. */
static uint64_t ticks_of(uint64_t ms, uint32_t rate_hz)
{
    uint64_t seconds = ms / 1000;
    if (rate_hz && seconds > (UINT64_MAX / 2) / rate_hz)
        return UINT64_MAX / 2;
    return seconds * rate_hz + ms % 1000 * rate_hz / 1000;
}

uint64_t simc__sched_wait_ticks(const struct simc__sched *sched, uint64_t ms)
{
    uint32_t rate_hz = sched->mapping.rate_hz;
    return ticks_of(ms, rate_hz ? rate_hz : SIMC__SCHED_TICKS_PER_MS * 1000);
}

static uint64_t tick_at(const struct simc__sched_mapping *mapping, uint64_t ms)
{
    if (ms >= mapping->ms)
        return add(mapping->tick, ticks_of(ms - mapping->ms, mapping->rate_hz));
    return simc__sched_less(mapping->tick, ticks_of(mapping->ms - ms, mapping->rate_hz));
}

void simc__sched_clock(struct simc__sched *sched, uint64_t now_ms)
{
    sched->now_ms = simc__sched_later(sched->now_ms, now_ms);
    if (sched->has_timeline)
        sched->now_tick =
            simc__sched_later(sched->now_tick, tick_at(&sched->mapping, sched->now_ms));
}

uint64_t simc__sched_tick_ms(const struct simc__sched *sched, uint64_t tick)
{
    const struct simc__sched_mapping *mapping = &sched->mapping;
    if (tick <= sched->now_tick)
        return sched->now_ms;
    if (!sched->has_timeline || mapping->rate_hz == 0)
        return SIMC_DEADLINE_NONE;
    if (tick < mapping->tick) {
        uint64_t back = mapping->tick - tick;
        uint64_t back_ms =
            back / mapping->rate_hz * 1000 + back % mapping->rate_hz * 1000 / mapping->rate_hz;
        return simc__sched_later(simc__sched_less(mapping->ms, back_ms), sched->now_ms);
    }
    uint64_t wait = tick - mapping->tick;
    uint64_t rest = wait % mapping->rate_hz * 1000;
    uint64_t seconds = wait / mapping->rate_hz;
    if (seconds > UINT64_MAX / 2000)
        return SIMC_DEADLINE_NONE;
    uint64_t wait_ms = seconds * 1000 + (rest + mapping->rate_hz - 1) / mapping->rate_hz;
    return simc_deadline_after(mapping->ms, wait_ms);
}

void simc__sched_timeline(struct simc__sched *sched, const struct simc__sched_mapping *mapping)
{
    bool begins_anew = mapping->is_new && sched->has_timeline;
    sched->mapping = *mapping;
    sched->has_timeline = true;
    if (!begins_anew)
        return;
    /* The new mux carries nothing of the old plan: what was on air is gone, and so are its ticks.
     */
    sched->now_tick = 0;
    sched->end_tick = 0;
    sched->told_tick = 0;
    sched->open = 0;
    sched->playable[0] = sched->playable[1] = 0;
    sched->loss = -1;
    sched->is_silent = false;
    simc__sched_forget_next(sched);
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_STRETCHED, false);
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_LOSS, false);
    simc__sched_alarm(sched, NULL, SIMC__SCHED_ALARM_CP_LIMIT, false);
    sched->state = SIMC__SCHED_IDLE;
    sched->has_stop = false;
    if (sched->is_wanted)
        simc__sched_start(sched, SIMC__SCHED_AT_ONCE);
}
