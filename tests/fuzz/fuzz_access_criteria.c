/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: access criteria. libFuzzer or the corpus replay calls it with what a scrambler might
 * hand over; what is taken is written again and must read the same. */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/cas.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct simc_access_criteria criteria, back;
    struct simc_cas_fault fault = {.reason = -1};
    uint8_t bytes[SIMC_ACCESS_CRITERIA_SIZE_MAX];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    uint8_t *exact = malloc(size ? size : 1); /* so that a read behind it is seen */
    check(exact != NULL);
    if (size)
        memcpy(exact, data, size);
    int error = simc_access_criteria_read(simc_slice(exact, size), &criteria, &fault);
    if (error) {
        check(fault.reason > 0 && fault.reason < SIMC_ACCESS_CRITERIA_REASON_COUNT);
        check(fault.offset <= size && strlen(fault.text) > 10);
        check(criteria.package == 0 && criteria.conditions_size == 0);
    } else {
        check(simc_access_criteria_put(&out, &criteria) == 0);
        /* Shorter only by keys that were skipped. */
        check(out.at <= size && (out.at < size || memcmp(bytes, exact, size) == 0));
        check(simc_access_criteria_read(simc_slice(bytes, out.at), &back, NULL) == 0);
        check(memcmp(&criteria, &back, sizeof back) == 0);
        check(simc_ecm_size_max(&criteria, 2, 16, UINT32_MAX) <= SIMC_ECM_SECTION_MAX);
    }
    free(exact);
    return 0;
}
