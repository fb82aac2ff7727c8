/* SPDX-License-Identifier: BSL-1.0 */
/* How long one small message takes over loopback and back, and what a message costs the server when
 * many are under way. Next to it, in the same run: a thread that does nothing but recv and send. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "simulcrypt/uv.h"

enum {
    MESSAGE_SIZE = 60, /* of a CW_provision, about */
    ROUNDS = 20000,
    STALLED = 1000,
    CONNECTIONS = 10,
    IN_FLIGHT = 100,
    BATCHES = 3000,
    CEILING = 1 << 20,
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* ---- the server under test: frames of MESSAGE_SIZE bytes are sent back ---- */

static uint64_t server_cpu_ns; /* of its thread; read while it stands still */
static struct simc_uv_gate *gate;

static void feed(void *object, struct simc_slice bytes, uint64_t now_ms)
{
    (void)now_ms;
    if (simc_buffer_append(object, bytes))
        exit(1);
}

static struct simc_slice output(void *object)
{
    return simc_buffer_bytes(object);
}

static void sent(void *object, size_t size)
{
    simc_buffer_drop(object, size);
}

static uint64_t deadline_ms(void *object)
{
    (void)object;
    return SIMC_DEADLINE_NONE;
}

static const struct simc_uv_protocol echo = {
    .feed = feed, .output = output, .sent = sent, .deadline_ms = deadline_ms};

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct simc_buffer *buffer = malloc(sizeof *buffer);
    (void)context;
    if (!buffer)
        return SIMC_ENOMEM;
    simc_buffer_init(buffer, CEILING);
    simc_uv_attach(connection, &echo, buffer, NULL);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    (void)context, (void)connection, (void)now_ms;
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    (void)context, (void)end;
    simc_buffer_fini(simc_uv_connection_object(connection));
    free(simc_uv_connection_object(connection));
}

static int start(void *context, struct simc_uv_loop *loop, size_t index,
                 char why[SIMC_UV_TEXT_SIZE])
{
    struct simc_uv_address address = {"127.0.0.1", 0};
    struct simc_uv_server_settings settings = {
        .listen = &address,
        .listen_count = 1,
        .handlers = {.on_open = on_open, .on_events = on_events, .on_end = on_end}};
    struct simc_uv_gate_settings limits = {.connections_per_address = SIMC_UV_OFF};
    struct simc_uv_server *server;
    (void)index;
    int error = simc_uv_gate_new(&limits, why, &gate);
    settings.gate = gate;
    if (!error)
        error = simc_uv_server_new(loop, &settings, why, &server);
    if (!error)
        *(uint16_t *)context = simc_uv_server_port(server, 0);
    return error;
}

static void look_at_cpu(void *context)
{
    (void)context;
    server_cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t cpu_of(struct simc_uv_threads *threads)
{
    if (simc_uv_loop_post(simc_uv_threads_loop(threads, 0), look_at_cpu, NULL))
        exit(1);
    simc_uv_threads_park(threads);
    uint64_t cpu_ns = server_cpu_ns;
    simc_uv_threads_resume(threads);
    return cpu_ns;
}

/* ---- the baseline ---- */

static void *plain_echo(void *context)
{
    int on = 1, fd = accept(*(int *)context, NULL, NULL);
    char bytes[MESSAGE_SIZE * IN_FLIGHT];
    ssize_t size;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while ((size = recv(fd, bytes, sizeof bytes, 0)) > 0) {
        if (send(fd, bytes, (size_t)size, MSG_NOSIGNAL) != size)
            break;
    }
    close(fd);
    return NULL;
}

/* ---- the client: blocking sockets, so that it costs as little as possible ---- */

static int make_socket(uint16_t *port, bool listens)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    address.sin_port = htons(*port);
    if (listens && (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1)))
        fail("listen");
    if (!listens && connect(fd, (struct sockaddr *)&address, size))
        fail("connect");
    if (listens && getsockname(fd, (struct sockaddr *)&address, &size) == 0)
        *port = ntohs(address.sin_port);
    return fd;
}

static void exchange(int fd, size_t size)
{
    static char bytes[MESSAGE_SIZE * IN_FLIGHT];
    if (send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size ||
        recv(fd, bytes, size, MSG_WAITALL) != (ssize_t)size)
        fail("exchange");
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void round_trips(const char *what, uint16_t port)
{
    static uint64_t times_ns[ROUNDS];
    int fd = make_socket(&port, false);
    for (int i = -ROUNDS / 10; i < ROUNDS; i++) {
        uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
        exchange(fd, MESSAGE_SIZE);
        if (i >= 0)
            times_ns[i] = clock_ns(CLOCK_MONOTONIC) - start_ns;
    }
    close(fd);
    qsort(times_ns, ROUNDS, sizeof times_ns[0], compare);
    printf("  %-44s %7.1f us median %8.1f us p99\n", what, (double)times_ns[ROUNDS / 2] / 1000,
           (double)times_ns[ROUNDS / 100 * 99] / 1000);
}

/* Each connection has so many messages under way at once; the server sees them in one read. */
static void many(uint16_t port, struct simc_uv_threads *threads, size_t in_flight)
{
    static char bytes[MESSAGE_SIZE * IN_FLIGHT];
    int fds[CONNECTIONS];
    size_t size = MESSAGE_SIZE * in_flight;
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = make_socket(&port, false);
    for (int i = 0; i < CONNECTIONS; i++)
        exchange(fds[i], size);
    uint64_t cpu_ns = cpu_of(threads), start_ns = clock_ns(CLOCK_MONOTONIC);
    for (int round = 0; round < BATCHES; round++) {
        for (int i = 0; i < CONNECTIONS; i++) {
            if (send(fds[i], bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
                fail("send");
        }
        for (int i = 0; i < CONNECTIONS; i++) {
            if (recv(fds[i], bytes, size, MSG_WAITALL) != (ssize_t)size)
                fail("recv");
        }
    }
    double messages = (double)BATCHES * CONNECTIONS * (double)in_flight;
    double wall_ns = (double)(clock_ns(CLOCK_MONOTONIC) - start_ns);
    cpu_ns = cpu_of(threads) - cpu_ns;
    printf("  %2d connections x %3zu in flight %22.0f messages/s %7.0f ns CPU per message\n",
           CONNECTIONS, in_flight, messages / wall_ns * 1e9, (double)cpu_ns / messages);
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
}

static void baseline(void)
{
    uint16_t port = 0;
    int listener = make_socket(&port, true);
    pthread_t thread;
    if (pthread_create(&thread, NULL, plain_echo, &listener))
        fail("thread");
    round_trips("round trip, thread with recv and send", port);
    pthread_join(thread, NULL);
    close(listener);
}

int main(void)
{
    static int stalled[STALLED];
    struct simc_uv_threads *threads;
    struct rlimit files;
    char why[SIMC_UV_TEXT_SIZE];
    uint16_t port = 0;
    struct simc_uv_threads_settings settings = {1, start, NULL, &port};
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    bench_head("network adapter: echo of 60 bytes over loopback, one loop");
    printf("   round trips: wall clock of %d; messages: one run, CPU of the server's thread\n",
           ROUNDS);
    baseline();
    if (simc_uv_threads_start(&settings, why, &threads)) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    round_trips("round trip, adapter", port);
    for (int i = 0; i < STALLED; i++) {
        stalled[i] = make_socket(&port, false);
        if (send(stalled[i], "\x03", 1, MSG_NOSIGNAL) != 1)
            fail("send");
    }
    round_trips("round trip, adapter, 1000 others stalled", port);
    for (int i = 0; i < STALLED; i++)
        close(stalled[i]);
    many(port, threads, 1);
    many(port, threads, 10);
    many(port, threads, IN_FLIGHT);
    simc_uv_threads_free(threads);
    simc_uv_gate_free(gate);
    return 0;
}
