/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: ETI streams through the reader, the frame checks and the inserter. Nothing may be
 * lost, what is inserted must be right, and the pieces in which bytes come must not matter.
 * libFuzzer or the corpus replay calls it. */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/dab.h"

#define FUZZ_CHECK(condition) \
    do {                      \
        if (!(condition))     \
            abort();          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_TRIED = 1 << 16 };

struct outcome {
    uint64_t frames, skipped;
    uint16_t crc; /* of all output */
    size_t size;
};

static const uint16_t systems[] = {0x5601, 0x4a10};
static const struct simc_dab_service services[] = {
    {.id = 0x4001, .has_ca = true, .ca_system = 0x5601},
    {.id = 0xe1400003, .is_32bit = true, .has_ca = true, .ca_system = 0x4a10},
};

/* A frame that was taken is as right afterwards as it was before. */
static void check_frame(const struct simc_eti_piece *piece, bool changed, bool repaired)
{
    struct simc_eti_frame frame;
    int error = simc_eti_read(simc_slice(piece->frame, piece->frame_size), &frame);
    FUZZ_CHECK(!changed || (!error && !(frame.faults & (SIMC_ETI_BAD_EOF_CRC))));
    FUZZ_CHECK(!changed || repaired || frame.fib_count);
    if (error)
        return;
    FUZZ_CHECK(frame.fic_at + (size_t)frame.fib_count * SIMC_FIB_SIZE <= frame.eof_at);
    FUZZ_CHECK(frame.size <= piece->frame_size && frame.eof_at + 8u == frame.size);
    for (size_t i = 0; i < frame.stream_count; i++)
        FUZZ_CHECK(simc_eti_stream(simc_slice(piece->frame, frame.size), i).stl < 1024);
    for (size_t i = 0; i < frame.fib_count; i++) {
        struct simc_fib fib;
        simc_fib_read(piece->frame + frame.fic_at + i * SIMC_FIB_SIZE, &fib);
        FUZZ_CHECK(fib.used <= SIMC_FIB_DATA_SIZE && fib.count <= SIMC_FIB_FIGS_MAX);
    }
}

static void take(struct outcome *outcome, struct simc_dab_inserter *inserter,
                 const struct simc_eti_piece *piece)
{
    struct simc_eti_frame frame;
    FUZZ_CHECK(piece->size > 0);
    if (piece->kind == SIMC_ETI_FRAME) {
        bool changed = simc_dab_insert(inserter, piece->frame, piece->frame_size, &frame);
        check_frame(piece, changed, inserter->config.repair);
    }
    outcome->crc = simc_dab_crc_update(outcome->crc, simc_slice(piece->bytes, piece->size));
    outcome->size += piece->size;
}

static struct outcome run(const uint8_t *data, size_t size, unsigned switches, size_t step)
{
    static struct simc_eti_reader reader;
    struct outcome outcome = {.crc = 0};
    struct simc_eti_piece piece;
    struct simc_dab_ca ca = {.enabled = true,
                             .layout = switches & 1 ? SIMC_DAB_EN300401 : SIMC_DAB_SIMPLE,
                             .systems = systems,
                             .system_count = 2,
                             .services = services,
                             .service_count = 2};
    struct simc_dab_insert_config config = {.displace = switches & 2,
                                            .remove = switches & 4,
                                            .repair = switches & 8,
                                            .tolerant = switches & 16};
    struct simc_fig_carousel carousel = {.count = 0};
    struct simc_dab_inserter inserter;
    FUZZ_CHECK(simc_fig_carousel_add_ca(&carousel, &ca, 48) == 0);
    simc_dab_inserter_init(&inserter, &carousel, &config);
    simc_eti_reader_init(&reader);
    reader.tolerant = config.tolerant;
    for (size_t at = 0; at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        uint8_t *bytes = malloc(part);
        FUZZ_CHECK(bytes != NULL);
        memcpy(bytes, data + at, part);
        simc_eti_reader_feed(&reader, bytes, part);
        while (simc_eti_reader_next(&reader, &piece) == 0)
            take(&outcome, &inserter, &piece);
        free(bytes);
    }
    simc_eti_reader_feed(&reader, NULL, 0);
    simc_eti_reader_end(&reader);
    int error;
    while ((error = simc_eti_reader_next(&reader, &piece)) == 0)
        take(&outcome, &inserter, &piece);
    FUZZ_CHECK(error == SIMC_EEND && outcome.size == size);
    outcome.frames = reader.frames;
    outcome.skipped = reader.skipped;
    FUZZ_CHECK(inserter.stats.frames == reader.frames);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > SIZE_MAX_TRIED)
        return 0;
    /* The last two bytes choose the settings and the pieces. */
    unsigned switches = data[size - 1];
    size_t step = 1 + (size_t)data[size - 2] * 31;
    size -= 2;
    struct outcome whole = run(data, size, switches, size ? size : 1);
    struct outcome pieces = run(data, size, switches, step);
    FUZZ_CHECK(whole.frames == pieces.frames && whole.skipped == pieces.skipped);
    FUZZ_CHECK(whole.crc == pieces.crc);
    return 0;
}
