/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of TLS on the network adapter: files and handshakes, every way in which they can fail,
 * each with its sentence. The runner in main.c calls suite_uv_tls(). */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "test_uv_cert.h"
#include "uv/internal.h"

/* ---- files ---- */

START_TEST(each_fault_of_the_files_has_its_sentence)
{
    static const struct {
        bool is_server;
        const char *certificate, *key, *ca;
        int error;
        const char *why;
    } rows[] = {
        {true, NULL, NULL, NULL, SIMC_EINVAL, "a TLS server needs a certificate file"},
        {false, NULL, "client.key", NULL, SIMC_EINVAL,
         "a private key is of no use without a certificate file"},
        {true, "none.pem", "server.key", NULL, SIMC_EIO, "none.pem: No such file or directory"},
        {true, "new", "server.key", NULL, SIMC_EIO, "/new: it is a folder"},
        {true, "wrong.pem", "server.key", NULL, SIMC_ESYNTAX,
         "it holds no certificate in PEM form"},
        {true, "server.key", "server.key", NULL, SIMC_ESYNTAX,
         "it holds no certificate in PEM form"},
        {true, "server.pem", "none.key", NULL, SIMC_EIO, "none.key: No such file or directory"},
        {true, "server.pem", NULL, NULL, SIMC_EIO, "chmod o-rwx"},
        {true, "server.pem", "wrong.pem", NULL, SIMC_ESYNTAX,
         "it holds no private key in PEM form"},
        {true, "server.pem", "open.key", NULL, SIMC_EIO, "every user may read it or change it"},
        {true, "server.pem", "locked.key", NULL, SIMC_ESYNTAX, "it is encrypted with a passphrase"},
        {true, "server.pem", "client.key", NULL, SIMC_ESYNTAX,
         "does not belong to the certificate"},
        {true, "server.pem", "server.key", "none.pem", SIMC_EIO,
         "the CA certificates /tmp/simc-uv-tls-"},
        {true, "server.pem", "server.key", "wrong.pem", SIMC_ESYNTAX,
         "it holds no certificate in PEM form"},
        {true, "server.pem", "server.key", "ca.pem", 0, ""},
        {true, "both.pem", NULL, NULL, 0, ""},
        {false, NULL, NULL, NULL, 0, ""},
        {false, "client.pem", "client.key", "ca.pem", 0, ""},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc_uv_tls *tls;
        char why[SIMC_UV_TEXT_SIZE] = "?";
        int error = cert_try_tls(rows[i].is_server, rows[i].certificate, rows[i].key, rows[i].ca,
                                 why, &tls);
        ck_assert_msg(error == rows[i].error && strstr(why, rows[i].why), "row %zu: %d %s", i,
                      error, why);
        ck_assert(!tls == (error != 0));
        ck_assert_msg(!error == !why[0], "%s", why);
        if (tls)
            ck_assert((simc_uv_tls_expires_s(tls) == INT64_MAX) == !rows[i].certificate);
        simc_uv_tls_free(tls);
    }
    simc_uv_tls_free(NULL);
}
END_TEST

START_TEST(roles_cannot_be_mixed_up)
{
    struct bed bed;
    struct simc_uv_tls *server_tls = cert_tls(true, "server", NULL);
    struct simc_uv_tls *client_tls = cert_tls(false, NULL, "ca.pem");
    struct simc_uv_address listen = {.host = "127.0.0.1", .port = 0};
    struct simc_uv_server_settings settings = {
        .listen = &listen, .listen_count = 1, .tls = client_tls, .handlers = bed_handlers};
    struct simc_uv_client_settings other = {
        .remote = {.host = "127.0.0.1", .port = 1}, .tls = server_tls, .handlers = bed_handlers};
    struct simc_uv_server *server;
    struct simc_uv_client *client;
    char why[SIMC_UV_TEXT_SIZE];
    bed_init(&bed);
    unit_expect_error(simc_uv_server_new(bed.loop, &settings, why, &server), SIMC_EINVAL);
    ck_assert_str_eq(why, "the TLS settings are those of a client");
    unit_expect_error(simc_uv_client_new(bed.loop, &other, &client), SIMC_EINVAL);
    bed_fini(&bed);
    simc_uv_tls_free(server_tls);
    simc_uv_tls_free(client_tls);
}
END_TEST

/* ---- handshakes ---- */

/* What both sides say when something is wrong. "": nothing is. */
static const struct handshake {
    const char *what;
    const char *server, *server_ca;        /* names of certificates */
    const char *client, *client_ca, *name; /* NULL: the address */
    const char *server_says, *client_says;
} handshakes[] = {
    {"plain TLS", "server", NULL, NULL, "ca.pem", NULL, "", ""},
    {"with a client certificate", "server", "ca.pem", "client", "ca.pem", NULL, "", ""},
    {"by name", "server", NULL, NULL, "ca.pem", "localhost", "", ""},
    {"by wildcard", "server", NULL, NULL, "ca.pem", "a.example.org", "", ""},
    {"by an IPv6 name", "server", NULL, NULL, "ca.pem", "2001:db8::1", "", ""},
    {"a certificate nobody asks for", "server", NULL, "client", "ca.pem", NULL, "", ""},
    {"a wildcard over two labels", "server", NULL, NULL, "ca.pem", "a.b.example.org",
     "the peer does not accept the certificate of this side",
     "does not have the expected name among its subjectAltNames"},
    {"wrong name", "named", NULL, NULL, "ca.pem", "localhost",
     "the peer does not accept the certificate of this side",
     "does not have the expected name among its subjectAltNames"},
    {"the subject is no name", "server", NULL, NULL, "ca.pem", "CN is not looked at", "",
     "does not have the expected name"},
    {"wrong address", "named", NULL, NULL, "ca.pem", NULL,
     "the peer does not accept the certificate of this side",
     "does not have the expected IP address among its subjectAltNames"},
    {"unknown CA of the server", "stranger", NULL, NULL, "ca.pem", NULL,
     "the peer does not know the CA of this side's certificate",
     "was made by a CA that is not in the CA file of this side"},
    {"expired server", "expired", NULL, NULL, "ca.pem", NULL,
     "the certificate of this side has expired, says the peer",
     "the peer's certificate has expired"},
    {"server of the future", "future", NULL, NULL, "ca.pem", NULL,
     "the peer does not accept the certificate of this side",
     "the peer's certificate is not valid yet; compare the clocks"},
    {"a client's certificate on the server", "client", NULL, NULL, "ca.pem", "scs.example.org",
     "the certificate of this side is not for this use", "the peer's certificate is not for this"},
    {"no client certificate", "server", "ca.pem", NULL, "ca.pem", NULL,
     "the peer has sent no certificate, and this side wants one",
     "the peer wants a certificate from this side, and none was sent"},
    {"unknown CA of the client", "server", "ca.pem", "stranger", "ca.pem", NULL,
     "was made by a CA that is not in the CA file of this side",
     "the peer does not know the CA of this side's certificate"},
    {"expired client", "server", "ca.pem", "expired", "ca.pem", NULL,
     "the peer's certificate has expired", "the certificate of this side has expired"},
    {"a server's certificate on the client", "server", "ca.pem", "named", "ca.pem", NULL,
     "the peer's certificate is not for this use",
     "the certificate of this side is not for this use"},
};

/* What the ends of a handshake that failed say. In TLS 1.3 the client has finished before the
 * server looks at its certificate: its connection stands for a moment. */
static void expect_failure(const struct handshake *row, struct bed *server, struct bed *client,
                           struct simc_uv_client *maker)
{
    while (server->refused + server->ended == 0 || client->retries == 0) {
        bed_turn(server, __FILE__, __LINE__, row->what);
        (void)maker;
    }
    const struct simc_uv_end *ours = &server->refused_end, *theirs = &client->retry_end;
    if (server->ended)
        ours = &server->echoes->end;
    ck_assert_msg(strstr(ours->text, row->server_says) != NULL, "%s: the server says: %s",
                  row->what, ours->text);
    ck_assert_msg(strstr(theirs->text, row->client_says) != NULL, "%s: the client says: %s",
                  row->what, theirs->text);
    ck_assert_int_eq(theirs->reason, SIMC_UV_END_TLS);
}

static void expect_success(const struct handshake *row, struct bed *server, struct bed *client)
{
    while (server->opened == 0 || client->opened == 0) {
        bed_turn(server, __FILE__, __LINE__, row->what);
        ck_assert_msg(client->retries == 0, "%s: %s", row->what, client->retry_end.text);
    }
    client->is_quiet = true;
    ck_assert(simc_uv_connection_is_tls(client->echoes->connection));
    static uint8_t block[200000];
    struct unit_random random = unit_random(5);
    unit_random_fill(&random, block, sizeof block);
    bed_say(client->echoes, simc_slice(block, sizeof block));
    bed_until(server, client->echoes->in.size == sizeof block);
    unit_expect_bytes(simc_buffer_bytes(&client->echoes->in), simc_slice(block, sizeof block));
    const struct simc_uv_identity *who = simc_uv_connection_identity(server->echoes->connection);
    ck_assert((who != NULL) == (row->server_ca != NULL));
    ck_assert_ptr_nonnull(simc_uv_connection_identity(client->echoes->connection));
}

START_TEST(handshakes_succeed_or_fail_with_a_sentence_on_both_sides)
{
    const struct handshake *row = &handshakes[_i];
    struct bed server, client;
    struct simc_uv_tls *server_tls = cert_tls(true, row->server, row->server_ca);
    struct simc_uv_tls *client_tls = cert_tls(false, row->client, row->client_ca);
    struct simc_uv_server_settings settings = {.tls = server_tls};
    struct simc_uv_client_settings other = {.tls = client_tls, .server_name = row->name};
    struct simc_uv_stats stats;
    bed_init(&server);
    memset(&client, 0, sizeof client);
    client.loop = server.loop;
    client.give_up_ms = server.give_up_ms;
    client.retry_as_ms = SIMC_UV_OFF;
    struct simc_uv_server *listener = bed_server(&server, &settings);
    struct simc_uv_client *maker = bed_client(&client, &other, simc_uv_server_port(listener, 0));
    if (row->client_says[0])
        expect_failure(row, &server, &client, maker);
    else
        expect_success(row, &server, &client);
    simc_uv_gate_stats(simc_uv_server_gate(listener), &stats);
    ck_assert_uint_eq(stats.tls_good, row->client_says[0] ? 0 : 1);
    ck_assert_uint_eq(stats.tls_failed, row->client_says[0] ? 1 : 0);
    /* The loop is shared. */
    bed_fini(&server);
    client.loop = NULL;
    bed_fini(&client);
    simc_uv_tls_free(server_tls);
    simc_uv_tls_free(client_tls);
}
END_TEST

START_TEST(the_identity_has_all_names_with_their_types)
{
    struct bed bed;
    struct simc_uv_tls *server_tls = cert_tls(true, "server", "ca.pem");
    struct simc_uv_tls *client_tls = cert_tls(false, "client", "ca.pem");
    struct simc_uv_server_settings settings = {.tls = server_tls};
    struct simc_uv_client_settings other = {.tls = client_tls};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    struct simc_uv_client *client = bed_client(&bed, &other, simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 2);
    struct simc_uv_connection *mine = simc_uv_client_connection(client);
    struct bed_echo *echo = bed.echoes->connection == mine ? bed.echoes->next : bed.echoes;
    static const struct {
        enum simc_uv_name_type type;
        const char *name;
    } server_names[] = {{SIMC_UV_NAME_DNS, "localhost"},
                        {SIMC_UV_NAME_DNS, "*.example.org"},
                        {SIMC_UV_NAME_IP, "127.0.0.1"},
                        {SIMC_UV_NAME_URI, "spiffe://example.org/ecmg"},
                        {SIMC_UV_NAME_IP, "2001:db8::1"}};
    const struct simc_uv_identity *who = simc_uv_connection_identity(mine);
    ck_assert_uint_eq(who->name_count, UNIT_COUNT(server_names));
    for (size_t i = 0; i < UNIT_COUNT(server_names); i++) {
        ck_assert_str_eq(who->names[i], server_names[i].name);
        ck_assert_int_eq(who->types[i], server_names[i].type);
    }
    ck_assert_int_eq(who->not_after_s, simc_uv_tls_expires_s(server_tls));
    uint8_t digest[32];
    unsigned digest_size = sizeof digest;
    FILE *file = fopen(cert_path("server.pem"), "r");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    ck_assert_ptr_nonnull(certificate);
    ck_assert_int_eq(X509_digest(certificate, EVP_sha256(), digest, &digest_size), 1);
    unit_expect_bytes(simc_slice(who->sha256, sizeof who->sha256), simc_slice(digest, 32));
    X509_free(certificate);
    fclose(file);
    who = simc_uv_connection_identity(echo->connection);
    /* The address of mail is of no type that counts here. */
    ck_assert_uint_eq(who->name_count, 2);
    ck_assert(simc_uv_identity_has(who, SIMC_UV_NAME_DNS, "SCS.example.org"));
    ck_assert(simc_uv_identity_has(who, SIMC_UV_NAME_IP, "192.0.2.1"));
    ck_assert(!simc_uv_identity_has(who, SIMC_UV_NAME_DNS, "192.0.2.1"));
    ck_assert(!simc_uv_identity_has(who, SIMC_UV_NAME_URI, "scs.example.org"));
    ck_assert(!simc_uv_identity_has(who, SIMC_UV_NAME_DNS, "CN is not looked at"));
    ck_assert(!simc_uv_identity_has(NULL, SIMC_UV_NAME_DNS, "scs.example.org"));
    bed_fini(&bed);
    simc_uv_tls_free(server_tls);
    simc_uv_tls_free(client_tls);
}
END_TEST

/* ---- peers that are no TLS, or odd ---- */

START_TEST(a_peer_without_tls_is_told_apart)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } rows[] = {
        {"\x03\x00\x01\x00\x00", 5, "(its first byte is 0x03), but this port is for TLS only"},
        {"GET / HTTP/1.1\r\n", 16, "(its first byte is 0x47), but this port is for TLS only"},
        {"\x15\x03\x01\x00\x02\x02\x28", 7, "(its first byte is 0x15)"},
        {"\x16\x03\x01\x00\x05hello", 10, "TLS: "},
        {"\x16\x03\x01\xff\xff", 5, "TLS: "},
        {"\x16\x16\x16\x16\x16\x16\x16\x16\x16", 9, "TLS: "},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct bed bed;
        struct simc_uv_tls *tls = cert_tls(true, "server", NULL);
        struct simc_uv_server_settings settings = {.tls = tls};
        bed_init(&bed);
        struct simc_uv_server *server = bed_server(&bed, &settings);
        int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        bed_send(&bed, fd, simc_slice(rows[i].bytes, rows[i].size));
        uint8_t alert[64];
        bed_receive(&bed, fd, alert, sizeof alert);
        close(fd);
        bed_until(&bed, bed.refused == 1);
        ck_assert_int_eq(bed.refused_end.reason, SIMC_UV_END_TLS);
        ck_assert_msg(strstr(bed.refused_end.text, rows[i].why) != NULL, "row %zu: %s", i,
                      bed.refused_end.text);
        ck_assert_uint_eq(bed.opened, 0);
        bed_fini(&bed);
        simc_uv_tls_free(tls);
    }
}
END_TEST

/* Records that begin well and hold anything, and hellos with wrong bytes in them. */
START_TEST(random_bytes_end_a_handshake)
{
    enum { ROUNDS = 150, HELLO_MAX = 4096 };
    struct bed bed;
    struct openssl_hello {
        uint8_t bytes[HELLO_MAX];
        size_t size;
    } hello = {{0}, 0};
    struct unit_random random = unit_random(77);
    struct simc_uv_tls *tls = cert_tls(true, "server", "ca.pem");
    struct simc_uv_server_settings settings = {.tls = tls, .transport = {.linger_ms = 20}};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    ck_assert_int_eq(BIO_read_ex(out, hello.bytes, sizeof hello.bytes, &hello.size), 1);
    SSL_free(ssl);
    SSL_CTX_free(context);
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t bytes[HELLO_MAX];
        size_t size = hello.size;
        memcpy(bytes, hello.bytes, size);
        for (uint64_t k = unit_random_below(&random, 6); i % 3 && k > 0; k--)
            bytes[3 + unit_random_below(&random, size - 3)] ^= (uint8_t)(1 + k);
        if (i % 3 == 0)
            unit_random_fill(&random, bytes + 5, size - 5);
        if (i % 5 == 0)
            size = 1 + (size_t)unit_random_below(&random, size);
        int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        bed_send(&bed, fd, simc_slice(bytes, size));
        close(fd);
        bed_until(&bed, bed.refused == i + 1);
        ck_assert_msg(bed.refused_end.reason == SIMC_UV_END_TLS ||
                          bed.refused_end.reason == SIMC_UV_END_RESET ||
                          bed.refused_end.reason == SIMC_UV_END_PEER_CLOSED,
                      "%s", bed.refused_end.text);
    }
    ck_assert_uint_eq(bed.opened, 0);
    bed_fini(&bed);
    simc_uv_tls_free(tls);
}
END_TEST

START_TEST(a_client_finds_a_server_without_tls)
{
    static const char *const answers[] = {"\x03\x00\x05\x00\x00", ""};
    static const char *const whys[] = {"but TLS is configured here",
                                       "the peer closed it during the TLS handshake; switch"};
    for (size_t i = 0; i < UNIT_COUNT(answers); i++) {
        struct bed bed;
        struct simc_uv_tls *tls = cert_tls(false, NULL, "ca.pem");
        struct simc_uv_client_settings settings = {.tls = tls};
        uint16_t port;
        int listener = bed_listen(&port), fd;
        bed_init(&bed);
        bed_client(&bed, &settings, port);
        bed_until(&bed, (fd = accept(listener, NULL, NULL)) >= 0);
        char hello[4096];
        bed_until(&bed, recv(fd, hello, sizeof hello, MSG_DONTWAIT) > 0);
        if (answers[i][0])
            bed_send(&bed, fd, simc_slice(answers[i], 5));
        close(fd);
        bed_until(&bed, bed.retries == 1);
        ck_assert_msg(strstr(bed.retry_end.text, whys[i]) != NULL, "%s", bed.retry_end.text);
        close(listener);
        bed_fini(&bed);
        simc_uv_tls_free(tls);
    }
}
END_TEST

START_TEST(a_handshake_that_takes_too_long_ends)
{
    static const char *const beginnings[] = {"", "\x16\x03\x01\x01"};
    for (size_t i = 0; i < UNIT_COUNT(beginnings); i++) {
        struct bed bed;
        struct simc_uv_tls *tls = cert_tls(true, "server", NULL);
        struct simc_uv_server_settings settings = {.tls = tls, .transport = {.handshake_ms = 40}};
        bed_init(&bed);
        struct simc_uv_server *server = bed_server(&bed, &settings);
        int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        bed_send(&bed, fd, simc_slice_text(beginnings[i]));
        bed_until(&bed, bed.refused == 1);
        ck_assert_int_eq(bed.refused_end.reason, SIMC_UV_END_TLS_TIMEOUT);
        ck_assert_str_eq(bed.refused_end.text, "the TLS handshake was not finished within 40 ms");
        close(fd);
        bed_fini(&bed);
        simc_uv_tls_free(tls);
    }
}
END_TEST

static TCase *handshake_tests(void)
{
    TCase *tests = tcase_create("files and handshakes");
    tcase_set_timeout(tests, 60);
    tcase_add_unchecked_fixture(tests, cert_make_all, cert_remove_all);
    tcase_add_test(tests, each_fault_of_the_files_has_its_sentence);
    tcase_add_test(tests, roles_cannot_be_mixed_up);
    tcase_add_loop_test(tests, handshakes_succeed_or_fail_with_a_sentence_on_both_sides, 0,
                        (int)UNIT_COUNT(handshakes));
    tcase_add_test(tests, the_identity_has_all_names_with_their_types);
    tcase_add_test(tests, a_peer_without_tls_is_told_apart);
    tcase_add_test(tests, random_bytes_end_a_handshake);
    tcase_add_test(tests, a_client_finds_a_server_without_tls);
    tcase_add_test(tests, a_handshake_that_takes_too_long_ends);
    return tests;
}

Suite *suite_uv_tls(void);

Suite *suite_uv_tls(void)
{
    Suite *suite = suite_create("uv_tls");
    suite_add_tcase(suite, handshake_tests());
    return suite;
}
