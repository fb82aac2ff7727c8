/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of conversation files. The input is a file: it is refused with a place and a reason,
 * or it runs against a peer that sends back what it gets, and comes to an end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation/conversation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTIONS_MAX = 300, TURNS_MAX = 300, ECHO_MAX = 1 << 16 };

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* All that a file may include. */
static int read_included(void *context, const char *from, const char *path,
                         struct simc_buffer *text, char name[256], char why[256])
{
    static const char included[] = "param version = 3 \"\" param channel = 1 \"\"\n"
                                   "define probe c { send $c channel_test {\n"
                                   "ECM_channel_id = $channel\n} expect $c anything }\n";
    (void)context;
    (void)from;
    snprintf(name, 256, "included");
    snprintf(why, 256, "there is no such file");
    if (strcmp(path, "common.inc") != 0)
        return SIMC_ENOTFOUND;
    return simc_buffer_append(text, simc_slice_text(included));
}

static void check_fault(const struct simc__conversation_fault *fault)
{
    size_t size = strnlen(fault->text, sizeof fault->text);
    require(size > 0 && size < sizeof fault->text, "a fault has a sentence");
    require(fault->line == 0 || (fault->column > 0 && fault->file[0]), "and a place");
}

static void report(void *context, const struct simc__conversation_step *step)
{
    unsigned *steps = context;
    ++*steps;
    require(step->text[0] && step->file, "a step has a sentence and a file");
}

/* Carries out an action: the peer opens everything and echoes. */
static void act(struct simc__conversation_run *run, const struct simc__conversation_action *action,
                uint64_t now_ms, unsigned number)
{
    static const struct simc__conversation_field fields[] = {{"cp_number", "16", false},
                                                             {"status", "11", false}};
    struct simc_slice bytes = action->bytes;
    uint8_t *copy;
    switch (action->type) {
    case SIMC__CONVERSATION_OPEN:
    case SIMC__CONVERSATION_ACCEPT:
        simc__conversation_opened(run, action->connection, now_ms);
        return;
    case SIMC__CONVERSATION_CLOSE:
    case SIMC__CONVERSATION_RESET:
        return;
    case SIMC__CONVERSATION_SEND:
        require(bytes.size > 0, "what is sent has bytes");
        copy = malloc(bytes.size);
        if (!copy)
            return;
        memcpy(copy, bytes.data, bytes.size);
        simc__conversation_feed(run, action->connection,
                                simc_slice(copy, bytes.size < ECHO_MAX ? bytes.size : ECHO_MAX),
                                now_ms);
        free(copy);
        if (number % 7 == 6)
            simc__conversation_closed(run, action->connection, "enough", now_ms);
        return;
    case SIMC__CONVERSATION_REQUEST:
        require(action->request[0] != '\0', "a request has words");
        simc__conversation_answer(run, "SIMC_OK");
        simc__conversation_event(run, action->connection, "ECM", fields, 2, now_ms);
        return;
    }
}

static void run_it(const struct simc__conversation *conversation)
{
    struct simc__conversation_run *run;
    struct simc__conversation_action action;
    uint64_t now_ms = 0;
    unsigned actions = 0, steps = 0;
    if (simc__conversation_run_new(conversation, report, &steps, 0, &run))
        return;
    for (int turn = 0; turn < TURNS_MAX && !simc__conversation_is_over(run); turn++) {
        while (actions < ACTIONS_MAX && simc__conversation_next_action(run, now_ms, &action))
            act(run, &action, now_ms, actions++);
        uint64_t next_ms = simc__conversation_deadline_ms(run);
        require(actions >= ACTIONS_MAX || simc__conversation_is_over(run) ||
                    next_ms != SIMC_DEADLINE_NONE,
                "a run that is not over waits for a time");
        if (actions >= ACTIONS_MAX)
            break;
        now_ms = next_ms > now_ms && next_ms != SIMC_DEADLINE_NONE ? next_ms : now_ms;
    }
    enum simc__conversation_verdict verdict = simc__conversation_verdict(run);
    require(verdict == SIMC__CONVERSATION_PASS || steps > 0, "a verdict has a step that says why");
    simc__conversation_run_free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct simc__conversation_files files = {.read = read_included};
    struct simc__conversation *conversation;
    struct simc__conversation_fault fault;
    int error =
        simc__conversation_new("input", simc_slice(data, size), &files, &conversation, &fault);
    require(error == 0 || error == SIMC_ESYNTAX || error == SIMC_ETOOLONG || error == SIMC_ENOMEM,
            "one of the known outcomes");
    if (error) {
        if (error != SIMC_ENOMEM)
            check_fault(&fault);
        return 0;
    }
    run_it(conversation);
    simc__conversation_free(conversation);
    return 0;
}
