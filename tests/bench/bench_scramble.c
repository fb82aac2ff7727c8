/* SPDX-License-Identifier: BSL-1.0 */
/* Measures the scrambling engines on one core, in memory, against OpenSSL called packet by packet
 * and against libdvbcsa's own batch call; `make bench` runs it. It prints figures and judges
 * nothing. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "bench.h"
#include "simulcrypt/scramble.h"

enum {
    PACKETS = 8192, /* 1.5 MB: larger than the first cache, smaller than the last */
    KEYS = 16,
    PAYLOAD = 184,
    ENCRYPTED = 176, /* of a full payload by CISSA: whole blocks only */
    RUN_COUNT = 9,
    RUN_NS = 50000000,
};

static uint8_t stream[PACKETS][SIMC_SCRAMBLE_PACKET_SIZE];
static struct simc_scramble_job jobs[PACKETS];
static uint16_t key_of[PACKETS];

static uint64_t random_next(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* GB/s of 184-byte payloads; an operation is one pass over the stream. */
static double measure(bench_operation *pass, void *context)
{
    return (double)(PACKETS * PAYLOAD) / bench_ns(pass, context);
}

static void stream_fill(unsigned keys)
{
    for (size_t i = 0; i < PACKETS; i++) {
        for (size_t at = 0; at < SIMC_SCRAMBLE_PACKET_SIZE; at++)
            stream[i][at] = (uint8_t)random_next();
        static const uint8_t header[4] = {0x47, 0x01, 0x00, 0x10};
        memcpy(stream[i], header, sizeof header);
        key_of[i] = (uint16_t)(random_next() % keys);
    }
}

static void cw_make(struct simc_secret *cw, size_t size, unsigned key)
{
    uint8_t bytes[16];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(17 * key + 31 * i + 5);
    if (simc_secret_set(cw, simc_slice(bytes, size)))
        exit(1);
}

/* ---- OpenSSL, one packet after the other ---- */

struct evp {
    EVP_CIPHER_CTX *context[KEYS];
};

static uint64_t evp_pass(void *context, uint64_t count)
{
    static const uint8_t iv[] = "DVBTMCPTAESCISSA";
    const struct evp *evp = (const struct evp *)context;
    for (; count > 0; count--) {
        for (size_t i = 0; i < PACKETS; i++) {
            EVP_CIPHER_CTX *cipher = evp->context[key_of[i]];
            int out;
            if (EVP_CipherInit_ex(cipher, NULL, NULL, NULL, iv, -1) != 1 ||
                EVP_CipherUpdate(cipher, stream[i] + 4, &out, stream[i] + 4, ENCRYPTED) != 1)
                exit(1);
        }
    }
    return stream[0][4];
}

static double evp_measure(unsigned keys, bool decrypt)
{
    struct evp evp = {{NULL}};
    for (unsigned i = 0; i < keys; i++) {
        struct simc_secret cw;
        cw_make(&cw, 16, i);
        evp.context[i] = EVP_CIPHER_CTX_new();
        EVP_CipherInit_ex(evp.context[i], EVP_aes_128_cbc(), NULL, cw.bytes, cw.bytes, !decrypt);
        EVP_CIPHER_CTX_set_padding(evp.context[i], 0);
    }
    double rate = measure(evp_pass, &evp);
    for (unsigned i = 0; i < keys; i++)
        EVP_CIPHER_CTX_free(evp.context[i]);
    return rate;
}

/* ---- our engines ---- */

struct ours {
    struct simc_scrambler *scrambler;
    bool decrypt;
};

/* A packet is scrambled only once, so TSC is set back in front of each pass. */
static void tsc_reset(bool scrambled)
{
    for (size_t i = 0; i < PACKETS; i++)
        stream[i][3] = scrambled ? 0x90 : 0x10;
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* What the engine takes for one pass over the stream: the mean of passes that last RUN_NS
 * together. What the setting back takes is not the engine's time, so the clock stands meanwhile. */
static double our_run(const struct ours *ours)
{
    double spent = 0;
    unsigned passes = 0;
    for (; spent < RUN_NS; passes++) {
        tsc_reset(ours->decrypt);
        double start = cpu_ns();
        if (ours->decrypt ? simc_descramble(ours->scrambler, jobs, PACKETS)
                          : simc_scramble(ours->scrambler, jobs, PACKETS))
            exit(1);
        spent += cpu_ns() - start;
    }
    return spent / passes;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* As many runs of the same length as bench_ns() makes, and the median as there. */
static double our_rate(const struct ours *ours)
{
    double runs[RUN_COUNT];
    for (int i = 0; i < RUN_COUNT; i++)
        runs[i] = our_run(ours);
    qsort(runs, RUN_COUNT, sizeof runs[0], compare);
    return (double)(PACKETS * PAYLOAD) / runs[RUN_COUNT / 2];
}

/* @return the rate, or 0 when the engine cannot run here. */
static double our_measure(enum simc_scrambling algorithm, const char *engine, unsigned keys,
                          bool decrypt)
{
    bool is_csa = algorithm == SIMC_SCRAMBLING_CSA1 || algorithm == SIMC_SCRAMBLING_CSA2;
    struct simc_scrambler_config config = {.slot_count = keys,
                                           .aes_engine = is_csa ? NULL : engine,
                                           .csa_engine = is_csa ? engine : NULL};
    struct ours ours = {NULL, decrypt};
    if (simc_scrambler_new(&config, &ours.scrambler))
        return 0;
    double rate = 0;
    for (unsigned i = 0; i < keys; i++) {
        struct simc_secret cw;
        cw_make(&cw, simc_scrambling_info(algorithm)->cw_size, i);
        if (simc_scrambler_key_set(ours.scrambler, i, SIMC_PARITY_EVEN, algorithm, &cw)) {
            printf("%s: %s\n", engine, simc_scrambler_why(ours.scrambler));
            goto end;
        }
    }
    for (size_t i = 0; i < PACKETS; i++)
        jobs[i] = (struct simc_scramble_job){.packet = stream[i], .slot = key_of[i]};
    rate = our_rate(&ours);
end:
    simc_scrambler_free(ours.scrambler);
    return rate;
}

/* ---- libdvbcsa's own batch, with the packets of a key side by side already ---- */

struct batch_row {
    unsigned char *data;
    unsigned int size;
};

struct csa {
    void *key[KEYS];
    struct batch_row rows[KEYS][PACKETS + 1];
    void (*crypt)(const void *key, const struct batch_row *rows, unsigned int size);
    unsigned int batch;
    unsigned keys;
};

/* All packets of one key, a batch at a time. */
static void csa_key_pass(const struct csa *csa, const void *key, struct batch_row *row)
{
    while (row->data) {
        size_t count = 0;
        while (count < csa->batch && row[count].data)
            count++;
        struct batch_row behind = row[count];
        row[count].data = NULL;
        csa->crypt(key, row, PAYLOAD);
        row[count] = behind;
        row += count;
    }
}

static uint64_t csa_pass(void *context, uint64_t count)
{
    struct csa *csa = (struct csa *)context;
    for (; count > 0; count--)
        for (unsigned k = 0; k < csa->keys; k++)
            csa_key_pass(csa, csa->key[k], csa->rows[k]);
    return stream[0][4];
}

static void *function(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (!found)
        exit(1);
    return found;
}

static double csa_measure(unsigned keys, bool decrypt)
{
    static struct csa csa;
    void *library = dlopen("libdvbcsa.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return 0;
    void *(*make)(void);
    void (*set)(const unsigned char *cw, void *key);
    unsigned int (*batch)(void);
    void *found = function(library, "dvbcsa_bs_key_alloc");
    memcpy(&make, &found, sizeof make);
    found = function(library, "dvbcsa_bs_key_set");
    memcpy(&set, &found, sizeof set);
    found = function(library, "dvbcsa_bs_batch_size");
    memcpy(&batch, &found, sizeof batch);
    found = function(library, decrypt ? "dvbcsa_bs_decrypt" : "dvbcsa_bs_encrypt");
    memcpy(&csa.crypt, &found, sizeof csa.crypt);
    csa.batch = batch();
    csa.keys = keys;
    memset(csa.rows, 0, sizeof csa.rows);
    size_t count[KEYS] = {0};
    for (unsigned k = 0; k < keys; k++) {
        struct simc_secret cw;
        cw_make(&cw, 8, k);
        csa.key[k] = make();
        set(cw.bytes, csa.key[k]);
    }
    for (size_t i = 0; i < PACKETS; i++)
        csa.rows[key_of[i]][count[key_of[i]]++] = (struct batch_row){stream[i] + 4, PAYLOAD};
    return measure(csa_pass, &csa);
}

/* ---- report ---- */

static void line(const char *engine, unsigned keys, bool decrypt, double rate, double base)
{
    if (rate <= 0)
        printf("  %-26s %2u key%s %-8s cannot run here\n", engine, keys, keys == 1 ? " " : "s",
               decrypt ? "decrypt" : "encrypt");
    else
        printf("  %-26s %2u key%s %-8s %8.3f  %8.3f  %7.2f\n", engine, keys, keys == 1 ? " " : "s",
               decrypt ? "decrypt" : "encrypt", rate, rate * ENCRYPTED / PAYLOAD, rate / base);
}

static void report(enum simc_scrambling algorithm, const char *base_name)
{
    bool is_csa = algorithm == SIMC_SCRAMBLING_CSA2;
    printf("%s\n  %-26s %8s %-8s %8s  %8s  %7s\n", simc_scrambling_info(algorithm)->name, "engine",
           "", "", "GB/s 184", "GB/s 176", "ratio");
    for (unsigned keys = 1; keys <= KEYS; keys *= KEYS) {
        for (int decrypt = 0; decrypt < 2; decrypt++) {
            stream_fill(keys);
            double base = is_csa ? csa_measure(keys, decrypt) : evp_measure(keys, decrypt);
            line(base_name, keys, decrypt, base, base);
            const char *engine;
            for (size_t i = 0; (engine = simc_scramble_engine_name(algorithm, i)); i++)
                line(engine, keys, decrypt, our_measure(algorithm, engine, keys, decrypt), base);
        }
    }
}

int main(void)
{
    bench_head("scrambling in memory on one core, 8192 packets; ratio to the first line");
    printf("   GB/s 184 counts whole payloads, GB/s 176 what CISSA encrypts of them\n");
    report(SIMC_SCRAMBLING_CISSA, "OpenSSL EVP per packet");
    report(SIMC_SCRAMBLING_IDSA, "OpenSSL EVP (as CISSA)");
    report(SIMC_SCRAMBLING_CSA2, "libdvbcsa batch");
    return 0;
}
