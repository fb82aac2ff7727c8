/* SPDX-License-Identifier: BSL-1.0 */
/* Decodes and validates one message against the rows, without allocation or copies. Sessions, the
 * dump and the tester call it for every message that arrives. */
#include <string.h>

#include "proto/table.h"

static uint64_t big_endian(struct simc_slice bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

/* Fills the fault with the call's arguments. Returns SIMC_EPROTO, so that callers can say
 * `return fail(...)`. */
static int fail(struct simc_fault *fault, enum simc_fault_kind kind, size_t offset,
                uint64_t expected_min, uint64_t expected_max, uint64_t found)
{
    fault->kind = kind;
    fault->offset = (uint32_t)offset;
    fault->expected_min = expected_min;
    fault->expected_max = expected_max;
    fault->found = found;
    return SIMC_EPROTO;
}

static int fail_parameter(struct simc_fault *fault, enum simc_fault_kind kind,
                          const struct simc_parameter *parameter,
                          const struct simc_parameter_row *row)
{
    fault->code = parameter->code;
    fault->parameter = row;
    fault->unconfirmed = row && !row->confirmed;
    return fail(fault, kind, parameter->offset, 0, 0, 0);
}

/* The rest of a message or group that is no whole parameter. */
static int fail_framing(struct simc_fault *fault, const struct simc_parameter_cursor *cursor)
{
    const uint8_t *p = cursor->bytes.data + cursor->at;
    size_t left = cursor->bytes.size - cursor->at;
    size_t offset = cursor->offset + cursor->at;
    if (left < SIMC_PARAMETER_HEADER_SIZE)
        return fail(fault, SIMC_FAULT_FRAMING, offset, SIMC_PARAMETER_HEADER_SIZE, SIMC_COUNT_MANY,
                    left);
    fault->code = (uint16_t)(p[0] << 8 | p[1]);
    return fail(fault, SIMC_FAULT_FRAMING, offset, 0, left - SIMC_PARAMETER_HEADER_SIZE,
                (uint64_t)(p[2] << 8 | p[3]));
}

static int check_count(const struct simc_rules *rules, const struct simc_interface *on,
                       uint8_t version, const struct simc_content_row *row, uint32_t count,
                       size_t end, struct simc_fault *fault)
{
    bool enforced = row->confirmed || rules->unconfirmed;
    if (!enforced ||
        (count >= row->count_min && (count <= row->count_max || row->count_max == SIMC_COUNT_MANY)))
        return 0;
    fault->parameter = simc__parameter_row(on, row->parameter, version);
    fault->code = on->parameters[row->parameter].code;
    fault->unconfirmed = !row->confirmed;
    return fail(fault, count < row->count_min ? SIMC_FAULT_MISSING : SIMC_FAULT_TOO_MANY, end,
                row->count_min, row->count_max, count);
}

static bool applies(const struct simc_content_row *row, uint8_t version,
                    enum simc_transport transport)
{
    return version >= row->since && version <= row->until && (row->transports & transport) != 0;
}

static const struct simc_content_row *find_in_group(const struct simc_parameter_row *group,
                                                    uint8_t index)
{
    for (size_t i = 0; i < group->group_count; i++) {
        if (group->group[i].parameter == index)
            return &group->group[i];
    }
    return NULL;
}

static int check_group(const struct simc_rules *rules, const struct simc_interface *on,
                       uint8_t version, const struct simc_parameter_row *group,
                       const struct simc_parameter *parameter, struct simc_fault *fault)
{
    uint32_t counts[SIMC_MSG_CONTENT_MAX] = {0};
    struct simc_parameter_cursor cursor = simc_parameter_group(parameter);
    struct simc_parameter inner;
    int error;
    fault->group = group;
    while ((error = simc_parameter_next(&cursor, &inner)) == 0) {
        uint8_t index = simc__parameter_index(on, inner.code);
        const struct simc_content_row *content =
            index == SIMC__NO_ROW ? NULL : find_in_group(group, index);
        if (!content || !applies(content, version, content->transports)) {
            if (rules->strict)
                return fail_parameter(fault, SIMC_FAULT_PARAMETER_TYPE, &inner,
                                      index == SIMC__NO_ROW ? NULL : &on->parameters[index]);
            continue;
        }
        counts[content - group->group]++;
        const struct simc_parameter_row *row = simc__parameter_row(on, index, version);
        if (row && (error = simc__value_check(rules, on, version, row, &inner, fault)))
            return error;
    }
    if (error == SIMC_EPROTO)
        return fail_framing(fault, &cursor);
    for (size_t i = 0; i < group->group_count; i++) {
        if (!applies(&group->group[i], version, group->group[i].transports))
            continue;
        error = check_count(rules, on, version, &group->group[i], counts[i],
                            cursor.offset + cursor.at, fault);
        if (error)
            return error;
    }
    fault->group = NULL;
    return 0;
}

int simc__value_check(const struct simc_rules *rules, const struct simc_interface *on,
                      uint8_t version, const struct simc_parameter_row *row,
                      const struct simc_parameter *parameter, struct simc_fault *fault)
{
    struct simc_slice value = parameter->value;
    if (!row->confirmed && !rules->unconfirmed)
        return 0;
    if (value.size < row->size_min || value.size > row->size_max) {
        fail_parameter(fault, SIMC_FAULT_LENGTH, parameter, row);
        return fail(fault, SIMC_FAULT_LENGTH, parameter->offset, row->size_min, row->size_max,
                    value.size);
    }
    switch (row->type) {
    case SIMC_VALUE_UINT:
    case SIMC_VALUE_BOOL: {
        uint64_t number = big_endian(value);
        if (number >= row->value_min && number <= row->value_max)
            return 0;
        fail_parameter(fault, SIMC_FAULT_VALUE, parameter, row);
        return fail(fault, SIMC_FAULT_VALUE, parameter->offset, row->value_min, row->value_max,
                    number);
    }
    case SIMC_VALUE_DATE: {
        struct simc_date date;
        if (simc_date_get(value, &date) == 0)
            return 0;
        return fail_parameter(fault, SIMC_FAULT_VALUE, parameter, row);
    }
    case SIMC_VALUE_GROUP:
        return check_group(rules, on, version, row, parameter, fault);
    case SIMC_VALUE_INT:
    case SIMC_VALUE_BYTES:
    case SIMC_VALUE_TEXT:
    case SIMC_VALUE_CP_CW:
        break;
    }
    return 0;
}

static int decode_header(const struct simc_rules *rules, struct simc_msg *msg,
                         struct simc_fault *fault)
{
    const uint8_t *p = msg->bytes.data;
    msg->interface = rules->interface;
    if (msg->bytes.size < SIMC_MSG_HEADER_SIZE)
        return fail(fault, SIMC_FAULT_FRAMING, msg->bytes.size, SIMC_MSG_HEADER_SIZE,
                    SIMC_MSG_SIZE_MAX, msg->bytes.size);
    msg->version = p[0];
    msg->type = (uint16_t)(p[1] << 8 | p[2]);
    const struct simc_message_row *row = simc_message_find(msg->type);
    if (!msg->interface && row)
        msg->interface = row->interface;
    if (row && row->interface == msg->interface)
        msg->row = row;

    uint32_t versions = rules->versions;
    if (!versions && msg->interface)
        versions = msg->interface->versions;
    if (versions && (msg->version >= 32 || !(versions >> msg->version & 1)))
        return fail(fault, SIMC_FAULT_VERSION, 0, versions, versions, msg->version);

    size_t length = (size_t)(p[3] << 8 | p[4]);
    if (rules->length_limit && length > rules->length_limit)
        return fail(fault, SIMC_FAULT_TOO_LONG, 3, 0, rules->length_limit, length);
    if (length != msg->bytes.size - SIMC_MSG_HEADER_SIZE)
        return fail(fault, SIMC_FAULT_FRAMING, 3, msg->bytes.size - SIMC_MSG_HEADER_SIZE,
                    msg->bytes.size - SIMC_MSG_HEADER_SIZE, length);
    return 0;
}

/* The parameters of a message whose row tells no content: only lengths can be checked. */
static int decode_unknown_content(const struct simc_rules *rules, struct simc_msg *msg,
                                  struct simc_fault *fault)
{
    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    int error;
    while ((error = simc_parameter_next(&cursor, &parameter)) == 0) {
        const struct simc_parameter_row *row =
            simc_parameter_find(msg->interface, parameter.code, msg->version);
        if (!row) {
            if (rules->strict)
                return fail_parameter(fault, SIMC_FAULT_PARAMETER_TYPE, &parameter, NULL);
            msg->skipped_count++;
        } else if ((error = simc__value_check(rules, msg->interface, msg->version, row, &parameter,
                                              fault))) {
            return error;
        }
    }
    return error == SIMC_EPROTO ? fail_framing(fault, &cursor) : 0;
}

static int decode_content(const struct simc_rules *rules, enum simc_transport transport,
                          struct simc_msg *msg, struct simc_fault *fault)
{
    const struct simc_message_row *message = msg->row;
    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    int error;
    while ((error = simc_parameter_next(&cursor, &parameter)) == 0) {
        uint8_t index = simc__parameter_index(msg->interface, parameter.code);
        uint8_t content = index == SIMC__NO_ROW ? SIMC__NO_ROW : message->slots[index];
        if (content == SIMC__NO_ROW ||
            !applies(&message->content[content], msg->version, transport)) {
            if (rules->strict)
                return fail_parameter(fault, SIMC_FAULT_PARAMETER_TYPE, &parameter,
                                      index == SIMC__NO_ROW ? NULL
                                                            : &msg->interface->parameters[index]);
            msg->skipped_count++;
            continue;
        }
        if (msg->slots[content].count++ == 0)
            msg->slots[content].first = parameter.offset;
        const struct simc_parameter_row *row =
            simc__parameter_row(msg->interface, index, msg->version);
        if (row && (error = simc__value_check(rules, msg->interface, msg->version, row, &parameter,
                                              fault)))
            return error;
    }
    if (error == SIMC_EPROTO)
        return fail_framing(fault, &cursor);
    for (size_t i = 0; i < message->content_count; i++) {
        const struct simc_content_row *row = &message->content[i];
        if (!applies(row, msg->version, transport))
            continue;
        error = check_count(rules, msg->interface, msg->version, row, msg->slots[i].count,
                            msg->bytes.size, fault);
        if (error)
            return error;
    }
    return 0;
}

/* A broken structure outranks what the parameters in front of the break hold: a wrong length among
 * them is its likely cause. Only a message with a fault is walked again for this. */
static int prefer_framing(const struct simc_msg *msg, struct simc_fault *fault)
{
    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    int error;
    while ((error = simc_parameter_next(&cursor, &parameter)) == 0) {
    }
    if (error == SIMC_EPROTO && fault->kind != SIMC_FAULT_FRAMING) {
        memset(fault, 0, sizeof *fault);
        return fail_framing(fault, &cursor);
    }
    return SIMC_EPROTO;
}

static int decode(const struct simc_rules *rules, struct simc_msg *msg, struct simc_fault *fault)
{
    int error = decode_header(rules, msg, fault);
    if (error)
        return error;
    if (!msg->row)
        return rules->strict ? fail(fault, SIMC_FAULT_MESSAGE_TYPE, 1, 0, 0, msg->type) : 0;
    enum simc_transport transport = rules->transport ? rules->transport : SIMC_TRANSPORT_TCP;
    if (!(msg->row->transports & transport))
        return fail(fault, SIMC_FAULT_MESSAGE_TYPE, 1, 0, 0, msg->type);
    error = msg->row->content_known ? decode_content(rules, transport, msg, fault)
                                    : decode_unknown_content(rules, msg, fault);
    return error ? prefer_framing(msg, fault) : 0;
}

int simc_msg_decode(const struct simc_rules *rules, struct simc_slice bytes, struct simc_msg *msg,
                    struct simc_fault *fault)
{
    struct simc_fault unwanted;
    if (!fault)
        fault = &unwanted;
    memset(fault, 0, sizeof *fault);
    memset(msg, 0, sizeof *msg);
    msg->bytes = bytes;
    int error = decode(rules, msg, fault);
    msg->valid = !error;
    if (error && msg->interface)
        fault->error_status = msg->interface->fault_status[fault->kind];
    return error;
}

struct simc_parameter_cursor simc_msg_parameters(const struct simc_msg *msg)
{
    struct simc_parameter_cursor cursor = {{NULL, 0}, 0, SIMC_MSG_HEADER_SIZE};
    if (msg->bytes.size > SIMC_MSG_HEADER_SIZE)
        cursor.bytes = simc_slice(msg->bytes.data + SIMC_MSG_HEADER_SIZE,
                                  msg->bytes.size - SIMC_MSG_HEADER_SIZE);
    return cursor;
}

struct simc_values simc_msg_values(const struct simc_msg *msg, uint16_t code)
{
    struct simc_values values = {0, NULL, simc_msg_parameters(msg), code};
    uint8_t index = msg->interface ? simc__parameter_index(msg->interface, code) : SIMC__NO_ROW;
    if (!msg->row || index == SIMC__NO_ROW)
        return values;
    if (msg->row->content_known) {
        uint8_t content = msg->row->slots[index];
        if (content != SIMC__NO_ROW && msg->slots[content].count) {
            values.count = msg->slots[content].count;
            values.cursor.at = msg->slots[content].first - SIMC_MSG_HEADER_SIZE;
        }
        return values;
    }
    struct simc_parameter parameter;
    struct simc_parameter_cursor cursor = values.cursor;
    while (simc_parameter_next(&cursor, &parameter) == 0)
        values.count += parameter.code == code;
    return values;
}

int simc_msg_value(const struct simc_msg *msg, uint16_t code, struct simc_slice *value)
{
    struct simc_values values = simc_msg_values(msg, code);
    return simc_values_next(&values, value) ? SIMC_ENOTFOUND : 0;
}

int simc_msg_uint(const struct simc_msg *msg, uint16_t code, uint64_t *value)
{
    struct simc_slice bytes;
    int error = simc_msg_value(msg, code, &bytes);
    if (error)
        return error;
    if (bytes.size < 1 || bytes.size > 8)
        return SIMC_EPROTO;
    *value = big_endian(bytes);
    return 0;
}
