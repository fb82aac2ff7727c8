/* SPDX-License-Identifier: BSL-1.0 */
/* REPORTS and ALARM of the SCS-mux service: what went on air, and what a person must know. Muxes
 * write them, scsd reads them; see scs_mux.h. */
#include <string.h>

#include "link/fields.h"

/* ---- REPORTS ---- */

#define SCG    SIMC__UINT(simc__scs_mux_report, scg_id, 0, UINT32_MAX)
#define STREAM SIMC__UINT(simc__scs_mux_report, stream, 0, SIMC__SCS_MUX_STREAMS_MAX - 1)
#define CP     SIMC__UINT(simc__scs_mux_report, cp, 0, UINT16_MAX)
#define TICK   SIMC__UINT(simc__scs_mux_report, tick, 0, SIMC__TICK_MAX)

static const struct simc__field period_rows[] = {SCG, CP, TICK,
                                                 SIMC__UINT(simc__scs_mux_report, parity, 0, 1)};
static const struct simc__field clear_rows[] = {SCG, TICK};
static const struct simc__field first_rows[] = {SCG, STREAM, CP, TICK};
static const struct simc__field last_rows[] = {
    SCG, STREAM, CP, TICK, SIMC__UINT(simc__scs_mux_report, count, 0, UINT32_MAX)};
static const struct simc__field late_rows[] = {
    SCG,
    STREAM,
    CP,
    TICK,
    SIMC__UINT(simc__scs_mux_report, order, 0, SIMC__SCS_MUX_ORDER_COUNT - 1),
    SIMC__UINT(simc__scs_mux_report, late_ticks, 0, SIMC__TICK_MAX)};

static const struct {
    const char *name;
    const struct simc__field *rows;
    size_t count;
} reports_table[SIMC__SCS_MUX_REPORT_COUNT] = {
    [SIMC__SCS_MUX_REPORT_PERIOD] = {"PERIOD", SIMC__ROWS(period_rows)},
    [SIMC__SCS_MUX_REPORT_CLEAR] = {"CLEAR", SIMC__ROWS(clear_rows)},
    [SIMC__SCS_MUX_REPORT_ECM_FIRST] = {"ECM_FIRST", SIMC__ROWS(first_rows)},
    [SIMC__SCS_MUX_REPORT_ECM_LAST] = {"ECM_LAST", SIMC__ROWS(last_rows)},
    [SIMC__SCS_MUX_REPORT_LATE] = {"LATE", SIMC__ROWS(late_rows)},
};

enum { REPORT_ITEMS_MIN = 3, REPORT_ITEMS_MAX = 7, ALARM_ITEMS = 5 };

void simc__scs_mux_reports_begin(struct simc__scs_mux_orders *reports, struct simc_writer *out)
{
    simc__list_begin(reports, out);
}

int simc__scs_mux_reports_put(struct simc__scs_mux_orders *reports,
                              const struct simc__scs_mux_report *report)
{
    struct simc__cbor_writer writer;
    size_t mark = 0;
    if ((unsigned)report->type >= SIMC__SCS_MUX_REPORT_COUNT)
        return SIMC_EINVAL;
    int error = simc__list_entry(reports, &writer, &mark);
    if (error)
        return error;
    simc__cbor_put_array(&writer, reports_table[report->type].count + 1);
    simc__cbor_put_uint(&writer, report->type);
    simc__fields_put(&writer, reports_table[report->type].rows, reports_table[report->type].count,
                     report);
    return simc__list_entry_end(reports, &writer, mark);
}

int simc__scs_mux_reports_end(struct simc__scs_mux_orders *reports)
{
    return simc__list_end(reports);
}

int simc__scs_mux_reports_open(struct simc_slice bytes, struct simc__scs_mux_reader *reader,
                               char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    simc__body_init(&body, bytes, "REPORTS");
    uint64_t count = simc__body_array(&body, 0, SIMC__LIST_MAX, NULL);
    simc__list_open(&body, count, reader);
    return simc__body_result(&body, why);
}

static void report_get(struct simc__body *body, struct simc__scs_mux_report *report)
{
    uint64_t count = simc__body_array(body, REPORT_ITEMS_MIN, REPORT_ITEMS_MAX, NULL);
    report->type = (enum simc__scs_mux_report_type)simc__body_uint(
        body, 0, SIMC__SCS_MUX_REPORT_COUNT - 1, "type");
    if (body->cbor.fault)
        return;
    body->part = reports_table[report->type].name;
    if (count != reports_table[report->type].count + 1)
        simc__body_refuse(body, "the number of its elements");
    simc__fields_get(body, reports_table[report->type].rows, reports_table[report->type].count,
                     report);
    simc__cbor_leave(&body->cbor);
}

int simc__scs_mux_reports_next(struct simc__scs_mux_reader *reader,
                               struct simc__scs_mux_report *report,
                               char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(report, 0, sizeof *report);
    int error = simc__list_next(reader, "REPORTS", &body, why);
    if (error)
        return error;
    report_get(&body, report);
    error = simc__list_next_end(reader, &body, why);
    if (error)
        memset(report, 0, sizeof *report);
    return error;
}

/* ---- ALARM ---- */

enum { ALARM_OF_SCG = 255 };

static const struct simc__field alarm_rows[] = {
    SIMC__UINT(simc__scs_mux_alarm, scg_id, 0, UINT32_MAX),
    SIMC__UINT_OR_NULL(simc__scs_mux_alarm, stream, 0, SIMC__SCS_MUX_STREAMS_MAX - 1, ALARM_OF_SCG),
    SIMC__BOOL(simc__scs_mux_alarm, is_raised),
    SIMC__TEXT(simc__scs_mux_alarm, text),
};

#define COUNT_ROW(name, number, text) +1
enum { ALARM_LAST = 0 SIMC__SCS_MUX_ALARM_ROWS(COUNT_ROW) };
#undef COUNT_ROW

int simc__scs_mux_alarm_write(struct simc_writer *out, const struct simc__scs_mux_alarm *alarm)
{
    struct simc__cbor_writer writer;
    if ((unsigned)alarm->type < 1 || (unsigned)alarm->type > ALARM_LAST)
        return SIMC_EINVAL;
    simc__cbor_writer_init(&writer, out);
    simc__cbor_put_array(&writer, ALARM_ITEMS);
    simc__cbor_put_uint(&writer, alarm->type);
    simc__fields_put(&writer, SIMC__ROWS(alarm_rows), alarm);
    return simc__cbor_put_finish(&writer);
}

int simc__scs_mux_alarm_read(struct simc_slice bytes, struct simc__scs_mux_alarm *alarm,
                             char why[SIMC__SCS_MUX_TEXT_SIZE])
{
    struct simc__body body;
    memset(alarm, 0, sizeof *alarm);
    simc__body_init(&body, bytes, "ALARM");
    simc__body_array(&body, ALARM_ITEMS, ALARM_ITEMS, NULL);
    alarm->type = (enum simc__scs_mux_alarm_type)simc__body_uint(&body, 1, ALARM_LAST, "type");
    simc__fields_get(&body, SIMC__ROWS(alarm_rows), alarm);
    simc__cbor_leave(&body.cbor);
    int error = simc__body_finish(&body, why);
    if (error)
        memset(alarm, 0, sizeof *alarm);
    return error;
}
