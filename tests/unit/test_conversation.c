/* SPDX-License-Identifier: BSL-1.0 */
/* The files of conversations: what can be understood, what is wrong with the others and where, and
 * what variables and functions stand for. Run by the unit test runner. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/internal.h"
#include "unit/unit.h"

Suite *suite_conversation(void);

static struct simc__conversation_fault fault;

/* Reads a text. @return the error. */
static int read_text(const char *text, struct simc__conversation **conversation)
{
    struct simc_slice bytes = simc_slice_text(text);
    uint8_t *exact = unit_exact(bytes);
    int error = simc__conversation_new("test.conv", simc_slice(exact, bytes.size), NULL,
                                       conversation, &fault);
    free(exact);
    return error;
}

/* ---- files that are right ---- */

START_TEST(a_file_tells_its_head_and_parameters)
{
    struct simc__conversation *conversation;
    const char *name, *value, *help;
    unit_expect_error(read_text("id X-1 # a comment\ntitle \"what holds\" clause \"5.1\"\n"
                                "verdict warn role SCS\nparam a = 0x10 \"the first\"\n"
                                "param b = bytes:00 \"the second\"\nopen s close s",
                                &conversation),
                      0);
    const struct simc__conversation_head *head = simc__conversation_head(conversation);
    ck_assert_str_eq(head->id, "X-1");
    ck_assert_str_eq(head->title, "what holds");
    ck_assert_str_eq(head->clause, "5.1");
    ck_assert(head->warns && !head->server_under_test && !head->asks_session);
    ck_assert(simc__conversation_parameter(conversation, 1, &name, &value, &help));
    ck_assert_str_eq(name, "b");
    ck_assert_str_eq(value, "bytes:00");
    ck_assert_str_eq(help, "the second");
    ck_assert(!simc__conversation_parameter(conversation, 2, &name, &value, &help));
    simc__conversation_free(conversation);
}
END_TEST

START_TEST(good_files_are_read)
{
    static const char *const texts[] = {
        "",
        "# nothing",
        "send s channel_test {}",
        "send s channel_test { ECM_channel_id = 1; raw = bytes:00 }",
        "send s CHANNEL_TEST version=2 length=9 { ecm_channel_id = 1 } and channel_test {}",
        "send s in pieces of 1 every 20 ms bytes:0001",
        "send s in pieces of $(1 + 1) 0x8001 { raw = bytes:$random(10) }",
        "expect s channel_status { lead_CW any -> x; CW_per_msg = 1 | 2 }",
        "expect s between 1 s and 2 s nothing or closed or anything or warn faulty 0x0300 {}",
        "expect s channel_error { error_information = \"a } ; # b\" }",
        "expect s event ECM { whatever = x }",
        "expect s ECM_response { ECM_datagram size 3 .. 10; ECM_datagram is section }",
        "expect s CW_provision { CP_CW_combination cw 16 any -> w; CP_CW_combination cps 1 2 }",
        "define p a b { open $a } call p x $(1 + 2)",
        "call later s\ndefine later c { open $c }",
        "repeat i from 1 to 3 { if i = 2 { wait 1 ms } else { wait $i ms } }",
        "parallel { wait 1 ms } and { wait 2 ms } and { }",
        "let x = 1 local y = \"a text\" note \"$x $y $$\" need x > 0 and not (x = 2) \"more\"",
        "ignore channel_test 0x0300\nrequest s fails SIMC_EFULL provide stream=2\ndeaf s reset s",
        "send s stream_setup { ECM_id = 3 when 1 = 1; nominal_CP_duration = 10 when true }",
        "interface EMMG-MUX role MUX send s data_provision { }",
    };
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct simc__conversation *conversation;
        int error = read_text(texts[i], &conversation);
        ck_assert_msg(error == 0, "%s: %u:%u: %s", texts[i], fault.line, fault.column, fault.text);
        simc__conversation_free(conversation);
    }
}
END_TEST

/* ---- files that are wrong ---- */

static const struct {
    const char *text;
    unsigned line, column;
    const char *words; /* in the sentence */
} bad[] = {
    {"opne s", 1, 1, "did you mean open"},
    {"xyzzyx s", 1, 1, "no statement"},
    {"\n  open", 2, 7, "connection"},
    {"open s within 5", 1, 16, "ms or s"},
    {"wait 5 minutes", 1, 8, "ms or s"},
    {"verdict maybe", 1, 9, "fail or warn"},
    {"role CAR", 1, 6, "ECMG and SCS"},
    {"interface X-Y", 1, 11, "no interface"},
    {"title what", 1, 7, "quotes"},
    {"title \"what\nid x", 1, 12, "quote"},
    {"param 1x = 2 \"\"", 1, 7, "name of a variable"},
    {"param x 2 \"\"", 1, 9, "'='"},
    {"param x = 2 \"\" param x = 3 \"\"", 1, 22, "already"},
    {"include \"x.inc\"", 1, 8, "included"},
    {"define p { } define p { }", 1, 21, "already"},
    {"call p", 1, 6, "no procedure"},
    {"define p a { } call p", 1, 21, "takes 1 words, not 0"},
    {"repeat i to 3 { }", 1, 10, "'from'"},
    {"repeat i from 1 to 3 open s", 1, 22, "'{'"},
    {"repeat i from 1 to 3 { open s", 1, 30, "'}' is missing"},
    {"if { }", 1, 4, "condition"},
    {"if 1 + { }", 1, 7, "number or a variable"},
    {"if (1 { }", 1, 6, "')'"},
    {"if x = 1 { }", 1, 4, "no variable 'x'"},
    {"if 1 2 { }", 1, 6, "should end here"},
    {"if foo(1, 2) { }", 1, 4, "no function"},
    {"need 1", 1, 7, "condition"},
    {"check 1", 1, 8, "condition"},
    {"send s", 1, 7, "name of a message"},
    {"send s channel_tset {}", 1, 8, "no message"},
    {"send s channel_test", 1, 20, "'{'"},
    {"send s channel_test size=3 {}", 1, 21, "not expected here"},
    {"send s channel_test version= {}", 1, 21, "missing"},
    {"send s channel_test {\n  ECM_chanel_id = 1\n}", 2, 3, "did you mean ECM_channel_id"},
    {"send s channel_test {\n  ECM_channel_id = 70000 }", 2, 20, "0 to 65535"},
    {"send s channel_test { ECM_channel_id = 1", 1, 41, "ends before the '}'"},
    {"send s channel_test { ECM_channel_id = $y }", 1, 41, "no variable 'y'"},
    {"send s channel_test { ECM_channel_id = 1 when }", 1, 42, "condition"},
    {"send s channel_test { ECM_channel_id = $foo(1) }", 1, 41, "no function"},
    {"send s channel_test { ECM_channel_id = $ }", 1, 40, "'$'"},
    {"send s bytes:001", 1, 8, "odd number"},
    {"send s in pieces of", 1, 20, "size of a piece"},
    {"expect s", 1, 9, "name of a message"},
    {"expect s between 1 s nothing", 1, 22, "'and'"},
    {"expect s channel_status { lead_CW }", 1, 27, "check"},
    {"expect s channel_status { lead_CW about 3 }", 1, 35, "check"},
    {"expect s channel_status { lead_CW = }", 1, 27, "value"},
    {"expect s channel_status { lead_CW = 1 | }", 1, 37, "missing"},
    {"expect s channel_status { lead_CW = 300 }", 1, 37, "0 to 255"},
    {"expect s channel_status { lead_CW in 1 }", 1, 27, "range"},
    {"expect s channel_status { lead_CW any 3 }", 1, 27, "nothing but"},
    {"expect s channel_status { lead_CW any -> }", 1, 27, "variable"},
    {"expect s channel_status { lead_CW is odd }", 1, 38, "section"},
    {"expect s channel_status { lead_WC any }", 1, 27, "did you mean lead_CW"},
    {"expect s channel_status length=3 {}", 1, 32, "sent"},
    {"expect s CW_provision { CP_CW_combination cw }", 1, 25, "cw 16"},
    {"request s", 1, 10, "what to request"},
    {"note x", 1, 6, "quotes"},
    {"let x 3", 1, 7, "'='"},
    {"}", 1, 1, "statement"},
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        struct simc__conversation *conversation;
        int error = read_text(bad[i].text, &conversation);
        ck_assert_msg(error == SIMC_ESYNTAX, "%s: %s", bad[i].text, simc_error_name(error));
        ck_assert_msg(strstr(fault.text, bad[i].words), "%s: %s", bad[i].text, fault.text);
        ck_assert_msg(fault.line == bad[i].line && fault.column == bad[i].column, "%s: %u:%u: %s",
                      bad[i].text, fault.line, fault.column, fault.text);
        ck_assert_str_eq(fault.file, "test.conv");
        ck_assert_ptr_null(conversation);
    }
}
END_TEST

START_TEST(ceilings_are_told)
{
    struct simc__conversation *conversation;
    struct simc_buffer text;
    simc_buffer_init(&text, 4 << 20);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("if 1 { ")), 0);
    unit_expect_error(
        simc__conversation_new("x", simc_buffer_bytes(&text), NULL, &conversation, &fault),
        SIMC_ESYNTAX);
    ck_assert(strstr(fault.text, "within each other"));
    simc_buffer_fini(&text);
    for (int i = 0; i <= SIMC__CONV_STATEMENTS_MAX; i++)
        ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("open s\n")), 0);
    unit_expect_error(
        simc__conversation_new("x", simc_buffer_bytes(&text), NULL, &conversation, &fault),
        SIMC_ESYNTAX);
    ck_assert(strstr(fault.text, "statements"));
    simc_buffer_fini(&text);
    for (int i = 0; i <= SIMC__CONV_FILE_MAX / 8; i++)
        ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("# 45678\n")), 0);
    unit_expect_error(
        simc__conversation_new("x", simc_buffer_bytes(&text), NULL, &conversation, &fault),
        SIMC_ETOOLONG);
    simc_buffer_fini(&text);
    simc_buffer_init(&text, 1 << 20);
    ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("if ")), 0);
    for (int i = 0; i < 100000; i++)
        ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("(")), 0);
    ck_assert_int_eq(simc_buffer_append(&text, simc_slice_text("1 {}")), 0);
    unit_expect_error(
        simc__conversation_new("x", simc_buffer_bytes(&text), NULL, &conversation, &fault),
        SIMC_ESYNTAX);
    ck_assert(strstr(fault.text, "too deep"));
    simc_buffer_fini(&text);
}
END_TEST

/* ---- includes ---- */

static int read_itself(void *context, const char *from, const char *path, struct simc_buffer *text,
                       char name[256], char why[256])
{
    (void)from;
    (void)path;
    (void)why;
    snprintf(name, 256, "included");
    return simc_buffer_append(text, simc_slice_text(context));
}

START_TEST(includes_are_read_and_bounded)
{
    struct simc__conversation *conversation;
    struct simc__conversation_files files = {read_itself, (void *)(uintptr_t) "param x = 1 \"\""};
    struct simc_slice text = simc_slice_text("include \"a\" if x { }");
    unit_expect_error(simc__conversation_new("x", text, &files, &conversation, &fault), 0);
    simc__conversation_free(conversation);
    files.context = (void *)(uintptr_t) "include \"a\"";
    unit_expect_error(simc__conversation_new("x", text, &files, &conversation, &fault),
                      SIMC_ESYNTAX);
    ck_assert(strstr(fault.text, "at most"));
    files.context = (void *)(uintptr_t) "\n opne s";
    unit_expect_error(simc__conversation_new("x", text, &files, &conversation, &fault),
                      SIMC_ESYNTAX);
    ck_assert_str_eq(fault.file, "included");
    ck_assert_uint_eq(fault.line, 2);
    ck_assert_uint_eq(fault.column, 2);
}
END_TEST

/* ---- expressions and functions ---- */

struct values {
    struct simc__conversation *conversation;
    struct simc__conv_scope scope;
    struct simc__conv_trouble trouble;
    struct simc__conv_context context;
};

static void values_init(struct values *v)
{
    static const char *const pairs[][2] = {{"n", "16"},         {"yes", "true"},
                                           {"text", "abc"},     {"lead_CW", "1"},
                                           {"CW_per_msg", "2"}, {"negative", "-5"}};
    memset(v, 0, sizeof *v);
    unit_expect_error(read_text("", &v->conversation), 0);
    for (size_t i = 0; i < UNIT_COUNT(pairs); i++)
        unit_expect_error(simc__conv_set(&v->scope, simc_slice_text(pairs[i][0]),
                                         simc_slice_text(pairs[i][1]), false),
                          0);
    v->context = (struct simc__conv_context){v->conversation, &v->scope, &v->trouble};
}

static void values_fini(struct values *v)
{
    simc__conv_scope_fini(&v->scope);
    simc__conversation_free(v->conversation);
}

START_TEST(expressions_have_their_values)
{
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"-3 - -4", 1},
        {"7 / 2", 3},
        {"7 % 4", 3},
        {"0x10 + n", 32},
        {"$n + $(2)", 18},
        {"yes", 1},
        {"negative", -5},
        {"1 = 1", 1},
        {"1 != 1", 0},
        {"1 < 2 and 2 <= 2 and 3 > 2 and 3 >= 3", 1},
        {"0 or 0 or 5", 1},
        {"not 0", 1},
        {"not not 3", 1},
        {"not 1 = 2", 1},
        {"min(3, max(4, 1)) + 1", 4},
        {"n * (yes = 1)", 16},
        {"true and not false", 1},
    };
    struct values v;
    values_init(&v);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        int64_t value;
        int error = simc__conv_evaluate(&v.context, simc_slice_text(rows[i].text), &value);
        ck_assert_msg(error == 0 && value == rows[i].value, "%s: %lld %s", rows[i].text,
                      (long long)value, v.trouble.text);
    }
    values_fini(&v);
}
END_TEST

START_TEST(expressions_without_a_value_are_told)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"1 / 0", "divides by 0"},
        {"1 % 0", "divides by 0"},
        {"text", "no number"},
        {"unknown", "no value yet"},
        {"9223372036854775807 + 1", "too large"},
        {"9223372036854775807 * 2", "too large"},
        {"-9223372036854775807 - 2", "too large"},
        {"99999999999999999999", "no number"},
        {"0x", "no number"},
        {"", "expected here"},
        {"1 2", "should end"},
        {"min(1)", "two arguments"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct values v;
        int64_t value;
        values_init(&v);
        ck_assert_int_eq(simc__conv_evaluate(&v.context, simc_slice_text(rows[i].text), &value),
                         SIMC_ESYNTAX);
        ck_assert_msg(strstr(v.trouble.text, rows[i].words), "%s: %s", rows[i].text,
                      v.trouble.text);
        values_fini(&v);
    }
}
END_TEST

START_TEST(texts_are_expanded)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"plain", "plain"},         {"a$n.b", "a16.b"},
        {"$$n $(n + 1)", "$n 17"},  {"$hex(258, 2) $bytes(3) $bytes(0)", "0102 000102 "},
        {"$cps(65535)", "65535 0"}, {"$cps(65534, 4)", "65534 65535 0 1"},
        {"$hex($n, 1)", "10"},      {"$text$text", "abcabc"},
    };
    struct values v;
    values_init(&v);
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc_buffer out;
        bool secret = false;
        simc_buffer_init(&out, 1000);
        int error = simc__conv_expand(&v.context, simc_slice_text(rows[i].text), &out, &secret);
        ck_assert_msg(error == 0, "%s: %s", rows[i].text, v.trouble.text);
        unit_expect_text(simc_buffer_bytes(&out), rows[i].wanted);
        ck_assert(!secret);
        simc_buffer_fini(&out);
    }
    values_fini(&v);
}
END_TEST

/* The CW of a period is the same in each message, differs from its neighbours, and is secret. */
START_TEST(control_words_follow_from_their_period)
{
    struct values v;
    struct simc_buffer out[3];
    bool secret = false;
    values_init(&v);
    static const char *const texts[] = {"$cw(16)", "$cw(65536 + 16)", "$cw(17)"};
    for (size_t i = 0; i < 3; i++) {
        simc_buffer_init(&out[i], 1000);
        unit_expect_error(
            simc__conv_expand(&v.context, simc_slice_text(texts[i]), &out[i], &secret), 0);
        ck_assert_uint_eq(out[i].size, 16);
    }
    ck_assert(secret);
    ck_assert(simc_slice_equal(simc_buffer_bytes(&out[0]), simc_buffer_bytes(&out[1])));
    ck_assert(!simc_slice_equal(simc_buffer_bytes(&out[0]), simc_buffer_bytes(&out[2])));
    struct unit_bytes cw;
    cw.size = 0;
    unit_expect_error(
        simc_hex_read(simc_buffer_bytes(&out[0]), cw.data, sizeof cw.data, &cw.size, NULL), 0);
    ck_assert_uint_eq(cw.data[3], (uint8_t)(cw.data[0] + cw.data[1] + cw.data[2]));
    ck_assert_uint_eq(cw.data[7], (uint8_t)(cw.data[4] + cw.data[5] + cw.data[6]));
    for (size_t i = 0; i < 3; i++)
        simc_buffer_fini(&out[i]);
    values_fini(&v);
}
END_TEST

/* ---- datagrams ---- */

START_TEST(forms_of_datagrams)
{
    uint8_t packet[2 * 188];
    memset(packet, 0xff, sizeof packet);
    memcpy(packet, "\x47\x5f\xfe\x10\x00\x80\x70\x02\x01\x02", 10);
    ck_assert_ptr_null(simc__conversation_packets_fault(simc_slice(packet, 188)));
    ck_assert_ptr_null(simc__conversation_section_fault(simc_slice(packet + 5, 5)));
    static const struct {
        size_t at;
        uint8_t value;
    } damages[] = {{0, 0x48}, {1, 0x1f}, {3, 0x20}, {4, 1}, {7, 200}, {50, 0}};
    for (size_t i = 0; i < UNIT_COUNT(damages); i++) {
        uint8_t before = packet[damages[i].at];
        packet[damages[i].at] = damages[i].value;
        ck_assert_ptr_nonnull(simc__conversation_packets_fault(simc_slice(packet, 188)));
        packet[damages[i].at] = before;
    }
    ck_assert_ptr_nonnull(simc__conversation_packets_fault(simc_slice(packet, 0)));
    ck_assert_ptr_nonnull(simc__conversation_packets_fault(simc_slice(packet, 187)));
    ck_assert_ptr_nonnull(simc__conversation_packets_fault(simc_slice(packet, 376)));
    for (size_t size = 0; size < 12; size++) {
        bool good = !simc__conversation_section_fault(simc_slice(packet + 5, size));
        ck_assert_int_eq(good, size == 5);
    }
}
END_TEST

/* ---- memory ---- */

static int read_everything(void *context)
{
    struct simc__conversation *conversation;
    (void)context;
    int error =
        read_text("param x = 1 \"\" define p a { send $a channel_test { ECM_channel_id = $x\n"
                  "} expect $a channel_status { lead_CW = 1 | 2 -> x } } open s call p s\n"
                  "repeat i from 1 to 3 { send s CW_provision { $cws(16) } }",
                  &conversation);
    simc__conversation_free(error ? NULL : conversation);
    return error;
}

START_TEST(reading_survives_without_memory)
{
    ck_assert_uint_gt(unit_fail_each_allocation(read_everything, NULL, true), 5);
}
END_TEST

Suite *suite_conversation(void)
{
    Suite *suite = suite_create("conversation");
    TCase *tests = tcase_create("files");
    tcase_add_test(tests, a_file_tells_its_head_and_parameters);
    tcase_add_test(tests, good_files_are_read);
    tcase_add_test(tests, what_is_wrong_is_told_with_its_place);
    tcase_add_test(tests, ceilings_are_told);
    tcase_add_test(tests, includes_are_read_and_bounded);
    tcase_add_test(tests, expressions_have_their_values);
    tcase_add_test(tests, expressions_without_a_value_are_told);
    tcase_add_test(tests, texts_are_expanded);
    tcase_add_test(tests, control_words_follow_from_their_period);
    tcase_add_test(tests, forms_of_datagrams);
    tcase_add_test(tests, reading_survives_without_memory);
    suite_add_tcase(suite, tests);
    return suite;
}
