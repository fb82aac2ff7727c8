/* SPDX-License-Identifier: BSL-1.0 */
/* Seals anything as if it were an ECM: with the right key, so that what is behind the tag can be
 * attacked too. tests/support/ecm-make.c and the fuzz target of ECMs include it. */
#ifndef SIMC_TESTS_CAS_SEAL_H
#define SIMC_TESTS_CAS_SEAL_H

#include "cas/internal.h"

enum { CAS_SEAL_MAX = 4096 };

/* What a section is made of. */
struct cas_parts {
    uint8_t table_id;
    struct simc_slice protected_map; /* encoded */
    struct simc_slice unprotected;   /* encoded; anything */
    struct simc_slice payload;
    uint8_t nonce[SIMC_ECM_NONCE_SIZE];
};

/* @return bytes of the section, or 0: too long, or the cipher failed. */
static inline size_t cas_seal(uint8_t section[CAS_SEAL_MAX], const struct simc_secret *key,
                              const struct cas_parts *parts)
{
    uint8_t structure[CAS_SEAL_MAX], head[16];
    struct simc_writer out = simc_writer(section, CAS_SEAL_MAX);
    struct simc_writer aad = simc_writer(structure, sizeof structure);
    struct simc_writer sealed_head = simc_writer(head, sizeof head);
    struct simc__cbor_writer writer;
    struct simc__gcm gcm = {0};
    size_t sealed_size = parts->payload.size + SIMC_ECM_TAG_SIZE;
    simc__cbor_writer_init(&writer, &sealed_head);
    simc__cbor_put_bytes_head(&writer, sealed_size);
    simc_writer_u8(&out, parts->table_id);
    simc_writer_u16(&out, 0);
    simc_writer_u8(&out, SIMC_ECM_FORMAT);
    simc_writer_u8(&out, 0x83);
    simc__cbor_writer_init(&writer, &out);
    simc__cbor_put_bytes(&writer, parts->protected_map);
    simc_writer_slice(&out, parts->unprotected);
    simc_writer_slice(&out, simc_slice(head, sealed_head.at));
    size_t sealed_at = out.at;
    simc_writer_slice(&out, parts->payload);
    if (out.error || out.at + SIMC_ECM_TAG_SIZE > CAS_SEAL_MAX)
        return 0;
    size_t size = out.at + SIMC_ECM_TAG_SIZE;
    simc_writer_patch_u16(&out, 1, (uint16_t)(0x7000 | (size - 3)));
    simc__enc_structure_put(&aad, parts->protected_map, simc_slice(section, 4));
    bool is_good = aad.error == 0 && simc__gcm_key_set(&gcm, key, true) == 0 &&
                   simc__gcm_seal(&gcm, parts->nonce, simc_slice(structure, aad.at),
                                  section + sealed_at, parts->payload.size) == 0;
    simc__gcm_fini(&gcm);
    return is_good ? size : 0;
}

#endif
