/* SPDX-License-Identifier: BSL-1.0 */
/* AES-128-CBC over 16 packets at a time with VAES and AVX-512; the packet walk calls it through
 * its row. A zmm register holds one block of each of four packets, so that a chain that cannot be
 * parallel within a packet is parallel across them; four such groups hide the latency of AESENC.
 *
 * Packets are read 64 bytes at a time and a 4x4 transposition of blocks brings them into that
 * form: it runs on the shuffle port, while AES alone fills the other one. Each lane may have its
 * own key, IV and size. For a mix of keys the round keys are transposed in the same way. */
#include "scramble/engine.h"

#if defined(__VAES__) && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && \
    defined(__AVX512VL__)

#include <cpuid.h>

#include "scramble/aes_x86.h"

enum {
    GROUPS = 4,           /* zmm registers in flight when the chain binds */
    LANES = 4,            /* packets per zmm register */
    SET = GROUPS * LANES, /* packets at a time */
    COLUMN = 64,          /* bytes of a packet per step */
};

/* A set that is not full repeats its first span without bytes, and those lanes touch nothing. */
struct set {
    const struct simc__span *spans; /* SET of them */
    uint32_t widest, narrowest;     /* bytes in whole blocks */
    bool uniform;                   /* one key for all */
    bool terminates;                /* some span has a residue to be encrypted */
    struct simc__span filled[SET];
};

/* How much of a column belongs to whole blocks: all, the same part in all lanes, or each its own.
 */
enum extent { ALL, SAME, EACH };

/* Round keys of a mixed set, a key per lane. Row IV_ROW holds the lanes' IVs. */
struct lanes {
    __m512i round[12][GROUPS];
};

enum { IV_ROW = SIMC__AES_IV_ROW };

/* Where a round key comes from: shared by all lanes of a uniform set, else the lanes. */
struct keys {
    bool uniform;
    const __m512i *shared;
    const struct lanes *lanes;
};

SIMC__INLINE __m512i round_key(struct keys keys, int round, int group)
{
    return keys.uniform ? keys.shared[round] : keys.lanes->round[round][group];
}

/* Blocks by packet <-> blocks by position; its own inverse. */
SIMC__INLINE void transpose(__m512i row[LANES])
{
    __m512i low01 = _mm512_shuffle_i64x2(row[0], row[1], 0x44);
    __m512i high01 = _mm512_shuffle_i64x2(row[0], row[1], 0xee);
    __m512i low23 = _mm512_shuffle_i64x2(row[2], row[3], 0x44);
    __m512i high23 = _mm512_shuffle_i64x2(row[2], row[3], 0xee);
    row[0] = _mm512_shuffle_i64x2(low01, low23, 0x88);
    row[1] = _mm512_shuffle_i64x2(low01, low23, 0xdd);
    row[2] = _mm512_shuffle_i64x2(high01, high23, 0x88);
    row[3] = _mm512_shuffle_i64x2(high01, high23, 0xdd);
}

SIMC__INLINE __m512i broadcast(const uint8_t *block)
{
    return _mm512_broadcast_i32x4(simc__aes_load(block));
}

SIMC__INLINE uint32_t whole_blocks(uint32_t size)
{
    return size & ~(uint32_t)(SIMC__AES_BLOCK - 1);
}

static void set_measure(struct set *set)
{
    set->widest = 0;
    set->narrowest = UINT32_MAX;
    for (size_t i = 0; i < SET; i++) {
        uint32_t whole = whole_blocks(set->spans[i].size);
        set->widest = whole > set->widest ? whole : set->widest;
        set->narrowest = whole < set->narrowest ? whole : set->narrowest;
        set->terminates |= whole != set->spans[i].size;
    }
}

static void set_fill(struct set *set, const struct simc__span *spans, size_t count)
{
    set->spans = spans;
    if (count < SET) {
        for (size_t i = 0; i < SET; i++)
            set->filled[i] =
                i < count ? spans[i] : (struct simc__span){spans[0].data, spans[0].key, 0};
        set->spans = set->filled;
    }
    uintptr_t other_key = 0;
    uint32_t other_size = 0;
    for (size_t i = 1; i < SET; i++) {
        other_key |= (uintptr_t)set->spans[i].key ^ (uintptr_t)spans[0].key;
        other_size |= set->spans[i].size ^ spans[0].size;
    }
    set->uniform = other_key == 0;
    set->widest = set->narrowest = whole_blocks(spans[0].size);
    set->terminates = set->widest != spans[0].size;
    if (other_size)
        set_measure(set);
}

SIMC__INLINE void shared_fill(__m512i shared[12], const struct simc__key *key, bool decrypt)
{
    SIMC__UNROLL
    for (int r = 0; r < 12; r++)
        shared[r] = broadcast(decrypt ? key->aes.decrypt[r] : key->aes.encrypt[r]);
}

/* Four rows of four schedules at a time become four registers with one key per lane. */
static void lanes_fill(struct lanes *lanes, const struct set *set, bool decrypt)
{
    for (int g = 0; g < GROUPS; g++) {
        const struct simc__span *lane = set->spans + g * LANES;
        SIMC__UNROLL
        for (int first = 0; first < 12; first += LANES) {
            __m512i row[LANES];
            SIMC__UNROLL
            for (int i = 0; i < LANES; i++) {
                const struct simc__aes_schedule *aes = &lane[i].key->aes;
                row[i] = _mm512_loadu_si512(decrypt ? aes->decrypt[first] : aes->encrypt[first]);
            }
            transpose(row);
            SIMC__UNROLL
            for (int i = 0; i < LANES; i++)
                lanes->round[first + i][g] = row[i];
        }
    }
}

/* The quadwords of the column at `at` that belong to whole blocks. */
SIMC__INLINE __mmask8 column_mask(uint32_t size, uint32_t at)
{
    uint32_t whole = whole_blocks(size), left = whole > at ? whole - at : 0;
    return (__mmask8)(left >= COLUMN ? 0xff : (1u << left / 8) - 1);
}

SIMC__INLINE void masks_fill(__mmask8 mask[SET], const struct set *set, uint32_t at,
                             enum extent extent)
{
    if (extent == SAME)
        mask[0] = column_mask(set->widest, at);
    for (int i = 0; extent == EACH && i < SET; i++)
        mask[i] = column_mask(set->spans[i].size, at);
}

SIMC__INLINE __m512i row_load(const uint8_t *from, const __mmask8 mask[SET], int lane,
                              enum extent extent)
{
    if (extent == ALL)
        return _mm512_loadu_si512(from);
    return _mm512_maskz_loadu_epi64(mask[extent == SAME ? 0 : lane], from);
}

SIMC__INLINE void row_store(uint8_t *to, const __mmask8 mask[SET], int lane, enum extent extent,
                            __m512i row)
{
    if (extent == ALL)
        _mm512_storeu_si512(to, row);
    else
        _mm512_mask_storeu_epi64(to, mask[extent == SAME ? 0 : lane], row);
}

/* The column at `at` of all packets, blocks by position. */
SIMC__INLINE void column_load(__m512i d[GROUPS][LANES], const struct set *set, uint32_t at,
                              const __mmask8 mask[SET], enum extent extent)
{
    SIMC__UNROLL
    for (int g = 0; g < GROUPS; g++) {
        SIMC__UNROLL
        for (int i = 0; i < LANES; i++)
            d[g][i] = row_load(set->spans[g * LANES + i].data + at, mask, g * LANES + i, extent);
        transpose(d[g]);
    }
}

/* Block `b` of a column in all packets. */
SIMC__INLINE void encrypt_step(__m512i d[GROUPS][LANES], __m512i chain[GROUPS], struct keys keys,
                               unsigned b)
{
    SIMC__UNROLL
    for (int g = 0; g < GROUPS; g++)
        chain[g] = _mm512_ternarylogic_epi64(d[g][b], chain[g], round_key(keys, 0, g), 0x96);
    SIMC__UNROLL
    for (int r = 1; r < SIMC__AES_ROUNDS; r++) {
        SIMC__UNROLL
        for (int g = 0; g < GROUPS; g++)
            chain[g] = _mm512_aesenc_epi128(chain[g], round_key(keys, r, g));
    }
    SIMC__UNROLL
    for (int g = 0; g < GROUPS; g++)
        d[g][b] = chain[g] =
            _mm512_aesenclast_epi128(chain[g], round_key(keys, SIMC__AES_ROUNDS, g));
}

/* CBC over one column: up to four chained steps of four independent registers. */
SIMC__INLINE void encrypt_column(const struct set *set, __m512i chain[GROUPS], struct keys keys,
                                 uint32_t at, enum extent extent)
{
    uint32_t blocks = extent == ALL ? LANES : (set->widest - at) / SIMC__AES_BLOCK;
    __mmask8 mask[SET];
    masks_fill(mask, set, at, extent);
    __m512i d[GROUPS][LANES];
    column_load(d, set, at, mask, extent);
    SIMC__UNROLL
    for (unsigned b = 0; b < LANES; b++)
        if (b < blocks)
            encrypt_step(d, chain, keys, b);
    SIMC__UNROLL
    for (int g = 0; g < GROUPS; g++) {
        transpose(d[g]);
        SIMC__UNROLL
        for (int i = 0; i < LANES; i++)
            row_store(set->spans[g * LANES + i].data + at, mask, g * LANES + i, extent, d[g][i]);
    }
}

SIMC__INLINE void encrypt_set(const struct set *set, struct keys keys)
{
    __m512i chain[GROUPS];
    SIMC__UNROLL
    for (int g = 0; g < GROUPS; g++)
        chain[g] = round_key(keys, IV_ROW, g);
    uint32_t at = 0;
    for (; at + COLUMN <= set->narrowest; at += COLUMN)
        encrypt_column(set, chain, keys, at, ALL);
    if (set->narrowest == set->widest) {
        if (at < set->widest)
            encrypt_column(set, chain, keys, at, SAME);
        return;
    }
    for (; at < set->widest; at += COLUMN)
        encrypt_column(set, chain, keys, at, EACH);
}

SIMC__INLINE void decrypt_column(const struct set *set, struct keys keys, uint32_t at,
                                 enum extent extent)
{
    __mmask8 mask[SET];
    masks_fill(mask, set, at, extent);
    __m512i d[GROUPS][LANES];
    column_load(d, set, at, mask, extent);
    SIMC__UNROLL
    for (int g = 0; g < GROUPS; g++) {
        SIMC__UNROLL
        for (int b = 0; b < LANES; b++)
            d[g][b] = _mm512_xor_si512(d[g][b], round_key(keys, 0, g));
        SIMC__UNROLL
        for (int r = 1; r < SIMC__AES_ROUNDS; r++) {
            SIMC__UNROLL
            for (int b = 0; b < LANES; b++)
                d[g][b] = _mm512_aesdec_epi128(d[g][b], round_key(keys, r, g));
        }
        SIMC__UNROLL
        for (int b = 0; b < LANES; b++)
            d[g][b] = _mm512_aesdeclast_epi128(d[g][b], round_key(keys, SIMC__AES_ROUNDS, g));
        transpose(d[g]);
        SIMC__UNROLL
        for (int i = 0; i < LANES; i++) {
            const struct simc__span *span = &set->spans[g * LANES + i];
            __m512i before;
            if (at > 0)
                before = row_load(span->data + at - SIMC__AES_BLOCK, mask, g * LANES + i, extent);
            else
                before = _mm512_alignr_epi64(row_load(span->data, mask, g * LANES + i, extent),
                                             broadcast(span->key->aes.decrypt[IV_ROW]), 6);
            row_store(span->data + at, mask, g * LANES + i, extent,
                      _mm512_xor_si512(d[g][i], before));
        }
    }
}

/* From the last column to the first: the ciphertext in front of a column is still in memory when
 * the column is chained to it. */
SIMC__INLINE void decrypt_set(const struct set *set, struct keys keys)
{
    uint32_t at = (set->widest + COLUMN - 1) / COLUMN * COLUMN;
    bool same = set->narrowest == set->widest;
    while (at > 0) {
        at -= COLUMN;
        if (at + COLUMN <= set->narrowest)
            decrypt_column(set, keys, at, ALL);
        else if (same)
            decrypt_column(set, keys, at, SAME);
        else
            decrypt_column(set, keys, at, EACH);
    }
}

/* Residual block termination, both ways: the bytes behind the last whole block are XORed with the
 * encryption of its ciphertext. `keys` are those for encryption. [ATIS-0800006] */
SIMC__INLINE void terminate_set(const struct set *set, struct keys keys)
{
    __m512i stream[GROUPS];
    uint8_t *bytes = (uint8_t *)stream;
    for (int i = 0; i < SET; i++) {
        const struct simc__span *span = &set->spans[i];
        uint32_t whole = whole_blocks(span->size);
        const uint8_t *last = whole ? span->data + whole - SIMC__AES_BLOCK : span->key->iv;
        simc__aes_store(bytes + i * SIMC__AES_BLOCK, simc__aes_load(last));
    }
    for (int g = 0; g < GROUPS; g++)
        stream[g] = _mm512_xor_si512(stream[g], round_key(keys, 0, g));
    for (int r = 1; r < SIMC__AES_ROUNDS; r++)
        for (int g = 0; g < GROUPS; g++)
            stream[g] = _mm512_aesenc_epi128(stream[g], round_key(keys, r, g));
    for (int g = 0; g < GROUPS; g++)
        stream[g] = _mm512_aesenclast_epi128(stream[g], round_key(keys, SIMC__AES_ROUNDS, g));
    for (int i = 0; i < SET; i++) {
        const struct simc__span *span = &set->spans[i];
        uint32_t residue = span->size % SIMC__AES_BLOCK;
        __mmask16 mask = (__mmask16)((1u << residue) - 1);
        uint8_t *tail = span->data + (span->size - residue);
        __m128i block = _mm_xor_si128(_mm_maskz_loadu_epi8(mask, tail),
                                      simc__aes_load(bytes + i * SIMC__AES_BLOCK));
        _mm_mask_storeu_epi8(tail, mask, block);
    }
}

static __attribute__((noinline)) void encrypt_uniform(const struct set *set)
{
    __m512i shared[12];
    shared_fill(shared, set->spans[0].key, false);
    encrypt_set(set, (struct keys){.uniform = true, .shared = shared});
    if (set->terminates)
        terminate_set(set, (struct keys){.uniform = true, .shared = shared});
}

static __attribute__((noinline)) void encrypt_mixed(const struct set *set, struct lanes *lanes)
{
    lanes_fill(lanes, set, false);
    encrypt_set(set, (struct keys){.lanes = lanes});
    if (set->terminates)
        terminate_set(set, (struct keys){.lanes = lanes});
}

static __attribute__((noinline)) void decrypt_uniform(const struct set *set)
{
    __m512i shared[12];
    if (set->terminates) {
        shared_fill(shared, set->spans[0].key, false);
        terminate_set(set, (struct keys){.uniform = true, .shared = shared});
    }
    shared_fill(shared, set->spans[0].key, true);
    decrypt_set(set, (struct keys){.uniform = true, .shared = shared});
}

static __attribute__((noinline)) void decrypt_mixed(const struct set *set, struct lanes *lanes)
{
    if (set->terminates) {
        lanes_fill(lanes, set, false);
        terminate_set(set, (struct keys){.lanes = lanes});
    }
    lanes_fill(lanes, set, true);
    decrypt_set(set, (struct keys){.lanes = lanes});
}

static int vaes_crypt(const struct simc__span *spans, size_t count, bool decrypt)
{
    struct lanes lanes;
    bool mixed = false;
    for (size_t at = 0; at < count; at += SET) {
        struct set set;
        set_fill(&set, spans + at, count - at < SET ? count - at : SET);
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

static int vaes_encrypt(void *state, const struct simc__span *spans, size_t count)
{
    (void)state;
    return vaes_crypt(spans, count, false);
}

static int vaes_decrypt(void *state, const struct simc__span *spans, size_t count)
{
    (void)state;
    return vaes_crypt(spans, count, true);
}

static int vaes_key_set(void *state, struct simc__key *key, const uint8_t *cw)
{
    (void)state;
    simc__aes_expand(&key->aes, cw, key->iv);
    return 0;
}

/* Not every compiler's __builtin_cpu_supports() knows VAES. The AVX-512 answers include that the
 * system saves the registers. */
static bool vaes_can_run(void)
{
    unsigned eax, ebx, ecx, edx;
    if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ecx & bit_VAES))
        return false;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("aes");
}

const struct simc__engine simc__engine_vaes512 = {
    .name = "vaes512",
    .family = SIMC__FAMILY_AES,
    .can_run = vaes_can_run,
    .key_set = vaes_key_set,
    .encrypt = vaes_encrypt,
    .decrypt = vaes_decrypt,
};

#else

/* A compiler or machine without these instructions: the row stays, and says so when asked. */
static bool vaes_can_run(void)
{
    return false;
}

const struct simc__engine simc__engine_vaes512 = {
    .name = "vaes512", .family = SIMC__FAMILY_AES, .can_run = vaes_can_run};

#endif
