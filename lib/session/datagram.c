/* SPDX-License-Identifier: BSL-1.0 */
/* What a datagram must be, as section_TSpkt_flag says: sections, transport packets, or anything.
 * Applications of both interfaces and the SCS's session call it. */
#include "session/internal.h"

enum {
    SECTION_HEAD = 3,
    SECTION_LENGTH_MAX = 4093,
    PACKET_SIZE = 188,
    SYNC_BYTE = 0x47,
    STUFFING = 0xff, /* where a section would begin; receivers skip the rest of the packet */
};

/* The size of the section in front, or 0: it is not whole. */
static size_t section_size(struct simc_slice bytes)
{
    if (bytes.size < SECTION_HEAD || bytes.data[0] == STUFFING)
        return 0;
    size_t length = (size_t)(bytes.data[1] & 0x0f) << 8 | bytes.data[2];
    size_t size = SECTION_HEAD + length;
    return length > SECTION_LENGTH_MAX || size > bytes.size ? 0 : size;
}

static enum simc_datagram_fault check_sections(struct simc_slice datagram)
{
    if (datagram.size < SECTION_HEAD)
        return SIMC_DATAGRAM_SHORT;
    size_t size = section_size(datagram);
    if (size == datagram.size)
        return SIMC_DATAGRAM_NONE;
    struct simc_slice section;
    while (simc_datagram_next_section(&datagram, &section)) {
    }
    if (datagram.size == 0)
        return SIMC_DATAGRAM_SEVERAL;
    return datagram.data[0] == STUFFING ? SIMC_DATAGRAM_STUFFING : SIMC_DATAGRAM_SECTION_LENGTH;
}

static enum simc_datagram_fault check_packets(struct simc_slice datagram)
{
    if (datagram.size % PACKET_SIZE)
        return SIMC_DATAGRAM_SIZE;
    for (size_t at = 0; at < datagram.size; at += PACKET_SIZE) {
        if (datagram.data[at] != SYNC_BYTE)
            return SIMC_DATAGRAM_SYNC;
    }
    return SIMC_DATAGRAM_NONE;
}

enum simc_datagram_fault simc_datagram_check(uint8_t form, struct simc_slice datagram)
{
    if (datagram.size == 0)
        return SIMC_DATAGRAM_EMPTY;
    switch (form) {
    case SIMC_DATAGRAM_SECTIONS:
        return check_sections(datagram);
    case SIMC_DATAGRAM_PACKETS:
        return check_packets(datagram);
    default:
        return SIMC_DATAGRAM_NONE;
    }
}

bool simc_datagram_next_section(struct simc_slice *datagram, struct simc_slice *section)
{
    size_t size = section_size(*datagram);
    if (size == 0)
        return false;
    *section = simc_slice(datagram->data, size);
    *datagram = simc_slice(datagram->data + size, datagram->size - size);
    return true;
}

static const struct {
    uint16_t status;
    const char *text;
} faults[] = {
#define FAULT(name, status, text) {status, text},
    SIMC_DATAGRAM_FAULT_ROWS(FAULT)
#undef FAULT
};

const char *simc_datagram_fault_text(enum simc_datagram_fault fault)
{
    return (unsigned)fault < SIMC_DATAGRAM_FAULT_COUNT ? faults[fault].text : "it is wrong";
}

uint16_t simc_datagram_fault_status(enum simc_datagram_fault fault)
{
    return (unsigned)fault < SIMC_DATAGRAM_FAULT_COUNT ? faults[fault].status : 0;
}
