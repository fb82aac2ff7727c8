/* SPDX-License-Identifier: BSL-1.0 */
/* One multiplex of muxd: an engine with its inputs, outputs and connection to the SCS, on one loop.
 * service.c makes them, page.c and stats.c look into them while their threads stand still. */
#ifndef SIMC__MUX_MULTIPLEX_H
#define SIMC__MUX_MULTIPLEX_H

#include "link/link.h"
#include "mux/conf.h"
#include "mux/mux.h"
#include "mux/pacer.h"
#include "simulcrypt/uv.h"

enum { SIMC__MUXD_WHY_SIZE = SIMC__DAEMON_WHY_SIZE };

struct simc__muxd_multiplex;

/* Something that does not work now. */
struct simc__muxd_trouble {
    bool is_raised;
    uint64_t since_us; /* wall clock */
    char text[SIMC__MUX_TEXT_SIZE];
};

/* An input and what is behind it. Objects of lib/tsio close later than their owner forgets them, so
 * it is a piece of memory of its own. */
struct simc__muxd_feed {
    struct simc__muxd_multiplex *multiplex; /* NULL: forgotten */
    struct simc__tsio_input *input;
    uint32_t index; /* in the engine */
    char name[SIMC__MUX_NAME_SIZE];
    char address[SIMC__TSIO_ADDRESS_SIZE];
    bool is_looped;
    bool is_paced, has_ended;
    struct simc__muxd_pacer pacer;
    uint64_t wait_ns; /* paced: when it goes on; 0: it does not wait */
    struct simc__muxd_trouble trouble;
};

struct simc__muxd_send {
    struct simc__muxd_multiplex *multiplex;
    struct simc__tsio_output *output;
    char address[SIMC__TSIO_ADDRESS_SIZE];
    bool has_ended;
    struct simc__muxd_trouble trouble;
};

/* How the work of a title ended. */
enum simc__muxd_result { SIMC__MUXD_RUNNING, SIMC__MUXD_DONE, SIMC__MUXD_FAILED };

struct simc__muxd_multiplex {
    struct simc_uv_loop *loop;
    struct simc__tsio *tsio;
    const struct simc_log *log; /* of the thread */
    const struct simc__muxd_multiplex_conf *conf;
    const struct simc__muxd_link_conf *link_conf; /* NULL: no SCS */
    struct simc_uv_tls *tls;
    void (*ended)(void *context); /* any thread: `result` is set */
    void *ended_context;

    struct simc__mux *mux;
    void (*fill)(void *context, struct simc__mux *mux); /* NULL: there is nothing elsewhere */
    void *fill_context;
    uint64_t timeline_id;
    struct simc__muxd_feed *feeds[SIMC__MUX_INPUTS_MAX];
    struct simc__muxd_send *sends[SIMC__MUXD_OUTPUTS_MAX];
    size_t feed_count, send_count;
    struct simc_uv_timer *timer;  /* runs the engine */
    struct simc_uv_timer *second; /* timeline, bounds of waiting */
    bool is_pumping, is_again, is_stopped;

    /* The SCS. */
    struct simc_uv_client *client;
    struct simc_uv_connection *connection; /* whose link is open */
    struct simc__link *link;               /* of the connection that stands */
    uint8_t *message;                      /* room for one */
    struct simc__muxd_trouble link_trouble;
    uint64_t link_opened, orders_bad, messages_lost;
    bool is_in_events, has_unsent, is_gone;
    char scs_name[SIMC__LINK_NAME_MAX + 1];

    /* Titles. */
    bool is_title, is_at_end;
    enum simc__mux_wait wait; /* what it waits for */
    uint32_t wait_input, wait_scg;
    bool is_waiting_for_output;
    uint64_t progress_ms; /* loop's clock: the last packets */
    uint64_t turn_ns;     /* when the timer was served last */
    uint64_t filled_tick; /* up to there the engine has what others put into it */
    enum simc__muxd_result result;
    char result_text[SIMC__MUXD_WHY_SIZE];
    uint64_t ended_ms;   /* live: when all inputs had come to their end */
    uint64_t input_size; /* bytes of all input files; 0: not known */
};

/** Checks what the rows cannot know: an engine is made and thrown away, word files are read.
 *  @return 0, or an error and a sentence. */
int simc__muxd_multiplex_check(const struct simc__muxd_multiplex_conf *conf,
                               char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;

struct simc__muxd_multiplex_settings {
    struct simc_uv_loop *loop;
    struct simc__tsio *tsio;
    const struct simc_log *log;
    const struct simc__muxd_multiplex_conf *conf; /* borrowed until _change() or _free() */
    const struct simc__muxd_link_conf *link;      /* likewise; NULL: none */
    struct simc_uv_tls *tls;
    void (*ended)(void *context);
    void *ended_context;
    /* While an engine makes up for time: gives it what waits for it elsewhere. May be NULL. */
    void (*fill)(void *context, struct simc__mux *mux);
    void *fill_context;
};

/** Starts. Call it in the thread of the loop, or while that stands still; likewise the others.
 *  @return 0, or an error and a sentence. */
int simc__muxd_multiplex_new(const struct simc__muxd_multiplex_settings *settings,
                             struct simc__muxd_multiplex **multiplex,
                             char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;
/** Takes a new configuration over, whole or not at all: what did not change goes on. */
int simc__muxd_multiplex_change(struct simc__muxd_multiplex *multiplex,
                                const struct simc__muxd_multiplex_conf *conf,
                                char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;
/** NULL is fine. Inputs, outputs and the connection close with the loop. */
void simc__muxd_multiplex_free(struct simc__muxd_multiplex *multiplex);
/** Makes nothing more; what its outputs hold is written, then `ended` comes. */
void simc__muxd_multiplex_drain(struct simc__muxd_multiplex *multiplex);
/** Runs the engine as far as it goes. */
void simc__muxd_multiplex_pump(struct simc__muxd_multiplex *multiplex);
/** Serves its timer when that is overdue: for others on its loop that have much to do. */
void simc__muxd_multiplex_turn(struct simc__muxd_multiplex *multiplex);
/** A title cannot be made. */
void simc__muxd_multiplex_fail(struct simc__muxd_multiplex *multiplex, const char *format, ...)
    SIMC_PRINTF(2, 3);

void simc__muxd_trouble_raise(struct simc__muxd_trouble *trouble, const char *text);

/* ---- make.c: an engine from the configuration ---- */

int simc__muxd_engine_new(const struct simc__muxd_multiplex_conf *conf, bool has_link,
                          uint64_t timeline_id, struct simc__mux **mux,
                          char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;
int simc__muxd_engine_change(const struct simc__muxd_multiplex_conf *conf, bool has_link,
                             uint64_t timeline_id, struct simc__mux *mux,
                             char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;
/** Reads the control words of a laboratory. @return 0, or an error and a sentence. */
int simc__muxd_words_read(const struct simc__muxd_static_conf *conf, struct simc_secret words[2],
                          char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;

/* ---- scs.c: the connection to the SCS ---- */

int simc__muxd_scs_start(struct simc__muxd_multiplex *multiplex,
                         char why[SIMC__MUXD_WHY_SIZE]) SIMC_MUST_CHECK;
/** Ends it; nothing of it calls the multiplex any more. */
void simc__muxd_scs_stop(struct simc__muxd_multiplex *multiplex);
/** Sends what the SCS is to know: reports, alarms, changes. Behind each run of the engine. */
void simc__muxd_scs_tell(struct simc__muxd_multiplex *multiplex);
/** Sends the timeline: once a second. */
void simc__muxd_scs_timeline(struct simc__muxd_multiplex *multiplex);
void simc__muxd_scs_alarm(struct simc__muxd_multiplex *multiplex,
                          const struct simc__mux_alarm *alarm);

#endif
