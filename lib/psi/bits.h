/* SPDX-License-Identifier: BSL-1.0 */
/* A bounded reader of bits for the headers of video streams; it leaves out emulation prevention
 * bytes where the syntax has them. codec.c reads sequence headers and parameter sets with it. */
#ifndef SIMC__PSI_BITS_H
#define SIMC__PSI_BITS_H

#include "simulcrypt/base.h"

/* Behind its end, and behind a start code, it gives zeros and says so in `ended`. */
struct simc__bits {
    struct simc_slice bytes;
    size_t at;
    unsigned zeros; /* zero bytes in a row in front of `at` */
    unsigned byte;  /* the present one */
    unsigned left;  /* its bits that are not read yet */
    bool escaped;   /* 00 00 03 stands for 00 00 [14496-10 7.4.1] */
    bool ended;
};

static inline struct simc__bits simc__bits(struct simc_slice bytes, bool escaped)
{
    return (struct simc__bits){.bytes = bytes, .escaped = escaped};
}

static inline void simc__bits_fetch(struct simc__bits *bits)
{
    bits->byte = 0;
    bits->left = 8;
    const uint8_t *data = bits->bytes.data;
    if (bits->escaped && bits->zeros >= 2 && bits->at < bits->bytes.size && data[bits->at] == 3) {
        bits->at++;
        bits->zeros = 0;
    }
    if (bits->at >= bits->bytes.size || (bits->escaped && bits->zeros >= 2 && data[bits->at] < 3)) {
        bits->ended = true; /* the next start code, or zeros in front of it */
        bits->at = bits->bytes.size;
        return;
    }
    bits->byte = data[bits->at++];
    bits->zeros = bits->byte ? 0 : bits->zeros + 1;
}

/* @param count 0..32 */
static inline uint32_t simc__bits_get(struct simc__bits *bits, unsigned count)
{
    uint32_t value = 0;
    while (count--) {
        if (!bits->left)
            simc__bits_fetch(bits);
        bits->left--;
        value = value << 1 | (bits->byte >> bits->left & 1);
    }
    return value;
}

static inline void simc__bits_skip(struct simc__bits *bits, unsigned count)
{
    for (; count > 32; count -= 32)
        simc__bits_get(bits, 32);
    simc__bits_get(bits, count);
}

/* An unsigned Exp-Golomb code, ue(v); one of more than 32 bits ends the reading. */
static inline uint32_t simc__bits_golomb(struct simc__bits *bits)
{
    unsigned zeros = 0;
    while (!bits->ended && !simc__bits_get(bits, 1))
        zeros++;
    if (bits->ended || zeros > 31) {
        bits->ended = true;
        return 0;
    }
    return (UINT32_C(1) << zeros) - 1 + simc__bits_get(bits, zeros);
}

#endif
