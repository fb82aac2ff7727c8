/* SPDX-License-Identifier: BSL-1.0 */
/* Messages of a conversation: from the lines of the file to bytes, and from bytes to one line for
 * a report. Checks of a file, matching and runs use it. */
#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"

enum { DESCRIPTION_MAX = 4096 };

static int put_text(const struct simc__conv_context *context, struct simc_buffer *out,
                    const char *text)
{
    int error = simc_buffer_append(out, simc_slice_text(text));
    if (error)
        context->trouble->error = error;
    return error;
}

static bool is_version_of(const struct simc_interface *interface, int64_t version)
{
    return version >= 0 && version < 32 && (interface->versions >> version & 1);
}

/* Reads a whole message text into bytes behind those of `out`.
 * @return 0, SIMC_ESYNTAX with the parser's fault, or another error noted in the context. */
static int parse(const struct simc__conv_context *context, const uint8_t *at,
                 struct simc_slice text, struct simc_buffer *out, struct simc_parse_fault *fault)
{
    uint8_t *room;
    int error = simc_buffer_reserve(out, SIMC_MSG_SIZE_MAX, &room);
    if (error) {
        if (error == SIMC_EFULL)
            return simc__conv_fail(context, at, "too much is sent at once");
        context->trouble->error = error;
        return error;
    }
    struct simc_writer writer = simc_writer(room, SIMC_MSG_SIZE_MAX);
    error = simc_msg_parse(text, &writer, NULL, NULL, fault);
    if (error == SIMC_ESYNTAX)
        return error;
    if (error)
        return simc__conv_fail(context, at, "the message is longer than %d bytes",
                               SIMC_MSG_SIZE_MAX);
    simc_buffer_commit(out, writer.at);
    return 0;
}

/* ---- one line ---- */

int simc__conv_line_bytes(const struct simc__conv_context *context, uint8_t version,
                          struct simc_slice line, const uint8_t *at, struct simc_buffer *out)
{
    const struct simc_interface *interface = context->conversation->head.interface;
    struct simc_buffer text, message;
    struct simc_parse_fault fault;
    char head[80];
    simc_buffer_init(&text, SIMC__CONV_TEXT_MAX + 200);
    simc_buffer_init(&message, SIMC_MSG_SIZE_MAX);
    if (!is_version_of(interface, version))
        version = interface->version;
    (void)simc__conv_format(head, sizeof head, "%s 0x0001 version=%u {\n", interface->name,
                            version);
    int error = put_text(context, &text, head);
    if (!error && simc_buffer_append(&text, line))
        error = simc__conv_fail(context, at, "the line grows too long");
    if (!error)
        error = put_text(context, &text, "\n}\n");
    if (!error)
        error = parse(context, at, simc_buffer_bytes(&text), &message, &fault);
    if (error == SIMC_ESYNTAX && !context->trouble->error) {
        /* Where the line stands as it is in the file, its column is that of the fault. */
        bool as_written = at == line.data && fault.line == 2;
        error = simc__conv_fail(context, as_written ? at + fault.column - 1 : at, "%s", fault.text);
    }
    struct simc_slice bytes = simc_buffer_bytes(&message);
    if (!error && simc_buffer_append(out, simc_slice(bytes.data + SIMC_MSG_HEADER_SIZE,
                                                     bytes.size - SIMC_MSG_HEADER_SIZE)))
        error = context->trouble->error = SIMC_ENOMEM;
    simc_buffer_fini(&text);
    simc_buffer_fini(&message);
    return error;
}

/* ---- whole messages ---- */

static int put_line(const struct simc__conv_context *context, const struct simc__conv_line *line,
                    struct simc_buffer *text)
{
    bool secret = false;
    int64_t wanted = 1;
    int error = line->when.size ? simc__conv_evaluate(context, line->when, &wanted) : 0;
    if (error || !wanted)
        return error;
    error = simc__conv_expand(context, line->whole, text, &secret);
    return error ? error : put_text(context, text, "\n");
}

/* Finds the line to blame for a text that the parser refused as a whole. */
static int blame(const struct simc__conv_context *context, const struct simc__conv_message *message,
                 uint8_t version, const struct simc_parse_fault *fault)
{
    for (const struct simc__conv_line *line = message->lines; line; line = line->next) {
        struct simc_buffer text, bytes;
        simc_buffer_init(&text, SIMC__CONV_TEXT_MAX);
        simc_buffer_init(&bytes, SIMC_MSG_SIZE_MAX);
        int error = put_line(context, line, &text);
        /* The line end that put_line() adds is the parser's own. */
        if (!error && text.size > 1)
            error = simc__conv_line_bytes(context, version, simc_buffer_bytes(&text),
                                          line->whole.data, &bytes);
        simc_buffer_fini(&text);
        simc_buffer_fini(&bytes);
        if (error)
            return error;
    }
    return simc__conv_fail(context, message->name.data, "%s", fault->text);
}

static int number_text(const struct simc__conv_context *context, struct simc_slice text,
                       int64_t most, const char *what, int64_t *value)
{
    int error = simc__conv_evaluate(context, text, value);
    if (!error && (*value < 0 || *value > most))
        return simc__conv_fail(context, text.data, "%s is 0 to %lld", what, (long long)most);
    return error;
}

/* The protocol_version of a message. */
static int message_version(const struct simc__conv_context *context,
                           const struct simc__conv_message *message, int64_t *version)
{
    if (message->version.size)
        return number_text(context, message->version, UINT8_MAX, "a protocol_version", version);
    const struct simc__conv_variable *variable =
        simc__conv_find(context->scope, simc_slice_text("version"));
    *version = context->conversation->head.interface->version;
    if (!variable)
        return 0;
    if (simc__text_read_int(simc_slice(variable->value, variable->size), version) || *version < 0 ||
        *version > UINT8_MAX)
        return simc__conv_fail(context, message->name.data,
                               "the variable 'version' holds no protocol_version (0 to 255)");
    return 0;
}

static int put_head(const struct simc__conv_context *context,
                    const struct simc__conv_message *message, int64_t version,
                    struct simc_buffer *text)
{
    char attributes[64];
    bool secret = false;
    int64_t length = 0;
    int error = put_text(context, text, context->conversation->head.interface->name);
    if (!error)
        error = put_text(context, text, " ");
    if (!error)
        error = simc__conv_expand(context, message->name, text, &secret);
    if (!error && message->length.size)
        error = number_text(context, message->length, UINT16_MAX, "a message_length", &length);
    if (error)
        return error;
    (void)simc__conv_format(attributes, sizeof attributes,
                            message->length.size ? " version=%lld length=%lld {\n"
                                                 : " version=%lld {\n",
                            (long long)version, (long long)length);
    return put_text(context, text, attributes);
}

static int build_text(const struct simc__conv_context *context,
                      const struct simc__conv_message *message, int64_t version,
                      struct simc_buffer *text)
{
    int error = put_head(context, message, version, text);
    for (const struct simc__conv_line *line = message->lines; !error && line; line = line->next)
        error = put_line(context, line, text);
    return error ? error : put_text(context, text, "}\n");
}

static int build_raw(const struct simc__conv_context *context, struct simc_slice name,
                     struct simc_buffer *out)
{
    struct simc_buffer text;
    bool secret = false;
    simc_buffer_init(&text, SIMC__CONV_TEXT_MAX);
    int error = put_text(context, &text, "raw = ");
    if (!error)
        error = simc__conv_expand(context, name, &text, &secret);
    struct simc_parse_fault fault;
    if (!error)
        error = parse(context, name.data, simc_buffer_bytes(&text), out, &fault);
    if (error == SIMC_ESYNTAX && !context->trouble->error)
        error = simc__conv_fail(context, name.data, "%s", fault.text);
    simc_buffer_fini(&text);
    return error;
}

int simc__conv_build(const struct simc__conv_context *context,
                     const struct simc__conv_message *message, struct simc_buffer *out)
{
    const struct simc_interface *interface = context->conversation->head.interface;
    if (simc__conv_starts(message->name, "bytes:"))
        return build_raw(context, message->name, out);
    int64_t version;
    int error = message_version(context, message, &version);
    if (error)
        return error;
    /* Of a version that the interface does not have, the names are those of its own one. */
    int64_t named = is_version_of(interface, version) ? version : interface->version;
    struct simc_buffer text;
    struct simc_parse_fault fault;
    size_t start = out->size;
    simc_buffer_init(&text, SIMC__CONV_TEXT_MAX);
    error = build_text(context, message, named, &text);
    if (error == SIMC_EFULL)
        error = simc__conv_fail(context, message->name.data, "the message grows too long");
    if (!error)
        error = parse(context, message->name.data, simc_buffer_bytes(&text), out, &fault);
    if (error == SIMC_ESYNTAX && !context->trouble->error)
        error = blame(context, message, (uint8_t)named, &fault);
    if (!error)
        out->memory[out->start + start] = (uint8_t)version;
    simc_buffer_fini(&text);
    return error;
}

/* ---- for people ---- */

/* Puts the lines of a text on one, with ';' between them. */
static void join(struct simc_slice text, struct simc_writer *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c != '\n') {
            simc_writer_u8(out, c);
            continue;
        }
        bool opened = i && text.data[i - 1] == '{';
        while (i + 1 < text.size && text.data[i + 1] <= ' ')
            i++;
        if (i + 1 == text.size)
            return;
        simc__text_put(out, opened || text.data[i + 1] == '}' ? " " : "; ");
    }
}

void simc__conv_describe(const struct simc_interface *interface, struct simc_slice bytes,
                         char *text, size_t size)
{
    char lines[DESCRIPTION_MAX], joined[DESCRIPTION_MAX];
    const struct simc_rules rules = {.interface = interface};
    const struct simc_print how = {.plain = true};
    struct simc_msg msg;
    struct simc_fault fault;
    int error = simc_msg_decode(&rules, bytes, &msg, &fault);
    struct simc_writer printed = simc_writer(lines, sizeof lines);
    struct simc_writer out = simc_writer(joined, sizeof joined - 1);
    simc_msg_print(&msg, error ? &fault : NULL, &how, &printed);
    if (!printed.error)
        join(simc_slice(lines, printed.at), &out);
    if (printed.error || out.error) {
        (void)simc__conv_format(text, size, "%s of %zu bytes",
                                msg.row ? msg.row->name : "a message", bytes.size);
        return;
    }
    joined[out.at] = '\0';
    if (simc__conv_format(text, size, "%s", joined) >= (int)size)
        memcpy(text + size - 4, "...", 4);
    simc__text_disarm(text);
}
