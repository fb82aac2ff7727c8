/* SPDX-License-Identifier: BSL-1.0 */
/* The generator of transport streams and the engine with a fake clock, for the tests of the mux's
 * engine. See mux_rig.h. */
#include "mux_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* ---- generator ---- */

void rig_stream_init(struct rig_stream *stream, uint64_t bitrate, unsigned programs)
{
    memset(stream, 0, sizeof *stream);
    stream->bitrate = bitrate;
    stream->programs = programs;
    stream->payload_permille = 700;
    stream->pcr_ms = 30;
    stream->pcr_start = UINT64_C(123456789012);
    stream->ts_id = 7;
    stream->network_id = 0xff01;
    stream->state = 1;
}

static uint64_t draw(struct rig_stream *stream)
{
    stream->state ^= stream->state << 13;
    stream->state ^= stream->state >> 7;
    stream->state ^= stream->state << 17;
    return stream->state;
}

uint16_t rig_video(const struct rig_stream *stream, unsigned program)
{
    unsigned first = stream->video_pid ? stream->video_pid : RIG_VIDEO_PID;
    return (uint16_t)(first + 0x10 * program);
}

uint16_t rig_audio(const struct rig_stream *stream, unsigned program)
{
    return (uint16_t)(rig_video(stream, program) + 1);
}

static void head(struct rig_stream *stream, uint8_t *packet, uint16_t pid, unsigned control,
                 bool starts)
{
    packet[0] = 0x47;
    packet[1] = (uint8_t)((starts ? 0x40 : 0) | pid >> 8);
    packet[2] = (uint8_t)pid;
    packet[3] = (uint8_t)(control | stream->cc[pid]);
    if (control & 0x10)
        stream->cc[pid] = (stream->cc[pid] + 1) & 0xf;
    else
        packet[3] = (uint8_t)(control | ((stream->cc[pid] - 1) & 0xf));
}

/* A component packet with an adaptation field of `field` bytes (0: none), PCR in it if wanted. */
static void component(struct rig_stream *stream, uint8_t *packet, uint16_t pid, unsigned field,
                      bool has_pcr, uint64_t pcr)
{
    unsigned at = 4;
    head(stream, packet, pid, field ? (field == 184 ? 0x20 : 0x30) : 0x10, false);
    if (field > 0) {
        memset(packet + 4, 0xff, field);
        packet[4] = (uint8_t)(field - 1);
        if (field > 1)
            packet[5] = has_pcr ? 0x10 : 0;
        if (has_pcr) {
            uint64_t base = pcr / 300 % (UINT64_C(1) << 33);
            unsigned ext = (unsigned)(pcr % 300);
            for (int i = 0; i < 4; i++)
                packet[6 + i] = (uint8_t)(base >> (25 - 8 * i));
            packet[10] = (uint8_t)((base & 1) << 7 | 0x7e | ext >> 8);
            packet[11] = (uint8_t)ext;
        }
        at += field;
    }
    uint32_t unit = stream->unit++;
    for (unsigned i = 0; at + i < 188; i++)
        packet[at + i] = (uint8_t)(i < 4 ? unit >> (24 - 8 * i) : unit * 7 + i);
}

static void table(struct rig_stream *stream, uint8_t *packet, uint16_t pid,
                  struct simc_writer *section)
{
    ck_assert_int_eq(section->error, 0);
    ck_assert_uint_le(section->at, 183);
    head(stream, packet, pid, 0x10, true);
    packet[4] = 0;
    memset(packet + 5, 0xff, 183);
    memcpy(packet + 5, section->data, section->at);
}

static void put_pmt(struct rig_stream *stream, uint8_t *packet, unsigned p)
{
    static const uint8_t ca[] = {0x09, 0x04, 0x4a, 0xd4, 0xe5, 0x55};
    uint8_t bytes[512];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_pmt pmt = {.program = (uint16_t)(p + 1), .pcr_pid = rig_video(stream, p)};
    struct simc_pmt_stream streams[3] = {
        {.type = 0x1b, .pid = rig_video(stream, p)},
        {.type = 0x0f, .pid = rig_audio(stream, p)},
        {.type = 0x05, .pid = (uint16_t)(rig_video(stream, p) + 2)},
    };
    if (stream->has_ca)
        pmt.descriptors = simc_slice(ca, sizeof ca);
    ck_assert_int_eq(simc_pmt_build(&out, &pmt, stream->pmt_version, streams,
                                    stream->has_data && p == 0 ? 3 : 2),
                     0);
    table(stream, packet, (uint16_t)(RIG_PMT_PID + p), &out);
}

static void put_table(struct rig_stream *stream, uint8_t *packet, unsigned index)
{
    uint8_t bytes[512];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_pat_entry entries[RIG_PROGRAMS];
    struct simc_sdt_service services[RIG_PROGRAMS];
    static const uint8_t name[] = {0x48, 0x07, 0x01, 0x01, 'P', 0x03, 'O', 'n', 'e'};
    static const uint8_t ca[] = {0x09, 0x04, 0x4a, 0xd4, 0xe5, 0x56};
    for (unsigned i = 0; i < stream->programs; i++) {
        entries[i] = (struct simc_pat_entry){(uint16_t)(i + 1), (uint16_t)(RIG_PMT_PID + i)};
        services[i] = (struct simc_sdt_service){.id = (uint16_t)(i + 1),
                                                .eit_pf = true,
                                                .running_status = 4,
                                                .descriptors = simc_slice(name, sizeof name)};
    }
    struct simc_sdt sdt = {SIMC_TABLE_SDT_ACTUAL, stream->ts_id, stream->network_id, {NULL, 0}};
    if (index == 0) {
        ck_assert_int_eq(
            simc_pat_build(&out, stream->ts_id, stream->pmt_version, entries, stream->programs), 0);
        table(stream, packet, 0, &out);
    } else if (index == 1) {
        ck_assert_int_eq(simc_sdt_build(&out, &sdt, 3, services, stream->programs), 0);
        table(stream, packet, 0x11, &out);
    } else {
        ck_assert_int_eq(simc_cat_build(&out, 1, simc_slice(ca, sizeof ca)), 0);
        table(stream, packet, 1, &out);
    }
}

static uint64_t time_of(const struct rig_stream *stream, uint64_t packet)
{
    /* packet * 188 * 8 * 27000000 / bitrate without overflow */
    uint64_t bits = packet * 1504;
    uint64_t seconds = bits / stream->bitrate;
    return seconds * RIG_SECOND + bits % stream->bitrate * RIG_SECOND / stream->bitrate;
}

static uint64_t pcr_of(const struct rig_stream *stream, uint64_t time)
{
    int64_t more = (int64_t)(time / 1000) * stream->pcr_ppb / 1000000;
    return (stream->pcr_start + time + (uint64_t)more) % (UINT64_C(300) << 33);
}

void rig_stream_packet(struct rig_stream *stream, uint8_t packet[188])
{
    uint64_t time = time_of(stream, stream->packet++);
    static const uint32_t periods_ms[4] = {100, 500, 200, 100};
    for (unsigned i = 0; i < 4 + stream->programs; i++) {
        uint32_t period = i < 4 ? periods_ms[i] : 100;
        if (stream->table_at[i] > time || i == 3 || (i == 2 && !stream->has_ca))
            continue;
        stream->table_at[i] = time + (uint64_t)period * RIG_MS;
        if (i < 4)
            put_table(stream, packet, i);
        else
            put_pmt(stream, packet, i - 4);
        return;
    }
    for (unsigned p = 0; stream->pcr_ms > 0 && p < stream->programs; p++) {
        if (stream->pcr_sent[p] && time - stream->pcr_last[p] < (uint64_t)stream->pcr_ms * RIG_MS)
            continue;
        stream->pcr_sent[p] = true;
        stream->pcr_last[p] = time;
        bool is_alone = draw(stream) % 4 == 0;
        component(stream, packet, rig_video(stream, p), is_alone ? 184 : 8, true,
                  pcr_of(stream, time));
        return;
    }
    uint64_t chance = draw(stream);
    if (chance % 1000 >= stream->payload_permille) {
        memset(packet, 0xff, 188);
        packet[0] = 0x47;
        packet[1] = 0x1f;
        packet[3] = 0x10;
        return;
    }
    unsigned program = (unsigned)(chance >> 10) % stream->programs;
    unsigned kind = (unsigned)(chance >> 20) % 100;
    unsigned field = kind < 3 ? 1 + (unsigned)(chance >> 40) % 183 : 0;
    uint16_t pid = rig_video(stream, program);
    if (kind > 80)
        pid = rig_audio(stream, program);
    if (kind > 97 && program == 0 && stream->has_data)
        pid = (uint16_t)(pid + 1);
    component(stream, packet, pid, field, false, 0);
}

/* ---- engine ---- */

struct simc__mux_config rig_config(enum simc__mux_rate rate, uint64_t bitrate)
{
    static const struct simc__mux_input_config input = {
        .name = "in", .delay_ms = 200, .pass = SIMC__MUX_PASS_ALL};
    struct simc__mux_config config = {
        .name = "out",
        .timeline_id = 1,
        .rate = rate,
        .bitrate = bitrate,
        .choice = SIMC__MUX_TRANSPARENT,
        .ts_id = SIMC__MUX_ANY,
        .network_id = SIMC__MUX_ANY,
        .program_limit = RIG_PROGRAMS,
        .input_count = 1,
        .inputs = &input,
    };
    return config;
}

struct rig *rig_new(const struct simc__mux_config *config, uint64_t input_bitrate,
                    unsigned programs)
{
    char why[SIMC__MUX_TEXT_SIZE] = "";
    struct rig *rig = (struct rig *)calloc(1, sizeof *rig);
    ck_assert_ptr_nonnull(rig);
    int error = simc__mux_new(config, &rig->mux, why);
    ck_assert_msg(error == 0, "%s: %s", simc_error_name(error), why);
    rig->checker = rig_checker_new();
    rig_stream_init(&rig->stream, input_bitrate, programs);
    rig->now_ns = rig->start_ns = UINT64_C(5000000000);
    return rig;
}

void rig_free(struct rig *rig)
{
    simc__mux_free(rig->mux);
    rig_checker_free(rig->checker);
    free(rig);
}

static void collect(struct rig *rig)
{
    struct simc__scs_mux_report report;
    struct simc__mux_alarm alarm;
    while (simc__mux_report_next(rig->mux, &report))
        if (rig->report_count < UNIT_COUNT(rig->reports))
            rig->reports[rig->report_count++] = report;
    while (simc__mux_alarm_next(rig->mux, &alarm))
        if (rig->alarm_count < UNIT_COUNT(rig->alarms))
            rig->alarms[rig->alarm_count++] = alarm;
}

static void drain(struct rig *rig)
{
    struct simc__mux_block block;
    int error;
    while ((error = simc__mux_run(rig->mux, rig->now_ns, &block)) == 0)
        rig_check(rig->checker, &block);
    ck_assert_int_eq(error, SIMC_EAGAIN);
    rig->wait = block.wait;
    rig->wait_tick = block.wait_tick;
    collect(rig);
}

void rig_run(struct rig *rig, uint64_t ms)
{
    uint64_t end_ns = rig->now_ns + ms * 1000000;
    uint8_t packets[7 * 188];
    drain(rig);
    while (rig->now_ns < end_ns) {
        rig->now_ns += 2000000;
        uint64_t due = (rig->now_ns - rig->start_ns) / 1000 * (rig->stream.bitrate / 1000) /
                       (1504 * UINT64_C(1000));
        while (rig->sent + 7 <= due) {
            size_t taken;
            for (int i = 0; i < 7; i++)
                rig_stream_packet(&rig->stream, packets + 188 * i);
            rig->sent += 7;
            if (rig->is_silent)
                continue;
            uint64_t arrival_ns =
                rig->start_ns + rig->sent * UINT64_C(1504000000) / (rig->stream.bitrate / 1000);
            int error = simc__mux_input_feed(rig->mux, 0, packets, 7, 188, arrival_ns, &taken);
            ck_assert_int_eq(error, 0);
            ck_assert_uint_eq(taken, 7);
        }
        drain(rig);
    }
}

void rig_run_file(struct rig *rig, uint64_t until_tick)
{
    static uint8_t packets[64 * 188];
    static size_t held, at;
    static struct rig *owner;
    if (owner != rig || rig->sent == 0)
        held = at = 0;
    owner = rig;
    for (;;) {
        drain(rig);
        if (rig->wait != SIMC__MUX_WAIT_INPUT || rig->checker->last_tick >= until_tick)
            return;
        if (at == held) {
            for (held = 0; held < 64; held++)
                rig_stream_packet(&rig->stream, packets + 188 * held);
            at = 0;
        }
        size_t taken;
        ck_assert_int_eq(
            simc__mux_input_feed(rig->mux, 0, packets + 188 * at, held - at, 188, 0, &taken), 0);
        ck_assert_uint_gt(taken, 0);
        at += taken;
        rig->sent += taken;
    }
}

bool rig_has_alarm(const struct rig *rig, uint32_t type, bool is_raised)
{
    for (uint32_t i = 0; i < rig->alarm_count; i++)
        if (rig->alarms[i].type == type && rig->alarms[i].is_raised == is_raised)
            return true;
    return false;
}

unsigned rig_reports(const struct rig *rig, enum simc__scs_mux_report_type type)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < rig->report_count; i++)
        count += rig->reports[i].type == type;
    return count;
}

/* ---- orders ---- */

void rig_define(struct rig *rig, uint32_t scg_id, uint16_t service_id, const uint16_t *ecm_pids,
                unsigned streams)
{
    struct simc__scs_mux_scg_service service = {.original_network_id = SIMC__SCS_MUX_ANY,
                                                .transport_stream_id = SIMC__SCS_MUX_ANY,
                                                .service_id = service_id};
    struct simc__scs_mux_stream rows[SIMC__SCS_MUX_STREAMS_MAX] = {0};
    for (unsigned i = 0; i < streams; i++)
        rows[i] = (struct simc__scs_mux_stream){.stream = (uint8_t)i,
                                                .super_cas_id = 0x4ad40000 + i,
                                                .ecm_id = (uint16_t)(100 + i),
                                                .pid = ecm_pids ? ecm_pids[i] : 0,
                                                .private_size = 3,
                                                .private_data = {1, 2, (uint8_t)i}};
    struct simc__scs_mux_scg scg = {.scg_id = scg_id,
                                    .name = "scg",
                                    .scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1,
                                    .service_count = 1,
                                    .stream_count = (uint8_t)streams,
                                    .services = &service,
                                    .streams = rows};
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    int error = simc__mux_define(rig->mux, &scg, &defined, &code, why);
    ck_assert_msg(error == 0, "%s: %u %s", simc_error_name(error), code, why);
    ck_assert_uint_eq(defined.stream_count, streams);
    for (unsigned i = 0; i < streams; i++)
        if (ecm_pids && ecm_pids[i])
            ck_assert_uint_eq(defined.pids[i], ecm_pids[i]);
}

void rig_order(struct rig *rig, const struct simc__scs_mux_order *order)
{
    unit_expect_error(simc__mux_order(rig->mux, order), 0);
}

void rig_cw(uint32_t scg_id, uint16_t cp, uint8_t cw[16])
{
    for (unsigned i = 0; i < 16; i++)
        cw[i] = (uint8_t)(scg_id * 91 + cp * 17u + i * 29 + 3);
}

void rig_word(struct rig *rig, uint32_t scg_id, uint16_t cp)
{
    struct simc__scs_mux_order order = {
        .type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = scg_id, .cp = cp};
    uint8_t cw[16];
    rig_cw(scg_id, cp, cw);
    ck_assert_int_eq(simc_secret_set(&order.cw, simc_slice(cw, 16)), 0);
    rig_order(rig, &order);
}

void rig_ecm(struct rig *rig, uint32_t scg_id, uint8_t stream, uint16_t cp)
{
    uint8_t bytes[100];
    bytes[0] = (uint8_t)(0x80 | (cp & 1));
    bytes[1] = 0x70;
    bytes[2] = sizeof bytes - 3;
    for (unsigned i = 3; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(cp + i + stream);
    bytes[8] = (uint8_t)cp;
    struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_ECM,
                                        .scg_id = scg_id,
                                        .stream = stream,
                                        .cp = cp,
                                        .datagram = simc_slice(bytes, sizeof bytes)};
    rig_order(rig, &order);
}

void rig_period(struct rig *rig, uint32_t scg_id, uint16_t cp, uint64_t start_tick)
{
    struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_PERIOD,
                                        .scg_id = scg_id,
                                        .cp = cp,
                                        .parity = cp & 1,
                                        .start_tick = start_tick};
    rig_order(rig, &order);
}

void rig_window(struct rig *rig, uint32_t scg_id, uint8_t stream, uint16_t cp, uint64_t start_tick,
                uint64_t stop_tick, uint16_t repetition_ms)
{
    struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_WINDOW,
                                        .scg_id = scg_id,
                                        .stream = stream,
                                        .cp = cp,
                                        .start_tick = start_tick,
                                        .stop_tick = stop_tick,
                                        .repetition_ms = repetition_ms};
    rig_order(rig, &order);
}

void rig_clear(struct rig *rig, uint32_t scg_id, uint64_t start_tick)
{
    struct simc__scs_mux_order order = {
        .type = SIMC__SCS_MUX_ORDER_CLEAR, .scg_id = scg_id, .start_tick = start_tick};
    rig_order(rig, &order);
}
