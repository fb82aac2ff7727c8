/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt load ecmg`: many channels and streams against an ECMG, and what they get for it. Each
 * stream has one CW_provision in flight at most, as the standard asks [5.5.7]. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/latency.h"
#include "cli/load.h"
#include "simulcrypt/uv.h"
#include "sys/clock.h"

enum {
    CHANNELS_MAX = 4096,
    STREAMS_MAX = 4096,
    SECONDS_MAX = 86400,
    CRITERIA_MAX = 4096,
    TICK_MS = 1,
    NS_PER_MS = 1000000,
    P50 = 500000,
    P99 = 990000,
    P999 = 999000,
};

#define NS_PER_S 1000000000ULL

struct values {
    const char *connect, *super_cas_id, *access_criteria, *save;
    const char *ca_file, *certificate_file, *key_file;
    uint64_t channels, streams, seconds, rate, version, cw_size, count, first_channel, first_ecm_id;
    uint64_t server_pid;
    bool tls, json, go_on;
};

struct channel;

struct stream {
    uint16_t id;
    uint16_t cp_number;
    bool is_open, is_waiting;
    uint64_t sent_ns;
};

struct run;

struct channel {
    struct run *run;
    struct simc_uv_client *client;
    struct simc_uv_connection *connection; /* that stands, or NULL */
    struct simc_session *session;
    struct simc_ecmg_channel_status status;
    uint16_t id;
    uint8_t version;
    bool is_open;
    uint32_t next; /* stream whose turn it is, with --rate */
    struct stream *streams;
};

struct run {
    const struct values *values;
    struct simc_uv_loop *loop;
    struct simc_uv_timer *tick, *end;
    struct simc_uv_tls *tls;
    struct channel *channels;
    uint32_t super_cas_id;
    uint8_t criteria[CRITERIA_MAX];
    size_t criteria_size;
    FILE *save;
    uint64_t open_streams;
    uint64_t start_ns, end_ns, cpu_start_us, cpu_end_us; /* of the time that counts */
    bool is_measuring, is_ending;
    uint64_t due; /* CW_provisions that --rate has made due and nobody has sent yet */
    uint64_t last_tick_ns;
    uint32_t next_channel;
    uint64_t ecms, errors, empty, bad, reconnects, skipped;
    char trouble[SIMC_UV_TEXT_SIZE];
    struct simc__latency latency;
};

/* ---- control words: any, but the same for the same period ---- */

static void fill_cw(struct simc_control_word *word, uint64_t seed, uint16_t cp_number, size_t size)
{
    uint8_t bytes[16];
    uint64_t x = seed * 65536 + cp_number + 1;
    for (size_t i = 0; i < sizeof bytes; i += 8) {
        x += 0x9e3779b97f4a7c15U;
        uint64_t z = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        memcpy(bytes + i, &z, sizeof z);
    }
    word->cp_number = cp_number;
    if (simc_secret_set(&word->cw, simc_slice(bytes, size)))
        word->cw.size = 0;
}

/* ---- requests ---- */

static void provide(struct channel *channel, struct stream *stream)
{
    struct run *run = channel->run;
    struct simc_control_word cws[UINT8_MAX];
    uint64_t seed = (uint64_t)channel->id << 16 | stream->id;
    unsigned ahead = channel->status.lead_cw, count = channel->status.cw_per_msg;
    for (unsigned i = 0; i < count; i++)
        fill_cw(&cws[i], seed, (uint16_t)(stream->cp_number + ahead + 1 - count + i),
                (size_t)run->values->cw_size);
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream->id,
        .cp_number = stream->cp_number,
        .cws = cws,
        .cw_count = count,
        .has_access_criteria = run->criteria_size > 0,
        .access_criteria = simc_slice(run->criteria, run->criteria_size),
    };
    uint64_t now_ns = simc__clock_monotonic_ns();
    if (simc_scs_provide(channel->session, &provision, now_ns / NS_PER_MS)) {
        run->errors++;
        return;
    }
    stream->is_waiting = true;
    stream->sent_ns = now_ns;
}

/* With --rate a stream whose turn it is, if it has its answer; else nothing is in its way. */
static void go_on(struct channel *channel, struct stream *stream)
{
    stream->cp_number++;
    if (channel->run->values->rate == 0 && !channel->run->is_ending)
        provide(channel, stream);
}

/* All streams are open: from here on it counts. */
static void begin(struct run *run)
{
    run->is_measuring = true;
    run->start_ns = run->last_tick_ns = simc__clock_monotonic_ns();
    if (run->values->server_pid)
        run->cpu_start_us = simc__cli_cpu_us(run->values->server_pid);
    if (run->values->seconds)
        simc_uv_timer_start(run->end, run->values->seconds * 1000, 0);
    for (uint64_t i = 0; i < run->values->channels; i++) {
        struct channel *channel = &run->channels[i];
        for (uint64_t k = 0; run->values->rate == 0 && k < run->values->streams; k++)
            if (channel->streams[k].is_open && !channel->streams[k].is_waiting)
                provide(channel, &channel->streams[k]);
        if (channel->connection)
            simc_uv_connection_pump(channel->connection);
    }
}

static void finish(struct run *run)
{
    if (run->is_ending)
        return;
    run->is_ending = true;
    run->end_ns = simc__clock_monotonic_ns();
    if (run->values->server_pid)
        run->cpu_end_us = simc__cli_cpu_us(run->values->server_pid);
    simc_uv_loop_stop(run->loop);
}

static void fail(struct run *run, const char *why)
{
    if (!run->trouble[0])
        snprintf(run->trouble, sizeof run->trouble, "%s", why);
    finish(run);
}

/* ---- events of the sessions ---- */

static void open_streams(struct channel *channel, uint64_t now_ms)
{
    struct run *run = channel->run;
    for (uint64_t i = 0; i < run->values->streams; i++) {
        uint64_t ecm_id = run->values->first_ecm_id +
                          (uint64_t)(channel - run->channels) * run->values->streams + i;
        if (simc_scs_stream_open(channel->session, channel->streams[i].id, (uint16_t)ecm_id, 100,
                                 now_ms))
            fail(run, "the ECMG announces fewer streams for a channel than --streams");
    }
}

static void save_ecm(struct run *run, struct simc_slice datagram)
{
    for (size_t i = 0; i < datagram.size; i++)
        fprintf(run->save, "%02x", datagram.data[i]);
    fputc('\n', run->save);
}

static void on_ecm(struct channel *channel, const struct simc_session_event *event)
{
    struct run *run = channel->run;
    struct stream *stream = &channel->streams[event->ecm_stream_id];
    stream->is_waiting = false;
    if (event->ecm.datagram_fault)
        run->bad++;
    else if (event->ecm.datagram.size == 0)
        run->empty++;
    if (run->save)
        save_ecm(run, event->ecm.datagram);
    if (run->is_measuring && !run->is_ending) {
        run->ecms++;
        simc__latency_add(&run->latency, simc__clock_monotonic_ns() - stream->sent_ns);
        if (run->values->count && run->ecms >= run->values->count) {
            finish(run);
            return;
        }
    }
    go_on(channel, stream);
}

static void on_stream_open(struct channel *channel, const struct simc_session_event *event)
{
    struct run *run = channel->run;
    struct stream *stream = &channel->streams[event->ecm_stream_id];
    stream->is_open = true;
    stream->is_waiting = false;
    if (++run->open_streams == run->values->channels * run->values->streams && !run->is_measuring)
        begin(run);
    else if (run->is_measuring && run->values->rate == 0)
        provide(channel, stream);
}

static void close_streams(struct channel *channel)
{
    channel->is_open = false;
    for (uint64_t i = 0; i < channel->run->values->streams; i++) {
        channel->run->open_streams -= channel->streams[i].is_open;
        channel->streams[i].is_open = channel->streams[i].is_waiting = false;
    }
}

static void on_event(struct channel *channel, const struct simc_session_event *event,
                     uint64_t now_ms)
{
    struct run *run = channel->run;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_OPEN:
        channel->is_open = true;
        channel->status = event->channel_status;
        open_streams(channel, now_ms);
        break;
    case SIMC_EVENT_STREAM_OPEN:
        on_stream_open(channel, event);
        break;
    case SIMC_EVENT_ECM:
        on_ecm(channel, event);
        break;
    case SIMC_EVENT_NO_ECM:
        run->errors++;
        channel->streams[event->ecm_stream_id].is_waiting = false;
        if (!run->values->go_on)
            fail(run, event->text[0] ? event->text : "no ECM came in time");
        else
            go_on(channel, &channel->streams[event->ecm_stream_id]);
        break;
    case SIMC_EVENT_STREAM_CLOSED:
    case SIMC_EVENT_CHANNEL_CLOSED:
        if (event->type == SIMC_EVENT_CHANNEL_CLOSED &&
            event->reason == SIMC_REASON_VERSION_REFUSED && !run->values->version)
            channel->version = simc_scs_version_after(event->version);
        else if (!run->values->go_on && event->reason != SIMC_REASON_DISCONNECTED)
            fail(run, event->text[0] ? event->text : simc_session_reason_text(event->reason));
        break;
    default:
        break;
    }
}

/* ---- connections ---- */

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct channel *channel = context;
    const struct simc_scs_settings settings = {
        .common = {.stream_limit = STREAMS_MAX, .output_limit = 1 << 26},
        .version = channel->version,
        .ecm_channel_id = channel->id,
        .super_cas_id = channel->run->super_cas_id,
    };
    int error = simc_scs_session_new(
        &settings, simc_uv_loop_now_ms(simc_uv_connection_loop(connection)), &channel->session);
    if (error)
        return error;
    channel->connection = connection;
    simc_uv_attach_session(connection, channel->session, channel);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct channel *channel = context;
    struct simc_session_event event;
    (void)connection;
    while (simc_session_next_event(channel->session, &event))
        on_event(channel, &event, now_ms);
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct channel *channel = context;
    (void)connection;
    (void)end;
    close_streams(channel);
    simc_session_free(channel->session);
    channel->session = NULL;
    channel->connection = NULL;
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    struct channel *channel = context;
    struct run *run = channel->run;
    (void)client;
    if (channel->version != run->values->version && end->reason == SIMC_UV_END_PROTOCOL) {
        *delay_ms = 0; /* the next version */
        return;
    }
    run->reconnects++;
    if (!run->values->go_on && !run->is_ending)
        fail(run, end->text);
}

/* ---- time ---- */

/* With --rate: what has become due since the last tick is spread over channels and streams in
 * turn. A stream that still waits for its answer lets its turn pass, which is counted. */
static void on_tick(void *context)
{
    struct run *run = context;
    uint64_t now_ns = simc__clock_monotonic_ns(), passed_ns = now_ns - run->last_tick_ns;
    if (!run->is_measuring || run->is_ending)
        return;
    uint64_t due = run->due + passed_ns * run->values->rate;
    run->last_tick_ns = now_ns;
    for (; due >= NS_PER_S; due -= NS_PER_S) {
        struct channel *channel = &run->channels[run->next_channel];
        run->next_channel = (uint32_t)((run->next_channel + 1) % run->values->channels);
        struct stream *stream = &channel->streams[channel->next];
        channel->next = (uint32_t)((channel->next + 1) % run->values->streams);
        if (stream->is_open && !stream->is_waiting)
            provide(channel, stream);
        else
            run->skipped++;
    }
    run->due = due;
    for (uint64_t i = 0; i < run->values->channels; i++)
        if (run->channels[i].connection)
            simc_uv_connection_pump(run->channels[i].connection);
}

static void on_time_over(void *context)
{
    finish(context);
}

static void on_signal(void *context, int number)
{
    (void)number;
    finish(context);
}

/* ---- report ---- */

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

static void print_text(const struct run *run, double seconds)
{
    const struct simc__latency *latency = &run->latency;
    printf("%llu ECMs in %.3f s: %.0f ECM/s over %llu channels with %llu streams each\n",
           (unsigned long long)run->ecms, seconds, (double)run->ecms / seconds,
           (unsigned long long)run->values->channels, (unsigned long long)run->values->streams);
    printf("answer after: p50 %.1f us, p99 %.1f us, p99.9 %.1f us, longest %.1f us\n",
           us(simc__latency_quantile(latency, P50)), us(simc__latency_quantile(latency, P99)),
           us(simc__latency_quantile(latency, P999)), us(latency->most_ns));
    if (run->values->server_pid && run->ecms)
        printf("CPU of the server: %.3f us per ECM\n",
               (double)(run->cpu_end_us - run->cpu_start_us) / (double)run->ecms);
    if (run->errors || run->bad || run->empty || run->reconnects || run->skipped)
        printf(
            "without an ECM: %llu, malformed: %llu, empty: %llu, reconnects: %llu, turns passed: "
            "%llu\n",
            (unsigned long long)run->errors, (unsigned long long)run->bad,
            (unsigned long long)run->empty, (unsigned long long)run->reconnects,
            (unsigned long long)run->skipped);
}

static void print_json(const struct run *run, double seconds)
{
    char text[2048];
    struct simc_writer out = simc_writer(text, sizeof text);
    struct simc__json json;
    simc__json_init(&json, &out);
    simc__json_object(&json, NULL);
    simc__json_uint(&json, "channels", run->values->channels);
    simc__json_uint(&json, "streams_per_channel", run->values->streams);
    simc__json_scaled(&json, "seconds", (uint64_t)(seconds * 1000000), 1000000);
    simc__json_uint(&json, "ecms", run->ecms);
    simc__json_uint(&json, "ecms_per_second", (uint64_t)((double)run->ecms / seconds));
    simc__json_scaled(&json, "p50_us", simc__latency_quantile(&run->latency, P50), 1000);
    simc__json_scaled(&json, "p99_us", simc__latency_quantile(&run->latency, P99), 1000);
    simc__json_scaled(&json, "p999_us", simc__latency_quantile(&run->latency, P999), 1000);
    simc__json_scaled(&json, "longest_us", run->latency.most_ns, 1000);
    if (run->values->server_pid && run->ecms)
        simc__json_scaled(&json, "server_cpu_us_per_ecm",
                          (run->cpu_end_us - run->cpu_start_us) * 1000 / run->ecms, 1000);
    simc__json_uint(&json, "without_ecm", run->errors);
    simc__json_uint(&json, "malformed", run->bad);
    simc__json_uint(&json, "empty", run->empty);
    simc__json_uint(&json, "reconnects", run->reconnects);
    simc__json_uint(&json, "turns_passed", run->skipped);
    simc__json_end(&json);
    if (simc__json_finish(&json) == 0) {
        simc__cli_write(simc_slice(text, out.at));
        simc__cli_write(simc_slice_text("\n"));
    }
}

static int report(const struct run *run)
{
    double seconds = (double)(run->end_ns - run->start_ns) / (double)NS_PER_S;
    if (run->is_measuring && seconds > 0) {
        if (run->values->json)
            print_json(run, seconds);
        else
            print_text(run, seconds);
    }
    /* What the network says names the address already. */
    const char *connect = run->values->connect;
    if (run->trouble[0] && strncmp(run->trouble, connect, strlen(connect)) == 0)
        return simc__cli_trouble("%s", run->trouble);
    if (run->trouble[0])
        return simc__cli_trouble("%s: %s", connect, run->trouble);
    if (!run->is_measuring)
        return simc__cli_trouble("%s: ended before all streams were open", run->values->connect);
    return run->errors || run->bad ? SIMC__EXIT_FOUND : SIMC__EXIT_GOOD;
}

/* ---- set-up ---- */

static int start_channels(struct run *run, const char *host, uint16_t port)
{
    const struct values *values = run->values;
    run->channels = calloc(values->channels, sizeof *run->channels);
    int error = run->channels ? 0 : SIMC_ENOMEM;
    for (uint64_t i = 0; !error && i < values->channels; i++) {
        struct channel *channel = &run->channels[i];
        channel->run = run;
        channel->id = (uint16_t)(values->first_channel + i);
        channel->version = (uint8_t)values->version;
        channel->streams = calloc(values->streams, sizeof *channel->streams);
        if (!channel->streams)
            return SIMC_ENOMEM;
        for (uint64_t k = 0; k < values->streams; k++)
            channel->streams[k].id = (uint16_t)k;
        const struct simc_uv_client_settings settings = {
            .remote = {.host = host, .port = port},
            .retry_first_ms = 100,
            .tls = run->tls,
            .handlers = {on_open, on_events, on_end, NULL, on_retry, NULL},
            .context = channel,
        };
        error = simc_uv_client_new(run->loop, &settings, &channel->client);
    }
    return error;
}

static int start_tls(struct run *run)
{
    char why[SIMC_UV_TEXT_SIZE];
    const struct simc_uv_tls_settings settings = {
        .ca_file = run->values->ca_file,
        .certificate_file = run->values->certificate_file,
        .key_file = run->values->key_file,
    };
    if (!run->values->tls)
        return 0;
    if (simc_uv_tls_new(&settings, why, &run->tls))
        return simc__cli_trouble("%s", why);
    return 0;
}

static int start(struct run *run)
{
    const struct values *values = run->values;
    struct simc_uv_signal *signal;
    char host[256];
    uint16_t port;
    uint64_t id;
    size_t bad_at;
    if (simc__cli_address_read(values->connect, host, &port))
        return simc__cli_trouble("--connect: write ADDRESS:PORT, such as 127.0.0.1:2222");
    if (!values->super_cas_id || simc__text_read_uint(simc_slice_text(values->super_cas_id), &id) ||
        id > UINT32_MAX)
        return simc__cli_trouble("--super-cas-id: write a number such as 0x12340001");
    run->super_cas_id = (uint32_t)id;
    if (values->access_criteria &&
        simc_hex_read(simc_slice_text(values->access_criteria), run->criteria, sizeof run->criteria,
                      &run->criteria_size, &bad_at))
        return simc__cli_trouble("--access-criteria: write hex digits, two for each byte");
    if (values->channels * values->streams + values->first_ecm_id > 65536)
        return simc__cli_trouble(
            "there are 65536 ECM_ids: %llu channels with %llu streams need more",
            (unsigned long long)values->channels, (unsigned long long)values->streams);
    if (values->save && !(run->save = fopen(values->save, "w")))
        return simc__cli_trouble("%s cannot be written: %s", values->save, strerror(errno));
    if (start_tls(run))
        return SIMC__EXIT_TROUBLE;
    int error = simc_uv_loop_new(NULL, &run->loop);
    if (!error)
        error = simc_uv_timer_new(run->loop, on_tick, run, &run->tick);
    if (!error)
        error = simc_uv_timer_new(run->loop, on_time_over, run, &run->end);
    if (!error)
        error = simc_uv_signal_new(run->loop, 2, on_signal, run, &signal); /* Ctrl-C */
    if (!error)
        error = start_channels(run, host, port);
    if (error)
        return simc__cli_trouble("cannot start: %s", simc_error_text(error));
    if (values->rate)
        simc_uv_timer_start(run->tick, TICK_MS, TICK_MS);
    return 0;
}

static int run_load(const void *values, const struct simc__operands *operands)
{
    struct run *run = calloc(1, sizeof *run);
    (void)operands;
    if (!run)
        return simc__cli_trouble("no memory");
    run->values = values;
    int status = start(run);
    if (!status) {
        simc_uv_loop_run(run->loop);
        run->is_ending = true;
        status = report(run);
    }
    simc_uv_loop_free(run->loop);
    simc_uv_tls_free(run->tls);
    for (uint64_t i = 0; run->channels && i < run->values->channels; i++)
        free(run->channels[i].streams);
    free(run->channels);
    if (run->save && fclose(run->save) && !status)
        status = simc__cli_trouble("%s cannot be written: %s", run->values->save, strerror(errno));
    free(run);
    return status;
}

/* clang-format off */
static const struct simc__option options[] = {
    {.name = "connect", .letter = 'c', .type = SIMC__OPTION_TEXT, .argument = "ADDRESS:PORT",
     .offset = offsetof(struct values, connect), .help = "the ECMG"},
    {.name = "super-cas-id", .type = SIMC__OPTION_TEXT, .argument = "ID",
     .offset = offsetof(struct values, super_cas_id), .help = "the CA system, such as 0x12340001"},
    {.name = "channels", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1,
     .max = CHANNELS_MAX, .fallback = "1", .offset = offsetof(struct values, channels),
     .help = "channels, each on a connection of its own"},
    {.name = "streams", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1,
     .max = STREAMS_MAX, .fallback = "1", .offset = offsetof(struct values, streams),
     .help = "streams of each channel"},
    {.name = "for", .type = SIMC__OPTION_UINT, .argument = "SECONDS", .max = SECONDS_MAX,
     .fallback = "10", .offset = offsetof(struct values, seconds),
     .help = "how long; 0: until --count or Ctrl-C"},
    {.name = "count", .type = SIMC__OPTION_UINT, .argument = "COUNT", .max = UINT64_MAX,
     .offset = offsetof(struct values, count), .help = "stop after so many ECMs; 0: after --for"},
    {.name = "rate", .type = SIMC__OPTION_UINT, .argument = "COUNT", .max = 10000000,
     .offset = offsetof(struct values, rate),
     .help = "CW_provisions per second in all; 0: each stream sends when it has its answer"},
    {.name = "version", .type = SIMC__OPTION_UINT, .argument = "NUMBER", .max = 5,
     .offset = offsetof(struct values, version),
     .help = "protocol_version; 0: 3, then 2 when that is refused"},
    {.name = "cw-size", .type = SIMC__OPTION_UINT, .argument = "BYTES", .min = 1, .max = 16,
     .fallback = "8", .offset = offsetof(struct values, cw_size),
     .help = "bytes of a control word: 8 or 16"},
    {.name = "access-criteria", .type = SIMC__OPTION_TEXT, .argument = "HEX",
     .offset = offsetof(struct values, access_criteria),
     .help = "access criteria of all streams, as `simulcrypt keys ac` prints them"},
    {.name = "first-channel", .type = SIMC__OPTION_UINT, .argument = "ID", .max = UINT16_MAX,
     .fallback = "1", .offset = offsetof(struct values, first_channel),
     .help = "ECM_channel_id of the first channel"},
    {.name = "first-ecm-id", .type = SIMC__OPTION_UINT, .argument = "ID", .max = UINT16_MAX,
     .offset = offsetof(struct values, first_ecm_id), .help = "ECM_id of the first stream"},
    {.name = "go-on", .type = SIMC__OPTION_FLAG, .offset = offsetof(struct values, go_on),
     .help = "count errors and lost connections, and go on, instead of stopping"},
    {.name = "save", .type = SIMC__OPTION_TEXT, .argument = "FILE",
     .offset = offsetof(struct values, save),
     .help = "write every ECM into a file, a line of hex digits each"},
    {.name = "server-pid", .type = SIMC__OPTION_UINT, .argument = "PID", .max = UINT32_MAX,
     .offset = offsetof(struct values, server_pid),
     .help = "process of the ECMG on this host, to tell its CPU time per ECM"},
    {.name = "tls", .type = SIMC__OPTION_FLAG, .offset = offsetof(struct values, tls),
     .help = "connect by TLS"},
    {.name = "ca-file", .type = SIMC__OPTION_TEXT, .argument = "FILE",
     .offset = offsetof(struct values, ca_file),
     .help = "who signs the certificate of the ECMG (PEM); without it the CAs of the system"},
    {.name = "certificate-file", .type = SIMC__OPTION_TEXT, .argument = "FILE",
     .offset = offsetof(struct values, certificate_file),
     .help = "own certificate, where the ECMG asks for one (PEM)"},
    {.name = "key-file", .type = SIMC__OPTION_TEXT, .argument = "FILE",
     .offset = offsetof(struct values, key_file), .help = "its private key (PEM)"},
    {.name = "json", .letter = 'j', .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, json), .help = "print a JSON object"},
};
/* clang-format on */

static const struct simc__example examples[] = {
    {"simulcrypt load ecmg --connect 127.0.0.1:2222 --super-cas-id 0x12340001 --channels 10 "
     "--streams 100",
     "as many ECMs as the ECMG makes for 1000 streams in ten seconds"},
    {"simulcrypt load ecmg --connect 127.0.0.1:2222 --super-cas-id 0x12340001 --channels 100 "
     "--streams 80 --rate 100000",
     "100,000 ECMs per second"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "all CW_provisions got their ECM"},
    {SIMC__EXIT_FOUND, "some got none, or one that is malformed"},
    {SIMC__EXIT_TROUBLE, "wrong usage, no connection, or the ECMG refused"},
};

const struct simc__command simc__command_load_ecmg = {
    .name = "load ecmg",
    .summary = "put an ECMG under load and measure it",
    .description =
        "Plays one or many SCSs: opens channels and streams, sends CW_provisions with control "
        "words "
        "of no value, and measures how soon the ECMs come. Each stream has one CW_provision in "
        "flight at most. By default it sends the next one as soon as the ECM is there; with --rate "
        "they are sent at a steady pace.",
    .operands = "",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .examples = examples,
    .example_count = sizeof examples / sizeof examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_load,
};
