/* SPDX-License-Identifier: BSL-1.0 */
/* The framer: whatever the segmentation of a byte stream, the same messages come out at the same
 * offsets; too long ones are reported and drained; no memory is a clean end. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"
#include "unit/unit.h"

enum { STREAM_MAX = 400000, FRAMES_MAX = 400 };

/* A stream made by the test, with the frames that must come out of it. */
struct stream {
    uint8_t *bytes;
    size_t size;
    struct wanted {
        size_t offset, size; /* size of what is handed out: the header of a too long message */
        bool too_long;
    } frames[FRAMES_MAX];
    size_t count;
};

static void stream_init(struct stream *stream)
{
    memset(stream, 0, sizeof *stream);
    stream->bytes = malloc(STREAM_MAX);
    ck_assert_ptr_nonnull(stream->bytes);
}

static void stream_add(struct stream *stream, size_t length, size_t limit)
{
    uint8_t *p = stream->bytes + stream->size;
    const uint8_t header[] = {3, 0, 2, (uint8_t)(length >> 8), (uint8_t)length};
    ck_assert(stream->size + length + 5 <= STREAM_MAX && stream->count < FRAMES_MAX);
    memcpy(p, header, sizeof header);
    for (size_t i = 0; i < length; i++)
        p[5 + i] = (uint8_t)(stream->count * 31 + i * 7);
    stream->frames[stream->count++] =
        (struct wanted){stream->size, length > limit ? 5 : 5 + length, length > limit};
    stream->size += 5 + length;
}

/* Takes all that the framer hands out and compares it with the stream; `*done` frames so far. */
static void take(struct simc_framer *framer, const struct stream *stream, size_t *done)
{
    struct simc_frame frame = {{NULL, 0}, 0};
    int error;
    while ((error = simc_framer_next(framer, &frame)) != SIMC_EAGAIN) {
        if (*done >= stream->count)
            ck_abort_msg("frame %zu is one too many", *done);
        const struct wanted *wanted = &stream->frames[(*done)++];
        unit_expect_error(error, wanted->too_long ? SIMC_ETOOLONG : 0);
        if (frame.offset != wanted->offset)
            ck_abort_msg("frame %zu at %llu, wanted %zu", *done - 1,
                         (unsigned long long)frame.offset, wanted->offset);
        unit_expect_bytes(frame.bytes, simc_slice(stream->bytes + wanted->offset, wanted->size));
    }
}

/* Feeds the stream in pieces of 1..piece_max bytes (random when `random`), each in a block of its
 * own that is gone afterwards. */
static void run(const struct stream *stream, uint32_t limit, size_t piece_max,
                struct unit_random *random)
{
    struct simc_framer framer;
    size_t done = 0, at = 0;
    simc_framer_init(&framer, limit);
    while (at < stream->size) {
        size_t size = random ? 1 + unit_random_below(random, piece_max) : piece_max;
        if (size > stream->size - at)
            size = stream->size - at;
        uint8_t *piece = unit_exact(simc_slice(stream->bytes + at, size));
        simc_framer_feed(&framer, simc_slice(piece, size));
        take(&framer, stream, &done);
        memset(piece, 0xee, size);
        free(piece);
        at += size;
        ck_assert_uint_eq(framer.taken, at);
    }
    if (done != stream->count)
        ck_abort_msg("%zu frames, wanted %zu", done, stream->count);
    ck_assert_uint_eq(simc_framer_pending(&framer), 0);
    simc_framer_fini(&framer);
}

static void make_stream(struct stream *stream, uint32_t limit)
{
    static const size_t lengths[] = {0, 6, 1, 14, 0, 0, 255, 256, 300, 5, 4, 2000, 65535, 3, 81};
    stream_init(stream);
    for (size_t i = 0; i < UNIT_COUNT(lengths); i++)
        stream_add(stream, lengths[i], limit);
}

START_TEST(any_segmentation_gives_the_same_messages)
{
    static const uint32_t limits[] = {SIMC_MSG_LENGTH_MAX, 1999, 255, 5, 0};
    static const size_t pieces[] = {1, 2, 3, 4, 5, 6, 7, 100, 65540, STREAM_MAX};
    for (size_t i = 0; i < UNIT_COUNT(limits); i++) {
        struct stream stream;
        make_stream(&stream, limits[i]);
        for (size_t k = 0; k < UNIT_COUNT(pieces); k++)
            run(&stream, limits[i], pieces[k], NULL);
        struct unit_random random = unit_random(limits[i]);
        for (int round = 0; round < 60; round++)
            run(&stream, limits[i], 1 + unit_random_below(&random, 3000), &random);
        free(stream.bytes);
    }
}
END_TEST

START_TEST(every_single_cut_gives_the_same_messages)
{
    struct stream stream;
    stream_init(&stream);
    stream_add(&stream, 6, 20);
    stream_add(&stream, 0, 20);
    stream_add(&stream, 30, 20);
    stream_add(&stream, 14, 20);
    for (size_t cut = 0; cut <= stream.size; cut++) {
        struct simc_framer framer;
        size_t done = 0;
        simc_framer_init(&framer, 20);
        simc_framer_feed(&framer, simc_slice(stream.bytes, cut));
        take(&framer, &stream, &done);
        simc_framer_feed(&framer, simc_slice(stream.bytes + cut, stream.size - cut));
        take(&framer, &stream, &done);
        ck_assert_uint_eq(done, stream.count);
        simc_framer_fini(&framer);
    }
    free(stream.bytes);
}
END_TEST

START_TEST(whole_messages_are_handed_out_in_place_without_memory)
{
    struct unit_bytes two = unit_hex("03 0002 0006 000e 0002 0001  03 0004 0006 000e 0002 0001");
    struct simc_framer framer;
    struct simc_frame frame;
    unit_alloc_start(1);
    simc_framer_init(&framer, SIMC_MSG_LENGTH_MAX);
    simc_framer_feed(&framer, unit_slice(&two));
    unit_expect_error(simc_framer_next(&framer, &frame), 0);
    ck_assert_ptr_eq(frame.bytes.data, two.data);
    unit_expect_error(simc_framer_next(&framer, &frame), 0);
    ck_assert_ptr_eq(frame.bytes.data, two.data + 11);
    unit_expect_error(simc_framer_next(&framer, &frame), SIMC_EAGAIN);
    ck_assert_uint_eq(unit_alloc_count(), 0);
    simc_framer_fini(&framer);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

START_TEST(only_the_message_that_is_cut_is_copied)
{
    struct unit_bytes bytes = unit_hex("03 0002 0000  03 0004 0006 000e 0002 0001  03 0002 0000");
    struct simc_framer framer;
    struct simc_frame frame;
    simc_framer_init(&framer, SIMC_MSG_LENGTH_MAX);
    simc_framer_feed(&framer, simc_slice(bytes.data, 9));
    unit_expect_error(simc_framer_next(&framer, &frame), 0);
    ck_assert_ptr_eq(frame.bytes.data, bytes.data);
    unit_expect_error(simc_framer_next(&framer, &frame), SIMC_EAGAIN);
    ck_assert_uint_eq(simc_framer_pending(&framer), 4);
    simc_framer_feed(&framer, simc_slice(bytes.data + 9, bytes.size - 9));
    unit_expect_error(simc_framer_next(&framer, &frame), 0);
    unit_expect_hex(frame.bytes, "03 0004 0006 000e 0002 0001");
    ck_assert(frame.bytes.data < bytes.data || frame.bytes.data >= bytes.data + bytes.size);
    unit_expect_error(simc_framer_next(&framer, &frame), 0);
    ck_assert_ptr_eq(frame.bytes.data, bytes.data + 16);
    ck_assert_uint_eq(frame.offset, 16);
    simc_framer_fini(&framer);
}
END_TEST

START_TEST(pending_tells_held_and_drained_bytes)
{
    struct unit_bytes bytes = unit_hex("03 0002 0004 01020304  03 0002 0009 010203040506070809");
    /* For each byte fed alone: pending after it, with a limit of 4. */
    static const size_t wanted[] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3,
                                    4, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    struct simc_framer framer;
    struct simc_frame frame;
    ck_assert_uint_eq(bytes.size, UNIT_COUNT(wanted));
    simc_framer_init(&framer, 4);
    ck_assert_uint_eq(simc_framer_pending(&framer), 0);
    for (size_t i = 0; i < bytes.size; i++) {
        simc_framer_feed(&framer, simc_slice(bytes.data + i, 1));
        int error = simc_framer_next(&framer, &frame);
        unit_expect_error(error, i == 8 ? 0 : i == 13 ? SIMC_ETOOLONG : SIMC_EAGAIN);
        ck_assert_uint_eq(simc_framer_pending(&framer), wanted[i]);
        if (error != SIMC_EAGAIN) {
            unit_expect_error(simc_framer_next(&framer, &frame), SIMC_EAGAIN);
            ck_assert_uint_eq(simc_framer_pending(&framer), wanted[i]);
        }
    }
    simc_framer_fini(&framer);
}
END_TEST

START_TEST(too_long_messages_one_after_the_other_are_each_reported)
{
    struct stream stream;
    stream_init(&stream);
    for (size_t i = 0; i < 5; i++)
        stream_add(&stream, 65535 - i, 100);
    stream_add(&stream, 100, 100);
    stream_add(&stream, 101, 100);
    stream_add(&stream, 0, 100);
    run(&stream, 100, STREAM_MAX, NULL);
    run(&stream, 100, 1000, NULL);
    run(&stream, 100, 65540, NULL);
    free(stream.bytes);
}
END_TEST

START_TEST(a_limit_above_the_largest_message_is_none)
{
    struct simc_framer framer;
    simc_framer_init(&framer, UINT32_MAX);
    ck_assert_uint_eq(framer.length_limit, SIMC_MSG_LENGTH_MAX);
    simc_framer_fini(&framer);
}
END_TEST

START_TEST(the_largest_message_fits_to_the_byte)
{
    struct stream stream;
    stream_init(&stream);
    stream_add(&stream, 65535, 65535);
    stream_add(&stream, 0, 65535);
    run(&stream, 65535, 65539, NULL);
    run(&stream, 65535, 65540, NULL);
    run(&stream, 65535, 65541, NULL);
    free(stream.bytes);
}
END_TEST

START_TEST(nothing_fed_is_nothing_to_do)
{
    struct simc_framer framer;
    struct simc_frame frame;
    simc_framer_init(&framer, 10);
    unit_expect_error(simc_framer_next(&framer, &frame), SIMC_EAGAIN);
    simc_framer_feed(&framer, simc_slice(NULL, 0));
    unit_expect_error(simc_framer_next(&framer, &frame), SIMC_EAGAIN);
    simc_framer_fini(&framer);
    simc_framer_fini(&framer);
    struct simc_framer zeroed;
    memset(&zeroed, 0, sizeof zeroed);
    simc_framer_fini(&zeroed);
}
END_TEST

static int fed_bytewise(void *context)
{
    const struct stream *stream = context;
    struct simc_framer framer;
    struct simc_frame frame;
    int error = SIMC_EAGAIN;
    simc_framer_init(&framer, 500);
    for (size_t at = 0; at < stream->size && error != SIMC_ENOMEM; at += 50) {
        size_t size = stream->size - at < 50 ? stream->size - at : 50;
        simc_framer_feed(&framer, simc_slice(stream->bytes + at, size));
        do
            error = simc_framer_next(&framer, &frame);
        while (!error || error == SIMC_ETOOLONG);
    }
    simc_framer_fini(&framer);
    return error == SIMC_EAGAIN ? 0 : error;
}

START_TEST(no_memory_is_told_and_nothing_leaks)
{
    struct stream stream;
    stream_init(&stream);
    stream_add(&stream, 100, 500);
    stream_add(&stream, 2000, 500);
    stream_add(&stream, 490, 500);
    ck_assert_uint_ge(unit_fail_each_allocation(fed_bytewise, &stream, true), 2);
    free(stream.bytes);
}
END_TEST

Suite *suite_framer(void);

Suite *suite_framer(void)
{
    Suite *suite = suite_create("framer");
    TCase *tcase = tcase_create("framer");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, any_segmentation_gives_the_same_messages);
    tcase_add_test(tcase, every_single_cut_gives_the_same_messages);
    tcase_add_test(tcase, whole_messages_are_handed_out_in_place_without_memory);
    tcase_add_test(tcase, only_the_message_that_is_cut_is_copied);
    tcase_add_test(tcase, pending_tells_held_and_drained_bytes);
    tcase_add_test(tcase, too_long_messages_one_after_the_other_are_each_reported);
    tcase_add_test(tcase, a_limit_above_the_largest_message_is_none);
    tcase_add_test(tcase, the_largest_message_fits_to_the_byte);
    tcase_add_test(tcase, nothing_fed_is_nothing_to_do);
    tcase_add_test(tcase, no_memory_is_told_and_nothing_leaks);
    suite_add_tcase(suite, tcase);
    return suite;
}
