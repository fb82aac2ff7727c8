/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/daemon without a process: the rows that all daemons have, the merge of command
 * line and configuration, held values, and failing allocations. The runner in main.c calls
 * suite_daemon(). */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/internal.h"
#include "unit/unit.h"

struct conf {
    struct simc__daemon_conf common;
    const char *name;
    uint16_t port;
};

static const struct simc__conf_row admin_rows[] = {SIMC__DAEMON_ADMIN_ROWS("127.0.0.1:12299")};
static const struct simc__conf_table admin_table = SIMC__DAEMON_ADMIN_TABLE(admin_rows);
static const struct simc__conf_row rows[] = {
    {.name = "name",
     .type = SIMC__CONF_TEXT,
     SIMC__CONF_AT(conf, name),
     .fallback = "nobody",
     .help = "a name"},
    {.name = "port",
     .type = SIMC__CONF_UINT,
     SIMC__CONF_AT(conf, port),
     .min = 1,
     .fallback = "1",
     .help = "a port"},
    SIMC__DAEMON_THREADS_ROW(conf, common, "1"),
    SIMC__DAEMON_ROWS(conf, common, admin_table),
};
static const struct simc__conf_table table = {
    .name = "d", .rows = rows, .count = UNIT_COUNT(rows), .size = sizeof(struct conf)};

/* ---- options that become a configuration ---- */

struct options {
    const char *name;
    uint64_t port;
    bool loud, refuse;
    struct simc__option_texts extra;
};

static const struct simc__option option_rows[] = {
    {.name = "name",
     .type = SIMC__OPTION_TEXT,
     .argument = "NAME",
     .offset = offsetof(struct options, name),
     .help = "a name"},
    {.name = "port",
     .letter = 'p',
     .type = SIMC__OPTION_UINT,
     .argument = "PORT",
     .max = UINT32_MAX,
     .fallback = "7",
     .offset = offsetof(struct options, port),
     .help = "a port"},
    {.name = "loud", .offset = offsetof(struct options, loud), .help = "log more"},
    {.name = "refuse", .offset = offsetof(struct options, refuse), .help = "refuse"},
    {.name = "extra",
     .type = SIMC__OPTION_TEXTS,
     .argument = "LINE",
     .offset = offsetof(struct options, extra),
     .help = "lines of YAML"},
};

static int compose(const void *values, struct simc_writer *yaml, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct options *options = values;
    if (options->refuse) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE, "asked to refuse");
        return SIMC_EINVAL;
    }
    simc__text_printf(yaml, "port: %llu\n", (unsigned long long)options->port);
    if (options->name)
        simc__text_printf(yaml, "name: %s\n", options->name);
    if (options->loud)
        simc__text_put(yaml, "log: {level: debug, form: plain}\n");
    for (size_t i = 0; i < options->extra.count; i++)
        simc__text_printf(yaml, "%s\n", options->extra.items[i]);
    return 0;
}

static int check(const void *values, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct conf *conf = values;
    if (strcmp(conf->name, "evil") != 0)
        return 0;
    snprintf(why, SIMC__DAEMON_WHY_SIZE, "name: evil is not served here");
    return SIMC_EINVAL;
}

static const struct simc__daemon demo = {
    .name = "demod",
    .summary = "does nothing",
    .description = "Nothing at all.",
    .version = "0.1",
    .table = &table,
    .common_offset = offsetof(struct conf, common),
    .options = option_rows,
    .option_count = UNIT_COUNT(option_rows),
    .options_size = sizeof(struct options),
    .compose = compose,
    .check = check,
};

START_TEST(the_rows_that_all_have_are_good)
{
    char why[SIMC__CONF_WHY_SIZE];
    ck_assert_msg(simc__conf_table_check(&table, why) == 0, "%s", why);
}
END_TEST

/* ---- command lines ---- */

enum { WORDS_MAX = 8 };

struct outcome {
    enum simc__options_result result;
    char why[SIMC__DAEMON_WHY_SIZE];
    int error;
    char faults[2048];
    char port[16], name[64];
    enum simc_log_level level;
    enum simc__daemon_log_form form;
};

/* Reads a command line and loads what it asks for. */
static void load(const char *words_text, struct outcome *outcome)
{
    char text[512], *words[WORDS_MAX];
    struct simc__daemon_line line;
    struct simc_buffer faults;
    void *values;
    int count = 0;
    memset(outcome, 0, sizeof *outcome);
    snprintf(text, sizeof text, "%s", words_text);
    for (char *at = text; *at && count < WORDS_MAX; count++) {
        words[count] = at;
        at += strcspn(at, "|");
        if (*at)
            *at++ = '\0';
    }
    unit_expect_error(simc__daemon_line_init(&line, &demo), 0);
    outcome->result = simc__daemon_line_read(&line, &demo, count, words, outcome->why);
    if (outcome->result == SIMC__OPTIONS_RUN) {
        outcome->error = simc__daemon_config_load(&demo, &line, &values, &faults);
        struct simc_slice bytes = simc_buffer_bytes(&faults);
        snprintf(outcome->faults, sizeof outcome->faults, "%.*s", (int)bytes.size,
                 bytes.size ? (const char *)bytes.data : "");
        simc_buffer_fini(&faults);
        if (!outcome->error) {
            const struct conf *conf = values;
            const struct simc__daemon_conf *common = simc__daemon_common(&demo, values);
            snprintf(outcome->port, sizeof outcome->port, "%u", conf->port);
            snprintf(outcome->name, sizeof outcome->name, "%s", conf->name);
            outcome->level = common->log.level;
            outcome->form = common->log.form;
            simc__daemon_values_release(values);
        }
    }
    simc__daemon_line_fini(&line);
}

static const struct {
    const char *words, *port, *name;
    enum simc_log_level level;
    enum simc__daemon_log_form form;
} merges[] = {
    {"", "7", "nobody", SIMC_LOG_INFO, SIMC__DAEMON_LOG_AUTO},
    {"--name|x|-p|9", "9", "x", SIMC_LOG_INFO, SIMC__DAEMON_LOG_AUTO},
    {"--loud", "7", "nobody", SIMC_LOG_DEBUG, SIMC__DAEMON_LOG_PLAIN},
    {"--loud|--log-level=error", "7", "nobody", SIMC_LOG_ERROR, SIMC__DAEMON_LOG_PLAIN},
    {"--loud|--log-level=configured", "7", "nobody", SIMC_LOG_DEBUG, SIMC__DAEMON_LOG_PLAIN},
    {"--log-level=warning|--log-form=json", "7", "nobody", SIMC_LOG_WARNING, SIMC__DAEMON_LOG_JSON},
    {"--log-level=notice|--log-form=auto", "7", "nobody", SIMC_LOG_NOTICE, SIMC__DAEMON_LOG_AUTO},
    {"--log-level=info|--log-form=plain", "7", "nobody", SIMC_LOG_INFO, SIMC__DAEMON_LOG_PLAIN},
    {"--log-level=debug|--log-form=journal", "7", "nobody", SIMC_LOG_DEBUG,
     SIMC__DAEMON_LOG_JOURNAL},
    {"--log-form=terminal", "7", "nobody", SIMC_LOG_INFO, SIMC__DAEMON_LOG_TERMINAL},
};

START_TEST(options_become_a_configuration_under_the_log_of_the_command_line)
{
    for (size_t i = 0; i < UNIT_COUNT(merges); i++) {
        struct outcome outcome;
        load(merges[i].words, &outcome);
        ck_assert_msg(outcome.result == SIMC__OPTIONS_RUN && !outcome.error, "%s: %s%s",
                      merges[i].words, outcome.why, outcome.faults);
        ck_assert_str_eq(outcome.port, merges[i].port);
        ck_assert_str_eq(outcome.name, merges[i].name);
        ck_assert_int_eq(outcome.level, merges[i].level);
        ck_assert_int_eq(outcome.form, merges[i].form);
    }
}
END_TEST

static const struct {
    const char *words, *faults;
} faulty[] = {
    {"--port|0", "the command line: port: 0 is not between 1 and 65535\n"},
    {"--port|70000|--name|''", "the command line: port: 70000 is not between 1 and 65535\n"},
    {"--refuse", "demod: asked to refuse\n"},
    {"--name|evil", "the command line: name: evil is not served here\n"},
    {"--extra|admin: {listen: \"192.0.2.1:1\"}",
     "the command line: admin.listen: 192.0.2.1 can be reached by other hosts, and whoever reaches "
     "it may ask; listen on 127.0.0.1 or [::1], or guard it by a firewall and say allow_remote: "
     "true\n"},
    {"--extra|admin: {listen: \"h.example:1\"}",
     "the command line: admin.listen: 'h.example' is a name; write an address in figures, such as "
     "127.0.0.1:1\n"},
    {"--extra|admin: {listen: \"[::1%lo]:1\"}",
     "the command line: admin.listen: an address with an interface is not served here\n"},
    {"--extra|drain: 11min", "the command line: drain: 11min is not between 0ms and 10min\n"},
    {"--extra|threads: 65", "the command line: threads: 65 is not between 0 and 64\n"},
    {"--config|/nowhere/at.yaml",
     "/nowhere/at.yaml: cannot read /nowhere/at.yaml: No such file or directory\n"},
};

START_TEST(faults_of_options_name_the_command_line)
{
    for (size_t i = 0; i < UNIT_COUNT(faulty); i++) {
        struct outcome outcome;
        load(faulty[i].words, &outcome);
        ck_assert_msg(outcome.result == SIMC__OPTIONS_RUN, "%s: %s", faulty[i].words, outcome.why);
        unit_expect_error(outcome.error, SIMC_ESYNTAX);
        ck_assert_str_eq(outcome.faults, faulty[i].faults);
    }
}
END_TEST

static const char *const good_admins[] = {
    "null",        "\"127.0.0.1:1\"", "\"127.255.0.9:1\"",
    "\"[::1]:1\"", "\"localhost:1\"", "\"0.0.0.0:1\", allow_remote: true",
};

START_TEST(addresses_of_this_host_need_no_permission)
{
    for (size_t i = 0; i < UNIT_COUNT(good_admins); i++) {
        struct outcome outcome;
        char words[128];
        snprintf(words, sizeof words, "--extra|admin: {listen: %s}", good_admins[i]);
        load(words, &outcome);
        ck_assert_msg(!outcome.error, "%s: %s", words, outcome.faults);
    }
}
END_TEST

static const struct {
    const char *words, *why;
} bad_lines[] = {
    {"--config|f|--name|x", "--name and --config cannot be given together"},
    {"--config|f|--port|8", "--port and --config cannot"},
    {"--config|f|--loud", "--loud and --config cannot"},
    {"--config|f|--extra|x", "--extra and --config cannot"},
    {"--check|--version", "one at a time"},
    {"--print-config|--print-sample", "one at a time"},
    {"--print-reference|--check", "one at a time"},
    {"--nam|x", "did you mean --name?"},
    {"--log-form|pretty", "--log-form knows no 'pretty'"},
    {"--config", "--config needs an argument: --config FILE"},
    {"x", "'x' is one too many"},
};

START_TEST(bad_command_lines_are_told)
{
    for (size_t i = 0; i < UNIT_COUNT(bad_lines); i++) {
        struct outcome outcome;
        load(bad_lines[i].words, &outcome);
        ck_assert_msg(outcome.result == SIMC__OPTIONS_BAD, "%s was taken", bad_lines[i].words);
        ck_assert_msg(strstr(outcome.why, bad_lines[i].why), "%s: %s", bad_lines[i].words,
                      outcome.why);
    }
    /* An option that says what is the default anyway does no harm. */
    struct outcome outcome;
    load("--config|/nowhere|--port|7", &outcome);
    ck_assert_int_eq(outcome.result, SIMC__OPTIONS_RUN);
}
END_TEST

START_TEST(without_options_of_its_own_a_daemon_wants_a_file)
{
    struct simc__daemon plain = demo;
    struct simc__daemon_line line;
    struct simc_buffer faults;
    char *nothing[] = {NULL}, why[SIMC__DAEMON_WHY_SIZE];
    void *values;
    plain.options = NULL;
    plain.option_count = plain.options_size = 0;
    plain.compose = NULL;
    unit_expect_error(simc__daemon_line_init(&line, &plain), 0);
    ck_assert_ptr_null(line.own);
    ck_assert_int_eq(simc__daemon_line_read(&line, &plain, 0, nothing, why), SIMC__OPTIONS_RUN);
    unit_expect_error(simc__daemon_config_load(&plain, &line, &values, &faults), SIMC_ESYNTAX);
    unit_expect_text(simc_buffer_bytes(&faults),
                     "demod: --config FILE is missing; 'demod --print-sample' prints one to start "
                     "from\n");
    ck_assert_ptr_null(values);
    simc_buffer_fini(&faults);
    simc__daemon_line_fini(&line);
}
END_TEST

/* ---- values ---- */

static int load_and_release(void *unused)
{
    char name[] = "--name", value[] = "x", why[SIMC__DAEMON_WHY_SIZE];
    char *words[] = {name, value};
    struct simc__daemon_line line;
    struct simc_buffer faults;
    void *values;
    (void)unused;
    int error = simc__daemon_line_init(&line, &demo);
    if (error)
        return error;
    ck_assert_int_eq(simc__daemon_line_read(&line, &demo, 2, words, why), SIMC__OPTIONS_RUN);
    error = simc__daemon_config_load(&demo, &line, &values, &faults);
    simc_buffer_fini(&faults);
    simc__daemon_values_release(values);
    simc__daemon_line_fini(&line);
    return error;
}

START_TEST(no_memory_is_told)
{
    ck_assert_uint_ge(unit_fail_each_allocation(load_and_release, NULL, true), 4);
}
END_TEST

START_TEST(values_live_as_long_as_somebody_holds_them)
{
    char *nothing[] = {NULL}, why[SIMC__DAEMON_WHY_SIZE];
    struct simc__daemon_line line;
    struct simc_buffer faults;
    void *values;
    unit_alloc_start(0);
    unit_expect_error(simc__daemon_line_init(&line, &demo), 0);
    ck_assert_int_eq(simc__daemon_line_read(&line, &demo, 0, nothing, why), SIMC__OPTIONS_RUN);
    unit_expect_error(simc__daemon_config_load(&demo, &line, &values, &faults), 0);
    simc_buffer_fini(&faults);
    simc__daemon_line_fini(&line);
    const struct conf *conf = simc__daemon_values_hold(values);
    simc__daemon_values_release(values);
    ck_assert_uint_eq(conf->port, 7);
    simc__daemon_values_release(conf);
    simc__daemon_values_release(NULL);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

START_TEST(threads_are_one_at_least)
{
    struct simc__daemon_conf conf = {.threads = 0};
    ck_assert_uint_ge(simc__daemon_threads(&conf), 1);
    ck_assert_uint_le(simc__daemon_threads(&conf), 64);
    conf.threads = 5;
    ck_assert_uint_eq(simc__daemon_threads(&conf), 5);
}
END_TEST

/* ---- pages ---- */

static void expect_in(struct simc_writer *out, const char *text, const char *const *wanted)
{
    unit_expect_error(out->error, 0);
    out->data[out->at] = '\0';
    for (size_t i = 0; wanted[i]; i++)
        ck_assert_msg(strstr(text, wanted[i]), "no '%s' in %s", wanted[i], text);
}

START_TEST(pages_are_those_of_a_program)
{
    static const char *const help[] = {"Usage: demod [OPTION...]\n\nNothing at all.\n\nOptions:\n",
                                       "      --name NAME", "  -c, --config FILE", NULL};
    static const char *const man[] = {
        ".TH demod 8 \"\" \"OpenSimulCrypt 0.1\" \"OpenSimulCrypt\"\n.SH NAME\ndemod \\- does "
        "nothing\n.SH SYNOPSIS\n\\fBdemod\\fR [\\fIOPTION\\fR...]\n.SH DESCRIPTION\nNothing at "
        "all.\n.SH OPTIONS\n",
        "\\fB\\-\\-name\\fR", ".SH SIGNALS", NULL};
    static char text[65536];
    struct simc__daemon_line line;
    unit_expect_error(simc__daemon_line_init(&line, &demo), 0);
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__daemon_put_help(&out, &demo, &line.command);
    expect_in(&out, text, help);
    out = simc_writer(text, sizeof text - 1);
    simc__daemon_put_man(&out, &demo, &line.command);
    expect_in(&out, text, man);
    out = simc_writer(text, sizeof text);
    simc__daemon_put_version(&out, &demo);
    unit_expect_text(simc_slice(text, out.at),
                     "demod 0.1 (OpenSimulCrypt)\nLicence: Boost Software License 1.0\n");
    simc__daemon_line_fini(&line);
}
END_TEST

Suite *suite_daemon(void);

Suite *suite_daemon(void)
{
    Suite *suite = suite_create("daemon");
    TCase *cases = tcase_create("daemon");
    tcase_add_test(cases, the_rows_that_all_have_are_good);
    tcase_add_test(cases, options_become_a_configuration_under_the_log_of_the_command_line);
    tcase_add_test(cases, faults_of_options_name_the_command_line);
    tcase_add_test(cases, addresses_of_this_host_need_no_permission);
    tcase_add_test(cases, bad_command_lines_are_told);
    tcase_add_test(cases, without_options_of_its_own_a_daemon_wants_a_file);
    tcase_add_test(cases, no_memory_is_told);
    tcase_add_test(cases, values_live_as_long_as_somebody_holds_them);
    tcase_add_test(cases, threads_are_one_at_least);
    tcase_add_test(cases, pages_are_those_of_a_program);
    suite_add_tcase(suite, cases);
    return suite;
}
