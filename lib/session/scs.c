/* SPDX-License-Identifier: BSL-1.0 */
/* The SCS's side of a channel: set-up, errors, tests, and its end in due order. The rows call its
 * actions; what concerns one stream is in scs_stream.c. */
#include "session/internal.h"

void simc__do_setup(struct simc_session *session, struct simc__step *step)
{
    const struct simc_ecmg_channel_setup setup = {
        .ecm_channel_id = session->channel_id,
        .super_cas_id = session->own.scs.super_cas_id,
    };
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    step->result = simc_ecmg_channel_setup_put(&writer, session->version, &setup);
    if (!step->result)
        step->result = simc__out_end(session, &writer);
}

void simc__do_channel_opened(struct simc_session *session, struct simc__step *step)
{
    (void)step;
    session->status = session->context.payload.channel_status;
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_OPEN);
    if (note)
        note->with_message = true;
}

static int send_channel_close(struct simc_session *session)
{
    const struct simc_ecmg_channel_close message = {.ecm_channel_id = session->channel_id};
    struct simc_writer writer = simc__out_begin(session, SIMC__SMALL_MESSAGE);
    int error = simc_ecmg_channel_close_put(&writer, session->version, &message);
    return error ? error : simc__out_end(session, &writer);
}

/* The channel ends, by an error that cannot be recovered, or when all its streams are closed. */
void simc__do_close_and_end(struct simc_session *session, struct simc__step *step)
{
    if (step->event == SIMC__EV_CHANNEL_ERROR_FATAL)
        simc__do_log(session, step);
    step->result = send_channel_close(session);
}

void simc__do_changed(struct simc_session *session, struct simc__step *step)
{
    simc__do_take_channel_status(session, step);
    step->reason = SIMC_REASON_PARAMETERS_CHANGED;
    step->result = send_channel_close(session);
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

const struct simc_ecmg_channel_status *simc_scs_channel_status(const struct simc_session *session)
{
    bool is_open = session->role == SIMC__ROLE_SCS && simc__channel_is_open(session);
    return is_open ? &session->status : NULL;
}
