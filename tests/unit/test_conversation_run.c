/* SPDX-License-Identifier: BSL-1.0 */
/* The engine of conversations against a peer that says what the test wants: each expectation holds
 * for what is right and fails for what is not, at the right line, with what came in the sentence.
 * Run by the unit test runner. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/conversation.h"
#include "unit/unit.h"

Suite *suite_conversation_run(void);

enum { STEPS_MAX = 4096 };

static struct {
    enum simc__conversation_verdict verdict;
    unsigned line;
    char text[SIMC__CONVERSATION_TEXT_SIZE];
    char all[STEPS_MAX * 8];
} last;

static void report(void *context, const struct simc__conversation_step *step)
{
    (void)context;
    size_t used = strlen(last.all);
    snprintf(last.all + used, sizeof last.all - used, "%s\n", step->text);
    if (step->verdict == SIMC__CONVERSATION_PASS)
        return;
    last.verdict = step->verdict;
    last.line = step->line;
    snprintf(last.text, sizeof last.text, "%s", step->text);
}

/* What the peer does: bytes in hex, at a time after the opening, or closing. */
struct answer {
    uint64_t at_ms;
    const char *hex; /* NULL: it closes the connection */
};

static struct simc__conversation *read_text(const char *text)
{
    struct simc__conversation *conversation;
    struct simc__conversation_fault fault;
    int error =
        simc__conversation_new("test.conv", simc_slice_text(text), NULL, &conversation, &fault);
    ck_assert_msg(error == 0, "%s: %u:%u: %s", text, fault.line, fault.column, fault.text);
    return conversation;
}

/* Runs a text against answers, under a clock of its own. @return the verdict. */
static enum simc__conversation_verdict run(const char *text, const struct answer *answers,
                                           size_t count, bool one_byte)
{
    struct simc__conversation *conversation = read_text(text);
    struct simc__conversation_run *r;
    struct simc__conversation_action action;
    uint64_t now_ms = 0;
    size_t next = 0;
    bool opened = false;
    memset(&last, 0, sizeof last);
    unit_expect_error(simc__conversation_run_new(conversation, report, NULL, 0, &r), 0);
    for (int turns = 0; turns < 100000; turns++) {
        while (simc__conversation_next_action(r, now_ms, &action)) {
            if (action.type == SIMC__CONVERSATION_OPEN) {
                opened = true;
                simc__conversation_opened(r, action.connection, now_ms);
            }
        }
        if (simc__conversation_is_over(r))
            break;
        uint64_t until_ms = simc__conversation_deadline_ms(r);
        if (opened && next < count && answers[next].at_ms <= until_ms) {
            now_ms = answers[next].at_ms > now_ms ? answers[next].at_ms : now_ms;
            if (!answers[next].hex) {
                simc__conversation_closed(r, 0, "test", now_ms);
            } else {
                struct unit_bytes bytes = unit_hex(answers[next].hex);
                size_t piece = one_byte ? 1 : bytes.size;
                for (size_t at = 0; at < bytes.size; at += piece)
                    simc__conversation_feed(r, 0, simc_slice(bytes.data + at, piece), now_ms);
            }
            next++;
            continue;
        }
        ck_assert_msg(until_ms != SIMC_DEADLINE_NONE, "it waits for ever: %s", text);
        now_ms = until_ms > now_ms ? until_ms : now_ms;
    }
    ck_assert(simc__conversation_is_over(r));
    enum simc__conversation_verdict verdict = simc__conversation_verdict(r);
    simc__conversation_run_free(r);
    simc__conversation_free(conversation);
    return verdict;
}

/* Messages of version 3. */
#define STATUS                                                                                \
    "0300030039 000e00020001 0002000100 00030002fe0c 000400020000 000700020064 000800020000 " \
    "000900020032 000a000101 000b000102 000c000203e8"
#define CLOSED_TEST "0300020006 000e00020001"
#define ERROR_6     "030005000c 000e00020001 700000020006"
#define ERROR_TWO   "0300050012 000e00020001 700000020010 700000027001"
#define ECM                                              \
    "0302020021 000e00020001 000f00020002 001200020010 " \
    "0015000b 8070080102030405060708"
#define FAULTY "030003000a 000e00020001 00020000"
#define HEAD   "open s\n"

enum {
    PASS = SIMC__CONVERSATION_PASS,
    WARN = SIMC__CONVERSATION_WARN,
    FAIL = SIMC__CONVERSATION_FAIL,
    SKIP = SIMC__CONVERSATION_SKIP,
    BROKEN = SIMC__CONVERSATION_BROKEN
};

/* An expectation in line 2, what comes, and the verdict; words that the sentence must have. */
static const struct {
    const char *text;
    const char *hex; /* NULL: nothing comes; "": the peer closes */
    int verdict;
    const char *words;
} rows[] = {
    {"expect s channel_status {}", STATUS, PASS, "channel_status"},
    {"expect s channel_status {}", NULL, FAIL, "nothing came within 5000 ms"},
    {"expect s channel_status {}", "", FAIL, "closed the connection"},
    {"expect s channel_status {}", CLOSED_TEST, FAIL, "channel_test"},
    {"expect s channel_status version=2 {}", STATUS, FAIL, "version is 3 and not 2"},
    {"expect s channel_status version=any {}", STATUS, PASS, ""},
    {"expect s channel_status {}", FAULTY, FAIL, "section_TSpkt_flag"},
    {"expect s faulty channel_status {}", FAULTY, PASS, ""},
    {"expect s faulty channel_status {}", STATUS, FAIL, "no fault"},
    {"expect s anything", FAULTY, PASS, ""},
    {"expect s 0x0003 {}", STATUS, PASS, ""},
    {"expect s closed", "", PASS, ""},
    {"expect s closed", STATUS, FAIL, "channel_status"},
    {"expect s closed", NULL, FAIL, "nothing came"},
    {"expect s nothing", NULL, PASS, ""},
    {"expect s nothing", STATUS, FAIL, "channel_status"},
    {"expect s nothing", "", FAIL, "closed"},
    {"expect s nothing or closed", "", PASS, ""},
    {"expect s channel_test {} or channel_status {}", STATUS, PASS, ""},
    {"expect s channel_test {} or warn channel_status {}", STATUS, WARN, "tolerated"},
    {"expect s channel_test {} or warn nothing", NULL, WARN, "tolerated"},
    {"expect s channel_status { lead_CW = 1 }", STATUS, PASS, ""},
    {"expect s channel_status { lead_CW = 2 }", STATUS, FAIL, "lead_CW is 1 and not 2"},
    {"expect s channel_status { lead_CW = 2 | 1 }", STATUS, PASS, ""},
    {"expect s channel_status { lead_CW != 1 }", STATUS, FAIL, "should not be"},
    {"expect s channel_status { lead_CW != 2 }", STATUS, PASS, ""},
    {"expect s channel_status { delay_start = -500 }", STATUS, PASS, ""},
    {"expect s channel_status { delay_start in -600 .. -400 }", STATUS, PASS, ""},
    {"expect s channel_status { delay_start in -400 .. 600 }", STATUS, FAIL, "-500"},
    {"expect s channel_status { max_comp_time in 1 .. 999 }", STATUS, FAIL, "1 .. 999"},
    {"expect s channel_status { AC_delay_start absent }", STATUS, PASS, ""},
    {"expect s channel_status { AC_delay_start any }", STATUS, FAIL, "not there"},
    {"expect s channel_status { AC_delay_start = 3 }", STATUS, FAIL, "not there"},
    {"expect s channel_status { lead_CW absent }", STATUS, FAIL, "should not be"},
    {"expect s channel_status { lead_CW absent when 1 = 2 }", STATUS, PASS, ""},
    {"expect s channel_status { unknown absent }", STATUS, PASS, ""},
    {"expect s channel_error { error_status has 0x7001 }", ERROR_TWO, PASS, ""},
    {"expect s channel_error { error_status = 0x7001 }", ERROR_TWO, FAIL, "2 times"},
    {"expect s channel_error { error_status has 0x0006 | 0x0011 }", ERROR_TWO, FAIL, "0x0006"},
    {"expect s channel_error { error_status count 2 }", ERROR_TWO, PASS, ""},
    {"expect s channel_error { error_status count 3 .. 4 }", ERROR_TWO, FAIL, "2 times"},
    {"expect s ECM_response { ECM_datagram size 11 }", ECM, PASS, ""},
    {"expect s ECM_response { ECM_datagram size 12 .. 13 }", ECM, FAIL, "11 bytes"},
    {"expect s ECM_response { ECM_datagram is section }", ECM, PASS, ""},
    {"expect s ECM_response { ECM_datagram is packets }", ECM, FAIL, "188"},
    {"expect s ECM_response { ECM_datagram is empty }", ECM, FAIL, "not empty"},
    {"expect s ECM_response { ECM_datagram contains bytes:030405 }", ECM, PASS, ""},
    {"expect s ECM_response { ECM_datagram contains bytes:030406 }", ECM, FAIL, "contain"},
    {"expect s ECM_response { ECM_datagram lacks bytes:030405 }", ECM, FAIL, "contains"},
    {"expect s ECM_response { ECM_datagram = bytes:00 }", ECM, FAIL, "8070"},
    {"expect s between 1 s and 2 s channel_status {}", STATUS, FAIL, "not after 1000 ms"},
    {"expect s within 10 ms channel_status {}", STATUS, FAIL, "within 10 ms"},
    {"expect s event ECM {}", STATUS, FAIL, "nothing came"},
    {"", STATUS, PASS, ""},
    {"wait 1 s", STATUS, FAIL, "nobody asked for"},
    {"ignore channel_status\nwait 1 s", STATUS, PASS, ""},
    {"ignore channel_status\nexpect s channel_test {}", STATUS, FAIL, "nothing came"},
    {"deaf s wait 1 s", STATUS, PASS, ""},
    {"need 1 = 2 \"luck\"", NULL, SKIP, "it needs luck"},
    {"check 1 = 2 \"luck lasts\"", NULL, FAIL, "does not hold: luck lasts"},
    {"check 1 = 1 \"luck lasts\"", NULL, PASS, ""},
    {"verdict warn check 0 \"luck lasts\"", NULL, WARN, "does not hold"},
    {"let x = abc if $x = 1 { }", NULL, BROKEN, "no number"},
    {"close t", NULL, BROKEN, "no connection"},
    {"open s", NULL, BROKEN, "open already"},
    {"open t between 1 s and 2 s", NULL, FAIL, "made after 0 ms, and not after 1000 ms"},
    {"open t between 0 s and 2 s", NULL, PASS, ""},
    {"send s channel_test { ECM_channel_id = $(70000) }", NULL, BROKEN, "0 to 65535"},
    {"request s test", NULL, BROKEN, "nobody"},
    {"repeat i from 1 to 1000000 { }", NULL, BROKEN, "at most"},
    {"define p { call p } call p", NULL, BROKEN, "within each other"},
    {"parallel i from 1 to 600 { wait 1 s }", NULL, BROKEN, "at once"},
    {"verdict warn expect s channel_test {}", STATUS, WARN, "channel_test was expected"},
    {"expect s channel_status { lead_CW any -> x } if x = 1 { expect s closed }", STATUS, FAIL,
     "end of the connection"},
};

START_TEST(each_expectation_holds_or_fails_as_it_should)
{
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        for (int one_byte = 0; one_byte < 2; one_byte++) {
            char text[512];
            struct answer answer = {20, rows[i].hex && rows[i].hex[0] ? rows[i].hex : NULL};
            snprintf(text, sizeof text, "%s%s", HEAD, rows[i].text);
            int verdict = (int)run(text, &answer, rows[i].hex != NULL, one_byte);
            ck_assert_msg(verdict == rows[i].verdict, "%s: %s: %s", rows[i].text,
                          simc__conversation_verdict_name(last.verdict), last.text);
            const char *in = verdict == PASS ? last.all : last.text;
            ck_assert_msg(strstr(in, rows[i].words), "%s: %s", rows[i].text, in);
        }
    }
}
END_TEST

START_TEST(the_right_line_is_blamed)
{
    static const struct answer answers[] = {{10, STATUS}, {20, STATUS}, {30, ERROR_6}};
    int verdict = (int)run("open s\nexpect s channel_status {}\n\n"
                           "expect s channel_status {\n  lead_CW = 1\n  CW_per_msg = 2\n}\n"
                           "expect s channel_status {\n  lead_CW = 1\n}\n",
                           answers, 3, false);
    ck_assert_int_eq(verdict, FAIL);
    ck_assert_uint_eq(last.line, 8);
    verdict = (int)run("define p c {\n  expect $c channel_test {}\n}\nopen s\ncall p s\n", answers,
                       1, false);
    ck_assert_int_eq(verdict, FAIL);
    ck_assert_uint_eq(last.line, 2);
    ck_assert(strstr(last.text, "called at test.conv:5"));
}
END_TEST

START_TEST(threads_take_what_is_theirs)
{
    static const struct answer answers[] = {
        {10, "0302020016 000e00020001 000f00020003 001200020010 00150000"},
        {20, "0302020016 000e00020001 000f00020001 001200020010 00150000"},
        {30, "0302020016 000e00020001 000f00020002 001200020010 00150000"},
    };
    static const char text[] = "open s parallel i from 1 to 3 {\n"
                               "  expect s ECM_response { ECM_stream_id = $i }\n}";
    ck_assert_int_eq((int)run(text, answers, 3, true), PASS);
    ck_assert_int_eq((int)run(text, answers, 2, false), FAIL);
    ck_assert(strstr(last.text, "nothing came"));
    /* The same answer twice is nobody's. */
    static const struct answer twice[] = {
        {10, "0302020016 000e00020001 000f00020003 001200020010 00150000"},
        {20, "0302020016 000e00020001 000f00020003 001200020010 00150000"},
    };
    ck_assert_int_eq((int)run(text, twice, 2, false), FAIL);
    ck_assert(strstr(last.text, "ECM_stream_id is 3"));
}
END_TEST

/* What a run sends, as one block of bytes with '|' (0x7c) between the pieces in hex. */
static void sends(const char *text, char *hex, size_t size)
{
    struct simc__conversation *conversation = read_text(text);
    struct simc__conversation_run *r;
    struct simc__conversation_action action;
    uint64_t now_ms = 0;
    memset(&last, 0, sizeof last);
    hex[0] = '\0';
    unit_expect_error(simc__conversation_run_new(conversation, report, NULL, 0, &r), 0);
    while (!simc__conversation_is_over(r)) {
        while (simc__conversation_next_action(r, now_ms, &action)) {
            if (action.type == SIMC__CONVERSATION_OPEN)
                simc__conversation_opened(r, action.connection, now_ms);
            if (action.type != SIMC__CONVERSATION_SEND)
                continue;
            char number[32];
            snprintf(number, sizeof number, "%s%llu:", hex[0] ? " " : "",
                     (unsigned long long)now_ms);
            unit_append(hex, size, number);
            for (size_t i = 0; i < action.bytes.size; i++) {
                snprintf(number, sizeof number, "%02x", action.bytes.data[i]);
                unit_append(hex, size, number);
            }
        }
        now_ms = simc__conversation_deadline_ms(r);
    }
    ck_assert_msg(simc__conversation_verdict(r) == SIMC__CONVERSATION_PASS, "%s", last.text);
    simc__conversation_run_free(r);
    simc__conversation_free(conversation);
}

START_TEST(messages_are_built_and_cut_as_written)
{
    static const struct {
        const char *text, *sent;
    } sent[] = {
        {"open s send s channel_test { ECM_channel_id = 1 }", "0:0300020006000e00020001"},
        {"param version = 2 \"\" open s send s channel_test { }", "0:0200020000"},
        {"open s send s channel_test version=6 { ECM_channel_id = 1 }", "0:0600020006000e00020001"},
        {"open s send s channel_test length=9 {} and channel_test {}", "0:03000200090300020000"},
        {"open s send s bytes:0102$hex(3, 1)", "0:010203"},
        {"open s send s in pieces of 2 every 10 ms bytes:0102030405", "0:0102 10:0304 20:05"},
        {"open s send s in pieces of 2 bytes:010203 send s bytes:04", "0:0102 0:03 0:04"},
        {"open s send s 0x8001 version=1 { raw = bytes:ff }", "0:0180010001ff"},
        {"open s wait 1 s repeat i from 254 to 257 { send s bytes:$hex(i, 2) }",
         "1000:00fe 1000:00ff 1000:0100 1000:0101"},
        {"open s parallel { wait 2 ms send s bytes:02 } and { wait 1 ms send s bytes:01 }",
         "1:01 2:02"},
        {"open s let n = 1 if n = 2 { send s bytes:00 } else { send s bytes:01 }", "0:01"},
        {"define p a { local b = $(a + 1) send s bytes:$hex(b, 1) } open s call p 5", "0:06"},
    };
    for (size_t i = 0; i < UNIT_COUNT(sent); i++) {
        char hex[400];
        sends(sent[i].text, hex, sizeof hex);
        ck_assert_msg(strcmp(hex, sent[i].sent) == 0, "%s: %s", sent[i].text, hex);
    }
}
END_TEST

/* No sentence shows a control word, neither of the file nor of the peer. */
START_TEST(control_words_stay_out_of_reports)
{
    static const struct answer answer = {
        10, "030201002e 000e00020001 000f00020002 001200020010 0014000a00101122334455667788 "
            "0014000a0011a1a2a3a4a5a6a7a8"};
    static const char *const texts[] = {
        "open s expect s CW_provision { CP_CW_combination cw 16 any -> w } note \"$w\"",
        "open s expect s channel_test {}",
        "open s expect s CW_provision { CP_CW_combination = CP 16 CW 1122334455667788 }",
        "open s expect s CW_provision { CP_CW_combination cw 16 = a1a2a3a4a5a6a7a8 }",
        "open s expect s CW_provision { CP_CW_combination cps 16 18 }",
        ("open s expect s CW_provision { CP_CW_combination cw 16 any -> w; "
         "CP_CW_combination cw 17 = $w }"),
        "open s expect s CW_provision { content any -> c\n CP_number = $c }",
        "open s wait 1 s",
    };
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        (void)run(texts[i], &answer, 1, false);
        ck_assert_msg(!strstr(last.all, "22334455") && !strstr(last.all, "a2a3a4a5") && last.all[0],
                      "%s: %s", texts[i], last.all);
    }
}
END_TEST

static int run_everything(void *context)
{
    struct simc__conversation *conversation = context;
    struct simc__conversation_run *r;
    struct simc__conversation_action action;
    struct unit_bytes bytes = unit_hex(STATUS);
    uint64_t now_ms = 0;
    int error = simc__conversation_run_new(conversation, NULL, NULL, 0, &r);
    if (error)
        return error;
    while (!simc__conversation_is_over(r)) {
        while (simc__conversation_next_action(r, now_ms, &action)) {
            if (action.type == SIMC__CONVERSATION_OPEN)
                simc__conversation_opened(r, action.connection, now_ms);
            if (action.type == SIMC__CONVERSATION_SEND)
                simc__conversation_feed(r, action.connection, unit_slice(&bytes), now_ms);
        }
        uint64_t next_ms = simc__conversation_deadline_ms(r);
        if (next_ms == SIMC_DEADLINE_NONE)
            break;
        now_ms = next_ms;
    }
    /* Without memory a run is broken, and says nothing of the equipment. */
    enum simc__conversation_verdict verdict = simc__conversation_verdict(r);
    bool over = simc__conversation_is_over(r);
    simc__conversation_run_free(r);
    return verdict == SIMC__CONVERSATION_PASS ? 0 : over ? SIMC_ENOMEM : SIMC_EIO;
}

START_TEST(running_survives_without_memory)
{
    struct simc__conversation *conversation = read_text(
        "param a = 1 \"\" define p c { send $c channel_test { ECM_channel_id = $a }\n"
        "expect $c channel_status { lead_CW = 1 -> a; content any -> d } } open s\ncall p s\n"
        "parallel i from 1 to 2 { local b = $i wait $i ms } send s bytes:00 expect s anything");
    ck_assert_uint_gt(unit_fail_each_allocation(run_everything, conversation, false), 20);
    simc__conversation_free(conversation);
}
END_TEST

START_TEST(parameters_are_set_and_read)
{
    struct simc__conversation *conversation = read_text("param a = 1 \"\"");
    struct simc__conversation_run *r;
    unit_expect_error(simc__conversation_run_new(conversation, NULL, NULL, 0, &r), 0);
    ck_assert_str_eq(simc__conversation_get(r, "a"), "1");
    unit_expect_error(simc__conversation_set(r, "a", "2"), 0);
    ck_assert_str_eq(simc__conversation_get(r, "a"), "2");
    unit_expect_error(simc__conversation_set(r, "b", "2"), SIMC_ENOTFOUND);
    ck_assert_ptr_null(simc__conversation_get(r, "b"));
    simc__conversation_run_free(r);
    simc__conversation_free(conversation);
}
END_TEST

Suite *suite_conversation_run(void)
{
    Suite *suite = suite_create("conversation_run");
    TCase *tests = tcase_create("runs");
    tcase_add_test(tests, each_expectation_holds_or_fails_as_it_should);
    tcase_add_test(tests, the_right_line_is_blamed);
    tcase_add_test(tests, threads_take_what_is_theirs);
    tcase_add_test(tests, messages_are_built_and_cut_as_written);
    tcase_add_test(tests, control_words_stay_out_of_reports);
    tcase_add_test(tests, running_survives_without_memory);
    tcase_add_test(tests, parameters_are_set_and_read);
    suite_add_tcase(suite, tests);
    return suite;
}
