/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/keys: the store that threads ask while its set is replaced. The runner in
 * main.c calls suite_keys_store(). */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "keys/keys.h"
#include "unit/unit.h"

Suite *suite_keys_store(void);

enum { ASKER_COUNT = 4, REPLACEMENTS = 400, PACKAGE = 3, TIME = 1000 };

static struct simc__conf_faults faults;

/* A set whose key tells its version: all bytes but the first hold it. */
static struct simc__keys *make(uint32_t version)
{
    char text[256];
    struct simc__keys *keys;
    snprintf(text, sizeof text,
             "format: 1\nkeys:\n  - {package: 3, version: %u, start: 1970-01-01T00:00:00Z, end: "
             "2100-01-01T00:00:00Z, key: \"ff%04x%04x%04x%04x%04x%04x%04xee\"}\n",
             version, version, version, version, version, version, version, version);
    ck_assert_int_eq(simc__keys_load(simc_slice_text(text), "k", &keys, &faults), 0);
    return keys;
}

static bool is_whole(const struct simc__package_key *key)
{
    for (size_t i = 1; i < 15; i++) {
        if (key->key.bytes[i] != (uint8_t)(i % 2 ? key->version >> 8 : key->version))
            return false;
    }
    return key->key.size == 16 && key->key.bytes[0] == 0xff && key->key.bytes[15] == 0xee;
}

START_TEST(an_empty_store_has_no_package)
{
    struct simc__package_key key;
    struct simc__key_store *store = simc__key_store_new();
    ck_assert_ptr_nonnull(store);
    struct simc__key_source source = simc__key_store_source(store);
    ck_assert_int_eq(source.find(source.context, PACKAGE, TIME, &key), SIMC_ENOTFOUND);
    ck_assert_int_eq(source.find_version(source.context, PACKAGE, 1, &key), SIMC_ENOTFOUND);
    ck_assert_uint_eq(source.generation(source.context), 1);
    ck_assert_ptr_null(simc__key_store_keys(store));
    simc__key_store_free(store);
    simc__key_store_free(NULL);
}
END_TEST

START_TEST(a_store_answers_from_the_set_it_took_last)
{
    struct simc__package_key key;
    struct simc__key_store *store = simc__key_store_new();
    struct simc__key_source source = simc__key_store_source(store);
    for (uint32_t version = 1; version <= 5; version++) {
        struct simc__keys *keys = make(version);
        uint64_t generation = source.generation(source.context);
        simc__key_store_take(store, keys);
        ck_assert_ptr_eq(simc__key_store_keys(store), keys);
        ck_assert_int_eq(source.find(source.context, PACKAGE, TIME, &key), 0);
        ck_assert_uint_eq(key.version, version);
        ck_assert(is_whole(&key));
        /* What was found before the change is stale, what is found now is not. */
        ck_assert(!simc__package_key_is_fresh(&key, generation, &source, TIME));
        generation = source.generation(source.context);
        ck_assert(simc__package_key_is_fresh(&key, generation, &source, TIME));
        ck_assert_int_eq(source.find_version(source.context, PACKAGE, version, &key), 0);
        ck_assert_int_eq(source.find_version(source.context, PACKAGE, version + 1, &key),
                         SIMC_ENOTFOUND);
        ck_assert_int_eq(source.find(source.context, PACKAGE + 1, TIME, &key), SIMC_ENOTFOUND);
    }
    simc__key_store_free(store);
}
END_TEST

struct asking {
    struct simc__key_source source;
    atomic_uint lowest; /* version that an answer may have from now on */
    atomic_bool end;
    atomic_uint faults, answers;
};

static void *ask(void *context)
{
    struct asking *a = context;
    while (!atomic_load(&a->end)) {
        struct simc__package_key key;
        unsigned lowest = atomic_load(&a->lowest);
        int error = a->source.find(a->source.context, PACKAGE, TIME, &key);
        if (error || key.version < lowest || !is_whole(&key))
            atomic_fetch_add(&a->faults, 1);
        atomic_fetch_add(&a->answers, 1);
    }
    return NULL;
}

START_TEST(threads_ask_while_sets_replace_each_other)
{
    pthread_t askers[ASKER_COUNT];
    struct simc__key_store *store = simc__key_store_new();
    struct asking asking = {.source = simc__key_store_source(store)};
    simc__key_store_take(store, make(1));
    for (size_t i = 0; i < ASKER_COUNT; i++)
        ck_assert_int_eq(pthread_create(&askers[i], NULL, ask, &asking), 0);
    for (uint32_t version = 2; version <= REPLACEMENTS; version++) {
        simc__key_store_take(store, make(version));
        atomic_store(&asking.lowest, version);
    }
    while (atomic_load(&asking.answers) < 1000)
        continue;
    atomic_store(&asking.end, true);
    for (size_t i = 0; i < ASKER_COUNT; i++)
        ck_assert_int_eq(pthread_join(askers[i], NULL), 0);
    ck_assert_uint_eq(atomic_load(&asking.faults), 0);
    ck_assert_uint_eq(asking.source.generation(store), 1 + REPLACEMENTS);
    simc__key_store_free(store);
}
END_TEST

static int make_store(void *context)
{
    (void)context;
    struct simc__key_store *store = simc__key_store_new();
    simc__key_store_free(store);
    return store ? 0 : SIMC_ENOMEM;
}

START_TEST(a_failed_allocation_is_reported)
{
    ck_assert_uint_eq(unit_fail_each_allocation(make_store, NULL, true), 1);
}
END_TEST

Suite *suite_keys_store(void)
{
    Suite *suite = suite_create("keys_store");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, an_empty_store_has_no_package);
    tcase_add_test(tests, a_store_answers_from_the_set_it_took_last);
    tcase_add_test(tests, threads_ask_while_sets_replace_each_other);
    tcase_add_test(tests, a_failed_allocation_is_reported);
    suite_add_tcase(suite, tests);
    return suite;
}
