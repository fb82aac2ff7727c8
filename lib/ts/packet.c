/* SPDX-License-Identifier: BSL-1.0 */
/* Packets: header and adaptation field, read and written, and the order of continuity counters.
 * The multiplexer, the statistics and the section assembler call this for every packet. */
#include <string.h>

#include "simulcrypt/ts.h"

enum adaptation_flag {
    FLAG_DISCONTINUITY = 0x80,
    FLAG_RANDOM_ACCESS = 0x40,
    FLAG_PRIORITY = 0x20,
    FLAG_PCR = 0x10,
    FLAG_OPCR = 0x08,
    FLAG_SPLICE = 0x04,
    FLAG_PRIVATE = 0x02,
    FLAG_EXTENSION = 0x01,
};

enum { HEADER_SIZE = 4, STUFFING = 0xff };

void simc_ts_null(uint8_t packet[SIMC_TS_SIZE])
{
    static const uint8_t header[HEADER_SIZE] = {SIMC_TS_SYNC, 0x1f, 0xff, 0x10};
    memcpy(packet, header, sizeof header);
    memset(packet + HEADER_SIZE, STUFFING, SIMC_TS_PAYLOAD_MAX);
}

static void read_header(const uint8_t *packet, struct simc_ts_header *header)
{
    header->pid = simc_ts_pid(packet);
    header->cc = simc_ts_cc(packet);
    header->tsc = simc_ts_tsc(packet);
    header->error = simc_ts_error(packet);
    header->unit_start = simc_ts_unit_start(packet);
    header->priority = packet[1] & 0x20;
}

/* Reads what stands behind adaptation_field_length; the reader ends where the field ends. */
static int read_adaptation(struct simc_reader *field, struct simc_ts_adaptation *out)
{
    /* A length of 0 is a single byte of stuffing, without flags. */
    if (simc_reader_left(field) == 0)
        return 0;
    uint8_t flags = simc_reader_u8(field);
    out->discontinuity = flags & FLAG_DISCONTINUITY;
    out->random_access = flags & FLAG_RANDOM_ACCESS;
    out->priority = flags & FLAG_PRIORITY;
    if (flags & FLAG_PCR) {
        const uint8_t *pcr = simc_reader_take(field, 6);
        out->has_pcr = pcr;
        out->pcr_27mhz = pcr ? simc_pcr_get(pcr) : 0;
    }
    if (flags & FLAG_OPCR) {
        const uint8_t *opcr = simc_reader_take(field, 6);
        out->has_opcr = opcr;
        out->opcr_27mhz = opcr ? simc_pcr_get(opcr) : 0;
    }
    if (flags & FLAG_SPLICE) {
        out->splice_countdown = (int8_t)simc_reader_u8(field);
        out->has_splice = !field->error;
    }
    if (flags & FLAG_PRIVATE) {
        out->private_data = simc_reader_slice(field, simc_reader_u8(field));
        out->has_private = !field->error;
    }
    if (flags & FLAG_EXTENSION) {
        out->extension = simc_reader_slice(field, simc_reader_u8(field));
        out->has_extension = !field->error;
    }
    return field->error ? SIMC_EPROTO : 0;
}

int simc_ts_read(const uint8_t packet[SIMC_TS_SIZE], struct simc_ts_header *header,
                 struct simc_ts_adaptation *adaptation, struct simc_slice *payload)
{
    if (header)
        read_header(packet, header);
    if (adaptation)
        memset(adaptation, 0, sizeof *adaptation);
    if (payload)
        *payload = simc_slice(packet + SIMC_TS_SIZE, 0);
    if (!simc_ts_valid(packet))
        return SIMC_EPROTO;

    if (payload)
        *payload = simc_ts_payload(packet);
    if (!adaptation || !(packet[3] & 0x20))
        return 0;
    adaptation->present = true;
    adaptation->length = packet[4];
    struct simc_reader field = simc_reader(simc_slice(packet + HEADER_SIZE + 1, packet[4]));
    return read_adaptation(&field, adaptation);
}

/* Writes the adaptation field without its length byte and without stuffing. */
static void write_adaptation(struct simc_writer *field, const struct simc_ts_adaptation *in)
{
    unsigned flags = (in->discontinuity ? FLAG_DISCONTINUITY : 0u) |
                     (in->random_access ? FLAG_RANDOM_ACCESS : 0u) |
                     (in->priority ? FLAG_PRIORITY : 0u) | (in->has_pcr ? FLAG_PCR : 0u) |
                     (in->has_opcr ? FLAG_OPCR : 0u) | (in->has_splice ? FLAG_SPLICE : 0u) |
                     (in->has_private ? FLAG_PRIVATE : 0u) |
                     (in->has_extension ? FLAG_EXTENSION : 0u);
    uint8_t *room;
    simc_writer_u8(field, (uint8_t)flags);
    if (in->has_pcr && (room = simc_writer_room(field, 6)))
        simc_pcr_put(room, in->pcr_27mhz);
    if (in->has_opcr && (room = simc_writer_room(field, 6)))
        simc_pcr_put(room, in->opcr_27mhz);
    if (in->has_splice)
        simc_writer_u8(field, (uint8_t)in->splice_countdown);
    if (in->has_private) {
        simc_writer_u8(field, (uint8_t)in->private_data.size);
        simc_writer_slice(field, in->private_data);
    }
    if (in->has_extension) {
        simc_writer_u8(field, (uint8_t)in->extension.size);
        simc_writer_slice(field, in->extension);
    }
}

int simc_ts_write(uint8_t packet[SIMC_TS_SIZE], const struct simc_ts_header *header,
                  const struct simc_ts_adaptation *adaptation, struct simc_slice payload)
{
    bool present = adaptation && adaptation->present;
    if (header->pid >= SIMC_TS_PID_COUNT || header->cc > 0xf || (unsigned)header->tsc > 3 ||
        payload.size > SIMC_TS_PAYLOAD_MAX)
        return SIMC_EINVAL;

    uint8_t bytes[SIMC_TS_PAYLOAD_MAX - 1];
    struct simc_writer field = simc_writer(bytes, sizeof bytes);
    if (present)
        write_adaptation(&field, adaptation);
    bool field_needed = present || payload.size < SIMC_TS_PAYLOAD_MAX;
    size_t field_size = SIMC_TS_PAYLOAD_MAX - payload.size; /* its length byte included */
    bool flags_only = present && field.at == 1 && bytes[0] == 0;
    if (field.error || (field_needed && field_size < 1))
        return SIMC_EINVAL;
    /* One free byte takes a field of length 0, but only if it need not carry anything. */
    if (present && !(flags_only && field_size == 1) && field.at + 1 > field_size)
        return SIMC_EINVAL;

    packet[0] = SIMC_TS_SYNC;
    packet[1] = (uint8_t)((header->error ? 0x80u : 0u) | (header->unit_start ? 0x40u : 0u) |
                          (header->priority ? 0x20u : 0u) | header->pid >> 8);
    packet[2] = (uint8_t)header->pid;
    packet[3] = (uint8_t)((unsigned)header->tsc << 6 | (field_needed ? 0x20u : 0u) |
                          (payload.size ? 0x10u : 0u) | header->cc);
    if (field_needed) {
        packet[4] = (uint8_t)(field_size - 1);
        if (field_size > 1) {
            packet[5] = 0;
            memset(packet + 6, STUFFING, field_size - 2);
            if (present)
                memcpy(packet + 5, bytes, field.at);
        }
    }
    if (payload.size)
        memcpy(packet + SIMC_TS_SIZE - payload.size, payload.data, payload.size);
    return 0;
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* A fingerprint of the payload, to tell a repeated packet from one that 15 lost ones precede. The
 * adaptation field stays outside, because a repeated PCR has a new value. Four lanes keep the
 * multiplier busy; equal bytes at equal places give equal results, nothing more is needed. */
static uint32_t fingerprint(const uint8_t *bytes, size_t size)
{
    static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t a = size, b = 1, c = 2, d = 3;
    for (; size >= 32; bytes += 32, size -= 32) {
        a = (a ^ load_u64(bytes)) * odd;
        b = (b ^ load_u64(bytes + 8)) * odd;
        c = (c ^ load_u64(bytes + 16)) * odd;
        d = (d ^ load_u64(bytes + 24)) * odd;
    }
    for (; size >= 8; bytes += 8, size -= 8) {
        uint64_t next = (a ^ load_u64(bytes)) * odd;
        a = b;
        b = next;
    }
    while (size-- > 0)
        c = (c ^ *bytes++) * odd;
    a = (a ^ a >> 32) * odd + (b ^ b >> 29);
    c = (c ^ c >> 32) * odd + (d ^ d >> 29);
    a = (a ^ (c << 32 | c >> 32)) * odd;
    return (uint32_t)(a >> 32);
}

enum simc_ts_order simc_ts_continuity_push(struct simc_ts_continuity *state, const uint8_t *packet)
{
    if (simc_ts_pid(packet) == SIMC_PID_NULL)
        return SIMC_TS_ORDER_GOOD;

    struct simc_slice payload = simc_ts_payload(packet);
    struct simc_ts_continuity before = *state;
    state->started = true;
    state->last = simc_ts_cc(packet);
    state->has_payload = payload.size > 0;
    state->repeated = false;
    state->fingerprint = fingerprint(payload.data, payload.size);

    if (!before.started)
        return SIMC_TS_ORDER_FIRST;
    if (SIMC_LIKELY(payload.size && state->last == ((before.last + 1) & 0xf)))
        return SIMC_TS_ORDER_GOOD;
    if (!payload.size && state->last == before.last) {
        /* No payload, no count: the packet before it may still be repeated behind it. */
        *state = before;
        return SIMC_TS_ORDER_GOOD;
    }
    if (payload.size && state->last == before.last && before.has_payload && !before.repeated &&
        state->fingerprint == before.fingerprint) {
        state->repeated = true;
        return SIMC_TS_ORDER_DUPLICATE;
    }
    return simc_ts_discontinuity(packet) ? SIMC_TS_ORDER_ANNOUNCED : SIMC_TS_ORDER_ERROR;
}
