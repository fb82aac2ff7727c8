/* SPDX-License-Identifier: BSL-1.0 */
/* Benchmark of lib/cas: ECMs made and opened, next to what OpenSSL alone takes for the same bytes
 * in the same run. `make bench` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "bench.h"
#include "simulcrypt/cas.h"
#include "simulcrypt/ts.h"

enum { PAYLOAD = 58, AAD = 35 };

static struct simc_secret key = {.size = SIMC_ECM_KEY_SIZE};
static struct simc_secret words[SIMC_ECM_CWS_MAX];
static struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX];
static struct simc_ecm_input input;
static struct simc_ecm_maker *maker;
static struct simc_ecm_opener *opener;
static uint8_t section[SIMC_ECM_SECTION_MAX];
static size_t section_size;

static int find(void *context, const struct simc_ecm_kid *kid, struct simc_secret *found)
{
    (void)context;
    (void)kid;
    *found = key;
    return 0;
}

static uint64_t evp_alone(void *context, uint64_t count)
{
    uint8_t nonce[SIMC_ECM_NONCE_SIZE] = {0}, aad[AAD] = {0};
    uint8_t data[PAYLOAD + SIMC_ECM_TAG_SIZE] = {0};
    int size = 0;
    for (uint64_t i = 0; i < count; i++) {
        memcpy(nonce, &i, sizeof i);
        if (EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce) != 1 ||
            EVP_EncryptUpdate(context, NULL, &size, aad, sizeof aad) != 1 ||
            EVP_EncryptUpdate(context, data, &size, data, PAYLOAD) != 1 ||
            EVP_EncryptFinal_ex(context, data + PAYLOAD, &size) != 1 ||
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SIMC_ECM_TAG_SIZE,
                                data + PAYLOAD) != 1)
            abort();
    }
    return data[0];
}

static uint64_t make(void *context, uint64_t count)
{
    bool packs = context != NULL;
    uint8_t packets[2 * SIMC_TS_SIZE], cc = 0;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct simc_writer out = simc_writer(section, sizeof section);
        struct simc_writer packed = simc_writer(packets, sizeof packets);
        if (simc_ecm_make(maker, &input, &out, NULL) != 0)
            abort();
        struct simc_slice made = simc_slice(section, out.at);
        if (packs && simc_sections_pack(&made, 1, SIMC_SECTIONS_APART, 0x1fff, &cc, &packed) != 0)
            abort();
        section_size = out.at;
        sum += section[out.at - 1] + (packs ? packets[100] : 0u);
    }
    return sum;
}

static uint64_t open_good(void *context, uint64_t count)
{
    struct simc_ecm ecm;
    uint64_t sum = 0;
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        if (simc_ecm_open(opener, simc_slice(section, section_size), NULL, &ecm, NULL) != 0)
            abort();
        sum += ecm.cp_numbers[0];
        simc_ecm_wipe(&ecm);
    }
    return sum;
}

static uint64_t open_bad(void *context, uint64_t count)
{
    struct simc_ecm ecm;
    struct simc_cas_fault fault;
    uint64_t sum = 0;
    section[section_size - 1] ^= 1;
    for (uint64_t i = 0; i < count; i++) {
        if (simc_ecm_open(opener, simc_slice(section, section_size), NULL, &ecm,
                          context ? &fault : NULL) == 0)
            abort();
        sum++;
    }
    section[section_size - 1] ^= 1;
    return sum;
}

static uint64_t read_criteria(void *context, uint64_t count)
{
    static const uint8_t bytes[] = {0xa3, 1, 3, 2, 0x1a, 0, 1, 2, 3, 3, 0x44, 1, 2, 3, 4};
    struct simc_access_criteria criteria;
    uint64_t sum = 0;
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        if (simc_access_criteria_read(simc_slice(bytes, sizeof bytes), &criteria, NULL) != 0)
            abort();
        sum += criteria.content;
    }
    return sum;
}

static void report(const char *name, bench_operation *operation, void *context)
{
    printf("   %-56s %7.1f ns\n", name, bench_ns(operation, context));
}

int main(void)
{
    struct simc_ecm_maker_config config = {.key = &key, .package = 3, .key_version = 412};
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bench_head("CA profile 1: ECMs (goal: two 16-byte control words, packed, in 600 ns)");
    key.bytes[0] = 1;
    for (size_t i = 0; i < SIMC_ECM_CWS_MAX; i++) {
        words[i].size = 16;
        cws[i] = (struct simc_ecm_cw){(uint16_t)(1000 + i), &words[i]};
    }
    input = (struct simc_ecm_input){.super_cas_id = 0x4af10001,
                                    .ecm_id = 0x21,
                                    .cp_number = 1000,
                                    .issued_s = 1764938624,
                                    .lowest_epoch = 57,
                                    .has_content = true,
                                    .content = 66051,
                                    .cws = cws,
                                    .cw_count = 2};
    if (!context || EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, key.bytes, NULL) != 1 ||
        simc_ecm_maker_new(&config, &maker) != 0 || simc_ecm_opener_new(find, NULL, &opener) != 0)
        return 1;
    report("EVP alone: 58 bytes, 35 bytes of associated data", evp_alone, context);
    report("make, 2 control words, section", make, NULL);
    report("make, 2 control words, TS packet", make, &input);
    report("open, 2 control words", open_good, NULL);
    report("refuse a wrong tag", open_bad, NULL);
    report("refuse a wrong tag, with a sentence", open_bad, &input);
    report("read access criteria", read_criteria, NULL);
    input.cw_count = SIMC_ECM_CWS_MAX;
    input.long_section = true;
    report("make, 8 control words, section", make, NULL);
    report("open, 8 control words", open_good, NULL);
    simc_ecm_maker_free(maker);
    simc_ecm_opener_free(opener);
    EVP_CIPHER_CTX_free(context);
    return 0;
}
