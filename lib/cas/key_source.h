/* SPDX-License-Identifier: BSL-1.0 */
/* Where package keys come from: a table of functions that a key file, and the key management
 * client, fill. What makes ECMs asks it and does not know which one it is. */
#ifndef SIMC__CAS_KEY_SOURCE_H
#define SIMC__CAS_KEY_SOURCE_H

#include "simulcrypt/base.h"

/* How the key that was found stands to its window of validity. */
enum simc__key_standing {
    SIMC__KEY_IN_FORCE, /* its window holds now */
    SIMC__KEY_EXPIRED,  /* no window holds now; this is the version that ended last */
};

/* A key that was found. The caller wipes it. Windows are [start_s, end_s), seconds since 1970. */
struct simc__package_key {
    uint32_t package;
    uint32_t version;
    uint64_t start_s, end_s;
    enum simc__key_standing standing;
    /* Until when the same question gets the same answer, unless the generation changes. */
    uint64_t change_s;
    struct simc_secret key;
};

/* A source of keys. All functions may be called from several threads at once, take no memory and
 * never wait: what has to be fetched is fetched ahead, elsewhere. */
struct simc__key_source {
    /* The key to make ECMs with: the highest version whose window holds at time_s; when none does,
     * the one that ended last.
     * @return 0; SIMC_ENOTFOUND: there is no such package; SIMC_EAGAIN: all versions are in the
     * future (start_s of the first is in key->change_s then, and nothing else is filled). */
    int (*find)(void *context, uint32_t package, uint64_t time_s, struct simc__package_key *key);
    /* The key of a version, to open ECMs with, whatever its window.
     * @return 0; SIMC_ENOTFOUND: no such package or version. */
    int (*find_version)(void *context, uint32_t package, uint32_t version,
                        struct simc__package_key *key);
    /* Grows whenever the keys change: an answer from before may be old then. Starts at 1. */
    uint64_t (*generation)(void *context);
    void *context;
};

/* True as long as a key that was found at `generation` need not be looked up again. */
static inline bool simc__package_key_is_fresh(const struct simc__package_key *key,
                                              uint64_t generation_then,
                                              const struct simc__key_source *source,
                                              uint64_t time_s)
{
    return time_s >= key->start_s && time_s < key->change_s &&
           source->generation(source->context) == generation_then;
}

#endif
