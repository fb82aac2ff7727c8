/* SPDX-License-Identifier: BSL-1.0 */
/* The one door to the heap, so that tests can make any allocation fail. All of lib/ uses it. */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/base.h"

static void *libc_resize(void *context, void *pointer, size_t size)
{
    (void)context;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, size);
}

static struct simc_allocator allocator = {libc_resize, NULL};

void simc_allocator_set(const struct simc_allocator *replacement)
{
    static const struct simc_allocator libc = {libc_resize, NULL};
    allocator = replacement ? *replacement : libc;
}

void *simc_alloc(size_t size)
{
    return size == 0 ? NULL : allocator.resize(allocator.context, NULL, size);
}

void *simc_calloc(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *pointer = simc_alloc(count * size);
    return pointer ? memset(pointer, 0, count * size) : NULL;
}

void *simc_realloc(void *pointer, size_t size)
{
    /* Size 0 would release the block behind the caller's back. */
    return size == 0 ? NULL : allocator.resize(allocator.context, pointer, size);
}

void simc_free(void *pointer)
{
    if (pointer)
        allocator.resize(allocator.context, pointer, 0);
}
