/* SPDX-License-Identifier: BSL-1.0 */
/* Puts an ECM section into TS packets, for head-ends that want them ready. The ECM generator calls
 * it behind simc_ecm_make(). */
#include <string.h>

#include "cas/internal.h"

enum { PACKET_PAYLOAD = 184, STUFFING = 0xff, PID_MAX = 0x1fff };

int simc_ecm_pack(struct simc_slice section, uint16_t pid, uint8_t *cc, struct simc_writer *out)
{
    if (pid > PID_MAX || *cc > 0xf || section.size < SIMC__SECTION_HEADER_SIZE ||
        section.size > SIMC_ECM_SECTION_MAX ||
        section.size !=
            SIMC__SECTION_HEADER_SIZE + ((size_t)(section.data[1] & 0xf) << 8 | section.data[2]))
        return SIMC_EINVAL;
    bool is_first = true;
    for (size_t done = 0; done < section.size; is_first = false) {
        size_t room = is_first ? PACKET_PAYLOAD - 1 : PACKET_PAYLOAD;
        size_t part = section.size - done < room ? section.size - done : room;
        uint8_t *packet = simc_writer_room(out, SIMC_ECM_TS_PACKET_SIZE);
        if (packet) {
            struct simc_writer into = simc_writer(packet, SIMC_ECM_TS_PACKET_SIZE);
            simc_writer_u8(&into, 0x47);
            simc_writer_u16(&into, (uint16_t)((is_first ? 0x4000u : 0u) | pid));
            simc_writer_u8(&into, (uint8_t)(0x10 | ((*cc + !is_first) & 0xf)));
            if (is_first)
                simc_writer_u8(&into, 0); /* pointer_field */
            simc_writer_slice(&into, simc_slice(section.data + done, part));
            memset(packet + into.at, STUFFING, SIMC_ECM_TS_PACKET_SIZE - into.at);
        }
        done += part;
    }
    if (out->error)
        return out->error;
    *cc = (uint8_t)((*cc + 1 + (section.size > PACKET_PAYLOAD - 1)) & 0xf);
    return 0;
}
