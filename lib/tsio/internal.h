/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of lib/tsio share: the objects, and the table of kinds that opens them. Nothing
 * outside of this folder includes it but its tests. */
#ifndef SIMC__TSIO_INTERNAL_H
#define SIMC__TSIO_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "tsio/tsio.h"

enum {
    SIMC__TSIO_RECEIVE_COUNT = 64,  /* datagrams in one call */
    SIMC__TSIO_RECEIVE_SIZE = 9216, /* bytes of the largest: one of a jumbo frame */
    SIMC__TSIO_CHUNK_SIZE = 262144, /* of one read of a file or pipe */
    SIMC__TSIO_RUN_COUNT = 350,
    SIMC__TSIO_QUEUE_SIZE = 4 << 20,
    SIMC__TSIO_QUEUE_LEAST = 65536,
    SIMC__TSIO_RETRY_MS = 1000,
    SIMC__TSIO_LOST_MS = 1000,
};

/* ---- kinds ---- */

struct simc__tsio_input_kind {
    /* Opens it, or says why not: it is called again when the input is live. */
    int (*open)(struct simc__tsio_input *input, char why[SIMC__TSIO_TEXT_SIZE]);
    /* Closes descriptors and handles; simc__tsio_input_closed() is called when that is done. */
    void (*close)(struct simc__tsio_input *input);
    /* Goes on behind simc__tsio_input_resume(). */
    void (*resume)(struct simc__tsio_input *input);
};

struct simc__tsio_output_kind {
    /* Takes the memory of the queue. */
    int (*prepare)(struct simc__tsio_output *output);
    int (*open)(struct simc__tsio_output *output, char why[SIMC__TSIO_TEXT_SIZE]);
    void (*close)(struct simc__tsio_output *output);
    int (*put)(struct simc__tsio_output *output, const uint8_t *packets, size_t count,
               uint64_t at_ns, uint64_t until_ns);
    /* Nothing more will come. */
    void (*finish)(struct simc__tsio_output *output);
    uint64_t (*waiting)(const struct simc__tsio_output *output);
};

struct simc__tsio_kind_row {
    const char *name;
    const char *scheme; /* what an address begins with */
    bool is_network;
    const struct simc__tsio_input_kind *input;   /* NULL: it is none */
    const struct simc__tsio_output_kind *output; /* likewise */
};

extern const struct simc__tsio_kind_row simc__tsio_kinds[SIMC__TSIO_KIND_COUNT];
extern const struct simc__tsio_input_kind simc__tsio_input_udp, simc__tsio_input_file;
extern const struct simc__tsio_output_kind simc__tsio_output_udp, simc__tsio_output_file;

/* ---- context ---- */

struct simc__tsio {
    uv_loop_t *loop;
    size_t users;        /* inputs and outputs that are not gone */
    size_t handle_count; /* own handles that are not closed */
    bool is_freeing;
    bool *is_gone; /* of simc__tsio_free_now() */
    /* The pacing timer: an absolute timer of the monotonic clock on the loop. */
    int timer_fd;
    uv_poll_t timer;
    uint64_t armed_ns;               /* 0: it is not */
    struct simc__tsio_output *paced; /* a list */
    /* Shared by all inputs, because each batch is handled to its end. */
    uint8_t *received; /* RECEIVE_COUNT * RECEIVE_SIZE bytes */
};

void simc__tsio_use(struct simc__tsio *tsio);
void simc__tsio_unuse(struct simc__tsio *tsio);
/** Has simc__tsio_output_due() called for the paced outputs at that time, or before. */
void simc__tsio_arm(struct simc__tsio *tsio, uint64_t at_ns);

/* ---- inputs ---- */

struct simc__tsio_input {
    struct simc__tsio *tsio;
    const struct simc__tsio_input_kind *kind;
    struct simc__tsio_address address;
    struct simc__tsio_input_settings settings;
    struct simc__tsio_input_stats stats;
    struct simc_ts_sync sync;
    uv_timer_t timer; /* looks for losses, and opens again */
    uv_timer_t kick;  /* goes on behind simc__tsio_input_resume(), in a turn of the loop */
    unsigned timers_closed;
    bool is_open;    /* the kind has it open */
    bool is_closing; /* the kind closes it */
    bool is_freed;   /* by the owner */
    bool is_paused;
    bool is_over; /* ENDED or FAILED was told */
    bool is_lost;
    bool is_trouble_told;
    bool has_started;
    uint64_t quiet_since_ms; /* loop's clock: the last packets, or when it was opened */
    uint64_t arrival_ns;     /* of the packets handed over last */

    int fd;
    uv_poll_t poll;
    bool has_poll;

    /* UDP */
    bool has_sequence;
    uint16_t sequence;   /* the next one */
    uint32_t drop_count; /* as the kernel counts them */
    struct sockaddr_storage source;

    /* Files and pipes */
    bool is_regular;
    uint8_t *chunks[2]; /* one is read into while the other one is handed over */
    size_t chunk_sizes[2];
    unsigned reading, giving; /* which */
    bool is_reading, has_chunk, is_at_end, is_giving;
    uint64_t offset;
    uv_fs_t request;
    struct simc_ts_run run; /* what is left of it was refused */
    bool is_fed;
};

/** Hands packets over and keeps the books. @return how many were taken. */
size_t simc__tsio_input_give(struct simc__tsio_input *input, const struct simc_ts_run *run,
                             uint64_t arrival_ns);
/** It does not work: TROUBLE and a new attempt, or FAILED. Closes it. */
void simc__tsio_input_trouble(struct simc__tsio_input *input, const char *format, ...)
    SIMC_PRINTF(2, 3);
/** The end of the bytes: ENDED. Closes it. */
void simc__tsio_input_ended(struct simc__tsio_input *input);
/** The other side has closed a pipe: LOST, and it is opened again. */
void simc__tsio_input_hung_up(struct simc__tsio_input *input);
void simc__tsio_input_event(struct simc__tsio_input *input, enum simc__tsio_event_type type,
                            const char *text);
void simc__tsio_input_closed(struct simc__tsio_input *input);

/* ---- outputs ---- */

struct simc__tsio_output {
    struct simc__tsio *tsio;
    const struct simc__tsio_output_kind *kind;
    struct simc__tsio_address address;
    struct simc__tsio_output_settings settings;
    struct simc__tsio_output_stats stats;
    uv_timer_t timer; /* opens again */
    uv_timer_t flush; /* writes what is little, and what failed */
    unsigned timers_closed;
    bool is_open, is_closing, is_freed;
    bool is_in_trouble; /* TROUBLE was told */
    bool is_over;       /* ENDED or FAILED was told */
    bool is_finishing;
    bool is_full;        /* SIMC_EFULL was returned: `ready` is owed */
    uint64_t trouble_ns; /* the last failure */
    struct simc__tsio_output *next_paced;

    int fd;
    uv_poll_t poll;
    bool has_poll;

    /* UDP: a ring of datagrams */
    uint8_t *ring;
    uint64_t *times_ns;
    size_t slot_size, slot_count, head_size;
    size_t first, count; /* of whole datagrams */
    size_t fill;         /* packets in the one behind them */
    size_t short_count;  /* packets of the very last one, when they are fewer */
    bool is_gso_refused;
    uint64_t horizon_ns, looked_ns; /* see output_udp.c */
    uint16_t sequence;
    uint32_t ssrc;

    /* Files and pipes: a ring of bytes */
    size_t ring_size, at, held;
    uv_fs_t request;
    bool is_regular, is_writing, was_opened;
};

void simc__tsio_output_event(struct simc__tsio_output *output, enum simc__tsio_event_type type,
                             const char *text);
/** A write has failed: TROUBLE (told once), or FAILED. */
void simc__tsio_output_trouble(struct simc__tsio_output *output, const char *format, ...)
    SIMC_PRINTF(2, 3);
/** A write has succeeded. */
void simc__tsio_output_works(struct simc__tsio_output *output);
/** Closes it and opens it again after a while. */
void simc__tsio_output_reopen(struct simc__tsio_output *output);
/** Everything is written: ENDED. */
void simc__tsio_output_ended(struct simc__tsio_output *output);
void simc__tsio_output_closed(struct simc__tsio_output *output);
/** Calls `ready`, when that is owed. */
void simc__tsio_output_ready(struct simc__tsio_output *output);
/** Sends what is due. @return when it wants to be called again; UINT64_MAX: not. */
uint64_t simc__tsio_output_due(struct simc__tsio_output *output, uint64_t now_ns);

/* ---- sockets ---- */

/** Opens a socket that receives at an address, or sends to one; non-blocking. @return a descriptor,
 *  or -1 and a sentence. */
int simc__tsio_socket_in(const struct simc__tsio_address *address, struct sockaddr_storage *source,
                         char why[SIMC__TSIO_TEXT_SIZE]);
int simc__tsio_socket_out(const struct simc__tsio_address *address, char why[SIMC__TSIO_TEXT_SIZE]);
/** Reads an address without brackets. @return its size, 0: it is none. */
socklen_t simc__tsio_sockaddr(const char *host, uint16_t port, struct sockaddr_storage *address);

#endif
