/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of lib/sys: clocks, files, locked memory, log sinks and the hardened process. What
 * must end a process happens in a child. The runner in main.c calls suite_sys(). */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/file.h"
#include "sys/process.h"
#include "unit/unit.h"

/* ---- helpers ---- */

enum { PATH_SIZE = 256 };

/* Makes a file with `size` bytes 'x'; the caller unlinks it. */
static void make_file(char path[PATH_SIZE], size_t size)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, PATH_SIZE, "%s/simc-unit-XXXXXX", folder ? folder : "/tmp");
    int fd = mkstemp(path);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    char block[1000];
    memset(block, 'x', sizeof block);
    for (size_t left = size; left > 0;) {
        size_t part = left < sizeof block ? left : sizeof block;
        ck_assert_int_eq(write(fd, block, part), (ssize_t)part);
        left -= part;
    }
    close(fd);
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 251);
}

/* ---- clocks ---- */

START_TEST(the_monotonic_clock_never_runs_backwards)
{
    uint64_t last_ns = 0;
    unsigned backwards = 0, apart = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t before_ns = simc__clock_monotonic_ns(), now_ms = simc__clock_monotonic_ms();
        uint64_t after_ns = simc__clock_monotonic_ns();
        backwards += before_ns < last_ns || after_ns < before_ns;
        apart += now_ms < before_ns / 1000000 || now_ms > after_ns / 1000000;
        last_ns = after_ns;
    }
    ck_assert_uint_eq(backwards, 0);
    ck_assert_uint_eq(apart, 0);
}
END_TEST

START_TEST(the_wall_clock_counts_microseconds_since_1970)
{
    time_t before = time(NULL);
    uint64_t now_us = simc__clock_wall_us(NULL);
    time_t after = time(NULL);
    /* A second of slack: time() may read a coarser clock. */
    ck_assert_uint_ge(now_us / 1000000 + 1, (uint64_t)before);
    ck_assert_uint_le(now_us / 1000000, (uint64_t)after + 1);
}
END_TEST

/* ---- files: reading ---- */

struct read_case {
    size_t size, ceiling;
    int error;
};

static const struct read_case read_cases[] = {
    {0, 1, 0},          {0, 100, 0},          {1, 1, 0},
    {2, 1, SIMC_EFULL}, {1000, 1000, 0},      {1001, 1000, SIMC_EFULL},
    {65535, 65536, 0},  {65536, 65536, 0},    {65537, 65536, SIMC_EFULL},
    {65537, 65537, 0},  {200000, 1 << 20, 0}, {200000, 199999, SIMC_EFULL},
    {0, 0, 0},          {1, 0, SIMC_EFULL},
};

START_TEST(a_file_is_read_up_to_the_ceiling)
{
    for (size_t i = 0; i < UNIT_COUNT(read_cases); i++) {
        const struct read_case *c = &read_cases[i];
        char path[PATH_SIZE], why[SIMC__FILE_WHY_SIZE] = "", wanted[SIMC__FILE_WHY_SIZE] = "";
        struct simc_buffer into;
        make_file(path, c->size);
        simc_buffer_init(&into, c->ceiling);
        int error = simc__file_read(path, &into, why);
        unlink(path);
        ck_assert_msg(error == c->error, "%zu of %zu: %s", c->size, c->ceiling,
                      simc_error_name(error));
        if (error)
            snprintf(wanted, sizeof wanted, "%s is larger than %zu bytes, the most that is read",
                     path, c->ceiling);
        else
            ck_assert_uint_eq(simc_buffer_bytes(&into).size, c->size);
        ck_assert_str_eq(why, wanted);
        simc_buffer_fini(&into);
    }
}
END_TEST

static const struct {
    const char *path, *why;
} unreadable[] = {
    {"/nowhere/at/all", "cannot read /nowhere/at/all: No such file or directory"},
    {"", "cannot read : No such file or directory"},
    {"/", "cannot read /: Is a directory"},
    {"/dev/null/x", "cannot read /dev/null/x: Not a directory"},
    {"/no\n\033[31m\xff\xc2\x9b", "cannot read /no??[31m???: No such file or directory"},
};

START_TEST(what_cannot_be_read_is_named_with_the_reason)
{
    for (size_t i = 0; i < UNIT_COUNT(unreadable); i++) {
        char why[SIMC__FILE_WHY_SIZE];
        struct simc_buffer into;
        simc_buffer_init(&into, 1000);
        unit_expect_error(simc__file_read(unreadable[i].path, &into, why), SIMC_EIO);
        ck_assert_str_eq(why, unreadable[i].why);
        simc_buffer_fini(&into);
    }
}
END_TEST

START_TEST(a_long_name_does_not_push_the_reason_out)
{
    char path[3000], why[SIMC__FILE_WHY_SIZE];
    struct simc_buffer into;
    memset(path, 'n', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = '\0';
    simc_buffer_init(&into, 1000);
    unit_expect_error(simc__file_read(path, &into, why), SIMC_EIO);
    ck_assert_msg(strstr(why, "nnnn: File name too long") != NULL, "%s", why);
    simc_buffer_fini(&into);
}
END_TEST

static int read_step(void *context)
{
    char why[SIMC__FILE_WHY_SIZE] = "";
    struct simc_buffer into;
    simc_buffer_init(&into, 1 << 20);
    int error = simc__file_read(context, &into, why);
    ck_assert_msg(!error == !why[0], "%s", why);
    simc_buffer_fini(&into);
    return error;
}

START_TEST(reading_without_memory_says_so)
{
    char path[PATH_SIZE];
    make_file(path, 300000);
    ck_assert_uint_ge(unit_fail_each_allocation(read_step, path, true), 2);
    unlink(path);
}
END_TEST

enum { STREAM_SIZE = 300000 };

/* Writes the pattern into a pipe in uneven pieces. */
static int feed_pipe(void *context)
{
    const int *fds = context;
    close(fds[0]);
    for (size_t at = 0; at < STREAM_SIZE;) {
        uint8_t block[1777];
        size_t size = at % 13 * 131 + 1;
        size = size < STREAM_SIZE - at ? size : STREAM_SIZE - at;
        for (size_t i = 0; i < size; i++)
            block[i] = pattern(at + i);
        if (write(fds[1], block, size) != (ssize_t)size)
            return 1;
        at += size;
    }
    return 0;
}

START_TEST(standard_input_may_be_a_slow_pipe)
{
    static const int non_blocking_ends[] = {-1, 0};
    for (size_t k = 0; k < UNIT_COUNT(non_blocking_ends); k++) {
        char why[SIMC__FILE_WHY_SIZE] = "";
        struct simc_buffer into;
        int fds[2], status, saved = dup(STDIN_FILENO);
        unit_narrow_pipe(fds, non_blocking_ends[k]);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            _exit(feed_pipe(fds));
        close(fds[1]);
        dup2(fds[0], STDIN_FILENO);
        close(fds[0]);
        simc_buffer_init(&into, STREAM_SIZE);
        int error = simc__file_read("-", &into, why);
        ck_assert_msg(error == 0, "%s", why);
        struct simc_slice bytes = simc_buffer_bytes(&into);
        ck_assert_uint_eq(bytes.size, STREAM_SIZE);
        size_t wrong = 0;
        for (size_t i = 0; i < bytes.size; i++)
            wrong += bytes.data[i] != pattern(i);
        ck_assert_uint_eq(wrong, 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        unit_expect_exit(status, 0);
        simc_buffer_fini(&into);
        if (saved >= 0) {
            dup2(saved, STDIN_FILENO);
            close(saved);
        }
    }
}
END_TEST

/* ---- files: writing ---- */

/* Reads a pipe to its end and checks the pattern. */
static int drain_pipe(const int fds[2])
{
    uint8_t block[777];
    size_t at = 0;
    ssize_t size;
    close(fds[1]);
    while ((size = read(fds[0], block, sizeof block)) > 0) {
        for (size_t i = 0; i < (size_t)size; i++, at++) {
            if (block[i] != pattern(at))
                return 1;
        }
    }
    return at == STREAM_SIZE ? 0 : 2;
}

START_TEST(all_bytes_are_written_in_whatever_pieces)
{
    static const int non_blocking_ends[] = {-1, 1};
    static uint8_t bytes[STREAM_SIZE];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = pattern(i);
    for (size_t k = 0; k < UNIT_COUNT(non_blocking_ends); k++) {
        int fds[2], status;
        unit_narrow_pipe(fds, non_blocking_ends[k]);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            _exit(drain_pipe(fds));
        close(fds[0]);
        ck_assert_int_eq(simc__file_write(fds[1], simc_slice(bytes, sizeof bytes)), 0);
        close(fds[1]);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        unit_expect_exit(status, 0);
    }
}
END_TEST

START_TEST(a_write_that_fails_leaves_its_errno)
{
    int fds[2];
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(simc__file_write(-1, simc_slice("x", 1)), SIMC_EIO);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(simc__file_write(-1, simc_slice(NULL, 0)), 0);
    for (int non_blocking_end = -1; non_blocking_end <= 1; non_blocking_end += 2) {
        unit_narrow_pipe(fds, non_blocking_end);
        close(fds[0]);
        ck_assert_int_eq(simc__file_write(fds[1], simc_slice("x", 1)), SIMC_EIO);
        ck_assert_int_eq(errno, EPIPE);
        close(fds[1]);
    }
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (full >= 0) {
        ck_assert_int_eq(simc__file_write(full, simc_slice("x", 1)), SIMC_EIO);
        ck_assert_int_eq(errno, ENOSPC);
        close(full);
    }
}
END_TEST

/* ---- the process ---- */

START_TEST(random_bytes_differ)
{
    UNIT_ROOM(uint8_t, a, 1 << 20);
    static uint8_t b[64];
    size_t zeros = 0;
    ck_assert_int_eq(simc__process_random(NULL, 0), 0);
    ck_assert_int_eq(simc__process_random(a, (1 << 20)), 0);
    ck_assert_int_eq(simc__process_random(b, sizeof b), 0);
    ck_assert(memcmp(a, b, sizeof b) != 0);
    ck_assert(memcmp(a, a + (1 << 20) - sizeof b, sizeof b) != 0);
    for (size_t i = 0; i < (1 << 20); i++)
        zeros += a[i] == 0;
    /* 4096 of 2^20 on average, with a deviation of 64. */
    ck_assert_msg(zeros > 3000 && zeros < 5200, "%zu zeros", zeros);
}
END_TEST

/* @return 0, or which of the promises is broken; the fingerprint of a fixed secret goes to a pipe.
 */
static int be_hardened(void *context)
{
    const int fd = *(const int *)context;
    struct rlimit limit = {1, 1};
    struct sigaction pipe_action;
    struct simc_secret secret;
    char fingerprint[SIMC_FINGERPRINT_SIZE];
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    signal(SIGPIPE, SIG_DFL);
    if (simc__process_harden() != 0)
        return 1;
    if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 2;
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_cur != 0 || limit.rlim_max != 0)
        return 3;
    if (sigaction(SIGPIPE, NULL, &pipe_action) != 0 || pipe_action.sa_handler != SIG_IGN)
        return 4;
    if (simc_secret_set(&secret, simc_slice("ControlW", 8)) != 0)
        return 5;
    simc_secret_fingerprint(&secret, fingerprint);
    if (write(fd, fingerprint, sizeof fingerprint) != sizeof fingerprint)
        return 6;
    return 0;
}

START_TEST(a_hardened_process_keeps_its_promises)
{
    char texts[2][SIMC_FINGERPRINT_SIZE];
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    for (size_t i = 0; i < UNIT_COUNT(texts); i++) {
        unit_expect_exit(unit_in_child(be_hardened, &fds[1]), 0);
        ck_assert_int_eq(read(fds[0], texts[i], sizeof texts[i]), (ssize_t)sizeof texts[i]);
        ck_assert_uint_eq(strspn(texts[i], "0123456789abcdef"), SIMC_FINGERPRINT_SIZE - 1);
    }
    /* Each process draws its own key: equal ones would come once in four thousand million runs. */
    ck_assert_str_ne(texts[0], texts[1]);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

static int die_hardened(void *context)
{
    (void)context;
    if (simc__process_harden() != 0)
        return 1;
    abort();
}

START_TEST(a_hardened_process_leaves_no_core)
{
    int status = unit_in_child(die_hardened, NULL);
    unit_expect_signal(status, SIGABRT);
    ck_assert(!WCOREDUMP(status));
}
END_TEST

static TCase *file_tests(void)
{
    TCase *tests = tcase_create("clocks and files");
    tcase_add_test(tests, the_monotonic_clock_never_runs_backwards);
    tcase_add_test(tests, the_wall_clock_counts_microseconds_since_1970);
    tcase_add_test(tests, a_file_is_read_up_to_the_ceiling);
    tcase_add_test(tests, what_cannot_be_read_is_named_with_the_reason);
    tcase_add_test(tests, a_long_name_does_not_push_the_reason_out);
    tcase_add_test(tests, reading_without_memory_says_so);
    tcase_add_test(tests, standard_input_may_be_a_slow_pipe);
    tcase_add_test(tests, all_bytes_are_written_in_whatever_pieces);
    tcase_add_test(tests, a_write_that_fails_leaves_its_errno);
    return tests;
}

static TCase *process_tests(void)
{
    TCase *tests = tcase_create("the process");
    tcase_add_test(tests, random_bytes_differ);
    tcase_add_test(tests, a_hardened_process_keeps_its_promises);
    tcase_add_test(tests, a_hardened_process_leaves_no_core);
    return tests;
}

Suite *suite_sys(void);

Suite *suite_sys(void)
{
    Suite *suite = suite_create("sys");
    suite_add_tcase(suite, file_tests());
    suite_add_tcase(suite, process_tests());
    return suite;
}
