/* SPDX-License-Identifier: BSL-1.0 */
/* A world for the scheduler under a fake clock: a timeline that drifts, ECMGs that answer, fail and
 * restart, a mux that keeps the plan, and a checker that knows the rules but none of the code. The
 * property test drives it. */
#ifndef SIMC_TESTS_TEST_SCHED_WORLD_H
#define SIMC_TESTS_TEST_SCHED_WORLD_H

#include "sched/sched.h"
#include "unit.h"

enum { WORLD_STREAMS = 4, WORLD_RING = 256, WORLD_EVENTS = 16 };

/* The ECM of one period, as the checker knows it. */
struct world_ecm {
    uint32_t mark; /* CP_number + 1; 0: nothing */
    uint32_t ac;
    bool asked, there, empty, late, open;
    bool foreign;                    /* its delays died with a predecessor */
    int32_t start_ms[3], stop_ms[3]; /* plain, AC, transition; cut to the period */
    uint16_t repetition_ms;
    uint64_t window;
};

struct world_ecmg {
    struct simc__sched_ecmg announced;
    unsigned late_percent, fail_percent, mute_percent, empty_percent;
    bool up, known;
    uint64_t change_ms; /* when it comes up or goes down */
    /* What it has seen since it came up. */
    uint32_t seen[WORLD_RING];
    bool has_ac;
    uint32_t ac;
    /* What is outstanding, and how it ends. */
    bool busy, priming;
    uint16_t cp;
    uint32_t asked_ac;
    uint64_t reply_ms, give_up_ms;
    int outcome, message_count;
    uint16_t message_first, taken;
    bool has_taken;
    /* The checker's. */
    struct world_ecm ecms[WORLD_RING];
    uint32_t force; /* criteria of the newest period */
    bool force_known, changed, changed_known;
    uint32_t wish;
};

struct world_period {
    uint32_t mark;
    uint64_t start;
    uint16_t nominal;
    bool first;
};

struct world_word {
    uint64_t stamp, cw;
    bool reserved, thrown;
};

struct world_figures {
    uint64_t runs, periods, ecms, late, stretches, restarts, cycles, clears, silents, primes,
        changes, aligned, most_queued;
};

struct world {
    uint64_t seed;
    struct unit_random random;
    struct simc__sched_config config;
    struct simc__sched *sched;
    bool calm; /* nothing fails, so nothing may be late */
    uint64_t now_ms, end_ms;
    /* The timeline of the mux, the mapping last told, and the tick that follows from those. */
    uint64_t true_tick, true_ms;
    uint32_t true_rate;
    struct simc__sched_mapping told;
    uint64_t tick;
    uint64_t mapping_ms, chaos_ms;
    struct world_ecmg ecmgs[WORLD_STREAMS];
    struct {
        uint16_t cp;
        uint64_t due_ms;
    } owed[SIMC__SCHED_WORDS_MAX];
    unsigned owed_count;
    struct world_period periods[WORLD_RING];
    bool running, wanted, any, settled, restarted, silent, stop_asked;
    uint16_t first_cp, newest, air;
    uint64_t air_start, clear_tick, span_periods;
    uint16_t next_nominal;
    int32_t reach_ms; /* the longest that a delay of any ECMG so far reaches back */
    uint64_t events[WORLD_EVENTS];
    unsigned event_count;
    struct simc__sched_action closing[WORLD_STREAMS];
    unsigned closing_count;
    bool stretched, too_long; /* too_long: for CP_duration, so KEEP ends before its limit */
    uint64_t stretched_ms;
    struct world_figures *figures;
    uint64_t stamp;
    struct world_word *words; /* 65536: in one run no CP_number comes twice */
};

/* One random world from its beginning to its end; a broken rule ends the test. */
void world_run(struct world *world, uint64_t seed);

/* ---- the checker ---- */

/* Looks at one action, and notes what it means. */
void world_check(struct world *world, const struct simc__sched_action *action);
/* An ECMG comes up with what it has announced. */
void world_note_reach(struct world *world, const struct world_ecmg *ecmg);
/* An ECM that the scheduler took or refused. */
void world_check_ecm(struct world *world, unsigned stream, bool wanted);
/* What must hold after each call. */
void world_check_state(struct world *world);
/* The nominal period that follows from what is known. */
uint16_t world_nominal(const struct world *world);
uint64_t world_cw(struct world *world, uint16_t cp);

#define world_fail(world, what) world__fail(__LINE__, world, what, NULL)
#define WORLD_RULE(condition, action)                         \
    do {                                                      \
        if (!(condition))                                     \
            world__fail(__LINE__, world, #condition, action); \
    } while (0)
void world__fail(int line, const struct world *world, const char *what,
                 const struct simc__sched_action *action);

static inline struct world_period *world_period(struct world *world, uint16_t cp)
{
    return &world->periods[cp % WORLD_RING];
}

static inline struct world_ecm *world_ecm(struct world *world, unsigned stream, uint16_t cp)
{
    return &world->ecmgs[stream].ecms[cp % WORLD_RING];
}

#endif
