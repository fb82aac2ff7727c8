/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses files inside receiver/: services and their groups of streams that share control
 * words, ECM PIDs, and the ring in which packets wait. */
#ifndef SIMC__RECEIVER_INTERNAL_H
#define SIMC__RECEIVER_INTERNAL_H

#include "receiver/receiver.h"
#include "simulcrypt/psi.h"

enum {
    SIMC__GROUPS_MAX = 256,    /* of all services */
    SIMC__GROUP_CAS_MAX = 8,   /* ECM PIDs of one group */
    SIMC__GROUP_WORDS_MAX = 8, /* control words that a group knows at once */
    SIMC__PERIODS_MAX = 16,    /* crypto periods of a group that packets can wait for */
    SIMC__ECMS_MAX = 256,      /* ECM PIDs */
    SIMC__STREAMS_MAX = 64,    /* elementary streams of a service */
    SIMC__JOBS_MAX = SIMC__RECEIVER_PUSH_MAX,
    SIMC__CLEAN_PACKETS_MAX = 16, /* of a rewritten table that wait for their place */
    SIMC__NONE = 0xffff,          /* no group, service or ECM PID */
};

/* ---- groups ---- */

/* An ECM PID as a CA_descriptor names it. */
struct simc__ca {
    uint16_t system_id, pid;
    bool has_private; /* package and ECM_id: six bytes */
    uint32_t package;
    uint16_t ecm_id;
};

/* A control word that a group knows, in a slot of the scrambler that is its own: it stays usable
 * as long as anything refers to it, whatever comes after it. */
struct simc__word {
    bool set;
    uint16_t cp;
    uint64_t serial; /* order of arrival */
    struct simc_secret word;
};

/* A stretch of packets of one parity. */
struct simc__period {
    uint64_t number; /* 0: none */
    uint8_t parity;
    bool has_cp;  /* cp is known, by counting or by evidence */
    bool proved;  /* a packet has shown that the word is right */
    bool counted; /* its word is in the figures */
    uint16_t cp;
    int8_t word;    /* index; -1: not known yet */
    int8_t hint;    /* the word before a doubt, which is tried first; -1: none */
    uint32_t tries; /* packets that could have proved a word */
    bool blind;     /* none came for a long time: the ECM is believed without */
};

/* Streams of a service that share control words: the ECM PIDs of one place of the PMT. */
struct simc__group {
    bool used, marked;
    bool by_service;  /* the CA_descriptors of the programme loop, else of a stream */
    uint16_t service; /* index */
    int mode;         /* scrambling_mode */
    bool can;         /* the algorithm can be used here */
    enum simc_scrambling algorithm;
    bool has_pes; /* its packets show whether a control word is right */
    uint16_t first_pid;
    unsigned ca_count;
    struct simc__ca cas[SIMC__GROUP_CAS_MAX];
    struct simc__word words[SIMC__GROUP_WORDS_MAX];
    uint64_t serial;
    struct simc__period periods[SIMC__PERIODS_MAX]; /* number modulo the count */
    uint64_t period;                                /* number of the present one; 0: none yet */
    uint64_t period_start;                          /* index of its first packet */
    uint64_t last_packet;                           /* index of the last scrambled packet */
    struct simc_secret last; /* the word of the last period that has one; size 0: none */
    uint64_t last_period;    /* the number of that period */
    uint32_t waiting;        /* packets of it in the ring */
    uint64_t lost_run;       /* packets lost since an ECM was opened */
    bool hopeless;           /* no use to wait: nothing can open its ECMs */
    bool told_lost;          /* the present loss was told */
};

/* ---- ECM PIDs ---- */

struct simc__ecm_pid {
    bool used, marked;
    struct simc__ca ca; /* the first that names it */
    struct simc_section_assembler sections;
    uint8_t last[SIMC_ECM_SECTION_MAX]; /* the last section */
    size_t last_size;
    bool last_done;           /* its control words were taken by all groups, or it was refused */
    uint64_t last_generation; /* of the keys, when it was refused */
    unsigned refusal_run;     /* refusals in a row that no repetition will mend */
    uint16_t last_cp;         /* the crypto period it is for, when it was opened */
    bool is_own;              /* an ECM of profile 1 was seen */
    int told;                 /* the outcome told last: a reason, 0 opened, -1 none */
    /* The key that opened last: it is not put away while it is in use. */
    bool has_key;
    uint32_t key_package, key_version;
    struct simc__receiver_ecm_stats stats;
};

/* ---- services ---- */

struct simc__stream {
    uint16_t pid;
    uint16_t group; /* SIMC__NONE: not scrambled, as far as the PMT says */
    bool is_pes;
};

struct simc__service {
    bool used, wanted;
    uint8_t pat_section;
    uint16_t program, pmt_pid;
    bool has_pmt, has_ca;
    bool own_ca_only; /* all its CA_descriptors are of other systems than the one asked for */
    uint32_t pmt_crc;
    uint16_t pcr_pid;
    int mode; /* -1: no PMT yet */
    unsigned stream_count;
    struct simc__stream streams[SIMC__STREAMS_MAX];
    struct simc__receiver_service_stats stats;
};

/* A PID with tables: the PAT, or PMTs; and its place in a clean stream. */
struct simc__psi_pid {
    bool used, marked;
    uint16_t pid;
    struct simc_section_assembler sections;
    uint8_t cc;
    unsigned clean_at, clean_count; /* packets that wait for their place, in a circle */
    uint8_t clean[SIMC__CLEAN_PACKETS_MAX][SIMC_TS_SIZE];
};

enum { SIMC__PSI_PIDS_MAX = SIMC__RECEIVER_SERVICES_MAX + 1 };

/* What packets of a PID are. */
enum simc__pid_kind {
    SIMC__PID_OTHER, /* nothing to look at */
    SIMC__PID_STREAM,
    SIMC__PID_TABLE,
    SIMC__PID_ECM,
    SIMC__PID_BLANK, /* becomes a null packet: CAT and ECMs of a clean stream */
};

struct simc__pid_row {
    uint8_t kind;
    uint8_t was; /* while the rows are made anew: the kind before */
    bool drop;   /* not handed out */
    bool clock;  /* its PCRs make the stream time */
    bool is_pes; /* payload_unit_start is a PES header */
    bool has_cc;
    uint8_t cc;
    uint16_t index;   /* of the table PID or ECM PID, or the group; SIMC__NONE */
    uint16_t service; /* of a stream */
    uint64_t period;  /* of its last scrambled packet */
    bool has_first;   /* a packet was opened: */
    uint64_t first;   /* index of the first one */
};

/* ---- the ring ---- */

enum simc__held_state {
    SIMC__HELD_DONE, /* goes on */
    SIMC__HELD_DROP,
    SIMC__HELD_WAIT, /* for a control word */
};

/* What is known of a packet in the ring. */
struct simc__held {
    uint8_t state;
    bool is_start; /* a PES header begins in it: it can prove a control word */
    uint16_t group;
    uint32_t period; /* low bits of the number */
};

struct simc__receiver {
    struct simc__receiver_config config;
    uint16_t wanted[SIMC__RECEIVER_WANTED_MAX];
    bool has_epoch;
    uint32_t epoch;
    uint64_t now_s;

    struct simc__service services[SIMC__RECEIVER_SERVICES_MAX];
    size_t service_count; /* rows in use or used before */
    struct simc__group groups[SIMC__GROUPS_MAX];
    struct simc__ecm_pid ecms[SIMC__ECMS_MAX];
    struct simc__psi_pid tables[SIMC__PSI_PIDS_MAX];
    struct simc__pid_row pids[SIMC_TS_PID_COUNT];
    bool has_pat;

    struct simc_ecm_opener *opener;
    struct simc__ecm_pid *opening; /* whose section the opener looks at */
    int key_refusal;               /* set by the search for its key; 0: none */
    struct simc_scrambler *scrambler;
    struct simc_scramble_job jobs[SIMC__JOBS_MAX];
    size_t job_count;
    int error; /* of the cipher library */

    /* Packets from `head` on wait; in front of it, from `out` on, they are to be handed out. Both
     * count packets since the start and run modulo the ring's size. */
    uint8_t *ring;
    struct simc__held *held;
    uint32_t ring_size;
    uint64_t base; /* index in the stream of ring place 0, minus laps: place = index - base */
    uint64_t out, head, tail;
    uint64_t waiting; /* packets of all groups that wait */

    struct simc_pcr_clock clock;
    uint16_t clock_pid; /* SIMC_PID_NULL: none */
    uint64_t limit;     /* packets that one may wait, from hold_ms and the rate */
    uint64_t lag;       /* packets within which the PIDs of a group change their parity */
    uint64_t silence;   /* packets without a scrambled one that put the counting in doubt */

    struct simc__receiver_stats stats;
    struct simc__receiver_event events[SIMC__RECEIVER_EVENTS_MAX];
    unsigned event_at, event_count;
};

/* The ring's place of a packet. */
static inline uint32_t simc__place(const struct simc__receiver *receiver, uint64_t index)
{
    return (uint32_t)((index - receiver->base) % receiver->ring_size);
}

static inline struct simc__period *simc__period_of(struct simc__group *group, uint64_t number)
{
    struct simc__period *period = &group->periods[number % SIMC__PERIODS_MAX];
    return number && period->number == number ? period : NULL;
}

/* Stream time at a packet, 0 as long as there is none. */
uint64_t simc__receiver_time_ms(const struct simc__receiver *receiver, uint64_t index);
/* Index of a word's slot in the scrambler. */
static inline uint32_t simc__slot(const struct simc__receiver *receiver,
                                  const struct simc__group *group, unsigned word)
{
    return (uint32_t)(group - receiver->groups) * SIMC__GROUP_WORDS_MAX + word;
}

/* ---- services.c ---- */

/* Gives a packet of a PID with tables. */
void simc__tables_push(struct simc__receiver *receiver, struct simc__psi_pid *table,
                       const uint8_t *packet);
/* Flags PID 0 before anything is known. @return 0, SIMC_ENOMEM. */
int simc__tables_init(struct simc__receiver *receiver) SIMC_MUST_CHECK;
void simc__tables_fini(struct simc__receiver *receiver);
bool simc__is_wanted(const struct simc__receiver *receiver, uint16_t program);

/* ---- clean.c ---- */

/* A section has come: its clean form waits for the place of its packets. */
void simc__clean_section(struct simc__receiver *receiver, struct simc__psi_pid *table,
                         const struct simc_section *section);
/* Puts the next packet of the clean table in the place of one of the old. */
void simc__clean_packet(struct simc__psi_pid *table, uint8_t *packet);

/* ---- ecm.c ---- */

int simc__ecms_init(struct simc__receiver *receiver) SIMC_MUST_CHECK;
void simc__ecms_fini(struct simc__receiver *receiver);
/* Gives a packet of an ECM PID. */
void simc__ecm_push(struct simc__receiver *receiver, struct simc__ecm_pid *ecm,
                    const uint8_t *packet);

/* ---- words.c: which control word belongs to which packets ---- */

/* Forgets words and periods. */
void simc__group_reset(struct simc__receiver *receiver, struct simc__group *group);
/* Takes the control words of an ECM. @return 0; SIMC_EINVAL: they have a wrong size; SIMC_EAGAIN:
 * some lie behind what is on air and were left out. */
int simc__group_words(struct simc__receiver *receiver, struct simc__group *group,
                      const struct simc_ecm *ecm, uint16_t cp) SIMC_MUST_CHECK;
/* The same ECM came again. @param cp the crypto period it is for. */
void simc__group_repeat(struct simc__receiver *receiver, struct simc__group *group, uint16_t cp);
/* Sees a scrambled packet: which period it is of. @return the period. */
struct simc__period *simc__group_see(struct simc__receiver *receiver, struct simc__group *group,
                                     struct simc__pid_row *row, unsigned parity);
/* A packet begins a PES packet of a period that is not proved. */
void simc__group_prove(struct simc__receiver *receiver, struct simc__group *group,
                       struct simc__period *period, const uint8_t *packet);
/* Something was lost: from now on the counting of periods needs evidence.
 * @param is_long so much that a period can be missing. */
void simc__group_doubt(struct simc__receiver *receiver, struct simc__group *group, bool is_long);
/* No use to wait for it: packets go on as they are. */
void simc__group_give_up(struct simc__receiver *receiver, struct simc__group *group);

/* ---- ring.c ---- */

int simc__ring_init(struct simc__receiver *receiver) SIMC_MUST_CHECK;
void simc__ring_fini(struct simc__receiver *receiver);
/* Forgets what was handed out; then there is room for SIMC__RECEIVER_PUSH_MAX packets. */
void simc__ring_begin(struct simc__receiver *receiver);
/* The packet with this index will be opened with a word of its group. */
void simc__ring_open(struct simc__receiver *receiver, uint64_t index, struct simc__group *group,
                     unsigned word);
/* Opens what was gathered. */
void simc__ring_run(struct simc__receiver *receiver);
/* The word of a period is known: opens what waits for it. */
void simc__ring_resolve(struct simc__receiver *receiver, struct simc__group *group,
                        const struct simc__period *period);
/* Packets that wait for a period and can prove a word: gives them one after the other to
 * simc__group_prove() until one does. */
void simc__ring_prove(struct simc__receiver *receiver, struct simc__group *group,
                      struct simc__period *period);
/* Packets of a group that wait for this period go on as they are. @param number 0: for any. */
void simc__ring_lose(struct simc__receiver *receiver, struct simc__group *group, uint64_t number);
/* Moves what is done to the exit; what has waited too long goes on as it is. @param limit packets
 * that may wait. */
void simc__ring_release(struct simc__receiver *receiver, uint64_t limit);
/* Counts a packet that goes on as it is. */
void simc__count_lost(struct simc__receiver *receiver, struct simc__group *group, uint64_t index);

/* ---- events, in stats.c ---- */

void simc__event(struct simc__receiver *receiver, enum simc__receiver_event_type type,
                 uint16_t program, uint16_t pid, const char *format, ...) SIMC_PRINTF(5, 6);

#endif
