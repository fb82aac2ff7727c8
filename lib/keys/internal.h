/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses files inside lib/keys: the rows of the file, reading by descriptor, sentences. */
#ifndef SIMC__KEYS_INTERNAL_H
#define SIMC__KEYS_INTERNAL_H

#include "keys/file.h"

/* A longer name is cut, so that what is behind it in a sentence is not. */
enum { SIMC__KEYS_NAME_SHOWN_MAX = 160 };

extern const struct simc__conf_table simc__keys_table;

/** Writes a sentence. @return `error`. */
int simc__keys_why(int error, char why[SIMC__KEYS_WHY_SIZE], const char *format, ...)
    SIMC_PRINTF(3, 4);
/** Refuses what is no regular file of its owner alone. @return 0, SIMC_EIO. */
int simc__keys_fd_check(int fd, const char *path, char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Reads to the end. @param path for sentences. @return 0, SIMC_EIO, SIMC_EFULL, SIMC_ENOMEM. */
int simc__keys_fd_read(int fd, const char *path, struct simc_buffer *into,
                       char why[SIMC__KEYS_WHY_SIZE]) SIMC_MUST_CHECK;

#endif
