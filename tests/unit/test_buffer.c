/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of the growable buffer of simulcrypt/base.h: its ceiling, its order, its memory. The
 * runner in main.c calls suite_buffer(). */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

START_TEST(a_buffer_holds_up_to_its_ceiling_and_not_one_byte_more)
{
    static const size_t ceilings[] = {1, 2, 255, 256, 257, 1000, 1 << 16};
    static const uint8_t block[97];
    for (size_t i = 0; i < UNIT_COUNT(ceilings); i++) {
        struct simc_buffer b;
        simc_buffer_init(&b, ceilings[i]);
        ck_assert_ptr_null(b.memory);
        for (size_t left = ceilings[i]; left > 0;) {
            size_t size = left < sizeof block ? left : sizeof block;
            ck_assert_int_eq(simc_buffer_append(&b, simc_slice(block, size)), 0);
            left -= size;
        }
        ck_assert_uint_eq(b.size, ceilings[i]);
        ck_assert_uint_le(b.capacity, ceilings[i]);
        ck_assert_int_eq(simc_buffer_append(&b, simc_slice(block, 1)), SIMC_EFULL);
        ck_assert_int_eq(simc_buffer_append(&b, simc_slice(NULL, 0)), 0);
        uint8_t *room;
        ck_assert_int_eq(simc_buffer_reserve(&b, SIZE_MAX, &room), SIMC_EFULL);
        ck_assert_uint_eq(b.size, ceilings[i]);
        simc_buffer_drop(&b, 1);
        ck_assert_int_eq(simc_buffer_append(&b, simc_slice(block, 1)), 0);
        ck_assert_int_eq(simc_buffer_append(&b, simc_slice(block, 1)), SIMC_EFULL);
        simc_buffer_fini(&b);
        ck_assert_uint_eq(b.ceiling, ceilings[i]);
        ck_assert_uint_eq(b.size, 0);
    }
}
END_TEST

START_TEST(a_ceiling_of_size_max_does_not_overflow)
{
    struct simc_buffer b;
    uint8_t *room;
    unit_alloc_start(2);
    simc_buffer_init(&b, SIZE_MAX);
    ck_assert_int_eq(simc_buffer_append(&b, simc_slice("x", 1)), 0);
    ck_assert_int_eq(simc_buffer_reserve(&b, SIZE_MAX - 1, &room), SIMC_ENOMEM);
    ck_assert_int_eq(simc_buffer_reserve(&b, SIZE_MAX, &room), SIMC_EFULL);
    unit_expect_text(simc_buffer_bytes(&b), "x");
    simc_buffer_fini(&b);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

START_TEST(a_zeroed_buffer_may_be_asked_and_released)
{
    struct simc_buffer b;
    memset(&b, 0, sizeof b);
    ck_assert_uint_eq(simc_buffer_bytes(&b).size, 0);
    ck_assert_int_eq(simc_buffer_append(&b, simc_slice("x", 1)), SIMC_EFULL);
    ck_assert_int_eq(simc_buffer_printf(&b, "%0600d", 1), SIMC_EFULL);
    simc_buffer_drop(&b, 9);
    simc_buffer_commit(&b, 9);
    ck_assert_uint_eq(b.size, 0);
    simc_buffer_fini(&b);
}
END_TEST

START_TEST(commits_and_drops_are_cut_to_what_is_there)
{
    struct simc_buffer b;
    uint8_t *room;
    simc_buffer_init(&b, 300);
    ck_assert_int_eq(simc_buffer_reserve(&b, 10, &room), 0);
    memcpy(room, "0123456789", 10);
    simc_buffer_commit(&b, 10);
    simc_buffer_drop(&b, 4);
    unit_expect_text(simc_buffer_bytes(&b), "456789");
    simc_buffer_commit(&b, SIZE_MAX);
    ck_assert_uint_eq(b.start + b.size, b.capacity);
    simc_buffer_drop(&b, SIZE_MAX);
    ck_assert_uint_eq(b.size, 0);
    ck_assert_uint_eq(b.start, 0);
    simc_buffer_fini(&b);
}
END_TEST

/* Random appends and drops against a plain array. */
START_TEST(a_buffer_gives_back_what_went_in_in_order)
{
    static uint8_t model[1000];
    struct unit_random random = unit_random(1);
    struct simc_buffer b;
    size_t size = 0;
    simc_buffer_init(&b, sizeof model);
    for (int turn = 0; turn < 20000; turn++) {
        uint8_t block[200];
        size_t count = (size_t)unit_random_below(&random, sizeof block + 1);
        unit_random_fill(&random, block, count);
        if (unit_random_below(&random, 2)) {
            int error = simc_buffer_append(&b, simc_slice(block, count));
            unit_expect_error(error, size + count > sizeof model ? SIMC_EFULL : 0);
            if (!error) {
                memcpy(model + size, block, count);
                size += count;
            }
        } else {
            simc_buffer_drop(&b, count);
            count = count < size ? count : size;
            memmove(model, model + count, size - count);
            size -= count;
        }
        unit_expect_bytes(simc_buffer_bytes(&b), simc_slice(model, size));
        ck_assert_uint_le(b.capacity, sizeof model);
    }
    simc_buffer_fini(&b);
}
END_TEST

START_TEST(printed_text_is_appended_whole_or_not_at_all)
{
    static const int widths[] = {0, 1, 254, 255, 256, 257, 1000};
    for (size_t i = 0; i < UNIT_COUNT(widths); i++) {
        size_t size = (size_t)widths[i];
        struct simc_buffer b;
        char wanted[1001];
        memset(wanted, '.', sizeof wanted);
        simc_buffer_init(&b, size + 1);
        ck_assert_int_eq(simc_buffer_append(&b, simc_slice("<", 1)), 0);
        ck_assert_int_eq(simc_buffer_printf(&b, "%.*s", widths[i], wanted), 0);
        ck_assert_uint_eq(b.size, size + 1);
        unit_expect_bytes(simc_slice(simc_buffer_bytes(&b).data + 1, size),
                          simc_slice(wanted, size));
        ck_assert_int_eq(simc_buffer_printf(&b, "x"), SIMC_EFULL);
        /* No character of the C locale. */
        ck_assert_int_eq(simc_buffer_printf(&b, "%ls", L"\u20ac"), SIMC_EINVAL);
        simc_buffer_drop(&b, 1);
        ck_assert_int_eq(simc_buffer_printf(&b, "%.*s", widths[i] + 1, wanted),
                         widths[i] ? SIMC_EFULL : 0);
        simc_buffer_fini(&b);
    }
}
END_TEST

static int buffer_step(void *context)
{
    struct simc_buffer b;
    (void)context;
    simc_buffer_init(&b, 10000);
    int error = simc_buffer_append(&b, simc_slice_text("kept"));
    for (int i = 0; i < 8 && !error; i++) {
        size_t size = b.size;
        error = simc_buffer_printf(&b, "%0900d", i);
        ck_assert_uint_eq(b.size, error ? size : size + 900);
        unit_expect_text(simc_slice(simc_buffer_bytes(&b).data, 4), "kept");
    }
    simc_buffer_fini(&b);
    return error;
}

START_TEST(a_buffer_without_memory_stays_as_it_was)
{
    ck_assert_uint_ge(unit_fail_each_allocation(buffer_step, NULL, true), 10);
}
END_TEST

/* Sees each block before it is released: it must hold zeros by then. */
static void *watching_resize(void *context, void *pointer, size_t size)
{
    size_t *checked = context;
    if (size)
        return pointer ? NULL : calloc(1, size);
    for (size_t i = 0; i < 256; i++)
        ck_assert_uint_eq(((uint8_t *)pointer)[i], 0);
    ++*checked;
    free(pointer);
    return NULL;
}

START_TEST(released_memory_of_a_buffer_is_wiped)
{
    size_t checked = 0;
    const struct simc_allocator watching = {watching_resize, &checked};
    struct simc_buffer b;
    simc_allocator_set(&watching);
    simc_buffer_init(&b, 600);
    for (int i = 0; i < 60; i++)
        ck_assert_int_eq(simc_buffer_append(&b, simc_slice_text("control wd")), 0);
    simc_buffer_drop(&b, 300);
    simc_buffer_fini(&b);
    simc_allocator_set(NULL);
    ck_assert_uint_ge(checked, 3);
}
END_TEST

Suite *suite_buffer(void);

Suite *suite_buffer(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, a_buffer_holds_up_to_its_ceiling_and_not_one_byte_more);
    tcase_add_test(tests, a_ceiling_of_size_max_does_not_overflow);
    tcase_add_test(tests, a_zeroed_buffer_may_be_asked_and_released);
    tcase_add_test(tests, commits_and_drops_are_cut_to_what_is_there);
    tcase_add_test(tests, a_buffer_gives_back_what_went_in_in_order);
    tcase_add_test(tests, printed_text_is_appended_whole_or_not_at_all);
    tcase_add_test(tests, a_buffer_without_memory_stays_as_it_was);
    tcase_add_test(tests, released_memory_of_a_buffer_is_wiped);
    suite_add_tcase(suite, tests);
    return suite;
}
