/* SPDX-License-Identifier: BSL-1.0 */
/* AES-128-CBC over twelve packets at a time with AES-NI; the packet walk calls it through its row.
 * Twelve independent chains, where eight would hide the latency of AESENC alone, also hide what
 * stands between two blocks of a chain; with two more registers for keys and plaintext they just
 * fit. A lane may have its own key, IV and size; one without a block at some step works on scratch
 * memory instead. */
#include "scramble/engine.h"

#if defined(__AES__) && defined(__SSE4_1__)

#include <string.h>

#include "scramble/aes_x86.h"

enum {
    SET = 12,          /* packets at a time */
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
    int count;                  /* of them, at most SET */
    bool uniform;               /* one key for all */
    bool even;                  /* all lanes have the same size: `whole` is not filled in */
    bool terminates;            /* some span has a residue to be encrypted */
    uint32_t shortest, longest; /* bytes in whole blocks, of all lanes */
    uint32_t whole[SET];        /* the same by lane; 0 behind `count` */
    uint8_t scratch[SCRATCH_SIZE];
};

SIMC__INLINE uint32_t whole_blocks(uint32_t size)
{
    return size & ~(uint32_t)(SIMC__AES_BLOCK - 1);
}

/* Lanes of different sizes, or fewer than SET of them. */
static __attribute__((noinline)) void set_measure(struct set *set)
{
    set->shortest = UINT32_MAX;
    set->longest = 0;
    memset(set->scratch, 0, sizeof set->scratch);
    for (int i = 0; i < SET; i++) {
        uint32_t size = i < set->count ? set->spans[i].size : 0, whole = whole_blocks(size);
        set->whole[i] = whole;
        set->shortest = whole < set->shortest ? whole : set->shortest;
        set->longest = whole > set->longest ? whole : set->longest;
        set->terminates |= whole != size;
    }
}

SIMC__INLINE void set_fill(struct set *set, const struct simc__span *spans, int count)
{
    uintptr_t other_key = 0;
    uint32_t other_size = 0;
    set->spans = spans;
    set->count = count;
    if (SIMC_LIKELY(count == SET)) {
        SIMC__UNROLL
        for (int i = 1; i < SET; i++) {
            other_key |= (uintptr_t)spans[i].key ^ (uintptr_t)spans[0].key;
            other_size |= spans[i].size ^ spans[0].size;
        }
    } else {
        for (int i = 1; i < count; i++)
            other_key |= (uintptr_t)spans[i].key ^ (uintptr_t)spans[0].key;
    }
    set->uniform = other_key == 0;
    set->even = count == SET && other_size == 0;
    set->shortest = set->longest = whole_blocks(spans[0].size);
    set->terminates = set->longest != spans[0].size;
    if (SIMC_UNLIKELY(!set->even))
        set_measure(set);
}

/* Bytes in whole blocks of a lane. */
SIMC__INLINE uint32_t lane_whole(const struct set *set, int lane)
{
    return set->even ? set->longest : set->whole[lane];
}

static void lanes_fill(struct lanes *lanes, const struct set *set, bool decrypt)
{
    for (int i = 0; i < SET; i++) {
        const struct simc__key *key = set->spans[i < set->count ? i : 0].key;
        SIMC__UNROLL
        for (int r = 0; r < ROWS; r++)
            lanes->round[r][i] =
                simc__aes_load(decrypt ? key->aes.decrypt[r] : key->aes.encrypt[r]);
    }
}

/* All ten rounds over blocks that have their first round key already. */
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

/* Where each lane works during a stretch of steps in which no lane ends. */
SIMC__INLINE void lanes_point(uint8_t *data[SET], struct set *set, uint32_t beyond)
{
    if (SIMC_LIKELY(set->even)) {
        SIMC__UNROLL
        for (int i = 0; i < SET; i++)
            data[i] = set->spans[i].data;
        return;
    }
    SIMC__UNROLL
    for (int i = 0; i < SET; i++)
        data[i] = set->whole[i] > beyond ? set->spans[i].data : set->scratch;
}

/* The smallest end of a lane behind `at`, or `at` when no lane goes on. */
SIMC__INLINE uint32_t next_end(const struct set *set, uint32_t at)
{
    if (at < set->shortest)
        return set->shortest;
    if (at >= set->longest)
        return at;
    uint32_t end = set->longest;
    for (int i = 0; i < SET; i++)
        if (set->whole[i] > at && set->whole[i] < end)
            end = set->whole[i];
    return end;
}

/* The largest end of a lane that is below `at`, or 0. */
SIMC__INLINE uint32_t previous_end(const struct set *set, uint32_t at)
{
    if (at > set->longest)
        return set->longest;
    if (at <= set->shortest)
        return 0;
    uint32_t end = set->shortest;
    for (int i = 0; i < SET; i++)
        if (set->whole[i] < at && set->whole[i] > end)
            end = set->whole[i];
    return end;
}

/* The next block of a chain, its first round key included. That key has to meet the plaintext,
 * which waits for nothing, and not the chain, which everything waits for. Compilers know that XOR
 * can be done in any order and choose the other one, which costs a tenth of the speed; they leave
 * this instruction where it is. */
SIMC__INLINE __m128i chain_on(__m128i chain, const uint8_t *plain, __m128i key)
{
    __m128i whitened = _mm_xor_si128(simc__aes_load(plain), key);
#ifdef __AVX__
    __asm__("vpxor %1, %0, %0" : "+x"(chain) : "x"(whitened));
#else
    __asm__("pxor %1, %0" : "+x"(chain) : "x"(whitened));
#endif
    return chain;
}

/* The blocks at `at` .. `end` of all lanes. */
SIMC__INLINE void encrypt_stretch(uint8_t *const data[SET], __m128i chain[SET], struct keys keys,
                                  size_t at, size_t end)
{
    for (; at < end; at += SIMC__AES_BLOCK) {
        SIMC__UNROLL
        for (int i = 0; i < SET; i++)
            chain[i] = chain_on(chain[i], data[i] + at, round_key(keys, 0, i));
        rounds(chain, keys, false);
        SIMC__UNROLL
        for (int i = 0; i < SET; i++)
            simc__aes_store(data[i] + at, chain[i]);
    }
}

SIMC__INLINE void encrypt_set(struct set *set, struct keys keys)
{
    __m128i chain[SET];
    SIMC__UNROLL
    for (int i = 0; i < SET; i++)
        chain[i] = round_key(keys, IV_ROW, i);
    uint32_t at = 0;
    for (uint32_t end; (end = next_end(set, at)) > at; at = end) {
        uint8_t *data[SET];
        lanes_point(data, set, at);
        encrypt_stretch(data, chain, keys, at, end);
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

/* XORs the first `size` (below 16) bytes of a block into memory. */
SIMC__INLINE void residue_change(uint8_t *tail, uint32_t size, __m128i block)
{
    uint8_t bytes[SIMC__AES_BLOCK];
    simc__aes_store(bytes, block);
    uint32_t at = 0;
    if (size >= 8) {
        uint64_t word, mask;
        memcpy(&word, tail, sizeof word);
        memcpy(&mask, bytes, sizeof mask);
        word ^= mask;
        memcpy(tail, &word, sizeof word);
        at = sizeof word;
    }
    for (; at < size; at++)
        tail[at] ^= bytes[at];
}

/* Residual block termination, both ways: the bytes behind the last whole block are XORed with the
 * encryption of its ciphertext. `keys` are those for encryption. [ATIS-0800006] */
SIMC__INLINE void terminate_set(const struct set *set, struct keys keys)
{
    __m128i stream[SET];
    SIMC__UNROLL
    for (int i = 0; i < SET; i++) {
        const struct simc__span *span = &set->spans[i < set->count ? i : 0];
        uint32_t whole = lane_whole(set, i);
        const uint8_t *last = whole ? span->data + whole - SIMC__AES_BLOCK : span->key->iv;
        stream[i] = _mm_xor_si128(simc__aes_load(last), round_key(keys, 0, i));
    }
    rounds(stream, keys, false);
    SIMC__UNROLL
    for (int i = 0; i < SET; i++) {
        uint32_t size = i < set->count ? set->spans[i].size % SIMC__AES_BLOCK : 0;
        residue_change(set->spans[i < set->count ? i : 0].data + lane_whole(set, i), size,
                       stream[i]);
    }
}

SIMC__INLINE struct keys keys_of(const struct set *set, struct lanes *lanes, bool uniform,
                                 bool decrypt)
{
    const struct simc__aes_schedule *aes = &set->spans[0].key->aes;
    if (uniform)
        return (struct keys){.uniform = true, .shared = decrypt ? aes->decrypt : aes->encrypt};
    lanes_fill(lanes, set, decrypt);
    return (struct keys){.lanes = lanes};
}

SIMC__INLINE void set_crypt(struct set *set, struct lanes *lanes, bool uniform, bool decrypt)
{
    struct keys keys;
    if (decrypt && set->terminates) {
        keys = keys_of(set, lanes, uniform, false);
        terminate_set(set, keys);
    }
    keys = keys_of(set, lanes, uniform, decrypt);
    if (decrypt)
        decrypt_set(set, keys);
    else
        encrypt_set(set, keys);
    if (!decrypt && set->terminates)
        terminate_set(set, keys);
}

/* One set of `count` spans. True: it was mixed, so `lanes` holds keys. */
SIMC__INLINE bool spans_crypt(struct set *set, struct lanes *lanes, const struct simc__span *spans,
                              size_t count, bool decrypt)
{
    set_fill(set, spans, (int)count);
    if (set->uniform)
        set_crypt(set, lanes, true, decrypt);
    else
        set_crypt(set, lanes, false, decrypt);
    return !set->uniform;
}

SIMC__INLINE int aesni_crypt(const struct simc__span *spans, size_t count, bool decrypt)
{
    struct lanes lanes;
    struct set set;
    bool mixed = false;
    for (size_t at = 0; at < count; at += SET) {
        size_t part = count - at < SET ? count - at : SET;
        mixed |= spans_crypt(&set, &lanes, spans + at, part, decrypt);
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
