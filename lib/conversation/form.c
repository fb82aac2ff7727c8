/* SPDX-License-Identifier: BSL-1.0 */
/* Whether a datagram is one section or whole TS packets, as its channel promises [5.3]. Matching
 * and drivers call it. */
#include <string.h>

#include "conversation/conversation.h"

enum { SECTION_MAX = 4096, PACKET_SIZE = 188, HEAD_SIZE = 4 };

const char *simc__conversation_section_fault(struct simc_slice bytes)
{
    if (bytes.size < 3)
        return "it is shorter than the head of a section";
    size_t length = (size_t)(bytes.data[1] & 0x0f) << 8 | bytes.data[2];
    if (3 + length != bytes.size)
        return "its section_length does not fit its size";
    if (bytes.size > SECTION_MAX)
        return "the section is longer than 4096 bytes";
    return NULL;
}

/* Where the payload of a packet begins; 0: there is none, or the packet is wrong. */
static size_t payload_at(const uint8_t *packet)
{
    unsigned control = packet[3] >> 4 & 3;
    size_t at = HEAD_SIZE;
    if (control & 2)
        at += 1 + (size_t)packet[4];
    return (control & 1) && at < PACKET_SIZE ? at : 0;
}

static const char *only_stuffing(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0xff)
            return "something other than stuffing follows the section";
    }
    return NULL;
}

const char *simc__conversation_packets_fault(struct simc_slice bytes)
{
    uint8_t section[SECTION_MAX + PACKET_SIZE];
    size_t size = 0;
    if (bytes.size == 0 || bytes.size % PACKET_SIZE)
        return "its size is no multiple of 188";
    for (size_t i = 0; i < bytes.size; i += PACKET_SIZE) {
        const uint8_t *packet = bytes.data + i;
        size_t at = payload_at(packet);
        bool starts = packet[1] & 0x40;
        if (packet[0] != 0x47)
            return "a packet does not begin with 0x47";
        if (at == 0)
            return "a packet has no payload";
        if (starts != (i == 0))
            return "not only its first packet has payload_unit_start_indicator";
        if (starts && packet[at++] != 0)
            return "the pointer_field of the first packet is not 0";
        if (size + PACKET_SIZE - at > sizeof section)
            return "there are more packets than one section needs";
        memcpy(section + size, packet + at, PACKET_SIZE - at);
        size += PACKET_SIZE - at;
    }
    if (size < 3)
        return "the packets hold no section";
    size_t length = 3 + ((size_t)(section[1] & 0x0f) << 8 | section[2]);
    if (length > size)
        return "the section goes on behind the last packet";
    const char *fault = simc__conversation_section_fault(simc_slice(section, length));
    return fault ? fault : only_stuffing(section + length, size - length);
}
