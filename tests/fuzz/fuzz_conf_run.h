/* SPDX-License-Identifier: BSL-1.0 */
/* YAML text into a table of lib/conf: what loads must print and load again to the same values, and
 * what does not must be told well. The fuzz targets of configurations include it. */
#ifndef SIMC_TESTS_FUZZ_CONF_RUN_H
#define SIMC_TESTS_FUZZ_CONF_RUN_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            abort();          \
    } while (0)

enum { TEXT_SIZE = 1 << 18 };

static struct simc__conf_faults faults;
static struct simc__conf_changes changes;

/* Faults are whole sentences with a place, and nothing in them reaches a terminal. */
static void check_faults(void)
{
    static char text[TEXT_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text);
    FUZZ_CHECK(faults.total >= faults.count && faults.count > 0);
    for (size_t i = 0; i < faults.count; i++) {
        const struct simc__conf_fault *fault = &faults.items[i];
        FUZZ_CHECK(fault->why[0] != '\0' && memchr(fault->why, '\0', sizeof fault->why));
        FUZZ_CHECK(memchr(fault->where, '\0', sizeof fault->where));
        FUZZ_CHECK((fault->line == 0) == (fault->column == 0));
        FUZZ_CHECK(i == 0 || fault->line >= faults.items[i - 1].line);
    }
    simc__conf_faults_put(&out, &faults, "f");
    FUZZ_CHECK(out.error == 0);
    for (size_t i = 0; i < out.at; i++)
        FUZZ_CHECK((uint8_t)text[i] >= 0x20 || text[i] == '\n');
}

/* @param one, two: room for the struct of the table. */
static int fuzz_conf_run(const struct simc__conf_table *table, void *one, void *two,
                         const uint8_t *data, size_t size)
{
    static char first[TEXT_SIZE], second[TEXT_SIZE];
    struct simc__conf *owner, *again;
    int error = simc__conf_load(table, simc_slice(data, size), "f", one, &owner, &faults);
    FUZZ_CHECK(error == 0 || error == SIMC_ESYNTAX);
    if (error) {
        FUZZ_CHECK(!owner);
        check_faults();
        return 0;
    }
    struct simc_writer out = simc_writer(first, sizeof first);
    simc__conf_put_effective(&out, table, one);
    FUZZ_CHECK(out.error == 0);
    FUZZ_CHECK(simc__conf_load(table, simc_slice(first, out.at), "f", two, &again, &faults) == 0);
    struct simc_writer out_again = simc_writer(second, sizeof second);
    simc__conf_put_effective(&out_again, table, two);
    FUZZ_CHECK(out.at == out_again.at && memcmp(first, second, out.at) == 0);
    simc__conf_compare(table, one, two, &changes);
    FUZZ_CHECK(changes.total == 0 && changes.reloadable);
    simc__conf_free(owner);
    simc__conf_free(again);
    return 0;
}

#endif
