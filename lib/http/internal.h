/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of lib/http share. Nobody else includes it. */
#ifndef SIMC__HTTP_INTERNAL_H
#define SIMC__HTTP_INTERNAL_H

#include <microhttpd.h>
#include <sys/types.h>

#include "http/http.h"

/* A connection that libmicrohttpd serves. */
struct simc__http_connection {
    int fd; /* -1: the slot is free */
    struct MHD_Connection *is;
    uint64_t since_ms; /* when what it is busy with began */
    bool in_exchange;  /* a request head is complete, its reply not yet read */
    bool is_cut;
    unsigned requests;
    char peer[SIMC__HTTP_PEER_SIZE];
};

struct simc__http_listener {
    struct simc__http_server *server;
    uv_poll_t poll; /* not open while fd is -1 */
    int fd;
    char *path; /* of a unix socket, ours; NULL: TCP */
    dev_t device;
    ino_t inode; /* of that socket: another one in its place is not removed */
};

struct simc__http_server {
    struct simc__http_settings settings; /* limits filled in */
    struct simc__http_routes sets[SIMC__HTTP_ROUTE_SETS_MAX];
    uv_loop_t *loop;
    struct MHD_Daemon *mhd;
    uv_poll_t poll;        /* of its epoll descriptor */
    uv_timer_t timer;      /* what it wants to be called for */
    uv_timer_t sweep;      /* who is too slow */
    unsigned handles_open; /* the server is released with the last one */
    bool is_busy;          /* inside libmicrohttpd: stopping has to wait */
    bool is_stopping;
    bool is_pausing;  /* no descriptors left: nobody is let in until the next sweep */
    uint8_t *scratch; /* where replies are written */
    size_t scratch_size;
    struct simc__http_counts counts;
    struct simc__http_connection *connections; /* `connections_max` slots */
    struct simc__http_listener listeners[SIMC__HTTP_LISTENERS_MAX];
    size_t listener_count;
};

/* ---- server.c ---- */

/* Begins to accept on a socket that listens, and owns it from now on, also on failure. */
int simc__http_listener_add(struct simc__http_server *server, int fd, const char *path,
                            char why[SIMC__HTTP_WHY_SIZE]) SIMC_MUST_CHECK;
struct simc__http_connection *simc__http_connection_of(struct simc__http_server *server,
                                                       struct MHD_Connection *connection);

/* ---- exchange.c: the callbacks of libmicrohttpd for one request ---- */

void *simc__http_exchange_begin(void *server, const char *target,
                                struct MHD_Connection *connection);
enum MHD_Result simc__http_exchange_handle(void *server, struct MHD_Connection *connection,
                                           const char *path, const char *method,
                                           const char *version, const char *data, size_t *data_size,
                                           void **exchange);
void simc__http_exchange_end(void *server, struct MHD_Connection *connection, void **exchange,
                             enum MHD_RequestTerminationCode how);

/* ---- problem.c ---- */

/* The text of a status, "Not Found". */
const char *simc__http_status_text(unsigned status);
/* Two routes with one method and path, or one that no request can have. */
int simc__http_routes_check(const struct simc__http_routes *sets, size_t count,
                            char why[SIMC__HTTP_WHY_SIZE]) SIMC_MUST_CHECK;

#endif
