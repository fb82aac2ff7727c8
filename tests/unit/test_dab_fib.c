/* SPDX-License-Identifier: BSL-1.0 */
/* The DAB CRC, FIBs with their FIGs, and the CA fields of FIG type 0. Run by the unit test runner.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dab/crc16_table.h"
#include "simulcrypt/dab.h"
#include "unit/unit.h"

Suite *suite_dab_fib(void);

/* ---- CRC ---- */

/* The rule itself, a bit at a time. */
static uint16_t crc_by_bits(uint16_t crc, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint16_t)(bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

START_TEST(crc_has_its_catalogue_value)
{
    ck_assert_uint_eq(simc_dab_crc(simc_slice_text("123456789")), 0xd64e);
    ck_assert_uint_eq(simc_dab_crc(simc_slice(NULL, 0)), 0);
}
END_TEST

START_TEST(crc_tables_follow_the_rule)
{
    uint8_t bytes[16] = {0};
    for (unsigned k = 0; k < 16; k++) {
        for (unsigned b = 0; b < 256; b++) {
            bytes[0] = (uint8_t)b;
            ck_assert_uint_eq(crc16_table[k][b], crc_by_bits(0, bytes, k + 1));
        }
    }
}
END_TEST

START_TEST(crc_is_the_same_in_any_pieces)
{
    struct unit_random random = unit_random(3);
    uint8_t bytes[200];
    unit_random_fill(&random, bytes, sizeof bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint16_t wanted = crc_by_bits(0xffff, bytes, size);
        ck_assert_uint_eq(simc_dab_crc_update(0xffff, simc_slice(bytes, size)), wanted);
        size_t cut = size ? unit_random_below(&random, size) : 0;
        uint16_t crc = simc_dab_crc_update(0xffff, simc_slice(bytes, cut));
        ck_assert_uint_eq(simc_dab_crc_update(crc, simc_slice(bytes + cut, size - cut)), wanted);
    }
}
END_TEST

/* ---- FIBs ---- */

/* A whole FIB from the hex of its front; the CRC is made right. */
static void make_fib(uint8_t fib[SIMC_FIB_SIZE], const char *hex, uint8_t padding)
{
    struct unit_bytes front = unit_hex(hex);
    memset(fib, padding, SIMC_FIB_DATA_SIZE);
    memcpy(fib, front.data, front.size);
    uint16_t crc = simc_dab_crc(simc_slice(fib, SIMC_FIB_DATA_SIZE));
    fib[SIMC_FIB_DATA_SIZE] = (uint8_t)(crc >> 8);
    fib[SIMC_FIB_DATA_SIZE + 1] = (uint8_t)crc;
}

START_TEST(fixed_fibs_have_their_crc)
{
    static const struct {
        const char *front;
        uint8_t padding;
        const char *crc;
    } rows[] = {
        {"ff", 0, "a8a8"},
        {"ff", 0xff, "a042"},
        {"c50056014a10 c90150015601 50034a10 ff", 0, "78d2"},
        {"c50056014a10 c90150015601 50034a10 ff", 0xff, "ae0d"},
        {"c50950015601 c50a50034a10 ff", 0, "a4e6"},
        {"c3015001 c3025003 ff", 0, "bf2b"},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t bytes[SIMC_FIB_SIZE];
        struct simc_fib fib;
        make_fib(bytes, rows[i].front, rows[i].padding);
        unit_expect_hex(simc_slice(bytes + SIMC_FIB_DATA_SIZE, 2), rows[i].crc);
        simc_fib_read(bytes, &fib);
        ck_assert(simc_fib_good(&fib));
        bytes[3] ^= 1;
        simc_fib_read(bytes, &fib);
        ck_assert(fib.crc_bad && !simc_fib_good(&fib));
    }
}
END_TEST

START_TEST(figs_of_a_fib_are_found)
{
    static const struct {
        const char *front;
        uint8_t padding;
        unsigned count, used;
        bool malformed;
    } rows[] = {
        {"ff", 0, 0, 0, false},
        {"ff 1f", 0x1f, 0, 0, false}, /* padding is not looked at */
        {"c3005601 ff", 0, 1, 4, false},
        {"dd01", 0x55, 1, 30, false}, /* full: no end mark */
        {"dc01", 0xff, 1, 29, false}, /* one byte left */
        {"1d00", 0, 1, 30, false},    /* type 0 */
        {"c1aac1aac1aac1aac1aac1aac1aac1aac1aac1aac1aac1aac1aac1aac1aa", 0, 15, 30, false},
        {"00", 0, 0, 0, true},                          /* length 0 */
        {"c3005601", 0, 1, 4, true},                    /* the end mark is missing */
        {"de01", 0x55, 0, 0, true},                     /* length 30 */
        {"df01", 0x55, 0, 0, true},                     /* length 31, not the end mark */
        {"c9010203040506070809 df", 0x11, 1, 10, true}, /* runs past the end */
        {"db0102030405060708090a0b0c0d0e0f101112131415161718191a1b c3", 0, 1, 28, true},
        {"e301 0203 ff", 0, 1, 4, false}, /* type 7 but not 0xff */
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t bytes[SIMC_FIB_SIZE];
        struct simc_fib fib;
        make_fib(bytes, rows[i].front, rows[i].padding);
        uint8_t *exact = unit_exact(simc_slice(bytes, sizeof bytes));
        simc_fib_read(exact, &fib);
        ck_assert_msg(fib.count == rows[i].count && fib.used == rows[i].used &&
                          fib.malformed == rows[i].malformed,
                      "row %zu: %u FIGs, %u bytes, malformed %d", i, fib.count, fib.used,
                      fib.malformed);
        for (size_t at = 0, k = 0; k < fib.count; at += fib.figs[k].bytes.size, k++) {
            ck_assert_uint_eq(fib.figs[k].at, at);
            ck_assert_ptr_eq(fib.figs[k].bytes.data, exact + at);
            ck_assert_uint_eq(fib.figs[k].type, exact[at] >> 5);
        }
        free(exact);
    }
}
END_TEST

/* [front, FIG, front afterwards or NULL, result] */
START_TEST(figs_are_appended_where_they_fit)
{
    static const struct {
        const char *front, *fig, *after;
        int error;
    } rows[] = {
        {"ff", "c3005601", "c3005601 ff", 0},
        {"c3005601 ff", "c50150015601", "c3005601 c50150015601 ff", 0},
        /* The worked FIB of the sample: exactly full afterwards. */
        {"05004ffe00180c010c3088 0c0818881804000206024001010006 ff", "c3005601",
         "05004ffe00180c010c3088 0c0818881804000206024001010006 c3005601", 0},
        {"05004ffe00180c010c3088 0c0818881804000206024001010006 ff", "c50150015601", NULL,
         SIMC_ENOSPC},
        {"ff", "", NULL, SIMC_EINVAL},
        {"ff", "c0", NULL, SIMC_EINVAL},
        {"ff", "c300", NULL, SIMC_EINVAL},
        {"ff", "ff00", NULL, SIMC_EINVAL},
        {"00", "c3005601", NULL, SIMC_EINVAL},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        uint8_t bytes[SIMC_FIB_SIZE], wanted[SIMC_FIB_SIZE];
        struct simc_fib fib, again;
        struct unit_bytes fig = unit_hex(rows[i].fig);
        make_fib(bytes, rows[i].front, 0);
        make_fib(wanted, rows[i].after ? rows[i].after : rows[i].front, 0);
        simc_fib_read(bytes, &fib);
        unit_expect_error(simc_fib_append(bytes, &fib, unit_slice(&fig)), rows[i].error);
        ck_assert_mem_eq(bytes, wanted, sizeof bytes);
        simc_fib_read(bytes, &again);
        ck_assert(again.count == fib.count && again.used == fib.used);
    }
}
END_TEST

START_TEST(fifteen_figs_are_the_most)
{
    static const uint8_t fig[2] = {0xc1, 0x00};
    uint8_t bytes[SIMC_FIB_SIZE];
    struct simc_fib fib;
    make_fib(bytes, "ff", 0);
    simc_fib_read(bytes, &fib);
    for (size_t i = 0; i < SIMC_FIB_FIGS_MAX; i++)
        unit_expect_error(simc_fib_append(bytes, &fib, simc_slice(fig, 2)), 0);
    unit_expect_error(simc_fib_append(bytes, &fib, simc_slice(fig, 2)), SIMC_ENOSPC);
}
END_TEST

START_TEST(figs_are_removed_and_the_others_stay)
{
    static const char *const after[] = {
        "c50150015601 c3025003 ff",
        "c3005601 c3025003 ff",
        "c3005601 c50150015601 ff",
    };
    for (size_t i = 0; i < UNIT_COUNT(after); i++) {
        uint8_t bytes[SIMC_FIB_SIZE], wanted[SIMC_FIB_SIZE];
        struct simc_fib fib, again;
        make_fib(bytes, "c3005601 c50150015601 c3025003 ff", 0x77);
        make_fib(wanted, after[i], 0);
        simc_fib_read(bytes, &fib);
        unit_expect_error(simc_fib_remove(bytes, &fib, 3), SIMC_EINVAL);
        unit_expect_error(simc_fib_remove(bytes, &fib, i), 0);
        ck_assert_mem_eq(bytes, wanted, sizeof bytes);
        simc_fib_read(bytes, &again);
        ck_assert(again.count == fib.count && again.used == fib.used);
        for (size_t k = 0; k < fib.count; k++)
            ck_assert(simc_slice_equal(again.figs[k].bytes, fib.figs[k].bytes));
    }
}
END_TEST

/* ---- FIG type 0 ---- */

static const char *entry_text(const struct simc_fig0_reader *reader,
                              const struct simc_fig0_entry *e)
{
    static char text[200];
    char service[16], org[16] = "";
    snprintf(service, sizeof service, "%0*X", reader->is_32bit ? 8 : 4, (unsigned)e->service);
    if (e->has_ca_org)
        snprintf(org, sizeof org, " org %04X", e->ca_org);
    switch (e->kind) {
    case SIMC_FIG0_SERVICE:
        snprintf(text, sizeof text, "service %s local %d CAId %u count %u", service, e->local,
                 e->ca_id, e->count);
        break;
    case SIMC_FIG0_COMPONENT:
        snprintf(text, sizeof text, "component %s tm %u type %u id %u primary %d ca %d", service,
                 e->transport, e->type, e->id, e->primary, e->ca);
        break;
    case SIMC_FIG0_PACKET:
        snprintf(text, sizeof text, "packet %03X type %u dg %d sub %u address %u%s", e->id, e->type,
                 !e->no_data_groups, e->sub_channel, e->address, org);
        break;
    case SIMC_FIG0_STREAM:
        snprintf(text, sizeof text, "stream %s %u%s", e->in_fic ? "FIDC" : "sub", e->id, org);
        break;
    case SIMC_FIG0_USER_APP:
        snprintf(text, sizeof text, "app %s.%u type %u ca %d dscty %u%s data %zu", service, e->id,
                 e->user_app, e->ca, e->type, org, e->data.size);
        break;
    }
    return text;
}

START_TEST(ca_fields_of_fig_0_are_read)
{
    static const struct {
        const char *hex;
        int end; /* what the reader ends with */
        const char *entries[4];
    } rows[] = {
        {"0602 5001 11 3f07",
         SIMC_EEND,
         {"service 5001 local 0 CAId 1 count 1",
          "component 5001 tm 0 type 63 id 1 primary 1 ca 1"}},
        {"0602 5001 01 3f06",
         SIMC_EEND,
         {"service 5001 local 0 CAId 0 count 1",
          "component 5001 tm 0 type 63 id 1 primary 1 ca 0"}},
        {"0a22 e1400003 82 4509 d235",
         SIMC_EEND,
         {"service E1400003 local 1 CAId 0 count 2",
          "component E1400003 tm 1 type 5 id 2 primary 0 ca 1",
          "component E1400003 tm 3 type 0 id 1165 primary 0 ca 1"}},
        {"0402 5001 70", SIMC_EEND, {"service 5001 local 0 CAId 7 count 0"}},
        {"0502 5001 02 3f", SIMC_EPROTO, {"service 5001 local 0 CAId 0 count 2"}},
        {"0202 50", SIMC_EPROTO, {NULL}},
        {"0102", SIMC_EEND, {NULL}},
        {"0803 1231 3c 2405 2001", SIMC_EEND, {"packet 123 type 60 dg 1 sub 9 address 5 org 2001"}},
        {"0b03 1230 bc 2405 1240 3c 2405",
         SIMC_EEND,
         {"packet 123 type 60 dg 0 sub 9 address 5", "packet 124 type 60 dg 1 sub 9 address 5"}},
        {"0603 1231 3c 2405", SIMC_EPROTO, {NULL}},
        {"0404 010001", SIMC_EEND, {"stream sub 1 org 0001"}},
        {"0704 010001 45e0ff", SIMC_EEND, {"stream sub 1 org 0001", "stream FIDC 5 org E0FF"}},
        {"0304 0100", SIMC_EPROTO, {NULL}},
        {"0a0d 5001 01 0044 cc3c 4001",
         SIMC_EEND,
         {"app 5001.0 type 2 ca 1 dscty 60 org 4001 data 0"}},
        {"0c0d 5001 12 0040 00e3 803caa",
         SIMC_EEND,
         {"app 5001.1 type 2 ca 0 dscty 0 data 0", "app 5001.1 type 7 ca 1 dscty 60 data 1"}},
        {"090d 5001 00 5002 00 50", SIMC_EPROTO, {NULL}},
        {"080d 5001 01 0042 cc3c", SIMC_EPROTO, {NULL}}, /* too short for its CAOrg */
        {"0a2d e1400003 01 0042 cc3c", SIMC_EEND, {"app E1400003.0 type 2 ca 0 dscty 0 data 2"}},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct unit_bytes bytes = unit_hex(rows[i].hex);
        /* The lengths in the table need not be counted by hand. */
        bytes.data[0] = (uint8_t)((bytes.data[0] & 0xe0) | (bytes.size - 1));
        uint8_t *exact = unit_exact(unit_slice(&bytes));
        struct simc_fig0_reader reader;
        struct simc_fig0_entry entry;
        unit_expect_error(simc_fig0_reader_init(&reader, simc_slice(exact, bytes.size)), 0);
        size_t count = 0;
        int error;
        while ((error = simc_fig0_reader_next(&reader, &entry)) == 0) {
            ck_assert_msg(count < 4 && rows[i].entries[count], "%s: %s", rows[i].hex,
                          entry_text(&reader, &entry));
            ck_assert_str_eq(entry_text(&reader, &entry), rows[i].entries[count++]);
        }
        ck_assert_msg(error == rows[i].end, "%s: %s", rows[i].hex, simc_error_name(error));
        ck_assert_msg(count == 4 || !rows[i].entries[count], "%s: %zu entries", rows[i].hex, count);
        unit_expect_error(simc_fig0_reader_next(&reader, &entry), rows[i].end);
        free(exact);
    }
}
END_TEST

START_TEST(other_figs_are_not_read_for_ca_fields)
{
    static const char *const rows[] = {"", "00", "05004ffe0018", "c3005601", "0301aabb"};
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct unit_bytes bytes = unit_hex(rows[i]);
        struct simc_fig0_reader reader;
        unit_expect_error(simc_fig0_reader_init(&reader, unit_slice(&bytes)), SIMC_EUNSUPPORTED);
    }
}
END_TEST

START_TEST(ca_org_has_a_mode_and_flags)
{
    ck_assert_uint_eq(simc_ca_org_mode(0x4001), SIMC_DAB_CA_MOT);
    ck_assert_uint_eq(simc_ca_org_shared(0x4081), 0x81);
    ck_assert_str_eq(simc_ca_mode_name(1), "data group CA");
    ck_assert_str_eq(simc_ca_mode_name(7), "reserved");
}
END_TEST

Suite *suite_dab_fib(void)
{
    Suite *suite = suite_create("dab_fib");
    TCase *tcase = tcase_create("fib");
    tcase_add_test(tcase, crc_has_its_catalogue_value);
    tcase_add_test(tcase, crc_tables_follow_the_rule);
    tcase_add_test(tcase, crc_is_the_same_in_any_pieces);
    tcase_add_test(tcase, fixed_fibs_have_their_crc);
    tcase_add_test(tcase, figs_of_a_fib_are_found);
    tcase_add_test(tcase, figs_are_appended_where_they_fit);
    tcase_add_test(tcase, fifteen_figs_are_the_most);
    tcase_add_test(tcase, figs_are_removed_and_the_others_stay);
    tcase_add_test(tcase, ca_fields_of_fig_0_are_read);
    tcase_add_test(tcase, other_figs_are_not_read_for_ca_fields);
    tcase_add_test(tcase, ca_org_has_a_mode_and_flags);
    suite_add_tcase(suite, tcase);
    return suite;
}
