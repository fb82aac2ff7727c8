/* SPDX-License-Identifier: BSL-1.0 */
/* The rows of scrambling algorithms, engines and results, and the checksums of CSA1 control words.
 * The packet walk, command lines and descriptor builders look things up here. */
#include <string.h>

#include "scramble/engine.h"

#define INFO(name, word, mode, cw_size, block_size, min) \
    {SIMC_SCRAMBLING_##name, word, mode, cw_size, block_size, min},
static const struct simc_scrambling_info algorithms[] = {SIMC_SCRAMBLING_ROWS(INFO)};
#undef INFO

const struct simc__engine *const simc__engines[] = {
    &simc__engine_vaes512, &simc__engine_aesni,         &simc__engine_evp,
    &simc__engine_dvbcsa,  &simc__engine_dvbcsa_single, NULL,
};

const struct simc_scrambling_info *simc_scrambling_info(enum simc_scrambling algorithm)
{
    size_t index = (size_t)algorithm;
    return index < SIMC_SCRAMBLING_COUNT ? &algorithms[index] : NULL;
}

const struct simc_scrambling_info *simc_scrambling_by_name(const char *name)
{
    for (size_t i = 0; i < SIMC_SCRAMBLING_COUNT; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return &algorithms[i];
    return NULL;
}

const struct simc_scrambling_info *simc_scrambling_by_mode(uint8_t mode)
{
    for (size_t i = 0; i < SIMC_SCRAMBLING_COUNT; i++)
        if (algorithms[i].mode == mode)
            return &algorithms[i];
    return NULL;
}

const char *simc_scramble_engine_name(enum simc_scrambling algorithm, size_t index)
{
    if (!simc_scrambling_info(algorithm))
        return NULL;
    for (size_t i = 0; simc__engines[i]; i++)
        if (simc__engines[i]->family == simc__family(algorithm) && index-- == 0)
            return simc__engines[i]->name;
    return NULL;
}

const char *simc_scramble_result_name(enum simc_scramble_result result)
{
#define WORD(name, word, text) word,
    static const char *const words[] = {SIMC_SCRAMBLE_RESULT_ROWS(WORD)};
#undef WORD
    size_t index = (size_t)result;
    return index < SIMC_SCRAMBLE_RESULT_COUNT ? words[index] : "?";
}

/* ---- checksums of CSA1 control words [TS 100 289] ---- */

enum { CSA_CW_SIZE = 8, CSA_CW_HALF = 4 };

static uint8_t checksum(const uint8_t half[CSA_CW_HALF])
{
    return (uint8_t)(half[0] + half[1] + half[2]);
}

int simc_csa_checksum_set(struct simc_secret *cw)
{
    if (cw->size != CSA_CW_SIZE)
        return SIMC_EINVAL;
    for (int half = 0; half < CSA_CW_SIZE; half += CSA_CW_HALF)
        cw->bytes[half + 3] = checksum(cw->bytes + half);
    return 0;
}

bool simc_csa_checksum_is_good(const struct simc_secret *cw)
{
    if (cw->size != CSA_CW_SIZE)
        return false;
    uint8_t difference = 0;
    for (int half = 0; half < CSA_CW_SIZE; half += CSA_CW_HALF)
        difference |= cw->bytes[half + 3] ^ checksum(cw->bytes + half);
    return difference == 0;
}
