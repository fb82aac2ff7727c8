/* SPDX-License-Identifier: BSL-1.0 */
/* AES-128-CBC over eight packets at a time with AES-NI; the packet walk calls it through its row.
 * Eight independent chains hide the latency of AESENC; a lane may have its own key, IV and size.
 * A lane that has no block at some step works on scratch memory instead. */
#include "scramble/engine.h"

#if defined(__AES__) && defined(__SSE4_1__)

#include <string.h>

#include "scramble/aes_x86.h"

enum {
    SET = 8,           /* packets at a time */
    SCRATCH_SIZE = 192 /* at least the largest payload, in whole blocks */
};

enum { ROWS = 12, IV_ROW = SIMC__AES_IV_ROW };

/* Round keys and IVs of a mixed set, by lane. */
struct lanes {
    __m128i round[ROWS][SET];
};

/* Where a round key comes from: one schedule for a uniform set, else the lanes. */
struct keys {
    bool uniform;
    const uint8_t (*shared)[SIMC__AES_BLOCK];
    const struct lanes *lanes;
};

SIMC__INLINE __m128i round_key(struct keys keys, int round, int lane)
{
    return keys.uniform ? simc__aes_load(keys.shared[round]) : keys.lanes->round[round][lane];
}

struct set {
    const struct simc__span *spans;
    unsigned count;
    bool uniform;
    uint32_t whole[SET]; /* bytes in whole blocks; 0 behind `count` */
    uint8_t scratch[SCRATCH_SIZE];
};

static void set_fill(struct set *set, const struct simc__span *spans, unsigned count)
{
    set->spans = spans;
    set->count = count;
    set->uniform = true;
    for (unsigned i = 0; i < SET; i++) {
        set->whole[i] = i < count ? spans[i].size & ~(uint32_t)(SIMC__AES_BLOCK - 1) : 0;
        set->uniform &= i >= count || spans[i].key == spans[0].key;
    }
}

static void lanes_fill(struct lanes *lanes, const struct set *set, bool decrypt)
{
    for (unsigned i = 0; i < SET; i++) {
        const struct simc__key *key = set->spans[i < set->count ? i : 0].key;
        for (int r = 0; r < ROWS; r++)
            lanes->round[r][i] =
                simc__aes_load(decrypt ? key->aes.decrypt[r] : key->aes.encrypt[r]);
    }
}

/* All ten rounds over eight blocks that have their first round key already. */
SIMC__INLINE void rounds(__m128i block[SET], struct keys keys, bool decrypt)
{
    SIMC__UNROLL
    for (int r = 1; r < SIMC__AES_ROUNDS; r++) {
        SIMC__UNROLL
        for (int i = 0; i < SET; i++) {
            __m128i key = round_key(keys, r, i);
            block[i] = decrypt ? _mm_aesdec_si128(block[i], key) : _mm_aesenc_si128(block[i], key);
        }
    }
    SIMC__UNROLL
    for (int i = 0; i < SET; i++) {
        __m128i key = round_key(keys, SIMC__AES_ROUNDS, i);
        block[i] =
            decrypt ? _mm_aesdeclast_si128(block[i], key) : _mm_aesenclast_si128(block[i], key);
    }
}

/* Where each lane works during a stretch of steps in which `active(lane)` does not change. */
SIMC__INLINE void lanes_point(uint8_t *data[SET], struct set *set, uint32_t beyond)
{
    for (unsigned i = 0; i < SET; i++)
        data[i] = set->whole[i] > beyond ? set->spans[i].data : set->scratch;
}

/* The smallest end of a lane behind `at`, or `at` when no lane goes on. */
static uint32_t next_end(const struct set *set, uint32_t at)
{
    uint32_t end = UINT32_MAX;
    for (unsigned i = 0; i < SET; i++)
        if (set->whole[i] > at && set->whole[i] < end)
            end = set->whole[i];
    return end == UINT32_MAX ? at : end;
}

/* The largest end of a lane that is below `at`, or 0. */
static uint32_t previous_end(const struct set *set, uint32_t at)
{
    uint32_t end = 0;
    for (unsigned i = 0; i < SET; i++)
        if (set->whole[i] < at && set->whole[i] > end)
            end = set->whole[i];
    return end;
}

SIMC__INLINE void encrypt_set(struct set *set, struct keys keys)
{
    __m128i chain[SET];
    SIMC__UNROLL
    for (int i = 0; i < SET; i++)
        chain[i] = round_key(keys, IV_ROW, i);
    uint32_t at = 0;
    for (uint32_t end = next_end(set, 0); end > at; end = next_end(set, at)) {
        uint8_t *data[SET];
        lanes_point(data, set, at);
        for (; at < end; at += SIMC__AES_BLOCK) {
            SIMC__UNROLL
            for (int i = 0; i < SET; i++)
                chain[i] = _mm_xor_si128(
                    _mm_xor_si128(simc__aes_load(data[i] + at), round_key(keys, 0, i)), chain[i]);
            rounds(chain, keys, false);
            SIMC__UNROLL
            for (int i = 0; i < SET; i++)
                simc__aes_store(data[i] + at, chain[i]);
        }
    }
}

/* From the last block to the first: the ciphertext in front of a block is still in memory when the
 * block is chained to it. */
SIMC__INLINE void decrypt_set(struct set *set, struct keys keys)
{
    for (uint32_t end = previous_end(set, UINT32_MAX), begin; end > 0; end = begin) {
        begin = previous_end(set, end);
        uint8_t *data[SET];
        lanes_point(data, set, begin);
        for (uint32_t at = end; at > begin;) {
            at -= SIMC__AES_BLOCK;
            __m128i block[SET];
            SIMC__UNROLL
            for (int i = 0; i < SET; i++)
                block[i] = _mm_xor_si128(simc__aes_load(data[i] + at), round_key(keys, 0, i));
            rounds(block, keys, true);
            SIMC__UNROLL
            for (int i = 0; i < SET; i++) {
                __m128i previous = at > 0 ? simc__aes_load(data[i] + at - SIMC__AES_BLOCK)
                                          : round_key(keys, IV_ROW, i);
                simc__aes_store(data[i] + at, _mm_xor_si128(block[i], previous));
            }
        }
    }
}

/* Residual block termination, both ways: the bytes behind the last whole block are XORed with the
 * encryption of its ciphertext. `keys` are those for encryption. [ATIS-0800006] */
SIMC__INLINE void terminate_set(const struct set *set, struct keys keys)
{
    __m128i stream[SET];
    for (int i = 0; i < SET; i++) {
        const struct simc__span *span = &set->spans[i < (int)set->count ? i : 0];
        const uint8_t *last =
            set->whole[i] ? span->data + set->whole[i] - SIMC__AES_BLOCK : span->key->iv;
        stream[i] = _mm_xor_si128(simc__aes_load(last), round_key(keys, 0, i));
    }
    rounds(stream, keys, false);
    for (unsigned i = 0; i < set->count; i++) {
        uint8_t bytes[SIMC__AES_BLOCK];
        simc__aes_store(bytes, stream[i]);
        uint8_t *tail = set->spans[i].data + set->whole[i];
        for (uint32_t k = 0; k < set->spans[i].size % SIMC__AES_BLOCK; k++)
            tail[k] ^= bytes[k];
    }
}

static bool has_tails(const struct set *set)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->spans[i].size != set->whole[i])
            return true;
    return false;
}

static void encrypt_uniform(struct set *set)
{
    struct keys keys = {.uniform = true, .shared = set->spans[0].key->aes.encrypt};
    encrypt_set(set, keys);
    if (has_tails(set))
        terminate_set(set, keys);
}

static void decrypt_uniform(struct set *set)
{
    if (has_tails(set))
        terminate_set(set,
                      (struct keys){.uniform = true, .shared = set->spans[0].key->aes.encrypt});
    decrypt_set(set, (struct keys){.uniform = true, .shared = set->spans[0].key->aes.decrypt});
}

static void encrypt_mixed(struct set *set, struct lanes *lanes)
{
    lanes_fill(lanes, set, false);
    encrypt_set(set, (struct keys){.lanes = lanes});
    if (has_tails(set))
        terminate_set(set, (struct keys){.lanes = lanes});
}

static void decrypt_mixed(struct set *set, struct lanes *lanes)
{
    if (has_tails(set)) {
        lanes_fill(lanes, set, false);
        terminate_set(set, (struct keys){.lanes = lanes});
    }
    lanes_fill(lanes, set, true);
    decrypt_set(set, (struct keys){.lanes = lanes});
}

static int aesni_crypt(const struct simc__span *spans, size_t count, bool decrypt)
{
    struct lanes lanes;
    struct set set;
    bool mixed = false;
    memset(set.scratch, 0, sizeof set.scratch);
    for (size_t at = 0; at < count; at += SET) {
        set_fill(&set, spans + at, count - at < SET ? (unsigned)(count - at) : SET);
        mixed |= !set.uniform;
        if (set.uniform && decrypt)
            decrypt_uniform(&set);
        else if (set.uniform)
            encrypt_uniform(&set);
        else if (decrypt)
            decrypt_mixed(&set, &lanes);
        else
            encrypt_mixed(&set, &lanes);
    }
    if (mixed)
        simc_wipe(&lanes, sizeof lanes);
    return 0;
}

static int aesni_encrypt(void *state, const struct simc__span *spans, size_t count)
{
    (void)state;
    return aesni_crypt(spans, count, false);
}

static int aesni_decrypt(void *state, const struct simc__span *spans, size_t count)
{
    (void)state;
    return aesni_crypt(spans, count, true);
}

static int aesni_key_set(void *state, struct simc__key *key, const uint8_t *cw)
{
    (void)state;
    simc__aes_expand(&key->aes, cw, key->iv);
    return 0;
}

static bool aesni_can_run(void)
{
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("sse4.1");
}

const struct simc__engine simc__engine_aesni = {
    .name = "aesni",
    .family = SIMC__FAMILY_AES,
    .can_run = aesni_can_run,
    .key_set = aesni_key_set,
    .encrypt = aesni_encrypt,
    .decrypt = aesni_decrypt,
};

#else

/* A compiler or machine without these instructions: the row stays, and says so when asked. */
static bool aesni_can_run(void)
{
    return false;
}

const struct simc__engine simc__engine_aesni = {
    .name = "aesni", .family = SIMC__FAMILY_AES, .can_run = aesni_can_run};

#endif
