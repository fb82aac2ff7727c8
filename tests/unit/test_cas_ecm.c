/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of ECM makers and openers beyond the vectors: nonces, ceilings, sizes, packets, keys, no
 * memory taken, and what an attacker can do to an ECM. Run by the unit test runner. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "cas/internal.h"
#include "unit/unit.h"

Suite *suite_cas_ecm(void);

static const char worked_hex[] =
    "807071118353A20101044E000000030000019C4AF100010021A1054C0102030405060708000000"
    "09584A110CB1C426FD1A568219C5000FC877450EA303B9D79DDDA99B5F3791CEFB614889505D16"
    "ABC511839A3A35AE61F22C1239106FBDFB3A0181A12DFCD3D204580D34BAA8857823A9ECCDF1";

/* Keys that a receiver has: versions 411 and 412 of package 3, version 1 of package 4. */
static struct simc_secret keys[3];
static struct simc_secret words[SIMC_ECM_CWS_MAX + 1];
static struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX + 1];
static struct simc_ecm_input plain;
static uint8_t random_byte;

static void set_up(void)
{
    for (size_t i = 0; i < UNIT_COUNT(keys); i++) {
        keys[i].size = SIMC_ECM_KEY_SIZE;
        for (size_t k = 0; k < SIMC_ECM_KEY_SIZE; k++)
            keys[i].bytes[k] = (uint8_t)(0xa0 + k + (i == 1 ? 0 : 16 * i + 16));
    }
    for (size_t i = 0; i < UNIT_COUNT(cws); i++) {
        words[i].size = 16;
        memset(words[i].bytes, (int)(0x11 * i), 16);
        cws[i] = (struct simc_ecm_cw){(uint16_t)(1000 + i), &words[i]};
    }
    plain = (struct simc_ecm_input){.super_cas_id = 0x4af10001,
                                    .ecm_id = 0x21,
                                    .cp_number = 1000,
                                    .issued_s = 1764938624,
                                    .lowest_epoch = 57,
                                    .has_content = true,
                                    .content = 66051,
                                    .cws = cws,
                                    .cw_count = 2};
    random_byte = 0;
}

static int find(void *context, const struct simc_ecm_kid *kid, struct simc_secret *key)
{
    (void)context;
    if (kid->package == 3 && (kid->key_version == 411 || kid->key_version == 412))
        *key = keys[kid->key_version - 411];
    else if (kid->package == 4 && kid->key_version == 1)
        *key = keys[2];
    else
        return SIMC_ENOTFOUND;
    return 0;
}

/* Different at each call, and the same in each run. */
static int random_steps(void *context, void *memory, size_t size)
{
    (void)context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)memory)[i] = random_byte++;
    return 0;
}

static int random_fails(void *context, void *memory, size_t size)
{
    (void)memory;
    (void)size;
    return *(bool *)context ? SIMC_EIO : random_steps(NULL, memory, size);
}

/* A source that is stuck: a block of the same bytes, or the same block again and again. */
static int random_stuck(void *context, void *memory, size_t size)
{
    uint8_t step = *(const uint8_t *)context;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)memory)[i] = (uint8_t)(7 + i * step);
    return 0;
}

static struct simc_ecm_maker *maker_new(const struct simc_ecm_maker_config *config)
{
    struct simc_ecm_maker_config whole = *config;
    struct simc_ecm_maker *maker;
    if (!whole.key)
        whole.key = &keys[1];
    if (!whole.package)
        whole.package = 3;
    if (!whole.key_version)
        whole.key_version = 412;
    if (!whole.random)
        whole.random = random_steps;
    unit_expect_error(simc_ecm_maker_new(&whole, &maker), 0);
    return maker;
}

static struct simc_ecm_opener *opener_new(void)
{
    struct simc_ecm_opener *opener;
    unit_expect_error(simc_ecm_opener_new(find, NULL, &opener), 0);
    return opener;
}

static struct unit_bytes make(struct simc_ecm_maker *maker, const struct simc_ecm_input *input)
{
    struct unit_bytes bytes = {0};
    struct simc_writer out = simc_writer(bytes.data, sizeof bytes.data);
    struct simc_cas_fault fault;
    ck_assert_msg(simc_ecm_make(maker, input, &out, &fault) == 0, "%s", fault.text);
    bytes.size = out.at;
    return bytes;
}

static enum simc_ecm_reason open_bytes(struct simc_ecm_opener *opener, struct simc_slice section,
                                       const struct simc_ecm_stream_id *stream)
{
    uint8_t *exact = unit_exact(section);
    struct simc_cas_fault fault = {0};
    struct simc_ecm ecm;
    int error = simc_ecm_open(opener, simc_slice(exact, section.size), stream, &ecm, &fault);
    ck_assert_int_eq(error, simc__ecm_reason_error((enum simc_ecm_reason)fault.reason));
    simc_ecm_wipe(&ecm);
    free(exact);
    return (enum simc_ecm_reason)fault.reason;
}

/* ---- nonces ---- */

static uint32_t counter_of(const struct unit_bytes *section, uint8_t id[SIMC_ECM_START_ID_SIZE])
{
    struct simc_ecm_envelope envelope;
    unit_expect_error(simc_ecm_read(unit_slice(section), &envelope, NULL), 0);
    memcpy(id, envelope.nonce.data, SIMC_ECM_START_ID_SIZE);
    struct simc_reader reader = simc_reader(simc_slice(envelope.nonce.data + 8, 4));
    return simc_reader_u32(&reader);
}

START_TEST(the_counter_counts_and_a_wrap_draws_a_new_start_id)
{
    struct simc_ecm_maker_config config = {.counter_start = 0xfffffffe};
    struct simc_ecm_maker *maker = maker_new(&config);
    uint8_t ids[4][SIMC_ECM_START_ID_SIZE];
    static const uint32_t wanted[] = {0xfffffffe, 0xffffffff, 0, 1};
    for (size_t i = 0; i < 4; i++) {
        struct unit_bytes section = make(maker, &plain);
        ck_assert_uint_eq(counter_of(&section, ids[i]), wanted[i]);
        ck_assert_uint_eq(simc_ecm_maker_count(maker), i + 1);
    }
    ck_assert_mem_eq(ids[0], ids[1], sizeof ids[0]);
    ck_assert_mem_ne(ids[1], ids[2], sizeof ids[0]);
    ck_assert_mem_eq(ids[2], ids[3], sizeof ids[0]);
    simc_ecm_maker_free(maker);
}
END_TEST

START_TEST(a_stuck_random_source_is_refused)
{
    for (uint8_t step = 0; step < 2; step++) {
        /* Step 32: the second half repeats the first. */
        uint8_t steps[] = {0, 32};
        struct simc_ecm_maker_config config = {
            .key = &keys[1], .random = random_stuck, .random_context = &steps[step]};
        struct simc_ecm_maker *maker;
        unit_expect_error(simc_ecm_maker_new(&config, &maker), SIMC_EIO);
        ck_assert_ptr_null(maker);
    }
    /* A source that gives the same good block again: refused when the counter has wrapped. */
    uint8_t step = 1;
    struct simc_ecm_maker_config config = {
        .random = random_stuck, .random_context = &step, .counter_start = UINT32_MAX};
    struct simc_ecm_maker *maker = maker_new(&config);
    make(maker, &plain);
    uint8_t room[SIMC_ECM_SECTION_MAX];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc_cas_fault fault;
    unit_expect_error(simc_ecm_make(maker, &plain, &out, &fault), SIMC_EIO);
    ck_assert_ptr_nonnull(strstr(fault.text, "random"));
    ck_assert_uint_eq(out.at, 0);
    simc_ecm_maker_free(maker);
}
END_TEST

START_TEST(without_random_bytes_no_ecm_is_made_and_the_next_call_tries_again)
{
    bool fails = true;
    struct simc_ecm_maker_config config = {
        .key = &keys[1], .random = random_fails, .random_context = &fails};
    struct simc_ecm_maker *maker;
    unit_expect_error(simc_ecm_maker_new(&config, &maker), SIMC_EIO);
    fails = false;
    config.counter_start = UINT32_MAX;
    maker = maker_new(&config);
    make(maker, &plain);
    fails = true;
    uint8_t room[SIMC_ECM_SECTION_MAX], id[SIMC_ECM_START_ID_SIZE];
    struct simc_writer out = simc_writer(room, sizeof room);
    memset(room, 0xaa, sizeof room);
    unit_expect_error(simc_ecm_make(maker, &plain, &out, NULL), SIMC_EIO);
    ck_assert_uint_eq(out.at, 0);
    for (size_t i = 0; i < sizeof room; i++)
        ck_assert_uint_eq(room[i], i < 116 ? 0 : 0xaa); /* wiped */
    fails = false;
    struct unit_bytes section = make(maker, &plain);
    ck_assert_uint_eq(counter_of(&section, id), 0);
    ck_assert_uint_eq(simc_ecm_maker_count(maker), 2);
    simc_ecm_maker_free(maker);
}
END_TEST

START_TEST(two_makers_from_the_system_never_share_a_start_id)
{
    enum { MAKERS = 200 };
    static uint8_t ids[MAKERS][SIMC_ECM_START_ID_SIZE];
    struct simc_ecm_maker_config config = {.key = &keys[1]};
    for (size_t i = 0; i < MAKERS; i++) {
        struct simc_ecm_maker *maker;
        unit_expect_error(simc_ecm_maker_new(&config, &maker), 0);
        struct unit_bytes section = make(maker, &plain);
        ck_assert_uint_eq(counter_of(&section, ids[i]), 0);
        for (size_t k = 0; k < i; k++)
            ck_assert_mem_ne(ids[k], ids[i], sizeof ids[i]);
        simc_ecm_maker_free(maker);
    }
}
END_TEST

/* ---- making ---- */

START_TEST(keys_that_are_no_keys_are_refused)
{
    static const uint8_t sizes[] = {0, 8, 15, 17, 32};
    struct simc_secret key = {.bytes = {1}};
    struct simc_ecm_maker *maker = (struct simc_ecm_maker *)&key;
    struct simc_ecm_maker_config config = {.key = &key};
    for (size_t i = 0; i < UNIT_COUNT(sizes); i++) {
        key.size = sizes[i];
        unit_expect_error(simc_ecm_maker_new(&config, &maker), SIMC_EINVAL);
        ck_assert_ptr_null(maker);
    }
    struct simc_secret zero = {.size = SIMC_ECM_KEY_SIZE};
    config.key = &zero;
    unit_expect_error(simc_ecm_maker_new(&config, &maker), SIMC_EINVAL);
    config.key = NULL;
    unit_expect_error(simc_ecm_maker_new(&config, &maker), SIMC_EINVAL);
    simc_ecm_maker_free(NULL);
    simc_ecm_opener_free(NULL);
    struct simc_ecm_opener *opener;
    unit_expect_error(simc_ecm_opener_new(NULL, NULL, &opener), SIMC_EINVAL);
}
END_TEST

static void expect_refused(struct simc_ecm_maker *maker, const struct simc_ecm_input *input,
                           int wanted, const char *part)
{
    uint8_t room[600];
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc_cas_fault fault;
    simc_writer_u8(&out, 0x55);
    unit_expect_error(simc_ecm_make(maker, input, &out, &fault), wanted);
    ck_assert_msg(strstr(fault.text, part) != NULL, "%s", fault.text);
    ck_assert_int_eq(fault.reason, wanted);
    ck_assert_uint_eq(out.at, 1);
    ck_assert_uint_eq(simc_ecm_maker_count(maker), 0);
}

START_TEST(inputs_that_cannot_be_made_are_refused_in_words)
{
    struct simc_ecm_maker *maker = maker_new(&(struct simc_ecm_maker_config){0});
    struct simc_ecm_input input = plain;
    input.cw_count = 0;
    expect_refused(maker, &input, SIMC_EINVAL, "1 to 8");
    input.cw_count = 9;
    expect_refused(maker, &input, SIMC_EINVAL, "1 to 8");
    ck_assert_uint_eq(simc_ecm_size(&input), 0);
    input = plain;
    for (uint8_t size = 0; size < 40; size++) {
        words[1].size = size;
        if (size != 8 && size != 16)
            expect_refused(maker, &input, SIMC_EINVAL, "neither 8 nor 16");
    }
    words[1].size = 16;
    cws[1].cp_number = 1000;
    expect_refused(maker, &input, SIMC_EINVAL, "one crypto period");
    cws[1].cp_number = 1001;
    uint8_t conditions[65] = {0};
    input.has_conditions = true;
    input.conditions = simc_slice(conditions, 65);
    expect_refused(maker, &input, SIMC_EINVAL, "64 bytes");
    simc_ecm_maker_free(maker);
}
END_TEST

/* The table of the specification: counts, both sizes, without content, with it, largest criteria.
 */
static const size_t spec_sizes[SIMC_ECM_CWS_MAX][6] = {
    {82, 88, 143, 90, 96, 151},     {94, 100, 155, 110, 116, 171},  {106, 112, 167, 130, 136, 191},
    {118, 124, 179, 150, 156, 211}, {130, 136, 191, 170, 176, 231}, {142, 148, 203, 190, 196, 251},
    {154, 160, 215, 210, 216, 271}, {166, 172, 227, 230, 236, 291},
};

START_TEST(sizes_are_those_of_the_specification_and_ceilings_hold)
{
    size_t count = (size_t)_i + 1;
    struct simc_ecm_opener *opener = opener_new();
    for (size_t column = 0; column < 6; column++) {
        struct simc_access_criteria criteria = {
            .package = 3, .has_content = column % 3 > 0, .content = 66051};
        criteria.has_conditions = column % 3 == 2;
        criteria.conditions_size = criteria.has_conditions ? 52 : 0;
        struct simc_ecm_input input = plain;
        simc_ecm_input_criteria(&input, &criteria);
        input.cw_count = count;
        for (size_t i = 0; i < count; i++)
            words[i].size = column < 3 ? 8 : 16;
        size_t size = spec_sizes[_i][column];
        ck_assert_uint_eq(simc_ecm_size(&input), size);
        ck_assert_uint_eq(simc_ecm_size_max(&criteria, count, column < 3 ? 8 : 16, 57), size);
        ck_assert_uint_eq(simc_ecm_size_max(&criteria, count, column < 3 ? 8 : 16, 256), size + 1);
        ck_assert_uint_eq(simc_ecm_size_max(&criteria, count, column < 3 ? 8 : 16, 65536),
                          size + 3);
        struct simc_ecm_maker *maker = maker_new(&(struct simc_ecm_maker_config){0});
        if (size > SIMC_ECM_PACKET_SECTION_MAX)
            expect_refused(maker, &input, SIMC_ETOOLONG, "one TS packet (183)");
        input.long_section = true;
        if (size > SIMC_ECM_SECTION_MAX) {
            expect_refused(maker, &input, SIMC_ETOOLONG, "(256)");
        } else {
            struct unit_bytes section = make(maker, &input);
            ck_assert_uint_eq(section.size, size);
            ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL),
                             SIMC_ECM_REASON_OPENED);
        }
        simc_ecm_maker_free(maker);
    }
    simc_ecm_opener_free(opener);
}
END_TEST

START_TEST(size_max_is_never_below_what_is_made)
{
    static const uint32_t marks[] = {0, 23, 24, 255, 256, 65535, 65536, UINT32_MAX};
    struct simc_access_criteria criteria = {.package = 3};
    for (size_t i = 0; i < UNIT_COUNT(marks); i++) {
        for (size_t k = 0; k < UNIT_COUNT(marks); k++) {
            struct simc_ecm_input input = plain;
            simc_ecm_input_criteria(&input, &criteria);
            input.issued_s = marks[i];
            input.lowest_epoch = marks[k];
            cws[0].cp_number = (uint16_t)marks[i];
            cws[1].cp_number = (uint16_t)(marks[i] + 1);
            ck_assert_uint_le(simc_ecm_size(&input), simc_ecm_size_max(&criteria, 2, 16, marks[k]));
        }
    }
    ck_assert_uint_eq(simc_ecm_size_max(&criteria, 0, 16, 0), 0);
    ck_assert_uint_eq(simc_ecm_size_max(&criteria, 9, 16, 0), 0);
    ck_assert_uint_eq(simc_ecm_size_max(&criteria, 2, 12, 0), 0);
    ck_assert_uint_eq(simc_ecm_size_max(&criteria, 2, 256 + 16, 0), 0);
}
END_TEST

START_TEST(too_little_room_says_how_much_is_needed)
{
    struct simc_ecm_maker *maker = maker_new(&(struct simc_ecm_maker_config){0});
    for (size_t room_size = 0; room_size < 116; room_size += 5) {
        uint8_t *room = malloc(room_size ? room_size : 1);
        struct simc_writer out = simc_writer(room, room_size);
        struct simc_cas_fault fault;
        unit_expect_error(simc_ecm_make(maker, &plain, &out, &fault), SIMC_ENOSPC);
        ck_assert_uint_eq(out.at, 116);
        free(room);
    }
    ck_assert_uint_eq(simc_ecm_maker_count(maker), 0);
    simc_ecm_maker_free(maker);
}
END_TEST

START_TEST(the_parity_of_the_period_gives_the_table_id)
{
    struct simc_ecm_maker *maker = maker_new(&(struct simc_ecm_maker_config){0});
    for (uint32_t cp = 65534; cp < 65540; cp++) {
        struct simc_ecm_input input = plain;
        input.cp_number = (uint16_t)cp;
        struct unit_bytes section = make(maker, &input);
        ck_assert_uint_eq(section.data[0], cp % 2 ? 0x81 : 0x80);
    }
    simc_ecm_maker_free(maker);
}
END_TEST

/* ---- memory ---- */

static uint64_t openssl_blocks;

static void *openssl_resize(void *pointer, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    openssl_blocks++;
    return realloc(pointer, size);
}

static void *openssl_new(size_t size, const char *file, int line)
{
    return openssl_resize(NULL, size, file, line);
}

static void openssl_release(void *pointer, const char *file, int line)
{
    (void)file;
    (void)line;
    free(pointer);
}

START_TEST(making_and_opening_take_no_memory)
{
    /* Must come before the first use of OpenSSL in this process; without forks it cannot. */
    bool counts = CRYPTO_set_mem_functions(openssl_new, openssl_resize, openssl_release) == 1;
    unit_alloc_start(0);
    struct simc_ecm_maker *maker = maker_new(&(struct simc_ecm_maker_config){0});
    struct simc_ecm_opener *opener = opener_new();
    struct unit_bytes section = make(maker, &plain);
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
    uint64_t ours = unit_alloc_count(), theirs = openssl_blocks;
    for (int i = 0; i < 100; i++) {
        section = make(maker, &plain);
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
        section.data[section.size - 1] ^= 1;
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_TAG);
    }
    ck_assert_uint_eq(unit_alloc_count(), ours);
    ck_assert_uint_eq(openssl_blocks, theirs);
    ck_assert(!counts || theirs > 0);
    /* A TLS connection in the same thread would take leftovers here for its own. */
    ck_assert_uint_eq(ERR_peek_error(), 0);
    simc_ecm_maker_free(maker);
    simc_ecm_opener_free(opener);
    ck_assert_uint_eq(unit_alloc_stop(), 0);
}
END_TEST

static int make_and_open(void *context)
{
    struct simc_ecm_maker_config config = {.key = &keys[1], .package = 3, .key_version = 412};
    struct simc_ecm_maker *maker;
    struct simc_ecm_opener *opener = NULL;
    (void)context;
    int error = simc_ecm_maker_new(&config, &maker);
    if (!error)
        error = simc_ecm_opener_new(find, NULL, &opener);
    if (!error) {
        struct unit_bytes section = make(maker, &plain);
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
    }
    simc_ecm_maker_free(maker);
    simc_ecm_opener_free(opener);
    return error;
}

START_TEST(each_failed_allocation_is_told)
{
    ck_assert_uint_eq(unit_fail_each_allocation(make_and_open, NULL, true), 2);
}
END_TEST

/* ---- attacks ---- */

START_TEST(every_flipped_bit_is_refused)
{
    struct unit_bytes section = unit_hex(worked_hex);
    struct simc_ecm_opener *opener = opener_new();
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
    for (size_t bit = 0; bit < 8 * section.size; bit++) {
        section.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(open_bytes(opener, unit_slice(&section), NULL) != SIMC_ECM_REASON_OPENED,
                      "bit %zu", bit);
        section.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    const uint64_t *counters = simc_ecm_opener_counters(opener);
    uint64_t sum = 0;
    for (size_t i = 0; i < SIMC_ECM_REASON_COUNT; i++)
        sum += counters[i];
    ck_assert_uint_eq(counters[SIMC_ECM_REASON_OPENED], 1);
    ck_assert_uint_eq(sum, 1 + 928);
    simc_ecm_opener_free(opener);
}
END_TEST

START_TEST(every_cut_and_every_other_length_is_refused)
{
    struct unit_bytes section = unit_hex(worked_hex);
    struct simc_ecm_opener *opener = opener_new();
    for (size_t size = 0; size < section.size; size++) {
        /* As it is, and with a section_length that fits. */
        struct unit_bytes cut = section;
        cut.size = size;
        ck_assert_int_eq(open_bytes(opener, unit_slice(&cut), NULL), SIMC_ECM_REASON_LENGTH);
        if (size < 3)
            continue;
        cut.data[2] = (uint8_t)(size - 3);
        ck_assert_int_ne(open_bytes(opener, unit_slice(&cut), NULL), SIMC_ECM_REASON_OPENED);
    }
    for (size_t more = 1; more < 300; more++) {
        struct unit_bytes longer = section;
        longer.size += more;
        ck_assert_int_eq(open_bytes(opener, unit_slice(&longer), NULL), SIMC_ECM_REASON_LENGTH);
        longer.data[1] = (uint8_t)(0x70 | (longer.size - 3) >> 8);
        longer.data[2] = (uint8_t)(longer.size - 3);
        ck_assert_int_eq(open_bytes(opener, unit_slice(&longer), NULL),
                         longer.size > SIMC_ECM_SECTION_MAX ? SIMC_ECM_REASON_LENGTH
                                                            : SIMC_ECM_REASON_COSE);
    }
    simc_ecm_opener_free(opener);
}
END_TEST

/* Bytes of the worked ECM that are replaced by others of equal meaning to the parser. */
static const struct splice_row {
    const char *what;
    size_t at;
    const char *hex;
    enum simc_ecm_reason reason;
} splices[] = {
    {"table_id 81", 0, "81", SIMC_ECM_REASON_TAG},
    {"package 4, key version 1: a key that is there", 11, "00000004 00000001", SIMC_ECM_REASON_TAG},
    {"package 5", 11, "00000005", SIMC_ECM_REASON_NO_KEY},
    {"key version 411: a key that is there", 15, "0000019b", SIMC_ECM_REASON_TAG},
    {"key version 413", 15, "0000019d", SIMC_ECM_REASON_NO_KEY},
    {"another Super_CAS_id", 19, "4af10002", SIMC_ECM_REASON_TAG},
    {"another ECM_id", 23, "0022", SIMC_ECM_REASON_TAG},
    {"another nonce", 28, "0102030405060708 0000000a", SIMC_ECM_REASON_TAG},
    {"zero tag", 100, "00000000000000000000000000000000", SIMC_ECM_REASON_TAG},
};

START_TEST(parts_of_other_ecms_are_refused)
{
    struct unit_bytes section = unit_hex(worked_hex), part = unit_hex(splices[_i].hex);
    struct simc_ecm_opener *opener = opener_new();
    memcpy(section.data + splices[_i].at, part.data, part.size);
    ck_assert_msg(open_bytes(opener, unit_slice(&section), NULL) == splices[_i].reason, "%s",
                  splices[_i].what);
    simc_ecm_opener_free(opener);
}
END_TEST

START_TEST(an_ecm_of_another_stream_is_refused_before_any_key_is_used)
{
    struct unit_bytes section = unit_hex(worked_hex);
    struct simc_ecm_opener *opener = opener_new();
    const struct simc_ecm_stream_id right = {.has_package = true,
                                             .has_super_cas_id = true,
                                             .has_ecm_id = true,
                                             .package = 3,
                                             .super_cas_id = 0x4af10001,
                                             .ecm_id = 0x21};
    struct simc_ecm_stream_id wrong = right;
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), &right), SIMC_ECM_REASON_OPENED);
    wrong.ecm_id++;
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), &wrong), SIMC_ECM_REASON_STREAM);
    wrong.has_ecm_id = false;
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), &wrong), SIMC_ECM_REASON_OPENED);
    wrong.super_cas_id++;
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), &wrong), SIMC_ECM_REASON_STREAM);
    wrong.has_super_cas_id = false;
    wrong.package++;
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), &wrong), SIMC_ECM_REASON_STREAM);
    wrong.has_package = false;
    ck_assert_int_eq(open_bytes(opener, unit_slice(&section), &wrong), SIMC_ECM_REASON_OPENED);
    simc_ecm_opener_free(opener);
}
END_TEST

START_TEST(an_opener_follows_a_change_of_keys)
{
    struct simc_ecm_opener *opener = opener_new();
    for (int round = 0; round < 6; round++) {
        struct simc_ecm_maker_config config = {.key = &keys[round % 3],
                                               .package = round % 3 == 2 ? 4 : 3,
                                               .key_version =
                                                   round % 3 == 2 ? 1 : 411 + (uint32_t)round % 3};
        struct simc_ecm_maker *maker = maker_new(&config);
        struct unit_bytes section = make(maker, &plain);
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
        /* A repetition opens again: telling them from replays is the receiver's part. */
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
        /* The same version with another key, as after a reload of keys. */
        keys[round % 3].bytes[0] ^= 1;
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_TAG);
        keys[round % 3].bytes[0] ^= 1;
        ck_assert_int_eq(open_bytes(opener, unit_slice(&section), NULL), SIMC_ECM_REASON_OPENED);
        simc_ecm_maker_free(maker);
    }
    simc_ecm_opener_free(opener);
}
END_TEST

START_TEST(random_bytes_are_never_an_ecm)
{
    struct simc_ecm_opener *opener = opener_new();
    struct unit_random random = unit_random(3);
    uint8_t bytes[SIMC_ECM_SECTION_MAX];
    for (int i = 0; i < 3000; i++) {
        size_t size = 4 + unit_random_below(&random, sizeof bytes - 3);
        unit_random_fill(&random, bytes, size);
        bytes[0] = 0x80;
        bytes[1] = (uint8_t)(0x70 | (size - 3) >> 8);
        bytes[2] = (uint8_t)(size - 3);
        bytes[3] = 0x11;
        ck_assert_int_ne(open_bytes(opener, simc_slice(bytes, size), NULL), SIMC_ECM_REASON_OPENED);
    }
    simc_ecm_opener_free(opener);
}
END_TEST

/* ---- words ---- */

START_TEST(every_reason_has_a_word_and_a_text)
{
    for (int i = 0; i < SIMC_ECM_REASON_COUNT; i++) {
        ck_assert_uint_gt(strlen(simc_ecm_reason_word((enum simc_ecm_reason)i)), 2);
        ck_assert_uint_gt(strlen(simc_ecm_reason_text((enum simc_ecm_reason)i)), 10);
        ck_assert(i == 0 || simc__ecm_reason_error((enum simc_ecm_reason)i) < 0);
    }
    for (int i = 0; i < SIMC_ACCESS_CRITERIA_REASON_COUNT; i++) {
        enum simc_access_criteria_reason reason = (enum simc_access_criteria_reason)i;
        ck_assert_uint_gt(strlen(simc_access_criteria_reason_word(reason)), 2);
        ck_assert_uint_gt(strlen(simc_access_criteria_reason_text(reason)), 10);
    }
    ck_assert_str_eq(simc_ecm_reason_word(SIMC_ECM_REASON_COUNT), "?");
    ck_assert_str_eq(simc_ecm_reason_text((enum simc_ecm_reason) - 1), "?");
    ck_assert_str_eq(simc_access_criteria_reason_word(SIMC_ACCESS_CRITERIA_REASON_COUNT), "?");
    ck_assert_str_eq(simc_access_criteria_reason_text((enum simc_access_criteria_reason) - 1), "?");
}
END_TEST

START_TEST(criteria_that_do_not_fit_are_not_written)
{
    struct simc_access_criteria criteria = {
        .package = 3, .has_conditions = true, .conditions_size = 59};
    uint8_t room[80];
    struct simc_writer out = simc_writer(room, sizeof room);
    unit_expect_error(simc_access_criteria_put(&out, &criteria), SIMC_ETOOLONG);
    ck_assert_uint_eq(out.at, 0);
    criteria.conditions_size = 65;
    unit_expect_error(simc_access_criteria_put(&out, &criteria), SIMC_EINVAL);
    criteria.conditions_size = 58;
    struct simc_writer small = simc_writer(room, 63);
    unit_expect_error(simc_access_criteria_put(&small, &criteria), SIMC_ENOSPC);
    unit_expect_error(simc_access_criteria_put(&out, &criteria), 0);
    ck_assert_uint_eq(out.at, SIMC_ACCESS_CRITERIA_SIZE_MAX);
}
END_TEST

Suite *suite_cas_ecm(void)
{
    Suite *suite = suite_create("cas_ecm");
    TCase *making = tcase_create("making"), *opening = tcase_create("opening");
    tcase_add_checked_fixture(making, set_up, NULL);
    tcase_add_checked_fixture(opening, set_up, NULL);
    tcase_add_test(making, making_and_opening_take_no_memory);
    tcase_add_test(making, the_counter_counts_and_a_wrap_draws_a_new_start_id);
    tcase_add_test(making, a_stuck_random_source_is_refused);
    tcase_add_test(making, without_random_bytes_no_ecm_is_made_and_the_next_call_tries_again);
    tcase_add_test(making, two_makers_from_the_system_never_share_a_start_id);
    tcase_add_test(making, keys_that_are_no_keys_are_refused);
    tcase_add_test(making, inputs_that_cannot_be_made_are_refused_in_words);
    tcase_add_loop_test(making, sizes_are_those_of_the_specification_and_ceilings_hold, 0,
                        UNIT_COUNT(spec_sizes));
    tcase_add_test(making, size_max_is_never_below_what_is_made);
    tcase_add_test(making, too_little_room_says_how_much_is_needed);
    tcase_add_test(making, the_parity_of_the_period_gives_the_table_id);
    tcase_add_test(making, each_failed_allocation_is_told);
    tcase_add_test(making, criteria_that_do_not_fit_are_not_written);
    suite_add_tcase(suite, making);
    tcase_add_test(opening, every_flipped_bit_is_refused);
    tcase_add_test(opening, every_cut_and_every_other_length_is_refused);
    tcase_add_loop_test(opening, parts_of_other_ecms_are_refused, 0, UNIT_COUNT(splices));
    tcase_add_test(opening, an_ecm_of_another_stream_is_refused_before_any_key_is_used);
    tcase_add_test(opening, an_opener_follows_a_change_of_keys);
    tcase_add_test(opening, random_bytes_are_never_an_ecm);
    tcase_add_test(opening, every_reason_has_a_word_and_a_text);
    suite_add_tcase(suite, opening);
    return suite;
}
