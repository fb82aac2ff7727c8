/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: YAML text into lib/conf with a table that uses every type. libFuzzer or the corpus
 * replay calls it. */
#include "../unit/test_conf_demo.h"
#include "fuzz_conf_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct demo one, two;
    return fuzz_conf_run(&demo_table, &one, &two, data, size);
}
