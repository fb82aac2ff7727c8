/* SPDX-License-Identifier: BSL-1.0 */
/* The scrambler object: which packets it changes, what it says about the others, and how it takes,
 * refuses and forgets keys. Run by the unit test runner. */
#include <check.h>
#include <string.h>

#include "simulcrypt/scramble.h"
#include "unit/unit.h"

Suite *suite_scramble(void);

enum { PACKET = SIMC_SCRAMBLE_PACKET_SIZE };

static const char missing_library[] = "libdvbcsa-of-nobody.so.1";

static struct simc_secret cw_make(size_t size, uint8_t seed)
{
    uint8_t bytes[SIMC_SECRET_SIZE_MAX];
    struct simc_secret cw;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + 7 * i);
    ck_assert_int_eq(simc_secret_set(&cw, simc_slice(bytes, size)), 0);
    return cw;
}

static struct simc_scrambler *make(const struct simc_scrambler_config *config)
{
    struct simc_scrambler *scrambler = NULL;
    unit_expect_error(simc_scrambler_new(config, &scrambler), 0);
    ck_assert_ptr_nonnull(scrambler);
    return scrambler;
}

/* A packet with this third header byte and adaptation_field_length, counting payload. */
static void packet_make(uint8_t packet[PACKET], uint8_t sync, uint8_t control, uint8_t length)
{
    for (unsigned i = 0; i < PACKET; i++)
        packet[i] = (uint8_t)i;
    packet[0] = sync;
    packet[1] = 0x01;
    packet[2] = 0x00;
    packet[3] = control;
    if (control & 0x20)
        packet[4] = length;
}

/* ---- what happens to a packet ---- */

static const struct packet_row {
    const char *what;
    bool descramble;
    uint8_t sync, control, length, slot, parity;
    enum simc_scramble_result result;
    int tsc; /* afterwards; -1: the packet is unchanged to the last bit */
} packet_rows[] = {
    {"full payload, even", false, 0x47, 0x15, 0, 0, 0, SIMC_SCRAMBLE_DONE, 2},
    {"full payload, odd", false, 0x47, 0x15, 0, 0, 1, SIMC_SCRAMBLE_DONE, 3},
    {"only the low bit of parity counts", false, 0x47, 0x15, 0, 0, 0xfe, SIMC_SCRAMBLE_DONE, 2},
    {"adaptation field of one byte", false, 0x47, 0x35, 0, 0, 0, SIMC_SCRAMBLE_DONE, 2},
    {"one block of payload", false, 0x47, 0x35, 167, 0, 0, SIMC_SCRAMBLE_DONE, 2},
    {"one byte less", false, 0x47, 0x35, 168, 0, 0, SIMC_SCRAMBLE_SHORT, -1},
    {"one byte of payload", false, 0x47, 0x35, 182, 0, 0, SIMC_SCRAMBLE_SHORT, -1},
    {"no payload", false, 0x47, 0x25, 183, 0, 0, SIMC_SCRAMBLE_NO_PAYLOAD, -1},
    {"scrambled even already", false, 0x47, 0x95, 0, 0, 0, SIMC_SCRAMBLE_SKIPPED, -1},
    {"scrambled odd already", false, 0x47, 0xd5, 0, 0, 0, SIMC_SCRAMBLE_SKIPPED, -1},
    {"reserved TSC is no 00", false, 0x47, 0x55, 0, 0, 0, SIMC_SCRAMBLE_SKIPPED, -1},
    {"slot without this key", false, 0x47, 0x15, 0, 1, 1, SIMC_SCRAMBLE_NO_KEY, -1},
    {"slot behind the last", false, 0x47, 0x15, 0, 2, 0, SIMC_SCRAMBLE_NO_KEY, -1},
    {"slot far away", false, 0x47, 0x15, 0, 255, 0, SIMC_SCRAMBLE_NO_KEY, -1},
    {"no sync byte", false, 0x46, 0x15, 0, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},
    {"reserved adaptation_field_control", false, 0x47, 0x05, 0, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},
    {"adaptation field leaves no payload", false, 0x47, 0x35, 183, 0, 0, SIMC_SCRAMBLE_MALFORMED,
     -1},
    {"adaptation field leaves the packet", false, 0x47, 0x35, 184, 0, 0, SIMC_SCRAMBLE_MALFORMED,
     -1},
    {"adaptation field of 255", false, 0x47, 0x35, 255, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},
    {"adaptation field alone, short", false, 0x47, 0x25, 182, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},
    {"adaptation field alone, long", false, 0x47, 0x25, 184, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},

    {"even", true, 0x47, 0x95, 0, 0, 0, SIMC_SCRAMBLE_DONE, 0},
    {"odd, whatever the job says", true, 0x47, 0xd5, 0, 0, 0, SIMC_SCRAMBLE_DONE, 0},
    {"even with adaptation field", true, 0x47, 0xb5, 20, 0, 1, SIMC_SCRAMBLE_DONE, 0},
    {"clear packet", true, 0x47, 0x15, 0, 0, 0, SIMC_SCRAMBLE_SKIPPED, -1},
    {"clear packet without payload", true, 0x47, 0x25, 183, 0, 0, SIMC_SCRAMBLE_SKIPPED, -1},
    {"reserved TSC", true, 0x47, 0x55, 0, 0, 0, SIMC_SCRAMBLE_RESERVED, -1},
    {"short with TSC even", true, 0x47, 0xb5, 168, 0, 0, SIMC_SCRAMBLE_SHORT, 0},
    {"short with TSC odd", true, 0x47, 0xf5, 182, 0, 0, SIMC_SCRAMBLE_SHORT, 0},
    {"no payload with TSC even", true, 0x47, 0xa5, 183, 0, 0, SIMC_SCRAMBLE_NO_PAYLOAD, 0},
    {"no key of this parity", true, 0x47, 0xd5, 0, 1, 0, SIMC_SCRAMBLE_NO_KEY, -1},
    {"slot behind the last", true, 0x47, 0x95, 0, 2, 0, SIMC_SCRAMBLE_NO_KEY, -1},
    {"no sync byte", true, 0xb8, 0x95, 0, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},
    {"reserved adaptation_field_control", true, 0x47, 0x85, 0, 0, 0, SIMC_SCRAMBLE_MALFORMED, -1},
    {"adaptation field leaves the packet", true, 0x47, 0xb5, 200, 0, 0, SIMC_SCRAMBLE_MALFORMED,
     -1},
};

/* Slot 0 has both keys of CISSA, slot 1 the even one only; there is no slot 2. */
static struct simc_scrambler *make_with_keys(enum simc_short_tsc short_tsc)
{
    struct simc_scrambler_config config = {.slot_count = 2, .short_tsc = short_tsc};
    struct simc_scrambler *scrambler = make(&config);
    struct simc_secret cw = cw_make(16, 1);
    for (uint32_t slot = 0; slot < 2; slot++)
        unit_expect_error(
            simc_scrambler_key_set(scrambler, slot, SIMC_PARITY_EVEN, SIMC_SCRAMBLING_CISSA, &cw),
            0);
    unit_expect_error(
        simc_scrambler_key_set(scrambler, 0, SIMC_PARITY_ODD, SIMC_SCRAMBLING_CISSA, &cw), 0);
    return scrambler;
}

START_TEST(each_packet_gets_the_result_of_its_row)
{
    const struct packet_row *row = &packet_rows[_i];
    struct simc_scrambler *scrambler = make_with_keys(SIMC_SHORT_TSC_CLEAR);
    uint8_t packet[PACKET], before[PACKET];
    packet_make(packet, row->sync, row->control, row->length);
    memcpy(before, packet, PACKET);
    struct simc_scramble_job job = {packet, row->slot, row->parity, 0xff};
    unit_expect_error((row->descramble ? simc_descramble : simc_scramble)(scrambler, &job, 1), 0);
    ck_assert_msg(job.result == row->result, "%s: %s instead of %s", row->what,
                  simc_scramble_result_name(job.result), simc_scramble_result_name(row->result));
    const struct simc_scramble_stats *stats = simc_scrambler_stats(scrambler);
    for (size_t i = 0; i < SIMC_SCRAMBLE_RESULT_COUNT; i++)
        ck_assert_msg(stats->packets[i] == (i == row->result), "%s: counter %zu", row->what, i);
    if (row->tsc >= 0) {
        ck_assert_msg(packet[3] >> 6 == row->tsc, "%s: TSC %d", row->what, packet[3] >> 6);
        before[3] = packet[3];
    }
    bool is_changed = memcmp(packet, before, PACKET) != 0;
    ck_assert_msg(is_changed == (row->result == SIMC_SCRAMBLE_DONE), "%s: bytes", row->what);
    ck_assert_msg(((packet[3] ^ row->control) & 0x3f) == 0, "%s: header", row->what);
    simc_scrambler_free(scrambler);
}
END_TEST

START_TEST(short_payloads_carry_the_parity_when_asked_for)
{
    struct simc_scrambler *scrambler = make_with_keys(SIMC_SHORT_TSC_KEEP_PARITY);
    for (unsigned parity = 0; parity < 2; parity++) {
        uint8_t packet[PACKET], before[PACKET];
        packet_make(packet, 0x47, 0x35, 175);
        memcpy(before, packet, PACKET);
        struct simc_scramble_job job = {packet, 0, (uint8_t)parity, 0};
        unit_expect_error(simc_scramble(scrambler, &job, 1), 0);
        ck_assert_int_eq(job.result, SIMC_SCRAMBLE_SHORT);
        ck_assert_uint_eq(packet[3] >> 6, 2 + parity);
        before[3] = packet[3];
        ck_assert_mem_eq(packet, before, PACKET);
        unit_expect_error(simc_descramble(scrambler, &job, 1), 0);
        ck_assert_uint_eq(packet[3], 0x35);
    }
    simc_scrambler_free(scrambler);
}
END_TEST

START_TEST(a_packet_named_twice_is_scrambled_once)
{
    struct simc_scrambler *scrambler = make_with_keys(SIMC_SHORT_TSC_CLEAR);
    uint8_t packet[PACKET], once[PACKET];
    packet_make(packet, 0x47, 0x15, 0);
    memcpy(once, packet, PACKET);
    struct simc_scramble_job jobs[2] = {{packet, 0, 0, 0}, {packet, 0, 0, 0}};
    struct simc_scramble_job job = {once, 0, 0, 0};
    unit_expect_error(simc_scramble(scrambler, jobs, 2), 0);
    unit_expect_error(simc_scramble(scrambler, &job, 1), 0);
    ck_assert_int_eq(jobs[0].result, SIMC_SCRAMBLE_DONE);
    ck_assert_int_eq(jobs[1].result, SIMC_SCRAMBLE_SKIPPED);
    ck_assert_mem_eq(packet, once, PACKET);
    simc_scrambler_free(scrambler);
}
END_TEST

/* ---- rows ---- */

START_TEST(every_algorithm_is_found_by_its_name_and_mode)
{
    for (size_t i = 0; i < SIMC_SCRAMBLING_COUNT; i++) {
        const struct simc_scrambling_info *info = simc_scrambling_info((enum simc_scrambling)i);
        ck_assert_uint_eq(info->algorithm, i);
        ck_assert_ptr_eq(simc_scrambling_by_name(info->name), info);
        if (info->mode >= 0)
            ck_assert_ptr_eq(simc_scrambling_by_mode((uint8_t)info->mode), info);
        ck_assert_ptr_nonnull(simc_scramble_engine_name(info->algorithm, 0));
        ck_assert_ptr_null(simc_scramble_engine_name(info->algorithm, 99));
    }
    ck_assert_ptr_null(simc_scrambling_info(SIMC_SCRAMBLING_COUNT));
    ck_assert_ptr_null(simc_scrambling_by_name("csa3"));
    ck_assert_ptr_null(simc_scrambling_by_mode(0x03));
    ck_assert_ptr_null(simc_scrambling_by_mode(0xff));
    ck_assert_ptr_null(simc_scramble_engine_name(SIMC_SCRAMBLING_COUNT, 0));
    ck_assert_str_eq(simc_scramble_result_name(SIMC_SCRAMBLE_NO_KEY), "no_key");
    ck_assert_str_eq(simc_scramble_result_name(SIMC_SCRAMBLE_RESULT_COUNT), "?");
}
END_TEST

/* ---- keys ---- */

START_TEST(a_scrambler_is_refused_for_a_reason)
{
    static const struct {
        struct simc_scrambler_config config;
        int error;
    } rows[] = {
        {{.slot_count = 0}, SIMC_EINVAL},
        {{.slot_count = SIMC_SCRAMBLE_SLOTS_MAX + 1}, SIMC_EINVAL},
        {{.slot_count = 1, .short_tsc = (enum simc_short_tsc)9}, SIMC_EINVAL},
        {{.slot_count = 1, .csa1_checksum = (enum simc_csa1_checksum)9}, SIMC_EINVAL},
        {{.slot_count = 1, .aes_engine = "fastest"}, SIMC_ENOTFOUND},
        {{.slot_count = 1, .aes_engine = "dvbcsa"}, SIMC_ENOTFOUND},
        {{.slot_count = 1, .csa_engine = "evp"}, SIMC_ENOTFOUND},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        int anything = 0;
        struct simc_scrambler *scrambler = (struct simc_scrambler *)(void *)&anything;
        unit_expect_error(simc_scrambler_new(&rows[i].config, &scrambler), rows[i].error);
        ck_assert_ptr_null(scrambler);
    }
    simc_scrambler_free(NULL);
}
END_TEST

START_TEST(a_key_is_refused_for_a_reason)
{
    static const struct {
        uint32_t slot;
        int parity;
        int algorithm;
        size_t cw_size;
        int error;
    } rows[] = {
        {0, 0, SIMC_SCRAMBLING_CISSA, 16, 0},
        {0, 0, SIMC_SCRAMBLING_CISSA, 8, SIMC_EINVAL},
        {0, 0, SIMC_SCRAMBLING_CISSA, 0, SIMC_EINVAL},
        {0, 0, SIMC_SCRAMBLING_IDSA, 17, SIMC_EINVAL},
        {0, 0, SIMC_SCRAMBLING_CSA2, 16, SIMC_EINVAL},
        {0, 0, SIMC_SCRAMBLING_COUNT, 16, SIMC_EINVAL},
        {0, 0, -1, 16, SIMC_EINVAL},
        {0, 2, SIMC_SCRAMBLING_CISSA, 16, SIMC_EINVAL},
        {0, -1, SIMC_SCRAMBLING_CISSA, 16, SIMC_EINVAL},
        {3, 0, SIMC_SCRAMBLING_CISSA, 16, SIMC_EINVAL},
        {UINT32_MAX, 0, SIMC_SCRAMBLING_CISSA, 16, SIMC_EINVAL},
    };
    struct simc_scrambler *scrambler = make(&(struct simc_scrambler_config){.slot_count = 3});
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc_secret cw = cw_make(rows[i].cw_size, 3);
        enum simc_parity parity = (enum simc_parity)rows[i].parity;
        unit_expect_error(simc_scrambler_key_set(scrambler, rows[i].slot, parity,
                                                 (enum simc_scrambling)rows[i].algorithm, &cw),
                          rows[i].error);
        ck_assert(simc_scrambler_key_is_set(scrambler, rows[i].slot, parity) ==
                  (rows[i].error == 0));
    }
    ck_assert_uint_eq(simc_scrambler_stats(scrambler)->keys_set, 1);
    simc_scrambler_free(scrambler);
}
END_TEST

START_TEST(a_wiped_key_scrambles_nothing)
{
    for (size_t engine = 0; simc_scramble_engine_name(SIMC_SCRAMBLING_IDSA, engine); engine++) {
        struct simc_scrambler_config config = {
            .slot_count = 1, .aes_engine = simc_scramble_engine_name(SIMC_SCRAMBLING_IDSA, engine)};
        struct simc_scrambler *scrambler;
        if (simc_scrambler_new(&config, &scrambler) == SIMC_EUNSUPPORTED)
            continue;
        struct simc_secret cw = cw_make(16, 9);
        uint8_t packet[PACKET], before[PACKET], scrambled[2][PACKET];
        packet_make(before, 0x47, 0x15, 0);
        for (int round = 0; round < 2; round++) {
            unit_expect_error(
                simc_scrambler_key_set(scrambler, 0, SIMC_PARITY_EVEN, SIMC_SCRAMBLING_IDSA, &cw),
                0);
            struct simc_scramble_job job = {scrambled[round], 0, 0, 0};
            memcpy(scrambled[round], before, PACKET);
            unit_expect_error(simc_scramble(scrambler, &job, 1), 0);
            simc_scrambler_key_wipe(scrambler, 0, SIMC_PARITY_EVEN);
            simc_scrambler_key_wipe(scrambler, 0, SIMC_PARITY_ODD);
            simc_scrambler_key_wipe(scrambler, 7, SIMC_PARITY_ODD);
            memcpy(packet, before, PACKET);
            job.packet = packet;
            unit_expect_error(simc_scramble(scrambler, &job, 1), 0);
            ck_assert_int_eq(job.result, SIMC_SCRAMBLE_NO_KEY);
            ck_assert_mem_eq(packet, before, PACKET);
        }
        ck_assert_mem_eq(scrambled[0], scrambled[1], PACKET);
        simc_scrambler_free(scrambler);
    }
}
END_TEST

START_TEST(csa1_checksums_are_sums)
{
    struct simc_secret cw;
    unit_expect_error(simc_secret_set(&cw, simc_slice("\x11\x22\x33\x00\x44\x55\x66\x00", 8)), 0);
    ck_assert(!simc_csa_checksum_is_good(&cw));
    unit_expect_error(simc_csa_checksum_set(&cw), 0);
    unit_expect_hex(simc_secret_bytes(&cw), "11223366445566ff");
    ck_assert(simc_csa_checksum_is_good(&cw));
    for (int byte = 3; byte < 8; byte += 4) {
        struct simc_secret other = cw;
        other.bytes[byte] ^= 0x80;
        ck_assert(!simc_csa_checksum_is_good(&other));
    }
    unit_expect_error(simc_secret_set(&cw, simc_slice("\xff\xff\xff\x00\xfe\xff\xff\x00", 8)), 0);
    unit_expect_error(simc_csa_checksum_set(&cw), 0);
    unit_expect_hex(simc_secret_bytes(&cw), "fffffffdfefffffc");
    struct simc_secret wrong_size = cw_make(16, 0);
    unit_expect_error(simc_csa_checksum_set(&wrong_size), SIMC_EINVAL);
    ck_assert(!simc_csa_checksum_is_good(&wrong_size));
}
END_TEST

/* ---- the library that may be missing ---- */

START_TEST(a_missing_csa_library_says_what_to_install)
{
    struct simc_scrambler_config config = {.slot_count = 1, .csa_library = missing_library};
    struct simc_scrambler *scrambler = make(&config);
    struct simc_secret cw = cw_make(8, 0);
    ck_assert_str_eq(simc_scrambler_why(scrambler), "");
    unit_expect_error(simc_scrambler_require(scrambler, SIMC_SCRAMBLING_CSA2), SIMC_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(simc_scrambler_why(scrambler), missing_library));
    ck_assert_ptr_nonnull(strstr(simc_scrambler_why(scrambler), "Debian package libdvbcsa1"));
    unit_expect_error(
        simc_scrambler_key_set(scrambler, 0, SIMC_PARITY_EVEN, SIMC_SCRAMBLING_CSA1, &cw),
        SIMC_EUNSUPPORTED);
    ck_assert(!simc_scrambler_key_is_set(scrambler, 0, SIMC_PARITY_EVEN));
    unit_expect_error(simc_scrambler_require(scrambler, SIMC_SCRAMBLING_CISSA), 0);
    unit_expect_error(simc_scrambler_require(scrambler, SIMC_SCRAMBLING_COUNT), SIMC_EINVAL);
    simc_scrambler_free(scrambler);
}
END_TEST

START_TEST(another_library_is_not_taken_for_libdvbcsa)
{
    struct simc_scrambler_config config = {.slot_count = 1, .csa_library = "libc.so.6"};
    struct simc_scrambler *scrambler = make(&config);
    unit_expect_error(simc_scrambler_require(scrambler, SIMC_SCRAMBLING_CSA2), SIMC_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(simc_scrambler_why(scrambler), "dvbcsa_key_alloc"));
    simc_scrambler_free(scrambler);
}
END_TEST

START_TEST(csa1_control_words_are_treated_as_configured)
{
    static const struct {
        enum simc_csa1_checksum checksum;
        enum simc_scrambling algorithm;
        int error;
        uint64_t repaired;
    } rows[] = {
        {SIMC_CSA1_CHECKSUM_REPAIR, SIMC_SCRAMBLING_CSA1, 0, 1},
        {SIMC_CSA1_CHECKSUM_CHECK, SIMC_SCRAMBLING_CSA1, SIMC_EPROTO, 0},
        {SIMC_CSA1_CHECKSUM_KEEP, SIMC_SCRAMBLING_CSA1, 0, 0},
        {SIMC_CSA1_CHECKSUM_REPAIR, SIMC_SCRAMBLING_CSA2, 0, 0},
        {SIMC_CSA1_CHECKSUM_CHECK, SIMC_SCRAMBLING_CSA2, 0, 0},
    };
    uint8_t scrambled[UNIT_COUNT(rows)][PACKET];
    struct simc_secret cw = cw_make(8, 0x51);
    ck_assert(!simc_csa_checksum_is_good(&cw));
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct simc_scrambler_config config = {.slot_count = 1, .csa1_checksum = rows[i].checksum};
        struct simc_scrambler *scrambler = make(&config);
        if (simc_scrambler_require(scrambler, SIMC_SCRAMBLING_CSA1) == SIMC_EUNSUPPORTED) {
            simc_scrambler_free(scrambler);
            return; /* not on this machine; the test above checks the message */
        }
        unit_expect_error(
            simc_scrambler_key_set(scrambler, 0, SIMC_PARITY_EVEN, rows[i].algorithm, &cw),
            rows[i].error);
        ck_assert_uint_eq(simc_scrambler_stats(scrambler)->checksums_repaired, rows[i].repaired);
        packet_make(scrambled[i], 0x47, 0x15, 0);
        struct simc_scramble_job job = {scrambled[i], 0, 0, 0};
        unit_expect_error(simc_scramble(scrambler, &job, 1), 0);
        ck_assert_int_eq(job.result, rows[i].error ? SIMC_SCRAMBLE_NO_KEY : SIMC_SCRAMBLE_DONE);
        simc_scrambler_free(scrambler);
    }
    ck_assert_mem_ne(scrambled[0], scrambled[2], PACKET);
    ck_assert_mem_eq(scrambled[2], scrambled[3], PACKET);
    ck_assert_mem_eq(scrambled[3], scrambled[4], PACKET);
}
END_TEST

/* ---- no memory ---- */

/* Makes a scrambler, sets keys of both families in one slot, and releases all. */
static int life(void *context)
{
    struct simc_scrambler_config config = {.slot_count = 4, .csa_library = "libdvbcsa.so.1"};
    struct simc_scrambler *scrambler = NULL;
    (void)context;
    int error = simc_scrambler_new(&config, &scrambler);
    if (error)
        return error;
    struct simc_secret cw = cw_make(16, 2);
    error = simc_scrambler_key_set(scrambler, 1, SIMC_PARITY_ODD, SIMC_SCRAMBLING_CISSA, &cw);
    cw = cw_make(8, 2);
    if (!error)
        error = simc_scrambler_key_set(scrambler, 1, SIMC_PARITY_ODD, SIMC_SCRAMBLING_CSA2, &cw);
    simc_scrambler_free(scrambler);
    return error == SIMC_EUNSUPPORTED ? 0 : error;
}

START_TEST(every_failed_allocation_is_reported_and_nothing_leaks)
{
    ck_assert_uint_ge(unit_fail_each_allocation(life, NULL, true), 4);
}
END_TEST

START_TEST(packets_need_no_memory)
{
    struct simc_scrambler *scrambler = make_with_keys(SIMC_SHORT_TSC_CLEAR);
    static uint8_t packets[300][PACKET];
    static struct simc_scramble_job jobs[300];
    for (size_t i = 0; i < UNIT_COUNT(jobs); i++) {
        packet_make(packets[i], 0x47, 0x15, 0);
        jobs[i] = (struct simc_scramble_job){packets[i], 0, (uint8_t)(i / 7 % 2), 0};
    }
    unit_alloc_start(1);
    int scrambled = simc_scramble(scrambler, jobs, UNIT_COUNT(jobs));
    int descrambled = simc_descramble(scrambler, jobs, UNIT_COUNT(jobs));
    uint64_t asked = unit_alloc_count();
    unit_alloc_stop();
    unit_expect_error(scrambled, 0);
    unit_expect_error(descrambled, 0);
    ck_assert_uint_eq(asked, 0);
    ck_assert_uint_eq(simc_scrambler_stats(scrambler)->packets[SIMC_SCRAMBLE_DONE], 600);
    ck_assert_uint_eq(simc_scrambler_stats(scrambler)->payload_bytes, 600 * 184);
    simc_scrambler_free(scrambler);
}
END_TEST

Suite *suite_scramble(void)
{
    Suite *suite = suite_create("scramble");
    TCase *rules = tcase_create("rules");
    tcase_add_loop_test(rules, each_packet_gets_the_result_of_its_row, 0, UNIT_COUNT(packet_rows));
    tcase_add_test(rules, short_payloads_carry_the_parity_when_asked_for);
    tcase_add_test(rules, a_packet_named_twice_is_scrambled_once);
    tcase_add_test(rules, every_algorithm_is_found_by_its_name_and_mode);
    suite_add_tcase(suite, rules);
    TCase *keys = tcase_create("keys");
    tcase_add_test(keys, a_scrambler_is_refused_for_a_reason);
    tcase_add_test(keys, a_key_is_refused_for_a_reason);
    tcase_add_test(keys, a_wiped_key_scrambles_nothing);
    tcase_add_test(keys, csa1_checksums_are_sums);
    tcase_add_test(keys, csa1_control_words_are_treated_as_configured);
    tcase_add_test(keys, a_missing_csa_library_says_what_to_install);
    tcase_add_test(keys, another_library_is_not_taken_for_libdvbcsa);
    tcase_add_test(keys, every_failed_allocation_is_reported_and_nothing_leaks);
    tcase_add_test(keys, packets_need_no_memory);
    suite_add_tcase(suite, keys);
    return suite;
}
