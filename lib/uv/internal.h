/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the network adapter share: the objects behind simulcrypt/uv.h and the calls
 * between them. Nothing outside of this folder includes it but its tests. */
#ifndef SIMC__UV_INTERNAL_H
#define SIMC__UV_INTERNAL_H

#include <stdatomic.h>
#include <uv.h>

#include "simulcrypt/uv.h"

enum {
    SIMC__UV_READ_SIZE = 65536,
    /* What one read can decrypt to: itself, and the part of a record that was there before. */
    SIMC__UV_PLAIN_SIZE = 98304,
    SIMC__UV_NOTES_MAX = 1024,
    SIMC__UV_POSTS_MAX = 65536,
    SIMC__UV_LISTEN_MAX = 16,
    SIMC__UV_ADDRESSES_MAX = 16,
    SIMC__UV_HOST_SIZE = 64,
    /* Alerts and record heads of TLS may stand behind a full output. */
    SIMC__UV_QUEUE_EXTRA = 65536,
};

/* ---- addresses ---- */

/* A unix socket, and who is at its other end. */
struct simc__uv_local {
    sa_family_t family; /* AF_UNIX; at the place of sa_family */
    bool has_credentials;
    struct simc_uv_credentials credentials;
    char path[SIMC_UV_PATH_SIZE];
};

union simc__uv_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct simc__uv_local local;
};

/* An address and how many of its bits count. IPv4 stands in its IPv6 form (::ffff:192.0.2.1). */
struct simc__uv_prefix {
    uint8_t bytes[16];
    unsigned bits;
};

/** Reads an address without brackets. @return 0, or SIMC_ESYNTAX: it is no address. */
int simc__uv_sockaddr_read(const char *host, uint16_t port,
                           union simc__uv_sockaddr *address) SIMC_MUST_CHECK;
socklen_t simc__uv_sockaddr_size(const union simc__uv_sockaddr *address);
uint16_t simc__uv_sockaddr_port(const union simc__uv_sockaddr *address);
/** Makes IPv4 of IPv4 in its IPv6 form. */
void simc__uv_sockaddr_unmap(union simc__uv_sockaddr *address);
void simc__uv_sockaddr_host(const union simc__uv_sockaddr *address, char text[SIMC__UV_HOST_SIZE]);
void simc__uv_sockaddr_text(const union simc__uv_sockaddr *address,
                            char text[SIMC_UV_ADDRESS_SIZE]);
/** The 16 bytes of the IPv6 form. */
void simc__uv_sockaddr_bytes(const union simc__uv_sockaddr *address, uint8_t bytes[16]);
static inline bool simc__uv_is_local(const union simc__uv_sockaddr *address)
{
    return address->any.sa_family == AF_UNIX;
}

/** Reads "192.0.2.0/24". @param why what is wrong with the text. @return 0, or SIMC_ESYNTAX. */
int simc__uv_prefix_read(const char *text, struct simc__uv_prefix *prefix,
                         const char **why) SIMC_MUST_CHECK;
bool simc__uv_prefix_has(const struct simc__uv_prefix *prefix, const uint8_t bytes[16]);

/* ---- unix sockets ---- */

/* A socket in the file system, so that nothing else is removed at the end. */
struct simc__uv_local_file {
    char path[SIMC_UV_PATH_SIZE];
    uint64_t device, inode;
};

/** Fills in a path. @return 0, or SIMC_EINVAL: too long or empty. */
int simc__uv_local_read(const char *path, union simc__uv_sockaddr *address) SIMC_MUST_CHECK;
/** Listens on a path; a socket that nobody listens on any more is replaced.
 *  @param why on failure a sentence. @return the descriptor, or -1. */
int simc__uv_local_listen(const struct simc_uv_address *entry, int backlog,
                          struct simc__uv_local_file *file, char why[SIMC_UV_TEXT_SIZE]);
/** Removes the socket, if it still is the one. */
void simc__uv_local_remove(const struct simc__uv_local_file *file);
/** Asks the system who is at the other end. @return false: it does not say. */
bool simc__uv_local_credentials(int fd, union simc__uv_sockaddr *address);

/* ---- figures: written by the thread of their loop, read by anyone ---- */

struct simc__uv_counters {
    _Atomic uint64_t connections_total, bytes_in, bytes_out, tls_good, tls_failed, accept_pauses;
    _Atomic uint64_t ended[SIMC_UV_END_COUNT];
};

static inline void simc__uv_count(_Atomic uint64_t *figure, uint64_t more)
{
    atomic_store_explicit(figure, atomic_load_explicit(figure, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

void simc__uv_counters_sum(const struct simc__uv_counters *counters, struct simc_uv_stats *stats);

/* ---- gate ---- */

struct simc__uv_gate_member { /* a server, for the sum of the figures */
    struct simc__uv_gate_member *previous, *next;
    struct simc__uv_counters *counters;
};

void simc__uv_gate_join(struct simc_uv_gate *gate, struct simc__uv_gate_member *member);
/** Adds the figures of the member to those of the gate. */
void simc__uv_gate_quit(struct simc_uv_gate *gate, struct simc__uv_gate_member *member);
/** Asks for one connection more; NONE: granted, and simc__uv_gate_leave() is to follow. */
enum simc_uv_end_reason simc__uv_gate_enter(struct simc_uv_gate *gate,
                                            const union simc__uv_sockaddr *peer);
void simc__uv_gate_leave(struct simc_uv_gate *gate, const union simc__uv_sockaddr *peer);

/* ---- loop ---- */

/* What simc_uv_loop_free() has to end: a server, a client, a timer, a signal. */
struct simc__uv_item {
    struct simc__uv_item *previous, *next;
    struct simc_uv_loop *loop;
    void (*end)(struct simc__uv_item *item);
};

struct simc__uv_post {
    struct simc__uv_post *next;
    void (*function)(void *context);
    void *context;
};

struct simc_uv_loop {
    uv_loop_t *uv;
    uv_loop_t own;
    bool is_own;
    uv_async_t wake;
    bool is_wake_closed;
    struct simc__uv_item *items;

    struct simc_uv_connection **buckets; /* by id */
    size_t bucket_count, connection_count;

    uv_mutex_t mutex; /* of what other threads write: */
    struct simc__uv_post *posts, **posts_end;
    size_t post_count;
    uint64_t notes[SIMC__UV_NOTES_MAX];
    size_t note_count;
    bool is_note_for_all, is_stopping, is_freeing;

    /* Shared by all connections, because each read is handled to its end. */
    uint8_t received[SIMC__UV_READ_SIZE];
    uint8_t *plain;          /* SIMC__UV_PLAIN_SIZE bytes, from the first TLS connection on */
    void *bio_method;        /* likewise */
    struct simc_buffer wire; /* what TLS wants to be sent */
};

void simc__uv_item_add(struct simc_uv_loop *loop, struct simc__uv_item *item,
                       void (*end)(struct simc__uv_item *item));
void simc__uv_item_remove(struct simc__uv_item *item);
void simc__uv_loop_enter(struct simc_uv_loop *loop, struct simc_uv_connection *connection);
void simc__uv_loop_leave(struct simc_uv_loop *loop, struct simc_uv_connection *connection);

/* ---- connections ---- */

/* What servers and clients have in common: their connections, and how these are kept. */
struct simc__uv_party {
    struct simc_uv_loop *loop;
    struct simc_uv_handlers handlers;
    void *context;
    struct simc_uv_transport transport; /* the defaults filled in */
    struct simc_uv_tls *tls;
    const char *tls_name; /* client: what the certificate must have */
    struct simc__uv_counters *counters;
    struct simc_uv_connection *connections;
    size_t connection_count;
    /* The connection has ended and on_end was called where on_open was; it is freed afterwards. */
    void (*ended)(struct simc__uv_party *party, struct simc_uv_connection *connection);
};

enum simc__uv_state {
    SIMC__UV_CONNECTING,
    SIMC__UV_HANDSHAKE,
    SIMC__UV_OPEN,
    SIMC__UV_FLUSHING,  /* what there is to be sent is sent, then it is closed */
    SIMC__UV_LINGERING, /* our side is closed; the peer's bytes are dropped until it closes too */
    SIMC__UV_CLOSING,   /* the handles are being closed */
};

struct simc__uv_tls_stream;

struct simc_uv_connection {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe; /* a unix socket */
    };
    uv_timer_t timer;
    uv_write_t write;
    union {
        uv_connect_t connect;
        uv_shutdown_t shutdown;
    } request;
    struct simc_uv_loop *loop;
    struct simc__uv_party *party;
    struct simc_uv_connection *previous, *next; /* of the party */
    struct simc_uv_connection *next_in_bucket;
    uint64_t id;
    enum simc__uv_state state;
    unsigned handle_count; /* not closed yet */

    const struct simc_uv_protocol *protocol;
    void *object, *owner;
    struct simc__uv_tls_stream *tls;

    bool is_told; /* on_open has succeeded: on_end is to be called */
    bool is_reading;
    bool is_pumping, is_in_events, pump_again;
    bool is_mute;     /* the object's output is not sent any more */
    bool peer_closed; /* the peer sends nothing more */
    bool was_read;    /* the first byte was looked at */
    int write_error;  /* nothing can be sent any more */

    struct simc_buffer queue;  /* waits for the system */
    struct simc_buffer flight; /* was given to libuv; does not move until `write` is done */
    bool is_writing;
    size_t left_last; /* of the flight at the last look, for stalls */

    uint64_t armed_ms;          /* what the timer is set to, or SIMC_DEADLINE_NONE */
    uint64_t phase_deadline_ms; /* of connecting, handshake, lingering, a broken connection */
    uint64_t stall_deadline_ms;
    uint64_t open_ms; /* since when it stands */

    union simc__uv_sockaddr peer;
    char peer_text[SIMC_UV_ADDRESS_SIZE];
    char host_text[SIMC__UV_HOST_SIZE];
    struct simc_uv_end end;
};

extern const struct simc_uv_protocol simc__uv_session_protocol;

/** Fills in the defaults. @return 0, or SIMC_EINVAL. */
int simc__uv_transport_fill(struct simc_uv_transport *transport) SIMC_MUST_CHECK;
/** Sets what is not left to the system; what it refuses stays as it is. */
void simc__uv_socket_options(int fd, int family, const struct simc_uv_transport *transport);

/** Makes a connection without a socket. @return 0, or SIMC_ENOMEM. */
int simc__uv_connection_new(struct simc__uv_party *party, const union simc__uv_sockaddr *peer,
                            struct simc_uv_connection **connection) SIMC_MUST_CHECK;
/** The socket stands: goes on to the TLS handshake, or to on_open. */
void simc__uv_connection_start(struct simc_uv_connection *connection);
/** The TLS handshake is done, or there is none: calls on_open. */
void simc__uv_connection_open(struct simc_uv_connection *connection);
/** Starts or keeps on reading. */
void simc__uv_connection_read(struct simc_uv_connection *connection);
/** Calls on_events, sends, and does what follows from it. */
void simc__uv_pump(struct simc_uv_connection *connection);
/** Looks at what is to be done now: closing, reading, the timer. */
void simc__uv_settle(struct simc_uv_connection *connection);
/** Gives received bytes (decrypted ones) to the object. */
void simc__uv_feed(struct simc_uv_connection *connection, struct simc_slice bytes);
/** The peer will send nothing more. */
void simc__uv_peer_closed(struct simc_uv_connection *connection, const char *text);
/** Closes the handles now; on_end is called when they are closed. */
void simc__uv_close_now(struct simc_uv_connection *connection);

/** Notes why it ends; the first one stays. @param format NULL: the text of the reason. */
void simc__uv_end_set(struct simc_uv_end *end, enum simc_uv_end_reason reason, int system_error,
                      const char *format, ...) SIMC_PRINTF(4, 5);
/** The reason of a network error, and its sentence. */
void simc__uv_end_set_error(struct simc_uv_end *end, int system_error);

/* ---- output ---- */

/** Sends what the object has, as far as the system takes it. */
void simc__uv_flush(struct simc_uv_connection *connection);
/** Sends bytes behind what waits already; what the system does not take is copied. */
void simc__uv_send(struct simc_uv_connection *connection, struct simc_slice bytes);
/** True when nothing waits any more. */
bool simc__uv_is_flushed(const struct simc_uv_connection *connection);
/** Nothing can be sent: the peer's last bytes are still read, then it ends. */
void simc__uv_write_failed(struct simc_uv_connection *connection, int system_error);

/* ---- TLS ---- */

/** Begins the handshake. @return 0, or SIMC_ENOMEM. */
int simc__uv_tls_begin(struct simc_uv_connection *connection) SIMC_MUST_CHECK;
/** Handles received bytes. */
void simc__uv_tls_input(struct simc_uv_connection *connection, struct simc_slice bytes);
/** Encrypts and sends what the object has. */
void simc__uv_tls_flush(struct simc_uv_connection *connection);
/** Sends close_notify. */
void simc__uv_tls_goodbye(struct simc_uv_connection *connection);
void simc__uv_tls_stream_free(struct simc_uv_connection *connection);
void simc__uv_tls_loop_fini(struct simc_uv_loop *loop);

/** A new SSL of the current certificates. @return NULL: no memory. */
void *simc__uv_tls_ssl_new(struct simc_uv_tls *tls);
bool simc__uv_tls_is_server(const struct simc_uv_tls *tls);
/** The sentence for what OpenSSL's error queue holds, which is emptied. */
void simc__uv_tls_fault_text(void *ssl, char text[SIMC_UV_TEXT_SIZE]);
/** The names of a certificate. @param x509 an X509. @return 0, or SIMC_ENOMEM. */
int simc__uv_identity_new(void *x509, struct simc_uv_identity **identity) SIMC_MUST_CHECK;
void simc__uv_identity_free(struct simc_uv_identity *identity);

#endif
