/* SPDX-License-Identifier: BSL-1.0 */
/* Looks at a conversation that was read before anything runs: every name, expression and line
 * that can be understood without values must be right. file.c calls it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"

struct checker {
    struct simc__conversation *conversation;
    struct simc__conv_context context;
};

static int check_steps(struct checker *c, struct simc__conv_statement *list);

static int check_expression(struct checker *c, struct simc_slice text)
{
    int64_t value;
    return text.size ? simc__conv_evaluate(&c->context, text, &value) : 0;
}

static int check_text(struct checker *c, struct simc_slice text)
{
    struct simc_buffer out;
    bool secret = false;
    if (!simc__conv_has_dollar(text))
        return 0;
    simc_buffer_init(&out, SIMC__CONV_FILE_MAX);
    int error = simc__conv_expand(&c->context, text, &out, &secret);
    simc_buffer_fini(&out);
    return error;
}

static int check_words(struct checker *c, const struct simc__conv_words *words)
{
    int error = 0;
    for (; !error && words; words = words->next)
        error = check_text(c, words->text);
    return error;
}

/* ---- messages ---- */

/* The version by which the names of a message are looked up; 0: any, it is known at run time. */
static uint8_t version_of(const struct checker *c, const struct simc__conv_message *message)
{
    uint64_t version;
    if (message->version.size == 0 || simc__text_read_uint(message->version, &version) ||
        version > 31)
        return c->conversation->head.interface->version;
    return (uint8_t)version;
}

static int check_line_bytes(struct checker *c, uint8_t version, struct simc_slice text)
{
    struct simc_buffer bytes;
    simc_buffer_init(&bytes, SIMC_MSG_SIZE_MAX);
    int error = simc__conv_line_bytes(&c->context, version, text, text.data, &bytes);
    simc_buffer_fini(&bytes);
    return error;
}

/* The name of a parameter, followed by a value that suits every row. */
static int check_parameter_name(struct checker *c, uint8_t version, struct simc_slice name)
{
    struct simc_buffer text, bytes;
    if (name.size == 0 || simc__conv_has_dollar(name))
        return check_text(c, name);
    simc_buffer_init(&text, SIMC__CONV_FILE_MAX + 16);
    simc_buffer_init(&bytes, SIMC_MSG_SIZE_MAX);
    int error = simc_buffer_append(&text, name);
    if (!error)
        error = simc_buffer_append(&text, simc_slice_text(" = bytes:"));
    if (error)
        c->context.trouble->error = error;
    if (!error)
        error = simc__conv_line_bytes(&c->context, version, simc_buffer_bytes(&text), name.data,
                                      &bytes);
    simc_buffer_fini(&text);
    simc_buffer_fini(&bytes);
    return error;
}

static struct simc_slice name_of_line(struct simc_slice text)
{
    struct simc_slice word = simc__conv_word_at(text, 0);
    const uint8_t *sign = word.size ? memchr(word.data, '=', word.size) : NULL;
    if (sign && !simc__conv_has_dollar(word))
        word.size = (size_t)(sign - word.data);
    return word;
}

static int check_sent_line(struct checker *c, uint8_t version, const struct simc__conv_line *line)
{
    int error = check_expression(c, line->when);
    if (error)
        return error;
    if (!simc__conv_has_dollar(line->whole))
        return check_line_bytes(c, version, line->whole);
    struct simc_slice name = name_of_line(line->whole);
    /* A group in braces is looked at when it has its values. */
    error = simc__conv_is(name, "raw") ? 0 : check_parameter_name(c, version, name);
    return error ? error : check_text(c, line->whole);
}

/* The values of checks that are no parameter values but numbers. */
static bool holds_numbers(const struct simc__conv_line *line)
{
    return line->check == SIMC__CONV_IN || line->check == SIMC__CONV_COUNT ||
           line->check == SIMC__CONV_SIZE;
}

static int check_form(struct checker *c, const struct simc__conv_line *line)
{
    static const char *const forms[] = {"empty", "section", "packets", "datagram"};
    struct simc_slice word = line->values->text;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (simc__conv_is(word, forms[i]))
            return 0;
    }
    return simc__conv_fail(&c->context, word.data,
                           "a value can be empty, section, packets or datagram");
}

static int check_value(struct checker *c, uint8_t version, const struct simc__conv_line *line,
                       bool is_event, struct simc_slice value)
{
    bool whole = line->check == SIMC__CONV_EQUAL || line->check == SIMC__CONV_UNEQUAL ||
                 line->check == SIMC__CONV_HAS;
    if (simc__conv_has_dollar(value) && !holds_numbers(line))
        return check_text(c, value);
    if (holds_numbers(line))
        return check_expression(c, value);
    if (!whole || is_event || line->cw_of.size || simc__conv_is_pseudo(line->name) ||
        simc__conv_has_dollar(line->name))
        return 0;
    struct simc_buffer text, bytes;
    simc_buffer_init(&text, SIMC__CONV_FILE_MAX + 16);
    simc_buffer_init(&bytes, SIMC_MSG_SIZE_MAX);
    int error = simc_buffer_append(&text, line->name);
    if (!error)
        error = simc_buffer_append(&text, simc_slice_text(" = "));
    if (!error)
        error = simc_buffer_append(&text, value);
    if (error)
        c->context.trouble->error = error;
    if (!error)
        error = simc__conv_line_bytes(&c->context, version, simc_buffer_bytes(&text), value.data,
                                      &bytes);
    simc_buffer_fini(&text);
    simc_buffer_fini(&bytes);
    return error;
}

static int check_expected_line(struct checker *c, uint8_t version, bool is_event,
                               const struct simc__conv_line *line)
{
    int error = check_expression(c, line->when);
    if (!error)
        error = check_expression(c, line->cw_of);
    if (!error && line->check == SIMC__CONV_IS)
        error = check_form(c, line);
    if (!error)
        error = is_event || simc__conv_is_pseudo(line->name)
                    ? check_text(c, line->name)
                    : check_parameter_name(c, version, line->name);
    for (const struct simc__conv_words *v = line->values; !error && v; v = v->next)
        error = check_value(c, version, line, is_event, v->text);
    return error;
}

static int check_message_name(struct checker *c, struct simc_slice name)
{
    const struct simc_interface *interface = c->conversation->head.interface;
    uint64_t type;
    if (simc__conv_has_dollar(name))
        return check_text(c, name);
    if (simc_message_find_name(interface, name) ||
        (simc__conv_starts(name, "0x") && simc__text_read_uint(name, &type) == 0 &&
         type <= UINT16_MAX))
        return 0;
    return simc__conv_fail(&c->context, name.data,
                           "there is no message " SIMC__CONV_WORD " on %s (write 0x0300 for an "
                           "unknown one)",
                           SIMC__CONV_SHOW(name), interface->name);
}

static int check_raw(struct checker *c, struct simc_slice text)
{
    if (simc__conv_has_dollar(text))
        return check_text(c, text);
    struct simc_buffer line, bytes;
    simc_buffer_init(&line, SIMC__CONV_FILE_MAX + 16);
    simc_buffer_init(&bytes, SIMC_MSG_SIZE_MAX);
    int error = simc_buffer_append(&line, simc_slice_text("raw = "));
    if (!error)
        error = simc_buffer_append(&line, text);
    if (error)
        c->context.trouble->error = error;
    if (!error)
        error = simc__conv_line_bytes(&c->context, 1, simc_buffer_bytes(&line), text.data, &bytes);
    simc_buffer_fini(&line);
    simc_buffer_fini(&bytes);
    return error;
}

static int check_sent(struct checker *c, const struct simc__conv_message *message)
{
    if (simc__conv_starts(message->name, "bytes:"))
        return check_raw(c, message->name);
    int error = check_message_name(c, message->name);
    if (!error)
        error = check_expression(c, message->version);
    if (!error)
        error = check_expression(c, message->length);
    uint8_t version = version_of(c, message);
    for (const struct simc__conv_line *line = message->lines; !error && line; line = line->next)
        error = check_sent_line(c, version, line);
    return error;
}

static int check_what(struct checker *c, const struct simc__conv_what *what)
{
    const struct simc__conv_message *message = &what->message;
    bool is_event = what->kind == SIMC__CONV_EVENT;
    int error = 0;
    if (what->kind == SIMC__CONV_MESSAGE || what->kind == SIMC__CONV_FAULTY)
        error = check_message_name(c, message->name);
    if (!error && !simc__conv_is(message->version, "any"))
        error = check_expression(c, message->version);
    if (!error && message->length.size)
        error = simc__conv_fail(&c->context, message->length.data,
                                "length= is for messages that are sent");
    uint8_t version = version_of(c, message);
    for (const struct simc__conv_line *line = message->lines; !error && line; line = line->next)
        error = check_expected_line(c, version, is_event, line);
    return error;
}

/* ---- steps ---- */

static int find_procedure(struct checker *c, struct simc__conv_statement *s)
{
    const struct simc__conv_procedure *p = c->conversation->procedures;
    while (p && !simc_slice_equal(p->name, s->name))
        p = p->next;
    if (!p)
        return simc__conv_fail(&c->context, s->name.data, "there is no procedure " SIMC__CONV_WORD,
                               SIMC__CONV_SHOW(s->name));
    const struct simc__conv_words *parameter = p->parameters, *word = s->words;
    size_t wanted = 0, given = 0;
    for (; parameter; parameter = parameter->next)
        wanted++;
    for (; word; word = word->next)
        given++;
    if (wanted != given)
        return simc__conv_fail(&c->context, s->name.data,
                               "the procedure " SIMC__CONV_WORD " takes %zu words, not %zu",
                               SIMC__CONV_SHOW(s->name), wanted, given);
    s->procedure = p;
    return 0;
}

static int check_step(struct checker *c, struct simc__conv_statement *s)
{
    bool is_value = s->kind == SIMC__CONV_LET || s->kind == SIMC__CONV_LOCAL ||
                    s->kind == SIMC__CONV_REQUEST || s->kind == SIMC__CONV_NOTE;
    bool is_sentence = s->kind == SIMC__CONV_NEED || s->kind == SIMC__CONV_CHECK;
    int error = check_text(c, s->name);
    if (!error)
        error = is_value ? check_text(c, s->value) : check_expression(c, s->value);
    if (!error)
        error = is_sentence ? check_text(c, s->last) : check_expression(c, s->last);
    if (!error)
        error = check_expression(c, s->from.number);
    if (!error)
        error = check_expression(c, s->until.number);
    if (!error)
        error = check_expression(c, s->every.number);
    if (!error)
        error = check_expression(c, s->piece);
    if (!error)
        error = check_words(c, s->words);
    if (!error && s->kind == SIMC__CONV_CALL)
        error = find_procedure(c, s);
    for (const struct simc__conv_message *m = s->messages; !error && m; m = m->next)
        error = check_sent(c, m);
    for (const struct simc__conv_what *w = s->whats; !error && w; w = w->next)
        error = check_what(c, w);
    if (!error)
        error = check_steps(c, s->body);
    if (error)
        return error;
    /* The blocks of `parallel { } and { }` hang on statements without words of their own. */
    if (s->kind != SIMC__CONV_PARALLEL)
        return check_steps(c, s->other);
    for (struct simc__conv_statement *block = s->other; !error && block; block = block->next)
        error = check_steps(c, block->body);
    return error;
}

static int check_steps(struct checker *c, struct simc__conv_statement *list)
{
    int error = 0;
    for (; !error && list; list = list->next)
        error = check_step(c, list);
    return error;
}

int simc__conv_check_file(struct simc__conversation *conversation,
                          struct simc__conversation_fault *fault)
{
    struct simc__conv_trouble trouble = {0};
    struct checker c = {conversation, {conversation, NULL, &trouble}};
    int error = check_steps(&c, conversation->steps);
    for (const struct simc__conv_procedure *p = conversation->procedures; !error && p; p = p->next)
        error = check_steps(&c, p->body);
    if (!error)
        return 0;
    const char *file = simc__conv_place(conversation, trouble.at, &fault->line, &fault->column);
    snprintf(fault->file, sizeof fault->file, "%s", file);
    snprintf(fault->text, sizeof fault->text, "%s",
             trouble.text[0] ? trouble.text : simc_error_text(error));
    simc__text_disarm(fault->text);
    return error;
}
