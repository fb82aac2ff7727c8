/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the synchroniser share: groups, their ECM streams, channels of ECMGs with
 * their lanes, muxes. One thread owns all of it. */
#ifndef SIMC__SCS_INTERNAL_H
#define SIMC__SCS_INTERNAL_H

#include "link/scs_mux.h"
#include "scs/scs.h"

enum {
    SIMC__SCS_AIR_LEAD_MS = 200, /* until a mux has said how long it needs */
    SIMC__SCS_ECMS_KEPT = 34,    /* datagrams of a stream: two more than a scheduler plans */
    SIMC__SCS_AC_KEPT = 3,       /* access criteria of a stream: of now, next, and a wish */
    SIMC__SCS_MUXES_MAX = 64,
    SIMC__SCS_LINK_POLL_MS = 5,
    SIMC__SCS_GRACE_MS = 5000,           /* for ECMGs to be reached at the start */
    SIMC__SCS_STREAM_FIGURES_MAX = 1024, /* beyond it streams have no figures of their own */
    SIMC__SCS_FAILURES_MOST = 2,         /* in a row, before a lane that failed earlier is tried */
};

/* ---- alarms ---- */

enum simc__scs_grade { SIMC__SCS_MINOR, SIMC__SCS_MAJOR, SIMC__SCS_CRITICAL, SIMC__SCS_GRADES };

/* Name, grade, text. */
#define SIMC__SCS_ALARM_ROWS(ROW)                                                         \
    /* of a stream */                                                                     \
    ROW(ON_BACKUP, MINOR, "the ECM stream is served by a backup ECMG")                    \
    ROW(NO_ECMG, MAJOR, "the ECM stream has no ECMG")                                     \
    ROW(LATE_ECM, MAJOR, "an ECM was not there in time")                                  \
    ROW(CLAMPED, MINOR, "a delay is longer than a crypto period, and was cut")            \
    ROW(EMPTY_WINDOW, MINOR, "the delays leave no time for the ECM")                      \
    /* of a group */                                                                      \
    ROW(CP_RAISED, MINOR, "an ECMG needs longer crypto periods than those wanted")        \
    ROW(STRETCHED, CRITICAL, "frozen: the crypto period lasts longer for want of an ECM") \
    ROW(LOSS, CRITICAL, "the policy on loss went beyond keeping the control word")        \
    ROW(NO_CW, CRITICAL, "there is no control word")                                      \
    ROW(CP_LIMIT, MINOR, "the crypto period is longer than CP_duration can say")          \
    ROW(NOT_SCRAMBLED, CRITICAL, "clear: the group is to be scrambled, and is not")       \
    ROW(NO_MUX, MAJOR, "its mux is not connected")                                        \
    ROW(MUX, MAJOR, "its mux reports trouble")                                            \
    /* of an ECMG */                                                                      \
    ROW(DOWN_SPARE, MINOR, "an ECMG is not connected; others serve its CA system")        \
    ROW(DOWN_LAST, MAJOR, "no ECMG of the CA system is connected")

#define SIMC__SCS_ALARM_ENUM(name, grade, text) SIMC__SCS_ALARM_##name,
enum simc__scs_alarm { SIMC__SCS_ALARM_ROWS(SIMC__SCS_ALARM_ENUM) SIMC__SCS_ALARM_COUNT };
#undef SIMC__SCS_ALARM_ENUM

struct simc__scs_alarms {
    uint32_t raised; /* bit: enum simc__scs_alarm */
    uint64_t since_us[SIMC__SCS_ALARM_COUNT];
};

/* How long before the last moment ECMs came. */
struct simc__scs_margin {
    bool is_known;
    int64_t last_ms, lowest_ms; /* negative: behind it */
    uint64_t lowest_us;         /* UTC */
};

/* ---- objects ---- */

struct simc__scs_scg;
struct simc__scs_stream;

enum simc__scs_lane_state {
    SIMC__SCS_LANE_OPENING,
    SIMC__SCS_LANE_OPEN,
    SIMC__SCS_LANE_CLOSING, /* nobody's any more */
};

/* A stream of a channel. Its slot in the channel is its ECM_stream_id. */
struct simc__scs_lane {
    struct simc__scs_channel *channel;
    struct simc__scs_stream *stream; /* NULL: closing */
    uint16_t id;
    uint16_t nominal_100ms; /* as told in stream_setup */
    uint8_t state;
    uint8_t failures; /* in a row */
    bool transfer_mode, has_failed;
    uint64_t failed_ms; /* the last one */
};

struct simc__scs_ecmg {
    struct simc__scs *scs;
    const struct simc__scs_ecmg_conf *conf;
    struct simc__scs_channel *channels[SIMC__SCS_CHANNELS_MAX];
    size_t channel_count;
    uint16_t need_100ms; /* the shortest period that it can serve, as of its last channel; 0: ? */
    struct simc__metric_set *stats;
    struct simc__scs_ecmg *replaces; /* until it is added: whose figures it takes over */
    struct simc__scs_margin margin;  /* of all its streams */
    struct simc__scs_alarms alarms;
    struct simc__scs_ecmg *next;
};

struct simc__scs_channel {
    struct simc__scs *scs;
    struct simc__scs_ecmg *ecmg; /* NULL: it is not in the configuration any more */
    const struct simc__scs_ecmg_conf *conf;
    struct simc_session *session; /* NULL: not connected */
    void *owner;
    size_t index;
    uint8_t version;
    bool is_open, is_dirty, is_gone, retries_at_once, is_full;
    bool has_failed;   /* at failed_ms: it was lost, or answered nobody */
    bool is_suspect;   /* nobody was answered lately */
    uint32_t timeouts; /* in a row, of all its streams */
    uint64_t failed_ms;
    uint64_t full_ms; /* when the ECMG refused a further stream */
    uint32_t learned_limit;
    char why[SIMC_SESSION_TEXT_SIZE];     /* why it is not open */
    char told[SIMC_SESSION_TEXT_SIZE];    /* what the log has of that */
    bool is_lost, was_open;               /* it is closed, and its connection will say why */
    struct simc__scs_lane **lanes;        /* by ECM_stream_id */
    size_t lane_size;                     /* of `lanes` */
    size_t lane_count, active_count;      /* of lanes; of those in use for CW_provisions */
    size_t free_from;                     /* no slot below is free */
    size_t id_floor;                      /* nor wanted: the ECMG says that these are in use */
    unsigned ids_refused;                 /* since the channel is open */
    struct simc__scs_ecmg_conf gone_conf; /* while it closes: no text of it but the name */
    char gone_name[SIMC__SCS_NAME_SIZE];
    struct simc__scs_channel *next_dirty, *next_gone;
};

struct simc__scs_ecm_kept {
    struct simc__scs_ecm_kept *next;
    uint64_t start_tick, stop_tick; /* its window as ordered last; stop 0: it has none so far */
    uint16_t cp;
    uint16_t repetition_ms;
    bool is_ts;
    uint32_t size;
    uint8_t datagram[];
};

struct simc__scs_ac {
    uint32_t number; /* 0: free */
    uint16_t size;
    bool is_given;
    uint8_t *bytes;
};

/* An ECM stream of a group. */
struct simc__scs_stream {
    struct simc__scs_scg *scg;
    const struct simc__scs_ecm_conf *conf;
    uint8_t index;
    uint16_t ecm_id;
    bool is_up;       /* its scheduler knows an ECMG */
    bool was_served;  /* by any ECMG, once */
    bool has_provide; /* `provide` waits until the mux has its control words */
    bool is_asking;   /* a CW_provision is outstanding in `active` */
    uint8_t ecm_count;
    struct simc__scs_lane *active; /* CW_provisions go there */
    struct simc__scs_lane *spare;  /* open or opening elsewhere */
    uint64_t retry_ms;             /* when to look for an ECMG again */
    uint64_t others_ms;            /* how long the ECMGs of other CA systems are waited for */
    const void *refused_by;        /* the channel that closed it last, for comparison only */
    uint64_t refused_ms;
    uint32_t ac_number;
    struct simc__scs_ac ac[SIMC__SCS_AC_KEPT];
    struct simc__scs_ac ac_next; /* made ready to be taken; number 0: nothing is */
    struct simc__sched_action provide;
    struct simc__scs_ecm_kept *ecms; /* the newest first */
    struct simc__scs_margin margin;
    struct simc__metric_set *stats; /* NULL: there are too many streams */
    struct simc__scs_alarms alarms;
};

struct simc__scs_scg {
    struct simc__scs *scs;
    const struct simc__scs_scg_conf *conf;
    uint32_t repetition; /* which one of conf->repeat */
    uint32_t id;
    struct simc__sched *sched;
    struct simc__scs_mux *mux; /* NULL: it has none (now) */
    uint64_t deadline_ms, lost_ms;
    size_t heap_at; /* 1...; 0: not in the heap */
    uint32_t air_lead_ms;
    uint16_t floor_100ms; /* the period that all its ECMGs can serve */
    uint8_t stream_count, cw_size;
    bool is_dirty, is_live; /* live: it may run */
    bool has_provides;
    bool is_lost;                /* its mux is away */
    bool is_defined;             /* the mux has accepted it */
    bool wants_define, is_asked; /* asked: the mux has not answered the definition */
    bool has_timeline_id;        /* it has run on that timeline */
    bool has_mapping;
    struct simc__sched_mapping mapping; /* as it was told last */
    uint16_t first_cp;
    uint32_t define_request, mux_alarms;
    uint64_t timeline_id;
    uint64_t planned_tick; /* as told to a mux in file mode */
    uint64_t run_ms;       /* the last run */
    uint64_t words_ms;     /* when control words that were refused are asked for again */
    uint64_t grace_ms;     /* until then a stream may be without an ECMG for the first time */
    uint64_t clear_ms;     /* when being clear becomes an alarm */
    uint32_t wanted_words; /* bit n: `wanted_cps[n]` has no control word yet */
    uint16_t wanted_cps[SIMC__SCHED_WORDS_MAX];
    struct simc__scs_alarms alarms;
    struct simc__scs_scg *next_dirty;
    struct simc__scs_stream streams[];
};

enum simc__scs_mux_state {
    SIMC__SCS_MUX_CONNECTING, /* the link is not open */
    SIMC__SCS_MUX_WAITING,    /* for ANNOUNCE and TIMELINE */
    SIMC__SCS_MUX_ASKING,     /* for the PLAN */
    SIMC__SCS_MUX_ACTIVE,
};

struct simc__scs_mux {
    struct simc__scs *scs;
    struct simc__link *link;
    void *owner;
    char name[SIMC__SCS_NAME_SIZE], peer[SIMC__SCS_NAME_SIZE];
    uint8_t state;
    bool has_announce, has_timeline, is_dirty, is_file, is_failed;
    uint32_t air_lead_ms, plan_request;
    struct simc__scs_mux_timeline timeline;
    struct simc__scs_mux_announce announce;
    uint8_t *memory; /* of orders */
    struct simc_writer writer;
    struct simc__scs_mux_orders orders;
    uint32_t define_count; /* without an answer */
    uint64_t late_count;
    struct simc__scs_mux *next, *next_dirty;
};

struct simc__scs {
    struct simc__scs_environment environment;
    const struct simc__scs_conf *conf;
    struct simc__scs_ecmg *ecmgs;
    struct simc__scs_channel *gone; /* channels that are closing */
    struct simc__scs_scg **scgs;    /* by rising id */
    size_t scg_count;
    struct simc__scs_scg **heap; /* by deadline; the first is heap[1] */
    size_t heap_count;
    struct simc__scs_mux *muxes;
    struct simc__metric_set *stats;
    struct simc__scs_scg *dirty_scgs;
    struct simc__scs_channel *dirty_channels;
    struct simc__scs_mux *dirty_muxes;
    size_t stream_total;
    uint32_t alarm_counts[SIMC__SCS_GRADES];
    uint64_t start_ms, now_ms;
    bool is_running, is_draining, wants_settle;
};

/* ---- figures ---- */

enum simc__scs_stat {
    SIMC__SCS_STAT_SCGS,
    SIMC__SCS_STAT_SCRAMBLED,
    SIMC__SCS_STAT_STREAMS,
    SIMC__SCS_STAT_SERVED,
    SIMC__SCS_STAT_MUXES,
    SIMC__SCS_STAT_ALARMS, /* by grade */
    SIMC__SCS_STAT_WORDS,
    SIMC__SCS_STAT_WORD_FAILURES,
    SIMC__SCS_STAT_PERIODS,
    SIMC__SCS_STAT_STRETCHED,
    SIMC__SCS_STAT_LATE,
    SIMC__SCS_STAT_SWITCHES,
    SIMC__SCS_STAT_ORDERS,
    SIMC__SCS_STAT_COUNT,
};

enum simc__scs_ecmg_stat {
    SIMC__SCS_ECMG_CHANNELS,
    SIMC__SCS_ECMG_ACTIVE,
    SIMC__SCS_ECMG_STANDBY,
    SIMC__SCS_ECMG_OPENED,
    SIMC__SCS_ECMG_PROVISIONS,
    SIMC__SCS_ECMG_ECMS,
    SIMC__SCS_ECMG_PRIMED,
    SIMC__SCS_ECMG_TIMEOUTS,
    SIMC__SCS_ECMG_ERRORS, /* by status */
    SIMC__SCS_ECMG_LATE,
    SIMC__SCS_ECMG_BAD,
    SIMC__SCS_ECMG_REPLY,
    SIMC__SCS_ECMG_STAT_COUNT,
};

enum simc__scs_stream_stat {
    SIMC__SCS_STREAM_PROVISIONS,
    SIMC__SCS_STREAM_ECMS,
    SIMC__SCS_STREAM_TIMEOUTS,
    SIMC__SCS_STREAM_ERRORS,
    SIMC__SCS_STREAM_LATE,
    SIMC__SCS_STREAM_SWITCHES,
    SIMC__SCS_STREAM_MARGIN,
    SIMC__SCS_STREAM_STAT_COUNT,
};

unsigned simc__scs_status_value(uint16_t status);

/* Streams beyond SIMC__SCS_STREAM_FIGURES_MAX are counted in their ECMG's figures only. */
static inline void simc__scs_count_stream(struct simc__scs_stream *stream,
                                          enum simc__scs_stream_stat row)
{
    if (stream->stats)
        simc__metric_count(stream->stats, 0, row);
}

static inline void simc__scs_count_ecmg(const struct simc__scs_channel *channel,
                                        enum simc__scs_ecmg_stat row)
{
    if (channel->ecmg)
        simc__metric_count(channel->ecmg->stats, 0, row);
}

/* ---- scs.c ---- */

static inline const struct simc_log *simc__scs_log(const struct simc__scs *scs)
{
    return scs->environment.log;
}
void simc__scs_dirty_scg(struct simc__scs_scg *scg);
void simc__scs_dirty_channel(struct simc__scs_channel *channel);
void simc__scs_dirty_mux(struct simc__scs_mux *mux);
/* Puts the group at its place in the heap. */
void simc__scs_schedule(struct simc__scs_scg *scg, uint64_t deadline_ms);
void simc__scs_unschedule(struct simc__scs_scg *scg);
struct simc__scs_scg *simc__scs_find(const struct simc__scs *scs, uint32_t id);

/* ---- alarm.c ---- */

/* @param stream, ecmg NULL where it is not about them. */
void simc__scs_alarm(struct simc__scs *scs, struct simc__scs_alarms *alarms,
                     enum simc__scs_alarm alarm, bool is_raised, const struct simc__scs_scg *scg,
                     const struct simc__scs_stream *stream, const struct simc__scs_ecmg *ecmg);
/* Its owner is going. */
void simc__scs_alarms_drop(struct simc__scs *scs, struct simc__scs_alarms *alarms);
void simc__scs_alarm_scg(struct simc__scs_scg *scg, enum simc__scs_alarm alarm, bool is_raised);
void simc__scs_alarm_stream(struct simc__scs_stream *stream, enum simc__scs_alarm alarm,
                            bool is_raised);
const char *simc__scs_alarm_name(enum simc__scs_alarm alarm);
const char *simc__scs_alarm_text(enum simc__scs_alarm alarm);
enum simc__scs_grade simc__scs_alarm_grade(enum simc__scs_alarm alarm);
const char *simc__scs_grade_name(enum simc__scs_grade grade);

/* ---- ecmg.c: channels ---- */

/* Makes one that nobody is placed at before simc__scs_ecmg_add(). @param old the ECMG of the same
 * name and CA system that goes when it comes, whose figures it takes over; NULL: none. */
int simc__scs_ecmg_new(struct simc__scs *scs, const struct simc__scs_ecmg_conf *conf,
                       struct simc__scs_ecmg *old, struct simc__scs_ecmg **ecmg) SIMC_MUST_CHECK;
void simc__scs_ecmg_add(struct simc__scs_ecmg *ecmg);
/* Its streams go elsewhere, its channels close in due order. */
void simc__scs_ecmg_free(struct simc__scs_ecmg *ecmg, uint64_t now_ms);
/* Another channel, when those that are there are full. */
int simc__scs_ecmg_grow(struct simc__scs_ecmg *ecmg) SIMC_MUST_CHECK;
/* Opens a stream on a channel. @return 0, SIMC_EFULL, SIMC_ENOTFOUND, SIMC_ENOMEM. */
int simc__scs_lane_open(struct simc__scs_channel *channel, struct simc__scs_stream *stream,
                        uint64_t now_ms, struct simc__scs_lane **lane) SIMC_MUST_CHECK;
/* It is nobody's from now on. NULL is fine. */
void simc__scs_lane_close(struct simc__scs_lane *lane, uint64_t now_ms);
bool simc__scs_channel_has_room(const struct simc__scs_channel *channel, uint64_t now_ms);
/* Sends a CW_provision of a stream in its active lane. */
int simc__scs_lane_provide(struct simc__scs_stream *stream, const struct simc__sched_action *action,
                           uint64_t now_ms) SIMC_MUST_CHECK;
void simc__scs_ecmg_alarms(struct simc__scs *scs);
/* Releases channels that are still closing, without waiting for their peers. */
void simc__scs_channels_drop(struct simc__scs *scs);
/* What holds for a channel: as announced, with what the configuration sets in its place. */
void simc__scs_channel_announced(const struct simc__scs_channel *channel,
                                 struct simc_ecmg_channel_status *status);

/* ---- pool.c: which ECMG serves a stream ---- */

/* Looks for what the stream lacks: a lane to use, and a spare one. */
void simc__scs_settle(struct simc__scs_stream *stream, uint64_t now_ms);
void simc__scs_settle_all(struct simc__scs *scs, uint64_t now_ms);
/* A lane is open. */
void simc__scs_lane_opened(struct simc__scs_lane *lane, uint64_t now_ms);
/* A lane is gone; its memory goes when this returns. */
void simc__scs_lane_lost(struct simc__scs_lane *lane, uint64_t now_ms);
/* The CW_provision of the active lane got no ECM. @return true: the stream went elsewhere. */
bool simc__scs_lane_failed(struct simc__scs_lane *lane, bool is_timeout, uint64_t now_ms);
/* The ECM of a period came: the moment to go to a better ECMG. */
void simc__scs_lane_served(struct simc__scs_lane *lane, uint64_t now_ms);
/* Before a CW_provision is sent: goes elsewhere if the channel is suspect. @return true: it did. */
bool simc__scs_lane_avoid(struct simc__scs_stream *stream, uint64_t now_ms);

/* ---- group.c ---- */

/* @param old the group that it is to replace, whose plan it takes over; NULL: none. */
int simc__scs_scg_new(struct simc__scs *scs, const struct simc__scs_scg_conf *conf,
                      uint32_t repetition, const struct simc__scs_scg *old,
                      struct simc__scs_scg **scg) SIMC_MUST_CHECK;
void simc__scs_scg_free(struct simc__scs_scg *scg, uint64_t now_ms);
/* True when a group can take the configuration over without being made anew. */
bool simc__scs_scg_fits(const struct simc__scs_scg *scg, const struct simc__scs_scg_conf *conf,
                        uint32_t repetition);
/* Makes ready what simc__scs_scg_take() needs memory for. @return 0, SIMC_ENOMEM (nothing is). */
int simc__scs_scg_prepare(struct simc__scs_scg *scg,
                          const struct simc__scs_scg_conf *conf) SIMC_MUST_CHECK;
/* The change is not made. */
void simc__scs_scg_forget(struct simc__scs_scg *scg);
/* Takes a configuration over that is prepared: access criteria, period, services. */
int simc__scs_scg_take(struct simc__scs_scg *scg, const struct simc__scs_scg_conf *conf,
                       uint32_t repetition) SIMC_MUST_CHECK;
/* Takes ECMs, lanes and figures over from the group that it replaces. */
void simc__scs_scg_inherit(struct simc__scs_scg *scg, struct simc__scs_scg *old);
const struct simc__scs_ac *simc__scs_stream_ac(const struct simc__scs_stream *stream,
                                               uint32_t number);

/* ---- scg.c ---- */

/* Makes its scheduler. @param plan NULL: without. */
int simc__scs_scg_begin(struct simc__scs_scg *scg,
                        const struct simc__sched_plan *plan) SIMC_MUST_CHECK;
/* Makes it anew with what it knows, because the mux needs another lead. */
int simc__scs_scg_begin_anew(struct simc__scs_scg *scg) SIMC_MUST_CHECK;
/* Tells the scheduler about the lane in use. */
void simc__scs_stream_up(struct simc__scs_stream *stream);
void simc__scs_stream_down(struct simc__scs_stream *stream);
void simc__scs_stream_ecm(struct simc__scs_stream *stream, uint16_t cp, struct simc_slice datagram,
                          bool is_ts);
void simc__scs_stream_no_ecm(struct simc__scs_stream *stream, uint16_t cp,
                             enum simc__sched_failure failure);
/* Runs the scheduler and obeys it, but for CW_provisions: they wait in the streams. */
void simc__scs_scg_run(struct simc__scs_scg *scg, uint64_t now_ms);
/* Sends the CW_provisions that wait. */
void simc__scs_scg_provide(struct simc__scs_scg *scg, uint64_t now_ms);
void simc__scs_scg_timeline(struct simc__scs_scg *scg, bool is_new);

static inline uint16_t simc__scs_service_id(const struct simc__scs_scg *scg, size_t service)
{
    return (uint16_t)(scg->conf->services[service].service_id + scg->repetition);
}

/* ---- mux.c ---- */

void simc__scs_mux_order(struct simc__scs_mux *mux, const struct simc__scs_mux_order *order);
/* Sends the orders that were gathered. */
void simc__scs_mux_orders_flush(struct simc__scs_mux *mux);
/* Everything of a group that a mux which had it before may have missed. */
void simc__scs_mux_resend(struct simc__scs_scg *scg);
void simc__scs_mux_define(struct simc__scs_scg *scg);
void simc__scs_mux_remove(struct simc__scs_scg *scg);
/* Finds the mux of a group that has none. */
void simc__scs_mux_assign(struct simc__scs_scg *scg);
/* The group's share in a plan that a mux has handed back. */
void simc__scs_plan_read(const struct simc__scs_scg *scg, const struct simc__scs_mux_plan_scg *from,
                         struct simc__sched_plan *plan);
/* Its groups are without a mux. */
void simc__scs_mux_part(struct simc__scs_mux *mux);
void simc__scs_mux_free(struct simc__scs_mux *mux);

/* ---- print.c ---- */

#define SIMC__SCS_MARGIN_UNKNOWN INT64_MIN

void simc__scs_print_action(struct simc__scs_scg *scg, const struct simc__sched_action *action);
void simc__scs_print_ecm(struct simc__scs_stream *stream, uint16_t cp, struct simc_slice datagram,
                         int64_t margin_ms);
void simc__scs_print_alarm(struct simc__scs *scs, enum simc__scs_alarm alarm, bool is_raised,
                           const struct simc__scs_scg *scg, const struct simc__scs_stream *stream,
                           const struct simc__scs_ecmg *ecmg);
void simc__scs_print_ecmg(struct simc__scs_channel *channel, bool is_open, const char *why);

#endif
