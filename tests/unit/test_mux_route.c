/* SPDX-License-Identifier: BSL-1.0 */
/* What the engine of muxd takes out of its inputs and puts together: chosen services, new numbers,
 * conflicts, tables that change in flight, changes of the configuration, no room, sources, file
 * mode with its gate. */
#include "mux_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

/* Feeds two generators into one engine, live. */
struct pair {
    struct simc__mux *mux;
    struct rig_checker *checker;
    struct rig_stream streams[2];
    uint64_t now_ns;
};

static void run_pair(struct pair *pair, uint64_t ms)
{
    struct simc__mux_block block;
    uint8_t packets[7 * 188];
    uint64_t end_ns = pair->now_ns + ms * 1000000;
    while (pair->now_ns < end_ns) {
        pair->now_ns += 2000000;
        for (uint32_t i = 0; i < 2; i++) {
            struct rig_stream *stream = &pair->streams[i];
            uint64_t due = pair->now_ns / 1000 * (stream->bitrate / 1000) / 1504000;
            while (stream->packet + 7 <= due) {
                size_t taken;
                for (int n = 0; n < 7; n++)
                    rig_stream_packet(stream, packets + 188 * n);
                uint64_t arrival_ns =
                    stream->packet * UINT64_C(1504000000) / (stream->bitrate / 1000);
                ck_assert_int_eq(
                    simc__mux_input_feed(pair->mux, i, packets, 7, 188, arrival_ns, &taken), 0);
            }
        }
        while (simc__mux_run(pair->mux, pair->now_ns, &block) == 0)
            rig_check(pair->checker, &block);
    }
}

START_TEST(services_of_two_inputs_make_one_stream)
{
    /* Both inputs have the same numbers and PIDs: the second one gets new ones. */
    static const struct simc__mux_pid_map map = {RIG_AUDIO_PID, 0x0777};
    static const uint16_t dropped[] = {RIG_VIDEO_PID + 2};
    static const struct simc__mux_input_config inputs[2] = {
        {.name = "a", .delay_ms = 200, .pass = SIMC__MUX_PASS_NIT},
        {.name = "b", .delay_ms = 200},
    };
    static const struct simc__mux_service_config services[3] = {
        {.input = 0, .service_id = 1, .drop_count = 1, .drops = dropped},
        {.input = 1,
         .service_id = 1,
         .new_service_id = 5,
         .map_count = 1,
         .maps = &map,
         .name = "Five"},
        {.input = 1, .service_id = 2, .new_service_id = 6, .pmt_pid = 0x0666},
    };
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 4000000);
    config.choice = SIMC__MUX_SELECT;
    config.ts_id = 99;
    config.network_id = 0x1234;
    config.input_count = 2;
    config.inputs = inputs;
    config.service_count = 3;
    config.services = services;
    struct pair pair = {.checker = rig_checker_new()};
    char why[SIMC__MUX_TEXT_SIZE];
    ck_assert_int_eq(simc__mux_new(&config, &pair.mux, why), 0);
    rig_stream_init(&pair.streams[0], 1500000, 2);
    rig_stream_init(&pair.streams[1], 1200000, 2);
    pair.streams[0].has_data = true;
    pair.streams[1].state = 77;
    pair.streams[1].pcr_start = 4711;
    run_pair(&pair, 5000);
    rig_check_end(pair.checker);
    ck_assert_uint_eq(pair.checker->program_count, 3);
    ck_assert_uint_eq(pair.checker->pat[4], 99);
    uint16_t pids[64], pcr, others[64], other_pcr;
    ck_assert_uint_eq(rig_pmt_pids(pair.checker, 1, pids, &pcr), 2);
    ck_assert_uint_eq(pcr, RIG_VIDEO_PID);
    ck_assert_uint_eq(rig_pmt_pids(pair.checker, 5, others, &other_pcr), 2);
    ck_assert_uint_eq(others[1], 0x0777);
    ck_assert_uint_ne(other_pcr, pcr);
    ck_assert_uint_eq(other_pcr, others[0]);
    ck_assert_uint_gt(pair.checker->pids[other_pcr].packets, 500);
    ck_assert_uint_gt(pair.checker->pids[0x0777].packets, 100);
    ck_assert_uint_eq(pair.checker->pids[RIG_VIDEO_PID + 2].packets, 0);
    ck_assert_uint_gt(pair.checker->pids[0x0666].packets, 30);
    /* The programme that is not chosen is not there; its PID serves another one, or nobody. */
    ck_assert_uint_eq(rig_pmt_pids(pair.checker, 2, others, &other_pcr), 0);
    ck_assert_int_eq(rig_sdt_free_ca(pair.checker, 5), 0);
    ck_assert_int_eq(rig_sdt_free_ca(pair.checker, 2), -1);
    struct simc__scs_mux_announce announce;
    ck_assert_int_eq(simc__mux_announce(pair.mux, &announce), 0);
    ck_assert_uint_eq(announce.service_count, 3);
    ck_assert_str_eq(announce.services[1].name, "Five");
    ck_assert_str_eq(announce.services[0].name, "One");
    ck_assert_uint_eq(announce.services[1].original_network_id, 0x1234);
    simc_free(announce.services);
    simc__mux_free(pair.mux);
    rig_checker_free(pair.checker);
}
END_TEST

START_TEST(tables_that_change_in_flight_move_only_what_changed)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2500000);
    struct rig *rig = rig_new(&config, 2000000, 2);
    uint16_t pids[64], pcr;
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig_run(rig, 1000);
    rig_define(rig, 1, 1, NULL, 1);
    rig_word(rig, 1, 1);
    rig_period(rig, 1, 1, 2 * RIG_SECOND);
    uint8_t cw[16];
    rig_cw(1, 1, cw);
    rig_expect_word(rig->checker, 1, 2 * RIG_SECOND, 1, cw);
    rig_run(rig, 3000);
    /* A component more, from one packet to the next. */
    rig->stream.has_data = true;
    rig->stream.pmt_version = 1;
    rig_run(rig, 3000);
    ck_assert_uint_eq(rig_pmt_pids(rig->checker, 1, pids, &pcr), 3);
    ck_assert_uint_eq(rig->checker->pmt_versions[0], 3);
    ck_assert_uint_eq(rig->checker->pmt_versions[1], 1);
    ck_assert_uint_eq(rig->checker->pat_versions, 1);
    ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID + 2].packets, 5);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID + 2].scrambled, 0);
    rig_check_end(rig->checker);
    ck_assert(simc__mux_news(rig->mux) & SIMC__MUX_NEWS_ANNOUNCE);
    rig_free(rig);
}
END_TEST

START_TEST(a_change_of_the_configuration_spares_what_stays)
{
    static const struct simc__mux_service_config services[2] = {
        {.input = 0, .service_id = 1},
        {.input = 0, .service_id = 2},
    };
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 3000000);
    char why[SIMC__MUX_TEXT_SIZE] = "";
    config.choice = SIMC__MUX_SELECT;
    config.service_count = 1;
    config.services = &services[0];
    struct rig *rig = rig_new(&config, 2000000, 2);
    rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
    rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
    rig_run(rig, 3000);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID + 0x10].packets, 0);
    struct simc__mux_config next = config;
    next.service_count = 2;
    next.services = services;
    next.bitrate = 4000000;
    unit_expect_error(simc__mux_change(rig->mux, &next, why), 0);
    rig_run(rig, 3000);
    ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID + 0x10].packets, 500);
    ck_assert_uint_eq(rig->checker->program_count, 2);
    ck_assert_uint_eq(rig->checker->pmt_versions[0], 1);
    ck_assert_uint_eq(rig->checker->pat_versions, 2);
    next.service_count = 1;
    next.services = &services[0];
    next.bitrate = 3000000;
    unit_expect_error(simc__mux_change(rig->mux, &next, why), 0);
    rig_run(rig, 3000);
    uint64_t last = rig->checker->pids[RIG_VIDEO_PID + 0x10].last_tick;
    ck_assert_uint_le(last, (uint64_t)6100 * RIG_MS);
    ck_assert_uint_le(rig->checker->pids[RIG_VIDEO_PID].pcr_interval_max, 40 * RIG_MS);
    ck_assert_uint_eq(rig->checker->pids[RIG_VIDEO_PID].pcr_announced, 0);
    rig_check_end(rig->checker);
    /* What cannot change is refused, and nothing happens. */
    next.program_limit = 3;
    unit_expect_error(simc__mux_change(rig->mux, &next, why), SIMC_EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "restart"));
    rig_run(rig, 1000);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(changed_names_keep_their_distance)
{
    char name[16] = "First";
    struct simc__mux_service_config service = {.input = 0, .service_id = 1, .name = name};
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 3000000);
    char why[SIMC__MUX_TEXT_SIZE] = "";
    config.choice = SIMC__MUX_SELECT;
    config.service_count = 1;
    config.services = &service;
    struct rig *rig = rig_new(&config, 2000000, 1);
    rig_run(rig, 1000);
    unsigned before = rig->checker->sdt_versions;
    for (unsigned i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "Name %u", i);
        unit_expect_error(simc__mux_change(rig->mux, &config, why), 0);
        rig_run(rig, 7);
    }
    rig_run(rig, 100);
    /* Each that is on air is a new one; not all of them were. */
    ck_assert_uint_ge(rig->checker->sdt_versions, before + 10);
    ck_assert_uint_le(rig->checker->sdt_versions, before + 20);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(an_output_that_is_too_slow_says_so)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 800000);
    struct rig *rig = rig_new(&config, 2000000, 1);
    struct simc__mux_input_status status;
    rig->checker->pcr_tolerance = INT64_MAX;
    rig_define(rig, 1, 1, NULL, 1);
    rig_ecm(rig, 1, 0, 1);
    rig_window(rig, 1, 0, 1, RIG_SECOND, SIMC__SCS_MUX_OPEN, 100);
    rig_run(rig, 10000);
    ck_assert(rig_has_alarm(rig, SIMC__MUX_ALARM_RATE_EXCEEDED, true));
    ck_assert_int_eq(simc__mux_input_status(rig->mux, 0, &status), 0);
    ck_assert_uint_gt(status.counters[SIMC__MUX_INPUT_LATE_COUNT], 1000);
    ck_assert_uint_le(status.buffered_max, 2000);
    /* Tables and ECMs have gone before. */
    ck_assert_uint_le(rig->checker->pat_interval_max, 100 * RIG_MS);
    ck_assert_uint_ge(rig_reports(rig, SIMC__SCS_MUX_REPORT_ECM_FIRST), 1);
    ck_assert_uint_eq(rig->checker->tick_errors, 0);
    ck_assert_uint_eq(rig->checker->cc_errors, 0);
    rig_free(rig);
}
END_TEST

START_TEST(replacement_without_null_packets_is_a_loud_alarm)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_REPLACE, 0);
    struct rig *rig = rig_new(&config, 2000000, 1);
    const struct simc__mux_alarm *alarm = NULL;
    static const uint16_t pid = 0x600;
    rig->stream.payload_permille = 1000;
    rig_run(rig, 1000);
    rig_define(rig, 1, 1, &pid, 1);
    rig_ecm(rig, 1, 0, 1);
    /* More ECMs than the tables of the input, which are replaced too, make room for. */
    rig_window(rig, 1, 0, 1, 2 * RIG_SECOND, SIMC__SCS_MUX_OPEN, 20);
    rig_run(rig, 8000);
    for (uint32_t i = 0; i < rig->alarm_count; i++)
        if (rig->alarms[i].type == SIMC__SCS_MUX_ALARM_NO_ROOM && rig->alarms[i].is_raised)
            alarm = &rig->alarms[i];
    ck_assert_ptr_nonnull(alarm);
    ck_assert_uint_eq(alarm->scg_id, 1);
    ck_assert_ptr_nonnull(strstr(alarm->text, "0 null packets"));
    /* No packet of the input was lost to it. */
    rig_check_end(rig->checker);
    rig->stream.payload_permille = 600;
    rig_run(rig, 12000);
    ck_assert(rig_has_alarm(rig, SIMC__SCS_MUX_ALARM_NO_ROOM, false));
    rig_free(rig);
}
END_TEST

START_TEST(sources_are_paced_to_their_rate)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 4000000);
    struct rig *rig = rig_new(&config, 2000000, 1);
    struct simc__mux_source_config emm = {.name = "emm",
                                          .pid = 0x701,
                                          .bitrate = 100000,
                                          .queue_count = 512,
                                          .has_ca = true,
                                          .ca_system_id = 0x4ad4};
    struct simc__mux_source_status status;
    uint8_t section[3 + 120] = {0x82, 0x70, 120};
    struct simc_slice slices[3] = {
        {section, sizeof section}, {section, sizeof section}, {section, sizeof section}};
    char why[SIMC__MUX_TEXT_SIZE];
    uint32_t id;
    rig_run(rig, 1000);
    ck_assert_int_eq(simc__mux_source_add(rig->mux, &emm, &id, why), 0);
    unit_expect_error(simc__mux_source_add(rig->mux, &emm, &id, why), SIMC_EINVAL);
    id = 0;
    for (unsigned i = 0; i < 60; i++) {
        while (simc__mux_source_push_sections(rig->mux, id, slices, 3,
                                              i % 2 ? SIMC_SECTIONS_JOINED : SIMC_SECTIONS_APART) ==
               0)
            ;
        rig_run(rig, 200);
        if (i == 9)
            rig->checker->pids[0x701].packets = 0;
    }
    /* 10 s at 100 kbit/s are 664.9 packets. */
    ck_assert_uint_ge(rig->checker->pids[0x701].packets, 659);
    ck_assert_uint_le(rig->checker->pids[0x701].packets, 671);
    ck_assert_int_eq(simc__mux_source_status(rig->mux, id, &status), 0);
    ck_assert_uint_eq(status.late, 0);
    ck_assert_uint_gt(status.rejected, 0);
    ck_assert_uint_gt(rig->checker->cat_size, 0);
    ck_assert_uint_eq(rig->checker->cat[8], 0x09);
    /* Silence gives no credit beyond the burst. */
    rig_run(rig, 10000);
    ck_assert_int_eq(simc__mux_source_status(rig->mux, id, &status), 0);
    ck_assert_uint_eq(status.queued, 0);
    uint64_t before = rig->checker->pids[0x701].packets;
    uint8_t packet[188] = {0x47, 0x41, 0x23, 0x1a};
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(simc__mux_source_push(rig->mux, id, packet, 1), 0);
    rig_run(rig, 100);
    ck_assert_uint_le(rig->checker->pids[0x701].packets - before, 10);
    packet[3] = 0x9a;
    unit_expect_error(simc__mux_source_push(rig->mux, id, packet, 1), SIMC_EPROTO);
    simc__mux_source_remove(rig->mux, id);
    unit_expect_error(simc__mux_source_push(rig->mux, id, packet, 1), SIMC_ENOTFOUND);
    rig_run(rig, 500);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

/* Each of them may send its burst at once, all of which together are a tenth of a second. */
START_TEST(many_slow_sources_do_not_delay_a_fast_one)
{
    enum { SLOW = 400, FAST_PID = 0x701 };
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 12000000);
    struct rig *rig = rig_new(&config, 2000000, 1);
    struct simc__mux_source_config fast = {
        .name = "fast", .pid = FAST_PID, .bitrate = 4000000, .queue_count = 8192};
    struct simc__mux_source_config slow = {.name = "slow", .bitrate = 10000};
    struct simc__mux_source_status status;
    static const uint8_t packet[188] = {0x47, 0x41, 0x23, 0x1a};
    char why[SIMC__MUX_TEXT_SIZE];
    uint32_t id, slow_ids[SLOW];
    rig_run(rig, 1000);
    ck_assert_int_eq(simc__mux_source_add(rig->mux, &fast, &id, why), 0);
    for (unsigned i = 0; i < SLOW; i++)
        ck_assert_int_eq(simc__mux_source_add(rig->mux, &slow, &slow_ids[i], why), 0);
    for (unsigned i = 0; i < 6000; i++)
        ck_assert_int_eq(simc__mux_source_push(rig->mux, id, packet, 1), 0);
    rig_run(rig, 100);
    rig->checker->trace_pid = FAST_PID;
    rig_run(rig, 200);
    for (unsigned i = 0; i < SLOW * 3; i++)
        ck_assert_int_eq(simc__mux_source_push(rig->mux, slow_ids[i % SLOW], packet, 1), 0);
    rig_run(rig, 1000);
    uint64_t most = 0;
    for (uint32_t i = 1; i < rig->checker->trace_count; i++) {
        uint64_t gap = rig->checker->trace_ticks[i] - rig->checker->trace_ticks[i - 1];
        most = gap > most ? gap : most;
    }
    /* 1.2 s at 4 Mbit/s are 3191 packets, 376 us apart; tables take a few slots before them. */
    ck_assert_uint_ge(rig->checker->trace_count, 3185);
    ck_assert_uint_le(rig->checker->trace_count, 3197);
    ck_assert_uint_lt(most, RIG_SECOND / 1000);
    for (unsigned i = 0; i < SLOW; i++) {
        ck_assert_int_eq(simc__mux_source_status(rig->mux, slow_ids[i], &status), 0);
        ck_assert_uint_eq(status.sent, 3);
        ck_assert_uint_eq(status.late, 0);
    }
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(file_mode_waits_for_the_orders_and_no_longer)
{
    static const struct simc__mux_input_config input = {.name = "in", .pass = SIMC__MUX_PASS_ALL};
    static const uint16_t pid = 0x600;
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    config.is_file = true;
    config.inputs = &input;
    config.scgs_awaited = 1;
    struct rig *rig = rig_new(&config, 1500000, 1);
    rig_run_file(rig, RIG_SECOND);
    ck_assert_int_eq(rig->wait, SIMC__MUX_WAIT_SCS);
    ck_assert_uint_eq(rig->checker->packets, 0);
    rig_define(rig, 1, 1, &pid, 1);
    rig_run_file(rig, RIG_SECOND);
    ck_assert_int_eq(rig->wait, SIMC__MUX_WAIT_SCS);
    rig->checker->trace_pid = pid;
    struct simc__scs_mux_order planned = {.type = SIMC__SCS_MUX_ORDER_PLANNED, .scg_id = 1};
    for (uint16_t cp = 0; cp < 10; cp++) {
        uint64_t tick = (1 + 2u * cp) * RIG_SECOND;
        uint8_t cw[16];
        rig_word(rig, 1, cp);
        rig_ecm(rig, 1, 0, cp);
        rig_period(rig, 1, cp, tick);
        rig_window(rig, 1, 0, cp, tick - RIG_SECOND / 2, tick + RIG_SECOND * 3 / 2, 100);
        rig_cw(1, cp, cw);
        rig_expect_word(rig->checker, 1, tick, cp & 1, cw);
        planned.start_tick = tick + RIG_SECOND;
        rig_order(rig, &planned);
        if (cp == 0) {
            rig_expect_pid(rig->checker, RIG_VIDEO_PID, 1);
            rig_expect_pid(rig->checker, RIG_AUDIO_PID, 1);
        }
        rig_run_file(rig, 1000 * RIG_SECOND);
        ck_assert_int_eq(rig->wait, SIMC__MUX_WAIT_SCS);
        ck_assert_uint_ge(rig->wait_tick, planned.start_tick);
        ck_assert_uint_le(rig->wait_tick, planned.start_tick + RIG_MS);
        ck_assert_uint_lt(rig->checker->last_tick, planned.start_tick);
        ck_assert_uint_ge(rig->checker->last_tick, planned.start_tick - 2 * RIG_MS);
    }
    rig_check_end(rig->checker);
    ck_assert_uint_ge(rig->checker->trace_count, 190);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_LATE), 0);
    struct simc__scs_mux_timeline timeline;
    simc__mux_timeline(rig->mux, 0, &timeline);
    ck_assert_uint_ge(timeline.horizon_tick, timeline.tick + 60 * RIG_SECOND - RIG_SECOND);
    rig_free(rig);
}
END_TEST

START_TEST(foreign_conditional_access_goes_or_stays)
{
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
        config.source_ca = keeps ? SIMC__MUX_SOURCE_CA_KEEP : SIMC__MUX_SOURCE_CA_DROP;
        struct rig *rig = rig_new(&config, 1500000, 1);
        uint16_t ca[8];
        rig->stream.has_ca = true;
        rig_run(rig, 2000);
        ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), keeps);
        ck_assert_int_eq(rig->checker->cat_size > 0, keeps > 0);
        rig_check_end(rig->checker);
        rig_free(rig);
    }
}
END_TEST

static int make_once(void *context)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct simc__mux *mux;
    char why[SIMC__MUX_TEXT_SIZE];
    (void)context;
    config.program_limit = 1;
    int error = simc__mux_new(&config, &mux, why);
    if (error)
        return error;
    struct simc__mux_source_config source = {.name = "s", .bitrate = 10000};
    uint32_t id;
    error = simc__mux_source_add(mux, &source, &id, why);
    simc__mux_free(mux);
    return error;
}

START_TEST(each_failed_allocation_is_an_error_without_a_leak)
{
    ck_assert_uint_gt(unit_fail_each_allocation(make_once, NULL, true), 20);
}
END_TEST

Suite *suite_mux_route(void);
Suite *suite_mux_route(void)
{
    Suite *suite = suite_create("mux_route");
    TCase *tests = tcase_create("routes");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, services_of_two_inputs_make_one_stream);
    tcase_add_test(tests, tables_that_change_in_flight_move_only_what_changed);
    tcase_add_test(tests, a_change_of_the_configuration_spares_what_stays);
    tcase_add_test(tests, changed_names_keep_their_distance);
    tcase_add_test(tests, an_output_that_is_too_slow_says_so);
    tcase_add_test(tests, replacement_without_null_packets_is_a_loud_alarm);
    tcase_add_test(tests, sources_are_paced_to_their_rate);
    tcase_add_test(tests, many_slow_sources_do_not_delay_a_fast_one);
    tcase_add_test(tests, file_mode_waits_for_the_orders_and_no_longer);
    tcase_add_test(tests, foreign_conditional_access_goes_or_stays);
    tcase_add_test(tests, each_failed_allocation_is_an_error_without_a_leak);
    suite_add_tcase(suite, tests);
    return suite;
}
