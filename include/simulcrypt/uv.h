/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/uv.h
 * @brief TCP, TLS and unix socket connections for protocol objects without I/O, on libuv.
 *
 * A server accepts connections, a client makes one and makes it again when it is lost. On each of
 * them the application puts a protocol object: a session of simulcrypt/session.h with
 * simc_uv_attach_session(), or anything else through the functions of struct simc_uv_protocol. Then
 * the adapter turns received bytes, time and room for output into calls of that object, and
 * nothing more: what a message means is decided by the object and by the application.
 *
 * After each thing that happens on a connection the adapter calls simc_uv_handlers.on_events, where
 * the application pulls its events and answers them; then it sends the output of the object in one
 * piece, and arms the one timer of the connection. Answers that come from another thread: put them
 * into a queue of your own and call simc_uv_loop_notify(), then on_events is called in the loop.
 *
 * Threads: a loop and all that is made on it belong to the thread that runs it. Functions that any
 * thread may call say so. Handlers are called by that thread only.
 *
 * Life: `on_end` is the last thing that is told of a connection, and is never called from inside a
 * function of this header. Objects that are freed are gone when their last handle has been closed:
 * the memory behind the context of their handlers must live until `on_gone`, or until
 * simc_uv_loop_free() has returned.
 *
 * Zeroed settings are complete: each 0 stands for the default named. Programs ignore SIGPIPE.
 */
#ifndef SIMULCRYPT_UV_H
#define SIMULCRYPT_UV_H

#include "simulcrypt/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;          /* uv_loop_t of <uv.h> */
struct simc_uv_loop;       /**< an event loop: one thread */
struct simc_uv_server;     /**< listening addresses on one loop */
struct simc_uv_client;     /**< one connection that is made again and again */
struct simc_uv_connection; /**< one connection that has been made */
struct simc_uv_gate;       /**< who may come in, and the figures; shared by servers */
struct simc_uv_tls;        /**< certificates and rules for TLS; shared by servers or clients */
struct simc_uv_timer;
struct simc_uv_signal;
struct simc_uv_threads; /**< loops that run in threads of their own */

enum {
    SIMC_UV_TEXT_SIZE = 256,    /**< of a sentence, end mark included */
    SIMC_UV_ADDRESS_SIZE = 144, /**< of "[fe80::1%interface]:65535" and "unix:/run/socket (pid 1)",
                                 *   end mark included */
    SIMC_UV_PATH_SIZE = 108,    /**< of the path of a unix socket, end mark included */
};

/** Switches off a time or number whose 0 means the default. */
#define SIMC_UV_OFF UINT32_MAX

/* ------------------------------------------------------------------------- how it ends -- */

/** Why a connection has ended, was refused, or could not be made. */
#define SIMC_UV_END_ROWS(ROW)                                                                \
    ROW(NONE, "it has not ended")                                                            \
    ROW(PROTOCOL, "the protocol is done with it")                                            \
    ROW(CLOSED_BY_US, "this side closed it")                                                 \
    ROW(SHUTDOWN, "this side is shutting down")                                              \
    ROW(PEER_CLOSED, "the peer closed it")                                                   \
    ROW(RESET, "the peer reset it")                                                          \
    ROW(TIMED_OUT, "the peer does not answer any more")                                      \
    ROW(STALLED, "the peer does not read what is sent to it")                                \
    ROW(NETWORK, "the network failed")                                                       \
    ROW(TLS, "TLS failed")                                                                   \
    ROW(TLS_TIMEOUT, "the TLS handshake was not finished in time")                           \
    ROW(NO_NAME, "the host name has no address")                                             \
    ROW(CONNECT_TIMEOUT, "no answer came in time")                                           \
    ROW(CONNECT_FAILED, "it could not be made")                                              \
    ROW(NOT_ALLOWED, "the address is not in the allow-list")                                 \
    ROW(TOO_MANY, "there are too many connections")                                          \
    ROW(TOO_MANY_FROM_ADDRESS, "there are too many connections from this address")           \
    ROW(NO_DESCRIPTORS, "the system has no file descriptors or memory for more connections") \
    ROW(REJECTED, "the application did not take it")                                         \
    ROW(NO_MEMORY, "no memory")

#define SIMC__UV_END_ENUM(name, text) SIMC_UV_END_##name,
enum simc_uv_end_reason { SIMC_UV_END_ROWS(SIMC__UV_END_ENUM) SIMC_UV_END_COUNT };
#undef SIMC__UV_END_ENUM

/** The name of a reason, `"PEER_CLOSED"`; never NULL. */
SIMC_API const char *simc_uv_end_name(enum simc_uv_end_reason reason);
/** The text of a reason, without a full stop; never NULL. */
SIMC_API const char *simc_uv_end_text(enum simc_uv_end_reason reason);

/** An end, for a person and for a program. */
struct simc_uv_end {
    enum simc_uv_end_reason reason;
    int system_error;             /**< a negative errno, or 0 */
    char text[SIMC_UV_TEXT_SIZE]; /**< what happened, in words, without a full stop or secrets */
};

/* --------------------------------------------------------------------- protocol objects -- */

/** What the adapter does with a protocol object. None of these may call back into the adapter. */
struct simc_uv_protocol {
    /** Gives received bytes; borrowed until on_events has returned. */
    void (*feed)(void *object, struct simc_slice bytes, uint64_t now_ms);
    /** Bytes to be sent; empty: none. Valid until the next call. */
    struct simc_slice (*output)(void *object);
    /** The first `size` bytes of the output were taken. */
    void (*sent)(void *object, size_t size);
    /** When expire() is to be called, or SIMC_DEADLINE_NONE. May be NULL. */
    uint64_t (*deadline_ms)(void *object);
    void (*expire)(void *object, uint64_t now_ms); /**< NULL with deadline_ms only */
    /** True: do not read from the peer until output was sent. May be NULL. */
    bool (*blocked)(void *object);
    /** Why the connection is to be closed once the output is sent, as a sentence; NULL: it is not.
     *  May be NULL. */
    const char *(*wants_close)(void *object);
    /** The connection is lost; on_events and on_end follow. May be NULL. */
    void (*disconnected)(void *object, uint64_t now_ms);
    /** No conversation of this protocol begins with the byte 0x16: a TLS hello on a plain
     *  connection is then told apart, and the connection ended with a sentence that says so. */
    bool never_begins_like_tls;
};

/** What the application does. The context is that of the server or client. */
struct simc_uv_handlers {
    /** A connection stands (behind the TLS handshake, where there is one). Make the protocol object
     *  and attach it. @return 0, or an error: the connection is closed (REJECTED), on_end is not
     *  called. For an own sentence call simc_uv_connection_abort() before. */
    int (*on_open)(void *context, struct simc_uv_connection *connection);
    /** Something was given to the object. Pull all its events and answer them. */
    void (*on_events)(void *context, struct simc_uv_connection *connection, uint64_t now_ms);
    /** The connection has ended; free the object. The connection is gone when this returns. */
    void (*on_end)(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end);
    /** Server: a connection ended before on_open, for a log. May be NULL.
     *  @param peer its address and port; "" with NO_DESCRIPTORS, which is told once until accepting
     *  works again. */
    void (*on_refused)(void *context, struct simc_uv_server *server, const char *peer,
                       const struct simc_uv_end *end);
    /** Client: an attempt or a connection has ended, and the next attempt is made in `*delay_ms`,
     *  which may be changed: 0 is "at once" (for example in another protocol_version) and is
     * granted behind a connection that stood, a few times in a row. simc_uv_client_stop() may be
     * called. May be NULL. */
    void (*on_retry)(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms);
    /** The server or client that was freed is gone: the last call of all. May be NULL. */
    void (*on_gone)(void *context);
};

/* ---------------------------------------------------------------------------- connections -- */

/** How a connection is kept. Zeroed: the defaults. */
struct simc_uv_transport {
    bool nagle; /**< gather small pieces; by default each output is sent at once (TCP_NODELAY) */
    uint32_t keepalive_idle_s;     /**< silence before the peer is probed; 15, SIMC_UV_OFF */
    uint32_t keepalive_interval_s; /**< between probes; 5 */
    uint32_t keepalive_count;      /**< probes without an answer that end it; 3 */
    uint32_t user_timeout_ms;      /**< data sent but not acknowledged; 30000, SIMC_UV_OFF */
    uint32_t receive_buffer;       /**< bytes of the system's buffer; the system's default */
    uint32_t send_buffer;          /**< likewise */
    uint32_t dscp;                 /**< 0..63 */
    uint32_t write_limit;    /**< bytes that wait for the system at most: the rest stays in the
                              *   object, and nothing is read meanwhile; 262144 */
    uint32_t write_stall_ms; /**< without progress while bytes wait; 30000, SIMC_UV_OFF */
    uint32_t handshake_ms;   /**< for the TLS handshake; 10000 */
    uint32_t linger_ms;      /**< how long a closed connection waits for the peer to close its
                              *   side too, so that the last bytes arrive; 1000 */
};

/** Attaches the session, which stays the application's, to a connection in on_open.
 *  @param owner the application's own, see simc_uv_connection_owner(). */
SIMC_API void simc_uv_attach_session(struct simc_uv_connection *connection,
                                     struct simc_session *session, void *owner);
/** Attaches any protocol object in on_open. @param protocol lives as long as the connection. */
SIMC_API void simc_uv_attach(struct simc_uv_connection *connection,
                             const struct simc_uv_protocol *protocol, void *object, void *owner);

/** A number that no other connection of this process has or will have; never 0. */
SIMC_API uint64_t simc_uv_connection_id(const struct simc_uv_connection *connection);
SIMC_API struct simc_uv_loop *simc_uv_connection_loop(const struct simc_uv_connection *connection);
/** What was attached; simc_uv_connection_session() is NULL when it is no session. */
SIMC_API void *simc_uv_connection_owner(const struct simc_uv_connection *connection);
SIMC_API void *simc_uv_connection_object(const struct simc_uv_connection *connection);
SIMC_API struct simc_session *simc_uv_connection_session(
    const struct simc_uv_connection *connection);
/** The peer as "192.0.2.1:2222", "[2001:db8::1]:2222" or "unix:/run/socket (pid 123)", and its
 *  address alone ("unix" for the last one). */
SIMC_API const char *simc_uv_connection_peer(const struct simc_uv_connection *connection);
SIMC_API const char *simc_uv_connection_host(const struct simc_uv_connection *connection);
/** Asks the system whether the peer has ended the connection, also when what it sent before has not
 *  been read yet: reading tells it only behind that. In the thread of the loop. */
SIMC_API bool simc_uv_connection_is_ended(const struct simc_uv_connection *connection);
SIMC_API bool simc_uv_connection_is_tls(const struct simc_uv_connection *connection);
/** Who is at the other end of a unix socket, as the system saw it when the connection was made. */
struct simc_uv_credentials {
    int32_t pid; /**< 0: the process is in a namespace that this one does not see */
    uint32_t uid, gid;
};
/** @return false: it is no unix socket. */
SIMC_API bool simc_uv_connection_credentials(const struct simc_uv_connection *connection,
                                             struct simc_uv_credentials *credentials);
/** Bytes that wait for the system: in the adapter, not in the object. */
SIMC_API size_t simc_uv_connection_waiting(const struct simc_uv_connection *connection);

/** Something was given to the object from outside of on_events (a request, an answer): calls
 *  on_events, sends what there is, arms the timer. Inside on_events: it will be done anyway. */
SIMC_API void simc_uv_connection_pump(struct simc_uv_connection *connection);
/** Sends the output that there is, then closes. @param why a sentence for on_end; NULL: that of
 *  CLOSED_BY_US. */
SIMC_API void simc_uv_connection_close(struct simc_uv_connection *connection, const char *why);
/** Closes at once; what has not been sent is lost. In on_open: refuses it. */
SIMC_API void simc_uv_connection_abort(struct simc_uv_connection *connection, const char *why);

/* ------------------------------------------------------------------------------------ TLS -- */

/** Where names of a certificate stand (subject alternative names; the subject is not looked at). */
enum simc_uv_name_type { SIMC_UV_NAME_DNS, SIMC_UV_NAME_URI, SIMC_UV_NAME_IP };

/** Who the peer is, by its certificate. */
struct simc_uv_identity {
    size_t name_count;        /**< names with bytes that are not printable are left out */
    const char *const *names; /**< DNS names in lower case; addresses as text */
    const enum simc_uv_name_type *types; /**< of the names */
    uint8_t sha256[32];                  /**< of the whole certificate */
    int64_t not_after_s;                 /**< seconds since 1970 */
};

/** The peer's certificate, verified; NULL: there is none. Lives as long as the connection. */
SIMC_API const struct simc_uv_identity *simc_uv_connection_identity(
    const struct simc_uv_connection *connection);
/** True when the certificate has the name (DNS: compared without case). NULL: false. */
SIMC_API bool simc_uv_identity_has(const struct simc_uv_identity *identity,
                                   enum simc_uv_name_type type, const char *name);

/** Files in PEM form. The key file must not be readable by others, nor be encrypted. */
struct simc_uv_tls_settings {
    bool is_server;
    const char *certificate_file; /**< own certificate, with those that lead to the CA behind it;
                                   *   NULL: none (clients only) */
    const char *key_file;         /**< its private key; NULL: in certificate_file */
    const char *ca_file;          /**< whom to trust. Server: its clients must then have a
                                   *   certificate; NULL: they need none. Client: NULL: the CAs of
                                   *   the system */
    bool tls12;                   /**< accept TLS 1.2 too, not only 1.3 */
};

/** Reads the files. @param why on failure one sentence that names the file and the mend.
 *  @return 0, SIMC_EINVAL, SIMC_EIO (a file cannot be read), SIMC_ESYNTAX (a file is not what it
 *  should be, or the key does not belong to the certificate), SIMC_ENOMEM. */
SIMC_API int simc_uv_tls_new(const struct simc_uv_tls_settings *settings,
                             char why[SIMC_UV_TEXT_SIZE], struct simc_uv_tls **tls) SIMC_MUST_CHECK;
/** Reads the files again, for the connections from now on; after a failure all stays as it was.
 *  Any thread. @return as simc_uv_tls_new(). */
SIMC_API int simc_uv_tls_reload(struct simc_uv_tls *tls,
                                char why[SIMC_UV_TEXT_SIZE]) SIMC_MUST_CHECK;
/** When the own certificate expires, seconds since 1970; INT64_MAX: there is none. Any thread. */
SIMC_API int64_t simc_uv_tls_expires_s(struct simc_uv_tls *tls);
/** All servers and clients that use it must be gone. NULL is fine. */
SIMC_API void simc_uv_tls_free(struct simc_uv_tls *tls);

/* ----------------------------------------------------------------------------------- gate -- */

/** Who may come in. Zeroed: everybody, within the default limits. */
struct simc_uv_gate_settings {
    const char *const *allow; /**< "192.0.2.0/24", "2001:db8::/32", "192.0.2.1"; copied */
    size_t allow_count;       /**< 0: everybody */
    uint32_t connections;     /**< at once; 4096 */
    /** At once from one IPv4 address, or one IPv6 /64 (a host has a whole one); 256, SIMC_UV_OFF.
     */
    uint32_t connections_per_address;
};

/** What has happened behind a gate. */
struct simc_uv_stats {
    uint64_t connections;              /**< now, those in their TLS handshake included */
    uint64_t connections_total;        /**< accepted since the start */
    uint64_t ended[SIMC_UV_END_COUNT]; /**< ended or refused, by reason */
    uint64_t bytes_in, bytes_out;      /**< on the wire */
    uint64_t tls_good, tls_failed;     /**< handshakes */
    uint64_t accept_pauses;            /**< how often the system had no descriptor left */
};

/** Makes a gate, for servers on several loops that share limits and figures.
 *  @param settings NULL: the defaults. @param why on SIMC_EINVAL a sentence that names the wrong
 *  entry. @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
SIMC_API int simc_uv_gate_new(const struct simc_uv_gate_settings *settings,
                              char why[SIMC_UV_TEXT_SIZE],
                              struct simc_uv_gate **gate) SIMC_MUST_CHECK;
/** Takes other settings over for the connections from now on, all or nothing. Any thread. */
SIMC_API int simc_uv_gate_change(struct simc_uv_gate *gate,
                                 const struct simc_uv_gate_settings *settings,
                                 char why[SIMC_UV_TEXT_SIZE]) SIMC_MUST_CHECK;
/** Any thread. */
SIMC_API void simc_uv_gate_stats(struct simc_uv_gate *gate, struct simc_uv_stats *stats);
/** All servers that use it must be gone. NULL is fine. */
SIMC_API void simc_uv_gate_free(struct simc_uv_gate *gate);

/* --------------------------------------------------------------------------------- server -- */

struct simc_uv_address {
    const char *host;  /**< server: an address, or NULL for all of IPv4 and IPv6 ("0.0.0.0" and "::"
                        *   are one of them). Client: a name or an address. IPv6 without
                        *   brackets. */
    uint16_t port;     /**< server: 0: a free one, see simc_uv_server_port() */
    const char *path;  /**< of a unix socket, instead of host and port. Server: a socket that nobody
                        *   listens on any more is replaced, and the own one is removed at the end;
                        *   one loop only. There is no TLS on it */
    uint32_t mode;     /**< server, with a path: of the socket; 0660 */
    const char *group; /**< likewise: the group it belongs to, by its name or number; NULL: that of
                        *   the process */
};

struct simc_uv_server_settings {
    const struct simc_uv_address *listen; /**< copied */
    size_t listen_count;                  /**< 1..16 */
    bool ipv6_takes_ipv4; /**< "::" takes IPv4 too; by default IPv6 sockets are for IPv6 only */
    bool reuse_port;      /**< other loops listen on the same address (SO_REUSEPORT); port 0 would
                           *   give each of them a port of its own */
    uint32_t backlog;     /**< connections that wait to be accepted; 1024 */
    struct simc_uv_transport transport;
    struct simc_uv_gate *gate;  /**< NULL: an own one with the default limits */
    struct simc_uv_tls *tls;    /**< NULL: plain TCP */
    const uint32_t *allow_uids; /**< users whose processes may come in by unix sockets; copied */
    size_t allow_uid_count;     /**< up to 64; 0: the own one and root */
    struct simc_uv_handlers handlers;
    void *context; /**< of the handlers */
};

/** Starts to listen. @param why on failure a sentence that names the address.
 *  @return 0, SIMC_EINVAL, SIMC_EIO (an address cannot be used), SIMC_ENOMEM. */
SIMC_API int simc_uv_server_new(struct simc_uv_loop *loop,
                                const struct simc_uv_server_settings *settings,
                                char why[SIMC_UV_TEXT_SIZE],
                                struct simc_uv_server **server) SIMC_MUST_CHECK;
/** The port of a listening address, counted from 0; 0: there is no such one. */
SIMC_API uint16_t simc_uv_server_port(const struct simc_uv_server *server, size_t index);
/** Its gate, for the figures. */
SIMC_API struct simc_uv_gate *simc_uv_server_gate(const struct simc_uv_server *server);
/** Connections of this server now. */
SIMC_API size_t simc_uv_server_connections(const struct simc_uv_server *server);
/** Calls `each` for every connection that stands, which may close it. */
SIMC_API void simc_uv_server_each(struct simc_uv_server *server,
                                  void (*each)(void *context, struct simc_uv_connection *),
                                  void *context);
/** Stops to listen; the connections stay. */
SIMC_API void simc_uv_server_stop(struct simc_uv_server *server);
/** Stops to listen and ends all connections (SHUTDOWN); on_end comes for each, then on_gone. NULL
 * is fine. */
SIMC_API void simc_uv_server_free(struct simc_uv_server *server);

/* --------------------------------------------------------------------------------- client -- */

struct simc_uv_client_settings {
    struct simc_uv_address remote; /**< copied; all addresses of a name are tried in their order */
    const char *server_name;       /**< for TLS: the name the certificate must have, if another */
    uint32_t connect_ms;           /**< longest wait for one address; 5000 */
    uint32_t retry_first_ms;       /**< delay behind the first failure, doubled with each; 1000 */
    uint32_t retry_most_ms;        /**< 30000 */
    uint32_t
        retry_jitter_percent; /**< the delay is spread by so much either way; 20, SIMC_UV_OFF */
    uint32_t stable_ms;       /**< a connection that stood for so long starts over with
                               *   retry_first_ms; 10000 */
    struct simc_uv_transport transport;
    struct simc_uv_tls *tls; /**< NULL: plain TCP */
    struct simc_uv_handlers handlers;
    void *context; /**< of the handlers */
};

/** Starts to connect; on_open or on_retry follows, never from inside this call.
 *  @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
SIMC_API int simc_uv_client_new(struct simc_uv_loop *loop,
                                const struct simc_uv_client_settings *settings,
                                struct simc_uv_client **client) SIMC_MUST_CHECK;
/** The connection that stands; NULL: none. */
SIMC_API struct simc_uv_connection *simc_uv_client_connection(const struct simc_uv_client *client);
/** What happened on its connections. */
SIMC_API void simc_uv_client_stats(const struct simc_uv_client *client,
                                   struct simc_uv_stats *stats);
/** Makes no further attempts; the connection is closed behind its output. */
SIMC_API void simc_uv_client_stop(struct simc_uv_client *client);
/** Stops, and ends the connection at once (SHUTDOWN); on_end, then on_gone follow. NULL is fine. */
SIMC_API void simc_uv_client_free(struct simc_uv_client *client);

/* ----------------------------------------------------------------------------------- loop -- */

/** Makes a loop. @param uv a libuv loop that the caller runs; NULL: an own one.
 *  @return 0, SIMC_ENOMEM, SIMC_EIO (no descriptors). */
SIMC_API int simc_uv_loop_new(struct uv_loop_s *uv, struct simc_uv_loop **loop) SIMC_MUST_CHECK;
/** Runs an own loop in this thread until simc_uv_loop_stop(). */
SIMC_API void simc_uv_loop_run(struct simc_uv_loop *loop);
/** Makes simc_uv_loop_run() return, as soon as the posted functions have run. Any thread. */
SIMC_API void simc_uv_loop_stop(struct simc_uv_loop *loop);
/** Frees all that still is on the loop (on_end and on_gone are called), and the loop. An own loop
 *  must not be running. On a caller's loop, which must not be inside uv_run(), it is run until all
 *  handles of ours are closed. NULL is fine. */
SIMC_API void simc_uv_loop_free(struct simc_uv_loop *loop);
/** The loop no longer keeps a caller's uv_run() going by itself, only what is on it does: when that
 *  is freed, uv_run() returns, and simc_uv_loop_free() can follow. */
SIMC_API void simc_uv_loop_unref(struct simc_uv_loop *loop);
/** The libuv loop, for handles of the application's own. */
SIMC_API struct uv_loop_s *simc_uv_loop_uv(struct simc_uv_loop *loop);
/** Monotonic milliseconds of this turn of the loop: the now_ms of all its connections. */
SIMC_API uint64_t simc_uv_loop_now_ms(const struct simc_uv_loop *loop);
/** A connection by its number; NULL: it has ended. */
SIMC_API struct simc_uv_connection *simc_uv_loop_find(struct simc_uv_loop *loop, uint64_t id);

/** Has on_events called for a connection of this loop soon; nothing happens when it has ended.
 *  Takes no memory and cannot fail: when too many are waiting, all connections are called. Any
 *  thread. */
SIMC_API void simc_uv_loop_notify(struct simc_uv_loop *loop, uint64_t id);
/** Has a function called by the thread of the loop, in the order of the calls. Any thread.
 *  @return 0, SIMC_EFULL (65536 are waiting), SIMC_ENOMEM, SIMC_EEND (the loop is being freed). */
SIMC_API int simc_uv_loop_post(struct simc_uv_loop *loop, void (*function)(void *context),
                               void *context) SIMC_MUST_CHECK;

/** Makes a timer. @return 0, SIMC_ENOMEM. */
SIMC_API int simc_uv_timer_new(struct simc_uv_loop *loop, void (*expired)(void *context),
                               void *context, struct simc_uv_timer **timer) SIMC_MUST_CHECK;
/** Starts, or starts anew. @param repeat_ms 0: once. */
SIMC_API void simc_uv_timer_start(struct simc_uv_timer *timer, uint64_t delay_ms,
                                  uint64_t repeat_ms);
SIMC_API void simc_uv_timer_stop(struct simc_uv_timer *timer);
/** It does not expire any more. NULL is fine. */
SIMC_API void simc_uv_timer_free(struct simc_uv_timer *timer);

/** Takes a signal of the process over. @return 0, SIMC_EINVAL (no such signal), SIMC_ENOMEM. */
SIMC_API int simc_uv_signal_new(struct simc_uv_loop *loop, int number,
                                void (*received)(void *context, int number), void *context,
                                struct simc_uv_signal **signal) SIMC_MUST_CHECK;
/** NULL is fine. */
SIMC_API void simc_uv_signal_free(struct simc_uv_signal *signal);

/* -------------------------------------------------------------------------------- threads -- */

struct simc_uv_threads_settings {
    size_t count; /**< 1..256 */
    /** Called by each thread before it runs its loop: make servers here, with reuse_port.
     *  @return 0, or an error with a sentence: then none of them is started. */
    int (*start)(void *context, struct simc_uv_loop *loop, size_t index,
                 char why[SIMC_UV_TEXT_SIZE]);
    /** Called by each thread when its loop has ended, before what is on it is freed. May be NULL.
     */
    void (*stop)(void *context, struct simc_uv_loop *loop, size_t index);
    void *context;
};

/** Starts a thread with a loop each; all signals are blocked in them. Returns when all have
 * started.
 *  @return 0; what `start` returned; SIMC_EINVAL, SIMC_ENOMEM, SIMC_EIO (no threads). */
SIMC_API int simc_uv_threads_start(const struct simc_uv_threads_settings *settings,
                                   char why[SIMC_UV_TEXT_SIZE],
                                   struct simc_uv_threads **threads) SIMC_MUST_CHECK;
SIMC_API struct simc_uv_loop *simc_uv_threads_loop(struct simc_uv_threads *threads, size_t index);
/** Waits until each thread stands still between two turns of its loop, and keeps them there: what
 *  they share may be exchanged. One thread, which is none of them, does this at a time. */
SIMC_API void simc_uv_threads_park(struct simc_uv_threads *threads);
/** Lets them go on. */
SIMC_API void simc_uv_threads_resume(struct simc_uv_threads *threads);
/** Stops the loops, waits for the threads, frees all. NULL is fine. */
SIMC_API void simc_uv_threads_free(struct simc_uv_threads *threads);

#ifdef __cplusplus
}
#endif
#endif
