/* SPDX-License-Identifier: BSL-1.0 */
/* Control words never leave by a printed form: not in good messages, not in faulty, cut, shifted or
 * misnamed ones, not in the sentence about the fault, and not in part. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/msg.h"
#include "unit/unit.h"

/* Two control words whose bytes stand nowhere else in the message. */
static const uint8_t provision[] = {
    0x03, 0x02, 0x01, 0x00, 0x3c, 0x00, 0x0e, 0x00, 0x02, 0x00, 0x01, 0x00, 0x0f,
    0x00, 0x02, 0x00, 0x02, 0x00, 0x12, 0x00, 0x02, 0x00, 0x10, 0x00, 0x14, 0x00,
    0x0a, 0x00, 0x10, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0x00, 0x14,
    0x00, 0x0a, 0x00, 0x11, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0x00,
    0x13, 0x00, 0x02, 0x00, 0x78, 0x00, 0x0d, 0x00, 0x04, 0x01, 0x02, 0x03, 0x04};

enum { CW_1 = 29, CW_2 = 43, CW_SIZE = 8 };

static bool is_cw_byte(uint8_t byte)
{
    return (byte >= 0xc1 && byte <= 0xc8) || (byte >= 0xd1 && byte <= 0xd8);
}

static int digit_of(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* The longest run of control word bytes in hex, "c1c2", "0xc1 0xc2" or "c1 c2". A run of one byte
 * may be chance; one of two is the code of an unknown parameter, which has to be shown;
 * fingerprints are not set, so they hold no digits. */
static size_t longest_leak(const char *text, size_t size)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i + 1 < size;) {
        int high = digit_of(text[i]), low = digit_of(text[i + 1]);
        if (high >= 0 && low >= 0 && is_cw_byte((uint8_t)(high << 4 | low))) {
            run++;
            i += 2;
        } else if (text[i] == ' ' || (text[i] == '0' && text[i + 1] == 'x')) {
            i += text[i] == ' ' ? 1 : 2;
        } else {
            run = 0;
            i++;
        }
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* The same for decimal numbers: a length or value made of control word bytes. */
static bool has_decimal_leak(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t number = 0;
        size_t start = i;
        while (i < size && text[i] >= '0' && text[i] <= '9')
            number = number * 10 + (uint64_t)(text[i++] - '0');
        if (i - start >= 8 && i - start < 18 && is_cw_byte((uint8_t)(number >> 24)) &&
            is_cw_byte((uint8_t)(number >> 16)) && is_cw_byte((uint8_t)(number >> 8)) &&
            is_cw_byte((uint8_t)number))
            return true;
    }
    return false;
}

static void look(const char *what, size_t where, const char *text, size_t size)
{
    if (longest_leak(text, size) > 2 || has_decimal_leak(text, size))
        ck_abort_msg("%s, byte %zu:\n%.*s", what, where, (int)size, text);
}

/* Prints the message in all ways and under all rules. */
static void expect_masked(const char *what, size_t where, struct simc_slice bytes)
{
    static const char *const ids[] = {NULL, "ecmg", "emmg", "eis", "psig", "cpsig"};
    static char text[20000];
    uint8_t *exact = unit_exact(bytes);
    for (size_t i = 0; i < UNIT_COUNT(ids) * 2; i++) {
        const char *id = ids[i / 2];
        struct simc_rules rules = {
            .strict = i & 1, .interface = id ? simc_interface_find(simc_slice_text(id)) : NULL};
        /* All versions too, so that more than the first check is met. */
        for (int all = 0; all < 2; all++) {
            struct simc_msg msg;
            struct simc_fault fault;
            rules.versions = all ? 0xffffffff : 0;
            int error = simc_msg_decode(&rules, simc_slice(exact, bytes.size), &msg, &fault);
            for (int form = 0; form < 2; form++) {
                const struct simc_print how = {.form = form ? SIMC_PRINT_JSON : SIMC_PRINT_TEXT};
                struct simc_writer out = simc_writer(text, sizeof text);
                simc_msg_print(&msg, error ? &fault : NULL, &how, &out);
                ck_assert_int_eq(out.error, 0);
                look(what, where, text, out.at);
            }
            struct simc_writer out = simc_writer(text, sizeof text);
            simc_fault_text(&fault, &msg, &out);
            look(what, where, text, out.at);
        }
    }
    free(exact);
}

static struct simc_slice changed(uint8_t room[128], size_t size)
{
    memcpy(room, provision, size);
    return simc_slice(room, size);
}

static void set_length(uint8_t *room, size_t size)
{
    if (size >= 5) {
        room[3] = (uint8_t)((size - 5) >> 8);
        room[4] = (uint8_t)(size - 5);
    }
}

START_TEST(the_search_finds_what_it_looks_for)
{
    ck_assert_uint_eq(longest_leak("CW c1c2c3", 9), 3);
    ck_assert_uint_eq(longest_leak("0xC1 0xC2 0xD1", 14), 3);
    ck_assert_uint_eq(longest_leak("c1x2c3", 6), 1);
    ck_assert(has_decimal_leak("a 3250766788 b", 14)); /* c1c2c3c4 */
    ck_assert(!has_decimal_leak("a 1000000000 b", 14));
    /* And when asked for, the control words are there. */
    const struct simc_rules rules = {.interface = NULL};
    const struct simc_print show = {.show_secrets = true};
    struct simc_msg msg;
    char text[1000];
    struct simc_writer out = simc_writer(text, sizeof text);
    unit_expect_error(simc_msg_decode(&rules, simc_slice(provision, sizeof provision), &msg, NULL),
                      0);
    simc_msg_print(&msg, NULL, &show, &out);
    ck_assert_uint_eq(longest_leak(text, out.at), CW_SIZE);
}
END_TEST

START_TEST(whole_and_cut_messages_are_masked)
{
    uint8_t room[128];
    expect_masked("whole", 0, simc_slice(provision, sizeof provision));
    for (size_t size = 0; size < sizeof provision; size++) {
        struct simc_slice bytes = changed(room, size);
        expect_masked("cut", size, bytes);
        set_length(room, size);
        expect_masked("cut with its length", size, bytes);
    }
}
END_TEST

START_TEST(one_wrong_byte_anywhere_is_masked)
{
    uint8_t room[128];
    for (size_t at = 0; at < sizeof provision; at++) {
        struct simc_slice bytes = changed(room, sizeof provision);
        for (unsigned value = 0; value < 256; value++) {
            /* Near lengths and codes, and some of all. */
            int distance = (int)value - provision[at];
            if (value % 37 != 0 && (distance < -16 || distance > 16))
                continue;
            /* A code that says "opaque, and welcome here" is believed. */
            if ((at == CW_1 - 5 || at == CW_2 - 5) && (value == 0x18 || value == 0x0d))
                continue;
            room[at] = (uint8_t)value;
            expect_masked("changed", at, bytes);
        }
    }
}
END_TEST

START_TEST(missing_and_surplus_bytes_are_masked)
{
    uint8_t room[128];
    for (size_t at = 5; at < sizeof provision; at++) {
        for (size_t count = 1; count <= 6 && at + count <= sizeof provision; count++) {
            memcpy(room, provision, at);
            memcpy(room + at, provision + at + count, sizeof provision - at - count);
            set_length(room, sizeof provision - count);
            expect_masked("missing", at, simc_slice(room, sizeof provision - count));
            memcpy(room, provision, at);
            memset(room + at, 0, count);
            memcpy(room + at + count, provision + at, sizeof provision - at);
            set_length(room, sizeof provision + count);
            expect_masked("surplus", at, simc_slice(room, sizeof provision + count));
        }
    }
}
END_TEST

START_TEST(control_words_of_any_length_are_masked)
{
    for (size_t size = 0; size <= 90; size++) {
        for (int whole = 0; whole < 2; whole++) {
            uint8_t room[128] = {3, 2, 1, 0, 0, 0, 0x14, 0, 0};
            uint8_t *value = room + 9;
            for (size_t i = 0; i < size; i++)
                value[i] = (uint8_t)(whole || i >= 2 ? 0xc1 + i % 8 : i);
            room[8] = (uint8_t)size;
            set_length(room, 9 + size);
            /* With control word bytes in the CP number its decimal form may show two of them. */
            expect_masked("any length", size, simc_slice(room, 9 + size));
        }
    }
}
END_TEST

START_TEST(opaque_bytes_of_a_faulty_message_are_masked)
{
    /* Shifted by a wrong length, a control word may come to lie in access_criteria. */
    struct unit_bytes bytes =
        unit_hex("03 0201 0014 000d 0008 c1c2c3c4c5c6c7c8 0018 0004 d1d2d3d4");
    bytes.data[4] = (uint8_t)(bytes.size - 5);
    expect_masked("opaque", 0, unit_slice(&bytes));
}
END_TEST

START_TEST(control_words_in_other_messages_are_masked)
{
    size_t count;
    const struct simc_interface *const *interfaces = simc_interfaces(&count);
    uint8_t room[128];
    struct simc_slice bytes = changed(room, sizeof provision);
    /* Every message of ECMG-SCS and of the others, in every version, and unknown ones. */
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < interfaces[i]->message_count; k++) {
            uint16_t type = interfaces[i]->messages[k].type;
            bool is_ecmg = i == 0;
            for (unsigned version = 0; version < 8; version++) {
                room[0] = (uint8_t)version;
                room[1] = (uint8_t)(type >> 8);
                room[2] = (uint8_t)type;
                if (is_ecmg)
                    expect_masked(interfaces[i]->messages[k].name, version, bytes);
            }
        }
    }
    static const uint16_t unknown[] = {0x0000, 0x0203, 0x0301, 0x8001, 0xffff};
    for (size_t i = 1; i < UNIT_COUNT(unknown); i++) {
        room[0] = 3;
        room[1] = (uint8_t)(unknown[i] >> 8);
        room[2] = (uint8_t)unknown[i];
        if (unknown[i] != 0x0301)
            expect_masked("unknown", unknown[i], bytes);
    }
}
END_TEST

START_TEST(the_fingerprint_tells_control_words_apart)
{
    static const uint8_t key[SIMC_FINGERPRINT_KEY_SIZE] = {1, 2, 3};
    const struct simc_rules rules = {.interface = NULL};
    const struct simc_print how = {.plain = true};
    struct simc_msg msg;
    uint8_t room[128];
    char text[2][1000];
    size_t sizes[2];
    simc_fingerprint_key_set(key);
    for (int i = 0; i < 2; i++) {
        struct simc_slice bytes = changed(room, sizeof provision);
        memcpy(room + CW_2, room + CW_1, CW_SIZE);
        room[CW_2] = (uint8_t)(room[CW_2] + i);
        struct simc_writer out = simc_writer(text[i], sizeof text[i]);
        unit_expect_error(simc_msg_decode(&rules, bytes, &msg, NULL), 0);
        simc_msg_print(&msg, NULL, &how, &out);
        sizes[i] = out.at;
    }
    ck_assert_uint_eq(sizes[0], sizes[1]);
    const char *first[2], *second[2];
    for (int i = 0; i < 2; i++) {
        first[i] = memmem(text[i], sizes[i], "masked:8:", 9);
        ck_assert_ptr_nonnull(first[i]);
        second[i] =
            memmem(first[i] + 1, sizes[i] - (size_t)(first[i] + 1 - text[i]), "masked:8:", 9);
        ck_assert_ptr_nonnull(second[i]);
    }
    ck_assert(memcmp(first[0], second[0], 17) == 0);
    ck_assert(memcmp(first[1], second[1], 17) != 0);
    ck_assert(memcmp(first[0], first[1], 17) == 0);
}
END_TEST

Suite *suite_masking(void);

Suite *suite_masking(void)
{
    Suite *suite = suite_create("masking");
    TCase *tcase = tcase_create("masking");
    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, the_search_finds_what_it_looks_for);
    tcase_add_test(tcase, whole_and_cut_messages_are_masked);
    tcase_add_test(tcase, one_wrong_byte_anywhere_is_masked);
    tcase_add_test(tcase, missing_and_surplus_bytes_are_masked);
    tcase_add_test(tcase, control_words_of_any_length_are_masked);
    tcase_add_test(tcase, opaque_bytes_of_a_faulty_message_are_masked);
    tcase_add_test(tcase, control_words_in_other_messages_are_masked);
    tcase_add_test(tcase, the_fingerprint_tells_control_words_apart);
    suite_add_tcase(suite, tcase);
    return suite;
}
