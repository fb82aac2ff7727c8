/* SPDX-License-Identifier: BSL-1.0 */
/* AES-128-CBC through OpenSSL, packet by packet, for any processor; the packet walk calls it
 * through its row. It is also what the tests hold the engines of ours against. */
#include <openssl/evp.h>

#include "scramble/engine.h"

enum { ENCRYPT = 0, DECRYPT = 1 }; /* the two contexts of a key */

static void evp_key_fini(void *state, struct simc__key *key)
{
    (void)state;
    for (int i = ENCRYPT; i <= DECRYPT; i++) {
        EVP_CIPHER_CTX_free(key->context[i]);
        key->context[i] = NULL;
    }
}

static void evp_key_wipe(void *state, struct simc__key *key)
{
    (void)state;
    for (int i = ENCRYPT; i <= DECRYPT; i++)
        if (key->context[i])
            EVP_CIPHER_CTX_reset(key->context[i]);
}

static int evp_key_set(void *state, struct simc__key *key, const uint8_t *cw)
{
    (void)state;
    for (int i = ENCRYPT; i <= DECRYPT; i++) {
        if (!key->context[i])
            key->context[i] = EVP_CIPHER_CTX_new();
        if (!key->context[i] ||
            EVP_CipherInit_ex(key->context[i], EVP_aes_128_cbc(), NULL, cw, key->iv,
                              i == ENCRYPT) != 1 ||
            EVP_CIPHER_CTX_set_padding(key->context[i], 0) != 1)
            return SIMC_ENOMEM;
    }
    return 0;
}

/* One chain over whole blocks; a new IV is all that a context needs between packets. */
static int evp_chain(EVP_CIPHER_CTX *context, const uint8_t *iv, uint8_t *data, uint32_t size)
{
    int out = 0;
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, iv, -1) != 1 ||
        EVP_CipherUpdate(context, data, &out, data, (int)size) != 1 || out != (int)size)
        return SIMC_ENOMEM;
    return 0;
}

/* Residual block termination, both ways: CBC over a block of zeros, with the last ciphertext as
 * IV, is the encryption of that ciphertext. [ATIS-0800006] */
static int evp_terminate(const struct simc__span *span, uint32_t whole)
{
    uint8_t stream[SIMC__AES_BLOCK] = {0};
    const uint8_t *last = whole ? span->data + whole - SIMC__AES_BLOCK : span->key->iv;
    int error = evp_chain(span->key->context[ENCRYPT], last, stream, sizeof stream);
    for (uint32_t i = whole; !error && i < span->size; i++)
        span->data[i] ^= stream[i - whole];
    return error;
}

static int evp_crypt(const struct simc__span *spans, size_t count, int direction)
{
    int error = 0;
    for (size_t i = 0; i < count && !error; i++) {
        const struct simc__span *span = &spans[i];
        uint32_t whole = span->size & ~(uint32_t)(SIMC__AES_BLOCK - 1);
        bool has_tail = whole != span->size;
        if (has_tail && direction == DECRYPT)
            error = evp_terminate(span, whole);
        if (!error && whole)
            error = evp_chain(span->key->context[direction], span->key->iv, span->data, whole);
        if (!error && has_tail && direction == ENCRYPT)
            error = evp_terminate(span, whole);
    }
    return error;
}

static int evp_encrypt(void *state, const struct simc__span *spans, size_t count)
{
    (void)state;
    return evp_crypt(spans, count, ENCRYPT);
}

static int evp_decrypt(void *state, const struct simc__span *spans, size_t count)
{
    (void)state;
    return evp_crypt(spans, count, DECRYPT);
}

static bool evp_can_run(void)
{
    return true;
}

const struct simc__engine simc__engine_evp = {
    .name = "evp",
    .family = SIMC__FAMILY_AES,
    .can_run = evp_can_run,
    .key_set = evp_key_set,
    .key_wipe = evp_key_wipe,
    .key_fini = evp_key_fini,
    .encrypt = evp_encrypt,
    .decrypt = evp_decrypt,
};
