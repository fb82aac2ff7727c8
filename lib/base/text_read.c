/* SPDX-License-Identifier: BSL-1.0 */
/* Numbers and near misses read from text; see text.h. Option rows and the message parser use it. */
#include "base/text.h"

enum { WORD_MAX = 40 };

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return 99;
}

int simc__text_read_uint(struct simc_slice text, uint64_t *value)
{
    unsigned base = 10;
    size_t at = 0;
    uint64_t number = 0;
    if (text.size > 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x') {
        base = 16;
        at = 2;
    } else if (text.size > 1 && text.data[0] == '0') {
        return SIMC_ESYNTAX; /* 010 is 8 to some readers and 10 to others */
    }
    if (at == text.size)
        return SIMC_ESYNTAX;
    for (; at < text.size; at++) {
        unsigned digit = (unsigned)digit_of(text.data[at]);
        if (digit >= base || number > (UINT64_MAX - digit) / base)
            return SIMC_ESYNTAX;
        number = number * base + digit;
    }
    *value = number;
    return 0;
}

int simc__text_read_int(struct simc_slice text, int64_t *value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    bool has_sign = negative || (text.size > 0 && text.data[0] == '+');
    uint64_t number;
    int error =
        simc__text_read_uint(has_sign ? simc_slice(text.data + 1, text.size - 1) : text, &number);
    if (error)
        return error;
    if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return SIMC_ESYNTAX;
    *value = negative ? (int64_t)(0 - number) : (int64_t)number;
    return 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

unsigned simc__text_distance(struct simc_slice a, struct simc_slice b)
{
    unsigned row[WORD_MAX + 1];
    if (a.size > WORD_MAX || b.size > WORD_MAX)
        return WORD_MAX;
    for (unsigned k = 0; k <= b.size; k++)
        row[k] = k;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned k = 1; k <= b.size; k++) {
            unsigned changed = diagonal + (lower(a.data[i - 1]) != lower(b.data[k - 1]));
            diagonal = row[k];
            row[k] = least(row[k] + 1, row[k - 1] + 1, changed);
        }
    }
    return row[b.size];
}
