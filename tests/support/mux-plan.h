/* SPDX-License-Identifier: BSL-1.0 */
/* What the mux simulator keeps of each SCG, how it obeys orders on its timeline, and what it counts
 * on the way. mux-sim.c has the link, the clock and the options. */
#ifndef SIMC_TESTS_MUX_PLAN_H
#define SIMC_TESTS_MUX_PLAN_H

#include "link/scs_mux.h"

enum {
    MUX_BOUNDARIES_MAX = 64, /* periods and ends of scrambling that are to come */
    MUX_WINDOWS_MAX = 8,     /* of a stream: to come, or on air */
    MUX_REPORTS_MAX = 1024,
    MUX_ALARMS_MAX = 64,
};

/* A CP in the ring. */
struct mux_slot {
    bool is_used;
    uint16_t cp;
    uint64_t start_tick; /* SIMC__SCS_MUX_OPEN: reserved only */
    struct simc_secret cw;
};

struct mux_ecm {
    uint8_t *data; /* NULL: none */
    uint32_t size;
    uint16_t cp;
};

struct mux_boundary {
    bool is_clear, is_first;
    uint8_t parity;
    uint16_t cp;
    uint64_t start_tick;
    uint64_t late_ticks; /* it came so long behind its start */
};

struct mux_window {
    bool is_used, is_on_air;
    uint16_t cp, repetition_ms;
    uint64_t start_tick, stop_tick, first_tick;
};

struct mux_stream {
    struct simc__scs_mux_plan_stream known;
    bool is_defined;
    bool is_seen; /* an ECM was on air in the running period */
    struct mux_ecm ecms[SIMC__SCS_MUX_WORDS_KEPT];
    struct mux_window windows[MUX_WINDOWS_MAX];
};

struct mux_scg {
    uint32_t scg_id;
    bool is_scrambled;
    uint8_t parity;
    uint16_t cp;
    uint64_t end_tick, planned_tick;
    uint32_t boundary_count;
    struct mux_boundary boundaries[MUX_BOUNDARIES_MAX]; /* by rising start */
    struct mux_slot slots[SIMC__SCS_MUX_WORDS_KEPT];
    struct mux_stream streams[SIMC__SCS_MUX_STREAMS_MAX];
    uint32_t body_size; /* of the definition */
    uint8_t *body;
};

/* What the summary tells. */
struct mux_counts {
    uint64_t words, ecms, periods, windows, clears;
    uint64_t late_orders, tight_orders, missed_windows, overfull;
    uint64_t periods_without_ecm, periods_without_word, windows_without_ecm, cw_conflicts;
    uint64_t parity_repeats, cp_gaps;
};

struct mux_plan {
    uint64_t tick; /* now */
    uint64_t lead_ticks;
    bool shows_secrets, shows_ecms;
    bool is_changed; /* since the state was written */
    uint32_t scg_count;
    struct mux_scg *scgs[SIMC__SCS_MUX_SCGS_MAX]; /* by rising scg_id */
    struct mux_counts counts;
    uint32_t report_count, alarm_count; /* to be sent */
    struct simc__scs_mux_report reports[MUX_REPORTS_MAX];
    struct simc__scs_mux_alarm alarms[MUX_ALARMS_MAX];
};

/* One line of JSON: the time, the tick, the event, and the rest by a format. */
void mux_say(const struct mux_plan *plan, const char *event, const char *format, ...)
    SIMC_PRINTF(3, 4);
struct mux_scg *mux_plan_find(struct mux_plan *plan, uint32_t scg_id);
/* Takes a definition over. @return NULL, or why it is refused. */
const char *mux_plan_define(struct mux_plan *plan, const struct simc__scs_mux_scg *scg,
                            struct simc_slice body, uint32_t limit,
                            struct simc__scs_mux_defined *defined);
bool mux_plan_remove(struct mux_plan *plan, uint32_t scg_id);
void mux_plan_order(struct mux_plan *plan, const struct simc__scs_mux_order *order);
/* Does what is due up to `tick`. */
void mux_plan_run(struct mux_plan *plan, uint64_t tick);
/* What is told of an SCG in a PLAN. */
void mux_plan_tell(const struct mux_scg *scg, struct simc__scs_mux_plan_scg *told);
/* The lowest tick up to which all SCGs are planned; OPEN: there are none. */
uint64_t mux_plan_planned(const struct mux_plan *plan);
void mux_plan_drop(struct mux_plan *plan);
/* Writes and reads the plan. @return false: it could not. */
bool mux_plan_save(const struct mux_plan *plan, void *file);
bool mux_plan_load(struct mux_plan *plan, void *file);
void mux_plan_summary(const struct mux_plan *plan);

#endif
