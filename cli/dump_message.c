/* SPDX-License-Identifier: BSL-1.0 */
/* One message of `simulcrypt dump`: decoded, counted and printed in the form that the user chose.
 * Text goes through one reused buffer, wiped behind each message when it may hold secrets. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/dump.h"
#include "simulcrypt/base.h"

static void put_time(struct simc_writer *out, uint64_t time_us, enum simc__dump_form form)
{
    simc__text_put_utc(out, time_us, form == SIMC__DUMP_JSON);
}

static void put_place_comment(struct simc_writer *out, const struct simc__dump_place *place)
{
    if (!place->is_capture) {
        simc__text_printf(out, "# offset %llu\n", (unsigned long long)place->offset);
        return;
    }
    simc__text_put(out, "# ");
    simc__text_put_utc(out, place->time_us, true);
    simc__text_printf(out, " packet %llu, %s > %s, ", (unsigned long long)place->packet,
                      place->from, place->to);
    if (place->is_datagram)
        simc__text_put(out, "UDP\n");
    else
        simc__text_printf(out, "connection %u, offset %llu\n", place->connection,
                          (unsigned long long)place->offset);
}

static void put_place_json(struct simc_writer *out, const struct simc__dump_place *place)
{
    simc_writer_u8(out, '{');
    if (place->is_capture) {
        simc__text_put(out, "\"time\":\"");
        put_time(out, place->time_us, SIMC__DUMP_JSON);
        simc__text_printf(out, "\",\"packet\":%llu,\"from\":\"%s\",\"to\":\"%s\",",
                          (unsigned long long)place->packet, place->from, place->to);
    }
    if (place->is_datagram)
        simc__text_put(out, "\"transport\":\"udp\"");
    else
        simc__text_printf(out, "\"stream_offset\":%llu", (unsigned long long)place->offset);
    if (place->is_capture && !place->is_datagram)
        simc__text_printf(out, ",\"connection\":%u", place->connection);
}

/* ---- the brief form ---- */

static void put_brief_value(struct simc_writer *out, const struct simc_parameter_row *row,
                            struct simc_slice value)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.size && i < 8; i++)
        number = number << 8 | value.data[i];
    bool is_number = row && (row->type == SIMC_VALUE_UINT || row->type == SIMC_VALUE_BOOL) &&
                     value.size >= 1 && value.size <= 8;
    if (is_number && row->hex)
        simc__text_printf(out, "0x%0*llX", (int)(2 * value.size), (unsigned long long)number);
    else if (is_number)
        simc__text_printf(out, "%llu", (unsigned long long)number);
    else if (row && row->type == SIMC_VALUE_INT && value.size == 2)
        simc__text_printf(out, "%d", (int16_t)number);
    else if (row && row->secret && value.size > 2)
        simc__text_printf(out, "CP%u", (unsigned)(value.data[0] << 8 | value.data[1]));
    else
        simc__text_printf(out, "(%zu bytes)", value.size);
}

static void put_brief(struct simc_writer *out, const struct simc__dump_place *place,
                      const struct simc_msg *msg, const struct simc_fault *fault)
{
    if (place->is_capture) {
        put_time(out, place->time_us, SIMC__DUMP_BRIEF);
        simc__text_printf(out, " %s > %s ", place->from, place->to);
    } else {
        simc__text_printf(out, "%8llu ", (unsigned long long)place->offset);
    }
    simc__text_put(out, msg->interface ? msg->interface->name : "unknown");
    if (msg->row)
        simc__text_printf(out, " %s", msg->row->name);
    else
        simc__text_printf(out, " 0x%04X", msg->type);
    simc__text_printf(out, " v%u", msg->version);

    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    while (simc_parameter_next(&cursor, &parameter) == 0) {
        const struct simc_parameter_row *row =
            msg->interface ? simc_parameter_find(msg->interface, parameter.code, msg->version)
                           : NULL;
        if (row)
            simc__text_printf(out, " %s=", row->name);
        else
            simc__text_printf(out, " 0x%04X=", parameter.code);
        put_brief_value(out, row, parameter.value);
    }
    if (fault->kind != SIMC_FAULT_NONE) {
        simc__text_put(out, "  FAULT: ");
        simc_fault_text(fault, msg, out);
    }
    simc_writer_u8(out, '\n');
}

/* ---- all forms ---- */

static void put_message(const struct simc__dump *dump, struct simc_writer *out,
                        const struct simc__dump_place *place, const struct simc_msg *msg,
                        const struct simc_fault *fault)
{
    struct simc_print how = {.form = SIMC_PRINT_TEXT, .show_secrets = dump->show_secrets};
    switch (dump->form) {
    case SIMC__DUMP_TEXT:
        put_place_comment(out, place);
        simc_msg_print(msg, fault, &how, out);
        simc_writer_u8(out, '\n');
        break;
    case SIMC__DUMP_BRIEF:
        put_brief(out, place, msg, fault);
        break;
    case SIMC__DUMP_JSON:
        how.form = SIMC_PRINT_JSON;
        put_place_json(out, place);
        simc__text_put(out, ",\"message\":");
        simc_msg_print(msg, fault, &how, out);
        simc__text_put(out, "}\n");
        break;
    }
}

void simc__dump_message(struct simc__dump *dump, const struct simc__dump_place *place,
                        struct simc_slice bytes, enum simc_transport transport,
                        const struct simc_interface **interface)
{
    struct simc_rules rules = dump->rules;
    struct simc_msg msg;
    struct simc_fault fault;
    rules.transport = transport;
    if (!rules.interface)
        rules.interface = *interface;
    int error = simc_msg_decode(&rules, bytes, &msg, &fault);
    if (!*interface)
        *interface = msg.interface;
    dump->message_count++;
    dump->fault_count += error != 0;

    /* Most messages fit at the first try; a long one tells how much room it needs. */
    uint8_t *room;
    for (size_t size = 8192;;) {
        simc_buffer_drop(&dump->text, dump->text.size);
        if (simc_buffer_reserve(&dump->text, size, &room)) {
            dump->out_of_memory = true;
            return;
        }
        struct simc_writer out = simc_writer(room, size);
        put_message(dump, &out, place, &msg, &fault);
        if (!out.error) {
            simc__cli_write(simc_slice(room, out.at));
            if (dump->is_live)
                simc__cli_flush();
            if (dump->show_secrets)
                simc_wipe(room, out.at);
            return;
        }
        size = out.at + 64;
    }
}

void simc__dump_note(struct simc__dump *dump, const struct simc__dump_place *place,
                     const char *format, ...)
{
    char note[256], text[1024];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    if (dump->form == SIMC__DUMP_JSON) {
        put_place_json(&out, place);
        simc__text_put(&out, ",\"note\":");
        simc__text_put_quoted(&out, simc_slice_text(note));
        simc__text_put(&out, "}\n");
    } else {
        put_place_comment(&out, place);
        simc__text_printf(&out, "# %s\n%s", note, dump->form == SIMC__DUMP_TEXT ? "\n" : "");
    }
    simc__cli_write(simc_slice(text, out.error ? 0 : out.at));
}
