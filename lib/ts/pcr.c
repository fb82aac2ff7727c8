/* SPDX-License-Identifier: BSL-1.0 */
/* Program clock references: their six bytes, arithmetic on their circle, and a clock made of them.
 * The statistics, the analyser and the multiplexer's timeline stand on it. */
#include "simulcrypt/ts.h"

uint64_t simc_pcr_get(const uint8_t bytes[6])
{
    uint64_t base = (uint64_t)bytes[0] << 25 | (uint64_t)bytes[1] << 17 | (uint64_t)bytes[2] << 9 |
                    (uint64_t)bytes[3] << 1 | bytes[4] >> 7;
    uint64_t extension = (uint64_t)(bytes[4] & 1) << 8 | bytes[5];
    return (base * 300 + extension) % SIMC_PCR_WRAP;
}

void simc_pcr_put(uint8_t bytes[6], uint64_t pcr_27mhz)
{
    pcr_27mhz %= SIMC_PCR_WRAP;
    uint64_t base = pcr_27mhz / 300, extension = pcr_27mhz % 300;
    bytes[0] = (uint8_t)(base >> 25);
    bytes[1] = (uint8_t)(base >> 17);
    bytes[2] = (uint8_t)(base >> 9);
    bytes[3] = (uint8_t)(base >> 1);
    bytes[4] = (uint8_t)((base & 1) << 7 | 0x7e | extension >> 8);
    bytes[5] = (uint8_t)extension;
}

int simc_ts_set_pcr(uint8_t *packet, uint64_t pcr_27mhz)
{
    if (!simc_ts_has_pcr(packet))
        return SIMC_ENOTFOUND;
    simc_pcr_put(packet + 6, pcr_27mhz);
    return 0;
}

uint64_t simc_pcr_add(uint64_t pcr_27mhz, int64_t ticks)
{
    int64_t wrap = (int64_t)SIMC_PCR_WRAP;
    int64_t sum = (int64_t)(pcr_27mhz % SIMC_PCR_WRAP) + ticks % wrap;
    if (sum < 0)
        sum += wrap;
    return (uint64_t)(sum >= wrap ? sum - wrap : sum);
}

static int64_t circle_distance(uint64_t a, uint64_t b, uint64_t wrap)
{
    uint64_t ahead = (a % wrap + wrap - b % wrap) % wrap;
    return ahead < wrap / 2 ? (int64_t)ahead : (int64_t)ahead - (int64_t)wrap;
}

int64_t simc_pcr_distance(uint64_t a_27mhz, uint64_t b_27mhz)
{
    return circle_distance(a_27mhz, b_27mhz, SIMC_PCR_WRAP);
}

int64_t simc_pts_distance(uint64_t a_90khz, uint64_t b_90khz)
{
    return circle_distance(a_90khz, b_90khz, UINT64_C(1) << 33);
}

enum simc_pcr_event simc_pcr_clock_push(struct simc_pcr_clock *clock, uint64_t pcr_27mhz,
                                        uint64_t packet, bool announced)
{
    struct simc_pcr_clock before = *clock;
    clock->pcr_27mhz = pcr_27mhz % SIMC_PCR_WRAP;
    clock->packet = packet;
    clock->step_27mhz = 0;
    clock->broken = false;
    announced = announced || before.broken;
    if (!before.started) {
        clock->started = true;
        return SIMC_PCR_FIRST;
    }

    int64_t step = simc_pcr_distance(pcr_27mhz, before.pcr_27mhz);
    bool jump = step <= 0 || step > SIMC_PCR_GAP_MAX || packet <= before.packet;
    if (announced || jump) {
        /* The time base is new: go on by the rate that was. */
        clock->time_27mhz = simc_pcr_clock_time(&before, packet);
        return announced ? SIMC_PCR_ANNOUNCED : SIMC_PCR_JUMP;
    }
    clock->step_27mhz = step;
    clock->time_27mhz = before.time_27mhz + (uint64_t)step;
    clock->has_rate = true;
    clock->rate_ticks = (uint64_t)step;
    clock->rate_packets = packet - before.packet;
    clock->ticks += clock->rate_ticks;
    clock->packets += clock->rate_packets;
    return step > SIMC_PCR_SPACING_MAX ? SIMC_PCR_LATE : SIMC_PCR_GOOD;
}

/* value * factor / divisor without overflow for the sizes met here: ticks of a step are below
 * 2^28, packets may be many, so the quotient and the rest are scaled apart. */
static uint64_t scale(uint64_t value, uint64_t factor, uint64_t divisor)
{
    return value / divisor * factor + value % divisor * factor / divisor;
}

uint64_t simc_pcr_clock_time(const struct simc_pcr_clock *clock, uint64_t packet)
{
    if (!clock->has_rate || packet <= clock->packet)
        return clock->time_27mhz;
    return clock->time_27mhz +
           scale(packet - clock->packet, clock->rate_ticks, clock->rate_packets);
}

uint64_t simc_pcr_clock_bitrate(const struct simc_pcr_clock *clock)
{
    if (!clock->ticks)
        return 0;
    double bits = (double)clock->packets * SIMC_TS_SIZE * 8;
    return (uint64_t)(bits * (double)SIMC_PCR_HZ / (double)clock->ticks + 0.5);
}
