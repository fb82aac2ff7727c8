/* SPDX-License-Identifier: BSL-1.0 */
/* Finds what a line of an expectation names in a message or an event, compares single values and
 * shows them without control words. match.c calls it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conversation/match.h"
#include "conversation/reader.h"

enum { SHOWN_BYTES = 24 };

int simc__conv_expand_text(const struct simc__conv_matcher *m, struct simc_slice text,
                           struct simc_buffer *out, bool *secret)
{
    simc_buffer_init(out, SIMC__CONV_TEXT_MAX);
    int error = simc__conv_expand(m->context, text, out, secret);
    if (error)
        simc_buffer_fini(out);
    return error;
}

size_t simc__conv_kept(const struct simc__conv_found *found)
{
    return found->count < SIMC__CONV_FOUND_MAX ? found->count : SIMC__CONV_FOUND_MAX;
}

static void add(struct simc__conv_found *found, struct simc_slice value)
{
    if (found->count < SIMC__CONV_FOUND_MAX)
        found->values[found->count] = value;
    found->count++;
}

/* ---- finding ---- */

static int by_code(const void *a, const void *b)
{
    const struct simc_parameter *left = a, *right = b;
    if (left->code != right->code)
        return left->code < right->code ? -1 : 1;
    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

/* All parameters in the order of their types: equal for messages that say the same. */
static int find_content(struct simc__conv_matcher *m, struct simc__conv_found *found)
{
    struct simc_parameter parameters[SIMC__CONV_FOUND_MAX];
    struct simc_parameter_cursor cursor = simc_msg_parameters(&m->msg);
    size_t count = 0;
    while (count < SIMC__CONV_FOUND_MAX && simc_parameter_next(&cursor, &parameters[count]) == 0)
        count++;
    qsort(parameters, count, sizeof parameters[0], by_code);
    simc_buffer_init(&found->memory, SIMC_MSG_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        /* A value begins behind its parameter_type and parameter_length. */
        struct simc_slice whole = simc_slice(m->item->bytes.data + parameters[i].offset,
                                             parameters[i].value.size + SIMC_PARAMETER_HEADER_SIZE);
        int error = simc_buffer_append(&found->memory, whole);
        if (error) {
            m->context->trouble->error = SIMC_ENOMEM;
            return SIMC_ENOMEM;
        }
    }
    found->secret = true;
    add(found, simc_buffer_bytes(&found->memory));
    return 0;
}

static int parameter_of(struct simc__conv_matcher *m, struct simc_slice name, const uint8_t *at,
                        uint16_t *code, const struct simc_parameter_row **row)
{
    const struct simc_interface *interface = m->context->conversation->head.interface;
    bool has_version = m->version < 32 && (interface->versions >> m->version & 1);
    uint8_t version = has_version ? m->version : interface->version;
    uint64_t number;
    if (simc__conv_starts(name, "0x") && simc__text_read_uint(name, &number) == 0 &&
        number <= UINT16_MAX) {
        *code = (uint16_t)number;
        *row = simc_parameter_find(interface, *code, version);
        return 0;
    }
    /* A parameter that the version lacks can still be said to be absent. */
    *row = simc_parameter_find_name(interface, name, version);
    if (!*row)
        *row = simc_parameter_find_name(interface, name, interface->version);
    if (!*row)
        return simc__conv_fail(m->context, at, "there is no parameter " SIMC__CONV_WORD " on %s",
                               SIMC__CONV_SHOW(name), interface->name);
    *code = (*row)->code;
    return 0;
}

/* Keeps only the control word of one crypto period. */
static void keep_cw(struct simc__conv_found *found, int64_t cp_number)
{
    size_t count = 0;
    for (size_t i = 0; i < simc__conv_kept(found); i++) {
        struct simc_reader reader = simc_reader(found->values[i]);
        uint16_t cp = simc_reader_u16(&reader);
        if (!reader.error && cp == (uint16_t)cp_number)
            found->values[count++] =
                simc_slice(found->values[i].data + 2, found->values[i].size - 2);
    }
    found->count = count;
}

static int find_in_message(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                           struct simc_slice name, struct simc__conv_found *found)
{
    struct simc_parameter_cursor cursor = simc_msg_parameters(&m->msg);
    struct simc_parameter parameter;
    uint16_t code = 0;
    if (simc__conv_is(name, "content"))
        return find_content(m, found);
    if (simc__conv_is(name, "unknown")) {
        found->count = m->msg.skipped_count;
        found->secret = true;
        memset(found->values, 0, sizeof found->values);
        return 0;
    }
    int error = parameter_of(m, name, line->name.data, &code, &found->row);
    if (error)
        return error;
    while (simc_parameter_next(&cursor, &parameter) == 0) {
        if (parameter.code == code)
            add(found, parameter.value);
    }
    found->secret = !found->row || found->row->secret || found->row->type == SIMC_VALUE_CP_CW;
    return 0;
}

static void find_in_event(const struct simc__conv_matcher *m, struct simc_slice name,
                          struct simc__conv_found *found)
{
    found->is_text = true;
    for (size_t i = 0; i < m->item->field_count; i++) {
        const struct simc__conversation_field *field = &m->item->fields[i];
        if (!simc__conv_is_name(name, field->name))
            continue;
        add(found, simc_slice_text(field->value));
        found->secret = found->secret || field->secret;
    }
}

int simc__conv_occurrences(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                           struct simc__conv_found *found)
{
    struct simc_buffer name;
    bool secret = false;
    int64_t cp_number = 0;
    found->count = 0;
    found->row = NULL;
    found->is_text = found->secret = false;
    memset(&found->memory, 0, sizeof found->memory);
    int error = simc__conv_expand_text(m, line->name, &name, &secret);
    if (error)
        return error;
    if (m->item->is_event)
        find_in_event(m, simc_buffer_bytes(&name), found);
    else
        error = find_in_message(m, line, simc_buffer_bytes(&name), found);
    simc_buffer_fini(&name);
    if (error || line->cw_of.size == 0)
        return error;
    error = simc__conv_evaluate(m->context, line->cw_of, &cp_number);
    keep_cw(found, cp_number);
    return error;
}

/* ---- values ---- */

int64_t simc__conv_number_in(struct simc_slice value, bool is_signed)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.size; i++)
        number = number << 8 | value.data[i];
    if (is_signed && value.size && value.size < 8 && value.data[0] & 0x80)
        number |= UINT64_MAX << 8 * value.size;
    return (int64_t)number;
}

/* The number of a value. @return false: it is none. */
bool simc__conv_number_of(const struct simc__conv_found *found, struct simc_slice value,
                          int64_t *number)
{
    if (found->is_text)
        return simc__text_read_int(value, number) == 0;
    if (!found->row || value.size == 0 || value.size > 8 || found->row->type > SIMC_VALUE_BOOL)
        return false;
    *number = simc__conv_number_in(value, found->row->type == SIMC_VALUE_INT);
    return true;
}

/* A value for a sentence. */
void simc__conv_show(const struct simc__conv_found *found, struct simc_slice value,
                     char text[SIMC__CONV_SHOWN_MAX])
{
    struct simc_writer out = simc_writer(text, SIMC__CONV_SHOWN_MAX);
    int64_t number;
    if (found->secret)
        simc__text_printf(&out, "%zu masked bytes", value.size);
    else if (found->is_text)
        simc__text_printf(&out, "'%.*s'", (int)(value.size < 80 ? value.size : 80),
                          (const char *)value.data);
    else if (simc__conv_number_of(found, value, &number))
        simc__text_printf(&out, found->row->hex ? "0x%04llx" : "%lld", (unsigned long long)number);
    else if (value.size <= SHOWN_BYTES) {
        simc__text_put(&out, "bytes:");
        simc__text_put_hex(&out, value);
    } else
        simc__text_printf(&out, "%zu bytes", value.size);
    simc_writer_u8(&out, '\0');
    text[SIMC__CONV_SHOWN_MAX - 1] = '\0';
}

/* Reads "bytes:0011" or "0011". */
int simc__conv_read_hex(const struct simc__conv_matcher *m, struct simc_slice text,
                        const uint8_t *at, struct simc_buffer *bytes)
{
    uint8_t *room;
    size_t size, prefix = simc__conv_starts(text, "bytes:") ? strlen("bytes:") : 0;
    text = simc_slice(text.data + prefix, text.size - prefix);
    simc_buffer_init(bytes, SIMC_MSG_SIZE_MAX);
    if (text.size == 0)
        return 0;
    int error = simc_buffer_reserve(bytes, text.size / 2 + 1, &room);
    if (error == SIMC_ENOMEM) {
        m->context->trouble->error = error;
        return error;
    }
    if (error || simc_hex_read(text, room, text.size / 2 + 1, &size, NULL)) {
        simc_buffer_fini(bytes);
        return simc__conv_fail(m->context, at,
                               "bytes:, and an even number of hex digits, are "
                               "expected here");
    }
    simc_buffer_commit(bytes, size);
    return 0;
}

/* The bytes that a value of the file stands for. */
static int wanted_bytes(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                        struct simc_slice value, const uint8_t *at, struct simc_buffer *bytes)
{
    struct simc_buffer text, tlv;
    bool secret = false;
    if (line->cw_of.size || simc__conv_is_pseudo(line->name))
        return simc__conv_read_hex(m, value, at, bytes);
    simc_buffer_init(bytes, SIMC_MSG_SIZE_MAX);
    simc_buffer_init(&tlv, SIMC_MSG_SIZE_MAX);
    int error = simc__conv_expand_text(m, line->name, &text, &secret);
    if (error)
        return error;
    error = simc_buffer_append(&text, simc_slice_text(" = "));
    if (!error)
        error = simc_buffer_append(&text, value);
    if (error)
        m->context->trouble->error = error;
    if (!error)
        error = simc__conv_line_bytes(m->context, m->version, simc_buffer_bytes(&text), at, &tlv);
    struct simc_slice whole = simc_buffer_bytes(&tlv);
    if (!error && whole.size > SIMC_PARAMETER_HEADER_SIZE &&
        simc_buffer_append(bytes, simc_slice(whole.data + SIMC_PARAMETER_HEADER_SIZE,
                                             whole.size - SIMC_PARAMETER_HEADER_SIZE)))
        error = m->context->trouble->error = SIMC_ENOMEM;
    simc_buffer_fini(&text);
    simc_buffer_fini(&tlv);
    return error;
}

static bool equal_text(struct simc_slice value, struct simc_slice wanted)
{
    int64_t a, b;
    if (wanted.size >= 2 && wanted.data[0] == '"')
        wanted = simc_slice(wanted.data + 1, wanted.size - 2);
    if (simc__text_read_int(value, &a) == 0 && simc__text_read_int(wanted, &b) == 0)
        return a == b;
    return simc_slice_equal(value, wanted);
}

/* Whether one value of the line is that of an occurrence. */
int simc__conv_equals(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                      const struct simc__conv_found *found, struct simc_slice value,
                      struct simc_slice wanted, bool *equal)
{
    struct simc_buffer text, bytes;
    bool secret = false;
    int error = simc__conv_expand_text(m, wanted, &text, &secret);
    if (error)
        return error;
    if (found->is_text) {
        *equal = equal_text(value, simc__conv_trim(simc_buffer_bytes(&text)));
        simc_buffer_fini(&text);
        return 0;
    }
    memset(&bytes, 0, sizeof bytes);
    error = wanted_bytes(m, line, simc_buffer_bytes(&text), wanted.data, &bytes);
    if (!error)
        *equal = simc_slice_equal(value, simc_buffer_bytes(&bytes));
    simc_buffer_fini(&text);
    simc_buffer_fini(&bytes);
    return error;
}

/* The values of a line for a sentence: as they are in the file, or expanded where no control word
 * is in them. */
void simc__conv_show_wanted(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                            const struct simc__conv_found *found, char text[SIMC__CONV_SHOWN_MAX])
{
    struct simc_writer out = simc_writer(text, SIMC__CONV_SHOWN_MAX);
    if (found->secret) {
        (void)simc__conv_format(text, SIMC__CONV_SHOWN_MAX, "what the file says");
        return;
    }
    for (const struct simc__conv_words *v = line->values; v; v = v->next) {
        struct simc__conv_trouble unwanted = {0};
        struct simc__conv_context context = *m->context;
        struct simc_buffer expanded;
        bool secret = line->cw_of.size > 0;
        context.trouble = &unwanted;
        simc_buffer_init(&expanded, SIMC__CONV_SHOWN_MAX);
        int error = simc__conv_expand(&context, v->text, &expanded, &secret);
        struct simc_slice shown = error || secret ? v->text : simc_buffer_bytes(&expanded);
        simc__text_printf(&out, v == line->values ? "%.*s" : " or %.*s",
                          (int)(shown.size < 60 ? shown.size : 60), (const char *)shown.data);
        simc_buffer_fini(&expanded);
    }
    simc_writer_u8(&out, '\0');
    text[SIMC__CONV_SHOWN_MAX - 1] = '\0';
}
