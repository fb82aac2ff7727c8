/* SPDX-License-Identifier: BSL-1.0 */
/* The filter behind PCR_FO, PCR_DR and PCR_OJ: it parts what a clock does slowly (offset, drift)
 * from what it does fast (jitter). analyze_pcr.c feeds it. [101290 5.3.2 and annex I] */
#ifndef SIMC__PSI_PCR_FILTER_H
#define SIMC__PSI_PCR_FILTER_H

#include "simulcrypt/base.h"

/* A parabola through what the clock was ahead, by least squares; the past counts less and less.
 * Jitter is the way from the parabola to the clock: a high-pass of the third order whose -3 dB
 * point is the demarcation frequency. A zeroed struct is ready. */
struct simc__pcr_filter {
    bool started;
    double at_s;              /* arrival of the last value */
    double first_s;           /* and of the first */
    uint64_t count;           /* values */
    double phase, rate, bend; /* at `at_s`: s, s/s, s/s^2 (half the drift) */
    double sums[5];           /* of weights times (age)^0 .. (age)^4; ages are negative */
    double pulls[3];          /* the same times the way from the parabola to the value */
    double jitter_s;          /* of the last value */
};

/* Gives a value of the clock. @param clock_s, at_s seconds by the clock and by arrival; a step of
 * arrival of over 10 s starts anew. @param demarcation_hz above 0. */
void simc__pcr_filter_push(struct simc__pcr_filter *filter, double clock_s, double at_s,
                           double demarcation_hz);
/* How long it has looked, in seconds. */
static inline double simc__pcr_filter_span(const struct simc__pcr_filter *filter)
{
    return filter->started ? filter->at_s - filter->first_s : 0;
}
/* The bandwidth in rad/s that it has now: at first it is that of the short time it has looked. */
double simc__pcr_filter_bandwidth(const struct simc__pcr_filter *filter, double demarcation_hz);

#endif
