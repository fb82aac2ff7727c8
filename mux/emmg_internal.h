/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the EMMG server share: channels, streams, carriers, clients. */
#ifndef SIMC__MUX_EMMG_INTERNAL_H
#define SIMC__MUX_EMMG_INTERNAL_H

#include "mux/emmg.h"
#include "mux/emmg_age.h"

enum {
    SIMC__EMMG_NAME_SIZE = 96,
    SIMC__EMMG_STATUSES = 23,          /* values of the label `status` */
    SIMC__EMMG_CARRIER_TURN_MS = 10,   /* how often sections are moved on */
    SIMC__EMMG_CARRIER_AHEAD_MS = 250, /* of them in the engine: the program may be late so much */
    SIMC__EMMG_SAY_MS = 1000,          /* between two errors 0x000F of a stream */
    SIMC__EMMG_LINGER_MS = 10000,      /* for the data of streams that have been closed */
    SIMC__EMMG_BYTES_PER_KBIT = 125,
};

/* A client_id that is or was here, for its figures. */
struct simc__emmg_client {
    struct simc__emmg_client *next;
    uint32_t client_id;
    uint32_t channels;
    uint64_t figures[SIMC__EMMG_STAT_COUNT][SIMC__EMMG_STATUSES];
    struct simc__metric_set *stats; /* NULL: not collected yet, or there are too many */
};

/* What the streams of a client, or of a multiplex, have together. */
struct simc__emmg_share {
    struct simc__emmg_share *next;
    uint32_t users; /* carriers */
    bool is_client;
    uint32_t client_id;                        /* is_client */
    char multiplex[SIMC__MUX_NAME_SIZE];       /* otherwise; "": the first one */
    const struct simc__emmg_client_conf *conf; /* is_client; NULL: not listed any more */
    uint64_t taken_kbitps;
};

/* The way to a PID: one queue, one source of the engine. */
struct simc__emmg_carrier {
    struct simc__emmg_carrier *next;
    char multiplex[SIMC__MUX_NAME_SIZE]; /* "": the first one */
    uint32_t client_id;
    bool is_emm;
    bool is_own;      /* of the stream `data_id` alone */
    uint16_t data_id; /* is_own */
    uint8_t form;     /* section_TSpkt_flag */
    uint16_t wanted_pid, pid;
    struct simc__emmg_share *of_client, *of_multiplex;
    uint8_t priority;
    bool is_in_cat;
    struct simc__mux *mux; /* NULL: there is none now */
    uint32_t source;
    uint32_t users;
    uint64_t gone_ms;  /* without users: when it is released, even if something still waits */
    uint64_t kbitps;   /* the sum of its streams */
    uint64_t bitrate;  /* that the engine knows; 0: none yet */
    uint8_t *sections; /* those that wait, one behind the other */
    size_t first, waiting, room; /* bytes: where they begin, how many, how many at most */
    uint64_t taken;              /* bytes that have left `sections`, and of packets */
    struct simc__emmg_age age;
    size_t
        section_left; /* of the section at the front: how much is not sent yet, if it has begun */
};

struct simc__emmg_stream {
    struct simc__emmg_stream *next; /* in the order of opening */
    struct simc__emmg_stream *same_hash;
    struct simc__emmg_channel *channel;
    uint16_t stream_id, data_id;
    uint8_t data_type;
    struct simc__emmg_carrier *carrier;
    bool has_asked;
    uint32_t wanted_kbitps, allocated_kbitps, told_kbitps;
    bool is_told;
    /* How far it may be ahead, in bytes on air times 8000 ms; below 0: a message went beyond. */
    int64_t credit;
    uint64_t credit_ms, said_ms;
    uint64_t messages, datagrams, received, inserted, dropped[SIMC__EMMG_DROP_COUNT];
    uint64_t errors, udp_messages;
    struct simc__emmg_age age; /* of its bytes in the carrier */
    uint16_t last_status;
    char last_error[SIMC__EMMG_WHY_SIZE];
};

/* What a channel waits for, that is what its session has asked: an answer when it is known whether
 * an older channel that stands in its way still lives. */
enum simc__emmg_wait { SIMC__EMMG_WAITS_NOT, SIMC__EMMG_WAITS_CHANNEL, SIMC__EMMG_WAITS_STREAM };

struct simc__emmg_channel {
    struct simc__emmg *emmg;
    struct simc__emmg_channel *next, *previous;
    struct simc_session *session;
    void *owner;
    char address[SIMC__EMMG_NAME_SIZE];
    char (*names)[SIMC__EMMG_NAME_SIZE];
    size_t name_count;
    bool is_open;
    uint32_t client_id;
    uint16_t channel_id;
    uint8_t form;
    struct simc__emmg_client *client;
    uint64_t held_until_ms; /* 0: it is not held */
    uint64_t heard_ms;      /* when it brought a message last */
    uint64_t tested_ms;     /* because another one wants its place; 0: never */
    bool has_answered;      /* that test */
    uint8_t wait;           /* enum simc__emmg_wait */
    uint64_t wait_since_ms;
    struct simc_emmg_channel_setup asked_channel; /* last */
    struct simc_emmg_stream_setup asked_stream;   /* last */
    char last_error[SIMC__EMMG_WHY_SIZE];
};

enum { SIMC__EMMG_HASH_COUNT = 4096 };

struct simc__emmg {
    struct simc__emmg_environment environment;
    const struct simc__emmg_conf *conf;
    uint64_t figures[SIMC__EMMG_PEER_STAT_COUNT][SIMC__EMMG_STATUSES];
    struct simc__metrics *metrics; /* where the sets are; NULL: never collected */
    struct simc__metric_set *stats;
    struct simc__emmg_channel *channels;
    struct simc__emmg_stream *streams, **streams_end;
    size_t channel_count, stream_count; /* open */
    size_t waiting;                     /* channels that wait */
    uint64_t settle_ms;                 /* when some of them may have their answer */
    struct simc__emmg_carrier *carriers;
    struct simc__emmg_share *shares;
    struct simc__emmg_client *clients, *old_clients;       /* the old ones only have a set */
    struct simc__emmg_stream *hash[SIMC__EMMG_HASH_COUNT]; /* by client_id and data_id, for UDP */
    uint64_t turn_ms;                                      /* of the carriers */
    size_t lacking;  /* streams that have less than they want */
    uint64_t now_ms; /* of the last simc__emmg_run() */
};

/* ---- emmg.c ---- */

/* What a client may do; NULL: nothing. */
const struct simc__emmg_client_conf *simc__emmg_client_conf(const struct simc__emmg *emmg,
                                                            uint32_t client_id);
/* Gives every stream its share, and tells those whose share has changed.
 * @param but this one is told by the caller; or NULL. */
void simc__emmg_allocate(struct simc__emmg *emmg, const struct simc__emmg_stream *but);
/* The same where only this stream is new, or wants something else. The caller tells it. */
void simc__emmg_allocate_to(struct simc__emmg *emmg, struct simc__emmg_stream *stream);
/* A stream ends. When all that end have ended, simc__emmg_allocate_rest() gives others what has
 * become free. */
void simc__emmg_allocate_none(struct simc__emmg_stream *stream);
void simc__emmg_allocate_rest(struct simc__emmg *emmg);
/* Runs now, or with the next turn of the loop when it has run in this one. */
void simc__emmg_run_soon(struct simc__emmg *emmg, uint64_t now_ms);
/* Takes the datagrams of a message. */
void simc__emmg_take(struct simc__emmg_stream *stream, struct simc_values datagrams, size_t bytes,
                     bool is_udp, uint64_t now_ms);

/* ---- emmg_channel.c ---- */

/* Ends an open channel with its streams; its connection stays. */
void simc__emmg_channel_close(struct simc__emmg_channel *channel, const char *why, uint64_t now_ms);
/* Answers what a channel waits for, or lets it wait on. */
void simc__emmg_channel_decide(struct simc__emmg_channel *channel, uint64_t now_ms);

/* ---- emmg_takeover.c ---- */

enum simc__emmg_claim {
    SIMC__EMMG_CLAIM_FREE,   /* the old channel has given way */
    SIMC__EMMG_CLAIM_IN_USE, /* it stays */
    SIMC__EMMG_CLAIM_WAITS,  /* it is being tested */
};

/* `channel` wants a place that the open channel `old` has.
 * @param pushes `takeover: same_peer` holds for it. */
enum simc__emmg_claim simc__emmg_claim(const struct simc__emmg_channel *channel,
                                       struct simc__emmg_channel *old, bool pushes,
                                       uint64_t now_ms);
/* The answer to what the session has just asked comes later. */
void simc__emmg_wait(struct simc__emmg_channel *channel, enum simc__emmg_wait wait,
                     uint64_t now_ms);
/* Its answer follows. Nothing happens when it does not wait. */
void simc__emmg_wait_end(struct simc__emmg_channel *channel, uint64_t now_ms);
/* From `settle_ms` on: answers those whose wait is over. */
void simc__emmg_settle(struct simc__emmg *emmg, uint64_t now_ms);

/* ---- emmg_carrier.c ---- */

/* The carrier for a stream. @return 0 and it; or the error_status for a refusal, with a sentence.
 */
uint16_t simc__emmg_carrier_get(struct simc__emmg *emmg, const struct simc__emmg_client_conf *conf,
                                const struct simc__emmg_stream *stream,
                                struct simc__emmg_carrier **carrier, char why[SIMC__EMMG_WHY_SIZE]);
/* A stream leaves it. Behind the last one, what waits is still sent, at the rate it had. */
void simc__emmg_carrier_put(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier,
                            uint64_t now_ms);
/* Releases it with all that waits. */
void simc__emmg_carrier_free(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier);
/* Nobody uses it, and nothing waits any more. */
bool simc__emmg_carrier_is_done(const struct simc__emmg_carrier *carrier, uint64_t now_ms);
/* Opens and closes its source, at start and when engines change. */
int simc__emmg_carrier_open(struct simc__emmg *emmg, struct simc__emmg_carrier *carrier,
                            char why[SIMC__EMMG_WHY_SIZE]) SIMC_MUST_CHECK;
void simc__emmg_carrier_close(struct simc__emmg_carrier *carrier);
void simc__emmg_carrier_rate(struct simc__emmg_carrier *carrier);
/* Takes one section, or packets. @return 0, SIMC_EFULL, SIMC_ENOTFOUND (no multiplex). */
int simc__emmg_carrier_section(struct simc__emmg_carrier *carrier,
                               struct simc_slice section) SIMC_MUST_CHECK;
int simc__emmg_carrier_packets(struct simc__emmg_carrier *carrier,
                               struct simc_slice packets) SIMC_MUST_CHECK;
/* Bytes that wait in it and in the engine. */
size_t simc__emmg_carrier_fill(const struct simc__emmg_carrier *carrier);
/* Bytes that came so far, and those of them that are certainly on air or gone. */
uint64_t simc__emmg_carrier_came(const struct simc__emmg_carrier *carrier);
uint64_t simc__emmg_carrier_out(const struct simc__emmg_carrier *carrier);
/* Moves sections on. @return true: some are left. */
bool simc__emmg_carrier_turn(struct simc__emmg_carrier *carrier);

/* ---- emmg_stats.c ---- */

void simc__emmg_clients_free(struct simc__emmg *emmg);
unsigned simc__emmg_status_value(uint16_t status);
struct simc__emmg_client *simc__emmg_client_get(struct simc__emmg *emmg, uint32_t client_id);

static inline void simc__emmg_count(const struct simc__emmg_channel *channel,
                                    enum simc__emmg_stat stat, unsigned value, uint64_t amount)
{
    if (channel->client)
        channel->client->figures[stat][value] += amount;
}

#endif
