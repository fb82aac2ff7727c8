/* SPDX-License-Identifier: BSL-1.0 */
/* The server of EMMG/PDG-MUX without network: channels, streams, bandwidth, and the way of their
 * data into the engines. service.c puts it on libuv; tests drive it in memory.
 *
 *     simc__emmg_channel_events(channel, now_ms);   // whatever was given to its session
 *     simc__emmg_run(emmg, now_ms);                 // at simc__emmg_deadline_ms()
 *
 * Bandwidth counts packets on air. Streams get what they ask for in the order in which they were
 * opened, within what their client and the multiplex have; what becomes free goes to those that
 * still want more, and they are told. A stream may be ahead of its allocation by a burst; what goes
 * beyond is refused (0x000F) or waited for, as the configuration says.
 *
 * Data of one PID goes through one carrier. Sections wait there until the engine has room for them
 * at the rate of the PID, so that small ones share packets; packets go on at once. */
#ifndef SIMC__MUX_EMMG_H
#define SIMC__MUX_EMMG_H

#include "base/json.h"
#include "daemon/metrics.h"
#include "mux/emmg_conf.h"
#include "mux/mux.h"
#include "simulcrypt/emmg_session.h"

struct simc__emmg;         /* the server */
struct simc__emmg_channel; /* a connection, and its channel when it has opened one */

enum { SIMC__EMMG_WHY_SIZE = 256 };

struct simc__emmg_environment {
    const struct simc_log *log;
    void *context;
    /* The engine of a multiplex; NULL as name: the first one. NULL: there is none. */
    struct simc__mux *(*find)(void *context, const char *multiplex);
    /* A session has output: send it soon, but not from inside this call. */
    void (*flush)(void *context, struct simc__emmg_channel *channel);
    /* The peer of this connection has ended it, though that has not been read yet. May be NULL. */
    bool (*is_ended)(void *context, const struct simc__emmg_channel *channel);
};

struct simc__emmg_peer {
    const char *address;      /* "192.0.2.1:40000" */
    const char *const *names; /* of its certificate, verified */
    size_t name_count;
};

/** Makes the server. @param conf stays the caller's, and must outlive it or the next
 *  simc__emmg_change(). @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
int simc__emmg_new(const struct simc__emmg_environment *environment,
                   const struct simc__emmg_conf *conf, struct simc__emmg **emmg) SIMC_MUST_CHECK;
/** All channels must be gone. NULL is fine. */
void simc__emmg_free(struct simc__emmg *emmg);
/** Takes another configuration over. Channels and streams that are open stay; their bandwidth
 *  follows at once. Streams whose multiplex was not there find it, if it is now. */
void simc__emmg_change(struct simc__emmg *emmg, const struct simc__emmg_conf *conf,
                       uint64_t now_ms);
/** An engine will be freed; NULL: all of them. Streams drop what comes, until
 *  simc__emmg_change() finds them another one. */
void simc__emmg_mux_gone(struct simc__emmg *emmg, const struct simc__mux *mux);

/** Moves what waits, and goes on with channels that wait for their bandwidth. */
void simc__emmg_run(struct simc__emmg *emmg, uint64_t now_ms);
/** Moves what waits for an engine. While an engine makes up for a time in which the program did
 *  not get to run: so the pace of the data is kept. */
void simc__emmg_fill(struct simc__emmg *emmg, const struct simc__mux *mux);
/** When simc__emmg_run() is to be called, or SIMC_DEADLINE_NONE. */
uint64_t simc__emmg_deadline_ms(const struct simc__emmg *emmg);

/* ---- TCP ---- */

/** A connection stands. @return 0, or an error: close it. */
int simc__emmg_channel_new(struct simc__emmg *emmg, const struct simc__emmg_peer *peer,
                           uint64_t now_ms, struct simc__emmg_channel **channel) SIMC_MUST_CHECK;
struct simc_session *simc__emmg_channel_session(struct simc__emmg_channel *channel);
void simc__emmg_channel_owner_set(struct simc__emmg_channel *channel, void *owner);
void *simc__emmg_channel_owner(const struct simc__emmg_channel *channel);
/** Handles all events of its session. */
void simc__emmg_channel_events(struct simc__emmg_channel *channel, uint64_t now_ms);
/** Releases it with its streams. @param why a sentence for the log. */
void simc__emmg_channel_free(struct simc__emmg_channel *channel, const char *why, uint64_t now_ms);

/* ---- UDP ---- */

/** Takes a datagram. Whatever is wrong with it is counted, and never answered. Behind the last one
 *  of a batch call simc__emmg_run(). */
void simc__emmg_udp(struct simc__emmg *emmg, struct simc_slice datagram, uint64_t now_ms);

/* ---- what it tells ---- */

/* The figures of each client_id. */
enum simc__emmg_stat {
    SIMC__EMMG_STAT_CHANNELS,
    SIMC__EMMG_STAT_STREAMS,
    SIMC__EMMG_STAT_ALLOCATED,
    SIMC__EMMG_STAT_QUEUE_AGE, /* of its oldest stream; brought up to date when it is asked for */
    SIMC__EMMG_STAT_MESSAGES,
    SIMC__EMMG_STAT_DATAGRAMS,
    SIMC__EMMG_STAT_RECEIVED,
    SIMC__EMMG_STAT_INSERTED,
    SIMC__EMMG_STAT_DROPPED, /* by enum simc__emmg_drop */
    SIMC__EMMG_STAT_ERRORS,  /* by status */
    SIMC__EMMG_STAT_COUNT,
};

/* The figures of what belongs to no client. */
enum simc__emmg_peer_stat {
    SIMC__EMMG_STAT_CONNECTIONS,
    SIMC__EMMG_STAT_REFUSED, /* channels, by status */
    SIMC__EMMG_STAT_PEER_ERRORS,
    SIMC__EMMG_STAT_UDP,
    SIMC__EMMG_STAT_UDP_DROPPED,
    SIMC__EMMG_PEER_STAT_COUNT,
};

/* Why data was dropped: name, word, text. */
#define SIMC__EMMG_DROP_ROWS(ROW)                                                \
    ROW(EXCESS, "excess", "more than the allocation of the stream")              \
    ROW(FULL, "full", "the queue of the PID is full: the multiplex has no room") \
    ROW(WRONG, "wrong", "it is not what section_TSpkt_flag says")                \
    ROW(NO_MULTIPLEX, "no_multiplex", "the multiplex does not exist now")

#define SIMC__EMMG_DROP_ENUM(name, word, text) SIMC__EMMG_DROP_##name,
enum simc__emmg_drop { SIMC__EMMG_DROP_ROWS(SIMC__EMMG_DROP_ENUM) SIMC__EMMG_DROP_COUNT };
#undef SIMC__EMMG_DROP_ENUM

extern const struct simc__metric_table simc__emmg_stats, simc__emmg_peer_stats;

/** Brings the sets of all clients up to date; makes those of new ones. By the thread of the
 *  registry, while nothing else calls the server. */
void simc__emmg_collect(struct simc__emmg *emmg, struct simc__metrics *metrics, uint64_t now_ms);

/** Members of /v1/status: clients with their streams, PIDs with their queues. */
void simc__emmg_status(struct simc__emmg *emmg, struct simc__json *json, uint64_t now_ms);

#endif
