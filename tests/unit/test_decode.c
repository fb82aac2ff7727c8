/* SPDX-License-Identifier: BSL-1.0 */
/* The decoder against all rows: for each message of each interface, version and transport the naive
 * encoder makes the good message and then breaks every rule in turn. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/naive.h"
#include "unit/unit.h"

static struct simc_rules with(const struct simc_rules *rules, bool strict, bool unconfirmed)
{
    struct simc_rules changed = *rules;
    changed.strict = strict;
    changed.unconfirmed = unconfirmed;
    return changed;
}

/* ---- good messages ---- */

static void check_good(struct naive *plan, const struct simc_rules *rules)
{
    struct simc_slice bytes = naive_build(plan);
    for (int i = 0; i < 4; i++) {
        struct simc_rules changed = with(rules, i & 1, i & 2);
        naive_expect(&changed, plan->message->interface, bytes, naive_good);
        changed.interface = NULL;
        naive_expect(&changed, plan->message->interface, bytes, naive_good);
    }
    struct simc_msg msg;
    unit_expect_error(simc_msg_decode(rules, bytes, &msg, NULL), 0);
    ck_assert_ptr_eq(msg.row, plan->message);
    ck_assert_uint_eq(msg.skipped_count, 0);
    for (size_t i = 0; i < plan->message->content_count; i++) {
        const struct simc_content_row *row = &plan->message->content[i];
        bool here = naive_belongs(row, plan->version, plan->transport);
        ck_assert_uint_eq(msg.slots[i].count, here);
        ck_assert_uint_eq(msg.slots[i].first, here ? plan->offsets[i] : 0);
        struct simc_slice value = {NULL, 0};
        uint16_t code = plan->message->interface->parameters[row->parameter].code;
        unit_expect_error(simc_msg_value(&msg, code, &value), here ? 0 : SIMC_ENOTFOUND);
        ck_assert(!here || value.data == naive_room + plan->offsets[i] + 4);
    }
}

START_TEST(good_messages_are_good_under_all_rules)
{
    ck_assert_uint_gt(naive_each_message(check_good), 150);
}
END_TEST

static void check_order(struct naive *plan, const struct simc_rules *rules)
{
    struct simc_slice bytes = naive_build(plan);
    static uint8_t mirrored[1000];
    ck_assert_uint_lt(bytes.size, sizeof mirrored);
    memcpy(mirrored, naive_room, 5);
    struct simc_parameter_cursor cursor = {simc_slice(naive_room + 5, bytes.size - 5), 0, 5};
    struct simc_parameter parameter;
    size_t end = bytes.size;
    while (simc_parameter_next(&cursor, &parameter) == 0) {
        end -= parameter.value.size + 4;
        memcpy(mirrored + end, naive_room + parameter.offset, parameter.value.size + 4);
    }
    ck_assert_uint_eq(end, 5);
    struct simc_rules strict = with(rules, true, true);
    naive_expect(&strict, plan->message->interface, simc_slice(mirrored, bytes.size), naive_good);
}

START_TEST(parameters_may_come_in_any_order)
{
    naive_each_message(check_order);
}
END_TEST

START_TEST(smallest_messages_have_the_known_sizes)
{
    static const struct {
        uint16_t type;
        uint8_t version;
        enum simc_transport transport;
        size_t length; /* message_length with nothing optional; variable values are empty */
    } cases[] = {
        {0x0001, 3, 1, 14}, {0x0002, 3, 1, 6},  {0x0003, 3, 1, 57}, {0x0004, 3, 1, 6},
        {0x0005, 3, 1, 12}, {0x0101, 1, 1, 18}, {0x0101, 2, 1, 24}, {0x0102, 3, 1, 12},
        {0x0103, 1, 1, 17}, {0x0103, 5, 1, 23}, {0x0104, 3, 1, 12}, {0x0105, 3, 1, 12},
        {0x0106, 3, 1, 18}, {0x0201, 1, 1, 32}, {0x0201, 3, 1, 25}, {0x0202, 3, 1, 22},
        {0x0011, 3, 1, 19}, {0x0012, 3, 1, 14}, {0x0013, 3, 1, 19}, {0x0014, 3, 1, 14},
        {0x0015, 3, 1, 20}, {0x0111, 1, 1, 25}, {0x0111, 3, 1, 31}, {0x0112, 3, 1, 20},
        {0x0113, 3, 1, 31}, {0x0114, 3, 1, 20}, {0x0115, 3, 1, 20}, {0x0116, 3, 1, 26},
        {0x0117, 3, 1, 20}, {0x0118, 3, 1, 20}, {0x0211, 1, 1, 24}, {0x0211, 3, 1, 30},
        {0x0211, 3, 2, 18}, {0x0401, 4, 1, 6},  {0x0408, 2, 1, 26}, {0x0408, 4, 1, 32},
        {0x0409, 4, 1, 12}, {0x040c, 4, 1, 6},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        const struct simc_message_row *row = simc_message_find(cases[i].type);
        size_t length = 0;
        for (size_t k = 0; k < row->content_count; k++) {
            if (naive_belongs(&row->content[k], cases[i].version, cases[i].transport))
                length +=
                    row->content[k].count_min *
                    (4U + naive_row(row->interface, row->content[k].parameter, cases[i].version)
                              ->size_min);
        }
        if (length != cases[i].length)
            ck_abort_msg("message 0x%04x: %zu bytes, wanted %zu", cases[i].type, length,
                         cases[i].length);
    }
}
END_TEST

/* ---- counts ---- */

static void check_count(struct naive *plan, const struct simc_rules *rules, size_t content,
                        uint32_t count)
{
    const struct simc_interface *on = plan->message->interface;
    const struct simc_content_row *row = &plan->message->content[content];
    plan->odd = content;
    plan->odd_count = count;
    struct simc_slice bytes = naive_build(plan);
    struct naive_wanted wanted = {SIMC_FAULT_NONE, bytes.size, on->parameters[row->parameter].code};
    if (count < row->count_min)
        wanted.kind = SIMC_FAULT_MISSING;
    else if (count > row->count_max)
        wanted.kind = SIMC_FAULT_TOO_MANY;
    for (int i = 0; i < 4; i++) {
        struct simc_rules changed = with(rules, i & 1, i & 2);
        bool enforced = row->confirmed || changed.unconfirmed;
        naive_expect(&changed, on, bytes, enforced && wanted.kind ? wanted : naive_good);
        struct simc_msg msg;
        struct simc_fault fault;
        int error = simc_msg_decode(&changed, bytes, &msg, &fault);
        ck_assert_uint_eq(msg.slots[content].count, count);
        if (!error)
            continue;
        ck_assert_uint_eq(fault.expected_min, row->count_min);
        ck_assert_uint_eq(fault.expected_max, row->count_max);
        ck_assert_uint_eq(fault.found, count);
        ck_assert(fault.unconfirmed == !row->confirmed);
    }
}

static void check_counts(struct naive *plan, const struct simc_rules *rules)
{
    for (size_t i = 0; i < plan->message->content_count; i++) {
        const struct simc_content_row *row = &plan->message->content[i];
        if (!naive_belongs(row, plan->version, plan->transport))
            continue;
        const uint32_t counts[] = {0, 1, 2, 3, 100, row->count_min, row->count_max + 1U};
        for (size_t k = 0; k < UNIT_COUNT(counts); k++) {
            if (counts[k] <= 100)
                check_count(plan, rules, i, counts[k]);
        }
    }
}

START_TEST(counts_are_checked_on_both_sides)
{
    naive_each_message(check_counts);
}
END_TEST

/* ---- lengths and values ---- */

static void check_odd_value(struct naive *plan, const struct simc_rules *rules, size_t content,
                            struct simc_slice value, enum simc_fault_kind kind)
{
    const struct simc_interface *on = plan->message->interface;
    const struct simc_content_row *row = &plan->message->content[content];
    const struct simc_parameter_row *parameter = naive_row(on, row->parameter, plan->version);
    plan->odd = content;
    plan->odd_count = 1;
    plan->odd_value = value.data;
    plan->odd_size = value.size;
    struct simc_slice bytes = naive_build(plan);
    const struct naive_wanted wanted = {kind, plan->offsets[content], parameter->code};
    for (int i = 0; i < 4; i++) {
        struct simc_rules changed = with(rules, i & 1, i & 2);
        bool enforced = parameter->confirmed || changed.unconfirmed;
        naive_expect(&changed, on, bytes, enforced && kind ? wanted : naive_good);
    }
}

static uint8_t filler[65536];

static void check_sizes(struct naive *plan, const struct simc_rules *rules)
{
    size_t usual = naive_build(plan).size;
    for (size_t i = 0; i < plan->message->content_count; i++) {
        const struct simc_content_row *content = &plan->message->content[i];
        const struct simc_parameter_row *row =
            naive_row(plan->message->interface, content->parameter, plan->version);
        if (!naive_belongs(content, plan->version, plan->transport) ||
            row->type == SIMC_VALUE_GROUP)
            continue;
        const size_t largest = 65535 - (usual - 5) - 4;
        const size_t sizes[] = {0,
                                1,
                                2,
                                3,
                                4,
                                5,
                                7,
                                8,
                                9,
                                255,
                                256,
                                largest,
                                row->size_min - 1U,
                                row->size_min,
                                row->size_max,
                                row->size_max + 1U};
        for (size_t k = 0; k < UNIT_COUNT(sizes); k++) {
            bool fits = sizes[k] >= row->size_min && sizes[k] <= row->size_max;
            /* A value of the right size that is a wrong date is another test's. */
            if (sizes[k] > largest || (fits && row->type == SIMC_VALUE_DATE))
                continue;
            check_odd_value(plan, rules, i, simc_slice(filler, sizes[k]),
                            fits ? SIMC_FAULT_NONE : SIMC_FAULT_LENGTH);
        }
    }
}

START_TEST(lengths_are_checked_on_both_sides)
{
    naive_each_message(check_sizes);
}
END_TEST

static void check_numbers(struct naive *plan, const struct simc_rules *rules, size_t content,
                          const struct simc_parameter_row *row)
{
    uint64_t top = UINT64_MAX >> (64 - 8 * (unsigned)row->size_max);
    const uint64_t numbers[] = {0,
                                1,
                                2,
                                255,
                                top,
                                row->value_min,
                                row->value_max,
                                row->value_max + 1,
                                row->value_min ? row->value_min - 1 : 0};
    for (size_t k = 0; k < UNIT_COUNT(numbers); k++) {
        uint8_t value[8];
        if (numbers[k] > top)
            continue;
        for (size_t b = 0; b < row->size_max; b++)
            value[b] = (uint8_t)(numbers[k] >> (8 * (row->size_max - 1U - b)));
        bool fits = numbers[k] >= row->value_min && numbers[k] <= row->value_max;
        check_odd_value(plan, rules, content, simc_slice(value, row->size_max),
                        fits ? SIMC_FAULT_NONE : SIMC_FAULT_VALUE);
    }
}

static void check_values(struct naive *plan, const struct simc_rules *rules)
{
    static const uint8_t dates[][8] = {
        {0x07, 0xea, 0, 1, 0, 0, 0, 0},  {0x07, 0xea, 13, 1, 0, 0, 0, 0},
        {0x07, 0xea, 2, 29, 0, 0, 0, 0}, {0x07, 0xea, 1, 1, 24, 0, 0, 0},
        {0x07, 0xea, 1, 1, 0, 60, 0, 0}, {0x07, 0xea, 1, 1, 0, 0, 0, 100},
    };
    for (size_t i = 0; i < plan->message->content_count; i++) {
        const struct simc_content_row *content = &plan->message->content[i];
        const struct simc_parameter_row *row =
            naive_row(plan->message->interface, content->parameter, plan->version);
        if (!naive_belongs(content, plan->version, plan->transport))
            continue;
        if (row->type == SIMC_VALUE_UINT || row->type == SIMC_VALUE_BOOL)
            check_numbers(plan, rules, i, row);
        for (size_t k = 0; row->type == SIMC_VALUE_DATE && k < UNIT_COUNT(dates); k++)
            check_odd_value(plan, rules, i, simc_slice(dates[k], 8), SIMC_FAULT_VALUE);
        if (row->type == SIMC_VALUE_BOOL)
            ck_assert_uint_eq(row->value_max, 1);
    }
}

START_TEST(values_are_checked_on_both_sides)
{
    naive_each_message(check_values);
}
END_TEST

/* ---- parameters that do not belong ---- */

static void check_stranger(struct naive *plan, const struct simc_rules *rules, uint16_t code,
                           bool welcome)
{
    /* In front and behind; three bytes, a size that no number has. */
    for (int behind = 0; behind < 2; behind++) {
        struct simc_slice bytes = naive_build(plan);
        size_t offset = behind ? bytes.size : 5;
        memmove(naive_room + offset + 7, naive_room + offset, bytes.size - offset);
        memset(naive_room + offset, 0x5a, 7);
        naive_patch(offset, code);
        naive_patch(offset + 2, 3);
        bytes.size += 7;
        naive_patch(3, bytes.size - 5);
        struct simc_rules lenient = with(rules, false, true), strict = with(rules, true, false);
        const struct naive_wanted wanted = {SIMC_FAULT_PARAMETER_TYPE, offset, code};
        struct simc_msg msg;
        if (welcome)
            continue;
        naive_expect(&lenient, plan->message->interface, bytes, naive_good);
        unit_expect_error(simc_msg_decode(&lenient, bytes, &msg, NULL), 0);
        ck_assert_uint_eq(msg.skipped_count, 1);
        naive_expect(&strict, plan->message->interface, bytes, wanted);
    }
}

static void check_strangers(struct naive *plan, const struct simc_rules *rules)
{
    static const uint16_t unknown[] = {0x0000, 0x003f, 0x0040, 0x00ff, 0x013f, 0x0140,
                                       0x6fff, 0x7003, 0x7004, 0x7fff, 0x8000, 0xffff};
    const struct simc_interface *on = plan->message->interface;
    for (size_t i = 0; i < UNIT_COUNT(unknown); i++) {
        ck_assert_ptr_null(simc_parameter_find(on, unknown[i], plan->version));
        check_stranger(plan, rules, unknown[i], false);
    }
    for (size_t i = 0; i < on->parameter_count; i++) {
        uint16_t code = on->parameters[i].code;
        bool welcome = !plan->message->content_known && naive_row(on, i, plan->version);
        for (size_t k = 0; k < plan->message->content_count; k++)
            welcome = welcome ||
                      (on->parameters[plan->message->content[k].parameter].code == code &&
                       naive_belongs(&plan->message->content[k], plan->version, plan->transport));
        check_stranger(plan, rules, code, welcome);
    }
}

START_TEST(strangers_are_skipped_or_refused)
{
    naive_each_message(check_strangers);
}
END_TEST

/* ---- header ---- */

START_TEST(versions_are_those_of_the_interface)
{
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    ck_assert_uint_eq(count, 5);
    for (size_t i = 0; i < count; i++) {
        const struct simc_interface *on = interfaces[i];
        ck_assert(naive_has_version(on, on->version));
        for (size_t kind = 0; kind < SIMC_FAULT_KIND_COUNT; kind++)
            ck_assert_uint_eq(on->fault_status[kind], naive_status(on, (enum simc_fault_kind)kind));
        for (unsigned version = 0; version < 256; version++) {
            /* channel_test of each interface, in that version */
            struct naive plan = {simc_message_find_name(on, simc_slice_text("channel_test")),
                                 on->version,
                                 SIMC_TRANSPORT_TCP,
                                 NAIVE_NONE,
                                 0,
                                 NULL,
                                 0,
                                 {0}};
            struct simc_slice bytes = naive_build(&plan);
            struct simc_rules rules = {.interface = NULL};
            const struct naive_wanted refused = {SIMC_FAULT_VERSION, 0, 0};
            naive_room[0] = (uint8_t)version;
            naive_expect(&rules, on, bytes, naive_has_version(on, version) ? naive_good : refused);
            rules.versions = 1u << on->version;
            naive_expect(&rules, on, bytes, version == on->version ? naive_good : refused);
        }
    }
}
END_TEST

static void check_elsewhere(struct naive *plan, const struct simc_rules *rules)
{
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    struct simc_slice bytes = naive_build(plan);
    for (size_t i = 0; i < count; i++) {
        struct simc_rules other = *rules;
        struct simc_msg msg;
        other.interface = interfaces[i];
        other.versions = 0xff;
        if (interfaces[i] == plan->message->interface)
            continue;
        naive_expect(&other, interfaces[i], bytes, naive_good);
        unit_expect_error(simc_msg_decode(&other, bytes, &msg, NULL), 0);
        ck_assert_ptr_null(msg.row);
        other.strict = true;
        naive_expect(&other, interfaces[i], bytes,
                     (struct naive_wanted){SIMC_FAULT_MESSAGE_TYPE, 1, 0});
    }
    /* TCP everywhere, UDP for data_provision only. */
    struct simc_rules udp = *rules;
    udp.transport = SIMC_TRANSPORT_UDP;
    if (plan->transport == SIMC_TRANSPORT_TCP && plan->message->type != 0x0211)
        naive_expect(&udp, plan->message->interface, bytes,
                     (struct naive_wanted){SIMC_FAULT_MESSAGE_TYPE, 1, 0});
}

START_TEST(messages_belong_to_one_interface_and_transport)
{
    naive_each_message(check_elsewhere);
}
END_TEST

START_TEST(unknown_messages_are_ignored_or_refused)
{
    static const uint16_t types[] = {0x0000, 0x0006, 0x0107, 0x0203, 0x0407,
                                     0x040e, 0x0444, 0x8000, 0xffff};
    for (size_t i = 0; i < UNIT_COUNT(types); i++) {
        /* What stands behind an unknown header is nobody's business: here no whole parameter. */
        uint8_t bytes[] = {3, (uint8_t)(types[i] >> 8), (uint8_t)types[i], 0, 3, 1, 2, 3};
        const struct simc_interface *ecmg = simc_interface_find(simc_slice_text("ECMG"));
        struct simc_rules rules = {.interface = ecmg};
        struct simc_msg msg;
        struct simc_fault fault;
        naive_expect(&rules, ecmg, simc_slice(bytes, sizeof bytes), naive_good);
        rules.strict = true;
        naive_expect(&rules, ecmg, simc_slice(bytes, sizeof bytes),
                     (struct naive_wanted){SIMC_FAULT_MESSAGE_TYPE, 1, 0});
        rules.interface = NULL;
        unit_expect_error(simc_msg_decode(&rules, simc_slice(bytes, sizeof bytes), &msg, &fault),
                          SIMC_EPROTO);
        ck_assert_uint_eq(fault.kind, SIMC_FAULT_MESSAGE_TYPE);
        ck_assert_uint_eq(fault.error_status, 0);
        rules.strict = false;
        bytes[4] = 4;
        unit_expect_error(simc_msg_decode(&rules, simc_slice(bytes, sizeof bytes), &msg, &fault),
                          SIMC_EPROTO);
        ck_assert_uint_eq(fault.kind, SIMC_FAULT_FRAMING);
    }
}
END_TEST

/* ---- damage ---- */

/* True when a parameter begins there, or the message ends. A length that is wrong by whole optional
 * parameters cannot be told from a good one. */
static bool is_edge(const struct naive *plan, size_t offset, size_t size)
{
    bool edge = offset == size;
    for (size_t i = 0; i < plan->message->content_count; i++)
        edge = edge || plan->offsets[i] == offset;
    return edge;
}

static void check_damage(struct naive *plan, const struct simc_rules *rules)
{
    const struct simc_interface *on = plan->message->interface;
    struct simc_slice bytes = naive_build(plan);
    for (size_t size = 0; size < bytes.size; size++)
        naive_expect(rules, on, simc_slice(naive_room, size),
                     (struct naive_wanted){SIMC_FAULT_FRAMING, size < 5 ? size : 3, 0});
    for (unsigned change = 1; change < 256; change++) {
        for (size_t where = 3; where <= 4; where++) {
            naive_room[where] ^= (uint8_t)change;
            naive_expect(rules, on, bytes, (struct naive_wanted){SIMC_FAULT_FRAMING, 3, 0});
            naive_room[where] ^= (uint8_t)change;
        }
    }
    /* With a message_length that fits, what is cut off is missed or breaks the structure. */
    struct simc_rules all = with(rules, true, true);
    for (size_t size = 5; size < bytes.size; size++) {
        struct simc_msg msg;
        struct simc_fault fault;
        naive_patch(3, size - 5);
        uint8_t *exact = unit_exact(simc_slice(naive_room, size));
        int error = simc_msg_decode(&all, simc_slice(exact, size), &msg, &fault);
        bool at_edge = is_edge(plan, size, bytes.size);
        if (!at_edge && size > 5)
            ck_assert_int_eq(fault.kind, SIMC_FAULT_FRAMING);
        ck_assert(error == SIMC_EPROTO || at_edge || plan->message->content_count == 0);
        free(exact);
    }
    naive_patch(3, bytes.size - 5);
    /* Every other parameter_length. */
    for (size_t i = 0; i < plan->message->content_count; i++) {
        for (unsigned change = 1; plan->offsets[i] && change < 256; change++) {
            for (size_t where = plan->offsets[i] + 2; where <= plan->offsets[i] + 3; where++) {
                struct simc_msg msg;
                naive_room[where] ^= (uint8_t)change;
                uint8_t *exact = unit_exact(bytes);
                int error = simc_msg_decode(&all, simc_slice(exact, bytes.size), &msg, NULL);
                size_t end = plan->offsets[i] + 4 +
                             (size_t)(naive_room[plan->offsets[i] + 2] << 8 |
                                      naive_room[plan->offsets[i] + 3]);
                if (error != SIMC_EPROTO && !is_edge(plan, end, bytes.size))
                    ck_abort_msg("%s %s: length byte %zu ^ %u passes", on->id, plan->message->name,
                                 where, change);
                free(exact);
                naive_room[where] ^= (uint8_t)change;
            }
        }
    }
}

START_TEST(cut_messages_and_wrong_lengths_are_faults)
{
    naive_each_message(check_damage);
}
END_TEST

Suite *suite_decode(void);

Suite *suite_decode(void)
{
    Suite *suite = suite_create("decode");
    TCase *tcase = tcase_create("decode");
    memset(filler, 0, sizeof filler);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, good_messages_are_good_under_all_rules);
    tcase_add_test(tcase, parameters_may_come_in_any_order);
    tcase_add_test(tcase, smallest_messages_have_the_known_sizes);
    tcase_add_test(tcase, counts_are_checked_on_both_sides);
    tcase_add_test(tcase, lengths_are_checked_on_both_sides);
    tcase_add_test(tcase, values_are_checked_on_both_sides);
    tcase_add_test(tcase, strangers_are_skipped_or_refused);
    tcase_add_test(tcase, versions_are_those_of_the_interface);
    tcase_add_test(tcase, messages_belong_to_one_interface_and_transport);
    tcase_add_test(tcase, unknown_messages_are_ignored_or_refused);
    tcase_add_test(tcase, cut_messages_and_wrong_lengths_are_faults);
    suite_add_tcase(suite, tcase);
    return suite;
}
