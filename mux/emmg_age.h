/* SPDX-License-Identifier: BSL-1.0 */
/* How old the oldest byte of a queue is, without a time for each byte of it. The EMMG server keeps
 * one for each stream and each PID, and shows what it says.
 *
 * Bytes are counted from the first one on. A mark says when the bytes up to a place began to come.
 * Marks are set so far apart that few suffice for a queue of any age, so an age is never too small,
 * and at most about an eighth too large; a queue that has become much younger needs as long as it
 * was old until that holds again. */
#ifndef SIMC__MUX_EMMG_AGE_H
#define SIMC__MUX_EMMG_AGE_H

#include <stdbool.h>
#include <stdint.h>

enum { SIMC__EMMG_AGE_MARKS = 32 };

/* All zeros: an empty queue. */
struct simc__emmg_age {
    uint32_t first, count; /* a ring */
    struct {
        uint64_t end; /* the place behind its last byte */
        uint64_t came_ms;
    } marks[SIMC__EMMG_AGE_MARKS];
};

/** Bytes came up to the place `end`, in a moment that has a mark already.
 *  @return false: it has none; call simc__emmg_age_add(). */
bool simc__emmg_age_extend(struct simc__emmg_age *age, uint64_t end, uint64_t now_ms);
/** Bytes came up to the place `end`; all in front of the place `out` have left. */
void simc__emmg_age_add(struct simc__emmg_age *age, uint64_t out, uint64_t end, uint64_t now_ms);
/** @return milliseconds since the oldest byte behind the place `out` came; 0: there is none. */
uint64_t simc__emmg_age_ms(struct simc__emmg_age *age, uint64_t out, uint64_t now_ms);

#endif
