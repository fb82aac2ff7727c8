/* SPDX-License-Identifier: BSL-1.0 */
/* The age of a queue from few marks, against a model that remembers when each byte came. Run by the
 * unit test runner. */
#include <stdlib.h>

#include "mux/emmg_age.h"
#include "unit/unit.h"

Suite *suite_mux_emmg_age(void);

enum { STEPS = 40000 };

/* A queue: bytes came, bytes left, and when each of them came. */
struct model {
    struct simc__emmg_age age;
    uint64_t came, out, now_ms;
    uint64_t came_ms[STEPS]; /* one byte a step */
};

static void byte_comes(struct model *model)
{
    model->came_ms[model->came++] = model->now_ms;
    if (!simc__emmg_age_extend(&model->age, model->came, model->now_ms))
        simc__emmg_age_add(&model->age, model->out, model->came, model->now_ms);
}

static uint64_t true_ms(const struct model *model)
{
    return model->out < model->came ? model->now_ms - model->came_ms[model->out] : 0;
}

static uint64_t told_ms(struct model *model)
{
    uint64_t told = simc__emmg_age_ms(&model->age, model->out, model->now_ms);
    ck_assert_uint_ge(told, true_ms(model));
    ck_assert_uint_le(model->age.count, SIMC__EMMG_AGE_MARKS);
    ck_assert(model->out < model->came || told == 0);
    return told;
}

static struct model *model_new(void)
{
    struct model *model = calloc(1, sizeof *model);
    ck_assert_ptr_nonnull(model);
    model->now_ms = 1000;
    return model;
}

START_TEST(an_empty_queue_has_no_age)
{
    struct model *model = model_new();
    ck_assert_uint_eq(told_ms(model), 0);
    byte_comes(model);
    ck_assert_uint_eq(told_ms(model), 0);
    model->now_ms += 70;
    byte_comes(model);
    ck_assert_uint_eq(told_ms(model), 70);
    model->out = 1;
    ck_assert_uint_eq(told_ms(model), 0);
    model->now_ms += 5;
    ck_assert_uint_eq(told_ms(model), 5);
    model->out = 2;
    ck_assert_uint_eq(told_ms(model), 0);
    free(model);
}
END_TEST

START_TEST(a_queue_that_stands_still_grows_old)
{
    struct model *model = model_new();
    for (unsigned i = 0; i < STEPS; i++) {
        byte_comes(model);
        ck_assert_uint_eq(told_ms(model), true_ms(model));
        model->now_ms += 1 + i % 97;
    }
    /* From here it empties, and the marks left show how far they stand apart. */
    for (model->out = 0; model->out < model->came; model->out++)
        ck_assert_uint_le(told_ms(model) - true_ms(model), (model->now_ms - 1000) / 8);
    ck_assert_uint_eq(told_ms(model), 0);
    free(model);
}
END_TEST

static const uint64_t delays_ms[] = {0, 1, 20, 300, 5000, 30000};

START_TEST(an_age_that_stays_is_told_to_an_eighth)
{
    struct model *model = model_new();
    uint64_t delay_ms = delays_ms[_i], settled = delay_ms * 2 + 100;
    for (unsigned i = 0; i < STEPS; i++) {
        byte_comes(model);
        while (model->out < model->came && true_ms(model) > delay_ms)
            model->out++;
        uint64_t told = told_ms(model), is = true_ms(model);
        if (model->now_ms > 1000 + settled)
            ck_assert_msg(told - is <= is / 8 + 1, "%u ms, not %u", (unsigned)told, (unsigned)is);
        model->now_ms += 2 + i % 3;
    }
    free(model);
}
END_TEST

START_TEST(random_queues_are_never_told_too_young)
{
    struct model *model = model_new();
    uint64_t x = 12345 + (uint64_t)_i;
    while (model->came < STEPS) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407U;
        unsigned what = (unsigned)(x >> 60), amount = (unsigned)(x >> 40) % 200;
        for (unsigned i = 0; i < amount && model->came < STEPS && what < 7; i++)
            byte_comes(model);
        if (what >= 7 && what < 12)
            model->now_ms += amount;
        else if (what >= 12)
            model->out += model->came - model->out < amount ? model->came - model->out : amount;
        told_ms(model);
    }
    free(model);
}
END_TEST

Suite *suite_mux_emmg_age(void)
{
    Suite *suite = suite_create("mux_emmg_age");
    TCase *tcase = tcase_create("mux_emmg_age");
    tcase_add_test(tcase, an_empty_queue_has_no_age);
    tcase_add_test(tcase, a_queue_that_stands_still_grows_old);
    tcase_add_loop_test(tcase, an_age_that_stays_is_told_to_an_eighth, 0,
                        (int)UNIT_COUNT(delays_ms));
    tcase_add_loop_test(tcase, random_queues_are_never_told_too_young, 0, 20);
    suite_add_tcase(suite, tcase);
    return suite;
}
