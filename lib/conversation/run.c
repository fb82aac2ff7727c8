/* SPDX-License-Identifier: BSL-1.0 */
/* Runs a conversation: schedules its threads of steps, keeps what came, and tells verdicts. The
 * drivers in memory and over sockets call it. */
#include "conversation/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- reports ---- */

const char *simc__conversation_verdict_name(enum simc__conversation_verdict verdict)
{
    static const char *const names[] = {"pass", "warn", "fail", "skip", "broken"};
    return (size_t)verdict < sizeof names / sizeof names[0] ? names[verdict] : "?";
}

/* Names the line of the file itself, where the step stands in a procedure. */
static void add_caller(const struct simc__conversation_run *run,
                       const struct simc__conv_statement *step,
                       char text[SIMC__CONVERSATION_TEXT_SIZE])
{
    const struct simc__conv_thread *thread = run->threads;
    size_t size = strlen(text);
    while (thread && thread->step != step)
        thread = thread->next;
    for (; thread; thread = thread->parent) {
        for (size_t i = 0; i < thread->depth; i++) {
            const struct simc__conv_statement *caller = thread->frames[i].caller;
            if (!caller)
                continue;
            snprintf(text + size, SIMC__CONVERSATION_TEXT_SIZE - size, " [called at %s:%u]",
                     caller->file, caller->line);
            return;
        }
    }
}

void simc__conv_report(struct simc__conversation_run *run, const struct simc__conv_statement *step,
                       enum simc__conversation_verdict verdict, bool ends, const char *format, ...)
{
    char text[SIMC__CONVERSATION_TEXT_SIZE];
    va_list arguments;
    if (run->is_ending && ends)
        return; /* the first one counts */
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_caller(run, step, text);
    simc__text_disarm(text);
    run->is_ending = run->is_ending || ends;
    if (verdict > run->verdict)
        run->verdict = verdict;
    const struct simc__conversation_step report = {
        .verdict = verdict,
        .file = step ? step->file : run->conversation->sources[0]->name,
        .line = step ? step->line : 0,
        .text = text,
    };
    if (run->report)
        run->report(run->context, &report);
}

void simc__conv_broken(struct simc__conversation_run *run, const struct simc__conv_statement *step,
                       int error)
{
    unsigned line, column;
    const char *file = simc__conv_place(run->conversation, run->trouble.at, &line, &column);
    if (error == SIMC_ESYNTAX && line)
        simc__conv_report(run, step, SIMC__CONVERSATION_BROKEN, true, "%s:%u:%u: %s", file, line,
                          column, run->trouble.text);
    else
        simc__conv_report(run, step, SIMC__CONVERSATION_BROKEN, true, "%s",
                          run->trouble.text[0] ? run->trouble.text : simc_error_text(error));
}

/* ---- threads ---- */

struct simc__conv_scope *simc__conv_scope_of(const struct simc__conversation_run *run,
                                             const struct simc__conv_thread *thread)
{
    /* Steps of the whole file have the scope of the run itself. */
    if (!thread || thread->depth == 0)
        return (struct simc__conv_scope *)(uintptr_t)&run->global;
    return thread->frames[thread->depth - 1].scope;
}

struct simc__conv_context simc__conv_context_of(struct simc__conversation_run *run,
                                                const struct simc__conv_thread *thread)
{
    struct simc__conv_context context = {run->conversation, simc__conv_scope_of(run, thread),
                                         &run->trouble};
    return context;
}

struct simc__conv_frame *simc__conv_push(struct simc__conversation_run *run,
                                         struct simc__conv_thread *thread,
                                         const struct simc__conv_statement *steps)
{
    if (thread->depth == SIMC__CONV_FRAMES_MAX) {
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_BROKEN, true,
                          "more than %d blocks and calls within each other", SIMC__CONV_FRAMES_MAX);
        return NULL;
    }
    struct simc__conv_scope *scope = simc__conv_scope_of(run, thread);
    struct simc__conv_frame *frame = &thread->frames[thread->depth++];
    memset(frame, 0, sizeof *frame);
    frame->next = steps;
    frame->scope = scope;
    return frame;
}

struct simc__conv_thread *simc__conv_spawn(struct simc__conversation_run *run,
                                           struct simc__conv_thread *parent,
                                           const struct simc__conv_statement *steps)
{
    struct simc__conv_thread *thread =
        run->thread_count < SIMC__CONV_THREADS_MAX ? simc_calloc(1, sizeof *thread) : NULL;
    if (!thread) {
        simc__conv_report(run, parent ? parent->step : NULL, SIMC__CONVERSATION_BROKEN, true,
                          "more than %d steps at once, or no memory", SIMC__CONV_THREADS_MAX);
        return NULL;
    }
    thread->parent = parent;
    thread->step = parent ? parent->step : run->conversation->steps;
    struct simc__conv_thread **at = &run->threads;
    while (*at)
        at = &(*at)->next;
    *at = thread;
    run->thread_count++;
    struct simc__conv_frame *frame = simc__conv_push(run, thread, steps);
    if (frame && parent) {
        parent->children++;
        frame->own.parent = simc__conv_scope_of(run, parent);
        frame->scope = &frame->own;
    }
    return thread;
}

static void thread_free(struct simc__conversation_run *run, struct simc__conv_thread *thread)
{
    for (size_t i = 0; i < thread->depth; i++)
        simc__conv_scope_fini(&thread->frames[i].own);
    simc_buffer_fini(&thread->output);
    simc_free(thread);
    run->thread_count--;
}

/* Removes a thread that is done, and wakes the one that waits for it. */
static void reap(struct simc__conversation_run *run)
{
    for (struct simc__conv_thread **at = &run->threads; *at;) {
        struct simc__conv_thread *thread = *at;
        if (thread->state != SIMC__CONV_DONE) {
            at = &thread->next;
            continue;
        }
        *at = thread->next;
        if (thread->parent && --thread->parent->children == 0)
            thread->parent->state = SIMC__CONV_RUNNING;
        thread_free(run, thread);
    }
}

/* ---- life ---- */

int simc__conversation_run_new(const struct simc__conversation *conversation,
                               void (*report)(void *context,
                                              const struct simc__conversation_step *step),
                               void *context, uint64_t now_ms, struct simc__conversation_run **out)
{
    struct simc__conversation_run *run = simc_calloc(1, sizeof *run);
    int error = run ? 0 : SIMC_ENOMEM;
    *out = NULL;
    if (error)
        return error;
    run->conversation = conversation;
    run->report = report;
    run->context = context;
    run->now_ms = now_ms;
    for (const struct simc__conv_parameter *p = conversation->parameters; !error && p; p = p->next)
        error = simc__conv_set(&run->global, simc_slice_text(p->name), simc_slice_text(p->value),
                               false);
    if (error) {
        simc__conversation_run_free(run);
        return error;
    }
    *out = run;
    return 0;
}

void simc__conv_connection_clear(struct simc__conv_connection *connection)
{
    struct simc__conv_item *lists[] = {connection->messages, connection->events};
    for (size_t i = 0; i < 2; i++) {
        while (lists[i]) {
            struct simc__conv_item *item = lists[i];
            lists[i] = item->next;
            simc_wipe(item, item->size);
            simc_free(item);
        }
    }
    simc_framer_fini(&connection->framer);
    /* The name stays: the action that tells of it may be under way. */
    char name[sizeof connection->name];
    memcpy(name, connection->name, sizeof name);
    memset(connection, 0, sizeof *connection);
    memcpy(connection->name, name, sizeof name);
}

void simc__conversation_run_free(struct simc__conversation_run *run)
{
    if (!run)
        return;
    while (run->threads) {
        struct simc__conv_thread *thread = run->threads;
        run->threads = thread->next;
        thread_free(run, thread);
    }
    for (size_t i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        if (run->connections[i])
            simc__conv_connection_clear(run->connections[i]);
        simc_free(run->connections[i]);
    }
    simc__conv_scope_fini(&run->global);
    simc_buffer_fini(&run->action_text);
    simc_free(run);
}

int simc__conversation_set(struct simc__conversation_run *run, const char *name, const char *value)
{
    for (const struct simc__conv_parameter *p = run->conversation->parameters; p; p = p->next) {
        if (strcmp(p->name, name) == 0)
            return simc__conv_set(&run->global, simc_slice_text(p->name), simc_slice_text(value),
                                  false);
    }
    return SIMC_ENOTFOUND;
}

const char *simc__conversation_get(const struct simc__conversation_run *run, const char *name)
{
    const struct simc__conv_variable *variable =
        simc__conv_find(&run->global, simc_slice_text(name));
    return variable ? variable->value : NULL;
}

/* ---- actions ---- */

/* The last actions: closing what is open. */
static bool end_action(struct simc__conversation_run *run, struct simc__conversation_action *action)
{
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        struct simc__conv_connection *connection = run->connections[i];
        if (!connection || !connection->is_used)
            continue;
        simc__conv_connection_clear(connection);
        *action = (struct simc__conversation_action){
            .type = SIMC__CONVERSATION_CLOSE, .connection = i, .name = connection->name};
        return true;
    }
    run->is_over = true;
    return false;
}

/* Lets every thread go on that can. @return true: the action is filled. */
static bool run_threads(struct simc__conversation_run *run,
                        struct simc__conversation_action *action)
{
    for (struct simc__conv_thread *t = run->threads; t && !run->is_ending; t = t->next) {
        if (t->state == SIMC__CONV_WAITS_ANSWER)
            simc__conv_take_answer(run, t);
        if (t->state == SIMC__CONV_SENDS && simc_deadline_due(t->due_ms, run->now_ms) &&
            simc__conv_send_piece(run, t, action) == SIMC__CONV_ACTING)
            return true;
        while (t->state == SIMC__CONV_RUNNING && !run->is_ending) {
            if (simc__conv_step(run, t, action) == SIMC__CONV_ACTING)
                return true;
        }
    }
    return false;
}

static void start(struct simc__conversation_run *run)
{
    run->has_started = true;
    (void)simc__conv_spawn(run, NULL, run->conversation->steps);
    if (run->threads)
        run->threads->frames[0].scope = &run->global;
}

bool simc__conversation_next_action(struct simc__conversation_run *run, uint64_t now_ms,
                                    struct simc__conversation_action *action)
{
    run->now_ms = now_ms;
    if (run->is_over)
        return false;
    if (!run->has_started)
        start(run);
    while (!run->is_ending) {
        if (run_threads(run, action))
            return true;
        reap(run);
        if (!run->threads) {
            if (!run->is_ending)
                simc__conv_leftovers(run);
            run->is_ending = true;
            break;
        }
        bool runnable = false;
        for (struct simc__conv_thread *t = run->threads; t; t = t->next)
            runnable = runnable || t->state == SIMC__CONV_RUNNING;
        if (!runnable && !run->is_ending && !simc__conv_arrivals(run))
            return false;
    }
    return end_action(run, action);
}

uint64_t simc__conversation_deadline_ms(const struct simc__conversation_run *run)
{
    uint64_t first_ms = SIMC_DEADLINE_NONE;
    for (const struct simc__conv_thread *t = run->threads; t && !run->is_over; t = t->next) {
        if (t->state == SIMC__CONV_WAITS_TIME || t->state == SIMC__CONV_WAITS_OPEN ||
            t->state == SIMC__CONV_WAITS_ITEM || t->state == SIMC__CONV_SENDS)
            first_ms = simc_deadline_first(first_ms, t->due_ms);
    }
    return first_ms;
}

bool simc__conversation_is_over(const struct simc__conversation_run *run)
{
    return run->is_over;
}

enum simc__conversation_verdict simc__conversation_verdict(const struct simc__conversation_run *run)
{
    return run->verdict;
}

/* ---- what comes ---- */

struct simc__conv_connection *simc__conv_connection_find(struct simc__conversation_run *run,
                                                         const char *name, unsigned *index)
{
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        if (run->connections[i] && strcmp(run->connections[i]->name, name) == 0) {
            *index = i;
            return run->connections[i];
        }
    }
    return NULL;
}

static struct simc__conv_connection *used(struct simc__conversation_run *run, unsigned connection,
                                          uint64_t now_ms)
{
    run->now_ms = now_ms;
    if (connection >= SIMC__CONVERSATION_CONNECTIONS || run->is_ending)
        return NULL;
    struct simc__conv_connection *found = run->connections[connection];
    return found && found->is_used ? found : NULL;
}

static void opening_is_over(struct simc__conversation_run *run, unsigned index, bool opened)
{
    const struct simc__conv_connection *connection = run->connections[index];
    for (struct simc__conv_thread *t = run->threads; t; t = t->next) {
        if (t->state != SIMC__CONV_WAITS_OPEN || t->connection != index)
            continue;
        t->state = SIMC__CONV_RUNNING;
        if (!opened)
            simc__conv_report(run, t->step, SIMC__CONVERSATION_FAIL, true,
                              "the connection %s cannot be opened: %s", connection->name,
                              connection->why);
        else if (run->now_ms < t->from_ms)
            simc__conv_failed(run, t->step,
                              "the connection %s was made after %llu ms, and not after %llu ms",
                              connection->name, (unsigned long long)(run->now_ms - t->started_ms),
                              (unsigned long long)(t->from_ms - t->started_ms));
    }
}

void simc__conversation_opened(struct simc__conversation_run *run, unsigned connection,
                               uint64_t now_ms)
{
    struct simc__conv_connection *at = used(run, connection, now_ms);
    if (!at)
        return;
    at->is_open = true;
    opening_is_over(run, connection, true);
}

void simc__conversation_closed(struct simc__conversation_run *run, unsigned connection,
                               const char *why, uint64_t now_ms)
{
    struct simc__conv_connection *at = used(run, connection, now_ms);
    if (!at)
        return;
    at->is_closed_by_peer = true;
    snprintf(at->why, sizeof at->why, "%s", why);
    simc__text_disarm(at->why);
    opening_is_over(run, connection, at->is_open);
}

/* Adds an item to a queue. @return false: a ceiling; the run ends. */
static bool enqueue(struct simc__conversation_run *run, struct simc__conv_connection *connection,
                    struct simc__conv_item *item)
{
    bool event = item->is_event;
    size_t count = event ? connection->event_count : connection->message_count;
    if (count == SIMC__CONV_QUEUE_MAX ||
        connection->bytes > SIMC__CONV_QUEUE_BYTES_MAX - item->size) {
        simc_wipe(item, item->size);
        simc_free(item);
        if (event)
            return true; /* events that nobody looks at are no fault */
        simc__conv_failed(run, run->threads ? run->threads->step : NULL,
                          "more than %d messages, or too many bytes, came on %s and nobody asked "
                          "for them",
                          SIMC__CONV_QUEUE_MAX, connection->name);
        return false;
    }
    item->at_ms = run->now_ms;
    connection->bytes += item->size;
    if (event) {
        *connection->events_end = item;
        connection->events_end = &item->next;
        connection->event_count++;
    } else {
        *connection->messages_end = item;
        connection->messages_end = &item->next;
        connection->message_count++;
    }
    return true;
}

static struct simc__conv_item *new_item(struct simc__conversation_run *run, size_t more)
{
    struct simc__conv_item *item = simc_calloc(1, sizeof *item + more);
    if (item)
        item->size = sizeof *item + more;
    else
        simc__conv_broken(run, NULL, SIMC_ENOMEM);
    return item;
}

void simc__conversation_feed(struct simc__conversation_run *run, unsigned connection,
                             struct simc_slice bytes, uint64_t now_ms)
{
    struct simc__conv_connection *at = used(run, connection, now_ms);
    struct simc_frame frame;
    if (!at || at->is_deaf)
        return;
    simc_framer_feed(&at->framer, bytes);
    for (;;) {
        int error = simc_framer_next(&at->framer, &frame);
        if (error == SIMC_EAGAIN)
            return;
        if (error) {
            simc__conv_broken(run, NULL, error);
            return;
        }
        struct simc__conv_item *item = new_item(run, frame.bytes.size);
        if (!item)
            return;
        uint8_t *copy = (uint8_t *)(item + 1);
        memcpy(copy, frame.bytes.data, frame.bytes.size);
        item->bytes = simc_slice(copy, frame.bytes.size);
        if (!enqueue(run, at, item))
            return;
    }
}

void simc__conversation_event(struct simc__conversation_run *run, unsigned connection,
                              const char *name, const struct simc__conversation_field *fields,
                              size_t field_count, uint64_t now_ms)
{
    struct simc__conv_connection *at = used(run, connection, now_ms);
    size_t count =
        field_count < SIMC__CONVERSATION_FIELDS ? field_count : SIMC__CONVERSATION_FIELDS;
    size_t texts = strlen(name) + 1;
    if (!at || at->is_deaf)
        return;
    for (size_t i = 0; i < count; i++)
        texts += strlen(fields[i].name) + strlen(fields[i].value) + 2;
    struct simc__conv_item *item = new_item(run, count * sizeof fields[0] + texts);
    if (!item)
        return;
    item->is_event = true;
    item->field_count = count;
    item->fields = (struct simc__conversation_field *)(item + 1);
    char *text = (char *)(item->fields + count);
    item->name = memcpy(text, name, strlen(name) + 1);
    text += strlen(name) + 1;
    for (size_t i = 0; i < count; i++) {
        item->fields[i].secret = fields[i].secret;
        item->fields[i].name = memcpy(text, fields[i].name, strlen(fields[i].name) + 1);
        text += strlen(fields[i].name) + 1;
        item->fields[i].value = memcpy(text, fields[i].value, strlen(fields[i].value) + 1);
        text += strlen(fields[i].value) + 1;
    }
    (void)enqueue(run, at, item);
}

void simc__conversation_answer(struct simc__conversation_run *run, const char *result)
{
    run->has_answer = true;
    snprintf(run->answer, sizeof run->answer, "%s", result);
}
