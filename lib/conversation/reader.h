/* SPDX-License-Identifier: BSL-1.0 */
/* Words of a conversation file. parse.c reads the statements with it, body.c what stands between
 * the braces of a message. */
#ifndef SIMC__CONVERSATION_READER_H
#define SIMC__CONVERSATION_READER_H

#include "conversation/internal.h"

struct simc__conv_reader {
    struct simc__conversation *conversation;
    const struct simc__conversation_files *files;
    struct simc__conversation_fault *fault;
    const struct simc__conv_source *source;
    struct simc_slice text;
    size_t at;
    unsigned line; /* of `at` */
    unsigned include_depth, depth;
};

/* Words are quoted in messages; long ones are cut. */
#define SIMC__CONV_WORD "'%.*s'"
#define SIMC__CONV_SHOW(word_) \
    (int)((word_).size < 40 ? (word_).size : 40), (const char *)(word_).data

/** Notes a fault at a place of the sources. @return SIMC_ESYNTAX. */
int simc__conv_fault(struct simc__conv_reader *reader, const uint8_t *at, const char *format, ...)
    SIMC_PRINTF(3, 4);
int simc__conv_no_memory(struct simc__conv_reader *reader);
/** Zeroed memory of the file; NULL: no memory, the fault is noted. */
void *simc__conv_get(struct simc__conv_reader *reader, size_t size) SIMC_MUST_CHECK;

/** Moves over blanks, line ends and comments. */
void simc__conv_skip(struct simc__conv_reader *reader);
/** The next character behind blanks; 0 at the end. */
uint8_t simc__conv_peek(struct simc__conv_reader *reader);
const uint8_t *simc__conv_here(const struct simc__conv_reader *reader);
/** The next word, or an empty one before a brace, a quote and at the end. */
struct simc_slice simc__conv_word(struct simc__conv_reader *reader);
/** The next word without taking it. */
struct simc_slice simc__conv_word_ahead(struct simc__conv_reader *reader);
/** The word that begins at `at` of a text; `$name(...)` belongs to it with all its blanks. */
struct simc_slice simc__conv_word_at(struct simc_slice text, size_t at);
/** Takes a word or is a fault. */
int simc__conv_want(struct simc__conv_reader *reader, const char *what, struct simc_slice *word);
int simc__conv_want_char(struct simc__conv_reader *reader, char wanted, const char *where);
int simc__conv_want_word(struct simc__conv_reader *reader, const char *wanted, const char *where);
/** Takes a text in quotes; the slice is without them. */
int simc__conv_want_text(struct simc__conv_reader *reader, const char *what,
                         struct simc_slice *text);
/** Notes the name of a variable. */
int simc__conv_add_name(struct simc__conv_reader *reader, struct simc_slice name);

/** Reads the body of a message, whose '{' was taken. @param expected with checks (`NAME any`)
 *  instead of values. */
int simc__conv_body(struct simc__conv_reader *reader, bool expected,
                    struct simc__conv_line **lines);

#endif
