/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: YAML text into the configuration of ecmgd. libFuzzer or the corpus replay calls it.
 */
#include "ecmg/conf.h"
#include "fuzz_conf_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct simc__ecmg_conf one, two;
    return fuzz_conf_run(&simc__ecmg_conf_table, &one, &two, data, size);
}
