/* SPDX-License-Identifier: BSL-1.0 */
/* The store of keys that threads share; see keys.h. It has two places for sets, each with a count
 * of those who look into it: askers count themselves in and out and never wait, and who replaces
 * the set waits until nobody is left in the old one. */
#include <sched.h>
#include <stdatomic.h>

#include "keys/keys.h"

/* A place has a cache line of its own. */
struct place {
    _Alignas(64) atomic_size_t visitors;
    struct simc__keys *keys; /* NULL: empty */
};

struct simc__key_store {
    struct place places[2];
    _Alignas(64) atomic_uint current; /* where askers go */
    atomic_uint_fast64_t generation;
};

/* Counts the caller in. The order of all these operations is the one that every thread sees: who is
 * counted before `current` turns away is seen by simc__key_store_take(), and who is counted after
 * it finds out and goes on to the other place. */
static struct place *enter(struct simc__key_store *store)
{
    for (;;) {
        unsigned at = atomic_load(&store->current);
        struct place *place = &store->places[at];
        atomic_fetch_add(&place->visitors, 1);
        if (SIMC_LIKELY(atomic_load(&store->current) == at))
            return place;
        atomic_fetch_sub(&place->visitors, 1);
    }
}

static void leave(struct place *place)
{
    atomic_fetch_sub(&place->visitors, 1);
}

struct simc__key_store *simc__key_store_new(void)
{
    /* simc_calloc() aligns for ordinary types only; the lines begin inside of a larger block. */
    const size_t line = _Alignof(struct simc__key_store);
    uint8_t *block = simc_calloc(1, sizeof(struct simc__key_store) + line);
    if (!block)
        return NULL;
    size_t skip = line - (uintptr_t)block % line;
    block[skip - 1] = (uint8_t)skip;
    struct simc__key_store *store = (struct simc__key_store *)(void *)(block + skip);
    atomic_init(&store->places[0].visitors, 0);
    atomic_init(&store->places[1].visitors, 0);
    atomic_init(&store->current, 0);
    atomic_init(&store->generation, 1);
    return store;
}

void simc__key_store_free(struct simc__key_store *store)
{
    if (!store)
        return;
    simc__keys_free(store->places[0].keys);
    simc__keys_free(store->places[1].keys);
    uint8_t *memory = (uint8_t *)store;
    simc_free(memory - memory[-1]);
}

static void wait_for_visitors(struct place *place)
{
    /* A look takes less than a microsecond, unless its thread has lost the processor. */
    while (atomic_load(&place->visitors) > 0)
        sched_yield();
}

void simc__key_store_take(struct simc__key_store *store, struct simc__keys *keys)
{
    unsigned at = atomic_load(&store->current);
    struct place *old_place = &store->places[at], *new_place = &store->places[1 - at];
    new_place->keys = keys;
    atomic_store(&store->current, 1 - at);
    atomic_fetch_add(&store->generation, 1);
    wait_for_visitors(old_place);
    simc__keys_free(old_place->keys);
    old_place->keys = NULL;
}

const struct simc__keys *simc__key_store_keys(const struct simc__key_store *store)
{
    return store->places[atomic_load(&store->current)].keys;
}

/* ---- as a source ---- */

static int find(void *context, uint32_t package, uint64_t time_s, struct simc__package_key *key)
{
    struct place *place = enter(context);
    int error = place->keys ? simc__keys_find(place->keys, package, time_s, key) : SIMC_ENOTFOUND;
    leave(place);
    return error;
}

static int find_version(void *context, uint32_t package, uint32_t version,
                        struct simc__package_key *key)
{
    struct place *place = enter(context);
    int error =
        place->keys ? simc__keys_find_version(place->keys, package, version, key) : SIMC_ENOTFOUND;
    leave(place);
    return error;
}

static uint64_t generation(void *context)
{
    struct simc__key_store *store = context;
    return atomic_load_explicit(&store->generation, memory_order_acquire);
}

struct simc__key_source simc__key_store_source(struct simc__key_store *store)
{
    return (struct simc__key_source){find, find_version, generation, store};
}
