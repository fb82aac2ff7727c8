/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of secrets: wiping, comparing, fingerprints and SipHash-2-4 against its published
 * vectors. The runner in main.c calls suite_secret(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"
#include "unit/unit.h"

static bool is_zero(const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

START_TEST(wiping_reaches_every_byte_and_no_other)
{
    for (size_t size = 0; size <= 40; size++) {
        uint8_t memory[48];
        memset(memory, 0xff, sizeof memory);
        simc_wipe(memory + 4, size);
        ck_assert(is_zero(memory + 4, size));
        for (size_t i = 0; i < sizeof memory; i++)
            ck_assert_msg((i >= 4 && i < 4 + size) || memory[i] == 0xff, "byte %zu", i);
    }
    simc_wipe(NULL, 0);
}
END_TEST

START_TEST(a_secret_keeps_its_bytes_and_zeros_behind_them)
{
    uint8_t key[SIMC_SECRET_SIZE_MAX + 1];
    memset(key, 0x77, sizeof key);
    for (size_t size = 0; size <= SIMC_SECRET_SIZE_MAX; size++) {
        struct simc_secret secret;
        memset(&secret, 0xee, sizeof secret);
        ck_assert_int_eq(simc_secret_set(&secret, simc_slice(key, size)), 0);
        unit_expect_bytes(simc_secret_bytes(&secret), simc_slice(key, size));
        ck_assert(is_zero(secret.bytes + size, sizeof secret.bytes - size));
        simc_secret_wipe(&secret);
        ck_assert(is_zero(&secret, sizeof secret));
    }
}
END_TEST

START_TEST(a_key_that_is_too_long_leaves_nothing)
{
    uint8_t key[SIMC_SECRET_SIZE_MAX + 1];
    struct simc_secret secret;
    memset(key, 0x77, sizeof key);
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(key, 16)), 0);
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(key, sizeof key)), SIMC_EINVAL);
    ck_assert(is_zero(&secret, sizeof secret));
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(key, 16)), 0);
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(key, SIZE_MAX)), SIMC_EINVAL);
    ck_assert(is_zero(&secret, sizeof secret));
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(NULL, 0)), 0);
}
END_TEST

START_TEST(a_secret_may_be_cut_from_its_own_bytes)
{
    struct simc_secret secret;
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice("0123456789abcdef", 16)), 0);
    ck_assert_int_eq(simc_secret_set(&secret, simc_secret_bytes(&secret)), 0);
    unit_expect_text(simc_secret_bytes(&secret), "0123456789abcdef");
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(secret.bytes + 4, 8)), 0);
    unit_expect_text(simc_secret_bytes(&secret), "456789ab");
    ck_assert(is_zero(secret.bytes + 8, sizeof secret.bytes - 8));
}
END_TEST

START_TEST(secrets_differ_by_any_bit_and_by_size)
{
    struct simc_secret a, b;
    uint8_t key[SIMC_SECRET_SIZE_MAX];
    struct unit_random random = unit_random(7);
    unit_random_fill(&random, key, sizeof key);
    for (size_t size = 1; size <= sizeof key; size += 7) {
        ck_assert_int_eq(simc_secret_set(&a, simc_slice(key, size)), 0);
        ck_assert_int_eq(simc_secret_set(&b, simc_slice(key, size)), 0);
        ck_assert(simc_secret_equal(&a, &b));
        for (size_t bit = 0; bit < size * 8; bit++) {
            b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            ck_assert_msg(!simc_secret_equal(&a, &b), "size %zu, bit %zu", size, bit);
            b.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    /* A zero byte at the end is a byte: only the size tells. */
    ck_assert_int_eq(simc_secret_set(&a, simc_slice("\1\2\0", 3)), 0);
    ck_assert_int_eq(simc_secret_set(&b, simc_slice("\1\2", 2)), 0);
    ck_assert(!simc_secret_equal(&a, &b));
    simc_secret_wipe(&a);
    simc_secret_wipe(&b);
    ck_assert(simc_secret_equal(&a, &b));
}
END_TEST

/* SipHash-2-4 of the messages (), (00), (00 01), ... under the key 00 01 .. 0f, as published with
 * the reference implementation; the row of 15 bytes is the worked example of the paper. */
static const uint64_t sip_vectors[64] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
    0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
    0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
    0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
    0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
    0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
    0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
    0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
    0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

START_TEST(siphash_gives_the_published_vectors)
{
    uint8_t key[16], message[64];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    memcpy(key, message, sizeof key);
    ck_assert(sip_vectors[15] == 0xa129ca6149be45e5);
    for (size_t size = 0; size < UNIT_COUNT(sip_vectors); size++) {
        uint8_t *exact = unit_exact(simc_slice(message, size));
        uint64_t hash = simc__siphash(key, exact, size);
        ck_assert_msg(hash == sip_vectors[size], "%zu bytes: %llx", size, (unsigned long long)hash);
        free(exact);
    }
}
END_TEST

START_TEST(messages_of_zeros_differ_by_their_size)
{
    static const uint8_t zeros[512];
    uint8_t key[16] = {1};
    ck_assert(simc__siphash(key, zeros, 256) != simc__siphash(key, zeros, 0));
    ck_assert(simc__siphash(key, zeros, 8) != simc__siphash(key, zeros, 7));
    ck_assert(simc__siphash(key, zeros, 512) != simc__siphash(key, zeros, 256));
}
END_TEST

START_TEST(fingerprints_are_masked_until_a_key_is_set)
{
    struct simc_secret secret;
    char text[SIMC_FINGERPRINT_SIZE];
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice("\1\2\3\4\5\6\7\10", 8)), 0);
    simc_secret_fingerprint(&secret, text);
    ck_assert_str_eq(text, "--------");
}
END_TEST

START_TEST(fingerprints_depend_on_secret_size_and_key)
{
    static const uint8_t first_key[SIMC_FINGERPRINT_KEY_SIZE] = {1};
    static const uint8_t second_key[SIMC_FINGERPRINT_KEY_SIZE] = {2};
    static const struct simc_slice rows[] = {{(const uint8_t *)"12345678", 8},
                                             {(const uint8_t *)"12345679", 8},
                                             {(const uint8_t *)"12345678\0", 9},
                                             {(const uint8_t *)"", 0}};
    char texts[2 * UNIT_COUNT(rows)][SIMC_FINGERPRINT_SIZE];
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct simc_secret secret;
        char again[SIMC_FINGERPRINT_SIZE];
        simc_fingerprint_key_set(i < UNIT_COUNT(rows) ? first_key : second_key);
        ck_assert_int_eq(simc_secret_set(&secret, rows[i % UNIT_COUNT(rows)]), 0);
        simc_secret_fingerprint(&secret, texts[i]);
        simc_secret_fingerprint(&secret, again);
        ck_assert_str_eq(texts[i], again);
        ck_assert_uint_eq(strspn(texts[i], "0123456789abcdef"), SIMC_FINGERPRINT_SIZE - 1);
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(strcmp(texts[i], texts[k]) != 0, "rows %zu and %zu", k, i);
    }
}
END_TEST

START_TEST(a_fingerprint_is_the_low_half_of_the_keyed_hash)
{
    uint8_t key[SIMC_FINGERPRINT_KEY_SIZE], message[15];
    struct simc_secret secret;
    char text[SIMC_FINGERPRINT_SIZE];
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    memcpy(message, key, sizeof message);
    simc_fingerprint_key_set(key);
    ck_assert_int_eq(simc_secret_set(&secret, simc_slice(message, sizeof message)), 0);
    simc_secret_fingerprint(&secret, text);
    ck_assert_str_eq(text, "5e54eb94"); /* digits of 49be45e5, the lowest first */
}
END_TEST

Suite *suite_secret(void);

Suite *suite_secret(void)
{
    Suite *suite = suite_create("secret");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, wiping_reaches_every_byte_and_no_other);
    tcase_add_test(tests, a_secret_keeps_its_bytes_and_zeros_behind_them);
    tcase_add_test(tests, a_key_that_is_too_long_leaves_nothing);
    tcase_add_test(tests, a_secret_may_be_cut_from_its_own_bytes);
    tcase_add_test(tests, secrets_differ_by_any_bit_and_by_size);
    tcase_add_test(tests, siphash_gives_the_published_vectors);
    tcase_add_test(tests, messages_of_zeros_differ_by_their_size);
    tcase_add_test(tests, fingerprints_are_masked_until_a_key_is_set);
    tcase_add_test(tests, fingerprints_depend_on_secret_size_and_key);
    tcase_add_test(tests, a_fingerprint_is_the_low_half_of_the_keyed_hash);
    suite_add_tcase(suite, tests);
    return suite;
}
