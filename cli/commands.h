/* SPDX-License-Identifier: BSL-1.0 */
/* The verbs of the simulcrypt command. main.c lists them; each is a file of its own. */
#ifndef SIMC__CLI_COMMANDS_H
#define SIMC__CLI_COMMANDS_H

#include "base/options.h"

/* The exit statuses that all verbs share. */
enum {
    SIMC__EXIT_GOOD = 0,
    SIMC__EXIT_FOUND = 1,   /* the tool worked, and what it looked at is faulty */
    SIMC__EXIT_TROUBLE = 2, /* wrong usage, unreadable input, no room for the output */
};

extern const struct simc__command simc__command_dump;
extern const struct simc__command simc__command_emmg;
extern const struct simc__command simc__command_encode;
extern const struct simc__command simc__command_load_ecmg;
extern const struct simc__command simc__command_load_mux;

/* Writes "simulcrypt: " and one sentence to standard error. @return SIMC__EXIT_TROUBLE. */
int simc__cli_trouble(const char *format, ...) SIMC_PRINTF(1, 2);
/* Writes to standard output; after the first failure nothing more is tried. */
void simc__cli_write(struct simc_slice bytes);
/* True once standard output has failed: a long-running verb may stop then. */
bool simc__cli_output_failed(void);
/* Sends on what was written so far. */
void simc__cli_flush(void);
/* Flushes standard output. @return `status`, or SIMC__EXIT_TROUBLE when something was not written.
 */
int simc__cli_finish(int status);
/* The name under which an input is to be opened: "-" for /dev/stdin and /dev/fd/N, which standard
 * input then stands for, else the path itself. */
const char *simc__cli_input(const char *path);

#endif
