/* SPDX-License-Identifier: BSL-1.0 */
/* CRC-32/MPEG-2, eight bytes per step through eight tables; where the processor has carry-less
 * multiplication, crc32_clmul.c does it several times faster. Section assembly and table building
 * call it. */
#include "ts/crc32.h"

#include "crc32_table.h"

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint32_t simc__crc32_tables(uint32_t crc, struct simc_slice bytes)
{
    const uint8_t *p = bytes.data;
    size_t size = bytes.size;
    for (; size >= 8; p += 8, size -= 8) {
        crc ^= load_be32(p);
        crc = crc32_table[7][crc >> 24] ^ crc32_table[6][crc >> 16 & 0xff] ^
              crc32_table[5][crc >> 8 & 0xff] ^ crc32_table[4][crc & 0xff] ^ crc32_table[3][p[4]] ^
              crc32_table[2][p[5]] ^ crc32_table[1][p[6]] ^ crc32_table[0][p[7]];
    }
    for (; size > 0; size--)
        crc = crc << 8 ^ crc32_table[0][crc >> 24 ^ *p++];
    return crc;
}

/* The compiler's library has looked at the processor before main(); this is one load and a test. */
static inline bool clmul_can_run(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return simc__crc32_clmul_is_built && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("ssse3");
#else
    return false;
#endif
}

uint32_t simc_crc32_update(uint32_t crc, struct simc_slice bytes)
{
    if (bytes.size >= SIMC__CRC32_CLMUL_MIN && clmul_can_run())
        return simc__crc32_clmul(crc, bytes);
    return simc__crc32_tables(crc, bytes);
}

uint32_t simc_crc32(struct simc_slice bytes)
{
    return simc_crc32_update(UINT32_MAX, bytes);
}
