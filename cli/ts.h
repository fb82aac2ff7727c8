/* SPDX-License-Identifier: BSL-1.0 */
/* What the `simulcrypt ts` verbs share: inputs of transport stream packets, and the progress bar.
 */
#ifndef SIMC__CLI_TS_H
#define SIMC__CLI_TS_H

#include "cli/commands.h"
#include "simulcrypt/ts.h"

extern const struct simc__command simc__command_ts_analyze;
extern const struct simc__command simc__command_ts_descramble;
extern const struct simc__command simc__command_ts_scramble;
extern const struct simc__command simc__command_ts_sections;

enum { SIMC__TS_WHY_SIZE = 256, SIMC__TS_BLOCK_SIZE = 1 << 20 };

/* A file, standard input, or a UDP socket. */
struct simc__ts_input {
    const char *name;
    int fd;
    bool is_socket;
    uint64_t size;        /* of a regular file; 0: not known */
    uint64_t taken;       /* bytes read so far */
    uint64_t deadline_ms; /* stop then; SIMC_DEADLINE_NONE: never */
    uint64_t arrival_ns;  /* of a socket's last datagram */
    uint64_t shown_ms;    /* when the bar was drawn last; 0: it is not wanted */
    uint8_t *block;       /* SIMC__TS_BLOCK_SIZE */
};

/* Opens "-", a path, or udp://[SOURCE@]GROUP:PORT[?INTERFACE].
 * @param seconds stop after this time; 0: at the end of the input.
 * @return 0, or SIMC_EIO / SIMC_ESYNTAX / SIMC_ENOMEM with one sentence in `why`. */
int simc__ts_input_open(struct simc__ts_input *input, const char *name, uint64_t seconds,
                        char why[SIMC__TS_WHY_SIZE]);
void simc__ts_input_close(struct simc__ts_input *input);
/* The next bytes: a block of a file, or the packets of one datagram without its RTP header.
 * @param bytes borrowed until the next call; empty when a socket has been silent for a while.
 * @return 0; SIMC_EEND (end of file, time is up, or Ctrl-C); SIMC_EIO with `why`. */
int simc__ts_input_read(struct simc__ts_input *input, struct simc_slice *bytes,
                        char why[SIMC__TS_WHY_SIZE]);
/* Draws a bar on standard error from now on, if that is a terminal and the size is known. */
void simc__ts_progress_start(struct simc__ts_input *input);
void simc__ts_progress_end(struct simc__ts_input *input);

/* True when something (NTP, PTP) keeps the clock of this computer at the right rate. */
bool simc__ts_clock_is_kept(void);

/* Opens a UDP socket that sends to ADDRESS:PORT[?INTERFACE]. @param ttl 1..255.
 * @return 0, or SIMC_EIO / SIMC_ESYNTAX with one sentence in `why`. */
int simc__ts_udp_sender(const char *address, unsigned ttl, int *fd,
                        char why[SIMC__TS_WHY_SIZE]) SIMC_MUST_CHECK;

/* The options that all verbs have. */
struct simc__ts_options {
    uint64_t packet_size; /* 0: find out */
    uint64_t seconds;
};

/* Reads an input to its end and gives each run of packets to `take`, which returns 0 to go on.
 * Runs of no packets mean that bytes were skipped, or that time passed. @return an exit status. */
int simc__ts_run(const char *name, const struct simc__ts_options *options, bool progress,
                 int (*take)(void *context, const struct simc_ts_sync *sync,
                             const struct simc_ts_run *run),
                 void *context);
/* The same, and says when packets come. @param arrival_ns before each call of `take`: the monotonic
 * time at which its packets were received, in nanoseconds; 0: they come from a file or pipe. */
int simc__ts_run_timed(const char *name, const struct simc__ts_options *options, bool progress,
                       int (*take)(void *context, const struct simc_ts_sync *sync,
                                   const struct simc_ts_run *run),
                       void *context, uint64_t *arrival_ns);

#endif
