/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG's side of EMMG-MUX: set-up, bandwidth and data; client.c has what an SCS does too. EMM
 * and private data generators call it; the rows call its actions. */
#include "session/internal.h"

/* ---- channel ---- */

void simc__do_emmg_setup(struct simc_session *session, struct simc__step *step)
{
    const struct simc_emmg_channel_setup setup = {
        .client_id = session->client_id,
        .data_channel_id = session->channel_id,
        .section_tspkt_flag = session->emmg_status.section_tspkt_flag,
    };
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    step->result = simc_emmg_channel_setup_put(&writer, session->version, &setup);
    if (!step->result)
        step->result = simc__out_end(session, &writer);
}

/* Known MUXes always say "sections": what was announced holds. */
void simc__do_emmg_channel_opened(struct simc_session *session, struct simc__step *step)
{
    const struct simc_emmg_channel_status *status = &session->context.payload.emmg_channel_status;
    if (status->section_tspkt_flag != session->emmg_status.section_tspkt_flag)
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "channel_status has another section_TSpkt_flag than channel_setup");
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_OPEN);
    if (note)
        note->with_message = true;
}

/* ---- streams ---- */

struct opening {
    uint16_t data_id;
    uint8_t data_type;
};

static int send_stream_setup(struct simc_session *session, const struct simc__stream *stream)
{
    const struct simc_emmg_stream_setup setup = {
        .client_id = session->client_id,
        .data_channel_id = session->channel_id,
        .data_stream_id = stream->id,
        .has_data_id = stream->has_object_id,
        .data_id = stream->object_id,
        .data_type = stream->data_type,
    };
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    int error = simc_emmg_stream_setup_put(&writer, session->version, &setup);
    return error ? error : simc__out_end(session, &writer);
}

void simc__do_emmg_stream_setup(struct simc_session *session, struct simc__step *step)
{
    const struct opening *opening = step->request;
    struct simc__stream *stream = NULL;
    if (session->stream_total >= session->common.stream_limit) {
        step->result = SIMC_EFULL;
        return;
    }
    bool has_data_id = session->version > 1;
    step->result = simc__stream_new(session, step->stream_id, has_data_id,
                                    has_data_id ? opening->data_id : 0, &stream);
    if (step->result)
        return;
    stream->data_type = opening->data_type;
    stream->state = SIMC__ST_SETTING_UP;
    step->stream = stream;
    step->result = send_stream_setup(session, stream);
}

int simc_emmg_stream_open(struct simc_session *session, uint16_t stream_id, uint16_t data_id,
                          uint8_t data_type, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    if (session->role != SIMC__ROLE_EMMG ||
        (session->state != SIMC__OPEN && session->state != SIMC__IN_ERROR))
        return SIMC_ENOTFOUND;
    if (data_type > SIMC_DATA_TYPE_ECM || simc__stream_find(session, stream_id))
        return SIMC_EINVAL;
    const struct opening opening = {data_id, data_type};
    struct simc__step step = {
        .event = SIMC__EV_OPEN_STREAM,
        .is_stream = true,
        .stream_id = stream_id,
        .request = &opening,
    };
    simc__run(session, &step);
    return step.result;
}

void simc__do_emmg_stream_opened(struct simc_session *session, struct simc__step *step)
{
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_STREAM_OPEN, step->stream_id);
    if (note)
        note->with_message = true;
}

void simc__do_stream_other(struct simc_session *session, struct simc__step *step)
{
    struct simc__stream *stream = step->stream;
    simc__notice(session, step, SIMC_NOTICE_CHANGED,
                 "stream_status has another data_id or data_type than stream_setup");
    if (!stream->close_wanted)
        stream->close_reason = SIMC_REASON_UNEXPECTED;
    step->result = simc__send_close_request(session, stream);
}

void simc__do_stream_forgotten(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    step->reason = SIMC_REASON_REFUSED;
}

int simc_emmg_stream_close(struct simc_session *session, uint16_t stream_id, uint64_t now_ms)
{
    return simc__client_close_stream(session, SIMC__ROLE_EMMG, stream_id, now_ms);
}

/* The open stream of a request, or NULL. */
static struct simc__stream *open_stream(const struct simc_session *session, uint16_t stream_id)
{
    bool is_open = session->role == SIMC__ROLE_EMMG &&
                   (session->state == SIMC__OPEN || session->state == SIMC__IN_ERROR);
    return is_open ? simc__stream_find(session, stream_id) : NULL;
}

static int run_request(struct simc_session *session, enum simc__event event,
                       struct simc__stream *stream, const void *request)
{
    if (!stream)
        return SIMC_ENOTFOUND;
    struct simc__step step = {
        .event = event,
        .is_stream = true,
        .stream = stream,
        .stream_id = stream->id,
        .request = request,
    };
    simc__run(session, &step);
    return step.result;
}

/* ---- bandwidth ---- */

void simc__do_bw_request(struct simc_session *session, struct simc__step *step)
{
    const struct simc_session_bandwidth *wanted = step->request;
    struct simc__stream *stream = step->stream;
    const struct simc_emmg_stream_bw_request request = {
        .client_id = session->client_id,
        .data_channel_id = session->channel_id,
        .data_stream_id = stream->id,
        .has_bandwidth = wanted->is_known,
        .bandwidth_kbitps = wanted->kbitps,
    };
    if (stream->is_outstanding) {
        step->result = SIMC_EFULL;
        return;
    }
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    step->result = simc_emmg_stream_bw_request_put(&writer, session->version, &request);
    if (!step->result)
        step->result = simc__out_end(session, &writer);
    if (step->result)
        return;
    stream->is_outstanding = true;
    stream->given_ms = session->now_ms;
}

int simc_emmg_request_bandwidth(struct simc_session *session, uint16_t stream_id,
                                struct simc_session_bandwidth wanted, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    return run_request(session, SIMC__EV_ASK_BANDWIDTH, open_stream(session, stream_id), &wanted);
}

void simc__do_bw_allocation(struct simc_session *session, struct simc__step *step)
{
    struct simc__stream *stream = step->stream;
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_BW_ALLOCATION, stream->id);
    if (note) {
        note->with_message = true;
        note->waited_ms = stream->is_outstanding ? session->now_ms - stream->given_ms : 0;
    }
    stream->is_outstanding = false;
}

static void tell_no_allocation(struct simc_session *session, struct simc__stream *stream,
                               bool by_message)
{
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_NO_BW_ALLOCATION, stream->id);
    if (note) {
        note->with_message = note->with_statuses = by_message;
        note->waited_ms = session->now_ms - stream->given_ms;
    }
    stream->is_outstanding = false;
}

void simc__do_no_allocation(struct simc_session *session, struct simc__step *step)
{
    bool by_message = step->event == SIMC__EV_STREAM_ERROR_ANSWER;
    if (by_message)
        simc__do_log(session, step);
    tell_no_allocation(session, step->stream, by_message);
}

void simc__do_emmg_stream_fatal(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    if (step->stream->is_outstanding)
        tell_no_allocation(session, step->stream, true);
    step->stream->close_reason = SIMC_REASON_UNRECOVERABLE;
    step->result = simc__send_close_request(session, step->stream);
}

/* ---- data ---- */

struct sending {
    const struct simc_slice *datagrams;
    size_t count;
};

/* The bytes of a data_provision, at most. */
static size_t size_of(const struct sending *sending)
{
    enum { IDS = 4 * SIMC_PARAMETER_HEADER_SIZE + 4 + 3 * 2 };
    size_t size = SIMC_MSG_HEADER_SIZE + IDS;
    for (size_t i = 0; i < sending->count && size <= SIMC_MSG_SIZE_MAX; i++)
        size += SIMC_PARAMETER_HEADER_SIZE + sending->datagrams[i].size;
    return size;
}

/* Data never fills the output so far that no control message fits any more. */
void simc__do_send_data(struct simc_session *session, struct simc__step *step)
{
    const struct sending *sending = step->request;
    const struct simc__stream *stream = step->stream;
    size_t size = size_of(sending);
    size_t limit = session->common.output_limit;
    step->result = size > SIMC_MSG_SIZE_MAX || size > limit / 2 ? SIMC_ETOOLONG
                   : session->output.size >= limit / 4          ? SIMC_EAGAIN
                                                                : 0;
    if (step->result)
        return;
    struct simc_writer writer = simc__out_begin(session, size);
    size_t start = simc_msg_begin(&writer, session->version, SIMC_EMMG_MSG_DATA_PROVISION);
    simc__put_ids(session, &writer, simc__ids_of(session, stream->id));
    if (stream->has_object_id)
        simc_msg_put_uint(&writer, SIMC_EMMG_PARAM_DATA_ID, stream->object_id, 2);
    for (size_t i = 0; i < sending->count; i++)
        simc_msg_put(&writer, SIMC_EMMG_PARAM_DATAGRAM, sending->datagrams[i]);
    int error = simc_msg_end(&writer, start);
    step->result = error ? error : simc__out_end(session, &writer);
}

int simc_emmg_send(struct simc_session *session, uint16_t stream_id,
                   const struct simc_slice *datagrams, size_t count, uint64_t now_ms)
{
    const struct sending sending = {datagrams, count};
    simc__set_now(session, now_ms);
    if (count == 0)
        return SIMC_EINVAL;
    return run_request(session, SIMC__EV_SEND_DATA, open_stream(session, stream_id), &sending);
}
