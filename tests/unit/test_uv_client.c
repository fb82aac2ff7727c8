/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of clients of simulcrypt/uv.h: connecting, and the plan of the attempts. The runner in
 * main.c calls suite_uv_client(). */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "uv/internal.h"

/* A port on which nobody listens. */
static uint16_t dead_port(void)
{
    uint16_t port;
    close(bed_listen(&port));
    return port;
}

START_TEST(a_client_connects_and_talks)
{
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    struct simc_uv_client_settings client_settings = {0};
    struct simc_uv_stats stats;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    struct simc_uv_client *client =
        bed_client(&bed, &client_settings, simc_uv_server_port(server, 0));
    ck_assert_ptr_null(simc_uv_client_connection(client));
    bed_until(&bed, bed.opened == 2);
    struct simc_uv_connection *connection = simc_uv_client_connection(client);
    ck_assert_ptr_nonnull(connection);
    ck_assert_str_eq(simc_uv_connection_host(connection), "127.0.0.1");
    struct bed_echo *echo = simc_uv_connection_owner(connection);
    bed.is_quiet = true;
    bed_say(echo, simc_slice("abc", 3));
    struct bed_echo *other = echo == bed.echoes ? bed.echoes->next : bed.echoes;
    bed_until(&bed, other->in.size == 3);
    bed_say(other, simc_slice("defg", 4));
    bed_until(&bed, echo->in.size == 4);
    unit_expect_text(simc_buffer_bytes(&echo->in), "defg");
    simc_uv_client_stats(client, &stats);
    ck_assert_uint_eq(stats.connections, 1);
    ck_assert_uint_eq(stats.bytes_out, 3);
    ck_assert_uint_eq(stats.bytes_in, 4);
    simc_uv_client_stop(client);
    bed_until(&bed, bed.ended == 2);
    ck_assert_int_eq(echo->end.reason, SIMC_UV_END_CLOSED_BY_US);
    ck_assert_int_eq(other->end.reason, SIMC_UV_END_PEER_CLOSED);
    bed_turns(&bed, 10);
    ck_assert_uint_eq(bed.retries, 0);
    bed_fini(&bed);
    ck_assert_uint_eq(bed.gone, 2);
}
END_TEST

START_TEST(the_delays_double_up_to_the_most)
{
    static const uint32_t expected[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct bed bed;
    struct simc_uv_client_settings settings = {.retry_jitter_percent = SIMC_UV_OFF};
    bed_init(&bed);
    bed.retry_as_ms = 1; /* the plan is recorded, but not waited for */
    struct simc_uv_client *client = bed_client(&bed, &settings, dead_port());
    bed_until(&bed, bed.retries == UNIT_COUNT(expected));
    for (size_t i = 0; i < UNIT_COUNT(expected); i++)
        ck_assert_uint_eq(bed.delays_ms[i], expected[i]);
    ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_CONNECT_FAILED);
    ck_assert_int_eq(bed.retry_end.system_error, UV_ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(bed.retry_end.text, ": connection refused"));
    simc_uv_client_stop(client);
    simc_uv_client_stop(client);
    bed_turns(&bed, 20);
    ck_assert_uint_eq(bed.retries, UNIT_COUNT(expected));
    bed_fini(&bed);
    ck_assert_uint_eq(bed.gone, 1);
}
END_TEST

START_TEST(the_delays_are_spread)
{
    struct bed bed;
    struct simc_uv_client_settings settings = {.retry_first_ms = 10000, .retry_most_ms = 10000};
    unsigned different = 0;
    bed_init(&bed);
    bed.retry_as_ms = 1;
    bed_client(&bed, &settings, dead_port());
    bed_until(&bed, bed.retries == 20);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_uint_ge(bed.delays_ms[i], 8000);
        ck_assert_uint_le(bed.delays_ms[i], 12000);
        different += bed.delays_ms[i] != bed.delays_ms[0];
    }
    ck_assert_uint_gt(different, 10);
    bed_fini(&bed);
}
END_TEST

/* A server that takes and closes connections: each attempt stands, and is lost. */
START_TEST(a_server_that_refuses_some_times_is_reached_in_the_end)
{
    struct bed bed;
    struct simc_uv_client_settings settings = {.retry_jitter_percent = SIMC_UV_OFF};
    static const uint32_t expected[] = {1000, 2000, 4000};
    uint16_t port;
    int listener = bed_listen(&port), fd;
    bed_init(&bed);
    bed.retry_as_ms = 1;
    struct simc_uv_client *client = bed_client(&bed, &settings, port);
    for (unsigned i = 0; i < UNIT_COUNT(expected); i++) {
        bed_until(&bed, (fd = accept(listener, NULL, NULL)) >= 0);
        close(fd);
        bed_until(&bed, bed.retries == i + 1);
        ck_assert_uint_eq(bed.delays_ms[i], expected[i]);
        ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_PEER_CLOSED);
    }
    bed_until(&bed, (fd = accept(listener, NULL, NULL)) >= 0);
    bed_until(&bed, simc_uv_client_connection(client) != NULL);
    ck_assert_uint_eq(bed.opened, 4);
    ck_assert_uint_eq(bed.ended, 3);
    close(fd);
    close(listener);
    bed_fini(&bed);
}
END_TEST

START_TEST(a_connection_that_stood_for_long_starts_over)
{
    struct bed bed;
    struct simc_uv_client_settings settings = {.retry_jitter_percent = SIMC_UV_OFF,
                                               .stable_ms = 20};
    uint16_t port;
    int listener = bed_listen(&port), fd;
    bed_init(&bed);
    bed.retry_as_ms = 1;
    struct simc_uv_client *client = bed_client(&bed, &settings, port);
    for (unsigned i = 0; i < 3; i++) {
        bed_until(&bed, (fd = accept(listener, NULL, NULL)) >= 0);
        bed_until(&bed, simc_uv_client_connection(client) != NULL);
        uint64_t since_ms = simc_uv_loop_now_ms(bed.loop);
        bed_until(&bed, simc_uv_loop_now_ms(bed.loop) >= since_ms + 25);
        close(fd);
        bed_until(&bed, bed.retries == i + 1);
        ck_assert_uint_eq(bed.delays_ms[i], 1000);
    }
    close(listener);
    bed_fini(&bed);
}
END_TEST

START_TEST(at_once_is_granted_a_few_times_only)
{
    struct bed bed;
    struct simc_uv_client_settings settings = {
        .retry_jitter_percent = SIMC_UV_OFF, .retry_first_ms = 86400000, .retry_most_ms = 86400000};
    uint16_t port;
    int listener = bed_listen(&port), fd;
    bed_init(&bed);
    bed.retry_as_ms = 0;
    bed_client(&bed, &settings, port);
    for (unsigned i = 0; i < 5; i++) {
        bed_until(&bed, (fd = accept(listener, NULL, NULL)) >= 0);
        close(fd);
        bed_until(&bed, bed.retries == i + 1);
    }
    bed_turns(&bed, 50);
    ck_assert_int_lt(accept(listener, NULL, NULL), 0);
    ck_assert_uint_eq(bed.retries, 5);
    close(listener);
    bed_fini(&bed);
    /* Behind an attempt that failed it is not granted at all. */
    bed_init(&bed);
    bed.retry_as_ms = 0;
    bed_client(&bed, &settings, dead_port());
    bed_until(&bed, bed.retries == 1);
    bed_turns(&bed, 50);
    ck_assert_uint_eq(bed.retries, 1);
    bed_fini(&bed);
}
END_TEST

/* A system without /etc/hosts and without a name server knows no name at all. */
static bool localhost_is_known(void)
{
    struct addrinfo *found = NULL;
    bool is_known = getaddrinfo("localhost", NULL, NULL, &found) == 0;
    if (is_known)
        freeaddrinfo(found);
    return is_known;
}

START_TEST(all_addresses_of_a_name_are_tried)
{
    if (!localhost_is_known())
        return;
    /* "localhost" has ::1 and 127.0.0.1, or one of them. */
    struct bed bed;
    struct simc_uv_server_settings settings = {0};
    struct simc_uv_client_settings client = {.remote = {.host = "localhost", .port = 0}};
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    bed_client(&bed, &client, simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 2 || bed.retries > 0);
    ck_assert_msg(bed.opened == 2, "%s", bed.retry_end.text);
    bed_fini(&bed);
    /* With none that works the first failure is told. */
    struct simc_uv_client_settings nobody = {.remote = {.host = "localhost", .port = 0}};
    bed_init(&bed);
    bed_client(&bed, &nobody, dead_port());
    bed_until(&bed, bed.retries == 1);
    ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_CONNECT_FAILED);
    ck_assert_ptr_nonnull(strstr(bed.retry_end.text, ": connection refused"));
    bed_fini(&bed);
}
END_TEST

START_TEST(a_name_without_an_address_is_told_and_tried_again)
{
    struct bed bed;
    struct simc_uv_client_settings settings = {.remote = {.host = "no..such..name", .port = 0}};
    bed_init(&bed);
    bed.retry_as_ms = 1;
    bed_client(&bed, &settings, 1);
    bed_until(&bed, bed.retries == 2);
    ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_NO_NAME);
    ck_assert_ptr_nonnull(
        strstr(bed.retry_end.text, "the name no..such..name cannot be resolved: "));
    bed_fini(&bed);
}
END_TEST

START_TEST(a_connect_without_an_answer_ends_in_time)
{
    /* A full backlog answers nothing. */
    struct bed bed;
    struct simc_uv_client_settings settings = {.connect_ms = 40};
    uint16_t port;
    int listener = bed_listen(&port);
    ck_assert_int_eq(listen(listener, 0), 0);
    int fillers[4];
    bed_init(&bed);
    for (size_t i = 0; i < UNIT_COUNT(fillers); i++)
        fillers[i] = bed_connect("127.0.0.1", port);
    bed_turns(&bed, 5);
    bed_client(&bed, &settings, port);
    bed_until(&bed, bed.retries == 1 || bed.opened == 1);
    ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_CONNECT_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(bed.retry_end.text, ": no answer came in time"));
    for (size_t i = 0; i < UNIT_COUNT(fillers); i++)
        close(fillers[i]);
    close(listener);
    bed_fini(&bed);
}
END_TEST

START_TEST(an_application_that_takes_no_connection_is_asked_again_later)
{
    struct bed bed;
    struct simc_uv_client_settings settings = {.retry_jitter_percent = SIMC_UV_OFF};
    uint16_t port;
    int listener = bed_listen(&port);
    bed_init(&bed);
    bed.open_error = SIMC_EINVAL;
    bed_client(&bed, &settings, port);
    bed_until(&bed, bed.retries == 1);
    ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_REJECTED);
    ck_assert_uint_eq(bed.delays_ms[0], 1000);
    close(listener);
    bed_fini(&bed);
}
END_TEST

/* Frees a client in each state that it can be in. */
START_TEST(a_client_may_be_freed_at_any_time)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "no..such..name"};
    for (size_t host = 0; host < UNIT_COUNT(hosts); host++) {
        for (unsigned turns = 0; turns < 12; turns++) {
            for (int how = 0; how < 3; how++) {
                struct bed bed;
                struct simc_uv_server_settings settings = {0};
                struct simc_uv_client_settings other = {.remote = {.host = hosts[host], .port = 0}};
                bed_init(&bed);
                struct simc_uv_server *server = bed_server(&bed, &settings);
                struct simc_uv_client *client =
                    bed_client(&bed, &other, simc_uv_server_port(server, 0));
                bed_turns(&bed, turns);
                if (how > 0)
                    simc_uv_client_stop(client);
                if (how < 2)
                    simc_uv_client_free(client);
                bed_turns(&bed, turns % 3);
                bed_fini(&bed);
                ck_assert_uint_eq(bed.gone, 2);
            }
        }
    }
    simc_uv_client_free(NULL);
    simc_uv_server_free(NULL);
}
END_TEST

static int talk_step(void *context)
{
    struct bed *bed = context;
    struct simc_uv_address listen = {.host = "127.0.0.1", .port = 0};
    struct simc_uv_server_settings settings = {
        .listen = &listen, .listen_count = 1, .handlers = bed_handlers, .context = bed};
    struct simc_uv_client_settings other = {.remote = {.host = "127.0.0.1", .port = 0},
                                            .retry_jitter_percent = SIMC_UV_OFF,
                                            .handlers = bed_handlers,
                                            .context = bed};
    struct simc_uv_server *server = NULL;
    struct simc_uv_client *client = NULL;
    char why[SIMC_UV_TEXT_SIZE];
    memset(bed, 0, sizeof *bed);
    bed->is_quiet = true;
    bed->retry_as_ms = SIMC_UV_OFF;
    bed->give_up_ms = uv_hrtime() / 1000000 + 30000;
    int error = simc_uv_loop_new(NULL, &bed->loop);
    if (error)
        return error;
    error = simc_uv_server_new(bed->loop, &settings, why, &server);
    other.remote.port = server ? simc_uv_server_port(server, 0) : 0;
    if (!error)
        error = simc_uv_client_new(bed->loop, &other, &client);
    /* One of the two connections may be missing, for want of memory: each side tells. */
    if (!error)
        bed_until(bed, bed->opened == 2 || bed->retries > 0 || bed->refused > 0);
    if (!error && bed->opened < 2)
        error = SIMC_ENOMEM;
    bed_fini(bed);
    return error;
}

START_TEST(each_allocation_may_fail)
{
    struct bed bed;
    ck_assert_uint_ge(unit_fail_each_allocation(talk_step, &bed, true), 8);
}
END_TEST

static TCase *client_tests(void)
{
    TCase *tests = tcase_create("clients");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_client_connects_and_talks);
    tcase_add_test(tests, the_delays_double_up_to_the_most);
    tcase_add_test(tests, the_delays_are_spread);
    tcase_add_test(tests, a_server_that_refuses_some_times_is_reached_in_the_end);
    tcase_add_test(tests, a_connection_that_stood_for_long_starts_over);
    tcase_add_test(tests, at_once_is_granted_a_few_times_only);
    tcase_add_test(tests, all_addresses_of_a_name_are_tried);
    tcase_add_test(tests, a_name_without_an_address_is_told_and_tried_again);
    tcase_add_test(tests, a_connect_without_an_answer_ends_in_time);
    tcase_add_test(tests, an_application_that_takes_no_connection_is_asked_again_later);
    tcase_add_test(tests, a_client_may_be_freed_at_any_time);
    tcase_add_test(tests, each_allocation_may_fail);
    return tests;
}

Suite *suite_uv_client(void);

Suite *suite_uv_client(void)
{
    Suite *suite = suite_create("uv_client");
    suite_add_tcase(suite, client_tests());
    return suite;
}
