/* SPDX-License-Identifier: BSL-1.0 */
/* The SCS's side of a stream: set-up, CW_provision and what it gets for an answer, close.
 * Synchronisers and load generators call it; the rows call its actions. */
#include "session/internal.h"

enum { CW_COUNT_MAX = 255, AC_SIZE_MAX = 65000 };

/* ---- opening and closing ---- */

struct opening {
    uint16_t ecm_id, nominal_100ms;
};

static int send_stream_setup(struct simc_session *session, const struct simc__stream *stream)
{
    const struct simc_ecmg_stream_setup setup = {
        .ecm_channel_id = session->channel_id,
        .ecm_stream_id = stream->id,
        .has_ecm_id = stream->has_object_id,
        .ecm_id = stream->object_id,
        .nominal_cp_duration_100ms = stream->nominal_100ms,
    };
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    int error = simc_ecmg_stream_setup_put(&writer, session->version, &setup);
    return error ? error : simc__out_end(session, &writer);
}

void simc__do_stream_setup(struct simc_session *session, struct simc__step *step)
{
    const struct opening *opening = step->request;
    uint16_t most = session->status.max_streams;
    if ((most && session->stream_total >= most) ||
        session->stream_total >= session->common.stream_limit) {
        step->result = SIMC_EFULL;
        return;
    }
    struct simc__stream *stream = NULL;
    step->result =
        simc__stream_new(session, step->stream_id, session->version > 1, opening->ecm_id, &stream);
    if (step->result)
        return;
    stream->nominal_100ms = opening->nominal_100ms;
    stream->state = SIMC__ST_SETTING_UP;
    step->stream = stream;
    step->result = send_stream_setup(session, stream);
}

int simc_scs_stream_open(struct simc_session *session, uint16_t stream_id, uint16_t ecm_id,
                         uint16_t nominal_cp_duration_100ms, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    if (session->role != SIMC__ROLE_SCS ||
        (session->state != SIMC__OPEN && session->state != SIMC__IN_ERROR))
        return SIMC_ENOTFOUND;
    if (simc__stream_find(session, stream_id))
        return SIMC_EINVAL;
    const struct opening opening = {ecm_id, nominal_cp_duration_100ms};
    struct simc__step step = {
        .event = SIMC__EV_OPEN_STREAM,
        .is_stream = true,
        .stream_id = stream_id,
        .request = &opening,
    };
    simc__run(session, &step);
    return step.result;
}

void simc__do_stream_opened(struct simc_session *session, struct simc__step *step)
{
    const struct simc_ecmg_stream_status *status = &session->context.payload.stream_status;
    struct simc__stream *stream = step->stream;
    stream->transfer_mode = status->access_criteria_transfer_mode;
    if (status->has_ecm_id && stream->has_object_id && status->ecm_id != stream->object_id)
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "stream_status names another ECM_id than stream_setup");
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_STREAM_OPEN, stream->id);
    if (note)
        note->with_message = true;
}

int simc_scs_stream_close(struct simc_session *session, uint16_t stream_id, uint64_t now_ms)
{
    return simc__client_close_stream(session, SIMC__ROLE_SCS, stream_id, now_ms);
}

/* ---- CW_provision ---- */

static bool cws_are_good(const struct simc_session *session, const struct simc_scs_provision *in)
{
    size_t most = in->any_count ? CW_COUNT_MAX : session->status.cw_per_msg;
    if (in->cw_count < 1 || in->cw_count > most || (!in->any_count && in->cw_count != most))
        return false;
    for (size_t i = 0; i < in->cw_count; i++) {
        uint8_t size = in->cws[i].cw.size;
        if (size < 1 || size > SIMC_SECRET_SIZE_MAX || (session->version == 1 && size != 8))
            return false;
    }
    return true;
}

static bool provision_is_good(const struct simc_session *session, const struct simc__stream *stream,
                              const struct simc_scs_provision *in)
{
    bool lacks_ac = stream->transfer_mode && !in->has_access_criteria && !in->any_count;
    return cws_are_good(session, in) && !lacks_ac && in->access_criteria.size <= AC_SIZE_MAX &&
           in->cw_encryption.size <= AC_SIZE_MAX &&
           !(session->version == 1 && in->cw_encryption.size);
}

static size_t size_of(const struct simc_scs_provision *in)
{
    size_t size = SIMC__SMALL_MESSAGE + in->access_criteria.size + in->cw_encryption.size;
    for (size_t i = 0; i < in->cw_count; i++)
        size += SIMC_PARAMETER_HEADER_SIZE + 2 + (size_t)in->cws[i].cw.size;
    return size;
}

static int send_provision(struct simc_session *session, const struct simc_scs_provision *in,
                          bool with_ac)
{
    size_t most = size_of(in);
    if (most > SIMC_MSG_LENGTH_MAX)
        return SIMC_EINVAL;
    struct simc_writer writer = simc__out_begin(session, most);
    size_t start = simc_msg_begin(&writer, session->version, SIMC_ECMG_MSG_CW_PROVISION);
    simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_ECM_CHANNEL_ID, session->channel_id, 2);
    simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_ECM_STREAM_ID, in->ecm_stream_id, 2);
    simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_CP_NUMBER, in->cp_number, 2);
    if (in->cw_encryption.size)
        simc_msg_put(&writer, SIMC_ECMG_PARAM_CW_ENCRYPTION, in->cw_encryption);
    for (size_t i = 0; i < in->cw_count; i++) {
        const struct simc_control_word *word = &in->cws[i];
        simc_writer_u16(&writer, SIMC_ECMG_PARAM_CP_CW_COMBINATION);
        simc_writer_u16(&writer, (uint16_t)(2 + word->cw.size));
        simc_cp_cw_put(&writer, word->cp_number, &word->cw);
    }
    if (in->has_cp_duration)
        simc_msg_put_uint(&writer, SIMC_ECMG_PARAM_CP_DURATION, in->cp_duration_100ms, 2);
    if (with_ac)
        simc_msg_put(&writer, SIMC_ECMG_PARAM_ACCESS_CRITERIA, in->access_criteria);
    int error = simc_msg_end(&writer, start);
    return error ? error : simc__out_end(session, &writer);
}

void simc__do_provide(struct simc_session *session, struct simc__step *step)
{
    const struct simc_scs_provision *in = step->request;
    struct simc__stream *stream = step->stream;
    if (!provision_is_good(session, stream, in)) {
        step->result = SIMC_EINVAL;
        return;
    }
    if (in->has_access_criteria)
        step->result = simc__stream_keep_ac(session, stream, in->access_criteria);
    if (step->result)
        return;
    bool with_ac = in->has_access_criteria && (stream->transfer_mode || stream->ac_is_news);
    step->result = send_provision(session, in, with_ac);
    if (step->result)
        return;
    stream->ac_is_news = stream->ac_is_news && !with_ac;
    stream->cp_number = in->cp_number;
    stream->is_outstanding = true;
    stream->is_priming = in->priming;
    stream->given_ms = session->now_ms;
}

int simc_scs_provide(struct simc_session *session, const struct simc_scs_provision *provision,
                     uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    struct simc__stream *stream =
        session->role == SIMC__ROLE_SCS &&
                (session->state == SIMC__OPEN || session->state == SIMC__IN_ERROR)
            ? simc__stream_find(session, provision->ecm_stream_id)
            : NULL;
    if (!stream)
        return SIMC_ENOTFOUND;
    if (stream->is_outstanding)
        return SIMC_EFULL;
    struct simc__step step = {
        .event = SIMC__EV_PROVIDE,
        .is_stream = true,
        .stream = stream,
        .stream_id = provision->ecm_stream_id,
        .request = provision,
    };
    simc__run(session, &step);
    return step.result;
}

/* ---- answers ---- */

/* What a datagram must be: NULL, or why it is not. Several sections are none of it. */
static const char *ecm_fault(uint8_t flag, struct simc_slice datagram)
{
    enum simc_datagram_fault fault = simc_datagram_check(flag, datagram);
    if (datagram.size == 0 || fault == SIMC_DATAGRAM_NONE)
        return NULL;
    bool is_length = fault == SIMC_DATAGRAM_SEVERAL || fault == SIMC_DATAGRAM_SECTION_LENGTH;
    return is_length ? "it is not one section: section_length does not fit its size"
                     : simc_datagram_fault_text(fault);
}

static struct simc__note *note_answer(struct simc_session *session,
                                      enum simc_session_event_type type,
                                      struct simc__stream *stream)
{
    struct simc__note *note = simc__note_stream(session, type, stream->id);
    stream->is_outstanding = false;
    if (note) {
        note->cp_number = stream->cp_number;
        note->waited_ms = session->now_ms - stream->given_ms;
    }
    return note;
}

void simc__do_ecm(struct simc_session *session, struct simc__step *step)
{
    struct simc_scs_ecm *ecm = &session->context.payload.ecm;
    ecm->cp_number = step->stream->cp_number;
    ecm->datagram = session->fields.datagram;
    ecm->datagram_fault = ecm_fault(session->status.section_tspkt_flag, ecm->datagram);
    struct simc__note *note = note_answer(session, SIMC_EVENT_ECM, step->stream);
    if (note)
        note->with_message = true;
}

void simc__do_primed(struct simc_session *session, struct simc__step *step)
{
    /* Not every ECMG that refused a message has kept its access criteria. */
    if (step->event == SIMC__EV_STREAM_ERROR_PRIMING)
        step->stream->ac_is_news = step->stream->has_ac;
    struct simc__note *note = note_answer(session, SIMC_EVENT_PRIMED, step->stream);
    if (note)
        note->with_message = true;
}

void simc__do_late(struct simc_session *session, struct simc__step *step)
{
    simc__notice(session, step, SIMC_NOTICE_LATE, NULL);
}

static void fail_provision(struct simc_session *session, struct simc__stream *stream,
                           bool by_message)
{
    stream->ac_is_news = stream->has_ac;
    struct simc__note *note = note_answer(session, SIMC_EVENT_NO_ECM, stream);
    if (note)
        note->with_message = note->with_statuses = by_message;
}

void simc__do_no_ecm(struct simc_session *session, struct simc__step *step)
{
    bool by_message = step->event == SIMC__EV_STREAM_ERROR_ANSWER;
    if (by_message)
        simc__do_log(session, step);
    fail_provision(session, step->stream, by_message);
}

void simc__do_answer_and_fail(struct simc_session *session, struct simc__step *step)
{
    simc__do_answer(session, step);
    if (session->state != SIMC__ENDED)
        fail_provision(session, step->stream, true);
}

void simc__do_stream_fatal(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    if (step->stream->is_outstanding)
        fail_provision(session, step->stream, true);
    step->stream->close_reason = SIMC_REASON_UNRECOVERABLE;
    step->result = simc__send_close_request(session, step->stream);
}
