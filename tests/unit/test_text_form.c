/* SPDX-License-Identifier: BSL-1.0 */
/* The text form and JSON: snapshots of what people see, the freedom that the parser gives, and the
 * promise that what is printed parses back to the same bytes, for any bytes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"
#include "unit/unit.h"

/* ---- snapshots ---- */

static const struct {
    const char *bytes;
    struct simc_rules rules;
    struct simc_print how;
    const char *text;
} snapshots[] = {
    {"03 0003 0039 000e 0002 0001 0002 0001 00 0003 0002 fe0c 0004 0002 0000 0007 0002 0064"
     " 0008 0002 0000 0009 0002 0032 000a 0001 01 000b 0001 02 000c 0002 03e8",
     {.strict = false},
     {.plain = false},
     "ECMG-SCS channel_status version=3 {\n"
     "  ECM_channel_id = 1\n"
     "  section_TSpkt_flag = 0\n"
     "  delay_start = -500  # ms\n"
     "  delay_stop = 0  # ms\n"
     "  ECM_rep_period = 100  # ms\n"
     "  max_streams = 0\n"
     "  min_CP_duration = 50  # 5.0 s\n"
     "  lead_CW = 1\n"
     "  CW_per_msg = 2\n"
     "  max_comp_time = 1000  # ms\n"
     "}\n"},
    {"03 0201 002e 000e 0002 0001 000f 0002 0002 0012 0002 0010 0014 000a 001010203060405060f0"
     " 0013 0002 0078 000d 0004 01020304",
     {.strict = false},
     {.show_secrets = true, .plain = true},
     "ECMG-SCS CW_provision version=3 {\n"
     "  ECM_channel_id = 1\n"
     "  ECM_stream_id = 2\n"
     "  CP_number = 16\n"
     "  CP_CW_combination = CP 16 CW 10203060405060f0\n"
     "  CP_duration = 120\n"
     "  access_criteria = bytes:01020304\n"
     "}\n"},
    {"03 0005 001b 000e 0002 0001 7000 0002 0010 7000 0002 0099 7001 0005 226e6f22 41",
     {.strict = false},
     {.indent = 4},
     "    ECMG-SCS channel_error version=3 {\n"
     "      ECM_channel_id = 1\n"
     "      error_status = 0x0010  # missing mandatory DVB parameter\n"
     "      error_status = 0x0099  # no status of this interface\n"
     "      error_information = bytes:226e6f2241  # \"\\\"no\\\"A\"\n"
     "    }\n"},
    {"04 0408 0037 0001 0002 0001 0006 0002 0007 000b 0008 07ea0b150c000000 0005 001b 0009 0002 "
     "0021"
     " 0008 0004 abcd0001 000a 0004 01020304 0010 0001 01",
     {.strict = false},
     {.plain = true},
     "EIS-SCS SCG_provision version=4 {\n"
     "  EIS_channel_id = 1\n"
     "  SCG_id = 7\n"
     "  activation_time = 2026-11-21T12:00:00.00\n"
     "  ECM_Group = {\n"
     "    ECM_id = 33\n"
     "    Super_CAS_id = 0xABCD0001\n"
     "    access_criteria = bytes:01020304\n"
     "    AC_changed_flag = true\n"
     "  }\n"
     "}\n"},
    {"04 040b 0023 0001 0002 0001 7000 0002 000d 7002 0004 412022 5c 7002 0001 0a 0002 0001 02"
     " 000b 0002 0102",
     {.strict = false},
     {.plain = false},
     "EIS-SCS SCG_error version=4 {\n"
     "  # FAULT: SCG_id is missing in SCG_error, must occur once (unconfirmed rule)"
     " (error_status 0x0006)\n"
     "  EIS_channel_id = 1\n"
     "  error_status = 0x000D  # activation_time is possibly too soon to be accurate\n"
     "  error_description = \"A \\\"\\\\\"\n"
     "  error_description = bytes:0a\n"
     "  service_flag = bytes:02  # does not belong here: skipped\n"
     "  activation_time = bytes:0102  # does not belong here: skipped\n"
     "}\n"},
    {"03 0111 0026 0001 0004 abcd0001 0003 0002 0001 0004 0002 0002 0008 0002 0021 0007 0001 00"
     " 8001 0003 616263",
     {.strict = false},
     {.plain = false},
     "EMMG-MUX stream_setup version=3 {\n"
     "  client_id = 0xABCD0001\n"
     "  data_channel_id = 1\n"
     "  data_stream_id = 2\n"
     "  data_id = 33\n"
     "  data_type = 0\n"
     "  0x8001 = bytes:616263  # unknown: skipped\n"
     "}\n"},
    {"03 0211 001c 0001 0004 abcd0001 0003 0002 0001 0008 0002 0021 0005 0002 8270",
     {.transport = SIMC_TRANSPORT_UDP},
     {.plain = false},
     "EMMG-MUX data_provision version=3 {\n"
     "  client_id = 0xABCD0001\n"
     "  data_channel_id = 1  # does not belong here: skipped\n"
     "  data_id = 33\n"
     "  datagram = bytes:8270\n"
     "}\n"},
    {"03 0101 0009 0019 0002 0021 00 00 00",
     {.strict = false},
     {.plain = false},
     "ECMG-SCS stream_setup version=3 {\n"
     "  # FAULT: 3 trailing bytes 0x00 0x00 0x00 at offset 11 after parameter ECM_id in"
     " stream_setup (error_status 0x0001)\n"
     "  ECM_id = 33\n"
     "  raw = bytes:000000\n"
     "}\n"},
    {"03 0101 0009 0019 0002 0021",
     {.strict = false},
     {.plain = true},
     "ECMG-SCS stream_setup version=3 length=9 {\n"
     "  ECM_id = 33\n"
     "}\n"},
    {"ff 8001 0000", {.strict = false}, {.plain = false}, "unknown 0x8001 version=255 {\n}\n"},
    {"03",
     {.strict = false},
     {.show_secrets = true},
     "# FAULT: 1 byte, but a message header has 5\n"
     "raw = bytes:03\n"},
    {"04 0408 001b 0005 0017 0010 0001 02 0009 0001 21 8000 0002 4142 0005 0003 616263",
     {.strict = false},
     {.plain = true},
     "EIS-SCS SCG_provision version=4 {\n"
     "  ECM_Group = {\n"
     "    AC_changed_flag = bytes:02\n"
     "    ECM_id = bytes:21\n"
     "    0x8000 = bytes:4142\n"
     "    ECM_Group = bytes:616263\n"
     "  }\n"
     "}\n"},
    {"03 0002 0006 000e 0002 0001",
     {.strict = false},
     {.form = SIMC_PRINT_JSON},
     "{\"interface\":\"ECMG-SCS\",\"message\":\"channel_test\",\"size\":11,\"type\":2,\"version\":"
     "3,"
     "\"message_length\":6,\"parameters\":[{\"name\":\"ECM_channel_id\",\"code\":14,\"offset\":5,"
     "\"length\":2,\"value\":1}]}"},
    {"03 0103 0005 0011 0001 02",
     {.strict = false},
     {.form = SIMC_PRINT_JSON},
     "{\"interface\":\"ECMG-SCS\",\"message\":\"stream_status\",\"size\":10,\"type\":259,"
     "\"version\":3,"
     "\"message_length\":5,\"parameters\":[{\"name\":\"access_criteria_transfer_mode\",\"code\":17,"
     "\"offset\":5,\"length\":1,\"bytes\":\"02\"}],\"fault\":{\"kind\":\"invalid "
     "value\",\"offset\":5,"
     "\"error_status\":17,\"parameter\":17,\"text\":\"value of access_criteria_transfer_mode is 2,"
     " must be 0 to 1, at offset 5 in stream_status\"}}"},
    {"03 0012 0003 000102",
     {.strict = false},
     {.form = SIMC_PRINT_JSON},
     "{\"interface\":\"EMMG-MUX\",\"message\":\"channel_test\",\"size\":8,\"type\":18,\"version\":"
     "3,"
     "\"message_length\":3,\"parameters\":[],\"raw\":\"000102\",\"fault\":{\"kind\":\"framing\","
     "\"offset\":5,\"error_status\":1,\"text\":\"3 trailing bytes 0x00 0x01 0x02 at offset 5 in"
     " channel_test\"}}"},
};

START_TEST(people_see_these_texts)
{
    for (size_t i = 0; i < UNIT_COUNT(snapshots); i++) {
        struct unit_bytes bytes = unit_hex(snapshots[i].bytes);
        struct simc_rules rules = snapshots[i].rules;
        struct simc_msg msg;
        struct simc_fault fault;
        char text[2000];
        if (strstr(snapshots[i].text, "unconfirmed"))
            rules.unconfirmed = true;
        /* The snapshots are about the parameters: message_length is filled in where it is left. */
        if (bytes.size > 5 && !strstr(snapshots[i].text, "length=9"))
            bytes.data[4] = (uint8_t)(bytes.size - 5);
        int error = simc_msg_decode(&rules, unit_slice(&bytes), &msg, &fault);
        struct simc_writer out = simc_writer(text, sizeof text);
        bool wants_fault = strstr(snapshots[i].text, "FAULT") || strstr(snapshots[i].text, "fault");
        simc_msg_print(&msg, error && wants_fault ? &fault : NULL, &snapshots[i].how, &out);
        unit_expect_error(out.error, 0);
        unit_expect_text(simc_slice(text, out.at), snapshots[i].text);
        /* With too little room nothing is written past it and the need is told. */
        for (size_t capacity = 0; capacity < out.at; capacity += 7) {
            uint8_t *exact = unit_exact(simc_slice(text, capacity));
            struct simc_writer small = simc_writer(exact, capacity);
            simc_msg_print(&msg, error && wants_fault ? &fault : NULL, &snapshots[i].how, &small);
            unit_expect_error(small.error, SIMC_ENOSPC);
            ck_assert_uint_eq(small.at, out.at);
            free(exact);
        }
    }
}
END_TEST

/* ---- what may be written ---- */

static const struct {
    const char *text, *bytes;
} texts[] = {
    {"ECMG-SCS channel_test {\nECM_channel_id = 1\n}", "03 0002 0006 000e 0002 0001"},
    {"ecmg CHANNEL_TEST { # open\r\n\tecm_CHANNEL_id=0x1 # one\r\n}\r\n",
     "03 0002 0006 000e 0002 0001"},
    {"ECMG-SCS channel_test version = 2 {\n}", "02 0002 0000"},
    {"ECMG-SCS channel_test version=2 version=5 length=0x10 {\n}", "05 0002 0010"},
    {"ECMG-SCS channel_test {}", "03 0002 0000"},
    {"ECMG-SCS 0x0411 version=0 {\n 0xFfFf = bytes:00\n}", "00 0411 0005 ffff 0001 00"},
    {"EIS-SCS channel_set-up {\n}", "04 0401 0000"},
    {"(P)SIG-MUX stream_setup {\n packet_id = 8192\n}", "04 0421 0006 0006 0002 2000"},
    {"C(P)SIG-(P)SIG channel_test {\n insertion_delay = -1\n}", "03 0303 0006 0113 0002 ffff"},
    {"unknown 0x8001 {\n 0x0001 = \"a\\\"\\\\\\n\\r\\t\"\n}",
     "00 8001 000a 0001 0006 61225c0a0d09"},
    {"unknown 0x8001 version=7 {\n 0x0001 = bytes:\n}", "07 8001 0004 0001 0000"},
    {"ECMG-SCS CW_provision {\n access_criteria = \"#{}=\"\n access_criteria = \"\"\n}",
     "03 0201 000c 000d 0004 237b7d3d 000d 0000"},
    {"ECMG-SCS CW_provision {\n CP_number = bytes:01\n CP_CW_combination = bytes:\n}",
     "03 0201 0009 0012 0001 01 0014 0000"},
    {"ECMG-SCS CW_provision {\n CP_CW_combination = cp 0x10 cw AAbb\n}",
     "03 0201 0008 0014 0004 0010 aabb"},
    {"ECMG-SCS channel_status {\n delay_start = -32768\n delay_start = +32767\n delay_stop = "
     "0x10\n}",
     "03 0003 0012 0003 0002 8000 0003 0002 7fff 0004 0002 0010"},
    {"ECMG-SCS stream_status {\n access_criteria_transfer_mode = TRUE\n"
     " access_criteria_transfer_mode = 0\n}",
     "03 0103 000a 0011 0001 01 0011 0001 00"},
    {"EIS-SCS SCG_provision {\n ECM_Group = {}\n ECM_Group = {\n raw = bytes:00\n }\n"
     " ECM_Group = bytes:00\n}",
     "04 0408 000e 0005 0000 0005 0001 00 0005 0001 00"},
    {"EIS-SCS SCG_provision {\n activation_time = 0000-01-01T23:59:60.99\n}",
     "04 0408 000c 000b 0008 0000 01 01 17 3b 3c 63"},
    {"ECMG-SCS channel_test {\n raw = bytes:00\n raw = bytes:0e00\n}", "03 0002 0003 000e00"},
    {"raw = bytes:", ""},
    {"raw = bytes:ff00", "ff00"},
};

START_TEST(the_parser_leaves_people_their_freedom)
{
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        uint8_t room[128];
        struct simc_parse_fault fault;
        size_t used = 0, line = 1, size = strlen(texts[i].text);
        uint8_t *exact = unit_exact(simc_slice(texts[i].text, size));
        struct simc_writer out = simc_writer(room, sizeof room);
        int error = simc_msg_parse(simc_slice(exact, size), &out, &used, &line, &fault);
        ck_assert_msg(error == 0, "%s\n%zu:%zu: %s", texts[i].text, fault.line, fault.column,
                      fault.text);
        unit_expect_hex(simc_slice(room, out.at), texts[i].bytes);
        ck_assert_uint_eq(used, size);
        struct simc_writer none = simc_writer(NULL, 0);
        error = simc_msg_parse(simc_slice(exact, size), &none, NULL, NULL, NULL);
        unit_expect_error(error, out.at ? SIMC_ENOSPC : 0);
        ck_assert_uint_eq(none.at, out.at);
        free(exact);
    }
}
END_TEST

START_TEST(several_messages_are_read_one_after_the_other)
{
    static const char text[] = "\n# first\n  ECMG-SCS channel_test {\n  }  # done\n"
                               "\n"
                               "raw = bytes:01\n"
                               "    ECMG-SCS channel_tset {\n    }\n";
    struct simc_slice left = simc_slice_text(text);
    uint8_t room[64];
    struct simc_parse_fault fault;
    size_t used, line = 1;
    struct simc_writer out = simc_writer(room, sizeof room);
    unit_expect_error(simc_msg_parse(left, &out, &used, &line, &fault), 0);
    ck_assert_uint_eq(line, 6);
    left = simc_slice(left.data + used, left.size - used);
    unit_expect_error(simc_msg_parse(left, &out, &used, &line, &fault), 0);
    ck_assert_uint_eq(line, 7);
    unit_expect_hex(simc_slice(room, out.at), "03 0002 0000 01");
    left = simc_slice(left.data + used, left.size - used);
    /* The column counts the blanks in front of the message. */
    unit_expect_error(simc_msg_parse(left, &out, &used, &line, &fault), SIMC_ESYNTAX);
    ck_assert_uint_eq(fault.line, 7);
    ck_assert_uint_eq(fault.column, 14);
    static const char *const nothing[] = {"", "\n", " \t\r\n", "# a comment", "\n  # two\n\n"};
    for (size_t i = 0; i < UNIT_COUNT(nothing); i++)
        unit_expect_error(simc_msg_parse(simc_slice_text(nothing[i]), &out, &used, &line, &fault),
                          SIMC_EEND);
}
END_TEST

START_TEST(a_text_of_too_many_bytes_is_too_long)
{
    enum { VALUE = 65532 };
    static uint8_t text[300000], room[200000];
    struct simc_writer writer = simc_writer(text, sizeof text);
    static const char head[] = "unknown 0x8000 {\n0x0001 = bytes:", tail[] = "\n}\n";
    for (size_t extra = 0; extra < 2; extra++) {
        writer = simc_writer(text, sizeof text);
        simc_writer_slice(&writer, simc_slice_text(head));
        for (size_t i = 0; i < 2 * (VALUE - 1 + extra); i++)
            simc_writer_u8(&writer, 'a');
        simc_writer_slice(&writer, simc_slice_text(tail));
        ck_assert_int_eq(writer.error, 0);
        struct simc_writer out = simc_writer(room, sizeof room);
        int error = simc_msg_parse(simc_slice(text, writer.at), &out, NULL, NULL, NULL);
        unit_expect_error(error, extra ? SIMC_ETOOLONG : 0);
        ck_assert(extra || out.at == SIMC_MSG_SIZE_MAX);
    }
}
END_TEST

/* ---- any bytes ---- */

static uint8_t random_byte(struct unit_random *random)
{
    static const uint8_t usual[] = {0, 1, 2, 3, 4, 8, 0x0e, 0x14, 0x20, 0x22, 0x5c, 0x7f, 0xff};
    uint64_t number = unit_random_next(random);
    return number & 1 ? usual[(number >> 8) % sizeof usual] : (uint8_t)(number >> 16);
}

static void put_random_parameter(struct unit_random *random, struct simc_writer *out,
                                 const struct simc_interface *on, bool in_group)
{
    static const uint8_t date[] = {0x07, 0xea, 11, 21, 12, 0, 0, 0};
    const struct simc_parameter_row *row =
        &on->parameters[unit_random_below(random, on->parameter_count)];
    uint16_t code = unit_random_below(random, 8) ? row->code : (uint16_t)unit_random_next(random);
    size_t size = unit_random_below(random, 4) ? row->size_min : unit_random_below(random, 12);
    size_t start = simc_msg_begin_group(out, code);
    if (row->type == SIMC_VALUE_GROUP && !in_group) {
        for (uint64_t i = unit_random_below(random, 5); i > 0; i--)
            put_random_parameter(random, out, on, true);
        size = unit_random_below(random, 4) ? 0 : 1;
    }
    bool ascii = unit_random_below(random, 3) == 0;
    for (size_t i = 0; i < size; i++)
        simc_writer_u8(out, row->type == SIMC_VALUE_DATE && ascii ? date[i % 8]
                            : ascii ? (uint8_t)(' ' + unit_random_below(random, 95))
                                    : random_byte(random));
    simc_msg_end_group(out, start);
}

static size_t random_message(struct unit_random *random, uint8_t *room, size_t capacity)
{
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    const struct simc_interface *on = interfaces[unit_random_below(random, count)];
    const struct simc_message_row *row =
        &on->messages[unit_random_below(random, on->message_count)];
    struct simc_writer out = simc_writer(room, capacity);
    if (unit_random_below(random, 16) == 0) {
        size_t size = unit_random_below(random, 60);
        for (size_t i = 0; i < size; i++)
            room[i] = random_byte(random);
        return size;
    }
    uint8_t version = unit_random_below(random, 8) ? on->version : random_byte(random);
    size_t start = simc_msg_begin(&out, version, row->type);
    for (uint64_t i = unit_random_below(random, 8); i > 0; i--)
        put_random_parameter(random, &out, on, false);
    if (unit_random_below(random, 4) == 0) {
        for (uint64_t i = unit_random_below(random, 9); i > 0; i--)
            simc_writer_u8(&out, random_byte(random));
    }
    unit_expect_error(simc_msg_end(&out, start), 0);
    /* Some damage. */
    while (unit_random_below(random, 4) == 0 && out.at)
        room[unit_random_below(random, out.at)] = random_byte(random);
    if (unit_random_below(random, 16) == 0)
        out.at = unit_random_below(random, out.at + 1);
    return out.at;
}

START_TEST(what_is_printed_parses_back)
{
    struct unit_random random = unit_random(20261121);
    static uint8_t room[4000], back[4000];
    static char text[40000];
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    for (int round = 0; round < 20000; round++) {
        size_t size = random_message(&random, room, sizeof room);
        uint8_t *exact = unit_exact(simc_slice(room, size));
        uint64_t choice = unit_random_next(&random);
        const struct simc_rules rules = {
            .interface = choice & 3 ? NULL : interfaces[(choice >> 8) % count],
            .strict = choice >> 16 & 1,
            .unconfirmed = choice >> 17 & 1,
            .transport = choice >> 18 & 3 ? SIMC_TRANSPORT_TCP : SIMC_TRANSPORT_UDP};
        struct simc_print how = {.show_secrets = choice >> 20 & 3,
                                 .plain = choice >> 22 & 1,
                                 .indent = choice >> 23 & 7};
        struct simc_msg msg;
        struct simc_fault fault;
        struct simc_parse_fault bad;
        int error = simc_msg_decode(&rules, simc_slice(exact, size), &msg, &fault);
        struct simc_writer out = simc_writer(text, sizeof text);
        simc_msg_print(&msg, error ? &fault : NULL, &how, &out);
        ck_assert_int_eq(out.error, 0);
        struct simc_writer bytes = simc_writer(back, sizeof back);
        error = simc_msg_parse(simc_slice(text, out.at), &bytes, NULL, NULL, &bad);
        bool masked = memmem(text, out.at, "masked:", 7) != NULL;
        if (how.show_secrets ? error || masked : error && !masked)
            ck_abort_msg("round %d: %zu:%zu %s in\n%.*s", round, bad.line, bad.column, bad.text,
                         (int)out.at, text);
        if (!error)
            unit_expect_bytes(simc_slice(back, bytes.at), simc_slice(room, size));
        how.form = SIMC_PRINT_JSON;
        struct simc_writer json = simc_writer(text, sizeof text);
        simc_msg_print(&msg, NULL, &how, &json);
        if (json.error || !unit_json_is_valid(simc_slice(text, json.at), NULL))
            ck_abort_msg("round %d: no JSON: %.*s", round, (int)json.at, text);
        free(exact);
    }
}
END_TEST

Suite *suite_text_form(void);

Suite *suite_text_form(void)
{
    Suite *suite = suite_create("text_form");
    TCase *tcase = tcase_create("text_form");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, people_see_these_texts);
    tcase_add_test(tcase, the_parser_leaves_people_their_freedom);
    tcase_add_test(tcase, several_messages_are_read_one_after_the_other);
    tcase_add_test(tcase, a_text_of_too_many_bytes_is_too_long);
    tcase_add_test(tcase, what_is_printed_parses_back);
    suite_add_tcase(suite, tcase);
    return suite;
}
