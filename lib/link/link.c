/* SPDX-License-Identifier: BSL-1.0 */
/* The link as its user sees it: life, time, requests and events; see link.h. Daemons put it on a
 * connection with lib/daemon/link.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "link/internal.h"

enum {
    FRAME_LIMIT = 262144,
    REQUEST_LIMIT = 256,
    OUTPUT_LIMIT = 4 * 1024 * 1024,
    HELLO_MS = 5000,
    IDLE_MS = 2000,
    PING_MS = 3000,
    REQUEST_MS = 5000,
};

static const struct {
    uint32_t code;
    const char *text;
} codes[] = {
#define CODE(name, number, text) {number, text},
    SIMC__LINK_CODE_ROWS(CODE)
#undef CODE
};

const char *simc__link_code_text(uint32_t code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == code)
            return codes[i].text;
    }
    return "an unknown failure";
}

/* ---- making and ending ---- */

static void or_default(uint32_t *value, uint32_t default_value)
{
    if (*value == 0)
        *value = default_value;
}

/* A name for the wire. @return false: missing, too long, or no UTF-8. */
static bool name_copy(char to[SIMC__LINK_PEER_SIZE], const char *from)
{
    if (!from)
        return false;
    struct simc_slice text = simc_slice(from, strnlen(from, SIMC__LINK_PEER_SIZE));
    if (text.size > SIMC__LINK_NAME_MAX || !simc__cbor_is_utf8(text))
        return false;
    memcpy(to, from, text.size);
    return true;
}

static int settings_fill(struct simc__link *link, const struct simc__link_settings *from)
{
    struct simc__link_settings *settings = &link->settings;
    *settings = *from;
    or_default(&settings->frame_limit, FRAME_LIMIT);
    or_default(&settings->request_limit, REQUEST_LIMIT);
    or_default(&settings->output_limit, OUTPUT_LIMIT);
    or_default(&settings->hello_ms, HELLO_MS);
    or_default(&settings->idle_ms, IDLE_MS);
    or_default(&settings->ping_ms, PING_MS);
    or_default(&settings->request_ms, REQUEST_MS);
    if (!name_copy(link->service, from->service) || link->service[0] == '\0' ||
        !name_copy(link->name, from->name ? from->name : ""))
        return SIMC_EINVAL;
    settings->service = link->service;
    settings->name = link->name;
    bool is_right = settings->version_min >= 1 && settings->version_min <= settings->version_max &&
                    settings->frame_limit >= SIMC__LINK_FRAME_MIN &&
                    settings->frame_limit <= SIMC__LINK_FRAME_MAX &&
                    settings->request_limit <= SIMC__LINK_REQUESTS_MAX &&
                    settings->output_limit >= SIMC__LINK_FRAME_MIN;
    return is_right ? 0 : SIMC_EINVAL;
}

int simc__link_new(const struct simc__link_settings *settings, uint64_t now_ms,
                   struct simc__link **link)
{
    struct simc__link *made = simc_calloc(1, sizeof *made);
    *link = NULL;
    if (!made)
        return SIMC_ENOMEM;
    int error = settings_fill(made, settings);
    if (!error)
        error = simc__link_table_init(&made->own, made->settings.request_limit);
    if (!error)
        error = simc__link_table_init(&made->theirs, made->settings.request_limit);
    if (!error) {
        made->now_ms = made->heard_ms = now_ms;
        made->hello_deadline_ms = simc_deadline_after(now_ms, made->settings.hello_ms);
        made->ping_deadline_ms = made->stall_deadline_ms = SIMC_DEADLINE_NONE;
        made->send_limit = made->settings.frame_limit;
        made->send_requests = made->settings.request_limit;
        simc_buffer_init(&made->output, made->settings.output_limit);
        simc_buffer_init(&made->kept, SIMC__LINK_FRAME_HEAD + (size_t)made->settings.frame_limit +
                                          SIMC__LINK_INPUT_EXTRA);
        error = simc__link_out_hello(made);
    }
    if (error) {
        simc__link_free(made);
        return error;
    }
    *link = made;
    return 0;
}

void simc__link_free(struct simc__link *link)
{
    if (!link)
        return;
    simc__link_table_fini(&link->own);
    simc__link_table_fini(&link->theirs);
    simc_buffer_fini(&link->output);
    simc_buffer_fini(&link->kept);
    simc_free(link);
}

void simc__link_end(struct simc__link *link, bool tell, const char *format, ...)
{
    if (link->state == SIMC__LINK_ENDED)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(link->why, sizeof link->why, format, arguments);
    va_end(arguments);
    simc__text_disarm(link->why);
    /* The state comes first: an output that is full must not end it once more. */
    link->state = SIMC__LINK_ENDED;
    if (tell)
        simc__link_out_own(link, SIMC__LINK_FRAME_CLOSE, 0, link->why);
}

void simc__link_close(struct simc__link *link, const char *why)
{
    simc__link_end(link, true, "%s", why ? why : "this side closed it");
}

void simc__link_disconnected(struct simc__link *link, uint64_t now_ms)
{
    link->now_ms = now_ms;
    simc__link_end(link, false, "the connection ended");
    simc__link_out_drop(link, link->output.size);
}

/* ---- state ---- */

bool simc__link_is_blocked(const struct simc__link *link)
{
    return link->state != SIMC__LINK_ENDED && link->output.size >= link->settings.output_limit / 4;
}

bool simc__link_is_open(const struct simc__link *link)
{
    return link->state == SIMC__LINK_OPEN;
}

const char *simc__link_wants_close(const struct simc__link *link)
{
    return link->state == SIMC__LINK_ENDED ? link->why : NULL;
}

size_t simc__link_memory(const struct simc__link *link)
{
    size_t entries = (size_t)link->own.capacity + link->theirs.capacity;
    return sizeof *link + entries * sizeof *link->own.entries + link->output.capacity +
           link->kept.capacity;
}

size_t simc__link_waiting(const struct simc__link *link)
{
    return link->output.size;
}

size_t simc__link_body_max(const struct simc__link *link)
{
    return link->send_limit - SIMC__LINK_OVERHEAD;
}

struct simc_slice simc__link_output(const struct simc__link *link)
{
    return simc_buffer_bytes(&link->output);
}

void simc__link_sent(struct simc__link *link, size_t size)
{
    if (size)
        link->has_progress = true;
    simc__link_out_drop(link, size);
}

/* ---- time ---- */

/* Silence of the peer; while blocked, that it takes nothing. */
static uint64_t watch_deadline_ms(const struct simc__link *link)
{
    if (simc__link_is_blocked(link))
        return link->stall_deadline_ms == SIMC_DEADLINE_NONE ? link->now_ms
                                                             : link->stall_deadline_ms;
    if (link->ping_deadline_ms != SIMC_DEADLINE_NONE)
        return link->ping_deadline_ms;
    return simc_deadline_after(link->heard_ms, link->settings.idle_ms);
}

uint64_t simc__link_deadline_ms(const struct simc__link *link)
{
    if (link->state == SIMC__LINK_ENDED)
        return SIMC_DEADLINE_NONE;
    if (link->state == SIMC__LINK_GREETING)
        return link->hello_deadline_ms;
    return simc_deadline_first(watch_deadline_ms(link), link->own.first_ms);
}

static void expire_stall(struct simc__link *link)
{
    const struct simc__link_settings *settings = &link->settings;
    if (link->stall_deadline_ms == SIMC_DEADLINE_NONE || link->has_progress) {
        link->has_progress = false;
        link->stall_deadline_ms =
            simc_deadline_after(link->now_ms, (uint64_t)settings->idle_ms + settings->ping_ms);
    } else if (simc_deadline_due(link->stall_deadline_ms, link->now_ms)) {
        simc__link_end(link, false, "the peer has taken nothing of what is sent to it for %u ms",
                       (unsigned)(settings->idle_ms + settings->ping_ms));
    }
}

static void expire_silence(struct simc__link *link)
{
    if (link->stall_deadline_ms != SIMC_DEADLINE_NONE) {
        /* It was not listened to meanwhile. */
        link->stall_deadline_ms = link->ping_deadline_ms = SIMC_DEADLINE_NONE;
        link->heard_ms = link->now_ms;
    }
    if (simc_deadline_due(link->ping_deadline_ms, link->now_ms)) {
        simc__link_end(link, true, "the peer did not answer within %u ms",
                       (unsigned)link->settings.ping_ms);
    } else if (link->ping_deadline_ms == SIMC_DEADLINE_NONE &&
               simc_deadline_due(simc_deadline_after(link->heard_ms, link->settings.idle_ms),
                                 link->now_ms)) {
        link->ping_deadline_ms = simc_deadline_after(link->now_ms, link->settings.ping_ms);
        simc__link_out_own(link, SIMC__LINK_FRAME_PING, ++link->ping_number, NULL);
    }
}

void simc__link_expire(struct simc__link *link, uint64_t now_ms)
{
    link->now_ms = link->due_ms = now_ms;
    if (link->state == SIMC__LINK_GREETING && simc_deadline_due(link->hello_deadline_ms, now_ms))
        simc__link_end(link, true, "no hello came within %u ms", (unsigned)link->settings.hello_ms);
    if (link->state != SIMC__LINK_OPEN)
        return;
    if (simc__link_is_blocked(link))
        expire_stall(link);
    else
        expire_silence(link);
}

/* ---- events ---- */

void simc__link_feed(struct simc__link *link, struct simc_slice bytes, uint64_t now_ms)
{
    link->now_ms = now_ms;
    if (link->state == SIMC__LINK_ENDED || bytes.size == 0)
        return;
    if (link->fed.size)
        simc__link_frame_keep(link);
    link->fed = bytes;
    link->heard_ms = now_ms;
    link->ping_deadline_ms = SIMC_DEADLINE_NONE;
}

static bool failure(struct simc__link_event *event, const struct simc__link_pending *pending,
                    enum simc__link_code code)
{
    event->type = SIMC__LINK_EVENT_FAILURE;
    event->id = pending->id;
    event->method = pending->method;
    event->code = code;
    snprintf(event->text, sizeof event->text, "%s", simc__link_code_text(code));
    return true;
}

/* Behind the end: failures for what is outstanding, then the last event. */
static bool last_event(struct simc__link *link, struct simc__link_event *event)
{
    struct simc__link_pending pending;
    link->fed = simc_slice(NULL, 0);
    simc_buffer_fini(&link->kept);
    if (simc__link_table_take_any(&link->own, &pending))
        return failure(event, &pending,
                       pending.is_cancelled ? SIMC__LINK_CANCELLED : SIMC__LINK_DISCONNECTED);
    if (link->is_closed_told)
        return false;
    link->is_closed_told = true;
    event->type = SIMC__LINK_EVENT_CLOSED;
    memcpy(event->text, link->why, sizeof event->text);
    return true;
}

static bool pending_event(struct simc__link *link, struct simc__link_event *event)
{
    struct simc__link_pending pending;
    if (link->notice[0]) {
        event->type = SIMC__LINK_EVENT_NOTICE;
        memcpy(event->text, link->notice, sizeof event->text);
        link->notice[0] = '\0';
        return true;
    }
    if (simc__link_table_take_cancelled(&link->own, &pending))
        return failure(event, &pending, SIMC__LINK_CANCELLED);
    if (!simc__link_table_take_due(&link->own, link->due_ms, &pending))
        return false;
    simc__link_out_own(link, SIMC__LINK_FRAME_CANCEL, pending.id, NULL);
    return failure(event, &pending, SIMC__LINK_DEADLINE);
}

bool simc__link_next_event(struct simc__link *link, struct simc__link_event *event)
{
    struct simc_slice frame;
    memset(event, 0, sizeof *event);
    simc__link_frame_release(link);
    for (;;) {
        if (link->state != SIMC__LINK_ENDED && pending_event(link, event))
            return true;
        if (link->state == SIMC__LINK_ENDED)
            return last_event(link, event);
        if (simc__link_is_blocked(link)) {
            simc__link_frame_keep(link);
            if (link->state != SIMC__LINK_ENDED)
                return false;
            continue;
        }
        if (simc__link_frame_next(link, &frame)) {
            if (simc__link_receive(link, frame, event))
                return true;
            memset(event, 0, sizeof *event);
            simc__link_frame_release(link);
        } else if (link->state != SIMC__LINK_ENDED) {
            return false;
        }
    }
}

/* ---- requests of this end ---- */

static uint32_t next_id(struct simc__link *link)
{
    do
        link->issued++;
    while ((uint32_t)link->issued == 0 ||
           simc__link_table_find(&link->own, (uint32_t)link->issued));
    return (uint32_t)link->issued;
}

int simc__link_request(struct simc__link *link, uint32_t method, struct simc_slice body,
                       uint32_t within_ms, const uint8_t *trace, uint64_t now_ms, uint32_t *id)
{
    uint8_t room[SIMC__LINK_OVERHEAD];
    *id = 0;
    if (link->state != SIMC__LINK_OPEN)
        return SIMC_ENOTFOUND;
    if (link->own.count >= link->send_requests || simc__link_is_blocked(link))
        return SIMC_EFULL;
    or_default(&within_ms, link->settings.request_ms);
    link->now_ms = now_ms;
    struct simc__link_pending pending = {
        .id = next_id(link),
        .method = method,
        .deadline_ms = simc_deadline_after(now_ms, within_ms),
    };
    int error = simc__link_out(
        link, simc__link_head_request(room, pending.id, method, within_ms, trace), body);
    if (error)
        return error;
    simc__link_table_put(&link->own, &pending);
    *id = pending.id;
    return 0;
}

int simc__link_cancel(struct simc__link *link, uint32_t id)
{
    struct simc__link_pending *entry = simc__link_table_find(&link->own, id);
    if (id == 0 || !entry || entry->is_cancelled)
        return SIMC_ENOTFOUND;
    entry->is_cancelled = true;
    link->own.cancelled_count++;
    if (link->state == SIMC__LINK_OPEN)
        simc__link_out_own(link, SIMC__LINK_FRAME_CANCEL, id, NULL);
    return 0;
}

/* ---- answers of this end ---- */

/* An answer that has no place ends the link: the peer asks, and does not take what it asked for. */
static int answered(struct simc__link *link, uint32_t id, int error)
{
    struct simc__link_pending pending;
    if (error == SIMC_EFULL) {
        simc__link_end(link, false, "the peer does not take what is sent to it: %zu bytes wait",
                       link->output.size);
        return SIMC_ENOTFOUND;
    }
    if (!error)
        (void)simc__link_table_take(&link->theirs, id, &pending);
    return error;
}

static bool is_asked(const struct simc__link *link, uint32_t id)
{
    return id && link->state == SIMC__LINK_OPEN && simc__link_table_find(&link->theirs, id);
}

int simc__link_respond(struct simc__link *link, uint32_t id, struct simc_slice body)
{
    uint8_t room[SIMC__LINK_OVERHEAD];
    if (!is_asked(link, id))
        return SIMC_ENOTFOUND;
    return answered(link, id, simc__link_out(link, simc__link_head_response(room, id), body));
}

int simc__link_fail(struct simc__link *link, uint32_t id, enum simc__link_code code,
                    const char *text)
{
    uint32_t number = (uint32_t)code;
    if (!is_asked(link, id))
        return SIMC_ENOTFOUND;
    if (number < 1 || number > SIMC__LINK_CODE_WIRE_MAX)
        number = SIMC__LINK_INTERNAL;
    return answered(link, id, simc__link_out_failure(link, id, number, text));
}

int simc__link_respond_begin(struct simc__link *link, uint32_t id, size_t size,
                             struct simc_writer *body)
{
    uint8_t room[SIMC__LINK_OVERHEAD];
    *body = simc_writer(NULL, 0);
    if (!is_asked(link, id))
        return SIMC_ENOTFOUND;
    link->begun_id = id;
    return answered(link, 0,
                    simc__link_out_begin(link, simc__link_head_response(room, id), size, body));
}

int simc__link_respond_end(struct simc__link *link, struct simc_writer *body)
{
    return answered(link, link->begun_id, simc__link_out_end(link, body));
}

/* ---- events of this end ---- */

static int may_send(const struct simc__link *link)
{
    if (link->state != SIMC__LINK_OPEN)
        return SIMC_ENOTFOUND;
    return link->output.size >= link->settings.output_limit / 4 * 3 ? SIMC_EFULL : 0;
}

int simc__link_send(struct simc__link *link, uint32_t topic, struct simc_slice body,
                    const uint8_t *trace)
{
    uint8_t room[SIMC__LINK_OVERHEAD];
    int error = may_send(link);
    return error ? error : simc__link_out(link, simc__link_head_event(room, topic, trace), body);
}

int simc__link_send_begin(struct simc__link *link, uint32_t topic, const uint8_t *trace,
                          size_t size, struct simc_writer *body)
{
    uint8_t room[SIMC__LINK_OVERHEAD];
    int error = may_send(link);
    *body = simc_writer(NULL, 0);
    return error
               ? error
               : simc__link_out_begin(link, simc__link_head_event(room, topic, trace), size, body);
}

int simc__link_send_end(struct simc__link *link, struct simc_writer *body)
{
    return simc__link_out_end(link, body);
}
