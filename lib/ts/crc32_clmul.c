/* SPDX-License-Identifier: BSL-1.0 */
/* CRC-32/MPEG-2 with carry-less multiplication; crc32.c calls it where the processor can.
 *
 * The CRC of a message is the message as a polynomial, times x^32, modulo the CRC's polynomial.
 * That is a sum over its blocks of 16 bytes, each times the power of x that stands for what follows
 * it. The powers come from a table, so no block waits for another one and short sections, which
 * most are, gain as much as long ones. What does not fill a block stands at the front, where zeros
 * before it change nothing. */
#include "ts/crc32.h"

#if defined(__PCLMUL__) && defined(__SSSE3__)

#include <immintrin.h>

#include "crc32_powers.h"

const bool simc__crc32_clmul_is_built = true;

enum {
    BLOCK = 16,
    PART = CRC32_BLOCKS_MAX * BLOCK, /* longer messages are cut into parts of this size */
};

/* Shuffles of a block from memory: 16 bytes from BLOCK - n on put the first n bytes, reversed,
 * behind zeros. */
static const uint8_t front[2 * BLOCK] = {
    15,   14,   13,   12,   11,   10,   9,    8,    7,    6,    5,    4,    3,    2,    1,    0,
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};

static inline __m128i load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* Four bytes as they stand in a message, before 12 zeros. */
static inline __m128i word(uint32_t bytes)
{
    return _mm_cvtsi32_si128((int)__builtin_bswap32(bytes));
}

static inline __m128i number(uint64_t value)
{
    return _mm_loadl_epi64((const __m128i *)(const void *)&value);
}

/* A block times the power of x for `behind` blocks behind it and 32 bits: 95 bits. */
static inline __m128i block_times(__m128i block, size_t behind)
{
    __m128i powers = _mm_load_si128((const __m128i *)(const void *)crc32_powers[behind]);
    return _mm_xor_si128(_mm_clmulepi64_si128(block, powers, 0x00),
                         _mm_clmulepi64_si128(block, powers, 0x11));
}

/* 96 bits modulo the polynomial: first 64 are left, then 32. The second step divides by
 * multiplying with the inverse (Barrett); the quotient of what has degree 63 is exact. */
static inline uint32_t reduce(__m128i sum)
{
    __m128i high = _mm_clmulepi64_si128(_mm_srli_si128(sum, 8), number(crc32_power_64), 0x00);
    sum = _mm_xor_si128(sum, high);
    __m128i top = _mm_srli_epi64(sum, 32);
    __m128i quotient = _mm_clmulepi64_si128(top, number(crc32_inverse), 0x00);
    quotient = _mm_srli_epi64(quotient, 32);
    __m128i product = _mm_clmulepi64_si128(quotient, number(crc32_polynomial), 0x00);
    return (uint32_t)_mm_cvtsi128_si32(_mm_xor_si128(sum, product));
}

/* At least BLOCK bytes, at most CRC32_BLOCKS_MAX blocks and a rest. The register is XORed to the
 * first four bytes, which belong to the rest, to the first block, or to both. */
static inline uint32_t part_update(uint32_t crc, const uint8_t *p, size_t size)
{
    const __m128i reverse = load(front);
    size_t rest = size % BLOCK, behind = size / BLOCK;
    __m128i first = _mm_xor_si128(load(p), word(crc));
    __m128i sum = block_times(_mm_shuffle_epi8(first, load(front + BLOCK - rest)), behind);
    p += rest;
    __m128i block = _mm_xor_si128(load(p), word(rest < 4 ? crc << 8 * rest : 0));
    while (behind-- > 0) {
        sum = _mm_xor_si128(sum, block_times(_mm_shuffle_epi8(block, reverse), behind));
        if (behind > 0)
            block = load(p += BLOCK);
    }
    return reduce(sum);
}

uint32_t simc__crc32_clmul(uint32_t crc, struct simc_slice bytes)
{
    const uint8_t *p = bytes.data;
    size_t size = bytes.size;
    for (; size >= PART + BLOCK; p += PART, size -= PART)
        crc = part_update(crc, p, PART);
    return part_update(crc, p, size);
}

#else

/* Never called: crc32.c looks at the constant first. */
const bool simc__crc32_clmul_is_built = false;

uint32_t simc__crc32_clmul(uint32_t crc, struct simc_slice bytes)
{
    return simc__crc32_tables(crc, bytes);
}

#endif
