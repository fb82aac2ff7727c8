/* SPDX-License-Identifier: BSL-1.0 */
/* The control words of `ts scramble` and `ts descramble`: from --cw, or a file with one per line.
 */
#ifndef SIMC__CLI_TS_WORDS_H
#define SIMC__CLI_TS_WORDS_H

#include "base/options.h"
#include "simulcrypt/scramble.h"

enum { SIMC__WORDS_MAX = 65536 };

/* Word n belongs to crypto period n; behind the last one the list starts again. */
struct simc__words {
    struct simc_secret *items;
    size_t count;
};

/* Reads all words. @param why on failure one sentence, never with a control word in it.
 * @return 0, SIMC_ESYNTAX, SIMC_EIO, SIMC_ENOMEM; simc__words_fini() in either case. */
int simc__words_read(struct simc__words *words, const struct simc__option_texts *given,
                     const char *file, const struct simc_scrambling_info *algorithm,
                     char why[SIMC__OPTIONS_WHY_SIZE]) SIMC_MUST_CHECK;
void simc__words_fini(struct simc__words *words);

#endif
