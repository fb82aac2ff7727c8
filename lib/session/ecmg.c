/* SPDX-License-Identifier: BSL-1.0 */
/* The ECMG's side: set-up of channel and streams, tests, and the answers to CW_provisions; server.c
 * has what the MUX does too. Applications that make ECMs call it; the rows call its actions. */
#include <string.h>

#include "session/internal.h"

/* ---- channel ---- */

void simc__do_ask_channel(struct simc_session *session, struct simc__step *step)
{
    const struct simc_msg *msg = &session->msg;
    if (simc_ecmg_channel_setup_get(msg, &session->asked_channel)) {
        step->result = SIMC_EPROTO;
        return;
    }
    session->asked_version = msg->version;
    session->asked_channel_id = session->asked_channel.ecm_channel_id;
    session->asked = SIMC__ASKED;
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_SETUP);
    if (note)
        note->with_message = true;
}

void simc__do_open_channel(struct simc_session *session, struct simc__step *step)
{
    const struct simc_ecmg_channel_status *status = step->request;
    struct simc_ecmg_channel_status previous = session->status;
    session->status = *status;
    session->status.ecm_channel_id = session->asked_channel_id;
    step->result = simc__send_channel_status(session);
    if (step->result) {
        session->status = previous;
        return;
    }
    session->channel_id = session->asked_channel_id;
    session->version = session->asked_version;
    session->asked = SIMC__ANY;
    session->is_tested = false;
    session->test_ms = SIMC_DEADLINE_NONE;
}

static bool status_is_same(const struct simc_ecmg_channel_status *a,
                           const struct simc_ecmg_channel_status *b)
{
    return a->section_tspkt_flag == b->section_tspkt_flag &&
           a->has_ac_delay_start == b->has_ac_delay_start &&
           a->ac_delay_start_ms == b->ac_delay_start_ms &&
           a->has_ac_delay_stop == b->has_ac_delay_stop &&
           a->ac_delay_stop_ms == b->ac_delay_stop_ms && a->delay_start_ms == b->delay_start_ms &&
           a->delay_stop_ms == b->delay_stop_ms &&
           a->has_transition_delay_start == b->has_transition_delay_start &&
           a->transition_delay_start_ms == b->transition_delay_start_ms &&
           a->has_transition_delay_stop == b->has_transition_delay_stop &&
           a->transition_delay_stop_ms == b->transition_delay_stop_ms &&
           a->ecm_rep_period_ms == b->ecm_rep_period_ms && a->max_streams == b->max_streams &&
           a->min_cp_duration_100ms == b->min_cp_duration_100ms && a->lead_cw == b->lead_cw &&
           a->cw_per_msg == b->cw_per_msg && a->max_comp_time_ms == b->max_comp_time_ms;
}

/* Both roles: the answer to our channel_test. An SCS takes the values over, they are the ECMG's. */
void simc__do_take_channel_status(struct simc_session *session, struct simc__step *step)
{
    const struct simc_ecmg_channel_status *status = &session->context.payload.channel_status;
    session->is_tested = false;
    session->test_ms = SIMC_DEADLINE_NONE;
    if (!status_is_same(status, &session->status))
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "channel_status has other values than before");
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_STATUS);
    if (note)
        note->with_message = true;
    if (session->role == SIMC__ROLE_SCS)
        session->status = *status;
}

int simc_ecmg_channel_accept(struct simc_session *session,
                             const struct simc_ecmg_channel_status *status)
{
    if (session->role != SIMC__ROLE_ECMG || session->asked != SIMC__ASKED)
        return SIMC_EINVAL;
    if (status->lead_cw >= SIMC__CWS_MAX || status->cw_per_msg < 1 ||
        status->cw_per_msg > SIMC__CWS_MAX || status->section_tspkt_flag > 2 ||
        (status->section_tspkt_flag == 2 && session->asked_version < 5))
        return SIMC_EINVAL;
    struct simc__step step = {.event = SIMC__EV_ACCEPT, .request = status};
    simc__run(session, &step);
    return step.result;
}

/* ---- streams ---- */

/* What the application gives when it accepts a stream. */
struct acceptance {
    bool transfer_mode;
    void *context;
};

void simc__do_open_stream(struct simc_session *session, struct simc__step *step)
{
    const struct acceptance *acceptance = step->request;
    const struct simc_ecmg_stream_setup *setup = &session->asked_stream;
    struct simc__stream *stream = NULL;
    step->result =
        simc__stream_new(session, setup->ecm_stream_id, setup->has_ecm_id, setup->ecm_id, &stream);
    if (step->result)
        return;
    stream->nominal_100ms = setup->nominal_cp_duration_100ms;
    stream->transfer_mode = acceptance->transfer_mode;
    stream->context = acceptance->context;
    stream->state = SIMC__ST_ASKED;
    step->stream = stream;
    session->asked = SIMC__ANY;
    step->result = simc__send_stream_status(session, stream);
}

int simc_ecmg_stream_accept(struct simc_session *session, bool transfer_mode, void *context)
{
    const struct acceptance acceptance = {transfer_mode, context};
    return simc__server_accept_stream(session, SIMC__ROLE_ECMG, &acceptance);
}

void simc__do_take_stream_status(struct simc_session *session, struct simc__step *step)
{
    const struct simc_ecmg_stream_status *status = &session->context.payload.stream_status;
    struct simc__stream *stream = step->stream;
    stream->is_tested = false;
    stream->test_ms = SIMC_DEADLINE_NONE;
    simc__heap_update(session, stream);
    bool is_same = status->has_ecm_id == stream->has_object_id &&
                   status->ecm_id == stream->object_id &&
                   status->access_criteria_transfer_mode == stream->transfer_mode;
    if (!is_same)
        simc__notice(session, step, SIMC_NOTICE_CHANGED,
                     "stream_status has other values than before");
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_STREAM_STATUS, step->stream_id);
    if (note)
        note->with_message = true;
    if (session->role == SIMC__ROLE_SCS)
        stream->transfer_mode = status->access_criteria_transfer_mode;
}

void *simc_ecmg_stream_context(const struct simc_session *session, uint16_t stream_id)
{
    return simc__stream_context(session, SIMC__ROLE_ECMG, stream_id);
}

bool simc_ecmg_stream_next(const struct simc_session *session, uint32_t *next, uint16_t *stream_id,
                           void **context)
{
    return simc__stream_next(session, SIMC__ROLE_ECMG, next, stream_id, context);
}

/* ---- ECMs ---- */

void simc__do_provision(struct simc_session *session, struct simc__step *step)
{
    struct simc__stream *stream = step->stream;
    const struct simc__fields *fields = &session->fields;
    struct simc_ecmg_provision *provision = &session->context.payload.provision;
    simc__stream_pending(stream)[stream->pending_count++] = fields->cp_number;
    provision->cp_number = fields->cp_number;
    provision->ecm_id = stream->object_id;
    provision->cp_duration_100ms =
        fields->has_duration ? fields->duration_100ms : stream->nominal_100ms;
    provision->cws = session->cws;
    provision->cw_count = session->cw_count;
    provision->has_access_criteria = stream->has_ac;
    provision->access_criteria_changed = stream->ac_is_news;
    provision->access_criteria = simc_slice(stream->ac, stream->ac_size);
    stream->ac_is_news = false;
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_CW_PROVISION, stream->id);
    if (!note)
        return;
    note->with_message = true;
    note->cp_number = fields->cp_number;
}

/* Takes a CP number off those without an answer. */
static int take_pending(struct simc__stream *stream, uint16_t cp_number)
{
    uint16_t *pending = simc__stream_pending(stream);
    for (unsigned i = 0; i < stream->pending_count; i++) {
        if (pending[i] != cp_number)
            continue;
        stream->pending_count--;
        for (; i < stream->pending_count; i++)
            pending[i] = pending[i + 1];
        return 0;
    }
    return SIMC_ENOTFOUND;
}

struct answer {
    uint16_t cp_number;
    struct simc_slice bytes; /* datagram, or error_information */
};

static void put_u16(uint8_t **p, uint16_t value)
{
    (*p)[0] = (uint8_t)(value >> 8);
    (*p)[1] = (uint8_t)value;
    *p += 2;
}

static void put_parameter(uint8_t **p, uint16_t code, uint16_t value)
{
    put_u16(p, code);
    put_u16(p, 2);
    put_u16(p, value);
}

/* The message of the busiest path is written byte by byte: its length is known beforehand. */
void simc__do_respond(struct simc_session *session, struct simc__step *step)
{
    enum { FIXED = 3 * (SIMC_PARAMETER_HEADER_SIZE + 2) + SIMC_PARAMETER_HEADER_SIZE };
    const struct answer *answer = step->request;
    size_t size = answer->bytes.size;
    step->result = take_pending(step->stream, answer->cp_number);
    if (step->result)
        return;
    struct simc_writer writer = simc__out_begin(session, SIMC_MSG_HEADER_SIZE + FIXED + size);
    uint8_t *p = simc_writer_room(&writer, SIMC_MSG_HEADER_SIZE + FIXED + size);
    if (p) {
        *p++ = session->version;
        put_u16(&p, SIMC_ECMG_MSG_ECM_RESPONSE);
        put_u16(&p, (uint16_t)(FIXED + size));
        put_parameter(&p, SIMC_ECMG_PARAM_ECM_CHANNEL_ID, session->channel_id);
        put_parameter(&p, SIMC_ECMG_PARAM_ECM_STREAM_ID, step->stream_id);
        put_parameter(&p, SIMC_ECMG_PARAM_CP_NUMBER, answer->cp_number);
        put_u16(&p, SIMC_ECMG_PARAM_ECM_DATAGRAM);
        put_u16(&p, (uint16_t)size);
        if (size)
            memcpy(p, answer->bytes.data, size);
    }
    step->result = simc__out_end(session, &writer);
}

void simc__do_respond_error(struct simc_session *session, struct simc__step *step)
{
    const struct answer *answer = step->request;
    step->result = take_pending(step->stream, answer->cp_number);
    if (!step->result)
        step->result = simc__send_error(session, simc__ids_of(session, step->stream_id),
                                        &step->status, 1, answer->bytes);
}

static int answer_provision(struct simc_session *session, enum simc__event event,
                            uint16_t stream_id, uint16_t status, const struct answer *answer)
{
    if (answer->bytes.size > 65000)
        return SIMC_EINVAL;
    struct simc__stream *stream = session->state == SIMC__OPEN && session->role == SIMC__ROLE_ECMG
                                      ? simc__stream_find(session, stream_id)
                                      : NULL;
    if (!stream)
        return SIMC_ENOTFOUND;
    struct simc__step step = {
        .event = event,
        .is_stream = true,
        .stream = stream,
        .stream_id = stream_id,
        .status = status,
        .request = answer,
    };
    simc__run(session, &step);
    return step.result;
}

int simc_ecmg_respond(struct simc_session *session, uint16_t stream_id, uint16_t cp_number,
                      struct simc_slice datagram)
{
    const struct answer answer = {cp_number, datagram};
    return answer_provision(session, SIMC__EV_RESPOND, stream_id, 0, &answer);
}

int simc_ecmg_respond_error(struct simc_session *session, uint16_t stream_id, uint16_t cp_number,
                            uint16_t status, struct simc_slice information)
{
    const struct answer answer = {cp_number, information};
    return answer_provision(session, SIMC__EV_RESPOND_ERROR, stream_id, status, &answer);
}
