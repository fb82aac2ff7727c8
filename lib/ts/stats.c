/* SPDX-License-Identifier: BSL-1.0 */
/* Statistics of a stream, per PID and as a whole, and its time by PCR. The analyser and the
 * multiplexer's input supervision give it every packet. */
#include <string.h>

#include "simulcrypt/ts.h"

enum {
    /* Payloads below one AES block may stay clear in a scrambled stream (TS 103 127), so they say
     * nothing about its state. */
    TELLING_PAYLOAD = 16,
    /* The reference clock has failed when others show this many PCRs in between: over 100 ms even
     * with a PCR in each frame of 50 clocks. */
    SILENCE_MAX = 100,
};

int simc_ts_stats_init(struct simc_ts_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    stats->pids = simc_calloc(SIMC_TS_PID_COUNT, sizeof *stats->pids);
    return stats->pids ? 0 : SIMC_ENOMEM;
}

void simc_ts_stats_fini(struct simc_ts_stats *stats)
{
    simc_free(stats->pids);
    memset(stats, 0, sizeof *stats);
}

void simc_ts_stats_break(struct simc_ts_stats *stats)
{
    for (unsigned i = 0; i < stats->clock_count; i++)
        stats->clocks[i].broken = true;
}

bool simc_ts_stats_has_time(const struct simc_ts_stats *stats)
{
    return stats->clock_count && stats->clocks[stats->reference].has_rate;
}

static uint64_t reference_time(const struct simc_ts_stats *stats, uint64_t packet)
{
    uint64_t time = simc_pcr_clock_time(&stats->clocks[stats->reference], packet);
    return time + (uint64_t)stats->reference_offset;
}

uint64_t simc_ts_stats_time(struct simc_ts_stats *stats)
{
    if (simc_ts_stats_has_time(stats)) {
        uint64_t time = reference_time(stats, stats->packets - 1);
        /* The rate changes from PCR to PCR, and then a prediction was too high. */
        if (time > stats->time_27mhz)
            stats->time_27mhz = time;
    }
    return stats->time_27mhz;
}

static void switch_reference(struct simc_ts_stats *stats, unsigned clock, uint64_t packet)
{
    uint64_t now = simc_ts_stats_time(stats);
    stats->reference = clock;
    stats->reference_silence = 0;
    stats->reference_offset = (int64_t)(now - simc_pcr_clock_time(&stats->clocks[clock], packet));
}

static enum simc_pcr_event push_pcr(struct simc_ts_stats *stats, struct simc_ts_pid_stats *pid,
                                    const uint8_t *packet, uint64_t pcr_27mhz, uint64_t index)
{
    if (!pid->clock) {
        if (stats->clock_count == SIMC_TS_CLOCKS_MAX)
            return SIMC_PCR_FIRST;
        stats->clock_pids[stats->clock_count] = simc_ts_pid(packet);
        pid->clock = (uint8_t)++stats->clock_count;
    }
    unsigned number = pid->clock - 1u;
    enum simc_pcr_event event = simc_pcr_clock_push(&stats->clocks[number], pcr_27mhz, index,
                                                    simc_ts_discontinuity(packet));
    if (number == stats->reference)
        stats->reference_silence = 0;
    else if (stats->clocks[number].has_rate &&
             (!simc_ts_stats_has_time(stats) || ++stats->reference_silence > SILENCE_MAX))
        switch_reference(stats, number, index);
    return event;
}

static void push_tsc(struct simc_ts_pid_stats *pid, const uint8_t *packet, unsigned payload_size,
                     struct simc_ts_event *event)
{
    unsigned tsc = (unsigned)simc_ts_tsc(packet);
    pid->by_tsc[tsc]++;
    if (payload_size < TELLING_PAYLOAD)
        return;
    if (SIMC_LIKELY(pid->tsc_seen && pid->tsc == tsc))
        return;
    pid->tsc_changes += pid->tsc_seen != 0;
    pid->tsc_seen = (uint8_t)(pid->tsc_seen | 1u << tsc);
    pid->tsc = (uint8_t)tsc;
    event->tsc_changed = true;
}

void simc_ts_stats_push(struct simc_ts_stats *stats, const uint8_t packet[SIMC_TS_SIZE],
                        struct simc_ts_event *event)
{
    struct simc_ts_event unwanted;
    if (!event)
        event = &unwanted;
    struct simc_ts_pid_stats *pid = &stats->pids[simc_ts_pid(packet)];
    *event = (struct simc_ts_event){.pid = pid, .order = SIMC_TS_ORDER_GOOD};
    uint64_t index = stats->packets++;
    if (SIMC_UNLIKELY(packet[0] != SIMC_TS_SYNC)) {
        /* Not even the PID can be trusted. */
        stats->bad_syncs++;
        event->bad_sync = event->bad = true;
        return;
    }
    if (!pid->packets++)
        pid->first_packet = index;
    pid->last_packet = index;
    if (SIMC_UNLIKELY(simc_ts_error(packet) || !simc_ts_valid(packet))) {
        bool error = simc_ts_error(packet);
        pid->transport_errors += error;
        stats->transport_errors += error;
        pid->malformed += !error;
        stats->malformed += !error;
        event->bad = true;
        return;
    }

    event->order = simc_ts_continuity_push(&pid->continuity, packet);
    if (SIMC_UNLIKELY(event->order > SIMC_TS_ORDER_GOOD)) {
        pid->duplicates += event->order == SIMC_TS_ORDER_DUPLICATE;
        pid->announced += event->order == SIMC_TS_ORDER_ANNOUNCED;
        pid->order_errors += event->order == SIMC_TS_ORDER_ERROR;
        stats->order_errors += event->order == SIMC_TS_ORDER_ERROR;
    }
    unsigned payload_size = SIMC_TS_SIZE - simc_ts_payload_at(packet);
    pid->unit_starts += simc_ts_unit_start(packet);
    if (payload_size)
        push_tsc(pid, packet, payload_size, event);
    else
        pid->no_payload++;
    if (simc_ts_pcr(packet, &event->pcr_27mhz)) {
        pid->pcrs++;
        event->has_pcr = true;
        event->pcr = push_pcr(stats, pid, packet, event->pcr_27mhz, index);
    }
}

uint64_t simc_ts_stats_bitrate(const struct simc_ts_stats *stats)
{
    return simc_ts_stats_has_time(stats) ? simc_pcr_clock_bitrate(&stats->clocks[stats->reference])
                                         : 0;
}

uint64_t simc_ts_stats_pid_bitrate(const struct simc_ts_stats *stats, uint16_t pid)
{
    if (pid >= SIMC_TS_PID_COUNT || !stats->packets)
        return 0;
    double share = (double)stats->pids[pid].packets / (double)stats->packets;
    return (uint64_t)((double)simc_ts_stats_bitrate(stats) * share + 0.5);
}
