/* SPDX-License-Identifier: BSL-1.0 */
/* Key expansion of AES-128 with the AES instructions, for the two x86 engines. Included only where
 * the compiler may use these instructions (__AES__). */
#ifndef SIMC__SCRAMBLE_AES_X86_H
#define SIMC__SCRAMBLE_AES_X86_H

#include <immintrin.h>

#include "scramble/engine.h"

#define SIMC__INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define SIMC__UNROLL _Pragma("unroll")
#else
#define SIMC__UNROLL _Pragma("GCC unroll 16")
#endif

SIMC__INLINE __m128i simc__aes_load(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)(const void *)from);
}

SIMC__INLINE void simc__aes_store(uint8_t *to, __m128i block)
{
    _mm_storeu_si128((__m128i *)(void *)to, block);
}

/** One step of the schedule: `assist` is what AESKEYGENASSIST made of `key`. [FIPS 197 5.2] */
SIMC__INLINE __m128i simc__aes_expand_step(__m128i key, __m128i assist)
{
    assist = _mm_shuffle_epi32(assist, 0xff);
    key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
    key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
    return _mm_xor_si128(key, assist);
}

SIMC__INLINE void simc__aes_expand(struct simc__aes_schedule *schedule, const uint8_t *cw,
                                   const uint8_t *iv)
{
    __m128i key[SIMC__AES_ROUNDS + 1];
    key[0] = simc__aes_load(cw);
#define SIMC__STEP(n, constant) \
    key[n] = simc__aes_expand_step(key[n - 1], _mm_aeskeygenassist_si128(key[n - 1], constant))
    SIMC__STEP(1, 0x01);
    SIMC__STEP(2, 0x02);
    SIMC__STEP(3, 0x04);
    SIMC__STEP(4, 0x08);
    SIMC__STEP(5, 0x10);
    SIMC__STEP(6, 0x20);
    SIMC__STEP(7, 0x40);
    SIMC__STEP(8, 0x80);
    SIMC__STEP(9, 0x1b);
    SIMC__STEP(10, 0x36);
#undef SIMC__STEP
    /* AESDEC is the equivalent inverse cipher: reversed keys, the inner ones through
     * InvMixColumns. [FIPS 197 5.3.5] */
    for (int i = 0; i <= SIMC__AES_ROUNDS; i++) {
        __m128i inverse = key[SIMC__AES_ROUNDS - i];
        if (i > 0 && i < SIMC__AES_ROUNDS)
            inverse = _mm_aesimc_si128(inverse);
        simc__aes_store(schedule->encrypt[i], key[i]);
        simc__aes_store(schedule->decrypt[i], inverse);
    }
    simc__aes_store(schedule->encrypt[SIMC__AES_IV_ROW], simc__aes_load(iv));
    simc__aes_store(schedule->decrypt[SIMC__AES_IV_ROW], simc__aes_load(iv));
    simc_wipe(key, sizeof key);
}

#endif
