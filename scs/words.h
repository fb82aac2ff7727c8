/* SPDX-License-Identifier: BSL-1.0 */
/* Control words: where they come from, and which of them may be used. scg.c draws one for each
 * crypto period. */
#ifndef SIMC__SCS_WORDS_H
#define SIMC__SCS_WORDS_H

#include "simulcrypt/base.h"

/* Where random bytes come from: OpenSSL's generator, a key management, or a test. */
struct simc__scs_source {
    /* Fills all bytes. @return 0, or SIMC_EAGAIN (not now), SIMC_EIO (it has failed). */
    int (*draw)(void *context, uint8_t *bytes, size_t size);
    void *context;
};

/* OpenSSL's generator for secrets, RAND_priv_bytes(). */
extern const struct simc__scs_source simc__scs_source_openssl;

/* Draws a control word of 8 or 16 bytes. Weak ones are drawn again, a few times: those with fewer
 * than half as many different bytes as there are, and one that is equal to the word before it in
 * either half (a descrambler that missed the change would not notice).
 * @param reduce bytes 3 and 7 become sums, as CSA1 receivers expect; 8 bytes only.
 * @param before the word of the period before; NULL: none.
 * @return 0, SIMC_EINVAL (another size), what the source returned, SIMC_EIO (the source gives
 * nothing but weak ones: it is broken). */
int simc__scs_word_draw(const struct simc__scs_source *source, uint8_t size, bool reduce,
                        const struct simc_secret *before, struct simc_secret *word) SIMC_MUST_CHECK;
/* The rule alone. */
bool simc__scs_word_is_weak(const struct simc_secret *word, const struct simc_secret *before);

#endif
