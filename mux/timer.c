/* SPDX-License-Identifier: BSL-1.0 */
/* The heap of everything that waits for a tick, and the heap of what waits for a place in the
 * output. All parts of the engine that insert something use it. */
#include <stddef.h>

#include "mux/internal.h"

enum { RANK_SHIFT = 56 }; /* ticks of 27 MHz need less for 84 years */

/* ---- heaps ---- */

static int reserve(struct simc__mux_heap *heap, uint32_t count)
{
    if (count <= heap->limit)
        return 0;
    uint32_t limit = heap->limit ? heap->limit : 32;
    while (limit < count)
        limit *= 2;
    struct simc__mux_timer **timers =
        (struct simc__mux_timer **)simc_realloc(heap->timers, limit * sizeof(*timers));
    if (!timers)
        return SIMC_ENOMEM;
    heap->timers = timers;
    heap->limit = limit;
    return 0;
}

int simc__mux_timers_reserve(struct simc__mux *mux, uint32_t more)
{
    uint32_t count = mux->timer_count + more;
    int error = reserve(&mux->timers, count);
    if (!error)
        error = reserve(&mux->ready, count);
    if (!error)
        mux->timer_count = count;
    return error;
}

static void put(struct simc__mux_heap *heap, uint32_t at, struct simc__mux_timer *timer)
{
    heap->timers[at] = timer;
    timer->at = at + 1;
}

static void rise(struct simc__mux_heap *heap, uint32_t at, struct simc__mux_timer *timer)
{
    while (at > 0 && heap->timers[(at - 1) / 2]->tick > timer->tick) {
        put(heap, at, heap->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(heap, at, timer);
}

static void sink(struct simc__mux_heap *heap, uint32_t at, struct simc__mux_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && heap->timers[child + 1]->tick < heap->timers[child]->tick)
            child++;
        if (heap->timers[child]->tick >= timer->tick)
            break;
        put(heap, at, heap->timers[child]);
        at = child;
    }
    put(heap, at, timer);
}

static void take(struct simc__mux_heap *heap, struct simc__mux_timer *timer)
{
    uint32_t at = timer->at - 1;
    timer->at = 0;
    struct simc__mux_timer *last = heap->timers[--heap->count];
    if (last == timer)
        return;
    if (at > 0 && heap->timers[(at - 1) / 2]->tick > last->tick)
        rise(heap, at, last);
    else
        sink(heap, at, last);
}

/* ---- timers ---- */

static void note_first(struct simc__mux *mux)
{
    mux->next_tick = mux->timers.count > 0 ? mux->timers.timers[0]->tick : SIMC__MUX_NEVER;
}

void simc__mux_timer_stop(struct simc__mux *mux, struct simc__mux_timer *timer)
{
    if (timer->at == 0)
        return;
    take(&mux->timers, timer);
    note_first(mux);
}

void simc__mux_timer_arm(struct simc__mux *mux, struct simc__mux_timer *timer, uint64_t tick)
{
    simc__mux_timer_stop(mux, timer);
    if (tick == SIMC__MUX_NEVER)
        return;
    timer->tick = tick;
    rise(&mux->timers, mux->timers.count++, timer);
    note_first(mux);
}

/* ---- items that wait for a place ---- */

void simc__mux_item_ready(struct simc__mux *mux, struct simc__mux_item *item, uint64_t tick,
                          uint64_t patience)
{
    if (item->place.at != 0)
        return;
    item->ready_tick = tick;
    item->place.tick = (uint64_t)item->rank << RANK_SHIFT | (tick + patience);
    rise(&mux->ready, mux->ready.count++, &item->place);
}

struct simc__mux_item *simc__mux_item_take(struct simc__mux *mux)
{
    struct simc__mux_timer *place = mux->ready.timers[0];
    take(&mux->ready, place);
    return (void *)((char *)place - offsetof(struct simc__mux_item, place));
}

void simc__mux_item_stop(struct simc__mux *mux, struct simc__mux_item *item)
{
    simc__mux_timer_stop(mux, &item->timer);
    if (item->place.at != 0)
        take(&mux->ready, &item->place);
}
