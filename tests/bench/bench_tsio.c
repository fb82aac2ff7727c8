/* SPDX-License-Identifier: BSL-1.0 */
/* What a datagram of seven packets costs an output and an input of lib/tsio over loopback, as
 * Gbit/s that one core could do. `make bench` runs it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "sys/clock.h"
#include "tsio/internal.h"

enum {
    GROUP = 7,
    DATAGRAM_SIZE = GROUP * SIMC_TS_SIZE,
    BATCH = 32,    /* datagrams that are due together */
    ROUNDS = 4000, /* batches of a measurement */
    RUNS = 5,
    ROOM = 32 << 20,
    BITS = 8,
};

static uint8_t packets[BATCH * DATAGRAM_SIZE];
static uint64_t received;

static void need(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "bench_tsio: %s\n", what);
        exit(1);
    }
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, double *ns_per_datagram)
{
    qsort(ns_per_datagram, RUNS, sizeof *ns_per_datagram, compare);
    double ns = ns_per_datagram[RUNS / 2];
    printf("  %-44s %8.0f ns/datagram  %6.1f Gbit/s per core\n", what, ns,
           DATAGRAM_SIZE * BITS / ns);
}

static int receiver(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4096;
    need(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 &&
             getsockname(fd, (struct sockaddr *)&address, &size) == 0,
         "no receiver");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct simc__tsio_address address_of(const char *pattern, uint16_t port, unsigned direction)
{
    char text[64], why[SIMC__TSIO_TEXT_SIZE];
    struct simc__tsio_address address;
    snprintf(text, sizeof text, "%s:%u", pattern, (unsigned)port);
    need(simc__tsio_address_read(text, direction, &address, why) == 0, why);
    return address;
}

/* ---- out: nobody reads the socket, which is full; the sender's way is the same ---- */

static double measure_out(uv_loop_t *loop, struct simc__tsio *tsio, uint16_t port, bool has_gso)
{
    struct simc__tsio_address address = address_of("udp://127.0.0.1", port, SIMC__TSIO_OUTPUT);
    struct simc__tsio_output_settings settings = {.address = &address, .is_live = true};
    struct simc__tsio_output *output;
    struct simc__tsio_output_stats stats;
    char why[SIMC__TSIO_TEXT_SIZE];
    need(simc__tsio_output_new(tsio, &settings, why, &output) == 0, why);
    output->is_gso_refused = !has_gso;
    do {
        uv_run(loop, UV_RUN_NOWAIT);
    } while (!output->is_open);
    uint64_t start_ns = cpu_ns(), sent = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t now_ns = simc__clock_monotonic_ns();
        need(simc__tsio_output_put(output, packets, BATCH * GROUP, now_ns, now_ns) == 0, "full");
        /* The timer's way, without its waiting. */
        (void)simc__tsio_output_due(output, now_ns);
    }
    uint64_t took_ns = cpu_ns() - start_ns;
    simc__tsio_output_stats(output, &stats);
    sent = stats.datagrams;
    need(sent > ROUNDS * BATCH / 2, "datagrams did not leave");
    simc__tsio_output_free(output);
    uv_run(loop, UV_RUN_NOWAIT);
    return (double)took_ns / (double)sent;
}

/* ---- in ---- */

static size_t take(void *context, const struct simc_ts_run *run, uint64_t arrival_ns)
{
    (void)context;
    (void)arrival_ns;
    received += run->count;
    return run->count;
}

static double measure_in(uv_loop_t *loop, struct simc__tsio *tsio, uint16_t port)
{
    struct simc__tsio_address address = address_of("udp://127.0.0.1", port, SIMC__TSIO_INPUT);
    struct simc__tsio_input_settings settings = {
        .address = &address, .is_live = true, .handlers = {.packets = take}};
    struct simc__tsio_input *input;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    uint64_t took_ns = 0;
    need(simc__tsio_input_new(tsio, &settings, &input) == 0 && fd >= 0, "no input");
    for (unsigned i = 0; i < 8; i++)
        uv_run(loop, UV_RUN_NOWAIT);
    received = 0;
    for (unsigned i = 0; i < ROUNDS / 4; i++) {
        for (unsigned k = 0; k < 2 * BATCH; k++)
            sendto(fd, packets, DATAGRAM_SIZE, 0, (struct sockaddr *)&to, sizeof to);
        uint64_t start_ns = cpu_ns();
        uv_run(loop, UV_RUN_NOWAIT);
        took_ns += cpu_ns() - start_ns;
    }
    need(received > 0, "datagrams did not arrive");
    simc__tsio_input_free(input);
    for (unsigned i = 0; i < 4; i++)
        uv_run(loop, UV_RUN_NOWAIT);
    close(fd);
    return (double)took_ns * GROUP / (double)received;
}

int main(void)
{
    uv_loop_t loop;
    struct simc__tsio *tsio;
    uint16_t port;
    double out_gso[RUNS], out_plain[RUNS], in[RUNS];
    bench_head("transport streams over UDP, loopback, datagrams of 7 packets");
    for (size_t i = 0; i < sizeof packets; i += SIMC_TS_SIZE)
        simc_ts_null(packets + i);
    need(uv_loop_init(&loop) == 0 && simc__tsio_new(&loop, &tsio) == 0, "no loop");
    int fd = receiver(&port);
    for (unsigned i = 0; i < RUNS; i++) {
        out_gso[i] = measure_out(&loop, tsio, port, true);
        out_plain[i] = measure_out(&loop, tsio, port, false);
    }
    close(fd);
    for (unsigned i = 0; i < RUNS; i++)
        in[i] = measure_in(&loop, tsio, port);
    report("out, 32 due together, cut by the kernel (GSO)", out_gso);
    report("out, the same one by one (sendmmsg)", out_plain);
    report("in, recvmmsg with time stamps", in);
    simc__tsio_free_now(tsio);
    uv_loop_close(&loop);
    return 0;
}
