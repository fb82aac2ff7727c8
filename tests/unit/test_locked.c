/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of the pool of locked slots: limits, wiping, fences, and what the kernel says about
 * the memory. The runner in main.c calls suite_locked(). */
#include <check.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/locked.h"
#include "unit/unit.h"

START_TEST(pools_outside_their_range_are_refused)
{
    static const size_t sizes[][2] = {
        {0, 1},
        {1, 0},
        {4097, 1},
        {1, (1 << 20) + 1},
        {SIZE_MAX, 1},
        {1, SIZE_MAX},
        {SIZE_MAX, SIZE_MAX},
    };
    for (size_t i = 0; i < UNIT_COUNT(sizes); i++)
        ck_assert_ptr_null(simc__locked_pool_new(sizes[i][0], sizes[i][1]));
    simc__locked_pool_free(NULL);
}
END_TEST

START_TEST(slots_are_zeroed_aligned_apart_and_limited)
{
    static const size_t sizes[][2] = {{1, 1}, {1, 300}, {16, 256}, {17, 7}, {65, 100}, {4096, 3}};
    for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
        size_t size = sizes[i][0], count = sizes[i][1];
        struct simc__locked_pool *pool = simc__locked_pool_new(size, count);
        uint8_t *slots[300];
        ck_assert_ptr_nonnull(pool);
        simc__locked_give(pool, NULL);
        for (int round = 0; round < 3; round++) {
            for (size_t k = 0; k < count; k++) {
                slots[k] = simc__locked_take(pool);
                ck_assert_ptr_nonnull(slots[k]);
                ck_assert_uint_eq((uintptr_t)slots[k] % 16, 0);
                for (size_t n = 0; n < k; n++) {
                    if (slots[n] + size > slots[k] && slots[k] + size > slots[n])
                        ck_abort_msg("slots %zu and %zu overlap", n, k);
                }
                for (size_t n = 0; n < size; n++) {
                    if (slots[k][n])
                        ck_abort_msg("slot %zu is not zeroed", k);
                }
                memset(slots[k], 0xcc, size);
            }
            ck_assert_ptr_null(simc__locked_take(pool));
            for (size_t k = 0; k < count; k++)
                simc__locked_give(pool, slots[round % 2 ? k : count - 1 - k]);
        }
        ck_assert_ptr_nonnull(simc__locked_take(pool));
        simc__locked_pool_free(pool); /* with a slot taken */
    }
}
END_TEST

static int pool_step(void *context)
{
    (void)context;
    struct simc__locked_pool *pool = simc__locked_pool_new(32, 10);
    simc__locked_pool_free(pool);
    return pool ? 0 : SIMC_ENOMEM;
}

START_TEST(a_pool_without_memory_is_no_pool)
{
    ck_assert_uint_eq(unit_fail_each_allocation(pool_step, NULL, true), 3);
}
END_TEST

enum misuse {
    GIVE_TWICE,
    GIVE_UNTAKEN,
    GIVE_INSIDE,
    GIVE_BELOW,
    GIVE_BEHIND,
    GIVE_FOREIGN,
    READ_BELOW,
    READ_BEHIND,
    MISUSE_COUNT,
};

static int do_misuse(void *context)
{
    enum misuse misuse = *(const enum misuse *)context;
    long page = sysconf(_SC_PAGESIZE);
    size_t count = (size_t)page / 64;
    struct simc__locked_pool *pool = simc__locked_pool_new(64, count);
    uint8_t *first = simc__locked_take(pool);
    static uint8_t foreign[64];
    switch (misuse) {
    case GIVE_TWICE:
        simc__locked_give(pool, first);
        simc__locked_give(pool, first);
        break;
    case GIVE_UNTAKEN:
        simc__locked_give(pool, first + 64);
        break;
    case GIVE_INSIDE:
        simc__locked_give(pool, first + 1);
        break;
    case GIVE_BELOW:
        simc__locked_give(pool, first - 64);
        break;
    case GIVE_BEHIND:
        simc__locked_give(pool, first + page);
        break;
    case GIVE_FOREIGN:
        simc__locked_give(pool, foreign);
        break;
    case READ_BELOW:
        return *(volatile uint8_t *)(first - 1);
    case READ_BEHIND:
        return *(volatile uint8_t *)(first + page);
    case MISUSE_COUNT:
        break;
    }
    return 0;
}

START_TEST(misuse_of_slots_ends_the_process)
{
    for (enum misuse misuse = 0; misuse < MISUSE_COUNT; misuse++)
        unit_expect_signal(unit_in_child(do_misuse, &misuse),
                           misuse < READ_BELOW ? SIGABRT : SIGSEGV);
}
END_TEST

static int read_slot(void *context)
{
    const volatile uint8_t *slot = context;
    return slot[0];
}

START_TEST(a_forked_child_does_not_see_the_keys)
{
    struct simc__locked_pool *pool = simc__locked_pool_new(16, 4);
    uint8_t *slot = simc__locked_take(pool);
    memset(slot, 0x5a, 16);
    unit_expect_exit(unit_in_child(read_slot, slot), 0);
    ck_assert_uint_eq(slot[0], 0x5a);
    simc__locked_pool_free(pool);
}
END_TEST

/* Finds the kernel's flags of the mapping that holds an address. */
static bool mapping_flags(const void *address, char *flags, size_t size)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool inside = false, found = false;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        unsigned long long from, to;
        if (sscanf(line, "%llx-%llx ", &from, &to) == 2)
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(flags, size, "%s", line + 8);
            found = true;
        }
    }
    if (maps)
        fclose(maps);
    return found;
}

START_TEST(slots_are_locked_and_left_out_of_dumps)
{
    char flags[512] = "";
    struct simc__locked_pool *pool = simc__locked_pool_new(16, 4);
    const void *slot = simc__locked_take(pool);
    if (mapping_flags(slot, flags, sizeof flags)) {
        ck_assert_msg(strstr(flags, " dd ") != NULL, "no MADV_DONTDUMP: %s", flags);
        ck_assert_msg(strstr(flags, " wf ") != NULL, "no MADV_WIPEONFORK: %s", flags);
        /* Sanitizers turn mlock() into nothing that always succeeds. */
        if (!UNIT_SANITIZED)
            ck_assert_msg((strstr(flags, " lo ") != NULL) == simc__locked_pool_is_locked(pool),
                          "locked or not: %s", flags);
    }
    simc__locked_pool_free(pool);
}
END_TEST

/* @return 0 when an unlocked pool admits it, 1 when it does not, 2 when it could not be made. */
static int pool_without_limit(void *context)
{
    const struct rlimit none = {0, 0};
    (void)context;
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0)
        return 3;
    /* Root may lock without a limit, so become somebody else. */
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
        return 3;
    struct simc__locked_pool *pool = simc__locked_pool_new(16, 4);
    if (!pool || !simc__locked_take(pool))
        return 2;
    return simc__locked_pool_is_locked(pool) ? 1 : 0;
}

START_TEST(a_pool_that_may_not_be_locked_works_and_says_so)
{
    int status = unit_in_child(pool_without_limit, NULL);
    /* 3: this machine does not let the test give up its rights. */
    if (UNIT_SANITIZED)
        return;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
        unit_expect_exit(status, 0);
}
END_TEST

Suite *suite_locked(void);

Suite *suite_locked(void)
{
    Suite *suite = suite_create("locked memory");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, pools_outside_their_range_are_refused);
    tcase_add_test(tests, slots_are_zeroed_aligned_apart_and_limited);
    tcase_add_test(tests, a_pool_without_memory_is_no_pool);
    tcase_add_test(tests, misuse_of_slots_ends_the_process);
    tcase_add_test(tests, a_forked_child_does_not_see_the_keys);
    tcase_add_test(tests, slots_are_locked_and_left_out_of_dumps);
    tcase_add_test(tests, a_pool_that_may_not_be_locked_works_and_says_so);
    suite_add_tcase(suite, tests);
    return suite;
}
