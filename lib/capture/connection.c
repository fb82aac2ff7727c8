/* SPDX-License-Identifier: BSL-1.0 */
/* TCP connections: which one a packet belongs to, whether it begins a new one, and what its flags
 * mean. packet.c calls; the bytes go on to stream.c.
 *
 * A connection stays known after its end, so that a last acknowledgement or a repeated FIN does not
 * look like a new one; the ceiling takes such ends away first. */
#include <string.h>

#include "capture/internal.h"

enum { IDLE_US = 30 * 1000000 };

/* ---- the table ---- */

static uint64_t endpoint_hash(const struct simc__capture *capture,
                              const struct simc__capture_endpoint *endpoint)
{
    uint8_t key[19];
    memcpy(key, endpoint->address, 16);
    key[16] = endpoint->family;
    key[17] = (uint8_t)(endpoint->port >> 8);
    key[18] = (uint8_t)endpoint->port;
    return simc__capture_hash(capture->seed, key, sizeof key);
}

static bool endpoint_equal(const struct simc__capture_endpoint *a,
                           const struct simc__capture_endpoint *b)
{
    return a->port == b->port && a->family == b->family && memcmp(a->address, b->address, 16) == 0;
}

/* The same for both directions. */
static uint64_t tcp_hash(const struct simc__capture *capture, const struct simc__tcp *tcp)
{
    return endpoint_hash(capture, &tcp->from) + endpoint_hash(capture, &tcp->to);
}

static struct simc__connection **bucket_of(struct simc__capture *capture, uint64_t hash)
{
    return &capture->buckets[(hash ^ hash >> 32) & (capture->bucket_count - 1)];
}

/* @param side of the sender, when there is a connection. */
static struct simc__connection *find(struct simc__capture *capture, const struct simc__tcp *tcp,
                                     uint64_t hash, uint8_t *side)
{
    struct simc__connection *connection = *bucket_of(capture, hash);
    for (; connection; connection = connection->chain) {
        for (*side = 0; *side < 2; (*side)++) {
            if (endpoint_equal(&connection->side[*side], &tcp->from) &&
                endpoint_equal(&connection->side[!*side], &tcp->to))
                return connection;
        }
    }
    return NULL;
}

static void age_unlink(struct simc__capture *capture, struct simc__connection *connection)
{
    struct simc__connection *newer = connection->newer, *older = connection->older;
    *(newer ? &newer->older : &capture->newest) = older;
    *(older ? &older->newer : &capture->oldest) = newer;
    connection->newer = connection->older = NULL;
}

static void age_link_newest(struct simc__capture *capture, struct simc__connection *connection)
{
    connection->older = capture->newest;
    *(capture->newest ? &capture->newest->newer : &capture->oldest) = connection;
    capture->newest = connection;
}

static void age_link_oldest(struct simc__capture *capture, struct simc__connection *connection)
{
    connection->newer = capture->oldest;
    *(capture->oldest ? &capture->oldest->older : &capture->newest) = connection;
    capture->oldest = connection;
}

static void connection_free(struct simc__capture *capture, struct simc__connection *connection)
{
    struct simc__connection **link = bucket_of(capture, connection->hash);
    while (*link != connection)
        link = &(*link)->chain;
    *link = connection->chain;
    age_unlink(capture, connection);
    simc__stream_fini(capture, &connection->stream[0]);
    simc__stream_fini(capture, &connection->stream[1]);
    capture->connection_count--;
    simc_free(connection);
}

void simc__connection_end(struct simc__capture *capture, struct simc__connection *connection,
                          enum simc__capture_cause cause)
{
    simc__stream_close(capture, &connection->stream[0], cause);
    simc__stream_close(capture, &connection->stream[1], cause);
    connection_free(capture, connection);
}

void simc__connection_free_all(struct simc__capture *capture)
{
    while (capture->oldest)
        connection_free(capture, capture->oldest);
}

static bool is_closed(const struct simc__connection *connection)
{
    return connection->stream[0].closed && connection->stream[1].closed;
}

/* ---- the begin ---- */

static void report_open(struct simc__capture *capture, const struct simc__connection *connection,
                        enum simc__capture_cause cause)
{
    struct simc__capture_event event = {
        .kind = SIMC__CAPTURE_OPEN,
        .cause = cause,
        .connection = connection->id,
        .from = connection->side[0],
        .to = connection->side[1],
    };
    simc__capture_emit(capture, &event, NULL);
}

/* Makes the connection of a packet. @param side of its sender. */
static struct simc__connection *connection_open(struct simc__capture *capture,
                                                const struct simc__tcp *tcp, uint64_t hash,
                                                bool syn_seen, uint8_t *side)
{
    if (capture->connection_count == capture->limits.connections_max) {
        if (!is_closed(capture->oldest))
            SIMC__COUNT(capture, connections_evicted);
        simc__connection_end(capture, capture->oldest, SIMC__CAPTURE_CAUSE_EVICTED);
    }
    struct simc__connection *connection = simc_calloc(1, sizeof *connection);
    if (!connection) {
        simc__capture_starve(capture);
        return NULL;
    }
    /* Who answers a SYN did not open. */
    *side = tcp->syn && tcp->has_ack;
    connection->side[*side] = tcp->from;
    connection->side[!*side] = tcp->to;
    connection->stream[0].connection = connection;
    connection->stream[1].connection = connection;
    connection->hash = hash;
    connection->id = capture->connection_id++;
    struct simc__connection **bucket = bucket_of(capture, hash);
    connection->chain = *bucket;
    *bucket = connection;
    age_link_newest(capture, connection);
    capture->connection_count++;
    SIMC__COUNT(capture, connections);
    report_open(capture, connection,
                syn_seen ? SIMC__CAPTURE_CAUSE_SYN : SIMC__CAPTURE_CAUSE_MIDSTREAM);
    return connection;
}

/* What a packet is to the connection that has its addresses and ports. */
enum relation {
    CONTINUES,
    BEGINS,     /* a new connection with the same addresses and ports */
    BEGINS_SYN, /* the same, and its SYN was seen before */
    IGNORED,
};

static bool is_far(const struct simc__stream *stream, uint32_t seq)
{
    if (!stream->started)
        return false;
    int64_t distance = simc__stream_offset(stream, seq) - (int64_t)stream->next;
    return distance > SIMC__STREAM_WINDOW || distance < -SIMC__STREAM_WINDOW;
}

static bool is_idle(const struct simc__capture *capture, const struct simc__connection *connection)
{
    return capture->time_us > connection->last_us &&
           capture->time_us - connection->last_us >= IDLE_US;
}

static bool has_data(const struct simc__stream *stream)
{
    return stream->next > 0 || stream->first;
}

static enum relation syn_relation(struct simc__capture *capture,
                                  struct simc__connection *connection, uint8_t side,
                                  const struct simc__tcp *tcp)
{
    struct simc__stream *own = &connection->stream[side], *peer = &connection->stream[!side];
    uint32_t first_seq = tcp->seq + 1;
    bool over = is_closed(connection) || is_idle(capture, connection);
    if (own->started && own->base == first_seq)
        return CONTINUES; /* a repetition, or the SYN behind its answer */
    if (!own->started && peer->has_syn && !has_data(peer) && !over)
        return CONTINUES; /* the answer, or both opened at once */
    if (tcp->has_ack) {
        if (connection->has_candidate && connection->candidate_side != side &&
            connection->candidate_seq == tcp->ack)
            return BEGINS;
        if (!own->started && !over)
            return CONTINUES;
    } else if (!over && !own->closed && (has_data(own) || has_data(peer))) {
        /* It may be an old or forged one: wait for what confirms it. */
        connection->has_candidate = true;
        connection->candidate_side = side;
        connection->candidate_seq = first_seq;
    } else {
        return BEGINS;
    }
    if (over)
        return BEGINS;
    SIMC__COUNT(capture, syns_ignored);
    return IGNORED;
}

static enum relation relation_of(struct simc__capture *capture, struct simc__connection *connection,
                                 uint8_t side, const struct simc__tcp *tcp)
{
    struct simc__stream *own = &connection->stream[side];
    if (tcp->syn && !tcp->rst)
        return syn_relation(capture, connection, side, tcp);
    if (connection->has_candidate && connection->candidate_side == side &&
        connection->candidate_seq == tcp->seq)
        return BEGINS_SYN;
    if (!is_far(own, tcp->seq))
        return CONTINUES;
    if (is_idle(capture, connection) && !tcp->rst)
        return BEGINS;
    if (tcp->rst)
        SIMC__COUNT(capture, resets_ignored);
    else
        SIMC__COUNT(capture, out_of_window);
    return IGNORED;
}

/* ---- the flags ---- */

/* Begins a direction whose SYN was not seen. What the peer acknowledged last is where it stands,
 * so that packets may come out of order even here. */
static void start_midstream(struct simc__stream *stream, const struct simc__tcp *tcp)
{
    uint32_t base = tcp->seq;
    if (stream->has_ack) {
        int32_t ahead = (int32_t)(tcp->seq - stream->ack_seq);
        bool keep_alive = ahead == -1 && tcp->size <= 1 && !tcp->fin;
        if (keep_alive || (ahead > 0 && ahead <= SIMC__STREAM_WINDOW))
            base = stream->ack_seq;
    }
    simc__stream_start(stream, base);
}

static void start(struct simc__connection *connection, uint8_t side, const struct simc__tcp *tcp)
{
    struct simc__stream *own = &connection->stream[side], *peer = &connection->stream[!side];
    if (tcp->syn && !own->started) {
        simc__stream_start(own, tcp->seq + 1);
        own->has_syn = true;
    }
    if (tcp->syn && tcp->has_ack && !peer->started) {
        simc__stream_start(peer, tcp->ack);
        peer->has_syn = true;
    }
    if (!own->started && !tcp->rst && (tcp->size || tcp->fin))
        start_midstream(own, tcp);
}

/* A receiver refuses a RST below what it has acknowledged. [RFC 9293 3.5.3] */
static void reset(struct simc__capture *capture, struct simc__connection *connection, uint8_t side,
                  const struct simc__tcp *tcp)
{
    struct simc__stream *own = &connection->stream[side];
    if (own->started && own->has_ack && simc__stream_offset(own, tcp->seq) < (int64_t)own->acked) {
        SIMC__COUNT(capture, resets_ignored);
        return;
    }
    simc__stream_close(capture, own, SIMC__CAPTURE_CAUSE_RST);
    simc__stream_close(capture, &connection->stream[!side], SIMC__CAPTURE_CAUSE_RST);
}

static void segment_take(struct simc__capture *capture, struct simc__connection *connection,
                         uint8_t side, const struct simc__tcp *tcp)
{
    struct simc__stream *own = &connection->stream[side], *peer = &connection->stream[!side];
    start(connection, side, tcp);
    if (tcp->has_ack)
        simc__stream_ack(capture, peer, tcp->ack);
    if (tcp->rst) {
        reset(capture, connection, side, tcp);
        return;
    }
    if (!own->started)
        return;
    int64_t at = simc__stream_offset(own, tcp->seq + tcp->syn);
    if (!tcp->syn && !tcp->fin && tcp->size <= 1 && at + 1 == (int64_t)own->next) {
        SIMC__COUNT(capture, keep_alives);
        return;
    }
    simc__stream_data(capture, own, at, tcp->payload, tcp->size);
    if (tcp->fin)
        simc__stream_fin(capture, own, at + (int64_t)tcp->size);
}

void simc__connection_take(struct simc__capture *capture, const struct simc__tcp *tcp)
{
    uint64_t hash = tcp_hash(capture, tcp);
    uint8_t side;
    struct simc__connection *connection = find(capture, tcp, hash, &side);
    enum relation relation = BEGINS;
    if (connection) {
        relation = relation_of(capture, connection, side, tcp);
        if (relation == IGNORED)
            return;
        if (relation != CONTINUES) {
            simc__connection_end(capture, connection, SIMC__CAPTURE_CAUSE_REPLACED);
            connection = NULL;
        }
    }
    if (!connection)
        connection = connection_open(capture, tcp, hash,
                                     relation == BEGINS_SYN || (tcp->syn && !tcp->rst), &side);
    if (!connection)
        return;
    if (relation == BEGINS_SYN) {
        simc__stream_start(&connection->stream[side], tcp->seq);
        connection->stream[side].has_syn = true;
    }
    segment_take(capture, connection, side, tcp);
    connection->last_us = capture->time_us;
    age_unlink(capture, connection);
    if (is_closed(connection))
        age_link_oldest(capture, connection);
    else
        age_link_newest(capture, connection);
}
