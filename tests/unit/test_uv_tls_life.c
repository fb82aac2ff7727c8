/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of TLS on the network adapter behind the handshake: versions, slow peers, reloads,
 * threads, want of memory. The runner in main.c calls suite_uv_tls_life(). */
#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "test_uv_cert.h"
#include "uv/internal.h"

/* ---- both versions, slow peers, reloads ---- */

/* A client of OpenSSL alone, in a socket of its own. */
struct openssl_peer {
    SSL_CTX *context;
    SSL *ssl;
    int fd;
};

static void peer_init(struct openssl_peer *peer, uint16_t port, int most_version)
{
    peer->context = SSL_CTX_new(TLS_client_method());
    ck_assert_int_eq(SSL_CTX_load_verify_file(peer->context, cert_path("ca.pem")), 1);
    SSL_CTX_set_max_proto_version(peer->context, most_version);
    peer->ssl = SSL_new(peer->context);
    peer->fd = bed_connect("127.0.0.1", port);
    SSL_set_fd(peer->ssl, peer->fd);
    SSL_set_connect_state(peer->ssl);
}

/* @return what the last call returned: 1, or its error is not to be waited for. */
#define peer_until(bed, peer, result, call)                                                   \
    do {                                                                                      \
        bed_turn((bed), __FILE__, __LINE__, #call);                                           \
        (result) = (call);                                                                    \
    } while ((result) <= 0 && (errno == ENOTCONN || errno == EINPROGRESS ||                   \
                               SSL_get_error((peer)->ssl, (result)) == SSL_ERROR_WANT_READ || \
                               SSL_get_error((peer)->ssl, (result)) == SSL_ERROR_WANT_WRITE))

static void peer_fini(struct openssl_peer *peer)
{
    SSL_free(peer->ssl);
    SSL_CTX_free(peer->context);
    close(peer->fd);
}

START_TEST(tls_12_is_taken_only_when_asked_for)
{
    for (int is_allowed = 0; is_allowed < 2; is_allowed++) {
        struct bed bed;
        struct openssl_peer peer;
        char why[SIMC_UV_TEXT_SIZE];
        struct simc_uv_tls *tls;
        struct simc_uv_tls_settings files = {.is_server = true,
                                             .certificate_file = cert_path("server.pem"),
                                             .key_file = cert_path("server.key"),
                                             .tls12 = is_allowed};
        ck_assert_int_eq(simc_uv_tls_new(&files, why, &tls), 0);
        struct simc_uv_server_settings settings = {.tls = tls};
        bed_init(&bed);
        struct simc_uv_server *server = bed_server(&bed, &settings);
        peer_init(&peer, simc_uv_server_port(server, 0), TLS1_2_VERSION);
        int result;
        peer_until(&bed, &peer, result, SSL_do_handshake(peer.ssl));
        ck_assert_int_eq(result == 1, is_allowed);
        if (is_allowed) {
            ck_assert_str_eq(SSL_get_version(peer.ssl), "TLSv1.2");
            ck_assert_ptr_null(strstr(SSL_get_cipher_name(peer.ssl), "CBC"));
            /* Renegotiation is refused. */
            SSL_renegotiate(peer.ssl);
            peer_until(&bed, &peer, result, SSL_do_handshake(peer.ssl));
            ck_assert_int_le(result, 0);
        } else {
            bed_until(&bed, bed.refused == 1 || (close(peer.fd), peer.fd = -1, false));
            ck_assert_str_eq(bed.refused_end.text, "TLS: the peer speaks older versions of TLS "
                                                   "only than this side takes");
        }
        peer_fini(&peer);
        bed_fini(&bed);
        simc_uv_tls_free(tls);
    }
}
END_TEST

START_TEST(a_session_of_tls_13_gets_no_ticket_and_ends_with_close_notify)
{
    struct bed bed;
    struct openssl_peer peer;
    struct simc_uv_tls *tls = cert_tls(true, "server", NULL);
    struct simc_uv_server_settings settings = {.tls = tls};
    uint8_t got[100];
    int result;
    bed_init(&bed);
    bed.is_quiet = true;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    peer_init(&peer, simc_uv_server_port(server, 0), TLS1_3_VERSION);
    peer_until(&bed, &peer, result, SSL_do_handshake(peer.ssl));
    ck_assert_int_eq(result, 1);
    ck_assert_str_eq(SSL_get_version(peer.ssl), "TLSv1.3");
    bed_until(&bed, bed.opened == 1);
    /* Keys may be changed at any time. */
    ck_assert_int_eq(SSL_key_update(peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    ck_assert_int_eq(SSL_write(peer.ssl, "question", 8), 8);
    bed_until(&bed, bed.echoes->in.size == 8);
    bed_say(bed.echoes, simc_slice("answer", 6));
    peer_until(&bed, &peer, result, SSL_read(peer.ssl, got, sizeof got));
    ck_assert_int_eq(result, 6);
    ck_assert_int_eq(SSL_SESSION_has_ticket(SSL_get0_session(peer.ssl)), 0);
    bed.echoes->close = "enough";
    simc_uv_connection_pump(bed.echoes->connection);
    peer_until(&bed, &peer, result, SSL_read(peer.ssl, got, sizeof got));
    ck_assert_int_eq(SSL_get_error(peer.ssl, result), SSL_ERROR_ZERO_RETURN);
    peer_fini(&peer);
    bed_until(&bed, bed.ended == 1);
    ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_PROTOCOL);
    bed_fini(&bed);
    simc_uv_tls_free(tls);
}
END_TEST

START_TEST(a_slow_reader_over_tls_loses_nothing)
{
    struct bed bed;
    struct openssl_peer peer;
    struct simc_uv_tls *tls = cert_tls(true, "server", NULL);
    struct simc_uv_server_settings settings = {
        .tls = tls, .transport = {.send_buffer = 20000, .write_limit = 30000}};
    enum { TOTAL = 12 << 20 };
    UNIT_ROOM(uint8_t, block, TOTAL);
    UNIT_ROOM(uint8_t, got, TOTAL);
    struct unit_random random = unit_random(9);
    int result;
    unit_random_fill(&random, block, TOTAL);
    bed_init(&bed);
    bed.is_quiet = true;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    peer_init(&peer, simc_uv_server_port(server, 0), TLS1_3_VERSION);
    peer_until(&bed, &peer, result, SSL_do_handshake(peer.ssl));
    bed_until(&bed, bed.opened == 1);
    bed_say(bed.echoes, simc_slice(block, TOTAL));
    bed_turns(&bed, 10);
    ck_assert_uint_gt(bed.echoes->out.size, TOTAL / 2);
    ck_assert_uint_le(simc_uv_connection_waiting(bed.echoes->connection),
                      30000 + SIMC__UV_QUEUE_EXTRA);
    for (size_t at = 0; at < TOTAL; at += (size_t)result) {
        peer_until(&bed, &peer, result, SSL_read(peer.ssl, got + at, (int)(TOTAL - at)));
        ck_assert_int_gt(result, 0);
    }
    ck_assert(memcmp(block, got, TOTAL) == 0);
    ck_assert_uint_eq(bed.echoes->out.size, 0);
    peer_fini(&peer);
    bed_until(&bed, bed.ended == 1);
    bed_fini(&bed);
    simc_uv_tls_free(tls);
}
END_TEST

START_TEST(a_reload_is_for_new_connections_all_or_nothing)
{
    struct bed bed;
    struct simc_uv_tls *tls;
    struct simc_uv_tls *client_tls = cert_tls(false, NULL, "ca.pem");
    char why[SIMC_UV_TEXT_SIZE], own[CERT_PATH_SIZE], own_key[CERT_PATH_SIZE];
    snprintf(own, sizeof own, "%s", cert_path("own.pem"));
    snprintf(own_key, sizeof own_key, "%s", cert_path("own.key"));
    ck_assert_int_eq(symlink("server.pem", own), 0);
    ck_assert_int_eq(symlink("server.key", own_key), 0);
    struct simc_uv_tls_settings files = {
        .is_server = true, .certificate_file = own, .key_file = own_key};
    ck_assert_int_eq(simc_uv_tls_new(&files, why, &tls), 0);
    struct simc_uv_server_settings settings = {.tls = tls};
    struct simc_uv_client_settings other = {.tls = client_tls};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    uint16_t port = simc_uv_server_port(server, 0);
    bed_client(&bed, &other, port);
    bed_until(&bed, bed.opened == 2);
    /* A key that does not fit: all stays as it was. */
    unlink(own_key);
    ck_assert_int_eq(symlink("client.key", own_key), 0);
    unit_expect_error(simc_uv_tls_reload(tls, why), SIMC_ESYNTAX);
    ck_assert_ptr_nonnull(strstr(why, "does not belong to the certificate"));
    bed_client(&bed, &other, port);
    bed_until(&bed, bed.opened == 4);
    /* Another certificate, which the clients do not trust. */
    unlink(own);
    unlink(own_key);
    ck_assert_int_eq(symlink("stranger.pem", own), 0);
    ck_assert_int_eq(symlink("stranger.key", own_key), 0);
    ck_assert_int_eq(simc_uv_tls_reload(tls, why), 0);
    ck_assert_str_eq(why, "");
    bed_client(&bed, &other, port);
    bed_until(&bed, bed.retries == 1);
    ck_assert_ptr_nonnull(strstr(bed.retry_end.text, "not in the CA file"));
    ck_assert_uint_eq(bed.ended, 0);
    bed_fini(&bed);
    simc_uv_tls_free(tls);
    simc_uv_tls_free(client_tls);
    unlink(own);
    unlink(own_key);
}
END_TEST

/* ---- threads ---- */

enum { LOOPS = 2, VISITS = 20 };

struct crew {
    struct simc_uv_tls *tls;
    uint16_t ports[LOOPS];
    atomic_uint opened, ended;
    atomic_bool is_over;
};

static void crew_feed(void *object, struct simc_slice bytes, uint64_t now_ms)
{
    (void)now_ms;
    ck_assert_int_eq(simc_buffer_append(object, bytes), 0);
}

static struct simc_slice crew_output(void *object)
{
    return simc_buffer_bytes(object);
}

static void crew_sent(void *object, size_t size)
{
    simc_buffer_drop(object, size);
}

static const struct simc_uv_protocol crew_protocol = {
    .feed = crew_feed, .output = crew_output, .sent = crew_sent};

static int crew_open(void *context, struct simc_uv_connection *connection)
{
    struct crew *crew = context;
    struct simc_buffer *buffer = malloc(sizeof *buffer);
    if (!buffer)
        return SIMC_ENOMEM;
    simc_buffer_init(buffer, 1000);
    atomic_fetch_add(&crew->opened, 1);
    simc_uv_attach(connection, &crew_protocol, buffer, NULL);
    return 0;
}

static void crew_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    (void)context, (void)connection, (void)now_ms;
}

static void crew_end(void *context, struct simc_uv_connection *connection,
                     const struct simc_uv_end *end)
{
    struct crew *crew = context;
    (void)end;
    simc_buffer_fini(simc_uv_connection_object(connection));
    free(simc_uv_connection_object(connection));
    atomic_fetch_add(&crew->ended, 1);
}

static int crew_start(void *context, struct simc_uv_loop *loop, size_t index,
                      char why[SIMC_UV_TEXT_SIZE])
{
    struct crew *crew = context;
    struct simc_uv_address listen = {.host = "127.0.0.1", .port = 0};
    struct simc_uv_server *server;
    struct simc_uv_server_settings settings = {
        .listen = &listen,
        .listen_count = 1,
        .tls = crew->tls,
        .handlers = {.on_open = crew_open, .on_events = crew_events, .on_end = crew_end},
        .context = crew};
    int error = simc_uv_server_new(loop, &settings, why, &server);
    if (!error)
        crew->ports[index] = simc_uv_server_port(server, 0);
    return error;
}

static void *reload_often(void *context)
{
    struct crew *crew = context;
    char why[SIMC_UV_TEXT_SIZE];
    while (!atomic_load(&crew->is_over)) {
        if (simc_uv_tls_reload(crew->tls, why))
            return crew;
    }
    return NULL;
}

/* A blocking client: says a word and hears it. @return false: it did not work. */
static bool visit(uint16_t port)
{
    struct timeval patience = {20, 0};
    struct sockaddr_in address;
    char got[8] = "";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uv_ip4_addr("127.0.0.1", port, &address);
    bool is_good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    SSL_set_fd(ssl, fd);
    is_good = is_good && SSL_connect(ssl) == 1 && SSL_write(ssl, "word", 4) == 4 &&
              SSL_read(ssl, got, sizeof got) == 4 && memcmp(got, "word", 4) == 0;
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return is_good;
}

START_TEST(loops_in_threads_serve_while_certificates_are_reloaded)
{
    static struct crew crew;
    struct simc_uv_threads *threads;
    struct simc_uv_threads_settings settings = {LOOPS, crew_start, NULL, &crew};
    char why[SIMC_UV_TEXT_SIZE];
    pthread_t reloader;
    void *reload_failed;
    crew.tls = cert_tls(true, "server", NULL);
    int error = simc_uv_threads_start(&settings, why, &threads);
    ck_assert_msg(error == 0, "%s", why);
    ck_assert_int_eq(pthread_create(&reloader, NULL, reload_often, &crew), 0);
    for (int i = 0; i < VISITS; i++)
        ck_assert(visit(crew.ports[i % LOOPS]));
    atomic_store(&crew.is_over, true);
    pthread_join(reloader, &reload_failed);
    ck_assert_ptr_null(reload_failed);
    simc_uv_threads_free(threads);
    ck_assert_uint_eq(atomic_load(&crew.opened), VISITS);
    ck_assert_uint_eq(atomic_load(&crew.ended), VISITS);
    simc_uv_tls_free(crew.tls);
}
END_TEST

/* ---- memory ---- */

static int tls_step(void *context)
{
    struct bed *bed = context;
    struct simc_uv_address listen = {.host = "127.0.0.1", .port = 0};
    struct simc_uv_server_settings settings = {
        .listen = &listen, .listen_count = 1, .handlers = bed_handlers, .context = bed};
    struct simc_uv_client_settings other = {
        .remote = {.host = "127.0.0.1", .port = 0}, .handlers = bed_handlers, .context = bed};
    struct simc_uv_server *server = NULL;
    struct simc_uv_client *client = NULL;
    char why[SIMC_UV_TEXT_SIZE];
    memset(bed, 0, sizeof *bed);
    bed->is_quiet = true;
    bed->retry_as_ms = SIMC_UV_OFF;
    bed->give_up_ms = uv_hrtime() / 1000000 + 30000;
    int error = simc_uv_loop_new(NULL, &bed->loop);
    if (error)
        return error;
    error = cert_try_tls(true, "server.pem", "server.key", "ca.pem", why, &settings.tls);
    if (!error)
        error = cert_try_tls(false, "client.pem", "client.key", "ca.pem", why, &other.tls);
    if (!error)
        error = simc_uv_server_new(bed->loop, &settings, why, &server);
    other.remote.port = server ? simc_uv_server_port(server, 0) : 0;
    if (!error)
        error = simc_uv_client_new(bed->loop, &other, &client);
    if (!error)
        bed_until(bed, bed->opened == 2 || bed->retries > 0 || bed->refused > 0);
    if (!error && bed->opened < 2)
        error = SIMC_ENOMEM;
    bed_fini(bed);
    simc_uv_tls_free(settings.tls);
    simc_uv_tls_free(other.tls);
    return error;
}

START_TEST(each_allocation_may_fail)
{
    struct bed bed;
    ck_assert_uint_ge(unit_fail_each_allocation(tls_step, &bed, true), 15);
}
END_TEST

static TCase *life_tests(void)
{
    TCase *tests = tcase_create("behind the handshake");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, cert_make_all, cert_remove_all);
    tcase_add_test(tests, tls_12_is_taken_only_when_asked_for);
    tcase_add_test(tests, a_session_of_tls_13_gets_no_ticket_and_ends_with_close_notify);
    tcase_add_test(tests, a_slow_reader_over_tls_loses_nothing);
    tcase_add_test(tests, a_reload_is_for_new_connections_all_or_nothing);
    tcase_add_test(tests, loops_in_threads_serve_while_certificates_are_reloaded);
    tcase_add_test(tests, each_allocation_may_fail);
    return tests;
}

Suite *suite_uv_tls_life(void);

Suite *suite_uv_tls_life(void)
{
    Suite *suite = suite_create("uv_tls_life");
    suite_add_tcase(suite, life_tests());
    return suite;
}
