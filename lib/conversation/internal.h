/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the conversation engine share: the statements of a file, variables and
 * expressions, and the state of a run. */
#ifndef SIMC__CONVERSATION_INTERNAL_H
#define SIMC__CONVERSATION_INTERNAL_H

#include "conversation/conversation.h"

enum {
    SIMC__CONV_FILE_MAX = 1 << 20, /* bytes of a file */
    SIMC__CONV_FILES_MAX = 64,     /* files of a conversation, the included ones counted */
    SIMC__CONV_INCLUDE_DEPTH = 8,
    SIMC__CONV_STATEMENTS_MAX = 20000,
    SIMC__CONV_NAMES_MAX = 512, /* names of variables of a file */
    SIMC__CONV_DEPTH_MAX = 16,  /* blocks and calls within each other */
    SIMC__CONV_THREADS_MAX = 512,
    SIMC__CONV_VARIABLES_MAX = 4096, /* values that exist at once */
    SIMC__CONV_QUEUE_MAX = 4096,     /* messages and events that wait on a connection */
    SIMC__CONV_QUEUE_BYTES_MAX = 16 << 20,
    SIMC__CONV_TURNS_MAX = 100000, /* of a loop */
    SIMC__CONV_STEPS_MAX = 1000000,
    SIMC__CONV_TEXT_MAX = 1 << 19, /* bytes of an expanded message text or value */
    SIMC__CONV_EXPRESSION_DEPTH = 32,
};

/* ---- memory of a file: released in one go ---- */

struct simc__conv_block;
struct simc__conv_arena {
    struct simc__conv_block *blocks;
    size_t used; /* bytes of the first block */
};
void *simc__conv_arena_get(struct simc__conv_arena *arena, size_t size) SIMC_MUST_CHECK;
void simc__conv_arena_fini(struct simc__conv_arena *arena);

/* ---- the statements of a file. All texts are slices of the sources, so that the place of each is
 * known. ---- */

struct simc__conv_words {
    struct simc__conv_words *next;
    struct simc_slice text;
};

enum simc__conv_check {
    SIMC__CONV_EQUAL,
    SIMC__CONV_UNEQUAL,
    SIMC__CONV_HAS,
    SIMC__CONV_IN,
    SIMC__CONV_ANY,
    SIMC__CONV_ABSENT,
    SIMC__CONV_COUNT,
    SIMC__CONV_SIZE,
    SIMC__CONV_IS,
    SIMC__CONV_CONTAINS,
    SIMC__CONV_LACKS,
    SIMC__CONV_CPS,
};

/* A line of a message's or an expectation's body. */
struct simc__conv_line {
    struct simc__conv_line *next;
    struct simc_slice whole; /* without `when` */
    struct simc_slice when;  /* expression; empty: always */
    /* Expectations only. */
    struct simc_slice name;
    enum simc__conv_check check;
    struct simc_slice cw_of; /* expression: the CP whose control word is meant; empty: none */
    struct simc__conv_words *values;
    struct simc_slice capture; /* variable; empty: none */
};

struct simc__conv_message {
    struct simc__conv_message *next; /* in the same segment */
    struct simc_slice name;          /* may be "bytes:..." in what is sent: then nothing follows */
    struct simc_slice version;       /* empty: that of the variable */
    struct simc_slice length;        /* empty: the right one */
    struct simc__conv_line *lines;
};

enum simc__conv_what_kind {
    SIMC__CONV_MESSAGE, /* any message by name; decodes without a fault */
    SIMC__CONV_FAULTY,
    SIMC__CONV_ANYTHING,
    SIMC__CONV_CLOSED,
    SIMC__CONV_NOTHING,
    SIMC__CONV_EVENT,
};

/* An alternative of an expectation. */
struct simc__conv_what {
    struct simc__conv_what *next;
    enum simc__conv_what_kind kind;
    bool warns;
    struct simc__conv_message message;
};

struct simc__conv_time {
    struct simc_slice number; /* expression; empty: not given */
    bool is_seconds;
};

enum simc__conv_statement_kind {
    SIMC__CONV_OPEN,
    SIMC__CONV_CLOSE,
    SIMC__CONV_RESET,
    SIMC__CONV_SEND,
    SIMC__CONV_EXPECT,
    SIMC__CONV_WAIT,
    SIMC__CONV_CALL,
    SIMC__CONV_LET,
    SIMC__CONV_LOCAL,
    SIMC__CONV_REPEAT,
    SIMC__CONV_PARALLEL,
    SIMC__CONV_IF,
    SIMC__CONV_NEED,
    SIMC__CONV_CHECK,
    SIMC__CONV_IGNORE,
    SIMC__CONV_DEAF,
    SIMC__CONV_NOTE,
    SIMC__CONV_REQUEST,
};

struct simc__conv_procedure;

struct simc__conv_statement {
    struct simc__conv_statement *next;
    enum simc__conv_statement_kind kind;
    const char *file;
    unsigned line;
    struct simc_slice name;             /* connection, variable, counter, procedure */
    struct simc_slice value, last;      /* expressions or texts */
    struct simc__conv_time from, until; /* expect; open and wait have `until` */
    struct simc_slice piece;            /* send: expression, bytes of a piece; empty: one piece */
    struct simc__conv_time every;       /* send */
    struct simc__conv_message *messages;
    struct simc__conv_what *whats;
    struct simc__conv_words *words; /* of call, ignore, request */
    struct simc__conv_statement *body, *other;
    const struct simc__conv_procedure *procedure;
};

struct simc__conv_procedure {
    struct simc__conv_procedure *next;
    struct simc_slice name;
    struct simc__conv_words *parameters;
    struct simc__conv_statement *body;
};

struct simc__conv_parameter {
    struct simc__conv_parameter *next;
    const char *name, *value, *help;
};

struct simc__conv_source {
    char name[256];
    struct simc_buffer text;
};

struct simc__conversation {
    struct simc__conv_arena arena;
    struct simc__conversation_head head;
    struct simc__conv_source *sources[SIMC__CONV_FILES_MAX];
    size_t source_count;
    struct simc__conv_statement *steps;
    struct simc__conv_procedure *procedures;
    struct simc__conv_parameter *parameters;
    struct simc_slice names[SIMC__CONV_NAMES_MAX]; /* of all variables */
    size_t name_count, statement_count;
};

/** Finds line and column of a text in the sources. @return the file's name, or "". */
const char *simc__conv_place(const struct simc__conversation *conversation, const uint8_t *at,
                             unsigned *line, unsigned *column);
bool simc__conv_is(struct simc_slice text, const char *word);
/** The same, letter case ignored. */
bool simc__conv_is_name(struct simc_slice text, const char *word);
/** True for names of lines that are no parameters: "content" and "unknown". */
bool simc__conv_is_pseudo(struct simc_slice name);
bool simc__conv_starts(struct simc_slice text, const char *prefix);
bool simc__conv_has_dollar(struct simc_slice text);
struct simc_slice simc__conv_trim(struct simc_slice text);
int simc__conv_format(char *text, size_t size, const char *format, ...) SIMC_PRINTF(3, 4);

/* ---- checks of a file (check.c) ---- */

/** Looks at all names, texts and expressions of a file that was read. */
int simc__conv_check_file(struct simc__conversation *conversation,
                          struct simc__conversation_fault *fault) SIMC_MUST_CHECK;

/* ---- variables and expressions (expression.c, expand.c) ---- */

struct simc__conv_variable {
    struct simc__conv_variable *next;
    struct simc_slice name; /* of the file, or of the run's memory */
    char *value;            /* '\0' ended */
    size_t size;            /* without the end mark */
    bool secret;
};

struct simc__conv_scope {
    struct simc__conv_scope *parent;
    struct simc__conv_variable *variables;
};

/* What is wrong with a text. `broken` stays false until something is. */
struct simc__conv_trouble {
    int error;         /* 0, SIMC_ESYNTAX, SIMC_ENOMEM, SIMC_ETOOLONG */
    const uint8_t *at; /* in the sources, or NULL */
    char text[SIMC__CONVERSATION_TEXT_SIZE];
};

/* Where names are looked up: in a scope, or (scope NULL) among the names of the file, in order to
 * check a text without values. */
struct simc__conv_context {
    const struct simc__conversation *conversation;
    const struct simc__conv_scope *scope;
    struct simc__conv_trouble *trouble;
};

int simc__conv_fail(const struct simc__conv_context *context, const uint8_t *at, const char *format,
                    ...) SIMC_PRINTF(3, 4);
struct simc__conv_variable *simc__conv_find(const struct simc__conv_scope *scope,
                                            struct simc_slice name);
/** The value of a variable that a file uses. @param variable NULL on success while the file is only
 *  being checked and the name is known. @return 0, or the fault: there is none, or no value yet. */
int simc__conv_variable_get(const struct simc__conv_context *context, struct simc_slice name,
                            const struct simc__conv_variable **variable) SIMC_MUST_CHECK;
/** Sets a variable of this very scope. @return 0, SIMC_ENOMEM. */
int simc__conv_set(struct simc__conv_scope *scope, struct simc_slice name, struct simc_slice value,
                   bool secret) SIMC_MUST_CHECK;
void simc__conv_scope_fini(struct simc__conv_scope *scope);

int simc__conv_evaluate(const struct simc__conv_context *context, struct simc_slice text,
                        int64_t *value) SIMC_MUST_CHECK;
/** Evaluates the arguments `a, b)` behind an opening parenthesis at `*at`, which then stands behind
 *  the closing one. */
int simc__conv_arguments(const struct simc__conv_context *context, struct simc_slice text,
                         size_t *at, int64_t values[], size_t most, size_t *count) SIMC_MUST_CHECK;
/** Writes a text with what its variables and functions stand for. @param secret set to true when a
 *  control word went in; never set to false. */
int simc__conv_expand(const struct simc__conv_context *context, struct simc_slice text,
                      struct simc_buffer *out, bool *secret) SIMC_MUST_CHECK;
/** True for a letter, a digit or '_'. */
bool simc__conv_is_letter(uint8_t c);

/* ---- messages (message.c) ---- */

/** Builds the bytes of a message. @param out appended to. @param version of the variable. */
int simc__conv_build(const struct simc__conv_context *context,
                     const struct simc__conv_message *message,
                     struct simc_buffer *out) SIMC_MUST_CHECK;
/** The TLVs that a line such as "ECM_id = 3" stands for. @param line its text, expanded.
 *  @param at its place in the sources. */
int simc__conv_line_bytes(const struct simc__conv_context *context, uint8_t version,
                          struct simc_slice line, const uint8_t *at,
                          struct simc_buffer *out) SIMC_MUST_CHECK;
/** The text of a message on one line, control words masked, cut to the room. */
void simc__conv_describe(const struct simc_interface *interface, struct simc_slice bytes,
                         char *text, size_t size);

/* ---- what came ---- */

/* A message or an event that waits to be expected. */
struct simc__conv_item {
    struct simc__conv_item *next;
    uint64_t at_ms;
    bool is_event;
    struct simc_slice bytes; /* the message; or the texts of the event */
    const char *name;        /* event */
    struct simc__conversation_field *fields;
    size_t field_count;
    size_t size; /* of this whole block */
};

/** Compares an item with an alternative. @param version that a message is to have.
 *  @param fits whether it is what was expected; if not, `why` says it, without control words.
 *  @param version negative: any. @param scope for captures. @return 0, or an error: the file is
 *  wrong. */
int simc__conv_match(const struct simc__conv_context *context, const struct simc__conv_what *what,
                     const struct simc__conv_item *item, bool *fits,
                     char why[SIMC__CONVERSATION_TEXT_SIZE]) SIMC_MUST_CHECK;
/** Puts the values that the lines ask for into variables. To be called after a match. */
int simc__conv_capture(const struct simc__conv_context *context, const struct simc__conv_what *what,
                       const struct simc__conv_item *item, struct simc__conv_scope *scope,
                       struct simc__conv_scope *global) SIMC_MUST_CHECK;
/** True when an alternative asks for a thing of the item's name. */
bool simc__conv_names(const struct simc__conv_context *context, const struct simc__conv_what *what,
                      const struct simc__conv_item *item);

#endif
