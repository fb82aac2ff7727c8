/* SPDX-License-Identifier: BSL-1.0 */
/* Unit tests of figures as rows: the text format to the letter, sets and their labels, faults of
 * rows, threads that count. The runner in main.c calls suite_metrics(). */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics.h"
#include "unit/unit.h"

static const char *const results[] = {"good", "bad\n\"\\", NULL};
static const uint64_t bounds[] = {10, 1000, 2500000};

enum row { JOBS, DEPTH, OFFSET, DURATION, SIZE };

static const struct simc__metric_row rows[] = {
    [JOBS] = {.name = "t_jobs_total",
              .type = SIMC__METRIC_COUNTER,
              .label = "result",
              .values = results,
              .help = "Jobs \\ by \"result\""},
    [DEPTH] = {.name = "t_depth", .type = SIMC__METRIC_GAUGE, .help = "Depth"},
    [OFFSET] = {.name = "t_offset_seconds", .type = SIMC__METRIC_GAUGE, .per = 1000, .help = "O"},
    [DURATION] = {.name = "t_duration_seconds",
                  .type = SIMC__METRIC_HISTOGRAM,
                  .bounds = bounds,
                  .bound_count = UNIT_COUNT(bounds),
                  .per = 1000000,
                  .help = "Duration"},
    [SIZE] = {.name = "t_bytes",
              .type = SIMC__METRIC_HISTOGRAM,
              .bounds = bounds,
              .bound_count = 1,
              .help = "Size"},
};

static const struct simc__metric_table table = {rows, UNIT_COUNT(rows)};

static const struct simc__metric_row other_rows[] = {
    {.name = "u_total", .type = SIMC__METRIC_COUNTER, .help = "Other"},
};
static const struct simc__metric_table other_table = {other_rows, UNIT_COUNT(other_rows)};

static struct simc__metric_set *add(struct simc__metrics *metrics,
                                    const struct simc__metric_table *of, const char *value)
{
    const struct simc__metric_label labels[] = {{"site", value}};
    struct simc__metric_set *set;
    unit_expect_error(simc__metrics_add(metrics, of, labels, value ? 1 : 0, &set), 0);
    return set;
}

static void expect_page(const struct simc__metrics *metrics, const char *wanted)
{
    char text[8192];
    struct simc_writer out = simc_writer(text, sizeof text);
    simc__metrics_put(&out, metrics);
    unit_expect_error(out.error, 0);
    unit_expect_text(simc_slice(text, out.at), wanted);
}

START_TEST(the_page_is_exact)
{
    struct simc__metrics *metrics = simc__metrics_new(3);
    struct simc__metric_set *a = add(metrics, &table, "a"), *u = add(metrics, &other_table, NULL),
                            *b = add(metrics, &table, "b\\\"\n");
    simc__metric_count(a, 0, JOBS);
    simc__metric_add(a, 2, JOBS, 1, 41);
    simc__metric_add(a, 1, JOBS, 1, 1);
    simc__metric_move(a, 0, DEPTH, 0, 5);
    simc__metric_move(a, 1, DEPTH, 0, -7);
    simc__metric_store(b, 2, OFFSET, 0, (uint64_t)-1500);
    simc__metric_observe(a, 0, DURATION, 10);
    simc__metric_observe(a, 1, DURATION, 11);
    simc__metric_observe(a, 2, DURATION, 2500001);
    simc__metric_observe(b, 2, SIZE, 11);
    simc__metric_count(u, 1, 0);
    ck_assert_uint_eq(simc__metric_total(a, JOBS, 1), 42);
    expect_page(metrics, "# HELP t_jobs_total Jobs \\\\ by \"result\"\n"
                         "# TYPE t_jobs_total counter\n"
                         "t_jobs_total{site=\"a\",result=\"good\"} 1\n"
                         "t_jobs_total{site=\"a\",result=\"bad\\n\\\"\\\\\"} 42\n"
                         "t_jobs_total{site=\"b\\\\\\\"\\n\",result=\"good\"} 0\n"
                         "t_jobs_total{site=\"b\\\\\\\"\\n\",result=\"bad\\n\\\"\\\\\"} 0\n"
                         "# HELP t_depth Depth\n"
                         "# TYPE t_depth gauge\n"
                         "t_depth{site=\"a\"} -2\n"
                         "t_depth{site=\"b\\\\\\\"\\n\"} 0\n"
                         "# HELP t_offset_seconds O\n"
                         "# TYPE t_offset_seconds gauge\n"
                         "t_offset_seconds{site=\"a\"} 0\n"
                         "t_offset_seconds{site=\"b\\\\\\\"\\n\"} -1.5\n"
                         "# HELP t_duration_seconds Duration\n"
                         "# TYPE t_duration_seconds histogram\n"
                         "t_duration_seconds_bucket{site=\"a\",le=\"0.00001\"} 1\n"
                         "t_duration_seconds_bucket{site=\"a\",le=\"0.001\"} 2\n"
                         "t_duration_seconds_bucket{site=\"a\",le=\"2.5\"} 2\n"
                         "t_duration_seconds_bucket{site=\"a\",le=\"+Inf\"} 3\n"
                         "t_duration_seconds_sum{site=\"a\"} 2.500022\n"
                         "t_duration_seconds_count{site=\"a\"} 3\n"
                         "t_duration_seconds_bucket{site=\"b\\\\\\\"\\n\",le=\"0.00001\"} 0\n"
                         "t_duration_seconds_bucket{site=\"b\\\\\\\"\\n\",le=\"0.001\"} 0\n"
                         "t_duration_seconds_bucket{site=\"b\\\\\\\"\\n\",le=\"2.5\"} 0\n"
                         "t_duration_seconds_bucket{site=\"b\\\\\\\"\\n\",le=\"+Inf\"} 0\n"
                         "t_duration_seconds_sum{site=\"b\\\\\\\"\\n\"} 0\n"
                         "t_duration_seconds_count{site=\"b\\\\\\\"\\n\"} 0\n"
                         "# HELP t_bytes Size\n"
                         "# TYPE t_bytes histogram\n"
                         "t_bytes_bucket{site=\"a\",le=\"10\"} 0\n"
                         "t_bytes_bucket{site=\"a\",le=\"+Inf\"} 0\n"
                         "t_bytes_sum{site=\"a\"} 0\n"
                         "t_bytes_count{site=\"a\"} 0\n"
                         "t_bytes_bucket{site=\"b\\\\\\\"\\n\",le=\"10\"} 0\n"
                         "t_bytes_bucket{site=\"b\\\\\\\"\\n\",le=\"+Inf\"} 1\n"
                         "t_bytes_sum{site=\"b\\\\\\\"\\n\"} 11\n"
                         "t_bytes_count{site=\"b\\\\\\\"\\n\"} 1\n"
                         "# HELP u_total Other\n"
                         "# TYPE u_total counter\n"
                         "u_total 1\n");
    simc__metrics_free(metrics);
}
END_TEST

START_TEST(sets_come_and_go)
{
    struct simc__metrics *metrics = simc__metrics_new(1);
    expect_page(metrics, "");
    struct simc__metric_set *a = add(metrics, &other_table, "a");
    struct simc__metric_set *b = add(metrics, &other_table, "b");
    simc__metrics_remove(metrics, a);
    simc__metrics_remove(metrics, NULL);
    expect_page(metrics, "# HELP u_total Other\n# TYPE u_total counter\nu_total{site=\"b\"} 0\n");
    a = add(metrics, &other_table, "a");
    expect_page(metrics, "# HELP u_total Other\n# TYPE u_total counter\n"
                         "u_total{site=\"b\"} 0\nu_total{site=\"a\"} 0\n");
    simc__metrics_remove(metrics, a);
    simc__metrics_remove(metrics, b);
    add(metrics, &other_table, "c");
    expect_page(metrics, "# HELP u_total Other\n# TYPE u_total counter\nu_total{site=\"c\"} 0\n");
    simc__metrics_free(metrics);
    simc__metrics_free(NULL);
}
END_TEST

static const struct {
    struct simc__metric_label labels[2];
    size_t count;
    const char *what;
} bad_labels[] = {
    {{{"site", "a"}}, 1, "labels that are taken"},
    {{{NULL, NULL}}, 0, "no label where the others have one"},
    {{{"place", "b"}}, 1, "another name than the others"},
    {{{"site", "b"}, {"more", "c"}}, 2, "more labels than the others"},
    {{{"si te", "b"}}, 1, "no name"},
    {{{"", "b"}}, 1, "an empty name"},
    {{{"1site", "b"}}, 1, "a digit in front"},
    {{{"le", "b"}}, 1, "the name of the buckets"},
    {{{"__site", "b"}}, 1, "a reserved name"},
    {{{"result", "b"}}, 1, "the name of a row's own label"},
};

START_TEST(labels_that_would_spoil_the_page_are_refused)
{
    struct simc__metrics *metrics = simc__metrics_new(1);
    struct simc__metric_set *set;
    add(metrics, &table, "a");
    for (size_t i = 0; i < UNIT_COUNT(bad_labels); i++) {
        int error =
            simc__metrics_add(metrics, &table, bad_labels[i].labels, bad_labels[i].count, &set);
        ck_assert_msg(error == SIMC_EINVAL && !set, "%s were taken", bad_labels[i].what);
    }
    const struct simc__metric_label twice[] = {{"a", "b"}, {"a", "c"}};
    unit_expect_error(simc__metrics_add(metrics, &other_table, twice, 2, &set), SIMC_EINVAL);
    simc__metrics_free(metrics);
}
END_TEST

/* ---- faults of rows ---- */

static const uint64_t shrinking[] = {1, 1};
static const char *const no_values[] = {NULL};

static const struct {
    struct simc__metric_row row;
    const char *why; /* NULL: good */
} row_cases[] = {
    {{.name = "a:b_1", .type = SIMC__METRIC_GAUGE, .help = "h"}, NULL},
    {{.name = "a_total", .type = SIMC__METRIC_COUNTER, .help = "h", .per = 1000000000}, NULL},
    {{.name = NULL, .type = SIMC__METRIC_GAUGE, .help = "h"}, "row 0, : is no name of a figure"},
    {{.name = "a b", .type = SIMC__METRIC_GAUGE, .help = "h"}, "is no name"},
    {{.name = "9a", .type = SIMC__METRIC_GAUGE, .help = "h"}, "is no name"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE}, "one line of help"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h\ni"}, "one line of help"},
    {{.name = "a", .type = SIMC__METRIC_COUNTER, .help = "h"}, "end in _total"},
    {{.name = "a_total", .type = SIMC__METRIC_GAUGE, .help = "h"}, "end in _total"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .per = 60}, "power of ten"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .per = 10000000000}, "power of ten"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .label = "le", .values = results},
     "no possible name"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .label = "x"}, "go together"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .label = "x", .values = no_values},
     "go together"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .values = results}, "go together"},
    {{.name = "a", .type = SIMC__METRIC_GAUGE, .help = "h", .bounds = bounds}, "bounds belong"},
    {{.name = "a", .type = SIMC__METRIC_HISTOGRAM, .help = "h"}, "bounds belong"},
    {{.name = "a", .type = SIMC__METRIC_HISTOGRAM, .help = "h", .bounds = bounds}, "1 to 32"},
    {{.name = "a",
      .type = SIMC__METRIC_HISTOGRAM,
      .help = "h",
      .bounds = shrinking,
      .bound_count = 2},
     "do not grow"},
    {{.name = "a",
      .type = SIMC__METRIC_HISTOGRAM,
      .help = "h",
      .bounds = bounds,
      .bound_count = 1,
      .label = "x",
      .values = results},
     "no label of its own"},
};

START_TEST(rows_are_checked)
{
    char why[256];
    for (size_t i = 0; i < UNIT_COUNT(row_cases); i++) {
        const struct simc__metric_table one = {&row_cases[i].row, 1};
        int error = simc__metric_table_check(&one, why);
        unit_expect_error(error, row_cases[i].why ? SIMC_EINVAL : 0);
        ck_assert_msg(!row_cases[i].why || strstr(why, row_cases[i].why), "case %zu: %s", i, why);
    }
    const struct simc__metric_row twice[] = {other_rows[0], other_rows[0]};
    const struct simc__metric_table doubled = {twice, 2}, empty = {twice, 0};
    unit_expect_error(simc__metric_table_check(&doubled, why), SIMC_EINVAL);
    ck_assert(strstr(why, "row 1, u_total: stands there twice"));
    unit_expect_error(simc__metric_table_check(&empty, why), SIMC_EINVAL);
    unit_expect_error(simc__metric_table_check(&table, why), 0);
}
END_TEST

/* ---- ceilings and failures ---- */

START_TEST(a_registry_has_a_ceiling)
{
    struct simc__metrics *metrics = simc__metrics_new(1);
    struct simc__metric_set *set;
    ck_assert_ptr_null(simc__metrics_new(0));
    ck_assert_ptr_null(simc__metrics_new(SIMC__METRIC_THREADS_MAX + 1));
    for (unsigned i = 0; i < SIMC__METRIC_SETS_MAX; i++) {
        char value[16];
        snprintf(value, sizeof value, "%u", i);
        /* The labels of thousands of sets are compared; that is what a ceiling is for. */
        add(metrics, &other_table, value);
    }
    const struct simc__metric_label one_more = {"site", "more"};
    unit_expect_error(simc__metrics_add(metrics, &other_table, &one_more, 1, &set), SIMC_EFULL);
    simc__metrics_free(metrics);
}
END_TEST

static int build_and_release(void *unused)
{
    const struct simc__metric_label labels[] = {{"a", "b"}, {"c", "d"}};
    struct simc__metric_set *set;
    struct simc__metrics *metrics = simc__metrics_new(4);
    (void)unused;
    if (!metrics)
        return SIMC_ENOMEM;
    int error = simc__metrics_add(metrics, &table, labels, 2, &set);
    simc__metrics_free(metrics);
    return error;
}

START_TEST(no_memory_is_told)
{
    ck_assert_uint_ge(unit_fail_each_allocation(build_and_release, NULL, true), 5);
}
END_TEST

START_TEST(a_page_without_room_tells_its_size)
{
    char text[4096];
    struct simc__metrics *metrics = simc__metrics_new(1);
    add(metrics, &table, "a");
    struct simc_writer whole = simc_writer(text, sizeof text);
    simc__metrics_put(&whole, metrics);
    for (size_t room = 0; room < whole.at; room += 7) {
        struct simc_writer out = simc_writer(text, room);
        simc__metrics_put(&out, metrics);
        unit_expect_error(out.error, SIMC_ENOSPC);
        ck_assert_uint_eq(out.at, whole.at);
    }
    simc__metrics_free(metrics);
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 4, TURNS = 20000 };

struct counting {
    struct simc__metric_set *set;
    unsigned number;
};

static void *count(void *context)
{
    const struct counting *counting = context;
    for (unsigned i = 0; i < TURNS; i++) {
        simc__metric_add(counting->set, counting->number, JOBS, i % 2, 1);
        simc__metric_move(counting->set, counting->number, DEPTH, 0, i % 2 ? 3 : -2);
        simc__metric_observe(counting->set, counting->number, DURATION, i % 20);
    }
    return NULL;
}

START_TEST(nothing_is_lost_when_threads_count)
{
    pthread_t threads[THREADS];
    struct counting counting[THREADS];
    char text[4096];
    struct simc__metrics *metrics = simc__metrics_new(THREADS);
    struct simc__metric_set *set = add(metrics, &table, "a");
    for (unsigned i = 0; i < THREADS; i++) {
        counting[i] = (struct counting){set, i};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count, &counting[i]), 0);
    }
    for (unsigned i = 0; i < 100; i++) {
        struct simc_writer out = simc_writer(text, sizeof text);
        simc__metrics_put(&out, metrics);
        unit_expect_error(out.error, 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned value = 0; value < 2; value++)
        ck_assert_uint_eq(simc__metric_total(set, JOBS, value), (uint64_t)THREADS * TURNS / 2);
    ck_assert_uint_eq(simc__metric_total(set, DEPTH, 0), (uint64_t)THREADS * TURNS / 2);
    ck_assert_uint_eq(simc__metric_total(set, DURATION, 0), (uint64_t)THREADS * TURNS * 11 / 20);
    ck_assert_uint_eq(simc__metric_total(set, DURATION, 1), (uint64_t)THREADS * TURNS * 9 / 20);
    simc__metrics_free(metrics);
}
END_TEST

START_TEST(threads_do_not_share_cache_lines)
{
    struct simc__metrics *metrics = simc__metrics_new(3);
    struct simc__metric_set *set = add(metrics, &other_table, "a");
    for (unsigned thread = 0; thread < 3; thread++)
        ck_assert_uint_eq((uintptr_t)simc__metric_cell(set, thread, 0, 0) % 64, 0);
    ck_assert_uint_ge(set->stride * sizeof(uint64_t), 64);
    simc__metrics_free(metrics);
}
END_TEST

START_TEST(the_process_tells_its_figures)
{
    static const char *const wanted[] = {"\nprocess_cpu_seconds_total ",
                                         "\nprocess_open_fds ",
                                         "\nprocess_max_fds ",
                                         "\nprocess_start_time_seconds 1795262400.5\n",
                                         "\nprocess_threads 1\n",
                                         "\nprocess_virtual_memory_bytes ",
                                         "\nprocess_resident_memory_bytes "};
    char text[4096];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__metrics_put_process(&out, 1795262400500);
    unit_expect_error(out.error, 0);
    text[out.at] = '\0';
    for (size_t i = 0; i < UNIT_COUNT(wanted); i++)
        ck_assert_msg(strstr(text, wanted[i]) || UNIT_SANITIZED, "no %s in %s", wanted[i], text);
    out = simc_writer(text, sizeof text);
    simc__metrics_put_build(&out, "ecmgd", "1.2");
    unit_expect_text(simc_slice(text, out.at),
                     "# HELP simc_build_info Which program this is; always 1\n"
                     "# TYPE simc_build_info gauge\n"
                     "simc_build_info{program=\"ecmgd\",version=\"1.2\"} 1\n");
}
END_TEST

Suite *suite_metrics(void);

Suite *suite_metrics(void)
{
    Suite *suite = suite_create("metrics");
    TCase *cases = tcase_create("metrics");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_page_is_exact);
    tcase_add_test(cases, sets_come_and_go);
    tcase_add_test(cases, labels_that_would_spoil_the_page_are_refused);
    tcase_add_test(cases, rows_are_checked);
    tcase_add_test(cases, a_registry_has_a_ceiling);
    tcase_add_test(cases, no_memory_is_told);
    tcase_add_test(cases, a_page_without_room_tells_its_size);
    tcase_add_test(cases, nothing_is_lost_when_threads_count);
    tcase_add_test(cases, threads_do_not_share_cache_lines);
    tcase_add_test(cases, the_process_tells_its_figures);
    suite_add_tcase(suite, cases);
    return suite;
}
