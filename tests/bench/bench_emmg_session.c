/* SPDX-License-Identifier: BSL-1.0 */
/* What a datagram of 100 bytes costs on the receive path of a MUX: decoding alone, the session with
 * what an application does with sections, UDP, and the EMMG's side; and the memory of a stream.
 * `make bench` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "simulcrypt/emmg_session.h"

enum { DATAGRAM = 100, PER_MESSAGE_MAX = 64, BATCH_BYTES = 65536 };

static uint64_t allocation_count;

static void *counting_resize(void *context, void *pointer, size_t size)
{
    (void)context;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    allocation_count++;
    return realloc(pointer, size);
}

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench_emmg_session: %s\n", what);
    exit(1);
}

struct bench {
    struct simc_session *mux, *emmg;
    struct simc_session_event event;
    uint8_t section[DATAGRAM];
    struct simc_slice datagrams[PER_MESSAGE_MAX];
    unsigned per_message;
    size_t piece;               /* bytes given at once; 0: the whole batch */
    uint8_t batch[BATCH_BYTES]; /* data_provisions */
    size_t batch_size, message_size;
    uint64_t datagrams_in_batch;
    uint8_t udp[BATCH_BYTES];
    size_t udp_size;
    uint64_t count, bytes;
};

static void pump_mux(struct bench *bench)
{
    struct simc_session_event *event = &bench->event;
    struct simc_slice datagram;
    while (simc_session_next_event(bench->mux, event)) {
        int error = 0;
        if (event->type == SIMC_EVENT_CHANNEL_SETUP)
            error = simc_mux_channel_accept(bench->mux);
        else if (event->type == SIMC_EVENT_STREAM_SETUP)
            error = simc_mux_stream_accept(bench->mux, bench);
        else if (event->type == SIMC_EVENT_DATA) {
            while (simc_values_next(&event->data.datagrams, &datagram) == 0) {
                require(!simc_datagram_check(SIMC_DATAGRAM_SECTIONS, datagram), "a section");
                bench->count++;
                bench->bytes += datagram.size;
            }
        }
        require(error == 0, "the application's answer is taken");
    }
}

static void exchange(struct bench *bench)
{
    for (;;) {
        struct simc_slice up = simc_session_output(bench->emmg);
        simc_session_feed(bench->mux, up, 0);
        pump_mux(bench);
        simc_session_sent(bench->emmg, up.size);
        struct simc_slice down = simc_session_output(bench->mux);
        simc_session_feed(bench->emmg, down, 0);
        while (simc_session_next_event(bench->emmg, &bench->event)) {
        }
        simc_session_sent(bench->mux, down.size);
        if (up.size == 0 && down.size == 0)
            return;
    }
}

static void start(struct bench *bench, unsigned streams, unsigned per_message)
{
    const struct simc_mux_settings mux = {.common.stream_limit = 65536};
    const struct simc_emmg_settings emmg = {.common.stream_limit = 65536, .client_id = 0xabcd0001};
    *bench = (struct bench){.per_message = per_message};
    bench->section[0] = 0x82;
    bench->section[1] = 0x70;
    bench->section[2] = DATAGRAM - 3;
    for (unsigned i = 0; i < per_message; i++)
        bench->datagrams[i] = simc_slice(bench->section, DATAGRAM);
    require(simc_mux_session_new(&mux, 0, &bench->mux) == 0, "a MUX's session");
    require(simc_emmg_session_new(&emmg, 0, &bench->emmg) == 0, "an EMMG's session");
    exchange(bench);
    for (unsigned i = 0; i < streams; i++) {
        require(simc_emmg_stream_open(bench->emmg, (uint16_t)i, (uint16_t)i, 0, 0) == 0,
                "a stream");
        exchange(bench);
    }
    require(simc_session_stream_count(bench->mux) == streams, "all streams are open");
    require(simc_emmg_send(bench->emmg, 0, bench->datagrams, per_message, 0) == 0, "data");
    struct simc_slice message = simc_session_output(bench->emmg);
    bench->message_size = message.size;
    while (bench->batch_size + message.size <= sizeof bench->batch) {
        memcpy(bench->batch + bench->batch_size, message.data, message.size);
        bench->batch_size += message.size;
        bench->datagrams_in_batch += per_message;
    }
    exchange(bench);
    struct simc_writer writer = simc_writer(bench->udp, sizeof bench->udp);
    require(simc_emmg_udp_write(3, 0xabcd0001, 0, bench->datagrams, per_message, &writer) == 0,
            "a UDP datagram");
    bench->udp_size = writer.at;
}

static void stop(struct bench *bench)
{
    simc_session_free(bench->mux);
    simc_session_free(bench->emmg);
}

/* All operations count datagrams. */
static uint64_t decode_alone(void *context, uint64_t count)
{
    struct bench *bench = context;
    const struct simc_rules rules = {.interface = simc_interface_find(simc_slice_text("emmg"))};
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i += bench->per_message) {
        struct simc_msg msg;
        struct simc_fault fault;
        struct simc_slice message = simc_slice(bench->batch, bench->message_size);
        require(simc_msg_decode(&rules, message, &msg, &fault) == 0, "a right message");
        sum += msg.slots[0].count;
    }
    return sum;
}

static uint64_t receive(void *context, uint64_t count)
{
    struct bench *bench = context;
    size_t piece = bench->piece ? bench->piece : bench->batch_size;
    for (uint64_t i = 0; i < count; i += bench->datagrams_in_batch) {
        for (size_t at = 0; at < bench->batch_size; at += piece) {
            size_t left = bench->batch_size - at;
            simc_session_feed(bench->mux,
                              simc_slice(bench->batch + at, left < piece ? left : piece), 0);
            pump_mux(bench);
        }
    }
    return bench->count + bench->bytes;
}

static uint64_t udp(void *context, uint64_t count)
{
    struct bench *bench = context;
    const struct simc_mux_udp_rules rules = {.is_strict = false};
    for (uint64_t i = 0; i < count; i += bench->per_message) {
        struct simc_slice bytes = simc_slice(bench->udp, bench->udp_size);
        struct simc_mux_udp_data data;
        struct simc_slice datagram;
        require(simc_mux_udp_read(&rules, &bytes, &data, NULL) == 0, "a right UDP datagram");
        while (simc_values_next(&data.datagrams, &datagram) == 0)
            bench->bytes += datagram.size;
    }
    return bench->bytes;
}

static uint64_t send(void *context, uint64_t count)
{
    struct bench *bench = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i += bench->per_message) {
        require(simc_emmg_send(bench->emmg, 0, bench->datagrams, bench->per_message, 0) == 0,
                "data");
        struct simc_slice output = simc_session_output(bench->emmg);
        sum += output.size;
        simc_session_sent(bench->emmg, output.size);
    }
    return sum;
}

static void report(const char *name, unsigned per_message, size_t piece, bench_operation *operation)
{
    static struct bench bench;
    start(&bench, 1, per_message);
    bench.piece = piece;
    operation(&bench, 10000); /* buffers grow once */
    uint64_t before = allocation_count;
    double ns = bench_ns(operation, &bench);
    printf("   %-58s %6.1f ns  %5.2f M/s  %llu allocations\n", name, ns, 1000 / ns,
           (unsigned long long)(allocation_count - before));
    stop(&bench);
}

static void report_memory(void)
{
    static struct bench few, many;
    start(&few, 1, 1);
    start(&many, 1001, 1);
    printf("   a MUX's session %zu bytes with one stream, %zu more for each further one\n",
           simc_session_memory(few.mux),
           (simc_session_memory(many.mux) - simc_session_memory(few.mux)) / 1000);
    stop(&few);
    stop(&many);
}

int main(void)
{
    const struct simc_allocator counting = {counting_resize, NULL};
    simc_allocator_set(&counting);
    bench_head("EMMG-MUX: datagrams of 100 bytes, each a section, per datagram (goal 1 M/s)");
    report("decoding alone, the long way, 1 in a message", 1, 0, decode_alone);
    report("decoding alone, the long way, 7 in a message", 7, 0, decode_alone);
    report("MUX: session, events, check of sections; 1 in a message", 1, 0, receive);
    report("the same, 7 in a message", 7, 0, receive);
    report("the same, 7 in a message, 1460 bytes at once", 7, 1460, receive);
    report("the same, 64 in a message", 64, 0, receive);
    report("MUX: UDP, 1 in a message", 1, 0, udp);
    report("MUX: UDP, 7 in a message", 7, 0, udp);
    report("EMMG: data_provision out, 1 in a message", 1, 0, send);
    report("EMMG: data_provision out, 7 in a message", 7, 0, send);
    report_memory();
    return 0;
}
