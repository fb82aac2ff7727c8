/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/conf: the sample, the reference, the effective configuration, and what a reload
 * would change. The runner in main.c calls suite_conf_print(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/internal.h"
#include "unit/test_conf_demo.h"
#include "unit/unit.h"

enum { TEXT_SIZE = 32768 };

static struct simc__conf_faults faults;

/* Loads a text that must load. */
static struct simc__conf *load(const char *yaml, struct demo *demo)
{
    char text[4096];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    struct simc__conf *owner;
    int error = simc__conf_load(&demo_table, simc_slice_text(yaml), "f", demo, &owner, &faults);
    simc__conf_faults_put(&out, &faults, "f");
    text[out.error ? 0 : out.at] = '\0';
    ck_assert_msg(error == 0, "%s\n%s", yaml, text);
    return owner;
}

static void effective(const struct demo *demo, char text[TEXT_SIZE])
{
    struct simc_writer out = simc_writer(text, TEXT_SIZE - 1);
    simc__conf_put_effective(&out, &demo_table, demo);
    ck_assert_int_eq(out.error, 0);
    text[out.at] = '\0';
}

static void sample(bool whole, char text[TEXT_SIZE])
{
    struct simc_writer out = simc_writer(text, TEXT_SIZE - 1);
    simc__conf_put_sample(&out, &demo_table, whole);
    ck_assert_int_eq(out.error, 0);
    text[out.at] = '\0';
}

/* ---- sample ---- */

START_TEST(the_sample_loads_and_gives_the_defaults)
{
    static char text[TEXT_SIZE], got[TEXT_SIZE], wanted[TEXT_SIZE];
    struct demo from_sample, from_defaults;
    sample(false, text);
    struct simc__conf *a = load(text, &from_sample);
    struct simc__conf *b = load("name: head-end 1\n", &from_defaults);
    effective(&from_sample, got);
    effective(&from_defaults, wanted);
    ck_assert(strcmp(got, wanted) == 0);
    simc__conf_free(a);
    simc__conf_free(b);
}
END_TEST

START_TEST(the_whole_sample_loads_and_shows_each_key)
{
    static char text[TEXT_SIZE];
    struct demo demo;
    sample(true, text);
    struct simc__conf *owner = load(text, &demo);
    ck_assert_uint_eq(demo.listen_count, 1);
    ck_assert_str_eq(demo.listen[0].peers[0], "scs.example");
    ck_assert_str_eq(demo.packages[0].name, "basis");
    ck_assert(demo.packages[0].has_tls && demo.has_tls);
    ck_assert_str_eq(demo.labels[0].text, "first floor");
    simc__conf_free(owner);
}
END_TEST

START_TEST(examples_in_comments_load_when_the_signs_are_removed)
{
    static char text[TEXT_SIZE], mended[TEXT_SIZE];
    struct demo demo;
    size_t at = 0;
    sample(false, text);
    /* Takes the '#' before what is no comment of words, and drops the empty lists before it. */
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        bool example = line[0] == '#' && line[1] && (line[1] != ' ' || line[2] == ' ');
        bool empty = strstr(line, ": []") == line + 6 || strstr(line, ": {}") == line + 8 ||
                     strstr(line, ": {}") == line + 6 || strcmp(line, "tls: null") == 0 ||
                     strcmp(line, "pids: [0x0011, 18]") == 0;
        if (!empty)
            at += (size_t)snprintf(mended + at, TEXT_SIZE - at, "%s\n", line + (example ? 1 : 0));
    }
    struct simc__conf *owner = load(mended, &demo);
    ck_assert_uint_eq(demo.listen_count, 1);
    ck_assert_uint_eq(demo.packages_count, 1);
    ck_assert_uint_eq(demo.pids_count, 1);
    ck_assert(demo.has_tls);
    simc__conf_free(owner);
}
END_TEST

START_TEST(the_sample_shows_help_range_and_default)
{
    static char text[TEXT_SIZE];
    static const char *const parts[] = {
        "# Configuration of the demonstration.\n#\n# It uses every type",
        "\n# what this system is called (text of 1 to 32 bytes; must be given)\nname: \"head-end "
        "1\"\n",
        "\n# TCP port (number, 1 to 65535; default 2222)\nport: 2222\n",
        "\n# a delay (number, -500 to 500 ms; default -20; reloadable)\noffset: -20\n",
        "\n# CA_system_id, or null for none (number, 0x0001 to 0xFFFF, or null; default null)\n",
        "\n# when to give up (duration, 10ms to 10min; default 10s; reloadable)\ntimeout: 10s\n",
        "\n# how long keys are held (duration; default 1d)\nlease: 1d\n",
        "\n  # what is logged (one of error (faults only), info (normal work), debug; default "
        "info;\n  # reloadable)\n  level: info\n",
        "\nlisten: []\n#listen:\n#  # where to listen (address:port; must be given)\n#  - address: "
        "0.0.0.0:2222\n#\n#    # TLS with client certificates (true or false; default false)\n",
        "\npackages: {}\n#packages:\n#  basis:\n#    # number on air",
        "\nlabels: {}\n#labels:\n#  rack: \"first floor\"\n",
    };
    sample(false, text);
    for (size_t i = 0; i < UNIT_COUNT(parts); i++)
        ck_assert_msg(strstr(text, parts[i]), "%s\nis missing", parts[i]);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        ck_assert_uint_le(strcspn(line, "\n"), 100);
}
END_TEST

START_TEST(the_reference_has_a_row_for_each_key)
{
    static char text[TEXT_SIZE];
    static const char *const rows[] = {
        "| key | value | default | reload | meaning |\n|---|---|---|---|---|\n| `name` | text",
        "| `name` | text of 1 to 32 bytes | must be given | no | what this system is called |\n",
        "| `country` | text of at most 1024 bytes | `\"no\"` | no | country code, two small",
        "| `log` | map |  | no | the log |\n",
        "| `log.level` | one of error (faults only), info (normal work), debug | `info` | yes |",
        "| `listen[].peers[]` | list, at most 8; each text of 1 to 32 bytes |  | yes | who may",
        "| `packages.NAME.tls.key_file` | path of a file with the hex digits of 16 bytes | must be",
        "| `rate` | bit rate | `38Mbit/s` | no | rate of the output |\n",
    };
    struct simc_writer out = simc_writer(text, TEXT_SIZE - 1);
    simc__conf_put_reference(&out, &demo_table);
    ck_assert_int_eq(out.error, 0);
    text[out.at] = '\0';
    for (size_t i = 0; i < UNIT_COUNT(rows); i++)
        ck_assert_msg(strstr(text, rows[i]), "%s\nis missing in\n%s", rows[i], text);
}
END_TEST

/* ---- effective configuration ---- */

START_TEST(what_is_in_effect_loads_again_to_the_same)
{
    static char first[TEXT_SIZE], second[TEXT_SIZE];
    struct demo a, b;
    struct simc__conf *one = load(
        "name: \"a # b\"\nnote: 'yes'\nstate: /x\ncountry: \"on\"\nupstream: '[::]:1'\n"
        "ca_system: 5\noffset: -7\npassword_file: /x/p\nlisten:\n- address: a:1\n  peers: ['1', "
        "'-', ': ', '#', '~']\n- address: 10.0.0.1:2\n"
        "labels: {'null': '', \"a: b\": '[', '-': '- a', '1': \"\\u202e\", '=': 1e3, 'a:': 'b:', "
        "}\n"
        "packages: {x: {id: 1, tls: {certificate: /c, key_file: /k}}}\n",
        &a);
    effective(&a, first);
    struct simc__conf *two = load(first, &b);
    effective(&b, second);
    ck_assert_msg(strcmp(first, second) == 0, "%s\n%s", first, second);
    ck_assert_str_eq(b.labels[0].name, "null");
    ck_assert_str_eq(b.labels[3].text, "\xe2\x80\xae");
    ck_assert_str_eq(b.listen[0].peers[4], "~");
    simc__conf_free(one);
    simc__conf_free(two);
}
END_TEST

START_TEST(too_little_room_is_told_and_measured)
{
    static char text[TEXT_SIZE];
    struct demo demo;
    struct simc__conf *owner = load("name: a\n", &demo);
    effective(&demo, text);
    for (size_t room = 0; room < strlen(text); room++) {
        uint8_t *exact = malloc(room + 1);
        struct simc_writer out = simc_writer(exact, room);
        simc__conf_put_effective(&out, &demo_table, &demo);
        ck_assert_int_eq(out.error, SIMC_ENOSPC);
        ck_assert_uint_eq(out.at, strlen(text));
        free(exact);
    }
    simc__conf_free(owner);
}
END_TEST

/* ---- reload ---- */

struct reload_case {
    const char *before, *after;
    bool reloadable;
    const char *changes;
};

static const struct reload_case reload_cases[] = {
    {"", "", true, ""},
    {"port: 2222\n", "", true, ""},
    {"port: 1\n", "port: 2\n", false, "port: 1 -> 2 (needs a restart)\n"},
    {"timeout: 1s\n", "timeout: 1000ms\n", true, ""},
    {"timeout: 1s\n", "timeout: 2s\n", true, "timeout: 1s -> 2s\n"},
    {"log: {level: info}\n", "log: {level: debug, json: true}\n", false,
     "log.level: info -> debug\nlog.json: false -> true (needs a restart)\n"},
    {"ca_system: null\n", "ca_system: 0xCE15\n", false,
     "ca_system: null -> 0xCE15 (needs a restart)\n"},
    {"note: a\n", "note: null\n", false, "note: a -> null (needs a restart)\n"},
    {"note: ''\n", "note: null\n", false, "note: \"\" -> null (needs a restart)\n"},
    {"upstream: a:1\n", "upstream: a:2\n", false, "upstream: a:1 -> a:2 (needs a restart)\n"},
    {"upstream: '[::1]:1'\n", "upstream: '[::1]:1'\n", true, ""},
    {"tls: {certificate: /a, key_file: /b}\n", "", false, "tls: given -> null (needs a restart)\n"},
    {"tls: {certificate: /a, key_file: /b}\n", "tls: {certificate: /c, key_file: /b}\n", false,
     "tls.certificate: /a -> /c (needs a restart)\n"},
    {"pids: [1, 2]\n", "pids: [1, 3]\n", true, "pids[1]: 0x0002 -> 0x0003\n"},
    {"pids: [1, 2]\n", "pids: [1]\n", true, "pids: 2 items -> 1 item\n"},
    {"listen: [{address: 'a:1'}]\n", "listen: [{address: 'a:1', backlog: 5}]\n", true,
     "listen[0].backlog: 64 -> 5\n"},
    {"listen: [{address: 'a:1'}]\n", "listen: []\n", false,
     "listen: 1 item -> 0 items (needs a restart)\n"},
    {"packages: {a: {id: 1}, b: {id: 2}}\n", "packages: {b: {id: 2}, a: {id: 1}}\n", true, ""},
    {"packages: {a: {id: 1}}\n", "packages: {b: {id: 1}}\n", true,
     "packages.a: given -> none\npackages.b: none -> given\n"},
    {"packages: {a: {id: 1}}\n", "packages: {a: {id: 2}}\n", false,
     "packages.a.id: 0x0001 -> 0x0002 (needs a restart)\n"},
    {"labels: {a: b}\n", "labels: {a: c}\n", false, "labels.a: b -> c (needs a restart)\n"},
    {"note: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
     "note: b\n", false, "note: (long) -> b (needs a restart)\n"},
};

START_TEST(each_change_is_named_with_what_it_needs)
{
    const struct reload_case *c = &reload_cases[_i];
    char before[512], after[512], text[4096];
    struct demo old_demo, new_demo;
    static struct simc__conf_changes changes;
    snprintf(before, sizeof before, "name: a\n%s", c->before);
    snprintf(after, sizeof after, "name: a\n%s", c->after);
    struct simc__conf *one = load(before, &old_demo), *two = load(after, &new_demo);
    simc__conf_compare(&demo_table, &old_demo, &new_demo, &changes);
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__conf_changes_put(&out, &changes);
    text[out.at] = '\0';
    ck_assert_str_eq(text, c->changes);
    ck_assert_int_eq(changes.reloadable, c->reloadable);
    simc__conf_free(one);
    simc__conf_free(two);
}
END_TEST

Suite *suite_conf_print(void);

Suite *suite_conf_print(void)
{
    Suite *suite = suite_create("conf_print");
    TCase *tests = tcase_create("print");
    tcase_add_test(tests, the_sample_loads_and_gives_the_defaults);
    tcase_add_test(tests, the_whole_sample_loads_and_shows_each_key);
    tcase_add_test(tests, examples_in_comments_load_when_the_signs_are_removed);
    tcase_add_test(tests, the_sample_shows_help_range_and_default);
    tcase_add_test(tests, the_reference_has_a_row_for_each_key);
    tcase_add_test(tests, what_is_in_effect_loads_again_to_the_same);
    tcase_add_test(tests, too_little_room_is_told_and_measured);
    tcase_add_loop_test(tests, each_change_is_named_with_what_it_needs, 0,
                        (int)UNIT_COUNT(reload_cases));
    suite_add_tcase(suite, tests);
    return suite;
}
