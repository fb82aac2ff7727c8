/* SPDX-License-Identifier: BSL-1.0 */
/* The error rows as texts. Everybody who prints an error calls this. */
#include "simulcrypt/base.h"

struct error_row {
    int value;
    enum simc_error_family family;
    const char *name;
    const char *text;
};

#define ROW(name, value, family, text) {value, SIMC_FAMILY_##family, #name, text},
static const struct error_row rows[] = {{SIMC_OK, SIMC_FAMILY_NONE, "SIMC_OK", "no error"}, /**/
                                        SIMC_ERROR_ROWS(ROW)};
#undef ROW

static const struct error_row unknown = {0, SIMC_FAMILY_FAULT, "SIMC_E?", "unknown error"};

static const struct error_row *find(int error)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].value == error)
            return &rows[i];
    }
    return &unknown;
}

const char *simc_error_name(int error)
{
    return find(error)->name;
}

const char *simc_error_text(int error)
{
    return find(error)->text;
}

enum simc_error_family simc_error_family(int error)
{
    return find(error)->family;
}
