/* SPDX-License-Identifier: BSL-1.0 */
/* Definitions of a running SCG that change, plans as long as the engine takes them, PATs of several
 * sections, and memory that is missing at each place: what is on air goes on, and nothing is half
 * made. */
#include "mux_rig.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static uint64_t ms(uint64_t value)
{
    return value * RIG_MS;
}

/* A definition of SCG 1 on service 1 that a test changes as it likes. */
struct definition {
    struct simc__scs_mux_scg scg;
    struct simc__scs_mux_scg_service services[2];
    struct simc__scs_mux_stream streams[4];
};

static void prepare(struct definition *definition, unsigned streams)
{
    memset(definition, 0, sizeof *definition);
    definition->scg.scg_id = 1;
    definition->scg.scrambling_mode = SIMC_SCRAMBLING_MODE_CISSA1;
    definition->scg.services = definition->services;
    definition->scg.streams = definition->streams;
    definition->scg.service_count = 1;
    definition->scg.stream_count = (uint8_t)streams;
    for (unsigned i = 0; i < 2; i++)
        definition->services[i] =
            (struct simc__scs_mux_scg_service){.original_network_id = SIMC__SCS_MUX_ANY,
                                               .transport_stream_id = SIMC__SCS_MUX_ANY,
                                               .service_id = (uint16_t)(i + 1)};
    for (unsigned i = 0; i < 4; i++)
        definition->streams[i] = (struct simc__scs_mux_stream){.stream = (uint8_t)i,
                                                               .super_cas_id = 0x4ad40000 + i,
                                                               .ecm_id = (uint16_t)(100 + i),
                                                               .pid = (uint16_t)(0x600 + i),
                                                               .private_size = 1,
                                                               .private_data = {(uint8_t)i}};
}

static int define(struct simc__mux *mux, const struct definition *definition)
{
    struct simc__scs_mux_defined defined;
    uint32_t code;
    char why[SIMC__MUX_TEXT_SIZE];
    return simc__mux_define(mux, &definition->scg, &defined, &code, why);
}

static struct rig *start(unsigned programs)
{
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct rig *rig = rig_new(&config, 1500000, programs);
    for (unsigned p = 0; p < programs; p++) {
        rig_expect_pid(rig->checker, (uint16_t)(RIG_VIDEO_PID + 0x10 * p), 1 + p);
        rig_expect_pid(rig->checker, (uint16_t)(RIG_AUDIO_PID + 0x10 * p), 1 + p);
    }
    rig->checker->trace_pid = 0x600;
    rig_run(rig, 1000);
    return rig;
}

static void expect_cp(struct rig *rig, unsigned scg, uint16_t cp, uint64_t tick)
{
    uint8_t cw[16];
    rig_cw(1, cp, cw);
    rig_expect_word(rig->checker, scg, tick, cp & 1, cw);
}

START_TEST(a_definition_changes_without_a_gap)
{
    struct rig *rig = start(2);
    struct definition definition;
    uint16_t ca[8];
    prepare(&definition, 1);
    ck_assert_int_eq(define(rig->mux, &definition), 0);
    for (uint16_t cp = 1; cp <= 10; cp++) {
        rig_word(rig, 1, cp);
        rig_ecm(rig, 1, 0, cp);
        rig_period(rig, 1, cp, ms(1000u + 500u * cp));
        rig_window(rig, 1, 0, cp, ms(900u + 500u * cp), ms(1450u + 500u * cp), 100);
        expect_cp(rig, 1, cp, ms(1000u + 500u * cp));
    }
    rig_run(rig, 1200);
    /* A stream more: it has the ECM of the period on air as soon as it is ordered. */
    definition.scg.stream_count = 2;
    ck_assert_int_eq(define(rig->mux, &definition), 0);
    uint64_t tick = simc__mux_tick(rig->mux, rig->now_ns);
    rig_ecm(rig, 1, 1, 3);
    rig_window(rig, 1, 1, 3, tick + ms(50), SIMC__SCS_MUX_OPEN, 100);
    rig_run(rig, 800);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 2);
    ck_assert_uint_ge(rig->checker->pids[0x601].packets, 7);
    /* Another service joins: it has the control word at once. */
    definition.scg.service_count = 2;
    ck_assert_int_eq(define(rig->mux, &definition), 0);
    struct simc__mux_status status;
    simc__mux_status(rig->mux, &status);
    struct simc__mux_scg_status scg;
    ck_assert_int_eq(simc__mux_scg_status(rig->mux, 0, &scg), 0);
    expect_cp(rig, 2, scg.cp, status.tick);
    for (uint16_t cp = (uint16_t)(scg.cp + 1); cp <= 10; cp++)
        expect_cp(rig, 2, cp, ms(1000u + 500u * cp));
    rig_run(rig, 500);
    ck_assert_uint_gt(rig->checker->pids[RIG_VIDEO_PID + 0x10].scrambled, 50);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 2, 0, ca), 2);
    /* Other private data, and the second stream goes. */
    definition.streams[0].private_data[0] = 0x77;
    definition.scg.stream_count = 1;
    unsigned versions = rig->checker->pmt_versions[0];
    ck_assert_int_eq(define(rig->mux, &definition), 0);
    uint64_t before = rig->checker->pids[0x601].packets;
    rig_run(rig, 3000);
    ck_assert_uint_eq(rig->checker->pids[0x601].packets, before);
    ck_assert_uint_eq(rig->checker->pmt_versions[0], versions + 1);
    ck_assert_uint_eq(rig_pmt_ca(rig->checker, 1, 0, ca), 1);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_PERIOD), 10);
    /* An ECM each 100 ms, the last at the end of the tenth window: a definition neither loses nor
     * doubles one. */
    ck_assert_uint_eq(rig->checker->trace_count, 10 * 5 + 1);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

START_TEST(a_plan_as_long_as_the_words_goes_on_air_whole)
{
    enum { CPS = SIMC__SCS_MUX_WORDS_KEPT };
    struct rig *rig = start(1);
    rig_define(rig, 1, 1, NULL, 2);
    for (uint16_t cp = 0; cp < CPS; cp++) {
        uint64_t begin = ms(2000u + 300u * cp);
        rig_word(rig, 1, cp);
        rig_period(rig, 1, cp, begin);
        expect_cp(rig, 1, cp, begin);
        for (uint8_t s = 0; s < 2; s++) {
            rig_ecm(rig, 1, s, cp);
            /* Each lasts until behind the beginning of the next. */
            rig_window(rig, 1, s, cp, begin - ms(100), begin + ms(350), 50);
        }
    }
    struct simc__scs_mux_order more = {
        .type = SIMC__SCS_MUX_ORDER_PERIOD, .scg_id = 1, .cp = 1, .parity = 1};
    more.start_tick = ms(60000);
    unit_expect_error(simc__mux_order(rig->mux, &more), SIMC_EFULL);
    struct simc__scs_mux_order window = {.type = SIMC__SCS_MUX_ORDER_WINDOW,
                                         .scg_id = 1,
                                         .cp = 1,
                                         .stop_tick = SIMC__SCS_MUX_OPEN,
                                         .repetition_ms = 100};
    int error = 0;
    for (unsigned i = 0; i < 32 && !error; i++) {
        window.start_tick = ms(60000 + i);
        error = simc__mux_order(rig->mux, &window);
    }
    unit_expect_error(error, SIMC_EFULL);
    rig_run(rig, 2000 + 300 * CPS);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_PERIOD), CPS);
    ck_assert_uint_eq(rig_reports(rig, SIMC__SCS_MUX_REPORT_ECM_FIRST), 2 * CPS);
    rig_check_end(rig->checker);
    rig_free(rig);
}
END_TEST

/* ---- PATs of several sections ---- */

static void feed_pat(struct simc__mux *mux, unsigned first, unsigned last, unsigned version,
                     uint64_t *now_ns)
{
    static uint8_t bytes[8192], packets[64 * 188];
    static uint8_t cc;
    struct simc_pat_entry entries[400];
    struct simc_slice sections[8];
    size_t count = 0, taken;
    for (unsigned i = first; i <= last; i++)
        entries[i - first] = (struct simc_pat_entry){(uint16_t)i, (uint16_t)(0x100 + i)};
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    ck_assert_int_eq(simc_pat_build(&out, 7, version, entries, last - first + 1), 0);
    struct simc_slice rest = simc_slice(bytes, out.at);
    while (simc_section_next(&rest, &sections[count]) == 0)
        count++;
    struct simc_writer packed = simc_writer(packets, sizeof packets);
    ck_assert_int_eq(
        simc_sections_pack(sections, count, SIMC_SECTIONS_APART, SIMC_PID_PAT, &cc, &packed), 0);
    for (unsigned i = 0; i < 20; i++) {
        struct simc__mux_block block;
        *now_ns += 5000000;
        if (i == 0)
            ck_assert_int_eq(
                simc__mux_input_feed(mux, 0, packets, packed.at / 188, 188, *now_ns, &taken), 0);
        while (simc__mux_run(mux, *now_ns, &block) == 0)
            ;
    }
}

static unsigned programs_of(const struct simc__mux *mux)
{
    struct simc__mux_input_status status;
    ck_assert_int_eq(simc__mux_input_status(mux, 0, &status), 0);
    return status.program_count;
}

START_TEST(a_pat_that_shrinks_is_followed)
{
    static const struct simc__mux_input_config input = {
        .name = "in", .timing = SIMC__MUX_TIMING_BITRATE, .bitrate = 1000000};
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct simc__mux *mux;
    char why[SIMC__MUX_TEXT_SIZE];
    uint64_t now_ns = UINT64_C(7000000000);
    config.inputs = &input;
    config.program_limit = 400;
    ck_assert_int_eq(simc__mux_new(&config, &mux, why), 0);
    feed_pat(mux, 1, 350, 1, &now_ns); /* two sections */
    ck_assert_uint_eq(programs_of(mux), 350);
    for (unsigned i = 0; i < 3; i++)
        feed_pat(mux, 1, 350, 1, &now_ns);
    ck_assert_uint_eq(programs_of(mux), 350);
    /* Fewer, in two sections: what is not named goes with the second time all have come. */
    feed_pat(mux, 41, 340, 2, &now_ns);
    ck_assert_uint_eq(programs_of(mux), 350);
    feed_pat(mux, 41, 340, 2, &now_ns);
    ck_assert_uint_eq(programs_of(mux), 300);
    /* One section is the whole list. */
    feed_pat(mux, 100, 109, 3, &now_ns);
    ck_assert_uint_eq(programs_of(mux), 10);
    /* And it grows again. */
    feed_pat(mux, 90, 380, 4, &now_ns);
    ck_assert_uint_eq(programs_of(mux), 291);
    simc__mux_free(mux);
}
END_TEST

/* ---- memory ---- */

struct life {
    uint8_t packets[400 * 188];
};

static void let_run(struct simc__mux *mux, const struct life *life, unsigned part, uint64_t *now_ns)
{
    struct simc__mux_block block;
    size_t taken;
    for (unsigned i = 0; i < 50; i++) {
        *now_ns += 2000000;
        if (i < 20 && simc__mux_input_feed(mux, 0, life->packets + (part * 20 + i) * 5 * 188, 5,
                                           188, *now_ns, &taken))
            ck_abort_msg("the input is gone");
        while (simc__mux_run(mux, *now_ns, &block) == 0)
            ;
    }
}

static int order_all(struct simc__mux *mux, unsigned streams)
{
    static const uint8_t ecm[] = {0x80, 0x70, 0x05, 1, 2, 3, 4, 5};
    struct simc__scs_mux_order word = {.type = SIMC__SCS_MUX_ORDER_WORD, .scg_id = 1, .cp = 2};
    struct simc__scs_mux_order period = {.type = SIMC__SCS_MUX_ORDER_PERIOD, .scg_id = 1, .cp = 2};
    period.start_tick = ms(110);
    int error = simc_secret_set(&word.cw, simc_slice("0123456789abcdef", 16));
    if (!error)
        error = simc__mux_order(mux, &word);
    if (!error)
        error = simc__mux_order(mux, &period);
    for (unsigned s = 0; s < streams && !error; s++) {
        struct simc__scs_mux_order order = {.type = SIMC__SCS_MUX_ORDER_ECM,
                                            .scg_id = 1,
                                            .stream = (uint8_t)s,
                                            .cp = 2,
                                            .datagram = simc_slice(ecm, sizeof ecm)};
        error = simc__mux_order(mux, &order);
        order.type = SIMC__SCS_MUX_ORDER_WINDOW;
        order.start_tick = ms(100);
        order.stop_tick = SIMC__SCS_MUX_OPEN;
        order.repetition_ms = 20;
        if (!error)
            error = simc__mux_order(mux, &order);
    }
    return error;
}

static void expect_group(const struct simc__mux *mux, unsigned streams, uint8_t mode, bool is_on)
{
    struct simc__mux_scg_status status;
    ck_assert_int_eq(simc__mux_scg_status(mux, 0, &status), 0);
    ck_assert_uint_eq(status.stream_count, streams);
    ck_assert_uint_eq(status.scrambling_mode, mode);
    ck_assert_int_eq(status.is_scrambled, is_on);
    for (unsigned i = 0; i < streams && is_on; i++)
        ck_assert(status.streams[i].is_on_air || i > 0);
}

/* Everything that takes memory while an engine runs. What fails leaves what was there. */
static int live(void *context)
{
    const struct life *life = (const struct life *)context;
    struct simc__mux_config config = rig_config(SIMC__MUX_CONSTANT, 2000000);
    struct simc__mux_input_config inputs[2] = {config.inputs[0], config.inputs[0]};
    struct simc__mux_status after;
    struct definition definition;
    struct simc__mux *mux;
    char why[SIMC__MUX_TEXT_SIZE];
    uint64_t now_ns = UINT64_C(9000000000);
    inputs[0].delay_ms = 0;
    snprintf(inputs[1].name, sizeof inputs[1].name, "more");
    config.program_limit = 2;
    config.inputs = inputs;
    int error = simc__mux_new(&config, &mux, why);
    if (error)
        return error;
    let_run(mux, life, 0, &now_ns);
    prepare(&definition, 1);
    error = define(mux, &definition);
    if (error) {
        simc__mux_status(mux, &after);
        ck_assert_uint_eq(after.scg_count, 0);
        goto end;
    }
    error = order_all(mux, 1);
    if (error)
        goto end;
    let_run(mux, life, 1, &now_ns);
    expect_group(mux, 1, SIMC_SCRAMBLING_MODE_CISSA1, true);
    definition.scg.stream_count = 4;
    definition.scg.service_count = 2;
    error = define(mux, &definition);
    if (error) {
        let_run(mux, life, 2, &now_ns);
        expect_group(mux, 1, SIMC_SCRAMBLING_MODE_CISSA1, true);
        goto end;
    }
    config.input_count = 2;
    error = simc__mux_change(mux, &config, why);
    if (error) {
        struct simc__mux_input_status input;
        unit_expect_error(simc__mux_input_status(mux, 1, &input), SIMC_ENOTFOUND);
        let_run(mux, life, 2, &now_ns);
        expect_group(mux, 4, SIMC_SCRAMBLING_MODE_CISSA1, true);
        goto end;
    }
    let_run(mux, life, 2, &now_ns);
    definition.scg.scrambling_mode = SIMC_SCRAMBLING_MODE_IDSA;
    error = define(mux, &definition);
    let_run(mux, life, 3, &now_ns);
    expect_group(mux, 4, error ? SIMC_SCRAMBLING_MODE_CISSA1 : SIMC_SCRAMBLING_MODE_IDSA,
                 error != 0);
end:
    simc__mux_free(mux);
    return error;
}

START_TEST(missing_memory_leaves_what_was_there)
{
    static struct life life;
    struct rig_stream stream;
    rig_stream_init(&stream, 1000000, 2);
    for (unsigned i = 0; i < 400; i++)
        rig_stream_packet(&stream, life.packets + 188 * i);
    uint64_t count = unit_fail_each_allocation(live, &life, true);
    ck_assert_uint_gt(count, 60);
}
END_TEST

Suite *suite_mux_define(void);
Suite *suite_mux_define(void)
{
    Suite *suite = suite_create("mux_define");
    TCase *tests = tcase_create("definitions");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_definition_changes_without_a_gap);
    tcase_add_test(tests, a_plan_as_long_as_the_words_goes_on_air_whole);
    tcase_add_test(tests, a_pat_that_shrinks_is_followed);
    tcase_add_test(tests, missing_memory_leaves_what_was_there);
    suite_add_tcase(suite, tests);
    return suite;
}
