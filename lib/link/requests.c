/* SPDX-License-Identifier: BSL-1.0 */
/* Requests without an answer, found by their ids: an open hash table whose size is fixed when the
 * link is made. link.c and receive.c keep one for each direction. */
#include "link/internal.h"

int simc__link_table_init(struct simc__link_table *table, uint32_t limit)
{
    uint32_t capacity = 2;
    while (capacity < 2 * limit)
        capacity *= 2;
    *table = (struct simc__link_table){.limit = limit, .first_ms = SIMC_DEADLINE_NONE};
    table->entries = simc_calloc(capacity, sizeof *table->entries);
    if (!table->entries)
        return SIMC_ENOMEM;
    table->capacity = capacity;
    return 0;
}

void simc__link_table_fini(struct simc__link_table *table)
{
    simc_free(table->entries);
    *table = (struct simc__link_table){0};
}

/* Ids rise by one as a rule; the odd factor spreads any others. */
static uint32_t place_of(const struct simc__link_table *table, uint32_t id)
{
    uint32_t hash = id * UINT32_C(0x9e3779b1);
    return (hash >> 16 ^ hash) & (table->capacity - 1);
}

struct simc__link_pending *simc__link_table_find(const struct simc__link_table *table, uint32_t id)
{
    uint32_t mask = table->capacity - 1;
    for (uint32_t at = place_of(table, id); table->entries[at].id; at = (at + 1) & mask) {
        if (table->entries[at].id == id)
            return &table->entries[at];
    }
    return NULL;
}

void simc__link_table_put(struct simc__link_table *table, const struct simc__link_pending *pending)
{
    uint32_t mask = table->capacity - 1;
    uint32_t at = place_of(table, pending->id);
    while (table->entries[at].id)
        at = (at + 1) & mask;
    table->entries[at] = *pending;
    table->count++;
    table->first_ms = simc_deadline_first(table->first_ms, pending->deadline_ms);
}

/* Empties a place, and moves up what was put behind it because it was taken. */
static void drop(struct simc__link_table *table, uint32_t hole)
{
    uint32_t mask = table->capacity - 1;
    if (table->entries[hole].is_cancelled)
        table->cancelled_count--;
    for (uint32_t at = (hole + 1) & mask; table->entries[at].id; at = (at + 1) & mask) {
        uint32_t wish = place_of(table, table->entries[at].id);
        if (((at - wish) & mask) < ((at - hole) & mask))
            continue;
        table->entries[hole] = table->entries[at];
        hole = at;
    }
    table->entries[hole] = (struct simc__link_pending){0};
    if (--table->count == 0)
        table->first_ms = SIMC_DEADLINE_NONE;
}

static void take_at(struct simc__link_table *table, uint32_t at, struct simc__link_pending *taken)
{
    *taken = table->entries[at];
    drop(table, at);
}

bool simc__link_table_take_cancelled(struct simc__link_table *table,
                                     struct simc__link_pending *taken)
{
    if (table->cancelled_count == 0)
        return false;
    uint32_t at = 0;
    while (!table->entries[at].is_cancelled)
        at++;
    take_at(table, at, taken);
    return true;
}

/* The bound of the deadlines may be early, after the request that it was of has its answer: then
 * this look at all of them corrects it. */
bool simc__link_table_take_due(struct simc__link_table *table, uint64_t now_ms,
                               struct simc__link_pending *taken)
{
    if (!simc_deadline_due(table->first_ms, now_ms))
        return false;
    uint64_t first_ms = SIMC_DEADLINE_NONE;
    for (uint32_t at = 0; at < table->capacity; at++) {
        const struct simc__link_pending *entry = &table->entries[at];
        if (!entry->id)
            continue;
        if (simc_deadline_due(entry->deadline_ms, now_ms)) {
            take_at(table, at, taken);
            return true;
        }
        first_ms = simc_deadline_first(first_ms, entry->deadline_ms);
    }
    table->first_ms = first_ms;
    return false;
}

bool simc__link_table_take_any(struct simc__link_table *table, struct simc__link_pending *taken)
{
    if (table->count == 0)
        return false;
    uint32_t at = 0;
    while (!table->entries[at].id)
        at++;
    take_at(table, at, taken);
    return true;
}

bool simc__link_table_take(struct simc__link_table *table, uint32_t id,
                           struct simc__link_pending *taken)
{
    struct simc__link_pending *entry = simc__link_table_find(table, id);
    if (!entry)
        return false;
    take_at(table, (uint32_t)(entry - table->entries), taken);
    return true;
}
