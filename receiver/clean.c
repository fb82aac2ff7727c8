/* SPDX-License-Identifier: BSL-1.0 */
/* Tables that tell nothing of conditional access, for players that would ask for a card: PMTs
 * without CA_descriptor and scrambling_descriptor, and a PAT of the wanted services only. A new
 * table takes the places of the old one's packets. services.c gives sections, receiver.c packets.
 */
#include <string.h>

#include "receiver/internal.h"

enum { PACKETS_PER_SECTION = 8 };

static void put_loop(struct simc_writer *out, unsigned bits, struct simc_slice loop)
{
    struct simc_descriptor descriptor;
    size_t start = out->at;
    simc_writer_u16(out, 0);
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        if (descriptor.tag != SIMC_DESCRIPTOR_CA && descriptor.tag != SIMC_DESCRIPTOR_SCRAMBLING)
            simc_descriptor_put(out, descriptor.tag, descriptor.body);
    }
    simc_writer_patch_u16(out, start, (uint16_t)(bits | (out->at - start - 2)));
}

static int write_pmt(const struct simc_section *section, struct simc_writer *out)
{
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    const struct simc_section_head head = {.table_id = section->table_id,
                                           .extension = section->extension,
                                           .version = section->version};
    int error = simc_pmt_read(section, &pmt);
    if (error)
        return error;
    size_t start = simc_section_begin(out, &head);
    simc_writer_u16(out, (uint16_t)(0xe000 | pmt.pcr_pid));
    put_loop(out, 0xf000, pmt.descriptors);
    while (simc_pmt_next(&pmt.streams, &stream) == 0) {
        simc_writer_u8(out, stream.type);
        simc_writer_u16(out, (uint16_t)(0xe000 | stream.pid));
        put_loop(out, 0xf000, stream.descriptors);
    }
    return simc_section_end(out, start);
}

static int write_pat(const struct simc__receiver *receiver, const struct simc_section *section,
                     struct simc_writer *out)
{
    struct simc_pat pat;
    struct simc_pat_entry entry;
    const struct simc_section_head head = {.table_id = section->table_id,
                                           .extension = section->extension,
                                           .version = section->version,
                                           .number = section->number,
                                           .last_number = section->last_number};
    int error = simc_pat_read(section, &pat);
    if (error)
        return error;
    size_t start = simc_section_begin(out, &head);
    while (simc_pat_next(&pat.programs, &entry) == 0) {
        if (entry.program != 0 && !simc__is_wanted(receiver, entry.program))
            continue;
        simc_writer_u16(out, entry.program);
        simc_writer_u16(out, (uint16_t)(0xe000 | entry.pid));
    }
    return simc_section_end(out, start);
}

void simc__clean_section(struct simc__receiver *receiver, struct simc__psi_pid *table,
                         const struct simc_section *section)
{
    uint8_t bytes[SIMC_PSI_SIZE_MAX], packets[PACKETS_PER_SECTION][SIMC_TS_SIZE];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_writer packed = simc_writer(packets, sizeof packets);
    int error = 0;
    if (section->table_id == SIMC_TABLE_PMT && simc__is_wanted(receiver, section->extension))
        error = write_pmt(section, &out);
    else if (section->table_id == SIMC_TABLE_PAT)
        error = write_pat(receiver, section, &out);
    else
        simc_writer_slice(&out, section->bytes);
    const struct simc_slice written = simc_slice(bytes, out.error ? 0 : out.at);
    uint8_t cc = table->cc;
    if (error || out.error ||
        simc_sections_pack(&written, 1, SIMC_SECTIONS_APART, table->pid, &cc, &packed))
        return;
    unsigned count = (unsigned)(packed.at / SIMC_TS_SIZE);
    if (count > SIMC__CLEAN_PACKETS_MAX - table->clean_count)
        return; /* the next repetition is as good */
    table->cc = cc;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = (table->clean_at + table->clean_count++) % SIMC__CLEAN_PACKETS_MAX;
        memcpy(table->clean[at], packets[i], SIMC_TS_SIZE);
    }
}

void simc__clean_packet(struct simc__psi_pid *table, uint8_t *packet)
{
    if (!table->clean_count) {
        simc_ts_null(packet);
        return;
    }
    memcpy(packet, table->clean[table->clean_at], SIMC_TS_SIZE);
    table->clean_at = (table->clean_at + 1) % SIMC__CLEAN_PACKETS_MAX;
    table->clean_count--;
}
