/* SPDX-License-Identifier: BSL-1.0 */
/* Every vector of tests/vectors/ecm*.txt: good ones made and opened to the byte, bad ones refused
 * for the reason that stands beside them. Run by the unit test runner; the files explain
 * themselves. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas/internal.h"
#include "simulcrypt/ts.h"
#include "unit/unit.h"

Suite *suite_cas_vectors(void);

enum { NULL_PID = 0x1fff, LINE_SIZE = 256, VALUE_SIZE = 2048, FIELDS_MAX = 40, NAME_SIZE = 32 };

/* One paragraph of a file. */
struct vector {
    size_t count;
    struct {
        char name[NAME_SIZE], value[VALUE_SIZE];
    } fields[FIELDS_MAX];
};

static FILE *vectors_open(const char *name)
{
    const char *root = getenv("SIMC_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/vectors/%s", root ? root : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    return file;
}

/* The next paragraph: `name: value` lines, continued by lines that begin with a space. */
static bool vector_read(FILE *file, struct vector *vector)
{
    char line[LINE_SIZE];
    vector->count = 0;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (line[0] == '\0') {
            if (vector->count)
                return true;
            continue;
        }
        if (line[0] != ' ') {
            ck_assert_uint_lt(vector->count, FIELDS_MAX);
            size_t size = strcspn(line, ":");
            ck_assert_msg(line[size] == ':' && size < NAME_SIZE, "bad line: %s", line);
            memcpy(vector->fields[vector->count].name, line, size);
            vector->fields[vector->count].name[size] = '\0';
            vector->fields[vector->count++].value[0] = '\0';
            unit_append(vector->fields[vector->count - 1].value, VALUE_SIZE,
                        line + size + 1 + strspn(line + size + 1, " "));
        } else
            unit_append(vector->fields[vector->count - 1].value, VALUE_SIZE,
                        line + strspn(line, " "));
    }
    return vector->count > 0;
}

static const char *find(const struct vector *vector, const char *name)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (strcmp(vector->fields[i].name, name) == 0)
            return vector->fields[i].value;
    }
    return NULL;
}

static const char *get(const struct vector *vector, const char *name)
{
    const char *value = find(vector, name);
    ck_assert_msg(value != NULL, "%s: no %s", vector->fields[0].value, name);
    return value;
}

static uint32_t number(const struct vector *vector, const char *name, int base)
{
    return (uint32_t)strtoul(get(vector, name), NULL, base);
}

/* ---- ECMs ---- */

static struct simc_secret key;

static int key_find(void *context, const struct simc_ecm_kid *kid, struct simc_secret *found)
{
    /* Or both 0, or both the largest number. */
    bool is_vector = (kid->package == 3 && kid->key_version == 412) ||
                     (kid->package == kid->key_version && kid->package + 1 <= 1);
    (void)context;
    if (!is_vector)
        return SIMC_ENOTFOUND;
    *found = key;
    return 0;
}

/* A source of random bytes that gives what the nonce of a vector needs. */
static int random_fixed(void *context, void *memory, size_t size)
{
    uint8_t *bytes = memory;
    memset(bytes, 0xa5, size);
    memcpy(bytes, context, SIMC_ECM_START_ID_SIZE);
    return 0;
}

static void cws_read(const struct vector *vector, struct simc_ecm_input *input,
                     struct simc_ecm_cw *cws, struct simc_secret *words)
{
    for (size_t i = 0; i < vector->count; i++) {
        if (strncmp(vector->fields[i].name, "cw_", 3) != 0)
            continue;
        struct unit_bytes bytes = unit_hex(vector->fields[i].value);
        unit_expect_error(simc_secret_set(&words[input->cw_count], unit_slice(&bytes)), 0);
        cws[input->cw_count].cp_number = (uint16_t)strtoul(vector->fields[i].name + 3, NULL, 10);
        cws[input->cw_count].cw = &words[input->cw_count];
        input->cw_count++;
    }
    input->cws = cws;
}

static void expect_hex_of(const struct vector *vector, const char *name, struct simc_slice got)
{
    unit_expect_hex(got, get(vector, name));
}

static void expect_steps(const struct vector *vector, struct simc_slice section)
{
    uint8_t room[SIMC__ENC_STRUCTURE_MAX];
    struct simc_ecm_envelope envelope;
    struct simc_writer out = simc_writer(room, sizeof room);
    struct simc_cas_fault fault;
    ck_assert_msg(simc_ecm_read(section, &envelope, &fault) == 0, "%s", fault.text);
    expect_hex_of(vector, "protected", envelope.protected_map);
    expect_hex_of(vector, "external_aad", envelope.prefix);
    expect_hex_of(vector, "nonce", envelope.nonce);
    expect_hex_of(vector, "ciphertext", envelope.ciphertext);
    simc__enc_structure_put(&out, envelope.protected_map, envelope.prefix);
    unit_expect_error(out.error, 0);
    expect_hex_of(vector, "enc_structure", simc_slice(room, out.at));
    ck_assert_uint_eq(envelope.kid.package, number(vector, "package", 10));
    ck_assert_uint_eq(envelope.kid.key_version, number(vector, "version", 10));
    ck_assert_uint_eq(envelope.kid.super_cas_id, number(vector, "super_cas_id", 16));
    ck_assert_uint_eq(envelope.kid.ecm_id, number(vector, "ecm_id", 16));
}

static void expect_opened(const struct vector *vector, const struct simc_ecm_input *input,
                          struct simc_slice section)
{
    struct simc_ecm_opener *opener;
    struct simc_cas_fault fault;
    struct simc_ecm ecm;
    unit_expect_error(simc_ecm_opener_new(key_find, NULL, &opener), 0);
    ck_assert_msg(simc_ecm_open(opener, section, NULL, &ecm, &fault) == 0, "%s: %s",
                  get(vector, "name"), fault.text);
    ck_assert_uint_eq(ecm.table_id, input->cp_number & 1 ? 0x81 : 0x80);
    ck_assert_uint_eq(ecm.issued_s, input->issued_s);
    ck_assert_uint_eq(ecm.lowest_epoch, input->lowest_epoch);
    ck_assert_int_eq(ecm.has_content, input->has_content);
    ck_assert_uint_eq(ecm.content, input->content);
    ck_assert_int_eq(ecm.has_conditions, input->has_conditions);
    unit_expect_bytes(simc_slice(ecm.conditions, ecm.conditions_size), input->conditions);
    ck_assert_uint_eq(ecm.cw_count, input->cw_count);
    for (size_t i = 0; i < ecm.cw_count; i++) {
        ck_assert_uint_eq(ecm.cp_numbers[i], input->cws[i].cp_number);
        ck_assert(simc_secret_equal(&ecm.cws[i], input->cws[i].cw));
    }
    ck_assert_uint_eq(simc_ecm_opener_counters(opener)[SIMC_ECM_REASON_OPENED], 1);
    simc_ecm_opener_free(opener);
}

static void expect_made(const struct vector *vector, const struct simc_ecm_input *input,
                        const struct unit_bytes *section)
{
    struct unit_bytes nonce = unit_hex(get(vector, "nonce"));
    struct simc_reader counter = simc_reader(simc_slice(nonce.data + 8, 4));
    struct simc_ecm_maker_config config = {.key = &key,
                                           .package = number(vector, "package", 10),
                                           .key_version = number(vector, "version", 10),
                                           .random = random_fixed,
                                           .random_context = nonce.data,
                                           .counter_start = simc_reader_u32(&counter)};
    uint8_t made[SIMC_ECM_SECTION_MAX], packets[2 * SIMC_TS_SIZE], cc = 0;
    struct simc_writer out = simc_writer(made, sizeof made);
    struct simc_writer packed = simc_writer(packets, sizeof packets);
    struct simc_ecm_maker *maker;
    struct simc_cas_fault fault;
    unit_expect_error(simc_ecm_maker_new(&config, &maker), 0);
    ck_assert_msg(simc_ecm_make(maker, input, &out, &fault) == 0, "%s: %s", get(vector, "name"),
                  fault.text);
    unit_expect_bytes(simc_slice(made, out.at), unit_slice(section));
    ck_assert_uint_eq(simc_ecm_size(input), out.at);
    struct simc_slice made_section = simc_slice(made, out.at);
    unit_expect_error(
        simc_sections_pack(&made_section, 1, SIMC_SECTIONS_APART, NULL_PID, &cc, &packed), 0);
    expect_hex_of(vector, "packets", simc_slice(packets, packed.at));
    ck_assert_uint_eq(cc, packed.at / SIMC_TS_SIZE);
    simc_ecm_maker_free(maker);
}

static void expect_good(const struct vector *vector)
{
    struct unit_bytes section = unit_hex(get(vector, "section")), conditions = {0};
    struct simc_secret words[SIMC_ECM_CWS_MAX];
    struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX];
    struct simc_ecm_input input = {.super_cas_id = number(vector, "super_cas_id", 16),
                                   .ecm_id = (uint16_t)number(vector, "ecm_id", 16),
                                   .cp_number = (uint16_t)number(vector, "cp_number", 10),
                                   .issued_s = number(vector, "issued", 10),
                                   .lowest_epoch = number(vector, "lowest_epoch", 10),
                                   .has_content = find(vector, "content") != NULL,
                                   .has_conditions = find(vector, "conditions") != NULL,
                                   .long_section = section.size > SIMC_ECM_PACKET_SECTION_MAX};
    if (input.has_content)
        input.content = number(vector, "content", 10);
    if (input.has_conditions)
        conditions = unit_hex(get(vector, "conditions"));
    input.conditions = unit_slice(&conditions);
    cws_read(vector, &input, cws, words);
    expect_steps(vector, unit_slice(&section));
    expect_opened(vector, &input, unit_slice(&section));
    if (!find(vector, "makes"))
        expect_made(vector, &input, &section);
}

static void expect_bad(const struct vector *vector)
{
    struct unit_bytes bytes = unit_hex(get(vector, "section"));
    uint8_t *section = unit_exact(unit_slice(&bytes));
    struct simc_ecm_opener *opener;
    struct simc_cas_fault fault = {0};
    struct simc_ecm ecm, zero = {0};
    unit_expect_error(simc_ecm_opener_new(key_find, NULL, &opener), 0);
    int error = simc_ecm_open(opener, simc_slice(section, bytes.size), NULL, &ecm, &fault);
    const char *word = simc_ecm_reason_word((enum simc_ecm_reason)fault.reason);
    ck_assert_msg(strcmp(word, get(vector, "reason")) == 0, "%s: %s (%s)", get(vector, "name"),
                  word, fault.text);
    ck_assert_int_lt(error, 0);
    ck_assert_uint_eq(simc_ecm_opener_counters(opener)[fault.reason], 1);
    ck_assert_uint_le(fault.offset, SIMC_ECM_SECTION_MAX);
    ck_assert_mem_eq(&ecm, &zero, sizeof ecm);
    /* Nobody wants the sentence: the same result. */
    ck_assert_int_eq(simc_ecm_open(opener, simc_slice(section, bytes.size), NULL, &ecm, NULL),
                     error);
    simc_ecm_opener_free(opener);
    free(section);
}

START_TEST(every_ecm_is_made_opened_or_refused_as_its_vector_says)
{
    static struct vector vector;
    struct unit_bytes bytes = unit_hex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    FILE *file = vectors_open("ecm.txt");
    unsigned good = 0, bad = 0;
    unit_expect_error(simc_secret_set(&key, unit_slice(&bytes)), 0);
    while (vector_read(file, &vector)) {
        if (find(&vector, "reason")) {
            expect_bad(&vector);
            bad++;
        } else {
            expect_good(&vector);
            good++;
        }
    }
    fclose(file);
    ck_assert_uint_eq(good, 14);
    ck_assert_uint_ge(bad, 90);
}
END_TEST

/* ---- access criteria ---- */

static void expect_criteria(const struct vector *vector)
{
    struct unit_bytes bytes = unit_hex(get(vector, "bytes")), conditions = {0};
    struct simc_access_criteria criteria;
    struct simc_cas_fault fault;
    uint8_t room[SIMC_ACCESS_CRITERIA_SIZE_MAX];
    struct simc_writer out = simc_writer(room, sizeof room);
    ck_assert_msg(simc_access_criteria_read(unit_slice(&bytes), &criteria, &fault) == 0, "%s: %s",
                  get(vector, "name"), fault.text);
    ck_assert_uint_eq(criteria.package, number(vector, "package", 10));
    ck_assert_int_eq(criteria.has_content, find(vector, "content") != NULL);
    if (criteria.has_content)
        ck_assert_uint_eq(criteria.content, number(vector, "content", 10));
    ck_assert_int_eq(criteria.has_conditions, find(vector, "conditions") != NULL);
    if (criteria.has_conditions)
        conditions = unit_hex(get(vector, "conditions"));
    unit_expect_bytes(simc_slice(criteria.conditions, criteria.conditions_size),
                      unit_slice(&conditions));
    if (find(vector, "makes"))
        return;
    unit_expect_error(simc_access_criteria_put(&out, &criteria), 0);
    unit_expect_bytes(simc_slice(room, out.at), unit_slice(&bytes));
}

static void expect_bad_criteria(const struct vector *vector)
{
    struct unit_bytes bytes = unit_hex(get(vector, "bytes"));
    uint8_t *exact = unit_exact(unit_slice(&bytes));
    struct simc_access_criteria criteria, zero = {0};
    struct simc_cas_fault fault = {0};
    int error = simc_access_criteria_read(simc_slice(exact, bytes.size), &criteria, &fault);
    const char *word =
        simc_access_criteria_reason_word((enum simc_access_criteria_reason)fault.reason);
    ck_assert_msg(strcmp(word, get(vector, "reason")) == 0, "%s: %s (%s)", get(vector, "name"),
                  word, fault.text);
    ck_assert_int_lt(error, 0);
    ck_assert_mem_eq(&criteria, &zero, sizeof zero);
    ck_assert_uint_le(fault.offset, bytes.size);
    ck_assert_int_eq(simc_access_criteria_read(simc_slice(exact, bytes.size), &criteria, NULL),
                     error);
    free(exact);
}

START_TEST(access_criteria_are_read_written_or_refused_as_their_vectors_say)
{
    static struct vector vector;
    FILE *file = vectors_open("ecm-access-criteria.txt");
    unsigned good = 0, bad = 0;
    while (vector_read(file, &vector)) {
        if (find(&vector, "reason")) {
            expect_bad_criteria(&vector);
            bad++;
        } else {
            expect_criteria(&vector);
            good++;
        }
    }
    fclose(file);
    ck_assert_uint_eq(good, 11);
    ck_assert_uint_ge(bad, 35);
}
END_TEST

Suite *suite_cas_vectors(void)
{
    Suite *suite = suite_create("cas_vectors");
    TCase *vectors = tcase_create("vectors");
    tcase_add_test(vectors, every_ecm_is_made_opened_or_refused_as_its_vector_says);
    tcase_add_test(vectors, access_criteria_are_read_written_or_refused_as_their_vectors_say);
    suite_add_tcase(suite, vectors);
    return suite;
}
