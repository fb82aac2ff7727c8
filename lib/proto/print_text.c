/* SPDX-License-Identifier: BSL-1.0 */
/* The text form of a message, a line per parameter; simc_msg_parse() reads it back. print.c calls
 * it. */
#include "base/text.h"
#include "proto/print.h"
#include "proto/value.h"

enum { INDENT_STEP = 2 };

static void put_indent(const struct simc__printer *p, unsigned depth)
{
    simc__text_printf(p->out, "%*s", (int)(p->how->indent + depth * INDENT_STEP), "");
}

static void put_number(struct simc_writer *out, const struct simc_parameter_row *row,
                       struct simc_slice value)
{
    unsigned long long number = simc__value_number(value);
    if (row->type == SIMC_VALUE_INT)
        simc__text_printf(out, "%lld", (long long)simc__value_signed(value));
    else if (row->hex)
        simc__text_printf(out, "0x%0*llX", (int)(2 * value.size), number);
    else
        simc__text_printf(out, "%llu", number);
}

static void put_cp_cw(const struct simc__printer *p, struct simc_slice value)
{
    struct simc_slice cw = simc_slice(value.data + 2, value.size - 2);
    simc__text_printf(p->out, "CP %u CW ", (unsigned)(value.data[0] << 8 | value.data[1]));
    if (p->how->show_secrets)
        simc__text_put_hex(p->out, cw);
    else
        simc__put_masked(p->out, cw);
}

static void put_value(const struct simc__printer *p, const struct simc_parameter_row *row,
                      struct simc_slice value)
{
    struct simc_writer *out = p->out;
    switch (simc__shown_type(row, value)) {
    case SIMC_VALUE_UINT:
    case SIMC_VALUE_INT:
        put_number(out, row, value);
        break;
    case SIMC_VALUE_BOOL:
        simc__text_put(out, value.data[0] ? "true" : "false");
        break;
    case SIMC_VALUE_TEXT:
        simc__text_put_quoted(out, value);
        break;
    case SIMC_VALUE_DATE:
        simc__put_date(out, value);
        break;
    case SIMC_VALUE_CP_CW:
        put_cp_cw(p, value);
        break;
    case SIMC_VALUE_BYTES:
    case SIMC_VALUE_GROUP: /* printed by the caller, line by line */
        simc__text_put(out, SIMC__TEXT_BYTES);
        simc__text_put_hex(out, value);
        break;
    }
}

static void put_comment(const struct simc__printer *p, const struct simc_parameter_row *row,
                        struct simc_slice value, bool skipped, bool hidden)
{
    struct simc_writer *out = p->out;
    enum simc_value_type type = simc__shown_type(row, value);
    if (p->how->plain)
        return;
    if (skipped) {
        simc__text_put(out, row ? "  # does not belong here: skipped" : "  # unknown: skipped");
    } else if (hidden) {
        return;
    } else if (row && row->code == SIMC_ERROR_STATUS_TYPE && type == SIMC_VALUE_UINT) {
        const char *text = simc_status_text(p->msg->interface, (uint16_t)simc__value_number(value));
        simc__text_printf(out, "  # %s", text ? text : "no status of this interface");
    } else if (row && row->unit == SIMC_UNIT_100MS && type == SIMC_VALUE_UINT) {
        unsigned long long number = simc__value_number(value);
        simc__text_printf(out, "  # %llu.%llu s", number / 10, number % 10);
    } else if (row && row->unit != SIMC_UNIT_NONE && type != SIMC_VALUE_BYTES) {
        simc__text_printf(out, "  # %s", simc__unit_name(row->unit));
    } else if (type == SIMC_VALUE_BYTES && value.size && simc__text_is_ascii(value)) {
        simc__text_put(out, "  # ");
        simc__text_put_quoted(out, value);
    }
}

static void put_name(const struct simc__printer *p, const struct simc_parameter_row *row,
                     uint16_t code, unsigned depth)
{
    put_indent(p, depth);
    if (row)
        simc__text_put(p->out, row->name);
    else
        simc__text_printf(p->out, "0x%04X", code);
    simc__text_put(p->out, " = ");
}

static void put_parameter(const struct simc__printer *p, const struct simc_parameter *parameter,
                          unsigned depth, bool in_group)
{
    const struct simc_parameter_row *row = simc__print_row(p, parameter->code);
    bool hidden = simc__print_hides(p, parameter);
    put_name(p, row, parameter->code, depth);
    if (simc__shown_type(row, parameter->value) == SIMC_VALUE_GROUP && !in_group && !hidden) {
        struct simc_parameter_cursor cursor = simc_parameter_group(parameter);
        struct simc_parameter inner;
        simc__text_put(p->out, "{\n");
        while (simc_parameter_next(&cursor, &inner) == 0)
            put_parameter(p, &inner, depth + 1, true);
        put_indent(p, depth);
        simc__text_put(p->out, "}\n");
        return;
    }
    if (hidden)
        simc__put_masked(p->out, parameter->value);
    else
        put_value(p, row, parameter->value);
    put_comment(p, row, parameter->value, !in_group && simc__print_skips(p, row), hidden);
    simc_writer_u8(p->out, '\n');
}

static void put_fault_comment(const struct simc__printer *p, unsigned depth)
{
    if (!p->fault || p->fault->kind == SIMC_FAULT_NONE || p->how->plain)
        return;
    put_indent(p, depth);
    simc__text_put(p->out, "# FAULT: ");
    simc_fault_text(p->fault, p->msg, p->out);
    if (p->fault->error_status)
        simc__text_printf(p->out, " (error_status 0x%04X)", p->fault->error_status);
    simc_writer_u8(p->out, '\n');
}

static void put_raw(const struct simc__printer *p, struct simc_slice bytes, unsigned depth)
{
    put_indent(p, depth);
    simc__text_put(p->out, SIMC__TEXT_RAW " = ");
    if (!p->how->show_secrets && simc__may_hold_secret(p->msg)) {
        simc__put_masked(p->out, bytes);
    } else {
        simc__text_put(p->out, SIMC__TEXT_BYTES);
        simc__text_put_hex(p->out, bytes);
    }
    simc_writer_u8(p->out, '\n');
}

void simc__print_text(const struct simc__printer *p)
{
    const struct simc_msg *msg = p->msg;
    if (msg->bytes.size < SIMC_MSG_HEADER_SIZE) {
        put_fault_comment(p, 0);
        put_raw(p, msg->bytes, 0);
        return;
    }
    put_indent(p, 0);
    simc__text_printf(p->out, "%s ", msg->interface ? msg->interface->name : SIMC__TEXT_UNKNOWN);
    if (msg->row)
        simc__text_put(p->out, msg->row->name);
    else
        simc__text_printf(p->out, "0x%04X", msg->type);
    simc__text_printf(p->out, " version=%u", msg->version);
    size_t length = (size_t)(msg->bytes.data[3] << 8 | msg->bytes.data[4]);
    if (length != msg->bytes.size - SIMC_MSG_HEADER_SIZE)
        simc__text_printf(p->out, " length=%zu", length);
    simc__text_put(p->out, " {\n");
    put_fault_comment(p, 1);
    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    int error;
    while ((error = simc_parameter_next(&cursor, &parameter)) == 0)
        put_parameter(p, &parameter, 1, false);
    if (error == SIMC_EPROTO)
        put_raw(p, simc_slice(cursor.bytes.data + cursor.at, cursor.bytes.size - cursor.at), 1);
    put_indent(p, 0);
    simc__text_put(p->out, "}\n");
}
