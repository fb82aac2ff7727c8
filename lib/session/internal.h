/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the session share: its objects, and who does what. Only lib/session and its
 * tests include it.
 *
 * The way of a message in: receive.c decodes it and makes a step of it (which event, which stream),
 * run.c finds the row and calls its action, actions (ecmg.c, scs.c, ...) change the session, send
 * by output.c and leave notes, and event.c turns notes into what the application pulls. */
#ifndef SIMC__SESSION_INTERNAL_H
#define SIMC__SESSION_INTERNAL_H

#include "session/rows.h"

enum {
    SIMC__CWS_MAX = 16,   /* control words of one ECM: CW_per_msg 1..16, lead_CW 0..15 */
    SIMC__NOTES_MAX = 12, /* events of one step; the largest step leaves five */
    SIMC__INDEX_TOP = 16,
    SIMC__INDEX_NODE = 64,
    SIMC__SMALL_MESSAGE = 256, /* room for any message without variable parameters */
};

/* ---- streams ---- */

/* Pointers by a 16-bit number: three steps whatever the numbers are, so that a peer cannot choose
 * them to slow the search down. */
struct simc__index {
    void ***top[SIMC__INDEX_TOP];
    size_t memory;
};

struct simc__stream {
    uint16_t id;
    uint16_t object_id; /* ECM_id or data_id */
    uint16_t nominal_100ms;
    uint16_t cp_number; /* SCS: of the CW_provision without an answer */
    uint8_t state;      /* enum simc__state */
    uint8_t pending_count;
    uint8_t history_count;
    uint8_t close_reason; /* clients: why it is being closed */
    uint8_t data_type;    /* EMMG-MUX */
    bool has_object_id;
    bool transfer_mode;
    bool is_outstanding; /* clients: a CW_provision or stream_BW_request has no answer yet */
    bool is_priming;
    bool close_wanted; /* clients: to be closed when it is open */
    bool is_tested;
    bool has_ac;
    bool ac_is_news;    /* ECMG: not told to the application; SCS: to be sent again */
    uint32_t heap_at;   /* place in the heap of deadlines, from 1; 0: none */
    uint16_t room_size; /* bytes of `room` */
    uint16_t ac_size, ac_capacity;
    uint8_t *ac;
    uint64_t timer_ms; /* of its state: set-up, reply or close */
    uint64_t test_ms;
    uint64_t given_ms; /* clients: when the CW_provision or stream_BW_request was given */
    struct simc_session_bandwidth allocation; /* MUX: told last */
    void *context;
    /* ECMG: CP numbers without an answer (pending_limit of them), then the control words kept. */
    uint8_t room[];
};

/* ---- steps and notes ---- */

/* What every message may name, read without regard to whether the message is right. */
struct simc__fields {
    bool has_channel, has_stream, has_cp, has_object_id, has_nominal, has_duration, has_encryption,
        has_ac, has_client;
    uint16_t channel_id, stream_id, cp_number, object_id, nominal_100ms, duration_100ms;
    uint32_t client_id;
    uint16_t cw_count;
    size_t first_cw; /* where the TLV of the first control word stands behind the header */
    struct simc_slice encryption, ac, datagram;
};

/* One event on its way through the state machine. */
struct simc__step {
    enum simc__event event;
    bool is_stream; /* the row of the stream's state is wanted, not the channel's */
    bool has_state; /* `state` is to be taken instead */
    enum simc__state state;
    struct simc__stream *stream; /* or NULL: not open */
    uint16_t stream_id;
    uint16_t status; /* error_status to be sent */
    enum simc_session_reason reason;
    const struct simc__row *row;
    const void *request; /* arguments of a request */
    int result;          /* of a request; not 0: nothing has changed */
};

/* An event that waits to be pulled. What it shows of the message lies in the session. */
struct simc__note {
    uint8_t type, reason, notice;
    bool has_stream;
    bool with_message;
    bool with_statuses;
    uint16_t stream_id, cp_number;
    uint64_t waited_ms;
    const char *why;
};

/* What the message under work has brought; it stays until the next one is looked at. */
struct simc__context {
    bool is_set;
    struct simc_slice message;
    uint16_t statuses[SIMC_SESSION_STATUSES_MAX];
    size_t status_count;
    struct simc_slice information;
    const char *why; /* a sentence on what is wrong, where there is no fault to tell it */
    union {
        struct simc_ecmg_channel_setup channel_setup;
        struct simc_ecmg_channel_status channel_status;
        struct simc_ecmg_stream_setup stream_setup;
        struct simc_ecmg_stream_status stream_status;
        struct simc_ecmg_provision provision;
        struct simc_scs_ecm ecm;
        struct simc_emmg_channel_status emmg_channel_status;
        struct simc_emmg_stream_status emmg_stream_status;
        struct simc_session_bandwidth bandwidth;
        struct simc_mux_data data;
    } payload;
};

/* ---- interfaces ---- */

/* Who a message is about. */
struct simc__ids {
    uint32_t client_id; /* EMMG-MUX */
    uint16_t channel_id;
    int stream_id; /* -1: the channel */
};

/* The messages that both interfaces have, by the numbers of ECMG-SCS: those of EMMG-MUX differ from
 * them by a constant. */
enum simc__common_message {
    SIMC__CHANNEL_SETUP = SIMC_ECMG_MSG_CHANNEL_SETUP,
    SIMC__CHANNEL_TEST = SIMC_ECMG_MSG_CHANNEL_TEST,
    SIMC__CHANNEL_STATUS = SIMC_ECMG_MSG_CHANNEL_STATUS,
    SIMC__CHANNEL_CLOSE = SIMC_ECMG_MSG_CHANNEL_CLOSE,
    SIMC__CHANNEL_ERROR = SIMC_ECMG_MSG_CHANNEL_ERROR,
    SIMC__STREAM_SETUP = SIMC_ECMG_MSG_STREAM_SETUP,
    SIMC__STREAM_TEST = SIMC_ECMG_MSG_STREAM_TEST,
    SIMC__STREAM_STATUS = SIMC_ECMG_MSG_STREAM_STATUS,
    SIMC__STREAM_CLOSE_REQUEST = SIMC_ECMG_MSG_STREAM_CLOSE_REQUEST,
    SIMC__STREAM_CLOSE_RESPONSE = SIMC_ECMG_MSG_STREAM_CLOSE_RESPONSE,
    SIMC__STREAM_ERROR = SIMC_ECMG_MSG_STREAM_ERROR,
};

/* What the engine has to know of an interface: numbers, names, and who reads what is its own. */
struct simc__dialect {
    const char *interface;       /* id in the protocol tables */
    const char *client, *server; /* for sentences */
    uint16_t message_base;       /* message_type minus enum simc__common_message */
    uint16_t channel_id_type, stream_id_type;
    uint16_t client_id_type;                /* 0: it has none */
    uint16_t unknown_stream, invalid_value; /* error_status */
    /* What a message names, into session->fields. */
    void (*take_field)(struct simc__fields *fields, const struct simc_parameter *parameter);
    /* A status that answers: fills the payload, may change the event. */
    void (*channel_status)(struct simc_session *session, struct simc__step *step);
    void (*stream_status)(struct simc_session *session, struct simc__step *step);
    /* The stream_setup of a stream that is not open, in an open channel. */
    void (*stream_setup)(struct simc_session *session, struct simc__step *step);
    /* True when a stream_error is an answer to what is outstanding. */
    bool (*error_answers)(const struct simc_session *session);
    /* The messages that the other interface does not have. */
    void (*own_message)(struct simc_session *session, struct simc__step *step);
    int (*put_channel_status)(const struct simc_session *session, struct simc_writer *writer);
    int (*put_stream_status)(const struct simc_session *session, const struct simc__stream *stream,
                             struct simc_writer *writer);
};

extern const struct simc__dialect simc__ecmg_dialect, simc__emmg_dialect;

/* ---- the session ---- */

struct simc_session {
    enum simc__role role;
    bool is_server;
    const struct simc__dialect *dialect;
    struct simc_session_settings common; /* with the defaults filled in */
    union {
        struct simc_ecmg_settings ecmg;
        struct simc_scs_settings scs;
        struct simc_mux_settings mux;
        struct simc_emmg_settings emmg;
    } own;
    const struct simc_interface *interface;
    struct simc_rules rules;

    enum simc__state state;
    enum simc_session_reason end_reason;
    enum simc_session_reason closing_reason; /* clients: why the channel is closing */
    uint8_t version;                         /* of the connection; 0: none yet */
    uint16_t channel_id;
    uint32_t client_id;                          /* EMMG-MUX: of the open channel */
    struct simc_ecmg_channel_status status;      /* ECMG-SCS: of the open channel */
    struct simc_emmg_channel_status emmg_status; /* EMMG-MUX: likewise */

    uint64_t now_ms;
    uint64_t due_ms;   /* timers up to here are to be acted on */
    uint64_t timer_ms; /* set-up, grace or close timer of the channel */
    enum simc__event timer_event;
    uint64_t test_ms;
    uint64_t heard_ms; /* when the last message came */
    bool is_tested;
    bool version_told; /* the notice on another version was given */
    uint32_t fault_count;

    /* What the application has been asked (SIMC__ANY: nothing), ASKED or ST_ASKED. */
    enum simc__state asked;
    uint8_t asked_version;
    bool asked_bandwidth; /* MUX: in the stream `asked_stream_id`, whose state is ST_OPEN */
    uint16_t asked_channel_id, asked_stream_id;
    uint32_t asked_client_id; /* EMMG-MUX */
    union {
        struct simc_ecmg_channel_setup asked_channel;
        struct simc_emmg_channel_setup asked_emmg_channel;
    };
    union {
        struct simc_ecmg_stream_setup asked_stream;
        struct simc_emmg_stream_setup asked_emmg_stream;
    };

    struct simc_framer framer;
    struct simc_buffer kept; /* input that could not be looked at while the output was full */
    struct simc_buffer output;
    struct simc_buffer sent_log; /* log_sent_messages: what was sent and not told */
    struct simc_buffer sent_now;
    unsigned small_bursts; /* since the output needed the memory that it has */
    bool input_is_kept;
    bool is_held;     /* by the application */
    bool is_deferred; /* and it will answer later what it was asked */
    bool closed_told; /* the last event is queued */

    struct simc__note notes[SIMC__NOTES_MAX];
    unsigned note_first, note_count;
    struct simc__context context;
    struct simc__fields fields;
    struct simc_msg msg;
    struct simc_fault fault;

    struct simc__index streams;    /* by ECM_stream_id or data_stream_id */
    struct simc__index object_ids; /* servers: by ECM_id or data_id */
    size_t stream_total;           /* in the index */
    size_t stream_count;           /* open */
    size_t stream_memory;
    struct simc__stream *dying; /* servers: has ended, but its event is not over */
    bool all_dying;
    struct simc__stream **heap; /* streams with a deadline, the first one at 0 */
    size_t heap_count, heap_capacity;

    uint8_t cw_size_max; /* bytes of the longest control word served */
    uint8_t cw_count;    /* of `cws`, to be wiped */
    struct simc_control_word cws[SIMC__CWS_MAX];
};

/* settings.c: the settings with their defaults, or SIMC_EINVAL. */
int simc__settings_fill(struct simc_session *session, const void *from);

/* run.c: the engine. */
void simc__run(struct simc_session *session, struct simc__step *step);
/** Runs an event of the channel that carries nothing but a reason. */
void simc__run_channel(struct simc_session *session, enum simc__event event,
                       enum simc_session_reason reason);
bool simc__channel_is_open(const struct simc_session *session);
unsigned simc__row_index(const struct simc__row *row);
#define ACTION(name, text) \
    void simc__do_##name(struct simc_session *session, struct simc__step *step);
#include "session/actions.def"
#undef ACTION

/* receive.c: one message in. */
bool simc__receive(struct simc_session *session);
bool simc__has_status(const struct simc_session *session, uint16_t status);
/** Reads a parameter of two bytes, the first of its kind. */
void simc__take_u16(const struct simc_parameter *parameter, bool *has, uint16_t *value);
/** Makes the step that of an invalid value. */
void simc__fail_value(struct simc_session *session, struct simc__step *step, const char *why);
/** True when the session takes no part in the message, as it names another client than ours. */
bool simc__names_other_client(const struct simc_session *session);
/* emmg_receive.c: a data_provision as it should be, in one pass. @return false: look at it in the
 * long way. */
bool simc__data_provision_take(struct simc_session *session, struct simc_slice message,
                               struct simc__step *step);

/* What a data_provision holds. */
struct simc__data_provision {
    bool has_client, has_channel, has_stream, has_data_id;
    uint32_t client_id;
    uint16_t channel_id, stream_id, data_id;
    uint32_t datagram_count;
    size_t first_at; /* of the first datagram's TLV behind the header */
    size_t bytes;    /* of all datagrams */
};

/** Reads a data_provision whose parameters are all of its own and of their right length, each id
 *  once at most. @return false: it is of another kind, and perhaps right all the same. */
bool simc__data_provision_read(struct simc_slice message, struct simc__data_provision *out);
struct simc_values simc__data_provision_values(struct simc_slice message,
                                               const struct simc__data_provision *from);
/* ecmg_provision.c: the checks of a CW_provision; stores what is to be kept.
 * Returns 0 or the error_status; on 0 the control words stand in session->cws. */
uint16_t simc__provision_check(struct simc_session *session, struct simc__stream *stream);

/* output.c: messages out. All end the session when there is no room or memory. */
uint8_t simc__reply_version(const struct simc_session *session);
struct simc_writer simc__out_begin(struct simc_session *session, size_t most);
int simc__out_end(struct simc_session *session, struct simc_writer *writer);
/** @param stream_id -1: channel_error. */
int simc__send_error(struct simc_session *session, struct simc__ids ids, const uint16_t *statuses,
                     size_t count, struct simc_slice information);
int simc__send_channel_test(struct simc_session *session);
int simc__send_channel(struct simc_session *session, enum simc__common_message message);
int simc__send_channel_status(struct simc_session *session);
int simc__send_stream(struct simc_session *session, enum simc__common_message message,
                      uint16_t stream_id);
/** The ids of our channel, and of a stream (-1: none). */
struct simc__ids simc__ids_of(const struct simc_session *session, int stream_id);
/** Writes the ids that stand in front of every message. */
void simc__put_ids(const struct simc_session *session, struct simc_writer *writer,
                   struct simc__ids ids);
int simc__send_stream_status(struct simc_session *session, const struct simc__stream *stream);
void simc__drop_wiped(struct simc_buffer *buffer, size_t size);

/* event.c: notes to events. A NULL is returned when the last event is queued already. */
struct simc__note *simc__note(struct simc_session *session, enum simc_session_event_type type);
struct simc__note *simc__note_stream(struct simc_session *session,
                                     enum simc_session_event_type type, uint16_t stream_id);
void simc__notice(struct simc_session *session, const struct simc__step *step,
                  enum simc_session_notice notice, const char *why);
bool simc__event_pull(struct simc_session *session, struct simc_session_event *event);
bool simc__event_pull_sent(struct simc_session *session, struct simc_session_event *event);

/* timers.c: deadlines. */
void simc__timer_start(struct simc_session *session, struct simc__stream *stream,
                       enum simc__timer timer);
void simc__timer_stop(struct simc_session *session, struct simc__stream *stream);
/** Acts on one timer that is due. @return false: there is none. */
bool simc__timer_expire(struct simc_session *session);
int simc__heap_reserve(struct simc_session *session, size_t count);
void simc__heap_update(struct simc_session *session, struct simc__stream *stream);

/* streams.c and index.c: the streams of a channel. */
void *simc__index_get(const struct simc__index *index, uint16_t number);
int simc__index_put(struct simc__index *index, uint16_t number, void *pointer);
void simc__index_drop(struct simc__index *index, uint16_t number);
/** The first pointer at or behind `*number`, which becomes its number; NULL: none. */
void *simc__index_next(const struct simc__index *index, uint32_t *number);
void simc__index_fini(struct simc__index *index);
struct simc__stream *simc__stream_find(const struct simc_session *session, uint16_t id);
int simc__stream_new(struct simc_session *session, uint16_t id, bool has_object_id,
                     uint16_t object_id, struct simc__stream **stream);
/** Ends a stream: wiped now, released at once or behind its event. */
void simc__stream_end(struct simc_session *session, struct simc__stream *stream);
/** Ends all of them, with their channel. */
void simc__streams_end(struct simc_session *session);
/** Releases what has ended and was told. */
void simc__streams_bury(struct simc_session *session);
void simc__streams_fini(struct simc_session *session);
/** The context that the application gave for a stream of a server, or NULL. */
void *simc__stream_context(const struct simc_session *session, enum simc__role role,
                           uint16_t stream_id);
bool simc__stream_next(const struct simc_session *session, enum simc__role role, uint32_t *next,
                       uint16_t *stream_id, void **context);
/* client.c: requests of both clients. */
int simc__client_close_stream(struct simc_session *session, enum simc__role role,
                              uint16_t stream_id, uint64_t now_ms);
int simc__send_close_request(struct simc_session *session, struct simc__stream *stream);
/* server.c: the application accepts a stream. */
int simc__server_accept_stream(struct simc_session *session, enum simc__role role,
                               const void *request);
/* session.c: birth; the clock. */
int simc__session_new(enum simc__role role, const void *settings, uint64_t now_ms,
                      struct simc_session **made);
void simc__set_now(struct simc_session *session, uint64_t now_ms);
/** Keeps access criteria. @return 0 or SIMC_ENOMEM (nothing changed). */
int simc__stream_keep_ac(struct simc_session *session, struct simc__stream *stream,
                         struct simc_slice ac);
uint16_t *simc__stream_pending(struct simc__stream *stream);
void simc__history_keep(struct simc_session *session, struct simc__stream *stream, uint16_t cp);
const uint8_t *simc__history_find(const struct simc_session *session,
                                  const struct simc__stream *stream, uint16_t cp);

#endif
