/* SPDX-License-Identifier: BSL-1.0 */
/* The buffers of the system target decoder for one stream: bytes and times in, what has overflowed
 * or run dry out. analyze_buffer.c feeds it; it knows nothing of packets. [13818 2.4.2] */
#ifndef SIMC__PSI_TSTD_H
#define SIMC__PSI_TSTD_H

#include "simulcrypt/base.h"

enum {
    SIMC__STD_TRANSPORT = 512, /* bytes of TB */
    SIMC__STD_SYSTEM = 1536,   /* bytes of Bsys */
    SIMC__STD_UNITS_MAX = 512, /* access units that wait for their decoding */
};

enum simc__std_kind {
    SIMC__STD_VIDEO,  /* TB, MB, EB: emptied by access units */
    SIMC__STD_AUDIO,  /* TB, B: emptied by access units */
    SIMC__STD_TABLES, /* TBsys, Bsys: emptied at a rate */
};

/* Sizes in bytes, rates in bits per second. */
struct simc__std_sizes {
    uint64_t transport_bps; /* Rx: out of TB */
    uint64_t leak_bps;      /* Rbx: out of MB; Rbsys: out of Bsys; audio: 0 */
    uint32_t multiplex;     /* MB; 0: there is none */
    uint32_t elementary;    /* EB, B or Bsys */
};

/* What goes wrong in buffers, and the value that is given with it. */
enum simc__std_fault {
    SIMC__STD_TRANSPORT_OVER,  /* bytes in TB */
    SIMC__STD_MULTIPLEX_OVER,  /* bytes in MB */
    SIMC__STD_ELEMENTARY_OVER, /* bytes in B or Bsys; EB cannot: MB waits for it */
    SIMC__STD_UNDERFLOW,       /* ticks that data came after its decoding */
    SIMC__STD_TRANSPORT_FULL,  /* ticks in which TB was never empty */
    SIMC__STD_MULTIPLEX_FULL,  /* the same of MB */
    SIMC__STD_FAULTS,
};

struct simc__std_faults {
    unsigned set; /* bit n: fault n */
    int64_t values[SIMC__STD_FAULTS];
};

#define SIMC__STD_ANY_TIME UINT64_MAX

/* Data that leaves the last buffer at one moment. Bytes are counted from the start of the model. */
struct simc__std_unit {
    uint64_t due_27mhz;
    uint64_t end; /* UINT64_MAX: the next one has not begun yet */
};

struct simc__std {
    enum simc__std_kind kind;
    struct simc__std_sizes sizes;
    bool running;
    bool transport_over, multiplex_over, elementary_over; /* reported, and not yet over */
    double transport, multiplex, elementary;              /* bytes in each */
    double entered, gone;                                 /* bytes that entered and left EB or B */
    double gone_to;                                       /* what stands in front of this is due */
    uint64_t taken;                                       /* bytes that left TB */
    double now_27mhz;                                     /* of MB and the last buffer */
    double transport_27mhz;                               /* of TB */
    double transport_empty_27mhz, multiplex_empty_27mhz;  /* when they were empty last */
    uint64_t arriving_27mhz;         /* when the unit that arrives is decoded; SIMC__STD_ANY_TIME */
    uint64_t earliest_27mhz;         /* the same of the units that begin in the next packet */
    uint64_t late_27mhz;             /* of the unit whose lateness was reported last */
    bool begins;                     /* a unit begins in the next packet */
    unsigned unit_first, unit_count; /* a ring */
    struct simc__std_unit units[SIMC__STD_UNITS_MAX];
    /* For the report, since ever. */
    double transport_max, multiplex_max, elementary_max;
    uint64_t packets, unit_total;
};

/* Starts, or starts anew, with empty buffers; the figures of the report stay. */
void simc__std_start(struct simc__std *std, enum simc__std_kind kind,
                     const struct simc__std_sizes *sizes, uint64_t now_27mhz);
/* Says that an access unit begins `offset` bytes into the data of the next packet.
 * @param judge false: bytes of it may come after `due_27mhz`, and that is no fault. */
void simc__std_unit(struct simc__std *std, unsigned offset, uint64_t due_27mhz, bool judge);
/* Says the same of the rest of the unit that arrives. */
void simc__std_forgive(struct simc__std *std);
/* Gives a packet. @param start_27mhz, end_27mhz when its first byte comes and its last one has
 * come, not before those of the packet before. @param bytes of it that leave TB for MB or B. */
void simc__std_packet(struct simc__std *std, uint64_t start_27mhz, uint64_t end_27mhz,
                      unsigned bytes, struct simc__std_faults *faults);

#endif
