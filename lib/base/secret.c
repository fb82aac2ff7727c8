/* SPDX-License-Identifier: BSL-1.0 */
/* Control words and keys: wiped, compared in constant time, printed as keyed fingerprints only.
 * The fingerprint is SipHash-2-4 cut to 32 bits: short enough to read aloud, keyed so that a log
 * does not help to search a control word of 48 bits of entropy (docs/adr/0004). */
#include <string.h>

#include "base/internal.h"

void simc_wipe(void *memory, size_t size)
{
    if (size == 0)
        return;
    memset(memory, 0, size);
#if defined(__GNUC__) || defined(__clang__)
    /* The compiler must assume that somebody reads the memory here, so the memset stays. */
    __asm__ __volatile__("" : : "r"(memory) : "memory");
#else
    volatile uint8_t *bytes = (volatile uint8_t *)memory;
    for (size_t i = 0; i < size; i++)
        bytes[i] = 0;
#endif
}

int simc_secret_set(struct simc_secret *secret, struct simc_slice bytes)
{
    if (bytes.size > SIMC_SECRET_SIZE_MAX) {
        simc_secret_wipe(secret);
        return SIMC_EINVAL;
    }
    /* The bytes may be the secret's own, to cut a key: they move first, then the rest is wiped. */
    if (bytes.size)
        memmove(secret->bytes, bytes.data, bytes.size);
    simc_wipe(secret->bytes + bytes.size, SIMC_SECRET_SIZE_MAX - bytes.size);
    secret->size = (uint8_t)bytes.size;
    return 0;
}

void simc_secret_wipe(struct simc_secret *secret)
{
    simc_wipe(secret, sizeof *secret);
}

bool simc_secret_equal(const struct simc_secret *a, const struct simc_secret *b)
{
    uint8_t difference = a->size ^ b->size;
    for (size_t i = 0; i < SIMC_SECRET_SIZE_MAX; i++)
        difference |= a->bytes[i] ^ b->bytes[i];
    return difference == 0;
}

/* ---- SipHash-2-4 (Aumasson, Bernstein 2012) ---- */

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
}

static uint64_t little_endian(const uint8_t *p, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static void sip_block(uint64_t v[4], uint64_t block)
{
    v[3] ^= block;
    sip_round(v);
    sip_round(v);
    v[0] ^= block;
}

uint64_t simc__siphash(const uint8_t key[16], const uint8_t *data, size_t size)
{
    uint64_t k0 = little_endian(key, 8), k1 = little_endian(key + 8, 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    size_t whole = size - size % 8;
    for (size_t i = 0; i < whole; i += 8)
        sip_block(v, little_endian(data + i, 8));
    sip_block(v, (uint64_t)(size & 0xff) << 56 | little_endian(data + whole, size - whole));
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    simc_wipe(v, sizeof v);
    return hash;
}

static uint8_t fingerprint_key[SIMC_FINGERPRINT_KEY_SIZE];
static bool fingerprint_key_is_set;

void simc_fingerprint_key_set(const uint8_t key[SIMC_FINGERPRINT_KEY_SIZE])
{
    memcpy(fingerprint_key, key, sizeof fingerprint_key);
    fingerprint_key_is_set = true;
}

void simc_secret_fingerprint(const struct simc_secret *secret, char text[SIMC_FINGERPRINT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t hash = simc__siphash(fingerprint_key, secret->bytes, secret->size);
    for (int i = 0; i < SIMC_FINGERPRINT_SIZE - 1; i++)
        text[i] = fingerprint_key_is_set ? digits[hash >> (4 * i) & 0xf] : '-';
    text[SIMC_FINGERPRINT_SIZE - 1] = '\0';
}
