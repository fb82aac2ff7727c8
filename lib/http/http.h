/* SPDX-License-Identifier: BSL-1.0 */
/* A small HTTP/1.1 server inside a libuv loop (libmicrohttpd on its epoll descriptor, no threads),
 * with routes as rows and a limit on everything. The admin side of every daemon uses it through
 * lib/daemon; amsd brings routes of its own. */
#ifndef SIMC__HTTP_HTTP_H
#define SIMC__HTTP_HTTP_H

#include <uv.h>

#include "simulcrypt/base.h"

enum {
    SIMC__HTTP_WHY_SIZE = 512,
    SIMC__HTTP_ROUTE_SETS_MAX = 8,
    SIMC__HTTP_LISTENERS_MAX = 8,
    SIMC__HTTP_PEER_SIZE = 64, /* "[2001:db8::1]:40000", or "unix" */
};

/* Methods as bits. HEAD is served by the GET route of its path. */
enum simc__http_method {
    SIMC__HTTP_GET = 1,
    SIMC__HTTP_POST = 2,
    SIMC__HTTP_PUT = 4,
    SIMC__HTTP_DELETE = 8,
};

/* What a handler gets; all of it is borrowed for the call. */
struct simc__http_request {
    enum simc__http_method method;
    const char *path;       /* as sent, without the query; %-escapes of it are decoded */
    const char *query;      /* as sent, behind the '?'; "" for none */
    const char *type;       /* Content-Type, or "" */
    const char *peer;       /* address and port, or "unix" */
    struct simc_slice body; /* at most `body_max` bytes */
};

/* What a handler fills. */
struct simc__http_reply {
    unsigned status;          /* 200 unless changed */
    const char *content_type; /* that of the route unless changed; lives as long as the server */
    struct simc_writer *body;
    unsigned retry_after_s; /* 0: no such header */
};

/* One route. GET handlers may be called twice for one request (again with more room when the body
 * did not fit), so they only look; a body of another method that does not fit in 64 KiB is a 500.
 */
struct simc__http_route {
    enum simc__http_method method;
    const char *path; /* "/v1/status"; compared as a whole */
    const char *content_type;
    void (*handle)(void *context, const struct simc__http_request *request,
                   struct simc__http_reply *reply);
    const char *help; /* one line without a full stop, for documentation */
};

struct simc__http_routes {
    const struct simc__http_route *rows;
    size_t count;
    void *context; /* of the handlers */
};

struct simc__http_settings {
    const struct simc__http_routes *sets; /* copied; the rows are borrowed */
    size_t set_count;
    const struct simc_log *log; /* NULL: silent */
    /* Limits; 0 takes the default. */
    unsigned connections_max;         /* 64; one more gets 503 and is closed */
    unsigned requests_per_connection; /* 1: no keep-alive */
    unsigned head_ms;                 /* 10000: for a whole request head, from the connect or the
                                         end of the last request; slower ones are cut off */
    unsigned exchange_ms;             /* 30000: for a whole request and the reading of its reply */
    size_t head_max;                  /* 16 KiB: request line and headers; also reply headers */
    size_t target_max;                /* 2048: path and query */
    size_t body_max;                  /* 64 KiB */
    size_t reply_max;                 /* 4 MiB */
};

/* What has happened; see also docs/operations.md. */
struct simc__http_counts {
    uint64_t connections; /* taken in */
    uint64_t refused;     /* over the limit */
    uint64_t cut_off;     /* too slow */
    uint64_t requests;    /* that reached a handler */
    uint64_t faults;      /* answered with 4xx or 5xx by the server itself */
    unsigned now;         /* connections open */
};

struct simc__http_server;

/** Makes a server that listens nowhere yet. @param why on failure a sentence without a full stop.
 *  @return 0, SIMC_EINVAL (two routes alike, too many sets), SIMC_ENOMEM, SIMC_EIO. */
int simc__http_server_new(struct simc__http_server **server, uv_loop_t *loop,
                          const struct simc__http_settings *settings,
                          char why[SIMC__HTTP_WHY_SIZE]) SIMC_MUST_CHECK;
/** Listens on TCP. @param host an IPv4 or IPv6 address in figures (IPv6 without brackets; IPv6
 *  sockets take IPv6 only), or "localhost" for 127.0.0.1. @param port 0: any free one.
 *  @return 0, SIMC_EINVAL (no such address), SIMC_EIO (in use, not ours, not allowed), SIMC_EFULL.
 */
int simc__http_listen_tcp(struct simc__http_server *server, const char *host, uint16_t port,
                          char why[SIMC__HTTP_WHY_SIZE]) SIMC_MUST_CHECK;
/** Listens on a unix socket with mode 0660. A socket file that nobody serves any
 *  more is replaced; anything else in its place is a fault. The file goes with the server. */
int simc__http_listen_unix(struct simc__http_server *server, const char *path,
                           char why[SIMC__HTTP_WHY_SIZE]) SIMC_MUST_CHECK;
/** The TCP port of the first listener, or 0. */
uint16_t simc__http_port(const struct simc__http_server *server);
/** Changes what the handlers of a set get, for one that is made after the server. @param set its
 *  index in the settings. */
void simc__http_context_set(struct simc__http_server *server, size_t set, void *context);
void simc__http_counts(const struct simc__http_server *server, struct simc__http_counts *counts);
/** Stops at once and closes everything. The server releases itself when the loop has closed its
 *  handles; the pointer is dead after this call. NULL is fine. */
void simc__http_server_stop(struct simc__http_server *server);

/** Replaces the reply by an error of RFC 9457: application/problem+json with type, title, status
 *  and detail. @param format the detail: what is wrong and what to do. */
void simc__http_problem(struct simc__http_reply *reply, unsigned status, const char *format, ...)
    SIMC_PRINTF(3, 4);

/** True for addresses that only this host can reach: 127.0.0.0/8, ::1, "localhost". */
bool simc__http_is_loopback(const char *host);

#endif
