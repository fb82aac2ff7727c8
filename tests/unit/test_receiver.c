/* SPDX-License-Identifier: BSL-1.0 */
/* Tests of the reference receiver with streams made in memory: what it does in each situation, with
 * exact counts, packet by packet the same as before scrambling. Run by the unit test runner. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/psi.h"
#include "unit/receiver_bed.h"
#include "unit/unit.h"

Suite *suite_receiver(void);

static struct rx_bed bed;
static struct rx_keys keys;
static struct simc__receiver_config config;
static struct simc__receiver *receiver;
static struct simc__receiver_service_stats stats;
static struct rx_service *service;

static void add_key(uint32_t package, uint32_t version)
{
    keys.items[keys.count].package = package;
    keys.items[keys.count].version = version;
    keys.items[keys.count].end_s = UINT64_MAX;
    keys.count++;
}

static void set_up(void)
{
    rx_init(&bed);
    service = &bed.services[0];
    memset(&keys, 0, sizeof keys);
    keys.generation = 1;
    add_key(1, 7);
    memset(&config, 0, sizeof config);
    config.rights = rx_rights(&keys);
    receiver = NULL;
}

static void tear_down(void)
{
    simc__receiver_free(receiver);
    rx_fini(&bed);
}

static struct simc__receiver_service_stats stats_of(uint16_t program)
{
    struct simc__receiver_service found;
    for (size_t i = 0; simc__receiver_service(receiver, i, &found); i++) {
        if (found.program == program)
            return found.stats;
    }
    ck_abort_msg("there is no service %u", program);
}

static const char *why_of(uint16_t program)
{
    static char text[SIMC__RECEIVER_TEXT_SIZE];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    simc__receiver_why(receiver, program, &out);
    text[out.error ? 0 : out.at] = '\0';
    return text;
}

/* Makes the stream, receives it in large and in small pieces, and looks that it made no difference.
 */
static void go(void)
{
    static const size_t chunks[] = {7, 1, 1024};
    rx_make(&bed);
    for (size_t i = 0; i < UNIT_COUNT(chunks); i++) {
        struct simc__receiver_service_stats before = stats;
        simc__receiver_free(receiver);
        receiver = rx_receive(&bed, &config, chunks[i]);
        stats = stats_of(1);
        if (i > 0) {
            ck_assert_mem_eq(&before, &stats,
                             offsetof(struct simc__receiver_service_stats, has_first));
            ck_assert_uint_eq(before.first_packet, stats.first_packet);
            ck_assert_uint_eq(before.first_ms, stats.first_ms);
        }
        ck_assert_uint_eq(stats.scrambled, stats.opened + stats.lost + stats.lost_start);
    }
}

/* All that is scrambled, and how much of it. */
static void expect_all(unsigned periods, unsigned changes)
{
    ck_assert_uint_eq(stats.scrambled, rx_scrambled(&bed, 0, 0, bed.duration));
    ck_assert_uint_eq(stats.opened, stats.scrambled - stats.lost_start);
    ck_assert_uint_eq(stats.lost, 0);
    ck_assert_uint_eq(stats.wrong, 0);
    ck_assert_uint_eq(stats.periods, periods);
    ck_assert_uint_eq(stats.cw_changes, changes);
}

static void show(const char *name)
{
    if (getenv("SIMC_RECEIVER_TABLE"))
        printf("| %s | %llu | %llu | %llu | %llu | %llu | %llu | %llu |\n", name,
               (unsigned long long)stats.scrambled, (unsigned long long)stats.opened,
               (unsigned long long)stats.lost_start, (unsigned long long)stats.lost,
               (unsigned long long)stats.held, (unsigned long long)stats.periods,
               (unsigned long long)stats.cw_changes);
}

START_TEST(test_plain)
{
    go();
    show("plain");
    expect_all(6, 6);
    unit_expect_text(simc_slice_text(why_of(1)), "");
}
END_TEST

/* Lost are the packets of the first service in a window, and no others. */
static void expect_lost(unsigned from, unsigned to)
{
    ck_assert_uint_gt(rx_scrambled(&bed, 0, from, to), 0);
    ck_assert_uint_eq(stats.lost, rx_scrambled(&bed, 0, from, to));
    ck_assert_uint_eq(stats.opened, stats.scrambled - stats.lost_start - stats.lost);
    ck_assert_uint_eq(stats.wrong, 0);
}

static void expect_none(void)
{
    ck_assert_uint_eq(stats.opened, 0);
    ck_assert_uint_eq(stats.lost_start, stats.scrambled);
    ck_assert_uint_eq(stats.scrambled, rx_scrambled(&bed, 0, 0, bed.duration));
}

static struct simc__receiver_ecm_stats ecm_of(uint16_t program, size_t index)
{
    struct simc__receiver_ecm_stats ecm;
    ck_assert(simc__receiver_ecm(receiver, program, index, &ecm));
    return ecm;
}

/* ---- changes of parity ---- */

START_TEST(test_streams_change_within_5_ms)
{
    static const int skews[] = {5, -5};
    service->audio_skew = skews[_i];
    go();
    show("streams change parity within 5 ms");
    expect_all(_i ? 7 : 6, _i ? 7 : 6); /* 5 ms ahead of the end, too */
}
END_TEST

START_TEST(test_start_between_the_changes_of_two_streams)
{
    service->audio_skew = 40;
    bed.lost = (struct rx_window){2, 1001};
    go();
    /* The sound is in the period before still, whose word no ECM holds any more. */
    ck_assert_uint_eq(stats.lost_start, rx_packets(&bed, RX_AUDIO, 1001, 1040));
    expect_all(5, 5);
}
END_TEST

START_TEST(test_short_periods)
{
    service->cp_ms = 100;
    go();
    show("crypto periods of 100 ms");
    expect_all(60, 60);
}
END_TEST

START_TEST(test_constant_word)
{
    service->constant_cw = true;
    go();
    show("constant control word");
    expect_all(6, 1);
}
END_TEST

START_TEST(test_period_numbers_wrap)
{
    service->first_cp = 65533;
    go();
    expect_all(6, 6);
}
END_TEST

/* The head-end has begun to count anew, and keeps the word it has published. */
START_TEST(test_period_numbers_begin_anew)
{
    service->jump_period = 3;
    go();
    show("CP_numbers begin anew");
    expect_all(6, 6);
}
END_TEST

/* Nothing proves a word: the ECM is believed when packets have waited in vain for evidence. */
START_TEST(test_without_pes)
{
    service->no_starts = true;
    go();
    show("no PES header in sight");
    ck_assert_uint_eq(stats.lost_start, rx_scrambled(&bed, 0, 0, 7));
    expect_all(6, 6);
}
END_TEST

/* ---- ECMs ---- */

/* One control word per ECM, which comes 300 ms behind the change of parity: all wait for it. */
START_TEST(test_ecm_late)
{
    service->ecms[0].cws = 1;
    service->ecms[0].late = 300;
    go();
    show("ECM 300 ms late");
    ck_assert_uint_eq(stats.lost_start, 0);
    expect_all(6, 6);
    /* Each period waits until the packet with the ECM. */
    unsigned held = 0;
    for (unsigned at = 0; at < 6000; at += 1000)
        held += rx_scrambled(&bed, 0, at, at + 306);
    ck_assert_uint_eq(stats.held, held);
}
END_TEST

/* 700 ms behind, and packets wait for 500 ms: of each period what is older is lost. */
START_TEST(test_ecm_too_late)
{
    service->ecms[0].cws = 1;
    service->ecms[0].late = 700;
    go();
    show("ECM 700 ms late, packets wait 500 ms");
    unsigned lost = 0;
    for (unsigned at = 1000; at < 6000; at += 1000)
        lost += rx_scrambled(&bed, 0, at, at + 206);
    ck_assert_uint_eq(stats.lost, lost);
    ck_assert_uint_eq(stats.wrong, 0);
}
END_TEST

START_TEST(test_ecm_early)
{
    service->ecms[0].late = -600;
    go();
    show("ECM 600 ms ahead");
    ck_assert_uint_eq(stats.lost_start, 0);
    expect_all(6, 6);
}
END_TEST

/* Period 3 is known; period 4 begins at 4 s and waits for the ECM at 4.506 s. */
START_TEST(test_ecm_missing)
{
    service->ecms[0].muted = (struct rx_window){2100, 4500};
    go();
    show("no ECM from 2.1 s to 4.5 s");
    expect_lost(4000, 4006);
}
END_TEST

/* What comes back does not hold the word of period 4. */
START_TEST(test_ecm_missing_for_a_whole_period)
{
    service->ecms[0].muted = (struct rx_window){2100, 5300};
    go();
    show("no ECM from 2.1 s to 5.3 s");
    expect_lost(4000, 5000);
}
END_TEST

START_TEST(test_ecm_damaged)
{
    service->ecms[0].damaged = (struct rx_window){1900, 2500};
    go();
    show("ECMs damaged for 0.6 s");
    expect_all(6, 6);
    const struct simc__receiver_ecm_stats ecm = ecm_of(1, 0);
    ck_assert_uint_eq(ecm.refused[SIMC_ECM_REASON_TAG], 6);
    ck_assert_uint_eq(ecm.opened, 54);
}
END_TEST

/* ---- keys ---- */

/* Two ECM PIDs, for packages 1 and 2: the key of either will do. */
START_TEST(test_two_ecm_pids)
{
    service->ecm_count = 2;
    service->ecms[_i & 1].has_private = _i & 4;
    keys.count = 0;
    add_key(_i & 1 ? 2 : 1, 7);
    if (_i & 2)
        add_key(_i & 1 ? 1 : 2, 7);
    go();
    if (_i < 2)
        show(_i ? "two ECM PIDs, key of the second" : "two ECM PIDs, key of the first");
    expect_all(6, 6);
    const struct simc__receiver_ecm_stats ecm = ecm_of(1, _i & 1);
    ck_assert_uint_eq(ecm.opened, 60);
    ck_assert_uint_eq(ecm_of(1, !(_i & 1)).opened, _i & 2 ? 60 : 0);
}
END_TEST

START_TEST(test_no_key)
{
    service->ecm_count = 2;
    keys.count = 0;
    add_key(3, 7);
    add_key(5, 7);
    go();
    show("keys of other packages");
    expect_none();
    unit_expect_text(simc_slice_text(why_of(1)),
                     "service 1 needs package 1 or 2; your key file has packages 3, 5");
    ck_assert_uint_eq(ecm_of(1, 0).refused[SIMC_ECM_REASON_NO_KEY], 60);
    ck_assert(!simc__receiver_meets(receiver, SIMC__RECEIVER_DEMAND_SOME));
}
END_TEST

START_TEST(test_other_version)
{
    keys.items[0].version = 6;
    go();
    expect_none();
    unit_expect_text(simc_slice_text(why_of(1)),
                     "service 1 needs version 7 of package 1; your key file has the package, but "
                     "not this version");
}
END_TEST

START_TEST(test_wrong_key)
{
    keys.items[0].is_wrong = true;
    go();
    show("wrong key");
    expect_none();
    unit_expect_text(simc_slice_text(why_of(1)),
                     "service 1: ECM on PID 0x600 refused: the tag is wrong: damaged, forged, or "
                     "sealed with another key (package 1, version 7)");
}
END_TEST

/* ECMs that open and hold other words than those on air open no packet. */
START_TEST(test_wrong_words)
{
    service->ecms[0].wrong_word = true;
    go();
    show("ECMs with wrong control words");
    expect_none();
    unit_expect_text(simc_slice_text(why_of(1)),
                     "service 1: its ECMs are opened, but hold no control word that opens the "
                     "packets on air");
}
END_TEST

START_TEST(test_wrong_stream)
{
    service->ecms[0].has_private = true;
    service->ecms[0].wrong_private = true;
    go();
    expect_none();
    ck_assert_uint_eq(ecm_of(1, 0).refused[SIMC_ECM_REASON_STREAM], 60);
}
END_TEST

START_TEST(test_other_system)
{
    service->ecms[0].super_cas_high = 0x4af2;
    go();
    expect_none();
    ck_assert_uint_eq(ecm_of(1, 0).refused[SIMC__RECEIVER_REFUSAL_SYSTEM], 60);
}
END_TEST

START_TEST(test_system_asked_for)
{
    config.has_ca_system_id = true;
    config.ca_system_id = _i ? RX_CA_SYSTEM : 0x0b00;
    go();
    if (_i) {
        expect_all(6, 6);
        return;
    }
    ck_assert_uint_eq(stats.lost, stats.scrambled);
    unit_expect_text(simc_slice_text(why_of(1)),
                     "service 1 is scrambled, but has no CA_descriptor with CA_system_id 0x0b00");
}
END_TEST

/* A key that comes at 3 s, as an EMM would bring it: the ECM of 3.006 s opens. */
START_TEST(test_key_comes)
{
    bed.keys = &keys;
    bed.key_at = 3000;
    keys.count = 0;
    keys.items[0].package = 1;
    keys.items[0].version = 7;
    go();
    show("key comes at 3 s");
    ck_assert_uint_eq(stats.lost_start, rx_scrambled(&bed, 0, 0, 3006));
    ck_assert_uint_eq(stats.lost, 0);
    ck_assert_uint_eq(stats.opened, rx_scrambled(&bed, 0, 3006, 6000));
}
END_TEST

START_TEST(test_windows_of_keys)
{
    static const struct {
        uint64_t start_s, end_s;
        int refusal;
    } rows[] = {{900000, 2000000, 0},
                {1003600, 2000000, 0},
                {1003601, 2000000, SIMC__RECEIVER_REFUSAL_EARLY},
                {1, 1000000, 0},
                {1, 1000000 - 7 * 86400 + 1, 0},
                {1, 1000000 - 7 * 86400, SIMC__RECEIVER_REFUSAL_EXPIRED}};
    bed.now_s = 1000000;
    keys.items[0].start_s = rows[_i].start_s;
    keys.items[0].end_s = rows[_i].end_s;
    go();
    if (!rows[_i].refusal) {
        expect_all(6, 6);
        return;
    }
    expect_none();
    ck_assert_uint_eq(ecm_of(1, 0).refused[rows[_i].refusal], 60);
}
END_TEST

START_TEST(test_epoch)
{
    bed.has_epoch = true;
    bed.epoch = 4 + (uint32_t)_i;
    go();
    if (_i) {
        expect_all(6, 6);
        return;
    }
    expect_none();
    ck_assert_uint_eq(ecm_of(1, 0).refused[SIMC__RECEIVER_REFUSAL_EPOCH], 60);
}
END_TEST

/* ---- tables ---- */

/* At 3.1 s the picture and the ECMs move to other PIDs: the words in use stay. */
START_TEST(test_pmt_change)
{
    service->pmt_change_at = 3100;
    go();
    show("PMT moves picture and ECMs to other PIDs");
    expect_all(6, 6);
    ck_assert_uint_eq(stats.pmt_changes, 1);
    ck_assert_uint_eq(ecm_of(1, 0).pid, RX_ECM + 8);
}
END_TEST

/* The sound has a CA_descriptor and words of its own. */
START_TEST(test_stream_level)
{
    service->ecm_count = 2;
    service->ecms[1].is_for_audio = true;
    service->audio_words = true;
    if (_i)
        add_key(2, 7);
    go();
    show(_i ? "CA_descriptor of a stream, both keys" : "CA_descriptor of a stream, one key");
    unsigned audio = rx_packets(&bed, RX_AUDIO, 0, 6000);
    ck_assert_uint_eq(stats.scrambled, rx_scrambled(&bed, 0, 0, 6000));
    ck_assert_uint_eq(stats.opened, stats.scrambled - (_i ? 0 : audio));
    ck_assert_uint_eq(stats.wrong, 0);
    unit_expect_text(simc_slice_text(why_of(1)),
                     _i ? "" : "service 1 needs package 2; your key file has package 1");
}
END_TEST

START_TEST(test_several_services)
{
    struct rx_service *second = rx_add(&bed), *third = rx_add(&bed);
    second->ecms[0].package = 2;
    third->scrambled = false;
    go();
    show("three services, one without key, one clear");
    expect_all(6, 6);
    unit_expect_text(simc_slice_text(why_of(1)), "");
    unit_expect_text(simc_slice_text(why_of(2)),
                     "service 2 needs package 2; your key file has package 1");
    unit_expect_text(simc_slice_text(why_of(3)), "");
    unit_expect_text(simc_slice_text(why_of(4)),
                     "service 4 is not in the stream, which has 1, 2, 3");
    ck_assert_uint_eq(stats_of(2).opened, 0);
    ck_assert_uint_eq(stats_of(2).lost_start, rx_scrambled(&bed, 1, 0, 6000));
    ck_assert_uint_eq(stats_of(3).clear, stats_of(3).packets);
    ck_assert(!simc__receiver_meets(receiver, SIMC__RECEIVER_DEMAND_STEADY));
}
END_TEST

START_TEST(test_services_asked_for)
{
    static const uint16_t wanted[] = {1, 9};
    struct rx_service *second = rx_add(&bed);
    second->ecms[0].package = 2;
    config.services = wanted;
    config.service_count = (size_t)_i + 1;
    go();
    expect_all(6, 6);
    ck_assert_uint_eq(stats_of(2).packets, 0);
    ck_assert_int_eq(simc__receiver_meets(receiver, SIMC__RECEIVER_DEMAND_ALL), _i == 0);
    if (_i)
        ck_assert_uint_eq(stats_of(9).packets, 0);
}
END_TEST

/* ---- algorithms ---- */

START_TEST(test_algorithms)
{
    static const enum simc_scrambling algorithms[] = {SIMC_SCRAMBLING_CSA1, SIMC_SCRAMBLING_CSA1,
                                                      SIMC_SCRAMBLING_CSA2, SIMC_SCRAMBLING_IDSA,
                                                      SIMC_SCRAMBLING_CISSA};
    static const char *const names[] = {"DVB-CSA1, without scrambling_descriptor", "DVB-CSA1",
                                        "DVB-CSA2", "IDSA", "CISSA"};
    struct simc_scrambler_config one = {.slot_count = 1};
    struct simc_scrambler *scrambler;
    service->algorithm = algorithms[_i];
    service->has_mode_descriptor = _i != 0;
    ck_assert_int_eq(simc_scrambler_new(&one, &scrambler), 0);
    int error = simc_scrambler_require(scrambler, algorithms[_i]);
    simc_scrambler_free(scrambler);
    if (error == SIMC_EUNSUPPORTED)
        return; /* libdvbcsa is not installed */
    ck_assert_int_eq(error, 0);
    go();
    show(names[_i]);
    expect_all(6, 6);
}
END_TEST

START_TEST(test_algorithm_of_another_size)
{
    /* The PMT does not name CISSA, so it says CSA1, whose control words have 8 bytes. */
    service->has_mode_descriptor = false;
    go();
    expect_none();
    const struct simc__receiver_ecm_stats ecm = ecm_of(1, 0);
    ck_assert_uint_eq(ecm.refused[SIMC__RECEIVER_REFUSAL_CW_SIZE] + ecm.opened, 60);
}
END_TEST

/* ---- disturbances ---- */

START_TEST(test_stray_clear_packets)
{
    static const struct rx_window windows[] = {{2200, 2210}, {2995, 3005}, {1000, 1001}};
    service->clear = windows[_i];
    go();
    if (_i < 2)
        show(_i ? "clear packets around a change of parity" : "clear packets for 10 ms");
    expect_all(6, 6);
    ck_assert_uint_eq(stats.clear + stats.scrambled, stats.packets);
}
END_TEST

/* Clear for two seconds: the parity behind is that in front, the word is not. */
START_TEST(test_clear_for_two_periods)
{
    service->clear = (struct rx_window){1500, 3500};
    go();
    show("clear for two crypto periods");
    expect_all(4, 5);
}
END_TEST

START_TEST(test_loss_of_input)
{
    static const struct rx_window windows[] = {
        {1500, 3500}, {1500, 2500}, {2600, 5400}, {900, 950}};
    static const unsigned periods[] = {4, 6, 4, 6}, changes[] = {5, 6, 4, 6};
    bed.lost = windows[_i];
    go();
    if (_i == 0)
        show("input lost for 2 s");
    expect_all(periods[_i], changes[_i]);
    ck_assert_uint_ge(stats.gaps + simc__receiver_stats(receiver)->breaks, 1);
}
END_TEST

START_TEST(test_damaged_packets)
{
    bed.damage_every = 50;
    go();
    show("every 50th packet damaged");
    expect_all(6, 6);
    unsigned video = rx_packets(&bed, RX_VIDEO, 0, 6000) - 300 /* PCRs */;
    ck_assert_uint_eq(stats.damaged, video / 50 + rx_packets(&bed, RX_AUDIO, 0, 6000) / 50);
}
END_TEST

START_TEST(test_single_packets_lost)
{
    bed.drop_every = 40;
    go();
    show("every 40th packet lost");
    expect_all(6, 6);
    ck_assert_uint_gt(stats.gaps, 130);
}
END_TEST

/* ---- what comes out ---- */

/* Runs the stream through and hands each packet to a judge. */
static size_t run_through(void (*judge)(const uint8_t *packet))
{
    struct simc_slice out;
    size_t count = 0;
    rx_make(&bed);
    ck_assert_int_eq(simc__receiver_new(&config, &receiver), 0);
    for (size_t at = 0; at < bed.count;) {
        size_t taken;
        ck_assert_int_eq(simc__receiver_push(receiver, bed.in[at], bed.count - at, 0, &taken), 0);
        at += taken;
        if (at == bed.count)
            simc__receiver_flush(receiver);
        while (simc__receiver_next(receiver, &out) == 0) {
            for (size_t i = 0; i < out.size; i += SIMC_TS_SIZE, count++)
                judge(out.data + i);
        }
    }
    return count;
}

static void judge_open(const uint8_t *packet)
{
    ck_assert_int_eq(simc_ts_tsc(packet), SIMC_TSC_CLEAR);
}

START_TEST(test_drop_scrambled)
{
    config.drop_scrambled = true;
    service->ecms[0].muted = (struct rx_window){2100, 5300};
    size_t count = run_through(judge_open);
    ck_assert_uint_eq(count, bed.count - rx_scrambled(&bed, 0, 4000, 5000));
    ck_assert_uint_eq(simc__receiver_stats(receiver)->dropped, rx_scrambled(&bed, 0, 4000, 5000));
}
END_TEST

static struct simc_section_assembler assembler;
static unsigned tables_seen;

static void judge_clean(const uint8_t *packet)
{
    struct simc_slice bytes;
    uint16_t pid = simc_ts_pid(packet);
    ck_assert(pid == SIMC_PID_NULL || pid == SIMC_PID_PAT || pid == RX_PMT || pid == RX_VIDEO ||
              pid == RX_AUDIO);
    ck_assert_int_eq(simc_ts_tsc(packet), SIMC_TSC_CLEAR);
    if (pid != SIMC_PID_PAT && pid != RX_PMT)
        return;
    simc_section_assembler_reset(&assembler);
    assembler.continuity = (struct simc_ts_continuity){0};
    simc_section_assembler_push(&assembler, packet);
    ck_assert_int_eq(simc_section_assembler_next(&assembler, &bytes), 0);
    /* One programme; two streams without any descriptor. */
    ck_assert_uint_eq(bytes.size, pid == SIMC_PID_PAT ? 16 : 26);
    tables_seen++;
}

START_TEST(test_clean_tables)
{
    static const uint16_t wanted[] = {1};
    struct rx_service *second = rx_add(&bed);
    second->ecms[0].package = 2;
    config.services = wanted;
    config.service_count = 1;
    config.clean_psi = true;
    config.only_services = true;
    tables_seen = 0;
    ck_assert_int_eq(simc_section_assembler_init(&assembler, SIMC_PSI_SIZE_MAX), 0);
    run_through(judge_clean);
    ck_assert_uint_eq(tables_seen, 2 * 60);
    ck_assert(simc__receiver_meets(receiver, SIMC__RECEIVER_DEMAND_ALL));
    simc_section_assembler_fini(&assembler);
}
END_TEST

/* ---- figures ---- */

START_TEST(test_json_and_events)
{
    static char text[65536];
    struct rx_service *second = rx_add(&bed);
    struct simc_writer out = simc_writer(text, sizeof text);
    struct simc__json json;
    struct simc__receiver_event event;
    unsigned seen[SIMC__RECEIVER_EVENT_COUNT] = {0};
    second->ecms[0].package = 2;
    go();
    simc__json_init(&json, &out);
    simc__receiver_json(receiver, &json, NULL);
    ck_assert_int_eq(simc__json_finish(&json), 0);
    ck_assert(unit_json_is_valid(simc_slice(text, out.at), NULL));
    while (simc__receiver_event(receiver, &event) == 0) {
        seen[event.type]++;
        ck_assert_str_ne(simc__receiver_event_word(event.type), "?");
    }
    ck_assert_uint_eq(seen[SIMC__RECEIVER_EVENT_SERVICE], 2);
    ck_assert_uint_eq(seen[SIMC__RECEIVER_EVENT_ECM_OPENED], 1);
    ck_assert_uint_eq(seen[SIMC__RECEIVER_EVENT_ECM_REFUSED], 1);
    ck_assert_uint_eq(seen[SIMC__RECEIVER_EVENT_DECODED], 1);
    for (int i = 0; i < SIMC__RECEIVER_REFUSAL_COUNT; i++) {
        ck_assert_str_ne(simc__receiver_refusal_word(i), "?");
        ck_assert_str_ne(simc__receiver_refusal_text(i), "?");
    }
    unit_expect_text(simc_slice_text(simc__receiver_refusal_word(-1)), "?");
    unit_expect_text(simc_slice_text(simc__receiver_refusal_word(SIMC__RECEIVER_REFUSAL_COUNT)),
                     "?");
}
END_TEST

static int make_once(void *context)
{
    struct simc__receiver *made;
    (void)context;
    int error = simc__receiver_new(&config, &made);
    simc__receiver_free(made);
    return error;
}

START_TEST(test_allocations_fail)
{
    ck_assert_uint_gt(unit_fail_each_allocation(make_once, NULL, true), 10);
    config.hold_packets = 1;
    ck_assert_int_eq(make_once(NULL), SIMC_EINVAL);
}
END_TEST

Suite *suite_receiver(void)
{
    Suite *suite = suite_create("receiver");
    TCase *tcase = tcase_create("receiver");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_plain);
    tcase_add_loop_test(tcase, test_streams_change_within_5_ms, 0, 2);
    tcase_add_test(tcase, test_start_between_the_changes_of_two_streams);
    tcase_add_test(tcase, test_short_periods);
    tcase_add_test(tcase, test_constant_word);
    tcase_add_test(tcase, test_period_numbers_wrap);
    tcase_add_test(tcase, test_period_numbers_begin_anew);
    tcase_add_test(tcase, test_without_pes);
    tcase_add_test(tcase, test_ecm_late);
    tcase_add_test(tcase, test_ecm_too_late);
    tcase_add_test(tcase, test_ecm_early);
    tcase_add_test(tcase, test_ecm_missing);
    tcase_add_test(tcase, test_ecm_missing_for_a_whole_period);
    tcase_add_test(tcase, test_ecm_damaged);
    tcase_add_loop_test(tcase, test_two_ecm_pids, 0, 8);
    tcase_add_test(tcase, test_no_key);
    tcase_add_test(tcase, test_other_version);
    tcase_add_test(tcase, test_wrong_key);
    tcase_add_test(tcase, test_wrong_words);
    tcase_add_test(tcase, test_wrong_stream);
    tcase_add_test(tcase, test_other_system);
    tcase_add_loop_test(tcase, test_system_asked_for, 0, 2);
    tcase_add_test(tcase, test_key_comes);
    tcase_add_loop_test(tcase, test_windows_of_keys, 0, 6);
    tcase_add_loop_test(tcase, test_epoch, 0, 2);
    tcase_add_test(tcase, test_pmt_change);
    tcase_add_loop_test(tcase, test_stream_level, 0, 2);
    tcase_add_test(tcase, test_several_services);
    tcase_add_loop_test(tcase, test_services_asked_for, 0, 2);
    tcase_add_loop_test(tcase, test_algorithms, 0, 5);
    tcase_add_test(tcase, test_algorithm_of_another_size);
    tcase_add_loop_test(tcase, test_stray_clear_packets, 0, 3);
    tcase_add_test(tcase, test_clear_for_two_periods);
    tcase_add_loop_test(tcase, test_loss_of_input, 0, 4);
    tcase_add_test(tcase, test_damaged_packets);
    tcase_add_test(tcase, test_single_packets_lost);
    tcase_add_test(tcase, test_drop_scrambled);
    tcase_add_test(tcase, test_clean_tables);
    tcase_add_test(tcase, test_json_and_events);
    tcase_add_test(tcase, test_allocations_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
