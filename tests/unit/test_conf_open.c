/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/conf: opening a configuration with the files of its secrets, and the check of
 * the rows themselves. The runner in main.c calls suite_conf_open(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/internal.h"
#include "unit/test_conf_demo.h"
#include "unit/unit.h"

/* ---- files without a file system ---- */

struct fake_file {
    const char *path;
    const char *text;
};

static const struct fake_file files[] = {
    {"etc/good.yaml", "name: a\npassword_file: pass\ntls: {certificate: c, key_file: /k/hex}\n"
                      "packages: {x: {id: 1, tls: {certificate: c, key_file: /k/hex2}}}\n"},
    {"etc/bad.yaml", "name: a\nport: 0\npassword_file: nowhere\n"},
    {"etc/secrets.yaml", "name: a\npassword_file: empty\ntls: {certificate: c, key_file: long}\n"
                         "packages:\n  x: {id: 1, tls: {certificate: c, key_file: nohex}}\n"
                         "  y: {id: 1, tls: {certificate: c, key_file: short}}\n"
                         "  z: {id: 1, tls: {certificate: c, key_file: nowhere}}\n"},
    {"etc/pass", "open sesame\r\n"},
    {"/k/hex", "00112233445566778899aabbccddeeff\n"},
    {"/k/hex2", "ff112233 44556677 8899aabb ccddeeff\n"},
    {"etc/empty", "\n"},
    {"etc/short", "0011\n"},
    {"etc/nohex", "no hex\n"},
    {"etc/long", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778"
                 "899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
};

static int read_fake(const char *path, struct simc_buffer *into, char why[512])
{
    for (size_t i = 0; i < UNIT_COUNT(files); i++) {
        if (strcmp(files[i].path, path) == 0)
            return simc_buffer_append(into, simc_slice_text(files[i].text));
    }
    snprintf(why, 512, "cannot read %s: no such file", path);
    return SIMC_EIO;
}

static struct simc__conf_faults faults;

static const char *open_text(const char *path, struct demo *demo, struct simc__conf **owner)
{
    static char text[4096];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    int error = simc__conf_open(&demo_table, path, read_fake, demo, owner, &faults);
    ck_assert_int_eq(error, faults.total ? SIMC_ESYNTAX : 0);
    ck_assert_int_eq(error == 0, *owner != NULL);
    simc__conf_faults_put(&out, &faults, path);
    text[out.at] = '\0';
    return text;
}

START_TEST(secrets_come_from_their_files)
{
    struct demo demo;
    struct simc__conf *owner;
    ck_assert_str_eq(open_text("etc/good.yaml", &demo, &owner), "");
    unit_expect_text(simc_secret_bytes(demo.password.value), "open sesame");
    unit_expect_hex(simc_secret_bytes(demo.tls.key.value), "00112233445566778899aabbccddeeff");
    unit_expect_hex(simc_secret_bytes(demo.packages[0].tls.key.value),
                    "ff112233445566778899aabbccddeeff");
    simc__conf_free(owner);
}
END_TEST

START_TEST(secrets_are_printed_as_fingerprints)
{
    static const uint8_t key[SIMC_FINGERPRINT_KEY_SIZE] = {1};
    char text[4096], fingerprint[SIMC_FINGERPRINT_SIZE], wanted[64];
    struct demo demo;
    struct simc__conf *owner;
    simc_fingerprint_key_set(key);
    ck_assert_str_eq(open_text("etc/good.yaml", &demo, &owner), "");
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__conf_put_effective(&out, &demo_table, &demo);
    text[out.at] = '\0';
    simc_secret_fingerprint(demo.tls.key.value, fingerprint);
    snprintf(wanted, sizeof wanted, "\n  key_file: /k/hex  # %s\n", fingerprint);
    ck_assert_ptr_nonnull(strstr(text, wanted));
    ck_assert_ptr_null(strstr(text, "sesame"));
    ck_assert_ptr_null(strstr(text, "0011223344"));
    simc__conf_free(owner);
}
END_TEST

START_TEST(a_changed_secret_is_a_change_though_its_path_is_the_same)
{
    static struct simc__conf_changes changes;
    struct demo a, b;
    struct simc__conf *one, *two;
    (void)open_text("etc/good.yaml", &a, &one);
    (void)open_text("etc/good.yaml", &b, &two);
    simc__conf_compare(&demo_table, &a, &b, &changes);
    ck_assert_uint_eq(changes.total, 0);
    b.password.value->bytes[0] ^= 1;
    simc__conf_compare(&demo_table, &a, &b, &changes);
    ck_assert_uint_eq(changes.total, 1);
    ck_assert_str_eq(changes.items[0].where, "password_file");
    simc__conf_free(one);
    simc__conf_free(two);
}
END_TEST

START_TEST(faults_of_files_stand_where_the_path_stands)
{
    struct demo demo, before;
    struct simc__conf *owner;
    memset(&demo, 0x5a, sizeof demo);
    before = demo;
    ck_assert_str_eq(open_text("etc/secrets.yaml", &demo, &owner),
                     "etc/secrets.yaml:2:16: password_file: the secret in etc/empty has 0 bytes, "
                     "but must have 1 to 64\n"
                     "etc/secrets.yaml:3:33: tls.key_file: the secret in etc/long is too long\n"
                     "etc/secrets.yaml:5:46: packages.x.tls.key_file: the secret in etc/nohex must "
                     "hold hex digits only\n"
                     "etc/secrets.yaml:6:46: packages.y.tls.key_file: the secret in etc/short has "
                     "2 bytes, but must have 16 to 16\n"
                     "etc/secrets.yaml:7:46: packages.z.tls.key_file: cannot read etc/nowhere: no "
                     "such file\n");
    ck_assert(memcmp(&demo, &before, sizeof demo) == 0);
    ck_assert_str_eq(open_text("etc/bad.yaml", &demo, &owner),
                     "etc/bad.yaml:2:7: port: 0 is not between 1 and 65535\n");
    ck_assert_str_eq(open_text("etc/none.yaml", &demo, &owner),
                     "etc/none.yaml: cannot read etc/none.yaml: no such file\n");
}
END_TEST

static int open_once(void *context)
{
    (void)context;
    struct demo demo;
    struct simc__conf *owner;
    int error = simc__conf_open(&demo_table, "etc/good.yaml", read_fake, &demo, &owner, &faults);
    simc__conf_free(owner);
    return error;
}

START_TEST(each_failed_allocation_is_reported)
{
    ck_assert_uint_gt(unit_fail_each_allocation(open_once, NULL, true), 6);
}
END_TEST

/* ---- rows ---- */

START_TEST(the_rows_of_the_demonstration_are_good)
{
    char why[SIMC__CONF_WHY_SIZE];
    int error = simc__conf_table_check(&demo_table, why);
    ck_assert_msg(error == 0, "%s", why);
}
END_TEST

static int check_once(void *context)
{
    char why[SIMC__CONF_WHY_SIZE];
    (void)context;
    return simc__conf_table_check(&demo_table, why);
}

START_TEST(the_check_of_rows_reports_each_failed_allocation)
{
    ck_assert_uint_gt(unit_fail_each_allocation(check_once, NULL, true), 20);
}
END_TEST

struct one {
    uint32_t number;
    const char *text;
    uint16_t *items;
    size_t items_count;
    struct simc__conf_address address;
};

struct row_case {
    struct simc__conf_row row;
    const char *why;
};

#define NUMBER .name = "a", .type = SIMC__CONF_UINT, SIMC__CONF_AT(one, number), .help = "b"
#define TEXT   .name = "a", .type = SIMC__CONF_TEXT, SIMC__CONF_AT(one, text), .help = "b"
#define LIST   .name = "a", .type = SIMC__CONF_LIST, SIMC__CONF_LIST_AT(one, items), .help = "b"

static const struct simc__conf_row one_list = {LIST, .max = 4};
static const struct simc__conf_row one_item = {
    .name = "a", .type = SIMC__CONF_UINT, SIMC__CONF_ITEM(uint16_t), .example = "5", .help = "b"};
static const struct simc__conf_choice one_twice[] = {{"a", 1, NULL}, {"a", 2, NULL}, {NULL, 0, 0}};
static const struct simc__conf_table one_table;
static const struct simc__conf_row one_self[] = {{.name = "a",
                                                  .type = SIMC__CONF_MAP,
                                                  .offset = 0,
                                                  .size = sizeof(struct one),
                                                  .table = &one_table,
                                                  .help = "b"}};
static const struct simc__conf_table one_table = {
    .name = "one", .rows = one_self, .count = 1, .size = sizeof(struct one)};

static const struct row_case row_cases[] = {
    {{NUMBER, .fallback = "5"}, ""},
    {{TEXT, .fallback = "null", .null_allowed = true}, ""},
    {{LIST, .item = &one_item, .max = 4}, ""},
    {{NUMBER, .fallback = "x"}, "a: default or example: x is no whole number"},
    {{NUMBER, .fallback = "0", .min = 1}, "a: default or example: 0 is not between"},
    {{NUMBER, .required = true, .example = "-"}, "a: default or example: - is no whole number"},
    {{NUMBER}, "a: there must be a default, or the key is required"},
    {{NUMBER, .required = true}, "a: what is required needs an example"},
    {{NUMBER, .required = true, .fallback = "5"}, "a: what is required has no default"},
    {{NUMBER, .fallback = "5", .min = 7, .max = 6}, "a: min is over max"},
    {{NUMBER, .fallback = "5", .max = 1ull << 32}, "a: min is over max, or max over what the type"},
    {{NUMBER, .fallback = "null", .null_allowed = true}, "a: null needs a flag"},
    {{.name = "A",
      .type = SIMC__CONF_UINT,
      SIMC__CONF_AT(one, number),
      .fallback = "5",
      .help = "b"},
     "A: the name must be lower case"},
    {{.name = "a",
      .type = SIMC__CONF_UINT,
      SIMC__CONF_AT(one, number),
      .fallback = "5",
      .help = "b."},
     "a: help must be one line without a full stop"},
    {{.name = "a",
      .type = SIMC__CONF_BOOL,
      SIMC__CONF_AT(one, number),
      .fallback = "true",
      .help = "b"},
     "a: the member has the wrong size"},
    {{.name = "a",
      .type = SIMC__CONF_UINT,
      SIMC__CONF_AT(one, address),
      .fallback = "5",
      .help = "b"},
     "a: the member is no integer"},
    {{.name = "a",
      .type = SIMC__CONF_UINT,
      .offset = 4096,
      .size = 4,
      .fallback = "5",
      .help = "b"},
     "a: the member lies outside"},
    {{.name = "a",
      .type = SIMC__CONF_SIZE,
      SIMC__CONF_AT(one, number),
      .unit = "ms",
      .fallback = "5B",
      .help = "b"},
     "a: there is no such unit"},
    {{.name = "a",
      .type = SIMC__CONF_CHOICE,
      SIMC__CONF_AT(one, number),
      .fallback = "a",
      .help = "b"},
     "a: there are no choices"},
    {{.name = "a",
      .type = SIMC__CONF_CHOICE,
      SIMC__CONF_AT(one, number),
      .fallback = "a",
      .choices = one_twice,
      .help = "b"},
     "a: a choice is there twice"},
    {{LIST, .item = &one_item}, "a: a list needs a max"},
    {{LIST, .max = 4}, "a: the item must be a scalar or a map"},
    {{LIST, .item = &one_list, .max = 4}, "a: the item must be a scalar or a map"},
    {{LIST, .item = &one_item, .max = 4, .fallback = "[x]"},
     "a: default or example: x is no whole"},
    {{LIST, .item = &one_item, .max = 4, .fallback = "["}, "a: default or example: a value is"},
    {{LIST, .item = &one_item, .max = 4, .null_allowed = true, .has = true}, "a: a list cannot be"},
    {{.name = "a",
      .type = SIMC__CONF_MAP,
      .size = sizeof(struct one),
      .table = &one_table,
      .help = "b"},
     "a.a.a.a.a.a.a.a: tables are nested too deep, or hold each other"},
};

START_TEST(each_mistake_in_a_row_is_named)
{
    const struct row_case *c = &row_cases[_i];
    char why[SIMC__CONF_WHY_SIZE];
    struct simc__conf_table table = {
        .name = "one", .rows = &c->row, .count = 1, .size = sizeof(struct one)};
    int error = simc__conf_table_check(&table, why);
    ck_assert_int_eq(error, c->why[0] ? SIMC_EINVAL : 0);
    ck_assert_msg(strncmp(why, c->why, strlen(c->why)) == 0, "%s\n     got: %s", c->why, why);
}
END_TEST

START_TEST(a_name_stands_once)
{
    static const struct simc__conf_row rows[] = {{NUMBER, .fallback = "5"},
                                                 {NUMBER, .fallback = "6"}};
    const struct simc__conf_table table = {
        .name = "one", .rows = rows, .count = 2, .size = sizeof(struct one)};
    char why[SIMC__CONF_WHY_SIZE];
    ck_assert_int_eq(simc__conf_table_check(&table, why), SIMC_EINVAL);
    ck_assert_str_eq(why, "a: the name is there twice");
}
END_TEST

Suite *suite_conf_open(void);

Suite *suite_conf_open(void)
{
    Suite *suite = suite_create("conf_open");
    TCase *tests = tcase_create("open");
    tcase_add_test(tests, secrets_come_from_their_files);
    tcase_add_test(tests, secrets_are_printed_as_fingerprints);
    tcase_add_test(tests, a_changed_secret_is_a_change_though_its_path_is_the_same);
    tcase_add_test(tests, faults_of_files_stand_where_the_path_stands);
    tcase_add_test(tests, each_failed_allocation_is_reported);
    tcase_add_test(tests, the_rows_of_the_demonstration_are_good);
    tcase_add_test(tests, the_check_of_rows_reports_each_failed_allocation);
    tcase_add_loop_test(tests, each_mistake_in_a_row_is_named, 0, (int)UNIT_COUNT(row_cases));
    tcase_add_test(tests, a_name_stands_once);
    suite_add_tcase(suite, tests);
    return suite;
}
