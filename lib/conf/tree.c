/* SPDX-License-Identifier: BSL-1.0 */
/* Reads YAML into a bounded tree with libyaml's event parser; see internal.h. Anchors, aliases,
 * tags, merge keys and second documents, which make one text mean different things to different
 * readers, are faults here. */
#include <string.h>
#include <yaml.h>

#include "conf/internal.h"

/* A list or map that is open. */
struct frame {
    struct simc__conf_node *node; /* NULL: its nodes are dropped, their fault has been noted */
    bool is_map;
    bool has_key;          /* the next node is the value of `key` */
    struct simc_slice key; /* data NULL: a key whose fault has been noted */
    struct simc__conf_mark key_mark;
    size_t index;                  /* of the next item of a list */
    struct simc__conf_place place; /* of the node being read inside */
};

struct builder {
    struct simc__conf_tree *tree;
    struct simc__conf_faults *faults;
    const struct simc__conf_mark *at;
    struct simc__conf_place top;
    struct frame frames[SIMC__CONF_DEPTH_MAX];
    size_t depth;
    unsigned documents;
    bool ended; /* by the end of the text, or by a fault */
};

static struct simc__conf_mark mark_of(const struct builder *b, const yaml_mark_t *mark)
{
    struct simc__conf_mark result = {(unsigned)mark->line + 1, (unsigned)mark->column + 1};
    return b->at ? *b->at : result;
}

/* True for the text of a secret file, but not for defaults of its rows. */
static bool is_masked(const struct builder *b)
{
    return b->tree->masked.original.data && !b->at;
}

static struct frame *inner(struct builder *b)
{
    return b->depth ? &b->frames[b->depth - 1] : NULL;
}

static const struct simc__conf_place *place_up(struct builder *b)
{
    return b->depth > 1 ? &b->frames[b->depth - 2].place : &b->top;
}

/* The place of the node that the next event begins. */
static const struct simc__conf_place *place_of(struct builder *b)
{
    struct frame *f = inner(b);
    if (!f)
        return &b->top;
    if (f->is_map && !f->has_key)
        return place_up(b);
    f->place = f->is_map && f->key.data ? simc__conf_place_key(place_up(b), f->key)
                                        : simc__conf_place_index(place_up(b), f->index);
    return &f->place;
}

static void stop(struct builder *b)
{
    b->tree->partial = true;
    b->ended = true;
}

/* ---- nodes ---- */

static struct simc__conf_node *new_node(struct builder *b, enum simc__conf_kind kind,
                                        struct simc__conf_mark mark)
{
    if (b->tree->count == SIMC__CONF_NODES_MAX) {
        simc__conf_fault_add(b->faults, NULL, mark,
                             "this is value %d of the file; there may be at most %d",
                             SIMC__CONF_NODES_MAX + 1, SIMC__CONF_NODES_MAX);
        stop(b);
        return NULL;
    }
    struct simc__conf_node *node = simc__conf_arena_take(&b->tree->arena, 1, sizeof *node);
    if (!node) {
        stop(b);
        return NULL;
    }
    b->tree->count++;
    node->kind = kind;
    node->mark = mark;
    return node;
}

/* Puts a node where the builder stands. */
static void attach(struct builder *b, struct simc__conf_node *node)
{
    struct frame *f = inner(b);
    if (!f) {
        b->tree->root = node;
        return;
    }
    f->index++;
    f->has_key = false;
    if (!f->node)
        return;
    node->key = f->key;
    node->key_mark = f->key_mark;
    if (f->node->last)
        f->node->last->next = node;
    else
        f->node->first = node;
    f->node->last = node;
    f->node->count++;
}

/* @return the map that waits for a key, or NULL. */
static struct frame *wants_key(struct builder *b)
{
    struct frame *f = inner(b);
    return f && f->is_map && !f->has_key ? f : NULL;
}

static void set_bad_key(struct frame *f)
{
    f->has_key = true;
    f->key = simc_slice(NULL, 0);
}

/* Anchors and tags, which scalars, lists and maps may all carry. */
static void check_properties(struct builder *b, const yaml_char_t *anchor, const yaml_char_t *tag,
                             struct simc__conf_mark mark)
{
    if (anchor)
        simc__conf_fault_add(b->faults, place_of(b), mark,
                             "anchors such as &%.32s are not supported; write each value out "
                             "(or put the value in quotes)",
                             is_masked(b) ? "x" : (const char *)anchor);
    if (tag)
        simc__conf_fault_add(b->faults, place_of(b), mark,
                             "tags such as %.32s are not supported; remove it (or put the value "
                             "in quotes)",
                             is_masked(b) ? "!x" : (const char *)tag);
}

/* ---- events ---- */

static void on_key(struct builder *b, struct frame *f, const yaml_event_t *event,
                   struct simc__conf_mark mark)
{
    struct simc_slice text = simc_slice(event->data.scalar.value, event->data.scalar.length);
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const struct simc__conf_place *place = place_of(b);
    if (plain && text.size == 2 && memcmp(text.data, "<<", 2) == 0) {
        simc__conf_fault_add(b->faults, place, mark,
                             "merge keys (<<) are not supported; write the keys out");
        set_bad_key(f);
        return;
    }
    if (text.size == 0 || text.size > SIMC__CONF_TEXT_MAX) {
        simc__conf_fault_add(b->faults, place, mark,
                             text.size ? "this key is too long" : "there is no key before the ':'");
        set_bad_key(f);
        return;
    }
    char *copy = simc__conf_arena_text(&b->tree->arena, text);
    if (!copy) {
        stop(b);
        return;
    }
    if (is_masked(b))
        simc__conf_mask_scattered(copy, text.size);
    f->has_key = true;
    f->key = simc_slice(copy, text.size);
    f->key_mark = mark;
}

static void on_scalar(struct builder *b, const yaml_event_t *event)
{
    struct simc__conf_mark mark = mark_of(b, &event->start_mark);
    check_properties(b, event->data.scalar.anchor, event->data.scalar.tag, mark);
    struct frame *f = wants_key(b);
    if (f) {
        on_key(b, f, event, mark);
        return;
    }
    struct simc__conf_node *node = new_node(b, SIMC__CONF_NODE_SCALAR, mark);
    if (!node)
        return;
    struct simc_slice text = simc_slice(event->data.scalar.value, event->data.scalar.length);
    char *copy = simc__conf_arena_text(&b->tree->arena, text);
    if (!copy) {
        stop(b);
        return;
    }
    node->text = node->raw = simc_slice(copy, text.size);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (is_masked(b)) {
        simc__conf_mask_scattered(copy, text.size);
        node->raw = simc__conf_unmask(&b->tree->masked, event->start_mark.index,
                                      event->end_mark.index, text, node->plain);
    }
    attach(b, node);
}

static void on_alias(struct builder *b, const yaml_event_t *event)
{
    struct simc__conf_mark mark = mark_of(b, &event->start_mark);
    simc__conf_fault_add(b->faults, place_of(b), mark,
                         "aliases such as *%.32s are not supported; write the value out (or put "
                         "it in quotes)",
                         is_masked(b) ? "x" : (const char *)event->data.alias.anchor);
    struct frame *f = wants_key(b);
    if (f) {
        set_bad_key(f);
        return;
    }
    struct simc__conf_node *node = new_node(b, SIMC__CONF_NODE_BAD, mark);
    if (node)
        attach(b, node);
}

static void on_open(struct builder *b, bool is_map, struct simc__conf_mark mark)
{
    if (b->depth == SIMC__CONF_DEPTH_MAX) {
        simc__conf_fault_add(b->faults, place_of(b), mark,
                             "lists and maps are nested deeper than %d levels",
                             SIMC__CONF_DEPTH_MAX);
        stop(b);
        return;
    }
    struct simc__conf_node *node =
        new_node(b, is_map ? SIMC__CONF_NODE_MAP : SIMC__CONF_NODE_LIST, mark);
    if (!node)
        return;
    (void)place_of(b);
    struct frame *f = wants_key(b);
    if (f) {
        simc__conf_fault_add(b->faults, place_of(b), mark,
                             "a key must be a word, not a list or map (a value that begins with "
                             "[ or { needs quotes)");
        set_bad_key(f);
        node = NULL;
    } else {
        attach(b, node);
    }
    f = &b->frames[b->depth++];
    memset(f, 0, sizeof *f);
    f->node = node;
    f->is_map = is_map;
}

static void on_document(struct builder *b, const yaml_event_t *event)
{
    if (b->documents++ == 0)
        return;
    simc__conf_fault_add(b->faults, NULL, mark_of(b, &event->start_mark),
                         "a second document begins here; a configuration is one document (remove "
                         "this line)");
    b->ended = true;
}

static void on_event(struct builder *b, const yaml_event_t *event)
{
    struct simc__conf_mark mark = mark_of(b, &event->start_mark);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(b, event);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(b, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        check_properties(b, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                         mark);
        on_open(b, false, mark);
        break;
    case YAML_MAPPING_START_EVENT:
        check_properties(b, event->data.mapping_start.anchor, event->data.mapping_start.tag, mark);
        on_open(b, true, mark);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        break;
    case YAML_DOCUMENT_START_EVENT:
        on_document(b, event);
        break;
    case YAML_STREAM_END_EVENT:
        b->ended = true;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
}

/* ---- faults of the parser ---- */

struct problem {
    const char *part; /* of libyaml's text */
    char at;          /* the character at the mark, or 0 for any */
    const char *why;
    const char *opened; /* NULL, or goes before the number of the line where it began */
};

static const struct problem problems[] = {
    {"cannot start any token", '\t', "a tab cannot indent; use blanks", NULL},
    {"cannot start any token", 0,
     "a value cannot begin with this character; put the value in quotes", NULL},
    {"found a tab character", 0, "a tab cannot indent; use blanks", NULL},
    {"mapping values are not allowed", 0,
     "a ':' is not expected here; check the indentation, and put values that hold ': ' in quotes",
     NULL},
    {"block sequence entries are not allowed", 0,
     "a '-' is not expected here; put the list on lines of its own", NULL},
    {"did not find expected key", 0,
     "a key is expected here; check the indentation, and put values that begin with [ { or a quote "
     "in quotes as a whole",
     "the map begins in line"},
    {"did not find expected node content", 0,
     "a value is expected here; put values that begin with [ or { in quotes", NULL},
    {"did not find expected '-' indicator", 0, "a '-' is expected here; check the indentation",
     "the list begins in line"},
    {"could not find expected ':'", 0,
     "a ':' is missing behind the key in this line or the one before", NULL},
    {"did not find expected ',' or ']'", 0, "a ',' or ']' is expected here",
     "the list begins in line"},
    {"did not find expected ',' or '}'", 0, "a ',' or '}' is expected here",
     "the map begins in line"},
    {"found unexpected end of stream", 0, "the quotes do not end", "they begin in line"},
    {"found unexpected document indicator", 0, "the quotes do not end", "they begin in line"},
    {"found unknown escape character", 0,
     "unknown escape; in double quotes write \\\\ for a backslash, or use single quotes", NULL},
    {"did not find expected hexdecimal number", 0, "hexadecimal digits are expected here", NULL},
    {"invalid Unicode character", 0, "this escape stands for no character", NULL},
    {"expected <document start>", 0,
     "a key is expected here; check the indentation of this line and the one before", NULL},
    {"alphabetic or numeric character", 0, "a value that begins with & or * needs quotes", NULL},
    {"tag", 0, "a value that begins with ! needs quotes", NULL},
};

/* The character at a mark, which counts lines and characters. */
static char character_at(struct simc_slice yaml, const yaml_mark_t *mark)
{
    size_t line = 0, column = 0;
    for (size_t i = 0; i < yaml.size; i++) {
        bool starts = (yaml.data[i] & 0xc0) != 0x80;
        if (starts && line == mark->line && column == mark->column)
            return (char)yaml.data[i];
        column += starts;
        if (yaml.data[i] == '\n') {
            line++;
            column = 0;
        }
    }
    return '\0';
}

static void note_problem(struct builder *b, const yaml_parser_t *parser, struct simc_slice yaml)
{
    const char *text = parser->problem ? parser->problem : "unknown";
    char c = character_at(yaml, &parser->problem_mark);
    struct simc__conf_mark mark = mark_of(b, &parser->problem_mark);
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++) {
        const struct problem *p = &problems[i];
        if (!strstr(text, p->part) || (p->at && p->at != c))
            continue;
        if (p->opened)
            simc__conf_fault_add(b->faults, NULL, mark, "%s (%s %u)", p->why, p->opened,
                                 mark_of(b, &parser->context_mark).line);
        else
            simc__conf_fault_add(b->faults, NULL, mark, "%s", p->why);
        return;
    }
    simc__conf_fault_add(b->faults, NULL, mark, "this is no well-formed YAML: %s", text);
}

int simc__conf_tree_read(struct simc__conf_tree *tree, struct simc_slice yaml,
                         const struct simc__conf_mark *at, struct simc__conf_faults *faults)
{
    struct builder b = {.tree = tree, .faults = faults, .at = at};
    yaml_parser_t parser;
    tree->root = NULL;
    if (!yaml_parser_initialize(&parser))
        return SIMC_ENOMEM;
    yaml_parser_set_input_string(&parser, yaml.size ? yaml.data : (const uint8_t *)"", yaml.size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    int error = 0;
    while (!b.ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            if (parser.error == YAML_MEMORY_ERROR)
                error = SIMC_ENOMEM;
            else
                note_problem(&b, &parser, yaml);
            stop(&b);
            break;
        }
        on_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (tree->arena.error == SIMC_ENOMEM)
        error = SIMC_ENOMEM;
    return error;
}
