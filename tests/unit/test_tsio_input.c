/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of inputs with real sockets, files and pipes. The runner in main.c calls
 * suite_tsio_input(). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"
#include "test_tsio_bed.h"

enum { SEVEN = 7 * SIMC_TS_SIZE, MANY = 20000 };

static void expect_packets(const struct ts_bed_end *end, size_t at, size_t first, size_t count)
{
    uint8_t wanted[SIMC_TS_SIZE];
    ck_assert_uint_ge(end->count, at + count);
    for (size_t i = 0; i < count; i++) {
        ts_bed_packets(wanted, first + i, 1);
        if (memcmp(end->packets + (at + i) * SIMC_TS_SIZE, wanted, SIMC_TS_SIZE) != 0)
            ck_abort_msg("packet %zu is not number %zu", at + i, first + i);
    }
}

static struct simc__tsio_input_stats stats_of(const struct ts_bed_end *end)
{
    struct simc__tsio_input_stats stats;
    simc__tsio_input_stats(end->input, &stats);
    return stats;
}

/* ---- UDP ---- */

static const struct udp_row {
    const char *input, *send_to;
} udp_rows[] = {
    {"udp://127.0.0.1:PORT", "127.0.0.1"},
    {"udp://:PORT", "127.0.0.1"},
    {"udp://[::1]:PORT", "::1"},
    {"udp://127.0.0.1@127.0.0.1:PORT", "127.0.0.1"},
    {"udp://127.0.0.1:PORT?interface=lo", "127.0.0.1"},
    {"udp://239.255.42.42:PORT?interface=lo", "239.255.42.42"},
    {"udp://239.255.42.42:PORT?interface=127.0.0.1", "239.255.42.42"},
    {"udp://127.0.0.1@232.255.42.42:PORT?interface=lo", "232.255.42.42"},
    {"rtp://127.0.0.1:PORT", NULL},
};

static void send_packets(const char *host, uint16_t port, size_t first)
{
    uint8_t bytes[SIMC__TSIO_RTP_SIZE + SEVEN];
    struct simc__tsio_rtp rtp = {.sequence = (uint16_t)(first / 7)};
    simc__tsio_rtp_put(bytes, &rtp);
    ts_bed_packets(bytes + SIMC__TSIO_RTP_SIZE, first, 7);
    size_t skip = host ? SIMC__TSIO_RTP_SIZE : 0;
    ts_bed_send(host ? host : "127.0.0.1", port, simc_slice(bytes + skip, sizeof bytes - skip));
}

START_TEST(datagrams_arrive)
{
    const struct udp_row *row = &udp_rows[_i];
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    ts_bed_init(&bed);
    uint16_t port = ts_bed_free_port();
    ts_bed_with_port(address, sizeof address, row->input, port);
    ts_bed_input(&bed, &end, address, (struct simc__tsio_input_settings){.is_live = true});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    uint64_t before_ns = simc__clock_monotonic_ns();
    for (size_t i = 0; i < 10; i++)
        send_packets(row->send_to, port, 7 * i);
    uint64_t after_ns = simc__clock_monotonic_ns();
    ts_bed_until(&bed, end.count == 70);
    expect_packets(&end, 0, 0, 70);
    ck_assert(end.is_rising);
    /* The kernel's time, not that of the loop; its wall clock is slewed at most 500 ppm. */
    ck_assert_uint_ge(end.arrival_ns + 1000000, before_ns);
    ck_assert_uint_le(end.arrival_ns, after_ns + 1000000);
    ck_assert_int_eq(end.events[1], SIMC__TSIO_STARTED);
    struct simc__tsio_input_stats stats = stats_of(&end);
    ck_assert_uint_eq(stats.datagrams, 10);
    ck_assert_uint_eq(stats.packets, 70);
    ck_assert_uint_eq(stats.skipped_bytes + stats.rtp_lost + stats.rtp_late, 0);
    ck_assert(stats.is_running);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(other_senders_are_not_heard)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    ts_bed_init(&bed);
    uint16_t port = ts_bed_free_port();
    snprintf(address, sizeof address, "udp://127.0.0.9@0.0.0.0:%u", (unsigned)port);
    ts_bed_input(&bed, &end, address, (struct simc__tsio_input_settings){.is_live = true});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    send_packets("127.0.0.1", port, 0);
    ts_bed_turns(&bed, 20);
    ck_assert_uint_eq(end.count, 0);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(cut_packets_garbage_and_rtp_gaps_are_survived)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    uint8_t bytes[40 * SIMC_TS_SIZE];
    ts_bed_init(&bed);
    uint16_t port = ts_bed_free_port();
    snprintf(address, sizeof address, "udp://127.0.0.1:%u", (unsigned)port);
    ts_bed_input(&bed, &end, address, (struct simc__tsio_input_settings){.is_live = true});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    /* A byte stream that does not care for datagrams. */
    ts_bed_packets(bytes, 0, 40);
    for (size_t at = 0; at < sizeof bytes; at += 940)
        ts_bed_send("127.0.0.1", port,
                    simc_slice(bytes + at, sizeof bytes - at < 940 ? sizeof bytes - at : 940));
    ts_bed_until(&bed, end.count == 40);
    expect_packets(&end, 0, 0, 40);
    memset(bytes, 0xab, sizeof bytes);
    for (size_t i = 0; i < 5; i++)
        ts_bed_send("127.0.0.1", port, simc_slice(bytes, 1000));
    ts_bed_send("127.0.0.1", port, simc_slice(bytes, 1));
    ts_bed_send("127.0.0.1", port, simc_slice(bytes, 0));
    send_packets("127.0.0.1", port, 100);
    ts_bed_until(&bed, end.count == 47);
    expect_packets(&end, 40, 100, 7);
    ck_assert_uint_ge(stats_of(&end).skipped_bytes, 3000);
    /* RTP is recognised; 3 is lost, 2 comes twice. */
    static const unsigned sequence[] = {1, 2, 4, 2, 5};
    for (size_t i = 0; i < UNIT_COUNT(sequence); i++)
        send_packets(NULL, port, (size_t)7 * sequence[i]);
    ts_bed_until(&bed, end.count == 47 + 35);
    ck_assert_uint_eq(stats_of(&end).rtp_lost, 1);
    ck_assert_uint_eq(stats_of(&end).rtp_late, 1);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(silence_is_a_loss_and_packets_are_a_return)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    ts_bed_init(&bed);
    uint16_t port = ts_bed_free_port();
    snprintf(address, sizeof address, "udp://127.0.0.1:%u", (unsigned)port);
    ts_bed_input(&bed, &end, address,
                 (struct simc__tsio_input_settings){.is_live = true, .lost_ms = 50});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_LOST));
    ck_assert_str_eq(end.text, "no packet came for 50 ms");
    send_packets("127.0.0.1", port, 0);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_STARTED));
    end.event_count = 0;
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_LOST));
    send_packets("127.0.0.1", port, 7);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_RETURNED));
    ck_assert_uint_eq(stats_of(&end).losses, 2);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

static const struct trouble_row {
    const char *address, *why;
} trouble_rows[] = {
    {"udp://192.0.2.77:5000", "cannot receive at 192.0.2.77:5000"},
    {"udp://239.1.1.1:5000?interface=nosuch0", "this host has no interface 'nosuch0' now"},
    {"udp://239.1.1.1:5000?interface=192.0.2.77", "this host has no interface '192.0.2.77'"},
    {"/nonexistent/x.ts", "/nonexistent/x.ts cannot be opened: No such file"},
    {"/tmp", "/tmp is a folder"},
    {"pipe:/etc/passwd", "/etc/passwd is no pipe"},
    {"/etc/passwd", "/etc/passwd holds no transport packets"},
    {"/dev/null", "/dev/null holds no transport packets"},
};

START_TEST(what_cannot_be_opened_is_told_once_and_tried_again)
{
    const struct trouble_row *row = &trouble_rows[_i];
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    ts_bed_input(&bed, &end, row->address,
                 (struct simc__tsio_input_settings){.is_live = true, .retry_ms = 10});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_TROUBLE));
    ck_assert_msg(strncmp(end.text, row->why, strlen(row->why)) == 0, "%s", end.text);
    uint64_t until_ms = simc__clock_monotonic_ms() + 60;
    ts_bed_until(&bed, simc__clock_monotonic_ms() > until_ms);
    size_t told = 0;
    for (size_t i = 0; i < end.event_count; i++)
        told += end.events[i] == SIMC__TSIO_TROUBLE;
    ck_assert_uint_eq(told, 1);
    ts_bed_end_fini(&end);
    /* Without a tomorrow the first one is the last. */
    ts_bed_input(&bed, &end, row->address, (struct simc__tsio_input_settings){.is_live = false});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_FAILED));
    ck_assert_msg(strncmp(end.text, row->why, strlen(row->why)) == 0, "%s", end.text);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

/* ---- files and pipes ---- */

static void make_file(const char *path, size_t count)
{
    uint8_t *bytes = malloc(count * SIMC_TS_SIZE);
    ck_assert_ptr_nonnull(bytes);
    ts_bed_packets(bytes, 0, count);
    ts_bed_write(path, simc_slice(bytes, count * SIMC_TS_SIZE));
    free(bytes);
}

START_TEST(a_file_comes_whole_and_ends)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "x.ts");
    make_file(path, MANY);
    ts_bed_input(&bed, &end, path, (struct simc__tsio_input_settings){.run_count = 100});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    ck_assert_uint_eq(end.count, MANY);
    expect_packets(&end, 0, 0, MANY);
    ck_assert_uint_eq(stats_of(&end).skipped_bytes, 0);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_file_that_is_hardly_a_stream_is_refused)
{
    /* Where the only sync byte stands. The last place leaves no room for a packet. */
    static const struct {
        size_t at;
        const char *why;
    } rows[] = {
        {10000, "holds no transport packets"},
        {19900, "holds no transport packets"},
        {19812, "holds hardly any transport packets: 19812 bytes belong to none, 1 packets were "
                "found; is it a transport stream?"},
    };
    uint8_t bytes[20000];
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "garbage");
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        memset(bytes, 0xa5, sizeof bytes);
        bytes[rows[i].at] = SIMC_TS_SYNC;
        ts_bed_write(path, simc_slice(bytes, sizeof bytes));
        ts_bed_input(&bed, &end, path, (struct simc__tsio_input_settings){.is_live = false});
        ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_FAILED));
        ck_assert_msg(strstr(end.text, rows[i].why) != NULL, "%s", end.text);
        ck_assert(!ts_bed_has(&end, SIMC__TSIO_ENDED));
        ts_bed_end_fini(&end);
    }
    ts_bed_fini(&bed);
}
END_TEST

/* The consumer takes a few at a time; nothing is lost, doubled or given in between. */
START_TEST(a_full_consumer_holds_a_file_up)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "x.ts");
    make_file(path, MANY);
    ts_bed_input(&bed, &end, path, (struct simc__tsio_input_settings){.is_live = false});
    end.room = 1;
    ts_bed_until(&bed, end.count == 1);
    for (size_t step = 1; end.count < MANY; step = step * 3 % 4001 + 1) {
        size_t before = end.count, wanted = before + step < MANY ? before + step : MANY;
        ts_bed_turns(&bed, 2);
        ck_assert_uint_eq(end.count, before);
        end.room = step;
        simc__tsio_input_resume(end.input);
        ts_bed_until(&bed, end.count == wanted);
    }
    end.room = SIZE_MAX;
    simc__tsio_input_resume(end.input);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    expect_packets(&end, 0, 0, MANY);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_file_loops)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "x.ts");
    make_file(path, 3000);
    ts_bed_input(&bed, &end, path,
                 (struct simc__tsio_input_settings){.is_live = true, .is_looped = true});
    end.room = 10000;
    ts_bed_until(&bed, end.count == 10000);
    for (size_t at = 0; at < 10000; at++)
        expect_packets(&end, at, at % 3000, 1);
    ck_assert(ts_bed_has(&end, SIMC__TSIO_LOOPED));
    ck_assert(!ts_bed_has(&end, SIMC__TSIO_ENDED));
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_pipe_waits_for_its_writers)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    uint8_t bytes[10 * SIMC_TS_SIZE];
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ts_bed_input(&bed, &end, path,
                 (struct simc__tsio_input_settings){.is_live = true, .retry_ms = 10});
    for (size_t round = 1; round <= 3; round++) {
        int fd = -1;
        ts_bed_until(&bed, (fd = open(path, O_WRONLY | O_NONBLOCK)) >= 0);
        ts_bed_packets(bytes, 0, 10);
        ck_assert_int_eq(write(fd, bytes, 500), 500);
        ts_bed_turns(&bed, 5);
        ck_assert_int_eq(write(fd, bytes + 500, sizeof bytes - 500), (ssize_t)sizeof bytes - 500);
        ts_bed_until(&bed, end.count >= 10 * round - 1);
        close(fd);
        ts_bed_until(&bed, stats_of(&end).losses == round);
    }
    ck_assert_str_eq(end.text, "its writer has closed it");
    ts_bed_end_fini(&end);
    /* With an end to it, the first writer's end is that. */
    ts_bed_input(&bed, &end, path, (struct simc__tsio_input_settings){.is_live = false});
    int fd = -1;
    ts_bed_until(&bed, (fd = open(path, O_WRONLY | O_NONBLOCK)) >= 0);
    ck_assert_int_eq(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(fd);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    expect_packets(&end, 0, 0, 10);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(inputs_may_be_freed_at_any_moment)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "x.ts");
    make_file(path, MANY);
    for (unsigned turns = 0; turns < 12; turns++) {
        ts_bed_input(&bed, &end, path, (struct simc__tsio_input_settings){.is_looped = true});
        end.room = turns % 3 ? SIZE_MAX : 100;
        ts_bed_turns(&bed, turns);
        ts_bed_end_fini(&end);
    }
    ts_bed_fini(&bed);
}
END_TEST

static int input_step(void *context)
{
    struct simc__tsio_address address = ts_bed_address(*(const char **)context, SIMC__TSIO_INPUT);
    struct ts_bed_end end = {.room = 0};
    struct simc__tsio *tsio = NULL;
    struct simc__tsio_input *input = NULL;
    uv_loop_t loop;
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    int error = simc__tsio_new(&loop, &tsio);
    struct simc__tsio_input_settings settings = {.address = &address, .context = &end};
    settings.handlers.packets = (size_t(*)(void *, const struct simc_ts_run *, uint64_t))abort;
    if (!error)
        error = simc__tsio_input_new(tsio, &settings, &input);
    simc__tsio_input_free(input);
    simc__tsio_free(tsio);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    return error;
}

START_TEST(an_input_without_memory_says_so)
{
    ck_assert_uint_ge(
        unit_fail_each_allocation(input_step, &(const char *){"udp://127.0.0.1:5000"}, true), 3);
}
END_TEST

Suite *suite_tsio_input(void);
Suite *suite_tsio_input(void)
{
    Suite *suite = suite_create("tsio_input");
    TCase *tests = tcase_create("tsio_input");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, datagrams_arrive, 0, UNIT_COUNT(udp_rows));
    tcase_add_test(tests, other_senders_are_not_heard);
    tcase_add_test(tests, cut_packets_garbage_and_rtp_gaps_are_survived);
    tcase_add_test(tests, silence_is_a_loss_and_packets_are_a_return);
    tcase_add_loop_test(tests, what_cannot_be_opened_is_told_once_and_tried_again, 0,
                        UNIT_COUNT(trouble_rows));
    tcase_add_test(tests, a_file_comes_whole_and_ends);
    tcase_add_test(tests, a_file_that_is_hardly_a_stream_is_refused);
    tcase_add_test(tests, a_full_consumer_holds_a_file_up);
    tcase_add_test(tests, a_file_loops);
    tcase_add_test(tests, a_pipe_waits_for_its_writers);
    tcase_add_test(tests, inputs_may_be_freed_at_any_moment);
    tcase_add_test(tests, an_input_without_memory_says_so);
    suite_add_tcase(suite, tests);
    return suite;
}
