/* SPDX-License-Identifier: BSL-1.0 */
/* The heap of everything that waits for a tick, and the queues of what waits for a place in the
 * output. All parts of the engine that insert something use it. */
#include "mux/internal.h"

int simc__mux_timers_reserve(struct simc__mux *mux, uint32_t more)
{
    uint32_t count = mux->timer_count + more;
    if (count <= mux->heap_limit) {
        mux->timer_count = count;
        return 0;
    }
    uint32_t limit = mux->heap_limit ? mux->heap_limit : 32;
    while (limit < count)
        limit *= 2;
    struct simc__mux_timer **heap =
        (struct simc__mux_timer **)simc_realloc(mux->heap, limit * sizeof(*heap));
    if (!heap)
        return SIMC_ENOMEM;
    mux->heap = heap;
    mux->heap_limit = limit;
    mux->timer_count = count;
    return 0;
}

static void put(struct simc__mux *mux, uint32_t at, struct simc__mux_timer *timer)
{
    mux->heap[at] = timer;
    timer->at = at + 1;
}

static void rise(struct simc__mux *mux, uint32_t at, struct simc__mux_timer *timer)
{
    while (at > 0 && mux->heap[(at - 1) / 2]->tick > timer->tick) {
        put(mux, at, mux->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(mux, at, timer);
}

static void sink(struct simc__mux *mux, uint32_t at, struct simc__mux_timer *timer)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= mux->heap_count)
            break;
        if (child + 1 < mux->heap_count && mux->heap[child + 1]->tick < mux->heap[child]->tick)
            child++;
        if (mux->heap[child]->tick >= timer->tick)
            break;
        put(mux, at, mux->heap[child]);
        at = child;
    }
    put(mux, at, timer);
}

static void note_first(struct simc__mux *mux)
{
    mux->next_tick = mux->heap_count > 0 ? mux->heap[0]->tick : SIMC__MUX_NEVER;
}

void simc__mux_timer_stop(struct simc__mux *mux, struct simc__mux_timer *timer)
{
    if (timer->at == 0)
        return;
    uint32_t at = timer->at - 1;
    timer->at = 0;
    struct simc__mux_timer *last = mux->heap[--mux->heap_count];
    if (last != timer) {
        if (at > 0 && mux->heap[(at - 1) / 2]->tick > last->tick)
            rise(mux, at, last);
        else
            sink(mux, at, last);
    }
    note_first(mux);
}

void simc__mux_timer_arm(struct simc__mux *mux, struct simc__mux_timer *timer, uint64_t tick)
{
    simc__mux_timer_stop(mux, timer);
    if (tick == SIMC__MUX_NEVER)
        return;
    timer->tick = tick;
    rise(mux, mux->heap_count++, timer);
    note_first(mux);
}

void simc__mux_item_ready(struct simc__mux *mux, struct simc__mux_item *item, uint64_t tick)
{
    if (item->is_ready)
        return;
    struct simc__mux_queue *queue = &mux->queues[item->queue];
    item->is_ready = true;
    item->ready_tick = tick;
    item->next = NULL;
    if (queue->last)
        queue->last->next = item;
    else
        queue->first = item;
    queue->last = item;
    mux->ready |= 1u << item->queue;
}

void simc__mux_item_pop(struct simc__mux *mux, unsigned queue_index)
{
    struct simc__mux_queue *queue = &mux->queues[queue_index];
    struct simc__mux_item *item = queue->first;
    if (!item)
        return;
    queue->first = item->next;
    if (!queue->first) {
        queue->last = NULL;
        mux->ready &= ~(1u << queue_index);
    }
    item->next = NULL;
    item->is_ready = false;
}

void simc__mux_item_stop(struct simc__mux *mux, struct simc__mux_item *item)
{
    simc__mux_timer_stop(mux, &item->timer);
    if (!item->is_ready)
        return;
    struct simc__mux_queue *queue = &mux->queues[item->queue];
    struct simc__mux_item *before = NULL;
    struct simc__mux_item *at = queue->first;
    while (at && at != item) {
        before = at;
        at = at->next;
    }
    if (!at)
        return;
    if (!before) {
        simc__mux_item_pop(mux, item->queue);
        return;
    }
    before->next = item->next;
    if (queue->last == item)
        queue->last = before;
    item->next = NULL;
    item->is_ready = false;
}
