/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/conf: times, and secrets that stand in a file which is secret as a whole. The
 * runner in main.c calls suite_conf_secret(). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/internal.h"
#include "unit/unit.h"

Suite *suite_conf_secret(void);

enum { TEXT_SIZE = 65536 };

/* ---- a secret file with every kind of row that one may have ---- */

struct vault_item {
    uint16_t number;
    struct simc_secret *key;
};

struct vault {
    uint32_t start_s;
    uint64_t end_s, late_s;
    bool has_late;
    struct simc_secret *key, *seed, *spare;
    struct vault_item *items;
    size_t items_count;
};

static const struct simc__conf_row vault_item_rows[] = {
    {.name = "number",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(vault_item, number),
     .required = true,
     .example = "1",
     .help = "a number"},
    {.name = "key",
     .type = SIMC__CONF_SECRET_INLINE,
     SIMC__CONF_AT(vault_item, key),
     .min = 2,
     .max = 2,
     .required = true,
     .example = "0000",
     .help = "a small key"},
};
static const struct simc__conf_table vault_item_table = {
    .name = "item", .rows = vault_item_rows, .count = 2, .size = sizeof(struct vault_item)};
static const struct simc__conf_row vault_item = {.name = "item",
                                                 .type = SIMC__CONF_MAP,
                                                 SIMC__CONF_ITEM(struct vault_item),
                                                 .table = &vault_item_table,
                                                 .help = "an item"};

static const struct simc__conf_row vault_rows[] = {
    {.name = "start",
     .type = SIMC__CONF_TIME,
     SIMC__CONF_AT(vault, start_s),
     .fallback = "2026-11-21T00:00:00Z",
     .reloadable = true,
     .help = "a time of 32 bits"},
    {.name = "end",
     .type = SIMC__CONF_TIME,
     SIMC__CONF_AT(vault, end_s),
     .min = 946684800,   /* 2000-01-01 */
     .max = 32503680000, /* 3000-01-01 */
     .fallback = "2100-03-01T12:34:56Z",
     .help = "a time of 64 bits within bounds"},
    {.name = "late",
     .type = SIMC__CONF_TIME,
     SIMC__CONF_AT(vault, late_s),
     SIMC__CONF_HAS(vault, has_late),
     .null_allowed = true,
     .fallback = "null",
     .help = "any time, or null"},
    {.name = "key",
     .type = SIMC__CONF_SECRET_INLINE,
     SIMC__CONF_AT(vault, key),
     .min = 16,
     .max = 16,
     .required = true,
     .example = "00000000000000000000000000000000",
     .reloadable = true,
     .help = "a key"},
    {.name = "seed",
     .type = SIMC__CONF_SECRET_INLINE,
     SIMC__CONF_AT(vault, seed),
     .min = 8,
     .null_allowed = true,
     .fallback = "null",
     .help = "another key, or null"},
    {.name = "spare",
     .type = SIMC__CONF_SECRET_INLINE,
     SIMC__CONF_AT(vault, spare),
     .null_allowed = true,
     .fallback = "null",
     .help = "a key of any size, or null"},
    {.name = "items",
     .type = SIMC__CONF_LIST,
     SIMC__CONF_LIST_AT(vault, items),
     .max = 4,
     .item = &vault_item,
     .help = "more of them"},
};

static const struct simc__conf_table vault_table = {
    .name = "vault",
    .rows = vault_rows,
    .count = sizeof vault_rows / sizeof vault_rows[0],
    .size = sizeof(struct vault),
    .secret_file = true,
};

#define KEY  "00112233445566778899aabbccddeeff"
#define LAST "9999-12-31T23:59:59Z"

static struct simc__conf_faults faults;

/* @return the faults as text, "" for none. */
static const char *load(const char *yaml, struct vault *vault, struct simc__conf **owner)
{
    static char text[TEXT_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    int error = simc__conf_load(&vault_table, simc_slice_text(yaml), "f", vault, owner, &faults);
    ck_assert_int_eq(error, faults.total ? SIMC_ESYNTAX : 0);
    simc__conf_faults_put(&out, &faults, "f");
    ck_assert_int_eq(out.error, 0);
    text[out.at] = '\0';
    return text;
}

/* ---- times ---- */

struct time_case {
    const char *text;
    uint64_t seconds;
    const char *why; /* NULL: it is a time */
};

#define WRITE "write it as 2026-11-21T00:00:00Z"

/* The seconds were made with date(1). */
static const struct time_case time_cases[] = {
    {"1970-01-01T00:00:00Z", 0, NULL},
    {"1970-01-01T00:00:01Z", 1, NULL},
    {"1972-02-29T00:00:00Z", 68169600, NULL},
    {"1999-12-31T23:59:59Z", 946684799, NULL},
    {"2000-02-29T12:00:00Z", 951825600, NULL},
    {"2000-03-01T00:00:00Z", 951868800, NULL},
    {"2025-12-05T12:43:44Z", 1764938624, NULL},
    {"2026-11-21T00:00:00Z", 1795219200, NULL},
    {"2038-01-19T03:14:08Z", 2147483648, NULL},
    {"2100-02-28T23:59:59Z", 4107542399, NULL},
    {"2100-03-01T00:00:00Z", 4107542400, NULL},
    {"2106-02-07T06:28:15Z", 4294967295, NULL},
    {LAST, 253402300799, NULL},
    {"2026-11-21", 0, "has no time of day; write 2026-11-21T00:00:00Z"},
    {"2026-11-21T00:00:00", 0, "does not say that it is UTC; write 2026-11-21T00:00:00Z"},
    {"2026-11-21T00:00:00+01:00", 0, "is not in UTC; " WRITE},
    {"2026-11-21T00:00:00-05:00", 0, "is not in UTC; " WRITE},
    {"2026-11-21T00:00:00.5Z", 0, "has a fraction; " WRITE},
    {"2026-11-21 00:00:00Z", 0, "is no time in UTC; " WRITE},
    {"2026-11-21 00:00:00", 0, "is no time in UTC; " WRITE},
    {"2026-11-21t00:00:00z", 0, "is no time in UTC; " WRITE},
    {"2026-11-21T00:00Z", 0, "is no time in UTC; " WRITE},
    {"2026-11-21T0:00:00Z", 0, "is no time in UTC; " WRITE},
    {"20261121T000000Z", 0, "is no time in UTC; " WRITE},
    {"21.11.2026", 0, "is no time in UTC; " WRITE},
    {"2026-11-21T00:00:00ZZ", 0, "is no time in UTC; " WRITE},
    {" 2026-11-21T00:00:00Z", 0, "is no time in UTC; " WRITE},
    {"1795219200", 0, "is no time in UTC; " WRITE},
    {"now", 0, "is no time in UTC; " WRITE},
    {"", 0, "is no time in UTC; " WRITE},
    {"2026-00-21T00:00:00Z", 0, "has no such month; months are 01 to 12"},
    {"2026-13-21T00:00:00Z", 0, "has no such month; months are 01 to 12"},
    {"2026-11-00T00:00:00Z", 0, "has no such day; 2026-11 ends with day 30"},
    {"2026-11-31T00:00:00Z", 0, "has no such day; 2026-11 ends with day 30"},
    {"2026-02-29T00:00:00Z", 0, "has no such day; 2026-02 ends with day 28"},
    {"2028-02-30T00:00:00Z", 0, "has no such day; 2028-02 ends with day 29"},
    {"2100-02-29T00:00:00Z", 0, "has no such day; 2100-02 ends with day 28"},
    {"2026-11-21T24:00:00Z", 0, "has no such time of day; it goes from 00:00:00 to 23:59:59"},
    {"2026-11-21T23:60:00Z", 0, "has no such time of day; it goes from 00:00:00 to 23:59:59"},
    {"2016-12-31T23:59:60Z", 0, "has no such time of day; it goes from 00:00:00 to 23:59:59"},
    {"1969-12-31T23:59:59Z", 0, "is before 1970, where time begins here"},
    {"0000-01-01T00:00:00Z", 0, "is before 1970, where time begins here"},
};

START_TEST(a_time_is_read_in_one_form_only)
{
    for (size_t i = 0; i < UNIT_COUNT(time_cases); i++) {
        const struct time_case *c = &time_cases[i];
        char why[SIMC__CONF_WHY_SIZE] = "", text[32];
        uint64_t seconds = 77;
        uint8_t *exact = unit_exact(simc_slice_text(c->text));
        bool good = simc__conf_time_read(simc_slice(exact, strlen(c->text)), &seconds, why);
        free(exact);
        ck_assert_msg(good == !c->why, "%s", c->text);
        ck_assert_msg(!c->why || strcmp(why, c->why) == 0, "%s: %s", c->text, why);
        ck_assert_uint_eq(seconds, good ? c->seconds : 77);
        struct simc_writer out = simc_writer(text, sizeof text);
        simc__conf_time_put(&out, c->seconds);
        if (good)
            unit_expect_text(simc_slice(text, out.at), c->text);
    }
}
END_TEST

/* Every day that has a number, and the printer as the other direction. */
START_TEST(each_day_of_five_centuries_comes_back)
{
    for (uint64_t day = 0; day < 500 * 366; day++) {
        char text[32], why[SIMC__CONF_WHY_SIZE];
        uint64_t wanted = day * 86400 + day % 86400, seconds = 0;
        struct simc_writer out = simc_writer(text, sizeof text);
        simc__conf_time_put(&out, wanted);
        ck_assert(simc__conf_time_read(simc_slice(text, out.at), &seconds, why));
        ck_assert_uint_eq(seconds, wanted);
    }
}
END_TEST

struct value_case {
    const char *line;
    const char *fault; /* NULL: good */
};

static const struct value_case value_cases[] = {
    {"start: 2030-01-01T00:00:00Z", NULL},
    {"start: \"2030-01-01T00:00:00Z\"", NULL},
    {"start: 2106-02-07T06:28:15Z", NULL},
    {"start: 2106-02-07T06:28:16Z", "start: 2106-02-07T06:28:16Z is not between "
                                    "1970-01-01T00:00:00Z and 2106-02-07T06:28:15Z"},
    {"start: 2030-01-01", "start: 2030-01-01 has no time of day; write 2030-01-01T00:00:00Z"},
    {"start: null", "start: null is not allowed here; write a time such as 2026-11-21T00:00:00Z"},
    {"start: [1]", "start: this must be a time such as 2026-11-21T00:00:00Z, not a list"},
    {"start:", "start: there is no value; write a time such as 2026-11-21T00:00:00Z, or remove the "
               "key"},
    {"end: 2000-01-01T00:00:00Z", NULL},
    {"end: 1999-12-31T23:59:59Z", "end: 1999-12-31T23:59:59Z is not between 2000-01-01T00:00:00Z "
                                  "and 3000-01-01T00:00:00Z"},
    {"end: 3000-01-01T00:00:01Z", "end: 3000-01-01T00:00:01Z is not between 2000-01-01T00:00:00Z "
                                  "and 3000-01-01T00:00:00Z"},
    {"late: " LAST, NULL},
    {"late: null", NULL},
    {"late: never", "late: never is no time in UTC; " WRITE},
    /* secrets: no fault shows one */
    {"seed: \"" KEY "\"", NULL},
    {"seed: '" KEY "'", NULL},
    {"seed: 12345678901234567890", NULL},
    {"seed: FFFFFFFFFFFFFFFF", NULL},
    {"seed: null", NULL},
    {"spare: ab", NULL},
    {"spare: " KEY KEY KEY KEY, NULL},
    {"spare: " KEY KEY KEY KEY "00",
     "spare: there are 130 hex digits, but there must be 2 to 128, two for each byte"},
    {"spare: abc", "spare: there are 3 hex digits, but there must be 2 to 128, two for each byte"},
    {"spare: ''", "spare: there are 0 hex digits, but there must be 2 to 128, two for each byte"},
    {"seed: 001122", "seed: there are 6 hex digits, but there must be 16 to 128, two for each "
                     "byte"},
    {"seed: 0x00112233445566778899",
     "seed: character 2 is no hex digit; write hex digits only, without 0x and separators"},
    {"seed: 00 11 22 33 44 55 66 77",
     "seed: character 3 is no hex digit; write hex digits only, without 0x and separators"},
    {"seed: 00:11:22:33:44:55:66:77",
     "seed: character 3 is no hex digit; write hex digits only, without 0x and separators"},
    {"seed: 0011223344556677889g",
     "seed: character 20 is no hex digit; write hex digits only, without 0x and separators"},
    {"spare: \"\\x3011\"", "spare: write the hex digits on one line, without escapes"},
    {"seed: |\n  0011223344556677", "seed: write the hex digits on one line, without escapes"},
    {"seed: 0011223344556677\n  0011223344556677",
     "seed: write the hex digits on one line, without escapes"},
    {"seed: \"0011223344556677\n  0011223344556677\"",
     "seed: write the hex digits on one line, without escapes"},
    {"seed: [" KEY "]", "seed: this must be the hex digits of a key, not a list"},
    {"seed: ~", "seed: ~ is read as null by some; write null, or put it in quotes"},
    {"key: null", "key: this key is given twice; line 1 has the first"},
    {"items: [{number: 1, key: abcd}, {number: 2, key: \"1234\"}]", NULL},
    {"items: [{number: 1}]", "items[0].key: must be given (a small key)"},
    /* a key in the wrong place */
    {"start: " KEY, "start: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx is no time in UTC; " WRITE},
    {"items: [{number: " KEY ", key: abcd}]",
     "items[0].number: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx is no whole number; write decimal digits, "
     "or 0x and hex digits"},
    {"start: 00:11:22:33:44:55:66:77:88:99:aa",
     "start: xx:xx:xx:xx:xx:xx:xx:xx:xx:xx:xx is no time in UTC; " WRITE},
    {"items: [{number: 0011_2233_4455_6677_8899_0011, key: abcd}]",
     "items[0].number: xxxx_xxxx_xxxx_xxxx_xxxx_xxxx is no whole number; write decimal digits, "
     "or "
     "0x and hex digits"},
    {"0011 2233 4455 6677 8899 aabb: 1",
     "'xxxx xxxx xxxx xxxx xxxx xxxx': there is no such key; known here: start, end, late, key, "
     "seed, spare, items"},
    {"late: !0011-2233-4455-6677-8899-aabb 2026-11-21T00:00:00Z",
     "late: tags such as !x are not supported; remove it (or put the value in quotes)"},
    {"late: *0011-2233-4455-6677-8899-aabb",
     "late: aliases such as *x are not supported; write the value out (or put it in quotes)"},
    {KEY ": 5", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: there is no such key; known here: start, end, "
                "late, key, seed, spare, items"},
    {"seed: &" KEY " 0011223344556677",
     "seed: anchors such as &x are not supported; write each value "
     "out (or put the value in quotes)\nf:2:7: seed: write the hex digits on one line, without "
     "escapes"},
};

START_TEST(values_are_good_or_say_what_is_wrong)
{
    for (size_t i = 0; i < UNIT_COUNT(value_cases); i++) {
        const struct value_case *c = &value_cases[i];
        char yaml[1024], wanted[512] = "";
        struct vault vault;
        struct simc__conf *owner;
        snprintf(yaml, sizeof yaml, "key: \"" KEY "\"\n%s\n", c->line);
        const char *got = load(yaml, &vault, &owner);
        /* Without the place, which has a test of its own. */
        const char *text = got[0] ? strstr(got, ": ") + 2 : got;
        if (c->fault)
            snprintf(wanted, sizeof wanted, "%s\n", c->fault);
        ck_assert_msg(strcmp(text, wanted) == 0, "%s\ngave:   %s\nwanted: %s", c->line, text,
                      wanted);
        ck_assert_ptr_null(strstr(got, "00112233"));
        simc__conf_free(owner);
    }
}
END_TEST

START_TEST(secrets_are_the_bytes_that_were_written)
{
    struct vault vault;
    struct simc__conf *owner;
    /* Text of several bytes in front: places in the masked text and in the real one must agree. */
    ck_assert_str_eq(load("# gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80\r\n"
                          "items: [{number: 1, key: abcd}, {key: '0f1e', number: 2}]\r\n"
                          "key:   " KEY "  # comment 00112233445566778899aabbccddeeff\r\n"
                          "seed: \"0F1E2d3c4b5a69788796a5b4c3d2e1f0\"\r\n",
                          &vault, &owner),
                     "");
    unit_expect_hex(simc_secret_bytes(vault.key), KEY);
    unit_expect_hex(simc_secret_bytes(vault.seed), "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
    ck_assert_ptr_null(vault.spare);
    ck_assert_uint_eq(vault.items_count, 2);
    unit_expect_hex(simc_secret_bytes(vault.items[0].key), "abcd");
    unit_expect_hex(simc_secret_bytes(vault.items[1].key), "0f1e");
    ck_assert_uint_eq(vault.start_s, 1795219200);
    ck_assert_uint_eq(vault.end_s, 4107587696);
    ck_assert(!vault.has_late);
    simc__conf_free(owner);
}
END_TEST

START_TEST(secrets_are_printed_and_compared_as_fingerprints)
{
    static const uint8_t fingerprint_key[SIMC_FINGERPRINT_KEY_SIZE] = {1};
    static struct simc__conf_changes changes;
    char text[4096], wanted[512], first[SIMC_FINGERPRINT_SIZE], second[SIMC_FINGERPRINT_SIZE];
    struct vault a, b;
    struct simc__conf *one, *two;
    simc_fingerprint_key_set(fingerprint_key);
    ck_assert_str_eq(load("key: " KEY "\nseed: null\n", &a, &one), "");
    ck_assert_str_eq(
        load("key: ff112233445566778899aabbccddeeff\nstart: 2027-01-01T00:00:00Z\n", &b, &two), "");
    simc_secret_fingerprint(a.key, first);
    simc_secret_fingerprint(b.key, second);
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__conf_put_effective(&out, &vault_table, &a);
    text[out.at] = '\0';
    snprintf(wanted, sizeof wanted,
             "start: 2026-11-21T00:00:00Z\nend: 2100-03-01T12:34:56Z\nlate: null\n"
             "key: (secret %s)\nseed: null\nspare: null\nitems: []\n",
             first);
    ck_assert_str_eq(text, wanted);
    simc__conf_compare(&vault_table, &a, &b, &changes);
    out = simc_writer(text, sizeof text - 1);
    simc__conf_changes_put(&out, &changes);
    text[out.at] = '\0';
    snprintf(wanted, sizeof wanted,
             "start: 2026-11-21T00:00:00Z -> 2027-01-01T00:00:00Z\nkey: (secret %s) -> (secret "
             "%s)\n",
             first, second);
    ck_assert_str_eq(text, wanted);
    simc__conf_compare(&vault_table, &a, &a, &changes);
    ck_assert_uint_eq(changes.total, 0);
    simc__conf_free(one);
    simc__conf_free(two);
}
END_TEST

START_TEST(sample_and_reference_describe_them)
{
    char text[8192];
    struct vault vault;
    struct simc__conf *owner;
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__conf_put_reference(&out, &vault_table);
    text[out.at] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "| `start` | time | `2026-11-21T00:00:00Z` | yes |"));
    ck_assert_ptr_nonnull(strstr(text, "| `end` | time, 2000-01-01T00:00:00Z to "
                                       "3000-01-01T00:00:00Z | `2100-03-01T12:34:56Z` |"));
    ck_assert_ptr_nonnull(strstr(text, "| `key` | hex digits of 16 bytes | must be given |"));
    ck_assert_ptr_nonnull(strstr(text, "| `seed` | hex digits of 8 to 64 bytes, or null |"));
    out = simc_writer(text, sizeof text - 1);
    simc__conf_put_sample(&out, &vault_table, true);
    text[out.at] = '\0';
    ck_assert_str_eq(load(text, &vault, &owner), "");
    simc__conf_free(owner);
}
END_TEST

/* ---- masking ---- */

struct mask_case {
    const char *text, *masked;
};

static const struct mask_case mask_cases[] = {
    {"", ""},
    {"012345678901234", "012345678901234"},
    {"0123456789012345", "xxxxxxxxxxxxxxxx"},
    {"a: 0123456789abcdefg b", "a: xxxxxxxxxxxxxxxxx b"},
    {"2026-11-21T00:00:00Z", "2026-11-21T00:00:00Z"},
    {"\"zzzzzzzzzzzzzzzz\"\xc3\xbc", "\"xxxxxxxxxxxxxxxx\"\xc3\xbc"},
    {"0123456789 0123456789", "0123456789 0123456789"},
};

START_TEST(long_words_are_masked_and_keep_their_size)
{
    for (size_t i = 0; i < UNIT_COUNT(mask_cases); i++) {
        struct simc_slice text = simc_slice_text(mask_cases[i].text);
        uint8_t *exact = unit_exact(text);
        simc__conf_mask(exact, text.size);
        unit_expect_text(simc_slice(exact, text.size), mask_cases[i].masked);
        free(exact);
    }
}
END_TEST

static int load_once(void *context)
{
    static const char yaml[] = "key: " KEY "\nitems: [{number: 1, key: abcd}]\n";
    struct vault vault;
    struct simc__conf *owner;
    (void)context;
    int error = simc__conf_load(&vault_table, simc_slice_text(yaml), "f", &vault, &owner, &faults);
    simc__conf_free(owner);
    return error;
}

START_TEST(each_failed_allocation_is_reported)
{
    ck_assert_uint_gt(unit_fail_each_allocation(load_once, NULL, true), 3);
}
END_TEST

/* ---- rows ---- */

struct one {
    uint16_t small;
    uint64_t time;
    const char *text;
    struct simc_secret *key;
    struct simc__conf_address address;
};

struct row_case {
    struct simc__conf_row row;
    bool secret_file;
    const char *why; /* "" for none */
};

#define TIME    .name = "a", .type = SIMC__CONF_TIME, SIMC__CONF_AT(one, time), .help = "b"
#define SECRET  .name = "a", .type = SIMC__CONF_SECRET_INLINE, SIMC__CONF_AT(one, key), .help = "b"
#define NEITHER "a: a secret_file has short names and neither texts nor entries"

static const struct row_case row_cases[] = {
    {{TIME, .fallback = "2026-01-01T00:00:00Z"}, false, ""},
    {{TIME, .fallback = "2026-01-01T00:00:00Z"}, true, ""},
    {{TIME, .fallback = "2026-01-01"},
     false,
     "a: default or example: 2026-01-01 has no time of day; write 2026-01-01T00:00:00Z"},
    {{.name = "a",
      .type = SIMC__CONF_TIME,
      SIMC__CONF_AT(one, small),
      .help = "b",
      .fallback = "1970-01-01T00:00:00Z"},
     false,
     "a: a time needs four or eight bytes"},
    {{TIME, .max = 253402300800, .fallback = "1970-01-01T00:00:00Z"},
     false,
     "a: min is over max, or max over what the type holds"},
    {{TIME, .min = 5, .max = 4, .fallback = "1970-01-01T00:00:00Z"},
     false,
     "a: min is over max, or max over what the type holds"},
    {{SECRET, .fallback = "00"},
     false,
     "a: a secret stands in a file of its own, or the table is a secret_file"},
    {{SECRET, .required = true, .example = "00"}, true, ""},
    {{SECRET, .null_allowed = true, .fallback = "null"}, true, ""},
    {{SECRET, .required = true, .example = "0"},
     true,
     "a: default or example: there are 1 hex digits, but there must be 2 to 128, two for each "
     "byte"},
    {{SECRET, .max = 65, .required = true, .example = "00"},
     true,
     "a: min is over max, or max over what the type holds"},
    {{.name = "a",
      .type = SIMC__CONF_SECRET_INLINE,
      SIMC__CONF_AT(one, small),
      .help = "b",
      .required = true,
      .example = "00"},
     true,
     "a: the member has the wrong size for its type"},
    {{.name = "a", .type = SIMC__CONF_TEXT, SIMC__CONF_AT(one, text), .help = "b", .fallback = "x"},
     true,
     NEITHER},
    {{.name = "a",
      .type = SIMC__CONF_ADDRESS,
      SIMC__CONF_AT(one, address),
      .help = "b",
      .fallback = "h:1"},
     true,
     NEITHER},
};

START_TEST(the_check_of_rows_keeps_secrets_in_secret_files)
{
    char why[SIMC__CONF_WHY_SIZE];
    ck_assert_int_eq(simc__conf_table_check(&vault_table, why), 0);
    for (size_t i = 0; i < UNIT_COUNT(row_cases); i++) {
        const struct row_case *c = &row_cases[i];
        const struct simc__conf_table table = {.name = "t",
                                               .rows = &c->row,
                                               .count = 1,
                                               .size = sizeof(struct one),
                                               .secret_file = c->secret_file};
        int error = simc__conf_table_check(&table, why);
        ck_assert_msg(strcmp(why, c->why) == 0, "row %zu: %s", i, why);
        ck_assert_int_eq(error, c->why[0] ? SIMC_EINVAL : 0);
    }
}
END_TEST

Suite *suite_conf_secret(void)
{
    Suite *suite = suite_create("conf_secret");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, a_time_is_read_in_one_form_only);
    tcase_add_test(tests, each_day_of_five_centuries_comes_back);
    tcase_add_test(tests, values_are_good_or_say_what_is_wrong);
    tcase_add_test(tests, secrets_are_the_bytes_that_were_written);
    tcase_add_test(tests, secrets_are_printed_and_compared_as_fingerprints);
    tcase_add_test(tests, sample_and_reference_describe_them);
    tcase_add_test(tests, long_words_are_masked_and_keep_their_size);
    tcase_add_test(tests, each_failed_allocation_is_reported);
    tcase_add_test(tests, the_check_of_rows_keeps_secrets_in_secret_files);
    suite_add_tcase(suite, tests);
    return suite;
}
