/* SPDX-License-Identifier: BSL-1.0 */
/* What stands between the braces of a message: lines with values in what is sent, lines with checks
 * in what is expected. The parser calls it. */
#include <string.h>

#include "conversation/reader.h"

static const struct {
    const char *word;
    enum simc__conv_check check;
    unsigned values_min, values_max;
    const char *separator; /* between values */
} checks[] = {
    {"=", SIMC__CONV_EQUAL, 1, 64, "|"},     {"!=", SIMC__CONV_UNEQUAL, 1, 64, "|"},
    {"has", SIMC__CONV_HAS, 1, 64, "|"},     {"in", SIMC__CONV_IN, 2, 2, ".."},
    {"any", SIMC__CONV_ANY, 0, 0, "|"},      {"absent", SIMC__CONV_ABSENT, 0, 0, "|"},
    {"count", SIMC__CONV_COUNT, 1, 2, ".."}, {"size", SIMC__CONV_SIZE, 1, 2, ".."},
    {"is", SIMC__CONV_IS, 1, 1, "|"},        {"contains", SIMC__CONV_CONTAINS, 1, 1, "|"},
    {"lacks", SIMC__CONV_LACKS, 1, 1, "|"},  {"cps", SIMC__CONV_CPS, 1, 1, "|"},
};

/* ---- walking over a line ---- */

/* A walk over text that knows quotes, parentheses and braces. */
struct walk {
    struct simc_slice text;
    size_t at;
    bool quoted;
    unsigned depth; /* parentheses and braces */
};

/* Moves over one character. @return true when it is plain text at depth 0. */
static bool walk_next(struct walk *walk)
{
    uint8_t c = walk->text.data[walk->at++];
    if (walk->quoted) {
        if (c == '\\' && walk->at < walk->text.size && walk->text.data[walk->at] != '\n')
            walk->at++;
        walk->quoted = c != '"' && c != '\n';
        return false;
    }
    if (c == '"') {
        walk->quoted = true;
        return false;
    }
    if (c == '(' || c == '{') {
        walk->depth++;
        return false;
    }
    if ((c == ')' || c == '}') && walk->depth) {
        walk->depth--;
        return false;
    }
    return walk->depth == 0;
}

/* The first place of `word` outside of quotes and braces, or the size of the text.
 * @param alone the word has blanks (or the text's end) around it. */
static size_t find(struct simc_slice text, const char *word, bool alone)
{
    size_t size = strlen(word);
    struct walk walk = {.text = text};
    while (walk.at < text.size) {
        size_t at = walk.at;
        bool fits = text.size - at >= size && memcmp(text.data + at, word, size) == 0;
        bool before = at == 0 || text.data[at - 1] <= ' ';
        bool behind = fits && (text.size - at == size || text.data[at + size] <= ' ');
        if (walk_next(&walk) && fits && (!alone || (before && behind)))
            return at;
    }
    return text.size;
}

static struct simc_slice part(struct simc_slice text, size_t from, size_t to)
{
    return simc__conv_trim(simc_slice(text.data + from, to - from));
}

/* ---- checks ---- */

static int add_value(struct simc__conv_reader *reader, struct simc__conv_words ***tail,
                     struct simc_slice text)
{
    struct simc__conv_words *value = simc__conv_get(reader, sizeof *value);
    if (!value)
        return SIMC_ENOMEM;
    value->text = text;
    **tail = value;
    *tail = &value->next;
    return 0;
}

static int read_values(struct simc__conv_reader *reader, struct simc__conv_line *line, size_t row,
                       struct simc_slice rest)
{
    struct simc__conv_words **tail = &line->values;
    unsigned count = 0;
    const char *separator = checks[row].separator;
    while (rest.size) {
        size_t at = find(rest, separator, false);
        struct simc_slice value = part(rest, 0, at);
        if (value.size == 0)
            return simc__conv_fault(reader, rest.data, "a value is missing beside '%s'", separator);
        int error = add_value(reader, &tail, value);
        if (error)
            return error;
        count++;
        if (at == rest.size)
            break;
        size_t behind = at + strlen(separator);
        rest = part(rest, behind, rest.size);
        if (rest.size == 0)
            return simc__conv_fault(reader, value.data, "a value is missing behind '%s'",
                                    separator);
    }
    if (count < checks[row].values_min || count > checks[row].values_max)
        return simc__conv_fault(
            reader, line->whole.data,
            checks[row].values_max == 0   ? "nothing but '-> VARIABLE' may follow '%s'"
            : checks[row].values_max == 2 ? "behind '%s' a number or a range A .. B is expected"
                                          : "a value is expected behind '%s'",
            checks[row].word);
    return 0;
}

static int read_capture(struct simc__conv_reader *reader, struct simc__conv_line *line,
                        struct simc_slice *rest)
{
    size_t at = find(*rest, "->", false);
    if (at == rest->size)
        return 0;
    line->capture = part(*rest, at + 2, rest->size);
    *rest = part(*rest, 0, at);
    if (line->capture.size == 0)
        return simc__conv_fault(reader, line->whole.data,
                                "the name of a variable is expected behind '->'");
    return simc__conv_add_name(reader, line->capture);
}

static struct simc_slice take(struct simc_slice *rest)
{
    struct simc_slice word = simc__conv_word_at(*rest, 0);
    *rest = part(*rest, word.size, rest->size);
    return word;
}

static int read_check(struct simc__conv_reader *reader, struct simc__conv_line *line)
{
    struct simc_slice rest = line->whole;
    int error = read_capture(reader, line, &rest);
    if (error)
        return error;
    line->name = take(&rest);
    struct simc_slice word = take(&rest);
    if (simc__conv_is(word, "cw")) {
        line->cw_of = take(&rest);
        word = take(&rest);
        if (line->cw_of.size == 0 || word.size == 0)
            return simc__conv_fault(reader, line->whole.data,
                                    "a control word is expected so: CP_CW_combination cw 16 any");
    }
    for (size_t row = 0; row < sizeof checks / sizeof checks[0]; row++) {
        if (simc__conv_is(word, checks[row].word)) {
            line->check = checks[row].check;
            return read_values(reader, line, row, rest);
        }
    }
    return simc__conv_fault(reader, word.size ? word.data : line->whole.data,
                            "a check is expected behind the name: = != has in any absent count "
                            "size is contains lacks cps");
}

/* ---- lines ---- */

/* The next line of the body, which ends with its line end, ';', a comment or '}'. */
static struct simc_slice next_line(struct simc__conv_reader *reader)
{
    struct walk walk = {.text = reader->text, .at = reader->at};
    size_t start = reader->at;
    while (walk.at < walk.text.size) {
        uint8_t c = walk.text.data[walk.at];
        bool ends = c == '\n' || c == ';' || c == '#' || c == '}';
        if (ends && walk.depth == 0 && (!walk.quoted || c == '\n'))
            break;
        (void)walk_next(&walk);
        reader->line += c == '\n';
    }
    reader->at = walk.at;
    return part(reader->text, start, walk.at);
}

static int read_line(struct simc__conv_reader *reader, bool expected, struct simc__conv_line *line)
{
    struct simc_slice text = next_line(reader);
    size_t when = find(text, "when", true);
    line->whole = part(text, 0, when);
    if (when < text.size) {
        line->when = part(text, when + strlen("when"), text.size);
        if (line->when.size == 0)
            return simc__conv_fault(reader, text.data + when,
                                    "a condition is expected behind 'when'");
    }
    if (line->whole.size == 0)
        return simc__conv_fault(reader, text.data, "a line cannot begin with 'when'");
    return expected ? read_check(reader, line) : 0;
}

int simc__conv_body(struct simc__conv_reader *reader, bool expected, struct simc__conv_line **lines)
{
    struct simc__conv_line **tail = lines;
    for (;;) {
        uint8_t c = simc__conv_peek(reader);
        if (c == 0)
            return simc__conv_fault(reader, simc__conv_here(reader),
                                    "the file ends before the '}' of a message");
        if (c == ';' || c == '}')
            reader->at++;
        if (c == '}')
            return 0;
        if (c == ';')
            continue;
        struct simc__conv_line *line = simc__conv_get(reader, sizeof *line);
        if (!line)
            return SIMC_ENOMEM;
        int error = read_line(reader, expected, line);
        if (error)
            return error;
        *tail = line;
        tail = &line->next;
    }
}
