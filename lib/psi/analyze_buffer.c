/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's check of decoder buffers: what happens in packets is kept until the next PCR of
 * their programme tells when they came, and then given to the model in tstd.c. analyze.c calls it
 * when buffers are to be judged. [101290 3.3, 3.9; 13818 2.4.2] */
#include <string.h>

#include "psi/analyze_internal.h"

#define BLIND_ROW(name, text) text,
static const char *const blind_texts[SIMC__BLIND_COUNT] = {SIMC__BLIND_ROWS(BLIND_ROW)};
#undef BLIND_ROW

/* How faults of the model are reported; values are divided. */
static const struct {
    enum simc__check_id check;
    int64_t divisor;
    const char *what;
} fault_rows[SIMC__STD_FAULTS] = {
    [SIMC__STD_TRANSPORT_OVER] = {SIMC__CHECK_BUFFER, 1, "bytes in a transport buffer of 512"},
    [SIMC__STD_MULTIPLEX_OVER] = {SIMC__CHECK_BUFFER, 1, "bytes in the multiplex buffer, too many"},
    [SIMC__STD_ELEMENTARY_OVER] = {SIMC__CHECK_BUFFER, 1, "bytes in the main buffer, too many"},
    [SIMC__STD_UNDERFLOW] = {SIMC__CHECK_BUFFER, 27, "us too late for its decoding time"},
    [SIMC__STD_TRANSPORT_FULL] = {SIMC__CHECK_EMPTY_BUFFER, 27000,
                                  "ms without an empty transport buffer"},
    [SIMC__STD_MULTIPLEX_FULL] = {SIMC__CHECK_EMPTY_BUFFER, 27000,
                                  "ms without an empty multiplex buffer"},
};

const char *simc__blind_text(enum simc__blind blind)
{
    return blind_texts[blind];
}

/* ---- times of packets ---- */

/* The clock of a programme, or NULL. */
static const struct simc_pcr_clock *clock_of(const struct simc__analyzer *analyzer,
                                             const struct simc__service *service)
{
    if (service->pcr_pid == SIMC_PID_NULL)
        return NULL;
    unsigned number = analyzer->stats.pids[service->pcr_pid].clock;
    return number ? &analyzer->stats.clocks[number - 1] : NULL;
}

/* Packets are spread evenly between two PCRs. [13818 2.4.2.2] */
static uint64_t time_of(const struct simc_pcr_clock *clock, uint64_t packet)
{
    double rate = (double)clock->rate_ticks / (double)clock->rate_packets;
    double ticks = ((double)packet - (double)clock->packet) * rate;
    double time = (double)clock->time_27mhz + ticks;
    return time > 0 ? (uint64_t)time : 0;
}

static uint64_t due_of(const struct simc_pcr_clock *clock, uint64_t stamp_27mhz)
{
    int64_t ahead = simc_pcr_distance(stamp_27mhz, clock->pcr_27mhz);
    int64_t due = (int64_t)clock->time_27mhz + ahead;
    return due > 0 ? (uint64_t)due : 0;
}

/* ---- the models ---- */

static void raise_faults(struct simc__analyzer *analyzer, const struct simc__std_record *record,
                         uint64_t ago_27mhz, const struct simc__std_faults *faults)
{
    simc__judge(analyzer, SIMC__CHECK_BUFFER);
    simc__judge(analyzer, SIMC__CHECK_EMPTY_BUFFER);
    for (unsigned i = 0; i < SIMC__STD_FAULTS && faults->set; i++) {
        if (faults->set & 1u << i)
            simc__raise_at(analyzer, fault_rows[i].check, record->pid, record->packet, ago_27mhz,
                           fault_rows[i].what, faults->values[i] / fault_rows[i].divisor);
    }
}

static void start_tables(struct simc__std *std, const struct simc_pcr_clock *clock, uint64_t now)
{
    /* Rbsys: 80 kbit/s, or a 500th of the transport stream. [13818 2.4.2.3] */
    enum { TRANSPORT_BPS = 1000000, SLOWEST_BPS = 80000, SHARE = 500 };
    uint64_t share = simc_pcr_clock_bitrate(clock) / SHARE;
    const struct simc__std_sizes sizes = {TRANSPORT_BPS, share > SLOWEST_BPS ? share : SLOWEST_BPS,
                                          0, SIMC__STD_SYSTEM};
    simc__std_start(std, SIMC__STD_TABLES, &sizes, now);
}

static void run_packet(struct simc__analyzer *analyzer, struct simc__std *std,
                       const struct simc_pcr_clock *clock, const struct simc__std_record *record)
{
    struct simc__std_faults faults;
    uint64_t start = time_of(clock, record->packet), end = time_of(clock, record->packet + 1);
    if (!std->running)
        return;
    simc__std_packet(std, start, end, record->count, &faults);
    uint64_t ago = clock->time_27mhz > start ? clock->time_27mhz - start : 0;
    raise_faults(analyzer, record, ago, &faults);
}

static void run_record(struct simc__analyzer *analyzer, struct simc__std_service *programme,
                       const struct simc_pcr_clock *clock, const struct simc__std_record *record)
{
    struct simc__es *es = analyzer->pids[record->pid].es;
    if (record->event == SIMC__STD_SECTION) {
        if (!programme->tables.running)
            start_tables(&programme->tables, clock, time_of(clock, record->packet));
        run_packet(analyzer, &programme->tables, clock, record);
    } else if (!es) {
        return;
    } else if (record->event == SIMC__STD_PACKET) {
        run_packet(analyzer, &es->std, clock, record);
    } else if (record->event == SIMC__STD_STOP) {
        es->std.running = false;
    } else if (record->event == SIMC__STD_FORGIVE) {
        simc__std_forgive(&es->std);
    } else if (es->known) {
        if (!es->std.running)
            simc__std_start(&es->std,
                            es->kind >= SIMC__CODEC_MPEG_AUDIO ? SIMC__STD_AUDIO : SIMC__STD_VIDEO,
                            &es->codec.sizes, time_of(clock, record->packet));
        simc__std_unit(&es->std, record->count, due_of(clock, record->stamp_27mhz), record->judge);
    }
}

static void run_records(struct simc__analyzer *analyzer, struct simc__std_service *programme,
                        const struct simc_pcr_clock *clock)
{
    for (unsigned i = 0; i < programme->count && clock->has_rate; i++)
        run_record(analyzer, programme, clock, &programme->records[i]);
    programme->count = 0;
}

/* A new time base: what is in the buffers belongs to the one before. */
static void stop_all(struct simc__analyzer *analyzer, const struct simc__service *service)
{
    service->std->count = 0;
    service->std->tables.running = false;
    for (unsigned i = 0; i < service->stream_count; i++) {
        struct simc__es *es = analyzer->pids[service->streams[i].pid].es;
        if (es)
            es->std.running = false;
    }
}

void simc__buffer_clock(struct simc__analyzer *analyzer, uint16_t pid, enum simc_pcr_event event)
{
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        struct simc__service *service = &analyzer->services[i];
        if (!service->std || service->pcr_pid != pid)
            continue;
        if (event == SIMC_PCR_GOOD || event == SIMC_PCR_LATE)
            run_records(analyzer, service->std, clock_of(analyzer, service));
        else
            stop_all(analyzer, service);
    }
}

/* ---- what happened in packets ---- */

static void keep(struct simc__analyzer *analyzer, struct simc__service *service,
                 const struct simc__std_record *record)
{
    struct simc__std_service *programme = service->std;
    const struct simc_pcr_clock *clock = clock_of(analyzer, service);
    if (!programme)
        return;
    if (programme->count == SIMC__STD_RECORDS_MAX) {
        /* PCRs are too far apart: then by the rate that was. */
        if (clock)
            run_records(analyzer, programme, clock);
        programme->count = 0;
    }
    programme->records[programme->count++] = *record;
}

static void keep_of_stream(struct simc__analyzer *analyzer, const struct simc__std_record *record)
{
    keep(analyzer, &analyzer->services[analyzer->pids[record->pid].service - 1], record);
}

void simc__buffer_record(struct simc__analyzer *analyzer, uint16_t pid, enum simc__std_event event,
                         unsigned count)
{
    const struct simc__std_record record = {.packet = analyzer->stats.packets - 1,
                                            .pid = pid,
                                            .event = (uint8_t)event,
                                            .count = (uint8_t)count};
    keep_of_stream(analyzer, &record);
}

void simc__buffer_unit(struct simc__analyzer *analyzer, uint16_t pid, unsigned offset,
                       uint64_t stamp_27mhz, bool judge)
{
    const struct simc__std_record record = {.packet = analyzer->stats.packets - 1,
                                            .stamp_27mhz = stamp_27mhz,
                                            .pid = pid,
                                            .event = SIMC__STD_UNIT,
                                            .count = (uint8_t)offset,
                                            .judge = judge};
    keep_of_stream(analyzer, &record);
}

/* @return 0 (also when there is no room for more), SIMC_ENOMEM. */
static int make_programme(struct simc__analyzer *analyzer, struct simc__service *service)
{
    if (service->std)
        return 0;
    if (analyzer->std_service_count == SIMC__STD_SERVICES_MAX) {
        analyzer->dropped = true;
        return 0;
    }
    service->std = simc_calloc(1, sizeof *service->std);
    analyzer->std_service_count += service->std != NULL;
    return service->std ? 0 : SIMC_ENOMEM;
}

/* The section bytes of a packet: the stuffing behind them does not stay in Bsys. */
static unsigned section_bytes(const uint8_t *packet)
{
    struct simc_slice payload = simc_ts_payload(packet);
    while (payload.size && payload.data[payload.size - 1] == SIMC_TABLE_STUFFING)
        payload.size--;
    return (unsigned)payload.size;
}

/* The PSI of a programme is the PAT, the CAT and its own PMT. [13818 2.4.2.3] */
static int take_section(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet,
                        bool duplicate)
{
    bool common = pid == SIMC_PID_PAT || pid == SIMC_PID_CAT;
    const struct simc__std_record record = {.packet = analyzer->stats.packets - 1,
                                            .pid = pid,
                                            .event = SIMC__STD_SECTION,
                                            .count =
                                                (uint8_t)(duplicate ? 0 : section_bytes(packet))};
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        struct simc__service *service = &analyzer->services[i];
        if (!service->in_pat || service->pcr_pid == SIMC_PID_NULL ||
            (!common && service->pmt_pid != pid))
            continue;
        int error = make_programme(analyzer, service);
        if (error)
            return error;
        keep(analyzer, service, &record);
    }
    return 0;
}

static int make_stream(struct simc__analyzer *analyzer, struct simc__pid *info)
{
    enum simc__codec_kind kind = simc__codec_of(info->stream_type);
    if (kind == SIMC__CODEC_NONE || analyzer->std_stream_count == SIMC__STD_STREAMS_MAX) {
        info->blind = kind == SIMC__CODEC_NONE ? SIMC__BLIND_NO_CODEC : SIMC__BLIND_NO_ROOM;
        return 0;
    }
    info->es = simc_calloc(1, sizeof *info->es);
    if (!info->es)
        return SIMC_ENOMEM;
    analyzer->std_stream_count++;
    info->es->kind = kind;
    info->es->blind = SIMC__BLIND_NO_PES;
    return 0;
}

/* A PID may change its programme or its codec with a new PMT. */
static void begin_anew(struct simc__pid *info, enum simc__codec_kind kind)
{
    if (info->es->kind == kind)
        return;
    memset(info->es, 0, sizeof *info->es);
    info->es->kind = kind;
    info->es->blind = SIMC__BLIND_NO_PES;
}

int simc__buffer_packet(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet,
                        const struct simc_ts_event *event)
{
    struct simc__pid *info = &analyzer->pids[pid];
    bool duplicate = event->order == SIMC_TS_ORDER_DUPLICATE;
    int error = 0;
    if (pid == SIMC_PID_PAT || pid == SIMC_PID_CAT || info->role == SIMC__ROLE_PMT)
        return take_section(analyzer, pid, packet, duplicate);
    if (info->role != SIMC__ROLE_STREAM || !info->service || info->blind != SIMC__BLIND_NOT)
        return 0;
    struct simc__service *service = &analyzer->services[info->service - 1];
    if (service->pcr_pid == SIMC_PID_NULL)
        return 0;
    if (!info->es)
        error = make_stream(analyzer, info);
    if (!error && info->es)
        error = make_programme(analyzer, service);
    if (error || !info->es)
        return error;
    begin_anew(info, simc__codec_of(info->stream_type));
    if (!service->std)
        info->es->blind = SIMC__BLIND_NO_ROOM;
    else if (info->es->kind == SIMC__CODEC_NONE)
        info->es->blind = SIMC__BLIND_NO_CODEC;
    else
        simc__es_packet(analyzer, info->es, pid, packet, duplicate);
    return 0;
}

enum simc__blind simc__buffer_blind(const struct simc__analyzer *analyzer, uint16_t pid)
{
    const struct simc__pid *info = &analyzer->pids[pid];
    if (info->blind != SIMC__BLIND_NOT)
        return info->blind;
    if (info->service && analyzer->services[info->service - 1].pcr_pid == SIMC_PID_NULL)
        return SIMC__BLIND_NO_CLOCK;
    if (!info->es)
        return SIMC__BLIND_NO_PES;
    if (info->es->blind != SIMC__BLIND_NOT || info->es->std.packets)
        return info->es->blind;
    return SIMC__BLIND_NO_CLOCK;
}
