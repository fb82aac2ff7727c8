/* SPDX-License-Identifier: BSL-1.0 */
/* Where transport streams come from and go to: UDP, RTP, files, pipes, standard input and output,
 * behind one interface and one grammar of addresses (docs/addresses.md). muxd, the receiver and the
 * command line tools use it.
 *
 * Everything here belongs to the thread of one libuv loop. Nothing blocks it: files are read and
 * written by libuv's threads, everything else is non-blocking. Handlers are called by the loop,
 * never from inside a call of the owner's, and may call anything here but simc__tsio_free(). */
#ifndef SIMC__TSIO_TSIO_H
#define SIMC__TSIO_TSIO_H

#include <uv.h>

#include "simulcrypt/ts.h"

/* ------------------------------------------------------------------------------- addresses -- */

enum simc__tsio_kind {
    SIMC__TSIO_FILE,     /* file:PATH, or a path alone; a FIFO or device there is a PIPE */
    SIMC__TSIO_STANDARD, /* -: standard input, standard output */
    SIMC__TSIO_PIPE,     /* pipe:PATH */
    SIMC__TSIO_UDP,      /* udp://[SOURCE@]HOST:PORT[?NAME=VALUE&...] */
    SIMC__TSIO_RTP,      /* rtp://... likewise */
    SIMC__TSIO_KIND_COUNT
};

enum simc__tsio_direction { SIMC__TSIO_INPUT = 1, SIMC__TSIO_OUTPUT = 2 };

enum {
    SIMC__TSIO_TEXT_SIZE = 256,     /* of a sentence, end mark included */
    SIMC__TSIO_PATH_SIZE = 1024,    /* likewise */
    SIMC__TSIO_HOST_SIZE = 64,      /* likewise */
    SIMC__TSIO_ADDRESS_SIZE = 1280, /* of an address written out, likewise */
    SIMC__TSIO_DATAGRAM_PACKETS = 7,
};

struct simc__tsio_address {
    enum simc__tsio_kind kind;
    char path[SIMC__TSIO_PATH_SIZE];      /* FILE, PIPE */
    char host[SIMC__TSIO_HOST_SIZE];      /* UDP, RTP: IPv4 or IPv6 without brackets */
    char source[SIMC__TSIO_HOST_SIZE];    /* "": none. Input: only this sender; output: the local
                                           * address to send from */
    char interface[SIMC__TSIO_HOST_SIZE]; /* its name or address; "": as the system routes */
    uint16_t port;
    bool is_multicast;
    uint32_t ttl;      /* output: 1..255 */
    uint32_t dscp;     /* output: 0..63 */
    uint32_t buffer;   /* bytes of the socket's buffer */
    uint32_t packets;  /* output: in a datagram, 1..7 */
    uint32_t early_ms; /* output: how long before its time a datagram may leave with others, 0..10;
                        * 0: SLACK_NS of output_udp.c */
};

/** Reads an address. @param directions what it will be used for: options that do not fit are
 *  refused. @param why on failure a sentence without a full stop.
 *  @return 0, SIMC_ESYNTAX (what is written is wrong), SIMC_EUNSUPPORTED (a kind that is not
 * there).
 */
int simc__tsio_address_read(const char *text, unsigned directions,
                            struct simc__tsio_address *address,
                            char why[SIMC__TSIO_TEXT_SIZE]) SIMC_MUST_CHECK;
/** Writes an address so that it reads to the same value, without what is by default. */
void simc__tsio_address_put(struct simc_writer *out, const struct simc__tsio_address *address);
/** The name of a kind: "udp". */
const char *simc__tsio_kind_name(enum simc__tsio_kind kind);
/** True when reading it has an end, and waiting for it costs nothing: files and pipes. */
bool simc__tsio_can_wait(const struct simc__tsio_address *address);

/* --------------------------------------------------------------------------------- context -- */

/* What the inputs and outputs of one loop share: the area that datagrams arrive in, and the timer
 * that paces the outputs. */
struct simc__tsio;

/** @return 0, SIMC_ENOMEM, SIMC_EIO (no timer). */
int simc__tsio_new(uv_loop_t *loop, struct simc__tsio **tsio) SIMC_MUST_CHECK;
/** Frees it when its inputs and outputs, which the owner frees before, have closed. NULL is fine.
 */
void simc__tsio_free(struct simc__tsio *tsio);
/** The same, and runs the loop until it is gone; not from inside of the loop. NULL is fine. */
void simc__tsio_free_now(struct simc__tsio *tsio);

/* ---------------------------------------------------------------------------------- events -- */

enum simc__tsio_event_type {
    SIMC__TSIO_OPENED,   /* input: it waits for packets; output: it can be written to */
    SIMC__TSIO_STARTED,  /* input: the first packets are about to come */
    SIMC__TSIO_LOST,     /* input: none came for `lost_ms`, or the writer of a pipe has closed it */
    SIMC__TSIO_RETURNED, /* input: they come again; output: what was in TROUBLE works again */
    SIMC__TSIO_LOOPED,   /* input: the file begins again */
    SIMC__TSIO_TROUBLE,  /* it does not work now and is tried again: `text` */
    SIMC__TSIO_ENDED,    /* the last one: its end was reached and, output, everything written */
    SIMC__TSIO_FAILED,   /* the last one: `text` */
};

struct simc__tsio_event {
    enum simc__tsio_event_type type;
    const char *text; /* TROUBLE, LOST, FAILED: one sentence without a full stop; else "" */
};

/* ---------------------------------------------------------------------------------- inputs -- */

struct simc__tsio_input;

struct simc__tsio_input_handlers {
    /** Packets, `run->stride` bytes apart. They stay where they are until this returns.
     *  @param arrival_ns CLOCK_MONOTONIC. Datagrams: when the kernel received them - its time
     * stamps are of the wall clock, so the difference to the wall clock of now is taken from the
     *         monotonic clock of now, at most a second, never in front of the packets before.
     *         Files and pipes: when they were read.
     *  @return how many were taken. Fewer than there are: the consumer is full. What can wait is
     *          given again behind simc__tsio_input_resume(); of datagrams the rest is dropped. */
    size_t (*packets)(void *context, const struct simc_ts_run *run, uint64_t arrival_ns);
    void (*event)(void *context, const struct simc__tsio_event *event); /* may be NULL */
    void (*gone)(void *context); /* may be NULL: simc__tsio_input_free() is through */
};

/* Zeroed numbers stand for the defaults named. */
struct simc__tsio_input_settings {
    const struct simc__tsio_address *address; /* copied */
    bool is_live;      /* errors, and the ends of pipes, are waited out: TROUBLE or LOST, then it is
                        * opened again. Otherwise they are FAILED and ENDED */
    bool is_looped;    /* files begin again at their end */
    uint32_t lost_ms;  /* silence that is a loss; 1000 */
    uint32_t retry_ms; /* until it is opened again; 1000 */
    size_t run_count;  /* most packets of a file or pipe in one call; 350 */
    struct simc__tsio_input_handlers handlers;
    void *context;
};

struct simc__tsio_input_stats {
    uint64_t packets, bytes;     /* handed over */
    uint64_t skipped_bytes;      /* that belonged to no packet */
    uint64_t sync_losses;        /* of a byte stream, or of a datagram that holds no packets */
    uint64_t datagrams;          /* received */
    uint64_t dropped_datagrams;  /* by the kernel: the socket's buffer was full */
    uint64_t refused_packets;    /* the consumer was full */
    uint64_t rtp_lost, rtp_late; /* datagrams: gaps in the sequence; out of order */
    uint64_t losses;             /* LOST events */
    uint64_t opened;             /* how often */
    uint64_t last_packet_ns;     /* monotonic; 0: none */
    bool is_running;             /* packets come */
};

/** Starts to open an input; what happens comes as events.
 *  @return 0, SIMC_EINVAL (the kind or a setting), SIMC_ENOMEM. */
int simc__tsio_input_new(struct simc__tsio *tsio, const struct simc__tsio_input_settings *settings,
                         struct simc__tsio_input **input) SIMC_MUST_CHECK;
/** Closes it; `gone` follows, and no other handler. NULL is fine. */
void simc__tsio_input_free(struct simc__tsio_input *input);
/** Hands nothing over until simc__tsio_input_resume(); datagrams are dropped meanwhile. */
void simc__tsio_input_pause(struct simc__tsio_input *input);
void simc__tsio_input_resume(struct simc__tsio_input *input);
void simc__tsio_input_stats(const struct simc__tsio_input *input,
                            struct simc__tsio_input_stats *stats);

/* --------------------------------------------------------------------------------- outputs -- */

struct simc__tsio_output;

struct simc__tsio_output_handlers {
    void (*event)(void *context, const struct simc__tsio_event *event); /* may be NULL */
    void (*ready)(void *context); /* half of the queue is free again, after SIMC_EFULL */
    void (*gone)(void *context);  /* may be NULL: simc__tsio_output_free() is through */
};

struct simc__tsio_output_settings {
    const struct simc__tsio_address *address; /* copied */
    bool is_live; /* what does not fit, or cannot be written, is dropped and counted, and errors are
                   * TROUBLE. Otherwise nothing is lost: SIMC_EFULL, then `ready`; errors are FAILED
                   */
    size_t queue_bytes; /* the ceiling; 4 MiB, at least 64 KiB */
    uint32_t retry_ms;  /* until it is opened again; 1000 */
    struct simc__tsio_output_handlers handlers;
    void *context;
};

struct simc__tsio_output_stats {
    uint64_t packets, bytes;  /* that left */
    uint64_t datagrams;       /* likewise */
    uint64_t calls;           /* of the system, for them */
    uint64_t dropped_packets; /* the queue was full, or nothing could be written */
    uint64_t late_datagrams;  /* left more than 5 ms behind their time */
    uint64_t most_late_ns;    /* the worst of them, since the last call of _stats() */
    uint64_t errors;          /* failed writes */
    uint64_t waiting_bytes;
    bool is_in_trouble;
    bool has_gso; /* many datagrams are given to the kernel as one */
};

/** Opens an output. The first attempt is made at once: a failure of it is one of this call, unless
 *  `is_live`: TROUBLE then.
 *  @param why on failure a sentence without a full stop.
 *  @return 0, SIMC_EINVAL, SIMC_EIO, SIMC_ENOMEM. */
int simc__tsio_output_new(struct simc__tsio *tsio,
                          const struct simc__tsio_output_settings *settings,
                          char why[SIMC__TSIO_TEXT_SIZE],
                          struct simc__tsio_output **output) SIMC_MUST_CHECK;
/** Closes it at once; what waits is lost. `gone` follows, and no other handler. NULL is fine. */
void simc__tsio_output_free(struct simc__tsio_output *output);

/** Takes packets, all or none. They are copied.
 *  @param packets `count` * 188 bytes, at most a quarter of the queue.
 *  @param at_ns CLOCK_MONOTONIC when the first of them is to leave; 0: at once. Rising from call to
 *         call. @param until_ns when the first packet behind them is; they are spread evenly.
 *         Only datagrams are paced; files and pipes take everything as soon as it comes.
 *  @return 0, SIMC_EFULL (dropped and counted when `is_live`), SIMC_EEND (it has ended or failed).
 */
int simc__tsio_output_put(struct simc__tsio_output *output, const uint8_t *packets, size_t count,
                          uint64_t at_ns, uint64_t until_ns) SIMC_MUST_CHECK;
/** Whether so many packets would be taken now. False: `ready` follows when half of the queue is
 * free.
 */
bool simc__tsio_output_has_room(struct simc__tsio_output *output, size_t count);
/** Nothing more will come: what waits is written, datagrams that are not full too. ENDED (or
 *  FAILED) follows. */
void simc__tsio_output_finish(struct simc__tsio_output *output);
void simc__tsio_output_stats(struct simc__tsio_output *output,
                             struct simc__tsio_output_stats *stats);

/* ------------------------------------------------------------------------------------- RTP -- */

enum { SIMC__TSIO_RTP_TYPE = 33, SIMC__TSIO_RTP_SIZE = 12 };

struct simc__tsio_rtp {
    uint16_t sequence;
    uint32_t timestamp_90khz;
    uint32_t ssrc;
    struct simc_slice payload; /* borrowed from the datagram */
};

/** Reads a datagram with MPEG-2 TS in RTP. [RFC 3550 5.1, RFC 2250 2]
 *  @return 0, SIMC_EPROTO (no RTP, or cut), SIMC_EUNSUPPORTED (another payload type). */
int simc__tsio_rtp_read(struct simc_slice datagram, struct simc__tsio_rtp *rtp) SIMC_MUST_CHECK;
/** Writes the 12 bytes in front of the packets. */
void simc__tsio_rtp_put(uint8_t head[SIMC__TSIO_RTP_SIZE], const struct simc__tsio_rtp *rtp);

#endif
