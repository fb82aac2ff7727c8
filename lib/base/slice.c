/* SPDX-License-Identifier: BSL-1.0 */
/* Slices and hexadecimal text, and the one writer call that is too long to be inline. */
#include <string.h>

#include "simulcrypt/base.h"

struct simc_slice simc_slice_text(const char *text)
{
    return simc_slice(text, strlen(text));
}

bool simc_slice_equal(struct simc_slice a, struct simc_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

void simc_writer_slice(struct simc_writer *writer, struct simc_slice bytes)
{
    uint8_t *room = simc_writer_room(writer, bytes.size);
    if (room && bytes.size)
        memcpy(room, bytes.data, bytes.size);
}

static int nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool separates(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ':' || c == '-';
}

static int hex_fault(size_t at, size_t *bad_at)
{
    if (bad_at)
        *bad_at = at;
    return SIMC_ESYNTAX;
}

int simc_hex_read(struct simc_slice text, uint8_t *out, size_t out_size, size_t *size,
                  size_t *bad_at)
{
    size_t at = 0, count = 0;
    while (at < text.size && separates(text.data[at]))
        at++;
    if (text.size - at >= 2 && text.data[at] == '0' && (text.data[at + 1] | 0x20) == 'x')
        at += 2;
    while (at < text.size) {
        if (separates(text.data[at])) {
            at++;
            continue;
        }
        int high = nibble(text.data[at]);
        if (high < 0)
            return hex_fault(at, bad_at);
        int low = at + 1 < text.size ? nibble(text.data[at + 1]) : -1;
        if (low < 0)
            return hex_fault(at + 1, bad_at);
        if (count == out_size)
            return SIMC_ENOSPC;
        out[count++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *size = count;
    return 0;
}
