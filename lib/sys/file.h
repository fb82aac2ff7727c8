/* SPDX-License-Identifier: BSL-1.0 */
/* Reads whole files with a ceiling and writes whole outputs, with reasons that a user understands.
 * Command line tools and configuration loaders use it. */
#ifndef SIMC__SYS_FILE_H
#define SIMC__SYS_FILE_H

#include "simulcrypt/base.h"

enum { SIMC__FILE_WHY_SIZE = 512 };

/** Reads a file, or standard input for "-".
 *  @param into empty, initialised; its ceiling is the largest file accepted. Holds the bytes on
 *         success; the caller calls simc_buffer_fini() in either case.
 *  @param why on failure one sentence that names the file.
 *  @return 0, SIMC_EIO, SIMC_EFULL (larger than the ceiling), SIMC_ENOMEM. */
int simc__file_read(const char *path, struct simc_buffer *into,
                    char why[SIMC__FILE_WHY_SIZE]) SIMC_MUST_CHECK;

/** Writes all bytes to a file descriptor, whatever pieces it takes. @return 0, or SIMC_EIO with
 *  errno set. */
int simc__file_write(int fd, struct simc_slice bytes) SIMC_MUST_CHECK;

#endif
