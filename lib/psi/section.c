/* SPDX-License-Identifier: BSL-1.0 */
/* Sections as such: the header taken apart, and the frame that builders fill. Every table's code
 * stands on it. [13818 2.4.4] */
#include "psi/internal.h"

enum { LONG_HEADER_SIZE = 8, SHORT_HEADER_SIZE = 3, CRC_SIZE = 4, TDT_SIZE = 8 };

int simc_section_read(struct simc_slice bytes, struct simc_section *section)
{
    *section = (struct simc_section){.bytes = bytes};
    struct simc_reader reader = simc_reader(bytes);
    section->table_id = simc_reader_u8(&reader);
    unsigned length = simc_reader_u16(&reader);
    section->long_form = length & 0x8000;
    if (reader.error || (length & 0xfff) != simc_reader_left(&reader))
        return SIMC_EPROTO;

    size_t tail = section->long_form || section->table_id == SIMC_TABLE_TOT ? CRC_SIZE : 0;
    if (section->long_form) {
        section->extension = simc_reader_u16(&reader);
        uint8_t version = simc_reader_u8(&reader);
        section->version = version >> 1 & 0x1f;
        section->current = version & 1;
        section->number = simc_reader_u8(&reader);
        section->last_number = simc_reader_u8(&reader);
    }
    if (reader.error || simc_reader_left(&reader) < tail)
        return SIMC_EPROTO;
    section->body = simc_reader_slice(&reader, simc_reader_left(&reader) - tail);
    return 0;
}

int simc_section_next(struct simc_slice *rest, struct simc_slice *section)
{
    *section = simc_slice(NULL, 0);
    if (rest->size == 0)
        return SIMC_EEND;
    size_t size = SHORT_HEADER_SIZE;
    if (rest->size >= SHORT_HEADER_SIZE)
        size += (size_t)(rest->data[1] & 0xf) << 8 | rest->data[2];
    if (rest->size < size) {
        rest->size = 0;
        return SIMC_EPROTO;
    }
    *section = simc_slice(rest->data, size);
    *rest = simc_slice(rest->data + size, rest->size - size);
    return 0;
}

size_t simc__section_limit(uint8_t table_id)
{
    bool psi = table_id <= 0x03 || (table_id >= 0x40 && table_id <= SIMC_TABLE_BAT);
    return psi ? SIMC_PSI_SIZE_MAX : SIMC_SECTION_SIZE_MAX;
}

/* The four bits in front of section_length: '0' for the tables of MPEG itself, '1' for DVB's. */
static unsigned length_bits(uint8_t table_id)
{
    return table_id <= 0x03 ? 0xb000 : 0xf000;
}

size_t simc_section_begin(struct simc_writer *out, const struct simc_section_head *head)
{
    size_t start = out->at;
    simc_writer_u8(out, head->table_id);
    simc_writer_u16(out, (uint16_t)length_bits(head->table_id));
    simc_writer_u16(out, head->extension);
    simc_writer_u8(out, (uint8_t)(0xc0 | (head->version & 0x1f) << 1 | (head->next ? 0 : 1)));
    simc_writer_u8(out, head->number);
    simc_writer_u8(out, head->last_number);
    return start;
}

int simc_section_end(struct simc_writer *out, size_t start)
{
    size_t size = out->at - start + CRC_SIZE;
    if (out->error) {
        simc_writer_u32(out, 0);
        return out->error;
    }
    uint8_t table_id = out->data[start];
    if (size > simc__section_limit(table_id)) {
        simc_writer_fail(out, SIMC_ETOOLONG);
        return out->error;
    }
    size_t length = size - SHORT_HEADER_SIZE;
    simc_writer_patch_u16(out, start + 1, (uint16_t)(length_bits(table_id) | length));
    simc_writer_u32(out, simc_crc32(simc_slice(out->data + start, size - CRC_SIZE)));
    return out->error;
}

/* A second look at sections written before: their number of sections was not known then. */
void simc__sections_number(struct simc_writer *out, size_t start, unsigned count)
{
    struct simc_slice section, rest = simc_slice(out->data + start, out->at - start);
    unsigned number = 0;
    while (!out->error && simc_section_next(&rest, &section) == 0) {
        uint8_t *bytes = out->data + start;
        bytes[6] = (uint8_t)number++;
        bytes[7] = (uint8_t)(count - 1);
        struct simc_writer crc = simc_writer(bytes + section.size - CRC_SIZE, CRC_SIZE);
        simc_writer_u32(&crc, simc_crc32(simc_slice(bytes, section.size - CRC_SIZE)));
        start += section.size;
    }
}
