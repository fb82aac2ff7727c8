/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: a whole capture file through libpcap into lib/capture. libFuzzer or the corpus
 * replay calls it. Faults of libpcap itself would show here too. */
#include "fuzz_capture_check.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_SIZE_MAX = 1 << 16 }; /* keeps connections below what fuzz_state counts */

static const struct simc__capture_limits limits = {
    .connections_max = 8,
    .held_max = 1 << 16,
    .held_total_max = 1 << 17,
    .fragments_max = 8,
    .fragment_bytes_max = 1 << 17,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz_state state;
    static int file = -1;
    char path[64], why[512] = "";
    memset(&state, 0, sizeof state);
    if (file < 0)
        file = memfd_create("capture", MFD_CLOEXEC);
    if (file < 0 || size > FILE_SIZE_MAX || ftruncate(file, 0) ||
        pwrite(file, data, size, 0) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    struct simc__capture *capture;
    int error = simc__capture_open(path, &limits, &capture, why, sizeof why);
    FUZZ_CHECK(memchr(why, 0, sizeof why) && !why[0] == !error);
    if (error) {
        FUZZ_CHECK(error == SIMC_EPROTO || error == SIMC_EUNSUPPORTED);
        return 0;
    }
    error = fuzz_pull(&state, capture);
    FUZZ_CHECK(error == SIMC_EEND || error == SIMC_EPROTO || error == SIMC_EUNSUPPORTED);
    FUZZ_CHECK((error == SIMC_EEND) == (simc__capture_why(capture)[0] == '\0'));
    fuzz_end(&state, capture);
    simc__capture_free(capture);
    return 0;
}
