/* SPDX-License-Identifier: BSL-1.0 */
/* The figures of muxd as rows: what /metrics shows of multiplexes, inputs and outputs. service.c
 * calls it before each scrape. */
#include <stdio.h>
#include <string.h>

#include "mux/service.h"
#include "tsio/tsio.h"

enum { SETS_MAX = 3000, KEY_SIZE = 2 * SIMC__TSIO_ADDRESS_SIZE, TICKS_PER_US = 27 };

#define CLASS_WORD(name, word, text) word,
static const char *const class_words[] = {SIMC__MUX_CLASS_ROWS(CLASS_WORD) NULL};

/* ---- rows: figures of the daemon first, then those of the engine's tables ---- */

enum {
    MUX_PACKETS,
    MUX_BITRATE,
    MUX_SERVICES,
    MUX_SCGS,
    MUX_MEMORY,
    MUX_ALARMS,
    MUX_PCR_INTERVAL,
    MUX_SCS_CONNECTED,
    MUX_SCS_CONNECTIONS,
    MUX_COUNTERS, /* the first of the engine's */
};

#define COUNTER_ROW(name_, word, text) \
    {.name = "muxd_" word "_total", .type = SIMC__METRIC_COUNTER, .help = text},

static const struct simc__metric_row mux_rows[] = {
    {.name = "muxd_packets_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Packets of the output by what they are",
     .label = "class",
     .values = class_words},
    {.name = "muxd_bitrate",
     .type = SIMC__METRIC_GAUGE,
     .help = "Bits per second over the last second, by what they are",
     .label = "class",
     .values = class_words},
    {.name = "muxd_services", .type = SIMC__METRIC_GAUGE, .help = "Services in the output"},
    {.name = "muxd_scgs", .type = SIMC__METRIC_GAUGE, .help = "SCGs that are defined"},
    {.name = "muxd_memory_bytes", .type = SIMC__METRIC_GAUGE, .help = "Memory of the engine"},
    {.name = "muxd_alarms", .type = SIMC__METRIC_GAUGE, .help = "Alarms that are raised"},
    {.name = "muxd_pcr_interval_max_seconds",
     .type = SIMC__METRIC_GAUGE,
     .help = "Longest distance of two PCRs of a service in the last second",
     .per = 1000000},
    {.name = "muxd_scs_connected", .type = SIMC__METRIC_GAUGE, .help = "1: the SCS is there"},
    {.name = "muxd_scs_connections_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Connections to the SCS that were made"},
    SIMC__MUX_COUNTER_ROWS(COUNTER_ROW)};

enum {
    IN_RUNNING,
    IN_BITRATE,
    IN_BUFFERED,
    IN_BYTES,
    IN_DATAGRAMS,
    IN_KERNEL_DROPS,
    IN_RTP_LOST,
    IN_SKIPPED,
    IN_COUNTERS,
};

#define INPUT_COUNTER_ROW(name_, word, text) \
    {.name = "muxd_input_" word "_total", .type = SIMC__METRIC_COUNTER, .help = text},

static const struct simc__metric_row input_rows[] = {
    {.name = "muxd_input_running", .type = SIMC__METRIC_GAUGE, .help = "1: packets come"},
    {.name = "muxd_input_bitrate",
     .type = SIMC__METRIC_GAUGE,
     .help = "Bits per second over the last second"},
    {.name = "muxd_input_buffered_packets",
     .type = SIMC__METRIC_GAUGE,
     .help = "Most packets that waited in the last second"},
    {.name = "muxd_input_bytes_total", .type = SIMC__METRIC_COUNTER, .help = "Bytes received"},
    {.name = "muxd_input_datagrams_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Datagrams received"},
    {.name = "muxd_input_kernel_drops_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Datagrams that found the buffer of the socket full"},
    {.name = "muxd_input_rtp_lost_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Datagrams missing in the sequence of RTP"},
    {.name = "muxd_input_skipped_bytes_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Bytes that belonged to no packet"},
    SIMC__MUX_INPUT_COUNTER_ROWS(INPUT_COUNTER_ROW)};

enum { OUT_TROUBLE, OUT_PACKETS, OUT_DATAGRAMS, OUT_DROPPED, OUT_LATE, OUT_ERRORS, OUT_WAITING };

static const struct simc__metric_row output_rows[] = {
    {.name = "muxd_output_in_trouble",
     .type = SIMC__METRIC_GAUGE,
     .help = "1: it does not work now"},
    {.name = "muxd_output_packets_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Packets that left"},
    {.name = "muxd_output_datagrams_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Datagrams that left"},
    {.name = "muxd_output_dropped_packets_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Packets that it could not take"},
    {.name = "muxd_output_late_datagrams_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Datagrams that left more than 5 ms behind their time"},
    {.name = "muxd_output_errors_total", .type = SIMC__METRIC_COUNTER, .help = "Failed writes"},
    {.name = "muxd_output_waiting_bytes",
     .type = SIMC__METRIC_GAUGE,
     .help = "Bytes that wait to be written"},
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
const struct simc__metric_table simc__muxd_stats_table = {mux_rows, COUNT(mux_rows)};
const struct simc__metric_table simc__muxd_input_stats_table = {input_rows, COUNT(input_rows)};
const struct simc__metric_table simc__muxd_output_stats_table = {output_rows, COUNT(output_rows)};

/* ---- sets that come and go ---- */

struct entry {
    const struct simc__metric_table *table;
    struct simc__metric_set *set;
    char key[KEY_SIZE];
    bool is_seen;
};

struct simc__muxd_stats {
    struct simc__metrics *metrics;
    struct entry *entries; /* SETS_MAX; more things than that have no figures */
    size_t count;
};

struct simc__muxd_stats *simc__muxd_stats_new(struct simc__metrics *metrics)
{
    struct simc__muxd_stats *stats = simc_calloc(1, sizeof *stats);
    if (stats)
        stats->metrics = metrics;
    return stats;
}

void simc__muxd_stats_free(struct simc__muxd_stats *stats)
{
    if (!stats)
        return;
    for (size_t i = 0; i < stats->count; i++)
        simc__metrics_remove(stats->metrics, stats->entries[i].set);
    simc_free(stats->entries);
    simc_free(stats);
}

void simc__muxd_stats_begin(struct simc__muxd_stats *stats)
{
    for (size_t i = 0; i < stats->count; i++)
        stats->entries[i].is_seen = false;
}

/* The set of a multiplex, or of something in it. NULL: there is no room for it. */
static struct simc__metric_set *set_of(struct simc__muxd_stats *stats,
                                       const struct simc__metric_table *table,
                                       const char *multiplex, const char *label, const char *what)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "%s/%s", multiplex, what ? what : "");
    for (size_t i = 0; i < stats->count; i++) {
        struct entry *entry = &stats->entries[i];
        if (entry->table == table && strcmp(entry->key, key) == 0) {
            entry->is_seen = true;
            return entry->set;
        }
    }
    if (stats->count == SETS_MAX)
        return NULL;
    struct entry *grown = simc_realloc(stats->entries, (stats->count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    stats->entries = grown;
    struct entry *entry = &grown[stats->count];
    const struct simc__metric_label labels[] = {{"multiplex", multiplex}, {label, what}};
    *entry = (struct entry){.table = table, .is_seen = true};
    memcpy(entry->key, key, sizeof key);
    if (simc__metrics_add(stats->metrics, table, labels, what ? 2 : 1, &entry->set))
        return NULL;
    stats->count++;
    return entry->set;
}

void simc__muxd_stats_end(struct simc__muxd_stats *stats)
{
    size_t kept = 0;
    for (size_t i = 0; i < stats->count; i++) {
        if (stats->entries[i].is_seen)
            stats->entries[kept++] = stats->entries[i];
        else
            simc__metrics_remove(stats->metrics, stats->entries[i].set);
    }
    stats->count = kept;
}

/* ---- the figures ---- */

static uint64_t count_alarms(const struct simc__muxd_multiplex *multiplex)
{
    struct simc__mux_alarm alarm;
    uint64_t count = multiplex->link_trouble.is_raised;
    for (size_t i = 0; simc__mux_alarm_get(multiplex->mux, i, &alarm); i++)
        count++;
    for (size_t i = 0; i < multiplex->feed_count; i++)
        count += multiplex->feeds[i]->trouble.is_raised;
    for (size_t i = 0; i < multiplex->send_count; i++)
        count += multiplex->sends[i]->trouble.is_raised;
    return count;
}

static void look_at_engine(struct simc__metric_set *set, struct simc__muxd_multiplex *multiplex)
{
    struct simc__mux_status status;
    simc__mux_status(multiplex->mux, &status);
    for (unsigned i = 0; i < SIMC__MUX_CLASS_COUNT; i++) {
        simc__metric_store(set, 0, MUX_PACKETS, i, status.packets[i]);
        simc__metric_store(set, 0, MUX_BITRATE, i, status.bitrates[i]);
    }
    simc__metric_store(set, 0, MUX_SERVICES, 0, status.service_count);
    simc__metric_store(set, 0, MUX_SCGS, 0, status.scg_count);
    simc__metric_store(set, 0, MUX_MEMORY, 0, status.memory);
    simc__metric_store(set, 0, MUX_ALARMS, 0, count_alarms(multiplex));
    simc__metric_store(set, 0, MUX_PCR_INTERVAL, 0, status.pcr_interval_max / TICKS_PER_US);
    simc__metric_store(set, 0, MUX_SCS_CONNECTED, 0,
                       multiplex->link && simc__link_is_open(multiplex->link));
    simc__metric_store(set, 0, MUX_SCS_CONNECTIONS, 0, multiplex->link_opened);
    for (unsigned i = 0; i < SIMC__MUX_COUNTER_COUNT; i++)
        simc__metric_store(set, 0, MUX_COUNTERS + i, 0, status.counters[i]);
}

static void look_at_input(struct simc__metric_set *set,
                          const struct simc__muxd_multiplex *multiplex, size_t index)
{
    struct simc__tsio_input_stats stats;
    struct simc__mux_input_status status;
    simc__tsio_input_stats(multiplex->feeds[index]->input, &stats);
    if (simc__mux_input_status(multiplex->mux, (uint32_t)index, &status))
        return;
    simc__metric_store(set, 0, IN_RUNNING, 0, status.state == SIMC__MUX_INPUT_RUNNING);
    simc__metric_store(set, 0, IN_BITRATE, 0, status.bitrate);
    simc__metric_store(set, 0, IN_BUFFERED, 0, status.buffered_max);
    simc__metric_store(set, 0, IN_BYTES, 0, stats.bytes);
    simc__metric_store(set, 0, IN_DATAGRAMS, 0, stats.datagrams);
    simc__metric_store(set, 0, IN_KERNEL_DROPS, 0, stats.dropped_datagrams);
    simc__metric_store(set, 0, IN_RTP_LOST, 0, stats.rtp_lost);
    simc__metric_store(set, 0, IN_SKIPPED, 0, stats.skipped_bytes);
    for (unsigned i = 0; i < SIMC__MUX_INPUT_COUNTER_COUNT; i++)
        simc__metric_store(set, 0, IN_COUNTERS + i, 0, status.counters[i]);
}

static void look_at_output(struct simc__metric_set *set, const struct simc__muxd_send *send)
{
    struct simc__tsio_output_stats stats;
    simc__tsio_output_stats(send->output, &stats);
    simc__metric_store(set, 0, OUT_TROUBLE, 0, send->trouble.is_raised);
    simc__metric_store(set, 0, OUT_PACKETS, 0, stats.packets);
    simc__metric_store(set, 0, OUT_DATAGRAMS, 0, stats.datagrams);
    simc__metric_store(set, 0, OUT_DROPPED, 0, stats.dropped_packets);
    simc__metric_store(set, 0, OUT_LATE, 0, stats.late_datagrams);
    simc__metric_store(set, 0, OUT_ERRORS, 0, stats.errors);
    simc__metric_store(set, 0, OUT_WAITING, 0, stats.waiting_bytes);
}

void simc__muxd_stats_look(struct simc__muxd_stats *stats, struct simc__muxd_multiplex *multiplex)
{
    const char *name = multiplex->conf->name;
    struct simc__metric_set *set = set_of(stats, &simc__muxd_stats_table, name, NULL, NULL);
    if (set)
        look_at_engine(set, multiplex);
    for (size_t i = 0; i < multiplex->feed_count; i++) {
        set =
            set_of(stats, &simc__muxd_input_stats_table, name, "input", multiplex->feeds[i]->name);
        if (set)
            look_at_input(set, multiplex, i);
    }
    for (size_t i = 0; i < multiplex->send_count; i++) {
        set = set_of(stats, &simc__muxd_output_stats_table, name, "output",
                     multiplex->sends[i]->address);
        if (set)
            look_at_output(set, multiplex->sends[i]);
    }
}
