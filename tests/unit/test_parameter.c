/* SPDX-License-Identifier: BSL-1.0 */
/* Type-length-value parameters: the cursor and its ends, repeated values, the compound values, and
 * writing of messages and groups with every way to run out of room. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"
#include "unit/unit.h"

static struct simc_parameter_cursor cursor_over(struct simc_slice bytes, uint32_t offset)
{
    struct simc_parameter_cursor cursor = {bytes, 0, offset};
    return cursor;
}

/* ---- reading ---- */

START_TEST(the_cursor_walks_in_order_and_tells_offsets)
{
    struct unit_bytes bytes = unit_hex("000e 0002 0001  0015 0000  8000 0003 aabbcc");
    struct simc_parameter_cursor cursor = cursor_over(unit_slice(&bytes), 5);
    struct simc_parameter parameter;
    static const struct {
        uint16_t code;
        uint32_t offset;
        const char *value;
    } wanted[] = {{0x000e, 5, "0001"}, {0x0015, 11, ""}, {0x8000, 15, "aabbcc"}};
    for (size_t i = 0; i < UNIT_COUNT(wanted); i++) {
        unit_expect_error(simc_parameter_next(&cursor, &parameter), 0);
        ck_assert_uint_eq(parameter.code, wanted[i].code);
        ck_assert_uint_eq(parameter.offset, wanted[i].offset);
        unit_expect_hex(parameter.value, wanted[i].value);
    }
    unit_expect_error(simc_parameter_next(&cursor, &parameter), SIMC_EEND);
    unit_expect_error(simc_parameter_next(&cursor, &parameter), SIMC_EEND);
    ck_assert_uint_eq(cursor.at, bytes.size);
}
END_TEST

START_TEST(what_is_no_whole_parameter_stops_the_cursor_there)
{
    static const struct {
        const char *bytes;
        size_t at; /* where the cursor stops */
    } cases[] = {
        {"00", 0},
        {"000e", 0},
        {"000e00", 0},
        {"000e 0001", 0},
        {"000e ffff 00", 0},
        {"000e 0000  00", 4},
        {"000e 0001 ff  000e 0002 00", 5},
        {"000e 0002 0001  0001 0004 060000", 6},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct unit_bytes bytes = unit_hex(cases[i].bytes);
        uint8_t *exact = unit_exact(unit_slice(&bytes));
        struct simc_parameter_cursor cursor = cursor_over(simc_slice(exact, bytes.size), 0);
        struct simc_parameter parameter;
        int error;
        while ((error = simc_parameter_next(&cursor, &parameter)) == 0) {
        }
        unit_expect_error(error, SIMC_EPROTO);
        ck_assert_uint_eq(cursor.at, cases[i].at);
        unit_expect_error(simc_parameter_next(&cursor, &parameter), SIMC_EPROTO);
        free(exact);
    }
}
END_TEST

START_TEST(an_empty_cursor_ends_at_once)
{
    struct simc_parameter_cursor cursor = cursor_over(simc_slice(NULL, 0), 0);
    struct simc_parameter parameter;
    unit_expect_error(simc_parameter_next(&cursor, &parameter), SIMC_EEND);
}
END_TEST

START_TEST(a_group_is_walked_with_offsets_of_the_message)
{
    struct unit_bytes bytes = unit_hex("0006 0002 0007  0005 000b 0009 0002 0021 0010 0001 01");
    struct simc_parameter_cursor cursor = cursor_over(unit_slice(&bytes), 5), inner;
    struct simc_parameter parameter;
    unit_expect_error(simc_parameter_next(&cursor, &parameter), 0);
    unit_expect_error(simc_parameter_next(&cursor, &parameter), 0);
    inner = simc_parameter_group(&parameter);
    unit_expect_error(simc_parameter_next(&inner, &parameter), 0);
    ck_assert_uint_eq(parameter.offset, 15);
    unit_expect_error(simc_parameter_next(&inner, &parameter), 0);
    ck_assert_uint_eq(parameter.offset, 21);
    ck_assert_uint_eq(parameter.code, 0x0010);
    unit_expect_error(simc_parameter_next(&inner, &parameter), SIMC_EEND);
    unit_expect_error(simc_parameter_next(&cursor, &parameter), SIMC_EEND);
}
END_TEST

START_TEST(values_come_from_a_message_or_from_items)
{
    struct unit_bytes bytes = unit_hex("7000 0002 0010  7001 0001 41  7000 0002 7001");
    struct simc_values values = {2, NULL, cursor_over(unit_slice(&bytes), 5), 0x7000};
    struct simc_slice value;
    unit_expect_error(simc_values_next(&values, &value), 0);
    unit_expect_hex(value, "0010");
    unit_expect_error(simc_values_next(&values, &value), 0);
    unit_expect_hex(value, "7001");
    unit_expect_error(simc_values_next(&values, &value), SIMC_EEND);

    const struct simc_slice items[] = {simc_slice("ab", 2), simc_slice("", 0), simc_slice("c", 1)};
    struct simc_values given = {3, items, {{NULL, 0}, 0, 0}, 0};
    for (size_t i = 0; i < 3; i++) {
        unit_expect_error(simc_values_next(&given, &value), 0);
        unit_expect_bytes(value, items[i]);
    }
    unit_expect_error(simc_values_next(&given, &value), SIMC_EEND);

    /* A count without so many occurrences ends where they end. */
    struct simc_values short_ones = {9, NULL, cursor_over(unit_slice(&bytes), 5), 0x7001};
    unit_expect_error(simc_values_next(&short_ones, &value), 0);
    unit_expect_error(simc_values_next(&short_ones, &value), SIMC_EEND);
    ck_assert_uint_eq(short_ones.count, 0);
}
END_TEST

/* ---- compound values ---- */

START_TEST(cp_cw_has_a_number_and_a_control_word)
{
    uint8_t bytes[2 + SIMC_SECRET_SIZE_MAX + 2], room[128];
    memset(bytes, 0x5a, sizeof bytes);
    bytes[0] = 0xff;
    bytes[1] = 0xfe;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint8_t *exact = unit_exact(simc_slice(bytes, size));
        struct simc_secret cw;
        uint16_t cp_number = 7;
        bool good = size >= 3 && size <= 2 + SIMC_SECRET_SIZE_MAX;
        int error = simc_cp_cw_get(simc_slice(exact, size), &cp_number, &cw);
        unit_expect_error(error, good ? 0 : SIMC_EPROTO);
        ck_assert_uint_eq(cp_number, good ? 0xfffe : 7);
        ck_assert_uint_eq(cw.size, good ? size - 2 : 0);
        if (good) {
            struct simc_writer writer = simc_writer(room, sizeof room);
            simc_cp_cw_put(&writer, cp_number, &cw);
            ck_assert_int_eq(writer.error, 0);
            unit_expect_bytes(simc_slice(room, writer.at), simc_slice(bytes, size));
        }
        free(exact);
    }
}
END_TEST

START_TEST(dates_are_checked_to_the_day)
{
    static const struct {
        struct simc_date date;
        bool good;
    } cases[] = {
        {{2026, 11, 21, 12, 0, 0, 0}, true},     {{0, 1, 1, 0, 0, 0, 0}, true},
        {{65535, 12, 31, 23, 59, 60, 99}, true}, {{2026, 0, 1, 0, 0, 0, 0}, false},
        {{2026, 13, 1, 0, 0, 0, 0}, false},      {{2026, 255, 1, 0, 0, 0, 0}, false},
        {{2026, 1, 0, 0, 0, 0, 0}, false},       {{2026, 1, 31, 0, 0, 0, 0}, true},
        {{2026, 1, 32, 0, 0, 0, 0}, false},      {{2026, 3, 31, 0, 0, 0, 0}, true},
        {{2026, 4, 30, 0, 0, 0, 0}, true},       {{2026, 4, 31, 0, 0, 0, 0}, false},
        {{2026, 5, 32, 0, 0, 0, 0}, false},      {{2026, 6, 31, 0, 0, 0, 0}, false},
        {{2026, 7, 31, 0, 0, 0, 0}, true},       {{2026, 8, 31, 0, 0, 0, 0}, true},
        {{2026, 9, 31, 0, 0, 0, 0}, false},      {{2026, 10, 31, 0, 0, 0, 0}, true},
        {{2026, 11, 31, 0, 0, 0, 0}, false},     {{2026, 12, 31, 0, 0, 0, 0}, true},
        {{2026, 12, 32, 0, 0, 0, 0}, false},     {{2026, 2, 28, 0, 0, 0, 0}, true},
        {{2026, 2, 29, 0, 0, 0, 0}, false},      {{2028, 2, 29, 0, 0, 0, 0}, true},
        {{2028, 2, 30, 0, 0, 0, 0}, false},      {{2000, 2, 29, 0, 0, 0, 0}, true},
        {{2100, 2, 29, 0, 0, 0, 0}, false},      {{2200, 2, 29, 0, 0, 0, 0}, false},
        {{2400, 2, 29, 0, 0, 0, 0}, true},       {{2026, 1, 1, 23, 0, 0, 0}, true},
        {{2026, 1, 1, 24, 0, 0, 0}, false},      {{2026, 1, 1, 0, 59, 0, 0}, true},
        {{2026, 1, 1, 0, 60, 0, 0}, false},      {{2026, 1, 1, 0, 0, 60, 0}, true},
        {{2026, 1, 1, 0, 0, 61, 0}, false},      {{2026, 1, 1, 0, 0, 0, 99}, true},
        {{2026, 1, 1, 0, 0, 0, 100}, false},     {{2026, 1, 1, 255, 255, 255, 255}, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        uint8_t bytes[8];
        struct simc_writer writer = simc_writer(bytes, sizeof bytes);
        struct simc_date read = {1, 2, 3, 4, 5, 6, 7};
        simc_date_put(&writer, &cases[i].date);
        ck_assert_int_eq(writer.error, 0);
        int error = simc_date_get(simc_slice(bytes, sizeof bytes), &read);
        if (error != (cases[i].good ? 0 : SIMC_EPROTO))
            ck_abort_msg("case %zu: %s", i, simc_error_name(error));
        if (error) {
            ck_assert_uint_eq(read.year, 1);
            continue;
        }
        ck_assert_uint_eq(read.year, cases[i].date.year);
        ck_assert_uint_eq(read.month, cases[i].date.month);
        ck_assert_uint_eq(read.day, cases[i].date.day);
        ck_assert_uint_eq(read.hour, cases[i].date.hour);
        ck_assert_uint_eq(read.minute, cases[i].date.minute);
        ck_assert_uint_eq(read.second, cases[i].date.second);
        ck_assert_uint_eq(read.hundredth, cases[i].date.hundredth);
    }
}
END_TEST

START_TEST(a_date_has_eight_bytes)
{
    static const uint8_t bytes[12] = {7, 0xea, 11, 21, 12, 30, 59, 99, 1};
    struct simc_date date;
    for (size_t size = 0; size < sizeof bytes; size++) {
        uint8_t *exact = unit_exact(simc_slice(bytes, size));
        unit_expect_error(simc_date_get(simc_slice(exact, size), &date),
                          size == 8 ? 0 : SIMC_EPROTO);
        free(exact);
    }
    uint8_t room[8];
    struct simc_writer writer = simc_writer(room, sizeof room);
    const struct simc_date put = {2026, 11, 21, 12, 30, 59, 99};
    simc_date_put(&writer, &put);
    unit_expect_hex(simc_slice(room, writer.at), "07ea 0b 15 0c 1e 3b 63");
}
END_TEST

/* ---- writing ---- */

static int write_nested(struct simc_writer *writer)
{
    size_t start = simc_msg_begin(writer, 4, 0x0408);
    simc_msg_put_uint(writer, 0x0001, 1, 2);
    size_t group = simc_msg_begin_group(writer, 0x0005);
    simc_msg_put_uint(writer, 0x0009, 0x21, 2);
    simc_msg_put(writer, 0x000a, simc_slice_text("abc"));
    simc_msg_end_group(writer, group);
    simc_msg_put(writer, 0x000a, simc_slice(NULL, 0));
    return simc_msg_end(writer, start);
}

START_TEST(messages_and_groups_get_their_lengths)
{
    uint8_t room[64];
    struct simc_writer writer = simc_writer(room, sizeof room);
    simc_writer_u8(&writer, 0xee);
    unit_expect_error(write_nested(&writer), 0);
    unit_expect_hex(simc_slice(room, writer.at), "ee 04 0408 001b 0001 0002 0001 0005 000d"
                                                 " 0009 0002 0021 000a 0003 616263 000a 0000");
    unit_expect_error(write_nested(&writer), SIMC_ENOSPC);
}
END_TEST

START_TEST(without_room_the_writer_tells_what_is_needed)
{
    uint8_t whole[32], room[32];
    struct simc_writer writer = simc_writer(whole, sizeof whole);
    unit_expect_error(write_nested(&writer), 0);
    ck_assert_uint_eq(writer.at, 32);
    for (size_t capacity = 0; capacity < 32; capacity++) {
        uint8_t *exact = unit_exact(simc_slice(room, capacity));
        writer = simc_writer(capacity ? exact : NULL, capacity);
        unit_expect_error(write_nested(&writer), SIMC_ENOSPC);
        ck_assert_uint_eq(writer.at, 32);
        free(exact);
    }
}
END_TEST

START_TEST(numbers_are_written_in_one_to_eight_bytes)
{
    static const char *const wanted[] = {"",
                                         "0001 0001 08",
                                         "0001 0002 0708",
                                         "0001 0003 060708",
                                         "0001 0004 05060708",
                                         "0001 0005 0405060708",
                                         "0001 0006 030405060708",
                                         "0001 0007 02030405060708",
                                         "0001 0008 0102030405060708"};
    uint8_t room[16];
    for (size_t size = 0; size <= 10; size++) {
        struct simc_writer writer = simc_writer(room, sizeof room);
        simc_msg_put_uint(&writer, 1, UINT64_C(0x0102030405060708), size);
        bool good = size >= 1 && size <= 8;
        unit_expect_error(writer.error, good ? 0 : SIMC_EINVAL);
        if (good)
            unit_expect_hex(simc_slice(room, writer.at), wanted[size]);
    }
    struct simc_writer writer = simc_writer(room, sizeof room);
    simc_msg_put_uint(&writer, 3, (uint64_t)(int64_t)-500, 2);
    unit_expect_hex(simc_slice(room, writer.at), "0003 0002 fe0c");
}
END_TEST

START_TEST(what_does_not_fit_into_a_length_is_too_long)
{
    enum { ROOM = 400000 };
    uint8_t *room = calloc(1, ROOM), *big = calloc(1, 65537);
    ck_assert(room && big);
    static const struct {
        size_t size; /* of one value */
        int error;
    } cases[] = {{65535 - 4, 0},
                 {65535 - 3, SIMC_ETOOLONG},
                 {65535, SIMC_ETOOLONG},
                 {65536, SIMC_ETOOLONG},
                 {65537, SIMC_ETOOLONG}};
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct simc_writer writer = simc_writer(room, ROOM);
        size_t start = simc_msg_begin(&writer, 3, 0x0202);
        simc_msg_put(&writer, 0x0015, simc_slice(big, cases[i].size));
        unit_expect_error(simc_msg_end(&writer, start), cases[i].error);
        if (!cases[i].error) {
            ck_assert_uint_eq(writer.at, SIMC_MSG_SIZE_MAX);
            unit_expect_hex(simc_slice(room, 9), "03 0202 ffff 0015 fffb");
        }
    }
    /* A group too long for its own length, in a message that is too long as well. */
    struct simc_writer writer = simc_writer(room, ROOM);
    size_t start = simc_msg_begin(&writer, 4, 0x0408);
    size_t group = simc_msg_begin_group(&writer, 0x0005);
    simc_msg_put(&writer, 0x000a, simc_slice(big, 40000));
    simc_msg_put(&writer, 0x000a, simc_slice(big, 40000));
    ck_assert_int_eq(writer.error, 0);
    simc_msg_end_group(&writer, group);
    ck_assert_int_eq(writer.error, SIMC_ETOOLONG);
    unit_expect_error(simc_msg_end(&writer, start), SIMC_ETOOLONG);
    free(room);
    free(big);
}
END_TEST

START_TEST(the_first_error_of_a_writer_stays)
{
    uint8_t room[64];
    struct simc_writer writer = simc_writer(room, sizeof room);
    simc_writer_fail(&writer, SIMC_EINVAL);
    unit_expect_error(write_nested(&writer), SIMC_EINVAL);
}
END_TEST

Suite *suite_parameter(void);

Suite *suite_parameter(void)
{
    Suite *suite = suite_create("parameter");
    TCase *tcase = tcase_create("parameter");
    tcase_add_test(tcase, the_cursor_walks_in_order_and_tells_offsets);
    tcase_add_test(tcase, what_is_no_whole_parameter_stops_the_cursor_there);
    tcase_add_test(tcase, an_empty_cursor_ends_at_once);
    tcase_add_test(tcase, a_group_is_walked_with_offsets_of_the_message);
    tcase_add_test(tcase, values_come_from_a_message_or_from_items);
    tcase_add_test(tcase, cp_cw_has_a_number_and_a_control_word);
    tcase_add_test(tcase, dates_are_checked_to_the_day);
    tcase_add_test(tcase, a_date_has_eight_bytes);
    tcase_add_test(tcase, messages_and_groups_get_their_lengths);
    tcase_add_test(tcase, without_room_the_writer_tells_what_is_needed);
    tcase_add_test(tcase, numbers_are_written_in_one_to_eight_bytes);
    tcase_add_test(tcase, what_does_not_fit_into_a_length_is_too_long);
    tcase_add_test(tcase, the_first_error_of_a_writer_stays);
    suite_add_tcase(suite, tcase);
    return suite;
}
