/* SPDX-License-Identifier: BSL-1.0 */
/* What only EMMG-MUX has in the messages that come in, for both its roles, and the short way of a
 * data_provision. receive.c calls it by the dialect of the session. */
#include "session/internal.h"

/* ---- data_provision ---- */

static uint32_t number_at(const uint8_t *p, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

static bool take_id(const uint8_t *value, size_t size, bool *has, uint16_t *id)
{
    if (size != 2 || *has)
        return false;
    *has = true;
    *id = (uint16_t)number_at(value, 2);
    return true;
}

/* One parameter. @return false: it is none that a data_provision should have. */
static bool take_parameter(struct simc__data_provision *out, uint16_t code, const uint8_t *value,
                           size_t size)
{
    switch (code) {
    case SIMC_EMMG_PARAM_CLIENT_ID:
        if (size != 4 || out->has_client)
            return false;
        out->has_client = true;
        out->client_id = number_at(value, 4);
        return true;
    case SIMC_EMMG_PARAM_DATA_CHANNEL_ID:
        return take_id(value, size, &out->has_channel, &out->channel_id);
    case SIMC_EMMG_PARAM_DATA_STREAM_ID:
        return take_id(value, size, &out->has_stream, &out->stream_id);
    case SIMC_EMMG_PARAM_DATA_ID:
        return take_id(value, size, &out->has_data_id, &out->data_id);
    default:
        return false;
    }
}

bool simc__data_provision_read(struct simc_slice message, struct simc__data_provision *out)
{
    const uint8_t *p = message.data;
    *out = (struct simc__data_provision){.bytes = 0};
    if (message.size < SIMC_MSG_HEADER_SIZE ||
        number_at(p + 3, 2) != message.size - SIMC_MSG_HEADER_SIZE)
        return false;
    const uint8_t *first = p + SIMC_MSG_HEADER_SIZE;
    const uint8_t *end = p + message.size;
    for (p = first; p < end;) {
        if (end - p < SIMC_PARAMETER_HEADER_SIZE)
            return false;
        uint16_t code = (uint16_t)(p[0] << 8 | p[1]);
        size_t size = (size_t)(p[2] << 8 | p[3]);
        if (size > (size_t)(end - p) - SIMC_PARAMETER_HEADER_SIZE)
            return false;
        if (SIMC_LIKELY(code == SIMC_EMMG_PARAM_DATAGRAM)) {
            if (out->datagram_count++ == 0)
                out->first_at = (size_t)(p - first);
            out->bytes += size;
        } else if (!take_parameter(out, code, p + SIMC_PARAMETER_HEADER_SIZE, size)) {
            return false;
        }
        p += SIMC_PARAMETER_HEADER_SIZE + size;
    }
    return out->has_client && out->datagram_count;
}

struct simc_values simc__data_provision_values(struct simc_slice message,
                                               const struct simc__data_provision *from)
{
    const struct simc_slice parameters =
        simc_slice(message.data + SIMC_MSG_HEADER_SIZE, message.size - SIMC_MSG_HEADER_SIZE);
    return (struct simc_values){
        .count = from->datagram_count,
        .cursor = {parameters, from->first_at, SIMC_MSG_HEADER_SIZE},
        .code = SIMC_EMMG_PARAM_DATAGRAM,
    };
}

static void put_data(struct simc_session *session, const struct simc__stream *stream, size_t bytes,
                     struct simc_values values)
{
    struct simc_mux_data *data = &session->context.payload.data;
    data->data_id = stream->object_id;
    data->data_type = stream->data_type;
    data->context = stream->context;
    data->bytes = bytes;
    data->datagrams = values;
}

bool simc__data_provision_take(struct simc_session *session, struct simc_slice message,
                               struct simc__step *step)
{
    const uint8_t *p = message.data;
    if (session->role != SIMC__ROLE_MUX || session->state != SIMC__OPEN ||
        message.size < SIMC_MSG_HEADER_SIZE || p[0] != session->version ||
        number_at(p + 1, 2) != SIMC_EMMG_MSG_DATA_PROVISION)
        return false;
    struct simc__data_provision in;
    if (!simc__data_provision_read(message, &in) || !in.has_channel || !in.has_stream ||
        in.client_id != session->client_id || in.channel_id != session->channel_id)
        return false;
    struct simc__stream *stream = simc__stream_find(session, in.stream_id);
    if (!stream || stream->state != SIMC__ST_OPEN || in.has_data_id != stream->has_object_id ||
        in.data_id != stream->object_id)
        return false;
    session->fault.kind = SIMC_FAULT_NONE;
    put_data(session, stream, in.bytes, simc__data_provision_values(message, &in));
    step->event = SIMC__EV_DATA;
    step->is_stream = true;
    step->stream = stream;
    step->stream_id = in.stream_id;
    return true;
}

/* The long way: there are parameters to be skipped, or something is wrong. */
static void data_provision(struct simc_session *session, struct simc__step *step)
{
    const struct simc__stream *stream = step->stream;
    step->event = SIMC__EV_DATA;
    if (!stream || !simc__channel_is_open(session))
        return;
    if (stream->has_object_id && session->fields.object_id != stream->object_id) {
        step->event = SIMC__EV_DATA_OTHER_ID;
        session->context.why = "its data_id is not that of the stream";
        return;
    }
    struct simc_values values = simc_msg_values(&session->msg, SIMC_EMMG_PARAM_DATAGRAM);
    struct simc_values walk = values;
    struct simc_slice datagram;
    size_t bytes = 0;
    while (simc_values_next(&walk, &datagram) == 0)
        bytes += datagram.size;
    put_data(session, stream, bytes, values);
}

/* ---- the other messages ---- */

static void take_field(struct simc__fields *fields, const struct simc_parameter *parameter)
{
    switch (parameter->code) {
    case SIMC_EMMG_PARAM_CLIENT_ID:
        if (parameter->value.size == 4 && !fields->has_client) {
            fields->has_client = true;
            fields->client_id = number_at(parameter->value.data, 4);
        }
        break;
    case SIMC_EMMG_PARAM_DATA_CHANNEL_ID:
        simc__take_u16(parameter, &fields->has_channel, &fields->channel_id);
        break;
    case SIMC_EMMG_PARAM_DATA_STREAM_ID:
        simc__take_u16(parameter, &fields->has_stream, &fields->stream_id);
        break;
    case SIMC_EMMG_PARAM_DATA_ID:
        simc__take_u16(parameter, &fields->has_object_id, &fields->object_id);
        break;
    default:
        break;
    }
}

static void channel_status(struct simc_session *session, struct simc__step *step)
{
    struct simc_emmg_channel_status *status = &session->context.payload.emmg_channel_status;
    if (simc_emmg_channel_status_get(&session->msg, status))
        simc__fail_value(session, step, "it cannot be read");
    else if (session->state == SIMC__SETTING_UP && session->common.strict &&
             status->section_tspkt_flag != session->emmg_status.section_tspkt_flag)
        simc__fail_value(session, step, "section_TSpkt_flag is not the one that was announced");
}

static void stream_status(struct simc_session *session, struct simc__step *step)
{
    struct simc_emmg_stream_status *status = &session->context.payload.emmg_stream_status;
    const struct simc__stream *stream = step->stream;
    if (simc_emmg_stream_status_get(&session->msg, status)) {
        simc__fail_value(session, step, "it cannot be read");
        return;
    }
    bool is_other =
        status->data_type != stream->data_type ||
        (status->has_data_id && stream->has_object_id && status->data_id != stream->object_id);
    if (is_other && stream->state == SIMC__ST_SETTING_UP)
        step->event = SIMC__EV_STREAM_STATUS_OTHER;
}

/* The checks of a stream_setup, in this order. */
static uint16_t check_stream_setup(struct simc_session *session)
{
    const struct simc__fields *fields = &session->fields;
    session->context.why = "more streams than this MUX serves on a channel";
    if (session->stream_total >= session->common.stream_limit)
        return SIMC_EMMG_STATUS_TOO_MANY_STREAMS_ON_CHANNEL;
    session->context.why = "another open stream has its data_id";
    if (fields->has_object_id && simc__index_get(&session->object_ids, fields->object_id))
        return SIMC_EMMG_STATUS_DATA_ID_IN_USE;
    session->context.why = NULL;
    return 0;
}

static void stream_setup(struct simc_session *session, struct simc__step *step)
{
    step->status = simc_emmg_stream_setup_get(&session->msg, &session->asked_emmg_stream)
                       ? SIMC_EMMG_STATUS_INVALID_MESSAGE
                       : check_stream_setup(session);
}

/* What is wrong with data is no answer to a stream_BW_request. */
static bool error_answers(const struct simc_session *session)
{
    return !simc__has_status(session, SIMC_EMMG_STATUS_UNKNOWN_DATA_STREAM_ID) &&
           !simc__has_status(session, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH) &&
           !simc__has_status(session, SIMC_EMMG_STATUS_UNKNOWN_DATA_ID);
}

static void bandwidth(struct simc_session *session, struct simc__step *step, enum simc__event event)
{
    struct simc_session_bandwidth *found = &session->context.payload.bandwidth;
    uint64_t kbitps = 0;
    found->is_known = simc_msg_uint(&session->msg, SIMC_EMMG_PARAM_BANDWIDTH, &kbitps) == 0;
    found->kbitps = (uint16_t)kbitps;
    step->event = event;
}

static void own_message(struct simc_session *session, struct simc__step *step)
{
    if (session->msg.type == SIMC_EMMG_MSG_STREAM_BW_REQUEST)
        bandwidth(session, step, SIMC__EV_BW_REQUEST);
    else if (session->msg.type == SIMC_EMMG_MSG_STREAM_BW_ALLOCATION)
        bandwidth(session, step, SIMC__EV_BW_ALLOCATION);
    else
        data_provision(session, step);
}

/* ---- statuses out ---- */

static int put_channel_status(const struct simc_session *session, struct simc_writer *writer)
{
    return simc_emmg_channel_status_put(writer, simc__reply_version(session),
                                        &session->emmg_status);
}

static int put_stream_status(const struct simc_session *session, const struct simc__stream *stream,
                             struct simc_writer *writer)
{
    const struct simc_emmg_stream_status status = {
        .client_id = session->client_id,
        .data_channel_id = session->channel_id,
        .data_stream_id = stream->id,
        .has_data_id = stream->has_object_id,
        .data_id = stream->object_id,
        .data_type = stream->data_type,
    };
    return simc_emmg_stream_status_put(writer, simc__reply_version(session), &status);
}

const struct simc__dialect simc__emmg_dialect = {
    .interface = "emmg",
    .client = "EMMG",
    .server = "MUX",
    .message_base = SIMC_EMMG_MSG_CHANNEL_SETUP - SIMC_ECMG_MSG_CHANNEL_SETUP,
    .channel_id_type = SIMC_EMMG_PARAM_DATA_CHANNEL_ID,
    .stream_id_type = SIMC_EMMG_PARAM_DATA_STREAM_ID,
    .client_id_type = SIMC_EMMG_PARAM_CLIENT_ID,
    .unknown_stream = SIMC_EMMG_STATUS_UNKNOWN_DATA_STREAM_ID,
    .invalid_value = SIMC_EMMG_STATUS_INVALID_VALUE,
    .take_field = take_field,
    .channel_status = channel_status,
    .stream_status = stream_status,
    .stream_setup = stream_setup,
    .error_answers = error_answers,
    .own_message = own_message,
    .put_channel_status = put_channel_status,
    .put_stream_status = put_stream_status,
};
