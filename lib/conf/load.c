/* SPDX-License-Identifier: BSL-1.0 */
/* Loads a tree into structs by rows, noting every fault; see conf.h. Programs call
 * simc__conf_load(), mostly through simc__conf_open(). */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

/* What a check between members gets: the map and where its values stand. */
struct simc__conf_check {
    struct simc__conf_loading *loading;
    const struct simc__conf_place *place;
    const struct simc__conf_table *table;
    const struct simc__conf_node *const *given; /* one for each row; NULL: the default */
    struct simc__conf_mark mark;                /* of the map */
    bool complained;
};

/* ---- keys ---- */

static const char *nearest_key(const struct simc__conf_table *table, struct simc_slice key)
{
    const char *nearest = NULL;
    unsigned least = (unsigned)(key.size < 40 ? key.size : 40) / 3 + 2;
    for (size_t i = 0; i < table->count; i++) {
        unsigned distance = simc__text_distance(key, simc_slice_text(table->rows[i].name));
        if (distance < least && distance < strlen(table->rows[i].name)) {
            least = distance;
            nearest = table->rows[i].name;
        }
    }
    return nearest;
}

static void note_unknown(struct simc__conf_loading *l, const struct simc__conf_place *place,
                         const struct simc__conf_table *table, const struct simc__conf_node *node)
{
    char known[160];
    struct simc_writer list = simc_writer(known, sizeof known - 1);
    /* No time for hints that nobody will see. */
    bool seen = l->faults->count < SIMC__CONF_FAULTS_MAX;
    const char *nearest = seen ? nearest_key(table, node->key) : NULL;
    for (size_t i = 0; i < table->count && seen && !nearest; i++)
        simc__text_printf(&list, "%s%s", i ? ", " : "", table->rows[i].name);
    known[list.error ? 0 : list.at] = '\0';
    if (nearest)
        simc__conf_fault_add(l->faults, place, node->key_mark,
                             "there is no such key; did you mean %s?", nearest);
    else if (known[0])
        simc__conf_fault_add(l->faults, place, node->key_mark,
                             "there is no such key; known here: %s", known);
    else
        simc__conf_fault_add(l->faults, place, node->key_mark, "there is no such key");
}

static void note_missing(struct simc__conf_loading *l, const struct simc__conf_place *place,
                         const struct simc__conf_row *row, struct simc__conf_mark mark)
{
    char line[128] = "";
    struct simc_writer out = simc_writer(line, sizeof line - 1);
    if (l->tree.partial)
        return;
    bool shown = simc__conf_is_scalar(row->type) || row->type == SIMC__CONF_LIST;
    /* Nobody is to use the secret of an example. */
    if (row->example && shown && row->type != SIMC__CONF_SECRET_INLINE)
        simc__conf_fallback_put(&out, row, row->example);
    line[out.error ? 0 : out.at] = '\0';
    if (line[0])
        simc__conf_fault_add(l->faults, place, mark, "must be given, such as %s: %s (%s)",
                             row->name, line, row->help);
    else
        simc__conf_fault_add(l->faults, place, mark, "must be given (%s)", row->help);
}

/* ---- maps ---- */

static bool load_given(struct simc__conf_loading *l, const struct simc__conf_place *place,
                       const struct simc__conf_table *table, const struct simc__conf_node *map,
                       const struct simc__conf_node **given, uint8_t *values)
{
    bool good = true;
    for (const struct simc__conf_node *node = map->first; node; node = node->next) {
        if (!node->key.data) {
            good = false;
            continue;
        }
        struct simc__conf_place here = simc__conf_place_key(place, node->key);
        size_t i = 0;
        while (i < table->count &&
               !simc_slice_equal(node->key, simc_slice_text(table->rows[i].name)))
            i++;
        if (i == table->count) {
            note_unknown(l, &here, table, node);
            good = false;
        } else if (given[i]) {
            simc__conf_fault_add(l->faults, &here, node->key_mark,
                                 "this key is given twice; line %u has the first",
                                 given[i]->key_mark.line);
            good = false;
        } else {
            given[i] = node;
            good &= simc__conf_value_load(l, &here, &table->rows[i], node, values);
        }
    }
    return good;
}

static bool load_map(struct simc__conf_loading *l, const struct simc__conf_place *place,
                     const struct simc__conf_table *table, const struct simc__conf_node *map,
                     uint8_t *values)
{
    const struct simc__conf_node *given[SIMC__CONF_ROWS_MAX] = {NULL};
    bool good = load_given(l, place, table, map, given, values);
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__conf_row *row = &table->rows[i];
        struct simc__conf_place here = simc__conf_place_key(place, simc_slice_text(row->name));
        static const struct simc__conf_node empty = {.kind = SIMC__CONF_NODE_MAP};
        if (given[i])
            continue;
        if (row->required) {
            note_missing(l, &here, row, map->mark);
            good = false;
        } else if (row->fallback) {
            good &= simc__conf_text_load(l, &here, row, row->fallback, map->mark, values);
        } else if (row->type == SIMC__CONF_MAP) {
            struct simc__conf_node node = empty;
            node.mark = map->mark;
            good &= simc__conf_value_load(l, &here, row, &node, values);
        }
    }
    if (!good || !table->check || l->tree.partial)
        return good;
    struct simc__conf_check check = {l, place, table, given, map->mark, false};
    table->check(values, &check);
    return !check.complained;
}

/* ---- rules between members ---- */

static void complain(struct simc__conf_check *check, const char *member, size_t index,
                     const char *format, va_list arguments) SIMC_PRINTF(4, 0);

static void complain(struct simc__conf_check *check, const char *member, size_t index,
                     const char *format, va_list arguments)
{
    struct simc__conf_place place = *check->place, item;
    struct simc__conf_mark mark = check->mark;
    const struct simc__conf_node *node = NULL;
    const struct simc__conf_place *here = check->place;
    check->complained = true;
    for (size_t i = 0; member && i < check->table->count; i++) {
        if (strcmp(check->table->rows[i].name, member) == 0)
            node = check->given[i];
    }
    if (member) {
        place = simc__conf_place_key(check->place, simc_slice_text(member));
        here = &place;
    }
    if (node)
        mark = node->mark;
    if (index != SIZE_MAX && node) {
        node = node->first;
        for (size_t i = 0; i < index && node; i++)
            node = node->next;
    }
    if (index != SIZE_MAX) {
        item = node && node->key.data ? simc__conf_place_key(&place, node->key)
                                      : simc__conf_place_index(&place, index);
        here = &item;
        mark = node ? node->mark : mark;
    }
    simc__conf_fault_addv(check->loading->faults, here, mark, format, arguments);
}

void simc__conf_complain(struct simc__conf_check *check, const char *member, const char *format,
                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(check, member, SIZE_MAX, format, arguments);
    va_end(arguments);
}

void simc__conf_complain_item(struct simc__conf_check *check, const char *member, size_t index,
                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(check, member, index, format, arguments);
    va_end(arguments);
}

/* ---- lists and entries ---- */

static bool check_count(struct simc__conf_loading *l, const struct simc__conf_place *place,
                        const struct simc__conf_row *row, const struct simc__conf_node *node)
{
    if (node->count > row->max)
        return simc__conf_wrong(l, place, node, "there are %zu items; at most %llu are allowed",
                                node->count, (unsigned long long)row->max);
    if (node->count < row->min && !l->tree.partial)
        return simc__conf_wrong(l, place, node, "there %s %zu item%s; at least %llu must be given",
                                node->count == 1 ? "is" : "are", node->count,
                                node->count == 1 ? "" : "s", (unsigned long long)row->min);
    return true;
}

/* Names are unique and fit for paths such as packages.basis.key. */
static bool check_entry_name(struct simc__conf_loading *l, const struct simc__conf_place *place,
                             const struct simc__conf_row *row, const struct simc__conf_node *map,
                             const struct simc__conf_node *node)
{
    char why[SIMC__CONF_WHY_SIZE] = "", shown[SIMC__CONF_SHOWN_SIZE];
    if (!node->key.data)
        return false;
    if (simc__conf_has_controls(node->key)) {
        simc__conf_fault_add(l->faults, place, node->key_mark,
                             "the name holds a line end or control character");
        return false;
    }
    if (node->key.size > SIMC__CONF_NAME_MAX) {
        simc__conf_fault_add(l->faults, place, node->key_mark,
                             "the name has %zu bytes, but may have at most %d", node->key.size,
                             SIMC__CONF_NAME_MAX);
        return false;
    }
    if (row->check && !row->check(node->key, why)) {
        why[sizeof why - 1] = '\0';
        simc__conf_fault_add(l->faults, place, node->key_mark, "%s %s",
                             simc__conf_shown(node->key, shown), why);
        return false;
    }
    for (const struct simc__conf_node *other = map->first; other != node; other = other->next) {
        if (other->key.data && simc_slice_equal(other->key, node->key)) {
            simc__conf_fault_add(l->faults, place, node->key_mark,
                                 "this name is given twice; line %u has the first",
                                 other->key_mark.line);
            return false;
        }
    }
    return true;
}

static bool load_items(struct simc__conf_loading *l, const struct simc__conf_place *place,
                       const struct simc__conf_row *row, const struct simc__conf_node *list,
                       uint8_t *values)
{
    bool good = check_count(l, place, row, list);
    if (list->count > row->max)
        return false;
    uint8_t *items = simc__conf_arena_take(l->arena, list->count, row->size);
    if (!items)
        return false;
    size_t count = 0;
    for (const struct simc__conf_node *node = list->first; node; node = node->next, count++) {
        uint8_t *item = items + count * row->size;
        struct simc__conf_place here = simc__conf_place_index(place, count);
        if (row->type == SIMC__CONF_ENTRIES) {
            here = simc__conf_place_key(place, node->key);
            if (!check_entry_name(l, &here, row, list, node)) {
                good = false;
                continue;
            }
            const char *name = simc__conf_arena_text(l->arena, node->key);
            memcpy(item + row->key_offset, &name, sizeof name);
        }
        good &= simc__conf_value_load(l, &here, row->item, node, item);
    }
    memcpy(values + row->offset, &items, sizeof items);
    memcpy(values + row->count_offset, &count, sizeof count);
    return good;
}

/* ---- values ---- */

static bool set_has(const struct simc__conf_row *row, uint8_t *values, bool has)
{
    if (row->has)
        memcpy(values + row->has_offset, &has, sizeof has);
    return true;
}

/* Plain scalars that stand for nothing. @return true: `*result` is the result of the loading. */
static bool load_null(struct simc__conf_loading *l, const struct simc__conf_place *place,
                      const struct simc__conf_row *row, const struct simc__conf_node *node,
                      uint8_t *values, bool *result)
{
    static const char *const others[] = {"~", "Null", "NULL"};
    bool textual = simc__conf_is_scalar(row->type) && simc__conf_is_text(row->type);
    if (node->kind != SIMC__CONF_NODE_SCALAR || !node->plain)
        return false;
    if (simc_slice_equal(node->text, simc_slice_text("null"))) {
        *result = row->null_allowed
                      ? set_has(row, values, false)
                      : simc__conf_wrong(l, place, node, "null is not allowed here; write %s%s",
                                         simc__conf_type_word(row->type),
                                         textual ? " (the word null in quotes)" : "");
        return true;
    }
    *result = false;
    if (node->text.size == 0) {
        simc__conf_wrong(l, place, node, "there is no value; write %s%s, or remove the key",
                         simc__conf_type_word(row->type), row->null_allowed ? " or null" : "");
        return true;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (!simc_slice_equal(node->text, simc_slice_text(others[i])))
            continue;
        simc__conf_wrong(l, place, node,
                         "%s is read as null by some; write %s, or put it in quotes", others[i],
                         row->null_allowed ? "null" : simc__conf_type_word(row->type));
        return true;
    }
    return false;
}

static const char *kind_word(enum simc__conf_kind kind)
{
    return kind == SIMC__CONF_NODE_LIST ? "a list" : "a map";
}

static bool wrong_kind(struct simc__conf_loading *l, const struct simc__conf_place *place,
                       const struct simc__conf_row *row, const struct simc__conf_node *node)
{
    char shown[SIMC__CONF_SHOWN_SIZE];
    if (simc__conf_is_scalar(row->type))
        return simc__conf_wrong(
            l, place, node, "this must be %s, not %s%s", simc__conf_type_word(row->type),
            kind_word(node->kind),
            simc__conf_is_text(row->type) ? "; text that begins with [ or { needs quotes" : "");
    if (node->kind == SIMC__CONF_NODE_SCALAR && row->type == SIMC__CONF_LIST)
        return simc__conf_wrong(l, place, node, "this must be a list; write [%s]",
                                simc__conf_shown(node->text, shown));
    return simc__conf_wrong(
        l, place, node, "this must be %s, not %s", simc__conf_type_word(row->type),
        node->kind == SIMC__CONF_NODE_SCALAR ? simc__conf_shown(node->text, shown)
                                             : kind_word(node->kind));
}

bool simc__conf_value_load(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                           const struct simc__conf_row *row, const struct simc__conf_node *node,
                           uint8_t *values)
{
    enum simc__conf_kind wanted = simc__conf_is_scalar(row->type) ? SIMC__CONF_NODE_SCALAR
                                  : row->type == SIMC__CONF_LIST  ? SIMC__CONF_NODE_LIST
                                                                  : SIMC__CONF_NODE_MAP;
    bool good;
    if (node->kind == SIMC__CONF_NODE_BAD || loading->arena->error)
        return false;
    if (load_null(loading, place, row, node, values, &good))
        return good;
    if (node->kind != wanted)
        return wrong_kind(loading, place, row, node);
    if (wanted == SIMC__CONF_NODE_SCALAR)
        good = simc__conf_scalar_load(loading, place, row, node, values);
    else if (row->type == SIMC__CONF_MAP)
        good = load_map(loading, place, row->table, node, values + row->offset);
    else
        good = load_items(loading, place, row, node, values);
    return good && set_has(row, values, true);
}

bool simc__conf_text_load(struct simc__conf_loading *loading, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, const char *text,
                          struct simc__conf_mark mark, uint8_t *values)
{
    struct simc__conf_node node = {.kind = SIMC__CONF_NODE_SCALAR, .mark = mark};
    bool is_null = strcmp(text, "null") == 0 && row->null_allowed;
    node.text = node.raw = simc_slice_text(text);
    node.plain = is_null || !simc__conf_is_text(row->type);
    if (is_null || simc__conf_is_scalar(row->type))
        return simc__conf_value_load(loading, place, row, &node, values);
    /* The tree of the file goes on to be used after this one, so its root is kept. Nodes of
     * defaults are no part of the file; the ceiling of the memory holds for them. */
    struct simc__conf_node *root = loading->tree.root;
    size_t count = loading->tree.count;
    loading->tree.count = 0;
    bool partial = loading->tree.partial;
    int error = simc__conf_tree_read(&loading->tree, node.text, &mark, loading->faults);
    const struct simc__conf_node *read = loading->tree.root;
    loading->tree.root = root;
    loading->tree.count = count;
    loading->tree.partial |= partial;
    if (error && !loading->tree.arena.error)
        loading->tree.arena.error = error;
    return !error && read && simc__conf_value_load(loading, place, row, read, values);
}

/* ---- the whole ---- */

static struct simc_slice folder_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return simc_slice(name, slash ? (size_t)(slash - name) + 1 : 0);
}

/* Reads the text of a file into the tree; that of a secret file masked. */
static int read_tree(struct simc__conf_loading *l, struct simc_slice yaml, bool secret_file)
{
    if (!secret_file || yaml.size == 0)
        return simc__conf_tree_read(&l->tree, yaml, NULL, l->faults);
    uint8_t *text = simc_alloc(yaml.size);
    if (!text)
        return SIMC_ENOMEM;
    memcpy(text, yaml.data, yaml.size);
    simc__conf_mask(text, yaml.size);
    l->tree.masked.original = yaml;
    int error = simc__conf_tree_read(&l->tree, simc_slice(text, yaml.size), NULL, l->faults);
    l->tree.masked.original = simc_slice(NULL, 0);
    simc_free(text);
    return error;
}

static void load_root(struct simc__conf_loading *l, struct simc__conf *conf)
{
    const struct simc__conf_row row = {
        .name = "", .type = SIMC__CONF_MAP, .table = conf->table, .size = conf->table->size};
    struct simc__conf_node nothing = {.kind = SIMC__CONF_NODE_MAP, .mark = {1, 1}};
    const struct simc__conf_place top = {NULL, {NULL, 0}, 0};
    const struct simc__conf_node *root = l->tree.root;
    /* A file of comments holds no value at all: every key has its default. */
    if (!root || (root->kind == SIMC__CONF_NODE_SCALAR && root->plain && root->text.size == 0))
        root = &nothing;
    if (!simc__conf_value_load(l, &top, &row, root, conf->values) && l->faults->total == 0 &&
        !l->arena->error && !l->tree.arena.error)
        simc__conf_fault_add(l->faults, NULL, nothing.mark, "the configuration cannot be used");
}

/* @return the worst of what happened. */
static int outcome(struct simc__conf_loading *l)
{
    const struct simc__conf_mark whole = {0, 0};
    int errors[] = {l->arena->error, l->tree.arena.error};
    for (size_t i = 0; i < 2; i++) {
        if (errors[i] == SIMC_ENOMEM)
            return SIMC_ENOMEM;
        if (errors[i])
            simc__conf_fault_add(l->faults, NULL, whole,
                                 "the values need more than %d MiB of memory; make lists shorter",
                                 SIMC__CONF_MEMORY_MAX >> 20);
    }
    return l->faults->total ? SIMC_ESYNTAX : 0;
}

int simc__conf_load(const struct simc__conf_table *table, struct simc_slice yaml, const char *name,
                    void *out, struct simc__conf **owner, struct simc__conf_faults *faults)
{
    struct simc__conf *conf = simc_calloc(1, sizeof *conf);
    faults->count = faults->total = 0;
    *owner = NULL;
    if (!conf)
        return SIMC_ENOMEM;
    conf->table = table;
    conf->arena.ceiling = SIMC__CONF_MEMORY_MAX;
    conf->values = simc__conf_arena_take(&conf->arena, 1, table->size);
    struct simc__conf_loading loading = {.arena = &conf->arena, .faults = faults};
    loading.tree.arena.ceiling = SIMC__CONF_MEMORY_MAX;
    loading.folder = folder_of(name);
    int error = conf->values ? 0 : SIMC_ENOMEM;
    if (!error && simc__conf_tree_is_text(&yaml, faults)) {
        error = read_tree(&loading, yaml, table->secret_file);
        if (!error)
            load_root(&loading, conf);
    }
    if (!error)
        error = outcome(&loading);
    simc__conf_arena_fini(&loading.tree.arena);
    if (error) {
        if (error == SIMC_ENOMEM)
            faults->count = faults->total = 0;
        simc__conf_faults_sort(faults);
        simc__conf_free(conf);
        return error;
    }
    memcpy(out, conf->values, table->size);
    *owner = conf;
    return 0;
}

void simc__conf_free(struct simc__conf *owner)
{
    if (!owner)
        return;
    simc__conf_arena_fini(&owner->arena);
    simc_free(owner);
}
