/* SPDX-License-Identifier: BSL-1.0 */
/* Reasons of the CA profile as words and sentences. All its readers fill faults here; programs
 * print them. */
#include <stdio.h>

#include "cas/internal.h"

struct reason_row {
    const char *word, *text;
};

#define REASON_ROW(name, word, text) {word, text},
static const struct reason_row ecm_reasons[] = {SIMC_ECM_REASON_ROWS(REASON_ROW)};
static const struct reason_row criteria_reasons[] = {SIMC_ACCESS_CRITERIA_REASON_ROWS(REASON_ROW)};
#undef REASON_ROW

const char *simc_ecm_reason_word(enum simc_ecm_reason reason)
{
    return (size_t)reason < SIMC_ECM_REASON_COUNT ? ecm_reasons[reason].word : "?";
}

const char *simc_ecm_reason_text(enum simc_ecm_reason reason)
{
    return (size_t)reason < SIMC_ECM_REASON_COUNT ? ecm_reasons[reason].text : "?";
}

const char *simc_access_criteria_reason_word(enum simc_access_criteria_reason reason)
{
    return (size_t)reason < SIMC_ACCESS_CRITERIA_REASON_COUNT ? criteria_reasons[reason].word : "?";
}

const char *simc_access_criteria_reason_text(enum simc_access_criteria_reason reason)
{
    return (size_t)reason < SIMC_ACCESS_CRITERIA_REASON_COUNT ? criteria_reasons[reason].text : "?";
}

int simc__ecm_reason_error(enum simc_ecm_reason reason)
{
    switch (reason) {
    case SIMC_ECM_REASON_OPENED:
        return 0;
    case SIMC_ECM_REASON_STREAM:
    case SIMC_ECM_REASON_NO_KEY:
        return SIMC_ENOTFOUND;
    case SIMC_ECM_REASON_FORMAT:
    case SIMC_ECM_REASON_ALGORITHM:
    case SIMC_ECM_REASON_CRITICAL:
        return SIMC_EUNSUPPORTED;
    case SIMC_ECM_REASON_FAILED:
        return SIMC_ENOMEM;
    default:
        return SIMC_EPROTO;
    }
}

void simc__cas_fault_set(struct simc_cas_fault *fault, int reason, size_t offset,
                         const char *format, ...)
{
    if (!fault)
        return;
    fault->reason = reason;
    fault->offset = offset;
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(fault->text, sizeof fault->text, format, arguments) < 0)
        fault->text[0] = '\0';
    va_end(arguments);
}
