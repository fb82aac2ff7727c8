/* SPDX-License-Identifier: BSL-1.0 */
/* The naive encoder of the decoder's tests; see naive.h. */
#include "unit/naive.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

/* ---- written by hand, not taken from the rows ---- */

static const struct {
    const char *id;
    uint8_t versions[9]; /* 0 ends */
    uint16_t status[SIMC_FAULT_KIND_COUNT];
} known[] = {
    {"ecmg", {1, 2, 3, 5}, {0, 1, 2, 3, 4, 0x0e, 0x0f, 0x10, 0x10, 0x11}},
    {"emmg", {1, 2, 3, 5}, {0, 1, 2, 3, 4, 0x0a, 0x0b, 0x0c, 0x0c, 0x0d}},
    {"cpsig", {3}, {0, 1, 2, 3, 4, 0, 0, 0, 0, 0}},
    {"eis", {2, 3, 4}, {0, 1, 2, 3, 4, 0, 5, 6, 6, 7}},
    {"psig", {4}, {0, 1, 2, 3, 4, 0x0a, 0x0b, 0x0c, 0x0c, 0x0d}},
};

static size_t known_index(const struct simc_interface *on)
{
    for (size_t i = 0; i < UNIT_COUNT(known); i++) {
        if (strcmp(known[i].id, on->id) == 0)
            return i;
    }
    ck_abort_msg("a new interface: %s", on->id);
}

bool naive_has_version(const struct simc_interface *on, unsigned version)
{
    const uint8_t *p = known[known_index(on)].versions;
    while (*p && *p != version)
        p++;
    return *p != 0;
}

/* ---- the naive encoder ---- */

uint8_t naive_room[70000];
static size_t at;

static void put(unsigned value, size_t size)
{
    while (size-- > 0)
        naive_room[at++] = (uint8_t)(value >> (8 * size));
}

void naive_patch(size_t where, size_t value)
{
    naive_room[where] = (uint8_t)(value >> 8);
    naive_room[where + 1] = (uint8_t)value;
}

const struct simc_parameter_row *naive_row(const struct simc_interface *on, size_t index,
                                           unsigned version)
{
    uint16_t code = on->parameters[index].code;
    for (; index < on->parameter_count && on->parameters[index].code == code; index++) {
        if (on->parameters[index].since <= version && version <= on->parameters[index].until)
            return &on->parameters[index];
    }
    return NULL;
}

bool naive_belongs(const struct simc_content_row *row, unsigned version, unsigned transport)
{
    return row->since <= version && version <= row->until && (row->transports & transport);
}

static void put_good_value(const struct simc_interface *on, const struct simc_parameter_row *row,
                           unsigned version)
{
    static const uint8_t date[] = {0x07, 0xea, 11, 21, 12, 0, 0, 0};
    size_t size = row->size_min > 5 || row->size_max < 5 ? row->size_min : 5;
    if (row->type == SIMC_VALUE_UINT || row->type == SIMC_VALUE_BOOL) {
        put((unsigned)row->value_max, size);
    } else if (row->type == SIMC_VALUE_DATE) {
        memcpy(naive_room + at, date, sizeof date);
        at += sizeof date;
    } else if (row->type == SIMC_VALUE_GROUP) {
        for (size_t i = 0; i < row->group_count; i++) {
            const struct simc_parameter_row *inner =
                naive_row(on, row->group[i].parameter, version);
            put(inner->code, 2);
            size_t length_at = at;
            put(0, 2);
            put_good_value(on, inner, version);
            naive_patch(length_at, at - length_at - 2);
        }
    } else {
        memset(naive_room + at, 0x5a, size);
        at += size;
    }
}

static void put_occurrence(struct naive *plan, size_t content, uint32_t number)
{
    const struct simc_interface *on = plan->message->interface;
    const struct simc_parameter_row *row =
        naive_row(on, plan->message->content[content].parameter, plan->version);
    if (number == 0)
        plan->offsets[content] = at;
    put(row->code, 2);
    put(0, 2);
    size_t start = at;
    if (plan->odd == content && number == 0 && plan->odd_value) {
        memcpy(naive_room + at, plan->odd_value, plan->odd_size);
        at += plan->odd_size;
    } else {
        put_good_value(on, row, plan->version);
    }
    naive_patch(start - 2, at - start);
}

struct simc_slice naive_build(struct naive *plan)
{
    at = 0;
    put(plan->version, 1);
    put(plan->message->type, 2);
    put(0, 2);
    for (size_t i = 0; i < plan->message->content_count; i++) {
        const struct simc_content_row *row = &plan->message->content[i];
        uint32_t count = naive_belongs(row, plan->version, plan->transport) ? 1 : 0;
        if (plan->odd == i)
            count = plan->odd_count;
        for (uint32_t k = 0; k < count; k++)
            put_occurrence(plan, i, k);
    }
    naive_patch(3, at - 5);
    return simc_slice(naive_room, at);
}

/* ---- expectations ---- */

uint16_t naive_status(const struct simc_interface *on, enum simc_fault_kind kind)
{
    return known[known_index(on)].status[kind];
}

void naive_expect(const struct simc_rules *rules, const struct simc_interface *on,
                  struct simc_slice bytes, struct naive_wanted wanted)
{
    struct simc_msg msg;
    struct simc_fault fault;
    uint8_t *exact = unit_exact(bytes);
    int error = simc_msg_decode(rules, simc_slice(exact, bytes.size), &msg, &fault);
    uint16_t status = naive_status(on, wanted.kind);
    if (error != (wanted.kind ? SIMC_EPROTO : 0) || fault.kind != wanted.kind ||
        fault.offset != wanted.offset || fault.code != wanted.code ||
        fault.error_status != status || msg.valid != !error)
        ck_abort_msg("%s %s: \"%s\" at %u code 0x%04x status 0x%04x, wanted \"%s\" at %zu code "
                     "0x%04x status 0x%04x",
                     on->id, msg.row ? msg.row->name : "?", simc_fault_kind_name(fault.kind),
                     fault.offset, fault.code, fault.error_status,
                     simc_fault_kind_name(wanted.kind), wanted.offset, wanted.code, status);
    free(exact);
}

const struct naive_wanted naive_good = {SIMC_FAULT_NONE, 0, 0};

/* Calls `visit` for each message in each version of its interface over each transport. */
size_t naive_each_message(void (*visit)(struct naive *plan, const struct simc_rules *rules))
{
    size_t count, visited = 0;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < interfaces[i]->message_count; k++) {
            for (uint8_t version = 0; version < 8; version++) {
                for (unsigned transport = 1; transport <= 2; transport++) {
                    const struct simc_message_row *message = &interfaces[i]->messages[k];
                    if (!naive_has_version(interfaces[i], version) ||
                        !(message->transports & transport))
                        continue;
                    struct naive plan = {message,    version, (enum simc_transport)transport,
                                         NAIVE_NONE, 0,       NULL,
                                         0,          {0}};
                    const struct simc_rules rules = {.interface = interfaces[i],
                                                     .transport = plan.transport};
                    visit(&plan, &rules);
                    visited++;
                }
            }
        }
    }
    return visited;
}
