/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of lib/cbor: every rule of the deterministic form (RFC 8949 4.2.1) in both directions, with
 * libcbor's encoder as the witness. Run by the unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <cbor/encoding.h>

#include "cbor/cbor.h"
#include "unit/unit.h"

Suite *suite_cbor(void);

enum { ALL = SIMC__CBOR_ALLOW_TEXT | SIMC__CBOR_ALLOW_NULL };

/* ---- numbers ---- */

static const struct number_row {
    int64_t value;
    const char *hex;
} numbers[] = {
    {0, "00"},
    {23, "17"},
    {24, "1818"},
    {255, "18ff"},
    {256, "190100"},
    {65535, "19ffff"},
    {65536, "1a00010000"},
    {4294967295, "1affffffff"},
    {4294967296, "1b0000000100000000"},
    {INT64_MAX, "1b7fffffffffffffff"},
    {-1, "20"},
    {-24, "37"},
    {-25, "3818"},
    {-256, "38ff"},
    {-257, "390100"},
    {-65536, "39ffff"},
    {-65537, "3a00010000"},
    {INT64_MIN, "3b7fffffffffffffff"},
};

START_TEST(numbers_have_their_one_form_in_both_directions)
{
    const struct number_row *row = &numbers[_i];
    struct unit_bytes bytes = unit_hex(row->hex);
    uint8_t room[SIMC__CBOR_HEAD_MAX];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__cbor_writer writer;
    struct simc__cbor_reader reader;
    simc__cbor_writer_init(&writer, &out);
    simc__cbor_put_int(&writer, row->value);
    unit_expect_error(simc__cbor_put_finish(&writer), 0);
    unit_expect_hex(simc_slice(room, out.at), row->hex);
    simc__cbor_reader_init(&reader, unit_slice(&bytes), 0, 0);
    ck_assert_int_eq(simc__cbor_peek(&reader),
                     row->value < 0 ? SIMC__CBOR_NEGATIVE : SIMC__CBOR_UINT);
    ck_assert_int_eq(simc__cbor_int(&reader, INT64_MIN, INT64_MAX), row->value);
    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_GOOD);
    if (row->value >= 0) {
        simc__cbor_reader_init(&reader, unit_slice(&bytes), 0, 0);
        ck_assert_uint_eq(simc__cbor_uint(&reader, 0, UINT64_MAX), (uint64_t)row->value);
        ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_GOOD);
    }
}
END_TEST

/* Any number in any of the longer heads: only the shortest one is taken. */
START_TEST(longer_heads_are_refused_for_every_type_that_has_numbers)
{
    static const uint64_t values[] = {0, 1, 23, 24, 255, 256, 65535, 65536, UINT32_MAX};
    for (unsigned major = 0; major <= 5; major++) {
        for (size_t i = 0; i < UNIT_COUNT(values); i++) {
            for (unsigned info = 24; info <= 27; info++) {
                uint8_t bytes[SIMC__CBOR_HEAD_MAX] = {(uint8_t)(major << 5 | info)};
                size_t more = (size_t)1 << (info - 24);
                uint64_t kept = 0;
                for (size_t k = 0; k < more; k++) {
                    bytes[1 + k] = (uint8_t)(values[i] >> 8 * (more - 1 - k));
                    kept = kept << 8 | bytes[1 + k];
                }
                bool is_shortest = simc__cbor_head_size(kept) == 1 + more;
                struct simc__cbor_reader reader;
                simc__cbor_reader_init(&reader, simc_slice(bytes, 1 + more), ALL, 4);
                simc__cbor_skip(&reader);
                if (major <= 1 && is_shortest)
                    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_GOOD);
                else
                    ck_assert_int_ne(simc__cbor_finish(&reader), SIMC__CBOR_GOOD);
                if (!is_shortest && major <= 1)
                    ck_assert_int_eq(reader.fault, SIMC__CBOR_NOT_SHORTEST);
            }
        }
    }
}
END_TEST

START_TEST(heads_are_those_of_libcbor)
{
    struct unit_random random = unit_random(1);
    for (int i = 0; i < 2000; i++) {
        uint64_t value = unit_random_next(&random) >> unit_random_below(&random, 64);
        uint8_t ours[SIMC__CBOR_HEAD_MAX], theirs[SIMC__CBOR_HEAD_MAX];
        struct simc_writer out = simc_writer(ours, sizeof ours);
        struct simc__cbor_writer writer;
        simc__cbor_writer_init(&writer, &out);
        simc__cbor_put_uint(&writer, value);
        unit_expect_error(simc__cbor_put_finish(&writer), 0);
        size_t size = cbor_encode_uint(value, theirs, sizeof theirs);
        unit_expect_bytes(simc_slice(ours, out.at), simc_slice(theirs, size));
        ck_assert_uint_eq(size, simc__cbor_head_size(value));
    }
}
END_TEST

/* ---- what is refused, and where ---- */

static const struct bad_row {
    const char *hex;
    unsigned allow;
    enum simc__cbor_fault fault;
    size_t at;
} bad[] = {
    {"", 0, SIMC__CBOR_SHORT, 0},
    {"18", 0, SIMC__CBOR_SHORT, 0},
    {"19 00", 0, SIMC__CBOR_SHORT, 0},
    {"1a 00 00 00", 0, SIMC__CBOR_SHORT, 0},
    {"1b 00 00 00 00 00 00 00", 0, SIMC__CBOR_SHORT, 0},
    {"81", 0, SIMC__CBOR_COUNT, 0},
    {"82 00", 0, SIMC__CBOR_COUNT, 0},
    {"82 81 00", 0, SIMC__CBOR_SHORT, 3},
    {"a1 00", 0, SIMC__CBOR_COUNT, 0},
    {"41", 0, SIMC__CBOR_COUNT, 0},
    {"43 00 00", 0, SIMC__CBOR_COUNT, 0},
    {"58", 0, SIMC__CBOR_COUNT, 0},
    {"5a 80 00 00 00", 0, SIMC__CBOR_COUNT, 0},
    {"5b 80 00 00 00 00 00 00 00", 0, SIMC__CBOR_COUNT, 0},
    {"5b ff ff ff ff ff ff ff ff 00", 0, SIMC__CBOR_COUNT, 0},
    {"9a ff ff ff ff 00", 0, SIMC__CBOR_COUNT, 0},
    {"9b 00 00 00 01 00 00 00 00 00", 0, SIMC__CBOR_COUNT, 0},
    {"bb 80 00 00 00 00 00 00 00 00", 0, SIMC__CBOR_COUNT, 0},
    {"18 17", 0, SIMC__CBOR_NOT_SHORTEST, 0},
    {"82 00 19 00ff", 0, SIMC__CBOR_NOT_SHORTEST, 2},
    {"58 01 00", 0, SIMC__CBOR_NOT_SHORTEST, 0},
    {"98 01 00", 0, SIMC__CBOR_NOT_SHORTEST, 0},
    {"b8 01 00 00", 0, SIMC__CBOR_NOT_SHORTEST, 0},
    {"78 01 61", ALL, SIMC__CBOR_NOT_SHORTEST, 0},
    {"38 17", 0, SIMC__CBOR_NOT_SHORTEST, 0},
    {"1c", 0, SIMC__CBOR_INDEFINITE, 0},
    {"1f", 0, SIMC__CBOR_INDEFINITE, 0},
    {"5f 41 00 ff", 0, SIMC__CBOR_INDEFINITE, 0},
    {"7f 61 61 ff", ALL, SIMC__CBOR_INDEFINITE, 0},
    {"9f 00 ff", 0, SIMC__CBOR_INDEFINITE, 0},
    {"bf 00 00 ff", 0, SIMC__CBOR_INDEFINITE, 0},
    {"81 ff", 0, SIMC__CBOR_INDEFINITE, 1},
    {"fc", 0, SIMC__CBOR_INDEFINITE, 0},
    {"c0 00", 0, SIMC__CBOR_TAG, 0},
    {"d8 18 41 00", ALL, SIMC__CBOR_TAG, 0},
    {"81 d9 d9 f7 00", 0, SIMC__CBOR_TAG, 1},
    {"f6", 0, SIMC__CBOR_SIMPLE, 0},
    {"f7", ALL, SIMC__CBOR_SIMPLE, 0},
    {"e0", ALL, SIMC__CBOR_SIMPLE, 0},
    {"f3", ALL, SIMC__CBOR_SIMPLE, 0},
    {"f8 20", ALL, SIMC__CBOR_SIMPLE, 0},
    {"f8 14", ALL, SIMC__CBOR_SIMPLE, 0},
    {"f9 3c 00", ALL, SIMC__CBOR_SIMPLE, 0},
    {"fa 00 00 00 00", ALL, SIMC__CBOR_SIMPLE, 0},
    {"fb 00 00 00 00 00 00 00 00", ALL, SIMC__CBOR_SIMPLE, 0},
    {"60", 0, SIMC__CBOR_TEXT, 0},
    {"61 61", SIMC__CBOR_ALLOW_NULL, SIMC__CBOR_TEXT, 0},
    {"a1 61 61 00", 0, SIMC__CBOR_TEXT, 1},
    {"61 80", ALL, SIMC__CBOR_UTF8, 0},
    {"62 c0 80", ALL, SIMC__CBOR_UTF8, 0},
    {"62 c3 28", ALL, SIMC__CBOR_UTF8, 0},
    {"61 c3", ALL, SIMC__CBOR_UTF8, 0},
    {"63 e0 9f bf", ALL, SIMC__CBOR_UTF8, 0},
    {"63 ed a0 80", ALL, SIMC__CBOR_UTF8, 0},
    {"64 f0 8f bf bf", ALL, SIMC__CBOR_UTF8, 0},
    {"64 f4 90 80 80", ALL, SIMC__CBOR_UTF8, 0},
    {"64 f5 80 80 80", ALL, SIMC__CBOR_UTF8, 0},
    {"a1 61 ff 00", ALL, SIMC__CBOR_UTF8, 1},
    {"81 81 81 81 81 00", 0, SIMC__CBOR_DEPTH, 4},
    {"a1 00 a1 00 a1 00 a1 00 a1 00 00", 0, SIMC__CBOR_DEPTH, 8},
    {"81 81 81 81 80", 0, SIMC__CBOR_DEPTH, 4},
    {"a2 04 00 01 00", 0, SIMC__CBOR_ORDER, 3},
    {"a2 20 00 0a 00", 0, SIMC__CBOR_ORDER, 3},
    {"a2 20 00 18 64 00", 0, SIMC__CBOR_ORDER, 3},
    {"a2 f5 00 f4 00", 0, SIMC__CBOR_ORDER, 3},
    {"a2 62 61 61 00 61 7a 00", ALL, SIMC__CBOR_ORDER, 5},
    {"a3 01 00 03 00 02 00", 0, SIMC__CBOR_ORDER, 5},
    {"81 a2 04 00 01 00", 0, SIMC__CBOR_ORDER, 4},
    {"a2 01 00 01 00", 0, SIMC__CBOR_REPEATED, 3},
    {"a2 61 61 00 61 61 00", ALL, SIMC__CBOR_REPEATED, 4},
    {"a2 40 00 40 00", 0, SIMC__CBOR_REPEATED, 3},
    {"a1 80 00", 0, SIMC__CBOR_TYPE, 1},
    {"a1 a0 00", 0, SIMC__CBOR_TYPE, 1},
    {"00 00", 0, SIMC__CBOR_TRAILING, 1},
    {"80 00", 0, SIMC__CBOR_TRAILING, 1},
    {"a1 00 00 00", 0, SIMC__CBOR_TRAILING, 3},
};

static enum simc__cbor_fault skip_all(struct simc__cbor_reader *reader, struct simc_slice bytes,
                                      unsigned allow)
{
    simc__cbor_reader_init(reader, bytes, allow, 4);
    simc__cbor_skip(reader);
    return simc__cbor_finish(reader);
}

START_TEST(what_is_not_in_the_one_form_is_refused_where_it_stands)
{
    const struct bad_row *row = &bad[_i];
    struct unit_bytes bytes = unit_hex(row->hex);
    uint8_t *exact = unit_exact(unit_slice(&bytes));
    struct simc__cbor_reader reader;
    enum simc__cbor_fault fault = skip_all(&reader, simc_slice(exact, bytes.size), row->allow);
    ck_assert_msg(fault == row->fault && reader.fault_at == row->at, "%s: %s at %zu", row->hex,
                  simc__cbor_fault_text(fault), reader.fault_at);
    /* The fault stays, and nothing more is handed out. */
    ck_assert_uint_eq(simc__cbor_uint(&reader, 0, UINT64_MAX), 0);
    ck_assert_uint_eq(simc__cbor_bytes(&reader, 0, SIZE_MAX).size, 0);
    ck_assert_int_eq(simc__cbor_peek(&reader), SIMC__CBOR_NONE);
    ck_assert(!simc__cbor_more(&reader));
    ck_assert_int_eq(simc__cbor_finish(&reader), row->fault);
    free(exact);
}
END_TEST

static const struct good_row {
    const char *hex;
    unsigned allow;
} good[] = {
    {"00", 0},
    {"f4", 0},
    {"f5", 0},
    {"f6", SIMC__CBOR_ALLOW_NULL},
    {"40", 0},
    {"44 00 01 02 03", 0},
    {"60", SIMC__CBOR_ALLOW_TEXT},
    {"64 f4 8f bf bf", SIMC__CBOR_ALLOW_TEXT},
    {"69 61 c3a4 e282ac ed9fbf", SIMC__CBOR_ALLOW_TEXT},
    {"80", 0},
    {"a0", 0},
    {"81 81 81 80", 0},
    {"84 00 20 40 f4", 0},
    /* The order of RFC 8949, which is not the older one by length first. */
    {"a6 0a 00 18 64 00 20 00 61 7a 00 62 61 61 00 f4 00", SIMC__CBOR_ALLOW_TEXT},
    {"a2 01 a1 02 80 03 82 00 a0", 0},
    {"a1 40 00", 0},
};

START_TEST(what_is_in_the_one_form_is_taken_and_every_prefix_of_it_is_not)
{
    const struct good_row *row = &good[_i];
    struct unit_bytes bytes = unit_hex(row->hex);
    struct simc__cbor_reader reader;
    ck_assert_msg(skip_all(&reader, unit_slice(&bytes), row->allow) == SIMC__CBOR_GOOD, "%s: %s",
                  row->hex, simc__cbor_fault_text(reader.fault));
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *exact = unit_exact(simc_slice(bytes.data, size));
        ck_assert_int_ne(skip_all(&reader, simc_slice(exact, size), row->allow), SIMC__CBOR_GOOD);
        free(exact);
    }
}
END_TEST

START_TEST(nesting_of_any_depth_costs_no_stack)
{
    static uint8_t deep[10001];
    struct simc__cbor_reader reader;
    memset(deep, 0x81, sizeof deep);
    deep[sizeof deep - 1] = 0;
    simc__cbor_reader_init(&reader, simc_slice(deep, sizeof deep), 0, 100);
    simc__cbor_skip(&reader);
    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_DEPTH);
    ck_assert_uint_eq(reader.fault_at, SIMC__CBOR_DEPTH_MAX);
}
END_TEST

/* ---- pulling ---- */

START_TEST(items_come_one_by_one)
{
    struct unit_bytes bytes = unit_hex("a4 01 18 64 02 43 aabbcc 03 82 f5 20 18 40 62 6869");
    struct simc__cbor_reader reader;
    uint64_t key, sum = 0;
    simc__cbor_reader_init(&reader, unit_slice(&bytes), SIMC__CBOR_ALLOW_TEXT, 4);
    ck_assert_uint_eq(simc__cbor_map(&reader, 0, 10), 4);
    while (simc__cbor_key(&reader, &key)) {
        sum += key;
        if (key == 1)
            ck_assert_uint_eq(simc__cbor_uint(&reader, 100, 100), 100);
        else if (key == 2)
            unit_expect_hex(simc__cbor_bytes(&reader, 3, 3), "aabbcc");
        else if (key == 3) {
            ck_assert_uint_eq(simc__cbor_array(&reader, 2, 2), 2);
            ck_assert(simc__cbor_bool(&reader));
            ck_assert(simc__cbor_more(&reader));
            ck_assert_int_eq(simc__cbor_int(&reader, -1, 0), -1);
            ck_assert(!simc__cbor_more(&reader));
            simc__cbor_leave(&reader);
        } else
            unit_expect_text(simc__cbor_text(&reader, 0, 2), "hi");
    }
    simc__cbor_leave(&reader);
    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_GOOD);
    ck_assert_uint_eq(sum, 70);
}
END_TEST

START_TEST(text_keys_and_null_are_for_those_who_ask)
{
    struct unit_bytes bytes = unit_hex("a2 61 61 f6 62 6262 01");
    struct simc__cbor_reader reader;
    struct simc_slice key;
    simc__cbor_reader_init(&reader, unit_slice(&bytes), ALL, 1);
    ck_assert_uint_eq(simc__cbor_map(&reader, 2, 2), 2);
    ck_assert(simc__cbor_key_text(&reader, &key));
    unit_expect_text(key, "a");
    ck_assert_int_eq(simc__cbor_peek(&reader), SIMC__CBOR_NULL);
    simc__cbor_null(&reader);
    ck_assert(simc__cbor_key_text(&reader, &key));
    unit_expect_text(key, "bb");
    ck_assert_uint_eq(simc__cbor_uint(&reader, 0, 1), 1);
    ck_assert(!simc__cbor_key_text(&reader, &key));
    simc__cbor_leave(&reader);
    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_GOOD);
}
END_TEST

/* What a caller asks for and does not get. */
enum ask { UINT, INT, BYTES, TEXT, ARRAY, MAP, BOOL, NUL, KEY, FINISH, LEAVE };

static const struct ask_row {
    const char *hex;
    enum ask ask;
    enum simc__cbor_fault fault;
} asks[] = {
    {"20", UINT, SIMC__CBOR_TYPE},      {"40", UINT, SIMC__CBOR_TYPE},
    {"05", UINT, SIMC__CBOR_RANGE},     {"18 20", UINT, SIMC__CBOR_RANGE},
    {"f4", INT, SIMC__CBOR_TYPE},       {"3b ffffffffffffffff", INT, SIMC__CBOR_RANGE},
    {"29", INT, SIMC__CBOR_RANGE},      {"1b ffffffffffffffff", INT, SIMC__CBOR_RANGE},
    {"00", BYTES, SIMC__CBOR_TYPE},     {"60", BYTES, SIMC__CBOR_TYPE},
    {"41 00", BYTES, SIMC__CBOR_RANGE}, {"4b 0000000000000000000000", BYTES, SIMC__CBOR_RANGE},
    {"40", TEXT, SIMC__CBOR_TYPE},      {"61 61", TEXT, SIMC__CBOR_RANGE},
    {"a0", ARRAY, SIMC__CBOR_TYPE},     {"80", ARRAY, SIMC__CBOR_RANGE},
    {"80", MAP, SIMC__CBOR_TYPE},       {"a0", MAP, SIMC__CBOR_RANGE},
    {"f6", BOOL, SIMC__CBOR_TYPE},      {"01", BOOL, SIMC__CBOR_TYPE},
    {"f4", NUL, SIMC__CBOR_TYPE},       {"80", NUL, SIMC__CBOR_TYPE},
    {"a1 40 00", KEY, SIMC__CBOR_TYPE}, {"a1 20 00", KEY, SIMC__CBOR_TYPE},
    {"00", FINISH, SIMC__CBOR_MORE},    {"00", LEAVE, SIMC__CBOR_MORE},
};

START_TEST(good_cbor_that_is_not_what_belongs_there_is_another_fault)
{
    const struct ask_row *row = &asks[_i];
    struct unit_bytes bytes = unit_hex(row->hex);
    struct simc__cbor_reader reader;
    uint64_t key;
    simc__cbor_reader_init(&reader, unit_slice(&bytes), ALL, 4);
    switch (row->ask) {
    case UINT:
        ck_assert_uint_eq(simc__cbor_uint(&reader, 6, 31), 0);
        break;
    case INT:
        ck_assert_int_eq(simc__cbor_int(&reader, -9, 9), 0);
        break;
    case BYTES:
        ck_assert_uint_eq(simc__cbor_bytes(&reader, 2, 10).size, 0);
        break;
    case TEXT:
        ck_assert_uint_eq(simc__cbor_text(&reader, 2, 10).size, 0);
        break;
    case ARRAY:
        ck_assert_uint_eq(simc__cbor_array(&reader, 1, 2), 0);
        break;
    case MAP:
        ck_assert_uint_eq(simc__cbor_map(&reader, 1, 2), 0);
        break;
    case BOOL:
        ck_assert(!simc__cbor_bool(&reader));
        break;
    case NUL:
        simc__cbor_null(&reader);
        break;
    case KEY:
        ck_assert_uint_eq(simc__cbor_map(&reader, 1, 1), 1);
        ck_assert(!simc__cbor_key(&reader, &key));
        break;
    case LEAVE:
        simc__cbor_leave(&reader);
        break;
    case FINISH:
        break;
    }
    enum simc__cbor_fault fault = simc__cbor_finish(&reader);
    ck_assert_msg(fault == row->fault, "%s: %s", row->hex, simc__cbor_fault_text(fault));
    ck_assert(fault > SIMC__CBOR_TRAILING);
}
END_TEST

START_TEST(items_left_over_and_items_missing_are_faults)
{
    struct unit_bytes bytes = unit_hex("82 00 01");
    struct simc__cbor_reader reader;
    simc__cbor_reader_init(&reader, unit_slice(&bytes), 0, 4);
    simc__cbor_array(&reader, 1, 9);
    simc__cbor_uint(&reader, 0, 9);
    simc__cbor_leave(&reader);
    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_MORE);
    simc__cbor_reader_init(&reader, unit_slice(&bytes), 0, 4);
    simc__cbor_array(&reader, 1, 9);
    for (int i = 0; i < 3; i++)
        simc__cbor_uint(&reader, 0, 9);
    ck_assert_int_eq(simc__cbor_finish(&reader), SIMC__CBOR_RANGE);
    simc__cbor_reader_init(&reader, unit_slice(&bytes), 0, 4);
    simc__cbor_refuse(&reader, SIMC__CBOR_REFUSED, 2);
    simc__cbor_refuse(&reader, SIMC__CBOR_MORE, 1);
    ck_assert_int_eq(reader.fault, SIMC__CBOR_REFUSED);
    ck_assert_uint_eq(reader.fault_at, 2);
}
END_TEST

START_TEST(every_fault_has_a_text)
{
    for (int fault = 0; fault < SIMC__CBOR_FAULT_COUNT; fault++)
        ck_assert_uint_gt(strlen(simc__cbor_fault_text((enum simc__cbor_fault)fault)), 3);
    ck_assert_str_eq(simc__cbor_fault_text(SIMC__CBOR_FAULT_COUNT), "?");
    ck_assert_str_eq(simc__cbor_fault_text((enum simc__cbor_fault) - 1), "?");
}
END_TEST

/* ---- writing ---- */

START_TEST(the_writer_makes_what_the_reader_takes)
{
    uint8_t room[64];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__cbor_writer writer;
    struct simc__cbor_reader reader;
    simc__cbor_writer_init(&writer, &out);
    simc__cbor_put_map(&writer, 5);
    simc__cbor_put_key(&writer, 1);
    simc__cbor_put_array(&writer, 3);
    simc__cbor_put_array(&writer, 0);
    simc__cbor_put_map(&writer, 0);
    simc__cbor_put_null(&writer);
    simc__cbor_put_key(&writer, 1000);
    simc__cbor_put_bool(&writer, true);
    simc__cbor_put_key_text(&writer, "b");
    simc__cbor_put_int(&writer, -500);
    simc__cbor_put_key_text(&writer, "c");
    simc__cbor_put_bytes(&writer, simc_slice("xyz", 3));
    simc__cbor_put_key_text(&writer, "aa");
    simc__cbor_put_text(&writer, simc_slice_text("\xc3\xa4"));
    unit_expect_error(simc__cbor_put_finish(&writer), 0);
    unit_expect_hex(simc_slice(room, out.at),
                    "a5 01 83 80 a0 f6 1903e8 f5 6162 3901f3 6163 43 78797a 626161 62 c3a4");
    ck_assert_int_eq(skip_all(&reader, simc_slice(room, out.at), ALL), SIMC__CBOR_GOOD);
}
END_TEST

/* Misuse, step by step: a letter is a call. */
static const struct misuse_row {
    const char *steps;
    int error;
} misuses[] = {
    {"", SIMC_EINVAL},      /* nothing */
    {"u", 0},               /* one item */
    {"uu", SIMC_EINVAL},    /* two */
    {"[u", SIMC_EINVAL},    /* array of 2 with one */
    {"[uu", 0},             /* with two */
    {"[uuu", SIMC_EINVAL},  /* with three */
    {"{1u2u", 0},           /* map of 2 */
    {"{2u1u", SIMC_EINVAL}, /* keys not in order */
    {"{1u1u", SIMC_EINVAL}, /* twice */
    {"{uu", SIMC_EINVAL},   /* a value where a key belongs */
    {"{12", SIMC_EINVAL},   /* a key where a value belongs */
    {"{1ua", SIMC_EINVAL},  /* the last value is missing */
    {"{1uau", 0},
    {"{au1u", SIMC_EINVAL}, /* numbers stand before text */
    {"{aubu", 0},
    {"{buau", SIMC_EINVAL},
    {"{auau", SIMC_EINVAL},
    {"{cubu", SIMC_EINVAL}, /* longer text stands behind */
    {"{bucu", 0},
    {"1", SIMC_EINVAL}, /* a key outside of a map */
    {"[1", SIMC_EINVAL},
    {"t", SIMC_EINVAL},         /* text that is no UTF-8 */
    {"[[[[[[[[[", SIMC_EINVAL}, /* too deep */
};

START_TEST(calls_that_do_not_make_the_one_form_are_an_error)
{
    uint8_t room[64];
    for (int pass = 0; pass < 2; pass++) {
        /* The second pass measures only: the same errors, but for the room. */
        struct simc_writer out = simc_writer(room, pass ? 0 : sizeof room);
        struct simc__cbor_writer writer;
        simc__cbor_writer_init(&writer, &out);
        for (const char *step = misuses[_i].steps; *step; step++) {
            if (*step == 'u')
                simc__cbor_put_uint(&writer, 7);
            else if (*step == '[')
                simc__cbor_put_array(&writer, 2);
            else if (*step == '{')
                simc__cbor_put_map(&writer, 2);
            else if (*step == 't')
                simc__cbor_put_text(&writer, simc_slice("\xff", 1));
            else if (*step <= '9')
                simc__cbor_put_key(&writer, (uint64_t)(*step - '0'));
            else
                simc__cbor_put_key_text(&writer, *step == 'c' ? "aa" : *step == 'b' ? "b" : "a");
        }
        int error = simc__cbor_put_finish(&writer);
        if (pass && misuses[_i].error == 0)
            unit_expect_error(error, SIMC_ENOSPC);
        else if (!pass)
            ck_assert_msg(error == misuses[_i].error, "%s: %d", misuses[_i].steps, error);
        else
            ck_assert_int_ne(error, 0);
    }
}
END_TEST

START_TEST(without_room_the_size_is_told)
{
    uint8_t room[3];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__cbor_writer writer;
    simc__cbor_writer_init(&writer, &out);
    simc__cbor_put_array(&writer, 2);
    simc__cbor_put_bytes(&writer, simc_slice("abcdefgh", 8));
    simc__cbor_put_uint(&writer, 65536);
    unit_expect_error(simc__cbor_put_finish(&writer), SIMC_ENOSPC);
    ck_assert_uint_eq(out.at, 1 + 9 + 5);
}
END_TEST

/* Random items written and read back; the reader takes all of it, and no other form of it. */
static void put_random(struct simc__cbor_writer *writer, struct unit_random *random, unsigned depth)
{
    uint8_t bytes[300] = {0};
    uint64_t kind = unit_random_below(random, depth ? 7 : 5), count, key = 0;
    switch (kind) {
    case 0:
    case 1:
        simc__cbor_put_int(writer,
                           (int64_t)(unit_random_next(random) >> unit_random_below(random, 64)));
        break;
    case 2:
        simc__cbor_put_bytes(writer, simc_slice(bytes, unit_random_below(random, sizeof bytes)));
        break;
    case 3:
        simc__cbor_put_text(writer, simc_slice_text("text \xe2\x82\xac"));
        break;
    case 4:
        simc__cbor_put_bool(writer, unit_random_below(random, 2));
        break;
    case 5:
        count = unit_random_below(random, 30);
        simc__cbor_put_array(writer, count);
        while (count--)
            put_random(writer, random, depth - 1);
        break;
    default:
        count = unit_random_below(random, 10);
        simc__cbor_put_map(writer, count);
        while (count--) {
            simc__cbor_put_key(writer, key);
            key += 1 + unit_random_below(random, 300);
            put_random(writer, random, depth - 1);
        }
    }
}

START_TEST(random_items_survive_and_changed_ones_never_crash)
{
    UNIT_ROOM(uint8_t, room, 1 << 20);
    struct unit_random random = unit_random(7);
    for (int i = 0; i < 300; i++) {
        struct simc_writer out = simc_writer(room, (1 << 20));
        struct simc__cbor_writer writer;
        struct simc__cbor_reader reader;
        simc__cbor_writer_init(&writer, &out);
        put_random(&writer, &random, 3);
        if (simc__cbor_put_finish(&writer) != 0)
            continue;
        ck_assert_int_eq(skip_all(&reader, simc_slice(room, out.at), ALL), SIMC__CBOR_GOOD);
        for (int k = 0; k < 20; k++) {
            room[unit_random_below(&random, out.at)] ^= (uint8_t)unit_random_next(&random);
            (void)skip_all(&reader, simc_slice(room, out.at), ALL);
            ck_assert(reader.at <= out.at && reader.fault_at <= out.at);
        }
    }
}
END_TEST

Suite *suite_cbor(void)
{
    Suite *suite = suite_create("cbor");
    TCase *reading = tcase_create("reading"), *writing = tcase_create("writing");
    tcase_add_loop_test(reading, numbers_have_their_one_form_in_both_directions, 0,
                        UNIT_COUNT(numbers));
    tcase_add_test(reading, longer_heads_are_refused_for_every_type_that_has_numbers);
    tcase_add_loop_test(reading, what_is_not_in_the_one_form_is_refused_where_it_stands, 0,
                        UNIT_COUNT(bad));
    tcase_add_loop_test(reading, what_is_in_the_one_form_is_taken_and_every_prefix_of_it_is_not, 0,
                        UNIT_COUNT(good));
    tcase_add_test(reading, nesting_of_any_depth_costs_no_stack);
    tcase_add_test(reading, items_come_one_by_one);
    tcase_add_test(reading, text_keys_and_null_are_for_those_who_ask);
    tcase_add_loop_test(reading, good_cbor_that_is_not_what_belongs_there_is_another_fault, 0,
                        UNIT_COUNT(asks));
    tcase_add_test(reading, items_left_over_and_items_missing_are_faults);
    tcase_add_test(reading, every_fault_has_a_text);
    suite_add_tcase(suite, reading);
    tcase_add_test(writing, heads_are_those_of_libcbor);
    tcase_add_test(writing, the_writer_makes_what_the_reader_takes);
    tcase_add_loop_test(writing, calls_that_do_not_make_the_one_form_are_an_error, 0,
                        UNIT_COUNT(misuses));
    tcase_add_test(writing, without_room_the_size_is_told);
    tcase_add_test(writing, random_items_survive_and_changed_ones_never_crash);
    suite_add_tcase(suite, writing);
    return suite;
}
