/* SPDX-License-Identifier: BSL-1.0 */
/* The packet synchroniser: bytes of any segmentation in, packets out. Every reader of files, pipes
 * and datagrams feeds it. */
#include <string.h>

#include "simulcrypt/ts.h"

/* Strides that are tried when none is given, in the order of how common they are: bare packets,
 * packets with 16 bytes of Reed-Solomon parity, packets with a time stamp of 4 bytes. */
static const unsigned strides[] = {188, 204, 192};

enum { STRIDE_COUNT = sizeof strides / sizeof strides[0] };

int simc_ts_sync_init(struct simc_ts_sync *sync, unsigned stride)
{
    memset(sync, 0, sizeof *sync);
    sync->wanted = stride;
    for (size_t i = 0; i < STRIDE_COUNT; i++) {
        if (stride == 0 || stride == strides[i])
            return 0;
    }
    return SIMC_EINVAL;
}

void simc_ts_sync_feed(struct simc_ts_sync *sync, struct simc_slice bytes)
{
    sync->input = bytes.data;
    sync->input_size = bytes.size;
    sync->input_at = 0;
}

void simc_ts_sync_end(struct simc_ts_sync *sync)
{
    sync->ended = true;
}

static size_t held_left(const struct simc_ts_sync *sync)
{
    return sync->held_size - sync->held_used;
}

static void drop_held(struct simc_ts_sync *sync, size_t size)
{
    sync->held_used += size;
    if (sync->held_used == sync->held_size)
        sync->held_used = sync->held_size = 0;
}

/* Moves input behind what is held until `wanted` bytes are there. */
static bool fill_held(struct simc_ts_sync *sync, size_t wanted)
{
    if (sync->held_used) {
        memmove(sync->held, sync->held + sync->held_used, held_left(sync));
        sync->held_size -= sync->held_used;
        sync->held_used = 0;
    }
    size_t left = sync->input_size - sync->input_at;
    if (sync->held_size < wanted && left) {
        size_t size = wanted - sync->held_size < left ? wanted - sync->held_size : left;
        memcpy(sync->held + sync->held_size, sync->input + sync->input_at, size);
        sync->held_size += size;
        sync->input_at += size;
    }
    return sync->held_size >= wanted;
}

enum verdict { NO, YES, MORE };

/* Whether packets `stride` apart start at `bytes`. At the end of the stream fewer sync bytes do, as
 * long as one whole packet is there and nothing contradicts. */
static enum verdict confirm(const uint8_t *bytes, size_t size, unsigned stride, bool ended)
{
    for (size_t i = 0; i < SIMC_TS_SYNC_GOOD; i++) {
        if (i * stride >= size)
            return !ended ? MORE : size >= SIMC_TS_SIZE ? YES : NO;
        if (bytes[i * stride] != SIMC_TS_SYNC)
            return NO;
    }
    return YES;
}

/* Looks for the first place in what is held where packets start. YES: it is at the front of
 * `held` now. The search holds bytes only as long as they may be a packet. */
static enum verdict hunt(struct simc_ts_sync *sync)
{
    const uint8_t *bytes = sync->held + sync->held_used;
    size_t size = held_left(sync), at = 0;
    enum verdict verdict = MORE;
    while (at < size) {
        const uint8_t *found = memchr(bytes + at, SIMC_TS_SYNC, size - at);
        if (!found) {
            at = size;
            break;
        }
        at = (size_t)(found - bytes);
        verdict = NO;
        /* In the order of the table, and without a guess: a stride is refuted before the next one
         * is tried, so that the result does not depend on how the bytes were cut. */
        for (size_t i = 0; i < STRIDE_COUNT && verdict == NO; i++) {
            if (sync->wanted && sync->wanted != strides[i])
                continue;
            verdict = confirm(bytes + at, size - at, strides[i], sync->ended);
            if (verdict == YES)
                sync->stride = strides[i];
        }
        if (verdict != NO)
            break;
        at++;
    }
    sync->skipped += at;
    drop_held(sync, at);
    return at == size ? MORE : verdict;
}

static void lose(struct simc_ts_sync *sync)
{
    sync->locked = false;
    sync->losses++;
}

/* Hands out packets from `held`: what is left of a hunt, and the one that the end of an input cut.
 * MORE: too few bytes; NO: nothing is held, go on in place. */
static enum verdict from_held(struct simc_ts_sync *sync, struct simc_ts_run *run)
{
    size_t stride = sync->stride;
    const uint8_t *bytes = sync->held + sync->held_used;
    if (held_left(sync) == 0)
        return NO;
    if (bytes[0] != SIMC_TS_SYNC) {
        if (held_left(sync) <= stride && !fill_held(sync, stride + 1)) {
            if (!sync->ended)
                return MORE;
        }
        bytes = sync->held + sync->held_used;
        size_t left = held_left(sync);
        if (left > stride && bytes[stride] == SIMC_TS_SYNC) {
            sync->bad_syncs++;
            sync->skipped += stride;
            drop_held(sync, stride);
        } else {
            lose(sync);
        }
        return YES;
    }
    /* The tail of a longer stride may be missing at the very end. */
    if (held_left(sync) < stride && !fill_held(sync, stride) &&
        !(sync->ended && held_left(sync) >= SIMC_TS_SIZE))
        return MORE;
    bytes = sync->held + sync->held_used;
    size_t left = held_left(sync), count = 1;
    while ((count + 1) * stride <= left && bytes[count * stride] == SIMC_TS_SYNC)
        count++;
    *run = (struct simc_ts_run){bytes, count, stride, SIZE_MAX};
    drop_held(sync, count * stride < left ? count * stride : left);
    sync->packets += count;
    return YES;
}

/* Hands out the packets that the input holds whole. YES without a run: look again. */
static enum verdict from_input(struct simc_ts_sync *sync, struct simc_ts_run *run)
{
    size_t stride = sync->stride, left = sync->input_size - sync->input_at, count = 0;
    if (!left)
        return MORE;
    const uint8_t *bytes = sync->input + sync->input_at;
    while ((count + 1) * stride <= left && bytes[count * stride] == SIMC_TS_SYNC)
        count++;
    if (count) {
        *run = (struct simc_ts_run){bytes, count, stride, sync->input_at};
        sync->input_at += count * stride;
        sync->packets += count;
        return YES;
    }
    fill_held(sync, left < stride + 1 ? left : stride + 1);
    return YES;
}

int simc_ts_sync_next(struct simc_ts_sync *sync, struct simc_ts_run *run)
{
    run->count = 0;
    for (;;) {
        if (!sync->locked) {
            fill_held(sync, sizeof sync->held);
            enum verdict verdict = hunt(sync);
            if (verdict == YES)
                sync->locked = true;
            else if (sync->input_at == sync->input_size)
                break;
            continue;
        }
        enum verdict verdict = from_held(sync, run);
        if (verdict == NO)
            verdict = from_input(sync, run);
        if (run->count)
            return 0;
        if (verdict == MORE)
            break;
    }
    if (sync->ended) {
        sync->skipped += held_left(sync);
        drop_held(sync, held_left(sync));
    }
    return SIMC_EAGAIN;
}
