/* SPDX-License-Identifier: BSL-1.0 */
/* Memory that is released as a whole, with a ceiling; see internal.h. A loaded configuration and
 * the tree of its text live in one each. */
#include <stddef.h>
#include <string.h>

#include "conf/internal.h"

enum { CHUNK_SIZE = 8192 };

struct simc__conf_chunk {
    struct simc__conf_chunk *next;
    size_t size; /* bytes in `memory` */
    size_t used;
    _Alignas(max_align_t) uint8_t memory[];
};

static struct simc__conf_chunk *add_chunk(struct simc__conf_arena *arena, size_t wanted)
{
    size_t size = wanted > CHUNK_SIZE ? wanted : CHUNK_SIZE;
    if (size > arena->ceiling - arena->taken) {
        arena->error = SIMC_EFULL;
        return NULL;
    }
    struct simc__conf_chunk *chunk = simc_calloc(1, sizeof *chunk + size);
    if (!chunk) {
        arena->error = SIMC_ENOMEM;
        return NULL;
    }
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->taken += size;
    return chunk;
}

void *simc__conf_arena_take(struct simc__conf_arena *arena, size_t count, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (arena->error)
        return NULL;
    if (count == 0 || size == 0 || count > arena->ceiling / size) {
        /* Nothing is as much as one byte, so that the pointer is never NULL by success. */
        size = count == 0 || size == 0 ? 1 : arena->ceiling;
        count = 1;
    }
    size_t wanted = (count * size + align - 1) / align * align;
    struct simc__conf_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < wanted)
        chunk = add_chunk(arena, wanted);
    if (!chunk)
        return NULL;
    void *memory = chunk->memory + chunk->used;
    chunk->used += wanted;
    return memory;
}

char *simc__conf_arena_text(struct simc__conf_arena *arena, struct simc_slice text)
{
    char *copy = simc__conf_arena_take(arena, 1, text.size + 1);
    if (copy && text.size)
        memcpy(copy, text.data, text.size);
    return copy;
}

void simc__conf_arena_fini(struct simc__conf_arena *arena)
{
    struct simc__conf_chunk *next;
    for (struct simc__conf_chunk *chunk = arena->chunks; chunk; chunk = next) {
        next = chunk->next;
        simc_wipe(chunk->memory, chunk->used);
        simc_free(chunk);
    }
    arena->chunks = NULL;
    arena->taken = 0;
}
