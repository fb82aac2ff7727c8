/* SPDX-License-Identifier: BSL-1.0 */
/* The crypto-period scheduler of one scrambling control group (SCG): which control word and which
 * ECM is on air when, and what has to be asked of whom before that. scsd drives one per SCG; tests
 * drive it with a fake clock. It does no I/O, reads no clock and takes no memory after _new.
 *
 *     simc__sched_timeline(sched, &mapping);      // whenever the mux reports its timeline
 *     simc__sched_ecm(sched, stream, ...);        // and the other inputs, as things happen
 *     simc__sched_run(sched, now_ms);             // after each input, and at the deadline
 *     while (simc__sched_next(sched, &action))
 *         obey(&action);                          // some are answered by inputs: run again then
 *     arm_timer(simc__sched_deadline_ms(sched));
 *
 * Two clocks. Ticks are 27 MHz on the stream timeline of the mux: periods, windows and delays.
 * Milliseconds are monotonic: replies, time-outs, retries and the limits of policies.
 *
 * specs/sched/README.md has the formulas. One object belongs to one thread at a time. */
#ifndef SIMC__SCHED_SCHED_H
#define SIMC__SCHED_SCHED_H

#include "simulcrypt/base.h"
#include "simulcrypt/msg.h"

struct simc__sched;

enum {
    SIMC__SCHED_STREAMS_MAX = 32,   /* ECM streams of one SCG */
    SIMC__SCHED_AHEAD_MAX = 16,     /* periods given to the mux that have not begun */
    SIMC__SCHED_LEAD_MAX = 15,      /* lead_CW */
    SIMC__SCHED_PER_MSG_MAX = 16,   /* CW_per_msg */
    SIMC__SCHED_WORDS_MAX = 32,     /* control words kept: past, present, ahead */
    SIMC__SCHED_CW_SIZE_MAX = 16,   /* bytes of a control word */
    SIMC__SCHED_LOSS_STEPS_MAX = 4, /* steps of the policy on loss */
    SIMC__SCHED_CP_MAX_100MS = 65535,
    SIMC__SCHED_TICKS_PER_MS = 27000,
    SIMC__SCHED_NO_STREAM = 255,
};

/* A tick that is not known, or a window without an end so far. */
#define SIMC__SCHED_OPEN UINT64_MAX
/* For start, stop and access criteria: no tick, but as soon as it can be. */
#define SIMC__SCHED_AT_ONCE 0

/* ------------------------------------------------------------------------- configuration -- */

/* Which ECMs must be there before a clear service is scrambled. */
enum simc__sched_start {
    SIMC__SCHED_START_ALL,    /* those of all ECM streams */
    SIMC__SCHED_START_ANY,    /* one, and those of all streams that are `required` */
    SIMC__SCHED_START_ALWAYS, /* none: the only case of a CW on air without an ECM */
    SIMC__SCHED_START_NEVER,  /* never scrambles */
};

/* What is done when the next period cannot begin because a needed ECM is missing. The steps begin
 * anew with each period, also where the one after it is late already. */
enum simc__sched_loss {
    SIMC__SCHED_LOSS_KEEP,   /* the running CW and its ECMs stay: the period is stretched */
    SIMC__SCHED_LOSS_CYCLE,  /* the last two CWs take turns with their ECMs, a nominal period each;
                              * where there are no two, as KEEP */
    SIMC__SCHED_LOSS_CLEAR,  /* scrambling ends, and begins anew as the start policy says */
    SIMC__SCHED_LOSS_SILENT, /* the CW stays, the ECMs are taken off the air */
};

struct simc__sched_loss_step {
    enum simc__sched_loss action;
    uint32_t limit_ms; /* monotonic; 0: until recovery. The last step has no limit, whatever this
                        * says */
};

struct simc__sched_stream_config {
    bool required; /* its ECM must be there before a CW may go on air */
    uint32_t ac;   /* the caller's number of the access criteria; equal numbers, equal criteria */
};

struct simc__sched_config {
    uint8_t stream_count; /* 0..32 */
    uint8_t cw_size;      /* bytes of a control word: 1..16, usually 8 or 16 */
    uint16_t first_cp;    /* CP_number of the first period, when no plan is taken over */
    /* The period that the operator wants [recommended_CP_duration]; raised to what the ECMGs
     * need. 1..65535. */
    uint16_t cp_100ms;
    uint32_t air_lead_ms;   /* the mux must know this long before something happens on air */
    uint32_t margin_ms;     /* ECMs are asked for this much earlier than needed: time to try again
                             * or to go to another ECMG, and how far the plan of the mux reaches */
    uint32_t retry_ms;      /* pause after a failed CW_provision; 0: 500 */
    uint32_t start_wait_ms; /* ANY, ALWAYS: how long at least the other ECMs are waited for */
    enum simc__sched_start start;
    uint8_t loss_count; /* 0: KEEP without a limit */
    struct simc__sched_loss_step loss[SIMC__SCHED_LOSS_STEPS_MAX];
    struct simc__sched_stream_config streams[SIMC__SCHED_STREAMS_MAX];
};

/* Makes a scheduler that knows no timeline, has no ECMG and does not scramble yet.
 * @return 0, SIMC_EINVAL (a value out of range; START_ALWAYS together with LOSS_CLEAR, which would
 * contradict each other), SIMC_ENOMEM. */
int simc__sched_new(const struct simc__sched_config *config,
                    struct simc__sched **sched) SIMC_MUST_CHECK;
/* Wipes and releases; NULL is fine. */
void simc__sched_free(struct simc__sched *sched);
/* Bytes of memory of this object, all of it. */
size_t simc__sched_memory(const struct simc__sched *sched);

/* -------------------------------------------------------------------------------- inputs -- */

/* The timeline at one moment, and how fast it runs. */
struct simc__sched_mapping {
    uint64_t tick;         /* 27 MHz */
    uint64_t ms;           /* monotonic */
    uint32_t rate_hz;      /* ticks per second: 27000000 nominal, 0: it stands */
    uint64_t horizon_tick; /* file mode: plan up to here without waiting for the clock; 0: live */
    bool is_new;           /* the timeline begins anew (a new mux that carries nothing): the service
                            * is clear, numbers and CWs go on */
};
/* A mapping that would turn time back holds it until the new one has caught up, unless is_new. */
void simc__sched_timeline(struct simc__sched *sched, const struct simc__sched_mapping *mapping);

/* What is known of the ECMG that serves a stream. */
struct simc__sched_ecmg {
    struct simc_ecmg_channel_status status; /* as announced */
    uint16_t nominal_cp_100ms; /* as told in stream_setup: CP_duration goes out where it differs */
    uint32_t allowance_ms;     /* for the network, on top of max_comp_time */
    uint32_t max_comp_ms;      /* taken for a max_comp_time of 0; 0: 1000 */
    bool transfer_mode;        /* access criteria in each message */
    bool from_n;               /* the message of CP n has CWs n..n+y-1, whatever lead_CW says */
};
/* The stream is open at an ECMG that has seen none of its CWs: another one, or a new connection.
 * @return 0, SIMC_ENOTFOUND (no such stream), SIMC_EUNSUPPORTED (lead_CW over 15, CW_per_msg 0 or
 * over 16). */
int simc__sched_stream_up(struct simc__sched *sched, unsigned stream,
                          const struct simc__sched_ecmg *ecmg) SIMC_MUST_CHECK;
/* The stream has no ECMG for now; what was outstanding is forgotten. ECMs in hand stay good. */
void simc__sched_stream_down(struct simc__sched *sched, unsigned stream);

/* The answer to a CW_provision. @param is_empty a zero-length datagram: nothing is to be on air.
 * @param wanted whether the datagram is to be kept under (stream, cp); false for an answer to a
 * priming message, and for one that came too late. @return 0, SIMC_ENOTFOUND (nothing of the sort
 * is outstanding: drop it). */
int simc__sched_ecm(struct simc__sched *sched, unsigned stream, uint16_t cp, bool is_empty,
                    bool *wanted) SIMC_MUST_CHECK;

enum simc__sched_failure {
    SIMC__SCHED_NO_REPLY,   /* it timed out, could not be sent, or the ECM cannot be used */
    SIMC__SCHED_REFUSED,    /* an error came */
    SIMC__SCHED_NO_HISTORY, /* error 0x000B: the ECMG lacks CWs, so it is primed anew. On a priming
                             * message this is a success */
};
/* A CW_provision got no ECM. @return as simc__sched_ecm(). */
int simc__sched_no_ecm(struct simc__sched *sched, unsigned stream, uint16_t cp,
                       enum simc__sched_failure failure) SIMC_MUST_CHECK;

/* The CW of a period, after NEED_CW. Copied. @return 0, SIMC_ENOTFOUND (it was not asked for, or
 * long ago), SIMC_EINVAL (wrong size), SIMC_EPROTO (that CP has another CW already). */
int simc__sched_cw_set(struct simc__sched *sched, uint16_t cp,
                       const struct simc_secret *cw) SIMC_MUST_CHECK;
/* The CW of a period that is kept: those of every action until the next call of
 * simc__sched_run(). @param cw wipe it after use. @return 0, SIMC_ENOTFOUND. */
int simc__sched_cw_get(const struct simc__sched *sched, uint16_t cp,
                       struct simc_secret *cw) SIMC_MUST_CHECK;

/* Scrambling is wanted. @param tick of the first scrambled packet, or SIMC__SCHED_AT_ONCE. Too
 * early a tick, or ECMs that are late, make it the first one possible. Takes back a stop. */
void simc__sched_start(struct simc__sched *sched, uint64_t tick);
/* Scrambling is to end: at the first boundary at or after the tick; a period is stretched (never
 * cut) to have one at the tick itself. Takes back a start. */
void simc__sched_stop(struct simc__sched *sched, uint64_t tick);
/* The wanted period, from the next period on for which nothing was sent. @return 0, SIMC_EINVAL. */
int simc__sched_cp_duration(struct simc__sched *sched, uint16_t cp_100ms) SIMC_MUST_CHECK;
/* ECMGs of the group that serve no stream now need periods of at least this, as those that do
 * [5.3]: so all of them are told the same one. 0: none. */
void simc__sched_cp_floor(struct simc__sched *sched, uint16_t cp_100ms);

enum simc__sched_when {
    SIMC__SCHED_AT_BOUNDARY, /* the next period for which this stream was sent nothing */
    SIMC__SCHED_NOW,         /* the next boundary that the ECMG can still make, asking again if an
                              * ECM with the old criteria is under way or in hand */
    SIMC__SCHED_AT_TICK,     /* the first boundary at or after the tick, as with _stop */
};
/* Other access criteria for a stream. A second change before the first one took effect replaces it.
 * @return 0, SIMC_ENOTFOUND (no such stream). */
int simc__sched_access_criteria(struct simc__sched *sched, unsigned stream, uint32_t ac,
                                enum simc__sched_when when, uint64_t tick) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------------------- actions -- */

enum simc__sched_action_type {
    SIMC__SCHED_NONE,
    /* Draw CWs for CP `cp`, cp+1 ... (`cw_count` of them) and give them with _cw_set.
     * `is_throw_away`: they will never be on air, an ECMG only wants to see some. */
    SIMC__SCHED_NEED_CW,
    /* The CWs of CP `cp` ... (`cw_count`) will be published in ECMs from now on: a mux that hands
     * its plan back must know them before (start_tick is SIMC__SCHED_OPEN). */
    SIMC__SCHED_RESERVE,
    /* Send CW_provision now: `stream`, `cp`, CWs of `cw_first` ... (`cw_count`), `is_priming`,
     * CP_duration and access criteria as said. `latest_tick` was the last moment for it. */
    SIMC__SCHED_PROVIDE,
    /* The period `cp` begins at `start_tick` with its CW and `parity`, and lasts until the next
     * PERIOD or CLEAR. A CP that is cycled comes again with another start. */
    SIMC__SCHED_PERIOD,
    /* The ECM of `cp` is on air in `stream` from start_tick to stop_tick, every `repetition_ms`.
     * It comes twice: first with an open end, then with the same start and the end. */
    SIMC__SCHED_WINDOW,
    /* Scrambling ends at `start_tick`. The windows of its ECMs come too. */
    SIMC__SCHED_CLEAR,
    /* The ECMs are taken off the air by policy; their windows come too. The CW stays. */
    SIMC__SCHED_SILENT,
    /* `alarm` of `stream` (or of the SCG: SIMC__SCHED_NO_STREAM) is raised or, !is_raised, over. */
    SIMC__SCHED_ALARM,
};

enum simc__sched_alarm {
    SIMC__SCHED_ALARM_NO_ECMG,      /* stream: it has no ECMG */
    SIMC__SCHED_ALARM_LATE_ECM,     /* stream: the ECM of CP `cp` was not there in time */
    SIMC__SCHED_ALARM_CLAMPED,      /* stream: a delay is longer than a period, and was cut */
    SIMC__SCHED_ALARM_EMPTY_WINDOW, /* stream: its delays leave no time for the ECM of `cp` */
    SIMC__SCHED_ALARM_CP_RAISED,    /* SCG: an ECMG needs longer periods than those wanted */
    SIMC__SCHED_ALARM_STRETCHED,    /* SCG: the running period lasts longer for want of an ECM */
    SIMC__SCHED_ALARM_LOSS,         /* SCG: the policy on loss went beyond KEEP */
    SIMC__SCHED_ALARM_NO_CW,        /* SCG: a CW that was asked for is missing */
    SIMC__SCHED_ALARM_CP_LIMIT,     /* SCG: the period is longer than CP_duration can say */
    SIMC__SCHED_ALARM_COUNT,
};

struct simc__sched_action {
    uint64_t start_tick; /* of a period or window; when a span ends */
    union {
        uint64_t stop_tick;   /* WINDOW; SIMC__SCHED_OPEN: not known yet */
        uint64_t latest_tick; /* PROVIDE; 0 for a priming message */
    };
    uint32_t ac; /* PROVIDE: the access criteria of this period */
    uint16_t cp;
    uint16_t cw_first;
    uint16_t cp_duration_100ms; /* PROVIDE: of this period, rounded up */
    uint16_t repetition_ms;
    uint8_t type;  /* enum simc__sched_action_type */
    uint8_t alarm; /* enum simc__sched_alarm */
    uint8_t stream;
    uint8_t cw_count;
    uint8_t parity;       /* PERIOD: 0 even, 1 odd */
    bool is_priming;      /* PROVIDE: the answer is not played, 0x000B is as good as an ECM */
    bool has_cp_duration; /* PROVIDE: it differs from the nominal one that the ECMG was told */
    bool send_ac;         /* PROVIDE: the first ones, changed ones, or transfer mode 1 */
    bool is_first;        /* PERIOD: the service was clear before */
    bool is_throw_away;   /* NEED_CW */
    bool is_raised;       /* ALARM */
};

/* Does what is due, O(streams) per period that moves. @param now_ms never before the last one.
 * While actions wait to be pulled it may do less; the deadline says so. */
void simc__sched_run(struct simc__sched *sched, uint64_t now_ms);
/* The next action. @return false: there is none. */
bool simc__sched_next(struct simc__sched *sched, struct simc__sched_action *action) SIMC_MUST_CHECK;
/* When simc__sched_run() is to be called at the latest, as of the last call of it; it may be in
 * the past: at once. SIMC_DEADLINE_NONE: after the next input only. */
uint64_t simc__sched_deadline_ms(const struct simc__sched *sched);

/* --------------------------------------------------------------------------------- state -- */

struct simc__sched_status {
    bool has_timeline;
    bool is_wanted;         /* a start is in force */
    bool is_scrambled;      /* as planned; the plan may be ahead of the air */
    uint16_t cp;            /* the newest period planned; its start below */
    uint16_t air_cp;        /* the period on air now, as planned */
    uint16_t nominal_100ms; /* the period in force from the next CP on: for stream_setup */
    uint64_t start_tick;    /* of the newest period */
    uint64_t now_tick;      /* as of the last run */
    bool is_stretched;
    int loss_step;          /* -1: none */
    uint32_t streams_up;    /* bit n: stream n has an ECMG */
    uint32_t streams_ready; /* bit n: the ECM of the next period is in hand */
};
void simc__sched_status(const struct simc__sched *sched, struct simc__sched_status *status);
/* File mode: the tick before which no action will put anything on air or take it off any more, so
 * that the timeline may run up to it. The scheduler keeps to it: what comes later than planned
 * moves behind it. It never goes back. SIMC__SCHED_OPEN: no start is in force. */
uint64_t simc__sched_planned_to(struct simc__sched *sched);
/* The oldest CP whose ECMs can still be named by an action; older datagrams can go. */
uint16_t simc__sched_oldest_cp(const struct simc__sched *sched);

/* ------------------------------------------------------------------------------ the plan -- */

struct simc__sched_plan_period {
    uint16_t cp;
    uint64_t start_tick; /* SIMC__SCHED_OPEN: a CW that ECMs may have published already. A cycled
                          * CP has its last start */
    struct simc_secret cw;
};

struct simc__sched_plan_ecm {
    uint8_t stream;
    uint16_t cp;
    uint64_t start_tick;
    uint16_t repetition_ms;
    uint32_t ac; /* 0: the configured ones */
};

/* What a mux holds for a restarted SCS. Wipe it after use: simc__sched_plan_wipe(). */
struct simc__sched_plan {
    bool is_clear;     /* scrambling has ended behind the last period... */
    uint64_t end_tick; /* ...at this tick */
    uint8_t period_count;
    uint8_t ecm_count;
    /* Rising CP_numbers; those that began last, those to come, and those without a start. Past
     * ones back to the largest CW_per_msg - lead_CW - 1 are needed where that is over 0. */
    struct simc__sched_plan_period periods[SIMC__SCHED_WORDS_MAX];
    /* ECMs of the newest period (and of the one before it, for cycling) whose end is open. */
    struct simc__sched_plan_ecm ecms[2 * SIMC__SCHED_STREAMS_MAX];
};

/* Takes over a plan: before the first simc__sched_run(). An empty plan changes nothing. The group
 * goes on scrambling as if simc__sched_start() had been called. @return 0, SIMC_EINVAL (numbers
 * that do not rise by one, a stream that does not exist, a CW of another size; nothing was taken).
 */
int simc__sched_import(struct simc__sched *sched,
                       const struct simc__sched_plan *plan) SIMC_MUST_CHECK;
/* What a successor would have to know. */
void simc__sched_export(const struct simc__sched *sched, struct simc__sched_plan *plan);
void simc__sched_plan_wipe(struct simc__sched_plan *plan);

#endif
