/* SPDX-License-Identifier: BSL-1.0 */
/* The parts of `simulcrypt dump`: messages, byte streams, captures. */
#ifndef SIMC__CLI_DUMP_H
#define SIMC__CLI_DUMP_H

#include "simulcrypt/msg.h"

enum { SIMC__DUMP_PORTS_MAX = 64 };

enum simc__dump_form {
    SIMC__DUMP_TEXT,  /* a block per message, which `simulcrypt encode` reads back */
    SIMC__DUMP_BRIEF, /* a line per message */
    SIMC__DUMP_JSON,  /* a JSON object per line */
};

/* What the whole run shares. */
struct simc__dump {
    enum simc__dump_form form;
    bool show_secrets;
    struct simc_rules rules; /* interface: forced, or NULL */
    uint16_t ports[SIMC__DUMP_PORTS_MAX];
    size_t port_count;       /* 0: streams are recognised by their first message */
    struct simc_buffer text; /* where a message is printed before it goes out */
    uint64_t message_count;
    uint64_t fault_count;   /* faulty messages, and streams that end inside one */
    uint64_t ignored_count; /* streams and datagrams that are no SimulCrypt */
    uint64_t gap_count;
    bool out_of_memory;
    bool is_live; /* somebody waits for each message: it goes out at once */
};

/* Where a message comes from. */
struct simc__dump_place {
    bool is_capture; /* else only `offset` counts */
    uint64_t time_us;
    uint64_t packet;
    uint32_t connection;
    bool is_datagram;
    char from[48], to[48];
    uint64_t offset; /* of the message in its stream or file */
};

/* Decodes and prints one message. @param interface the one that the stream was found to speak, or
 * NULL; set when this message tells it. @param transport of this message. */
void simc__dump_message(struct simc__dump *dump, const struct simc__dump_place *place,
                        struct simc_slice bytes, enum simc_transport transport,
                        const struct simc_interface **interface);
/* Prints a remark about a stream: text form as a comment, JSON as {"note":...}. */
void simc__dump_note(struct simc__dump *dump, const struct simc__dump_place *place,
                     const char *format, ...) SIMC_PRINTF(3, 4);

/* One direction of a byte stream. */
struct simc__dump_stream {
    struct simc_framer framer;
    const struct simc_interface *interface; /* what it speaks, once known */
    bool is_recognised;                     /* a first message has been seen */
    bool is_ignored;                        /* it is no SimulCrypt */
    bool is_lost;                           /* behind a gap: waits for the begin of a message */
    uint64_t base;                          /* stream offset at which the framer began */
};

void simc__dump_stream_init(struct simc__dump_stream *stream);
void simc__dump_stream_fini(struct simc__dump_stream *stream);
/* Gives the next bytes of the stream. @param wanted true: the user says that it is SimulCrypt. */
void simc__dump_stream_data(struct simc__dump *dump, struct simc__dump_stream *stream,
                            const struct simc__dump_place *place, struct simc_slice bytes,
                            bool wanted);
/* Tells that `size` bytes are missing here. @param wanted as above. */
void simc__dump_stream_gap(struct simc__dump *dump, struct simc__dump_stream *stream,
                           const struct simc__dump_place *place, uint64_t size, bool wanted);
/* Tells that the stream ends. @param is_fault an unfinished message counts as a fault (the sender
 * ended it), not as a remark (the capture did). */
void simc__dump_stream_end(struct simc__dump *dump, struct simc__dump_stream *stream,
                           const struct simc__dump_place *place, bool is_fault);

/* True when the bytes look like the begin of a SimulCrypt message: a version and type that belong
 * together, and parameters that fit as far as they are at hand. */
bool simc__dump_looks_like_message(struct simc_slice bytes);

/* Dumps a pcap or pcapng file. @return an exit status. */
int simc__dump_capture(struct simc__dump *dump, const char *path);

#endif
