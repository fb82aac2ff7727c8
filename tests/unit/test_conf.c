/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/conf: values of every type, good and bad, and the faults that they give. The
 * runner in main.c calls suite_conf(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/internal.h"
#include "unit/test_conf_demo.h"
#include "unit/unit.h"

enum { TEXT_SIZE = 65536 };

/* One value behind a key: what it is in the effective configuration, or its fault, "" for none. */
struct value_case {
    const char *key;
    const char *value;
    const char *good;
    const char *fault;
};

#define MAX64     "18446744073709551615"
#define UNIT_HINT "(a whole number and a unit without a blank: us, ms, s, min, h, d)"
#define DURATION  "a duration such as 500ms, 10s or 2min"
#define NO_NUMBER "is no whole number; write decimal digits, or 0x and hex digits"
#define NO_HOST   "has no host; write 0.0.0.0 or [::] for all interfaces"

static const struct value_case value_cases[] = {
    /* numbers */
    {"port", "1", "1", NULL},
    {"port", "65535", "65535", NULL},
    {"port", "0x10", "16", NULL},
    {"port", "0", NULL, "0 is not between 1 and 65535"},
    {"port", "70000", NULL, "70000 is not between 1 and 65535"},
    {"port", "-1", NULL, "-1 is not between 1 and 65535"},
    {"port", "+5", NULL, "+5 has a sign; write it without"},
    {"port", "08", NULL, "08 begins with a zero; write 8"},
    {"port", "00", NULL, "00 begins with a zero; write 0"},
    {"port", "1x", NULL, "1x " NO_NUMBER},
    {"port", "1_000", NULL, "1_000 holds separators; write 1000"},
    {"port", "1,000", NULL, "'1,000' holds separators; write 1000"},
    {"port", "1.0", NULL, "1.0 " NO_NUMBER},
    {"port", "1e3", NULL, "1e3 " NO_NUMBER},
    {"port", "0x", NULL, "0x " NO_NUMBER},
    {"port", "0xg", NULL, "0xg " NO_NUMBER},
    {"port", "0o17", NULL, "0o17 " NO_NUMBER},
    {"port", "yes", NULL, "yes " NO_NUMBER},
    {"port", "1 2", NULL, "'1 2' holds separators; write 12"},
    {"port", "_1", NULL, "_1 " NO_NUMBER},
    {"port", "\"70\"", NULL, "70 in quotes is text; write a number without them"},
    {"port", "'7'", NULL, "7 in quotes is text; write a number without them"},
    {"port", "[1]", NULL, "this must be a number, not a list"},
    {"port", "{a: 1}", NULL, "this must be a number, not a map"},
    {"port", "null", NULL, "null is not allowed here; write a number"},
    {"port", "~", NULL, "~ is read as null by some; write a number, or put it in quotes"},
    {"port", "", NULL, "there is no value; write a number, or remove the key"},
    {"port", "18446744073709551616", NULL, "18446744073709551616 is not between 1 and 65535"},
    {"small", "255", "255", NULL},
    {"small", "256", NULL, "256 is not between 0 and 255"},
    {"large", MAX64, MAX64, NULL},
    {"large", "0xffffffffffffffff", MAX64, NULL},
    {"large", "18446744073709551616", NULL,
     "18446744073709551616 is not between 0 and 18446744073709551615"},
    {"large", "99999999999999999999999", NULL,
     "99999999999999999999999 is not between 0 and " MAX64},
    {"ca_system", "0xCE15", "0xCE15", NULL},
    {"ca_system", "5", "0x0005", NULL},
    {"ca_system", "null", "null", NULL},
    {"ca_system", "NULL", NULL, "NULL is read as null by some; write null, or put it in quotes"},
    {"ca_system", "\"null\"", NULL, "null in quotes is text; write a number without them"},
    {"ca_system", "0x10000", NULL, "0x10000 is not between 0x0001 and 0xFFFF"},
    {"ca_system", "", NULL, "there is no value; write a number or null, or remove the key"},
    {"offset", "-500", "-500", NULL},
    {"offset", "+5", "5", NULL},
    {"offset", "0", "0", NULL},
    {"offset", "-501", NULL, "-501 is not between -500 and 500"},
    {"offset", "-08", NULL, "-08 begins with a zero; write -8"},
    {"offset", "-1_0", NULL, "-1_0 holds separators; write -10"},
    {"offset", "- 5", NULL, NULL},
    {"offset", "99999999999999999999", NULL, "99999999999999999999 is not between -500 and 500"},
    {"offset", "--5", NULL, "--5 is no whole number; write decimal digits, or 0x and hex digits"},
    {"shift", "-9223372036854775808", "-9223372036854775808", NULL},
    {"shift", "9223372036854775807", "9223372036854775807", NULL},
    {"shift", "9223372036854775808", NULL,
     "9223372036854775808 is not between -9223372036854775808 and 9223372036854775807"},
    /* words */
    {"log.json", "true", "true", NULL},
    {"log.json", "false", "false", NULL},
    {"log.json", "yes", NULL, "yes is not accepted; write true"},
    {"log.json", "On", NULL, "On is not accepted; write true"},
    {"log.json", "TRUE", NULL, "TRUE is not accepted; write true"},
    {"log.json", "no", NULL, "no is not accepted; write false"},
    {"log.json", "0", NULL, "0 is not accepted; write false"},
    {"log.json", "maybe", NULL, "maybe is neither true nor false"},
    {"log.json", "'true'", NULL, "true in quotes is text; write true or false without them"},
    {"log.level", "debug", "debug", NULL},
    {"log.level", "\"error\"", "error", NULL},
    {"log.level", "inof", NULL, "inof is not known; did you mean info?"},
    {"log.level", "Debug", NULL, "Debug is not known; did you mean debug?"},
    {"log.level", "verbose", NULL, "verbose is not one of: error, info, debug"},
    {"log.level", "6", NULL, "6 is not one of: error, info, debug"},
    /* quantities */
    {"timeout", "500ms", "500ms", NULL},
    {"timeout", "10s", "10s", NULL},
    {"timeout", "60s", "1min", NULL},
    {"timeout", "2min", "2min", NULL},
    {"timeout", "\"1s\"", "1s", NULL},
    {"timeout", "20000us", "20ms", NULL},
    {"timeout", "1500000us", "1500ms", NULL},
    {"timeout", "10500us", NULL, "10500us is finer than the unit of this value, ms"},
    {"timeout", "500", NULL, "500 has no unit; write 500ms (units: us, ms, s, min, h, d)"},
    {"timeout", "9ms", NULL, "9ms is not between 10ms and 10min"},
    {"timeout", "1h", NULL, "1h is not between 10ms and 10min"},
    {"timeout", "10 s", NULL, "'10 s' is not " DURATION " " UNIT_HINT},
    {"timeout", "1.5s", NULL, "1.5s is not " DURATION " " UNIT_HINT},
    {"timeout", "s", NULL, "s is not " DURATION " " UNIT_HINT},
    {"timeout", "10sec", NULL, "10sec is not " DURATION " " UNIT_HINT},
    {"timeout", "010s", NULL, "010s begins with a zero; write it without"},
    {"timeout", "-5s", NULL, "-5s is not between 10ms and 10min"},
    {"timeout", "99999999999999999999999s", NULL,
     "99999999999999999999999s is not between 10ms and 10min"},
    {"timeout", "18446744073709551615d", NULL,
     "18446744073709551615d is not between 10ms and 10min"},
    {"lease", "24h", "1d", NULL},
    {"lease", "0s", "0s", NULL},
    {"lease", "1000ms", "1s", NULL},
    {"lease", "999ms", NULL, "999ms is finer than the unit of this value, s"},
    {"buffer", "64KiB", "64KiB", NULL},
    {"buffer", "188B", "188B", NULL},
    {"buffer", "1MiB", "1MiB", NULL},
    {"buffer", "1024", NULL, "1024 has no unit; write 1024B (units: B, KiB, MiB, GiB)"},
    {"buffer", "1GiB", NULL, "1GiB is not between 188B and 16MiB"},
    {"buffer", "64KB", NULL,
     "64KB is not a size such as 64KiB (a whole number and a unit without a blank: B, KiB, MiB, "
     "GiB)"},
    {"rate", "38Mbit/s", "38Mbit/s", NULL},
    {"rate", "38015kbit/s", "38015kbit/s", NULL},
    {"rate", "1000kbit/s", "1Mbit/s", NULL},
    /* text and paths */
    {"note", "abc", "abc", NULL},
    {"note", "a b", "\"a b\"", NULL},
    {"note", "8", "\"8\"", NULL},
    {"note", "yes", "\"yes\"", NULL},
    {"note", "'null'", "\"null\"", NULL},
    {"note", "\"\"", "\"\"", NULL},
    {"note", "null", "null", NULL},
    {"note", "a  # comment", "a", NULL},
    {"note", "a#b", "\"a#b\"", NULL},
    {"note", "'it''s'", "\"it's\"", NULL},
    {"note", "\"tab \\u0041\"", "\"tab A\"", NULL},
    {"note", "Zo\xc3\xab", "\"Zo\xc3\xab\"", NULL},
    {"note", "a\n   b", "\"a b\"", NULL},
    {"note", "\"a\n   b\"", "\"a b\"", NULL},
    {"note", ">-\n   a\n   b", "\"a b\"", NULL},
    {"note", "|\n   a\n", NULL,
     "'a?' holds a line end or control character; write it on one line, without | and >"},
    {"note", "\"a\\0b\"", NULL,
     "'a' holds a line end or control character; write it on one line, without | and >"},
    {"note", "\"a\\x1bb\"", NULL,
     "'a?b' holds a line end or control character; write it on one line, without | and >"},
    {"note", "\"a\\x85\"", NULL, NULL},
    {"note", "\"a\\uffff\"", NULL, NULL},
    {"note", "~", NULL, "~ is read as null by some; write null, or put it in quotes"},
    {"note", "[a]", NULL,
     "this must be text, not a list; text that begins with [ or { needs quotes"},
    {"name", "\"\"", NULL, "the text must not be empty"},
    {"name", "null", NULL, "null is not allowed here; write text (the word null in quotes)"},
    {"name", "123456789012345678901234567890123", NULL,
     "the text has 33 bytes, but may have at most 32"},
    {"country", "no", "\"no\"", NULL},
    {"country", "NO", NULL, "NO is no country code; write two small letters"},
    {"country", "nor", NULL, "nor is no country code; write two small letters"},
    {"state", "/var/lib/demo", "/var/lib/demo", NULL},
    {"state", "keys/a", "etc/keys/a", NULL},
    {"state", "../a", "etc/../a", NULL},
    {"state", "~/a", NULL, "'~/a' begins with ~, which only shells understand; write the folder"},
    {"state", "\"\"", NULL, "the text must not be empty"},
    {"password_file", "pass", "etc/pass", NULL},
    {"password_file", "5", "etc/5", NULL},
    /* addresses */
    {"upstream", "192.0.2.1:2222", "192.0.2.1:2222", NULL},
    {"upstream", "\"[2001:db8::1]:2222\"", "\"[2001:db8::1]:2222\"", NULL},
    {"upstream", "\"[fe80::1%eth0]:1\"", "\"[fe80::1%eth0]:1\"", NULL},
    {"upstream", "kms.example:65535", "kms.example:65535", NULL},
    {"upstream", "a_b-c:1", "a_b-c:1", NULL},
    {"upstream", "null", "null", NULL},
    {"upstream", "192.0.2.1", NULL, "192.0.2.1 has no port; write host:port"},
    {"upstream", "192.0.2.1:", NULL, NULL},
    {"upstream", "'192.0.2.1:'", NULL, "192.0.2.1: holds no valid port; write host:port"},
    {"upstream", "192.0.2.1:0", NULL, "port 0 is not between 1 and 65535"},
    {"upstream", "192.0.2.1:65536", NULL, "port 65536 is not between 1 and 65535"},
    {"upstream", "192.0.2.1:0x10", NULL, "192.0.2.1:0x10 holds no valid port; write host:port"},
    {"upstream", "192.0.2.1:022", NULL, "192.0.2.1:022 holds no valid port; write host:port"},
    {"upstream", "192.0.2.256:1", NULL, "192.0.2.256:1 holds no valid IPv4 address"},
    {"upstream", "192.0.2:1", NULL, "192.0.2:1 holds no valid IPv4 address"},
    {"upstream", "192.0.02.1:1", NULL, "192.0.02.1:1 holds no valid IPv4 address"},
    {"upstream", "::1:2222", NULL,
     "::1:2222 needs brackets around the IPv6 address, and quotes: \"[::1]:2222\""},
    {"upstream", "\"[::1]\"", NULL, "[::1] has no port; write [host]:port"},
    {"upstream", "\"[::g]:1\"", NULL, "[::g]:1 holds no valid IPv6 address"},
    {"upstream", "\"[::1:1\"", NULL, "[::1:1 holds no valid IPv6 address"},
    {"upstream", "\"[]:1\"", NULL, "[]:1 holds no valid IPv6 address"},
    {"upstream", "\"[\"", NULL, "[ has no port; write host:port"},
    {"upstream", "\"[::1%]:1\"", NULL, "[::1%]:1 holds no valid IPv6 address"},
    {"upstream", "\"*:2222\"", NULL,
     "'*:2222' has no host; write 0.0.0.0 or [::] for all interfaces instead of *"},
    {"upstream", "\":2222\"", NULL, ":2222 " NO_HOST},
    {"upstream", "-a:1", NULL, "-a:1 holds no valid host name"},
    {"upstream", "a-:1", NULL, "a-:1 holds no valid host name"},
    {"upstream", "a..b:1", NULL, "a..b:1 holds no valid host name"},
    {"upstream", "a b:1", NULL, "'a b:1' holds no valid host name"},
    {"upstream", "\"\"", NULL, "the text must not be empty"},
    /* lists */
    {"pids", "[]", "[]", NULL},
    {"pids", "[1, 0x1fff]", "- 0x0001\n  - 0x1FFF", NULL},
    {"pids", "\n   - 5\n   - 6", "- 0x0005\n  - 0x0006", NULL},
    {"pids", "5", NULL, "this must be a list; write [5]"},
    {"pids", "{a: 5}", NULL, "this must be a list, not a map"},
    {"pids", "null", NULL, "null is not allowed here; write a list"},
    {"pids", "[1,2,3,4,5,6,7,8,9]", NULL, "there are 9 items; at most 8 are allowed"},
    {"labels", "{}", "{}", NULL},
    {"labels", "{a: b}", "a: b", NULL},
    {"labels", "{\"a b\": c, 'no': d}", "\"a b\": c\n  \"no\": d", NULL},
    {"labels", "[a]", NULL, "this must be a map of named entries, not a list"},
    {"labels", "a", NULL, "this must be a map of named entries, not a"},
    {"log", "5", NULL, "this must be a map of keys and values, not 5"},
    {"log", "", NULL, "there is no value; write a map of keys and values, or remove the key"},
    {"tls", "null", "null", NULL},
};

/* Loads text; what comes of it stays in `loaded` until the next call. */
static struct loaded {
    struct demo demo;
    struct simc__conf *owner;
    struct simc__conf_faults faults;
    int error;
    char text[TEXT_SIZE]; /* faults, or the effective configuration */
} loaded;

static void load(const char *yaml)
{
    struct simc_writer out = simc_writer(loaded.text, TEXT_SIZE - 1);
    uint8_t *exact = unit_exact(simc_slice_text(yaml));
    simc__conf_free(loaded.owner);
    memset(&loaded.demo, 0xa5, sizeof loaded.demo);
    loaded.error = simc__conf_load(&demo_table, simc_slice(exact, strlen(yaml)), "etc/demo.yaml",
                                   &loaded.demo, &loaded.owner, &loaded.faults);
    free(exact);
    if (loaded.error == 0)
        simc__conf_put_effective(&out, &demo_table, &loaded.demo);
    else
        simc__conf_faults_put(&out, &loaded.faults, "demo.yaml");
    ck_assert_int_eq(out.error, 0);
    loaded.text[out.at] = '\0';
    ck_assert_int_eq(loaded.error == 0, loaded.owner != NULL);
    ck_assert_int_eq(loaded.error == 0, loaded.faults.total == 0);
}

/* Line by line, because the test framework does not show long texts. */
static void expect_lines(const char *wanted)
{
    const char *got = loaded.text;
    while (*wanted || *got) {
        size_t wanted_size = strcspn(wanted, "\n"), got_size = strcspn(got, "\n");
        ck_assert_msg(wanted_size == got_size && memcmp(wanted, got, got_size) == 0,
                      "     got: %.*s\n  wanted: %.*s", (int)got_size, got, (int)wanted_size,
                      wanted);
        wanted += wanted_size + (wanted[wanted_size] != '\0');
        got += got_size + (got[got_size] != '\0');
    }
}

static void unload(void)
{
    simc__conf_free(loaded.owner);
    loaded.owner = NULL;
}

/* "log.json" becomes two lines; the name is there unless it is what we try. */
static void write_case(const struct value_case *c, char yaml[1024], int *line, int *column)
{
    const char *dot = strchr(c->key, '.');
    const char *name = strcmp(c->key, "name") == 0 ? "" : "name: a\n";
    *line = (name[0] ? 2 : 1) + (dot != NULL);
    if (dot)
        snprintf(yaml, 1024, "%s%.*s:\n  %s: %s\n", name, (int)(dot - c->key), c->key, dot + 1,
                 c->value);
    else
        snprintf(yaml, 1024, "%s%s: %s\n", name, c->key, c->value);
    *column = dot ? (int)strlen(dot + 1) + 5 : (int)strlen(c->key) + 3;
    if (!c->value[0])
        *column -= 1;
}

START_TEST(each_value_is_taken_or_refused_with_a_hint)
{
    const struct value_case *c = &value_cases[_i];
    char yaml[1024], wanted[1024];
    int line, column;
    write_case(c, yaml, &line, &column);
    load(yaml);
    if (c->good) {
        const char *key = strrchr(c->key, '.') ? strrchr(c->key, '.') + 1 : c->key;
        bool items =
            (strcmp(key, "pids") == 0 || strcmp(key, "labels") == 0) && !strchr("[{", c->good[0]);
        snprintf(wanted, sizeof wanted, "%s:%s%s\n", key, items ? "\n  " : " ", c->good);
        ck_assert_msg(loaded.error == 0, "%s is refused:\n%s", yaml, loaded.text);
        ck_assert_msg(strstr(loaded.text, wanted), "%s\ngives\n%s\nwanted\n%s", yaml, loaded.text,
                      wanted);
    } else {
        ck_assert_msg(loaded.error == SIMC_ESYNTAX, "%s is accepted:\n%s", yaml, loaded.text);
        snprintf(wanted, sizeof wanted, "demo.yaml:%d:%d: %s: %s\n", line, column, c->key,
                 c->fault ? c->fault : "");
        if (c->fault)
            ck_assert_str_eq(loaded.text, wanted);
    }
    unload();
}
END_TEST

START_TEST(values_arrive_in_the_members)
{
    load("name: Zo\xc3\xab\n"
         "port: 0x8AE\nsmall: 255\nlarge: 13000000000\noffset: -500\nshift: -5\n"
         "ca_system: 0xCE15\ntimeout: 2min\nlease: 2h\nbuffer: 1KiB\nrate: 5kbit/s\n"
         "upstream: '[::1]:7'\nlog: {level: debug, json: true}\n"
         "tls: {certificate: /c, key_file: k}\npids: [7, 8, 9]\n"
         "listen:\n- address: a:1\n- {address: '10.0.0.1:2', peers: [x, y]}\n"
         "packages:\n  basis: {id: 1}\n  premium: {id: 2, tls: {certificate: c, key_file: d}}\n"
         "labels: {rack: r7}\n");
    ck_assert_msg(loaded.error == 0, "%s", loaded.text);
    const struct demo *d = &loaded.demo;
    ck_assert_str_eq(d->name, "Zo\xc3\xab");
    ck_assert_uint_eq(d->port, 2222);
    ck_assert_uint_eq(d->small, 255);
    ck_assert_uint_eq(d->large, 13000000000);
    ck_assert_int_eq(d->offset, -500);
    ck_assert_int_eq(d->shift, -5);
    ck_assert(d->has_ca_system && d->ca_system == 0xce15);
    ck_assert_uint_eq(d->timeout_ms, 120000);
    ck_assert_uint_eq(d->lease_s, 7200);
    ck_assert_uint_eq(d->buffer, 1024);
    ck_assert_uint_eq(d->rate, 5000);
    ck_assert_str_eq(d->upstream.host, "::1");
    ck_assert_int_eq(d->upstream.kind, SIMC__CONF_HOST_IPV6);
    ck_assert_uint_eq(d->upstream.port, 7);
    ck_assert_int_eq(d->log.level, DEMO_DEBUG);
    ck_assert(d->log.json && d->has_tls);
    ck_assert_str_eq(d->tls.certificate, "/c");
    ck_assert_str_eq(d->tls.key.path, "etc/k");
    ck_assert(d->tls.key.value && d->tls.key.value->size == 0);
    ck_assert(d->pids_count == 3 && d->pids[0] == 7 && d->pids[2] == 9);
    ck_assert_uint_eq(d->listen_count, 2);
    ck_assert_int_eq(d->listen[0].address.kind, SIMC__CONF_HOST_NAME);
    ck_assert_uint_eq(d->listen[0].peers_count, 0);
    ck_assert_int_eq(d->listen[1].address.kind, SIMC__CONF_HOST_IPV4);
    ck_assert_uint_eq(d->listen[1].backlog, 64);
    ck_assert_str_eq(d->listen[1].peers[1], "y");
    ck_assert_uint_eq(d->packages_count, 2);
    ck_assert_str_eq(d->packages[0].name, "basis");
    ck_assert(!d->packages[0].has_tls && d->packages[0].last_ms == 3600000);
    ck_assert_str_eq(d->packages[1].name, "premium");
    ck_assert_str_eq(d->packages[1].tls.certificate, "etc/c");
    ck_assert_str_eq(d->labels[0].text, "r7");
    unload();
}
END_TEST

START_TEST(defaults_hold_for_what_is_not_given)
{
    load("name: a");
    ck_assert_msg(loaded.error == 0, "%s", loaded.text);
    const struct demo *d = &loaded.demo;
    ck_assert_str_eq(d->country, "no");
    ck_assert_str_eq(d->state, "etc/state");
    ck_assert_ptr_null(d->note);
    ck_assert_ptr_null(d->upstream.host);
    ck_assert_ptr_null(d->password.path);
    ck_assert(!d->has_ca_system && !d->has_tls);
    ck_assert_int_eq(d->log.level, DEMO_INFO);
    ck_assert(d->pids_count == 2 && d->pids[0] == 0x11 && d->pids[1] == 18);
    ck_assert_uint_eq(d->listen_count, 0);
    unload();
}
END_TEST

START_TEST(all_faults_are_told_at_once_in_their_order)
{
    load("port: 70000\n"
         "prot: 5\n"
         "listen:\n"
         "  - address: 10.0.0.1:1\n"
         "    backlog: 0\n"
         "  - adress: 10.0.0.1:1\n"
         "  - {}\n"
         "log: {level: loud, json: yes, level: info}\n"
         "packages:\n"
         "  basis: {id: 0}\n"
         "  basis: {id: 1}\n"
         "  premium: {id: 1, tls: {certificate: c}}\n"
         "zzzzzzzz: 1\n"
         "port: 5\n");
    expect_lines(
        "demo.yaml:1:1: name: must be given, such as name: \"head-end 1\" (what this system is "
        "called)\n"
        "demo.yaml:1:7: port: 70000 is not between 1 and 65535\n"
        "demo.yaml:2:1: prot: there is no such key; did you mean port?\n"
        "demo.yaml:5:14: listen[0].backlog: 0 is not between 1 and 1024\n"
        "demo.yaml:6:5: listen[1].adress: there is no such key; did you mean address?\n"
        "demo.yaml:6:5: listen[1].address: must be given, such as address: 0.0.0.0:2222 (where to "
        "listen)\n"
        "demo.yaml:7:5: listen[2].address: must be given, such as address: 0.0.0.0:2222 (where to "
        "listen)\n"
        "demo.yaml:8:14: log.level: loud is not one of: error, info, debug\n"
        "demo.yaml:8:26: log.json: yes is not accepted; write true\n"
        "demo.yaml:8:31: log.level: this key is given twice; line 8 has the first\n"
        "demo.yaml:10:15: packages.basis.id: 0 is not between 0x0001 and 0xFFFFFFFF\n"
        "demo.yaml:11:3: packages.basis: this name is given twice; line 10 has the first\n"
        "demo.yaml:12:25: packages.premium.tls.key_file: must be given, such as key_file: "
        "tls/server.key (key of the server)\n"
        "demo.yaml:13:1: zzzzzzzz: there is no such key\n"
        "demo.yaml:14:1: port: this key is given twice; line 1 has the first\n");
}
END_TEST

START_TEST(small_maps_name_the_keys_that_they_know)
{
    load("name: a\nlog: {xxxxxxxx: 1}\n");
    ck_assert_str_eq(loaded.text, "demo.yaml:2:7: log.xxxxxxxx: there is no such key; known here: "
                                  "level, json\n");
}
END_TEST

START_TEST(rules_between_members_stand_at_the_member)
{
    static const struct {
        const char *yaml, *fault;
    } cases[] = {
        {"name: a\npackages: {x: {id: 1, first: 2h}}\n",
         "2:30: packages.x.first: must not be later than last"},
        {"name: a\nlisten:\n- address: a:1\n- address: b:1\n",
         "4:3: listen[1]: has the port of listen[0]"},
        {"name: a\nport: 5\nsmall: 5\n", "3:8: small: must differ from port"},
        {"# head\nname: a\nlarge: 13\n", "2:1: thirteen is not for us"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        char wanted[256];
        load(cases[i].yaml);
        snprintf(wanted, sizeof wanted, "demo.yaml:%s\n", cases[i].fault);
        ck_assert_str_eq(loaded.text, wanted);
    }
}
END_TEST

START_TEST(a_failed_load_changes_nothing)
{
    struct demo before;
    load("name: a\nport: 0\n");
    memset(&before, 0xa5, sizeof before);
    ck_assert(memcmp(&before, &loaded.demo, sizeof before) == 0);
}
END_TEST

START_TEST(faults_over_the_ceiling_are_counted)
{
    char yaml[4096] = "name: a\n";
    for (int i = 0; i < 100; i++)
        unit_append(yaml, sizeof yaml, "port: 0\n");
    load(yaml);
    ck_assert_uint_eq(loaded.faults.count, SIMC__CONF_FAULTS_MAX);
    ck_assert_uint_eq(loaded.faults.total, 100);
    ck_assert_ptr_nonnull(strstr(loaded.text, "\ndemo.yaml: and 36 more faults\n"));
}
END_TEST

static const char full[] =
    "name: a\ncountry: se\nport: 1\nlog: {level: debug}\nupstream: \"a:1\"\nnote: x\n"
    "password_file: p\ntls: {certificate: c, key_file: k}\npids: [1, 2]\n"
    "listen: [{address: \"a:1\", peers: [x, y]}]\npackages: {b: {id: 1}}\nlabels: {a: b}\n";

static int load_once(void *context)
{
    (void)context;
    struct demo demo;
    struct simc__conf *owner;
    int error =
        simc__conf_load(&demo_table, simc_slice_text(full), "a", &demo, &owner, &loaded.faults);
    ck_assert_uint_eq(loaded.faults.total, 0);
    simc__conf_free(owner);
    return error;
}

START_TEST(each_failed_allocation_is_reported)
{
    ck_assert_uint_gt(unit_fail_each_allocation(load_once, NULL, true), 2);
}
END_TEST

Suite *suite_conf(void);

Suite *suite_conf(void)
{
    Suite *suite = suite_create("conf");
    TCase *tests = tcase_create("values");
    tcase_add_loop_test(tests, each_value_is_taken_or_refused_with_a_hint, 0,
                        (int)UNIT_COUNT(value_cases));
    tcase_add_test(tests, values_arrive_in_the_members);
    tcase_add_test(tests, defaults_hold_for_what_is_not_given);
    tcase_add_test(tests, all_faults_are_told_at_once_in_their_order);
    tcase_add_test(tests, small_maps_name_the_keys_that_they_know);
    tcase_add_test(tests, rules_between_members_stand_at_the_member);
    tcase_add_test(tests, a_failed_load_changes_nothing);
    tcase_add_test(tests, faults_over_the_ceiling_are_counted);
    tcase_add_test(tests, each_failed_allocation_is_reported);
    suite_add_tcase(suite, tests);
    return suite;
}
