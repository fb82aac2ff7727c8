/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's checks of clocks: PCR spacing, jumps and accuracy, PTS, delay of data. analyze.c
 * calls it for the packets that carry them. [101290 5.2.2, 13818 2.4.2] */
#include "psi/analyze_internal.h"

enum {
    STEADY_WINDOWS = 3, /* so many seconds at one rate make a constant bit rate */
};

/* A rate is the same as that of the second before within this share: PCRs that are half a
 * millisecond off still are, streams of variable rate practically never. */
static const double same_rate = 0.0005;

static double absolute(double value)
{
    return value < 0 ? -value : value;
}

/* Fits a line (least squares) and counts the PCRs that are off it by more than allowed. */
static void judge_window(struct simc__analyzer *analyzer, uint16_t pid, unsigned number)
{
    struct simc__pcr_window *window = &analyzer->windows[number];
    double n = window->count, sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (unsigned i = 0; i < window->count; i++) {
        double x = (double)window->points[i].packets, y = (double)window->points[i].ticks;
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    double spread = n * sxx - sx * sx;
    if (window->count < 3 || spread <= 0)
        return;
    double slope = (n * sxy - sx * sy) / spread, start = (sy - slope * sx) / n;
    bool same = absolute(slope - window->slope) <= same_rate * slope;
    window->steady = same ? window->steady + 1 : 1;
    window->slope = slope;
    if (window->steady < STEADY_WINDOWS) {
        simc__measure_break(analyzer, number, false);
        return;
    }
    simc__measure_window(analyzer, number);
    for (unsigned i = 0; i < window->count; i++) {
        double wanted = start + slope * (double)window->points[i].packets;
        double off_ns = absolute((double)window->points[i].ticks - wanted) * 1000 / 27;
        window->judged++;
        if (off_ns > window->worst_ns)
            window->worst_ns = off_ns;
        if (off_ns > analyzer->limits.pcr_accuracy_ns)
            simc__raise(analyzer, SIMC__CHECK_PCR_ACCURACY, pid, "ns off the line of its second",
                        (int64_t)off_ns);
    }
    simc__judge(analyzer, SIMC__CHECK_PCR_ACCURACY);
}

/* After lost packets the clock is right, but the packets between two PCRs are not: then, and on a
 * new time base, the window begins anew. */
static void push_window(struct simc__analyzer *analyzer, uint16_t pid, unsigned number,
                        uint64_t pcr, bool broken)
{
    struct simc__pcr_window *window = &analyzer->windows[number];
    uint64_t packet = analyzer->stats.packets - 1;
    bool lost = window->losses != analyzer->stats.order_errors;
    if (broken || window->count == 0 || lost) {
        if (broken || lost)
            simc__measure_break(analyzer, number, broken);
        window->count = 0;
        window->first_27mhz = analyzer->stats.clocks[number].time_27mhz;
        window->losses = analyzer->stats.order_errors;
        window->first_pcr = pcr;
        window->first_packet = packet;
    }
    int64_t ticks = simc_pcr_distance(pcr, window->first_pcr);
    window->points[window->count].ticks = ticks;
    window->points[window->count].packets = (int64_t)(packet - window->first_packet);
    window->count++;
    if (window->count < SIMC__PCR_WINDOW_MAX && ticks < (int64_t)SIMC_PCR_HZ)
        return;
    judge_window(analyzer, pid, number);
    window->count = 0;
}

void simc__check_pcr(struct simc__analyzer *analyzer, uint16_t pid,
                     const struct simc_ts_event *event)
{
    if (!event->pid->clock)
        return;
    unsigned number = event->pid->clock - 1u;
    const struct simc_pcr_clock *clock = &analyzer->stats.clocks[number];
    bool late = clock->step_27mhz > (int64_t)simc__ms_ticks(analyzer->limits.pcr_ms);
    bool broken = event->pcr > SIMC_PCR_LATE;
    simc__judge(analyzer, SIMC__CHECK_PCR_REPETITION);
    simc__judge(analyzer, SIMC__CHECK_PCR_JUMP);
    if (late)
        simc__raise(analyzer, SIMC__CHECK_PCR_REPETITION, pid, "ms between two PCRs",
                    clock->step_27mhz / 27000);
    if (event->pcr == SIMC_PCR_JUMP || late)
        simc__raise(analyzer, SIMC__CHECK_PCR_JUMP, pid, "PCR step without notice, ms",
                    clock->step_27mhz / 27000);
    push_window(analyzer, pid, number, event->pcr_27mhz, broken);
    if (analyzer->arrival_ns)
        simc__measure_arrival(analyzer, number);
    if (analyzer->limits.buffers)
        simc__buffer_clock(analyzer, pid, event->pcr);
}

bool simc__pes_stamp(const uint8_t p[5], uint64_t *value)
{
    *value = (uint64_t)(p[0] & 0xe) << 29 | (uint64_t)p[1] << 22 | (uint64_t)(p[2] & 0xfe) << 14 |
             (uint64_t)p[3] << 7 | p[4] >> 1;
    return (p[0] & 1) && (p[2] & 1) && (p[4] & 1);
}

static void keep_delay(struct simc__pid *info, int64_t delay_90khz)
{
    int32_t delay = delay_90khz > INT32_MAX   ? INT32_MAX
                    : delay_90khz < INT32_MIN ? INT32_MIN
                                              : (int32_t)delay_90khz;
    if (!info->has_delay || delay < info->delay_min_90khz)
        info->delay_min_90khz = delay;
    if (!info->has_delay || delay > info->delay_max_90khz)
        info->delay_max_90khz = delay;
    info->has_delay = true;
}

/* How long the data waits in the decoder: from now, by the programme's clock, to its decoding. */
static void check_delay(struct simc__analyzer *analyzer, uint16_t pid, uint64_t stamp)
{
    struct simc__pid *info = &analyzer->pids[pid];
    uint16_t pcr_pid = analyzer->services[info->service - 1].pcr_pid;
    unsigned number = analyzer->stats.pids[pcr_pid].clock;
    if (pcr_pid == SIMC_PID_NULL || !number)
        return;
    const struct simc_pcr_clock *clock = &analyzer->stats.clocks[number - 1];
    /* In the packet of a PCR its time is known at once. */
    if (!clock->has_rate && clock->packet != analyzer->stats.packets - 1)
        return;
    uint64_t since = simc_pcr_clock_time(clock, analyzer->stats.packets - 1) - clock->time_27mhz;
    uint64_t now = simc_pcr_add(clock->pcr_27mhz, (int64_t)(since % SIMC_PCR_WRAP));
    int64_t delay_90khz = simc_pts_distance(stamp, now / 300);
    uint32_t limit_ms =
        info->still ? analyzer->limits.still_delay_ms : analyzer->limits.data_delay_ms;
    keep_delay(info, delay_90khz);
    simc__judge(analyzer, SIMC__CHECK_DATA_DELAY);
    if (delay_90khz > (int64_t)limit_ms * 90)
        simc__raise(analyzer, SIMC__CHECK_DATA_DELAY, pid, "ms from arrival to decoding",
                    delay_90khz / 90);
}

static void check_spacing(struct simc__analyzer *analyzer, uint16_t pid, uint64_t now)
{
    struct simc__pid *info = &analyzer->pids[pid];
    simc__judge(analyzer, SIMC__CHECK_PTS);
    if (info->has_pts && !info->still &&
        now - info->pts_27mhz > simc__ms_ticks(analyzer->limits.pts_ms))
        simc__raise(analyzer, SIMC__CHECK_PTS, pid, "ms between two PTS",
                    (int64_t)simc__ms(now - info->pts_27mhz));
    info->has_pts = true;
    info->pts_27mhz = now;
}

void simc__check_pes(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet,
                     uint64_t now)
{
    enum { PES_HEADER = 9, STAMP = 5 };
    const struct simc__pid *info = &analyzer->pids[pid];
    struct simc_slice payload = simc_ts_payload(packet);
    const uint8_t *p = payload.data;
    bool counts = simc_stream_type_is_video(info->stream_type) ||
                  simc_stream_type_is_audio(info->stream_type);
    if (!counts || !info->service || simc_ts_tsc(packet) != SIMC_TSC_CLEAR ||
        payload.size < PES_HEADER + STAMP || p[0] || p[1] || p[2] != 1 || (p[6] & 0xc0) != 0x80 ||
        !(p[7] & 0x80))
        return;
    uint64_t pts, dts;
    if (!simc__pes_stamp(p + PES_HEADER, &pts))
        return;
    if (simc_ts_stats_has_time(&analyzer->stats))
        check_spacing(analyzer, pid, now);
    bool has_dts = (p[7] & 0x40) && payload.size >= PES_HEADER + 2 * STAMP &&
                   simc__pes_stamp(p + PES_HEADER + STAMP, &dts);
    check_delay(analyzer, pid, has_dts ? dts : pts);
}

const char *simc__delay_blind(const struct simc__analyzer *analyzer, uint16_t pid)
{
    const struct simc__pid *info = &analyzer->pids[pid];
    if (info->has_delay)
        return NULL;
    if (info->service && analyzer->services[info->service - 1].pcr_pid == SIMC_PID_NULL)
        return simc__blind_text(SIMC__BLIND_NO_CLOCK);
    if (analyzer->stats.pids[pid].tsc_seen & ~(1u << SIMC_TSC_CLEAR))
        return simc__blind_text(SIMC__BLIND_SCRAMBLED);
    return simc__blind_text(SIMC__BLIND_NO_STAMPS);
}
