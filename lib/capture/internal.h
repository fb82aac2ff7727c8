/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses files inside lib/capture: the follower itself, and the calls from one layer to the
 * next: capture.c -> packet.c -> fragment.c, connection.c -> stream.c -> events of capture.c. */
#ifndef SIMC__CAPTURE_INTERNAL_H
#define SIMC__CAPTURE_INTERNAL_H

#include "capture/capture.h"

/** Where packets come from, when not from simc__capture_packet(). */
struct simc__capture_packet {
    uint32_t link_type;
    struct simc_slice captured; /**< borrowed until the next read */
    size_t wire_size;
    uint64_t time_us;
};

struct simc__capture_source {
    /** @return 0, SIMC_EEND, or an error with its reason in `why`. */
    int (*read)(void *context, struct simc__capture_packet *packet, char *why, size_t why_size);
    void (*close)(void *context);
    void *context;
};

/** A packet further than this from its place does not belong to the connection: a quarter of what
 *  the largest window could have, and much more than a connection of ours has in flight. */
#define SIMC__STREAM_WINDOW (256 << 20)

/** Bytes of one direction that wait for their turn.  */
struct simc__segment {
    struct simc__segment *next;
    struct simc__segment *previous;
    uint64_t start;   /**< offset in the stream */
    uint64_t size;    /**< bytes of sequence space */
    uint64_t packet;  /**< that brought them */
    uint64_t time_us; /**< its time */
    size_t captured;  /**< bytes in `memory`, <= size; the rest was cut */
    uint8_t memory[];
};

/** One direction of a connection. Offsets count from the first byte behind the SYN. */
struct simc__stream {
    struct simc__connection *connection;
    bool started;      /**< `base` is known */
    bool has_syn;      /**< and comes from a SYN */
    bool has_fin;      /**< `fin_at` is known */
    bool has_ack;      /**< the peer acknowledged: ack_seq until started, then `acked` */
    bool closed;       /**< CLOSE was reported */
    uint32_t base;     /**< the sequence number of offset 0 */
    uint32_t ack_seq;  /**< the highest acknowledgement, as long as there is no base */
    uint64_t next;     /**< offset of the next byte to report */
    uint64_t acked;    /**< the receiver has all before this offset */
    uint64_t fin_at;   /**< the stream's size */
    uint64_t gap_from; /**< the last gap reported */
    uint64_t gap_to;
    struct simc__segment *first; /**< held, ascending, without overlaps, all behind `next` */
    struct simc__segment *last;
    size_t held;                      /**< what they cost */
    size_t count;                     /**< how many */
    struct simc__stream *holder_next; /**< in the list of streams that hold something */
    struct simc__stream *holder_previous;
    uint8_t *history; /**< ring of the last bytes reported, to compare repetitions; may be NULL */
    uint64_t history_at; /**< offset of its oldest byte */
};

/** A connection. `stream[0]` was sent by `side[0]`. */
struct simc__connection {
    struct simc__connection *chain; /**< in its hash bucket */
    struct simc__connection *newer; /**< by time of the last packet */
    struct simc__connection *older;
    struct simc__capture_endpoint side[2];
    struct simc__stream stream[2];
    uint64_t last_us; /**< time of the last packet */
    uint64_t hash;
    uint32_t id;
    bool has_candidate; /**< a SYN with another number was seen, not yet confirmed */
    uint8_t candidate_side;
    uint32_t candidate_seq; /**< the number of its first byte */
};

struct simc__queued {
    struct simc__capture_event event;
    struct simc__segment *owned; /**< released when the event is over */
};

struct simc__fragment_set; /**< see fragment.c */

struct simc__capture {
    struct simc__capture_limits limits;
    struct simc__capture_stats stats;
    struct simc__capture_source source;
    int error;     /**< sticky: SIMC_ENOMEM */
    bool ended;    /**< no packet follows */
    int end_error; /**< what comes behind the last event: SIMC_EEND or the file's fault */
    char why[512];
    uint64_t seed;   /**< of the hash tables */
    uint64_t packet; /**< number and time of the packet at work */
    uint64_t time_us;

    struct simc__queued *queue; /**< events of the packet at work */
    size_t queue_at, queue_count, queue_capacity;
    struct simc__segment *lent; /**< owner of the bytes of the event pulled last */

    struct simc__connection **buckets;
    size_t bucket_count; /**< a power of two */
    size_t connection_count;
    uint32_t connection_id; /**< of the next one */
    struct simc__connection *newest, *oldest;
    struct simc__stream *holder_first, *holder_last; /**< streams that hold bytes, oldest first */
    size_t held_total;
    size_t history_total;

    struct simc__fragment_set **fragment_buckets;
    size_t fragment_bucket_count;
    struct simc__fragment_set *fragment_oldest, *fragment_newest;
    size_t fragment_count;
    size_t fragment_bytes;
    uint8_t *joined; /**< the datagram put together for the packet at work */
};

/** An IP packet without its headers, or one fragment of it. */
struct simc__ip {
    struct simc__capture_endpoint from, to; /**< ports are 0 */
    uint8_t protocol;                       /**< of the payload */
    bool fragment;
    bool more;       /**< fragments follow */
    uint32_t offset; /**< of this fragment, bytes */
    uint32_t id;
    struct simc_slice payload; /**< what was captured */
    size_t size;               /**< what was sent, >= payload.size */
};

/** A TCP packet. */
struct simc__tcp {
    struct simc__capture_endpoint from, to;
    uint32_t seq, ack;
    bool syn, fin, rst, has_ack;
    struct simc_slice payload; /**< what was captured */
    size_t size;               /**< what was sent, >= payload.size */
};

/* ---- capture.c ---- */

/** Counts one more in a statistic. */
#define SIMC__COUNT(capture, name) ((capture)->stats.name++)

/** Adds an event behind those waiting; packet at work, time and ready fields are filled in when
 *  `packet` is 0. @param owned released when the event is over, may be NULL. */
void simc__capture_emit(struct simc__capture *capture, const struct simc__capture_event *event,
                        struct simc__segment *owned);
/** Says that memory ran out; the follower stops at the next call. */
void simc__capture_starve(struct simc__capture *capture);
/** A keyed hash of bytes, so that a hostile capture cannot aim at one bucket. */
uint64_t simc__capture_hash(uint64_t seed, const void *bytes, size_t size);

/* ---- packet.c ---- */

/** Takes a packet apart and hands what it carries on. */
void simc__packet_take(struct simc__capture *capture, uint32_t link_type,
                       struct simc_slice captured, size_t wire_size);

/* ---- fragment.c ---- */

/** Takes a fragment. @return true when `ip` now is the whole datagram (in capture->joined). */
bool simc__fragment_take(struct simc__capture *capture, struct simc__ip *ip);
void simc__fragment_free_all(struct simc__capture *capture);

/* ---- connection.c ---- */

/** Takes a TCP packet to its connection. */
void simc__connection_take(struct simc__capture *capture, const struct simc__tcp *tcp);
/** Reports all that is held of the connection, closes both directions and forgets it. */
void simc__connection_end(struct simc__capture *capture, struct simc__connection *connection,
                          enum simc__capture_cause cause);
/** Forgets all without events. */
void simc__connection_free_all(struct simc__capture *capture);

/* ---- stream.c ---- */

/** Begins to count: the byte with this sequence number is offset 0. */
void simc__stream_start(struct simc__stream *stream, uint32_t base);
/** The offset of a sequence number near `next`; may be negative. Only once started. */
int64_t simc__stream_offset(const struct simc__stream *stream, uint32_t seq);
/** Notes what the receiver has. */
void simc__stream_ack(struct simc__capture *capture, struct simc__stream *stream, uint32_t ack);
/** Takes the payload of a packet. @param start its offset, within the window. */
void simc__stream_data(struct simc__capture *capture, struct simc__stream *stream, int64_t start,
                       struct simc_slice payload, size_t size);
/** Notes the stream's end. @param at the offset behind its last byte. */
void simc__stream_fin(struct simc__capture *capture, struct simc__stream *stream, int64_t at);
/** Reports what is held, with gaps, and the close. */
void simc__stream_close(struct simc__capture *capture, struct simc__stream *stream,
                        enum simc__capture_cause cause);
/** Releases what is held, without events. */
void simc__stream_fini(struct simc__capture *capture, struct simc__stream *stream);

#endif
