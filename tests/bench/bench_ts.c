/* SPDX-License-Identifier: BSL-1.0 */
/* Benchmark of lib/ts: statistics of all PIDs and section assembly of those with sections, over a
 * stream in memory that is larger than the second-level cache. `make bench` runs it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "psi/analyze.h"
#include "simulcrypt/ts.h"
#include "ts/crc32.h"

enum { PACKETS = 1 << 16, STREAM_SIZE = PACKETS * SIMC_TS_SIZE, ES_PIDS = 32, FIRST_ES = 0x100 };

static uint8_t *stream;
static struct simc_section_assembler assemblers[SIMC_TS_PID_COUNT];
static bool watched[SIMC_TS_PID_COUNT];

/* A multiplex of 32 elementary streams with PCRs; `every` n-th packet carries sections: of PAT,
 * PMT, SDT and EIT sizes and ECMs, packed by ourselves. */
static void make_stream(unsigned every)
{
    static uint8_t section[SIMC_SECTION_SIZE_MAX];
    static const uint16_t sizes[] = {24, 60, 180, 700, 1024, 120};
    uint8_t packets[32 * SIMC_TS_SIZE], cc[SIMC_TS_PID_COUNT] = {0};
    size_t held = 0, held_at = 0;
    uint32_t random = 1;
    for (unsigned i = 0, sections = 0; i < PACKETS; i++) {
        uint8_t *packet = stream + (size_t)i * SIMC_TS_SIZE;
        if (i % every == 0) {
            if (held == held_at) {
                unsigned kind = sections++ % 6;
                size_t size = sizes[kind];
                memset(section, (int)(sections & 0xff), size);
                section[0] = (uint8_t)(kind == 5 ? 0x80 : 0x4e);
                section[1] = (uint8_t)((kind == 5 ? 0x70 : 0xf0) | (size - 3) >> 8);
                section[2] = (uint8_t)(size - 3);
                uint32_t crc = simc_crc32(simc_slice(section, size - 4));
                struct simc_writer end = simc_writer(section + size - 4, 4);
                simc_writer_u32(&end, crc);
                struct simc_writer out = simc_writer(packets, sizeof packets);
                struct simc_slice one = simc_slice(section, size);
                uint16_t pid = (uint16_t)(0x10 + kind);
                if (simc_sections_pack(&one, 1, SIMC_SECTIONS_APART, pid, &cc[pid], &out) != 0)
                    abort();
                watched[pid] = true;
                held = out.at;
                held_at = 0;
            }
            memcpy(packet, packets + held_at, SIMC_TS_SIZE);
            held_at += SIMC_TS_SIZE;
            continue;
        }
        uint16_t pid = (uint16_t)(FIRST_ES + (random >> 16) % ES_PIDS);
        struct simc_ts_header header = {.pid = pid, .cc = cc[pid]++ & 0xf};
        struct simc_ts_adaptation field = {
            .present = i % 64 == 1, .has_pcr = true, .pcr_27mhz = (uint64_t)i * 1000};
        uint8_t payload[SIMC_TS_PAYLOAD_MAX];
        for (size_t k = 0; k < sizeof payload; k++)
            payload[k] = (uint8_t)((random = random * 1103515245 + 12345) >> 16);
        size_t size = field.present ? 176 : 184;
        if (simc_ts_write(packet, &header, &field, simc_slice(payload, size)) != 0)
            abort();
    }
}

static uint64_t assemble(const uint8_t *packet)
{
    struct simc_section_assembler *assembler = &assemblers[simc_ts_pid(packet)];
    struct simc_slice section;
    uint64_t bytes = 0;
    simc_section_assembler_push(assembler, packet);
    while (simc_section_assembler_next(assembler, &section) == 0)
        bytes += section.size;
    return bytes;
}

static uint64_t count_only(void *context, uint64_t count)
{
    struct simc_ts_stats *stats = context;
    for (uint64_t i = 0; i < count; i++)
        simc_ts_stats_push(stats, stream + i % PACKETS * SIMC_TS_SIZE, NULL);
    return stats->order_errors;
}

static uint64_t assemble_only(void *context, uint64_t count)
{
    uint64_t sum = (uint64_t)(uintptr_t)context;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *packet = stream + i % PACKETS * SIMC_TS_SIZE;
        if (watched[simc_ts_pid(packet)])
            sum += assemble(packet);
    }
    return sum;
}

static uint64_t both(void *context, uint64_t count)
{
    struct simc_ts_stats *stats = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *packet = stream + i % PACKETS * SIMC_TS_SIZE;
        simc_ts_stats_push(stats, packet, NULL);
        if (watched[simc_ts_pid(packet)])
            sum += assemble(packet);
    }
    return sum;
}

/* From bytes on: synchroniser, statistics, sections. */
static uint64_t from_bytes(void *context, uint64_t count)
{
    struct simc_ts_stats *stats = context;
    struct simc_ts_sync sync;
    struct simc_ts_run run;
    uint64_t sum = 0;
    if (simc_ts_sync_init(&sync, 188) != 0)
        abort();
    while (count) {
        uint64_t packets = count < PACKETS ? count : PACKETS;
        simc_ts_sync_feed(&sync, simc_slice(stream, (size_t)packets * SIMC_TS_SIZE));
        while (simc_ts_sync_next(&sync, &run) == 0) {
            for (size_t i = 0; i < run.count; i++) {
                const uint8_t *packet = run.data + i * run.stride;
                simc_ts_stats_push(stats, packet, NULL);
                if (watched[simc_ts_pid(packet)])
                    sum += assemble(packet);
            }
        }
        count -= packets;
    }
    return sum;
}

static uint64_t analyze(void *context, uint64_t count)
{
    struct simc__analyzer *analyzer = context;
    while (count) {
        uint64_t packets = count < PACKETS ? count : PACKETS;
        struct simc_ts_run run = {stream, (size_t)packets, SIMC_TS_SIZE, 0};
        if (simc__analyzer_push(analyzer, &run) != 0)
            abort();
        count -= packets;
    }
    return analyzer->fault_count;
}

/* CRCs of one size, at any alignment; `update` is one of the two ways to compute them. */
struct crc_row {
    const char *name;
    uint32_t (*update)(uint32_t crc, struct simc_slice bytes);
    size_t size;
};

static uint64_t crc(void *context, uint64_t count)
{
    const struct crc_row *row = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++)
        sum += row->update(UINT32_MAX, simc_slice(stream + i % 4096, row->size));
    return sum;
}

static void report_crcs(void)
{
    struct crc_row rows[] = {
        {"CRC-32 of 60 bytes", simc_crc32_update, 60},
        {"CRC-32 of 180 bytes", simc_crc32_update, 180},
        {"CRC-32 of 1024 bytes", simc_crc32_update, 1024},
        {"CRC-32 of 180 bytes, with tables for any processor", simc__crc32_tables, 180},
        {"CRC-32 of 1024 bytes, with tables for any processor", simc__crc32_tables, 1024},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double ns = bench_ns(crc, &rows[i]);
        printf("   %-56s %7.1f ns        %7.2f GB/s\n", rows[i].name, ns,
               (double)rows[i].size / ns);
    }
}

static uint64_t touch(void *context, uint64_t count)
{
    uint64_t sum = (uint64_t)(uintptr_t)context, word;
    for (uint64_t i = 0; i < count; i++) {
        const uint8_t *packet = stream + i % PACKETS * SIMC_TS_SIZE;
        for (size_t k = 0; k + 8 <= SIMC_TS_SIZE; k += 8) {
            memcpy(&word, packet + k, sizeof word);
            sum += word;
        }
    }
    return sum;
}

static void report(const char *name, bench_operation *operation, void *context)
{
    double ns = bench_ns(operation, context);
    printf("   %-56s %7.1f ns/packet %7.1f Gbit/s\n", name, ns, SIMC_TS_SIZE * 8 / ns);
}

int main(void)
{
    static struct simc_ts_stats stats;
    static struct simc__analyzer analyzer;
    static const unsigned every[] = {50, 4, 1};
    bench_head("Transport stream: statistics and section assembly (goal of both: 20 Gbit/s)");
    stream = malloc(STREAM_SIZE);
    if (!stream)
        return 1;
    for (size_t pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        if (pid < 0x20 && simc_section_assembler_init(&assemblers[pid], 4096) != 0)
            return 1;
    }
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        make_stream(every[i]);
        if (simc_ts_stats_init(&stats) != 0 || simc__analyzer_init(&analyzer, NULL) != 0)
            return 1;
        printf("  %u %% of the packets carry sections\n", 100 / every[i]);
        report("read every byte (what the machine can do)", touch, NULL);
        report("statistics", count_only, &stats);
        report("section assembly with CRC", assemble_only, NULL);
        report("statistics and section assembly", both, &stats);
        report("synchroniser, statistics and section assembly", from_bytes, &stats);
        report("the whole analyser", analyze, &analyzer);
        simc_ts_stats_fini(&stats);
        simc__analyzer_fini(&analyzer);
    }
    report_crcs();
    for (size_t pid = 0; pid < 0x20; pid++)
        simc_section_assembler_fini(&assemblers[pid]);
    free(stream);
    return 0;
}
