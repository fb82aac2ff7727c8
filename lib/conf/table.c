/* SPDX-License-Identifier: BSL-1.0 */
/* Checks the rows of a configuration themselves; see simc__conf_table_check() in conf.h. Unit tests
 * call it, so that a table with a mistake never reaches a user. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

struct checking {
    char *why;
    bool secret_file; /* of the table at the top */
    int error;
};

static bool bad(struct checking *c, const struct simc__conf_place *place, const char *what)
{
    char where[SIMC__CONF_WHERE_SIZE];
    simc__conf_place_put(place, where);
    snprintf(c->why, SIMC__CONF_WHY_SIZE, "%.100s: %.150s", where, what);
    c->error = SIMC_EINVAL;
    return false;
}

static bool is_name(const char *name)
{
    return name && name[0] && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* What the member of each type must be; 0: checked elsewhere. */
static size_t size_of(enum simc__conf_type type)
{
    switch (type) {
    case SIMC__CONF_BOOL:
        return sizeof(bool);
    case SIMC__CONF_TEXT:
    case SIMC__CONF_PATH:
        return sizeof(const char *);
    case SIMC__CONF_ADDRESS:
        return sizeof(struct simc__conf_address);
    case SIMC__CONF_SECRET_TEXT:
    case SIMC__CONF_SECRET_HEX:
        return sizeof(struct simc__conf_secret);
    case SIMC__CONF_SECRET_INLINE:
        return sizeof(struct simc_secret *);
    default:
        return 0;
    }
}

static bool check_size(struct checking *c, const struct simc__conf_place *place,
                       const struct simc__conf_row *row, size_t room)
{
    size_t wanted = size_of(row->type);
    bool integer = simc__conf_is_scalar(row->type) && !wanted;
    bool items = row->type == SIMC__CONF_LIST || row->type == SIMC__CONF_ENTRIES;
    size_t size = items ? sizeof(void *) : row->size;
    if ((wanted && row->size != wanted) || row->size == 0)
        return bad(c, place, "the member has the wrong size for its type");
    if (integer && row->size != 1 && row->size != 2 && row->size != 4 && row->size != 8)
        return bad(c, place, "the member is no integer");
    if (row->type == SIMC__CONF_TIME && row->size < 4)
        return bad(c, place, "a time needs four or eight bytes");
    if (row->type == SIMC__CONF_MAP && (!row->table || row->size != row->table->size))
        return bad(c, place, "the member has another size than the struct of its table");
    if (size > room || row->offset > room - size)
        return bad(c, place, "the member lies outside of its struct");
    if (items && (row->count_offset > room - sizeof(size_t) ||
                  row->count_offset % _Alignof(size_t) || row->count_offset == row->offset))
        return bad(c, place, "the count of the list lies outside of its struct");
    if (row->has && row->has_offset >= room)
        return bad(c, place, "the flag for null lies outside of its struct");
    return true;
}

static uint64_t size_limit(size_t size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << size * 8) - 1;
}

static bool check_range(struct checking *c, const struct simc__conf_place *place,
                        const struct simc__conf_row *row)
{
    uint64_t most = UINT64_MAX;
    if (row->type == SIMC__CONF_INT)
        return simc__conf_row_int_min(row) <= simc__conf_row_int_max(row) ||
               bad(c, place, "min is over max");
    if (row->type == SIMC__CONF_UINT || simc__conf_is_quantity(row->type))
        most = size_limit(row->size);
    else if (row->type == SIMC__CONF_TIME)
        most = row->size >= 8 ? SIMC__CONF_TIME_LAST : size_limit(row->size);
    else if (row->type == SIMC__CONF_TEXT)
        most = SIMC__CONF_FILE_MAX;
    else if (row->type == SIMC__CONF_ADDRESS)
        most = 65535;
    else if (row->type >= SIMC__CONF_SECRET_TEXT && row->type <= SIMC__CONF_SECRET_INLINE)
        most = SIMC_SECRET_SIZE_MAX;
    else if (row->type == SIMC__CONF_LIST || row->type == SIMC__CONF_ENTRIES)
        most = SIMC__CONF_ITEMS_MAX;
    else
        return true;
    if (most == SIMC__CONF_ITEMS_MAX && row->max == 0)
        return bad(c, place, "a list needs a max");
    if (row->min > simc__conf_row_max(row) || row->max > most)
        return bad(c, place, "min is over max, or max over what the type holds");
    return true;
}

static bool check_unit(struct checking *c, const struct simc__conf_place *place,
                       const struct simc__conf_row *row)
{
    if (simc__conf_is_quantity(row->type) &&
        (!row->unit || !simc__conf_unit_find(row->type, simc_slice_text(row->unit))))
        return bad(c, place, "there is no such unit");
    if (row->type == SIMC__CONF_CHOICE && (!row->choices || !row->choices[0].name))
        return bad(c, place, "there are no choices");
    for (size_t i = 0; row->choices && row->choices[i].name; i++) {
        if (row->choices[i].value > size_limit(row->size))
            return bad(c, place, "a choice does not fit into the member");
        for (size_t k = 0; k < i; k++) {
            if (strcmp(row->choices[i].name, row->choices[k].name) == 0)
                return bad(c, place, "a choice is there twice");
        }
    }
    return true;
}

/* Where the whole file is secret, faults must not show what may be a secret in the wrong place. */
static bool check_secrecy(struct checking *c, const struct simc__conf_place *place,
                          const struct simc__conf_row *row)
{
    bool is_free = simc__conf_is_text(row->type) || row->type == SIMC__CONF_ENTRIES;
    if (row->type == SIMC__CONF_SECRET_INLINE && !c->secret_file)
        return bad(c, place, "a secret stands in a file of its own, or the table is a secret_file");
    if (c->secret_file && (is_free || strlen(row->name) > SIMC__CONF_WORD_MAX))
        return bad(c, place, "a secret_file has short names and neither texts nor entries");
    return true;
}

static bool check_words(struct checking *c, const struct simc__conf_place *place,
                        const struct simc__conf_row *row)
{
    bool scalar = simc__conf_is_scalar(row->type);
    size_t size = row->help ? strlen(row->help) : 0;
    if (!is_name(row->name))
        return bad(c, place, "the name must be lower case letters, digits and '_'");
    if (size == 0 || row->help[size - 1] == '.' || strchr(row->help, '\n'))
        return bad(c, place, "help must be one line without a full stop");
    if (row->required && row->fallback)
        return bad(c, place, "what is required has no default");
    if (scalar && !row->required && !row->fallback)
        return bad(c, place, "there must be a default, or the key is required");
    if (scalar && row->required && !row->example)
        return bad(c, place, "what is required needs an example");
    if (row->null_allowed && !row->has && !simc__conf_is_text(row->type) &&
        row->type != SIMC__CONF_SECRET_INLINE)
        return bad(c, place, "null needs a flag that tells it from a value");
    if (!scalar && row->null_allowed && row->type != SIMC__CONF_MAP)
        return bad(c, place, "a list cannot be null; it can be empty");
    if (row->required && !scalar && row->min > 1 && !row->example)
        return bad(c, place, "a list of at least two items needs an example");
    return true;
}

/* Loads a default or example as a file would, into memory that nobody looks at. */
static bool check_text(struct checking *c, const struct simc__conf_place *place,
                       const struct simc__conf_row *row, const char *text, size_t room)
{
    const struct simc__conf_mark mark = {1, 1};
    char why[SIMC__CONF_WHY_SIZE];
    struct simc__conf_faults *faults = simc_calloc(1, sizeof *faults);
    struct simc__conf_arena arena = {.ceiling = SIMC__CONF_MEMORY_MAX};
    struct simc__conf_loading loading = {.arena = &arena, .faults = faults};
    loading.tree.arena.ceiling = SIMC__CONF_MEMORY_MAX;
    uint8_t *values = simc__conf_arena_take(&arena, 1, room);
    bool good = false;
    if (faults && values)
        good = simc__conf_text_load(&loading, place, row, text, mark, values);
    if (!faults || arena.error == SIMC_ENOMEM || loading.tree.arena.error == SIMC_ENOMEM) {
        c->error = SIMC_ENOMEM;
        good = false;
    } else if (!good || faults->total) {
        snprintf(why, sizeof why, "default or example: %.200s",
                 faults->count ? faults->items[0].why : "it holds nothing");
        good = bad(c, place, why);
    }
    simc__conf_arena_fini(&arena);
    simc__conf_arena_fini(&loading.tree.arena);
    simc_free(faults);
    return good;
}

static bool check_table(struct checking *c, const struct simc__conf_place *place, unsigned depth,
                        const struct simc__conf_table *table);

static bool check_inside(struct checking *c, const struct simc__conf_place *place, unsigned depth,
                         const struct simc__conf_row *row)
{
    if (row->type == SIMC__CONF_MAP)
        return check_table(c, place, depth + 1, row->table);
    if (simc__conf_is_scalar(row->type))
        return true;
    const struct simc__conf_row *item = row->item;
    if (!item || item->type == SIMC__CONF_LIST || item->type == SIMC__CONF_ENTRIES)
        return bad(c, place, "the item must be a scalar or a map");
    if (item->null_allowed || item->required)
        return bad(c, place, "items are there or not: neither null nor required");
    if (row->type == SIMC__CONF_ENTRIES && row->key_offset > row->size - sizeof(const char *))
        return bad(c, place, "the name of the entry lies outside of its struct");
    if (simc__conf_is_scalar(item->type) && !item->example && !item->fallback)
        return bad(c, place, "the item needs an example");
    struct simc__conf_place here = simc__conf_place_index(place, 0);
    if (!check_secrecy(c, &here, item) || !check_size(c, &here, item, row->size) ||
        !check_range(c, &here, item) || !check_unit(c, &here, item))
        return false;
    if (item->example && !check_text(c, &here, item, item->example, row->size))
        return false;
    return item->type != SIMC__CONF_MAP || check_table(c, &here, depth + 1, item->table);
}

static bool check_row(struct checking *c, const struct simc__conf_place *place, unsigned depth,
                      const struct simc__conf_table *table, const struct simc__conf_row *row)
{
    if (row->type >= SIMC__CONF_TYPE_COUNT)
        return bad(c, place, "there is no such type");
    if (!check_words(c, place, row) || !check_secrecy(c, place, row) ||
        !check_size(c, place, row, table->size) || !check_range(c, place, row) ||
        !check_unit(c, place, row) || !check_inside(c, place, depth, row))
        return false;
    if (row->fallback && !check_text(c, place, row, row->fallback, table->size))
        return false;
    bool example_is_name = row->type == SIMC__CONF_ENTRIES;
    return !row->example || example_is_name || check_text(c, place, row, row->example, table->size);
}

static bool check_table(struct checking *c, const struct simc__conf_place *place, unsigned depth,
                        const struct simc__conf_table *table)
{
    if (depth > SIMC__CONF_DEPTH_MAX / 2)
        return bad(c, place, "tables are nested too deep, or hold each other");
    if (table->count == 0 || table->count > SIMC__CONF_ROWS_MAX || table->size == 0)
        return bad(c, place, "a table has 1 to 64 rows and a struct");
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__conf_row *row = &table->rows[i];
        struct simc__conf_place here =
            simc__conf_place_key(place, simc_slice_text(row->name ? row->name : "?"));
        for (size_t k = 0; k < i; k++) {
            if (row->name && strcmp(table->rows[k].name, row->name) == 0)
                return bad(c, &here, "the name is there twice");
        }
        if (!check_row(c, &here, depth, table, row))
            return false;
    }
    return true;
}

int simc__conf_table_check(const struct simc__conf_table *table, char why[SIMC__CONF_WHY_SIZE])
{
    const struct simc__conf_place top = {NULL, {NULL, 0}, 0};
    struct checking checking = {why, table->secret_file, 0};
    why[0] = '\0';
    (void)check_table(&checking, &top, 1, table);
    return checking.error;
}
