/* SPDX-License-Identifier: BSL-1.0 */
/* Command lines as rows. A program describes its commands and options once; the parser, --help and
 * the man page read the same rows, so they cannot drift. Every program of the project uses it. */
#ifndef SIMC__BASE_OPTIONS_H
#define SIMC__BASE_OPTIONS_H

#include "simulcrypt/base.h"

enum simc__option_type {
    SIMC__OPTION_FLAG,   /* bool: true when given */
    SIMC__OPTION_TEXT,   /* const char *: the argument, borrowed from argv; NULL when not given */
    SIMC__OPTION_UINT,   /* uint64_t within min..max */
    SIMC__OPTION_CHOICE, /* unsigned: index into `choices` */
    SIMC__OPTION_TEXTS,  /* struct simc__option_texts: may be given several times */
};

enum { SIMC__OPTION_TEXTS_MAX = 64 };

struct simc__option_texts {
    const char *items[SIMC__OPTION_TEXTS_MAX];
    size_t count;
};

struct simc__option {
    const char *name; /* without the two dashes */
    char letter;      /* 0: none */
    enum simc__option_type type;
    const char *argument;       /* what --help calls the argument, "PORT"; NULL for flags */
    uint64_t min, max;          /* SIMC__OPTION_UINT */
    const char *const *choices; /* SIMC__OPTION_CHOICE: NULL-terminated */
    const char *fallback;       /* the default as text; NULL: off, none, 0 or the first choice */
    size_t offset;              /* of the member in the command's values struct */
    const char *help;           /* without a full stop */
};

/* One example of a man page: what to type and what it does. */
struct simc__example {
    const char *line;
    const char *text;
};

struct simc__exit_row {
    int status;
    const char *text;
};

/* What a command gets when it runs. */
struct simc__operands {
    const char *const *items; /* borrowed from argv */
    size_t count;
};

struct simc__command {
    const char *name;        /* "dump", or for a command of two words "ts analyze" */
    const char *summary;     /* one line, lower case, no full stop */
    const char *description; /* paragraphs, separated by an empty line */
    const char *operands;    /* as in the usage line, "[FILE...]"; "" for none */
    unsigned operand_min, operand_max;
    const struct simc__option *options;
    size_t option_count;
    const struct simc__example *examples;
    size_t example_count;
    const struct simc__exit_row *exits;
    size_t exit_count;
    size_t values_size; /* of the struct that the options' offsets point into */
    /* Runs the command. @return the exit status of the process. */
    int (*run)(const void *values, const struct simc__operands *operands);
};

enum simc__options_result {
    SIMC__OPTIONS_RUN,  /* go on */
    SIMC__OPTIONS_HELP, /* --help was given: print it and leave with 0 */
    SIMC__OPTIONS_BAD,  /* the line is wrong: `why` tells */
};

enum { SIMC__OPTIONS_WHY_SIZE = 256 };

/* Reads the arguments behind the command's name. Options and operands may be mixed; `--` ends the
 * options. @param argv rearranged: the operands end up in front. @param values filled, all members,
 * also those with defaults. @param why on SIMC__OPTIONS_BAD one sentence without a full stop. */
enum simc__options_result simc__options_read(const struct simc__command *command, int argc,
                                             char **argv, void *values,
                                             struct simc__operands *operands,
                                             char why[SIMC__OPTIONS_WHY_SIZE]);

/* Writes what --help prints. @param program "simulcrypt". */
void simc__options_help(const char *program, const struct simc__command *command,
                        struct simc_writer *out);
/* Writes the man page (troff, man macros). @param version "0.1.0". */
void simc__options_man(const char *program, const struct simc__command *command,
                       const char *version, struct simc_writer *out);

/* What both write behind their head, from the description on: for programs without commands. */
void simc__options_help_body(const struct simc__command *command, struct simc_writer *out);
void simc__options_man_body(const struct simc__command *command, struct simc_writer *out);

/* Of several commands, the one whose name is nearest to what was typed, or NULL. */
const struct simc__command *simc__command_nearest(const struct simc__command *const *commands,
                                                  size_t count, const char *typed);

#endif
