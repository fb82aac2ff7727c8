/* SPDX-License-Identifier: BSL-1.0 */
/* What both servers, ECMG and MUX, do: refusals, streams that the application is asked for, and the
 * end of channel and streams. The rows call its actions. */
#include "session/internal.h"

void simc__do_refuse(struct simc_session *session, struct simc__step *step)
{
    const struct simc_slice *information = step->request;
    struct simc__ids ids = simc__ids_of(session, step->is_stream ? step->stream_id : -1);
    if (session->asked == SIMC__ASKED) {
        ids.channel_id = session->asked_channel_id;
        ids.client_id = session->asked_client_id;
    }
    step->result = simc__send_error(session, ids, &step->status, 1, *information);
    if (!step->result)
        session->asked = SIMC__ANY;
}

void simc__do_peer_closed(struct simc_session *session, struct simc__step *step)
{
    (void)step;
    struct simc__note *note = simc__note(session, SIMC_EVENT_CHANNEL_CLOSED);
    if (note) {
        note->reason = SIMC_REASON_PEER_CLOSED;
        note->with_message = true;
    }
    session->is_tested = false;
    session->test_ms = SIMC_DEADLINE_NONE;
    simc__streams_end(session);
}

void simc__do_ask_stream(struct simc_session *session, struct simc__step *step)
{
    session->asked = SIMC__ST_ASKED;
    session->asked_stream_id = step->stream_id;
    struct simc__note *note = simc__note_stream(session, SIMC_EVENT_STREAM_SETUP, step->stream_id);
    if (note)
        note->with_message = true;
}

int simc__server_accept_stream(struct simc_session *session, enum simc__role role,
                               const void *request)
{
    if (session->role != role || session->asked != SIMC__ST_ASKED)
        return SIMC_EINVAL;
    struct simc__step step = {
        .event = SIMC__EV_ACCEPT,
        .has_state = true,
        .state = SIMC__ST_ASKED,
        .request = request,
    };
    simc__run(session, &step);
    return step.result;
}

void simc__do_close_response(struct simc_session *session, struct simc__step *step)
{
    step->reason = SIMC_REASON_PEER_CLOSED;
    simc__send_stream(session, SIMC__STREAM_CLOSE_RESPONSE, step->stream_id);
}

void simc__do_stream_failed(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    step->reason = SIMC_REASON_UNRECOVERABLE;
}
