/* SPDX-License-Identifier: BSL-1.0 */
/* Explains faults to people: what, where, and what was expected. The dump, the logs of the daemons
 * and the conformance tester print these sentences. */
#include <stdio.h>

#include "base/text.h"
#include "proto/print.h"

const char *simc_fault_kind_name(enum simc_fault_kind kind)
{
    static const char *const names[SIMC_FAULT_KIND_COUNT] = {
        [SIMC_FAULT_NONE] = "none",
        [SIMC_FAULT_FRAMING] = "framing",
        [SIMC_FAULT_VERSION] = "protocol version",
        [SIMC_FAULT_MESSAGE_TYPE] = "message type",
        [SIMC_FAULT_TOO_LONG] = "message too long",
        [SIMC_FAULT_PARAMETER_TYPE] = "parameter type",
        [SIMC_FAULT_LENGTH] = "wrong length",
        [SIMC_FAULT_MISSING] = "missing parameter",
        [SIMC_FAULT_TOO_MANY] = "too many instances",
        [SIMC_FAULT_VALUE] = "invalid value",
    };
    return (unsigned)kind < SIMC_FAULT_KIND_COUNT ? names[kind] : "?";
}

static void put_parameter_name(struct simc_writer *out, const struct simc_msg *msg,
                               const struct simc_parameter_row *row, uint16_t code)
{
    if (!row && msg->interface)
        row = simc_parameter_find(msg->interface, code, msg->version);
    if (row)
        simc__text_put(out, row->name);
    else
        simc__text_printf(out, "parameter 0x%04x", code);
}

static void put_message_name(struct simc_writer *out, const struct simc_msg *msg)
{
    if (msg->row)
        simc__text_put(out, msg->row->name);
    else
        simc__text_printf(out, "message 0x%04x", msg->type);
}

static void put_place(struct simc_writer *out, const struct simc_fault *fault,
                      const struct simc_msg *msg)
{
    simc__text_put(out, " in ");
    if (fault->group)
        simc__text_printf(out, "%s of ", fault->group->name);
    put_message_name(out, msg);
}

static void put_range(struct simc_writer *out, uint64_t min, uint64_t max)
{
    if (min == max)
        simc__text_printf(out, "%llu", (unsigned long long)min);
    else if (max >= SIMC_COUNT_MANY)
        simc__text_printf(out, "at least %llu", (unsigned long long)min);
    else
        simc__text_printf(out, "%llu to %llu", (unsigned long long)min, (unsigned long long)max);
}

/* The last whole parameter in front of an offset, at the same depth. */
static bool parameter_before(const struct simc_msg *msg, uint32_t offset,
                             struct simc_parameter *last)
{
    struct simc_parameter_cursor cursor = simc_msg_parameters(msg);
    struct simc_parameter parameter;
    bool found = false;
    while (simc_parameter_next(&cursor, &parameter) == 0 && parameter.offset < offset) {
        *last = parameter;
        found = true;
        if (offset < cursor.offset + cursor.at) {
            /* The offset lies inside this one: it is a group. */
            cursor = simc_parameter_group(&parameter);
            found = false;
        }
    }
    return found;
}

static void put_bytes(struct simc_writer *out, const struct simc_msg *msg, uint32_t offset,
                      uint64_t count)
{
    for (uint64_t i = 0; i < count && offset + i < msg->bytes.size; i++)
        simc__text_printf(out, "%s0x%02x", i ? " " : "", msg->bytes.data[offset + i]);
}

static void put_trailing(struct simc_writer *out, const struct simc_fault *fault,
                         const struct simc_msg *msg)
{
    struct simc_parameter last;
    unsigned long long found = fault->found;
    simc__text_printf(out, "%llu trailing byte%s", found, found == 1 ? "" : "s");
    /* They may be the end of a control word, and these sentences go to logs. */
    if (!simc__may_hold_secret(msg)) {
        simc_writer_u8(out, ' ');
        put_bytes(out, msg, fault->offset, found);
    }
    simc__text_printf(out, " at offset %u", fault->offset);
    if (parameter_before(msg, fault->offset, &last)) {
        simc__text_put(out, " after parameter ");
        put_parameter_name(out, msg, NULL, last.code);
    }
    put_place(out, fault, msg);
}

/* A parameter that runs past the end. Where its code is unknown too, code and length may well be
 * four bytes of a control word. */
static void put_overrun(struct simc_writer *out, const struct simc_fault *fault,
                        const struct simc_msg *msg)
{
    unsigned long long found = fault->found, left = fault->expected_max;
    bool is_known =
        msg->interface && simc_parameter_find(msg->interface, fault->code, msg->version);
    if (is_known || !simc__may_hold_secret(msg)) {
        simc__text_put(out, "length of ");
        put_parameter_name(out, msg, NULL, fault->code);
        simc__text_printf(out, " at offset %u is %llu, but ", fault->offset, found);
        if (left == 0)
            simc__text_put(out, "nothing is left");
        else
            simc__text_printf(out, "only %llu byte%s left", left, left == 1 ? " is" : "s are");
    } else {
        simc__text_printf(out, "a parameter at offset %u is longer than the %llu byte%s left",
                          fault->offset, left, left == 1 ? "" : "s");
    }
    put_place(out, fault, msg);
}

/* Every explain_ function writes one sentence; the table at the end picks it by the kind. */

static void explain_framing(const struct simc_fault *fault, const struct simc_msg *msg,
                            struct simc_writer *out)
{
    unsigned long long found = fault->found, max = fault->expected_max;
    if (msg->bytes.size < SIMC_MSG_HEADER_SIZE) {
        simc__text_printf(out, "%llu byte%s, but a message header has %d", found,
                          found == 1 ? "" : "s", SIMC_MSG_HEADER_SIZE);
    } else if (fault->offset == 3) {
        simc__text_printf(out, "message_length is %llu, but %llu byte%s the header", found, max,
                          max == 1 ? " follows" : "s follow");
    } else if (fault->expected_min == SIMC_PARAMETER_HEADER_SIZE) {
        put_trailing(out, fault, msg);
    } else {
        put_overrun(out, fault, msg);
    }
}

static void explain_version(const struct simc_fault *fault, const struct simc_msg *msg,
                            struct simc_writer *out)
{
    (void)msg;
    simc__text_printf(out, "protocol_version is %llu, must be ", (unsigned long long)fault->found);
    uint64_t left = fault->expected_min;
    for (unsigned version = 0; left != 0; version++) {
        if (!(left >> version & 1))
            continue;
        left &= ~(UINT64_C(1) << version);
        bool next_is_last = left != 0 && (left & (left - 1)) == 0;
        simc__text_printf(out, "%u%s", version, !left ? "" : next_is_last ? " or " : ", ");
    }
}

static void explain_message_type(const struct simc_fault *fault, const struct simc_msg *msg,
                                 struct simc_writer *out)
{
    if (msg->row) {
        simc__text_printf(out, "%s of %s does not travel over UDP", msg->row->name,
                          msg->interface->name);
        return;
    }
    const struct simc_message_row *elsewhere = simc_message_find(msg->type);
    simc__text_printf(out, "message_type 0x%04llx is unknown", (unsigned long long)fault->found);
    if (msg->interface)
        simc__text_printf(out, " on %s", msg->interface->name);
    if (elsewhere)
        simc__text_printf(out, " (it is %s of %s)", elsewhere->name, elsewhere->interface->name);
}

static void explain_too_long(const struct simc_fault *fault, const struct simc_msg *msg,
                             struct simc_writer *out)
{
    (void)msg;
    simc__text_printf(out, "message_length is %llu, more than the limit of %llu",
                      (unsigned long long)fault->found, (unsigned long long)fault->expected_max);
}

static void explain_parameter_type(const struct simc_fault *fault, const struct simc_msg *msg,
                                   struct simc_writer *out)
{
    if (fault->parameter)
        simc__text_printf(out, "%s (0x%04x) at offset %u does not belong", fault->parameter->name,
                          fault->code, fault->offset);
    else
        simc__text_printf(out, "parameter 0x%04x at offset %u is unknown", fault->code,
                          fault->offset);
    put_place(out, fault, msg);
    simc__text_printf(out, " of version %u", msg->version);
}

static void explain_length(const struct simc_fault *fault, const struct simc_msg *msg,
                           struct simc_writer *out)
{
    simc__text_put(out, "length of ");
    put_parameter_name(out, msg, fault->parameter, fault->code);
    simc__text_printf(out, " is %llu, must be ", (unsigned long long)fault->found);
    put_range(out, fault->expected_min, fault->expected_max);
    simc__text_printf(out, ", at offset %u", fault->offset);
    put_place(out, fault, msg);
}

static void explain_count(const struct simc_fault *fault, const struct simc_msg *msg,
                          struct simc_writer *out)
{
    put_parameter_name(out, msg, fault->parameter, fault->code);
    if (fault->found == 0)
        simc__text_put(out, " is missing");
    else
        simc__text_printf(out, " occurs %llu time%s", (unsigned long long)fault->found,
                          fault->found == 1 ? "" : "s");
    put_place(out, fault, msg);
    simc__text_put(out, ", must occur ");
    if (fault->expected_max == 1) {
        simc__text_put(out, fault->expected_min == 1 ? "once" : "at most once");
    } else if (fault->expected_min == 1 && fault->expected_max >= SIMC_COUNT_MANY) {
        simc__text_put(out, "at least once");
    } else {
        put_range(out, fault->expected_min, fault->expected_max);
        simc__text_put(out, " times");
    }
}

static void explain_value(const struct simc_fault *fault, const struct simc_msg *msg,
                          struct simc_writer *out)
{
    simc__text_put(out, "value of ");
    put_parameter_name(out, msg, fault->parameter, fault->code);
    if (fault->parameter && fault->parameter->type == SIMC_VALUE_DATE) {
        simc__text_put(out, " is no date");
    } else {
        simc__text_printf(out, " is %llu, must be ", (unsigned long long)fault->found);
        put_range(out, fault->expected_min, fault->expected_max);
    }
    simc__text_printf(out, ", at offset %u", fault->offset);
    put_place(out, fault, msg);
}

void simc_fault_text(const struct simc_fault *fault, const struct simc_msg *msg,
                     struct simc_writer *out)
{
    static void (*const explain[SIMC_FAULT_KIND_COUNT])(
        const struct simc_fault *, const struct simc_msg *, struct simc_writer *) = {
        [SIMC_FAULT_FRAMING] = explain_framing,
        [SIMC_FAULT_VERSION] = explain_version,
        [SIMC_FAULT_MESSAGE_TYPE] = explain_message_type,
        [SIMC_FAULT_TOO_LONG] = explain_too_long,
        [SIMC_FAULT_PARAMETER_TYPE] = explain_parameter_type,
        [SIMC_FAULT_LENGTH] = explain_length,
        [SIMC_FAULT_MISSING] = explain_count,
        [SIMC_FAULT_TOO_MANY] = explain_count,
        [SIMC_FAULT_VALUE] = explain_value,
    };
    if ((unsigned)fault->kind >= SIMC_FAULT_KIND_COUNT || !explain[fault->kind]) {
        simc__text_put(out, "no fault");
        return;
    }
    explain[fault->kind](fault, msg, out);
    if (fault->unconfirmed)
        simc__text_put(out, " (unconfirmed rule)");
}
