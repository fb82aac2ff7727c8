/* SPDX-License-Identifier: BSL-1.0 */
/* The system target decoder against cases worked out by hand and against a naive one that moves
 * byte by byte; and the filter behind the measurements of PCRs against clocks that are known. Run
 * by the unit test runner. */
#include <check.h>
#include <string.h>

#include "psi/pcr_filter.h"
#include "psi/tstd.h"
#include "unit/unit.h"

Suite *suite_psi_tstd(void);

enum { HZ = 27000000, MS = 27000, PACKET = 188 };

static struct simc__std std;

/* Ticks of a packet at a bit rate. */
static uint64_t packet_ticks(uint64_t bps)
{
    return (uint64_t)PACKET * 8 * HZ / bps;
}

static void start(enum simc__std_kind kind, struct simc__std_sizes sizes)
{
    memset(&std, 0, sizeof std);
    simc__std_start(&std, kind, &sizes, 0);
}

static const struct simc__std_sizes audio = {2000000, 0, 0, 3584};
static const struct simc__std_sizes video = {1200000, 1000000, 2000, 20000};

/* Gives a packet at the rate of the stream. @return the faults that were found. */
static struct simc__std_faults push(uint64_t at, uint64_t bps, unsigned bytes)
{
    struct simc__std_faults faults;
    simc__std_packet(&std, at, at + packet_ticks(bps), bytes, &faults);
    return faults;
}

/* ---- TB ---- */

/* Packets back to back at 40 Mbit/s into a TB that drains at 2 Mbit/s: three are 564 bytes in
 * 113 us, in which 28 drain. */
START_TEST(three_packets_in_a_row_overflow_the_transport_buffer)
{
    start(SIMC__STD_AUDIO, audio);
    uint64_t step = packet_ticks(40000000);
    ck_assert_uint_eq(push(0, 40000000, 0).set, 0);
    ck_assert_uint_eq(push(step, 40000000, 0).set, 0);
    struct simc__std_faults faults = push(2 * step, 40000000, 0);
    ck_assert_uint_eq(faults.set, 1u << SIMC__STD_TRANSPORT_OVER);
    ck_assert_int_ge(faults.values[SIMC__STD_TRANSPORT_OVER], 535);
    ck_assert_int_le(faults.values[SIMC__STD_TRANSPORT_OVER], 536);
    /* It lasts: one fault. It ends and comes back: another. */
    ck_assert_uint_eq(push(3 * step, 40000000, 0).set, 0);
    ck_assert_uint_eq(push(HZ / 2, 40000000, 0).set, 0);
    ck_assert_uint_eq(push(HZ / 2 + step, 40000000, 0).set, 0);
    ck_assert_uint_eq(push(HZ / 2 + 2 * step, 40000000, 0).set, 1u << SIMC__STD_TRANSPORT_OVER);
}
END_TEST

START_TEST(a_slow_stream_leaves_the_transport_buffer_empty)
{
    start(SIMC__STD_AUDIO, audio);
    for (unsigned i = 0; i < 10000; i++)
        ck_assert_uint_eq(push(i * packet_ticks(1900000), 1900000, 0).set, 0);
    ck_assert_double_eq(std.transport_max, 0);
}
END_TEST

/* As fast as it drains, with two packets of a fast burst in front: it never gets empty. */
START_TEST(a_transport_buffer_must_be_empty_once_a_second)
{
    start(SIMC__STD_AUDIO, audio);
    uint64_t at = 0;
    unsigned found = 0;
    for (; at < HZ * UINT64_C(35) / 10; at += packet_ticks(2000000)) {
        uint64_t rate = at ? 2000000 : 400000000;
        struct simc__std_faults faults = push(at, rate, 0);
        ck_assert_uint_eq(faults.set & ~(1u << SIMC__STD_TRANSPORT_FULL), 0);
        found += faults.set != 0;
        if (at == 0)
            push(at + packet_ticks(rate), rate, 0);
    }
    ck_assert_uint_eq(found, 3); /* once for each second */
}
END_TEST

/* ---- B ---- */

/* Units of 1000 bytes in packets of 100, due a time after they have begun. */
static unsigned push_units(unsigned count, uint64_t wait, uint64_t every, bool judge,
                           int64_t values[SIMC__STD_FAULTS])
{
    unsigned set = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = i * every;
        simc__std_unit(&std, 0, at + wait, judge);
        for (unsigned k = 0; k < 10; k++) {
            struct simc__std_faults faults = push(at + k * every / 10, 10000000, 100);
            set |= faults.set;
            for (unsigned n = 0; n < SIMC__STD_FAULTS; n++) {
                if (faults.set & 1u << n)
                    values[n] = faults.values[n];
            }
        }
    }
    return set;
}

START_TEST(units_leave_the_main_buffer_at_their_time)
{
    int64_t values[SIMC__STD_FAULTS] = {0};
    start(SIMC__STD_AUDIO, audio);
    ck_assert_uint_eq(push_units(100, 60 * MS, 20 * MS, true, values), 0);
    ck_assert_double_ge(std.elementary_max, 2999);
    ck_assert_double_le(std.elementary_max, 3101);
    start(SIMC__STD_AUDIO, audio);
    ck_assert_uint_eq(push_units(100, 80 * MS, 20 * MS, true, values),
                      1u << SIMC__STD_ELEMENTARY_OVER);
    ck_assert_int_ge(values[SIMC__STD_ELEMENTARY_OVER], 3589);
}
END_TEST

START_TEST(data_behind_its_time_is_an_underflow)
{
    int64_t values[SIMC__STD_FAULTS] = {0};
    start(SIMC__STD_AUDIO, audio);
    /* The last packet comes 18 ms after the first, and takes 0.75 ms through TB. */
    ck_assert_uint_eq(push_units(10, 18 * MS + MS, 20 * MS, true, values), 0);
    start(SIMC__STD_AUDIO, audio);
    ck_assert_uint_eq(push_units(10, 18 * MS + MS / 2, 20 * MS, true, values),
                      1u << SIMC__STD_UNDERFLOW);
    ck_assert_int_ge(values[SIMC__STD_UNDERFLOW], MS / 5);
    ck_assert_int_le(values[SIMC__STD_UNDERFLOW], MS / 3);
    start(SIMC__STD_AUDIO, audio);
    ck_assert_uint_eq(push_units(10, 18 * MS, 20 * MS, false, values), 0);
    ck_assert_double_le(std.elementary, 1000);
}
END_TEST

/* A packet with the end of one unit and the start of the next is late when the first of them is. */
START_TEST(the_end_of_a_unit_shares_a_packet_with_the_next)
{
    for (unsigned late = 0; late < 2; late++) {
        start(SIMC__STD_AUDIO, audio);
        simc__std_unit(&std, 0, 10 * MS, true);
        ck_assert_uint_eq(push(0, 10000000, 184).set, 0);
        simc__std_unit(&std, 20, 40 * MS, true);
        unsigned set = push(late ? 11 * MS : 8 * MS, 10000000, 184).set;
        ck_assert_uint_eq(set, late ? 1u << SIMC__STD_UNDERFLOW : 0);
        ck_assert_uint_eq(push(30 * MS, 10000000, 184).set, 0);
        simc__std_forgive(&std);
        ck_assert_uint_eq(push(50 * MS, 10000000, 184).set, 0);
    }
}
END_TEST

START_TEST(more_units_than_are_kept_are_taken_for_decoded)
{
    start(SIMC__STD_AUDIO, audio);
    for (unsigned i = 0; i < 3 * SIMC__STD_UNITS_MAX; i++) {
        simc__std_unit(&std, 0, (uint64_t)1000 * HZ, true);
        ck_assert_uint_eq(
            push(i * (uint64_t)MS, 10000000, 7).set & ~(1u << SIMC__STD_ELEMENTARY_OVER), 0);
    }
    ck_assert_uint_eq(std.unit_count, SIMC__STD_UNITS_MAX);
    ck_assert_double_le(std.elementary, 7 * (SIMC__STD_UNITS_MAX + 1));
}
END_TEST

/* ---- MB and EB ---- */

/* 20000 bytes fit into EB and 2000 into MB; nothing is decoded. */
START_TEST(a_full_elementary_buffer_holds_the_multiplex_buffer)
{
    unsigned packets = 0;
    struct simc__std_faults faults = {.set = 0};
    start(SIMC__STD_VIDEO, video);
    simc__std_unit(&std, 0, (uint64_t)100 * HZ, true);
    while (!faults.set && packets < 1000) {
        faults = push(packets * packet_ticks(900000), 900000, 184);
        packets++;
    }
    ck_assert_uint_eq(faults.set, 1u << SIMC__STD_MULTIPLEX_OVER);
    ck_assert_uint_eq(packets, 22000 / 184 + 1);
    /* What overflows is counted as if EB took it. */
    ck_assert_double_ge(std.elementary, 20000);
    ck_assert_double_le(std.elementary, 20000 + 184);
    ck_assert_double_eq(std.multiplex, 2000);
}
END_TEST

START_TEST(a_multiplex_buffer_must_be_empty_once_a_second)
{
    /* EB is full from 178 ms on, MB has room for another second. */
    const struct simc__std_sizes sizes = {1200000, 1000000, 200000, 20000};
    unsigned set = 0;
    uint64_t at = 0;
    start(SIMC__STD_VIDEO, sizes);
    simc__std_unit(&std, 0, (uint64_t)100 * HZ, true);
    for (; at < HZ && !set; at += packet_ticks(900000))
        set = push(at, 900000, 184).set;
    ck_assert_uint_eq(set, 0);
    for (; at < 2 * HZ && !set; at += packet_ticks(900000))
        set = push(at, 900000, 184).set;
    ck_assert_uint_eq(set, 1u << SIMC__STD_MULTIPLEX_FULL);
    ck_assert_uint_ge(at, HZ + 170 * MS);
    ck_assert_uint_le(at, HZ + 190 * MS);
}
END_TEST

/* ---- PSI ---- */

START_TEST(tables_leave_at_their_rate)
{
    const struct simc__std_sizes sizes = {1000000, 80000, 0, SIMC__STD_SYSTEM};
    unsigned set = 0;
    /* 184 bytes each 20 ms are 73.6 kbit/s, each 18 ms 81.8. */
    for (unsigned fast = 0; fast < 2; fast++) {
        start(SIMC__STD_TABLES, sizes);
        set = 0;
        for (unsigned i = 0; i < 10000; i++)
            set |= push(i * (uint64_t)(fast ? 18 : 20) * MS, 40000000, 184).set;
        ck_assert_uint_eq(set, fast ? 1u << SIMC__STD_ELEMENTARY_OVER : 0);
    }
}
END_TEST

/* ---- a naive decoder ---- */

enum { STEP = 27, NAIVE_PACKETS = 400 };

struct naive_packet {
    uint64_t start, end;
    unsigned bytes;
    uint64_t due; /* of the unit that begins with it; 0: it goes on */
};

/* Steps of a microsecond: every byte walks by itself. */
static void naive(const struct simc__std_sizes *sizes, const struct naive_packet *packets,
                  double most[3])
{
    double in = 0, left = 0, multiplex = 0, elementary = 0, gone = 0, entered = 0;
    double ends[NAIVE_PACKETS] = {0};
    unsigned next = 0, leaving = 0, unit = 0;
    for (uint64_t now = 0; leaving < NAIVE_PACKETS; now += STEP) {
        while (next < NAIVE_PACKETS && packets[next].end <= now)
            next++;
        in = next * (double)PACKET;
        if (next < NAIVE_PACKETS && packets[next].start < now)
            in += (double)PACKET * (double)(now - packets[next].start) /
                  (double)(packets[next].end - packets[next].start);
        double out = left + (double)sizes->transport_bps / 8 * STEP / HZ;
        left = out < in ? out : in;
        most[0] = in - left > most[0] ? in - left : most[0];
        for (; leaving < next && left >= (leaving + 1) * (double)PACKET - 0.5; leaving++) {
            multiplex += packets[leaving].bytes;
            ends[leaving] =
                leaving ? ends[leaving - 1] + packets[leaving].bytes : packets[leaving].bytes;
        }
        most[1] = multiplex > most[1] ? multiplex : most[1];
        double flow = (double)sizes->leak_bps / 8 * STEP / HZ;
        flow = flow < multiplex ? flow : multiplex;
        double room = sizes->elementary - elementary;
        flow = flow < room ? flow : room;
        multiplex -= flow;
        entered += flow;
        /* Units: each ends where the next one begins. */
        for (unsigned i = unit; i < leaving && packets[i].due && packets[i].due <= now;) {
            unsigned last = i + 1;
            while (last < NAIVE_PACKETS && !packets[last].due)
                last++;
            if (last > leaving)
                break;
            gone = ends[last - 1] > gone ? ends[last - 1] : gone;
            unit = i = last;
        }
        elementary = entered - gone;
        most[2] = elementary > most[2] ? elementary : most[2];
    }
}

/* Random packets of a stream that is not late: both see the same levels, but for the bytes that
 * move in a step. */
START_TEST(it_agrees_with_a_naive_decoder)
{
    static struct naive_packet packets[NAIVE_PACKETS];
    struct unit_random random = unit_random((uint64_t)_i + 1);
    const struct simc__std_sizes sizes = {8000000, 5000000, 20000, 30000};
    uint64_t at = 0, due = 0;
    double most[3] = {0, 0, 0};
    start(SIMC__STD_VIDEO, sizes);
    for (unsigned i = 0; i < NAIVE_PACKETS; i++) {
        uint8_t noise[4];
        unit_random_fill(&random, noise, sizeof noise);
        at += noise[0] < 160 ? 0 : (uint64_t)noise[1] * 400;
        packets[i].start = at;
        packets[i].end = at + packet_ticks(20000000);
        packets[i].bytes = 1 + noise[2] % 184;
        packets[i].due = i % 20 == 0 ? at + 120 * MS + noise[3] * (uint64_t)100 : 0;
        if (packets[i].due && packets[i].due < due)
            packets[i].due = due;
        due = packets[i].due ? packets[i].due : due;
        at = packets[i].end;
        if (packets[i].due)
            simc__std_unit(&std, 0, packets[i].due, true);
        struct simc__std_faults faults;
        simc__std_packet(&std, packets[i].start, packets[i].end, packets[i].bytes, &faults);
        ck_assert_uint_eq(faults.set & 1u << SIMC__STD_UNDERFLOW, 0);
        if (std.transport_over)
            return; /* what is lost there is not modelled by the naive one */
    }
    naive(&sizes, packets, most);
    const double ours[3] = {std.transport_max, std.multiplex_max, std.elementary_max};
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_double_ge(most[i], ours[i] - 190);
        ck_assert_double_le(most[i], ours[i] + 190);
    }
}
END_TEST

/* ---- the filter of PCRs ---- */

static struct simc__pcr_filter filter;

/* Feeds a clock that is `offset` and half of `drift` t^2 ahead, at uneven times. */
static void feed_parabola(double offset, double drift, double seconds, double demarcation)
{
    struct unit_random random = unit_random(9);
    memset(&filter, 0, sizeof filter);
    for (double at = 1000, first = at; at - first < seconds;) {
        uint8_t noise;
        double t = at - first;
        simc__pcr_filter_push(&filter, at + 0.5 + offset * t + drift / 2 * t * t, at, demarcation);
        unit_random_fill(&random, &noise, 1);
        at += 0.005 + noise * 0.0002;
    }
}

static void near(double value, double wanted, double slack)
{
    ck_assert_double_ge(value, wanted - slack);
    ck_assert_double_le(value, wanted + slack);
}

START_TEST(a_parabola_is_measured_as_it_is)
{
    static const double demarcations[] = {0.01, 0.1, 1};
    double demarcation = demarcations[_i];
    feed_parabola(3e-5, 1e-6, 40, demarcation);
    near(filter.rate, 3e-5 + 1e-6 * simc__pcr_filter_span(&filter), 1e-9);
    near(2 * filter.bend, 1e-6, 1e-9);
    near(filter.jitter_s, 0, 1e-9);
    near(simc__pcr_filter_span(&filter), 40, 0.1);
}
END_TEST

/* A vibration at, far above and far below the demarcation frequency. */
START_TEST(the_demarcation_parts_jitter_from_drift)
{
    static const struct {
        double ratio, share, slack;
    } rows[] = {{1, 0.7071, 0.03}, {20, 1, 0.02}, {0.1, 0.0071, 0.003}};
    const double demarcation = 0.1, pi = 3.14159265358979;
    double frequency = demarcation * rows[_i].ratio, peak = 0;
    double sine = 0, cosine = 1, angle = 2 * pi * frequency * 0.02;
    memset(&filter, 0, sizeof filter);
    /* A rotation step by its series: the angle is small. */
    double s1 = angle * (1 - angle * angle / 6 * (1 - angle * angle / 20)),
           c1 = 1 - angle * angle / 2 * (1 - angle * angle / 12 * (1 - angle * angle / 30));
    for (unsigned i = 0; i < 30000; i++) {
        double at = i * 0.02, next = sine * c1 + cosine * s1;
        simc__pcr_filter_push(&filter, at + 1e-3 * sine, at, demarcation);
        cosine = cosine * c1 - sine * s1;
        sine = next;
        double jitter = filter.jitter_s < 0 ? -filter.jitter_s : filter.jitter_s;
        if (at > 400 && jitter > peak)
            peak = jitter;
    }
    near(peak / 1e-3, rows[_i].share, rows[_i].slack);
}
END_TEST

START_TEST(a_gap_starts_the_filter_anew)
{
    feed_parabola(1e-4, 0, 5, 0.01);
    double at = filter.at_s;
    simc__pcr_filter_push(&filter, 7, at + 11, 0.01);
    ck_assert_uint_eq(filter.count, 1);
    ck_assert_double_eq(simc__pcr_filter_span(&filter), 0);
    simc__pcr_filter_push(&filter, 7, at, 0.01); /* far back */
    ck_assert_uint_eq(filter.count, 1);
    for (unsigned i = 0; i < 100; i++)
        simc__pcr_filter_push(&filter, 7, at, 0.01); /* and standing still */
    near(filter.phase, 7 - at, 1e-6);
}
END_TEST

/* Each fifth value is held up and comes with, and even behind, the next: no more than jitter. */
START_TEST(values_out_of_order_are_jitter)
{
    memset(&filter, 0, sizeof filter);
    for (unsigned i = 0; i < 5000; i++) {
        double at = i * 0.02;
        simc__pcr_filter_push(&filter, at * (1 + 5e-5), i % 5 == 4 ? at + 0.03 : at, 0.1);
    }
    ck_assert_uint_eq(filter.count, 5000);
    near(simc__pcr_filter_span(&filter), 100, 0.1);
    near(filter.rate, 5e-5, 4e-3);
    ck_assert_double_le(filter.jitter_s < 0 ? -filter.jitter_s : filter.jitter_s, 0.03);
}
END_TEST

Suite *suite_psi_tstd(void)
{
    Suite *suite = suite_create("psi tstd");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, three_packets_in_a_row_overflow_the_transport_buffer);
    tcase_add_test(tests, a_slow_stream_leaves_the_transport_buffer_empty);
    tcase_add_test(tests, a_transport_buffer_must_be_empty_once_a_second);
    tcase_add_test(tests, units_leave_the_main_buffer_at_their_time);
    tcase_add_test(tests, data_behind_its_time_is_an_underflow);
    tcase_add_test(tests, the_end_of_a_unit_shares_a_packet_with_the_next);
    tcase_add_test(tests, more_units_than_are_kept_are_taken_for_decoded);
    tcase_add_test(tests, a_full_elementary_buffer_holds_the_multiplex_buffer);
    tcase_add_test(tests, a_multiplex_buffer_must_be_empty_once_a_second);
    tcase_add_test(tests, tables_leave_at_their_rate);
    tcase_add_loop_test(tests, it_agrees_with_a_naive_decoder, 0, 20);
    tcase_add_loop_test(tests, a_parabola_is_measured_as_it_is, 0, 3);
    tcase_add_loop_test(tests, the_demarcation_parts_jitter_from_drift, 0, 3);
    tcase_add_test(tests, a_gap_starts_the_filter_anew);
    tcase_add_test(tests, values_out_of_order_are_jitter);
    suite_add_tcase(suite, tests);
    return suite;
}
