/* SPDX-License-Identifier: BSL-1.0 */
/* Figures of a daemon: the registry, its sets of cells, and the text format 0.0.4; see metrics.h.
 * Counting itself is inline there. */
#include "daemon/metrics.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum {
    CELLS_PER_LINE = 64 / sizeof(uint64_t), /* threads do not share a cache line */
    CELLS_MAX = 1 << 16,                    /* of one thread in one set */
    LABEL_VALUE_MAX = 256,                  /* bytes */
};

/* A set as the registry keeps it; the public part comes first. */
struct set {
    struct simc__metric_set is;
    struct set *next;
    void *memory; /* of the cells, before they were aligned */
    size_t label_count;
    struct simc__metric_label labels[SIMC__METRIC_LABELS_MAX]; /* the values are ours */
};

struct simc__metrics {
    unsigned thread_count;
    size_t set_count;
    struct set *first, **end;
};

const uint64_t simc__metric_latency_us[SIMC__METRIC_LATENCY_COUNT] = {
    10,    25,    50,     100,    250,    500,     1000,    2500,    5000,    10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

/* ---- rows ---- */

static bool is_name(const char *name, bool colon)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char digits[] = "0123456789";
    if (!name || !name[0] || strchr(digits, name[0]))
        return false;
    for (const char *p = name; *p; p++) {
        if (!strchr(letters, *p) && !strchr(digits, *p) && !(colon && *p == ':'))
            return false;
    }
    return true;
}

static bool is_power_of_ten(uint64_t number)
{
    while (number > 1 && number % 10 == 0)
        number /= 10;
    return number == 1;
}

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* What is wrong with a row, or NULL. */
static const char *fault_of(const struct simc__metric_row *row)
{
    bool is_histogram = row->type == SIMC__METRIC_HISTOGRAM;
    if (!is_name(row->name, true))
        return "is no name of a figure";
    if (!row->help || !row->help[0] || strchr(row->help, '\n'))
        return "needs one line of help";
    if (ends_in(row->name, "_total") != (row->type == SIMC__METRIC_COUNTER))
        return "counters end in _total, and nothing else does";
    if (row->per && (!is_power_of_ten(row->per) || row->per > 1000000000))
        return "`per` must be a power of ten up to 10^9";
    if (row->label && (!is_name(row->label, false) || strncmp(row->label, "__", 2) == 0 ||
                       strcmp(row->label, "le") == 0))
        return "its label has no possible name";
    if ((row->label != NULL) != (row->values != NULL && row->values[0] != NULL))
        return "a label and its values go together";
    if (is_histogram != (row->bounds != NULL) || (is_histogram && row->label))
        return "bounds belong to a histogram, which has no label of its own";
    if (is_histogram && (row->bound_count < 1 || row->bound_count > SIMC__METRIC_BOUNDS_MAX))
        return "needs 1 to 32 bounds";
    for (unsigned i = 1; is_histogram && i < row->bound_count; i++) {
        if (row->bounds[i] <= row->bounds[i - 1])
            return "its bounds do not grow";
    }
    return NULL;
}

int simc__metric_table_check(const struct simc__metric_table *table, char why[256])
{
    why[0] = '\0';
    if (table->count < 1 || table->count > SIMC__METRIC_ROWS_MAX) {
        snprintf(why, 256, "a table has 1 to %d rows", SIMC__METRIC_ROWS_MAX);
        return SIMC_EINVAL;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct simc__metric_row *row = &table->rows[i];
        const char *fault = fault_of(row);
        for (size_t k = 0; k < i && !fault; k++) {
            if (strcmp(row->name, table->rows[k].name) == 0)
                fault = "stands there twice";
        }
        if (fault) {
            snprintf(why, 256, "row %zu, %.100s: %s", i, row->name ? row->name : "", fault);
            return SIMC_EINVAL;
        }
    }
    return 0;
}

/* The cells of a row: its values, or buckets, +Inf and sum. */
static size_t cells_of(const struct simc__metric_row *row)
{
    size_t count = 0;
    if (row->type == SIMC__METRIC_HISTOGRAM)
        return (size_t)row->bound_count + 2;
    while (row->values && row->values[count])
        count++;
    return row->label ? count : 1;
}

/* ---- the registry ---- */

struct simc__metrics *simc__metrics_new(unsigned thread_count)
{
    if (thread_count < 1 || thread_count > SIMC__METRIC_THREADS_MAX)
        return NULL;
    struct simc__metrics *metrics = simc_calloc(1, sizeof *metrics);
    if (!metrics)
        return NULL;
    metrics->thread_count = thread_count;
    metrics->end = &metrics->first;
    return metrics;
}

static void free_set(struct set *set)
{
    for (size_t i = 0; i < set->label_count; i++)
        simc_free((void *)(uintptr_t)set->labels[i].value);
    simc_free(set->memory);
    simc_free(set);
}

void simc__metrics_free(struct simc__metrics *metrics)
{
    while (metrics && metrics->first) {
        struct set *set = metrics->first;
        metrics->first = set->next;
        free_set(set);
    }
    simc_free(metrics);
}

static bool has_labels(const struct set *set, const struct simc__metric_label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(set->labels[i].value, labels[i].value) != 0)
            return false;
    }
    return true;
}

/* Two samples with one name and the same labels would make the whole scrape void. */
static bool labels_fit(const struct simc__metrics *metrics, const struct simc__metric_table *table,
                       const struct simc__metric_label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_name(labels[i].name, false) || strncmp(labels[i].name, "__", 2) == 0 ||
            strcmp(labels[i].name, "le") == 0 || strlen(labels[i].value) > LABEL_VALUE_MAX)
            return false;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(labels[i].name, labels[k].name) == 0)
                return false;
        }
        for (size_t k = 0; k < table->count; k++) {
            if (table->rows[k].label && strcmp(table->rows[k].label, labels[i].name) == 0)
                return false;
        }
    }
    for (const struct set *set = metrics->first; set; set = set->next) {
        if (set->is.table != table)
            continue;
        if (set->label_count != count || has_labels(set, labels, count))
            return false;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(set->labels[i].name, labels[i].name) != 0)
                return false;
        }
    }
    return true;
}

static int copy_labels(struct set *set, const struct simc__metric_label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(labels[i].value) + 1;
        char *value = simc_alloc(size);
        if (!value)
            return SIMC_ENOMEM;
        memcpy(value, labels[i].value, size);
        set->labels[i].name = labels[i].name;
        set->labels[i].value = value;
        set->label_count++;
    }
    return 0;
}

static int make_cells(struct set *set, const struct simc__metric_table *table, unsigned threads)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        set->is.first[i] = (uint16_t)count;
        count += cells_of(&table->rows[i]);
        if (count > UINT16_MAX)
            return SIMC_EINVAL;
    }
    set->is.table = table;
    set->is.thread_count = threads;
    set->is.stride = (count + CELLS_PER_LINE - 1) / CELLS_PER_LINE * CELLS_PER_LINE;
    set->memory = simc_calloc(set->is.stride * threads + CELLS_PER_LINE, sizeof(uint64_t));
    if (!set->memory)
        return SIMC_ENOMEM;
    uintptr_t start = ((uintptr_t)set->memory + 63) & ~(uintptr_t)63;
    set->is.cells = (_Atomic uint64_t *)start;
    return 0;
}

int simc__metrics_add(struct simc__metrics *metrics, const struct simc__metric_table *table,
                      const struct simc__metric_label *labels, size_t label_count,
                      struct simc__metric_set **result)
{
    char why[256];
    *result = NULL;
    if (label_count > SIMC__METRIC_LABELS_MAX || simc__metric_table_check(table, why) ||
        !labels_fit(metrics, table, labels, label_count))
        return SIMC_EINVAL;
    if (metrics->set_count == SIMC__METRIC_SETS_MAX)
        return SIMC_EFULL;
    struct set *set = simc_calloc(1, sizeof *set);
    if (!set)
        return SIMC_ENOMEM;
    int error = make_cells(set, table, metrics->thread_count);
    if (!error)
        error = copy_labels(set, labels, label_count);
    if (error) {
        free_set(set);
        return error;
    }
    *metrics->end = set;
    metrics->end = &set->next;
    metrics->set_count++;
    *result = &set->is;
    return 0;
}

void simc__metrics_remove(struct simc__metrics *metrics, struct simc__metric_set *set)
{
    if (!set)
        return;
    for (struct set **at = &metrics->first; *at; at = &(*at)->next) {
        struct set *found = *at;
        if (&found->is != set)
            continue;
        *at = found->next;
        if (!*at)
            metrics->end = at;
        metrics->set_count--;
        free_set(found);
        return;
    }
}

uint64_t simc__metric_total(const struct simc__metric_set *set, unsigned row, unsigned value)
{
    uint64_t total = 0;
    for (unsigned thread = 0; thread < set->thread_count; thread++) {
        const _Atomic uint64_t *cell = &set->cells[thread * set->stride + set->first[row] + value];
        total += atomic_load_explicit(cell, memory_order_relaxed);
    }
    return total;
}

/* ---- the text format 0.0.4 ---- */

/* In HELP a backslash and a line end are escaped, in the value of a label the quotes too. */
static void put_escaped(struct simc_writer *out, const char *text, bool quotes)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\' || (*p == '"' && quotes))
            simc_writer_u8(out, '\\');
        if (*p == '\n')
            simc__text_put(out, "\\n");
        else
            simc_writer_u8(out, (uint8_t)*p);
    }
}

void simc__metrics_put_head(struct simc_writer *out, const char *name, const char *type,
                            const char *help)
{
    simc__text_printf(out, "# HELP %s ", name);
    put_escaped(out, help, false);
    simc__text_printf(out, "\n# TYPE %s %s\n", name, type);
}

static void put_label(struct simc_writer *out, bool *any, const char *name, const char *value)
{
    simc__text_put(out, *any ? "," : "{");
    simc__text_put(out, name);
    simc__text_put(out, "=\"");
    put_escaped(out, value, true);
    simc_writer_u8(out, '"');
    *any = true;
}

/* A name with the labels of its set and one more, which may be absent. */
static void put_sample_name(struct simc_writer *out, const struct set *set, const char *name,
                            const char *suffix, const char *label, const char *value)
{
    bool any = false;
    simc__text_put(out, name);
    simc__text_put(out, suffix);
    for (size_t i = 0; i < set->label_count; i++)
        put_label(out, &any, set->labels[i].name, set->labels[i].value);
    if (label)
        put_label(out, &any, label, value);
    simc__text_put(out, any ? "} " : " ");
}

static void put_number(struct simc_writer *out, const struct simc__metric_row *row, uint64_t value)
{
    bool is_negative = row->type == SIMC__METRIC_GAUGE && value > INT64_MAX;
    if (is_negative)
        simc_writer_u8(out, '-');
    simc__text_put_scaled(out, is_negative ? 0 - value : value, row->per ? row->per : 1);
    simc_writer_u8(out, '\n');
}

static void put_plain(struct simc_writer *out, const struct set *set, unsigned at)
{
    const struct simc__metric_row *row = &set->is.table->rows[at];
    size_t count = cells_of(row);
    for (unsigned value = 0; value < count; value++) {
        put_sample_name(out, set, row->name, "", row->label, row->label ? row->values[value] : "");
        put_number(out, row, simc__metric_total(&set->is, at, value));
    }
}

static void put_histogram(struct simc_writer *out, const struct set *set, unsigned at)
{
    const struct simc__metric_row *row = &set->is.table->rows[at];
    uint64_t total = 0;
    for (unsigned bucket = 0; bucket <= row->bound_count; bucket++) {
        char bound[32] = "+Inf";
        if (bucket < row->bound_count) {
            struct simc_writer text = simc_writer(bound, sizeof bound - 1);
            simc__text_put_scaled(&text, row->bounds[bucket], row->per ? row->per : 1);
            bound[text.at] = '\0';
        }
        total += simc__metric_total(&set->is, at, bucket);
        put_sample_name(out, set, row->name, "_bucket", "le", bound);
        simc__text_printf(out, "%llu\n", (unsigned long long)total);
    }
    put_sample_name(out, set, row->name, "_sum", NULL, NULL);
    put_number(out, row, simc__metric_total(&set->is, at, row->bound_count + 1));
    put_sample_name(out, set, row->name, "_count", NULL, NULL);
    simc__text_printf(out, "%llu\n", (unsigned long long)total);
}

static const char *const type_names[] = {"counter", "gauge", "histogram"};

/* All sets of a table, row by row: the samples of one name must stand together. */
static void put_table(struct simc_writer *out, const struct set *first)
{
    const struct simc__metric_table *table = first->is.table;
    for (unsigned row = 0; row < table->count; row++) {
        const struct simc__metric_row *is = &table->rows[row];
        simc__metrics_put_head(out, is->name, type_names[is->type], is->help);
        for (const struct set *set = first; set; set = set->next) {
            if (set->is.table != table)
                continue;
            if (is->type == SIMC__METRIC_HISTOGRAM)
                put_histogram(out, set, row);
            else
                put_plain(out, set, row);
        }
    }
}

static bool is_first_of_table(const struct simc__metrics *metrics, const struct set *set)
{
    const struct set *first = metrics->first;
    while (first->is.table != set->is.table)
        first = first->next;
    return first == set;
}

void simc__metrics_put(struct simc_writer *out, const struct simc__metrics *metrics)
{
    for (const struct set *set = metrics->first; set; set = set->next) {
        if (is_first_of_table(metrics, set))
            put_table(out, set);
    }
}
