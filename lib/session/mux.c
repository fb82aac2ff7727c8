/* SPDX-License-Identifier: BSL-1.0 */
/* The MUX's side of EMMG-MUX: set-up, bandwidth and data; server.c has what an ECMG does too.
 * Multiplexers call it; the rows call its actions. */
#include "session/internal.h"

/* ---- channel ---- */

void simc__do_ask_emmg_channel(struct simc_session *session, struct simc__step *step)
{
    const struct simc_msg *msg = &session->msg;
    if (simc_emmg_channel_setup_get(msg, &session->asked_emmg_channel)) {
        step->result = SIMC_EPROTO;
        return;
    }
    session->asked_version = msg->version;
    session->asked_client_id = session->asked_emmg_channel.client_id;
    session->asked_channel_id = session->asked_emmg_channel.data_channel_id;
    session->asked = SIMC__ASKED;
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_SETUP);
    if (note)
        note->with_message = true;
}

void simc__do_open_emmg_channel(struct simc_session *session, struct simc__step *step)
{
    session->emmg_status = (struct simc_emmg_channel_status){
        .client_id = session->asked_client_id,
        .data_channel_id = session->asked_channel_id,
        .section_tspkt_flag = session->asked_emmg_channel.section_tspkt_flag,
    };
    step->result = simc__send_channel_status(session);
    if (step->result)
        return;
    session->client_id = session->asked_client_id;
    session->channel_id = session->asked_channel_id;
    session->version = session->asked_version;
    session->asked = SIMC__ANY;
    session->is_tested = false;
    session->test_ms = SIMC_DEADLINE_NONE;
}

int simc_mux_channel_accept(struct simc_session *session)
{
    if (session->role != SIMC__ROLE_MUX || session->asked != SIMC__ASKED)
        return SIMC_EINVAL;
    struct simc__step step = {.event = SIMC__EV_ACCEPT};
    simc__run(session, &step);
    return step.result;
}

/* Both roles: the answer to our channel_test. */
void simc__do_take_emmg_channel_status(struct simc_session *session, struct simc__step *step)
{
    const struct simc_emmg_channel_status *status = &session->context.payload.emmg_channel_status;
    session->is_tested = false;
    session->test_ms = SIMC_DEADLINE_NONE;
    if (status->section_tspkt_flag != session->emmg_status.section_tspkt_flag)
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "channel_status has another section_TSpkt_flag than the channel");
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_STATUS);
    if (note)
        note->with_message = true;
}

const struct simc_emmg_channel_status *simc_emmg_channel(const struct simc_session *session)
{
    bool is_emmg = session->role == SIMC__ROLE_MUX || session->role == SIMC__ROLE_EMMG;
    return is_emmg && simc__channel_is_open(session) ? &session->emmg_status : NULL;
}

/* ---- streams ---- */

/* What the application gives when it accepts a stream. */
struct acceptance {
    void *context;
};

void simc__do_open_emmg_stream(struct simc_session *session, struct simc__step *step)
{
    const struct acceptance *acceptance = step->request;
    const struct simc_emmg_stream_setup *setup = &session->asked_emmg_stream;
    struct simc__stream *stream = NULL;
    step->result = simc__stream_new(session, setup->data_stream_id, setup->has_data_id,
                                    setup->data_id, &stream);
    if (step->result)
        return;
    stream->data_type = setup->data_type;
    stream->context = acceptance->context;
    stream->state = SIMC__ST_ASKED;
    step->stream = stream;
    session->asked = SIMC__ANY;
    step->result = simc__send_stream_status(session, stream);
}

int simc_mux_stream_accept(struct simc_session *session, void *context)
{
    const struct acceptance acceptance = {context};
    return simc__server_accept_stream(session, SIMC__ROLE_MUX, &acceptance);
}

/* Both roles: the answer to our stream_test. */
void simc__do_take_emmg_stream_status(struct simc_session *session, struct simc__step *step)
{
    const struct simc_emmg_stream_status *status = &session->context.payload.emmg_stream_status;
    struct simc__stream *stream = step->stream;
    stream->is_tested = false;
    stream->test_ms = SIMC_DEADLINE_NONE;
    simc__heap_update(session, stream);
    bool is_same = status->has_data_id == stream->has_object_id &&
                   status->data_id == stream->object_id && status->data_type == stream->data_type;
    if (!is_same)
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "stream_status has other values than before");
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_STREAM_STATUS, step->stream_id);
    if (note)
        note->with_message = true;
}

void *simc_mux_stream_context(const struct simc_session *session, uint16_t stream_id)
{
    return simc__stream_context(session, SIMC__ROLE_MUX, stream_id);
}

bool simc_mux_stream_next(const struct simc_session *session, uint32_t *next, uint16_t *stream_id,
                          void **context)
{
    return simc__stream_next(session, SIMC__ROLE_MUX, next, stream_id, context);
}

/* ---- bandwidth ---- */

void simc__do_ask_bandwidth(struct simc_session *session, struct simc__step *step)
{
    session->asked_bandwidth = true;
    session->asked_stream_id = step->stream_id;
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_BW_REQUEST, step->stream_id);
    if (note)
        note->with_message = true;
}

static int send_allocation(struct simc_session *session, const struct simc__stream *stream)
{
    const struct simc_emmg_stream_bw_allocation allocation = {
        .client_id = session->client_id,
        .data_channel_id = session->channel_id,
        .data_stream_id = stream->id,
        .has_bandwidth = stream->allocation.is_known,
        .bandwidth_kbitps = stream->allocation.kbitps,
    };
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    int error = simc_emmg_stream_bw_allocation_put(&writer, session->version, &allocation);
    return error ? error : simc__out_end(session, &writer);
}

static void answer_bandwidth(struct simc_session *session, struct simc__step *step)
{
    if (session->asked_bandwidth && session->asked_stream_id == step->stream_id)
        session->asked_bandwidth = false;
    step->result = send_allocation(session, step->stream);
}

void simc__do_same_allocation(struct simc_session *session, struct simc__step *step)
{
    answer_bandwidth(session, step);
}

void simc__do_allocate(struct simc_session *session, struct simc__step *step)
{
    const struct simc_session_bandwidth *allocation = step->request;
    step->stream->allocation = *allocation;
    answer_bandwidth(session, step);
}

int simc_mux_allocate(struct simc_session *session, uint16_t stream_id,
                      struct simc_session_bandwidth allocation)
{
    struct simc__stream *stream = session->role == SIMC__ROLE_MUX && session->state == SIMC__OPEN
                                      ? simc__stream_find(session, stream_id)
                                      : NULL;
    if (!stream)
        return SIMC_ENOTFOUND;
    struct simc__step step = {
        .event = SIMC__EV_ALLOCATE,
        .is_stream = true,
        .stream = stream,
        .stream_id = stream_id,
        .request = &allocation,
    };
    simc__run(session, &step);
    return step.result;
}

/* ---- data ---- */

void simc__do_data(struct simc_session *session, struct simc__step *step)
{
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_DATA, step->stream_id);
    if (note)
        note->with_message = true;
}
