/* SPDX-License-Identifier: BSL-1.0 */
/* Packets, PCR and continuity: what is written is read back, and nothing is believed that the
 * packet's own lengths contradict. Run by the unit test runner. */
#include <check.h>
#include <string.h>

#include "simulcrypt/ts.h"
#include "unit/unit.h"

Suite *suite_ts_packet(void);

static struct unit_random random_numbers = {1};

static uint32_t random_u32(void)
{
    return (uint32_t)unit_random_next(&random_numbers);
}

static void make_packet(uint8_t *packet, uint16_t pid, unsigned cc, uint8_t fill)
{
    struct simc_ts_header header = {.pid = pid, .cc = (uint8_t)(cc & 0xf)};
    uint8_t payload[SIMC_TS_PAYLOAD_MAX];
    memset(payload, fill, sizeof payload);
    ck_assert_int_eq(simc_ts_write(packet, &header, NULL, simc_slice(payload, sizeof payload)), 0);
}

/* The packet of ISO/IEC 13818-1 form with PCR base 0x123456789, extension 0x0ab. */
START_TEST(pcr_bytes_are_those_of_the_standard)
{
    static const uint8_t bytes[6] = {0x91, 0xa2, 0xb3, 0xc4, 0xfe, 0xab};
    uint64_t pcr = UINT64_C(0x123456789) * 300 + 0x0ab;
    uint8_t out[6];
    ck_assert_uint_eq(simc_pcr_get(bytes), pcr);
    simc_pcr_put(out, pcr);
    ck_assert_mem_eq(out, bytes, 6);
    simc_pcr_put(out, pcr + SIMC_PCR_WRAP);
    ck_assert_mem_eq(out, bytes, 6);
}
END_TEST

START_TEST(pcr_arithmetic_goes_round_the_circle)
{
    static const struct {
        uint64_t a, b;
        int64_t distance;
    } rows[] = {
        {0, 0, 0},
        {1, 0, 1},
        {0, 1, -1},
        {0, SIMC_PCR_WRAP - 1, 1},
        {SIMC_PCR_WRAP - 1, 0, -1},
        {SIMC_PCR_WRAP / 2 - 1, 0, (int64_t)(SIMC_PCR_WRAP / 2 - 1)},
        {SIMC_PCR_WRAP / 2, 0, -(int64_t)(SIMC_PCR_WRAP / 2)},
        {5, SIMC_PCR_WRAP - 10, 15},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(simc_pcr_distance(rows[i].a, rows[i].b), rows[i].distance);
        ck_assert_uint_eq(simc_pcr_add(rows[i].b, rows[i].distance), rows[i].a);
    }
    ck_assert_int_eq(simc_pts_distance(1, (UINT64_C(1) << 33) - 1), 2);
    for (int i = 0; i < 1000; i++) {
        uint64_t pcr = (((uint64_t)random_u32() << 32) | random_u32()) % SIMC_PCR_WRAP;
        uint8_t bytes[6];
        simc_pcr_put(bytes, pcr);
        ck_assert_uint_eq(simc_pcr_get(bytes), pcr);
    }
}
END_TEST

START_TEST(clock_never_runs_backwards_and_names_each_step)
{
    static const struct {
        uint64_t pcr, packet;
        bool announced;
        enum simc_pcr_event event;
        uint64_t time;
    } rows[] = {
        {SIMC_PCR_WRAP - 1000, 100, false, SIMC_PCR_FIRST, 0},
        {SIMC_PCR_WRAP - 500, 150, false, SIMC_PCR_GOOD, 500},
        {100, 210, false, SIMC_PCR_GOOD, 1100},         /* over the wrap */
        {9000000, 220, true, SIMC_PCR_ANNOUNCED, 1200}, /* by the rate of 10 ticks a packet */
        {9000100, 230, false, SIMC_PCR_GOOD, 1300},
        {100, 240, false, SIMC_PCR_JUMP, 1400}, /* backwards */
        {100, 250, false, SIMC_PCR_JUMP, 1500}, /* standing still */
        {100 + 2700000, 260, false, SIMC_PCR_GOOD, 2701500},
        {2700100 + 2700001, 270, false, SIMC_PCR_LATE, 5401501},
        {UINT64_C(1) << 40, 271, false, SIMC_PCR_JUMP, 5401501 + 270000},
    };
    struct simc_pcr_clock clock = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_int_eq(
            simc_pcr_clock_push(&clock, rows[i].pcr, rows[i].packet, rows[i].announced),
            rows[i].event);
        ck_assert_uint_eq(clock.time_27mhz, rows[i].time);
    }
}
END_TEST

START_TEST(clock_predicts_without_overflow)
{
    struct simc_pcr_clock clock = {0};
    simc_pcr_clock_push(&clock, 0, 0, false);
    ck_assert_uint_eq(simc_pcr_clock_bitrate(&clock), 0);
    simc_pcr_clock_push(&clock, 2700000, 1000, false);
    ck_assert_uint_eq(simc_pcr_clock_bitrate(&clock), 15040000);
    ck_assert_uint_eq(simc_pcr_clock_time(&clock, 2000), 5400000);
    ck_assert_uint_eq(simc_pcr_clock_time(&clock, UINT64_C(1) << 40), (UINT64_C(1) << 40) * 2700);
    ck_assert_uint_eq(simc_pcr_clock_time(&clock, 10), 2700000);
}
END_TEST

START_TEST(every_payload_size_is_written_and_read_back)
{
    uint8_t payload[SIMC_TS_PAYLOAD_MAX], packet[SIMC_TS_SIZE + 1];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)i;
    for (size_t size = 0; size <= SIMC_TS_PAYLOAD_MAX + 1; size++) {
        struct simc_ts_header header = {.pid = (uint16_t)(size * 40),
                                        .cc = size & 0xf,
                                        .tsc = (enum simc_ts_tsc)(size & 3),
                                        .unit_start = size & 1,
                                        .priority = size & 2,
                                        .error = size & 4};
        struct simc_ts_header back;
        struct simc_slice out;
        packet[SIMC_TS_SIZE] = 0x5a;
        int error = simc_ts_write(packet, &header, NULL, simc_slice(payload, size));
        ck_assert_int_eq(error, size <= SIMC_TS_PAYLOAD_MAX ? 0 : SIMC_EINVAL);
        if (error)
            continue;
        ck_assert_uint_eq(packet[SIMC_TS_SIZE], 0x5a);
        ck_assert(simc_ts_valid(packet));
        ck_assert_int_eq(simc_ts_read(packet, &back, NULL, &out), 0);
        ck_assert(simc_slice_equal(out, simc_slice(payload, size)));
        ck_assert_uint_eq(back.pid, header.pid);
        ck_assert_uint_eq(back.cc, header.cc);
        ck_assert_int_eq(back.tsc, header.tsc);
        ck_assert(back.unit_start == header.unit_start && back.priority == header.priority &&
                  back.error == header.error);
    }
}
END_TEST

START_TEST(every_adaptation_field_is_written_and_read_back)
{
    static const uint8_t bytes[200] = {1, 2, 3};
    uint8_t packet[SIMC_TS_SIZE];
    for (unsigned flags = 0; flags < 256; flags++) {
        for (size_t payload_size = 0; payload_size < 184; payload_size += 1 + random_u32() % 9) {
            struct simc_ts_adaptation in = {
                .present = true,
                .discontinuity = flags & 0x80,
                .random_access = flags & 0x40,
                .priority = flags & 0x20,
                .has_pcr = flags & 0x10,
                .has_opcr = flags & 8,
                .has_splice = flags & 4,
                .has_private = flags & 2,
                .has_extension = flags & 1,
                .splice_countdown = -7,
                .pcr_27mhz = 123456789,
                .opcr_27mhz = 987654321,
                .private_data = simc_slice(bytes, random_u32() % 100),
                .extension = simc_slice(bytes, random_u32() % 100),
            };
            size_t need = 1u + (flags ? 1u : 0u) + (in.has_pcr ? 6u : 0u) +
                          (in.has_opcr ? 6u : 0u) + (in.has_splice ? 1u : 0u) +
                          (in.has_private ? 1 + in.private_data.size : 0) +
                          (in.has_extension ? 1 + in.extension.size : 0);
            struct simc_ts_header header = {.pid = 0x100};
            struct simc_ts_adaptation back;
            struct simc_slice out;
            int error = simc_ts_write(packet, &header, &in, simc_slice(bytes, payload_size));
            ck_assert_int_eq(error, need + payload_size <= 184 ? 0 : SIMC_EINVAL);
            if (error)
                continue;
            ck_assert_int_eq(simc_ts_read(packet, NULL, &back, &out), 0);
            ck_assert(back.present && out.size == payload_size);
            ck_assert_int_eq(back.discontinuity, in.discontinuity);
            ck_assert_int_eq(back.random_access, in.random_access);
            ck_assert_int_eq(back.priority, in.priority);
            ck_assert(back.has_pcr == in.has_pcr && simc_ts_has_pcr(packet) == in.has_pcr);
            ck_assert(!in.has_pcr || back.pcr_27mhz == in.pcr_27mhz);
            ck_assert(back.has_opcr == in.has_opcr);
            ck_assert(!in.has_opcr || back.opcr_27mhz == in.opcr_27mhz);
            ck_assert(!in.has_splice || back.splice_countdown == -7);
            ck_assert(!in.has_private || simc_slice_equal(back.private_data, in.private_data));
            ck_assert(!in.has_extension || simc_slice_equal(back.extension, in.extension));
            ck_assert_int_eq(simc_ts_set_pcr(packet, 5), in.has_pcr ? 0 : SIMC_ENOTFOUND);
        }
    }
}
END_TEST

/* All 256 adaptation_field_lengths under all four controls: only those of the standard give a
 * payload, and no field reaches outside. */
START_TEST(bad_adaptation_lengths_give_no_payload)
{
    for (unsigned control = 0; control < 4; control++) {
        for (unsigned length = 0; length < 256; length++) {
            uint8_t packet[SIMC_TS_SIZE];
            memset(packet, 0xff, sizeof packet); /* all flags set, all inner lengths too long */
            packet[0] = SIMC_TS_SYNC;
            packet[1] = 1;
            packet[3] = (uint8_t)(control << 4);
            packet[4] = (uint8_t)length;
            bool valid =
                control == 1 || (control == 3 && length <= 182) || (control == 2 && length == 183);
            size_t size = control == 1 ? 184 : control == 3 && length <= 182 ? 183 - length : 0;
            struct simc_ts_adaptation field;
            struct simc_slice payload;
            int error = simc_ts_read(packet, NULL, &field, &payload);
            ck_assert_int_eq(error != 0, !valid || (control >= 2 && length > 0));
            ck_assert_int_eq(simc_ts_valid(packet), valid);
            ck_assert_uint_eq(payload.size, size);
            ck_assert_ptr_eq(payload.data + payload.size, packet + SIMC_TS_SIZE);
            ck_assert(!field.has_extension);
            ck_assert_int_eq(simc_ts_has_pcr(packet), valid && control >= 2 && length >= 7);
            ck_assert(field.has_pcr == simc_ts_has_pcr(packet));
        }
    }
}
END_TEST

START_TEST(setters_change_only_their_field)
{
    uint8_t packet[SIMC_TS_SIZE];
    make_packet(packet, 0x1abc, 5, 0);
    packet[1] |= 0xe0;
    simc_ts_set_pid(packet, 0x0123);
    simc_ts_set_tsc(packet, SIMC_TSC_ODD);
    simc_ts_set_cc(packet, 0x1e);
    static const uint8_t wanted[4] = {0x47, 0xe1, 0x23, 0xde};
    ck_assert_mem_eq(packet, wanted, 4);
    simc_ts_null(packet);
    static const uint8_t null[4] = {0x47, 0x1f, 0xff, 0x10};
    ck_assert_mem_eq(packet, null, 4);
}
END_TEST

enum { P = 1, A = 2, AD = 3, PD = 4 }; /* payload; field only; both with discontinuity_indicator */

START_TEST(continuity_follows_the_rules)
{
    static const struct {
        const char *name;
        struct {
            uint8_t form, cc, fill, order;
        } steps[8];
    } rows[] = {
        {"plain",
         {{P, 14, 0, SIMC_TS_ORDER_FIRST},
          {P, 15, 0, SIMC_TS_ORDER_GOOD},
          {P, 0, 0, SIMC_TS_ORDER_GOOD}}},
        {"field only repeats the counter",
         {{P, 3, 0, SIMC_TS_ORDER_FIRST},
          {A, 3, 0, SIMC_TS_ORDER_GOOD},
          {A, 3, 0, SIMC_TS_ORDER_GOOD},
          {P, 4, 0, SIMC_TS_ORDER_GOOD}}},
        {"field only must not count",
         {{P, 3, 0, SIMC_TS_ORDER_FIRST},
          {A, 4, 0, SIMC_TS_ORDER_ERROR},
          {P, 5, 0, SIMC_TS_ORDER_GOOD}}},
        {"one repetition",
         {{P, 3, 7, SIMC_TS_ORDER_FIRST},
          {P, 3, 7, SIMC_TS_ORDER_DUPLICATE},
          {P, 4, 8, SIMC_TS_ORDER_GOOD},
          {P, 4, 8, SIMC_TS_ORDER_DUPLICATE}}},
        {"two repetitions",
         {{P, 3, 7, SIMC_TS_ORDER_FIRST},
          {P, 3, 7, SIMC_TS_ORDER_DUPLICATE},
          {P, 3, 7, SIMC_TS_ORDER_ERROR},
          {P, 4, 8, SIMC_TS_ORDER_GOOD}}},
        {"same counter, other bytes",
         {{P, 3, 7, SIMC_TS_ORDER_FIRST},
          {P, 3, 8, SIMC_TS_ORDER_ERROR},
          {P, 4, 8, SIMC_TS_ORDER_GOOD}}},
        {"loss",
         {{P, 3, 0, SIMC_TS_ORDER_FIRST},
          {P, 5, 0, SIMC_TS_ORDER_ERROR},
          {P, 6, 0, SIMC_TS_ORDER_GOOD},
          {P, 5, 0, SIMC_TS_ORDER_ERROR}}},
        {"announced",
         {{P, 3, 0, SIMC_TS_ORDER_FIRST},
          {PD, 9, 0, SIMC_TS_ORDER_ANNOUNCED},
          {P, 10, 0, SIMC_TS_ORDER_GOOD},
          {AD, 2, 0, SIMC_TS_ORDER_ANNOUNCED},
          {P, 3, 0, SIMC_TS_ORDER_GOOD}}},
        {"field only starts",
         {{A, 3, 0, SIMC_TS_ORDER_FIRST},
          {P, 3, 0, SIMC_TS_ORDER_ERROR},
          {P, 4, 0, SIMC_TS_ORDER_GOOD}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct simc_ts_continuity state = {0};
        for (size_t k = 0; k < 8 && rows[i].steps[k].form; k++) {
            unsigned form = rows[i].steps[k].form;
            uint8_t packet[SIMC_TS_SIZE], payload[180];
            memset(payload, rows[i].steps[k].fill, sizeof payload);
            struct simc_ts_header header = {.pid = 0x100, .cc = rows[i].steps[k].cc};
            struct simc_ts_adaptation field = {.present = true, .discontinuity = form >= AD};
            bool with_payload = form == P || form == PD;
            ck_assert_int_eq(
                simc_ts_write(packet, &header, &field, simc_slice(payload, with_payload ? 180 : 0)),
                0);
            ck_assert_msg(simc_ts_continuity_push(&state, packet) ==
                              (enum simc_ts_order)rows[i].steps[k].order,
                          "%s, step %zu", rows[i].name, k);
        }
    }
}
END_TEST

START_TEST(a_duplicate_may_have_a_new_pcr)
{
    struct simc_ts_continuity state = {0};
    static const uint8_t payload[100] = {9};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t packet[SIMC_TS_SIZE];
        struct simc_ts_header header = {.pid = 0x100, .cc = 4};
        struct simc_ts_adaptation field = {.present = true, .has_pcr = true, .pcr_27mhz = i * 5000};
        ck_assert_int_eq(
            simc_ts_write(packet, &header, &field, simc_slice(payload, sizeof payload)), 0);
        ck_assert_int_eq(simc_ts_continuity_push(&state, packet),
                         i ? SIMC_TS_ORDER_DUPLICATE : SIMC_TS_ORDER_FIRST);
    }
}
END_TEST

/* A single changed bit anywhere in the payload makes it another packet. */
START_TEST(every_payload_bit_counts_for_a_duplicate)
{
    for (size_t bit = 32; bit < SIMC_TS_SIZE * 8; bit++) {
        struct simc_ts_continuity state = {0};
        uint8_t packet[SIMC_TS_SIZE];
        make_packet(packet, 0x100, 1, 0x33);
        (void)simc_ts_continuity_push(&state, packet);
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(simc_ts_continuity_push(&state, packet), SIMC_TS_ORDER_ERROR);
    }
}
END_TEST

START_TEST(null_packets_have_no_order)
{
    struct simc_ts_continuity state = {0};
    for (unsigned i = 0; i < 40; i += 3) {
        uint8_t packet[SIMC_TS_SIZE];
        make_packet(packet, SIMC_PID_NULL, i, 0);
        ck_assert_int_eq(simc_ts_continuity_push(&state, packet), SIMC_TS_ORDER_GOOD);
    }
}
END_TEST

Suite *suite_ts_packet(void)
{
    Suite *suite = suite_create("ts packet");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, pcr_bytes_are_those_of_the_standard);
    tcase_add_test(tests, pcr_arithmetic_goes_round_the_circle);
    tcase_add_test(tests, clock_never_runs_backwards_and_names_each_step);
    tcase_add_test(tests, clock_predicts_without_overflow);
    tcase_add_test(tests, every_payload_size_is_written_and_read_back);
    tcase_add_test(tests, every_adaptation_field_is_written_and_read_back);
    tcase_add_test(tests, bad_adaptation_lengths_give_no_payload);
    tcase_add_test(tests, setters_change_only_their_field);
    tcase_add_test(tests, continuity_follows_the_rules);
    tcase_add_test(tests, a_duplicate_may_have_a_new_pcr);
    tcase_add_test(tests, every_payload_bit_counts_for_a_duplicate);
    tcase_add_test(tests, null_packets_have_no_order);
    suite_add_tcase(suite, tests);
    return suite;
}
