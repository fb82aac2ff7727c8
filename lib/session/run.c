/* SPDX-License-Identifier: BSL-1.0 */
/* The engine of the state machine: finds the row of an event, calls its action, moves to the next
 * state, starts the timer. Everything that happens to a session comes through simc__run(). */
#include "session/internal.h"

bool simc__channel_is_open(const struct simc_session *session)
{
    return session->state == SIMC__OPEN || session->state == SIMC__IN_ERROR ||
           session->state == SIMC__CLOSING;
}

static enum simc__state state_of(const struct simc_session *session, const struct simc__step *step)
{
    if (step->has_state)
        return step->state;
    if (!step->is_stream || !simc__channel_is_open(session))
        return session->state;
    return step->stream ? (enum simc__state)step->stream->state : SIMC__ST_NOT_OPEN;
}

/* The connection is at its end: nothing is sent or taken any more. */
static void end_session(struct simc_session *session, enum simc_session_reason reason)
{
    if (session->state == SIMC__ENDED)
        return;
    /* A client is told in any case, a server when it had a channel. */
    bool is_told = !session->is_server || simc__channel_is_open(session);
    session->end_reason = reason;
    struct simc__note *note = is_told ? simc__note(session, SIMC_EVENT_CHANNEL_CLOSED) : NULL;
    if (note) {
        note->reason = (uint8_t)reason;
        note->with_statuses =
            reason == SIMC_REASON_REFUSED || reason == SIMC_REASON_VERSION_REFUSED ||
            reason == SIMC_REASON_UNRECOVERABLE || reason == SIMC_REASON_UNEXPECTED;
    }
    session->closed_told = true;
    session->state = SIMC__ENDED;
    session->asked = SIMC__ANY;
    session->asked_bandwidth = false;
    simc__streams_end(session);
}

static void tell_stream_closed(struct simc_session *session, const struct simc__step *step)
{
    if (session->state == SIMC__CLOSING)
        return;
    struct simc__note *note =
        simc__note_stream(session, SIMC_EVENT_STREAM_CLOSED, step->stream->id);
    if (!note)
        return;
    note->reason = (uint8_t)step->reason;
    note->with_statuses = step->reason == SIMC_REASON_REFUSED;
}

static void move_stream(struct simc_session *session, struct simc__step *step,
                        enum simc__state next)
{
    struct simc__stream *stream = step->stream;
    if (!stream)
        return;
    if (next == SIMC__ST_NOT_OPEN) {
        tell_stream_closed(session, step);
        step->stream = NULL;
        simc__stream_end(session, stream);
        return;
    }
    if (next == SIMC__ST_OPEN)
        session->stream_count++;
    else if (stream->state == SIMC__ST_OPEN)
        session->stream_count--;
    stream->state = (uint8_t)next;
    simc__timer_stop(session, stream);
}

static void move(struct simc_session *session, struct simc__step *step, const struct simc__row *row)
{
    enum simc__state next = (enum simc__state)row->next;
    bool of_stream = row->state >= SIMC__ST_NOT_OPEN;
    if (next == SIMC__ENDED) {
        end_session(session, step->reason);
        return;
    }
    if (next != SIMC__SAME && of_stream) {
        move_stream(session, step, next);
    } else if (next != SIMC__SAME) {
        enum simc__state old = session->state;
        session->state = next;
        /* An error in a channel leaves its timers alone, and a refusal must not lengthen a grace.
         */
        bool keeps_timer = old == SIMC__IN_ERROR || next == SIMC__IN_ERROR || next == SIMC__ASKED ||
                           row->timer == SIMC__TIMER_GRACE;
        if (!keeps_timer)
            simc__timer_stop(session, NULL);
    }
    if (session->state != SIMC__ENDED && row->timer && (!of_stream || step->stream))
        simc__timer_start(session, of_stream ? step->stream : NULL, (enum simc__timer)row->timer);
    if (session->state == SIMC__CLOSING && session->stream_total == 0)
        simc__run_channel(session, SIMC__EV_ALL_CLOSED, session->closing_reason);
}

static void no_row(struct simc_session *session, struct simc__step *step)
{
    step->result = SIMC_ENOTFOUND;
    if (simc__event_kind_of(step->event) == SIMC__KIND_MESSAGE)
        simc__notice(session, step, SIMC_NOTICE_IGNORED, "it has no place in this state");
}

void simc__run(struct simc_session *session, struct simc__step *step)
{
    const struct simc__row *row =
        simc__row_find(session->role, state_of(session, step), step->event);
    if (!row) {
        no_row(session, step);
        return;
    }
    if (session->common.trace)
        session->common.trace(session->common.trace_context, simc__row_index(row));
    step->row = row;
    row->action(session, step);
    /* An action that could not send has ended the session; a request that failed changes nothing.
     */
    if (session->state != SIMC__ENDED && step->result == 0)
        move(session, step, row);
}

void simc__run_channel(struct simc_session *session, enum simc__event event,
                       enum simc_session_reason reason)
{
    struct simc__step step = {.event = event, .reason = reason};
    if (session->state != SIMC__ENDED)
        simc__run(session, &step);
}

/* ---- actions of both roles that only end or tell ---- */

void simc__do_end(struct simc_session *session, struct simc__step *step)
{
    (void)session;
    if (step->reason == SIMC_REASON_NONE)
        step->reason = SIMC_REASON_UNEXPECTED;
}

void simc__do_ignore(struct simc_session *session, struct simc__step *step)
{
    if (simc__event_kind_of(step->event) == SIMC__KIND_MESSAGE)
        simc__notice(session, step, SIMC_NOTICE_IGNORED, session->context.why);
}

void simc__do_log(struct simc_session *session, struct simc__step *step)
{
    struct simc__note *note =
        step->is_stream ? simc__note_stream(session, SIMC_EVENT_PEER_ERROR, step->stream_id)
                        : simc__note(session, SIMC_EVENT_PEER_ERROR);
    if (note)
        note->with_message = note->with_statuses = true;
}

/* Whom an error names: what the message names as far as it could be read, otherwise our channel,
 * or the one that was asked for, or none. */
static struct simc__ids error_ids(const struct simc_session *session, const struct simc__step *step,
                                  bool in_stream)
{
    const struct simc__fields *fields = &session->fields;
    bool of_message = simc__event_kind_of(step->event) == SIMC__KIND_MESSAGE;
    struct simc__ids ids = simc__ids_of(session, in_stream ? step->stream_id : -1);
    if (step->event == SIMC__EV_NO_ANSWER && session->asked == SIMC__ASKED) {
        ids.channel_id = session->asked_channel_id;
        ids.client_id = session->asked_client_id;
    } else if (session->is_server && !simc__channel_is_open(session)) {
        ids.channel_id = 0;
        ids.client_id = 0;
    }
    if (of_message && fields->has_channel)
        ids.channel_id = fields->channel_id;
    if (of_message && fields->has_client)
        ids.client_id = fields->client_id;
    return ids;
}

/* Sends the error of the row: its status, or that of the step where the row leaves it open. */
static void send_row_error(struct simc_session *session, struct simc__step *step, bool is_fatal)
{
    uint16_t statuses[2] = {step->row->status ? step->row->status : step->status, 0x7001};
    size_t count = is_fatal && statuses[0] != 0x7001 ? 2 : 1;
    bool in_stream =
        step->row->carrier == SIMC__SE || (step->row->carrier == SIMC__CE_OR_SE && step->is_stream);
    bool of_message = simc__event_kind_of(step->event) == SIMC__KIND_MESSAGE;
    uint8_t information[2] = {(uint8_t)(session->fault.code >> 8), (uint8_t)session->fault.code};
    bool has_information =
        session->common.send_error_information && of_message && session->fault.code;
    simc__send_error(session, error_ids(session, step, in_stream), statuses, count,
                     simc_slice(information, has_information ? sizeof information : 0));
    if (session->state == SIMC__ENDED)
        return;
    struct simc__context *context = &session->context;
    for (size_t i = 0; i < count; i++)
        context->statuses[i] = statuses[i];
    context->status_count = count;
    struct simc__note *note = simc__note(session, SIMC_EVENT_NOTICE);
    if (!note)
        return;
    note->notice = SIMC_NOTICE_FAULT;
    note->has_stream = in_stream;
    note->stream_id = step->stream_id;
    note->with_statuses = true;
    note->with_message = of_message;
    note->why = context->why;
}

void simc__do_answer(struct simc_session *session, struct simc__step *step)
{
    send_row_error(session, step, false);
    if (step->event == SIMC__EV_NO_ANSWER)
        session->asked = SIMC__ANY;
}

void simc__do_answer_and_end(struct simc_session *session, struct simc__step *step)
{
    send_row_error(session, step, true);
    if (step->event == SIMC__EV_FAULT_LIMIT)
        step->reason = SIMC_REASON_TOO_MANY_FAULTS;
    else if (step->event == SIMC__EV_CLOSE)
        step->reason = SIMC_REASON_REQUESTED;
    else
        step->reason = SIMC_REASON_UNEXPECTED;
}

void simc__do_report_and_end(struct simc_session *session, struct simc__step *step)
{
    simc__do_log(session, step);
    bool was_open = simc__channel_is_open(session);
    step->reason = was_open                                        ? SIMC_REASON_UNRECOVERABLE
                   : step->event == SIMC__EV_CHANNEL_ERROR_VERSION ? SIMC_REASON_VERSION_REFUSED
                                                                   : SIMC_REASON_REFUSED;
}
