/* SPDX-License-Identifier: BSL-1.0 */
/* What the verbs that connect to a server share: addresses, and the CPU time of the server. The
 * load generators and the laboratory EMMG use it. */
#ifndef SIMC__CLI_LOAD_H
#define SIMC__CLI_LOAD_H

#include "simulcrypt/base.h"

enum { SIMC__CLI_HOST_SIZE = 256 };

/** Splits "HOST:PORT" or "[HOST]:PORT". NULL is no address. @return 0, SIMC_ESYNTAX. */
int simc__cli_address_read(const char *text, char host[SIMC__CLI_HOST_SIZE],
                           uint16_t *port) SIMC_MUST_CHECK;
/** User and system time of another process of this host, microseconds; 0: not known. */
uint64_t simc__cli_cpu_us(uint64_t pid);

#endif
