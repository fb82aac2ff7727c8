/* SPDX-License-Identifier: BSL-1.0 */
/* One direction of a TCP connection put in order: bytes are reported when their turn comes, and
 * holes as gaps once nobody will fill them. connection.c calls; what comes out are events.
 *
 * In the usual case a packet's bytes go straight on without a copy. Held segments stand in an
 * ascending list without overlaps, searched from its end, because that is where bytes arrive. */
#include <string.h>

#include "capture/internal.h"

enum {
    SEGMENTS_MAX = 4096, /* held per direction, so that a search stays short */
    HISTORY_SIZE = 4096, /* bytes kept to compare repetitions with; a power of two */
    HISTORY_TOTAL_MAX = 16 << 20,
};

/* Bytes looking for their place; the size is that on the wire, the bytes may be fewer. */
struct piece {
    uint64_t start;
    uint64_t size;
    struct simc_slice bytes;
};

static uint64_t piece_end(const struct piece *piece)
{
    return piece->start + piece->size;
}

static struct piece piece_head(const struct piece *piece, uint64_t size)
{
    struct piece head = {piece->start, size, piece->bytes};
    if (head.bytes.size > size)
        head.bytes.size = (size_t)size;
    return head;
}

static void piece_drop(struct piece *piece, uint64_t size)
{
    size_t there = piece->bytes.size < size ? piece->bytes.size : (size_t)size;
    piece->start += size;
    piece->size -= size;
    if (there) {
        piece->bytes.data += there;
        piece->bytes.size -= there;
    }
}

static uint64_t segment_end(const struct simc__segment *segment)
{
    return segment->start + segment->size;
}

static size_t segment_cost(const struct simc__segment *segment)
{
    return sizeof *segment + segment->captured;
}

/* ---- the last bytes reported ---- */

static void history_put(struct simc__capture *capture, struct simc__stream *stream,
                        struct simc_slice bytes)
{
    if (!stream->history) {
        if (capture->history_total + HISTORY_SIZE > HISTORY_TOTAL_MAX)
            return;
        stream->history = simc_alloc(HISTORY_SIZE);
        if (!stream->history)
            return; /* repetitions are not compared then, and that is all */
        capture->history_total += HISTORY_SIZE;
        stream->history_at = stream->next;
    }
    uint64_t end = stream->next + bytes.size;
    if (bytes.size > HISTORY_SIZE)
        bytes = simc_slice(bytes.data + bytes.size - HISTORY_SIZE, HISTORY_SIZE);
    size_t at = (size_t)((end - bytes.size) % HISTORY_SIZE);
    size_t head = bytes.size < HISTORY_SIZE - at ? bytes.size : HISTORY_SIZE - at;
    memcpy(stream->history + at, bytes.data, head);
    memcpy(stream->history, bytes.data + head, bytes.size - head);
    if (end - stream->history_at > HISTORY_SIZE)
        stream->history_at = end - HISTORY_SIZE;
}

static void history_free(struct simc__capture *capture, struct simc__stream *stream)
{
    if (stream->history)
        capture->history_total -= HISTORY_SIZE;
    simc_free(stream->history);
    stream->history = NULL;
}

/* Counts bytes that were reported before, and whether they are still the same. */
static void repeated(struct simc__capture *capture, const struct simc__stream *stream,
                     const struct piece *piece)
{
    uint64_t end = piece_end(piece), late = 0;
    uint64_t from = piece->start > stream->gap_from ? piece->start : stream->gap_from;
    uint64_t to = end < stream->gap_to ? end : stream->gap_to;
    if (from < to)
        late = to - from;
    capture->stats.late_bytes += late;
    capture->stats.retransmitted_bytes += piece->size - late;
    if (!stream->history)
        return;
    bool same = true;
    for (size_t i = 0; i < piece->bytes.size && same; i++) {
        uint64_t at = piece->start + i;
        same =
            at < stream->history_at || piece->bytes.data[i] == stream->history[at % HISTORY_SIZE];
    }
    if (!same)
        SIMC__COUNT(capture, overlaps_different);
}

/* ---- the list of what is held ---- */

static void holder_add(struct simc__capture *capture, struct simc__stream *stream)
{
    stream->holder_previous = capture->holder_last;
    stream->holder_next = NULL;
    *(capture->holder_last ? &capture->holder_last->holder_next : &capture->holder_first) = stream;
    capture->holder_last = stream;
}

static void holder_remove(struct simc__capture *capture, struct simc__stream *stream)
{
    struct simc__stream *next = stream->holder_next, *previous = stream->holder_previous;
    *(previous ? &previous->holder_next : &capture->holder_first) = next;
    *(next ? &next->holder_previous : &capture->holder_last) = previous;
}

/* Links a copy of the piece in before `behind`, or at the end. */
static void hold(struct simc__capture *capture, struct simc__stream *stream,
                 const struct piece *piece, struct simc__segment *behind)
{
    struct simc__segment *segment = simc_alloc(sizeof *segment + piece->bytes.size);
    if (!segment) {
        simc__capture_starve(capture);
        return;
    }
    segment->start = piece->start;
    segment->size = piece->size;
    segment->captured = piece->bytes.size;
    segment->packet = capture->packet;
    segment->time_us = capture->time_us;
    if (piece->bytes.size)
        memcpy(segment->memory, piece->bytes.data, piece->bytes.size);
    if (!stream->first)
        holder_add(capture, stream);
    segment->next = behind;
    segment->previous = behind ? behind->previous : stream->last;
    *(segment->previous ? &segment->previous->next : &stream->first) = segment;
    *(behind ? &behind->previous : &stream->last) = segment;
    stream->held += segment_cost(segment);
    stream->count++;
    capture->held_total += segment_cost(segment);
}

static void unlink_segment(struct simc__capture *capture, struct simc__stream *stream,
                           struct simc__segment *segment)
{
    *(segment->previous ? &segment->previous->next : &stream->first) = segment->next;
    *(segment->next ? &segment->next->previous : &stream->last) = segment->previous;
    stream->held -= segment_cost(segment);
    stream->count--;
    capture->held_total -= segment_cost(segment);
    if (!stream->first)
        holder_remove(capture, stream);
}

void simc__stream_fini(struct simc__capture *capture, struct simc__stream *stream)
{
    while (stream->first) {
        struct simc__segment *segment = stream->first;
        unlink_segment(capture, stream, segment);
        simc_free(segment);
    }
    history_free(capture, stream);
}

/* ---- reports ---- */

static struct simc__capture_event event_of(const struct simc__stream *stream,
                                           enum simc__capture_kind kind)
{
    const struct simc__connection *connection = stream->connection;
    uint8_t direction = stream == &connection->stream[1];
    struct simc__capture_event event = {
        .kind = kind,
        .connection = connection->id,
        .direction = direction,
        .from = connection->side[direction],
        .to = connection->side[!direction],
        .offset = stream->next,
    };
    return event;
}

static void report_close(struct simc__capture *capture, struct simc__stream *stream,
                         enum simc__capture_cause cause)
{
    struct simc__capture_event event = event_of(stream, SIMC__CAPTURE_CLOSE);
    event.cause = cause;
    simc__capture_emit(capture, &event, NULL);
    stream->closed = true;
    simc__stream_fini(capture, stream);
}

static void report_end_when_reached(struct simc__capture *capture, struct simc__stream *stream)
{
    if (stream->has_fin && stream->next == stream->fin_at && !stream->closed)
        report_close(capture, stream, SIMC__CAPTURE_CAUSE_FIN);
}

static void report_gap(struct simc__capture *capture, struct simc__stream *stream, uint64_t to,
                       enum simc__capture_cause cause)
{
    struct simc__capture_event event = event_of(stream, SIMC__CAPTURE_GAP);
    event.cause = cause;
    event.size = to - stream->next;
    simc__capture_emit(capture, &event, NULL);
    SIMC__COUNT(capture, gaps);
    capture->stats.gap_bytes += event.size;
    stream->gap_from = stream->next;
    stream->gap_to = to;
    stream->next = to;
    stream->history_at = to;
}

/* Reports a piece whose turn it is. @param held where its bytes are kept, or NULL: in the packet.
 */
static void report_piece(struct simc__capture *capture, struct simc__stream *stream,
                         const struct piece *piece, struct simc__segment *held)
{
    uint64_t end = piece_end(piece);
    if (piece->bytes.size) {
        struct simc__capture_event event = event_of(stream, SIMC__CAPTURE_DATA);
        event.size = piece->bytes.size;
        event.bytes = piece->bytes;
        event.packet = held ? held->packet : capture->packet;
        event.time_us = held ? held->time_us : capture->time_us;
        capture->stats.stream_bytes += piece->bytes.size;
        history_put(capture, stream, piece->bytes);
        stream->next += piece->bytes.size;
        simc__capture_emit(capture, &event, held);
    } else {
        simc_free(held);
    }
    if (stream->next < end)
        report_gap(capture, stream, end, SIMC__CAPTURE_CAUSE_CUT);
}

/* Reports what is held, as far as it goes without a hole. */
static void drain(struct simc__capture *capture, struct simc__stream *stream)
{
    while (stream->first && stream->first->start == stream->next && !capture->error) {
        struct simc__segment *segment = stream->first;
        struct piece piece = {segment->start, segment->size,
                              simc_slice(segment->memory, segment->captured)};
        unlink_segment(capture, stream, segment);
        report_piece(capture, stream, &piece, segment);
    }
    report_end_when_reached(capture, stream);
}

/* Turns the first hole into a gap. */
static void give_up_hole(struct simc__capture *capture, struct simc__stream *stream,
                         enum simc__capture_cause cause)
{
    report_gap(capture, stream, stream->first->start, cause);
    drain(capture, stream);
}

/* Turns holes into gaps as far as the receiver has acknowledged what is behind them. */
static void settle(struct simc__capture *capture, struct simc__stream *stream)
{
    while (!stream->closed && stream->has_ack && !capture->error) {
        uint64_t to = stream->first ? stream->first->start : stream->has_fin ? stream->fin_at : 0;
        if (to <= stream->next || stream->acked < to)
            return;
        report_gap(capture, stream, to, SIMC__CAPTURE_CAUSE_ACKED);
        drain(capture, stream);
    }
}

/* Turns holes into gaps until `size` more bytes stay below the ceilings. The direction that has
 * waited longest pays for the common one. */
static void make_room(struct simc__capture *capture, struct simc__stream *stream, size_t size)
{
    size_t cost = sizeof(struct simc__segment) + size;
    while (stream->first && !capture->error &&
           (stream->held + cost > capture->limits.held_max || stream->count >= SEGMENTS_MAX))
        give_up_hole(capture, stream, SIMC__CAPTURE_CAUSE_CEILING);
    while (capture->holder_first && !capture->error &&
           capture->held_total + cost > capture->limits.held_total_max)
        give_up_hole(capture, capture->holder_first, SIMC__CAPTURE_CAUSE_CEILING);
}

/* ---- what connection.c calls ---- */

void simc__stream_start(struct simc__stream *stream, uint32_t base)
{
    stream->started = true;
    stream->base = base;
    if (stream->has_ack) {
        int32_t acked = (int32_t)(stream->ack_seq - base);
        stream->has_ack = acked >= 0;
        stream->acked = acked >= 0 ? (uint64_t)acked : 0;
    }
}

int64_t simc__stream_offset(const struct simc__stream *stream, uint32_t seq)
{
    uint32_t next_seq = stream->base + (uint32_t)stream->next;
    return (int64_t)stream->next + (int32_t)(seq - next_seq);
}

void simc__stream_ack(struct simc__capture *capture, struct simc__stream *stream, uint32_t ack)
{
    if (!stream->started) {
        if (!stream->has_ack || (int32_t)(ack - stream->ack_seq) > 0)
            stream->ack_seq = ack;
        stream->has_ack = true;
        return;
    }
    int64_t at = simc__stream_offset(stream, ack);
    if (at < 0 || at - (int64_t)stream->next > SIMC__STREAM_WINDOW)
        return;
    uint64_t acked = (uint64_t)at;
    if (stream->has_fin && acked > stream->fin_at)
        acked = stream->fin_at;
    if (!stream->has_ack || acked > stream->acked)
        stream->acked = acked;
    stream->has_ack = true;
    settle(capture, stream);
}

/* Drops what is before the stream's begin, or behind its end. */
static struct piece piece_clip(struct simc__capture *capture, const struct simc__stream *stream,
                               int64_t start, struct simc_slice payload, size_t size)
{
    struct piece piece = {(uint64_t)start, size, payload};
    if (start < 0) {
        uint64_t before = (uint64_t)-start < size ? (uint64_t)-start : size;
        capture->stats.late_bytes += before;
        piece_drop(&piece, before);
    }
    if (piece.size && stream->has_fin && piece_end(&piece) > stream->fin_at) {
        SIMC__COUNT(capture, out_of_window);
        piece = piece_head(&piece, piece.start < stream->fin_at ? stream->fin_at - piece.start : 0);
    }
    return piece;
}

/* Drops what has been reported. */
static void piece_trim(struct simc__capture *capture, const struct simc__stream *stream,
                       struct piece *piece)
{
    if (piece->size == 0 || piece->start >= stream->next)
        return;
    uint64_t behind = stream->next - piece->start;
    struct piece head = piece_head(piece, behind < piece->size ? behind : piece->size);
    repeated(capture, stream, &head);
    piece_drop(piece, head.size);
}

/* Counts bytes that are held already, and whether they are the same. */
static void piece_compare(struct simc__capture *capture, const struct piece *piece,
                          const struct simc__segment *segment)
{
    size_t at = (size_t)(piece->start - segment->start);
    size_t size = segment->captured > at ? segment->captured - at : 0;
    if (size > piece->bytes.size)
        size = piece->bytes.size;
    capture->stats.retransmitted_bytes += piece->size;
    if (size && memcmp(segment->memory + at, piece->bytes.data, size) != 0)
        SIMC__COUNT(capture, overlaps_different);
}

/* Puts the parts of a piece that are new between what is held. */
static void piece_place(struct simc__capture *capture, struct simc__stream *stream,
                        struct piece *piece)
{
    struct simc__segment *behind = NULL;
    for (struct simc__segment *s = stream->last; s && segment_end(s) > piece->start;
         s = s->previous)
        behind = s;
    while (piece->size && !capture->error && !stream->closed) {
        while (behind && segment_end(behind) <= piece->start)
            behind = behind->next;
        bool held = behind && behind->start <= piece->start;
        uint64_t to = held ? segment_end(behind) : behind ? behind->start : UINT64_MAX;
        uint64_t left = to - piece->start;
        struct piece head = piece_head(piece, left < piece->size ? left : piece->size);
        piece_drop(piece, head.size);
        if (held) {
            piece_compare(capture, &head, behind);
        } else if (head.start == stream->next) {
            report_piece(capture, stream, &head, NULL);
            drain(capture, stream);
            piece_trim(capture, stream, piece);
            behind = stream->first;
        } else {
            hold(capture, stream, &head, behind);
        }
    }
}

void simc__stream_data(struct simc__capture *capture, struct simc__stream *stream, int64_t start,
                       struct simc_slice payload, size_t size)
{
    struct piece piece = piece_clip(capture, stream, start, payload, size);
    piece_trim(capture, stream, &piece);
    if (piece.size == 0)
        return;
    if (stream->closed) {
        SIMC__COUNT(capture, out_of_window);
        return;
    }
    if (piece.start > stream->next) {
        SIMC__COUNT(capture, out_of_order);
        make_room(capture, stream, piece.bytes.size);
        piece_trim(capture, stream, &piece);
    }
    piece_place(capture, stream, &piece);
    settle(capture, stream);
}

/* Drops what is held behind the end: it did not come from this stream. */
static void cut_behind_end(struct simc__capture *capture, struct simc__stream *stream)
{
    while (stream->last && segment_end(stream->last) > stream->fin_at) {
        struct simc__segment *segment = stream->last;
        SIMC__COUNT(capture, out_of_window);
        if (segment->start >= stream->fin_at) {
            unlink_segment(capture, stream, segment);
            simc_free(segment);
            continue;
        }
        segment->size = stream->fin_at - segment->start;
        if (segment->captured > segment->size) {
            size_t less = segment->captured - (size_t)segment->size;
            segment->captured -= less;
            stream->held -= less;
            capture->held_total -= less;
        }
    }
}

void simc__stream_fin(struct simc__capture *capture, struct simc__stream *stream, int64_t at)
{
    if (stream->closed || stream->has_fin || at < (int64_t)stream->next)
        return;
    stream->has_fin = true;
    stream->fin_at = (uint64_t)at;
    if (stream->acked > stream->fin_at)
        stream->acked = stream->fin_at;
    cut_behind_end(capture, stream);
    report_end_when_reached(capture, stream);
    settle(capture, stream);
}

void simc__stream_close(struct simc__capture *capture, struct simc__stream *stream,
                        enum simc__capture_cause cause)
{
    while (stream->first && !stream->closed && !capture->error)
        give_up_hole(capture, stream, cause);
    if (stream->closed)
        return;
    if (stream->has_fin) {
        report_gap(capture, stream, stream->fin_at, cause);
        report_end_when_reached(capture, stream);
        return;
    }
    /* An acknowledgement of just one byte more is that of a FIN which was not captured. */
    if (stream->started && stream->has_ack && stream->acked > stream->next + 1)
        report_gap(capture, stream, stream->acked, SIMC__CAPTURE_CAUSE_ACKED);
    report_close(capture, stream, cause);
}
