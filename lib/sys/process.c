/* SPDX-License-Identifier: BSL-1.0 */
/* What every process that may hold secrets does first; see process.h. */
#include "sys/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

int simc__process_random(void *memory, size_t size)
{
    uint8_t *at = memory;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return SIMC_EIO;
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

int simc__process_harden(void)
{
    uint8_t key[SIMC_FINGERPRINT_KEY_SIZE];
    const struct rlimit none = {0, 0};
    signal(SIGPIPE, SIG_IGN);
    /* Both may be refused in odd sandboxes; the secrets' own memory is kept out of dumps anyway. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    int error = simc__process_random(key, sizeof key);
    if (!error)
        simc_fingerprint_key_set(key);
    simc_wipe(key, sizeof key);
    return error;
}
