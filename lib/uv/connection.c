/* SPDX-License-Identifier: BSL-1.0 */
/* Connections: their life from the socket to on_end, the one timer, reading. Servers and clients
 * make them; output.c sends, tls_stream.c stands between the socket and the object. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "uv/internal.h"

enum { TLS_RECORD_HANDSHAKE = 0x16, TLS_VERSION_MAJOR = 3 };

static uint64_t now_of(const struct simc_uv_connection *connection)
{
    return uv_now(connection->loop->uv);
}

static bool is_alive(const struct simc_uv_connection *connection)
{
    return connection->state == SIMC__UV_OPEN || connection->state == SIMC__UV_FLUSHING;
}

/* ---- the end ---- */

static void link_to_party(struct simc__uv_party *party, struct simc_uv_connection *connection)
{
    connection->next = party->connections;
    if (party->connections)
        party->connections->previous = connection;
    party->connections = connection;
    party->connection_count++;
}

static void unlink_from_party(struct simc__uv_party *party, struct simc_uv_connection *connection)
{
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        party->connections = connection->next;
    party->connection_count--;
}

/* Tells the object and the application. */
static void tell(struct simc_uv_connection *connection)
{
    const struct simc_uv_handlers *handlers = &connection->party->handlers;
    uint64_t now_ms = now_of(connection);
    if (connection->protocol->disconnected)
        connection->protocol->disconnected(connection->object, now_ms);
    handlers->on_events(connection->party->context, connection, now_ms);
    handlers->on_end(connection->party->context, connection, &connection->end);
}

static void closed(uv_handle_t *handle)
{
    struct simc_uv_connection *connection = handle->data;
    struct simc__uv_party *party = connection->party;
    if (--connection->handle_count > 0)
        return;
    if (connection->is_told)
        tell(connection);
    simc__uv_loop_leave(connection->loop, connection);
    unlink_from_party(party, connection);
    simc__uv_count(&party->counters->ended[connection->end.reason], 1);
    simc__uv_tls_stream_free(connection);
    simc_buffer_fini(&connection->queue);
    simc_buffer_fini(&connection->flight);
    /* The party may be gone when this returns. */
    party->ended(party, connection);
    simc_free(connection);
}

void simc__uv_close_now(struct simc_uv_connection *connection)
{
    if (connection->state == SIMC__UV_CLOSING)
        return;
    connection->state = SIMC__UV_CLOSING;
    simc__uv_end_set(&connection->end, SIMC_UV_END_CLOSED_BY_US, 0, NULL);
    uv_close((uv_handle_t *)&connection->tcp, closed);
    uv_close((uv_handle_t *)&connection->timer, closed);
}

/* Drops what the system still holds for a peer that does not take it. */
static void reset(struct simc_uv_connection *connection)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    simc__uv_close_now(connection);
}

static void shut_down(uv_shutdown_t *request, int error)
{
    struct simc_uv_connection *connection = request->data;
    if (error && error != UV_ECANCELED)
        simc__uv_close_now(connection);
}

/* All is sent: closes our side and waits for the peer's. Closing at once would reset a connection
 * whose last bytes from the peer are unread, and the reset overtakes what was sent. */
static void linger(struct simc_uv_connection *connection)
{
    connection->state = SIMC__UV_LINGERING;
    connection->phase_deadline_ms =
        simc_deadline_after(now_of(connection), connection->party->transport.linger_ms);
    connection->request.shutdown.data = connection;
    if (uv_shutdown(&connection->request.shutdown, (uv_stream_t *)&connection->tcp, shut_down))
        simc__uv_close_now(connection);
    else
        simc__uv_connection_read(connection);
}

void simc__uv_peer_closed(struct simc_uv_connection *connection, const char *text)
{
    connection->peer_closed = true;
    if (connection->is_reading)
        uv_read_stop((uv_stream_t *)&connection->tcp);
    connection->is_reading = false;
    /* A reset that hit a write reads as a mere end afterwards. */
    if (connection->write_error)
        simc__uv_end_set_error(&connection->end, connection->write_error);
    simc__uv_end_set(&connection->end, SIMC_UV_END_PEER_CLOSED, 0, text ? "%s" : NULL, text);
    if (connection->state == SIMC__UV_OPEN && !connection->write_error)
        connection->state = SIMC__UV_FLUSHING;
    else if (connection->state != SIMC__UV_FLUSHING || connection->write_error)
        simc__uv_close_now(connection);
    simc__uv_settle(connection);
}

/* ---- the timer ---- */

static uint64_t deadline_of(struct simc_uv_connection *connection)
{
    uint64_t deadline_ms = connection->phase_deadline_ms;
    if (connection->is_writing)
        deadline_ms = simc_deadline_first(deadline_ms, connection->stall_deadline_ms);
    if (connection->state == SIMC__UV_OPEN && connection->protocol->deadline_ms)
        deadline_ms =
            simc_deadline_first(deadline_ms, connection->protocol->deadline_ms(connection->object));
    return deadline_ms;
}

static void phase_over(struct simc_uv_connection *connection)
{
    const struct simc_uv_transport *transport = &connection->party->transport;
    struct simc_uv_end *end = &connection->end;
    if (connection->write_error)
        simc__uv_end_set_error(end, connection->write_error);
    else if (connection->state == SIMC__UV_HANDSHAKE)
        simc__uv_end_set(end, SIMC_UV_END_TLS_TIMEOUT, 0,
                         "the TLS handshake was not finished within %u ms",
                         (unsigned)transport->handshake_ms);
    else if (connection->state == SIMC__UV_CONNECTING)
        simc__uv_end_set(end, SIMC_UV_END_CONNECT_TIMEOUT, UV_ETIMEDOUT, NULL);
    simc__uv_close_now(connection);
}

static void check_stall(struct simc_uv_connection *connection, uint64_t now_ms)
{
    size_t left = uv_stream_get_write_queue_size((uv_stream_t *)&connection->tcp);
    uint32_t stall_ms = connection->party->transport.write_stall_ms;
    connection->stall_deadline_ms = simc_deadline_after(now_ms, stall_ms);
    if (left < connection->left_last) {
        connection->left_last = left;
        return;
    }
    simc__uv_end_set(&connection->end, SIMC_UV_END_STALLED, 0,
                     "the peer has read nothing for %u ms, while %zu bytes waited for it",
                     (unsigned)stall_ms, left + connection->queue.size);
    reset(connection);
}

static void due(uv_timer_t *timer)
{
    struct simc_uv_connection *connection = timer->data;
    uint64_t now_ms = now_of(connection);
    connection->armed_ms = SIMC_DEADLINE_NONE;
    if (simc_deadline_due(connection->phase_deadline_ms, now_ms)) {
        phase_over(connection);
        return;
    }
    if (connection->is_writing && simc_deadline_due(connection->stall_deadline_ms, now_ms))
        check_stall(connection, now_ms);
    const struct simc_uv_protocol *protocol = connection->protocol;
    if (connection->state == SIMC__UV_OPEN && protocol->deadline_ms &&
        simc_deadline_due(protocol->deadline_ms(connection->object), now_ms)) {
        protocol->expire(connection->object, now_ms);
        simc__uv_pump(connection);
    }
    simc__uv_settle(connection);
}

/* An earlier deadline moves the timer; for a later one it rings in vain and is set anew, which is
 * cheaper than to move it with each message. */
static void arm(struct simc_uv_connection *connection)
{
    uint64_t deadline_ms = deadline_of(connection), now_ms = now_of(connection);
    if (deadline_ms >= connection->armed_ms)
        return;
    /* Never 0: a deadline that stays in the past must not keep the loop from the sockets. */
    uint64_t left_ms = simc_deadline_left(deadline_ms, now_ms);
    connection->armed_ms = deadline_ms;
    uv_timer_start(&connection->timer, due, left_ms ? left_ms : 1, 0);
}

/* ---- reading ---- */

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct simc_uv_connection *connection = handle->data;
    (void)suggested;
    *buffer = uv_buf_init((char *)connection->loop->received, SIMC__UV_READ_SIZE);
}

/* The first byte of a plain connection tells a peer that speaks TLS. */
static bool is_tls_hello(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    if (connection->was_read || connection->tls || !connection->protocol->never_begins_like_tls)
        return false;
    connection->was_read = true;
    if (bytes.data[0] != TLS_RECORD_HANDSHAKE ||
        (bytes.size > 1 && bytes.data[1] != TLS_VERSION_MAJOR))
        return false;
    simc__uv_end_set(&connection->end, SIMC_UV_END_TLS, 0,
                     "the peer speaks TLS, and TLS is not configured on this side");
    simc__uv_close_now(connection);
    return true;
}

void simc__uv_feed(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    if (connection->state != SIMC__UV_OPEN || is_tls_hello(connection, bytes))
        return;
    connection->protocol->feed(connection->object, bytes, now_of(connection));
    simc__uv_pump(connection);
}

static void take(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    simc__uv_count(&connection->party->counters->bytes_in, bytes.size);
    if (connection->state == SIMC__UV_LINGERING)
        return;
    if (connection->tls)
        simc__uv_tls_input(connection, bytes);
    else
        simc__uv_feed(connection, bytes);
}

static void was_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct simc_uv_connection *connection = stream->data;
    if (size > 0) {
        take(connection, simc_slice(buffer->base, (size_t)size));
        simc_wipe(buffer->base, (size_t)size);
        return;
    }
    if (size == 0)
        return;
    if (size == UV_EOF && connection->state != SIMC__UV_LINGERING) {
        simc__uv_peer_closed(connection,
                             connection->state == SIMC__UV_HANDSHAKE
                                 ? "the peer closed it during the TLS handshake; switch TLS on "
                                   "there, if it is off"
                                 : NULL);
        return;
    }
    simc__uv_end_set_error(&connection->end, (int)size);
    simc__uv_close_now(connection);
}

void simc__uv_connection_read(struct simc_uv_connection *connection)
{
    if (connection->is_reading || connection->peer_closed)
        return;
    int error = uv_read_start((uv_stream_t *)&connection->tcp, allocate, was_read);
    if (error) {
        simc__uv_end_set_error(&connection->end, error);
        simc__uv_close_now(connection);
    }
    connection->is_reading = !error;
}

static bool is_blocked(const struct simc_uv_connection *connection)
{
    return connection->protocol->blocked && connection->protocol->blocked(connection->object);
}

static void steer_reading(struct simc_uv_connection *connection)
{
    bool is_full = connection->queue.size + connection->flight.size >=
                   connection->party->transport.write_limit;
    if (connection->state == SIMC__UV_OPEN && !is_full && !is_blocked(connection)) {
        simc__uv_connection_read(connection);
    } else if (connection->is_reading) {
        uv_read_stop((uv_stream_t *)&connection->tcp);
        connection->is_reading = false;
    }
}

/* ---- the pump ---- */

/* The application may ask to be called again, because it has given something to the object of this
 * connection from the handler of another one; once is enough for what it asks in its own. */
static void events(struct simc_uv_connection *connection)
{
    const struct simc__uv_party *party = connection->party;
    connection->is_in_events = true;
    connection->pump_again = false;
    party->handlers.on_events(party->context, connection, now_of(connection));
    if (connection->pump_again)
        party->handlers.on_events(party->context, connection, now_of(connection));
    connection->is_in_events = false;
}

void simc__uv_pump(struct simc_uv_connection *connection)
{
    if (connection->is_pumping) {
        connection->pump_again = true;
        return;
    }
    if (!is_alive(connection))
        return;
    connection->is_pumping = true;
    bool was_blocked;
    do {
        if (connection->state == SIMC__UV_OPEN)
            events(connection);
        was_blocked = connection->state == SIMC__UV_OPEN && is_blocked(connection);
        if (is_alive(connection))
            simc__uv_flush(connection);
        /* An object that was blocked has looked at a part of its bytes only. */
    } while (was_blocked && connection->state == SIMC__UV_OPEN && !is_blocked(connection));
    connection->is_pumping = false;
    simc__uv_settle(connection);
}

static void settle_open(struct simc_uv_connection *connection)
{
    const struct simc_uv_protocol *protocol = connection->protocol;
    const char *why = protocol->wants_close ? protocol->wants_close(connection->object) : NULL;
    if (!why)
        return;
    simc__uv_end_set(&connection->end, SIMC_UV_END_PROTOCOL, 0, "%s", why);
    connection->state = SIMC__UV_FLUSHING;
}

void simc__uv_settle(struct simc_uv_connection *connection)
{
    if (connection->is_pumping)
        return;
    if (connection->state == SIMC__UV_OPEN)
        settle_open(connection);
    if (connection->state == SIMC__UV_FLUSHING && simc__uv_is_flushed(connection)) {
        if (connection->tls)
            simc__uv_tls_goodbye(connection);
        if (connection->peer_closed && !connection->is_writing)
            simc__uv_close_now(connection);
        else if (connection->state == SIMC__UV_FLUSHING && !connection->is_writing)
            linger(connection);
    }
    if (is_alive(connection))
        steer_reading(connection);
    if (connection->state != SIMC__UV_CLOSING)
        arm(connection);
}

/* ---- the beginning ---- */

int simc__uv_connection_new(struct simc__uv_party *party, const union simc__uv_sockaddr *peer,
                            struct simc_uv_connection **connection)
{
    struct simc_uv_connection *made = simc_calloc(1, sizeof *made);
    *connection = made;
    if (!made)
        return SIMC_ENOMEM;
    made->loop = party->loop;
    made->party = party;
    made->peer = *peer;
    made->armed_ms = SIMC_DEADLINE_NONE;
    made->phase_deadline_ms = SIMC_DEADLINE_NONE;
    made->stall_deadline_ms = SIMC_DEADLINE_NONE;
    made->handle_count = 2;
    simc_buffer_init(&made->queue, (size_t)party->transport.write_limit + SIMC__UV_QUEUE_EXTRA);
    simc_buffer_init(&made->flight, made->queue.ceiling);
    simc__uv_sockaddr_text(peer, made->peer_text);
    simc__uv_sockaddr_host(peer, made->host_text);
    /* Neither can fail: the socket comes afterwards. */
    if (simc__uv_is_local(peer))
        uv_pipe_init(party->loop->uv, &made->pipe, 0);
    else
        uv_tcp_init(party->loop->uv, &made->tcp);
    uv_timer_init(party->loop->uv, &made->timer);
    made->tcp.data = made;
    made->timer.data = made;
    made->write.data = made;
    simc__uv_loop_enter(party->loop, made);
    link_to_party(party, made);
    return 0;
}

void simc__uv_connection_start(struct simc_uv_connection *connection)
{
    connection->phase_deadline_ms = SIMC_DEADLINE_NONE;
    if (!connection->party->tls || simc__uv_is_local(&connection->peer)) {
        simc__uv_connection_open(connection);
        return;
    }
    connection->state = SIMC__UV_HANDSHAKE;
    connection->phase_deadline_ms =
        simc_deadline_after(now_of(connection), connection->party->transport.handshake_ms);
    if (simc__uv_tls_begin(connection)) {
        simc__uv_end_set(&connection->end, SIMC_UV_END_NO_MEMORY, UV_ENOMEM, NULL);
        simc__uv_close_now(connection);
        return;
    }
    if (connection->state == SIMC__UV_HANDSHAKE)
        simc__uv_connection_read(connection);
    simc__uv_settle(connection);
}

void simc__uv_connection_open(struct simc_uv_connection *connection)
{
    const struct simc__uv_party *party = connection->party;
    connection->phase_deadline_ms = SIMC_DEADLINE_NONE;
    connection->open_ms = now_of(connection);
    connection->state = SIMC__UV_OPEN;
    connection->is_pumping = true; /* what on_open asks is done behind it */
    int error = party->handlers.on_open(party->context, connection);
    connection->is_pumping = false;
    if (error || !connection->protocol || connection->state != SIMC__UV_OPEN) {
        simc__uv_end_set(&connection->end, SIMC_UV_END_REJECTED, 0,
                         "the application did not take it: %s", simc_error_text(error));
        simc__uv_close_now(connection);
        return;
    }
    connection->is_told = true;
    simc__uv_pump(connection);
}

/* ---- what the application calls ---- */

void simc_uv_attach(struct simc_uv_connection *connection, const struct simc_uv_protocol *protocol,
                    void *object, void *owner)
{
    connection->protocol = protocol;
    connection->object = object;
    connection->owner = owner;
}

uint64_t simc_uv_connection_id(const struct simc_uv_connection *connection)
{
    return connection->id;
}

struct simc_uv_loop *simc_uv_connection_loop(const struct simc_uv_connection *connection)
{
    return connection->loop;
}

void *simc_uv_connection_owner(const struct simc_uv_connection *connection)
{
    return connection->owner;
}

void *simc_uv_connection_object(const struct simc_uv_connection *connection)
{
    return connection->object;
}

const char *simc_uv_connection_peer(const struct simc_uv_connection *connection)
{
    return connection->peer_text;
}

bool simc_uv_connection_is_ended(const struct simc_uv_connection *connection)
{
    struct pollfd socket = {.events = POLLRDHUP};
    uv_os_fd_t fd;
    if (connection->peer_closed || connection->state == SIMC__UV_CLOSING ||
        uv_fileno((const uv_handle_t *)&connection->tcp, &fd))
        return true;
    socket.fd = fd;
    return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

const char *simc_uv_connection_host(const struct simc_uv_connection *connection)
{
    return connection->host_text;
}

bool simc_uv_connection_credentials(const struct simc_uv_connection *connection,
                                    struct simc_uv_credentials *credentials)
{
    bool is_known = simc__uv_is_local(&connection->peer) && connection->peer.local.has_credentials;
    memset(credentials, 0, sizeof *credentials);
    if (is_known)
        *credentials = connection->peer.local.credentials;
    return is_known;
}

bool simc_uv_connection_is_tls(const struct simc_uv_connection *connection)
{
    return connection->tls != NULL;
}

size_t simc_uv_connection_waiting(const struct simc_uv_connection *connection)
{
    return connection->queue.size + (connection->is_writing ? connection->flight.size : 0);
}

void simc_uv_connection_pump(struct simc_uv_connection *connection)
{
    simc__uv_pump(connection);
}

void simc_uv_connection_close(struct simc_uv_connection *connection, const char *why)
{
    if (!is_alive(connection))
        return;
    simc__uv_end_set(&connection->end, SIMC_UV_END_CLOSED_BY_US, 0, why ? "%s" : NULL, why);
    connection->state = SIMC__UV_FLUSHING;
    simc__uv_pump(connection);
}

void simc_uv_connection_abort(struct simc_uv_connection *connection, const char *why)
{
    enum simc_uv_end_reason reason =
        connection->is_told ? SIMC_UV_END_CLOSED_BY_US : SIMC_UV_END_REJECTED;
    simc__uv_end_set(&connection->end, reason, 0, why ? "%s" : NULL, why);
    simc__uv_close_now(connection);
}
