/* SPDX-License-Identifier: BSL-1.0 */
/* Reads what FIG 0/2, 0/3, 0/4 and 0/13 say about conditional access, entry by entry. Analysers
 * call it; receivers look at these fields rather than at FIG type 6. [300401 6.3, 8.1.20] */
#include <string.h>

#include "simulcrypt/dab.h"

enum { EXT_SERVICE = 2, EXT_PACKET = 3, EXT_STREAM = 4, EXT_USER_APP = 13, TM_PACKET = 3 };

const char *simc_ca_mode_name(unsigned mode)
{
    static const char *const names[] = {"sub-channel CA", "data group CA", "MOT CA",
                                        "proprietary CA"};
    return mode < sizeof names / sizeof names[0] ? names[mode] : "reserved";
}

int simc_fig0_reader_init(struct simc_fig0_reader *reader, struct simc_slice fig)
{
    memset(reader, 0, sizeof *reader);
    reader->bytes = simc_reader(fig);
    uint8_t header = simc_reader_u8(&reader->bytes);
    uint8_t flags = simc_reader_u8(&reader->bytes);
    reader->next = flags & 0x80;
    reader->other = flags & 0x40;
    reader->is_32bit = flags & 0x20;
    reader->extension = flags & 0x1f;
    bool known = reader->extension == EXT_SERVICE || reader->extension == EXT_PACKET ||
                 reader->extension == EXT_STREAM || reader->extension == EXT_USER_APP;
    return reader->bytes.error || header >> 5 != 0 || !known ? SIMC_EUNSUPPORTED : 0;
}

/* FIG 0/2: TMId decides how the 14 bits behind it are divided. */
static void read_component(struct simc_fig0_reader *reader, struct simc_fig0_entry *entry)
{
    uint16_t word = simc_reader_u16(&reader->bytes);
    entry->kind = SIMC_FIG0_COMPONENT;
    entry->service = reader->service;
    entry->transport = (uint8_t)(word >> 14);
    if (entry->transport == TM_PACKET) {
        entry->id = word >> 2 & 0xfff;
    } else {
        entry->type = word >> 8 & 0x3f;
        entry->id = word >> 2 & 0x3f;
    }
    entry->primary = word & 2;
    entry->ca = word & 1;
    reader->left--;
}

static void read_service(struct simc_fig0_reader *reader, struct simc_fig0_entry *entry)
{
    struct simc_reader *in = &reader->bytes;
    reader->service = reader->is_32bit ? simc_reader_u32(in) : simc_reader_u16(in);
    uint8_t flags = simc_reader_u8(in);
    reader->left = flags & 0xf;
    entry->kind = SIMC_FIG0_SERVICE;
    entry->service = reader->service;
    entry->local = flags & 0x80;
    entry->ca_id = flags >> 4 & 7;
    entry->count = reader->left;
}

static void read_packet(struct simc_reader *in, struct simc_fig0_entry *entry)
{
    uint16_t head = simc_reader_u16(in);
    uint8_t type = simc_reader_u8(in);
    uint16_t address = simc_reader_u16(in);
    entry->kind = SIMC_FIG0_PACKET;
    entry->id = head >> 4;
    entry->has_ca_org = head & 1;
    entry->no_data_groups = type & 0x80;
    entry->type = type & 0x3f;
    entry->sub_channel = (uint8_t)(address >> 10);
    entry->address = address & 0x3ff;
    if (entry->has_ca_org)
        entry->ca_org = simc_reader_u16(in);
}

static void read_stream(struct simc_reader *in, struct simc_fig0_entry *entry)
{
    uint8_t head = simc_reader_u8(in);
    entry->kind = SIMC_FIG0_STREAM;
    entry->in_fic = head & 0x40;
    entry->id = head & 0x3f;
    entry->has_ca_org = true;
    entry->ca_org = simc_reader_u16(in);
}

/* FIG 0/13: the CA fields stand in the data of an application and are there only if the data is;
 * with P/D = 1 there are none. */
static void read_user_app(struct simc_fig0_reader *reader, struct simc_fig0_entry *entry)
{
    struct simc_reader *in = &reader->bytes;
    uint16_t head = simc_reader_u16(in);
    struct simc_reader data = simc_reader(simc_reader_slice(in, head & 0x1f));
    entry->kind = SIMC_FIG0_USER_APP;
    entry->service = reader->service;
    entry->id = reader->id;
    entry->user_app = head >> 5;
    reader->left--;
    if (!reader->is_32bit && !in->error && data.size >= 2) {
        uint8_t flags = simc_reader_u8(&data), type = simc_reader_u8(&data);
        entry->ca = flags & 0x80;
        entry->has_ca_org = flags & 0x40;
        entry->no_data_groups = type & 0x80;
        entry->type = type & 0x3f;
        if (entry->has_ca_org)
            entry->ca_org = simc_reader_u16(&data);
        if (data.error) { /* the application's data is too short for its CAOrg */
            in->error = SIMC_ESHORT;
            return;
        }
    }
    entry->data = simc_reader_slice(&data, simc_reader_left(&data));
}

static void read_user_service(struct simc_fig0_reader *reader)
{
    struct simc_reader *in = &reader->bytes;
    reader->service = reader->is_32bit ? simc_reader_u32(in) : simc_reader_u16(in);
    uint8_t flags = simc_reader_u8(in);
    reader->id = flags >> 4;
    reader->left = flags & 0xf;
}

int simc_fig0_reader_next(struct simc_fig0_reader *reader, struct simc_fig0_entry *entry)
{
    struct simc_reader *in = &reader->bytes;
    memset(entry, 0, sizeof *entry);
    /* A service without user applications has nothing to show. */
    while (reader->extension == EXT_USER_APP && !reader->left && simc_reader_left(in))
        read_user_service(reader);
    if (in->error)
        return SIMC_EPROTO;
    if (!reader->left && !simc_reader_left(in))
        return SIMC_EEND;
    switch (reader->extension) {
    case EXT_SERVICE:
        if (reader->left)
            read_component(reader, entry);
        else
            read_service(reader, entry);
        break;
    case EXT_PACKET:
        read_packet(in, entry);
        break;
    case EXT_STREAM:
        read_stream(in, entry);
        break;
    default:
        read_user_app(reader, entry);
        break;
    }
    return in->error ? SIMC_EPROTO : 0;
}
