/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: the whole analyser with both printers. libFuzzer or the corpus replay calls it.
 *
 * Byte 0: bit 0 judge buffers, bit 1 expect the tables of DVB, bit 2 make CRCs right by leaving
 * CRC checks out, bit 3 packets come by a clock, bit 4 the bit rate is known, bits 5 and 6 where
 * drift and jitter part. The rest is a transport stream of any kind. */
#include <stdlib.h>
#include <string.h>

#include "psi/analyze.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void print(const struct simc__analyzer *analyzer,
                  void (*write)(const struct simc__analyzer *, struct simc_writer *))
{
    struct simc_writer out = simc_writer(NULL, 0);
    write(analyzer, &out);
    size_t size = out.at;
    uint8_t *memory = malloc(size + 1);
    check(memory != NULL);
    out = simc_writer(memory, size + 1);
    write(analyzer, &out);
    check(out.error == 0 && out.at == size);
    free(memory);
}

/* No buffer holds less than nothing, or what is no number. */
static void check_buffers(const struct simc__analyzer *analyzer)
{
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        const struct simc__es *es = analyzer->pids[pid].es;
        if (!es)
            continue;
        check(es->std.transport >= 0 && es->std.transport <= SIMC__STD_TRANSPORT);
        check(es->std.multiplex >= 0 && es->std.elementary >= 0);
        check(es->std.unit_count <= SIMC__STD_UNITS_MAX);
    }
}

static void push(struct simc__analyzer *analyzer, struct simc_ts_sync *sync, bool no_crc)
{
    struct simc_ts_run run;
    while (simc_ts_sync_next(sync, &run) == 0) {
        for (unsigned pid = 0; no_crc && pid < SIMC_TS_PID_COUNT; pid++) {
            if (analyzer->pids[pid].sections)
                analyzer->pids[pid].sections->no_crc = true;
        }
        simc__analyzer_sync(analyzer, sync);
        check(simc__analyzer_push(analyzer, &run) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct simc__analyzer analyzer;
    struct simc_ts_sync sync;
    if (size < 1)
        return 0;
    static const uint32_t demarcations[] = {10, 100, 1000, 1000000};
    const struct simc__limits limits = {.buffers = data[0] & 1,
                                        .dvb = data[0] & 2,
                                        .bitrate_bps = data[0] & 16 ? 1000000 : 0,
                                        .pcr_demarcation_mhz = demarcations[data[0] >> 5 & 3],
                                        .pcr_jitter_ns = 1000};
    check(simc__analyzer_init(&analyzer, &limits) == 0);
    check(simc_ts_sync_init(&sync, 0) == 0);
    /* Pieces of ten packets: PIDs found in one are watched in the next. */
    for (size_t at = 1; at < size; at += 1880) {
        size_t left = size - at;
        simc_ts_sync_feed(&sync, simc_slice(data + at, left < 1880 ? left : 1880));
        if (data[0] & 8)
            simc__analyzer_arrival(&analyzer, at * 8000);
        push(&analyzer, &sync, data[0] & 4);
    }
    simc_ts_sync_feed(&sync, simc_slice(NULL, 0));
    simc_ts_sync_end(&sync);
    push(&analyzer, &sync, data[0] & 4);
    simc__analyzer_end(&analyzer);
    check_buffers(&analyzer);
    print(&analyzer, simc__analyzer_text);
    print(&analyzer, simc__analyzer_json);
    simc__analyzer_fini(&analyzer);
    return 0;
}
