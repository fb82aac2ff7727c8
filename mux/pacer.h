/* SPDX-License-Identifier: BSL-1.0 */
/* Files in a live multiplex: at which moment each of their packets would have arrived, by their
 * PCRs. multiplex.c holds files and pipes up with it. */
#ifndef SIMC__MUX_PACER_H
#define SIMC__MUX_PACER_H

#include "simulcrypt/ts.h"

/* A zeroed struct is ready. */
struct simc__muxd_pacer {
    struct simc_pcr_clock clock; /* of one PID */
    uint64_t bitrate;            /* fixed: for streams without PCR; 0: by PCRs */
    uint64_t start_ns;           /* monotonic, of the clock's zero; 0: not started */
    uint64_t packet;             /* index of the next packet */
    uint64_t lag_packets;        /* since the last PCR of the PID */
    uint16_t pid;
    bool has_pid;
};

/** How many of the packets have arrived by `until_ns`; the pacer goes on behind them.
 *  @param now_ns for the start, and for what is late by more than a second: it starts anew.
 *  @param at_ns when the last of them arrived. @param wait_ns when the next one will. */
size_t simc__muxd_pacer_take(struct simc__muxd_pacer *pacer, const struct simc_ts_run *run,
                             uint64_t now_ns, uint64_t *at_ns, uint64_t *wait_ns);
/** The file begins again, or the stream broke: the next PCR has nothing to do with the last. */
void simc__muxd_pacer_break(struct simc__muxd_pacer *pacer);

#endif
