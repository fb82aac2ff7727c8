/* SPDX-License-Identifier: BSL-1.0 */
/* The scrambler object, shared by the files that set keys (keys.c) and that walk over packets
 * (scramble.c). */
#ifndef SIMC__SCRAMBLE_SCRAMBLER_H
#define SIMC__SCRAMBLE_SCRAMBLER_H

#include "scramble/engine.h"

/** The CSA spans of one key that wait for a batch to be full, as indices into the pool. */
struct simc__chain {
    uint16_t first, last; /**< valid when count > 0 */
    uint16_t count;
};

/** Waiting CSA spans; those that are free are chained too. */
struct simc__pool {
    struct simc__span span[SIMC_SCRAMBLE_BATCH];
    uint16_t next[SIMC_SCRAMBLE_BATCH]; /**< the next of the same chain */
    uint16_t key[SIMC_SCRAMBLE_BATCH];  /**< the chain that it is in */
    uint16_t used;                      /**< spans that were ever taken since the last flush */
    uint16_t free_first;                /**< SIMC__CHAIN_END: none was given back */
};

struct simc_scrambler {
    struct simc__key *keys; /**< two per slot: [slot * 2 + parity], on cache lines */
    void *keys_memory;      /**< the block they lie in */
    uint32_t slot_count;
    enum simc_short_tsc short_tsc;
    enum simc_csa1_checksum csa1_checksum;
    uint8_t aes_cbc_iv[SIMC_AES_IV_SIZE];

    const struct simc__engine *engine[SIMC__FAMILY_COUNT];
    void *state[SIMC__FAMILY_COUNT]; /**< what the engine opened */
    bool is_open[SIMC__FAMILY_COUNT];
    char *csa_library; /**< NULL: the engine's own choice */
    char why[SIMC_SCRAMBLE_WHY_SIZE];
    struct simc_scramble_stats stats;

    struct simc__span aes[SIMC__AES_SPANS]; /**< queued, keys mixed */
    size_t aes_count;
    struct simc__pool csa;
    struct simc__chain *csa_chain; /**< by key */
    struct simc__span csa_batch[SIMC__CSA_BATCH_MAX];
    size_t csa_batch_size; /**< spans that the engine wants at once */
};

#endif
