/* SPDX-License-Identifier: BSL-1.0 */
/* Prints command rows as --help text and as a man page; see options.h. */
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/text.h"

enum { LINE_WIDTH = 80, HELP_COLUMN = 26 };

/* Writes words with line breaks; lines after the first start at `column`. An empty line in the text
 * stays one. */
static void put_wrapped(struct simc_writer *out, const char *text, unsigned column, unsigned at)
{
    while (*text) {
        if (*text == '\n') {
            simc__text_printf(out, "\n%s%*s", text[1] == '\n' ? "\n" : "", (int)column, "");
            text += text[1] == '\n' ? 2 : 1;
            at = column;
            continue;
        }
        if (*text == ' ') {
            text++;
            continue;
        }
        unsigned size = (unsigned)strcspn(text, " \n");
        if (at > column && at + 1 + size > LINE_WIDTH) {
            simc__text_printf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            simc_writer_u8(out, ' ');
            at++;
        }
        simc_writer_slice(out, simc_slice(text, size));
        at += size;
        text += size;
    }
    simc_writer_u8(out, '\n');
}

/* The help sentence with range, choices and default behind it. */
static void describe(const struct simc__option *option, char *text, size_t size)
{
    struct simc_writer out = simc_writer(text, size - 1);
    memset(text, 0, size);
    simc__text_put(&out, option->help);
    if (option->type == SIMC__OPTION_UINT)
        simc__text_printf(&out, " (%llu to %llu)", (unsigned long long)option->min,
                          (unsigned long long)option->max);
    for (unsigned i = 0; option->choices && option->choices[i]; i++)
        simc__text_printf(&out, "%s%s", i ? ", " : ": ", option->choices[i]);
    if (option->type == SIMC__OPTION_TEXTS)
        simc__text_put(&out, "; may be given several times");
    if (option->fallback)
        simc__text_printf(&out, " [%s]", option->fallback);
}

static void put_option(struct simc_writer *out, const struct simc__option *option)
{
    char head[64], text[1024];
    int size = option->letter
                   ? snprintf(head, sizeof head, "  -%c, --%s", option->letter, option->name)
                   : snprintf(head, sizeof head, "      --%s", option->name);
    if (option->argument && size > 0 && (size_t)size < sizeof head)
        snprintf(head + size, sizeof head - (size_t)size, " %s", option->argument);
    describe(option, text, sizeof text);
    simc__text_put(out, head);
    if (strlen(head) + 2 > HELP_COLUMN)
        simc__text_printf(out, "\n%*s", HELP_COLUMN, "");
    else
        simc__text_printf(out, "%*s", (int)(HELP_COLUMN - strlen(head)), "");
    put_wrapped(out, text, HELP_COLUMN, HELP_COLUMN);
}

static const struct simc__option help_row = {
    .name = "help", .letter = 'h', .help = "print this text and leave"};

void simc__options_help(const char *program, const struct simc__command *command,
                        struct simc_writer *out)
{
    simc__text_printf(out, "Usage: %s %s [OPTION...] %s\n\n", program, command->name,
                      command->operands);
    simc__options_help_body(command, out);
}

void simc__options_help_body(const struct simc__command *command, struct simc_writer *out)
{
    put_wrapped(out, command->description, 0, 0);
    simc__text_put(out, "\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++)
        put_option(out, &command->options[i]);
    put_option(out, &help_row);
    if (command->example_count)
        simc__text_put(out, "\nExamples:\n");
    for (size_t i = 0; i < command->example_count; i++)
        simc__text_printf(out, "  %s\n      %s\n", command->examples[i].line,
                          command->examples[i].text);
    if (command->exit_count)
        simc__text_put(out, "\nExit status:\n");
    for (size_t i = 0; i < command->exit_count; i++) {
        simc__text_printf(out, "  %d  ", command->exits[i].status);
        put_wrapped(out, command->exits[i].text, 5, 5);
    }
}

/* troff: a dot must not begin a line, and some characters would be printed as typographic ones that
 * a shell does not understand. */
static void put_troff(struct simc_writer *out, const char *text)
{
    static const struct {
        char from;
        const char *to;
    } escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'\'', "\\(aq"},
                   {'^', "\\(ha"}, {'~', "\\(ti"}, {'`', "\\(ga"}};
    bool line_start = true;
    for (; *text; text++) {
        const char *escape = NULL;
        for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
            if (escapes[i].from == *text)
                escape = escapes[i].to;
        }
        if (line_start && *text == '.')
            simc__text_put(out, "\\&");
        line_start = *text == '\n';
        if (escape) {
            simc__text_put(out, escape);
        } else if (*text == '\n' && text[1] == '\n') {
            simc__text_put(out, "\n.PP\n");
            text++;
        } else {
            simc_writer_u8(out, (uint8_t)*text);
        }
    }
}

static void put_man_option(struct simc_writer *out, const struct simc__option *option)
{
    char text[1024];
    simc__text_put(out, ".TP\n");
    if (option->letter)
        simc__text_printf(out, "\\fB\\-%c\\fR, ", option->letter);
    simc__text_put(out, "\\fB\\-\\-");
    put_troff(out, option->name);
    simc__text_put(out, "\\fR");
    if (option->argument) {
        simc__text_put(out, " \\fI");
        put_troff(out, option->argument);
        simc__text_put(out, "\\fR");
    }
    simc_writer_u8(out, '\n');
    describe(option, text, sizeof text);
    put_troff(out, text);
    simc_writer_u8(out, '\n');
}

/* `simulcrypt-ts-analyze`: the page's name has no blanks. */
static void put_page_name(struct simc_writer *out, const char *program, const char *name)
{
    simc__text_printf(out, "%s\\-", program);
    for (; *name; name++)
        simc__text_put(out, *name == ' ' || *name == '-' ? "\\-" : (char[]){*name, '\0'});
}

void simc__options_man(const char *program, const struct simc__command *command,
                       const char *version, struct simc_writer *out)
{
    simc__text_put(out, ".TH ");
    put_page_name(out, program, command->name);
    simc__text_printf(out, " 1 \"\" \"OpenSimulCrypt %s\" \"OpenSimulCrypt\"\n", version);
    simc__text_put(out, ".SH NAME\n");
    put_page_name(out, program, command->name);
    simc__text_put(out, " \\- ");
    put_troff(out, command->summary);
    simc__text_printf(out, "\n.SH SYNOPSIS\n\\fB%s ", program);
    put_troff(out, command->name);
    simc__text_put(out, "\\fR [\\fIOPTION\\fR...] ");
    put_troff(out, command->operands);
    simc_writer_u8(out, '\n');
    simc__options_man_body(command, out);
}

void simc__options_man_body(const struct simc__command *command, struct simc_writer *out)
{
    simc__text_put(out, ".SH DESCRIPTION\n");
    put_troff(out, command->description);
    simc__text_put(out, "\n.SH OPTIONS\n");
    for (size_t i = 0; i < command->option_count; i++)
        put_man_option(out, &command->options[i]);
    put_man_option(out, &help_row);
    if (command->example_count)
        simc__text_put(out, ".SH EXAMPLES\n");
    for (size_t i = 0; i < command->example_count; i++) {
        simc__text_put(out, ".TP\n\\fB");
        put_troff(out, command->examples[i].line);
        simc__text_put(out, "\\fR\n");
        put_troff(out, command->examples[i].text);
        simc_writer_u8(out, '\n');
    }
    if (command->exit_count)
        simc__text_put(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < command->exit_count; i++) {
        simc__text_printf(out, ".TP\n%d\n", command->exits[i].status);
        put_troff(out, command->exits[i].text);
        simc_writer_u8(out, '\n');
    }
}
