/* SPDX-License-Identifier: BSL-1.0 */
/* Units of durations, sizes and bit rates; see internal.h. The scalar loader and the printers read
 * the same rows. */
#include "base/text.h"
#include "conf/internal.h"

/* In each type from the smallest to the largest, each a multiple of the one before. */
static const struct simc__conf_unit units[] = {
    {SIMC__CONF_DURATION, "us", 1},
    {SIMC__CONF_DURATION, "ms", 1000},
    {SIMC__CONF_DURATION, "s", 1000000},
    {SIMC__CONF_DURATION, "min", 60000000},
    {SIMC__CONF_DURATION, "h", 3600000000},
    {SIMC__CONF_DURATION, "d", 86400000000},
    {SIMC__CONF_SIZE, "B", 1},
    {SIMC__CONF_SIZE, "KiB", 1024},
    {SIMC__CONF_SIZE, "MiB", 1048576},
    {SIMC__CONF_SIZE, "GiB", 1073741824},
    {SIMC__CONF_RATE, "bit/s", 1},
    {SIMC__CONF_RATE, "kbit/s", 1000},
    {SIMC__CONF_RATE, "Mbit/s", 1000000},
    {SIMC__CONF_RATE, "Gbit/s", 1000000000},
};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

const struct simc__conf_unit *simc__conf_unit_find(enum simc__conf_type type,
                                                   struct simc_slice name)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (units[i].type == type && simc_slice_equal(simc_slice_text(units[i].name), name))
            return &units[i];
    }
    return NULL;
}

void simc__conf_units_put(struct simc_writer *out, enum simc__conf_type type)
{
    bool first = true;
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (units[i].type != type)
            continue;
        simc__text_printf(out, "%s%s", first ? "" : ", ", units[i].name);
        first = false;
    }
}

void simc__conf_quantity_put(struct simc_writer *out, const struct simc__conf_row *row,
                             uint64_t value)
{
    const struct simc__conf_unit *own =
        simc__conf_unit_find(row->type, simc_slice_text(row->unit ? row->unit : ""));
    if (!own)
        return;
    const struct simc__conf_unit *best = own;
    for (size_t i = 0; i < UNIT_COUNT && value; i++) {
        const struct simc__conf_unit *unit = &units[i];
        if (unit->type == row->type && unit->factor > best->factor &&
            value % (unit->factor / own->factor) == 0)
            best = unit;
    }
    simc__text_printf(out, "%llu%s", (unsigned long long)(value / (best->factor / own->factor)),
                      best->name);
}
