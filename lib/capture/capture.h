/* SPDX-License-Identifier: BSL-1.0 */
/* Network captures to ordered TCP byte streams and UDP datagrams. The `simulcrypt dump` verb, the
 * conformance tester and the timing auditor pull events from here; libpcap only reads the file.
 *
 * Addresses, ports and all that is needed to follow a connection come from the packets; nothing
 * here opens a socket, starts a thread or reads a clock. Time is the time of the capture.
 *
 * What is decided for input that is not ideal (each row has its test):
 *
 * | input                              | outcome                                                |
 * |------------------------------------|--------------------------------------------------------|
 * | retransmission, same bytes         | dropped; stat retransmitted_bytes                      |
 * | overlap with different bytes       | the first bytes win; stat overlaps_different (compared |
 * |                                    | with what is held and the last 4 KiB reported)         |
 * | out of order                       | held until the hole is filled; DATA keeps the packet   |
 * |                                    | that brought the bytes and the one that released them  |
 * | a hole                             | GAP once it is certain: acknowledged by the peer and   |
 * |                                    | later bytes seen, or a ceiling, or the stream's end    |
 * | bytes that come after their GAP    | dropped; stat late_bytes                               |
 * | acknowledgement of bytes not seen  | waits: they may follow by reordering in the capture    |
 * | keep-alive (0 or 1 byte at next-1) | its byte is no data; stat keep_alives                  |
 * | zero window probe                  | its byte is the next one; the repetition is dropped    |
 * | sequence number wrap               | offsets are 64 bit and go on                           |
 * | SYN with data, FIN with data       | the data counts, before the close                      |
 * | data after the FIN                 | dropped; stat out_of_window                            |
 * | more than 256 MiB from its place   | dropped; stat out_of_window; after 30 s of silence it  |
 * |                                    | is a new connection                                    |
 * | SYN with another number            | new connection when the old one is closed, has no data |
 * |                                    | or was silent for 30 s; else when the peer or the next |
 * |                                    | packet confirms it                                     |
 * | SYN+ACK, its SYN not captured      | its receiver is direction 0                            |
 * | no SYN at all (midstream)          | begins at what the peer acknowledged last, or at the   |
 * |                                    | first byte seen; direction 0 sent the first packet     |
 * | only one direction captured        | works; a hole waits for a ceiling or the end           |
 * | RST                                | closes both directions, unless its number is one that  |
 * |                                    | its receiver must refuse (stat resets_ignored)         |
 * | packet cut by the snap length, or  | DATA of what is there, then GAP; a datagram is `cut`;  |
 * | shorter than its IP header says    | cut headers are dropped (stat cut_headers)             |
 * | TCP and IPv4 options, padding      | skipped                                                |
 * | IP total length 0 (offload)        | the packet ends with the frame, 1 MiB at most          |
 * | wrong checksums                    | not looked at: offload makes them                      |
 * | IP fragments                       | put together; ends after 60 s or at a ceiling          |
 * | fragments that overlap             | their datagram is dropped; exact repetitions are fine  |
 * | fragments cut by the snap length   | their datagram is dropped                              |
 * | IPv6 extension headers             | skipped: hop-by-hop, routing, destination, AH, fragment|
 * | VLAN tags (802.1Q, 802.1ad)        | up to four are skipped                                 |
 * | other protocols                    | dropped; stats not_ip, not_tcp_udp                     |
 */
#ifndef SIMC__CAPTURE_CAPTURE_H
#define SIMC__CAPTURE_CAPTURE_H

#include "simulcrypt/base.h"

/** The link types that are understood: name, number in the file formats, what a person calls it. */
#define SIMC__CAPTURE_LINK_ROWS(ROW)     \
    ROW(NULL_, 0, "BSD loopback (null)") \
    ROW(ETHERNET, 1, "Ethernet")         \
    ROW(RAW, 101, "raw IP")              \
    ROW(LOOP, 108, "OpenBSD loopback")   \
    ROW(LINUX_SLL, 113, "Linux cooked")  \
    ROW(IPV4, 228, "raw IPv4")           \
    ROW(IPV6, 229, "raw IPv6")           \
    ROW(LINUX_SLL2, 276, "Linux cooked v2")

#define SIMC__CAPTURE_LINK_ENUM(name, number, text) SIMC__CAPTURE_LINK_##name = number,
enum simc__capture_link { SIMC__CAPTURE_LINK_ROWS(SIMC__CAPTURE_LINK_ENUM) };
#undef SIMC__CAPTURE_LINK_ENUM

/** Ceilings: name, default, least, most, meaning. A limit of 0 stands for the default. */
#define SIMC__CAPTURE_LIMIT_ROWS(ROW)                                                            \
    ROW(connections_max, 65536, 1, 1 << 20,                                                      \
        "connections followed at once; at the ceiling the longest idle one is closed")           \
    ROW(held_max, 4 << 20, 1 << 16, 1 << 30,                                                     \
        "bytes out of order per direction; at the ceiling holes become gaps")                    \
    ROW(held_total_max, 256 << 20, 1 << 17, 1 << 30,                                             \
        "bytes out of order in all; at the ceiling the longest waiting direction gets its gaps") \
    ROW(fragments_max, 4096, 1, 1 << 16,                                                         \
        "datagrams in fragments; at the ceiling the oldest one is dropped")                      \
    ROW(fragment_bytes_max, 32 << 20, 1 << 17, 1 << 30,                                          \
        "bytes in fragments; at the ceiling the oldest datagram is dropped")

struct simc__capture_limits {
#define SIMC__CAPTURE_LIMIT_MEMBER(name, preset, min, max, text) uint32_t name;
    SIMC__CAPTURE_LIMIT_ROWS(SIMC__CAPTURE_LIMIT_MEMBER)
#undef SIMC__CAPTURE_LIMIT_MEMBER
};

/** Counters: name, meaning. All start at 0 and only grow. */
#define SIMC__CAPTURE_STAT_ROWS(ROW)                                                       \
    ROW(packets, "packets read")                                                           \
    ROW(not_ip, "packets that carry no IP, or of a link type that is not supported")       \
    ROW(not_tcp_udp, "IP packets that carry neither TCP nor UDP")                          \
    ROW(malformed, "packets whose headers contradict themselves")                          \
    ROW(cut_headers, "packets that end within their headers")                              \
    ROW(cut_packets, "packets that end within their payload")                              \
    ROW(fragments, "IP fragments")                                                         \
    ROW(fragments_joined, "datagrams put together from fragments")                         \
    ROW(fragments_dropped, "datagrams in fragments given up: time, ceiling, overlap, cut") \
    ROW(datagrams, "UDP datagrams")                                                        \
    ROW(connections, "TCP connections seen")                                               \
    ROW(connections_evicted, "connections closed at the ceiling")                          \
    ROW(segments, "TCP packets")                                                           \
    ROW(stream_bytes, "bytes reported in order")                                           \
    ROW(retransmitted_bytes, "bytes that had been seen before")                            \
    ROW(overlaps_different, "repetitions whose bytes differ from the first ones")          \
    ROW(out_of_order, "TCP packets that came before their turn")                           \
    ROW(keep_alives, "keep-alive probes")                                                  \
    ROW(gaps, "gaps reported")                                                             \
    ROW(gap_bytes, "bytes in gaps")                                                        \
    ROW(late_bytes, "bytes that came after their gap was reported, or before the begin")   \
    ROW(out_of_window, "TCP packets too far from their place, or behind the end")          \
    ROW(syns_ignored, "SYN packets that changed nothing")                                  \
    ROW(resets_ignored, "RST packets that their receiver must refuse")

struct simc__capture_stats {
#define SIMC__CAPTURE_STAT_MEMBER(name, text) uint64_t name;
    SIMC__CAPTURE_STAT_ROWS(SIMC__CAPTURE_STAT_MEMBER)
#undef SIMC__CAPTURE_STAT_MEMBER
};

/** One side of a conversation. */
struct simc__capture_endpoint {
    uint8_t family;      /**< 4 or 6 */
    uint8_t address[16]; /**< network order; family 4 uses the first four, the rest is 0 */
    uint16_t port;
};

enum { SIMC__CAPTURE_ENDPOINT_SIZE = 48 }; /**< room for any endpoint as text, with end mark */

/** What an event says, with the word that tools print for it. */
#define SIMC__CAPTURE_KIND_ROWS(ROW) \
    ROW(OPEN, "open")                \
    ROW(DATA, "data")                \
    ROW(GAP, "gap")                  \
    ROW(CLOSE, "close")              \
    ROW(DATAGRAM, "datagram")

#define SIMC__CAPTURE_KIND_ENUM(name, word) SIMC__CAPTURE_##name,
enum simc__capture_kind { SIMC__CAPTURE_KIND_ROWS(SIMC__CAPTURE_KIND_ENUM) };
#undef SIMC__CAPTURE_KIND_ENUM

/** Why: name, word, meaning. OPEN has SYN or MIDSTREAM; GAP has ACKED, CUT or what forced it. */
#define SIMC__CAPTURE_CAUSE_ROWS(ROW)                                          \
    ROW(NONE, "-", "no cause: data and datagrams")                             \
    ROW(SYN, "syn", "the connection was seen to begin")                        \
    ROW(MIDSTREAM, "midstream", "the connection is older than the capture")    \
    ROW(ACKED, "acked", "the receiver has the bytes, the capture has not")     \
    ROW(CUT, "cut", "the snap length cut the packet")                          \
    ROW(CEILING, "ceiling", "too much waited for the missing bytes")           \
    ROW(FIN, "fin", "the sender ended the stream")                             \
    ROW(RST, "rst", "the connection was reset")                                \
    ROW(REPLACED, "replaced", "the same addresses and ports began a new one")  \
    ROW(EVICTED, "evicted", "too many connections, and this was idle longest") \
    ROW(END, "end", "the capture ended")

#define SIMC__CAPTURE_CAUSE_ENUM(name, word, text) SIMC__CAPTURE_CAUSE_##name,
enum simc__capture_cause { SIMC__CAPTURE_CAUSE_ROWS(SIMC__CAPTURE_CAUSE_ENUM) };
#undef SIMC__CAPTURE_CAUSE_ENUM

/** `connection` of a datagram. */
#define SIMC__CAPTURE_NO_CONNECTION UINT32_MAX

/**
 * One thing that happened. A connection gives one OPEN, then DATA and GAP that join without hole
 * or overlap per direction (`offset` + `size` is the next `offset`), then one CLOSE per direction;
 * after it nothing follows for that direction, and both directions always get theirs.
 */
struct simc__capture_event {
    enum simc__capture_kind kind;
    enum simc__capture_cause cause;
    uint32_t connection; /**< from 0 in order of their first packets, as tshark's tcp.stream */
    uint8_t direction;   /**< 0 = sent by the side that opened; OPEN has 0 */
    bool cut;            /**< DATAGRAM: `bytes` is only the begin of it */
    struct simc__capture_endpoint from; /**< the sender of this direction */
    struct simc__capture_endpoint to;
    uint64_t packet;         /**< from 1, as tshark's frame.number: what brought the bytes or fact;
                                  for bytes in fragments the last one */
    uint64_t time_us;        /**< its time, microseconds since 1970 */
    uint64_t ready_packet;   /**< with this packet the event was certain; never goes back */
    uint64_t ready_us;       /**< its time */
    uint64_t offset;         /**< in the direction's byte stream; CLOSE: the stream's size */
    uint64_t size;           /**< DATA, GAP: bytes; DATAGRAM: payload bytes on the wire */
    struct simc_slice bytes; /**< DATA, DATAGRAM: borrowed until the next call */
};

struct simc__capture; /**< a capture being followed */

/**
 * Makes a follower that is fed packet by packet. @param limits copied; NULL for the defaults.
 * @return 0, SIMC_EINVAL (a limit outside its row), SIMC_ENOMEM; *capture is NULL then.
 */
int simc__capture_new(const struct simc__capture_limits *limits,
                      struct simc__capture **capture) SIMC_MUST_CHECK;
/**
 * Makes a follower that reads a pcap or pcapng file. @param path the file, "-" for standard input.
 * @param limits as above. @param why on failure one sentence, for the user. @param why_size > 0.
 * @return 0, SIMC_EIO (cannot be opened or read), SIMC_EPROTO (not a capture file, or damaged in
 * its header), SIMC_EUNSUPPORTED (link type), SIMC_EINVAL, SIMC_ENOMEM; *capture is NULL then.
 */
int simc__capture_open(const char *path, const struct simc__capture_limits *limits,
                       struct simc__capture **capture, char *why, size_t why_size) SIMC_MUST_CHECK;
/** Ends everything; NULL is fine. Events that were not pulled are lost. */
void simc__capture_free(struct simc__capture *capture);

/**
 * Feeds one packet; only for simc__capture_new(), and only after simc__capture_next() has said
 * SIMC_EAGAIN. @param link_type a number of #SIMC__CAPTURE_LINK_ROWS, others count as not_ip.
 * @param captured the packet from its link header on; borrowed until simc__capture_next() says
 * SIMC_EAGAIN again. @param wire_size its size before it was cut. @param time_us since 1970.
 * @return 0, SIMC_EINVAL (events are left, or after the end), SIMC_ENOMEM (only _free may follow).
 */
int simc__capture_packet(struct simc__capture *capture, uint32_t link_type,
                         struct simc_slice captured, size_t wire_size,
                         uint64_t time_us) SIMC_MUST_CHECK;
/** Says that no packet follows; what is held comes out of simc__capture_next() then. */
void simc__capture_end(struct simc__capture *capture);

/**
 * Pulls the next event. @param event filled on success; its bytes are borrowed until the next call.
 * @return 0; SIMC_EAGAIN (feed a packet; never with a file); SIMC_EEND; or what ended the file
 * before its time, after the last event of what was readable: SIMC_EPROTO (damaged), SIMC_EIO,
 * SIMC_EUNSUPPORTED (a second link type), with simc__capture_why(); SIMC_ENOMEM (at once).
 */
int simc__capture_next(struct simc__capture *capture,
                       struct simc__capture_event *event) SIMC_MUST_CHECK;
/** One sentence about why the file ended before its time, with the packet; "" when it did not. */
const char *simc__capture_why(const struct simc__capture *capture);
/** The counters, borrowed. */
const struct simc__capture_stats *simc__capture_stats(const struct simc__capture *capture);

/** Writes `10.0.0.1:2222` or `[::1]:2222` (RFC 5952). */
void simc__capture_endpoint_text(const struct simc__capture_endpoint *endpoint,
                                 char text[SIMC__CAPTURE_ENDPOINT_SIZE]);
/** The word of an event kind, "open". */
const char *simc__capture_kind_word(enum simc__capture_kind kind);
/** The word of a cause, "midstream". */
const char *simc__capture_cause_word(enum simc__capture_cause cause);

#endif
