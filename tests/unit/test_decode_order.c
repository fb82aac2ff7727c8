/* SPDX-License-Identifier: BSL-1.0 */
/* Which of several faults is told, what is told of parameters within groups, and the look-ups of
 * rows and values that callers make before and after decoding. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/naive.h"
#include "unit/unit.h"

static const struct simc_interface *on(const char *id)
{
    const struct simc_interface *interface = simc_interface_find(simc_slice_text(id));
    ck_assert_ptr_nonnull(interface);
    return interface;
}

/* ---- the order of the checks ---- */

START_TEST(the_first_fault_in_the_stated_order_is_told)
{
    static const struct {
        const char *bytes;
        bool strict;
        uint32_t limit;
        struct naive_wanted wanted;
    } cases[] = {
        /* version, then the limit, then message_length, then message_type */
        {"09 0999 00ff 00", true, 0, {SIMC_FAULT_VERSION, 0, 0}},
        {"03 0999 00ff 00", true, 254, {SIMC_FAULT_TOO_LONG, 3, 0}},
        {"03 0999 00ff 00", true, 255, {SIMC_FAULT_FRAMING, 3, 0}},
        {"03 0999 0001 00", true, 1, {SIMC_FAULT_MESSAGE_TYPE, 1, 0}},
        {"03 0999 0001 00", false, 1, {SIMC_FAULT_NONE, 0, 0}},
        {"03 0001 0000", true, 0, {SIMC_FAULT_MISSING, 5, 0x000e}},
        {"03 09", true, 1, {SIMC_FAULT_FRAMING, 2, 0}},
        {"", true, 1, {SIMC_FAULT_FRAMING, 0, 0}},
        /* a broken structure outranks what stands in front of the break */
        {"03 0002 0006 000e 0001 01 00", false, 0, {SIMC_FAULT_FRAMING, 10, 0}},
        {"03 0002 000a 000e 0001 01 000e 0002 00", false, 0, {SIMC_FAULT_FRAMING, 10, 0x000e}},
        {"03 0002 0006 8000 0000 000e", true, 0, {SIMC_FAULT_FRAMING, 9, 0}},
        {"03 0103 0007 0011 0001 02 00 00", false, 0, {SIMC_FAULT_FRAMING, 10, 0}},
        {"03 0002 0002 000e", false, 0, {SIMC_FAULT_FRAMING, 5, 0}},
        /* parameter by parameter: type, length, value */
        {"03 0002 0009 000e 0001 01 8000 0000", true, 0, {SIMC_FAULT_LENGTH, 5, 0x000e}},
        {"03 0002 0009 8000 0000 000e 0001 01", true, 0, {SIMC_FAULT_PARAMETER_TYPE, 5, 0x8000}},
        {"03 0002 0009 8000 0000 000e 0001 01", false, 0, {SIMC_FAULT_LENGTH, 9, 0x000e}},
        {"03 0103 000a 0011 0001 02 000e 0001 01", false, 0, {SIMC_FAULT_VALUE, 5, 0x0011}},
        {"03 0103 000a 000e 0001 01 0011 0001 02", false, 0, {SIMC_FAULT_LENGTH, 5, 0x000e}},
        {"03 0103 0006 0011 0002 0202", false, 0, {SIMC_FAULT_LENGTH, 5, 0x0011}},
        /* the counts last, in the order of the rows */
        {"03 0103 0005 0011 0001 02", false, 0, {SIMC_FAULT_VALUE, 5, 0x0011}},
        {"03 0103 0005 0011 0001 01", false, 0, {SIMC_FAULT_MISSING, 10, 0x000e}},
        {"03 0102 0012 000f 0002 0002 000f 0002 0002 000e 0002 0001",
         false,
         0,
         {SIMC_FAULT_TOO_MANY, 23, 0x000f}},
        {"03 0102 000c 000f 0002 0002 000f 0002 0002", false, 0, {SIMC_FAULT_MISSING, 17, 0x000e}},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct unit_bytes bytes = unit_hex(cases[i].bytes);
        const struct simc_rules rules = {
            .interface = on("ecmg"), .strict = cases[i].strict, .length_limit = cases[i].limit};
        naive_expect(&rules, on("ecmg"), unit_slice(&bytes), cases[i].wanted);
    }
}
END_TEST

START_TEST(without_an_interface_the_message_type_finds_it)
{
    struct unit_bytes bytes = unit_hex("03 0012 0000");
    const struct simc_rules rules = {.interface = NULL};
    naive_expect(&rules, on("emmg"), unit_slice(&bytes),
                 (struct naive_wanted){SIMC_FAULT_MISSING, 5, 0x0001});
    /* Of fewer than five bytes nothing is known, but a given interface stays. */
    struct simc_msg msg;
    struct simc_fault fault;
    unit_expect_error(simc_msg_decode(&rules, simc_slice("\3\0", 2), &msg, &fault), SIMC_EPROTO);
    ck_assert_ptr_null(msg.interface);
    ck_assert_uint_eq(fault.error_status, 0);
}
END_TEST

START_TEST(the_limit_is_for_message_length)
{
    struct unit_bytes bytes = unit_hex("03 0002 0006 000e 0002 0001");
    for (uint32_t limit = 0; limit < 10; limit++) {
        const struct simc_rules rules = {.length_limit = limit};
        bool good = limit == 0 || limit >= 6;
        struct naive_wanted too_long = {SIMC_FAULT_TOO_LONG, 3, 0};
        naive_expect(&rules, on("ecmg"), unit_slice(&bytes), good ? naive_good : too_long);
    }
}
END_TEST

/* ---- groups ---- */

/* SCG_provision of version 4 with ECM_Groups of these values. */
static struct simc_slice provision(const char *first, const char *second)
{
    static uint8_t room[1024];
    struct unit_bytes head = unit_hex("04 0408 0000 0001 0002 0001 0006 0002 0007 000f 0002 0101"
                                      " 0016 0002 2233 0007 0004 00000001");
    const char *const groups[] = {first, second};
    size_t size = head.size;
    memcpy(room, head.data, size);
    for (size_t i = 0; i < 2 && groups[i]; i++) {
        struct unit_bytes group = unit_hex(groups[i]);
        const uint8_t header[] = {0, 5, 0, (uint8_t)group.size};
        memcpy(room + size, header, 4);
        memcpy(room + size + 4, group.data, group.size);
        size += 4 + group.size;
    }
    room[3] = (uint8_t)((size - 5) >> 8);
    room[4] = (uint8_t)(size - 5);
    return simc_slice(room, size);
}

enum { GROUP_AT = 41 }; /* offset of the first group's value */

static const char good_group[] = "0009 0002 0021 0008 0004 abcd0001 000a 0004 01020304"
                                 " 0010 0001 01";

START_TEST(groups_are_checked_inside)
{
    enum { LENIENT = 1, STRICT = 2, UNCONFIRMED = 4, ALL = 7 };
    static const struct {
        const char *group;
        int rules; /* under which the fault is told; under the others it is good */
        struct naive_wanted wanted;
        bool parameter_known;
    } cases[] = {
        {good_group, 0, {SIMC_FAULT_NONE, 0, 0}, false},
        {"0010 0001 00 0008 0004 abcd0001 0009 0002 0021", 0, {SIMC_FAULT_NONE, 0, 0}, false},
        {"", ALL, {SIMC_FAULT_MISSING, 41, 0x0009}, true},
        {"0009 0002 0021", ALL, {SIMC_FAULT_MISSING, 47, 0x0008}, true},
        {"0009 0002 0021 0008 0004 abcd0001", ALL, {SIMC_FAULT_MISSING, 55, 0x0010}, true},
        {"0009 0002 0021 0009 0002 0021", ALL, {SIMC_FAULT_TOO_MANY, 53, 0x0009}, true},
        {"0009 0001 21", ALL, {SIMC_FAULT_LENGTH, 41, 0x0009}, true},
        {"0009 0003 210000", ALL, {SIMC_FAULT_LENGTH, 41, 0x0009}, true},
        {"0009 0002 0021 0008 0003 abcd00", ALL, {SIMC_FAULT_LENGTH, 47, 0x0008}, true},
        {"0010 0001 02", ALL, {SIMC_FAULT_VALUE, 41, 0x0010}, true},
        {"0009 0002 0021 0010 0001 ff", ALL, {SIMC_FAULT_VALUE, 47, 0x0010}, true},
        {"00", ALL, {SIMC_FAULT_FRAMING, 41, 0}, false},
        {"0009 0002 0021 000800", ALL, {SIMC_FAULT_FRAMING, 47, 0}, false},
        {"0009 0002 0021 0008 0004 abcd00", ALL, {SIMC_FAULT_FRAMING, 47, 0x0008}, false},
        {"0009 ffff 0021", ALL, {SIMC_FAULT_FRAMING, 41, 0x0009}, false},
        {"8000 0001 00 0009 0002 0021 0008 0004 abcd0001 0010 0001 01",
         STRICT,
         {SIMC_FAULT_PARAMETER_TYPE, 41, 0x8000},
         false},
        {"0009 0002 0021 0006 0002 0007 0008 0004 abcd0001 0010 0001 01",
         STRICT,
         {SIMC_FAULT_PARAMETER_TYPE, 47, 0x0006},
         true},
        /* no group in a group: it is one more parameter that does not belong */
        {"0005 0001 ff 0009 0002 0021 0008 0004 abcd0001 0010 0001 01",
         STRICT,
         {SIMC_FAULT_PARAMETER_TYPE, 41, 0x0005},
         true},
        {"0009 0002 0021 0008 0004 abcd0001 000a 0000 000a 0000 0010 0001 01",
         UNCONFIRMED,
         {SIMC_FAULT_TOO_MANY, 68, 0x000a},
         true},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        for (int second = 0; second < 2; second++) {
            struct simc_slice bytes = second ? provision(good_group, cases[i].group)
                                             : provision(cases[i].group, good_group);
            struct naive_wanted wanted = cases[i].wanted;
            if (second)
                wanted.offset += 4 + 27;
            for (int k = 0; k < 3; k++) {
                const struct simc_rules rules = {
                    .interface = on("eis"), .strict = k == 1, .unconfirmed = k == 2};
                bool told = cases[i].rules & (1 << k);
                naive_expect(&rules, on("eis"), bytes, told ? wanted : naive_good);
                struct simc_msg msg;
                struct simc_fault fault;
                if (simc_msg_decode(&rules, bytes, &msg, &fault) == 0) {
                    ck_assert_ptr_null(fault.group);
                    continue;
                }
                ck_assert_ptr_nonnull(fault.group);
                ck_assert_str_eq(fault.group->name, "ECM_Group");
                ck_assert((fault.parameter != NULL) == cases[i].parameter_known);
            }
        }
    }
}
END_TEST

START_TEST(a_group_is_judged_when_its_turn_comes)
{
    const struct simc_rules rules = {.interface = on("eis")};
    /* SCG_id of three bytes in front of a broken group, and behind one */
    struct unit_bytes in_front = unit_hex("04 0408 000c 0006 0003 000007 0005 0001 00");
    struct unit_bytes behind = unit_hex("04 0408 000c 0005 0001 00 0006 0003 000007");
    /* the message's own structure outranks a count in the group, not its structure */
    struct unit_bytes broken = unit_hex("04 0408 0006 0005 0000 0006");
    struct unit_bytes both = unit_hex("04 0408 0007 0005 0001 00 0006");
    naive_expect(&rules, on("eis"), unit_slice(&in_front),
                 (struct naive_wanted){SIMC_FAULT_LENGTH, 5, 0x0006});
    naive_expect(&rules, on("eis"), unit_slice(&behind),
                 (struct naive_wanted){SIMC_FAULT_FRAMING, 9, 0});
    naive_expect(&rules, on("eis"), unit_slice(&broken),
                 (struct naive_wanted){SIMC_FAULT_FRAMING, 9, 0});
    naive_expect(&rules, on("eis"), unit_slice(&both),
                 (struct naive_wanted){SIMC_FAULT_FRAMING, 9, 0});
}
END_TEST

START_TEST(a_group_cut_anywhere_is_a_fault)
{
    struct simc_slice whole = provision(good_group, NULL);
    uint8_t bytes[128];
    const struct simc_rules rules = {.interface = on("eis"), .unconfirmed = true};
    for (size_t size = GROUP_AT; size < whole.size; size++) {
        memcpy(bytes, whole.data, size);
        bytes[4] = (uint8_t)(size - 5);
        bytes[GROUP_AT - 1] = (uint8_t)(size - GROUP_AT);
        uint8_t *exact = unit_exact(simc_slice(bytes, size));
        struct simc_msg msg;
        struct simc_fault fault;
        unit_expect_error(simc_msg_decode(&rules, simc_slice(exact, size), &msg, &fault),
                          SIMC_EPROTO);
        ck_assert(fault.kind == SIMC_FAULT_FRAMING || fault.kind == SIMC_FAULT_MISSING);
        ck_assert_ptr_nonnull(fault.group);
        free(exact);
    }
}
END_TEST

/* ---- messages of which only the codes are known ---- */

START_TEST(parameters_of_unknown_content_are_checked_for_length)
{
    struct unit_bytes good = unit_hex("03 0303 0010 0103 0002 0001 8000 0000 0103 0002 0002");
    struct unit_bytes bad = unit_hex("03 0303 0005 0103 0001 01");
    struct simc_rules rules = {.interface = on("cpsig")};
    struct simc_msg msg;
    struct simc_slice value;
    naive_expect(&rules, on("cpsig"), unit_slice(&good), naive_good);
    naive_expect(&rules, on("cpsig"), unit_slice(&bad),
                 (struct naive_wanted){SIMC_FAULT_LENGTH, 5, 0x0103});
    unit_expect_error(simc_msg_decode(&rules, unit_slice(&good), &msg, NULL), 0);
    ck_assert_uint_eq(msg.skipped_count, 1);
    struct simc_values values = simc_msg_values(&msg, 0x0103);
    ck_assert_uint_eq(values.count, 2);
    unit_expect_error(simc_values_next(&values, &value), 0);
    unit_expect_hex(value, "0001");
    unit_expect_error(simc_values_next(&values, &value), 0);
    unit_expect_hex(value, "0002");
    unit_expect_error(simc_values_next(&values, &value), SIMC_EEND);
    rules.strict = true;
    naive_expect(&rules, on("cpsig"), unit_slice(&good),
                 (struct naive_wanted){SIMC_FAULT_PARAMETER_TYPE, 11, 0x8000});
}
END_TEST

/* ---- look-ups ---- */

START_TEST(values_are_found_by_code)
{
    struct unit_bytes bytes = unit_hex("03 0005 0018 000e 0002 0001 7000 0002 0010 7001 0000"
                                       " 7000 0002 7001 8000 0000");
    const struct simc_rules rules = {.interface = NULL};
    struct simc_msg msg;
    struct simc_slice value;
    uint64_t number = 9;
    bytes.data[4] = (uint8_t)(bytes.size - 5);
    unit_expect_error(simc_msg_decode(&rules, unit_slice(&bytes), &msg, NULL), 0);
    unit_expect_error(simc_msg_uint(&msg, 0x7000, &number), 0);
    ck_assert_uint_eq(number, 0x10);
    struct simc_values values = simc_msg_values(&msg, 0x7000);
    ck_assert_uint_eq(values.count, 2);
    unit_expect_error(simc_msg_value(&msg, 0x7001, &value), 0);
    ck_assert_uint_eq(value.size, 0);
    unit_expect_error(simc_msg_uint(&msg, 0x7001, &number), SIMC_EPROTO);
    unit_expect_error(simc_msg_uint(&msg, 0x0001, &number), SIMC_ENOTFOUND);
    unit_expect_error(simc_msg_value(&msg, 0x8000, &value), SIMC_ENOTFOUND);
    unit_expect_error(simc_msg_value(&msg, 0x0000, &value), SIMC_ENOTFOUND);
    /* A zeroed message has nothing and no bytes. */
    memset(&msg, 0, sizeof msg);
    struct simc_parameter parameter;
    struct simc_parameter_cursor cursor = simc_msg_parameters(&msg);
    unit_expect_error(simc_parameter_next(&cursor, &parameter), SIMC_EEND);
    unit_expect_error(simc_msg_value(&msg, 0x7000, &value), SIMC_ENOTFOUND);
}
END_TEST

START_TEST(rows_are_found_by_name_in_any_letter_case)
{
    static const struct {
        const char *name, *id;
    } interfaces[] = {
        {"ECMG-SCS", "ecmg"},        {"ecmg-scs", "ecmg"}, {"ECMG", "ecmg"},
        {"EMMG-MUX", "emmg"},        {"eis", "eis"},       {"(p)sig-mux", "psig"},
        {"C(P)SIG-(P)SIG", "cpsig"}, {"", NULL},           {"ecmg-sc", NULL},
        {"ecmg-scss", NULL},         {"unknown", NULL},
    };
    for (size_t i = 0; i < UNIT_COUNT(interfaces); i++) {
        const struct simc_interface *found =
            simc_interface_find(simc_slice_text(interfaces[i].name));
        ck_assert((found != NULL) == (interfaces[i].id != NULL));
        ck_assert(!found || strcmp(found->id, interfaces[i].id) == 0);
    }
    const struct simc_interface *ecmg = on("ecmg");
    const struct simc_message_row *message =
        simc_message_find_name(ecmg, simc_slice_text("cw_PROVISION"));
    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(message->type, 0x0201);
    ck_assert_ptr_null(simc_message_find_name(ecmg, simc_slice_text("data_provision")));
    ck_assert_ptr_null(simc_message_find(0x0407));
    ck_assert_ptr_null(simc_message_find(0xffff));
    ck_assert_str_eq(simc_status_text(ecmg, 0x0006), "unknown ECM_channel_id value");
    ck_assert_ptr_null(simc_status_text(ecmg, 0x0016));
    struct simc_slice cp_cw = simc_slice_text("cp_cw_combination");
    struct simc_slice ecm_id = simc_slice_text("ECM_id");
    ck_assert_uint_eq(simc_parameter_find_name(ecmg, cp_cw, 1)->size_max, 10);
    ck_assert_uint_eq(simc_parameter_find_name(ecmg, cp_cw, 2)->size_max, 65535);
    ck_assert_ptr_null(simc_parameter_find_name(ecmg, ecm_id, 1));
    ck_assert_ptr_null(simc_parameter_find(ecmg, 0x0019, 1));
    ck_assert_ptr_nonnull(simc_parameter_find(ecmg, 0x0019, 2));
    ck_assert_ptr_null(simc_parameter_find(ecmg, 0x0019, 6));
    ck_assert_ptr_null(simc_parameter_find(ecmg, 0x0014, 0));
}
END_TEST

START_TEST(every_code_and_name_leads_to_its_row)
{
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    for (size_t i = 0; i < count; i++) {
        const struct simc_interface *interface = interfaces[i];
        for (unsigned code = 0; code <= 0xffff; code++) {
            const struct simc_parameter_row *wanted = NULL;
            for (size_t k = 0; k < interface->parameter_count && !wanted; k++) {
                if (interface->parameters[k].code == code)
                    wanted = naive_row(interface, k, interface->version);
            }
            if (simc_parameter_find(interface, (uint16_t)code, interface->version) != wanted)
                ck_abort_msg("%s: parameter 0x%04x", interface->id, code);
            if (wanted)
                ck_assert_ptr_eq(simc_parameter_find_name(interface, simc_slice_text(wanted->name),
                                                          interface->version),
                                 wanted);
        }
        for (size_t k = 0; k < interface->message_count; k++) {
            const struct simc_message_row *row = &interface->messages[k];
            ck_assert_ptr_eq(simc_message_find(row->type), row);
            ck_assert_ptr_eq(simc_message_find_name(interface, simc_slice_text(row->name)), row);
        }
    }
    for (int kind = 0; kind < SIMC_FAULT_KIND_COUNT; kind++)
        ck_assert_str_ne(simc_fault_kind_name((enum simc_fault_kind)kind), "?");
    ck_assert_str_eq(simc_fault_kind_name(SIMC_FAULT_KIND_COUNT), "?");
}
END_TEST

Suite *suite_decode_order(void);

Suite *suite_decode_order(void)
{
    Suite *suite = suite_create("decode_order");
    TCase *tcase = tcase_create("decode_order");
    tcase_add_test(tcase, the_first_fault_in_the_stated_order_is_told);
    tcase_add_test(tcase, without_an_interface_the_message_type_finds_it);
    tcase_add_test(tcase, the_limit_is_for_message_length);
    tcase_add_test(tcase, groups_are_checked_inside);
    tcase_add_test(tcase, a_group_is_judged_when_its_turn_comes);
    tcase_add_test(tcase, a_group_cut_anywhere_is_a_fault);
    tcase_add_test(tcase, parameters_of_unknown_content_are_checked_for_length);
    tcase_add_test(tcase, values_are_found_by_code);
    tcase_add_test(tcase, rows_are_found_by_name_in_any_letter_case);
    tcase_add_test(tcase, every_code_and_name_leads_to_its_row);
    suite_add_tcase(suite, tcase);
    return suite;
}
