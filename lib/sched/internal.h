/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the scheduler share: its state, and who may call what. Periods are counted here
 * without a wrap (`n`); their CP_number is the lower 16 bits. */
#ifndef SIMC__SCHED_INTERNAL_H
#define SIMC__SCHED_INTERNAL_H

#include "sched/sched.h"

enum {
    SIMC__SCHED_COMP_DEFAULT_MS = 1000, /* where the ECMG announces a max_comp_time of 0 */
    SIMC__SCHED_REP_DEFAULT_MS = 100,   /* where it announces an ECM_rep_period of 0 */
    SIMC__SCHED_RETRY_DEFAULT_MS = 500,
    SIMC__SCHED_GUARD_MS = 1000, /* later than the session's own time-out */
    SIMC__SCHED_TICKS_PER_100MS = 100 * SIMC__SCHED_TICKS_PER_MS,
};

/* Numbers of periods begin here, so that what lies before the first one is still positive. */
#define SIMC__SCHED_BASE ((uint64_t)1 << 32)

/* The six delays with fall-backs resolved, and cut to what a period can hold. [4.2] */
struct simc__sched_delays {
    int32_t start_ms, stop_ms;
    int32_t ac_start_ms, ac_stop_ms;
    int32_t transition_start_ms, transition_stop_ms;
    uint16_t repetition_ms;
    bool is_cut;
};

struct simc__sched_word {
    uint64_t n; /* 0: nothing is here */
    bool is_set, is_asked, is_reserved, is_throw_away;
    uint8_t cw[SIMC__SCHED_CW_SIZE_MAX];
};

struct simc__sched_stream {
    struct simc__sched_delays now;    /* of the ECMG that serves it */
    struct simc__sched_delays got;    /* of the ECMG that the next period's ECM came from */
    struct simc__sched_delays air[2]; /* of the ECM of the newest even and odd period */
    uint64_t window_tick;             /* where the open window begins */
    /* CWs that the ECMG has seen without a hole, and the last message that it took. */
    uint64_t known_from, known_to, last_taken;
    uint64_t asked_n, reply_ms; /* what is outstanding */
    uint64_t retry_ms;
    uint64_t ac_tick;
    uint32_t reply_time_ms; /* max_comp_time + allowance */
    /* Criteria: on air, of the next period, to come, of what is outstanding, told to the ECMG. */
    uint32_t air_ac, next_ac, wish_ac, asked_ac, told_ac;
    uint16_t nominal_100ms, min_cp_100ms;
    uint8_t lead, per_msg, ac_when;
    uint16_t alarms, alarms_told; /* bit: enum simc__sched_alarm */
    bool required, is_up, is_known, from_n, transfer_mode;
    bool is_asking, asking_priming; /* a CW_provision is outstanding */
    bool has_failed;                /* for the next period, at least once */
    bool must_pause;                /* a CW_provision failed since the last run */
    bool has_ecm, ecm_is_empty;     /* of the next period */
    bool has_next_ac;               /* the criteria of the next period are settled */
    bool has_wish, has_told;
    bool wish_is_new, wish_waits; /* it came too late for the next period */
    bool air_is_changed;          /* the newest period is the first with these criteria */
    bool is_late, late_is_empty;  /* the ECM of the newest period came after its decision */
    bool air_is_unknown;          /* the delays of the ECM on air died with the predecessor */
};

enum simc__sched_state {
    SIMC__SCHED_IDLE,    /* clear */
    SIMC__SCHED_WAITING, /* clear, but scrambling is wanted */
    SIMC__SCHED_RUNNING,
};

struct simc__sched {
    struct simc__sched_mapping mapping;
    bool has_timeline;
    uint64_t now_ms, now_tick, deadline_ms;
    size_t memory;

    uint8_t stream_count, cw_size, loss_count, state, start_policy;
    uint16_t cp_100ms, floor_100ms;
    uint32_t air_lead_ms, margin_ms, retry_ms, start_wait_ms;
    struct simc__sched_loss_step losses[SIMC__SCHED_LOSS_STEPS_MAX];

    /* The newest period planned, and the first of its span. */
    uint64_t newest, span_first, live_first;
    /* What is on air last as planned: the newest period, or the one before it when cycling. */
    uint64_t last_n, last_tick, last_duration;
    uint32_t last_nominal_100ms;
    bool last_is_foreign; /* planned by a predecessor: how long it lasts follows from the ECMGs */
    uint64_t end_tick;    /* clear since, or from then on */
    uint64_t told_tick;   /* nothing before it is planned any more, as the mux was told */
    uint64_t starts[SIMC__SCHED_AHEAD_MAX];
    uint32_t playable[2]; /* streams with an ECM of the newest even and odd period */
    uint32_t open;        /* streams with a window whose end is not told yet */

    /* The next period: settled when the first CW_provision for it leaves. */
    bool is_settled;
    uint16_t next_nominal_100ms;
    uint64_t next_duration, next_align_tick;

    uint64_t start_tick, grace_ms, stop_tick;
    bool is_wanted, has_stop;
    bool must_wait; /* the time that the first period waits begins with the next run */
    int loss;       /* the step in force, -1: none */
    uint64_t loss_ms;
    bool is_silent;
    uint16_t alarms, alarms_told;

    struct simc__sched_word words[SIMC__SCHED_WORDS_MAX];
    struct simc__sched_action *queue;
    uint16_t queue_at, queue_count, queue_size;
    struct simc__sched_stream streams[]; /* stream_count of them, then the queue */
};

static inline uint32_t simc__sched_bit(const struct simc__sched *sched,
                                       const struct simc__sched_stream *stream)
{
    return (uint32_t)1 << (stream - sched->streams);
}

/* The period that is planned next. */
static inline uint64_t simc__sched_next_n(const struct simc__sched *sched)
{
    return sched->newest + 1;
}

static inline uint64_t simc__sched_ticks(uint64_t ms)
{
    return ms * SIMC__SCHED_TICKS_PER_MS;
}

static inline uint64_t simc__sched_less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static inline uint64_t simc__sched_later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- clock.c ---- */

void simc__sched_clock(struct simc__sched *sched, uint64_t now_ms);
/* Ticks that pass while somebody takes so long, at the rate of now. */
uint64_t simc__sched_wait_ticks(const struct simc__sched *sched, uint64_t ms);
/* When the timeline reaches a tick; SIMC_DEADLINE_NONE: as things are, never. */
uint64_t simc__sched_tick_ms(const struct simc__sched *sched, uint64_t tick);

/* ---- action.c ---- */

size_t simc__sched_room(const struct simc__sched *sched);
struct simc__sched_action *simc__sched_put(struct simc__sched *sched,
                                           enum simc__sched_action_type type,
                                           const struct simc__sched_stream *stream, uint64_t n);
void simc__sched_alarm(struct simc__sched *sched, struct simc__sched_stream *stream,
                       enum simc__sched_alarm alarm, bool is_raised);
void simc__sched_tell_alarms(struct simc__sched *sched);

/* ---- words.c ---- */

struct simc__sched_word *simc__sched_word(const struct simc__sched *sched, uint64_t n);
/* The number of the period with this CP_number that is nearest to the newest one. */
uint64_t simc__sched_number(const struct simc__sched *sched, uint16_t cp);
bool simc__sched_words_are_usable(const struct simc__sched *sched, uint64_t first, unsigned count);
/* Asks for what is missing, and reserves what was given. */
void simc__sched_words_run(struct simc__sched *sched);
void simc__sched_words_drop(struct simc__sched *sched);

/* ---- plan.c ---- */

uint16_t simc__sched_nominal(struct simc__sched *sched);
void simc__sched_delays_read(const struct simc_ecmg_channel_status *status,
                             struct simc__sched_delays *delays);
/* The same delays, cut to what a period of this length holds. */
struct simc__sched_delays simc__sched_delays_cut(const struct simc__sched_delays *delays,
                                                 uint16_t cp_100ms);
int64_t simc__sched_d_start(const struct simc__sched_delays *delays, bool is_first,
                            bool ac_changes);
int64_t simc__sched_d_stop(const struct simc__sched_delays *delays, bool is_last, bool ac_changes);
/* Prepares the next period: nominal duration, event to align to. Nothing once it is settled. */
void simc__sched_plan_next(struct simc__sched *sched);
/* Where the next period would begin at the earliest. */
uint64_t simc__sched_next_start(const struct simc__sched *sched);
/* How far before a boundary things happen on air, in ticks. */
uint64_t simc__sched_reach(const struct simc__sched *sched, bool with_next);
uint64_t simc__sched_reach_clear(const struct simc__sched *sched);
/* The last moment to decide on the next period. */
uint64_t simc__sched_decision(const struct simc__sched *sched);
/* The same, if the criteria of this stream were to change with it. */
uint64_t simc__sched_decision_with_ac(const struct simc__sched *sched,
                                      const struct simc__sched_stream *stream);
/* The criteria of the next period as things stand. */
uint32_t simc__sched_next_ac(const struct simc__sched *sched,
                             const struct simc__sched_stream *stream);
bool simc__sched_ac_changes(const struct simc__sched *sched,
                            const struct simc__sched_stream *stream);

/* ---- stream.c ---- */

/* Decides for new wishes whether the next period can still have them. */
void simc__sched_wishes_run(struct simc__sched *sched);
/* Asks, primes, and forgets what got no answer. */
void simc__sched_streams_run(struct simc__sched *sched);
/* Nothing that was asked or received for the next period counts any more. */
void simc__sched_forget_next(struct simc__sched *sched);
/* When the ECM of the next period should be asked for. */
uint64_t simc__sched_request_tick(const struct simc__sched *sched,
                                  const struct simc__sched_stream *stream);
/* True when the message of the next period can be sent without priming. */
bool simc__sched_is_primed(const struct simc__sched *sched,
                           const struct simc__sched_stream *stream);
/* The CWs of a message: `count` from the result on. */
uint64_t simc__sched_message_first(const struct simc__sched_stream *stream, uint64_t n);
/* True when the mux has as many periods ahead as it may. */
bool simc__sched_is_full(const struct simc__sched *sched);

/* ---- air.c ---- */

/* The first tick that the mux can still be told something about. */
uint64_t simc__sched_first_tick(const struct simc__sched *sched);

/* Puts a period on air: the next one, or one of the last two again. */
void simc__sched_put_on_air(struct simc__sched *sched, uint64_t n);
void simc__sched_go_clear(struct simc__sched *sched);
void simc__sched_go_silent(struct simc__sched *sched);
/* Plays the ECMs that came after the decision on their period. */
void simc__sched_play_late(struct simc__sched *sched);

#endif
