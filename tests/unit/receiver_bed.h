/* SPDX-License-Identifier: BSL-1.0 */
/* A head-end in memory for tests of the receiver: a stream with tables, PCRs, ECMs and scrambled
 * services, one packet per millisecond; what can go wrong is a member. test_receiver.c, the fuzz
 * target's seeds and the benchmark use it. */
#ifndef SIMC_TESTS_RECEIVER_BED_H
#define SIMC_TESTS_RECEIVER_BED_H

#include "receiver/receiver.h"

enum {
    RX_SERVICES_MAX = 4,
    RX_ECMS_MAX = 3,
    RX_KEYS_MAX = 4,
    RX_PACKETS_MAX = 40000,
    RX_PMT = 0x100,   /* + service index */
    RX_VIDEO = 0x200, /* + 16 * service index */
    RX_AUDIO = 0x201,
    RX_ECM = 0x600, /* + 16 * service index + ECM index */
    RX_CA_SYSTEM = 0x4af1,
    RX_SUPER_CAS = 0x4af10001,
};

/* [from, to) in packets, which are milliseconds. */
struct rx_window {
    unsigned from, to;
};

struct rx_ecm {
    uint32_t package, key_version;
    uint16_t ecm_id;
    bool has_private, wrong_private;
    int late;                /* ms behind the begin of its crypto period; negative: ahead */
    unsigned cws;            /* control words in it: those of its period and the following */
    int first;               /* CP_number of the first control word against its own */
    bool wrong_word;         /* they do not belong to the packets */
    uint16_t super_cas_high; /* 0: that of the CA system */
    struct rx_window muted, damaged;
    int pid_offset;    /* against the usual PID */
    bool is_for_audio; /* named in the ES loop of the audio stream */
};

struct rx_service {
    uint16_t program;
    bool scrambled;
    enum simc_scrambling algorithm;
    bool has_mode_descriptor;
    unsigned cp_ms;
    uint16_t first_cp;
    int audio_skew; /* ms by which the audio changes its parity later */
    bool constant_cw;
    bool audio_words; /* the audio has control words of its own */
    bool no_starts;   /* nothing in the packets shows a PES header */
    struct rx_window clear;
    unsigned ecm_count;
    struct rx_ecm ecms[RX_ECMS_MAX];
    /* From this time on the tables have another version and the video another PID. 0: never. */
    unsigned pmt_change_at;
    unsigned version;
    int jump_period; /* CP_numbers begin anew at 5 with this period; 0: never */
};

struct rx_bed {
    struct rx_service services[RX_SERVICES_MAX];
    unsigned service_count;
    unsigned duration;     /* packets */
    struct rx_window lost; /* they never arrive */
    unsigned damage_every; /* each n-th packet of a stream has the error indicator; 0: none */
    unsigned drop_every;   /* each n-th packet of a stream is missing; 0: none */

    /* The receiver's side. */
    uint64_t now_s;
    bool has_epoch;
    uint32_t epoch;
    struct rx_keys *keys; /* has one key more from this packet on: */
    unsigned key_at;

    /* What was made: what goes in, and what should come out. */
    size_t count;
    uint8_t (*in)[SIMC_TS_SIZE];
    uint8_t (*clear)[SIMC_TS_SIZE];
    unsigned *times; /* of each packet */
    uint8_t ccs[SIMC_TS_PID_COUNT];
    unsigned numbers[SIMC_TS_PID_COUNT]; /* packets made */
    struct simc_scrambler *scrambler;
    struct simc_ecm_maker *makers[RX_SERVICES_MAX][RX_ECMS_MAX];
    int last_period[RX_SERVICES_MAX][RX_ECMS_MAX];
    uint8_t sections[RX_SERVICES_MAX][RX_ECMS_MAX][SIMC_ECM_SECTION_MAX];
    size_t section_sizes[RX_SERVICES_MAX][RX_ECMS_MAX];
};

/* A receiver's keys: package and version, all made by the same rule as the head-end's. */
struct rx_keys {
    unsigned count;
    struct {
        uint32_t package, version;
        uint64_t start_s, end_s;
        bool is_wrong; /* the bytes are others than the head-end's */
    } items[RX_KEYS_MAX];
    uint64_t generation;
};

/** A head-end with one service of two streams, CISSA, periods of one second, an ECM of two control
 *  words for package 1 every 100 ms; of six seconds. Change members, then make the stream. */
void rx_init(struct rx_bed *bed);
/** Adds a service like the first one, with other numbers. */
struct rx_service *rx_add(struct rx_bed *bed);
void rx_make(struct rx_bed *bed);
void rx_fini(struct rx_bed *bed);
/** Scrambled packets of a service (index) in a window, as they go in. */
unsigned rx_scrambled(const struct rx_bed *bed, unsigned service, unsigned from, unsigned to);
/** Packets of a PID, likewise. */
unsigned rx_packets(const struct rx_bed *bed, uint16_t pid, unsigned from, unsigned to);

struct simc__receiver_rights rx_rights(struct rx_keys *keys);

/** Receives it all, checks every packet that comes out, and fails the test for one that is neither
 *  as it was before scrambling nor as it went in.
 *  @param chunk packets per push. @return the receiver, to be freed. */
struct simc__receiver *rx_receive(const struct rx_bed *bed,
                                  const struct simc__receiver_config *config, size_t chunk);

#endif
