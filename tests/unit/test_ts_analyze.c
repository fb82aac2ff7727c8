/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser: a faultless scrambled stream gives a faultless report with the right figures, and
 * each fault that is put into it is found by its check and by no other. Run by the unit test
 * runner. */
#include <check.h>
#include <string.h>

#include "psi/analyze.h"
#include "unit/unit.h"

Suite *suite_ts_analyze(void);

/* The stream: 1000 packets a second, so a packet's number is its time in milliseconds. */
enum {
    LENGTH_MS = 14000,
    TICKS = 27000,
    PMT_PID = 0x1000,
    VIDEO = 0x101,
    AUDIO = 0x102,
    ECM = 0x600,
    EMM = 0x601,
    STRANGER = 0x700,
    CLEAR_MS = 2000, /* then crypto periods begin */
    PERIOD_MS = 3000,
    ECM_DELAY_MS = 200,
};

enum kind { PAT, CAT, PMT, NIT, SDT, EIT0, EIT1, TDT, ECMS, EMMS, PICTURE, SOUND, OTHER, KINDS };

/* When packets of a kind come: every `period`, from `offset` on, in milliseconds. Rows do not
 * collide, and what is left is video without a PES start. */
static const struct {
    unsigned period, offset;
    uint16_t pid;
} kinds[KINDS] = {
    [PAT] = {100, 1, SIMC_PID_PAT},
    [CAT] = {100, 2, SIMC_PID_CAT},
    [PMT] = {100, 3, PMT_PID},
    [NIT] = {5000, 4, SIMC_PID_NIT},
    [SDT] = {1000, 5, SIMC_PID_SDT},
    [EIT0] = {1000, 6, SIMC_PID_EIT},
    [EIT1] = {1000, 506, SIMC_PID_EIT},
    [TDT] = {10000, 7, SIMC_PID_TDT},
    [ECMS] = {100, 8, ECM},
    [EMMS] = {250, 9, EMM},
    [PICTURE] = {20, 10, VIDEO},
    [SOUND] = {100, 51, AUDIO},
    [OTHER] = {1000000, 999999, STRANGER},
};

/* What a fault does to the stream; a zeroed struct is the faultless one. */
struct fault {
    const char *name;
    enum simc__check_id check, also;
    bool has_also;
    enum kind without; /* not sent between from_ms and to_ms; used if to_ms > 0 */
    unsigned from_ms, to_ms;
    enum kind extra; /* sent once more at extra_ms, in the place of video */
    unsigned extra_ms;
    void (*change)(uint8_t *packet, unsigned ms);
    struct simc__limits limits;
};

static uint8_t section_bytes[SIMC_SECTION_SIZE_MAX];

static struct simc_slice make_table(enum kind kind)
{
    uint8_t loop[64];
    struct simc_writer out = simc_writer(section_bytes, sizeof section_bytes);
    struct simc_writer descriptors = simc_writer(loop, sizeof loop);
    static const struct simc_pat_entry programs[] = {{0, SIMC_PID_NIT}, {1, PMT_PID}};
    static const struct simc_pmt_stream streams[] = {{0x1b, VIDEO, {NULL, 0}},
                                                     {0x0f, AUDIO, {NULL, 0}}};
    int error = 0;
    switch (kind) {
    case PAT:
        error = simc_pat_build(&out, 77, 3, programs, 2);
        break;
    case CAT:
        simc_ca_descriptor_put(&descriptors, &(struct simc_ca_descriptor){0xce15, EMM, {NULL, 0}});
        error = simc_cat_build(&out, 0, simc_slice(loop, descriptors.at));
        break;
    case PMT:
        simc_ca_descriptor_put(
            &descriptors, &(struct simc_ca_descriptor){0xce15, ECM, simc_slice("\x01\x02", 2)});
        simc_scrambling_descriptor_put(&descriptors, SIMC_SCRAMBLING_MODE_CISSA1);
        error = simc_pmt_build(
            &out, &(struct simc_pmt){1, VIDEO, simc_slice(loop, descriptors.at), {NULL, 0}}, 5,
            streams, 2);
        break;
    case NIT:
        error = simc_nit_build(&out, &(struct simc_nit){.table_id = SIMC_TABLE_NIT_ACTUAL, .id = 9},
                               0, NULL, 0);
        break;
    case SDT:
        simc_service_descriptor_put(&descriptors,
                                    &(struct simc_service_descriptor){1, simc_slice_text("Maker"),
                                                                      simc_slice_text("Channel")});
        error =
            simc_sdt_build(&out, &(struct simc_sdt){SIMC_TABLE_SDT_ACTUAL, 77, 88, {NULL, 0}}, 0,
                           &(struct simc_sdt_service){.id = 1,
                                                      .eit_pf = true,
                                                      .free_ca_mode = true,
                                                      .running_status = 4,
                                                      .descriptors = {loop, descriptors.at}},
                           1);
        break;
    case EIT0:
    case EIT1:
        error = simc_eit_build(
            &out, &(struct simc_eit){SIMC_TABLE_EIT_PF_ACTUAL, 1, 77, 88, 1, 0x4e, {NULL, 0}}, 0,
            kind == EIT1, 1, NULL, 0);
        break;
    default:
        error = simc_tot_build(&out, &(struct simc_tot){SIMC_TABLE_TDT, 1000000000, {NULL, 0}});
        break;
    }
    ck_assert_int_eq(error, 0);
    return simc_slice(section_bytes, out.at);
}

static struct simc_slice make_ca_message(enum kind kind, unsigned ms)
{
    unsigned period = ms < CLEAR_MS + ECM_DELAY_MS ? 0 : (ms - CLEAR_MS - ECM_DELAY_MS) / PERIOD_MS;
    memset(section_bytes, (int)(kind == ECMS ? period : ms), 50);
    section_bytes[0] = (uint8_t)(kind == ECMS ? SIMC_TABLE_ECM_EVEN + period % 2 : 0x82);
    section_bytes[1] = 0x70;
    section_bytes[2] = 47;
    return simc_slice(section_bytes, 50);
}

/* CP 0 is even. */
static enum simc_ts_tsc tsc_at(unsigned ms)
{
    if (ms < CLEAR_MS)
        return SIMC_TSC_CLEAR;
    return (ms - CLEAR_MS) / PERIOD_MS % 2 ? SIMC_TSC_ODD : SIMC_TSC_EVEN;
}

static void make_stream_packet(uint8_t *packet, enum kind kind, uint16_t pid, unsigned ms,
                               unsigned cc)
{
    uint8_t payload[SIMC_TS_PAYLOAD_MAX];
    bool starts = kind == PICTURE || kind == SOUND;
    struct simc_ts_header header = {
        .pid = pid, .cc = cc & 0xf, .tsc = tsc_at(ms), .unit_start = starts};
    struct simc_ts_adaptation field = {.present = kind == PICTURE,
                                       .has_pcr = kind == PICTURE,
                                       .pcr_27mhz = SIMC_PCR_WRAP - 1000000 + (uint64_t)ms * TICKS};
    memset(payload, (int)ms, sizeof payload);
    if (starts) {
        /* PES with a PTS half a second ahead. */
        uint64_t pts = (field.pcr_27mhz / 300 + 45000) & 0x1ffffffff;
        const uint8_t pes[] = {0,
                               0,
                               1,
                               0xe0,
                               0,
                               0,
                               0x80,
                               0x80,
                               5,
                               (uint8_t)(0x21 | (pts >> 29 & 0xe)),
                               (uint8_t)(pts >> 22),
                               (uint8_t)(pts >> 14 | 1),
                               (uint8_t)(pts >> 7),
                               (uint8_t)(pts << 1 | 1)};
        memcpy(payload, pes, sizeof pes);
    }
    ck_assert_int_eq(simc_ts_write(packet, &header, &field, simc_slice(payload, 176)), 0);
}

static enum kind kind_at(unsigned ms, const struct fault *fault)
{
    enum kind kind = 0;
    if (fault->extra_ms && ms == fault->extra_ms)
        return fault->extra;
    while (kind < KINDS && ms % kinds[kind].period != kinds[kind].offset)
        kind++;
    if (fault->to_ms && kind == fault->without && ms >= fault->from_ms && ms < fault->to_ms)
        return KINDS;
    return kind;
}

static struct simc__analyzer analyzer;

static void analyze(const struct fault *fault, unsigned length_ms)
{
    uint8_t cc[SIMC_TS_PID_COUNT] = {0};
    ck_assert_int_eq(simc__analyzer_init(&analyzer, &fault->limits), 0);
    for (unsigned ms = 0; ms < length_ms; ms++) {
        uint8_t packet[SIMC_TS_SIZE];
        enum kind kind = kind_at(ms, fault);
        uint16_t pid = kind == KINDS ? VIDEO : kinds[kind].pid;
        if (kind >= PICTURE) {
            make_stream_packet(packet, kind, pid, ms, cc[pid]++);
        } else {
            struct simc_slice section = kind < ECMS ? make_table(kind) : make_ca_message(kind, ms);
            struct simc_writer out = simc_writer(packet, sizeof packet);
            ck_assert_int_eq(
                simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, pid, &cc[pid], &out), 0);
        }
        if (fault->change)
            fault->change(packet, ms);
        struct simc_ts_run run = {packet, 1, SIMC_TS_SIZE, 0};
        ck_assert_int_eq(simc__analyzer_push(&analyzer, &run), 0);
    }
    simc__analyzer_end(&analyzer);
}

static void near_ms(uint64_t time_27mhz, double wanted, double slack)
{
    ck_assert_double_ge(simc__ms(time_27mhz), wanted - slack);
    ck_assert_double_le(simc__ms(time_27mhz), wanted + slack);
}

START_TEST(a_good_stream_has_a_good_report)
{
    analyze(&(struct fault){0}, LENGTH_MS);
    ck_assert_uint_eq(analyzer.fault_count, 0);
    ck_assert(!simc__analyzer_failed(&analyzer, 3));
    static const enum simc__check_id judged[] = {
        SIMC__CHECK_PAT,        SIMC__CHECK_PMT,         SIMC__CHECK_PID,
        SIMC__CHECK_CAT,        SIMC__CHECK_PCR_JUMP,    SIMC__CHECK_PCR_ACCURACY,
        SIMC__CHECK_PTS,        SIMC__CHECK_NIT_ACTUAL,  SIMC__CHECK_SDT_ACTUAL,
        SIMC__CHECK_EIT_ACTUAL, SIMC__CHECK_EIT_PF,      SIMC__CHECK_TDT,
        SIMC__CHECK_DATA_DELAY, SIMC__CHECK_UNREFERENCED};
    for (size_t i = 0; i < UNIT_COUNT(judged); i++)
        ck_assert_msg(analyzer.checks[judged[i]].judged, "%s", simc__check_rows[judged[i]].number);
    ck_assert_uint_eq(simc_ts_stats_bitrate(&analyzer.stats), 1504000);
    near_ms(simc__analyzer_duration(&analyzer), LENGTH_MS, 0.01);
    ck_assert_uint_eq(analyzer.ts_id, 77);
    ck_assert_uint_eq(analyzer.network_id, 88);

    ck_assert_uint_eq(analyzer.service_count, 1);
    const struct simc__service *service = &analyzer.services[0];
    ck_assert_str_eq(service->name, "Channel");
    ck_assert_str_eq(service->provider, "Maker");
    ck_assert(service->free_ca_mode && service->eit_pf && !service->eit_schedule);
    ck_assert_int_eq(service->scrambling_mode, SIMC_SCRAMBLING_MODE_CISSA1);
    ck_assert_uint_eq(service->pcr_pid, VIDEO);
    ck_assert_uint_eq(service->pmt_version, 5);
    ck_assert_uint_eq(service->stream_count, 2);
    ck_assert_uint_eq(service->ca_count, 1);
    ck_assert_uint_eq(service->cas[0].system_id, 0xce15);
    ck_assert_uint_eq(service->cas[0].private_size, 2);
    ck_assert_uint_eq(analyzer.cat_count, 1);
    ck_assert_uint_eq(analyzer.cat[0].pid, EMM);
    ck_assert_int_eq(analyzer.pids[AUDIO].role, SIMC__ROLE_STREAM);
    ck_assert_int_eq(analyzer.pids[ECM].role, SIMC__ROLE_ECM);
    simc__analyzer_fini(&analyzer);
}
END_TEST

START_TEST(crypto_periods_and_their_ecms_are_seen)
{
    analyze(&(struct fault){0}, LENGTH_MS);
    const struct simc__service *service = &analyzer.services[0];
    double offset = 10;                          /* the first PCR, where time begins */
    ck_assert_uint_eq(service->period_count, 5); /* clear, and four */
    for (size_t n = 0; n < 5; n++) {
        const struct simc__period *period = simc__service_period(service, n);
        double start = CLEAR_MS + ((double)n - 1) * PERIOD_MS - offset;
        ck_assert_ptr_nonnull(period);
        ck_assert_uint_eq(period->tsc, n == 0  ? SIMC_TSC_CLEAR
                                       : n % 2 ? SIMC_TSC_EVEN
                                               : SIMC_TSC_ODD);
        ck_assert_int_eq(period->entire, n > 0);
        if (n > 0)
            near_ms(period->start_27mhz, start, 0.1);
        if (n > 0 && n < 4)
            near_ms(period->end_27mhz - period->start_27mhz, PERIOD_MS, 0.1);
        /* The ECM of the first period is on air from the start on, the others 200 ms late; they
         * come every 100 ms. */
        ck_assert_uint_eq(period->ecm_count, n != 1);
        if (n < 2)
            continue;
        ck_assert_uint_eq(period->ecms[0].pid, ECM);
        ck_assert_uint_eq(period->ecms[0].table_id, 0x80 + (n - 1) % 2);
        near_ms(period->ecms[0].at_27mhz - period->start_27mhz, ECM_DELAY_MS + 8, 0.1);
    }
    ck_assert_ptr_null(simc__service_period(service, 5));

    ck_assert_uint_eq(analyzer.ca_stream_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct simc__ca_stream *stream = &analyzer.ca_streams[i];
        bool emm = stream->pid == EMM;
        ck_assert_int_eq(stream->is_emm, emm);
        ck_assert_uint_eq(stream->sections, emm ? LENGTH_MS / 250 : LENGTH_MS / 100);
        near_ms(stream->gap_max_27mhz, emm ? 250 : 100, 0.1);
        ck_assert_uint_eq(stream->changes, emm ? stream->sections : 4);
        ck_assert_uint_eq(stream->by_table[2], emm ? stream->sections : 0);
    }
    simc__analyzer_fini(&analyzer);
}
END_TEST

/* More periods than are kept: the latest stay, the number is right. */
START_TEST(periods_are_a_ring)
{
    analyze(&(struct fault){0}, CLEAR_MS + (SIMC__PERIODS_MAX + 10) * PERIOD_MS);
    const struct simc__service *service = &analyzer.services[0];
    ck_assert_uint_eq(service->period_count, SIMC__PERIODS_MAX + 11);
    ck_assert_ptr_nonnull(simc__service_period(service, SIMC__PERIODS_MAX - 1));
    ck_assert_ptr_null(simc__service_period(service, SIMC__PERIODS_MAX));
    for (size_t n = 1; n < SIMC__PERIODS_MAX; n++)
        ck_assert_uint_eq(simc__service_period(service, n)->start_27mhz,
                          simc__service_period(service, n - 1)->end_27mhz);
    simc__analyzer_fini(&analyzer);
}
END_TEST

static void change_transport(uint8_t *packet, unsigned ms)
{
    if (ms == 4011) {
        simc_ts_null(packet);
        packet[1] |= 0x80;
    }
}

static void change_counter(uint8_t *packet, unsigned ms)
{
    if (ms == 4011)
        packet[3] ^= 1;
}

static void change_crc(uint8_t *packet, unsigned ms)
{
    if (ms == 4001)
        packet[12] ^= 1;
}

static void change_sync(uint8_t *packet, unsigned ms)
{
    if (ms == 4011)
        packet[0] = 0x46;
}

static void scramble_pat(uint8_t *packet, unsigned ms)
{
    if (ms == 4001)
        simc_ts_set_tsc(packet, SIMC_TSC_EVEN);
}

static void scramble_pmt(uint8_t *packet, unsigned ms)
{
    if (ms == 4003)
        simc_ts_set_tsc(packet, SIMC_TSC_ODD);
}

static void move_pcr(uint8_t *packet, int64_t ticks)
{
    uint64_t pcr;
    if (simc_ts_pcr(packet, &pcr))
        ck_assert_int_eq(simc_ts_set_pcr(packet, simc_pcr_add(pcr, ticks)), 0);
}

static void jump_pcr(uint8_t *packet, unsigned ms)
{
    if (ms > 5000)
        move_pcr(packet, -20000000);
}

static void shake_pcr(uint8_t *packet, unsigned ms)
{
    if (ms % 400 == 10)
        move_pcr(packet, 27); /* a microsecond */
}

static void announce_pcr(uint8_t *packet, unsigned ms)
{
    jump_pcr(packet, ms);
    if (ms == 5010)
        packet[5] |= 0x80;
}

static void early_data(uint8_t *packet, unsigned ms)
{
    if (ms == 1010)
        packet[12 + 9 + 2] = 0xff, packet[12 + 9 + 1] = (uint8_t)(packet[12 + 9 + 1] + 1);
}

/* A quarter of a ppm per second. */
static void drift_pcr(uint8_t *packet, unsigned ms)
{
    move_pcr(packet, (int64_t)(0.25e-6 / 2 * ms * ms / 1000 * TICKS));
}

/* 50 ppm. */
static void stretch_pcr(uint8_t *packet, unsigned ms)
{
    move_pcr(packet, (int64_t)(ms * 50e-6 * TICKS));
}

static void foreign_table(uint8_t *packet, unsigned ms)
{
    if (ms == 7)
        packet[5] = 0x80;
}

#define ALSO(check) .has_also = true, .also = SIMC__CHECK_##check

static const struct fault faults[] = {
    {"no PAT for a second", SIMC__CHECK_PAT, .without = PAT, .from_ms = 4000, .to_ms = 5000},
    {"no PMT for a second", SIMC__CHECK_PMT, .without = PMT, .from_ms = 4000, .to_ms = 5000},
    {"never a CAT", SIMC__CHECK_CAT, .without = CAT, .to_ms = LENGTH_MS, ALSO(UNREFERENCED)},
    {"CAT gone", SIMC__CHECK_CAT, .without = CAT, .from_ms = 2000, .to_ms = LENGTH_MS},
    {"a bad byte in the PAT", SIMC__CHECK_CRC, .change = change_crc},
    {"no sound for six seconds", SIMC__CHECK_PID, .without = SOUND, .from_ms = 6000,
     .to_ms = 13000},
    {"transport error", SIMC__CHECK_TRANSPORT, .change = change_transport, ALSO(CONTINUITY)},
    {"counter", SIMC__CHECK_CONTINUITY, .change = change_counter},
    {"sync byte", SIMC__CHECK_SYNC_BYTE, .change = change_sync, ALSO(CONTINUITY)},
    {"scrambled PAT", SIMC__CHECK_PAT, .change = scramble_pat},
    {"scrambled PMT", SIMC__CHECK_PMT, .change = scramble_pmt},
    {"no PCR for 120 ms", SIMC__CHECK_PCR_REPETITION, .without = PICTURE, .from_ms = 5000,
     .to_ms = 5110, ALSO(PCR_JUMP)},
    {"PCR jump", SIMC__CHECK_PCR_JUMP, .change = jump_pcr},
    {"PCR off by a microsecond", SIMC__CHECK_PCR_ACCURACY, .change = shake_pcr},
    {"no PTS for 0.9 s", SIMC__CHECK_PTS, .without = SOUND, .from_ms = 500, .to_ms = 1400},
    {"data a long time ahead", SIMC__CHECK_DATA_DELAY, .change = early_data},
    {"a PID that nothing names", SIMC__CHECK_UNREFERENCED, .extra = OTHER, .extra_ms = 4012},
    {"NIT twice", SIMC__CHECK_NIT_ACTUAL, .extra = NIT, .extra_ms = 5014},
    {"no NIT for over 10 s", SIMC__CHECK_NIT_ACTUAL, .without = NIT, .from_ms = 1000,
     .to_ms = LENGTH_MS},
    {"never a NIT", SIMC__CHECK_NIT_ACTUAL, .without = NIT, .to_ms = LENGTH_MS},
    {"no SDT for over 2 s", SIMC__CHECK_SDT_ACTUAL, .without = SDT, .from_ms = 5000, .to_ms = 8000},
    {"SDT twice", SIMC__CHECK_SDT_ACTUAL, .extra = SDT, .extra_ms = 5014},
    {"never an EIT section 1", SIMC__CHECK_EIT_PF, .without = EIT1, .to_ms = LENGTH_MS},
    {"no EIT section 0 for over 2 s", SIMC__CHECK_EIT_ACTUAL, .without = EIT0, .from_ms = 5000,
     .to_ms = 8000},
    {"TDT twice", SIMC__CHECK_TDT, .extra = TDT, .extra_ms = 10014},
    {"a foreign table on the PID of the TDT", SIMC__CHECK_TDT, .change = foreign_table},
    {"PCRs that drift", SIMC__CHECK_PCR_DRIFT, .change = drift_pcr},
    {"PCRs that drift, seen quickly", SIMC__CHECK_PCR_DRIFT, .change = drift_pcr,
     .limits = {.pcr_demarcation_mhz = 100}},
    {"PCRs of another frequency", SIMC__CHECK_PCR_OFFSET, .change = stretch_pcr,
     .limits = {.bitrate_bps = 1504000}},
    {"PCRs that shake", SIMC__CHECK_PCR_ACCURACY, .change = shake_pcr,
     .limits = {.pcr_jitter_ns = 500}, ALSO(PCR_JITTER)},
};

START_TEST(each_fault_is_found_by_its_check_only)
{
    const struct fault *fault = &faults[_i];
    analyze(fault, LENGTH_MS);
    for (size_t i = 0; i < SIMC__CHECK_COUNT; i++) {
        bool wanted = i == fault->check || (fault->has_also && i == fault->also);
        ck_assert_msg((analyzer.checks[i].count > 0) == wanted, "%s: check %s has %llu",
                      fault->name, simc__check_rows[i].number,
                      (unsigned long long)analyzer.checks[i].count);
    }
    ck_assert(simc__analyzer_failed(&analyzer, simc__check_rows[fault->check].priority));
    simc__analyzer_fini(&analyzer);
}
END_TEST

/* Without a bit rate that is known from elsewhere, an offset cannot be seen; within their limits
 * offset and drift are no faults. */
static void drift_slowly(uint8_t *packet, unsigned ms)
{
    move_pcr(packet, (int64_t)(2.5e-9 / 2 * ms * ms / 1000 * TICKS + ms * 25e-6 * TICKS));
}

START_TEST(small_or_unseen_offsets_are_no_faults)
{
    static const struct fault rows[] = {
        {.change = stretch_pcr},
        {.change = drift_slowly, .limits = {.bitrate_bps = 1504000}},
        {.change = announce_pcr, .limits = {.bitrate_bps = 1504000}},
    };
    analyze(&rows[_i], LENGTH_MS);
    ck_assert_uint_eq(analyzer.fault_count, 0);
    ck_assert_int_eq(analyzer.checks[SIMC__CHECK_PCR_OFFSET].judged, _i != 0);
    ck_assert(analyzer.checks[SIMC__CHECK_PCR_DRIFT].judged);
    if (_i == 1) {
        ck_assert_double_ge(analyzer.measures[0].offset_hz, 26e6 * 25e-6);
        ck_assert_double_le(analyzer.measures[0].offset_hz, 28e6 * 25e-6);
    }
    simc__analyzer_fini(&analyzer);
}
END_TEST

/* Live: the stream comes in datagrams of seven by a clock that is slow, with some jitter. */
START_TEST(arrivals_by_a_clock_are_measured)
{
    static const struct {
        double slow;
        bool loose;
        unsigned wanted;
    } rows[] = {{1, false, 0}, {1.0001, false, 1}, {0.9999, false, 1}, {1.0001, true, 0}};
    const struct simc__limits limits = {.clock_is_loose = rows[_i].loose};
    struct unit_random random = unit_random(4);
    uint8_t packets[7 * SIMC_TS_SIZE];
    ck_assert_int_eq(simc__analyzer_init(&analyzer, &limits), 0);
    for (unsigned ms = 0; ms < 110000; ms++) {
        uint8_t *packet = packets + ms % 7 * SIMC_TS_SIZE;
        simc_ts_null(packet);
        if (ms % 20 == 0)
            make_stream_packet(packet, PICTURE, VIDEO, ms, ms / 20);
        if (ms % 7 != 6)
            continue;
        uint16_t noise;
        unit_random_fill(&random, (uint8_t *)&noise, sizeof noise);
        struct simc_ts_run run = {packets, 7, SIMC_TS_SIZE, 0};
        simc__analyzer_arrival(&analyzer, (uint64_t)(5e9 + ms * 1e6 * rows[_i].slow + noise % 500));
        ck_assert_int_eq(simc__analyzer_push(&analyzer, &run), 0);
    }
    const struct simc__pcr_measure *measure = &analyzer.measures[0];
    ck_assert(measure->measured);
    ck_assert_double_ge(measure->longest_s, 109);
    double wanted_hz = (1 / rows[_i].slow - 1) * 27e6;
    ck_assert_double_ge(measure->offset_hz, wanted_hz - 1);
    ck_assert_double_le(measure->offset_hz, wanted_hz + 1);
    ck_assert_double_le(measure->jitter_ns, 1000);
    ck_assert_uint_eq(analyzer.checks[SIMC__CHECK_PCR_OFFSET].count, rows[_i].wanted);
    ck_assert_uint_eq(analyzer.checks[SIMC__CHECK_PCR_DRIFT].count, 0);
    simc__analyzer_fini(&analyzer);
}
END_TEST

/* ---- buffers ---- */

/* How the stream with real headers is bent; times in milliseconds. */
struct bend {
    const char *name;
    unsigned found;       /* bit n: check n */
    enum simc__blind why; /* of the video */
    uint8_t level;        /* level_idc */
    uint8_t type;         /* of the video; 0: H.264 */
    int shift_ms;         /* time stamps from second 2 on */
    bool scrambled, no_stamps, no_set, no_start, still;
};

static const struct simc_pmt_stream *bent_streams(const struct bend *bend)
{
    static const uint8_t still[] = {0x28, 4, 66, 0xc0, 31, 0x80};
    static struct simc_pmt_stream streams[2];
    streams[0] = (struct simc_pmt_stream){bend->type ? bend->type : 0x1b, VIDEO, {NULL, 0}};
    if (bend->still)
        streams[0].descriptors = simc_slice(still, sizeof still);
    streams[1] = (struct simc_pmt_stream){0x0f, AUDIO, {NULL, 0}};
    return streams;
}

static struct simc_slice bent_table(const struct bend *bend, bool pmt)
{
    static const struct simc_pat_entry program = {1, PMT_PID};
    struct simc_writer out = simc_writer(section_bytes, sizeof section_bytes);
    const struct simc_pmt head = {1, VIDEO, {NULL, 0}, {NULL, 0}};
    int error = pmt ? simc_pmt_build(&out, &head, 5, bent_streams(bend), 2)
                    : simc_pat_build(&out, 77, 3, &program, 1);
    ck_assert_int_eq(error, 0);
    return simc_slice(section_bytes, out.at);
}

/* A PES packet with a PTS 400 ms ahead, and what the first picture, or the first frame needs. */
static void bent_payload(uint8_t payload[SIMC_TS_PAYLOAD_MAX], const struct bend *bend, bool sound,
                         unsigned ms)
{
    static const uint8_t avc[] = {0,    0,    0,    1,  9,    0x10, 0, 0, 0,   1,
                                  0x67, 0x42, 0xc0, 31, 0x80, 0,    0, 1, 0x65};
    static const uint8_t adts[] = {0xff, 0xf1, 0x4c, 0x40, 0x0a, 0xbf, 0xfc}; /* 85 bytes */
    int ahead = sound ? 100 : 400 + (ms >= 2000 ? bend->shift_ms : 0);
    uint64_t pts = ((uint64_t)ms * 90 + (uint64_t)((int64_t)ahead * 90 + 900000)) & 0x1ffffffff;
    const uint8_t pes[] = {0,
                           0,
                           1,
                           0xe0,
                           0,
                           0,
                           0x84,
                           bend->no_stamps ? 0 : 0x80,
                           5,
                           (uint8_t)(0x21 | (pts >> 29 & 0xe)),
                           (uint8_t)(pts >> 22),
                           (uint8_t)(pts >> 14 | 1),
                           (uint8_t)(pts >> 7),
                           (uint8_t)(pts << 1 | 1)};
    memset(payload, 0x55, SIMC_TS_PAYLOAD_MAX);
    memcpy(payload, pes, sizeof pes);
    if (sound) {
        memcpy(payload + sizeof pes, adts, sizeof adts);
        memcpy(payload + sizeof pes + 85, adts, sizeof adts);
    } else if (!bend->no_start) {
        memcpy(payload + sizeof pes, avc, sizeof avc);
        payload[sizeof pes + 13] = bend->level;
        if (bend->no_set)
            payload[sizeof pes + 10] = 0x68;
    }
}

/* 1000 packets a second: PSI, each 40 ms a picture of ten packets with a PCR, sound, and nulls. */
static void analyze_bent(const struct bend *bend)
{
    uint8_t cc[SIMC_TS_PID_COUNT] = {0};
    const struct simc__limits limits = {.buffers = true};
    ck_assert_int_eq(simc__analyzer_init(&analyzer, &limits), 0);
    for (unsigned ms = 0; ms < 6000; ms++) {
        uint8_t packet[SIMC_TS_SIZE], payload[SIMC_TS_PAYLOAD_MAX];
        unsigned at = ms % 40;
        simc_ts_null(packet);
        if (at == 30 || at == 31) {
            struct simc_slice section = bent_table(bend, at == 31);
            uint16_t pid = at == 31 ? PMT_PID : SIMC_PID_PAT;
            struct simc_writer out = simc_writer(packet, sizeof packet);
            ck_assert_int_eq(
                simc_sections_pack(&section, 1, SIMC_SECTIONS_APART, pid, &cc[pid], &out), 0);
        } else if (at < 10 || at == 20) {
            bool starts = at == 0 || at == 20;
            uint16_t pid = at == 20 ? AUDIO : VIDEO;
            struct simc_ts_header header = {.pid = pid,
                                            .cc = cc[pid]++ & 0xf,
                                            .unit_start = starts,
                                            .tsc = bend->scrambled && at < 10 ? SIMC_TSC_EVEN
                                                                              : SIMC_TSC_CLEAR};
            struct simc_ts_adaptation field = {
                .present = at == 0, .has_pcr = true, .pcr_27mhz = (uint64_t)ms * TICKS + 270000000};
            memset(payload, 0x55, sizeof payload);
            if (starts)
                bent_payload(payload, bend, at == 20, ms);
            size_t size = at == 0 ? 176 : 184;
            ck_assert_int_eq(simc_ts_write(packet, &header, &field, simc_slice(payload, size)), 0);
        }
        struct simc_ts_run run = {packet, 1, SIMC_TS_SIZE, 0};
        ck_assert_int_eq(simc__analyzer_push(&analyzer, &run), 0);
    }
    simc__analyzer_end(&analyzer);
}

#define BIT(check) (1u << SIMC__CHECK_##check)

static const struct bend bends[] = {
    {"straight", 0, SIMC__BLIND_NOT, .level = 31},
    {"data too late", BIT(BUFFER), SIMC__BLIND_NOT, .level = 31, .shift_ms = -450},
    {"data too early", BIT(DATA_DELAY), SIMC__BLIND_NOT, .level = 31, .shift_ms = 700},
    {"still pictures may be early", 0, SIMC__BLIND_NOT, .level = 31, .shift_ms = 700,
     .still = true},
    {"more than its level has room for", BIT(BUFFER) | BIT(EMPTY_BUFFER), SIMC__BLIND_NOT,
     .level = 10},
    {"scrambled", BIT(CAT), SIMC__BLIND_SCRAMBLED, .level = 31, .scrambled = true},
    {"no time stamps", 0, SIMC__BLIND_NO_STAMPS, .level = 31, .no_stamps = true},
    {"no parameter set", 0, SIMC__BLIND_NO_HEADER, .level = 31, .no_set = true},
    {"no such level", 0, SIMC__BLIND_NO_SIZES, .level = 33},
    {"no pictures", 0, SIMC__BLIND_NO_ALIGNMENT, .level = 31, .no_start = true},
    {"another codec", 0, SIMC__BLIND_NO_CODEC, .level = 31, .type = 0x10},
};

START_TEST(buffers_find_what_is_wrong_and_nothing_else)
{
    const struct bend *bend = &bends[_i];
    analyze_bent(bend);
    for (size_t i = 0; i < SIMC__CHECK_COUNT; i++)
        ck_assert_msg((analyzer.checks[i].count > 0) == (bend->found >> i & 1),
                      "%s: check %s has %llu", bend->name, simc__check_rows[i].number,
                      (unsigned long long)analyzer.checks[i].count);
    enum simc__blind why = simc__buffer_blind(&analyzer, VIDEO);
    ck_assert_msg(why == bend->why, "%s: %s", bend->name, simc__blind_text(why));
    bool judged = analyzer.pids[VIDEO].es && analyzer.pids[VIDEO].es->std.packets > 0;
    ck_assert_int_eq(judged, why == SIMC__BLIND_NOT);
    ck_assert_int_eq(simc__buffer_blind(&analyzer, AUDIO),
                     bend->no_stamps ? SIMC__BLIND_NO_STAMPS : SIMC__BLIND_NOT);
    ck_assert_uint_gt(analyzer.services[0].std->tables.packets, 200);
    simc__analyzer_fini(&analyzer);
}
END_TEST

/* The same stream by hand: 400 ms of pictures of 1797 bytes wait in EB, two frames of sound in B.
 */
START_TEST(levels_of_buffers_are_those_of_the_stream)
{
    analyze_bent(&bends[0]);
    const struct simc__std *pictures = &analyzer.pids[VIDEO].es->std;
    ck_assert_double_ge(pictures->elementary_max, 10 * 1818 - 5);
    ck_assert_double_le(pictures->elementary_max, 11 * 1818);
    ck_assert_double_le(pictures->multiplex_max, 184 + 1);
    ck_assert_uint_eq(pictures->unit_total, 6000 / 40 - 2);
    ck_assert_uint_eq(analyzer.pids[AUDIO].es->std.unit_total, 2 * (6000 / 40 - 2));
    ck_assert_double_ge(analyzer.pids[AUDIO].es->std.elementary_max, 3 * 170);
    ck_assert_double_le(analyzer.pids[AUDIO].es->std.elementary_max, 4 * 170);
    ck_assert_int_eq(analyzer.pids[VIDEO].delay_min_90khz, 36000);
    ck_assert_int_eq(analyzer.pids[VIDEO].delay_max_90khz, 36000);
    ck_assert_ptr_null(simc__delay_blind(&analyzer, VIDEO));
    simc__analyzer_fini(&analyzer);
}
END_TEST

static int analyze_with_buffers(void *unused)
{
    static uint8_t packets[200 * SIMC_TS_SIZE];
    const struct simc__limits limits = {.buffers = true};
    struct simc__analyzer *one = unused;
    uint8_t cc[3] = {0, 0, 0};
    int error = simc__analyzer_init(one, &limits);
    if (error)
        return error;
    for (unsigned i = 0; i < 200; i++) {
        uint8_t *packet = packets + i * SIMC_TS_SIZE;
        struct simc_slice section = bent_table(&bends[0], i % 2);
        struct simc_writer out = simc_writer(packet, SIMC_TS_SIZE);
        ck_assert_int_eq(simc_sections_pack(&section, 1, SIMC_SECTIONS_APART,
                                            i % 2 ? PMT_PID : SIMC_PID_PAT, &cc[i % 2], &out),
                         0);
        if (i % 4 == 3)
            make_stream_packet(packet, PICTURE, VIDEO, i * 5, cc[2]++);
    }
    struct simc_ts_run run = {packets, 200, SIMC_TS_SIZE, 0};
    error = simc__analyzer_push(one, &run);
    simc__analyzer_end(one);
    simc__analyzer_fini(one);
    return error;
}

START_TEST(an_announced_time_base_is_no_fault)
{
    analyze(&(struct fault){.change = announce_pcr}, LENGTH_MS);
    ck_assert_uint_eq(analyzer.fault_count, 0);
    near_ms(simc__analyzer_duration(&analyzer), LENGTH_MS, 1);
    simc__analyzer_fini(&analyzer);
}
END_TEST

START_TEST(reports_print_whole_and_valid)
{
    UNIT_ROOM(uint8_t, text, 1 << 20);
    for (size_t i = 0; i <= UNIT_COUNT(faults); i++) {
        analyze(i < UNIT_COUNT(faults) ? &faults[i] : &(struct fault){0}, 6000);
        struct simc_writer out = simc_writer(text, (1 << 20));
        size_t fault_at = 0;
        simc__analyzer_json(&analyzer, &out);
        ck_assert_int_eq(out.error, 0);
        ck_assert_msg(unit_json_is_valid(simc_slice(text, out.at), &fault_at), "at %zu", fault_at);
        struct simc_writer measure = simc_writer(NULL, 0);
        simc__analyzer_json(&analyzer, &measure);
        ck_assert_uint_eq(measure.at, out.at);
        out = simc_writer(text, (1 << 20));
        simc__analyzer_text(&analyzer, &out);
        ck_assert_int_eq(out.error, 0);
        ck_assert(simc_slice_equal(simc_slice(text, 7), simc_slice_text("Stream\n")));
        simc__analyzer_fini(&analyzer);
    }
}
END_TEST

START_TEST(random_packets_do_no_harm)
{
    UNIT_ROOM(uint8_t, text, 8 << 20);
    struct unit_random random = unit_random(3);
    ck_assert_int_eq(simc__analyzer_init(&analyzer, &(struct simc__limits){.buffers = true}), 0);
    for (int i = 0; i < 100000; i++) {
        uint8_t packet[SIMC_TS_SIZE];
        unit_random_fill(&random, packet, sizeof packet);
        packet[0] = SIMC_TS_SYNC;
        if (i % 3)
            packet[1] &= 0x40, packet[3] &= 0x3f; /* PIDs below 256 */
        struct simc_ts_run run = {packet, 1, SIMC_TS_SIZE, 0};
        ck_assert_int_eq(simc__analyzer_push(&analyzer, &run), 0);
    }
    simc__analyzer_end(&analyzer);
    struct simc_writer out = simc_writer(text, (8 << 20));
    simc__analyzer_json(&analyzer, &out);
    ck_assert_int_eq(out.error, 0);
    ck_assert_uint_eq(analyzer.fault_count, SIMC__FAULTS_MAX);
    simc__analyzer_fini(&analyzer);
}
END_TEST

static int init_only(void *context)
{
    struct simc__analyzer *one = context;
    int error = simc__analyzer_init(one, NULL);
    if (!error)
        simc__analyzer_fini(one);
    return error;
}

START_TEST(no_memory_is_reported)
{
    ck_assert_uint_gt(unit_fail_each_allocation(init_only, &analyzer, true), 10);
    ck_assert_uint_gt(unit_fail_each_allocation(analyze_with_buffers, &analyzer, true), 12);
}
END_TEST

Suite *suite_ts_analyze(void)
{
    Suite *suite = suite_create("ts analyze");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_good_stream_has_a_good_report);
    tcase_add_test(tests, crypto_periods_and_their_ecms_are_seen);
    tcase_add_test(tests, periods_are_a_ring);
    tcase_add_loop_test(tests, each_fault_is_found_by_its_check_only, 0, (int)UNIT_COUNT(faults));
    tcase_add_test(tests, an_announced_time_base_is_no_fault);
    tcase_add_loop_test(tests, small_or_unseen_offsets_are_no_faults, 0, 3);
    tcase_add_loop_test(tests, arrivals_by_a_clock_are_measured, 0, 4);
    tcase_add_loop_test(tests, buffers_find_what_is_wrong_and_nothing_else, 0,
                        (int)UNIT_COUNT(bends));
    tcase_add_test(tests, levels_of_buffers_are_those_of_the_stream);
    tcase_add_test(tests, reports_print_whole_and_valid);
    tcase_add_test(tests, random_packets_do_no_harm);
    tcase_add_test(tests, no_memory_is_reported);
    suite_add_tcase(suite, tests);
    return suite;
}
