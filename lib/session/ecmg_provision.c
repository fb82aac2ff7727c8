/* SPDX-License-Identifier: BSL-1.0 */
/* The checks of a CW_provision at the ECMG, and the control words that its ECM needs: those of the
 * message, and those kept from earlier ones. receive.c calls it before the row is chosen.
 *
 * With lead_CW x and CW_per_msg y the ECM of CP n needs the control words of CP n..n+x, and the
 * message carries those of n+x-y+1..n+x, all modulo 65536 [5.3]. */
#include <string.h>

#include "session/internal.h"

/* Reads the control words as the message has them. */
static uint16_t read_cws(struct simc_session *session)
{
    const struct simc__fields *fields = &session->fields;
    struct simc_values values = simc_msg_values(&session->msg, SIMC_ECMG_PARAM_CP_CW_COMBINATION);
    struct simc_slice value;
    session->context.why = "more control words than any CW_per_msg";
    if (fields->cw_count > SIMC__CWS_MAX)
        return SIMC_ECMG_STATUS_NOT_ENOUGH_CONTROL_WORDS;
    while (simc_values_next(&values, &value) == 0) {
        struct simc_control_word *word = &session->cws[session->cw_count++];
        session->context.why = "a control word has no bytes, or more than any algorithm uses";
        if (simc_cp_cw_get(value, &word->cp_number, &word->cw))
            return SIMC_ECMG_STATUS_INCONSISTENT_LENGTH;
    }
    return 0;
}

static uint16_t decrypt_cws(struct simc_session *session)
{
    const struct simc_ecmg_settings *own = &session->own.ecmg;
    struct simc_slice encryption = session->fields.encryption;
    if (!session->fields.has_encryption)
        return 0;
    if (own->zero_encryption_is_clear && encryption.size == 2 && encryption.data[0] == 0 &&
        encryption.data[1] == 0)
        return 0;
    session->context.why = "CW_encryption is not supported";
    if (!own->cw_decrypt)
        return SIMC_ECMG_STATUS_UNKNOWN_PARAMETER_TYPE;
    session->context.why = "the control words cannot be decrypted";
    int status =
        own->cw_decrypt(own->cw_decrypt_context, encryption, session->cws, session->cw_count);
    bool is_status = status >= 0 && status <= UINT16_MAX;
    return is_status ? (uint16_t)status : SIMC_ECMG_STATUS_UNKNOWN_ERROR;
}

static uint16_t check_sizes(struct simc_session *session)
{
    uint64_t sizes = session->own.ecmg.cw_sizes;
    session->context.why = "a control word has a size that is not served";
    for (size_t i = 0; i < session->cw_count; i++) {
        unsigned size = session->cws[i].cw.size;
        if (size > session->cw_size_max || !(sizes >> size & 1))
            return SIMC_ECMG_STATUS_INCONSISTENT_LENGTH;
    }
    return 0;
}

static uint16_t keep_ac(struct simc_session *session, struct simc__stream *stream)
{
    const struct simc__fields *fields = &session->fields;
    session->context.why = "access_criteria is missing, though the transfer mode is 1";
    if (!fields->has_ac)
        return stream->transfer_mode ? SIMC_ECMG_STATUS_MISSING_PARAMETER : 0;
    session->context.why = "access_criteria is longer than this ECMG keeps";
    if (fields->ac.size > session->own.ecmg.access_criteria_limit)
        return SIMC_ECMG_STATUS_INVALID_VALUE;
    session->context.why = "there is no memory for its access_criteria";
    return simc__stream_keep_ac(session, stream, fields->ac) ? SIMC_ECMG_STATUS_OUT_OF_STORAGE : 0;
}

/* ---- which control words ---- */

/* True when the message holds exactly one control word for each of `count` periods from `first`
 * on, in any order. */
static bool holds_exactly(const struct simc_session *session, uint16_t first, size_t count)
{
    uint32_t seen = 0;
    if (session->cw_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint16_t at = (uint16_t)(session->cws[i].cp_number - first);
        if (at >= count || seen >> at & 1)
            return false;
        seen |= UINT32_C(1) << at;
    }
    return true;
}

static bool has_duplicates(const struct simc_session *session)
{
    for (size_t i = 1; i < session->cw_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (session->cws[i].cp_number == session->cws[j].cp_number)
                return true;
        }
    }
    return false;
}

static bool set_is_right(const struct simc_session *session, uint16_t cp)
{
    unsigned lead = session->status.lead_cw, count = session->status.cw_per_msg;
    if (holds_exactly(session, (uint16_t)(cp + lead - count + 1), count))
        return true;
    /* Known SCSs send n..n+y-1 whatever lead_CW says, or two whatever both say. */
    if (session->own.ecmg.exact_cws)
        return false;
    return holds_exactly(session, cp, count) || (count == 1 && holds_exactly(session, cp, 2));
}

/* True when the control words stand rising from `first` on, `count` of them, none left out. */
static bool is_sorted(const struct simc_session *session, uint16_t first, size_t count)
{
    if (session->cw_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (session->cws[i].cp_number != (uint16_t)(first + i))
            return false;
    }
    return true;
}

static void find_cw(const struct simc_session *session, const struct simc__stream *stream,
                    uint16_t cp, struct simc_control_word *found)
{
    for (size_t i = 0; i < session->cw_count; i++) {
        if (session->cws[i].cp_number == cp) {
            *found = session->cws[i];
            return;
        }
    }
    const uint8_t *kept = simc__history_find(session, stream, cp);
    found->cp_number = cp;
    if (kept)
        (void)!simc_secret_set(&found->cw, simc_slice(kept + 3, kept[2]));
}

/* Brings the known control words of the periods from `first` to cp+lead_CW into order. @return
 * false: one of CP cp..cp+lead_CW is not known. */
static bool collect(struct simc_session *session, const struct simc__stream *stream, uint16_t cp)
{
    size_t needed = (size_t)session->status.lead_cw + 1;
    size_t count = session->status.cw_per_msg > needed ? session->status.cw_per_msg : needed;
    uint16_t first = (uint16_t)(cp + needed - count);
    if (is_sorted(session, first, count))
        return true;
    struct simc_control_word sorted[SIMC__CWS_MAX];
    size_t sorted_count = 0;
    bool is_complete = true;
    for (size_t i = 0; i < count; i++) {
        struct simc_control_word *word = &sorted[sorted_count];
        word->cw.size = 0;
        find_cw(session, stream, (uint16_t)(first + i), word);
        sorted_count += word->cw.size != 0;
        is_complete = is_complete && (word->cw.size != 0 || i < count - needed);
    }
    simc_wipe(session->cws, session->cw_count * sizeof session->cws[0]);
    memcpy(session->cws, sorted, sorted_count * sizeof sorted[0]);
    session->cw_count = (uint8_t)sorted_count;
    simc_wipe(sorted, sorted_count * sizeof sorted[0]);
    return is_complete;
}

static uint16_t check_set(struct simc_session *session, struct simc__stream *stream)
{
    uint16_t cp = session->fields.cp_number;
    bool is_right = set_is_right(session, cp);
    /* They are kept even when this message gets no ECM: the next one may need them. Two for one
     * period are not, as nobody knows which is meant. */
    if (is_right || !has_duplicates(session))
        simc__history_keep(session, stream, cp);
    session->context.why = "its control words are not those that lead_CW and CW_per_msg ask for";
    if (!is_right)
        return SIMC_ECMG_STATUS_NOT_ENOUGH_CONTROL_WORDS;
    session->context.why = "control words of earlier messages are missing";
    return collect(session, stream, cp) ? 0 : SIMC_ECMG_STATUS_NOT_ENOUGH_CONTROL_WORDS;
}

static uint16_t check_pending(struct simc_session *session, struct simc__stream *stream)
{
    session->context.why = "the CW_provisions before it have no answer yet";
    return stream->pending_count >= session->own.ecmg.pending_limit
               ? SIMC_ECMG_STATUS_OUT_OF_COMPUTATIONAL_RESOURCES
               : 0;
}

uint16_t simc__provision_check(struct simc_session *session, struct simc__stream *stream)
{
    uint16_t status = read_cws(session);
    if (!status)
        status = decrypt_cws(session);
    if (!status)
        status = check_sizes(session);
    if (!status)
        status = keep_ac(session, stream);
    if (!status)
        status = check_set(session, stream);
    if (!status)
        status = check_pending(session, stream);
    if (!status) {
        session->context.why = NULL;
        return 0;
    }
    simc_wipe(session->cws, session->cw_count * sizeof session->cws[0]);
    session->cw_count = 0;
    return status;
}
