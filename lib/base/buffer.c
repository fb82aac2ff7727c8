/* SPDX-License-Identifier: BSL-1.0 */
/* The growable buffer with a ceiling. Framers, sessions and output queues hold their bytes in it.
 */
#include <stdio.h>
#include <string.h>

#include "simulcrypt/base.h"

enum { CAPACITY_MIN = 256 };

void simc_buffer_init(struct simc_buffer *buffer, size_t ceiling)
{
    memset(buffer, 0, sizeof *buffer);
    buffer->ceiling = ceiling;
}

void simc_buffer_fini(struct simc_buffer *buffer)
{
    if (buffer->memory)
        simc_wipe(buffer->memory, buffer->capacity);
    simc_free(buffer->memory);
    simc_buffer_init(buffer, buffer->ceiling);
}

struct simc_slice simc_buffer_bytes(const struct simc_buffer *buffer)
{
    return simc_slice(buffer->memory ? buffer->memory + buffer->start : NULL, buffer->size);
}

static int grow(struct simc_buffer *buffer, size_t wanted)
{
    size_t capacity = buffer->capacity ? buffer->capacity : CAPACITY_MIN;
    while (capacity < wanted)
        capacity = capacity > buffer->ceiling / 2 ? buffer->ceiling : capacity * 2;
    if (capacity > buffer->ceiling)
        capacity = buffer->ceiling;
    /* Not realloc(): it would leave a copy of what was held behind, unwiped. */
    uint8_t *memory = simc_alloc(capacity);
    if (!memory)
        return SIMC_ENOMEM;
    if (buffer->memory) {
        memcpy(memory, buffer->memory + buffer->start, buffer->size);
        simc_wipe(buffer->memory, buffer->capacity);
        simc_free(buffer->memory);
    }
    buffer->memory = memory;
    buffer->capacity = capacity;
    buffer->start = 0;
    return 0;
}

int simc_buffer_reserve(struct simc_buffer *buffer, size_t size, uint8_t **room)
{
    if (size > buffer->ceiling - buffer->size)
        return SIMC_EFULL;
    size_t wanted = buffer->size + size;
    if (wanted > buffer->capacity || !buffer->memory) {
        int error = grow(buffer, wanted ? wanted : 1);
        if (error)
            return error;
    } else if (wanted > buffer->capacity - buffer->start) {
        memmove(buffer->memory, buffer->memory + buffer->start, buffer->size);
        buffer->start = 0;
    }
    *room = buffer->memory + buffer->start + buffer->size;
    return 0;
}

void simc_buffer_commit(struct simc_buffer *buffer, size_t size)
{
    size_t room = buffer->capacity - buffer->start - buffer->size;
    buffer->size += size < room ? size : room;
}

int simc_buffer_append(struct simc_buffer *buffer, struct simc_slice bytes)
{
    uint8_t *room;
    int error = simc_buffer_reserve(buffer, bytes.size, &room);
    if (error)
        return error;
    if (bytes.size)
        memcpy(room, bytes.data, bytes.size);
    simc_buffer_commit(buffer, bytes.size);
    return 0;
}

int simc_buffer_printf(struct simc_buffer *buffer, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return SIMC_EINVAL;
    if ((size_t)length < sizeof text)
        return simc_buffer_append(buffer, simc_slice(text, (size_t)length));

    /* Printed aside, because vsnprintf() insists on an end mark: in place it would not reach the
     * last byte below the ceiling. */
    size_t size = (size_t)length;
    if (size > buffer->ceiling - buffer->size)
        return SIMC_EFULL;
    char *whole = simc_alloc(size + 1);
    if (!whole)
        return SIMC_ENOMEM;
    va_start(arguments, format);
    vsnprintf(whole, size + 1, format, arguments);
    va_end(arguments);
    int error = simc_buffer_append(buffer, simc_slice(whole, size));
    simc_wipe(whole, size);
    simc_free(whole);
    return error;
}

void simc_buffer_drop(struct simc_buffer *buffer, size_t size)
{
    if (size > buffer->size)
        size = buffer->size;
    buffer->start += size;
    buffer->size -= size;
    if (buffer->size == 0)
        buffer->start = 0;
}
