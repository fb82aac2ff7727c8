/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server itself: who gets how much, what happens to data, UDP, and time. emmg_channel.c
 * calls it with what connections bring, the service with the rest. */
#include <stdio.h>
#include <string.h>

#include "mux/emmg_internal.h"

enum { SCALE = 8000, BURST_LEAST = 70000 }; /* credit: bits times milliseconds; bytes */

/* ---- who may ---- */

const struct simc__emmg_client_conf *simc__emmg_client_conf(const struct simc__emmg *emmg,
                                                            uint32_t client_id)
{
    const struct simc__emmg_client_conf *others = NULL;
    for (size_t i = 0; i < emmg->conf->clients_count; i++) {
        const struct simc__emmg_client_conf *client = &emmg->conf->clients[i];
        if (client->has_client_id && client->client_id == client_id)
            return client;
        if (!client->has_client_id)
            others = client;
    }
    return others;
}

/* ---- bandwidth ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t left_of(uint64_t all, uint64_t taken)
{
    return all > taken ? all - taken : 0;
}

/* A share is counted anew with the next message: what was saved under the old one is kept up to
 * the burst of the new one. Streams that were opened before this one have theirs already. */
static void share_out(struct simc__emmg *emmg, struct simc__emmg_stream *stream)
{
    struct simc__emmg_share *of_client = stream->carrier->of_client;
    struct simc__emmg_share *of_multiplex = stream->carrier->of_multiplex;
    const struct simc__emmg_client_conf *client = of_client->conf;
    uint32_t before = stream->allocated_kbitps;
    uint64_t wanted = stream->has_asked ? stream->wanted_kbitps
                      : client          ? client->default_bandwidth_kbitps
                                        : 0;
    uint64_t share =
        client ? least(wanted, left_of(client->bandwidth_kbitps, of_client->taken_kbitps)) : 0;
    share = least(share, left_of(emmg->conf->bandwidth_kbitps, of_multiplex->taken_kbitps));
    stream->allocated_kbitps = (uint32_t)least(share, UINT16_MAX);
    of_client->taken_kbitps += stream->allocated_kbitps;
    of_multiplex->taken_kbitps += stream->allocated_kbitps;
    stream->carrier->kbitps += stream->allocated_kbitps;
    emmg->lacking += stream->allocated_kbitps < wanted;
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_ALLOCATED, 0,
                     (uint64_t)stream->allocated_kbitps - before);
}

static void take_back(struct simc__emmg_stream *stream)
{
    stream->carrier->of_client->taken_kbitps -= stream->allocated_kbitps;
    stream->carrier->of_multiplex->taken_kbitps -= stream->allocated_kbitps;
    stream->carrier->kbitps -= stream->allocated_kbitps;
}

void simc__emmg_allocate_to(struct simc__emmg *emmg, struct simc__emmg_stream *stream)
{
    /* Where all have what they want there may be thousands, each of which comes here: nobody else
     * has less when this one has what it wants. */
    if (emmg->lacking == 0) {
        take_back(stream);
        share_out(emmg, stream);
        simc__emmg_carrier_rate(stream->carrier);
    }
    if (emmg->lacking > 0)
        simc__emmg_allocate(emmg, stream);
}

void simc__emmg_allocate_none(struct simc__emmg_stream *stream)
{
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_ALLOCATED, 0,
                     (uint64_t)0 - stream->allocated_kbitps);
    /* The rest of the data of its PID goes at the rate of the last stream. */
    uint64_t last_kbitps = stream->carrier->kbitps;
    take_back(stream);
    if (stream->carrier->users == 1)
        stream->carrier->kbitps = last_kbitps;
    simc__emmg_carrier_rate(stream->carrier);
    stream->allocated_kbitps = 0;
}

void simc__emmg_allocate_rest(struct simc__emmg *emmg)
{
    if (emmg->lacking > 0)
        simc__emmg_allocate(emmg, NULL);
}

/* It takes one look at each stream. */
void simc__emmg_allocate(struct simc__emmg *emmg, const struct simc__emmg_stream *but)
{
    emmg->lacking = 0;
    for (struct simc__emmg_share *share = emmg->shares; share; share = share->next)
        share->taken_kbitps = 0;
    for (struct simc__emmg_carrier *carrier = emmg->carriers; carrier; carrier = carrier->next)
        if (carrier->users)
            carrier->kbitps = 0;
    for (struct simc__emmg_stream *stream = emmg->streams; stream; stream = stream->next) {
        share_out(emmg, stream);
        const struct simc_session_bandwidth bandwidth = {true, (uint16_t)stream->allocated_kbitps};
        /* Those that never asked do not expect to be told. */
        if (stream == but || !stream->is_told || stream->told_kbitps == stream->allocated_kbitps)
            continue;
        if (simc_mux_allocate(stream->channel->session, stream->stream_id, bandwidth) == 0) {
            stream->told_kbitps = stream->allocated_kbitps;
            emmg->environment.flush(emmg->environment.context, stream->channel);
        }
    }
    for (struct simc__emmg_carrier *carrier = emmg->carriers; carrier; carrier = carrier->next)
        simc__emmg_carrier_rate(carrier);
}

/* ---- how far a stream is ahead of its share ---- */

static int64_t burst_of(const struct simc__emmg_stream *stream)
{
    uint64_t bytes = (uint64_t)stream->allocated_kbitps * SIMC__EMMG_BYTES_PER_KBIT *
                     stream->channel->emmg->conf->burst_ms / 1000;
    bytes = least(bytes, stream->carrier->room);
    return stream->allocated_kbitps == 0
               ? 0
               : (int64_t)(bytes > BURST_LEAST ? bytes : BURST_LEAST) * SCALE;
}

static void refill(struct simc__emmg_stream *stream, uint64_t now_ms)
{
    int64_t most = burst_of(stream);
    uint64_t passed = now_ms - stream->credit_ms;
    uint64_t most_ms = 3600000; /* nothing overflows; the burst is far smaller */
    stream->credit +=
        (int64_t)((passed < most_ms ? passed : most_ms) * stream->allocated_kbitps * 1000);
    if (stream->credit > most)
        stream->credit = most;
    stream->credit_ms = now_ms;
}

/* Bytes on air: sections share packets, of which 184 of 188 bytes are payload, and each section
 * may need a pointer_field. */
static int64_t cost_of(uint8_t form, size_t bytes, uint32_t count)
{
    uint64_t on_air = form == SIMC_DATAGRAM_PACKETS
                          ? bytes
                          : ((uint64_t)bytes + count) * SIMC_TS_SIZE / (SIMC_TS_SIZE - 4);
    return (int64_t)on_air * SCALE;
}

/* ---- data ---- */

static void drop(struct simc__emmg_stream *stream, enum simc__emmg_drop reason, size_t bytes)
{
    stream->dropped[reason] += bytes;
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_DROPPED, reason, bytes);
}

static void complain(struct simc__emmg_stream *stream, uint16_t status, const char *text,
                     uint64_t now_ms, bool may_send)
{
    stream->errors++;
    stream->last_status = status;
    snprintf(stream->last_error, sizeof stream->last_error, "%s", text);
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_ERRORS, simc__emmg_status_value(status), 1);
    if (!may_send || (stream->said_ms && now_ms - stream->said_ms < SIMC__EMMG_SAY_MS))
        return;
    stream->said_ms = now_ms;
    simc_log(stream->channel->emmg->environment.log, SIMC_LOG_WARNING, "data of an EMMG is refused",
             simc_log_text("peer", stream->channel->address),
             simc_log_hex("client_id", stream->channel->client_id, 8),
             simc_log_uint("data_id", stream->data_id), simc_log_text("why", text));
    if (simc_session_send_error(stream->channel->session, stream->stream_id, status,
                                simc_slice(NULL, 0)) == 0)
        stream->channel->emmg->environment.flush(stream->channel->emmg->environment.context,
                                                 stream->channel);
}

/* What the carrier does not take. */
static void refuse(struct simc__emmg_stream *stream, int error, size_t bytes, uint64_t now_ms)
{
    enum simc__emmg_drop reason = error == SIMC_EFULL    ? SIMC__EMMG_DROP_FULL
                                  : error == SIMC_EPROTO ? SIMC__EMMG_DROP_WRONG
                                                         : SIMC__EMMG_DROP_NO_MULTIPLEX;
    const char *text =
        error == SIMC_EFULL ? "the queue of the PID is full: the multiplex has no room for its data"
        : error == SIMC_EPROTO ? "a transport packet is scrambled, or its adaptation field is wrong"
                               : "the multiplex of this client does not exist now";
    drop(stream, reason, bytes);
    complain(stream,
             error == SIMC_EPROTO ? SIMC_EMMG_STATUS_INVALID_VALUE
                                  : SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH,
             text, now_ms, true);
}

/* @return 0, or the error of the carrier. */
static int insert(struct simc__emmg_stream *stream, struct simc_slice datagram)
{
    struct simc_slice section;
    int error = 0;
    if (stream->channel->form == SIMC_DATAGRAM_PACKETS)
        return simc__emmg_carrier_packets(stream->carrier, datagram);
    while (!error && simc_datagram_next_section(&datagram, &section))
        error = simc__emmg_carrier_section(stream->carrier, section);
    return error;
}

static void take_datagram(struct simc__emmg_stream *stream, struct simc_slice datagram,
                          uint64_t now_ms)
{
    bool is_strict = stream->channel->emmg->conf->strict;
    enum simc_datagram_fault fault = simc_datagram_check(stream->channel->form, datagram);
    if (fault != SIMC_DATAGRAM_NONE && (fault != SIMC_DATAGRAM_SEVERAL || is_strict)) {
        drop(stream, SIMC__EMMG_DROP_WRONG, datagram.size);
        /* An empty datagram says nothing, and is no fault worth an answer. */
        complain(stream, simc_datagram_fault_status(fault), simc_datagram_fault_text(fault), now_ms,
                 datagram.size > 0);
        return;
    }
    int error = insert(stream, datagram);
    if (error) {
        refuse(stream, error, datagram.size, now_ms);
        return;
    }
    stream->inserted += datagram.size;
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_INSERTED, 0, datagram.size);
}

/* Notes when what came now did so, for the stream and for the PID. */
static void note_time(struct simc__emmg_stream *stream, uint64_t now_ms)
{
    struct simc__emmg_carrier *carrier = stream->carrier;
    uint64_t came = simc__emmg_carrier_came(carrier);
    bool is_noted = simc__emmg_age_extend(&stream->age, came, now_ms);
    is_noted &= simc__emmg_age_extend(&carrier->age, came, now_ms);
    if (is_noted)
        return;
    uint64_t out = simc__emmg_carrier_out(carrier);
    simc__emmg_age_add(&stream->age, out, came, now_ms);
    simc__emmg_age_add(&carrier->age, out, came, now_ms);
}

/* The message was taken; the next ones wait until it is paid for, and until the queue of the PID
 * has room for the longest one. */
static void hold(struct simc__emmg_stream *stream, uint64_t now_ms)
{
    const struct simc__emmg_carrier *carrier = stream->carrier;
    uint64_t rate = (uint64_t)stream->allocated_kbitps * 1000, wait_ms = 0;
    uint64_t fill = simc__emmg_carrier_fill(carrier) + UINT16_MAX;
    if (stream->credit < 0)
        wait_ms = rate ? ((uint64_t)-stream->credit + rate - 1) / rate : SIMC__EMMG_SAY_MS;
    if (fill > carrier->room && carrier->kbitps) {
        uint64_t room_ms = (fill - carrier->room) * 8 / carrier->kbitps + 1;
        wait_ms = wait_ms > room_ms ? wait_ms : room_ms;
    }
    if (wait_ms == 0)
        return;
    stream->channel->held_until_ms = simc_deadline_after(now_ms, wait_ms);
    simc_session_hold(stream->channel->session);
}

void simc__emmg_take(struct simc__emmg_stream *stream, struct simc_values datagrams, size_t bytes,
                     bool is_udp, uint64_t now_ms)
{
    struct simc__emmg *emmg = stream->channel->emmg;
    bool waits = emmg->conf->excess == SIMC__EMMG_EXCESS_WAIT && !is_udp;
    int64_t cost = cost_of(stream->channel->form, bytes, datagrams.count);
    struct simc_slice datagram;
    stream->messages++;
    stream->udp_messages += is_udp;
    stream->datagrams += datagrams.count;
    stream->received += bytes;
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_MESSAGES, 0, 1);
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_DATAGRAMS, 0, datagrams.count);
    simc__emmg_count(stream->channel, SIMC__EMMG_STAT_RECEIVED, 0, bytes);
    refill(stream, now_ms);
    if (cost > stream->credit && !waits) {
        char text[SIMC__EMMG_WHY_SIZE];
        snprintf(text, sizeof text, "it sends more than its allocation of %u kbit/s",
                 (unsigned)stream->allocated_kbitps);
        drop(stream, SIMC__EMMG_DROP_EXCESS, bytes);
        complain(stream, SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH, text, now_ms, true);
        return;
    }
    stream->credit -= cost;
    uint64_t inserted = stream->inserted;
    while (simc_values_next(&datagrams, &datagram) == 0)
        take_datagram(stream, datagram, now_ms);
    if (stream->inserted != inserted)
        note_time(stream, now_ms);
    if (waits)
        hold(stream, now_ms);
}

/* ---- UDP ---- */

static struct simc__emmg_stream *find_stream(const struct simc__emmg *emmg, uint32_t client_id,
                                             uint16_t data_id)
{
    struct simc__emmg_stream *stream =
        emmg->hash[(client_id ^ client_id >> 16 ^ data_id) % SIMC__EMMG_HASH_COUNT];
    while (stream && (stream->channel->client_id != client_id || stream->data_id != data_id))
        stream = stream->same_hash;
    return stream;
}

void simc__emmg_udp(struct simc__emmg *emmg, struct simc_slice datagram, uint64_t now_ms)
{
    struct simc_mux_udp_rules rules = {.is_strict = emmg->conf->strict,
                                       .length_limit = emmg->conf->limits.message_length};
    struct simc_mux_udp_data data;
    for (size_t i = 0; i < emmg->conf->versions_count; i++)
        rules.versions |= emmg->conf->versions[i] > 1 ? 1U << emmg->conf->versions[i] : 0;
    emmg->figures[SIMC__EMMG_STAT_UDP][0]++;
    int error;
    while ((error = simc_mux_udp_read(&rules, &datagram, &data, NULL)) == 0) {
        struct simc__emmg_stream *stream = find_stream(emmg, data.client_id, data.data_id);
        if (stream)
            simc__emmg_take(stream, data.datagrams, data.bytes, true, now_ms);
        else
            emmg->figures[SIMC__EMMG_STAT_UDP_DROPPED][0]++;
    }
    if (error != SIMC_EEND)
        emmg->figures[SIMC__EMMG_STAT_UDP_DROPPED][0]++;
}

/* ---- time ---- */

static void release_held(struct simc__emmg *emmg, uint64_t now_ms)
{
    for (struct simc__emmg_channel *channel = emmg->channels, *next; channel; channel = next) {
        next = channel->next;
        if (!channel->held_until_ms || channel->held_until_ms > now_ms)
            continue;
        channel->held_until_ms = 0;
        simc_session_release(channel->session, now_ms);
        emmg->environment.flush(emmg->environment.context, channel);
    }
}

void simc__emmg_run(struct simc__emmg *emmg, uint64_t now_ms)
{
    bool is_left = false;
    emmg->now_ms = now_ms;
    release_held(emmg, now_ms);
    simc__emmg_settle(emmg, now_ms);
    for (struct simc__emmg_carrier *carrier = emmg->carriers, *next; carrier; carrier = next) {
        next = carrier->next;
        if (carrier->waiting)
            is_left |= simc__emmg_carrier_turn(carrier);
        if (simc__emmg_carrier_is_done(carrier, now_ms))
            simc__emmg_carrier_free(emmg, carrier);
        else
            is_left |= carrier->users == 0;
    }
    emmg->turn_ms = is_left ? now_ms + SIMC__EMMG_CARRIER_TURN_MS : SIMC_DEADLINE_NONE;
}

/* Many connections may have brought something in the same turn of the loop. */
void simc__emmg_run_soon(struct simc__emmg *emmg, uint64_t now_ms)
{
    if (now_ms != emmg->now_ms)
        simc__emmg_run(emmg, now_ms);
    else
        emmg->turn_ms = now_ms;
}

void simc__emmg_fill(struct simc__emmg *emmg, const struct simc__mux *mux)
{
    for (struct simc__emmg_carrier *carrier = emmg->carriers; carrier; carrier = carrier->next)
        if (carrier->waiting && carrier->mux == mux)
            simc__emmg_carrier_turn(carrier);
}

uint64_t simc__emmg_deadline_ms(const struct simc__emmg *emmg)
{
    uint64_t deadline = simc_deadline_first(emmg->turn_ms, emmg->settle_ms);
    for (const struct simc__emmg_channel *channel = emmg->channels; channel;
         channel = channel->next)
        if (channel->held_until_ms && channel->held_until_ms < deadline)
            deadline = channel->held_until_ms;
    return deadline;
}

/* ---- life ---- */

int simc__emmg_new(const struct simc__emmg_environment *environment,
                   const struct simc__emmg_conf *conf, struct simc__emmg **emmg)
{
    struct simc__emmg *made = simc_calloc(1, sizeof *made);
    *emmg = NULL;
    if (!made)
        return SIMC_ENOMEM;
    made->environment = *environment;
    made->conf = conf;
    made->streams_end = &made->streams;
    made->turn_ms = made->settle_ms = SIMC_DEADLINE_NONE;
    *emmg = made;
    return 0;
}

void simc__emmg_free(struct simc__emmg *emmg)
{
    if (!emmg)
        return;
    while (emmg->carriers)
        simc__emmg_carrier_free(emmg, emmg->carriers);
    simc__emmg_clients_free(emmg);
    simc_free(emmg);
}

/* A carrier whose multiplex is there goes on; "the first one" may be another one now. */
static void find_engine(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier)
{
    const char *name = carrier->multiplex[0] ? carrier->multiplex : NULL;
    char why[SIMC__EMMG_WHY_SIZE];
    if (carrier->mux && carrier->mux == emmg->environment.find(emmg->environment.context, name))
        return;
    simc__emmg_carrier_close(carrier);
    if (simc__emmg_carrier_open(emmg, carrier, why))
        simc_log(emmg->environment.log, SIMC_LOG_ERROR, "data of an EMMG is not on air",
                 simc_log_hex("client_id", carrier->client_id, 8), simc_log_text("why", why));
}

void simc__emmg_change(struct simc__emmg *emmg, const struct simc__emmg_conf *conf, uint64_t now_ms)
{
    emmg->conf = conf;
    for (struct simc__emmg_share *share = emmg->shares; share; share = share->next)
        share->conf = share->is_client ? simc__emmg_client_conf(emmg, share->client_id) : NULL;
    for (struct simc__emmg_carrier *carrier = emmg->carriers; carrier; carrier = carrier->next)
        find_engine(emmg, carrier);
    simc__emmg_allocate(emmg, NULL);
    simc__emmg_run(emmg, now_ms);
}

void simc__emmg_mux_gone(struct simc__emmg *emmg, const struct simc__mux *mux)
{
    for (struct simc__emmg_carrier *carrier = emmg->carriers; carrier; carrier = carrier->next)
        if (!mux || carrier->mux == mux)
            simc__emmg_carrier_close(carrier);
}
