/* SPDX-License-Identifier: BSL-1.0 */
/* A laboratory EMMG or PDG: channels and streams at a MUX, data for them, and its pace. The verbs
 * `emmg` and `load mux` are options on it. */
#ifndef SIMC__CLI_EMMG_H
#define SIMC__CLI_EMMG_H

#include <stdio.h>

#include "cli/latency.h"
#include "cli/load.h"
#include "simulcrypt/emmg_session.h"
#include "simulcrypt/uv.h"

enum {
    SIMC__EMMG_DATAGRAM_MAX = 65000, /* bytes of a datagram */
    SIMC__EMMG_PER_MESSAGE_MAX = 1024,
    SIMC__EMMG_CHANNELS_MAX = 1024,
    SIMC__EMMG_STREAMS_MAX = 4096, /* of a channel */
    SIMC__EMMG_MUXES_MAX = 8,
    SIMC__EMMG_ADDRESS_SIZE = SIMC__CLI_HOST_SIZE + 8,
};

/* ---- what is sent ---- */

/* Datagrams one after the other: from a file, again and again, or made. */
struct simc__emmg_data {
    uint8_t *bytes; /* of the file, or NULL */
    size_t size;
    bool is_packets;
    size_t pattern_size; /* without a file: bytes of a section; packets: in each datagram */
    size_t packet_count; /* packets in a datagram */
    uint8_t *made;       /* room for one datagram */
    size_t datagrams;    /* in the file */
};

/* Where a stream is in it. */
struct simc__emmg_place {
    size_t at;
    uint64_t count; /* datagrams so far */
    uint8_t cc;
};

/** Reads a file of sections (one behind the other, or a line of hex digits each) or of packets.
 *  @param path NULL: data is made. @return 0, or a sentence was printed. */
int simc__emmg_data_open(struct simc__emmg_data *data, const char *path, bool is_packets,
                         size_t pattern_size, size_t packet_count);
void simc__emmg_data_close(struct simc__emmg_data *data);
/** The next datagram, borrowed until the next call. @return false: the file has been sent as often
 *  as wanted. @param loops 0: without end. */
bool simc__emmg_data_next(struct simc__emmg_data *data, struct simc__emmg_place *place,
                          uint32_t stream, uint64_t loops, struct simc_slice *datagram);

/* ---- at what pace ---- */

enum { SIMC__EMMG_PACE_SLOTS = 251 }; /* of 4 ms */

struct simc__emmg_pace {
    uint32_t kbitps;       /* what is wanted, or allocated; 0: nothing is sent */
    int64_t credit;        /* thousandths of bits on air */
    uint64_t slot;         /* the last one of the record */
    uint64_t sum_bits;     /* of the record */
    uint64_t refused_bits; /* of a message that waits; 0: none does */
    uint32_t sent_bits[SIMC__EMMG_PACE_SLOTS];
};

void simc__emmg_pace_start(struct simc__emmg_pace *pace, uint32_t kbitps);
/** Another rate: what was sent before does not count against a lower one. */
void simc__emmg_pace_set(struct simc__emmg_pace *pace, uint32_t kbitps);
void simc__emmg_pace_pass(struct simc__emmg_pace *pace, uint64_t passed_ns, uint64_t now_ns);
/** @return true: a message may be made. */
bool simc__emmg_pace_is_due(struct simc__emmg_pace *pace);
/** @return false: with a message of this size, the last second would have more than its rate. */
bool simc__emmg_pace_fits(struct simc__emmg_pace *pace, uint64_t bits);
/** @param now_ns the time behind the sending, so that a process that is stopped in between does not
 *  send too much later. */
void simc__emmg_pace_sent(struct simc__emmg_pace *pace, uint64_t bits, uint64_t now_ns);

/* ---- who sends it ---- */

struct simc__emmg_address {
    char name[SIMC__EMMG_ADDRESS_SIZE]; /* as the user wrote it: ADDRESS:PORT */
    char host[SIMC__CLI_HOST_SIZE];
    uint16_t port;
};

/* Each MUX has the same channels, streams and data, and knows nothing of the others. */
struct simc__emmg_mux {
    struct simc__emmg_address tcp, udp;
};

struct simc__emmg_plan {
    struct simc__emmg_mux muxes[SIMC__EMMG_MUXES_MAX];
    uint32_t mux_count;
    bool has_udp; /* data goes to the `udp` of each */
    const char *interface;
    uint32_t client_id;
    uint16_t first_channel, first_stream, first_data_id;
    uint32_t channels, streams;
    uint8_t data_type, version;
    bool is_packets;
    uint32_t per_message;
    uint32_t kbitps;     /* of each stream; 0: as fast as the MUX reads */
    uint64_t period_ms;  /* in which a file is sent once, spread evenly; 0: one after the other */
    bool no_negotiation; /* no stream_BW_request */
    bool ignores_allocation;
    bool udp_ids; /* as some EMMGs do: ids in UDP messages too */
    uint8_t ttl;
    uint64_t seconds, count, loops;
    bool has_probes; /* channel_test behind each `probe_count` messages, and its answer is awaited:
                      * what was sent before it has been taken then */
    uint32_t probe_count;
    bool goes_on;
    struct simc_uv_tls *tls;
    struct simc__emmg_data *data;
};

struct simc__emmg_result {
    uint64_t start_ns, end_ns;
    uint64_t datagrams, bytes, messages, errors, exceeded, reconnects;
    uint64_t allocated_kbitps; /* told last, all streams together */
    uint64_t late_periods;     /* that were left out, as the carousel was a whole one late */
    bool has_begun;
    struct simc__latency latency; /* of the probes */
    char trouble[SIMC__EMMG_ADDRESS_SIZE + SIMC_UV_TEXT_SIZE];
};

/** Opens the socket for data by UDP to an address. @return 0, or a sentence was printed. */
int simc__emmg_udp_open(const struct simc__emmg_plan *plan, const struct simc__emmg_address *to,
                        int *udp);

/** Runs a plan to its end. @return 0, or a sentence was printed: it could not start. */
int simc__emmg_run_plan(const struct simc__emmg_plan *plan, struct simc__emmg_result *result);

#endif
