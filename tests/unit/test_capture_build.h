/* SPDX-License-Identifier: BSL-1.0 */
/* Packets for the capture tests: headers written one after another, and events as text. The two
 * suites of lib/capture include this. */
#ifndef TEST_CAPTURE_BUILD_H
#define TEST_CAPTURE_BUILD_H

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capture/capture.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum {
    BUILD_PORT_A = 1000,
    BUILD_PORT_B = 2222,
    BUILD_UDP = 17,
    BUILD_TCP = 6,
    BUILD_FIN = 1,
    BUILD_SYN = 2,
    BUILD_RST = 4,
    BUILD_ACK = 16,
};

/** Addresses 10.0.0.1 and fd00::1 for side 0, ...2 for side 1. */
static inline void build_address(struct simc_writer *out, unsigned family, unsigned side)
{
    static const uint8_t four[] = {10, 0, 0}, six[15] = {0xfd};
    simc_writer_slice(out, family == 4 ? simc_slice(four, 3) : simc_slice(six, 15));
    simc_writer_u8(out, (uint8_t)(side + 1));
}

/** An IPv4 header without options. @param fragment the flags and offset field. */
static inline void build_ipv4(struct simc_writer *out, unsigned side, uint8_t protocol,
                              uint16_t fragment, size_t payload_size)
{
    simc_writer_u16(out, 0x4500);
    simc_writer_u16(out, (uint16_t)(20 + payload_size));
    simc_writer_u16(out, 7); /* identification */
    simc_writer_u16(out, fragment);
    simc_writer_u16(out, (uint16_t)(0x4000 | protocol));
    simc_writer_u16(out, 0); /* checksum */
    build_address(out, 4, side);
    build_address(out, 4, !side);
}

static inline void build_ipv6(struct simc_writer *out, unsigned side, uint8_t protocol,
                              size_t payload_size)
{
    simc_writer_u32(out, 0x60000000);
    simc_writer_u16(out, (uint16_t)payload_size);
    simc_writer_u8(out, protocol);
    simc_writer_u8(out, 64);
    build_address(out, 6, side);
    build_address(out, 6, !side);
}

static inline void build_ports(struct simc_writer *out, unsigned side)
{
    simc_writer_u16(out, side ? BUILD_PORT_B : BUILD_PORT_A);
    simc_writer_u16(out, side ? BUILD_PORT_A : BUILD_PORT_B);
}

static inline void build_udp(struct simc_writer *out, unsigned side, const char *payload)
{
    size_t size = strlen(payload);
    build_ports(out, side);
    simc_writer_u16(out, (uint16_t)(8 + size));
    simc_writer_u16(out, 0);
    simc_writer_slice(out, simc_slice(payload, size));
}

/** @param options bytes of options, a multiple of 4. */
static inline void build_tcp(struct simc_writer *out, unsigned side, uint32_t seq, uint32_t ack,
                             unsigned flags, size_t options)
{
    build_ports(out, side);
    simc_writer_u32(out, seq);
    simc_writer_u32(out, ack);
    simc_writer_u8(out, (uint8_t)((5 + options / 4) << 4));
    simc_writer_u8(out, (uint8_t)flags);
    simc_writer_u16(out, 65535);
    simc_writer_u32(out, 0);
    for (size_t i = 0; i < options; i++)
        simc_writer_u8(out, 1); /* no operation */
}

/** Appends bytes given as hex. */
static inline void build_hex(struct simc_writer *out, const char *hex)
{
    size_t size;
    uint8_t *room = out->data + out->at;
    ck_assert_int_eq(
        simc_hex_read(simc_slice_text(hex), room, out->capacity - out->at, &size, NULL), 0);
    out->at += size;
}

/* Packets as hex: addresses, a UDP datagram "abc" from A to B, IP headers. */
#define FROM_TO_4                      "0a000001 0a000002 "
#define NET_6                          "fd0000000000000000000000000000"
#define FROM_TO_6                      NET_6 "01" NET_6 "02"
#define UDP_ABC                        "03e8 08ae 000b 0000 616263 "
#define V4(length, fragment, protocol) "4500" length "0007" fragment "40" protocol "0000" FROM_TO_4
#define V6(length, next)               "60000000" length next "40" FROM_TO_6

/** Ceilings for tests that make many followers. */
static const struct simc__capture_limits build_small = {.connections_max = 16, .fragments_max = 16};

/* ---- events as text ---- */

struct build_text {
    char text[8192];
    size_t size;
};

static inline void build_print(struct build_text *out, const char *format, ...) SIMC_PRINTF(2, 3);
static inline void build_print(struct build_text *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out->text + out->size, sizeof out->text - out->size, format, arguments);
    va_end(arguments);
    ck_assert_int_ge(size, 0);
    out->size += (size_t)size;
    ck_assert_uint_lt(out->size, sizeof out->text);
}

static inline char build_side(const struct simc__capture_endpoint *endpoint)
{
    return endpoint->port == BUILD_PORT_A ? 'A' : endpoint->port == BUILD_PORT_B ? 'B' : '?';
}

/**
 * One event: `0 open syn A`, `0 A@3=def` (with `#2>4` when packet 4 released the bytes of packet
 * 2), `0 A@6 gap 10 acked`, `0 A@16 close fin`, `datagram A=xyz` (`/9` behind it: cut, 9 on the
 * wire). Connection 0, offset 3.
 */
static inline void build_event(struct build_text *out, const struct simc__capture_event *event)
{
    if (event->kind == SIMC__CAPTURE_DATAGRAM) {
        build_print(out, "datagram %c=%.*s", build_side(&event->from), (int)event->bytes.size,
                    (const char *)event->bytes.data);
        if (event->cut)
            build_print(out, "/%" PRIu64, event->size);
        else
            ck_assert_uint_eq(event->size, event->bytes.size);
        build_print(out, "; ");
        return;
    }
    build_print(out, "%" PRIu32 " ", event->connection);
    if (event->kind == SIMC__CAPTURE_OPEN) {
        build_print(out, "open %s %c; ", simc__capture_cause_word(event->cause),
                    build_side(&event->from));
        return;
    }
    build_print(out, "%c@%" PRIu64, build_side(&event->from), event->offset);
    if (event->kind == SIMC__CAPTURE_DATA)
        build_print(out, "=%.*s", (int)event->bytes.size, (const char *)event->bytes.data);
    else
        build_print(out, " %s", simc__capture_kind_word(event->kind));
    if (event->kind == SIMC__CAPTURE_GAP)
        build_print(out, " %" PRIu64, event->size);
    if (event->kind != SIMC__CAPTURE_DATA)
        build_print(out, " %s", simc__capture_cause_word(event->cause));
    if (event->packet != event->ready_packet)
        build_print(out, "#%" PRIu64 ">%" PRIu64, event->packet, event->ready_packet);
    build_print(out, "; ");
}

/** Pulls all events. @return what ended the pull. */
static inline int build_pull(struct simc__capture *capture, struct build_text *out)
{
    struct simc__capture_event event;
    int error;
    while ((error = simc__capture_next(capture, &event)) == 0)
        build_event(out, &event);
    return error;
}

/** Checks `name=value name=value`. */
static inline void build_stats_check(const struct simc__capture_stats *stats, const char *wanted,
                                     const char *row)
{
    while (*wanted) {
        char name[40];
        unsigned value;
        int size = 0;
        ck_assert_msg(sscanf(wanted, " %39[a-z_]=%u%n", name, &value, &size) == 2, "%s: %s", row,
                      wanted);
        uint64_t found = UINT64_MAX;
#define STAT_FIND(stat, text)     \
    if (strcmp(name, #stat) == 0) \
        found = stats->stat;
        SIMC__CAPTURE_STAT_ROWS(STAT_FIND)
#undef STAT_FIND
        ck_assert_msg(found == value, "%s: stat %s is %" PRIu64 ", wanted %u", row, name, found,
                      value);
        wanted += size;
        wanted += strspn(wanted, " ");
    }
}

#endif
