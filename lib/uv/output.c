/* SPDX-License-Identifier: BSL-1.0 */
/* Output: first straight to the system, the remainder through a copy with a ceiling, and the rest
 * stays in the object. connection.c and tls_stream.c call it. */
#include <string.h>

#include "uv/internal.h"

static void start_write(struct simc_uv_connection *connection);

void simc__uv_write_failed(struct simc_uv_connection *connection, int system_error)
{
    if (connection->write_error)
        return;
    connection->write_error = system_error;
    simc_buffer_fini(&connection->queue);
    uint64_t now_ms = uv_now(connection->loop->uv);
    /* The peer may have told why before it closed, for example by an alert of TLS. */
    if (connection->state != SIMC__UV_CLOSING)
        connection->phase_deadline_ms =
            simc_deadline_after(now_ms, connection->party->transport.linger_ms);
    if (connection->peer_closed) {
        simc__uv_end_set_error(&connection->end, system_error);
        simc__uv_close_now(connection);
    }
}

static void written(uv_write_t *request, int error)
{
    struct simc_uv_connection *connection = request->data;
    size_t size = connection->flight.size;
    connection->is_writing = false;
    simc_buffer_fini(&connection->flight);
    if (connection->state == SIMC__UV_CLOSING)
        return;
    if (error) {
        simc__uv_write_failed(connection, error);
    } else {
        simc__uv_count(&connection->party->counters->bytes_out, size);
        start_write(connection);
    }
    simc__uv_pump(connection);
    simc__uv_settle(connection);
}

/* Gives what waits to libuv. The buffers change places, so that what libuv has does not move. */
static void start_write(struct simc_uv_connection *connection)
{
    if (connection->is_writing || connection->queue.size == 0)
        return;
    struct simc_buffer empty = connection->flight;
    connection->flight = connection->queue;
    connection->queue = empty;
    struct simc_slice bytes = simc_buffer_bytes(&connection->flight);
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data, (unsigned)bytes.size);
    int error = uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, written);
    if (error) {
        simc_buffer_fini(&connection->flight);
        simc__uv_write_failed(connection, error);
        return;
    }
    connection->is_writing = true;
    connection->left_last = bytes.size;
    uint32_t stall_ms = connection->party->transport.write_stall_ms;
    connection->stall_deadline_ms =
        stall_ms == SIMC_UV_OFF ? SIMC_DEADLINE_NONE
                                : simc_deadline_after(uv_now(connection->loop->uv), stall_ms);
}

/* @return how many of the bytes the system has taken. */
static size_t try_write(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    size_t most = (size_t)INT32_MAX;
    uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)bytes.data,
                                  (unsigned)(bytes.size < most ? bytes.size : most));
    int size = uv_try_write((uv_stream_t *)&connection->tcp, &buffer, 1);
    if (size < 0 && size != UV_EAGAIN)
        simc__uv_write_failed(connection, size);
    if (size <= 0)
        return 0;
    simc__uv_count(&connection->party->counters->bytes_out, (uint64_t)size);
    return (size_t)size;
}

/* Copies bytes behind what waits. Over the ceiling come only answers of the TLS layer that the peer
 * asks for without reading them. */
static void put_in_queue(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    int error = simc_buffer_append(&connection->queue, bytes);
    if (!error) {
        start_write(connection);
        return;
    }
    if (error == SIMC_EFULL)
        simc__uv_end_set(&connection->end, SIMC_UV_END_STALLED, 0, NULL);
    else
        simc__uv_end_set(&connection->end, SIMC_UV_END_NO_MEMORY, UV_ENOMEM, NULL);
    simc__uv_close_now(connection);
}

void simc__uv_send(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    if (connection->write_error || connection->state == SIMC__UV_CLOSING)
        return;
    size_t size = 0;
    if (!connection->is_writing && connection->queue.size == 0)
        size = try_write(connection, bytes);
    if (size < bytes.size && !connection->write_error)
        put_in_queue(connection, simc_slice(bytes.data + size, bytes.size - size));
}

static void flush_plain(struct simc_uv_connection *connection)
{
    const struct simc_uv_protocol *protocol = connection->protocol;
    size_t limit = connection->party->transport.write_limit;
    while (!connection->is_writing && !connection->write_error) {
        struct simc_slice output = protocol->output(connection->object);
        if (output.size == 0)
            return;
        size_t size = try_write(connection, output);
        if (connection->write_error)
            return;
        size_t rest = output.size - size < limit ? output.size - size : limit;
        if (rest > 0)
            put_in_queue(connection, simc_slice(output.data + size, rest));
        if (connection->state == SIMC__UV_CLOSING)
            return;
        protocol->sent(connection->object, size + rest);
    }
}

void simc__uv_flush(struct simc_uv_connection *connection)
{
    if (connection->is_mute || connection->write_error)
        return;
    if (connection->tls)
        simc__uv_tls_flush(connection);
    else
        flush_plain(connection);
}

bool simc__uv_is_flushed(const struct simc_uv_connection *connection)
{
    if (connection->write_error)
        return true;
    if (connection->is_writing || connection->queue.size > 0)
        return false;
    return connection->is_mute || connection->protocol->output(connection->object).size == 0;
}
