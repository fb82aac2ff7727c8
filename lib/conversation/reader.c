/* SPDX-License-Identifier: BSL-1.0 */
/* Words, texts and faults of a conversation file; see reader.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"

int simc__conv_fault(struct simc__conv_reader *reader, const uint8_t *at, const char *format, ...)
{
    va_list arguments;
    struct simc__conversation_fault *fault = reader->fault;
    const char *file = simc__conv_place(reader->conversation, at, &fault->line, &fault->column);
    snprintf(fault->file, sizeof fault->file, "%s", file);
    va_start(arguments, format);
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    simc__text_disarm(fault->text);
    return SIMC_ESYNTAX;
}

int simc__conv_no_memory(struct simc__conv_reader *reader)
{
    (void)simc__conv_fault(reader, simc__conv_here(reader), "%s", simc_error_text(SIMC_ENOMEM));
    return SIMC_ENOMEM;
}

void *simc__conv_get(struct simc__conv_reader *reader, size_t size)
{
    void *memory = simc__conv_arena_get(&reader->conversation->arena, size);
    if (!memory)
        (void)simc__conv_no_memory(reader);
    return memory;
}

static bool at_end(const struct simc__conv_reader *reader)
{
    return reader->at == reader->text.size;
}

void simc__conv_skip(struct simc__conv_reader *reader)
{
    while (!at_end(reader)) {
        uint8_t c = reader->text.data[reader->at];
        if (c == '#') {
            while (!at_end(reader) && reader->text.data[reader->at] != '\n')
                reader->at++;
            continue;
        }
        if (c > ' ')
            return;
        reader->line += c == '\n';
        reader->at++;
    }
}

uint8_t simc__conv_peek(struct simc__conv_reader *reader)
{
    simc__conv_skip(reader);
    return at_end(reader) ? 0 : reader->text.data[reader->at];
}

const uint8_t *simc__conv_here(const struct simc__conv_reader *reader)
{
    return reader->text.data ? reader->text.data + reader->at : NULL;
}

static bool ends_word(uint8_t c)
{
    return c <= ' ' || c == '{' || c == '}' || c == '#' || c == '"';
}

/* The offset behind the parenthesis that closes the one at `at`, or the end of the text. */
static size_t behind_parenthesis(struct simc_slice text, size_t at)
{
    unsigned depth = 0;
    for (; at < text.size && text.data[at] != '\n'; at++) {
        depth += text.data[at] == '(';
        if (text.data[at] == ')' && --depth == 0)
            return at + 1;
    }
    return at;
}

struct simc_slice simc__conv_word_at(struct simc_slice text, size_t at)
{
    size_t start = at;
    while (at < text.size && !ends_word(text.data[at])) {
        if (text.data[at++] != '$')
            continue;
        while (at < text.size && simc__conv_is_letter(text.data[at]))
            at++;
        if (at < text.size && text.data[at] == '(')
            at = behind_parenthesis(text, at);
    }
    return simc_slice(text.data ? text.data + start : NULL, at - start);
}

struct simc_slice simc__conv_word_ahead(struct simc__conv_reader *reader)
{
    simc__conv_skip(reader);
    return simc__conv_word_at(reader->text, reader->at);
}

struct simc_slice simc__conv_word(struct simc__conv_reader *reader)
{
    struct simc_slice word = simc__conv_word_ahead(reader);
    reader->at += word.size;
    return word;
}

int simc__conv_want(struct simc__conv_reader *reader, const char *what, struct simc_slice *word)
{
    *word = simc__conv_word(reader);
    if (word->size == 0)
        return simc__conv_fault(reader, simc__conv_here(reader), "%s is expected here", what);
    return 0;
}

int simc__conv_want_char(struct simc__conv_reader *reader, char wanted, const char *where)
{
    if (simc__conv_peek(reader) != (uint8_t)wanted)
        return simc__conv_fault(reader, simc__conv_here(reader), "'%c' is expected %s", wanted,
                                where);
    reader->at++;
    return 0;
}

int simc__conv_want_word(struct simc__conv_reader *reader, const char *wanted, const char *where)
{
    struct simc_slice word = simc__conv_word_ahead(reader);
    if (!simc__conv_is(word, wanted))
        return simc__conv_fault(reader, simc__conv_here(reader), "'%s' is expected %s", wanted,
                                where);
    reader->at += word.size;
    return 0;
}

int simc__conv_want_text(struct simc__conv_reader *reader, const char *what,
                         struct simc_slice *text)
{
    if (simc__conv_peek(reader) != '"')
        return simc__conv_fault(reader, simc__conv_here(reader), "%s in quotes is expected here",
                                what);
    size_t start = ++reader->at;
    while (!at_end(reader) && reader->text.data[reader->at] != '"' &&
           reader->text.data[reader->at] != '\n')
        reader->at++;
    *text = simc_slice(reader->text.data + start, reader->at - start);
    if (at_end(reader) || reader->text.data[reader->at] != '"')
        return simc__conv_fault(reader, simc__conv_here(reader),
                                "the quote that ends the text is missing on this line");
    reader->at++;
    return 0;
}

int simc__conv_add_name(struct simc__conv_reader *reader, struct simc_slice name)
{
    struct simc__conversation *conversation = reader->conversation;
    for (size_t i = 0; i < name.size; i++) {
        if (!simc__conv_is_letter(name.data[i]) || (i == 0 && name.data[i] <= '9'))
            return simc__conv_fault(reader, name.data,
                                    "the name of a variable has letters, digits and '_' only, and "
                                    "begins with no digit");
    }
    for (size_t i = 0; i < conversation->name_count; i++) {
        if (simc_slice_equal(conversation->names[i], name))
            return 0;
    }
    if (conversation->name_count == SIMC__CONV_NAMES_MAX)
        return simc__conv_fault(reader, name.data, "a file has at most %d variables",
                                SIMC__CONV_NAMES_MAX);
    conversation->names[conversation->name_count++] = name;
    return 0;
}
