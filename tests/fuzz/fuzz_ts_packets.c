/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: bytes to packets, headers, adaptation fields, PCR, continuity and statistics.
 * libFuzzer or the corpus replay calls it.
 *
 * Byte 0 chooses the stride (0: found out) and the size of the pieces that the rest is fed in. The
 * packets that come out must be the same as from one piece, and what is read must be written back
 * to the same packet where that is possible. */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/ts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* Reads a packet, writes it anew, and reads that: both readings must say the same. */
static void read_and_write(const uint8_t *packet)
{
    struct simc_ts_header header, header_back;
    struct simc_ts_adaptation field, field_back;
    struct simc_slice payload, payload_back;
    uint8_t copy[SIMC_TS_SIZE];
    if (simc_ts_read(packet, &header, &field, &payload) != 0)
        return;
    check(payload.size == SIMC_TS_SIZE - simc_ts_payload_at(packet));
    if (simc_ts_write(copy, &header, &field, payload) != 0)
        abort();
    check(simc_ts_read(copy, &header_back, &field_back, &payload_back) == 0);
    check(simc_slice_equal(payload, payload_back));
    check(header.pid == header_back.pid && header.cc == header_back.cc &&
          header.tsc == header_back.tsc);
    check(field.has_pcr == field_back.has_pcr && field.pcr_27mhz == field_back.pcr_27mhz);
    check(field.discontinuity == field_back.discontinuity);
    check(simc_slice_equal(field.private_data, field_back.private_data));
    check(simc_slice_equal(field.extension, field_back.extension));
    check(simc_ts_has_pcr(packet) == field.has_pcr);
}

/* Statistics are a megabyte: they are made once, and only the rows that were used are cleared. */
static struct simc_ts_stats stats_memory;
static uint16_t used[SIMC_TS_PID_COUNT];
static size_t used_count;

static struct simc_ts_stats *clean_stats(void)
{
    struct simc_ts_pid_stats *pids = stats_memory.pids;
    if (!pids) {
        check(simc_ts_stats_init(&stats_memory) == 0);
        return &stats_memory;
    }
    while (used_count)
        memset(&pids[used[--used_count]], 0, sizeof *pids);
    memset(&stats_memory, 0, sizeof stats_memory);
    stats_memory.pids = pids;
    return &stats_memory;
}

static uint64_t take(struct simc_ts_sync *sync, struct simc_ts_stats *stats, uint64_t hash)
{
    struct simc_ts_run run;
    uint64_t before = simc_ts_stats_time(stats);
    while (simc_ts_sync_next(sync, &run) == 0) {
        check(run.count > 0 && run.stride >= SIMC_TS_SIZE);
        for (size_t i = 0; i < run.count; i++) {
            const uint8_t *packet = run.data + i * run.stride;
            check(packet[0] == SIMC_TS_SYNC);
            hash = mix(hash, packet, SIMC_TS_SIZE);
            read_and_write(packet);
            simc_ts_stats_push(stats, packet, NULL);
            if (stats->pids[simc_ts_pid(packet)].packets == 1)
                used[used_count++] = simc_ts_pid(packet);
            check(simc_ts_stats_time(stats) >= before);
            before = simc_ts_stats_time(stats);
        }
    }
    return hash;
}

static uint64_t run(const uint8_t *data, size_t size, unsigned stride, size_t piece)
{
    struct simc_ts_sync sync;
    struct simc_ts_stats *stats = clean_stats();
    uint64_t hash = 0;
    check(simc_ts_sync_init(&sync, stride) == 0);
    for (size_t at = 0; at < size; at += piece) {
        size_t count = size - at < piece ? size - at : piece;
        /* A copy of exactly that size, so that reading past it is seen. */
        uint8_t *copy = malloc(count);
        check(copy != NULL);
        memcpy(copy, data + at, count);
        simc_ts_sync_feed(&sync, simc_slice(copy, count));
        hash = take(&sync, stats, hash);
        free(copy);
    }
    simc_ts_sync_feed(&sync, simc_slice(NULL, 0));
    simc_ts_sync_end(&sync);
    hash = take(&sync, stats, hash);
    check(sync.packets == stats->packets);
    check(sync.packets * SIMC_TS_SIZE + sync.skipped <= size);
    hash = mix(hash, (const uint8_t *)&sync.skipped, sizeof sync.skipped);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned strides[4] = {0, 188, 192, 204};
    if (size < 1)
        return 0;
    unsigned stride = strides[data[0] & 3];
    size_t piece = 1 + (size_t)(data[0] >> 2) * 13;
    check(run(data + 1, size - 1, stride, piece) == run(data + 1, size - 1, stride, size));
    return 0;
}
