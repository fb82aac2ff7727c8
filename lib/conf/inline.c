/* SPDX-License-Identifier: BSL-1.0 */
/* Secrets that stand in the file itself, where the whole file is secret; see internal.h. The YAML
 * parser gets a text in which they are masked: what it copies and forgets holds none of them, and
 * no fault can show one. */
#include <string.h>

#include "conf/internal.h"

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

void simc__conf_mask(uint8_t *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t end = at;
        while (end < size && is_alnum(text[end]))
            end++;
        if (end - at > SIMC__CONF_WORD_MAX)
            memset(text + at, 'x', end - at);
        at = end > at ? end : at + 1;
    }
}

void simc__conf_mask_scattered(char *text, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += is_alnum((uint8_t)text[i]);
    for (size_t i = 0; i < size && count > SIMC__CONF_SCATTERED_MAX; i++) {
        if (is_alnum((uint8_t)text[i]))
            text[i] = 'x';
    }
}

struct simc_slice simc__conf_unmask(struct simc__conf_masked *masked, size_t start, size_t end,
                                    struct simc_slice text, bool plain)
{
    const struct simc_slice none = {NULL, 0};
    /* Marks count characters and only grow. */
    size_t at[2], wanted[2] = {start, end};
    for (size_t i = 0; i < 2; i++) {
        while (masked->character < wanted[i] && masked->at < masked->original.size) {
            do {
                masked->at++;
            } while (masked->at < masked->original.size &&
                     (masked->original.data[masked->at] & 0xc0) == 0x80);
            masked->character++;
        }
        at[i] = masked->at;
    }
    struct simc_slice raw = simc_slice(masked->original.data + at[0], at[1] - at[0]);
    if (!plain && raw.size >= 2)
        raw = simc_slice(raw.data + 1, raw.size - 2);
    /* A value over several lines, or with escapes, has another size than what it was made of. */
    return raw.size == text.size ? raw : none;
}

static int nibble(uint8_t c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

bool simc__conf_load_inline(struct simc__conf_loading *loading,
                            const struct simc__conf_place *place, const struct simc__conf_row *row,
                            const struct simc__conf_node *node, uint8_t *member)
{
    struct simc_slice digits = node->raw;
    uint64_t min = row->min ? row->min : 1, max = simc__conf_row_max(row);
    if (!digits.data)
        return simc__conf_wrong(loading, place, node,
                                "write the hex digits on one line, without escapes");
    for (size_t i = 0; i < digits.size; i++) {
        if (nibble(digits.data[i]) < 0)
            return simc__conf_wrong(loading, place, node,
                                    "character %zu is no hex digit; write hex digits only, without "
                                    "0x and separators",
                                    i + 1);
    }
    if (digits.size % 2 || digits.size / 2 < min || digits.size / 2 > max) {
        if (min == max)
            return simc__conf_wrong(loading, place, node,
                                    "there are %zu hex digits, but there must be %llu", digits.size,
                                    (unsigned long long)(2 * max));
        return simc__conf_wrong(
            loading, place, node,
            "there are %zu hex digits, but there must be %llu to %llu, two for each "
            "byte",
            digits.size, (unsigned long long)(2 * min), (unsigned long long)(2 * max));
    }
    struct simc_secret *secret = simc__conf_arena_take(loading->arena, 1, sizeof *secret);
    if (!secret)
        return false;
    secret->size = (uint8_t)(digits.size / 2);
    for (size_t i = 0; i < secret->size; i++)
        secret->bytes[i] =
            (uint8_t)(nibble(digits.data[2 * i]) << 4 | nibble(digits.data[2 * i + 1]));
    memcpy(member, &secret, sizeof secret);
    return true;
}
