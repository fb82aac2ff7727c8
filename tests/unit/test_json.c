/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of the JSON writer: each kind of value, commas and nesting, mistakes of the caller,
 * and outputs without room. The runner in main.c calls suite_json(). */
#include <check.h>
#include <string.h>

#include "base/json.h"
#include "unit/unit.h"

/* Everything at once; the steps of the tests below write into rooms of different sizes. */
static int write_all(struct simc_writer *out)
{
    const uint8_t key[SIMC_FINGERPRINT_KEY_SIZE] = {1};
    const uint8_t bytes[] = {0x00, 0xff, 0x1a};
    struct simc_secret word = {.size = 0};
    struct simc__json json;
    simc_fingerprint_key_set(key);
    simc__json_init(&json, out);
    simc__json_object(&json, NULL);
    simc__json_text(&json, "text", "a \"b\"\n\x1b\xff");
    simc__json_text(&json, "none", NULL);
    simc__json_slice(&json, "slice", simc_slice("x\0y", 3));
    simc__json_format(&json, "format", "%d%%", 5);
    simc__json_uint(&json, "most", UINT64_MAX);
    simc__json_int(&json, "least", INT64_MIN);
    simc__json_bool(&json, "yes", true);
    simc__json_bool(&json, "no", false);
    simc__json_null(&json, "null");
    simc__json_scaled(&json, "seconds", 1500, 1000);
    simc__json_hex(&json, "id", 10, 4);
    simc__json_bytes(&json, "bytes", simc_slice(bytes, sizeof bytes));
    simc__json_secret(&json, "no_word", &word);
    simc__json_utc(&json, "time", (uint64_t)1795262400 * 1000000);
    simc__json_utc(&json, "never", 0);
    simc__json_array(&json, "list");
    simc__json_uint(&json, NULL, 1);
    simc__json_object(&json, NULL);
    simc__json_end(&json);
    simc__json_array(&json, NULL);
    simc__json_array(&json, NULL);
    simc__json_end(&json);
    simc__json_end(&json);
    simc__json_end(&json);
    simc__json_object(&json, "last \\ name");
    simc__json_uint(&json, "a", 1);
    simc__json_end(&json);
    simc__json_end(&json);
    return simc__json_finish(&json);
}

static const char all[] =
    "{\"text\":\"a \\\"b\\\"\\n\\u001b\\ufffd\",\"none\":null,\"slice\":\"x\\u0000y\","
    "\"format\":\"5%\",\"most\":18446744073709551615,\"least\":-9223372036854775808,"
    "\"yes\":true,\"no\":false,\"null\":null,\"seconds\":1.5,\"id\":\"0x000a\","
    "\"bytes\":\"00ff1a\",\"no_word\":null,\"time\":\"2026-11-21T12:00:00.000000Z\","
    "\"never\":null,\"list\":[1,{},[[]]],\"last \\\\ name\":{\"a\":1}}";

START_TEST(every_value_has_its_form)
{
    char text[1024];
    struct simc_writer out = simc_writer(text, sizeof text);
    unit_expect_error(write_all(&out), 0);
    unit_expect_text(simc_slice(text, out.at), all);
    ck_assert(unit_json_is_valid(simc_slice(text, out.at), NULL));
}
END_TEST

START_TEST(a_room_too_small_is_told_with_the_size_it_needs)
{
    char text[sizeof all];
    for (size_t room = 0; room < sizeof all - 1; room++) {
        struct simc_writer out = simc_writer(text, room);
        unit_expect_error(write_all(&out), SIMC_ENOSPC);
        ck_assert_uint_eq(out.at, sizeof all - 1);
    }
    struct simc_writer out = simc_writer(text, sizeof all - 1);
    unit_expect_error(write_all(&out), 0);
}
END_TEST

START_TEST(a_secret_is_a_fingerprint)
{
    char text[128], fingerprint[SIMC_FINGERPRINT_SIZE], wanted[64];
    struct simc_secret word;
    struct simc__json json;
    struct simc_writer out = simc_writer(text, sizeof text);
    unit_expect_error(simc_secret_set(&word, simc_slice("\x12\x34\x56\x78", 4)), 0);
    simc_secret_fingerprint(&word, fingerprint);
    simc__json_init(&json, &out);
    simc__json_secret(&json, NULL, &word);
    unit_expect_error(simc__json_finish(&json), 0);
    wanted[0] = '\0';
    unit_append(wanted, sizeof wanted, "\"");
    unit_append(wanted, sizeof wanted, fingerprint);
    unit_append(wanted, sizeof wanted, "\"");
    unit_expect_text(simc_slice(text, out.at), wanted);
}
END_TEST

/* ---- mistakes of the caller ---- */

static void nothing(struct simc__json *json)
{
    (void)json;
}

static void two_values(struct simc__json *json)
{
    simc__json_uint(json, NULL, 1);
    simc__json_uint(json, NULL, 2);
}

static void name_at_the_top(struct simc__json *json)
{
    simc__json_uint(json, "a", 1);
}

static void name_in_an_array(struct simc__json *json)
{
    simc__json_array(json, NULL);
    simc__json_uint(json, "a", 1);
    simc__json_end(json);
}

static void no_name_in_an_object(struct simc__json *json)
{
    simc__json_object(json, NULL);
    simc__json_uint(json, NULL, 1);
    simc__json_end(json);
}

static void one_end_too_many(struct simc__json *json)
{
    simc__json_object(json, NULL);
    simc__json_end(json);
    simc__json_end(json);
}

static void one_end_too_few(struct simc__json *json)
{
    simc__json_object(json, NULL);
    simc__json_array(json, "a");
    simc__json_end(json);
}

static void too_deep(struct simc__json *json)
{
    for (unsigned i = 0; i <= SIMC__JSON_DEPTH_MAX; i++)
        simc__json_array(json, NULL);
    for (unsigned i = 0; i <= SIMC__JSON_DEPTH_MAX; i++)
        simc__json_end(json);
}

static void (*const mistakes[])(struct simc__json *json) = {
    nothing,          two_values,      name_at_the_top, name_in_an_array, no_name_in_an_object,
    one_end_too_many, one_end_too_few, too_deep};

START_TEST(a_mistake_of_the_program_is_an_error)
{
    char text[1024];
    for (size_t i = 0; i < UNIT_COUNT(mistakes); i++) {
        struct simc__json json;
        struct simc_writer out = simc_writer(text, sizeof text);
        simc__json_init(&json, &out);
        mistakes[i](&json);
        unit_expect_error(simc__json_finish(&json), SIMC_EINVAL);
    }
}
END_TEST

START_TEST(nesting_to_the_limit_is_written)
{
    char text[128], wanted[128];
    struct simc__json json;
    struct simc_writer out = simc_writer(text, sizeof text);
    simc__json_init(&json, &out);
    for (unsigned i = 0; i < SIMC__JSON_DEPTH_MAX; i++)
        simc__json_array(&json, NULL);
    for (unsigned i = 0; i < SIMC__JSON_DEPTH_MAX; i++)
        simc__json_end(&json);
    unit_expect_error(simc__json_finish(&json), 0);
    memset(wanted, '[', SIMC__JSON_DEPTH_MAX);
    memset(wanted + SIMC__JSON_DEPTH_MAX, ']', SIMC__JSON_DEPTH_MAX);
    wanted[2 * SIMC__JSON_DEPTH_MAX] = '\0';
    unit_expect_text(simc_slice(text, out.at), wanted);
}
END_TEST

/* ---- fractions ---- */

static const struct {
    uint64_t value, per;
    const char *text;
} fractions[] = {
    {0, 1, "0"},
    {7, 1, "7"},
    {7, 0, "7"},
    {0, 1000, "0"},
    {1, 1000, "0.001"},
    {10, 1000, "0.01"},
    {1000, 1000, "1"},
    {1001000, 1000000, "1.001"},
    {25, 1000000, "0.000025"},
    {999999999, 1000000000, "0.999999999"},
    {UINT64_MAX, 1000000000, "18446744073.709551615"},
    {UINT64_MAX, 1, "18446744073709551615"},
};

START_TEST(fractions_are_exact_and_short)
{
    for (size_t i = 0; i < UNIT_COUNT(fractions); i++) {
        char text[64];
        struct simc_writer out = simc_writer(text, sizeof text);
        simc__text_put_scaled(&out, fractions[i].value, fractions[i].per);
        unit_expect_error(out.error, 0);
        unit_expect_text(simc_slice(text, out.at), fractions[i].text);
    }
}
END_TEST

START_TEST(long_formatted_text_is_cut)
{
    char text[1024], spaces[600];
    struct simc__json json;
    struct simc_writer out = simc_writer(text, sizeof text);
    memset(spaces, ' ', sizeof spaces);
    simc__json_init(&json, &out);
    simc__json_format(&json, NULL, "%.*s", (int)sizeof spaces, spaces);
    unit_expect_error(simc__json_finish(&json), 0);
    ck_assert_uint_eq(out.at, 511 + 2);
}
END_TEST

Suite *suite_json(void);

Suite *suite_json(void)
{
    Suite *suite = suite_create("json");
    TCase *cases = tcase_create("json");
    tcase_add_test(cases, every_value_has_its_form);
    tcase_add_test(cases, a_room_too_small_is_told_with_the_size_it_needs);
    tcase_add_test(cases, a_secret_is_a_fingerprint);
    tcase_add_test(cases, a_mistake_of_the_program_is_an_error);
    tcase_add_test(cases, nesting_to_the_limit_is_written);
    tcase_add_test(cases, fractions_are_exact_and_short);
    tcase_add_test(cases, long_formatted_text_is_cut);
    suite_add_tcase(suite, cases);
    return suite;
}
