/* SPDX-License-Identifier: BSL-1.0 */
/* Moves values between messages and the typed structs of simulcrypt/messages.h. The generated
 * functions of lib/proto/messages.c call it, one row per member. */
#include <string.h>

#include "proto/table.h"

static void *member_at(void *typed, size_t offset)
{
    return (uint8_t *)typed + offset;
}

static const void *member_of(const void *typed, size_t offset)
{
    return (const uint8_t *)typed + offset;
}

static uint64_t number_at(const uint8_t *p, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

static void get_number(enum simc__member_kind kind, uint64_t number, void *out)
{
    const uint8_t u8 = (uint8_t)number;
    const uint16_t u16 = (uint16_t)number;
    const uint32_t u32 = (uint32_t)number;
    const bool flag = number != 0;
    switch (kind) {
    case SIMC__MEMBER_U8:
        memcpy(out, &u8, sizeof u8);
        break;
    case SIMC__MEMBER_U16:
    case SIMC__MEMBER_I16: /* the same two bytes, read as two's complement */
        memcpy(out, &u16, sizeof u16);
        break;
    case SIMC__MEMBER_U32:
        memcpy(out, &u32, sizeof u32);
        break;
    case SIMC__MEMBER_U64:
        memcpy(out, &number, sizeof number);
        break;
    case SIMC__MEMBER_BOOL:
        memcpy(out, &flag, sizeof flag);
        break;
    case SIMC__MEMBER_SLICE:
    case SIMC__MEMBER_VALUES:
        break;
    }
}

static uint64_t put_number(enum simc__member_kind kind, const void *in)
{
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (kind) {
    case SIMC__MEMBER_U8:
        return *(const uint8_t *)in;
    case SIMC__MEMBER_U16:
    case SIMC__MEMBER_I16:
        memcpy(&u16, in, sizeof u16);
        return u16;
    case SIMC__MEMBER_U32:
        memcpy(&u32, in, sizeof u32);
        return u32;
    case SIMC__MEMBER_U64:
        memcpy(&u64, in, sizeof u64);
        return u64;
    case SIMC__MEMBER_BOOL:
        return *(const bool *)in;
    case SIMC__MEMBER_SLICE:
    case SIMC__MEMBER_VALUES:
        break;
    }
    return 0;
}

static int get_member(const struct simc__typed *typed, const struct simc__member *member,
                      const struct simc_msg *msg, void *out)
{
    const struct simc_slot *slot = &msg->slots[member->content];
    const struct simc_content_row *content = &typed->row->content[member->content];
    uint16_t code = msg->interface->parameters[content->parameter].code;
    /* Rules may let in a version that no row knows: then even what is always there is absent. */
    if (slot->count == 0 && content->count_min > 0 && member->has == SIMC__NO_MEMBER)
        return SIMC_EINVAL;
    if (member->kind == SIMC__MEMBER_VALUES) {
        struct simc_values values = simc_msg_values(msg, code);
        memcpy(member_at(out, member->offset), &values, sizeof values);
        return 0;
    }
    if (slot->count == 0)
        return 0;
    const uint8_t *p = msg->bytes.data + slot->first;
    size_t size = (size_t)(p[2] << 8 | p[3]);
    p += SIMC_PARAMETER_HEADER_SIZE;
    if (member->kind == SIMC__MEMBER_SLICE) {
        struct simc_slice value = simc_slice(p, size);
        memcpy(member_at(out, member->offset), &value, sizeof value);
    } else {
        get_number((enum simc__member_kind)member->kind, number_at(p, size),
                   member_at(out, member->offset));
    }
    if (member->has != SIMC__NO_MEMBER)
        *(bool *)member_at(out, member->has) = true;
    return 0;
}

/* Never inlined: a compiler that sees one struct's size and not what the rows say of its members
 * takes the kinds that it has none of for writes past its end. */
__attribute__((noinline)) int simc__typed_get(const struct simc__typed *typed,
                                              const struct simc_msg *msg, void *out)
{
    if (msg->row != typed->row || !msg->valid)
        return SIMC_EINVAL;
    memset(out, 0, typed->size);
    for (size_t i = 0; i < typed->member_count; i++) {
        int error = get_member(typed, &typed->members[i], msg, out);
        if (error)
            return error;
    }
    return 0;
}

static bool size_fits(const struct simc_parameter_row *row, size_t size)
{
    return size >= row->size_min && size <= row->size_max;
}

static void put_values(struct simc_writer *writer, const struct simc_content_row *content,
                       const struct simc_parameter_row *row, struct simc_values values)
{
    struct simc_slice value;
    if (values.count < content->count_min || values.count > content->count_max) {
        simc_writer_fail(writer, SIMC_EINVAL);
        return;
    }
    for (uint32_t i = values.count; i > 0; i--) {
        /* A count without so many items behind it is the caller's slip. */
        if (simc_values_next(&values, &value)) {
            simc_writer_fail(writer, SIMC_EINVAL);
            return;
        }
        if (!size_fits(row, value.size))
            simc_writer_fail(writer, SIMC_EINVAL);
        simc_msg_put(writer, row->code, value);
    }
}

static void put_member(struct simc_writer *writer, const struct simc__typed *typed,
                       const struct simc__member *member, uint8_t version, const void *in)
{
    const struct simc_content_row *content = &typed->row->content[member->content];
    const struct simc_parameter_row *row =
        simc__parameter_row(typed->row->interface, content->parameter, version);
    if (!row || version < content->since || version > content->until)
        return;
    if (member->has != SIMC__NO_MEMBER && !*(const bool *)member_of(in, member->has)) {
        /* What only one transport carries is the caller's to leave out. */
        if (content->count_min > 0 && content->transports == typed->row->transports)
            simc_writer_fail(writer, SIMC_EINVAL);
        return;
    }
    const void *value = member_of(in, member->offset);
    if (member->kind == SIMC__MEMBER_VALUES) {
        struct simc_values values;
        memcpy(&values, value, sizeof values);
        put_values(writer, content, row, values);
    } else if (member->kind == SIMC__MEMBER_SLICE) {
        struct simc_slice bytes;
        memcpy(&bytes, value, sizeof bytes);
        if (!size_fits(row, bytes.size))
            simc_writer_fail(writer, SIMC_EINVAL);
        simc_msg_put(writer, row->code, bytes);
    } else {
        uint64_t number = put_number((enum simc__member_kind)member->kind, value);
        bool is_signed = row->type == SIMC_VALUE_INT;
        if (!is_signed && (number < row->value_min || number > row->value_max))
            simc_writer_fail(writer, SIMC_EINVAL);
        simc_msg_put_uint(writer, row->code, number, row->size_min);
    }
}

int simc__typed_put(const struct simc__typed *typed, struct simc_writer *writer, uint8_t version,
                    const void *in)
{
    if (version >= 32 || !(typed->row->interface->versions >> version & 1)) {
        simc_writer_fail(writer, SIMC_EINVAL);
        return writer->error;
    }
    size_t start = simc_msg_begin(writer, version, typed->row->type);
    for (size_t i = 0; i < typed->member_count; i++)
        put_member(writer, typed, &typed->members[i], version, in);
    return simc_msg_end(writer, start);
}
