/* SPDX-License-Identifier: BSL-1.0 */
/* What EMMs cost in muxd on one core, from the bytes of TCP to the packets of the output, in
 * memory: the session, the server with its bandwidth and queues, and the engine with all that it
 * makes besides. `make bench` runs it. It prints figures and judges nothing. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "mux/emmg.h"

enum {
    STREAMS = 12,
    PER_MESSAGE = 7,
    MESSAGES = 10, /* of a stream in a millisecond: 56 Mbit/s */
    DATAGRAMS = STREAMS * MESSAGES * PER_MESSAGE,
    DATAGRAM = 100,
    CLIENT = 0x12340001,
    KBITPS = 60000,
    QUEUE = 1 << 20,
    QUEUE_DEFAULT = 256 << 10, /* of muxd */
    MANY = 1000,
};

static size_t held; /* bytes */

static void *counting_resize(void *context, void *pointer, size_t size)
{
    (void)context;
    held -= pointer ? malloc_usable_size(pointer) : 0;
    if (size == 0) {
        free(pointer);
        return NULL;
    }
    pointer = realloc(pointer, size);
    held += pointer ? malloc_usable_size(pointer) : 0;
    return pointer;
}

struct path {
    struct simc__emmg_conf conf;
    struct simc__emmg_client_conf client;
    struct simc__mux *mux;
    struct simc__emmg *emmg;
    struct simc__emmg_channel *channel;
    struct simc_session *session; /* of the EMMG */
    uint8_t *bytes;               /* of a millisecond */
    size_t size;
    uint64_t now_ms, packets, datagrams;
};

static void must(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench_mux_emmg: %s\n", what);
    exit(1);
}

static struct simc__mux *find(void *context, const char *multiplex)
{
    (void)multiplex;
    return ((struct path *)context)->mux;
}

static void flush(void *context, struct simc__emmg_channel *channel)
{
    (void)context;
    (void)channel;
}

static void run_engine(struct path *path)
{
    struct simc__mux_block block;
    while (simc__mux_run(path->mux, path->now_ms * 1000000, &block) == 0)
        path->packets += block.count;
}

/* Lets both sides speak until they are quiet. */
static void talk(struct path *path)
{
    struct simc_session *mux = simc__emmg_channel_session(path->channel);
    struct simc_session_event event;
    struct simc_slice bytes;
    do {
        bytes = simc_session_output(path->session);
        simc_session_feed(mux, bytes, path->now_ms);
        simc__emmg_channel_events(path->channel, path->now_ms);
        while (simc__emmg_deadline_ms(path->emmg) <= path->now_ms) {
            /* A stream was opened: the next message is for the next turn. */
            simc__emmg_run(path->emmg, path->now_ms);
            simc__emmg_channel_events(path->channel, path->now_ms);
        }
        simc_session_sent(path->session, bytes.size);
        bytes = simc_session_output(mux);
        simc_session_feed(path->session, bytes, path->now_ms);
        while (simc_session_next_event(path->session, &event))
            must(event.type != SIMC_EVENT_PEER_ERROR, "an error");
        simc_session_sent(mux, bytes.size);
    } while (bytes.size);
}

static void make_bytes(struct path *path)
{
    uint8_t section[DATAGRAM] = {0x82, 0x70, DATAGRAM - 3};
    struct simc_slice datagrams[PER_MESSAGE];
    for (unsigned i = 0; i < PER_MESSAGE; i++)
        datagrams[i] = simc_slice(section, sizeof section);
    path->bytes = malloc((size_t)DATAGRAMS * (DATAGRAM + 64));
    must(path->bytes, "no memory");
    for (unsigned i = 0; i < STREAMS * MESSAGES; i++) {
        must(simc_emmg_send(path->session, (uint16_t)(i % STREAMS), datagrams, PER_MESSAGE,
                            path->now_ms) == 0,
             "a message cannot be made");
        struct simc_slice out = simc_session_output(path->session);
        memcpy(path->bytes + path->size, out.data, out.size);
        path->size += out.size;
        simc_session_sent(path->session, out.size);
    }
}

static void open_streams(struct path *path, uint16_t first, unsigned count, uint8_t type)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t id = (uint16_t)(first + i);
        must(simc_emmg_stream_open(path->session, id, id, type, path->now_ms) == 0, "no stream");
        talk(path);
    }
    must(simc_session_stream_count(path->session) == first + count, "not all streams are open");
}

static void start(struct path *path, unsigned streams, uint32_t queue)
{
    static uint8_t versions[] = {3};
    static const struct simc__mux_input_config input = {.name = "in", .delay_ms = 200};
    const struct simc__mux_config config = {.name = "out",
                                            .rate = SIMC__MUX_CONSTANT,
                                            .bitrate = 900000000,
                                            .choice = SIMC__MUX_TRANSPARENT,
                                            .ts_id = 1,
                                            .network_id = 1,
                                            .program_limit = 4,
                                            .input_count = 1,
                                            .inputs = &input};
    const struct simc__emmg_environment environment = {
        .context = path, .find = find, .flush = flush};
    const struct simc_emmg_settings settings = {
        .common.stream_limit = streams, .client_id = CLIENT, .data_channel_id = 1};
    const struct simc__emmg_peer peer = {.address = "192.0.2.1:40000"};
    char why[SIMC__MUX_TEXT_SIZE];
    path->client = (struct simc__emmg_client_conf){.bandwidth_kbitps = 1000000,
                                                   .default_bandwidth_kbitps = KBITPS};
    path->conf =
        (struct simc__emmg_conf){.versions = versions,
                                 .versions_count = 1,
                                 .bandwidth_kbitps = 1000000,
                                 .burst_ms = 1000,
                                 .clients = &path->client,
                                 .clients_count = 1,
                                 .limits = {.channels = 1,
                                            .streams_per_channel = streams,
                                            .streams = streams,
                                            .message_length = 65535,
                                            .faults = 32,
                                            .queue = queue},
                                 .timers = {.setup_ms = 30000, .close_ms = 1000, .test_ms = 5000}};
    path->now_ms = 1000;
    must(simc__mux_new(&config, &path->mux, why) == 0, "no engine");
    must(simc__emmg_new(&environment, &path->conf, &path->emmg) == 0, "no server");
    must(simc__emmg_channel_new(path->emmg, &peer, path->now_ms, &path->channel) == 0,
         "no channel");
    must(simc_emmg_session_new(&settings, path->now_ms, &path->session) == 0, "no session");
    run_engine(path);
    talk(path);
}

static void stop(struct path *path)
{
    free(path->bytes);
    simc__emmg_channel_free(path->channel, "the end", path->now_ms);
    simc_session_free(path->session);
    simc__emmg_free(path->emmg);
    simc__mux_free(path->mux);
    *path = (struct path){0};
}

/* Each operation is a datagram; time passes with them. */
static uint64_t receive(void *context, uint64_t count)
{
    struct path *path = context;
    struct simc_session *mux = simc__emmg_channel_session(path->channel);
    for (uint64_t done = 0; done < count; done += DATAGRAMS) {
        path->now_ms++;
        simc_session_feed(mux, simc_slice(path->bytes, path->size), path->now_ms);
        simc__emmg_channel_events(path->channel, path->now_ms);
        run_engine(path);
        path->datagrams += DATAGRAMS;
    }
    must(simc_session_output(mux).size == 0, "the server refused data");
    return path->packets;
}

/* The same time of the engine without EMMs. */
static uint64_t idle(void *context, uint64_t count)
{
    struct path *path = context;
    for (uint64_t done = 0; done < count; done += DATAGRAMS) {
        path->now_ms++;
        run_engine(path);
    }
    return path->packets;
}

/* What the MUX holds for each of many streams; the EMMG's side is left out. */
static void report_memory(struct path *path, const char *name, uint8_t type)
{
    start(path, MANY + 1, QUEUE_DEFAULT);
    open_streams(path, 0, 1, type);
    size_t before = held - simc_session_memory(path->session);
    open_streams(path, 1, MANY, type);
    size_t bytes = (held - simc_session_memory(path->session) - before) / MANY;
    printf("  %-60s %8zu bytes\n", name, bytes);
    stop(path);
}

int main(void)
{
    static struct path path;
    const struct simc_allocator counting = {counting_resize, NULL};
    simc_allocator_set(&counting);
    bench_head("muxd: EMMs of 100 bytes from TCP to TS, 7 in a message, 12 PIDs, per datagram");
    start(&path, STREAMS, QUEUE);
    open_streams(&path, 0, STREAMS, SIMC_DATA_TYPE_PRIVATE);
    make_bytes(&path);
    double all_ns = bench_ns(receive, &path);
    struct simc__mux_status status;
    simc__mux_status(path.mux, &status);
    must(status.packets[SIMC__MUX_CLASS_SOURCE] * (SIMC_TS_SIZE - 4) >=
             (path.datagrams - DATAGRAMS * 500) * DATAGRAM,
         "not all of it came out");
    double idle_ns = bench_ns(idle, &path);
    printf("  %-60s %8.1f ns  %8.0f /s\n", "session, server and an engine of 900 Mbit/s", all_ns,
           1e9 / all_ns);
    printf("  %-60s %8.1f ns  %8.0f /s\n", "the same without what the engine needs alone",
           all_ns - idle_ns, 1e9 / (all_ns - idle_ns));
    stop(&path);
    bench_head("muxd: memory of a stream of EMMs or private data");
    report_memory(&path, "one that shares its PID", SIMC_DATA_TYPE_EMM);
    report_memory(&path, "one with a PID of its own: two queues of 256 KiB in it",
                  SIMC_DATA_TYPE_PRIVATE);
    return 0;
}
