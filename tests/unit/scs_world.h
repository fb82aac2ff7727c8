/* SPDX-License-Identifier: BSL-1.0 */
/* A synchroniser in memory, with ECMGs and a mux around it under a clock of the test's own. ECMGs
 * are the sessions of lib/session, muxes the links of lib/link; both can fail in all the ways that
 * real ones do. What a mux is told is checked as it comes. The tests of scs/ call it. */
#ifndef SIMC_TESTS_SCS_WORLD_H
#define SIMC_TESTS_SCS_WORLD_H

#include "link/scs_mux.h"
#include "scs/scs.h"

enum {
    WORLD_NODES_MAX = 5,
    WORLD_CHANNELS_MAX = 8,
    WORLD_PENDING_MAX = 4096,
    WORLD_CPS = 65536,
    WORLD_SCGS_MAX = 8, /* that are checked: ids 1.. */
    WORLD_STREAMS_MAX = 4,
    WORLD_LOG_SIZE = 1 << 18,
    WORLD_STEP_MS = 10,
};

/* What an ECMG does with a CW_provision. */
enum world_manner {
    WORLD_GOOD,
    WORLD_FROZEN,  /* the process is stopped: nothing is read or sent, the connection stands */
    WORLD_SILENT,  /* answers all but CW_provisions */
    WORLD_REFUSES, /* stream_error `status` */
    WORLD_WRONG,   /* an ECM that is no section */
    WORLD_SLOW,    /* answers after slow_ms */
    WORLD_DEAD,    /* accepts no connection */
};

struct world_channel {
    struct simc__scs_channel *channel;
    struct simc_session *scs, *ecmg; /* NULL: not connected */
    uint64_t retry_ms;
    bool is_wanted;
    bool is_flushed; /* the synchroniser has something to send, or wants it closed */
};

struct world_answer {
    uint64_t due_ms;
    unsigned channel;
    uint16_t stream_id, cp, ecm_id;
    bool is_live;
    uint32_t word; /* a sum over the CW of the CP */
};

struct world_node {
    uint16_t port;
    enum world_manner manner;
    uint16_t status;         /* of WORLD_REFUSES */
    unsigned refuse_streams; /* stream_setups above so many are refused with 0x000A; 0: none */
    uint32_t versions;       /* 0: all */
    uint32_t reply_ms, slow_ms;
    struct simc_ecmg_channel_status announces;
    uint64_t provisions, ecms, setups, tests;
    uint64_t streams; /* open now */
    struct world_channel channels[WORLD_CHANNELS_MAX];
    struct world_answer pending[WORLD_PENDING_MAX];
    unsigned pending_count;
    char last_ac[64]; /* of the newest CW_provision, in hex */
};

/* What the mux has been told of a group. */
struct world_scg {
    bool is_defined, is_clear;
    bool has_word[WORLD_CPS];
    uint32_t words[WORLD_CPS];
    uint64_t starts[WORLD_CPS];
    uint16_t newest;
    bool has_newest;
    uint64_t periods, stretched, firsts, clears, ecms, windows;
    uint64_t late;          /* orders that came after their start, or too short before */
    uint64_t lengths_ticks; /* of the last period that ended */
    bool has_ecm[WORLD_STREAMS_MAX][WORLD_CPS];
    uint64_t open_ticks[WORLD_STREAMS_MAX];
    uint16_t open_cp[WORLD_STREAMS_MAX];
    bool has_open[WORLD_STREAMS_MAX];
    uint64_t planned_tick;
    uint32_t super_cas_ids[WORLD_STREAMS_MAX];
    uint16_t ecm_ids[WORLD_STREAMS_MAX];
    unsigned streams;
};

struct world {
    uint64_t now_ms, wall_us;
    struct simc__scs *scs;
    struct simc__metrics *metrics;
    struct simc_log log;
    struct simc__conf *owner;
    struct simc__scs_conf confs[2]; /* the one in use, and one to change to */
    unsigned conf_at;
    uint64_t draws;
    bool source_fails;
    struct world_node nodes[WORLD_NODES_MAX];
    unsigned node_count;
    /* The mux. */
    bool has_mux, mux_is_frozen, is_file;
    bool mux_returns; /* by itself, when it was cut off */
    uint64_t mux_retry_ms, mux_losses;
    struct simc__scs_mux *mux;
    struct simc__link *link;
    uint64_t timeline_id, timeline_ms, tick_base, horizon_tick;
    uint32_t air_lead_ms;
    uint64_t cp_ticks;      /* the nominal period, for the count of stretched ones */
    struct world_scg *scgs; /* WORLD_SCGS_MAX of them, by id - 1 */
    struct simc__scs_mux_plan_scg *plans;
    uint64_t unreserved; /* CWs that reached an ECMG before the mux */
    char lines[WORLD_LOG_SIZE];
    size_t lines_size;
    char printed[WORLD_LOG_SIZE];
    size_t printed_size;
};

/** Makes the world; nodes and mux are set up by the test before world_start(). */
struct world *world_new(void);
/** An ECMG that listens on a port. lead_CW 1, CW_per_msg 2, max_comp_time 100 ms, no delays. */
struct world_node *world_node(struct world *world, uint16_t port);
/** Starts the synchroniser with a YAML configuration. */
void world_start(struct world *world, const char *yaml);
/** The same, where memory may be missing. @return that of simc__scs_new(). */
int world_try_start(struct world *world, const char *yaml);
/** Restarts it: everything it knows is lost. */
void world_restart(struct world *world, const char *yaml);
/** Ends it without a word, as kill -9 does. */
void world_kill(struct world *world);
/** Another configuration. @return that of simc__scs_change(). */
int world_reload(struct world *world, const char *yaml);
void world_free(struct world *world);

void world_mux_connect(struct world *world);
void world_mux_disconnect(struct world *world);

/** Lets the time pass. */
void world_pass(struct world *world, uint64_t ms);
/** Ends all connections of an ECMG, as kill -9 does. */
void world_break(struct world *world, struct world_node *node);
bool world_has_logged(const struct world *world, const char *text);
/** A figure of a set, by its whole name with labels. */
uint64_t world_figure(struct world *world, const char *name);
struct world_scg *world_scg(struct world *world, uint32_t id);

#endif
