/* SPDX-License-Identifier: BSL-1.0 */
/* The command line of a daemon: the options that all have, and its own behind them. main.c reads
 * it; config.c asks it where the configuration comes from. */
#include <stdio.h>
#include <string.h>

#include "daemon/internal.h"

/* The daemon's own values begin here, behind the common ones. */
enum { OWN_OFFSET = (sizeof(struct simc__daemon_options) + 15) / 16 * 16 };

static const char *const levels[] = {"configured", "error", "warning", "notice",
                                     "info",       "debug", NULL};
static const char *const forms[] = {"configured", "auto",     "json", "plain",
                                    "journal",    "terminal", NULL};

#define AT(member) .offset = offsetof(struct simc__daemon_options, member)

static const struct simc__option rows[] = {
    {.name = "config",
     .letter = 'c',
     .type = SIMC__OPTION_TEXT,
     .argument = "FILE",
     AT(config),
     .help = "the configuration; '-' reads standard input"},
    {.name = "check",
     .type = SIMC__OPTION_FLAG,
     AT(check),
     .help = "only tell whether the configuration is good"},
    {.name = "print-config",
     .type = SIMC__OPTION_FLAG,
     AT(print_config),
     .help = "print the configuration in use, defaults included, and leave"},
    {.name = "print-sample",
     .type = SIMC__OPTION_FLAG,
     AT(print_sample),
     .help = "print a commented configuration to start from, and leave"},
    {.name = "print-reference",
     .type = SIMC__OPTION_FLAG,
     AT(print_reference),
     .help = "print all keys of the configuration as a table, and leave"},
    {.name = "log-level",
     .type = SIMC__OPTION_CHOICE,
     .argument = "LEVEL",
     .choices = levels,
     .fallback = "configured",
     AT(log_level),
     .help = "what is logged, whatever the configuration says"},
    {.name = "log-form",
     .type = SIMC__OPTION_CHOICE,
     .argument = "FORM",
     .choices = forms,
     .fallback = "configured",
     AT(log_form),
     .help = "how log lines look, whatever the configuration says"},
    {.name = "version",
     .type = SIMC__OPTION_FLAG,
     AT(version),
     .help = "print version and build, and leave"},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static const struct simc__exit_row exits[] = {
    {SIMC__DAEMON_EXIT_GOOD, "ended by a signal, or printed what was asked for"},
    {SIMC__DAEMON_EXIT_FAULTY, "the configuration has faults"},
    {SIMC__DAEMON_EXIT_TROUBLE, "wrong usage, could not start, or could not go on"},
};

int simc__daemon_line_init(struct simc__daemon_line *line, const struct simc__daemon *daemon)
{
    size_t count = ROW_COUNT + daemon->option_count;
    memset(line, 0, sizeof *line);
    line->rows = simc_calloc(count, sizeof *line->rows);
    line->common = simc_calloc(1, OWN_OFFSET + daemon->options_size);
    if (!line->rows || !line->common) {
        simc__daemon_line_fini(line);
        return SIMC_ENOMEM;
    }
    /* The daemon's own come first: they are what --help is read for. */
    for (size_t i = 0; i < daemon->option_count; i++) {
        line->rows[i] = daemon->options[i];
        line->rows[i].offset += OWN_OFFSET;
    }
    memcpy(line->rows + daemon->option_count, rows, sizeof rows);
    line->own = daemon->options_size ? (uint8_t *)line->common + OWN_OFFSET : NULL;
    line->command = (struct simc__command){
        .name = daemon->name,
        .summary = daemon->summary,
        .description = daemon->description,
        .operands = "",
        .options = line->rows,
        .option_count = count,
        .examples = daemon->examples,
        .example_count = daemon->example_count,
        .exits = exits,
        .exit_count = sizeof exits / sizeof exits[0],
        .values_size = OWN_OFFSET + daemon->options_size,
    };
    return 0;
}

void simc__daemon_line_fini(struct simc__daemon_line *line)
{
    simc_free(line->rows);
    simc_free(line->common);
    memset(line, 0, sizeof *line);
}

/* ---- reading ---- */

/* How many bytes an option's value has. */
static size_t value_size(const struct simc__option *option)
{
    switch (option->type) {
    case SIMC__OPTION_FLAG:
        return sizeof(bool);
    case SIMC__OPTION_TEXT:
        return sizeof(const char *);
    case SIMC__OPTION_UINT:
        return sizeof(uint64_t);
    case SIMC__OPTION_CHOICE:
        return sizeof(unsigned);
    case SIMC__OPTION_TEXTS:
        return sizeof(struct simc__option_texts);
    }
    return 0;
}

/* The first of the daemon's own options that was given, or NULL: its value is not the default. */
static const struct simc__option *find_own(const struct simc__daemon_line *line,
                                           const struct simc__daemon *daemon)
{
    const struct simc__option *found = NULL;
    char why[SIMC__OPTIONS_WHY_SIZE];
    struct simc__operands operands;
    char *nothing[] = {NULL};
    uint8_t *defaults = simc_alloc(line->command.values_size);
    if (!defaults)
        return NULL;
    if (simc__options_read(&line->command, 0, nothing, defaults, &operands, why) ==
        SIMC__OPTIONS_RUN) {
        for (size_t i = 0; i < daemon->option_count && !found; i++) {
            const struct simc__option *row = &line->rows[i];
            const uint8_t *given = (const uint8_t *)line->common + row->offset;
            if (memcmp(given, defaults + row->offset, value_size(row)) != 0)
                found = row;
        }
    }
    simc_free(defaults);
    return found;
}

static int check_together(const struct simc__daemon_line *line, const struct simc__daemon *daemon,
                          char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__daemon_options *options = line->common;
    unsigned modes = (unsigned)options->check + options->print_config + options->print_sample +
                     options->print_reference + options->version;
    const struct simc__option *own = options->config ? find_own(line, daemon) : NULL;
    if (modes > 1) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "--check, --version and the --print options are for one at a time");
        return SIMC_EINVAL;
    }
    if (own) {
        snprintf(why, SIMC__DAEMON_WHY_SIZE,
                 "--%s and --config cannot be given together: either the file says everything, or "
                 "the options do (--print-config with the options prints a file)",
                 own->name);
        return SIMC_EINVAL;
    }
    return 0;
}

enum simc__options_result simc__daemon_line_read(struct simc__daemon_line *line,
                                                 const struct simc__daemon *daemon, int argc,
                                                 char **argv, char why[SIMC__DAEMON_WHY_SIZE])
{
    struct simc__operands operands;
    char option_why[SIMC__OPTIONS_WHY_SIZE];
    enum simc__options_result result =
        simc__options_read(&line->command, argc, argv, line->common, &operands, option_why);
    snprintf(why, SIMC__DAEMON_WHY_SIZE, "%s", option_why);
    if (result == SIMC__OPTIONS_RUN && check_together(line, daemon, why) != 0)
        result = SIMC__OPTIONS_BAD;
    return result;
}
