/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of links over real sockets, as daemons attach them: unix sockets and TCP. Run by the unit
 * test runner. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "daemon/link.h"
#include "unit/unit.h"

Suite *suite_link_uv(void);

enum { PATIENCE_MS = 30000, TICK_MS = 2, FLOOD = 20000, BODY_SIZE = 1000 };

/* One end of a connection. */
struct side {
    struct simc__link *link;
    struct simc_uv_connection *connection;
    unsigned opened, requests, responses, failures, events, ended;
    size_t body_bytes;
    char peer[SIMC__LINK_NAME_MAX + 1];
    char why[SIMC__LINK_TEXT_SIZE];
    struct simc_uv_end end;
};

struct stage {
    struct simc_uv_loop *loop;
    struct simc_uv_timer *tick;
    uint64_t give_up_ms;
    struct simc_uv_server *server;
    struct simc_uv_client *client;
    struct side served, joined;
    bool is_deaf; /* the server does not pull events */
};

static void take(struct side *side, const struct simc__link_event *event)
{
    switch (event->type) {
    case SIMC__LINK_EVENT_OPEN:
        side->opened++;
        snprintf(side->peer, sizeof side->peer, "%s", event->peer);
        break;
    case SIMC__LINK_EVENT_REQUEST:
        side->requests++;
        unit_expect_error(simc__link_respond(side->link, event->id, event->body), 0);
        break;
    case SIMC__LINK_EVENT_RESPONSE:
        side->responses++;
        side->body_bytes += event->body.size;
        break;
    case SIMC__LINK_EVENT_FAILURE:
        side->failures++;
        break;
    case SIMC__LINK_EVENT_EVENT:
        side->events++;
        side->body_bytes += event->body.size;
        break;
    case SIMC__LINK_EVENT_CLOSED:
        snprintf(side->why, sizeof side->why, "%s", event->text);
        break;
    case SIMC__LINK_EVENT_CANCEL:
    case SIMC__LINK_EVENT_NOTICE:
    case SIMC__LINK_EVENT_NONE:
        break;
    }
}

static int open_side(struct side *side, struct simc_uv_connection *connection, const char *name)
{
    const struct simc__link_settings settings = {
        .service = "test", .version_min = 1, .version_max = 1, .name = name};
    memset(side, 0, sizeof *side);
    side->connection = connection;
    return simc__link_attach(connection, &settings, side, &side->link);
}

static int on_served(void *context, struct simc_uv_connection *connection)
{
    struct stage *stage = context;
    return open_side(&stage->served, connection, "the server");
}

static int on_joined(void *context, struct simc_uv_connection *connection)
{
    struct stage *stage = context;
    return open_side(&stage->joined, connection, "the client");
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct stage *stage = context;
    struct side *side = simc_uv_connection_owner(connection);
    struct simc__link_event event;
    (void)now_ms;
    ck_assert_ptr_eq(simc__link_of(connection), side->link);
    if (stage->is_deaf && side == &stage->served)
        return;
    while (simc__link_next_event(side->link, &event))
        take(side, &event);
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct side *side = simc_uv_connection_owner(connection);
    (void)context;
    side->end = *end;
    side->ended++;
    simc__link_free(side->link);
    side->link = NULL;
}

static void ticked(void *context)
{
    (void)context;
}

static void stage_turn(struct stage *stage, const char *what)
{
    if (uv_hrtime() / 1000000 > stage->give_up_ms)
        ck_abort_msg("waited in vain for: %s", what);
    uv_run(simc_uv_loop_uv(stage->loop), UV_RUN_ONCE);
}

#define stage_until(stage, condition)        \
    do {                                     \
        while (!(condition))                 \
            stage_turn((stage), #condition); \
    } while (0)

/* A server and a client; path NULL: over TCP. */
static void stage_init(struct stage *stage, const char *path)
{
    struct simc_uv_address address = {.host = path ? NULL : "127.0.0.1", .path = path};
    struct simc_uv_server_settings server = {
        .listen = &address, .listen_count = 1, .context = stage};
    struct simc_uv_client_settings client = {.context = stage};
    char why[SIMC_UV_TEXT_SIZE];
    memset(stage, 0, sizeof *stage);
    signal(SIGPIPE, SIG_IGN);
    stage->give_up_ms = uv_hrtime() / 1000000 + PATIENCE_MS;
    unit_expect_error(simc_uv_loop_new(NULL, &stage->loop), 0);
    unit_expect_error(simc_uv_timer_new(stage->loop, ticked, NULL, &stage->tick), 0);
    simc_uv_timer_start(stage->tick, TICK_MS, TICK_MS);
    server.handlers =
        (struct simc_uv_handlers){.on_open = on_served, .on_events = on_events, .on_end = on_end};
    client.handlers =
        (struct simc_uv_handlers){.on_open = on_joined, .on_events = on_events, .on_end = on_end};
    unit_expect_error(simc_uv_server_new(stage->loop, &server, why, &stage->server), 0);
    client.remote = address;
    client.remote.port = simc_uv_server_port(stage->server, 0);
    unit_expect_error(simc_uv_client_new(stage->loop, &client, &stage->client), 0);
    stage_until(stage, stage->served.opened && stage->joined.opened);
}

static void stage_fini(struct stage *stage)
{
    simc_uv_loop_free(stage->loop);
    ck_assert_ptr_null(stage->served.link);
    ck_assert_ptr_null(stage->joined.link);
}

static const uint8_t *string_body(void)
{
    static uint8_t body[BODY_SIZE + 3] = {0x59, BODY_SIZE >> 8, BODY_SIZE & 0xff};
    return body;
}

static void ask(struct stage *stage, struct side *side)
{
    uint32_t id;
    unit_expect_error(simc__link_request(side->link, 1, simc_slice(string_body(), BODY_SIZE + 3), 0,
                                         NULL, simc_uv_loop_now_ms(stage->loop), &id),
                      0);
    simc_uv_connection_pump(side->connection);
}

START_TEST(links_talk_over_sockets)
{
    char folder[] = "/tmp/simc-link-uv-XXXXXX", path[64];
    struct stage stage;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    stage_init(&stage, _i ? path : NULL);
    ck_assert_str_eq(stage.served.peer, "the client");
    ck_assert_str_eq(stage.joined.peer, "the server");
    for (unsigned i = 0; i < 200; i++) {
        ask(&stage, &stage.served);
        ask(&stage, &stage.joined);
    }
    stage_until(&stage, stage.served.responses == 200 && stage.joined.responses == 200);
    ck_assert_uint_eq(stage.served.body_bytes, 200 * (BODY_SIZE + 3));
    simc__link_close(stage.served.link, "that was all");
    simc_uv_connection_pump(stage.served.connection);
    stage_until(&stage, stage.served.ended && stage.joined.ended);
    ck_assert_str_eq(stage.served.why, "that was all");
    ck_assert_str_eq(stage.joined.why, "the peer closed the link: that was all");
    ck_assert_int_eq(stage.joined.end.reason, SIMC_UV_END_PROTOCOL);
    simc_uv_client_stop(stage.client);
    stage_fini(&stage);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* Many events: the sender meets the limit, waits, and all of them arrive. */
START_TEST(a_flood_of_events_arrives)
{
    struct stage stage;
    stage_init(&stage, NULL);
    for (unsigned sent = 0; sent < FLOOD;) {
        int error =
            simc__link_send(stage.joined.link, 3, simc_slice(string_body(), BODY_SIZE + 3), NULL);
        if (error) {
            unit_expect_error(error, SIMC_EFULL);
            simc_uv_connection_pump(stage.joined.connection);
            stage_turn(&stage, "room in the output");
        } else {
            sent++;
        }
    }
    simc_uv_connection_pump(stage.joined.connection);
    stage_until(&stage, stage.served.events == FLOOD);
    ck_assert_uint_eq(stage.served.body_bytes, (size_t)FLOOD * (BODY_SIZE + 3));
    simc_uv_client_stop(stage.client);
    stage_until(&stage, stage.served.ended && stage.joined.ended);
    stage_fini(&stage);
}
END_TEST

/* A TLS client and an HTTP client are told apart by their first bytes. */
START_TEST(strangers_are_told)
{
    static const struct {
        const char *bytes, *why;
        size_t size;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", "does not speak the link protocol", 18},
        {"\x16\x03\x01\x02\x00\x01\x00", "speaks TLS", 7},
    };
    struct stage stage;
    stage_init(&stage, NULL);
    simc_uv_client_stop(stage.client);
    stage_until(&stage, stage.served.ended && stage.joined.ended);
    struct sockaddr_in to;
    uv_ip4_addr("127.0.0.1", simc_uv_server_port(stage.server, 0), &to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    ck_assert_int_eq(send(fd, rows[_i].bytes, rows[_i].size, 0), (ssize_t)rows[_i].size);
    stage_until(&stage, stage.served.ended == 0 && stage.served.link);
    stage_until(&stage, stage.served.ended);
    ck_assert_msg(strstr(stage.served.end.text, rows[_i].why) != NULL, "%s", stage.served.end.text);
    close(fd);
    stage_fini(&stage);
}
END_TEST

START_TEST(requests_fail_when_the_connection_goes)
{
    struct stage stage;
    stage_init(&stage, NULL);
    stage.is_deaf = true;
    ask(&stage, &stage.joined);
    ask(&stage, &stage.joined);
    simc_uv_connection_abort(stage.served.connection, "gone");
    stage_until(&stage, stage.joined.ended);
    ck_assert_uint_eq(stage.joined.failures, 2);
    ck_assert_str_eq(stage.joined.why, "the connection ended");
    simc_uv_client_stop(stage.client);
    stage_fini(&stage);
}
END_TEST

Suite *suite_link_uv(void)
{
    Suite *suite = suite_create("link_uv");
    TCase *tests = tcase_create("link_uv");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, links_talk_over_sockets, 0, 2);
    tcase_add_test(tests, a_flood_of_events_arrives);
    tcase_add_loop_test(tests, strangers_are_told, 0, 2);
    tcase_add_test(tests, requests_fail_when_the_connection_goes);
    suite_add_tcase(suite, tests);
    return suite;
}
