/* SPDX-License-Identifier: BSL-1.0 */
/* Benchmark of the receiver: a stream in memory with four services under CISSA, ECMs and crypto
 * periods as on air, received on one core; next to the scrambling engine alone and to memcpy() in
 * the same run. And the memory that a receiver takes. `make bench` runs it. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "receiver/receiver.h"
#include "simulcrypt/psi.h"

enum {
    PACKETS = 65536,
    SERVICES = 4,
    SYSTEM = 0x4af1,
    TABLES_EVERY = 2000,
    PCR_EVERY = 400,
    START_EVERY = 50,
    PERIODS = 4, /* even, so that the stream can begin again */
};

static uint8_t (*stream)[SIMC_TS_SIZE];
static struct simc_scramble_job jobs[PACKETS];
static size_t job_count;
static uint8_t ccs[SIMC_TS_PID_COUNT];
static struct simc_scrambler *scrambler;
static struct simc_ecm_maker *maker;
static const uint8_t key_bytes[SIMC_ECM_KEY_SIZE] = {1, 2, 3};
static size_t at;
static uint64_t laps;

static void must(int error)
{
    if (error) {
        fprintf(stderr, "bench_receiver: %s\n", simc_error_text(error));
        exit(1);
    }
}

/* ---- a stream ---- */

static void word_of(unsigned service, unsigned period, struct simc_secret *word)
{
    uint8_t bytes[16];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(period * 41 + service * 17 + i);
    must(simc_secret_set(word, simc_slice(bytes, sizeof bytes)));
}

static void put_section(uint16_t pid, struct simc_slice section)
{
    struct simc_writer out = simc_writer(stream[at], SIMC_TS_SIZE);
    must(simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, pid, &ccs[pid], &out));
    at++;
}

static void put_tables(unsigned period)
{
    uint8_t bytes[512];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_pat_entry entries[SERVICES];
    for (unsigned i = 0; i < SERVICES; i++)
        entries[i] = (struct simc_pat_entry){(uint16_t)(i + 1), (uint16_t)(0x100 + i)};
    must(simc_pat_build(&out, 1, 0, entries, SERVICES));
    put_section(0, simc_slice(bytes, out.at));
    for (unsigned i = 0; i < SERVICES; i++) {
        uint8_t loop[64];
        struct simc_writer descriptors = simc_writer(loop, sizeof loop);
        const struct simc_ca_descriptor ca = {SYSTEM, (uint16_t)(0x600 + i), {NULL, 0}};
        simc_ca_descriptor_put(&descriptors, &ca);
        simc_scrambling_descriptor_put(&descriptors, SIMC_SCRAMBLING_MODE_CISSA1);
        const struct simc_pmt pmt = {.program = (uint16_t)(i + 1),
                                     .pcr_pid = (uint16_t)(0x200 + 16 * i),
                                     .descriptors = simc_slice(loop, descriptors.at)};
        const struct simc_pmt_stream streams[] = {{0x1b, (uint16_t)(0x200 + 16 * i), {NULL, 0}},
                                                  {0x0f, (uint16_t)(0x201 + 16 * i), {NULL, 0}}};
        out = simc_writer(bytes, sizeof bytes);
        must(simc_pmt_build(&out, &pmt, 0, streams, 2));
        put_section((uint16_t)(0x100 + i), simc_slice(bytes, out.at));
        struct simc_secret words[2];
        word_of(i, period, &words[0]);
        word_of(i, (period + 1) % PERIODS, &words[1]);
        const struct simc_ecm_cw cws[] = {{(uint16_t)period, &words[0]},
                                          {(uint16_t)(period + 1), &words[1]}};
        const struct simc_ecm_input input = {
            .super_cas_id = SYSTEM << 16, .cp_number = (uint16_t)period, .cws = cws, .cw_count = 2};
        out = simc_writer(bytes, sizeof bytes);
        must(simc_ecm_make(maker, &input, &out, NULL));
        put_section((uint16_t)(0x600 + i), simc_slice(bytes, out.at));
    }
}

static void put_stream(unsigned period)
{
    uint8_t *packet = stream[at];
    unsigned service = (unsigned)(at % SERVICES), audio = at / SERVICES % 8 == 7;
    uint16_t pid = (uint16_t)(0x200 + 16 * service + audio);
    for (size_t i = 4; i < SIMC_TS_SIZE; i++)
        packet[i] = (uint8_t)(at * 31 + i * 7);
    packet[0] = SIMC_TS_SYNC;
    packet[1] = (uint8_t)(pid >> 8);
    packet[2] = (uint8_t)pid;
    packet[3] = (uint8_t)(0x10 | ccs[pid]);
    ccs[pid] = (ccs[pid] + 1) & 0xf;
    if (at / SERVICES % START_EVERY == 0) {
        static const uint8_t start[] = {0, 0, 1, 0xe0};
        packet[1] |= 0x40;
        memcpy(packet + 4, start, sizeof start);
    }
    struct simc_scramble_job job = {
        .packet = packet, .slot = service, .parity = (uint8_t)(period & 1)};
    struct simc_secret word;
    word_of(service, period, &word);
    must(simc_scrambler_key_set(scrambler, service, (enum simc_parity)(period & 1),
                                SIMC_SCRAMBLING_CISSA, &word));
    must(simc_scramble(scrambler, &job, 1));
    jobs[job_count++] = job;
    at++;
}

static void put_pcr(void)
{
    const struct simc_ts_header header = {.pid = 0x200, .cc = (ccs[0x200] - 1) & 0xf};
    const struct simc_ts_adaptation adaptation = {
        .present = true, .has_pcr = true, .pcr_27mhz = at * 1354};
    must(simc_ts_write(stream[at++], &header, &adaptation, simc_slice(NULL, 0)));
}

static void make_stream(void)
{
    const struct simc_scrambler_config config = {.slot_count = SERVICES};
    struct simc_secret key;
    must(simc_secret_set(&key, simc_slice(key_bytes, sizeof key_bytes)));
    const struct simc_ecm_maker_config made = {.key = &key, .package = 1, .key_version = 1};
    must(simc_ecm_maker_new(&made, &maker));
    must(simc_scrambler_new(&config, &scrambler));
    stream = malloc((size_t)PACKETS * SIMC_TS_SIZE);
    if (!stream)
        must(SIMC_ENOMEM);
    while (at < PACKETS) {
        unsigned period = (unsigned)(at * PERIODS / PACKETS);
        if (at % TABLES_EVERY == 0 && at + 16 < PACKETS)
            put_tables(period);
        else if (at % PCR_EVERY == 100)
            put_pcr();
        else
            put_stream(period);
    }
}

/* ---- measured ---- */

static int find_version(void *context, uint32_t package, uint32_t version,
                        struct simc__package_key *key)
{
    (void)context;
    *key = (struct simc__package_key){.package = package, .version = version};
    return simc_secret_set(&key->key, simc_slice(key_bytes, sizeof key_bytes));
}

static uint64_t generation(void *context)
{
    (void)context;
    return 1;
}

static size_t packages(void *context, uint32_t *into, size_t max)
{
    (void)context;
    (void)into;
    (void)max;
    return 0;
}

static struct simc__receiver *receiver_new(void)
{
    struct simc__receiver *receiver;
    const struct simc__receiver_config config = {
        .rights = {.keys = {.find_version = find_version, .generation = generation},
                   .packages = packages}};
    must(simc__receiver_new(&config, &receiver));
    return receiver;
}

/* An operation is a pass over the stream. Each is received from the start by a new receiver, whose
 * making counts too. */
static uint64_t receive(void *context, uint64_t count)
{
    uint64_t sum = 0;
    (void)context;
    for (; count > 0; count--, laps++) {
        struct simc__receiver *receiver = receiver_new();
        struct simc_slice out;
        for (size_t done = 0, taken; done < PACKETS; done += taken) {
            must(simc__receiver_push(receiver, stream[done], PACKETS - done, 0, &taken));
            while (simc__receiver_next(receiver, &out) == 0)
                sum += out.data[out.size - 1];
        }
        struct simc__receiver_service service;
        for (size_t i = 0; simc__receiver_service(receiver, i, &service); i++) {
            if (service.stats.opened != service.stats.scrambled)
                must(SIMC_EPROTO);
        }
        simc__receiver_free(receiver);
    }
    return sum;
}

static uint64_t engine(void *context, uint64_t count)
{
    (void)context;
    for (; count > 0; count--) {
        for (size_t i = 0; i < job_count; i++)
            simc_ts_set_tsc(jobs[i].packet,
                            (enum simc_ts_tsc)(SIMC_TSC_EVEN + (jobs[i].parity & 1)));
        must(simc_descramble(scrambler, jobs, job_count));
    }
    return stream[5][9];
}

static uint64_t copy(void *context, uint64_t count)
{
    uint8_t *into = context;
    uint64_t sum = 0;
    for (; count > 0; count--) {
        memcpy(into, stream, (size_t)PACKETS * SIMC_TS_SIZE);
        sum += into[count % SIMC_TS_SIZE];
    }
    return sum;
}

static void line(const char *name, double ns)
{
    double bits = (double)PACKETS * SIMC_TS_SIZE * 8;
    printf("  %-44s %8.1f Gbit/s %8.1f ns/packet\n", name, bits / ns, ns / PACKETS);
}

int main(void)
{
    bench_head("receiving from memory on one core: 4 services, CISSA, 65536 packets");
    make_stream();
    uint8_t *into = malloc((size_t)PACKETS * SIMC_TS_SIZE);
    if (!into)
        must(SIMC_ENOMEM);
    line("receive (tables, ECMs, waiting, descrambling)", bench_ns(receive, NULL));
    line("memcpy", bench_ns(copy, into));
    line("scrambling engine alone", bench_ns(engine, NULL));
    struct mallinfo2 before = mallinfo2();
    struct simc__receiver *receiver = receiver_new();
    struct mallinfo2 after = mallinfo2();
    printf("  memory of a receiver, whatever it receives  %8.1f MB\n",
           (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / 1e6);
    simc__receiver_free(receiver);
    free(into);
    simc_ecm_maker_free(maker);
    simc_scrambler_free(scrambler);
    return 0;
}
