/* SPDX-License-Identifier: BSL-1.0 */
/* What the analyser knows of elementary streams and their buffers when it judges them (3.3, 3.9):
 * analyze_stream.c reads the streams, analyze_buffer.c runs the buffers. */
#ifndef SIMC__PSI_ANALYZE_BUFFER_H
#define SIMC__PSI_ANALYZE_BUFFER_H

#include "psi/codec.h"
#include "simulcrypt/ts.h"

struct simc__analyzer;

/* Why the buffers of a stream are not judged, or not any more. */
#define SIMC__BLIND_ROWS(ROW)                                                     \
    ROW(NOT, "")                                                                  \
    ROW(NO_PES, "no PES packet has begun")                                        \
    ROW(NO_HEADER, "its sequence header or parameter set has not come")           \
    ROW(NO_SIZES, "no buffer sizes are defined for its profile and level")        \
    ROW(NO_CODEC, "the buffers of its stream type are not known here")            \
    ROW(NO_STAMPS, "its PES packets have no time stamps")                         \
    ROW(NO_FRAMES, "its audio frames are not found at the starts of PES packets") \
    ROW(NO_ALIGNMENT, "its pictures do not begin with PES packets")               \
    ROW(NO_CLOCK, "its programme has no PCR")                                     \
    ROW(NO_ROOM, "there are more streams than the analyser has room for")         \
    ROW(SCRAMBLED, "its payload is scrambled")

#define SIMC__BLIND_ENUM(name, text) SIMC__BLIND_##name,
enum simc__blind { SIMC__BLIND_ROWS(SIMC__BLIND_ENUM) SIMC__BLIND_COUNT };
#undef SIMC__BLIND_ENUM

/* The reason as text, without a full stop. */
const char *simc__blind_text(enum simc__blind blind);

enum {
    SIMC__ES_HEADER_MAX = 512,    /* bytes kept of a sequence header or parameter set */
    SIMC__STD_STREAMS_MAX = 512,  /* streams with buffers */
    SIMC__STD_SERVICES_MAX = 64,  /* programmes */
    SIMC__STD_RECORDS_MAX = 8192, /* of a programme between two of its PCRs */
};

/* An elementary stream as its packets come. */
struct simc__es {
    enum simc__codec_kind kind;
    enum simc__blind blind;
    bool known; /* `codec` is */
    struct simc__codec codec;
    unsigned header_left; /* bytes of a PES header still to come */
    bool in_pes;
    /* Video: the last bytes, for start codes that packets cut; and a header that is collected. */
    uint8_t tail[2];
    bool code_next;    /* the code of a start code is the next byte */
    unsigned pictures; /* begun in this PES packet */
    unsigned collected, wanted;
    uint8_t header[SIMC__ES_HEADER_MAX];
    /* Audio: where the next frame begins, and when it is decoded. */
    bool synced, has_stamp;
    unsigned frame_left;
    uint64_t stamp_27mhz; /* on the circle of the PCR */
    struct simc__std std;
};

/* What happened in a packet. Its time is known when the next PCR has come. */
enum simc__std_event {
    SIMC__STD_PACKET,  /* `count` bytes of it leave TB */
    SIMC__STD_SECTION, /* the same, of PSI */
    SIMC__STD_UNIT,    /* a unit begins `count` bytes into the data of the packet to follow */
    SIMC__STD_FORGIVE, /* the rest of the unit may be late */
    SIMC__STD_STOP,    /* until the next unit nothing can be said */
};

struct simc__std_record {
    uint64_t packet;
    uint64_t stamp_27mhz; /* of a unit: its DTS, on the circle of the PCR */
    uint16_t pid;
    uint8_t event; /* enum simc__std_event */
    uint8_t count;
    bool judge; /* of a unit: see simc__std_unit() */
};

/* A programme: its PSI, and what waits for its next PCR. */
struct simc__std_service {
    struct simc__std tables;
    unsigned count;
    struct simc__std_record records[SIMC__STD_RECORDS_MAX];
};

/* Gives a packet, sound and in order, whatever its PID is. @return 0, SIMC_ENOMEM. */
int simc__buffer_packet(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet,
                        const struct simc_ts_event *event) SIMC_MUST_CHECK;
/* Says that a PCR has come: now the times of the packets in front of it are known. */
void simc__buffer_clock(struct simc__analyzer *analyzer, uint16_t pid, enum simc_pcr_event event);

/* Reads a packet of a stream and keeps what happened in it. */
void simc__es_packet(struct simc__analyzer *analyzer, struct simc__es *es, uint16_t pid,
                     const uint8_t *packet, bool duplicate);
/* Keeps what happened in the packet that is looked at. */
void simc__buffer_record(struct simc__analyzer *analyzer, uint16_t pid, enum simc__std_event event,
                         unsigned count);
void simc__buffer_unit(struct simc__analyzer *analyzer, uint16_t pid, unsigned offset,
                       uint64_t stamp_27mhz, bool judge);

#endif
