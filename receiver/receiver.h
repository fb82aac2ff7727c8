/* SPDX-License-Identifier: BSL-1.0 */
/* The reference receiver of CA profile 1 without input and output: scrambled packets and package
 * keys go in; clear packets, events and figures come out. `simulcrypt receive`, tests and the
 * screen of the head-end use it.
 *
 *     struct simc__receiver_config config = {.rights = ..., .hold_packets = 32768, .hold_ms = 500};
 *     simc__receiver_new(&config, &receiver);
 *     for (;;) {
 *         simc__receiver_push(receiver, packets, count, now_s, &taken);
 *         while (simc__receiver_next(receiver, &run) == 0)
 *             write(run.data, run.size);
 *     }
 *     simc__receiver_flush(receiver);           and simc__receiver_next() once more
 *
 * Packets keep their order. A scrambled packet whose control word is not known yet waits, and what
 * came behind it waits with it, at most as long as the configuration says; then it goes on as it
 * is and is counted. All memory is taken by simc__receiver_new(); no clock is read. A receiver
 * belongs to one thread at a time. */
#ifndef SIMC__RECEIVER_H
#define SIMC__RECEIVER_H

#include "base/json.h"
#include "cas/key_source.h"
#include "simulcrypt/cas.h"
#include "simulcrypt/scramble.h"
#include "simulcrypt/ts.h"

enum {
    SIMC__RECEIVER_SERVICES_MAX = 128, /* services of a stream; further ones are counted */
    SIMC__RECEIVER_WANTED_MAX = 64,    /* services that can be asked for */
    SIMC__RECEIVER_PUSH_MAX = 1024,    /* packets that one push takes */
    SIMC__RECEIVER_HOLD_MIN = 64,      /* packets */
    SIMC__RECEIVER_HOLD_MAX = 1 << 20, /* packets: 188 MiB */
    SIMC__RECEIVER_EVENTS_MAX = 128,   /* events that wait; of more the oldest are dropped */
    SIMC__RECEIVER_TEXT_SIZE = 512,    /* of a sentence */
    SIMC__RECEIVER_PACKAGES_MAX = 32,  /* packages that a sentence or a stream tells of */
};

/* ---- rights: where keys come from ---- */

/* A key file, or keys that EMMs bring: what the receiver asks. The functions of `keys` are called
 * in simc__receiver_push() only, and never wait. */
struct simc__receiver_rights {
    struct simc__key_source keys;
    /* Writes up to `max` packages for which there is a key, in order. @return how many there are.
     */
    size_t (*packages)(void *context, uint32_t *packages, size_t max);
    void *context;
    const char *origin; /* in sentences: "the key file", "this receiver's card" */
};

struct simc__key_store;
/** The rights of a key file that a store holds; `simulcrypt receive` uses it. */
struct simc__receiver_rights simc__receiver_rights_of(struct simc__key_store *store);

/* ---- configuration ---- */

struct simc__receiver_config {
    struct simc__receiver_rights rights;
    const uint16_t *services; /* program_numbers to open; copied */
    size_t service_count;     /* 0: all of the stream */
    bool has_ca_system_id;    /* CA_descriptors of other systems are left out */
    uint16_t ca_system_id;
    uint32_t hold_packets; /* most packets that wait; 0: 32768 */
    uint32_t hold_ms;      /* of stream time that a packet waits at most; 0: 500 */
    bool drop_scrambled;   /* what cannot be opened is dropped instead of passed on */
    bool only_services;    /* packets of no wanted service are dropped, but PSI and SI stay */
    bool drop_psi;         /* with only_services: PIDs 1 to 0x1f go too */
    bool clean_psi;        /* tables tell nothing of conditional access any more */
    const char *aes_engine, *csa_engine; /* of the scrambler; NULL: the fastest */
};

struct simc__receiver;

/** Makes a receiver with all its memory. @param receiver set on success, else NULL.
 *  @return 0, SIMC_EINVAL (a value out of its range), SIMC_ENOTFOUND, SIMC_EUNSUPPORTED (the
 *  engines; see simc_scrambler_new()), SIMC_ENOMEM. */
int simc__receiver_new(const struct simc__receiver_config *config,
                       struct simc__receiver **receiver) SIMC_MUST_CHECK;
/** Wipes and releases; NULL is fine. */
void simc__receiver_free(struct simc__receiver *receiver);

/* ---- packets ---- */

/** Gives packets that lie side by side. What was handed out before is gone after this call.
 *  @param now_s UTC, seconds since 1970, which the windows of keys are judged by; 0: they are not
 *  judged, as for a recording.
 *  @param taken up to SIMC__RECEIVER_PUSH_MAX of `count`; the rest is for the next call.
 *  @return 0, SIMC_ENOMEM (the cipher library gave up; only simc__receiver_free() may follow). */
int simc__receiver_push(struct simc__receiver *receiver, const uint8_t *packets, size_t count,
                        uint64_t now_s, size_t *taken) SIMC_MUST_CHECK;
/** The next packets that are done, side by side; borrowed until the next push.
 *  @return 0, SIMC_EAGAIN: give more. */
int simc__receiver_next(struct simc__receiver *receiver,
                        struct simc_slice *packets) SIMC_MUST_CHECK;
/** Says that the input broke here: bytes were lost, or it was silent. */
void simc__receiver_break(struct simc__receiver *receiver);
/** Says that nothing will come for now, or ever: what waits goes on as it is. Take it with
 *  simc__receiver_next() before the next push. */
void simc__receiver_flush(struct simc__receiver *receiver);
/** The EMM epoch that this receiver has reached: ECMs that ask for a later one are refused. Not
 *  judged before the first call. */
void simc__receiver_epoch_set(struct simc__receiver *receiver, uint32_t epoch);

/* ---- figures ---- */

/* Why an ECM that could be opened is not used, beside the rows of #SIMC_ECM_REASON_ROWS: name,
 * word, what it means. */
#define SIMC__RECEIVER_REFUSAL_ROWS(ROW)                                                          \
    ROW(SYSTEM, "other system", "its Super_CAS_id is not of the CA_descriptor's CA system")       \
    ROW(EARLY, "key too early", "the window of its key begins more than an hour from now")        \
    ROW(EXPIRED, "key expired", "the window of its key has ended, and a newer version is in use") \
    ROW(EPOCH, "epoch", "it asks for an EMM epoch that this receiver has not reached")            \
    ROW(CW_SIZE, "cw size", "its control words do not have the size of the scrambling algorithm") \
    ROW(TOO_LONG, "too long", "the section has more than 256 bytes")

#define SIMC__RECEIVER_REFUSAL_ENUM(name, word, text) SIMC__RECEIVER_REFUSAL_##name,
enum simc__receiver_refusal {
    SIMC__RECEIVER_REFUSAL_FIRST = SIMC_ECM_REASON_COUNT - 1,
    SIMC__RECEIVER_REFUSAL_ROWS(SIMC__RECEIVER_REFUSAL_ENUM) SIMC__RECEIVER_REFUSAL_COUNT
};
#undef SIMC__RECEIVER_REFUSAL_ENUM

/** The word of a reason: a row of #SIMC_ECM_REASON_ROWS or of those above; "?" for others. */
const char *simc__receiver_refusal_word(int reason);
/** What a reason means, without a full stop. */
const char *simc__receiver_refusal_text(int reason);

/* An ECM PID. Sections are counted with all their repetitions. */
struct simc__receiver_ecm_stats {
    uint16_t pid;
    uint16_t ca_system_id;
    bool has_private;     /* the CA_descriptor names package and ECM_id: */
    uint32_t package;     /* without: of the last ECM of profile 1 */
    uint32_t key_version; /* of the last ECM */
    uint16_t ecm_id;
    uint64_t sections; /* seen */
    uint64_t changes;  /* of them with a content other than the one before */
    uint64_t opened;   /* and repetitions of what was opened */
    uint64_t refused[SIMC__RECEIVER_REFUSAL_COUNT]; /* by reason, likewise */
    int last_refusal;                               /* of the last section; 0: it was opened */
    bool seen;
    uint64_t last_ms; /* stream time of the last section */
};

/* What a service is like: rows name, word. */
#define SIMC__RECEIVER_STATE_ROWS(ROW)                             \
    ROW(MISSING, "missing")         /* the PAT does not list it */ \
    ROW(NO_PMT, "no pmt")           /* its PMT has not come yet */ \
    ROW(SILENT, "silent")           /* no packet of it came yet */ \
    ROW(CLEAR, "clear")             /* nothing scrambled yet */    \
    ROW(WAITING, "waiting")         /* for a control word */       \
    ROW(DECODED, "decoded")         /* its packets are opened */   \
    ROW(NOT_DECODED, "not decoded") /* simc__receiver_why() says why */

#define SIMC__RECEIVER_STATE_ENUM(name, word) SIMC__RECEIVER_##name,
enum simc__receiver_state {
    SIMC__RECEIVER_STATE_ROWS(SIMC__RECEIVER_STATE_ENUM) SIMC__RECEIVER_STATE_COUNT
};
#undef SIMC__RECEIVER_STATE_ENUM

/** The word of a state. */
const char *simc__receiver_state_word(enum simc__receiver_state state);

/* Counters of a service, since it was seen first. */
struct simc__receiver_service_stats {
    uint64_t packets;      /* of its elementary streams */
    uint64_t clear;        /* of them not scrambled */
    uint64_t scrambled;    /* even or odd; the next four sum up to these and those that wait */
    uint64_t opened;       /* descrambled */
    uint64_t lost_start;   /* not opened, in front of the first that was opened */
    uint64_t lost;         /* not opened, behind it */
    uint64_t held;         /* had to wait for their control word, whatever became of them */
    uint64_t damaged;      /* transport_error_indicator, malformed, or TSC 01; also counted above */
    uint64_t gaps;         /* errors of continuity in scrambled streams */
    uint64_t periods;      /* crypto periods: changes of parity, the first one included */
    uint64_t cw_changes;   /* of them with a control word other than the one before */
    uint64_t wrong;        /* control words that opened nothing, and were given up for it */
    uint64_t pmt_changes;  /* behind the first */
    bool has_first;        /* a packet was opened, or is clear in a service without scrambling: */
    uint64_t first_packet; /* index in the stream of the first packet opened */
    uint64_t first_ms;     /* stream time of it */
};

/* A service as it is now. */
struct simc__receiver_service {
    uint16_t program;
    uint16_t pmt_pid;
    bool wanted;
    bool has_ca; /* its PMT has a CA_descriptor that was looked at */
    enum simc__receiver_state state;
    int scrambling; /* scrambling_mode; -1: not known yet */
    struct simc__receiver_service_stats stats;
};

/* Figures of the whole. */
struct simc__receiver_stats {
    uint64_t packets;       /* that came in */
    uint64_t passed;        /* that were handed out */
    uint64_t dropped;       /* on purpose: drop_scrambled, only_services */
    uint64_t breaks;        /* simc__receiver_break() */
    uint64_t held_max;      /* most packets that waited at once */
    uint64_t forced;        /* packets that had waited too long */
    uint64_t services_over; /* services over SIMC__RECEIVER_SERVICES_MAX, and other ceilings met */
    uint64_t time_ms;       /* stream time */
};

const struct simc__receiver_stats *simc__receiver_stats(const struct simc__receiver *receiver);
/** The services in the order in which they came; those asked for that are not there stand behind.
 *  @return false: there is no such index. */
bool simc__receiver_service(const struct simc__receiver *receiver, size_t index,
                            struct simc__receiver_service *service);
/** The ECM PIDs of a service. @return false: there is no such index. */
bool simc__receiver_ecm(const struct simc__receiver *receiver, uint16_t program, size_t index,
                        struct simc__receiver_ecm_stats *ecm);
/** Writes why a service is not decoded (or was not, at times), as one sentence without full stop;
 *  nothing when all is well. */
void simc__receiver_why(const struct simc__receiver *receiver, uint16_t program,
                        struct simc_writer *out);
/** Writes everything as a JSON object: what `simulcrypt receive --json` prints as a line.
 *  @param name of the member; NULL: it is the outermost value. */
void simc__receiver_json(const struct simc__receiver *receiver, struct simc__json *json,
                         const char *name);

/* How much a service must have been decoded: name, word, help. */
#define SIMC__RECEIVER_DEMAND_ROWS(ROW)                                    \
    ROW(STEADY, "steady", "everything from its first decodable packet on") \
    ROW(ALL, "all", "every packet from the start of the input on")         \
    ROW(SOME, "some", "something of it")                                   \
    ROW(NONE, "none", "nothing is asked")

#define SIMC__RECEIVER_DEMAND_ENUM(name, word, text) SIMC__RECEIVER_DEMAND_##name,
enum simc__receiver_demand {
    SIMC__RECEIVER_DEMAND_ROWS(SIMC__RECEIVER_DEMAND_ENUM) SIMC__RECEIVER_DEMAND_COUNT
};
#undef SIMC__RECEIVER_DEMAND_ENUM

/** True when every wanted service (of all: at least one) meets the demand so far. */
bool simc__receiver_meets(const struct simc__receiver *receiver, enum simc__receiver_demand demand);

/* ---- events ---- */

/* What happened: name, word. */
#define SIMC__RECEIVER_EVENT_ROWS(ROW) \
    ROW(SERVICE, "service")            \
    ROW(SERVICE_GONE, "service gone")  \
    ROW(PMT, "pmt")                    \
    ROW(ECM_OPENED, "ecm opened")      \
    ROW(ECM_REFUSED, "ecm refused")    \
    ROW(DECODED, "decoded")            \
    ROW(LOST, "lost")                  \
    ROW(CW_WRONG, "cw wrong")          \
    ROW(BREAK, "break")

#define SIMC__RECEIVER_EVENT_ENUM(name, word) SIMC__RECEIVER_EVENT_##name,
enum simc__receiver_event_type {
    SIMC__RECEIVER_EVENT_ROWS(SIMC__RECEIVER_EVENT_ENUM) SIMC__RECEIVER_EVENT_COUNT
};
#undef SIMC__RECEIVER_EVENT_ENUM

struct simc__receiver_event {
    enum simc__receiver_event_type type;
    uint64_t packet;                     /* index in the stream */
    uint64_t time_ms;                    /* stream time */
    uint16_t program;                    /* 0: none */
    uint16_t pid;                        /* 0: none */
    char text[SIMC__RECEIVER_TEXT_SIZE]; /* a sentence without full stop */
};

/** The word of a type. */
const char *simc__receiver_event_word(enum simc__receiver_event_type type);
/** The next event; a state that lasts is told once. @return 0, SIMC_EAGAIN. */
int simc__receiver_event(struct simc__receiver *receiver,
                         struct simc__receiver_event *event) SIMC_MUST_CHECK;

#endif
