/* SPDX-License-Identifier: BSL-1.0 */
/* The property test of the scheduler: many random worlds, and in each one no broken rule.
 * SIMC_SCHED_RUNS sets how many (the long tests take 100,000 and more), SIMC_SCHED_SEED begins with
 * another one, SIMC_SCHED_VERBOSE prints the figures. */
#include "test_sched_world.h"

#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 12000, RUNS_SANITIZED = 2000, TIMEOUT_S = 7200 };

Suite *suite_sched_random(void);

START_TEST(no_rule_is_broken_in_random_worlds)
{
    static struct world world;
    UNIT_ROOM(struct world_word, words, 65536);
    static struct world_figures figures;
    uint64_t runs = unit_number("SIMC_SCHED_RUNS", UNIT_SANITIZED ? RUNS_SANITIZED : RUNS);
    uint64_t first = unit_number("SIMC_SCHED_SEED", 1);
    world.words = words;
    world.figures = &figures;
    for (uint64_t i = 0; i < runs; i++)
        world_run(&world, first + i);
    if (getenv("SIMC_SCHED_VERBOSE"))
        printf("runs %llu periods %llu ecms %llu late %llu stretched %llu aligned %llu "
               "restarts %llu cycled %llu clears %llu silents %llu primes %llu changes %llu "
               "most actions %llu\n",
               (unsigned long long)figures.runs, (unsigned long long)figures.periods,
               (unsigned long long)figures.ecms, (unsigned long long)figures.late,
               (unsigned long long)figures.stretches, (unsigned long long)figures.aligned,
               (unsigned long long)figures.restarts, (unsigned long long)figures.cycles,
               (unsigned long long)figures.clears, (unsigned long long)figures.silents,
               (unsigned long long)figures.primes, (unsigned long long)figures.changes,
               (unsigned long long)figures.most_queued);
    if (runs < RUNS_SANITIZED)
        return;
    /* The worlds must be such that everything happens. */
    ck_assert_uint_gt(figures.periods, runs);
    ck_assert_uint_gt(figures.restarts, runs / 20);
    ck_assert_uint_gt(figures.stretches, runs / 20);
    ck_assert_uint_gt(figures.primes, runs / 20);
    ck_assert_uint_gt(figures.changes, runs / 20);
    ck_assert_uint_gt(figures.clears, runs / 50);
    ck_assert_uint_gt(figures.cycles, runs / 50);
    ck_assert_uint_gt(figures.late, runs / 100);
    ck_assert_uint_gt(figures.silents, runs / 100);
    ck_assert_uint_gt(figures.aligned, runs / 100);
}
END_TEST

Suite *suite_sched_random(void)
{
    Suite *suite = suite_create("sched_random");
    TCase *worlds = tcase_create("worlds");
    tcase_set_timeout(worlds, TIMEOUT_S);
    tcase_add_test(worlds, no_rule_is_broken_in_random_worlds);
    suite_add_tcase(suite, worlds);
    return suite;
}
