/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of what systemd is told: a socket of our own stands in for it, as a path and as an
 * abstract name. The runner in main.c calls suite_notify(). */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "sys/clock.h"
#include "unit/unit.h"

static char folder[64];

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/tmp/simc-notify-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void tear_down(void)
{
    rmdir(folder);
}

/* A datagram socket in the place of systemd's; sets NOTIFY_SOCKET. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    size_t size = strlen(name);
    memcpy(address.sun_path, name, size);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, address_size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect_message(int fd, const char *wanted)
{
    char text[1024] = "";
    ssize_t size = recv(fd, text, sizeof text, 0);
    ck_assert_msg(size >= 0, "no message, %s", wanted);
    unit_expect_text(simc_slice(text, (size_t)size), wanted);
}

static void expect_silence(int fd)
{
    char text[1024];
    ck_assert_int_lt(recv(fd, text, sizeof text, 0), 0);
    ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(without_systemd_nothing_happens)
{
    struct simc__notify notify;
    char why[256];
    for (int is_empty = 0; is_empty < 2; is_empty++) {
        if (is_empty)
            setenv("NOTIFY_SOCKET", "", 1);
        setenv("WATCHDOG_USEC", "1000000", 1);
        unit_expect_error(simc__notify_open(&notify, why), 0);
        ck_assert_int_eq(notify.fd, -1);
        ck_assert_uint_eq(notify.watchdog_us, 0);
        simc__notify_ready(&notify);
        simc__notify_reloading(&notify);
        simc__notify_stopping(&notify);
        simc__notify_alive(&notify);
        simc__notify_status(&notify, "nobody reads this");
        simc__notify_close(&notify);
    }
}
END_TEST

static void talk(const char *name)
{
    struct simc__notify notify;
    char why[256], text[256], *end;
    int fd = listen_at(name);
    unit_expect_error(simc__notify_open(&notify, why), 0);
    simc__notify_ready(&notify);
    expect_message(fd, "READY=1");
    uint64_t before_us = simc__clock_monotonic_ns() / 1000;
    simc__notify_reloading(&notify);
    ssize_t size = recv(fd, text, sizeof text - 1, 0);
    ck_assert_int_gt(size, 0);
    text[size] = '\0';
    ck_assert_int_eq(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
    uint64_t told_us = strtoull(text + 27, &end, 10);
    ck_assert(*end == '\0' && told_us >= before_us && told_us <= simc__clock_monotonic_ns() / 1000);
    simc__notify_alive(&notify);
    expect_silence(fd);
    simc__notify_status(&notify, "12 channels\nREADY=1\x1b[2J");
    expect_message(fd, "STATUS=12 channels READY=1?[2J");
    simc__notify_status(&notify, "12 channels\nREADY=1\x1b[2J");
    expect_silence(fd);
    simc__notify_status(&notify, "");
    expect_message(fd, "STATUS=");
    simc__notify_stopping(&notify);
    expect_message(fd, "STOPPING=1");
    simc__notify_close(&notify);
    simc__notify_stopping(&notify);
    expect_silence(fd);
    close(fd);
}

START_TEST(messages_come_through_a_path)
{
    char path[128];
    snprintf(path, sizeof path, "%s/notify", folder);
    talk(path);
    unlink(path);
}
END_TEST

START_TEST(messages_come_through_an_abstract_name)
{
    char name[64];
    snprintf(name, sizeof name, "@simc-notify-%d", (int)getpid());
    talk(name);
}
END_TEST

static const struct {
    const char *time, *owner; /* "SELF": our pid */
    uint64_t wanted_us;
} watchdogs[] = {
    {NULL, NULL, 0},
    {"2000000", NULL, 2000000},
    {"2000000", "SELF", 2000000},
    {"2000000", "1", 0},
    {"2000000", "x", 0},
    {"x", NULL, 0},
    {"-1", NULL, 0},
    {"99999999999999999999", NULL, 0},
};

START_TEST(the_watchdog_is_fed_when_it_is_ours)
{
    char name[64], own[16], why[256];
    snprintf(name, sizeof name, "@simc-watchdog-%d", (int)getpid());
    snprintf(own, sizeof own, "%d", (int)getpid());
    int fd = listen_at(name);
    for (size_t i = 0; i < UNIT_COUNT(watchdogs); i++) {
        const char *owner = watchdogs[i].owner;
        struct simc__notify notify;
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (watchdogs[i].time)
            setenv("WATCHDOG_USEC", watchdogs[i].time, 1);
        if (owner)
            setenv("WATCHDOG_PID", strcmp(owner, "SELF") == 0 ? own : owner, 1);
        unit_expect_error(simc__notify_open(&notify, why), 0);
        ck_assert_uint_eq(notify.watchdog_us, watchdogs[i].wanted_us);
        simc__notify_alive(&notify);
        if (watchdogs[i].wanted_us)
            expect_message(fd, "WATCHDOG=1");
        else
            expect_silence(fd);
        simc__notify_close(&notify);
    }
    close(fd);
}
END_TEST

START_TEST(a_socket_of_no_use_is_told)
{
    static const struct {
        const char *name;
        int error;
        const char *why;
    } cases[] = {
        {"relative/path", SIMC_EINVAL, "NOTIFY_SOCKET=relative/path is no absolute path"},
        {"vsock:2:1234", SIMC_EINVAL, "is no absolute path"},
        {"@", SIMC_EINVAL, "is no absolute path"},
        {"/nowhere/at/all", SIMC_EIO, "cannot be reached: No such file or directory"},
    };
    struct simc__notify notify;
    char why[256], longer[200];
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        setenv("NOTIFY_SOCKET", cases[i].name, 1);
        setenv("WATCHDOG_USEC", "1000", 1);
        unit_expect_error(simc__notify_open(&notify, why), cases[i].error);
        ck_assert_msg(strstr(why, cases[i].why), "%s", why);
        ck_assert_int_eq(notify.fd, -1);
        ck_assert_uint_eq(notify.watchdog_us, 0);
        simc__notify_ready(&notify);
    }
    memset(longer, 'a', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    setenv("NOTIFY_SOCKET", longer, 1);
    unit_expect_error(simc__notify_open(&notify, why), SIMC_EINVAL);
}
END_TEST

START_TEST(a_full_socket_costs_the_message_not_our_time)
{
    struct simc__notify notify;
    char name[64], why[256];
    snprintf(name, sizeof name, "@simc-full-%d", (int)getpid());
    int fd = listen_at(name);
    unit_expect_error(simc__notify_open(&notify, why), 0);
    for (unsigned i = 0; i < 10000; i++)
        simc__notify_ready(&notify);
    expect_message(fd, "READY=1");
    simc__notify_close(&notify);
    close(fd);
}
END_TEST

Suite *suite_notify(void);

Suite *suite_notify(void)
{
    Suite *suite = suite_create("notify");
    TCase *cases = tcase_create("notify");
    tcase_add_checked_fixture(cases, set_up, tear_down);
    tcase_add_test(cases, without_systemd_nothing_happens);
    tcase_add_test(cases, messages_come_through_a_path);
    tcase_add_test(cases, messages_come_through_an_abstract_name);
    tcase_add_test(cases, the_watchdog_is_fed_when_it_is_ours);
    tcase_add_test(cases, a_socket_of_no_use_is_told);
    tcase_add_test(cases, a_full_socket_costs_the_message_not_our_time);
    suite_add_tcase(suite, cases);
    return suite;
}
