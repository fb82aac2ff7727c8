/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target: the receiver on hostile streams. libFuzzer or the corpus replay calls it.
 *
 * Byte 0 sets the receiver up: bit 0 drop scrambled, 1 only services, 2 clean tables, 3 service 1
 * only, 4 a CA_system_id. Then come records: a byte for the kind, and what belongs to it:
 *   0  a packet as it is: 4 bytes of header, the payload by a rule of the next byte
 *   1  a packet of a stream: PID, flags, CP_number that it is scrambled under
 *   2  a section of a PID, its length and CRC made right: PID, size, bytes
 *   3  a PAT and a PMT that are good: variant
 *   4  an ECM: PID, CP_number, flags
 *   5  a PCR: step
 *   6  a break, a flush, other keys, an epoch
 *   7  an ECM section that is sealed by nobody: PID, size, bytes */
#include <stdlib.h>
#include <string.h>

#include "receiver/receiver.h"
#include "simulcrypt/psi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SYSTEM = 0x4af1, PMT = 0x100, VIDEO = 0x200, AUDIO = 0x201, ECM = 0x600, KINDS = 8 };

static const uint16_t pids[] = {0, PMT,  VIDEO,  AUDIO,   ECM,    ECM + 1, PMT + 1,   VIDEO + 2,
                                1, 0x11, 0x1fff, ECM + 2, 0x1ffe, 0x10,    AUDIO + 2, 0x300};
static const uint8_t key_bytes[SIMC_ECM_KEY_SIZE] = {0xa0, 1, 2, 3};

static struct simc_ecm_maker *maker;
static struct simc_scrambler *scrambler;
static struct simc__receiver *receiver;
static uint64_t generation_now, pushed, handed, pcr_27mhz;
static bool has_keys;
static uint8_t ccs[SIMC_TS_PID_COUNT];

static void check(bool condition)
{
    if (!condition)
        abort();
}

/* ---- rights ---- */

static int find_version(void *context, uint32_t package, uint32_t version,
                        struct simc__package_key *key)
{
    (void)context;
    if (!has_keys || package != 1)
        return SIMC_ENOTFOUND;
    *key = (struct simc__package_key){.package = package, .version = version, .end_s = 1000};
    return simc_secret_set(&key->key, simc_slice(key_bytes, sizeof key_bytes));
}

static uint64_t generation(void *context)
{
    (void)context;
    return generation_now;
}

static size_t packages(void *context, uint32_t *into, size_t max)
{
    (void)context;
    if (max)
        into[0] = 1;
    return has_keys;
}

static void word_of(unsigned cp, struct simc_secret *word)
{
    memset(word, 0, sizeof *word);
    word->size = 16;
    memset(word->bytes, (int)(cp * 7 + 1), 16);
}

/* ---- packets ---- */

static void drain(void)
{
    struct simc_slice out;
    while (simc__receiver_next(receiver, &out) == 0) {
        check(out.size && out.size % SIMC_TS_SIZE == 0);
        handed += out.size / SIMC_TS_SIZE;
    }
}

static void push(const uint8_t *packets, size_t count)
{
    size_t taken;
    check(simc__receiver_push(receiver, packets, count, pushed % 3000, &taken) == 0);
    check(taken == count);
    pushed += count;
    drain();
}

static void push_section(uint16_t pid, struct simc_slice section)
{
    uint8_t packets[24][SIMC_TS_SIZE];
    struct simc_writer out = simc_writer(packets, sizeof packets);
    if (simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, pid, &ccs[pid], &out) == 0)
        push(packets[0], out.at / SIMC_TS_SIZE);
}

static void take_raw(struct simc_reader *in)
{
    uint8_t packet[SIMC_TS_SIZE];
    const uint8_t *head = simc_reader_take(in, 4);
    uint8_t rule = simc_reader_u8(in);
    if (!head)
        return;
    for (size_t i = 0; i < sizeof packet; i++)
        packet[i] = (uint8_t)(i < 4 ? head[i] : rule * i);
    push(packet, 1);
}

static void take_stream(struct simc_reader *in)
{
    uint8_t packet[SIMC_TS_SIZE];
    uint16_t pid = pids[simc_reader_u8(in) % 16];
    uint8_t flags = simc_reader_u8(in), cp = simc_reader_u8(in);
    static const uint8_t start[] = {0, 0, 1, 0xe0};
    memset(packet, 0x55, sizeof packet);
    packet[0] = SIMC_TS_SYNC;
    packet[1] = (uint8_t)((flags & 1 ? 0x40 : 0) | pid >> 8 | (flags & 2 ? 0x80 : 0));
    packet[2] = (uint8_t)pid;
    ccs[pid] = (uint8_t)((ccs[pid] + (flags & 4 ? 3 : 0)) & 0xf);
    packet[3] = (uint8_t)(0x10 | ccs[pid]);
    ccs[pid] = (ccs[pid] + 1) & 0xf;
    if (flags & 1)
        memcpy(packet + 4, start, sizeof start);
    if (flags & 8) { /* a short payload */
        packet[3] |= 0x20;
        packet[4] = (uint8_t)(183 - (flags >> 4));
        packet[5] = 0;
    }
    if (cp) {
        struct simc_secret word;
        struct simc_scramble_job job = {.packet = packet, .parity = cp & 1};
        word_of(cp, &word);
        check(simc_scrambler_key_set(scrambler, 0, (enum simc_parity)(cp & 1),
                                     SIMC_SCRAMBLING_CISSA, &word) == 0);
        check(simc_scramble(scrambler, &job, 1) == 0);
    }
    push(packet, 1);
}

static void take_section(struct simc_reader *in, bool is_short)
{
    uint8_t bytes[512];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    uint16_t pid = pids[simc_reader_u8(in) % 16];
    struct simc_slice from = simc_reader_slice(in, simc_reader_u8(in));
    if (from.size < 2)
        return;
    if (is_short) {
        simc_writer_u8(&out, from.data[0]);
        simc_writer_u16(&out, (uint16_t)(0x7000 | (from.size - 1)));
        simc_writer_slice(&out, simc_slice(from.data + 1, from.size - 1));
    } else {
        const struct simc_section_head head = {.table_id = from.data[0],
                                               .extension = from.data[1] & 3,
                                               .version = from.data[1] >> 3,
                                               .next = from.data[1] & 4};
        size_t start = simc_section_begin(&out, &head);
        simc_writer_slice(&out, simc_slice(from.data + 2, from.size - 2));
        if (simc_section_end(&out, start))
            return;
    }
    push_section(pid, simc_slice(bytes, out.at));
}

static void put_ca(struct simc_writer *out, uint16_t pid, uint8_t variant)
{
    static const uint8_t own[] = {0, 0, 0, 1, 0, 7};
    const struct simc_ca_descriptor ca = {variant & 16 ? 0x0b00 : SYSTEM, pid,
                                          simc_slice(own, variant & 8 ? sizeof own : 0)};
    simc_ca_descriptor_put(out, &ca);
}

static void take_tables(struct simc_reader *in)
{
    uint8_t bytes[512], common[64], own[64], variant = simc_reader_u8(in);
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_writer loop = simc_writer(common, sizeof common);
    struct simc_writer audio = simc_writer(own, sizeof own);
    const struct simc_pat_entry entries[] = {{1, PMT}, {2, variant & 1 ? PMT : PMT + 1}};
    check(simc_pat_build(&out, 1, variant, entries, variant & 2 ? 1 : 2) == 0);
    push_section(0, simc_slice(bytes, out.at));
    put_ca(&loop, (uint16_t)(ECM + (variant & 1)), variant);
    if (!(variant & 32))
        simc_scrambling_descriptor_put(&loop, SIMC_SCRAMBLING_MODE_CISSA1);
    if (variant & 4)
        put_ca(&audio, ECM + 2, variant);
    const struct simc_pmt_stream streams[] = {
        {0x1b, (uint16_t)(VIDEO + (variant & 64 ? 2 : 0)), {NULL, 0}},
        {0x0f, AUDIO, simc_slice(own, audio.at)}};
    const struct simc_pmt pmt = {
        .program = 1, .pcr_pid = VIDEO, .descriptors = simc_slice(common, loop.at)};
    out = simc_writer(bytes, sizeof bytes);
    check(simc_pmt_build(&out, &pmt, variant, streams, 2) == 0);
    push_section(PMT, simc_slice(bytes, out.at));
}

static void take_ecm(struct simc_reader *in)
{
    uint8_t bytes[SIMC_ECM_SECTION_MAX];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    uint16_t pid = pids[simc_reader_u8(in) % 16];
    uint8_t cp = simc_reader_u8(in), flags = simc_reader_u8(in);
    struct simc_secret words[2];
    const struct simc_ecm_cw cws[] = {{cp, &words[0]}, {(uint16_t)(cp + 1), &words[1]}};
    for (unsigned i = 0; i < 2; i++) {
        word_of(cp + i + (flags & 1), &words[i]);
        if (flags & 2)
            words[i].size = 8;
        memset(words[i].bytes + words[i].size, 0, sizeof words[i].bytes - words[i].size);
    }
    const struct simc_ecm_input input = {.super_cas_id = SYSTEM << 16 | 1,
                                         .ecm_id = 7,
                                         .cp_number = (uint16_t)(cp + (flags >> 6 & 1)),
                                         .lowest_epoch = flags & 4 ? 100 : 0,
                                         .cws = cws,
                                         .cw_count = flags & 8 ? 1 : 2};
    check(simc_ecm_make(maker, &input, &out, NULL) == 0);
    if (flags & 16)
        bytes[out.at - 1 - cp % 20] ^= 1;
    for (unsigned i = 0; i <= flags >> 7; i++)
        push_section(pid, simc_slice(bytes, out.at));
}

static void take_pcr(struct simc_reader *in)
{
    uint8_t packet[SIMC_TS_SIZE], step = simc_reader_u8(in);
    const struct simc_ts_header header = {.pid = VIDEO, .cc = (ccs[VIDEO] - 1) & 0xf};
    pcr_27mhz += (uint64_t)step * step * 27000;
    const struct simc_ts_adaptation adaptation = {
        .present = true, .has_pcr = true, .pcr_27mhz = pcr_27mhz % SIMC_PCR_WRAP};
    check(simc_ts_write(packet, &header, &adaptation, simc_slice(NULL, 0)) == 0);
    push(packet, 1);
}

static void take_event(struct simc_reader *in)
{
    uint8_t what = simc_reader_u8(in);
    if (what & 1)
        simc__receiver_break(receiver);
    if (what & 2)
        simc__receiver_flush(receiver);
    drain();
    if (what & 4) {
        has_keys = !has_keys;
        generation_now++;
    }
    if (what & 8)
        simc__receiver_epoch_set(receiver, what);
}

static void take(struct simc_reader *in)
{
    switch (simc_reader_u8(in) % KINDS) {
    case 0:
        take_raw(in);
        break;
    case 1:
        take_stream(in);
        break;
    case 2:
        take_section(in, false);
        break;
    case 3:
        take_tables(in);
        break;
    case 4:
        take_ecm(in);
        break;
    case 5:
        take_pcr(in);
        break;
    case 6:
        take_event(in);
        break;
    default:
        take_section(in, true);
        break;
    }
}

/* ---- figures ---- */

static void check_figures(void)
{
    static char text[1 << 20];
    struct simc_writer out = simc_writer(text, sizeof text);
    struct simc__json json;
    struct simc__receiver_service service;
    struct simc__receiver_event event;
    const struct simc__receiver_stats *stats = simc__receiver_stats(receiver);
    check(stats->packets == pushed && stats->passed == handed);
    check(stats->passed + stats->dropped == stats->packets);
    for (size_t i = 0; simc__receiver_service(receiver, i, &service); i++) {
        const struct simc__receiver_service_stats *s = &service.stats;
        check(s->scrambled == s->opened + s->lost + s->lost_start);
        check(s->clear + s->scrambled + s->damaged >= s->packets);
    }
    simc__json_init(&json, &out);
    simc__receiver_json(receiver, &json, NULL);
    check(simc__json_finish(&json) == 0);
    while (simc__receiver_event(receiver, &event) == 0)
        check(memchr(event.text, 0, sizeof event.text) != NULL);
    for (int i = 0; i < SIMC__RECEIVER_DEMAND_COUNT; i++)
        (void)simc__receiver_meets(receiver, (enum simc__receiver_demand)i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t wanted[] = {1};
    struct simc_reader in = simc_reader(simc_slice(data, size));
    uint8_t flags = simc_reader_u8(&in);
    struct simc__receiver_config config = {
        .rights = {.keys = {.find_version = find_version, .generation = generation},
                   .packages = packages},
        .services = wanted,
        .service_count = flags & 8 ? 1 : 0,
        .has_ca_system_id = flags & 16,
        .ca_system_id = SYSTEM,
        .hold_packets = SIMC__RECEIVER_HOLD_MIN,
        .drop_scrambled = flags & 1,
        .only_services = flags & 2,
        .drop_psi = flags & 32,
        .clean_psi = flags & 4};
    if (!maker) {
        struct simc_secret key = {.size = 0};
        const struct simc_scrambler_config one = {.slot_count = 1};
        check(simc_secret_set(&key, simc_slice(key_bytes, sizeof key_bytes)) == 0);
        const struct simc_ecm_maker_config made = {.key = &key, .package = 1, .key_version = 3};
        check(simc_ecm_maker_new(&made, &maker) == 0);
        check(simc_scrambler_new(&one, &scrambler) == 0);
    }
    generation_now = 1;
    pushed = handed = pcr_27mhz = 0;
    has_keys = true;
    memset(ccs, 0, sizeof ccs);
    check(simc__receiver_new(&config, &receiver) == 0);
    while (simc_reader_left(&in))
        take(&in);
    simc__receiver_flush(receiver);
    drain();
    check_figures();
    simc__receiver_free(receiver);
    return 0;
}
