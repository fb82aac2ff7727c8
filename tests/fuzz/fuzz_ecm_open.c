/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: opening of ECMs. libFuzzer or the corpus replay calls it.
 *
 * Byte 0 says what the rest is: a section (its length is made right unless bit 7 is set), or a
 * payload, a protected map, or an unprotected map of an ECM that is sealed with the right key
 * first, so that what is behind the tag is reached. */
#include <stdlib.h>
#include <string.h>

#include "unit/test_cas_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECTION, PAYLOAD, PROTECTED, UNPROTECTED, KINDS, SIZE_MAX_HERE = 1024 };

static const struct simc_secret key = {SIMC_ECM_KEY_SIZE, {0xa0, 1, 2, 3}};
static struct simc_ecm_opener *opener;

/* The fixed parts of an ECM of package 3, version 412, with one control word. */
static const uint8_t protected_map[] = {0xa2, 1, 1,    4,    0x4e, 0, 0, 0, 3,   0,
                                        0,    1, 0x9c, 0x4a, 0xf1, 0, 1, 0, 0x21};
static const uint8_t unprotected[] = {0xa1, 5, 0x4c, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9};
static const uint8_t payload[] = {0xa3, 1, 0, 2, 0, 5, 0x82, 0, 0x48, 1, 2, 3, 4, 5, 6, 7, 8};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static int find(void *context, const struct simc_ecm_kid *kid, struct simc_secret *found)
{
    (void)context;
    *found = key;
    return kid->package == 9 ? SIMC_ENOTFOUND : 0;
}

static void check_opened(const struct simc_ecm *ecm)
{
    check(ecm->table_id == SIMC_ECM_TABLE_EVEN || ecm->table_id == SIMC_ECM_TABLE_ODD);
    check(ecm->cw_count >= 1 && ecm->cw_count <= SIMC_ECM_CWS_MAX);
    check(ecm->conditions_size <= SIMC_ECM_CONDITIONS_MAX);
    check(ecm->has_conditions || ecm->conditions_size == 0);
    for (size_t i = 0; i < SIMC_ECM_CWS_MAX; i++) {
        if (i < ecm->cw_count)
            check(ecm->cws[i].size == 8 || ecm->cws[i].size == 16);
        else
            check(ecm->cws[i].size == 0);
    }
}

static void open_section(const uint8_t *section, size_t size)
{
    static const struct simc_ecm empty;
    struct simc_ecm_envelope envelope;
    struct simc_cas_fault fault = {.reason = -1};
    struct simc_ecm ecm;
    uint8_t *exact = malloc(size ? size : 1); /* so that a read behind it is seen */
    check(exact != NULL);
    memcpy(exact, section, size);
    int error = simc_ecm_open(opener, simc_slice(exact, size), NULL, &ecm, &fault);
    if (error) {
        check(fault.reason > 0 && fault.reason < SIMC_ECM_REASON_COUNT);
        check(fault.reason != SIMC_ECM_REASON_FAILED);
        check(fault.offset <= size && strlen(fault.text) > 10);
        check(memcmp(&ecm, &empty, sizeof ecm) == 0);
    } else {
        check(simc_ecm_read(simc_slice(exact, size), &envelope, NULL) == 0);
        check_opened(&ecm);
    }
    simc_ecm_wipe(&ecm);
    free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t section[CAS_SEAL_MAX];
    if (size < 1 || size > SIZE_MAX_HERE)
        return 0;
    if (!opener)
        check(simc_ecm_opener_new(find, NULL, &opener) == 0);
    struct simc_slice rest = simc_slice(data + 1, size - 1);
    struct cas_parts parts = {.table_id = data[0] & 0x40 ? 0x81 : 0x80,
                              .protected_map = simc_slice(protected_map, sizeof protected_map),
                              .unprotected = simc_slice(unprotected, sizeof unprotected),
                              .payload = simc_slice(payload, sizeof payload),
                              .nonce = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9}};
    switch (data[0] % KINDS) {
    case SECTION:
        memcpy(section, rest.data, rest.size);
        size = rest.size;
        if (size >= 3 && !(data[0] & 0x80)) {
            section[1] = (uint8_t)(0x70 | (size - 3) >> 8);
            section[2] = (uint8_t)(size - 3);
        }
        break;
    case PAYLOAD:
        parts.payload = rest;
        break;
    case PROTECTED:
        parts.protected_map = rest;
        break;
    default:
        parts.unprotected = rest;
    }
    if (data[0] % KINDS != SECTION)
        size = cas_seal(section, &key, &parts);
    open_section(section, size);
    return 0;
}
