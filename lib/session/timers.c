/* SPDX-License-Identifier: BSL-1.0 */
/* Deadlines: those of the channel, and a heap of those of the streams, so that thousands of streams
 * cost a few steps each. The engine starts and stops them; simc_session_next_event() acts on them.
 */
#include "session/internal.h"

/* ---- the heap: the stream with the first deadline stands at 0 ---- */

static uint64_t deadline_of(const struct simc__stream *stream)
{
    return simc_deadline_first(stream->timer_ms, stream->test_ms);
}

static void heap_set(struct simc_session *session, size_t at, struct simc__stream *stream)
{
    session->heap[at] = stream;
    stream->heap_at = (uint32_t)at + 1;
}

static void heap_up(struct simc_session *session, size_t at, struct simc__stream *stream)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (deadline_of(session->heap[parent]) <= deadline_of(stream))
            break;
        heap_set(session, at, session->heap[parent]);
        at = parent;
    }
    heap_set(session, at, stream);
}

static void heap_down(struct simc_session *session, size_t at, struct simc__stream *stream)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= session->heap_count)
            break;
        if (child + 1 < session->heap_count &&
            deadline_of(session->heap[child + 1]) < deadline_of(session->heap[child]))
            child++;
        if (deadline_of(stream) <= deadline_of(session->heap[child]))
            break;
        heap_set(session, at, session->heap[child]);
        at = child;
    }
    heap_set(session, at, stream);
}

/* Puts a stream where it belongs, when its deadline may be earlier or later than before. */
static void heap_place(struct simc_session *session, size_t at, struct simc__stream *stream)
{
    heap_up(session, at, stream);
    heap_down(session, stream->heap_at - 1, stream);
}

int simc__heap_reserve(struct simc_session *session, size_t count)
{
    if (count <= session->heap_capacity)
        return 0;
    size_t capacity = session->heap_capacity ? session->heap_capacity * 2 : 8;
    while (capacity < count)
        capacity *= 2;
    struct simc__stream **heap = simc_realloc(session->heap, capacity * sizeof(*heap));
    if (!heap)
        return SIMC_ENOMEM;
    session->heap = heap;
    session->heap_capacity = capacity;
    return 0;
}

void simc__heap_update(struct simc_session *session, struct simc__stream *stream)
{
    if (deadline_of(stream) != SIMC_DEADLINE_NONE) {
        size_t at = stream->heap_at ? stream->heap_at - 1 : session->heap_count++;
        heap_place(session, at, stream);
        return;
    }
    if (stream->heap_at == 0)
        return;
    size_t at = stream->heap_at - 1;
    stream->heap_at = 0;
    struct simc__stream *last = session->heap[--session->heap_count];
    if (last != stream)
        heap_place(session, at, last);
}

/* ---- starting and stopping ---- */

static uint32_t reply_ms(const struct simc_session *session)
{
    const struct simc_scs_settings *own = &session->own.scs;
    if (session->role != SIMC__ROLE_SCS)
        return session->common.setup_ms;
    uint32_t comp_ms = session->status.max_comp_time_ms;
    return (comp_ms ? comp_ms : own->reply_max_comp_ms) + own->reply_allowance_ms;
}

/* The grace of a connection is counted from the first refusal: more of them do not extend it. */
static void start_channel(struct simc_session *session, enum simc__event event, uint32_t length_ms)
{
    uint64_t at_ms = simc_deadline_after(session->now_ms, length_ms);
    if (event == SIMC__EV_GRACE_TIMER && session->timer_event == event)
        at_ms = simc_deadline_first(at_ms, session->timer_ms);
    session->timer_ms = at_ms;
    session->timer_event = event;
}

static void start_stream(struct simc_session *session, struct simc__stream *stream,
                         uint32_t length_ms)
{
    stream->timer_ms = simc_deadline_after(session->now_ms, length_ms);
    simc__heap_update(session, stream);
}

void simc__timer_start(struct simc_session *session, struct simc__stream *stream,
                       enum simc__timer timer)
{
    const struct simc_session_settings *common = &session->common;
    switch (timer) {
    case SIMC__TIMER_SETUP:
        if (stream)
            start_stream(session, stream, common->setup_ms);
        else
            start_channel(session, SIMC__EV_SETUP_TIMER, common->setup_ms);
        break;
    case SIMC__TIMER_CLOSE:
        if (stream)
            start_stream(session, stream, common->close_ms);
        else
            start_channel(session, SIMC__EV_CLOSE_TIMER, common->close_ms);
        break;
    case SIMC__TIMER_GRACE:
        start_channel(session, SIMC__EV_GRACE_TIMER, common->close_ms);
        break;
    case SIMC__TIMER_REPLY:
        start_stream(session, stream, reply_ms(session));
        break;
    case SIMC__TIMER_STOP:
        simc__timer_stop(session, stream);
        break;
    case SIMC__TIMER_TEST: /* starts where the test message is sent */
    case SIMC__TIMER_IDLE: /* counts from the last message */
    case SIMC__TIMER_NONE:
    case SIMC__TIMER_COUNT:
        break;
    }
}

void simc__timer_stop(struct simc_session *session, struct simc__stream *stream)
{
    if (stream) {
        stream->timer_ms = SIMC_DEADLINE_NONE;
        simc__heap_update(session, stream);
    } else {
        session->timer_ms = SIMC_DEADLINE_NONE;
        session->timer_event = SIMC__EV_NONE;
    }
}

/* ---- when they are due ---- */

static uint64_t idle_deadline_ms(const struct simc_session *session)
{
    bool is_watched = session->state == SIMC__OPEN || session->state == SIMC__IN_ERROR;
    if (!is_watched || session->is_tested || session->is_held ||
        session->common.idle_ms == SIMC_IDLE_TEST_OFF)
        return SIMC_DEADLINE_NONE;
    return simc_deadline_after(session->heard_ms, session->common.idle_ms);
}

/* A peer whose messages are not looked at is not blamed for its silence. */
static uint64_t test_deadline_ms(const struct simc_session *session)
{
    return session->is_held ? SIMC_DEADLINE_NONE : session->test_ms;
}

uint64_t simc_session_deadline_ms(const struct simc_session *session)
{
    if (session->state == SIMC__ENDED)
        return SIMC_DEADLINE_NONE;
    uint64_t first_ms = simc_deadline_first(session->timer_ms, test_deadline_ms(session));
    first_ms = simc_deadline_first(first_ms, idle_deadline_ms(session));
    if (session->heap_count)
        first_ms = simc_deadline_first(first_ms, deadline_of(session->heap[0]));
    return first_ms;
}

static enum simc_session_reason reason_of(enum simc__event event)
{
    switch (event) {
    case SIMC__EV_GRACE_TIMER:
        return SIMC_REASON_GRACE_OVER;
    case SIMC__EV_CLOSE_TIMER:
        return SIMC_REASON_CLOSE_TIMEOUT;
    case SIMC__EV_TEST_TIMER:
        return SIMC_REASON_TEST_TIMEOUT;
    default:
        return SIMC_REASON_SETUP_TIMEOUT;
    }
}

static bool expire_channel(struct simc_session *session)
{
    if (session->state == SIMC__ENDED)
        return false;
    if (simc_deadline_due(session->timer_ms, session->due_ms)) {
        enum simc__event event = session->timer_event;
        bool was_never_open = event == SIMC__EV_SETUP_TIMER && session->is_server;
        simc__timer_stop(session, NULL);
        simc__run_channel(session, event, was_never_open ? SIMC_REASON_NO_SETUP : reason_of(event));
        return true;
    }
    if (simc_deadline_due(test_deadline_ms(session), session->due_ms)) {
        session->test_ms = SIMC_DEADLINE_NONE;
        session->is_tested = false;
        session->heard_ms = session->now_ms;
        simc__run_channel(session, SIMC__EV_TEST_TIMER, SIMC_REASON_TEST_TIMEOUT);
        return true;
    }
    if (simc_deadline_due(idle_deadline_ms(session), session->due_ms)) {
        simc__run_channel(session, SIMC__EV_IDLE_TIMER, SIMC_REASON_NONE);
        return true;
    }
    return false;
}

static enum simc__event event_of_state(const struct simc__stream *stream)
{
    return stream->state == SIMC__ST_SETTING_UP ? SIMC__EV_SETUP_TIMER
           : stream->state == SIMC__ST_CLOSING  ? SIMC__EV_CLOSE_TIMER
                                                : SIMC__EV_REPLY_TIMER;
}

static bool expire_stream(struct simc_session *session)
{
    if (session->state == SIMC__ENDED || session->heap_count == 0)
        return false;
    struct simc__stream *stream = session->heap[0];
    struct simc__step step = {.is_stream = true, .stream = stream, .stream_id = stream->id};
    if (simc_deadline_due(stream->timer_ms, session->due_ms)) {
        step.event = event_of_state(stream);
        stream->timer_ms = SIMC_DEADLINE_NONE;
    } else if (simc_deadline_due(stream->test_ms, session->due_ms)) {
        step.event = SIMC__EV_TEST_TIMER;
        stream->test_ms = SIMC_DEADLINE_NONE;
        stream->is_tested = false;
    } else {
        return false;
    }
    simc__heap_update(session, stream);
    step.reason = reason_of(step.event);
    simc__run(session, &step);
    return true;
}

bool simc__timer_expire(struct simc_session *session)
{
    return expire_channel(session) || expire_stream(session);
}
