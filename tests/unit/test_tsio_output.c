/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of outputs with real sockets, files and pipes. The runner in main.c calls
 * suite_tsio_output(). */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "test_tsio_bed.h"

enum { SEVEN = 7 * SIMC_TS_SIZE, MS = 1000000 };

static struct simc__tsio_output_stats stats_of(struct ts_bed_end *end)
{
    struct simc__tsio_output_stats stats;
    simc__tsio_output_stats(end->output, &stats);
    return stats;
}

/* Gives `count` packets that leave within a time from now. */
static int put(struct ts_bed_end *end, size_t first, size_t count, uint64_t at_ns,
               uint64_t until_ns)
{
    uint8_t bytes[64 * SIMC_TS_SIZE];
    for (size_t done = 0; done < count;) {
        size_t more = count - done < 64 ? count - done : 64;
        uint64_t span_ns = until_ns - at_ns;
        ts_bed_packets(bytes, first + done, more);
        int error = simc__tsio_output_put(end->output, bytes, more, at_ns + span_ns * done / count,
                                          at_ns + span_ns * (done + more) / count);
        if (error)
            return error;
        done += more;
    }
    return 0;
}

/* ---- UDP ---- */

struct arrival {
    uint64_t at_ns; /* of the wall clock */
    size_t size;
};

static size_t receive_all(int fd, uint8_t *bytes, size_t room, struct arrival *arrivals,
                          size_t *count)
{
    size_t size = 0;
    *count = 0;
    for (;;) {
        _Alignas(struct cmsghdr) uint8_t control[64];
        struct iovec piece = {bytes + size, room - size};
        struct msghdr message = {.msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT);
        if (got < 0)
            return size;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        struct timespec at = {0, 0};
        if (head)
            memcpy(&at, CMSG_DATA(head), sizeof at);
        arrivals[(*count)++] =
            (struct arrival){(uint64_t)at.tv_sec * 1000 * MS + (uint64_t)at.tv_nsec, (size_t)got};
        size += (size_t)got;
    }
}

static const struct row {
    const char *receiver, *output;
    bool no_gso;
} rows[] = {
    {"127.0.0.1", "udp://127.0.0.1:PORT", false},
    {"::1", "udp://[::1]:PORT?dscp=34", false},
    {"127.0.0.1", "udp://127.0.0.1@127.0.0.1:PORT?packets=3&ttl=1", false},
    {"127.0.0.1", "rtp://127.0.0.1:PORT", false},
};

START_TEST(packets_leave_in_whole_datagrams_at_their_time)
{
    enum { COUNT = 1400, SPAN_MS = 200, ROOM = COUNT * 200 };
    UNIT_ROOM(uint8_t, bytes, ROOM);
    UNIT_ROOM(uint8_t, wanted, COUNT * SIMC_TS_SIZE);
    static struct arrival arrivals[COUNT];
    const struct row *row = &rows[_i];
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    uint16_t port = 0;
    ts_bed_init(&bed);
    int fd = ts_bed_receiver(row->receiver, &port), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    ts_bed_with_port(address, sizeof address, row->output, port);
    ts_bed_output(&bed, &end, address, (struct simc__tsio_output_settings){.is_live = true});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    uint64_t start_ns = simc__clock_monotonic_ns() + 20 * MS;
    ck_assert_int_eq(put(&end, 0, COUNT, start_ns, start_ns + SPAN_MS * MS), 0);
    ck_assert_int_eq(put(&end, COUNT, 1, start_ns + SPAN_MS * MS, start_ns + SPAN_MS * MS), 0);
    simc__tsio_output_finish(end.output);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    size_t count, size = receive_all(fd, bytes, ROOM, arrivals, &count);
    size_t each = ts_bed_address("udp://127.0.0.1:1", SIMC__TSIO_OUTPUT).packets;
    each = strstr(row->output, "packets=3") ? 3 : each;
    size_t head = row->output[0] == 'r' ? SIMC__TSIO_RTP_SIZE : 0, datagrams = COUNT / each + 1;
    ck_assert_uint_eq(count, datagrams);
    ck_assert_uint_eq(size, (COUNT + 1) * SIMC_TS_SIZE + datagrams * head);
    ts_bed_packets(wanted, 0, COUNT);
    size_t at = 0, packet = 0;
    for (size_t i = 0; i < count; i++) {
        struct simc__tsio_rtp rtp;
        if (head)
            ck_assert_int_eq(simc__tsio_rtp_read(simc_slice(bytes + at, arrivals[i].size), &rtp),
                             0);
        ck_assert_uint_eq((arrivals[i].size - head) % SIMC_TS_SIZE, 0);
        if (i + 1 < count)
            ck_assert_mem_eq(bytes + at + head, wanted + packet * SIMC_TS_SIZE,
                             arrivals[i].size - head);
        packet += (arrivals[i].size - head) / SIMC_TS_SIZE;
        at += arrivals[i].size;
    }
    /* Spread over the time, not in a burst: half of it is on its way at half time, give or take
     * what a busy machine does. */
    uint64_t half_ns = arrivals[count / 2].at_ns - arrivals[0].at_ns;
    ck_assert_uint_ge(half_ns, SPAN_MS * MS / 4);
    ck_assert_uint_le(half_ns, (uint64_t)SPAN_MS * MS);
    struct simc__tsio_output_stats stats = stats_of(&end);
    ck_assert_uint_eq(stats.packets, COUNT + 1);
    ck_assert_uint_eq(stats.datagrams, datagrams);
    ck_assert_uint_eq(stats.dropped_packets, 0);
    ts_bed_end_fini(&end);
    close(fd);
    ts_bed_fini(&bed);
}
END_TEST

/* Datagrams a millisecond apart leave several in a call, none of them before it may. */
START_TEST(early_datagrams_leave_together)
{
    enum { COUNT = 1400, SPAN_MS = 200, EARLY_MS = 5 };
    UNIT_ROOM(uint8_t, bytes, COUNT * SIMC_TS_SIZE);
    static struct arrival arrivals[COUNT];
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    uint16_t port = 0;
    size_t count;
    ts_bed_init(&bed);
    int fd = ts_bed_receiver("127.0.0.1", &port), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    snprintf(address, sizeof address, "udp://127.0.0.1:%u?early=%d", (unsigned)port, EARLY_MS);
    ts_bed_output(&bed, &end, address, (struct simc__tsio_output_settings){.is_live = true});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    uint64_t start_ns = simc__clock_monotonic_ns() + 20 * MS;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t wall_ns = (uint64_t)wall.tv_sec * 1000 * MS + (uint64_t)wall.tv_nsec + 20 * MS;
    ck_assert_int_eq(put(&end, 0, COUNT, start_ns, start_ns + SPAN_MS * MS), 0);
    simc__tsio_output_finish(end.output);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    receive_all(fd, bytes, (COUNT * SIMC_TS_SIZE), arrivals, &count);
    ck_assert_uint_eq(count, COUNT / 7);
    for (size_t i = 0; i < count; i++) {
        uint64_t due_ns = wall_ns + (uint64_t)SPAN_MS * MS * i / count;
        /* One more for the clocks, which were read one after the other. */
        ck_assert_uint_ge(arrivals[i].at_ns, due_ns - (EARLY_MS + 1) * MS);
    }
    struct simc__tsio_output_stats stats = stats_of(&end);
    ck_assert_uint_eq(stats.dropped_packets, 0);
    ck_assert_uint_le(stats.calls, SPAN_MS / EARLY_MS * 2);
    ts_bed_end_fini(&end);
    close(fd);
    ts_bed_fini(&bed);
}
END_TEST

/* The loop stands still for a while: what is late leaves faster than normal, but not all at once.
 */
START_TEST(a_backlog_does_not_leave_as_one_burst)
{
    enum { COUNT = 2800, SPAN_MS = 200 };
    UNIT_ROOM(uint8_t, bytes, COUNT * SIMC_TS_SIZE);
    static struct arrival arrivals[COUNT];
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    uint16_t port = 0;
    size_t count;
    ts_bed_init(&bed);
    int fd = ts_bed_receiver("127.0.0.1", &port), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    snprintf(address, sizeof address, "udp://127.0.0.1:%u", (unsigned)port);
    ts_bed_output(&bed, &end, address, (struct simc__tsio_output_settings){.is_live = true});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    uint64_t start_ns = simc__clock_monotonic_ns();
    ck_assert_int_eq(put(&end, 0, COUNT, start_ns, start_ns + SPAN_MS * MS), 0);
    struct timespec stall = {0, SPAN_MS * MS};
    nanosleep(&stall, NULL);
    simc__tsio_output_finish(end.output);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    receive_all(fd, bytes, (COUNT * SIMC_TS_SIZE), arrivals, &count);
    ck_assert_uint_eq(count, COUNT / 7);
    uint64_t took_ns = arrivals[count - 1].at_ns - arrivals[0].at_ns;
    ck_assert_uint_ge(took_ns, SPAN_MS * MS / 10);
    ck_assert_uint_ge(stats_of(&end).late_datagrams, COUNT / 7 / 2);
    ts_bed_end_fini(&end);
    close(fd);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(an_unreachable_output_is_told_once_and_stops_nobody)
{
    struct ts_bed bed;
    struct ts_bed_end dead, unheard, alive;
    UNIT_ROOM(uint8_t, bytes, 1 << 20);
    static struct arrival arrivals[1000];
    char address[128];
    uint16_t port = 0;
    size_t count;
    ts_bed_init(&bed);
    int fd = ts_bed_receiver("127.0.0.1", &port);
    snprintf(address, sizeof address, "udp://127.0.0.1:%u", (unsigned)port);
    ts_bed_output(&bed, &alive, address, (struct simc__tsio_output_settings){.is_live = true});
    snprintf(address, sizeof address, "udp://127.0.0.1:%u", (unsigned)ts_bed_free_port());
    ts_bed_output(&bed, &unheard, address, (struct simc__tsio_output_settings){.is_live = true});
    ts_bed_output(&bed, &dead, "udp://239.1.1.1:5000?interface=nosuch0",
                  (struct simc__tsio_output_settings){.is_live = true, .retry_ms = 5});
    for (size_t i = 0; i < 100; i++) {
        uint64_t now_ns = simc__clock_monotonic_ns();
        ck_assert_int_eq(put(&alive, 7 * i, 7, now_ns, now_ns + MS), 0);
        ck_assert_int_eq(put(&unheard, 7 * i, 7, now_ns, now_ns + MS), 0);
        (void)!put(&dead, 7 * i, 7, now_ns, now_ns + MS);
        ts_bed_turns(&bed, 1);
    }
    ts_bed_until(&bed, stats_of(&alive).datagrams == 100);
    receive_all(fd, bytes, (1 << 20), arrivals, &count);
    ck_assert_uint_eq(count, 100);
    ts_bed_until(&bed,
                 ts_bed_has(&dead, SIMC__TSIO_TROUBLE) && ts_bed_has(&unheard, SIMC__TSIO_TROUBLE));
    ck_assert_str_eq(dead.text,
                     "this host has no interface 'nosuch0' now; 'ip address' shows what it has");
    ck_assert_ptr_nonnull(strstr(unheard.text, "nobody receives at 127.0.0.1:"));
    ck_assert_uint_eq(dead.event_count, 1);
    ts_bed_until(&bed, stats_of(&dead).dropped_packets == 700);
    ck_assert(!ts_bed_has(&alive, SIMC__TSIO_TROUBLE));
    ts_bed_end_fini(&dead);
    ts_bed_end_fini(&unheard);
    ts_bed_end_fini(&alive);
    close(fd);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_full_queue_drops_live_and_waits_otherwise)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    char address[128];
    uint16_t port = 0;
    ts_bed_init(&bed);
    int fd = ts_bed_receiver("127.0.0.1", &port);
    snprintf(address, sizeof address, "udp://127.0.0.1:%u", (unsigned)port);
    struct simc__tsio_output_settings settings = {.is_live = true, .queue_bytes = 65536};
    ts_bed_output(&bed, &end, address, settings);
    uint64_t far_ns = simc__clock_monotonic_ns() + 3600 * UINT64_C(1000000000);
    int error = 0;
    size_t given = 0;
    for (; !error && given < 1000; given += 7)
        error = put(&end, given, 7, far_ns, far_ns);
    unit_expect_error(error, SIMC_EFULL);
    ck_assert_uint_eq(stats_of(&end).dropped_packets, 7);
    ck_assert_uint_le(stats_of(&end).waiting_bytes, 65536);
    ts_bed_turns(&bed, 5);
    ck_assert_uint_eq(end.ready, 0);
    ts_bed_end_fini(&end);
    settings.is_live = false;
    ts_bed_output(&bed, &end, address, settings);
    uint64_t soon_ns = simc__clock_monotonic_ns() + 20 * MS;
    for (error = 0, given = 0; !error && given < 1000; given += 7)
        error = put(&end, given, 7, soon_ns, soon_ns);
    unit_expect_error(error, SIMC_EFULL);
    ts_bed_until(&bed, end.ready == 1);
    ck_assert_uint_eq(stats_of(&end).dropped_packets, 0);
    simc__tsio_output_finish(end.output);
    unit_expect_error(put(&end, 0, 7, 0, 0), SIMC_EEND);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    ts_bed_end_fini(&end);
    close(fd);
    ts_bed_fini(&bed);
}
END_TEST

/* ---- files and pipes ---- */

static size_t read_file(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

START_TEST(a_file_holds_everything_in_order)
{
    enum { COUNT = 40000 };
    uint8_t *bytes = malloc((COUNT + 1) * SIMC_TS_SIZE), *wanted = malloc(COUNT * SIMC_TS_SIZE);
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    const char *path = ts_bed_path(&bed, "out.ts");
    ts_bed_write(path, simc_slice("old", 3));
    ts_bed_output(&bed, &end, path, (struct simc__tsio_output_settings){.queue_bytes = 1 << 20});
    for (size_t given = 0; given < COUNT;) {
        int error = put(&end, given, 50, 0, 0);
        if (!error) {
            given += 50;
            continue;
        }
        unit_expect_error(error, SIMC_EFULL);
        unsigned ready = end.ready;
        ts_bed_until(&bed, end.ready > ready);
    }
    simc__tsio_output_finish(end.output);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_ENDED));
    ck_assert_uint_eq(stats_of(&end).packets, COUNT);
    ts_bed_packets(wanted, 0, COUNT);
    ck_assert_uint_eq(read_file(path, bytes, (COUNT + 1) * SIMC_TS_SIZE), COUNT * SIMC_TS_SIZE);
    ck_assert_int_eq(memcmp(bytes, wanted, COUNT * SIMC_TS_SIZE), 0);
    ts_bed_end_fini(&end);
    free(bytes);
    free(wanted);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_full_disk_ends_a_title_and_is_waited_out_live)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    ts_bed_init(&bed);
    ts_bed_output(&bed, &end, "/dev/full", (struct simc__tsio_output_settings){.is_live = false});
    ck_assert_int_eq(put(&end, 0, 1000, 0, 0), 0);
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_FAILED));
    ck_assert_str_eq(
        end.text, "/dev/full cannot be written: No space left on device; free space on its disk");
    unit_expect_error(put(&end, 0, 1, 0, 0), SIMC_EEND);
    ts_bed_end_fini(&end);
    ts_bed_output(&bed, &end, "/dev/full",
                  (struct simc__tsio_output_settings){.is_live = true, .retry_ms = 5});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_OPENED));
    ck_assert_int_eq(put(&end, 0, 1000, 0, 0), 0);
    ts_bed_until(&bed, stats_of(&end).errors > 3);
    size_t told = 0;
    for (size_t i = 0; i < end.event_count; i++)
        told += end.events[i] == SIMC__TSIO_TROUBLE;
    ck_assert_uint_eq(told, 1);
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_pipe_waits_for_readers_and_goes_on_with_whole_packets)
{
    struct ts_bed bed;
    struct ts_bed_end end;
    UNIT_ROOM(uint8_t, bytes, 1 << 20);
    ts_bed_init(&bed);
    signal(SIGPIPE, SIG_IGN);
    const char *path = ts_bed_path(&bed, "fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ts_bed_output(&bed, &end, path,
                  (struct simc__tsio_output_settings){
                      .is_live = true, .retry_ms = 10, .queue_bytes = 1 << 20});
    ts_bed_until(&bed, ts_bed_has(&end, SIMC__TSIO_TROUBLE));
    ck_assert_ptr_nonnull(strstr(end.text, "nobody reads it"));
    unit_expect_error(put(&end, 0, 10, 0, 0), SIMC_EFULL);
    ck_assert_uint_eq(stats_of(&end).dropped_packets, 10);
    for (unsigned round = 0; round < 3; round++) {
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        ts_bed_until(&bed, !stats_of(&end).is_in_trouble || put(&end, 0, 10, 0, 0) == 0);
        ck_assert_int_eq(put(&end, 0, 2000, 0, 0), 0);
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ts_bed_until(&bed, poll(&wait, 1, 0) == 1);
        ssize_t size = read(fd, bytes, (1 << 20));
        ck_assert_int_gt(size, SIMC_TS_SIZE);
        ck_assert_uint_eq(bytes[0], SIMC_TS_SYNC);
        ck_assert_uint_eq(bytes[SIMC_TS_SIZE], SIMC_TS_SYNC);
        close(fd);
        size_t events = end.event_count;
        ts_bed_until(&bed, (put(&end, 0, 10, 0, 0), end.event_count > events));
    }
    ts_bed_end_fini(&end);
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(a_pipe_ends_when_its_last_packet_is_written)
{
    static const size_t counts[] = {1, 300, 5000};
    UNIT_ROOM(uint8_t, bytes, 1 << 20);
    struct ts_bed bed;
    ts_bed_init(&bed);
    signal(SIGPIPE, SIG_IGN);
    const char *path = ts_bed_path(&bed, "fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (size_t row = 0; row < sizeof counts / sizeof counts[0]; row++) {
        struct ts_bed_end end;
        size_t size = 0;
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        ts_bed_output(&bed, &end, path,
                      (struct simc__tsio_output_settings){.queue_bytes = 1 << 20});
        ck_assert_int_eq(put(&end, 0, counts[row], 0, 0), 0);
        simc__tsio_output_finish(end.output);
        for (bool has_ended = false; !has_ended;) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            ts_bed_until(&bed, poll(&wait, 1, 0) == 1 || ts_bed_has(&end, SIMC__TSIO_ENDED));
            has_ended = ts_bed_has(&end, SIMC__TSIO_ENDED);
            for (ssize_t got; (got = read(fd, bytes, (1 << 20))) > 0;)
                size += (size_t)got;
        }
        ck_assert_uint_eq(size, counts[row] * SIMC_TS_SIZE);
        ts_bed_end_fini(&end);
        close(fd);
    }
    ts_bed_fini(&bed);
}
END_TEST

START_TEST(what_cannot_be_opened_is_refused_at_once)
{
    static const char *const texts[][2] = {
        {"/nonexistent/x.ts", "/nonexistent/x.ts cannot be opened: No such file or directory"},
        {"/tmp", "/tmp cannot be opened: Is a directory"},
        {"pipe:/etc/passwd", "/etc/passwd is no pipe; make one with mkfifo, or write file:PATH"},
        {"udp://192.0.2.1@127.0.0.1:5000", "cannot send from 192.0.2.1: "
                                           "Cannot assign requested address"},
    };
    struct ts_bed bed;
    ts_bed_init(&bed);
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        struct simc__tsio_address address = ts_bed_address(texts[i][0], SIMC__TSIO_OUTPUT);
        struct simc__tsio_output_settings settings = {.address = &address};
        struct simc__tsio_output *output;
        char why[SIMC__TSIO_TEXT_SIZE];
        unit_expect_error(simc__tsio_output_new(bed.tsio, &settings, why, &output), SIMC_EIO);
        ck_assert_str_eq(why, texts[i][1]);
        ck_assert_ptr_null(output);
    }
    ts_bed_fini(&bed);
}
END_TEST

static int output_step(void *context)
{
    struct simc__tsio_address address = ts_bed_address(*(const char **)context, SIMC__TSIO_OUTPUT);
    struct simc__tsio *tsio = NULL;
    struct simc__tsio_output *output = NULL;
    char why[SIMC__TSIO_TEXT_SIZE];
    uv_loop_t loop;
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    int error = simc__tsio_new(&loop, &tsio);
    struct simc__tsio_output_settings settings = {.address = &address};
    if (!error)
        error = simc__tsio_output_new(tsio, &settings, why, &output);
    simc__tsio_output_free(output);
    simc__tsio_free(tsio);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    return error;
}

START_TEST(an_output_without_memory_says_so)
{
    ck_assert_uint_ge(
        unit_fail_each_allocation(output_step, &(const char *){"udp://127.0.0.1:5000"}, true), 5);
    ck_assert_uint_ge(unit_fail_each_allocation(output_step, &(const char *){"/dev/null"}, true),
                      4);
}
END_TEST

Suite *suite_tsio_output(void);
Suite *suite_tsio_output(void)
{
    Suite *suite = suite_create("tsio_output");
    TCase *tests = tcase_create("tsio_output");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, packets_leave_in_whole_datagrams_at_their_time, 0, UNIT_COUNT(rows));
    tcase_add_test(tests, early_datagrams_leave_together);
    tcase_add_test(tests, a_backlog_does_not_leave_as_one_burst);
    tcase_add_test(tests, an_unreachable_output_is_told_once_and_stops_nobody);
    tcase_add_test(tests, a_full_queue_drops_live_and_waits_otherwise);
    tcase_add_test(tests, a_file_holds_everything_in_order);
    tcase_add_test(tests, a_full_disk_ends_a_title_and_is_waited_out_live);
    tcase_add_test(tests, a_pipe_waits_for_readers_and_goes_on_with_whole_packets);
    tcase_add_test(tests, a_pipe_ends_when_its_last_packet_is_written);
    tcase_add_test(tests, what_cannot_be_opened_is_refused_at_once);
    tcase_add_test(tests, an_output_without_memory_says_so);
    suite_add_tcase(suite, tests);
    return suite;
}
