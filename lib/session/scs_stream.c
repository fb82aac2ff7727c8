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
        .has_ecm_id = stream->has_ecm_id,
        .ecm_id = stream->ecm_id,
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

static void set_now(struct simc_session *session, uint64_t now_ms)
{
    if (now_ms > session->now_ms)
        session->now_ms = now_ms;
}

int simc_scs_stream_open(struct simc_session *session, uint16_t stream_id, uint16_t ecm_id,
                         uint16_t nominal_cp_duration_100ms, uint64_t now_ms)
{
    set_now(session, now_ms);
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
    if (status->has_ecm_id && stream->has_ecm_id && status->ecm_id != stream->ecm_id)
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "stream_status names another ECM_id than stream_setup");
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_STREAM_OPEN, stream->id);
    if (note)
        note->with_message = true;
}

static int send_close_request(struct simc_session *session, struct simc__stream *stream)
{
    stream->is_outstanding = false;
    stream->is_tested = false;
    stream->test_ms = SIMC_DEADLINE_NONE;
    return simc__send_stream(session, SIMC_ECMG_MSG_STREAM_CLOSE_REQUEST, stream->id);
}

void simc__do_stream_unwanted(struct simc_session *session, struct simc__step *step)
{
    step->result = send_close_request(session, step->stream);
}

void simc__do_close_later(struct simc_session *session, struct simc__step *step)
{
    (void)session;
    step->stream->close_wanted = true;
    step->stream->close_reason = SIMC_REASON_REQUESTED;
}

void simc__do_close_stream(struct simc_session *session, struct simc__step *step)
{
    step->stream->close_reason = SIMC_REASON_REQUESTED;
    step->result = send_close_request(session, step->stream);
}

int simc_scs_stream_close(struct simc_session *session, uint16_t stream_id, uint64_t now_ms)
{
    set_now(session, now_ms);
    struct simc__stream *stream = session->role == SIMC__ROLE_SCS && simc__channel_is_open(session)
                                      ? simc__stream_find(session, stream_id)
                                      : NULL;
    if (!stream)
        return SIMC_ENOTFOUND;
    struct simc__step step = {
        .event = SIMC__EV_CLOSE_STREAM,
        .is_stream = true,
        .stream = stream,
        .stream_id = stream_id,
    };
    simc__run(session, &step);
    return step.result;
}

void simc__do_stream_closed(struct simc_session *session, struct simc__step *step)
{
    if (step->event != SIMC__EV_STREAM_CLOSE_RESPONSE)
        simc__do_log(session, step);
    step->reason = (enum simc_session_reason)step->stream->close_reason;
}

void simc__do_stream_refused(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    step->reason = SIMC_REASON_REFUSED;
}

/* The stream is given up, and a test tells whether the ECMG is there at all. */
void simc__do_stream_timeout(struct simc_session *session, struct simc__step *step)
{
    if (!session->is_tested)
        step->result = simc__send_channel_test(session);
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
    set_now(session, now_ms);
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

/* What a datagram must be: NULL, or why it is not. */
static const char *datagram_fault(uint8_t flag, struct simc_slice datagram)
{
    enum { SECTION_HEAD = 3, SECTION_LENGTH_MAX = 4093, PACKET = 188 };
    const uint8_t *p = datagram.data;
    if (datagram.size == 0 || flag > 1)
        return NULL;
    if (flag == 0) {
        if (datagram.size < SECTION_HEAD)
            return "it is shorter than the head of a section";
        size_t length = (size_t)(p[1] & 0x0f) << 8 | p[2];
        if (length > SECTION_LENGTH_MAX || SECTION_HEAD + length != datagram.size)
            return "it is not one section: section_length does not fit its size";
        return NULL;
    }
    if (datagram.size % PACKET)
        return "its size is no multiple of 188 bytes";
    for (size_t at = 0; at < datagram.size; at += PACKET) {
        if (p[at] != 0x47)
            return "a transport packet does not begin with 0x47";
    }
    return NULL;
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
    ecm->datagram_fault = datagram_fault(session->status.section_tspkt_flag, ecm->datagram);
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
    step->result = send_close_request(session, step->stream);
}
