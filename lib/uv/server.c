/* SPDX-License-Identifier: BSL-1.0 */
/* Servers: listening sockets, accepting, refusing. Daemons make them, one on each loop. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "uv/internal.h"

enum {
    BACKLOG_STANDARD = 1024,
    BACKLOG_MOST = 65535,
    UIDS_MAX = 64,
    ACCEPT_BATCH = 64,     /* connections accepted before others have their turn */
    ACCEPT_PAUSE_MS = 200, /* when the system has no descriptor left */
};

struct listener {
    struct simc_uv_server *server;
    uv_poll_t poll;
    int fd;
    bool is_open; /* the handle and the descriptor are to be closed */
    uint16_t port;
    bool is_local;
    struct simc__uv_local_file file;
};

struct simc_uv_server {
    struct simc__uv_item item;
    struct simc__uv_party party;
    struct simc__uv_counters counters;
    struct simc__uv_gate_member member;
    struct simc_uv_gate *gate, *own_gate;
    struct listener listeners[SIMC__UV_LISTEN_MAX];
    size_t listener_count;
    uint32_t uids[UIDS_MAX]; /* whose processes may come in by unix sockets */
    size_t uid_count;
    uv_timer_t pause;
    bool is_paused, is_out_of_descriptors;
    bool is_stopped, is_freeing;
    unsigned handle_count; /* not closed yet */
};

static struct simc_uv_server *server_of(struct simc__uv_party *party)
{
    return (struct simc_uv_server *)(void *)((char *)party -
                                             offsetof(struct simc_uv_server, party));
}

/* ---- the end ---- */

/* Releases the server when nothing of it is left. */
static void check_gone(struct simc_uv_server *server)
{
    if (!server->is_freeing || server->handle_count > 0 || server->party.connections)
        return;
    void (*on_gone)(void *) = server->party.handlers.on_gone;
    void *context = server->party.context;
    simc__uv_item_remove(&server->item);
    if (server->gate)
        simc__uv_gate_quit(server->gate, &server->member);
    simc_uv_gate_free(server->own_gate);
    simc_free(server);
    if (on_gone)
        on_gone(context);
}

static void listener_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    listener->server->handle_count--;
    check_gone(listener->server);
}

static void pause_closed(uv_handle_t *handle)
{
    struct simc_uv_server *server = handle->data;
    server->handle_count--;
    check_gone(server);
}

static void stop(struct simc_uv_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (!listener->is_open)
            continue;
        uv_close((uv_handle_t *)&listener->poll, listener_closed);
        if (listener->is_local)
            simc__uv_local_remove(&listener->file);
        close(listener->fd);
        listener->is_open = false;
    }
    uv_timer_stop(&server->pause);
    server->is_stopped = true;
}

static void end(struct simc__uv_item *item)
{
    struct simc_uv_server *server = (struct simc_uv_server *)(void *)item;
    if (server->is_freeing)
        return;
    server->is_freeing = true;
    stop(server);
    /* Open until now, so that at least one close callback comes even when all else was stopped and
     * had ended before. */
    uv_close((uv_handle_t *)&server->pause, pause_closed);
    for (struct simc_uv_connection *each = server->party.connections; each; each = each->next) {
        simc__uv_end_set(&each->end, SIMC_UV_END_SHUTDOWN, 0, NULL);
        simc__uv_close_now(each);
    }
}

/* A connection has ended. */
static void ended(struct simc__uv_party *party, struct simc_uv_connection *connection)
{
    struct simc_uv_server *server = server_of(party);
    simc__uv_gate_leave(server->gate, &connection->peer);
    if (!connection->is_told && party->handlers.on_refused)
        party->handlers.on_refused(party->context, server, connection->peer_text, &connection->end);
    check_gone(server);
}

/* ---- accepting ---- */

static void refuse(struct simc_uv_server *server, const char *peer, enum simc_uv_end_reason reason,
                   int system_error)
{
    const struct simc_uv_handlers *handlers = &server->party.handlers;
    struct simc_uv_end why = {.reason = SIMC_UV_END_NONE};
    simc__uv_count(&server->counters.ended[reason], 1);
    if (!handlers->on_refused)
        return;
    if (reason == SIMC_UV_END_NO_DESCRIPTORS)
        simc__uv_end_set(&why, reason, system_error,
                         "no connection can be accepted: %s (raise the limit of open files)",
                         uv_strerror(system_error));
    else
        simc__uv_end_set(&why, reason, system_error, NULL);
    handlers->on_refused(server->party.context, server, peer, &why);
}

static bool is_allowed_user(const struct simc_uv_server *server, const struct simc__uv_local *local)
{
    for (size_t i = 0; i < server->uid_count && local->has_credentials; i++) {
        if (server->uids[i] == local->credentials.uid)
            return true;
    }
    return false;
}

static void refuse_user(struct simc_uv_server *server, const union simc__uv_sockaddr *peer)
{
    const struct simc_uv_handlers *handlers = &server->party.handlers;
    struct simc_uv_end why = {.reason = SIMC_UV_END_NONE};
    char text[SIMC_UV_ADDRESS_SIZE];
    simc__uv_count(&server->counters.ended[SIMC_UV_END_NOT_ALLOWED], 1);
    if (!handlers->on_refused)
        return;
    simc__uv_sockaddr_text(peer, text);
    simc__uv_end_set(&why, SIMC_UV_END_NOT_ALLOWED, 0,
                     "processes of the user %u may not come in (allow the uid, or run it as "
                     "another user)",
                     (unsigned)peer->local.credentials.uid);
    handlers->on_refused(server->party.context, server, text, &why);
}

static int open_handle(struct simc_uv_connection *connection, int fd)
{
    return simc__uv_is_local(&connection->peer) ? uv_pipe_open(&connection->pipe, fd)
                                                : uv_tcp_open(&connection->tcp, fd);
}

/* Takes over the descriptor. */
static void welcome(struct simc_uv_server *server, int fd, union simc__uv_sockaddr *peer)
{
    char text[SIMC_UV_ADDRESS_SIZE];
    struct simc_uv_connection *connection;
    simc__uv_sockaddr_unmap(peer);
    if (simc__uv_is_local(peer) && !is_allowed_user(server, &peer->local)) {
        close(fd);
        refuse_user(server, peer);
        return;
    }
    enum simc_uv_end_reason reason = simc__uv_gate_enter(server->gate, peer);
    if (reason == SIMC_UV_END_NONE && simc__uv_connection_new(&server->party, peer, &connection)) {
        simc__uv_gate_leave(server->gate, peer);
        reason = SIMC_UV_END_NO_MEMORY;
    }
    if (reason != SIMC_UV_END_NONE) {
        close(fd);
        simc__uv_sockaddr_text(peer, text);
        refuse(server, text, reason, 0);
        return;
    }
    simc__uv_count(&server->counters.connections_total, 1);
    int error = open_handle(connection, fd);
    if (error) {
        close(fd);
        simc__uv_end_set_error(&connection->end, error);
        simc__uv_close_now(connection);
        return;
    }
    simc__uv_connection_start(connection);
}

static void accept_all(uv_poll_t *poll, int status, int events);

static void watch(struct simc_uv_server *server, bool wanted)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->is_open && wanted)
            uv_poll_start(&listener->poll, UV_READABLE, accept_all);
        else if (listener->is_open)
            uv_poll_stop(&listener->poll);
    }
}

static void pause_over(uv_timer_t *timer)
{
    struct simc_uv_server *server = timer->data;
    server->is_paused = false;
    watch(server, true);
}

/* The connections wait in the backlog. To go on polling would burn the processor. */
static void start_pause(struct simc_uv_server *server, int system_error)
{
    server->is_paused = true;
    watch(server, false);
    uv_timer_start(&server->pause, pause_over, ACCEPT_PAUSE_MS, 0);
    simc__uv_count(&server->counters.accept_pauses, 1);
    if (server->is_out_of_descriptors)
        return;
    server->is_out_of_descriptors = true;
    refuse(server, "", SIMC_UV_END_NO_DESCRIPTORS, system_error);
}

/* Errors of one connection that was on its way, or of its network; see accept(2). */
static bool is_passing(int error)
{
    static const int passing[] = {EINTR,        ECONNABORTED, EPROTO,     ENETDOWN,
                                  ENOPROTOOPT,  EHOSTDOWN,    ENONET,     EPERM,
                                  EHOSTUNREACH, EOPNOTSUPP,   ENETUNREACH};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if (passing[i] == error)
            return true;
    }
    return false;
}

/* Accepts one connection. @return its descriptor, or -1. */
static int accept_one(const struct listener *listener, union simc__uv_sockaddr *peer)
{
    socklen_t size = sizeof *peer;
    memset(peer, 0, sizeof *peer);
    if (!listener->is_local)
        return accept4(listener->fd, &peer->any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    peer->local.family = AF_UNIX;
    memcpy(peer->local.path, listener->file.path, sizeof peer->local.path);
    /* Without credentials nobody is let in. */
    if (fd >= 0)
        (void)simc__uv_local_credentials(fd, peer);
    return fd;
}

static void accept_all(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = poll->data;
    struct simc_uv_server *server = listener->server;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPT_BATCH && listener->is_open && !server->is_paused; i++) {
        union simc__uv_sockaddr peer;
        int fd = accept_one(listener, &peer);
        if (fd >= 0) {
            server->is_out_of_descriptors = false;
            welcome(server, fd, &peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_passing(errno)) {
            start_pause(server, -errno);
        }
    }
}

/* ---- listening ---- */

static int backlog_of(const struct simc_uv_server_settings *settings)
{
    return (int)(settings->backlog ? settings->backlog : BACKLOG_STANDARD);
}

/* Takes the descriptor over; closes it on failure. */
static int take_listener(struct simc_uv_server *server, struct listener *listener, int fd)
{
    int error = uv_poll_init(server->party.loop->uv, &listener->poll, fd);
    if (error) {
        close(fd);
        errno = -error;
        return -1;
    }
    listener->server = server;
    listener->fd = fd;
    listener->is_open = true;
    listener->poll.data = listener;
    server->listener_count++;
    server->handle_count++;
    return 0;
}

static int bind_socket(int fd, const union simc__uv_sockaddr *address,
                       const struct simc_uv_server_settings *settings)
{
    int on = 1, is_v6_only = !settings->ipv6_takes_ipv4;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on))
        return -1;
    if (settings->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on))
        return -1;
    if (address->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_v6_only, sizeof is_v6_only))
        return -1;
    /* Linux hands the options on to the accepted sockets. */
    simc__uv_socket_options(fd, address->any.sa_family, &settings->transport);
    if (bind(fd, &address->any, simc__uv_sockaddr_size(address)))
        return -1;
    return listen(fd, backlog_of(settings));
}

static int open_listener(struct simc_uv_server *server,
                         const struct simc_uv_server_settings *settings,
                         const union simc__uv_sockaddr *wanted)
{
    union simc__uv_sockaddr address = *wanted;
    socklen_t size = sizeof address;
    struct listener *listener = &server->listeners[server->listener_count];
    int fd = socket(wanted->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind_socket(fd, wanted, settings) || getsockname(fd, &address.any, &size)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    listener->port = simc__uv_sockaddr_port(&address);
    return take_listener(server, listener, fd);
}

/* A unix socket. */
static int listen_local(struct simc_uv_server *server,
                        const struct simc_uv_server_settings *settings,
                        const struct simc_uv_address *entry, char why[SIMC_UV_TEXT_SIZE])
{
    struct listener *listener = &server->listeners[server->listener_count];
    int fd = simc__uv_local_listen(entry, backlog_of(settings), &listener->file, why);
    if (fd < 0)
        return SIMC_EIO;
    simc__uv_socket_options(fd, AF_UNIX, &settings->transport);
    listener->is_local = true;
    if (take_listener(server, listener, fd) == 0)
        return 0;
    snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on %s: %s", entry->path, strerror(errno));
    simc__uv_local_remove(&listener->file);
    return SIMC_EIO;
}

static const char *hint_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return " (another program listens there)";
    case EADDRNOTAVAIL:
        return " (this machine does not have the address)";
    case EACCES:
        return " (ports below 1024 need the capability CAP_NET_BIND_SERVICE)";
    case EAFNOSUPPORT:
        return " (this machine has no IPv6)";
    default:
        return "";
    }
}

/* One entry of the settings. Without a host it is all of IPv6 and, with the same port, all of IPv4;
 * a machine without IPv6 has the latter only. */
static int listen_on(struct simc_uv_server *server, const struct simc_uv_server_settings *settings,
                     const struct simc_uv_address *entry, char why[SIMC_UV_TEXT_SIZE])
{
    union simc__uv_sockaddr address;
    char text[SIMC_UV_ADDRESS_SIZE];
    const char *host = entry->host ? entry->host : "0.0.0.0";
    if (entry->path)
        return listen_local(server, settings, entry, why);
    if (simc__uv_sockaddr_read(host, entry->port, &address)) {
        snprintf(why, SIMC_UV_TEXT_SIZE,
                 "cannot listen on \"%.64s\": it is no IPv4 or IPv6 address", host);
        return SIMC_EINVAL;
    }
    if (open_listener(server, settings, &address)) {
        simc__uv_sockaddr_text(&address, text);
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on %s: %s%s", text, strerror(errno),
                 hint_of(errno));
        return SIMC_EIO;
    }
    if (entry->host)
        return 0;
    uint16_t port = server->listeners[server->listener_count - 1].port;
    struct simc_uv_server_settings apart = *settings;
    apart.ipv6_takes_ipv4 = false;
    if (simc__uv_sockaddr_read("::", port, &address) ||
        (open_listener(server, &apart, &address) && errno != EAFNOSUPPORT &&
         errno != EADDRNOTAVAIL)) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "cannot listen on [::]:%u: %s%s", (unsigned)port,
                 strerror(errno), hint_of(errno));
        return SIMC_EIO;
    }
    return 0;
}

static int check_settings(struct simc_uv_server_settings *settings, char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc_uv_handlers *handlers = &settings->handlers;
    size_t count = 0;
    for (size_t i = 0; i < settings->listen_count && i <= SIMC__UV_LISTEN_MAX; i++)
        count += settings->listen[i].host || settings->listen[i].path ? 1 : 2;
    if (count == 0 || count > SIMC__UV_LISTEN_MAX) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "1 to %d listening addresses are possible, not %zu",
                 SIMC__UV_LISTEN_MAX, count);
        return SIMC_EINVAL;
    }
    if (simc__uv_transport_fill(&settings->transport) || settings->backlog > BACKLOG_MOST ||
        !handlers->on_open || !handlers->on_events || !handlers->on_end) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "a setting of the connections is out of its range");
        return SIMC_EINVAL;
    }
    if (settings->allow_uid_count > UIDS_MAX) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "up to %d users may be allowed, not %zu", UIDS_MAX,
                 settings->allow_uid_count);
        return SIMC_EINVAL;
    }
    if (settings->tls && !simc__uv_tls_is_server(settings->tls)) {
        snprintf(why, SIMC_UV_TEXT_SIZE, "the TLS settings are those of a client");
        return SIMC_EINVAL;
    }
    return 0;
}

static void fill(struct simc_uv_server *server, struct simc_uv_loop *loop,
                 const struct simc_uv_server_settings *settings)
{
    server->party.loop = loop;
    server->party.handlers = settings->handlers;
    server->party.context = settings->context;
    server->party.transport = settings->transport;
    server->party.tls = settings->tls;
    server->party.counters = &server->counters;
    server->party.ended = ended;
    server->member.counters = &server->counters;
    server->uids[0] = geteuid();
    server->uids[1] = 0;
    server->uid_count = 2;
    if (settings->allow_uid_count) {
        server->uid_count = settings->allow_uid_count;
        memcpy(server->uids, settings->allow_uids, server->uid_count * sizeof server->uids[0]);
    }
    server->gate = settings->gate ? settings->gate : server->own_gate;
    server->pause.data = server;
    uv_timer_init(loop->uv, &server->pause);
    server->handle_count = 1;
    simc__uv_gate_join(server->gate, &server->member);
    simc__uv_item_add(loop, &server->item, end);
}

int simc_uv_server_new(struct simc_uv_loop *loop, const struct simc_uv_server_settings *settings,
                       char why[SIMC_UV_TEXT_SIZE], struct simc_uv_server **server)
{
    struct simc_uv_server_settings filled = *settings;
    *server = NULL;
    int error = check_settings(&filled, why);
    if (error)
        return error;
    struct simc_uv_server *made = simc_calloc(1, sizeof *made);
    error = made ? 0 : SIMC_ENOMEM;
    if (!error && !settings->gate)
        error = simc_uv_gate_new(NULL, why, &made->own_gate);
    if (error) {
        simc_free(made);
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(error));
        return error;
    }
    fill(made, loop, &filled);
    for (size_t i = 0; i < filled.listen_count && !error; i++)
        error = listen_on(made, &filled, &filled.listen[i], why);
    if (error) {
        /* The application never had it, and may free its gate before the loop turns. */
        made->party.handlers.on_gone = NULL;
        simc__uv_gate_quit(made->gate, &made->member);
        made->gate = NULL;
        end(&made->item);
        return error;
    }
    watch(made, true);
    *server = made;
    why[0] = '\0';
    return 0;
}

/* ---- what the application calls ---- */

uint16_t simc_uv_server_port(const struct simc_uv_server *server, size_t index)
{
    return index < server->listener_count ? server->listeners[index].port : 0;
}

struct simc_uv_gate *simc_uv_server_gate(const struct simc_uv_server *server)
{
    return server->gate;
}

size_t simc_uv_server_connections(const struct simc_uv_server *server)
{
    return server->party.connection_count;
}

void simc_uv_server_each(struct simc_uv_server *server,
                         void (*each)(void *context, struct simc_uv_connection *), void *context)
{
    for (struct simc_uv_connection *at = server->party.connections; at; at = at->next) {
        if (at->is_told && at->state != SIMC__UV_CLOSING)
            each(context, at);
    }
}

void simc_uv_server_stop(struct simc_uv_server *server)
{
    stop(server);
}

void simc_uv_server_free(struct simc_uv_server *server)
{
    if (server)
        end(&server->item);
}
