/* SPDX-License-Identifier: BSL-1.0 */
/* Data of EMMG-MUX: what a datagram may be, the UDP form, and that the short way of reading a
 * data_provision and the rows of the decoder agree. Run by the unit test runner. */
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"
#include "unit/unit.h"

Suite *suite_emmg_data(void);

/* ---- datagrams ---- */

static const struct {
    uint8_t form;
    const char *hex;
    enum simc_datagram_fault fault;
    unsigned sections;
} datagrams[] = {
    {0, "", SIMC_DATAGRAM_EMPTY, 0},
    {1, "", SIMC_DATAGRAM_EMPTY, 0},
    {2, "", SIMC_DATAGRAM_EMPTY, 0},
    {0, "82", SIMC_DATAGRAM_SHORT, 0},
    {0, "8270", SIMC_DATAGRAM_SHORT, 0},
    {0, "827000", SIMC_DATAGRAM_NONE, 1},
    {0, "82700101", SIMC_DATAGRAM_NONE, 1},
    {0, "827001", SIMC_DATAGRAM_SECTION_LENGTH, 0},
    {0, "8270010102", SIMC_DATAGRAM_SECTION_LENGTH, 1},
    {0, "8270010182700201", SIMC_DATAGRAM_SECTION_LENGTH, 1},
    {0, "8270010183700102", SIMC_DATAGRAM_SEVERAL, 2},
    {0, "ff700101", SIMC_DATAGRAM_STUFFING, 0},
    {0, "82700101ff700102", SIMC_DATAGRAM_STUFFING, 1},
    {0, "82700101ff", SIMC_DATAGRAM_STUFFING, 1},
    {0, "827001018370010284700103", SIMC_DATAGRAM_SEVERAL, 3},
    {0, "827fff00", SIMC_DATAGRAM_SECTION_LENGTH, 0},
    {1, "47", SIMC_DATAGRAM_SIZE, 0},
    {2, "00", SIMC_DATAGRAM_NONE, 0},
    {7, "00", SIMC_DATAGRAM_NONE, 0},
};

static unsigned count_sections(struct simc_slice datagram)
{
    struct simc_slice section;
    unsigned count = 0;
    while (simc_datagram_next_section(&datagram, &section)) {
        ck_assert_uint_eq(simc_datagram_check(0, section), SIMC_DATAGRAM_NONE);
        count++;
    }
    return count;
}

START_TEST(datagrams_are_what_the_form_says)
{
    for (size_t i = 0; i < UNIT_COUNT(datagrams); i++) {
        struct unit_bytes bytes = unit_hex(datagrams[i].hex);
        uint8_t *copy = unit_exact(unit_slice(&bytes));
        struct simc_slice datagram = simc_slice(copy, bytes.size);
        ck_assert_msg(simc_datagram_check(datagrams[i].form, datagram) == datagrams[i].fault,
                      "%u %s: %s", datagrams[i].form, datagrams[i].hex,
                      simc_datagram_fault_text(simc_datagram_check(datagrams[i].form, datagram)));
        if (datagrams[i].form == 0)
            ck_assert_uint_eq(count_sections(datagram), datagrams[i].sections);
        free(copy);
    }
}
END_TEST

START_TEST(packets_are_whole_and_in_sync)
{
    uint8_t packets[188 * 7];
    memset(packets, 0, sizeof packets);
    for (size_t i = 0; i < 7; i++)
        packets[188 * i] = 0x47;
    for (size_t size = 1; size <= sizeof packets; size++) {
        enum simc_datagram_fault fault = simc_datagram_check(1, simc_slice(packets, size));
        ck_assert_uint_eq(fault, size % 188 ? SIMC_DATAGRAM_SIZE : SIMC_DATAGRAM_NONE);
    }
    packets[188 * 6] = 0x46;
    ck_assert_uint_eq(simc_datagram_check(1, simc_slice(packets, sizeof packets)),
                      SIMC_DATAGRAM_SYNC);
}
END_TEST

START_TEST(the_longest_section_has_4096_bytes)
{
    static uint8_t section[4099];
    for (size_t length = 4090; length < 4096; length++) {
        section[0] = 0x82;
        section[1] = (uint8_t)(0x70 | length >> 8);
        section[2] = (uint8_t)length;
        ck_assert_uint_eq(simc_datagram_check(0, simc_slice(section, length + 3)),
                          length <= 4093 ? SIMC_DATAGRAM_NONE : SIMC_DATAGRAM_SECTION_LENGTH);
    }
}
END_TEST

START_TEST(faults_have_words_and_statuses)
{
    for (unsigned i = 0; i < SIMC_DATAGRAM_FAULT_COUNT; i++) {
        enum simc_datagram_fault fault = (enum simc_datagram_fault)i;
        ck_assert_uint_gt(strlen(simc_datagram_fault_text(fault)), 5);
        ck_assert(i ? simc_datagram_fault_status(fault) != 0
                    : simc_datagram_fault_status(fault) == 0);
    }
    ck_assert_uint_eq(simc_datagram_fault_status(SIMC_DATAGRAM_SIZE),
                      SIMC_EMMG_STATUS_INCONSISTENT_LENGTH);
    ck_assert_ptr_nonnull(simc_datagram_fault_text((enum simc_datagram_fault)99));
    ck_assert_uint_eq(simc_datagram_fault_status((enum simc_datagram_fault)99), 0);
}
END_TEST

/* ---- UDP ---- */

#define CLIENT  "00 01 00 04  ab cd 00 01 "
#define DATA_ID "00 08 00 02  00 21 "
#define DATA    "00 05 00 08  82 70 05 11 22 33 44 55 "
#define UDP     "03 02 11 00 1a " CLIENT DATA_ID DATA

static const struct {
    const char *name, *hex;
    int lenient; /* messages that are read; -1: a fault at the first one, -2: at the second */
    int strict;
    enum simc_fault_kind kind;
} udp[] = {
    {"as it should be", UDP, 1, 1, SIMC_FAULT_NONE},
    {"with the ids of channel and stream",
     "02 02 11 00 26 00 03 00 02 00 01 00 04 00 02 00 01 " CLIENT DATA_ID DATA, 1, -1,
     SIMC_FAULT_PARAMETER_TYPE},
    {"with an unknown parameter", "05 02 11 00 1f 60 00 00 01 00 " CLIENT DATA_ID DATA, 1, -1,
     SIMC_FAULT_PARAMETER_TYPE},
    {"in another order", "03 02 11 00 26 " DATA DATA_ID DATA CLIENT, 1, 1, SIMC_FAULT_NONE},
    {"two messages", UDP UDP, 2, -1, SIMC_FAULT_FRAMING},
    {"a message and a part of one", UDP "03 02 11 00 1a " CLIENT, -2, -1, SIMC_FAULT_FRAMING},
    {"a message and one byte", UDP "03", -2, -1, SIMC_FAULT_FRAMING},
    {"cut", "03 02 11 00 1a " CLIENT DATA_ID "00 05 00 08  82", -1, -1, SIMC_FAULT_FRAMING},
    {"three bytes", "03 02 11", -1, -1, SIMC_FAULT_FRAMING},
    {"version 1", "01 02 11 00 14 " CLIENT DATA, -1, -1, SIMC_FAULT_VERSION},
    {"version 4", "04 02 11 00 1a " CLIENT DATA_ID DATA, -1, -1, SIMC_FAULT_VERSION},
    {"version 200", "c8 02 11 00 1a " CLIENT DATA_ID DATA, -1, -1, SIMC_FAULT_VERSION},
    {"a channel_setup", "03 00 11 00 13 " CLIENT "00 03 00 02 00 01 00 02 00 01 00", -1, -1,
     SIMC_FAULT_MESSAGE_TYPE},
    {"an unknown message", "03 01 20 00 00", -1, -1, SIMC_FAULT_MESSAGE_TYPE},
    {"a message of ECMG-SCS", "03 00 03 00 00", -1, -1, SIMC_FAULT_MESSAGE_TYPE},
    {"no data_id", "03 02 11 00 14 " CLIENT DATA, -1, -1, SIMC_FAULT_MISSING},
    {"no client_id", "03 02 11 00 12 " DATA_ID DATA, -1, -1, SIMC_FAULT_MISSING},
    {"no datagram", "03 02 11 00 0e " CLIENT DATA_ID, -1, -1, SIMC_FAULT_MISSING},
    {"two data_ids", "03 02 11 00 20 " CLIENT DATA_ID DATA_ID DATA, -1, -1, SIMC_FAULT_TOO_MANY},
    {"a client_id of two bytes", "03 02 11 00 18 00 01 00 02 ab cd " DATA_ID DATA, -1, -1,
     SIMC_FAULT_LENGTH},
};

static void read_udp(size_t row, bool is_strict)
{
    const struct simc_mux_udp_rules rules = {.is_strict = is_strict};
    struct unit_bytes bytes = unit_hex(udp[row].hex);
    uint8_t *copy = unit_exact(unit_slice(&bytes));
    struct simc_slice left = simc_slice(copy, bytes.size);
    struct simc_mux_udp_data data;
    struct simc_fault fault;
    int wanted = is_strict ? udp[row].strict : udp[row].lenient, count = 0, error;
    while ((error = simc_mux_udp_read(&rules, &left, &data, &fault)) == 0) {
        ck_assert_uint_eq(data.client_id, 0xabcd0001);
        ck_assert_uint_eq(data.data_id, 0x21);
        ck_assert_uint_eq(data.bytes, 8 * data.datagrams.count);
        struct simc_slice datagram;
        while (simc_values_next(&data.datagrams, &datagram) == 0)
            unit_expect_hex(datagram, "82 70 05 11 22 33 44 55");
        count++;
    }
    if (wanted < 0) {
        ck_assert_msg(error == SIMC_EPROTO && count == -wanted - 1 && fault.kind == udp[row].kind,
                      "%s: %s, %d read, %s", udp[row].name, simc_error_name(error), count,
                      simc_fault_kind_name(fault.kind));
        ck_assert_uint_eq(left.size, 0);
    } else {
        ck_assert_msg(error == SIMC_EEND && count == wanted, "%s: %s, %d read", udp[row].name,
                      simc_error_name(error), count);
    }
    free(copy);
}

START_TEST(udp_takes_data_and_nothing_else)
{
    for (size_t i = 0; i < UNIT_COUNT(udp); i++) {
        read_udp(i, false);
        read_udp(i, true);
    }
}
END_TEST

START_TEST(udp_has_limits)
{
    struct unit_bytes bytes = unit_hex(UDP);
    struct simc_slice left = unit_slice(&bytes);
    struct simc_mux_udp_data data;
    struct simc_fault fault;
    const struct simc_mux_udp_rules shorter = {.length_limit = 25}, enough = {.length_limit = 26},
                                    other = {.versions = 1u << 5}, none = {.versions = 1u << 1};
    ck_assert_int_eq(simc_mux_udp_read(&enough, &left, &data, NULL), 0);
    left = unit_slice(&bytes);
    unit_expect_error(simc_mux_udp_read(&shorter, &left, &data, &fault), SIMC_EPROTO);
    ck_assert_int_eq(fault.kind, SIMC_FAULT_TOO_LONG);
    left = unit_slice(&bytes);
    unit_expect_error(simc_mux_udp_read(&other, &left, &data, &fault), SIMC_EPROTO);
    ck_assert_int_eq(fault.kind, SIMC_FAULT_VERSION);
    left = unit_slice(&bytes);
    unit_expect_error(simc_mux_udp_read(&none, &left, &data, NULL), SIMC_EPROTO);
}
END_TEST

START_TEST(udp_is_written_byte_for_byte)
{
    static const uint8_t section[] = {0x82, 0x70, 0x05, 0x11, 0x22, 0x33, 0x44, 0x55};
    static uint8_t room[70000], large[65536];
    const struct simc_slice one = {section, sizeof section};
    struct simc_writer writer = simc_writer(room, sizeof room);
    ck_assert_int_eq(simc_emmg_udp_write(3, 0xabcd0001, 0x21, &one, 1, &writer), 0);
    unit_expect_hex(simc_slice(room, writer.at), UDP);
    ck_assert_uint_eq(simc_emmg_udp_size(&one, 1), writer.at);
    const uint8_t bad[] = {0, 1, 4, 6, 255};
    for (size_t i = 0; i < sizeof bad; i++) {
        writer = simc_writer(room, sizeof room);
        unit_expect_error(simc_emmg_udp_write(bad[i], 1, 1, &one, 1, &writer), SIMC_EINVAL);
    }
    writer = simc_writer(room, sizeof room);
    unit_expect_error(simc_emmg_udp_write(3, 1, 1, NULL, 0, &writer), SIMC_EINVAL);
    writer = simc_writer(room, 30);
    unit_expect_error(simc_emmg_udp_write(3, 1, 1, &one, 1, &writer), SIMC_ENOSPC);
    size_t most = SIMC_UDP_SIZE_MAX - simc_emmg_udp_size(&one, 1) + sizeof section;
    for (size_t i = 0; i < 2; i++) {
        const struct simc_slice whole = {large, most + i};
        writer = simc_writer(room, sizeof room);
        unit_expect_error(simc_emmg_udp_write(3, 1, 1, &whole, 1, &writer), i ? SIMC_ETOOLONG : 0);
    }
    ck_assert_uint_eq(writer.at, 0);
}
END_TEST

/* ---- the short way ---- */

/* What the short way takes, the decoder takes too, and finds the same in it. */
START_TEST(the_short_way_agrees_with_the_decoder)
{
    const struct simc_rules rules = {.interface = simc_interface_find(simc_slice_text("emmg")),
                                     .strict = true};
    struct unit_bytes whole =
        unit_hex("03 02 11 00 32 " CLIENT "00 03 00 02 00 01 00 04 00 02 00 02 " DATA_ID DATA DATA);
    struct unit_random random = unit_random(7);
    unsigned taken = 0, left = 0;
    for (unsigned i = 0; i < 300000; i++) {
        struct unit_bytes bytes = whole;
        unsigned changes = (unsigned)unit_random_below(&random, 4);
        for (unsigned k = 0; k < changes; k++)
            bytes.data[3 + unit_random_below(&random, bytes.size - 3)] =
                (uint8_t)unit_random_below(&random, unit_random_below(&random, 2) ? 256 : 10);
        uint8_t *copy = unit_exact(unit_slice(&bytes));
        struct simc_slice message = simc_slice(copy, bytes.size);
        struct simc__data_provision in;
        struct simc_msg msg;
        struct simc_fault fault;
        struct simc_emmg_data_provision out;
        int error = simc_msg_decode(&rules, message, &msg, &fault);
        bool is_whole = simc__data_provision_read(message, &in) && in.has_channel &&
                        in.has_stream && in.has_data_id;
        ck_assert_int_eq(is_whole, error == 0);
        if (is_whole) {
            ck_assert_int_eq(simc_emmg_data_provision_get(&msg, &out), 0);
            ck_assert_uint_eq(in.client_id, out.client_id);
            ck_assert_uint_eq(in.channel_id, out.data_channel_id);
            ck_assert_uint_eq(in.stream_id, out.data_stream_id);
            ck_assert_uint_eq(in.data_id, out.data_id);
            struct simc_values values = simc__data_provision_values(message, &in);
            struct simc_slice a, b;
            ck_assert_uint_eq(values.count, out.datagram.count);
            while (simc_values_next(&values, &a) == 0) {
                ck_assert_int_eq(simc_values_next(&out.datagram, &b), 0);
                ck_assert_ptr_eq(a.data, b.data);
                ck_assert_uint_eq(a.size, b.size);
            }
        }
        taken += is_whole;
        left += !is_whole;
        free(copy);
    }
    ck_assert_uint_gt(taken, 10000);
    ck_assert_uint_gt(left, 10000);
}
END_TEST

Suite *suite_emmg_data(void)
{
    Suite *suite = suite_create("emmg_data");
    TCase *tcase = tcase_create("data");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, datagrams_are_what_the_form_says);
    tcase_add_test(tcase, packets_are_whole_and_in_sync);
    tcase_add_test(tcase, the_longest_section_has_4096_bytes);
    tcase_add_test(tcase, faults_have_words_and_statuses);
    tcase_add_test(tcase, udp_takes_data_and_nothing_else);
    tcase_add_test(tcase, udp_has_limits);
    tcase_add_test(tcase, udp_is_written_byte_for_byte);
    tcase_add_test(tcase, the_short_way_agrees_with_the_decoder);
    suite_add_tcase(suite, tcase);
    return suite;
}
