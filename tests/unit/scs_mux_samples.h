/* SPDX-License-Identifier: BSL-1.0 */
/* Samples of all messages of the SCS-mux service: the smallest, a usual one, the largest of each.
 * The unit tests, the writer of the vectors and the bench take them. */
#ifndef SIMC_TESTS_SCS_MUX_SAMPLES_H
#define SIMC_TESTS_SCS_MUX_SAMPLES_H

#include <stdlib.h>
#include <string.h>

#include "link/scs_mux.h"

enum scs_mux_size { SCS_MUX_SMALLEST, SCS_MUX_USUAL, SCS_MUX_LARGEST, SCS_MUX_SIZES };

/* Ticks are below 2^62. */
#define SCS_MUX_TICK_MAX ((UINT64_C(1) << 62) - 1)

static inline void scs_mux_sample_text(char *to, size_t size)
{
    memset(to, 'x', size - 1);
    to[size - 1] = '\0';
}

static inline struct simc_secret scs_mux_sample_cw(unsigned size, unsigned seed)
{
    struct simc_secret cw = {.size = (uint8_t)size};
    for (unsigned i = 0; i < size; i++)
        cw.bytes[i] = (uint8_t)(seed * 16 + i);
    return cw;
}

/* ---- the events of the mux ---- */

static inline int scs_mux_sample_announce(enum scs_mux_size size, struct simc_writer *out)
{
    static const struct simc__scs_mux_service usual = {
        .original_network_id = 0x2001,
        .transport_stream_id = 1,
        .service_id = 0x100,
        .pcr_pid = 0x101,
        .name = "Erste Szene \xc3\xa4\xc3\xb6",
        .component_count = 2,
        .components = {{0x101, 0x1b}, {0x102, 0x0f}},
    };
    struct simc__scs_mux_announce announce = {.name = "m"};
    if (size == SCS_MUX_USUAL) {
        announce = (struct simc__scs_mux_announce){.name = "mux-1",
                                                   .timeline_id = 0x1122334455667788,
                                                   .air_lead_ms = 200,
                                                   .scg_limit = 512,
                                                   .service_count = 1};
    } else if (size == SCS_MUX_LARGEST) {
        announce = (struct simc__scs_mux_announce){.timeline_id = UINT64_MAX,
                                                   .air_lead_ms = 3600000,
                                                   .scg_limit = SIMC__SCS_MUX_SCGS_MAX,
                                                   .is_file = true,
                                                   .service_count = SIMC__SCS_MUX_SERVICES_MAX};
        scs_mux_sample_text(announce.name, sizeof announce.name);
    }
    struct simc__scs_mux_service *services = calloc(announce.service_count + 1, sizeof *services);
    if (!services)
        return SIMC_ENOMEM;
    for (uint32_t i = 0; i < announce.service_count; i++) {
        services[i] = usual;
        if (size != SCS_MUX_LARGEST)
            continue;
        services[i].original_network_id = services[i].transport_stream_id = UINT16_MAX;
        services[i].service_id = UINT16_MAX;
        services[i].pcr_pid = 0x1fff;
        scs_mux_sample_text(services[i].name, sizeof services[i].name);
        services[i].component_count = SIMC__SCS_MUX_COMPONENTS_MAX;
        for (unsigned k = 0; k < SIMC__SCS_MUX_COMPONENTS_MAX; k++)
            services[i].components[k] = (struct simc__scs_mux_component){0x1ffe, 0xff};
    }
    announce.services = services;
    int error = simc__scs_mux_announce_write(out, &announce);
    free(services);
    return error;
}

static inline int scs_mux_sample_timeline(enum scs_mux_size size, struct simc_writer *out)
{
    static const struct simc__scs_mux_timeline samples[SCS_MUX_SIZES] = {
        [SCS_MUX_USUAL] = {.timeline_id = 0x1122334455667788,
                           .tick = 27000000,
                           .monotonic_us = 1234567890,
                           .rate_hz = 27000000},
        [SCS_MUX_LARGEST] = {UINT64_MAX, SCS_MUX_TICK_MAX, SCS_MUX_TICK_MAX, UINT32_MAX,
                             SCS_MUX_TICK_MAX, true},
    };
    return simc__scs_mux_timeline_write(out, &samples[size]);
}

static inline int scs_mux_sample_reports(enum scs_mux_size size, struct simc_writer *out)
{
    static const struct simc__scs_mux_report usual[] = {
        {.type = SIMC__SCS_MUX_REPORT_PERIOD, .scg_id = 7, .cp = 65535, .tick = 1000, .parity = 1},
        {.type = SIMC__SCS_MUX_REPORT_CLEAR, .scg_id = 7, .tick = 1000},
        {.type = SIMC__SCS_MUX_REPORT_ECM_FIRST, .scg_id = 7, .stream = 1, .cp = 9, .tick = 2000},
        {.type = SIMC__SCS_MUX_REPORT_ECM_LAST,
         .scg_id = 7,
         .stream = 1,
         .cp = 9,
         .tick = 2000,
         .count = 100},
        {.type = SIMC__SCS_MUX_REPORT_LATE,
         .scg_id = 7,
         .stream = 1,
         .cp = 9,
         .tick = 2000,
         .order = SIMC__SCS_MUX_ORDER_WINDOW,
         .late_ticks = 27000},
    };
    static const struct simc__scs_mux_report largest = {.type = SIMC__SCS_MUX_REPORT_LATE,
                                                        .scg_id = UINT32_MAX,
                                                        .stream = 31,
                                                        .cp = UINT16_MAX,
                                                        .tick = SCS_MUX_TICK_MAX,
                                                        .order = SIMC__SCS_MUX_ORDER_PLANNED,
                                                        .late_ticks = SCS_MUX_TICK_MAX};
    struct simc__scs_mux_orders reports;
    size_t count = size == SCS_MUX_SMALLEST ? 0 : size == SCS_MUX_USUAL ? 5 : 300;
    int error = 0;
    simc__scs_mux_reports_begin(&reports, out);
    for (size_t i = 0; i < count && !error; i++)
        error = simc__scs_mux_reports_put(&reports, size == SCS_MUX_USUAL ? &usual[i] : &largest);
    return error ? error : simc__scs_mux_reports_end(&reports);
}

static inline int scs_mux_sample_alarm(enum scs_mux_size size, struct simc_writer *out)
{
    struct simc__scs_mux_alarm alarm = {.type = SIMC__SCS_MUX_ALARM_SERVICE_GONE};
    if (size == SCS_MUX_USUAL) {
        alarm = (struct simc__scs_mux_alarm){.type = SIMC__SCS_MUX_ALARM_LATE,
                                             .scg_id = 7,
                                             .stream = 255,
                                             .is_raised = true,
                                             .text = "a PERIOD came 12 ms too late"};
    } else if (size == SCS_MUX_LARGEST) {
        alarm = (struct simc__scs_mux_alarm){.type = SIMC__SCS_MUX_ALARM_STRETCHED,
                                             .scg_id = UINT32_MAX,
                                             .stream = 31,
                                             .is_raised = true};
        scs_mux_sample_text(alarm.text, sizeof alarm.text);
    }
    return simc__scs_mux_alarm_write(out, &alarm);
}

/* ---- the requests of the SCS ---- */

static inline int scs_mux_sample_scg(enum scs_mux_size size, struct simc_writer *out)
{
    static struct simc__scs_mux_scg_service services[SIMC__SCS_MUX_SCG_SERVICES_MAX];
    static struct simc__scs_mux_stream streams[SIMC__SCS_MUX_STREAMS_MAX];
    struct simc__scs_mux_scg scg = {.service_count = 1, .services = services, .streams = streams};
    memset(services, 0, sizeof services);
    memset(streams, 0, sizeof streams);
    if (size == SCS_MUX_USUAL) {
        scg = (struct simc__scs_mux_scg){.scg_id = 7,
                                         .name = "channel 7",
                                         .scrambling_mode = 2,
                                         .service_count = 2,
                                         .stream_count = 2,
                                         .services = services,
                                         .streams = streams};
        services[0] =
            (struct simc__scs_mux_scg_service){SIMC__SCS_MUX_ANY, SIMC__SCS_MUX_ANY, 2, 0, {0}};
        services[1] = (struct simc__scs_mux_scg_service){0x2001, 1, 3, 1, {0x201}};
        streams[0] = (struct simc__scs_mux_stream){.stream = 0,
                                                   .super_cas_id = 0x4ad40001,
                                                   .ecm_id = 1,
                                                   .private_size = 2,
                                                   .private_data = {0xab, 0xcd}};
        streams[1] = (struct simc__scs_mux_stream){
            .stream = 3, .super_cas_id = 0x4ad40001, .ecm_id = 2, .pid = 0x500, .is_hidden = true};
    } else if (size == SCS_MUX_LARGEST) {
        scg = (struct simc__scs_mux_scg){.scg_id = UINT32_MAX,
                                         .scrambling_mode = 0xff,
                                         .no_scrambling_descriptor = true,
                                         .service_count = SIMC__SCS_MUX_SCG_SERVICES_MAX,
                                         .stream_count = SIMC__SCS_MUX_STREAMS_MAX,
                                         .services = services,
                                         .streams = streams};
        scs_mux_sample_text(scg.name, sizeof scg.name);
        for (unsigned i = 0; i < SIMC__SCS_MUX_SCG_SERVICES_MAX; i++) {
            services[i].original_network_id = services[i].transport_stream_id = UINT16_MAX;
            services[i].service_id = UINT16_MAX;
            services[i].component_count = SIMC__SCS_MUX_COMPONENTS_MAX;
            for (unsigned k = 0; k < SIMC__SCS_MUX_COMPONENTS_MAX; k++)
                services[i].components[k] = 0x1ffe;
        }
        for (unsigned i = 0; i < SIMC__SCS_MUX_STREAMS_MAX; i++) {
            streams[i] = (struct simc__scs_mux_stream){.stream = (uint8_t)(31 - i),
                                                       .super_cas_id = UINT32_MAX,
                                                       .ecm_id = UINT16_MAX,
                                                       .pid = 0x1ffe,
                                                       .is_hidden = true,
                                                       .private_size = SIMC__SCS_MUX_PRIVATE_MAX};
            memset(streams[i].private_data, 0xee, SIMC__SCS_MUX_PRIVATE_MAX);
        }
    }
    return simc__scs_mux_scg_write(out, &scg);
}

static inline int scs_mux_sample_defined(enum scs_mux_size size, struct simc_writer *out)
{
    struct simc__scs_mux_defined defined = {.stream_count = 0};
    if (size == SCS_MUX_USUAL) {
        defined = (struct simc__scs_mux_defined){
            .stream_count = 2, .pids = {0x501, 0x500}, .remark = "service 0x0003 is not there yet"};
    } else if (size == SCS_MUX_LARGEST) {
        defined.stream_count = SIMC__SCS_MUX_STREAMS_MAX;
        for (unsigned i = 0; i < SIMC__SCS_MUX_STREAMS_MAX; i++)
            defined.pids[i] = 0x1ffe;
        scs_mux_sample_text(defined.remark, sizeof defined.remark);
    }
    return simc__scs_mux_defined_write(out, &defined);
}

static inline int scs_mux_sample_remove(enum scs_mux_size size, struct simc_writer *out)
{
    static const uint32_t ids[SCS_MUX_SIZES] = {0, 7, UINT32_MAX};
    return simc__scs_mux_remove_write(out, ids[size]);
}

static inline int scs_mux_sample_orders(enum scs_mux_size size, struct simc_writer *out)
{
    static uint8_t datagram[SIMC__SCS_MUX_DATAGRAM_MAX];
    const struct simc__scs_mux_order usual[] = {
        {.type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = 7, .cp = 10, .cw = scs_mux_sample_cw(8, 1)},
        {.type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = 8, .cp = 10, .cw = scs_mux_sample_cw(16, 2)},
        {.type = SIMC__SCS_MUX_ORDER_ECM,
         .scg_id = 7,
         .stream = 1,
         .cp = 10,
         .datagram = simc_slice("\x80\x70\x01\xaa", 4)},
        {.type = SIMC__SCS_MUX_ORDER_PERIOD,
         .scg_id = 7,
         .cp = 10,
         .start_tick = 270000000,
         .parity = 1,
         .is_first = true},
        {.type = SIMC__SCS_MUX_ORDER_WINDOW,
         .scg_id = 7,
         .stream = 1,
         .cp = 10,
         .start_tick = 269000000,
         .stop_tick = SIMC__SCS_MUX_OPEN,
         .repetition_ms = 100},
        {.type = SIMC__SCS_MUX_ORDER_WINDOW,
         .scg_id = 7,
         .stream = 1,
         .cp = 10,
         .start_tick = 269000000,
         .stop_tick = 540000000,
         .repetition_ms = 100},
        {.type = SIMC__SCS_MUX_ORDER_CLEAR, .scg_id = 7, .start_tick = 810000000},
        {.type = SIMC__SCS_MUX_ORDER_PLANNED, .scg_id = 7, .start_tick = 820000000},
    };
    const struct simc__scs_mux_order largest = {.type = SIMC__SCS_MUX_ORDER_ECM,
                                                .scg_id = UINT32_MAX,
                                                .stream = 31,
                                                .cp = UINT16_MAX,
                                                .is_ts = true,
                                                .datagram = simc_slice(datagram, sizeof datagram)};
    struct simc__scs_mux_orders orders;
    size_t count = size == SCS_MUX_SMALLEST ? 0 : size == SCS_MUX_USUAL ? 8 : 30;
    int error = 0;
    simc__scs_mux_orders_begin(&orders, out);
    for (size_t i = 0; i < count && !error; i++)
        error = simc__scs_mux_orders_put(&orders, size == SCS_MUX_USUAL ? &usual[i] : &largest);
    return error ? error : simc__scs_mux_orders_end(&orders);
}

static inline int scs_mux_sample_plan_request(enum scs_mux_size size, struct simc_writer *out)
{
    return simc__scs_mux_plan_request_write(out, size != SCS_MUX_SMALLEST,
                                            size == SCS_MUX_LARGEST ? UINT32_MAX : 7);
}

static inline void scs_mux_sample_plan_scg(enum scs_mux_size size,
                                           struct simc__scs_mux_plan_scg *scg)
{
    bool is_largest = size == SCS_MUX_LARGEST;
    memset(scg, 0, sizeof *scg);
    scg->scg_id = is_largest ? UINT32_MAX : 7;
    scg->is_clear = is_largest;
    scg->end_tick = is_largest ? SCS_MUX_TICK_MAX : 0;
    scg->stream_count = is_largest ? SIMC__SCS_MUX_STREAMS_MAX : 1;
    scg->period_count = is_largest ? SIMC__SCS_MUX_WORDS_KEPT : 3;
    scg->ecm_count = is_largest ? 2 * SIMC__SCS_MUX_STREAMS_MAX : 1;
    for (unsigned i = 0; i < scg->stream_count; i++)
        scg->streams[i] =
            (struct simc__scs_mux_plan_stream){(uint8_t)i, 0x4ad40001, (uint16_t)(i + 1), 0x1ffe};
    /* Over the end of the circle. */
    for (unsigned i = 0; i < scg->period_count; i++)
        scg->periods[i] = (struct simc__scs_mux_plan_period){
            (uint16_t)(65534 + i), i % 3 == 2 ? SIMC__SCS_MUX_OPEN : 1000 * i,
            scs_mux_sample_cw(i % 3 == 1   ? 0
                              : is_largest ? 16
                                           : 8,
                              i)};
    for (unsigned i = 0; i < scg->ecm_count; i++)
        scg->ecms[i] =
            (struct simc__scs_mux_plan_ecm){(uint8_t)(i / 2), (uint16_t)(65534 + i % 2), 1000, 100};
}

static inline int scs_mux_sample_plan(enum scs_mux_size size, struct simc_writer *out)
{
    struct simc__scs_mux_orders plan;
    struct simc__scs_mux_plan_scg scg;
    size_t count = size == SCS_MUX_SMALLEST ? 0 : size == SCS_MUX_USUAL ? 1 : 30;
    int error = 0;
    simc__scs_mux_plan_begin(&plan, out, size == SCS_MUX_LARGEST ? UINT64_MAX : 1);
    scs_mux_sample_plan_scg(size, &scg);
    for (size_t i = 0; i < count && !error; i++)
        error = simc__scs_mux_plan_put(&plan, &scg);
    return error ? error : simc__scs_mux_plan_end(&plan, size != SCS_MUX_LARGEST);
}

/* In the order of scs_mux_codecs. */
static int (*const scs_mux_samples[])(enum scs_mux_size, struct simc_writer *) = {
    scs_mux_sample_announce, scs_mux_sample_timeline, scs_mux_sample_scg,
    scs_mux_sample_defined,  scs_mux_sample_remove,   scs_mux_sample_orders,
    scs_mux_sample_reports,  scs_mux_sample_alarm,    scs_mux_sample_plan_request,
    scs_mux_sample_plan,
};

#endif
