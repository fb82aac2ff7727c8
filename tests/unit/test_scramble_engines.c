/* SPDX-License-Identifier: BSL-1.0 */
/* Every engine against OpenSSL or libdvbcsa called plainly: all payload sizes, alignments, key
 * mixes and cuts of a stream into batches, between pages that must not be touched. Run by the unit
 * test runner. */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "simulcrypt/scramble.h"
#include "unit/unit.h"

Suite *suite_scramble_engines(void);

enum {
    PACKET = SIMC_SCRAMBLE_PACKET_SIZE,
    PACKETS = 700, /* some batches of every engine, and a rest */
    SLOTS = 5,
    STRIDE_MAX = PACKET + 64,
};

typedef uint8_t packet_bytes[PACKET];

/* ---- the oracle: one packet, straight from the rule ---- */

static struct oracle_library {
    void *handle;
    void *(*make)(void);
    void (*destroy)(void *key);
    void (*set)(const unsigned char *cw, void *key);
    void (*encrypt)(const void *key, unsigned char *data, unsigned int size);
} oracle_library;

static void bind(const char *symbol, void *function)
{
    void *found = dlsym(oracle_library.handle, symbol);
    ck_assert_msg(found != NULL, "no %s", symbol);
    memcpy(function, &found, sizeof found);
}

static bool oracle_has_csa(void)
{
    if (!oracle_library.handle) {
        oracle_library.handle = dlopen("libdvbcsa.so.1", RTLD_NOW | RTLD_LOCAL);
        if (!oracle_library.handle)
            return false;
        bind("dvbcsa_key_alloc", &oracle_library.make);
        bind("dvbcsa_key_free", &oracle_library.destroy);
        bind("dvbcsa_key_set", &oracle_library.set);
        bind("dvbcsa_encrypt", &oracle_library.encrypt);
    }
    return true;
}

static void oracle_aes(const EVP_CIPHER *cipher, const struct simc_secret *cw, const uint8_t *iv,
                       uint8_t *data, size_t size)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int out = 0;
    ck_assert_int_eq(EVP_EncryptInit_ex(context, cipher, NULL, cw->bytes, iv), 1);
    ck_assert_int_eq(EVP_CIPHER_CTX_set_padding(context, 0), 1);
    ck_assert_int_eq(EVP_EncryptUpdate(context, data, &out, data, (int)size), 1);
    ck_assert_int_eq(out, (int)size);
    EVP_CIPHER_CTX_free(context);
}

static void oracle_payload(enum simc_scrambling algorithm, const struct simc_secret *cw,
                           const uint8_t *cbc_iv, uint8_t *data, size_t size)
{
    static const uint8_t zeros[16];
    size_t whole = size - size % 16;
    uint8_t stream[16];
    switch (algorithm) {
    case SIMC_SCRAMBLING_CISSA:
        oracle_aes(EVP_aes_128_cbc(), cw, (const uint8_t *)"DVBTMCPTAESCISSA", data, whole);
        break;
    case SIMC_SCRAMBLING_AES_CBC:
        oracle_aes(EVP_aes_128_cbc(), cw, cbc_iv, data, whole);
        break;
    case SIMC_SCRAMBLING_AES_ECB:
        oracle_aes(EVP_aes_128_ecb(), cw, NULL, data, whole);
        break;
    case SIMC_SCRAMBLING_IDSA:
        oracle_aes(EVP_aes_128_cbc(), cw, zeros, data, whole);
        memcpy(stream, whole ? data + whole - 16 : zeros, 16);
        oracle_aes(EVP_aes_128_ecb(), cw, NULL, stream, 16);
        for (size_t i = whole; i < size; i++)
            data[i] ^= stream[i - whole];
        break;
    case SIMC_SCRAMBLING_CSA1:
    case SIMC_SCRAMBLING_CSA2: {
        void *key = oracle_library.make();
        oracle_library.set(cw->bytes, key);
        oracle_library.encrypt(key, data, (unsigned)size);
        oracle_library.destroy(key);
        break;
    }
    case SIMC_SCRAMBLING_COUNT:
        break;
    }
}

/* ---- a random stream and what must become of it ---- */

struct stream {
    enum simc_scrambling algorithm[SLOTS]; /* by slot */
    struct simc_secret cw[SLOTS][2];
    uint8_t iv[16];
    uint8_t clear[PACKETS][PACKET], scrambled[PACKETS][PACKET];
    uint8_t result[PACKETS];
    uint32_t slot[PACKETS];
    uint8_t parity[PACKETS];
};

/* A good packet with this many bytes of payload. */
static void packet_fill(struct unit_random *random, uint8_t packet[PACKET], size_t payload)
{
    unit_random_fill(random, packet, PACKET);
    packet[0] = 0x47;
    packet[3] = (uint8_t)((packet[3] & 0x0f) | (payload == 184 ? 0x10 : payload ? 0x30 : 0x20));
    if (payload < 184)
        packet[4] = (uint8_t)(183 - payload);
}

/* All sizes of 0..184 in turn, of any parity; or mostly full packets and long stretches of one
 * parity as in a real stream, in which whole sets have the same key and size. */
static void stream_fill(struct stream *stream, struct unit_random *random, unsigned slots,
                        bool mostly_full)
{
    unit_random_fill(random, stream->iv, sizeof stream->iv);
    for (unsigned slot = 0; slot < slots; slot++) {
        for (int parity = 0; parity < 2; parity++) {
            uint8_t cw[16];
            size_t size = simc_scrambling_info(stream->algorithm[slot])->cw_size;
            unit_random_fill(random, cw, sizeof cw);
            unit_expect_error(simc_secret_set(&stream->cw[slot][parity], simc_slice(cw, size)), 0);
            if (stream->algorithm[slot] == SIMC_SCRAMBLING_CSA1)
                unit_expect_error(simc_csa_checksum_set(&stream->cw[slot][parity]), 0);
        }
    }
    for (size_t i = 0; i < PACKETS; i++) {
        size_t payload = i % 185;
        if (mostly_full && unit_random_below(random, 8))
            payload = 184;
        packet_fill(random, stream->clear[i], payload);
        uint32_t slot = stream->slot[i] = (uint32_t)unit_random_below(random, slots);
        unsigned parity = mostly_full ? i / 150 % 2 : (unsigned)unit_random_below(random, 2);
        stream->parity[i] = (uint8_t)parity;
        const struct simc_scrambling_info *info = simc_scrambling_info(stream->algorithm[slot]);
        uint8_t *packet = stream->scrambled[i];
        memcpy(packet, stream->clear[i], PACKET);
        stream->result[i] = SIMC_SCRAMBLE_DONE;
        if (payload < info->payload_size_min) {
            stream->result[i] = payload ? SIMC_SCRAMBLE_SHORT : SIMC_SCRAMBLE_NO_PAYLOAD;
            continue;
        }
        packet[3] |= (uint8_t)(0x80 | parity << 6);
        oracle_payload(info->algorithm, &stream->cw[slot][parity], stream->iv,
                       packet + PACKET - payload, payload);
    }
}

/* NULL: the engine cannot run here. */
static struct simc_scrambler *scrambler_for(const struct stream *stream, unsigned slots,
                                            const char *aes_engine, const char *csa_engine)
{
    struct simc_scrambler_config config = {
        .slot_count = slots, .aes_engine = aes_engine, .csa_engine = csa_engine};
    struct simc_scrambler *scrambler;
    memcpy(config.aes_cbc_iv, stream->iv, sizeof config.aes_cbc_iv);
    int error = simc_scrambler_new(&config, &scrambler);
    if (error == SIMC_EUNSUPPORTED)
        return NULL;
    unit_expect_error(error, 0);
    for (unsigned slot = 0; slot < slots; slot++)
        for (int parity = 0; parity < 2; parity++)
            unit_expect_error(simc_scrambler_key_set(scrambler, slot, (enum simc_parity)parity,
                                                     stream->algorithm[slot],
                                                     &stream->cw[slot][parity]),
                              0);
    return scrambler;
}

/* ---- memory between two pages that may not be touched ---- */

struct fence {
    uint8_t *map, *start, *end;
    size_t size;
};

static struct fence fence_make(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page;
    struct fence fence = {.size = (pages + 2) * page};
    fence.map = mmap(NULL, fence.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(fence.map != MAP_FAILED);
    fence.start = fence.map + page;
    fence.end = fence.start + pages * page;
    ck_assert_int_eq(mprotect(fence.start, pages * page, PROT_READ | PROT_WRITE), 0);
    return fence;
}

/* ---- the comparison ---- */

static size_t cut(struct unit_random *random, unsigned cuts, size_t left)
{
    size_t size = cuts == 0 ? left : cuts == 1 ? 1 : 1 + unit_random_below(random, 60);
    return size < left ? size : left;
}

/* Scrambles all packets and back. `stride` bytes lie between packets, the last one ends at the end
 * of the fence or the first begins at its start. `cuts`: 0 one call, 1 packet by packet, 2 random.
 */
static void expect_stream(const struct stream *stream, struct simc_scrambler *scrambler,
                          struct unit_random *random, const struct fence *fence, size_t stride,
                          unsigned cuts, bool at_end)
{
    static struct simc_scramble_job jobs[PACKETS];
    uint8_t *first = at_end ? fence->end - ((PACKETS - 1) * stride + PACKET) : fence->start;
    for (size_t i = 0; i < PACKETS; i++) {
        jobs[i] = (struct simc_scramble_job){first + i * stride, stream->slot[i], stream->parity[i],
                                             0xff};
        memcpy(jobs[i].packet, stream->clear[i], PACKET);
    }
    for (size_t at = 0, size; at < PACKETS; at += size) {
        size = cut(random, cuts, PACKETS - at);
        unit_expect_error(simc_scramble(scrambler, jobs + at, size), 0);
    }
    for (size_t i = 0; i < PACKETS; i++) {
        ck_assert_uint_eq(jobs[i].result, stream->result[i]);
        unit_expect_bytes(simc_slice(jobs[i].packet, PACKET),
                          simc_slice(stream->scrambled[i], PACKET));
    }
    for (size_t at = 0, size; at < PACKETS; at += size) {
        size = cut(random, cuts, PACKETS - at);
        unit_expect_error(simc_descramble(scrambler, jobs + at, size), 0);
    }
    for (size_t i = 0; i < PACKETS; i++)
        unit_expect_bytes(simc_slice(jobs[i].packet, PACKET), simc_slice(stream->clear[i], PACKET));
}

static bool is_csa(enum simc_scrambling algorithm)
{
    return simc_scrambling_info(algorithm)->block_size == 8;
}

/* Every algorithm by every engine of its family. */
START_TEST(every_engine_does_what_the_plain_rule_does)
{
    static struct stream stream;
    enum simc_scrambling algorithm = (enum simc_scrambling)_i;
    if (is_csa(algorithm) && !oracle_has_csa())
        return;
    struct unit_random random = unit_random(1000 + (uint64_t)_i);
    struct fence fence = fence_make(PACKETS * STRIDE_MAX);
    for (unsigned slots = 1; slots <= SLOTS; slots += SLOTS - 1) {
        for (unsigned slot = 0; slot < slots; slot++)
            stream.algorithm[slot] = algorithm;
        for (int mostly_full = 0; mostly_full < 2; mostly_full++) {
            stream_fill(&stream, &random, slots, mostly_full);
            const char *engine;
            for (size_t i = 0; (engine = simc_scramble_engine_name(algorithm, i)); i++) {
                struct simc_scrambler *scrambler =
                    scrambler_for(&stream, slots, is_csa(algorithm) ? NULL : engine,
                                  is_csa(algorithm) ? engine : NULL);
                if (!scrambler)
                    continue;
                for (unsigned cuts = 0; cuts < 3; cuts++)
                    for (size_t stride = PACKET; stride < STRIDE_MAX; stride += 21)
                        expect_stream(&stream, scrambler, &random, &fence, stride, cuts,
                                      stride % 2);
                simc_scrambler_free(scrambler);
            }
        }
    }
    munmap(fence.map, fence.size);
}
END_TEST

/* One slot per algorithm in one scrambler: batches in which everything meets. */
START_TEST(algorithms_mix_in_a_batch)
{
    static const enum simc_scrambling algorithms[2][SLOTS] = {
        {SIMC_SCRAMBLING_CISSA, SIMC_SCRAMBLING_IDSA, SIMC_SCRAMBLING_AES_CBC,
         SIMC_SCRAMBLING_AES_ECB, SIMC_SCRAMBLING_CISSA},
        {SIMC_SCRAMBLING_CSA2, SIMC_SCRAMBLING_CISSA, SIMC_SCRAMBLING_CSA1, SIMC_SCRAMBLING_IDSA,
         SIMC_SCRAMBLING_AES_ECB}};
    static struct stream stream;
    if (_i == 1 && !oracle_has_csa())
        return;
    memcpy(stream.algorithm, algorithms[_i], sizeof stream.algorithm);
    struct unit_random random = unit_random(2000 + (uint64_t)_i);
    struct fence fence = fence_make(PACKETS * STRIDE_MAX);
    stream_fill(&stream, &random, SLOTS, true);
    const char *engine;
    for (size_t i = 0; (engine = simc_scramble_engine_name(SIMC_SCRAMBLING_CISSA, i)); i++) {
        struct simc_scrambler *scrambler = scrambler_for(&stream, SLOTS, engine, NULL);
        if (!scrambler)
            continue;
        for (unsigned cuts = 0; cuts < 3; cuts++)
            expect_stream(&stream, scrambler, &random, &fence, PACKET, cuts, true);
        simc_scrambler_free(scrambler);
    }
    munmap(fence.map, fence.size);
}
END_TEST

/* More CSA keys than the waiting packets can be sorted into full batches for. */
START_TEST(many_csa_keys_fill_the_queue)
{
    enum { KEYS = 300, COUNT = 3 * SIMC_SCRAMBLE_BATCH + 5 };
    UNIT_ROOM(packet_bytes, packets, COUNT);
    UNIT_ROOM(packet_bytes, clear, COUNT);
    static struct simc_scramble_job jobs[COUNT];
    struct simc_secret cw[KEYS];
    struct unit_random random = unit_random(3000);
    struct simc_scrambler *scrambler;
    if (!oracle_has_csa())
        return;
    struct simc_scrambler_config config = {.slot_count = KEYS};
    unit_expect_error(simc_scrambler_new(&config, &scrambler), 0);
    for (uint32_t i = 0; i < KEYS; i++) {
        uint8_t bytes[8];
        unit_random_fill(&random, bytes, sizeof bytes);
        unit_expect_error(simc_secret_set(&cw[i], simc_slice(bytes, sizeof bytes)), 0);
        unit_expect_error(
            simc_scrambler_key_set(scrambler, i, SIMC_PARITY_EVEN, SIMC_SCRAMBLING_CSA2, &cw[i]),
            0);
    }
    for (size_t i = 0; i < COUNT; i++) {
        /* Half of the packets belong to one busy slot, so that full batches leave early. */
        uint32_t slot = i % 2 ? 7 : (uint32_t)unit_random_below(&random, KEYS);
        packet_fill(&random, clear[i], 1 + unit_random_below(&random, 184));
        memcpy(packets[i], clear[i], PACKET);
        jobs[i] = (struct simc_scramble_job){packets[i], slot, 0, 0xff};
    }
    unit_expect_error(simc_scramble(scrambler, jobs, COUNT), 0);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t wanted[PACKET];
        memcpy(wanted, clear[i], PACKET);
        size_t payload = wanted[3] & 0x20 ? 183u - wanted[4] : 184;
        if (payload >= 8) {
            wanted[3] |= 0x80;
            oracle_payload(SIMC_SCRAMBLING_CSA2, &cw[jobs[i].slot], NULL, wanted + PACKET - payload,
                           payload);
        }
        unit_expect_bytes(simc_slice(packets[i], PACKET), simc_slice(wanted, PACKET));
    }
    unit_expect_error(simc_descramble(scrambler, jobs, COUNT), 0);
    ck_assert_mem_eq(packets, clear, sizeof packets);
    simc_scrambler_free(scrambler);
}
END_TEST

/* Packets that cannot be, at both edges of what may be read. */
START_TEST(impossible_packets_are_never_read_past)
{
    struct fence fence = fence_make(PACKET);
    struct unit_random random = unit_random(4000);
    const char *engine;
    for (size_t e = 0; (engine = simc_scramble_engine_name(SIMC_SCRAMBLING_IDSA, e)); e++) {
        struct stream stream = {.algorithm = {SIMC_SCRAMBLING_IDSA}};
        for (int parity = 0; parity < 2; parity++)
            unit_expect_error(
                simc_secret_set(&stream.cw[0][parity], simc_slice("0123456789abcdef", 16)), 0);
        struct simc_scrambler *scrambler = scrambler_for(&stream, 1, engine, NULL);
        for (int i = 0; scrambler && i < 4 * 65536; i++) {
            uint8_t *packet = i & 1 ? fence.end - PACKET : fence.start;
            uint8_t before[PACKET];
            unit_random_fill(&random, packet, 8);
            packet[0] = i & 2 ? 0x47 : packet[0];
            packet[3] = (uint8_t)(i >> 2);
            packet[4] = (uint8_t)(i >> 10);
            memcpy(before, packet, PACKET);
            struct simc_scramble_job job = {packet, 0, 0, 0xff};
            bool back = packet[3] & 0xc0;
            unit_expect_error((back ? simc_descramble : simc_scramble)(scrambler, &job, 1), 0);
            if (job.result == SIMC_SCRAMBLE_MALFORMED)
                ck_assert_mem_eq(packet, before, PACKET);
            else
                ck_assert_int_eq(packet[0], 0x47);
        }
        simc_scrambler_free(scrambler);
    }
    munmap(fence.map, fence.size);
}
END_TEST

Suite *suite_scramble_engines(void)
{
    Suite *suite = suite_create("scramble_engines");
    TCase *engines = tcase_create("engines");
    tcase_set_timeout(engines, 120);
    tcase_add_loop_test(engines, every_engine_does_what_the_plain_rule_does, 0,
                        SIMC_SCRAMBLING_COUNT);
    tcase_add_loop_test(engines, algorithms_mix_in_a_batch, 0, 2);
    tcase_add_test(engines, many_csa_keys_fill_the_queue);
    tcase_add_test(engines, impossible_packets_are_never_read_past);
    suite_add_tcase(suite, engines);
    return suite;
}
