/* SPDX-License-Identifier: BSL-1.0 */
/* The measuring of all benchmarks; see bench.h. CPU time, so that other work on the machine counts
 * little; the median, so that a disturbed run counts nothing. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUN_COUNT = 9, RUN_NS = 50000000 };

static volatile uint64_t sink;

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double measure(bench_operation *operation, void *context, uint64_t count)
{
    double start = cpu_ns();
    sink ^= operation(context, count);
    return cpu_ns() - start;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_ns(bench_operation *operation, void *context)
{
    uint64_t count = 1;
    double runs[RUN_COUNT];
    while (measure(operation, context, count) < RUN_NS / 4 && count < UINT64_MAX / 4)
        count *= 2;
    count *= 4;
    for (int i = 0; i < RUN_COUNT; i++)
        runs[i] = measure(operation, context, count) / (double)count;
    qsort(runs, RUN_COUNT, sizeof runs[0], compare);
    return runs[RUN_COUNT / 2];
}

void bench_head(const char *title)
{
    char line[256], model[256] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[strcspn(colon, "\n")] = '\0';
            snprintf(model, sizeof model, "%s", colon + 2);
            break;
        }
    }
    if (file)
        fclose(file);
    printf("== %s\n   %s; %s; CPU time, median of %d runs\n", title, model, __VERSION__, RUN_COUNT);
}
