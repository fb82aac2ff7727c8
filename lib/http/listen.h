/* SPDX-License-Identifier: BSL-1.0 */
/* The sockets that the HTTP server listens on, and who is at the other end. Only server.c uses it.
 */
#ifndef SIMC__HTTP_LISTEN_H
#define SIMC__HTTP_LISTEN_H

#include <sys/socket.h>

#include "http/internal.h"

/* Takes the socket over. @param path of a unix socket, copied; NULL: TCP. */
int simc__http_listener_fill(struct simc__http_listener *listener, int fd,
                             const char *path) SIMC_MUST_CHECK;
/* Closes the socket and removes its file, if that is still ours. */
void simc__http_listener_close(struct simc__http_listener *listener);
/* Writes "192.0.2.1:40000", "[::1]:40000" or "unix". */
void simc__http_peer_put(const struct sockaddr_storage *peer, char text[SIMC__HTTP_PEER_SIZE]);

#endif
