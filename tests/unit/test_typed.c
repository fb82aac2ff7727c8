/* SPDX-License-Identifier: BSL-1.0 */
/* The typed structs: each is written from members with values of their own, gives exactly the bytes
 * told here, and comes back; whatever is missing, too many, too long or of another version is
 * refused or left out. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/naive.h"
#include "unit/unit.h"

/* ---- one row per struct, by hand ---- */

union any_struct {
#define TYPED(interface, name, type) struct simc_##interface##_##name interface##_##name;
#include "unit/typed.def"
#undef TYPED
};

#define TYPED(interface, name, type)                                                       \
    static int get_##interface##_##name(const struct simc_msg *msg, union any_struct *out) \
    {                                                                                      \
        return simc_##interface##_##name##_get(msg, &out->interface##_##name);             \
    }                                                                                      \
    static int put_##interface##_##name(struct simc_writer *writer, uint8_t version,       \
                                        const union any_struct *in)                        \
    {                                                                                      \
        return simc_##interface##_##name##_put(writer, version, &in->interface##_##name);  \
    }
#include "unit/typed.def"
#undef TYPED

static const struct typed {
    uint16_t type;
    int (*get)(const struct simc_msg *msg, union any_struct *out);
    int (*put)(struct simc_writer *writer, uint8_t version, const union any_struct *in);
} typed[] = {
#define TYPED(interface, name, type) {type, get_##interface##_##name, put_##interface##_##name},
#include "unit/typed.def"
#undef TYPED
};

static const struct typed *typed_of(uint16_t type)
{
    for (size_t i = 0; i < UNIT_COUNT(typed); i++) {
        if (typed[i].type == type)
            return &typed[i];
    }
    return NULL;
}

/* Values that several rows share. */
#define ITEMS(...)                                                                           \
    {                                                                                        \
        .count = sizeof(const struct simc_slice[]){__VA_ARGS__} / sizeof(struct simc_slice), \
        .items = (const struct simc_slice[])                                                 \
        {                                                                                    \
            __VA_ARGS__                                                                      \
        }                                                                                    \
    }
#define BYTES(text)                               \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

struct filled {
    uint16_t type;
    uint8_t version;
    const char *wanted;
    union any_struct in;
};

static const struct filled filled[] = {
    {0x0001,
     3,
     "03 0001 000e 000e 0002 ffff 0001 0004 12345678",
     {.ecmg_channel_setup = {.ecm_channel_id = 65535, .super_cas_id = 0x12345678}}},
    {0x0002, 1, "01 0002 0006 000e 0002 0102", {.ecmg_channel_test = {.ecm_channel_id = 0x0102}}},
    {0x0003,
     3,
     "03 0003 0051 000e 0002 0001 0002 0001 02 0016 0002 8000 0017 0002 7fff 0003 0002 ffff"
     " 0004 0002 fe0c 0005 0002 0003 0006 0002 0004 0007 0002 0005 0008 0002 0006 0009 0002 0007"
     " 000a 0001 08 000b 0001 09 000c 0002 ffff",
     {.ecmg_channel_status = {.ecm_channel_id = 1,
                              .section_tspkt_flag = 2,
                              .has_ac_delay_start = true,
                              .ac_delay_start_ms = -32768,
                              .has_ac_delay_stop = true,
                              .ac_delay_stop_ms = 32767,
                              .delay_start_ms = -1,
                              .delay_stop_ms = -500,
                              .has_transition_delay_start = true,
                              .transition_delay_start_ms = 3,
                              .has_transition_delay_stop = true,
                              .transition_delay_stop_ms = 4,
                              .ecm_rep_period_ms = 5,
                              .max_streams = 6,
                              .min_cp_duration_100ms = 7,
                              .lead_cw = 8,
                              .cw_per_msg = 9,
                              .max_comp_time_ms = 65535}}},
    {0x0003,
     2,
     "02 0003 0039 000e 0002 0000 0002 0001 00 0003 0002 0000 0004 0002 0000 0007 0002 0000"
     " 0008 0002 0000 0009 0002 0000 000a 0001 00 000b 0001 00 000c 0002 0000",
     /* what has no `has_` set stays out, whatever stands in it */
     {.ecmg_channel_status = {.ac_delay_start_ms = 1, .transition_delay_stop_ms = 9}}},
    {0x0004, 5, "05 0004 0006 000e 0002 0203", {.ecmg_channel_close = {.ecm_channel_id = 0x0203}}},
    {0x0005,
     3,
     "03 0005 001e 000e 0002 0001 7000 0002 0010 7000 0002 7001 7001 0000 7001 0004 74657874",
     {.ecmg_channel_error = {.ecm_channel_id = 1,
                             .error_status = ITEMS(BYTES("\x00\x10"), BYTES("\x70\x01")),
                             .error_information = ITEMS(BYTES(""), BYTES("text"))}}},
    {0x0101,
     3,
     "03 0101 0018 000e 0002 0001 000f 0002 0002 0019 0002 0003 0010 0002 0004",
     {.ecmg_stream_setup = {1, 2, true, 3, 4}}},
    {0x0101,
     1,
     "01 0101 0012 000e 0002 0001 000f 0002 0002 0010 0002 0004",
     /* version 1 has no ECM_id: left out, set or not */
     {.ecmg_stream_setup = {1, 2, true, 3, 4}}},
    {0x0102, 3, "03 0102 000c 000e 0002 0001 000f 0002 0002", {.ecmg_stream_test = {1, 2}}},
    {0x0103,
     3,
     "03 0103 0017 000e 0002 0001 000f 0002 0002 0019 0002 ffff 0011 0001 01",
     {.ecmg_stream_status = {1, 2, true, 65535, true}}},
    {0x0103,
     1,
     "01 0103 0011 000e 0002 0001 000f 0002 0002 0011 0001 00",
     {.ecmg_stream_status = {1, 2, false, 0, false}}},
    {0x0104,
     3,
     "03 0104 000c 000e 0002 0001 000f 0002 0002",
     {.ecmg_stream_close_request = {1, 2}}},
    {0x0105,
     3,
     "03 0105 000c 000e 0002 0001 000f 0002 0002",
     {.ecmg_stream_close_response = {1, 2}}},
    {0x0106,
     3,
     "03 0106 0012 000e 0002 0001 000f 0002 0002 7000 0002 000b",
     {.ecmg_stream_error = {1, 2, ITEMS(BYTES("\x00\x0b")), {0}}}},
    {0x0201,
     3,
     "03 0201 0036 000e 0002 0001 000f 0002 0002 0012 0002 ffff 0018 0002 aabb"
     " 0014 0003 ffff01 0014 0005 0000010203 0013 0002 0078 000d 0004 01020304",
     {.ecmg_cw_provision = {.ecm_channel_id = 1,
                            .ecm_stream_id = 2,
                            .cp_number = 65535,
                            .has_cw_encryption = true,
                            .cw_encryption = BYTES("\xaa\xbb"),
                            .cp_cw_combination =
                                ITEMS(BYTES("\xff\xff\x01"), BYTES("\x00\x00\x01\x02\x03")),
                            .has_cp_duration = true,
                            .cp_duration_100ms = 120,
                            .has_access_criteria = true,
                            .access_criteria = BYTES("\x01\x02\x03\x04")}}},
    {0x0201,
     1,
     "01 0201 0024 000e 0002 0001 000f 0002 0002 0012 0002 0003 0014 000a 00036162636465666768"
     " 000d 0000",
     /* version 1 has no CW_encryption; an empty value is a value */
     {.ecmg_cw_provision = {.ecm_channel_id = 1,
                            .ecm_stream_id = 2,
                            .cp_number = 3,
                            .has_cw_encryption = true,
                            .cw_encryption = BYTES("x"),
                            .cp_cw_combination = ITEMS(BYTES("\x00\x03"
                                                             "abcdefgh")),
                            .has_access_criteria = true}}},
    {0x0202,
     3,
     "03 0202 001a 000e 0002 0001 000f 0002 0002 0012 0002 0003 0015 0004 80700101",
     {.ecmg_ecm_response = {1, 2, 3, BYTES("\x80\x70\x01\x01")}}},
    {0x0011,
     5,
     "05 0011 0013 0001 0004 fffffffe 0003 0002 0001 0002 0001 02",
     {.emmg_channel_setup = {0xfffffffe, 1, 2}}},
    {0x0012, 3, "03 0012 000e 0001 0004 00000001 0003 0002 0002", {.emmg_channel_test = {1, 2}}},
    {0x0013,
     3,
     "03 0013 0013 0001 0004 00000001 0003 0002 0002 0002 0001 01",
     {.emmg_channel_status = {1, 2, 1}}},
    {0x0014, 3, "03 0014 000e 0001 0004 00000001 0003 0002 0002", {.emmg_channel_close = {1, 2}}},
    {0x0015,
     3,
     "03 0015 001a 0001 0004 00000001 0003 0002 0002 7000 0002 0011 7001 0002 0003",
     {.emmg_channel_error = {1, 2, ITEMS(BYTES("\x00\x11")), ITEMS(BYTES("\x00\x03"))}}},
    {0x0111,
     2,
     "02 0111 001f 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0008 0002 0004"
     " 0007 0001 02",
     {.emmg_stream_setup = {1, 2, 3, true, 4, 2}}},
    {0x0111,
     1,
     "01 0111 0019 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0007 0001 02",
     {.emmg_stream_setup = {1, 2, 3, true, 4, 2}}},
    {0x0112,
     3,
     "03 0112 0014 0001 0004 00000001 0003 0002 0002 0004 0002 0003",
     {.emmg_stream_test = {1, 2, 3}}},
    {0x0113,
     3,
     "03 0113 001f 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0008 0002 0004"
     " 0007 0001 00",
     {.emmg_stream_status = {1, 2, 3, true, 4, 0}}},
    {0x0114,
     3,
     "03 0114 0014 0001 0004 00000001 0003 0002 0002 0004 0002 0003",
     {.emmg_stream_close_request = {1, 2, 3}}},
    {0x0115,
     3,
     "03 0115 0014 0001 0004 00000001 0003 0002 0002 0004 0002 0003",
     {.emmg_stream_close_response = {1, 2, 3}}},
    {0x0116,
     3,
     "03 0116 0020 0001 0004 00000001 0003 0002 0002 0004 0002 0003 7000 0002 000f"
     " 7000 0002 7001",
     {.emmg_stream_error = {1, 2, 3, ITEMS(BYTES("\x00\x0f"), BYTES("\x70\x01")), {0}}}},
    {0x0117,
     3,
     "03 0117 001a 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0006 0002 ffff",
     {.emmg_stream_bw_request = {1, 2, 3, true, 65535}}},
    {0x0117,
     3,
     "03 0117 0014 0001 0004 00000001 0003 0002 0002 0004 0002 0003",
     {.emmg_stream_bw_request = {1, 2, 3, false, 65535}}},
    {0x0118,
     3,
     "03 0118 001a 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0006 0002 0000",
     {.emmg_stream_bw_allocation = {1, 2, 3, true, 0}}},
    {0x0211,
     3,
     "03 0211 0024 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0008 0002 0004"
     " 0005 0002 8270 0005 0000",
     {.emmg_data_provision = {1, true, 2, true, 3, true, 4, ITEMS(BYTES("\x82\x70"), BYTES(""))}}},
    {0x0211,
     1,
     "01 0211 0019 0001 0004 00000001 0003 0002 0002 0004 0002 0003 0005 0001 82",
     {.emmg_data_provision = {1, true, 2, true, 3, true, 4, ITEMS(BYTES("\x82"))}}},
    {0x0211,
     3,
     "03 0211 0013 0001 0004 00000001 0008 0002 0004 0005 0001 82",
     {.emmg_data_provision = {1, false, 2, false, 3, true, 4, ITEMS(BYTES("\x82"))}}},
};

static struct simc_rules rules_of(const struct filled *row)
{
    struct simc_rules rules = {.strict = true};
    if (row->type == 0x0211 && !row->in.emmg_data_provision.has_data_channel_id)
        rules.transport = SIMC_TRANSPORT_UDP;
    return rules;
}

START_TEST(each_struct_gives_its_bytes_and_comes_back)
{
    bool seen[UNIT_COUNT(typed)] = {false};
    for (size_t i = 0; i < UNIT_COUNT(filled); i++) {
        const struct typed *functions = typed_of(filled[i].type);
        const struct simc_rules rules = rules_of(&filled[i]);
        uint8_t room[256], again[256];
        struct simc_writer writer = simc_writer(room, sizeof room);
        struct simc_msg msg;
        union any_struct back;
        unit_expect_error(functions->put(&writer, filled[i].version, &filled[i].in), 0);
        unit_expect_hex(simc_slice(room, writer.at), filled[i].wanted);
        unit_expect_error(simc_msg_decode(&rules, simc_slice(room, writer.at), &msg, NULL), 0);
        memset(&back, 0xee, sizeof back);
        unit_expect_error(functions->get(&msg, &back), 0);
        struct simc_writer second = simc_writer(again, sizeof again);
        unit_expect_error(functions->put(&second, filled[i].version, &back), 0);
        unit_expect_bytes(simc_slice(again, second.at), simc_slice(room, writer.at));
        seen[functions - typed] = true;
    }
    for (size_t i = 0; i < UNIT_COUNT(typed); i++)
        ck_assert_msg(seen[i], "no row for message 0x%04x", typed[i].type);
}
END_TEST

START_TEST(what_is_absent_reads_as_zero)
{
    struct unit_bytes bytes = unit_hex("01 0101 0012 000e 0002 0001 000f 0002 0002 0010 0002 0004");
    const struct simc_rules rules = {.interface = NULL};
    struct simc_msg msg;
    struct simc_ecmg_stream_setup setup;
    memset(&setup, 0xee, sizeof setup);
    unit_expect_error(simc_msg_decode(&rules, unit_slice(&bytes), &msg, NULL), 0);
    unit_expect_error(simc_ecmg_stream_setup_get(&msg, &setup), 0);
    ck_assert_uint_eq(setup.ecm_channel_id, 1);
    ck_assert_uint_eq(setup.ecm_stream_id, 2);
    ck_assert(!setup.has_ecm_id);
    ck_assert_uint_eq(setup.ecm_id, 0);
    ck_assert_uint_eq(setup.nominal_cp_duration_100ms, 4);
}
END_TEST

START_TEST(without_room_the_need_is_told)
{
    for (size_t i = 0; i < UNIT_COUNT(filled); i++) {
        const struct typed *functions = typed_of(filled[i].type);
        size_t size = unit_hex(filled[i].wanted).size;
        for (size_t capacity = 0; capacity < size; capacity++) {
            uint8_t *exact = unit_exact(simc_slice(naive_room, capacity));
            struct simc_writer writer = simc_writer(capacity ? exact : NULL, capacity);
            unit_expect_error(functions->put(&writer, filled[i].version, &filled[i].in),
                              SIMC_ENOSPC);
            ck_assert_uint_eq(writer.at, size);
            free(exact);
        }
    }
}
END_TEST

START_TEST(only_versions_of_the_interface_are_written)
{
    uint8_t room[256];
    for (size_t i = 0; i < UNIT_COUNT(filled); i++) {
        const struct simc_interface *on = simc_message_find(filled[i].type)->interface;
        for (unsigned version = 0; version < 256; version++) {
            struct simc_writer writer = simc_writer(room, sizeof room);
            if (naive_has_version(on, version))
                continue;
            unit_expect_error(
                typed_of(filled[i].type)->put(&writer, (uint8_t)version, &filled[i].in),
                SIMC_EINVAL);
        }
    }
}
END_TEST

/* ---- all rows, values at their ends ---- */

static void check_round_trip(struct naive *plan, const struct simc_rules *rules)
{
    static uint8_t again[70000];
    static const uint8_t ends[][8] = {{0}, {0, 1}, {0x7f, 0xff, 0xff, 0xff}, {0x80}, {1}};
    const struct typed *functions = typed_of(plan->message->type);
    for (size_t i = 0; functions && i < plan->message->content_count; i++) {
        const struct simc_content_row *content = &plan->message->content[i];
        const struct simc_parameter_row *row =
            naive_row(plan->message->interface, content->parameter, plan->version);
        if (!naive_belongs(content, plan->version, plan->transport))
            continue;
        for (size_t k = 0; k < UNIT_COUNT(ends) * 3; k++) {
            union any_struct any;
            struct simc_msg msg;
            plan->odd = i;
            plan->odd_count = (uint32_t)(k / UNIT_COUNT(ends));
            plan->odd_value = ends[k % UNIT_COUNT(ends)];
            plan->odd_size = row->size_min == row->size_max && row->size_max <= 8 ? row->size_max
                             : row->size_min <= 8 && row->size_max >= 8           ? 8
                                                                                  : 0;
            if (!plan->odd_size)
                plan->odd_value = NULL;
            struct simc_slice bytes = naive_build(plan);
            if (simc_msg_decode(rules, bytes, &msg, NULL)) {
                unit_expect_error(functions->get(&msg, &any), SIMC_EINVAL);
                continue;
            }
            unit_expect_error(functions->get(&msg, &any), 0);
            struct simc_writer writer = simc_writer(again, sizeof again);
            unit_expect_error(functions->put(&writer, plan->version, &any), 0);
            unit_expect_bytes(simc_slice(again, writer.at), bytes);
            for (size_t other = 0; other < UNIT_COUNT(typed); other++) {
                if (&typed[other] != functions)
                    unit_expect_error(typed[other].get(&msg, &any), SIMC_EINVAL);
            }
        }
    }
}

START_TEST(every_row_makes_the_round_trip)
{
    naive_each_message(check_round_trip);
}
END_TEST

/* ---- what is refused ---- */

#define CW           \
    BYTES("\x00\x01" \
          "12345678")

static const struct {
    const char *what;
    uint16_t type;
    uint8_t version;
    union any_struct in;
} refused[] = {
    {"no has_ecm_id", 0x0101, 3, {.ecmg_stream_setup = {1, 2, false, 3, 4}}},
    {"no has_ecm_id", 0x0103, 2, {.ecmg_stream_status = {1, 2, false, 3, true}}},
    {"no has_data_id", 0x0111, 5, {.emmg_stream_setup = {1, 2, 3, false, 4, 1}}},
    {"no has_data_id", 0x0113, 3, {.emmg_stream_status = {1, 2, 3, false, 4, 1}}},
    {"no has_data_id over UDP",
     0x0211,
     3,
     {.emmg_data_provision = {1, false, 0, false, 0, false, 0, ITEMS(BYTES("x"))}}},
    {"no datagram", 0x0211, 3, {.emmg_data_provision = {1, true, 2, true, 3, true, 4, {0}}}},
    {"no error_status", 0x0005, 3, {.ecmg_channel_error = {1, {0}, {0}}}},
    {"an error_status of one byte", 0x0005, 3, {.ecmg_channel_error = {1, ITEMS(BYTES("x")), {0}}}},
    {"an error_status of three bytes, the second",
     0x0116,
     3,
     {.emmg_stream_error = {1, 2, 3, ITEMS(BYTES("xx"), BYTES("xxx")), {0}}}},
    {"no control word", 0x0201, 3, {.ecmg_cw_provision = {.cp_number = 1}}},
    {"a CP number without a control word",
     0x0201,
     3,
     {.ecmg_cw_provision = {.cp_cw_combination = ITEMS(CW, BYTES("\x00\x02"))}}},
    {"a control word of 16 bytes in version 1",
     0x0201,
     1,
     {.ecmg_cw_provision = {.cp_cw_combination = ITEMS(BYTES("\x00\x02"
                                                             "0123456789abcdef"))}}},
    {"a control word of 7 bytes in version 1",
     0x0201,
     1,
     {.ecmg_cw_provision = {.cp_cw_combination = ITEMS(BYTES("\x00\x02"
                                                             "0123456"))}}},
    {"a data_type of 3", 0x0111, 3, {.emmg_stream_setup = {1, 2, 3, true, 4, 3}}},
    {"any data in version 3", 0x0011, 3, {.emmg_channel_setup = {1, 2, 2}}},
    {"any data in version 3", 0x0013, 3, {.emmg_channel_status = {1, 2, 2}}},
    {"a flag of 3 in version 5", 0x0011, 5, {.emmg_channel_setup = {1, 2, 3}}},
    {"a count without items",
     0x0201,
     3,
     {.ecmg_cw_provision = {.cp_cw_combination = {.count = 2}}}},
};

START_TEST(what_no_receiver_would_take_is_not_written)
{
    uint8_t room[256];
    for (size_t i = 0; i < UNIT_COUNT(refused); i++) {
        const struct typed *functions = typed_of(refused[i].type);
        struct simc_writer writer = simc_writer(room, sizeof room);
        int error = functions->put(&writer, refused[i].version, &refused[i].in);
        if (error != SIMC_EINVAL)
            ck_abort_msg("%s: %s", refused[i].what, simc_error_name(error));
    }
}
END_TEST

START_TEST(too_much_is_too_long)
{
    static uint8_t big[70000], room[400000];
    static const struct {
        size_t size, count;
        int error;
    } cases[] = {
        {65535 - 22, 1, 0}, {65535 - 21, 1, SIMC_ETOOLONG}, {65535, 1, SIMC_ETOOLONG},
        {5000, 13, 0},      {5000, 14, SIMC_ETOOLONG},      {65535, 2, SIMC_ETOOLONG},
        {0, 16378, 0},      {0, 16379, SIMC_ETOOLONG},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct simc_slice *items = calloc(cases[i].count, sizeof *items);
        ck_assert_ptr_nonnull(items);
        for (size_t k = 0; k < cases[i].count; k++)
            items[k] = simc_slice(big, cases[i].size);
        /* client_id 8 and data_id 6 bytes, then 4 bytes and the value for each datagram */
        const struct simc_emmg_data_provision in = {
            .has_data_id = true, .datagram = {(uint32_t)cases[i].count, items, {{0}, 0, 0}, 0}};
        struct simc_writer writer = simc_writer(room, sizeof room);
        int error = simc_emmg_data_provision_put(&writer, 3, &in);
        size_t size = 5 + 14 + cases[i].count * (4 + cases[i].size);
        bool fits = size <= SIMC_MSG_SIZE_MAX;
        if (error != (fits ? 0 : SIMC_ETOOLONG))
            ck_abort_msg("case %zu: %s", i, simc_error_name(error));
        if (fits)
            ck_assert_uint_eq(writer.at, size);
        free(items);
    }
    const struct simc_ecmg_ecm_response in = {.ecm_datagram = simc_slice(big, 65536)};
    struct simc_writer writer = simc_writer(room, sizeof room);
    ck_assert_int_lt(simc_ecmg_ecm_response_put(&writer, 3, &in), 0);
}
END_TEST

START_TEST(both_forms_of_data_provision_are_read_by_their_transport)
{
    struct unit_bytes bytes = unit_hex("03 0211 0023 0001 0004 00000001 0003 0002 0002"
                                       " 0004 0002 0003 0008 0002 0004 0005 0005 8270024142");
    struct simc_rules rules = {.interface = NULL};
    struct simc_msg msg;
    struct simc_emmg_data_provision data;
    struct simc_slice value;
    for (int udp = 0; udp < 2; udp++) {
        rules.transport = udp ? SIMC_TRANSPORT_UDP : SIMC_TRANSPORT_TCP;
        unit_expect_error(simc_msg_decode(&rules, unit_slice(&bytes), &msg, NULL), 0);
        unit_expect_error(simc_emmg_data_provision_get(&msg, &data), 0);
        /* Over UDP the two ids are accepted and ignored. */
        ck_assert(data.has_data_channel_id == !udp && data.has_data_stream_id == !udp);
        ck_assert_uint_eq(data.data_channel_id, udp ? 0 : 2);
        ck_assert_uint_eq(data.data_stream_id, udp ? 0 : 3);
        ck_assert_uint_eq(msg.skipped_count, udp ? 2 : 0);
        ck_assert(data.has_data_id && data.data_id == 4);
        ck_assert_uint_eq(data.datagram.count, 1);
        unit_expect_error(simc_values_next(&data.datagram, &value), 0);
        unit_expect_hex(value, "82 70 02 41 42");
        ck_assert_ptr_eq(value.data, bytes.data + bytes.size - 5);
    }
}
END_TEST

START_TEST(a_version_without_rows_fills_no_struct)
{
    struct unit_bytes bytes = unit_hex("00 0002 0006 000e 0002 0001");
    const struct simc_rules rules = {.versions = 1};
    struct simc_msg msg;
    struct simc_ecmg_channel_test test;
    unit_expect_error(simc_msg_decode(&rules, unit_slice(&bytes), &msg, NULL), 0);
    ck_assert_uint_eq(msg.skipped_count, 1);
    unit_expect_error(simc_ecmg_channel_test_get(&msg, &test), SIMC_EINVAL);
}
END_TEST

Suite *suite_typed(void);

Suite *suite_typed(void)
{
    Suite *suite = suite_create("typed");
    TCase *tcase = tcase_create("typed");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, each_struct_gives_its_bytes_and_comes_back);
    tcase_add_test(tcase, what_is_absent_reads_as_zero);
    tcase_add_test(tcase, without_room_the_need_is_told);
    tcase_add_test(tcase, only_versions_of_the_interface_are_written);
    tcase_add_test(tcase, every_row_makes_the_round_trip);
    tcase_add_test(tcase, what_no_receiver_would_take_is_not_written);
    tcase_add_test(tcase, too_much_is_too_long);
    tcase_add_test(tcase, both_forms_of_data_provision_are_read_by_their_transport);
    tcase_add_test(tcase, a_version_without_rows_fills_no_struct);
    suite_add_tcase(suite, tcase);
    return suite;
}
