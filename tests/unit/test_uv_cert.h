/* SPDX-License-Identifier: BSL-1.0 */
/* Certificates for the tests of TLS: good ones, and one for each way in which they can be bad. The
 * test_uv_tls*.c files use them. */
#ifndef SIMC_TESTS_UV_CERT_H
#define SIMC_TESTS_UV_CERT_H

#include "simulcrypt/uv.h"
#include "unit/unit.h"

enum { CERT_PATH_SIZE = 96 };

/* Fixtures around all tests of a case: a folder with the files, and its end. */
void cert_make_all(void);
void cert_remove_all(void);
/* The path of a file of the folder; several of them may be used in one expression. */
const char *cert_path(const char *name);
/* Settings by the names of files; NULL: none. */
int cert_try_tls(bool is_server, const char *certificate, const char *key, const char *ca,
                 char why[SIMC_UV_TEXT_SIZE], struct simc_uv_tls **tls);
/* The same that must succeed. @param name of a certificate and its key; NULL: none. */
struct simc_uv_tls *cert_tls(bool is_server, const char *name, const char *ca);

#endif
