/* SPDX-License-Identifier: BSL-1.0 */
/* Alarms: what is wrong now, since when, and how grave it is. All files of the synchroniser raise
 * them; the log, --print, metrics and the status page show them. */
#include "scs/internal.h"

#define ALARM_NAME(name, grade, text)  #name,
#define ALARM_GRADE(name, grade, text) SIMC__SCS_##grade,
#define ALARM_TEXT(name, grade, text)  text,
static const char *const names[] = {SIMC__SCS_ALARM_ROWS(ALARM_NAME)};
static const uint8_t grades[] = {SIMC__SCS_ALARM_ROWS(ALARM_GRADE)};
static const char *const texts[] = {SIMC__SCS_ALARM_ROWS(ALARM_TEXT)};
static const char *const grade_names[] = {"minor", "major", "critical"};

const char *simc__scs_alarm_name(enum simc__scs_alarm alarm)
{
    return names[alarm];
}

const char *simc__scs_alarm_text(enum simc__scs_alarm alarm)
{
    return texts[alarm];
}

enum simc__scs_grade simc__scs_alarm_grade(enum simc__scs_alarm alarm)
{
    return (enum simc__scs_grade)grades[alarm];
}

const char *simc__scs_grade_name(enum simc__scs_grade grade)
{
    return grade_names[grade];
}

static void log_alarm(struct simc__scs *scs, enum simc__scs_alarm alarm, bool is_raised,
                      const struct simc__scs_scg *scg, const struct simc__scs_stream *stream,
                      const struct simc__scs_ecmg *ecmg)
{
    static const enum simc_log_level levels[] = {SIMC_LOG_WARNING, SIMC_LOG_ERROR, SIMC_LOG_ERROR};
    enum { FIELDS_MOST = 6 };
    struct simc_log_field fields[FIELDS_MOST];
    size_t count = 0;
    fields[count++] = simc_log_text("alarm", names[alarm]);
    fields[count++] = simc_log_text("grade", grade_names[grades[alarm]]);
    if (scg)
        fields[count++] = simc_log_uint("scg", scg->id);
    if (stream) {
        fields[count++] = simc_log_hex("super_cas_id", stream->conf->super_cas_id, 8);
        fields[count++] = simc_log_uint("ecm_id", stream->ecm_id);
    }
    if (ecmg)
        fields[count++] = simc_log_text("ecmg", ecmg->conf->name);
    simc_log_line(simc__scs_log(scs), is_raised ? levels[grades[alarm]] : SIMC_LOG_INFO,
                  is_raised ? texts[alarm] : "alarm is over", fields, count);
}

void simc__scs_alarm(struct simc__scs *scs, struct simc__scs_alarms *alarms,
                     enum simc__scs_alarm alarm, bool is_raised, const struct simc__scs_scg *scg,
                     const struct simc__scs_stream *stream, const struct simc__scs_ecmg *ecmg)
{
    uint32_t bit = (uint32_t)1 << alarm;
    if (((alarms->raised & bit) != 0) == is_raised)
        return;
    alarms->raised ^= bit;
    if (is_raised) {
        alarms->since_us[alarm] = scs->environment.wall_us(scs->environment.context);
        scs->alarm_counts[grades[alarm]]++;
    } else {
        scs->alarm_counts[grades[alarm]]--;
    }
    log_alarm(scs, alarm, is_raised, scg, stream, ecmg);
    simc__scs_print_alarm(scs, alarm, is_raised, scg, stream, ecmg);
}

void simc__scs_alarms_drop(struct simc__scs *scs, struct simc__scs_alarms *alarms)
{
    for (unsigned i = 0; i < SIMC__SCS_ALARM_COUNT; i++)
        scs->alarm_counts[grades[i]] -= alarms->raised >> i & 1;
    alarms->raised = 0;
}

void simc__scs_alarm_scg(struct simc__scs_scg *scg, enum simc__scs_alarm alarm, bool is_raised)
{
    simc__scs_alarm(scg->scs, &scg->alarms, alarm, is_raised, scg, NULL, NULL);
}

void simc__scs_alarm_stream(struct simc__scs_stream *stream, enum simc__scs_alarm alarm,
                            bool is_raised)
{
    simc__scs_alarm(stream->scg->scs, &stream->alarms, alarm, is_raised, stream->scg, stream, NULL);
}
