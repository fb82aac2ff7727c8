/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/session.h
 * @brief Sessions of ECMG-SCS in both roles, as state machines without I/O, and what they share
 * with those of EMMG-MUX (simulcrypt/emmg_session.h).
 *
 * Bytes, time and requests go in; bytes, events and one deadline come out. A session knows no
 * socket, no clock, no thread and no log. One connection is one session and carries one channel
 * [5.1]. What drives a session is always the same loop:
 *
 *     simc_session_feed(session, received, now_ms);
 *     while (simc_session_next_event(session, &event))
 *         handle(&event);                        // answers with the functions below
 *     send(simc_session_output(session));        // then simc_session_sent()
 *     arm_timer(simc_session_deadline_ms(session)); // when due: simc_session_expire(), then events
 *     if (simc_session_wants_close(session)) close_the_connection();
 *
 * simulcrypt/uv.h does it over TCP and TLS with libuv.
 *
 * The bytes given to simc_session_feed() are borrowed until simc_session_next_event() has returned
 * false. What an event points to lives until the next call of simc_session_next_event(). Messages
 * are looked at one at a time: an answer to an event stands in the output before the answer to the
 * message behind it.
 *
 * Times are monotonic milliseconds (see simc_deadline_after()); they must not run backwards.
 * A session belongs to one thread at a time. The rows of the state machine, with the clause of each
 * and a mark where the standard is silent, are in specs/sessions.
 */
#ifndef SIMULCRYPT_SESSION_H
#define SIMULCRYPT_SESSION_H

#include "simulcrypt/msg.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One end of one connection. */
struct simc_session;

/** Why a channel, a stream or the connection ends. */
#define SIMC_SESSION_REASON_ROWS(ROW)                                                          \
    ROW(NONE, "it has not ended")                                                              \
    ROW(REQUESTED, "this side asked for it")                                                   \
    ROW(PEER_CLOSED, "the peer closed it")                                                     \
    ROW(DISCONNECTED, "the connection was lost")                                               \
    ROW(REFUSED, "it was refused with an error message")                                       \
    ROW(VERSION_REFUSED, "the peer does not support the protocol_version")                     \
    ROW(UNRECOVERABLE, "an unrecoverable error (0x7001) was reported")                         \
    ROW(SETUP_TIMEOUT, "the answer to a set-up message did not come in time")                  \
    ROW(TEST_TIMEOUT, "the answer to a test message did not come in time")                     \
    ROW(CLOSE_TIMEOUT, "the answer to a close request did not come in time")                   \
    ROW(NO_SETUP, "no channel was opened in time")                                             \
    ROW(GRACE_OVER, "the peer did not close the connection after its channel had ended")       \
    ROW(TOO_MANY_FAULTS, "too many invalid messages followed each other")                      \
    ROW(UNEXPECTED, "the peer answered with a message that cannot be an answer")               \
    ROW(PARAMETERS_CHANGED, "the ECMG changed parameters that hold for the life of a channel") \
    ROW(CHANNEL_CLOSED, "its channel has ended")                                               \
    ROW(OUTPUT_FULL, "the peer does not read what is sent to it")                              \
    ROW(NO_MEMORY, "no memory")

#define SIMC__SESSION_REASON_ENUM(name, text) SIMC_REASON_##name,
enum simc_session_reason { SIMC_SESSION_REASON_ROWS(SIMC__SESSION_REASON_ENUM) };
#undef SIMC__SESSION_REASON_ENUM

/** The sentence of a reason, without a full stop; never NULL. */
SIMC_API const char *simc_session_reason_text(enum simc_session_reason reason);

/* ------------------------------------------------------------------------------- settings -- */

/** A control word with the number of its crypto period. */
struct simc_control_word {
    uint16_t cp_number;
    struct simc_secret cw;
};

/** What both roles have. A zeroed struct is complete: each 0 stands for the default named. */
struct simc_session_settings {
    bool strict; /**< unknown messages and parameters are answered with errors, not skipped */
    bool log_sent_messages; /**< SIMC_EVENT_NOTICE for every message sent too (for conversations) */
    /** error_information in our errors: none (the default, every peer accepts that) or the two
     *  bytes of the parameter_type to blame. */
    bool send_error_information;
    uint32_t length_limit; /**< longest message_length; longer ones are drained, 0x0004; 65535 */
    uint32_t stream_limit; /**< most streams of the channel, 1..65536; 4096, MUX 16 */
    uint32_t output_limit; /**< bytes waiting to be sent before the session ends itself; 4 MiB.
                            *   From a quarter of it on no further message is looked at. */
    uint32_t fault_limit;  /**< invalid messages in a row before the session ends itself; 32 */
    uint32_t setup_ms;     /**< SCS, EMMG: longest wait for channel_status and stream_status; 5000.
                            *   ECMG, MUX: longest wait for a channel_setup; 30000 */
    uint32_t test_ms;      /**< longest wait for the answer to a test; 5000 */
    uint32_t close_ms;     /**< SCS, EMMG: longest wait for stream_close_response; 5000.
                            *   ECMG, MUX: how long the peer has to close the connection; 1000 */
    /** Silence of the peer after which it is tested; SIMC_IDLE_TEST_OFF: never. Default: 10000, but
     *  ECMG off, because known SCSs take any message but the ECM_response for a refusal. */
    uint32_t idle_ms;
    /** Called with each row of the state machine that is used, for coverage; may be NULL. */
    void (*trace)(void *context, unsigned row);
    void *trace_context;
};

#define SIMC_IDLE_TEST_OFF UINT32_MAX

/** The ECMG's side. */
struct simc_ecmg_settings {
    struct simc_session_settings common;
    uint32_t versions; /**< bit n: protocol_version n is served; 0: versions 1, 2, 3, 5 */
    uint64_t cw_sizes; /**< bit n: control words of n bytes; 0: 8 and 16 bytes */
    uint32_t access_criteria_limit; /**< bytes kept for a stream; longer ones: 0x0011; 4096 */
    uint32_t pending_limit; /**< CW_provisions of a stream without an answer; the next one is
                             *   answered 0x000D; 1..16; 2 */
    /** Accept only the exact set of control words n+x-y+1..n+x (lead_CW x, CW_per_msg y). Otherwise
     *  also n..n+y-1, and two (n, n+1) where CW_per_msg is 1, as known SCSs send them. */
    bool exact_cws;
    bool zero_encryption_is_clear; /**< a CW_encryption of two zero bytes means "not encrypted" */
    /** Decrypts the control words of a message that has CW_encryption; NULL: such messages are
     *  answered 0x000E. @param cws changed in place. @return 0, or an error_status to answer. */
    int (*cw_decrypt)(void *context, struct simc_slice cw_encryption, struct simc_control_word *cws,
                      size_t count);
    void *cw_decrypt_context;
};

/** The SCS's side. */
struct simc_scs_settings {
    struct simc_session_settings common;
    uint8_t version; /**< protocol_version of this connection; 0: 3. After a refusal see
                      *   simc_scs_version_after() */
    uint16_t ecm_channel_id;
    uint32_t super_cas_id;
    uint32_t reply_allowance_ms; /**< on top of max_comp_time_ms for an ECM_response; 500 */
    uint32_t reply_max_comp_ms;  /**< taken for a max_comp_time of 0; 1000 */
};

/* --------------------------------------------------------------------------------- events -- */

#define SIMC_SESSION_EVENT_ROWS(ROW)                                                           \
    /* ECMG: a channel_setup; `channel_setup`. Answer before the next event is asked for, with \
     * simc_ecmg_channel_accept() or simc_session_refuse(); without, 0x7000 is answered.       \
     * MUX: the same with `emmg_channel_setup` and simc_mux_channel_accept(). */               \
    ROW(CHANNEL_SETUP)                                                                         \
    /* ECMG: a stream_setup that is right in itself; `stream_setup`. Answer likewise, with     \
     * simc_ecmg_stream_accept() or simc_session_refuse().                                     \
     * MUX: the same with `emmg_stream_setup` and simc_mux_stream_accept(). */                 \
    ROW(STREAM_SETUP)                                                                          \
    /* ECMG: an ECM is wanted; `provision`. Answer now or at any later time with               \
     * simc_ecmg_respond() or simc_ecmg_respond_error(). */                                    \
    ROW(CW_PROVISION)                                                                          \
    /* MUX: datagrams of a stream; `data`. They are not looked into: see                       \
     * simc_datagram_check(). */                                                               \
    ROW(DATA)                                                                                  \
    /* MUX: a stream_BW_request; `bandwidth`: what is asked for, or not known: the EMMG asks   \
     * for its present allocation. Answer before the next event is asked for, with             \
     * simc_mux_allocate(); without, the allocation that was told last is told again. */       \
    ROW(BW_REQUEST)                                                                            \
    /* SCS: the channel is open; `channel_status`. EMMG: likewise, `emmg_channel_status`. */   \
    ROW(CHANNEL_OPEN)                                                                          \
    /* SCS: the stream is open; `stream_status`. EMMG: likewise, `emmg_stream_status`. */      \
    ROW(STREAM_OPEN)                                                                           \
    /* SCS: the ECM of the CW_provision that was outstanding; `ecm`. */                        \
    ROW(ECM)                                                                                   \
    /* SCS: the CW_provision got no ECM: `cp_number`, and `statuses` (an error came, or the    \
     * answer was invalid), or none of them (it did not come in time). The stream may send its \
     * next one. */                                                                            \
    ROW(NO_ECM)                                                                                \
    /* SCS: a priming CW_provision was taken, with 0x000B or with an ECM that must not be      \
     * played; `cp_number`. */                                                                 \
    ROW(PRIMED)                                                                                \
    /* EMMG: stream_BW_allocation, asked for or not; `bandwidth`, not known when the MUX names \
     * none. It holds from now on. */                                                          \
    ROW(BW_ALLOCATION)                                                                         \
    /* EMMG: a stream_BW_request got no answer in time, or an error (`statuses`). */           \
    ROW(NO_BW_ALLOCATION)                                                                      \
    /* All: channel_status in answer to our channel_test; `channel_status` or                  \
     * `emmg_channel_status`. */                                                               \
    ROW(CHANNEL_STATUS)                                                                        \
    /* All: stream_status in answer to our stream_test; `stream_status` or                     \
     * `emmg_stream_status`. */                                                                \
    ROW(STREAM_STATUS)                                                                         \
    /* All: channel_error or stream_error from the peer (has_stream); `statuses`,              \
     * `information`. What it ends has events of its own. */                                   \
    ROW(PEER_ERROR)                                                                            \
    /* All: a stream has ended; `reason`; on a refusal `statuses` too. */                      \
    ROW(STREAM_CLOSED)                                                                         \
    /* All: the channel has ended and all its streams with it (no STREAM_CLOSED for each when  \
     * it is the channel that ends); `reason`, `statuses`. The last event for an SCS or EMMG.  \
     */                                                                                        \
    ROW(CHANNEL_CLOSED)                                                                        \
    /* All: something for a log: `notice`, and `text` in words. */                             \
    ROW(NOTICE)

#define SIMC__SESSION_EVENT_ENUM(name) SIMC_EVENT_##name,
enum simc_session_event_type {
    SIMC_EVENT_NONE,
    SIMC_SESSION_EVENT_ROWS(SIMC__SESSION_EVENT_ENUM) SIMC_EVENT_COUNT
};
#undef SIMC__SESSION_EVENT_ENUM

/** What a notice is about. */
enum simc_session_notice {
    SIMC_NOTICE_FAULT,   /**< an error message was sent: `statuses`, `fault` or NULL */
    SIMC_NOTICE_IGNORED, /**< a message was ignored, because it is unknown or came unasked */
    SIMC_NOTICE_LATE,    /**< an ECM_response came too late or twice, and was dropped */
    SIMC_NOTICE_VERSION, /**< the peer answered in another protocol_version */
    SIMC_NOTICE_CHANGED, /**< the peer answered a test with other values than before */
    SIMC_NOTICE_TEST,    /**< the peer is silent, and is tested */
    SIMC_NOTICE_SENT,    /**< a message was sent: `message` (only with log_sent_messages) */
};

enum { SIMC_SESSION_TEXT_SIZE = 256, SIMC_SESSION_STATUSES_MAX = 8 };

/** A CW_provision, as the ECMG's application sees it. */
struct simc_ecmg_provision {
    uint16_t cp_number;
    uint16_t ecm_id;
    uint16_t cp_duration_100ms; /**< that of this period: nominal, unless the message says other */
    /** Control words of consecutive periods, cp_number + cws[i] rising: all that are known among
     *  those that this message should carry and those of CP n..n+lead_CW, from this message or kept
     *  from earlier ones. Those of CP n..n+lead_CW are always all there. Wiped behind the event. */
    const struct simc_control_word *cws;
    size_t cw_count;
    bool has_access_criteria;
    bool access_criteria_changed;      /**< they differ from those of the CW_provision before */
    struct simc_slice access_criteria; /**< those in force: of this message, or kept from earlier */
};

/** An ECM_response, as the SCS's application sees it. */
struct simc_scs_ecm {
    uint16_t cp_number;
    struct simc_slice datagram; /**< empty: no ECM is to be broadcast in this period */
    /** Why the datagram is not what section_TSpkt_flag promises; NULL: it is, or it is empty. */
    const char *datagram_fault;
};

/** A bandwidth of EMMG-MUX. */
struct simc_session_bandwidth {
    bool is_known; /**< false: the message names none */
    uint16_t kbitps;
};

/** A data_provision, as the MUX's application sees it. */
struct simc_mux_data {
    uint16_t data_id;  /**< of the stream, 0 in version 1 */
    uint8_t data_type; /**< of the stream */
    void *context;     /**< what the application gave for the stream */
    size_t bytes;      /**< of all datagrams together */
    /** The datagrams, borrowed, in the order of the message: `datagrams.count` of them, one after
     *  the other by simc_values_next(). */
    struct simc_values datagrams;
};

/** One event. Only what its type names is filled. */
struct simc_session_event {
    enum simc_session_event_type type;
    enum simc_session_reason reason;
    enum simc_session_notice notice;
    uint8_t version; /**< protocol_version of the connection, 0 as long as there is none */
    bool has_stream; /**< it concerns the stream `ecm_stream_id`, not only the channel */
    union {          /* the same number, by the name that the interface has for it */
        uint16_t ecm_channel_id;
        uint16_t data_channel_id;
    };
    union {
        uint16_t ecm_stream_id;
        uint16_t data_stream_id;
    };
    uint32_t client_id; /**< EMMG-MUX: of the channel */
    uint16_t cp_number;
    uint64_t waited_ms; /**< ECM, NO_ECM, PRIMED: since the CW_provision was given */
    uint16_t statuses[SIMC_SESSION_STATUSES_MAX];
    size_t status_count;           /**< of those kept */
    struct simc_slice information; /**< the first error_information, or empty */
    struct simc_ecmg_channel_setup channel_setup;
    struct simc_ecmg_channel_status channel_status;
    struct simc_ecmg_stream_setup stream_setup;
    struct simc_ecmg_stream_status stream_status;
    struct simc_ecmg_provision provision;
    struct simc_scs_ecm ecm;
    struct simc_emmg_channel_setup emmg_channel_setup;
    struct simc_emmg_channel_status emmg_channel_status;
    struct simc_emmg_stream_setup emmg_stream_setup;
    struct simc_emmg_stream_status emmg_stream_status;
    struct simc_session_bandwidth bandwidth;
    struct simc_mux_data data;
    const struct simc_fault *fault; /**< what was wrong with a message, or NULL */
    struct simc_slice message; /**< the message that led to the event, or empty; may hold CWs */
    char text[SIMC_SESSION_TEXT_SIZE]; /**< NOTICE, PEER_ERROR, ..._CLOSED: a sentence for a log,
                                        *   without a full stop and without secrets */
};

/** The name of an event, `"CW_PROVISION"`. */
SIMC_API const char *simc_session_event_name(enum simc_session_event_type type);

/* ------------------------------------------------------------------------------- all roles -- */

/** Makes the ECMG's side of an accepted connection.
 *  @param settings copied; NULL: the defaults. @return 0, SIMC_EINVAL (a limit is out of its
 *  range), SIMC_ENOMEM. */
SIMC_API int simc_ecmg_session_new(const struct simc_ecmg_settings *settings, uint64_t now_ms,
                                   struct simc_session **session) SIMC_MUST_CHECK;
/** Makes the SCS's side of a connection that has just been opened; the channel_setup stands in the
 *  output at once. @return as simc_ecmg_session_new(). */
SIMC_API int simc_scs_session_new(const struct simc_scs_settings *settings, uint64_t now_ms,
                                  struct simc_session **session) SIMC_MUST_CHECK;
/** Wipes and releases; NULL is fine. */
SIMC_API void simc_session_free(struct simc_session *session);

/** Gives received bytes, in any pieces. @param bytes borrowed until simc_session_next_event() has
 *  returned false; no other bytes may be given before that. */
SIMC_API void simc_session_feed(struct simc_session *session, struct simc_slice bytes,
                                uint64_t now_ms);
/** The connection is lost or closed: the session ends without sending anything more. */
SIMC_API void simc_session_disconnected(struct simc_session *session, uint64_t now_ms);
/** The next event. @return false: there is none, and all bytes given have been looked at, except
 *  when simc_session_is_blocked(). */
SIMC_API bool simc_session_next_event(struct simc_session *session,
                                      struct simc_session_event *event) SIMC_MUST_CHECK;
/** True when the output has reached a quarter of its limit, or the application holds the session:
 *  bytes that were given are kept by the session (a copy is made), and nothing should be read from
 *  the peer. After simc_session_sent() or simc_session_release() ask for events again. */
SIMC_API bool simc_session_is_blocked(const struct simc_session *session);
/** No further message is looked at until simc_session_release(): the application has no room for
 *  more, and the peer is to wait. Meanwhile the peer is not tested for silence. What has been given
 *  already is kept up to output_limit, which must hold one read of the adapter. */
SIMC_API void simc_session_hold(struct simc_session *session);
/** What the last event asked (CHANNEL_SETUP, STREAM_SETUP, BW_REQUEST) is answered at a later time:
 *  the session is held until simc_session_release(), behind which the answer is due before the next
 *  event is asked for. Timers of the session that end it go on. @return 0, SIMC_EINVAL (nothing was
 *  asked). */
SIMC_API int simc_session_defer(struct simc_session *session) SIMC_MUST_CHECK;
/** The end of simc_session_hold() and simc_session_defer(); ask for events. */
SIMC_API void simc_session_release(struct simc_session *session, uint64_t now_ms);
/** Bytes to be sent; empty: none. Valid until the next call on this session. */
SIMC_API struct simc_slice simc_session_output(const struct simc_session *session);
/** The first `size` bytes of the output are sent and will be wiped. */
SIMC_API void simc_session_sent(struct simc_session *session, size_t size);
/** When simc_session_expire() is to be called, or SIMC_DEADLINE_NONE. */
SIMC_API uint64_t simc_session_deadline_ms(const struct simc_session *session);
/** Acts on all timers that are due; ask for events and output afterwards. */
SIMC_API void simc_session_expire(struct simc_session *session, uint64_t now_ms);
/** Why the connection is to be closed, once the output has been sent; SIMC_REASON_NONE: it is not.
 */
SIMC_API enum simc_session_reason simc_session_wants_close(const struct simc_session *session);

/** True between the opening and the end of the channel. */
SIMC_API bool simc_session_is_open(const struct simc_session *session);
/** The protocol_version of the connection; 0: none yet. */
SIMC_API uint8_t simc_session_version(const struct simc_session *session);
/** Streams that are open. */
SIMC_API size_t simc_session_stream_count(const struct simc_session *session);
/** Bytes of memory held by the session and its streams. */
SIMC_API size_t simc_session_memory(const struct simc_session *session);

/** Refuses what the last event asked (CHANNEL_SETUP, STREAM_SETUP).
 *  @param information error_information; usually empty. @return 0, SIMC_EINVAL (nothing was asked).
 */
SIMC_API int simc_session_refuse(struct simc_session *session, uint16_t status,
                                 struct simc_slice information) SIMC_MUST_CHECK;
/** Sends channel_error (or stream_error for an open stream), for applications and testers.
 *  @param stream_id -1: channel_error. @return 0, SIMC_ENOTFOUND (no such stream or channel),
 *  SIMC_EINVAL. */
SIMC_API int simc_session_send_error(struct simc_session *session, int stream_id, uint16_t status,
                                     struct simc_slice information) SIMC_MUST_CHECK;
/** Sends channel_test (`stream_id` -1) or stream_test; the answer comes as an event.
 *  @return 0, SIMC_ENOTFOUND, SIMC_EFULL (one is under way). */
SIMC_API int simc_session_test(struct simc_session *session, int stream_id,
                               uint64_t now_ms) SIMC_MUST_CHECK;
/** Ends the channel: an SCS or EMMG closes its streams and the channel in due order, an ECMG or MUX
 *  reports an unrecoverable error (0x7001), as only clients have a close message. Then the session
 *  wants to be closed. */
SIMC_API void simc_session_close(struct simc_session *session, uint64_t now_ms);

/* ------------------------------------------------------------------------------- ECMG role -- */

/** Opens the channel that the last event (CHANNEL_SETUP) asked for.
 *  @param status what is announced and holds for the life of the channel; its ecm_channel_id is
 *  overwritten. lead_cw 0..15, cw_per_msg 1..16. @return 0, SIMC_EINVAL (nothing was asked, or a
 *  value is out of range), SIMC_ENOMEM. */
SIMC_API int simc_ecmg_channel_accept(
    struct simc_session *session, const struct simc_ecmg_channel_status *status) SIMC_MUST_CHECK;
/** Opens the stream that the last event (STREAM_SETUP) asked for. @param transfer_mode
 *  access_criteria_transfer_mode. @param context the application's own, see
 *  simc_ecmg_stream_context(). @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
SIMC_API int simc_ecmg_stream_accept(struct simc_session *session, bool transfer_mode,
                                     void *context) SIMC_MUST_CHECK;
/** What the application gave for an open stream (also during its STREAM_CLOSED event); NULL
 *  otherwise. */
SIMC_API void *simc_ecmg_stream_context(const struct simc_session *session, uint16_t stream_id);
/** Walks over the streams, for the end of a channel. @param next start with 0. @return false: no
 *  more. The streams of a channel that ended can be walked during its CHANNEL_CLOSED event. */
SIMC_API bool simc_ecmg_stream_next(const struct simc_session *session, uint32_t *next,
                                    uint16_t *stream_id, void **context);
/** Answers a CW_provision with an ECM. @param datagram one section or whole TS packets, as
 * announced; empty: no ECM in this period; at most 65000 bytes. @return 0; SIMC_ENOTFOUND (no such
 * stream, or nothing of that number is outstanding: it is gone); SIMC_EINVAL; SIMC_EFULL. */
SIMC_API int simc_ecmg_respond(struct simc_session *session, uint16_t stream_id, uint16_t cp_number,
                               struct simc_slice datagram) SIMC_MUST_CHECK;
/** Answers a CW_provision with a stream_error. @return as simc_ecmg_respond(). */
SIMC_API int simc_ecmg_respond_error(struct simc_session *session, uint16_t stream_id,
                                     uint16_t cp_number, uint16_t status,
                                     struct simc_slice information) SIMC_MUST_CHECK;

/* -------------------------------------------------------------------------------- SCS role -- */

/** The protocol_version to try after one was refused: 3 gives 2, everything else 0 (none). */
SIMC_API uint8_t simc_scs_version_after(uint8_t refused);

/** Opens a stream; STREAM_OPEN or STREAM_CLOSED follows.
 *  @return 0, SIMC_EINVAL (the id is in use), SIMC_ENOTFOUND (the channel is not open), SIMC_EFULL
 *  (max_streams or stream_limit), SIMC_ENOMEM. */
SIMC_API int simc_scs_stream_open(struct simc_session *session, uint16_t stream_id, uint16_t ecm_id,
                                  uint16_t nominal_cp_duration_100ms,
                                  uint64_t now_ms) SIMC_MUST_CHECK;
/** Closes a stream; STREAM_CLOSED follows. @return 0, SIMC_ENOTFOUND. */
SIMC_API int simc_scs_stream_close(struct simc_session *session, uint16_t stream_id,
                                   uint64_t now_ms) SIMC_MUST_CHECK;

/** A CW_provision to be sent. */
struct simc_scs_provision {
    uint16_t ecm_stream_id;
    uint16_t cp_number;
    const struct simc_control_word *cws; /**< borrowed for the call, in any order */
    size_t cw_count;                     /**< CW_per_msg of the channel, or with any_count 1..255 */
    bool any_count;                      /**< for testers: do not compare with CW_per_msg */
    bool priming;                        /**< 0x000B and ECMs that are not to be played are right */
    bool has_cp_duration;                /**< send it (only where it is not nominal) */
    uint16_t cp_duration_100ms;
    bool has_access_criteria;
    /** Those of this period. With transfer mode 0 they are sent when they are the first ones or
     *  differ from those sent before, with transfer mode 1 always. */
    struct simc_slice access_criteria;
    struct simc_slice cw_encryption; /**< empty: not sent; the CWs are then in the clear */
};

/** Sends a CW_provision; ECM, PRIMED or NO_ECM follows, or the end of stream or channel.
 *  @return 0, SIMC_ENOTFOUND (the stream is not open), SIMC_EFULL (the one before has no answer
 * yet, 5.5.7), SIMC_EINVAL, SIMC_ENOMEM. */
SIMC_API int simc_scs_provide(struct simc_session *session,
                              const struct simc_scs_provision *provision,
                              uint64_t now_ms) SIMC_MUST_CHECK;
/** The parameters of the open channel, as the ECMG announced them; NULL when it is not open. */
SIMC_API const struct simc_ecmg_channel_status *simc_scs_channel_status(
    const struct simc_session *session);

#ifdef __cplusplus
}
#endif
#endif
