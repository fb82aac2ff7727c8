/* SPDX-License-Identifier: BSL-1.0 */
/* The figures of the EMMG server as rows, and what /v1/status shows of it. The server counts, the
 * service asks. */
#include <stdio.h>

#include "mux/emmg_internal.h"

/* clang-format off */
#define STATUS_ROWS(ROW)                                                                  \
    ROW(0x0001) ROW(0x0002) ROW(0x0003) ROW(0x0004) ROW(0x0005) ROW(0x0006) ROW(0x0007)   \
    ROW(0x0008) ROW(0x0009) ROW(0x000A) ROW(0x000B) ROW(0x000C) ROW(0x000D) ROW(0x000E)   \
    ROW(0x000F) ROW(0x0010) ROW(0x0011) ROW(0x0012) ROW(0x0013) ROW(0x0014)               \
    ROW(0x7000) ROW(0x7001)
/* clang-format on */

#define STATUS_NUMBER(value) value,
#define STATUS_NAME(value)   #value,
static const uint16_t statuses[SIMC__EMMG_STATUSES] = {0, STATUS_ROWS(STATUS_NUMBER)};
static const char *const status_names[] = {"other", STATUS_ROWS(STATUS_NAME) NULL};

#define DROP_WORD(name, word, text) word,
static const char *const drop_words[] = {SIMC__EMMG_DROP_ROWS(DROP_WORD) NULL};

unsigned simc__emmg_status_value(uint16_t status)
{
    unsigned value = SIMC__EMMG_STATUSES - 1;
    while (value > 0 && statuses[value] != status)
        value--;
    return value;
}

/* In the order of enum simc__emmg_stat. */
static const struct simc__metric_row stat_rows[SIMC__EMMG_STAT_COUNT] = {
    {.name = "mux_emmg_channels", .type = SIMC__METRIC_GAUGE, .help = "Channels that are open"},
    {.name = "mux_emmg_streams", .type = SIMC__METRIC_GAUGE, .help = "Data streams that are open"},
    {.name = "mux_emmg_allocated_kbitps",
     .type = SIMC__METRIC_GAUGE,
     .help = "Bandwidth allocated to the streams, kbit/s on air"},
    {.name = "mux_emmg_queue_age_ms",
     .type = SIMC__METRIC_GAUGE,
     .help = "Milliseconds that the oldest datagram has been waiting, of all streams"},
    {.name = "mux_emmg_messages_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "data_provision messages of open streams"},
    {.name = "mux_emmg_datagrams_total", .type = SIMC__METRIC_COUNTER, .help = "Datagrams in them"},
    {.name = "mux_emmg_received_bytes_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Bytes of these datagrams"},
    {.name = "mux_emmg_inserted_bytes_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Bytes of datagrams that went into the queues of their PIDs"},
    {.name = "mux_emmg_dropped_bytes_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Bytes of datagrams that were dropped, by reason",
     .label = "reason",
     .values = drop_words},
    {.name = "mux_emmg_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors found, by error_status",
     .label = "status",
     .values = status_names},
};

/* In the order of enum simc__emmg_peer_stat. */
static const struct simc__metric_row peer_stat_rows[SIMC__EMMG_PEER_STAT_COUNT] = {
    {.name = "mux_emmg_connections",
     .type = SIMC__METRIC_GAUGE,
     .help = "EMMGs and PDGs that are connected"},
    {.name = "mux_emmg_channel_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors sent on connections without a channel, by error_status",
     .label = "status",
     .values = status_names},
    {.name = "mux_emmg_peer_errors_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Errors that EMMGs have reported"},
    {.name = "mux_emmg_udp_datagrams_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "UDP datagrams received"},
    {.name = "mux_emmg_udp_dropped_total",
     .type = SIMC__METRIC_COUNTER,
     .help = "Messages by UDP that were broken, or of no open stream"},
};

const struct simc__metric_table simc__emmg_stats = {stat_rows, SIMC__EMMG_STAT_COUNT};
const struct simc__metric_table simc__emmg_peer_stats = {peer_stat_rows,
                                                         SIMC__EMMG_PEER_STAT_COUNT};

struct simc__emmg_client *simc__emmg_client_get(struct simc__emmg *emmg, uint32_t client_id)
{
    struct simc__emmg_client *client = emmg->clients, *idle = NULL;
    size_t count = 0;
    for (; client && client->client_id != client_id; client = client->next, count++)
        if (!client->channels)
            idle = client;
    if (client)
        return client;
    /* Peers choose their ids: those that are gone give way, so that the list stays short. */
    if (count >= SIMC__EMMG_CLIENTS_MAX && idle) {
        struct simc__emmg_client **at = &emmg->clients;
        while (*at != idle)
            at = &(*at)->next;
        *at = idle->next;
        if (idle->stats) {
            idle->next = emmg->old_clients;
            emmg->old_clients = idle;
        } else {
            simc_free(idle);
        }
        count--;
    }
    client = count < SIMC__EMMG_CLIENTS_MAX ? simc_calloc(1, sizeof *client) : NULL;
    if (!client)
        return NULL;
    client->client_id = client_id;
    client->next = emmg->clients;
    emmg->clients = client;
    return client;
}

/* The set of an id must be gone before the id can come again. */
static void free_clients(struct simc__emmg *emmg, struct simc__emmg_client **clients)
{
    while (*clients) {
        struct simc__emmg_client *client = *clients;
        *clients = client->next;
        simc__metrics_remove(emmg->metrics, client->stats);
        simc_free(client);
    }
}

void simc__emmg_clients_free(struct simc__emmg *emmg)
{
    free_clients(emmg, &emmg->clients);
    free_clients(emmg, &emmg->old_clients);
    simc__metrics_remove(emmg->metrics, emmg->stats);
}

static void store(struct simc__metric_set *set, const struct simc__metric_row *rows,
                  unsigned row_count, uint64_t (*figures)[SIMC__EMMG_STATUSES])
{
    for (unsigned row = 0; row < row_count; row++) {
        unsigned count = 1;
        while (rows[row].values && rows[row].values[count])
            count++;
        for (unsigned i = 0; i < count; i++)
            simc__metric_store(set, 0, row, i, figures[row][i]);
    }
}

static void collect_client(struct simc__emmg *emmg, struct simc__emmg_client *client)
{
    char id[16];
    const struct simc__metric_label label = {"client_id", id};
    snprintf(id, sizeof id, "0x%08X", (unsigned)client->client_id);
    if (!client->stats &&
        simc__metrics_add(emmg->metrics, &simc__emmg_stats, &label, 1, &client->stats))
        client->stats = NULL;
    if (client->stats)
        store(client->stats, stat_rows, SIMC__EMMG_STAT_COUNT, client->figures);
}

static uint64_t age_ms(struct simc__emmg_stream *stream, uint64_t now_ms)
{
    return simc__emmg_age_ms(&stream->age, simc__emmg_carrier_out(stream->carrier), now_ms);
}

static void collect_ages(struct simc__emmg *emmg, uint64_t now_ms)
{
    for (struct simc__emmg_client *client = emmg->clients; client; client = client->next)
        client->figures[SIMC__EMMG_STAT_QUEUE_AGE][0] = 0;
    for (struct simc__emmg_stream *stream = emmg->streams; stream; stream = stream->next) {
        struct simc__emmg_client *client = stream->channel->client;
        uint64_t old_ms = age_ms(stream, now_ms);
        if (client && client->figures[SIMC__EMMG_STAT_QUEUE_AGE][0] < old_ms)
            client->figures[SIMC__EMMG_STAT_QUEUE_AGE][0] = old_ms;
    }
}

void simc__emmg_collect(struct simc__emmg *emmg, struct simc__metrics *metrics, uint64_t now_ms)
{
    emmg->metrics = metrics;
    free_clients(emmg, &emmg->old_clients);
    if (!emmg->stats && simc__metrics_add(metrics, &simc__emmg_peer_stats, NULL, 0, &emmg->stats))
        emmg->stats = NULL;
    if (emmg->stats)
        store(emmg->stats, peer_stat_rows, SIMC__EMMG_PEER_STAT_COUNT, emmg->figures);
    collect_ages(emmg, now_ms);
    for (struct simc__emmg_client *client = emmg->clients; client; client = client->next)
        collect_client(emmg, client);
}

/* ---- /v1/status ---- */

static void put_stream(struct simc__emmg_stream *stream, struct simc__json *json, uint64_t now_ms)
{
    simc__json_object(json, NULL);
    simc__json_uint(json, "data_stream_id", stream->stream_id);
    simc__json_uint(json, "data_id", stream->data_id);
    simc__json_text(json, "data_type",
                    stream->data_type == SIMC_DATA_TYPE_EMM ? "EMM" : "private data");
    simc__json_uint(json, "pid", stream->carrier->pid);
    if (stream->has_asked)
        simc__json_uint(json, "wanted_kbitps", stream->wanted_kbitps);
    else
        simc__json_null(json, "wanted_kbitps");
    simc__json_uint(json, "allocated_kbitps", stream->allocated_kbitps);
    simc__json_uint(json, "messages", stream->messages);
    simc__json_uint(json, "udp_messages", stream->udp_messages);
    simc__json_uint(json, "datagrams", stream->datagrams);
    simc__json_scaled(json, "datagrams_per_message",
                      stream->messages ? stream->datagrams * 100 / stream->messages : 0, 100);
    simc__json_uint(json, "received_bytes", stream->received);
    simc__json_uint(json, "inserted_bytes", stream->inserted);
    simc__json_uint(json, "queue_age_ms", age_ms(stream, now_ms));
    simc__json_object(json, "dropped_bytes");
    for (unsigned i = 0; i < SIMC__EMMG_DROP_COUNT; i++)
        simc__json_uint(json, drop_words[i], stream->dropped[i]);
    simc__json_end(json);
    simc__json_uint(json, "errors", stream->errors);
    simc__json_text(json, "last_error", stream->last_error[0] ? stream->last_error : NULL);
    simc__json_end(json);
}

static void put_channel(const struct simc__emmg_channel *channel, struct simc__json *json,
                        uint64_t now_ms)
{
    simc__json_object(json, NULL);
    simc__json_text(json, "peer", channel->address);
    simc__json_bool(json, "is_open", channel->is_open);
    simc__json_hex(json, "client_id", channel->client_id, 8);
    simc__json_uint(json, "data_channel_id", channel->channel_id);
    simc__json_uint(json, "version", simc_session_version(channel->session));
    simc__json_text(json, "data", channel->form == SIMC_DATAGRAM_PACKETS ? "packets" : "sections");
    simc__json_bool(json, "waits_for_bandwidth", channel->held_until_ms != 0);
    simc__json_bool(json, "waits_for_old_channel", channel->wait != SIMC__EMMG_WAITS_NOT);
    simc__json_text(json, "last_error", channel->last_error[0] ? channel->last_error : NULL);
    simc__json_array(json, "streams");
    for (struct simc__emmg_stream *stream = channel->emmg->streams; stream; stream = stream->next)
        if (stream->channel == channel)
            put_stream(stream, json, now_ms);
    simc__json_end(json);
    simc__json_end(json);
}

static void put_carrier(struct simc__emmg_carrier *carrier, struct simc__json *json,
                        uint64_t now_ms)
{
    struct simc__mux_source_status status = {0};
    if (carrier->mux && simc__mux_source_status(carrier->mux, carrier->source, &status))
        status.queued = 0;
    simc__json_object(json, NULL);
    simc__json_uint(json, "pid", carrier->pid);
    simc__json_text(json, "multiplex", carrier->multiplex[0] ? carrier->multiplex : NULL);
    simc__json_bool(json, "is_on_air", carrier->mux != NULL);
    simc__json_uint(json, "streams", carrier->users);
    simc__json_uint(json, "kbitps", carrier->kbitps);
    uint64_t fill = simc__emmg_carrier_fill(carrier);
    simc__json_uint(json, "queued_bytes", fill);
    if (carrier->kbitps)
        simc__json_uint(json, "queue_delay_ms", fill * 8 / carrier->kbitps);
    else
        simc__json_null(json, "queue_delay_ms");
    simc__json_uint(json, "queue_age_ms",
                    simc__emmg_age_ms(&carrier->age, simc__emmg_carrier_out(carrier), now_ms));
    simc__json_uint(json, "packets_sent", status.sent);
    simc__json_uint(json, "packets_late", status.late);
    simc__json_end(json);
}

void simc__emmg_status(struct simc__emmg *emmg, struct simc__json *json, uint64_t now_ms)
{
    simc__json_array(json, "channels");
    for (const struct simc__emmg_channel *channel = emmg->channels; channel;
         channel = channel->next)
        put_channel(channel, json, now_ms);
    simc__json_end(json);
    simc__json_array(json, "pids");
    for (struct simc__emmg_carrier *carrier = emmg->carriers; carrier; carrier = carrier->next)
        put_carrier(carrier, json, now_ms);
    simc__json_end(json);
}
