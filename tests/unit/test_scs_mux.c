/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of the messages of the SCS-mux service: there and back at their limits, and everything that
 * is wrong with a body refused with a sentence. Run by the unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "unit/scs_mux_codecs.h"
#include "unit/scs_mux_samples.h"
#include "unit/unit.h"

Suite *suite_scs_mux(void);

enum { ROOM = 4 * 1024 * 1024, DAMAGE_MAX = 20000 };

/* A sample in a block of its own; free() it. */
static uint8_t *sample(unsigned codec, enum scs_mux_size size, struct simc_slice *body)
{
    uint8_t *room = malloc(ROOM);
    ck_assert_ptr_nonnull(room);
    struct simc_writer out = simc_writer(room, ROOM);
    unit_expect_error(scs_mux_samples[codec](size, &out), 0);
    *body = simc_slice(room, out.at);
    return room;
}

START_TEST(every_message_comes_back_as_the_same_bytes)
{
    const struct scs_mux_codec *codec = &scs_mux_codecs[_i / SCS_MUX_SIZES];
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    struct simc_slice body;
    uint8_t *block =
        sample((unsigned)_i / SCS_MUX_SIZES, (enum scs_mux_size)(_i % SCS_MUX_SIZES), &body);
    uint8_t *exact = unit_exact(body), *again = malloc(ROOM);
    struct simc_writer out = simc_writer(again, ROOM);
    int error = codec->again(simc_slice(exact, body.size), &out, why);
    ck_assert_msg(error == 0, "%s: %s: %s", codec->name, simc_error_name(error), why);
    ck_assert_msg(out.at == body.size && memcmp(again, body.data, body.size) == 0, "%s differs",
                  codec->name);
    free(again);
    free(exact);
    free(block);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    const struct scs_mux_codec *codec = &scs_mux_codecs[_i];
    UNIT_ROOM(uint8_t, room, ROOM);
    struct simc_slice body;
    uint8_t *block = sample((unsigned)_i, SCS_MUX_USUAL, &body);
    for (size_t size = 0; size < body.size; size++) {
        char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
        uint8_t *exact = unit_exact(simc_slice(body.data, size));
        struct simc_writer out = simc_writer(room, ROOM);
        unit_expect_error(codec->again(simc_slice(exact, size), &out, why), SIMC_EPROTO);
        ck_assert_str_ne(why, "");
        free(exact);
    }
    free(block);
}
END_TEST

START_TEST(bytes_behind_the_end_are_refused)
{
    const struct scs_mux_codec *codec = &scs_mux_codecs[_i];
    UNIT_ROOM(uint8_t, room, ROOM);
    UNIT_ROOM(uint8_t, longer, ROOM);
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    struct simc_slice body;
    uint8_t *block = sample((unsigned)_i, SCS_MUX_USUAL, &body);
    struct simc_writer out = simc_writer(room, ROOM);
    memcpy(longer, body.data, body.size);
    longer[body.size] = 0;
    unit_expect_error(codec->again(simc_slice(longer, body.size + 1), &out, why), SIMC_EPROTO);
    ck_assert_ptr_nonnull(strstr(why, "bytes behind the end"));
    free(block);
}
END_TEST

/* What is still good must be written again as it came. */
START_TEST(a_damaged_byte_is_refused_or_means_something_else)
{
    const struct scs_mux_codec *codec = &scs_mux_codecs[_i];
    UNIT_ROOM(uint8_t, room, ROOM);
    struct simc_slice body;
    uint8_t *block = sample((unsigned)_i, SCS_MUX_USUAL, &body);
    uint8_t *exact = unit_exact(body);
    for (size_t at = 0; at < body.size; at++) {
        for (unsigned value = 0; value < 256; value++) {
            char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
            struct simc_writer out = simc_writer(room, ROOM);
            exact[at] = (uint8_t)value;
            int error = codec->again(simc_slice(exact, body.size), &out, why);
            if (error) {
                unit_expect_error(error, SIMC_EPROTO);
                ck_assert_str_ne(why, "");
            } else {
                unit_expect_bytes(simc_slice(room, out.at), simc_slice(exact, body.size));
            }
        }
        exact[at] = body.data[at];
    }
    free(exact);
    free(block);
}
END_TEST

START_TEST(too_little_room_tells_what_is_needed)
{
    UNIT_ROOM(uint8_t, room, ROOM);
    struct simc_slice body;
    uint8_t *block = sample((unsigned)_i, SCS_MUX_USUAL, &body);
    bool is_list = scs_mux_samples[_i] == scs_mux_sample_orders ||
                   scs_mux_samples[_i] == scs_mux_sample_reports ||
                   scs_mux_samples[_i] == scs_mux_sample_plan;
    for (size_t size = 0; size < body.size; size++) {
        struct simc_writer out = simc_writer(room, size);
        unit_expect_error(scs_mux_samples[_i](SCS_MUX_USUAL, &out), SIMC_ENOSPC);
        /* A list goes on in the next message. */
        if (!is_list)
            ck_assert_uint_eq(out.at, body.size);
    }
    free(block);
}
END_TEST

/* ---- faults, each with a word of its sentence ---- */

/* So that a count does not fail by the bytes that are left. */
#define NULS_36 "000000000000000000000000000000000000000000000000000000000000000000000000"

static const struct {
    const char *codec, *hex, *why;
} faults[] = {
    {"remove", "20", "scg_id: an item of another type"},
    {"remove", "1b0000000100000000", "out of its range"},
    {"remove", "1807", "scg_id: a number is not in its shortest form"},
    {"remove", "f6", "another type"},
    {"timeline", "85 01 02 03 1a019bfcc0 00", "TIMELINE: a number, length or count"},
    {"timeline", "86 01 1b4000000000000000 03 04 05 f4", "tick: a number"},
    {"timeline", "86 01 02 03 04 05 06", "has_ended: an item of another type"},
    {"timeline", "86 01 02 03 1b0000000100000000 05 f4", "rate_hz"},
    {"timeline", "86 01 f6 03 04 05 f4", "tick: an item of another type"},
    {"timeline", "86 61 61 02 03 04 05 f4", "timeline_id"},
    {"timeline", "a0", "TIMELINE: an item of another type"},
    {"announce", "86 60 01 02 03 f4 80", "name: a value that does not belong"},
    {"announce", "86 61 0a 01 02 03 f4 80", "name: a value that does not belong"},
    {"announce", "86 61 ff 01 02 03 f4 80", "name: text that is not well-formed"},
    {"announce", "86 61 61 01 1a0036ee81 03 f4 80", "air_lead_ms"},
    {"announce", "86 61 61 01 02 191001 f4 80", "scg_limit"},
    {"announce", "86 61 61 01 02 03 f4 991001", "services: a length or count"},
    {"announce", "86 61 61 01 02 03 f4 82 86 01 02 03 04 60 80 80", "services"},
    {"announce", "86 61 61 01 02 03 f4 81 86 01 02 03 04 60 80 01", "bytes behind the end"},
    {"announce", "86 61 61 01 02 03 f4 81 86 01 02 03 192000 60 80", "a service, pcr_pid"},
    {"announce", "86 61 61 01 02 03 f4 81 86 01 02 03 04 60 81 82 191fff 01", "a service, pid"},
    {"announce", "86 61 61 01 02 03 f4 81 86 01 02 03 04 60 81 83 01 02 03", "components"},
    {"scg", "86 01 60 02 f4 80 80", "a service, services: a number, length or count"},
    {"scg", "86 01 60 02 f4 81 84 1a00010000 01 02 80 80", "original_network_id"},
    {"scg", "86 01 60 02 f4 81 84 f6 f6 f6 80 80", "service_id: an item of another type"},
    {"scg", "86 01 60 02 f4 81 84 f6 f6 01 81 191fff 80", "components"},
    {"scg", "86 01 60 190100 f4 81 84 f6 f6 01 80 80", "scrambling_mode"},
    {"scg", "86 01 60 02 f4 81 84 f6 f6 01 80 82 86 01 02 03 04 f4 40 86 01 02 03 04 f4 40",
     "a stream, stream (it stands twice)"},
    {"scg", "86 01 60 02 f4 81 84 f6 f6 01 80 81 86 1820 02 03 04 f4 40", "a stream, stream"},
    {"scg", "86 01 60 02 f4 81 84 f6 f6 01 80 81 86 01 02 03 191fff f4 40", "a stream, pid"},
    {"scg", "86 01 60 02 f4 81 84 f6 f6 01 80 81 86 01 02 03 04 f4 60", "private_data"},
    {"defined", "82 81 191fff 60", "pids"},
    {"defined", "82 80 61 1b", "remark: a value that does not belong"},
    {"orders", "81 84 06 01 02 48 0000000000000000", "type: a number"},
    {"orders", "81 84 00 01 02 47 00000000000000", "ORDERS, WORD, cw"},
    {"orders", "81 84 00 01 02 49 000000000000000000", "ORDERS, WORD, cw"},
    {"orders", "81 84 00 01 02 f6", "ORDERS, WORD, cw: an item of another type"},
    {"orders", "81 84 00 01 1a00010000 48 0000000000000000", "ORDERS, WORD, cp"},
    {"orders", "81 85 00 01 02 48 0000000000000000 00", "the number of its elements"},
    {"orders", "81 86 01 01 02 03 f4 40", "ORDERS, ECM, datagram"},
    {"orders", "81 86 01 01 1820 03 f4 41 00", "ORDERS, ECM, stream"},
    {"orders", "81 86 02 01 03 04 02 f4", "ORDERS, PERIOD, parity"},
    {"orders", "81 86 02 01 03 f6 01 f4", "ORDERS, PERIOD, start_tick"},
    {"orders", "81 87 03 01 02 03 05 04 01", "stop_tick, which lies before start_tick"},
    {"orders", "81 87 03 01 02 03 04 05 00", "ORDERS, WINDOW, repetition_ms"},
    {"orders", "81 87 03 01 02 03 04 05 1a00010000", "ORDERS, WINDOW, repetition_ms"},
    {"orders", "81 83 04 01 f6", "ORDERS, CLEAR, start_tick"},
    {"orders", "81 83 05 1b0000000100000000 01", "ORDERS, PLANNED, scg_id"},
    {"orders", "9b00000000ffffffff", "ORDERS: a length or count"},
    {"orders", "82 83 04 01 02", "ORDERS"},
    {"reports", "81 83 05 01 02", "type"},
    {"reports", "81 85 00 01 02 03 02", "REPORTS, PERIOD, parity"},
    {"reports", "81 84 01 01 02 03", "REPORTS, CLEAR, the number of its elements"},
    {"reports", "81 87 04 01 02 03 04 06 05", "REPORTS, LATE, order"},
    {"reports", "81 85 02 01 1820 03 04", "REPORTS, ECM_FIRST, stream"},
    {"alarm", "85 00 01 02 f4 60", "type"},
    {"alarm", "85 09 01 02 f4 60", "type"},
    {"alarm", "85 01 01 1820 f4 60", "stream"},
    {"alarm", "85 01 01 18ff f4 60", "stream"},
    {"plan-request", "f4", "another type"},
    {"plan-request", "1b0000000100000000", "out of its range"},
    {"plan", "83 01 02 80", "another type"},
    {"plan", "82 01 f5", "the response to PLAN: a number, length or count"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 82 83 02 03 f6 83 01 03 f6 80", "cp, which does not rise"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 82 83 02 03 f6 83 1822 03 f6 80", "which does not rise"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 81 83 02 03 47 00000000000000 80", "cw"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 9821" NULS_36, "periods"},
    {"plan", "83 01 f5 81 86 01 f4 00 9821" NULS_36, "streams"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 80 9841" NULS_36 NULS_36, "ecms"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 80 81 84 01 02 f6 04", "start_tick"},
    {"plan", "83 01 f5 81 86 01 f4 00 80 80 81 84 01 02 03 00", "repetition_ms"},
};

START_TEST(what_is_wrong_is_said)
{
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    UNIT_ROOM(uint8_t, room, ROOM);
    struct unit_bytes bytes = unit_hex(faults[_i].hex);
    uint8_t *exact = unit_exact(unit_slice(&bytes));
    unsigned codec = 0;
    while (strcmp(scs_mux_codecs[codec].name, faults[_i].codec) != 0)
        codec++;
    struct simc_writer out = simc_writer(room, ROOM);
    int error = scs_mux_codecs[codec].again(simc_slice(exact, bytes.size), &out, why);
    ck_assert_msg(error == SIMC_EPROTO && strstr(why, faults[_i].why),
                  "%s %s: %s '%s', wanted '%s'", faults[_i].codec, faults[_i].hex,
                  simc_error_name(error), why, faults[_i].why);
    free(exact);
}
END_TEST

/* ---- what may not be written ---- */

static int put_order(struct simc__scs_mux_order order)
{
    uint8_t room[256];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc__scs_mux_orders orders;
    memset(room, 0x55, sizeof room);
    simc__scs_mux_orders_begin(&orders, &out);
    int error = simc__scs_mux_orders_put(&orders, &order);
    if (error) {
        ck_assert_uint_eq(out.at, 1);
        unit_expect_error(out.error, 0);
        unit_expect_error(simc__scs_mux_orders_end(&orders), 0);
        unit_expect_hex(simc_slice(room, out.at), "80");
    }
    return error;
}

START_TEST(orders_out_of_range_are_not_written)
{
    unit_expect_error(put_order((struct simc__scs_mux_order){.cw = scs_mux_sample_cw(8, 0)}), 0);
    unit_expect_error(put_order((struct simc__scs_mux_order){.cw = scs_mux_sample_cw(9, 0)}),
                      SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){.cw = scs_mux_sample_cw(0, 0)}),
                      SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){.type = SIMC__SCS_MUX_ORDER_COUNT}),
                      SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){.type = SIMC__SCS_MUX_ORDER_ECM}),
                      SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){.type = SIMC__SCS_MUX_ORDER_ECM,
                                                             .stream = 32,
                                                             .datagram = simc_slice("x", 1)}),
                      SIMC_EINVAL);
    unit_expect_error(
        put_order((struct simc__scs_mux_order){.type = SIMC__SCS_MUX_ORDER_PERIOD, .parity = 2}),
        SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){.type = SIMC__SCS_MUX_ORDER_PERIOD,
                                                             .start_tick = SIMC__SCS_MUX_OPEN}),
                      SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){.type = SIMC__SCS_MUX_ORDER_WINDOW,
                                                             .start_tick = 5,
                                                             .stop_tick = 4,
                                                             .repetition_ms = 1}),
                      SIMC_EINVAL);
    unit_expect_error(put_order((struct simc__scs_mux_order){
                          .type = SIMC__SCS_MUX_ORDER_WINDOW, .start_tick = 5, .stop_tick = 5}),
                      SIMC_EINVAL);
}
END_TEST

/* The count in front grows over the sizes of its head; nothing of a control word stays behind. */
START_TEST(a_list_takes_what_fits_and_leaves_nothing_behind)
{
    const struct simc__scs_mux_order order = {.cp = 5, .cw = scs_mux_sample_cw(16, 7)};
    char why[SIMC__SCS_MUX_TEXT_SIZE];
    static uint8_t room[8192];
    for (size_t capacity = 0; capacity < sizeof room; capacity += 1 + capacity / 64) {
        struct simc_writer out = simc_writer(room, capacity);
        struct simc__scs_mux_orders orders;
        struct simc__scs_mux_reader reader;
        struct simc__scs_mux_order got;
        uint32_t count = 0, read = 0;
        memset(room, 0, sizeof room);
        simc__scs_mux_orders_begin(&orders, &out);
        while (!simc__scs_mux_orders_put(&orders, &order))
            count++;
        if (capacity == 0) {
            unit_expect_error(simc__scs_mux_orders_end(&orders), SIMC_ENOSPC);
            continue;
        }
        unit_expect_error(simc__scs_mux_orders_end(&orders), 0);
        ck_assert_uint_le(out.at, capacity);
        for (size_t i = out.at; i < sizeof room; i++)
            ck_assert_uint_eq(room[i], 0);
        unit_expect_error(simc__scs_mux_orders_open(simc_slice(room, out.at), &reader, why), 0);
        while (!simc__scs_mux_orders_next(&reader, &got, why)) {
            ck_assert(simc_secret_equal(&got.cw, &order.cw));
            read++;
        }
        ck_assert_uint_eq(read, count);
    }
}
END_TEST

START_TEST(a_list_ends_at_its_largest_count)
{
    UNIT_ROOM(uint8_t, room, 1024 * 1024);
    const struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_CLEAR};
    struct simc_writer out = simc_writer(room, (1024 * 1024));
    struct simc__scs_mux_orders orders;
    uint32_t count = 0;
    simc__scs_mux_orders_begin(&orders, &out);
    while (!simc__scs_mux_orders_put(&orders, &order))
        count++;
    ck_assert_uint_eq(count, 65535);
    unit_expect_error(simc__scs_mux_orders_end(&orders), 0);
    unit_expect_hex(simc_slice(room, 3), "99ffff");
}
END_TEST

START_TEST(plans_are_written_in_order_only)
{
    static struct simc__scs_mux_plan_scg scg;
    uint8_t room[4096];
    struct simc__scs_mux_orders plan;
    struct simc_writer out = simc_writer(room, sizeof room);
    scs_mux_sample_plan_scg(SCS_MUX_USUAL, &scg);
    simc__scs_mux_plan_begin(&plan, &out, 1);
    scg.periods[2].cp = scg.periods[0].cp;
    unit_expect_error(simc__scs_mux_plan_put(&plan, &scg), SIMC_EINVAL);
    scg.periods[2].cp = (uint16_t)(scg.periods[0].cp + 32);
    unit_expect_error(simc__scs_mux_plan_put(&plan, &scg), SIMC_EINVAL);
    scg.periods[2].cp = (uint16_t)(scg.periods[1].cp + 30);
    unit_expect_error(simc__scs_mux_plan_put(&plan, &scg), 0);
    scg.period_count = SIMC__SCS_MUX_WORDS_KEPT + 1;
    unit_expect_error(simc__scs_mux_plan_put(&plan, &scg), SIMC_EINVAL);
    unit_expect_error(simc__scs_mux_plan_end(&plan, true), 0);
}
END_TEST

/* ---- memory ---- */

static int read_sample(void *context)
{
    const struct simc_slice *body = context;
    struct simc__scs_mux_announce announce;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    int error = simc__scs_mux_announce_read(*body, &announce, why);
    if (error)
        ck_assert_ptr_nonnull(strstr(why, "no memory"));
    ck_assert(!error == (announce.services != NULL));
    simc__scs_mux_announce_fini(&announce);
    return error;
}

static int read_scg(void *context)
{
    const struct simc_slice *body = context;
    struct simc__scs_mux_scg scg;
    char why[SIMC__SCS_MUX_TEXT_SIZE] = "";
    int error = simc__scs_mux_scg_read(*body, &scg, why);
    if (error)
        ck_assert_ptr_nonnull(strstr(why, "no memory"));
    simc__scs_mux_scg_fini(&scg);
    return error;
}

START_TEST(failing_allocations_are_told)
{
    struct simc_slice body;
    uint8_t *block = sample(0, SCS_MUX_USUAL, &body);
    ck_assert_uint_eq(unit_fail_each_allocation(read_sample, &body, true), 1);
    free(block);
    block = sample(2, SCS_MUX_USUAL, &body);
    ck_assert_uint_eq(unit_fail_each_allocation(read_scg, &body, true), 2);
    free(block);
}
END_TEST

Suite *suite_scs_mux(void)
{
    Suite *suite = suite_create("scs_mux");
    TCase *tests = tcase_create("scs_mux");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, every_message_comes_back_as_the_same_bytes, 0,
                        SCS_MUX_CODECS * SCS_MUX_SIZES);
    tcase_add_loop_test(tests, every_truncation_is_refused, 0, SCS_MUX_CODECS);
    tcase_add_loop_test(tests, bytes_behind_the_end_are_refused, 0, SCS_MUX_CODECS);
    tcase_add_loop_test(tests, a_damaged_byte_is_refused_or_means_something_else, 0,
                        SCS_MUX_CODECS);
    tcase_add_loop_test(tests, too_little_room_tells_what_is_needed, 0, SCS_MUX_CODECS);
    tcase_add_loop_test(tests, what_is_wrong_is_said, 0, UNIT_COUNT(faults));
    tcase_add_test(tests, orders_out_of_range_are_not_written);
    tcase_add_test(tests, a_list_takes_what_fits_and_leaves_nothing_behind);
    tcase_add_test(tests, a_list_ends_at_its_largest_count);
    tcase_add_test(tests, plans_are_written_in_order_only);
    tcase_add_test(tests, failing_allocations_are_told);
    suite_add_tcase(suite, tests);
    return suite;
}
