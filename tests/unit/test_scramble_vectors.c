/* SPDX-License-Identifier: BSL-1.0 */
/* Known packets of tests/vectors/scramble in both directions, through every engine that can run
 * here. Run by the unit test runner; the files explain themselves. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "simulcrypt/scramble.h"
#include "unit/unit.h"

Suite *suite_scramble_vectors(void);

enum { PACKET = SIMC_SCRAMBLE_PACKET_SIZE, LINE_MAX_SIZE = 1024, HEX_MAX = 1024, FIELD_MAX = 80 };

struct vector {
    char name[FIELD_MAX], algorithm[FIELD_MAX], parity[FIELD_MAX], cw[FIELD_MAX], iv[FIELD_MAX];
    char result[FIELD_MAX], sha256[FIELD_MAX];
    char clear[HEX_MAX], scrambled[HEX_MAX];
};

static const struct field {
    const char *name;
    size_t offset, size;
} fields[] = {
#define FIELD(name)                                                            \
    {                                                                          \
#name, offsetof(struct vector, name), sizeof((struct vector *)0)->name \
    }
    FIELD(name),   FIELD(algorithm), FIELD(parity), FIELD(cw),       FIELD(iv),
    FIELD(result), FIELD(sha256),    FIELD(clear),  FIELD(scrambled)
#undef FIELD
};

static const struct file_row {
    const char *name;
    unsigned count; /* vectors in it: a test that reads nothing must not pass */
} files[] = {{"cissa.txt", 9}, {"csa.txt", 12}, {"idsa.txt", 7}, {"aes.txt", 5}};

static FILE *vector_open(const char *name)
{
    const char *root = getenv("SIMC_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/vectors/scramble/%s", root ? root : ".", name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    return file;
}

static void append(struct vector *vector, const struct field *field, const char *text)
{
    char *value = (char *)vector + field->offset;
    ck_assert_msg(strlen(value) + strlen(text) < field->size, "%s is too long", field->name);
    memcpy(value + strlen(value), text, strlen(text) + 1);
}

/* The next paragraph: `name: value` lines, continued by lines that begin with a space. */
static bool vector_read(FILE *file, struct vector *vector)
{
    char line[LINE_MAX_SIZE];
    const struct field *field = NULL;
    memset(vector, 0, sizeof *vector);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (line[0] == '\0') {
            if (field)
                return true;
            continue;
        }
        char *text = line;
        if (line[0] != ' ') {
            size_t size = strcspn(line, ":");
            field = NULL;
            for (size_t i = 0; i < UNIT_COUNT(fields); i++)
                if (strlen(fields[i].name) == size && strncmp(fields[i].name, line, size) == 0)
                    field = &fields[i];
            ck_assert_msg(field && line[size] == ':', "bad line: %s", line);
            text = line + size + 1;
        }
        ck_assert_msg(field != NULL, "bad line: %s", line);
        append(vector, field, text + strspn(text, " "));
    }
    return field != NULL;
}

static void packet_read(uint8_t packet[PACKET], const char *hex)
{
    struct unit_bytes bytes = unit_hex(hex);
    ck_assert_uint_eq(bytes.size, PACKET);
    memcpy(packet, bytes.data, PACKET);
}

static void expect_sha256(const struct vector *vector, const uint8_t packet[PACKET])
{
    uint8_t digest[32];
    ck_assert_int_eq(EVP_Digest(packet, PACKET, digest, NULL, EVP_sha256(), NULL), 1);
    unit_expect_hex(simc_slice(digest, sizeof digest), vector->sha256);
}

static struct simc_scrambler *scrambler_for(const struct vector *vector,
                                            const struct simc_scrambling_info *info,
                                            const char *engine)
{
    bool is_csa = info->block_size == 8;
    struct simc_scrambler_config config = {.slot_count = 1};
    struct simc_scrambler *scrambler;
    if (is_csa)
        config.csa_engine = engine;
    else
        config.aes_engine = engine;
    if (vector->iv[0])
        memcpy(config.aes_cbc_iv, unit_hex(vector->iv).data, sizeof config.aes_cbc_iv);
    int error = simc_scrambler_new(&config, &scrambler);
    if (error == SIMC_EUNSUPPORTED)
        return NULL;
    unit_expect_error(error, 0);
    if (simc_scrambler_require(scrambler, info->algorithm) == SIMC_EUNSUPPORTED) {
        simc_scrambler_free(scrambler);
        return NULL;
    }
    ck_assert_str_eq(simc_scrambler_engine(scrambler, info->algorithm), engine);
    return scrambler;
}

/* The packet alone, and as one of many of the same: batches take another path in most engines. */
static void expect_both_ways(struct simc_scrambler *scrambler, const struct vector *vector,
                             unsigned parity, size_t count)
{
    static uint8_t packets[40][PACKET];
    struct simc_scramble_job jobs[40];
    uint8_t clear[PACKET], scrambled[PACKET];
    packet_read(clear, vector->clear);
    packet_read(scrambled, vector->scrambled);
    for (size_t i = 0; i < count; i++) {
        memcpy(packets[i], clear, PACKET);
        jobs[i] = (struct simc_scramble_job){packets[i], 0, (uint8_t)parity, 0xff};
    }
    unit_expect_error(simc_scramble(scrambler, jobs, count), 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(strcmp(simc_scramble_result_name(jobs[i].result), vector->result) == 0,
                      "%s: %s", vector->name, simc_scramble_result_name(jobs[i].result));
        unit_expect_bytes(simc_slice(packets[i], PACKET), simc_slice(scrambled, PACKET));
    }
    expect_sha256(vector, packets[0]);
    unit_expect_error(simc_descramble(scrambler, jobs, count), 0);
    for (size_t i = 0; i < count; i++)
        unit_expect_bytes(simc_slice(packets[i], PACKET), simc_slice(clear, PACKET));
}

static void expect_vector(const struct vector *vector)
{
    const struct simc_scrambling_info *info = simc_scrambling_by_name(vector->algorithm);
    ck_assert_msg(info != NULL, "%s: no algorithm %s", vector->name, vector->algorithm);
    struct unit_bytes bytes = unit_hex(vector->cw);
    struct simc_secret cw;
    unit_expect_error(simc_secret_set(&cw, unit_slice(&bytes)), 0);
    bool is_odd = strcmp(vector->parity, "odd") == 0;
    const char *engine;
    for (size_t i = 0; (engine = simc_scramble_engine_name(info->algorithm, i)); i++) {
        struct simc_scrambler *scrambler = scrambler_for(vector, info, engine);
        if (!scrambler)
            continue; /* not on this machine */
        enum simc_parity parity = is_odd ? SIMC_PARITY_ODD : SIMC_PARITY_EVEN;
        unit_expect_error(simc_scrambler_key_set(scrambler, 0, parity, info->algorithm, &cw), 0);
        ck_assert_uint_eq(simc_scrambler_stats(scrambler)->checksums_repaired, 0);
        expect_both_ways(scrambler, vector, is_odd, 1);
        expect_both_ways(scrambler, vector, is_odd, 40);
        simc_scrambler_free(scrambler);
    }
}

START_TEST(every_vector_holds_in_both_directions)
{
    FILE *file = vector_open(files[_i].name);
    struct vector vector;
    unsigned count = 0;
    while (vector_read(file, &vector)) {
        expect_vector(&vector);
        count++;
    }
    fclose(file);
    ck_assert_uint_eq(count, files[_i].count);
}
END_TEST

/* CSA looks at every bit of the control word, so that a wrong checksum byte spoils the picture. */
START_TEST(a_flipped_checksum_bit_changes_every_csa_vector)
{
    FILE *file = vector_open("csa.txt");
    struct vector vector;
    while (vector_read(file, &vector)) {
        struct simc_scrambler_config config = {.slot_count = 1};
        struct simc_scrambler *scrambler;
        unit_expect_error(simc_scrambler_new(&config, &scrambler), 0);
        struct unit_bytes bytes = unit_hex(vector.cw);
        bytes.data[3] ^= 0x10;
        struct simc_secret cw;
        unit_expect_error(simc_secret_set(&cw, unit_slice(&bytes)), 0);
        uint8_t packet[PACKET], scrambled[PACKET];
        packet_read(packet, vector.clear);
        packet_read(scrambled, vector.scrambled);
        struct simc_scramble_job job = {packet, 0, 0, 0};
        if (simc_scrambler_key_set(scrambler, 0, SIMC_PARITY_EVEN, SIMC_SCRAMBLING_CSA2, &cw) ==
            0) {
            unit_expect_error(simc_scramble(scrambler, &job, 1), 0);
            if (job.result == SIMC_SCRAMBLE_DONE)
                ck_assert_mem_ne(packet + 4, scrambled + 4, PACKET - 4);
        }
        simc_scrambler_free(scrambler);
    }
    fclose(file);
}
END_TEST

Suite *suite_scramble_vectors(void)
{
    Suite *suite = suite_create("scramble_vectors");
    TCase *vectors = tcase_create("vectors");
    tcase_add_loop_test(vectors, every_vector_holds_in_both_directions, 0, UNIT_COUNT(files));
    tcase_add_test(vectors, a_flipped_checksum_bit_changes_every_csa_vector);
    suite_add_tcase(suite, vectors);
    return suite;
}
