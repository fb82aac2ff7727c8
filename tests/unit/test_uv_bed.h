/* SPDX-License-Identifier: BSL-1.0 */
/* A test bed for the network adapter: a loop with an end to every wait, a protocol that echoes, and
 * sockets without an adapter behind them. The test_uv_*.c files use it. */
#ifndef SIMC_TESTS_UV_BED_H
#define SIMC_TESTS_UV_BED_H

#include "simulcrypt/uv.h"
#include "unit/unit.h"

enum { BED_RETRIES_MAX = 32, BED_CEILING = 1 << 26 };

/* The protocol object of one connection. */
struct bed_echo {
    struct bed *bed;
    struct simc_uv_connection *connection;
    struct bed_echo *next;
    struct simc_buffer in, out;
    size_t block_at;      /* blocked from so many bytes of output on; 0: never */
    const char *close;    /* wants_close */
    uint64_t deadline_ms; /* SIMC_DEADLINE_NONE: none */
    unsigned expired, events, fed;
    bool is_disconnected, is_ended;
    struct simc_uv_end end;
};

struct bed {
    struct simc_uv_loop *loop;
    struct simc_uv_timer *tick; /* so that each wait looks at its condition again */
    uint64_t give_up_ms;
    struct bed_echo *echoes; /* the newest first */
    bool is_quiet;           /* objects do not echo */
    size_t block_at;         /* for new objects */
    int open_error;          /* what on_open returns */
    unsigned opened, ended, refused, gone;
    enum simc_uv_end_reason refused_by[64];
    char refused_peer[SIMC_UV_ADDRESS_SIZE];
    struct simc_uv_end refused_end;
    unsigned retries;
    uint32_t delays_ms[BED_RETRIES_MAX];
    struct simc_uv_end retry_end;
    uint32_t retry_as_ms; /* what on_retry makes of the delay; SIMC_UV_OFF: leaves it */
};

extern const struct simc_uv_protocol bed_protocol;
/* Handlers that make a bed_echo for each connection; the context is the bed. */
extern const struct simc_uv_handlers bed_handlers;

void bed_init(struct bed *bed);
/* Frees the loop and all that is on it, and releases the objects. */
void bed_fini(struct bed *bed);
/* Runs one turn of the loop; ends the test when its time is over. */
void bed_turn(struct bed *bed, const char *file, int line, const char *what);
/* Runs the loop until the condition holds. */
#define bed_until(bed, condition)                            \
    do {                                                     \
        while (!(condition))                                 \
            bed_turn((bed), __FILE__, __LINE__, #condition); \
    } while (0)
/* Runs the loop for some turns, for what must not happen. */
void bed_turns(struct bed *bed, unsigned count);

/* A server on 127.0.0.1 with the handlers of the bed; `settings` may be filled before. */
struct simc_uv_server *bed_server(struct bed *bed, struct simc_uv_server_settings *settings);
/* A client to a port of 127.0.0.1. */
struct simc_uv_client *bed_client(struct bed *bed, struct simc_uv_client_settings *settings,
                                  uint16_t port);
/* Gives bytes to an object as if it had made them itself, and sends them. */
void bed_say(struct bed_echo *echo, struct simc_slice bytes);

/* ---- plain sockets ---- */

/* A non-blocking connection. @param host of which family it is too. */
int bed_connect(const char *host, uint16_t port);
/* A non-blocking listening socket on 127.0.0.1. */
int bed_listen(uint16_t *port);
/* Sends all, running the loop meanwhile. */
void bed_send(struct bed *bed, int fd, struct simc_slice bytes);
/* Receives until there are `size` bytes or the end; runs the loop meanwhile. @return how many. */
size_t bed_receive(struct bed *bed, int fd, void *bytes, size_t size);
/* True at the end of the connection, however it came; runs no loop. */
bool bed_is_over(int fd);

#endif
