/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's checks of clocks: PCR spacing, jumps and accuracy, PTS, delay of data, transport
 * buffers. analyze.c calls it for the packets that carry them. [101290 5.2.2, 13818 2.4.2] */
#include "psi/analyze_internal.h"

enum {
    STEADY_WINDOWS = 3,     /* so many seconds at one rate make a constant bit rate */
    TRANSPORT_BUFFER = 512, /* bytes */
    AUDIO_LEAK = 2000000,   /* bits per second out of the transport buffers */
    SYSTEM_LEAK = 1000000,
};

/* A rate is the same as that of the second before within this share: PCRs that are half a
 * millisecond off still are, streams of variable rate practically never. */
static const double same_rate = 0.0005;

static double absolute(double value)
{
    return value < 0 ? -value : value;
}

/* Fits a line (least squares) and counts the PCRs that are off it by more than allowed. */
static void judge_window(struct simc__analyzer *analyzer, uint16_t pid,
                         struct simc__pcr_window *window)
{
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
    if (window->steady < STEADY_WINDOWS)
        return;
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
static void push_window(struct simc__analyzer *analyzer, uint16_t pid,
                        struct simc__pcr_window *window, uint64_t pcr, bool broken)
{
    uint64_t packet = analyzer->stats.packets - 1;
    if (broken || window->count == 0 || window->losses != analyzer->stats.order_errors) {
        window->count = 0;
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
    judge_window(analyzer, pid, window);
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
    push_window(analyzer, pid, &analyzer->windows[number], event->pcr_27mhz, broken);
}

/* A PTS or DTS in five bytes. False: its marker bits are wrong. */
static bool read_stamp(const uint8_t *p, uint64_t *value)
{
    *value = (uint64_t)(p[0] & 0xe) << 29 | (uint64_t)p[1] << 22 | (uint64_t)(p[2] & 0xfe) << 14 |
             (uint64_t)p[3] << 7 | p[4] >> 1;
    return (p[0] & 1) && (p[2] & 1) && (p[4] & 1);
}

/* How long the data waits in the decoder: from now, by the programme's clock, to its decoding. */
static void check_delay(struct simc__analyzer *analyzer, uint16_t pid, uint64_t stamp)
{
    const struct simc__pid *info = &analyzer->pids[pid];
    uint16_t pcr_pid = analyzer->services[info->service - 1].pcr_pid;
    unsigned number = analyzer->stats.pids[pcr_pid].clock;
    if (pcr_pid == SIMC_PID_NULL || !number)
        return;
    const struct simc_pcr_clock *clock = &analyzer->stats.clocks[number - 1];
    if (!clock->has_rate)
        return;
    uint64_t since = simc_pcr_clock_time(clock, analyzer->stats.packets - 1) - clock->time_27mhz;
    uint64_t now = simc_pcr_add(clock->pcr_27mhz, (int64_t)(since % SIMC_PCR_WRAP));
    int64_t delay_90khz = simc_pts_distance(stamp, now / 300);
    simc__judge(analyzer, SIMC__CHECK_DATA_DELAY);
    if (delay_90khz > (int64_t)analyzer->limits.data_delay_ms * 90)
        simc__raise(analyzer, SIMC__CHECK_DATA_DELAY, pid, "ms from arrival to decoding",
                    delay_90khz / 90);
}

void simc__check_pes(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet,
                     uint64_t now)
{
    enum { PES_HEADER = 9, STAMP = 5 };
    struct simc__pid *info = &analyzer->pids[pid];
    struct simc_slice payload = simc_ts_payload(packet);
    const uint8_t *p = payload.data;
    bool counts = simc_stream_type_is_video(info->stream_type) ||
                  simc_stream_type_is_audio(info->stream_type);
    if (!counts || !info->service || simc_ts_tsc(packet) != SIMC_TSC_CLEAR ||
        payload.size < PES_HEADER + STAMP || p[0] || p[1] || p[2] != 1 || (p[6] & 0xc0) != 0x80 ||
        !(p[7] & 0x80))
        return;
    uint64_t pts, dts;
    if (!read_stamp(p + PES_HEADER, &pts) || !simc_ts_stats_has_time(&analyzer->stats))
        return;
    simc__judge(analyzer, SIMC__CHECK_PTS);
    if (info->has_pts && now - info->pts_27mhz > simc__ms_ticks(analyzer->limits.pts_ms))
        simc__raise(analyzer, SIMC__CHECK_PTS, pid, "ms between two PTS",
                    (int64_t)simc__ms(now - info->pts_27mhz));
    info->has_pts = true;
    info->pts_27mhz = now;
    bool has_dts = (p[7] & 0x40) && payload.size >= PES_HEADER + 2 * STAMP &&
                   read_stamp(p + PES_HEADER + STAMP, &dts);
    check_delay(analyzer, pid, has_dts ? dts : pts);
}

void simc__check_buffer(struct simc__analyzer *analyzer, uint16_t pid, uint64_t now)
{
    struct simc__pid *info = &analyzer->pids[pid];
    bool audio = info->role == SIMC__ROLE_STREAM && simc_stream_type_is_audio(info->stream_type);
    bool system = pid == SIMC_PID_PAT || pid == SIMC_PID_CAT || info->role == SIMC__ROLE_PMT;
    if (!audio && !system)
        return;
    double leak = audio ? AUDIO_LEAK : SYSTEM_LEAK;
    double drained = (double)(now - info->buffer_27mhz) / (double)SIMC_PCR_HZ * leak / 8;
    simc__judge(analyzer, SIMC__CHECK_BUFFER);
    simc__judge(analyzer, SIMC__CHECK_EMPTY_BUFFER);
    if (!info->buffer_27mhz || drained >= info->buffer_bytes) {
        info->buffer_bytes = 0;
        info->buffer_empty_27mhz = now;
    } else {
        info->buffer_bytes -= drained;
    }
    if (now - info->buffer_empty_27mhz > SIMC_PCR_HZ) {
        simc__raise(analyzer, SIMC__CHECK_EMPTY_BUFFER, pid, "ms without an empty transport buffer",
                    (int64_t)simc__ms(now - info->buffer_empty_27mhz));
        info->buffer_empty_27mhz = now;
    }
    info->buffer_27mhz = now;
    info->buffer_bytes += SIMC_TS_SIZE;
    if (info->buffer_bytes > TRANSPORT_BUFFER) {
        simc__raise(analyzer, SIMC__CHECK_BUFFER, pid, "bytes in a transport buffer of 512",
                    (int64_t)info->buffer_bytes);
        info->buffer_bytes = TRANSPORT_BUFFER;
    }
}
