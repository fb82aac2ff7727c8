/* SPDX-License-Identifier: BSL-1.0 */
/* The head-end in memory; see receiver_bed.h. It uses the library's packing, scrambling and ECM
 * maker; what packet stands where, and under which control word, is decided here alone. */
#include "unit/receiver_bed.h"

#include <stdlib.h>
#include <string.h>

#include "simulcrypt/psi.h"
#include "unit/unit.h"

enum { TABLES_MS = 100, PCR_MS = 20, START_EVERY = 16, TICKS_PER_MS = 27000 };

/* ---- set up ---- */

static void service_init(struct rx_service *service, unsigned index)
{
    *service = (struct rx_service){.program = (uint16_t)(index + 1),
                                   .scrambled = true,
                                   .algorithm = SIMC_SCRAMBLING_CISSA,
                                   .has_mode_descriptor = true,
                                   .cp_ms = 1000,
                                   .first_cp = (uint16_t)(100 + 20 * index),
                                   .ecm_count = 1};
    for (unsigned i = 0; i < RX_ECMS_MAX; i++)
        service->ecms[i] = (struct rx_ecm){.package = i + 1,
                                           .key_version = 7,
                                           .ecm_id = (uint16_t)(0x20 + 16 * index + i),
                                           .cws = 2};
}

void rx_init(struct rx_bed *bed)
{
    memset(bed, 0, sizeof *bed);
    bed->duration = 6000;
    rx_add(bed);
}

struct rx_service *rx_add(struct rx_bed *bed)
{
    struct rx_service *service = &bed->services[bed->service_count];
    service_init(service, bed->service_count++);
    return service;
}

static bool is_in(struct rx_window window, unsigned at)
{
    return at >= window.from && at < window.to;
}

/* ---- keys and words: functions of their numbers ---- */

static void key_bytes(uint32_t package, uint32_t version, uint8_t bytes[SIMC_ECM_KEY_SIZE])
{
    for (unsigned i = 0; i < SIMC_ECM_KEY_SIZE; i++)
        bytes[i] = (uint8_t)(package * 37 + version * 11 + i * 5 + 1);
}

/* The control word of a crypto period, counted from the start; -1 is the one before. */
static struct simc_secret word_of(const struct rx_service *service, unsigned stream, int period)
{
    uint8_t bytes[16];
    struct simc_secret word;
    unsigned number = service->constant_cw ? 0 : (unsigned)(period + 10);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(number * 101 + service->program * 29u + i * 13 + stream * 71);
    size_t size = simc_scrambling_info(service->algorithm)->cw_size;
    ck_assert_int_eq(simc_secret_set(&word, simc_slice(bytes, size)), 0);
    if (service->algorithm == SIMC_SCRAMBLING_CSA1)
        ck_assert_int_eq(simc_csa_checksum_set(&word), 0);
    return word;
}

static int period_at(const struct rx_service *service, int at)
{
    return at < 0 ? -1 : at / (int)service->cp_ms;
}

static uint16_t cp_of(const struct rx_service *service, int period)
{
    if (service->jump_period && period >= service->jump_period)
        return (uint16_t)(5 + period - service->jump_period);
    return (uint16_t)(service->first_cp + period);
}

/* ---- packets ---- */

static void put(struct rx_bed *bed, unsigned at, const uint8_t *packet, const uint8_t *clear)
{
    if (is_in(bed->lost, at))
        return;
    memcpy(bed->in[bed->count], packet, SIMC_TS_SIZE);
    memcpy(bed->clear[bed->count], clear, SIMC_TS_SIZE);
    bed->times[bed->count++] = at;
}

static void put_section(struct rx_bed *bed, unsigned at, uint16_t pid, struct simc_slice section)
{
    uint8_t packets[2][SIMC_TS_SIZE];
    struct simc_writer out = simc_writer(packets, sizeof packets);
    ck_assert_int_eq(
        simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, pid, &bed->ccs[pid], &out), 0);
    for (size_t i = 0; i < out.at / SIMC_TS_SIZE; i++)
        put(bed, at, packets[i], packets[i]);
}

static void put_pat(struct rx_bed *bed, unsigned at)
{
    uint8_t bytes[256];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_pat_entry entries[RX_SERVICES_MAX];
    for (unsigned i = 0; i < bed->service_count; i++)
        entries[i] = (struct simc_pat_entry){bed->services[i].program, (uint16_t)(RX_PMT + i)};
    ck_assert_int_eq(simc_pat_build(&out, 1, 0, entries, bed->service_count), 0);
    put_section(bed, at, SIMC_PID_PAT, simc_slice(bytes, out.at));
}

static uint16_t video_pid(const struct rx_bed *bed, unsigned index, unsigned at)
{
    const struct rx_service *service = &bed->services[index];
    bool moved = service->pmt_change_at && at >= service->pmt_change_at;
    return (uint16_t)(RX_VIDEO + 16 * index + (moved ? 8 : 0));
}

static uint16_t ecm_pid(const struct rx_bed *bed, unsigned index, unsigned ecm, unsigned at)
{
    const struct rx_service *service = &bed->services[index];
    bool moved = service->pmt_change_at && at >= service->pmt_change_at;
    return (uint16_t)(RX_ECM + 16 * index + ecm + (moved ? 8 : 0));
}

static void put_ca(const struct rx_bed *bed, struct simc_writer *out, unsigned index, unsigned at,
                   bool is_for_audio)
{
    const struct rx_service *service = &bed->services[index];
    for (unsigned i = 0; i < service->ecm_count; i++) {
        const struct rx_ecm *ecm = &service->ecms[i];
        uint8_t bytes[6];
        struct simc_writer own = simc_writer(bytes, sizeof bytes);
        if (ecm->is_for_audio != is_for_audio)
            continue;
        simc_writer_u32(&own, ecm->package + (ecm->wrong_private ? 1 : 0));
        simc_writer_u16(&own, ecm->ecm_id);
        const struct simc_ca_descriptor ca = {RX_CA_SYSTEM, ecm_pid(bed, index, i, at),
                                              simc_slice(bytes, ecm->has_private ? 6 : 0)};
        simc_ca_descriptor_put(out, &ca);
    }
}

static void put_pmt(struct rx_bed *bed, unsigned index, unsigned at)
{
    const struct rx_service *service = &bed->services[index];
    uint8_t bytes[512], common[128], audio[128];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_writer loop = simc_writer(common, sizeof common);
    struct simc_writer audio_loop = simc_writer(audio, sizeof audio);
    if (service->scrambled) {
        put_ca(bed, &loop, index, at, false);
        put_ca(bed, &audio_loop, index, at, true);
        if (service->has_mode_descriptor)
            simc_scrambling_descriptor_put(&loop,
                                           (uint8_t)simc_scrambling_info(service->algorithm)->mode);
    }
    const struct simc_pmt_stream streams[] = {
        {0x1b, video_pid(bed, index, at), simc_slice(NULL, 0)},
        {0x0f, (uint16_t)(RX_AUDIO + 16 * index), simc_slice(audio, audio_loop.at)}};
    const struct simc_pmt pmt = {.program = service->program,
                                 .pcr_pid = video_pid(bed, index, at),
                                 .descriptors = simc_slice(common, loop.at)};
    unsigned version = service->pmt_change_at && at >= service->pmt_change_at;
    ck_assert_int_eq(simc_pmt_build(&out, &pmt, version, streams, UNIT_COUNT(streams)), 0);
    put_section(bed, at, (uint16_t)(RX_PMT + index), simc_slice(bytes, out.at));
}

static void put_pcr(struct rx_bed *bed, unsigned index, unsigned at)
{
    uint8_t packet[SIMC_TS_SIZE];
    uint16_t pid = video_pid(bed, index, at);
    const struct simc_ts_header header = {.pid = pid, .cc = (bed->ccs[pid] - 1) & 0xf};
    const struct simc_ts_adaptation adaptation = {
        .present = true, .has_pcr = true, .pcr_27mhz = (uint64_t)at * TICKS_PER_MS};
    ck_assert_int_eq(simc_ts_write(packet, &header, &adaptation, simc_slice(NULL, 0)), 0);
    put(bed, at, packet, packet);
}

/* ---- ECMs ---- */

static void make_section(struct rx_bed *bed, unsigned index, unsigned which, int period)
{
    const struct rx_service *service = &bed->services[index];
    const struct rx_ecm *ecm = &service->ecms[which];
    struct simc_secret words[SIMC_ECM_CWS_MAX];
    struct simc_ecm_cw cws[SIMC_ECM_CWS_MAX];
    for (unsigned i = 0; i < ecm->cws; i++) {
        int of = period + ecm->first + (int)i;
        words[i] = word_of(service, ecm->is_for_audio, of);
        if (ecm->wrong_word)
            words[i].bytes[1] ^= 0x40;
        cws[i] = (struct simc_ecm_cw){cp_of(service, of), &words[i]};
    }
    uint32_t high = ecm->super_cas_high ? ecm->super_cas_high : RX_CA_SYSTEM;
    const struct simc_ecm_input input = {.super_cas_id = high << 16 | 1,
                                         .ecm_id = ecm->ecm_id,
                                         .cp_number = cp_of(service, period),
                                         .issued_s = 1764938624,
                                         .lowest_epoch = 5,
                                         .cws = cws,
                                         .cw_count = ecm->cws};
    struct simc_writer out = simc_writer(bed->sections[index][which], SIMC_ECM_SECTION_MAX);
    ck_assert_int_eq(simc_ecm_make(bed->makers[index][which], &input, &out, NULL), 0);
    bed->section_sizes[index][which] = out.at;
    bed->last_period[index][which] = period;
}

static void put_ecm(struct rx_bed *bed, unsigned index, unsigned which, unsigned at)
{
    const struct rx_service *service = &bed->services[index];
    const struct rx_ecm *ecm = &service->ecms[which];
    int period = period_at(service, (int)at - ecm->late);
    uint8_t section[SIMC_ECM_SECTION_MAX];
    size_t size;
    if (!bed->section_sizes[index][which] || bed->last_period[index][which] != period)
        make_section(bed, index, which, period);
    if (is_in(ecm->muted, at)) {
        simc_ts_null(section); /* time goes on */
        put(bed, at, section, section);
        return;
    }
    size = bed->section_sizes[index][which];
    memcpy(section, bed->sections[index][which], size);
    if (is_in(ecm->damaged, at))
        section[size - 1 - at / TABLES_MS % 16] ^= 1;
    put_section(bed, at, ecm_pid(bed, index, which, at), simc_slice(section, size));
}

/* ---- streams ---- */

static void scramble(struct rx_bed *bed, const struct rx_service *service, unsigned stream,
                     int period, uint8_t *packet)
{
    struct simc_secret word = word_of(service, service->audio_words ? stream : 0, period);
    unsigned parity = cp_of(service, period) & 1;
    struct simc_scramble_job job = {.packet = packet, .parity = (uint8_t)parity};
    ck_assert_int_eq(simc_scrambler_key_set(bed->scrambler, 0, (enum simc_parity)parity,
                                            service->algorithm, &word),
                     0);
    ck_assert_int_eq(simc_scramble(bed->scrambler, &job, 1), 0);
}

static void put_stream(struct rx_bed *bed, unsigned index, unsigned stream, unsigned at)
{
    const struct rx_service *service = &bed->services[index];
    uint8_t packet[SIMC_TS_SIZE], clear[SIMC_TS_SIZE], payload[SIMC_TS_PAYLOAD_MAX];
    uint16_t pid = stream ? (uint16_t)(RX_AUDIO + 16 * index) : video_pid(bed, index, at);
    unsigned number = bed->numbers[pid]++;
    struct unit_random random = unit_random(pid * 100003u + number);
    unit_random_fill(&random, payload, sizeof payload);
    bool is_start = number % START_EVERY == 0 && !service->no_starts;
    if (is_start) {
        static const uint8_t start[] = {0, 0, 1, 0xe0};
        memcpy(payload, start, sizeof start);
    }
    const struct simc_ts_header header = {.pid = pid, .cc = bed->ccs[pid], .unit_start = is_start};
    bed->ccs[pid] = (bed->ccs[pid] + 1) & 0xf;
    /* One packet in seven has a short payload. */
    size_t size = number % 7 == 3 ? 60 : sizeof payload;
    ck_assert_int_eq(simc_ts_write(packet, &header, NULL, simc_slice(payload, size)), 0);
    memcpy(clear, packet, sizeof clear);
    if (service->scrambled && !is_in(service->clear, at))
        scramble(bed, service, stream,
                 period_at(service, (int)at - (stream ? service->audio_skew : 0)), packet);
    if (bed->damage_every && number % bed->damage_every == bed->damage_every - 1) {
        packet[1] |= 0x80;
        clear[1] |= 0x80;
    }
    if (!bed->drop_every || number % bed->drop_every != bed->drop_every - 1)
        put(bed, at, packet, clear);
}

/* One packet each millisecond: tables and ECMs every 100 ms, PCRs every 20 ms, else a stream. */
static void put_next(struct rx_bed *bed, unsigned at)
{
    unsigned phase = at % TABLES_MS, services = bed->service_count;
    if (phase == 0) {
        put_pat(bed, at);
    } else if (phase <= services) {
        put_pmt(bed, phase - 1, at);
    } else if (at % PCR_MS >= 15 && at % PCR_MS < 15 + services) {
        put_pcr(bed, at % PCR_MS - 15, at);
    } else {
        for (unsigned i = 0; i < services; i++) {
            for (unsigned k = 0; k < bed->services[i].ecm_count; k++) {
                if (phase == 6 + i * 20 + k * 2) {
                    put_ecm(bed, i, k, at);
                    return;
                }
            }
        }
        put_stream(bed, at % services, at / services % 4 == 3, at);
    }
}

void rx_make(struct rx_bed *bed)
{
    const struct simc_scrambler_config config = {.slot_count = 1};
    bed->in = calloc(RX_PACKETS_MAX, SIMC_TS_SIZE);
    bed->clear = calloc(RX_PACKETS_MAX, SIMC_TS_SIZE);
    bed->times = calloc(RX_PACKETS_MAX, sizeof *bed->times);
    ck_assert(bed->in && bed->clear && bed->times);
    ck_assert_uint_lt(bed->duration, RX_PACKETS_MAX / 2);
    ck_assert_int_eq(simc_scrambler_new(&config, &bed->scrambler), 0);
    for (unsigned i = 0; i < bed->service_count; i++) {
        for (unsigned k = 0; k < bed->services[i].ecm_count; k++) {
            const struct rx_ecm *ecm = &bed->services[i].ecms[k];
            uint8_t bytes[SIMC_ECM_KEY_SIZE];
            struct simc_secret secret;
            key_bytes(ecm->package, ecm->key_version, bytes);
            ck_assert_int_eq(simc_secret_set(&secret, simc_slice(bytes, sizeof bytes)), 0);
            const struct simc_ecm_maker_config maker = {
                .key = &secret, .package = ecm->package, .key_version = ecm->key_version};
            ck_assert_int_eq(simc_ecm_maker_new(&maker, &bed->makers[i][k]), 0);
        }
    }
    for (unsigned at = 0; at < bed->duration; at++)
        put_next(bed, at);
}

void rx_fini(struct rx_bed *bed)
{
    for (unsigned i = 0; i < RX_SERVICES_MAX; i++) {
        for (unsigned k = 0; k < RX_ECMS_MAX; k++)
            simc_ecm_maker_free(bed->makers[i][k]);
    }
    simc_scrambler_free(bed->scrambler);
    free(bed->in);
    free(bed->clear);
    free(bed->times);
}

unsigned rx_scrambled(const struct rx_bed *bed, unsigned service, unsigned from, unsigned to)
{
    unsigned count = 0;
    for (size_t i = 0; i < bed->count; i++) {
        unsigned pid = simc_ts_pid(bed->in[i]);
        count += bed->times[i] >= from && bed->times[i] < to &&
                 simc_ts_tsc(bed->in[i]) != SIMC_TSC_CLEAR &&
                 (pid & ~0xfu) == RX_VIDEO + 16 * service;
    }
    return count;
}

unsigned rx_packets(const struct rx_bed *bed, uint16_t pid, unsigned from, unsigned to)
{
    unsigned count = 0;
    for (size_t i = 0; i < bed->count; i++)
        count += bed->times[i] >= from && bed->times[i] < to && simc_ts_pid(bed->in[i]) == pid;
    return count;
}

/* ---- the receiver's side ---- */

static int find_version(void *context, uint32_t package, uint32_t version,
                        struct simc__package_key *key)
{
    const struct rx_keys *keys = context;
    for (unsigned i = 0; i < keys->count; i++) {
        uint8_t bytes[SIMC_ECM_KEY_SIZE];
        if (keys->items[i].package != package || keys->items[i].version != version)
            continue;
        *key = (struct simc__package_key){.package = package,
                                          .version = version,
                                          .start_s = keys->items[i].start_s,
                                          .end_s = keys->items[i].end_s};
        key_bytes(package, version, bytes);
        bytes[3] ^= keys->items[i].is_wrong ? 1 : 0;
        return simc_secret_set(&key->key, simc_slice(bytes, sizeof bytes));
    }
    return SIMC_ENOTFOUND;
}

static uint64_t generation(void *context)
{
    return ((const struct rx_keys *)context)->generation;
}

static size_t packages(void *context, uint32_t *into, size_t max)
{
    const struct rx_keys *keys = context;
    for (unsigned i = 0; i < keys->count && i < max; i++)
        into[i] = keys->items[i].package;
    return keys->count;
}

struct simc__receiver_rights rx_rights(struct rx_keys *keys)
{
    return (struct simc__receiver_rights){
        .keys = {.find_version = find_version, .generation = generation, .context = keys},
        .packages = packages,
        .context = keys,
        .origin = "your key file"};
}

struct simc__receiver *rx_receive(const struct rx_bed *bed,
                                  const struct simc__receiver_config *config, size_t chunk)
{
    struct simc__receiver *receiver;
    struct simc_slice out;
    size_t done = 0;
    ck_assert_int_eq(simc__receiver_new(config, &receiver), 0);
    if (bed->has_epoch)
        simc__receiver_epoch_set(receiver, bed->epoch);
    unsigned keys = bed->keys ? bed->keys->count : 0;
    for (size_t at = 0; at <= bed->count;) {
        size_t count = bed->count - at < chunk ? bed->count - at : chunk, taken = 0;
        if (bed->key_at && at < bed->key_at && count > bed->key_at - at)
            count = bed->key_at - at;
        if (bed->key_at && at == bed->key_at) {
            bed->keys->count = keys + 1;
            bed->keys->generation++;
        }
        /* As a program does that sees that nothing comes. */
        if (count && at > 0 && bed->times[at] - bed->times[at - 1] >= 1000)
            simc__receiver_break(receiver);
        for (size_t k = 1; k < count; k++) {
            if (bed->times[at + k] - bed->times[at + k - 1] >= 1000)
                count = k;
        }
        if (count)
            ck_assert_int_eq(simc__receiver_push(receiver, bed->in[at], count, bed->now_s, &taken),
                             0);
        else
            simc__receiver_flush(receiver);
        while (simc__receiver_next(receiver, &out) == 0) {
            for (size_t k = 0; k < out.size; k += SIMC_TS_SIZE, done++) {
                struct simc_slice packet = simc_slice(out.data + k, SIMC_TS_SIZE);
                bool is_open = simc_ts_tsc(packet.data) == SIMC_TSC_CLEAR;
                ck_assert_uint_lt(done, bed->count);
                unit_expect_bytes(
                    packet, simc_slice(is_open ? bed->clear[done] : bed->in[done], SIMC_TS_SIZE));
            }
        }
        if (!count)
            break;
        at += taken;
    }
    ck_assert_uint_eq(done, bed->count);
    if (bed->key_at)
        bed->keys->count = keys;
    return receiver;
}
