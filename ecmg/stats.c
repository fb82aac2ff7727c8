/* SPDX-License-Identifier: BSL-1.0 */
/* The figures of the ECM generator as rows: what /metrics shows. connection.c counts them. */
#include "ecmg/ecmg.h"

/* Every error_status that the standard names [table 6]; one more for all the others. */
/* clang-format off */
#define STATUS_ROWS(ROW)                                                                  \
    ROW(0x0001) ROW(0x0002) ROW(0x0003) ROW(0x0004) ROW(0x0005) ROW(0x0006) ROW(0x0007)   \
    ROW(0x0008) ROW(0x0009) ROW(0x000A) ROW(0x000B) ROW(0x000C) ROW(0x000D) ROW(0x000E)   \
    ROW(0x000F) ROW(0x0010) ROW(0x0011) ROW(0x0012) ROW(0x0013) ROW(0x0014) ROW(0x0015)   \
    ROW(0x7000) ROW(0x7001)
/* clang-format on */

#define STATUS_NUMBER(value) value,
#define STATUS_NAME(value)   #value,
static const uint16_t statuses[] = {0, STATUS_ROWS(STATUS_NUMBER)};
static const char *const status_names[] = {"other", STATUS_ROWS(STATUS_NAME) NULL};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

unsigned simc__ecmg_status_value(uint16_t status)
{
    unsigned value = STATUS_COUNT - 1;
    while (value > 0 && statuses[value] != status)
        value--;
    return value;
}

/* Nanoseconds: most ECMs take about one microsecond; a plug-in with an HSM takes milliseconds. */
static const uint64_t duration_ns[] = {
    500,    1000,   2000,    5000,    10000,   20000,    50000,    100000,
    200000, 500000, 1000000, 2000000, 5000000, 10000000, 50000000, 250000000,
};

enum { DURATION_COUNT = sizeof duration_ns / sizeof duration_ns[0] };

/* In the order of enum simc__ecmg_stat. */
static const struct simc__metric_row stat_rows[SIMC__ECMG_STAT_COUNT] = {
    {.name = "ecmg_channels", .type = SIMC__METRIC_GAUGE, .help = "Channels that are open"},
    {.name = "ecmg_streams", .type = SIMC__METRIC_GAUGE, .help = "ECM streams that are open"},
    {.name = "ecmg_channels_opened_total", .type = SIMC__METRIC_COUNTER, .help = "Channels opened"},
    {.name = "ecmg_streams_opened_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "ECM streams opened"},
    {.name = "ecmg_cw_provisions_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "CW_provision messages that asked for an ECM"},
    {.name = "ecmg_ecms_total", .type = SIMC__METRIC_COUNTER, .help = "ECMs sent"},
    {.name = "ecmg_empty_ecms_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "ECM_response messages without an ECM"},
    {.name = "ecmg_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors sent, by error_status",
     .label = "status",
     .values = status_names},
    {.name = "ecmg_ecm_duration_seconds",
     .type = SIMC__METRIC_HISTOGRAM,
     .help = "Time from a decoded CW_provision to its ECM_response",
     .per = 1000000000,
     .bounds = duration_ns,
     .bound_count = DURATION_COUNT},
};

/* In the order of enum simc__ecmg_peer_stat. */
static const struct simc__metric_row peer_stat_rows[SIMC__ECMG_PEER_STAT_COUNT] = {
    {.name = "ecmg_connections", .type = SIMC__METRIC_GAUGE, .help = "SCSs that are connected"},
    {.name = "ecmg_connections_opened_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Connections of SCSs that were accepted"},
    {.name = "ecmg_channel_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors sent on connections without a channel, by error_status",
     .label = "status",
     .values = status_names},
    {.name = "ecmg_peer_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors that SCSs have reported"},
};

const struct simc__metric_table simc__ecmg_stats = {stat_rows, SIMC__ECMG_STAT_COUNT};
const struct simc__metric_table simc__ecmg_peer_stats = {peer_stat_rows,
                                                         SIMC__ECMG_PEER_STAT_COUNT};
