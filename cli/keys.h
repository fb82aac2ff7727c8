/* SPDX-License-Identifier: BSL-1.0 */
/* What the `simulcrypt keys` verbs and `simulcrypt ecm` share: reading key files with every fault
 * told. */
#ifndef SIMC__CLI_KEYS_H
#define SIMC__CLI_KEYS_H

#include "cli/commands.h"
#include "keys/keys.h"

extern const struct simc__command simc__command_keys_ac;
extern const struct simc__command simc__command_keys_add;
extern const struct simc__command simc__command_keys_check;
extern const struct simc__command simc__command_keys_new;
extern const struct simc__command simc__command_keys_rotate;
extern const struct simc__command simc__command_keys_show;

enum { SIMC__CLI_TIME_SIZE = 24 };

/* Reads a key file, "-" for standard input, and says what is wrong with it.
 * @param faulty the exit status when it can be read but has faults.
 * @return an exit status; SIMC__EXIT_GOOD: `keys` is to be released with simc__keys_free(). */
int simc__cli_keys_open(const char *path, int faulty, struct simc__keys **keys);
/* The same from text. @param name of the file. */
int simc__cli_keys_load(struct simc_slice text, const char *name, int faulty,
                        struct simc__keys **keys);
/* Reads the number of a package. @return an exit status. */
int simc__cli_package(const char *text, uint32_t *package);
/* A time as key files have it. @return `text`. */
const char *simc__cli_time(uint64_t seconds, char text[SIMC__CLI_TIME_SIZE]);
/* Seconds since 1970. */
uint64_t simc__cli_now_s(void);

/* Writes a warning when an older version will be in force again after a newer one: "package 1:
 * version 2 follows version 13 at ...". @return whether there was something to say. */
bool simc__cli_keys_warn_order(const struct simc__keys *keys, uint32_t package);

#endif
