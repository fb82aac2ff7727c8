/* SPDX-License-Identifier: BSL-1.0 */
/* AES-128-GCM through OpenSSL with a key that stays: a message costs a new nonce and no memory.
 * Makers and openers of the CA profile call it. */
#include "cas/internal.h"

int simc__gcm_key_set(struct simc__gcm *gcm, const struct simc_secret *key, bool seals)
{
    if (key->size != SIMC_ECM_KEY_SIZE)
        return SIMC_EINVAL;
    if (!gcm->context)
        gcm->context = EVP_CIPHER_CTX_new();
    if (!gcm->context || EVP_CipherInit_ex(gcm->context, EVP_aes_128_gcm(), NULL,
                                           simc_secret_bytes(key).data, NULL, seals) != 1)
        return SIMC_ENOMEM;
    return 0;
}

void simc__gcm_fini(struct simc__gcm *gcm)
{
    EVP_CIPHER_CTX_free(gcm->context); /* wipes the key */
    gcm->context = NULL;
}

int simc__gcm_seal(struct simc__gcm *gcm, const uint8_t nonce[SIMC_ECM_NONCE_SIZE],
                   struct simc_slice aad, uint8_t *data, size_t size)
{
    int done = 0;
    if (EVP_EncryptInit_ex(gcm->context, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(gcm->context, NULL, &done, aad.data, (int)aad.size) != 1 ||
        EVP_EncryptUpdate(gcm->context, data, &done, data, (int)size) != 1 || done != (int)size ||
        EVP_EncryptFinal_ex(gcm->context, data + size, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_GET_TAG, SIMC_ECM_TAG_SIZE, data + size) !=
            1)
        return SIMC_ENOMEM;
    return 0;
}

int simc__gcm_open(struct simc__gcm *gcm, const uint8_t nonce[SIMC_ECM_NONCE_SIZE],
                   struct simc_slice aad, struct simc_slice ciphertext, uint8_t *data)
{
    uint8_t tag[SIMC_ECM_TAG_SIZE];
    int done = 0;
    if (ciphertext.size < SIMC_ECM_TAG_SIZE)
        return SIMC_EPROTO;
    int size = (int)(ciphertext.size - SIMC_ECM_TAG_SIZE);
    for (size_t i = 0; i < sizeof tag; i++)
        tag[i] = ciphertext.data[(size_t)size + i]; /* OpenSSL wants it writable */
    if (EVP_DecryptInit_ex(gcm->context, NULL, NULL, NULL, nonce) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1 ||
        EVP_DecryptUpdate(gcm->context, NULL, &done, aad.data, (int)aad.size) != 1 ||
        EVP_DecryptUpdate(gcm->context, data, &done, ciphertext.data, size) != 1 || done != size)
        return SIMC_ENOMEM;
    return EVP_DecryptFinal_ex(gcm->context, data + size, &done) == 1 ? 0 : SIMC_EPROTO;
}
