/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server on the network: listening addresses, UDP sockets, TLS, one timer. service.c runs
 * it on the loop that runs the engines too; nothing here takes a lock. */
#ifndef SIMC__MUX_EMMG_SERVICE_H
#define SIMC__MUX_EMMG_SERVICE_H

#include "mux/emmg.h"
#include "simulcrypt/uv.h"

struct simc__emmg_service;

struct simc__emmg_service_settings {
    struct simc_uv_loop *loop;
    const struct simc_log *log;         /* of the thread of the loop */
    const struct simc__emmg_conf *conf; /* borrowed until _change() or _free() */
    void *context;
    struct simc__mux *(*find)(void *context, const char *multiplex); /* see emmg.h */
    void (*turn)(void *context); /* behind each event: lets engines run that are due */
};

/** Checks what the rows cannot know: certificates, the allow-list. */
int simc__emmg_service_check(const struct simc__emmg_conf *conf,
                             char why[SIMC_UV_TEXT_SIZE]) SIMC_MUST_CHECK;
/** File descriptors that it needs. */
uint64_t simc__emmg_service_files(const struct simc__emmg_conf *conf);

/** Starts to listen. In the thread of the loop, or while that stands still; likewise all others.
 *  @return 0, or an error and a sentence. */
int simc__emmg_service_new(const struct simc__emmg_service_settings *settings,
                           char why[SIMC_UV_TEXT_SIZE],
                           struct simc__emmg_service **service) SIMC_MUST_CHECK;
/** Ends all; the engines must still be there. Call it last before simc_uv_loop_free(), which
 *  releases what still closes. NULL is fine. */
void simc__emmg_service_free(struct simc__emmg_service *service);
/** Certificates, allow-list and limits of a new configuration, whole or not at all. */
int simc__emmg_service_prepare(struct simc__emmg_service *service,
                               const struct simc__emmg_conf *conf,
                               char why[SIMC_UV_TEXT_SIZE]) SIMC_MUST_CHECK;
/** Takes it over; cannot fail. Engines may have been made and removed. */
void simc__emmg_service_change(struct simc__emmg_service *service,
                               const struct simc__emmg_conf *conf);
/** Takes back what _prepare() did. */
void simc__emmg_service_restore(struct simc__emmg_service *service);
/** The engine will be freed. */
void simc__emmg_service_mux_gone(struct simc__emmg_service *service, const struct simc__mux *mux);
/** Gives an engine what waits for it: simc__emmg_fill(). */
void simc__emmg_service_fill(struct simc__emmg_service *service, const struct simc__mux *mux);
/** Listens no more, and closes the connections behind what is to be sent. */
void simc__emmg_service_drain(struct simc__emmg_service *service);

/** The members of "emmg" in /v1/status. */
void simc__emmg_service_status(struct simc__emmg_service *service, struct simc__json *json);
/** Brings the metrics up to date. By the thread of the registry, while the loop stands still. */
void simc__emmg_service_collect(struct simc__emmg_service *service, struct simc__metrics *metrics);

#endif
