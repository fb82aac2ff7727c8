/* SPDX-License-Identifier: BSL-1.0 */
/* Reads the text form back into bytes: `simulcrypt encode`, conversation files and tests write
 * messages in it. The grammar is in docs/text-form.md. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proto/table.h"
#include "proto/value.h"

struct parser {
    struct simc_slice text;
    size_t at;
    size_t line;       /* of `at`, from 1 */
    size_t line_start; /* offset of the line's first byte */
    struct simc_writer *out;
    struct simc_parse_fault *fault;
    const struct simc_interface *interface; /* NULL: unknown */
    uint8_t version;
};

/* ---- words ---- */

static int fail_at(struct parser *p, size_t at, const char *format, ...) SIMC_PRINTF(3, 4);

static int fail_at(struct parser *p, size_t at, const char *format, ...)
{
    va_list arguments;
    p->fault->line = p->line;
    p->fault->column = at - p->line_start + 1;
    va_start(arguments, format);
    vsnprintf(p->fault->text, sizeof p->fault->text, format, arguments);
    va_end(arguments);
    return SIMC_ESYNTAX;
}

static bool at_end(const struct parser *p)
{
    return p->at == p->text.size;
}

static uint8_t peek(const struct parser *p)
{
    return at_end(p) ? 0 : p->text.data[p->at];
}

/* Moves over blanks and a comment, not over the line end. */
static void skip_blanks(struct parser *p)
{
    while (!at_end(p) && (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\r'))
        p->at++;
    if (peek(p) == '#') {
        while (!at_end(p) && peek(p) != '\n')
            p->at++;
    }
}

static void skip_lines(struct parser *p)
{
    for (;;) {
        skip_blanks(p);
        if (at_end(p) || peek(p) != '\n')
            return;
        p->at++;
        p->line++;
        p->line_start = p->at;
    }
}

static bool ends_word(uint8_t c)
{
    return c <= ' ' || c == '{' || c == '}' || c == '#' || c == '"' || c == '=';
}

static struct simc_slice next_word(struct parser *p)
{
    size_t start;
    skip_blanks(p);
    start = p->at;
    while (!at_end(p) && !ends_word(peek(p)))
        p->at++;
    return simc_slice(p->text.data + start, p->at - start);
}

static size_t offset_of(const struct parser *p, struct simc_slice word)
{
    return (size_t)(word.data - p->text.data);
}

/* Words are quoted in messages; long ones are cut. */
#define WORD_FORMAT     "'%.*s'"
#define WORD_ARGS(word) (int)((word).size < 40 ? (word).size : 40), (const char *)(word).data

static int expect(struct parser *p, char wanted, const char *where)
{
    skip_blanks(p);
    if (peek(p) != (uint8_t)wanted)
        return fail_at(p, p->at, "'%c' is expected %s", wanted, where);
    p->at++;
    return 0;
}

static int expect_line_end(struct parser *p)
{
    skip_blanks(p);
    if (!at_end(p) && peek(p) != '\n')
        return fail_at(p, p->at, "the line should end here");
    return 0;
}

static bool word_is(struct simc_slice word, const char *text)
{
    return simc__name_equal(text, word);
}

static bool starts_with(struct simc_slice word, const char *prefix)
{
    size_t size = strlen(prefix);
    return word.size >= size && memcmp(word.data, prefix, size) == 0;
}

/* ---- values ---- */

static int parse_hex(struct parser *p, struct simc_slice digits)
{
    uint8_t *room = simc_writer_room(p->out, digits.size / 2);
    size_t size, bad_at;
    uint8_t byte;
    if (digits.size % 2)
        return fail_at(p, offset_of(p, digits), "an odd number of hex digits makes no whole bytes");
    for (size_t i = 0; i < digits.size; i += 2) {
        /* Two digits at a time: separators are for people's hex dumps, not for this form. */
        int error = simc_hex_read(simc_slice(digits.data + i, 2), &byte, 1, &size, &bad_at);
        if (error || size != 1)
            return fail_at(p, offset_of(p, digits) + i, "'%.2s' is no hex byte",
                           (const char *)digits.data + i);
        if (room)
            room[i / 2] = byte;
    }
    return 0;
}

static int parse_masked(struct parser *p, struct simc_slice word)
{
    return fail_at(p, offset_of(p, word),
                   "the value is masked; print the message with --show-secrets");
}

static int parse_quoted(struct parser *p)
{
    p->at++; /* the quote */
    while (!at_end(p) && peek(p) != '"') {
        uint8_t c = peek(p);
        if (c == '\n')
            break;
        p->at++;
        if (c == '\\') {
            static const char from[] = "\"\\nrt", to[] = "\"\\\n\r\t";
            const char *escape = peek(p) ? strchr(from, peek(p)) : NULL;
            if (!escape)
                return fail_at(p, p->at,
                               "after '\\' only \" \\ n r t may stand; "
                               "for other bytes use " SIMC__TEXT_BYTES);
            c = (uint8_t)to[escape - from];
            p->at++;
        }
        simc_writer_u8(p->out, c);
    }
    return expect(p, '"', "at the end of the text");
}

static int parse_uint(struct parser *p, const struct simc_parameter_row *row,
                      struct simc_slice word)
{
    uint64_t number, max = UINT64_MAX >> (64 - 8 * (unsigned)row->size_min);
    if (simc__text_read_uint(word, &number))
        return fail_at(p, offset_of(p, word), WORD_FORMAT " is no number (write 16 or 0x10)",
                       WORD_ARGS(word));
    if (number > max)
        return fail_at(p, offset_of(p, word), "%s has %u byte%s and holds 0 to %llu", row->name,
                       row->size_min, row->size_min == 1 ? "" : "s", (unsigned long long)max);
    for (unsigned i = row->size_min; i-- > 0;)
        simc_writer_u8(p->out, (uint8_t)(number >> (8 * i)));
    return 0;
}

static int parse_int(struct parser *p, const struct simc_parameter_row *row, struct simc_slice word)
{
    int64_t number, max = (int64_t)(UINT64_MAX >> (65 - 8 * (unsigned)row->size_min));
    if (simc__text_read_int(word, &number))
        return fail_at(p, offset_of(p, word), WORD_FORMAT " is no number (write -500)",
                       WORD_ARGS(word));
    if (number > max || number < -max - 1)
        return fail_at(p, offset_of(p, word), "%s has %u bytes and holds %lld to %lld", row->name,
                       row->size_min, (long long)(-max - 1), (long long)max);
    for (unsigned i = row->size_min; i-- > 0;)
        simc_writer_u8(p->out, (uint8_t)((uint64_t)number >> (8 * i)));
    return 0;
}

static int parse_bool(struct parser *p, struct simc_slice word)
{
    bool yes = word_is(word, "true") || word_is(word, "1");
    if (!yes && !word_is(word, "false") && !word_is(word, "0"))
        return fail_at(p, offset_of(p, word), WORD_FORMAT " is neither true nor false",
                       WORD_ARGS(word));
    simc_writer_u8(p->out, yes);
    return 0;
}

static int parse_date(struct parser *p, struct simc_slice word)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dd";
    unsigned fields[7] = {0}, field = 0;
    bool fits = word.size == sizeof shape - 1;
    for (size_t i = 0; fits && i < word.size; i++) {
        uint8_t c = word.data[i];
        if (shape[i] == 'd') {
            fits = c >= '0' && c <= '9';
            fields[field] = fields[field] * 10 + (unsigned)(c - '0');
        } else {
            fits = c == (uint8_t)shape[i];
            field++;
        }
    }
    const struct simc_date date = {(uint16_t)fields[0], (uint8_t)fields[1], (uint8_t)fields[2],
                                   (uint8_t)fields[3],  (uint8_t)fields[4], (uint8_t)fields[5],
                                   (uint8_t)fields[6]};
    uint8_t bytes[8];
    struct simc_writer measured = simc_writer(bytes, sizeof bytes);
    struct simc_date read;
    simc_date_put(&measured, &date);
    if (!fits || simc_date_get(simc_slice(bytes, sizeof bytes), &read))
        return fail_at(p, offset_of(p, word),
                       WORD_FORMAT " is no date (write 2026-11-21T12:00:00.00)", WORD_ARGS(word));
    simc_date_put(p->out, &date);
    return 0;
}

static int parse_cp_cw(struct parser *p, struct simc_slice word)
{
    uint64_t cp;
    struct simc_slice number = word_is(word, "CP") ? next_word(p) : simc_slice(NULL, 0);
    struct simc_slice keyword = number.size ? next_word(p) : simc_slice(NULL, 0);
    if (!word_is(keyword, "CW"))
        return fail_at(p, offset_of(p, word),
                       "a control word is written: CP 16 CW 10203060405060f0");
    if (simc__text_read_uint(number, &cp) || cp > UINT16_MAX)
        return fail_at(p, offset_of(p, number), "a CP number is 0 to 65535");
    struct simc_slice cw = next_word(p);
    if (starts_with(cw, SIMC__TEXT_MASKED))
        return parse_masked(p, cw);
    if (cw.size == 0)
        return fail_at(p, p->at, "the control word's hex digits are missing");
    simc_writer_u16(p->out, (uint16_t)cp);
    return parse_hex(p, cw);
}

static int parse_parameters(struct parser *p, bool in_group);

static int parse_typed_value(struct parser *p, const struct simc_parameter_row *row,
                             struct simc_slice word)
{
    switch (row->type) {
    case SIMC_VALUE_UINT:
        return parse_uint(p, row, word);
    case SIMC_VALUE_INT:
        return parse_int(p, row, word);
    case SIMC_VALUE_BOOL:
        return parse_bool(p, word);
    case SIMC_VALUE_DATE:
        return parse_date(p, word);
    case SIMC_VALUE_CP_CW:
        return parse_cp_cw(p, word);
    case SIMC_VALUE_BYTES:
    case SIMC_VALUE_TEXT:
    case SIMC_VALUE_GROUP:
        break;
    }
    return fail_at(p, offset_of(p, word), "%s holds %s", row->name,
                   row->type == SIMC_VALUE_GROUP
                       ? "parameters: write { ... }, or " SIMC__TEXT_BYTES " and hex digits"
                       : "bytes: write " SIMC__TEXT_BYTES " and hex digits, or a \"text\"");
}

static int parse_value(struct parser *p, const struct simc_parameter_row *row, bool in_group)
{
    skip_blanks(p);
    if (peek(p) == '"') {
        if (row && row->type != SIMC_VALUE_BYTES && row->type != SIMC_VALUE_TEXT)
            return fail_at(p, p->at, "%s holds no text", row->name);
        return parse_quoted(p);
    }
    if (peek(p) == '{') {
        if (!row || row->type != SIMC_VALUE_GROUP || in_group)
            return fail_at(p, p->at, "this parameter holds no other parameters");
        p->at++;
        return parse_parameters(p, true);
    }
    struct simc_slice word = next_word(p);
    if (word.size == 0)
        return fail_at(p, p->at, "a value is missing here");
    if (starts_with(word, SIMC__TEXT_BYTES)) {
        size_t prefix = strlen(SIMC__TEXT_BYTES);
        return parse_hex(p, simc_slice(word.data + prefix, word.size - prefix));
    }
    if (starts_with(word, SIMC__TEXT_MASKED))
        return parse_masked(p, word);
    if (!row)
        return fail_at(p, offset_of(p, word),
                       "the value of an unknown parameter is written " SIMC__TEXT_BYTES
                       " and hex digits");
    return parse_typed_value(p, row, word);
}

/* ---- names ---- */

/* Finds the name nearest to what was typed, for "did you mean". */
struct nearest {
    struct simc_slice wanted;
    const char *name;
    unsigned distance;
};

static void nearest_offer(struct nearest *nearest, const char *name)
{
    unsigned distance = simc__text_distance(nearest->wanted, simc_slice_text(name));
    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->name = name;
    }
}

enum { NAME_MAX_SIZE = 40 }; /* simc__text_distance() looks no further; no name is so long */

static struct nearest nearest_to(struct simc_slice word)
{
    /* More than a third of the letters wrong is no slip of the finger. */
    struct nearest nearest = {word, NULL, (unsigned)word.size / 3 + 2};
    if (word.size > NAME_MAX_SIZE)
        nearest.distance = 0;
    return nearest;
}

static int fail_name(struct parser *p, const struct nearest *nearest, const char *what)
{
    size_t at = offset_of(p, nearest->wanted);
    if (starts_with(nearest->wanted, "0x"))
        return fail_at(p, at, "a code is 0x0000 to 0xffff");
    if (nearest->name)
        return fail_at(p, at, "there is no %s " WORD_FORMAT "; did you mean %s?", what,
                       WORD_ARGS(nearest->wanted), nearest->name);
    return fail_at(p, at, "there is no %s " WORD_FORMAT, what, WORD_ARGS(nearest->wanted));
}

static int parse_interface(struct parser *p, struct simc_slice word)
{
    struct nearest nearest = nearest_to(word);
    p->interface = simc_interface_find(word);
    if (p->interface || word_is(word, SIMC__TEXT_UNKNOWN))
        return 0;
    for (size_t i = 0; i < SIMC__INTERFACE_COUNT; i++)
        nearest_offer(&nearest, simc__interfaces[i]->name);
    return fail_name(p, &nearest, "interface");
}

static int parse_code(struct simc_slice word, uint16_t *code)
{
    uint64_t number;
    if (!starts_with(word, "0x") || simc__text_read_uint(word, &number) || number > UINT16_MAX)
        return SIMC_ESYNTAX;
    *code = (uint16_t)number;
    return 0;
}

static int parse_message_name(struct parser *p, uint16_t *type)
{
    struct simc_slice word = next_word(p);
    struct nearest nearest = nearest_to(word);
    if (parse_code(word, type) == 0)
        return 0;
    if (word.size == 0)
        return fail_at(p, p->at, "the name of the message is expected here");
    if (!p->interface)
        return fail_at(p, offset_of(p, word),
                       "a message of an unknown interface is named by its type, 0x0300");
    const struct simc_message_row *row = simc_message_find_name(p->interface, word);
    if (row) {
        *type = row->type;
        return 0;
    }
    for (size_t i = 0; i < p->interface->message_count; i++)
        nearest_offer(&nearest, p->interface->messages[i].name);
    char what[48];
    snprintf(what, sizeof what, "message of %s named", p->interface->name);
    return fail_name(p, &nearest, what);
}

static int parse_parameter_name(struct parser *p, struct simc_slice word, uint16_t *code,
                                const struct simc_parameter_row **row)
{
    struct nearest nearest = nearest_to(word);
    if (parse_code(word, code) == 0) {
        *row = p->interface ? simc_parameter_find(p->interface, *code, p->version) : NULL;
        return 0;
    }
    if (!p->interface)
        return fail_at(p, offset_of(p, word),
                       "a parameter of an unknown interface is named by its type, 0x0001");
    *row = simc_parameter_find_name(p->interface, word, p->version);
    if (*row) {
        *code = (*row)->code;
        return 0;
    }
    for (size_t i = 0; i < p->interface->parameter_count; i++) {
        if (word_is(word, p->interface->parameters[i].name))
            return fail_at(p, offset_of(p, word), "version %u of %s has no %s", p->version,
                           p->interface->name, p->interface->parameters[i].name);
        nearest_offer(&nearest, p->interface->parameters[i].name);
    }
    char what[48];
    snprintf(what, sizeof what, "parameter of %s named", p->interface->name);
    return fail_name(p, &nearest, what);
}

/* ---- structure ---- */

static int parse_raw(struct parser *p)
{
    skip_blanks(p);
    struct simc_slice word = next_word(p);
    if (starts_with(word, SIMC__TEXT_MASKED))
        return parse_masked(p, word);
    if (!starts_with(word, SIMC__TEXT_BYTES))
        return fail_at(p, offset_of(p, word), "write " SIMC__TEXT_BYTES " and hex digits");
    size_t prefix = strlen(SIMC__TEXT_BYTES);
    return parse_hex(p, simc_slice(word.data + prefix, word.size - prefix));
}

static int parse_parameter(struct parser *p, struct simc_slice name, bool in_group)
{
    const struct simc_parameter_row *row = NULL;
    uint16_t code = 0;
    bool raw = word_is(name, SIMC__TEXT_RAW);
    int error = raw ? 0 : parse_parameter_name(p, name, &code, &row);
    if (error)
        return error;
    error = expect(p, '=', "behind the parameter's name");
    if (error)
        return error;
    if (raw)
        return parse_raw(p);
    size_t start = simc_msg_begin_group(p->out, code);
    error = parse_value(p, row, in_group);
    if (error)
        return error;
    simc_msg_end_group(p->out, start);
    return 0;
}

static int parse_parameters(struct parser *p, bool in_group)
{
    for (;;) {
        skip_lines(p);
        if (peek(p) == '}') {
            p->at++;
            return 0;
        }
        struct simc_slice name = next_word(p);
        if (name.size == 0)
            return fail_at(p, p->at,
                           at_end(p) ? "the text ends before the closing '}'"
                                     : "a parameter's name or '}' is expected here");
        int error = parse_parameter(p, name, in_group);
        if (!error)
            error = expect_line_end(p);
        if (error)
            return error;
    }
}

static int parse_attribute(struct parser *p, struct simc_slice name, bool *has_length,
                           uint16_t *length)
{
    bool is_version = word_is(name, "version");
    if (!is_version && !word_is(name, "length"))
        return fail_at(p, offset_of(p, name),
                       WORD_FORMAT " is not expected here; a message is headed by its interface "
                                   "and name, version=N, length=N and '{'",
                       WORD_ARGS(name));
    int error = expect(p, '=', is_version ? "behind version" : "behind length");
    if (error)
        return error;
    struct simc_slice word = next_word(p);
    uint64_t number;
    if (simc__text_read_uint(word, &number) || number > (is_version ? UINT8_MAX : UINT16_MAX))
        return fail_at(p, offset_of(p, word),
                       is_version ? "a protocol_version is 0 to 255"
                                  : "a message_length is 0 to 65535");
    if (is_version) {
        p->version = (uint8_t)number;
    } else {
        *has_length = true;
        *length = (uint16_t)number;
    }
    return 0;
}

static int parse_message(struct parser *p)
{
    struct simc_slice word = next_word(p);
    uint16_t type = 0, length = 0;
    bool has_length = false;
    if (word.size == 0)
        return fail_at(p, p->at, "a message begins with the name of its interface");
    if (word_is(word, SIMC__TEXT_RAW)) {
        int error = expect(p, '=', "behind " SIMC__TEXT_RAW);
        return error ? error : parse_raw(p);
    }
    int error = parse_interface(p, word);
    if (!error)
        error = parse_message_name(p, &type);
    p->version = p->interface ? p->interface->version : 0;
    while (!error && (word = next_word(p)).size)
        error = parse_attribute(p, word, &has_length, &length);
    if (!error)
        error = expect(p, '{', "at the end of the message's head");
    if (error)
        return error;
    size_t start = simc_msg_begin(p->out, p->version, type);
    error = parse_parameters(p, false);
    if (error)
        return error;
    /* Want of room is the writer's to remember: a slip behind the message is told first. */
    if (simc_msg_end(p->out, start) == 0 && has_length)
        simc_writer_patch_u16(p->out, start + 3, length);
    return 0;
}

int simc_msg_parse(struct simc_slice text, struct simc_writer *out, size_t *used, size_t *line,
                   struct simc_parse_fault *fault)
{
    struct simc_parse_fault unwanted;
    struct parser parser = {
        .text = text, .line = line ? *line : 1, .out = out, .fault = fault ? fault : &unwanted};
    memset(parser.fault, 0, sizeof *parser.fault);
    skip_lines(&parser);
    if (at_end(&parser))
        return SIMC_EEND;
    int error = parse_message(&parser);
    if (!error)
        error = expect_line_end(&parser);
    if (error)
        return error;
    if (out->error)
        return out->error;
    skip_lines(&parser);
    /* Blanks in front of the next message are left to its own call, so that columns count them. */
    if (used)
        *used = at_end(&parser) ? parser.at : parser.line_start;
    if (line)
        *line = parser.line;
    return 0;
}
