/* SPDX-License-Identifier: BSL-1.0 */
/* The head of a conversation file, what it includes, its procedures and parameters; and the life
 * of a conversation. Drivers call it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conversation/parse.h"

/* A text of the file as a C string. */
static int keep(struct simc__conv_reader *reader, struct simc_slice text, const char **out)
{
    char *copy = simc__conv_get(reader, text.size + 1);
    if (!copy)
        return SIMC_ENOMEM;
    if (text.size)
        memcpy(copy, text.data, text.size);
    *out = copy;
    return 0;
}

static int read_kept_text(struct simc__conv_reader *reader, const char *what, const char **out)
{
    struct simc_slice text;
    int error = simc__conv_want_text(reader, what, &text);
    return error ? error : keep(reader, text, out);
}

/* ---- head ---- */

static int read_id(struct simc__conv_reader *reader)
{
    struct simc_slice word;
    int error = simc__conv_want(reader, "the name of the conversation", &word);
    return error ? error : keep(reader, word, &reader->conversation->head.id);
}

static int read_title(struct simc__conv_reader *reader)
{
    return read_kept_text(reader, "the title", &reader->conversation->head.title);
}

static int read_clause(struct simc__conv_reader *reader)
{
    return read_kept_text(reader, "the clause", &reader->conversation->head.clause);
}

static int read_verdict(struct simc__conv_reader *reader)
{
    struct simc_slice word;
    int error = simc__conv_want(reader, "fail or warn", &word);
    if (error)
        return error;
    reader->conversation->head.warns = simc__conv_is(word, "warn");
    if (!reader->conversation->head.warns && !simc__conv_is(word, "fail"))
        return simc__conv_fault(reader, word.data, "the verdict is fail or warn");
    return 0;
}

static int read_interface(struct simc__conv_reader *reader)
{
    struct simc_slice word;
    int error = simc__conv_want(reader, "the name of an interface", &word);
    if (error)
        return error;
    const struct simc_interface *interface = simc_interface_find(word);
    if (!interface)
        return simc__conv_fault(reader, word.data, "there is no interface " SIMC__CONV_WORD,
                                SIMC__CONV_SHOW(word));
    reader->conversation->head.interface = interface;
    return 0;
}

static int read_role(struct simc__conv_reader *reader)
{
    const struct simc_interface *interface = reader->conversation->head.interface;
    struct simc_slice word;
    int error = simc__conv_want(reader, "the side under test", &word);
    if (error)
        return error;
    reader->conversation->head.server_under_test = simc__conv_is_name(word, interface->server);
    if (!reader->conversation->head.server_under_test &&
        !simc__conv_is_name(word, interface->client))
        return simc__conv_fault(reader, word.data, "the sides of %s are %s and %s", interface->name,
                                interface->server, interface->client);
    return 0;
}

static int read_parameter(struct simc__conv_reader *reader)
{
    struct simc_slice name, value;
    struct simc__conv_parameter *parameter = simc__conv_get(reader, sizeof *parameter);
    if (!parameter)
        return SIMC_ENOMEM;
    int error = simc__conv_want(reader, "the name of a parameter", &name);
    if (!error)
        error = simc__conv_add_name(reader, name);
    if (!error)
        error = simc__conv_want_word(reader, "=", "behind the parameter");
    if (!error)
        error = simc__conv_want(reader, "the default", &value);
    if (!error)
        error = keep(reader, name, &parameter->name);
    if (!error)
        error = keep(reader, value, &parameter->value);
    if (!error)
        error = read_kept_text(reader, "what the parameter means", &parameter->help);
    if (error)
        return error;
    struct simc__conv_parameter **at = &reader->conversation->parameters;
    while (*at && strcmp((*at)->name, parameter->name) != 0)
        at = &(*at)->next;
    if (*at)
        return simc__conv_fault(reader, name.data, "there is a parameter %s already",
                                parameter->name);
    *at = parameter;
    return 0;
}

/* ---- procedures ---- */

static int read_define(struct simc__conv_reader *reader)
{
    struct simc__conv_procedure *procedure = simc__conv_get(reader, sizeof *procedure);
    if (!procedure)
        return SIMC_ENOMEM;
    int error = simc__conv_want(reader, "the name of the procedure", &procedure->name);
    if (error)
        return error;
    struct simc__conv_procedure **at = &reader->conversation->procedures;
    for (; *at; at = &(*at)->next) {
        if (simc_slice_equal((*at)->name, procedure->name))
            return simc__conv_fault(reader, procedure->name.data,
                                    "there is a procedure " SIMC__CONV_WORD " already",
                                    SIMC__CONV_SHOW(procedure->name));
    }
    struct simc__conv_words **tail = &procedure->parameters;
    while (simc__conv_peek(reader) != '{') {
        *tail = simc__conv_get(reader, sizeof **tail);
        if (!*tail)
            return SIMC_ENOMEM;
        error = simc__conv_want(reader, "a parameter or '{'", &(*tail)->text);
        if (!error)
            error = simc__conv_add_name(reader, (*tail)->text);
        if (error)
            return error;
        tail = &(*tail)->next;
    }
    error = simc__conv_block(reader, &procedure->body);
    if (!error)
        *at = procedure;
    return error;
}

/* ---- files ---- */

static int read_file(struct simc__conv_reader *reader, struct simc__conv_statement ***tail);

static int read_include(struct simc__conv_reader *reader, struct simc__conv_statement ***tail)
{
    struct simc__conversation *conversation = reader->conversation;
    const uint8_t *at = simc__conv_here(reader);
    const char *path;
    char why[256] = "";
    int error = read_kept_text(reader, "the path of a file", &path);
    if (error)
        return error;
    if (!reader->files)
        return simc__conv_fault(reader, at, "nothing can be included here");
    if (reader->include_depth == SIMC__CONV_INCLUDE_DEPTH ||
        conversation->source_count == SIMC__CONV_FILES_MAX)
        return simc__conv_fault(reader, at, "at most %d files include each other, and %d in all",
                                SIMC__CONV_INCLUDE_DEPTH, SIMC__CONV_FILES_MAX);
    struct simc__conv_source *source = simc_calloc(1, sizeof *source);
    if (!source)
        return simc__conv_no_memory(reader);
    simc_buffer_init(&source->text, SIMC__CONV_FILE_MAX);
    conversation->sources[conversation->source_count++] = source;
    error = reader->files->read(reader->files->context, reader->source->name, path, &source->text,
                                source->name, why);
    if (error == SIMC_ENOMEM)
        return simc__conv_no_memory(reader);
    if (error)
        return simc__conv_fault(reader, at, "cannot read %s: %s", path, why);
    struct simc__conv_reader included = {.conversation = conversation,
                                         .files = reader->files,
                                         .fault = reader->fault,
                                         .source = source,
                                         .text = simc_buffer_bytes(&source->text),
                                         .line = 1,
                                         .include_depth = reader->include_depth + 1};
    return read_file(&included, tail);
}

static const struct {
    const char *word;
    int (*read)(struct simc__conv_reader *reader);
} heads[] = {
    {"id", read_id},           {"title", read_title},         {"clause", read_clause},
    {"verdict", read_verdict}, {"interface", read_interface}, {"role", read_role},
    {"param", read_parameter}, {"define", read_define},
};

/* @return 0 when it was a statement of the head, SIMC_ENOTFOUND when it was none. */
static int read_head(struct simc__conv_reader *reader, struct simc_slice word)
{
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (simc__conv_is(word, heads[i].word)) {
            (void)simc__conv_word(reader);
            return heads[i].read(reader);
        }
    }
    return SIMC_ENOTFOUND;
}

static int read_file(struct simc__conv_reader *reader, struct simc__conv_statement ***tail)
{
    while (simc__conv_peek(reader)) {
        struct simc_slice word = simc__conv_word_ahead(reader);
        if (simc__conv_is(word, "include")) {
            (void)simc__conv_word(reader);
            int error = read_include(reader, tail);
            if (error)
                return error;
            continue;
        }
        int error = read_head(reader, word);
        if (error == SIMC_ENOTFOUND) {
            error = simc__conv_statement(reader, *tail);
            if (!error)
                *tail = &(**tail)->next;
        }
        if (error)
            return error;
    }
    return 0;
}

/* A calls B, and B is defined behind it: found when all are read. */
static int read_all(struct simc__conv_reader *reader)
{
    struct simc__conv_statement **tail = &reader->conversation->steps;
    int error = read_file(reader, &tail);
    return error ? error : simc__conv_check_file(reader->conversation, reader->fault);
}

static int new_source(struct simc__conversation *conversation, const char *name,
                      struct simc_slice text, struct simc__conversation_fault *fault)
{
    struct simc__conv_source *source = simc_calloc(1, sizeof *source);
    if (!source)
        return SIMC_ENOMEM;
    conversation->sources[conversation->source_count++] = source;
    snprintf(source->name, sizeof source->name, "%s", name);
    simc_buffer_init(&source->text, SIMC__CONV_FILE_MAX);
    int error = simc_buffer_append(&source->text, text);
    if (error != SIMC_EFULL)
        return error;
    snprintf(fault->file, sizeof fault->file, "%s", name);
    simc__conv_format(fault->text, sizeof fault->text, "the file is longer than %d bytes",
                      SIMC__CONV_FILE_MAX);
    return SIMC_ETOOLONG;
}

int simc__conversation_new(const char *name, struct simc_slice text,
                           const struct simc__conversation_files *files,
                           struct simc__conversation **out, struct simc__conversation_fault *fault)
{
    struct simc__conversation *conversation = simc_calloc(1, sizeof *conversation);
    memset(fault, 0, sizeof *fault);
    *out = NULL;
    if (!conversation)
        return SIMC_ENOMEM;
    conversation->head = (struct simc__conversation_head){
        .id = "",
        .title = "",
        .clause = "",
        .interface = simc_interface_find(simc_slice_text("ECMG-SCS")),
        .server_under_test = true,
    };
    int error = new_source(conversation, name, text, fault);
    if (!error) {
        struct simc__conv_reader reader = {.conversation = conversation,
                                           .files = files,
                                           .fault = fault,
                                           .source = conversation->sources[0],
                                           .text =
                                               simc_buffer_bytes(&conversation->sources[0]->text),
                                           .line = 1};
        error = read_all(&reader);
    }
    if (error) {
        simc__conversation_free(conversation);
        return error;
    }
    *out = conversation;
    return 0;
}

void simc__conversation_free(struct simc__conversation *conversation)
{
    if (!conversation)
        return;
    for (size_t i = 0; i < conversation->source_count; i++) {
        simc_buffer_fini(&conversation->sources[i]->text);
        simc_free(conversation->sources[i]);
    }
    simc__conv_arena_fini(&conversation->arena);
    simc_free(conversation);
}

const struct simc__conversation_head *simc__conversation_head(
    const struct simc__conversation *conversation)
{
    return &conversation->head;
}

bool simc__conversation_parameter(const struct simc__conversation *conversation, size_t index,
                                  const char **name, const char **value, const char **help)
{
    const struct simc__conv_parameter *parameter = conversation->parameters;
    while (parameter && index--)
        parameter = parameter->next;
    if (!parameter)
        return false;
    *name = parameter->name;
    *value = parameter->value;
    *help = parameter->help;
    return true;
}
