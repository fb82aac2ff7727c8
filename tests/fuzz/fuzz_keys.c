/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: the text of a key file. libFuzzer or the corpus replay calls it. What loads must
 * answer as its windows say, and give the same set when it is written and read again; what does not
 * must say why, without showing anything that could be a key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "keys/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            abort();          \
    } while (0)

enum { TEXT_SIZE = 1 << 18 };

static struct simc__conf_faults faults;

/* What could be most of a key. */
static bool shows_digits(const char *text)
{
    size_t count = 0;
    for (; *text; text++) {
        count = strchr("0123456789abcdefABCDEF", *text) ? count + 1 : 0;
        if (count > SIMC__CONF_SCATTERED_MAX)
            return true;
    }
    return false;
}

static void check_faults(void)
{
    FUZZ_CHECK(faults.total >= faults.count && faults.count > 0);
    for (size_t i = 0; i < faults.count; i++) {
        const struct simc__conf_fault *fault = &faults.items[i];
        FUZZ_CHECK(fault->why[0] != '\0' && memchr(fault->why, '\0', sizeof fault->why));
        FUZZ_CHECK(!shows_digits(fault->why) && !shows_digits(fault->where));
    }
}

/* Every answer that a set can give. */
static void check_answers(const struct simc__keys *keys)
{
    size_t count;
    struct simc__package_key key;
    const struct simc__keys_entry *all = simc__keys_all(keys, &count);
    FUZZ_CHECK(count > 0 && count <= SIMC__KEYS_MAX);
    for (size_t i = 0; i < count; i++) {
        const uint64_t times[] = {0, all[i].start_s, all[i].end_s - 1, all[i].end_s, UINT64_MAX};
        FUZZ_CHECK(all[i].start_s < all[i].end_s && all[i].key->size == SIMC__KEYS_KEY_SIZE);
        FUZZ_CHECK(simc__keys_find_version(keys, all[i].package, all[i].version, &key) == 0);
        FUZZ_CHECK(simc_secret_equal(&key.key, all[i].key));
        for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
            int error = simc__keys_find(keys, all[i].package, times[k], &key);
            FUZZ_CHECK(error == 0 || (error == SIMC_EAGAIN && times[k] < all[i].start_s));
            FUZZ_CHECK(key.change_s > times[k] || times[k] == UINT64_MAX);
            bool holds = key.start_s <= times[k] && times[k] < key.end_s;
            FUZZ_CHECK(error || holds == (key.standing == SIMC__KEY_IN_FORCE));
            FUZZ_CHECK(error || !holds || key.version >= all[i].version ||
                       all[i].start_s > times[k] || all[i].end_s <= times[k]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_SIZE];
    struct simc__keys *keys, *again;
    struct simc_buffer written;
    int error = simc__keys_load(simc_slice(data, size), "f", &keys, &faults);
    FUZZ_CHECK(error == 0 || error == SIMC_ESYNTAX);
    if (error) {
        FUZZ_CHECK(!keys);
        check_faults();
        return 0;
    }
    check_answers(keys);
    simc_buffer_init(&written, SIMC__KEYS_FILE_SIZE_MAX);
    FUZZ_CHECK(simc__keys_text_all(&written, keys) == 0);
    FUZZ_CHECK(simc__keys_load(simc_buffer_bytes(&written), "g", &again, &faults) == 0);
    struct simc_writer out = simc_writer(text, sizeof text);
    FUZZ_CHECK(simc__keys_difference_put(&out, keys, again) == 0 && out.at == 0);
    simc_buffer_fini(&written);
    simc__keys_free(keys);
    simc__keys_free(again);
    return 0;
}
