/* SPDX-License-Identifier: BSL-1.0 */
/* The sample ensemble of tests/data/dab in memory, for the tests of ETI and of insertion. */
#ifndef SIMC_TESTS_DAB_SAMPLE_H
#define SIMC_TESTS_DAB_SAMPLE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "simulcrypt/dab.h"

enum { SAMPLE_FRAMES = 40, SAMPLE_SIZE_MAX = SAMPLE_FRAMES * SIMC_ETI_SIZE };

struct sample {
    size_t size;
    uint8_t bytes[SAMPLE_SIZE_MAX];
};

/* Reads one of the three files. */
static inline void sample_read(struct sample *sample, const char *name)
{
    const char *root = getenv("SIMC_SRCDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/data/dab/%s", root ? root : "..", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    sample->size = fread(sample->bytes, 1, sizeof sample->bytes, file);
    fclose(file);
}

#endif
