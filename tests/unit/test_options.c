/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of command lines as rows: each option type, each mistake and its sentence, --help and
 * the man page. The runner in main.c calls suite_options(). */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "unit/unit.h"

struct values {
    bool verbose, all;
    const char *output, *state;
    uint64_t port, size;
    unsigned form;
    struct simc__option_texts inputs;
};

static const char *const forms[] = {"text", "json", "brief", NULL};
static const char *const many[] = {
    "a-word-of-forty-letters-to-fill-the-list", "b-word-of-forty-letters-to-fill-the-list",
    "c-word-of-forty-letters-to-fill-the-list", "d-word-of-forty-letters-to-fill-the-list", NULL};

static const struct simc__option options[] = {
    {.name = "verbose",
     .letter = 'v',
     .offset = offsetof(struct values, verbose),
     .help = "say more"},
    {.name = "all", .letter = 'a', .offset = offsetof(struct values, all), .help = "everything"},
    {.name = "output",
     .letter = 'o',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     .offset = offsetof(struct values, output),
     .help = "where the output goes"},
    {.name = "state",
     .type = SIMC__OPTION_TEXT,
     .argument = "FOLDER-NAME",
     .fallback = "/var/lib",
     .offset = offsetof(struct values, state),
     .help = "where the state is kept"},
    {.name = "port",
     .letter = 'p',
     .type = SIMC__OPTION_UINT,
     .argument = "PORT",
     .min = 1,
     .max = 65535,
     .fallback = "2222",
     .offset = offsetof(struct values, port),
     .help = "the port to listen on"},
    {.name = "size",
     .type = SIMC__OPTION_UINT,
     .argument = "BYTES",
     .max = UINT64_MAX,
     .offset = offsetof(struct values, size),
     .help = "a size"},
    {.name = "form",
     .letter = 'f',
     .type = SIMC__OPTION_CHOICE,
     .argument = "FORM",
     .choices = forms,
     .fallback = "json",
     .offset = offsetof(struct values, form),
     .help = "the form of the output"},
    {.name = "input",
     .letter = 'i',
     .type = SIMC__OPTION_TEXTS,
     .argument = "FILE",
     .offset = offsetof(struct values, inputs),
     .help = "a file to read"},
};

static const struct simc__example examples[] = {
    {"prog try --form=json 'a b.pcap'", "One file, ~3 MB, as \\json."},
    {"prog try -va", ".hidden files too."},
};

static const struct simc__exit_row exits[] = {{0, "all is well"}, {2, "the command line is wrong"}};

static const struct simc__command command = {
    .name = "try",
    .summary = "tries what can be tried",
    .description =
        "The first paragraph is longer than one line of a terminal, so that it has to be "
        "broken.\n\n.The second begins with a dot.\n'The third line with a quote.",
    .operands = "FILE [FILE]",
    .operand_min = 1,
    .operand_max = 2,
    .options = options,
    .option_count = UNIT_COUNT(options),
    .examples = examples,
    .example_count = UNIT_COUNT(examples),
    .exits = exits,
    .exit_count = UNIT_COUNT(exits),
    .values_size = sizeof(struct values),
};

enum { WORDS_MAX = 140 };

struct line {
    char *argv[WORDS_MAX + 1];
    int argc;
    struct values values;
    struct simc__operands operands;
    char why[SIMC__OPTIONS_WHY_SIZE];
};

/* Reads words separated by '|', so that a word may hold blanks or be empty. */
static enum simc__options_result read_with(const struct simc__command *rows, struct line *line,
                                           const char *words)
{
    static char text[4096];
    memset(line, 0, sizeof *line);
    memset(&line->values, 0xff, sizeof line->values);
    memset(line->why, 'x', sizeof line->why);
    snprintf(text, sizeof text, "%s", words);
    for (char *word = words[0] ? text : NULL; word;) {
        char *bar = strchr(word, '|');
        ck_assert_int_lt(line->argc, WORDS_MAX);
        line->argv[line->argc++] = word;
        if (bar)
            *bar = '\0';
        word = bar ? bar + 1 : NULL;
    }
    return simc__options_read(rows, line->argc, line->argv, &line->values, &line->operands,
                              line->why);
}

static void read_good(struct line *line, const char *words)
{
    enum simc__options_result result = read_with(&command, line, words);
    ck_assert_msg(result == SIMC__OPTIONS_RUN, "[%s]: %s", words, line->why);
    ck_assert_str_eq(line->why, "");
}

/* ---- good lines ---- */

START_TEST(what_is_not_given_has_its_default)
{
    struct line line;
    read_good(&line, "file");
    ck_assert(!line.values.verbose && !line.values.all);
    ck_assert_ptr_null(line.values.output);
    ck_assert_str_eq(line.values.state, "/var/lib");
    ck_assert_uint_eq(line.values.port, 2222);
    ck_assert_uint_eq(line.values.size, 0);
    ck_assert_uint_eq(line.values.form, 1);
    ck_assert_uint_eq(line.values.inputs.count, 0);
    ck_assert_uint_eq(line.operands.count, 1);
    ck_assert_str_eq(line.operands.items[0], "file");
}
END_TEST

START_TEST(each_way_to_write_an_option_means_the_same)
{
    static const char *const lines[] = {
        "--verbose|--all|--output|out|--port|80|--form|text|--input|a|--input|b|file",
        "--verbose|--all|--output=out|--port=80|--form=text|--input=a|--input=b|file",
        "-v|-a|-o|out|-p|80|-f|text|-i|a|-i|b|file",
        "-va|-oout|-p80|-ftext|-ia|-ib|file",
        "-vaoout|-p0x50|file|-ftext|-ia|-i|b",
        "file|-vap|80|-o|out|-f|text|--input=a|-ib|--",
        "-vv|-va|-o|old|-oout|-p1|-p80|-fjson|-ftext|-ia|-ib|--|file",
    };
    for (size_t i = 0; i < UNIT_COUNT(lines); i++) {
        struct line line;
        read_good(&line, lines[i]);
        ck_assert(line.values.verbose && line.values.all);
        ck_assert_str_eq(line.values.output, "out");
        ck_assert_uint_eq(line.values.port, 80);
        ck_assert_uint_eq(line.values.form, 0);
        ck_assert_uint_eq(line.values.inputs.count, 2);
        ck_assert_str_eq(line.values.inputs.items[0], "a");
        ck_assert_str_eq(line.values.inputs.items[1], "b");
        ck_assert_uint_eq(line.operands.count, 1);
        ck_assert_str_eq(line.operands.items[0], "file");
    }
}
END_TEST

START_TEST(arguments_may_look_like_anything)
{
    struct line line;
    read_good(&line, "-o|--verbose|--state=|--|-v");
    ck_assert_str_eq(line.values.output, "--verbose");
    ck_assert_str_eq(line.values.state, "");
    ck_assert(!line.values.verbose);
    ck_assert_str_eq(line.operands.items[0], "-v");
    read_good(&line, "-|--output=a=b");
    ck_assert_str_eq(line.operands.items[0], "-");
    ck_assert_str_eq(line.values.output, "a=b");
    read_good(&line, "--|--");
    ck_assert_str_eq(line.operands.items[0], "--");
    read_good(&line, "|x");
    ck_assert_str_eq(line.operands.items[0], "");
    read_good(&line, "--size=18446744073709551615|-p65535|x");
    ck_assert_uint_eq(line.values.size, UINT64_MAX);
    ck_assert_uint_eq(line.values.port, 65535);
}
END_TEST

START_TEST(operands_keep_their_order_among_options)
{
    struct line line;
    read_good(&line, "one|-v|-p|7|two|-a");
    ck_assert_uint_eq(line.operands.count, 2);
    ck_assert_str_eq(line.operands.items[0], "one");
    ck_assert_str_eq(line.operands.items[1], "two");
}
END_TEST

START_TEST(help_wins_over_what_follows_it)
{
    static const char *const lines[] = {"--help", "-h", "a|b|c|--help", "-v|-h|--nonsense"};
    struct line line;
    for (size_t i = 0; i < UNIT_COUNT(lines); i++)
        ck_assert_int_eq(read_with(&command, &line, lines[i]), SIMC__OPTIONS_HELP);
    read_good(&line, "--|--help");
    ck_assert_str_eq(line.operands.items[0], "--help");
}
END_TEST

/* ---- mistakes ---- */

static const struct {
    const char *words, *why;
} mistakes[] = {
    {"--nonsense|x", "there is no option --nonsense; --help lists them"},
    {"--verbos|x", "there is no option --verbos; did you mean --verbose?"},
    {"--Prot=5|x", "there is no option --Prot; did you mean --port?"},
    {"--verbosee=1|x", "there is no option --verbosee; did you mean --verbose?"},
    {"--verb|x", "there is no option --verb; did you mean --verbose?"},
    {"--a-|x", "there is no option --a-; --help lists them"},
    {"--=x", "there is no option --; --help lists them"},
    {"-x|x", "there is no option -x; --help lists them"},
    {"-vx|x", "there is no option -x; --help lists them"},
    {"-v-|x", "there is no option --; --help lists them"},
    {"--help=x", "--help takes no argument"},
    {"--verbose=yes|x", "--verbose takes no argument"},
    {"--verbose=|x", "--verbose takes no argument"},
    {"x|--output", "--output needs an argument: --output FILE"},
    {"x|-o", "-o needs an argument: -o FILE"},
    {"x|-vo", "-o needs an argument: -o FILE"},
    {"-p|http|x", "--port wants a number, not 'http'"},
    {"--port=|x", "--port wants a number, not ''"},
    {"--port=-1|x", "--port wants a number, not '-1'"},
    {"-p080|x", "--port wants a number, not '080'"},
    {"-p80x|x", "--port wants a number, not '80x'"},
    {"--size=18446744073709551616|x", "--size wants a number, not '18446744073709551616'"},
    {"--port=0|x", "--port is 0, but must be 1 to 65535"},
    {"--port|65536|x", "--port is 65536, but must be 1 to 65535"},
    {"--form=xml|x", "--form knows no 'xml'; it is one of: text, json, brief"},
    {"--form=|x", "--form knows no ''; it is one of: text, json, brief"},
    {"--form=JSON|x", "--form knows no 'JSON'; it is one of: text, json, brief"},
    {"", "something is missing: try FILE [FILE]"},
    {"-v", "something is missing: try FILE [FILE]"},
    {"a|b|c", "'c' is one too many: try FILE [FILE]"},
    {"a|--|-b|--all|d", "'--all' is one too many: try FILE [FILE]"},
    {"--port=0|--nonsense", "--port is 0, but must be 1 to 65535"},
    /* Names of files that a shell expands may hold anything. */
    {"--\033[31m=1|x", "there is no option --?[31m; --help lists them"},
    {"-\xc3\xa9|x", "there is no option -?; --help lists them"},
    {"-p\n\xc2\x9b\xff.|x", "--port wants a number, not '????.'"},
    {"a|b|c\r", "'c?' is one too many: try FILE [FILE]"},
};

START_TEST(each_mistake_gets_its_sentence)
{
    for (size_t i = 0; i < UNIT_COUNT(mistakes); i++) {
        struct line line;
        enum simc__options_result result = read_with(&command, &line, mistakes[i].words);
        ck_assert_msg(result == SIMC__OPTIONS_BAD, "[%s] is taken", mistakes[i].words);
        ck_assert_str_eq(line.why, mistakes[i].why);
    }
}
END_TEST

START_TEST(one_option_may_be_repeated_64_times)
{
    char words[WORDS_MAX * 4] = "x";
    struct line line;
    for (int i = 0; i < SIMC__OPTION_TEXTS_MAX; i++)
        unit_append(words, sizeof words, "|-iq");
    read_good(&line, words);
    ck_assert_uint_eq(line.values.inputs.count, SIMC__OPTION_TEXTS_MAX);
    unit_append(words, sizeof words, "|-iq");
    ck_assert_int_eq(read_with(&command, &line, words), SIMC__OPTIONS_BAD);
    ck_assert_str_eq(line.why, "--input may be given 64 times at most");
}
END_TEST

START_TEST(a_very_long_word_gives_a_cut_sentence)
{
    static char words[3000];
    static const char *const heads[] = {"--", "--port=", "--form=", "a|b|", "--verbose=", "-o|x|-"};
    for (size_t i = 0; i < UNIT_COUNT(heads); i++) {
        struct line line;
        snprintf(words, sizeof words, "%s%02500d", heads[i], 7);
        ck_assert_int_eq(read_with(&command, &line, words), SIMC__OPTIONS_BAD);
        ck_assert_uint_lt(strlen(line.why), SIMC__OPTIONS_WHY_SIZE);
        ck_assert_uint_gt(strlen(line.why), 10);
    }
}
END_TEST

START_TEST(many_choices_are_left_to_the_help)
{
    static const struct simc__option rows[] = {{.name = "form",
                                                .type = SIMC__OPTION_CHOICE,
                                                .argument = "FORM",
                                                .choices = many,
                                                .offset = offsetof(struct values, form),
                                                .help = "one of many"}};
    struct simc__command wide = command;
    struct line line;
    wide.options = rows;
    wide.option_count = 1;
    ck_assert_int_eq(read_with(&wide, &line, "--form=x|x"), SIMC__OPTIONS_BAD);
    ck_assert_str_eq(line.why, "--form knows no 'x'; --help lists what it knows");
}
END_TEST

START_TEST(a_default_outside_its_own_row_is_found)
{
    struct simc__option row = options[4];
    struct simc__command wrong = command;
    struct line line;
    row.fallback = "0";
    wrong.options = &row;
    wrong.option_count = 1;
    ck_assert_int_eq(read_with(&wrong, &line, "x"), SIMC__OPTIONS_BAD);
    ck_assert_str_eq(line.why, "--port is 0, but must be 1 to 65535");
}
END_TEST

START_TEST(random_lines_end_with_a_result)
{
    static const char *const pieces[] = {"-",    "--",   "v",   "o",    "p", "=",    "|", "5",
                                         "port", "form", "all", "json", "h", "\xff", "i", "65536"};
    struct unit_random random = unit_random(13);
    for (int turn = 0; turn < 20000; turn++) {
        char words[256] = "";
        struct line line;
        for (uint64_t i = unit_random_below(&random, 24); i > 0; i--)
            unit_append(words, sizeof words,
                        pieces[unit_random_below(&random, UNIT_COUNT(pieces))]);
        enum simc__options_result result = read_with(&command, &line, words);
        ck_assert_ptr_nonnull(memchr(line.why, '\0', sizeof line.why));
        ck_assert_msg((result == SIMC__OPTIONS_BAD) == (line.why[0] != '\0'), "[%s]", words);
        if (result == SIMC__OPTIONS_RUN) {
            ck_assert_uint_ge(line.operands.count, 1);
            ck_assert_uint_le(line.operands.count, 2);
            ck_assert_uint_le(line.values.port, 65535);
            ck_assert_uint_lt(line.values.form, 3);
        }
    }
}
END_TEST

/* ---- texts ---- */

/* The text of a page as a C string. */
static const char *page(void (*write)(struct simc_writer *out))
{
    static char text[16384];
    struct simc_writer out = simc_writer(text, sizeof text - 1), measure = simc_writer(NULL, 0);
    write(&out);
    ck_assert_int_eq(out.error, 0);
    text[out.at] = '\0';
    write(&measure);
    ck_assert_uint_eq(measure.at, out.at);
    struct simc_writer exact = simc_writer(text, out.at);
    write(&exact);
    ck_assert_int_eq(exact.error, 0);
    return text;
}

static void write_help(struct simc_writer *out)
{
    simc__options_help("prog", &command, out);
}

static void write_man(struct simc_writer *out)
{
    simc__options_man("prog", &command, "1.2.3", out);
}

static void expect_within(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "[%s] is missing in:\n%s", part, text);
}

START_TEST(help_shows_every_row)
{
    const char *text = page(write_help);
    expect_within(text, "Usage: prog try [OPTION...] FILE [FILE]\n");
    for (size_t i = 0; i < UNIT_COUNT(options); i++) {
        char head[64] = "";
        if (options[i].letter)
            snprintf(head, sizeof head, "-%c, ", options[i].letter);
        snprintf(head + strlen(head), sizeof head - strlen(head), "--%s%s%s", options[i].name,
                 options[i].argument ? " " : "", options[i].argument ? options[i].argument : "");
        expect_within(text, head);
        expect_within(text, options[i].help);
    }
    expect_within(text, "  -h, --help              print this text and leave\n");
    expect_within(text, "the port to listen on (1 to 65535) [2222]\n");
    expect_within(text, "the form of the output: text, json, brief [json]\n");
    expect_within(text, "a file to read; may be given several times\n");
    for (size_t i = 0; i < UNIT_COUNT(examples); i++) {
        expect_within(text, examples[i].line);
        expect_within(text, examples[i].text);
    }
    for (size_t i = 0; i < UNIT_COUNT(exits); i++)
        expect_within(text, exits[i].text);
}
END_TEST

START_TEST(help_fits_a_terminal_of_80_columns)
{
    for (const char *text = page(write_help); *text;) {
        size_t size = strcspn(text, "\n");
        ck_assert_msg(size <= 80, "%.*s", (int)size, text);
        ck_assert_msg(size == 0 || text[size - 1] != ' ', "blank at the end: %.*s", (int)size,
                      text);
        text += size + (text[size] == '\n');
    }
}
END_TEST

START_TEST(the_man_page_shows_every_row)
{
    const char *text = page(write_man);
    static const char *const parts[] = {
        ".TH prog\\-try 1 ",
        "OpenSimulCrypt 1.2.3",
        ".SH NAME\nprog\\-try \\- tries what can be tried\n",
        ".SH SYNOPSIS\n\\fBprog try\\fR [\\fIOPTION\\fR...] FILE [FILE]\n",
        ".SH DESCRIPTION\n",
        ".SH OPTIONS\n",
        "\\fB\\-v\\fR, \\fB\\-\\-verbose\\fR\n",
        "\\fB\\-\\-state\\fR \\fIFOLDER\\-NAME\\fR\n",
        "\\fB\\-h\\fR, \\fB\\-\\-help\\fR\n",
        ".SH EXAMPLES\n",
        "\\fBprog try \\-\\-form=json \\(aqa b.pcap\\(aq\\fR\nOne file, \\(ti3 MB, as \\ejson.\n",
        "\\fBprog try \\-va\\fR\n\\&.hidden files too.\n",
        ".SH EXIT STATUS\n.TP\n0\nall is well\n.TP\n2\n",
        "\n.PP\n\\&.The second begins with a dot.\n\\(aqThe third",
    };
    for (size_t i = 0; i < UNIT_COUNT(parts); i++)
        expect_within(text, parts[i]);
    for (size_t i = 0; i < UNIT_COUNT(options); i++) {
        char head[64];
        snprintf(head, sizeof head, "\\fB\\-\\-%s\\fR", options[i].name);
        expect_within(text, head);
        expect_within(text, options[i].help);
    }
}
END_TEST

START_TEST(man_lines_begin_with_no_request_but_ours)
{
    static const char *const known[] = {".TH ", ".SH ", ".TP\n", ".PP\n"};
    for (const char *text = page(write_man); *text;) {
        bool good = *text != '.' && *text != '\'' && *text != '\n';
        for (size_t i = 0; i < UNIT_COUNT(known); i++)
            good = good || strncmp(text, known[i], strlen(known[i])) == 0;
        ck_assert_msg(good, "%.60s", text);
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}
END_TEST

static struct simc__option huge_row;

static void write_huge(struct simc_writer *out)
{
    struct simc__command huge = command;
    huge.options = &huge_row;
    huge.option_count = 1;
    simc__options_help("prog", &huge, out);
    simc__options_man("prog", &huge, "1.2.3", out);
}

START_TEST(a_row_that_is_too_long_is_cut_cleanly)
{
    static char text[3000];
    memset(text, 'h', sizeof text - 1);
    huge_row = options[6];
    huge_row.help = text;
    for (const char *p = page(write_huge); *p; p++)
        ck_assert_msg(*p == '\n' || (*p >= ' ' && *p <= '~'), "byte %02x", (unsigned)*p & 0xff);
    huge_row.help = "help";
    huge_row.name = text;
    expect_within(page(write_huge), "hhhh");
}
END_TEST

/* ---- the nearest command ---- */

START_TEST(the_nearest_command_is_found_or_none)
{
    static const struct simc__command dump = {.name = "dump"}, encode = {.name = "encode"},
                                      analyze = {.name = "ts analyze"};
    static const struct simc__command *const commands[] = {&dump, &encode, &analyze};
    static const struct {
        const char *typed;
        const struct simc__command *nearest;
    } cases[] = {
        {"dump", &dump},
        {"dmup", &dump},
        {"DUMP", &dump},
        {"decode", &encode},
        {"encod", &encode},
        {"ts analyse", &analyze},
        {"quit", NULL},
        {"", NULL},
        {"a-word-that-is-longer-than-forty-letters-of-typing", NULL},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++)
        ck_assert_msg(simc__command_nearest(commands, UNIT_COUNT(commands), cases[i].typed) ==
                          cases[i].nearest,
                      "[%s]", cases[i].typed);
    ck_assert_ptr_null(simc__command_nearest(NULL, 0, "dump"));
}
END_TEST

Suite *suite_options(void);

Suite *suite_options(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, what_is_not_given_has_its_default);
    tcase_add_test(tests, each_way_to_write_an_option_means_the_same);
    tcase_add_test(tests, arguments_may_look_like_anything);
    tcase_add_test(tests, operands_keep_their_order_among_options);
    tcase_add_test(tests, help_wins_over_what_follows_it);
    tcase_add_test(tests, each_mistake_gets_its_sentence);
    tcase_add_test(tests, one_option_may_be_repeated_64_times);
    tcase_add_test(tests, a_very_long_word_gives_a_cut_sentence);
    tcase_add_test(tests, many_choices_are_left_to_the_help);
    tcase_add_test(tests, a_default_outside_its_own_row_is_found);
    tcase_add_test(tests, random_lines_end_with_a_result);
    tcase_add_test(tests, help_shows_every_row);
    tcase_add_test(tests, help_fits_a_terminal_of_80_columns);
    tcase_add_test(tests, the_man_page_shows_every_row);
    tcase_add_test(tests, man_lines_begin_with_no_request_but_ours);
    tcase_add_test(tests, a_row_that_is_too_long_is_cut_cleanly);
    tcase_add_test(tests, the_nearest_command_is_found_or_none);
    suite_add_tcase(suite, tests);
    return suite;
}
