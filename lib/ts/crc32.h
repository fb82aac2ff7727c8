/* SPDX-License-Identifier: BSL-1.0 */
/* What the two ways to compute CRC-32/MPEG-2 have in common: crc32.c calls the one with carry-less
 * multiplication where the processor has it. */
#ifndef SIMC__TS_CRC32_H
#define SIMC__TS_CRC32_H

#include "simulcrypt/ts.h"

/** simc_crc32_update() with tables, for any processor. */
uint32_t simc__crc32_tables(uint32_t crc, struct simc_slice bytes);

/** False: the compiler did not know the instructions. */
extern const bool simc__crc32_clmul_is_built;
/** simc_crc32_update() with PCLMULQDQ and SSSE3. @param bytes at least SIMC__CRC32_CLMUL_MIN. */
uint32_t simc__crc32_clmul(uint32_t crc, struct simc_slice bytes);

enum { SIMC__CRC32_CLMUL_MIN = 16 };

#endif
