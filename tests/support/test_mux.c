/* SPDX-License-Identifier: BSL-1.0 */
/* The small MUX and EMMG of test_mux.h. */
#include "support/test_mux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset; /* in struct test_mux */
    int64_t fallback;
} rows[] = {
#define MUX_ROW(name_, fallback_)                                                               \
    {.name = #name_,                                                                            \
     .offset = offsetof(struct test_mux, settings) + offsetof(struct test_mux_settings, name_), \
     .fallback = fallback_},
    TEST_MUX_ROWS(MUX_ROW)
#undef MUX_ROW
#define EMMG_ROW(name_, fallback_)                                                           \
    {.name = "emmg_" #name_,                                                                 \
     .offset = offsetof(struct test_mux, emmg) + offsetof(struct test_emmg_settings, name_), \
     .fallback = fallback_},
        TEST_EMMG_ROWS(EMMG_ROW)
#undef EMMG_ROW
};

static int64_t *setting(struct test_mux *mux, size_t row)
{
    return (int64_t *)(void *)((uint8_t *)mux + rows[row].offset);
}

void test_mux_init(struct test_mux *mux)
{
    memset(mux, 0, sizeof *mux);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        *setting(mux, i) = rows[i].fallback;
}

bool test_mux_set(struct test_mux *mux, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *setting(mux, i) = strtoll(value, NULL, 0);
            return true;
        }
    }
    return false;
}

void test_mux_names(void (*call)(void *context, const char *name), void *context)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        call(context, rows[i].name);
}

struct simc_mux_settings test_mux_session_settings(const struct test_mux *mux)
{
    const struct test_mux_settings *s = &mux->settings;
    return (struct simc_mux_settings){
        .common =
            {
                .strict = s->strict,
                .send_error_information = s->information,
                .stream_limit = (uint32_t)s->max_streams,
                .idle_ms = (uint32_t)s->idle_ms,
                .test_ms = (uint32_t)s->test_ms,
                .setup_ms = (uint32_t)s->setup_ms,
                .close_ms = (uint32_t)s->close_ms,
                .fault_limit = (uint32_t)s->fault_limit,
                .length_limit = (uint32_t)s->length_limit,
                .output_limit = (uint32_t)s->output_limit,
            },
        .versions = (uint32_t)s->versions,
    };
}

struct simc_emmg_settings test_emmg_session_settings(const struct test_mux *mux)
{
    const struct test_emmg_settings *s = &mux->emmg;
    return (struct simc_emmg_settings){
        .common =
            {
                .strict = s->strict,
                .send_error_information = s->information,
                .stream_limit = (uint32_t)s->stream_limit,
                .idle_ms = (uint32_t)s->idle_ms,
                .setup_ms = (uint32_t)s->setup_ms,
                .fault_limit = (uint32_t)s->fault_limit,
                .length_limit = (uint32_t)s->length_limit,
                .output_limit = (uint32_t)s->output_limit,
            },
        .version = (uint8_t)s->version,
        .client_id = (uint32_t)s->client_id,
        .data_channel_id = (uint16_t)s->channel,
        .section_tspkt_flag = (uint8_t)s->flag,
    };
}

/* ---- MUX ---- */

static void ignore(int result)
{
    (void)result; /* the peer has gone meanwhile: nothing is to be answered any more */
}

static void refuse(struct test_mux_connection *c, uint16_t status)
{
    ignore(simc_session_refuse(c->session, status, simc_slice(NULL, 0)));
}

static struct test_mux_stream *find_stream(struct test_mux_connection *c, uint16_t id)
{
    for (size_t i = 0; i < TEST_MUX_STREAMS_MAX; i++) {
        if (c->streams[i].is_open && c->streams[i].id == id)
            return &c->streams[i];
    }
    return NULL;
}

/* The first reason against a channel, or 0. */
static uint16_t check_channel(const struct test_mux *mux,
                              const struct simc_emmg_channel_setup *setup)
{
    const struct test_mux_settings *s = &mux->settings;
    if (s->closed_clients && setup->client_id != (uint32_t)s->client_id)
        return SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID;
    if (s->only_sections && setup->section_tspkt_flag)
        return SIMC_EMMG_STATUS_INVALID_VALUE;
    for (size_t i = 0; i < TEST_MUX_CHANNELS_MAX; i++) {
        const struct test_mux_connection *other = mux->connections[i];
        if (!other || other->client_id != setup->client_id)
            continue;
        if (other->channel == setup->data_channel_id)
            return SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE;
        if (s->exclusive_clients)
            return SIMC_EMMG_STATUS_CLIENT_ID_IN_USE;
    }
    if (mux->channels == TEST_MUX_CHANNELS_MAX ||
        (s->max_channels && mux->channels >= s->max_channels))
        return SIMC_EMMG_STATUS_TOO_MANY_CHANNELS;
    return 0;
}

static void channel_setup(struct test_mux *mux, struct test_mux_connection *c,
                          const struct simc_session_event *event)
{
    const struct simc_emmg_channel_setup *setup = &event->emmg_channel_setup;
    uint16_t status = check_channel(mux, setup);
    if (status) {
        refuse(c, status);
        return;
    }
    if (simc_mux_channel_accept(c->session))
        return;
    size_t at = 0;
    while (mux->connections[at])
        at++;
    mux->connections[at] = c;
    mux->channels++;
    c->has_channel = true;
    c->client_id = setup->client_id;
    c->channel = setup->data_channel_id;
    c->flag = setup->section_tspkt_flag;
}

static bool data_id_is_used(const struct test_mux *mux, uint32_t client_id, uint16_t data_id)
{
    for (size_t i = 0; i < TEST_MUX_CHANNELS_MAX; i++) {
        const struct test_mux_connection *c = mux->connections[i];
        for (size_t j = 0; c && c->client_id == client_id && j < TEST_MUX_STREAMS_MAX; j++) {
            if (c->streams[j].is_open && c->streams[j].has_data_id &&
                c->streams[j].data_id == data_id)
                return true;
        }
    }
    return false;
}

static uint16_t check_stream(const struct test_mux *mux, const struct test_mux_connection *c,
                             const struct simc_emmg_stream_setup *setup)
{
    const struct test_mux_settings *s = &mux->settings;
    if (s->max_streams_all && mux->streams >= s->max_streams_all)
        return SIMC_EMMG_STATUS_TOO_MANY_STREAMS_ON_MUX;
    if (setup->data_type == SIMC_DATA_TYPE_ECM && !s->ecm_data)
        return SIMC_EMMG_STATUS_INVALID_VALUE;
    if (setup->has_data_id && s->closed_data_ids && setup->data_id == s->unlisted_data_id)
        return SIMC_EMMG_STATUS_UNKNOWN_DATA_ID;
    if (setup->has_data_id && data_id_is_used(mux, c->client_id, setup->data_id))
        return SIMC_EMMG_STATUS_DATA_ID_IN_USE;
    return 0;
}

static void stream_setup(struct test_mux *mux, struct test_mux_connection *c,
                         const struct simc_session_event *event)
{
    const struct simc_emmg_stream_setup *setup = &event->emmg_stream_setup;
    uint16_t status = check_stream(mux, c, setup);
    size_t at = 0;
    while (at < TEST_MUX_STREAMS_MAX && c->streams[at].is_open)
        at++;
    if (!status && at == TEST_MUX_STREAMS_MAX)
        status = SIMC_EMMG_STATUS_TOO_MANY_STREAMS_ON_MUX;
    if (status) {
        refuse(c, status);
    } else if (simc_mux_stream_accept(c->session, &c->streams[at]) == 0) {
        c->streams[at] = (struct test_mux_stream){
            .is_open = true,
            .id = setup->data_stream_id,
            .data_id = setup->data_id,
            .has_data_id = setup->has_data_id,
        };
        mux->streams++;
    }
}

static void bandwidth(const struct test_mux *mux, struct test_mux_connection *c,
                      const struct simc_session_event *event)
{
    struct simc_session_bandwidth allocation = event->bandwidth;
    if (!allocation.is_known)
        return; /* the session tells what it told last */
    if (allocation.kbitps > mux->settings.max_kbitps)
        allocation.kbitps = (uint16_t)mux->settings.max_kbitps;
    allocation.is_known = !mux->settings.no_bandwidth;
    ignore(simc_mux_allocate(c->session, event->data_stream_id, allocation));
}

/* Sorts the datagrams out. A message gets one error at most. */
static void data(const struct test_mux *mux, struct test_mux_connection *c,
                 const struct simc_session_event *event)
{
    struct test_mux_stream *stream = event->data.context;
    struct simc_values datagrams = event->data.datagrams;
    struct simc_slice datagram;
    uint16_t status = 0;
    while (simc_values_next(&datagrams, &datagram) == 0) {
        enum simc_datagram_fault fault = simc_datagram_check(c->flag, datagram);
        bool is_right = fault == SIMC_DATAGRAM_NONE ||
                        (fault == SIMC_DATAGRAM_SEVERAL && !mux->settings.one_section);
        stream->datagrams += is_right;
        stream->dropped += !is_right;
        stream->bytes += is_right ? (unsigned)datagram.size : 0;
        if (!is_right && fault != SIMC_DATAGRAM_EMPTY && !status)
            status = simc_datagram_fault_status(fault);
    }
    if (status)
        ignore(simc_session_send_error(c->session, event->data_stream_id, status,
                                       simc_slice(NULL, 0)));
}

static void stream_gone(struct test_mux *mux, struct test_mux_stream *stream)
{
    if (stream && stream->is_open) {
        stream->is_open = false;
        mux->streams--;
    }
}

void test_mux_gone(struct test_mux *mux, struct test_mux_connection *c)
{
    if (!c->has_channel)
        return;
    for (size_t i = 0; i < TEST_MUX_STREAMS_MAX; i++)
        stream_gone(mux, &c->streams[i]);
    for (size_t i = 0; i < TEST_MUX_CHANNELS_MAX; i++) {
        if (mux->connections[i] == c)
            mux->connections[i] = NULL;
    }
    mux->channels--;
    c->has_channel = false;
}

void test_mux_handle(struct test_mux *mux, struct test_mux_connection *c,
                     const struct simc_session_event *event, uint64_t now_ms)
{
    bool asks = event->type == SIMC_EVENT_CHANNEL_SETUP || event->type == SIMC_EVENT_STREAM_SETUP;
    if ((asks || event->type == SIMC_EVENT_BW_REQUEST) && c->says_nothing)
        return;
    if (asks && c->closes) {
        simc_session_close(c->session, now_ms);
        return;
    }
    if (asks && c->refuses) {
        refuse(c, c->refuses);
        return;
    }
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        channel_setup(mux, c, event);
        return;
    case SIMC_EVENT_STREAM_SETUP:
        stream_setup(mux, c, event);
        return;
    case SIMC_EVENT_BW_REQUEST:
        bandwidth(mux, c, event);
        return;
    case SIMC_EVENT_DATA:
        data(mux, c, event);
        return;
    case SIMC_EVENT_STREAM_CLOSED:
        stream_gone(mux, find_stream(c, event->data_stream_id));
        return;
    case SIMC_EVENT_CHANNEL_CLOSED:
        test_mux_gone(mux, c);
        return;
    default:
        return;
    }
}

/* ---- EMMG ---- */

enum { SECTION_SIZE = 100, PACKET_SIZE = 188, DATAGRAMS_MAX = 64 };

static void make_datagram(bool packets, unsigned number, uint8_t *out)
{
    memset(out, (int)(number & 0xff), PACKET_SIZE);
    uint8_t *section = packets ? out + 5 : out;
    if (packets) {
        out[0] = 0x47;
        out[1] = 0x40;
        out[2] = 0x20;
        out[3] = (uint8_t)(0x10 | (number & 15));
        out[4] = 0;
        memset(section + SECTION_SIZE, 0xff, PACKET_SIZE - 5 - SECTION_SIZE);
    }
    section[0] = (uint8_t)(0x82 + number % 14);
    section[1] = 0x70;
    section[2] = SECTION_SIZE - 3;
}

int test_emmg_send(const struct test_mux *mux, struct test_mux_connection *c, uint16_t stream_id,
                   unsigned count, uint64_t now_ms)
{
    static uint8_t bytes[DATAGRAMS_MAX][PACKET_SIZE];
    struct simc_slice datagrams[DATAGRAMS_MAX];
    bool packets = mux->emmg.flag == 1;
    for (unsigned i = 0; i < count && i < DATAGRAMS_MAX; i++) {
        make_datagram(packets, i, bytes[i]);
        datagrams[i] = simc_slice(bytes[i], packets ? PACKET_SIZE : SECTION_SIZE);
    }
    return simc_emmg_send(c->session, stream_id, datagrams, count, now_ms);
}

static void open_streams(const struct test_mux *mux, struct test_mux_connection *c, uint64_t now_ms)
{
    const struct test_emmg_settings *s = &mux->emmg;
    for (int64_t i = 0; i < s->streams; i++)
        ignore(simc_emmg_stream_open(c->session, (uint16_t)(s->stream + i),
                                     (uint16_t)(s->data_id + i), (uint8_t)s->data_type, now_ms));
}

static void ask_bandwidth(const struct test_mux *mux, struct test_mux_connection *c, uint16_t id,
                          int64_t kbitps, uint64_t now_ms)
{
    const struct simc_session_bandwidth wanted = {kbitps >= 0, (uint16_t)kbitps};
    (void)mux;
    ignore(simc_emmg_request_bandwidth(c->session, id, wanted, now_ms));
}

/* A stream that is not there any more: under another id when its own was taken, and again when the
 * MUX has forgotten it. */
static void stream_closed(const struct test_mux *mux, struct test_mux_connection *c,
                          const struct simc_session_event *event, uint64_t now_ms)
{
    const struct test_emmg_settings *s = &mux->emmg;
    uint16_t id = event->data_stream_id, status = event->status_count ? event->statuses[0] : 0;
    bool other = status == SIMC_EMMG_STATUS_DATA_STREAM_ID_IN_USE;
    if ((!other && status != SIMC_EMMG_STATUS_UNKNOWN_DATA_STREAM_ID) || c->reopened++ >= 2)
        return;
    ignore(simc_emmg_stream_open(c->session, (uint16_t)(id + (other ? s->streams : 0)),
                                 (uint16_t)(s->data_id + id - s->stream), (uint8_t)s->data_type,
                                 now_ms));
}

void test_emmg_handle(struct test_mux *mux, struct test_mux_connection *c,
                      const struct simc_session_event *event, uint64_t now_ms)
{
    const struct test_emmg_settings *s = &mux->emmg;
    uint16_t id = event->data_stream_id;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_OPEN:
        open_streams(mux, c, now_ms);
        return;
    case SIMC_EVENT_STREAM_OPEN:
        if (s->negotiates)
            ask_bandwidth(mux, c, id, s->bandwidth, now_ms);
        else
            ignore(test_emmg_send(mux, c, id, (unsigned)s->datagrams, now_ms));
        return;
    case SIMC_EVENT_BW_ALLOCATION:
        /* Nothing is sent without bandwidth; one message each time stands for the flow. */
        if (!event->bandwidth.is_known || event->bandwidth.kbitps)
            ignore(test_emmg_send(mux, c, id, (unsigned)s->datagrams, now_ms));
        return;
    case SIMC_EVENT_PEER_ERROR:
        if (event->has_stream && event->status_count &&
            event->statuses[0] == SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH)
            ask_bandwidth(mux, c, id, s->bandwidth / 2, now_ms);
        return;
    case SIMC_EVENT_STREAM_CLOSED:
        stream_closed(mux, c, event, now_ms);
        return;
    default:
        return;
    }
}
