/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server of muxd in memory: real sessions of EMMGs on one side, a real engine on the
 * other, one clock for both. Sections are found in the output by a reader of its own, and each must
 * be whole, in its order and byte for byte what was sent. The tests of the server call it. */
#ifndef SIMC_TESTS_EMMG_WORLD_H
#define SIMC_TESTS_EMMG_WORLD_H

#include "mux/emmg.h"

enum {
    EMMG_PEERS = 128,
    EMMG_STREAMS = 16,
    EMMG_KEYS = 4096, /* streams in all */
    EMMG_CLIENT = 0x12340001,
    EMMG_START_MS = 1000, /* when the stream of the engine begins */
    EMMG_STEP_MS = 5,
    EMMG_BIN_MS = 100,
    EMMG_BINS = 80000,
    EMMG_PACKET = 188,
    EMMG_SECTION_ROOM = 4200,
};

struct emmg_pid {
    bool is_seen;
    uint8_t cc;
    uint64_t packets;
    uint8_t section[EMMG_SECTION_ROOM];
    size_t size; /* of the section so far */
};

struct emmg_peer {
    struct simc_session *session;
    struct simc__emmg_channel *channel;
    uint32_t client_id;
    unsigned open;
    uint32_t allocated[EMMG_STREAMS], told[EMMG_STREAMS];
    unsigned errors;
    uint16_t status;
    bool is_over;
    bool is_lost;   /* nothing passes in either direction, and nobody is told */
    bool is_deaf;   /* what is sent to it is lost */
    unsigned tests; /* channel_tests that were sent to it */
};

struct emmg_world {
    const struct simc__emmg_channel *ended; /* its peer has ended the connection, unread */
    struct simc__emmg_conf conf;
    struct simc__emmg_client_conf clients[4];
    struct simc__emmg_pid_conf pids[4];
    uint8_t versions[4];
    struct simc__mux *mux;
    bool has_no_mux;
    struct simc__emmg *emmg;
    uint64_t now_ms, bitrate;
    struct emmg_peer peers[EMMG_PEERS];
    struct emmg_pid out[8192];
    uint64_t sent[EMMG_KEYS], got[EMMG_KEYS], section_bytes; /* sections by key */
    uint16_t pid_of[EMMG_KEYS];
    uint16_t cat_pids[64];
    unsigned cat_count;
    uint16_t watched; /* PID whose packets are counted in bins */
    uint32_t *bins;
};

/* Writes section `count` of a key. @return its size. */
size_t emmg_make_section(uint8_t *out, uint32_t key, uint64_t count, size_t size);
void emmg_world_start(struct emmg_world *world, uint64_t bitrate);
/* Change its configuration before it is started. */
struct emmg_world *emmg_world_new(void);
/* Passes what peer and server have for each other. */
void emmg_pump(struct emmg_world *world, struct emmg_peer *peer);
/* Lets time pass. */
void emmg_step(struct emmg_world *world, uint64_t ms);
/** Time in which the program did not get to run, made up for by the engine alone.
 *  @param is_filled the engine gets what waits for it meanwhile. */
void emmg_late(struct emmg_world *world, uint64_t ms, bool is_filled);
struct emmg_peer *emmg_connect_from(struct emmg_world *world, unsigned index, uint32_t client_id,
                                    uint16_t channel_id, uint8_t form, uint8_t version,
                                    const struct simc__emmg_peer *from);
struct emmg_peer *emmg_connect(struct emmg_world *world, unsigned index, uint32_t client_id,
                               uint16_t channel_id, uint8_t form, uint8_t version);
void emmg_leave(struct emmg_world *world, struct emmg_peer *peer);
void emmg_open_stream(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream,
                      uint16_t data_id, uint8_t type);
void emmg_ask(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream, uint16_t kbitps);
/* Sends the next section of a key. @return false: the session does not take it now. */
bool emmg_send_section(struct emmg_world *world, struct emmg_peer *peer, uint16_t stream,
                       uint32_t key, size_t size);
void emmg_world_free(struct emmg_world *world);
/* Connects. @return the error_status of a refusal, or 0. */
uint16_t emmg_refused(struct emmg_world *world, unsigned index, uint32_t client_id,
                      uint16_t channel, uint8_t form);

#endif
