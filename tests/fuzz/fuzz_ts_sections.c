/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: packets to sections and back. libFuzzer or the corpus replay calls it.
 *
 * Byte 0 chooses the limit, the layout, and whether the rest is packets (cut to 188 bytes, their
 * sync byte, PID and, if bit 7 is not set, counter made right) or a list of sections to be packed.
 */
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/ts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECTIONS_MAX = 64, PACKETS_MAX = 4096 };

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void assemble(const uint8_t *data, size_t size, size_t limit, bool right)
{
    struct simc_section_assembler assembler;
    struct simc_slice section;
    check(simc_section_assembler_init(&assembler, limit) == 0);
    for (unsigned i = 0; size >= SIMC_TS_SIZE; i++, data += SIMC_TS_SIZE, size -= SIMC_TS_SIZE) {
        uint8_t *packet = malloc(SIMC_TS_SIZE);
        check(packet != NULL);
        memcpy(packet, data, SIMC_TS_SIZE);
        packet[0] = SIMC_TS_SYNC;
        simc_ts_set_pid(packet, 0x100);
        if (right) {
            simc_ts_set_cc(packet, i);
            simc_ts_set_tsc(packet, SIMC_TSC_CLEAR);
            packet[1] &= 0x7f;
        }
        simc_section_assembler_push(&assembler, packet);
        int error;
        while ((error = simc_section_assembler_next(&assembler, &section)) != SIMC_EAGAIN) {
            check(error == 0 || error == SIMC_EPROTO);
            check(section.size >= 3 && section.size <= limit);
            check(section.size == 3 + ((section.data[1] & 0xfu) << 8 | section.data[2]));
            (void)simc_crc32(section); /* reads every byte */
        }
        free(packet);
    }
    simc_section_assembler_fini(&assembler);
}

/* The data as sections: each begins with a 12-bit size and is filled from what follows. */
static void pack(const uint8_t *data, size_t size, enum simc_section_layout layout)
{
    static uint8_t memory[SECTIONS_MAX][SIMC_SECTION_SIZE_MAX];
    static uint8_t packets[PACKETS_MAX * SIMC_TS_SIZE];
    struct simc_slice sections[SECTIONS_MAX], section;
    struct simc_reader reader = simc_reader(simc_slice(data, size));
    size_t count = 0, next = 0;
    while (simc_reader_left(&reader) > 2 && count < SECTIONS_MAX) {
        size_t length = simc_reader_u16(&reader) & 0xfff, total = 3 + length;
        if (total > SIMC_SECTION_SIZE_MAX)
            break;
        memset(memory[count], 0xff, total);
        memory[count][0] = 0x80;
        memory[count][1] = (uint8_t)(0x70 | length >> 8);
        memory[count][2] = (uint8_t)length;
        size_t left = simc_reader_left(&reader), filled = left < length ? left : length;
        struct simc_slice body = simc_reader_slice(&reader, filled % 97);
        if (body.size)
            memcpy(memory[count] + 3, body.data, body.size);
        sections[count] = simc_slice(memory[count], total);
        count++;
    }
    struct simc_writer out = simc_writer(packets, sizeof packets);
    struct simc_section_assembler assembler;
    uint8_t cc = size & 0xf;
    check(simc_sections_pack(sections, count, layout, 0x123, &cc, &out) == 0);
    check(simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX) == 0);
    for (size_t at = 0; at < out.at; at += SIMC_TS_SIZE) {
        simc_section_assembler_push(&assembler, packets + at);
        while (simc_section_assembler_next(&assembler, &section) == 0)
            check(next < count && simc_slice_equal(section, sections[next++]));
    }
    check(next == count && assembler.broken == 0);
    simc_section_assembler_fini(&assembler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t limits[4] = {3, 100, 1024, 4096};
    if (size < 1)
        return 0;
    if (data[0] & 0x40)
        pack(data + 1, size - 1, data[0] & 1 ? SIMC_SECTIONS_JOINED : SIMC_SECTIONS_APART);
    else
        assemble(data + 1, size - 1, limits[data[0] & 3], !(data[0] & 0x80));
    return 0;
}
