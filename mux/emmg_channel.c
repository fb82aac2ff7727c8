/* SPDX-License-Identifier: BSL-1.0 */
/* One EMMG or PDG that is connected: decides what its session asks, and opens and closes streams.
 * The service calls it with connections, emmg.c takes the data. */
#include <stdio.h>
#include <string.h>

#include "mux/emmg_internal.h"

/* No error_status: the answer comes later. */
enum { WAITS = 0xffff };

/* ---- log lines ---- */

static void log_channel(const struct simc__emmg_channel *channel, enum simc_log_level level,
                        const char *message, const char *why)
{
    simc_log(channel->emmg->environment.log, level, message,
             simc_log_text("peer", channel->address),
             simc_log_hex("client_id", channel->client_id, 8),
             simc_log_uint("channel", channel->channel_id), simc_log_text("why", why ? why : ""));
}

static void log_stream(const struct simc__emmg_channel *channel, enum simc_log_level level,
                       const char *message, const struct simc_emmg_stream_setup *setup,
                       const char *why)
{
    simc_log(channel->emmg->environment.log, level, message,
             simc_log_text("peer", channel->address),
             simc_log_hex("client_id", channel->client_id, 8),
             simc_log_uint("stream", setup->data_stream_id),
             simc_log_uint("data_id", setup->data_id), simc_log_text("why", why ? why : ""));
}

static void count_error(const struct simc__emmg_channel *channel, uint16_t status)
{
    unsigned value = simc__emmg_status_value(status);
    if (channel->client)
        simc__emmg_count(channel, SIMC__EMMG_STAT_ERRORS, value, 1);
    else
        channel->emmg->figures[SIMC__EMMG_STAT_REFUSED][value]++;
}

static void refuse(struct simc__emmg_channel *channel, uint16_t status)
{
    count_error(channel, status);
    if (simc_session_refuse(channel->session, status, simc_slice(NULL, 0)))
        log_channel(channel, SIMC_LOG_ERROR, "a refusal cannot be sent", "no memory");
}

/* ---- connections ---- */

static int copy_names(struct simc__emmg_channel *channel, const struct simc__emmg_peer *peer)
{
    channel->names =
        peer->name_count ? simc_calloc(peer->name_count, sizeof *channel->names) : NULL;
    if (peer->name_count && !channel->names)
        return SIMC_ENOMEM;
    for (; channel->name_count < peer->name_count; channel->name_count++)
        snprintf(channel->names[channel->name_count], SIMC__EMMG_NAME_SIZE, "%s",
                 peer->names[channel->name_count]);
    return 0;
}

static struct simc_mux_settings settings_of(const struct simc__emmg_conf *conf)
{
    struct simc_mux_settings settings = {
        .common = {.strict = conf->strict,
                   .send_error_information = true,
                   .length_limit = conf->limits.message_length,
                   .stream_limit = conf->limits.streams_per_channel,
                   .fault_limit = conf->limits.faults,
                   .setup_ms = conf->timers.setup_ms,
                   .close_ms = conf->timers.close_ms,
                   .test_ms = conf->timers.test_ms,
                   .idle_ms =
                       conf->timers.idle_test_ms ? conf->timers.idle_test_ms : SIMC_IDLE_TEST_OFF}};
    for (size_t i = 0; i < conf->versions_count; i++)
        settings.versions |= 1U << conf->versions[i];
    return settings;
}

int simc__emmg_channel_new(struct simc__emmg *emmg, const struct simc__emmg_peer *peer,
                           uint64_t now_ms, struct simc__emmg_channel **channel)
{
    struct simc_mux_settings settings = settings_of(emmg->conf);
    struct simc__emmg_channel *made = simc_calloc(1, sizeof *made);
    *channel = NULL;
    if (!made)
        return SIMC_ENOMEM;
    made->emmg = emmg;
    snprintf(made->address, sizeof made->address, "%s", peer->address);
    int error = copy_names(made, peer);
    if (!error)
        error = simc_mux_session_new(&settings, now_ms, &made->session);
    if (error) {
        simc_free(made->names);
        simc_free(made);
        return error;
    }
    made->next = emmg->channels;
    if (made->next)
        made->next->previous = made;
    emmg->channels = made;
    emmg->figures[SIMC__EMMG_STAT_CONNECTIONS][0]++;
    *channel = made;
    return 0;
}

struct simc_session *simc__emmg_channel_session(struct simc__emmg_channel *channel)
{
    return channel->session;
}

void simc__emmg_channel_owner_set(struct simc__emmg_channel *channel, void *owner)
{
    channel->owner = owner;
}

void *simc__emmg_channel_owner(const struct simc__emmg_channel *channel)
{
    return channel->owner;
}

/* ---- streams ---- */

static struct simc__emmg_stream **hash_place(struct simc__emmg *emmg, uint32_t client_id,
                                             uint16_t data_id)
{
    return &emmg->hash[(client_id ^ client_id >> 16 ^ data_id) % SIMC__EMMG_HASH_COUNT];
}

static void link_stream(struct simc__emmg *emmg, struct simc__emmg_stream *stream)
{
    struct simc__emmg_stream **place =
        hash_place(emmg, stream->channel->client_id, stream->data_id);
    stream->same_hash = *place;
    *place = stream;
    *emmg->streams_end = stream;
    emmg->streams_end = &stream->next;
    emmg->stream_count++;
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_STREAMS, 0, 1);
}

static void unlink_stream(struct simc__emmg *emmg, struct simc__emmg_stream *stream)
{
    struct simc__emmg_stream **at = &emmg->streams;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    if (emmg->streams_end == &stream->next)
        emmg->streams_end = at;
    at = hash_place(emmg, stream->channel->client_id, stream->data_id);
    while (*at != stream)
        at = &(*at)->same_hash;
    *at = stream->same_hash;
    emmg->stream_count--;
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_STREAMS, 0, (uint64_t)-1);
}

static void close_stream(struct simc__emmg_stream *stream, uint64_t now_ms)
{
    struct simc__emmg *emmg = stream->channel->emmg;
    unlink_stream(emmg, stream);
    simc__emmg_allocate_none(stream);
    simc__emmg_carrier_put(emmg, stream->carrier, now_ms);
    simc_free(stream);
}

static void close_streams(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    for (struct simc__emmg_stream *stream = channel->emmg->streams, *next; stream; stream = next) {
        next = stream->next;
        if (stream->channel == channel)
            close_stream(stream, now_ms);
    }
}

void simc__emmg_channel_close(struct simc__emmg_channel *channel, const char *why, uint64_t now_ms)
{
    if (!channel->is_open)
        return;
    close_streams(channel, now_ms);
    simc__emmg_count(channel, SIMC__EMMG_STAT_CHANNELS, 0, (uint64_t)-1);
    if (channel->client)
        channel->client->channels--;
    channel->is_open = false;
    channel->emmg->channel_count--;
    log_channel(channel, SIMC_LOG_INFO, "channel closed", why);
    channel->client = NULL;
    channel->emmg->settle_ms = channel->emmg->waiting ? 0 : SIMC_DEADLINE_NONE;
    simc__emmg_allocate_rest(channel->emmg);
}

/* @return the stream of this client that has the data_id; or NULL. */
static struct simc__emmg_stream *find_data_id(const struct simc__emmg *emmg, uint32_t client_id,
                                              uint16_t data_id)
{
    struct simc__emmg_stream *stream =
        emmg->hash[(client_id ^ client_id >> 16 ^ data_id) % SIMC__EMMG_HASH_COUNT];
    while (stream && (stream->channel->client_id != client_id || stream->data_id != data_id))
        stream = stream->same_hash;
    return stream;
}

static enum simc__emmg_claim claim_data_id(const struct simc__emmg_channel *channel,
                                           uint16_t data_id, uint64_t now_ms)
{
    const struct simc__emmg_stream *old = find_data_id(channel->emmg, channel->client_id, data_id);
    if (!old)
        return SIMC__EMMG_CLAIM_FREE;
    return old->channel == channel ? SIMC__EMMG_CLAIM_IN_USE
                                   : simc__emmg_claim(channel, old->channel, false, now_ms);
}

/* @return 0 and the stream, which is not known to anybody yet; or the status of the refusal; or
 * WAITS. */
static uint16_t make_stream(struct simc__emmg_channel *channel,
                            const struct simc_emmg_stream_setup *setup, uint64_t now_ms,
                            struct simc__emmg_stream **stream, char why[SIMC__EMMG_WHY_SIZE])
{
    struct simc__emmg *emmg = channel->emmg;
    const struct simc__emmg_client_conf *conf = simc__emmg_client_conf(emmg, channel->client_id);
    enum simc__emmg_claim claim = SIMC__EMMG_CLAIM_FREE;
    bool is_type_served =
        setup->data_type == SIMC_DATA_TYPE_EMM ||
        (conf && setup->data_type == SIMC_DATA_TYPE_PRIVATE && !conf->no_private) ||
        (conf && setup->data_type == SIMC_DATA_TYPE_ECM && conf->ecm_type);
    if (!conf) {
        snprintf(why, SIMC__EMMG_WHY_SIZE, "clients does not list it any more");
        return SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID;
    }
    if (!is_type_served) {
        snprintf(why, SIMC__EMMG_WHY_SIZE, "data_type %u is not served for this client",
                 (unsigned)setup->data_type);
        return SIMC_EMMG_STATUS_INVALID_VALUE;
    }
    if (setup->has_data_id)
        claim = claim_data_id(channel, setup->data_id, now_ms);
    if (claim == SIMC__EMMG_CLAIM_WAITS)
        return WAITS;
    if (claim == SIMC__EMMG_CLAIM_IN_USE) {
        snprintf(why, SIMC__EMMG_WHY_SIZE,
                 "another stream of this client has the data_id; give each its own");
        return SIMC_EMMG_STATUS_DATA_ID_IN_USE;
    }
    if (emmg->stream_count >= emmg->conf->limits.streams) {
        snprintf(why, SIMC__EMMG_WHY_SIZE, "limits.streams is reached");
        return SIMC_EMMG_STATUS_TOO_MANY_STREAMS_ON_MUX;
    }
    struct simc__emmg_stream *made = simc_calloc(1, sizeof *made);
    if (!made) {
        snprintf(why, SIMC__EMMG_WHY_SIZE, "no memory");
        return SIMC_EMMG_STATUS_UNKNOWN_ERROR;
    }
    made->channel = channel;
    made->stream_id = setup->data_stream_id;
    /* Version 1 has no data_id: the stream id takes its place. */
    made->data_id = setup->has_data_id ? setup->data_id : setup->data_stream_id;
    made->data_type = setup->data_type;
    uint16_t status = simc__emmg_carrier_get(emmg, conf, made, &made->carrier, why);
    if (status) {
        simc_free(made);
        return status;
    }
    *stream = made;
    return 0;
}

static void decide_stream(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    const struct simc_emmg_stream_setup *setup = &channel->asked_stream;
    char why[SIMC__EMMG_WHY_SIZE] = "";
    struct simc__emmg_stream *stream;
    uint16_t status = make_stream(channel, setup, now_ms, &stream, why);
    bool is_first = !channel->wait;
    if (status == WAITS) {
        if (is_first)
            log_stream(channel, SIMC_LOG_INFO, "stream waits", setup,
                       "another channel has the data_id; it is tested");
        simc__emmg_wait(channel, SIMC__EMMG_WAITS_STREAM, now_ms);
        return;
    }
    simc__emmg_wait_end(channel, now_ms);
    if (status) {
        snprintf(channel->last_error, sizeof channel->last_error, "stream %u: %.200s",
                 (unsigned)setup->data_stream_id, why);
        log_stream(channel, SIMC_LOG_WARNING, "stream refused", setup, why);
        refuse(channel, status);
        return;
    }
    if (simc_mux_stream_accept(channel->session, stream)) {
        simc__emmg_carrier_put(channel->emmg, stream->carrier, now_ms);
        simc_free(stream);
        log_stream(channel, SIMC_LOG_ERROR, "stream refused", setup, "no memory");
        return;
    }
    link_stream(channel->emmg, stream);
    simc__emmg_allocate_to(channel->emmg, stream);
    stream->credit = INT64_MAX / 2; /* the first message cuts it to the burst */
    stream->credit_ms = now_ms;
    /* To open one takes as long as thousands of datagrams: one for each turn, so that the data of
     * others, and what else is on the loop, do not wait for a thousand of them. */
    if (channel->held_until_ms < now_ms)
        channel->held_until_ms = now_ms;
    simc_session_hold(channel->session);
    log_stream(channel, SIMC_LOG_INFO, "stream open", setup, NULL);
}

static void on_bandwidth(struct simc__emmg_channel *channel, const struct simc_session_event *event)
{
    struct simc__emmg_stream *stream =
        simc_mux_stream_context(channel->session, event->data_stream_id);
    if (!stream)
        return;
    if (event->bandwidth.is_known) {
        stream->has_asked = true;
        stream->wanted_kbitps = event->bandwidth.kbitps;
        simc__emmg_allocate_to(channel->emmg, stream);
    }
    const struct simc_session_bandwidth answer = {true, (uint16_t)stream->allocated_kbitps};
    if (simc_mux_allocate(channel->session, stream->stream_id, answer) == 0) {
        stream->is_told = true;
        stream->told_kbitps = stream->allocated_kbitps;
    }
    simc_log(channel->emmg->environment.log, SIMC_LOG_INFO, "bandwidth allocated",
             simc_log_text("peer", channel->address),
             simc_log_hex("client_id", channel->client_id, 8),
             simc_log_uint("data_id", stream->data_id),
             simc_log_uint("wanted_kbitps", stream->wanted_kbitps),
             simc_log_uint("allocated_kbitps", stream->allocated_kbitps));
}

/* ---- channels ---- */

static bool has_name(const struct simc__emmg_channel *channel, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < channel->name_count && !found; i++)
        found = strcmp(channel->names[i], name) == 0;
    return found;
}

/* @return 0: nobody has its place; or the status of the refusal; or WAITS. */
static uint16_t claim_place(const struct simc__emmg_channel *channel,
                            const struct simc_emmg_channel_setup *setup, uint64_t now_ms,
                            const char **why)
{
    const struct simc__emmg *emmg = channel->emmg;
    uint16_t status = 0;
    for (struct simc__emmg_channel *other = emmg->channels; other; other = other->next) {
        bool is_same = other->channel_id == setup->data_channel_id;
        if (!other->is_open || other->client_id != setup->client_id ||
            (!is_same && !emmg->conf->is_exclusive))
            continue;
        enum simc__emmg_claim claim = simc__emmg_claim(channel, other, true, now_ms);
        if (claim == SIMC__EMMG_CLAIM_WAITS)
            status = WAITS;
        if (claim != SIMC__EMMG_CLAIM_IN_USE)
            continue;
        *why = is_same ? "this data_channel_id of the client is open on another connection; close "
                         "that, or set takeover: same_peer"
                       : "this client has a channel, and exclusive_clients allows only one; close "
                         "that, or set takeover: same_peer";
        return is_same ? SIMC_EMMG_STATUS_DATA_CHANNEL_ID_IN_USE
                       : SIMC_EMMG_STATUS_CLIENT_ID_IN_USE;
    }
    *why = "its place is open on another connection, which is tested";
    return status;
}

static uint16_t judge_channel(const struct simc__emmg_channel *channel,
                              const struct simc_emmg_channel_setup *setup, uint64_t now_ms,
                              const char **why)
{
    const struct simc__emmg *emmg = channel->emmg;
    const struct simc__emmg_client_conf *conf = simc__emmg_client_conf(emmg, setup->client_id);
    *why = "emmg.clients does not list this client_id";
    if (!conf)
        return SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID;
    *why = "the certificate of this EMMG has not the name that emmg.clients asks for";
    if (conf->name && !has_name(channel, conf->name))
        return SIMC_EMMG_STATUS_UNKNOWN_CLIENT_ID;
    *why = "arbitrary data cannot be put into a transport stream; use sections or TS packets";
    if (setup->section_tspkt_flag == SIMC_DATAGRAM_ARBITRARY)
        return SIMC_EMMG_STATUS_INVALID_VALUE;
    uint16_t status = claim_place(channel, setup, now_ms, why);
    if (status || emmg->channel_count < emmg->conf->limits.channels)
        return status;
    *why = "limits.channels is reached";
    return SIMC_EMMG_STATUS_TOO_MANY_CHANNELS;
}

static void decide_channel(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    const struct simc_emmg_channel_setup *setup = &channel->asked_channel;
    const char *why;
    uint16_t status = judge_channel(channel, setup, now_ms, &why);
    bool is_first = !channel->wait;
    channel->client_id = setup->client_id;
    channel->channel_id = setup->data_channel_id;
    channel->form = setup->section_tspkt_flag;
    if (status == WAITS) {
        if (is_first)
            log_channel(channel, SIMC_LOG_INFO, "channel waits", why);
        simc__emmg_wait(channel, SIMC__EMMG_WAITS_CHANNEL, now_ms);
        return;
    }
    simc__emmg_wait_end(channel, now_ms);
    if (status) {
        log_channel(channel, SIMC_LOG_WARNING, "channel refused", why);
        refuse(channel, status);
        return;
    }
    if (simc_mux_channel_accept(channel->session)) {
        log_channel(channel, SIMC_LOG_ERROR, "channel refused", "no memory");
        return;
    }
    channel->is_open = true;
    channel->emmg->channel_count++;
    channel->tested_ms = 0;
    channel->client = simc__emmg_client_get(channel->emmg, channel->client_id);
    if (channel->client)
        channel->client->channels++;
    simc__emmg_count(channel, SIMC__EMMG_STAT_CHANNELS, 0, 1);
    log_channel(channel, SIMC_LOG_INFO, "channel open", NULL);
}

void simc__emmg_channel_decide(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    if (channel->wait == SIMC__EMMG_WAITS_CHANNEL)
        decide_channel(channel, now_ms);
    else
        decide_stream(channel, now_ms);
}

/* ---- events ---- */

static void on_notice(struct simc__emmg_channel *channel, const struct simc_session_event *event)
{
    bool is_fault = event->notice == SIMC_NOTICE_FAULT;
    if (is_fault && event->status_count)
        count_error(channel, event->statuses[0]);
    if (is_fault)
        snprintf(channel->last_error, sizeof channel->last_error, "%s", event->text);
    log_channel(channel, is_fault ? SIMC_LOG_WARNING : SIMC_LOG_DEBUG,
                is_fault ? "invalid message" : "note", event->text);
}

static void on_event(struct simc__emmg_channel *channel, const struct simc_session_event *event,
                     uint64_t now_ms)
{
    /* Notices are about timers too. */
    if (event->type != SIMC_EVENT_NOTICE)
        channel->heard_ms = now_ms;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        channel->asked_channel = event->emmg_channel_setup;
        decide_channel(channel, now_ms);
        break;
    case SIMC_EVENT_STREAM_SETUP:
        channel->asked_stream = event->emmg_stream_setup;
        decide_stream(channel, now_ms);
        break;
    case SIMC_EVENT_CHANNEL_STATUS:
        channel->has_answered = true;
        channel->emmg->settle_ms = channel->emmg->waiting ? 0 : SIMC_DEADLINE_NONE;
        break;
    case SIMC_EVENT_DATA:
        simc__emmg_take(event->data.context, event->data.datagrams, event->data.bytes, false,
                        now_ms);
        break;
    case SIMC_EVENT_BW_REQUEST:
        on_bandwidth(channel, event);
        break;
    case SIMC_EVENT_STREAM_CLOSED: {
        struct simc__emmg_stream *stream =
            simc_mux_stream_context(channel->session, event->data_stream_id);
        if (stream)
            close_stream(stream, now_ms);
        simc__emmg_allocate_rest(channel->emmg);
        break;
    }
    case SIMC_EVENT_CHANNEL_CLOSED:
        simc__emmg_channel_close(channel, event->text, now_ms);
        break;
    case SIMC_EVENT_PEER_ERROR:
        channel->emmg->figures[SIMC__EMMG_STAT_PEER_ERRORS][0]++;
        snprintf(channel->last_error, sizeof channel->last_error, "%s", event->text);
        log_channel(channel, SIMC_LOG_WARNING, "the EMMG reports an error", event->text);
        break;
    case SIMC_EVENT_NOTICE:
        on_notice(channel, event);
        break;
    default:
        break;
    }
}

void simc__emmg_channel_events(struct simc__emmg_channel *channel, uint64_t now_ms)
{
    struct simc_session_event event;
    bool is_any = false;
    for (; simc_session_next_event(channel->session, &event); is_any = true)
        on_event(channel, &event, now_ms);
    if (is_any)
        simc__emmg_run_soon(channel->emmg, now_ms);
}

void simc__emmg_channel_free(struct simc__emmg_channel *channel, const char *why, uint64_t now_ms)
{
    struct simc__emmg *emmg = channel->emmg;
    simc__emmg_channel_close(channel, why, now_ms);
    simc__emmg_wait_end(channel, now_ms);
    if (channel->previous)
        channel->previous->next = channel->next;
    else
        emmg->channels = channel->next;
    if (channel->next)
        channel->next->previous = channel->previous;
    emmg->figures[SIMC__EMMG_STAT_CONNECTIONS][0]--;
    simc_session_free(channel->session);
    simc_free(channel->names);
    simc_free(channel);
    simc__emmg_run_soon(emmg, now_ms);
}
