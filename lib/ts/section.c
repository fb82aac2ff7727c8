/* SPDX-License-Identifier: BSL-1.0 */
/* The section assembler: packets of one PID in, whole sections out. The analyser, the receiver and
 * the multiplexer's PSI reader call it. [13818 2.4.4] */
#include <string.h>

#include "simulcrypt/ts.h"

enum { HEADER_SIZE = 3, TABLE_ID_TOT = 0x73, TABLE_ID_STUFFING = 0xff };

int simc_section_assembler_init(struct simc_section_assembler *assembler, size_t limit)
{
    memset(assembler, 0, sizeof *assembler);
    if (limit < HEADER_SIZE || limit > SIMC_SECTION_SIZE_MAX)
        return SIMC_EINVAL;
    assembler->memory = simc_alloc(limit);
    assembler->limit = limit;
    return assembler->memory ? 0 : SIMC_ENOMEM;
}

void simc_section_assembler_fini(struct simc_section_assembler *assembler)
{
    simc_free(assembler->memory);
    memset(assembler, 0, sizeof *assembler);
}

void simc_section_assembler_reset(struct simc_section_assembler *assembler)
{
    assembler->continuity = (struct simc_ts_continuity){0};
    assembler->rest = simc_slice(NULL, 0);
    assembler->held = 0;
    assembler->starts = false;
}

static void drop_unfinished(struct simc_section_assembler *assembler)
{
    assembler->broken += assembler->held > 0;
    assembler->held = 0;
}

static void bad_packet(struct simc_section_assembler *assembler)
{
    assembler->bad_packets++;
    drop_unfinished(assembler);
}

void simc_section_assembler_push(struct simc_section_assembler *assembler,
                                 const uint8_t packet[SIMC_TS_SIZE])
{
    assembler->rest = simc_slice(NULL, 0);
    assembler->starts = false;
    if (simc_ts_error(packet) || !simc_ts_valid(packet)) {
        bad_packet(assembler);
        return;
    }
    enum simc_ts_order order = simc_ts_continuity_push(&assembler->continuity, packet);
    struct simc_slice payload = simc_ts_payload(packet);
    if (payload.size == 0 || order == SIMC_TS_ORDER_DUPLICATE)
        return;
    if (order == SIMC_TS_ORDER_ERROR || order == SIMC_TS_ORDER_ANNOUNCED)
        drop_unfinished(assembler);
    if (simc_ts_tsc(packet) != SIMC_TSC_CLEAR) {
        bad_packet(assembler);
        return;
    }
    if (!simc_ts_unit_start(packet)) {
        /* Without a pointer_field nothing starts here: only a held section can use these bytes. */
        if (assembler->held)
            assembler->rest = payload;
        return;
    }
    size_t pointer = payload.data[0];
    if (pointer + 1 >= payload.size) {
        bad_packet(assembler);
        return;
    }
    assembler->rest = simc_slice(payload.data + 1, payload.size - 1);
    assembler->start = pointer;
    assembler->starts = true;
}

static void skip(struct simc_section_assembler *assembler, size_t size)
{
    assembler->rest.data += size;
    assembler->rest.size -= size;
}

static size_t section_size(const uint8_t *header)
{
    return HEADER_SIZE + ((size_t)(header[1] & 0xf) << 8 | header[2]);
}

static int deliver(struct simc_section_assembler *assembler, const uint8_t *bytes, size_t size,
                   struct simc_slice *section)
{
    *section = simc_slice(bytes, size);
    bool has_crc = (bytes[1] & 0x80) || bytes[0] == TABLE_ID_TOT;
    if (has_crc && !assembler->no_crc && simc_crc32(*section) != 0) {
        assembler->crc_errors++;
        return SIMC_EPROTO;
    }
    assembler->sections++;
    return 0;
}

/* Moves bytes of the packet behind what is held, until `wanted` are held or `*room` is used up. */
static bool hold(struct simc_section_assembler *assembler, size_t wanted, size_t *room)
{
    size_t size = assembler->held < wanted ? wanted - assembler->held : 0;
    if (size > *room)
        size = *room;
    if (size)
        memcpy(assembler->memory + assembler->held, assembler->rest.data, size);
    assembler->held += size;
    *room -= size;
    skip(assembler, size);
    return assembler->held >= wanted;
}

/* Goes on with the held section. True: it is whole, and its bytes are in `memory`. Afterwards the
 * packet's bytes are used up, or `rest` begins where a section starts. */
static bool finish_held(struct simc_section_assembler *assembler, size_t *size)
{
    size_t room = assembler->starts ? assembler->start : assembler->rest.size;
    bool whole = false, too_long = false;
    if (hold(assembler, HEADER_SIZE, &room)) {
        *size = section_size(assembler->memory);
        too_long = *size > assembler->limit;
        whole = !too_long && hold(assembler, *size, &room);
    }
    if (too_long) {
        assembler->too_long++;
        assembler->held = 0;
    } else if (!whole && assembler->starts) {
        drop_unfinished(assembler); /* the pointer says that it should have ended */
    }
    if (whole)
        assembler->held = 0;
    /* What is left before the next start, or without one, can only be stuffing. */
    skip(assembler, room);
    assembler->start = 0;
    return whole;
}

/* The section that starts at `rest`. 0: it is whole and in place. */
static int next_start(struct simc_section_assembler *assembler, struct simc_slice *section)
{
    struct simc_slice *rest = &assembler->rest;
    while (rest->size > 0 && rest->data[0] != TABLE_ID_STUFFING) {
        size_t size = rest->size >= HEADER_SIZE ? section_size(rest->data) : 0;
        bool too_long = size > assembler->limit;
        assembler->too_long += too_long;
        if (size == 0 || size > rest->size) {
            if (!too_long) {
                memcpy(assembler->memory, rest->data, rest->size);
                assembler->held = rest->size;
            }
            break;
        }
        *section = simc_slice(rest->data, size);
        skip(assembler, size);
        if (!too_long)
            return 0;
    }
    return SIMC_EAGAIN;
}

int simc_section_assembler_next(struct simc_section_assembler *assembler,
                                struct simc_slice *section)
{
    size_t size;
    if (assembler->held && assembler->rest.size && finish_held(assembler, &size))
        return deliver(assembler, assembler->memory, size, section);
    if (assembler->starts) {
        skip(assembler, assembler->start);
        assembler->start = 0;
        if (next_start(assembler, section) == 0)
            return deliver(assembler, section->data, section->size, section);
    }
    assembler->starts = false;
    assembler->rest = simc_slice(NULL, 0);
    *section = simc_slice(NULL, 0);
    return SIMC_EAGAIN;
}
