/* SPDX-License-Identifier: BSL-1.0 */
/* ETI frames and files: the same frames come out of every form, however the bytes were cut, and
 * damage stays where it is. Run by the unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test_dab_sample.h"
#include "unit/unit.h"

Suite *suite_dab_eti(void);

enum { SIGNIFICANT = 368, FIC_AT = 24, EOF_AT = 360, PIECES_MAX = 200 };

static struct sample raw, streamed, framed;

static void setup(void)
{
    sample_read(&raw, "ensemble.eti");
    sample_read(&streamed, "ensemble-streamed.eti");
    sample_read(&framed, "ensemble-framed.eti");
    ck_assert_uint_eq(raw.size, 245760);
    ck_assert_uint_eq(streamed.size, 14800);
    ck_assert_uint_eq(framed.size, 14804);
}

/* ---- frames ---- */

START_TEST(the_worked_header_is_read)
{
    struct simc_eti_frame frame;
    struct simc_slice bytes = simc_slice(raw.bytes, SIMC_ETI_SIZE);
    unit_expect_error(simc_eti_read(bytes, &frame), 0);
    ck_assert_uint_eq(frame.faults, 0);
    ck_assert(frame.err == 0xff && frame.fct == 22 && frame.fp == 6 && frame.mid == 1);
    ck_assert(frame.stream_count == 3 && frame.fib_count == 3 && frame.fl == 88);
    ck_assert(frame.fic_at == FIC_AT && frame.mst_size == 336 && frame.eof_at == EOF_AT);
    ck_assert(frame.size == SIGNIFICANT && frame.eof_crc == 0xf6a2 && frame.tist == 0xffffff);
    static const struct simc_eti_stream streams[] = {
        {1, 0, 18, 12}, {2, 24, 34, 12}, {3, 48, 34, 6}};
    for (size_t i = 0; i < UNIT_COUNT(streams); i++) {
        struct simc_eti_stream stream = simc_eti_stream(bytes, i);
        ck_assert(stream.scid == streams[i].scid && stream.sad == streams[i].sad);
        ck_assert(stream.tpl == streams[i].tpl && stream.stl == streams[i].stl);
    }
}
END_TEST

START_TEST(damage_is_told)
{
    static const struct {
        size_t at;
        uint8_t value;
        int error;
        unsigned faults;
    } rows[] = {
        {0, 0xff, 0, 0},
        {0, 0x0f, 0, SIMC_ETI_BAD_ERR},
        {1, 0x08, SIMC_EPROTO, SIMC_ETI_BAD_SYNC},
        {2, 0x3a, SIMC_EPROTO, SIMC_ETI_BAD_SYNC},
        {4, 0x17, 0, SIMC_ETI_BAD_HEADER_CRC},
        {5, 0x84, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH}, /* one stream more than FL has room for */
        {5, 0xff, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH},
        {5, 0x03, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH}, /* no FIC, but FL counts one */
        {6, 0xd8, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH}, /* mode III has four FIBs */
        {7, 0x57, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH},
        {6, 0xcf, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH}, /* FL over a whole frame */
        {11, 0x0d, SIMC_EPROTO, SIMC_ETI_BAD_LENGTH},
        {20, 0x00, 0, SIMC_ETI_BAD_HEADER_CRC}, /* MNSC */
        {22, 0x00, 0, SIMC_ETI_BAD_HEADER_CRC},
        {FIC_AT, 0x00, 0, SIMC_ETI_BAD_EOF_CRC},
        {200, 0xa5, 0, SIMC_ETI_BAD_EOF_CRC},
        {EOF_AT, 0x00, 0, SIMC_ETI_BAD_EOF_CRC},
        {SIGNIFICANT, 0x00, 0, 0}, /* padding */
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t bytes[SIMC_ETI_SIZE];
        struct simc_eti_frame frame;
        memcpy(bytes, raw.bytes, sizeof bytes);
        bytes[rows[i].at] = rows[i].value;
        int error = simc_eti_read(simc_slice(bytes, sizeof bytes), &frame);
        ck_assert_msg(error == rows[i].error && frame.faults == rows[i].faults,
                      "row %zu: %s, faults %02x", i, simc_error_name(error), frame.faults);
    }
}
END_TEST

START_TEST(short_frames_are_not_read_past_their_end)
{
    for (size_t size = 0; size <= SIGNIFICANT; size++) {
        uint8_t *exact = unit_exact(simc_slice(raw.bytes, size));
        struct simc_eti_frame frame;
        int error = simc_eti_read(simc_slice(exact, size), &frame);
        unit_expect_error(error, size == SIGNIFICANT ? 0 : SIMC_EPROTO);
        if (error)
            ck_assert(frame.faults & SIMC_ETI_BAD_TRUNCATED);
        free(exact);
    }
}
END_TEST

/* FIBs with right CRCs leave the EOF CRC as it is, so the streams have to change to see it renewed.
 */
START_TEST(the_eof_crc_is_renewed)
{
    uint8_t bytes[SIMC_ETI_SIZE];
    struct simc_eti_frame frame, again;
    memcpy(bytes, raw.bytes, sizeof bytes);
    bytes[200] ^= 0xff;
    unit_expect_error(simc_eti_read(simc_slice(bytes, sizeof bytes), &frame), 0);
    ck_assert_uint_eq(frame.faults, SIMC_ETI_BAD_EOF_CRC);
    bytes[FIC_AT + 5] ^= 1; /* its CRC is wrong now: the whole rest is summed again */
    simc_eti_seal(bytes, &frame);
    ck_assert_uint_eq(frame.faults, 0);
    unit_expect_error(simc_eti_read(simc_slice(bytes, sizeof bytes), &again), 0);
    ck_assert_uint_eq(again.faults, 0);
}
END_TEST

START_TEST(every_fault_has_a_text)
{
    for (unsigned bit = 0; bit < SIMC_ETI_FAULT_COUNT; bit++)
        ck_assert_str_ne(simc_eti_fault_text((enum simc_eti_fault)(1u << bit)), "unknown fault");
    ck_assert_str_eq(simc_eti_fault_text((enum simc_eti_fault)0x40), "unknown fault");
}
END_TEST

/* ---- files ---- */

struct result {
    struct simc_eti_reader reader;
    size_t count; /* of frames */
    uint8_t frames[PIECES_MAX][SIGNIFICANT];
    size_t sizes[PIECES_MAX];
    size_t kinds[SIMC_ETI_TAIL + 1]; /* bytes of each kind */
    size_t out_size;
    uint8_t *out;
};

static struct result result;

static void take(struct simc_eti_piece *piece)
{
    ck_assert_uint_gt(piece->size, 0);
    memcpy(result.out + result.out_size, piece->bytes, piece->size);
    result.out_size += piece->size;
    result.kinds[piece->kind] += piece->size;
    if (piece->kind != SIMC_ETI_FRAME)
        return;
    ck_assert_uint_lt(result.count, PIECES_MAX);
    size_t size = piece->frame_size < SIGNIFICANT ? piece->frame_size : SIGNIFICANT;
    memcpy(result.frames[result.count], piece->frame, size);
    result.sizes[result.count++] = piece->frame_size;
}

/* Feeds bytes in pieces of `step`, each a heap block of its own size; all pieces together must be
 * the input. */
static void run(const uint8_t *bytes, size_t size, size_t step, bool tolerant)
{
    struct simc_eti_piece piece;
    result.count = result.out_size = 0;
    memset(result.kinds, 0, sizeof result.kinds);
    result.out = malloc(size + 1);
    simc_eti_reader_init(&result.reader);
    result.reader.tolerant = tolerant;
    for (size_t at = 0; at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        uint8_t *exact = unit_exact(simc_slice(bytes + at, part));
        simc_eti_reader_feed(&result.reader, exact, part);
        int error;
        while ((error = simc_eti_reader_next(&result.reader, &piece)) == 0)
            take(&piece);
        unit_expect_error(error, SIMC_EAGAIN);
        free(exact);
    }
    simc_eti_reader_feed(&result.reader, NULL, 0);
    simc_eti_reader_end(&result.reader);
    int error;
    while ((error = simc_eti_reader_next(&result.reader, &piece)) == 0)
        take(&piece);
    unit_expect_error(error, SIMC_EEND);
    unit_expect_bytes(simc_slice(result.out, result.out_size), simc_slice(bytes, size));
    ck_assert_uint_eq(result.reader.frames, result.count);
    ck_assert_uint_eq(result.reader.skipped, result.kinds[SIMC_ETI_SKIP]);
    free(result.out);
}

static const size_t steps[] = {1, 2, 3, 7, 367, 370, 6143, 6144, 6145, 13000, 1 << 20};

START_TEST(all_forms_hold_the_same_frames)
{
    const struct {
        struct sample *sample;
        enum simc_eti_form form;
        const char *name;
        size_t frame_size;
    } rows[] = {
        {&raw, SIMC_ETI_RAW, "raw", SIMC_ETI_SIZE},
        {&streamed, SIMC_ETI_STREAMED, "streamed", SIGNIFICANT},
        {&framed, SIMC_ETI_FRAMED, "framed", SIGNIFICANT},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        for (size_t s = 0; s < UNIT_COUNT(steps); s++) {
            run(rows[i].sample->bytes, rows[i].sample->size, steps[s], false);
            ck_assert_int_eq(result.reader.form, rows[i].form);
            ck_assert_str_eq(simc_eti_form_name(result.reader.form), rows[i].name);
            ck_assert_uint_eq(result.reader.declared, rows[i].form == SIMC_ETI_FRAMED ? 40 : 0);
            ck_assert_uint_eq(result.count, SAMPLE_FRAMES);
            ck_assert_uint_eq(result.reader.skipped + result.reader.losses, 0);
            for (size_t k = 0; k < SAMPLE_FRAMES; k++) {
                ck_assert_uint_eq(result.sizes[k], rows[i].frame_size);
                ck_assert_mem_eq(result.frames[k], raw.bytes + k * SIMC_ETI_SIZE, SIGNIFICANT);
            }
        }
    }
}
END_TEST

/* A copy of a sample with a change. */
static struct sample changed;

START_TEST(garbage_and_damage_cost_what_they_touch)
{
    const struct {
        const char *name;
        const struct sample *sample;
        size_t keep;    /* bytes of the sample that are there */
        size_t garbage; /* bytes put in */
        size_t garbage_at;
        size_t damage_at; /* one byte set to 0; 0: none */
        size_t frames;
        size_t skipped, tail, losses;
    } rows[] = {
        {"garbage in front of raw frames", &raw, 245760, 1000, 0, 0, 40, 1000, 0, 0},
        {"much garbage in front", &raw, 245760, 20000, 0, 0, 40, 20000, 0, 0},
        {"one frame behind garbage", &raw, 6144, 10, 0, 0, 1, 10, 0, 0},
        {"garbage between raw frames", &raw, 245760, 100, 12288, 0, 40, 100, 0, 1},
        {"a damaged word", &raw, 245760, 0, 0, 6144 * 3 + 1, 40, 0, 0, 0},
        {"a damaged error level", &raw, 245760, 0, 0, 6144 * 3, 40, 0, 0, 0},
        {"a cut raw frame", &raw, 245760 - 100, 0, 0, 0, 39, 0, 6044, 0},
        {"a cut raw frame of 3 bytes", &raw, 6147, 0, 0, 0, 1, 0, 3, 0},
        {"a cut streamed frame", &streamed, 14799, 0, 0, 0, 39, 0, 369, 0},
        {"half a size", &streamed, 14431, 0, 0, 0, 39, 0, 1, 0},
        {"garbage between streamed frames", &streamed, 14800, 50, 370, 0, 40, 50, 0, 1},
        {"a size that lies", &streamed, 14800, 0, 0, 371, 39, 370, 0, 1},
        {"a size that is too small", &framed, 14804, 0, 0, 374, 39, 370, 0, 1},
        {"nothing", &raw, 0, 0, 0, 0, 0, 0, 0, 0},
        {"garbage only", &raw, 0, 7000, 0, 0, 0, 7000, 0, 0},
        {"two bytes", &raw, 2, 0, 0, 0, 0, 2, 0, 0},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        changed = *rows[i].sample;
        changed.size = rows[i].keep;
        if (rows[i].damage_at)
            changed.bytes[rows[i].damage_at] = 0;
        size_t size = rows[i].keep + rows[i].garbage, at = rows[i].garbage_at;
        uint8_t *bytes = malloc(size + 1);
        memcpy(bytes, changed.bytes, at);
        memset(bytes + at, 0x11, rows[i].garbage);
        memcpy(bytes + at + rows[i].garbage, changed.bytes + at, rows[i].keep - at);
        for (size_t s = 0; s < UNIT_COUNT(steps); s++) {
            run(bytes, size, steps[s], false);
            ck_assert_msg(result.count == rows[i].frames &&
                              result.reader.skipped == rows[i].skipped &&
                              result.kinds[SIMC_ETI_TAIL] == rows[i].tail &&
                              result.reader.losses == rows[i].losses &&
                              result.reader.truncated == (rows[i].tail > 0),
                          "%s in steps of %zu: %zu frames, %zu skipped, tail %zu, losses %zu",
                          rows[i].name, steps[s], result.count, (size_t)result.reader.skipped,
                          result.kinds[SIMC_ETI_TAIL], (size_t)result.reader.losses);
        }
        free(bytes);
    }
}
END_TEST

START_TEST(error_levels_are_taken_when_asked)
{
    changed = streamed;
    for (size_t i = 0; i < SAMPLE_FRAMES; i++)
        changed.bytes[370 * i + 2] = 0xf0;
    run(changed.bytes, changed.size, 1000, true);
    ck_assert_uint_eq(result.count, SAMPLE_FRAMES);
    run(changed.bytes, changed.size, 1000, false);
    ck_assert_uint_eq(result.count, 0);
}
END_TEST

/* Bytes that look like frames here and there: nothing is lost, nothing hangs. */
START_TEST(hostile_streams_come_out_whole)
{
    struct unit_random random = unit_random(9);
    static uint8_t bytes[40000];
    for (unsigned round = 0; round < 200; round++) {
        size_t size = unit_random_below(&random, sizeof bytes);
        memset(bytes, 0, size);
        for (size_t at = 0; at + 8 < size; at += unit_random_below(&random, 700)) {
            const uint8_t *from = raw.bytes + unit_random_below(&random, 20);
            memcpy(bytes + at, from, unit_random_below(&random, 9));
            if (unit_random_below(&random, 3) == 0)
                memcpy(bytes + at, streamed.bytes, 8);
            at += 8;
        }
        run(bytes, size, 1 + unit_random_below(&random, 9000), round & 1);
    }
}
END_TEST

START_TEST(frames_are_written_in_every_form)
{
    const struct {
        enum simc_eti_form form;
        const struct sample *wanted;
    } rows[] = {{SIMC_ETI_RAW, &raw}, {SIMC_ETI_STREAMED, &streamed}, {SIMC_ETI_FRAMED, &framed}};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc_writer out = simc_writer(changed.bytes, sizeof changed.bytes);
        simc_eti_put_head(&out, rows[i].form, SAMPLE_FRAMES);
        for (size_t k = 0; k < SAMPLE_FRAMES; k++) {
            struct simc_slice bytes = simc_slice(raw.bytes + k * SIMC_ETI_SIZE, SIGNIFICANT);
            struct simc_eti_frame frame;
            unit_expect_error(simc_eti_read(bytes, &frame), 0);
            unit_expect_error(simc_eti_put_frame(&out, rows[i].form, bytes, &frame), 0);
        }
        unit_expect_bytes(simc_slice(changed.bytes, out.at),
                          simc_slice(rows[i].wanted->bytes, rows[i].wanted->size));
    }
    struct simc_writer out = simc_writer(changed.bytes, 100);
    struct simc_slice bytes = simc_slice(raw.bytes, SIGNIFICANT);
    struct simc_eti_frame frame;
    unit_expect_error(simc_eti_read(bytes, &frame), 0);
    unit_expect_error(simc_eti_put_frame(&out, SIMC_ETI_UNKNOWN, bytes, &frame), SIMC_EINVAL);
    bytes.size--;
    unit_expect_error(simc_eti_put_frame(&out, SIMC_ETI_RAW, bytes, &frame), SIMC_EINVAL);
    bytes.size++;
    unit_expect_error(simc_eti_put_frame(&out, SIMC_ETI_RAW, bytes, &frame), SIMC_ENOSPC);
}
END_TEST

Suite *suite_dab_eti(void)
{
    Suite *suite = suite_create("dab_eti");
    TCase *tcase = tcase_create("eti");
    tcase_add_unchecked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_worked_header_is_read);
    tcase_add_test(tcase, damage_is_told);
    tcase_add_test(tcase, short_frames_are_not_read_past_their_end);
    tcase_add_test(tcase, the_eof_crc_is_renewed);
    tcase_add_test(tcase, every_fault_has_a_text);
    tcase_add_test(tcase, all_forms_hold_the_same_frames);
    tcase_add_test(tcase, garbage_and_damage_cost_what_they_touch);
    tcase_add_test(tcase, error_levels_are_taken_when_asked);
    tcase_add_test(tcase, hostile_streams_come_out_whole);
    tcase_add_test(tcase, frames_are_written_in_every_form);
    suite_add_tcase(suite, tcase);
    return suite;
}
