/* SPDX-License-Identifier: BSL-1.0 */
/* Fast information blocks: finds the FIGs of one, appends and removes FIGs. The inserter and
 * everything that shows a FIC call it. [300401 5.2.1, 5.2.2] */
#include <string.h>

#include "simulcrypt/dab.h"

enum { LENGTH_MASK = 0x1f };

static uint16_t crc_get(const uint8_t *bytes)
{
    return (uint16_t)(bytes[SIMC_FIB_DATA_SIZE] << 8 | bytes[SIMC_FIB_DATA_SIZE + 1]);
}

void simc_fib_read(const uint8_t bytes[SIMC_FIB_SIZE], struct simc_fib *fib)
{
    size_t at = 0;
    fib->count = 0;
    fib->malformed = false;
    fib->crc_bad = simc_dab_crc(simc_slice(bytes, SIMC_FIB_DATA_SIZE)) != crc_get(bytes);
    while (at < SIMC_FIB_DATA_SIZE && bytes[at] != SIMC_FIB_END) {
        size_t size = 1u + (bytes[at] & LENGTH_MASK);
        if (size == 1 || size > SIMC_FIB_DATA_SIZE - at) {
            fib->malformed = true;
            break;
        }
        fib->figs[fib->count++] = (struct simc_fig){.bytes = simc_slice(bytes + at, size),
                                                    .type = (uint8_t)(bytes[at] >> 5),
                                                    .at = (uint8_t)at};
        at += size;
    }
    fib->used = (uint8_t)at;
}

/* Pads behind the FIGs and renews the CRC. What follows the end mark is zero, as most multiplexers
 * write it. */
static void close_fib(uint8_t *bytes, struct simc_fib *fib)
{
    if (fib->used < SIMC_FIB_DATA_SIZE) {
        memset(bytes + fib->used, 0, SIMC_FIB_DATA_SIZE - (size_t)fib->used);
        bytes[fib->used] = SIMC_FIB_END;
    }
    uint16_t crc = simc_dab_crc(simc_slice(bytes, SIMC_FIB_DATA_SIZE));
    bytes[SIMC_FIB_DATA_SIZE] = (uint8_t)(crc >> 8);
    bytes[SIMC_FIB_DATA_SIZE + 1] = (uint8_t)crc;
}

int simc_fib_append(uint8_t bytes[SIMC_FIB_SIZE], struct simc_fib *fib, struct simc_slice fig)
{
    if (!simc_fib_good(fib) || fig.size < 2 || fig.data[0] == SIMC_FIB_END ||
        fig.size != 1u + (fig.data[0] & LENGTH_MASK))
        return SIMC_EINVAL;
    if (fib->count == SIMC_FIB_FIGS_MAX || fig.size > SIMC_FIB_DATA_SIZE - (size_t)fib->used)
        return SIMC_ENOSPC;
    uint8_t *place = bytes + fib->used;
    memcpy(place, fig.data, fig.size);
    fib->figs[fib->count++] = (struct simc_fig){
        .bytes = simc_slice(place, fig.size), .type = (uint8_t)(place[0] >> 5), .at = fib->used};
    fib->used = (uint8_t)(fib->used + fig.size);
    close_fib(bytes, fib);
    return 0;
}

int simc_fib_remove(uint8_t bytes[SIMC_FIB_SIZE], struct simc_fib *fib, size_t index)
{
    if (!simc_fib_good(fib) || index >= fib->count)
        return SIMC_EINVAL;
    size_t at = fib->figs[index].at, size = fib->figs[index].bytes.size;
    memmove(bytes + at, bytes + at + size, fib->used - at - size);
    fib->used = (uint8_t)(fib->used - size);
    fib->count--;
    for (size_t i = index; i < fib->count; i++) {
        struct simc_fig *fig = &fib->figs[i];
        *fig = fib->figs[i + 1];
        fig->at = (uint8_t)(fig->at - size);
        fig->bytes.data = bytes + fig->at;
    }
    close_fib(bytes, fib);
    return 0;
}
