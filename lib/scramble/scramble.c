/* SPDX-License-Identifier: BSL-1.0 */
/* The packet walk: looks at each packet of a batch, decides what is to happen to it, and gives the
 * payloads to the engines by key. The multiplexer, receivers and `simulcrypt ts` call it.
 *
 * AES payloads go to their engine a few at a time while they are still in the cache, with their
 * keys mixed. CSA payloads wait in a chain per key until it is long enough, because a bit-sliced
 * call takes one key only and costs the same for one packet as for all. */
#include <string.h>

#include "scramble/scrambler.h"

enum {
    SYNC_BYTE = 0x47,
    HEADER_SIZE = 4,
    BELOW_TSC = 0x3f,
    TSC_SCRAMBLED = 2, /* the high bit of TSC; the low one is the parity */
};

/* Where the payload starts, SIMC_SCRAMBLE_PACKET_SIZE when there is none, 0 when the packet cannot
 * be. [H.222.0 2.4.3.3, 2.4.3.5] */
static inline unsigned payload_offset(const uint8_t *packet)
{
    unsigned control = packet[3] >> 4 & 3, length = packet[HEADER_SIZE];
    if (SIMC_UNLIKELY(packet[0] != SYNC_BYTE))
        return 0;
    if (SIMC_LIKELY(control == 1))
        return HEADER_SIZE;
    if (control == 3 && length <= 182)
        return HEADER_SIZE + 1 + length;
    return control == 2 && length == 183 ? SIMC_SCRAMBLE_PACKET_SIZE : 0;
}

/* The first and the fourth byte of a packet where they stand in its first word. */
static inline uint32_t header_word(uint8_t sync, uint8_t control)
{
    const uint8_t bytes[HEADER_SIZE] = {sync, 0, 0, control};
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline void tsc_set(uint8_t *packet, unsigned tsc)
{
    packet[3] = (uint8_t)((packet[3] & BELOW_TSC) | tsc << 6);
}

static int aes_flush(struct simc_scrambler *scrambler, bool decrypt)
{
    const struct simc__engine *engine = scrambler->engine[SIMC__FAMILY_AES];
    size_t count = scrambler->aes_count;
    scrambler->aes_count = 0;
    if (count == 0)
        return 0;
    return decrypt ? engine->decrypt(NULL, scrambler->aes, count)
                   : engine->encrypt(NULL, scrambler->aes, count);
}

/* Without a chain each block is its own packet: IV zero makes CBC of one block that. The queue is
 * never left full. */
static int aes_push_blocks(struct simc_scrambler *scrambler, const struct simc__span *span,
                           bool decrypt)
{
    int error = 0;
    for (uint32_t at = 0; at < span->size; at += SIMC__AES_BLOCK) {
        scrambler->aes[scrambler->aes_count++] =
            (struct simc__span){span->data + at, span->key, SIMC__AES_BLOCK};
        if (scrambler->aes_count == SIMC__AES_SPANS)
            error |= aes_flush(scrambler, decrypt);
    }
    return error;
}

static inline int aes_push(struct simc_scrambler *scrambler, const struct simc__span *span,
                           bool decrypt)
{
    if (SIMC_UNLIKELY(span->key->single_blocks))
        return aes_push_blocks(scrambler, span, decrypt);
    scrambler->aes[scrambler->aes_count++] = *span;
    return scrambler->aes_count < SIMC__AES_SPANS ? 0 : aes_flush(scrambler, decrypt);
}

/* Hands the spans of one key over, in the order in which they came, and frees their places. */
static int csa_run(struct simc_scrambler *scrambler, uint16_t key_at, bool decrypt)
{
    const struct simc__engine *engine = scrambler->engine[SIMC__FAMILY_CSA];
    void *state = scrambler->state[SIMC__FAMILY_CSA];
    struct simc__pool *pool = &scrambler->csa;
    struct simc__chain *chain = &scrambler->csa_chain[key_at];
    uint16_t at = chain->first;
    for (size_t i = 0; i < chain->count; i++) {
        scrambler->csa_batch[i] = pool->span[at];
        at = pool->next[at];
    }
    size_t count = chain->count;
    pool->next[chain->last] = pool->free_first;
    pool->free_first = chain->first;
    chain->count = 0;
    return decrypt ? engine->decrypt(state, scrambler->csa_batch, count)
                   : engine->encrypt(state, scrambler->csa_batch, count);
}

/* Runs what is left of all keys. */
static int csa_flush(struct simc_scrambler *scrambler, bool decrypt)
{
    struct simc__pool *pool = &scrambler->csa;
    int error = 0;
    for (uint16_t i = 0; i < pool->used; i++)
        if (scrambler->csa_chain[pool->key[i]].count > 0)
            error |= csa_run(scrambler, pool->key[i], decrypt);
    pool->used = 0;
    pool->free_first = SIMC__CHAIN_END;
    return error;
}

/* A place in the pool; when all are taken, too many keys wait with too few packets each. */
static uint16_t csa_place(struct simc_scrambler *scrambler, bool decrypt, int *error)
{
    struct simc__pool *pool = &scrambler->csa;
    uint16_t at = pool->free_first;
    if (at != SIMC__CHAIN_END) {
        pool->free_first = pool->next[at];
        return at;
    }
    if (pool->used == SIMC_SCRAMBLE_BATCH)
        *error |= csa_flush(scrambler, decrypt);
    return pool->used++;
}

static int csa_push(struct simc_scrambler *scrambler, const struct simc__span *span,
                    uint16_t key_at, bool decrypt)
{
    int error = 0;
    struct simc__pool *pool = &scrambler->csa;
    struct simc__chain *chain = &scrambler->csa_chain[key_at];
    uint16_t at = csa_place(scrambler, decrypt, &error);
    pool->span[at] = *span;
    pool->key[at] = key_at;
    if (chain->count == 0)
        chain->first = at;
    else
        pool->next[chain->last] = at;
    chain->last = at;
    if (++chain->count == scrambler->csa_batch_size)
        error |= csa_run(scrambler, key_at, decrypt);
    return error;
}

/* Decides about one packet and queues its payload. */
static enum simc_scramble_result look(struct simc_scrambler *scrambler,
                                      const struct simc_scramble_job *job, bool decrypt, int *error)
{
    uint8_t *packet = job->packet;
    unsigned offset = payload_offset(packet), tsc = packet[3] >> 6;
    if (SIMC_UNLIKELY(offset == 0))
        return SIMC_SCRAMBLE_MALFORMED;
    if (SIMC_UNLIKELY(decrypt ? tsc == 0 : tsc != 0))
        return SIMC_SCRAMBLE_SKIPPED;
    if (SIMC_UNLIKELY(decrypt && tsc < TSC_SCRAMBLED))
        return SIMC_SCRAMBLE_RESERVED;
    if (SIMC_UNLIKELY(offset == SIMC_SCRAMBLE_PACKET_SIZE)) {
        tsc_set(packet, 0);
        return SIMC_SCRAMBLE_NO_PAYLOAD;
    }
    unsigned parity = decrypt ? tsc & 1 : job->parity & 1u;
    uint32_t key_at = job->slot * 2 + parity;
    if (SIMC_UNLIKELY(job->slot >= scrambler->slot_count || !scrambler->keys[key_at].is_set))
        return SIMC_SCRAMBLE_NO_KEY;

    const struct simc__key *key = &scrambler->keys[key_at];
    uint32_t size = SIMC_SCRAMBLE_PACKET_SIZE - offset;
    if (SIMC_UNLIKELY(size < key->payload_size_min)) {
        bool mark = !decrypt && scrambler->short_tsc == SIMC_SHORT_TSC_KEEP_PARITY;
        tsc_set(packet, mark ? TSC_SCRAMBLED | parity : 0);
        return SIMC_SCRAMBLE_SHORT;
    }
    tsc_set(packet, decrypt ? 0 : TSC_SCRAMBLED | parity);
    scrambler->stats.payload_bytes += size;
    struct simc__span span = {packet + offset, key, size - (size & key->clear_mask)};
    if (key->family == SIMC__FAMILY_CSA)
        *error |= csa_push(scrambler, &span, (uint16_t)key_at, decrypt);
    else
        *error |= aes_push(scrambler, &span, decrypt);
    return SIMC_SCRAMBLE_DONE;
}

/* Most packets have no adaptation field and an AES key that is set. They take a short cut here,
 * which keeps the place in the queue in a register; look() is asked about all others. */
static inline __attribute__((always_inline)) int crypt_jobs(struct simc_scrambler *scrambler,
                                                            struct simc_scramble_job *jobs,
                                                            size_t count, const bool decrypt)
{
    const uint32_t mask = header_word(0xff, decrypt ? 0xb0 : 0xf0);
    const uint32_t plain = header_word(SYNC_BYTE, decrypt ? 0x90 : 0x10);
    const uint32_t slot_count = scrambler->slot_count;
    const struct simc__key *keys = scrambler->keys;
    struct simc__span *next = scrambler->aes, *const end = scrambler->aes + SIMC__AES_SPANS;
    uint64_t others = 0;
    int error = 0;
    for (size_t i = 0; i < count; i++) {
        struct simc_scramble_job *job = &jobs[i];
        uint8_t *packet = job->packet, control = packet[3];
        uint32_t header;
        memcpy(&header, packet, sizeof header);
        if (SIMC_LIKELY((header & mask) == plain && job->slot < slot_count)) {
            unsigned parity = decrypt ? control >> 6 & 1 : job->parity & 1u;
            const struct simc__key *key = &keys[job->slot * 2 + parity];
            const uint32_t size = key->short_cut_size;
            if (SIMC_LIKELY(size)) {
                packet[3] = (uint8_t)(decrypt ? control & BELOW_TSC : control | 0x80 | parity << 6);
                job->result = SIMC_SCRAMBLE_DONE;
                *next++ = (struct simc__span){packet + HEADER_SIZE, key, size};
                if (SIMC_UNLIKELY(next == end)) {
                    scrambler->aes_count = SIMC__AES_SPANS;
                    error |= aes_flush(scrambler, decrypt);
                    next = scrambler->aes;
                }
                continue;
            }
        }
        scrambler->aes_count = (size_t)(next - scrambler->aes);
        job->result = (uint8_t)look(scrambler, job, decrypt, &error);
        scrambler->stats.packets[job->result]++;
        next = scrambler->aes + scrambler->aes_count;
        others++;
    }
    scrambler->stats.packets[SIMC_SCRAMBLE_DONE] += count - others;
    scrambler->stats.payload_bytes += (count - others) * SIMC__PAYLOAD_MAX;
    scrambler->aes_count = (size_t)(next - scrambler->aes);
    error |= aes_flush(scrambler, decrypt);
    error |= csa_flush(scrambler, decrypt);
    return error ? SIMC_ENOMEM : 0;
}

int simc_scramble(struct simc_scrambler *scrambler, struct simc_scramble_job *jobs, size_t count)
{
    return crypt_jobs(scrambler, jobs, count, false);
}

int simc_descramble(struct simc_scrambler *scrambler, struct simc_scramble_job *jobs, size_t count)
{
    return crypt_jobs(scrambler, jobs, count, true);
}
