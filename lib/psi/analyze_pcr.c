/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's measurements of PCRs against the time at which they come: frequency offset, drift
 * rate, overall jitter. analyze_clock.c calls it. [101290 5.3.2 and annex I] */
#include "psi/analyze_internal.h"

enum {
    PACKET_BITS = SIMC_TS_SIZE * 8,
    SHORTEST_S = 3,   /* nothing is said of less */
    FEWEST = 30,      /* PCRs */
    JITTER_FIRST = 10 /* values until the parabola is where it belongs */
};

/* Jitter of one amplitude can look like so much drift, and so much offset, per bandwidth squared
 * and bandwidth: what the filter lets through where it parts one from the other. */
static const double drift_leak = 0.71, offset_leak = 1.5;

static double absolute(double value)
{
    return value < 0 ? -value : value;
}

/* What is left of a value when all that jitter may have done to it is taken away. */
static double certain(double value, double doubt)
{
    double size = absolute(value) - doubt;
    return size > 0 ? size : 0;
}

static double demarcation(const struct simc__analyzer *analyzer)
{
    return (double)analyzer->limits.pcr_demarcation_mhz / 1000;
}

double simc__pcr_settling_s(const struct simc__analyzer *analyzer)
{
    return analyzer->arrival_ns ? 1 / demarcation(analyzer) : SHORTEST_S;
}

const char *simc__offset_blind(const struct simc__analyzer *analyzer)
{
    if (analyzer->arrival_ns)
        return analyzer->limits.clock_is_loose ? "the clock of this computer is not synchronised"
                                               : NULL;
    return analyzer->limits.bitrate_bps ? NULL
                                        : "the bit rate is only known by the PCRs themselves";
}

/* One fault for each time that a limit is passed. */
static void judge(struct simc__analyzer *analyzer, bool *over, bool is_over,
                  enum simc__check_id check, uint16_t pid, const char *what, double value)
{
    simc__judge(analyzer, check);
    if (is_over && !*over)
        simc__raise(analyzer, check, pid, what, (int64_t)value);
    *over = is_over;
}

static void judge_jitter(struct simc__analyzer *analyzer, unsigned number)
{
    struct simc__pcr_measure *measure = &analyzer->measures[number];
    double jitter_ns = absolute(measure->filter.jitter_s) * 1e9;
    if (measure->filter.count <= JITTER_FIRST)
        return;
    if (jitter_ns > measure->jitter_ns)
        measure->jitter_ns = jitter_ns;
    if (analyzer->limits.pcr_jitter_ns)
        judge(analyzer, &measure->jitter_over, jitter_ns > analyzer->limits.pcr_jitter_ns,
              SIMC__CHECK_PCR_JITTER, analyzer->stats.clock_pids[number], "ns of overall jitter",
              jitter_ns);
}

static void judge_wander(struct simc__analyzer *analyzer, unsigned number)
{
    const struct simc__limits *limits = &analyzer->limits;
    struct simc__pcr_measure *measure = &analyzer->measures[number];
    const struct simc__pcr_filter *filter = &measure->filter;
    const double hz = (double)SIMC_PCR_HZ;
    uint16_t pid = analyzer->stats.clock_pids[number];
    double span = simc__pcr_filter_span(filter);
    if (span < SHORTEST_S || filter->count < FEWEST)
        return;
    measure->measured = true;
    if (span > measure->longest_s)
        measure->longest_s = span;
    double bandwidth = simc__pcr_filter_bandwidth(filter, demarcation(analyzer));
    double jitter_s = measure->jitter_ns / 1e9;
    measure->offset_hz = filter->rate * hz;
    measure->drift_mhz = 2 * filter->bend * hz * 1000;
    double offset = certain(measure->offset_hz, offset_leak * bandwidth * jitter_s * hz);
    double drift =
        certain(measure->drift_mhz, drift_leak * bandwidth * bandwidth * jitter_s * hz * 1000);
    if (span < simc__pcr_settling_s(analyzer))
        return;
    judge(analyzer, &measure->drift_over, drift > limits->pcr_drift_mhz, SIMC__CHECK_PCR_DRIFT, pid,
          "mHz per second that the clock drifts", measure->drift_mhz);
    if (!simc__offset_blind(analyzer))
        judge(analyzer, &measure->offset_over, offset > limits->pcr_offset_hz,
              SIMC__CHECK_PCR_OFFSET, pid, "Hz off 27 MHz", measure->offset_hz);
}

/* In a file, packets come at a constant bit rate by definition: the one that is given, or that of
 * the first second. */
void simc__measure_window(struct simc__analyzer *analyzer, unsigned number)
{
    struct simc__pcr_window *window = &analyzer->windows[number];
    struct simc__pcr_measure *measure = &analyzer->measures[number];
    const double hz = (double)SIMC_PCR_HZ;
    if (analyzer->arrival_ns)
        return;
    if (window->packet_s <= 0)
        window->packet_s = analyzer->limits.bitrate_bps
                               ? (double)PACKET_BITS / (double)analyzer->limits.bitrate_bps
                               : window->slope / hz;
    for (unsigned i = 0; i < window->count; i++) {
        double packet = (double)window->first_packet + (double)window->points[i].packets;
        double clock = (double)window->first_27mhz + (double)window->points[i].ticks;
        simc__pcr_filter_push(&measure->filter, clock / hz, packet * window->packet_s,
                              demarcation(analyzer));
        judge_jitter(analyzer, number);
    }
    judge_wander(analyzer, number);
}

void simc__measure_arrival(struct simc__analyzer *analyzer, unsigned number)
{
    const struct simc_pcr_clock *clock = &analyzer->stats.clocks[number];
    const double hz = (double)SIMC_PCR_HZ;
    if (!clock->has_rate)
        return;
    /* A datagram comes when its last packet is complete. */
    double packet_s = (double)clock->rate_ticks / (double)clock->rate_packets / hz;
    uint64_t behind = analyzer->run_end - analyzer->stats.packets;
    double at = (double)analyzer->arrival_ns / 1e9 - (double)behind * packet_s;
    simc__pcr_filter_push(&analyzer->measures[number].filter, (double)clock->time_27mhz / hz, at,
                          demarcation(analyzer));
    judge_jitter(analyzer, number);
    judge_wander(analyzer, number);
}

void simc__measure_break(struct simc__analyzer *analyzer, unsigned number, bool new_base)
{
    if (analyzer->arrival_ns && !new_base)
        return; /* a clock goes on whatever packets do */
    analyzer->measures[number].filter.started = false;
    analyzer->windows[number].packet_s = 0;
}
