/* SPDX-License-Identifier: BSL-1.0 */
/* Figures of a daemon as rows: counters, gauges and histograms in the text format of Prometheus.
 * Every thread counts in cells of its own without locks; a scrape adds them up. All six daemons
 * use it. */
#ifndef SIMC__DAEMON_METRICS_H
#define SIMC__DAEMON_METRICS_H

#include <stdatomic.h>

#include "simulcrypt/base.h"

enum simc__metric_type {
    SIMC__METRIC_COUNTER,   /* only grows; its name ends in _total */
    SIMC__METRIC_GAUGE,     /* goes up and down; threads add their parts, see below */
    SIMC__METRIC_HISTOGRAM, /* _bucket, _sum and _count */
};

enum {
    SIMC__METRIC_LABELS_MAX = 4,  /* of a set, besides a row's own */
    SIMC__METRIC_BOUNDS_MAX = 32, /* of a histogram, without +Inf */
    SIMC__METRIC_ROWS_MAX = 128,  /* of a table */
    SIMC__METRIC_SETS_MAX = 4096, /* of a registry */
    SIMC__METRIC_THREADS_MAX = 256,
};

/* One figure, or a family of figures with a label of its own. */
struct simc__metric_row {
    const char *name; /* "ecmg_ecms_total"; unit in its name: _seconds, _bytes */
    enum simc__metric_type type;
    const char *help; /* one sentence without a full stop */
    /* What the cells count, per unit of the name: 1000000 where a figure in seconds is counted in
     * microseconds. 0: 1. A power of ten up to 10^9. */
    uint64_t per;
    const char *label;         /* a label with fixed values, such as "status"; NULL: none */
    const char *const *values; /* of that label: NULL-terminated; a cell for each */
    const uint64_t *bounds;    /* HISTOGRAM: upper bounds, growing, in what the cells count */
    unsigned bound_count;      /* HISTOGRAM: 1..SIMC__METRIC_BOUNDS_MAX */
};

/* The rows of one kind of thing: of the daemon, of a Super_CAS_id, of a peer. */
struct simc__metric_table {
    const struct simc__metric_row *rows;
    size_t count;
};

struct simc__metric_label {
    const char *name;  /* borrowed for good: a literal */
    const char *value; /* copied */
};

/* A registry belongs to one thread - the one that scrapes - but for counting. */
struct simc__metrics;

/* The cells of one table under one label set, for every thread. Only simc__metric_*() look in. */
struct simc__metric_set {
    const struct simc__metric_table *table;
    size_t stride; /* cells from one thread's to the next one's */
    unsigned thread_count;
    _Atomic uint64_t *cells; /* thread 0's first; each thread's begin on a cache line */
    uint16_t first[SIMC__METRIC_ROWS_MAX]; /* of each row */
};

/** Checks the rows: names, help, labels, bounds. Unit tests call it for each table.
 *  @return 0, or SIMC_EINVAL with the reason. */
int simc__metric_table_check(const struct simc__metric_table *table, char why[256]) SIMC_MUST_CHECK;

/** Makes a registry. @param thread_count of the threads that count: 1..SIMC__METRIC_THREADS_MAX.
 *  @return NULL: no memory, or the count is out of range. */
struct simc__metrics *simc__metrics_new(unsigned thread_count);
/** Releases it with all sets. NULL is fine. */
void simc__metrics_free(struct simc__metrics *metrics);

/** Adds a set: all rows of a table, at zero, under these labels. Sets of one table are printed
 *  together, in the order in which they were added.
 *  @param labels all sets of one table have the same names in the same order, and no two of them
 *         the same values.
 *  @return 0, SIMC_EINVAL (bad rows or labels, or the labels are taken), SIMC_EFULL, SIMC_ENOMEM.
 */
int simc__metrics_add(struct simc__metrics *metrics, const struct simc__metric_table *table,
                      const struct simc__metric_label *labels, size_t label_count,
                      struct simc__metric_set **set) SIMC_MUST_CHECK;
/** Takes a set out and releases it, when no thread counts in it any more. NULL is fine. */
void simc__metrics_remove(struct simc__metrics *metrics, struct simc__metric_set *set);

/** Writes all figures in the text format 0.0.4. */
void simc__metrics_put(struct simc_writer *out, const struct simc__metrics *metrics);

/** Writes the figures of the process itself: CPU time, memory, open files, threads, start time. */
void simc__metrics_put_process(struct simc_writer *out, uint64_t start_time_ms);
/** Writes simc_build_info{program=...,version=...} 1. */
void simc__metrics_put_build(struct simc_writer *out, const char *program, const char *version);
/** Writes HELP and TYPE of a figure that stands outside of any table. */
void simc__metrics_put_head(struct simc_writer *out, const char *name, const char *type,
                            const char *help);

/** The content type of the format. */
#define SIMC__METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* ---- counting: any thread, but each with its own number 0..thread_count-1 ---- */

static inline _Atomic uint64_t *simc__metric_cell(struct simc__metric_set *set, unsigned thread,
                                                  unsigned row, unsigned value)
{
    return &set->cells[thread * set->stride + set->first[row] + value];
}

/** Adds to a counter, or to this thread's part of a gauge. One writer per cell, so a load and a
 *  store do; the scrape may see the figure of a moment ago. @param row its index in the table.
 *  @param value index of the value of the row's own label, else 0. */
static inline void simc__metric_add(struct simc__metric_set *set, unsigned thread, unsigned row,
                                    unsigned value, uint64_t amount)
{
    _Atomic uint64_t *cell = simc__metric_cell(set, thread, row, value);
    uint64_t now = atomic_load_explicit(cell, memory_order_relaxed);
    atomic_store_explicit(cell, now + amount, memory_order_relaxed);
}

static inline void simc__metric_count(struct simc__metric_set *set, unsigned thread, unsigned row)
{
    simc__metric_add(set, thread, row, 0, 1);
}

/** Changes this thread's part of a gauge. */
static inline void simc__metric_move(struct simc__metric_set *set, unsigned thread, unsigned row,
                                     unsigned value, int64_t amount)
{
    simc__metric_add(set, thread, row, value, (uint64_t)amount);
}

/** Sets this thread's part of a gauge, or of a counter that is kept elsewhere. */
static inline void simc__metric_store(struct simc__metric_set *set, unsigned thread, unsigned row,
                                      unsigned value, uint64_t amount)
{
    atomic_store_explicit(simc__metric_cell(set, thread, row, value), amount, memory_order_relaxed);
}

/** Puts a value into a histogram: in what its bounds are given in. */
static inline void simc__metric_observe(struct simc__metric_set *set, unsigned thread, unsigned row,
                                        uint64_t amount)
{
    const struct simc__metric_row *is = &set->table->rows[row];
    unsigned bucket = 0;
    while (bucket < is->bound_count && amount > is->bounds[bucket])
        bucket++;
    simc__metric_add(set, thread, row, bucket, 1);
    simc__metric_add(set, thread, row, is->bound_count + 1, amount);
}

/** The sum over all threads; for status pages. */
uint64_t simc__metric_total(const struct simc__metric_set *set, unsigned row, unsigned value);

/* Bounds in microseconds for latencies from 10 us to 10 s. */
extern const uint64_t simc__metric_latency_us[];
enum { SIMC__METRIC_LATENCY_COUNT = 19 };

#endif
