/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of unix sockets in the network adapter, with real ones. The runner in main.c calls
 * suite_uv_local(). */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "test_uv_bed.h"
#include "uv/internal.h"

/* A folder of its own for each test. */
struct place {
    char folder[32];
    char path[64];
};

static struct place place_make(void)
{
    struct place place = {.folder = "/tmp/simc-uv-local-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(place.folder));
    snprintf(place.path, sizeof place.path, "%s/socket", place.folder);
    return place;
}

static void place_remove(const struct place *place)
{
    unlink(place->path);
    ck_assert_int_eq(rmdir(place->folder), 0);
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static struct simc_uv_server *serve(struct bed *bed, struct simc_uv_server_settings *settings,
                                    const struct simc_uv_address *address)
{
    settings->listen = address;
    settings->listen_count = 1;
    return bed_server(bed, settings);
}

/* Starting must fail with a sentence that has these words. */
static void expect_failure(struct bed *bed, const struct simc_uv_address *address,
                           const char *words)
{
    struct simc_uv_server_settings settings = {.listen = address, .listen_count = 1};
    struct simc_uv_server *server;
    char why[SIMC_UV_TEXT_SIZE] = "";
    settings.handlers = bed_handlers;
    settings.context = bed;
    unit_expect_error(simc_uv_server_new(bed->loop, &settings, why, &server), SIMC_EIO);
    ck_assert_msg(strstr(why, words) != NULL, "%s", why);
}

static struct simc_uv_client *join(struct bed *bed, const char *path)
{
    struct simc_uv_client_settings settings = {.handlers = bed_handlers, .context = bed};
    struct simc_uv_client *client;
    settings.remote.path = path;
    unit_expect_error(simc_uv_client_new(bed->loop, &settings, &client), 0);
    return client;
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* A socket in the file system, with somebody behind it or not. */
static int raw_socket(const char *path, bool is_listening)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (is_listening)
        ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

START_TEST(bytes_go_both_ways_and_both_ends_know_each_other)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    struct simc_uv_server_settings settings = {0};
    struct simc_uv_credentials who;
    char expected[SIMC_UV_ADDRESS_SIZE];
    static uint8_t block[300000];
    struct bed bed;
    bed_init(&bed);
    serve(&bed, &settings, &address);
    struct simc_uv_client *client = join(&bed, place.path);
    bed_until(&bed, bed.opened == 2);
    snprintf(expected, sizeof expected, "unix:%s (pid %d)", place.path, (int)getpid());
    for (struct bed_echo *echo = bed.echoes; echo; echo = echo->next) {
        ck_assert_str_eq(simc_uv_connection_peer(echo->connection), expected);
        ck_assert_str_eq(simc_uv_connection_host(echo->connection), "unix");
        ck_assert(simc_uv_connection_credentials(echo->connection, &who));
        ck_assert_int_eq(who.pid, getpid());
        ck_assert_uint_eq(who.uid, geteuid());
        ck_assert_uint_eq(who.gid, getegid());
    }
    struct bed_echo *ours = simc_uv_connection_owner(simc_uv_client_connection(client));
    struct bed_echo *theirs = bed.echoes == ours ? bed.echoes->next : bed.echoes;
    bed.is_quiet = true;
    memset(block, 0x5a, sizeof block);
    bed_say(ours, simc_slice(block, sizeof block));
    bed_until(&bed, theirs->in.size == sizeof block);
    bed_say(theirs, simc_slice(block, sizeof block));
    bed_until(&bed, ours->in.size == sizeof block);
    unit_expect_bytes(simc_buffer_bytes(&ours->in), simc_slice(block, sizeof block));
    simc_uv_client_stop(client);
    bed_until(&bed, bed.ended == 2);
    ck_assert_int_eq(theirs->end.reason, SIMC_UV_END_PEER_CLOSED);
    bed_fini(&bed);
    ck_assert(!is_there(place.path));
    place_remove(&place);
}
END_TEST

START_TEST(tcp_peers_have_no_credentials)
{
    struct simc_uv_server_settings settings = {0};
    struct simc_uv_credentials who = {.uid = 77};
    struct bed bed;
    bed_init(&bed);
    struct simc_uv_server *server = bed_server(&bed, &settings);
    int fd = bed_connect("127.0.0.1", simc_uv_server_port(server, 0));
    bed_until(&bed, bed.opened == 1);
    ck_assert(!simc_uv_connection_credentials(bed.echoes->connection, &who));
    ck_assert_uint_eq(who.uid, 0);
    close(fd);
    bed_fini(&bed);
}
END_TEST

START_TEST(mode_and_group_are_as_wished)
{
    struct place place = place_make();
    struct stat status;
    struct bed bed;
    char group[16];
    mode_t old = umask(0);
    snprintf(group, sizeof group, "%u", (unsigned)getegid());
    for (unsigned i = 0; i < 2; i++) {
        struct simc_uv_address address = {.path = place.path, .mode = i ? 0600 : 0, .group = group};
        struct simc_uv_server_settings settings = {0};
        bed_init(&bed);
        umask(i ? 0 : 0777);
        serve(&bed, &settings, &address);
        ck_assert_int_eq(lstat(place.path, &status), 0);
        ck_assert_uint_eq(status.st_mode & 07777, i ? 0600 : 0660);
        ck_assert_uint_eq(status.st_gid, getegid());
        bed_fini(&bed);
    }
    umask(old);
    const struct group *own = getgrgid(getegid());
    bed_init(&bed);
    if (own) {
        struct simc_uv_address address = {.path = place.path, .group = own->gr_name};
        struct simc_uv_server_settings settings = {0};
        struct simc_uv_server *server = serve(&bed, &settings, &address);
        simc_uv_server_stop(server);
        ck_assert(!is_there(place.path));
    }
    struct simc_uv_address wrong = {.path = place.path, .group = "no-such-group-here"};
    expect_failure(&bed, &wrong, "there is no group \"no-such-group-here\"");
    ck_assert(!is_there(place.path));
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    struct simc_uv_server_settings settings = {0};
    struct bed bed;
    close(raw_socket(place.path, true));
    bed_init(&bed);
    serve(&bed, &settings, &address);
    join(&bed, place.path);
    bed_until(&bed, bed.opened == 2);
    bed_fini(&bed);
    ck_assert(!is_there(place.path));
    place_remove(&place);
}
END_TEST

START_TEST(a_socket_in_use_is_left_alone)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    struct bed bed;
    int fd = raw_socket(place.path, true);
    bed_init(&bed);
    expect_failure(&bed, &address, "another program listens there");
    /* Also when its queue of connections is full. */
    int waiting[8];
    struct sockaddr_un to = address_of(place.path);
    for (size_t i = 0; i < UNIT_COUNT(waiting); i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&to, sizeof to);
    }
    expect_failure(&bed, &address, "another program listens there");
    ck_assert(is_there(place.path));
    for (size_t i = 0; i < UNIT_COUNT(waiting); i++)
        close(waiting[i]);
    close(fd);
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

START_TEST(other_files_are_left_alone)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    struct bed bed;
    FILE *file = fopen(place.path, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    bed_init(&bed);
    expect_failure(&bed, &address, "a file that is no socket stands there");
    ck_assert(is_there(place.path));
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

/* Somebody has put another socket in the place of ours. */
START_TEST(the_socket_of_another_is_not_removed_at_the_end)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    struct simc_uv_server_settings settings = {0};
    struct bed bed;
    bed_init(&bed);
    struct simc_uv_server *server = serve(&bed, &settings, &address);
    char aside[80];
    snprintf(aside, sizeof aside, "%s/aside", place.folder);
    ck_assert_int_eq(rename(place.path, aside), 0);
    int fd = raw_socket(place.path, true);
    simc_uv_server_stop(server);
    ck_assert(is_there(place.path));
    unlink(aside);
    close(fd);
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

START_TEST(paths_that_cannot_be_are_refused)
{
    char path[SIMC_UV_PATH_SIZE + 1];
    struct simc_uv_address address = {.path = path};
    struct simc_uv_client_settings settings = {.handlers = bed_handlers};
    struct simc_uv_client *client;
    struct bed bed;
    bed_init(&bed);
    settings.context = &bed;
    memset(path, 'x', sizeof path);
    path[SIMC_UV_PATH_SIZE] = '\0';
    expect_failure(&bed, &address, "has 1 to 107 bytes");
    settings.remote.path = path;
    unit_expect_error(simc_uv_client_new(bed.loop, &settings, &client), SIMC_EINVAL);
    path[0] = '\0';
    expect_failure(&bed, &address, "has 1 to 107 bytes");
    unit_expect_error(simc_uv_client_new(bed.loop, &settings, &client), SIMC_EINVAL);
    snprintf(path, sizeof path, "/tmp/no-such-folder-here/socket");
    expect_failure(&bed, &address, "(make its folder)");
    settings.remote.host = "127.0.0.1";
    unit_expect_error(simc_uv_client_new(bed.loop, &settings, &client), SIMC_EINVAL);
    bed_fini(&bed);
}
END_TEST

START_TEST(users_that_are_not_allowed_are_refused)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    const uint32_t others[] = {geteuid() + 1, geteuid() + 2};
    struct simc_uv_server_settings settings = {.allow_uids = others, .allow_uid_count = 2};
    struct bed bed;
    char expected[SIMC_UV_ADDRESS_SIZE];
    bed_init(&bed);
    serve(&bed, &settings, &address);
    join(&bed, place.path);
    bed_until(&bed, bed.refused == 1);
    ck_assert_int_eq(bed.refused_by[0], SIMC_UV_END_NOT_ALLOWED);
    ck_assert_ptr_nonnull(strstr(bed.refused_end.text, "may not come in"));
    snprintf(expected, sizeof expected, "unix:%s (pid %d)", place.path, (int)getpid());
    ck_assert_str_eq(bed.refused_peer, expected);
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

START_TEST(the_own_user_may_be_named)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    const uint32_t own[] = {geteuid() + 1, geteuid()};
    struct simc_uv_server_settings settings = {.allow_uids = own, .allow_uid_count = 2};
    struct bed bed;
    bed_init(&bed);
    serve(&bed, &settings, &address);
    join(&bed, place.path);
    bed_until(&bed, bed.opened == 2);
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

/* The limit for an address counts for a user, and lists of addresses are not for unix sockets. */
START_TEST(the_gate_counts_users)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    const char *const allow[] = {"192.0.2.1"};
    struct simc_uv_gate_settings rules = {
        .allow = allow, .allow_count = 1, .connections_per_address = 2};
    struct simc_uv_server_settings settings = {0};
    char why[SIMC_UV_TEXT_SIZE];
    struct bed bed;
    bed_init(&bed);
    unit_expect_error(simc_uv_gate_new(&rules, why, &settings.gate), 0);
    serve(&bed, &settings, &address);
    join(&bed, place.path);
    join(&bed, place.path);
    bed_until(&bed, bed.opened == 4);
    join(&bed, place.path);
    bed_until(&bed, bed.refused == 1);
    ck_assert_int_eq(bed.refused_by[0], SIMC_UV_END_TOO_MANY_FROM_ADDRESS);
    bed_fini(&bed);
    simc_uv_gate_free(settings.gate);
    place_remove(&place);
}
END_TEST

START_TEST(clients_come_back_when_the_server_does)
{
    struct place place = place_make();
    struct simc_uv_address address = {.path = place.path};
    struct bed bed;
    bed_init(&bed);
    bed.retry_as_ms = 5;
    join(&bed, place.path);
    bed_until(&bed, bed.retries >= 2);
    ck_assert_int_eq(bed.retry_end.reason, SIMC_UV_END_CONNECT_FAILED);
    ck_assert_ptr_nonnull(strstr(bed.retry_end.text, place.path));
    for (unsigned round = 1; round <= 3; round++) {
        struct simc_uv_server_settings settings = {0};
        struct simc_uv_server *server = serve(&bed, &settings, &address);
        bed_until(&bed, bed.opened == 2 * round);
        simc_uv_server_free(server);
        bed_until(&bed, bed.ended == 2 * round);
    }
    bed_fini(&bed);
    place_remove(&place);
}
END_TEST

static int serve_and_end(void *context)
{
    const struct place *place = context;
    struct simc_uv_address address = {.path = place->path};
    struct simc_uv_server_settings settings = {.listen = &address, .listen_count = 1};
    struct simc_uv_loop *loop;
    struct simc_uv_server *server;
    char why[SIMC_UV_TEXT_SIZE];
    struct bed bed = {.loop = NULL};
    int error = simc_uv_loop_new(NULL, &loop);
    if (error)
        return error;
    settings.handlers = bed_handlers;
    settings.context = &bed;
    error = simc_uv_server_new(loop, &settings, why, &server);
    simc_uv_loop_free(loop);
    ck_assert(!is_there(place->path));
    return error;
}

START_TEST(failing_allocations_leave_no_socket_behind)
{
    struct place place = place_make();
    ck_assert_uint_ge(unit_fail_each_allocation(serve_and_end, &place, true), 2);
    place_remove(&place);
}
END_TEST

Suite *suite_uv_local(void);

Suite *suite_uv_local(void)
{
    Suite *suite = suite_create("uv_local");
    TCase *tests = tcase_create("uv_local");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bytes_go_both_ways_and_both_ends_know_each_other);
    tcase_add_test(tests, tcp_peers_have_no_credentials);
    tcase_add_test(tests, mode_and_group_are_as_wished);
    tcase_add_test(tests, a_stale_socket_is_replaced);
    tcase_add_test(tests, a_socket_in_use_is_left_alone);
    tcase_add_test(tests, other_files_are_left_alone);
    tcase_add_test(tests, the_socket_of_another_is_not_removed_at_the_end);
    tcase_add_test(tests, paths_that_cannot_be_are_refused);
    tcase_add_test(tests, users_that_are_not_allowed_are_refused);
    tcase_add_test(tests, the_own_user_may_be_named);
    tcase_add_test(tests, the_gate_counts_users);
    tcase_add_test(tests, clients_come_back_when_the_server_does);
    tcase_add_test(tests, failing_allocations_leave_no_socket_behind);
    suite_add_tcase(suite, tests);
    return suite;
}
