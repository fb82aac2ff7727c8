/* SPDX-License-Identifier: BSL-1.0 */
/* The test bed of the network adapter; see test_uv_bed.h. */
#include "test_uv_bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { PATIENCE_MS = 30000, TICK_MS = 2 };

/* ---- the protocol ---- */

static void echo_feed(void *object, struct simc_slice bytes, uint64_t now_ms)
{
    struct bed_echo *echo = object;
    (void)now_ms;
    echo->fed++;
    ck_assert_int_eq(simc_buffer_append(&echo->in, bytes), 0);
    if (!echo->bed->is_quiet)
        ck_assert_int_eq(simc_buffer_append(&echo->out, bytes), 0);
}

static struct simc_slice echo_output(void *object)
{
    const struct bed_echo *echo = object;
    return simc_buffer_bytes(&echo->out);
}

static void echo_sent(void *object, size_t size)
{
    struct bed_echo *echo = object;
    ck_assert_uint_le(size, echo->out.size);
    simc_buffer_drop(&echo->out, size);
}

static uint64_t echo_deadline_ms(void *object)
{
    const struct bed_echo *echo = object;
    return echo->deadline_ms;
}

static void echo_expire(void *object, uint64_t now_ms)
{
    struct bed_echo *echo = object;
    ck_assert_uint_ge(now_ms, echo->deadline_ms);
    echo->expired++;
    echo->deadline_ms = SIMC_DEADLINE_NONE;
}

static bool echo_blocked(void *object)
{
    const struct bed_echo *echo = object;
    return echo->block_at && echo->out.size >= echo->block_at;
}

static const char *echo_wants_close(void *object)
{
    const struct bed_echo *echo = object;
    return echo->close;
}

static void echo_disconnected(void *object, uint64_t now_ms)
{
    struct bed_echo *echo = object;
    (void)now_ms;
    ck_assert(!echo->is_disconnected);
    echo->is_disconnected = true;
}

const struct simc_uv_protocol bed_protocol = {
    .feed = echo_feed,
    .output = echo_output,
    .sent = echo_sent,
    .deadline_ms = echo_deadline_ms,
    .expire = echo_expire,
    .blocked = echo_blocked,
    .wants_close = echo_wants_close,
    .disconnected = echo_disconnected,
    .never_begins_like_tls = true,
};

/* ---- the handlers ---- */

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct bed *bed = context;
    if (bed->open_error)
        return bed->open_error;
    struct bed_echo *echo = calloc(1, sizeof *echo);
    ck_assert_ptr_nonnull(echo);
    echo->bed = bed;
    echo->connection = connection;
    echo->next = bed->echoes;
    echo->deadline_ms = SIMC_DEADLINE_NONE;
    echo->block_at = bed->block_at;
    simc_buffer_init(&echo->in, BED_CEILING);
    simc_buffer_init(&echo->out, BED_CEILING);
    bed->echoes = echo;
    bed->opened++;
    simc_uv_attach(connection, &bed_protocol, echo, echo);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct bed_echo *echo = simc_uv_connection_owner(connection);
    (void)context, (void)now_ms;
    echo->events++;
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct bed *bed = context;
    struct bed_echo *echo = simc_uv_connection_owner(connection);
    ck_assert(echo->is_disconnected);
    ck_assert(!echo->is_ended);
    ck_assert_int_ne(end->reason, SIMC_UV_END_NONE);
    ck_assert_uint_gt(strlen(end->text), 5);
    echo->is_ended = true;
    echo->end = *end;
    echo->connection = NULL;
    bed->ended++;
}

static void on_refused(void *context, struct simc_uv_server *server, const char *peer,
                       const struct simc_uv_end *end)
{
    struct bed *bed = context;
    ck_assert_ptr_nonnull(server);
    bed->refused_by[bed->refused++ % UNIT_COUNT(bed->refused_by)] = end->reason;
    bed->refused_end = *end;
    snprintf(bed->refused_peer, sizeof bed->refused_peer, "%s", peer);
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    struct bed *bed = context;
    ck_assert_ptr_nonnull(client);
    bed->retry_end = *end;
    if (bed->retries < BED_RETRIES_MAX)
        bed->delays_ms[bed->retries] = *delay_ms;
    bed->retries++;
    if (bed->retry_as_ms != SIMC_UV_OFF)
        *delay_ms = bed->retry_as_ms;
}

static void on_gone(void *context)
{
    struct bed *bed = context;
    bed->gone++;
}

const struct simc_uv_handlers bed_handlers = {
    .on_open = on_open,
    .on_events = on_events,
    .on_end = on_end,
    .on_refused = on_refused,
    .on_retry = on_retry,
    .on_gone = on_gone,
};

/* ---- the bed ---- */

static void ticked(void *context)
{
    (void)context;
}

void bed_init(struct bed *bed)
{
    memset(bed, 0, sizeof *bed);
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(simc_uv_loop_new(NULL, &bed->loop), 0);
    ck_assert_int_eq(simc_uv_timer_new(bed->loop, ticked, bed, &bed->tick), 0);
    simc_uv_timer_start(bed->tick, TICK_MS, TICK_MS);
    bed->give_up_ms = uv_hrtime() / 1000000 + PATIENCE_MS;
    bed->retry_as_ms = SIMC_UV_OFF;
}

void bed_fini(struct bed *bed)
{
    simc_uv_loop_free(bed->loop);
    for (struct bed_echo *echo = bed->echoes, *next; echo; echo = next) {
        next = echo->next;
        ck_assert(echo->is_ended);
        simc_buffer_fini(&echo->in);
        simc_buffer_fini(&echo->out);
        free(echo);
    }
    ck_assert_uint_eq(bed->opened, bed->ended);
}

void bed_turn(struct bed *bed, const char *file, int line, const char *what)
{
    if (uv_hrtime() / 1000000 > bed->give_up_ms)
        ck_abort_msg("%s:%d: waited in vain for: %s", file, line, what);
    uv_run(simc_uv_loop_uv(bed->loop), UV_RUN_ONCE);
}

void bed_turns(struct bed *bed, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        bed_turn(bed, __FILE__, __LINE__, "some turns");
}

struct simc_uv_server *bed_server(struct bed *bed, struct simc_uv_server_settings *settings)
{
    static const struct simc_uv_address loopback = {.host = "127.0.0.1", .port = 0};
    char why[SIMC_UV_TEXT_SIZE] = "?";
    struct simc_uv_server *server;
    if (settings->listen_count == 0) {
        settings->listen = &loopback;
        settings->listen_count = 1;
    }
    settings->handlers = bed_handlers;
    settings->context = bed;
    int error = simc_uv_server_new(bed->loop, settings, why, &server);
    ck_assert_msg(error == 0, "%s", why);
    ck_assert_str_eq(why, "");
    return server;
}

struct simc_uv_client *bed_client(struct bed *bed, struct simc_uv_client_settings *settings,
                                  uint16_t port)
{
    struct simc_uv_client *client;
    settings->remote.port = port;
    if (!settings->remote.host)
        settings->remote.host = "127.0.0.1";
    settings->handlers = bed_handlers;
    settings->context = bed;
    ck_assert_int_eq(simc_uv_client_new(bed->loop, settings, &client), 0);
    return client;
}

void bed_say(struct bed_echo *echo, struct simc_slice bytes)
{
    ck_assert_int_eq(simc_buffer_append(&echo->out, bytes), 0);
    simc_uv_connection_pump(echo->connection);
}

/* ---- plain sockets ---- */

static struct sockaddr_storage address_of(const char *host, uint16_t port, socklen_t *size)
{
    struct sockaddr_storage address;
    memset(&address, 0, sizeof address);
    if (strchr(host, ':')) {
        ck_assert_int_eq(uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address), 0);
        *size = sizeof(struct sockaddr_in6);
    } else {
        ck_assert_int_eq(uv_ip4_addr(host, port, (struct sockaddr_in *)&address), 0);
        *size = sizeof(struct sockaddr_in);
    }
    return address;
}

int bed_connect(const char *host, uint16_t port)
{
    socklen_t size;
    struct sockaddr_storage address = address_of(host, port, &size);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    int result = connect(fd, (struct sockaddr *)&address, size);
    ck_assert_msg(result == 0 || errno == EINPROGRESS, "connect: %s", strerror(errno));
    return fd;
}

int bed_listen(uint16_t *port)
{
    socklen_t size;
    struct sockaddr_storage address = address_of("127.0.0.1", 0, &size);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, 16), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

void bed_send(struct bed *bed, int fd, struct simc_slice bytes)
{
    while (bytes.size > 0) {
        ssize_t size = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
        ck_assert_msg(size > 0 || errno == EAGAIN || errno == ENOTCONN, "send: %s",
                      strerror(errno));
        if (size > 0)
            bytes = simc_slice(bytes.data + size, bytes.size - (size_t)size);
        bed_turn(bed, __FILE__, __LINE__, "the bytes are sent");
    }
}

size_t bed_receive(struct bed *bed, int fd, void *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t got = recv(fd, (uint8_t *)bytes + at, size - at, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != ENOTCONN))
            return at;
        if (got > 0)
            at += (size_t)got;
        else
            bed_turn(bed, __FILE__, __LINE__, "bytes come");
    }
    return at;
}

bool bed_is_over(int fd)
{
    uint8_t byte;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != ENOTCONN);
}
