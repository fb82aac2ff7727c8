/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's checks of intervals: tables that are late, missing or too close together, PIDs
 * that have gone or that nobody names, CAT, PMT and PAT. analyze.c calls it as time passes.
 * [101290 5.2, TR 101 211 4.4] */
#include <string.h>

#include "psi/analyze_internal.h"

/* The longest time between two transmissions of a section, by table_id. Those of satellite and
 * cable networks; terrestrial ones may take longer for other streams. */
static const struct {
    uint8_t first, last;
    uint32_t limit_ms;
    enum simc__check_id check;
} repetition_rows[] = {
    {0x40, 0x40, 10000, SIMC__CHECK_NIT_ACTUAL},
    {0x41, 0x41, 10000, SIMC__CHECK_NIT_OTHER},
    {0x42, 0x42, 2000, SIMC__CHECK_SDT_ACTUAL},
    {0x46, 0x46, 10000, SIMC__CHECK_SDT_OTHER},
    {0x4a, 0x4a, 10000, SIMC__CHECK_SI_REPETITION},
    {0x4e, 0x4e, 2000, SIMC__CHECK_EIT_ACTUAL},
    {0x4f, 0x4f, 20000, SIMC__CHECK_EIT_OTHER},
    {0x50, 0x5f, 30000, SIMC__CHECK_SI_REPETITION},
    {0x60, 0x6f, 300000, SIMC__CHECK_SI_REPETITION},
    {0x70, 0x70, 30000, SIMC__CHECK_TDT},
    {0x71, 0x71, 0, SIMC__CHECK_RST},
    {0x73, 0x73, 30000, SIMC__CHECK_SI_REPETITION},
};

enum { ROW_COUNT = sizeof repetition_rows / sizeof repetition_rows[0], SUB_TABLE = 0x100 };

static size_t find_row(uint8_t table_id)
{
    size_t i = 0;
    while (i < ROW_COUNT &&
           !(table_id >= repetition_rows[i].first && table_id <= repetition_rows[i].last))
        i++;
    return i;
}

static uint64_t track_key(uint16_t pid, uint8_t table_id, uint16_t extension, unsigned number)
{
    return UINT64_C(1) << 63 | (uint64_t)pid << 40 | (uint64_t)table_id << 32 |
           (uint64_t)extension << 16 | number;
}

/* Open addressing, nothing is ever removed. NULL: full, and the key is not in it. */
static struct simc__track *find_track(struct simc__analyzer *analyzer, uint64_t key, bool make)
{
    size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
    for (size_t i = 0; i < SIMC__TRACKS_MAX; i++, at++) {
        struct simc__track *track = &analyzer->tracks[at % SIMC__TRACKS_MAX];
        if (track->key == key)
            return track;
        if (track->key)
            continue;
        /* An eighth stays free, so that searches end early. */
        if (!make || analyzer->track_count >= SIMC__TRACKS_MAX / 8 * 7)
            break;
        analyzer->track_count++;
        *track = (struct simc__track){.key = key};
        return track;
    }
    analyzer->dropped = analyzer->dropped || make;
    return NULL;
}

void simc__check_repetition(struct simc__analyzer *analyzer, uint16_t pid,
                            const struct simc_section *section, uint64_t now)
{
    size_t row = find_row(section->table_id);
    if (row == ROW_COUNT || !simc_ts_stats_has_time(&analyzer->stats))
        return;
    enum simc__check_id check = repetition_rows[row].check;
    uint16_t extension = section->long_form ? section->extension : 0;
    uint64_t key = track_key(pid, section->table_id, extension, SUB_TABLE);
    simc__judge(analyzer, check);

    struct simc__track *whole = find_track(analyzer, key, true);
    if (whole) {
        /* The rule counts from the end of a section to the start of the next, we see both ends: a
         * section that spans packets looks a little later than it is. */
        if (whole->last_27mhz &&
            now - whole->last_27mhz < simc__ms_ticks(analyzer->limits.si_gap_ms))
            simc__raise(analyzer, check, pid, "ms between sections of a sub-table, too few",
                        (int64_t)simc__ms(now - whole->last_27mhz));
        whole->last_27mhz = now;
        whole->version = section->version;
        whole->last_number = section->last_number;
    }
    struct simc__track *one = find_track(analyzer, key - SUB_TABLE + section->number, true);
    if (!one)
        return;
    uint64_t limit = simc__ms_ticks(repetition_rows[row].limit_ms);
    if (one->last_27mhz && !one->gone && limit && now - one->last_27mhz > limit)
        simc__raise(analyzer, check, pid, "ms since this section came last",
                    (int64_t)simc__ms(now - one->last_27mhz));
    one->last_27mhz = now;
    one->version = section->version;
    one->gone = false;
}

/* Sections that came once and come no more. Those that a new version of their table no longer has
 * are not missed. */
static void check_tracks(struct simc__analyzer *analyzer, uint64_t now)
{
    if (now - analyzer->tracks_27mhz < SIMC_PCR_HZ)
        return; /* a second late is soon enough, and the table is long */
    analyzer->tracks_27mhz = now;
    for (size_t i = 0; i < SIMC__TRACKS_MAX; i++) {
        struct simc__track *track = &analyzer->tracks[i];
        unsigned number = track->key & 0x1ff;
        if (!track->key || track->gone || number == SUB_TABLE)
            continue;
        size_t row = find_row((uint8_t)(track->key >> 32));
        uint64_t limit = row < ROW_COUNT ? simc__ms_ticks(repetition_rows[row].limit_ms) : 0;
        if (!limit || now - track->last_27mhz <= limit)
            continue;
        struct simc__track *whole = find_track(analyzer, track->key - number + SUB_TABLE, false);
        track->gone = true;
        if (whole && (whole->version != track->version || number > whole->last_number))
            continue;
        simc__raise(analyzer, repetition_rows[row].check, (uint16_t)(track->key >> 40 & 0x1fff),
                    "ms since this section came last", (int64_t)simc__ms(now - track->last_27mhz));
    }
}

/* True when it is too late; the clock starts anew, so that a lasting absence counts again. */
static bool overdue(uint64_t *last, uint64_t now, uint32_t limit_ms)
{
    if (now - *last <= simc__ms_ticks(limit_ms))
        return false;
    *last = now;
    return true;
}

static void check_services(struct simc__analyzer *analyzer, uint64_t now)
{
    const struct simc__limits *limits = &analyzer->limits;
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        struct simc__service *service = &analyzer->services[i];
        if (!service->in_pat)
            continue;
        if (overdue(&service->pmt_last_27mhz, now, limits->pmt_ms))
            simc__raise(analyzer, SIMC__CHECK_PMT, service->pmt_pid, "no PMT in time for service",
                        service->id);
        bool expected = service->eit_pf || limits->dvb;
        if (expected)
            simc__judge(analyzer, SIMC__CHECK_EIT_ACTUAL);
        if (service->eit_seen)
            simc__judge(analyzer, SIMC__CHECK_EIT_PF);
        if (expected && !service->eit_seen && overdue(&service->eit_last_27mhz, now, 2000))
            simc__raise(analyzer, SIMC__CHECK_EIT_ACTUAL, SIMC_PID_EIT,
                        "no EIT present/following in time for service", service->id);
        if ((service->eit_seen == 1 || service->eit_seen == 2) &&
            overdue(&service->eit_last_27mhz, now, 2000))
            simc__raise(analyzer, SIMC__CHECK_EIT_PF, SIMC_PID_EIT,
                        "only one of the EIT sections 0 and 1 for service", service->id);
    }
}

static bool all_pmts_known(const struct simc__analyzer *analyzer)
{
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        if (analyzer->services[i].in_pat && !analyzer->services[i].has_pmt)
            return false;
    }
    return analyzer->has_pat;
}

static void check_pids(struct simc__analyzer *analyzer, uint64_t now)
{
    bool known = all_pmts_known(analyzer);
    const struct simc__limits *limits = &analyzer->limits;
    for (unsigned i = 0; i < analyzer->present_count; i++) {
        uint16_t pid = analyzer->present[i];
        struct simc__pid *info = &analyzer->pids[pid];
        if (info->role != SIMC__ROLE_NONE || info->reported || !known)
            continue;
        simc__judge(analyzer, SIMC__CHECK_UNREFERENCED);
        if (!info->quiet_since_27mhz)
            info->quiet_since_27mhz = now;
        if (now - info->quiet_since_27mhz <= simc__ms_ticks(limits->unreferenced_ms))
            continue;
        info->reported = true;
        simc__raise(analyzer, SIMC__CHECK_UNREFERENCED, pid, "packets of a PID that nothing names",
                    (int64_t)analyzer->stats.pids[pid].packets);
    }
    if (known)
        simc__judge(analyzer, SIMC__CHECK_UNREFERENCED);
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        const struct simc__service *service = &analyzer->services[i];
        for (unsigned k = 0; k < service->stream_count && service->in_pat; k++) {
            uint16_t pid = service->streams[k].pid;
            struct simc__pid *info = &analyzer->pids[pid];
            uint64_t packets = analyzer->stats.pids[pid].packets;
            bool counts = simc_stream_type_is_video(service->streams[k].type) ||
                          simc_stream_type_is_audio(service->streams[k].type);
            simc__judge(analyzer, SIMC__CHECK_PID);
            if (packets != info->quiet_packets || !counts) {
                info->quiet_packets = packets;
                info->quiet_since_27mhz = now;
            } else if (overdue(&info->quiet_since_27mhz, now, limits->pid_ms)) {
                simc__raise(analyzer, SIMC__CHECK_PID, pid, "ms without a packet, over",
                            limits->pid_ms);
            }
        }
    }
}

static void check_cat(struct simc__analyzer *analyzer, uint64_t now)
{
    const struct simc__limits *limits = &analyzer->limits;
    if (!analyzer->scrambled)
        return;
    simc__judge(analyzer, SIMC__CHECK_CAT);
    if (!analyzer->has_cat && overdue(&analyzer->scrambled_27mhz, now, limits->cat_first_ms))
        simc__raise(analyzer, SIMC__CHECK_CAT, SIMC_PID_CAT,
                    "packets are scrambled, and there is no CAT", 0);
    if (analyzer->has_cat && overdue(&analyzer->cat_last_27mhz, now, limits->cat_ms))
        simc__raise(analyzer, SIMC__CHECK_CAT, SIMC_PID_CAT, "ms without a CAT, over",
                    limits->cat_ms);
}

/* Tables that something announces, but that never came; check_tracks() sees to those that did. */
static void check_announced(struct simc__analyzer *analyzer, uint64_t now)
{
    struct {
        bool expected, seen;
        uint64_t *last;
        uint32_t limit_ms;
        enum simc__check_id check;
        uint16_t pid;
        const char *what;
    } rows[] = {
        {analyzer->nit_pid || analyzer->limits.dvb, analyzer->nit_last_27mhz > 0,
         &analyzer->nit_last_27mhz, 10000, SIMC__CHECK_NIT_ACTUAL, SIMC_PID_NIT, "no NIT actual"},
        {analyzer->limits.dvb, analyzer->has_sdt, &analyzer->sdt_last_27mhz, 2000,
         SIMC__CHECK_SDT_ACTUAL, SIMC_PID_SDT, "no SDT actual"},
        {analyzer->limits.dvb, analyzer->tdt_time_s != SIMC_DVB_TIME_NONE,
         &analyzer->tdt_last_27mhz, 30000, SIMC__CHECK_TDT, SIMC_PID_TDT, "no TDT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].expected)
            continue;
        simc__judge(analyzer, rows[i].check);
        if (!rows[i].seen && now > simc__ms_ticks(rows[i].limit_ms) &&
            !analyzer->checks[rows[i].check].count)
            simc__raise(analyzer, rows[i].check, rows[i].pid, rows[i].what, 0);
    }
}

void simc__check_absence(struct simc__analyzer *analyzer, uint64_t now)
{
    simc__judge(analyzer, SIMC__CHECK_PAT);
    if (overdue(&analyzer->pat_last_27mhz, now, analyzer->limits.pat_ms))
        simc__raise(analyzer, SIMC__CHECK_PAT, SIMC_PID_PAT, "ms without a PAT, over",
                    analyzer->limits.pat_ms);
    check_services(analyzer, now);
    check_pids(analyzer, now);
    check_cat(analyzer, now);
    check_announced(analyzer, now);
    check_tracks(analyzer, now);
}

const char *simc__pid_role_name(enum simc__pid_role role)
{
    static const char *const names[] = {"unreferenced", "PSI/SI", "PMT", "stream",
                                        "PCR",          "ECM",    "EMM", "null"};
    return names[role];
}
