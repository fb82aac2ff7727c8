/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the link's core share. Only lib/link and its tests include it.
 *
 * The way of a frame in: frame.c cuts it out of the bytes that are fed, receive.c reads it and
 * makes an event of it, link.c hands the event over. The way out: link.c checks that the request,
 * answer or event may be sent, frame.c writes it into the output. */
#ifndef SIMC__LINK_INTERNAL_H
#define SIMC__LINK_INTERNAL_H

#include "cbor/cbor.h"
#include "link/link.h"

enum {
    SIMC__LINK_PROTOCOL = 1, /* of the frames; services have versions of their own */
    SIMC__LINK_FRAME_HEAD = 4,
    SIMC__LINK_OVERHEAD = 64, /* bytes of a frame that are not its body, at most */
    SIMC__LINK_FRAME_MIN = 1024,
    SIMC__LINK_FRAME_MAX = 16 * 1024 * 1024,
    SIMC__LINK_HELLO_MAX = 1024, /* bytes of the first frame */
    SIMC__LINK_REQUESTS_MAX = 1024,
    SIMC__LINK_INPUT_EXTRA = 1024 * 1024, /* bytes that may be fed while the link is blocked */
    SIMC__LINK_PEER_SIZE = SIMC__LINK_NAME_MAX + 1,
    SIMC__LINK_CODE_WIRE_MAX = 31, /* codes above are made by the side that sees them */
};

/* Frames: name, number, elements. */
#define SIMC__LINK_FRAME_ROWS(ROW)                             \
    ROW(HELLO, 0, 3)    /* protocol, map */                    \
    ROW(REQUEST, 1, 5)  /* id, method, head, body */           \
    ROW(RESPONSE, 2, 3) /* id, body */                         \
    ROW(FAILURE, 3, 4)  /* id, code, text */                   \
    ROW(EVENT, 4, 4)    /* topic, head, body */                \
    ROW(CANCEL, 5, 2)   /* id */                               \
    ROW(PING, 6, 2)     /* a number that the answer repeats */ \
    ROW(PONG, 7, 2)                                            \
    ROW(CLOSE, 8, 2) /* text */

#define SIMC__LINK_FRAME_ENUM(name, number, items) SIMC__LINK_FRAME_##name = number,
enum simc__link_frame { SIMC__LINK_FRAME_ROWS(SIMC__LINK_FRAME_ENUM) SIMC__LINK_FRAME_COUNT };
#undef SIMC__LINK_FRAME_ENUM

/* Keys of the map in a hello, and of heads. Unknown ones are left to later versions. */
enum simc__link_hello_key {
    SIMC__LINK_HELLO_SERVICE = 1,
    SIMC__LINK_HELLO_VERSION_MIN = 2,
    SIMC__LINK_HELLO_VERSION_MAX = 3,
    SIMC__LINK_HELLO_NAME = 4,
    SIMC__LINK_HELLO_FRAME_LIMIT = 5,
    SIMC__LINK_HELLO_REQUEST_LIMIT = 6,
};
enum simc__link_head_key { SIMC__LINK_HEAD_REMAINING_MS = 1, SIMC__LINK_HEAD_TRACE = 2 };

/* ---- requests.c: those without an answer, by their id ---- */

struct simc__link_pending {
    uint32_t id; /* 0: free */
    uint32_t method;
    uint64_t deadline_ms;
    bool is_cancelled;
};

struct simc__link_table {
    struct simc__link_pending *entries;
    uint32_t capacity; /* a power of two, twice the limit at least */
    uint32_t limit, count;
    uint32_t cancelled_count;
    uint64_t first_ms; /* no deadline lies before it */
};

int simc__link_table_init(struct simc__link_table *table, uint32_t limit) SIMC_MUST_CHECK;
void simc__link_table_fini(struct simc__link_table *table);
struct simc__link_pending *simc__link_table_find(const struct simc__link_table *table, uint32_t id);
/* There must be room, and no such id. */
void simc__link_table_put(struct simc__link_table *table, const struct simc__link_pending *pending);
/* Takes any entry that is cancelled, or due at `now_ms`, or whichever. @return false: none. */
bool simc__link_table_take_cancelled(struct simc__link_table *table,
                                     struct simc__link_pending *taken);
bool simc__link_table_take_due(struct simc__link_table *table, uint64_t now_ms,
                               struct simc__link_pending *taken);
bool simc__link_table_take_any(struct simc__link_table *table, struct simc__link_pending *taken);
bool simc__link_table_take(struct simc__link_table *table, uint32_t id,
                           struct simc__link_pending *taken);

/* ---- the link ---- */

enum simc__link_state { SIMC__LINK_GREETING, SIMC__LINK_OPEN, SIMC__LINK_ENDED };

struct simc__link {
    struct simc__link_settings settings; /* the defaults filled in; its texts are these: */
    char service[SIMC__LINK_PEER_SIZE];
    char name[SIMC__LINK_PEER_SIZE];

    enum simc__link_state state;
    bool is_closed_told;
    uint64_t now_ms;
    uint64_t due_ms; /* deadlines up to here are to be acted on */
    uint64_t hello_deadline_ms;
    uint64_t heard_ms;
    uint64_t ping_deadline_ms;  /* SIMC_DEADLINE_NONE: it was not asked */
    uint64_t stall_deadline_ms; /* while blocked; SIMC_DEADLINE_NONE: not armed yet */
    bool has_progress;          /* output was taken since it was armed */
    uint32_t ping_number;

    uint32_t version;
    char peer[SIMC__LINK_PEER_SIZE];
    uint32_t send_limit;    /* bytes of a frame that the peer takes */
    uint32_t send_requests; /* requests that the peer takes at once */
    uint64_t issued;        /* ids given so far */
    bool is_limit_told;     /* the notice on refused requests was given */
    struct simc__link_table own, theirs;

    struct simc_slice fed;   /* borrowed, not looked at yet */
    struct simc_buffer kept; /* copies of what was not a whole frame, or came while blocked */
    size_t kept_used;        /* of its front: the frame of the last event */
    struct simc_buffer output;
    unsigned small_bursts;
    size_t begun_head; /* bytes of the frame that was begun and waits for its body */
    uint32_t begun_id;

    char notice[SIMC__LINK_TEXT_SIZE];
    char why[SIMC__LINK_TEXT_SIZE]; /* of the end */
};

/* link.c */
/* Ends the link; the first reason stays. tell: the peer is told. */
void simc__link_end(struct simc__link *link, bool tell, const char *format, ...) SIMC_PRINTF(3, 4);

/* receive.c: one frame in. @return true: it makes an event. */
bool simc__link_receive(struct simc__link *link, struct simc_slice frame,
                        struct simc__link_event *event);

/* frame.c */
/* The next whole frame; valid until simc__link_frame_release(). @return false: there is none. */
bool simc__link_frame_next(struct simc__link *link, struct simc_slice *frame);
/* Wipes the frame that was returned last, where it is a copy. */
void simc__link_frame_release(struct simc__link *link);
/* Copies what was fed and not looked at. */
void simc__link_frame_keep(struct simc__link *link);
/* Writes a whole frame. `head`: what stands in front of the body. */
int simc__link_out(struct simc__link *link, struct simc_slice head,
                   struct simc_slice body) SIMC_MUST_CHECK;
/* The same for frames of the link's own: without room or memory the link ends. */
void simc__link_out_own(struct simc__link *link, enum simc__link_frame frame, uint64_t number,
                        const char *text);
/* Room for a frame whose body is written in place, and its completion. */
int simc__link_out_begin(struct simc__link *link, struct simc_slice head, size_t size,
                         struct simc_writer *body) SIMC_MUST_CHECK;
int simc__link_out_end(struct simc__link *link, struct simc_writer *body) SIMC_MUST_CHECK;
void simc__link_out_drop(struct simc__link *link, size_t size);
/* The heads of frames. */
struct simc_slice simc__link_head_request(uint8_t room[SIMC__LINK_OVERHEAD], uint32_t id,
                                          uint32_t method, uint32_t remaining_ms,
                                          const uint8_t *trace);
struct simc_slice simc__link_head_event(uint8_t room[SIMC__LINK_OVERHEAD], uint32_t topic,
                                        const uint8_t *trace);
struct simc_slice simc__link_head_response(uint8_t room[SIMC__LINK_OVERHEAD], uint32_t id);
/* FAILURE: all of it. */
int simc__link_out_failure(struct simc__link *link, uint32_t id, uint32_t code,
                           const char *text) SIMC_MUST_CHECK;
/* The hello. */
int simc__link_out_hello(struct simc__link *link) SIMC_MUST_CHECK;

#endif
