/* SPDX-License-Identifier: BSL-1.0 */
/* Measures the work on ETI frames on one core, in memory, as a multiple of real time (24 ms for
 * each frame); `make bench` runs it. The baseline is a copy of the same bytes. It judges nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "simulcrypt/dab.h"

enum { FRAMES = 400, FRAME_NS = SIMC_DAB_FRAME_MS * 1000000, SAMPLE_FRAMES = 40 };

static uint8_t sample[SAMPLE_FRAMES * SIMC_ETI_SIZE];
static uint8_t source[FRAMES * SIMC_ETI_SIZE], stream[sizeof source];

static const uint16_t systems[] = {0x5601, 0x4a10};
static const struct simc_dab_service services[] = {
    {.id = 0x4001, .has_ca = true, .ca_system = 0x5601},
    {.id = 0xe1400003, .is_32bit = true, .has_ca = true, .ca_system = 0x4a10},
};

static void put_u16(uint8_t *bytes, unsigned value)
{
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

/* Frames of the sample with one more stream of `stl` times 8 bytes: a small and a full ensemble. */
static void make_frames(unsigned stl)
{
    enum { FIRST_STREAMS = 3, FIC_AT = 24, MST_SIZE = 336 };
    for (size_t i = 0; i < FRAMES; i++) {
        const uint8_t *from = sample + i % SAMPLE_FRAMES * SIMC_ETI_SIZE;
        uint8_t *frame = source + i * SIMC_ETI_SIZE;
        memcpy(frame, from, SIMC_ETI_SIZE);
        if (!stl)
            continue;
        size_t mst_size = MST_SIZE + 8 * (size_t)stl, fic_at = FIC_AT + 4;
        unsigned fl = (unsigned)(mst_size / 4 + 1 + FIRST_STREAMS + 1);
        frame[5]++;
        put_u16(frame + 6, (from[6] & 0xf8u) << 8 | fl);
        put_u16(frame + 20, 4u << 10 | 60);
        put_u16(frame + 22, 34u << 10 | stl);
        memcpy(frame + 24, from + 20, 2);
        put_u16(frame + 26, simc_dab_crc(simc_slice(frame + 4, 22)));
        memcpy(frame + fic_at, from + FIC_AT, MST_SIZE);
        for (size_t k = MST_SIZE; k < mst_size; k++)
            frame[fic_at + k] = (uint8_t)(k * 7 + i);
        put_u16(frame + fic_at + mst_size, simc_dab_crc(simc_slice(frame + fic_at, mst_size)));
        memset(frame + fic_at + mst_size + 2, 0xff, 6);
    }
}

static uint64_t copy_pass(void *context, uint64_t count)
{
    (void)context;
    for (; count > 0; count--) {
        memcpy(stream, source, sizeof stream);
        source[0] = stream[0];
    }
    return stream[5];
}

static uint64_t crc_pass(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    for (; count > 0; count--)
        sum += simc_dab_crc(simc_slice(stream, sizeof stream));
    return sum;
}

/* What `simulcrypt dab inject` does between reading and writing; `context` is a period or NULL. */
static uint64_t insert_pass(void *context, uint64_t count)
{
    static struct simc_eti_reader reader;
    const uint32_t *period_ms = context;
    struct simc_dab_ca ca = {.enabled = true,
                             .systems = systems,
                             .system_count = 2,
                             .services = services,
                             .service_count = 2};
    struct simc_dab_insert_config config = {.displace = true, .remove = true};
    struct simc_fig_carousel carousel = {.count = 0};
    struct simc_dab_inserter inserter;
    if (simc_fig_carousel_add_ca(&carousel, &ca, *period_ms))
        exit(1);
    simc_dab_inserter_init(&inserter, &carousel, &config);
    simc_eti_reader_init(&reader);
    for (; count > 0; count--) {
        struct simc_eti_piece piece;
        simc_eti_reader_feed(&reader, stream, sizeof stream);
        while (simc_eti_reader_next(&reader, &piece) == 0)
            simc_dab_insert(&inserter, piece.frame, piece.frame_size, NULL);
    }
    if (inserter.stats.left_alone || !inserter.stats.figs_inserted)
        exit(1);
    return inserter.stats.figs_inserted;
}

static void line(const char *name, double ns)
{
    printf("  %-38s %9.3f us per frame %10.0f x real time\n", name, ns / FRAMES / 1000,
           (double)FRAME_NS * FRAMES / ns);
}

static void report(const char *title, unsigned stl)
{
    static uint32_t every_second = 1000, every_frame = 24;
    printf("%s\n", title);
    make_frames(stl);
    line("copy (baseline)", bench_ns(copy_pass, NULL));
    line("CRC over all bytes", bench_ns(crc_pass, NULL));
    line("read, check, insert every second", bench_ns(insert_pass, &every_second));
    memcpy(stream, source, sizeof stream);
    line("read, check, insert in every frame", bench_ns(insert_pass, &every_frame));
}

int main(void)
{
    const char *root = getenv("SIMC_SRCDIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/data/dab/ensemble.eti", root ? root : ".");
    FILE *file = fopen(path, "rb");
    if (!file || fread(sample, 1, sizeof sample, file) != sizeof sample) {
        fprintf(stderr, "cannot read %s (set SIMC_SRCDIR)\n", path);
        return 2;
    }
    fclose(file);
    bench_head("DAB: insertion into ETI frames, one core, in memory");
    report("small ensemble: 80 kbit/s in 3 streams", 0);
    report("full ensemble: 1.7 Mbit/s in 4 streams", 600);
    return 0;
}
