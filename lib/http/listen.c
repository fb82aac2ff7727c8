/* SPDX-License-Identifier: BSL-1.0 */
/* The sockets that the HTTP server listens on: TCP and unix; see http.h. Each fault says which
 * address it is about and what to do. */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128, SOCKET_MODE = 0660 };

/* ---- one listener ---- */

int simc__http_listener_fill(struct simc__http_listener *listener, int fd, const char *path)
{
    struct stat status;
    memset(listener, 0, sizeof *listener);
    listener->fd = fd;
    if (!path)
        return 0;
    if (lstat(path, &status) != 0)
        return SIMC_EIO;
    size_t size = strlen(path) + 1;
    listener->path = simc_alloc(size);
    if (!listener->path)
        return SIMC_ENOMEM;
    memcpy(listener->path, path, size);
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return 0;
}

void simc__http_listener_close(struct simc__http_listener *listener)
{
    struct stat status;
    if (listener->path && lstat(listener->path, &status) == 0 &&
        status.st_dev == listener->device && status.st_ino == listener->inode)
        (void)unlink(listener->path);
    simc_free(listener->path);
    listener->path = NULL;
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

void simc__http_peer_put(const struct sockaddr_storage *peer, char text[SIMC__HTTP_PEER_SIZE])
{
    char address[INET6_ADDRSTRLEN] = "?";
    if (peer->ss_family == AF_INET) {
        const struct sockaddr_in *is = (const struct sockaddr_in *)peer;
        inet_ntop(AF_INET, &is->sin_addr, address, sizeof address);
        snprintf(text, SIMC__HTTP_PEER_SIZE, "%s:%u", address, ntohs(is->sin_port));
    } else if (peer->ss_family == AF_INET6) {
        const struct sockaddr_in6 *is = (const struct sockaddr_in6 *)peer;
        inet_ntop(AF_INET6, &is->sin6_addr, address, sizeof address);
        snprintf(text, SIMC__HTTP_PEER_SIZE, "[%s]:%u", address, ntohs(is->sin6_port));
    } else {
        snprintf(text, SIMC__HTTP_PEER_SIZE, "unix");
    }
}

/* ---- addresses ---- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un local;
    } is;
    socklen_t size;
};

static bool read_host(const char *host, uint16_t port, struct address *address)
{
    memset(address, 0, sizeof *address);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &address->is.ipv4.sin_addr) == 1) {
        address->is.ipv4.sin_family = AF_INET;
        address->is.ipv4.sin_port = htons(port);
        address->size = sizeof address->is.ipv4;
        return true;
    }
    if (inet_pton(AF_INET6, host, &address->is.ipv6.sin6_addr) == 1) {
        address->is.ipv6.sin6_family = AF_INET6;
        address->is.ipv6.sin6_port = htons(port);
        address->size = sizeof address->is.ipv6;
        return true;
    }
    return false;
}

bool simc__http_is_loopback(const char *host)
{
    struct address address;
    if (!read_host(host, 0, &address))
        return false;
    if (address.is.any.sa_family == AF_INET)
        return ntohl(address.is.ipv4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address.is.ipv6.sin6_addr);
}

static const char *advice_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program listens there, or this one runs twice";
    case EADDRNOTAVAIL:
        return "this host has no such address";
    case EACCES:
        return "this user may not; ports below 1024 and folders of others need more rights";
    default:
        return strerror(error);
    }
}

static int trouble(const char *what, int error, int fd, char why[SIMC__HTTP_WHY_SIZE])
{
    snprintf(why, SIMC__HTTP_WHY_SIZE, "cannot listen on %s: %s", what, advice_of(error));
    if (fd >= 0)
        close(fd);
    return SIMC_EIO;
}

static int check_room(const struct simc__http_server *server, char why[SIMC__HTTP_WHY_SIZE])
{
    if (server->listener_count < SIMC__HTTP_LISTENERS_MAX)
        return 0;
    snprintf(why, SIMC__HTTP_WHY_SIZE, "the HTTP server listens on %d sockets already",
             SIMC__HTTP_LISTENERS_MAX);
    return SIMC_EFULL;
}

/* ---- TCP ---- */

int simc__http_listen_tcp(struct simc__http_server *server, const char *host, uint16_t port,
                          char why[SIMC__HTTP_WHY_SIZE])
{
    const int yes = 1;
    struct address address;
    char what[128];
    bool is_ipv6 = strchr(host, ':') != NULL;
    int error = check_room(server, why);
    if (error)
        return error;
    snprintf(what, sizeof what, "%s%.80s%s:%u", is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", port);
    if (!read_host(host, port, &address)) {
        snprintf(why, SIMC__HTTP_WHY_SIZE,
                 "cannot listen on %s: this needs an address in figures, such as 127.0.0.1", what);
        return SIMC_EINVAL;
    }
    int fd = socket(address.is.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return trouble(what, errno, fd, why);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (is_ipv6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(fd, &address.is.any, address.size) != 0 || listen(fd, BACKLOG) != 0)
        return trouble(what, errno, fd, why);
    return simc__http_listener_add(server, fd, NULL, why);
}

uint16_t simc__http_port(const struct simc__http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct address address;
        memset(&address, 0, sizeof address);
        address.size = sizeof address.is;
        if (server->listeners[i].path ||
            getsockname(server->listeners[i].fd, &address.is.any, &address.size) != 0)
            continue;
        return ntohs(address.is.any.sa_family == AF_INET6 ? address.is.ipv6.sin6_port
                                                          : address.is.ipv4.sin_port);
    }
    return 0;
}

/* ---- unix sockets ---- */

/* Removes a socket that nobody serves any more. @return false: something else stands there, and
 * errno tells what. */
static bool make_way(const char *path, const struct address *address)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return true; /* bind() tells what is wrong with the path, if anything */
    if (!S_ISSOCK(status.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0 && connect(fd, &address->is.any, address->size) != 0)
        error = errno;
    if (fd >= 0)
        close(fd);
    if (error == ECONNREFUSED && unlink(path) == 0)
        return true;
    /* Connected, or its queue is full: it is alive. */
    errno = error == 0 || error == EAGAIN ? EADDRINUSE : error;
    return false;
}

int simc__http_listen_unix(struct simc__http_server *server, const char *path,
                           char why[SIMC__HTTP_WHY_SIZE])
{
    struct address address;
    size_t size = strlen(path);
    int error = check_room(server, why);
    if (error)
        return error;
    memset(&address, 0, sizeof address);
    if (size == 0 || size >= sizeof address.is.local.sun_path) {
        snprintf(why, SIMC__HTTP_WHY_SIZE,
                 "cannot listen on %.300s: the path of a unix socket has 1 to %zu bytes", path,
                 sizeof address.is.local.sun_path - 1);
        return SIMC_EINVAL;
    }
    address.is.local.sun_family = AF_UNIX;
    memcpy(address.is.local.sun_path, path, size + 1);
    address.size = (socklen_t)sizeof address.is.local;
    if (!make_way(path, &address)) {
        bool is_file = errno == EEXIST;
        if (!is_file)
            return trouble(path, errno, -1, why);
        snprintf(why, SIMC__HTTP_WHY_SIZE,
                 "cannot listen on %.300s: it is no socket; remove it or choose another path",
                 path);
        return SIMC_EIO;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode of the descriptor becomes that of the file, less the umask, so it is never open to
     * others; then the group gets what the umask has taken. */
    if (fd < 0 || fchmod(fd, SOCKET_MODE) != 0 || bind(fd, &address.is.any, address.size) != 0 ||
        chmod(path, SOCKET_MODE) != 0 || listen(fd, BACKLOG) != 0)
        return trouble(path, errno, fd, why);
    return simc__http_listener_add(server, fd, path, why);
}
