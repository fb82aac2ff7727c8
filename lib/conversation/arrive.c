/* SPDX-License-Identifier: BSL-1.0 */
/* Hands what came to the expectations that wait for it, and judges what nobody waits for, what
 * came too early and what did not come. run.c calls it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"
#include "conversation/run.h"

enum { DESCRIPTION_SIZE = 400, LIST_SIZE = 200 };

/* ---- sentences ---- */

static void what_name(struct simc__conversation_run *run, const struct simc__conv_thread *thread,
                      const struct simc__conv_what *what, struct simc_writer *out)
{
    static const char *const words[] = {
        [SIMC__CONV_ANYTHING] = "any message",
        [SIMC__CONV_CLOSED] = "the end of the connection",
        [SIMC__CONV_NOTHING] = "nothing",
    };
    struct simc__conv_trouble unwanted = {0};
    struct simc__conv_context context = simc__conv_context_of(run, thread);
    struct simc_buffer name;
    bool secret = false;
    if (what->kind == SIMC__CONV_ANYTHING || what->kind == SIMC__CONV_CLOSED ||
        what->kind == SIMC__CONV_NOTHING) {
        simc__text_put(out, words[what->kind]);
        return;
    }
    context.trouble = &unwanted;
    simc_buffer_init(&name, 100);
    int error = simc__conv_expand(&context, what->message.name, &name, &secret);
    struct simc_slice text = error || secret ? what->message.name : simc_buffer_bytes(&name);
    simc__text_printf(out, "%s%.*s",
                      what->kind == SIMC__CONV_EVENT    ? "event "
                      : what->kind == SIMC__CONV_FAULTY ? "faulty "
                                                        : "",
                      SIMC__CONV_SHOW(text));
    simc_buffer_fini(&name);
}

/* "channel_status or the end of the connection" */
static void wanted_list(struct simc__conversation_run *run, const struct simc__conv_thread *thread,
                        char text[LIST_SIZE])
{
    struct simc_writer out = simc_writer(text, LIST_SIZE - 1);
    for (const struct simc__conv_what *w = thread->step->whats; w; w = w->next) {
        if (w != thread->step->whats)
            simc__text_put(&out, " or ");
        what_name(run, thread, w, &out);
    }
    text[out.error ? LIST_SIZE - 1 : out.at] = '\0';
}

static void describe(struct simc__conversation_run *run, const struct simc__conv_item *item,
                     char text[DESCRIPTION_SIZE])
{
    if (item->is_event)
        (void)simc__conv_format(text, DESCRIPTION_SIZE, "event %s", item->name);
    else
        simc__conv_describe(run->conversation->head.interface, item->bytes, text, DESCRIPTION_SIZE);
}

/* ---- threads that wait ---- */

/* Whether an expectation is about messages (or closing), or only about events. */
static bool waits_for(const struct simc__conv_thread *thread, bool events)
{
    for (const struct simc__conv_what *w = thread->step->whats; w; w = w->next) {
        if ((w->kind == SIMC__CONV_EVENT) == events)
            return true;
    }
    return false;
}

static struct simc__conv_thread *next_waiting(struct simc__conv_thread *thread, unsigned connection,
                                              bool events)
{
    while (thread && !(thread->state == SIMC__CONV_WAITS_ITEM && thread->connection == connection &&
                       waits_for(thread, events)))
        thread = thread->next;
    return thread;
}

static struct simc__conv_item *take(struct simc__conv_connection *connection, bool event)
{
    struct simc__conv_item **head = event ? &connection->events : &connection->messages;
    struct simc__conv_item *item = *head;
    *head = item->next;
    if (!*head) {
        if (event)
            connection->events_end = head;
        else
            connection->messages_end = head;
    }
    --*(event ? &connection->event_count : &connection->message_count);
    connection->bytes -= item->size;
    return item;
}

static void discard(struct simc__conv_item *item)
{
    size_t size = item->size;
    simc_wipe(item, size);
    simc_free(item);
}

bool simc__conv_is_ignored(struct simc__conversation_run *run, const struct simc__conv_item *item)
{
    struct simc__conv_context context = simc__conv_context_of(run, NULL);
    for (size_t i = 0; i < run->ignore_count; i++) {
        for (const struct simc__conv_words *w = run->ignores[i]->words; w; w = w->next) {
            struct simc__conv_what what = {.kind = SIMC__CONV_MESSAGE, .message.name = w->text};
            if (simc__conv_names(&context, &what, item))
                return true;
        }
    }
    return false;
}

/* ---- a message or event ---- */

/* The item is what the thread waited for. */
static void fulfil(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                   const struct simc__conv_what *what, struct simc__conv_item *item)
{
    struct simc__conv_context context = simc__conv_context_of(run, thread);
    char description[DESCRIPTION_SIZE], wanted[LIST_SIZE];
    struct simc__conv_connection *connection = run->connections[thread->connection];
    describe(run, item, description);
    uint64_t after_ms = item->at_ms > thread->started_ms ? item->at_ms - thread->started_ms : 0;
    if (item->at_ms < thread->from_ms && thread->step->from.number.size) {
        simc__conv_failed(run, thread->step, "%s came on %s after %llu ms, and not after %llu ms",
                          description, connection->name, (unsigned long long)after_ms,
                          (unsigned long long)(thread->from_ms - thread->started_ms));
        return;
    }
    int error =
        simc__conv_capture(&context, what, item, simc__conv_scope_of(run, thread), &run->global);
    if (error) {
        simc__conv_broken(run, thread->step, error);
        return;
    }
    thread->state = SIMC__CONV_RUNNING;
    if (what->warns) {
        wanted_list(run, thread, wanted);
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_WARN, false,
                          "tolerated among %s: %s came on %s", wanted, description,
                          connection->name);
        return;
    }
    simc__conv_report(run, thread->step, SIMC__CONVERSATION_PASS, false,
                      "%s came on %s after %llu ms", description, connection->name,
                      (unsigned long long)after_ms);
}

/* Offers an item to all that wait for its kind.
 * @param blamed the thread that is nearest to it, with the reason; NULL when nobody waits. */
static bool offer(struct simc__conversation_run *run, unsigned connection,
                  struct simc__conv_item *item, struct simc__conv_thread **blamed,
                  char why[SIMC__CONVERSATION_TEXT_SIZE])
{
    bool named = false;
    *blamed = NULL;
    why[0] = '\0';
    for (struct simc__conv_thread *t = next_waiting(run->threads, connection, item->is_event); t;
         t = next_waiting(t->next, connection, item->is_event)) {
        struct simc__conv_context context = simc__conv_context_of(run, t);
        for (const struct simc__conv_what *w = t->step->whats; w; w = w->next) {
            char reason[SIMC__CONVERSATION_TEXT_SIZE];
            bool fits;
            int error = simc__conv_match(&context, w, item, &fits, reason);
            if (error) {
                simc__conv_broken(run, t->step, error);
                return true;
            }
            if (fits) {
                fulfil(run, t, w, item);
                return true;
            }
            /* The first one of the same name says best what is wrong. */
            if (!*blamed || (reason[0] && !named)) {
                *blamed = t;
                named = reason[0] != '\0';
                memcpy(why, reason, SIMC__CONVERSATION_TEXT_SIZE);
            }
        }
    }
    return false;
}

static void unexpected(struct simc__conversation_run *run, struct simc__conv_thread *blamed,
                       const struct simc__conv_item *item, const char *why)
{
    char description[DESCRIPTION_SIZE], wanted[LIST_SIZE];
    describe(run, item, description);
    wanted_list(run, blamed, wanted);
    const char *name = run->connections[blamed->connection]->name;
    if (why[0])
        simc__conv_failed(run, blamed->step,
                          "%s was expected on %s, and what came is another: %s "
                          "(%s)",
                          wanted, name, why, description);
    else
        simc__conv_failed(run, blamed->step, "%s was expected on %s, and %s came", wanted, name,
                          description);
}

/* Events that tell and ask nothing; they are passed over when another one is expected. */
static bool is_for_a_log(const struct simc__conv_item *event)
{
    return strcmp(event->name, "NOTICE") == 0 || strcmp(event->name, "PEER_ERROR") == 0;
}

/* Looks at the first item of a connection. @return true when something has changed. */
static bool look_at_first(struct simc__conversation_run *run, unsigned index, bool event)
{
    struct simc__conv_connection *connection = run->connections[index];
    struct simc__conv_item *item = event ? connection->events : connection->messages;
    struct simc__conv_thread *blamed;
    char why[SIMC__CONVERSATION_TEXT_SIZE];
    if (!item || !next_waiting(run->threads, index, event))
        return false;
    bool taken = offer(run, index, item, &blamed, why);
    bool passed_over = !taken && (event ? is_for_a_log(item) : simc__conv_is_ignored(run, item));
    if (!taken && !passed_over && blamed)
        unexpected(run, blamed, item, why);
    discard(take(connection, event));
    return true;
}

/* ---- the end of a connection, and of time ---- */

static const struct simc__conv_what *find_kind(const struct simc__conv_thread *thread,
                                               enum simc__conv_what_kind kind)
{
    const struct simc__conv_what *w = thread->step->whats;
    while (w && w->kind != kind)
        w = w->next;
    return w;
}

static void tolerate(struct simc__conversation_run *run, struct simc__conv_thread *thread,
                     const struct simc__conv_what *what, const char *came)
{
    const char *name = run->connections[thread->connection]->name;
    thread->state = SIMC__CONV_RUNNING;
    simc__conv_report(run, thread->step,
                      what->warns ? SIMC__CONVERSATION_WARN : SIMC__CONVERSATION_PASS, false,
                      "%s on %s, as %s", came, name, what->warns ? "is tolerated" : "expected");
}

static bool look_at_end(struct simc__conversation_run *run, unsigned index)
{
    struct simc__conv_connection *connection = run->connections[index];
    struct simc__conv_thread *thread = next_waiting(run->threads, index, false);
    char wanted[LIST_SIZE];
    if (!thread || !connection->is_closed_by_peer || connection->messages)
        return false;
    const struct simc__conv_what *what = find_kind(thread, SIMC__CONV_CLOSED);
    if (what && thread->step->from.number.size && run->now_ms < thread->from_ms) {
        simc__conv_failed(run, thread->step, "%s was closed after %llu ms, and not after %llu ms",
                          connection->name, (unsigned long long)(run->now_ms - thread->started_ms),
                          (unsigned long long)(thread->from_ms - thread->started_ms));
        return true;
    }
    if (what) {
        tolerate(run, thread, what, "the equipment closed the connection");
        return true;
    }
    wanted_list(run, thread, wanted);
    simc__conv_failed(run, thread->step,
                      "%s was expected on %s, and the equipment closed the "
                      "connection%s (%s)",
                      wanted, connection->name,
                      simc_framer_pending(&connection->framer) ? " within a message" : "",
                      connection->why);
    return true;
}

static void time_is_over(struct simc__conversation_run *run, struct simc__conv_thread *thread)
{
    const struct simc__conv_connection *connection = run->connections[thread->connection];
    const struct simc__conv_what *what;
    char wanted[LIST_SIZE];
    switch (thread->state) {
    case SIMC__CONV_WAITS_TIME:
        thread->state = SIMC__CONV_RUNNING;
        return;
    case SIMC__CONV_WAITS_OPEN:
        simc__conv_report(run, thread->step, SIMC__CONVERSATION_FAIL, true,
                          "the connection %s was not made in time", connection->name);
        return;
    default:
        break;
    }
    what = find_kind(thread, SIMC__CONV_NOTHING);
    if (what) {
        tolerate(run, thread, what, "nothing came");
        return;
    }
    wanted_list(run, thread, wanted);
    simc__conv_failed(run, thread->step, "%s was expected on %s, and nothing came within %llu ms",
                      wanted, connection->name,
                      (unsigned long long)(thread->due_ms - thread->started_ms));
}

static bool look_at_times(struct simc__conversation_run *run)
{
    for (struct simc__conv_thread *t = run->threads; t; t = t->next) {
        bool waits = t->state == SIMC__CONV_WAITS_TIME || t->state == SIMC__CONV_WAITS_OPEN ||
                     t->state == SIMC__CONV_WAITS_ITEM;
        if (waits && simc_deadline_due(t->due_ms, run->now_ms)) {
            time_is_over(run, t);
            return true;
        }
    }
    return false;
}

bool simc__conv_arrivals(struct simc__conversation_run *run)
{
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        if (!run->connections[i] || !run->connections[i]->is_used)
            continue;
        if (look_at_first(run, i, false) || look_at_first(run, i, true) || look_at_end(run, i))
            return true;
    }
    return look_at_times(run);
}

void simc__conv_leftovers(struct simc__conversation_run *run)
{
    char description[DESCRIPTION_SIZE];
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        struct simc__conv_connection *connection = run->connections[i];
        if (!connection || !connection->is_used || connection->is_deaf)
            continue;
        for (const struct simc__conv_item *item = connection->messages; item; item = item->next) {
            if (simc__conv_is_ignored(run, item))
                continue;
            describe(run, item, description);
            simc__conv_failed(run, connection->opened_by,
                              "at the end a message is left on %s that nobody asked for: %s",
                              connection->name, description);
            return;
        }
    }
}
