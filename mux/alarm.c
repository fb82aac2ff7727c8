/* SPDX-License-Identifier: BSL-1.0 */
/* Reports for the SCS and alarms for people, kept until the program takes them. All parts of the
 * engine raise alarms here; nothing is lost without being counted. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mux/internal.h"

static const struct {
    uint32_t type;
    const char *name, *text;
} rows[] = {
#define ROW(name, number, text) {number, #name, text},
    SIMC__SCS_MUX_ALARM_ROWS(ROW) SIMC__MUX_ALARM_ROWS(ROW)
#undef ROW
};

const char *simc__mux_alarm_name(uint32_t type)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type)
            return rows[i].name;
    return "?";
}

const char *simc__mux_alarm_text(uint32_t type)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == type)
            return rows[i].text;
    return "?";
}

static bool is_key(const struct simc__mux_alarm *alarm, const struct simc__mux_alarm_key *key)
{
    return alarm->type == key->type && alarm->scg_id == key->scg_id &&
           alarm->has_scg == key->has_scg && alarm->stream == key->stream &&
           alarm->input == key->input;
}

static struct simc__mux_alarm_row *find(struct simc__mux *mux,
                                        const struct simc__mux_alarm_key *key)
{
    for (unsigned i = 0; i < SIMC__MUX_ALARMS; i++)
        if (mux->alarms[i].is_used && is_key(&mux->alarms[i].alarm, key))
            return &mux->alarms[i];
    return NULL;
}

void simc__mux_alarm_raise(struct simc__mux *mux, struct simc__mux_alarm_key key, uint32_t for_ms,
                           const char *format, ...)
{
    struct simc__mux_alarm_row *row = find(mux, &key);
    for (unsigned i = 0; !row && i < SIMC__MUX_ALARMS; i++) {
        if (mux->alarms[i].is_used)
            continue;
        row = &mux->alarms[i];
        memset(row, 0, sizeof *row);
        row->is_used = true;
        row->alarm = (struct simc__mux_alarm){.type = key.type,
                                              .scg_id = key.scg_id,
                                              .has_scg = key.has_scg,
                                              .stream = key.stream,
                                              .input = key.input};
    }
    if (!row) {
        mux->counters[SIMC__MUX_COUNTER_ALARMS_LOST]++;
        return;
    }
    if (!row->alarm.is_raised) {
        row->alarm.is_raised = true;
        row->alarm.since_tick = mux->tick;
        /* When its end was not told yet, nothing happened for those who listen. */
        row->is_news = row->is_news || !row->is_over_news;
        row->is_over_news = false;
        mux->has_alarm_news = true;
    }
    row->until_tick = for_ms ? mux->tick + simc__mux_ms(for_ms) : SIMC__MUX_NEVER;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->alarm.text, sizeof row->alarm.text, format, arguments);
    va_end(arguments);
}

static void end(struct simc__mux *mux, struct simc__mux_alarm_row *row)
{
    mux->has_alarm_news = true;
    row->alarm.is_raised = false;
    row->is_over_news = true;
}

void simc__mux_alarm_clear(struct simc__mux *mux, struct simc__mux_alarm_key key)
{
    struct simc__mux_alarm_row *row = find(mux, &key);
    if (row && row->alarm.is_raised)
        end(mux, row);
}

void simc__mux_alarms_expire(struct simc__mux *mux)
{
    for (unsigned i = 0; i < SIMC__MUX_ALARMS; i++)
        if (mux->alarms[i].is_used && mux->alarms[i].alarm.is_raised &&
            mux->alarms[i].until_tick <= mux->tick)
            end(mux, &mux->alarms[i]);
}

bool simc__mux_alarm_next(struct simc__mux *mux, struct simc__mux_alarm *alarm)
{
    for (unsigned i = 0; i < SIMC__MUX_ALARMS && mux->has_alarm_news; i++) {
        struct simc__mux_alarm_row *row = &mux->alarms[i];
        if (!row->is_used || !(row->is_news || row->is_over_news))
            continue;
        /* Raised and over before anybody looked is told all the same: first that it was raised. */
        *alarm = row->alarm;
        alarm->is_raised = row->is_news;
        if (row->is_news)
            row->is_news = false;
        else
            row->is_over_news = false;
        row->is_used = row->alarm.is_raised || row->is_over_news;
        return true;
    }
    mux->has_alarm_news = false;
    return false;
}

bool simc__mux_alarm_get(const struct simc__mux *mux, size_t index, struct simc__mux_alarm *alarm)
{
    for (unsigned i = 0; i < SIMC__MUX_ALARMS; i++) {
        const struct simc__mux_alarm_row *row = &mux->alarms[i];
        if (row->is_used && row->alarm.is_raised && index-- == 0) {
            *alarm = row->alarm;
            return true;
        }
    }
    return false;
}

/* ---- reports ---- */

void simc__mux_report(struct simc__mux *mux, const struct simc__scs_mux_report *report)
{
    if (mux->report_count == SIMC__MUX_REPORTS) {
        mux->report_read = (mux->report_read + 1) % SIMC__MUX_REPORTS;
        mux->report_count--;
        mux->counters[SIMC__MUX_COUNTER_REPORTS_LOST]++;
    }
    mux->reports[(mux->report_read + mux->report_count++) % SIMC__MUX_REPORTS] = *report;
}

bool simc__mux_report_next(struct simc__mux *mux, struct simc__scs_mux_report *report)
{
    if (mux->report_count == 0)
        return false;
    *report = mux->reports[mux->report_read];
    mux->report_read = (mux->report_read + 1) % SIMC__MUX_REPORTS;
    mux->report_count--;
    return true;
}
