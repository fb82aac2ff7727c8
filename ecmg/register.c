/* SPDX-License-Identifier: BSL-1.0 */
/* The register of channel ids and ECM_ids that are in use, and the count of channels and streams.
 * All workers of the ECM generator take from it and give back; set-ups are rare, so one lock does.
 */
#include <string.h>

#include "ecmg/internal.h"

enum { SLOTS_FIRST = 64 };

int simc__ecmg_register_init(struct simc__ecmg_register *ids)
{
    memset(ids, 0, sizeof *ids);
    return pthread_mutex_init(&ids->lock, NULL) ? SIMC_ENOMEM : 0;
}

void simc__ecmg_register_fini(struct simc__ecmg_register *ids)
{
    simc_free(ids->slots);
    simc_free(ids->taken);
    pthread_mutex_destroy(&ids->lock);
}

static bool is_same(const struct simc__ecmg_id *a, const struct simc__ecmg_id *b)
{
    return a->scope == b->scope && a->super_cas_id == b->super_cas_id && a->value == b->value &&
           a->is_ecm_id == b->is_ecm_id;
}

/* The finishing steps of splitmix64: every bit of the id changes half of the hash. */
static size_t hash_of(const struct simc__ecmg_id *id)
{
    uint64_t x = id->scope ^ (uint64_t)id->super_cas_id << 32 ^ (uint64_t)id->value << 1 ^
                 (uint64_t)id->is_ecm_id;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return (size_t)(x ^ x >> 31);
}

/* The slot of an id, or the free one where it would go. There always is a free one. */
static size_t slot_of(const struct simc__ecmg_register *ids, const struct simc__ecmg_id *id)
{
    size_t at = hash_of(id) & (ids->slot_count - 1);
    while (ids->taken[at] && !is_same(&ids->slots[at], id))
        at = (at + 1) & (ids->slot_count - 1);
    return at;
}

static void put(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id)
{
    size_t at = slot_of(ids, id);
    ids->slots[at] = *id;
    ids->taken[at] = true;
}

static int grow(struct simc__ecmg_register *ids)
{
    struct simc__ecmg_register more = *ids;
    more.slot_count = ids->slot_count ? ids->slot_count * 2 : SLOTS_FIRST;
    more.slots = simc_calloc(more.slot_count, sizeof *more.slots);
    more.taken = simc_calloc(more.slot_count, sizeof *more.taken);
    if (!more.slots || !more.taken) {
        simc_free(more.slots);
        simc_free(more.taken);
        return SIMC_ENOMEM;
    }
    for (size_t i = 0; i < ids->slot_count; i++)
        if (ids->taken[i])
            put(&more, &ids->slots[i]);
    simc_free(ids->slots);
    simc_free(ids->taken);
    ids->slots = more.slots;
    ids->taken = more.taken;
    ids->slot_count = more.slot_count;
    return 0;
}

static int take(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id)
{
    if ((ids->count + 1) * 4 > ids->slot_count * 3) {
        int error = grow(ids);
        if (error)
            return error;
    }
    if (ids->taken[slot_of(ids, id)])
        return SIMC_EINVAL;
    put(ids, id);
    ids->count++;
    return 0;
}

int simc__ecmg_register_take(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id,
                             uint64_t *counter, uint64_t limit)
{
    pthread_mutex_lock(&ids->lock);
    /* An id in use is told first: the peer can mend that at once. */
    int error = take(ids, id);
    if (!error && *counter >= limit) {
        pthread_mutex_unlock(&ids->lock);
        simc__ecmg_register_give(ids, id, NULL);
        return SIMC_EFULL;
    }
    if (!error)
        (*counter)++;
    pthread_mutex_unlock(&ids->lock);
    return error;
}

uint64_t simc__ecmg_register_owner(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id)
{
    pthread_mutex_lock(&ids->lock);
    size_t at = ids->slot_count ? slot_of(ids, id) : 0;
    uint64_t owner = ids->slot_count && ids->taken[at] ? ids->slots[at].owner : 0;
    pthread_mutex_unlock(&ids->lock);
    return owner;
}

void simc__ecmg_register_give(struct simc__ecmg_register *ids, const struct simc__ecmg_id *id,
                              uint64_t *counter)
{
    pthread_mutex_lock(&ids->lock);
    size_t at = ids->slot_count ? slot_of(ids, id) : 0;
    if (ids->slot_count && ids->taken[at]) {
        ids->taken[at] = false;
        ids->count--;
        /* What stands behind it may have been pushed there by it: put it where it belongs now. */
        for (size_t i = (at + 1) & (ids->slot_count - 1); ids->taken[i];
             i = (i + 1) & (ids->slot_count - 1)) {
            ids->taken[i] = false;
            put(ids, &ids->slots[i]);
        }
        if (counter)
            (*counter)--;
    }
    pthread_mutex_unlock(&ids->lock);
}
