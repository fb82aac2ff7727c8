/* SPDX-License-Identifier: BSL-1.0 */
/* The rights of a key file: what a store of package keys answers when a receiver asks.
 * `simulcrypt receive` uses it. */
#include "keys/keys.h"
#include "receiver/receiver.h"

static size_t packages_of(void *context, uint32_t *packages, size_t max)
{
    const struct simc__keys *keys = simc__key_store_keys(context);
    size_t entries = 0, count = 0;
    uint32_t last = 0;
    const struct simc__keys_entry *entry = keys ? simc__keys_all(keys, &entries) : NULL;
    for (size_t i = 0; i < entries; i++) {
        if (count && entry[i].package == last)
            continue;
        last = entry[i].package;
        if (count < max)
            packages[count] = last;
        count++;
    }
    return count;
}

struct simc__receiver_rights simc__receiver_rights_of(struct simc__key_store *store)
{
    struct simc__receiver_rights rights = {.keys = simc__key_store_source(store),
                                           .packages = packages_of,
                                           .context = store,
                                           .origin = "the key file"};
    return rights;
}
