/* SPDX-License-Identifier: BSL-1.0 */
/* ETI(NI) frames: reads and checks the header, finds the FIC, renews the CRC at the end. The
 * inserter and the analyser call it for every frame. [300799 5, 6] */
#include <string.h>

#include "simulcrypt/dab.h"

enum {
    AT_FSYNC = 1,
    AT_FCT = 4,
    AT_NST = 5,
    AT_FL = 6,
    AT_STC = 8,
    STC_SIZE = 4,
    FICF = 0x80,
    MODE_III = 3,
    NO_ERROR = 0xff,
    NO_TIST = 0xffffff,
};

const char *simc_eti_fault_text(enum simc_eti_fault fault)
{
    switch (fault) {
#define SIMC__TEXT(name, value, text) \
    case SIMC_ETI_BAD_##name:         \
        return text;
        SIMC_ETI_FAULT_ROWS(SIMC__TEXT)
#undef SIMC__TEXT
    }
    return "unknown fault";
}

static uint16_t get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

struct simc_eti_stream simc_eti_stream(struct simc_slice bytes, size_t index)
{
    struct simc_reader in = simc_reader(bytes);
    simc_reader_take(&in, AT_STC + index * STC_SIZE);
    uint16_t start = simc_reader_u16(&in), length = simc_reader_u16(&in);
    return (struct simc_eti_stream){
        .scid = (uint8_t)(start >> 10),
        .sad = start & 0x3ff,
        .tpl = (uint8_t)(length >> 10),
        .stl = length & 0x3ff,
    };
}

/* The 8 bytes in front of the stream table, and how large all of it claims to be. */
static void read_head(const uint8_t *bytes, struct simc_eti_frame *frame)
{
    static const uint8_t words[2][3] = {{0x07, 0x3a, 0xb6}, {0xf8, 0xc5, 0x49}};
    frame->err = bytes[0];
    if (frame->err != NO_ERROR)
        frame->faults |= SIMC_ETI_BAD_ERR;
    if (memcmp(bytes + AT_FSYNC, words[0], 3) != 0 && memcmp(bytes + AT_FSYNC, words[1], 3) != 0)
        frame->faults |= SIMC_ETI_BAD_SYNC;
    frame->fct = bytes[AT_FCT];
    frame->stream_count = bytes[AT_NST] & 0x7f;
    frame->fp = bytes[AT_FL] >> 5;
    frame->mid = bytes[AT_FL] >> 3 & 3;
    frame->fl = get_u16(bytes + AT_FL) & 0x7ff;
    frame->fib_count = !(bytes[AT_NST] & FICF) ? 0 : frame->mid == MODE_III ? 4 : 3;
}

/* Checks FL against the streams and sets the offsets. @return false: they contradict. */
static bool read_lengths(struct simc_slice bytes, struct simc_eti_frame *frame)
{
    size_t count = frame->stream_count, words = 1 + count + frame->fib_count * SIMC_FIB_SIZE / 4u;
    size_t size = SIMC_ETI_SIZE_MIN + 4 * (size_t)frame->fl;
    if (count > SIMC_ETI_STREAMS_MAX || size > SIMC_ETI_SIZE || frame->fl < words)
        return false;
    if (size > bytes.size) {
        frame->faults |= SIMC_ETI_BAD_TRUNCATED;
        return true;
    }
    for (size_t i = 0; i < count; i++)
        words += 2 * (size_t)simc_eti_stream(bytes, i).stl;
    frame->fic_at = (uint16_t)(AT_STC + STC_SIZE * (count + 1));
    frame->mst_size = (uint16_t)(4 * (frame->fl - 1 - count));
    frame->eof_at = (uint16_t)(frame->fic_at + frame->mst_size);
    frame->size = (uint16_t)size;
    return words == frame->fl;
}

static void check_crcs(const uint8_t *bytes, struct simc_eti_frame *frame)
{
    size_t header_size = frame->fic_at - (size_t)AT_FCT - 2;
    size_t fic_size = (size_t)frame->fib_count * SIMC_FIB_SIZE;
    uint16_t header = simc_dab_crc(simc_slice(bytes + AT_FCT, header_size));
    if (header != get_u16(bytes + frame->fic_at - 2))
        frame->faults |= SIMC_ETI_BAD_HEADER_CRC;
    frame->fic_crc = simc_dab_crc_update(0xffff, simc_slice(bytes + frame->fic_at, fic_size));
    struct simc_slice streams =
        simc_slice(bytes + frame->fic_at + fic_size, frame->mst_size - fic_size);
    frame->eof_crc = (uint16_t)~simc_dab_crc_update(frame->fic_crc, streams);
    if (frame->eof_crc != get_u16(bytes + frame->eof_at))
        frame->faults |= SIMC_ETI_BAD_EOF_CRC;
}

int simc_eti_read(struct simc_slice bytes, struct simc_eti_frame *frame)
{
    *frame = (struct simc_eti_frame){.tist = NO_TIST};
    if (bytes.size < SIMC_ETI_SIZE_MIN) {
        frame->faults = SIMC_ETI_BAD_TRUNCATED;
        return SIMC_EPROTO;
    }
    read_head(bytes.data, frame);
    if (!read_lengths(bytes, frame))
        frame->faults |= SIMC_ETI_BAD_LENGTH;
    if (frame->faults & (SIMC_ETI_BAD_SYNC | SIMC_ETI_BAD_LENGTH | SIMC_ETI_BAD_TRUNCATED))
        return SIMC_EPROTO;
    check_crcs(bytes.data, frame);
    const uint8_t *tist = bytes.data + frame->eof_at + 5;
    frame->tist = (uint32_t)tist[0] << 16 | (uint32_t)tist[1] << 8 | tist[2];
    return 0;
}

void simc_eti_seal(uint8_t *bytes, struct simc_eti_frame *frame)
{
    size_t fic_size = (size_t)frame->fib_count * SIMC_FIB_SIZE;
    uint16_t fic_crc = simc_dab_crc_update(0xffff, simc_slice(bytes + frame->fic_at, fic_size));
    /* The register behind the FIC decides what follows from the streams, which have not changed.
     * FIBs with right CRCs always leave it at the same value: the generator is the same. */
    if (fic_crc != frame->fic_crc) {
        struct simc_slice streams =
            simc_slice(bytes + frame->fic_at + fic_size, frame->mst_size - fic_size);
        frame->fic_crc = fic_crc;
        frame->eof_crc = (uint16_t)~simc_dab_crc_update(fic_crc, streams);
    }
    bytes[frame->eof_at] = (uint8_t)(frame->eof_crc >> 8);
    bytes[frame->eof_at + 1] = (uint8_t)frame->eof_crc;
    frame->faults &= ~(unsigned)SIMC_ETI_BAD_EOF_CRC;
}
