/* SPDX-License-Identifier: BSL-1.0 */
/* A server that sends back what it gets, or a client that says one word, on the network adapter;
 * each line on standard output is something that happened. The scenario uv-tls.t talks to it. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/uv.h"

enum { CEILING = 1 << 22, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static struct {
    const char *host, *name, *certificate, *key, *ca;
    uint16_t port;
    bool is_client, tls, tls12;
    struct simc_uv_loop *loop;
    int status;
} the;

/* ---- the protocol ---- */

static void feed(void *object, struct simc_slice bytes, uint64_t now_ms)
{
    (void)now_ms;
    if (the.is_client)
        printf("received %.*s\n", (int)bytes.size, (const char *)bytes.data);
    else if (simc_buffer_append(object, bytes))
        printf("fault the echo is full\n");
}

static struct simc_slice output(void *object)
{
    return simc_buffer_bytes(object);
}

static void sent(void *object, size_t size)
{
    simc_buffer_drop(object, size);
}

static bool blocked(void *object)
{
    return simc_buffer_bytes(object).size > CEILING / 4;
}

static const struct simc_uv_protocol echo = {.feed = feed,
                                             .output = output,
                                             .sent = sent,
                                             .blocked = blocked,
                                             .never_begins_like_tls = true};

/* ---- the handlers ---- */

static const char *const name_types[] = {"DNS", "URI", "IP"};

static int on_open(void *context, struct simc_uv_connection *connection)
{
    const struct simc_uv_identity *who = simc_uv_connection_identity(connection);
    (void)context;
    struct simc_buffer *buffer = simc_alloc(sizeof *buffer);
    if (!buffer)
        return SIMC_ENOMEM;
    simc_buffer_init(buffer, CEILING);
    printf("open %s %s", simc_uv_connection_host(connection),
           simc_uv_connection_is_tls(connection) ? "TLS" : "plain");
    for (size_t i = 0; who && i < who->name_count; i++)
        printf(" %s:%s", name_types[who->types[i]], who->names[i]);
    printf("\n");
    simc_uv_attach(connection, &echo, buffer, NULL);
    return the.is_client ? simc_buffer_append(buffer, simc_slice("hello\n", 6)) : 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    (void)context, (void)connection, (void)now_ms;
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct simc_buffer *buffer = simc_uv_connection_object(connection);
    (void)context;
    simc_buffer_fini(buffer);
    simc_free(buffer);
    printf("end %s %s\n", simc_uv_end_name(end->reason), end->text);
}

static void on_refused(void *context, struct simc_uv_server *server, const char *peer,
                       const struct simc_uv_end *end)
{
    (void)context, (void)server, (void)peer;
    printf("refused %s %s\n", simc_uv_end_name(end->reason), end->text);
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    (void)context, (void)client, (void)delay_ms;
    printf("retry %s %s\n", simc_uv_end_name(end->reason), end->text);
    the.status = EXIT_FAILED;
    simc_uv_loop_stop(the.loop);
}

static const struct simc_uv_handlers handlers = {.on_open = on_open,
                                                 .on_events = on_events,
                                                 .on_end = on_end,
                                                 .on_refused = on_refused,
                                                 .on_retry = on_retry};

static void on_signal(void *context, int number)
{
    (void)context, (void)number;
    simc_uv_loop_stop(the.loop);
}

/* ---- the program ---- */

static bool read_word(const char *word)
{
    const struct {
        const char *name;
        const char **value;
    } texts[] = {{"host=", &the.host},
                 {"name=", &the.name},
                 {"cert=", &the.certificate},
                 {"key=", &the.key},
                 {"ca=", &the.ca}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t size = strlen(texts[i].name);
        if (strncmp(word, texts[i].name, size) == 0) {
            *texts[i].value = word + size;
            return true;
        }
    }
    if (strncmp(word, "port=", 5) == 0)
        the.port = (uint16_t)strtoul(word + 5, NULL, 10);
    the.tls = the.tls || strcmp(word, "tls") == 0 || strcmp(word, "tls12") == 0;
    the.tls12 = the.tls12 || strcmp(word, "tls12") == 0;
    return strncmp(word, "port=", 5) == 0 || strcmp(word, "tls") == 0 || strcmp(word, "tls12") == 0;
}

static int start(struct simc_uv_tls *tls, char why[SIMC_UV_TEXT_SIZE])
{
    struct simc_uv_address address = {.host = the.host ? the.host : "127.0.0.1", .port = the.port};
    if (the.is_client) {
        struct simc_uv_client *client;
        struct simc_uv_client_settings settings = {
            .remote = address, .server_name = the.name, .tls = tls, .handlers = handlers};
        int error = simc_uv_client_new(the.loop, &settings, &client);
        snprintf(why, SIMC_UV_TEXT_SIZE, "%s", simc_error_text(error));
        return error;
    }
    struct simc_uv_server *server;
    struct simc_uv_server_settings settings = {
        .listen = &address, .listen_count = 1, .tls = tls, .handlers = handlers};
    int error = simc_uv_server_new(the.loop, &settings, why, &server);
    if (!error)
        printf("listening %u\n", (unsigned)simc_uv_server_port(server, 0));
    return error;
}

static int serve(char why[SIMC_UV_TEXT_SIZE])
{
    struct simc_uv_tls *tls = NULL;
    struct simc_uv_signal *term;
    struct simc_uv_tls_settings files = {.is_server = !the.is_client,
                                         .certificate_file = the.certificate,
                                         .key_file = the.key,
                                         .ca_file = the.ca,
                                         .tls12 = the.tls12};
    int error = simc_uv_loop_new(NULL, &the.loop);
    if (!error)
        error = simc_uv_signal_new(the.loop, SIGTERM, on_signal, NULL, &term);
    if (!error && the.tls)
        error = simc_uv_tls_new(&files, why, &tls);
    if (!error)
        error = start(tls, why);
    if (!error)
        simc_uv_loop_run(the.loop);
    simc_uv_loop_free(the.loop);
    simc_uv_tls_free(tls);
    return error;
}

int main(int argc, char **argv)
{
    char why[SIMC_UV_TEXT_SIZE] = "no memory";
    bool is_good = argc > 1;
    for (int i = 2; i < argc; i++)
        is_good = is_good && read_word(argv[i]);
    the.is_client = argc > 1 && strcmp(argv[1], "client") == 0;
    if (!is_good || (!the.is_client && strcmp(argv[1], "server") != 0)) {
        fprintf(stderr, "usage: uv-echo server|client [host=H] [port=N] [tls|tls12] [cert=FILE] "
                        "[key=FILE] [ca=FILE] [name=NAME]\n");
        return EXIT_USAGE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (serve(why)) {
        printf("fault %s\n", why);
        return EXIT_FAILED;
    }
    return the.status;
}
