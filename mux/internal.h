/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the engine share: the objects of an output stream and how they hang together.
 * mux/README.md tells the way of a packet through them. */
#ifndef SIMC__MUX_INTERNAL_H
#define SIMC__MUX_INTERNAL_H

#include "mux/mux.h"

enum {
    SIMC__MUX_SEGMENTS = 1024,    /* runs of equally spaced packets of an input; a power of two */
    SIMC__MUX_PERIODS_AHEAD = 32, /* changes of an SCG that are ordered and not begun */
    /* Windows of an ECM stream that are not over: one for each period ahead, that of the period on
     * air, and those before it whose end is late. */
    SIMC__MUX_WINDOWS = SIMC__MUX_PERIODS_AHEAD + 8,
    SIMC__MUX_REPORTS = 4096,
    SIMC__MUX_ALARMS = 64,
    SIMC__MUX_PMT_PACKETS = 6, /* 1024 bytes and a pointer_field */
    SIMC__MUX_SDT_SIZE = 256,  /* descriptors kept of a service in the SDT of an input */
    SIMC__MUX_RELAY_PACKETS = 64,
    SIMC__MUX_CLOCKS_MAX = 255,
    /* 188 bytes at 1 Mbit/s, the drain of the buffer for system data: packets of a table or ECM
     * keep this distance. [13818 2.4.2.3] */
    SIMC__MUX_SPACING = 188 * 8 * 27,
};

#define SIMC__MUX_NEVER  UINT64_MAX
#define SIMC__MUX_SECOND UINT64_C(27000000)

/* --------------------------------------------------------------------------------- timers -- */

/* Who waits for a tick. The struct that holds the timer begins with it. */
enum simc__mux_timer_kind {
    SIMC__MUX_TIMER_PERIOD, /* struct simc__mux_scg */
    SIMC__MUX_TIMER_PLAYER, /* struct simc__mux_player; this and the following are items */
    SIMC__MUX_TIMER_TABLE,  /* struct simc__mux_table */
    SIMC__MUX_TIMER_PCR,    /* struct simc__mux_pcr */
    SIMC__MUX_TIMER_SOURCE, /* struct simc__mux_source */
    SIMC__MUX_TIMER_SECOND, /* struct simc__mux_second */
};

struct simc__mux_timer {
    uint64_t tick;
    uint32_t at; /* place in the heap + 1; 0: not armed */
    uint8_t kind;
};

/* The one with the first tick stands at 0. */
struct simc__mux_heap {
    struct simc__mux_timer **timers;
    uint32_t count, limit;
};

/* Something that puts packets into the output by itself. */
struct simc__mux_item {
    struct simc__mux_timer timer;
    struct simc__mux_timer place; /* in mux->ready while it waits for one in the output */
    uint8_t rank;
    uint16_t pid;
    uint32_t packet_at;  /* packets of this repetition that have left */
    uint64_t grid_tick;  /* when this repetition was due */
    uint64_t ready_tick; /* since when it waits */
    uint64_t late_max;   /* of this second */
    uint32_t missed;     /* repetitions without room, of this second */
};

/* Of items that wait, those of the lower rank go first; behind the last stand the sources. */
enum simc__mux_rank {
    SIMC__MUX_RANK_ECM,
    SIMC__MUX_RANK_PCR,
    SIMC__MUX_RANK_PSI,
    SIMC__MUX_RANK_SOURCE, /* + priority */
};

struct simc__mux_second {
    struct simc__mux_timer timer;
};

/* --------------------------------------------------------------------------------- inputs -- */

struct simc__mux_entry {
    uint8_t packet[SIMC_TS_SIZE];
    uint32_t position; /* in the input stream, modulo 2^32 */
};

/* Packets of the buffer whose places are on one line: due_tick + (position - first) * step. */
struct simc__mux_segment {
    uint64_t end; /* entry behind the last one */
    uint64_t due_tick;
    uint64_t step_q16; /* ticks from packet to packet */
    uint32_t position;
};

/* The clock of a PCR PID: PCR p belongs to the tick tick_q16 + (p - pcr) * (1 + rate). */
struct simc__mux_clock {
    uint16_t pid;
    bool is_started;
    bool is_broken;       /* the next PCR begins a new time base */
    uint8_t strays;       /* PCRs in a row that went back a little */
    uint8_t stage;        /* windows of fast tracking left */
    uint64_t pcr;         /* the anchor: the last PCR */
    uint64_t tick_q16;    /* its tick, delay included */
    int64_t rate_q40;     /* deviation of the slope from 1 */
    int64_t integral_ppb; /* the learned part of it */
    int64_t rate_ppb;
    /* The window over which arrivals are averaged. */
    int64_t error_sum, error_min, error_max; /* ticks */
    uint32_t error_count;
    uint64_t window_pcr; /* length so far, ticks */
    uint32_t position;   /* of the last PCR packet */
    int64_t error;       /* the last one */
    int64_t bias;        /* how far arrivals are from the anchor's on average */
    bool has_bias, is_seen;
    /* The reading side: the last PCR that left, as PCR = base + tick - (tick - due) * rate. */
    bool has_left;
    uint64_t left_base, left_due;
};

enum simc__mux_kind {
    SIMC__MUX_KIND_DROP,     /* goes nowhere */
    SIMC__MUX_KIND_SKIP,     /* goes nowhere and need not even be kept: of a programme not chosen */
    SIMC__MUX_KIND_HELD,     /* to `out` when it is scrambled; until then nowhere */
    SIMC__MUX_KIND_PASS,     /* to `out` */
    SIMC__MUX_KIND_PSI,      /* to the assembler `watch` */
    SIMC__MUX_KIND_PSI_PASS, /* to both */
};

/* A PID of an input. */
struct simc__mux_route {
    uint32_t entry; /* of the last packet with payload */
    uint16_t out;   /* PID in the output */
    uint16_t watch;
    uint8_t kind;
    uint8_t clock;  /* index + 1 */
    uint8_t cc;     /* of the last packet with payload; 0x80: none yet */
    bool is_mapped; /* `out` was given to it by a service: it keeps it */
    bool is_ca;     /* ECMs or EMMs of the input */
};

/* A programme of an input. */
struct simc__mux_program {
    uint16_t number, pmt_pid;
    bool has_pmt;
    uint16_t pmt_size;
    uint16_t sdt_size;
    bool has_sdt, eit_schedule, eit_pf, free_ca_mode;
    uint8_t running_status;
    uint8_t pat_round; /* of the PAT that named it last */
    uint8_t pmt[SIMC_PSI_SIZE_MAX];
    uint8_t sdt[SIMC__MUX_SDT_SIZE];
};

struct simc__mux_watch {
    struct simc_section_assembler assembler;
    uint16_t pid;
    bool is_used;
};

/* Watches of fixed PIDs; those of PMTs follow. */
enum { SIMC__MUX_WATCH_PAT, SIMC__MUX_WATCH_CAT, SIMC__MUX_WATCH_SDT, SIMC__MUX_WATCH_PMT };

struct simc__mux_input {
    struct simc__mux_input_config config;
    uint32_t index;
    enum simc__mux_input_state state;
    /* The buffer: entries read..timed have their due ticks, timed..write wait for them. */
    struct simc__mux_entry *entries;
    uint64_t mask;
    uint64_t read, timed, write;
    struct simc__mux_segment segments[SIMC__MUX_SEGMENTS];
    uint32_t segment_read, segment_write;
    /* The place of the first entry that waits. */
    bool has_open;
    bool has_step;
    bool is_broken;    /* the stream broke: the next PCR begins anew */
    uint32_t position; /* packets that came, modulo 2^32 */
    uint32_t open_position;
    uint64_t open_tick;
    uint64_t step_q16;
    uint64_t head_due; /* of the entry at `read`; SIMC__MUX_NEVER: none is timed */
    /* Clocks. */
    struct simc__mux_clock *clocks;
    uint32_t clock_count, clock_limit;
    uint32_t reference; /* index + 1; 0: none */
    uint32_t reference_silence;
    uint32_t first_position; /* before the first step: the reference PCR */
    uint64_t first_pcr, first_tick;
    bool has_first;
    uint64_t arrival_tick; /* of the last packet */
    bool has_arrived, has_ended;
    /* Tables. */
    struct simc__mux_watch *watches;
    uint32_t watch_count;
    struct simc__mux_program *programs;
    uint32_t program_count, program_limit;
    bool has_pat, has_overflow;
    /* A PAT of several sections is a list as soon as all of them have come: a round. */
    uint8_t pat_round, pat_version, pat_last;
    uint32_t pat_seen[8]; /* sections of this round (bits) */
    uint16_t ts_id, network_id, nit_pid;
    bool has_network;
    uint16_t cat_size;
    uint8_t cat[SIMC_PSI_SIZE_MAX];
    struct simc__mux_route *routes; /* SIMC_TS_PID_COUNT */
    uint64_t counters[SIMC__MUX_INPUT_COUNTER_COUNT];
    /* What changed in this second, for alarms and rates. */
    uint64_t packets_before, dropped_before, lost_before, late_drops, jumps_before;
    uint64_t bitrate;
    uint32_t buffered_max, buffered_max_before;
    uint32_t calm_s; /* seconds without such an alarm */
};

/* --------------------------------------------------------------------------------- output -- */

/* Who holds a PID of the output. */
enum simc__mux_use {
    SIMC__MUX_USE_FREE,
    SIMC__MUX_USE_FIXED,
    SIMC__MUX_USE_PMT,
    SIMC__MUX_USE_COMPONENT,
    SIMC__MUX_USE_ECM,
    SIMC__MUX_USE_SOURCE, /* and EMM PIDs of the configuration */
    SIMC__MUX_USE_PASS,
};

struct simc__mux_out {
    uint64_t packets;
    uint16_t scg;           /* index + 1 of the SCG that scrambles it */
    uint16_t pcr;           /* index + 1 */
    uint16_t input, source; /* where it comes from: input and PID there */
    uint8_t cc;             /* of the next packet with payload */
    uint8_t use;
    uint8_t class_index; /* while clear */
};

/* A table of the output. */
struct simc__mux_table {
    struct simc__mux_item item;
    uint64_t period;
    uint8_t *sections; /* what is on air, one behind the other */
    uint8_t *packets;
    uint32_t size, size_limit;
    uint32_t count, count_limit; /* packets */
    uint8_t version;
    bool is_on;
    bool is_sent;       /* a packet of this version has left */
    bool is_spread;     /* its sections keep 25 ms between them [300468 5.1.4] */
    bool is_stale;      /* is_spread: something has changed, which waits for free_tick */
    uint64_t free_tick; /* is_spread: not before this tick the next section */
};

/* The PCRs of a PID of the output. */
struct simc__mux_pcr {
    struct simc__mux_item item;
    uint16_t input, clock; /* clock: index + 1 */
    bool is_used, has_last;
    uint64_t last_tick;   /* the last PCR left */
    uint64_t source_tick; /* the last one of the input left */
    uint64_t interval_max, interval_max_before;
};

struct simc__mux_component {
    uint16_t pid, out;
    uint8_t type;
};

/* A service of the output. */
struct simc__mux_service {
    uint32_t input;
    uint32_t row;        /* of the configuration; SIMC__MUX_NONE: taken without one */
    uint16_t number;     /* service_id in the input */
    uint16_t service_id; /* in the output */
    uint16_t pmt_pid;    /* 0: none yet */
    uint16_t pcr_in, pcr_out;
    bool is_present;
    bool has_conflict;  /* an explicit PID of it is taken */
    bool is_held;       /* a component of it is held back... */
    uint64_t held_tick; /* ...since then */
    uint8_t component_count;
    struct simc__mux_component components[SIMC__SCS_MUX_COMPONENTS_MAX];
    struct simc__mux_table pmt;
    uint64_t packets_before, bitrate;
};

/* The configuration, owned. */
struct simc__mux_settings {
    struct simc__mux_config config; /* its pointers lead to the arrays below */
    struct simc__mux_input_config *inputs;
    struct simc__mux_service_config *services;
    struct simc__mux_pid_map *maps;
    uint16_t *drops;
    struct simc__mux_emm_config *emms;
    char *texts;
};

/* ----------------------------------------------------------------------------------- SCGs -- */

struct simc__mux_word {
    bool is_used;
    uint16_t cp;
    uint64_t start_tick; /* SIMC__SCS_MUX_OPEN: not begun */
    struct simc_secret cw;
};

struct simc__mux_change_of_period {
    uint64_t start_tick;
    uint64_t ordered_tick; /* as ordered, when it came late */
    uint16_t cp;
    uint8_t parity;
    bool is_clear;
    bool is_late;
};

struct simc__mux_ecm {
    bool is_used;
    uint16_t cp;
    uint32_t packet_count;
    uint8_t *packets;
};

struct simc__mux_window {
    uint16_t cp;
    uint64_t start_tick, stop_tick;
    uint64_t ordered_tick;
    uint64_t period; /* ticks */
};

/* An ECM stream: it plays the newest window that has begun. */
struct simc__mux_player {
    struct simc__mux_item item;
    struct simc__mux_scg *scg;
    struct simc__scs_mux_stream config;
    uint16_t pid;
    struct simc__mux_ecm ecms[SIMC__SCS_MUX_WORDS_KEPT]; /* cp % 32 */
    struct simc__mux_window windows[SIMC__MUX_WINDOWS];  /* by rising start */
    uint32_t window_count;
    bool is_on;         /* windows[0] has begun */
    bool was_late;      /* its order came late: a report is due */
    bool has_sent;      /* a packet of it has left */
    uint32_t sent;      /* repetitions of it */
    uint64_t last_tick; /* of its last packet */
    uint64_t sent_total, missed_total;
};

struct simc__mux_scg {
    struct simc__mux_timer timer; /* the next change of period */
    bool is_used;
    bool is_static;
    uint32_t index; /* also the slot of the scrambler */
    uint32_t scg_id;
    char name[SIMC__MUX_NAME_SIZE];
    uint8_t scrambling_mode;
    bool no_scrambling_descriptor;
    enum simc_scrambling algorithm;
    uint8_t service_count, stream_count;
    struct simc__scs_mux_scg_service *services;
    struct simc__mux_player *players;
    struct simc__mux_word words[SIMC__SCS_MUX_WORDS_KEPT];
    struct simc__mux_change_of_period ahead[SIMC__MUX_PERIODS_AHEAD]; /* by rising start */
    uint32_t ahead_count;
    /* The running period. */
    bool is_on; /* scrambled */
    uint8_t parity;
    uint16_t cp;
    uint64_t start_tick;
    uint64_t length; /* of the period before, ticks; 0: not known */
    bool was_scrambled;
    bool was_complete; /* everything that it names was there once */
    uint64_t end_tick; /* when scrambling ended */
    bool is_waiting;   /* a period without word should have begun: `waiting` */
    struct simc__mux_change_of_period waiting;
    uint8_t report; /* what the next packet has to report: simc__scs_mux_report_type + 1 */
    uint8_t jobs;   /* parities with packets in this block that are not scrambled yet (bits) */
    bool is_signalled;
    bool is_incomplete; /* a service or component of it is not there */
    uint64_t planned_tick;
    uint64_t packets;
    size_t ecm_bytes;
    /* Static. */
    struct simc_secret static_words[2];
    uint64_t static_period;
};

/* -------------------------------------------------------------------------------- sources -- */

struct simc__mux_source {
    struct simc__mux_item item;
    bool is_used, is_relay;
    uint32_t id;
    struct simc__mux_source_config config;
    uint8_t *queue;
    uint32_t queue_count, read, queued;
    uint64_t interval, interval_rest, rest; /* ticks between packets = interval + rest / bitrate */
    uint64_t due_tick;
    struct simc__mux_source_status status;
    uint64_t late_before;
};

/* --------------------------------------------------------------------------------- engine -- */

struct simc__mux {
    struct simc__mux_settings settings;
    const struct simc__mux_config *config; /* settings.config */
    bool is_failed;
    /* Time. */
    bool has_started;
    uint64_t start_ns;
    uint64_t tick;                        /* of the next slot */
    uint64_t last_tick;                   /* of the last packet that left */
    uint64_t slot_ticks, slot_rest, rest; /* slot = slot_ticks + slot_rest / bitrate */
    uint64_t live_tick;                   /* live: how far the clock is */
    uint64_t replace_tick; /* REPLACE: when the next null packet is made without an input */
    bool is_ended;
    uint64_t told_tick; /* file mode: of the last news about the horizon */
    /* Inputs and output PIDs. */
    struct simc__mux_input *inputs[SIMC__MUX_INPUTS_MAX];
    uint32_t input_count;
    struct simc__mux_out *outs;          /* SIMC_TS_PID_COUNT */
    struct simc__mux_service **services; /* those behind service_count are not in use */
    uint32_t service_count, service_limit;
    struct simc__mux_pcr **pcrs; /* service_limit, in use or not */
    struct simc__mux_table pat, cat, sdt;
    uint8_t *scratch; /* for sections that are built */
    uint32_t scratch_size;
    bool is_route_due, is_psi_due;
    bool was_scrambled; /* a packet was scrambled once: the CAT stays */
    /* Insertion. */
    struct simc__mux_heap timers; /* what waits for its tick */
    struct simc__mux_heap ready;  /* items that wait for a place, the most urgent one first */
    uint32_t timer_count;         /* timers that exist */
    uint64_t next_tick;           /* of the first timer */
    struct simc__mux_second second;
    /* The block. */
    uint8_t *packets;
    uint64_t *ticks;
    uint32_t block_count, block_limit;
    /* Slots of the input. */
    bool has_passed; /* a packet of it is in the output */
    bool has_nulls;  /* it has brought a null packet, at null_tick the last one */
    uint64_t null_tick;
    uint64_t room_tick; /* of the last slot that was free */
    uint64_t grown;     /* packets that the output has more than the input, to be made up for */
    struct simc_scramble_job *jobs;
    uint32_t job_count;
    /* SCGs. */
    struct simc_scrambler *scrambler;
    struct simc__mux_scg **scgs; /* by index */
    uint32_t scg_limit, scg_count;
    bool is_connected;
    /* Sources. */
    struct simc__mux_source *sources[SIMC__MUX_SOURCES_MAX];
    uint32_t source_count, next_source;
    struct simc__mux_source *relay; /* of SDT other and BAT */
    /* News. */
    unsigned news;
    uint64_t service_hash;
    struct simc__scs_mux_report *reports;
    uint32_t report_read, report_count;
    struct simc__mux_alarm_row *alarms;
    bool has_alarm_news; /* a row of them may have something to tell */
    /* Status. */
    uint64_t counters[SIMC__MUX_COUNTER_COUNT];
    uint64_t classes[SIMC__MUX_CLASS_COUNT], classes_before[SIMC__MUX_CLASS_COUNT];
    uint64_t bitrates[SIMC__MUX_CLASS_COUNT];
    uint64_t skipped_before;
    size_t memory;
};

struct simc__mux_alarm_row {
    struct simc__mux_alarm alarm;
    bool is_used;
    bool is_news, is_over_news; /* what was not told yet: that it was raised, that it is over */
    uint64_t until_tick;        /* SIMC__MUX_NEVER: until it is cleared; else it ends by itself */
};

/* ------------------------------------------------------------------------------ functions -- */

/* timer.c: the heap of timers and that of items. */
/* Room for so many more timers. */
int simc__mux_timers_reserve(struct simc__mux *mux, uint32_t more) SIMC_MUST_CHECK;
void simc__mux_timer_arm(struct simc__mux *mux, struct simc__mux_timer *timer, uint64_t tick);
void simc__mux_timer_stop(struct simc__mux *mux, struct simc__mux_timer *timer);
/* Of one rank those go first whose patience ends first. */
void simc__mux_item_ready(struct simc__mux *mux, struct simc__mux_item *item, uint64_t tick,
                          uint64_t patience);
/* The most urgent one, which is done for now. There must be one. */
struct simc__mux_item *simc__mux_item_take(struct simc__mux *mux);
/* It waits for nothing any more. */
void simc__mux_item_stop(struct simc__mux *mux, struct simc__mux_item *item);

/* clock.c: PCRs onto the timeline. */
enum simc__mux_clock_event {
    SIMC__MUX_CLOCK_GOOD,
    SIMC__MUX_CLOCK_NEW, /* a new time base: the packet has to announce it unless it is the first */
    SIMC__MUX_CLOCK_JUMP, /* the same, and nobody announced it */
};
struct simc__mux_clock_look {
    uint64_t tick;      /* when the packet should be on the timeline, by what else is known */
    bool is_exact;      /* file mode, reference: the PCRs are the time */
    bool is_consistent; /* the PCR advanced as the packets did */
    int64_t threshold;  /* ticks: more is a jump */
};
/* @param tick out: the tick of the packet. */
enum simc__mux_clock_event simc__mux_clock_push(struct simc__mux_clock *clock, uint64_t pcr,
                                                const struct simc__mux_clock_look *look,
                                                uint64_t *tick);
void simc__mux_clock_anchor(struct simc__mux_clock *clock, uint64_t pcr, uint64_t tick);
/* PCR for a packet that leaves at `tick`. */
uint64_t simc__mux_clock_pcr(const struct simc__mux_clock *clock, uint64_t base, uint64_t due,
                             uint64_t tick);

/* input.c: the buffer; timing.c: due ticks. */
int simc__mux_input_new(struct simc__mux *mux, const struct simc__mux_input_config *config,
                        struct simc__mux_input **input) SIMC_MUST_CHECK;
void simc__mux_input_free(struct simc__mux *mux, struct simc__mux_input *input);
void simc__mux_input_pop(struct simc__mux_input *input);
void simc__mux_input_due(struct simc__mux_input *input);
void simc__mux_timing_pcr(struct simc__mux *mux, struct simc__mux_input *input, uint64_t entry,
                          uint32_t position, uint64_t arrival);
void simc__mux_timing_arrival(struct simc__mux *mux, struct simc__mux_input *input,
                              uint64_t arrival);
/* After a silence the place of the next packet is told by its arrival. */
void simc__mux_timing_return(struct simc__mux_input *input, uint64_t arrival, size_t count);
/* Gives due ticks to all entries that wait, by the last step. */
void simc__mux_timing_force(struct simc__mux *mux, struct simc__mux_input *input);
void simc__mux_timing_break(struct simc__mux *mux, struct simc__mux_input *input);
uint64_t simc__mux_timing_at(const struct simc__mux_input *input, uint32_t position);

/* follow.c: the tables of an input. */
void simc__mux_follow(struct simc__mux *mux, struct simc__mux_input *input,
                      struct simc__mux_watch *watch, const uint8_t *packet);
struct simc__mux_program *simc__mux_program_find(const struct simc__mux_input *input,
                                                 uint16_t number);

/* route.c: which packet goes where. */
void simc__mux_route(struct simc__mux *mux);
/* A free PID from `first` on. @return 0: there is none. */
uint16_t simc__mux_pid_free(const struct simc__mux *mux, uint16_t first);
bool simc__mux_pid_is_free(const struct simc__mux *mux, uint16_t pid);
/* Room for the services of a configuration. */
int simc__mux_services_reserve(struct simc__mux *mux, uint32_t count) SIMC_MUST_CHECK;
void simc__mux_services_free(struct simc__mux *mux);
const struct simc__mux_service_config *simc__mux_service_row(
    const struct simc__mux *mux, const struct simc__mux_service *service);
/* The service of an output id, present or not; NULL: none. */
struct simc__mux_service *simc__mux_service_find(const struct simc__mux *mux, uint16_t service_id);
uint16_t simc__mux_ts_id(const struct simc__mux *mux);
uint16_t simc__mux_network_id(const struct simc__mux *mux);
/* Stream types that carry sections, which stay clear. */
bool simc__mux_type_is_clear(uint8_t stream_type);

/* tables.c: the tables of the output. */
int simc__mux_table_init(struct simc__mux *mux, struct simc__mux_table *table, uint16_t pid,
                         uint32_t size_limit) SIMC_MUST_CHECK;
void simc__mux_table_fini(struct simc__mux *mux, struct simc__mux_table *table);
void simc__mux_tables(struct simc__mux *mux);
void simc__mux_table_off(struct simc__mux *mux, struct simc__mux_table *table);

bool simc__mux_table_emit(struct simc__mux *mux, struct simc__mux_table *table, uint64_t tick,
                          uint8_t *packet);
/* True when the SCG's row names the service, with this component (SIMC_PID_NULL: with all). */
bool simc__mux_scg_has(const struct simc__mux *mux, const struct simc__mux_scg *scg,
                       uint16_t service_id, uint16_t component);

/* output.c: slots and blocks. */
void simc__mux_scramble_jobs(struct simc__mux *mux);
/* emit.c: what items put into a slot. @return false: nothing after all. */
bool simc__mux_emit(struct simc__mux *mux, uint64_t tick, uint8_t *packet);
void simc__mux_fire(struct simc__mux *mux, uint64_t tick);
/* A PCR has left. @param is_source it came from the input. */
void simc__mux_pcr_left(struct simc__mux *mux, struct simc__mux_pcr *pcr, uint64_t tick,
                        bool is_source);
void simc__mux_slot_rate(struct simc__mux *mux);

/* scg.c */
struct simc__mux_scg *simc__mux_scg_find(const struct simc__mux *mux, uint32_t scg_id);
void simc__mux_scg_free(struct simc__mux *mux, struct simc__mux_scg *scg);
void simc__mux_scg_assign(struct simc__mux *mux);
/* The alarm of a group whose services or components are not all there. */
void simc__mux_scg_tell_gone(struct simc__mux *mux, const struct simc__mux_scg *scg);
/* hold.c: holds back what would be clear and must not be. To be called when SCGs begin, end or
 * come, and behind simc__mux_scg_assign(). */
void simc__mux_hold(struct simc__mux *mux);
/* True when nothing of the group is sent now. */
bool simc__mux_scg_is_held(const struct simc__mux *mux, const struct simc__mux_scg *scg);
void simc__mux_look_at_held(struct simc__mux *mux, uint64_t tick);
/* period.c */
void simc__mux_period_fire(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick);
void simc__mux_period_arm(struct simc__mux *mux, struct simc__mux_scg *scg);
void simc__mux_period_first(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick);
void simc__mux_scg_signal(struct simc__mux *mux, struct simc__mux_scg *scg);
int simc__mux_period_order(struct simc__mux *mux, struct simc__mux_scg *scg,
                           const struct simc__scs_mux_order *order) SIMC_MUST_CHECK;
int simc__mux_word_order(struct simc__mux *mux, struct simc__mux_scg *scg,
                         const struct simc__scs_mux_order *order) SIMC_MUST_CHECK;
/* player.c */
void simc__mux_player_fire(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick);
bool simc__mux_player_emit(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick,
                           uint8_t *packet);
void simc__mux_player_stop(struct simc__mux *mux, struct simc__mux_player *player, bool is_told);
void simc__mux_player_fini(struct simc__mux *mux, struct simc__mux_player *player);
int simc__mux_ecm_order(struct simc__mux *mux, struct simc__mux_player *player,
                        const struct simc__scs_mux_order *order) SIMC_MUST_CHECK;
int simc__mux_window_order(struct simc__mux *mux, struct simc__mux_player *player,
                           const struct simc__scs_mux_order *order) SIMC_MUST_CHECK;

void simc__mux_service_name(const struct simc__mux *mux, const struct simc__mux_service *service,
                            char name[SIMC__MUX_NAME_SIZE]);

/* source.c */
bool simc__mux_source_emit(struct simc__mux *mux, struct simc__mux_source *source, uint64_t tick,
                           uint8_t *packet);
void simc__mux_source_free(struct simc__mux *mux, struct simc__mux_source *source);
int simc__mux_relay_new(struct simc__mux *mux) SIMC_MUST_CHECK;
void simc__mux_relay(struct simc__mux *mux, struct simc_slice section);

/* settings.c */
int simc__mux_settings_copy(struct simc__mux_settings *settings,
                            const struct simc__mux_config *config,
                            char why[SIMC__MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
void simc__mux_settings_fini(struct simc__mux_settings *settings);

/* alarm.c */
enum { SIMC__MUX_STREAM_NONE = 255 };
struct simc__mux_alarm_key {
    uint32_t type;
    uint32_t scg_id;
    bool has_scg;
    uint8_t stream;
    uint32_t input;
};
static inline struct simc__mux_alarm_key simc__mux_alarm_of(uint32_t type)
{
    struct simc__mux_alarm_key key = {type, 0, false, SIMC__MUX_STREAM_NONE, SIMC__MUX_NONE};
    return key;
}
static inline struct simc__mux_alarm_key simc__mux_alarm_of_input(uint32_t type, uint32_t input)
{
    struct simc__mux_alarm_key key = {type, 0, false, SIMC__MUX_STREAM_NONE, input};
    return key;
}
static inline struct simc__mux_alarm_key simc__mux_alarm_of_scg(uint32_t type, uint32_t scg_id,
                                                                uint8_t stream)
{
    struct simc__mux_alarm_key key = {type, scg_id, true, stream, SIMC__MUX_NONE};
    return key;
}
/* Raises an alarm, or gives a raised one a new text. @param for_ms 0: until it is cleared. */
void simc__mux_alarm_raise(struct simc__mux *mux, struct simc__mux_alarm_key key, uint32_t for_ms,
                           const char *format, ...) SIMC_PRINTF(4, 5);
void simc__mux_alarm_clear(struct simc__mux *mux, struct simc__mux_alarm_key key);
void simc__mux_alarms_expire(struct simc__mux *mux);
void simc__mux_report(struct simc__mux *mux, const struct simc__scs_mux_report *report);

/* second.c: what is looked at once a second of the timeline. */
void simc__mux_second_fire(struct simc__mux *mux, uint64_t tick);

static inline uint64_t simc__mux_ms(uint64_t ms)
{
    return ms * SIMC__MUX_TICKS_PER_MS;
}

/* True when what should begin at a tick has missed its place: the next slot may be later than the
 * tick without any packet in between. */
static inline bool simc__mux_is_late(const struct simc__mux *mux, uint64_t start_tick)
{
    return start_tick < mux->tick && start_tick <= mux->last_tick;
}

#endif
