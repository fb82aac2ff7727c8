/* SPDX-License-Identifier: BSL-1.0 */
/* Reads FIGs of type 6 in the simple layout, in that of EN 300 401, or in the one that fits.
 * Analysers call it. specs/dab-fig6.md has the bytes and the rule that tells the layouts apart. */
#include <string.h>

#include "simulcrypt/dab.h"

enum {
    TYPE = 6,
    CN_SIMPLE = 0x80,
    OE_SIMPLE = 0x40,
    PD_SIMPLE = 0x20,
    EXTENSION = 0x1f,
    RFU_300401 = 0x80,
    CN_300401 = 0x40,
    OE_300401 = 0x20,
    PD_300401 = 0x10,
    LONG_FORM = 0x08,
    SHORT_ID = 0x07,
};

static void add(struct simc_fig6 *out, uint32_t service, uint16_t ca_system)
{
    out->entries[out->count++] = (struct simc_fig6_entry){service, ca_system};
}

static int read_simple(struct simc_reader *in, struct simc_fig6 *out)
{
    uint8_t head = simc_reader_u8(in);
    unsigned extension = head & EXTENSION;
    if (extension > 1)
        return SIMC_EPROTO;
    out->next = head & CN_SIMPLE;
    out->other = head & OE_SIMPLE;
    out->is_32bit = head & PD_SIMPLE;
    out->form = extension ? SIMC_FIG6_SERVICE : SIMC_FIG6_ORGANIZATION;
    size_t entry_size = extension == 0 ? 2 : out->is_32bit ? 6 : 4;
    while (simc_reader_left(in) >= entry_size) {
        uint32_t service = 0;
        if (extension == 1)
            service = out->is_32bit ? simc_reader_u32(in) : simc_reader_u16(in);
        add(out, service, simc_reader_u16(in));
    }
    out->surplus = (uint8_t)simc_reader_left(in);
    /* A list of services is never sent empty; one of systems may be. */
    return out->surplus || (extension == 1 && !out->count) ? SIMC_EPROTO : 0;
}

static int read_en300401(struct simc_reader *in, struct simc_fig6 *out)
{
    uint8_t head = simc_reader_u8(in);
    out->next = head & CN_300401;
    out->other = head & OE_300401;
    out->is_32bit = head & PD_300401;
    out->short_id = head & SHORT_ID;
    uint32_t service = out->is_32bit ? simc_reader_u32(in) : simc_reader_u16(in);
    uint16_t ca_system = head & LONG_FORM ? simc_reader_u16(in) : 0;
    if (in->error)
        return SIMC_EPROTO;
    add(out, service, ca_system);
    out->form = head & LONG_FORM ? SIMC_FIG6_LONG : SIMC_FIG6_SHORT;
    if (out->form == SIMC_FIG6_LONG)
        out->ca_int_char = simc_reader_slice(in, simc_reader_left(in));
    else
        out->surplus = (uint8_t)simc_reader_left(in);
    return out->surplus || (head & RFU_300401) ? SIMC_EPROTO : 0;
}

/* The layout by first byte and length; the rule is exact because our encoder numbers CA systems
 * from 1. Anything it does not know is read as neither. */
static int read_auto(struct simc_reader *in, struct simc_fig6 *out)
{
    size_t length = simc_reader_left(in);
    uint8_t head = in->data[in->at];
    bool wide = head & PD_300401, is_simple = false;
    if (head == 0x00)
        is_simple = length % 2 == 1;
    else if (head == 0x01)
        is_simple = length >= 5 && length % 4 == 1;
    else if (head == (PD_SIMPLE | 1))
        is_simple = length >= 7 && length % 6 == 1;
    if (is_simple)
        return read_simple(in, out);
    if (head & RFU_300401)
        return SIMC_EPROTO;
    if (!(head & LONG_FORM) && (!(head & SHORT_ID) || length != (wide ? 5u : 3u)))
        return SIMC_EPROTO;
    return read_en300401(in, out);
}

int simc_fig6_read(struct simc_slice fig, enum simc_fig6_reading reading, struct simc_fig6 *out)
{
    memset(out, 0, sizeof *out);
    if (fig.size < 2 || fig.size > SIMC_FIG_SIZE_MAX || fig.data[0] >> 5 != TYPE ||
        fig.size != 1u + (fig.data[0] & 0x1f))
        return SIMC_EPROTO;
    struct simc_reader in = simc_reader(fig);
    simc_reader_u8(&in);
    if (reading == SIMC_FIG6_AS_SIMPLE)
        return read_simple(&in, out);
    return reading == SIMC_FIG6_AS_EN300401 ? read_en300401(&in, out) : read_auto(&in, out);
}
