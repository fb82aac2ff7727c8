/* SPDX-License-Identifier: BSL-1.0 */
/* Where `simulcrypt ts` verbs write packets: a file, standard output, or UDP. */
#ifndef SIMC__CLI_TS_OUTPUT_H
#define SIMC__CLI_TS_OUTPUT_H

#include "cli/ts.h"

enum { SIMC__TS_DATAGRAM_SIZE = 7 * SIMC_TS_SIZE };

struct simc__ts_output {
    const char *name; /* borrowed */
    int fd;
    bool is_socket;
    size_t held; /* bytes that wait for a full datagram */
    uint8_t datagram[SIMC__TS_DATAGRAM_SIZE];
};

/* Opens "-", a path (created or emptied), or udp://ADDRESS:PORT[?INTERFACE].
 * @param input_name what is read: an output that is the same file is refused.
 * @param ttl of datagrams, 1..255. @return 0, or SIMC_EIO / SIMC_ESYNTAX with a sentence. */
int simc__ts_output_open(struct simc__ts_output *output, const char *name, const char *input_name,
                         unsigned ttl, char why[SIMC__TS_WHY_SIZE]) SIMC_MUST_CHECK;
/* Writes whole packets, to UDP seven per datagram. @return 0, or SIMC_EIO with errno set. */
int simc__ts_output_write(struct simc__ts_output *output,
                          struct simc_slice packets) SIMC_MUST_CHECK;
/* Sends what waits and closes. @return 0, or SIMC_EIO with errno set. */
int simc__ts_output_close(struct simc__ts_output *output) SIMC_MUST_CHECK;

#endif
