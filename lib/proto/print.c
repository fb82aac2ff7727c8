/* SPDX-License-Identifier: BSL-1.0 */
/* Prints a message, byte-exact for every input, faulty ones included: picks the form, and decides
 * what may be shown. The dump, the tester's reports and debug logs use it. */
#include <string.h>

#include "base/text.h"
#include "proto/print.h"
#include "proto/value.h"

uint64_t simc__value_number(struct simc_slice bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

int64_t simc__value_signed(struct simc_slice bytes)
{
    unsigned unused_bits = 64 - 8 * (unsigned)bytes.size;
    /* Shift the sign bit to the top and back; gcc and clang define >> of negative values so. */
    return (int64_t)(simc__value_number(bytes) << unused_bits) >> unused_bits;
}

const char *simc__unit_name(enum simc_unit unit)
{
    static const char *const names[] = {
        [SIMC_UNIT_NONE] = "", [SIMC_UNIT_MS] = "ms",         [SIMC_UNIT_100MS] = "100 ms",
        [SIMC_UNIT_S] = "s",   [SIMC_UNIT_KBITPS] = "kbit/s",
    };
    return names[unit];
}

static bool is_shown_date(struct simc_slice value)
{
    struct simc_date date;
    /* The text form has four digits for the year. */
    return simc_date_get(value, &date) == 0 && date.year <= 9999;
}

static bool is_shown_group(struct simc_slice value)
{
    struct simc_parameter_cursor cursor = {value, 0, 0};
    struct simc_parameter inner;
    int error;
    while ((error = simc_parameter_next(&cursor, &inner)) == 0) {
    }
    return error == SIMC_EEND;
}

enum simc_value_type simc__shown_type(const struct simc_parameter_row *row, struct simc_slice value)
{
    bool fits = false;
    if (!row)
        return SIMC_VALUE_BYTES;
    switch (row->type) {
    case SIMC_VALUE_UINT:
    case SIMC_VALUE_INT:
        fits = row->size_min == row->size_max && value.size == row->size_min;
        break;
    case SIMC_VALUE_BOOL:
        fits = value.size == 1 && value.data[0] <= 1;
        break;
    case SIMC_VALUE_TEXT:
        fits = simc__text_is_ascii(value);
        break;
    case SIMC_VALUE_DATE:
        fits = is_shown_date(value);
        break;
    case SIMC_VALUE_CP_CW:
        fits = value.size >= 3;
        break;
    case SIMC_VALUE_GROUP:
        fits = is_shown_group(value);
        break;
    case SIMC_VALUE_BYTES:
        break;
    }
    return fits ? row->type : SIMC_VALUE_BYTES;
}

void simc__put_date(struct simc_writer *out, struct simc_slice value)
{
    struct simc_date date = {0};
    if (simc_date_get(value, &date) == 0)
        simc__text_printf(out, "%04u-%02u-%02uT%02u:%02u:%02u.%02u", date.year, date.month,
                          date.day, date.hour, date.minute, date.second, date.hundredth);
}

/* ---- what is not shown ---- */

void simc__put_masked(struct simc_writer *out, struct simc_slice bytes)
{
    char fingerprint[SIMC_FINGERPRINT_SIZE];
    struct simc_secret secret;
    /* What does not fit into a secret is no control word of any scrambler: its size will do. */
    if (simc_secret_set(&secret, bytes) == 0)
        simc_secret_fingerprint(&secret, fingerprint);
    else
        memcpy(fingerprint, "--------", sizeof fingerprint);
    simc__text_printf(out, SIMC__TEXT_MASKED "%zu:%s", bytes.size, fingerprint);
    simc_secret_wipe(&secret);
}

bool simc__may_hold_secret(const struct simc_msg *msg)
{
    /* Of a message that is unknown, or read as one of another interface, nothing is known, not even
     * that it has no control words. */
    if (!msg->row)
        return true;
    const struct simc_interface *on = msg->interface;
    for (size_t i = 0; i < on->parameter_count; i++) {
        if (on->parameters[i].secret &&
            (!msg->row->content_known || msg->row->slots[i] != SIMC__NO_ROW))
            return true;
    }
    return false;
}

const struct simc_parameter_row *simc__print_row(const struct simc__printer *p, uint16_t code)
{
    return p->msg->interface ? simc_parameter_find(p->msg->interface, code, p->msg->version) : NULL;
}

bool simc__print_skips(const struct simc__printer *p, const struct simc_parameter_row *row)
{
    const struct simc_msg *msg = p->msg;
    if (!row || !msg->row)
        return !row && msg->row;
    if (!msg->row->content_known)
        return false;
    uint8_t slot = msg->row->slots[simc__parameter_index(msg->interface, row->code)];
    /* The transport is not in the message, but after a whole decode the count tells of it. */
    return slot == SIMC__NO_ROW || msg->version < msg->row->content[slot].since ||
           msg->version > msg->row->content[slot].until ||
           (msg->valid && msg->slots[slot].count == 0);
}

/* True when the code is that of a control word on some interface. */
static bool is_secret_code(uint16_t code)
{
    for (size_t i = 0; i < SIMC__INTERFACE_COUNT; i++) {
        uint8_t index = simc__parameter_index(simc__interfaces[i], code);
        if (index != SIMC__NO_ROW && simc__interfaces[i]->parameters[index].secret)
            return true;
    }
    return false;
}

bool simc__print_hides(const struct simc__printer *p, const struct simc_parameter *parameter)
{
    const struct simc_parameter_row *row = simc__print_row(p, parameter->code);
    bool is_opaque = simc__shown_type(row, parameter->value) == SIMC_VALUE_BYTES;
    if (p->how->show_secrets)
        return false;
    /* Where this code is unknown or its value does not fit, the message may be a CW_provision with
     * a damaged message_type or version. */
    if (is_opaque && (!row || row->type != SIMC_VALUE_BYTES) && is_secret_code(parameter->code))
        return true;
    if (!simc__may_hold_secret(p->msg))
        return false;
    /* One wrong length shifts all that follows, and control words then come to lie in parameters
     * that are unknown, do not belong, or are as opaque as they should be. */
    return !row || simc__print_skips(p, row) ||
           (is_opaque && (row->type != SIMC_VALUE_BYTES || !p->msg->valid || !p->msg->row));
}

void simc_msg_print(const struct simc_msg *msg, const struct simc_fault *fault,
                    const struct simc_print *how, struct simc_writer *out)
{
    const struct simc__printer printer = {msg, fault, how, out};
    if (how->form == SIMC_PRINT_JSON)
        simc__print_json(&printer);
    else
        simc__print_text(&printer);
}
