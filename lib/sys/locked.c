/* SPDX-License-Identifier: BSL-1.0 */
/* The pool of locked slots; see locked.h. One mapping per pool: a fence page, the slots, a fence
 * page. Which slots are taken is kept outside of it, so that an overrun cannot forge it. */
#include "sys/locked.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLOT_SIZE_MAX = 4096, SLOT_COUNT_MAX = 1 << 20, SLOT_ALIGN = 16 };

struct simc__locked_pool {
    uint8_t *mapping; /* with its fences */
    size_t mapping_size;
    uint8_t *slots;
    size_t slots_size; /* whole pages */
    size_t slot_size;
    size_t slot_count;
    uint32_t *free_slots; /* a stack of indexes */
    size_t free_count;
    bool *taken;
    bool locked;
};

static bool map(struct simc__locked_pool *pool)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (pool->slot_count > (SIZE_MAX - 3 * page) / pool->slot_size)
        return false; /* the largest pools need an address space of 64 bits */
    pool->slots_size = (pool->slot_size * pool->slot_count + page - 1) / page * page;
    pool->mapping_size = pool->slots_size + 2 * page;
    void *mapping = mmap(NULL, pool->mapping_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    pool->mapping = mapping;
    pool->slots = pool->mapping + page;
    if (mprotect(pool->slots, pool->slots_size, PROT_READ | PROT_WRITE) != 0) {
        munmap(pool->mapping, pool->mapping_size);
        pool->mapping = NULL;
        return false;
    }
    pool->locked = mlock(pool->slots, pool->slots_size) == 0;
#ifdef MADV_DONTDUMP
    madvise(pool->slots, pool->slots_size, MADV_DONTDUMP);
#endif
#ifdef MADV_WIPEONFORK
    /* A forked child has no business with keys. */
    madvise(pool->slots, pool->slots_size, MADV_WIPEONFORK);
#endif
    return true;
}

struct simc__locked_pool *simc__locked_pool_new(size_t slot_size, size_t slot_count)
{
    if (slot_size < 1 || slot_size > SLOT_SIZE_MAX || slot_count < 1 || slot_count > SLOT_COUNT_MAX)
        return NULL;
    struct simc__locked_pool *pool = simc_calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->slot_size = (slot_size + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
    pool->slot_count = slot_count;
    pool->free_slots = simc_calloc(slot_count, sizeof *pool->free_slots);
    pool->taken = simc_calloc(slot_count, sizeof *pool->taken);
    if (!pool->free_slots || !pool->taken || !map(pool)) {
        simc__locked_pool_free(pool);
        return NULL;
    }
    /* The lowest slot on top: small programs touch few pages. */
    while (pool->free_count < slot_count) {
        pool->free_slots[pool->free_count] = (uint32_t)(slot_count - 1 - pool->free_count);
        pool->free_count++;
    }
    return pool;
}

void simc__locked_pool_free(struct simc__locked_pool *pool)
{
    if (!pool)
        return;
    if (pool->mapping) {
        simc_wipe(pool->slots, pool->slots_size);
        munmap(pool->mapping, pool->mapping_size);
    }
    simc_free(pool->free_slots);
    simc_free(pool->taken);
    simc_free(pool);
}

bool simc__locked_pool_is_locked(const struct simc__locked_pool *pool)
{
    return pool->locked;
}

void *simc__locked_take(struct simc__locked_pool *pool)
{
    if (pool->free_count == 0)
        return NULL;
    size_t index = pool->free_slots[--pool->free_count];
    pool->taken[index] = true;
    return pool->slots + index * pool->slot_size;
}

void simc__locked_give(struct simc__locked_pool *pool, void *slot)
{
    if (!slot)
        return;
    size_t offset = (size_t)((uintptr_t)slot - (uintptr_t)pool->slots);
    size_t index = offset / pool->slot_size;
    if (index >= pool->slot_count || offset % pool->slot_size != 0 || !pool->taken[index])
        abort();
    simc_wipe(slot, pool->slot_size);
    pool->taken[index] = false;
    pool->free_slots[pool->free_count++] = (uint32_t)index;
}
