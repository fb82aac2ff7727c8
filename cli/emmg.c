/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt emmg` and `simulcrypt load mux`: a laboratory EMMG or PDG at a steady pace, and as
 * much data as a MUX takes. emmg_client.c does the work. */
#include "cli/emmg.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/load.h"

enum { SECONDS_MAX = 86400, P50 = 500000, P99 = 990000 };

#define NS_PER_S 1000000000ULL

struct values {
    const char *connect, *client_id, *udp, *interface, *file;
    const char *ca_file, *certificate_file, *key_file;
    uint64_t type;
    uint64_t channels, streams, first_channel, first_stream, first_data_id, version;
    uint64_t bandwidth, period, per_message, pattern, packets_each, ttl, seconds, count, loops;
    uint64_t probe_count, server_pid;
    bool packets, no_negotiation, ignore_allocation, udp_ids, tls, json, go_on;
};

/* ---- report ---- */

static double us(uint64_t ns)
{
    return (double)ns / 1000;
}

static void print_text(const struct simc__emmg_result *result, double seconds, uint64_t cpu_us)
{
    printf("%llu datagrams with %llu bytes in %.3f s: %.0f datagrams/s, %.1f kbit/s\n",
           (unsigned long long)result->datagrams, (unsigned long long)result->bytes, seconds,
           (double)result->datagrams / seconds, (double)result->bytes * 8 / 1000 / seconds);
    printf("%llu messages, %.1f datagrams in each\n", (unsigned long long)result->messages,
           result->messages ? (double)result->datagrams / (double)result->messages : 0.0);
    if (result->latency.count)
        printf("taken after: p50 %.1f us, p99 %.1f us, longest %.1f us\n",
               us(simc__latency_quantile(&result->latency, P50)),
               us(simc__latency_quantile(&result->latency, P99)), us(result->latency.most_ns));
    if (cpu_us && result->datagrams)
        printf("CPU of the server: %.3f us per datagram\n",
               (double)cpu_us / (double)result->datagrams);
    if (result->late_periods)
        printf("the carousel was a whole period late %llu times: what is allocated is too small "
               "for --period, or the MUX was away\n",
               (unsigned long long)result->late_periods);
    if (result->errors || result->reconnects)
        printf("errors of the MUX: %llu, of them exceeded bandwidth: %llu; reconnects: %llu\n",
               (unsigned long long)result->errors, (unsigned long long)result->exceeded,
               (unsigned long long)result->reconnects);
}

static void print_json(const struct simc__emmg_result *result, double seconds, uint64_t cpu_us)
{
    char text[2048];
    struct simc_writer out = simc_writer(text, sizeof text);
    struct simc__json json;
    simc__json_init(&json, &out);
    simc__json_object(&json, NULL);
    simc__json_scaled(&json, "seconds", (uint64_t)(seconds * 1000000), 1000000);
    simc__json_uint(&json, "datagrams", result->datagrams);
    simc__json_uint(&json, "bytes", result->bytes);
    simc__json_uint(&json, "messages", result->messages);
    simc__json_uint(&json, "datagrams_per_second", (uint64_t)((double)result->datagrams / seconds));
    simc__json_uint(&json, "allocated_kbitps", result->allocated_kbitps);
    simc__json_uint(&json, "errors", result->errors);
    simc__json_uint(&json, "exceeded_bandwidth", result->exceeded);
    simc__json_uint(&json, "reconnects", result->reconnects);
    simc__json_uint(&json, "late_periods", result->late_periods);
    simc__json_uint(&json, "probes", result->latency.count);
    simc__json_scaled(&json, "p50_us", simc__latency_quantile(&result->latency, P50), 1000);
    simc__json_scaled(&json, "p99_us", simc__latency_quantile(&result->latency, P99), 1000);
    if (cpu_us && result->datagrams)
        simc__json_scaled(&json, "server_cpu_us_per_datagram", cpu_us * 1000 / result->datagrams,
                          1000);
    simc__json_end(&json);
    if (simc__json_finish(&json) == 0) {
        simc__cli_write(simc_slice(text, out.at));
        simc__cli_write(simc_slice_text("\n"));
    }
}

static int report(const struct values *values, const struct simc__emmg_result *result,
                  uint64_t cpu_us)
{
    double seconds = (double)(result->end_ns - result->start_ns) / (double)NS_PER_S;
    if (result->has_begun && seconds > 0) {
        if (values->json)
            print_json(result, seconds, cpu_us);
        else
            print_text(result, seconds, cpu_us);
    }
    if (result->trouble[0])
        return simc__cli_trouble("%s", result->trouble);
    if (!result->has_begun)
        return simc__cli_trouble("%s: ended before all streams were open", values->connect);
    return result->errors ? SIMC__EXIT_FOUND : SIMC__EXIT_GOOD;
}

/* ---- from options to a plan ---- */

/* Takes the next one of a list with commas. @return 0, SIMC_EEND, or SIMC_ESYNTAX. */
static int next_address(const char **list, struct simc__emmg_address *address)
{
    size_t size = *list ? strcspn(*list, ",") : 0;
    if (!*list || **list == '\0')
        return SIMC_EEND;
    /* What is too long for a name is no address either. */
    snprintf(address->name, sizeof address->name, "%.*s", (int)size, *list);
    *list += size + ((*list)[size] == ',');
    return simc__cli_address_read(address->name, address->host, &address->port);
}

static int read_muxes(const struct values *values, struct simc__emmg_plan *plan)
{
    const char *rest = values->connect;
    int error = 0;
    while (plan->mux_count < SIMC__EMMG_MUXES_MAX &&
           (error = next_address(&rest, &plan->muxes[plan->mux_count].tcp)) == 0)
        plan->mux_count++;
    if (error == SIMC_ESYNTAX || !plan->mux_count || *rest)
        return simc__cli_trouble("--connect: write ADDRESS:PORT, such as 127.0.0.1:2240, or up to "
                                 "%d of them with commas",
                                 SIMC__EMMG_MUXES_MAX);
    return 0;
}

/* One for each MUX, or a single one that all of them listen to. */
static int read_udp(const struct values *values, struct simc__emmg_plan *plan)
{
    const char *rest = values->udp;
    uint32_t count = 0;
    int error = 0;
    plan->has_udp = values->udp;
    while (count < plan->mux_count && (error = next_address(&rest, &plan->muxes[count].udp)) == 0)
        count++;
    if (error == SIMC_ESYNTAX || (plan->has_udp && !count))
        return simc__cli_trouble("--udp: write ADDRESS:PORT, such as 127.0.0.1:2240");
    if (plan->has_udp && (*rest || (count != plan->mux_count && count != 1)))
        return simc__cli_trouble("--udp: write one address for each MUX, or one for all");
    for (uint32_t i = count; plan->has_udp && i < plan->mux_count; i++)
        plan->muxes[i].udp = plan->muxes[0].udp;
    return 0;
}

static int make_plan(const struct values *values, struct simc__emmg_plan *plan)
{
    uint64_t client_id;
    if (!values->client_id ||
        simc__text_read_uint(simc_slice_text(values->client_id), &client_id) ||
        client_id > UINT32_MAX)
        return simc__cli_trouble(
            "--client-id: write a number such as 0x12340001; its upper 16 bits "
            "are the CA_system_id");
    if (values->first_data_id + values->channels * values->streams > 65536 ||
        values->first_stream + values->streams > 65536 ||
        values->first_channel + values->channels > 65536)
        return simc__cli_trouble(
            "ids have 16 bits: use fewer channels or streams, or smaller first "
            "ids");
    if (values->udp && values->version == 1)
        return simc__cli_trouble("--udp: version 1 knows no data over UDP; use --version 2 or 3");
    if (values->period && !values->file)
        return simc__cli_trouble("--period: it is the time in which a file is sent; give --file");
    *plan = (struct simc__emmg_plan){
        .interface = values->interface,
        .client_id = (uint32_t)client_id,
        .first_channel = (uint16_t)values->first_channel,
        .first_stream = (uint16_t)values->first_stream,
        .first_data_id = (uint16_t)values->first_data_id,
        .channels = (uint32_t)values->channels,
        .streams = (uint32_t)values->streams,
        .data_type = (uint8_t)values->type,
        .version = (uint8_t)values->version,
        .is_packets = values->packets,
        .per_message = (uint32_t)values->per_message,
        .kbitps = (uint32_t)values->bandwidth,
        .period_ms = values->period,
        .no_negotiation = values->no_negotiation,
        .ignores_allocation = values->ignore_allocation,
        .udp_ids = values->udp_ids,
        .ttl = (uint8_t)values->ttl,
        .seconds = values->seconds,
        .count = values->count,
        .loops = values->loops,
        .has_probes = values->probe_count > 0,
        .probe_count = (uint32_t)values->probe_count,
        .goes_on = values->go_on,
    };
    int status = read_muxes(values, plan);
    return status ? status : read_udp(values, plan);
}

static int start_tls(const struct values *values, struct simc_uv_tls **tls)
{
    char why[SIMC_UV_TEXT_SIZE];
    const struct simc_uv_tls_settings settings = {
        .ca_file = values->ca_file,
        .certificate_file = values->certificate_file,
        .key_file = values->key_file,
    };
    if (!values->tls)
        return 0;
    if (simc_uv_tls_new(&settings, why, tls))
        return simc__cli_trouble("%s", why);
    return 0;
}

static int run_emmg(const void *context, const struct simc__operands *operands)
{
    const struct values *values = context;
    struct simc__emmg_result *result = calloc(1, sizeof *result);
    struct simc__emmg_plan plan = {0};
    struct simc__emmg_data data = {0};
    uint64_t cpu_us = values->server_pid ? simc__cli_cpu_us(values->server_pid) : 0;
    (void)operands;
    int status = result ? make_plan(values, &plan) : simc__cli_trouble("no memory");
    if (!status)
        status = simc__emmg_data_open(&data, values->file, values->packets, (size_t)values->pattern,
                                      (size_t)values->packets_each);
    plan.data = &data;
    if (!status)
        status = start_tls(values, &plan.tls);
    if (!status)
        status = simc__emmg_run_plan(&plan, result);
    if (!status)
        status = report(values, result,
                        values->server_pid ? simc__cli_cpu_us(values->server_pid) - cpu_us : 0);
    simc_uv_tls_free(plan.tls);
    simc__emmg_data_close(&data);
    free(result);
    return status;
}

/* ---- options ---- */

static const char *const types[] = {"emm", "private", "ecm", NULL}; /* in the order of data_type */

/* clang-format off */
#define COMMON_OPTIONS(channels_, streams_)                                                        \
    {.name = "connect", .letter = 'c', .type = SIMC__OPTION_TEXT, .argument = "ADDRESS:PORT",      \
     .offset = offsetof(struct values, connect),                                                   \
     .help = "the MUX; several with commas all get the same data"},                                \
    {.name = "client-id", .type = SIMC__OPTION_TEXT, .argument = "ID",                             \
     .offset = offsetof(struct values, client_id),                                                 \
     .help = "such as 0x12340001; of EMMs its upper 16 bits are the CA_system_id"},                \
    {.name = "channels", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1,                 \
     .max = SIMC__EMMG_CHANNELS_MAX, .fallback = channels_,                                        \
     .offset = offsetof(struct values, channels),                                                  \
     .help = "channels, each on a connection of its own"},                                         \
    {.name = "streams", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1,                  \
     .max = SIMC__EMMG_STREAMS_MAX, .fallback = streams_,                                          \
     .offset = offsetof(struct values, streams), .help = "streams of each channel"},               \
    {.name = "first-channel", .type = SIMC__OPTION_UINT, .argument = "ID", .max = UINT16_MAX,      \
     .fallback = "1", .offset = offsetof(struct values, first_channel),                            \
     .help = "data_channel_id of the first channel"},                                              \
    {.name = "first-stream", .type = SIMC__OPTION_UINT, .argument = "ID", .max = UINT16_MAX,       \
     .fallback = "1", .offset = offsetof(struct values, first_stream),                             \
     .help = "data_stream_id of the first stream of each channel"},                                \
    {.name = "first-data-id", .type = SIMC__OPTION_UINT, .argument = "ID", .max = UINT16_MAX,      \
     .fallback = "1", .offset = offsetof(struct values, first_data_id),                            \
     .help = "data_id of the first stream; all others count on"},                                  \
    {.name = "type", .type = SIMC__OPTION_CHOICE, .argument = "TYPE", .choices = types,            \
     .fallback = "emm", .offset = offsetof(struct values, type), .help = "data_type"},             \
    {.name = "packets", .type = SIMC__OPTION_FLAG, .offset = offsetof(struct values, packets),     \
     .help = "send TS packets (section_TSpkt_flag 1) instead of sections"},                        \
    {.name = "pattern", .type = SIMC__OPTION_UINT, .argument = "BYTES", .min = 16, .max = 4096,    \
     .fallback = "100", .offset = offsetof(struct values, pattern),                                \
     .help = "size of the sections that are made where no file is given"},                         \
    {.name = "packets-each", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1,             \
     .max = 340, .fallback = "1", .offset = offsetof(struct values, packets_each),                 \
     .help = "packets in a datagram"},                                                             \
    {.name = "per-message", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1,              \
     .max = SIMC__EMMG_PER_MESSAGE_MAX, .fallback = "1",                                           \
     .offset = offsetof(struct values, per_message), .help = "datagrams in a message, at most"},   \
    {.name = "version", .type = SIMC__OPTION_UINT, .argument = "NUMBER", .max = 5,                 \
     .offset = offsetof(struct values, version),                                                   \
     .help = "protocol_version: 1, 2, 3 or 5; 0: 3, then 2 when that is refused"},                 \
    {.name = "for", .type = SIMC__OPTION_UINT, .argument = "SECONDS", .max = SECONDS_MAX,          \
     .fallback = "10", .offset = offsetof(struct values, seconds),                                 \
     .help = "how long; 0: until the data, --count or Ctrl-C ends it"},                            \
    {.name = "count", .type = SIMC__OPTION_UINT, .argument = "COUNT", .max = UINT64_MAX,           \
     .offset = offsetof(struct values, count), .help = "stop after so many datagrams"},            \
    {.name = "go-on", .type = SIMC__OPTION_FLAG, .offset = offsetof(struct values, go_on),         \
     .help = "go on when a connection is lost or something is refused"},                           \
    {.name = "server-pid", .type = SIMC__OPTION_UINT, .argument = "PID", .max = UINT32_MAX,        \
     .offset = offsetof(struct values, server_pid),                                                \
     .help = "process of the MUX on this host, to tell its CPU time per datagram"},                \
    {.name = "tls", .type = SIMC__OPTION_FLAG, .offset = offsetof(struct values, tls),             \
     .help = "connect by TLS"},                                                                    \
    {.name = "ca-file", .type = SIMC__OPTION_TEXT, .argument = "FILE",                             \
     .offset = offsetof(struct values, ca_file),                                                   \
     .help = "who signs the certificate of the MUX (PEM); without it the CAs of the system"},      \
    {.name = "certificate-file", .type = SIMC__OPTION_TEXT, .argument = "FILE",                    \
     .offset = offsetof(struct values, certificate_file),                                          \
     .help = "own certificate, where the MUX asks for one (PEM)"},                                 \
    {.name = "key-file", .type = SIMC__OPTION_TEXT, .argument = "FILE",                            \
     .offset = offsetof(struct values, key_file), .help = "its private key (PEM)"},                \
    {.name = "json", .letter = 'j', .type = SIMC__OPTION_FLAG,                                     \
     .offset = offsetof(struct values, json), .help = "print a JSON object"}

static const struct simc__option emmg_options[] = {
    COMMON_OPTIONS("1", "1"),
    {.name = "file", .letter = 'f', .type = SIMC__OPTION_TEXT, .argument = "FILE",
     .offset = offsetof(struct values, file),
     .help = "sections, one behind the other or a line of hex digits each; with --packets a "
             "transport stream. Without it sections are made that tell their place"},
    {.name = "loops", .type = SIMC__OPTION_UINT, .argument = "COUNT", .max = UINT32_MAX,
     .fallback = "1", .offset = offsetof(struct values, loops),
     .help = "how often the file is sent; 0: again and again"},
    {.name = "period", .type = SIMC__OPTION_UINT, .argument = "MS", .min = 10,
     .max = SECONDS_MAX * 1000, .offset = offsetof(struct values, period),
     .help = "send each datagram of the file once in so many ms, spread evenly, as far as the "
             "bandwidth allows; mostly with --loops 0"},
    {.name = "bandwidth", .letter = 'b', .type = SIMC__OPTION_UINT, .argument = "KBIT/S",
     .min = 1, .max = UINT16_MAX, .fallback = "100", .offset = offsetof(struct values, bandwidth),
     .help = "what each stream asks for, and its pace; counted in packets on air"},
    {.name = "no-negotiation", .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, no_negotiation), .help = "send no stream_BW_request"},
    {.name = "ignore-allocation", .type = SIMC__OPTION_FLAG,
     .offset = offsetof(struct values, ignore_allocation),
     .help = "keep to --bandwidth whatever the MUX allocates, to see what it does about it"},
    {.name = "udp", .type = SIMC__OPTION_TEXT, .argument = "ADDRESS:PORT",
     .offset = offsetof(struct values, udp),
     .help = "send the data there by UDP; channels and streams stay on TCP. With several MUXes "
             "one address for all, or one for each with commas"},
    {.name = "udp-ids", .type = SIMC__OPTION_FLAG, .offset = offsetof(struct values, udp_ids),
     .help = "put data_channel_id and data_stream_id into UDP messages too, as some EMMGs do"},
    {.name = "ttl", .type = SIMC__OPTION_UINT, .argument = "N", .min = 1, .max = 255,
     .fallback = "1", .offset = offsetof(struct values, ttl), .help = "of multicast datagrams"},
    {.name = "interface", .type = SIMC__OPTION_TEXT, .argument = "ADDRESS",
     .offset = offsetof(struct values, interface),
     .help = "address of the interface for multicast (IPv6: its name)"},
};

static const struct simc__option load_options[] = {
    COMMON_OPTIONS("1", "1"),
    {.name = "probe", .type = SIMC__OPTION_UINT, .argument = "COUNT", .min = 1, .max = 1000000,
     .fallback = "100", .offset = offsetof(struct values, probe_count),
     .help = "messages of a channel before it asks with channel_test whether they were taken, and "
             "waits for the answer"},
};
/* clang-format on */

static const struct simc__example emmg_examples[] = {
    {"simulcrypt emmg --connect 127.0.0.1:2240 --client-id 0x12340001 --bandwidth 50",
     "EMMs that are made, 50 kbit/s for ten seconds"},
    {"simulcrypt emmg --connect 127.0.0.1:2240 --client-id 0x12340001 --file emms.bin --loops 0 "
     "--for 0 --udp 239.1.1.1:2240",
     "the sections of a file again and again, by multicast"},
    {"simulcrypt emmg --connect 192.0.2.1:2240,192.0.2.2:2240 --client-id 0x12340001 --go-on "
     "--file emms.bin --loops 0 --for 0 --period 30000",
     "each section of a file every 30 seconds, at two MUXes"},
};

static const struct simc__example load_examples[] = {
    {"simulcrypt load mux --connect 127.0.0.1:2240 --client-id 0x12340001 --channels 10 --streams "
     "16 --per-message 7",
     "as many datagrams as the MUX takes on 160 streams in ten seconds"},
};

static const struct simc__exit_row exits[] = {
    {SIMC__EXIT_GOOD, "the MUX took everything without an error"},
    {SIMC__EXIT_FOUND, "the MUX reported errors"},
    {SIMC__EXIT_TROUBLE, "wrong usage, no connection, or the MUX refused"},
};

const struct simc__command simc__command_emmg = {
    .name = "emmg",
    .summary = "bring EMMs or private data to a multiplexer",
    .description =
        "Plays an EMMG or PDG: opens channels and streams, asks for bandwidth, and sends sections "
        "or TS packets at the pace that it got, by TCP or UDP. Where the MUX says that its "
        "bandwidth is exceeded, it becomes slower and asks anew; where the MUX does not say what "
        "it "
        "allocates, a tenth of --bandwidth is sent.",
    .operands = "",
    .options = emmg_options,
    .option_count = sizeof emmg_options / sizeof emmg_options[0],
    .examples = emmg_examples,
    .example_count = sizeof emmg_examples / sizeof emmg_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_emmg,
};

const struct simc__command simc__command_load_mux = {
    .name = "load mux",
    .summary = "put the EMM input of a multiplexer under load and measure it",
    .description =
        "Plays one or many EMMGs that send as fast as the MUX reads: each stream asks for the "
        "largest bandwidth and sends without a pace. data_provision has no answer, so each channel "
        "asks with channel_test behind every --probe messages, and waits: what was sent before has "
        "been taken then. Give the MUX bandwidth and queues that suit, or count its errors.",
    .operands = "",
    .options = load_options,
    .option_count = sizeof load_options / sizeof load_options[0],
    .examples = load_examples,
    .example_count = sizeof load_examples / sizeof load_examples[0],
    .exits = exits,
    .exit_count = sizeof exits / sizeof exits[0],
    .values_size = sizeof(struct values),
    .run = run_emmg,
};
