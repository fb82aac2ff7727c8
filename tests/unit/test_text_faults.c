/* SPDX-License-Identifier: BSL-1.0 */
/* Sentences for people, word by word: what simc_fault_text() says of a bad message, and what
 * simc_msg_parse() says of a bad text, with line and column. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"
#include "unit/unit.h"

static const struct {
    const char *interface; /* NULL: not given */
    const char *bytes;
    struct simc_rules rules;
    const char *sentence;
} faulty[] = {
    {"ecmg", "", {.strict = false}, "0 bytes, but a message header has 5"},
    {"ecmg", "03", {.strict = false}, "1 byte, but a message header has 5"},
    {"ecmg", "03 00 01 00", {.strict = false}, "4 bytes, but a message header has 5"},
    {"ecmg",
     "03 0001 0001",
     {.strict = false},
     "message_length is 1, but 0 bytes follow the header"},
    {"ecmg",
     "03 0001 0000 00",
     {.strict = false},
     "message_length is 0, but 1 byte follows the header"},
    {"ecmg",
     "03 0001 000e 0000",
     {.strict = false},
     "message_length is 14, but 2 bytes follow the header"},
    {"ecmg",
     "03 0101 0019 000e 0002 0001 000f 0002 0002 0010 0002 0064 0019 0002 0021 00",
     {.strict = false},
     "1 trailing byte 0x00 at offset 29 after parameter ECM_id in stream_setup"},
    {"ecmg",
     "03 0101 001a 000e 0002 0001 000f 0002 0002 0010 0002 0064 0019 0002 0021 0010",
     {.strict = false},
     "2 trailing bytes 0x00 0x10 at offset 29 after parameter ECM_id in stream_setup"},
    {"ecmg",
     "03 0002 0003 000e00",
     {.strict = false},
     "3 trailing bytes 0x00 0x0e 0x00 at offset 5 in channel_test"},
    {"ecmg",
     "03 0201 0009 0012 0002 0010 102030",
     {.strict = false},
     "3 trailing bytes at offset 11 after parameter CP_number in CW_provision"},
    {"ecmg",
     "03 0002 0004 000e 0002",
     {.strict = false},
     "length of ECM_channel_id at offset 5 is 2, but nothing is left in channel_test"},
    {"ecmg",
     "03 0002 0005 000e 0002 00",
     {.strict = false},
     "length of ECM_channel_id at offset 5 is 2, but only 1 byte is left in channel_test"},
    {"ecmg",
     "03 0002 0005 8000 1234 00",
     {.strict = false},
     "length of parameter 0x8000 at offset 5 is 4660, but only 1 byte is left in channel_test"},
    {"ecmg",
     "03 0201 0007 0014 000a 001020",
     {.strict = false},
     "length of CP_CW_combination at offset 5 is 10, but only 3 bytes are left in CW_provision"},
    {"ecmg",
     "03 0201 0006 1020 3040 5060",
     {.strict = false},
     "a parameter at offset 5 is longer than the 2 bytes left in CW_provision"},
    {"eis",
     "04 0408 0005 0005 0001 00",
     {.strict = false},
     "1 trailing byte 0x00 at offset 9 in ECM_Group of SCG_provision"},
    {"eis",
     "04 0408 000b 0005 0007 0009 0002 0021 00",
     {.strict = false},
     "1 trailing byte 0x00 at offset 15 after parameter ECM_id in ECM_Group of SCG_provision"},
    {"eis",
     "04 0408 000a 0005 0006 0009 0003 0021",
     {.strict = false},
     "length of ECM_id at offset 9 is 3, but only 2 bytes are left in ECM_Group of SCG_provision"},
    {"ecmg", "04 0002 0000", {.strict = false}, "protocol_version is 4, must be 1, 2, 3 or 5"},
    {"eis", "01 0402 0000", {.strict = false}, "protocol_version is 1, must be 2, 3 or 4"},
    {"psig", "03 0412 0000", {.strict = false}, "protocol_version is 3, must be 4"},
    {"ecmg", "03 0006 0000", {.strict = true}, "message_type 0x0006 is unknown on ECMG-SCS"},
    {"ecmg",
     "03 0011 0000",
     {.strict = true},
     "message_type 0x0011 is unknown on ECMG-SCS (it is channel_setup of EMMG-MUX)"},
    {NULL, "03 8001 0000", {.strict = true}, "message_type 0x8001 is unknown"},
    {"emmg",
     "03 0011 0000",
     {.transport = SIMC_TRANSPORT_UDP},
     "channel_setup of EMMG-MUX does not travel over UDP"},
    {"ecmg",
     "03 0002 0006 000e 0002 0001",
     {.length_limit = 4},
     "message_length is 6, more than the limit of 4"},
    {"ecmg",
     "03 0002 0005 8000 0001 00",
     {.strict = true},
     "parameter 0x8000 at offset 5 is unknown in channel_test of version 3"},
    {"ecmg",
     "03 0002 0006 000f 0002 0001",
     {.strict = true},
     "ECM_stream_id (0x000f) at offset 5 does not belong in channel_test of version 3"},
    {"ecmg",
     "01 0101 0006 0019 0002 0021",
     {.strict = true},
     "ECM_id (0x0019) at offset 5 does not belong in stream_setup of version 1"},
    {"eis",
     "04 0408 0009 0005 0005 8000 0001 00",
     {.strict = true},
     "parameter 0x8000 at offset 9 is unknown in ECM_Group of SCG_provision of version 4"},
    {"eis",
     "04 0408 000a 0005 0006 0006 0002 0007",
     {.strict = true},
     "SCG_id (0x0006) at offset 9 does not belong in ECM_Group of SCG_provision of version 4"},
    {"ecmg",
     "03 0003 0008 0003 0004 fffffe0c",
     {.strict = false},
     "length of delay_start is 4, must be 2, at offset 5 in channel_status"},
    {"ecmg",
     "03 0201 0006 0014 0002 0010",
     {.strict = false},
     "length of CP_CW_combination is 2, must be at least 3, at offset 5 in CW_provision"},
    {"ecmg",
     "01 0201 000f 0014 000b 0010 112233445566778899",
     {.strict = false},
     "length of CP_CW_combination is 11, must be 10, at offset 5 in CW_provision"},
    {"eis",
     "04 0408 0009 0005 0005 0009 0001 21",
     {.strict = false},
     "length of ECM_id is 1, must be 2, at offset 9 in ECM_Group of SCG_provision"},
    {"ecmg",
     "03 0002 0000",
     {.strict = false},
     "ECM_channel_id is missing in channel_test, must occur once"},
    {"ecmg",
     "03 0005 0006 000e 0002 0001",
     {.strict = false},
     "error_status is missing in channel_error, must occur at least once"},
    {"ecmg",
     "03 0002 000c 000e 0002 0001 000e 0002 0001",
     {.strict = false},
     "ECM_channel_id occurs 2 times in channel_test, must occur once"},
    {"ecmg",
     "03 0201 001f 000e 0002 0001 000f 0002 0002 0012 0002 0001 000d 0000 000d 0000 0014 0001 01",
     {.strict = false},
     "length of CP_CW_combination is 1, must be at least 3, at offset 31 in CW_provision"},
    {"ecmg",
     "03 0201 0021 000e 0002 0001 000f 0002 0002 0012 0002 0001 0014 0003 000101 000d 0000 000d "
     "0000",
     {.strict = false},
     "access_criteria occurs 2 times in CW_provision, must occur at most once"},
    {"psig",
     "04 0412 0000",
     {.unconfirmed = true},
     "channel_id is missing in channel_test, must occur once (unconfirmed rule)"},
    {"psig",
     "04 0412 000c 0002 0002 0001 0002 0002 0001",
     {.unconfirmed = true},
     "channel_id occurs 2 times in channel_test, must occur once (unconfirmed rule)"},
    {"eis",
     "04 0408 0009 0005 0005 0010 0001 02",
     {.strict = false},
     "value of AC_changed_flag is 2, must be 0 to 1, at offset 9 in ECM_Group of SCG_provision"},
    {"eis",
     "04 0408 000a 0005 0006 0009 0002 0021",
     {.strict = false},
     "Super_CAS_id is missing in ECM_Group of SCG_provision, must occur once"},
    {"ecmg",
     "03 0103 0005 0011 0001 02",
     {.strict = false},
     "value of access_criteria_transfer_mode is 2, must be 0 to 1, at offset 5 in stream_status"},
    {"psig",
     "04 0421 0006 0006 0002 2000",
     {.strict = false},
     "value of packet_id is 8192, must be 0 to 8191, at offset 5 in stream_setup"},
    {"emmg",
     "03 0011 0005 0002 0001 02",
     {.strict = false},
     "value of section_TSpkt_flag is 2, must be 0 to 1, at offset 5 in channel_setup"},
    {"eis",
     "04 0408 000c 000b 0008 07ea 0d 15 0c 00 00 00",
     {.strict = false},
     "value of activation_time is no date, at offset 5 in SCG_provision"},
    {"ecmg", "03 0002 0006 000e 0002 0001", {.strict = false}, "no fault"},
};

START_TEST(faults_are_explained_in_one_sentence)
{
    for (size_t i = 0; i < UNIT_COUNT(faulty); i++) {
        struct unit_bytes bytes = unit_hex(faulty[i].bytes);
        struct simc_rules rules = faulty[i].rules;
        struct simc_msg msg;
        struct simc_fault fault;
        char text[400];
        if (faulty[i].interface)
            rules.interface = simc_interface_find(simc_slice_text(faulty[i].interface));
        uint8_t *exact = unit_exact(unit_slice(&bytes));
        int error = simc_msg_decode(&rules, simc_slice(exact, bytes.size), &msg, &fault);
        unit_expect_error(error, i + 1 < UNIT_COUNT(faulty) ? SIMC_EPROTO : 0);
        struct simc_writer out = simc_writer(text, sizeof text);
        simc_fault_text(&fault, &msg, &out);
        unit_expect_error(out.error, 0);
        unit_expect_text(simc_slice(text, out.at), faulty[i].sentence);
        /* Without room it is measured. */
        struct simc_writer none = simc_writer(NULL, 0);
        simc_fault_text(&fault, &msg, &none);
        ck_assert_uint_eq(none.at, out.at);
        free(exact);
    }
}
END_TEST

/* ---- texts that are no message ---- */

static const struct {
    const char *text;
    size_t line, column;
    const char *sentence;
} bad_texts[] = {
    {"{", 1, 1, "a message begins with the name of its interface"},
    {"=", 1, 1, "a message begins with the name of its interface"},
    {"\"text\"", 1, 1, "a message begins with the name of its interface"},
    {"ECMG", 1, 5, "the name of the message is expected here"},
    {"ECMG-SCS", 1, 9, "the name of the message is expected here"},
    {"ECMG-SCS {", 1, 10, "the name of the message is expected here"},
    {"ECMG-SCX channel_test {\n}", 1, 1,
     "there is no interface 'ECMG-SCX'; did you mean ECMG-SCS?"},
    {"nothing channel_test {\n}", 1, 1, "there is no interface 'nothing'"},
    {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmno"
     "pqrstuvwxyzabcdefghijklmnopqrstuvwxyz channel_test {\n}",
     1, 1, "there is no interface 'abcdefghijklmnopqrstuvwxyzabcdefghijklmn'"},
    {"ECMG-SCS channel_tset {\n}", 1, 10,
     "there is no message of ECMG-SCS named 'channel_tset'; did you mean channel_test?"},
    {"ECMG-SCS data_provision {\n}", 1, 10,
     "there is no message of ECMG-SCS named 'data_provision'; did you mean CW_provision?"},
    {"ECMG-SCS 2 {\n}", 1, 10, "there is no message of ECMG-SCS named '2'"},
    {"ECMG-SCS 0x {\n}", 1, 10, "a code is 0x0000 to 0xffff"},
    {"ECMG-SCS 0x10000 {\n}", 1, 10, "a code is 0x0000 to 0xffff"},
    {"unknown channel_test {\n}", 1, 9,
     "a message of an unknown interface is named by its type, 0x0300"},
    {"unknown", 1, 8, "the name of the message is expected here"},
    {"ECMG-SCS channel_test", 1, 22, "'{' is expected at the end of the message's head"},
    {"ECMG-SCS channel_test version", 1, 30, "'=' is expected behind version"},
    {"ECMG-SCS channel_test version=", 1, 31, "a protocol_version is 0 to 255"},
    {"ECMG-SCS channel_test version= {", 1, 32, "a protocol_version is 0 to 255"},
    {"ECMG-SCS channel_test version=256 {\n}", 1, 31, "a protocol_version is 0 to 255"},
    {"ECMG-SCS channel_test version=03 {\n}", 1, 31, "a protocol_version is 0 to 255"},
    {"ECMG-SCS channel_test version=-1 {\n}", 1, 31, "a protocol_version is 0 to 255"},
    {"ECMG-SCS channel_test length=65536 {\n}", 1, 30, "a message_length is 0 to 65535"},
    {"ECMG-SCS channel_test length {\n}", 1, 30, "'=' is expected behind length"},
    {"ECMG-SCS channel_test size=3 {\n}", 1, 23,
     "'size' is not expected here; a message is headed by its interface and name, version=N, "
     "length=N and '{'"},
    {"ECMG-SCS channel_test {\n} x", 2, 3, "the line should end here"},
    {"ECMG-SCS channel_test {\n", 2, 1, "the text ends before the closing '}'"},
    {"ECMG-SCS channel_test {\n  # nothing", 2, 12, "the text ends before the closing '}'"},
    {"ECMG-SCS channel_test {\n  =", 2, 3, "a parameter's name or '}' is expected here"},
    {"ECMG-SCS channel_test {\n  \"x\"", 2, 3, "a parameter's name or '}' is expected here"},
    {"ECMG-SCS channel_test {\n  {\n}", 2, 3, "a parameter's name or '}' is expected here"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id\n}", 2, 17,
     "'=' is expected behind the parameter's name"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id 1\n}", 2, 18,
     "'=' is expected behind the parameter's name"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id =\n}", 2, 19, "a value is missing here"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = # 1\n}", 2, 23, "a value is missing here"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = 1 2\n}", 2, 22, "the line should end here"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = 1 }", 2, 22, "the line should end here"},
    {"ECMG-SCS channel_test {\n  ECM_chanel_id = 1\n}", 2, 3,
     "there is no parameter of ECMG-SCS named 'ECM_chanel_id'; did you mean ECM_channel_id?"},
    {"ECMG-SCS channel_test {\n  something_else = 1\n}", 2, 3,
     "there is no parameter of ECMG-SCS named 'something_else'"},
    {"ECMG-SCS channel_test version=1 {\n  ECM_id = 1\n}", 2, 3,
     "version 1 of ECMG-SCS has no ECM_id"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = 65536\n}", 2, 20,
     "ECM_channel_id has 2 bytes and holds 0 to 65535"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = -1\n}", 2, 20,
     "'-1' is no number (write 16 or 0x10)"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = 010\n}", 2, 20,
     "'010' is no number (write 16 or 0x10)"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = 0x10000\n}", 2, 20,
     "ECM_channel_id has 2 bytes and holds 0 to 65535"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = one\n}", 2, 20,
     "'one' is no number (write 16 or 0x10)"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = 99999999999999999999\n}", 2, 20,
     "'99999999999999999999' is no number (write 16 or 0x10)"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = \"1\"\n}", 2, 20, "ECM_channel_id holds no text"},
    {"ECMG-SCS channel_test {\n  ECM_channel_id = {\n}\n}", 2, 20,
     "this parameter holds no other parameters"},
    {"ECMG-SCS channel_status {\n  lead_CW = 256\n}", 2, 13,
     "lead_CW has 1 byte and holds 0 to 255"},
    {"ECMG-SCS channel_status {\n  delay_start = 32768\n}", 2, 17,
     "delay_start has 2 bytes and holds -32768 to 32767"},
    {"ECMG-SCS channel_status {\n  delay_start = -32769\n}", 2, 17,
     "delay_start has 2 bytes and holds -32768 to 32767"},
    {"ECMG-SCS channel_status {\n  delay_start = --1\n}", 2, 17, "'--1' is no number (write -500)"},
    {"ECMG-SCS channel_status {\n  delay_start = 1.5\n}", 2, 17, "'1.5' is no number (write -500)"},
    {"ECMG-SCS stream_status {\n  access_criteria_transfer_mode = yes\n}", 2, 35,
     "'yes' is neither true nor false"},
    {"ECMG-SCS stream_status {\n  access_criteria_transfer_mode = 2\n}", 2, 35,
     "'2' is neither true nor false"},
    {"ECMG-SCS CW_provision {\n  access_criteria = 01020304\n}", 2, 21,
     "access_criteria holds bytes: write bytes: and hex digits, or a \"text\""},
    {"ECMG-SCS CW_provision {\n  access_criteria = bytes:0102030\n}", 2, 27,
     "an odd number of hex digits makes no whole bytes"},
    {"ECMG-SCS CW_provision {\n  access_criteria = bytes:01 02\n}", 2, 30,
     "the line should end here"},
    {"ECMG-SCS CW_provision {\n  access_criteria = bytes:01x2\n}", 2, 29, "'x2' is no hex byte"},
    {"ECMG-SCS CW_provision {\n  access_criteria = bytes:0x01\n}", 2, 27, "'0x' is no hex byte"},
    {"ECMG-SCS CW_provision {\n  access_criteria = bytes:01::\n}", 2, 29, "'::' is no hex byte"},
    {"ECMG-SCS CW_provision {\n  access_criteria = bytes: 01\n}", 2, 28,
     "the line should end here"},
    {"ECMG-SCS CW_provision {\n  access_criteria = BYTES:01\n}", 2, 21,
     "access_criteria holds bytes: write bytes: and hex digits, or a \"text\""},
    {"ECMG-SCS CW_provision {\n  access_criteria = \"abc\n}", 2, 25,
     "'\"' is expected at the end of the text"},
    {"ECMG-SCS CW_provision {\n  access_criteria = \"abc", 2, 25,
     "'\"' is expected at the end of the text"},
    {"ECMG-SCS CW_provision {\n  access_criteria = \"a\\x41\"\n}", 2, 24,
     "after '\\' only \" \\ n r t may stand; for other bytes use bytes:"},
    {"ECMG-SCS CW_provision {\n  access_criteria = \"a\\", 2, 24,
     "after '\\' only \" \\ n r t may stand; for other bytes use bytes:"},
    {"ECMG-SCS CW_provision {\n  access_criteria = \"a\" \"b\"\n}", 2, 25,
     "the line should end here"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = 16\n}", 2, 23,
     "a control word is written: CP 16 CW 10203060405060f0"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP\n}", 2, 23,
     "a control word is written: CP 16 CW 10203060405060f0"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP 16\n}", 2, 23,
     "a control word is written: CP 16 CW 10203060405060f0"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP 16 CW\n}", 2, 31,
     "the control word's hex digits are missing"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP 65536 CW 00\n}", 2, 26,
     "a CP number is 0 to 65535"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP x CW 00\n}", 2, 26,
     "a CP number is 0 to 65535"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP 16 CW 000\n}", 2, 32,
     "an odd number of hex digits makes no whole bytes"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP 16 CW 0g\n}", 2, 32, "'0g' is no hex byte"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = CP 16 CW masked:8:--------\n}", 2, 32,
     "the value is masked; print the message with --show-secrets"},
    {"ECMG-SCS CW_provision {\n  CP_CW_combination = \"x\"\n}", 2, 23,
     "CP_CW_combination holds no text"},
    {"ECMG-SCS CW_provision {\n  0x1020 = masked:4:12345678\n}", 2, 12,
     "the value is masked; print the message with --show-secrets"},
    {"ECMG-SCS CW_provision {\n  raw = masked:4:12345678\n}", 2, 9,
     "the value is masked; print the message with --show-secrets"},
    {"ECMG-SCS CW_provision {\n  raw = 00\n}", 2, 9, "write bytes: and hex digits"},
    {"ECMG-SCS CW_provision {\n  raw\n}", 2, 6, "'=' is expected behind the parameter's name"},
    {"ECMG-SCS CW_provision {\n  raw = \n}", 2, 9, "write bytes: and hex digits"},
    {"ECMG-SCS CW_provision {\n  0x8000 = 5\n}", 2, 12,
     "the value of an unknown parameter is written bytes: and hex digits"},
    {"ECMG-SCS CW_provision {\n  0x8000 = {\n}\n}", 2, 12,
     "this parameter holds no other parameters"},
    {"ECMG-SCS CW_provision {\n  0x18000 = bytes:00\n}", 2, 3, "a code is 0x0000 to 0xffff"},
    {"EIS-SCS SCG_provision {\n  ECM_Group = 1\n}", 2, 15,
     "ECM_Group holds parameters: write { ... }, or bytes: and hex digits"},
    {"EIS-SCS SCG_provision {\n  ECM_Group = \"a\"\n}", 2, 15, "ECM_Group holds no text"},
    {"EIS-SCS SCG_provision {\n  ECM_Group = {\n    ECM_Group = {\n    }\n  }\n}", 3, 17,
     "this parameter holds no other parameters"},
    {"EIS-SCS SCG_provision {\n  ECM_Group = {\n    ECM_id = 1\n", 4, 1,
     "the text ends before the closing '}'"},
    {"EIS-SCS SCG_provision {\n  ECM_Group = {\n    ECM_ix = 1\n  }\n}", 3, 5,
     "there is no parameter of EIS-SCS named 'ECM_ix'; did you mean ECM_id?"},
    {"EIS-SCS SCG_provision {\n  ECM_Group = {\n  } x\n}", 3, 5, "the line should end here"},
    {"EIS-SCS SCG_provision {\n  activation_time = 2026-11-21\n}", 2, 21,
     "'2026-11-21' is no date (write 2026-11-21T12:00:00.00)"},
    {"EIS-SCS SCG_provision {\n  activation_time = 2026-02-30T00:00:00.00\n}", 2, 21,
     "'2026-02-30T00:00:00.00' is no date (write 2026-11-21T12:00:00.00)"},
    {"EIS-SCS SCG_provision {\n  activation_time = 2026-11-21 12:00:00.00\n}", 2, 21,
     "'2026-11-21' is no date (write 2026-11-21T12:00:00.00)"},
    {"EIS-SCS SCG_provision {\n  activation_time = 2026-11-21T12:00:00.0x\n}", 2, 21,
     "'2026-11-21T12:00:00.0x' is no date (write 2026-11-21T12:00:00.00)"},
    {"EIS-SCS SCG_error {\n  error_description = hello\n}", 2, 23,
     "error_description holds bytes: write bytes: and hex digits, or a \"text\""},
    {"unknown 0x8000 {\n  ECM_id = 1\n}", 2, 3,
     "a parameter of an unknown interface is named by its type, 0x0001"},
    {"unknown 0x8000 {\n  0x0001 = 1\n}", 2, 12,
     "the value of an unknown parameter is written bytes: and hex digits"},
    {"raw", 1, 4, "'=' is expected behind raw"},
    {"raw 00", 1, 5, "'=' is expected behind raw"},
    {"raw = 00", 1, 7, "write bytes: and hex digits"},
    {"raw = bytes:0", 1, 13, "an odd number of hex digits makes no whole bytes"},
    {"raw = bytes:00 x", 1, 16, "the line should end here"},
    {"\n\n# one\n\n  \tECMG-SCS channel_tesst {\n}", 5, 13,
     "there is no message of ECMG-SCS named 'channel_tesst'; did you mean channel_test?"},
};

START_TEST(bad_texts_are_refused_with_line_column_and_reason)
{
    ck_assert_uint_ge(UNIT_COUNT(bad_texts), 60);
    for (size_t i = 0; i < UNIT_COUNT(bad_texts); i++) {
        uint8_t room[256];
        struct simc_parse_fault fault;
        size_t size = strlen(bad_texts[i].text), used = 7, line = 1;
        uint8_t *exact = unit_exact(simc_slice(bad_texts[i].text, size));
        struct simc_writer out = simc_writer(room, sizeof room);
        int error = simc_msg_parse(simc_slice(exact, size), &out, &used, &line, &fault);
        if (error != SIMC_ESYNTAX || fault.line != bad_texts[i].line ||
            fault.column != bad_texts[i].column || strcmp(fault.text, bad_texts[i].sentence) != 0)
            ck_abort_msg("%s\n%s %zu:%zu %s", bad_texts[i].text, simc_error_name(error), fault.line,
                         fault.column, fault.text);
        /* What is for success only is not touched. */
        ck_assert(used == 7 && line == 1);
        /* The line number goes on from what the caller says; a fault is not asked for. */
        line = 100;
        struct simc_writer again = simc_writer(room, sizeof room);
        unit_expect_error(simc_msg_parse(simc_slice(exact, size), &again, NULL, &line, &fault),
                          SIMC_ESYNTAX);
        ck_assert_uint_eq(fault.line, bad_texts[i].line + 99);
        struct simc_writer third = simc_writer(NULL, 0);
        unit_expect_error(simc_msg_parse(simc_slice(exact, size), &third, NULL, NULL, NULL),
                          SIMC_ESYNTAX);
        free(exact);
    }
}
END_TEST

START_TEST(a_good_text_cut_anywhere_is_refused_or_complete)
{
    static const char text[] = "EIS-SCS SCG_provision version=4 length=7 {\n"
                               "  SCG_id = 0x0007\n"
                               "  activation_time = 2026-11-21T12:00:00.00\n"
                               "  ECM_Group = { # one\n"
                               "    access_criteria = \"a\\\"b\"\n"
                               "    AC_changed_flag = true\n"
                               "  }\n"
                               "  0x8000 = bytes:00ff\n"
                               "  raw = bytes:01\n"
                               "}";
    for (size_t size = 0; size <= strlen(text); size++) {
        uint8_t room[256];
        struct simc_parse_fault fault;
        uint8_t *exact = unit_exact(simc_slice(text, size));
        struct simc_writer out = simc_writer(room, sizeof room);
        int error = simc_msg_parse(simc_slice(exact, size), &out, NULL, NULL, &fault);
        unit_expect_error(error, size == 0 ? SIMC_EEND : size == strlen(text) ? 0 : SIMC_ESYNTAX);
        ck_assert(error != SIMC_ESYNTAX || (fault.line > 0 && fault.column > 0 && fault.text[0]));
        free(exact);
    }
}
END_TEST

Suite *suite_text_faults(void);

Suite *suite_text_faults(void)
{
    Suite *suite = suite_create("text_faults");
    TCase *tcase = tcase_create("text_faults");
    tcase_add_test(tcase, faults_are_explained_in_one_sentence);
    tcase_add_test(tcase, bad_texts_are_refused_with_line_column_and_reason);
    tcase_add_test(tcase, a_good_text_cut_anywhere_is_refused_or_complete);
    suite_add_tcase(suite, tcase);
    return suite;
}
