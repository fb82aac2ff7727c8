/* SPDX-License-Identifier: BSL-1.0 */
/* TLS of one connection. OpenSSL reads what was received where it lies and writes into a buffer of
 * the loop: connection.c and output.c move the bytes, OpenSSL never sees the socket. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "uv/internal.h"

enum { RECORD_ALERT = 0x15, RECORD_HANDSHAKE = 0x16 };

struct simc__uv_tls_stream {
    SSL *ssl;
    struct simc_slice in; /* received and not yet read by OpenSSL; borrowed for one call */
    struct simc_uv_identity *identity;
    struct simc_buffer *wire;
    bool has_begun; /* the first byte was looked at */
    bool is_done;   /* the handshake */
};

/* ---- what OpenSSL reads from and writes to ---- */

static int bio_read(BIO *bio, char *data, size_t size, size_t *done)
{
    struct simc__uv_tls_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (stream->in.size == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *done = size < stream->in.size ? size : stream->in.size;
    memcpy(data, stream->in.data, *done);
    stream->in = simc_slice(stream->in.data + *done, stream->in.size - *done);
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *done)
{
    struct simc__uv_tls_stream *stream = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *done = size;
    if (simc_buffer_append(stream->wire, simc_slice(data, size)) == 0)
        return 1;
    ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE);
    return 0;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_method(void)
{
    int type = BIO_get_new_index();
    BIO_METHOD *method = type == -1 ? NULL : BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "simc_uv");
    if (method && (BIO_meth_set_read_ex(method, bio_read) != 1 ||
                   BIO_meth_set_write_ex(method, bio_write) != 1 ||
                   BIO_meth_set_ctrl(method, bio_control) != 1)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

static int prepare_loop(struct simc_uv_loop *loop)
{
    if (!loop->plain)
        loop->plain = simc_alloc(SIMC__UV_PLAIN_SIZE);
    if (!loop->bio_method)
        loop->bio_method = make_method();
    return loop->plain && loop->bio_method ? 0 : SIMC_ENOMEM;
}

void simc__uv_tls_loop_fini(struct simc_uv_loop *loop)
{
    if (loop->plain)
        simc_wipe(loop->plain, SIMC__UV_PLAIN_SIZE);
    simc_free(loop->plain);
    BIO_meth_free(loop->bio_method);
    simc_buffer_fini(&loop->wire);
}

/* ---- sending ---- */

/* Sends what OpenSSL has written. The wire belongs to the loop, so it is empty afterwards. */
static void send_wire(struct simc_uv_connection *connection)
{
    struct simc_buffer *wire = connection->tls->wire;
    struct simc_slice bytes = simc_buffer_bytes(wire);
    if (bytes.size > 0)
        simc__uv_send(connection, bytes);
    simc_buffer_drop(wire, bytes.size);
}

/* Notes the sentence for OpenSSL's error. Nothing of the object can be sent any more. */
static void note_fault(struct simc_uv_connection *connection)
{
    char text[SIMC_UV_TEXT_SIZE];
    simc__uv_tls_fault_text(connection->tls->ssl, text);
    simc__uv_end_set(&connection->end, SIMC_UV_END_TLS, 0, "%s", text);
    connection->is_mute = true;
}

/* Ends it behind the alert that OpenSSL may have written. */
static void fail(struct simc_uv_connection *connection)
{
    note_fault(connection);
    connection->phase_deadline_ms = SIMC_DEADLINE_NONE;
    connection->state = SIMC__UV_FLUSHING;
    send_wire(connection);
    simc__uv_settle(connection);
}

void simc__uv_tls_flush(struct simc_uv_connection *connection)
{
    const struct simc_uv_protocol *protocol = connection->protocol;
    struct simc__uv_tls_stream *stream = connection->tls;
    size_t limit = connection->party->transport.write_limit, done;
    while (!connection->is_writing && !connection->write_error && !connection->is_mute &&
           connection->state != SIMC__UV_CLOSING) {
        struct simc_slice output = protocol->output(connection->object);
        if (output.size == 0)
            return;
        ERR_clear_error();
        size_t size = output.size < limit ? output.size : limit;
        if (SSL_write_ex(stream->ssl, output.data, size, &done) != 1) {
            fail(connection);
            return;
        }
        protocol->sent(connection->object, done);
        send_wire(connection);
    }
}

void simc__uv_tls_goodbye(struct simc_uv_connection *connection)
{
    SSL *ssl = connection->tls->ssl;
    if (connection->write_error || connection->is_mute || SSL_in_init(ssl) ||
        SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(ssl);
    ERR_clear_error();
    send_wire(connection);
}

/* ---- receiving ---- */

static void handshake_done(struct simc_uv_connection *connection)
{
    struct simc__uv_tls_stream *stream = connection->tls;
    X509 *peer = SSL_get0_peer_certificate(stream->ssl);
    simc__uv_count(&connection->party->counters->tls_good, 1);
    stream->is_done = true;
    if (peer && simc__uv_identity_new(peer, &stream->identity)) {
        simc__uv_end_set(&connection->end, SIMC_UV_END_NO_MEMORY, UV_ENOMEM, NULL);
        simc__uv_close_now(connection);
        return;
    }
    simc__uv_connection_open(connection);
}

static void shake_hands(struct simc_uv_connection *connection)
{
    struct simc__uv_tls_stream *stream = connection->tls;
    ERR_clear_error();
    int result = SSL_do_handshake(stream->ssl);
    if (result != 1 && SSL_get_error(stream->ssl, result) != SSL_ERROR_WANT_READ) {
        fail(connection);
        return;
    }
    send_wire(connection);
    if (result == 1 && connection->state == SIMC__UV_HANDSHAKE)
        handshake_done(connection);
}

/* Decrypts all that was received, gives it to the object in one piece, then looks at what stopped
 * the reading. */
static void decrypt(struct simc_uv_connection *connection)
{
    struct simc__uv_tls_stream *stream = connection->tls;
    uint8_t *plain = connection->loop->plain;
    size_t size = 0, done;
    int result;
    ERR_clear_error();
    while ((result = SSL_read_ex(stream->ssl, plain + size, SIMC__UV_PLAIN_SIZE - size, &done)))
        size += done;
    int error = SSL_get_error(stream->ssl, result);
    bool is_closed = error == SSL_ERROR_ZERO_RETURN;
    bool is_fault = !is_closed && error != SSL_ERROR_WANT_READ;
    if (is_fault)
        note_fault(connection);
    send_wire(connection);
    if (size > 0)
        simc__uv_feed(connection, simc_slice(plain, size));
    simc_wipe(plain, size);
    if (is_fault && connection->state == SIMC__UV_OPEN)
        connection->state = SIMC__UV_FLUSHING;
    else if (is_closed && connection->state == SIMC__UV_OPEN)
        simc__uv_peer_closed(connection, NULL);
}

/* A peer that does not speak TLS is told apart by its first byte, with a better sentence than
 * OpenSSL's "wrong version number". */
static bool is_plain_text(struct simc_uv_connection *connection, uint8_t first)
{
    if (connection->tls->has_begun)
        return false;
    connection->tls->has_begun = true;
    bool is_server = simc__uv_tls_is_server(connection->party->tls);
    if (first == RECORD_HANDSHAKE || (!is_server && first == RECORD_ALERT))
        return false;
    simc__uv_end_set(&connection->end, SIMC_UV_END_TLS, 0,
                     "the peer does not speak TLS (its first byte is 0x%02x), but %s",
                     (unsigned)first,
                     is_server ? "this port is for TLS only: configure TLS on its side, or a plain "
                                 "port here"
                               : "TLS is configured here: configure TLS on its side, or none here");
    simc__uv_close_now(connection);
    return true;
}

void simc__uv_tls_input(struct simc_uv_connection *connection, struct simc_slice bytes)
{
    struct simc__uv_tls_stream *stream = connection->tls;
    if (is_plain_text(connection, bytes.data[0]))
        return;
    stream->in = bytes;
    if (connection->state == SIMC__UV_HANDSHAKE)
        shake_hands(connection);
    if (connection->state == SIMC__UV_OPEN)
        decrypt(connection);
    stream->in = simc_slice(NULL, 0);
    simc__uv_settle(connection);
}

/* ---- beginning and end ---- */

/* A client checks that the certificate has the name, by its alternative names only. */
static bool set_name(SSL *ssl, const char *name)
{
    union simc__uv_sockaddr address;
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (simc__uv_sockaddr_read(name, 0, &address) == 0) {
        char host[SIMC__UV_HOST_SIZE];
        simc__uv_sockaddr_host(&address, host);
        host[strcspn(host, "%")] = '\0';
        return X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1;
    }
    /* The macro for it casts the const away. */
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name) == 1 &&
           SSL_set1_host(ssl, name) == 1;
}

/* Makes the stream of an SSL, which it owns from here on. */
static int make_stream(struct simc_uv_connection *connection, SSL *ssl)
{
    struct simc_uv_loop *loop = connection->loop;
    struct simc__uv_tls_stream *stream = simc_calloc(1, sizeof *stream);
    BIO *bio = stream ? BIO_new(loop->bio_method) : NULL;
    if (!bio) {
        simc_free(stream);
        SSL_free(ssl);
        return SIMC_ENOMEM;
    }
    BIO_set_data(bio, stream);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    stream->ssl = ssl;
    stream->wire = &loop->wire;
    connection->tls = stream;
    const char *name = connection->party->tls_name;
    return !name || set_name(ssl, name) ? 0 : SIMC_ENOMEM;
}

int simc__uv_tls_begin(struct simc_uv_connection *connection)
{
    if (prepare_loop(connection->loop))
        return SIMC_ENOMEM;
    SSL *ssl = simc__uv_tls_ssl_new(connection->party->tls);
    int error = ssl ? make_stream(connection, ssl) : SIMC_ENOMEM;
    ERR_clear_error();
    if (!error)
        shake_hands(connection);
    return error;
}

void simc__uv_tls_stream_free(struct simc_uv_connection *connection)
{
    struct simc__uv_tls_stream *stream = connection->tls;
    if (!stream)
        return;
    if (!stream->is_done)
        simc__uv_count(&connection->party->counters->tls_failed, 1);
    simc__uv_identity_free(stream->identity);
    SSL_free(stream->ssl);
    simc_free(stream);
    connection->tls = NULL;
}

const struct simc_uv_identity *simc_uv_connection_identity(
    const struct simc_uv_connection *connection)
{
    return connection->tls ? connection->tls->identity : NULL;
}
