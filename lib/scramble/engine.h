/* SPDX-License-Identifier: BSL-1.0 */
/* What the packet walk and the engines of lib/scramble share: keys, spans of payload, and the row
 * that an engine is. A new engine is one more row of simc__engines and nothing else changes. */
#ifndef SIMC__SCRAMBLE_ENGINE_H
#define SIMC__SCRAMBLE_ENGINE_H

#include "simulcrypt/scramble.h"

enum {
    SIMC__AES_ROUNDS = 10,
    SIMC__AES_BLOCK = 16,
    SIMC__AES_IV_ROW = 11,
    SIMC__PAYLOAD_MAX = 184,   /**< bytes of a packet without adaptation field */
    SIMC__AES_SPANS = 96,      /**< most that an AES engine gets at once; whole sets of each */
    SIMC__KEY_ALIGN = 64,      /**< round keys start on a cache line */
    SIMC__CSA_BATCH_MAX = 512, /**< most spans that a CSA engine gets at once */
    SIMC__CHAIN_END = UINT16_MAX,
};

enum simc__family { SIMC__FAMILY_AES, SIMC__FAMILY_CSA, SIMC__FAMILY_COUNT };

/** Round keys of AES-128 as the AES instructions want them; the twelfth row is the IV. */
struct simc__aes_schedule {
    uint8_t encrypt[12][SIMC__AES_BLOCK];
    uint8_t decrypt[12][SIMC__AES_BLOCK];
};

struct simc__engine;

/** One key of a slot, made ready by an engine. Everything in it is secret or says nothing. */
struct simc__key {
    _Alignas(SIMC__KEY_ALIGN) struct simc__aes_schedule aes; /**< engines of ours */
    uint8_t iv[SIMC_AES_IV_SIZE];                            /**< AES family */
    const struct simc__engine *engine; /**< NULL: the contexts are not there */
    void *context[2];                  /**< engines over a library: what it made for us */
    bool is_set;                       /**< the key may be used */
    uint8_t family;                    /**< enum simc__family */
    bool terminates;                   /**< residual block termination */
    bool single_blocks;                /**< no chain: every block is a span of its own */
    uint16_t payload_size_min;         /**< bytes */
    uint16_t clear_mask;               /**< size & clear_mask bytes at the end stay clear */
    uint16_t short_cut_size; /**< bytes of a full payload to change when no question is left to
                                  ask; 0: there are some */
};

/** Bytes to be worked on in place under one key. */
struct simc__span {
    uint8_t *data;
    const struct simc__key *key;
    uint32_t size; /**< AES: whole blocks, unless the key terminates; CSA: 8..184 */
};

/** An engine. Functions that are NULL have nothing to do. */
struct simc__engine {
    const char *name;
    enum simc__family family;
    /** True when this build and processor can run it. */
    bool (*can_run)(void);
    /** Loads what the engine needs. @return 0, SIMC_EUNSUPPORTED with a sentence, SIMC_ENOMEM. */
    int (*open)(const char *library, void **state, struct simc_writer *why);
    void (*close)(void *state);
    /** CSA: how many spans of one key to hand over at once, 1..SIMC__CSA_BATCH_MAX. */
    size_t (*batch_size)(void *state);
    /** Makes `key` ready; its fields but the schedule and contexts are filled in already. */
    int (*key_set)(void *state, struct simc__key *key, const uint8_t *cw);
    /** Overwrites what the contexts know and keeps them for the next key. */
    void (*key_wipe)(void *state, struct simc__key *key);
    /** Releases the contexts. */
    void (*key_fini)(void *state, struct simc__key *key);
    /** AES: at most SIMC__AES_SPANS of any keys; CSA: up to batch_size(), all of one key. */
    int (*encrypt)(void *state, const struct simc__span *spans, size_t count);
    int (*decrypt)(void *state, const struct simc__span *spans, size_t count);
};

extern const struct simc__engine simc__engine_vaes512;
extern const struct simc__engine simc__engine_aesni;
extern const struct simc__engine simc__engine_evp;
extern const struct simc__engine simc__engine_dvbcsa;
extern const struct simc__engine simc__engine_dvbcsa_single;

/** All engines, best first within a family; NULL behind the last. */
extern const struct simc__engine *const simc__engines[];

/** The family that serves an algorithm of the rows. */
static inline enum simc__family simc__family(enum simc_scrambling algorithm)
{
    return algorithm == SIMC_SCRAMBLING_CSA1 || algorithm == SIMC_SCRAMBLING_CSA2
               ? SIMC__FAMILY_CSA
               : SIMC__FAMILY_AES;
}

#endif
