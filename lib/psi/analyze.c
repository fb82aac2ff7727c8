/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's centre: every packet passes here and is handed to those that look at one thing.
 * See analyze.h for who calls it. */
#include <string.h>

#include "psi/analyze_internal.h"

enum { TICK_MS = 100, TIME_LOOK = 32 };

#define CHECK_ROW(name, number, priority, title) {number, priority, title},
const struct simc__check_row simc__check_rows[SIMC__CHECK_COUNT] = {SIMC__CHECK_ROWS(CHECK_ROW)};
#undef CHECK_ROW

static const struct {
    size_t member;
    uint32_t value;
} default_rows[] = {
    {offsetof(struct simc__limits, pat_ms), 500},
    {offsetof(struct simc__limits, pmt_ms), 500},
    {offsetof(struct simc__limits, pid_ms), 5000},
    {offsetof(struct simc__limits, pcr_ms), 100},
    {offsetof(struct simc__limits, pts_ms), 700},
    {offsetof(struct simc__limits, unreferenced_ms), 500},
    {offsetof(struct simc__limits, data_delay_ms), 1000},
    {offsetof(struct simc__limits, still_delay_ms), 60000},
    {offsetof(struct simc__limits, pcr_accuracy_ns), 500},
    {offsetof(struct simc__limits, pcr_demarcation_mhz), 10},
    {offsetof(struct simc__limits, pcr_offset_hz), 810},
    {offsetof(struct simc__limits, pcr_drift_mhz), 75},
    {offsetof(struct simc__limits, cat_first_ms), 500},
    {offsetof(struct simc__limits, cat_ms), 10000},
    {offsetof(struct simc__limits, si_gap_ms), 25},
};

static void set_limits(struct simc__limits *limits)
{
    for (size_t i = 0; i < sizeof default_rows / sizeof default_rows[0]; i++) {
        uint32_t value;
        uint8_t *member = (uint8_t *)limits + default_rows[i].member;
        memcpy(&value, member, sizeof value);
        if (value == 0)
            memcpy(member, &default_rows[i].value, sizeof value);
    }
}

static int allocate(struct simc__analyzer *a)
{
    a->pids = simc_calloc(SIMC_TS_PID_COUNT, sizeof *a->pids);
    a->present = simc_calloc(SIMC_TS_PID_COUNT, sizeof *a->present);
    a->services = simc_calloc(SIMC__SERVICES_MAX, sizeof *a->services);
    a->ca_streams = simc_calloc(SIMC__CA_STREAMS_MAX, sizeof *a->ca_streams);
    a->tracks = simc_calloc(SIMC__TRACKS_MAX, sizeof *a->tracks);
    a->windows = simc_calloc(SIMC_TS_CLOCKS_MAX, sizeof *a->windows);
    a->measures = simc_calloc(SIMC_TS_CLOCKS_MAX, sizeof *a->measures);
    bool all = a->pids && a->present && a->services && a->ca_streams && a->tracks && a->windows &&
               a->measures;
    return all ? simc_ts_stats_init(&a->stats) : SIMC_ENOMEM;
}

int simc__analyzer_init(struct simc__analyzer *analyzer, const struct simc__limits *limits)
{
    static const uint16_t watched[] = {SIMC_PID_PAT, SIMC_PID_CAT, SIMC_PID_NIT, SIMC_PID_SDT,
                                       SIMC_PID_EIT, SIMC_PID_RST, SIMC_PID_TDT};
    memset(analyzer, 0, sizeof *analyzer);
    if (limits)
        analyzer->limits = *limits;
    set_limits(&analyzer->limits);
    analyzer->tdt_time_s = SIMC_DVB_TIME_NONE;
    int error = allocate(analyzer);
    for (size_t i = 0; i < sizeof watched / sizeof watched[0] && !error; i++)
        error = simc__watch_sections(analyzer, watched[i], SIMC__ROLE_PSI);
    if (error) {
        simc__analyzer_fini(analyzer);
        return error;
    }
    for (uint16_t pid = 0; pid < SIMC_PID_FREE; pid++)
        analyzer->pids[pid].role = SIMC__ROLE_PSI;
    analyzer->pids[SIMC_PID_NULL].role = SIMC__ROLE_NULL;
    return 0;
}

void simc__analyzer_fini(struct simc__analyzer *analyzer)
{
    for (unsigned pid = 0; analyzer->pids && pid < SIMC_TS_PID_COUNT; pid++) {
        if (analyzer->pids[pid].sections)
            simc_section_assembler_fini(analyzer->pids[pid].sections);
        simc_free(analyzer->pids[pid].sections);
        simc_free(analyzer->pids[pid].es);
    }
    for (unsigned i = 0; analyzer->services && i < analyzer->service_count; i++) {
        simc_free(analyzer->services[i].periods);
        simc_free(analyzer->services[i].std);
    }
    simc_free(analyzer->pids);
    simc_free(analyzer->present);
    simc_free(analyzer->services);
    simc_free(analyzer->ca_streams);
    simc_free(analyzer->tracks);
    simc_free(analyzer->windows);
    simc_free(analyzer->measures);
    simc_ts_stats_fini(&analyzer->stats);
    memset(analyzer, 0, sizeof *analyzer);
}

void simc__raise_at(struct simc__analyzer *analyzer, enum simc__check_id check, uint16_t pid,
                    uint64_t packet, uint64_t ago_27mhz, const char *what, int64_t value)
{
    struct simc__check *row = &analyzer->checks[check];
    if (row->count++ == 0)
        row->first_packet = packet;
    row->last_packet = packet;
    row->judged = true;
    if (analyzer->fault_count == SIMC__FAULTS_MAX)
        return;
    uint64_t now = simc_ts_stats_time(&analyzer->stats);
    uint64_t time = now > ago_27mhz ? now - ago_27mhz : 0;
    analyzer->faults[analyzer->fault_count++] =
        (struct simc__fault){check, pid, packet, time, what, value};
}

void simc__raise(struct simc__analyzer *analyzer, enum simc__check_id check, uint16_t pid,
                 const char *what, int64_t value)
{
    uint64_t packets = analyzer->stats.packets;
    simc__raise_at(analyzer, check, pid, packets ? packets - 1 : 0, 0, what, value);
}

static int push_scrambling(struct simc__analyzer *analyzer, struct simc__pid *info, uint16_t pid,
                           uint8_t tsc, bool first)
{
    info->has_pts = false; /* scrambled PES headers were not seen */
    if (tsc >= SIMC_TSC_EVEN && !analyzer->scrambled) {
        analyzer->scrambled = true;
        analyzer->scrambled_27mhz = simc_ts_stats_time(&analyzer->stats);
    }
    if (tsc != SIMC_TSC_CLEAR && pid == SIMC_PID_PAT)
        simc__raise(analyzer, SIMC__CHECK_PAT, pid, "the PAT is scrambled", tsc);
    if (tsc != SIMC_TSC_CLEAR && info->role == SIMC__ROLE_PMT)
        simc__raise(analyzer, SIMC__CHECK_PMT, pid, "a PMT is scrambled", tsc);
    if (info->role != SIMC__ROLE_STREAM || !info->service)
        return 0;
    return simc__crypt_change(analyzer, &analyzer->services[info->service - 1], tsc, !first);
}

static int push_packet(struct simc__analyzer *analyzer, const uint8_t *packet)
{
    struct simc_ts_event event;
    uint16_t pid = simc_ts_pid(packet);
    simc_ts_stats_push(&analyzer->stats, packet, &event);
    struct simc__pid *info = &analyzer->pids[pid];
    int error = 0;

    if (SIMC_UNLIKELY(event.bad_sync)) {
        simc__raise(analyzer, SIMC__CHECK_SYNC_BYTE, SIMC_PID_NULL, "the first byte is wrong",
                    packet[0]);
        return 0;
    }
    if (event.pid->packets == 1)
        analyzer->present[analyzer->present_count++] = pid;
    if (SIMC_UNLIKELY(event.bad && simc_ts_error(packet)))
        simc__raise(analyzer, SIMC__CHECK_TRANSPORT, pid, "transport_error_indicator", 1);
    if (info->sections)
        error = simc__analyze_sections(analyzer, pid, packet);
    if (event.bad)
        return error;

    if (SIMC_UNLIKELY(event.order == SIMC_TS_ORDER_ERROR))
        simc__raise(analyzer, SIMC__CHECK_CONTINUITY, pid, "counter found", simc_ts_cc(packet));
    if (event.has_pcr)
        simc__check_pcr(analyzer, pid, &event);
    if (SIMC_UNLIKELY(event.tsc_changed)) {
        bool first = event.pid->tsc_changes == 0;
        int failed = push_scrambling(analyzer, info, pid, event.pid->tsc, first);
        error = error ? error : failed;
    }
    if (info->role == SIMC__ROLE_STREAM && simc_ts_unit_start(packet))
        simc__check_pes(analyzer, pid, packet, simc_ts_stats_time(&analyzer->stats));
    if (SIMC_UNLIKELY(analyzer->limits.buffers) && !error)
        return simc__buffer_packet(analyzer, pid, packet, &event);
    return error;
}

static void look_at_time(struct simc__analyzer *analyzer)
{
    uint64_t now = simc_ts_stats_time(&analyzer->stats);
    if (now - analyzer->tick_27mhz < simc__ms_ticks(TICK_MS))
        return;
    analyzer->tick_27mhz = now;
    simc__check_absence(analyzer, now);
}

int simc__analyzer_push(struct simc__analyzer *analyzer, const struct simc_ts_run *run)
{
    int error = 0;
    analyzer->run_end = analyzer->stats.packets + run->count;
    for (size_t i = 0; i < run->count; i++) {
        int failed = push_packet(analyzer, run->data + i * run->stride);
        error = error ? error : failed;
        if (analyzer->stats.packets % TIME_LOOK == 0)
            look_at_time(analyzer);
    }
    return error;
}

void simc__analyzer_sync(struct simc__analyzer *analyzer, const struct simc_ts_sync *sync)
{
    simc__judge(analyzer, SIMC__CHECK_SYNC_LOSS);
    simc__judge(analyzer, SIMC__CHECK_SYNC_BYTE);
    if (sync->losses != analyzer->sync_losses)
        simc__raise(analyzer, SIMC__CHECK_SYNC_LOSS, SIMC_PID_NULL, "bytes skipped",
                    (int64_t)(sync->skipped - analyzer->skipped));
    if (sync->bad_syncs != analyzer->bad_syncs)
        simc__raise(analyzer, SIMC__CHECK_SYNC_BYTE, SIMC_PID_NULL, "packets dropped for it",
                    (int64_t)(sync->bad_syncs - analyzer->bad_syncs));
    if (sync->skipped != analyzer->skipped)
        simc_ts_stats_break(&analyzer->stats);
    analyzer->sync_losses = sync->losses;
    analyzer->bad_syncs = sync->bad_syncs;
    analyzer->skipped = sync->skipped;
}

void simc__analyzer_arrival(struct simc__analyzer *analyzer, uint64_t ns)
{
    analyzer->arrival_ns = ns;
}

void simc__analyzer_end(struct simc__analyzer *analyzer)
{
    if (analyzer->stats.packets == 0)
        return;
    simc__judge(analyzer, SIMC__CHECK_CONTINUITY);
    simc__judge(analyzer, SIMC__CHECK_TRANSPORT);
    simc__judge(analyzer, SIMC__CHECK_CRC);
    if (!analyzer->has_pat)
        simc__raise(analyzer, SIMC__CHECK_PAT, SIMC_PID_PAT, "there is no PAT", 0);
    uint64_t now = simc_ts_stats_time(&analyzer->stats);
    if (simc_ts_stats_has_time(&analyzer->stats))
        simc__check_absence(analyzer, now);
}

bool simc__analyzer_failed(const struct simc__analyzer *analyzer, unsigned priority)
{
    for (size_t i = 0; i < SIMC__CHECK_COUNT; i++) {
        if (analyzer->checks[i].count && simc__check_rows[i].priority <= priority)
            return true;
    }
    return false;
}

double simc__ms(uint64_t time_27mhz)
{
    return (double)time_27mhz / 27000.0;
}

uint64_t simc__analyzer_duration(const struct simc__analyzer *analyzer)
{
    /* All packets at the mean rate: those in front of the first PCR count as well. */
    uint64_t bitrate = simc_ts_stats_bitrate(&analyzer->stats);
    double bits = (double)analyzer->stats.packets * SIMC_TS_SIZE * 8;
    return bitrate ? (uint64_t)(bits / (double)bitrate * (double)SIMC_PCR_HZ) : 0;
}
