/* SPDX-License-Identifier: BSL-1.0 */
/* The synchroniser without network: groups, ECMGs, muxes, driven by sessions, links and a clock.
 * service.c puts it on libuv; tests drive it in memory.
 *
 *     simc__scs_channel_events(channel, now_ms);  // whatever was given to a session or link
 *     simc__scs_run(scs, now_ms);                 // then this: obeys the schedulers, and has the
 *                                                 // environment send what there is to send
 *     arm_timer(simc__scs_deadline_ms(scs));      // when due: simc__scs_run()
 *
 * simc__scs_run() may be called from inside the environment's functions: it returns at once then.
 */
#ifndef SIMC__SCS_SCS_H
#define SIMC__SCS_SCS_H

#include "link/link.h"
#include "scs/conf.h"
#include "scs/words.h"
#include "simulcrypt/session.h"

struct simc__scs;
struct simc__scs_channel; /* a channel of an ECMG: a connection that is made again and again */
struct simc__scs_mux;     /* a link that a mux has opened */

enum { SIMC__SCS_WHY_SIZE = 512, SIMC__SCS_NAME_SIZE = 64 };

/* What the service needs from outside; tests give their own. */
struct simc__scs_environment {
    const struct simc_log *log;
    struct simc__metrics *metrics; /* all is counted as thread 0 */
    struct simc__scs_source source;
    uint64_t (*wall_us)(void *context); /* microseconds since 1970, UTC */
    void *context;
    /* Connects a channel and keeps it connected, and takes that back: then the channel is gone. */
    int (*connect)(void *context, struct simc__scs_channel *channel);
    void (*disconnect)(void *context, struct simc__scs_channel *channel);
    /* Sends what the session of the channel, or the link, has to say. Called by simc__scs_run(). */
    void (*flush_channel)(void *context, struct simc__scs_channel *channel);
    void (*flush_mux)(void *context, struct simc__scs_mux *mux);
    /* Bytes of the link that the system has not taken. Control words go to no ECMG before the
     * mux's copy has left this process. */
    size_t (*mux_waiting)(void *context, struct simc__scs_mux *mux);
    /* A line of --print, with its line end. NULL where nothing is printed. */
    void (*print)(void *context, struct simc_slice line);
};

/** Makes the synchroniser. @param conf stays the caller's, and must outlive it or the next
 *  simc__scs_change(). @param why on failure a sentence.
 *  @return 0, or an error of SIMC_ERROR_ROWS. */
int simc__scs_new(const struct simc__scs_environment *environment,
                  const struct simc__scs_conf *conf, uint64_t now_ms, struct simc__scs **scs,
                  char why[SIMC__SCS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Disconnects everything and releases. NULL is fine. */
void simc__scs_free(struct simc__scs *scs);
/** Takes another configuration over, all or nothing: what is alike in both goes on. */
int simc__scs_change(struct simc__scs *scs, const struct simc__scs_conf *conf, uint64_t now_ms,
                     char why[SIMC__SCS_WHY_SIZE]) SIMC_MUST_CHECK;
/** Looks at what the rows cannot know; for --check. */
int simc__scs_check(const struct simc__scs_conf *conf,
                    char why[SIMC__SCS_WHY_SIZE]) SIMC_MUST_CHECK;
const struct simc__scs_conf *simc__scs_conf(const struct simc__scs *scs);

void simc__scs_run(struct simc__scs *scs, uint64_t now_ms);
uint64_t simc__scs_deadline_ms(const struct simc__scs *scs);
/** Closes all channels in due order: for a shutdown. The muxes keep what they have. */
void simc__scs_drain(struct simc__scs *scs, uint64_t now_ms);
/** True when no channel is open any more. */
bool simc__scs_is_drained(const struct simc__scs *scs);

/* ---- channels ---- */

const struct simc__scs_ecmg_conf *simc__scs_channel_conf(const struct simc__scs_channel *channel);
/** Whoever carries the connection. */
void simc__scs_channel_owner_set(struct simc__scs_channel *channel, void *owner);
void *simc__scs_channel_owner(const struct simc__scs_channel *channel);
/** The connection stands: makes its session. @return 0, or an error: close it. */
int simc__scs_channel_connected(struct simc__scs_channel *channel, uint64_t now_ms,
                                struct simc_session **session) SIMC_MUST_CHECK;
/** Handles all events of the session; simc__scs_run() is to follow. */
void simc__scs_channel_events(struct simc__scs_channel *channel, uint64_t now_ms);
/** The connection is gone: releases the session. @param why a sentence for the log. */
void simc__scs_channel_disconnected(struct simc__scs_channel *channel, const char *why,
                                    uint64_t now_ms);
/** An attempt to connect has failed. */
void simc__scs_channel_unreachable(struct simc__scs_channel *channel, const char *why,
                                   uint64_t now_ms);
/** True once behind a refusal of the protocol_version, when another one is to be tried at once. */
bool simc__scs_channel_retries_at_once(struct simc__scs_channel *channel);

/* ---- muxes ---- */

/** A mux has connected. @param peer its address, for the log. */
int simc__scs_mux_connected(struct simc__scs *scs, const char *peer, uint64_t now_ms,
                            struct simc__scs_mux **mux) SIMC_MUST_CHECK;
struct simc__link *simc__scs_mux_link(struct simc__scs_mux *mux);
void simc__scs_mux_owner_set(struct simc__scs_mux *mux, void *owner);
void *simc__scs_mux_owner(const struct simc__scs_mux *mux);
/** Handles all events of the link; simc__scs_run() is to follow. */
void simc__scs_mux_events(struct simc__scs_mux *mux, uint64_t now_ms);
void simc__scs_mux_disconnected(struct simc__scs_mux *mux, const char *why, uint64_t now_ms);

/* ---- what it tells ---- */

void simc__scs_status(struct simc__scs *scs, struct simc__json *json);
void simc__scs_collect(struct simc__scs *scs);
/** False as long as a group that is to be scrambled is not, or lacks an ECMG. */
bool simc__scs_is_ready(const struct simc__scs *scs, char why[SIMC__SCS_WHY_SIZE]);

extern const struct simc__metric_table simc__scs_stats, simc__scs_ecmg_stats,
    simc__scs_stream_stats;

#endif
