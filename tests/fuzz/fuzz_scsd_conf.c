/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: YAML text into the configuration of scsd. libFuzzer or the corpus replay calls it.
 */
#include "fuzz_conf_run.h"
#include "scs/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct simc__scs_conf one, two;
    return fuzz_conf_run(&simc__scs_conf_table, &one, &two, data, size);
}
