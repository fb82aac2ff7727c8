/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/base/text.h: escapes, numbers, distances, times of day, long output. The
 * runner in main.c calls suite_text(). */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "unit/unit.h"

/* ---- escapes ---- */

struct escape_case {
    const char *text;
    size_t size; /* 0: up to the end mark */
    const char *escaped;
    const char *disarmed; /* NULL: has a NUL byte */
};

static const struct escape_case escape_cases[] = {
    {"", 0, "", ""},
    {"plain words, 0..9 ~", 0, "plain words, 0..9 ~", "plain words, 0..9 ~"},
    {"\"\\", 0, "\\\"\\\\", "\"\\"},
    {"\n\r\t", 0, "\\n\\r\\t", "???"},
    {"a\0b", 3, "a\\u0000b", NULL},
    {"\x01\x1f\x7f", 0, "\\u0001\\u001f\\u007f", "???"},
    {"\033[31m", 0, "\\u001b[31m", "?[31m"},
    /* Well-formed UTF-8 of two, three and four bytes, first and last code points. */
    {"\xc2\xa0\xdf\xbf", 0, "\xc2\xa0\xdf\xbf", "\xc2\xa0\xdf\xbf"},
    {"\xe0\xa0\x80\xef\xbf\xbf", 0, "\xe0\xa0\x80\xef\xbf\xbf", "\xe0\xa0\x80\xef\xbf\xbf"},
    {"\xed\x9f\xbf\xee\x80\x80", 0, "\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 0, "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
     "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
    {"Telef\xc3\xb3nica \xe2\x82\xac", 0, "Telef\xc3\xb3nica \xe2\x82\xac",
     "Telef\xc3\xb3nica \xe2\x82\xac"},
    /* C1 controls: some terminals take U+009B for ESC [. */
    {"\xc2\x80\xc2\x9b\xc2\x9f", 0, "\\u0080\\u009b\\u009f", "??????"},
    /* Characters that turn or hide parts of a line. */
    {"\xe2\x80\xae", 0, "\\u202e", "???"},
    {"\xe2\x80\x8b\xe2\x80\x8f", 0, "\\u200b\\u200f", "??????"},
    {"\xe2\x80\xa8\xe2\x80\xa9", 0, "\\u2028\\u2029", "??????"},
    {"\xe2\x81\xa6\xef\xbb\xbf\xd8\x9c", 0, "\\u2066\\ufeff\\u061c", "????????"},
    {"\xe2\x80\x90\xe2\x80\xaf", 0, "\xe2\x80\x90\xe2\x80\xaf", "\xe2\x80\x90\xe2\x80\xaf"},
    /* Bytes that are no UTF-8: alone, cut, overlong, surrogate, beyond U+10FFFF. */
    {"\x80\xbf\xff\xfe", 0, "\\ufffd\\ufffd\\ufffd\\ufffd", "????"},
    {"\xc3", 0, "\\ufffd", "?"},
    {"\xe2\x82", 0, "\\ufffd\\ufffd", "??"},
    {"\xf0\x9f\x98", 0, "\\ufffd\\ufffd\\ufffd", "???"},
    {"\xc3\"", 0, "\\ufffd\\\"", "?\""},
    {"\xe2\x82\n", 0, "\\ufffd\\ufffd\\n", "???"},
    {"\xc0\xaf", 0, "\\ufffd\\ufffd", "??"},
    {"\xc1\xbf", 0, "\\ufffd\\ufffd", "??"},
    {"\xe0\x9f\xbf", 0, "\\ufffd\\ufffd\\ufffd", "???"},
    {"\xf0\x8f\xbf\xbf", 0, "\\ufffd\\ufffd\\ufffd\\ufffd", "????"},
    {"\xed\xa0\x80", 0, "\\ufffd\\ufffd\\ufffd", "???"},
    {"\xf4\x90\x80\x80", 0, "\\ufffd\\ufffd\\ufffd\\ufffd", "????"},
    {"\xf5\x80\x80\x80", 0, "\\ufffd\\ufffd\\ufffd\\ufffd", "????"},
    {"\xf0\x9f\x98@", 0, "\\ufffd\\ufffd\\ufffd@", "???@"},
};

START_TEST(text_is_escaped_for_one_line_of_a_terminal)
{
    for (size_t i = 0; i < UNIT_COUNT(escape_cases); i++) {
        const struct escape_case *c = &escape_cases[i];
        size_t size = c->size ? c->size : strlen(c->text);
        uint8_t *exact = unit_exact(simc_slice(c->text, size));
        char out[256], quoted[256];
        struct simc_writer w = simc_writer(out, sizeof out);
        simc__text_put_escaped(&w, simc_slice(exact, size));
        ck_assert_msg(w.error == 0, "case %zu", i);
        unit_expect_text(simc_slice(out, w.at), c->escaped);
        w = simc_writer(out, sizeof out);
        simc__text_put_quoted(&w, simc_slice(exact, size));
        snprintf(quoted, sizeof quoted, "\"%s\"", c->escaped);
        unit_expect_text(simc_slice(out, w.at), quoted);
        ck_assert_msg(unit_json_is_valid(simc_slice(out, w.at), NULL), "case %zu", i);
        if (c->disarmed) {
            snprintf(out, sizeof out, "%s", c->text);
            simc__text_disarm(out);
            ck_assert_str_eq(out, c->disarmed);
        }
        free(exact);
    }
}
END_TEST

/* Whatever comes in, quoted text is one JSON string without controls, and disarmed text keeps its
 * length and needs no disarming any more. */
START_TEST(random_bytes_become_valid_json)
{
    struct unit_random random = unit_random(11);
    for (int turn = 0; turn < 20000; turn++) {
        static const uint8_t likely[] = {0x00, 0x1b, 0x22, 0x5c, 0x7f, 0x80, 0x9b,
                                         0xbf, 0xc2, 0xc3, 0xe0, 0xe2, 0xed, 0xef,
                                         0xf0, 0xf4, 0xff, 0xae, 0xa8, 0x41};
        uint8_t bytes[24], out[24 * 6 + 2];
        char twice[25];
        size_t size = (size_t)unit_random_below(&random, sizeof bytes);
        for (size_t i = 0; i < size; i++)
            bytes[i] = turn % 2 ? likely[unit_random_below(&random, sizeof likely)]
                                : (uint8_t)unit_random_next(&random);
        uint8_t *exact = unit_exact(simc_slice(bytes, size));
        struct simc_writer w = simc_writer(out, sizeof out);
        simc__text_put_quoted(&w, simc_slice(exact, size));
        ck_assert_int_eq(w.error, 0);
        ck_assert(unit_json_is_valid(simc_slice(out, w.at), NULL));
        ck_assert_ptr_null(memchr(out, '\n', w.at));
        free(exact);
        bytes[size] = '\0';
        size = strlen((const char *)bytes);
        simc__text_disarm((char *)bytes);
        ck_assert_uint_eq(strlen((const char *)bytes), size);
        memcpy(twice, bytes, size + 1);
        simc__text_disarm(twice);
        ck_assert_str_eq(twice, (const char *)bytes);
    }
}
END_TEST

START_TEST(plain_words_need_no_quotes_and_ascii_is_printable)
{
    static const struct {
        const char *text;
        bool word, ascii;
    } cases[] = {
        {"", false, true},
        {"a", true, true},
        {"10.0.0.1:2222", true, true},
        {"[::1]:2222", true, true},
        {"a_b/c+d-e@f%g", true, true},
        {"a b", false, true},
        {"a=b", false, true},
        {"a\"", false, true},
        {"{", false, true},
        {"~", false, true},
        {"a\x7f", false, false},
        {"\x1f", false, false},
        {"\xc3\xb3", false, false},
        {"a\n", false, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct simc_slice text = simc_slice_text(cases[i].text);
        ck_assert_msg(simc__text_is_plain_word(text) == cases[i].word, "[%s]", cases[i].text);
        ck_assert_msg(simc__text_is_ascii(text) == cases[i].ascii, "[%s]", cases[i].text);
    }
    ck_assert(!simc__text_is_plain_word(simc_slice("a\0b", 3)));
    ck_assert(!simc__text_is_ascii(simc_slice("\0", 1)));
    ck_assert(!simc__text_is_plain_word(simc_slice(NULL, 0)));
}
END_TEST

START_TEST(hex_digits_are_lower_case_and_whole_or_missing)
{
    char out[8];
    struct simc_writer w = simc_writer(out, sizeof out);
    simc__text_put_hex(&w, simc_slice("\x00\x9a\xbc\xff", 4));
    unit_expect_text(simc_slice(out, w.at), "009abcff");
    simc__text_put_hex(&w, simc_slice(NULL, 0));
    ck_assert_int_eq(w.error, 0);
    w = simc_writer(out, 7);
    simc__text_put_hex(&w, simc_slice("\x00\x9a\xbc\xff", 4));
    ck_assert_int_eq(w.error, SIMC_ENOSPC);
    ck_assert_uint_eq(w.at, 8);
    w = simc_writer(out, sizeof out);
    simc__text_put_hex(&w, simc_slice(out, SIZE_MAX / 2 + 1));
    ck_assert_int_eq(w.error, SIMC_ENOSPC);
    ck_assert_uint_eq(w.at, SIZE_MAX);
}
END_TEST

/* ---- printf ---- */

START_TEST(printed_text_may_fill_a_writer_to_its_last_byte)
{
    static const int widths[] = {0, 1, 510, 511, 512, 513, 2000};
    for (size_t i = 0; i < UNIT_COUNT(widths); i++) {
        size_t size = (size_t)widths[i];
        char *out = malloc(size + 1), wanted[2001];
        memset(wanted, 'x', sizeof wanted);
        struct simc_writer w = simc_writer(out, size);
        simc__text_printf(&w, "%.*s", widths[i], wanted);
        ck_assert_int_eq(w.error, 0);
        unit_expect_bytes(simc_slice(out, w.at), simc_slice(wanted, size));
        out[size] = '!';
        w = simc_writer(out, size);
        simc__text_printf(&w, "%.*s.", widths[i], wanted);
        ck_assert_int_eq(w.error, SIMC_ENOSPC);
        ck_assert_uint_eq(w.at, size + 1);
        simc__text_printf(&w, "%.*s", widths[i], wanted);
        ck_assert_uint_eq(w.at, 2 * size + 1);
        ck_assert_int_eq(out[size], '!');
        free(out);
    }
    struct simc_writer measure = simc_writer(NULL, 0);
    simc__text_printf(&measure, "%s", "");
    ck_assert_int_eq(measure.error, 0);
    simc__text_printf(&measure, "%01000d", 1);
    ck_assert_uint_eq(measure.at, 1000);
}
END_TEST

START_TEST(a_format_that_fails_is_noted)
{
    char out[8];
    struct simc_writer w = simc_writer(out, sizeof out);
    /* No character of the C locale. */
    simc__text_printf(&w, "%ls", L"\u20ac");
    ck_assert_int_eq(w.error, SIMC_EINVAL);
}
END_TEST

static int long_print_step(void *context)
{
    static char out[4000];
    struct simc_writer w = simc_writer(out, sizeof out);
    (void)context;
    simc__text_printf(&w, "%01000d", 1);
    simc__text_printf(&w, "%0100d", 1);
    simc__text_printf(&w, "%02900d", 1);
    ck_assert_uint_eq(w.at, sizeof out);
    return w.error;
}

START_TEST(long_text_without_memory_is_an_error)
{
    ck_assert_uint_eq(unit_fail_each_allocation(long_print_step, NULL, true), 2);
}
END_TEST

/* ---- numbers ---- */

struct number_case {
    const char *text;
    int uint_error;
    uint64_t number;
    int int_error;
    int64_t integer;
};

enum { BAD = SIMC_ESYNTAX };

static const struct number_case number_cases[] = {
    {"0", 0, 0, 0, 0},
    {"7", 0, 7, 0, 7},
    {"65535", 0, 65535, 0, 65535},
    {"9223372036854775807", 0, INT64_MAX, 0, INT64_MAX},
    {"9223372036854775808", 0, (uint64_t)INT64_MAX + 1, BAD, 0},
    {"18446744073709551615", 0, UINT64_MAX, BAD, 0},
    {"18446744073709551616", BAD, 0, BAD, 0},
    {"18446744073709551625", BAD, 0, BAD, 0},
    {"99999999999999999999999", BAD, 0, BAD, 0},
    {"0x0", 0, 0, 0, 0},
    {"0x00ff", 0, 255, 0, 255},
    {"0XaBcD", 0, 0xabcd, 0, 0xabcd},
    {"0x7fffffffffffffff", 0, INT64_MAX, 0, INT64_MAX},
    {"0xffffffffffffffff", 0, UINT64_MAX, BAD, 0},
    {"0x0ffffffffffffffff", 0, UINT64_MAX, BAD, 0},
    {"0x10000000000000000", BAD, 0, BAD, 0},
    {"-0", BAD, 0, 0, 0},
    {"+0", BAD, 0, 0, 0},
    {"-1", BAD, 0, 0, -1},
    {"+1", BAD, 0, 0, 1},
    {"-0x10", BAD, 0, 0, -16},
    {"-9223372036854775807", BAD, 0, 0, -INT64_MAX},
    {"-9223372036854775808", BAD, 0, 0, INT64_MIN},
    {"-0x8000000000000000", BAD, 0, 0, INT64_MIN},
    {"-9223372036854775809", BAD, 0, BAD, 0},
    {"+9223372036854775808", BAD, 0, BAD, 0},
    {"", BAD, 0, BAD, 0},
    {"-", BAD, 0, BAD, 0},
    {"+", BAD, 0, BAD, 0},
    {"--1", BAD, 0, BAD, 0},
    {"-+1", BAD, 0, BAD, 0},
    {"08", BAD, 0, BAD, 0},
    {"010", BAD, 0, BAD, 0},
    {"00", BAD, 0, BAD, 0},
    {"-01", BAD, 0, BAD, 0},
    {"0x", BAD, 0, BAD, 0},
    {"0xg", BAD, 0, BAD, 0},
    {"x1", BAD, 0, BAD, 0},
    {"00x1", BAD, 0, BAD, 0},
    {"1x", BAD, 0, BAD, 0},
    {"ff", BAD, 0, BAD, 0},
    {" 1", BAD, 0, BAD, 0},
    {"1 ", BAD, 0, BAD, 0},
    {"1.0", BAD, 0, BAD, 0},
    {"1e3", BAD, 0, BAD, 0},
    {"1_000", BAD, 0, BAD, 0},
    {"\xd9\xa1", BAD, 0, BAD, 0},
    {"1:", BAD, 0, BAD, 0},
    {"1/", BAD, 0, BAD, 0},
    {"0x1@", BAD, 0, BAD, 0},
    {"0x1`", BAD, 0, BAD, 0},
};

START_TEST(numbers_are_read_strictly)
{
    for (size_t i = 0; i < UNIT_COUNT(number_cases); i++) {
        const struct number_case *c = &number_cases[i];
        struct simc_slice text = simc_slice_text(c->text);
        uint8_t *exact = unit_exact(text);
        uint64_t number = 0;
        int64_t integer = 0;
        int error = simc__text_read_uint(simc_slice(exact, text.size), &number);
        ck_assert_msg(error == c->uint_error && number == c->number, "[%s] is %s, %" PRIu64,
                      c->text, simc_error_name(error), number);
        error = simc__text_read_int(simc_slice(exact, text.size), &integer);
        ck_assert_msg(error == c->int_error && integer == c->integer, "[%s] is %s, %" PRId64,
                      c->text, simc_error_name(error), integer);
        free(exact);
    }
    uint64_t number;
    int64_t integer;
    unit_expect_error(simc__text_read_uint(simc_slice(NULL, 0), &number), SIMC_ESYNTAX);
    unit_expect_error(simc__text_read_int(simc_slice(NULL, 0), &integer), SIMC_ESYNTAX);
    unit_expect_error(simc__text_read_uint(simc_slice("1\0", 2), &number), SIMC_ESYNTAX);
}
END_TEST

START_TEST(printed_numbers_are_read_back)
{
    struct unit_random random = unit_random(3);
    for (int turn = 0; turn < 5000; turn++) {
        uint64_t wanted = unit_random_next(&random) >> unit_random_below(&random, 64), number = 0;
        int64_t integer = 0;
        char text[32];
        snprintf(text, sizeof text, turn % 2 ? "%" PRIu64 : "0x%" PRIx64, wanted);
        ck_assert_int_eq(simc__text_read_uint(simc_slice_text(text), &number), 0);
        ck_assert(number == wanted);
        snprintf(text, sizeof text, "%" PRId64, (int64_t)wanted);
        ck_assert_int_eq(simc__text_read_int(simc_slice_text(text), &integer), 0);
        ck_assert(integer == (int64_t)wanted);
    }
}
END_TEST

/* ---- distance ---- */

START_TEST(the_distance_counts_slips_of_the_finger)
{
    static const char forty[] = "abcdefghijabcdefghijabcdefghijabcdefghij";
    static const char forty_one[] = "abcdefghijabcdefghijabcdefghijabcdefghijk";
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = {
        {"", "", 0},          {"", "abc", 3},      {"dump", "dump", 0},
        {"dump", "DUMP", 0},  {"dump", "dupm", 2}, {"dump", "dum", 1},
        {"dump", "dumpp", 1}, {"dump", "jump", 1}, {"kitten", "sitting", 3},
        {"abc", "xyz", 3},    {"a[", "a{", 1},     {"@", "`", 1},
        {forty, forty, 0},    {forty, "", 40},     {forty, forty_one, 40},
        {forty_one, "", 40},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct simc_slice a = simc_slice_text(cases[i].a), b = simc_slice_text(cases[i].b);
        ck_assert_msg(simc__text_distance(a, b) == cases[i].distance, "%s, %s: %u", cases[i].a,
                      cases[i].b, simc__text_distance(a, b));
        ck_assert_uint_eq(simc__text_distance(b, a), cases[i].distance);
    }
    ck_assert_uint_eq(simc__text_distance(simc_slice(NULL, 0), simc_slice(NULL, 0)), 0);
    ck_assert_uint_eq(simc__text_distance(simc_slice(forty, SIZE_MAX), simc_slice(forty, 1)), 40);
}
END_TEST

/* ---- UTC ---- */

struct utc_case {
    uint64_t seconds;
    const char *text; /* without the fraction */
};

/* Seconds as `date -u -d TEXT +%s` gives them. */
static const struct utc_case utc_cases[] = {
    {0, "1970-01-01T00:00:00"},
    {86399, "1970-01-01T23:59:59"},
    {5097599, "1970-02-28T23:59:59"},
    {5097600, "1970-03-01T00:00:00"},
    {68169600, "1972-02-29T00:00:00"},
    {68255999, "1972-02-29T23:59:59"},
    {946684799, "1999-12-31T23:59:59"},
    {951782400, "2000-02-29T00:00:00"},
    {951868800, "2000-03-01T00:00:00"},
    {978220800, "2000-12-31T00:00:00"},
    {1709164800, "2024-02-29T00:00:00"},
    {1795262400, "2026-11-21T12:00:00"},
    {2147483648, "2038-01-19T03:14:08"},
    {4107542399, "2100-02-28T23:59:59"},
    {4107542400, "2100-03-01T00:00:00"},
    {13574563200, "2400-02-29T00:00:00"},
    {253402300799, "9999-12-31T23:59:59"},
    {253402300800, "10000-01-01T00:00:00"},
};

START_TEST(microseconds_become_dates)
{
    for (size_t i = 0; i < UNIT_COUNT(utc_cases); i++) {
        const struct utc_case *c = &utc_cases[i];
        char out[64], wanted[64];
        struct simc_writer w = simc_writer(out, sizeof out);
        simc__text_put_utc(&w, c->seconds * 1000000 + 42, true);
        snprintf(wanted, sizeof wanted, "%s.000042Z", c->text);
        unit_expect_text(simc_slice(out, w.at), wanted);
        w = simc_writer(out, sizeof out);
        simc__text_put_utc(&w, c->seconds * 1000000 + 999999, false);
        snprintf(wanted, sizeof wanted, "%s.999", strchr(c->text, 'T') + 1);
        unit_expect_text(simc_slice(out, w.at), wanted);
    }
}
END_TEST

/* Counts through the calendar by its own rules, day by day over more than one cycle of 400 years.
 */
START_TEST(each_day_until_2500_follows_the_one_before)
{
    unsigned year = 1970, month = 1, day = 1;
    for (uint64_t days = 0; year < 2500; days++) {
        static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        char out[64], wanted[64];
        struct simc_writer w = simc_writer(out, sizeof out);
        simc__text_put_utc(&w, days * 86400 * 1000000, true);
        snprintf(wanted, sizeof wanted, "%04u-%02u-%02uT00:00:00.000000Z", year, month, day);
        unit_expect_text(simc_slice(out, w.at), wanted);
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        if (++day > lengths[month - 1] + (month == 2 && leap)) {
            day = 1;
            year += month == 12;
            month = month == 12 ? 1 : month + 1;
        }
    }
}
END_TEST

START_TEST(the_last_microsecond_of_64_bits_is_a_date_too)
{
    char out[64];
    struct simc_writer w = simc_writer(out, sizeof out);
    simc__text_put_utc(&w, UINT64_MAX, true);
    unit_expect_text(simc_slice(out, w.at), "586524-01-19T08:01:49.551615Z");
}
END_TEST

Suite *suite_text(void);

Suite *suite_text(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, text_is_escaped_for_one_line_of_a_terminal);
    tcase_add_test(tests, random_bytes_become_valid_json);
    tcase_add_test(tests, plain_words_need_no_quotes_and_ascii_is_printable);
    tcase_add_test(tests, hex_digits_are_lower_case_and_whole_or_missing);
    tcase_add_test(tests, printed_text_may_fill_a_writer_to_its_last_byte);
    tcase_add_test(tests, a_format_that_fails_is_noted);
    tcase_add_test(tests, long_text_without_memory_is_an_error);
    tcase_add_test(tests, numbers_are_read_strictly);
    tcase_add_test(tests, printed_numbers_are_read_back);
    tcase_add_test(tests, the_distance_counts_slips_of_the_finger);
    tcase_add_test(tests, microseconds_become_dates);
    tcase_add_test(tests, each_day_until_2500_follows_the_one_before);
    tcase_add_test(tests, the_last_microsecond_of_64_bits_is_a_date_too);
    suite_add_tcase(suite, tests);
    return suite;
}
