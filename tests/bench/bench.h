/* SPDX-License-Identifier: BSL-1.0 */
/* The measuring of all benchmarks: CPU time per operation, median of several runs, next to a
 * baseline measured in the same run. Nothing here fails because of a figure. */
#ifndef SIMC_BENCH_H
#define SIMC_BENCH_H

#include <stdint.h>

/* Runs an operation `count` times; what it computes goes into the return value, so that nothing is
 * optimised away. */
typedef uint64_t bench_operation(void *context, uint64_t count);

/* Nanoseconds of CPU time per operation: the median of nine runs of about 50 ms each. */
double bench_ns(bench_operation *operation, void *context);
/* Prints the machine and the compiler, once, as the head of a report. */
void bench_head(const char *title);

#endif
