/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of simulcrypt/base.h: errors, memory, slices, hex, cursors, deadlines and the
 * circle of crypto periods. The runner in main.c calls suite_base(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

/* ---- errors ---- */

struct error_case {
    int value;
    enum simc_error_family family;
    const char *name;
};

#define ROW(name, value, family, text) {value, SIMC_FAMILY_##family, #name},
static const struct error_case error_cases[] = {{0, SIMC_FAMILY_NONE, "SIMC_OK"}, /**/
                                                SIMC_ERROR_ROWS(ROW)};
#undef ROW

START_TEST(each_error_row_is_found_by_its_value)
{
    for (size_t i = 0; i < UNIT_COUNT(error_cases); i++) {
        const struct error_case *c = &error_cases[i];
        ck_assert_str_eq(simc_error_name(c->value), c->name);
        ck_assert_int_eq(simc_error_family(c->value), c->family);
        const char *text = simc_error_text(c->value);
        ck_assert_msg(text[0] && text[strlen(text) - 1] != '.', "%s: [%s]", c->name, text);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(error_cases[k].value != c->value, "%s repeats a value", c->name);
    }
}
END_TEST

START_TEST(values_outside_the_rows_are_faults_with_a_text)
{
    static const int strange[] = {1, -14, -1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < UNIT_COUNT(strange); i++) {
        ck_assert_str_eq(simc_error_name(strange[i]), "SIMC_E?");
        ck_assert_int_eq(simc_error_family(strange[i]), SIMC_FAMILY_FAULT);
        ck_assert_ptr_nonnull(simc_error_text(strange[i]));
    }
}
END_TEST

START_TEST(error_values_are_those_of_the_first_release)
{
    ck_assert_int_eq(SIMC_EAGAIN, -1);
    ck_assert_int_eq(SIMC_EPROTO, -4);
    ck_assert_int_eq(SIMC_EIO, -13);
    ck_assert_uint_eq(UNIT_COUNT(error_cases), 14);
}
END_TEST

/* ---- memory ---- */

START_TEST(sizes_of_zero_and_overflows_give_no_memory)
{
    unit_alloc_start(0);
    ck_assert_ptr_null(simc_alloc(0));
    ck_assert_ptr_null(simc_calloc(0, 8));
    ck_assert_ptr_null(simc_calloc(8, 0));
    ck_assert_ptr_null(simc_calloc(SIZE_MAX, 2));
    ck_assert_ptr_null(simc_calloc(SIZE_MAX / 2 + 1, 2));
    ck_assert_ptr_null(simc_calloc(2, SIZE_MAX / 2 + 1));
    ck_assert_ptr_null(simc_realloc(NULL, 0));
    simc_free(NULL);
    ck_assert_uint_eq(unit_alloc_count(), 0);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

START_TEST(blocks_go_through_the_allocator_that_was_set)
{
    unit_alloc_start(3);
    uint8_t *zeroed = simc_calloc(16, 4);
    ck_assert_ptr_nonnull(zeroed);
    for (size_t i = 0; i < 64; i++)
        ck_assert_uint_eq(zeroed[i], 0);
    uint8_t *block = simc_realloc(NULL, 8);
    ck_assert_ptr_nonnull(block);
    memcpy(block, "12345678", 8);
    ck_assert_ptr_null(simc_realloc(block, 4096));
    ck_assert_mem_eq(block, "12345678", 8);
    ck_assert_ptr_null(simc_realloc(block, 0));
    block = simc_realloc(block, 4096);
    ck_assert_ptr_nonnull(block);
    ck_assert_mem_eq(block, "12345678", 8);
    simc_free(zeroed);
    simc_free(block);
    ck_assert_uint_eq(unit_alloc_count(), 4);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

/* ---- slices and hex ---- */

START_TEST(slices_are_equal_by_size_and_bytes)
{
    static const struct {
        struct simc_slice a, b;
        bool equal;
    } cases[] = {
        {{NULL, 0}, {NULL, 0}, true},
        {{NULL, 0}, {(const uint8_t *)"", 0}, true},
        {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"abc", 2}, true},
        {{(const uint8_t *)"ab", 2}, {(const uint8_t *)"abc", 3}, false},
        {{(const uint8_t *)"a\0b", 3}, {(const uint8_t *)"a\0c", 3}, false},
        {{(const uint8_t *)"a", 1}, {NULL, 0}, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        ck_assert_msg(simc_slice_equal(cases[i].a, cases[i].b) == cases[i].equal, "case %zu", i);
        ck_assert_msg(simc_slice_equal(cases[i].b, cases[i].a) == cases[i].equal, "case %zu", i);
    }
}
END_TEST

struct hex_case {
    const char *text;
    size_t room;
    int error;
    const char *bytes; /* on success, as a C string without NUL bytes */
    size_t bad_at;     /* on SIMC_ESYNTAX */
};

static const struct hex_case hex_cases[] = {
    {"", 0, 0, "", 0},
    {" \t\r\n:-", 0, 0, "", 0},
    {"414243", 3, 0, "ABC", 0},
    {"4a4B", 2, 0, "JK", 0},
    {"41 42\t43\r\n44:45-46", 6, 0, "ABCDEF", 0},
    {"0x4142", 2, 0, "AB", 0},
    {"  0X41 42", 2, 0, "AB", 0},
    {"41 ", 1, 0, "A", 0},
    {"0x", 0, 0, "", 0},
    {"4142", 1, SIMC_ENOSPC, NULL, 0},
    {"41", 0, SIMC_ENOSPC, NULL, 0},
    {"4", 9, SIMC_ESYNTAX, NULL, 1},
    {"414", 9, SIMC_ESYNTAX, NULL, 3},
    {"4 1", 9, SIMC_ESYNTAX, NULL, 1},
    {"4g", 9, SIMC_ESYNTAX, NULL, 1},
    {"g4", 9, SIMC_ESYNTAX, NULL, 0},
    {"41,42", 9, SIMC_ESYNTAX, NULL, 2},
    {"41 0x42", 9, SIMC_ESYNTAX, NULL, 4},
    {"0x0x41", 9, SIMC_ESYNTAX, NULL, 3},
    {"x41", 9, SIMC_ESYNTAX, NULL, 0},
    {"41\xff", 9, SIMC_ESYNTAX, NULL, 2},
    {"4/", 9, SIMC_ESYNTAX, NULL, 1},
    {"4:", 9, SIMC_ESYNTAX, NULL, 1},
    {"@4", 9, SIMC_ESYNTAX, NULL, 0},
    {"G4", 9, SIMC_ESYNTAX, NULL, 0},
    {"`4", 9, SIMC_ESYNTAX, NULL, 0},
};

START_TEST(hex_is_read_or_refused_at_the_right_place)
{
    for (size_t i = 0; i < UNIT_COUNT(hex_cases); i++) {
        const struct hex_case *c = &hex_cases[i];
        struct simc_slice literal = simc_slice_text(c->text);
        uint8_t *text = unit_exact(literal);
        uint8_t *out = malloc(c->room + 1);
        size_t size = 99, bad_at = 99;
        int error = simc_hex_read(simc_slice(text, literal.size), out, c->room, &size, &bad_at);
        ck_assert_msg(error == c->error, "[%s]: %s", c->text, simc_error_name(error));
        if (!error)
            unit_expect_text(simc_slice(out, size), c->bytes);
        if (error == SIMC_ESYNTAX)
            ck_assert_msg(bad_at == c->bad_at, "[%s]: bad at %zu", c->text, bad_at);
        unit_expect_error(simc_hex_read(literal, out, c->room, &size, NULL), c->error);
        free(out);
        free(text);
    }
    uint8_t zero = 1;
    size_t size;
    ck_assert_int_eq(simc_hex_read(simc_slice_text("00"), &zero, 1, &size, NULL), 0);
    ck_assert_uint_eq(zero, 0);
    ck_assert_int_eq(simc_hex_read(simc_slice(NULL, 0), NULL, 0, &size, NULL), 0);
    ck_assert_uint_eq(size, 0);
}
END_TEST

/* ---- reader ---- */

START_TEST(numbers_are_read_big_endian)
{
    struct unit_bytes bytes = unit_hex("01 0203 040506 0708090a 0b0c0d0e0f101112 ff");
    struct simc_reader r = simc_reader(unit_slice(&bytes));
    ck_assert_uint_eq(simc_reader_u8(&r), 0x01);
    ck_assert_uint_eq(simc_reader_u16(&r), 0x0203);
    ck_assert_uint_eq(simc_reader_u24(&r), 0x040506);
    ck_assert_uint_eq(simc_reader_u32(&r), 0x0708090a);
    ck_assert_uint_eq(simc_reader_u64(&r), 0x0b0c0d0e0f101112);
    ck_assert_uint_eq(simc_reader_left(&r), 1);
    unit_expect_hex(simc_reader_slice(&r, 1), "ff");
    ck_assert_uint_eq(simc_reader_left(&r), 0);
    ck_assert_int_eq(r.error, 0);
}
END_TEST

START_TEST(numbers_with_the_top_bit_stay_unsigned)
{
    struct unit_bytes bytes = unit_hex("ff ffff ffffff ffffffff ffffffffffffffff");
    struct simc_reader r = simc_reader(unit_slice(&bytes));
    ck_assert_uint_eq(simc_reader_u8(&r), UINT8_MAX);
    ck_assert_uint_eq(simc_reader_u16(&r), UINT16_MAX);
    ck_assert_uint_eq(simc_reader_u24(&r), 0xffffff);
    ck_assert_uint_eq(simc_reader_u32(&r), UINT32_MAX);
    ck_assert_uint_eq(simc_reader_u64(&r), UINT64_MAX);
}
END_TEST

/* Reads `size` bytes in the way that has this size. */
static uint64_t read_number(struct simc_reader *r, size_t size)
{
    switch (size) {
    case 1:
        return simc_reader_u8(r);
    case 2:
        return simc_reader_u16(r);
    case 3:
        return simc_reader_u24(r);
    case 4:
        return simc_reader_u32(r);
    case 8:
        return simc_reader_u64(r);
    default:
        return simc_reader_slice(r, size).size;
    }
}

START_TEST(the_first_failed_read_stays_and_moves_nothing)
{
    static const size_t wants[] = {1, 2, 3, 4, 5, 8, 100, SIZE_MAX};
    for (size_t i = 0; i < UNIT_COUNT(wants); i++) {
        size_t limit = wants[i] < 9 ? wants[i] : 9;
        for (size_t size = 0; size < limit; size++) {
            uint8_t filled[16];
            memset(filled, 0xff, sizeof filled);
            uint8_t *exact = unit_exact(simc_slice(filled, size));
            struct simc_reader r = simc_reader(simc_slice(exact, size));
            ck_assert_uint_eq(read_number(&r, wants[i]), 0);
            ck_assert_int_eq(r.error, SIMC_ESHORT);
            ck_assert_uint_eq(r.error_at, 0);
            ck_assert_uint_eq(r.at, 0);
            ck_assert_uint_eq(simc_reader_left(&r), 0);
            ck_assert_uint_eq(simc_reader_u8(&r), 0);
            ck_assert_ptr_null(simc_reader_take(&r, 0));
            ck_assert_uint_eq(r.at, 0);
            free(exact);
        }
    }
}
END_TEST

START_TEST(the_place_of_the_first_failure_is_kept)
{
    struct unit_bytes bytes = unit_hex("0102030405");
    struct simc_reader r = simc_reader(unit_slice(&bytes));
    (void)simc_reader_u16(&r);
    ck_assert_uint_eq(simc_reader_slice(&r, SIZE_MAX).size, 0);
    (void)simc_reader_u8(&r);
    ck_assert_uint_eq(r.error_at, 2);
    ck_assert_uint_eq(r.at, 2);
}
END_TEST

START_TEST(an_empty_reader_gives_empty_slices)
{
    struct simc_reader r = simc_reader(simc_slice(NULL, 0));
    ck_assert_uint_eq(simc_reader_left(&r), 0);
    ck_assert_uint_eq(simc_reader_slice(&r, 0).size, 0);
    ck_assert_int_eq(r.error, 0);
    ck_assert_uint_eq(simc_reader_u32(&r), 0);
    ck_assert_int_eq(r.error, SIMC_ESHORT);
}
END_TEST

/* ---- writer ---- */

static void write_all_kinds(struct simc_writer *w)
{
    simc_writer_u8(w, 0x01);
    simc_writer_u16(w, 0x0203);
    simc_writer_u24(w, 0xff040506); /* the top byte is not part of it */
    simc_writer_u32(w, 0x0708090a);
    simc_writer_u64(w, 0x0b0c0d0e0f101112);
    simc_writer_slice(w, simc_slice("\xfe\xff", 2));
    simc_writer_slice(w, simc_slice(NULL, 0));
}

START_TEST(numbers_are_written_big_endian_and_measured)
{
    uint8_t out[20];
    struct simc_writer w = simc_writer(out, sizeof out);
    write_all_kinds(&w);
    ck_assert_int_eq(w.error, 0);
    unit_expect_hex(simc_slice(out, w.at), "01 0203 040506 0708090a 0b0c0d0e0f101112 feff");
    struct simc_writer measure = simc_writer(NULL, 0);
    write_all_kinds(&measure);
    ck_assert_int_eq(measure.error, SIMC_ENOSPC);
    ck_assert_uint_eq(measure.at, 20);
}
END_TEST

START_TEST(a_writer_that_is_too_small_writes_a_prefix_and_counts_on)
{
    for (size_t capacity = 0; capacity < 20; capacity++) {
        uint8_t *out = malloc(capacity + 1);
        memset(out, 0xaa, capacity + 1);
        struct simc_writer w = simc_writer(out, capacity);
        write_all_kinds(&w);
        ck_assert_int_eq(w.error, SIMC_ENOSPC);
        ck_assert_uint_eq(w.at, 20);
        ck_assert_uint_eq(out[capacity], 0xaa);
        for (size_t i = 0; i < capacity; i++)
            ck_assert_msg(out[i] == i + 1 || out[i] == 0xaa || out[i] >= 0xfe, "byte %zu", i);
        simc_writer_patch_u16(&w, 0, 0xbbbb);
        ck_assert_msg(capacity == 0 || out[0] != 0xbb, "patched after an error");
        free(out);
    }
}
END_TEST

START_TEST(sizes_near_the_end_of_size_t_do_not_wrap)
{
    uint8_t out[4];
    struct simc_writer w = simc_writer(out, sizeof out);
    simc_writer_u16(&w, 0x0102);
    ck_assert_ptr_null(simc_writer_room(&w, SIZE_MAX));
    ck_assert_uint_eq(w.at, SIZE_MAX);
    ck_assert_ptr_null(simc_writer_room(&w, 3));
    ck_assert_uint_eq(w.at, SIZE_MAX);
    simc_writer_u64(&w, 0);
    ck_assert_int_eq(w.error, SIMC_ENOSPC);
    unit_expect_hex(simc_slice(out, 2), "0102");
    struct simc_writer measure = simc_writer(NULL, 0);
    ck_assert_ptr_null(simc_writer_room(&measure, 0));
    ck_assert_int_eq(measure.error, 0);
}
END_TEST

START_TEST(the_first_error_of_a_writer_stays)
{
    uint8_t out[2] = {0, 0};
    struct simc_writer w = simc_writer(out, sizeof out);
    simc_writer_fail(&w, SIMC_EINVAL);
    simc_writer_fail(&w, SIMC_EPROTO);
    simc_writer_u32(&w, 0xffffffff);
    simc_writer_u8(&w, 0xff);
    ck_assert_int_eq(w.error, SIMC_EINVAL);
    ck_assert_uint_eq(w.at, 5);
    unit_expect_hex(simc_slice(out, 2), "0000");
}
END_TEST

START_TEST(patches_stay_inside)
{
    static const struct {
        size_t capacity, at;
        const char *wanted;
    } cases[] = {
        {4, 0, "beef0000"},
        {4, 2, "0000beef"},
        {4, 3, "00000000"},
        {4, SIZE_MAX, "00000000"},
        {1, 0, "00000000"},
        {0, 0, "00000000"},
        {4, SIZE_MAX - 1, "00000000"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        uint8_t out[4] = {0, 0, 0, 0};
        struct simc_writer w = simc_writer(out, cases[i].capacity);
        simc_writer_patch_u16(&w, cases[i].at, 0xbeef);
        unit_expect_hex(simc_slice(out, 4), cases[i].wanted);
    }
}
END_TEST

/* ---- time and crypto periods ---- */

START_TEST(deadlines_saturate_below_none)
{
    const uint64_t none = SIMC_DEADLINE_NONE;
    static const struct {
        uint64_t now_ms, delay_ms, deadline_ms;
    } cases[] = {
        {0, 0, 0},
        {1000, 500, 1500},
        {0, UINT64_MAX, UINT64_MAX - 1},
        {0, UINT64_MAX - 1, UINT64_MAX - 1},
        {0, UINT64_MAX - 2, UINT64_MAX - 2},
        {1, UINT64_MAX - 2, UINT64_MAX - 1},
        {2, UINT64_MAX - 2, UINT64_MAX - 1},
        {UINT64_MAX - 1, 0, UINT64_MAX - 1},
        {UINT64_MAX - 1, 5, UINT64_MAX - 1},
        {UINT64_MAX, 5, UINT64_MAX - 1},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX - 1},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        ck_assert_msg(simc_deadline_after(cases[i].now_ms, cases[i].delay_ms) ==
                          cases[i].deadline_ms,
                      "case %zu", i);
    ck_assert_uint_eq(simc_deadline_first(3, none), 3);
    ck_assert_uint_eq(simc_deadline_first(none, 3), 3);
    ck_assert_uint_eq(simc_deadline_first(none, none), none);
    ck_assert(!simc_deadline_due(none, UINT64_MAX));
    ck_assert(simc_deadline_due(5, 5));
    ck_assert(!simc_deadline_due(5, 4));
    ck_assert_uint_eq(simc_deadline_left(none, 7), none);
    ck_assert_uint_eq(simc_deadline_left(7, 7), 0);
    ck_assert_uint_eq(simc_deadline_left(7, 9), 0);
    ck_assert_uint_eq(simc_deadline_left(9, 7), 2);
}
END_TEST

START_TEST(the_distance_of_crypto_periods_wraps)
{
    static const struct {
        uint16_t a, b;
        int distance;
    } cases[] = {{0, 0, 0},          {1, 0, 1},          {0, 1, -1},         {0, 65535, 1},
                 {65535, 0, -1},     {2, 65534, 4},      {32767, 0, 32767},  {0, 32767, -32767},
                 {32768, 0, -32768}, {0, 32768, -32768}, {40000, 10, -25546}};
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        ck_assert_int_eq(simc_cp_distance(cases[i].a, cases[i].b), cases[i].distance);
}
END_TEST

Suite *suite_base(void);

Suite *suite_base(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, each_error_row_is_found_by_its_value);
    tcase_add_test(tests, values_outside_the_rows_are_faults_with_a_text);
    tcase_add_test(tests, error_values_are_those_of_the_first_release);
    tcase_add_test(tests, sizes_of_zero_and_overflows_give_no_memory);
    tcase_add_test(tests, blocks_go_through_the_allocator_that_was_set);
    tcase_add_test(tests, slices_are_equal_by_size_and_bytes);
    tcase_add_test(tests, hex_is_read_or_refused_at_the_right_place);
    tcase_add_test(tests, numbers_are_read_big_endian);
    tcase_add_test(tests, numbers_with_the_top_bit_stay_unsigned);
    tcase_add_test(tests, the_first_failed_read_stays_and_moves_nothing);
    tcase_add_test(tests, the_place_of_the_first_failure_is_kept);
    tcase_add_test(tests, an_empty_reader_gives_empty_slices);
    tcase_add_test(tests, numbers_are_written_big_endian_and_measured);
    tcase_add_test(tests, a_writer_that_is_too_small_writes_a_prefix_and_counts_on);
    tcase_add_test(tests, sizes_near_the_end_of_size_t_do_not_wrap);
    tcase_add_test(tests, the_first_error_of_a_writer_stays);
    tcase_add_test(tests, patches_stay_inside);
    tcase_add_test(tests, deadlines_saturate_below_none);
    tcase_add_test(tests, the_distance_of_crypto_periods_wraps);
    suite_add_tcase(suite, tests);
    return suite;
}
