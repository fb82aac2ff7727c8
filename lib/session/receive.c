/* SPDX-License-Identifier: BSL-1.0 */
/* One message in: framed, decoded, checked in the order version, framing, type, parameters,
 * identifiers, and made into the event that the state machine has rows for. */
#include <string.h>

#include "session/internal.h"

/* ---- what a message names ---- */

static void take_u16(const struct simc_parameter *parameter, bool *has, uint16_t *value)
{
    if (parameter->value.size != 2 || *has)
        return;
    *has = true;
    *value = (uint16_t)(parameter->value.data[0] << 8 | parameter->value.data[1]);
}

static void take_field(struct simc__fields *fields, const struct simc_parameter *parameter)
{
    switch (parameter->code) {
    case SIMC_ECMG_PARAM_ECM_CHANNEL_ID:
        take_u16(parameter, &fields->has_channel, &fields->channel_id);
        break;
    case SIMC_ECMG_PARAM_ECM_STREAM_ID:
        take_u16(parameter, &fields->has_stream, &fields->stream_id);
        break;
    case SIMC_ECMG_PARAM_CP_NUMBER:
        take_u16(parameter, &fields->has_cp, &fields->cp_number);
        break;
    case SIMC_ECMG_PARAM_ECM_ID:
        take_u16(parameter, &fields->has_ecm_id, &fields->ecm_id);
        break;
    case SIMC_ECMG_PARAM_NOMINAL_CP_DURATION:
        take_u16(parameter, &fields->has_nominal, &fields->nominal_100ms);
        break;
    case SIMC_ECMG_PARAM_CP_DURATION:
        take_u16(parameter, &fields->has_duration, &fields->duration_100ms);
        break;
    case SIMC_ECMG_PARAM_CP_CW_COMBINATION:
        if (fields->cw_count++ == 0)
            fields->first_cw = parameter->offset - SIMC_MSG_HEADER_SIZE;
        break;
    case SIMC_ECMG_PARAM_CW_ENCRYPTION:
        fields->has_encryption = true;
        fields->encryption = parameter->value;
        break;
    case SIMC_ECMG_PARAM_ACCESS_CRITERIA:
        fields->has_ac = true;
        fields->ac = parameter->value;
        break;
    case SIMC_ECMG_PARAM_ECM_DATAGRAM:
        fields->datagram = parameter->value;
        break;
    default:
        break;
    }
}

static void read_fields(struct simc_session *session)
{
    struct simc_parameter_cursor cursor = simc_msg_parameters(&session->msg);
    struct simc_parameter parameter;
    memset(&session->fields, 0, sizeof session->fields);
    while (simc_parameter_next(&cursor, &parameter) == 0)
        take_field(&session->fields, &parameter);
    /* Version 1 has neither; there they are parameters to be skipped. */
    if (session->msg.version == 1) {
        session->fields.has_ecm_id = session->fields.has_encryption = false;
        session->fields.ecm_id = 0;
    }
}

/* The statuses and the first information of an error message, from any message that has some: a
 * refusal of our version comes in a version that we may not know. */
static void read_errors(struct simc_session *session)
{
    struct simc__context *context = &session->context;
    struct simc_parameter_cursor cursor = simc_msg_parameters(&session->msg);
    struct simc_parameter parameter;
    bool has_information = false;
    while (simc_parameter_next(&cursor, &parameter) == 0) {
        const uint8_t *p = parameter.value.data;
        if (parameter.code == SIMC_ERROR_STATUS_TYPE && parameter.value.size == 2 &&
            context->status_count < SIMC_SESSION_STATUSES_MAX)
            context->statuses[context->status_count++] = (uint16_t)(p[0] << 8 | p[1]);
        if (parameter.code == SIMC_ERROR_INFORMATION_TYPE && !has_information) {
            context->information = parameter.value;
            has_information = true;
        }
    }
}

static bool has_status(const struct simc_session *session, uint16_t status)
{
    for (size_t i = 0; i < session->context.status_count; i++) {
        if (session->context.statuses[i] == status)
            return true;
    }
    return false;
}

static bool is_error_message(const struct simc_session *session)
{
    return session->msg.type == SIMC_ECMG_MSG_CHANNEL_ERROR ||
           session->msg.type == SIMC_ECMG_MSG_STREAM_ERROR;
}

static bool is_stream_message(const struct simc_session *session)
{
    return session->msg.type >= SIMC_ECMG_MSG_STREAM_SETUP;
}

/* ---- errors of the peer ---- */

static void channel_error_event(const struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_CHANNEL_ERROR;
    if (has_status(session, SIMC_ECMG_STATUS_UNRECOVERABLE_ERROR)) {
        step->event = SIMC__EV_CHANNEL_ERROR_FATAL;
        step->reason = SIMC_REASON_UNRECOVERABLE;
    }
    if (session->state == SIMC__SETTING_UP &&
        has_status(session, SIMC_ECMG_STATUS_UNSUPPORTED_PROTOCOL_VERSION))
        step->event = SIMC__EV_CHANNEL_ERROR_VERSION;
}

static void stream_error_event(const struct simc_session *session, struct simc__step *step)
{
    struct simc__stream *stream = step->stream;
    bool is_awaited = stream && stream->is_outstanding;
    step->reason = SIMC_REASON_REFUSED;
    step->event = SIMC__EV_STREAM_ERROR;
    if (has_status(session, SIMC_ECMG_STATUS_UNRECOVERABLE_ERROR)) {
        step->event = SIMC__EV_STREAM_ERROR_FATAL;
        if (!stream || stream->state == SIMC__ST_OPEN)
            step->reason = SIMC_REASON_UNRECOVERABLE;
    } else if (is_awaited && stream->is_priming &&
               has_status(session, SIMC_ECMG_STATUS_NOT_ENOUGH_CONTROL_WORDS)) {
        step->event = SIMC__EV_STREAM_ERROR_PRIMING;
    } else if (is_awaited) {
        step->event = SIMC__EV_STREAM_ERROR_ANSWER;
    } else if (has_status(session, SIMC_ECMG_STATUS_UNKNOWN_ECM_STREAM_ID)) {
        step->event = SIMC__EV_STREAM_ERROR_UNKNOWN;
    }
}

static void error_event(struct simc_session *session, struct simc__step *step)
{
    read_errors(session);
    bool is_readable = session->context.status_count &&
                       (session->msg.valid || session->fault.kind == SIMC_FAULT_VERSION) &&
                       (!is_stream_message(session) || session->fields.has_stream);
    if (!is_readable) {
        step->is_stream = false;
        step->event = SIMC__EV_ERROR_INVALID;
        session->context.why = "an invalid error message is not answered";
        return;
    }
    session->fault.kind = SIMC_FAULT_NONE;
    if (is_stream_message(session))
        stream_error_event(session, step);
    else
        channel_error_event(session, step);
    /* It may be what a stream_test got for an answer. */
    if (step->stream) {
        step->stream->is_tested = false;
        step->stream->test_ms = SIMC_DEADLINE_NONE;
        simc__heap_update(session, step->stream);
    }
}

/* ---- statuses ---- */

static void fail_value(struct simc_session *session, struct simc__step *step, const char *why)
{
    step->is_stream = false;
    step->event = SIMC__EV_INVALID;
    step->status = SIMC_ECMG_STATUS_INVALID_VALUE;
    session->context.why = why;
}

static void channel_status_event(struct simc_session *session, struct simc__step *step)
{
    struct simc_ecmg_channel_status *status = &session->context.payload.channel_status;
    bool is_awaited = session->is_tested || session->state == SIMC__SETTING_UP;
    step->event = is_awaited ? SIMC__EV_CHANNEL_STATUS : SIMC__EV_CHANNEL_STATUS_UNASKED;
    session->context.why = "nothing has asked for it";
    if (!is_awaited)
        return;
    if (simc_ecmg_channel_status_get(&session->msg, status)) {
        fail_value(session, step, "it cannot be read");
        return;
    }
    if (session->role == SIMC__ROLE_ECMG)
        return;
    if (status->cw_per_msg == 0)
        fail_value(session, step, "CW_per_msg is 0, must be 1 or more");
    else if (session->state != SIMC__SETTING_UP &&
             (status->lead_cw != session->status.lead_cw ||
              status->cw_per_msg != session->status.cw_per_msg))
        step->event = SIMC__EV_CHANNEL_STATUS_CHANGED;
}

static void stream_status_event(struct simc_session *session, struct simc__step *step)
{
    const struct simc__stream *stream = step->stream;
    bool is_opening = stream && stream->state == SIMC__ST_SETTING_UP;
    bool is_awaited = is_opening || (stream && stream->is_tested);
    step->event = is_awaited ? SIMC__EV_STREAM_STATUS : SIMC__EV_STREAM_STATUS_UNASKED;
    session->context.why = "nothing has asked for it";
    if (is_awaited &&
        simc_ecmg_stream_status_get(&session->msg, &session->context.payload.stream_status))
        fail_value(session, step, "it cannot be read");
    else if (is_opening && stream->close_wanted)
        step->event = SIMC__EV_STREAM_STATUS_UNWANTED;
}

/* ---- the other messages ---- */

static void channel_setup_event(const struct simc_session *session, struct simc__step *step)
{
    step->event = !simc__channel_is_open(session) ? SIMC__EV_CHANNEL_SETUP
                  : session->fields.channel_id == session->channel_id
                      ? SIMC__EV_CHANNEL_SETUP_AGAIN
                      : SIMC__EV_CHANNEL_SETUP_OTHER;
}

static void stream_setup_event(struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_STREAM_SETUP;
    if (!simc__channel_is_open(session) || step->stream)
        return;
    const struct simc__fields *fields = &session->fields;
    const struct simc_ecmg_stream_setup setup = {
        .ecm_channel_id = fields->channel_id,
        .ecm_stream_id = fields->stream_id,
        .has_ecm_id = fields->has_ecm_id,
        .ecm_id = fields->ecm_id,
        .nominal_cp_duration_100ms = fields->nominal_100ms,
    };
    step->status = simc__stream_setup_check(session, &setup);
    session->asked_stream = setup;
    if (step->status)
        step->event = SIMC__EV_STREAM_SETUP_REFUSED;
}

static void cw_provision_event(struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_CW_PROVISION;
    if (!step->stream || !simc__channel_is_open(session))
        return;
    step->status = simc__provision_check(session, step->stream);
    if (step->status)
        step->event = SIMC__EV_CW_PROVISION_REFUSED;
}

static void ecm_response_event(const struct simc_session *session, struct simc__step *step)
{
    const struct simc__stream *stream = step->stream;
    bool is_awaited =
        stream && stream->is_outstanding && stream->cp_number == session->fields.cp_number;
    step->event = !is_awaited          ? SIMC__EV_ECM_RESPONSE_LATE
                  : stream->is_priming ? SIMC__EV_ECM_RESPONSE_PRIMING
                                       : SIMC__EV_ECM_RESPONSE;
}

/* The event of a message that is right in itself and names our channel. */
static void message_event(struct simc_session *session, struct simc__step *step)
{
    switch ((enum simc_ecmg_message)session->msg.type) {
    case SIMC_ECMG_MSG_CHANNEL_SETUP:
        channel_setup_event(session, step);
        break;
    case SIMC_ECMG_MSG_CHANNEL_TEST:
        step->event = SIMC__EV_CHANNEL_TEST;
        break;
    case SIMC_ECMG_MSG_CHANNEL_STATUS:
        channel_status_event(session, step);
        break;
    case SIMC_ECMG_MSG_CHANNEL_CLOSE:
        step->event = SIMC__EV_CHANNEL_CLOSE;
        break;
    case SIMC_ECMG_MSG_STREAM_SETUP:
        stream_setup_event(session, step);
        break;
    case SIMC_ECMG_MSG_STREAM_TEST:
        step->event = SIMC__EV_STREAM_TEST;
        break;
    case SIMC_ECMG_MSG_STREAM_STATUS:
        stream_status_event(session, step);
        break;
    case SIMC_ECMG_MSG_STREAM_CLOSE_REQUEST:
        step->event = SIMC__EV_STREAM_CLOSE_REQUEST;
        break;
    case SIMC_ECMG_MSG_STREAM_CLOSE_RESPONSE:
        step->event = SIMC__EV_STREAM_CLOSE_RESPONSE;
        session->context.why = "nothing has asked for it";
        break;
    case SIMC_ECMG_MSG_CW_PROVISION:
        cw_provision_event(session, step);
        break;
    case SIMC_ECMG_MSG_ECM_RESPONSE:
        ecm_response_event(session, step);
        break;
    case SIMC_ECMG_MSG_CHANNEL_ERROR:
    case SIMC_ECMG_MSG_STREAM_ERROR:
        error_event(session, step);
        break;
    }
}

/* ---- faults ---- */

static bool is_of_stream(const struct simc_session *session)
{
    const struct simc__fields *fields = &session->fields;
    return is_stream_message(session) && fields->has_stream && fields->has_channel &&
           simc__channel_is_open(session) && fields->channel_id == session->channel_id;
}

/* An error names the stream when the message could be read so far; a broken structure or header
 * concerns the channel. */
static void fault_event(struct simc_session *session, struct simc__step *step)
{
    const struct simc_fault *fault = &session->fault;
    step->event = fault->kind == SIMC_FAULT_VERSION    ? SIMC__EV_OTHER_VERSION
                  : fault->kind == SIMC_FAULT_TOO_LONG ? SIMC__EV_TOO_LONG
                                                       : SIMC__EV_INVALID;
    step->status = fault->error_status ? fault->error_status : SIMC_ECMG_STATUS_INVALID_MESSAGE;
    bool is_whole = fault->kind == SIMC_FAULT_PARAMETER_TYPE || fault->kind == SIMC_FAULT_LENGTH ||
                    fault->kind == SIMC_FAULT_MISSING || fault->kind == SIMC_FAULT_TOO_MANY ||
                    fault->kind == SIMC_FAULT_VALUE;
    step->is_stream = is_whole && is_of_stream(session);
    bool is_response = session->msg.type == SIMC_ECMG_MSG_ECM_RESPONSE;
    if (step->is_stream && is_response && step->stream && step->stream->is_outstanding)
        step->event = SIMC__EV_ECM_RESPONSE_INVALID;
}

static bool is_counted(enum simc__event event)
{
    return event == SIMC__EV_INVALID || event == SIMC__EV_TOO_LONG ||
           event == SIMC__EV_OTHER_VERSION || event == SIMC__EV_WRONG_DIRECTION ||
           event == SIMC__EV_ECM_RESPONSE_INVALID;
}

static void count_faults(struct simc_session *session, struct simc__step *step)
{
    if (!is_counted(step->event)) {
        if (step->event != SIMC__EV_UNKNOWN_TYPE && step->event != SIMC__EV_ERROR_INVALID)
            session->fault_count = 0;
        return;
    }
    if (++session->fault_count < session->common.fault_limit)
        return;
    const struct simc__row *row = simc__row_find(session->role, session->state, step->event);
    if (row && row->status)
        step->status = row->status;
    step->is_stream = false;
    step->event = SIMC__EV_FAULT_LIMIT;
}

/* ---- from bytes to an event ---- */

static bool is_wrong_direction(const struct simc_session *session)
{
    enum simc_direction direction = session->msg.row->direction;
    return session->role == SIMC__ROLE_ECMG ? direction == SIMC_DIRECTION_TO_CLIENT
                                            : direction == SIMC_DIRECTION_TO_SERVER;
}

static void wrong_direction(struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_WRONG_DIRECTION;
    step->is_stream = is_of_stream(session);
    step->status = SIMC_ECMG_STATUS_INVALID_MESSAGE;
    session->context.why = "only this side sends it";
}

/* A message in another version than the connection's. @return true: it is not to be looked at. */
static bool other_version(struct simc_session *session, struct simc__step *step)
{
    if (session->version == 0 || session->msg.version == session->version)
        return false;
    if (session->role == SIMC__ROLE_SCS && !session->common.strict) {
        if (!session->version_told) {
            /* The notice is about the connection; the message may be a stream's. */
            bool is_stream = step->is_stream;
            step->is_stream = false;
            simc__notice(session, step, SIMC_NOTICE_VERSION, NULL);
            step->is_stream = is_stream;
        }
        session->version_told = true;
        return false;
    }
    step->event = SIMC__EV_OTHER_VERSION;
    step->is_stream = false;
    step->status = SIMC_ECMG_STATUS_UNSUPPORTED_PROTOCOL_VERSION;
    session->context.why = "its protocol_version is not that of the connection";
    return true;
}

/* A channel_setup names the channel it wants; all others must name the one that is open. */
static bool other_channel(struct simc_session *session, struct simc__step *step)
{
    bool is_setup = session->msg.type == SIMC_ECMG_MSG_CHANNEL_SETUP;
    bool has_channel = simc__channel_is_open(session) || session->role == SIMC__ROLE_SCS;
    if (is_setup || !has_channel || session->fields.channel_id == session->channel_id)
        return false;
    step->event = SIMC__EV_OTHER_CHANNEL;
    step->is_stream = false;
    step->status = SIMC_ECMG_STATUS_UNKNOWN_ECM_CHANNEL_ID;
    session->context.why = "it names another channel than the one of this connection";
    return true;
}

static void find_event(struct simc_session *session, struct simc__step *step, int error)
{
    const struct simc_msg *msg = &session->msg;
    read_fields(session);
    step->stream_id = session->fields.stream_id;
    step->is_stream = is_stream_message(session) && msg->row;
    if (step->is_stream && session->fields.has_stream)
        step->stream = simc__stream_find(session, session->fields.stream_id);
    if (msg->row && is_error_message(session)) {
        error_event(session, step);
    } else if (error && msg->row && session->fault.kind != SIMC_FAULT_VERSION &&
               session->fault.kind != SIMC_FAULT_TOO_LONG && is_wrong_direction(session)) {
        wrong_direction(session, step);
    } else if (error) {
        fault_event(session, step);
    } else if (!msg->row) {
        step->event = SIMC__EV_UNKNOWN_TYPE;
        session->context.why = "its message_type is unknown";
    } else if (!other_version(session, step)) {
        if (is_wrong_direction(session))
            wrong_direction(session, step);
        else if (!other_channel(session, step))
            message_event(session, step);
    }
}

bool simc__receive(struct simc_session *session)
{
    struct simc_frame frame;
    if (session->framer.deliver_held)
        simc_wipe(session->framer.held.memory, session->framer.held.size);
    int error = simc_framer_next(&session->framer, &frame);
    if (error == SIMC_EAGAIN)
        return false;
    if (error == SIMC_ENOMEM) {
        simc__run_channel(session, SIMC__EV_FAILED, SIMC_REASON_NO_MEMORY);
        return true;
    }
    session->heard_ms = session->now_ms;
    struct simc__context *context = &session->context;
    context->message = frame.bytes;
    context->status_count = 0;
    context->information = simc_slice(NULL, 0);
    context->why = NULL;
    /* The framer has the same limit: of a message above it there is only the header. */
    error = simc_msg_decode(&session->rules, frame.bytes, &session->msg, &session->fault);
    struct simc__step step = {.reason = SIMC_REASON_NONE};
    find_event(session, &step, error);
    count_faults(session, &step);
    simc__run(session, &step);
    return true;
}
