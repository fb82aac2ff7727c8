/* SPDX-License-Identifier: BSL-1.0 */
/* The internal link: requests, responses and events as CBOR messages between the daemons, as a
 * state machine without I/O. lib/uv carries it over a unix socket or TCP; tests drive it in memory.
 *
 *     simc__link_feed(link, received, now_ms);
 *     while (simc__link_next_event(link, &event))
 *         handle(&event);                     // requests are answered now or later
 *     send(simc__link_output(link));          // then simc__link_sent()
 *     arm_timer(simc__link_deadline_ms(link)); // when due: simc__link_expire(), then events
 *     if (simc__link_wants_close(link)) close_the_connection();
 *
 * specs/cddl/link.cddl has the bytes: frames of a 32-bit length and one CBOR item. Both ends begin
 * with a hello that names the service, its version and who speaks. Bodies are CBOR of the service's
 * own (lib/link/scs_mux.h is the first). Frames may hold control words: they are wiped behind their
 * event, and the output is wiped once it is sent.
 *
 * Borrowed: bytes that are fed, until simc__link_next_event() has returned false; what an event
 * points to, until the next call of it. One link belongs to one thread at a time. */
#ifndef SIMC__LINK_LINK_H
#define SIMC__LINK_LINK_H

#include "simulcrypt/base.h"

struct simc__link;

enum {
    SIMC__LINK_NAME_MAX = 64,   /* bytes of the names in a hello */
    SIMC__LINK_TEXT_SIZE = 256, /* of a sentence, end mark included */
    SIMC__LINK_TRACE_SIZE = 25, /* of a trace: W3C traceparent as bytes 16 + 8 + 1 */
};

/* Why a request failed: name, number on the wire, text. */
#define SIMC__LINK_CODE_ROWS(ROW)                                           \
    ROW(BAD_REQUEST, 1, "the request is not as the service describes it")   \
    ROW(UNKNOWN_METHOD, 2, "the peer does not know this request")           \
    ROW(NOT_FOUND, 3, "what the request names does not exist")              \
    ROW(CONFLICT, 4, "the request contradicts what is there")               \
    ROW(LIMIT, 5, "a limit is reached")                                     \
    ROW(UNAVAILABLE, 6, "the peer cannot do it now; it may be tried again") \
    ROW(FORBIDDEN, 7, "the peer may not ask for this")                      \
    ROW(INTERNAL, 8, "the peer has failed")                                 \
    /* The rows below are made by this side. */                             \
    ROW(DEADLINE, 32, "no answer came in time")                             \
    ROW(CANCELLED, 33, "this side has cancelled it")                        \
    ROW(DISCONNECTED, 34, "the connection ended before the answer came")

#define SIMC__LINK_CODE_ENUM(name, number, text) SIMC__LINK_##name = number,
enum simc__link_code { SIMC__LINK_GOOD = 0, SIMC__LINK_CODE_ROWS(SIMC__LINK_CODE_ENUM) };
#undef SIMC__LINK_CODE_ENUM

/* The text of a row, without a full stop; "an unknown failure" for other values. */
const char *simc__link_code_text(uint32_t code);

/* Zeroed numbers stand for the defaults named. Texts are copied. */
struct simc__link_settings {
    const char *service;    /* "scs-mux"; both ends must name the same */
    uint32_t version_min;   /* versions of the service that this end speaks, both 1 or more; */
    uint32_t version_max;   /* the highest common one is taken */
    const char *name;       /* who this end is, for the peer's log: "muxd on host1" */
    uint32_t frame_limit;   /* bytes of one frame, either way; 262144, at most 16 MiB */
    uint32_t request_limit; /* requests without an answer, each way; 256 */
    uint32_t output_limit;  /* bytes that wait to be sent before the link ends itself; 4 MiB. From
                             * a quarter of it on nothing further is looked at */
    uint32_t hello_ms;      /* longest wait for the peer's hello; 5000 */
    uint32_t idle_ms;       /* silence of the peer after which it is asked (ping); 2000 */
    uint32_t ping_ms;       /* longest wait for the answer to that; 3000 */
    uint32_t request_ms;    /* deadline of requests that name none; 5000 */
};

enum simc__link_event_type {
    SIMC__LINK_EVENT_NONE,
    SIMC__LINK_EVENT_OPEN,     /* the hellos agree: `version`, `peer` */
    SIMC__LINK_EVENT_REQUEST,  /* `id`, `method`, `body`, `deadline_ms`, `trace`: answer it */
    SIMC__LINK_EVENT_CANCEL,   /* the peer no longer wants the answer to request `id` */
    SIMC__LINK_EVENT_RESPONSE, /* to request `id` of this end: `method`, `body` */
    SIMC__LINK_EVENT_FAILURE,  /* request `id` of this end failed: `method`, `code`, `text` */
    SIMC__LINK_EVENT_EVENT,    /* `method` is the topic; `body`, `trace` */
    SIMC__LINK_EVENT_NOTICE,   /* for a log: `text` */
    SIMC__LINK_EVENT_CLOSED,   /* the last one: `text` says why. Failures for what was outstanding
                                * come before it */
};

struct simc__link_event {
    enum simc__link_event_type type;
    uint32_t id;
    uint32_t method;
    uint32_t code;
    uint32_t version;     /* of the service, agreed on */
    const char *peer;     /* the peer's name: printable, never NULL with OPEN */
    uint64_t deadline_ms; /* REQUEST: monotonic, when the peer stops waiting */
    bool has_trace;
    uint8_t trace[SIMC__LINK_TRACE_SIZE];
    struct simc_slice body;          /* one CBOR item, checked to be deterministic and complete */
    char text[SIMC__LINK_TEXT_SIZE]; /* without a full stop, without secrets */
};

/* @return 0, SIMC_EINVAL (a setting is missing or out of range), SIMC_ENOMEM. The hello stands in
 * the output at once. */
int simc__link_new(const struct simc__link_settings *settings, uint64_t now_ms,
                   struct simc__link **link) SIMC_MUST_CHECK;
/* Wipes and releases; NULL is fine. */
void simc__link_free(struct simc__link *link);

void simc__link_feed(struct simc__link *link, struct simc_slice bytes, uint64_t now_ms);
void simc__link_disconnected(struct simc__link *link, uint64_t now_ms);
bool simc__link_next_event(struct simc__link *link, struct simc__link_event *event) SIMC_MUST_CHECK;
bool simc__link_is_blocked(const struct simc__link *link);
struct simc_slice simc__link_output(const struct simc__link *link);
void simc__link_sent(struct simc__link *link, size_t size);
uint64_t simc__link_deadline_ms(const struct simc__link *link);
void simc__link_expire(struct simc__link *link, uint64_t now_ms);
/* A sentence, or NULL: it is not to be closed. */
const char *simc__link_wants_close(const struct simc__link *link);
/* True between OPEN and the end. */
bool simc__link_is_open(const struct simc__link *link);
size_t simc__link_memory(const struct simc__link *link);
/* Bytes that wait to be sent. */
size_t simc__link_waiting(const struct simc__link *link);

/* Sends a request; RESPONSE or FAILURE follows. @param body one CBOR item; empty: null is sent.
 * @param within_ms 0: the setting. @param trace 25 bytes, or NULL.
 * @return 0, SIMC_ENOTFOUND (not open), SIMC_EFULL (request_limit, or the output is at a quarter of
 * its limit), SIMC_ETOOLONG (frame_limit), SIMC_ENOMEM. */
int simc__link_request(struct simc__link *link, uint32_t method, struct simc_slice body,
                       uint32_t within_ms, const uint8_t *trace, uint64_t now_ms,
                       uint32_t *id) SIMC_MUST_CHECK;
/* Takes a request back: FAILURE (CANCELLED) follows, and the peer is told. @return 0,
 * SIMC_ENOTFOUND. */
int simc__link_cancel(struct simc__link *link, uint32_t id) SIMC_MUST_CHECK;
/* Answers a request. @return 0, SIMC_ENOTFOUND (unknown, answered, or cancelled: not an error of
 * the caller's), SIMC_ETOOLONG, SIMC_ENOMEM. */
int simc__link_respond(struct simc__link *link, uint32_t id,
                       struct simc_slice body) SIMC_MUST_CHECK;
int simc__link_fail(struct simc__link *link, uint32_t id, enum simc__link_code code,
                    const char *text) SIMC_MUST_CHECK;
/* Sends an event. @return 0, SIMC_ENOTFOUND (not open), SIMC_EFULL (the output is full: three
 * quarters of its limit), SIMC_ETOOLONG, SIMC_ENOMEM. */
int simc__link_send(struct simc__link *link, uint32_t topic, struct simc_slice body,
                    const uint8_t *trace) SIMC_MUST_CHECK;
/* The same without a copy of the body: write one CBOR item of at most `size` bytes into `body`,
 * then call _end(), before any other call on this link. Writers for less than `size` are given when
 * the frame limit says so; SIMC_ENOSPC there means that the rest belongs into another event.
 * @return as simc__link_send(); _end(): 0 or the writer's error (nothing is sent then). */
int simc__link_send_begin(struct simc__link *link, uint32_t topic, const uint8_t *trace,
                          size_t size, struct simc_writer *body) SIMC_MUST_CHECK;
int simc__link_send_end(struct simc__link *link, struct simc_writer *body) SIMC_MUST_CHECK;
/* A response without a copy, in the same way. @return as simc__link_respond(). */
int simc__link_respond_begin(struct simc__link *link, uint32_t id, size_t size,
                             struct simc_writer *body) SIMC_MUST_CHECK;
int simc__link_respond_end(struct simc__link *link, struct simc_writer *body) SIMC_MUST_CHECK;
/* The longest body that fits into any frame on this link: of this end's frame limit and, once it is
 * open, of the peer's. */
size_t simc__link_body_max(const struct simc__link *link);
/* Tells the peer why, and closes behind the output. */
void simc__link_close(struct simc__link *link, const char *why);

#endif
