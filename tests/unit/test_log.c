/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of log lines: levels, both forms, escapes, cut lines, secrets. A peer's text must not
 * be able to forge a line. The runner in main.c calls suite_log(). */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

/* What a program's sink would be: it keeps the last line. */
struct capture {
    struct simc_log log;
    uint64_t now_us;
    unsigned count;
    enum simc_log_level level;
    size_t size;
    char line[SIMC_LOG_LINE_MAX];
};

static uint64_t capture_now(void *context)
{
    return ((struct capture *)context)->now_us;
}

/* Checks what must hold for each line, whatever is in it. */
static void capture_write(void *context, enum simc_log_level level, struct simc_slice line)
{
    struct capture *capture = context;
    size_t fault_at = 0;
    capture->count++;
    capture->level = level;
    ck_assert_uint_ge(line.size, 2);
    ck_assert_uint_le(line.size, SIMC_LOG_LINE_MAX);
    memcpy(capture->line, line.data, line.size);
    capture->size = line.size;
    /* A check per byte would be slow: Check marks each place that it passes. */
    size_t end = 0;
    while (end < line.size && line.data[end] >= 0x20 && line.data[end] != 0x7f)
        end++;
    ck_assert_msg(end + 1 == line.size && line.data[end] == '\n', "byte %02x at %zu of %zu",
                  line.data[end], end, line.size);
    if (capture->log.form == SIMC_LOG_JSON)
        ck_assert_msg(unit_json_is_valid(line, &fault_at), "no JSON at %zu: %.*s", fault_at,
                      (int)line.size, (const char *)line.data);
}

static void capture_init(struct capture *capture, enum simc_log_form form)
{
    memset(capture, 0, sizeof *capture);
    capture->log.level = SIMC_LOG_DEBUG;
    capture->log.form = form;
    capture->log.now_us = capture_now;
    capture->log.write = capture_write;
    capture->log.context = capture;
    capture->now_us = (uint64_t)1795262400 * 1000000 + 5000; /* 2026-11-21 12:00:00.005 */
}

static struct simc_slice captured(const struct capture *capture)
{
    return simc_slice(capture->line, capture->size);
}

static const enum simc_log_form forms[] = {SIMC_LOG_HUMAN, SIMC_LOG_JSON};

/* ---- levels ---- */

static const struct {
    enum simc_log_level level;
    const char *name;
} level_cases[] = {
    {SIMC_LOG_ERROR, "error"}, {SIMC_LOG_WARNING, "warning"}, {SIMC_LOG_NOTICE, "notice"},
    {SIMC_LOG_INFO, "info"},   {SIMC_LOG_DEBUG, "debug"},
};

START_TEST(levels_have_names_that_are_read_back)
{
    static const char *const strange[] = {"", "Error", "err", "debug ", "warn", "7"};
    enum simc_log_level level;
    for (size_t i = 0; i < UNIT_COUNT(level_cases); i++) {
        ck_assert_str_eq(simc_log_level_name(level_cases[i].level), level_cases[i].name);
        ck_assert_int_eq(simc_log_level_read(level_cases[i].name, &level), 0);
        ck_assert_int_eq(level, level_cases[i].level);
    }
    for (size_t i = 0; i < UNIT_COUNT(strange); i++)
        unit_expect_error(simc_log_level_read(strange[i], &level), SIMC_ENOTFOUND);
    ck_assert_str_eq(simc_log_level_name((enum simc_log_level)99), "?");
}
END_TEST

static int evaluated;

static int64_t evaluate(void)
{
    return ++evaluated;
}

START_TEST(lines_above_the_level_cost_nothing)
{
    for (size_t i = 0; i < UNIT_COUNT(level_cases); i++) {
        for (size_t k = 0; k < UNIT_COUNT(level_cases); k++) {
            struct capture capture;
            capture_init(&capture, SIMC_LOG_JSON);
            capture.log.level = level_cases[i].level;
            evaluated = 0;
            simc_log(&capture.log, level_cases[k].level, "text", simc_log_int("n", evaluate()));
            simc_log_line(&capture.log, level_cases[k].level, "text", NULL, 0);
            ck_assert_uint_eq(capture.count, k <= i ? 2 : 0);
            ck_assert_int_eq(evaluated, k <= i ? 1 : 0);
            if (k <= i)
                ck_assert_int_eq(capture.level, level_cases[k].level);
        }
    }
}
END_TEST

START_TEST(no_log_at_all_is_fine)
{
    evaluated = 0;
    simc_log(NULL, SIMC_LOG_ERROR, "text", simc_log_int("n", evaluate()));
    simc_log_line(NULL, SIMC_LOG_ERROR, "text", NULL, 0);
    ck_assert_int_eq(evaluated, 0);
}
END_TEST

/* ---- forms ---- */

#define HUMAN_HEAD "12:00:00.005 info    event"
#define JSON_HEAD \
    "{\"time\":\"2026-11-21T12:00:00.005000Z\",\"level\":\"info\",\"message\":\"event\""

struct form_case {
    struct simc_log_field field;
    const char *human; /* behind the head */
    const char *json;
};

/* Checks one field of each kind in both forms. */
static void check_forms(const struct form_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct capture capture;
        char wanted[512];
        capture_init(&capture, SIMC_LOG_HUMAN);
        simc_log_line(&capture.log, SIMC_LOG_INFO, "event", &cases[i].field, 1);
        snprintf(wanted, sizeof wanted, HUMAN_HEAD "  %s\n", cases[i].human);
        unit_expect_text(captured(&capture), wanted);
        capture_init(&capture, SIMC_LOG_JSON);
        simc_log_line(&capture.log, SIMC_LOG_INFO, "event", &cases[i].field, 1);
        snprintf(wanted, sizeof wanted, JSON_HEAD ",%s}\n", cases[i].json);
        unit_expect_text(captured(&capture), wanted);
    }
}

START_TEST(each_kind_of_field_has_its_form)
{
    const struct form_case cases[] = {
        {simc_log_text("peer", "10.0.0.1:2222"), "peer=10.0.0.1:2222",
         "\"peer\":\"10.0.0.1:2222\""},
        {simc_log_text("why", "no route"), "why=\"no route\"", "\"why\":\"no route\""},
        {simc_log_text("why", ""), "why=\"\"", "\"why\":\"\""},
        {simc_log_text("why", NULL), "why=\"\"", "\"why\":\"\""},
        {simc_log_int("delay_ms", -5), "delay_ms=-5", "\"delay_ms\":-5"},
        {simc_log_int("n", INT64_MIN), "n=-9223372036854775808", "\"n\":-9223372036854775808"},
        {simc_log_int("n", INT64_MAX), "n=9223372036854775807", "\"n\":9223372036854775807"},
        {simc_log_uint("n", 0), "n=0", "\"n\":0"},
        {simc_log_uint("n", UINT64_MAX), "n=18446744073709551615", "\"n\":18446744073709551615"},
        {simc_log_hex("id", 0xab, 4), "id=0x00ab", "\"id\":\"0x00ab\""},
        {simc_log_hex("id", 0xabcdef, 4), "id=0xabcdef", "\"id\":\"0xabcdef\""},
        {simc_log_hex("id", 0, 0), "id=0x0", "\"id\":\"0x0\""},
        {simc_log_hex("id", 1, UINT32_MAX), "id=0x0000000000000001",
         "\"id\":\"0x0000000000000001\""},
        {simc_log_bytes("ac", simc_slice("\x00\xff", 2)), "ac=00ff", "\"ac\":\"00ff\""},
        {simc_log_bytes("ac", simc_slice(NULL, 0)), "ac=", "\"ac\":\"\""},
    };
    check_forms(cases, UNIT_COUNT(cases));
}
END_TEST

START_TEST(text_of_a_peer_cannot_forge_fields_lines_or_terminal_codes)
{
    const struct form_case cases[] = {
        {simc_log_text("t", "x\n12:00:00.005 error   forged"),
         "t=\"x\\n12:00:00.005 error   forged\"", "\"t\":\"x\\n12:00:00.005 error   forged\""},
        {simc_log_text("t", "x level=error"), "t=\"x level=error\"", "\"t\":\"x level=error\""},
        {simc_log_text("t", "x=y"), "t=\"x=y\"", "\"t\":\"x=y\""},
        {simc_log_text("t", "\",\"level\":\"error"), "t=\"\\\",\\\"level\\\":\\\"error\"",
         "\"t\":\"\\\",\\\"level\\\":\\\"error\""},
        {simc_log_text("t", "\"}\n{"), "t=\"\\\"}\\n{\"", "\"t\":\"\\\"}\\n{\""},
        {simc_log_text("t", "\\"), "t=\"\\\\\"", "\"t\":\"\\\\\""},
        {simc_log_text("t", "\033[2J\r\b"), "t=\"\\u001b[2J\\r\\u0008\"",
         "\"t\":\"\\u001b[2J\\r\\u0008\""},
        {simc_log_text("t", "\xc2\x9b"
                            "2J"),
         "t=\"\\u009b2J\"", "\"t\":\"\\u009b2J\""},
        {simc_log_text("t", "\x9b"
                            "2J"),
         "t=\"\\ufffd2J\"", "\"t\":\"\\ufffd2J\""},
        {simc_log_text("t", "a\xe2\x80\xae"
                            "b"),
         "t=\"a\\u202eb\"", "\"t\":\"a\\u202eb\""},
        {simc_log_text("t", "\xed\xa0\x80\x7f"), "t=\"\\ufffd\\ufffd\\ufffd\\u007f\"",
         "\"t\":\"\\ufffd\\ufffd\\ufffd\\u007f\""},
        {simc_log_text("t", "cin\xc3\xa9ma"), "t=\"cin\xc3\xa9ma\"", "\"t\":\"cin\xc3\xa9ma\""},
    };
    check_forms(cases, UNIT_COUNT(cases));
}
END_TEST

START_TEST(messages_are_escaped_too)
{
    struct capture capture;
    capture_init(&capture, SIMC_LOG_HUMAN);
    simc_log_line(&capture.log, SIMC_LOG_ERROR, "a\nb\033\xff", NULL, 0);
    unit_expect_text(captured(&capture), "12:00:00.005 error   a\\nb\\u001b\\ufffd\n");
    capture_init(&capture, SIMC_LOG_JSON);
    simc_log_line(&capture.log, SIMC_LOG_ERROR, "a\"\n\033\xff", NULL, 0);
    unit_expect_text(captured(&capture),
                     "{\"time\":\"2026-11-21T12:00:00.005000Z\",\"level\":\"error\","
                     "\"message\":\"a\\\"\\n\\u001b\\ufffd\"}\n");
}
END_TEST

START_TEST(several_fields_stand_in_their_order)
{
    struct capture capture;
    capture_init(&capture, SIMC_LOG_HUMAN);
    simc_log(&capture.log, SIMC_LOG_WARNING, "late ECM", simc_log_uint("channel", 1),
             simc_log_text("peer", "ecmg one"), simc_log_int("by_ms", 12));
    unit_expect_text(captured(&capture), "12:00:00.005 warning late ECM  channel=1 "
                                         "peer=\"ecmg one\" by_ms=12\n");
    capture_init(&capture, SIMC_LOG_JSON);
    simc_log(&capture.log, SIMC_LOG_WARNING, "late ECM", simc_log_uint("channel", 1),
             simc_log_text("peer", "ecmg one"), simc_log_int("by_ms", 12));
    unit_expect_text(
        captured(&capture),
        "{\"time\":\"2026-11-21T12:00:00.005000Z\",\"level\":\"warning\","
        "\"message\":\"late ECM\",\"channel\":1,\"peer\":\"ecmg one\",\"by_ms\":12}\n");
}
END_TEST

START_TEST(a_log_without_a_clock_writes_no_time)
{
    struct capture capture;
    capture_init(&capture, SIMC_LOG_HUMAN);
    capture.log.now_us = NULL;
    simc_log_line(&capture.log, SIMC_LOG_NOTICE, "up", NULL, 0);
    unit_expect_text(captured(&capture), "notice  up\n");
    capture_init(&capture, SIMC_LOG_JSON);
    capture.log.now_us = NULL;
    simc_log_line(&capture.log, SIMC_LOG_NOTICE, "up", NULL, 0);
    unit_expect_text(captured(&capture), "{\"level\":\"notice\",\"message\":\"up\"}\n");
}
END_TEST

START_TEST(any_clock_gives_a_whole_line)
{
    static const uint64_t times[] = {0, 1, UINT64_MAX, (uint64_t)253402300800 * 1000000};
    for (size_t i = 0; i < UNIT_COUNT(times) * UNIT_COUNT(forms); i++) {
        struct capture capture;
        capture_init(&capture, forms[i % UNIT_COUNT(forms)]);
        capture.now_us = times[i / UNIT_COUNT(forms)];
        simc_log_line(&capture.log, SIMC_LOG_INFO, "text", NULL, 0);
        ck_assert_uint_eq(capture.count, 1);
    }
}
END_TEST

/* ---- secrets ---- */

START_TEST(secrets_are_printed_as_fingerprints_only)
{
    static const uint8_t key[SIMC_FINGERPRINT_KEY_SIZE] = {9};
    struct simc_secret cw, none;
    char fingerprint[SIMC_FINGERPRINT_SIZE], human[32], json[40];
    memset(&none, 0, sizeof none);
    ck_assert_int_eq(simc_secret_set(&cw, simc_slice("ControlW", 8)), 0);
    for (int turn = 0; turn < 2; turn++) {
        /* Masked in the first turn, unless a test before this one set a key in this process. */
        if (turn)
            simc_fingerprint_key_set(key);
        simc_secret_fingerprint(&cw, fingerprint);
        ck_assert_msg(!turn || strcmp(fingerprint, "--------") != 0, "%s", fingerprint);
        snprintf(human, sizeof human, "cw=%s", fingerprint);
        snprintf(json, sizeof json, "\"cw\":\"%s\"", fingerprint);
        const struct form_case cases[] = {
            {simc_log_secret("cw", &cw), human, json},
            {simc_log_secret("cw", &none), "cw=none", "\"cw\":\"none\""},
            {simc_log_secret("cw", NULL), "cw=none", "\"cw\":\"none\""},
        };
        check_forms(cases, UNIT_COUNT(cases));
    }
}
END_TEST

/* ---- long lines ---- */

static bool ends_with(const struct capture *capture, const char *tail)
{
    size_t size = strlen(tail);
    return capture->size >= size && memcmp(capture->line + capture->size - size, tail, size) == 0;
}

/* Each length around the ceiling: a line is whole, or cut at a field and says so. */
START_TEST(a_long_field_is_left_out_and_the_line_says_so)
{
    static char text[SIMC_LOG_LINE_MAX + 100];
    for (size_t i = 0; i < UNIT_COUNT(forms); i++) {
        bool json = forms[i] == SIMC_LOG_JSON;
        size_t whole_count = 0;
        for (size_t size = SIMC_LOG_LINE_MAX - 200; size < sizeof text; size++) {
            struct capture capture;
            memset(text, 'x', size);
            text[size] = '\0';
            capture_init(&capture, forms[i]);
            simc_log(&capture.log, SIMC_LOG_INFO, "event", simc_log_uint("first", 1),
                     simc_log_text("long", text), simc_log_uint("last", 2));
            bool cut =
                ends_with(&capture, json ? ",\"first\":1,\"cut\":true}\n" : "  first=1 (cut)\n") ||
                ends_with(&capture, json ? "x\",\"cut\":true}\n" : "x (cut)\n");
            bool whole = ends_with(&capture, json ? ",\"last\":2}\n" : " last=2\n");
            ck_assert_msg(cut != whole, "%zu: %.60s", size, capture.line);
            whole_count += whole;
        }
        ck_assert_msg(whole_count > 50 && whole_count < 200, "%zu whole lines", whole_count);
    }
}
END_TEST

START_TEST(nothing_follows_the_field_that_did_not_fit)
{
    static char text[SIMC_LOG_LINE_MAX];
    memset(text, 'y', sizeof text - 1);
    for (size_t i = 0; i < UNIT_COUNT(forms); i++) {
        struct capture capture;
        capture_init(&capture, forms[i]);
        simc_log(&capture.log, SIMC_LOG_INFO, "event", simc_log_text("long", text),
                 simc_log_uint("last", 2));
        unit_expect_text(captured(&capture), forms[i] == SIMC_LOG_JSON ? JSON_HEAD
                                                 ",\"cut\":true}\n"
                                                                       : HUMAN_HEAD " (cut)\n");
    }
}
END_TEST

START_TEST(a_message_that_does_not_fit_is_named_so)
{
    static char text[3 * SIMC_LOG_LINE_MAX];
    for (size_t i = 0; i < UNIT_COUNT(forms); i++) {
        for (size_t size = SIMC_LOG_LINE_MAX - 100; size < sizeof text - 1; size += 1 + size / 97) {
            struct capture capture;
            memset(text, 'z', size);
            text[size] = '\0';
            capture_init(&capture, forms[i]);
            simc_log(&capture.log, SIMC_LOG_INFO, text, simc_log_uint("n", 1));
            ck_assert_uint_eq(capture.count, 1);
            ck_assert_msg(size < SIMC_LOG_LINE_MAX || strstr(capture.line, "too long"), "%.80s",
                          capture.line);
        }
    }
}
END_TEST

START_TEST(a_line_at_the_ceiling_of_escapes_stays_whole)
{
    static char text[SIMC_LOG_LINE_MAX];
    for (size_t size = 600; size < 720; size++) {
        struct capture capture;
        memset(text, '\x01', size); /* six characters each */
        text[size] = '\0';
        capture_init(&capture, SIMC_LOG_JSON);
        simc_log(&capture.log, SIMC_LOG_INFO, "event", simc_log_text("t", text));
        ck_assert(ends_with(&capture, "\\u0001\"}\n") || ends_with(&capture, ",\"cut\":true}\n"));
    }
}
END_TEST

START_TEST(random_lines_hold_the_rules)
{
    struct unit_random random = unit_random(5);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (int turn = 0; turn < 3000; turn++) {
        struct simc_log_field fields[6];
        char texts[6][1200], message[1200];
        struct capture capture;
        size_t count = (size_t)unit_random_below(&random, UNIT_COUNT(fields) + 1);
        for (size_t i = 0; i < count; i++) {
            size_t size = (size_t)unit_random_below(&random, turn % 3 ? 20 : sizeof texts[i]);
            unit_random_fill(&random, texts[i], size);
            texts[i][size] = '\0';
            fields[i] = unit_random_below(&random, 2)
                            ? simc_log_text(names[i], texts[i])
                            : simc_log_bytes(names[i], simc_slice(texts[i], size));
        }
        size_t size = (size_t)unit_random_below(&random, sizeof message);
        unit_random_fill(&random, message, size);
        message[size] = '\0';
        capture_init(&capture, forms[turn % 2]);
        simc_log_line(&capture.log, SIMC_LOG_INFO, message, fields, count);
        ck_assert_uint_eq(capture.count, 1);
    }
}
END_TEST

Suite *suite_log(void);

Suite *suite_log(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, levels_have_names_that_are_read_back);
    tcase_add_test(tests, lines_above_the_level_cost_nothing);
    tcase_add_test(tests, no_log_at_all_is_fine);
    tcase_add_test(tests, each_kind_of_field_has_its_form);
    tcase_add_test(tests, text_of_a_peer_cannot_forge_fields_lines_or_terminal_codes);
    tcase_add_test(tests, messages_are_escaped_too);
    tcase_add_test(tests, several_fields_stand_in_their_order);
    tcase_add_test(tests, a_log_without_a_clock_writes_no_time);
    tcase_add_test(tests, any_clock_gives_a_whole_line);
    tcase_add_test(tests, secrets_are_printed_as_fingerprints_only);
    tcase_add_test(tests, a_long_field_is_left_out_and_the_line_says_so);
    tcase_add_test(tests, nothing_follows_the_field_that_did_not_fit);
    tcase_add_test(tests, a_message_that_does_not_fit_is_named_so);
    tcase_add_test(tests, a_line_at_the_ceiling_of_escapes_stays_whole);
    tcase_add_test(tests, random_lines_hold_the_rules);
    suite_add_tcase(suite, tests);
    return suite;
}
