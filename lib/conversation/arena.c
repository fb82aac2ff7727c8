/* SPDX-License-Identifier: BSL-1.0 */
/* The small helpers of the conversation engine: memory of a file, and comparisons of texts. Its
 * parser, checks and runs use them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conversation/internal.h"

enum { BLOCK_SIZE = 16 << 10, ALIGNMENT = 16 };

struct simc__conv_block {
    struct simc__conv_block *next;
    size_t size; /* bytes of `memory` */
    _Alignas(16) uint8_t memory[];
};

void *simc__conv_arena_get(struct simc__conv_arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!arena->blocks || arena->blocks->size - arena->used < size) {
        size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
        struct simc__conv_block *block = simc_calloc(1, sizeof *block + room);
        if (!block)
            return NULL;
        block->next = arena->blocks;
        block->size = room;
        arena->blocks = block;
        arena->used = 0;
    }
    void *memory = arena->blocks->memory + arena->used;
    arena->used += size;
    return memory;
}

void simc__conv_arena_fini(struct simc__conv_arena *arena)
{
    while (arena->blocks) {
        struct simc__conv_block *block = arena->blocks;
        arena->blocks = block->next;
        simc_free(block);
    }
}

const char *simc__conv_place(const struct simc__conversation *conversation, const uint8_t *at,
                             unsigned *line, unsigned *column)
{
    *line = *column = 0;
    for (size_t i = 0; i < conversation->source_count; i++) {
        const struct simc__conv_source *source = conversation->sources[i];
        struct simc_slice text = simc_buffer_bytes(&source->text);
        if (!at || !text.data || at < text.data || at > text.data + text.size)
            continue;
        const uint8_t *start = text.data;
        *line = 1;
        for (const uint8_t *p = text.data; p < at; p++) {
            if (*p == '\n') {
                start = p + 1;
                ++*line;
            }
        }
        *column = (unsigned)(at - start) + 1;
        return source->name;
    }
    return "";
}

bool simc__conv_is(struct simc_slice text, const char *word)
{
    return simc_slice_equal(text, simc_slice_text(word));
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

bool simc__conv_is_name(struct simc_slice text, const char *word)
{
    struct simc_slice other = simc_slice_text(word);
    bool equal = text.size == other.size;
    for (size_t i = 0; equal && i < text.size; i++)
        equal = lower(text.data[i]) == lower(other.data[i]);
    return equal;
}

bool simc__conv_is_pseudo(struct simc_slice name)
{
    return simc__conv_is(name, "content") || simc__conv_is(name, "unknown");
}

bool simc__conv_starts(struct simc_slice text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

bool simc__conv_has_dollar(struct simc_slice text)
{
    return text.size && memchr(text.data, '$', text.size);
}

struct simc_slice simc__conv_trim(struct simc_slice text)
{
    while (text.size && text.data[text.size - 1] <= ' ')
        text.size--;
    while (text.size && text.data[0] <= ' ') {
        text.data++;
        text.size--;
    }
    return text;
}

bool simc__conv_is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int simc__conv_format(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return length;
}

int simc__conv_fail(const struct simc__conv_context *context, const uint8_t *at, const char *format,
                    ...)
{
    va_list arguments;
    struct simc__conv_trouble *trouble = context->trouble;
    if (trouble->error)
        return trouble->error;
    trouble->error = SIMC_ESYNTAX;
    trouble->at = at;
    va_start(arguments, format);
    vsnprintf(trouble->text, sizeof trouble->text, format, arguments);
    va_end(arguments);
    return SIMC_ESYNTAX;
}
