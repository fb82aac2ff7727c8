/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of servers and connections of simulcrypt/uv.h, over real sockets. The runner in main.c
 * calls suite_uv_server(). */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "uv/internal.h"

/* ---- bytes ---- */

START_TEST(every_segmentation_arrives_in_order)
{
    uint8_t sent[4096], got[sizeof sent];
    struct unit_random random = unit_random(1);
    unit_random_fill(&random, sent, sizeof sent);
    sent[0] = 3;
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    for (size_t piece = 1; piece < sizeof sent; piece = piece * 3 + 1) {
        int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        size_t got_size = 0;
        for (size_t at = 0; at < sizeof sent; at += piece) {
            size_t size = sizeof sent - at < piece ? sizeof sent - at : piece;
            bed_send(&bed, fd, simc_slice(sent + at, size));
            /* Each piece comes back before the next one is sent, so that it was a read of its own.
             */
            got_size += bed_receive(&bed, fd, got + got_size, size);
        }
        ck_assert_uint_eq(got_size, sizeof sent);
        unit_expect_bytes(simc_slice(got, sizeof got), simc_slice(sent, sizeof sent));
        close(fd);
        bed_until(&bed, bed.ended == bed.opened);
        ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_PEER_CLOSED);
    }
    bed_fini(&bed);
}
END_TEST

START_TEST(the_frames_of_one_read_are_answered_in_one_piece)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    uint8_t block[20000] = {1}, got[sizeof block];
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    bed_send(&bed, fd, simc_slice(block, sizeof block));
    ck_assert_uint_eq(bed_receive(&bed, fd, got, sizeof got), sizeof got);
    ck_assert_uint_le(bed.echoes->fed, 2);
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(what_was_received_is_wiped_from_the_shared_buffer)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    uint8_t block[1000], got[sizeof block];
    memset(block, 0xa5, sizeof block);
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_send(&bed, fd, simc_slice(block, sizeof block));
    ck_assert_uint_eq(bed_receive(&bed, fd, got, sizeof got), sizeof got);
    size_t left = 0;
    for (size_t i = 0; i < sizeof bed.loop->received; i++)
        left += bed.loop->received[i] != 0;
    ck_assert_uint_eq(left, 0);
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(an_idle_connection_takes_less_than_2_kib)
{
    ck_assert_uint_lt(sizeof(struct simc_uv_connection), 2048);
}
END_TEST

START_TEST(the_peer_is_named_by_address_and_port)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    char expected[SIMC_UV_ADDRESS_SIZE];
    struct sockaddr_in own;
    socklen_t size = sizeof own;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", (unsigned)ntohs(own.sin_port));
    struct simc_uv_connection *connection = bed.echoes->connection;
    ck_assert_str_eq(simc_uv_connection_peer(connection), expected);
    ck_assert_str_eq(simc_uv_connection_host(connection), "127.0.0.1");
    ck_assert(!simc_uv_connection_is_tls(connection));
    ck_assert_ptr_null(simc_uv_connection_identity(connection));
    ck_assert_ptr_null(simc_uv_connection_session(connection));
    ck_assert_ptr_eq(simc_uv_connection_loop(connection), bed.loop);
    uint64_t id = simc_uv_connection_id(connection);
    ck_assert_ptr_eq(simc_uv_loop_find(bed.loop, id), connection);
    ck_assert_ptr_null(simc_uv_loop_find(bed.loop, id + 1));
    ck_assert_ptr_null(simc_uv_loop_find(bed.loop, 0));
    close(fd);
    bed_until(&bed, bed.ended == 1);
    ck_assert_ptr_null(simc_uv_loop_find(bed.loop, id));
    bed_fini(&bed);
}
END_TEST

START_TEST(an_end_is_known_behind_what_is_unread)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    uint8_t block[5000] = {1};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    const struct simc_uv_connection *connection = bed.echoes->connection;
    ck_assert(!simc_uv_connection_is_ended(connection));
    ck_assert_int_eq(send(fd, block, sizeof block, MSG_NOSIGNAL), sizeof block);
    ck_assert(!simc_uv_connection_is_ended(connection));
    close(fd);
    /* The loop has not gone round since. */
    ck_assert_uint_eq(bed.echoes->fed, 0);
    ck_assert(simc_uv_connection_is_ended(connection));
    bed_until(&bed, bed.ended == 1);
    bed_fini(&bed);
}
END_TEST

START_TEST(the_options_of_the_socket_are_set)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {
        .transport = {
            .keepalive_idle_s = 7, .keepalive_count = 2, .user_timeout_ms = 1234, .dscp = 46}};
    static const struct {
        int level, name, value;
    } rows[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},  {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 7}, {IPPROTO_TCP, TCP_KEEPINTVL, 5},
        {IPPROTO_TCP, TCP_KEEPCNT, 2},  {IPPROTO_TCP, TCP_USER_TIMEOUT, 1234},
        {IPPROTO_IP, IP_TOS, 46 << 2},
    };
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    struct simc_uv_client_settings client = {.transport = settings.transport};
    bed_client(&bed, &client, simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 2);
    for (struct bed_echo *echo = bed.echoes; echo; echo = echo->next) {
        uv_os_fd_t fd;
        ck_assert_int_eq(uv_fileno((uv_handle_t *)&echo->connection->tcp, &fd), 0);
        for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
            int value = -1;
            socklen_t size = sizeof value;
            ck_assert_int_eq(getsockopt(fd, rows[i].level, rows[i].name, &value, &size), 0);
            ck_assert_msg(value == rows[i].value, "option %zu is %d, not %d", i, value,
                          rows[i].value);
        }
    }
    bed_fini(&bed);
}
END_TEST

/* ---- back-pressure ---- */

enum { FLOOD_SIZE = 8 << 20 };

START_TEST(a_slow_reader_blocks_its_own_input_and_loses_nothing)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {
        .transport = {.send_buffer = 20000, .receive_buffer = 20000, .write_limit = 50000}};
    static uint8_t block[65536], got[65536];
    uint64_t sent = 0, received = 0;
    bed_init(&bed);
    bed.block_at = 100000;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    struct bed_echo *echo = bed.echoes;
    /* Nobody reads the echo: at some time nothing more is taken. */
    unsigned refused = 0;
    while (refused < 200) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = (uint8_t)((sent + i) % 251);
        ssize_t size = send(fd, block, sizeof block, MSG_NOSIGNAL);
        refused = size > 0 ? 0 : refused + 1;
        sent += size > 0 ? (uint64_t)size : 0;
        bed_turn(&bed, __FILE__, __LINE__, "the peer stops to read");
        ck_assert_uint_lt(sent, FLOOD_SIZE);
    }
    ck_assert_uint_le(simc_uv_connection_waiting(echo->connection), 50000 + SIMC__UV_QUEUE_EXTRA);
    ck_assert_uint_le(echo->out.size, 100000 + SIMC__UV_READ_SIZE);
    ck_assert(!echo->is_ended);
    shutdown(fd, SHUT_WR);
    while (received < sent) {
        size_t want = sent - received < sizeof got ? (size_t)(sent - received) : sizeof got;
        size_t size = bed_receive(&bed, fd, got, want);
        ck_assert_uint_eq(size, want);
        for (size_t i = 0; i < size; i++)
            ck_assert(got[i] == (uint8_t)((received + i) % 251));
        received += size;
    }
    bed_until(&bed, bed.ended == 1);
    ck_assert_int_eq(echo->end.reason, SIMC_UV_END_PEER_CLOSED);
    struct simc_uv_stats stats;
    simc_uv_gate_stats(simc_uv_server_gate(server), &stats);
    ck_assert_uint_eq(stats.bytes_in, sent);
    ck_assert_uint_eq(stats.bytes_out, sent);
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_closed_with_a_reason)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {
        .transport = {.send_buffer = 10000, .write_stall_ms = 50}};
    static const uint8_t block[1 << 20];
    bed_init(&bed);
    bed.is_quiet = true;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    /* More than the system's buffers of both sides hold. */
    for (int i = 0; i < 16; i++)
        bed_say(bed.echoes, simc_slice(block, sizeof block));
    ck_assert_uint_gt(simc_uv_connection_waiting(bed.echoes->connection), 0);
    bed_until(&bed, bed.ended == 1);
    ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_STALLED);
    ck_assert_ptr_nonnull(strstr(bed.echoes->end.text, "has read nothing for 50 ms"));
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_thousand_stalled_connections_do_not_stop_one_that_works)
{
    enum { COUNT = 1000, ROUNDS = 50 };
    static int fds[COUNT];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * COUNT + 100)
        return;
    struct bed bed;
    struct simc_uv_gate *gate;
    struct simc_uv_gate_settings limits = {.connections_per_address = SIMC_UV_OFF};
    struct simc_uv_server_settings settings = {0};
    char why[SIMC_UV_TEXT_SIZE];
    uint8_t got;
    ck_assert_int_eq(simc_uv_gate_new(&limits, why, &gate), 0);
    settings.gate = gate;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    for (size_t i = 0; i < COUNT; i++) {
        fds[i] = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        bed_until(&bed, bed.opened == i + 1);
        bed_send(&bed, fds[i], simc_slice("\x03\x00", 1 + i % 2));
    }
    ck_assert_uint_eq(simc_uv_server_connections(server), COUNT);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    for (uint8_t i = 0; i < ROUNDS; i++) {
        bed_send(&bed, fd, simc_slice(&i, 1));
        ck_assert_uint_eq(bed_receive(&bed, fd, &got, 1), 1);
        ck_assert_uint_eq(got, i);
    }
    for (size_t i = 0; i < COUNT; i++)
        close(fds[i]);
    close(fd);
    bed_until(&bed, bed.ended == COUNT + 1);
    ck_assert_uint_eq(simc_uv_server_connections(server), 0);
    bed_fini(&bed);
    simc_uv_gate_free(gate);
}
END_TEST

/* ---- ends ---- */

START_TEST(the_last_bytes_arrive_though_the_peer_has_sent_more)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    static uint8_t unread[100000], got[64];
    bed_init(&bed);
    bed.is_quiet = true;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    bed.echoes->close = "the protocol is tired";
    ck_assert_int_gt(send(fd, unread, sizeof unread, MSG_NOSIGNAL), 0);
    bed_say(bed.echoes, simc_slice("goodbye", 7));
    ck_assert_uint_eq(bed_receive(&bed, fd, got, sizeof got), 7);
    ck_assert(memcmp(got, "goodbye", 7) == 0);
    ck_assert_uint_eq(bed.ended, 0);
    close(fd);
    bed_until(&bed, bed.ended == 1);
    ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_PROTOCOL);
    ck_assert_str_eq(bed.echoes->end.text, "the protocol is tired");
    bed_fini(&bed);
}
END_TEST

START_TEST(a_peer_that_does_not_close_its_side_is_not_waited_for_long)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {.transport = {.linger_ms = 30}};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    simc_uv_connection_close(bed.echoes->connection, "no reason");
    simc_uv_connection_close(bed.echoes->connection, "another one");
    bed_until(&bed, bed.ended == 1);
    ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_CLOSED_BY_US);
    ck_assert_str_eq(bed.echoes->end.text, "no reason");
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_reset_is_told_apart_from_a_close)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    struct linger none = {1, 0};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd);
    bed_until(&bed, bed.ended == 1);
    ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_RESET);
    ck_assert_int_eq(bed.echoes->end.system_error, -ECONNRESET);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_reset_while_output_waits_ends_it)
{
    /* As it stands, and when it was to be closed behind its output. */
    static const uint8_t block[1 << 20];
    static const enum simc_uv_end_reason reasons[] = {SIMC_UV_END_RESET, SIMC_UV_END_CLOSED_BY_US};
    for (size_t i = 0; i < UNIT_COUNT(reasons); i++) {
        struct bed bed;
        struct simc_uv_server_settings settings = {.transport = {.send_buffer = 10000}};
        struct linger none = {1, 0};
        bed_init(&bed);
        bed.is_quiet = true;
        struct simc_uv_server *server = bed_server(&bed, &settings);
        int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        bed_until(&bed, bed.opened == 1);
        for (int k = 0; k < 16; k++)
            bed_say(bed.echoes, simc_slice(block, sizeof block));
        ck_assert_uint_gt(simc_uv_connection_waiting(bed.echoes->connection), 0);
        if (i == 1)
            simc_uv_connection_close(bed.echoes->connection, NULL);
        bed_turns(&bed, 5);
        ck_assert_uint_eq(bed.ended, 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd);
        bed_until(&bed, bed.ended == 1);
        ck_assert_int_eq(bed.echoes->end.reason, reasons[i]);
        bed_fini(&bed);
    }
}
END_TEST

START_TEST(an_aborted_connection_ends_at_once)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    struct simc_uv_connection *connection = bed.echoes->connection;
    simc_uv_connection_abort(connection, NULL);
    ck_assert_uint_eq(bed.ended, 0);
    /* All that may be called until on_end. */
    simc_uv_connection_abort(connection, "again");
    simc_uv_connection_close(connection, "again");
    simc_uv_connection_pump(connection);
    bed_until(&bed, bed.ended == 1);
    ck_assert_str_eq(bed.echoes->end.text, "this side closed it");
    bed_until(&bed, bed_is_over(fd));
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(an_application_that_does_not_take_it_ends_it)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    bed_init(&bed);
    bed.open_error = SIMC_ENOMEM;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.refused == 1);
    ck_assert_int_eq(bed.refused_end.reason, SIMC_UV_END_REJECTED);
    ck_assert_str_eq(bed.refused_end.text, "the application did not take it: no memory");
    bed_until(&bed, bed_is_over(fd));
    ck_assert_uint_eq(bed.ended, 0);
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(tls_on_a_plain_port_is_told)
{
    static const char *const hellos[] = {"\x16\x03\x01\x02\x00", "\x16"};
    for (size_t i = 0; i < UNIT_COUNT(hellos); i++) {
        struct bed bed;
        struct simc_uv_server_settings settings = {0};
        bed_init(&bed);
        struct simc_uv_server *server = bed_server(&bed, &settings);
        int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
        bed_send(&bed, fd, simc_slice(hellos[i], i == 0 ? 5 : 1));
        bed_until(&bed, bed.ended == 1);
        ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_TLS);
        ck_assert_str_eq(bed.echoes->end.text,
                         "the peer speaks TLS, and TLS is not configured on this side");
        ck_assert_uint_eq(bed.echoes->fed, 0);
        close(fd);
        bed_fini(&bed);
    }
}
END_TEST

START_TEST(the_deadline_of_the_object_is_kept)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    struct bed_echo *echo = bed.echoes;
    uint64_t start_ms = simc_uv_loop_now_ms(bed.loop);
    /* Later, earlier, and later again: it rings once, at the right time. */
    static const unsigned delays_ms[] = {500, 20, 60};
    for (size_t i = 0; i < UNIT_COUNT(delays_ms); i++) {
        echo->deadline_ms = start_ms + delays_ms[i];
        simc_uv_connection_pump(echo->connection);
    }
    bed_until(&bed, echo->expired == 1);
    ck_assert_uint_ge(simc_uv_loop_now_ms(bed.loop), start_ms + 60);
    /* One in the past rings too, and does not keep the loop busy. */
    echo->deadline_ms = 1;
    simc_uv_connection_pump(echo->connection);
    bed_until(&bed, echo->expired == 2);
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_server_that_is_freed_ends_its_connections)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    uint16_t port = simc_uv_server_port(server, 0);
    int a = bed_connect("127.0.0.1", port), b = bed_connect("127.0.0.1", port);
    bed_until(&bed, bed.opened == 2);
    simc_uv_server_stop(server);
    simc_uv_server_stop(server);
    bed_turns(&bed, 5);
    ck_assert_uint_eq(bed.ended, 0);
    simc_uv_server_free(server);
    ck_assert_uint_eq(bed.ended, 0);
    bed_until(&bed, bed.gone == 1);
    ck_assert_uint_eq(bed.ended, 2);
    ck_assert_int_eq(bed.echoes->end.reason, SIMC_UV_END_SHUTDOWN);
    /* The port is free again. */
    struct simc_uv_address address = {.host = "127.0.0.1", .port = port};
    struct simc_uv_server_settings again = {.listen = &address, .listen_count = 1};
    bed_server(&bed, &again);
    close(a);
    close(b);
    bed_fini(&bed);
    ck_assert_uint_eq(bed.gone, 2);
}
END_TEST

static TCase *byte_tests(void)
{
    TCase *tests = tcase_create("bytes");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_segmentation_arrives_in_order);
    tcase_add_test(tests, the_frames_of_one_read_are_answered_in_one_piece);
    tcase_add_test(tests, what_was_received_is_wiped_from_the_shared_buffer);
    tcase_add_test(tests, an_idle_connection_takes_less_than_2_kib);
    tcase_add_test(tests, the_peer_is_named_by_address_and_port);
    tcase_add_test(tests, an_end_is_known_behind_what_is_unread);
    tcase_add_test(tests, the_options_of_the_socket_are_set);
    return tests;
}

static TCase *pressure_tests(void)
{
    TCase *tests = tcase_create("back-pressure");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_slow_reader_blocks_its_own_input_and_loses_nothing);
    tcase_add_test(tests, a_peer_that_does_not_read_is_closed_with_a_reason);
    tcase_add_test(tests, a_thousand_stalled_connections_do_not_stop_one_that_works);
    return tests;
}

static TCase *end_tests(void)
{
    TCase *tests = tcase_create("ends");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_last_bytes_arrive_though_the_peer_has_sent_more);
    tcase_add_test(tests, a_peer_that_does_not_close_its_side_is_not_waited_for_long);
    tcase_add_test(tests, a_reset_is_told_apart_from_a_close);
    tcase_add_test(tests, a_reset_while_output_waits_ends_it);
    tcase_add_test(tests, an_aborted_connection_ends_at_once);
    tcase_add_test(tests, an_application_that_does_not_take_it_ends_it);
    tcase_add_test(tests, tls_on_a_plain_port_is_told);
    tcase_add_test(tests, the_deadline_of_the_object_is_kept);
    tcase_add_test(tests, a_server_that_is_freed_ends_its_connections);
    return tests;
}

Suite *suite_uv_server(void);

Suite *suite_uv_server(void)
{
    Suite *suite = suite_create("uv_server");
    suite_add_tcase(suite, byte_tests());
    suite_add_tcase(suite, pressure_tests());
    suite_add_tcase(suite, end_tests());
    return suite;
}
