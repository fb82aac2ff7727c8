/* SPDX-License-Identifier: BSL-1.0 */
/* The figures of the synchroniser as rows: what /metrics shows. The files that do things count
 * them. */
#include "scs/internal.h"

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
static const char *const grade_names[] = {"minor", "major", "critical", NULL};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

unsigned simc__scs_status_value(uint16_t status)
{
    unsigned value = STATUS_COUNT - 1;
    while (value > 0 && statuses[value] != status)
        value--;
    return value;
}

/* Milliseconds between an ECM and the last moment for it; those that came later are in the first
 * bucket. */
static const uint64_t margin_ms[] = {0,    10,   20,   50,   100,  200,   500,
                                     1000, 1500, 2000, 3000, 5000, 10000, 20000};

enum { MARGIN_COUNT = sizeof margin_ms / sizeof margin_ms[0] };

#define COUNTER(name_, help_)                                      \
    {                                                              \
        .name = name_, .type = SIMC__METRIC_COUNTER, .help = help_ \
    }
#define GAUGE(name_, help_)                                      \
    {                                                            \
        .name = name_, .type = SIMC__METRIC_GAUGE, .help = help_ \
    }

/* In the order of enum simc__scs_stat. */
static const struct simc__metric_row rows[SIMC__SCS_STAT_COUNT] = {
    GAUGE("scs_scgs", "Scrambling control groups"),
    GAUGE("scs_scgs_scrambled", "Groups that are scrambled as planned"),
    GAUGE("scs_streams", "ECM streams"),
    GAUGE("scs_streams_served", "ECM streams that have an ECMG"),
    GAUGE("scs_muxes", "Muxes that are connected"),
    {.name = "scs_alarms",
     .type = SIMC__METRIC_GAUGE,
     .help = "Alarms that are raised, by grade",
     .label = "grade",
     .values = grade_names},
    COUNTER("scs_cws_total", "Control words drawn"),
    COUNTER("scs_cw_failures_total", "Control words that could not be drawn"),
    COUNTER("scs_periods_total", "Crypto periods put on air"),
    COUNTER("scs_stretched_total", "Crypto periods that lasted longer for want of an ECM"),
    COUNTER("scs_late_ecms_total", "ECMs that were not there in time"),
    COUNTER("scs_switches_total", "Changes of an ECM stream to another ECMG"),
    COUNTER("scs_orders_total", "Orders sent to muxes"),
};

/* In the order of enum simc__scs_ecmg_stat. */
static const struct simc__metric_row ecmg_rows[SIMC__SCS_ECMG_STAT_COUNT] = {
    GAUGE("scs_ecmg_channels", "Channels that are open"),
    GAUGE("scs_ecmg_active_streams", "Streams whose ECMs it makes"),
    GAUGE("scs_ecmg_standby_streams", "Streams that are open or opening, and wait"),
    COUNTER("scs_ecmg_channels_opened_total", "Channels opened"),
    COUNTER("scs_ecmg_cw_provisions_total", "CW_provision messages sent"),
    COUNTER("scs_ecmg_ecms_total", "ECMs received in time"),
    COUNTER("scs_ecmg_primed_total", "CW_provision messages that only made control words known"),
    COUNTER("scs_ecmg_timeouts_total", "CW_provision messages without an answer in time"),
    {.name = "scs_ecmg_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors received, by error_status",
     .label = "status",
     .values = status_names},
    COUNTER("scs_ecmg_late_replies_total", "ECMs that came too late or twice, and were dropped"),
    COUNTER("scs_ecmg_bad_ecms_total", "ECMs that are not what section_TSpkt_flag promises"),
    {.name = "scs_ecmg_reply_seconds",
     .type = SIMC__METRIC_HISTOGRAM,
     .help = "Time from a CW_provision to its ECM",
     .per = 1000000,
     .bounds = simc__metric_latency_us,
     .bound_count = SIMC__METRIC_LATENCY_COUNT},
};

/* In the order of enum simc__scs_stream_stat. */
static const struct simc__metric_row stream_rows[SIMC__SCS_STREAM_STAT_COUNT] = {
    COUNTER("scs_stream_cw_provisions_total", "CW_provision messages sent"),
    COUNTER("scs_stream_ecms_total", "ECMs received in time"),
    COUNTER("scs_stream_timeouts_total", "CW_provision messages without an answer in time"),
    COUNTER("scs_stream_errors_total", "Errors received"),
    COUNTER("scs_stream_late_ecms_total", "Crypto periods whose ECM was not there in time"),
    COUNTER("scs_stream_switches_total", "Changes to another ECMG"),
    {.name = "scs_stream_margin_seconds",
     .type = SIMC__METRIC_HISTOGRAM,
     .help = "How long before the last moment its ECMs came",
     .per = 1000,
     .bounds = margin_ms,
     .bound_count = MARGIN_COUNT},
};

const struct simc__metric_table simc__scs_stats = {rows, SIMC__SCS_STAT_COUNT};
const struct simc__metric_table simc__scs_ecmg_stats = {ecmg_rows, SIMC__SCS_ECMG_STAT_COUNT};
const struct simc__metric_table simc__scs_stream_stats = {stream_rows, SIMC__SCS_STREAM_STAT_COUNT};
