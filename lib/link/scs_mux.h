/* SPDX-License-Identifier: BSL-1.0 */
/* The SCS-mux service of the internal link: scsd serves, muxes connect. scsd says what is to be on
 * air and when; the mux says what it carries, how its timeline runs, and what really went on air.
 * specs/cddl/scs-mux.cddl has the bytes, specs/link/scs-mux.md the rules.
 *
 * Order of things on a connection: the mux sends ANNOUNCE and TIMELINE as soon as the link is open;
 * the SCS asks for the PLAN; takes over what it finds; DEFINEs its SCGs (an SCG that the mux knows
 * and that is defined alike goes on without a break; one that is no longer wanted is REMOVEd), and
 * sends ORDERS from then on. When the connection is lost the mux goes on with what it has: the
 * newest period lasts, open windows stay open.
 *
 * Ticks are 27 MHz on the mux's timeline. Every `_write` returns 0, SIMC_ENOSPC (`out->at` tells
 * the room needed) or SIMC_EINVAL; every `_read` 0, SIMC_EPROTO (`why` says what is wrong, and the
 * link is to be closed) or SIMC_ENOMEM. */
#ifndef SIMC__LINK_SCS_MUX_H
#define SIMC__LINK_SCS_MUX_H

#include "simulcrypt/base.h"

#define SIMC__SCS_MUX_SERVICE "scs-mux"
#define SIMC__SCS_MUX_VERSION 1

/* Numbers on the wire: requests and events share them. */
#define SIMC__SCS_MUX_ROWS(ROW)                                                                 \
    ROW(ANNOUNCE, 1, "event of the mux: its name and the services that it carries")             \
    ROW(TIMELINE, 2, "event of the mux: where its timeline is, each second and at each change") \
    ROW(REPORTS, 3, "event of the mux: what went on air")                                       \
    ROW(ALARM, 4, "event of the mux: something about an SCG that a person must know")           \
    ROW(PLAN, 16, "request of the SCS: everything that the mux has of earlier orders")          \
    ROW(DEFINE, 17, "request of the SCS: an SCG, new or changed")                               \
    ROW(REMOVE, 18, "request of the SCS: an SCG is gone; its services are clear at once")       \
    ROW(ORDERS, 19, "event of the SCS: control words, ECMs, and when they are on air")

#define SIMC__SCS_MUX_ENUM(name, number, text) SIMC__SCS_MUX_##name = number,
enum simc__scs_mux_method { SIMC__SCS_MUX_ROWS(SIMC__SCS_MUX_ENUM) };
#undef SIMC__SCS_MUX_ENUM

enum {
    SIMC__SCS_MUX_NAME_SIZE = 64,        /* end mark included */
    SIMC__SCS_MUX_TEXT_SIZE = 256,       /* likewise */
    SIMC__SCS_MUX_SERVICES_MAX = 4096,   /* of a mux */
    SIMC__SCS_MUX_COMPONENTS_MAX = 64,   /* of a service */
    SIMC__SCS_MUX_SCGS_MAX = 4096,       /* of a mux */
    SIMC__SCS_MUX_SCG_SERVICES_MAX = 64, /* of an SCG */
    SIMC__SCS_MUX_STREAMS_MAX = 32,      /* ECM streams of an SCG */
    SIMC__SCS_MUX_PRIVATE_MAX = 251,     /* private bytes of a CA_descriptor */
    SIMC__SCS_MUX_DATAGRAM_MAX = 65000,  /* of an ECM */
    SIMC__SCS_MUX_CW_MAX = 16,
    /* What a mux keeps of an SCG: CPs are kept in a ring, cp % 32, older ones give way. */
    SIMC__SCS_MUX_WORDS_KEPT = 32,
};

/* A tick that is not known: a window without an end so far, a period without a start. */
#define SIMC__SCS_MUX_OPEN UINT64_MAX
/* transport_stream_id or original_network_id that does not matter. */
#define SIMC__SCS_MUX_ANY UINT32_MAX

/* ------------------------------------------------------------------------------ ANNOUNCE -- */

struct simc__scs_mux_component {
    uint16_t pid; /* in the output */
    uint8_t stream_type;
};

struct simc__scs_mux_service {
    uint16_t original_network_id, transport_stream_id, service_id; /* in the output */
    uint16_t pcr_pid;
    char name[SIMC__SCS_MUX_NAME_SIZE]; /* UTF-8; "" when unknown */
    uint8_t component_count;
    struct simc__scs_mux_component components[SIMC__SCS_MUX_COMPONENTS_MAX];
};

struct simc__scs_mux_announce {
    char name[SIMC__SCS_MUX_NAME_SIZE]; /* of the mux: SCGs are assigned to muxes by it */
    uint64_t timeline_id; /* drawn at the start of a mux: another one means that nothing of the old
                           * one is on air */
    uint32_t air_lead_ms; /* orders must come this long before they take effect */
    uint32_t scg_limit;
    bool is_file; /* file mode: the timeline waits for PLANNED, see `horizon_tick` */
    uint32_t service_count;
    struct simc__scs_mux_service *services; /* read: taken by simc_alloc(), see _fini() */
};

int simc__scs_mux_announce_write(struct simc_writer *out,
                                 const struct simc__scs_mux_announce *announce) SIMC_MUST_CHECK;
int simc__scs_mux_announce_read(struct simc_slice body, struct simc__scs_mux_announce *announce,
                                char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
void simc__scs_mux_announce_fini(struct simc__scs_mux_announce *announce);

/* ------------------------------------------------------------------------------ TIMELINE -- */

struct simc__scs_mux_timeline {
    uint64_t timeline_id;
    uint64_t tick;
    uint64_t monotonic_us; /* CLOCK_MONOTONIC of the mux's host at that tick */
    uint32_t rate_hz;      /* ticks per second: 27000000 nominal; 0: it stands */
    uint64_t horizon_tick; /* file mode: plan up to here without waiting for the clock; 0: live */
    bool has_ended;        /* the input of a file mode is at its end */
};

int simc__scs_mux_timeline_write(struct simc_writer *out,
                                 const struct simc__scs_mux_timeline *timeline) SIMC_MUST_CHECK;
int simc__scs_mux_timeline_read(struct simc_slice body, struct simc__scs_mux_timeline *timeline,
                                char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* -------------------------------------------------------------------------------- DEFINE -- */

struct simc__scs_mux_scg_service {
    uint32_t original_network_id, transport_stream_id; /* SIMC__SCS_MUX_ANY: whichever */
    uint16_t service_id;
    uint8_t component_count; /* 0: all components, and CA_descriptors at programme level */
    uint16_t components[SIMC__SCS_MUX_COMPONENTS_MAX]; /* PIDs; CA_descriptors at their level */
};

struct simc__scs_mux_stream {
    uint8_t stream; /* the SCS's index, 0..31 */
    uint32_t super_cas_id;
    uint16_t ecm_id;
    uint16_t pid;   /* ECM PID wanted; 0: the mux chooses */
    bool is_hidden; /* no CA_descriptor for it */
    uint8_t private_size;
    uint8_t private_data[SIMC__SCS_MUX_PRIVATE_MAX]; /* of the CA_descriptor */
};

struct simc__scs_mux_scg {
    uint32_t scg_id;
    char name[SIMC__SCS_MUX_NAME_SIZE];
    uint8_t scrambling_mode; /* of the scrambling_descriptor; decides cipher and CW size */
    bool no_scrambling_descriptor;
    uint8_t service_count, stream_count;
    struct simc__scs_mux_scg_service *services; /* read: taken by simc_alloc() */
    struct simc__scs_mux_stream *streams;       /* likewise */
};

int simc__scs_mux_scg_write(struct simc_writer *out,
                            const struct simc__scs_mux_scg *scg) SIMC_MUST_CHECK;
int simc__scs_mux_scg_read(struct simc_slice body, struct simc__scs_mux_scg *scg,
                           char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
void simc__scs_mux_scg_fini(struct simc__scs_mux_scg *scg);

/* The response: the PID of each stream, in the order of the definition, and what is not (yet) as
 * wished, as a sentence ("service 0x0002 is not in the multiplex now; it is scrambled as soon as it
 * appears"). Refusals are failures: CONFLICT, LIMIT, BAD_REQUEST. */
struct simc__scs_mux_defined {
    uint8_t stream_count;
    uint16_t pids[SIMC__SCS_MUX_STREAMS_MAX];
    char remark[SIMC__SCS_MUX_TEXT_SIZE]; /* "": none */
};

int simc__scs_mux_defined_write(struct simc_writer *out,
                                const struct simc__scs_mux_defined *defined) SIMC_MUST_CHECK;
int simc__scs_mux_defined_read(struct simc_slice body, struct simc__scs_mux_defined *defined,
                               char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* REMOVE: the body is the number scg_id. */
int simc__scs_mux_remove_write(struct simc_writer *out, uint32_t scg_id) SIMC_MUST_CHECK;
int simc__scs_mux_remove_read(struct simc_slice body, uint32_t *scg_id,
                              char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* -------------------------------------------------------------------------------- ORDERS -- */

enum simc__scs_mux_order_type {
    SIMC__SCS_MUX_ORDER_WORD,    /* `cp` has the control word `cw` (reserved: not on air yet). A
                                  * second, different one for a CP that the mux keeps is an ALARM */
    SIMC__SCS_MUX_ORDER_ECM,     /* `stream`, `cp`: its `datagram`, kept as the words are */
    SIMC__SCS_MUX_ORDER_PERIOD,  /* `cp` begins at `start_tick` with `parity`, and lasts until the
                                  * next PERIOD or CLEAR. A CP may come again (cycling) */
    SIMC__SCS_MUX_ORDER_WINDOW,  /* the ECM of `stream`, `cp` is on air start_tick..stop_tick, every
                                  * repetition_ms. First with an open stop, then again with it */
    SIMC__SCS_MUX_ORDER_CLEAR,   /* scrambling ends at `start_tick` */
    SIMC__SCS_MUX_ORDER_PLANNED, /* file mode: nothing before `start_tick` will be ordered any more
                                  */
    SIMC__SCS_MUX_ORDER_COUNT
};

struct simc__scs_mux_order {
    enum simc__scs_mux_order_type type;
    uint32_t scg_id;
    uint8_t stream;
    uint8_t parity; /* 0 even, 1 odd */
    uint16_t cp;
    uint16_t repetition_ms;
    bool is_ts;    /* ECM: the datagram is TS packets, not a section */
    bool is_first; /* PERIOD: the service was clear before */
    uint64_t start_tick, stop_tick;
    struct simc_slice datagram; /* borrowed */
    struct simc_secret cw;      /* WORD; wipe it after use */
};

/* ORDERS is an array of any length: write the entries one by one behind _begin(). Entries that do
 * not fit leave the writer as it was (SIMC_ENOSPC): send what there is and begin anew. */
struct simc__scs_mux_orders {
    struct simc_writer *out;
    size_t start;
    uint32_t count;
};
void simc__scs_mux_orders_begin(struct simc__scs_mux_orders *orders, struct simc_writer *out);
int simc__scs_mux_orders_put(struct simc__scs_mux_orders *orders,
                             const struct simc__scs_mux_order *order) SIMC_MUST_CHECK;
/* Fills the count in. @return the writer's error. */
int simc__scs_mux_orders_end(struct simc__scs_mux_orders *orders) SIMC_MUST_CHECK;

/* Reading: _open(), then _next() until SIMC_EEND. */
struct simc__scs_mux_reader {
    struct simc_slice rest;
    uint32_t left;
};
int simc__scs_mux_orders_open(struct simc_slice body, struct simc__scs_mux_reader *reader,
                              char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
int simc__scs_mux_orders_next(struct simc__scs_mux_reader *reader,
                              struct simc__scs_mux_order *order,
                              char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------------------- REPORTS -- */

enum simc__scs_mux_report_type {
    SIMC__SCS_MUX_REPORT_PERIOD,    /* the first packet scrambled in this period of `cp` left */
    SIMC__SCS_MUX_REPORT_CLEAR,     /* the first clear packet left */
    SIMC__SCS_MUX_REPORT_ECM_FIRST, /* the first packet of the ECM of `stream`, `cp` left */
    SIMC__SCS_MUX_REPORT_ECM_LAST,  /* the last one left; `count` repetitions in all */
    SIMC__SCS_MUX_REPORT_LATE,      /* an order came `late_ticks` after its start; it was obeyed at
                                     * `tick`. `order` is its type */
    SIMC__SCS_MUX_REPORT_COUNT
};

struct simc__scs_mux_report {
    enum simc__scs_mux_report_type type;
    uint32_t scg_id;
    uint8_t stream;
    uint8_t parity;
    uint8_t order; /* enum simc__scs_mux_order_type */
    uint16_t cp;
    uint32_t count;
    uint64_t tick; /* when it happened */
    uint64_t late_ticks;
};

void simc__scs_mux_reports_begin(struct simc__scs_mux_orders *reports, struct simc_writer *out);
int simc__scs_mux_reports_put(struct simc__scs_mux_orders *reports,
                              const struct simc__scs_mux_report *report) SIMC_MUST_CHECK;
int simc__scs_mux_reports_end(struct simc__scs_mux_orders *reports) SIMC_MUST_CHECK;
int simc__scs_mux_reports_open(struct simc_slice body, struct simc__scs_mux_reader *reader,
                               char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
int simc__scs_mux_reports_next(struct simc__scs_mux_reader *reader,
                               struct simc__scs_mux_report *report,
                               char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* --------------------------------------------------------------------------------- ALARM -- */

#define SIMC__SCS_MUX_ALARM_ROWS(ROW)                                                    \
    ROW(SERVICE_GONE, 1, "a service of the SCG is not in the multiplex")                 \
    ROW(NO_ROOM, 2, "ECMs do not find room in the multiplex at their repetition period") \
    ROW(NO_WORD, 3, "a period was ordered without its control word")                     \
    ROW(NO_ECM, 4, "a window was ordered without its ECM")                               \
    ROW(OTHER_WORD, 5, "a control word was ordered for a CP that has another one")       \
    ROW(BAD_ECM, 6, "an ECM is neither a section nor TS packets")                        \
    ROW(LATE, 7, "an order came too late")                                               \
    ROW(STRETCHED, 8, "the SCS is away, and the running period lasts longer than it should")

#define SIMC__SCS_MUX_ALARM_ENUM(name, number, text) SIMC__SCS_MUX_ALARM_##name = number,
enum simc__scs_mux_alarm_type { SIMC__SCS_MUX_ALARM_ROWS(SIMC__SCS_MUX_ALARM_ENUM) };
#undef SIMC__SCS_MUX_ALARM_ENUM

struct simc__scs_mux_alarm {
    enum simc__scs_mux_alarm_type type;
    uint32_t scg_id;
    uint8_t stream;                     /* 255: of the SCG */
    bool is_raised;                     /* false: it is over */
    char text[SIMC__SCS_MUX_TEXT_SIZE]; /* with numbers, for a person */
};

int simc__scs_mux_alarm_write(struct simc_writer *out,
                              const struct simc__scs_mux_alarm *alarm) SIMC_MUST_CHECK;
int simc__scs_mux_alarm_read(struct simc_slice body, struct simc__scs_mux_alarm *alarm,
                             char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* ---------------------------------------------------------------------------------- PLAN -- */

/* The request has no body. The response is what the mux has of earlier orders, SCG by SCG. */

struct simc__scs_mux_plan_period {
    uint16_t cp;
    uint64_t start_tick; /* SIMC__SCS_MUX_OPEN: reserved only. A cycled CP has its last start */
    struct simc_secret cw;
};

struct simc__scs_mux_plan_ecm {
    uint8_t stream;
    uint16_t cp;
    uint64_t start_tick;
    uint16_t repetition_ms;
};

struct simc__scs_mux_plan_stream {
    uint8_t stream;
    uint32_t super_cas_id;
    uint16_t ecm_id;
    uint16_t pid;
};

struct simc__scs_mux_plan_scg {
    uint32_t scg_id;
    bool is_clear;     /* never scrambled, or scrambling has ended behind the last period... */
    uint64_t end_tick; /* ...at this tick (0: never scrambled) */
    uint8_t stream_count, period_count, ecm_count;
    struct simc__scs_mux_plan_stream streams[SIMC__SCS_MUX_STREAMS_MAX];
    /* Rising CPs, as many as are kept: past, present, ahead, reserved. */
    struct simc__scs_mux_plan_period periods[SIMC__SCS_MUX_WORDS_KEPT];
    /* Windows whose end is open. */
    struct simc__scs_mux_plan_ecm ecms[2 * SIMC__SCS_MUX_STREAMS_MAX];
};

/* As ORDERS: _begin(), _put() for each SCG, _end(). A plan that does not fit one frame is told in
 * parts: the SCS asks again with the last scg_id it got (the request's body is that number; null:
 * from the start), until a response says that it is the last part. SCGs come by rising scg_id. */
int simc__scs_mux_plan_request_write(struct simc_writer *out, bool has_after,
                                     uint32_t after_scg_id) SIMC_MUST_CHECK;
int simc__scs_mux_plan_request_read(struct simc_slice body, bool *has_after, uint32_t *after_scg_id,
                                    char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
void simc__scs_mux_plan_begin(struct simc__scs_mux_orders *plan, struct simc_writer *out,
                              uint64_t timeline_id);
int simc__scs_mux_plan_put(struct simc__scs_mux_orders *plan,
                           const struct simc__scs_mux_plan_scg *scg) SIMC_MUST_CHECK;
int simc__scs_mux_plan_end(struct simc__scs_mux_orders *plan, bool is_last) SIMC_MUST_CHECK;
int simc__scs_mux_plan_open(struct simc_slice body, struct simc__scs_mux_reader *reader,
                            uint64_t *timeline_id, bool *is_last,
                            char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
int simc__scs_mux_plan_next(struct simc__scs_mux_reader *reader, struct simc__scs_mux_plan_scg *scg,
                            char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
void simc__scs_mux_plan_scg_wipe(struct simc__scs_mux_plan_scg *scg);

#endif
