/* SPDX-License-Identifier: BSL-1.0 */
/* Bodies of the link by rows; see fields.h. The codecs of the services (scs_mux_*.c) call it. */
#include <stdio.h>
#include <string.h>

#include "link/fields.h"

/* ---- writing ---- */

void simc__fields_demand(struct simc__cbor_writer *writer, bool is_right)
{
    if (!is_right)
        simc_writer_fail(writer->out, SIMC_EINVAL);
}

static uint64_t uint_of(const void *member, unsigned width)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (width) {
    case sizeof u8:
        memcpy(&u8, member, sizeof u8);
        return u8;
    case sizeof u16:
        memcpy(&u16, member, sizeof u16);
        return u16;
    case sizeof u32:
        memcpy(&u32, member, sizeof u32);
        return u32;
    default:
        memcpy(&u64, member, sizeof u64);
        return u64;
    }
}

static void uint_set(void *member, unsigned width, uint64_t value)
{
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (width) {
    case sizeof u8:
        memcpy(member, &u8, sizeof u8);
        break;
    case sizeof u16:
        memcpy(member, &u16, sizeof u16);
        break;
    case sizeof u32:
        memcpy(member, &u32, sizeof u32);
        break;
    default:
        memcpy(member, &value, sizeof value);
    }
}

/* Texts go into logs and sentences: a control character has no place in them. */
static bool has_control(struct simc_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    }
    return false;
}

static void put_uint(struct simc__cbor_writer *writer, const struct simc__field *row,
                     const void *member)
{
    uint64_t value = uint_of(member, row->width);
    if (row->has_null && value == row->null_value) {
        simc__cbor_put_null(writer);
        return;
    }
    simc__fields_demand(writer, value >= row->min && value <= row->max);
    simc__cbor_put_uint(writer, value);
}

static void put_text(struct simc__cbor_writer *writer, const struct simc__field *row,
                     const char *member)
{
    struct simc_slice text = simc_slice(member, strnlen(member, row->max + 1));
    simc__fields_demand(writer, text.size <= row->max && !has_control(text));
    simc__cbor_put_text(writer, text);
}

static void put_secret(struct simc__cbor_writer *writer, const struct simc__field *row,
                       const struct simc_secret *secret)
{
    if (row->has_null && secret->size == 0) {
        simc__cbor_put_null(writer);
        return;
    }
    simc__fields_demand(writer, secret->size == row->min || secret->size == row->max);
    simc__cbor_put_bytes(writer, simc_secret_bytes(secret));
}

static void put_bytes(struct simc__cbor_writer *writer, const struct simc__field *row,
                      const struct simc_slice *bytes)
{
    simc__fields_demand(writer, bytes->size >= row->min && bytes->size <= row->max);
    simc__cbor_put_bytes(writer, *bytes);
}

void simc__fields_put(struct simc__cbor_writer *writer, const struct simc__field *rows,
                      size_t count, const void *from)
{
    for (const struct simc__field *row = rows; row < rows + count; row++) {
        const void *member = (const uint8_t *)from + row->at;
        switch ((enum simc__field_type)row->type) {
        case SIMC__FIELD_UINT:
            put_uint(writer, row, member);
            break;
        case SIMC__FIELD_BOOL:
            simc__cbor_put_bool(writer, *(const bool *)member);
            break;
        case SIMC__FIELD_TEXT:
            put_text(writer, row, member);
            break;
        case SIMC__FIELD_SECRET:
            put_secret(writer, row, member);
            break;
        case SIMC__FIELD_BYTES:
            put_bytes(writer, row, member);
            break;
        }
    }
}

/* ---- reading ---- */

void simc__body_init(struct simc__body *body, struct simc_slice bytes, const char *message)
{
    simc__cbor_reader_init(&body->cbor, bytes, SIMC__CBOR_ALLOW_TEXT | SIMC__CBOR_ALLOW_NULL,
                           SIMC__BODY_DEPTH);
    body->message = message;
    body->part = NULL;
    body->field = NULL;
}

static void note_field(struct simc__body *body, const char *field)
{
    if (body->cbor.fault && !body->field)
        body->field = field ? field : "";
}

static bool takes_null(struct simc__body *body, const struct simc__field *row)
{
    if (!row->has_null || simc__cbor_peek(&body->cbor) != SIMC__CBOR_NULL)
        return false;
    simc__cbor_null(&body->cbor);
    return true;
}

static void get_uint(struct simc__body *body, const struct simc__field *row, void *member)
{
    uint64_t value = row->null_value;
    if (!takes_null(body, row))
        value = simc__cbor_uint(&body->cbor, row->min, row->max);
    uint_set(member, row->width, value);
}

static void get_text(struct simc__body *body, const struct simc__field *row, char *member)
{
    size_t at = body->cbor.at;
    struct simc_slice text = simc__cbor_text(&body->cbor, 0, row->max);
    memset(member, 0, row->max + 1);
    if (has_control(text))
        simc__cbor_refuse(&body->cbor, SIMC__CBOR_REFUSED, at);
    else if (text.size)
        memcpy(member, text.data, text.size);
}

static void get_secret(struct simc__body *body, const struct simc__field *row,
                       struct simc_secret *secret)
{
    simc_secret_wipe(secret);
    if (takes_null(body, row))
        return;
    size_t at = body->cbor.at;
    struct simc_slice bytes = simc__cbor_bytes(&body->cbor, row->min, row->max);
    bool is_right = bytes.size == row->min || bytes.size == row->max;
    if (!is_right || simc_secret_set(secret, bytes))
        simc__cbor_refuse(&body->cbor, SIMC__CBOR_RANGE, at);
}

void simc__fields_get(struct simc__body *body, const struct simc__field *rows, size_t count,
                      void *to)
{
    for (const struct simc__field *row = rows; row < rows + count; row++) {
        void *member = (uint8_t *)to + row->at;
        switch ((enum simc__field_type)row->type) {
        case SIMC__FIELD_UINT:
            get_uint(body, row, member);
            break;
        case SIMC__FIELD_BOOL:
            *(bool *)member = simc__cbor_bool(&body->cbor);
            break;
        case SIMC__FIELD_TEXT:
            get_text(body, row, member);
            break;
        case SIMC__FIELD_SECRET:
            get_secret(body, row, member);
            break;
        case SIMC__FIELD_BYTES:
            *(struct simc_slice *)member =
                simc__cbor_bytes(&body->cbor, (size_t)row->min, (size_t)row->max);
            break;
        }
        note_field(body, row->name);
    }
}

uint64_t simc__body_array(struct simc__body *body, uint64_t min, uint64_t max, const char *field)
{
    uint64_t count = simc__cbor_array(&body->cbor, min, max);
    note_field(body, field);
    return count;
}

uint64_t simc__body_uint(struct simc__body *body, uint64_t min, uint64_t max, const char *field)
{
    uint64_t value = simc__cbor_uint(&body->cbor, min, max);
    note_field(body, field);
    return value;
}

void simc__body_refuse(struct simc__body *body, const char *field)
{
    simc__cbor_refuse(&body->cbor, SIMC__CBOR_REFUSED, body->cbor.at);
    note_field(body, field);
}

int simc__body_result(const struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    if (!body->cbor.fault)
        return 0;
    const char *part = body->part ? body->part : "";
    const char *field = body->field ? body->field : "";
    snprintf(why, SIMC__SCS_MUX_TEXT_SIZE, "%s%s%s%s%s: %s (at byte %zu)", body->message,
             *part ? ", " : "", part, *field ? ", " : "", field,
             simc__cbor_fault_text(body->cbor.fault), body->cbor.fault_at);
    return SIMC_EPROTO;
}

int simc__body_finish(struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    (void)simc__cbor_finish(&body->cbor);
    return simc__body_result(body, why);
}

int simc__body_no_memory(const struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    snprintf(why, SIMC__SCS_MUX_TEXT_SIZE, "%s: %s", body->message, simc_error_text(SIMC_ENOMEM));
    return SIMC_ENOMEM;
}

/* ---- lists ---- */

void simc__list_begin(struct simc__scs_mux_orders *list, struct simc_writer *out)
{
    list->out = out;
    list->start = out->at;
    list->count = 0;
    /* The head of an empty list; it grows as the count does. */
    simc_writer_u8(out, 0x80);
}

int simc__list_entry(struct simc__scs_mux_orders *list, struct simc__cbor_writer *writer,
                     size_t *mark)
{
    if (list->out->error)
        return list->out->error;
    if (list->count >= SIMC__LIST_MAX)
        return SIMC_ENOSPC;
    *mark = list->out->at;
    simc__cbor_writer_init(writer, list->out);
    return 0;
}

/* Makes room for a longer head in front of the entries. Upwards only, so that no copy of a control
 * word is left outside of them. */
static void head_grow(struct simc__scs_mux_orders *list)
{
    struct simc_writer *out = list->out;
    size_t old_size = simc__cbor_head_size(list->count);
    size_t more = simc__cbor_head_size((uint64_t)list->count + 1) - old_size;
    size_t first = list->start + old_size, end = out->at;
    if (more && simc_writer_room(out, more))
        memmove(out->data + first + more, out->data + first, end - first);
}

int simc__list_entry_end(struct simc__scs_mux_orders *list, struct simc__cbor_writer *writer,
                         size_t mark)
{
    struct simc_writer *out = list->out;
    int error = simc__cbor_put_finish(writer);
    if (!error) {
        head_grow(list);
        error = out->error;
    }
    if (!error) {
        list->count++;
        return 0;
    }
    size_t end = out->at < out->capacity ? out->at : out->capacity;
    if (end > mark && out->data)
        simc_wipe(out->data + mark, end - mark);
    out->at = mark;
    out->error = 0;
    return error;
}

int simc__list_end(struct simc__scs_mux_orders *list)
{
    struct simc_writer *out = list->out;
    if (out->error)
        return out->error;
    struct simc_writer head =
        simc_writer(out->data + list->start, simc__cbor_head_size(list->count));
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, &head);
    simc__cbor_put_array(&writer, list->count);
    if (head.error)
        simc_writer_fail(out, head.error);
    return out->error;
}

void simc__list_open(const struct simc__body *body, uint64_t count,
                     struct simc__scs_mux_reader *reader)
{
    const struct simc__cbor_reader *cbor = &body->cbor;
    *reader = (struct simc__scs_mux_reader){0};
    if (cbor->fault)
        return;
    reader->rest = simc_slice(cbor->data + cbor->at, cbor->size - cbor->at);
    reader->left = (uint32_t)count;
}

int simc__list_next(const struct simc__scs_mux_reader *reader, const char *message,
                    struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    if (reader->left == 0 && reader->rest.size == 0)
        return SIMC_EEND;
    simc__body_init(body, reader->rest, message);
    if (reader->left == 0)
        simc__cbor_refuse(&body->cbor, SIMC__CBOR_TRAILING, 0);
    return simc__body_result(body, why);
}

int simc__list_next_end(struct simc__scs_mux_reader *reader, const struct simc__body *body,
                        char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    int error = simc__body_result(body, why);
    if (error)
        return error;
    size_t size = body->cbor.at;
    reader->rest = simc_slice(reader->rest.data + size, reader->rest.size - size);
    reader->left--;
    return 0;
}
