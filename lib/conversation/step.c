/* SPDX-License-Identifier: BSL-1.0 */
/* Carries out the steps of a conversation, one at a time; what takes time leaves the thread
 * waiting. run.c calls it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"
#include "conversation/run.h"

enum { REPLY_MS = 5000, IGNORED_MS = 1000, NAME_MAX_SIZE = 63 };

typedef enum simc__conv_outcome step_function(struct simc__conversation_run *run,
                                              struct simc__conv_thread *thread,
                                              struct simc__conversation_action *action);

/* ---- values of a step ---- */

static int evaluate(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                    struct simc_slice text, int64_t *value)
{
    struct simc__conv_context context = simc__conv_context_of(run, thread);
    return simc__conv_evaluate(&context, text, value);
}

static int expand(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                  struct simc_slice text, struct simc_buffer *out, bool *secret)
{
    struct simc__conv_context context = simc__conv_context_of(run, thread);
    return simc__conv_expand(&context, text, out, secret);
}

static int milliseconds(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                        const struct simc__conv_time *time, uint64_t otherwise, uint64_t *ms)
{
    int64_t value;
    *ms = otherwise;
    if (time->number.size == 0)
        return 0;
    int error = evaluate(run, thread, time->number, &value);
    if (error)
        return error;
    if (value < 0 || value > INT64_C(1000000000)) {
        struct simc__conv_context context = simc__conv_context_of(run, thread);
        return simc__conv_fail(&context, time->number.data, "a time is 0 to 1000000000");
    }
    *ms = (uint64_t)value * (time->is_seconds ? 1000 : 1);
    return 0;
}

/* The name of a connection, expanded. */
static int connection_name(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                           char name[NAME_MAX_SIZE + 1])
{
    struct simc_buffer text;
    bool secret = false;
    simc_buffer_init(&text, NAME_MAX_SIZE);
    int error = expand(run, thread, thread->step->name, &text, &secret);
    struct simc_slice bytes = simc_buffer_bytes(&text);
    if (!error && bytes.size)
        memcpy(name, bytes.data, bytes.size);
    name[error ? 0 : bytes.size] = '\0';
    simc_buffer_fini(&text);
    if (!error && bytes.size == 0) {
        struct simc__conv_context context = simc__conv_context_of(run, thread);
        error = simc__conv_fail(&context, thread->step->name.data, "the name is empty");
    }
    return error;
}

/* The connection that a step names; NULL: the run is broken. */
static struct simc__conv_connection *connection_of(struct simc__conversation_run *run,
                                                   struct simc__conv_thread *thread)
{
    char name[NAME_MAX_SIZE + 1];
    int error = connection_name(run, thread, name);
    struct simc__conv_connection *connection = NULL;
    if (error) {
        simc__conv_broken(run, thread->step, error);
        return NULL;
    }
    connection = simc__conv_connection_find(run, name, &thread->connection);
    if (!connection || !connection->is_used) {
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "there is no connection '%s' now; open it first", name);
        return NULL;
    }
    return connection;
}

static enum simc__conv_outcome broken(struct simc__conversation_run *run,
                                      struct simc__conv_thread *thread, int error)
{
    simc__conv_broken(run, thread->step, error);
    return SIMC__CONV_GO_ON;
}

static void act(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                enum simc__conversation_action_type type, struct simc__conversation_action *action)
{
    *action = (struct simc__conversation_action){
        .type = type,
        .connection = thread->connection,
        .name = run->connections[thread->connection]->name,
    };
}

/* ---- connections ---- */

static struct simc__conv_connection *new_connection(struct simc__conversation_run *run,
                                                    const char *name, unsigned *index)
{
    unsigned i = 0;
    while (i < SIMC__CONVERSATION_CONNECTIONS && run->connections[i] &&
           run->connections[i]->is_used)
        i++;
    if (i == SIMC__CONVERSATION_CONNECTIONS)
        return NULL;
    if (!run->connections[i])
        run->connections[i] = simc_calloc(1, sizeof *run->connections[i]);
    if (run->connections[i])
        snprintf(run->connections[i]->name, sizeof run->connections[i]->name, "%s", name);
    *index = i;
    return run->connections[i];
}

static enum simc__conv_outcome step_open(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    char name[NAME_MAX_SIZE + 1];
    uint64_t from_ms, within_ms;
    int error = connection_name(run, thread, name);
    if (!error)
        error = milliseconds(run, thread, &thread->step->from, 0, &from_ms);
    if (!error)
        error = milliseconds(run, thread, &thread->step->until, REPLY_MS, &within_ms);
    if (error)
        return broken(run, thread, error);
    struct simc__conv_connection *connection =
        simc__conv_connection_find(run, name, &thread->connection);
    if (connection && connection->is_used) {
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "the connection '%s' is open already", name);
        return SIMC__CONV_GO_ON;
    }
    if (!connection)
        connection = new_connection(run, name, &thread->connection);
    if (!connection) {
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "no more connections are possible (at most %d), or no memory",
                          SIMC__CONVERSATION_CONNECTIONS);
        return SIMC__CONV_GO_ON;
    }
    connection->is_used = true;
    connection->opened_by = thread->step;
    simc_framer_init(&connection->framer, SIMC_MSG_LENGTH_MAX);
    connection->messages_end = &connection->messages;
    connection->events_end = &connection->events;
    thread->state = SIMC__CONV_WAITS_OPEN;
    thread->started_ms = run->now_ms;
    thread->from_ms = simc_deadline_after(run->now_ms, from_ms);
    thread->due_ms = simc_deadline_after(run->now_ms, within_ms);
    act(run, thread,
        run->conversation->head.server_under_test ? SIMC__CONVERSATION_OPEN
                                                  : SIMC__CONVERSATION_ACCEPT,
        action);
    return SIMC__CONV_ACTING;
}

static enum simc__conv_outcome step_close(struct simc__conversation_run *run,
                                          struct simc__conv_thread *thread,
                                          struct simc__conversation_action *action)
{
    struct simc__conv_connection *connection = connection_of(run, thread);
    if (!connection)
        return SIMC__CONV_GO_ON;
    act(run, thread,
        thread->step->kind == SIMC__CONV_RESET ? SIMC__CONVERSATION_RESET
                                               : SIMC__CONVERSATION_CLOSE,
        action);
    simc__conv_connection_clear(connection);
    return SIMC__CONV_ACTING;
}

static enum simc__conv_outcome step_deaf(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    struct simc__conv_connection *connection = connection_of(run, thread);
    (void)action;
    if (connection)
        connection->is_deaf = true;
    return SIMC__CONV_GO_ON;
}

/* ---- sending ---- */

static int prepare_output(struct simc__conversation_run *run, struct simc__conv_thread *thread)
{
    const struct simc__conv_statement *step = thread->step;
    struct simc__conv_context context = simc__conv_context_of(run, thread);
    int64_t piece = 0;
    int error = step->piece.size ? evaluate(run, thread, step->piece, &piece) : 0;
    if (!error && step->piece.size && (piece < 1 || piece > SIMC_MSG_SIZE_MAX))
        error = simc__conv_fail(&context, step->piece.data, "a piece has 1 to %d bytes",
                                SIMC_MSG_SIZE_MAX);
    if (!error)
        error = milliseconds(run, thread, &step->every, 0, &thread->every_ms);
    thread->piece = (size_t)piece;
    thread->sent = 0;
    for (const struct simc__conv_message *m = step->messages; !error && m; m = m->next)
        error = simc__conv_build(&context, m, &thread->output);
    return error;
}

static enum simc__conv_outcome step_send(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    struct simc__conv_connection *connection = connection_of(run, thread);
    if (!connection)
        return SIMC__CONV_GO_ON;
    if (connection->is_closed_by_peer && !connection->is_deaf) {
        simc__conv_failed(run, thread->step,
                          "nothing can be sent on %s: the equipment has closed it (%s)",
                          connection->name, connection->why);
        return SIMC__CONV_GO_ON;
    }
    if (connection->is_closed_by_peer)
        return SIMC__CONV_GO_ON;
    simc_buffer_init(&thread->output, SIMC__CONV_FILE_MAX);
    int error = prepare_output(run, thread);
    if (error) {
        simc_buffer_fini(&thread->output);
        return broken(run, thread, error);
    }
    thread->state = SIMC__CONV_SENDS;
    thread->due_ms = run->now_ms;
    return simc__conv_send_piece(run, thread, action);
}

enum simc__conv_outcome simc__conv_send_piece(struct simc__conversation_run *run,
                                              struct simc__conv_thread *thread,
                                              struct simc__conversation_action *action)
{
    struct simc__conv_connection *connection = run->connections[thread->connection];
    struct simc_slice all = simc_buffer_bytes(&thread->output);
    size_t left = all.size - thread->sent;
    if (left == 0 || !connection->is_used || connection->is_closed_by_peer) {
        /* The bytes of the action before are no longer borrowed. */
        simc_buffer_fini(&thread->output);
        thread->state = SIMC__CONV_RUNNING;
        return SIMC__CONV_GO_ON;
    }
    size_t size = thread->piece && thread->piece < left ? thread->piece : left;
    act(run, thread, SIMC__CONVERSATION_SEND, action);
    action->bytes = simc_slice(all.data + thread->sent, size);
    thread->sent += size;
    thread->due_ms = simc_deadline_after(run->now_ms, thread->every_ms);
    return SIMC__CONV_ACTING;
}

/* ---- waiting ---- */

static bool only_silence(const struct simc__conv_what *what)
{
    while (what && what->kind == SIMC__CONV_NOTHING)
        what = what->next;
    return !what;
}

static enum simc__conv_outcome step_expect(struct simc__conversation_run *run,
                                           struct simc__conv_thread *thread,
                                           struct simc__conversation_action *action)
{
    const struct simc__conv_statement *step = thread->step;
    uint64_t from_ms, until_ms;
    (void)action;
    if (!connection_of(run, thread))
        return SIMC__CONV_GO_ON;
    int error = milliseconds(run, thread, &step->from, 0, &from_ms);
    if (!error)
        error = milliseconds(run, thread, &step->until,
                             only_silence(step->whats) ? IGNORED_MS : REPLY_MS, &until_ms);
    if (error)
        return broken(run, thread, error);
    thread->started_ms = run->now_ms;
    thread->from_ms = simc_deadline_after(run->now_ms, from_ms);
    thread->due_ms = simc_deadline_after(run->now_ms, until_ms);
    thread->state = SIMC__CONV_WAITS_ITEM;
    return SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_wait(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    uint64_t ms;
    (void)action;
    int error = milliseconds(run, thread, &thread->step->until, 0, &ms);
    if (error)
        return broken(run, thread, error);
    thread->due_ms = simc_deadline_after(run->now_ms, ms);
    thread->state = SIMC__CONV_WAITS_TIME;
    return SIMC__CONV_GO_ON;
}

/* ---- variables ---- */

static enum simc__conv_outcome step_let(struct simc__conversation_run *run,
                                        struct simc__conv_thread *thread,
                                        struct simc__conversation_action *action)
{
    const struct simc__conv_statement *step = thread->step;
    struct simc_buffer text;
    bool secret = false;
    (void)action;
    simc_buffer_init(&text, SIMC__CONV_TEXT_MAX);
    int error = expand(run, thread, step->value, &text, &secret);
    if (!error)
        error = simc__conv_set(step->kind == SIMC__CONV_LET ? &run->global
                                                            : simc__conv_scope_of(run, thread),
                               step->name, simc_buffer_bytes(&text), secret);
    simc_buffer_fini(&text);
    return error ? broken(run, thread, error) : SIMC__CONV_GO_ON;
}

/* ---- blocks ---- */

/* Sets the counter of a loop in the loop's own scope. */
static int set_counter(struct simc__conv_scope *scope, struct simc_slice name, int64_t value)
{
    char text[24];
    simc__conv_format(text, sizeof text, "%lld", (long long)value);
    return simc__conv_set(scope, name, simc_slice_text(text), false);
}

static int turns(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                 int64_t *first, int64_t *last)
{
    int error = evaluate(run, thread, thread->step->value, first);
    if (!error)
        error = evaluate(run, thread, thread->step->last, last);
    int64_t distance = 0;
    if (!error && *last >= *first &&
        (__builtin_sub_overflow(*last, *first, &distance) || distance >= SIMC__CONV_TURNS_MAX)) {
        struct simc__conv_context context = simc__conv_context_of(run, thread);
        error = simc__conv_fail(&context, thread->step->last.data, "a loop has at most %d turns",
                                SIMC__CONV_TURNS_MAX);
    }
    return error;
}

static enum simc__conv_outcome step_repeat(struct simc__conversation_run *run,
                                           struct simc__conv_thread *thread,
                                           struct simc__conversation_action *action)
{
    const struct simc__conv_statement *step = thread->step;
    int64_t first, last;
    (void)action;
    int error = turns(run, thread, &first, &last);
    if (error)
        return broken(run, thread, error);
    if (first > last)
        return SIMC__CONV_GO_ON;
    struct simc__conv_frame *frame = simc__conv_push(run, thread, step->body);
    if (!frame)
        return SIMC__CONV_GO_ON;
    frame->own.parent = frame->scope;
    frame->scope = &frame->own;
    frame->loop = step;
    frame->counter = first;
    frame->last = last;
    error = set_counter(&frame->own, step->name, first);
    return error ? broken(run, thread, error) : SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_parallel(struct simc__conversation_run *run,
                                             struct simc__conv_thread *thread,
                                             struct simc__conversation_action *action)
{
    const struct simc__conv_statement *step = thread->step;
    int64_t first = 0, last = 0;
    bool counted = step->value.size > 0;
    (void)action;
    int error = counted ? turns(run, thread, &first, &last) : 0;
    for (int64_t i = first; !error && i <= last; i++) {
        struct simc__conv_thread *child = simc__conv_spawn(run, thread, step->body);
        if (!child)
            return SIMC__CONV_GO_ON;
        if (counted)
            error = set_counter(&child->frames[0].own, step->name, i);
    }
    for (const struct simc__conv_statement *s = counted ? NULL : step->other; !error && s;
         s = s->next) {
        if (!simc__conv_spawn(run, thread, s->body))
            return SIMC__CONV_GO_ON;
    }
    if (error)
        return broken(run, thread, error);
    thread->state = thread->children ? SIMC__CONV_WAITS_CHILDREN : SIMC__CONV_RUNNING;
    return SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_if(struct simc__conversation_run *run,
                                       struct simc__conv_thread *thread,
                                       struct simc__conversation_action *action)
{
    int64_t value;
    (void)action;
    int error = evaluate(run, thread, thread->step->value, &value);
    if (error)
        return broken(run, thread, error);
    const struct simc__conv_statement *block = value ? thread->step->body : thread->step->other;
    if (block)
        (void)simc__conv_push(run, thread, block);
    return SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_call(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    const struct simc__conv_statement *step = thread->step;
    struct simc__conv_scope own = {.parent = &run->global};
    const struct simc__conv_words *word = step->words;
    int error = 0;
    (void)action;
    for (const struct simc__conv_words *p = step->procedure->parameters; !error && p && word;
         p = p->next, word = word->next) {
        struct simc_buffer text;
        bool secret = false;
        simc_buffer_init(&text, SIMC__CONV_TEXT_MAX);
        error = expand(run, thread, word->text, &text, &secret);
        if (!error)
            error = simc__conv_set(&own, p->text, simc_buffer_bytes(&text), secret);
        simc_buffer_fini(&text);
    }
    struct simc__conv_frame *frame =
        error ? NULL : simc__conv_push(run, thread, step->procedure->body);
    if (!frame) {
        simc__conv_scope_fini(&own);
        return error ? broken(run, thread, error) : SIMC__CONV_GO_ON;
    }
    frame->own = own;
    frame->caller = step;
    frame->scope = &frame->own;
    return SIMC__CONV_GO_ON;
}

/* ---- the rest ---- */

static enum simc__conv_outcome step_need(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    struct simc_slice text = thread->step->last;
    int64_t value;
    (void)action;
    int error = evaluate(run, thread, thread->step->value, &value);
    if (error)
        return broken(run, thread, error);
    if (!value && thread->step->kind == SIMC__CONV_CHECK)
        simc__conv_failed(run, thread->step, "this does not hold: %.*s",
                          (int)(text.size < 400 ? text.size : 400), (const char *)text.data);
    else if (!value)
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_SKIP, true, "it needs %.*s",
                          (int)(text.size < 400 ? text.size : 400), (const char *)text.data);
    return SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_ignore(struct simc__conversation_run *run,
                                           struct simc__conv_thread *thread,
                                           struct simc__conversation_action *action)
{
    (void)action;
    for (size_t i = 0; i < run->ignore_count; i++) {
        if (run->ignores[i] == thread->step)
            return SIMC__CONV_GO_ON;
    }
    if (run->ignore_count == sizeof run->ignores / sizeof run->ignores[0])
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "more than %zu ignore statements", run->ignore_count);
    else
        run->ignores[run->ignore_count++] = thread->step;
    return SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_note(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         struct simc__conversation_action *action)
{
    struct simc_slice text = thread->step->value, shown;
    struct simc_buffer expanded;
    bool secret = false;
    (void)action;
    simc_buffer_init(&expanded, SIMC__CONV_TEXT_MAX);
    int error = expand(run, thread, text, &expanded, &secret);
    shown = secret ? text : simc_buffer_bytes(&expanded);
    if (!error)
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_PASS, false, "note: %.*s",
                          (int)(shown.size < 800 ? shown.size : 800), (const char *)shown.data);
    simc_buffer_fini(&expanded);
    return error ? broken(run, thread, error) : SIMC__CONV_GO_ON;
}

static enum simc__conv_outcome step_request(struct simc__conversation_run *run,
                                            struct simc__conv_thread *thread,
                                            struct simc__conversation_action *action)
{
    bool secret = false;
    if (!connection_of(run, thread))
        return SIMC__CONV_GO_ON;
    simc_buffer_fini(&run->action_text);
    simc_buffer_init(&run->action_text, SIMC__CONV_TEXT_MAX);
    int error = 0;
    for (const struct simc__conv_words *w = thread->step->words; !error && w; w = w->next) {
        error = expand(run, thread, w->text, &run->action_text, &secret);
        if (!error)
            error = simc_buffer_append(&run->action_text, simc_slice(w->next ? " " : "\0", 1));
    }
    if (error)
        return broken(run, thread, error);
    run->has_answer = false;
    thread->state = SIMC__CONV_WAITS_ANSWER;
    act(run, thread, SIMC__CONVERSATION_REQUEST, action);
    action->request = (const char *)simc_buffer_bytes(&run->action_text).data;
    return SIMC__CONV_ACTING;
}

void simc__conv_take_answer(struct simc__conversation_run *run, struct simc__conv_thread *thread)
{
    struct simc_buffer wanted;
    bool secret = false;
    simc_buffer_init(&wanted, sizeof run->answer);
    int error = expand(run, thread, thread->step->value, &wanted, &secret);
    if (!error && wanted.size == 0)
        error = simc_buffer_append(&wanted, simc_slice_text("SIMC_OK"));
    if (error) {
        simc_buffer_fini(&wanted);
        simc__conv_broken(run, thread->step, error);
        return;
    }
    thread->state = SIMC__CONV_RUNNING;
    struct simc_slice text = simc_buffer_bytes(&wanted);
    if (!run->has_answer)
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "nobody here carries out requests");
    else if (!simc__conv_is(text, run->answer))
        simc__conv_failed(run, thread->step, "the request gives %s and not %.*s", run->answer,
                          (int)text.size, (const char *)text.data);
    simc_buffer_fini(&wanted);
}

static step_function *const functions[] = {
    [SIMC__CONV_OPEN] = step_open,         [SIMC__CONV_CLOSE] = step_close,
    [SIMC__CONV_RESET] = step_close,       [SIMC__CONV_SEND] = step_send,
    [SIMC__CONV_EXPECT] = step_expect,     [SIMC__CONV_WAIT] = step_wait,
    [SIMC__CONV_CALL] = step_call,         [SIMC__CONV_LET] = step_let,
    [SIMC__CONV_LOCAL] = step_let,         [SIMC__CONV_REPEAT] = step_repeat,
    [SIMC__CONV_PARALLEL] = step_parallel, [SIMC__CONV_IF] = step_if,
    [SIMC__CONV_NEED] = step_need,         [SIMC__CONV_CHECK] = step_need,
    [SIMC__CONV_IGNORE] = step_ignore,     [SIMC__CONV_DEAF] = step_deaf,
    [SIMC__CONV_NOTE] = step_note,         [SIMC__CONV_REQUEST] = step_request,
};

/* The next step, when the one before is done; ends blocks and turns of loops.
 * @return false: the thread is done, or the run is broken. */
static bool next_step(struct simc__conversation_run *run, struct simc__conv_thread *thread)
{
    while (thread->depth) {
        struct simc__conv_frame *frame = &thread->frames[thread->depth - 1];
        if (frame->next) {
            thread->step = frame->next;
            frame->next = frame->next->next;
            return true;
        }
        if (frame->loop && frame->counter < frame->last) {
            frame->counter++;
            frame->next = frame->loop->body;
            simc__conv_scope_fini(&frame->own);
            int error = set_counter(&frame->own, frame->loop->name, frame->counter);
            if (error) {
                simc__conv_broken(run, frame->loop, error);
                return false;
            }
            /* An empty body must not turn without counting steps. */
            if (!frame->next)
                frame->counter = frame->last;
            continue;
        }
        simc__conv_scope_fini(&frame->own);
        thread->depth--;
    }
    thread->state = SIMC__CONV_DONE;
    return false;
}

enum simc__conv_outcome simc__conv_step(struct simc__conversation_run *run,
                                        struct simc__conv_thread *thread,
                                        struct simc__conversation_action *action)
{
    if (!next_step(run, thread))
        return SIMC__CONV_GO_ON;
    if (++run->steps > SIMC__CONV_STEPS_MAX) {
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "a run has at most %d steps", SIMC__CONV_STEPS_MAX);
        return SIMC__CONV_GO_ON;
    }
    return functions[thread->step->kind](run, thread, action);
}
