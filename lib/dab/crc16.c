/* SPDX-License-Identifier: BSL-1.0 */
/* The CRC of FIBs and ETI frames, sixteen bytes per step. It runs over every byte of a stream, so
 * it decides how fast a file is done; fib.c and eti.c call it. */
#include "simulcrypt/dab.h"

#include "crc16_table.h"

uint16_t simc_dab_crc_update(uint16_t crc, struct simc_slice bytes)
{
    const uint8_t *p = bytes.data;
    size_t size = bytes.size;
    for (; size >= 16; p += 16, size -= 16) {
        unsigned front = crc16_table[15][p[0] ^ crc >> 8] ^ crc16_table[14][p[1] ^ (crc & 0xff)];
        unsigned a = crc16_table[13][p[2]] ^ crc16_table[12][p[3]] ^ crc16_table[11][p[4]] ^
                     crc16_table[10][p[5]] ^ crc16_table[9][p[6]] ^ crc16_table[8][p[7]];
        unsigned b = crc16_table[7][p[8]] ^ crc16_table[6][p[9]] ^ crc16_table[5][p[10]] ^
                     crc16_table[4][p[11]] ^ crc16_table[3][p[12]] ^ crc16_table[2][p[13]] ^
                     crc16_table[1][p[14]] ^ crc16_table[0][p[15]];
        crc = (uint16_t)(front ^ a ^ b);
    }
    for (; size > 0; size--)
        crc = (uint16_t)(crc << 8 ^ crc16_table[0][crc >> 8 ^ *p++]);
    return crc;
}

uint16_t simc_dab_crc(struct simc_slice bytes)
{
    return (uint16_t)~simc_dab_crc_update(0xffff, bytes);
}
