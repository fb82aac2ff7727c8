/* SPDX-License-Identifier: BSL-1.0 */
/* RTP around transport packets: reading and writing the header. The UDP input and output call it.
 */
#include "tsio/internal.h"

enum { VERSION_2 = 2, WORD_SIZE = 4 };

int simc__tsio_rtp_read(struct simc_slice datagram, struct simc__tsio_rtp *rtp)
{
    struct simc_reader in = simc_reader(datagram);
    uint8_t first = simc_reader_u8(&in);
    uint8_t type = simc_reader_u8(&in) & 0x7f;
    rtp->sequence = simc_reader_u16(&in);
    rtp->timestamp_90khz = simc_reader_u32(&in);
    rtp->ssrc = simc_reader_u32(&in);
    if (in.error || first >> 6 != VERSION_2)
        return SIMC_EPROTO;
    simc_reader_take(&in, (size_t)(first & 0xf) * WORD_SIZE);
    if (first & 0x10) {
        simc_reader_u16(&in);
        simc_reader_take(&in, (size_t)simc_reader_u16(&in) * WORD_SIZE);
    }
    size_t padding = 0, left = simc_reader_left(&in);
    if (in.error)
        return SIMC_EPROTO;
    if (first & 0x20) {
        /* The last byte counts itself and the ones before. */
        padding = datagram.data[datagram.size - 1];
        if (padding == 0 || padding > left)
            return SIMC_EPROTO;
    }
    rtp->payload = simc_slice(datagram.data + in.at, left - padding);
    return type == SIMC__TSIO_RTP_TYPE ? 0 : SIMC_EUNSUPPORTED;
}

void simc__tsio_rtp_put(uint8_t head[SIMC__TSIO_RTP_SIZE], const struct simc__tsio_rtp *rtp)
{
    struct simc_writer out = simc_writer(head, SIMC__TSIO_RTP_SIZE);
    simc_writer_u8(&out, VERSION_2 << 6);
    simc_writer_u8(&out, SIMC__TSIO_RTP_TYPE);
    simc_writer_u16(&out, rtp->sequence);
    simc_writer_u32(&out, rtp->timestamp_90khz);
    simc_writer_u32(&out, rtp->ssrc);
}
