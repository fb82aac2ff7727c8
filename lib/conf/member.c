/* SPDX-License-Identifier: BSL-1.0 */
/* Rows and the members of structs that they describe: bounds, integers of any width, null; see
 * internal.h. The loader, the printers and the comparison use it. */
#include <string.h>

#include "base/text.h"
#include "conf/internal.h"

const char *simc__conf_type_word(enum simc__conf_type type)
{
#define TYPE_WORD(name, word) word,
    static const char *const words[] = {SIMC__CONF_TYPE_ROWS(TYPE_WORD)};
#undef TYPE_WORD
    return type < SIMC__CONF_TYPE_COUNT ? words[type] : "?";
}

uint64_t simc__conf_row_min(const struct simc__conf_row *row)
{
    return row->type == SIMC__CONF_ADDRESS && row->max == 0 ? 1 : row->min;
}

uint64_t simc__conf_row_max(const struct simc__conf_row *row)
{
    if (row->max)
        return row->max;
    switch (row->type) {
    case SIMC__CONF_TIME:
        return row->size >= 8 ? SIMC__CONF_TIME_LAST : UINT32_MAX;
    case SIMC__CONF_TEXT:
        return SIMC__CONF_TEXT_MAX;
    case SIMC__CONF_ADDRESS:
        return 65535;
    case SIMC__CONF_SECRET_TEXT:
    case SIMC__CONF_SECRET_HEX:
    case SIMC__CONF_SECRET_INLINE:
        return SIMC_SECRET_SIZE_MAX;
    default:
        return row->size >= 8 ? UINT64_MAX : (UINT64_C(1) << row->size * 8) - 1;
    }
}

int64_t simc__conf_row_int_min(const struct simc__conf_row *row)
{
    if (row->int_min || row->int_max)
        return row->int_min;
    return row->size >= 8 ? INT64_MIN : -(INT64_C(1) << (row->size * 8 - 1));
}

int64_t simc__conf_row_int_max(const struct simc__conf_row *row)
{
    if (row->int_min || row->int_max)
        return row->int_max;
    return row->size >= 8 ? INT64_MAX : (INT64_C(1) << (row->size * 8 - 1)) - 1;
}

void simc__conf_bound_put(struct simc_writer *out, const struct simc__conf_row *row, uint64_t bound)
{
    if (simc__conf_is_quantity(row->type))
        simc__conf_quantity_put(out, row, bound);
    else if (row->type == SIMC__CONF_TIME)
        simc__conf_time_put(out, bound);
    else if (row->hex_digits)
        simc__text_printf(out, "0x%0*llX", (int)row->hex_digits, (unsigned long long)bound);
    else
        simc__text_printf(out, "%llu", (unsigned long long)bound);
}

uint64_t simc__conf_uint_get(const void *member, size_t size)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    switch (size) {
    case sizeof u8:
        memcpy(&u8, member, sizeof u8);
        return u8;
    case sizeof u16:
        memcpy(&u16, member, sizeof u16);
        return u16;
    case sizeof u32:
        memcpy(&u32, member, sizeof u32);
        return u32;
    default:
        memcpy(&u64, member, sizeof u64);
        return u64;
    }
}

void simc__conf_uint_set(void *member, size_t size, uint64_t value)
{
    uint8_t u8 = (uint8_t)value;
    uint16_t u16 = (uint16_t)value;
    uint32_t u32 = (uint32_t)value;
    switch (size) {
    case sizeof u8:
        memcpy(member, &u8, sizeof u8);
        break;
    case sizeof u16:
        memcpy(member, &u16, sizeof u16);
        break;
    case sizeof u32:
        memcpy(member, &u32, sizeof u32);
        break;
    default:
        memcpy(member, &value, sizeof value);
        break;
    }
}

int64_t simc__conf_int_get(const void *member, size_t size)
{
    uint64_t value = simc__conf_uint_get(member, size);
    /* Two's complement of that width, carried on to the left. */
    if (size < 8 && value >> (size * 8 - 1))
        value |= UINT64_MAX << size * 8;
    return (int64_t)value;
}

bool simc__conf_is_null(const struct simc__conf_row *row, const uint8_t *values)
{
    if (!row->null_allowed)
        return false;
    if (row->has) {
        bool has;
        memcpy(&has, values + row->has_offset, sizeof has);
        return !has;
    }
    /* Text, path, inline secret, and the first member of addresses and secrets: a pointer. */
    const void *text = NULL;
    if (simc__conf_is_text(row->type) || row->type == SIMC__CONF_SECRET_INLINE)
        memcpy(&text, values + row->offset, sizeof text);
    return !text;
}

const uint8_t *simc__conf_items(const struct simc__conf_row *row, const uint8_t *values,
                                size_t *count)
{
    const uint8_t *items;
    memcpy(&items, values + row->offset, sizeof items);
    memcpy(count, values + row->count_offset, sizeof *count);
    return items;
}

const char *simc__conf_entry_name(const struct simc__conf_row *row, const uint8_t *item)
{
    const char *name;
    memcpy(&name, item + row->key_offset, sizeof name);
    return name;
}
