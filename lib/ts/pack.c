/* SPDX-License-Identifier: BSL-1.0 */
/* Sections into packets. The multiplexer and the test streams make PSI, ECM and EMM packets with
 * it. [13818 2.4.4.1] */
#include <string.h>

#include "simulcrypt/ts.h"

enum { HEADER_SIZE = 3, STUFFING = 0xff };

/* Where the laying stands. */
struct place {
    const struct simc_slice *sections;
    size_t count;
    size_t index;  /* of the section being laid */
    size_t offset; /* bytes of it that are laid */
};

static bool section_is_right(struct simc_slice section)
{
    return section.size >= HEADER_SIZE && section.size <= SIMC_SECTION_SIZE_MAX &&
           section.data[0] != STUFFING &&
           section.size == HEADER_SIZE + ((size_t)(section.data[1] & 0xf) << 8 | section.data[2]);
}

/* The bytes before the next start in a packet that begins at `place`; more than a packet holds
 * when none starts there. */
static size_t pointer_at(const struct place *place, enum simc_section_layout layout)
{
    if (place->offset == 0)
        return 0;
    size_t left = place->sections[place->index].size - place->offset;
    bool next = layout == SIMC_SECTIONS_JOINED && place->index + 1 < place->count;
    /* A header is never split between packets: some receivers do not put it together. */
    return next && left + 1 + HEADER_SIZE <= SIMC_TS_PAYLOAD_MAX ? left : SIZE_MAX;
}

static void lay_packet(struct place *place, enum simc_section_layout layout, uint16_t pid,
                       unsigned cc, uint8_t *packet)
{
    size_t pointer = pointer_at(place, layout);
    bool starts = pointer < SIMC_TS_PAYLOAD_MAX;
    packet[0] = SIMC_TS_SYNC;
    packet[1] = (uint8_t)((starts ? 0x40u : 0u) | pid >> 8);
    packet[2] = (uint8_t)pid;
    packet[3] = (uint8_t)(0x10 | (cc & 0xf));
    size_t at = 4;
    if (starts)
        packet[at++] = (uint8_t)pointer;

    for (bool first = true; place->index < place->count && at < SIMC_TS_SIZE; first = false) {
        struct simc_slice section = place->sections[place->index];
        size_t size = section.size - place->offset, room = SIMC_TS_SIZE - at;
        if (!first && (layout == SIMC_SECTIONS_APART || !starts || room < HEADER_SIZE))
            break;
        size = size < room ? size : room;
        memcpy(packet + at, section.data + place->offset, size);
        at += size;
        place->offset += size;
        if (place->offset == section.size) {
            place->index++;
            place->offset = 0;
        }
    }
    memset(packet + at, STUFFING, SIMC_TS_SIZE - at);
}

int simc_sections_pack(const struct simc_slice *sections, size_t count,
                       enum simc_section_layout layout, uint16_t pid, uint8_t *cc,
                       struct simc_writer *out)
{
    if (pid >= SIMC_TS_PID_COUNT)
        return SIMC_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (!section_is_right(sections[i]))
            return SIMC_EINVAL;
    }
    struct place place = {sections, count, 0, 0};
    unsigned counter = *cc;
    while (place.index < place.count) {
        uint8_t packet[SIMC_TS_SIZE];
        lay_packet(&place, layout, pid, counter++, packet);
        simc_writer_slice(out, simc_slice(packet, sizeof packet));
    }
    if (out->error)
        return out->error;
    *cc = counter & 0xf;
    return 0;
}
