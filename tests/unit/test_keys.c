/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/keys: key files good and bad, which version is in force when, what differs, and
 * what stays in memory. The runner in main.c calls suite_keys(). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/file.h"
#include "keys/internal.h"
#include "unit/unit.h"

Suite *suite_keys(void);

enum { TEXT_SIZE = 65536, DAY = 86400 };

#define T0 UINT64_C(1795219200) /* 2026-11-21T00:00:00Z */

static struct simc__conf_faults faults;

static struct simc__keys *load(const char *yaml)
{
    static char text[TEXT_SIZE];
    struct simc__keys *keys;
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    int error = simc__keys_load(simc_slice_text(yaml), "k", &keys, &faults);
    simc__conf_faults_put(&out, &faults, "k");
    text[out.at] = '\0';
    ck_assert_msg(error == 0, "%s", text);
    return keys;
}

/* ---- keys by rows ---- */

struct key {
    uint32_t package, version;
    int start_day, end_day; /* after T0 */
    uint8_t head;           /* first byte of the key; the others are package and version */
};

/* A set made the way of a file: written, then read. */
static struct simc__keys *make(const struct key *rows, size_t count)
{
    struct simc_buffer text;
    struct simc__keys *keys;
    simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
    ck_assert_int_eq(simc__keys_text_head(&text), 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[SIMC__KEYS_KEY_SIZE] = {rows[i].head, 0x55};
        struct simc_secret key;
        struct simc__keys_entry entry = {rows[i].package, rows[i].version, T0, T0, &key};
        memcpy(bytes + 4, &rows[i].package, 4);
        memcpy(bytes + 8, &rows[i].version, 4);
        ck_assert_int_eq(simc_secret_set(&key, simc_slice(bytes, sizeof bytes)), 0);
        entry.start_s = (uint64_t)((int64_t)T0 + rows[i].start_day * (int64_t)DAY);
        entry.end_s = (uint64_t)((int64_t)T0 + rows[i].end_day * (int64_t)DAY);
        ck_assert_int_eq(simc__keys_text_entry(&text, &entry), 0);
    }
    ck_assert_int_eq(simc__keys_load(simc_buffer_bytes(&text), "k", &keys, &faults), 0);
    simc_buffer_fini(&text);
    return keys;
}

/* ---- files ---- */

START_TEST(the_rows_are_good)
{
    char why[SIMC__CONF_WHY_SIZE];
    int error = simc__conf_table_check(&simc__keys_table, why);
    ck_assert_msg(error == 0, "%s", why);
}
END_TEST

START_TEST(a_file_becomes_keys_in_order)
{
    size_t count;
    struct simc__keys *keys =
        load("format: 1\n"
             "keys:\n"
             "  - {package: 7, version: 2, start: 2026-11-21T00:00:00Z, end: 2026-12-01T00:00:00Z, "
             "key: \"00112233445566778899aabbccddeeff\"}\n"
             "  - package: 3\n"
             "    version: 412   # of the year before\n"
             "    start: 2025-12-05T12:43:44Z\n"
             "    end: 2027-01-01T00:00:00Z\n"
             "    key: A0A1A2A3A4A5A6A7A8A9AAABACADAEAF\n"
             "  - {key: 10112233445566778899001122334455, end: 2106-02-07T06:28:15Z, version: "
             "4294967295, start: 1970-01-01T00:00:00Z, package: 4294967295}\n"
             "  - {package: 7, version: 1, start: 2026-11-20T00:00:00Z, end: 2026-11-30T00:00:00Z, "
             "key: '0f1e2d3c4b5a69788796a5b4c3d2e1f0'}\n");
    const struct simc__keys_entry *all = simc__keys_all(keys, &count);
    ck_assert_uint_eq(count, 4);
    static const uint32_t wanted[4][2] = {{3, 412}, {7, 1}, {7, 2}, {UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(all[i].package, wanted[i][0]);
        ck_assert_uint_eq(all[i].version, wanted[i][1]);
    }
    unit_expect_hex(simc_secret_bytes(all[0].key), "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    unit_expect_hex(simc_secret_bytes(all[1].key), "0f1e2d3c4b5a69788796a5b4c3d2e1f0");
    unit_expect_hex(simc_secret_bytes(all[2].key), "00112233445566778899aabbccddeeff");
    unit_expect_hex(simc_secret_bytes(all[3].key), "10112233445566778899001122334455");
    ck_assert_uint_eq(all[0].start_s, 1764938624);
    ck_assert_uint_eq(all[2].start_s, T0);
    ck_assert_uint_eq(all[3].end_s, UINT32_MAX);
    ck_assert_ptr_eq(simc__keys_of(keys, 7, &count), &all[1]);
    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_null(simc__keys_of(keys, 4, &count));
    ck_assert_uint_eq(count, 0);
    simc__keys_free(keys);
    simc__keys_free(NULL);
}
END_TEST

struct fault_case {
    const char *yaml;
    const char *faults;
};

#define K1   "00112233445566778899aabbccddeeff"
#define K2   "ff112233445566778899aabbccddeeff"
#define WIN  "start: 2026-11-21T00:00:00Z, end: 2026-11-22T00:00:00Z"
#define HEAD "format: 1\nkeys:\n"

static const struct fault_case fault_cases[] = {
    {"", "k:1:1: format: must be given, such as format: 1 (of this file)\n"
         "k:1:1: keys: must be given (the keys, in any order)\n"},
    {"format: 1\nkeys: []\n", "k:2:7: keys: there are 0 items; at least 1 must be given\n"},
    {"format: 2\nkeys: [{package: 1, version: 1, " WIN ", key: " K1 "}]\n",
     "k:1:9: format: this program reads format 1 only\n"},
    {HEAD "- {package: 0, version: 0, " WIN ", key: " K1 "}\n",
     "k:3:13: keys[0].package: 0 is not between 1 and 4294967295\n"
     "k:3:25: keys[0].version: 0 is not between 1 and 4294967295\n"},
    {HEAD "- {package: 4294967296, version: -1, " WIN ", key: " K1 "}\n",
     "k:3:13: keys[0].package: 4294967296 is not between 1 and 4294967295\n"
     "k:3:34: keys[0].version: -1 is not between 1 and 4294967295\n"},
    {HEAD "- {package: 1, version: 1, start: 2026-11-22T00:00:00Z, end: 2026-11-22T00:00:00Z, "
          "key: " K1 "}\n",
     "k:3:62: keys[0].end: must be after start\n"},
    {HEAD "- {package: 1, version: 1, start: 2026-11-22T00:00:00Z, end: 2026-11-21T00:00:00Z, "
          "key: " K1 "}\n",
     "k:3:62: keys[0].end: must be after start\n"},
    {HEAD "- {package: 1, version: 1, " WIN ", key: 00000000000000000000000000000000}\n"
          "- {package: 2, version: 1, " WIN ", key: abababababababababababababababab}\n",
     "k:3:89: keys[0].key: all bytes are the same, which anyone can guess; make a random key with "
     "'simulcrypt keys new'\n"
     "k:4:89: keys[1].key: all bytes are the same, which anyone can guess; make a random key with "
     "'simulcrypt keys new'\n"},
    {HEAD "- {package: 1, version: 1, " WIN ", key: 0011}\n"
          "- {package: 1, version: 2, " WIN ", key: " K1 "00}\n"
          "- {package: 1, version: 3, " WIN ", key: 00:11}\n"
          "- {package: 1, version: 4, " WIN "}\n",
     "k:3:89: keys[0].key: there are 4 hex digits, but there must be 32\n"
     "k:4:89: keys[1].key: there are 34 hex digits, but there must be 32\n"
     "k:5:89: keys[2].key: character 3 is no hex digit; write hex digits only, without 0x and "
     "separators\n"
     "k:6:3: keys[3].key: must be given (random bytes, such as 'simulcrypt keys new' makes)\n"},
    {HEAD "- {package: 1, version: 1, " WIN ", key: " K1 "}\n"
          "- {package: 1, version: 2, " WIN ", key: " K2 "}\n"
          "- {package: 1, version: 1, " WIN ", key: ffff2233445566778899aabbccddeeff}\n"
          "- {package: 2, version: 1, " WIN ", key: " K2 "}\n",
     "k:5:3: keys[2]: keys[0] is version 1 of package 1 already; give each version once\n"
     "k:6:3: keys[3]: has the key of keys[1]; make a key for each version\n"},
    {HEAD "- {package: 1, version: 1, start: 2026-11-21, end: tomorrow, key: " K1 "}\n",
     "k:3:35: keys[0].start: 2026-11-21 has no time of day; write 2026-11-21T00:00:00Z\n"
     "k:3:52: keys[0].end: tomorrow is no time in UTC; write it as 2026-11-21T00:00:00Z\n"},
    {HEAD "- {package: 1, verison: 1, " WIN ", kye: " K1 "}\n",
     "k:3:3: keys[0].version: must be given, such as version: 1 (version of its key, higher than "
     "those before)\n"
     "k:3:3: keys[0].key: must be given (random bytes, such as 'simulcrypt keys new' makes)\n"
     "k:3:16: keys[0].verison: there is no such key; did you mean version?\n"
     "k:3:84: keys[0].kye: there is no such key; did you mean key?\n"},
    {"format: 1\nkeys: {1: " K1 "}\n", "k:2:7: keys: this must be a list, not a map\n"},
    {"format: 1\nkeys: " K1 "\n",
     "k:2:7: keys: this must be a list; write [xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\n"},
};

START_TEST(every_fault_is_told_and_no_key_is_shown)
{
    for (size_t i = 0; i < UNIT_COUNT(fault_cases); i++) {
        static char text[TEXT_SIZE];
        struct simc__keys *keys;
        struct simc_writer out = simc_writer(text, sizeof text - 1);
        int error = simc__keys_load(simc_slice_text(fault_cases[i].yaml), "k", &keys, &faults);
        ck_assert_int_eq(error, SIMC_ESYNTAX);
        ck_assert_ptr_null(keys);
        simc__conf_faults_put(&out, &faults, "k");
        text[out.at] = '\0';
        ck_assert_msg(strcmp(text, fault_cases[i].faults) == 0, "case %zu:\n%s", i, text);
        ck_assert_ptr_null(strstr(text, "112233"));
    }
}
END_TEST

/* The largest file there may be, and one key more. */
START_TEST(there_is_room_for_4096_keys)
{
    struct key *rows = calloc(SIMC__KEYS_MAX, sizeof *rows);
    struct simc__package_key key;
    ck_assert_ptr_nonnull(rows);
    for (uint32_t i = 0; i < SIMC__KEYS_MAX; i++) /* backwards, many packages and many versions */
        rows[i] = (struct key){1 + i % 3, SIMC__KEYS_MAX - i, (int)i, (int)i + 2, 1};
    struct simc__keys *keys = make(rows, SIMC__KEYS_MAX);
    for (uint32_t i = 0; i < SIMC__KEYS_MAX; i++) {
        uint64_t time_s = T0 + i * (uint64_t)DAY;
        ck_assert_int_eq(simc__keys_find(keys, 1 + i % 3, time_s, &key), 0);
        ck_assert_uint_eq(key.version, SIMC__KEYS_MAX - i);
        ck_assert_int_eq(simc__keys_find_version(keys, 1 + i % 3, SIMC__KEYS_MAX - i, &key), 0);
        ck_assert_uint_eq(key.start_s, time_s);
    }
    struct simc_buffer text;
    simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
    ck_assert_int_eq(simc__keys_text_all(&text, keys), 0);
    size_t count;
    const struct simc__keys_entry *all = simc__keys_all(keys, &count);
    ck_assert_uint_eq(count, SIMC__KEYS_MAX);
    struct simc__keys_entry more = all[0];
    more.package = 9;
    ck_assert_int_eq(simc__keys_text_entry(&text, &more), 0);
    simc__keys_free(keys);
    ck_assert_int_eq(simc__keys_load(simc_buffer_bytes(&text), "k", &keys, &faults), SIMC_ESYNTAX);
    ck_assert_str_eq(faults.items[0].why, "there are 4097 items; at most 4096 are allowed");
    simc_buffer_fini(&text);
    free(rows);
}
END_TEST

static int load_once(void *context)
{
    static const char yaml[] = HEAD "- {package: 1, version: 1, " WIN ", key: " K1 "}\n";
    struct simc__keys *keys;
    (void)context;
    int error = simc__keys_load(simc_slice_text(yaml), "k", &keys, &faults);
    ck_assert(error == 0 || !keys);
    simc__keys_free(keys);
    return error;
}

START_TEST(each_failed_allocation_is_reported)
{
    ck_assert_uint_gt(unit_fail_each_allocation(load_once, NULL, true), 8);
}
END_TEST

/* ---- which version ---- */

struct find_case {
    uint32_t package;
    int64_t second; /* after T0 */
    int error;
    uint32_t version;
    enum simc__key_standing standing;
    int64_t change; /* seconds after T0; -1: never */
};

static const struct key timeline[] = {
    /* overlapping, as they are issued */
    {1, 1, 0, 11, 1},
    {1, 2, 10, 21, 2},
    {1, 3, 20, 31, 3},
    /* with a gap, and one version that is never in force */
    {2, 5, 0, 2, 1},
    {2, 6, 4, 6, 2},
    {2, 4, 4, 5, 3},
    /* a newer version within an older one: the older one comes back */
    {3, 1, 0, 100, 1},
    {3, 2, 40, 50, 2},
    /* two that end at once */
    {5, 1, 0, 10, 1},
    {5, 2, 0, 10, 2},
};

static const struct find_case find_cases[] = {
    {1, -1, SIMC_EAGAIN, 0, SIMC__KEY_IN_FORCE, 0},
    {1, -(int64_t)T0, SIMC_EAGAIN, 0, SIMC__KEY_IN_FORCE, 0},
    {1, 0, 0, 1, SIMC__KEY_IN_FORCE, 10 * DAY},
    {1, 10 * DAY - 1, 0, 1, SIMC__KEY_IN_FORCE, 10 * DAY},
    {1, 10 * DAY, 0, 2, SIMC__KEY_IN_FORCE, 20 * DAY},
    {1, 11 * DAY, 0, 2, SIMC__KEY_IN_FORCE, 20 * DAY},
    {1, 20 * DAY, 0, 3, SIMC__KEY_IN_FORCE, 31 * DAY},
    {1, 31 * DAY - 1, 0, 3, SIMC__KEY_IN_FORCE, 31 * DAY},
    {1, 31 * DAY, 0, 3, SIMC__KEY_EXPIRED, -1},
    {1, INT64_C(1) << 40, 0, 3, SIMC__KEY_EXPIRED, -1},
    {2, 0, 0, 5, SIMC__KEY_IN_FORCE, 2 * DAY},
    {2, 2 * DAY, 0, 5, SIMC__KEY_EXPIRED, 4 * DAY},
    {2, 4 * DAY, 0, 6, SIMC__KEY_IN_FORCE, 6 * DAY},
    {2, 5 * DAY, 0, 6, SIMC__KEY_IN_FORCE, 6 * DAY},
    {2, 6 * DAY, 0, 6, SIMC__KEY_EXPIRED, -1},
    {3, 39 * DAY, 0, 1, SIMC__KEY_IN_FORCE, 40 * DAY},
    {3, 40 * DAY, 0, 2, SIMC__KEY_IN_FORCE, 50 * DAY},
    {3, 50 * DAY, 0, 1, SIMC__KEY_IN_FORCE, 100 * DAY},
    {3, 100 * DAY, 0, 1, SIMC__KEY_EXPIRED, -1},
    {5, 5, 0, 2, SIMC__KEY_IN_FORCE, 10 * DAY},
    {5, 10 * DAY, 0, 2, SIMC__KEY_EXPIRED, -1},
    {4, 0, SIMC_ENOTFOUND, 0, SIMC__KEY_IN_FORCE, -(int64_t)T0},
    {0, 0, SIMC_ENOTFOUND, 0, SIMC__KEY_IN_FORCE, -(int64_t)T0},
    {6, 0, SIMC_ENOTFOUND, 0, SIMC__KEY_IN_FORCE, -(int64_t)T0},
};

START_TEST(the_highest_version_whose_window_holds_is_in_force)
{
    struct simc__keys *keys = make(timeline, UNIT_COUNT(timeline));
    for (size_t i = 0; i < UNIT_COUNT(find_cases); i++) {
        const struct find_case *c = &find_cases[i];
        struct simc__package_key key;
        int error = simc__keys_find(keys, c->package, (uint64_t)((int64_t)T0 + c->second), &key);
        ck_assert_msg(error == c->error && key.version == c->version && key.standing == c->standing,
                      "case %zu: %s, version %u", i, simc_error_name(error), key.version);
        uint64_t change_s = c->change == -1 ? UINT64_MAX : (uint64_t)((int64_t)T0 + c->change);
        ck_assert_uint_eq(key.change_s, change_s);
        ck_assert_uint_eq(key.key.size, error ? 0 : SIMC__KEYS_KEY_SIZE);
        ck_assert(error || key.key.bytes[4] == c->package);
        ck_assert(error || key.key.bytes[8] == c->version);
    }
    simc__keys_free(keys);
}
END_TEST

START_TEST(each_version_is_found_whatever_its_window)
{
    struct simc__keys *keys = make(timeline, UNIT_COUNT(timeline));
    struct simc__package_key key;
    for (size_t i = 0; i < UNIT_COUNT(timeline); i++) {
        ck_assert_int_eq(
            simc__keys_find_version(keys, timeline[i].package, timeline[i].version, &key), 0);
        ck_assert_uint_eq(key.key.bytes[0], timeline[i].head);
        ck_assert_uint_eq(key.version, timeline[i].version);
    }
    static const uint32_t none[][2] = {{1, 0}, {1, 4}, {2, 7}, {2, 3}, {4, 1}, {0, 0}};
    for (size_t i = 0; i < UNIT_COUNT(none); i++) {
        ck_assert_int_eq(simc__keys_find_version(keys, none[i][0], none[i][1], &key),
                         SIMC_ENOTFOUND);
        ck_assert_uint_eq(key.key.size, 0);
    }
    simc__keys_free(keys);
}
END_TEST

/* The rule as it is written, by looking at each key, for the answer and for how long it holds. */
static int naive(const struct key *rows, size_t count, uint32_t package, int64_t second,
                 uint32_t *version, bool *expired)
{
    int64_t ended = INT64_MIN;
    bool exists = false, started = false, holds = false;
    *version = 0;
    for (size_t i = 0; i < count; i++) {
        const struct key *row = &rows[i];
        int64_t start = row->start_day * (int64_t)DAY, end = row->end_day * (int64_t)DAY;
        if (row->package != package)
            continue;
        exists = true;
        started |= start <= second;
        if (start <= second && second < end) {
            *version = holds && *version > row->version ? *version : row->version;
            holds = true;
        } else if (!holds && end <= second &&
                   (end > ended || (end == ended && row->version > *version))) {
            ended = end;
            *version = row->version;
        }
    }
    *expired = !holds;
    return !exists ? SIMC_ENOTFOUND : started ? 0 : SIMC_EAGAIN;
}

START_TEST(random_sets_answer_as_the_rule_says)
{
    struct unit_random random = unit_random(20261121);
    for (unsigned round = 0; round < 300; round++) {
        struct key rows[24];
        size_t count = 0, wanted = 1 + unit_random_below(&random, UNIT_COUNT(rows));
        while (count < wanted) {
            struct key *row = &rows[count];
            row->package = 1 + (uint32_t)unit_random_below(&random, 3);
            row->version = 1 + (uint32_t)unit_random_below(&random, 30);
            row->start_day = (int)unit_random_below(&random, 40);
            row->end_day = row->start_day + 1 + (int)unit_random_below(&random, 15);
            row->head = (uint8_t)count;
            bool is_new = true;
            for (size_t i = 0; i < count; i++)
                is_new &= rows[i].package != row->package || rows[i].version != row->version;
            count += is_new;
        }
        struct simc__keys *keys = make(rows, count);
        for (uint32_t package = 1; package <= 4; package++) {
            uint64_t change_s = 0, at_s = 0;
            int64_t step = DAY / 2;
            for (int64_t second = -DAY; second < 60 * (int64_t)DAY; second += step) {
                struct simc__package_key key;
                uint32_t version;
                bool expired;
                at_s = (uint64_t)((int64_t)T0 + second);
                int wanted_error = naive(rows, count, package, second, &version, &expired);
                int error = simc__keys_find(keys, package, at_s, &key);
                ck_assert_int_eq(error, wanted_error);
                if (error == SIMC_ENOTFOUND)
                    break;
                /* It changes when it said so, and not before. */
                ck_assert(key.change_s > at_s);
                ck_assert(at_s >= change_s || change_s == key.change_s);
                change_s = key.change_s;
                ck_assert_uint_eq(key.version, error ? 0 : version);
                ck_assert(error || (key.standing == SIMC__KEY_EXPIRED) == expired);
            }
        }
        simc__keys_free(keys);
    }
}
END_TEST

/* ---- differences ---- */

static const struct key before[] = {
    {1, 1, 0, 10, 1}, {1, 2, 10, 20, 1}, {2, 1, 0, 10, 1}, {3, 1, 0, 10, 1}, {3, 2, 0, 10, 1},
    {3, 3, 0, 10, 1}, {3, 4, 0, 10, 1},  {3, 9, 0, 10, 1}, {5, 1, 0, 10, 1}, {9, 1, 0, 10, 1},
};
static const struct key after[] = {
    {1, 1, 0, 10, 1}, {1, 2, 10, 20, 1}, {3, 2, 0, 10, 2}, {3, 3, 0, 11, 1}, {3, 4, 0, 10, 1},
    {3, 5, 0, 10, 1}, {3, 6, 0, 10, 1},  {3, 8, 0, 10, 1}, {3, 9, 0, 10, 1}, {4, 7, 0, 10, 1},
    {4, 8, 0, 10, 1}, {5, 1, 0, 10, 1},  {5, 2, 0, 10, 1}, {9, 1, 1, 10, 1},
};

START_TEST(what_differs_is_told_in_words)
{
    char text[4096];
    struct simc__keys *a = make(before, UNIT_COUNT(before)), *b = make(after, UNIT_COUNT(after));
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    ck_assert_uint_eq(simc__keys_difference_put(&out, a, b), 5);
    text[out.at] = '\0';
    ck_assert_str_eq(text, "package 2 removed: version 1 removed\n"
                           "package 3: versions 5 to 6, 8 added, version 1 removed, version 2 with "
                           "another key, version 3 with another window\n"
                           "package 4 added: versions 7 to 8 added\n"
                           "package 5: version 2 added\n"
                           "package 9: version 1 with another window\n");
    out = simc_writer(text, sizeof text);
    ck_assert_uint_eq(simc__keys_difference_put(&out, a, a), 0);
    ck_assert_uint_eq(out.at, 0);
    simc__keys_free(a);
    simc__keys_free(b);
}
END_TEST

START_TEST(many_differences_are_cut)
{
    static struct key rows[600];
    char text[8192], *line = text;
    size_t lines = 0;
    for (unsigned i = 0; i < 600; i++) /* a package with 300 ranges, and 300 packages */
        rows[i] = i < 300 ? (struct key){1, 2 * i + 2, 0, 10, 1} : (struct key){i, 1, 0, 10, 1};
    struct simc__keys *a = make(before, 1), *b = make(rows, UNIT_COUNT(rows));
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    ck_assert_uint_eq(simc__keys_difference_put(&out, a, b), 301);
    ck_assert_int_eq(out.error, 0);
    text[out.at] = '\0';
    for (; (line = strchr(line, '\n')); line++)
        lines++;
    ck_assert_uint_eq(lines, SIMC__KEYS_DIFFERENCES_MAX + 1);
    ck_assert_ptr_nonnull(strstr(text, "package 1: versions 2, 4, 6, "));
    ck_assert_ptr_nonnull(strstr(text, " and more added, version 1 removed\n"));
    ck_assert_ptr_nonnull(strstr(text, "\nand 285 more packages\n"));
    simc__keys_free(a);
    simc__keys_free(b);
}
END_TEST

/* ---- what stays in memory ---- */

/* True when a pattern is anywhere in the writable memory of this process. The pattern is XORed with
 * 0x5a, so that it does not find itself. */
static bool is_in_memory(const uint8_t *hidden, size_t size)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    bool found = false;
    ck_assert_ptr_nonnull(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char mode[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[0] != 'r' || mode[1] != 'w')
            continue;
        const volatile uint8_t *memory = (const volatile uint8_t *)from;
        for (size_t i = 0; i + size <= to - from; i++) {
            size_t k = 0;
            while (k < size && (memory[i + k] ^ 0x5a) == hidden[k])
                k++;
            found |= k == size;
        }
    }
    fclose(maps);
    return found;
}

/* Loads a file of several keys, and looks for one of them as bytes, as hex digits, and for their
 * halves, which a string that grows would leave behind. */
static int leave_traces(void *context)
{
    enum { HEX_SIZE = 2 * SIMC__KEYS_KEY_SIZE, HALF = 16 };
    uint8_t bytes[SIMC__KEYS_KEY_SIZE], hex[HEX_SIZE];
    struct unit_random random = unit_random(5);
    struct simc_buffer text;
    struct simc__keys *keys;
    bool is_held = *(bool *)context;
    simc_buffer_init(&text, SIMC__KEYS_FILE_SIZE_MAX);
    if (simc__keys_text_head(&text))
        return 100;
    for (uint32_t i = 1; i <= 9; i++) {
        struct simc_secret key;
        struct simc__keys_entry entry = {1, i, T0, T0 + DAY, &key};
        unit_random_fill(&random, bytes, sizeof bytes);
        if (simc_secret_set(&key, simc_slice(bytes, sizeof bytes)) ||
            simc__keys_text_entry(&text, &entry))
            return 101;
        simc_secret_wipe(&key);
        if (i == 5) {
            struct simc_writer out = simc_writer(hex, sizeof hex);
            for (size_t k = 0; k < sizeof bytes; k++) {
                simc_writer_u8(&out, (uint8_t)("0123456789abcdef"[bytes[k] >> 4] ^ 0x5a));
                simc_writer_u8(&out, (uint8_t)("0123456789abcdef"[bytes[k] & 15] ^ 0x5a));
            }
        }
    }
    simc_wipe(bytes, sizeof bytes);
    if (simc__keys_load(simc_buffer_bytes(&text), "k", &keys, &faults))
        return 102;
    simc_buffer_fini(&text);
    for (size_t i = 0; i < sizeof bytes; i++) { /* the hidden bytes from the hidden digits */
        unsigned high = hex[2 * i] ^ 0x5aU, low = hex[2 * i + 1] ^ 0x5aU;
        bytes[i] = (uint8_t)((high > '9' ? high - 'a' + 10 : high - '0') << 4 |
                             (low > '9' ? low - 'a' + 10 : low - '0'));
        bytes[i] ^= 0x5a;
    }
    int result = 0;
    if (is_in_memory(bytes, sizeof bytes) != true)
        result = 103; /* the search does not find what is there */
    if (!is_held)
        simc__keys_free(keys);
    if (!result && !is_held && is_in_memory(bytes, sizeof bytes))
        result = 1;
    if (!result && is_in_memory(hex, HALF))
        result = 2;
    if (!result && is_in_memory(hex + HALF, HALF))
        result = 3;
    return result;
}

START_TEST(no_key_stays_in_memory)
{
    for (int held = 0; held < 2; held++) {
        bool is_held = held;
        unit_expect_exit(unit_in_child(leave_traces, &is_held), 0);
    }
}
END_TEST

Suite *suite_keys(void)
{
    Suite *suite = suite_create("keys");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, the_rows_are_good);
    tcase_add_test(tests, a_file_becomes_keys_in_order);
    tcase_add_test(tests, every_fault_is_told_and_no_key_is_shown);
    tcase_add_test(tests, there_is_room_for_4096_keys);
    tcase_add_test(tests, each_failed_allocation_is_reported);
    tcase_add_test(tests, the_highest_version_whose_window_holds_is_in_force);
    tcase_add_test(tests, each_version_is_found_whatever_its_window);
    tcase_add_test(tests, random_sets_answer_as_the_rule_says);
    tcase_add_test(tests, what_differs_is_told_in_words);
    tcase_add_test(tests, many_differences_are_cut);
    /* The maps of sanitizers are too large to search. */
    if (!UNIT_SANITIZED)
        tcase_add_test(tests, no_key_stays_in_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
