/* SPDX-License-Identifier: BSL-1.0 */
/* Draws control words and refuses weak ones. scg.c calls it. */
#include "scs/words.h"

#include <openssl/rand.h>
#include <string.h>

enum { HALF = 8, SUM_AT = 3, TRIES_MOST = 16 };

static int draw_openssl(void *context, uint8_t *bytes, size_t size)
{
    (void)context;
    return RAND_priv_bytes(bytes, (int)size) == 1 ? 0 : SIMC_EIO;
}

const struct simc__scs_source simc__scs_source_openssl = {draw_openssl, NULL};

/* Without a branch on the bytes: how many of them are the first of their value. */
static unsigned count_different(const uint8_t *bytes, size_t size)
{
    unsigned different = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned is_repeated = 0;
        for (size_t k = 0; k < i; k++)
            is_repeated |= (unsigned)(((unsigned)(bytes[i] ^ bytes[k]) - 1u) >> 31);
        different += 1u - is_repeated;
    }
    return different;
}

static bool half_is_equal(const struct simc_secret *a, const struct simc_secret *b, size_t at)
{
    unsigned difference = 0;
    for (size_t i = at; i < at + HALF; i++)
        difference |= (unsigned)(a->bytes[i] ^ b->bytes[i]);
    return difference == 0;
}

bool simc__scs_word_is_weak(const struct simc_secret *word, const struct simc_secret *before)
{
    bool is_weak = count_different(word->bytes, word->size) < word->size / 2u;
    if (!before || before->size != word->size)
        return is_weak;
    for (size_t at = 0; at + HALF <= word->size; at += HALF)
        is_weak |= half_is_equal(word, before, at);
    return is_weak;
}

/* The sums of TS 100 289: byte 3 of bytes 0..2, byte 7 of bytes 4..6. */
static void reduce_entropy(struct simc_secret *word)
{
    for (size_t at = 0; at < HALF; at += SUM_AT + 1) {
        unsigned sum = 0;
        for (size_t i = 0; i < SUM_AT; i++)
            sum += word->bytes[at + i];
        word->bytes[at + SUM_AT] = (uint8_t)sum;
    }
}

int simc__scs_word_draw(const struct simc__scs_source *source, uint8_t size, bool reduce,
                        const struct simc_secret *before, struct simc_secret *word)
{
    memset(word, 0, sizeof *word);
    if (size != HALF && size != 2 * HALF)
        return SIMC_EINVAL;
    for (unsigned i = 0; i < TRIES_MOST; i++) {
        word->size = size;
        int error = source->draw(source->context, word->bytes, size);
        if (error) {
            simc_secret_wipe(word);
            return error;
        }
        if (reduce && size == HALF)
            reduce_entropy(word);
        if (!simc__scs_word_is_weak(word, before))
            return 0;
    }
    simc_secret_wipe(word);
    return SIMC_EIO;
}
