/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/http: a server and its clients in one loop, with small limits. What needs a
 * whole process is in tests/scenarios/daemon.t. The runner in main.c calls suite_http(). */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "http/internal.h"
#include "unit/unit.h"

enum { WAIT_MS = 20000 };

static uv_loop_t loop;
static struct simc__http_server *server;
static unsigned calls;

static void get_path(void *context, const struct simc__http_request *request,
                     struct simc__http_reply *reply)
{
    calls++;
    simc__text_printf(reply->body, "%s %s?%s %zu", (const char *)context, request->path,
                      request->query, request->body.size);
}

static void get_large(void *context, const struct simc__http_request *request,
                      struct simc__http_reply *reply)
{
    (void)context;
    (void)request;
    calls++;
    /* It grows while it is looked at. */
    for (unsigned i = 0; i < 35000 * (calls + 1); i++)
        simc_writer_u8(reply->body, 'x');
}

static void stop_server(void *context, const struct simc__http_request *request,
                        struct simc__http_reply *reply)
{
    (void)context;
    (void)request;
    simc__text_put(reply->body, "bye");
    simc__http_server_stop(server);
    server = NULL;
}

static const struct simc__http_route routes[] = {
    {SIMC__HTTP_GET, "/a", "text/plain", get_path, "a"},
    {SIMC__HTTP_POST, "/a", "text/plain", get_path, "a"},
    {SIMC__HTTP_GET, "/large", "text/plain", get_large, "large"},
    {SIMC__HTTP_POST, "/large", "text/plain", get_large, "large"},
    {SIMC__HTTP_GET, "/stop", "text/plain", stop_server, "stop"},
};
static char own[] = "own";
static const struct simc__http_routes sets[] = {{routes, UNIT_COUNT(routes), own}};

static void start(struct simc__http_settings settings)
{
    char why[SIMC__HTTP_WHY_SIZE];
    calls = 0;
    settings.sets = sets;
    settings.set_count = UNIT_COUNT(sets);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_msg(simc__http_server_new(&server, &loop, &settings, why) == 0, "%s", why);
    ck_assert_msg(simc__http_listen_tcp(server, "127.0.0.1", 0, why) == 0, "%s", why);
}

static void finish(void)
{
    simc__http_server_stop(server);
    server = NULL;
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static int connect_to(const char *bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(simc__http_port(server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
    return fd;
}

/* Runs the loop until the peer has closed, or so many bytes are there. */
static size_t read_reply(int fd, char *text, size_t size, size_t enough)
{
    size_t at = 0;
    uint64_t end_ms = uv_hrtime() / 1000000 + WAIT_MS;
    while (at < enough && at < size - 1) {
        ck_assert_msg(uv_hrtime() / 1000000 < end_ms, "no end after %zu bytes: %s", at, text);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, 1) <= 0)
            continue;
        ssize_t got = recv(fd, text + at, size - 1 - at, 0);
        if (got <= 0)
            break;
        at += (size_t)got;
        text[at] = '\0';
    }
    text[at] = '\0';
    return at;
}

static void expect_reply(int fd, const char *status, const char *end)
{
    static char text[100000];
    size_t size = read_reply(fd, text, sizeof text, sizeof text);
    ck_assert_msg(strncmp(text, status, strlen(status)) == 0, "%.300s", text);
    ck_assert_msg(size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0, "%.300s",
                  text);
    close(fd);
}

START_TEST(a_request_gets_its_route_and_the_end)
{
    start((struct simc__http_settings){.head_ms = 0});
    expect_reply(connect_to("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 ",
                 "\r\n\r\nown /a?b=c 0");
    expect_reply(connect_to("POST /a HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"), "HTTP/1.",
                 "own /a? 3");
    simc__http_context_set(server, 0, (char[]){"other"});
    simc__http_context_set(server, 1, NULL);
    finish();
}
END_TEST

START_TEST(a_reply_that_does_not_fit_is_written_again)
{
    start((struct simc__http_settings){.head_ms = 0});
    expect_reply(connect_to("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 ", "xxxx");
    ck_assert_uint_eq(calls, 2);
    /* Something that acts is not done twice. */
    calls = 0;
    expect_reply(connect_to("POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
                 "HTTP/1.1 500 ", "the room given\"}\n");
    ck_assert_uint_eq(calls, 1);
    finish();
    start((struct simc__http_settings){.reply_max = 69999});
    expect_reply(connect_to("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 500 ",
                 "the room given\"}\n");
    finish();
}
END_TEST

START_TEST(a_connection_serves_as_many_requests_as_allowed)
{
    static char text[4096];
    start((struct simc__http_settings){.requests_per_connection = 3});
    int fd = connect_to("GET /a?1 HTTP/1.1\r\nHost: x\r\n\r\nGET /a?2 HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /a?3 HTTP/1.1\r\nHost: x\r\n\r\nGET /a?4 HTTP/1.1\r\nHost: x\r\n\r\n");
    read_reply(fd, text, sizeof text, sizeof text);
    ck_assert_uint_eq(calls, 3);
    ck_assert_ptr_nonnull(strstr(text, "own /a?3 0"));
    ck_assert_ptr_null(strstr(text, "own /a?4 0"));
    close(fd);
    finish();
}
END_TEST

static const char *const slow[] = {"", "GET /a HTTP/1.1\r\nHost: x\r\n",
                                   "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"};

START_TEST(who_is_slow_is_cut_off)
{
    struct simc__http_counts counts;
    static char text[4096];
    start((struct simc__http_settings){.head_ms = 50, .exchange_ms = 100});
    for (size_t i = 0; i < UNIT_COUNT(slow); i++) {
        int fd = connect_to(slow[i]);
        ck_assert_uint_eq(read_reply(fd, text, sizeof text, sizeof text), 0);
        close(fd);
    }
    simc__http_counts(server, &counts);
    ck_assert_uint_eq(counts.cut_off, UNIT_COUNT(slow));
    ck_assert_uint_eq(counts.now, 0);
    finish();
}
END_TEST

START_TEST(one_too_many_is_turned_away)
{
    struct simc__http_counts counts;
    start((struct simc__http_settings){.connections_max = 2});
    int first = connect_to(""), second = connect_to("");
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    expect_reply(connect_to("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 503 ",
                 "try again later\"}\n");
    close(first);
    for (counts.now = 2; counts.now == 2;) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        simc__http_counts(server, &counts);
    }
    ck_assert_uint_eq(counts.refused, 1);
    expect_reply(connect_to("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 ", "own /a? 0");
    close(second);
    finish();
}
END_TEST

START_TEST(a_handler_may_stop_the_server)
{
    start((struct simc__http_settings){.head_ms = 0});
    int fd = connect_to("GET /stop HTTP/1.1\r\nHost: x\r\n\r\n");
    static char text[4096];
    read_reply(fd, text, sizeof text, sizeof text);
    ck_assert_ptr_null(server);
    close(fd);
    finish();
}
END_TEST

START_TEST(stopping_closes_what_is_open)
{
    static char text[64];
    start((struct simc__http_settings){.head_ms = 0});
    int fds[3] = {connect_to(""), connect_to(slow[1]), connect_to(slow[2])};
    (void)uv_run(&loop, UV_RUN_NOWAIT);
    finish();
    for (size_t i = 0; i < UNIT_COUNT(fds); i++) {
        ck_assert_int_le(recv(fds[i], text, sizeof text, 0), 0);
        close(fds[i]);
    }
}
END_TEST

static const struct {
    const char *host;
    bool is_loopback;
} hosts[] = {{"127.0.0.1", true}, {"127.1.2.3", true},         {"::1", true},
             {"localhost", true}, {"128.0.0.1", false},        {"0.0.0.0", false},
             {"::", false},       {"::ffff:127.0.0.1", false}, {"192.0.2.1", false},
             {"", false},         {"example", false}};

START_TEST(loopback_is_this_host_only)
{
    for (size_t i = 0; i < UNIT_COUNT(hosts); i++)
        ck_assert_msg(simc__http_is_loopback(hosts[i].host) == hosts[i].is_loopback, "%s",
                      hosts[i].host);
}
END_TEST

START_TEST(addresses_that_cannot_be_listened_on_are_told)
{
    static const struct {
        const char *host;
        int error;
        const char *why;
    } cases[] = {
        {"example.org", SIMC_EINVAL, "example.org:80: this needs an address in figures"},
        {"", SIMC_EINVAL, "needs an address in figures"},
        {"192.0.2.77", SIMC_EIO, "192.0.2.77:80: this host has no such address"},
        {"2001:db8::77", SIMC_EIO, "cannot listen on [2001:db8::77]:80: "},
    };
    char why[SIMC__HTTP_WHY_SIZE];
    start((struct simc__http_settings){.head_ms = 0});
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        unit_expect_error(simc__http_listen_tcp(server, cases[i].host, 80, why), cases[i].error);
        ck_assert_msg(strstr(why, cases[i].why), "%s", why);
    }
    unit_expect_error(simc__http_listen_tcp(server, "127.0.0.1", simc__http_port(server), why),
                      SIMC_EIO);
    ck_assert_msg(strstr(why, "another program listens there"), "%s", why);
    for (size_t i = 1; i < SIMC__HTTP_LISTENERS_MAX; i++)
        unit_expect_error(simc__http_listen_tcp(server, "127.0.0.1", 0, why), 0);
    unit_expect_error(simc__http_listen_tcp(server, "127.0.0.1", 0, why), SIMC_EFULL);
    unit_expect_error(simc__http_listen_unix(server, "/tmp/x", why), SIMC_EFULL);
    finish();
}
END_TEST

static const struct {
    struct simc__http_route rows[2];
    size_t count;
    const char *why;
} route_faults[] = {
    {{{SIMC__HTTP_GET, "/a", "t", get_path, "h"}, {SIMC__HTTP_GET, "/a", "t", get_path, "h"}},
     2,
     "the route /a stands there twice"},
    {{{(enum simc__http_method)3, "/a", "t", get_path, "h"}}, 1, "needs one method"},
    {{{SIMC__HTTP_GET, "a", "t", get_path, "h"}}, 1, "no request can have"},
    {{{SIMC__HTTP_GET, "/a?b", "t", get_path, "h"}}, 1, "no request can have"},
    {{{SIMC__HTTP_GET, NULL, "t", get_path, "h"}}, 1, "no request can have"},
    {{{SIMC__HTTP_GET, "/a", NULL, get_path, "h"}}, 1, "needs a content type"},
    {{{SIMC__HTTP_GET, "/a", "t", NULL, "h"}}, 1, "needs a content type"},
    {{{SIMC__HTTP_GET, "/a", "t", get_path, NULL}}, 1, "needs a content type"},
};

START_TEST(faulty_routes_are_told)
{
    char why[SIMC__HTTP_WHY_SIZE];
    struct simc__http_server *made;
    uv_loop_t idle;
    ck_assert_int_eq(uv_loop_init(&idle), 0);
    for (size_t i = 0; i < UNIT_COUNT(route_faults); i++) {
        const struct simc__http_routes set = {route_faults[i].rows, route_faults[i].count, NULL};
        const struct simc__http_settings settings = {.sets = &set, .set_count = 1};
        unit_expect_error(simc__http_server_new(&made, &idle, &settings, why), SIMC_EINVAL);
        ck_assert_msg(strstr(why, route_faults[i].why), "%s", why);
        ck_assert_ptr_null(made);
    }
    ck_assert_int_eq(uv_loop_close(&idle), 0);
}
END_TEST

static int serve_once(void *unused)
{
    char why[SIMC__HTTP_WHY_SIZE];
    const struct simc__http_settings settings = {.sets = sets, .set_count = 1};
    uv_loop_t own_loop;
    struct simc__http_server *made;
    (void)unused;
    ck_assert_int_eq(uv_loop_init(&own_loop), 0);
    int error = simc__http_server_new(&made, &own_loop, &settings, why);
    if (!error)
        error = simc__http_listen_unix(made, "/tmp/simc-http-unit.sock", why);
    simc__http_server_stop(made);
    (void)uv_run(&own_loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&own_loop), 0);
    return error;
}

START_TEST(no_memory_is_told)
{
    ck_assert_uint_ge(unit_fail_each_allocation(serve_once, NULL, true), 3);
    ck_assert_int_ne(access("/tmp/simc-http-unit.sock", F_OK), 0);
}
END_TEST

Suite *suite_http(void);

Suite *suite_http(void)
{
    Suite *suite = suite_create("http");
    TCase *cases = tcase_create("http");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, a_request_gets_its_route_and_the_end);
    tcase_add_test(cases, a_reply_that_does_not_fit_is_written_again);
    tcase_add_test(cases, a_connection_serves_as_many_requests_as_allowed);
    tcase_add_test(cases, who_is_slow_is_cut_off);
    tcase_add_test(cases, one_too_many_is_turned_away);
    tcase_add_test(cases, a_handler_may_stop_the_server);
    tcase_add_test(cases, stopping_closes_what_is_open);
    tcase_add_test(cases, loopback_is_this_host_only);
    tcase_add_test(cases, addresses_that_cannot_be_listened_on_are_told);
    tcase_add_test(cases, faulty_routes_are_told);
    tcase_add_test(cases, no_memory_is_told);
    suite_add_tcase(suite, cases);
    return suite;
}
