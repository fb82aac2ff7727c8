/* SPDX-License-Identifier: BSL-1.0 */
/* Reads control words from the command line or a file; see ts_words.h. */
#include "cli/ts_words.h"

#include <stdio.h>
#include <string.h>

#include "sys/file.h"

enum { FILE_SIZE_MAX = 8 << 20 };

static int add(struct simc__words *words, struct simc_slice hex,
               const struct simc_scrambling_info *algorithm, const char *where, size_t line,
               char *why)
{
    uint8_t bytes[SIMC_SECRET_SIZE_MAX];
    size_t size = 0, bad_at = 0;
    int error = simc_hex_read(hex, bytes, sizeof bytes, &size, &bad_at);
    char place[128];
    if (line)
        snprintf(place, sizeof place, "%.100s:%zu", where, line);
    else
        snprintf(place, sizeof place, "%s", where);
    if (error == SIMC_ESYNTAX) {
        snprintf(why, SIMC__OPTIONS_WHY_SIZE, "%s: character %zu is no hex digit", place,
                 bad_at + 1);
    } else if (error || size != algorithm->cw_size) {
        snprintf(why, SIMC__OPTIONS_WHY_SIZE,
                 "%s: a control word of %s has %u bytes (%u hex digits)", place, algorithm->name,
                 algorithm->cw_size, 2u * algorithm->cw_size);
        error = SIMC_ESYNTAX;
    } else if (words->count == SIMC__WORDS_MAX) {
        snprintf(why, SIMC__OPTIONS_WHY_SIZE, "%s: more than %d control words", place,
                 SIMC__WORDS_MAX);
        error = SIMC_ESYNTAX;
    } else {
        error = simc_secret_set(&words->items[words->count++], simc_slice(bytes, size));
    }
    simc_wipe(bytes, sizeof bytes);
    return error;
}

static int add_file(struct simc__words *words, const char *path, struct simc_slice text,
                    const struct simc_scrambling_info *algorithm, char *why)
{
    size_t line = 0;
    while (text.size) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end ? (size_t)(end - text.data) : text.size;
        const uint8_t *comment = memchr(text.data, '#', size);
        struct simc_slice word =
            simc_slice(text.data, comment ? (size_t)(comment - text.data) : size);
        line++;
        text = simc_slice(text.data + size + (end != NULL), text.size - size - (end != NULL));
        while (word.size && (word.data[word.size - 1] == ' ' || word.data[word.size - 1] == '\t' ||
                             word.data[word.size - 1] == '\r'))
            word.size--;
        int error = word.size ? add(words, word, algorithm, path, line, why) : 0;
        if (error)
            return error;
    }
    return 0;
}

int simc__words_read(struct simc__words *words, const struct simc__option_texts *given,
                     const char *file, const struct simc_scrambling_info *algorithm,
                     char why[SIMC__OPTIONS_WHY_SIZE])
{
    char file_why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer text;
    int error = 0;
    why[0] = '\0';
    words->count = 0;
    words->items = simc_calloc(SIMC__WORDS_MAX, sizeof *words->items);
    if (!words->items) {
        snprintf(why, SIMC__OPTIONS_WHY_SIZE, "no memory");
        return SIMC_ENOMEM;
    }
    for (size_t i = 0; i < given->count && !error; i++)
        error = add(words, simc_slice_text(given->items[i]), algorithm, "--cw", 0, why);
    if (!error && file) {
        simc_buffer_init(&text, FILE_SIZE_MAX);
        error = simc__file_read(file, &text, file_why);
        if (error)
            snprintf(why, SIMC__OPTIONS_WHY_SIZE, "%.250s", file_why);
        else
            error = add_file(words, file, simc_buffer_bytes(&text), algorithm, why);
        simc_buffer_fini(&text);
    }
    if (!error && words->count == 0) {
        if (file)
            snprintf(why, SIMC__OPTIONS_WHY_SIZE, "%.200s holds no control word", file);
        else
            snprintf(why, SIMC__OPTIONS_WHY_SIZE,
                     "no control word is given: --cw HEX or --cw-file FILE");
        error = SIMC_ESYNTAX;
    }
    return error;
}

void simc__words_fini(struct simc__words *words)
{
    if (words->items)
        simc_wipe(words->items, words->count * sizeof *words->items);
    simc_free(words->items);
    words->items = NULL;
}
