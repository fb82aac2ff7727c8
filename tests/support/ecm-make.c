/* SPDX-License-Identifier: BSL-1.0 */
/* Makes ECMs and damaged ones, each on a line with what the library says of it, in the words of
 * ecm-decode.pl: `HEX opened ...` or `HEX refused REASON`. tests/scenarios/ecm-decoder.t compares.
 *
 *     ecm-make COUNT SEED [SECTION...]    sections in hex are only opened */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/test_cas_seal.h"

enum { KEYS = 3, PACKAGE = 3, FIRST_VERSION = 411, KINDS = 4, HEX_MAX = 1024 };

static struct simc_secret keys[KEYS]; /* AA.., BB.., CC..: versions from FIRST_VERSION on */
static uint64_t state;

static uint64_t random_next(void)
{
    uint64_t x = state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static size_t below(size_t limit)
{
    return (size_t)(random_next() % limit);
}

/* Numbers of all sizes, since each size has a form of its own. */
static uint32_t any_u32(void)
{
    return (uint32_t)(random_next() >> 32) >> below(32);
}

static int find(void *context, const struct simc_ecm_kid *kid, struct simc_secret *key)
{
    (void)context;
    if (kid->package != PACKAGE || kid->key_version < FIRST_VERSION ||
        kid->key_version >= FIRST_VERSION + KEYS)
        return SIMC_ENOTFOUND;
    *key = keys[kid->key_version - FIRST_VERSION];
    return 0;
}

static void print_hex(struct simc_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
}

static void print_opened(const struct simc_ecm *ecm)
{
    printf("opened %02x %lu %lu %08lx %04x issued %lu epoch %lu content ", ecm->table_id,
           (unsigned long)ecm->kid.package, (unsigned long)ecm->kid.key_version,
           (unsigned long)ecm->kid.super_cas_id, (unsigned)ecm->kid.ecm_id,
           (unsigned long)ecm->issued_s, (unsigned long)ecm->lowest_epoch);
    if (ecm->has_content)
        printf("%lu conditions ", (unsigned long)ecm->content);
    else
        printf("none conditions ");
    printf(ecm->has_conditions ? "0x" : "none");
    print_hex(simc_slice(ecm->conditions, ecm->conditions_size));
    for (size_t i = 0; i < ecm->cw_count; i++) {
        printf("%s%u:", i ? "," : " cws ", (unsigned)ecm->cp_numbers[i]);
        print_hex(simc_secret_bytes(&ecm->cws[i]));
    }
    printf("\n");
}

static void print_verdict(struct simc_ecm_opener *opener, struct simc_slice section)
{
    struct simc_cas_fault fault;
    struct simc_ecm ecm;
    print_hex(section);
    if (simc_ecm_open(opener, section, NULL, &ecm, &fault) == 0)
        printf(" "), print_opened(&ecm);
    else
        printf(" refused %s\n", simc_ecm_reason_word((enum simc_ecm_reason)fault.reason));
}

/* An ECM with anything that an ECM can have. */
static size_t make(struct simc_ecm_maker *maker, uint8_t section[CAS_SEAL_MAX])
{
    struct simc_secret words[SIMC_ECM_CWS_MAX];
    struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX];
    uint8_t conditions[SIMC_ECM_CONDITIONS_MAX];
    uint16_t cp = (uint16_t)any_u32();
    struct simc_ecm_input input = {.super_cas_id = any_u32(),
                                   .ecm_id = (uint16_t)any_u32(),
                                   .cp_number = (uint16_t)any_u32(),
                                   .issued_s = any_u32(),
                                   .lowest_epoch = any_u32(),
                                   .has_content = below(2),
                                   .content = any_u32(),
                                   .has_conditions = below(2),
                                   .cws = cws,
                                   .cw_count = 1 + below(SIMC_ECM_CWS_MAX),
                                   .long_section = true};
    memset(conditions, (int)below(256), sizeof conditions);
    input.conditions = simc_slice(conditions, below(sizeof conditions + 1));
    for (size_t i = 0; i < input.cw_count; i++) {
        memset(&words[i], 0, sizeof words[i]);
        words[i].size = below(2) ? 8 : 16;
        for (size_t k = 0; k < words[i].size; k++)
            words[i].bytes[k] = (uint8_t)random_next();
        cws[i] = (struct simc_ecm_cw){(uint16_t)(cp + i), &words[i]};
    }
    struct simc_writer out = simc_writer(section, CAS_SEAL_MAX);
    return simc_ecm_make(maker, &input, &out, NULL) == 0 ? out.at : 0;
}

/* Changes, adds or drops some bytes, those at the front rather. */
static size_t damage(uint8_t *bytes, size_t size, size_t room)
{
    size_t at = below(2) ? below(size) : below(size < 40 ? size : 40);
    switch (below(5)) {
    case 0:
        bytes[at] ^= (uint8_t)(1 << below(8));
        return size;
    case 1:
        bytes[at] = (uint8_t)random_next();
        return size;
    case 2:
        bytes[at] = (uint8_t)(bytes[at] + (below(2) ? 1 : -1));
        return size;
    case 3:
        if (size < room) {
            memmove(bytes + at + 1, bytes + at, size - at);
            return size + 1;
        }
        return size;
    default:
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size - 1;
    }
}

/* Opens an ECM by hand, damages one of its parts and seals it again. */
static size_t seal_damaged(const struct simc_secret *key, uint8_t section[CAS_SEAL_MAX],
                           size_t size, bool in_payload)
{
    uint8_t structure[SIMC__ENC_STRUCTURE_MAX], payload[SIMC_ECM_SECTION_MAX + 1];
    uint8_t headers[64], unprotected[64];
    struct simc_writer aad = simc_writer(structure, sizeof structure);
    struct simc_ecm_envelope envelope;
    struct simc__gcm gcm = {0};
    if (simc_ecm_read(simc_slice(section, size), &envelope, NULL) != 0)
        return 0;
    struct cas_parts parts = {.table_id = section[0]};
    size_t payload_size = envelope.ciphertext.size - SIMC_ECM_TAG_SIZE;
    size_t headers_size = envelope.protected_map.size, unprotected_size = 3 + SIMC_ECM_NONCE_SIZE;
    memcpy(parts.nonce, envelope.nonce.data, sizeof parts.nonce);
    memcpy(headers, envelope.protected_map.data, headers_size);
    memcpy(unprotected, envelope.nonce.data - 3, unprotected_size);
    simc__enc_structure_put(&aad, envelope.protected_map, envelope.prefix);
    bool is_open = simc__gcm_key_set(&gcm, key, false) == 0 &&
                   simc__gcm_open(&gcm, parts.nonce, simc_slice(structure, aad.at),
                                  envelope.ciphertext, payload) == 0;
    simc__gcm_fini(&gcm);
    if (!is_open)
        return 0;
    if (in_payload)
        payload_size = damage(payload, payload_size, sizeof payload);
    else if (below(2))
        headers_size = damage(headers, headers_size, sizeof headers);
    else
        unprotected_size = damage(unprotected, unprotected_size, sizeof unprotected);
    parts.payload = simc_slice(payload, payload_size);
    parts.protected_map = simc_slice(headers, headers_size);
    parts.unprotected = simc_slice(unprotected, unprotected_size);
    return cas_seal(section, key, &parts);
}

static int run(unsigned long count, struct simc_ecm_opener *opener)
{
    static uint8_t section[CAS_SEAL_MAX];
    struct simc_ecm_maker *makers[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        struct simc_ecm_maker_config config = {
            .key = &keys[i], .package = PACKAGE, .key_version = FIRST_VERSION + (uint32_t)i};
        if (simc_ecm_maker_new(&config, &makers[i]) != 0)
            return 1;
    }
    for (unsigned long i = 0; i < count;) {
        size_t which = below(KEYS), size = make(makers[which], section);
        if (size == 0)
            continue; /* over 256 bytes */
        if (i % KINDS == 1)
            size = damage(section, size, sizeof section);
        else if (i % KINDS > 1)
            size = seal_damaged(&keys[which], section, size, i % KINDS == 2);
        if (size == 0)
            return 1;
        print_verdict(opener, simc_slice(section, size));
        i++;
    }
    for (size_t i = 0; i < KEYS; i++)
        simc_ecm_maker_free(makers[i]);
    return 0;
}

int main(int argc, char **argv)
{
    struct simc_ecm_opener *opener;
    if (argc < 3 || simc_ecm_opener_new(find, NULL, &opener) != 0) {
        fprintf(stderr, "usage: %s COUNT SEED [SECTION...]\n", argv[0]);
        return 2;
    }
    for (size_t i = 0; i < KEYS; i++) {
        keys[i].size = SIMC_ECM_KEY_SIZE;
        memset(keys[i].bytes, (int)(0xaa + 0x11 * i), SIMC_ECM_KEY_SIZE);
    }
    state = strtoul(argv[2], NULL, 10);
    int status = run(strtoul(argv[1], NULL, 10), opener);
    for (int i = 3; i < argc && !status; i++) {
        uint8_t section[HEX_MAX];
        size_t size;
        status = simc_hex_read(simc_slice_text(argv[i]), section, sizeof section, &size, NULL) != 0;
        if (!status)
            print_verdict(opener, simc_slice(section, size));
    }
    simc_ecm_opener_free(opener);
    return status;
}
