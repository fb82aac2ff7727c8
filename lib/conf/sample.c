/* SPDX-License-Identifier: BSL-1.0 */
/* Prints rows as a commented sample configuration and as a reference table; see conf.h. The
 * programs' --print options and the manual use it, so neither drifts from the loader. */
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

enum { LINE_WIDTH = 100, DETAILS_SIZE = 2048 };

struct sample {
    struct simc_writer *out;
    bool whole;     /* examples are part of the file */
    bool commented; /* we are inside of an example that is not */
    bool dash;      /* the next key begins an item */
    bool started;   /* something has been written: paragraphs are separated */
    unsigned indent;
};

static void put_map(struct sample *s, const struct simc__conf_table *table);

static void begin_line(struct sample *s, bool comment)
{
    unsigned indent = s->dash ? s->indent - 2 : s->indent;
    bool dash = s->dash && !comment;
    simc__text_put(s->out, s->commented ? "#" : "");
    simc__text_printf(s->out, "%*s%s", (int)indent, "", dash ? "- " : "");
    if (dash)
        s->dash = false;
}

/* Writes text as comment lines of words. */
static void put_comment(struct sample *s, const char *text)
{
    unsigned room = LINE_WIDTH - s->indent - 3, at = 0;
    while (*text) {
        size_t size = strcspn(text, " \n");
        if (at == 0 || at + 1 + size > room) {
            if (at)
                simc__text_put(s->out, "\n");
            begin_line(s, true);
            simc__text_put(s->out, "#");
            at = 0;
        }
        if (size) {
            simc__text_put(s->out, " ");
            simc_writer_slice(s->out, simc_slice(text, size));
            at += (unsigned)size + 1;
        }
        text += size;
        if (*text == '\n') {
            simc__text_put(s->out, "\n");
            at = 0;
        }
        text += *text != '\0';
    }
    if (at)
        simc__text_put(s->out, "\n");
}

/* Range, default, and what a change needs, behind the help. */
static void put_help(struct sample *s, const struct simc__conf_row *row)
{
    char text[DETAILS_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__text_printf(&out, "%s (", row->help);
    simc__conf_range_put(&out, row);
    if (row->required)
        simc__text_put(&out, "; must be given");
    if (row->fallback) {
        simc__text_put(&out, "; default ");
        simc__conf_fallback_put(&out, row, row->fallback);
    }
    simc__text_put(&out, row->reloadable ? "; reloadable)" : ")");
    text[out.error ? 0 : out.at] = '\0';
    if (s->started)
        simc__text_put(s->out, s->commented ? "#\n" : "\n");
    s->started = true;
    put_comment(s, out.error ? row->help : text);
}

static const char *scalar_text(const struct simc__conf_row *row)
{
    return row->fallback ? row->fallback : row->example ? row->example : "";
}

static void put_item(struct sample *s, const struct simc__conf_row *row)
{
    const struct simc__conf_row *item = row->item;
    const char *name = row->example ? row->example : "name";
    bool entries = row->type == SIMC__CONF_ENTRIES;
    s->indent += 2;
    if (entries) {
        begin_line(s, false);
        simc__conf_text_put(s->out, simc_slice_text(name));
        simc__text_put(s->out, ":");
    }
    if (item->type != SIMC__CONF_MAP) {
        if (!entries) {
            s->dash = true;
            s->indent += 2;
            begin_line(s, false);
            s->indent -= 2;
        }
        simc__text_put(s->out, entries ? " " : "");
        simc__conf_fallback_put(s->out, item, item->example ? item->example : scalar_text(item));
        simc__text_put(s->out, "\n");
    } else {
        simc__text_put(s->out, entries ? "\n" : "");
        s->indent += 2;
        s->dash = !entries;
        s->started = false;
        put_map(s, item->table);
        s->indent -= 2;
    }
    s->indent -= 2;
}

/* The key again with its contents, in comments unless they are wanted for real. */
static void put_contents(struct sample *s, const struct simc__conf_row *row, bool real)
{
    bool outer = s->commented;
    s->commented = outer || !real;
    begin_line(s, false);
    simc__text_printf(s->out, "%s:\n", row->name);
    s->started = false;
    if (row->type == SIMC__CONF_MAP) {
        s->indent += 2;
        put_map(s, row->table);
        s->indent -= 2;
    } else {
        put_item(s, row);
    }
    s->commented = outer;
    s->started = true;
}

static void put_container(struct sample *s, const struct simc__conf_row *row)
{
    bool is_map = row->type == SIMC__CONF_MAP;
    bool real = s->whole || row->required || (is_map && !row->fallback);
    const char *given = row->fallback ? row->fallback : row->type == SIMC__CONF_LIST ? "[]" : "{}";
    if (row->type == SIMC__CONF_LIST && row->example) {
        /* A list written out by its row. */
        begin_line(s, false);
        simc__text_printf(s->out, "%s: %s\n", row->name, real ? row->example : given);
        return;
    }
    if (!real) {
        begin_line(s, false);
        simc__text_printf(s->out, "%s: %s\n", row->name, given);
        if (s->commented)
            return; /* an example needs no example inside */
    }
    if (is_map || row->item->type == SIMC__CONF_MAP || real || row->item->example)
        put_contents(s, row, real);
}

static void put_map(struct sample *s, const struct simc__conf_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__conf_row *row = &table->rows[i];
        put_help(s, row);
        if (!simc__conf_is_scalar(row->type)) {
            put_container(s, row);
            continue;
        }
        begin_line(s, false);
        simc__text_printf(s->out, "%s: ", row->name);
        simc__conf_fallback_put(s->out, row, scalar_text(row));
        simc__text_put(s->out, "\n");
    }
}

void simc__conf_put_sample(struct simc_writer *out, const struct simc__conf_table *table,
                           bool whole)
{
    struct sample sample = {.out = out, .whole = whole};
    if (table->help) {
        put_comment(&sample, table->help);
        sample.started = true;
    }
    put_map(&sample, table);
}

/* ---- reference ---- */

/* Cells of Markdown tables end at '|', and '<' begins HTML. */
static void put_cell(struct simc_writer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|' || *text == '<')
            simc_writer_u8(out, '\\');
        simc_writer_u8(out, (uint8_t)(*text == '\n' ? ' ' : *text));
    }
}

static void put_reference_row(struct simc_writer *out, const struct simc__conf_row *row,
                              const char *path)
{
    char text[DETAILS_SIZE];
    struct simc_writer cell = simc_writer(text, sizeof text - 1);
    simc__conf_range_put(&cell, row);
    text[cell.error ? 0 : cell.at] = '\0';
    simc__text_printf(out, "| `%s` | ", path);
    put_cell(out, text);
    simc__text_put(out, " | ");
    cell = simc_writer(text, sizeof text - 1);
    if (row->fallback)
        simc__conf_fallback_put(&cell, row, row->fallback);
    text[cell.error ? 0 : cell.at] = '\0';
    if (row->required)
        simc__text_put(out, "must be given");
    else if (row->fallback)
        simc__text_printf(out, "`%s`", text);
    simc__text_printf(out, " | %s | ", row->reloadable ? "yes" : "no");
    put_cell(out, row->help);
    simc__text_put(out, " |\n");
}

static void put_reference_map(struct simc_writer *out, const struct simc__conf_table *table,
                              const char *path)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__conf_row *row = &table->rows[i];
        const struct simc__conf_table *inner = row->type == SIMC__CONF_MAP ? row->table
                                               : row->item                 ? row->item->table
                                                                           : NULL;
        char here[512];
        struct simc_writer name = simc_writer(here, sizeof here - 1);
        simc__text_printf(&name, "%s%s%s%s", path, path[0] ? "." : "", row->name,
                          row->type == SIMC__CONF_LIST      ? "[]"
                          : row->type == SIMC__CONF_ENTRIES ? ".NAME"
                                                            : "");
        here[name.error ? 0 : name.at] = '\0';
        put_reference_row(out, row, here);
        if (inner)
            put_reference_map(out, inner, here);
    }
}

void simc__conf_put_reference(struct simc_writer *out, const struct simc__conf_table *table)
{
    simc__text_put(out, "| key | value | default | reload | meaning |\n|---|---|---|---|---|\n");
    put_reference_map(out, table, "");
}
