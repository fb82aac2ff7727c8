/* SPDX-License-Identifier: BSL-1.0 */
/* What every process that may hold secrets does first. */
#ifndef SIMC__SYS_PROCESS_H
#define SIMC__SYS_PROCESS_H

#include "simulcrypt/base.h"

/** Forbids core dumps and debuggers, ignores SIGPIPE, and draws the key of the fingerprints.
 *  @return 0, or SIMC_EIO: the system gave no random bytes. */
int simc__process_harden(void) SIMC_MUST_CHECK;
/** Fills memory from the system's random generator. @return 0, or SIMC_EIO. */
int simc__process_random(void *memory, size_t size) SIMC_MUST_CHECK;

#endif
