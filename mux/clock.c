/* SPDX-License-Identifier: BSL-1.0 */
/* The clock of a PCR PID on the timeline: an anchor and a slope that follows the arrivals slowly,
 * so that PCRs stay on a straight line while buffers neither grow nor run dry. timing.c gives it
 * the PCRs of the inputs; README.md has the formulas. */
#include "mux/internal.h"

enum {
    WINDOW_FAST_MS = 1000, /* arrivals are averaged over this while the rate is being learned */
    WINDOW_SLOW_MS = 4000, /* and over this from then on */
    STAGES = 180,          /* fast windows */
    STEP_PPB = 1500,       /* the slope changes by at most this from window to window */
    RATE_PPB = 150000,     /* and is at most this far from 1 */
    FAST_S = 30,
    SLOW_S = 120,
    BIAS_MS = 10,
    STRAYS = 3, /* PCRs in a row that go back a little: then it is a jump */
};

/* A PCR this much before the last one is one that the network put out of order. */
#define STRAY_MAX (INT64_C(100) * 27000)
/* A longer step without anything else that tells the time is a jump. */
#define GAP_MAX (INT64_C(27000000))

void simc__mux_clock_anchor(struct simc__mux_clock *clock, uint64_t pcr, uint64_t tick)
{
    clock->is_started = true;
    clock->is_broken = false;
    clock->strays = 0;
    clock->pcr = pcr;
    clock->tick_q16 = tick << 16;
    clock->error = clock->error_sum = clock->error_min = clock->error_max = 0;
    clock->error_count = 0;
    clock->window_pcr = 0;
    clock->stage = STAGES;
    clock->bias = 0;
    clock->has_bias = false;
    clock->is_seen = false;
}

/* Where the line puts the PCR `distance` from the anchor. */
static uint64_t line(const struct simc__mux_clock *clock, int64_t distance)
{
    int64_t bend = (distance * clock->rate_q40) >> 24;
    return clock->tick_q16 + (uint64_t)(distance * 65536 + bend);
}

static int64_t limited(int64_t value, int64_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : value;
}

/* The first window tells how far the arrivals really are from the first one: that distance is kept
 * from then on, rather than bent away. */
static void settle(struct simc__mux_clock *clock)
{
    clock->bias = limited(clock->error_sum / (int64_t)clock->error_count, BIAS_MS * 27000);
    clock->has_bias = true;
    clock->error_sum = 0;
    clock->error_count = 0;
    clock->window_pcr = 0;
}

/* The end of a window: the slope for the next one. A control loop with a proportional and an
 * integral part; its time constant is FAST_S first and SLOW_S later. */
static void steer(struct simc__mux_clock *clock)
{
    int64_t mean_ns = clock->error_sum / (int64_t)clock->error_count * 1000 / 27;
    bool is_fast = clock->stage > 0;
    int64_t seconds = is_fast ? FAST_S : SLOW_S;
    int64_t window_ms = is_fast ? WINDOW_FAST_MS : WINDOW_SLOW_MS;
    int64_t wished = clock->integral_ppb + mean_ns / seconds;
    int64_t rate = clock->rate_ppb + limited(wished - clock->rate_ppb, STEP_PPB);
    rate = limited(rate, RATE_PPB);
    clock->integral_ppb = limited(
        clock->integral_ppb + mean_ns * window_ms / (1000 * 4 * seconds * seconds), RATE_PPB);
    clock->rate_ppb = rate;
    /* 2^40 / 10^9 = 1099.511627776 */
    clock->rate_q40 = rate * 1099511 / 1000;
    if (clock->stage > 0)
        clock->stage--;
    clock->error_sum = 0;
    clock->error_count = 0;
    clock->window_pcr = 0;
}

/* Takes an arrival into the window. @return false: all of the window's arrivals lie beyond the
 * threshold on one side, so the line is wrong. */
static bool observe(struct simc__mux_clock *clock, int64_t error, int64_t distance,
                    int64_t threshold)
{
    if (!clock->is_seen) {
        /* The places of the very first packets are known less well. */
        clock->is_seen = true;
        return true;
    }
    error -= clock->bias;
    if (clock->error_count == 0 || error < clock->error_min)
        clock->error_min = error;
    if (clock->error_count == 0 || error > clock->error_max)
        clock->error_max = error;
    clock->error = error;
    clock->error_sum += error;
    clock->error_count++;
    clock->window_pcr += (uint64_t)distance;
    uint64_t window = simc__mux_ms(clock->stage > 0 ? WINDOW_FAST_MS : WINDOW_SLOW_MS);
    if (clock->window_pcr < window)
        return true;
    if (clock->error_min > threshold || clock->error_max < -threshold)
        return false;
    if (clock->has_bias)
        steer(clock);
    else
        settle(clock);
    return true;
}

static enum simc__mux_clock_event begin(struct simc__mux_clock *clock, uint64_t pcr,
                                        uint64_t look_tick, bool is_jump, uint64_t *tick)
{
    simc__mux_clock_anchor(clock, pcr, look_tick);
    *tick = look_tick;
    return is_jump ? SIMC__MUX_CLOCK_JUMP : SIMC__MUX_CLOCK_NEW;
}

enum simc__mux_clock_event simc__mux_clock_push(struct simc__mux_clock *clock, uint64_t pcr,
                                                const struct simc__mux_clock_look *look,
                                                uint64_t *tick)
{
    if (!clock->is_started || clock->is_broken) {
        bool is_first = !clock->is_started;
        begin(clock, pcr, look->tick, false, tick);
        return is_first ? SIMC__MUX_CLOCK_GOOD : SIMC__MUX_CLOCK_NEW;
    }
    int64_t distance = simc_pcr_distance(pcr, clock->pcr);
    if (distance <= 0 && distance > -STRAY_MAX && clock->strays < STRAYS) {
        clock->strays++;
        *tick = line(clock, distance) >> 16;
        return SIMC__MUX_CLOCK_GOOD;
    }
    bool is_odd = distance <= 0 || distance > 60 * GAP_MAX;
    if (is_odd || (look->is_exact && distance > GAP_MAX))
        return begin(clock, pcr, look->tick, true, tick);
    uint64_t tick_q16 = line(clock, distance);
    int64_t error = (int64_t)(look->tick - (tick_q16 >> 16));
    if (!look->is_exact && !look->is_consistent &&
        (error > look->threshold || error < -look->threshold))
        return begin(clock, pcr, look->tick, true, tick);
    clock->strays = 0;
    clock->pcr = pcr;
    clock->tick_q16 = tick_q16;
    *tick = tick_q16 >> 16;
    if (!look->is_exact && !observe(clock, error, distance, look->threshold))
        return begin(clock, pcr, look->tick, true, tick);
    return SIMC__MUX_CLOCK_GOOD;
}

uint64_t simc__mux_clock_pcr(const struct simc__mux_clock *clock, uint64_t base, uint64_t due,
                             uint64_t tick)
{
    int64_t late = limited((int64_t)(tick - due), 60 * GAP_MAX);
    int64_t bend = (late * clock->rate_q40) >> 40;
    return (base + tick % SIMC_PCR_WRAP + SIMC_PCR_WRAP - (uint64_t)bend) % SIMC_PCR_WRAP;
}
