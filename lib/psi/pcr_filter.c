/* SPDX-License-Identifier: BSL-1.0 */
/* Recursive least squares with a fading memory, for three unknowns and times of any spacing. See
 * pcr_filter.h for what it is for and who calls it. */
#include <string.h>

#include "psi/pcr_filter.h"

static const double pi = 3.14159265358979323846;
/* A triple pole at w makes a high-pass that is at -3 dB where (x^2 / (1 + x^2))^3 = 1/2 for a
 * frequency of x times w. */
static const double pole_share = 1 / 1.9615;
/* Least squares over a time T follow what is slower than about 6/T. */
static const double span_factor = 6;
static const double gap_s = 10;

static double pole(double demarcation_hz)
{
    return 2 * pi * pole_share * demarcation_hz;
}

double simc__pcr_filter_bandwidth(const struct simc__pcr_filter *filter, double demarcation_hz)
{
    double span = simc__pcr_filter_span(filter), final = pole(demarcation_hz);
    double present = span > 0 ? span_factor / span : 1e9;
    return present > final ? present : final;
}

/* e^-x without a mathematical library, exact to 1e-9 for the small x of one step: halved until it
 * is small, squared as often. */
static double decay(double x)
{
    unsigned halvings = 0;
    for (; x > 0.01 && halvings < 64; halvings++)
        x /= 2;
    double value = 1 / (1 + x * (1 + x * (1.0 / 2) * (1 + x * (1.0 / 3) * (1 + x * (1.0 / 4)))));
    while (halvings--)
        value *= value;
    return value;
}

/* The present moves on by `h`: all ages shrink by it, all weights fade, the parabola is the same
 * seen from another place. */
static void shift(struct simc__pcr_filter *filter, double h, double fading)
{
    const double *s = filter->sums, *t = filter->pulls;
    double h2 = h * h;
    double sums[5] = {s[0], s[1] - h * s[0], s[2] - 2 * h * s[1] + h2 * s[0],
                      s[3] - 3 * h * s[2] + 3 * h2 * s[1] - h2 * h * s[0],
                      s[4] - 4 * h * s[3] + 6 * h2 * s[2] - 4 * h2 * h * s[1] + h2 * h2 * s[0]};
    double pulls[3] = {t[0], t[1] - h * t[0], t[2] - 2 * h * t[1] + h2 * t[0]};
    for (int i = 0; i < 5; i++)
        filter->sums[i] = fading * sums[i];
    for (int i = 0; i < 3; i++)
        filter->pulls[i] = fading * pulls[i];
    filter->phase += h * (filter->rate + h * filter->bend);
    filter->rate += 2 * h * filter->bend;
}

/* Moves the parabola to where the values are in balance again: the normal equations, by Cramer's
 * rule. Too few values for a parabola leave it where it is, and wait for others. */
static void balance(struct simc__pcr_filter *filter)
{
    const double *s = filter->sums, *t = filter->pulls;
    double c00 = s[2] * s[4] - s[3] * s[3], c01 = s[2] * s[3] - s[1] * s[4];
    double c02 = s[1] * s[3] - s[2] * s[2], c11 = s[0] * s[4] - s[2] * s[2];
    double c12 = s[1] * s[2] - s[0] * s[3], c22 = s[0] * s[2] - s[1] * s[1];
    double determinant = s[0] * c00 + s[1] * c01 + s[2] * c02;
    if (filter->count < 3 || determinant <= s[0] * s[2] * s[4] * 1e-9)
        return;
    double scale = 1 / determinant;
    filter->phase += (c00 * t[0] + c01 * t[1] + c02 * t[2]) * scale;
    filter->rate += (c01 * t[0] + c11 * t[1] + c12 * t[2]) * scale;
    filter->bend += (c02 * t[0] + c12 * t[1] + c22 * t[2]) * scale;
    memset(filter->pulls, 0, sizeof filter->pulls);
}

void simc__pcr_filter_push(struct simc__pcr_filter *filter, double clock_s, double at_s,
                           double demarcation_hz)
{
    double ahead = clock_s - at_s, step = at_s - filter->at_s;
    if (!filter->started || step < -gap_s || step > gap_s) {
        *filter = (struct simc__pcr_filter){
            .started = true, .at_s = at_s, .first_s = at_s, .count = 1, .phase = ahead};
        filter->sums[0] = 1;
        return;
    }
    /* What was held up in a network comes at once, or in another order: then no time has passed. */
    if (step < 0)
        step = 0;
    shift(filter, step, decay(step * pole(demarcation_hz)));
    filter->sums[0] += 1;
    filter->at_s += step;
    filter->count++;
    filter->pulls[0] += ahead - filter->phase;
    balance(filter);
    filter->jitter_s = ahead - filter->phase;
}
