/* SPDX-License-Identifier: BSL-1.0 */
/* Package keys from a key file, for head-ends without a key management: a set of keys that never
 * changes, and a store that threads share while sets replace each other. ecmgd and `simulcrypt
 * keys` and `ecm` use it. */
#ifndef SIMC__KEYS_KEYS_H
#define SIMC__KEYS_KEYS_H

#include "cas/key_source.h"
#include "conf/conf.h"

enum {
    SIMC__KEYS_MAX = 4096, /* keys of one file */
    SIMC__KEYS_KEY_SIZE = 16,
};

/* ---- a set of keys: read-only, so any number of threads may look into it at once ---- */

struct simc__keys;

struct simc__keys_entry {
    uint32_t package, version;
    uint64_t start_s, end_s;       /* the window [start_s, end_s), seconds since 1970, UTC */
    const struct simc_secret *key; /* in locked memory of the set */
};

/** Reads a key file, all or nothing. @param path "-" for standard input; also the name in faults.
 *  A file that its group or others may read or write is refused.
 *  @param keys on success to be released with simc__keys_free() or given to a store, else NULL.
 *  @param faults always filled; empty on success and for SIMC_ENOMEM. Never holds a key.
 *  @return 0, SIMC_ESYNTAX (there are faults), SIMC_ENOMEM. */
int simc__keys_open(const char *path, struct simc__keys **keys,
                    struct simc__conf_faults *faults) SIMC_MUST_CHECK;
/** The same from text. @param name of the file. */
int simc__keys_load(struct simc_slice yaml, const char *name, struct simc__keys **keys,
                    struct simc__conf_faults *faults) SIMC_MUST_CHECK;
/** Wipes and releases; NULL is fine. */
void simc__keys_free(struct simc__keys *keys);

/** False when the system refused to lock the memory: the keys may reach swap. */
bool simc__keys_is_locked(const struct simc__keys *keys);
/** The keys, ordered by package and version. */
const struct simc__keys_entry *simc__keys_all(const struct simc__keys *keys, size_t *count);
/** Those of one package, ordered by version. @return NULL: there is no such package. */
const struct simc__keys_entry *simc__keys_of(const struct simc__keys *keys, uint32_t package,
                                             size_t *count);
/** The functions of struct simc__key_source for one set, O(log n). */
int simc__keys_find(const struct simc__keys *keys, uint32_t package, uint64_t time_s,
                    struct simc__package_key *key) SIMC_MUST_CHECK;
int simc__keys_find_version(const struct simc__keys *keys, uint32_t package, uint32_t version,
                            struct simc__package_key *key) SIMC_MUST_CHECK;

enum { SIMC__KEYS_DIFFERENCES_MAX = 16 };

/** Writes what differs, a line for each package and at most SIMC__KEYS_DIFFERENCES_MAX lines and
 *  one with how many more: "package 3: versions 413 and 414 added, version 410 removed". Nothing is
 *  written when both are the same. @return how many packages differ. */
size_t simc__keys_difference_put(struct simc_writer *out, const struct simc__keys *old_keys,
                                 const struct simc__keys *new_keys);

/* ---- a store: what threads ask while the set behind it is replaced ---- */

struct simc__key_store;

/** Makes an empty store: there is no package in it. @return NULL: no memory. */
struct simc__key_store *simc__key_store_new(void) SIMC_MUST_CHECK;
/** No other thread may use the store any more. Releases its set; NULL is fine. */
void simc__key_store_free(struct simc__key_store *store);
/** Puts a set in the place of the one before, which is released when the last thread that is just
 *  looking into it is done: this call waits for that, the others never wait. One thread at a time
 *  calls it. @param keys consumed. */
void simc__key_store_take(struct simc__key_store *store, struct simc__keys *keys);
/** The set in use, for the thread that calls simc__key_store_take(), valid until it does.
 *  @return NULL: none yet. */
const struct simc__keys *simc__key_store_keys(const struct simc__key_store *store);
/** The store as a source, for any thread, as long as the store lives. */
struct simc__key_source simc__key_store_source(struct simc__key_store *store);

#endif
