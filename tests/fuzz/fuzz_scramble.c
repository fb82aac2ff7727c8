/* SPDX-License-Identifier: BSL-1.0 */
/* Batches of hostile packets under random keys: all engines must agree, descrambling must undo
 * scrambling, and a packet that is not scrambled must stay as it was. Run by libFuzzer, or over the
 * corpus by the replay driver.
 *
 * Input: one byte with the algorithm, 16 bytes of control word, then per packet one byte (bit 0
 * parity, bits 1..2 slot, bit 3 descramble in the first pass) and 188 bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/scramble.h"

enum {
    PACKET = SIMC_SCRAMBLE_PACKET_SIZE,
    CW_SIZE = 16,
    PACKETS_MAX = 160, /* more than a bit-sliced batch */
    SLOTS = 3,         /* slot 3 does not exist, slot 2 has no odd key */
    ENGINES_MAX = 8,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)  \
    do {                  \
        if (!(condition)) \
            abort();      \
    } while (0)

struct input {
    const struct simc_scrambling_info *algorithm;
    const uint8_t *cw;
    const uint8_t *rows; /* of 1 + PACKET bytes */
    size_t count;
};

/* What one engine made of the input: after one pass, and after the pass back. */
struct output {
    uint8_t packets[2][PACKETS_MAX][PACKET];
    uint8_t results[2][PACKETS_MAX];
};

static struct output outputs[2];

/* Scramblers are made once; NULL behind the last that can run here. */
static struct simc_scrambler **scramblers_for(bool is_csa)
{
    static struct simc_scrambler *made[2][ENGINES_MAX + 1];
    static bool ready[2];
    enum simc_scrambling any = is_csa ? SIMC_SCRAMBLING_CSA2 : SIMC_SCRAMBLING_CISSA;
    if (!ready[is_csa]) {
        size_t count = 0;
        const char *engine;
        for (size_t i = 0; i < ENGINES_MAX && (engine = simc_scramble_engine_name(any, i)); i++) {
            struct simc_scrambler_config config = {.slot_count = SLOTS,
                                                   .aes_engine = is_csa ? NULL : engine,
                                                   .csa_engine = is_csa ? engine : NULL};
            struct simc_scrambler **next = &made[is_csa][count];
            if (simc_scrambler_new(&config, next))
                continue;
            if (simc_scrambler_require(*next, any) == 0) {
                count++;
                continue;
            }
            simc_scrambler_free(*next);
            *next = NULL;
        }
        ready[is_csa] = true;
    }
    return made[is_csa];
}

static void keys_set(struct simc_scrambler *scrambler, const struct input *input)
{
    for (unsigned key = 0; key < SLOTS * 2 - 1; key++) {
        struct simc_secret cw;
        uint8_t bytes[CW_SIZE];
        memcpy(bytes, input->cw, sizeof bytes);
        bytes[key % 8] ^= (uint8_t)(key + 1);
        CHECK(simc_secret_set(&cw, simc_slice(bytes, input->algorithm->cw_size)) == 0);
        CHECK(simc_scrambler_key_set(scrambler, key / 2, (enum simc_parity)(key % 2),
                                     input->algorithm->algorithm, &cw) == 0);
    }
    simc_scrambler_key_wipe(scrambler, SLOTS - 1, SIMC_PARITY_ODD);
}

/* One direction over those packets that go it in this pass; the others keep result 0xff. */
static void half_pass(struct simc_scrambler *scrambler, const struct input *input,
                      uint8_t *const packets[PACKETS_MAX], uint8_t results[PACKETS_MAX],
                      bool descramble, unsigned pass)
{
    struct simc_scramble_job jobs[PACKETS_MAX];
    size_t from[PACKETS_MAX], count = 0;
    for (size_t i = 0; i < input->count; i++) {
        uint8_t control = input->rows[i * (1 + PACKET)];
        if (((control >> 3 & 1) ^ pass) != descramble)
            continue;
        jobs[count] = (struct simc_scramble_job){packets[i], control >> 1 & 3, control & 1, 0xff};
        from[count++] = i;
    }
    CHECK((descramble ? simc_descramble : simc_scramble)(scrambler, jobs, count) == 0);
    for (size_t i = 0; i < count; i++)
        results[from[i]] = jobs[i].result;
}

static void run(struct simc_scrambler *scrambler, const struct input *input, struct output *output)
{
    /* Each packet in a block of its own, so that the sanitizer sees what leaves it. */
    uint8_t *packets[PACKETS_MAX];
    for (size_t i = 0; i < input->count; i++) {
        packets[i] = malloc(PACKET);
        CHECK(packets[i] != NULL);
        memcpy(packets[i], input->rows + i * (1 + PACKET) + 1, PACKET);
    }
    keys_set(scrambler, input);
    for (unsigned pass = 0; pass < 2; pass++) {
        half_pass(scrambler, input, packets, output->results[pass], false, pass);
        half_pass(scrambler, input, packets, output->results[pass], true, pass);
        for (size_t i = 0; i < input->count; i++)
            memcpy(output->packets[pass][i], packets[i], PACKET);
    }
    for (size_t i = 0; i < input->count; i++)
        free(packets[i]);
}

/* What must hold for a packet that went one way and back. */
static void check_packet(const uint8_t *before, const uint8_t *after, const uint8_t *back,
                         enum simc_scramble_result result, enum simc_scramble_result back_result,
                         bool same_key)
{
    CHECK(result < SIMC_SCRAMBLE_RESULT_COUNT);
    CHECK(memcmp(before, after, 3) == 0 && ((before[3] ^ after[3]) & 0x3f) == 0);
    if (result == SIMC_SCRAMBLE_DONE && same_key) {
        CHECK(back_result == SIMC_SCRAMBLE_DONE);
        CHECK(memcmp(before, back, PACKET) == 0);
    } else if (result == SIMC_SCRAMBLE_SHORT || result == SIMC_SCRAMBLE_NO_PAYLOAD) {
        CHECK(after[3] >> 6 == 0 && memcmp(before + 4, after + 4, PACKET - 4) == 0);
    } else if (result != SIMC_SCRAMBLE_DONE) {
        CHECK(memcmp(before, after, PACKET) == 0);
    }
}

/* On the way back a scrambler uses the parity of the job, a descrambler that of TSC. */
static bool is_same_key(uint8_t control, const uint8_t *before)
{
    return !(control >> 3 & 1) || (before[3] >> 6 & 1) == (control & 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + CW_SIZE)
        return 0;
    struct input input = {simc_scrambling_info(data[0] % SIMC_SCRAMBLING_COUNT), data + 1,
                          data + 1 + CW_SIZE, (size - 1 - CW_SIZE) / (1 + PACKET)};
    if (input.count > PACKETS_MAX)
        input.count = PACKETS_MAX;
    struct simc_scrambler **scramblers = scramblers_for(input.algorithm->block_size == 8);
    for (size_t engine = 0; scramblers[engine]; engine++) {
        struct output *output = &outputs[engine > 0];
        run(scramblers[engine], &input, output);
        for (size_t i = 0; i < input.count; i++) {
            const uint8_t *row = input.rows + i * (1 + PACKET);
            check_packet(row + 1, output->packets[0][i], output->packets[1][i],
                         output->results[0][i], output->results[1][i],
                         is_same_key(row[0], row + 1));
        }
        for (unsigned pass = 0; engine > 0 && pass < 2; pass++) {
            CHECK(memcmp(outputs[0].results[pass], output->results[pass], input.count) == 0);
            CHECK(memcmp(outputs[0].packets[pass], output->packets[pass], input.count * PACKET) ==
                  0);
        }
    }
    return 0;
}
