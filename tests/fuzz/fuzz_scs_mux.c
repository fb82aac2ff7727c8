/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: the messages of the SCS-mux service. libFuzzer or the corpus replay calls it.
 *
 * Byte 0: which message. The rest is its body: what is read must be written again as it came. */
#include <stdlib.h>
#include <string.h>

#include "unit/scs_mux_codecs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY_MAX = 1 << 17 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[BODY_MAX];
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    if (size < 1 || size > BODY_MAX)
        return 0;
    struct simc_slice body = simc_slice(data + 1, size - 1);
    struct simc_writer out = simc_writer(again, sizeof again);
    int error = scs_mux_codecs[data[0] % SCS_MUX_CODECS].again(body, &out, why);
    if (error == SIMC_EPROTO ? why[0] == '\0' || strlen(why) >= sizeof why : error != 0)
        abort();
    if (!error && (out.at != body.size || memcmp(again, body.data, body.size) != 0))
        abort();
    return 0;
}
