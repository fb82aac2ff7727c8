/* SPDX-License-Identifier: BSL-1.0 */
/* Messages out: the bounded output queue and the messages that both roles send. Actions call it;
 * without room or memory it ends the session. */
#include <string.h>

#include "session/internal.h"

/* Memory of the output that is kept whatever happens, and after how many small bursts in a row more
 * than that is given back. */
enum { CAPACITY_KEPT = 65536, SMALL_BURSTS = 100 };

/* Control words pass through: what leaves a buffer is wiped at once. */
void simc__drop_wiped(struct simc_buffer *buffer, size_t size)
{
    if (size > buffer->size)
        size = buffer->size;
    if (size)
        simc_wipe(buffer->memory + buffer->start, size);
    simc_buffer_drop(buffer, size);
}

/* Moves what is held to the front of the memory, and wipes where it was: simc_buffer_reserve()
 * would leave a copy behind. */
static void move_to_front(struct simc_buffer *buffer)
{
    size_t start = buffer->start, size = buffer->size;
    if (start == 0)
        return;
    memmove(buffer->memory, buffer->memory + start, size);
    size_t stale_at = size > start ? size : start;
    simc_wipe(buffer->memory + stale_at, start + size - stale_at);
    buffer->start = 0;
}

static int reserve(struct simc_buffer *buffer, size_t size, uint8_t **room)
{
    size_t held = buffer->start + buffer->size;
    if (buffer->memory && size > buffer->capacity - held && size <= buffer->capacity - buffer->size)
        move_to_front(buffer);
    return simc_buffer_reserve(buffer, size, room);
}

static void fail(struct simc_session *session, int error)
{
    simc__run_channel(session, SIMC__EV_FAILED,
                      error == SIMC_EFULL ? SIMC_REASON_OUTPUT_FULL : SIMC_REASON_NO_MEMORY);
}

uint8_t simc__reply_version(const struct simc_session *session)
{
    if (session->version)
        return session->version;
    uint8_t version = session->asked ? session->asked_version : session->msg.version;
    if (version <= SIMC_VERSION_MAX && session->rules.versions >> version & 1)
        return version;
    version = SIMC_VERSION_MAX;
    while (version > 1 && !(session->rules.versions >> version & 1))
        version--;
    return version;
}

struct simc_writer simc__out_begin(struct simc_session *session, size_t most)
{
    uint8_t *room = NULL;
    int error = session->state == SIMC__ENDED ? SIMC_EEND : 0;
    if (!error) {
        error = reserve(&session->output, most, &room);
        if (error)
            fail(session, error);
    }
    struct simc_writer writer = simc_writer(room, error ? 0 : most);
    if (error)
        simc_writer_fail(&writer, error);
    return writer;
}

/* The copy for the notice that tells what was sent. Without memory it is not told. */
static void remember_sent(struct simc_session *session, struct simc_slice message)
{
    if (session->common.log_sent_messages && simc_buffer_append(&session->sent_log, message))
        return;
}

int simc__out_end(struct simc_session *session, struct simc_writer *writer)
{
    if (writer->error) {
        /* What was written in part may be control words. */
        if (writer->data)
            simc_wipe(writer->data, writer->capacity);
        return writer->error;
    }
    simc_buffer_commit(&session->output, writer->at);
    if (SIMC_UNLIKELY(session->common.log_sent_messages))
        remember_sent(session, simc_slice(writer->data, writer->at));
    return 0;
}

static uint16_t type_of(const struct simc_session *session, enum simc__common_message message)
{
    return (uint16_t)((unsigned)message + session->dialect->message_base);
}

struct simc__ids simc__ids_of(const struct simc_session *session, int stream_id)
{
    return (struct simc__ids){session->client_id, session->channel_id, stream_id};
}

void simc__put_ids(const struct simc_session *session, struct simc_writer *writer,
                   struct simc__ids ids)
{
    const struct simc__dialect *dialect = session->dialect;
    if (dialect->client_id_type)
        simc_msg_put_uint(writer, dialect->client_id_type, ids.client_id, 4);
    simc_msg_put_uint(writer, dialect->channel_id_type, ids.channel_id, 2);
    if (ids.stream_id >= 0)
        simc_msg_put_uint(writer, dialect->stream_id_type, (uint16_t)ids.stream_id, 2);
}

int simc__send_error(struct simc_session *session, struct simc__ids ids, const uint16_t *statuses,
                     size_t count, struct simc_slice information)
{
    bool in_stream = ids.stream_id >= 0;
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE + information.size);
    size_t start =
        simc_msg_begin(&writer, simc__reply_version(session),
                       type_of(session, in_stream ? SIMC__STREAM_ERROR : SIMC__CHANNEL_ERROR));
    simc__put_ids(session, &writer, ids);
    for (size_t i = 0; i < count; i++)
        simc_msg_put_uint(&writer, SIMC_ERROR_STATUS_TYPE, statuses[i], 2);
    if (information.size)
        simc_msg_put(&writer, SIMC_ERROR_INFORMATION_TYPE, information);
    int error = simc_msg_end(&writer, start);
    return error ? error : simc__out_end(session, &writer);
}

/* A message that holds nothing but the ids. */
static int send_ids(struct simc_session *session, enum simc__common_message message, int stream_id)
{
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    size_t start = simc_msg_begin(&writer, simc__reply_version(session), type_of(session, message));
    simc__put_ids(session, &writer, simc__ids_of(session, stream_id));
    int error = simc_msg_end(&writer, start);
    return error ? error : simc__out_end(session, &writer);
}

int simc__send_channel_test(struct simc_session *session)
{
    session->is_tested = true;
    session->test_ms = simc_deadline_after(session->now_ms, session->common.test_ms);
    return send_ids(session, SIMC__CHANNEL_TEST, -1);
}

int simc__send_channel(struct simc_session *session, enum simc__common_message message)
{
    return send_ids(session, message, -1);
}

int simc__send_stream(struct simc_session *session, enum simc__common_message message,
                      uint16_t stream_id)
{
    return send_ids(session, message, stream_id);
}

int simc__send_channel_status(struct simc_session *session)
{
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    int error = session->dialect->put_channel_status(session, &writer);
    return error ? error : simc__out_end(session, &writer);
}

int simc__send_stream_status(struct simc_session *session, const struct simc__stream *stream)
{
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    int error = session->dialect->put_stream_status(session, stream, &writer);
    return error ? error : simc__out_end(session, &writer);
}

struct simc_slice simc_session_output(const struct simc_session *session)
{
    return simc_buffer_bytes(&session->output);
}

void simc_session_sent(struct simc_session *session, size_t size)
{
    struct simc_buffer *output = &session->output;
    bool was_small = output->size < output->capacity / 4;
    simc__drop_wiped(output, size);
    if (output->size || output->capacity <= CAPACITY_KEPT)
        return;
    /* A large burst does not hold its memory for ever; one that comes again finds it. */
    session->small_bursts = was_small ? session->small_bursts + 1 : 0;
    if (session->small_bursts < SMALL_BURSTS)
        return;
    session->small_bursts = 0;
    simc_buffer_fini(output);
}

/* ---- actions of both roles that send ---- */

void simc__do_channel_status(struct simc_session *session, struct simc__step *step)
{
    step->result = simc__send_channel_status(session);
}

void simc__do_stream_status(struct simc_session *session, struct simc__step *step)
{
    step->result = simc__send_stream_status(session, step->stream);
}

/* What the application says is sent, right or wrong: testers want that. */
void simc__do_send_error(struct simc_session *session, struct simc__step *step)
{
    const struct simc_slice *information = step->request;
    step->result =
        simc__send_error(session, simc__ids_of(session, step->is_stream ? step->stream_id : -1),
                         &step->status, 1, *information);
}

void simc__do_test_channel(struct simc_session *session, struct simc__step *step)
{
    if (session->is_tested)
        step->result = SIMC_EFULL;
    else
        step->result = simc__send_channel_test(session);
}

void simc__do_test_stream(struct simc_session *session, struct simc__step *step)
{
    struct simc__stream *stream = step->stream;
    if (stream->is_tested) {
        step->result = SIMC_EFULL;
        return;
    }
    step->result = simc__heap_reserve(session, session->stream_total);
    if (!step->result)
        step->result = simc__send_stream(session, SIMC__STREAM_TEST, stream->id);
    if (step->result)
        return;
    stream->is_tested = true;
    stream->test_ms = simc_deadline_after(session->now_ms, session->common.test_ms);
    simc__heap_update(session, stream);
}

static void notice_test(struct simc_session *session, struct simc__step *step, const char *why)
{
    if (!session->is_tested && simc__send_channel_test(session))
        return;
    struct simc__note *note = step->is_stream
                                  ? simc__note_stream(session, SIMC_EVENT_NOTICE, step->stream_id)
                                  : simc__note(session, SIMC_EVENT_NOTICE);
    if (!note)
        return;
    note->notice = SIMC_NOTICE_TEST;
    note->why = why;
}

void simc__do_idle(struct simc_session *session, struct simc__step *step)
{
    notice_test(session, step, "the peer is silent, and is tested");
}

void simc__do_stream_silent(struct simc_session *session, struct simc__step *step)
{
    notice_test(session, step, "a stream_test got no answer in time; the channel is tested");
}
