/* SPDX-License-Identifier: BSL-1.0 */
/* Sections: what is packed is assembled again, loss costs exactly the sections that it touches, and
 * no length is believed. Also the CRC. Run by the unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/ts.h"
#include "ts/crc32.h"
#include "ts/crc32_powers.h"
#include "ts/crc32_table.h"
#include "unit/unit.h"

Suite *suite_ts_section(void);

static struct unit_random random_numbers = {99};

static uint32_t random_u32(void)
{
    return (uint32_t)unit_random_next(&random_numbers);
}

enum { SECTIONS_MAX = 64, PACKETS_MAX = 4096 };

static uint8_t memory[SECTIONS_MAX][SIMC_SECTION_SIZE_MAX];
static uint8_t packets[PACKETS_MAX * SIMC_TS_SIZE];

/* A section of `size` bytes, 3..4096; with a CRC when long_form, which needs 12 bytes. */
static struct simc_slice make_section(uint8_t *bytes, size_t size, bool long_form)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_u32();
    bytes[0] = (uint8_t)(0x80 + random_u32() % 0x10);
    bytes[1] = (uint8_t)((long_form ? 0xb0 : 0x70) | (size - 3) >> 8);
    bytes[2] = (uint8_t)(size - 3);
    if (long_form) {
        uint32_t crc = simc_crc32(simc_slice(bytes, size - 4));
        struct simc_writer writer = simc_writer(bytes + size - 4, 4);
        simc_writer_u32(&writer, crc);
    }
    return simc_slice(bytes, size);
}

static size_t random_size(void)
{
    switch (random_u32() % 4) {
    case 0:
        return 12 + random_u32() % 30;
    case 1:
        return 175 + random_u32() % 20;
    case 2:
        return 360 + random_u32() % 15;
    default:
        return 12 + random_u32() % 4085;
    }
}

static size_t make_sections(struct simc_slice *sections, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sections[i] = make_section(memory[i], random_size(), random_u32() % 2);
    return count;
}

static uint32_t bitwise_crc(uint32_t crc, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 0x80000000 ? crc << 1 ^ 0x04c11db7 : crc << 1;
    }
    return crc;
}

/* Both ways to compute it: what this processor takes, and the tables. */
static uint32_t (*const crc_ways[])(uint32_t crc, struct simc_slice bytes) = {simc_crc32_update,
                                                                              simc__crc32_tables};

/* Sections as others send them end with a right CRC, which makes 0 of the whole. */
START_TEST(crc_has_the_known_values)
{
    static const char *const good[] = {
        "00 b00d 0001 c10000 0001 f000 2ab104b2",
        "02 b017 0001 c10000 e100 f000 1b e100 f000 0f e101 f000 2f44b99b",
        "42f025 0001c10000 ff01ff 0001fc80 1448120106 46466d706567 09536572766963653031 777c43ca",
    };
    for (size_t way = 0; way < UNIT_COUNT(crc_ways); way++) {
        ck_assert_uint_eq(crc_ways[way](UINT32_MAX, simc_slice_text("123456789")), 0x0376e6e7);
        ck_assert_uint_eq(crc_ways[way](UINT32_MAX, simc_slice(NULL, 0)), UINT32_MAX);
        for (size_t i = 0; i < UNIT_COUNT(good); i++) {
            struct unit_bytes section = unit_hex(good[i]);
            ck_assert_uint_eq(crc_ways[way](UINT32_MAX, unit_slice(&section)), 0);
            section.data[i * 7 + 2] ^= 4;
            ck_assert_uint_ne(crc_ways[way](UINT32_MAX, unit_slice(&section)), 0);
        }
    }
    ck_assert_uint_eq(simc_crc32(simc_slice_text("123456789")), 0x0376e6e7);
}
END_TEST

START_TEST(crc_table_is_what_its_rule_says)
{
    for (unsigned k = 0; k < 8; k++) {
        for (unsigned b = 0; b < 256; b++) {
            uint8_t bytes[8] = {(uint8_t)b};
            ck_assert_uint_eq(crc32_table[k][b], bitwise_crc(0, bytes, k + 1));
        }
    }
}
END_TEST

/* x^n modulo the polynomial, for n of whole bytes from 32 on: the register after a 1 in the lowest
 * bit of a word, and zeros. */
static uint32_t power_of_x(size_t n)
{
    static const uint8_t bytes[4 + 16 * (CRC32_BLOCKS_MAX + 1)] = {0, 0, 0, 1};
    return bitwise_crc(0, bytes, 4 + (n - 32) / 8);
}

START_TEST(crc_powers_are_what_their_rule_says)
{
    ck_assert_uint_eq(crc32_polynomial, 0x104c11db7);
    ck_assert_uint_eq(crc32_power_64, power_of_x(64));
    for (size_t n = 0; n <= CRC32_BLOCKS_MAX; n++) {
        ck_assert_uint_eq(crc32_powers[n][0], power_of_x(128 * n + 32));
        ck_assert_uint_eq(crc32_powers[n][1], power_of_x(128 * n + 96));
    }
    /* The inverse times the polynomial, less x^64, is a remainder of less than 33 bits. */
    uint64_t low = 0, high = 0;
    for (unsigned bit = 0; bit <= 32; bit++) {
        if (crc32_inverse >> bit & 1) {
            low ^= crc32_polynomial << bit;
            high ^= bit ? crc32_polynomial >> (64 - bit) : 0;
        }
    }
    ck_assert_uint_eq(high, 1);
    ck_assert_uint_le(low, UINT32_MAX);
}
END_TEST

/* Every length up to some blocks, and random ones up to the longest section and beyond, at the end
 * of exact memory, so that a sanitizer sees one byte too many, and at any alignment. */
START_TEST(crc_is_the_same_in_every_way)
{
    static uint8_t source[2 * SIMC_SECTION_SIZE_MAX];
    unit_random_fill(&random_numbers, source, sizeof source);
    for (size_t round = 0; round < 3000; round++) {
        size_t size = round < 700 ? round : random_u32() % (round % 8 ? 1100 : 4097);
        struct simc_slice bytes = simc_slice(source + random_u32() % 64, size);
        uint32_t start = round % 2 ? UINT32_MAX : random_u32();
        uint32_t wanted = bitwise_crc(start, bytes.data, size);
        uint8_t *exact = unit_exact(bytes);
        for (size_t way = 0; way < UNIT_COUNT(crc_ways); way++) {
            ck_assert_uint_eq(crc_ways[way](start, bytes), wanted);
            ck_assert_uint_eq(crc_ways[way](start, simc_slice(exact, size)), wanted);
        }
        free(exact);
    }
}
END_TEST

START_TEST(crc_is_the_same_in_any_pieces)
{
    static uint8_t bytes[SIMC_SECTION_SIZE_MAX];
    unit_random_fill(&random_numbers, bytes, sizeof bytes);
    for (size_t round = 0; round < 1500; round++) {
        size_t size = round < 300 ? round : random_u32() % (sizeof bytes + 1), at = 0;
        uint32_t wanted = bitwise_crc(UINT32_MAX, bytes, size), crc = UINT32_MAX;
        while (at < size) {
            size_t most = round % 3 ? 40 : 1500, left = size - at;
            size_t piece = random_u32() % most;
            piece = piece < left ? piece : left;
            crc = simc_crc32_update(crc, simc_slice(bytes + at, piece));
            at += piece;
        }
        ck_assert_uint_eq(crc, wanted);
        ck_assert_uint_eq(simc_crc32(simc_slice(bytes, size)), wanted);
    }
}
END_TEST

/* Takes all sections that the assembler has, and checks them against the list from `*next` on;
 * sections of the list may be missing only where the caller allows it. */
static void take(struct simc_section_assembler *assembler, const struct simc_slice *sections,
                 size_t count, size_t *next, const bool *lost)
{
    struct simc_slice section;
    int error;
    while ((error = simc_section_assembler_next(assembler, &section)) != SIMC_EAGAIN) {
        ck_assert_int_eq(error, 0);
        while (*next < count && lost && lost[*next])
            ++*next;
        ck_assert_uint_lt(*next, count);
        ck_assert(simc_slice_equal(section, sections[*next]));
        ++*next;
    }
}

static size_t pack(const struct simc_slice *sections, size_t count, enum simc_section_layout layout)
{
    struct simc_writer out = simc_writer(packets, sizeof packets);
    uint8_t cc = 13;
    ck_assert_int_eq(simc_sections_pack(sections, count, layout, 0x123, &cc, &out), 0);
    ck_assert_uint_eq(cc, (13 + out.at / SIMC_TS_SIZE) & 0xf);
    return out.at / SIMC_TS_SIZE;
}

START_TEST(sections_go_through_packets_unchanged)
{
    struct simc_slice sections[SECTIONS_MAX];
    for (int round = 0; round < 400; round++) {
        size_t count = make_sections(sections, 1 + random_u32() % 20), next = 0;
        enum simc_section_layout layout = (enum simc_section_layout)(round % 2);
        size_t packet_count = pack(sections, count, layout);
        struct simc_section_assembler assembler;
        ck_assert_int_eq(simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX), 0);
        for (size_t i = 0; i < packet_count; i++) {
            simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
            take(&assembler, sections, count, &next, NULL);
            if (random_u32() % 4 == 0) { /* the permitted repetition is dropped */
                simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
                take(&assembler, sections, count, &next, NULL);
            }
        }
        ck_assert_uint_eq(next, count);
        ck_assert_uint_eq(assembler.sections, count);
        ck_assert_uint_eq(assembler.broken + assembler.crc_errors + assembler.bad_packets, 0);
        simc_section_assembler_fini(&assembler);
    }
}
END_TEST

/* Every size alone and in a pair: this crosses each border between packets. */
START_TEST(every_section_size_fits)
{
    struct simc_section_assembler assembler;
    ck_assert_int_eq(simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX), 0);
    for (size_t size = 3; size <= 600; size++) {
        for (unsigned layout = 0; layout < 2; layout++) {
            struct simc_slice pair[3] = {make_section(memory[0], size, false),
                                         make_section(memory[1], 3 + random_u32() % 190, false),
                                         make_section(memory[2], 20, true)};
            size_t next = 0, packet_count = pack(pair, 3, (enum simc_section_layout)layout);
            simc_section_assembler_reset(&assembler);
            for (size_t i = 0; i < packet_count; i++) {
                simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
                take(&assembler, pair, 3, &next, NULL);
            }
            ck_assert_uint_eq(next, 3);
            ck_assert_uint_le(packet_count, 3 + (size + 400) / 184);
        }
    }
    ck_assert_uint_eq(assembler.broken, 0);
    simc_section_assembler_fini(&assembler);
}
END_TEST

/* Lays sections into packets at any split, header splits included, with a note of which packets
 * carry which section. */
static size_t lay_anyhow(const struct simc_slice *sections, size_t count, size_t first[],
                         size_t last[])
{
    size_t packet = 0, index = 0, offset = 0;
    while (index < count) {
        uint8_t *p = packets + packet * SIMC_TS_SIZE;
        size_t size = 10 + random_u32() % 175; /* of the payload */
        bool begins = offset == 0 || sections[index].size - offset < size - 1;
        begins = begins && (offset == 0 || index + 1 < count);
        struct simc_ts_header header = {.pid = 0x123, .cc = packet & 0xf, .unit_start = begins};
        uint8_t payload[SIMC_TS_PAYLOAD_MAX];
        size_t at = 0;
        bool started = false;
        if (begins)
            payload[at++] = (uint8_t)(offset ? sections[index].size - offset : 0);
        for (; at < size && index < count; at++) {
            if (offset == 0 && !begins)
                break;
            if (offset == 0) {
                first[index] = packet;
                started = true;
            }
            last[index] = packet;
            payload[at] = sections[index].data[offset++];
            if (offset == sections[index].size) {
                index++;
                offset = 0;
                if ((started || !begins) && random_u32() % 8 == 0) {
                    at++;
                    break;
                }
            }
        }
        /* Without an adaptation field the rest of the payload must be stuffing. */
        if (random_u32() % 2) {
            memset(payload + at, 0xff, sizeof payload - at);
            at = offset ? at : sizeof payload;
        }
        ck_assert_int_eq(simc_ts_write(p, &header, NULL, simc_slice(payload, at)), 0);
        packet++;
    }
    return packet;
}

START_TEST(any_split_is_put_together)
{
    struct simc_slice sections[SECTIONS_MAX];
    size_t first[SECTIONS_MAX], last[SECTIONS_MAX];
    struct simc_section_assembler assembler;
    ck_assert_int_eq(simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX), 0);
    for (int round = 0; round < 500; round++) {
        size_t count = 2 + random_u32() % 30, next = 0;
        for (size_t i = 0; i < count; i++)
            sections[i] = make_section(memory[i], 3 + random_u32() % (i % 3 ? 40 : 900), false);
        size_t packet_count = lay_anyhow(sections, count, first, last);
        simc_section_assembler_reset(&assembler);
        for (size_t i = 0; i < packet_count; i++) {
            simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
            take(&assembler, sections, count, &next, NULL);
        }
        ck_assert_uint_eq(next, count);
    }
    ck_assert_uint_eq(assembler.broken + assembler.bad_packets, 0);
    simc_section_assembler_fini(&assembler);
}
END_TEST

/* Drops packets (never 16 in a row, which no counter shows), and expects exactly the sections that
 * lie wholly in packets that arrived, and in whose first packet nothing hides their start. */
START_TEST(loss_costs_exactly_what_it_touches)
{
    struct simc_slice sections[SECTIONS_MAX];
    size_t first[SECTIONS_MAX], last[SECTIONS_MAX];
    struct simc_section_assembler assembler;
    ck_assert_int_eq(simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX), 0);
    for (int round = 0; round < 500; round++) {
        size_t count = 2 + random_u32() % 30, next = 0, dropped = 0;
        for (size_t i = 0; i < count; i++)
            sections[i] = make_section(memory[i], 3 + random_u32() % (i % 3 ? 40 : 900), false);
        size_t packet_count = lay_anyhow(sections, count, first, last);
        bool lost_packet[PACKETS_MAX] = {false}, lost[SECTIONS_MAX];
        for (size_t i = 0; i < packet_count; i++) {
            dropped = random_u32() % 6 == 0 && dropped < 15 ? dropped + 1 : 0;
            lost_packet[i] = dropped > 0;
        }
        for (size_t i = 0; i < count; i++) {
            lost[i] = false;
            for (size_t k = first[i]; k <= last[i]; k++)
                lost[i] = lost[i] || lost_packet[k];
        }
        simc_section_assembler_reset(&assembler);
        for (size_t i = 0; i < packet_count; i++) {
            if (lost_packet[i])
                continue;
            simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
            take(&assembler, sections, count, &next, lost);
        }
        while (next < count && lost[next])
            next++;
        ck_assert_uint_eq(next, count);
    }
    simc_section_assembler_fini(&assembler);
}
END_TEST

START_TEST(crc_errors_are_told_and_passed_over)
{
    struct simc_section_assembler assembler;
    struct simc_slice section,
        pair[2] = {make_section(memory[0], 300, true), make_section(memory[1], 40, true)};
    memory[0][200] ^= 1;
    ck_assert_int_eq(simc_section_assembler_init(&assembler, SIMC_SECTION_SIZE_MAX), 0);
    size_t count = pack(pair, 2, SIMC_SECTIONS_JOINED);
    ck_assert_uint_eq(count, 2);
    simc_section_assembler_push(&assembler, packets);
    ck_assert_int_eq(simc_section_assembler_next(&assembler, &section), SIMC_EAGAIN);
    simc_section_assembler_push(&assembler, packets + SIMC_TS_SIZE);
    ck_assert_int_eq(simc_section_assembler_next(&assembler, &section), SIMC_EPROTO);
    ck_assert_uint_eq(section.size, 300);
    ck_assert_int_eq(simc_section_assembler_next(&assembler, &section), 0);
    ck_assert(simc_slice_equal(section, pair[1]));
    ck_assert_uint_eq(assembler.crc_errors, 1);
    assembler.no_crc = true;
    simc_section_assembler_reset(&assembler);
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
        take(&assembler, pair, 2, &next, NULL);
    }
    ck_assert_uint_eq(next, 2);
    simc_section_assembler_fini(&assembler);
}
END_TEST

START_TEST(sections_over_the_limit_are_counted_not_stored)
{
    struct simc_section_assembler assembler;
    struct simc_slice section,
        three[3] = {make_section(memory[0], 101, false), make_section(memory[1], 100, false),
                    make_section(memory[2], 4096, false)};
    ck_assert_int_eq(simc_section_assembler_init(&assembler, 100), 0);
    size_t count = pack(three, 3, SIMC_SECTIONS_JOINED), found = 0;
    for (size_t i = 0; i < count; i++) {
        simc_section_assembler_push(&assembler, packets + i * SIMC_TS_SIZE);
        while (simc_section_assembler_next(&assembler, &section) == 0) {
            ck_assert(simc_slice_equal(section, three[1]));
            found++;
        }
    }
    ck_assert_uint_eq(found, 1);
    ck_assert_uint_eq(assembler.too_long, 2);
    simc_section_assembler_fini(&assembler);
    ck_assert_int_eq(simc_section_assembler_init(&assembler, 2), SIMC_EINVAL);
    ck_assert_int_eq(simc_section_assembler_init(&assembler, 4097), SIMC_EINVAL);
}
END_TEST

/* Random payloads, pointers and flags: nothing may go wrong, whatever comes out. */
START_TEST(hostile_packets_do_no_harm)
{
    struct simc_section_assembler assembler;
    struct simc_slice section;
    ck_assert_int_eq(simc_section_assembler_init(&assembler, 1024), 0);
    for (int i = 0; i < 200000; i++) {
        uint8_t packet[SIMC_TS_SIZE];
        for (size_t k = 0; k < sizeof packet; k++)
            packet[k] = (uint8_t)random_u32();
        packet[0] = SIMC_TS_SYNC;
        packet[3] = (uint8_t)((packet[3] & 0x30) | (i & 0xf));
        if (i % 3)
            packet[1] &= 0x7f, packet[3] = (uint8_t)(0x10 | (i & 0xf));
        if (i % 5 == 0)
            packet[4] &= 0x1f;
        simc_section_assembler_push(&assembler, packet);
        int error;
        while ((error = simc_section_assembler_next(&assembler, &section)) != SIMC_EAGAIN) {
            ck_assert_uint_ge(section.size, 3);
            ck_assert_uint_le(section.size, 1024);
            ck_assert_uint_eq(section.size, 3 + ((section.data[1] & 0xfu) << 8 | section.data[2]));
        }
    }
    ck_assert_uint_gt(assembler.sections, 0);
    ck_assert_uint_gt(assembler.bad_packets, 0);
    simc_section_assembler_fini(&assembler);
}
END_TEST

START_TEST(packing_refuses_wrong_sections)
{
    uint8_t cc = 3;
    struct simc_slice section = make_section(memory[0], 50, false);
    struct simc_writer out = simc_writer(packets, sizeof packets);
    ck_assert_int_eq(simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, 0x2000, &cc, &out),
                     SIMC_EINVAL);
    section.size = 49;
    ck_assert_int_eq(simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, 1, &cc, &out),
                     SIMC_EINVAL);
    section.size = 2;
    ck_assert_int_eq(simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, 1, &cc, &out),
                     SIMC_EINVAL);
    section.size = 50;
    struct simc_writer small = simc_writer(packets, SIMC_TS_SIZE - 1);
    ck_assert_int_eq(simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, 1, &cc, &small),
                     SIMC_ENOSPC);
    ck_assert_uint_eq(small.at, SIMC_TS_SIZE);
    ck_assert_uint_eq(cc, 3);
    ck_assert_uint_eq(out.at, 0);
}
END_TEST

Suite *suite_ts_section(void)
{
    Suite *suite = suite_create("ts section");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, crc_has_the_known_values);
    tcase_add_test(tests, crc_table_is_what_its_rule_says);
    tcase_add_test(tests, crc_powers_are_what_their_rule_says);
    tcase_add_test(tests, crc_is_the_same_in_every_way);
    tcase_add_test(tests, crc_is_the_same_in_any_pieces);
    tcase_add_test(tests, sections_go_through_packets_unchanged);
    tcase_add_test(tests, every_section_size_fits);
    tcase_add_test(tests, any_split_is_put_together);
    tcase_add_test(tests, loss_costs_exactly_what_it_touches);
    tcase_add_test(tests, crc_errors_are_told_and_passed_over);
    tcase_add_test(tests, sections_over_the_limit_are_counted_not_stored);
    tcase_add_test(tests, hostile_packets_do_no_harm);
    tcase_add_test(tests, packing_refuses_wrong_sections);
    suite_add_tcase(suite, tests);
    return suite;
}
