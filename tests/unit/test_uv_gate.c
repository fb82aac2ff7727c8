/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of who comes in: addresses, allow-lists, limits, listening, a system without
 * descriptors. The runner in main.c calls suite_uv_gate(). */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "uv/internal.h"

/* ---- addresses and prefixes ---- */

START_TEST(prefixes_hold_the_addresses_that_they_should)
{
    static const struct {
        const char *prefix, *in, *out;
    } rows[] = {
        {"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
        {"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
        {"192.0.2.0/25", "192.0.2.127", "192.0.2.128"},
        {"192.0.2.1", "192.0.2.1", "192.0.2.0"},
        {"192.0.2.1/32", "192.0.2.1", "192.0.2.2"},
        {"::/0", "2001:db8::1", NULL},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
        {"::1", "::1", "::2"},
        {"fe80::/10", "febf::1", "fec0::1"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc__uv_prefix prefix;
        union simc__uv_sockaddr address;
        uint8_t bytes[16];
        const char *why;
        ck_assert_int_eq(simc__uv_prefix_read(rows[i].prefix, &prefix, &why), 0);
        ck_assert_int_eq(simc__uv_sockaddr_read(rows[i].in, 0, &address), 0);
        simc__uv_sockaddr_bytes(&address, bytes);
        ck_assert_msg(simc__uv_prefix_has(&prefix, bytes), "%s in %s", rows[i].in, rows[i].prefix);
        if (!rows[i].out)
            continue;
        ck_assert_int_eq(simc__uv_sockaddr_read(rows[i].out, 0, &address), 0);
        simc__uv_sockaddr_bytes(&address, bytes);
        ck_assert_msg(!simc__uv_prefix_has(&prefix, bytes), "%s not in %s", rows[i].out,
                      rows[i].prefix);
    }
}
END_TEST

START_TEST(wrong_entries_of_an_allow_list_are_named)
{
    static const struct {
        const char *entry, *why;
    } rows[] = {
        {"", "it is no IPv4 or IPv6 address"},
        {"localhost", "it is no IPv4 or IPv6 address"},
        {"192.0.2", "it is no IPv4 or IPv6 address"},
        {"192.0.2.256", "it is no IPv4 or IPv6 address"},
        {"[::1]", "it is no IPv4 or IPv6 address"},
        {"fe80::1%lo", "it is no IPv4 or IPv6 address"},
        {"192.0.2.0/33", "a number from 0 to 32"},
        {"192.0.2.0/", "a number from 0 to 32"},
        {"192.0.2.0/+8", "a number from 0 to 32"},
        {"192.0.2.0/08", "a number from 0 to 32"},
        {"192.0.2.0/8/8", "a number from 0 to 32"},
        {"192.0.2.0/0000000024", "a number from 0 to 32"},
        {"2001:db8::/129", "a number from 0 to 128"},
        {"192.0.2.1/24", "bits behind its prefix"},
        {"2001:db8::1/32", "bits behind its prefix"},
        {"1111111111111111111111111111111111111111111111111111111111111111111111111111",
         "it is no IPv4 or IPv6 address"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const char *allow[] = {"192.0.2.0/24", rows[i].entry};
        struct simc_uv_gate_settings settings = {.allow = allow, .allow_count = 2};
        struct simc_uv_gate *gate;
        char why[SIMC_UV_TEXT_SIZE] = "", beginning[128];
        unit_expect_error(simc_uv_gate_new(&settings, why, &gate), SIMC_EINVAL);
        ck_assert_ptr_null(gate);
        snprintf(beginning, sizeof beginning,
                 "entry 2 of the allow-list, \"%.64s\": ", rows[i].entry);
        ck_assert_msg(strncmp(why, beginning, strlen(beginning)) == 0, "%s", why);
        ck_assert_msg(strstr(why, rows[i].why) != NULL, "%s", why);
    }
    struct simc_uv_gate_settings many = {.connections = 1000001};
    struct simc_uv_gate *gate;
    char why[SIMC_UV_TEXT_SIZE];
    unit_expect_error(simc_uv_gate_new(&many, why, &gate), SIMC_EINVAL);
    ck_assert_str_eq(why, "a limit of 1000001 connections is more than 1000000");
}
END_TEST

static enum simc_uv_end_reason enter(struct simc_uv_gate *gate, const char *host)
{
    union simc__uv_sockaddr address;
    ck_assert_int_eq(simc__uv_sockaddr_read(host, 1, &address), 0);
    return simc__uv_gate_enter(gate, &address);
}

static void leave(struct simc_uv_gate *gate, const char *host)
{
    union simc__uv_sockaddr address;
    ck_assert_int_eq(simc__uv_sockaddr_read(host, 1, &address), 0);
    simc__uv_gate_leave(gate, &address);
}

START_TEST(the_limits_of_a_gate_hold_and_are_given_back)
{
    static const char *const allow[] = {"192.0.2.0/24", "2001:db8::/32"};
    struct simc_uv_gate_settings settings = {allow, 2, 5, 2};
    struct simc_uv_gate *gate;
    struct simc_uv_stats stats;
    char why[SIMC_UV_TEXT_SIZE];
    ck_assert_int_eq(simc_uv_gate_new(&settings, why, &gate), 0);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(enter(gate, "198.51.100.1"), SIMC_UV_END_NOT_ALLOWED);
        ck_assert_int_eq(enter(gate, "::1"), SIMC_UV_END_NOT_ALLOWED);
        ck_assert_int_eq(enter(gate, "192.0.2.1"), SIMC_UV_END_NONE);
        ck_assert_int_eq(enter(gate, "192.0.2.1"), SIMC_UV_END_NONE);
        ck_assert_int_eq(enter(gate, "192.0.2.1"), SIMC_UV_END_TOO_MANY_FROM_ADDRESS);
        /* One /64 counts as one host. */
        ck_assert_int_eq(enter(gate, "2001:db8::1"), SIMC_UV_END_NONE);
        ck_assert_int_eq(enter(gate, "2001:db8::ffff:0:0:2"), SIMC_UV_END_NONE);
        ck_assert_int_eq(enter(gate, "2001:db8::3"), SIMC_UV_END_TOO_MANY_FROM_ADDRESS);
        ck_assert_int_eq(enter(gate, "2001:db8:0:1::1"), SIMC_UV_END_NONE);
        ck_assert_int_eq(enter(gate, "192.0.2.2"), SIMC_UV_END_TOO_MANY);
        simc_uv_gate_stats(gate, &stats);
        ck_assert_uint_eq(stats.connections, 5);
        leave(gate, "2001:db8::2");
        leave(gate, "2001:db8::1");
        leave(gate, "192.0.2.1");
        leave(gate, "192.0.2.1");
        leave(gate, "2001:db8:0:1::7");
        simc_uv_gate_stats(gate, &stats);
        ck_assert_uint_eq(stats.connections, 0);
    }
    /* Other settings: all or nothing. */
    static const char *const wrong[] = {"192.0.2.0/99"};
    struct simc_uv_gate_settings worse = {wrong, 1, 0, 0};
    unit_expect_error(simc_uv_gate_change(gate, &worse, why), SIMC_EINVAL);
    ck_assert_int_eq(enter(gate, "::1"), SIMC_UV_END_NOT_ALLOWED);
    ck_assert_int_eq(simc_uv_gate_change(gate, NULL, why), 0);
    ck_assert_int_eq(enter(gate, "::1"), SIMC_UV_END_NONE);
    simc_uv_gate_free(gate);
    simc_uv_gate_free(NULL);
}
END_TEST

static int gate_step(void *context)
{
    static const char *const allow[] = {"192.0.2.0/24"};
    struct simc_uv_gate_settings settings = {allow, 1, 5, 2};
    struct simc_uv_gate *gate;
    char why[SIMC_UV_TEXT_SIZE];
    (void)context;
    int error = simc_uv_gate_new(&settings, why, &gate);
    if (error)
        return error;
    if (enter(gate, "192.0.2.1") == SIMC_UV_END_NO_MEMORY)
        error = SIMC_ENOMEM;
    else
        leave(gate, "192.0.2.1");
    if (!error)
        error = simc_uv_gate_change(gate, &settings, why);
    simc_uv_gate_free(gate);
    return error;
}

START_TEST(a_gate_without_memory_says_so)
{
    ck_assert_uint_ge(unit_fail_each_allocation(gate_step, NULL, true), 4);
}
END_TEST

/* ---- at the door ---- */

START_TEST(refused_peers_are_told_and_counted)
{
    static const char *const allow[] = {"127.0.0.1"};
    struct bed bed;
    struct simc_uv_gate *gate;
    struct simc_uv_gate_settings rules = {allow, 1, 3, 2};
    struct simc_uv_server_settings settings = {0};
    struct simc_uv_address listen[] = {{.host = "127.0.0.1", .port = 0},
                                       {.host = "::1", .port = 0}};
    struct simc_uv_stats stats;
    char why[SIMC_UV_TEXT_SIZE];
    ck_assert_int_eq(simc_uv_gate_new(&rules, why, &gate), 0);
    bed_init(&bed);
    settings.gate = gate;
    settings.listen = listen;
    settings.listen_count = 2;
    struct simc_uv_server *server = bed_server(&bed, &settings);
    ck_assert_ptr_eq(simc_uv_server_gate(server), gate);
    int six = bed_connect("::1", simc_uv_server_port(server, 1));
    bed_until(&bed, bed.refused == 1);
    ck_assert_int_eq(bed.refused_end.reason, SIMC_UV_END_NOT_ALLOWED);
    ck_assert_int_eq(strncmp(bed.refused_peer, "[::1]:", 6), 0);
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 2 && bed.refused == 2);
    ck_assert_int_eq(bed.refused_end.reason, SIMC_UV_END_TOO_MANY_FROM_ADDRESS);
    bed_until(&bed, bed_is_over(fds[2]) && bed_is_over(six));
    simc_uv_gate_stats(gate, &stats);
    ck_assert_uint_eq(stats.connections, 2);
    ck_assert_uint_eq(stats.connections_total, 2);
    ck_assert_uint_eq(stats.ended[SIMC_UV_END_NOT_ALLOWED], 1);
    ck_assert_uint_eq(stats.ended[SIMC_UV_END_TOO_MANY_FROM_ADDRESS], 1);
    /* When one goes, another one may come. */
    close(fds[0]);
    bed_until(&bed, bed.ended == 1);
    int again = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 3);
    /* The figures outlive the server. */
    simc_uv_server_free(server);
    bed_until(&bed, bed.gone == 1);
    simc_uv_gate_stats(gate, &stats);
    ck_assert_uint_eq(stats.connections, 0);
    ck_assert_uint_eq(stats.connections_total, 3);
    ck_assert_uint_eq(stats.ended[SIMC_UV_END_SHUTDOWN], 2);
    ck_assert_uint_eq(stats.ended[SIMC_UV_END_PEER_CLOSED], 1);
    close(six);
    close(again);
    close(fds[1]);
    close(fds[2]);
    bed_fini(&bed);
    simc_uv_gate_free(gate);
}
END_TEST

START_TEST(ipv4_over_an_ipv6_socket_counts_as_ipv4)
{
    static const char *const allow[] = {"127.0.0.0/8"};
    struct bed bed;
    struct simc_uv_gate *gate;
    struct simc_uv_gate_settings rules = {.allow = allow, .allow_count = 1};
    struct simc_uv_address listen = {.host = "::", .port = 0};
    struct simc_uv_server_settings settings = {
        .listen = &listen, .listen_count = 1, .ipv6_takes_ipv4 = true};
    char why[SIMC_UV_TEXT_SIZE];
    ck_assert_int_eq(simc_uv_gate_new(&rules, why, &gate), 0);
    settings.gate = gate;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    ck_assert_str_eq(simc_uv_connection_host(bed.echoes->connection), "127.0.0.1");
    close(fd);
    bed_fini(&bed);
    simc_uv_gate_free(gate);
}
END_TEST

START_TEST(without_a_host_both_families_are_served_on_one_port)
{
    struct bed bed;
    struct simc_uv_address listen = {.host = NULL, .port = 0};
    struct simc_uv_server_settings settings = {.listen = &listen, .listen_count = 1};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    uint16_t port = simc_uv_server_port(server, 0);
    ck_assert_uint_eq(simc_uv_server_port(server, 1), port);
    ck_assert_uint_eq(simc_uv_server_port(server, 2), 0);
    int four = bed_connect("127.0.0.1", port);
    bed_until(&bed, bed.opened == 1);
    ck_assert_str_eq(simc_uv_connection_host(bed.echoes->connection), "127.0.0.1");
    int six = bed_connect("::1", port);
    bed_until(&bed, bed.opened == 2);
    ck_assert_str_eq(simc_uv_connection_host(bed.echoes->connection), "::1");
    close(four);
    close(six);
    bed_fini(&bed);
}
END_TEST

START_TEST(addresses_that_cannot_be_used_are_named)
{
    struct bed bed;
    struct simc_uv_server_settings taken_settings = {0};
    bed_init(&bed);
    uint16_t taken = simc_uv_server_port(bed_server(&bed, &taken_settings), 0);
    const struct {
        struct simc_uv_address address;
        int error;
        const char *why;
    } rows[] = {
        {{.host = "127.0.0.1", .port = taken},
         SIMC_EIO,
         "Address already in use (another program listens there)"},
        {{.host = "192.0.2.77", .port = 0},
         SIMC_EIO,
         "cannot listen on 192.0.2.77:0: Cannot assign requested address (this machine does not"},
        {{.host = "localhost", .port = 0},
         SIMC_EINVAL,
         "\"localhost\": it is no IPv4 or IPv6 address"},
        {{.host = "", .port = 0}, SIMC_EINVAL, "\"\": it is no IPv4 or IPv6 address"},
        {{.host = "2001:db8::77", .port = 0}, SIMC_EIO, "cannot listen on [2001:db8::77]:0: "},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        char why[SIMC_UV_TEXT_SIZE] = "";
        struct simc_uv_server *server;
        struct simc_uv_address listen[] = {{.host = "127.0.0.1", .port = 0}, rows[i].address};
        struct simc_uv_server_settings settings = {
            .listen = listen, .listen_count = 2, .handlers = bed_handlers, .context = &bed};
        unit_expect_error(simc_uv_server_new(bed.loop, &settings, why, &server), rows[i].error);
        ck_assert_ptr_null(server);
        ck_assert_msg(strstr(why, rows[i].why) != NULL, "%s", why);
    }
    bed_fini(&bed);
    ck_assert_uint_eq(bed.gone, 1);
}
END_TEST

START_TEST(settings_out_of_range_are_refused)
{
    static const struct simc_uv_transport wrong[] = {
        {.dscp = 64},
        {.keepalive_idle_s = 32768},
        {.keepalive_interval_s = SIMC_UV_OFF},
        {.keepalive_count = 128},
        {.write_limit = 1023},
        {.write_limit = (1U << 30) + 1},
        {.handshake_ms = SIMC_UV_OFF},
        {.send_buffer = UINT32_MAX},
    };
    struct bed bed;
    char why[SIMC_UV_TEXT_SIZE];
    struct simc_uv_server *server;
    struct simc_uv_client *client;
    struct simc_uv_address listen[17] = {{.host = "127.0.0.1", .port = 0}};
    bed_init(&bed);
    for (size_t i = 0; i < UNIT_COUNT(wrong); i++) {
        struct simc_uv_server_settings settings = {.listen = listen,
                                                   .listen_count = 1,
                                                   .transport = wrong[i],
                                                   .handlers = bed_handlers,
                                                   .context = &bed};
        unit_expect_error(simc_uv_server_new(bed.loop, &settings, why, &server), SIMC_EINVAL);
        struct simc_uv_client_settings other = {.remote = {.host = "127.0.0.1", .port = 1},
                                                .transport = wrong[i],
                                                .handlers = bed_handlers,
                                                .context = &bed};
        unit_expect_error(simc_uv_client_new(bed.loop, &other, &client), SIMC_EINVAL);
    }
    static const size_t counts[] = {0, 9, 17, SIZE_MAX};
    memset(listen, 0, sizeof listen);
    for (size_t i = 0; i < UNIT_COUNT(counts) - 1; i++) {
        struct simc_uv_server_settings settings = {
            .listen = listen, .listen_count = counts[i], .handlers = bed_handlers, .context = &bed};
        unit_expect_error(simc_uv_server_new(bed.loop, &settings, why, &server), SIMC_EINVAL);
        ck_assert_ptr_nonnull(strstr(why, "1 to 16 listening addresses are possible"));
    }
    static const struct simc_uv_client_settings clients[] = {
        {.remote = {.host = NULL, .port = 1}},
        {.remote = {.host = "", .port = 1}},
        {.remote = {.host = "127.0.0.1", .port = 0}},
        {.remote = {.host = "127.0.0.1", .port = 1}, .retry_jitter_percent = 101},
    };
    for (size_t i = 0; i < UNIT_COUNT(clients); i++) {
        struct simc_uv_client_settings settings = clients[i];
        settings.handlers = bed_handlers;
        unit_expect_error(simc_uv_client_new(bed.loop, &settings, &client), SIMC_EINVAL);
    }
    bed_fini(&bed);
}
END_TEST

START_TEST(a_system_without_descriptors_makes_a_pause_not_a_storm)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    struct rlimit before, tight;
    struct simc_uv_stats stats;
    enum { FILLERS_MAX = 4096 };
    static int fillers[FILLERS_MAX];
    size_t count = 0;
    getrlimit(RLIMIT_NOFILE, &before);
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    bed_turns(&bed, 2);
    int fds[2];
    for (int i = 0; i < 2; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    tight = before;
    tight.rlim_cur = (rlim_t)fds[1] + 8;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    while (count < FILLERS_MAX && (fillers[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    ck_assert_int_eq(errno, EMFILE);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(simc_uv_server_port(server, 0)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int i = 0; i < 2; i++)
        (void)connect(fds[i], (struct sockaddr *)&address, sizeof address);
    bed_until(&bed, bed.refused == 1);
    ck_assert_int_eq(bed.refused_end.reason, SIMC_UV_END_NO_DESCRIPTORS);
    ck_assert_str_eq(bed.refused_end.text, "no connection can be accepted: too many open files "
                                           "(raise the limit of open files)");
    ck_assert_str_eq(bed.refused_peer, "");
    simc_uv_gate_stats(simc_uv_server_gate(server), &stats);
    ck_assert_uint_eq(stats.accept_pauses, 1);
    bed_until(&bed,
              (simc_uv_gate_stats(simc_uv_server_gate(server), &stats), stats.accept_pauses == 2));
    ck_assert_uint_eq(bed.refused, 1);
    /* They have waited in the backlog. */
    while (count > 0)
        close(fillers[--count]);
    bed_until(&bed, bed.opened == 2);
    setrlimit(RLIMIT_NOFILE, &before);
    close(fds[0]);
    close(fds[1]);
    bed_fini(&bed);
}
END_TEST

/* Switches the loopback interface of this network namespace. */
static bool loopback_up(bool up)
{
    struct ifreq request;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, "lo", 3);
    bool good = ioctl(fd, SIOCGIFFLAGS, &request) == 0;
    if (up)
        request.ifr_flags |= IFF_UP;
    else
        request.ifr_flags &= (short)~IFF_UP;
    good = good && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return good;
}

/* Runs in a network namespace of its own, where the cable can be pulled. Without the right to make
 * one there is nothing to test. */
START_TEST(a_peer_that_vanishes_is_noticed)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {
        .transport = {.user_timeout_ms = 300, .write_stall_ms = SIMC_UV_OFF}};
    if (unshare(CLONE_NEWNET) != 0 || !loopback_up(true))
        return;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    ck_assert(loopback_up(false));
    bed_say(bed.echoes, simc_slice("hello?", 6));
    bed_until(&bed, bed.ended == 1);
    ck_assert_msg(bed.echoes->end.reason == SIMC_UV_END_TIMED_OUT, "%s", bed.echoes->end.text);
    close(fd);
    bed_fini(&bed);
}
END_TEST

static TCase *rule_tests(void)
{
    TCase *tests = tcase_create("rules");
    tcase_add_test(tests, prefixes_hold_the_addresses_that_they_should);
    tcase_add_test(tests, wrong_entries_of_an_allow_list_are_named);
    tcase_add_test(tests, the_limits_of_a_gate_hold_and_are_given_back);
    tcase_add_test(tests, a_gate_without_memory_says_so);
    return tests;
}

static TCase *door_tests(void)
{
    TCase *tests = tcase_create("at the door");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, refused_peers_are_told_and_counted);
    tcase_add_test(tests, ipv4_over_an_ipv6_socket_counts_as_ipv4);
    tcase_add_test(tests, without_a_host_both_families_are_served_on_one_port);
    tcase_add_test(tests, addresses_that_cannot_be_used_are_named);
    tcase_add_test(tests, settings_out_of_range_are_refused);
    tcase_add_test(tests, a_system_without_descriptors_makes_a_pause_not_a_storm);
    tcase_add_test(tests, a_peer_that_vanishes_is_noticed);
    return tests;
}

Suite *suite_uv_gate(void);

Suite *suite_uv_gate(void)
{
    Suite *suite = suite_create("uv_gate");
    suite_add_tcase(suite, rule_tests());
    suite_add_tcase(suite, door_tests());
    return suite;
}
