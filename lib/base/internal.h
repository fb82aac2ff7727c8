/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses files inside lib/base and its tests, and is not exported. */
#ifndef SIMC__BASE_INTERNAL_H
#define SIMC__BASE_INTERNAL_H

#include "simulcrypt/base.h"

/** SipHash-2-4 with a 16-byte key; the result as the paper's 64-bit little-endian word. */
uint64_t simc__siphash(const uint8_t key[16], const uint8_t *data, size_t size);

#endif
