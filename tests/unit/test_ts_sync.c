/* SPDX-License-Identifier: BSL-1.0 */
/* The synchroniser: the same packets come out however the bytes were cut, also with garbage
 * between them. Run by the unit test runner. */
#include <check.h>
#include <string.h>

#include "simulcrypt/ts.h"
#include "unit/unit.h"

Suite *suite_ts_sync(void);

static struct unit_random random_numbers = {7};

static uint32_t random_u32(void)
{
    return (uint32_t)unit_random_next(&random_numbers);
}

enum { STREAM_MAX = 1 << 17, NUMBERS_MAX = 1024 };

/* A stream under construction: packets carry their number, no other byte is a sync byte. */
static uint8_t stream[STREAM_MAX];
static size_t stream_size;

static void put_packet(unsigned number, size_t stride)
{
    uint8_t *packet = stream + stream_size;
    memset(packet, 0x55, stride);
    packet[0] = SIMC_TS_SYNC;
    packet[3] = 0x10;
    packet[4] = (uint8_t)(number / 64);
    packet[5] = (uint8_t)(number % 64);
    stream_size += stride;
}

static void put_garbage(size_t size, bool with_syncs)
{
    for (size_t i = 0; i < size; i++)
        stream[stream_size + i] = (uint8_t)(with_syncs && random_u32() % 16 == 0 ? 0x47 : 0x11);
    stream_size += size;
}

struct result {
    unsigned numbers[NUMBERS_MAX];
    size_t count;
    struct simc_ts_sync sync;
};

static void take_runs(struct result *result, const uint8_t *piece, size_t size)
{
    struct simc_ts_run run;
    while (simc_ts_sync_next(&result->sync, &run) == 0) {
        ck_assert_uint_gt(run.count, 0);
        if (run.at != SIZE_MAX) {
            ck_assert_ptr_eq(run.data, piece + run.at);
            ck_assert_uint_le(run.at + (run.count - 1) * run.stride + SIMC_TS_SIZE, size);
        }
        for (size_t i = 0; i < run.count; i++) {
            const uint8_t *packet = run.data + i * run.stride;
            ck_assert_uint_eq(packet[0], SIMC_TS_SYNC);
            ck_assert_uint_lt(result->count, NUMBERS_MAX);
            result->numbers[result->count++] = packet[4] * 64u + packet[5];
        }
    }
}

/* Feeds the stream in pieces of up to `piece_max` bytes. The bytes of each piece are copied to
 * memory of exactly that size, so that a sanitizer sees each step outside. */
static void run_stream(struct result *result, unsigned stride, size_t piece_max)
{
    memset(result, 0, sizeof *result);
    ck_assert_int_eq(simc_ts_sync_init(&result->sync, stride), 0);
    for (size_t at = 0; at < stream_size;) {
        size_t size = piece_max > 64 ? 1 + random_u32() % piece_max : piece_max;
        if (size > stream_size - at)
            size = stream_size - at;
        uint8_t *piece = simc_alloc(size);
        ck_assert_ptr_nonnull(piece);
        memcpy(piece, stream + at, size);
        simc_ts_sync_feed(&result->sync, simc_slice(piece, size));
        take_runs(result, piece, size);
        simc_free(piece);
        at += size;
    }
    simc_ts_sync_feed(&result->sync, simc_slice(NULL, 0));
    simc_ts_sync_end(&result->sync);
    take_runs(result, NULL, 0);
}

static void check_numbers(const struct result *result, unsigned first, size_t count)
{
    ck_assert_uint_eq(result->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(result->numbers[i], first + i);
    ck_assert_uint_eq(result->sync.packets, count);
}

static const size_t pieces[] = {1, 2, 13, 187, 188, 189, 1316, 5000, 1 << 16};

enum { PIECE_COUNT = sizeof pieces / sizeof pieces[0] };

START_TEST(packets_of_every_stride_come_out_whole)
{
    static const unsigned strides[] = {188, 192, 204};
    struct result result;
    for (size_t s = 0; s < 3; s++) {
        for (size_t count = 0; count < 20; count++) {
            stream_size = 0;
            for (unsigned i = 0; i < count; i++)
                put_packet(i, strides[s]);
            for (size_t p = 0; p < PIECE_COUNT; p++) {
                run_stream(&result, strides[s], pieces[p]);
                check_numbers(&result, 0, count);
                ck_assert_uint_eq(result.sync.skipped, 0);
                /* One packet alone does not tell its stride. */
                run_stream(&result, 0, pieces[p]);
                check_numbers(&result, 0, count);
            }
        }
    }
}
END_TEST

START_TEST(garbage_in_front_and_between_is_skipped_and_counted)
{
    struct result result;
    for (int round = 0; round < 60; round++) {
        stream_size = 0;
        size_t garbage = 0;
        unsigned number = 0;
        for (int part = 0; part < 3; part++) {
            size_t size = 190 + random_u32() % 900;
            put_garbage(size, false);
            garbage += size;
            for (int i = 0; i < 20; i++)
                put_packet(number++, 188);
        }
        for (size_t p = 0; p < PIECE_COUNT; p++) {
            run_stream(&result, round % 2 ? 188 : 0, pieces[p]);
            check_numbers(&result, 0, number);
            ck_assert_uint_eq(result.sync.skipped, garbage);
            ck_assert_uint_eq(result.sync.losses, 2);
        }
    }
}
END_TEST

START_TEST(cut_packets_cost_only_themselves)
{
    struct result result;
    for (size_t cut = 1; cut < 188; cut++) {
        stream_size = 0;
        for (unsigned i = 0; i < 30; i++) {
            put_packet(i, 188);
            if (i == 9)
                stream_size -= cut; /* its end is missing */
        }
        run_stream(&result, 0, 1316);
        /* The cut packet comes out with bytes of the next one at its end; the next is lost. */
        ck_assert_uint_eq(result.count, 29);
        ck_assert_uint_eq(result.numbers[10], 11);
        ck_assert_uint_eq(result.numbers[28], 29);
    }
}
END_TEST

START_TEST(one_bad_sync_byte_keeps_lock_two_lose_it)
{
    struct result result;
    for (int bad = 1; bad <= 2; bad++) {
        stream_size = 0;
        for (unsigned i = 0; i < 30; i++)
            put_packet(i, 188);
        for (int i = 0; i < bad; i++)
            stream[(10 + i) * 188] = 0x46;
        for (size_t p = 0; p < PIECE_COUNT; p++) {
            run_stream(&result, 188, pieces[p]);
            ck_assert_uint_eq(result.count, (size_t)(30 - bad));
            ck_assert_uint_eq(result.sync.bad_syncs, bad == 1);
            ck_assert_uint_eq(result.sync.losses, bad == 2);
            ck_assert_uint_eq(result.sync.skipped, (size_t)bad * 188);
        }
    }
}
END_TEST

START_TEST(sync_bytes_in_garbage_do_not_stop_the_search)
{
    struct result result;
    for (int round = 0; round < 200; round++) {
        stream_size = 0;
        put_garbage(random_u32() % 3000, true);
        for (unsigned i = 0; i < 40; i++)
            put_packet(i, 188);
        for (size_t p = 0; p < PIECE_COUNT; p++) {
            run_stream(&result, 0, pieces[p]);
            ck_assert_uint_ge(result.count, 35);
            ck_assert_uint_eq(result.numbers[result.count - 1], 39);
        }
    }
}
END_TEST

START_TEST(any_bytes_give_the_same_result_in_any_pieces)
{
    struct result whole, cut;
    for (int round = 0; round < 300; round++) {
        stream_size = 0;
        while (stream_size < 20000) {
            if (random_u32() % 3)
                put_packet(random_u32() % 1024, random_u32() % 50 ? 188 : 100);
            else if (random_u32() % 8 == 0)
                put_garbage(random_u32() % 600, true);
        }
        run_stream(&whole, 0, 1 << 16);
        run_stream(&cut, 0, 1 + random_u32() % 300);
        ck_assert_uint_eq(whole.count, cut.count);
        ck_assert_mem_eq(whole.numbers, cut.numbers, whole.count * sizeof whole.numbers[0]);
        ck_assert_uint_eq(whole.sync.skipped, cut.sync.skipped);
        ck_assert_uint_eq(whole.sync.losses, cut.sync.losses);
    }
}
END_TEST

/* Sync bytes that fit two strides: which one is taken must not depend on the pieces. */
START_TEST(two_possible_strides_give_the_same_result_in_any_pieces)
{
    struct result whole, cut;
    stream_size = 0;
    put_garbage(4000, false);
    for (size_t i = 0; i < 12; i++)
        stream[100 + i * 192] = stream[100 + i * 204] = SIMC_TS_SYNC;
    run_stream(&whole, 0, 1 << 16);
    for (size_t p = 0; p < PIECE_COUNT; p++) {
        run_stream(&cut, 0, pieces[p]);
        ck_assert_uint_gt(cut.count, 0);
        ck_assert_uint_eq(cut.count, whole.count);
        ck_assert_uint_eq(cut.sync.stride, whole.sync.stride);
        ck_assert_uint_eq(cut.sync.skipped, whole.sync.skipped);
    }
}
END_TEST

START_TEST(other_strides_are_refused)
{
    struct simc_ts_sync sync;
    for (unsigned stride = 1; stride < 300; stride++) {
        bool good = stride == 188 || stride == 192 || stride == 204;
        ck_assert_int_eq(simc_ts_sync_init(&sync, stride), good ? 0 : SIMC_EINVAL);
    }
}
END_TEST

Suite *suite_ts_sync(void)
{
    Suite *suite = suite_create("ts sync");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, packets_of_every_stride_come_out_whole);
    tcase_add_test(tests, garbage_in_front_and_between_is_skipped_and_counted);
    tcase_add_test(tests, cut_packets_cost_only_themselves);
    tcase_add_test(tests, one_bad_sync_byte_keeps_lock_two_lose_it);
    tcase_add_test(tests, sync_bytes_in_garbage_do_not_stop_the_search);
    tcase_add_test(tests, any_bytes_give_the_same_result_in_any_pieces);
    tcase_add_test(tests, two_possible_strides_give_the_same_result_in_any_pieces);
    tcase_add_test(tests, other_strides_are_refused);
    suite_add_tcase(suite, tests);
    return suite;
}
