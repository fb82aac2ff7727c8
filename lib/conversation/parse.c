/* SPDX-License-Identifier: BSL-1.0 */
/* Reads the statements of a conversation file and of what it includes. simc__conversation_new()
 * calls it; names and texts are looked at afterwards by check.c. */
#include <string.h>

#include "base/text.h"
#include "conversation/parse.h"

/* ---- pieces that several statements have ---- */

/* A text up to a character, without blanks around it. */
static int read_until(struct simc__conv_reader *reader, char end, const char *what,
                      struct simc_slice *text)
{
    simc__conv_skip(reader);
    size_t start = reader->at;
    while (reader->at < reader->text.size && reader->text.data[reader->at] != (uint8_t)end &&
           reader->text.data[reader->at] != '\n')
        reader->at++;
    *text = simc__conv_trim(simc_slice(reader->text.data + start, reader->at - start));
    if (text->size == 0 || reader->at == reader->text.size ||
        reader->text.data[reader->at] != (uint8_t)end)
        return simc__conv_fault(reader, simc__conv_here(reader),
                                "%s and behind it '%c' are expected on this line", what, end);
    return 0;
}

static int read_time(struct simc__conv_reader *reader, struct simc__conv_time *time)
{
    struct simc_slice unit;
    int error = simc__conv_want(reader, "a time such as 5 s or 500 ms", &time->number);
    if (!error)
        error = simc__conv_want(reader, "ms or s", &unit);
    if (error)
        return error;
    time->is_seconds = simc__conv_is(unit, "s");
    if (!time->is_seconds && !simc__conv_is(unit, "ms"))
        return simc__conv_fault(reader, unit.data, "a time has the unit ms or s");
    return 0;
}

static int read_words(struct simc__conv_reader *reader, size_t count,
                      struct simc__conv_words **words)
{
    for (size_t i = 0; i < count; i++) {
        struct simc__conv_words *word = simc__conv_get(reader, sizeof *word);
        if (!word)
            return SIMC_ENOMEM;
        int error = simc__conv_want(reader, "another word", &word->text);
        if (error)
            return error;
        *words = word;
        words = &word->next;
    }
    return 0;
}

/* The words up to the end of the line. */
static int read_line_words(struct simc__conv_reader *reader, struct simc__conv_words **words)
{
    for (;;) {
        unsigned line = reader->line;
        struct simc_slice ahead = simc__conv_word_ahead(reader);
        if (ahead.size == 0 || reader->line != line)
            return 0;
        int error = read_words(reader, 1, words);
        if (error)
            return error;
        words = &(*words)->next;
    }
}

static int read_block(struct simc__conv_reader *reader, struct simc__conv_statement **list)
{
    int error = simc__conv_want_char(reader, '{', "before the steps");
    if (error)
        return error;
    if (++reader->depth > SIMC__CONV_DEPTH_MAX)
        return simc__conv_fault(reader, simc__conv_here(reader),
                                "more than %d blocks within each other", SIMC__CONV_DEPTH_MAX);
    while (simc__conv_peek(reader) != '}') {
        error = simc__conv_statement(reader, list);
        if (error)
            return error;
        list = &(*list)->next;
    }
    reader->at++;
    reader->depth--;
    return 0;
}

/* ---- messages ---- */

static int read_head(struct simc__conv_reader *reader, struct simc__conv_message *message)
{
    while (simc__conv_peek(reader) != '{') {
        struct simc_slice word;
        int error = simc__conv_want(reader, "'{' behind the head of the message", &word);
        if (error)
            return error;
        const char *prefix = simc__conv_starts(word, "version=") ? "version=" : "length=";
        if (!simc__conv_starts(word, prefix))
            return simc__conv_fault(reader, word.data,
                                    SIMC__CONV_WORD " is not expected here; behind the name of a "
                                                    "message stand version=N, length=N and '{'",
                                    SIMC__CONV_SHOW(word));
        size_t size = strlen(prefix);
        struct simc_slice value = simc_slice(word.data + size, word.size - size);
        if (value.size == 0)
            return simc__conv_fault(reader, word.data, "a number is missing behind %s", prefix);
        *(prefix[0] == 'v' ? &message->version : &message->length) = value;
    }
    reader->at++;
    return 0;
}

static int read_message(struct simc__conv_reader *reader, bool expected,
                        struct simc__conv_message *message)
{
    int error = simc__conv_want(reader, "the name of a message", &message->name);
    if (error || (!expected && simc__conv_starts(message->name, "bytes:")))
        return error;
    error = read_head(reader, message);
    return error ? error : simc__conv_body(reader, expected, &message->lines);
}

static int read_pieces(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = simc__conv_want_word(reader, "in", "");
    if (!error)
        error = simc__conv_want_word(reader, "pieces", "behind 'in'");
    if (!error)
        error = simc__conv_want_word(reader, "of", "behind 'pieces'");
    if (!error)
        error = simc__conv_want(reader, "the size of a piece", &statement->piece);
    if (!error && simc__conv_is(simc__conv_word_ahead(reader), "every")) {
        (void)simc__conv_word(reader);
        error = read_time(reader, &statement->every);
    }
    return error;
}

static int read_send(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    struct simc__conv_message **tail = &statement->messages;
    int error = simc__conv_want(reader, "the name of a connection", &statement->name);
    if (!error && simc__conv_is(simc__conv_word_ahead(reader), "in"))
        error = read_pieces(reader, statement);
    while (!error) {
        *tail = simc__conv_get(reader, sizeof **tail);
        if (!*tail)
            return SIMC_ENOMEM;
        error = read_message(reader, false, *tail);
        tail = &(*tail)->next;
        if (error || !simc__conv_is(simc__conv_word_ahead(reader), "and"))
            break;
        (void)simc__conv_word(reader);
    }
    return error;
}

/* ---- expectations ---- */

static int read_what(struct simc__conv_reader *reader, struct simc__conv_what *what)
{
    static const struct {
        const char *word;
        enum simc__conv_what_kind kind;
        bool has_message;
    } kinds[] = {
        {"closed", SIMC__CONV_CLOSED, false},     {"nothing", SIMC__CONV_NOTHING, false},
        {"anything", SIMC__CONV_ANYTHING, false}, {"event", SIMC__CONV_EVENT, true},
        {"faulty", SIMC__CONV_FAULTY, true},
    };
    struct simc_slice word = simc__conv_word_ahead(reader);
    if (simc__conv_is(word, "warn")) {
        what->warns = true;
        (void)simc__conv_word(reader);
        word = simc__conv_word_ahead(reader);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!simc__conv_is(word, kinds[i].word))
            continue;
        (void)simc__conv_word(reader);
        what->kind = kinds[i].kind;
        if (what->kind == SIMC__CONV_EVENT)
            reader->conversation->head.asks_session = true;
        return kinds[i].has_message ? read_message(reader, true, &what->message) : 0;
    }
    return read_message(reader, true, &what->message);
}

/* within TIME, or between TIME and TIME. */
static int read_times(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    struct simc_slice word = simc__conv_word_ahead(reader);
    bool between = simc__conv_is(word, "between");
    if (!between && !simc__conv_is(word, "within"))
        return 0;
    (void)simc__conv_word(reader);
    int error = between ? read_time(reader, &statement->from) : 0;
    if (!error && between)
        error = simc__conv_want_word(reader, "and", "between the two times");
    return error ? error : read_time(reader, &statement->until);
}

static int read_expect(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    struct simc__conv_what **tail = &statement->whats;
    int error = simc__conv_want(reader, "the name of a connection", &statement->name);
    if (!error)
        error = read_times(reader, statement);
    while (!error) {
        *tail = simc__conv_get(reader, sizeof **tail);
        if (!*tail)
            return SIMC_ENOMEM;
        error = read_what(reader, *tail);
        tail = &(*tail)->next;
        if (error || !simc__conv_is(simc__conv_word_ahead(reader), "or"))
            break;
        (void)simc__conv_word(reader);
    }
    return error;
}

/* ---- blocks ---- */

static int read_counter(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = simc__conv_want(reader, "the name of a counter", &statement->name);
    if (!error)
        error = simc__conv_add_name(reader, statement->name);
    if (!error)
        error = simc__conv_want_word(reader, "from", "behind the counter");
    if (!error)
        error = simc__conv_want(reader, "the first number", &statement->value);
    if (!error)
        error = simc__conv_want_word(reader, "to", "behind the first number");
    return error ? error : simc__conv_want(reader, "the last number", &statement->last);
}

static int read_repeat(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = read_counter(reader, statement);
    return error ? error : read_block(reader, &statement->body);
}

/* parallel { } and { } and { }: the other blocks are statements of their own, in `other`. */
static int read_parallel(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    if (simc__conv_peek(reader) != '{')
        return read_repeat(reader, statement);
    int error = read_block(reader, &statement->body);
    struct simc__conv_statement **tail = &statement->other;
    while (!error && simc__conv_is(simc__conv_word_ahead(reader), "and")) {
        (void)simc__conv_word(reader);
        *tail = simc__conv_get(reader, sizeof **tail);
        if (!*tail)
            return SIMC_ENOMEM;
        error = read_block(reader, &(*tail)->body);
        tail = &(*tail)->next;
    }
    return error;
}

static int read_if(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = read_until(reader, '{', "a condition", &statement->value);
    if (!error)
        error = read_block(reader, &statement->body);
    if (error || !simc__conv_is(simc__conv_word_ahead(reader), "else"))
        return error;
    (void)simc__conv_word(reader);
    return read_block(reader, &statement->other);
}

/* ---- the other steps ---- */

static int read_open(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = simc__conv_want(reader, "the name of a connection", &statement->name);
    return error ? error : read_times(reader, statement);
}

static int read_assignment(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = simc__conv_want(reader, "the name of a variable", &statement->name);
    if (!error)
        error = simc__conv_add_name(reader, statement->name);
    if (!error)
        error = simc__conv_want_word(reader, "=", "behind the variable");
    if (error)
        return error;
    return simc__conv_peek(reader) == '"'
               ? simc__conv_want_text(reader, "a value", &statement->value)
               : simc__conv_want(reader, "a value", &statement->value);
}

static int read_need(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = read_until(reader, '"', "a condition", &statement->value);
    return error ? error : simc__conv_want_text(reader, "a sentence", &statement->last);
}

static int read_request(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = simc__conv_want(reader, "the name of a connection", &statement->name);
    reader->conversation->head.asks_session = true;
    if (!error && simc__conv_is(simc__conv_word_ahead(reader), "fails")) {
        (void)simc__conv_word(reader);
        error = simc__conv_want(reader, "the name of an error", &statement->value);
    }
    if (!error)
        error = read_line_words(reader, &statement->words);
    if (!error && !statement->words)
        return simc__conv_fault(reader, simc__conv_here(reader),
                                "what to request is expected on this line");
    return error;
}

static int read_ignore(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    return read_line_words(reader, &statement->words);
}

/* The procedure is found when all of them are read; until then the words of the line wait. */
static int read_call(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    int error = simc__conv_want(reader, "the name of a procedure", &statement->name);
    return error ? error : read_line_words(reader, &statement->words);
}

static int read_name(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    return simc__conv_want(reader, "the name of a connection", &statement->name);
}

static int read_wait(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    return read_time(reader, &statement->until);
}

static int read_note(struct simc__conv_reader *reader, struct simc__conv_statement *statement)
{
    return simc__conv_want_text(reader, "a text", &statement->value);
}

static const struct {
    const char *word;
    int (*read)(struct simc__conv_reader *reader, struct simc__conv_statement *statement);
} readers[] = {
    [SIMC__CONV_OPEN] = {"open", read_open},
    [SIMC__CONV_CLOSE] = {"close", read_name},
    [SIMC__CONV_RESET] = {"reset", read_name},
    [SIMC__CONV_SEND] = {"send", read_send},
    [SIMC__CONV_EXPECT] = {"expect", read_expect},
    [SIMC__CONV_WAIT] = {"wait", read_wait},
    [SIMC__CONV_CALL] = {"call", read_call},
    [SIMC__CONV_LET] = {"let", read_assignment},
    [SIMC__CONV_LOCAL] = {"local", read_assignment},
    [SIMC__CONV_REPEAT] = {"repeat", read_repeat},
    [SIMC__CONV_PARALLEL] = {"parallel", read_parallel},
    [SIMC__CONV_IF] = {"if", read_if},
    [SIMC__CONV_NEED] = {"need", read_need},
    [SIMC__CONV_CHECK] = {"check", read_need},
    [SIMC__CONV_IGNORE] = {"ignore", read_ignore},
    [SIMC__CONV_DEAF] = {"deaf", read_name},
    [SIMC__CONV_NOTE] = {"note", read_note},
    [SIMC__CONV_REQUEST] = {"request", read_request},
};

static int unknown_word(struct simc__conv_reader *reader, struct simc_slice word)
{
    const char *nearest = NULL;
    unsigned best = (unsigned)word.size / 3 + 2;
    if (word.size == 0)
        return simc__conv_fault(reader, simc__conv_here(reader),
                                simc__conv_peek(reader) ? "a statement is expected here"
                                                        : "the file ends within a block: '}' is "
                                                          "missing");
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        unsigned distance = simc__text_distance(word, simc_slice_text(readers[i].word));
        if (distance < best) {
            best = distance;
            nearest = readers[i].word;
        }
    }
    return simc__conv_fault(reader, word.data,
                            nearest ? "there is no statement " SIMC__CONV_WORD "; did you mean %s?"
                                    : "there is no statement " SIMC__CONV_WORD,
                            SIMC__CONV_SHOW(word), nearest);
}

int simc__conv_statement(struct simc__conv_reader *reader, struct simc__conv_statement **statement)
{
    struct simc_slice word = simc__conv_word_ahead(reader);
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (!simc__conv_is(word, readers[i].word))
            continue;
        if (++reader->conversation->statement_count > SIMC__CONV_STATEMENTS_MAX)
            return simc__conv_fault(reader, word.data, "a conversation has at most %d statements",
                                    SIMC__CONV_STATEMENTS_MAX);
        *statement = simc__conv_get(reader, sizeof **statement);
        if (!*statement)
            return SIMC_ENOMEM;
        (*statement)->kind = (enum simc__conv_statement_kind)i;
        (*statement)->file = reader->source->name;
        (*statement)->line = reader->line;
        (void)simc__conv_word(reader);
        return readers[i].read(reader, *statement);
    }
    return unknown_word(reader, word);
}

int simc__conv_block(struct simc__conv_reader *reader, struct simc__conv_statement **list)
{
    return read_block(reader, list);
}
