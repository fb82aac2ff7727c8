/* SPDX-License-Identifier: BSL-1.0 */
/* What both clients, SCS and EMMG, do: errors of the channel, and the end of channel and streams in
 * due order. The rows call its actions. */
#include "session/internal.h"

/* ---- channel ---- */

/* The channel ends, by an error that cannot be recovered, or when all its streams are closed. */
void simc__do_close_and_end(struct simc_session *session, struct simc__step *step)
{
    if (step->event == SIMC__EV_CHANNEL_ERROR_FATAL)
        simc__do_log(session, step);
    step->result = simc__send_channel(session, SIMC__CHANNEL_CLOSE);
}

/* An error that does not end the channel: a test tells whether it is still there. */
void simc__do_verify(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    if (!session->is_tested)
        step->result = simc__send_channel_test(session);
}

/* Those that are still being set up are closed when they are open. */
void simc__do_close_streams(struct simc_session *session, struct simc__step *step)
{
    uint32_t at = 0;
    struct simc__stream *stream;
    session->closing_reason = step->reason;
    for (; (stream = simc__index_next(&session->streams, &at)); at++) {
        struct simc__step close = {
            .event = SIMC__EV_CLOSE_STREAM,
            .is_stream = true,
            .stream = stream,
            .stream_id = stream->id,
        };
        simc__run(session, &close);
        if (session->state == SIMC__ENDED)
            return;
    }
}

/* ---- streams ---- */

int simc__send_close_request(struct simc_session *session, struct simc__stream *stream)
{
    stream->is_outstanding = false;
    stream->is_tested = false;
    stream->test_ms = SIMC_DEADLINE_NONE;
    return simc__send_stream(session, SIMC__STREAM_CLOSE_REQUEST, stream->id);
}

void simc__do_stream_unwanted(struct simc_session *session, struct simc__step *step)
{
    step->result = simc__send_close_request(session, step->stream);
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
    step->result = simc__send_close_request(session, step->stream);
}

int simc__client_close_stream(struct simc_session *session, enum simc__role role,
                              uint16_t stream_id, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    struct simc__stream *stream = session->role == role && simc__channel_is_open(session)
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

/* The stream is given up, and a test tells whether the server is there at all. */
void simc__do_stream_timeout(struct simc_session *session, struct simc__step *step)
{
    if (!session->is_tested)
        step->result = simc__send_channel_test(session);
}
