/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/conf: YAML that is malformed, hostile, or means different things to different
 * readers. The runner in main.c calls suite_conf_yaml(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/internal.h"
#include "unit/test_conf_demo.h"
#include "unit/unit.h"

static struct simc__conf_faults faults;
static struct demo demo;
static char text[65536];

/* @return the faults, or "" when the text loads. */
static const char *load(struct simc_slice yaml)
{
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    struct simc__conf *owner;
    uint8_t *exact = unit_exact(yaml);
    int error =
        simc__conf_load(&demo_table, simc_slice(exact, yaml.size), "f", &demo, &owner, &faults);
    free(exact);
    ck_assert_int_eq(error, faults.total ? SIMC_ESYNTAX : 0);
    ck_assert_int_eq(owner != NULL, error == 0);
    simc__conf_faults_put(&out, &faults, "f");
    simc__conf_free(owner);
    text[out.error ? 0 : out.at] = '\0';
    return text;
}

/* A text and its only fault, or NULL where it loads. */
struct yaml_case {
    const char *yaml;
    const char *fault;
};

#define A_KEY                                                                                 \
    "a key is expected here; check the indentation, and put values that begin with [ { or a " \
    "quote in quotes as a whole (the map begins in line "
#define A_COLON \
    "a ':' is not expected here; check the indentation, and put values that hold ': ' in quotes"
#define SIGN "a value cannot begin with this character; put the value in quotes"

static const struct yaml_case yaml_cases[] = {
    /* forms that are good */
    {"name: a", NULL},
    {"\xef\xbb\xbfname: a\n", NULL},
    {"name: a\r\nport: 5\r\n", NULL},
    {"---\nname: a\n...\n", NULL},
    {"{name: a, port: 5}", NULL},
    {"{\"name\": \"a\", \"port\": 5}\n", NULL},
    {"# one\n\n  # two\nname: a # three\n# four", NULL},
    {"'name': a\n", NULL},
    {"name: a\nnote: a\tb\n", "f:2:7: note: 'a?b' holds a line end or control character; write it "
                              "on one line, without | and >\n"},
    {"name: a\nport:\n  5\n", NULL},
    {"name: a\nport: 5  \t # tab before a comment\n", NULL},
    {"? name\n: a\n", NULL},
    /* faults of place */
    {"\xef\xbb\xbfname: a\r\nport: 0\r\n", "f:2:7: port: 0 is not between 1 and 65535\n"},
    {"name: Z\xc3\xbc\xe2\x82\xac\xf0\x9f\x93\xba \nlog: {level: \xc3\xbc, json: x}",
     "f:2:14: log.level: '\xc3\xbc' is not one of: error, info, debug\n"
     "f:2:23: log.json: x is neither true nor false\n"},
    {"", "f:1:1: name: must be given, such as name: \"head-end 1\" (what this system is called)\n"},
    {"# nothing\n",
     "f:1:1: name: must be given, such as name: \"head-end 1\" (what this system is called)\n"},
    {"---\n...\n",
     "f:1:1: name: must be given, such as name: \"head-end 1\" (what this system is called)\n"},
    {"null\n", "f:1:1: null is not allowed here; write a map of keys and values\n"},
    {"abc\n", "f:1:1: this must be a map of keys and values, not abc\n"},
    {"- a\n", "f:1:1: this must be a map of keys and values, not a list\n"},
    /* what means different things to different readers */
    {"name: &x a\n", "f:1:7: name: anchors such as &x are not supported; write each value out (or "
                     "put the value in quotes)\n"},
    {"name: a\nlog: &log {json: true}\n",
     "f:2:6: log: anchors such as &log are not supported; write each value out (or put the value "
     "in quotes)\n"},
    {"name: *x\n", "f:1:7: name: aliases such as *x are not supported; write the value out (or put "
                   "it in quotes)\n"},
    {"name: a\npids: [*x, 1]\n",
     "f:2:8: pids[0]: aliases such as *x are not supported; write the value out (or put it in "
     "quotes)\n"},
    {"name: a\n*x : 5\n", "f:2:1: aliases such as *x are not supported; write the value out (or "
                          "put it in quotes)\n"},
    {"name: !!str a\n", "f:1:7: name: tags such as tag:yaml.org,2002:str are not supported; remove "
                        "it (or put the value in quotes)\n"},
    {"name: ! a\n", "f:1:7: name: tags such as ! are not supported; remove it (or put the value in "
                    "quotes)\n"},
    {"name: a\nlog:\n  <<: {json: true}\n",
     "f:3:3: log: merge keys (<<) are not supported; write the keys out\n"},
    {"name: a\n'<<': 5\n", "f:2:1: '<<': there is no such key\n"},
    {"%YAML 1.2\n---\nname: a\n",
     "f:1:1: a line that begins with % is a directive, and there are none; remove it\n"},
    {"name: a\n%TAG ! x\n",
     "f:2:1: a line that begins with % is a directive, and there are none; remove it\n"},
    {"name: a\n---\nname: b\n",
     "f:2:1: a second document begins here; a configuration is one document (remove this line)\n"},
    {"name: a\n...\nport: 5\n", "f:3:1: a key is expected here; check the indentation of this line "
                                "and the one before\n"},
    {"name: a\n? [b]\n: 5\n", "f:2:3: a key must be a word, not a list or map (a value that begins "
                              "with [ or { needs quotes)\n"},
    {"name: a\n\"\": 5\n", "f:2:1: there is no key before the ':'\n"},
    {"name: a\n\"\\0\": 5\n", "f:2:1: '': there is no such key\n"},
    {"name: a\nlabels: {\"a\\tb\": c}\n",
     "f:2:10: labels.'a?b': the name holds a line end or control character\n"},
    {"name: a\nlabels: {\"a\\0b\": c}\n",
     "f:2:10: labels.'a': the name holds a line end or control character\n"},
    {"name: a\nlabels: {12345678901234567890123456789012345678901234567890123456789012345: c}\n",
     "f:2:10: labels.123456789012345678901234567890123456789012345678...: the name has 65 bytes, "
     "but may have at most 64\n"},
    /* what cannot be read */
    {"name: a\n\tport: 5\n", "f:2:1: a tab cannot indent; use blanks\n"},
    {"\tname: a\n", "f:1:1: a tab cannot indent; use blanks\n"},
    {"name: \xc3\xbc\nlog:\n\tjson: true\n", "f:3:1: a tab cannot indent; use blanks\n"},
    {"name: \"abc\nport: 5\n", "f:3:1: the quotes do not end (they begin in line 1)\n"},
    {"name: 'abc\n---\n", "f:2:1: the quotes do not end (they begin in line 1)\n"},
    {"name: a\n port: 5\n", "f:2:6: " A_COLON "\n"},
    {"name: a: b\n", "f:1:8: " A_COLON "\n"},
    {"name: a\n}\n", "f:2:1: " A_KEY "1)\n"},
    {"name: \"a\" b\n", "f:1:11: " A_KEY "1)\n"},
    {"name: a\nport 5\nsmall: 1\n",
     "f:3:1: a ':' is missing behind the key in this line or the one before\n"},
    {"name: - a\n", "f:1:7: a '-' is not expected here; put the list on lines of its own\n"},
    {"name: @a\n", "f:1:7: " SIGN "\n"},
    {"name: `a\n", "f:1:7: " SIGN "\n"},
    {"name: %a\n", "f:1:7: " SIGN "\n"},
    {"name: &\n", "f:1:8: a value that begins with & or * needs quotes\n"},
    {"name: a\npids: [1, 2\n",
     "f:3:1: a ',' or ']' is expected here (the list begins in line 2)\n"},
    {"name: a\nlog: {json: true\n",
     "f:3:1: a ',' or '}' is expected here (the map begins in line 2)\n"},
    {"name: a\npids:\n- 1\n 2\n", NULL},
    {"name: \"\\q\"\n", "f:1:8: unknown escape; in double quotes write \\\\ for a backslash, or "
                        "use single quotes\n"},
    {"name: \"\\ud800\"\n", "f:1:10: this escape stands for no character\n"},
    {"name: \"\\xzz\"\n", "f:1:10: hexadecimal digits are expected here\n"},
    /* bytes that are no text */
    {"name: a\xff\n", "f:1:8: this byte is no UTF-8 text; save the file as UTF-8\n"},
    {"name: \xc0\x80\n", "f:1:7: this byte is no UTF-8 text; save the file as UTF-8\n"},
    {"name: \xed\xa0\x80\n", "f:1:7: this byte is no UTF-8 text; save the file as UTF-8\n"},
    {"name: \xf4\x90\x80\x80\n", "f:1:7: this byte is no UTF-8 text; save the file as UTF-8\n"},
    {"name: \xe2\x82", "f:1:7: this byte is no UTF-8 text; save the file as UTF-8\n"},
    {"\xff\xfen", "f:1:1: this is UTF-16 text; save the file as UTF-8\n"},
    {"name: a\rport: 5\n",
     "f:1:8: a carriage return without a line feed; end lines with LF or CR LF\n"},
    {"name: a\x1b[1m\n", "f:1:8: the invisible character U+001B is not allowed; remove it\n"},
    {"name: a\xc2\x85\n", "f:1:8: the invisible character U+0085 is not allowed; remove it\n"},
    {"# \xe2\x80\xae\n", "f:1:3: the invisible character U+202E is not allowed; remove it\n"},
    {"name: a\n\xef\xbb\xbf", "f:2:1: the invisible character U+FEFF is not allowed; remove it\n"},
};

START_TEST(each_text_loads_or_has_its_fault)
{
    const struct yaml_case *c = &yaml_cases[_i];
    const char *wanted = c->fault ? c->fault : "";
    bool partly = c->yaml[0] && strstr(c->yaml, "- 1\n 2"); /* "1 2" is one number, and a bad one */
    const char *got = load(simc_slice_text(c->yaml));
    if (partly)
        wanted = "f:3:3: pids[0]: '1 2' holds separators; write 12\n";
    ck_assert_msg(strcmp(got, wanted) == 0, "%s\n     got: %s\n  wanted: %s", c->yaml, got, wanted);
}
END_TEST

START_TEST(nul_bytes_have_their_place)
{
    ck_assert_str_eq(load(simc_slice("name: a\nport: \0", 15)),
                     "f:2:7: there is a NUL byte; a configuration is UTF-8 text\n");
}
END_TEST

START_TEST(values_before_a_syntax_fault_are_checked_too)
{
    ck_assert_str_eq(load(simc_slice_text("port: 0\nlog: {json: yes}\nname: [\n")),
                     "f:1:7: port: 0 is not between 1 and 65535\n"
                     "f:2:13: log.json: yes is not accepted; write true\n"
                     "f:3:7: name: this must be text, not a list; text that begins with [ or { "
                     "needs quotes\n"
                     "f:4:1: a value is expected here; put values that begin with [ or { in "
                     "quotes\n");
}
END_TEST

START_TEST(the_bytes_of_a_text_may_be_cut_anywhere)
{
    static const char yaml[] = "name: \"a\\u0041\"\nlisten:\n  - {address: '[::1]:5', peers: [a]}\n"
                               "labels: {a: |-\n  b}\n# \xe2\x82\xac\n";
    for (size_t size = 0; size < sizeof yaml; size++)
        (void)load(simc_slice(yaml, size));
}
END_TEST

/* ---- ceilings ---- */

/* `head`, then `part` again and again, then `tail`. */
static struct simc_slice repeat(const char *head, const char *part, size_t count, const char *tail)
{
    UNIT_ROOM(char, yaml, SIMC__CONF_FILE_MAX + 4096);
    struct simc_writer out = simc_writer(yaml, (SIMC__CONF_FILE_MAX + 4096));
    simc_writer_slice(&out, simc_slice_text(head));
    for (size_t i = 0; i < count; i++)
        simc_writer_slice(&out, simc_slice_text(part));
    simc_writer_slice(&out, simc_slice_text(tail));
    ck_assert_int_eq(out.error, 0);
    return simc_slice(yaml, out.at);
}

struct ceiling_case {
    const char *head, *part;
    size_t count;
    const char *tail;
    const char *fault; /* some of the text; NULL: loads */
};

static const struct ceiling_case ceiling_cases[] = {
    {"name: a\n#", "x", SIMC__CONF_FILE_MAX - 9, "", NULL},
    {"name: a\n#", "x", SIMC__CONF_FILE_MAX - 8, "",
     "f: 1048577 bytes are too many; at most 1048576 are read"},
    {"name: ", "a", 1000000, "\n",
     "f:1:7: name: the text has 1000000 bytes, but may have at most 32"},
    {"name: a\n", "\n", 1000000, "port: 0", "f:1000002:7: port: 0 is not between 1 and 65535"},
    {"name: a\nnote: >-\n", "  a\n\n", 200000, "", "note: the text has 399999 bytes"},
    {"name: a\nx: ", "[", 40, "", "lists and maps are nested deeper than 16 levels"},
    {"name: a\nx: ", "{a: ", 40, "", "lists and maps are nested deeper than 16 levels"},
    {"", "- ", 40, "", "lists and maps are nested deeper than 16 levels"},
    {"", "? ", 40, "", "lists and maps are nested deeper than 16 levels"},
    {"x: ", "[", 14, "]]]]]]]]]]]]]]\nname: a\n", "f:1:1: x: there is no such key"},
    {"name: a\nlisten: [", "{},", 300000, "]",
     "this is value 65537 of the file; there may be at most 65536"},
    {"name: a\npids: [", "5,", 9, "]", "pids: there are 9 items; at most 8 are allowed"},
    {"name: a\npids: [", "5,", 60000, "]", "pids: there are 60000 items; at most 8 are allowed"},
    {"name: a\n", "port: 5\n", 60000, "", "f: and 59935 more faults"},
    {"name: a\n", "zz: 5\n", 60000, "", "f: and 59936 more faults"},
    {"? ", "a", 100000, "\n: 5\nname: a\n", "f:1:3: this key is too long"},
    {"a: &a [a]\nb: &b [", "*a,", 10000, "]\nname: a\n", "f: and 9"},
    {"name: \"", "\\n", 400000, "\"\n", "name: the text has 400000 bytes"},
    {"name: '", "''", 400000, "'\n", "name: the text has 400000 bytes"},
    {"name: \"", " \n", 400000, "", "the quotes do not end (they begin in line 1)"},
};

START_TEST(each_ceiling_holds)
{
    const struct ceiling_case *c = &ceiling_cases[_i];
    const char *got = load(repeat(c->head, c->part, c->count, c->tail));
    ck_assert_msg(c->fault ? strstr(got, c->fault) != NULL : !got[0], "%s%s...\n     got: %s",
                  c->head, c->part, got);
}
END_TEST

/* Nine levels of nine aliases each: a billion words for readers that follow them. */
START_TEST(a_billion_laughs_are_no_joke)
{
    static const char laughs[] = "a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n"
                                 "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                                 "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                                 "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                                 "name: *d\n";
    const char *got = load(simc_slice_text(laughs));
    ck_assert_ptr_nonnull(strstr(got, "f:1:4: a: anchors such as &a are not supported"));
    ck_assert_ptr_nonnull(strstr(got, "f:2:8: b[0]: aliases such as *a are not supported"));
    ck_assert_uint_eq(faults.total, 4 + 27 + 1 + 4);
}
END_TEST

START_TEST(terminal_codes_and_long_words_do_not_reach_the_faults)
{
    const char *got = load(simc_slice_text("name: a\nport: \"\\x1b[31m\\u202e"
                                           "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
                                           "\"\n"));
    ck_assert_str_eq(got, "f:2:7: port: '?[31m???aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd...' in "
                          "quotes is text; write a number without them\n");
}
END_TEST

/* Random pieces of YAML in random order: nothing may break, and what loads prints and loads. */
START_TEST(random_pieces_do_no_harm)
{
    static const char *const pieces[] = {
        "name: a\n", "port: 5\n", "listen:\n", "  - ",       "address: ", "a:1\n", "{",
        "}",         "[",         "]",         ", ",         ": ",        "\n",    "  ",
        "\"",        "'",         "&a ",       "*a ",        "!t ",       "- ",    "? ",
        "|\n",       ">\n",       "#",         "packages: ", "labels: ",  "null",  "~",
        "<<: ",      "---\n",     "\t",        "tls: ",      "pids: ",    "1",
    };
    struct unit_random random = unit_random(2026);
    for (int round = 0; round < 3000; round++) {
        char yaml[512] = "";
        uint64_t count = unit_random_below(&random, 30);
        for (uint64_t i = 0; i < count; i++)
            unit_append(yaml, sizeof yaml, pieces[unit_random_below(&random, UNIT_COUNT(pieces))]);
        (void)load(simc_slice_text(yaml));
    }
}
END_TEST

Suite *suite_conf_yaml(void);

Suite *suite_conf_yaml(void)
{
    Suite *suite = suite_create("conf_yaml");
    TCase *tests = tcase_create("yaml");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, each_text_loads_or_has_its_fault, 0, (int)UNIT_COUNT(yaml_cases));
    tcase_add_test(tests, nul_bytes_have_their_place);
    tcase_add_test(tests, values_before_a_syntax_fault_are_checked_too);
    tcase_add_test(tests, the_bytes_of_a_text_may_be_cut_anywhere);
    tcase_add_loop_test(tests, each_ceiling_holds, 0, (int)UNIT_COUNT(ceiling_cases));
    tcase_add_test(tests, a_billion_laughs_are_no_joke);
    tcase_add_test(tests, terminal_codes_and_long_words_do_not_reach_the_faults);
    tcase_add_test(tests, random_pieces_do_no_harm);
    suite_add_tcase(suite, tests);
    return suite;
}
