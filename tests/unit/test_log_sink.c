/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of the places where log lines go: their kinds, a reader that does not read, a disk
 * that is full. The runner in main.c calls suite_log_sink(). */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/log_sink.h"
#include "unit/unit.h"

START_TEST(the_kind_of_a_sink_follows_the_descriptor)
{
    struct stat status;
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(fstat(fds[1], &status), 0);
    unsigned long long device = status.st_dev, inode = status.st_ino;
    static const char *const strange[] = {"", ":", "1", "a:b", "1:", "18446744073709551616:1"};
    char journal[64];
    unsetenv("JOURNAL_STREAM");
    ck_assert_int_eq(simc__log_sink_kind_of(fds[1]), SIMC__LOG_SINK_JSON);
    snprintf(journal, sizeof journal, "%llu:%llu", device, inode);
    setenv("JOURNAL_STREAM", journal, 1);
    ck_assert_int_eq(simc__log_sink_kind_of(fds[1]), SIMC__LOG_SINK_JOURNAL);
    ck_assert_int_eq(simc__log_sink_kind_of(-1), SIMC__LOG_SINK_JSON);
    snprintf(journal, sizeof journal, "%llu:%llu", device, inode + 1);
    setenv("JOURNAL_STREAM", journal, 1);
    ck_assert_int_eq(simc__log_sink_kind_of(fds[1]), SIMC__LOG_SINK_JSON);
    for (size_t i = 0; i < UNIT_COUNT(strange); i++) {
        setenv("JOURNAL_STREAM", strange[i], 1);
        ck_assert_int_eq(simc__log_sink_kind_of(fds[1]), SIMC__LOG_SINK_JSON);
    }
    unsetenv("JOURNAL_STREAM");
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0) {
        ck_assert_int_eq(simc__log_sink_kind_of(terminal), SIMC__LOG_SINK_TERMINAL);
        close(terminal);
    }
    close(fds[0]);
    close(fds[1]);
}
END_TEST

static uint64_t fixed_time(void *unused)
{
    (void)unused;
    return (uint64_t)1795262400 * 1000000;
}

static const struct {
    enum simc__log_sink_kind kind;
    const char *error, *info;
} sink_cases[] = {
    {SIMC__LOG_SINK_TERMINAL, "\033[31m12:00:00.000 error   a\\nb  n=1\033[0m\n",
     "12:00:00.000 info    a\\nb  n=1\n"},
    {SIMC__LOG_SINK_PLAIN, "12:00:00.000 error   a\\nb  n=1\n",
     "12:00:00.000 info    a\\nb  n=1\n"},
    {SIMC__LOG_SINK_JOURNAL, "<3>error   a\\nb  n=1\n", "<6>info    a\\nb  n=1\n"},
    {SIMC__LOG_SINK_JSON,
     "{\"time\":\"2026-11-21T12:00:00.000000Z\",\"level\":\"error\",\"message\":\"a\\nb\",\"n\":1}"
     "\n",
     "{\"time\":\"2026-11-21T12:00:00.000000Z\",\"level\":\"info\",\"message\":\"a\\nb\",\"n\":1}"
     "\n"},
};

START_TEST(each_kind_of_sink_writes_its_form)
{
    for (size_t i = 0; i < UNIT_COUNT(sink_cases); i++) {
        for (int is_error = 0; is_error < 2; is_error++) {
            struct simc__log_sink sink;
            char line[512];
            int fds[2];
            unit_narrow_pipe(fds, -1);
            simc__log_sink_init(&sink, fds[1], sink_cases[i].kind, SIMC_LOG_INFO);
            ck_assert((sink.log.now_us == NULL) == (sink.kind == SIMC__LOG_SINK_JOURNAL));
            if (sink.log.now_us)
                sink.log.now_us = fixed_time;
            simc_log(&sink.log, SIMC_LOG_DEBUG, "not this one", simc_log_int("n", 0));
            simc_log(&sink.log, is_error ? SIMC_LOG_ERROR : SIMC_LOG_INFO, "a\nb",
                     simc_log_int("n", 1));
            ssize_t size = read(fds[0], line, sizeof line);
            ck_assert_int_gt(size, 0);
            unit_expect_text(simc_slice(line, (size_t)size),
                             is_error ? sink_cases[i].error : sink_cases[i].info);
            ck_assert_uint_eq(sink.lost_count, 0);
            close(fds[0]);
            close(fds[1]);
        }
    }
}
END_TEST

/* A blocking pipe that nobody reads: without care the third line would wait for ever. */
START_TEST(a_reader_that_does_not_read_loses_lines_not_our_time)
{
    for (size_t i = 0; i < UNIT_COUNT(sink_cases); i++) {
        static char text[3000], got[65536];
        struct simc__log_sink sink;
        int fds[2];
        memset(text, 'x', sizeof text - 1);
        unit_narrow_pipe(fds, -1);
        simc__log_sink_init(&sink, fds[1], sink_cases[i].kind, SIMC_LOG_INFO);
        int capacity = fcntl(fds[1], F_GETPIPE_SZ);
        for (int k = 0; k < 40; k++)
            simc_log_line(&sink.log, SIMC_LOG_ERROR, text, NULL, 0);
        ck_assert_uint_gt(sink.lost_count, 0);
        ck_assert_uint_lt(sink.lost_count, 40);
        ssize_t size = read(fds[0], got, sizeof got);
        ck_assert_msg(size > 0 && size <= capacity && got[size - 1] == '\n', "%zd", size);
        uint64_t lost_count = sink.lost_count;
        simc_log_line(&sink.log, SIMC_LOG_ERROR, "again", NULL, 0);
        ck_assert_uint_eq(sink.lost_count, lost_count);
        size = read(fds[0], got, sizeof got);
        ck_assert_msg(size > 0 && memmem(got, (size_t)size, "again", 5) != NULL, "%zd", size);
        close(fds[0]);
        close(fds[1]);
    }
}
END_TEST

START_TEST(lines_that_cannot_be_written_are_counted)
{
    struct simc__log_sink sink;
    int fds[2];
    signal(SIGPIPE, SIG_IGN);
    unit_narrow_pipe(fds, -1);
    close(fds[0]);
    simc__log_sink_init(&sink, fds[1], SIMC__LOG_SINK_JSON, SIMC_LOG_INFO);
    simc_log_line(&sink.log, SIMC_LOG_ERROR, "nobody is there", NULL, 0);
    ck_assert_uint_eq(sink.lost_count, 1);
    close(fds[1]);
    simc_log_line(&sink.log, SIMC_LOG_ERROR, "closed", NULL, 0);
    ck_assert_uint_eq(sink.lost_count, 2);
}
END_TEST

/* The disk is full in the middle of a line, and has room again later. */
static int write_torn_lines(void *context)
{
    const int fd = *(const int *)context;
    struct rlimit limit;
    struct simc__log_sink sink;
    signal(SIGXFSZ, SIG_IGN);
    simc__log_sink_init(&sink, fd, SIMC__LOG_SINK_JOURNAL, SIMC_LOG_INFO);
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    rlim_t whole = limit.rlim_cur;
    limit.rlim_cur = 10;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    simc_log_line(&sink.log, SIMC_LOG_ERROR, "the first line", NULL, 0);
    if (sink.lost_count != 1 || !sink.torn)
        return 3;
    simc_log_line(&sink.log, SIMC_LOG_ERROR, "a line without any room", NULL, 0);
    if (sink.lost_count != 2 || !sink.torn)
        return 4;
    limit.rlim_cur = whole;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 5;
    simc_log_line(&sink.log, SIMC_LOG_ERROR, "one", NULL, 0);
    simc_log_line(&sink.log, SIMC_LOG_ERROR, "two", NULL, 0);
    return sink.lost_count == 2 && !sink.torn ? 0 : 6;
}

START_TEST(a_torn_line_does_not_swallow_the_next_one)
{
    char got[256];
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    int fd = fileno(file);
    unit_expect_exit(unit_in_child(write_torn_lines, &fd), 0);
    ssize_t size = pread(fd, got, sizeof got, 0);
    ck_assert_int_gt(size, 0);
    unit_expect_text(simc_slice(got, (size_t)size), "<3>error  \n<3>error   one\n<3>error   two\n");
    close(fd);
}
END_TEST

Suite *suite_log_sink(void);

Suite *suite_log_sink(void)
{
    Suite *suite = suite_create("log sink");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, the_kind_of_a_sink_follows_the_descriptor);
    tcase_add_test(tests, each_kind_of_sink_writes_its_form);
    tcase_add_test(tests, a_reader_that_does_not_read_loses_lines_not_our_time);
    tcase_add_test(tests, lines_that_cannot_be_written_are_counted);
    tcase_add_test(tests, a_torn_line_does_not_swallow_the_next_one);
    suite_add_tcase(suite, tests);
    return suite;
}
