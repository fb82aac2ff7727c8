/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: YAML text into lib/conf with a table that uses every type. libFuzzer or the corpus
 * replay calls it. What loads must print and load again to the same values. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/test_conf_demo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            abort();          \
    } while (0)

enum { TEXT_SIZE = 1 << 18 };

static struct simc__conf_faults faults;
static struct simc__conf_changes changes;

/* Faults are whole sentences with a place, and nothing in them reaches a terminal. */
static void check_faults(void)
{
    static char text[TEXT_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text);
    FUZZ_CHECK(faults.total >= faults.count && faults.count > 0);
    for (size_t i = 0; i < faults.count; i++) {
        const struct simc__conf_fault *fault = &faults.items[i];
        FUZZ_CHECK(fault->why[0] != '\0' && memchr(fault->why, '\0', sizeof fault->why));
        FUZZ_CHECK(memchr(fault->where, '\0', sizeof fault->where));
        FUZZ_CHECK((fault->line == 0) == (fault->column == 0));
        FUZZ_CHECK(i == 0 || fault->line >= faults.items[i - 1].line);
    }
    simc__conf_faults_put(&out, &faults, "f");
    FUZZ_CHECK(out.error == 0);
    for (size_t i = 0; i < out.at; i++)
        FUZZ_CHECK((uint8_t)text[i] >= 0x20 || text[i] == '\n');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[TEXT_SIZE], second[TEXT_SIZE];
    struct demo one, two;
    struct simc__conf *owner, *again;
    int error = simc__conf_load(&demo_table, simc_slice(data, size), "f", &one, &owner, &faults);
    FUZZ_CHECK(error == 0 || error == SIMC_ESYNTAX);
    if (error) {
        FUZZ_CHECK(!owner);
        check_faults();
        return 0;
    }
    struct simc_writer out = simc_writer(first, sizeof first);
    simc__conf_put_effective(&out, &demo_table, &one);
    FUZZ_CHECK(out.error == 0);
    FUZZ_CHECK(
        simc__conf_load(&demo_table, simc_slice(first, out.at), "f", &two, &again, &faults) == 0);
    struct simc_writer out_again = simc_writer(second, sizeof second);
    simc__conf_put_effective(&out_again, &demo_table, &two);
    FUZZ_CHECK(out.at == out_again.at && memcmp(first, second, out.at) == 0);
    simc__conf_compare(&demo_table, &one, &two, &changes);
    FUZZ_CHECK(changes.total == 0 && changes.reloadable);
    simc__conf_free(owner);
    simc__conf_free(again);
    return 0;
}
