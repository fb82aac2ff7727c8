/* SPDX-License-Identifier: BSL-1.0 */
/* The pace of files by their PCRs; see pacer.h. multiplex.c calls it. */
#include "mux/pacer.h"

enum {
    /* Packets without a PCR of the PID, behind which another PID is taken. */
    PID_LOST = 20000,
    LATE_MOST_NS = 1000000000,
    PACKET_BITS = SIMC_TS_SIZE * 8,
    NS_PER_S = 1000000000,
};

/* Ticks of 27 MHz in nanoseconds, without an overflow for centuries. */
static uint64_t ns_of(uint64_t ticks)
{
    return ticks / SIMC_PCR_HZ * NS_PER_S + ticks % SIMC_PCR_HZ * NS_PER_S / SIMC_PCR_HZ;
}

static uint64_t time_ns(const struct simc__muxd_pacer *pacer)
{
    if (pacer->bitrate) {
        uint64_t whole = pacer->packet * PACKET_BITS;
        return whole / pacer->bitrate * NS_PER_S +
               whole % pacer->bitrate * NS_PER_S / pacer->bitrate;
    }
    return pacer->clock.started ? ns_of(simc_pcr_clock_time(&pacer->clock, pacer->packet)) : 0;
}

static void look(struct simc__muxd_pacer *pacer, const uint8_t *packet)
{
    uint64_t pcr_27mhz;
    pacer->lag_packets++;
    if (!simc_ts_pcr(packet, &pcr_27mhz))
        return;
    uint16_t pid = simc_ts_pid(packet);
    if (!pacer->has_pid || (pid != pacer->pid && pacer->lag_packets > PID_LOST)) {
        pacer->clock.broken = pacer->has_pid;
        pacer->has_pid = true;
        pacer->pid = pid;
    }
    if (pid != pacer->pid)
        return;
    simc_pcr_clock_push(&pacer->clock, pcr_27mhz, pacer->packet, simc_ts_discontinuity(packet));
    pacer->lag_packets = 0;
}

size_t simc__muxd_pacer_take(struct simc__muxd_pacer *pacer, const struct simc_ts_run *run,
                             uint64_t now_ns, uint64_t *at_ns, uint64_t *wait_ns)
{
    *wait_ns = now_ns;
    *at_ns = now_ns;
    for (size_t i = 0; i < run->count; i++) {
        uint64_t offset_ns = time_ns(pacer);
        uint64_t due_ns = pacer->start_ns + offset_ns;
        /* At the start, and behind a stall, which is not made up for by a burst. */
        if (!pacer->start_ns || due_ns + LATE_MOST_NS < now_ns) {
            pacer->start_ns = now_ns - offset_ns;
            due_ns = now_ns;
        }
        if (due_ns > now_ns) {
            *wait_ns = due_ns;
            return i;
        }
        look(pacer, run->data + i * run->stride);
        pacer->packet++;
        *at_ns = due_ns;
    }
    return run->count;
}

void simc__muxd_pacer_break(struct simc__muxd_pacer *pacer)
{
    pacer->clock.broken = true;
}
