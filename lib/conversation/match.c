/* SPDX-License-Identifier: BSL-1.0 */
/* Compares what came with what was expected, line by line. Runs call it. */
#include "conversation/match.h"

#include <string.h>

#include "base/text.h"
#include "conversation/reader.h"

enum { TABLE_ID_FIRST = 0x80 };

#define WHY(m, ...) ((void)simc__conv_format((m)->why, SIMC__CONVERSATION_TEXT_SIZE, __VA_ARGS__))

/* ---- checks ---- */

#define NAME(line) \
    (int)((line)->name.size < 60 ? (line)->name.size : 60), (const char *)(line)->name.data

static int check_equal(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                       const struct simc__conv_found *found, bool *fits)
{
    char wanted[SIMC__CONV_SHOWN_MAX], came[SIMC__CONV_SHOWN_MAX];
    bool any_of_all = line->check == SIMC__CONV_HAS;
    simc__conv_show_wanted(m, line, found, wanted);
    if (found->count == 0 || (!any_of_all && found->count > 1)) {
        *fits = false;
        WHY(m,
            found->count ? "%.*s is there %zu times instead of once, with %s"
                         : "%.*s is not there (%zu times); it should be %s",
            NAME(line), found->count, wanted);
        return 0;
    }
    bool equal = false;
    for (size_t i = 0; i < simc__conv_kept(found) && !equal; i++) {
        for (const struct simc__conv_words *v = line->values; v && !equal; v = v->next) {
            int error = simc__conv_equals(m, line, found, found->values[i], v->text, &equal);
            if (error)
                return error;
        }
    }
    *fits = equal != (line->check == SIMC__CONV_UNEQUAL);
    simc__conv_show(found, found->values[0], came);
    if (!*fits)
        WHY(m, equal ? "%.*s is %s, and should not be %s" : "%.*s is %s and not %s", NAME(line),
            came, wanted);
    return 0;
}

/* The range of a line: A .. B, or one number. */
static int range_of(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                    int64_t *low, int64_t *high)
{
    int error = simc__conv_evaluate(m->context, line->values->text, low);
    *high = *low;
    if (!error && line->values->next)
        error = simc__conv_evaluate(m->context, line->values->next->text, high);
    return error;
}

static int check_in(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                    const struct simc__conv_found *found, bool *fits)
{
    int64_t low, high, number = 0;
    char came[SIMC__CONV_SHOWN_MAX] = "missing";
    int error = range_of(m, line, &low, &high);
    if (error)
        return error;
    *fits = found->count == 1 && simc__conv_number_of(found, found->values[0], &number) &&
            number >= low && number <= high;
    if (found->count)
        simc__conv_show(found, found->values[0], came);
    if (!*fits)
        WHY(m, "%.*s is %s%s and not one number in %lld .. %lld", NAME(line), came,
            found->count > 1 ? " (and more)" : "", (long long)low, (long long)high);
    return 0;
}

static int check_presence(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                          const struct simc__conv_found *found, bool *fits)
{
    bool wanted = line->check == SIMC__CONV_ANY;
    *fits = wanted == (found->count > 0);
    if (!*fits)
        WHY(m, wanted ? "%.*s is not there" : "%.*s is there and should not be", NAME(line));
    return 0;
}

static int check_count(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                       const struct simc__conv_found *found, bool *fits)
{
    int64_t low, high;
    int error = range_of(m, line, &low, &high);
    *fits = (int64_t)found->count >= low && (int64_t)found->count <= high;
    if (!error && !*fits)
        WHY(m, "%.*s is there %zu times and not %lld .. %lld times", NAME(line), found->count,
            (long long)low, (long long)high);
    return error;
}

static int check_size(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                      const struct simc__conv_found *found, bool *fits)
{
    int64_t low, high;
    int error = range_of(m, line, &low, &high);
    *fits = found->count > 0;
    if (!*fits)
        WHY(m, "%.*s is not there", NAME(line));
    for (size_t i = 0; !error && *fits && i < simc__conv_kept(found); i++) {
        int64_t size = (int64_t)found->values[i].size;
        *fits = size >= low && size <= high;
        if (!*fits)
            WHY(m, "%.*s has %lld bytes and not %lld .. %lld", NAME(line), (long long)size,
                (long long)low, (long long)high);
    }
    return error;
}

/* Why bytes are not of a form; NULL: they are. */
static const char *form_fault(const struct simc__conv_matcher *m, struct simc_slice form,
                              struct simc_slice value)
{
    bool is_section = simc__conv_is(form, "section"), is_packets = simc__conv_is(form, "packets");
    if (simc__conv_is(form, "empty"))
        return value.size ? "it is not empty" : NULL;
    if (simc__conv_is(form, "datagram")) {
        const struct simc__conv_variable *flag =
            simc__conv_find(m->context->scope, simc_slice_text("section_TSpkt_flag"));
        is_section = !flag || strcmp(flag->value, "0") == 0;
        is_packets = flag && strcmp(flag->value, "1") == 0;
        if (value.size == 0)
            return NULL;
    }
    if (is_packets)
        return simc__conversation_packets_fault(value);
    const char *fault = is_section ? simc__conversation_section_fault(value) : NULL;
    if (!fault && is_section && (value.data[0] & 0xf0) != TABLE_ID_FIRST)
        return "its table_id is not 0x80 to 0x8f";
    return fault;
}

static int check_is(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                    const struct simc__conv_found *found, bool *fits)
{
    const char *fault = found->count == 1 ? NULL : "it is not there once";
    if (!fault)
        fault = form_fault(m, line->values->text, found->values[0]);
    *fits = !fault;
    if (fault)
        WHY(m, "%.*s is no %.*s: %s", NAME(line), SIMC__CONV_SHOW(line->values->text), fault);
    return 0;
}

static int check_contains(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                          const struct simc__conv_found *found, bool *fits)
{
    bool wanted = line->check == SIMC__CONV_CONTAINS, contained = false, secret = false;
    struct simc_buffer text, bytes;
    int error = simc__conv_expand_text(m, line->values->text, &text, &secret);
    if (error)
        return error;
    error = simc__conv_read_hex(m, simc_buffer_bytes(&text), line->values->text.data, &bytes);
    simc_buffer_fini(&text);
    if (error)
        return error;
    struct simc_slice needle = simc_buffer_bytes(&bytes);
    for (size_t i = 0; i < simc__conv_kept(found); i++) {
        struct simc_slice value = found->values[i];
        contained = contained || needle.size == 0 ||
                    (value.size && memmem(value.data, value.size, needle.data, needle.size));
    }
    simc_buffer_fini(&bytes);
    *fits = contained == wanted;
    if (!*fits)
        WHY(m, wanted ? "%.*s does not contain %.*s" : "%.*s contains %.*s", NAME(line),
            (int)line->values->text.size, (const char *)line->values->text.data);
    return 0;
}

static int check_cps(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                     const struct simc__conv_found *found, bool *fits)
{
    struct simc_buffer text;
    bool secret = false, used[SIMC__CONV_FOUND_MAX] = {false};
    size_t count = 0;
    int error = simc__conv_expand_text(m, line->values->text, &text, &secret);
    if (error)
        return error;
    struct simc_slice rest = simc__conv_trim(simc_buffer_bytes(&text));
    *fits = true;
    while (*fits && rest.size) {
        struct simc_slice word = simc__conv_word_at(rest, 0);
        uint64_t cp_number;
        if (word.size == 0 || simc__text_read_uint(word, &cp_number)) {
            error = simc__conv_fail(m->context, line->values->text.data,
                                    "CP numbers with blanks between them are expected here");
            break;
        }
        size_t i = 0;
        while (i < simc__conv_kept(found) &&
               (used[i] || found->values[i].size < 2 ||
                simc__conv_number_in(simc_slice(found->values[i].data, 2), false) !=
                    (int64_t)cp_number))
            i++;
        *fits = i < simc__conv_kept(found);
        if (*fits)
            used[i] = true;
        count++;
        rest = simc__conv_trim(simc_slice(word.data + word.size, rest.size - word.size));
    }
    *fits = *fits && count == found->count;
    if (!error && !*fits)
        WHY(m, "%.*s are %zu, and not exactly those of CP %.*s", NAME(line), found->count,
            (int)(text.size < 80 ? text.size : 80), (const char *)simc_buffer_bytes(&text).data);
    simc_buffer_fini(&text);
    return error;
}

static int (*const checks[])(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                             const struct simc__conv_found *found, bool *fits) = {
    [SIMC__CONV_EQUAL] = check_equal,    [SIMC__CONV_UNEQUAL] = check_equal,
    [SIMC__CONV_HAS] = check_equal,      [SIMC__CONV_IN] = check_in,
    [SIMC__CONV_ANY] = check_presence,   [SIMC__CONV_ABSENT] = check_presence,
    [SIMC__CONV_COUNT] = check_count,    [SIMC__CONV_SIZE] = check_size,
    [SIMC__CONV_IS] = check_is,          [SIMC__CONV_CONTAINS] = check_contains,
    [SIMC__CONV_LACKS] = check_contains, [SIMC__CONV_CPS] = check_cps,
};

static int match_line(struct simc__conv_matcher *m, const struct simc__conv_line *line, bool *fits)
{
    struct simc__conv_found found;
    int64_t wanted = 1;
    int error = line->when.size ? simc__conv_evaluate(m->context, line->when, &wanted) : 0;
    if (error || !wanted)
        return error;
    error = simc__conv_occurrences(m, line, &found);
    if (!error)
        error = checks[line->check](m, line, &found, fits);
    simc_buffer_fini(&found.memory);
    return error;
}

/* ---- whole messages ---- */

/* Writes the name of a message or event as the file could have it. */
static void item_name(const struct simc_interface *interface, const struct simc__conv_item *item,
                      char name[64])
{
    const struct simc_message_row *row = NULL;
    unsigned type = 0;
    if (!item->is_event && item->bytes.size >= 3) {
        type = (unsigned)item->bytes.data[1] << 8 | item->bytes.data[2];
        row = simc_message_find((uint16_t)type);
    }
    if (item->is_event)
        (void)simc__conv_format(name, 64, "%s", item->name);
    else if (row && row->interface == interface)
        (void)simc__conv_format(name, 64, "%s", row->name);
    else
        (void)simc__conv_format(name, 64, "0x%04x", type);
}

bool simc__conv_names(const struct simc__conv_context *context, const struct simc__conv_what *what,
                      const struct simc__conv_item *item)
{
    struct simc__conv_trouble unwanted = {0};
    struct simc__conv_context own = *context;
    struct simc_buffer wanted;
    bool secret = false;
    char name[64];
    uint64_t type;
    if (what->kind == SIMC__CONV_ANYTHING)
        return !item->is_event;
    if ((what->kind == SIMC__CONV_EVENT) != item->is_event || what->kind == SIMC__CONV_CLOSED ||
        what->kind == SIMC__CONV_NOTHING)
        return false;
    own.trouble = &unwanted;
    simc_buffer_init(&wanted, SIMC__CONV_TEXT_MAX);
    item_name(context->conversation->head.interface, item, name);
    int error = simc__conv_expand(&own, what->message.name, &wanted, &secret);
    struct simc_slice text = simc_buffer_bytes(&wanted);
    bool same = !error && simc__conv_is_name(text, name);
    /* A known message may be named by its type too. */
    if (!error && !same && !item->is_event && simc__conv_starts(text, "0x") &&
        item->bytes.size >= 3 && simc__text_read_uint(text, &type) == 0)
        same = type == ((uint64_t)item->bytes.data[1] << 8 | item->bytes.data[2]);
    simc_buffer_fini(&wanted);
    return same;
}

/* The version that the message is to have; -1: any. */
static int wanted_version(const struct simc__conv_matcher *m, int64_t *version)
{
    struct simc_slice text = m->what->message.version;
    *version = -1;
    if (simc__conv_is(text, "any"))
        return 0;
    if (text.size)
        return simc__conv_evaluate(m->context, text, version);
    const struct simc__conv_variable *variable =
        simc__conv_find(m->context->scope, simc_slice_text("version"));
    if (variable && simc__text_read_int(simc_slice(variable->value, variable->size), version))
        return simc__conv_fail(m->context, m->what->message.name.data,
                               "the variable 'version' holds no number");
    return 0;
}

static int match_head(struct simc__conv_matcher *m, bool *fits)
{
    const struct simc_rules rules = {.interface = m->context->conversation->head.interface};
    struct simc_fault fault;
    int64_t version;
    bool is_faulty = simc_msg_decode(&rules, m->item->bytes, &m->msg, &fault) != 0;
    m->version = m->msg.version;
    if (m->what->kind == SIMC__CONV_ANYTHING)
        return 0;
    int error = wanted_version(m, &version);
    if (error)
        return error;
    if (version >= 0 && version != m->msg.version) {
        *fits = false;
        WHY(m, "its version is %u and not %lld", m->msg.version, (long long)version);
    } else if (is_faulty != (m->what->kind == SIMC__CONV_FAULTY)) {
        struct simc_writer out = simc_writer(m->why, SIMC__CONVERSATION_TEXT_SIZE - 1);
        *fits = false;
        if (is_faulty)
            simc_fault_text(&fault, &m->msg, &out);
        else
            simc__text_put(&out, "it has no fault");
        m->why[out.error ? SIMC__CONVERSATION_TEXT_SIZE - 1 : out.at] = '\0';
    }
    return 0;
}

int simc__conv_match(const struct simc__conv_context *context, const struct simc__conv_what *what,
                     const struct simc__conv_item *item, bool *fits,
                     char why[SIMC__CONVERSATION_TEXT_SIZE])
{
    struct simc__conv_matcher m = {.context = context, .what = what, .item = item, .why = why};
    why[0] = '\0';
    *fits = simc__conv_names(context, what, item);
    if (!*fits)
        return 0;
    int error = item->is_event ? 0 : match_head(&m, fits);
    const struct simc__conv_line *line = what->message.lines;
    for (; !error && *fits && line; line = line->next)
        error = match_line(&m, line, fits);
    return error;
}

/* ---- captures ---- */

static int capture_value(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                         const struct simc__conv_found *found, struct simc_buffer *out)
{
    struct simc_slice value = found->values[0];
    uint8_t text[24];
    struct simc_writer writer = simc_writer(text, sizeof text);
    int64_t number;
    int error;
    if (found->is_text)
        return simc_buffer_append(out, value);
    if (found->row && found->row->type == SIMC_VALUE_BOOL && value.size == 1)
        return simc_buffer_append(out, simc_slice_text(value.data[0] ? "true" : "false"));
    if (line->cw_of.size == 0 && simc__conv_number_of(found, value, &number)) {
        simc__text_printf(&writer, "%lld", (long long)number);
        return simc_buffer_append(out, simc_slice(text, writer.at));
    }
    uint8_t *room;
    const char *prefix = line->cw_of.size ? "" : "bytes:";
    error = simc_buffer_append(out, simc_slice_text(prefix));
    if (!error)
        error = simc_buffer_reserve(out, 2 * value.size + 1, &room);
    if (error)
        return error;
    writer = simc_writer(room, 2 * value.size);
    simc__text_put_hex(&writer, value);
    simc_buffer_commit(out, writer.at);
    (void)m;
    return 0;
}

static int capture_line(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                        struct simc__conv_scope *scope, struct simc__conv_scope *global)
{
    struct simc__conv_found found;
    struct simc_buffer text;
    int64_t wanted = 1;
    int error = line->when.size ? simc__conv_evaluate(m->context, line->when, &wanted) : 0;
    if (error || !wanted)
        return error;
    error = simc__conv_occurrences(m, line, &found);
    if (!error && found.count) {
        simc_buffer_init(&text, SIMC__CONV_TEXT_MAX);
        error = capture_value(m, line, &found, &text);
        struct simc__conv_scope *owner = scope;
        while (owner && owner != global) {
            struct simc__conv_scope alone = {NULL, owner->variables};
            if (simc__conv_find(&alone, line->capture))
                break;
            owner = owner->parent;
        }
        if (!error)
            error = simc__conv_set(owner ? owner : global, line->capture, simc_buffer_bytes(&text),
                                   found.secret);
        if (error)
            m->context->trouble->error = error;
        simc_buffer_fini(&text);
    }
    simc_buffer_fini(&found.memory);
    return error;
}

int simc__conv_capture(const struct simc__conv_context *context, const struct simc__conv_what *what,
                       const struct simc__conv_item *item, struct simc__conv_scope *scope,
                       struct simc__conv_scope *global)
{
    struct simc__conv_matcher m = {.context = context, .what = what, .item = item};
    int error = 0;
    if (!item->is_event) {
        const struct simc_rules rules = {.interface = context->conversation->head.interface};
        (void)!simc_msg_decode(&rules, item->bytes, &m.msg, NULL);
        m.version = m.msg.version;
    }
    for (const struct simc__conv_line *line = what->message.lines; !error && line;
         line = line->next) {
        if (line->capture.size)
            error = capture_line(&m, line, scope, global);
    }
    return error;
}
