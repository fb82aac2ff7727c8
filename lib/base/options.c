/* SPDX-License-Identifier: BSL-1.0 */
/* Reads a command line against its rows; see options.h. Every mistake gets one sentence that names
 * the argument and what would be right. */
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "base/text.h"

struct reading {
    const struct simc__command *command;
    uint8_t *values;
    char *why;
};

static int bad(struct reading *r, const char *format, ...) SIMC_PRINTF(2, 3);

static int bad(struct reading *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->why, SIMC__OPTIONS_WHY_SIZE, format, arguments);
    va_end(arguments);
    /* Arguments come from shells that expand names of files, so they may hold anything. */
    simc__text_disarm(r->why);
    return SIMC_ESYNTAX;
}

static int set_uint(struct reading *r, const struct simc__option *option, const char *argument)
{
    uint64_t number;
    if (simc__text_read_uint(simc_slice_text(argument), &number))
        return bad(r, "--%s wants a number, not '%s'", option->name, argument);
    if (number < option->min || number > option->max)
        return bad(r, "--%s is %s, but must be %llu to %llu", option->name, argument,
                   (unsigned long long)option->min, (unsigned long long)option->max);
    memcpy(r->values + option->offset, &number, sizeof number);
    return 0;
}

static int set_choice(struct reading *r, const struct simc__option *option, const char *argument)
{
    char known[128];
    struct simc_writer list = simc_writer(known, sizeof known - 1);
    for (unsigned i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], argument) == 0) {
            memcpy(r->values + option->offset, &i, sizeof i);
            return 0;
        }
        simc__text_printf(&list, "%s%s", i ? ", " : "", option->choices[i]);
    }
    if (list.error)
        return bad(r, "--%s knows no '%s'; --help lists what it knows", option->name, argument);
    known[list.at] = '\0';
    return bad(r, "--%s knows no '%s'; it is one of: %s", option->name, argument, known);
}

static int set(struct reading *r, const struct simc__option *option, const char *argument)
{
    switch (option->type) {
    case SIMC__OPTION_FLAG:
        *(bool *)(r->values + option->offset) = true;
        return 0;
    case SIMC__OPTION_TEXT:
        memcpy(r->values + option->offset, &argument, sizeof argument);
        return 0;
    case SIMC__OPTION_UINT:
        return set_uint(r, option, argument);
    case SIMC__OPTION_CHOICE:
        return set_choice(r, option, argument);
    case SIMC__OPTION_TEXTS: {
        struct simc__option_texts texts;
        memcpy(&texts, r->values + option->offset, sizeof texts);
        if (texts.count == SIMC__OPTION_TEXTS_MAX)
            return bad(r, "--%s may be given %d times at most", option->name,
                       SIMC__OPTION_TEXTS_MAX);
        texts.items[texts.count++] = argument;
        memcpy(r->values + option->offset, &texts, sizeof texts);
        return 0;
    }
    }
    return 0;
}

static int unknown_option(struct reading *r, const char *name, size_t size)
{
    const struct simc__option *nearest = NULL;
    unsigned least = (unsigned)size / 3 + 2;
    if (size == 4 && memcmp(name, "help", size) == 0)
        return bad(r, "--help takes no argument");
    for (size_t i = 0; i < r->command->option_count; i++) {
        const struct simc__option *option = &r->command->options[i];
        unsigned distance =
            simc__text_distance(simc_slice(name, size), simc_slice_text(option->name));
        if (size > 1 && strncmp(option->name, name, size) == 0)
            distance = 1; /* the beginning of the name */
        if (distance < least) {
            least = distance;
            nearest = option;
        }
    }
    if (nearest)
        return bad(r, "there is no option --%.*s; did you mean --%s?", (int)size, name,
                   nearest->name);
    return bad(r, "there is no option --%.*s; --help lists them", (int)size, name);
}

/* `--name`, `--name=argument` or `--name argument`. */
static int read_long(struct reading *r, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    const struct simc__option *option = NULL;
    for (size_t i = 0; i < r->command->option_count && !option; i++) {
        const char *known = r->command->options[i].name;
        if (strlen(known) == size && memcmp(known, name, size) == 0)
            option = &r->command->options[i];
    }
    if (!option)
        return unknown_option(r, name, size);
    if (option->type == SIMC__OPTION_FLAG)
        return equals ? bad(r, "--%s takes no argument", option->name) : set(r, option, NULL);
    if (!equals && *at + 1 >= argc)
        return bad(r, "--%s needs an argument: --%s %s", option->name, option->name,
                   option->argument);
    return set(r, option, equals ? equals + 1 : argv[++*at]);
}

/* `-l`, `-largument` or `-l argument`; flags may stand together: `-ab`. */
static int read_letters(struct reading *r, int argc, char **argv, int *at)
{
    for (const char *p = argv[*at] + 1; *p; p++) {
        const struct simc__option *option = NULL;
        for (size_t i = 0; i < r->command->option_count && !option; i++) {
            if (r->command->options[i].letter == *p)
                option = &r->command->options[i];
        }
        if (!option)
            return bad(r, "there is no option -%c; --help lists them", *p);
        if (option->type == SIMC__OPTION_FLAG) {
            int error = set(r, option, NULL);
            if (error)
                return error;
            continue;
        }
        if (!p[1] && *at + 1 >= argc)
            return bad(r, "-%c needs an argument: -%c %s", *p, *p, option->argument);
        return set(r, option, p[1] ? p + 1 : argv[++*at]);
    }
    return 0;
}

static int set_fallbacks(struct reading *r)
{
    memset(r->values, 0, r->command->values_size);
    for (size_t i = 0; i < r->command->option_count; i++) {
        const struct simc__option *option = &r->command->options[i];
        int error = option->fallback ? set(r, option, option->fallback) : 0;
        if (error)
            return error;
    }
    return 0;
}

static int check_operands(struct reading *r, const struct simc__operands *operands)
{
    const struct simc__command *command = r->command;
    if (operands->count < command->operand_min)
        return bad(r, "something is missing: %s %s", command->name, command->operands);
    if (operands->count > command->operand_max)
        return bad(r, "'%s' is one too many: %s %s", operands->items[command->operand_max],
                   command->name, command->operands);
    return 0;
}

enum simc__options_result simc__options_read(const struct simc__command *command, int argc,
                                             char **argv, void *values,
                                             struct simc__operands *operands,
                                             char why[SIMC__OPTIONS_WHY_SIZE])
{
    struct reading reading = {command, values, why};
    bool options_ended = false;
    int count = 0;
    why[0] = '\0';
    int error = set_fallbacks(&reading);
    for (int at = 0; at < argc && !error; at++) {
        char *word = argv[at];
        if (options_ended || word[0] != '-' || word[1] == '\0')
            argv[count++] = word;
        else if (strcmp(word, "--") == 0)
            options_ended = true;
        else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
            return SIMC__OPTIONS_HELP;
        else if (word[1] == '-')
            error = read_long(&reading, argc, argv, &at);
        else
            error = read_letters(&reading, argc, argv, &at);
    }
    operands->items = (const char *const *)argv;
    operands->count = (size_t)count;
    if (!error)
        error = check_operands(&reading, operands);
    return error ? SIMC__OPTIONS_BAD : SIMC__OPTIONS_RUN;
}

const struct simc__command *simc__command_nearest(const struct simc__command *const *commands,
                                                  size_t count, const char *typed)
{
    const struct simc__command *nearest = NULL;
    unsigned least = (unsigned)strlen(typed) / 3 + 2;
    for (size_t i = 0; i < count; i++) {
        unsigned distance =
            simc__text_distance(simc_slice_text(typed), simc_slice_text(commands[i]->name));
        if (distance < least) {
            least = distance;
            nearest = commands[i];
        }
    }
    return nearest;
}
