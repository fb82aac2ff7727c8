/* SPDX-License-Identifier: BSL-1.0 */
/* Runs every unit test suite of suites.def, or that of SIMC_SUITE, and prints TAP; --list prints
 * their names. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define SUITE(name) Suite *suite_##name(void);
#include "suites.def"
#undef SUITE

struct suite_row {
    const char *name;
    Suite *(*make)(void);
};

static const struct suite_row rows[] = {
#define SUITE(name) {#name, suite_##name},
#include "suites.def"
#undef SUITE
};

int main(int argc, char **argv)
{
    const char *wanted = getenv("SIMC_SUITE");
    SRunner *runner = NULL;
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            puts(rows[i].name);
        return 0;
    }
    /* A test that hangs ends. Check's own 4 s are too short on a busy machine, or under a sanitizer
     * of threads. */
    setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (wanted && strcmp(wanted, rows[i].name) != 0)
            continue;
        if (runner)
            srunner_add_suite(runner, rows[i].make());
        else
            runner = srunner_create(rows[i].make());
    }
    if (!runner) {
        fprintf(stderr, "there is no suite %s; suites.def lists them\n",
                wanted ? wanted : "at all");
        return 2;
    }
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
