/* SPDX-License-Identifier: BSL-1.0 */
/* Conversations: files of named messages and times (docs/conversations.md) that are run against an
 * equipment under test. The engine does no I/O and reads no clock: drivers (tests in memory, over
 * sockets, `simulcrypt conform`) carry out its actions and give it what came. */
#ifndef SIMC__CONVERSATION_H
#define SIMC__CONVERSATION_H

#include "simulcrypt/msg.h"

struct simc__conversation;     /* a file that was read; constant, may serve many runs */
struct simc__conversation_run; /* one run of it, against one equipment */

enum {
    SIMC__CONVERSATION_TEXT_SIZE = 1024,  /* of a sentence */
    SIMC__CONVERSATION_CONNECTIONS = 256, /* most connections of a run */
    SIMC__CONVERSATION_FIELDS = 64,       /* most fields of an event */
};

/* ---- files ---- */

/* Where a file cannot be understood. */
struct simc__conversation_fault {
    char file[256];
    unsigned line, column; /* from 1; 0: the file as a whole */
    char text[SIMC__CONVERSATION_TEXT_SIZE];
};

/* How the engine gets the files that a file includes. */
struct simc__conversation_files {
    /** Reads `path`, as it stands in the include statement of `from`. @param text to be filled; the
     *  engine releases it. @param name filled with the name for faults and for includes within.
     *  @return 0, or an error with a sentence in `why`. */
    int (*read)(void *context, const char *from, const char *path, struct simc_buffer *text,
                char name[256], char why[256]);
    void *context;
};

/** Reads a file with all that it includes. @param name of the file, for faults.
 *  @param files NULL: include statements are faults.
 *  @return 0; SIMC_ESYNTAX (see fault); SIMC_ETOOLONG (a ceiling, see fault); SIMC_ENOMEM. */
int simc__conversation_new(const char *name, struct simc_slice text,
                           const struct simc__conversation_files *files,
                           struct simc__conversation **conversation,
                           struct simc__conversation_fault *fault) SIMC_MUST_CHECK;
void simc__conversation_free(struct simc__conversation *conversation);

/* What the head of the file says. */
struct simc__conversation_head {
    const char *id, *title, *clause; /* "" when not given */
    const struct simc_interface *interface;
    bool server_under_test; /* the equipment listens (ECMG, MUX) and we connect; else we listen */
    bool warns;             /* a failure is a warning: the rule is not the standard's own */
    bool asks_session;      /* it has requests and events: only a session in memory can serve it */
};
const struct simc__conversation_head *simc__conversation_head(
    const struct simc__conversation *conversation);
/** Parameter `index` of the file, counted from 0. @return false: there are no more. */
bool simc__conversation_parameter(const struct simc__conversation *conversation, size_t index,
                                  const char **name, const char **value, const char **help);

/* ---- runs ---- */

enum simc__conversation_verdict {
    SIMC__CONVERSATION_PASS,
    SIMC__CONVERSATION_WARN,   /* a rule that is not the standard's own was broken */
    SIMC__CONVERSATION_FAIL,   /* a rule of the standard was broken */
    SIMC__CONVERSATION_SKIP,   /* the equipment is not what the file needs */
    SIMC__CONVERSATION_BROKEN, /* the file or the driver is wrong: nothing is said of the equipment
                                */
};
/** `"pass"`, `"warn"`... */
const char *simc__conversation_verdict_name(enum simc__conversation_verdict verdict);

/* A step that is done. Valid during the call only; no control word is in it. */
struct simc__conversation_step {
    enum simc__conversation_verdict verdict;
    const char *file;
    unsigned line;
    const char *text; /* what was expected and what came, a sentence without a full stop */
};

enum simc__conversation_action_type {
    SIMC__CONVERSATION_OPEN,    /* connect to the equipment; then simc__conversation_opened() */
    SIMC__CONVERSATION_ACCEPT,  /* wait for the equipment to connect; then likewise */
    SIMC__CONVERSATION_CLOSE,   /* close in order; nothing of it may be reported any more */
    SIMC__CONVERSATION_RESET,   /* close with a TCP reset; likewise */
    SIMC__CONVERSATION_SEND,    /* send `bytes`, as one segment where that is possible */
    SIMC__CONVERSATION_REQUEST, /* ask the session in memory; then simc__conversation_answer() */
};

struct simc__conversation_action {
    enum simc__conversation_action_type type;
    unsigned connection;     /* number of the connection, 0..SIMC__CONVERSATION_CONNECTIONS-1 */
    const char *name;        /* its name in the file */
    struct simc_slice bytes; /* SEND; may hold control words */
    const char *request;     /* REQUEST: words, "provide stream=2 cp=16"; may hold control words */
};

/** Starts a run. @param report called with each step that is done; NULL: not wanted.
 *  @return 0, SIMC_ENOMEM. */
int simc__conversation_run_new(const struct simc__conversation *conversation,
                               void (*report)(void *context,
                                              const struct simc__conversation_step *step),
                               void *context, uint64_t now_ms,
                               struct simc__conversation_run **run) SIMC_MUST_CHECK;
void simc__conversation_run_free(struct simc__conversation_run *run);
/** Sets a parameter; before the first action only. @return 0, SIMC_ENOTFOUND (the file has no such
 *  parameter), SIMC_ENOMEM. */
int simc__conversation_set(struct simc__conversation_run *run, const char *name,
                           const char *value) SIMC_MUST_CHECK;
/** The value of a variable now, or NULL. Valid until the next call on the run. */
const char *simc__conversation_get(const struct simc__conversation_run *run, const char *name);

/** The next thing to do; call it after everything that is given to the run and when the deadline is
 *  due. What the action points to lives until the next call on the run.
 *  @return false: nothing now, or the run is over. */
bool simc__conversation_next_action(struct simc__conversation_run *run, uint64_t now_ms,
                                    struct simc__conversation_action *action) SIMC_MUST_CHECK;
/** When to ask for an action even if nothing came, or SIMC_DEADLINE_NONE. */
uint64_t simc__conversation_deadline_ms(const struct simc__conversation_run *run);

/** A connection is there. */
void simc__conversation_opened(struct simc__conversation_run *run, unsigned connection,
                               uint64_t now_ms);
/** Bytes came. Copied. */
void simc__conversation_feed(struct simc__conversation_run *run, unsigned connection,
                             struct simc_slice bytes, uint64_t now_ms);
/** The equipment has closed the connection, or it could not be opened. @param why a few words. */
void simc__conversation_closed(struct simc__conversation_run *run, unsigned connection,
                               const char *why, uint64_t now_ms);
/** The answer to a request: `"SIMC_OK"`, `"SIMC_EFULL"`..., before the next action is asked for. */
void simc__conversation_answer(struct simc__conversation_run *run, const char *result);

/* A field of an event, as text; a name may occur several times. */
struct simc__conversation_field {
    const char *name;
    const char *value;
    bool secret;
};
/** The session in memory has an event. Copied. */
void simc__conversation_event(struct simc__conversation_run *run, unsigned connection,
                              const char *name, const struct simc__conversation_field *fields,
                              size_t field_count, uint64_t now_ms);

/** True when no action and no step will follow. */
bool simc__conversation_is_over(const struct simc__conversation_run *run);
/** What has been found so far; SKIP and BROKEN have one step that says why. */
enum simc__conversation_verdict simc__conversation_verdict(
    const struct simc__conversation_run *run);

/* ---- form of datagrams; drivers may use it too ---- */

/** Why bytes are not exactly one section of a length that fits [ISO 13818-1 2.4.4], or NULL. */
const char *simc__conversation_section_fault(struct simc_slice bytes);
/** Why bytes are not whole TS packets that carry exactly one section, or NULL. */
const char *simc__conversation_packets_fault(struct simc_slice bytes);

#endif
