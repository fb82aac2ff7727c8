/* SPDX-License-Identifier: BSL-1.0 */
/* Pointers by 16-bit numbers, in nodes of 64: a search is three steps whatever numbers a peer
 * chooses, and sparse numbers cost one node each. The streams of a session are found by it. */
#include "session/internal.h"

static void ***top_of(const struct simc__index *index, uint16_t number)
{
    return index->top[number >> 12];
}

static unsigned middle_of(uint16_t number)
{
    return number >> 6 & (SIMC__INDEX_NODE - 1);
}

static unsigned leaf_of(uint16_t number)
{
    return number & (SIMC__INDEX_NODE - 1);
}

void *simc__index_get(const struct simc__index *index, uint16_t number)
{
    void ***middle = top_of(index, number);
    void **leaf = middle ? middle[middle_of(number)] : NULL;
    return leaf ? leaf[leaf_of(number)] : NULL;
}

static void *node_new(struct simc__index *index)
{
    void *node = simc_calloc(SIMC__INDEX_NODE, sizeof(void *));
    if (node)
        index->memory += SIMC__INDEX_NODE * sizeof(void *);
    return node;
}

static void node_free(struct simc__index *index, void *node)
{
    if (node)
        index->memory -= SIMC__INDEX_NODE * sizeof(void *);
    simc_free(node);
}

int simc__index_put(struct simc__index *index, uint16_t number, void *pointer)
{
    void ****middle = &index->top[number >> 12];
    if (!*middle && !(*middle = node_new(index)))
        return SIMC_ENOMEM;
    void ***leaf = &(*middle)[middle_of(number)];
    if (!*leaf && !(*leaf = node_new(index)))
        return SIMC_ENOMEM;
    (*leaf)[leaf_of(number)] = pointer;
    return 0;
}

static bool leaf_is_empty(void *const *leaf)
{
    for (unsigned i = 0; i < SIMC__INDEX_NODE; i++) {
        if (leaf[i])
            return false;
    }
    return true;
}

static bool middle_is_empty(void **const *middle)
{
    for (unsigned i = 0; i < SIMC__INDEX_NODE; i++) {
        if (middle[i])
            return false;
    }
    return true;
}

/* Empty nodes go too: a peer that opens one stream after another under all numbers holds no more
 * memory than one that stays with its number. */
void simc__index_drop(struct simc__index *index, uint16_t number)
{
    void ***middle = top_of(index, number);
    void **leaf = middle ? middle[middle_of(number)] : NULL;
    if (!leaf)
        return;
    leaf[leaf_of(number)] = NULL;
    if (!leaf_is_empty(leaf))
        return;
    node_free(index, leaf);
    middle[middle_of(number)] = NULL;
    if (!middle_is_empty(middle))
        return;
    node_free(index, middle);
    index->top[number >> 12] = NULL;
}

void *simc__index_next(const struct simc__index *index, uint32_t *number)
{
    uint32_t at = *number;
    while (at <= UINT16_MAX) {
        void ***middle = top_of(index, (uint16_t)at);
        void **leaf = middle ? middle[middle_of((uint16_t)at)] : NULL;
        if (leaf && leaf[leaf_of((uint16_t)at)]) {
            *number = at;
            return leaf[leaf_of((uint16_t)at)];
        }
        at = leaf ? at + 1 : middle ? (at | 63) + 1 : (at | 4095) + 1;
    }
    *number = at;
    return NULL;
}

void simc__index_fini(struct simc__index *index)
{
    for (unsigned i = 0; i < SIMC__INDEX_TOP; i++) {
        for (unsigned j = 0; index->top[i] && j < SIMC__INDEX_NODE; j++)
            node_free(index, index->top[i][j]);
        node_free(index, index->top[i]);
        index->top[i] = NULL;
    }
}
