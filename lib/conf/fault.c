/* SPDX-License-Identifier: BSL-1.0 */
/* Faults of a configuration: where, what and how to mend it; see conf.h. The tree reader and the
 * row loader note them, programs print them. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

enum { NAME_SHOWN_MAX = 48 };

const char *simc__conf_shown(struct simc_slice text, char shown[SIMC__CONF_SHOWN_SIZE])
{
    bool cut = text.size > NAME_SHOWN_MAX;
    size_t size = cut ? NAME_SHOWN_MAX : text.size;
    /* Not in the middle of a character. */
    while (cut && size > 0 && (text.data[size] & 0xc0) == 0x80)
        size--;
    const char *quote = simc__text_is_plain_word(text) ? "" : "'";
    snprintf(shown, SIMC__CONF_SHOWN_SIZE, "%s%.*s%s%s", quote, (int)size,
             text.data ? (const char *)text.data : "", cut ? "..." : "", quote);
    simc__text_disarm(shown);
    return shown;
}

static void put_place(struct simc_writer *out, const struct simc__conf_place *place)
{
    char name[SIMC__CONF_SHOWN_SIZE];
    if (!place || !place->up)
        return;
    put_place(out, place->up);
    if (!place->key.data)
        simc__text_printf(out, "[%zu]", place->index);
    else
        simc__text_printf(out, "%s%s", place->up->up ? "." : "",
                          simc__conf_shown(place->key, name));
}

void simc__conf_place_put(const struct simc__conf_place *place, char where[SIMC__CONF_WHERE_SIZE])
{
    char whole[SIMC__CONF_DEPTH_MAX * 2 * SIMC__CONF_SHOWN_SIZE];
    struct simc_writer out = simc_writer(whole, sizeof whole - 1);
    put_place(&out, place);
    whole[out.error ? 0 : out.at] = '\0';
    size_t size = strlen(whole);
    if (size < SIMC__CONF_WHERE_SIZE)
        memcpy(where, whole, size + 1);
    else /* its end says more than its start */
        snprintf(where, SIMC__CONF_WHERE_SIZE, "...%s", whole + size - SIMC__CONF_WHERE_SIZE + 4);
    simc__text_disarm(where);
}

void simc__conf_fault_addv(struct simc__conf_faults *faults, const struct simc__conf_place *place,
                           struct simc__conf_mark mark, const char *format, va_list arguments)
{
    faults->total++;
    if (faults->count == SIMC__CONF_FAULTS_MAX)
        return;
    struct simc__conf_fault *fault = &faults->items[faults->count++];
    fault->line = mark.line;
    fault->column = mark.column;
    simc__conf_place_put(place, fault->where);
    vsnprintf(fault->why, sizeof fault->why, format, arguments);
    simc__text_disarm(fault->why);
}

void simc__conf_fault_add(struct simc__conf_faults *faults, const struct simc__conf_place *place,
                          struct simc__conf_mark mark, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    simc__conf_fault_addv(faults, place, mark, format, arguments);
    va_end(arguments);
}

static bool stands_behind(const struct simc__conf_fault *a, const struct simc__conf_fault *b)
{
    return a->line > b->line || (a->line == b->line && a->column > b->column);
}

void simc__conf_faults_sort(struct simc__conf_faults *faults)
{
    /* By insertion: there are few, they are nearly in order, and equal ones keep theirs. */
    for (size_t i = 1; i < faults->count; i++) {
        struct simc__conf_fault fault = faults->items[i];
        size_t k = i;
        for (; k > 0 && stands_behind(&faults->items[k - 1], &fault); k--)
            faults->items[k] = faults->items[k - 1];
        faults->items[k] = fault;
    }
}

void simc__conf_faults_put(struct simc_writer *out, const struct simc__conf_faults *faults,
                           const char *name)
{
    char safe[512];
    snprintf(safe, sizeof safe, "%s", name);
    simc__text_disarm(safe);
    for (size_t i = 0; i < faults->count; i++) {
        const struct simc__conf_fault *fault = &faults->items[i];
        if (fault->line)
            simc__text_printf(out, "%s:%u:%u: ", safe, fault->line, fault->column);
        else
            simc__text_printf(out, "%s: ", safe);
        simc__text_printf(out, "%s%s%s\n", fault->where, fault->where[0] ? ": " : "", fault->why);
    }
    if (faults->total > faults->count)
        simc__text_printf(out, "%s: and %zu more faults\n", safe, faults->total - faults->count);
}
