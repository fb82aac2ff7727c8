/* SPDX-License-Identifier: BSL-1.0 */
/* New versions of package keys: random bytes and the windows in which they hold; see file.h.
 * `simulcrypt keys new`, `add` and `rotate` call it. */
#include "keys/file.h"
#include "sys/process.h"

enum { SECONDS_OF_DAY = 86400 };

uint64_t simc__keys_overlap_s(uint64_t length_s)
{
    uint64_t tenth_s = length_s / 10;
    return tenth_s < SECONDS_OF_DAY ? tenth_s : SECONDS_OF_DAY;
}

/* Times and versions have 32 bits in the messages that carry them. */
static bool fits(const struct simc__keys_issue *issue)
{
    uint64_t count = issue->count, length_s = issue->length_s;
    if (count == 0 || count > SIMC__KEYS_MAX || length_s == 0 || length_s > UINT32_MAX ||
        issue->start_s > UINT32_MAX || issue->version == 0)
        return false;
    uint64_t end_s = issue->start_s + count * length_s + simc__keys_overlap_s(length_s);
    return end_s <= UINT32_MAX && issue->version + count - 1 <= UINT32_MAX;
}

int simc__keys_text_issue(struct simc_buffer *text, const struct simc__keys_issue *issue)
{
    uint8_t bytes[SIMC__KEYS_KEY_SIZE];
    struct simc_secret key = {0};
    int error = fits(issue) ? 0 : SIMC_EINVAL;
    for (unsigned n = 0; n < issue->count && !error; n++) {
        struct simc__keys_entry entry = {issue->package, issue->version + n,
                                         issue->start_s + n * issue->length_s, 0, &key};
        entry.end_s = entry.start_s + issue->length_s + simc__keys_overlap_s(issue->length_s);
        error = simc__process_random(bytes, sizeof bytes);
        if (!error)
            error = simc_secret_set(&key, simc_slice(bytes, sizeof bytes));
        if (!error)
            error = simc__keys_text_entry(text, &entry);
    }
    simc_wipe(bytes, sizeof bytes);
    simc_secret_wipe(&key);
    return error;
}
