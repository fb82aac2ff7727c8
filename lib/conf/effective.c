/* SPDX-License-Identifier: BSL-1.0 */
/* Prints the values in use, and names what differs between two configurations; see conf.h. The
 * daemons' status and reload use it. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

/* ---- values in use ---- */

struct print {
    struct simc_writer *out;
    unsigned indent;
    bool dash; /* the next line begins an item */
};

static void print_map(struct print *p, const struct simc__conf_table *table, const uint8_t *values);

static void begin_line(struct print *p)
{
    simc__text_printf(p->out, "%*s%s", (int)(p->dash ? p->indent - 2 : p->indent), "",
                      p->dash ? "- " : "");
    p->dash = false;
}

/* Behind the path of a secret, as a comment. */
static void put_fingerprint(struct simc_writer *out, const struct simc__conf_row *row,
                            const uint8_t *values)
{
    struct simc__conf_secret secret;
    char text[SIMC_FINGERPRINT_SIZE];
    if (row->type != SIMC__CONF_SECRET_TEXT && row->type != SIMC__CONF_SECRET_HEX)
        return;
    memcpy(&secret, values + row->offset, sizeof secret);
    if (!secret.path || !secret.value || secret.value->size == 0)
        return;
    simc_secret_fingerprint(secret.value, text);
    simc__text_printf(out, "  # %s", text);
}

/* The value behind `key:` or `-`. */
static void print_scalar(struct print *p, const struct simc__conf_row *row, const uint8_t *values)
{
    simc__conf_scalar_put(p->out, row, values);
    put_fingerprint(p->out, row, values);
    simc__text_put(p->out, "\n");
}

static void print_items(struct print *p, const struct simc__conf_row *row, const uint8_t *values)
{
    size_t count;
    bool entries = row->type == SIMC__CONF_ENTRIES, maps = row->item->type == SIMC__CONF_MAP;
    const uint8_t *items = simc__conf_items(row, values, &count);
    simc__text_put(p->out, count ? "\n" : entries ? " {}\n" : " []\n");
    p->indent += 2;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *item = items + i * row->size;
        if (entries) {
            begin_line(p);
            simc__conf_text_put(p->out, simc_slice_text(simc__conf_entry_name(row, item)));
            simc__text_put(p->out, maps ? ":\n" : ": ");
        }
        p->indent += 2;
        p->dash = !entries;
        if (maps) {
            print_map(p, row->item->table, item + row->item->offset);
        } else {
            if (!entries)
                begin_line(p);
            print_scalar(p, row->item, item);
        }
        p->indent -= 2;
    }
    p->indent -= 2;
}

static void print_map(struct print *p, const struct simc__conf_table *table, const uint8_t *values)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__conf_row *row = &table->rows[i];
        begin_line(p);
        simc__text_printf(p->out, "%s:", row->name);
        if (simc__conf_is_scalar(row->type) || simc__conf_is_null(row, values)) {
            simc__text_put(p->out, " ");
            if (simc__conf_is_scalar(row->type))
                print_scalar(p, row, values);
            else
                simc__text_put(p->out, "null\n");
        } else if (row->type == SIMC__CONF_MAP) {
            simc__text_put(p->out, "\n");
            p->indent += 2;
            print_map(p, row->table, values + row->offset);
            p->indent -= 2;
        } else {
            print_items(p, row, values);
        }
    }
}

void simc__conf_put_effective(struct simc_writer *out, const struct simc__conf_table *table,
                              const void *values)
{
    struct print print = {out, 0, false};
    print_map(&print, table, values);
}

/* ---- what differs ---- */

static void compare_map(struct simc__conf_changes *changes, const struct simc__conf_place *place,
                        const struct simc__conf_table *table, const uint8_t *a, const uint8_t *b);
static void compare_value(struct simc__conf_changes *changes, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, bool reloadable, const uint8_t *a,
                          const uint8_t *b);

static struct simc__conf_change *add_change(struct simc__conf_changes *changes,
                                            const struct simc__conf_place *place, bool reloadable)
{
    changes->total++;
    changes->reloadable &= reloadable;
    if (changes->count == SIMC__CONF_CHANGES_MAX)
        return NULL;
    struct simc__conf_change *change = &changes->items[changes->count++];
    simc__conf_place_put(place, change->where);
    change->reloadable = reloadable;
    return change;
}

/* A value cut to what a change keeps. */
static void show(const struct simc__conf_row *row, const uint8_t *values,
                 char shown[SIMC__CONF_SHOWN_SIZE])
{
    char text[SIMC__CONF_SHOWN_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text);
    if (!simc__conf_is_scalar(row->type)) {
        simc__text_put(&out, simc__conf_is_null(row, values) ? "null" : "given");
    } else {
        simc__conf_scalar_put(&out, row, values);
        put_fingerprint(&out, row, values);
    }
    if (!out.error)
        snprintf(shown, SIMC__CONF_SHOWN_SIZE, "%.*s", (int)out.at, text);
    else
        snprintf(shown, SIMC__CONF_SHOWN_SIZE, "(long)");
}

static void compare_list(struct simc__conf_changes *changes, const struct simc__conf_place *place,
                         const struct simc__conf_row *row, const uint8_t *a, const uint8_t *b)
{
    size_t old_count, new_count;
    const uint8_t *old_items = simc__conf_items(row, a, &old_count);
    const uint8_t *new_items = simc__conf_items(row, b, &new_count);
    if (old_count != new_count) {
        struct simc__conf_change *change = add_change(changes, place, row->reloadable);
        if (change) {
            snprintf(change->from, sizeof change->from, "%zu item%s", old_count,
                     old_count == 1 ? "" : "s");
            snprintf(change->to, sizeof change->to, "%zu item%s", new_count,
                     new_count == 1 ? "" : "s");
        }
    }
    for (size_t i = 0; i < old_count && i < new_count; i++) {
        struct simc__conf_place here = simc__conf_place_index(place, i);
        compare_value(changes, &here, row->item, row->reloadable, old_items + i * row->size,
                      new_items + i * row->size);
    }
}

static const uint8_t *find_entry(const struct simc__conf_row *row, const uint8_t *items,
                                 size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(simc__conf_entry_name(row, items + i * row->size), name) == 0)
            return items + i * row->size;
    }
    return NULL;
}

static void note_entry(struct simc__conf_changes *changes, const struct simc__conf_place *place,
                       const struct simc__conf_row *row, bool added)
{
    struct simc__conf_change *change = add_change(changes, place, row->reloadable);
    if (!change)
        return;
    snprintf(change->from, sizeof change->from, "%s", added ? "none" : "given");
    snprintf(change->to, sizeof change->to, "%s", added ? "given" : "none");
}

static void compare_entries(struct simc__conf_changes *changes,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const uint8_t *a, const uint8_t *b)
{
    size_t old_count, new_count;
    const uint8_t *old_items = simc__conf_items(row, a, &old_count);
    const uint8_t *new_items = simc__conf_items(row, b, &new_count);
    for (size_t i = 0; i < old_count; i++) {
        const uint8_t *item = old_items + i * row->size;
        const char *name = simc__conf_entry_name(row, item);
        const uint8_t *other = find_entry(row, new_items, new_count, name);
        struct simc__conf_place here = simc__conf_place_key(place, simc_slice_text(name));
        if (other)
            compare_value(changes, &here, row->item, row->reloadable, item, other);
        else
            note_entry(changes, &here, row, false);
    }
    for (size_t i = 0; i < new_count; i++) {
        const char *name = simc__conf_entry_name(row, new_items + i * row->size);
        struct simc__conf_place here = simc__conf_place_key(place, simc_slice_text(name));
        if (!find_entry(row, old_items, old_count, name))
            note_entry(changes, &here, row, true);
    }
}

/* `reloadable`: of the row, or of the list when an item is compared. */
static void compare_value(struct simc__conf_changes *changes, const struct simc__conf_place *place,
                          const struct simc__conf_row *row, bool reloadable, const uint8_t *a,
                          const uint8_t *b)
{
    bool old_null = simc__conf_is_null(row, a), new_null = simc__conf_is_null(row, b);
    bool scalar = simc__conf_is_scalar(row->type);
    if (scalar ? !simc__conf_scalar_equal(row, a, b) : old_null != new_null) {
        struct simc__conf_change *change = add_change(changes, place, reloadable);
        if (change) {
            show(row, a, change->from);
            show(row, b, change->to);
        }
        return;
    }
    if (scalar || old_null)
        return;
    if (row->type == SIMC__CONF_MAP)
        compare_map(changes, place, row->table, a + row->offset, b + row->offset);
    else if (row->type == SIMC__CONF_LIST)
        compare_list(changes, place, row, a, b);
    else
        compare_entries(changes, place, row, a, b);
}

static void compare_map(struct simc__conf_changes *changes, const struct simc__conf_place *place,
                        const struct simc__conf_table *table, const uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__conf_row *row = &table->rows[i];
        struct simc__conf_place here = simc__conf_place_key(place, simc_slice_text(row->name));
        compare_value(changes, &here, row, row->reloadable, a, b);
    }
}

void simc__conf_compare(const struct simc__conf_table *table, const void *old_values,
                        const void *new_values, struct simc__conf_changes *changes)
{
    const struct simc__conf_place top = {NULL, {NULL, 0}, 0};
    changes->count = changes->total = 0;
    changes->reloadable = true;
    compare_map(changes, &top, table, old_values, new_values);
}

void simc__conf_changes_put(struct simc_writer *out, const struct simc__conf_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct simc__conf_change *change = &changes->items[i];
        simc__text_printf(out, "%s: %s -> %s%s\n", change->where, change->from, change->to,
                          change->reloadable ? "" : " (needs a restart)");
    }
    if (changes->total > changes->count)
        simc__text_printf(out, "and %zu more changes%s\n", changes->total - changes->count,
                          changes->reloadable ? "" : "; a restart is needed");
}
