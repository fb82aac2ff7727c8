/* SPDX-License-Identifier: BSL-1.0 */
/* A session from birth to end: bytes in, events out, timers. Applications and the network adapter
 * call it; it calls the state machine. */
#include "session/internal.h"

/* ---- birth and end ---- */

int simc__session_new(enum simc__role role, const void *settings, uint64_t now_ms,
                      struct simc_session **made)
{
    bool is_ecmg = role == SIMC__ROLE_ECMG || role == SIMC__ROLE_SCS;
    *made = NULL;
    struct simc_session *session = simc_calloc(1, sizeof *session);
    if (!session)
        return SIMC_ENOMEM;
    session->role = role;
    session->is_server = role == SIMC__ROLE_ECMG || role == SIMC__ROLE_MUX;
    session->dialect = is_ecmg ? &simc__ecmg_dialect : &simc__emmg_dialect;
    int error = simc__settings_fill(session, settings);
    if (error) {
        simc_free(session);
        return error;
    }
    session->interface = simc_interface_find(simc_slice_text(session->dialect->interface));
    session->rules.interface = session->interface;
    session->rules.strict = session->common.strict;
    session->rules.length_limit = session->common.length_limit;
    session->state = SIMC__NOT_OPEN;
    session->now_ms = session->heard_ms = now_ms;
    session->timer_ms = session->test_ms = SIMC_DEADLINE_NONE;
    simc_framer_init(&session->framer, session->common.length_limit);
    simc_buffer_init(&session->kept, session->common.output_limit);
    simc_buffer_init(&session->output, session->common.output_limit);
    simc_buffer_init(&session->sent_log, session->common.output_limit);
    simc_buffer_init(&session->sent_now, SIMC_MSG_SIZE_MAX);
    simc__run_channel(session, SIMC__EV_START, SIMC_REASON_NONE);
    if (session->state == SIMC__ENDED) {
        simc_session_free(session);
        return SIMC_ENOMEM;
    }
    *made = session;
    return 0;
}

int simc_ecmg_session_new(const struct simc_ecmg_settings *settings, uint64_t now_ms,
                          struct simc_session **session)
{
    return simc__session_new(SIMC__ROLE_ECMG, settings, now_ms, session);
}

int simc_scs_session_new(const struct simc_scs_settings *settings, uint64_t now_ms,
                         struct simc_session **session)
{
    return simc__session_new(SIMC__ROLE_SCS, settings, now_ms, session);
}

int simc_mux_session_new(const struct simc_mux_settings *settings, uint64_t now_ms,
                         struct simc_session **session)
{
    return simc__session_new(SIMC__ROLE_MUX, settings, now_ms, session);
}

int simc_emmg_session_new(const struct simc_emmg_settings *settings, uint64_t now_ms,
                          struct simc_session **session)
{
    return simc__session_new(SIMC__ROLE_EMMG, settings, now_ms, session);
}

void simc_session_free(struct simc_session *session)
{
    if (!session)
        return;
    simc__streams_fini(session);
    simc_framer_fini(&session->framer);
    simc_buffer_fini(&session->kept);
    simc_buffer_fini(&session->output);
    simc_buffer_fini(&session->sent_log);
    simc_buffer_fini(&session->sent_now);
    simc_wipe(session->cws, sizeof session->cws);
    simc_free(session);
}

/* ---- bytes in ---- */

void simc__set_now(struct simc_session *session, uint64_t now_ms)
{
    if (now_ms > session->now_ms)
        session->now_ms = now_ms;
}

static void fail_input(struct simc_session *session, int error)
{
    simc__run_channel(session, SIMC__EV_FAILED,
                      error == SIMC_EFULL ? SIMC_REASON_OUTPUT_FULL : SIMC_REASON_NO_MEMORY);
}

/* Copies what was not looked at, because the caller's bytes are only borrowed. */
static void keep_input(struct simc_session *session)
{
    if (session->input_is_kept || session->framer.input.size == 0)
        return;
    int error = simc_buffer_append(&session->kept, session->framer.input);
    simc_framer_feed(&session->framer, simc_slice(NULL, 0));
    if (error) {
        fail_input(session, error);
        return;
    }
    session->input_is_kept = true;
    simc_framer_feed(&session->framer, simc_buffer_bytes(&session->kept));
}

/* What was kept is looked at, and wiped. */
static void drop_kept(struct simc_session *session)
{
    simc__drop_wiped(&session->kept, session->kept.size);
    session->input_is_kept = false;
    simc_framer_feed(&session->framer, simc_slice(NULL, 0));
}

/* More input though some is still kept: behind it. */
static void feed_behind_kept(struct simc_session *session, struct simc_slice bytes)
{
    simc__drop_wiped(&session->kept, session->kept.size - session->framer.input.size);
    int error = simc_buffer_append(&session->kept, bytes);
    if (error)
        fail_input(session, error);
    else
        simc_framer_feed(&session->framer, simc_buffer_bytes(&session->kept));
}

void simc_session_feed(struct simc_session *session, struct simc_slice bytes, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    if (session->state == SIMC__ENDED || bytes.size == 0)
        return;
    /* Bytes of an earlier call that nobody asked the events of would be lost otherwise. */
    if (session->input_is_kept)
        feed_behind_kept(session, bytes);
    else
        simc_framer_feed(&session->framer, bytes);
}

bool simc_session_is_blocked(const struct simc_session *session)
{
    return session->is_held || session->output.size >= session->common.output_limit / 4;
}

void simc_session_hold(struct simc_session *session)
{
    session->is_held = true;
}

int simc_session_defer(struct simc_session *session)
{
    if (!session->asked && !session->asked_bandwidth)
        return SIMC_EINVAL;
    session->is_held = session->is_deferred = true;
    return 0;
}

/* What the peer sent meanwhile was not looked at: its silence counts from now on. */
void simc_session_release(struct simc_session *session, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    if (!session->is_held)
        return;
    session->is_held = session->is_deferred = false;
    session->heard_ms = session->now_ms;
    if (session->is_tested)
        session->test_ms = simc_deadline_after(session->now_ms, session->common.test_ms);
}

/* ---- events out ---- */

static void wipe_cws(struct simc_session *session)
{
    if (session->cw_count)
        simc_wipe(session->cws, session->cw_count * sizeof session->cws[0]);
    session->cw_count = 0;
}

static void no_answer(struct simc_session *session)
{
    bool of_stream = session->asked == SIMC__ST_ASKED;
    struct simc__step step = {
        .event = SIMC__EV_NO_ANSWER,
        .has_state = true,
        .state = session->asked,
        .is_stream = of_stream,
        .stream_id = session->asked_stream_id,
    };
    if (session->asked_bandwidth) {
        step.state = SIMC__ST_OPEN;
        step.is_stream = true;
        step.stream = simc__stream_find(session, step.stream_id);
    }
    session->context.why = "the application has not answered";
    simc__run(session, &step);
}

/* Looks at one message. @return false: there is none, or none may be looked at now. */
static bool take_message(struct simc_session *session)
{
    if (session->state == SIMC__ENDED || simc_session_is_blocked(session))
        return false;
    return simc__receive(session);
}

static void drop_input(struct simc_session *session)
{
    if (session->input_is_kept)
        drop_kept(session);
    simc_framer_feed(&session->framer, simc_slice(NULL, 0));
}

bool simc_session_next_event(struct simc_session *session, struct simc_session_event *event)
{
    wipe_cws(session);
    if ((session->asked || session->asked_bandwidth) && !session->is_deferred)
        no_answer(session);
    for (;;) {
        if (SIMC_UNLIKELY(session->common.log_sent_messages) &&
            simc__event_pull_sent(session, event))
            return true;
        if (simc__event_pull(session, event))
            return true;
        if (session->dying || session->all_dying)
            simc__streams_bury(session);
        if (take_message(session) || simc__timer_expire(session))
            continue;
        if (session->state == SIMC__ENDED || session->framer.input.size == 0)
            drop_input(session);
        else
            keep_input(session);
        if (session->note_count == 0)
            return false;
    }
}

/* ---- time and end ---- */

void simc_session_expire(struct simc_session *session, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    if (session->now_ms > session->due_ms)
        session->due_ms = session->now_ms;
}

void simc_session_disconnected(struct simc_session *session, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    simc__drop_wiped(&session->output, session->output.size);
    simc__run_channel(session, SIMC__EV_DISCONNECTED, SIMC_REASON_DISCONNECTED);
}

enum simc_session_reason simc_session_wants_close(const struct simc_session *session)
{
    return session->state == SIMC__ENDED ? session->end_reason : SIMC_REASON_NONE;
}

void simc_session_close(struct simc_session *session, uint64_t now_ms)
{
    simc__set_now(session, now_ms);
    simc__run_channel(session, SIMC__EV_CLOSE, SIMC_REASON_REQUESTED);
}

/* ---- looking at it ---- */

bool simc_session_is_open(const struct simc_session *session)
{
    return simc__channel_is_open(session);
}

uint8_t simc_session_version(const struct simc_session *session)
{
    return session->version;
}

size_t simc_session_stream_count(const struct simc_session *session)
{
    return session->stream_count;
}

size_t simc_session_memory(const struct simc_session *session)
{
    return sizeof *session + session->stream_memory + session->streams.memory +
           session->object_ids.memory + session->heap_capacity * sizeof(session->heap[0]) +
           session->framer.held.capacity + session->kept.capacity + session->output.capacity +
           session->sent_log.capacity + session->sent_now.capacity;
}

/* ---- requests of both roles ---- */

int simc_session_refuse(struct simc_session *session, uint16_t status,
                        struct simc_slice information)
{
    if (!session->asked || session->state == SIMC__ENDED)
        return SIMC_EINVAL;
    struct simc__step step = {
        .event = SIMC__EV_REFUSE,
        .has_state = true,
        .state = session->asked,
        .is_stream = session->asked == SIMC__ST_ASKED,
        .stream_id = session->asked_stream_id,
        .status = status,
        .request = &information,
    };
    simc__run(session, &step);
    return step.result;
}

/* The step of a request about the channel (-1) or a stream. */
static struct simc__step request_step(const struct simc_session *session, enum simc__event event,
                                      int stream_id)
{
    struct simc__step step = {.event = event};
    if (stream_id >= 0) {
        step.is_stream = true;
        step.stream_id = (uint16_t)stream_id;
        step.stream = simc__stream_find(session, step.stream_id);
    }
    return step;
}

int simc_session_send_error(struct simc_session *session, int stream_id, uint16_t status,
                            struct simc_slice information)
{
    if (stream_id < -1 || stream_id > UINT16_MAX || information.size > 65000)
        return SIMC_EINVAL;
    struct simc__step step = request_step(session, SIMC__EV_SEND_ERROR, stream_id);
    step.status = status;
    step.request = &information;
    if (session->state == SIMC__ENDED)
        return SIMC_ENOTFOUND;
    simc__run(session, &step);
    return step.result;
}

int simc_session_test(struct simc_session *session, int stream_id, uint64_t now_ms)
{
    if (stream_id < -1 || stream_id > UINT16_MAX)
        return SIMC_EINVAL;
    simc__set_now(session, now_ms);
    struct simc__step step = request_step(session, SIMC__EV_TEST, stream_id);
    if (session->state == SIMC__ENDED)
        return SIMC_ENOTFOUND;
    simc__run(session, &step);
    return step.result;
}
