/* SPDX-License-Identifier: BSL-1.0 */
/* The HTTP server in a libuv loop: lets connections in, drives libmicrohttpd, and cuts off who is
 * too slow; see http.h. lib/daemon makes one for the admin side. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/internal.h"
#include "http/listen.h"

enum {
    ACCEPTS_PER_TURN = 64, /* so that a flood of connects does not hold the loop */
    SWEEP_MS = 1000,
    DROPS_MAX = 16,        /* pieces of what somebody has sent who is turned away */
    SPARE_CONNECTIONS = 4, /* libmicrohttpd counts closed ones a moment longer than we do */
};

static void set_default(unsigned *setting, unsigned value)
{
    if (*setting == 0)
        *setting = value;
}

static void set_default_size(size_t *setting, size_t value)
{
    if (*setting == 0)
        *setting = value;
}

static void fill_in(struct simc__http_settings *settings)
{
    set_default(&settings->connections_max, 64);
    set_default(&settings->requests_per_connection, 1);
    set_default(&settings->head_ms, 10000);
    set_default(&settings->exchange_ms, 30000);
    set_default_size(&settings->head_max, 16 << 10);
    set_default_size(&settings->target_max, 2048);
    set_default_size(&settings->body_max, 64 << 10);
    set_default_size(&settings->reply_max, 4 << 20);
}

/* ---- driving libmicrohttpd ---- */

static void close_all(struct simc__http_server *server);
static void on_timer(uv_timer_t *timer);

/* Lets it work, and asks when it wants to work again. */
static void pump(struct simc__http_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (server->is_busy || server->is_stopping)
        return;
    server->is_busy = true;
    MHD_run(server->mhd);
    server->is_busy = false;
    if (server->is_stopping)
        close_all(server); /* a handler has asked for it */
    else if (MHD_get_timeout(server->mhd, &wait_ms) == MHD_YES)
        uv_timer_start(&server->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&server->timer);
}

static void on_timer(uv_timer_t *timer)
{
    pump(timer->data);
}

static void on_epoll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pump(poll->data);
}

static void log_fault(void *context, const char *format, va_list arguments) SIMC_PRINTF(2, 0);

static void log_fault(void *context, const char *format, va_list arguments)
{
    struct simc__http_server *server = context;
    char text[256];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    simc_log(server->settings.log, SIMC_LOG_DEBUG, "http", simc_log_text("fault", text));
}

/* ---- connections ---- */

struct simc__http_connection *simc__http_connection_of(struct simc__http_server *server,
                                                       struct MHD_Connection *connection)
{
    for (unsigned i = 0; i < server->settings.connections_max; i++) {
        if (server->connections[i].fd >= 0 && server->connections[i].is == connection)
            return &server->connections[i];
    }
    return NULL;
}

static struct simc__http_connection *slot_with(struct simc__http_server *server, int fd)
{
    for (unsigned i = 0; i < server->settings.connections_max; i++) {
        if (server->connections[i].fd == fd)
            return &server->connections[i];
    }
    return NULL;
}

static void free_slot(struct simc__http_server *server, struct simc__http_connection *slot)
{
    slot->fd = -1;
    slot->is = NULL;
    server->counts.now--;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct simc__http_server *server = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    (void)socket_context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        struct simc__http_connection *slot = info ? slot_with(server, info->connect_fd) : NULL;
        if (slot)
            slot->is = connection;
        return;
    }
    struct simc__http_connection *slot = simc__http_connection_of(server, connection);
    if (slot)
        free_slot(server, slot);
}

/* One too many: told so in HTTP, as far as that goes without waiting for the request. */
static void turn_away(struct simc__http_server *server, int fd)
{
    static const char body[] =
        "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
        "\"detail\":\"too many connections are open; try again later\"}\n";
    char reply[512];
    int size = snprintf(reply, sizeof reply,
                        "HTTP/1.1 503 Service Unavailable\r\n"
                        "Content-Type: application/problem+json\r\nRetry-After: 1\r\n"
                        "Connection: close\r\nContent-Length: %zu\r\n\r\n%s",
                        sizeof body - 1, body);
    uint8_t dropped[1024];
    server->counts.refused++;
    /* What the peer has sent is taken out first, within reason: unread bytes would turn the close
     * into a reset. */
    for (int i = 0; i < DROPS_MAX; i++) {
        if (recv(fd, dropped, sizeof dropped, MSG_DONTWAIT) < (ssize_t)sizeof dropped)
            break;
    }
    if (send(fd, reply, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
}

static void let_in(struct simc__http_server *server, int fd, const struct sockaddr_storage *peer,
                   socklen_t peer_size)
{
    struct simc__http_connection *slot = slot_with(server, -1);
    if (!slot) {
        turn_away(server, fd);
        return;
    }
    *slot = (struct simc__http_connection){.fd = fd, .since_ms = uv_now(server->loop)};
    simc__http_peer_put(peer, slot->peer);
    server->counts.connections++;
    server->counts.now++;
    /* It closes the socket itself when it does not take it. */
    if (MHD_add_connection(server->mhd, fd, (const struct sockaddr *)peer, peer_size) != MHD_YES) {
        if (slot->fd >= 0)
            free_slot(server, slot);
        server->counts.refused++;
    }
}

/* Without descriptors accept() would fail again and again: everybody waits for the next sweep. */
static void pause_accepting(struct simc__http_server *server)
{
    simc_log(server->settings.log, SIMC_LOG_WARNING,
             "no file descriptors are left for HTTP connections; raise LimitNOFILE= of the unit or "
             "'ulimit -n'",
             simc_log_text("why", strerror(errno)));
    server->is_pausing = true;
    for (size_t i = 0; i < server->listener_count; i++)
        uv_poll_stop(&server->listeners[i].poll);
}

static void on_sweep(uv_timer_t *timer);

static void on_connect(uv_poll_t *poll, int status, int events)
{
    struct simc__http_listener *listener = poll->data;
    struct simc__http_server *server = listener->server;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && !server->is_pausing; i++) {
        struct sockaddr_storage peer;
        socklen_t size = sizeof peer;
        memset(&peer, 0, sizeof peer);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            let_in(server, fd, &peer, size);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(server);
        else if (errno != EINTR && errno != ECONNABORTED)
            break;
    }
    if (!uv_is_active((uv_handle_t *)&server->sweep)) {
        unsigned sweep_ms = server->settings.head_ms / 4 + 1;
        if (sweep_ms > SWEEP_MS)
            sweep_ms = SWEEP_MS;
        uv_timer_start(&server->sweep, on_sweep, sweep_ms, sweep_ms);
    }
    pump(server);
}

static void cut_off_slow(struct simc__http_server *server)
{
    uint64_t now_ms = uv_now(server->loop);
    for (unsigned i = 0; i < server->settings.connections_max; i++) {
        struct simc__http_connection *is = &server->connections[i];
        unsigned allowed_ms =
            is->in_exchange ? server->settings.exchange_ms : server->settings.head_ms;
        if (is->fd < 0 || is->is_cut || now_ms - is->since_ms < allowed_ms)
            continue;
        /* libmicrohttpd owns the socket: it sees the end of the stream and closes. */
        is->is_cut = true;
        server->counts.cut_off++;
        shutdown(is->fd, SHUT_RDWR);
        simc_log(server->settings.log, SIMC_LOG_INFO, "an HTTP client was too slow",
                 simc_log_text("peer", is->peer),
                 simc_log_text("in", is->in_exchange ? "exchange" : "request head"));
    }
}

static void on_sweep(uv_timer_t *timer)
{
    struct simc__http_server *server = timer->data;
    cut_off_slow(server);
    if (server->is_pausing) {
        server->is_pausing = false;
        for (size_t i = 0; i < server->listener_count; i++)
            (void)uv_poll_start(&server->listeners[i].poll, UV_READABLE, on_connect);
    }
    if (server->counts.now == 0)
        uv_timer_stop(&server->sweep);
    pump(server);
}

/* ---- life ---- */

/* With -1 libmicrohttpd refuses blanks in front of a header's name and behind it. That HTTP/1.1 has
 * a Host header is checked in exchange.c: its own refusal of that writes its head twice. */
enum { STRICT = -1 };

static int make_daemon(struct simc__http_server *server, char why[SIMC__HTTP_WHY_SIZE])
{
    const struct simc__http_settings *settings = &server->settings;
    server->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        simc__http_exchange_handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_fault, server,
        MHD_OPTION_STRICT_FOR_CLIENT, STRICT, MHD_OPTION_CONNECTION_LIMIT,
        settings->connections_max + SPARE_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        settings->head_max, MHD_OPTION_CONNECTION_TIMEOUT, settings->exchange_ms / 1000 + 2,
        MHD_OPTION_URI_LOG_CALLBACK, simc__http_exchange_begin, server, MHD_OPTION_NOTIFY_COMPLETED,
        simc__http_exchange_end, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_END);
    if (server->mhd)
        return 0;
    snprintf(why, SIMC__HTTP_WHY_SIZE, "the HTTP server cannot start: %s",
             errno ? strerror(errno) : "no memory");
    return SIMC_EIO;
}

static int watch_daemon(struct simc__http_server *server, char why[SIMC__HTTP_WHY_SIZE])
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    int error = info ? uv_poll_init(server->loop, &server->poll, info->epoll_fd) : UV_EINVAL;
    if (error) {
        snprintf(why, SIMC__HTTP_WHY_SIZE, "the HTTP server cannot be watched: %s",
                 uv_strerror(error));
        return SIMC_EIO;
    }
    server->poll.data = server;
    server->handles_open++;
    (void)uv_poll_start(&server->poll, UV_READABLE, on_epoll);
    return 0;
}

static void release(struct simc__http_server *server)
{
    simc_free(server->scratch);
    simc_free(server->connections);
    simc_free(server);
}

static int fill(struct simc__http_server *server, const struct simc__http_settings *settings)
{
    server->settings = *settings;
    fill_in(&server->settings);
    if (settings->set_count)
        memcpy(server->sets, settings->sets, settings->set_count * sizeof *settings->sets);
    server->settings.sets = server->sets;
    unsigned count = server->settings.connections_max;
    server->connections = simc_calloc(count, sizeof *server->connections);
    if (!server->connections)
        return SIMC_ENOMEM;
    for (unsigned i = 0; i < count; i++)
        server->connections[i].fd = -1;
    for (size_t i = 0; i < SIMC__HTTP_LISTENERS_MAX; i++)
        server->listeners[i].fd = -1;
    return 0;
}

int simc__http_server_new(struct simc__http_server **result, uv_loop_t *loop,
                          const struct simc__http_settings *settings, char why[SIMC__HTTP_WHY_SIZE])
{
    *result = NULL;
    why[0] = '\0';
    if (settings->set_count > SIMC__HTTP_ROUTE_SETS_MAX) {
        snprintf(why, SIMC__HTTP_WHY_SIZE, "there are more than %d sets of routes",
                 SIMC__HTTP_ROUTE_SETS_MAX);
        return SIMC_EINVAL;
    }
    int error = simc__http_routes_check(settings->sets, settings->set_count, why);
    if (error)
        return error;
    struct simc__http_server *server = simc_calloc(1, sizeof *server);
    error = server ? fill(server, settings) : SIMC_ENOMEM;
    if (error) {
        snprintf(why, SIMC__HTTP_WHY_SIZE, "no memory for the HTTP server");
        simc_free(server);
        return error;
    }
    server->loop = loop;
    error = make_daemon(server, why);
    if (error) {
        release(server);
        return error;
    }
    uv_timer_init(loop, &server->timer);
    uv_timer_init(loop, &server->sweep);
    server->timer.data = server->sweep.data = server;
    server->handles_open = 2;
    error = watch_daemon(server, why);
    if (error) {
        simc__http_server_stop(server);
        return error;
    }
    *result = server;
    return 0;
}

int simc__http_listener_add(struct simc__http_server *server, int fd, const char *path,
                            char why[SIMC__HTTP_WHY_SIZE])
{
    struct simc__http_listener *listener = &server->listeners[server->listener_count];
    int error = simc__http_listener_fill(listener, fd, path);
    if (!error && uv_poll_init(server->loop, &listener->poll, fd) != 0)
        error = SIMC_EIO;
    if (error) {
        snprintf(why, SIMC__HTTP_WHY_SIZE, "the HTTP server cannot watch its socket: %s",
                 simc_error_text(error));
        simc__http_listener_close(listener);
        return error;
    }
    listener->server = server;
    listener->poll.data = listener;
    server->listener_count++;
    server->handles_open++;
    (void)uv_poll_start(&listener->poll, UV_READABLE, on_connect);
    return 0;
}

void simc__http_context_set(struct simc__http_server *server, size_t set, void *context)
{
    if (set < server->settings.set_count)
        server->sets[set].context = context;
}

void simc__http_counts(const struct simc__http_server *server, struct simc__http_counts *counts)
{
    *counts = server->counts;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct simc__http_server *server = handle->data;
    if (--server->handles_open == 0)
        release(server);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct simc__http_listener *listener = handle->data;
    struct simc__http_server *server = listener->server;
    if (--server->handles_open == 0)
        release(server);
}

static void close_all(struct simc__http_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        uv_poll_stop(&server->listeners[i].poll);
        simc__http_listener_close(&server->listeners[i]);
        uv_close((uv_handle_t *)&server->listeners[i].poll, on_listener_closed);
    }
    bool is_watched = server->poll.data != NULL;
    if (is_watched)
        uv_poll_stop(&server->poll);
    server->is_busy = true;
    MHD_stop_daemon(server->mhd);
    server->mhd = NULL;
    if (is_watched)
        uv_close((uv_handle_t *)&server->poll, on_closed);
    uv_close((uv_handle_t *)&server->timer, on_closed);
    uv_close((uv_handle_t *)&server->sweep, on_closed);
}

void simc__http_server_stop(struct simc__http_server *server)
{
    if (!server || server->is_stopping)
        return;
    server->is_stopping = true;
    if (!server->is_busy)
        close_all(server);
}
