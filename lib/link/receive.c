/* SPDX-License-Identifier: BSL-1.0 */
/* Frames in: reads them strictly, answers what the link itself answers, and makes events of the
 * rest. link.c calls it; whatever breaks the rules ends the link with a sentence. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "link/internal.h"

static const struct {
    const char *name;
    uint8_t items;
} frames[SIMC__LINK_FRAME_COUNT] = {
#define FRAME(name, number, items) [number] = {#name, items},
    SIMC__LINK_FRAME_ROWS(FRAME)
#undef FRAME
};

/* What the heads of requests and events hold. */
struct head {
    bool has_remaining, has_trace;
    uint32_t remaining_ms;
    struct simc_slice trace;
};

/* ---- elements ---- */

static uint32_t get_u32(struct simc__cbor_reader *reader, uint32_t min, uint32_t max)
{
    return (uint32_t)simc__cbor_uint(reader, min, max);
}

/* A text of the peer, printable. */
static void get_text(struct simc__cbor_reader *reader, char *to, size_t size)
{
    struct simc_slice text = simc__cbor_text(reader, 0, size - 1);
    /* An end mark within the text must not hide the rest. */
    for (size_t i = 0; i < text.size; i++)
        to[i] = (char)(text.data[i] ? text.data[i] : '?');
    to[text.size] = '\0';
    simc__text_disarm(to);
}

static struct simc_slice get_body(struct simc__cbor_reader *reader)
{
    size_t at = reader->at;
    simc__cbor_skip(reader);
    return simc_slice(reader->data + at, reader->at - at);
}

static void get_head(struct simc__cbor_reader *reader, struct head *head)
{
    uint64_t key;
    simc__cbor_map(reader, 0, UINT64_MAX);
    while (simc__cbor_key(reader, &key)) {
        if (key == SIMC__LINK_HEAD_REMAINING_MS) {
            head->has_remaining = true;
            head->remaining_ms = get_u32(reader, 0, UINT32_MAX);
        } else if (key == SIMC__LINK_HEAD_TRACE) {
            head->has_trace = true;
            head->trace = simc__cbor_bytes(reader, SIMC__LINK_TRACE_SIZE, SIMC__LINK_TRACE_SIZE);
        } else {
            simc__cbor_skip(reader);
        }
    }
    simc__cbor_leave(reader);
}

static void show_trace(struct simc__link_event *event, const struct head *head)
{
    event->has_trace = head->has_trace;
    if (head->has_trace)
        memcpy(event->trace, head->trace.data, SIMC__LINK_TRACE_SIZE);
}

static void break_off(struct simc__link *link, const struct simc__cbor_reader *reader,
                      const char *name)
{
    simc__link_end(link, true, "a frame (%s) breaks the rules of the link: %s (at byte %zu of %zu)",
                   name, simc__cbor_fault_text(reader->fault), reader->fault_at, reader->size);
}

/* Ends the link unless the frame was read to its end without a fault. */
static bool is_good(struct simc__link *link, struct simc__cbor_reader *reader,
                    enum simc__link_frame frame)
{
    simc__cbor_leave(reader);
    if (!simc__cbor_finish(reader))
        return true;
    break_off(link, reader, frames[frame].name);
    return false;
}

/* ---- hello ---- */

struct hello {
    char service[SIMC__LINK_PEER_SIZE], name[SIMC__LINK_PEER_SIZE];
    uint32_t version_min, version_max, frame_limit, request_limit;
    uint32_t seen; /* keys */
};

static void get_hello_value(struct simc__cbor_reader *reader, uint64_t key, struct hello *hello)
{
    switch (key) {
    case SIMC__LINK_HELLO_SERVICE:
        get_text(reader, hello->service, sizeof hello->service);
        break;
    case SIMC__LINK_HELLO_VERSION_MIN:
        hello->version_min = get_u32(reader, 1, UINT32_MAX);
        break;
    case SIMC__LINK_HELLO_VERSION_MAX:
        hello->version_max = get_u32(reader, 1, UINT32_MAX);
        break;
    case SIMC__LINK_HELLO_NAME:
        get_text(reader, hello->name, sizeof hello->name);
        break;
    case SIMC__LINK_HELLO_FRAME_LIMIT:
        hello->frame_limit = get_u32(reader, SIMC__LINK_FRAME_MIN, SIMC__LINK_FRAME_MAX);
        break;
    case SIMC__LINK_HELLO_REQUEST_LIMIT:
        hello->request_limit = get_u32(reader, 1, UINT32_MAX);
        break;
    default:
        simc__cbor_skip(reader);
    }
}

static void get_hello(struct simc__cbor_reader *reader, struct hello *hello)
{
    const uint32_t all = 1u << SIMC__LINK_HELLO_SERVICE | 1u << SIMC__LINK_HELLO_VERSION_MIN |
                         1u << SIMC__LINK_HELLO_VERSION_MAX | 1u << SIMC__LINK_HELLO_NAME |
                         1u << SIMC__LINK_HELLO_FRAME_LIMIT | 1u << SIMC__LINK_HELLO_REQUEST_LIMIT;
    uint64_t key;
    simc__cbor_map(reader, 0, UINT64_MAX);
    while (simc__cbor_key(reader, &key)) {
        if (key <= SIMC__LINK_HELLO_REQUEST_LIMIT)
            hello->seen |= 1u << key;
        get_hello_value(reader, key, hello);
    }
    if ((hello->seen & all) != all || hello->version_min > hello->version_max)
        simc__cbor_refuse(reader, SIMC__CBOR_REFUSED, reader->at);
    simc__cbor_leave(reader);
}

/* The two hellos hold against each other: both ends come to the same result. */
static bool agree(struct simc__link *link, const struct hello *hello)
{
    const struct simc__link_settings *own = &link->settings;
    if (strcmp(hello->service, link->service) != 0) {
        simc__link_end(link, true, "this end speaks '%s', and the peer '%s' speaks '%s'",
                       link->service, hello->name, hello->service);
        return false;
    }
    if (hello->version_min > own->version_max || hello->version_max < own->version_min) {
        simc__link_end(link, true,
                       "this end speaks '%s' in the versions %u to %u, and the peer '%s' %u to %u: "
                       "update the older one",
                       link->service, (unsigned)own->version_min, (unsigned)own->version_max,
                       hello->name, (unsigned)hello->version_min, (unsigned)hello->version_max);
        return false;
    }
    link->version = hello->version_max < own->version_max ? hello->version_max : own->version_max;
    link->send_limit =
        hello->frame_limit < own->frame_limit ? hello->frame_limit : own->frame_limit;
    link->send_requests =
        hello->request_limit < own->request_limit ? hello->request_limit : own->request_limit;
    return true;
}

static bool receive_hello(struct simc__link *link, struct simc__cbor_reader *reader,
                          struct simc__link_event *event)
{
    struct hello hello = {.frame_limit = 0};
    if (simc__cbor_uint(reader, 0, UINT64_MAX) != SIMC__LINK_PROTOCOL && !reader->fault) {
        simc__link_end(link, true,
                       "the peer speaks another version of the link protocol: update "
                       "the older program");
        return false;
    }
    get_hello(reader, &hello);
    if (!is_good(link, reader, SIMC__LINK_FRAME_HELLO) || !agree(link, &hello))
        return false;
    memcpy(link->peer, hello.name, sizeof link->peer);
    link->state = SIMC__LINK_OPEN;
    link->heard_ms = link->now_ms;
    event->type = SIMC__LINK_EVENT_OPEN;
    event->version = link->version;
    event->peer = link->peer;
    return true;
}

/* ---- requests and events of the peer ---- */

/* The peer was told the limit, and holds to it when it keeps the rules. */
static void refuse_request(struct simc__link *link, uint32_t id)
{
    if (!link->is_limit_told) {
        snprintf(link->notice, sizeof link->notice,
                 "the peer asks more than the %u requests at once that it may: it is refused",
                 (unsigned)link->settings.request_limit);
        link->is_limit_told = true;
    }
    if (simc__link_out_failure(link, id, SIMC__LINK_LIMIT, NULL))
        simc__link_end(link, false, "the peer does not take what is sent to it");
}

static bool receive_request(struct simc__link *link, struct simc__cbor_reader *reader,
                            struct simc__link_event *event)
{
    struct head head = {.has_trace = false};
    struct simc__link_pending pending = {.id = get_u32(reader, 1, UINT32_MAX)};
    pending.method = get_u32(reader, 0, UINT32_MAX);
    get_head(reader, &head);
    if (!head.has_remaining)
        simc__cbor_refuse(reader, SIMC__CBOR_REFUSED, reader->at);
    struct simc_slice body = get_body(reader);
    if (!is_good(link, reader, SIMC__LINK_FRAME_REQUEST))
        return false;
    if (simc__link_table_find(&link->theirs, pending.id)) {
        simc__link_end(link, true, "the peer gave two requests the number %u",
                       (unsigned)pending.id);
        return false;
    }
    if (link->theirs.count >= link->theirs.limit) {
        refuse_request(link, pending.id);
        return false;
    }
    pending.deadline_ms = simc_deadline_after(link->now_ms, head.remaining_ms);
    simc__link_table_put(&link->theirs, &pending);
    event->type = SIMC__LINK_EVENT_REQUEST;
    event->id = pending.id;
    event->method = pending.method;
    event->deadline_ms = pending.deadline_ms;
    event->body = body;
    show_trace(event, &head);
    return true;
}

static bool receive_event(struct simc__link *link, struct simc__cbor_reader *reader,
                          struct simc__link_event *event)
{
    struct head head = {.has_trace = false};
    uint32_t topic = get_u32(reader, 0, UINT32_MAX);
    get_head(reader, &head);
    struct simc_slice body = get_body(reader);
    if (!is_good(link, reader, SIMC__LINK_FRAME_EVENT))
        return false;
    event->type = SIMC__LINK_EVENT_EVENT;
    event->method = topic;
    event->body = body;
    show_trace(event, &head);
    return true;
}

static bool receive_cancel(struct simc__link *link, struct simc__cbor_reader *reader,
                           struct simc__link_event *event)
{
    struct simc__link_pending pending;
    uint32_t id = get_u32(reader, 1, UINT32_MAX);
    /* The answer may be on its way: then there is nothing to be told. */
    if (!is_good(link, reader, SIMC__LINK_FRAME_CANCEL) ||
        !simc__link_table_take(&link->theirs, id, &pending))
        return false;
    event->type = SIMC__LINK_EVENT_CANCEL;
    event->id = id;
    event->method = pending.method;
    return true;
}

/* ---- answers ---- */

/* Takes the request out that is answered. None: it was cancelled or its time was over. */
static bool is_wanted(struct simc__link *link, uint32_t id, struct simc__link_pending *pending)
{
    const struct simc__link_pending *entry = simc__link_table_find(&link->own, id);
    if (entry && !entry->is_cancelled)
        return simc__link_table_take(&link->own, id, pending);
    if (!entry && link->issued < id)
        simc__link_end(link, true, "the peer answers a request (%u) that was never made",
                       (unsigned)id);
    return false;
}

static bool receive_response(struct simc__link *link, struct simc__cbor_reader *reader,
                             struct simc__link_event *event)
{
    struct simc__link_pending pending;
    uint32_t id = get_u32(reader, 1, UINT32_MAX);
    struct simc_slice body = get_body(reader);
    if (!is_good(link, reader, SIMC__LINK_FRAME_RESPONSE) || !is_wanted(link, id, &pending))
        return false;
    event->type = SIMC__LINK_EVENT_RESPONSE;
    event->id = id;
    event->method = pending.method;
    event->body = body;
    return true;
}

static bool receive_failure(struct simc__link *link, struct simc__cbor_reader *reader,
                            struct simc__link_event *event)
{
    struct simc__link_pending pending;
    uint32_t id = get_u32(reader, 1, UINT32_MAX);
    uint32_t code = get_u32(reader, 1, SIMC__LINK_CODE_WIRE_MAX);
    get_text(reader, event->text, sizeof event->text);
    if (!is_good(link, reader, SIMC__LINK_FRAME_FAILURE) || !is_wanted(link, id, &pending))
        return false;
    event->type = SIMC__LINK_EVENT_FAILURE;
    event->id = id;
    event->method = pending.method;
    event->code = code;
    return true;
}

/* ---- the link's own ---- */

static bool receive_ping(struct simc__link *link, struct simc__cbor_reader *reader,
                         enum simc__link_frame frame)
{
    uint64_t number = simc__cbor_uint(reader, 0, UINT32_MAX);
    if (is_good(link, reader, frame) && frame == SIMC__LINK_FRAME_PING)
        simc__link_out_own(link, SIMC__LINK_FRAME_PONG, number, NULL);
    return false;
}

static bool receive_close(struct simc__link *link, struct simc__cbor_reader *reader)
{
    char why[SIMC__LINK_TEXT_SIZE];
    get_text(reader, why, sizeof why);
    if (is_good(link, reader, SIMC__LINK_FRAME_CLOSE))
        simc__link_end(link, false, "the peer closed the link: %s", why);
    return false;
}

bool simc__link_receive(struct simc__link *link, struct simc_slice frame,
                        struct simc__link_event *event)
{
    struct simc__cbor_reader reader;
    simc__cbor_reader_init(&reader, frame, SIMC__CBOR_ALLOW_TEXT | SIMC__CBOR_ALLOW_NULL,
                           SIMC__CBOR_DEPTH_MAX);
    uint64_t items = simc__cbor_array(&reader, 2, 5);
    enum simc__link_frame type =
        (enum simc__link_frame)simc__cbor_uint(&reader, 0, SIMC__LINK_FRAME_COUNT - 1);
    if (!reader.fault && items != frames[type].items)
        simc__cbor_refuse(&reader, SIMC__CBOR_RANGE, 0);
    if (reader.fault) {
        break_off(link, &reader, "of no known kind");
        return false;
    }
    /* A close may come instead of a hello: from a peer that has seen ours, and does not like it. */
    bool is_greeting = link->state == SIMC__LINK_GREETING;
    bool is_in_place =
        is_greeting == (type == SIMC__LINK_FRAME_HELLO) || type == SIMC__LINK_FRAME_CLOSE;
    if (!is_in_place) {
        simc__link_end(link, true,
                       is_greeting ? "the peer does not begin with a hello"
                                   : "the peer says hello a second time");
        return false;
    }
    switch (type) {
    case SIMC__LINK_FRAME_HELLO:
        return receive_hello(link, &reader, event);
    case SIMC__LINK_FRAME_REQUEST:
        return receive_request(link, &reader, event);
    case SIMC__LINK_FRAME_RESPONSE:
        return receive_response(link, &reader, event);
    case SIMC__LINK_FRAME_FAILURE:
        return receive_failure(link, &reader, event);
    case SIMC__LINK_FRAME_EVENT:
        return receive_event(link, &reader, event);
    case SIMC__LINK_FRAME_CANCEL:
        return receive_cancel(link, &reader, event);
    case SIMC__LINK_FRAME_PING:
    case SIMC__LINK_FRAME_PONG:
        return receive_ping(link, &reader, type);
    case SIMC__LINK_FRAME_CLOSE:
    case SIMC__LINK_FRAME_COUNT:
        break;
    }
    return receive_close(link, &reader);
}
