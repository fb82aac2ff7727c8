/* SPDX-License-Identifier: BSL-1.0 */
/* The state of a run: threads of steps, and connections with what came on them. run.c schedules,
 * step.c carries out steps, arrive.c hands out what came. */
#ifndef SIMC__CONVERSATION_RUN_H
#define SIMC__CONVERSATION_RUN_H

#include "conversation/internal.h"

enum { SIMC__CONV_FRAMES_MAX = 32 };

/* A block that is being run. */
struct simc__conv_frame {
    const struct simc__conv_statement *next; /* step */
    struct simc__conv_scope *scope;
    struct simc__conv_scope own;               /* of loops and procedures */
    const struct simc__conv_statement *loop;   /* repeat, or NULL */
    const struct simc__conv_statement *caller; /* call, or NULL */
    int64_t counter, last;
};

enum simc__conv_state {
    SIMC__CONV_RUNNING,
    SIMC__CONV_WAITS_TIME,
    SIMC__CONV_WAITS_OPEN,
    SIMC__CONV_WAITS_ANSWER,
    SIMC__CONV_WAITS_ITEM,
    SIMC__CONV_WAITS_CHILDREN,
    SIMC__CONV_SENDS,
    SIMC__CONV_DONE,
};

/* Steps that run one after the other. */
struct simc__conv_thread {
    struct simc__conv_thread *next, *parent;
    size_t children;
    enum simc__conv_state state;
    const struct simc__conv_statement *step; /* at work, or done last */
    struct simc__conv_frame frames[SIMC__CONV_FRAMES_MAX];
    size_t depth;
    unsigned connection;
    uint64_t started_ms, from_ms, due_ms;
    struct simc_buffer output; /* what is being sent, `sent` bytes of it are */
    size_t sent, piece;
    uint64_t every_ms;
};

struct simc__conv_connection {
    char name[64];
    bool is_used; /* between its opening step and its closing one */
    bool is_open, is_closed_by_peer, is_deaf;
    char why[128];
    struct simc_framer framer;
    struct simc__conv_item *messages, **messages_end, *events, **events_end;
    size_t message_count, event_count, bytes;
    const struct simc__conv_statement *opened_by;
};

struct simc__conversation_run {
    const struct simc__conversation *conversation;
    void (*report)(void *context, const struct simc__conversation_step *step);
    void *context;
    uint64_t now_ms;
    struct simc__conv_scope global;
    struct simc__conv_thread *threads;
    size_t thread_count;
    struct simc__conv_connection *connections[SIMC__CONVERSATION_CONNECTIONS];
    const struct simc__conv_statement *ignores[64]; /* the statements that were run */
    size_t ignore_count;
    uint64_t steps;
    bool has_started, is_ending, is_over;
    bool has_answer;
    char answer[64];
    enum simc__conversation_verdict verdict;
    struct simc__conv_trouble trouble;
    struct simc_buffer action_text; /* of the request at work */
};

/* What a step wants of the scheduler. */
enum simc__conv_outcome {
    SIMC__CONV_GO_ON,  /* the thread's state says whether it waits */
    SIMC__CONV_ACTING, /* the action is filled */
};

/** Carries out what the thread is at. */
enum simc__conv_outcome simc__conv_step(struct simc__conversation_run *run,
                                        struct simc__conv_thread *thread,
                                        struct simc__conversation_action *action);
/** Sends the next piece of a thread that sends. */
enum simc__conv_outcome simc__conv_send_piece(struct simc__conversation_run *run,
                                              struct simc__conv_thread *thread,
                                              struct simc__conversation_action *action);
/** Looks at the answer to a request. */
void simc__conv_take_answer(struct simc__conversation_run *run, struct simc__conv_thread *thread);

/** Hands what waits on the connections to the threads that wait for it, and looks at closed
 *  connections and at times that are over. @return true when a thread can go on, or the run ends.
 */
bool simc__conv_arrivals(struct simc__conversation_run *run);
/** Looks for messages that nobody asked for. */
void simc__conv_leftovers(struct simc__conversation_run *run);

/** The innermost scope of a thread. */
struct simc__conv_scope *simc__conv_scope_of(const struct simc__conversation_run *run,
                                             const struct simc__conv_thread *thread);
struct simc__conv_context simc__conv_context_of(struct simc__conversation_run *run,
                                                const struct simc__conv_thread *thread);
/** Starts a thread. @return NULL: none is to be had, the run is broken. */
struct simc__conv_thread *simc__conv_spawn(struct simc__conversation_run *run,
                                           struct simc__conv_thread *parent,
                                           const struct simc__conv_statement *steps);
/** Begins a block. @return the frame, or NULL: too deep, the run is broken. */
struct simc__conv_frame *simc__conv_push(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         const struct simc__conv_statement *steps);
/** The connection of an expanded name; NULL: there is none. */
struct simc__conv_connection *simc__conv_connection_find(struct simc__conversation_run *run,
                                                         const char *name, unsigned *index);
/** Forgets all that belongs to a connection. */
void simc__conv_connection_clear(struct simc__conv_connection *connection);
bool simc__conv_is_ignored(struct simc__conversation_run *run, const struct simc__conv_item *item);

/** Reports a step. A verdict other than PASS counts; all but PASS and WARN of a tolerated
 *  alternative end the run. @param step NULL: none is to be named. */
void simc__conv_report(struct simc__conversation_run *run, const struct simc__conv_statement *step,
                       enum simc__conversation_verdict verdict, bool ends, const char *format, ...)
    SIMC_PRINTF(5, 6);
/** Ends the run as failed, or with a warning where the file says so. */
#define simc__conv_failed(run, step, ...)                                        \
    simc__conv_report(run, step,                                                 \
                      (run)->conversation->head.warns ? SIMC__CONVERSATION_WARN  \
                                                      : SIMC__CONVERSATION_FAIL, \
                      true, __VA_ARGS__)
/** Ends the run as broken, by the trouble that an error has left. */
void simc__conv_broken(struct simc__conversation_run *run, const struct simc__conv_statement *step,
                       int error);

#endif
