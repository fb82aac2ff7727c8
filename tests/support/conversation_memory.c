/* SPDX-License-Identifier: BSL-1.0 */
/* The driver of conversation_memory.h: its loop, and what carries bytes between the conversation
 * and the sessions. Requests and events are in conversation_requests.c. */
#include "support/conversation_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/conversation_requests.h"
#include "sys/file.h"

enum { FILE_MAX = 1 << 20, RUN_MAX_MS = 3600000 };

struct driver {
    struct conversation_memory *memory;
    struct simc__conversation_run *run;
    const struct simc__conversation_head *head;
    struct test_ecmg *ecmg;
    struct test_mux *mux;
    struct memory_end ends[SIMC__CONVERSATION_CONNECTIONS];
    uint64_t now_ms;
    unsigned outputs;
};

/* ---- sessions ---- */

static void trace(void *context, unsigned row)
{
    bool *rows_used = context;
    rows_used[row] = true;
}

static void set_trace(struct driver *driver, struct simc_session_settings *settings)
{
    settings->trace = driver->memory->rows_used ? trace : NULL;
    settings->trace_context = driver->memory->rows_used;
}

/* A number that the conversation has in a variable, or 0. */
static uint64_t variable(const struct driver *driver, const char *name)
{
    const char *text = simc__conversation_get(driver->run, name);
    return text ? strtoull(text, NULL, 0) : 0;
}

/* Settings of the equipment that a file makes for itself: variables named ecmg_... */
static void apply_variables(struct driver *driver)
{
    static const char *const names[] = {
#define NAME(name, fallback) #name,
        TEST_ECMG_ROWS(NAME)
#undef NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "ecmg_%s", names[i]);
        const char *value = simc__conversation_get(driver->run, name);
        if (value)
            (void)test_ecmg_set(driver->ecmg, names[i], value);
    }
}

static void apply_mux_variable(void *context, const char *name)
{
    struct driver *driver = context;
    char variable_name[64];
    snprintf(variable_name, sizeof variable_name, "%s%s",
             strncmp(name, "emmg_", 5) == 0 ? "" : "mux_", name);
    const char *value = simc__conversation_get(driver->run, variable_name);
    if (value)
        (void)test_mux_set(driver->mux, name, value);
}

static int new_emmg_mux(struct driver *driver, struct memory_end *end)
{
    test_mux_names(apply_mux_variable, driver);
    end->mux = driver->mux;
    if (end->role == MEMORY_MUX) {
        struct simc_mux_settings settings = test_mux_session_settings(driver->mux);
        set_trace(driver, &settings.common);
        return simc_mux_session_new(&settings, driver->now_ms, &end->session);
    }
    struct simc_emmg_settings settings = test_emmg_session_settings(driver->mux);
    settings.version = (uint8_t)variable(driver, "version");
    set_trace(driver, &settings.common);
    return simc_emmg_session_new(&settings, driver->now_ms, &end->session);
}

static int new_scs(struct driver *driver, struct simc_session **session)
{
    struct simc_scs_settings settings = {
        .common =
            {
                .strict = variable(driver, "scs_strict"),
                .send_error_information = variable(driver, "scs_information"),
                .stream_limit = (uint32_t)variable(driver, "scs_stream_limit"),
                .length_limit = (uint32_t)variable(driver, "scs_length_limit"),
                .output_limit = (uint32_t)variable(driver, "scs_output_limit"),
                .fault_limit = (uint32_t)variable(driver, "scs_fault_limit"),
                .idle_ms = (uint32_t)variable(driver, "scs_idle_ms"),
                .setup_ms = (uint32_t)variable(driver, "scs_setup_ms"),
            },
        .version = (uint8_t)variable(driver, "version"),
        .ecm_channel_id = (uint16_t)variable(driver, "channel"),
        .super_cas_id = (uint32_t)variable(driver, "super_cas_id"),
    };
    set_trace(driver, &settings.common);
    return simc_scs_session_new(&settings, driver->now_ms, session);
}

static int new_ecmg(struct driver *driver, struct simc_session **session)
{
    apply_variables(driver);
    struct simc_ecmg_settings settings = test_ecmg_session_settings(driver->ecmg);
    set_trace(driver, &settings.common);
    return simc_ecmg_session_new(&settings, driver->now_ms, session);
}

static void open_end(struct driver *driver, unsigned index)
{
    struct memory_end *end = &driver->ends[index];
    memset(end, 0, sizeof *end);
    bool is_server = driver->head->server_under_test;
    int error;
    if (strcmp(driver->head->interface->id, "emmg") == 0) {
        end->role = is_server ? MEMORY_MUX : MEMORY_EMMG;
        error = new_emmg_mux(driver, end);
        end->mux_app.session = end->session;
    } else {
        end->role = is_server ? MEMORY_ECMG : MEMORY_SCS;
        error = is_server ? new_ecmg(driver, &end->session) : new_scs(driver, &end->session);
        end->app.session = end->session;
    }
    if (error)
        simc__conversation_closed(driver->run, index, simc_error_text(error), driver->now_ms);
    else
        simc__conversation_opened(driver->run, index, driver->now_ms);
}

/* Asks for events and acts on them. @param quiet the conversation does not hear of it. */
static void pump_events(struct driver *driver, unsigned index, bool quiet)
{
    struct memory_end *end = &driver->ends[index];
    struct simc_session_event event;
    while (end->session && simc_session_next_event(end->session, &event)) {
        if (end->role == MEMORY_ECMG)
            test_ecmg_handle(driver->ecmg, &end->app, &event, driver->now_ms);
        else if (end->role == MEMORY_MUX)
            test_mux_handle(driver->mux, &end->mux_app, &event, driver->now_ms);
        else if (end->role == MEMORY_EMMG && !quiet)
            test_emmg_handle(driver->mux, &end->mux_app, &event, driver->now_ms);
        if (!quiet)
            memory_tell_event(driver->run, index, end, &event, driver->now_ms);
    }
}

static void free_end(struct driver *driver, unsigned index)
{
    struct memory_end *end = &driver->ends[index];
    if (end->role == MEMORY_ECMG)
        test_ecmg_gone(driver->ecmg, &end->app);
    else if (end->role == MEMORY_MUX)
        test_mux_gone(driver->mux, &end->mux_app);
    simc_session_free(end->session);
    memset(end, 0, sizeof *end);
}

static void disconnect(struct driver *driver, unsigned index)
{
    if (!driver->ends[index].session)
        return;
    simc_session_disconnected(driver->ends[index].session, driver->now_ms);
    pump_events(driver, index, true);
    free_end(driver, index);
}

/* ---- bytes ---- */

static void send_to_session(struct driver *driver, unsigned index, struct simc_slice bytes)
{
    struct memory_end *end = &driver->ends[index];
    size_t piece = driver->memory->one_byte ? 1 : bytes.size;
    /* A block of its own, so that the sanitizer sees whoever keeps it too long. */
    for (size_t at = 0; end->session && at < bytes.size; at += piece) {
        uint8_t *copy = malloc(piece);
        if (!copy)
            return;
        memcpy(copy, bytes.data + at, piece);
        simc_session_feed(end->session, simc_slice(copy, piece), driver->now_ms);
        pump_events(driver, index, false);
        free(copy);
    }
}

static void take_output(struct driver *driver, unsigned index, struct simc_slice bytes)
{
    struct simc_buffer changed;
    simc_buffer_init(&changed, 64 << 20);
    if (simc_buffer_append(&changed, bytes))
        abort();
    if (driver->memory->mutate)
        driver->memory->mutate(driver->memory->mutate_context, &changed, driver->outputs);
    driver->outputs++;
    bytes = simc_buffer_bytes(&changed);
    size_t piece = driver->memory->one_byte ? 1 : bytes.size;
    for (size_t at = 0; at < bytes.size; at += piece)
        simc__conversation_feed(driver->run, index, simc_slice(bytes.data + at, piece),
                                driver->now_ms);
    simc_buffer_fini(&changed);
}

/* Moves what the session has to the conversation. @return true when there was something. */
static bool pump_output(struct driver *driver, unsigned index)
{
    struct memory_end *end = &driver->ends[index];
    if (!end->session || end->is_stalled)
        return false;
    struct simc_slice output = simc_session_output(end->session);
    if (output.size) {
        take_output(driver, index, output);
        simc_session_sent(end->session, output.size);
        pump_events(driver, index, false);
        return true;
    }
    enum simc_session_reason reason = simc_session_wants_close(end->session);
    if (reason == SIMC_REASON_NONE)
        return false;
    simc__conversation_closed(driver->run, index, simc_session_reason_text(reason), driver->now_ms);
    free_end(driver, index);
    return true;
}

/* ---- the loop ---- */

static void act(struct driver *driver, const struct simc__conversation_action *action)
{
    struct memory_end *end = &driver->ends[action->connection];
    switch (action->type) {
    case SIMC__CONVERSATION_OPEN:
    case SIMC__CONVERSATION_ACCEPT:
        open_end(driver, action->connection);
        return;
    case SIMC__CONVERSATION_CLOSE:
    case SIMC__CONVERSATION_RESET:
        disconnect(driver, action->connection);
        return;
    case SIMC__CONVERSATION_SEND:
        send_to_session(driver, action->connection, action->bytes);
        return;
    case SIMC__CONVERSATION_REQUEST:
        simc__conversation_answer(driver->run,
                                  memory_request(end, action->request, driver->now_ms));
        pump_events(driver, action->connection, false);
        return;
    }
}

static bool pump_all(struct driver *driver)
{
    bool moved = false;
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        while (pump_output(driver, i))
            moved = true;
    }
    return moved;
}

static uint64_t next_time(const struct driver *driver)
{
    uint64_t next_ms = simc__conversation_deadline_ms(driver->run);
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        if (driver->ends[i].session)
            next_ms =
                simc_deadline_first(next_ms, simc_session_deadline_ms(driver->ends[i].session));
    }
    return next_ms;
}

static void expire(struct driver *driver)
{
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++) {
        struct simc_session *session = driver->ends[i].session;
        if (session && simc_deadline_due(simc_session_deadline_ms(session), driver->now_ms)) {
            simc_session_expire(session, driver->now_ms);
            pump_events(driver, i, false);
        }
    }
}

/* @return NULL, or why the run cannot go on. */
static const char *loop(struct driver *driver)
{
    uint64_t start_ms = driver->now_ms;
    for (;;) {
        struct simc__conversation_action action;
        do {
            while (simc__conversation_next_action(driver->run, driver->now_ms, &action))
                act(driver, &action);
            if (simc__conversation_is_over(driver->run))
                return NULL;
        } while (pump_all(driver));
        uint64_t next_ms = next_time(driver);
        if (next_ms == SIMC_DEADLINE_NONE)
            return "nothing will ever happen any more";
        if (next_ms > driver->now_ms)
            driver->now_ms = next_ms;
        if (driver->now_ms - start_ms > RUN_MAX_MS)
            return "the run takes longer than an hour";
        driver->memory->took_ms = driver->now_ms - start_ms;
        expire(driver);
    }
}

/* ---- files ---- */

static void report(void *context, const struct simc__conversation_step *step)
{
    struct conversation_memory *memory = context;
    memory->steps++;
    if (memory->verbose)
        printf("# %s %s:%u: %s\n", simc__conversation_verdict_name(step->verdict), step->file,
               step->line, step->text);
    if (step->verdict == SIMC__CONVERSATION_PASS)
        return;
    memory->last_line = step->line;
    snprintf(memory->last, sizeof memory->last, "%s:%u: %s", step->file, step->line, step->text);
}

int conversation_memory_read(void *context, const char *from, const char *path,
                             struct simc_buffer *text, char name[256], char why[256])
{
    const char *slash = strrchr(from, '/');
    char whole[SIMC__FILE_WHY_SIZE];
    (void)context;
    if (path[0] == '/' || !slash)
        snprintf(name, 256, "%s", path);
    else
        snprintf(name, 256, "%.*s/%s", (int)(slash - from), from, path);
    int error = simc__file_read(name, text, whole);
    if (error)
        snprintf(why, 256, "%.250s", whole);
    return error;
}

/* Gives each name=value to the equipment and to the conversation, where they have it. */
static void apply_settings(struct driver *driver)
{
    char text[1024], *rest = text, *word;
    snprintf(text, sizeof text, "%s", driver->memory->settings ? driver->memory->settings : "");
    while ((word = strsep(&rest, " "))) {
        char *value = strchr(word, '=');
        if (!value)
            continue;
        *value++ = '\0';
        (void)test_ecmg_set(driver->ecmg, word, value);
        (void)test_mux_set(driver->mux, word, value);
        if (simc__conversation_set(driver->run, word, value) == SIMC_ENOMEM)
            abort();
    }
}

static void run_conversation(const struct simc__conversation *conversation,
                             struct conversation_memory *memory)
{
    struct driver *driver = calloc(1, sizeof *driver);
    struct test_ecmg *ecmg = malloc(sizeof *ecmg);
    struct test_mux *mux = malloc(sizeof *mux);
    if (!driver || !ecmg || !mux)
        abort();
    driver->memory = memory;
    driver->head = simc__conversation_head(conversation);
    driver->ecmg = ecmg;
    driver->mux = mux;
    driver->now_ms = 1000;
    test_ecmg_init(ecmg);
    test_mux_init(mux);
    snprintf(memory->id, sizeof memory->id, "%s", driver->head->id);
    if (simc__conversation_run_new(conversation, report, memory, driver->now_ms, &driver->run)) {
        snprintf(memory->last, sizeof memory->last, "no memory for the run");
    } else {
        apply_settings(driver);
        const char *why = loop(driver);
        if (why)
            snprintf(memory->last, sizeof memory->last, "%s", why);
        else
            memory->verdict = simc__conversation_verdict(driver->run);
    }
    for (unsigned i = 0; i < SIMC__CONVERSATION_CONNECTIONS; i++)
        disconnect(driver, i);
    simc__conversation_run_free(driver->run);
    free(ecmg);
    free(mux);
    free(driver);
}

void conversation_memory_run_text(const char *name, struct simc_slice text,
                                  struct conversation_memory *memory)
{
    const struct simc__conversation_files files = {.read = conversation_memory_read};
    struct simc__conversation_fault fault;
    struct simc__conversation *conversation;
    memory->verdict = SIMC__CONVERSATION_BROKEN;
    memory->last[0] = memory->id[0] = '\0';
    memory->took_ms = 0;
    memory->steps = memory->last_line = 0;
    if (simc__conversation_new(name, text, &files, &conversation, &fault)) {
        snprintf(memory->last, sizeof memory->last, "%s:%u:%u: %.900s", fault.file, fault.line,
                 fault.column, fault.text);
        return;
    }
    run_conversation(conversation, memory);
    simc__conversation_free(conversation);
}

void conversation_memory_run(const char *path, struct conversation_memory *memory)
{
    struct simc_buffer text;
    char why[SIMC__FILE_WHY_SIZE];
    simc_buffer_init(&text, FILE_MAX);
    if (simc__file_read(path, &text, why)) {
        memory->verdict = SIMC__CONVERSATION_BROKEN;
        snprintf(memory->last, sizeof memory->last, "%s", why);
    } else {
        conversation_memory_run_text(path, simc_buffer_bytes(&text), memory);
    }
    simc_buffer_fini(&text);
}
