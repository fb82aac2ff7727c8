/* SPDX-License-Identifier: BSL-1.0 */
/* What the files of the CA profile share: the layout of messages, the cipher, faults. */
#ifndef SIMC__CAS_INTERNAL_H
#define SIMC__CAS_INTERNAL_H

#include <openssl/evp.h>

#include "cbor/cbor.h"
#include "simulcrypt/cas.h"

enum {
    SIMC__SECTION_HEADER_SIZE = 3,
    SIMC__ECM_PREFIX_SIZE = 4,   /* table_id, section_length, format: the external_aad */
    SIMC__SECTION_BITS = 0x7,    /* section_syntax_indicator 0 and three reserved bits */
    SIMC__CAS_DEPTH_MAX = 4,     /* arrays and maps in each other */
    SIMC__CRITICAL_KEY_MAX = 63, /* an unknown key up to this one makes a message useless */

    SIMC__COSE_ALG = 1, /* labels of COSE headers [RFC 9052 3.1] */
    SIMC__COSE_KID = 4,
    SIMC__COSE_IV = 5,
    SIMC__COSE_A128GCM = 1,
    SIMC__ECM_KID_SIZE = 14,

    SIMC__ENC_STRUCTURE_MAX = 64,
};

/* Keys of the payload, and of the access criteria. */
enum simc__ecm_key {
    SIMC__ECM_ISSUED = 1,
    SIMC__ECM_EPOCH = 2,
    SIMC__ECM_CONTENT = 3,
    SIMC__ECM_CONDITIONS = 4,
    SIMC__ECM_CWS = 5,
};

enum simc__criteria_key {
    SIMC__CRITERIA_PACKAGE = 1,
    SIMC__CRITERIA_CONTENT = 2,
    SIMC__CRITERIA_CONDITIONS = 3,
};

/* ---- AES-128-GCM; OpenSSL keeps the expanded key, and only the nonce changes ---- */

struct simc__gcm {
    EVP_CIPHER_CTX *context;
};

/* Takes a key, instead of the one before if there is one. */
int simc__gcm_key_set(struct simc__gcm *gcm, const struct simc_secret *key,
                      bool seals) SIMC_MUST_CHECK;
void simc__gcm_fini(struct simc__gcm *gcm);
/* Encrypts in place and writes the tag behind. */
int simc__gcm_seal(struct simc__gcm *gcm, const uint8_t nonce[SIMC_ECM_NONCE_SIZE],
                   struct simc_slice aad, uint8_t *data, size_t size) SIMC_MUST_CHECK;
/* Decrypts ciphertext, whose tag is behind it, into `data`. @return 0; SIMC_EPROTO: the tag is
 * wrong, and what stands in `data` must not be looked at; SIMC_ENOMEM: OpenSSL failed. */
int simc__gcm_open(struct simc__gcm *gcm, const uint8_t nonce[SIMC_ECM_NONCE_SIZE],
                   struct simc_slice aad, struct simc_slice ciphertext,
                   uint8_t *data) SIMC_MUST_CHECK;

/* ---- parts of an ECM ---- */

/* Writes the Enc_structure, the associated data of the cipher. [RFC 9052 5.3] */
void simc__enc_structure_put(struct simc_writer *out, struct simc_slice protected_map,
                             struct simc_slice external_aad);
/* simc_ecm_read() with the row itself. */
enum simc_ecm_reason simc__ecm_envelope_read(struct simc_slice section,
                                             struct simc_ecm_envelope *envelope,
                                             struct simc_cas_fault *fault);
/* Reads a payload. fault: NULL, or filled on failure; offsets in the payload. @return a row. */
enum simc_ecm_reason simc__ecm_payload_read(struct simc_slice payload, struct simc_ecm *ecm,
                                            struct simc_cas_fault *fault);
/* What a function returns for a row. */
int simc__ecm_reason_error(enum simc_ecm_reason reason);

/* ---- faults ---- */

/* Fills a fault, if there is one to fill. */
void simc__cas_fault_set(struct simc_cas_fault *fault, int reason, size_t offset,
                         const char *format, ...) SIMC_PRINTF(4, 5);
/* True for a fault of the form itself, false for good CBOR that does not belong there. */
static inline bool simc__cbor_is_malformed(enum simc__cbor_fault fault)
{
    return fault != SIMC__CBOR_GOOD && fault <= SIMC__CBOR_TRAILING;
}

#endif
