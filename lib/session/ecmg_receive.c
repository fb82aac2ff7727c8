/* SPDX-License-Identifier: BSL-1.0 */
/* What only ECMG-SCS has in the messages that come in, for both its roles. receive.c calls it by
 * the dialect of the session. */
#include "session/internal.h"

static void take_field(struct simc__fields *fields, const struct simc_parameter *parameter)
{
    switch (parameter->code) {
    case SIMC_ECMG_PARAM_ECM_CHANNEL_ID:
        simc__take_u16(parameter, &fields->has_channel, &fields->channel_id);
        break;
    case SIMC_ECMG_PARAM_ECM_STREAM_ID:
        simc__take_u16(parameter, &fields->has_stream, &fields->stream_id);
        break;
    case SIMC_ECMG_PARAM_CP_NUMBER:
        simc__take_u16(parameter, &fields->has_cp, &fields->cp_number);
        break;
    case SIMC_ECMG_PARAM_ECM_ID:
        simc__take_u16(parameter, &fields->has_object_id, &fields->object_id);
        break;
    case SIMC_ECMG_PARAM_NOMINAL_CP_DURATION:
        simc__take_u16(parameter, &fields->has_nominal, &fields->nominal_100ms);
        break;
    case SIMC_ECMG_PARAM_CP_DURATION:
        simc__take_u16(parameter, &fields->has_duration, &fields->duration_100ms);
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

static void channel_status(struct simc_session *session, struct simc__step *step)
{
    struct simc_ecmg_channel_status *status = &session->context.payload.channel_status;
    if (simc_ecmg_channel_status_get(&session->msg, status)) {
        simc__fail_value(session, step, "it cannot be read");
        return;
    }
    if (session->is_server)
        return;
    if (status->cw_per_msg == 0)
        simc__fail_value(session, step, "CW_per_msg is 0, must be 1 or more");
    else if (session->state != SIMC__SETTING_UP &&
             (status->lead_cw != session->status.lead_cw ||
              status->cw_per_msg != session->status.cw_per_msg))
        step->event = SIMC__EV_CHANNEL_STATUS_CHANGED;
}

static void stream_status(struct simc_session *session, struct simc__step *step)
{
    if (simc_ecmg_stream_status_get(&session->msg, &session->context.payload.stream_status))
        simc__fail_value(session, step, "it cannot be read");
}

/* The checks of a stream_setup, in this order. */
static uint16_t check_stream_setup(struct simc_session *session,
                                   const struct simc_ecmg_stream_setup *setup)
{
    const struct simc_ecmg_channel_status *status = &session->status;
    session->context.why = "more streams than max_streams of the channel";
    if (status->max_streams && session->stream_total >= status->max_streams)
        return SIMC_ECMG_STATUS_TOO_MANY_STREAMS_ON_CHANNEL;
    session->context.why = "more streams than this ECMG serves on a channel";
    if (session->stream_total >= session->common.stream_limit)
        return SIMC_ECMG_STATUS_TOO_MANY_STREAMS_ON_ECMG;
    session->context.why = "another open stream has its ECM_id";
    if (setup->has_ecm_id && simc__index_get(&session->object_ids, setup->ecm_id))
        return SIMC_ECMG_STATUS_ECM_ID_IN_USE;
    session->context.why = "nominal_CP_duration is below min_CP_duration of the channel";
    if (setup->nominal_cp_duration_100ms < status->min_cp_duration_100ms)
        return SIMC_ECMG_STATUS_INVALID_VALUE;
    session->context.why = NULL;
    return 0;
}

static void stream_setup(struct simc_session *session, struct simc__step *step)
{
    const struct simc__fields *fields = &session->fields;
    const struct simc_ecmg_stream_setup setup = {
        .ecm_channel_id = fields->channel_id,
        .ecm_stream_id = fields->stream_id,
        .has_ecm_id = fields->has_object_id,
        .ecm_id = fields->object_id,
        .nominal_cp_duration_100ms = fields->nominal_100ms,
    };
    step->status = check_stream_setup(session, &setup);
    session->asked_stream = setup;
}

static bool error_answers(const struct simc_session *session)
{
    (void)session;
    return true;
}

static void cw_provision(struct simc_session *session, struct simc__step *step)
{
    step->event = SIMC__EV_CW_PROVISION;
    if (!step->stream || !simc__channel_is_open(session))
        return;
    step->status = simc__provision_check(session, step->stream);
    if (step->status)
        step->event = SIMC__EV_CW_PROVISION_REFUSED;
}

static void ecm_response(const struct simc_session *session, struct simc__step *step)
{
    const struct simc__stream *stream = step->stream;
    bool is_awaited =
        stream && stream->is_outstanding && stream->cp_number == session->fields.cp_number;
    step->event = !is_awaited          ? SIMC__EV_ECM_RESPONSE_LATE
                  : stream->is_priming ? SIMC__EV_ECM_RESPONSE_PRIMING
                                       : SIMC__EV_ECM_RESPONSE;
}

static void own_message(struct simc_session *session, struct simc__step *step)
{
    if (session->msg.type == SIMC_ECMG_MSG_CW_PROVISION)
        cw_provision(session, step);
    else
        ecm_response(session, step);
}

static int put_channel_status(const struct simc_session *session, struct simc_writer *writer)
{
    return simc_ecmg_channel_status_put(writer, simc__reply_version(session), &session->status);
}

static int put_stream_status(const struct simc_session *session, const struct simc__stream *stream,
                             struct simc_writer *writer)
{
    const struct simc_ecmg_stream_status status = {
        .ecm_channel_id = session->channel_id,
        .ecm_stream_id = stream->id,
        .has_ecm_id = stream->has_object_id,
        .ecm_id = stream->object_id,
        .access_criteria_transfer_mode = stream->transfer_mode,
    };
    return simc_ecmg_stream_status_put(writer, simc__reply_version(session), &status);
}

const struct simc__dialect simc__ecmg_dialect = {
    .interface = "ecmg",
    .client = "SCS",
    .server = "ECMG",
    .message_base = 0,
    .channel_id_type = SIMC_ECMG_PARAM_ECM_CHANNEL_ID,
    .stream_id_type = SIMC_ECMG_PARAM_ECM_STREAM_ID,
    .unknown_stream = SIMC_ECMG_STATUS_UNKNOWN_ECM_STREAM_ID,
    .invalid_value = SIMC_ECMG_STATUS_INVALID_VALUE,
    .take_field = take_field,
    .channel_status = channel_status,
    .stream_status = stream_status,
    .stream_setup = stream_setup,
    .error_answers = error_answers,
    .own_message = own_message,
    .put_channel_status = put_channel_status,
    .put_stream_status = put_stream_status,
};
