/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's view of scrambling: crypto periods by the parity that packets show, and the ECMs
 * and EMMs beside them. analyze.c and analyze_tables.c call it. */
#include <string.h>

#include "psi/analyze_internal.h"

enum { CA_TABLES = 16 };

static struct simc__period *last_period(struct simc__service *service)
{
    return service->period_count
               ? &service->periods[(service->period_count - 1) % SIMC__PERIODS_MAX]
               : NULL;
}

const struct simc__period *simc__service_period(const struct simc__service *service, size_t n)
{
    size_t kept = service->period_count < SIMC__PERIODS_MAX ? (size_t)service->period_count
                                                            : (size_t)SIMC__PERIODS_MAX;
    if (n >= kept)
        return NULL;
    return &service->periods[(service->period_count - kept + n) % SIMC__PERIODS_MAX];
}

/* A component that stays clear beside a scrambled one does not make the service clear. */
static bool any_scrambled(const struct simc__analyzer *analyzer,
                          const struct simc__service *service)
{
    for (unsigned i = 0; i < service->stream_count; i++) {
        const struct simc_ts_pid_stats *pid = &analyzer->stats.pids[service->streams[i].pid];
        if (pid->tsc_seen && pid->tsc >= SIMC_TSC_EVEN)
            return true;
    }
    return false;
}

int simc__crypt_change(struct simc__analyzer *analyzer, struct simc__service *service, uint8_t tsc,
                       bool entire)
{
    struct simc__period *before = last_period(service);
    if ((before && service->tsc == tsc) || tsc == SIMC_TSC_RESERVED)
        return 0;
    if (tsc == SIMC_TSC_CLEAR && before && any_scrambled(analyzer, service))
        return 0;
    if (!service->periods) {
        service->periods = simc_calloc(SIMC__PERIODS_MAX, sizeof *service->periods);
        if (!service->periods)
            return SIMC_ENOMEM;
    }
    uint64_t now = simc_ts_stats_time(&analyzer->stats);
    if (before)
        before->end_27mhz = now;
    service->period_count++;
    service->tsc = tsc;
    struct simc__period *period =
        &service->periods[(service->period_count - 1) % SIMC__PERIODS_MAX];
    *period = (struct simc__period){.start_27mhz = now,
                                    .start_packet = analyzer->stats.packets - 1,
                                    .tsc = tsc,
                                    .entire = entire && before};
    return 0;
}

/* FNV-1a: it only has to tell one ECM from the next. */
static uint32_t hash(struct simc_slice bytes)
{
    uint32_t value = 0x811c9dc5;
    for (size_t i = 0; i < bytes.size; i++)
        value = (value ^ bytes.data[i]) * 0x01000193;
    return value;
}

uint8_t simc__ca_stream_index(struct simc__analyzer *analyzer, const struct simc__ca *ca,
                              bool is_emm)
{
    for (unsigned i = 0; i < analyzer->ca_stream_count; i++) {
        if (analyzer->ca_streams[i].pid == ca->pid)
            return (uint8_t)(i + 1);
    }
    if (analyzer->ca_stream_count + 1 >= SIMC__CA_STREAMS_MAX) {
        analyzer->dropped = true;
        return 0;
    }
    analyzer->ca_streams[analyzer->ca_stream_count] =
        (struct simc__ca_stream){.pid = ca->pid, .system_id = ca->system_id, .is_emm = is_emm};
    return (uint8_t)++analyzer->ca_stream_count;
}

static bool names_pid(const struct simc__service *service, uint16_t pid)
{
    for (unsigned i = 0; i < service->ca_count; i++) {
        if (service->cas[i].pid == pid)
            return true;
    }
    return false;
}

/* A new ECM belongs to the period that runs in each service whose PMT names its PID. */
static void note_ecm(struct simc__analyzer *analyzer, const struct simc__ca_stream *stream,
                     uint64_t now)
{
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        struct simc__period *period = last_period(&analyzer->services[i]);
        if (!period || period->ecm_count == SIMC__PERIOD_ECMS_MAX ||
            !names_pid(&analyzer->services[i], stream->pid))
            continue;
        period->ecms[period->ecm_count++] =
            (struct simc__period_ecm){stream->pid, stream->table_id, stream->hash, now};
    }
}

void simc__crypt_section(struct simc__analyzer *analyzer, uint16_t pid, struct simc_slice bytes,
                         uint64_t now)
{
    uint8_t index = analyzer->pids[pid].ca_stream;
    if (!index || bytes.size < 3)
        return;
    struct simc__ca_stream *stream = &analyzer->ca_streams[index - 1];
    uint8_t table_id = bytes.data[0];
    uint32_t content = hash(simc_slice(bytes.data + 3, bytes.size - 3));
    bool changed = !stream->sections || content != stream->hash || table_id != stream->table_id;

    if (stream->sections) {
        uint64_t gap = now - stream->last_27mhz;
        if (gap > stream->gap_max_27mhz)
            stream->gap_max_27mhz = gap;
        if (stream->sections == 1 || gap < stream->gap_min_27mhz)
            stream->gap_min_27mhz = gap;
    } else {
        stream->first_27mhz = now;
    }
    stream->last_27mhz = now;
    stream->sections++;
    stream->bytes += bytes.size;
    if (table_id >= SIMC_TABLE_ECM_EVEN && table_id <= SIMC_TABLE_CA_LAST)
        stream->by_table[table_id % CA_TABLES]++;
    else
        stream->others++;
    stream->hash = content;
    stream->table_id = table_id;
    if (changed) {
        stream->changes++;
        if (!stream->is_emm)
            note_ecm(analyzer, stream, now);
    }
}
