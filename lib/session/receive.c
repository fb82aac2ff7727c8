/* SPDX-License-Identifier: BSL-1.0 */
/* One message in: framed, decoded, checked in the order version, framing, type, parameters,
 * identifiers, and made into the event that the state machine has rows for. What only one interface
 * has is in ecmg_receive.c and emmg_receive.c. */
#include <string.h>

#include "session/internal.h"

/* ---- what a message names ---- */

void simc__take_u16(const struct simc_parameter *parameter, bool *has, uint16_t *value)
{
    if (parameter->value.size != 2 || *has)
        return;
    *has = true;
    *value = (uint16_t)(parameter->value.data[0] << 8 | parameter->value.data[1]);
}

static void read_fields(struct simc_session *session)
{
    struct simc_parameter_cursor cursor = simc_msg_parameters(&session->msg);
    struct simc_parameter parameter;
    memset(&session->fields, 0, sizeof session->fields);
    while (simc_parameter_next(&cursor, &parameter) == 0)
        session->dialect->take_field(&session->fields, &parameter);
    /* Version 1 has neither; there they are parameters to be skipped. */
    if (session->msg.version == 1) {
        session->fields.has_object_id = session->fields.has_encryption = false;
        session->fields.object_id = 0;
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

bool simc__has_status(const struct simc_session *session, uint16_t status)
{
    for (size_t i = 0; i < session->context.status_count; i++) {
        if (session->context.statuses[i] == status)
            return true;
    }
    return false;
}

/* The message_type by the numbers of enum simc__common_message. */
static unsigned common_type(const struct simc_session *session)
{
    return (uint16_t)(session->msg.type - session->dialect->message_base);
}

static bool is_error_message(const struct simc_session *session)
{
    unsigned type = common_type(session);
    return type == SIMC__CHANNEL_ERROR || type == SIMC__STREAM_ERROR;
}

static bool is_stream_message(const struct simc_session *session)
{
    return common_type(session) >= SIMC__STREAM_SETUP;
}

/* ---- errors of the peer ---- */

static void channel_error_event(const struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_CHANNEL_ERROR;
    if (simc__has_status(session, SIMC_ECMG_STATUS_UNRECOVERABLE_ERROR)) {
        step->event = SIMC__EV_CHANNEL_ERROR_FATAL;
        step->reason = SIMC_REASON_UNRECOVERABLE;
    }
    if (session->state == SIMC__SETTING_UP &&
        simc__has_status(session, SIMC_ECMG_STATUS_UNSUPPORTED_PROTOCOL_VERSION))
        step->event = SIMC__EV_CHANNEL_ERROR_VERSION;
}

static void stream_error_event(const struct simc_session *session, struct simc__step *step)
{
    struct simc__stream *stream = step->stream;
    bool is_awaited = stream && stream->is_outstanding && session->dialect->error_answers(session);
    step->reason = SIMC_REASON_REFUSED;
    step->event = SIMC__EV_STREAM_ERROR;
    if (simc__has_status(session, SIMC_ECMG_STATUS_UNRECOVERABLE_ERROR)) {
        step->event = SIMC__EV_STREAM_ERROR_FATAL;
        if (!stream || stream->state == SIMC__ST_OPEN)
            step->reason = SIMC_REASON_UNRECOVERABLE;
    } else if (is_awaited && stream->is_priming &&
               simc__has_status(session, SIMC_ECMG_STATUS_NOT_ENOUGH_CONTROL_WORDS)) {
        step->event = SIMC__EV_STREAM_ERROR_PRIMING;
    } else if (is_awaited) {
        step->event = SIMC__EV_STREAM_ERROR_ANSWER;
    } else if (simc__has_status(session, session->dialect->unknown_stream)) {
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

void simc__fail_value(struct simc_session *session, struct simc__step *step, const char *why)
{
    step->is_stream = false;
    step->event = SIMC__EV_INVALID;
    step->status = session->dialect->invalid_value;
    session->context.why = why;
}

static void channel_status_event(struct simc_session *session, struct simc__step *step)
{
    bool is_awaited = session->is_tested || session->state == SIMC__SETTING_UP;
    step->event = is_awaited ? SIMC__EV_CHANNEL_STATUS : SIMC__EV_CHANNEL_STATUS_UNASKED;
    session->context.why = "nothing has asked for it";
    if (is_awaited)
        session->dialect->channel_status(session, step);
}

static void stream_status_event(struct simc_session *session, struct simc__step *step)
{
    const struct simc__stream *stream = step->stream;
    bool is_opening = stream && stream->state == SIMC__ST_SETTING_UP;
    bool is_awaited = is_opening || (stream && stream->is_tested);
    step->event = is_awaited ? SIMC__EV_STREAM_STATUS : SIMC__EV_STREAM_STATUS_UNASKED;
    session->context.why = "nothing has asked for it";
    if (is_awaited)
        session->dialect->stream_status(session, step);
    if (step->event == SIMC__EV_STREAM_STATUS && is_opening && stream->close_wanted)
        step->event = SIMC__EV_STREAM_STATUS_UNWANTED;
}

/* ---- the other messages ---- */

static void channel_setup_event(const struct simc_session *session, struct simc__step *step)
{
    bool is_same = session->fields.channel_id == session->channel_id &&
                   session->fields.client_id == session->client_id;
    step->event = !simc__channel_is_open(session) ? SIMC__EV_CHANNEL_SETUP
                  : is_same                       ? SIMC__EV_CHANNEL_SETUP_AGAIN
                                                  : SIMC__EV_CHANNEL_SETUP_OTHER;
}

static void stream_setup_event(struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_STREAM_SETUP;
    if (!simc__channel_is_open(session) || step->stream)
        return;
    session->dialect->stream_setup(session, step);
    if (step->status)
        step->event = SIMC__EV_STREAM_SETUP_REFUSED;
}

/* The event of a message that is right in itself and names our channel. */
static void message_event(struct simc_session *session, struct simc__step *step)
{
    switch (common_type(session)) {
    case SIMC__CHANNEL_SETUP:
        channel_setup_event(session, step);
        break;
    case SIMC__CHANNEL_TEST:
        step->event = SIMC__EV_CHANNEL_TEST;
        break;
    case SIMC__CHANNEL_STATUS:
        channel_status_event(session, step);
        break;
    case SIMC__CHANNEL_CLOSE:
        step->event = SIMC__EV_CHANNEL_CLOSE;
        break;
    case SIMC__STREAM_SETUP:
        stream_setup_event(session, step);
        break;
    case SIMC__STREAM_TEST:
        step->event = SIMC__EV_STREAM_TEST;
        break;
    case SIMC__STREAM_STATUS:
        stream_status_event(session, step);
        break;
    case SIMC__STREAM_CLOSE_REQUEST:
        step->event = SIMC__EV_STREAM_CLOSE_REQUEST;
        break;
    case SIMC__STREAM_CLOSE_RESPONSE:
        step->event = SIMC__EV_STREAM_CLOSE_RESPONSE;
        session->context.why = "nothing has asked for it";
        break;
    default:
        session->dialect->own_message(session, step);
        break;
    }
}

/* ---- faults ---- */

static bool is_of_stream(const struct simc_session *session)
{
    const struct simc__fields *fields = &session->fields;
    return is_stream_message(session) && fields->has_stream && fields->has_channel &&
           simc__channel_is_open(session) && fields->channel_id == session->channel_id &&
           !simc__names_other_client(session);
}

bool simc__names_other_client(const struct simc_session *session)
{
    return session->fields.client_id != session->client_id;
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
    return direction == (session->is_server ? SIMC_DIRECTION_TO_CLIENT : SIMC_DIRECTION_TO_SERVER);
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
    if (!session->is_server && !session->common.strict) {
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

/* A channel_setup names the channel it wants; all others must name the one that is open. On
 * ECMG-SCS, which has no clients, all ids of clients are 0. */
static bool other_channel(struct simc_session *session, struct simc__step *step)
{
    bool is_setup = common_type(session) == SIMC__CHANNEL_SETUP;
    bool has_channel = simc__channel_is_open(session) || !session->is_server;
    bool is_other_client = simc__names_other_client(session);
    bool is_other = is_other_client || session->fields.channel_id != session->channel_id;
    if (is_setup || !has_channel || !is_other)
        return false;
    step->event = is_other_client ? SIMC__EV_OTHER_CLIENT : SIMC__EV_OTHER_CHANNEL;
    step->is_stream = false;
    session->context.why = is_other_client
                               ? "it names another client than the one of this connection"
                               : "it names another channel than the one of this connection";
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
    struct simc__step step = {.reason = SIMC_REASON_NONE};
    if (simc__data_provision_take(session, frame.bytes, &step)) {
        session->fault_count = 0;
    } else {
        /* The framer has the same limit: of a message above it there is only the header. */
        error = simc_msg_decode(&session->rules, frame.bytes, &session->msg, &session->fault);
        find_event(session, &step, error);
        count_faults(session, &step);
    }
    simc__run(session, &step);
    return true;
}
