/* SPDX-License-Identifier: BSL-1.0 */
/* Insertion into the sample ensemble: the worked bytes, the promised rate, and nothing else
 * changed. Run by the unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "test_dab_sample.h"
#include "unit/unit.h"

Suite *suite_dab_insert(void);

enum { FIC_AT = 24, FIC_SIZE = 96, EOF_AT = 360, MST_SIZE = 336, FRAMES_MAX = 4200 };

static struct sample raw;
static uint8_t frame_bytes[SIMC_ETI_SIZE];

static void setup(void)
{
    sample_read(&raw, "ensemble.eti");
}

static const uint16_t one_system[] = {0x5601}, two_systems[] = {0x5601, 0x4a10};
static const struct simc_dab_service sample_services[] = {
    {.id = 0x4001, .has_ca = true, .ca_system = 0x5601},
    {.id = 0x4002},
    {.id = 0xe1400003, .is_32bit = true, .has_ca = true, .ca_system = 0x4a10},
};

/* An inserter with the FIGs of `ca`. */
struct bench {
    struct simc_dab_ca ca;
    struct simc_fig_carousel carousel;
    struct simc_dab_inserter inserter;
};

static void bench_init(struct bench *bench, const struct simc_dab_ca *ca,
                       const struct simc_dab_insert_config *config, uint32_t period_ms)
{
    memset(bench, 0, sizeof *bench);
    bench->ca = *ca;
    unit_expect_error(simc_fig_carousel_add_ca(&bench->carousel, &bench->ca, period_ms), 0);
    simc_dab_inserter_init(&bench->inserter, &bench->carousel, config);
}

/* Hands over a fresh copy of a sample frame. */
static bool insert(struct bench *bench, size_t frame)
{
    memcpy(frame_bytes, raw.bytes + frame % SAMPLE_FRAMES * SIMC_ETI_SIZE, sizeof frame_bytes);
    return simc_dab_insert(&bench->inserter, frame_bytes, sizeof frame_bytes, NULL);
}

/* ---- the worked insertions ---- */

START_TEST(worked_insertions_have_their_bytes)
{
    static const struct {
        size_t frame;
        size_t system_count;
        size_t fib;
        const char *before, *after;
        int eof;
        unsigned displaced;
    } rows[] = {
        {2, 1, 0, "05004ffe00180c010c30880c0818881804000206024001010006ff000000 1a83",
         "05004ffe00180c010c30880c0818881804000206024001010006c3005601 cd60", 0x7511, 0},
        {0, 2, 2, "0b0240010100064002013f0a 0c010c30880c08188818040002 040900e101 a7da",
         "0b0240010100064002013f0a 040900e101 c50056014a10 ff000000000000 eae4", 0xf6a2, 1},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct bench bench;
        struct simc_dab_ca ca = {.enabled = true,
                                 .systems = rows[i].system_count == 1 ? one_system : two_systems,
                                 .system_count = rows[i].system_count};
        bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = true}, 0);
        const uint8_t *original = raw.bytes + rows[i].frame * SIMC_ETI_SIZE;
        size_t fib_at = FIC_AT + rows[i].fib * SIMC_FIB_SIZE;
        unit_expect_hex(simc_slice(original + fib_at, SIMC_FIB_SIZE), rows[i].before);
        ck_assert(insert(&bench, rows[i].frame));
        unit_expect_hex(simc_slice(frame_bytes + fib_at, SIMC_FIB_SIZE), rows[i].after);
        ck_assert_int_eq(frame_bytes[EOF_AT] << 8 | frame_bytes[EOF_AT + 1], rows[i].eof);
        ck_assert_mem_eq(frame_bytes, original, fib_at);
        ck_assert_mem_eq(frame_bytes + fib_at + SIMC_FIB_SIZE, original + fib_at + SIMC_FIB_SIZE,
                         SIMC_ETI_SIZE - fib_at - SIMC_FIB_SIZE);
        ck_assert_uint_eq(bench.inserter.stats.figs_displaced, rows[i].displaced);
        ck_assert_uint_eq(bench.inserter.stats.figs_inserted, 1);
    }
}
END_TEST

/* How many frames of the sample take a FIG at all. */
START_TEST(frames_that_take_a_fig)
{
    static const struct {
        size_t system_count;
        bool displace;
        unsigned frames;
    } rows[] = {{1, false, 2}, {2, false, 0}, {2, true, 38}};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        unsigned frames = 0;
        for (size_t frame = 0; frame < SAMPLE_FRAMES; frame++) {
            struct bench bench;
            struct simc_dab_ca ca = {
                .enabled = true, .systems = two_systems, .system_count = rows[i].system_count};
            bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = rows[i].displace},
                       0);
            bool changed = insert(&bench, frame);
            frames += changed;
            if (rows[i].displace)
                ck_assert_int_eq(changed, frame != 30 && frame != 31);
            ck_assert_uint_eq(bench.carousel.slots[0].deferrals, !changed);
        }
        ck_assert_uint_eq(frames, rows[i].frames);
    }
}
END_TEST

/* ---- over time ---- */

/* FIGs of type 6 in the frame, up to 8, as one text. */
static size_t find_figs(struct simc_slice figs[8])
{
    size_t count = 0;
    for (size_t i = 0; i < FIC_SIZE / SIMC_FIB_SIZE; i++) {
        struct simc_fib fib;
        simc_fib_read(frame_bytes + FIC_AT + i * SIMC_FIB_SIZE, &fib);
        ck_assert(simc_fib_good(&fib));
        for (size_t k = 0; k < fib.count; k++) {
            if (fib.figs[k].type == 6) {
                ck_assert_uint_lt(count, 8);
                figs[count++] = fib.figs[k].bytes;
            }
        }
    }
    return count;
}

/* Every FIG that the frame had is still there at least once, byte for byte. */
static void check_nothing_lost(const uint8_t *original)
{
    for (size_t i = 0; i < FIC_SIZE / SIMC_FIB_SIZE; i++) {
        struct simc_fib old;
        simc_fib_read(original + FIC_AT + i * SIMC_FIB_SIZE, &old);
        for (size_t k = 0; k < old.count; k++) {
            bool found = false;
            for (size_t n = 0; n < FIC_SIZE / SIMC_FIB_SIZE && !found; n++) {
                struct simc_fib now;
                simc_fib_read(frame_bytes + FIC_AT + n * SIMC_FIB_SIZE, &now);
                for (size_t m = 0; m < now.count && !found; m++)
                    found = simc_slice_equal(now.figs[m].bytes, old.figs[k].bytes);
            }
            ck_assert_msg(found, "a FIG of FIB %zu is lost", i);
        }
    }
}

START_TEST(the_rate_holds_and_nothing_else_changes)
{
    static const char *const wanted[] = {"c50056014a10", "c50140015601", "c721e14000034a10"};
    struct simc_dab_ca ca = {.enabled = true,
                             .systems = two_systems,
                             .system_count = 2,
                             .services = sample_services,
                             .service_count = 3};
    struct bench bench;
    size_t last[3] = {0, 0, 0}, counts[3] = {0, 0, 0};
    bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = true}, 0);
    for (size_t frame = 0; frame < FRAMES_MAX; frame++) {
        struct simc_slice figs[8];
        const uint8_t *original = raw.bytes + frame % SAMPLE_FRAMES * SIMC_ETI_SIZE;
        bool changed = insert(&bench, frame);
        size_t count = find_figs(figs);
        ck_assert_int_eq(changed, count > 0);
        check_nothing_lost(original);
        ck_assert_mem_eq(frame_bytes, original, FIC_AT);
        ck_assert_mem_eq(frame_bytes + FIC_AT + FIC_SIZE, original + FIC_AT + FIC_SIZE,
                         SIMC_ETI_SIZE - FIC_AT - FIC_SIZE);
        for (size_t i = 0; i < count; i++) {
            size_t k = 0;
            struct unit_bytes bytes = unit_hex(wanted[0]);
            while (k < 3 && !simc_slice_equal(figs[i], unit_slice(&bytes))) {
                if (++k < 3)
                    bytes = unit_hex(wanted[k]);
            }
            ck_assert_uint_lt(k, 3);
            if (counts[k]++)
                ck_assert_uint_le(frame - last[k], 41 + 3);
            last[k] = frame;
        }
    }
    /* 4200 frames are 100.8 s; a cycle is 41 frames. */
    for (size_t k = 0; k < 3; k++)
        ck_assert_uint_eq(counts[k], (FRAMES_MAX + 40) / 41);
    ck_assert_uint_le(bench.carousel.slots[0].wait_max, 3);
    ck_assert_uint_eq(bench.carousel.slots[0].skipped, 0);
    ck_assert_uint_eq(bench.inserter.stats.fibs, 3 * FRAMES_MAX);
}
END_TEST

START_TEST(carousel_counts_in_frames)
{
    static const struct {
        uint32_t period_ms, frames;
    } rows[] = {{1000, 41}, {10000, 416}, {24, 1}, {1, 1}, {47, 1}, {48, 2}, {960, 40}};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        ck_assert_uint_eq(simc_fig_period_frames(rows[i].period_ms), rows[i].frames);
        struct simc_dab_ca ca = {.enabled = true, .systems = one_system, .system_count = 1};
        struct bench bench;
        bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = true},
                   rows[i].period_ms);
        for (size_t frame = 0; frame < 1000; frame++)
            ck_assert_int_eq(insert(&bench, 0), frame % rows[i].frames == 0);
    }
}
END_TEST

/* Sources of three priorities, added in another order than they are sent. */
static struct simc_fig_fill fill_mark(const void *context, struct simc_fig_cursor *cursor,
                                      uint8_t *room, size_t size)
{
    (void)cursor;
    if (size < 2)
        return (struct simc_fig_fill){0, false};
    room[0] = 0x61;
    room[1] = *(const uint8_t *)context;
    return (struct simc_fig_fill){2, true};
}

START_TEST(priority_goes_before_order_of_adding)
{
    static const struct simc_fig_source sources[] = {
        {"low", 3, -1, SIMC_FIG_RATE_C, SIMC_FIG_LOW, 100, fill_mark},
        {"normal", 3, -1, SIMC_FIG_RATE_C, SIMC_FIG_NORMAL, 100, fill_mark},
        {"critical", 3, -1, SIMC_FIG_RATE_C, SIMC_FIG_CRITICAL, 100, fill_mark},
        {"normal, later", 3, -1, SIMC_FIG_RATE_C, SIMC_FIG_NORMAL, 100, fill_mark},
    };
    static const uint8_t marks[] = {1, 2, 3, 4}, wanted[] = {3, 2, 4, 1};
    struct simc_fig_carousel carousel = {.count = 0};
    for (size_t i = 0; i < UNIT_COUNT(sources); i++)
        unit_expect_error(simc_fig_carousel_add(&carousel, &sources[i], &marks[i], 0), 0);
    for (size_t i = 0; i < UNIT_COUNT(wanted); i++) {
        struct simc_fig_cursor next;
        uint8_t room[2];
        ck_assert_uint_eq(simc_fig_slot_offer(&carousel.slots[i], &next, room, 2).size, 2);
        ck_assert_uint_eq(room[1], wanted[i]);
        ck_assert_uint_eq(carousel.slots[i].period_frames, 4);
    }
    while (carousel.count < SIMC_FIG_SLOTS_MAX)
        unit_expect_error(simc_fig_carousel_add(&carousel, &sources[0], marks, 0), 0);
    unit_expect_error(simc_fig_carousel_add(&carousel, &sources[0], marks, 0), SIMC_EFULL);
    carousel.count--;
    struct simc_dab_ca ca = {.enabled = true};
    unit_expect_error(simc_fig_carousel_add_ca(&carousel, &ca, 0), SIMC_EFULL);
    ck_assert_uint_eq(carousel.count, SIMC_FIG_SLOTS_MAX - 1);
}
END_TEST

/* A FIG that never finds room waits; when it does, later cycles keep to the old grid. */
START_TEST(deferred_figs_stay_due)
{
    struct simc_fig_slot slot = {.source = &simc_fig6_organization, .period_frames = 41};
    struct simc_fig_cursor next = {0, 0, 0};
    for (uint64_t frame = 0; frame < 5; frame++) {
        ck_assert(simc_fig_slot_due(&slot, frame));
        simc_fig_slot_deferred(&slot, frame);
    }
    simc_fig_slot_sent(&slot, 5, (struct simc_fig_fill){4, true}, &next);
    ck_assert(slot.due == 41 && slot.wait_max == 5 && slot.deferrals == 5 && slot.skipped == 0);
    ck_assert(!simc_fig_slot_due(&slot, 40) && simc_fig_slot_due(&slot, 41));
    simc_fig_slot_deferred(&slot, 41);
    simc_fig_slot_sent(&slot, 130, (struct simc_fig_fill){4, true}, &next);
    ck_assert(slot.due == 164 && slot.wait_max == 89 && slot.skipped == 2 && slot.cycles == 2);
}
END_TEST

/* More than 24 entries of a list that shrinks while a cycle waits for its second half. */
START_TEST(long_lists_are_sent_whole)
{
    struct simc_dab_service services[100];
    for (size_t i = 0; i < 100; i++)
        services[i] = (struct simc_dab_service){
            .id = (uint32_t)(0x5000 + i), .has_ca = true, .ca_system = 0x5601};
    struct simc_dab_ca ca = {.enabled = true,
                             .systems = one_system,
                             .system_count = 1,
                             .services = services,
                             .service_count = 100};
    struct bench bench;
    bool seen[100] = {false};
    size_t total = 0;
    bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = true}, 0);
    for (size_t frame = 0; frame < 41; frame++) {
        struct simc_slice figs[8];
        insert(&bench, frame);
        size_t count = find_figs(figs);
        for (size_t i = 0; i < count; i++) {
            struct simc_fig6 fig;
            unit_expect_error(simc_fig6_read(figs[i], SIMC_FIG6_AS_AUTO, &fig), 0);
            for (size_t k = 0; fig.form == SIMC_FIG6_SERVICE && k < fig.count; k++) {
                ck_assert(!seen[fig.entries[k].service - 0x5000]);
                seen[fig.entries[k].service - 0x5000] = true;
                total++;
            }
        }
    }
    ck_assert_uint_eq(total, 100);
    ck_assert(!bench.carousel.slots[1].in_cycle);
}
END_TEST

/* ---- what is left alone ---- */

START_TEST(faulty_frames_and_fibs_are_left_alone)
{
    static const struct {
        const char *name;
        size_t at; /* a byte that is inverted; 0: none */
        bool repair, tolerant;
        bool changed;
        unsigned left_alone, crc_bad;
    } rows[] = {
        {"none", 0, false, false, true, 0, 0},
        {"header CRC", 4, false, false, false, 1, 0},
        {"error level", 0x10000, false, false, false, 1, 0},
        {"error level, tolerant", 0x10000, false, true, true, 0, 0},
        {"stream byte", 200, false, false, false, 1, 0},
        {"stream byte, repair", 200, true, false, true, 0, 0},
        {"synchronisation", 1, true, true, false, 1, 0},
        {"all FIBs", FIC_AT + 3, true, false, true, 0, 1},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct bench bench;
        uint8_t before[SIMC_ETI_SIZE];
        struct simc_eti_frame frame;
        struct simc_dab_ca ca = {.enabled = true, .systems = one_system, .system_count = 1};
        bench_init(&bench, &ca,
                   &(struct simc_dab_insert_config){
                       .displace = true, .repair = rows[i].repair, .tolerant = rows[i].tolerant},
                   0);
        memcpy(frame_bytes, raw.bytes, sizeof frame_bytes);
        if (rows[i].at)
            frame_bytes[rows[i].at & 0xffff] ^= 0xff;
        memcpy(before, frame_bytes, sizeof before);
        bool changed = simc_dab_insert(&bench.inserter, frame_bytes, sizeof frame_bytes, &frame);
        ck_assert_msg(changed == rows[i].changed, "%s", rows[i].name);
        ck_assert_uint_eq(bench.inserter.stats.left_alone, rows[i].left_alone);
        ck_assert_uint_eq(bench.inserter.stats.fibs_crc_bad, rows[i].crc_bad);
        if (!changed) {
            ck_assert_mem_eq(before, frame_bytes, sizeof before);
            ck_assert_uint_eq(bench.carousel.slots[0].deferrals, 1);
            continue;
        }
        unit_expect_error(simc_eti_read(simc_slice(frame_bytes, SIMC_ETI_SIZE), &frame), 0);
        ck_assert_uint_eq(frame.faults & SIMC_ETI_BAD_EOF_CRC, 0);
        if (rows[i].crc_bad) /* FIB 0 is as it was; the FIG is in another */
            ck_assert_mem_eq(before, frame_bytes, FIC_AT + SIMC_FIB_SIZE);
    }
}
END_TEST

/* A FIB with a wrong CRC does not count as the place where a FIG is repeated from. */
START_TEST(only_good_fibs_vouch_for_a_copy)
{
    struct bench bench;
    struct simc_dab_ca ca = {.enabled = true, .systems = two_systems, .system_count = 2};
    bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = true, .repair = true}, 0);
    memcpy(frame_bytes, raw.bytes, sizeof frame_bytes);
    for (size_t i = 0; i < 2; i++)
        frame_bytes[FIC_AT + i * SIMC_FIB_SIZE + 31] ^= 1;
    simc_dab_insert(&bench.inserter, frame_bytes, sizeof frame_bytes, NULL);
    ck_assert_uint_eq(bench.inserter.stats.figs_displaced, 0);
    ck_assert_uint_eq(bench.inserter.stats.figs_inserted, 0);
    ck_assert_uint_eq(bench.inserter.stats.fibs_crc_bad, 2);
}
END_TEST

/* A full FIC in which the first FIG of FIB 0 stands in FIB 2 again. */
START_TEST(only_some_figs_make_room)
{
    static const struct {
        uint8_t type, head;
        bool goes;
    } rows[] = {
        {0, 0x01, true},  {0, 0x02, true},  {0, 0x00, false}, {0, 0x07, false}, {0, 0x0a, false},
        {0, 0x80, false}, {0, 0x47, false}, {1, 0x00, true},  {1, 0x05, true},  {2, 0x00, true},
        {3, 0x01, false}, {4, 0x01, false}, {5, 0x01, false}, {6, 0x01, false}, {7, 0x01, false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct bench bench;
        struct simc_eti_frame frame;
        struct simc_dab_ca ca = {.enabled = true, .systems = one_system, .system_count = 1};
        bench_init(&bench, &ca, &(struct simc_dab_insert_config){.displace = true}, 0);
        memcpy(frame_bytes, raw.bytes, sizeof frame_bytes);
        for (size_t k = 0; k < FIC_SIZE / SIMC_FIB_SIZE; k++) {
            uint8_t *fib = frame_bytes + FIC_AT + k * SIMC_FIB_SIZE;
            memset(fib, (int)k, SIMC_FIB_DATA_SIZE);
            fib[0] = (uint8_t)(rows[i].type << 5 | 14);
            fib[1] = rows[i].head;
            fib[15] = 14; /* FIG 0/0, 0/1 and 0/2 of their own */
            for (size_t at = 2; at < 15 && k != 1; at++)
                fib[at] = 0xaa;
            uint16_t crc = simc_dab_crc(simc_slice(fib, SIMC_FIB_DATA_SIZE));
            fib[SIMC_FIB_DATA_SIZE] = (uint8_t)(crc >> 8);
            fib[SIMC_FIB_DATA_SIZE + 1] = (uint8_t)crc;
        }
        bool changed = simc_dab_insert(&bench.inserter, frame_bytes, sizeof frame_bytes, &frame);
        ck_assert_uint_eq(bench.inserter.stats.fibs_crc_bad + frame.faults, 0);
        ck_assert_msg(changed == rows[i].goes, "FIG %u, 0x%02x", rows[i].type, rows[i].head);
    }
}
END_TEST

START_TEST(nothing_to_send_changes_nothing)
{
    const struct simc_dab_ca rows[] = {
        {.enabled = false,
         .systems = two_systems,
         .system_count = 2,
         .services = sample_services,
         .service_count = 3},
        {.enabled = true},
        {.enabled = true, .services = &sample_services[1], .service_count = 1},
        {.enabled = true, .layout = SIMC_DAB_EN300401, .systems = one_system, .system_count = 1},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct bench bench;
        bench_init(&bench, &rows[i], &(struct simc_dab_insert_config){.displace = true}, 0);
        for (size_t frame = 0; frame < 100; frame++)
            ck_assert(!insert(&bench, frame));
        ck_assert_uint_eq(bench.inserter.stats.figs_inserted, 0);
        ck_assert_uint_eq(bench.carousel.slots[0].deferrals, 0);
    }
}
END_TEST

/* What one inserter wrote, another takes out again, and its room is used. */
START_TEST(figs_of_the_input_are_kept_or_removed)
{
    struct simc_dab_ca ca = {.enabled = true, .systems = one_system, .system_count = 1};
    for (unsigned remove = 0; remove < 2; remove++) {
        struct bench first, second;
        bench_init(&first, &ca, &(struct simc_dab_insert_config){.displace = true}, 0);
        ck_assert(insert(&first, 0));
        struct simc_dab_ca next_ca = {
            .enabled = true, .systems = &two_systems[1], .system_count = 1};
        bench_init(&second, &next_ca,
                   &(struct simc_dab_insert_config){.displace = true, .remove = remove}, 0);
        ck_assert(simc_dab_insert(&second.inserter, frame_bytes, sizeof frame_bytes, NULL));
        struct simc_slice figs[8];
        size_t count = find_figs(figs);
        ck_assert_uint_eq(count, remove ? 1 : 2);
        unit_expect_hex(figs[count - 1], "c3004a10");
        ck_assert_uint_eq(second.inserter.stats.figs_found, 1);
        ck_assert_uint_eq(second.inserter.stats.figs_removed, remove);
        ck_assert_uint_eq(second.inserter.stats.figs_displaced, 1 - remove);
    }
}
END_TEST

Suite *suite_dab_insert(void)
{
    Suite *suite = suite_create("dab_insert");
    TCase *tcase = tcase_create("insert");
    tcase_add_unchecked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, worked_insertions_have_their_bytes);
    tcase_add_test(tcase, frames_that_take_a_fig);
    tcase_add_test(tcase, the_rate_holds_and_nothing_else_changes);
    tcase_add_test(tcase, carousel_counts_in_frames);
    tcase_add_test(tcase, priority_goes_before_order_of_adding);
    tcase_add_test(tcase, deferred_figs_stay_due);
    tcase_add_test(tcase, long_lists_are_sent_whole);
    tcase_add_test(tcase, faulty_frames_and_fibs_are_left_alone);
    tcase_add_test(tcase, only_good_fibs_vouch_for_a_copy);
    tcase_add_test(tcase, only_some_figs_make_room);
    tcase_add_test(tcase, nothing_to_send_changes_nothing);
    tcase_add_test(tcase, figs_of_the_input_are_kept_or_removed);
    suite_add_tcase(suite, tcase);
    return suite;
}
