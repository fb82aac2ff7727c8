/* SPDX-License-Identifier: BSL-1.0 */
/* Statistics of a stream: counts, bit rates by PCR, scrambling states, and a time that never runs
 * backwards. Run by the unit test runner. */
#include <check.h>
#include <string.h>

#include "simulcrypt/ts.h"
#include "unit/unit.h"

Suite *suite_ts_stats(void);

enum { TICKS = 2700 }; /* per packet: 10000 packets or 15.04 Mbit a second */

static struct simc_ts_stats stats;

static void setup(void)
{
    ck_assert_int_eq(simc_ts_stats_init(&stats), 0);
}

static void teardown(void)
{
    simc_ts_stats_fini(&stats);
}

struct packet {
    uint16_t pid;
    unsigned cc;
    enum simc_ts_tsc tsc;
    size_t payload;
    bool has_pcr, discontinuity;
    uint64_t pcr;
};

static struct simc_ts_event push(const struct packet *in)
{
    static const uint8_t payload[SIMC_TS_PAYLOAD_MAX] = {1};
    struct simc_ts_header header = {.pid = in->pid, .cc = in->cc & 0xf, .tsc = in->tsc};
    struct simc_ts_adaptation field = {.present = in->has_pcr || in->discontinuity,
                                       .has_pcr = in->has_pcr,
                                       .discontinuity = in->discontinuity,
                                       .pcr_27mhz = in->pcr};
    struct simc_ts_event event;
    uint8_t packet[SIMC_TS_SIZE];
    ck_assert_int_eq(simc_ts_write(packet, &header, &field, simc_slice(payload, in->payload)), 0);
    simc_ts_stats_push(&stats, packet, &event);
    return event;
}

START_TEST(bit_rates_follow_from_pcrs)
{
    unsigned cc = 0;
    ck_assert(!simc_ts_stats_has_time(&stats));
    for (unsigned i = 0; i < 10000; i++) {
        bool pcr = i % 200 == 0;
        push(&(struct packet){.pid = i % 4 ? 0x100 : 0x101,
                              .cc = i % 4 ? cc : i / 4,
                              .payload = 170,
                              .has_pcr = pcr,
                              .pcr = SIMC_PCR_WRAP - 50000 + (uint64_t)i * TICKS});
        cc += i % 4 != 0;
    }
    ck_assert_uint_eq(stats.order_errors, 0);
    ck_assert_uint_eq(simc_ts_stats_bitrate(&stats), 15040000);
    ck_assert_uint_eq(simc_ts_stats_pid_bitrate(&stats, 0x100), 11280000);
    ck_assert_uint_eq(simc_ts_stats_pid_bitrate(&stats, 0x101), 3760000);
    ck_assert_uint_eq(simc_ts_stats_time(&stats), 9999u * TICKS);
    ck_assert_uint_eq(stats.pids[0x101].pcrs, 50);
}
END_TEST

START_TEST(scrambling_states_ignore_payloads_that_stay_clear)
{
    static const struct {
        enum simc_ts_tsc tsc;
        size_t payload;
        bool changed;
    } rows[] = {
        {SIMC_TSC_CLEAR, 184, true}, {SIMC_TSC_CLEAR, 184, false}, {SIMC_TSC_EVEN, 184, true},
        {SIMC_TSC_CLEAR, 15, false}, {SIMC_TSC_EVEN, 16, false},   {SIMC_TSC_ODD, 100, true},
        {SIMC_TSC_CLEAR, 0, false},  {SIMC_TSC_ODD, 184, false},   {SIMC_TSC_CLEAR, 16, true},
    };
    unsigned cc = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cc += rows[i].payload > 0;
        struct simc_ts_event event = push(
            &(struct packet){.pid = 9, .cc = cc, .tsc = rows[i].tsc, .payload = rows[i].payload});
        ck_assert_int_eq(event.tsc_changed, rows[i].changed);
    }
    const struct simc_ts_pid_stats *pid = &stats.pids[9];
    ck_assert_uint_eq(pid->tsc_changes, 3);
    ck_assert_uint_eq(pid->tsc_seen, 1 << SIMC_TSC_CLEAR | 1 << SIMC_TSC_EVEN | 1 << SIMC_TSC_ODD);
    ck_assert_uint_eq(pid->no_payload, 1);
    ck_assert_uint_eq(pid->by_tsc[SIMC_TSC_CLEAR], 4);
    ck_assert_uint_eq(pid->order_errors, 0);
}
END_TEST

START_TEST(bad_packets_touch_nothing_else)
{
    uint8_t packet[SIMC_TS_SIZE];
    struct simc_ts_event event;
    simc_ts_null(packet);
    simc_ts_set_pid(packet, 0x33);
    packet[1] |= 0x80;
    simc_ts_stats_push(&stats, packet, &event);
    ck_assert(event.bad && !event.bad_sync);
    packet[1] &= 0x7f;
    packet[3] = 0x30;
    packet[4] = 183;
    simc_ts_stats_push(&stats, packet, &event);
    ck_assert(event.bad);
    packet[0] = 0x46;
    simc_ts_stats_push(&stats, packet, NULL);
    ck_assert_uint_eq(stats.packets, 3);
    ck_assert_uint_eq(stats.bad_syncs, 1);
    ck_assert_uint_eq(stats.pids[0x33].packets, 2);
    ck_assert_uint_eq(stats.pids[0x33].transport_errors, 1);
    ck_assert_uint_eq(stats.pids[0x33].malformed, 1);
    ck_assert(!stats.pids[0x33].continuity.started);
}
END_TEST

START_TEST(time_goes_on_over_breaks_and_dead_clocks)
{
    uint64_t last = 0, base = 1000000;
    unsigned cc[2] = {0, 0};
    for (unsigned i = 0; i < 60000; i++) {
        /* The first clock dies at a third; the second jumps with notice at two thirds. */
        unsigned which = i % 2;
        bool dead = which == 0 && i > 20000, jump = i == 40001;
        bool pcr = i % 100 == which && !dead;
        if (jump)
            base += UINT64_C(7777777777);
        push(&(struct packet){.pid = (uint16_t)(0x100 + which),
                              .cc = cc[which]++,
                              .payload = 170,
                              .has_pcr = pcr || jump,
                              .discontinuity = jump,
                              .pcr = base + (uint64_t)i * TICKS});
        uint64_t now = simc_ts_stats_time(&stats);
        ck_assert_uint_ge(now, last);
        ck_assert_uint_le(now, (uint64_t)i * TICKS);
        last = now;
    }
    ck_assert_uint_gt(last, 59000u * TICKS);
    ck_assert_uint_eq(stats.reference, 1);
}
END_TEST

START_TEST(a_break_told_by_the_caller_is_no_jump)
{
    struct packet packet = {.pid = 5, .payload = 100, .has_pcr = true, .pcr = 100000};
    push(&packet);
    packet.cc = 1;
    packet.pcr = 50;
    simc_ts_stats_break(&stats);
    ck_assert_int_eq(push(&packet).pcr, SIMC_PCR_ANNOUNCED);
    packet.cc = 2;
    packet.pcr = 40;
    ck_assert_int_eq(push(&packet).pcr, SIMC_PCR_JUMP);
}
END_TEST

/* More PCR PIDs than clocks: the rest is counted without a clock. */
START_TEST(clocks_have_a_ceiling)
{
    for (unsigned i = 0; i < 200; i++)
        push(&(struct packet){.pid = (uint16_t)(0x100 + i), .payload = 100, .has_pcr = true});
    ck_assert_uint_eq(stats.clock_count, SIMC_TS_CLOCKS_MAX);
    ck_assert_uint_eq(stats.pids[0x100 + 199].pcrs, 1);
    ck_assert_uint_eq(stats.pids[0x100 + 199].clock, 0);
}
END_TEST

static int init_and_fini(void *context)
{
    struct simc_ts_stats *one = context;
    int error = simc_ts_stats_init(one);
    if (!error)
        simc_ts_stats_fini(one);
    return error;
}

static int assembler_init_and_fini(void *context)
{
    struct simc_section_assembler *one = context;
    int error = simc_section_assembler_init(one, 4096);
    simc_section_assembler_fini(one);
    return error;
}

START_TEST(no_memory_is_reported)
{
    struct simc_ts_stats one;
    struct simc_section_assembler assembler;
    ck_assert_uint_eq(unit_fail_each_allocation(init_and_fini, &one, true), 1);
    ck_assert_uint_eq(unit_fail_each_allocation(assembler_init_and_fini, &assembler, true), 1);
}
END_TEST

Suite *suite_ts_stats(void)
{
    Suite *suite = suite_create("ts stats");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, bit_rates_follow_from_pcrs);
    tcase_add_test(tests, scrambling_states_ignore_payloads_that_stay_clear);
    tcase_add_test(tests, bad_packets_touch_nothing_else);
    tcase_add_test(tests, time_goes_on_over_breaks_and_dead_clocks);
    tcase_add_test(tests, a_break_told_by_the_caller_is_no_jump);
    tcase_add_test(tests, clocks_have_a_ceiling);
    suite_add_tcase(suite, tests);
    TCase *memory = tcase_create("memory");
    tcase_add_test(memory, no_memory_is_reported);
    suite_add_tcase(suite, memory);
    return suite;
}
