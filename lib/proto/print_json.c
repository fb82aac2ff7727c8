/* SPDX-License-Identifier: BSL-1.0 */
/* A message as one JSON object without line ends, for programs that read the dump or the tester's
 * reports. print.c calls it. */
#include "base/text.h"
#include "proto/print.h"

static void put_text(struct simc_writer *out, const char *name, const char *value)
{
    simc__text_printf(out, "\"%s\":", name);
    simc__text_put_quoted(out, simc_slice_text(value));
}

static void put_hex(struct simc_writer *out, const char *name, struct simc_slice bytes)
{
    simc__text_printf(out, "\"%s\":\"", name);
    simc__text_put_hex(out, bytes);
    simc_writer_u8(out, '"');
}

static void put_masked(struct simc_writer *out, const char *name, struct simc_slice bytes)
{
    simc__text_printf(out, "\"%s_masked\":\"", name);
    simc__put_masked(out, bytes);
    simc_writer_u8(out, '"');
}

static void put_cp_cw(const struct simc__printer *p, struct simc_slice value)
{
    struct simc_slice cw = simc_slice(value.data + 2, value.size - 2);
    simc__text_printf(p->out, "\"cp_number\":%u,\"cw_size\":%zu,",
                      (unsigned)(value.data[0] << 8 | value.data[1]), cw.size);
    if (p->how->show_secrets)
        put_hex(p->out, "cw", cw);
    else
        put_masked(p->out, "cw", cw);
}

static void put_parameter(const struct simc__printer *p, const struct simc_parameter *parameter,
                          bool in_group);

static void put_group(const struct simc__printer *p, const struct simc_parameter *parameter)
{
    struct simc_parameter_cursor cursor = simc_parameter_group(parameter);
    struct simc_parameter inner;
    const char *separator = "";
    simc__text_put(p->out, "\"parameters\":[");
    while (simc_parameter_next(&cursor, &inner) == 0) {
        simc__text_put(p->out, separator);
        put_parameter(p, &inner, true);
        separator = ",";
    }
    simc_writer_u8(p->out, ']');
}

static void put_value(const struct simc__printer *p, const struct simc_parameter_row *row,
                      const struct simc_parameter *parameter, bool in_group)
{
    struct simc_writer *out = p->out;
    struct simc_slice value = parameter->value;
    switch (simc__shown_type(row, value)) {
    case SIMC_VALUE_UINT:
        simc__text_printf(out, "\"value\":%llu", (unsigned long long)simc__value_number(value));
        break;
    case SIMC_VALUE_INT:
        simc__text_printf(out, "\"value\":%lld", (long long)simc__value_signed(value));
        break;
    case SIMC_VALUE_BOOL:
        simc__text_put(out, value.data[0] ? "\"value\":true" : "\"value\":false");
        break;
    case SIMC_VALUE_TEXT:
        simc__text_put(out, "\"value\":");
        simc__text_put_quoted(out, value);
        break;
    case SIMC_VALUE_DATE:
        simc__text_put(out, "\"value\":\"");
        simc__put_date(out, value);
        simc_writer_u8(out, '"');
        break;
    case SIMC_VALUE_CP_CW:
        put_cp_cw(p, value);
        break;
    case SIMC_VALUE_GROUP:
        if (in_group)
            put_hex(out, "bytes", value);
        else
            put_group(p, parameter);
        break;
    case SIMC_VALUE_BYTES:
        put_hex(out, "bytes", value);
        break;
    }
}

static void put_parameter(const struct simc__printer *p, const struct simc_parameter *parameter,
                          bool in_group)
{
    struct simc_writer *out = p->out;
    const struct simc_parameter_row *row = simc__print_row(p, parameter->code);
    struct simc_slice value = parameter->value;
    simc_writer_u8(out, '{');
    if (row) {
        put_text(out, "name", row->name);
        simc_writer_u8(out, ',');
    }
    simc__text_printf(out, "\"code\":%u,\"offset\":%u,\"length\":%zu,", parameter->code,
                      parameter->offset, value.size);
    bool hidden = simc__print_hides(p, parameter);
    if (hidden)
        put_masked(out, "bytes", value);
    else
        put_value(p, row, parameter, in_group);
    if (row && row->unit != SIMC_UNIT_NONE) {
        simc_writer_u8(out, ',');
        put_text(out, "unit", simc__unit_name(row->unit));
    }
    if (row && !hidden && row->code == SIMC_ERROR_STATUS_TYPE && value.size == 2) {
        const char *text = simc_status_text(p->msg->interface, (uint16_t)simc__value_number(value));
        if (text) {
            simc_writer_u8(out, ',');
            put_text(out, "text", text);
        }
    }
    if (!in_group && simc__print_skips(p, row))
        simc__text_put(out, ",\"skipped\":true");
    simc_writer_u8(out, '}');
}

static void put_fault(const struct simc__printer *p)
{
    const struct simc_fault *fault = p->fault;
    simc__text_put(p->out, ",\"fault\":{");
    put_text(p->out, "kind", simc_fault_kind_name(fault->kind));
    simc__text_printf(p->out, ",\"offset\":%u,", fault->offset);
    if (fault->error_status)
        simc__text_printf(p->out, "\"error_status\":%u,", fault->error_status);
    /* Where the structure is broken the code may be two bytes of a control word. */
    if (fault->code && !(fault->kind == SIMC_FAULT_FRAMING && simc__may_hold_secret(p->msg)))
        simc__text_printf(p->out, "\"parameter\":%u,", fault->code);
    if (fault->unconfirmed)
        simc__text_put(p->out, "\"unconfirmed\":true,");
    /* The sentence holds names and numbers only: nothing in it needs an escape. */
    simc__text_put(p->out, "\"text\":\"");
    simc_fault_text(fault, p->msg, p->out);
    simc__text_put(p->out, "\"}");
}

static void put_raw(const struct simc__printer *p, struct simc_slice bytes)
{
    simc_writer_u8(p->out, ',');
    if (!p->how->show_secrets && simc__may_hold_secret(p->msg))
        put_masked(p->out, "raw", bytes);
    else
        put_hex(p->out, "raw", bytes);
}

static void put_body(const struct simc__printer *p)
{
    const struct simc_msg *msg = p->msg;
    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    const char *separator = "";
    int error;
    simc__text_printf(p->out, ",\"type\":%u,\"version\":%u,\"message_length\":%u,\"parameters\":[",
                      msg->type, msg->version,
                      (unsigned)(msg->bytes.data[3] << 8 | msg->bytes.data[4]));
    while ((error = simc_parameter_next(&cursor, &parameter)) == 0) {
        simc__text_put(p->out, separator);
        put_parameter(p, &parameter, false);
        separator = ",";
    }
    simc_writer_u8(p->out, ']');
    if (error == SIMC_EPROTO)
        put_raw(p, simc_slice(cursor.bytes.data + cursor.at, cursor.bytes.size - cursor.at));
}

void simc__print_json(const struct simc__printer *p)
{
    const struct simc_msg *msg = p->msg;
    struct simc_writer *out = p->out;
    simc_writer_u8(out, '{');
    if (msg->interface) {
        put_text(out, "interface", msg->interface->name);
        simc_writer_u8(out, ',');
    }
    if (msg->row) {
        put_text(out, "message", msg->row->name);
        simc_writer_u8(out, ',');
    }
    simc__text_printf(out, "\"size\":%zu", msg->bytes.size);
    if (msg->bytes.size >= SIMC_MSG_HEADER_SIZE)
        put_body(p);
    else
        put_raw(p, msg->bytes);
    if (p->fault && p->fault->kind != SIMC_FAULT_NONE)
        put_fault(p);
    simc_writer_u8(out, '}');
}
