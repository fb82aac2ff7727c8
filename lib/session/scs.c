/* SPDX-License-Identifier: BSL-1.0 */
/* The SCS's side of a channel: its set-up and its parameters. The rows call its actions; what
 * concerns one stream is in scs_stream.c, what an EMMG does too in client.c. */
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

void simc__do_changed(struct simc_session *session, struct simc__step *step)
{
    simc__do_take_channel_status(session, step);
    step->reason = SIMC_REASON_PARAMETERS_CHANGED;
    step->result = simc__send_channel(session, SIMC__CHANNEL_CLOSE);
}

const struct simc_ecmg_channel_status *simc_scs_channel_status(const struct simc_session *session)
{
    bool is_open = session->role == SIMC__ROLE_SCS && simc__channel_is_open(session);
    return is_open ? &session->status : NULL;
}
